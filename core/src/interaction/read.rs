//! Read marks (已读): small frequent facts, durable, without an audit record each.

use serde::{Deserialize, Serialize};

use super::Conversation;
use crate::access::{Actor, check};
use crate::ctx::Ctx;
use crate::error::{Error, Problem};
use crate::id::ConversationId;
use crate::journal::{self, EventKind, Topic};
use crate::limits;
use crate::planted::{Bug, planted};
use crate::store::{Tx, Writes};

/// Everything up to a message was read.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MarkRead {
    /// Where.
    pub conversation: ConversationId,
    /// Up to this message; beyond the last one counts as the last one.
    pub number: i64,
}

/// Moves the caller's read marks forward; never back. Returns how many moved.
pub fn mark_read(tx: &mut dyn Tx, ctx: &Ctx, rows: &[MarkRead]) -> Result<u64, Error> {
    let mut moved = 0;
    let mut rows = rows.to_vec();
    rows.sort_by_key(|r| r.conversation); // the order in which locks are taken
    for row in rows {
        if row.number < 1 {
            return Err(Error::invalid("number", Problem::OutOfRange { min: 1, max: limits::MESSAGES_PER_CONVERSATION_MAX }));
        }
        let found = tx.lock_row::<Conversation>((row.conversation,))?;
        let c = check(ctx, found)?;
        let number = row.number.min(c.last_number);
        if matches!(ctx.actor(), Actor::Officer(me) if c.officer != Some(me.id)) {
            continue; // whoever takes part beside the officer does not read for them
        }
        let taxpayer = matches!(ctx.actor(), Actor::Taxpayer(_));
        let before = if taxpayer { c.taxpayer_read } else { c.officer_read };
        if number <= before && !(planted(Bug::ReadMarkMovesBack) && number < before) {
            continue;
        }
        let (taxpayer_read, officer_read) = if taxpayer { (number, c.officer_read) } else { (c.taxpayer_read, number) };
        tx.replace(&*c, Conversation { taxpayer_read, officer_read, ..(*c).clone() })?;
        journal::record(tx, ctx, Topic::Conversation(c.id), EventKind::MessagesRead, Some(c.id), Some(number))?;
        moved += 1;
    }
    Ok(moved)
}
