//! Teeth: switches planted bugs on, one after another, and asks the proof that is named for each to catch it. A bug that
//! no proof catches fails the run: the proof proves less than we say.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use zhengna_core::planted::Bug;

use crate::BROKEN;
use crate::plan::{Figures, Outcome, Plan};

/// Seeds a proof may try before a bug counts as not caught.
const SEEDS: u64 = 3;
/// Proofs that run at once: the machine that CI runs on has two cores, and many proofs wait more than they compute.
const SIDE_BY_SIDE: usize = 2;

/// The proof that catches each planted bug.
fn proof_of(bug: Bug) -> &'static str {
    match bug {
        Bug::FsyncDropped | Bug::FsyncNever | Bug::AnswerBeforeCommit | Bug::MigrationInPieces | Bug::AnswerRememberedApart => "power-loss",
        Bug::WalDiscarded => "kill",
        Bug::IdempotencyForgotten | Bug::WriteNotDetached | Bug::SlotLeaked => "await-points",
        Bug::JournalPastHorizon | Bug::UnknownCommitRetried | Bug::UnknownToldFailed | Bug::FollowMissed => "postgres",
        Bug::LiveUnchecked | Bug::LiveRepeated | Bug::LiveSkipped => "live",
        Bug::VersionUnchecked
        | Bug::SerializableDowngraded
        | Bug::OwnApprovalCounts
        | Bug::VoteTooFew
        | Bug::GrantedWithoutSeparation
        | Bug::ClaimedTooSoon
        | Bug::OfferedTwice => "isolation",
        Bug::DoubleClaim | Bug::LineOvertaken | Bug::CapacityOffByOne => "claims",
        Bug::LineOrderReversed
        | Bug::ReturnedBehind
        | Bug::HoldForgotten
        | Bug::ReminderLate
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
        | Bug::SocketTicketReusable
        | Bug::VerificationKeepsSessions
        | Bug::LinkedUnseen
        | Bug::PortalTicketReusable
        | Bug::ReleaseForgotten
        | Bug::FormerNumberLost
        | Bug::RevealOffCard
        | Bug::RecoveryCodeReusable
        | Bug::TakeBackForgets
        | Bug::PassForgotten
        | Bug::JoinedKept
        | Bug::OwedForgotten => "simulation",
        Bug::PermissionUncompared
        | Bug::SubtreeUpward
        | Bug::EndedSessionAccepted
        | Bug::IdleIgnored
        | Bug::DutyIgnored
        | Bug::CallerKindUncompared
        | Bug::ApartCounts
        | Bug::ExpiredGrantCounts
        | Bug::ApprovalPlaceIgnored
        | Bug::OthersDeskOpen
        | Bug::ForeignToldApart
        | Bug::BarIgnored => "authorisation",
        Bug::CheckDigitUnread
        | Bug::CursorNegative
        | Bug::SealUnbound
        | Bug::MaskShort
        | Bug::DumpSumUnread
        | Bug::KeyFileUnread
        | Bug::MarksPass => "fuzz",
    }
}

