//! People who come through providers: with an account that is theirs, was theirs, or is nobody's yet; verified or only named; with
//! tickets shown again; and who unlink what they linked.

use super::super::model::doors::PROVIDERS;
use super::super::model::people::LEVELS;
use super::super::step::{Affair, Deed, Door, Who};
use super::{Crowd, HOUR, Intent, MINUTE, SECOND};

/// Accounts at each provider: so few that nobody has more than may be linked to one person.
const ACCOUNTS: [u64; 4] = [4, 2, 2, 2];
/// Those who come so: not who signs in with a password, which a verification takes away.
const FIRST: u16 = 2;
const PEOPLE: u64 = 5;

impl Crowd {
    pub(super) fn door(&mut self) -> Result<(), String> {
        let wait = self.dice.between(20 * SECOND, 3 * MINUTE);
        self.after(wait, Intent::Door);
        let n = FIRST + self.dice.below(PEOPLE) as u16;
        let who = if self.dice.chance(100) { self.anybody() } else { Who::Taxpayer(n) };
        let provider = self.dice.below(PROVIDERS.len() as u64) as u8;
        match self.dice.below(16) {
            0 => self.keyed(Deed::People { who, affair: Affair::Unlink { provider } }).map(drop),
            1 => self.by(who, Affair::Linked),
            2 => {
                let phone = self.dice.below(3) as u16;
                self.by(who, Affair::TakePhone { phone })
            }
            3 => self.take(Deed::Use { who: Who::Taxpayer(n), writes: self.numbered() }, None).map(drop),
            _ => self.come(n, provider),
        }
    }

    fn numbered(&self) -> bool {
        self.steps.len().is_multiple_of(2)
    }

    fn come(&mut self, n: u16, provider: u8) -> Result<(), String> {
        let account = self.dice.below(ACCOUNTS[usize::from(provider)]) as u8;
        let vouches = PROVIDERS[usize::from(provider)].1.is_some();
        let person = self.dice.chance(if vouches { 800 } else { 100 }).then(|| {
            let level = LEVELS.len() as u64 - if self.dice.chance(600) { 1 + self.dice.below(2) } else { 3 + self.dice.below(2) };
            // Some were verified long ago, a few at a time that has not come.
            let ago = if self.dice.chance(20) { -HOUR } else { self.dice.between(0, 2 * HOUR) };
            (n, level as u8, self.host_now() - ago)
        });
        let portal = PROVIDERS[usize::from(provider)].0 == "portal";
        let ticket = portal.then(|| {
            self.tickets += 1;
            (self.tickets, self.host_now().max(self.now) + self.dice.between(SECOND, 5 * MINUTE))
        });
        let link = self.dice.chance(400);
        let door = Door { provider, account, person, ticket, link };
        self.take(Deed::Come { door }, None)?;
        // Shown again, at once or when it is too old. What is too old is forgotten in time: a clock that goes back further than those of
        // two hosts may differ would bring it back.
        if let Some((_, until)) = ticket.filter(|_| self.dice.chance(300)) {
            self.now += self.dice.between(0, 6 * MINUTE);
            if self.now + SECOND < until || self.host_now() >= until {
                self.take(Deed::Come { door: Door { link: false, ..door } }, None)?;
            }
        }
        Ok(())
    }
}
