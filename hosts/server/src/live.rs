//! Live events: one reader of the journal per host, dispatching by topic to the clients connected here.
//!
//! Each client has a [`Feed`]: it catches up from the client's cursor, then follows. Order is the journal's, so
//! a client that reconnects with the last cursor it saw misses nothing and sees nothing twice. Whoever reads too
//! slowly is let go with a code and continues later from its cursor.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use serde::Serialize;
use tokio::sync::{Notify, mpsc};
use zhengna_core::access::{ActorKind, ActorRef, Authenticated};
use zhengna_core::core::LiveEvent;
use zhengna_core::id::ConversationId;
use zhengna_core::interaction::Typing;
use zhengna_core::journal::{Cursor, Event, EventKind, Topic};
use zhengna_core::{Core, Error, Session, limits};

use crate::app::App;
use crate::listener::Lifecycle;
use crate::problem::Problem;

/// Events that may wait for one client; more means it reads too slowly.
const WAITING_EVENTS_MAX: usize = 512;
/// Frames that may wait for one client's socket.
const WAITING_FRAMES_MAX: usize = 64;
/// As many events are filled in on the spot; more take a thread that may block.
const GLANCE_EVENTS_MAX: usize = 4;
/// The journal is looked at this often even without a hint: an open transaction elsewhere may have held rows back.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A session's end, and a change of its posts, reach an open socket within this time (a leaver's sockets drop
/// within 5 s).
const RECHECK_EVERY: Duration = Duration::from_secs(4);
/// A quiet socket is pinged this often, so that gateways keep it and dead peers are found.
const PING_EVERY: Duration = Duration::from_secs(20);

/// Why a feed ended, as WebSocket close codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The host stops: reconnect with the cursor.
    GoingAway = 1001,
    /// The session is over: sign in again.
    SessionOver = 1008,
    /// The host failed: reconnect with the cursor.
    Failed = 1011,
    /// Read too slowly: reconnect with the cursor.
    TooSlow = 4008,
    /// Sent too much, or has too many sockets.
    TooMany = 4029,
}

/// What a client is sent.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Frame {
    /// First: where this feed begins.
    Hello {
        /// Reconnect with it if nothing else came.
        cursor: Cursor,
    },
    /// Something happened.
    Event {
        /// What.
        event: Box<LiveEvent>,
    },
    /// The other one is typing.
    Typing {
        /// Where.
        conversation: ConversationId,
        /// Who.
        who: ActorKind,
    },
    /// Still there.
    Ping,
    /// Last: why it ends.
    #[serde(skip)]
    End(Ended),
}

impl Frame {
    /// The cursor a client continues from after this frame.
    pub fn cursor(&self) -> Option<Cursor> {
        match self {
            Self::Hello { cursor } => Some(*cursor),
            Self::Event { event } => Some(event.cursor),
            _ => None,
        }
    }

    /// As JSON text.
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| "{}".into()) // plain data: cannot fail
    }
}

enum Note {
    Event(Arc<Event>),
    Typing(Typing),
}

/// Dispatches the journal to the feeds of this host.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    feeds: Mutex<Feeds>,
    next: AtomicU64,
}

#[derive(Default)]
struct Feeds {
    by_topic: HashMap<Topic, HashSet<u64>>,
    by_id: HashMap<u64, Followed>,
}

/// A feed as the hub knows it.
struct Followed {
    sender: mpsc::Sender<Note>,
    /// Where it stands in `by_topic`: whoever leaves is not looked for under everybody's topics.
    topics: Vec<Topic>,
}

impl Feeds {
    fn drop_feed(&mut self, id: u64) {
        let Some(feed) = self.by_id.remove(&id) else { return };
        for topic in feed.topics {
            if let Entry::Occupied(mut ids) = self.by_topic.entry(topic) {
                ids.get_mut().remove(&id);
                if ids.get().is_empty() {
                    ids.remove();
                }
            }
        }
    }

