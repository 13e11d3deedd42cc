//! The end of a world: no more faults, and whatever was begun comes to its end.

use std::cmp::Reverse;

use super::super::player::Came;
use super::super::step::{Deed, Who};
use super::{Crowd, HOUR, Intent, MINUTE};

impl Crowd {
    /// No more faults, nobody comes any more: everything that was begun comes to its end.
    pub(super) fn heal(&mut self) -> Result<(), String> {
        (self.faults, self.skew) = (0, 0);
        self.restart()?;
        // Whoever did not learn what became of their request asks again.
        while let Some(Reverse((at, _, intent))) = self.queue.pop() {
            if matches!(intent, Intent::Retry { .. }) {
                self.now = self.now.max(at);
                self.act(intent)?;
            }
        }
        self.take_what_is_offered()?;
        for officer in 0..self.staff() {
            for line in self.player.model.serves(officer) {
                loop {
                    let held: Vec<u32> = self.player.model.held.get(&officer).into_iter().flatten().copied().collect();
                    for conversation in held {
                        self.keyed(Deed::Close { who: Who::Officer(officer), conversation, outcome: 0 })?;
                    }
                    if self.keyed(Deed::Claim { who: Who::Officer(officer), line })? != Came::Done {
                        break;
                    }
                }
            }
        }
        for conversation in self.player.model.all_waiting() {
            if let Some(who) = self.owner(conversation) {
                self.keyed(Deed::Leave { who, conversation })?;
            }
        }
        for _ in 0..400 {
            if self.player.model.unfinished().is_empty() {
                break;
            }
            // Promises may be due in days.
            let next = self.player.model.rings_next().unwrap_or(0);
            self.now = next.max(self.now + 10 * MINUTE);
            self.take(Deed::RunDue, None)?;
            if self.plot.setting.told {
                self.take(Deed::Deliver { well: true }, None)?;
            }
        }
        self.now += 2 * HOUR;
        self.take(Deed::Seal, None)?;
        Ok(())
    }
}
