//! Every parser of what comes from outside or from storage, fed kept inputs and seeded mutations of them.
//!
//! The targets and what each asserts are in `tests/fuzz`; `make fuzz` runs the same ones guided by coverage.

use std::path::PathBuf;

use zhengna_fuzz::{Finding, TARGETS, attack, corpus};

use crate::plan::{Figures, Outcome, Plan};

/// Executions of the cheapest target; the others are given as many as take about as long.
const EXECUTIONS: (u64, u64) = (30_000, 400_000);

/// Runs every target.
pub(crate) fn run(plan: &Plan) -> Outcome {
    // A finding is told by us, once, with its input.
    std::panic::set_hook(Box::new(|_| {}));
    let outcome = all(plan);
    let _default = std::panic::take_hook();
    outcome
}

fn all(plan: &Plan) -> Outcome {
    let (mut executions, mut files, mut bytes) = (0, 0, 0);
    for target in TARGETS {
        let kept = corpus(target);
        files += kept.len();
        bytes += kept.iter().map(|k| k.bytes.len()).sum::<usize>();
        let share = (plan.choose(EXECUTIONS.0, EXECUTIONS.1) / target.cost).max(plan.choose(2, 20));
        executions += attack(target, &kept, plan.seed, share).map_err(|finding| told(&finding))?;
    }
    let mut figures = Figures::default();
    figures.add("targets", TARGETS.len());
    figures.add("executions", executions);
    figures.add("kept inputs replayed", format!("{files} files, {} KiB", bytes.div_ceil(1024)));
    figures.add("promises broken", 0);
    Ok(figures)
}

/// Keeps the input, and says where.
fn told(finding: &Finding) -> String {
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from).join("fuzz-findings");
    let path = folder.join(finding.target);
    match std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, &finding.input)) {
        Ok(()) => format!("{finding}\nthe input is in {}", path.display()),
        Err(e) => format!("{finding}\nthe input could not be kept: {e}"),
    }
}
