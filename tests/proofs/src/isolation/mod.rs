//! Isolation: what each way in which a write can be isolated admits and forbids, and that rivals in every operation
//! that writes leave what some order of them one after the other would have left.

mod appeals;
mod approvals;
mod beside;
mod calendar;
mod comfort;
mod control;
mod desks;
mod held;
mod histories;
mod hosts;
mod offers;
mod sign_ins;
mod upkeep;

use zhengna_core::operation::{Class, OPERATIONS, Operation};
use zhengna_core::store::conformance::anomalies::{ANOMALIES, Way};
use zhengna_tests::fixture;
use zhengna_tests::world::{ENGINES, Engine};

use crate::plan::{Figures, Outcome, Plan};
use hosts::Hosts;

/// A history: operations, and rivals in them on two hosts. `Err` says in what it differs from every serial one.
type History = (&'static [&'static Operation], fn(&mut Hosts) -> Result<(), String>);

/// The proof.
pub(crate) fn run(plan: &Plan) -> Outcome {
    let mut figures = Figures::default();
    probes(plan, &mut figures)?;
    let conversations = [histories::ALL, held::ALL, beside::ALL, offers::ALL].concat();
    let decided = [calendar::ALL, approvals::ALL, desks::ALL, sign_ins::ALL].concat();
    let others = [upkeep::ALL, control::ALL, appeals::ALL, comfort::ALL].concat();
    let histories: Vec<History> = [conversations, decided, others].concat();
    let covered = every_write_is_covered(&histories)?;
    let mut hosts = Hosts::new(plan)?;
    let rounds = plan.choose(1, 2);
    for _ in 0..rounds {
        for (operations, history) in &histories {
            let names: Vec<&str> = operations.iter().map(|o| o.name).collect();
            history(&mut hosts).map_err(|fault| format!("{}: {fault}", names.join(", ")))?;
        }
    }
    hosts.chain_verifies()?;
    figures.add("operations that write, each raced by 8 rivals on two hosts", covered);
    figures.add("histories, each equal to a serial one", rounds * histories.len());
    Ok(figures)
}

/// Every anomaly under every way on every engine; where there is time for little, where there are several writers.
fn probes(plan: &Plan, figures: &mut Figures) -> Result<(), String> {
    for anomaly in ANOMALIES {
        let mut cells = Vec::new();
        for &engine in plan.choose(&[Engine::Postgres] as &[Engine], &ENGINES) {
            let several_writers = engine == Engine::Postgres;
            for way in Way::ALL {
                // What is admitted need be seen once; what is forbidden is tried several times where it could happen.
                let tries = if several_writers { plan.choose(2, 4) } else { 1 };
                let admitted = several_writers && anomaly.admitted.contains(&way);
                let mut seen = 0;
                for _ in 0..if admitted { 10 } else { tries } {
                    let keep = fixture::fresh(engine);
                    let store = fixture::open(&keep);
                    let probed = (anomaly.probe)(&*store, way);
                    seen += u32::from(probed.map_err(|e| format!("{} under {way:?} on {engine:?}: {e}", anomaly.name))?);
                    if admitted && seen > 0 {
                        break; // seen once is shown
                    }
                }
                match (admitted, seen) {
                    (false, 1..) => return Err(format!("{} happened under {way:?} on {engine:?}, {seen} of {tries} times", anomaly.name)),
                    (true, 0) => return Err(format!("{} was not seen under {way:?} on {engine:?}: the probe is blind", anomaly.name)),
                    _ => {}
                }
                if several_writers {
                    cells.push(format!("{} {}", word(way), if admitted { "admits" } else { "forbids" }));
                }
            }
        }
        figures.add(anomaly.name, cells.join(", "));
    }
    Ok(())
}

fn word(way: Way) -> &'static str {
    match way {
        Way::Bare => "read committed without a guard row",
        Way::Guard => "guarded",
        Way::Serial => "serializable",
    }
}

/// Whether an operation of the table that writes is in no history.
fn every_write_is_covered(histories: &[History]) -> Result<usize, String> {
    let writes = |o: &&&Operation| matches!(o.class, Class::Command | Class::AuditedQuery | Class::Bulk | Class::Ingest);
    let covered = |o: &Operation| histories.iter().any(|(operations, _)| operations.contains(&o));
    let all: Vec<&&Operation> = OPERATIONS.iter().filter(writes).collect();
    match all.iter().find(|o| !covered(o)) {
        Some(missed) => Err(format!("no history races rivals in {}", missed.name)),
        None => Ok(all.len()),
    }
}
