//! Live events as a client sees them: checked for the caller, one by one, and filled in.

use std::sync::PoisonError;

use serde::Serialize;

use crate::access::{Actor, Engine, Scope, check};
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::{Error, Problem};
use crate::id::ConversationId;
use crate::interaction::{Conversation, ConversationState, Line, MessageView, Presence, Whisper, one_message, open_conversation};
use crate::journal::{self, Cursor, Event, EventKind, Topic};
use crate::limits;
use crate::operation;
use crate::store::{Page, ReadTx, Reads, stretch};

/// An event, as one client may see it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LiveEvent {
    /// Continue behind this place after a reconnect.
    pub cursor: Cursor,
    /// When.
    pub at: Timestamp,
    /// What it is about, such as `conversation/…`.
    pub topic: String,
    /// What happened.
    pub kind: EventKind,
    /// The conversation concerned.
    pub conversation: Option<ConversationId>,
    /// Place of a message.
    pub number: Option<i64>,
    /// Whether the caller did it.
    pub mine: bool,
    /// The message, where the event is about one.
    pub message: Option<MessageView>,
}

/// Events behind a cursor.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EventPage {
    /// In order.
    pub events: Vec<LiveEvent>,
    /// Continue here.
    pub cursor: Cursor,
    /// Whether there is more already.
    pub more: bool,
}

/// What the caller follows: its own affairs, its open conversations, the conversations that were its own since
/// `since`, and the lines it serves or waits in.
pub(super) fn topics(tx: &mut dyn ReadTx, ctx: &Ctx, since: Option<Cursor>) -> Result<Vec<Topic>, Error> {
    let why = Engine::work("the caller's own conversations");
    let mut topics = Vec::new();
    let desk = match ctx.actor() {
        Actor::Taxpayer(id) => {
            for state in [ConversationState::Waiting, ConversationState::Active] {
                let mine: Vec<Conversation> =
                    tx.scan(why, stretch(Some(Conversation::BY_TAXPAYER), (*id, state)).newest_first().limit(16))?;
                topics.extend(mine.iter().flat_map(|c| [Topic::Conversation(c.id), Topic::Line(c.line)]));
            }
            Topic::Taxpayer(*id)
        }
        Actor::Officer(officer) => {
            let range = stretch(Some(Conversation::BY_OFFICER), (officer.id, ConversationState::Active))
                .newest_first()
                .limit(limits::OFFICER_CAPACITY_MAX as u32);
            topics.extend(tx.scan::<Conversation>(why, range)?.iter().map(|c| Topic::Conversation(c.id)));
            let served: Vec<Line> = tx.list(&Scope::by(ctx, &operation::WAITING), Page { after: None, limit: limits::LINES_SHOWN_MAX })?;
            topics.extend(served.iter().map(|l| Topic::Line(l.id)));
            Topic::Officer(officer.id)
        }
        Actor::Anonymous | Actor::System => return Ok(topics),
    };
    // A conversation that ended while the caller was away is open no more, but its last words are still to be read.
    if let Some(since) = since {
        let away = journal::after_in(tx, desk, since, limits::EVENTS_PAGE_MAX)?;
        topics.extend(away.iter().filter_map(Event::conversation).map(Topic::Conversation));
    }
    topics.push(desk);
    topics.sort_unstable();
    topics.dedup();
    topics.truncate(limits::TOPICS_PER_READER_MAX);
    Ok(topics)
}

fn allowed(tx: &mut dyn ReadTx, ctx: &Ctx, topic: Topic) -> Result<(), Error> {
    match (topic, ctx.actor()) {
        (Topic::Conversation(id), _) => open_conversation(tx, ctx, id).map(drop),
        (Topic::Line(id), _) => {
            let found = tx.find::<Line>((id,))?;
            check(ctx, found).map(drop)
        }
        (Topic::Taxpayer(id), Actor::Taxpayer(me)) if id == *me => Ok(()),
        (Topic::Officer(id), Actor::Officer(me)) if id == me.id => Ok(()),
        _ => Err(Error::NotFound { what: "topic" }),
    }
}

/// Events of `topics` behind `cursor`.
pub(super) fn page(tx: &mut dyn ReadTx, ctx: &Ctx, topics: &[Topic], cursor: Cursor, max: u32) -> Result<EventPage, Error> {
    if topics.len() > limits::TOPICS_PER_READER_MAX {
        return Err(Error::invalid("topics", Problem::TooMany { max: limits::TOPICS_PER_READER_MAX }));
    }
    let max = max.min(limits::EVENTS_PAGE_MAX);
    let mut found = Vec::new();
    for topic in topics {
        match allowed(tx, ctx, *topic) {
            Ok(()) => {}
            // No longer, or never: as if there were nothing in it.
            Err(Error::NotFound { .. }) => continue,
            Err(e) => return Err(e),
        }
        found.extend(journal::after_in(tx, *topic, cursor, max)?);
    }
    found.sort_unstable_by_key(Event::cursor);
    // One full topic may hold more behind its last event, also where nothing was cut off here.
    let more = found.len() >= max as usize;
    found.truncate(max as usize);
    let cursor = found.last().map_or(cursor, Event::cursor);
    Ok(EventPage { events: expand(tx, ctx, &found)?, cursor, more })
}

/// What the caller may see of these events; what it may not is left out.
pub(super) fn expand(tx: &mut dyn ReadTx, ctx: &Ctx, events: &[Event]) -> Result<Vec<LiveEvent>, Error> {
    let me = ctx.actor().as_ref();
    let mut shown = Vec::with_capacity(events.len());
    for event in events {
        let Some(topic) = event.topic() else { continue };
        // Ends are shown once, where they happened; the copies on the desks are for finding them again.
        if matches!(event.kind, EventKind::Closed | EventKind::Left) && !matches!(topic, Topic::Conversation(_)) {
            continue;
        }
        match allowed(tx, ctx, topic) {
            Ok(()) => {}
            Err(Error::NotFound { .. }) => continue,
            Err(e) => return Err(e),
        }
        let message = match (event.kind, event.conversation(), event.number) {
            (EventKind::MessageSent, Some(id), Some(number)) => {
                let conversation = open_conversation(tx, ctx, id)?;
                one_message(tx, ctx, &conversation, number)?
            }
            _ => None,
        };
        shown.push(LiveEvent {
            cursor: event.cursor(),
            at: event.at,
            topic: topic.to_string(),
            kind: event.kind,
            conversation: event.conversation(),
            number: event.number,
            mine: event.actor == me,
            message,
        });
    }
    Ok(shown)
}

/// Takes in what a host, this one or another, whispered.
pub(super) fn hear(note: &str, presence: &Presence, typing: &super::TypingListeners) {
    match serde_json::from_str(note) {
        Ok(Whisper::Present(present)) => presence.renew(present),
        Ok(Whisper::Typing(who)) => typing.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|hear| hear(&who)),
        // A host of another version: whispers are hints, not data.
        Err(e) => tracing::debug!(error = %e, "whisper not understood"),
    }
}
