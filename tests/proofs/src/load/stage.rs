//! What everybody shares: hosts, lines, what was acknowledged and shown, what was counted.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use zhengna_core::id::ConversationId;
use zhengna_core::journal::EventKind;

use super::bureau::{Bureau, PER_HALL, Person};
use super::feed::Feed;
use super::ledger::{End, Ledger};
use super::wire::{Counts, Wire};
use crate::simulation::Dice;

/// Of everybody, so many percent have a network on which sockets are cut again and again.
const BAD_PERCENT: u64 = 10;

/// Somebody, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Who {
    Taxpayer(usize),
    Officer(usize),
}

/// What a socket tells whose it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tiding {
    pub(super) kind: EventKind,
    pub(super) conversation: Option<ConversationId>,
    pub(super) number: i64,
    pub(super) mine: bool,
}

/// What sockets counted.
#[derive(Default)]
pub(super) struct SocketCounts {
    pub(super) opened: AtomicU64,
    pub(super) cut: AtomicU64,
    /// Opened again behind the last cursor.
    pub(super) resumed: AtomicU64,
    /// Of these, at the other host.
    pub(super) moved: AtomicU64,
    /// Ended by the host, which asked to come again.
    pub(super) let_go: AtomicU64,
}

/// What everybody shares.
pub(super) struct Stage {
    pub(super) hosts: Vec<SocketAddr>,
    pub(super) lines: Vec<String>,
    taxpayers: Vec<Person>,
    officers: Vec<Person>,
    feeds: [Vec<Mutex<Feed>>; 2],
    pub(super) ledger: Ledger,
    pub(super) requests: Arc<Counts>,
    pub(super) sockets: SocketCounts,
    /// Claims that were cut, refused when sent again, and done after all by what was sent first.
    pub(super) done_late: AtomicU64,
    /// How often an officer was refused one more than they may hold.
    pub(super) refused_more: AtomicU64,
    /// Longest pause before somebody writes.
    pub(super) pause: Duration,
    /// Everybody goes home.
    over: watch::Sender<bool>,
    /// Somebody was shown something.
    pub(super) shown: Notify,
    seed: u64,
}

impl Stage {
    pub(super) fn new(hosts: Vec<SocketAddr>, bureau: Bureau, pause: Duration, seed: u64) -> Self {
        let Bureau { taxpayers, officers, lines } = bureau;
        let feeds = |people: &[Person]| people.iter().map(|p| Mutex::new(Feed { desk: p.name.clone(), ..Feed::default() })).collect();
        Self {
            hosts,
            lines,
            feeds: [feeds(&taxpayers), feeds(&officers)],
            taxpayers,
            officers,
            ledger: Ledger::default(),
            requests: Arc::default(),
            sockets: SocketCounts::default(),
            done_late: AtomicU64::new(0),
            refused_more: AtomicU64::new(0),
            pause,
            over: watch::Sender::new(false),
            shown: Notify::new(),
            seed,
        }
    }

    pub(super) fn everybody(&self) -> impl Iterator<Item = Who> + use<> {
        (0..self.officers.len()).map(Who::Officer).chain((0..self.taxpayers.len()).map(Who::Taxpayer))
    }

    fn person(&self, who: Who) -> &Person {
        match who {
            Who::Taxpayer(n) => &self.taxpayers[n],
            Who::Officer(n) => &self.officers[n],
        }
    }

    /// Dice of somebody's own, for one purpose.
    pub(super) fn dice(&self, who: Who, purpose: u64) -> Dice {
        let (kind, n) = match who {
            Who::Taxpayer(n) => (1, n),
            Who::Officer(n) => (2, n),
        };
        Dice::new(crate::simulation::mixed(self.seed ^ purpose << 48 ^ kind << 40 ^ n as u64))
    }

    /// Whether somebody's network is bad.
    pub(super) fn is_bad(&self, who: Who) -> bool {
        self.dice(who, 1).below(100) < BAD_PERCENT
    }

    /// The host somebody goes to: colleagues of one hall go to different ones, and so do the taxpayers they serve.
    pub(super) fn home(&self, who: Who) -> usize {
        self.dice(who, 2).below(self.hosts.len() as u64) as usize
    }

    /// Somebody's way to their host.
    pub(super) fn wire(&self, who: Who, purpose: u64) -> Wire {
        let (host, seed) = (self.hosts[self.home(who)], self.dice(who, purpose).next());
        Wire::new(host, self.person(who).token.clone(), self.is_bad(who), seed, self.requests.clone())
    }

    /// The line an officer serves.
    pub(super) fn line_of(&self, officer: usize) -> usize {
        officer / PER_HALL
    }

    pub(super) fn feed(&self, who: Who) -> MutexGuard<'_, Feed> {
        let feed = match who {
            Who::Taxpayer(n) => &self.feeds[0][n],
            Who::Officer(n) => &self.feeds[1][n],
        };
        feed.lock().unwrap_or_else(PoisonError::into_inner) // whoever panicked fails the proof
    }

    /// The end of a conversation that somebody was not shown yet, or its rating.
    pub(super) fn missing(&self) -> Option<String> {
        let mut shown = HashSet::new();
        for who in self.everybody() {
            let kinds = [EventKind::Closed, EventKind::Left, EventKind::Rated];
            let feed = self.feed(who);
            let ends = feed.shown.iter().filter(|shown| kinds.contains(&shown.event.kind));
            shown.extend(ends.map(|shown| (who, shown.event.kind, shown.conversation)));
        }
        for (id, talk) in self.ledger.talks().iter() {
            let end = if talk.end == Some(End::Left) { EventKind::Left } else { EventKind::Closed };
            let taxpayer = talk.taxpayer.map(Who::Taxpayer);
            let owed = [(taxpayer, end), (talk.officer.map(Who::Officer), end), (taxpayer.filter(|_| talk.rated), EventKind::Rated)];
            for (who, kind) in owed {
                if let Some(who) = who.filter(|who| !shown.contains(&(*who, kind, *id))) {
                    return Some(format!("{who:?} was not shown {} of {id}", kind.as_str()));
                }
            }
        }
        None
    }

    /// Takes everybody's feeds out, for the comparison at the end; [taxpayers, officers].
    pub(super) fn take_feeds(&self) -> [Vec<Feed>; 2] {
        let take = |feeds: &[Mutex<Feed>]| {
            let take = |feed: &Mutex<Feed>| std::mem::take(&mut *feed.lock().unwrap_or_else(PoisonError::into_inner));
            feeds.iter().map(take).collect()
        };
        [take(&self.feeds[0]), take(&self.feeds[1])]
    }

    /// Sends everybody home.
    pub(super) fn end(&self) {
        self.over.send_replace(true);
    }

    /// Resolves when everybody goes home.
    pub(super) async fn ends(&self) {
        let _over = self.over.subscribe().wait_for(|over| *over).await.is_ok(); // the sender is here: it is not dropped before
    }

    /// A pause before somebody writes.
    pub(super) fn pause(&self, dice: &mut Dice) -> Duration {
        let most = self.pause.as_micros() as u64;
        Duration::from_micros(most / 5 + dice.below(most * 4 / 5))
    }
}

/// What whoever plays somebody needs.
pub(super) struct Role {
    pub(super) n: usize,
    pub(super) stage: Arc<Stage>,
    pub(super) wire: Wire,
    pub(super) heard: mpsc::UnboundedReceiver<Tiding>,
    pub(super) dice: Dice,
}
