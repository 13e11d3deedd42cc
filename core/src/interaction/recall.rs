//! Recalling a message (撤回): its sender takes it back within two minutes. The two who talk see that it was recalled and no text;
//! the record keeps the text, for whoever reviews it with a reason.
//!
//! Also after the conversation has ended: what was sent to the wrong person is as wrong then.

use serde::{Deserialize, Serialize};

use super::{Conversation, ConversationState, Message, reminder};
use crate::access::{Actor, ActorKind, Checked, check};
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::{Error, Refusal};
use crate::id::ConversationId;
use crate::journal::{self, EventKind, Topic};
use crate::limits;
use crate::store::{Reads, Tx, Writes, stretch};

/// Recalls a message.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Recall {
    /// Where.
    pub conversation: ConversationId,
    /// Its place.
    pub number: i64,
}

/// The message is recalled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Recalled {
    /// Where.
    pub conversation: ConversationId,
    /// Its place.
    pub number: i64,
    /// When; once more, the first time.
    pub recalled_at: Timestamp,
}

impl crate::core::Answer for Recalled {
    fn subject(&self) -> String {
        format!("conversation/{}/message/{}", self.conversation, self.number)
    }
}

/// Recalls a message of the caller's own, also where its officer has handed the conversation on since. Nothing is renumbered, and what was
/// unread stays so; an answer that is recalled is owed again.
pub fn recall(tx: &mut dyn Tx, ctx: &Ctx, cmd: Recall) -> Result<Recalled, Error> {
    let found = tx.lock_row::<Conversation>((cmd.conversation,))?;
    let c = match check(ctx, found.clone()) {
        Err(unreached @ Error::NotFound { .. }) => {
            let had = found.map(|c| c.trust("recalled by whoever wrote in it, who has it no more"));
            had.filter(|c| matches!(ctx.actor(), Actor::Officer(me) if c.served().contains(&me.id))).ok_or(unreached)?
        }
        checked => checked?,
    };
    let range = stretch(None, ()).after((cmd.number.saturating_sub(1),)).limit(1);
    let found: Vec<Message> = tx.under(&c, range)?;
    let message = found.into_iter().find(|m| m.number == cmd.number).ok_or(Error::NotFound { what: "message" })?;
    if message.sender != ctx.actor().as_ref() {
        return Err(Error::Refused(Refusal::NotTheSender));
    }
    let recalled = |recalled_at| Recalled { conversation: c.id, number: cmd.number, recalled_at };
    if let Some(at) = message.recalled_at {
        return Ok(recalled(at));
    }
    // Whatever the clocks of the hosts say, nothing is recalled before it was sent.
    let now = ctx.now().max(message.sent_at);
    if now > message.sent_at.plus(limits::RECALL_WITHIN) {
        return Err(Error::Refused(Refusal::RecallTooLate));
    }
    tx.replace(&message, Message { recalled_at: Some(now), ..message.clone() })?;
    if message.sender.kind == ActorKind::Officer {
        answer_gone(tx, &c, &message)?;
    }
    let mut topics = vec![Topic::Conversation(c.id)];
    if c.is_over() {
        // Nobody follows it any more: to the two desks as well.
        topics.push(Topic::Taxpayer(c.taxpayer));
        topics.extend(c.officer.map(Topic::Officer));
    }
    for topic in topics {
        journal::record(tx, ctx, topic, EventKind::MessageRecalled, Some(c.id), Some(cmd.number))?;
    }
    Ok(recalled(now))
}

/// An answer that was recalled is none: where no other stands, its taxpayer waits for one again since when they did.
fn answer_gone(tx: &mut dyn Tx, c: &Checked<Conversation>, recalled: &Message) -> Result<(), Error> {
    let latest: Vec<Message> = tx.under(c, stretch(None, ()).newest_first().limit(limits::PAGE_ROWS_MAX))?;
    let standing: Vec<&Message> = latest.iter().filter(|m| m.recalled_at.is_none() && m.number != recalled.number).collect();
    let answers = |m: &&&Message| m.sender.kind == ActorKind::Officer;
    let was_first = c.first_answered_at == Some(recalled.sent_at);
    let first_answered_at = if was_first { standing.iter().rfind(answers).map(|m| m.sent_at) } else { c.first_answered_at };
    let attends = c.state == ConversationState::Active && c.held_until.is_none() && c.unanswered_since.is_none();
    let unanswered_since = match c.claimed_at.filter(|_| attends) {
        Some(claimed_at) => owed_since(claimed_at, &standing),
        None => c.unanswered_since,
    };
    if (first_answered_at, unanswered_since) == (c.first_answered_at, c.unanswered_since) {
        return Ok(());
    }
    tx.replace(&**c, Conversation { first_answered_at, unanswered_since, ..(**c).clone() })?;
    unanswered_since.map_or(Ok(()), |since| reminder::watch(tx, c, since))
}

/// Since when an answer is owed by whoever took it then, by the messages that stand, newest first: since they took it, or since the
/// taxpayer wrote behind the last answer.
fn owed_since(claimed_at: Timestamp, standing: &[&Message]) -> Option<Timestamp> {
    let since: Vec<&&Message> = standing.iter().take_while(|m| m.sent_at >= claimed_at).collect();
    match since.iter().position(|m| m.sender.kind == ActorKind::Officer) {
        Some(behind) => since[..behind].last().map(|m| m.sent_at),
        None => Some(claimed_at),
    }
}
