//! Live events: one reader of the journal per host, dispatching by topic to the clients connected here.
//!
//! The hub asks the core once per event what each of its followers may see, and hands that out. Each client has a
//! [`Feed`]: it catches up from the client's cursor, then follows. Order is the journal's, so a client that
//! reconnects with the last cursor it saw misses nothing and sees nothing twice. Whoever reads too slowly is let go
//! with a code and continues later from its cursor.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::Utf8Bytes;
use serde::Serialize;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use zhengna_core::access::{Actor, ActorKind, Authenticated};
use zhengna_core::core::LiveEvent;
use zhengna_core::id::{ConversationId, LineId};
use zhengna_core::interaction::{Position, Typing};
use zhengna_core::journal::{Cursor, Event, EventKind, Topic};
use zhengna_core::planted::{Bug, planted};
use zhengna_core::store::StoreError;
use zhengna_core::{Core, Error, Session, limits};

use crate::app::App;
use crate::listener::Lifecycle;
use crate::problem::Problem;

/// Notes that may wait for one client; more means it reads too slowly.
const WAITING_NOTES_MAX: usize = 512;
/// Feeds that are handed a note before others have their turn.
const HANDED_AT_ONCE: usize = 256;
/// The journal is looked at this often even without a hint: an open transaction elsewhere may have held rows back.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A session's end, and a change of its posts, reach an open socket within this time: with the tick below and the time
/// to say goodbye, a leaver's sockets drop within 5 s.
const RECHECK_EVERY: Duration = Duration::from_millis(2500);
/// Sessions that are due are looked at together, this often.
const RECHECK_TICK: Duration = Duration::from_millis(200);
/// Whoever waits is told where they stand this often, where that has changed.
const PLACES_EVERY: Duration = Duration::from_secs(1);
/// Once in so many times all lines are looked at: who is on duty changes the wait, and is no event.
const ALL_PLACES_EVERY: u32 = 15;
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
#[derive(Clone, Debug)]
pub enum Frame {
    /// JSON text; the cursor a client continues from after it, where there is one.
    Text(Utf8Bytes, Option<Cursor>),
    /// Last: why it ends.
    End(Ended),
}

/// The text of a frame.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Said<'a> {
    /// First: where this feed begins.
    Hello {
        /// Reconnect with it if nothing else came.
        cursor: Cursor,
    },
    /// Something happened.
    Event {
        /// What.
        event: &'a LiveEvent,
    },
    /// The other one is typing.
    Typing {
        /// Where.
        conversation: ConversationId,
        /// Who.
        who: ActorKind,
    },
    /// Where the caller stands in line: as the answer of `GET /conversations/{conversation}/position`.
    Position {
        /// Where.
        position: &'a Position,
    },
    /// Still there.
    Ping,
}

impl Said<'_> {
    fn text(&self) -> Utf8Bytes {
        serde_json::to_string(self).unwrap_or_else(|_| "{}".into()).into() // plain data: cannot fail
    }
}

/// An event as its readers are told of it; those who see the same share it.
struct Told {
    text: Utf8Bytes,
    cursor: Cursor,
    about: About,
}

/// What an event means for whom a feed follows.
enum About {
    /// It brings a conversation to its reader.
    Begun(ConversationId),
    /// A conversation is over.
    Over(ConversationId),
    Other,
}

impl Told {
    fn of(event: &LiveEvent) -> Self {
        let about = match (event.kind, event.conversation) {
            (EventKind::Entered | EventKind::Claimed | EventKind::Transferred | EventKind::Joined, Some(id)) => About::Begun(id),
            (EventKind::Closed | EventKind::Left, Some(id)) => About::Over(id),
            _ => About::Other,
        };
        Self { text: Said::Event { event }.text(), cursor: event.cursor, about }
    }
}

/// What the hub hands to a feed.
enum Note {
    Event(Arc<Told>),
    Typing(Arc<Typing>),
    /// Where whoever waits stands now.
    Position(Utf8Bytes),
    /// There may be events that the hub did not hand over: read on from the last one.
    Behind,
}

/// How the hub lets a feed go. Stands beside the notes: what waits to be sent holds up no end.
#[derive(Default)]
struct End {
    why: OnceLock<Ended>,
    now: CancellationToken,
}

impl End {
    fn because(&self, why: Ended) {
        let _ = self.why.set(why); // the first reason stands
        self.now.cancel();
    }

    fn why(&self) -> Option<Ended> {
        self.why.get().copied()
    }

