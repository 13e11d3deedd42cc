//! PostgreSQL under attack: two hosts on one server of their own, each behind a proxy; callers who write down what
//! they were told; cycles of faults; and after each cycle everything is compared with the rows.

mod callers;
mod fault;
mod ledger;
mod proxy;
mod pulse;
mod reader;
mod stage;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use zhengna_core::limits;

use crate::plan::{Figures, Outcome, Plan};
use fault::Fault;
use stage::Stage;

/// Cycles of a bounded run, however slow the machine.
const CYCLES_MIN: usize = 50;
/// Longest wait for a row lock, as the store sets it.
const LOCK_WAIT: Duration = Duration::from_secs(2);
/// Longest time the server keeps a transaction whose host says nothing, as the store sets it.
const IDLE_WAIT: Duration = Duration::from_secs(5);
/// How often a host looks at the journal without being told.
const LOOKS_EVERY: Duration = Duration::from_millis(250);
/// What a busy machine may add before we call a bound broken; more only where its disk took more for a transaction that meets nobody: no
/// limit of ours ends a write, or a COMMIT.
const MACHINE: Duration = Duration::from_millis(750);

/// The longest a reader of the journal may stall on a host that is well: a transaction may begin its last statement
/// just within its limit and wait for a lock; one whose host is cut off stays until the server ends it.
fn stall_bound(fault: Fault) -> Duration {
    limits::TX_TIME_MAX + LOCK_WAIT + LOOKS_EVERY + if fault.cuts_a_host_off() { IDLE_WAIT } else { Duration::ZERO }
}

/// The proof.
pub(crate) fn run(plan: &Plan) -> Outcome {
    let stage = Stage::set(plan)?;
    let cycles = plan.choose(Fault::QUICK.len(), 66);
    let budget = Duration::from_secs(210);
    let begun = Instant::now();
    let (mut counts, mut stalls, mut cut_off) = (BTreeMap::<&str, u32>::new(), BTreeMap::<&str, Duration>::new(), Duration::ZERO);
    let (mut ran, mut idle_commit) = (0, Duration::ZERO);
    for cycle in 0..cycles {
        let fault = Fault::of(plan, cycle);
        let told = |e: String| format!("cycle {cycle} ({}): {e}", fault.name());
        let cycle_begun = Instant::now();
        stage.pulse.take();
        let stall = one(&stage, fault, plan.seed ^ (cycle as u64) << 32).map_err(told)?;
        let beat = stage.pulse.take();
        if fault.cuts_a_host_off() {
            cut_off = cut_off.max(stage.ledger.longest());
        }
        if fault.server_stays_up() {
            if stall > stall_bound(fault) + MACHINE.max(beat.longest) {
                let (bound, (age, doing)) = (stall_bound(fault), &beat.oldest);
                return Err(told(format!(
                    "a reader of the journal stalled for {stall:?}; the bound is {bound:?}. The oldest transaction was {age} ms old: {doing}; \
                     one that meets nobody took {:?}",
                    beat.longest
                )));
            }
            idle_commit = idle_commit.max(beat.longest);
            let longest = stalls.entry(fault.name()).or_default();
            *longest = stall.max(*longest);
        }
        println!("  cycle {cycle}: {}, {:.1} s", fault.name(), cycle_begun.elapsed().as_secs_f64());
        *counts.entry(fault.name()).or_default() += 1;
        ran += 1;
        if ran >= CYCLES_MIN && begun.elapsed() > budget {
            break;
        }
    }
    if idle_commit.is_zero() {
        return Err("nobody measured how quick the server is beside the attack".into());
    }
    let tally = stage.compare()?;
    let sprung = stage.sprung();
    let mut figures = Figures::default();
    figures.add("cycles", ran);
    counts.iter().for_each(|(name, n)| figures.add(&format!("cycles: {name}"), n));
    figures.add("deeds told as done, lost, doubled", format!("{}, 0, 0", tally.deeds));
    figures.add("attempts told as failed, of which done", format!("{}, 0", tally.failed));
    figures.add("unknown outcomes: COMMIT done, answer lost", tally.unknown_done);
    figures.add("unknown outcomes: COMMIT not done", tally.unknown_not_done);
    figures.add("COMMIT cut before it, within it, behind it, told as lost by a pooler, cut anywhere", sprung);
    figures.add("journal events read on each host, skipped", format!("{}, 0", stage.events()));
    stalls.iter().for_each(|(name, longest)| figures.add(&format!("longest stall of a reader, ms: {name}"), longest.as_millis()));
    figures.add(
        "bound of the stall, ms: all hosts there, one host cut off (the proof fails 0.75 s above it, or what one that meets nobody took)",
        format!("{}, {}", stall_bound(Fault::Locks).as_millis(), stall_bound(Fault::Apart).as_millis()),
    );
    figures.add("longest transaction that meets nobody, beside those cycles, ms", idle_commit.as_millis());
    figures.add("longest wait of a caller while a host was cut off, ms", cut_off.as_millis());
    Ok(figures)
}

/// One cycle: load, fault, healing, load, quiet, comparison. The longest stall of a reader.
fn one(stage: &Stage, fault: Fault, seed: u64) -> Result<Duration, String> {
    let stop = AtomicBool::new(false);
    let before = stage.ledger.written(0).len();
    std::thread::scope(|scope| -> Result<(), String> {
        let stop = &stop;
        let callers: Vec<_> = stage
            .callers
            .iter()
            .enumerate()
            .map(|(n, caller)| {
                scope.spawn(move || {
                    let ended = caller.run(&stage.hosts, &stage.ledger, seed + n as u64, stop);
                    if ended.is_err() {
                        stop.store(true, Ordering::SeqCst);
                        stage.ledger.give_up();
                    }
                    ended
                })
            })
            .collect();
        let attacked = stage.progress(20).and_then(|()| fault.strike(stage, seed)).and_then(|()| stage.progress(40));
        stop.store(true, Ordering::SeqCst);
        stage.proxies.iter().for_each(|p| p.heal(false));
        let found: Vec<_> = callers.into_iter().map(|c| c.join().unwrap_or(Err("a caller panicked".into()))).collect();
        found.into_iter().collect::<Result<(), _>>().and(attacked)
    })?;
    stage.settle()?;
    stage.compare()?;
    stage.stall(before)
}
