//! The journal: what happened, append-only, in the order in which it was committed. Carries ids, never names
//! or bodies. Live events, projections on other hosts, and every count that must not drift are read from it.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::access::Engine;
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::{Error, Problem};
use crate::id::{ConversationId, LineId, OfficerId, TaxpayerId};
use crate::limits;
use crate::planted::{Bug, planted};
use crate::store::{ReadTx, Reads, StoreResult, Tx, Writes, stretch};

words! {
    /// What happened.
    pub enum EventKind {
        /// A taxpayer entered a line.
        Entered = "conversation.entered",
        /// A taxpayer left a line before being served.
        Left = "conversation.left",
        /// A taxpayer in line keeps the place without waiting there, and is called back.
        CallbackRequested = "conversation.callback_requested",
        /// Somebody in line goes before the others.
        Prioritised = "conversation.prioritised",
        /// An officer took the conversation.
        Claimed = "conversation.claimed",
        /// The officer is gone; the conversation waits again where it stood.
        Returned = "conversation.returned",
        /// The conversation was transferred to another officer or line.
        Transferred = "conversation.transferred",
        /// The conversation is offered to the officer.
        Offered = "conversation.offered",
        /// It is offered to the officer no more.
        OfferPassed = "conversation.offer_passed",
        /// The officer put the conversation on hold.
        Held = "conversation.held",
        /// The conversation goes on after it was on hold.
        Resumed = "conversation.resumed",
        /// Whoever supervises it takes part.
        Joined = "conversation.joined",
        /// Whoever supervised it takes part no more.
        SteppedOut = "conversation.stepped_out",
        /// A colleague wrote a remark beside the conversation, for officers; `number` is its place.
        Whispered = "conversation.whispered",
        /// A colleague asks the officer about a conversation; `number` is the place of the remark.
        Mentioned = "conversation.mentioned",
        /// Another conversation of the taxpayer, which the event names, ended: it goes on in this one.
        Merged = "conversation.merged",
        /// The taxpayer waits for an answer of the officer for too long.
        Unanswered = "conversation.unanswered",
        /// The taxpayer still does: those who supervise the line are told.
        Escalated = "conversation.escalated",
        /// A message was written; `number` is its place.
        MessageSent = "message.sent",
        /// A message was recalled by its sender; `number` is its place.
        MessageRecalled = "message.recalled",
        /// Messages up to `number` were read by the actor.
        MessagesRead = "messages.read",
        /// The conversation was closed.
        Closed = "conversation.closed",
        /// The taxpayer filed an appeal.
        AppealFiled = "appeal.filed",
        /// An appeal of the taxpayer was answered.
        AppealAnswered = "appeal.answered",
        /// The taxpayer rated the conversation.
        Rated = "conversation.rated",
        /// Somebody entered the line, or waits in it again: they were transferred to it, or their officer is gone.
        LineEntered = "line.entered",
        /// Who waits in a line has changed otherwise.
        LineMoved = "line.moved",
    }
}

/// What an event is about, and what readers follow.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// One conversation.
    Conversation(ConversationId),
    /// One line.
    Line(LineId),
    /// One taxpayer's affairs, on all their devices.
    Taxpayer(TaxpayerId),
    /// One officer's desk.
    Officer(OfficerId),
}

impl Topic {
    fn bytes(self) -> [u8; 17] {
        let (tag, id) = match self {
            Self::Conversation(id) => (b'c', id.uuid()),
            Self::Line(id) => (b'l', id.uuid()),
            Self::Taxpayer(id) => (b't', id.uuid()),
            Self::Officer(id) => (b'o', id.uuid()),
        };
        let mut bytes = [tag; 17];
        bytes[1..].copy_from_slice(id.as_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8; 17]) -> Option<Self> {
        let id = Uuid::from_slice(&bytes[1..]).ok()?;
        Some(match bytes[0] {
            b'c' => Self::Conversation(ConversationId::from_uuid(id)),
            b'l' => Self::Line(LineId::from_uuid(id)),
            b't' => Self::Taxpayer(TaxpayerId::from_uuid(id)),
            b'o' => Self::Officer(OfficerId::from_uuid(id)),
            _ => return None,
        })
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conversation(id) => write!(f, "conversation/{id}"),
            Self::Line(id) => write!(f, "line/{id}"),
            Self::Taxpayer(id) => write!(f, "taxpayer/{id}"),
            Self::Officer(id) => write!(f, "officer/{id}"),
        }
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

record! {
    /// One event.
    pub struct Event in "journal" {
        /// Transaction that wrote it, on an engine with several writers; else 0.
        xid: i64,
        /// Rises within the transaction.
        seq: i64,
        /// When, on the clock of the host that wrote it.
        at: Timestamp,
        /// [`Topic`].
        topic: [u8; 17],
        /// What happened.
        kind: EventKind,
        /// The conversation concerned.
        conversation: Option<Vec<u8>>,
        /// Place of a message.
        number: Option<i64>,
        /// Who did it: [`ActorRef`](crate::access::ActorRef).
        actor: crate::access::ActorRef,
    }
    key(xid, seq);
    stamped seq;
    index BY_TOPIC(topic, xid, seq);
}

impl Event {
    /// Its place in the journal.
    pub fn cursor(&self) -> Cursor {
        Cursor { xid: self.xid, seq: self.seq }
    }

