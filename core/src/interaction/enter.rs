//! Entering a line (排队).

use serde::{Deserialize, Serialize};

use super::{Conversation, ConversationState, Line, SourceChannel};
use crate::access::{Engine, check};
use crate::ctx::Ctx;
use crate::error::{self, Error, Refusal};
use crate::id::{ConversationId, LineId};
use crate::identity::{Taxpayer, subject};
use crate::journal::{self, EventKind, Topic};
use crate::limits;
use crate::store::{Reads, Tx, Writes, stretch};

/// Enters a line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Enter {
    /// Which line.
    pub line: LineId,
    /// What it is about, 1 to 100 characters.
    pub topic: String,
    /// Where the taxpayer comes from.
    pub channel: SourceChannel,
}

/// The taxpayer is in line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Entered {
    /// The conversation that begins.
    pub conversation: ConversationId,
    /// Number in the line.
    pub ticket: i64,
}

impl crate::core::Answer for Entered {
    fn subject(&self) -> String {
        format!("conversation/{}", self.conversation)
    }
}

/// Enters a line. One taxpayer is in one line once.
pub fn enter(tx: &mut dyn Tx, ctx: &Ctx, cmd: Enter) -> Result<Entered, Error> {
    let taxpayer = ctx.actor().taxpayer()?;
    let topic = error::text("topic", &cmd.topic, limits::TOPIC_CHARS_MAX)?;
    let found = tx.lock_row::<Line>((cmd.line,))?;
    let line = check(ctx, found)?;
    if !line.open {
        return Err(Error::Refused(Refusal::LineClosed));
    }
    for state in [ConversationState::Waiting, ConversationState::Active] {
        let range = stretch(Some(Conversation::BY_TAXPAYER), (taxpayer, state));
        let mine: Vec<Conversation> = tx.scan(Engine::work("the caller's own conversations"), range)?;
        if let Some(same) = mine.iter().find(|c| c.line == line.id) {
            return Err(Error::Refused(Refusal::AlreadyInLine(same.id)));
        }
    }
    tx.find::<Taxpayer>((taxpayer,))?.ok_or(Error::SignInRequired)?.trust("the caller's own record").into_inner();
    let id = ConversationId::from_uuid(ctx.new_uuid());
    let key = subject::create(tx, ctx, id.uuid())?;
    let topic = ctx.with_rng(|rng| key.seal(ctx.keys().suite(), rng, Conversation::place("topic", &id), topic.as_bytes()));
    let ticket = line.next_ticket;
    tx.replace(&*line, Line { next_ticket: ticket + 1, ..(*line).clone() })?;
    tx.add(&Conversation {
        id,
        line: line.id,
        authority: line.authority.clone(),
        taxpayer,
        officer: None,
        state: ConversationState::Waiting,
        channel: cmd.channel,
        topic,
        rank: 0,
        ticket,
        entered_at: ctx.now(),
        claimed_at: None,
        ended_at: None,
        active_at: ctx.now(),
        outcome: None,
        closing_note: None,
        last_number: 0,
        taxpayer_read: 0,
        officer_read: 0,
        external_id: None,
        version: 0,
    })?;
    // The desk first: whoever follows it finds the conversation, and all that happens in it from here on.
    journal::record(tx, ctx, Topic::Taxpayer(taxpayer), EventKind::Entered, Some(id), None)?;
    journal::record(tx, ctx, Topic::Conversation(id), EventKind::Entered, Some(id), None)?;
    journal::record(tx, ctx, Topic::Line(line.id), EventKind::LineMoved, None, None)?;
    Ok(Entered { conversation: id, ticket })
}
