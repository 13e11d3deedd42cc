//! What people write: mostly something new, sometimes an answer to something that was said; and what they take back.

use super::super::step::{Deed, Who};
use super::{Crowd, MINUTE, SECOND};

impl Crowd {
    pub(super) fn say(&mut self, who: Who, conversation: u32) -> Result<(), String> {
        let text = self.dice.below(500) as u32;
        let last = self.player.model.last_number(conversation);
        let beyond = i64::from(self.dice.chance(50));
        let quotes = if self.dice.chance(150) { self.dice.between(0, last + beyond) } else { 0 };
        self.keyed(Deed::Send { who, conversation, text, quotes })?;
        if !self.dice.chance(if self.is_long() { 10 } else { 60 }) {
            return Ok(());
        }
        let number = self.player.model.last_number(conversation);
        // Now and then too late.
        self.now += if self.dice.chance(200) { 2 * MINUTE } else { self.dice.between(0, 20 * SECOND) };
        self.keyed(Deed::Recall { who, conversation, number })?;
        if self.dice.chance(300) {
            self.keyed(Deed::Recall { who, conversation, number })?;
        }
        if self.dice.chance(300) {
            self.take(Deed::Messages { who, conversation, after: 0 }, None)?;
        }
        if self.dice.chance(100) {
            self.take(Deed::Review { who: Who::Supervisor, conversation }, None)?;
        }
        Ok(())
    }
}
