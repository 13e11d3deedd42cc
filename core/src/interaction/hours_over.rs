//! The end of a line's hours (下班): nobody goes on waiting for somebody who has gone home. What they came for is a message from then on,
//! answered by a deadline, and their place in line is what it was.

use serde::{Deserialize, Serialize};

use super::{Conversation, ConversationState, Line, reply_due};
use crate::access::{Engine, check};
use crate::agenda::{self, TimerKind};
use crate::calendar::{Calendars, InForce};
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::id::{ConversationId, LineId, TimerId};
use crate::journal::{self, EventKind, Topic};
use crate::limits;
use crate::store::{Reads, Tx, Writes, stretch};

/// Somebody waits in a line, whose lock the caller holds and which is served at that instant: when that ends, they are looked after.
pub(super) fn watch(tx: &mut dyn Tx, at: Timestamp, line: &Line, now: &InForce) -> Result<(), Error> {
    if let Some(until) = line.served_until(now, at)? {
        agenda::set_by(tx, TimerKind::HoursOver, line.id.uuid(), until)?;
    }
    Ok(())
}

/// The same for somebody who comes back to a line that is not locked, served or not: it is looked at at once.
pub(super) fn look(tx: &mut dyn Tx, ctx: &Ctx, line: LineId) -> Result<(), Error> {
    let line = tx.find::<Line>((line,))?.ok_or(Error::NotFound { what: "line" })?.trust("where a conversation waits again");
    if line.has_hours() { agenda::set_by(tx, TimerKind::HoursOver, line.id.uuid(), ctx.now()) } else { Ok(()) }
}

/// The hours of a line may be over.
#[derive(Clone, Debug, Serialize)]
pub struct HoursOver {
    /// The leased timer.
    pub timer: TimerId,
    /// Its fencing token.
    pub token: i64,
}

/// Who is called back, where they waited before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalledBackLater {
    /// In which line.
    pub line: LineId,
    /// Their conversations.
    pub conversations: Vec<ConversationId>,
}

impl crate::core::Answer for CalledBackLater {
    fn subject(&self) -> String {
        format!("line/{}", self.line)
    }
}

/// Promises those who wait in a line whose hours are over that they are called back, a page at once; comes again where it is served, as
/// long as somebody waits.
pub(crate) fn hours_over(tx: &mut dyn Tx, ctx: &Ctx, calendars: &Calendars, cmd: HoursOver) -> Result<CalledBackLater, Error> {
    let id = LineId::from_uuid(agenda::subject_of(tx, cmd.timer)?);
    // The line's lock, as for whoever enters: nobody comes meanwhile whom this would miss.
    let found = tx.lock_row::<Line>((id,))?;
    let line = check(ctx, found)?.into_inner();
    let in_force = calendars.in_force(tx)?;
    let waiting = without_promise(tx, id)?;
    let mut done = CalledBackLater { line: id, conversations: Vec::new() };
    if line.is_served(&in_force, ctx.now())? {
        agenda::take(tx, cmd.timer, cmd.token)?;
        if !waiting.is_empty() {
            watch(tx, ctx.now(), &line, &in_force)?;
        }
        return Ok(done);
    }
    let mut promised = Vec::new();
    let more = waiting.len() as u32 == limits::CALLED_BACK_AT_ONCE;
    for id in waiting {
        let Some(found) = tx.lock_row::<Conversation>((id,))? else { continue };
        let c = found.trust("promising those who wait that they are called back").into_inner();
        if c.state != ConversationState::Waiting || c.reply_due.is_some() {
            continue;
        }
        let reply = line.reply_due(&in_force, c.now(ctx), line.reply_minutes)?;
        promised.push(tx.replace(&c, c.clone().promised(Some(reply)))?);
        journal::record(tx, ctx, Topic::Conversation(id), EventKind::CallbackRequested, Some(id), None)?;
        journal::record(tx, ctx, Topic::Taxpayer(c.taxpayer), EventKind::CallbackRequested, Some(id), None)?;
        done.conversations.push(id);
    }
    if !done.conversations.is_empty() {
        journal::record(tx, ctx, Topic::Line(id), EventKind::LineMoved, None, None)?;
    }
    agenda::take(tx, cmd.timer, cmd.token)?;
    if more && !done.conversations.is_empty() {
        agenda::set_by(tx, TimerKind::HoursOver, line.id.uuid(), ctx.now())?;
    }
    // Behind all conversations and the line's own timer, in the order of locks.
    promised.iter().try_for_each(|c| reply_due::watch(tx, c))?;
    Ok(done)
}

/// Those who wait in a line and were promised nothing, a page, in the order of locks.
fn without_promise(tx: &mut dyn Tx, line: LineId) -> Result<Vec<ConversationId>, Error> {
    let why = Engine::work("those who wait in a line whose hours are over");
    let mut ids = Vec::new();
    tx.scan_while(why, stretch(Some(Conversation::BY_WAIT), (line, ConversationState::Waiting)), |c: Conversation| {
        ids.extend(c.reply_due.is_none().then_some(c.id));
        ids.len() < limits::CALLED_BACK_AT_ONCE as usize
    })?;
    ids.sort_unstable();
    Ok(ids)
}
