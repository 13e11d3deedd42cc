//! The hub: reads the journal once for all feeds of a host, and tells each what it may see.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use zhengna_core::access::{Actor, Authenticated};
use zhengna_core::core::LiveEvent;
use zhengna_core::id::LineId;
use zhengna_core::interaction::Position;
use zhengna_core::journal::{Cursor, Event, Topic};
use zhengna_core::store::StoreError;
use zhengna_core::{Core, Error, limits};

use super::feeds::{End, Feeds, Note, Told};
use super::{ALL_PLACES_EVERY, HANDED_AT_ONCE, LOOK_EVERY, PLACES_EVERY, RECHECK_TICK};
use crate::listener::Lifecycle;

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
        self.lock().len()
    }

    pub(super) fn register(&self, caller: Authenticated) -> (Registration, mpsc::Receiver<Note>, Arc<End>) {
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        let (receiver, end) = self.lock().add(id, caller);
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
        self.hub.lock().actor(self.id)
    }
}

/// A place that is given up on drop.
pub(super) struct Registration(pub(super) Place);

impl Registration {
    pub(super) fn follow(&self, topics: &[Topic]) {
        self.0.hub.lock().follow(self.0.id, topics);
    }

    pub(super) fn unfollow(&self, topic: Topic) {
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
                    feeds.put_back(due, now);
                    break;
                }
            }
        }
    }
}
