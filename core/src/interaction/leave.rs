//! Leaving a line before being served.

use serde::{Deserialize, Serialize};

use super::{Conversation, ConversationState};
use crate::access::check;
use crate::ctx::Ctx;
use crate::error::{Error, Refusal};
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
    match conversation.state {
        ConversationState::Waiting => {}
        ConversationState::Active => return Err(Error::Refused(Refusal::AlreadyServed)),
        ConversationState::Closed | ConversationState::Left => return Err(Error::Refused(Refusal::ConversationClosed)),
    }
    // Within a conversation time never goes back, whatever the clocks of the hosts say.
    let ended_at = Some(ctx.now().max(conversation.active_at));
    tx.replace(&*conversation, Conversation { state: ConversationState::Left, ended_at, ..(*conversation).clone() })?;
    journal::record(tx, ctx, Topic::Conversation(conversation.id), EventKind::Left, Some(conversation.id), None)?;
    journal::record(tx, ctx, Topic::Taxpayer(conversation.taxpayer), EventKind::Left, Some(conversation.id), None)?;
    journal::record(tx, ctx, Topic::Line(conversation.line), EventKind::LineMoved, None, None)?;
    Ok(Left { conversation: conversation.id })
}
