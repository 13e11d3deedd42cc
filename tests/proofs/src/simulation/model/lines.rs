//! Lines: who is taken, goes first, leaves.

use super::offering::LOOKED_AT;
use super::{About, Bell, CAPACITY, Due, IDLE, LINES, Model, NOT_FOUND, OVER, State, Subject, Told, UNANSWERED};
use crate::simulation::lines::OFFERING;
use crate::simulation::step::Who;

impl Model {
    pub(super) fn claim(&mut self, who: Who, now: i64, line: u8) -> Told {
        let Who::Officer(me) = who else { return NOT_FOUND };
        if let Some(full) = self.is_full(me) {
            return full;
        }
        if self.county(me) != LINES[usize::from(line)] {
            return NOT_FOUND;
        }
        // What is offered to somebody else is theirs to answer first.
        let is_free = |label: &u32| self.conversations[label].offered_now(now).is_none_or(|officer| officer == me);
        let free: Vec<u32> =
            self.waiting[usize::from(line)].values().copied().filter(is_free).take(if line == OFFERING { LOOKED_AT } else { 1 }).collect();
        let Some((label, _)) = self.since(&free).into_iter().find(|(label, since)| self.may_take(me, *label, *since, now)) else {
            let others_may = !self.waiting[usize::from(line)].is_empty();
            let why = if others_may { "interaction.nobody_for_you" } else { "interaction.nobody_waiting" };
            return Told::Refused(why, 0);
        };
        self.taken(me, now, label);
        self.record("interaction.claim", who, Subject::Conversation(label), now);
        Told::Claimed { conversation: label, ticket: self.conversations[&label].ticket }
    }

    /// What an officer is told who has as much as they may.
    pub(super) fn is_full(&self, officer: u8) -> Option<Told> {
        let holding = self.holds(officer);
        (holding >= CAPACITY).then_some(Told::Refused("interaction.at_capacity", holding as i64))
    }

    /// An officer has a conversation that waited.
    pub(super) fn taken(&mut self, me: u8, now: i64, label: u32) {
        let who = Who::Officer(me);
        let Some(c) = self.conversations.get_mut(&label) else { return };
        // Time never goes back within a conversation.
        let at = now.max(c.active_at);
        (c.state, c.officer, c.claimed_at, c.active_at) = (State::Active, Some(me), Some(at), at);
        c.unanswered_since = Some(at);
        c.served.insert(me);
        let (place, line, wait) = ((c.entered_at, c.id, label), c.line, (c.rank, c.ticket));
        self.waiting[usize::from(line)].remove(&wait);
        self.held.entry(me).or_default().insert(label);
        self.by_officer.entry(me).or_default().insert(place);
        self.set_by(Bell::Unanswered, label, at + UNANSWERED);
        self.timers.entry((Bell::Idle, label)).or_insert(Due::at(now + IDLE));
        self.attend(me, now);
        self.event(who, now, About::Officer(me), "conversation.claimed", Some(label), None);
        self.event(who, now, About::Conversation(label), "conversation.claimed", Some(label), None);
        self.event(who, now, About::Line(line), "line.moved", None, None);
        // Whoever else was asked need not answer any more.
        let asked = self.conversations.get_mut(&label).and_then(|c| c.offered.take_if(|(officer, _)| *officer == me));
        if asked.is_none() {
            self.withdrawn(who, now, label);
        }
    }

    /// What forbids what is done to those who wait.
    pub(super) fn waits_no_more(&self, label: u32) -> Option<Told> {
        match self.conversations[&label].state {
            State::Waiting => None,
            State::Active => Some(Told::Refused("interaction.already_served", 0)),
            State::Closed | State::Left => Some(OVER),
        }
    }

    pub(super) fn leave(&mut self, who: Who, now: i64, label: u32) -> Told {
        if let Some(refused) = self.waits_no_more(label) {
            return refused;
        }
        let Some(c) = self.conversations.get_mut(&label) else { return NOT_FOUND };
        c.state = State::Left;
        c.ended_at = Some(now.max(c.active_at));
        let (line, place, taxpayer) = (c.line, (c.rank, c.ticket), c.taxpayer);
        self.withdrawn(who, now, label);
        self.waiting[usize::from(line)].remove(&place);
        self.close_for(taxpayer, label);
        self.event(who, now, About::Conversation(label), "conversation.left", Some(label), None);
        self.event(who, now, About::Taxpayer(taxpayer), "conversation.left", Some(label), None);
        self.event(who, now, About::Line(line), "line.moved", None, None);
        self.record("interaction.leave", who, Subject::Conversation(label), now);
        Told::Done(label)
    }

    pub(super) fn prioritise(&mut self, who: Who, now: i64, label: u32) -> Told {
        if let Some(refused) = self.waits_no_more(label) {
            return refused;
        }
        let Some(c) = self.conversations.get_mut(&label) else { return NOT_FOUND };
        if c.rank != -1 {
            let line = c.line;
            let ticket = c.ticket;
            let before = std::mem::replace(&mut c.rank, -1);
            self.waiting[usize::from(line)].remove(&(before, ticket));
            self.waiting[usize::from(line)].insert((-1, ticket), label);
            self.event(who, now, About::Conversation(label), "conversation.prioritised", Some(label), None);
            self.event(who, now, About::Line(line), "line.moved", None, None);
        }
        self.record("interaction.prioritise", who, Subject::Conversation(label), now);
        Told::Done(label)
    }

    pub(super) fn close_for(&mut self, taxpayer: u16, label: u32) {
        if let Some(open) = self.open.get_mut(&taxpayer) {
            open.remove(&label);
        }
    }
}
