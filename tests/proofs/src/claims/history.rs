//! What happened to each person in a line, by the clock of this process, and whether a line that is strictly first
//! in, first out within a priority can have a history like that.
//!
//! An operation takes effect at some instant between its call and its answer. Hosts share no clock but the one of
//! this process, and ask for nothing else: the order that must hold is the one a person with a watch would see.
//! - Whoever had entered before another began to enter has the smaller number.
//! - Nobody is passed over: while a claim runs that takes B, there is no X who had entered before that claim began,
//!   whose own claim begins only after it was answered, and who stands before B by priority and number. Where a
//!   change of priority overlaps the claim, either priority will do.
//!
//! Which host an officer calls plays no part in it.

use std::time::Instant;

/// From the call to the answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) begun: Instant,
    pub(super) done: Instant,
}

impl Span {
    /// Times a call.
    pub(super) fn of<R>(call: impl FnOnce() -> R) -> (R, Self) {
        let begun = Instant::now();
        let answer = call();
        (answer, Self { begun, done: Instant::now() })
    }

    fn before(&self, other: &Self) -> bool {
        self.done < other.begun
    }
}

/// One person in the line.
#[derive(Clone, Debug)]
pub(super) struct Person {
    /// Their number.
    pub(super) ticket: i64,
    /// When they entered.
    pub(super) entered: Span,
    /// When they were let first.
    pub(super) prioritised: Option<Span>,
    /// Who served them, and when: exactly one.
    pub(super) claims: Vec<(usize, Span)>,
}

impl Person {
    /// The ranks this person may have had while `during` ran; smaller goes first.
    fn ranks(&self, during: &Span) -> &'static [i64] {
        match &self.prioritised {
            Some(p) if p.before(during) => &[-1],
            Some(p) if !during.before(p) => &[-1, 0],
            _ => &[0],
        }
    }

    /// Whether this person stood before `other` while `during` ran, whatever ranks the two had.
    fn before(&self, other: &Self, during: &Span) -> bool {
        let pairs = self.ranks(during).iter().flat_map(|mine| other.ranks(during).iter().map(move |theirs| (mine, theirs)));
        pairs.into_iter().all(|(mine, theirs)| (mine, self.ticket) < (theirs, other.ticket))
    }
}

/// What is wrong with a history; nothing, if a strict line can have it.
pub(super) fn fault(people: &[Person]) -> Option<String> {
    let mut tickets: Vec<i64> = people.iter().map(|p| p.ticket).collect();
    tickets.sort_unstable();
    if !tickets.iter().copied().eq(1..=people.len() as i64) {
        return Some(format!("the numbers of {} people are not 1 to {0}", people.len()));
    }
    for person in people {
        if person.claims.len() != 1 {
            let officers: Vec<usize> = person.claims.iter().map(|(officer, _)| *officer).collect();
            return Some(format!("number {} was served {} times, by officers {officers:?}", person.ticket, officers.len()));
        }
    }
    for (a, b) in people.iter().flat_map(|a| people.iter().map(move |b| (a, b))) {
        if a.entered.before(&b.entered) && a.ticket > b.ticket {
            return Some(format!("number {} had entered before number {} began to", a.ticket, b.ticket));
        }
        let ((_, served), (_, later)) = (&b.claims[0], &a.claims[0]);
        let waited = a.entered.before(served) && served.before(later);
        if waited && a.before(b, served) {
            return Some(format!("number {} was passed over by number {}", a.ticket, b.ticket));
        }
    }
    None
}
