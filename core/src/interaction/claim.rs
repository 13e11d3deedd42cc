//! Taking the next one in line (接入).

use serde::{Deserialize, Serialize};

use super::assigned::{keep, next_for};
use super::attendance::attend;
use super::{Conversation, ConversationState, Line, offer, reminder};
use crate::access::{Engine, Officer, check};
use crate::agenda::{self, TimerKind};
use crate::ctx::Ctx;
use crate::delivery;
use crate::error::{Error, Refusal};
use crate::id::{ConversationId, LineId, OfficerId};
use crate::journal::{self, EventKind, Topic};
use crate::limits;
use crate::planted::{Bug, planted};
use crate::store::{ReadTx, Reads, Tx, Writes, stretch};

/// What an outside system is told when an officer has a conversation whose taxpayer was promised that they are called back.
pub const CALLED_BACK: &str = "conversation.called_back";

/// Takes the first in line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// From which line.
    pub line: LineId,
}

/// The officer has a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Claimed {
    /// Which.
    pub conversation: ConversationId,
    /// Its number in the line.
    pub ticket: i64,
}

impl crate::core::Answer for Claimed {
    fn subject(&self) -> String {
        format!("conversation/{}", self.conversation)
    }
}

/// Takes the next one in line: by priority, then by order of entering, of those whom the caller may take as the line is shared out
/// ([`Routing`](super::Routing)). One officer only; within the officer's capacity.
///
/// # Errors
/// `AtCapacity`; `NobodyWaiting`; `NobodyForYou` where others may take those who wait.
pub fn claim(tx: &mut dyn Tx, ctx: &Ctx, cmd: Claim) -> Result<Claimed, Error> {
    if planted(Bug::ClaimedTooSoon) {
        journal::record(tx, ctx, Topic::Line(cmd.line), EventKind::LineMoved, None, None)?;
    }
    // The line's lock before the officer's. On PostgreSQL a transaction has its place in the journal from its first lock on: one that
    // waited for the line with the officer's lock in hand would stand before those who entered meanwhile, whom it may take, and they
    // would never be told.
    let found = if planted(Bug::DoubleClaim) { tx.find::<Line>((cmd.line,))? } else { tx.lock_row::<Line>((cmd.line,))? };
    let (officer, holding) = can_take(tx, ctx)?;
    let line = check(ctx, found)?;
    let (first, record) = next_for(tx, ctx, &line, &officer, holding)?;
    let taken = take(tx, ctx, &first)?;
    keep(tx, taken.id, taken.version, record)?;
    Ok(Claimed { conversation: first.id, ticket: first.ticket })
}

/// The caller's record, locked, and how many they hold.
///
/// # Errors
/// `AtCapacity`.
pub(super) fn can_take(tx: &mut dyn Tx, ctx: &Ctx) -> Result<(Officer, i64), Error> {
    let me = ctx.actor().officer()?.id;
    let officer = tx.lock_row::<Officer>((me,))?.ok_or(Error::SignInRequired)?.trust("the caller's own record").into_inner();
    let holding = holds(tx, me)?;
    if holding >= officer.capacity + i64::from(planted(Bug::CapacityOffByOne)) {
        return Err(Error::Refused(Refusal::AtCapacity(holding)));
    }
    Ok((officer, holding))
}

/// Gives a conversation that waits, and is locked, to the caller.
pub(super) fn take(tx: &mut dyn Tx, ctx: &Ctx, first: &Conversation) -> Result<Conversation, Error> {
    let (me, now, at) = (ctx.actor().officer()?.id, ctx.now(), first.now(ctx));
    let taken = Conversation {
        state: ConversationState::Active,
        officer: Some(me),
        served_by: first.served_also_by(me),
        claimed_at: Some(at),
        first_claimed_at: first.first_claimed_at.or(Some(at)),
        active_at: at,
        unanswered_since: Some(at),
        ..first.clone().not_offered()
    };
    let taken = tx.replace(first, taken)?;
    reminder::watch(tx, &taken, at)?;
    agenda::set_once(tx, TimerKind::ConversationIdle, first.id.uuid(), now.plus(limits::CONVERSATION_IDLE))?;
    attend(tx, ctx, me)?; // whoever takes somebody is there
    // The desk first: whoever follows it finds the conversation, and all that happens in it from here on.
    journal::record(tx, ctx, Topic::Officer(me), EventKind::Claimed, Some(first.id), None)?;
    journal::record(tx, ctx, Topic::Conversation(first.id), EventKind::Claimed, Some(first.id), None)?;
    journal::record(tx, ctx, Topic::Line(first.line), EventKind::LineMoved, None, None)?;
    // Whoever is called back need not be looking: what brings word to their phone is told.
    if first.reply_due.is_some() {
        delivery::tell(tx, ctx, CALLED_BACK, &Claimed { conversation: first.id, ticket: first.ticket })?;
    }
    // It was offered to somebody, who need not answer any more.
    if first.offered_to.is_some_and(|officer| officer != me) {
        offer::withdrawn(tx, ctx, first)?;
    }
    Ok(taken)
}

/// What an officer has: their row is locked.
pub(super) fn desk(tx: &mut dyn ReadTx, officer: OfficerId) -> Result<Vec<Conversation>, Error> {
    let had = stretch(Some(Conversation::BY_OFFICER), (officer, ConversationState::Active)).limit(limits::OFFICER_DESK_MAX);
    Ok(tx.scan(Engine::work("how many conversations an officer holds"), had)?)
}

/// How many conversations an officer holds that count for their capacity: what is on hold leaves room for others.
pub(super) fn holds(tx: &mut dyn ReadTx, officer: OfficerId) -> Result<i64, Error> {
    Ok(desk(tx, officer)?.iter().filter(|c| c.held_until.is_none()).count() as i64)
}

/// How many conversations an officer has on hold.
pub(super) fn on_hold(tx: &mut dyn ReadTx, officer: OfficerId) -> Result<i64, Error> {
    Ok(desk(tx, officer)?.iter().filter(|c| c.held_until.is_some()).count() as i64)
}
