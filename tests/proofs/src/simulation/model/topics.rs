//! Topics of the line that offers: at first those take what is about one who know it, later those who know the one above, in the end
//! anybody.

use super::{Model, SECOND};
use crate::simulation::lines::{ABOVE_S, ANYBODY_S, KNOWN, OFFERING, TOPICS};

impl Model {
    /// Whether an officer may take something that waits since then.
    pub(super) fn may_take(&self, officer: u8, label: u32, since: i64, now: i64) -> bool {
        let c = &self.conversations[&label];
        let (Some(topic), OFFERING) = (c.topic, c.line) else { return true };
        let waited = now - since;
        let knows = |topic: u8| KNOWN.get(usize::from(officer)).is_some_and(|known| known.contains(&topic)) && officer < self.officers;
        let above = TOPICS[usize::from(topic)].1.filter(|_| waited >= i64::from(ABOVE_S) * SECOND);
        waited >= i64::from(ANYBODY_S) * SECOND || knows(topic) || above.is_some_and(knows)
    }

    /// Since when each of those who wait is taken to wait: whoever was transferred there stands behind those who were there, though they
    /// came to the bureau earlier.
    pub(super) fn since(&self, waiting: &[u32]) -> Vec<(u32, i64)> {
        let mut all: Vec<(u32, i64)> = Vec::with_capacity(waiting.len());
        let mut before: Option<(i64, i64)> = None;
        for label in waiting {
            let c = &self.conversations[label];
            let since = before.filter(|(rank, _)| *rank == c.rank).map_or(c.entered_at, |(_, since)| since.max(c.entered_at));
            before = Some((c.rank, since));
            all.push((*label, since));
        }
        all
    }
}
