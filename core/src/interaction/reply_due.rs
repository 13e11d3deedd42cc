//! A promised answer that is late (留言逾期): whoever left a message and waits still when the answer is due is told of to those who supervise.

use serde::{Deserialize, Serialize};

use super::{Conversation, ConversationState};
use crate::access::check;
use crate::agenda::{self, TimerKind};
use crate::ctx::Ctx;
use crate::error::Error;
use crate::id::{ConversationId, TimerId};
use crate::journal::{self, EventKind, Topic};
use crate::store::{Tx, Writes};

/// Sees to it that a promise is looked at when it is due.
pub(super) fn watch(tx: &mut dyn Tx, c: &Conversation) -> Result<(), Error> {
    c.reply_due.map_or(Ok(()), |due| agenda::set_by(tx, TimerKind::ReplyDue, c.id.uuid(), due))
}

/// An answer may be late that was promised.
#[derive(Clone, Debug, Serialize)]
pub struct ReplyDue {
    /// The leased timer.
    pub timer: TimerId,
    /// Its fencing token.
    pub token: i64,
}

/// Whether it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepliedLate {
    /// To whom.
    pub conversation: ConversationId,
    /// Whether they wait still, and those who supervise were told.
    pub told: bool,
}

impl crate::core::Answer for RepliedLate {
    fn subject(&self) -> String {
        format!("conversation/{}", self.conversation)
    }
    fn happened(&self) -> bool {
        self.told
    }
}

/// Tells those who supervise of whoever waits still; looks again later where the answer is due later by now.
pub(crate) fn reply_due(tx: &mut dyn Tx, ctx: &Ctx, cmd: ReplyDue) -> Result<RepliedLate, Error> {
    let id = ConversationId::from_uuid(agenda::subject_of(tx, cmd.timer)?);
    let found = tx.lock_row::<Conversation>((id,))?;
    let c = check(ctx, found)?;
    agenda::take(tx, cmd.timer, cmd.token)?;
    let waits = c.state == ConversationState::Waiting;
    let is_past = c.reply_due.is_some_and(|due| due <= ctx.now());
    let late = waits && is_past && !c.is_replied();
    if late {
        journal::record(tx, ctx, Topic::Line(c.line), EventKind::Escalated, Some(id), None)?;
    } else if waits && !is_past {
        watch(tx, &c)?;
    }
    Ok(RepliedLate { conversation: id, told: late })
}
