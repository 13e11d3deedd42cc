//! Hours: until when a line is served, when what was promised is due, and what becomes of those who wait when the hours are over.

use super::{About, Bell, MINUTE, Model, State, Subject};
use crate::simulation::days::day;
use crate::simulation::lines::{HOURED, HOURS, reply_minutes};
use crate::simulation::step::Who;

const DAY: i64 = 24 * 60 * MINUTE;
const BEIJING: i64 = 8 * 60 * MINUTE;
/// The hours of every office.
const OFFICE: [(u16, u16); 2] = [(510, 690), (780, 990)];
/// Of those who wait when the hours are over, so many are promised a call-back at once.
const AT_ONCE: usize = 100;

/// An answer that was promised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Promise {
    pub(super) due: i64,
    /// When it was made; of one that stands elsewhere nobody knows.
    began: Option<i64>,
    /// Whether that may change: a day between is not sure to be worked.
    pub(super) provisional: bool,
}

/// The day of an instant in Beijing, since 1970.
pub(super) fn day_of(at: i64) -> i64 {
    (at + BEIJING).div_euclid(DAY)
}

/// The stretches of a day in which an office of such hours is open.
fn stretches(hours: &'static [(u16, u16)], n: i64) -> impl Iterator<Item = (i64, i64)> {
    let at = move |minute: u16| n * DAY - BEIJING + i64::from(minute) * MINUTE;
    hours.iter().filter(move |_| day(n).worked).map(move |(from, until)| (at(*from), at(*until)))
}

/// Until when a line is served that is served at an instant.
pub(super) fn served_until(line: u8, at: i64) -> Option<i64> {
    if line != HOURED {
        return Some(i64::MAX);
    }
    stretches(&HOURS, day_of(at)).find(|(from, until)| (*from..*until).contains(&at)).map(|(_, until)| until)
}

/// What is promised to whoever leaves a message in a line: so many minutes of its hours, or of office hours where it is served day and
/// night.
fn promise(line: u8, began: i64) -> Option<Promise> {
    let hours: &[_] = if line == HOURED { &HOURS } else { &OFFICE };
    let (first, mut left) = (day_of(began), reply_minutes(line) * MINUTE);
    let ahead = (first..first + 60).flat_map(|n| stretches(hours, n)).map(|(from, until)| (from.max(began), until));
    for (from, until) in ahead.filter(|(from, until)| from < until) {
        if left <= until - from {
            let due = from + left;
            return Some(Promise { due, began: Some(began), provisional: (first..=day_of(due)).any(|n| day(n).provisional) });
        }
        left -= until - from;
    }
    None
}

/// When every office closes on a day.
pub(super) fn office_closes(n: i64) -> i64 {
    n * DAY - BEIJING + i64::from(OFFICE[1].1) * MINUTE
}

impl Promise {
    /// The same in another line, where it changes no more.
    pub(super) fn elsewhere(self) -> Self {
        Self { began: None, provisional: false, ..self }
    }
}

impl Model {
    /// What whoever comes now is promised, where nobody serves the line.
    pub(super) fn message(line: u8, at: i64) -> Option<Promise> {
        if served_until(line, at).is_some() { None } else { promise(line, at) }
    }

    /// Somebody waits who was promised an answer, or in a line whose hours end.
    pub(super) fn watch(&mut self, now: i64, label: u32) {
        let c = &self.conversations[&label];
        match (c.promise, served_until(c.line, now)) {
            (Some(Promise { due, .. }), _) => self.set_by(Bell::Reply, label, due),
            (None, Some(until)) if until < i64::MAX => self.set_by(Bell::Hours, u32::from(c.line), until),
            _ => {}
        }
    }

    /// Somebody waits again whom nobody answered: what was promised stands.
    pub(super) fn watch_promise(&mut self, label: u32) {
        if let Some(promise) = self.conversations[&label].promise {
            self.set_by(Bell::Reply, label, promise.due);
        }
    }

    /// Somebody waits again in a line: where it has hours, it is looked at at once.
    pub(super) fn look(&mut self, now: i64, line: u8) {
        if line == HOURED {
            self.set_by(Bell::Hours, u32::from(line), now);
        }
    }

    pub(super) fn request_callback(&mut self, who: Who, now: i64, label: u32) -> Option<i64> {
        let c = self.conversations.get_mut(&label)?;
        let (line, at) = (c.line, now.max(c.active_at));
        let stands = c.promise.filter(|promise| promise.due > now);
        let promised = stands.or_else(|| promise(line, at))?;
        if stands.is_none() {
            (c.promise, c.active_at) = (Some(promised), at);
            self.set_by(Bell::Reply, label, promised.due);
            self.event(who, now, About::Conversation(label), "conversation.callback_requested", Some(label), None);
            self.event(who, now, About::Line(line), "line.moved", None, None);
        }
        self.record("interaction.request_callback", who, Subject::Conversation(label), now);
        Some(promised.due)
    }

    /// The hours of a line may be over: whoever waits there and was promised nothing is called back.
    pub(super) fn hours_over(&mut self, now: i64, line: u8) {
        let waiting = self.waiting[usize::from(line)].values().copied();
        let mut waiting: Vec<u32> = waiting.filter(|label| self.conversations[label].promise.is_none()).take(AT_ONCE).collect();
        waiting.sort_unstable_by_key(|label| self.conversations[label].id);
        if let Some(until) = served_until(line, now) {
            if !waiting.is_empty() {
                self.set_by(Bell::Hours, u32::from(line), until);
            }
        } else {
            for label in &waiting {
                let Some(c) = self.conversations.get_mut(label) else { continue };
                c.promise = promise(line, now.max(c.active_at));
                let (taxpayer, due) = (c.taxpayer, c.promise.map_or(i64::MAX, |promise| promise.due));
                self.set_by(Bell::Reply, *label, due);
                for about in [About::Conversation(*label), About::Taxpayer(taxpayer)] {
                    self.event(Who::System, now, about, "conversation.callback_requested", Some(*label), None);
                }
            }
            if !waiting.is_empty() {
                self.event(Who::System, now, About::Line(line), "line.moved", None, None);
            }
            if waiting.len() == AT_ONCE {
                self.set_by(Bell::Hours, u32::from(line), now);
            }
        }
        self.record("interaction.hours_over", Who::System, Subject::Line(line), now);
    }

    /// Those who wait and whose answer is late.
    pub(crate) fn is_late(&self, label: u32, now: i64) -> bool {
        let c = &self.conversations[&label];
        let is_kept = |promise: &Promise| c.replied_at().is_some_and(|at| promise.began.is_none_or(|began| began <= at));
        c.state == State::Waiting && c.promise.is_some_and(|promise| promise.due <= now && !is_kept(&promise))
    }
}
