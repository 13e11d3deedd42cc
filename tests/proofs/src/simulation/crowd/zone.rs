//! Those who come to the zone: enterprises and whoever acts for one, and what may change for them while they talk.

use super::super::lines::ZONE;
use super::super::model::people::ROSTERS;
use super::super::step::{Affair, Number, Who};
use super::{Crowd, HOUR};

impl Crowd {
    fn small_micro() -> u8 {
        ROSTERS.iter().position(|word| *word == "designated_small_micro").unwrap_or(0) as u8
    }

    /// Some enterprises are on the roster of the zone before anybody comes.
    pub(super) fn rosters_first(&mut self) -> Result<(), String> {
        let (starts_at, roster) = (self.host_now() - HOUR, Self::small_micro());
        for company in self.player.model.people.directory.companies().step_by(2) {
            self.list(Affair::Roster { company: Number::Own(company), roster, starts_at, ends_at: None, document: 0 })?;
        }
        Ok(())
    }

    /// Mostly somebody who may be let in.
    pub(super) fn whoever_acts(&mut self) -> Who {
        let (nth, everybody) = (self.dice.next(), self.player.model.people.directory.everybody());
        let bond = self.player.model.people.nth_bond(nth).filter(|_| self.dice.chance(850));
        let Some((company, _, person, _)) = bond else { return self.taxpayer() };
        let n = if self.dice.chance(500) { company } else { person };
        Who::Taxpayer(if everybody.contains(&n) { n } else { company })
    }

    /// For some who talk in the zone it is over: their enterprise is taken from the roster, or somebody acts for it no more.
    pub(super) fn out_of_zone(&mut self, conversation: u32) -> Result<(), String> {
        let Some(c) = self.player.model.conversations.get(&conversation).filter(|c| c.line == ZONE) else { return Ok(()) };
        let (taxpayer, Some(company)) = (c.taxpayer, c.on_behalf) else { return Ok(()) };
        if !self.dice.chance(150) {
            return Ok(());
        }
        let roster = Self::small_micro();
        let since = self.player.model.people.on_since(company, roster).filter(|_| taxpayer == company || self.dice.chance(500));
        match since {
            Some(starts_at) => {
                let ends_at = Some(self.host_now());
                self.list(Affair::Roster { company: Number::Own(company), roster, starts_at, ends_at, document: 1 })
            }
            None => self.released_by_somebody(company, taxpayer),
        }
    }
}
