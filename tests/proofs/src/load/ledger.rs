//! What was acknowledged, by conversation, and its comparison with what everybody was shown.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use zhengna_core::id::ConversationId;
use zhengna_core::journal::EventKind;

use super::feed::{Feed, Message, Shown};

/// A message that was acknowledged.
#[derive(Debug)]
pub(super) struct Said {
    /// Whether the officer wrote it.
    pub(super) officer: bool,
    pub(super) key: String,
    pub(super) text: String,
    /// When it was sent first.
    pub(super) sent: Instant,
    /// How long the acknowledgement took.
    pub(super) answered: Duration,
    /// Whether it was sent more than once: then what delivery took is not measured.
    pub(super) repeated: bool,
}

impl Said {
    /// Whether somebody is shown this message, as its writer or as the other one.
    pub(super) fn is(&self, shown: &Message, officer: bool) -> bool {
        let same = shown.text == self.text && shown.client_id.as_deref() == Some(&*self.key);
        same && shown.mine == (self.officer == officer)
    }
}

/// How a conversation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Left,
    Closed,
}

/// What was acknowledged of one conversation.
#[derive(Debug, Default)]
pub(super) struct Talk {
    pub(super) taxpayer: Option<usize>,
    /// The line it was entered in.
    pub(super) line: usize,
    pub(super) officer: Option<usize>,
    pub(super) said: BTreeMap<i64, Said>,
    pub(super) end: Option<End>,
    pub(super) rated: bool,
    /// When the officer began to close it.
    pub(super) closing: Option<Instant>,
    /// When read marks that moved were acknowledged.
    pub(super) marked: Vec<Instant>,
}

impl Talk {
    /// How it stands, as the API says it.
    pub(super) fn state(&self) -> &'static str {
        match (self.end, self.officer) {
            (Some(End::Left), _) => "left",
            (Some(End::Closed), _) => "closed",
            (None, Some(_)) => "active",
            (None, None) => "waiting",
        }
    }
}

/// What was acknowledged to anybody.
#[derive(Default)]
pub(super) struct Ledger(Mutex<HashMap<ConversationId, Talk>>);

impl Ledger {
    pub(super) fn talks(&self) -> MutexGuard<'_, HashMap<ConversationId, Talk>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn entered(&self, id: ConversationId, taxpayer: usize, line: usize) -> Result<(), String> {
        let mut talks = self.talks();
        // It may be there: whoever claimed it may have been answered before whoever entered.
        let talk = talks.entry(id).or_default();
        talk.line = line;
        match talk.taxpayer.replace(taxpayer) {
            None => Ok(()),
            Some(before) => Err(format!("doubled: {id} was entered by taxpayer {before} and by {taxpayer}")),
        }
    }

    pub(super) fn claimed(&self, id: ConversationId, officer: usize) -> Result<(), String> {
        match self.talks().entry(id).or_default().officer.replace(officer) {
            None => Ok(()),
            Some(before) => Err(format!("claimed twice: {id} by officer {before} and by {officer}")),
        }
    }

    pub(super) fn said(&self, id: ConversationId, number: i64, said: Said) -> Result<(), String> {
        match self.talks().entry(id).or_default().said.insert(number, said) {
            None => Ok(()),
            Some(before) => Err(format!("doubled: message {number} of {id} was acknowledged twice, once as {before:?}")),
        }
    }

    pub(super) fn note(&self, id: ConversationId, note: impl FnOnce(&mut Talk)) {
        note(self.talks().entry(id).or_default());
    }

    /// Compares everything with what everybody was shown: each event that is owed once, in order, nothing else.
    pub(super) fn compare(&self, feeds: &Feeds<'_>) -> Result<(), String> {
        let talks = self.talks();
        let (mut taxpayers, mut officers) = (by_conversation(feeds.taxpayers), by_conversation(feeds.officers));
        for (id, talk) in talks.iter() {
            let taxpayer = talk.taxpayer.ok_or_else(|| format!("{id}: claimed and never entered: {talk:?}"))?;
            let shown = taxpayers.remove(&(taxpayer, *id)).unwrap_or_default();
            let theirs = talk.officer.and_then(|officer| officers.remove(&(officer, *id))).unwrap_or_default();
            let told = |what| {
                let (officer, all) = (talk.officer.map_or("nobody".into(), |n| format!("officer {n}")), talk.said.len());
                format!("{id}: {what}; {all} messages; taxpayer {taxpayer} was shown {}; {officer}: {}", brief(&shown), brief(&theirs))
            };
            if let Some((place, number)) = (1..).zip(talk.said.keys()).find(|(place, number)| place != *number) {
                return Err(told(format!("lost: a message has the number {number}, and number {place} was acknowledged to nobody")));
            }
            let before = talk.compare(&shown, false, 0).map_err(|e| told(format!("to the taxpayer: {e}")))?;
            if talk.officer.is_some() {
                talk.compare(&theirs, true, before).map_err(|e| told(format!("to the officer: {e}")))?;
                same_places(&shown, &theirs).map_err(told)?;
            }
        }
        let stray = |kind: &str, left: ByConversation<'_>| match left.into_iter().next() {
            Some(((who, id), shown)) => Err(format!("somebody else's: {kind} {who} was shown {:?} of {id}", shown.first())),
            None => Ok(()),
        };
        stray("taxpayer", taxpayers)?;
        stray("officer", officers)
    }

    /// How long deliveries took to sockets that were up throughout.
    pub(super) fn deliveries(&self, feeds: &Feeds<'_>) -> Vec<Duration> {
        let talks = self.talks();
        let mut times = Vec::new();
        for (officer, feeds) in [(false, feeds.taxpayers), (true, feeds.officers)] {
            for shown in feeds.iter().flat_map(|feed| &feed.shown).filter(|shown| shown.event.kind == EventKind::MessageSent) {
                let said = talks.get(&shown.conversation).zip(shown.event.number).and_then(|(talk, number)| talk.said.get(&number));
                let said = said.filter(|said| said.officer != officer && !said.repeated && shown.since < said.sent);
                times.extend(said.map(|said| shown.at.saturating_duration_since(said.sent)));
            }
        }
        times
    }
}

