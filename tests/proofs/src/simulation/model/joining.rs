//! Whoever supervises a conversation beside the officer who has it: takes part, whispers.

use super::{About, Message, Model, NOT_FOUND, OVER, State, Subject, Told};
use crate::simulation::step::Who;

impl Model {
    pub(super) fn join(&mut self, who: Who, now: i64, label: u32) -> Told {
        // Whoever supervises and serves nobody does not answer people either.
        let Who::Officer(me) = who else { return Told::Refused("access.denied", 0) };
        let Some(c) = self.conversations.get_mut(&label) else { return NOT_FOUND };
        if c.state != State::Active {
            return OVER;
        }
        let other = c.joined.filter(|other| *other != me);
        let stays = other.is_some_and(|other| self.attendance.get(&other).is_some_and(|gone_at| now < *gone_at));
        if c.officer == Some(me) || stays {
            return Told::Refused("interaction.joined_already", 0);
        }
        if other.is_some() {
            self.parted(who, now, label);
        }
        let Some(c) = self.conversations.get_mut(&label) else { return NOT_FOUND };
        if c.joined.is_none() {
            c.joined = Some(me);
            c.served.insert(me);
            let place = (c.entered_at, c.id, label);
            self.attend(me, now);
            self.joined.entry(me).or_default().insert(label);
            self.by_officer.entry(me).or_default().insert(place);
            self.event(who, now, About::Officer(me), "conversation.joined", Some(label), None);
            self.event(who, now, About::Conversation(label), "conversation.joined", Some(label), None);
        }
        self.record("interaction.join", who, Subject::Conversation(label), now);
        Told::Joined(label, true)
    }

    pub(super) fn step_out(&mut self, who: Who, now: i64, label: u32) -> Told {
        if self.conversations[&label].joined.map(Who::Officer) != Some(who) {
            return Told::Refused("interaction.not_joined", 0);
        }
        self.parted(who, now, label);
        self.event(who, now, About::Conversation(label), "conversation.stepped_out", Some(label), None);
        self.record("interaction.step_out", who, Subject::Conversation(label), now);
        Told::Joined(label, false)
    }

    /// Whoever took part does no more, and is told so.
    pub(super) fn parted(&mut self, who: Who, now: i64, label: u32) {
        let Some(c) = self.conversations.get_mut(&label) else { return };
        let Some(joined) = c.joined.take() else { return };
        let place = (c.entered_at, c.id, label);
        self.joined.entry(joined).or_default().remove(&label);
        self.by_officer.entry(joined).or_default().remove(&place);
        self.event(who, now, About::Officer(joined), "conversation.stepped_out", Some(label), None);
    }

    pub(super) fn whisper(&mut self, who: Who, now: i64, label: u32, text: u32) -> Told {
        let Some(c) = self.conversations.get_mut(&label) else { return NOT_FOUND };
        if c.state != State::Active {
            return OVER;
        }
        c.whispers.push(Message { who, key: None, text, at: now.max(c.active_at), quotes: 0, recalled_at: None });
        let (number, told) = (c.whispers.len() as i64, [c.officer, c.joined]);
        for other in told.into_iter().flatten().filter(|other| Who::Officer(*other) != who) {
            self.event(who, now, About::Officer(other), "conversation.whispered", Some(label), Some(number));
        }
        self.record("interaction.whisper", who, Subject::Whisper(label, number), now);
        Told::Whispered(number)
    }
}
