//! What waits in a line that offers: it goes to whoever is there and has room, one at a time, first in line first, and nobody is asked again
//! soon who let it pass. Whom of those who may be asked the host asks is its own affair.

use std::collections::BTreeSet;

use super::{About, CAPACITY, Conversation, LINES, Model, NOT_FOUND, SECOND, State, Subject, Told};
use crate::simulation::stage::OFFERING;
use crate::simulation::step::{Deed, Who};

/// How long an offer stays.
const OFFER: i64 = 30 * SECOND;
/// How long nobody is asked again who let it pass.
const AGAIN: i64 = 300 * SECOND;
/// Offers of one look at the line, and how far it looks.
const AT_ONCE: usize = 20;
pub(super) const LOOKED_AT: usize = 200;
/// Of those who let one pass, the last are known.
const PASSES: usize = 20;

const OFFER_OVER: Told = Told::Refused("interaction.offer_over", 0);

impl Conversation {
    /// To whom it is offered now.
    pub(super) fn offered_now(&self, now: i64) -> Option<u8> {
        self.offered.filter(|(_, until)| now < *until).map(|(officer, _)| officer)
    }
}

impl Model {
    /// The first in the line who are offered to nobody now.
    fn unoffered(&self, now: i64) -> Vec<u32> {
        let waiting = self.waiting[usize::from(OFFERING)].values().copied();
        waiting.filter(|label| self.conversations[label].offered_now(now).is_none()).take(LOOKED_AT).collect()
    }

    /// What is offered to each officer now.
    pub(crate) fn on_offer(&self, now: i64) -> Vec<(u32, u8)> {
        let waiting = self.waiting[usize::from(OFFERING)].values().copied();
        waiting.filter_map(|label| Some((label, self.conversations[&label].offered_now(now)?))).collect()
    }

    /// Who may be asked to take one: whoever is there, serves its line, has room beside what they have and are asked, did not let it
    /// pass lately, and knows its topic, where that is asked for still.
    fn askable(&self, now: i64, (label, since): (u32, i64)) -> BTreeSet<u8> {
        let c = &self.conversations[&label];
        let asked = self.on_offer(now);
        let there =
            self.present.iter().filter(|(n, until)| now < **until && self.county(**n) == LINES[usize::from(c.line)]).map(|(n, _)| *n);
        let has_room = |n: &u8| self.holds(*n) + asked.iter().filter(|(_, officer)| officer == n).count() < CAPACITY;
        let passed = |n: &u8| {
            // What ran out a moment ago was let pass too.
            let mut all = c.passes.iter().copied().chain(c.offered);
            all.any(|(officer, at)| officer == *n && now < at + AGAIN)
        };
        there.filter(|n| has_room(n) && !passed(n) && self.may_take(*n, label, since, now)).collect()
    }

    /// Whether the host has anything to do in the line: something ran out unanswered, or may be offered to somebody.
    pub(crate) fn offers_due(&self, now: i64) -> bool {
        let due = |place: &(u32, i64)| self.conversations[&place.0].offered.is_some() || !self.askable(now, *place).is_empty();
        self.since(&self.unoffered(now)).iter().any(due)
    }

    /// The host looked after the line: what ran out was let pass, and whatever may be offered is offered. Says what is wrong with whom it
    /// chose.
    pub(crate) fn offered(&mut self, now: i64, offers: &[(u32, u8)]) -> Result<(), String> {
        let unoffered = self.since(&self.unoffered(now));
        for (label, _) in &unoffered {
            if let Some((_, until)) = self.conversations[label].offered {
                self.let_pass(Who::System, now, *label, until);
            }
        }
        let mut made = offers.iter();
        for (label, since) in unoffered {
            let askable = self.askable(now, (label, since));
            if askable.is_empty() || offers.len() - made.len() == AT_ONCE {
                continue;
            }
            match made.next() {
                Some((offered, officer)) if *offered == label && askable.contains(officer) => {
                    let Some(c) = self.conversations.get_mut(&label) else { continue };
                    c.offered = Some((*officer, now + OFFER));
                    self.event(Who::System, now, About::Officer(*officer), "conversation.offered", Some(label), None);
                }
                other => return Err(format!("#{label} may be offered to {askable:?}; offered was {other:?}, of {offers:?}")),
            }
        }
        if let Some(extra) = made.next() {
            return Err(format!("{extra:?} should not be offered, of {offers:?}"));
        }
        self.record("interaction.offer_waiting", Who::System, Subject::Line(OFFERING), now);
        Ok(())
    }

    /// What an officer was asked to take and did not answer yet, whether time is left or not.
    pub(super) fn asked(&self, officer: u8) -> Vec<u32> {
        let waiting = self.waiting[usize::from(OFFERING)].values().copied();
        waiting.filter(|label| self.conversations[label].offered.is_some_and(|(asked, _)| asked == officer)).collect()
    }

    /// Others are asked first.
    pub(super) fn passed_by(&mut self, at: i64, label: u32, officer: u8) {
        let Some(c) = self.conversations.get_mut(&label) else { return };
        c.passes.push((officer, at));
        let beyond = c.passes.len().saturating_sub(PASSES);
        c.passes.drain(..beyond);
    }

    /// Whoever was asked did not take it. It keeps its place.
    pub(super) fn let_pass(&mut self, who: Who, now: i64, label: u32, at: i64) {
        let Some(c) = self.conversations.get_mut(&label) else { return };
        let Some((officer, _)) = c.offered.take() else { return };
        self.passed_by(at, label, officer);
        self.event(who, now, About::Officer(officer), "conversation.offer_passed", Some(label), None);
    }

    /// It left its line otherwise: whoever was asked need not answer any more.
    pub(super) fn withdrawn(&mut self, who: Who, now: i64, label: u32) {
        if let Some((officer, _)) = self.conversations.get_mut(&label).and_then(|c| c.offered.take()) {
            self.event(who, now, About::Officer(officer), "conversation.offer_passed", Some(label), None);
        }
    }

    pub(super) fn accept(&mut self, who: Who, deed: &Deed, now: i64, label: u32) -> Told {
        let Who::Officer(me) = who else { return NOT_FOUND };
        if let Some(full) = self.is_full(me) {
            return full;
        }
        match self.seen(who, deed, label) {
            Some(c) if c.state == State::Waiting && c.offered_now(now) == Some(me) => {}
            Some(_) => return OFFER_OVER,
            None => return NOT_FOUND,
        }
        self.taken(me, now, label);
        self.record("interaction.accept_offer", who, Subject::Conversation(label), now);
        Told::Claimed { conversation: label, ticket: self.conversations[&label].ticket }
    }

    pub(super) fn decline(&mut self, who: Who, now: i64, label: u32) -> Told {
        let c = &self.conversations[&label];
        if c.state != State::Waiting || c.offered_now(now).map(Who::Officer) != Some(who) {
            return OFFER_OVER;
        }
        self.let_pass(who, now, label, now);
        self.record("interaction.decline_offer", who, Subject::Conversation(label), now);
        Told::Done(label)
    }

    pub(super) fn offers(&self, who: Who, now: i64) -> Told {
        let mine = self.on_offer(now).into_iter().filter(|(_, officer)| Who::Officer(*officer) == who);
        let mut mine: Vec<(u32, i64)> = mine.filter_map(|(label, _)| Some((label, self.conversations[&label].offered?.1))).collect();
        mine.sort_unstable();
        Told::Offers(mine)
    }
}
