//! The zone: who is let in, when they enter and at every message of theirs.

use super::people::ROSTERS;
use super::{Model, Told};
use crate::simulation::lines::ZONE;

const NO_ENTERPRISE: Told = Told::Refused("interaction.no_enterprise", 0);
const NOT_ON_ROSTER: Told = Told::Refused("interaction.not_on_roster", 0);

impl Model {
    fn is_on_roster(&self, company: u16, now: i64) -> bool {
        let roster = ROSTERS.iter().position(|word| *word == "designated_small_micro").unwrap_or(0) as u8;
        self.people.is_on(company, roster, now)
    }

    /// The enterprise for which somebody is let into a line: none where there is no gate.
    pub(super) fn admitted(&self, taxpayer: u16, line: u8, now: i64) -> Result<Option<u16>, Told> {
        if line != ZONE {
            return Ok(None);
        }
        let mut companies = self.people.acts_for(taxpayer, now);
        companies.sort_unstable_by_key(|company| self.known_as[usize::from(*company)]);
        match companies.iter().find(|company| self.is_on_roster(**company, now)) {
            Some(company) => Ok(Some(*company)),
            None if companies.is_empty() => Err(NO_ENTERPRISE),
            None => Err(NOT_ON_ROSTER),
        }
    }

    /// Whether somebody who was let in for an enterprise would be still.
    pub(super) fn still_admitted(&self, taxpayer: u16, company: u16, now: i64) -> Result<(), Told> {
        if !self.people.acts_for(taxpayer, now).contains(&company) {
            return Err(NO_ENTERPRISE);
        }
        if self.is_on_roster(company, now) { Ok(()) } else { Err(NOT_ON_ROSTER) }
    }
}
