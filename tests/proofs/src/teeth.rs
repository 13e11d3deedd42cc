//! Teeth: switches planted bugs on, one after another, and asks the proof that is named for each to catch it. A bug that
//! no proof catches fails the run: the proof proves less than we say.

use std::process::{Command, Stdio};
use std::time::Instant;

use zhengna_core::planted::Bug;

use crate::plan::{Figures, Outcome, Plan};

/// Seeds a proof may try before a bug counts as not caught.
const SEEDS: u64 = 3;

/// The proof that catches each planted bug.
fn proof_of(bug: Bug) -> &'static str {
    match bug {
        Bug::FsyncDropped | Bug::FsyncNever | Bug::AnswerBeforeCommit | Bug::MigrationInPieces | Bug::AnswerRememberedApart => "power-loss",
        Bug::WalDiscarded => "kill",
        Bug::IdempotencyForgotten | Bug::WriteNotDetached | Bug::SlotLeaked => "await-points",
        Bug::JournalPastHorizon | Bug::UnknownCommitRetried | Bug::UnknownToldFailed | Bug::FollowMissed => "postgres",
        Bug::VersionUnchecked | Bug::SerializableDowngraded => "isolation",
        Bug::DoubleClaim | Bug::LineOvertaken | Bug::CapacityOffByOne => "claims",
        Bug::LineOrderReversed
        | Bug::IdempotencyByKeyOnly
        | Bug::KeyBodyIgnored
        | Bug::ReadMarkMovesBack
        | Bug::ProjectionNotUndone
        | Bug::UnscopedGet
        | Bug::ChainGap
        | Bug::AuditMissing
        | Bug::TimerNotRearmed
        | Bug::TimeGoesBack
        | Bug::PostingNotMoved
        | Bug::SavepointNotRolledBack
        | Bug::DeliveryForgotten
        | Bug::SocketTicketReusable => "simulation",
        Bug::CheckDigitUnread
        | Bug::CursorNegative
        | Bug::SealUnbound
        | Bug::MaskShort
        | Bug::DumpSumUnread
        | Bug::KeyFileUnread
        | Bug::MarksPass => "fuzz",
    }
}

/// Runs this program again, as `run PROOF --quick`, and says whether the promise held.
fn holds(proof: &str, bug: Option<Bug>, seed: u64) -> Result<bool, String> {
    let program = std::env::current_exe().map_err(|e| format!("this program cannot be found: {e}"))?;
    let mut command = Command::new(program);
    command.args(["run", proof, "--quick", "--seed", &seed.to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
    if let Some(bug) = bug {
        command.args(["--plant", bug.as_str()]);
    }
    match command.status().map_err(|e| format!("{proof} did not start: {e}"))?.code() {
        Some(2) => Err(format!("{proof} could not run: `zhengna-proof run {proof} --quick` says why")),
        code => Ok(code == Some(0)),
    }
}

/// Plants every bug in turn.
pub(crate) fn run(plan: &Plan) -> Outcome {
    let mut figures = Figures::default();
    let mut proofs: Vec<&str> = Bug::ALL.iter().map(|&bug| proof_of(bug)).collect();
    proofs.sort_unstable();
    proofs.dedup();
    for proof in proofs {
        if !holds(proof, None, plan.seed)? {
            return Err(format!("{proof} fails without any planted bug"));
        }
    }
    let mut missed = Vec::new();
    for &bug in Bug::ALL {
        let (proof, begun) = (proof_of(bug), Instant::now());
        let mut caught = None;
        for seed in plan.seed..plan.seed + SEEDS {
            if !holds(proof, Some(bug), seed)? {
                caught = Some(seed - plan.seed + 1);
                break;
            }
        }
        match caught {
            Some(tries) => figures.add(
                &format!("`{}`, caught by {proof}", bug.as_str()),
                format!("{:.1} s, {tries} {}", begun.elapsed().as_secs_f64(), if tries == 1 { "seed" } else { "seeds" }),
            ),
            None => missed.push(format!("{} is not caught by {proof}", bug.as_str())),
        }
    }
    figures.add("bugs planted", Bug::ALL.len());
    figures.add("bugs caught", Bug::ALL.len() - missed.len());
    if missed.is_empty() { Ok(figures) } else { Err(missed.join("; ")) }
}