    fn follow(&mut self, id: u64, topics: &[Topic]) {
        // One that was let go for being slow is gone from here, though its end is still on the way to it.
        let Some(feed) = self.by_id.get_mut(&id) else { return };
        feed.topics.extend_from_slice(topics);
        for topic in topics {
            self.by_topic.entry(*topic).or_default().insert(id);
        }
    }

    /// Hands a note to everybody who follows the topic; lets go whoever has no room for it.
    fn dispatch(&mut self, topic: Topic, note: impl Fn() -> Note) {
        let Some(ids) = self.by_topic.get(&topic) else { return };
        let slow: Vec<u64> =
            ids.iter().copied().filter(|id| self.by_id.get(id).is_none_or(|f| f.sender.try_send(note()).is_err())).collect();
        for id in slow {
            self.drop_feed(id);
        }
    }
}

impl Hub {
    /// Starts the reader of the journal.
    pub fn start(core: Core, lifecycle: Lifecycle) -> Self {
        let hub = Self(Arc::new(Inner { feeds: Mutex::default(), next: AtomicU64::new(0) }));
        let typing = hub.clone();
        core.on_typing(move |who| typing.lock().dispatch(Topic::Conversation(who.conversation), || Note::Typing(who.clone())));
        let hint = Arc::new(Notify::new());
        let wake = hint.clone();
        core.store().signal().listen(move || wake.notify_one());
        tokio::spawn(read_journal(hub.clone(), core, lifecycle, hint));
        hub
    }

    fn lock(&self) -> MutexGuard<'_, Feeds> {
        self.0.feeds.lock().unwrap_or_else(PoisonError::into_inner) // nothing panics while holding it
    }

    /// Feeds that have a place here.
    pub fn feeds(&self) -> usize {
        self.lock().by_id.len()
    }

    fn register(&self) -> (Registration, mpsc::Receiver<Note>) {
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = mpsc::channel(WAITING_EVENTS_MAX);
        self.lock().by_id.insert(id, Followed { sender, topics: Vec::new() });
        (Registration { hub: self.clone(), id }, receiver)
    }
}

/// A feed's place in the hub, given up on drop.
struct Registration {
    hub: Hub,
    id: u64,
}

impl Registration {
    fn follow(&self, topics: &[Topic]) {
        self.hub.lock().follow(self.id, topics);
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.hub.lock().drop_feed(self.id);
    }
}

async fn read_journal(hub: Hub, core: Core, lifecycle: Lifecycle, hint: Arc<Notify>) {
    let mut cursor = None;
    loop {
        tokio::select! {
            () = lifecycle.stopping() => return,
            () = hint.notified() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let (reader, from) = (core.clone(), cursor);
        let read = tokio::task::spawn_blocking(move || match from {
            None => reader.journal_end().map(|end| (end, Vec::new())),
            Some(from) => {
                reader.journal_after(from, limits::EVENTS_PAGE_MAX).map(|events| (events.last().map_or(from, Event::cursor), events))
            }
        });
        match read.await {
            Ok(Ok((end, events))) => {
                cursor = Some(end);
                if events.len() as u32 == limits::EVENTS_PAGE_MAX {
                    hint.notify_one();
                }
                let mut feeds = hub.lock();
                for event in events.into_iter().map(Arc::new) {
                    if let Some(topic) = event.topic() {
                        feeds.dispatch(topic, || Note::Event(event.clone()));
                    }
                }
            }
            // Nothing is lost: the next look begins at the same cursor.
            Ok(Err(e)) => tracing::warn!(error = %e, "the journal could not be read"),
            Err(e) => tracing::error!(error = %e, "reading the journal panicked"),
        }
    }
}

/// Begins a feed for a caller; frames come out of the receiver, the last one is [`Frame::End`].
pub fn feed(app: &App, caller: Authenticated, cursor: Option<Cursor>, request: String) -> mpsc::Receiver<Frame> {
    let (frames, receiver) = mpsc::channel(WAITING_FRAMES_MAX);
    let feed = Feed { app: app.clone(), caller, request, frames, topics: HashSet::new(), last: Cursor::default() };
    let lifecycle = app.lifecycle().clone();
    tokio::spawn(async move {
        let _token = lifecycle.token();
        feed.run(cursor).await;
    });
    receiver
}

struct Feed {
    app: App,
    caller: Authenticated,
    request: String,
    frames: mpsc::Sender<Frame>,
    topics: HashSet<Topic>,
    /// The last event sent, or where the feed began.
    last: Cursor,
}

/// What stops a feed from inside.
enum Stop {
    /// The client is gone; there is nobody to tell.
    Gone,
    /// Tell the client why.
    End(Ended),
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::End(if problem.status.as_u16() == 401 || problem.status.as_u16() == 403 { Ended::SessionOver } else { Ended::Failed })
    }
}

