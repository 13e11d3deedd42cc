//! Live events as clients see them: checked for each caller, and filled in.

use std::sync::{Arc, PoisonError};

use serde::Serialize;

use crate::access::{Actor, Engine, Permission, Scope, Unchecked, check};
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::{Error, Problem};
use crate::id::{ConversationId, OfficerId};
use crate::interaction::{
    Conversation, ConversationState, Hint, Line, MessageView, Presence, Reminder, ReminderFor, is_first_message, lines_within, one_message,
    open_conversation, reminded_as, reminder, reminds,
};
use crate::journal::{self, Cursor, Event, EventKind, Topic};
use crate::limits;
use crate::operation;
use crate::planted::{Bug, planted};
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
    /// What the caller's client does about it: sound and popup, as the line declares.
    pub reminder: Option<Reminder>,
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
                .limit(limits::OFFICER_DESK_MAX);
            topics.extend(tx.scan::<Conversation>(why, range)?.iter().map(|c| Topic::Conversation(c.id)));
            let (served, _) = lines_within(tx, &Scope::by(ctx, &operation::WAITING), limits::TOPICS_PER_READER_MAX)?;
            topics.extend(served.iter().map(|l| Topic::Line(l.id)));
            if officer.may(Permission::SuperviseInteraction) {
                supervised(tx, ctx, officer.id, &mut topics)?;
            }
            Topic::Officer(officer.id)
        }
        Actor::Anonymous | Actor::System => return Ok(topics),
    };
    // A conversation that ended while the caller was away is open no more, but its last words are still to be read.
    if let Some(since) = since {
        // What its end is, not how far readers may go: the conversations above were read without that horizon too.
        let mut at = since;
        loop {
            let away = journal::seen_in(tx, desk, at, limits::EVENTS_PAGE_MAX)?;
            topics.extend(away.iter().filter_map(Event::conversation).map(Topic::Conversation));
            match away.last() {
                Some(last) if away.len() as u32 == limits::EVENTS_PAGE_MAX => at = last.cursor(),
                _ => break,
            }
            topics.sort_unstable();
            topics.dedup();
            if topics.len() >= limits::TOPICS_PER_READER_MAX {
                break;
            }
        }
    }
    topics.sort_unstable();
    topics.dedup();
    topics.insert(0, desk); // never the one that is cut off
    topics.truncate(limits::TOPICS_PER_READER_MAX);
    Ok(topics)
}

/// What whoever supervises follows beside that: the lines of their area, and the conversation they take part in, which is among the newest
/// of theirs.
fn supervised(tx: &mut dyn ReadTx, ctx: &Ctx, me: OfficerId, topics: &mut Vec<Topic>) -> Result<(), Error> {
    let (lines, _) = lines_within(tx, &Scope::by(ctx, &operation::CONVERSATIONS), limits::TOPICS_PER_READER_MAX)?;
    topics.extend(lines.iter().map(|l| Topic::Line(l.id)));
    let newest = Page { after: None, limit: limits::JOINED_SCANNED_MAX };
    let theirs: Vec<Conversation> = tx.list(&Scope::by(ctx, &operation::STEP_OUT), newest)?;
    topics.extend(theirs.iter().filter(|c| c.joined == Some(me)).map(|c| Topic::Conversation(c.id)));
    Ok(())
}

/// What a topic is about, read once however many ask for it.
enum Subject {
    Conversation(Option<Box<Unchecked<Conversation>>>),
    Line(Option<Box<Unchecked<Line>>>),
    Desk(Topic),
}

impl Subject {
    /// A row that cannot be read is nobody's: what is in it is not shown, and what others follow goes on.
    fn of(tx: &mut dyn ReadTx, topic: Topic) -> Result<Self, Error> {
        Ok(match topic {
            Topic::Conversation(id) => Self::Conversation(readable(tx.find((id,)).map_err(Error::from))?.flatten().map(Box::new)),
            Topic::Line(id) => Self::Line(readable(tx.find((id,)).map_err(Error::from))?.flatten().map(Box::new)),
            desk @ (Topic::Taxpayer(_) | Topic::Officer(_)) => Self::Desk(desk),
        })
    }

    /// Whether the caller may follow it. What is not there and what is not theirs look alike.
    fn is_open_to(&self, ctx: &Ctx) -> bool {
        match self {
            Self::Conversation(found) => check(ctx, found.as_deref().cloned()).is_ok(),
            Self::Line(found) => check(ctx, found.as_deref().cloned()).is_ok(),
            Self::Desk(desk) => match (desk, ctx.actor()) {
                (Topic::Taxpayer(id), Actor::Taxpayer(me)) => id == me,
                (Topic::Officer(id), Actor::Officer(me)) => *id == me.id,
                _ => false,
            },
        }
    }
}

/// What could be read; nothing, and an alarm, where only this one thing could not.
fn readable<R>(read: Result<R, Error>) -> Result<Option<R>, Error> {
    Ok(super::each(read)?.inspect_err(|e| tracing::error!(error = %e, "something to be shown live cannot be read")).ok())
}

