//! What happens at a desk beside answering: conversations are put on hold and merged, and whoever supervises takes part.

use super::super::lines::{AUTHORITIES, LINES};
use super::super::model::Told;
use super::super::player::Came;
use super::super::step::{Deed, To, Who};
use super::{Crowd, Intent, SECOND};

impl Crowd {
    /// In long worlds what is done at desks beside answering is done rarely: it takes steps, and their budget goes to more conversations.
    pub(super) fn is_long(&self) -> bool {
        self.plot.conversations > 200
    }

    /// Times of a thousand.
    fn beside_often(&self, often: u64) -> u64 {
        if self.is_long() { often / 8 } else { often }
    }

    /// What an officer does beside answering: puts somebody on hold, lets them go on, merges two of theirs.
    pub(super) fn beside(&mut self, who: Who, conversation: u32) -> Result<(), String> {
        if self.dice.chance(self.beside_often(80)) {
            let minutes = 1 + self.dice.below(15) as u8;
            self.keyed(Deed::Hold { who, conversation, minutes })?;
            if self.dice.chance(300) {
                self.keyed(Deed::Resume { who, conversation })?;
            }
        }
        self.merge(who, conversation)
    }

    /// Two of one person become one; whoever has it then reads those that were merged into it, whoever merged them.
    pub(super) fn merge(&mut self, who: Who, conversation: u32) -> Result<(), String> {
        if let Some(other) = self.player.model.beside(conversation).filter(|_| self.dice.chance(500)) {
            self.keyed(Deed::Merge { who, conversation, other })?;
        }
        if let Some(merged) = self.player.model.merged_into(conversation).filter(|_| self.dice.chance(300)) {
            self.take(Deed::Messages { who, conversation: merged, after: 0 }, None)?;
            if self.dice.chance(300) {
                let to = To::Line(self.dice.below(3) as u8);
                self.keyed(Deed::Transfer { who, conversation, to })?;
            }
        }
        Ok(())
    }

    /// An officer hands a conversation on: to any line, to a colleague, to an authority; whoever has it then goes on with it.
    pub(super) fn hand_on(&mut self, officer: u8, conversation: u32) -> Result<(), String> {
        let colleague = self.dice.below(u64::from(self.staff())) as u8;
        let to = match self.dice.below(8) {
            0..=2 => To::Line(self.dice.below(LINES.len() as u64) as u8),
            3 | 4 => To::Officer(colleague),
            5 | 6 => To::Colleague(colleague),
            _ => To::Authority(self.dice.below(AUTHORITIES.len() as u64) as u8),
        };
        self.keyed(Deed::Transfer { who: Who::Officer(officer), conversation, to }).map(drop)
    }

    /// What whoever supervises does about a conversation: whispers, takes part, writes in it, takes part no more.
    pub(super) fn supervise(&mut self, officer: u8, conversation: u32) -> Result<(), String> {
        if self.dice.chance(self.beside_often(40)) {
            let (who, text) = (if self.dice.chance(300) { Who::Supervisor } else { self.chief() }, self.dice.below(500) as u32);
            self.keyed(Deed::Whisper { who, conversation, text })?;
            if self.dice.chance(500) {
                self.take(Deed::Whispers { who: Who::Officer(officer), conversation }, None)?;
            }
        }
        if !self.dice.chance(self.beside_often(48)) {
            return Ok(());
        }
        let who = self.chief();
        if self.keyed(Deed::Join { who, conversation })? != Came::Done {
            return Ok(());
        }
        let text = self.dice.below(500) as u32;
        match self.dice.below(6) {
            0 => self.take(Deed::Messages { who, conversation, after: 0 }, None)?,
            1 => self.take(Deed::Read { who, conversation, number: 1 }, None)?,
            2 => self.take(Deed::Close { who, conversation, outcome: 0 }, None)?,
            3 => self.take(Deed::Mine { who, limit: 5 }, None)?,
            _ => self.keyed(Deed::Send { who, conversation, text, quotes: 0 })?,
        };
        // Those who stay are told when it ends, or changes hands.
        if self.dice.chance(400) {
            self.keyed(Deed::StepOut { who, conversation })?;
        }
        Ok(())
    }

    /// The host offers what waits; whoever is asked makes up their mind, mostly in time.
    pub(super) fn offer(&mut self) -> Result<(), String> {
        self.take(Deed::Offer, None)?;
        let Some(Told::Offered(offers)) = self.player.last.clone() else { return Ok(()) };
        for (conversation, officer) in offers {
            let wait = self.dice.between(SECOND, 36 * SECOND);
            self.after(wait, Intent::Answer { conversation, officer });
        }
        Ok(())
    }

    /// Mostly yes, sometimes no, sometimes nothing at all.
    pub(super) fn answer(&mut self, officer: u8, conversation: u32) -> Result<(), String> {
        let who = Who::Officer(officer);
        if self.is_away(officer) {
            return Ok(());
        }
        if self.dice.chance(100) {
            self.take(Deed::Offers { who }, None)?;
        }
        match self.dice.below(10) {
            0..=5 => self.keyed(Deed::Accept { who, conversation }).map(drop),
            6 | 7 => {
                self.keyed(Deed::Decline { who, conversation })?;
                if self.dice.chance(500) { self.offer() } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    /// Everybody is there, and takes what is offered to them.
    pub(super) fn take_what_is_offered(&mut self) -> Result<(), String> {
        for officer in 0..self.away.len() as u8 {
            self.take(Deed::Present { who: Who::Officer(officer) }, None)?;
        }
        self.take(Deed::Offer, None)?;
        let now = self.player.stage.core.now().micros();
        for (conversation, officer) in self.player.model.on_offer(now) {
            self.keyed(Deed::Accept { who: Who::Officer(officer), conversation })?;
        }
        Ok(())
    }
}