/// What everybody was shown.
pub(super) struct Feeds<'a> {
    pub(super) taxpayers: &'a [Feed],
    pub(super) officers: &'a [Feed],
}

type ByConversation<'a> = HashMap<(usize, ConversationId), Vec<&'a Shown>>;

fn by_conversation(feeds: &[Feed]) -> ByConversation<'_> {
    let mut all = ByConversation::new();
    for (n, feed) in feeds.iter().enumerate() {
        feed.shown.iter().for_each(|shown| all.entry((n, shown.conversation)).or_default().push(shown));
    }
    all
}

impl Talk {
    /// Compares with what one of the two was shown; how many messages there were before somebody claimed it. An officer is owed
    /// those behind the claim, and may be shown the `before` ones.
    fn compare(&self, shown: &[&Shown], officer: bool, before: i64) -> Result<i64, String> {
        let times = |kind: EventKind, on_desk: bool| shown.iter().filter(|s| s.event.kind == kind && s.on_desk == on_desk).count();
        let once = |kind: EventKind, on_desk: bool, owed: usize| match times(kind, on_desk) {
            seen if seen == owed => Ok(()),
            seen if seen < owed => Err(format!("lost: {} was shown {seen} times of {owed}", kind.as_str())),
            seen => Err(format!("doubled: {} was shown {seen} times and happened {owed} times", kind.as_str())),
        };
        let claimed = usize::from(self.officer.is_some());
        once(EventKind::Claimed, false, claimed)?;
        once(EventKind::Claimed, true, usize::from(officer))?;
        once(EventKind::Closed, false, usize::from(self.end == Some(End::Closed)))?;
        if !officer {
            once(EventKind::Entered, true, 1)?;
            once(EventKind::Entered, false, 1)?;
            once(EventKind::Left, false, usize::from(self.end == Some(End::Left)))?;
            once(EventKind::Rated, true, usize::from(self.rated))?;
        }
        // A mark may move behind the end, and then whoever comes back later is not told: they follow it no more.
        let owed = self.marked.iter().filter(|at| self.closing.is_none_or(|closing| **at < closing)).count();
        once(EventKind::MessagesRead, false, times(EventKind::MessagesRead, false).clamp(owed, self.marked.len()))?;
        let known = [EventKind::Entered, EventKind::Claimed, EventKind::Closed, EventKind::Left, EventKind::Rated];
        // An officer may be reminded of whoever waits for an answer, as often as that is.
        let known = [&known[..], &[EventKind::MessageSent, EventKind::MessagesRead, EventKind::Unanswered]].concat();
        if let Some(other) = shown.iter().find(|s| !known.contains(&s.event.kind)) {
            return Err(format!("nobody did this: {:?}", other.event));
        }
        let claim = shown.iter().position(|s| s.event.kind == EventKind::Claimed && !s.on_desk).unwrap_or(shown.len());
        let mut next = if officer { None } else { Some(1) };
        let mut before_claim = 0;
        for (place, s) in shown.iter().enumerate().filter(|(_, s)| s.event.kind == EventKind::MessageSent) {
            let number = s.event.number.unwrap_or_default();
            // An officer's first one may stand before the claim, but none between it and the claim is left out then.
            let expected = next.unwrap_or(if place > claim { before + 1 } else { number });
            if number != expected {
                return Err(format!("out of order, lost or doubled: message {number} was shown where {expected} is next"));
            }
            next = Some(number + 1);
            before_claim += i64::from(place < claim);
            let said = self.said.get(&number).ok_or_else(|| format!("message {number} was shown, and acknowledged to nobody"))?;
            let message = s.event.message.as_ref().ok_or_else(|| format!("message {number} was shown without its text"))?;
            if !said.is(message, officer) || message.number != number || s.event.mine != message.mine {
                return Err(format!("message {number} was shown as {message:?}"));
            }
        }
        let (last, all) = (next.unwrap_or(before + 1) - 1, self.said.len() as i64);
        if last < all {
            return Err(format!("lost: messages up to {last} were shown of {all} acknowledged"));
        }
        Ok(before_claim)
    }
}

