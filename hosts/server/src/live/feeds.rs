//! The feeds of a host, by what they follow.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, OnceLock};

use axum::extract::ws::Utf8Bytes;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use zhengna_core::access::{Actor, Authenticated};
use zhengna_core::core::LiveEvent;
use zhengna_core::id::{ConversationId, LineId};
use zhengna_core::interaction::{Longer, Position, Typing};
use zhengna_core::journal::{Cursor, EventKind, Topic};
use zhengna_core::{Error, limits};

use super::frame::{Ended, Said};
use super::{RECHECK_EVERY, WAITING_NOTES_MAX};
use crate::problem::Problem;

/// An event as its readers are told of it; those who see the same share it.
pub(super) struct Told {
    pub(super) text: Utf8Bytes,
    pub(super) cursor: Cursor,
    pub(super) about: About,
}

/// What an event means for whom a feed follows.
pub(super) enum About {
    /// It brings a conversation to its reader.
    Begun(ConversationId),
    /// A conversation is over.
    Over(ConversationId),
    Other,
}

impl Told {
    pub(super) fn of(event: &LiveEvent) -> Self {
        let about = match (event.kind, event.conversation) {
            (EventKind::Entered | EventKind::Claimed | EventKind::Transferred | EventKind::Joined, Some(id)) => About::Begun(id),
            (EventKind::Closed | EventKind::Left, Some(id)) => About::Over(id),
            _ => About::Other,
        };
        Self { text: Said::Event { event }.text(), cursor: event.cursor, about }
    }
}

/// What the hub hands to a feed.
pub(super) enum Note {
    Event(Arc<Told>),
    Typing(Arc<Typing>),
    /// Where whoever waits stands now.
    Position(Utf8Bytes),
    /// There may be events that the hub did not hand over: read on from the last one.
    Behind,
}

/// How the hub lets a feed go. Stands beside the notes: what waits to be sent holds up no end.
#[derive(Default)]
pub(super) struct End {
    why: OnceLock<Ended>,
    now: CancellationToken,
}

impl End {
    pub(super) fn because(&self, why: Ended) {
        let _ = self.why.set(why); // the first reason stands
        self.now.cancel();
    }

    pub(super) fn why(&self) -> Option<Ended> {
        self.why.get().copied()
    }

    pub(super) async fn reached(&self) -> Ended {
        self.now.cancelled().await;
        self.why().unwrap_or(Ended::Failed) // set before it is cancelled
    }
}

#[derive(Default)]
pub(super) struct Feeds {
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
    /// Where they were told last that they stand, in each line that they wait in.
    stands: HashMap<ConversationId, Position>,
}

impl Feeds {
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Who follows, with the posts held when last looked. `None` once the feed was let go.
    pub(super) fn actor(&self, id: u64) -> Option<Actor> {
        self.by_id.get(&id).map(|feed| feed.caller.actor.clone())
    }

    pub(super) fn add(&mut self, id: u64, caller: Authenticated) -> (mpsc::Receiver<Note>, Arc<End>) {
        let (sender, receiver) = mpsc::channel(WAITING_NOTES_MAX);
        let end = Arc::new(End::default());
        self.by_id.insert(id, Followed { sender, end: end.clone(), caller, topics: Vec::new(), stands: HashMap::new() });
        self.rechecks.push_back((Instant::now() + RECHECK_EVERY, id));
        (receiver, end)
    }

    pub(super) fn drop_feed(&mut self, id: u64) {
        let Some(feed) = self.by_id.remove(&id) else { return };
        for topic in feed.topics {
            self.forget(topic, id);
        }
    }

    pub(super) fn follow(&mut self, id: u64, topics: &[Topic]) {
        // One that was let go for being slow is gone from here, though its end is still on the way to it.
        let Some(feed) = self.by_id.get_mut(&id) else { return };
        feed.topics.extend_from_slice(topics);
        for topic in topics {
            self.by_topic.entry(*topic).or_default().insert(id);
        }
    }

