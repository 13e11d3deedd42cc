//! Entering a line (排队).

use serde::{Deserialize, Serialize};

use super::ready::is_full;
use super::{Conversation, ConversationState, Line, SourceChannel, entry, gate, hours_over, reply_due};
use crate::access::{Engine, check};
use crate::calendar::Calendars;
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::{self, Error, Refusal};
use crate::grid::looks_after;
use crate::id::{ConversationId, LineId, TaxpayerId};
use crate::identity::{Taxpayer, subject};
use crate::journal::{self, EventKind, Topic};
use crate::limits;
use crate::store::{ReadTx, Reads, Tx, Writes, stretch};

/// Enters a line.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Enter {
    /// Which line.
    pub line: LineId,
    /// What it is about, 1 to 100 characters.
    pub topic: String,
    /// The signed entry of the link that was followed, where there was one: see [`SignedEntry`](super::SignedEntry).
    #[serde(default)]
    pub entry: Option<String>,
    /// The conversation, over by now, that this one goes on from.
    #[serde(default)]
    pub previous: Option<ConversationId>,
    /// Code of the topic of the line that it is about, so that it comes to somebody who knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic_code: Option<String>,
}

impl Enter {
    /// Enters by the door through which the caller signed in.
    pub fn new(line: LineId, topic: impl Into<String>) -> Self {
        Self { line, topic: topic.into(), entry: None, previous: None, topic_code: None }
    }
}

/// The taxpayer is in line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Entered {
    /// The conversation that begins.
    pub conversation: ConversationId,
    /// The line: the one asked for, or the one that takes over when it is full.
    pub line: LineId,
    /// Number in the line.
    pub ticket: i64,
    /// Present where nobody serves the line now: what is written is a message, answered by then.
    pub reply_due: Option<Timestamp>,
}

impl crate::core::Answer for Entered {
    fn subject(&self) -> String {
        format!("conversation/{}", self.conversation)
    }
}