/// What somebody was shown of a conversation, for people who look for the reason.
fn brief(shown: &[&Shown]) -> String {
    let one = |s: &&Shown| {
        let (desk, number) = (if s.on_desk { " (desk)" } else { "" }, s.event.number.map_or(String::new(), |n| format!(" {n}")));
        format!("{} {}{number}{desk}", s.event.cursor, s.event.kind.as_str())
    };
    format!("[{}]", shown.iter().map(one).collect::<Vec<_>>().join(", "))
}

/// One event has one place in the journal, whoever is shown it.
fn same_places(taxpayer: &[&Shown], officer: &[&Shown]) -> Result<(), String> {
    let sent = |shown: &[&Shown]| -> BTreeMap<_, _> {
        let sent = shown.iter().filter(|s| s.event.kind == EventKind::MessageSent);
        sent.map(|s| (s.event.number, s.event.cursor)).collect()
    };
    let theirs = sent(taxpayer);
    match sent(officer).into_iter().find(|(number, cursor)| theirs.get(number) != Some(cursor)) {
        Some((number, cursor)) => Err(format!("message {number:?} stands at {cursor} for the officer and elsewhere for the taxpayer")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::feed::Event;
    use super::*;
    use zhengna_core::journal::Cursor;

    fn id() -> ConversationId {
        ConversationId::parse("019a0000-0000-7000-8000-000000000001").unwrap()
    }

    fn event(seq: u32, kind: EventKind, number: Option<i64>, mine: bool) -> Event {
        let message = number.filter(|_| kind == EventKind::MessageSent);
        let message = message.map(|number| Message { number, mine, client_id: Some(format!("k{number}")), text: format!("m{number}") });
        let topic = format!("conversation/{}", id());
        Event { cursor: Cursor::parse(&format!("0.{seq}")).unwrap(), topic, kind, conversation: Some(id()), number, mine, message }
    }

    /// A conversation of two messages that was left, as its taxpayer was shown it.
    fn played() -> (Ledger, Vec<Event>) {
        let ledger = Ledger::default();
        ledger.entered(id(), 0, 0).unwrap();
        for number in 1..=2 {
            let (sent, answered) = (Instant::now(), Duration::ZERO);
            let said = Said { officer: false, key: format!("k{number}"), text: format!("m{number}"), sent, answered, repeated: false };
            ledger.said(id(), number, said).unwrap();
        }
        ledger.note(id(), |talk| talk.end = Some(End::Left));
        let mut on_desk = event(1, EventKind::Entered, None, true);
        on_desk.topic = "taxpayer/1".into();
        let sent = |seq, number| event(seq, EventKind::MessageSent, Some(number), true);
        let events = vec![on_desk, event(2, EventKind::Entered, None, true), sent(3, 1), sent(4, 2), event(5, EventKind::Left, None, true)];
        (ledger, events)
    }

    fn compared(ledger: &Ledger, events: Vec<Event>) -> Result<(), String> {
        let mut feed = Feed { desk: "taxpayer/1".into(), ..Feed::default() };
        events.into_iter().try_for_each(|event| feed.take(event, Instant::now()))?;
        ledger.compare(&Feeds { taxpayers: &[feed], officers: &[] })
    }

    #[test]
    fn every_event_left_out_doubled_or_moved_is_found() {
        let (ledger, events) = played();
        assert_eq!(compared(&ledger, events.clone()), Ok(()));
        for n in 0..events.len() {
            let mut lost = events.clone();
            lost.remove(n);
            assert!(compared(&ledger, lost).unwrap_err().contains("lost"), "{n}");
            let mut doubled = events.clone();
            doubled.insert(n, events[n].clone());
            assert!(compared(&ledger, doubled).unwrap_err().contains("doubled"), "{n}");
            let mut again = events[n].clone();
            again.cursor = Cursor::parse("0.9").unwrap();
            let later = [events.clone(), vec![again]].concat();
            assert!(compared(&ledger, later).unwrap_err().contains("doubled"), "{n}");
            let mut moved = events.clone();
            let away = moved.remove(n);
            moved.insert((n + 2) % events.len(), away);
            assert!(compared(&ledger, moved).is_err(), "{n}");
        }
        assert!(compared(&Ledger::default(), events).unwrap_err().contains("somebody else's"));
    }
}