    pub(super) fn unfollow(&mut self, id: u64, topic: Topic) {
        if let Some(feed) = self.by_id.get_mut(&id) {
            feed.topics.retain(|followed| *followed != topic);
            if let Topic::Conversation(id) = topic {
                feed.stands.remove(&id);
            }
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

    pub(super) fn followers(&self, topic: Topic) -> Vec<(u64, Actor)> {
        let ids = self.by_topic.get(&topic).into_iter().flatten();
        ids.filter_map(|id| self.by_id.get(id).map(|feed| (*id, feed.caller.actor.clone()))).collect()
    }

    /// Hands over a note; lets go whoever has no room for it.
    pub(super) fn hand(&mut self, id: u64, note: Note) {
        if self.by_id.get(&id).is_some_and(|feed| feed.sender.try_send(note).is_err()) {
            self.let_go(id, Ended::TooSlow);
        }
    }

    pub(super) fn let_go(&mut self, id: u64, why: Ended) {
        if let Some(feed) = self.by_id.get(&id) {
            feed.end.because(why);
        }
        self.drop_feed(id);
    }

    /// Has every feed read on for itself.
    pub(super) fn all_behind(&mut self) {
        let ids: Vec<u64> = self.by_id.keys().copied().collect();
        ids.into_iter().for_each(|id| self.hand(id, Note::Behind));
    }

    /// Lines that a taxpayer waits in, by what is followed here.
    pub(super) fn lines(&self) -> Vec<LineId> {
        self.by_topic.keys().filter_map(|topic| if let Topic::Line(id) = topic { Some(*id) } else { None }).collect()
    }

    /// Tells whoever waits where they stand, on each of their devices, unless they know.
    pub(super) fn place(&mut self, position: &Position) {
        let ids: Vec<u64> = self.by_topic.get(&Topic::Conversation(position.conversation)).into_iter().flatten().copied().collect();
        let mut texts: Vec<(Option<Longer>, Utf8Bytes)> = Vec::new();
        for id in ids {
            let Some(feed) = self.by_id.get_mut(&id).filter(|feed| matches!(feed.caller.actor, Actor::Taxpayer(_))) else { continue };
            let before = feed.stands.insert(position.conversation, position.clone());
            if before.as_ref() == Some(position) {
                continue;
            }
            let told = before.map_or_else(|| position.clone(), |before| position.told_after(&before));
            let text = match texts.iter().find(|(longer, _)| *longer == told.longer) {
                Some((_, text)) => text.clone(),
                None => Said::Position { position: &told }.text(),
            };
            texts.push((told.longer, text.clone()));
            self.hand(id, Note::Position(text));
        }
    }

    /// Tells the other side of a conversation that somebody is typing.
    pub(super) fn typing(&mut self, who: &Typing) {
        let note = Arc::new(who.clone());
        let followers = self.followers(Topic::Conversation(who.conversation));
        for (id, _) in followers.into_iter().filter(|(_, actor)| who.concerns(actor)) {
            self.hand(id, Note::Typing(note.clone()));
        }
    }

    /// Takes out whose sessions are due to be looked at, at most as many as one snapshot shows.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<(u64, [u8; 32])> {
        let mut due = Vec::new();
        while due.len() < limits::READERS_SHOWN_MAX && self.rechecks.front().is_some_and(|(at, _)| *at <= now) {
            let id = self.rechecks.pop_front().map(|(_, id)| id);
            due.extend(id.and_then(|id| self.by_id.get(&id).map(|feed| (id, feed.caller.session))));
        }
        due
    }

    /// Puts back those whose sessions could not be looked at: they stay due.
    pub(super) fn put_back(&mut self, due: Vec<(u64, [u8; 32])>, now: Instant) {
        due.into_iter().rev().for_each(|(id, _)| self.rechecks.push_front((now, id)));
    }

    /// Takes in what a look at a feed's session showed.
    pub(super) fn rechecked(&mut self, id: u64, caller: Result<Authenticated, Error>, now: Instant) {
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
