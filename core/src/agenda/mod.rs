//! The agenda: durable timers and leased jobs. Leasing moves `due_at` to the end of the lease, so a worker that
//! dies lets its work fall due again; the row's version is the fencing token, so one that comes back late can
//! change nothing. The effect and the end of the timer commit together.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::access::Engine;
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::{Error, Refusal};
use crate::id::TimerId;
use crate::limits;
use crate::planted::{Bug, planted};
use crate::series;
use crate::store::{ReadTx, Reads, StoreError, StoreResult, Tx, Writes, stretch};

words! {
    /// What falls due.
    pub enum TimerKind {
        /// A conversation in which nobody may have written for too long.
        ConversationIdle = "conversation.idle",
        /// A conversation that was put on hold until then.
        HoldOver = "conversation.hold_over",
        /// A taxpayer who may have waited for an answer for too long.
        Unanswered = "conversation.unanswered",
        /// A low rating that nobody may have answered in time.
        FollowUpDue = "follow_up.due",
        /// What was due by an earlier calendar.
        RecomputeDue = "calendar.recompute_due",
        /// Idempotency keys past their retention, proofs and tickets whose time is over.
        ForgetKeys = "door.forget_keys",
        /// Audit records that nobody has screened yet.
        Screen = "control.screen",
        /// A line whose hours may be over.
        HoursOver = "line.hours_over",
        /// Somebody who was promised an answer by then.
        ReplyDue = "conversation.reply_due",
    }
}

record! {
    /// A timer.
    pub struct Timer in "timer" {
        /// Id.
        id: TimerId,
        /// True once it failed too often: waits for a person.
        parked: bool,
        /// When it falls due, or when its lease ends.
        due_at: Timestamp,
        /// What falls due.
        kind: TimerKind,
        /// What it is about.
        subject: [u8; 16],
        /// Times it was leased.
        attempts: i64,
        /// Counts updates; the fencing token of a lease.
        version: i64,
    }
    key(id);
    version version;
    lock 60;
    index BY_DUE(parked, due_at);
}

/// Sets a timer.
pub(crate) fn set(tx: &mut dyn Tx, ctx: &Ctx, kind: TimerKind, subject: Uuid, due_at: Timestamp) -> StoreResult<()> {
    let id = TimerId::from_uuid(ctx.new_uuid());
    tx.add(&Timer { id, parked: false, due_at, kind, subject: *subject.as_bytes(), attempts: 0, version: 0 })
}

/// Sets the one timer that carries the id of its subject, where there is none: for one kind of timer of a subject.
pub(crate) fn set_once(tx: &mut dyn Tx, kind: TimerKind, subject: Uuid, due_at: Timestamp) -> StoreResult<()> {
    let id = TimerId::from_uuid(subject);
    tx.add_new(&Timer { id, parked: false, due_at, kind, subject: *subject.as_bytes(), attempts: 0, version: 0 }).map(drop)
}

/// Sets the one timer of its kind that a subject has, to fall due by then: where it would later, it is brought forward.
pub(crate) fn set_by(tx: &mut dyn Tx, kind: TimerKind, subject: Uuid, due_at: Timestamp) -> Result<(), Error> {
    // Not the subject's own id, which another kind has. The kind goes first, so that timers of one subject are locked in the order of kinds:
    // whoever runs one may set those behind it.
    let rest = subject.as_u128() & (u128::MAX >> 8);
    let id = TimerId::from_uuid(Uuid::from_u128((0xf0 | kind as u128) << 120 | rest));
    if tx.add_new(&Timer { id, parked: false, due_at, kind, subject: *subject.as_bytes(), attempts: 0, version: 0 })? {
        return Ok(());
    }
    let Some(timer) = tx.lock_row::<Timer>((id,))? else { return Err(StoreError::Conflict.into()) };
    let timer = timer.trust("the agenda's own").into_inner();
    if (timer.parked || timer.due_at > due_at) && !planted(Bug::ReminderLate) {
        // Whoever has leased it finds that it is theirs no more.
        tx.replace(&timer, Timer { parked: false, due_at, attempts: 0, ..timer.clone() })?;
    }
    Ok(())
}

/// The timers that always run: there is one of each in a database, however many hosts there are.
const STANDING: &[(TimerId, TimerKind)] =
    &[(TimerId::from_uuid(Uuid::from_u128(1)), TimerKind::ForgetKeys), (TimerId::from_uuid(Uuid::from_u128(2)), TimerKind::Screen)];

