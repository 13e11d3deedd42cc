//! What an officer does with a conversation beside answering it: on hold, on again, two into one; and who owes an answer.

use super::{About, Bell, Due, HELD_SILENT, INVALID, LINES, MINUTE, Model, NOT_FOUND, ON_HOLD, State, Subject, Told, UNANSWERED};
use crate::simulation::step::Who;

impl Model {
    /// Sets the one timer of its kind to ring by then.
    pub(super) fn set_by(&mut self, bell: Bell, label: u32, at: i64) {
        let due = self.timers.entry((bell, label)).or_insert(Due::at(at));
        let high = if due.is_there { due.high.min(at) } else { at };
        *due = Due { low: due.low.min(at), high, is_there: true };
        self.set_anew.insert((bell, label));
    }

    pub(super) fn hold(&mut self, who: Who, now: i64, label: u32, minutes: u8) -> Told {
        let (Who::Officer(me), Some(c)) = (who, self.conversations.get(&label)) else { return NOT_FOUND };
        let on_hold = self.held.get(&me).into_iter().flatten().filter(|l| self.conversations[l].held_until.is_some()).count();
        if c.held_until.is_none() && on_hold >= ON_HOLD {
            return Told::Refused("interaction.on_hold_max", on_hold as i64);
        }
        let Some(c) = self.conversations.get_mut(&label) else { return NOT_FOUND };
        let until = now.max(c.active_at) + i64::from(minutes) * MINUTE;
        if until > c.active_at + HELD_SILENT {
            return Told::Refused("interaction.held_too_long", 0);
        }
        (c.held_until, c.unanswered_since) = (Some(until), None);
        self.set_by(Bell::Hold, label, until);
        self.event(who, now, About::Conversation(label), "conversation.held", Some(label), None);
        self.record("interaction.hold", who, Subject::Conversation(label), now);
        Told::Held(label, Some(until))
    }

    pub(super) fn resume(&mut self, who: Who, now: i64, label: u32) -> Told {
        let Some(c) = self.conversations.get(&label) else { return NOT_FOUND };
        if c.held_until.is_some() {
            self.goes_on(who, now, label);
        }
        self.record("interaction.resume", who, Subject::Conversation(label), now);
        Told::Held(label, None)
    }

    /// A conversation goes on that was on hold.
    pub(super) fn goes_on(&mut self, who: Who, now: i64, label: u32) {
        let Some(c) = self.conversations.get_mut(&label) else { return };
        let at = now.max(c.active_at);
        (c.held_until, c.active_at, c.unanswered_since) = (None, at, Some(at));
        self.event(who, now, About::Conversation(label), "conversation.resumed", Some(label), None);
        self.set_by(Bell::Unanswered, label, at + UNANSWERED);
    }

    pub(super) fn merge(&mut self, who: Who, now: i64, label: u32, other: u32) -> Told {
        let (Who::Officer(me), Some(kept)) = (who, self.conversations.get(&label)) else { return NOT_FOUND };
        let taxpayer = kept.taxpayer;
        let Some(c) = self.conversations.get(&other).filter(|c| c.taxpayer == taxpayer) else { return INVALID };
        match (c.state, c.officer) {
            (State::Closed | State::Left, _) => return INVALID,
            (_, Some(officer)) if officer != me => return Told::Refused("interaction.had_by_another", 0),
            (_, None) if self.county(me) != LINES[usize::from(c.line)] => return INVALID,
            (_, None) if c.offered_now(now).is_some_and(|asked| asked != me) => return Told::Refused("interaction.nobody_for_you", 0),
            (_, None) if !self.may_take(me, other, c.entered_at, now) => return Told::Refused("interaction.nobody_for_you", 0),
            _ => {}
        }
        let (waited, line, place, wait) = (c.state == State::Waiting, c.line, (c.entered_at, c.id, other), (c.rank, c.ticket));
        let owed = if waited { Some(now.max(kept.active_at)) } else { c.unanswered_since };
        if waited {
            self.waiting[usize::from(line)].remove(&wait);
            self.by_officer.entry(me).or_default().insert(place);
        }
        if let Some(c) = self.conversations.get_mut(&other) {
            (c.officer, c.merged_into) = (Some(me), Some(label));
            c.served.insert(me);
        }
        self.end(who, now, other, "merged");
        self.owe(label, owed);
        if waited {
            self.event(who, now, About::Line(line), "line.moved", None, None);
        }
        self.event(who, now, About::Conversation(label), "conversation.merged", Some(other), None);
        self.record("interaction.merge", who, Subject::Merged(label, other), now);
        Told::Merged(label, other)
    }

    /// Whoever waited for an answer elsewhere waits for it here, but while this one is on hold.
    fn owe(&mut self, label: u32, since: Option<i64>) {
        let (Some(since), Some(c)) = (since, self.conversations.get_mut(&label)) else { return };
        if c.held_until.is_some() || c.unanswered_since.is_some_and(|known| known <= since) {
            return;
        }
        c.unanswered_since = Some(since);
        self.set_by(Bell::Unanswered, label, since + UNANSWERED);
    }
}
