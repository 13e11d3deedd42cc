//! What one client is sent.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::mpsc;
use tokio::time::Instant;
use zhengna_core::access::Authenticated;
use zhengna_core::interaction::Typing;
use zhengna_core::journal::{Cursor, Topic};
use zhengna_core::planted::{Bug, planted};
use zhengna_core::{Core, Error, Session, limits};

use super::PING_EVERY;
use super::feeds::{About, End, Note, Told};
use super::frame::{Ended, Frame, Said};
use super::hub::{Place, Registration};
use crate::app::App;

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
        if self.app.core().now() < who.until {
            let said = Said::Typing { conversation: who.conversation, who: who.who };
            self.ready.push_back(Frame::Text(said.text(), None));
        }
    }
}
