//! What people say of a service, and what those who supervise do about it.

use super::super::model::rating::GRADES;
use super::super::step::{Deed, Who};
use super::{Crowd, PER_DAY};

impl Crowd {
    /// Somebody takes back their last word when it is over.
    pub(super) fn take_back(&mut self, conversation: u32) -> Result<(), String> {
        let (number, Some(who)) = (self.player.model.last_number(conversation), self.owner(conversation)) else { return Ok(()) };
        if self.dice.chance(if self.is_long() { 10 } else { 80 }) {
            self.keyed(Deed::Recall { who, conversation, number })?;
            if self.dice.chance(500) {
                self.keyed(Deed::Recall { who, conversation, number: number - 1 })?;
            }
        }
        Ok(())
    }

    /// Some rate what has ended; a few once more.
    pub(super) fn rate(&mut self, who: Who, conversation: u32) -> Result<(), String> {
        // What follows a low rating takes days, in which keys of the longest worlds would be forgotten.
        let lasts = self.plot.conversations > 3 * PER_DAY;
        if lasts || !self.player.model.may_be_rated(conversation) || !self.dice.chance(if self.is_long() { 15 } else { 150 }) {
            return Ok(());
        }
        let grade = if self.dice.chance(500) { 3 + self.dice.below(2) as u8 } else { self.dice.below(GRADES.len() as u64) as u8 };
        self.keyed(Deed::Rate { who, conversation, grade })?;
        if self.dice.chance(100) {
            self.keyed(Deed::Rate { who, conversation, grade: 0 })?;
        }
        if self.dice.chance(300) {
            self.take(Deed::Rating { who, conversation }, None)?;
        }
        Ok(())
    }

    /// Somebody who supervises looks after what was rated low.
    pub(super) fn follow_up(&mut self) -> Result<(), String> {
        let low = self.player.model.unanswered_ratings();
        let Some(conversation) = self.dice.pick(&low).filter(|_| self.dice.chance(500)) else { return Ok(()) };
        let who = if self.dice.chance(400) { Who::Supervisor } else { self.chief() };
        let limit = 1 + self.dice.below(6) as u32;
        self.take(Deed::FollowUps { who, limit }, None)?;
        let text = self.dice.below(500) as u32;
        self.keyed(Deed::AnswerFollowUp { who, conversation, text })?;
        if self.dice.chance(300) {
            let who = self.player.model.conversations.get(&conversation).map_or(who, |c| Who::Taxpayer(c.taxpayer));
            self.take(Deed::Rating { who, conversation }, None)?;
        }
        Ok(())
    }
}