impl Feed {
    async fn run(mut self, cursor: Option<Cursor>) {
        let stopping = self.app.lifecycle().stopping();
        let stop = tokio::select! {
            () = stopping => Stop::End(Ended::GoingAway),
            stop = self.follow(cursor) => stop,
        };
        if let Stop::End(why) = stop {
            // A client that does not read will not read this either: it gets a moment, not more.
            let _ = self.frames.send_timeout(Frame::End(why), Duration::from_secs(2)).await;
        }
    }

    async fn follow(&mut self, cursor: Option<Cursor>) -> Stop {
        match self.try_follow(cursor).await {
            Ok(never) => match never {},
            Err(stop) => stop,
        }
    }

    async fn try_follow(&mut self, cursor: Option<Cursor>) -> Result<std::convert::Infallible, Stop> {
        let (registration, mut notes) = self.app.hub().register();
        // Registered first, read after: what happens in between comes both ways and is told apart by its cursor.
        self.topics = self.read(move |s| s.journal().topics(cursor)).await?.into_iter().collect();
        registration.follow(&self.topics.iter().copied().collect::<Vec<_>>());
        self.last = match cursor {
            Some(cursor) => cursor,
            None => self.app.read(Core::journal_end).await?,
        };
        self.send(Frame::Hello { cursor: self.last }).await?;
        if cursor.is_some() {
            self.catch_up(&registration).await?;
        }
        let mut recheck = tokio::time::interval_at(tokio::time::Instant::now() + RECHECK_EVERY, RECHECK_EVERY);
        let mut ping = tokio::time::interval_at(tokio::time::Instant::now() + PING_EVERY, PING_EVERY);
        loop {
            tokio::select! {
                note = notes.recv() => match note {
                    None => return Err(Stop::End(Ended::TooSlow)),
                    Some(Note::Typing(who)) => self.typing(who).await?,
                    Some(Note::Event(first)) => self.pass_on(first, &mut notes, &registration).await?,
                },
                _ = recheck.tick() => {
                    let session = self.caller.session;
                    self.caller = self.app.glance(move |core| core.reauthenticate(session)).await?;
                }
                _ = ping.tick() => self.send(Frame::Ping).await?,
                () = self.frames.closed() => return Err(Stop::Gone),
            }
        }
    }