/// Enters a line. One taxpayer is in one line once.
///
/// # Errors
/// `LineClosed`; `LineFull` where it is full and so is the one that takes over; `AlreadyInLine`; what the gate of a zone says.
pub fn enter(tx: &mut dyn Tx, ctx: &Ctx, calendars: &Calendars, cmd: Enter) -> Result<Entered, Error> {
    let taxpayer = ctx.actor().taxpayer()?;
    let topic = error::text("topic", &cmd.topic, limits::TOPIC_CHARS_MAX)?;
    let channel = channel_of(tx, ctx, &cmd)?;
    let found = tx.find::<Line>((cmd.line,))?;
    let asked = check(ctx, found)?.into_inner();
    if cmd.topic_code.as_deref().is_some_and(|code| !asked.has_topic(code)) {
        return Err(Error::invalid("topic_code", error::Problem::Unknown("topic")));
    }
    not_in(tx, taxpayer, asked.id)?;
    let id = match asked.overflow {
        Some(overflow) if asked.open && is_full(tx, &asked)? => overflow,
        _ => asked.id,
    };
    if id != asked.id {
        gate::admit(tx, asked.kind, taxpayer, ctx.now())?;
    }
    let found = tx.lock_row::<Line>((id,))?;
    // The one that takes over need not be shown to anybody.
    let line = if id == asked.id {
        check(ctx, found)?
    } else {
        found.ok_or(Error::Refused(Refusal::LineFull))?.trust("where a line sends people on")
    };
    if !line.open && id != asked.id {
        return Err(Error::Refused(Refusal::LineFull));
    }
    if !line.open {
        return Err(Error::Refused(Refusal::LineClosed(line.closing_message.clone())));
    }
    not_in(tx, taxpayer, line.id)?; // again: another call of theirs may have held the lock
    if is_full(tx, &line)? {
        return Err(Error::Refused(Refusal::LineFull));
    }
    let on_behalf = gate::admit(tx, line.kind, taxpayer, ctx.now())?;
    let own = tx.find::<Taxpayer>((taxpayer,))?.ok_or(Error::SignInRequired)?.trust("the caller's own record").into_inner();
    let own_officer = looks_after(tx, taxpayer, on_behalf, ctx.now())?;
    let in_force = calendars.in_force(tx)?;
    let reply = line.message_due(&in_force, ctx.now())?;
    let id = ConversationId::from_uuid(ctx.new_uuid());
    let key = subject::create(tx, ctx, id.uuid())?;
    let topic = subject::seal(ctx, &key, Conversation::place("topic", &id), &topic);
    let ticket = line.next_ticket;
    tx.replace(&*line, Line { next_ticket: ticket + 1, ..(*line).clone() })?;
    let waiting = Conversation {
        id,
        line: line.id,
        authority: line.authority.clone(),
        taxpayer,
        officer: None,
        state: ConversationState::Waiting,
        channel,
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
        reply_due: None,
        gate: line.kind.gate(),
        on_behalf,
        previous: cmd.previous,
        transfer_note: None,
        served_by: None,
        reply_began: None,
        reply_minutes: None,
        reply_calendar: None,
        reply_provisional: None,
        topic_code: cmd.topic_code.filter(|code| line.has_topic(code)),
        home: Some(own.authority),
        held_until: None,
        joined: None,
        merged_into: None,
        unanswered_since: None,
        first_claimed_at: None,
        offered_to: None,
        offered_until: None,
        passes: None,
        own_officer,
        entered_line: Some(line.id),
        first_answered_at: None,
        entered_authority: None,
        promise_s: line.promise_s,
    };
    let waiting = waiting.promised(reply);
    tx.add(&waiting)?;
    reply_due::watch(tx, &waiting)?;
    if reply.is_none() {
        hours_over::watch(tx, ctx.now(), &line, &in_force)?;
    }
    // The desk first: whoever follows it finds the conversation, and all that happens in it from here on.
    journal::record(tx, ctx, Topic::Taxpayer(taxpayer), EventKind::Entered, Some(id), None)?;
    journal::record(tx, ctx, Topic::Conversation(id), EventKind::Entered, Some(id), None)?;
    journal::record(tx, ctx, Topic::Line(line.id), EventKind::LineEntered, None, None)?;
    Ok(Entered { conversation: id, line: line.id, ticket, reply_due: reply.map(|reply| reply.due) })
}

/// Where the caller comes from: on from an earlier conversation of theirs, by a signed entry, or by the door of their sign-in.
fn channel_of(tx: &mut dyn ReadTx, ctx: &Ctx, cmd: &Enter) -> Result<SourceChannel, Error> {
    let signed = cmd.entry.as_deref().map(|entry| entry::recognised(ctx.keys(), cmd.line, entry)).transpose()?;
    let Some(previous) = cmd.previous else { return Ok(signed.unwrap_or_else(|| ctx.door())) };
    let unknown = || Error::invalid("previous", error::Problem::Unknown("conversation"));
    let previous = tx.find::<Conversation>((previous,))?.ok_or_else(unknown)?.trust("told of only if it is the caller's").into_inner();
    if previous.taxpayer != ctx.actor().taxpayer()? || !previous.is_over() {
        return Err(unknown());
    }
    Ok(SourceChannel::ReEntry)
}

/// Refuses whoever waits or talks in a line already.
pub(super) fn not_in(tx: &mut dyn ReadTx, taxpayer: TaxpayerId, line: LineId) -> Result<(), Error> {
    for state in [ConversationState::Waiting, ConversationState::Active] {
        let range = stretch(Some(Conversation::BY_TAXPAYER), (taxpayer, state));
        let mine: Vec<Conversation> = tx.scan(Engine::work("the caller's own conversations"), range)?;
        if let Some(same) = mine.iter().find(|c| c.line == line) {
            return Err(Error::Refused(Refusal::AlreadyInLine(same.id)));
        }
    }
    Ok(())
}