    /// What it is about.
    pub fn topic(&self) -> Option<Topic> {
        Topic::from_bytes(&self.topic)
    }

    /// The conversation concerned.
    pub fn conversation(&self) -> Option<ConversationId> {
        self.conversation.as_deref().and_then(|b| Uuid::from_slice(b).ok()).map(ConversationId::from_uuid)
    }
}

/// A place in the journal. Readers continue behind it; order is order of commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Cursor {
    xid: i64,
    seq: i64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.xid, self.seq)
    }
}

impl Cursor {
    /// Reads what `Display` writes.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let malformed = || Error::invalid("cursor", Problem::Malformed("expected a cursor as answered before, such as 0.12".into()));
        let (xid, seq) = text.split_once('.').ok_or_else(malformed)?;
        let number = |s: &str| s.parse::<i64>().ok().filter(|n| *n >= 0 || planted(Bug::CursorNegative)).ok_or_else(malformed);
        Ok(Self { xid: number(xid)?, seq: number(seq)? })
    }
}

impl Serialize for Cursor {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "schema")]
string_schema!(Cursor, "cursor", "A place in the journal, as answered before.");

/// Writes down that something happened.
pub(crate) fn record(
    tx: &mut dyn Tx,
    ctx: &Ctx,
    topic: Topic,
    kind: EventKind,
    conversation: Option<ConversationId>,
    number: Option<i64>,
) -> StoreResult<()> {
    tx.add(&Event {
        xid: 0,
        seq: 0,
        at: ctx.now(),
        topic: topic.bytes(),
        kind,
        conversation: conversation.map(|c| c.as_bytes().to_vec()),
        number,
        actor: ctx.actor().as_ref(),
    })
}

/// The last transaction that readers may pass: it has ended, and so has every one before it.
fn passable(tx: &mut dyn ReadTx) -> StoreResult<i64> {
    let horizon = tx.horizon()?;
    Ok(if planted(Bug::JournalPastHorizon) { i64::MAX } else { horizon - 1 })
}

/// Events of any topic behind `cursor`. Never passes a row whose transaction may still be open.
pub(crate) fn after(tx: &mut dyn ReadTx, cursor: Cursor, max: u32) -> StoreResult<Vec<Event>> {
    let passable = passable(tx)?;
    let range = stretch(None, ()).after((cursor.xid, cursor.seq)).until(passable).limit(max.min(limits::EVENTS_PAGE_MAX));
    tx.scan(Engine::work("the journal is dispatched by topic, and checked per reader after that"), range)
}

/// Events of one topic behind `cursor`.
pub(crate) fn after_in(tx: &mut dyn ReadTx, topic: Topic, cursor: Cursor, max: u32) -> StoreResult<Vec<Event>> {
    let passable = passable(tx)?;
    let range = stretch(Some(Event::BY_TOPIC), (topic.bytes(),))
        .after((cursor.xid, cursor.seq))
        .until(passable)
        .limit(max.min(limits::EVENTS_PAGE_MAX));
    tx.scan(Engine::work("the reader's topics were checked"), range)
}

/// Events of one topic behind `cursor`, all that this transaction sees: for whoever reads them once and does not
/// continue at a cursor later. No horizon, so what the caller has just done is there.
pub(crate) fn seen_in(tx: &mut dyn ReadTx, topic: Topic, cursor: Cursor, max: u32) -> StoreResult<Vec<Event>> {
    let range = stretch(Some(Event::BY_TOPIC), (topic.bytes(),)).after((cursor.xid, cursor.seq)).limit(max.min(limits::EVENTS_PAGE_MAX));
    tx.scan(Engine::work("the topic's object was opened"), range)
}

/// The place behind everything committed so far.
pub(crate) fn end(tx: &mut dyn ReadTx) -> StoreResult<Cursor> {
    let passable = passable(tx)?;
    let range = stretch(None, ()).until(passable).newest_first().limit(1);
    let last: Vec<Event> = tx.scan(Engine::work("the end of the journal"), range)?;
    Ok(last.first().map(Event::cursor).unwrap_or_default())
}
