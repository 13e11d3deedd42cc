//! Entering a line: the one that was asked for, or the one that takes over where it is full.

use std::collections::BTreeSet;

use super::{About, Conversation, INVALID, Model, NOT_FOUND, State, Subject, Told};
use crate::simulation::lines::{OFFERING, overflow, waiting_max};
use crate::simulation::step::Who;

impl Model {
    pub(super) fn enter(&mut self, who: Who, now: i64, (line, topic): (u8, Option<u8>), label: u32, id: Option<[u8; 16]>) -> Told {
        let Who::Taxpayer(taxpayer) = who else { return NOT_FOUND };
        if topic.is_some() && line != OFFERING {
            return INVALID;
        }
        let (line, on_behalf) = match self.lets_in(taxpayer, now, line) {
            Ok(place) => place,
            Err(refused) => return refused,
        };
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
                promise: Self::message(line, now),
                on_behalf,
                merged_into: None,
                joined: None,
                whispers: Vec::new(),
                served: BTreeSet::new(),
                topic,
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
        self.watch(now, label);
        self.record("interaction.enter", who, Subject::Conversation(label), now);
        Told::Entered { line, ticket, reply_due: self.conversations[&label].promise.map(|promise| promise.due) }
    }

    /// Where somebody waits or talks in a line already.
    pub(super) fn is_in(&self, taxpayer: u16, line: u8) -> Result<(), Told> {
        let same = self.open.get(&taxpayer).and_then(|open| open.iter().find(|label| self.conversations[label].line == line));
        same.map_or(Ok(()), |same| Err(Told::Refused("interaction.already_in_line", i64::from(*same))))
    }

    fn is_crowded(&self, line: u8) -> bool {
        self.waiting_in(line) >= waiting_max(line)
    }

    /// The line that somebody comes into who asks for one, and the enterprise for which they are let in.
    fn lets_in(&self, taxpayer: u16, now: i64, asked: u8) -> Result<(u8, Option<u16>), Told> {
        self.is_in(taxpayer, asked)?;
        let line = overflow(asked).filter(|_| self.is_crowded(asked)).unwrap_or(asked);
        if line != asked {
            // Whoever would not be let in there is not sent on either.
            self.admitted(taxpayer, asked, now)?;
            self.is_in(taxpayer, line)?;
        }
        if self.is_crowded(line) {
            return Err(Told::Refused("interaction.line_full", 0));
        }
        Ok((line, self.admitted(taxpayer, line, now)?))
    }
}
