//! Lines: who enters, is taken, moves to another line, goes first, leaves.

use super::{About, Bell, CAPACITY, Conversation, Due, IDLE, LINES, Model, NOT_FOUND, OVER, State, Subject, Told, UNANSWERED};
use crate::simulation::step::Who;

impl Model {
    pub(super) fn enter(&mut self, who: Who, now: i64, line: u8, label: u32, id: Option<[u8; 16]>) -> Told {
        let Who::Taxpayer(taxpayer) = who else { return NOT_FOUND };
        let same = self.open.get(&taxpayer).and_then(|open| open.iter().find(|l| self.conversations[l].line == line));
        if let Some(same) = same {
            return Told::Refused("interaction.already_in_line", i64::from(*same));
        }
        let Some(id) = id else { return Told::Refused("an id was expected", 0) };
        let ticket = self.tickets[usize::from(line)];
        self.tickets[usize::from(line)] += 1;
        self.conversations.insert(
            label,
            Conversation {
                id,
                line,
                taxpayer,
                officer: None,
                state: State::Waiting,
                rank: 0,
                ticket,
                entered_at: now,
                claimed_at: None,
                ended_at: None,
                active_at: now,
                outcome: None,
                messages: Vec::new(),
                taxpayer_read: 0,
                officer_read: 0,
                held_until: None,
                unanswered_since: None,
                merged_into: None,
                joined: None,
                whispers: Vec::new(),
                offered: None,
                passes: Vec::new(),
            },
        );
        self.waiting[usize::from(line)].insert((0, ticket), label);
        self.open.entry(taxpayer).or_default().insert(label);
        self.by_taxpayer.entry(taxpayer).or_default().insert((now, id, label));
        if self.is_watched(line) {
            self.within.insert((now, id, label));
        }
        self.event(who, now, About::Taxpayer(taxpayer), "conversation.entered", Some(label), None);
        self.event(who, now, About::Conversation(label), "conversation.entered", Some(label), None);
        self.event(who, now, About::Line(line), "line.entered", None, None);
        self.record("interaction.enter", who, Subject::Conversation(label), now);
        Told::Entered { ticket }
    }

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
        let Some(label) = self.waiting[usize::from(line)].values().copied().find(is_free) else {
            let others_are_asked = !self.waiting[usize::from(line)].is_empty();
            let why = if others_are_asked { "interaction.nobody_for_you" } else { "interaction.nobody_waiting" };
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
        let (place, line, wait) = ((c.entered_at, c.id, label), c.line, (c.rank, c.ticket));
        self.waiting[usize::from(line)].remove(&wait);
        self.held.entry(me).or_default().insert(label);
        self.by_officer.entry(me).or_default().insert(place);
        self.set_by(Bell::Unanswered, label, at + UNANSWERED);
        self.timers.entry((Bell::Idle, label)).or_insert(Due { low: now + IDLE, high: now + IDLE });
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

    pub(super) fn transfer(&mut self, who: Who, now: i64, label: u32, line: u8) -> Told {
        let c = &self.conversations[&label];
        let (taxpayer, from) = (c.taxpayer, c.line);
        let there = self.open.get(&taxpayer).and_then(|open| open.iter().find(|l| self.conversations[l].line == line));
        if let (Some(same), true) = (there, line != from) {
            return Told::Refused("interaction.already_in_line", i64::from(*same));
        }
        let Some(officer) = self.off_desk(label) else { return NOT_FOUND };
        let ticket = self.tickets[usize::from(line)];
        self.tickets[usize::from(line)] += 1;
        let Some(c) = self.conversations.get_mut(&label) else { return NOT_FOUND };
        (c.line, c.rank, c.ticket, c.active_at) = (line, -1, ticket, now.max(c.active_at));
        let place = (c.entered_at, c.id, label);
        self.waiting[usize::from(line)].insert((-1, ticket), label);
        if self.is_watched(line) {
            self.within.insert(place);
        } else {
            self.within.remove(&place);
        }
        self.parted(who, now, label);
        for about in [About::Conversation(label), About::Taxpayer(taxpayer), About::Officer(officer)] {
            self.event(who, now, about, "conversation.transferred", Some(label), None);
        }
        self.event(who, now, About::Line(line), "line.entered", None, None);
        self.record("interaction.transfer", who, Subject::Transferred(label, line), now);
        Told::Done(label)
    }

    /// What forbids what is done to those who wait.
    fn waits_no_more(&self, label: u32) -> Option<Told> {
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
