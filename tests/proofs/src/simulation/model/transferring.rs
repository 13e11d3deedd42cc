//! Handing a conversation on: to a line, to the general line of an authority, to a colleague who is there.

use super::{About, Bell, CAPACITY, Due, IDLE, INVALID, LINES, Model, NOT_FOUND, State, Subject, Told, UNANSWERED};
use crate::simulation::lines::{AUTHORITIES, OFFERING, ZONE};
use crate::simulation::step::{To, Who};

impl Model {
    /// The general line of an authority, the newest: of those that were opened at one instant that of the greatest id.
    fn general_line(&self, authority: u8) -> Option<u8> {
        let of_it = |line: &u8| LINES[usize::from(*line)] == AUTHORITIES[usize::from(authority)] && *line != ZONE;
        (0..LINES.len() as u8).filter(of_it).max_by_key(|line| self.lines[usize::from(*line)])
    }

    /// What is said of a place that is none, whoever has the conversation.
    pub(super) fn leads_nowhere(&self, who: Who, to: To) -> Option<Told> {
        let nowhere = match to {
            To::Line(_) => false,
            To::Officer(officer) | To::Colleague(officer) => Who::Officer(officer) == who,
            To::Authority(authority) => self.general_line(authority).is_none(),
        };
        nowhere.then_some(INVALID)
    }

    pub(super) fn transfer(&mut self, who: Who, now: i64, label: u32, to: To) -> Told {
        match to {
            To::Line(line) => self.hand_to_line(who, now, label, line),
            To::Authority(authority) => self.general_line(authority).map_or(INVALID, |line| self.hand_to_line(who, now, label, line)),
            To::Officer(officer) | To::Colleague(officer) => self.hand_to_officer(who, now, label, officer),
        }
    }

    fn hand_to_officer(&mut self, who: Who, now: i64, label: u32, officer: u8) -> Told {
        let c = &self.conversations[&label];
        let (line, taxpayer) = (c.line, c.taxpayer);
        if self.county(officer) != LINES[usize::from(line)] {
            return INVALID;
        }
        if self.attendance.get(&officer).is_none_or(|gone_at| *gone_at <= now) {
            return Told::Refused("interaction.officer_away", 0);
        }
        if self.holds(officer) >= CAPACITY {
            return Told::Refused("interaction.officer_full", 0);
        }
        let Some(from) = self.off_desk(label) else { return NOT_FOUND };
        let Some(c) = self.conversations.get_mut(&label) else { return NOT_FOUND };
        let at = now.max(c.active_at);
        (c.state, c.officer, c.claimed_at, c.active_at, c.unanswered_since) = (State::Active, Some(officer), Some(at), at, Some(at));
        c.served.insert(officer);
        let place = (c.entered_at, c.id, label);
        self.held.entry(officer).or_default().insert(label);
        self.set_by(Bell::Unanswered, label, at + UNANSWERED);
        self.timers.entry((Bell::Idle, label)).or_insert(Due::at(now + IDLE));
        self.event(who, now, About::Officer(officer), "conversation.transferred", Some(label), None);
        self.parted(who, now, label);
        // Behind that: it may go to whoever took part.
        self.by_officer.entry(officer).or_default().insert(place);
        for about in [About::Conversation(label), About::Taxpayer(taxpayer), About::Officer(from)] {
            self.event(who, now, about, "conversation.transferred", Some(label), None);
        }
        self.record("interaction.transfer", who, Subject::Handed(label, officer), now);
        Told::Transferred(label, line, Some(officer))
    }

    fn hand_to_line(&mut self, who: Who, now: i64, label: u32, line: u8) -> Told {
        let c = &self.conversations[&label];
        let (taxpayer, from) = (c.taxpayer, c.line);
        // What a taxpayer would be told is said to the officer in other words.
        if line != from && self.is_in(taxpayer, line).is_err() {
            return Told::Refused("interaction.they_are_in_line", 0);
        }
        let Ok(on_behalf) = self.admitted(taxpayer, line, now) else { return Told::Refused("interaction.not_for_them", 0) };
        let Some(officer) = self.off_desk(label) else { return NOT_FOUND };
        let ticket = self.tickets[usize::from(line)];
        self.tickets[usize::from(line)] += 1;
        let Some(c) = self.conversations.get_mut(&label) else { return NOT_FOUND };
        let at = now.max(c.active_at);
        // A promise that stands is kept, and changes no more; one that was not kept is none.
        c.promise = match c.promise {
            Some(promise) if promise.due > at => Some(promise.elsewhere()),
            _ => Self::message(line, at),
        };
        // Only the line that offers has topics.
        c.topic = c.topic.filter(|_| line == OFFERING);
        (c.line, c.rank, c.ticket, c.active_at, c.on_behalf) = (line, -1, ticket, at, on_behalf);
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
        self.watch(at, label);
        self.record("interaction.transfer", who, Subject::Transferred(label, line), now);
        Told::Transferred(label, line, None)
    }
}