/// What the proof says when it has caught the bug, any of these: a proof that could not attack, or broke over something else,
/// has caught nothing.
fn words_of(bug: Bug) -> &'static [&'static str] {
    match bug {
        Bug::FsyncDropped => &["lost: it is in state"],
        Bug::FsyncNever => &["lost: it is in state", "corrupt"],
        Bug::AnswerBeforeCommit => &["was answered"],
        Bug::MigrationInPieces => &["of a migration that did not happen"],
        // Half a command is on the disk: without its answer, or where the host that undid it does not know of it.
        Bug::AnswerRememberedApart => {
            &["records without a remembered answer", "a projection differs from its rows", "another transaction changed what this one read"]
        }
        // The session itself was written to the log.
        Bug::WalDiscarded => &["access.sign_in_required", "is gone", "were acknowledged"],
        Bug::IdempotencyForgotten => &["sent again with its key"],
        Bug::WriteNotDetached => &["not brought to its end"],
        Bug::SlotLeaked => &["still held after"],
        Bug::JournalPastHorizon => &["was given"],
        // What is done again may also meet what it did before.
        Bug::UnknownCommitRetried => &[
            "told as failed and done",
            "done more than once",
            "was answered already in this line",
            "was answered the conversation is closed",
        ],
        Bug::UnknownToldFailed => &["told as failed and done", "after [Failed, Unknown]", "after [Failed, Failed, Unknown]"],
        Bug::FollowMissed => &["otherwise than the rows"],
        // A posting that is not there cannot be moved on: each try ends in a conflict.
        Bug::PostingNotMoved => &["should be", "each try ended in a conflict"],
        Bug::LiveUnchecked => &["was shown to a stranger"],
        Bug::LiveRepeated => &[" came behind "],
        Bug::LiveSkipped => &["were never shown"],
        Bug::VersionUnchecked | Bug::SerializableDowngraded => &[" happened under "],
        Bug::DoubleClaim => &["was served"],
        Bug::LineOvertaken => &["was passed over by"],
        Bug::ClaimedTooSoon => &["stands in the journal before whom it took"],
        Bug::CapacityOffByOne => &["places where"],
        // Counted, or come upon by whoever reads the trail in its order.
        Bug::ChainGap => &["records are sealed, there should be", "of the trail is Some("],
        Bug::TimerNotRearmed | Bug::ReminderLate => &["is due and did not ring"],
        // Nothing tells that it goes on, and it stands as it stood; so it is closed for being silent too soon, and the outside is told.
        Bug::HoldForgotten => &["should be", "the journal lacks", "was delivered already"],
        Bug::OfferedTwice => &[" made, "],
        // Also where nobody else may be asked: an offer is made, and none is due.
        Bug::PassForgotten => &[
            "should not be offered",
            "may be offered to",
            "the journal holds an event that should not be",
            "offers were made, the journal holds []",
        ],
        Bug::DeliveryForgotten => &["deliveries are due"],
        Bug::SocketTicketReusable => &["a socket ticket opened"],
        Bug::TakeBackForgets => &["should be", "was taken back and is still"],
        // The session stands, or the password from before still begins one.
        Bug::VerificationKeepsSessions => &["stands: true, should: false", "answered Session(true)"],
        Bug::LinkedUnseen | Bug::PortalTicketReusable => &["through a provider came"],
        Bug::LineOrderReversed
        | Bug::ReturnedBehind
        | Bug::IdempotencyByKeyOnly
        | Bug::KeyBodyIgnored
        | Bug::ReadMarkMovesBack
        | Bug::UnscopedGet
        | Bug::AuditMissing
        | Bug::TimeGoesBack
        | Bug::SavepointNotRolledBack
        | Bug::ReleaseForgotten
        | Bug::RevealOffCard
        | Bug::JoinedKept
        | Bug::RecoveryCodeReusable => &["should be"],
        // Seen where it goes on, or when nobody is reminded of it.
        Bug::OwedForgotten => &["should be", "is due and did not ring", "the journal lacks"],
        // Found where it is asked, or where projections are compared with their rows.
        Bug::ProjectionNotUndone => &["should be", "what is kept in memory is not what the rows say"],
        Bug::FormerNumberLost => &["should be", "a row of former_number with this key exists already"],
        Bug::PermissionUncompared | Bug::CallerKindUncompared => &["expected 403 access.denied"],
        Bug::SubtreeUpward => &["place=child", "place=sibling"],
        Bug::EndedSessionAccepted => &["session=ended"],
        Bug::IdleIgnored => &["session=idle"],
        Bug::DutyIgnored => &["session=password_duty", "session=factor_duty"],
        Bug::ApartCounts => &["post=apart"],
        Bug::ExpiredGrantCounts => &["post=expired"],
        Bug::ApprovalPlaceIgnored => &["object=pending_at_a_place"],
        Bug::OthersDeskOpen => &["object=active", "object=closed"],
        Bug::ForeignToldApart => &["answers otherwise than an id that nothing has"],
        Bug::BarIgnored => &["place=of_the_unit"],
        Bug::CheckDigitUnread => &["the check digit fits"],
        Bug::CursorNegative => &["no place is negative"],
        Bug::SealUnbound => &["was opened in another place"],
        Bug::MaskShort => &["resident_id: assertion"],
        Bug::DumpSumUnread => &["an altered dump was restored"],
        Bug::KeyFileUnread => &["a slip of copying is found"],
        Bug::OwnApprovalCounts => &["one's own word counted"],
        Bug::VoteTooFew => &["three votes of eight"],
        Bug::GrantedWithoutSeparation => &["of two that stay apart were given"],
        Bug::MarksPass => &["reads as it is not written"],
    }
}