/// Sets the timers that always run where they are missing, but one kind, and gives one that was parked another chance.
pub(crate) fn ensure(tx: &mut dyn Tx, ctx: &Ctx, but: Option<TimerKind>) -> Result<(), Error> {
    series::lock(tx, "agenda")?;
    for &(id, kind) in STANDING.iter().filter(|(_, kind)| Some(*kind) != but) {
        let fresh = Timer { id, parked: false, due_at: ctx.now(), kind, subject: [0; 16], attempts: 0, version: 0 };
        if !tx.add_new(&fresh)?
            && let Some(timer) = tx.find::<Timer>((id,))?
        {
            let timer = timer.trust("the agenda's own").into_inner();
            if timer.parked {
                tx.replace(&timer, Timer { parked: false, due_at: ctx.now(), attempts: 0, ..timer.clone() })?;
            }
        }
    }
    Ok(())
}

/// What kind of timer it is; `None` once it is done.
pub(crate) fn kind_of(tx: &mut dyn ReadTx, id: TimerId) -> Result<Option<TimerKind>, Error> {
    Ok(tx.find::<Timer>((id,))?.map(|t| t.trust("the agenda's own").into_inner().kind))
}

/// What a timer is about, for the holder of its lease: its lock comes after those of matters, so that whoever runs it looks before
/// locking.
pub(crate) fn subject_of(tx: &mut dyn ReadTx, id: TimerId) -> Result<Uuid, Error> {
    let timer = tx.find::<Timer>((id,))?.ok_or(Error::Refused(Refusal::LeaseLost))?.trust("the holder of the lease").into_inner();
    Ok(Uuid::from_bytes(timer.subject))
}

/// Take what is due.
#[derive(Clone, Debug, Serialize)]
pub struct LeaseTimers {
    /// At most this many.
    pub max: u32,
}

/// Timers that are this worker's until the lease ends.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Leased {
    /// Ids with their fencing tokens.
    pub timers: Vec<(TimerId, i64)>,
}

/// Leases what is due; parks what failed too often.
pub fn lease(tx: &mut dyn Tx, ctx: &Ctx, cmd: LeaseTimers) -> Result<Leased, Error> {
    series::lock(tx, "agenda")?;
    let due: Vec<Timer> =
        tx.scan(Engine::work("the agenda leases what is due"), stretch(Some(Timer::BY_DUE), (false,)).until(ctx.now()).limit(cmd.max))?;
    let mut timers = Vec::with_capacity(due.len());
    for timer in due {
        if timer.attempts >= limits::TIMER_ATTEMPTS_MAX {
            tx.replace(&timer, Timer { parked: true, ..timer.clone() })?;
            continue;
        }
        let leased =
            tx.replace(&timer, Timer { due_at: ctx.now().plus(limits::TIMER_LEASE), attempts: timer.attempts + 1, ..timer.clone() })?;
        timers.push((leased.id, leased.version));
    }
    Ok(Leased { timers })
}

/// Sets a leased timer that always runs to its next time as part of doing its work. Its fencing token keeps rising.
///
/// # Errors
/// `LeaseLost` when the lease ended and the timer was leased again by somebody else.
pub(crate) fn again(
    tx: &mut dyn Tx,
    id: TimerId,
    token: i64,
    due_at: impl FnOnce(&mut dyn Tx) -> Result<Timestamp, Error>,
) -> Result<(), Error> {
    let timer = held(tx, id, token)?;
    let due_at = due_at(tx)?;
    tx.replace(&timer, Timer { due_at, attempts: 0, ..timer.clone() })?;
    Ok(())
}

/// Ends a leased timer as part of doing its work.
///
/// # Errors
/// `LeaseLost` when the lease ended and the timer was leased again, or done, by somebody else.
pub(crate) fn take(tx: &mut dyn Tx, id: TimerId, token: i64) -> Result<Timer, Error> {
    let timer = held(tx, id, token)?;
    tx.remove(&timer)?;
    Ok(timer)
}

fn held(tx: &mut dyn Tx, id: TimerId, token: i64) -> Result<Timer, Error> {
    let timer = tx.lock_row::<Timer>((id,))?.ok_or(Error::Refused(Refusal::LeaseLost))?.trust("the holder of the lease").into_inner();
    if timer.version != token {
        return Err(Error::Refused(Refusal::LeaseLost));
    }
    Ok(timer)
}