    async fn reached(&self) -> Ended {
        self.now.cancelled().await;
        self.why().unwrap_or(Ended::Failed) // set before it is cancelled
    }
}

/// Who is told what.
type Tidings = Vec<(u64, Arc<Told>)>;

/// Dispatches the journal to the feeds of this host.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    feeds: Mutex<Feeds>,
    /// Lines in which places may have changed since everybody was told.
    moved: Mutex<HashSet<LineId>>,
    next: AtomicU64,
}

#[derive(Default)]
struct Feeds {
    by_topic: HashMap<Topic, HashSet<u64>>,
    by_id: HashMap<u64, Followed>,
    /// When each feed's session is looked at again, soonest first.
    rechecks: VecDeque<(Instant, u64)>,
}

/// A feed as the hub knows it.
struct Followed {
    sender: mpsc::Sender<Note>,
    end: Arc<End>,
    caller: Authenticated,
    /// Where it stands in `by_topic`: whoever leaves is not looked for under everybody's topics.
    topics: Vec<Topic>,
    /// Where they were told last that they stand.
    stands: Option<Position>,
}

impl Feeds {
    fn drop_feed(&mut self, id: u64) {
        let Some(feed) = self.by_id.remove(&id) else { return };
        for topic in feed.topics {
            self.forget(topic, id);
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

    fn unfollow(&mut self, id: u64, topic: Topic) {
        if let Some(feed) = self.by_id.get_mut(&id) {
            feed.topics.retain(|followed| *followed != topic);
        }
        self.forget(topic, id);
    }

    fn forget(&mut self, topic: Topic, id: u64) {
        if let Entry::Occupied(mut ids) = self.by_topic.entry(topic) {
            ids.get_mut().remove(&id);
            if ids.get().is_empty() {
                ids.remove();
            }
        }
    }

    fn followers(&self, topic: Topic) -> Vec<(u64, Actor)> {
        let ids = self.by_topic.get(&topic).into_iter().flatten();
        ids.filter_map(|id| self.by_id.get(id).map(|feed| (*id, feed.caller.actor.clone()))).collect()
    }

    /// Hands over a note; lets go whoever has no room for it.
    fn hand(&mut self, id: u64, note: Note) {
        if self.by_id.get(&id).is_some_and(|feed| feed.sender.try_send(note).is_err()) {
            self.let_go(id, Ended::TooSlow);
        }
    }

    fn let_go(&mut self, id: u64, why: Ended) {
        if let Some(feed) = self.by_id.get(&id) {
            feed.end.because(why);
        }
        self.drop_feed(id);
    }

    /// Has every feed read on for itself.
    fn all_behind(&mut self) {
        let ids: Vec<u64> = self.by_id.keys().copied().collect();
        ids.into_iter().for_each(|id| self.hand(id, Note::Behind));
    }

    /// Lines that a taxpayer waits in, by what is followed here.
    fn lines(&self) -> Vec<LineId> {
        self.by_topic.keys().filter_map(|topic| if let Topic::Line(id) = topic { Some(*id) } else { None }).collect()
    }

    /// Tells whoever waits where they stand, on each of their devices, unless they know.
    fn place(&mut self, position: &Position) {
        let ids: Vec<u64> = self.by_topic.get(&Topic::Conversation(position.conversation)).into_iter().flatten().copied().collect();
        let mut text = None;
        for id in ids {
            let Some(feed) = self.by_id.get_mut(&id) else { continue };
            if matches!(feed.caller.actor, Actor::Taxpayer(_)) && feed.stands.as_ref() != Some(position) {
                feed.stands = Some(position.clone());
                let text = text.get_or_insert_with(|| Said::Position { position }.text()).clone();
                self.hand(id, Note::Position(text));
            }
        }
    }

    fn typing(&mut self, who: &Typing) {
        let note = Arc::new(who.clone());
        let ids: Vec<u64> = self.by_topic.get(&Topic::Conversation(who.conversation)).into_iter().flatten().copied().collect();
        for id in ids {
            self.hand(id, Note::Typing(note.clone()));
        }
    }

    /// Takes out whose sessions are due to be looked at, at most as many as one snapshot shows.
    fn take_due(&mut self, now: Instant) -> Vec<(u64, [u8; 32])> {
        let mut due = Vec::new();
        while due.len() < limits::READERS_SHOWN_MAX && self.rechecks.front().is_some_and(|(at, _)| *at <= now) {
            let id = self.rechecks.pop_front().map(|(_, id)| id);
            due.extend(id.and_then(|id| self.by_id.get(&id).map(|feed| (id, feed.caller.session))));
        }
        due
    }

    /// Takes in what a look at a feed's session showed.
    fn rechecked(&mut self, id: u64, caller: Result<Authenticated, Error>, now: Instant) {
        let Some(feed) = self.by_id.get_mut(&id) else { return };
        match caller {
            Ok(caller) => {
                feed.caller = caller;
                self.rechecks.push_back((now + RECHECK_EVERY, id));
            }
            Err(e) => self.let_go(id, Ended::from(Problem::from(e))),
        }
    }
}

/// Events with their followers, to be looked at in one snapshot.
#[derive(Default)]
struct Asked {
    events: Vec<(Event, Vec<Actor>)>,
    ids: Vec<Vec<u64>>,
    readers: usize,
}

impl Asked {
    fn add(&mut self, event: &Event, followers: &[(u64, Actor)]) {
        let (ids, readers): (Vec<u64>, Vec<Actor>) = followers.iter().cloned().unzip();
        self.readers += readers.len();
        self.events.push((event.clone(), readers));
        self.ids.push(ids);
    }

    /// Writes down what each may see of them. Blocks.
    fn tell(&mut self, core: &Core, tidings: &mut Tidings) -> Result<(), Error> {
        let Self { events, ids, .. } = std::mem::take(self);
        if events.is_empty() {
            return Ok(());
        }
        for (ids, shown) in ids.into_iter().zip(core.show(events)?) {
            let mut last: Option<(Arc<LiveEvent>, Arc<Told>)> = None;
            for (id, seen) in ids.into_iter().zip(shown) {
                let Some(seen) = seen else { continue };
                let told = match last {
                    Some((same, told)) if Arc::ptr_eq(&same, &seen) => told,
                    _ => Arc::new(Told::of(&seen)),
                };
                tidings.push((id, told.clone()));
                last = Some((seen, told));
            }
        }
        Ok(())
    }
}

impl Hub {
    /// Starts the reader of the journal and the watch over sessions.
    pub fn start(core: Core, lifecycle: Lifecycle) -> Self {
        let hub = Self(Arc::new(Inner { feeds: Mutex::default(), moved: Mutex::default(), next: AtomicU64::new(0) }));
        let typing = hub.clone();
        core.on_typing(move |who| typing.lock().typing(who));
        let hint = Arc::new(Notify::new());
        let wake = hint.clone();
        core.store().signal().listen(move || wake.notify_one());
        tokio::spawn(read_journal(hub.clone(), core.clone(), lifecycle.clone(), hint));
        tokio::spawn(tell_places(hub.clone(), core.clone(), lifecycle.clone()));
        tokio::spawn(watch_sessions(hub.clone(), core, lifecycle));
        hub
    }

    fn lock(&self) -> MutexGuard<'_, Feeds> {
        self.0.feeds.lock().unwrap_or_else(PoisonError::into_inner) // nothing panics while holding it
    }

    fn moved(&self) -> MutexGuard<'_, HashSet<LineId>> {
        self.0.moved.lock().unwrap_or_else(PoisonError::into_inner) // nothing panics while holding it
    }