/// Runs this program again, as `run PROOF --quick`, and says whether the promise held.
///
/// # Errors
/// When it ended otherwise than by holding or by breaking with the bug's own words: a server that did not start catches
/// no bug.
fn holds(proof: &str, bug: Option<Bug>, seed: u64) -> Result<bool, String> {
    let program = std::env::current_exe().map_err(|e| format!("this program cannot be found: {e}"))?;
    let mut command = Command::new(program);
    command.args(["run", proof, "--quick", "--seed", &seed.to_string()]);
    if let Some(bug) = bug {
        command.args(["--plant", bug.as_str()]);
    }
    let output = command.output().map_err(|e| format!("{proof} did not start: {e}"))?;
    let told = String::from_utf8_lossy(&output.stderr);
    let caught = bug.is_some_and(|bug| words_of(bug).iter().any(|words| told.contains(words)));
    match output.status.code() {
        Some(0) => Ok(true),
        Some(1) if told.contains(BROKEN) && caught => Ok(false),
        code => Err(format!("{proof} ended with {code:?}, seed {seed}, bug {bug:?}: {}", told.trim())),
    }
}

/// How a bug was caught, if it was.
fn attempt(bug: Bug, seed: u64) -> Result<Option<String>, String> {
    let begun = Instant::now();
    for tries in 1..=SEEDS {
        if !holds(proof_of(bug), Some(bug), seed + tries - 1)? {
            let seeds = if tries == 1 { "seed" } else { "seeds" };
            return Ok(Some(format!("{:.1} s, {tries} {seeds}", begun.elapsed().as_secs_f64())));
        }
    }
    Ok(None)
}

/// What comes of each of these, in their order.
fn side_by_side<T: Sync, R: Send>(all: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let take = || {
        loop {
            let at = next.fetch_add(1, Ordering::SeqCst);
            let Some(one) = all.get(at) else { break };
            let came = work(one);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((at, came));
        }
    };
    std::thread::scope(|scope| (0..SIDE_BY_SIDE).for_each(|_| drop(scope.spawn(take))));
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, came)| came).collect()
}

/// Plants every bug in turn.
pub(crate) fn run(plan: &Plan) -> Outcome {
    if !cfg!(feature = "planted") {
        return Err("this build has no planted bugs: build with --features planted".into());
    }
    let mut figures = Figures::default();
    let mut proofs: Vec<&str> = Bug::ALL.iter().map(|&bug| proof_of(bug)).collect();
    proofs.sort_unstable();
    proofs.dedup();
    let clean = side_by_side(&proofs, |proof| holds(proof, None, plan.seed));
    for (proof, held) in proofs.iter().zip(clean) {
        if !held? {
            return Err(format!("{proof} fails without any planted bug"));
        }
    }
    let tried = Bug::ALL.iter().copied().zip(side_by_side(Bug::ALL, |bug| attempt(*bug, plan.seed)));
    let mut missed = Vec::new();
    for (bug, outcome) in tried {
        match outcome? {
            Some(how) => figures.add(&format!("`{}`, caught by {}", bug.as_str(), proof_of(bug)), how),
            None => missed.push(format!("{} is not caught by {}", bug.as_str(), proof_of(bug))),
        }
    }
    figures.add("bugs planted", Bug::ALL.len());
    figures.add("bugs caught", Bug::ALL.len() - missed.len());
    if missed.is_empty() { Ok(figures) } else { Err(missed.join("; ")) }
}
