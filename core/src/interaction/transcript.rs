//! Reading back: who waits, and everything that happened in a conversation.

use serde::Serialize;

use super::conversation::{self, open};
use super::message::Reader;
use super::{Conversation, ConversationState, ConversationView, Line, MessageView, ReadyLines, WhisperView, message, whisper};
use crate::access::{Checked, check};
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::id::{ConversationId, LineId};
use crate::journal::{self, Cursor, Topic};
use crate::limits;
use crate::store::{ReadTx, Reads, stretch};

/// Who waits in a line.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WaitingView {
    /// The line.
    pub line: LineId,
    /// How many wait.
    pub total: u32,
    /// The first of them, first in line first.
    pub first: Vec<ConversationView>,
}

/// Who waits in a line, first in line first.
pub fn waiting(tx: &mut dyn ReadTx, ctx: &Ctx, line: LineId, limit: u32) -> Result<WaitingView, Error> {
    let found = tx.find::<Line>((line,))?;
    let line = check(ctx, found)?;
    let range = stretch(Some(Conversation::BY_WAIT), (ConversationState::Waiting,)).limit(limit.min(limits::PAGE_ROWS_MAX));
    let first: Vec<Conversation> = tx.under(&line, range)?;
    let total = tx.project(|ready: &ReadyLines| ready.waiting(line.id)).unwrap_or(first.len() as u32);
    let first = first.iter().map(|c| conversation::view(tx, ctx, c)).collect::<Result<_, _>>()?;
    Ok(WaitingView { line: line.id, total, first })
}

/// Something that happened in a conversation.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TranscriptEvent {
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: journal::EventKind,
    /// Who, as `officer/…` or `taxpayer/…`.
    pub actor: String,
    /// Place of the message, where it is about one.
    pub number: Option<i64>,
}

/// Everything that happened in a conversation.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Transcript {
    /// The conversation.
    pub conversation: ConversationView,
    /// Its messages, in order.
    pub messages: Vec<MessageView>,
    /// What happened, in order of commit.
    pub events: Vec<TranscriptEvent>,
    /// Remarks of officers beside it, in order, numbers of people masked; for whoever reviews it, and in all that is kept of a person.
    pub whispers: Vec<WhisperView>,
}

/// Asks for everything that happened in a conversation of one's area.
#[derive(Clone, Debug, Serialize)]
pub struct Review {
    /// Which.
    pub conversation: ConversationId,
    /// Why; kept in the audit trail.
    pub reason: String,
}

/// Opens all that is sealed of a conversation; the numbers of its messages, in order.
pub(crate) fn opened_numbers(tx: &mut dyn ReadTx, ctx: &Ctx, id: ConversationId) -> Result<Vec<i64>, Error> {
    let c = open(tx, ctx, id)?;
    conversation::closing_note(tx, ctx, &c)?;
    conversation::transfer_note(tx, ctx, &c)?;
    conversation::topic(tx, ctx, &c)?;
    super::rating::opened_rating(tx, ctx, &c)?;
    whisper::all(tx, ctx, &c, Reader::Reviewer)?;
    Ok(every_message(tx, ctx, &c, Reader::Reviewer)?.iter().map(|m| m.number).collect())
}

/// Every message of a conversation that was opened, as this reader may see it.
pub(super) fn every_message(tx: &mut dyn ReadTx, ctx: &Ctx, c: &Checked<Conversation>, reader: Reader) -> Result<Vec<MessageView>, Error> {
    let mut messages: Vec<MessageView> = Vec::new();
    loop {
        let after = messages.last().map_or(i64::MIN, |m| m.number);
        let page = message::page(tx, ctx, c, reader, after, limits::PAGE_ROWS_MAX)?;
        if page.is_empty() {
            return Ok(messages);
        }
        messages.extend(page);
    }
}

/// Everything that happened in a conversation, as this reader may see it.
pub(crate) fn transcript(tx: &mut dyn ReadTx, ctx: &Ctx, reader: Reader, id: ConversationId) -> Result<Transcript, Error> {
    let c = open(tx, ctx, id)?;
    let messages = every_message(tx, ctx, &c, reader)?;
    let mut events = Vec::new();
    let mut cursor = Cursor::default();
    loop {
        let page = journal::seen_in(tx, Topic::Conversation(id), cursor, limits::EVENTS_PAGE_MAX)?;
        let Some(last) = page.last() else { break };
        cursor = last.cursor();
        events.extend(page.iter().map(|e| TranscriptEvent { at: e.at, kind: e.kind, actor: e.actor.to_string(), number: e.number }));
    }
    let whispers = match reader {
        Reader::Party | Reader::Copier => Vec::new(),
        // A person is given what was said of them; numbers in it may be somebody else's.
        Reader::Reviewer | Reader::Writer(_) => whisper::all(tx, ctx, &c, Reader::Reviewer)?,
    };
    Ok(Transcript { conversation: conversation::view(tx, ctx, &c)?, messages, events, whispers })
}
