//! Who is at their desk (在岗), as far as it must outlive a host: nothing is held by somebody who is not there.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Conversation, ConversationState, hours_over, join, offer, reply_due, stint};
use crate::access::{Engine, Officer};
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::id::{ConversationId, OfficerId};
use crate::journal::{self, EventKind, Topic};
use crate::limits;
use crate::planted::{Bug, planted};
use crate::store::{ReadTx, Reads, StoreError, Tx, Writes, stretch};

record! {
    /// An officer who was at their desk lately.
    pub struct Attendance in "attendance" {
        /// Who.
        officer: OfficerId,
        /// What they hold goes back to its lines then, unless they show that they are there before.
        gone_at: Timestamp,
        /// Counts updates.
        version: i64,
    }
    key(officer);
    version version;
    index BY_END(gone_at);
}

/// Notes that an officer is there now. Written down once in half a lease: it is asked often.
pub(super) fn attend(tx: &mut dyn Tx, ctx: &Ctx, officer: OfficerId) -> Result<bool, Error> {
    let gone_at = ctx.now().plus(limits::PRESENCE_LEASE + limits::OFFICER_GRACE);
    let Some(found) = tx.find::<Attendance>((officer,))? else {
        return Ok(tx.add_new(&Attendance { officer, gone_at, version: 0 })?);
    };
    let known = found.trust("the caller's own attendance").into_inner();
    if known.gone_at.plus(limits::PRESENCE_LEASE / 2) > gone_at {
        return Ok(false);
    }
    tx.replace(&known, Attendance { gone_at, ..known.clone() })?;
    Ok(true)
}

/// The officer renews their presence.
pub fn be_present(tx: &mut dyn Tx, ctx: &Ctx, _: &[()]) -> Result<u64, Error> {
    let officer = ctx.actor().officer()?.id;
    attend(tx, ctx, officer).map(u64::from)
}

/// Officers who are gone, longest first.
pub(crate) fn gone(tx: &mut dyn ReadTx, now: Timestamp) -> Result<Vec<OfficerId>, Error> {
    let range = stretch(Some(Attendance::BY_END), ()).until(now).limit(limits::GONE_AT_ONCE);
    let gone: Vec<Attendance> = tx.scan(Engine::work("who is gone from their desk"), range)?;
    Ok(gone.into_iter().map(|a| a.officer).collect())
}

/// Gives back what an officer holds who is gone.
#[derive(Clone, Debug, Serialize)]
pub struct ReturnHeld {
    /// Who.
    pub officer: OfficerId,
}

/// What went back to its lines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Returned {
    /// From whom.
    pub officer: OfficerId,
    /// What, each where it stood in its line.
    pub conversations: Vec<ConversationId>,
}

impl crate::core::Answer for Returned {
    fn subject(&self) -> String {
        format!("officer/{}", self.officer)
    }
}

/// Gives back what an officer holds who is gone: each conversation waits again where it stood, by its rank and its first arrival; what is
/// offered to them goes on to somebody else. Nothing, where they came back meanwhile.
pub fn return_held(tx: &mut dyn Tx, ctx: &Ctx, cmd: ReturnHeld) -> Result<Returned, Error> {
    let officer = cmd.officer;
    // The officer's lock, as for a claim: what they take while this runs is not missed.
    tx.lock_row::<Officer>((officer,))?
        .ok_or_else(|| StoreError::Corrupt(format!("officer {officer} vanished")))?
        .trust("the host looks after desks");
    let (mut back, mut lines, mut unanswered) = (Vec::new(), BTreeSet::new(), Vec::new());
    let Some(found) = tx.find::<Attendance>((officer,))? else { return Ok(Returned { officer, conversations: back }) };
    let attendance = found.trust("the host looks after desks").into_inner();
    if ctx.now() < attendance.gone_at {
        return Ok(Returned { officer, conversations: back });
    }
    let why = Engine::work("what an officer holds who is gone");
    let held = stretch(Some(Conversation::BY_OFFICER), (officer, ConversationState::Active)).limit(limits::OFFICER_DESK_MAX);
    let mut theirs: Vec<ConversationId> = tx.scan::<Conversation>(why, held)?.iter().map(|c| c.id).collect();
    theirs.extend(offer::on_offer(tx, officer)?.iter().map(|c| c.id));
    theirs.sort_unstable(); // the order of locks
    for id in theirs {
        let Some(found) = tx.lock_row::<Conversation>((id,))? else { continue };
        let c = found.trust("held by an officer who is gone").into_inner();
        if c.state == ConversationState::Active && c.officer == Some(officer) {
            back_in_line(tx, ctx, &c, c.clone())?;
            lines.insert(c.line);
            unanswered.extend(c.never_answered().then(|| c.clone()));
            back.push(id);
        } else if c.state == ConversationState::Waiting && c.offered_to == Some(officer) {
            let ended = c.offered_until.map_or(ctx.now(), |until| until.min(ctx.now()));
            offer::pass_on(tx, ctx, &c, ended)?;
        }
    }
    tx.remove(&attendance)?;
    // Timers are locked behind every conversation.
    lines.into_iter().try_for_each(|line| hours_over::look(tx, ctx, line))?;
    unanswered.iter().try_for_each(|c| reply_due::watch(tx, c))?;
    Ok(Returned { officer, conversations: back })
}

/// Lets a conversation that is not over wait again where it stood, as it is at the end.
pub(super) fn back_in_line(tx: &mut dyn Tx, ctx: &Ctx, before: &Conversation, c: Conversation) -> Result<(), Error> {
    let Some(officer) = c.officer else { return Ok(()) };
    let active_at = c.now(ctx);
    let ticket = if planted(Bug::ReturnedBehind) { c.ticket + 1_000_000 } else { c.ticket };
    let waiting = Conversation {
        state: ConversationState::Waiting,
        officer: None,
        claimed_at: None,
        served_by: c.served_also_by(officer),
        active_at,
        ticket,
        ..c.unattended()
    };
    stint::ended(tx, before, active_at)?;
    let c = tx.replace(before, waiting)?;
    join::told(tx, ctx, before)?;
    journal::record(tx, ctx, Topic::Conversation(c.id), EventKind::Returned, Some(c.id), None)?;
    journal::record(tx, ctx, Topic::Taxpayer(c.taxpayer), EventKind::Returned, Some(c.id), None)?;
    journal::record(tx, ctx, Topic::Officer(officer), EventKind::Returned, Some(c.id), None)?;
    journal::record(tx, ctx, Topic::Line(c.line), EventKind::LineEntered, None, None)?;
    Ok(())
}

/// Whether an officer is at their desk.
pub(super) fn is_there(tx: &mut dyn ReadTx, officer: OfficerId, at: Timestamp) -> Result<bool, Error> {
    let found = tx.find::<Attendance>((officer,))?;
    Ok(found.is_some_and(|a| at < a.trust("colleagues see who is there").gone_at))
}
