//! Leaving a message and being called back (留言回呼): the place in line is kept, the taxpayer need not wait there.

use serde::{Deserialize, Serialize};

use super::{Conversation, Line, reply_due};
use crate::access::check;
use crate::calendar::Calendars;
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::id::ConversationId;
use crate::journal::{self, EventKind, Topic};
use crate::store::{Reads, Tx, Writes};

/// Asks to be called back.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RequestCallback {
    /// The conversation that waits.
    pub conversation: ConversationId,
}

/// The taxpayer is called back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CallbackRequested {
    /// The conversation; its place in line is what it was.
    pub conversation: ConversationId,
    /// When they are answered at the latest.
    pub reply_due: Timestamp,
}

impl crate::core::Answer for CallbackRequested {
    fn subject(&self) -> String {
        format!("conversation/{}", self.conversation)
    }
}

/// Lets a taxpayer who waits go, and be called back when it is their turn.
pub fn request_callback(tx: &mut dyn Tx, ctx: &Ctx, calendars: &Calendars, cmd: RequestCallback) -> Result<CallbackRequested, Error> {
    let found = tx.lock_row::<Conversation>((cmd.conversation,))?;
    let conversation = check(ctx, found)?;
    conversation.must_wait()?;
    if let Some(reply_due) = conversation.reply_due.filter(|due| *due > ctx.now()) {
        return Ok(CallbackRequested { conversation: conversation.id, reply_due });
    }
    let line = tx.find::<Line>((conversation.line,))?.ok_or(Error::NotFound { what: "line" })?;
    let line = line.trust("the line in which the caller waits").into_inner();
    let at = conversation.now(ctx);
    let reply = line.reply_due(&*calendars.in_force(tx)?, at, line.reply_minutes)?;
    let promised = tx.replace(&*conversation, Conversation { active_at: at, ..(*conversation).clone() }.promised(Some(reply)))?;
    reply_due::watch(tx, &promised)?;
    journal::record(tx, ctx, Topic::Conversation(conversation.id), EventKind::CallbackRequested, Some(conversation.id), None)?;
    journal::record(tx, ctx, Topic::Line(conversation.line), EventKind::LineMoved, None, None)?;
    Ok(CallbackRequested { conversation: conversation.id, reply_due: reply.due })
}