    /// Feeds that have a place here.
    pub fn feeds(&self) -> usize {
        self.lock().by_id.len()
    }

    fn register(&self, caller: Authenticated) -> (Registration, mpsc::Receiver<Note>, Arc<End>) {
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = mpsc::channel(WAITING_NOTES_MAX);
        let end = Arc::new(End::default());
        let mut feeds = self.lock();
        feeds.by_id.insert(id, Followed { sender, end: end.clone(), caller, topics: Vec::new(), stands: None });
        feeds.rechecks.push_back((Instant::now() + RECHECK_EVERY, id));
        drop(feeds);
        (Registration(Place { hub: self.clone(), id }), receiver, end)
    }

    /// What the followers of the first of these events may see of them, and how many events that covers: as many as
    /// are worth a turn. Blocks.
    fn tidings(&self, core: &Core, events: &[Event]) -> Result<(Tidings, usize), Error> {
        let (mut tidings, mut asked) = (Tidings::new(), Asked::default());
        for (covered, event) in events.iter().enumerate() {
            if tidings.len() + asked.readers >= limits::READERS_SHOWN_MAX {
                asked.tell(core, &mut tidings)?;
                return Ok((tidings, covered));
            }
            let Some(topic) = event.topic() else { continue };
            let followers = self.lock().followers(topic);
            for followers in followers.chunks(limits::READERS_SHOWN_MAX) {
                if asked.readers + followers.len() > limits::READERS_SHOWN_MAX {
                    asked.tell(core, &mut tidings)?;
                }
                asked.add(event, followers);
            }
        }
        asked.tell(core, &mut tidings)?;
        Ok((tidings, events.len()))
    }

