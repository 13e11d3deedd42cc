//! What the crowd looks at to decide what to do next, and what an operator asks at the end.

use std::collections::BTreeSet;

use super::{Model, View};
use crate::simulation::step::Who;

impl Model {
    pub(crate) fn waiting_in(&self, line: u8) -> usize {
        self.waiting[usize::from(line)].len()
    }

    /// The first in a line.
    pub(crate) fn first_in(&self, line: u8) -> Option<u32> {
        self.waiting[usize::from(line)].values().next().copied()
    }

    /// Everybody who waits.
    pub(crate) fn all_waiting(&self) -> Vec<u32> {
        self.waiting.iter().flat_map(|line| line.values().copied()).collect()
    }

    /// How many an officer has that count for their capacity.
    pub(crate) fn holds(&self, officer: u8) -> usize {
        self.held.get(&officer).into_iter().flatten().filter(|label| self.conversations[label].held_until.is_none()).count()
    }

    /// What else of somebody's is open.
    pub(crate) fn beside(&self, label: u32) -> Option<u32> {
        let taxpayer = self.conversations.get(&label)?.taxpayer;
        self.open.get(&taxpayer)?.iter().copied().find(|other| *other != label)
    }

    /// The newest of those that go on in one.
    pub(crate) fn merged_into(&self, kept: u32) -> Option<u32> {
        let all = self.by_taxpayer.get(&self.conversations.get(&kept)?.taxpayer)?;
        all.iter().rev().map(|(_, _, label)| *label).find(|label| self.conversations[label].merged_into == Some(kept))
    }

    pub(crate) fn last_number(&self, label: u32) -> i64 {
        self.conversations.get(&label).map_or(0, |c| c.messages.len() as i64)
    }

    /// Everything within the supervisor's reach, newest first.
    pub(crate) fn everything(&self, who: Who) -> Vec<View> {
        self.within.iter().rev().map(|(_, _, l)| self.view(who, *l)).collect()
    }

    pub(crate) fn closed_count(&self) -> usize {
        self.closed.iter().map(BTreeSet::len).sum()
    }

    /// What is not finished: nothing, once the world has healed.
    pub(crate) fn unfinished(&self) -> Vec<String> {
        let mut left: Vec<String> = self.all_waiting().into_iter().map(|l| format!("#{l} waits")).collect();
        left.extend(self.held.values().flatten().map(|l| format!("#{l} is with an officer")));
        left.extend(self.joined.values().flatten().map(|l| format!("somebody takes part in #{l}")));
        left.extend(self.conversations.iter().filter(|(_, c)| c.offered.is_some()).map(|(l, _)| format!("#{l} is offered")));
        left.extend(self.timers.keys().map(|(bell, l)| format!("the timer {bell:?} of #{l} is set")));
        left.extend(self.deliveries.keys().map(|l| format!("#{l} is not delivered")));
        left
    }

    /// When the next timer rings, where nothing else is left to be done.
    pub(crate) fn rings_next(&self) -> Option<i64> {
        self.timers.values().map(|due| due.high).min().filter(|_| self.deliveries.is_empty())
    }
}