    async fn read<R: Send + 'static>(&self, read: impl FnOnce(&Session) -> Result<R, Error> + Send + 'static) -> Result<R, Problem> {
        let session = self.session();
        self.app.read(move |_| read(&session)).await
    }

    fn session(&self) -> Session {
        self.app.core().as_actor(self.caller.actor.clone()).for_request(&self.request)
    }

    async fn send(&self, frame: Frame) -> Result<(), Stop> {
        self.frames.send(frame).await.map_err(|_| Stop::Gone)
    }

    /// Sends everything behind the last event sent, of all topics followed.
    async fn catch_up(&mut self, registration: &Registration) -> Result<(), Stop> {
        loop {
            let (topics, last) = (self.topics.iter().copied().collect::<Vec<_>>(), self.last);
            let page = self.read(move |s| s.journal().events_after(topics, last, limits::EVENTS_PAGE_MAX)).await?;
            self.last = page.cursor;
            let mut grew = false;
            for event in page.events {
                grew |= self.follow_from(&event, registration);
                self.send_event(event).await?;
            }
            // A topic that was added while catching up may have events behind the same cursor: they all come later.
            if !page.more && !grew {
                return Ok(());
            }
        }
    }

    /// Passes on an event, and those that wait behind it, in one read.
    async fn pass_on(&mut self, first: Arc<Event>, notes: &mut mpsc::Receiver<Note>, registration: &Registration) -> Result<(), Stop> {
        let mut events = vec![Event::clone(&first)];
        while let Ok(note) = notes.try_recv() {
            match note {
                Note::Event(next) => events.push(Event::clone(&next)),
                Note::Typing(who) => self.typing(who).await?,
            }
        }
        events.retain(|e| e.cursor() > self.last);
        let Some(end) = events.last().map(Event::cursor) else { return Ok(()) };
        let live = if events.len() <= GLANCE_EVENTS_MAX {
            let session = self.session();
            self.app.glance(move |_| session.journal().expand(events)).await?
        } else {
            self.read(move |s| s.journal().expand(events)).await?
        };
        for event in live {
            let cursor = event.cursor;
            let grew = self.follow_from(&event, registration);
            self.last = cursor;
            self.send_event(event).await?;
            if grew {
                // What the new topic held before we followed it: read on from here, so that order is kept.
                return self.catch_up(registration).await;
            }
        }
        self.last = self.last.max(end);
        Ok(())
    }

    /// Follows the conversation that an event brought to the caller. Says whether that is new.
    fn follow_from(&mut self, event: &LiveEvent, registration: &Registration) -> bool {
        let (EventKind::Entered | EventKind::Claimed, Some(id)) = (event.kind, event.conversation) else { return false };
        let topic = Topic::Conversation(id);
        if self.topics.len() >= limits::TOPICS_PER_READER_MAX || !self.topics.insert(topic) {
            return false;
        }
        registration.follow(&[topic]);
        true
    }

    async fn send_event(&self, event: LiveEvent) -> Result<(), Stop> {
        self.app.metrics().events.fetch_add(1, Ordering::Relaxed);
        self.send(Frame::Event { event: Box::new(event) }).await
    }

    async fn typing(&self, who: Typing) -> Result<(), Stop> {
        let me: ActorRef = self.caller.actor.as_ref();
        if who.who == me.kind || self.app.core().now() >= who.until {
            return Ok(());
        }
        self.send(Frame::Typing { conversation: who.conversation, who: who.who }).await
    }
}

/// What a client may send over its socket: nothing that needs to be kept. All writes go by HTTP.
pub enum FromClient {
    /// The caller is typing.
    Typing {
        /// Where.
        conversation: ConversationId,
    },
    /// Still there.
    Ping,
}

/// A frame as it is written. serde's own tagged enum would take an array for the object and a number for the word.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    #[serde(rename = "type")]
    what: What,
    conversation: Option<ConversationId>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    Typing,
    Ping,
}

/// Reads a frame of a client, as strictly as a body.
pub fn from_client(frame: &Bytes) -> Option<FromClient> {
    let said: Said = crate::body::from_slice(frame, 1).ok()?;
    match (said.what, said.conversation) {
        (What::Typing, Some(conversation)) => Some(FromClient::Typing { conversation }),
        (What::Ping, None) => Some(FromClient::Ping),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_as_strictly_as_a_body() {
        let read = |text: &'static str| from_client(&Bytes::from_static(text.as_bytes()));
        assert!(matches!(read(r#"{"type":"ping"}"#), Some(FromClient::Ping)));
        let typing = r#"{"type":"typing","conversation":"019a0000-0000-7000-8000-000000000001"}"#;
        assert!(matches!(read(typing), Some(FromClient::Typing { .. })));
        for frame in [r#"["ping"]"#, r#"{"type":1}"#, r#"{"type":"ping","x":1}"#, r#"{"type":"ping","type":"ping"}"#, "{}", ""] {
            assert!(read(frame).is_none(), "{frame}");
        }
    }
}
