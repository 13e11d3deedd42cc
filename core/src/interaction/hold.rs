//! Holding a conversation (挂起): its officer keeps it and takes others meanwhile, while its taxpayer looks for a paper or somebody asks
//! elsewhere. It goes on when its taxpayer writes, its officer says so, or the time is over: on hold nobody is forgotten.
//!
//! What is on hold leaves room for others; what comes back from hold is its officer's, however many they hold by then. Capacity bounds what
//! is taken, not what was promised.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::claim::on_hold;
use super::conversation::had;
use super::{Conversation, reminder};
use crate::access::{Officer, check};
use crate::agenda::{self, TimerKind};
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::{Error, Problem, Refusal};
use crate::id::{ConversationId, TimerId};
use crate::journal::{self, EventKind, Topic};
use crate::limits;
use crate::planted::{Bug, planted};
use crate::store::{Tx, Writes};

/// Puts a conversation that the caller has on hold.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// Which.
    pub conversation: ConversationId,
    /// For at most so many minutes from now on, 1 to [`limits::HOLD_MINUTES_MAX`]; in all no more than
    /// [`limits::HELD_SILENT_MINUTES_MAX`] after the last word.
    pub minutes: i64,
}

/// Lets a conversation that is on hold go on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Resume {
    /// Which.
    pub conversation: ConversationId,
}

/// How a conversation stands with being on hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Held {
    /// Which.
    pub conversation: ConversationId,
    /// Until then, at the latest; absent where it goes on.
    pub held_until: Option<Timestamp>,
}

impl crate::core::Answer for Held {
    fn subject(&self) -> String {
        format!("conversation/{}", self.conversation)
    }
}

/// Puts a conversation on hold, or gives one that is on hold another end.
///
/// # Errors
/// `OnHoldMax` where as many are on hold as may be; `HeldTooLong` where it would be on hold for too long without a word; `NotItsOfficer`, `ConversationClosed`.
pub fn hold(tx: &mut dyn Tx, ctx: &Ctx, cmd: Hold) -> Result<Held, Error> {
    let max = limits::HOLD_MINUTES_MAX;
    if !(1..=max).contains(&cmd.minutes) {
        return Err(Error::invalid("minutes", Problem::OutOfRange { min: 1, max }));
    }
    let me = ctx.actor().officer()?.id;
    // The officer's lock before the conversation's, as for a claim: what they have is counted under it.
    tx.lock_row::<Officer>((me,))?.ok_or(Error::SignInRequired)?.trust("the caller's own record");
    let c = had(tx, ctx, cmd.conversation)?;
    let others = if c.held_until.is_none() { on_hold(tx, me)? } else { 0 };
    if others >= limits::ON_HOLD_MAX {
        return Err(Error::Refused(Refusal::OnHoldMax(others)));
    }
    let minutes = |n: i64| Duration::from_secs(60 * n.unsigned_abs());
    let until = c.now(ctx).plus(minutes(cmd.minutes));
    if until > c.active_at.plus(minutes(limits::HELD_SILENT_MINUTES_MAX)) {
        return Err(Error::Refused(Refusal::HeldTooLong));
    }
    // Whoever puts somebody on hold tells them so: nobody waits for an answer until it is over.
    tx.replace(&*c, Conversation { held_until: Some(until), unanswered_since: None, ..(*c).clone() })?;
    agenda::set_by(tx, TimerKind::HoldOver, c.id.uuid(), until)?;
    journal::record(tx, ctx, Topic::Conversation(c.id), EventKind::Held, Some(c.id), None)?;
    Ok(Held { conversation: c.id, held_until: Some(until) })
}

/// Lets a conversation go on that the caller put on hold; nothing where it goes on already.
pub fn resume(tx: &mut dyn Tx, ctx: &Ctx, cmd: Resume) -> Result<Held, Error> {
    let c = had(tx, ctx, cmd.conversation)?;
    if c.held_until.is_some() {
        let goes_on = goes_on(tx, ctx, &c)?;
        tx.replace(&*c, goes_on)?;
    }
    Ok(Held { conversation: c.id, held_until: None })
}

/// A conversation as it goes on after it was on hold: its taxpayer waits for an answer from now on.
pub(super) fn goes_on(tx: &mut dyn Tx, ctx: &Ctx, c: &Conversation) -> Result<Conversation, Error> {
    let at = c.now(ctx);
    journal::record(tx, ctx, Topic::Conversation(c.id), EventKind::Resumed, Some(c.id), None)?;
    reminder::watch(tx, c, at)?;
    Ok(Conversation { held_until: None, active_at: at, unanswered_since: Some(at), ..c.clone() })
}

/// The time for which a conversation was on hold may be over.
#[derive(Clone, Debug, Serialize)]
pub struct HoldOver {
    /// The leased timer.
    pub timer: TimerId,
    /// Its fencing token.
    pub token: i64,
}

/// Lets a conversation go on whose time on hold is over; sets the timer anew where it was given another end.
pub(crate) fn hold_over(tx: &mut dyn Tx, ctx: &Ctx, cmd: HoldOver) -> Result<Held, Error> {
    let id = ConversationId::from_uuid(agenda::subject_of(tx, cmd.timer)?);
    let found = tx.lock_row::<Conversation>((id,))?;
    let c = check(ctx, found)?;
    agenda::take(tx, cmd.timer, cmd.token)?;
    match c.held_until {
        Some(until) if ctx.now() < until => agenda::set_by(tx, TimerKind::HoldOver, id.uuid(), until)?,
        Some(_) if !planted(Bug::HoldForgotten) => {
            let goes_on = goes_on(tx, ctx, &c)?;
            tx.replace(&*c, goes_on)?;
            return Ok(Held { conversation: id, held_until: None });
        }
        _ => {}
    }
    Ok(Held { conversation: id, held_until: c.held_until })
}
