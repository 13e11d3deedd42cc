//! Those who sign in: their sessions from day to day.

use super::super::player::Came;
use super::super::stage::SIGNED_IN;
use super::super::step::Deed;
use super::{Crowd, SECOND};

impl Crowd {
    pub(super) fn sessions(&mut self, nth: u32) -> Result<(), String> {
        let Some(who) = self.dice.pick(&SIGNED_IN) else { return Ok(()) };
        let writes = self.dice.chance(500);
        let again = match self.take(Deed::Use { who, writes }, None)? {
            Came::Done => 0,
            Came::Skipped => 700,
            // Signing in is slow on purpose, and long worlds have long nights.
            _ => 100 / (1 + u64::from(nth) / 60),
        };
        if self.dice.chance(again) {
            self.sign_in(who)?;
        }
        if self.dice.chance(100) {
            self.verify_signed_in()?;
        }
        if nth.is_multiple_of(2) {
            self.take(Deed::WriteTouches, None)?;
        }
        if self.dice.chance(300) {
            self.take(Deed::IssueTicket { who }, None)?;
            self.now += self.dice.between(SECOND, 40 * SECOND);
        }
        if self.dice.chance(400) {
            self.take(Deed::Redeem, None)?;
            if self.dice.chance(700) {
                self.take(Deed::Redeem, None)?;
            }
        }
        if self.dice.chance(5) {
            self.take(Deed::SignOut { who }, None)?;
        }
        Ok(())
    }
}
