//! Closing a conversation with an outcome.

use serde::{Deserialize, Serialize};

use super::conversation::had;
use super::{Conversation, ConversationState, attendance, hours_over, join, offer, reply_due};
use crate::access::check;
use crate::agenda::{self, TimerKind};
use crate::ctx::Ctx;
use crate::delivery;
use crate::error::{self, Error, Problem};
use crate::id::{ConversationId, TimerId};
use crate::identity::subject;
use crate::journal::{self, EventKind, Topic};
use crate::limits;
use crate::planted::{Bug, planted};
use crate::store::{Tx, Writes};

words! {
    /// How a conversation ended.
    pub enum Outcome {
        /// The question is answered.
        Resolved = "resolved",
        /// It is not, and somebody will follow up.
        Unresolved = "unresolved",
        /// The taxpayer did not answer any more.
        NoAnswer = "no_answer",
        /// Nobody wrote for too long; closed by the system.
        Idle = "idle",
        /// It goes on in another conversation of the same taxpayer.
        Merged = "merged",
    }
}

/// Closes a conversation.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Close {
    /// Which.
    pub conversation: ConversationId,
    /// How it ended.
    pub outcome: Outcome,
    /// A note for colleagues, at most 500 characters.
    pub note: Option<String>,
}

/// The conversation is closed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Closed {
    /// Which.
    pub conversation: ConversationId,
    /// How it ended.
    pub outcome: Option<Outcome>,
}

impl crate::core::Answer for Closed {
    fn subject(&self) -> String {
        format!("conversation/{}", self.conversation)
    }
}

/// Closes a conversation that the caller holds.
pub fn close(tx: &mut dyn Tx, ctx: &Ctx, cmd: Close) -> Result<Closed, Error> {
    if matches!(cmd.outcome, Outcome::Idle | Outcome::Merged) {
        return Err(Error::invalid("outcome", Problem::Malformed("idle and merged say themselves".into())));
    }
    let note = cmd.note.as_deref().map(|n| error::text("note", n, limits::CLOSING_NOTE_CHARS_MAX)).transpose()?;
    let conversation = had(tx, ctx, cmd.conversation)?;
    end(tx, ctx, &conversation, (*conversation).clone(), cmd.outcome, note)
}

/// Ends a conversation that is not over, as it is at the end.
pub(super) fn end(
    tx: &mut dyn Tx,
    ctx: &Ctx,
    before: &Conversation,
    c: Conversation,
    outcome: Outcome,
    note: Option<String>,
) -> Result<Closed, Error> {
    join::told(tx, ctx, &c)?;
    offer::withdrawn(tx, ctx, before)?;
    let key = subject::key_of(tx, ctx, c.id.uuid())?;
    let closing_note = note.map(|n| subject::seal(ctx, &key, Conversation::place("closing_note", &c.id), &n));
    let ended_at = Some(c.now(ctx));
    let closed = Conversation { state: ConversationState::Closed, outcome: Some(outcome), closing_note, ended_at, ..c.unattended() };
    let c = tx.replace(before, closed)?;
    let closed = Closed { conversation: c.id, outcome: Some(outcome) };
    journal::record(tx, ctx, Topic::Conversation(c.id), EventKind::Closed, Some(c.id), None)?;
    // To the two desks as well: whoever was away learns there which conversations to read on.
    journal::record(tx, ctx, Topic::Taxpayer(c.taxpayer), EventKind::Closed, Some(c.id), None)?;
    if let Some(officer) = c.officer {
        journal::record(tx, ctx, Topic::Officer(officer), EventKind::Closed, Some(c.id), None)?;
    }
    delivery::tell(tx, ctx, EventKind::Closed.as_str(), &closed)?;
    Ok(closed)
}

/// A conversation's idle timer fell due.
#[derive(Clone, Debug, Serialize)]
pub struct CloseIdle {
    /// The leased timer.
    pub timer: TimerId,
    /// Its fencing token.
    pub token: i64,
}

/// Closes the conversation if nobody wrote for [`limits::CONVERSATION_IDLE`]; sets the timer anew if somebody did. Where its taxpayer waits for
/// an answer of the officer who has it, it is not over: it waits again where it stood, and others are asked first.
pub fn close_idle(tx: &mut dyn Tx, ctx: &Ctx, cmd: CloseIdle) -> Result<Closed, Error> {
    let id = ConversationId::from_uuid(agenda::subject_of(tx, cmd.timer)?);
    let found = tx.lock_row::<Conversation>((id,))?;
    let conversation = check(ctx, found)?;
    agenda::take(tx, cmd.timer, cmd.token)?;
    // Whoever is on hold is not silent.
    let idle_at =
        conversation.held_until.map_or(conversation.active_at, |held| held.max(conversation.active_at)).plus(limits::CONVERSATION_IDLE);
    if conversation.state != ConversationState::Active {
        return Ok(Closed { conversation: id, outcome: conversation.outcome });
    }
    if ctx.now() < idle_at {
        if !planted(Bug::TimerNotRearmed) {
            agenda::set_once(tx, TimerKind::ConversationIdle, id.uuid(), idle_at)?;
        }
        return Ok(Closed { conversation: id, outcome: None });
    }
    if let Some(officer) = conversation.officer.filter(|_| conversation.unanswered_since.is_some()) {
        attendance::back_in_line(tx, ctx, &conversation, (*conversation).clone().passed_by(officer, ctx.now()))?;
        hours_over::look(tx, ctx, conversation.line)?;
        reply_due::watch(tx, &conversation)?;
        return Ok(Closed { conversation: id, outcome: None });
    }
    end(tx, ctx, &conversation, (*conversation).clone(), Outcome::Idle, None)
}