    fn place(&self, positions: &[Position]) {
        let mut feeds = self.lock();
        positions.iter().for_each(|position| feeds.place(position));
    }

    fn hand_out(&self, tidings: &[(u64, Arc<Told>)]) {
        let mut feeds = self.lock();
        tidings.iter().for_each(|(id, told)| feeds.hand(*id, Note::Event(told.clone())));
    }

    /// Tells the followers of these events what each may see of them.
    async fn dispatch(&self, core: &Core, events: Vec<Event>) -> Result<(), Error> {
        let moved = events.iter().filter_map(|event| if let Some(Topic::Line(id)) = event.topic() { Some(id) } else { None });
        self.moved().extend(moved);
        let (events, mut at): (Arc<[Event]>, usize) = (events.into(), 0);
        while at < events.len() {
            let (hub, core, all) = (self.clone(), core.clone(), events.clone());
            let (tidings, covered) = blocking(move || hub.tidings(&core, &all[at..])).await?;
            at += covered;
            for some in tidings.chunks(HANDED_AT_ONCE) {
                self.hand_out(some);
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }
}

async fn blocking<R: Send + 'static>(work: impl FnOnce() -> Result<R, Error> + Send + 'static) -> Result<R, Error> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(StoreError::Panicked.into()))
}

/// A feed's place in the hub.
#[derive(Clone)]
pub struct Place {
    hub: Hub,
    id: u64,
}

impl Place {
    /// Who follows, with the posts held when last looked. `None` once the hub has let the feed go.
    pub fn actor(&self) -> Option<Actor> {
        self.hub.lock().by_id.get(&self.id).map(|feed| feed.caller.actor.clone())
    }
}

/// A place that is given up on drop.
struct Registration(Place);

impl Registration {
    fn follow(&self, topics: &[Topic]) {
        self.0.hub.lock().follow(self.0.id, topics);
    }

    fn unfollow(&self, topic: Topic) {
        self.0.hub.lock().unfollow(self.0.id, topic);
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.0.hub.lock().drop_feed(self.0.id);
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
        match read_on(&hub, &core, cursor).await {
            Ok((end, more)) => {
                cursor = Some(end);
                if more {
                    hint.notify_one();
                }
            }
            // Nothing is lost: the next look begins at the same cursor, and feeds know by theirs what they had.
            Err(e) => tracing::warn!(error = %e, "the journal could not be read"),
        }
    }
}

/// Dispatches a page behind `cursor`. Answers where it ended, and whether there may be more.
async fn read_on(hub: &Hub, core: &Core, cursor: Option<Cursor>) -> Result<(Cursor, bool), Error> {
    let reader = core.clone();
    let Some(from) = cursor else {
        let end = blocking(move || reader.journal_end()).await?;
        // Whoever came before may have read up to an event that lies before this end, and was handed none since.
        hub.lock().all_behind();
        return Ok((end, false));
    };
    let events = blocking(move || reader.journal_after(from, limits::EVENTS_PAGE_MAX)).await?;
    let (end, more) = (events.last().map_or(from, Event::cursor), events.len() as u32 == limits::EVENTS_PAGE_MAX);
    hub.dispatch(core, events).await?;
    Ok((end, more))
}

/// Tells whoever waits where they stand: all of a line at once, instead of each of them asking whenever somebody moves.
async fn tell_places(hub: Hub, core: Core, lifecycle: Lifecycle) {
    for round in 1_u32.. {
        tokio::select! {
            () = lifecycle.stopping() => return,
            () = tokio::time::sleep(PLACES_EVERY) => {}
        }
        let mut lines = std::mem::take(&mut *hub.moved());
        if round.is_multiple_of(ALL_PLACES_EVERY) {
            lines.extend(hub.lock().lines());
        }
        for line in lines {
            let reader = core.clone();
            match blocking(move || reader.positions(line)).await {
                Ok(positions) => {
                    for some in positions.chunks(HANDED_AT_ONCE) {
                        hub.place(some);
                        tokio::task::yield_now().await;
                    }
                }
                Err(e) => tracing::warn!(%line, error = %e, "nobody in a line could be told where they stand"),
            }
        }
    }
}

