//! Letting somebody go first (优先): the one way in which an officer lets somebody overtake in a line, with a reason in the audit trail.
//! Whoever was served already overtakes too: they were transferred, or went back to where they stood.

use serde::{Deserialize, Serialize};

use super::{Conversation, Line};
use crate::access::check;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::id::ConversationId;
use crate::identity::reason;
use crate::journal::{self, EventKind, Topic};
use crate::store::{Reads, Tx, Writes};

/// Before all who wait in ordinary order.
pub(super) const FIRST: i64 = -1;

/// Lets somebody who waits go before those who wait in ordinary order.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Prioritise {
    /// The conversation that waits.
    pub conversation: ConversationId,
    /// Why; kept in the audit trail.
    pub reason: String,
}

/// It goes before the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Prioritised {
    /// Which.
    pub conversation: ConversationId,
}

impl crate::core::Answer for Prioritised {
    fn subject(&self) -> String {
        format!("conversation/{}", self.conversation)
    }
}

/// Lets somebody go first; several of them keep their order of entering.
pub fn prioritise(tx: &mut dyn Tx, ctx: &Ctx, cmd: Prioritise) -> Result<Prioritised, Error> {
    reason(&cmd.reason)?;
    // The line's lock comes before the conversation's, as for a claim, so look before locking.
    let found = tx.find::<Conversation>((cmd.conversation,))?;
    let line = check(ctx, found)?.line;
    tx.lock_row::<Line>((line,))?.ok_or(Error::NotFound { what: "line" })?.trust("the line of a conversation that was opened").into_inner();
    let found = tx.lock_row::<Conversation>((cmd.conversation,))?;
    let conversation = check(ctx, found)?;
    conversation.must_wait()?;
    if conversation.rank != FIRST {
        tx.replace(&*conversation, Conversation { rank: FIRST, ..(*conversation).clone() })?;
        journal::record(tx, ctx, Topic::Conversation(conversation.id), EventKind::Prioritised, Some(conversation.id), None)?;
        journal::record(tx, ctx, Topic::Line(line), EventKind::LineMoved, None, None)?;
    }
    Ok(Prioritised { conversation: conversation.id })
}
