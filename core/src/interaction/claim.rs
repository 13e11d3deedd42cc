//! Taking the next one in line (接入).

use serde::{Deserialize, Serialize};

use super::assigned::{keep, next_for};
use super::attendance::attend;
use super::{Conversation, ConversationState, Line};
use crate::access::{Engine, Officer, check};
use crate::agenda::{self, TimerKind};
use crate::ctx::Ctx;
use crate::error::{Error, Refusal};
use crate::id::{ConversationId, LineId, OfficerId};
use crate::journal::{self, EventKind, Topic};
use crate::limits;
use crate::planted::{Bug, planted};
use crate::store::{ReadTx, Reads, Tx, Writes, stretch};

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
    let me = ctx.actor().officer()?.id;
    if planted(Bug::ClaimedTooSoon) {
        journal::record(tx, ctx, Topic::Line(cmd.line), EventKind::LineMoved, None, None)?;
    }
    // The line's lock before the officer's. On PostgreSQL a transaction has its place in the journal from its first lock on: one that
    // waited for the line with the officer's lock in hand would stand before those who entered meanwhile, whom it may take, and they
    // would never be told.
    let found = if planted(Bug::DoubleClaim) { tx.find::<Line>((cmd.line,))? } else { tx.lock_row::<Line>((cmd.line,))? };
    let officer = tx.lock_row::<Officer>((me,))?.ok_or(Error::SignInRequired)?.trust("the caller's own record").into_inner();
    let holding = holds(tx, me)?;
    if holding >= officer.capacity + i64::from(planted(Bug::CapacityOffByOne)) {
        return Err(Error::Refused(Refusal::AtCapacity(holding)));
    }
    let line = check(ctx, found)?;
    let (first, record) = next_for(tx, ctx, &line, &officer, holding)?;
    let now = ctx.now();
    let at = first.now(ctx);
    let taken = Conversation {
        state: ConversationState::Active,
        officer: Some(me),
        served_by: first.served_also_by(me),
        claimed_at: Some(at),
        active_at: at,
        ..first.clone()
    };
    let taken = tx.replace(&first, taken)?;
    keep(tx, &taken, record)?;
    agenda::set_once(tx, TimerKind::ConversationIdle, first.id.uuid(), now.plus(limits::CONVERSATION_IDLE))?;
    attend(tx, ctx, me)?; // whoever takes somebody is there
    // The desk first: whoever follows it finds the conversation, and all that happens in it from here on.
    journal::record(tx, ctx, Topic::Officer(me), EventKind::Claimed, Some(first.id), None)?;
    journal::record(tx, ctx, Topic::Conversation(first.id), EventKind::Claimed, Some(first.id), None)?;
    journal::record(tx, ctx, Topic::Line(line.id), EventKind::LineMoved, None, None)?;
    Ok(Claimed { conversation: first.id, ticket: first.ticket })
}

/// How many conversations an officer holds, whose row is locked.
pub(super) fn holds(tx: &mut dyn ReadTx, officer: OfficerId) -> Result<i64, Error> {
    let held = stretch(Some(Conversation::BY_OFFICER), (officer, ConversationState::Active)).limit(limits::OFFICER_CAPACITY_MAX as u32);
    Ok(tx.scan::<Conversation>(Engine::work("how many conversations an officer holds"), held)?.len() as i64)
}