async fn watch_sessions(hub: Hub, core: Core, lifecycle: Lifecycle) {
    loop {
        tokio::select! {
            () = lifecycle.stopping() => return,
            () = tokio::time::sleep(RECHECK_TICK) => {}
        }
        loop {
            let due = hub.lock().take_due(Instant::now());
            if due.is_empty() {
                break;
            }
            let (reader, sessions) = (core.clone(), due.iter().map(|(_, session)| *session).collect::<Vec<_>>());
            let read = blocking(move || reader.reauthenticate(&sessions)).await;
            let (mut feeds, now) = (hub.lock(), Instant::now());
            match read {
                Ok(callers) => due.into_iter().zip(callers).for_each(|((id, _), caller)| feeds.rechecked(id, caller, now)),
                // They stay due. What they are shown meanwhile is read from the same store, or not at all.
                Err(e) => {
                    tracing::warn!(error = %e, "sessions of open sockets could not be looked at");
                    due.into_iter().rev().for_each(|(id, _)| feeds.rechecks.push_front((now, id)));
                    break;
                }
            }
        }
    }
}

/// What one client is sent, in order.
pub struct Feed {
    app: App,
    request: String,
    place: Registration,
    notes: mpsc::Receiver<Note>,
    end: Arc<End>,
    topics: HashSet<Topic>,
    /// Conversations that are over, the longest first: they give way where a feed follows as many as it may.
    over: VecDeque<Topic>,
    /// The last event taken in, or where the feed began.
    last: Cursor,
    stage: Stage,
    /// Frames that are ready.
    ready: VecDeque<Frame>,
    ping_at: Instant,
}

#[derive(Clone, Copy)]
enum Stage {
    /// Nothing was sent yet; the client's cursor.
    New(Option<Cursor>),
    /// There may be events behind `last` that the hub has not handed over.
    Behind,
    /// The hub hands over whatever comes.
    Following,
}

/// Begins a feed for a caller.
pub fn feed(app: &App, caller: Authenticated, cursor: Option<Cursor>, request: String) -> Feed {
    let (place, notes, end) = app.hub().register(caller);
    Feed {
        app: app.clone(),
        request,
        place,
        notes,
        end,
        topics: HashSet::new(),
        over: VecDeque::new(),
        last: Cursor::default(),
        stage: Stage::New(cursor),
        ready: VecDeque::new(),
        ping_at: Instant::now() + PING_EVERY,
    }
}

impl From<Problem> for Ended {
    fn from(problem: Problem) -> Self {
        if problem.status.as_u16() == 401 || problem.status.as_u16() == 403 { Self::SessionOver } else { Self::Failed }
    }
}

impl Feed {
    /// The next frame. May be dropped and called again: what was taken in stays.
    pub async fn next(&mut self) -> Frame {
        let (stopping, end) = (self.app.lifecycle().stopping(), self.end.clone());
        tokio::select! {
            biased;
            why = end.reached() => Frame::End(why),
            () = stopping => Frame::End(Ended::GoingAway),
            frame = self.step_to_next() => frame.unwrap_or_else(Frame::End),
        }
    }

