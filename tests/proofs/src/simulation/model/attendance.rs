//! Officers at their desks: seen there, and what they held once they are gone.

use std::collections::BTreeSet;

use super::{About, GRACE, Model, PRESENCE, State, Subject};
use crate::simulation::step::Who;

impl Model {
    /// An officer was seen at their desk; written down once in half a lease.
    pub(super) fn attend(&mut self, officer: u8, now: i64) {
        let gone_at = now + PRESENCE + GRACE;
        match self.attendance.get(&officer) {
            Some(known) if known + PRESENCE / 2 > gone_at => {}
            _ => drop(self.attendance.insert(officer, gone_at)),
        }
    }

    /// Takes a conversation from the desk of its officer.
    pub(super) fn off_desk(&mut self, label: u32) -> Option<u8> {
        let c = self.conversations.get_mut(&label)?;
        let (officer, place) = (c.officer.take()?, (c.entered_at, c.id, label));
        (c.state, c.claimed_at, c.held_until, c.unanswered_since) = (State::Waiting, None, None, None);
        self.held.entry(officer).or_default().remove(&label);
        self.by_officer.entry(officer).or_default().remove(&place);
        Some(officer)
    }

    /// A conversation waits again where it stood.
    pub(super) fn back_in_line(&mut self, now: i64, label: u32) {
        let Some(officer) = self.off_desk(label) else { return };
        let Some(c) = self.conversations.get_mut(&label) else { return };
        c.active_at = now.max(c.active_at);
        let (line, place, taxpayer) = (c.line, (c.rank, c.ticket), c.taxpayer);
        self.waiting[usize::from(line)].insert(place, label);
        self.parted(Who::System, now, label);
        for about in [About::Conversation(label), About::Taxpayer(taxpayer), About::Officer(officer)] {
            self.event(Who::System, now, about, "conversation.returned", Some(label), None);
        }
        self.event(Who::System, now, About::Line(line), "line.entered", None, None);
    }

    /// What officers held who are gone waits again where it stood. How many conversations that are.
    pub(crate) fn returned(&mut self, now: i64) -> u64 {
        let mut gone: Vec<(i64, u8)> = self.attendance.iter().filter(|(_, at)| **at <= now).map(|(n, at)| (*at, *n)).collect();
        gone.sort_unstable_by_key(|(at, officer)| (*at, self.desks[usize::from(*officer)]));
        let mut back = 0;
        for (_, officer) in gone {
            self.attendance.remove(&officer);
            let mut theirs: Vec<u32> = self.held.get(&officer).into_iter().flatten().copied().collect();
            theirs.extend(self.asked(officer));
            theirs.sort_unstable_by_key(|label| self.conversations[label].id);
            let (mut lines, mut unanswered) = (BTreeSet::new(), Vec::new());
            for label in theirs {
                if let Some((_, until)) = self.conversations[&label].offered.filter(|(asked, _)| *asked == officer) {
                    self.let_pass(Who::System, now, label, until.min(now));
                    continue;
                }
                let c = &self.conversations[&label];
                unanswered.extend((c.unanswered_since.is_some() && c.unanswered_since == c.claimed_at).then_some(label));
                self.back_in_line(now, label);
                lines.insert(self.conversations[&label].line);
                back += 1;
            }
            lines.into_iter().for_each(|line| self.look(now, line));
            unanswered.into_iter().for_each(|label| self.watch_promise(label));
            self.record("interaction.return_held", Who::System, Subject::Officer(officer), now);
        }
        back
    }
}