/// Events of `topics` behind `cursor`.
pub(super) fn page(tx: &mut dyn ReadTx, ctx: &Ctx, topics: &[Topic], cursor: Cursor, max: u32) -> Result<EventPage, Error> {
    if topics.len() > limits::TOPICS_PER_READER_MAX {
        return Err(Error::invalid("topics", Problem::TooMany { max: limits::TOPICS_PER_READER_MAX }));
    }
    let max = max.min(limits::EVENTS_PAGE_MAX);
    let mut found = Vec::new();
    for topic in topics {
        // No longer, or never: as if there were nothing in it.
        if Subject::of(tx, *topic)?.is_open_to(ctx) {
            found.extend(journal::after_in(tx, *topic, cursor, max)?);
        }
    }
    found.sort_unstable_by_key(Event::cursor);
    // One full topic may hold more behind its last event, also where nothing was cut off here.
    let more = found.len() >= max as usize;
    found.truncate(max as usize);
    let cursor = found.last().map_or(cursor, Event::cursor);
    let mut events = Vec::with_capacity(found.len());
    for event in &found {
        events.extend(show(tx, event, std::slice::from_ref(ctx))?.into_iter().flatten().map(Arc::unwrap_or_clone));
    }
    Ok(EventPage { events, cursor, more })
}

/// What each of these callers may see of an event; nothing where it is not theirs. Who see the same share it. A message
/// that cannot be opened is shown without its text.
pub(super) fn show(tx: &mut dyn ReadTx, event: &Event, callers: &[Ctx]) -> Result<Vec<Option<Arc<LiveEvent>>>, Error> {
    let Some(topic) = event.topic() else { return Ok(vec![None; callers.len()]) };
    // Ends are shown once, where they happened; the copies on the desks are for finding them again.
    if matches!(event.kind, EventKind::Closed | EventKind::Left) && !matches!(topic, Topic::Conversation(_)) {
        return Ok(vec![None; callers.len()]);
    }
    let subject = Subject::of(tx, topic)?;
    let line = line_of(tx, event, topic, &subject)?;
    let first = is_first(tx, event)?;
    let plain = |mine, to| LiveEvent {
        cursor: event.cursor(),
        at: event.at,
        topic: topic.to_string(),
        kind: event.kind,
        conversation: event.conversation(),
        number: event.number,
        mine,
        message: None,
        reminder: reminds(event, first, topic, to).filter(|_| !mine).and_then(|of| reminder(line.as_ref(), of, to)),
    };
    let about_one = matches!(event.kind, EventKind::MessageSent | EventKind::MessageRecalled);
    let message = about_one.then(|| event.conversation().zip(event.number)).flatten();
    let mut shared: [Option<Arc<LiveEvent>>; 2 * ReminderFor::ALL.len()] = Default::default();
    let mut shown = Vec::with_capacity(callers.len());
    for ctx in callers {
        let mine = event.actor == ctx.actor().as_ref();
        let to = line.as_ref().map_or(ReminderFor::Officer, |line| reminded_as(ctx.actor(), line));
        // An officer who supervises serves too: what officers are reminded of, they are.
        let to = if to == ReminderFor::Supervisor && reminds(event, first, topic, to).is_none() { ReminderFor::Officer } else { to };
        shown.push(match message {
            _ if !subject.is_open_to(ctx) && !planted(Bug::LiveUnchecked) => None,
            _ if event.kind == EventKind::Escalated && to != ReminderFor::Supervisor => None,
            // A view of a message is its reader's own.
            Some((id, number)) => {
                let message = readable(seen_message(tx, ctx, id, number))?.flatten();
                Some(Arc::new(LiveEvent { message, ..plain(mine, to) }))
            }
            None => {
                let same = &mut shared[usize::from(mine) * ReminderFor::ALL.len() + to as usize];
                Some(same.get_or_insert_with(|| Arc::new(plain(mine, to))).clone())
            }
        });
    }
    Ok(shown)
}

/// Whether a message is the first of its side of the conversation.
fn is_first(tx: &mut dyn ReadTx, event: &Event) -> Result<bool, Error> {
    match event.conversation().zip(event.number) {
        Some((id, number)) if event.kind == EventKind::MessageSent => {
            Ok(readable(is_first_message(tx, id, number, event.actor.kind))?.unwrap_or_default())
        }
        _ => Ok(false),
    }
}

/// The line whose policy says how somebody is reminded of an event; none where nobody is, or what it is about cannot be read.
fn line_of(tx: &mut dyn ReadTx, event: &Event, topic: Topic, subject: &Subject) -> Result<Option<Line>, Error> {
    if !ReminderFor::ALL.iter().any(|to| reminds(event, false, topic, *to).is_some()) {
        return Ok(None);
    }
    let why = "how a line reminds is no secret of whoever is reminded";
    let conversation = match subject {
        Subject::Line(line) => return Ok(line.as_deref().cloned().map(|line| line.trust(why).into_inner())),
        Subject::Conversation(found) => found.as_deref().cloned(),
        Subject::Desk(_) => match event.conversation() {
            Some(id) => readable(tx.find::<Conversation>((id,)).map_err(Error::from))?.flatten(),
            None => None,
        },
    };
    let Some(conversation) = conversation else { return Ok(None) };
    let id = conversation.trust("whoever is reminded of a conversation is reminded as its line says").line;
    let line = readable(tx.find::<Line>((id,)).map_err(Error::from))?.flatten();
    Ok(line.map(|line| line.trust(why).into_inner()))
}

fn seen_message(tx: &mut dyn ReadTx, ctx: &Ctx, id: ConversationId, number: i64) -> Result<Option<MessageView>, Error> {
    let conversation = open_conversation(tx, ctx, id)?;
    one_message(tx, ctx, &conversation, number)
}

/// Takes in what a host, this one or another, whispered.
pub(super) fn hear(note: &str, presence: &Presence, typing: &super::TypingListeners) {
    match serde_json::from_str(note) {
        Ok(Hint::Present(present)) => presence.hear(present),
        Ok(Hint::Typing(who)) => typing.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|hear| hear(&who)),
        // A host of another version: whispers are hints, not data.
        Err(e) => tracing::debug!(error = %e, "whisper not understood"),
    }
}
