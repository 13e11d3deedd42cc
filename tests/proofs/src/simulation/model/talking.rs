//! What is said in a conversation, read, and how it ends.

use super::{About, Bell, Delivery, Due, INVALID, Message, Model, NOT_FOUND, OVER, State, Subject, Told, UNANSWERED};
use crate::simulation::step::Who;

impl Model {
    pub(super) fn send(&mut self, who: Who, now: i64, label: u32, (text, quotes): (u32, i64), key: Option<u32>) -> Told {
        let Some(c) = self.conversations.get_mut(&label) else { return NOT_FOUND };
        if matches!(c.state, State::Closed | State::Left) {
            return OVER;
        }
        if let (Who::Taxpayer(taxpayer), Some(company)) = (who, c.on_behalf)
            && let Err(refused) = self.still_admitted(taxpayer, company, now)
        {
            return refused;
        }
        let Some(c) = self.conversations.get_mut(&label) else { return NOT_FOUND };
        if !(0..=c.messages.len() as i64).contains(&quotes) {
            return INVALID;
        }
        let at = now.max(c.active_at);
        let (active, held) = (c.state == State::Active, c.held_until.is_some());
        c.messages.push(Message { who, key, text, at, quotes, recalled_at: None });
        let number = c.messages.len() as i64;
        c.active_at = at;
        match who {
            Who::Taxpayer(_) => c.taxpayer_read = number,
            // Whoever takes part answers for its officer, and has not read for them.
            Who::Officer(n) if c.joined == Some(n) => c.unanswered_since = None,
            _ => (c.officer_read, c.unanswered_since) = (number, None),
        }
        let begins = active && !held && c.unanswered_since.is_none();
        match who {
            Who::Taxpayer(_) if held => self.goes_on(who, now, label),
            Who::Taxpayer(_) if begins => {
                c.unanswered_since = Some(at);
                self.set_by(Bell::Unanswered, label, at + UNANSWERED);
            }
            _ => {}
        }
        self.event(who, now, About::Conversation(label), "message.sent", Some(label), Some(number));
        self.record("interaction.send", who, Subject::Message(label, number), now);
        Told::Sent { number, at }
    }

    pub(super) fn read(&mut self, who: Who, now: i64, label: u32, number: i64) -> Told {
        let Some(c) = self.conversations.get_mut(&label) else { return NOT_FOUND };
        let number = number.min(c.messages.len() as i64);
        if matches!(who, Who::Officer(n) if c.officer != Some(n)) {
            return Told::Moved(0);
        }
        let mark = if matches!(who, Who::Taxpayer(_)) { &mut c.taxpayer_read } else { &mut c.officer_read };
        if number <= *mark {
            return Told::Moved(0);
        }
        *mark = number;
        self.event(who, now, About::Conversation(label), "messages.read", Some(label), Some(number));
        Told::Moved(1)
    }

    pub(super) fn end(&mut self, who: Who, now: i64, label: u32, outcome: &'static str) {
        self.parted(who, now, label);
        self.withdrawn(who, now, label);
        let Some(c) = self.conversations.get_mut(&label) else { return };
        let at = now.max(c.active_at);
        (c.state, c.ended_at, c.outcome) = (State::Closed, Some(at), Some(outcome));
        (c.held_until, c.unanswered_since) = (None, None);
        let (taxpayer, officer, line, id) = (c.taxpayer, c.officer, c.line, c.id);
        self.closed[usize::from(line)].insert((at, id, label));
        self.close_for(taxpayer, label);
        self.event(who, now, About::Conversation(label), "conversation.closed", Some(label), None);
        self.event(who, now, About::Taxpayer(taxpayer), "conversation.closed", Some(label), None);
        if let Some(officer) = officer {
            self.held.entry(officer).or_default().remove(&label);
            self.event(who, now, About::Officer(officer), "conversation.closed", Some(label), None);
        }
        if self.told_outside {
            let due = Due::at(now);
            self.deliveries.insert(label, Delivery { due, attempts: (0, 0), perhaps_done: false, outcome });
        }
    }
}
