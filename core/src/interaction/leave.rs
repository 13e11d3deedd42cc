//! Leaving a line before being served.

use serde::{Deserialize, Serialize};

use super::{Conversation, ConversationState, offer};
use crate::access::check;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::id::ConversationId;
use crate::journal::{self, EventKind, Topic};
use crate::store::{Tx, Writes};

/// Leaves a line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Leave {
    /// The conversation that waits.
    pub conversation: ConversationId,
}

/// The taxpayer has left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Left {
    /// The conversation.
    pub conversation: ConversationId,
}

impl crate::core::Answer for Left {
    fn subject(&self) -> String {
        format!("conversation/{}", self.conversation)
    }
}

/// Leaves a line; a conversation that an officer has is closed by the officer.
pub fn leave(tx: &mut dyn Tx, ctx: &Ctx, cmd: Leave) -> Result<Left, Error> {
    let found = tx.lock_row::<Conversation>((cmd.conversation,))?;
    let conversation = check(ctx, found)?;
    conversation.must_wait()?;
    let ended_at = Some(conversation.now(ctx));
    offer::withdrawn(tx, ctx, &conversation)?;
    let left = Conversation { state: ConversationState::Left, ended_at, ..(*conversation).clone().not_offered() };
    tx.replace(&*conversation, left)?;
    journal::record(tx, ctx, Topic::Conversation(conversation.id), EventKind::Left, Some(conversation.id), None)?;
    journal::record(tx, ctx, Topic::Taxpayer(conversation.taxpayer), EventKind::Left, Some(conversation.id), None)?;
    journal::record(tx, ctx, Topic::Line(conversation.line), EventKind::LineMoved, None, None)?;
    Ok(Left { conversation: conversation.id })
}