    /// Becomes ready when the hub lets this feed go.
    pub fn let_go(&self) -> impl Future<Output = Ended> + Send + 'static {
        let end = self.end.clone();
        async move { end.reached().await }
    }

    /// A frame that is there already.
    pub fn next_at_once(&mut self) -> Option<Frame> {
        if let Some(why) = self.end.why() {
            return Some(Frame::End(why));
        }
        while self.ready.is_empty() && matches!(self.stage, Stage::Following) {
            let note = self.notes.try_recv().ok()?;
            self.take_in(note);
        }
        self.ready.pop_front()
    }

    /// Each step changes nothing of the feed before its last await but for following topics, which may be repeated.
    async fn step_to_next(&mut self) -> Result<Frame, Ended> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Ok(frame);
            }
            match self.stage {
                Stage::New(cursor) => self.begin(cursor).await?,
                Stage::Behind => self.catch_up().await?,
                Stage::Following => tokio::select! {
                    biased;
                    note = self.notes.recv() => {
                        let note = note.ok_or(Ended::Failed)?; // let go: `next` has said why before
                        self.take_in(note);
                    }
                    () = tokio::time::sleep_until(self.ping_at) => {
                        self.ping_at = Instant::now() + PING_EVERY;
                        self.ready.push_back(Frame::Text(Said::Ping.text(), None));
                    }
                },
            }
        }
    }

    /// Its place in the hub.
    pub fn place(&self) -> Place {
        self.place.0.clone()
    }

    async fn read<R: Send + 'static>(&mut self, read: impl FnOnce(&Session) -> Result<R, Error> + Send + 'static) -> Result<R, Ended> {
        let Some(actor) = self.place.0.actor() else { return Err(self.end.why().unwrap_or(Ended::Failed)) };
        let session = self.app.core().as_actor(actor).for_request(&self.request);
        Ok(self.app.read(move |_| read(&session)).await?)
    }

    async fn begin(&mut self, cursor: Option<Cursor>) -> Result<(), Ended> {
        let last = match cursor {
            Some(cursor) => cursor,
            None => self.app.read(Core::journal_end).await?,
        };
        self.last = last;
        self.stage = Stage::Behind;
        self.ready.push_back(Frame::Text(Said::Hello { cursor: last }.text(), Some(last)));
        Ok(())
    }

    /// Takes in a page of everything behind the last event, of all that the caller follows by now.
    async fn catch_up(&mut self) -> Result<(), Ended> {
        // Followed first, read after: what happens in between comes both ways and is told apart by its cursor.
        let last = self.last;
        for topic in self.read(move |s| s.journal().topics(Some(last))).await? {
            self.follow(topic);
        }
        let topics = self.topics.iter().copied().collect::<Vec<_>>();
        let page = self.read(move |s| s.journal().events_after(topics, last, limits::EVENTS_PAGE_MAX)).await?;
        for event in &page.events {
            if self.tell(&Told::of(event)) && !planted(Bug::LiveSkipped) {
                // The page is without the topics that this event brought: read on from here.
                self.last = event.cursor;
                return Ok(());
            }
        }
        self.last = page.cursor;
        self.stage = if page.more { Stage::Behind } else { Stage::Following };
        Ok(())
    }

    fn take_in(&mut self, note: Note) {
        match note {
            Note::Event(event) if event.cursor > self.last || planted(Bug::LiveRepeated) => {
                self.last = event.cursor;
                if self.tell(&event) && !planted(Bug::LiveSkipped) {
                    // What the new topics (its line too) held before we followed them: read on from here, so that order is
                    // kept.
                    self.stage = Stage::Behind;
                }
            }
            Note::Event(_) => {}
            Note::Typing(who) => self.typing(&who),
            Note::Position(text) => self.ready.push_back(Frame::Text(text, None)),
            Note::Behind => self.stage = Stage::Behind,
        }
    }

    /// Makes a frame of an event; follows the conversation that it brings. Says whether that is new.
    fn tell(&mut self, event: &Told) -> bool {
        self.app.metrics().events.fetch_add(1, Ordering::Relaxed);
        self.ready.push_back(Frame::Text(event.text.clone(), Some(event.cursor)));
        match event.about {
            About::Begun(conversation) => self.follow(Topic::Conversation(conversation)),
            About::Over(conversation) => {
                self.over.push_back(Topic::Conversation(conversation));
                false
            }
            About::Other => false,
        }
    }

    fn follow(&mut self, topic: Topic) -> bool {
        if self.topics.contains(&topic) {
            return false;
        }
        while self.topics.len() >= limits::TOPICS_PER_READER_MAX {
            let Some(over) = self.over.pop_front() else { return false };
            self.topics.remove(&over);
            self.place.unfollow(over);
        }
        self.topics.insert(topic);
        self.place.follow(&[topic]);
        true
    }

    fn typing(&mut self, who: &Typing) {
        let Some(me) = self.place.0.actor() else { return };
        if who.who != me.as_ref().kind && self.app.core().now() < who.until {
            let said = Said::Typing { conversation: who.conversation, who: who.who };
            self.ready.push_back(Frame::Text(said.text(), None));
        }
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
struct Heard {
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
    let said: Heard = crate::body::from_slice(frame, 1).ok()?;
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
    fn t39_a_frame_is_read_as_strictly_as_a_body() {
        let read = |text: &'static str| from_client(&Bytes::from_static(text.as_bytes()));
        assert!(matches!(read(r#"{"type":"ping"}"#), Some(FromClient::Ping)));
        let typing = r#"{"type":"typing","conversation":"019a0000-0000-7000-8000-000000000001"}"#;
        assert!(matches!(read(typing), Some(FromClient::Typing { .. })));
        for frame in [r#"["ping"]"#, r#"{"type":1}"#, r#"{"type":"ping","x":1}"#, r#"{"type":"ping","type":"ping"}"#, "{}", ""] {
            assert!(read(frame).is_none(), "{frame}");
        }
    }
}
