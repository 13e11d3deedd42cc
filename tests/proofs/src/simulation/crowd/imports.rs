//! Lists that are imported while people wait and talk: in pieces, again, taken back, and in use by then.

use super::super::directory::{LIST_ROWS, LISTS};
use super::super::model::people::STATES;
use super::super::step::{Affair, Number, Who};
use super::{Crowd, HOUR, Intent, SECOND};

/// Steps after which lists come more rarely.
const LONG: usize = 3_000;

impl Crowd {
    pub(super) fn import(&mut self) -> Result<(), String> {
        let rarely = if self.steps.len() > LONG { 5 } else { 1 };
        let wait = rarely * self.dice.between(40 * SECOND, 200 * SECOND);
        self.after(wait, Intent::Import);
        let list = self.dice.below(u64::from(LISTS)) as u8;
        let at = self.player.model.people.imports.attempt(list);
        // One that is over, or has not come.
        let attempt = if self.dice.chance(60) { self.dice.below(4) as u8 } else { at.unwrap_or(1) };
        match self.dice.below(12) {
            0 => self.by(Who::System, Affair::Examine { list }),
            1 if self.steps.len().is_multiple_of(2) => self.by(Who::System, Affair::Compare { list, attempt }),
            1 => self.by(Who::System, Affair::Imported { list, attempt }),
            2..=4 if at.is_some() => self.list(Affair::TakeBack { list, attempt }),
            _ => {
                if at.is_none() || self.dice.chance(200) {
                    self.list(Affair::BeginImport { list })?;
                }
                self.import_rows(list, attempt)
            }
        }
    }

    /// The next rows, now and then some that were applied, and perhaps they are made use of and taken back at once.
    fn import_rows(&mut self, list: u8, attempt: u8) -> Result<(), String> {
        let applied = self.player.model.people.imports.applied(list, attempt).min(LIST_ROWS - 1);
        let from = if self.dice.chance(150) { 0 } else { applied };
        let until = (from + 1 + self.dice.below(3) as u8).min(LIST_ROWS);
        self.list(Affair::ImportRows { list, attempt, from, until })?;
        if self.dice.chance(120) {
            self.use_import(list)?;
        }
        if self.dice.chance(150) {
            self.list(Affair::TakeBack { list, attempt })?;
        }
        Ok(())
    }

    /// Somebody who came by an import is verified, or turns out to have had another number.
    fn use_import(&mut self, list: u8) -> Result<(), String> {
        let of = Number::Own(self.player.model.people.directory.by_import(list));
        if self.dice.chance(500) {
            let found_at = self.host_now() - self.dice.between(0, HOUR);
            let state = STATES.iter().position(|word| *word == "captured").unwrap_or(0) as u8;
            return self.by(Who::System, Affair::RealName { of, state, level: None, channel: 0, found_at });
        }
        self.formers += 1;
        let number = Number::Former(self.formers);
        self.by(Who::System, Affair::FormerNumber { of, number })
    }
}
