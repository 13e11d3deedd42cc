//! What is done about people while they wait and talk: lists that outside systems send, cards that officers look at, relations that
//! are released, and those who try what is not theirs.

use super::super::directory::Directory;
use super::super::model::people::{CHANNELS, FIELDS, LEVELS, ROLES, ROSTERS, STATES};
use super::super::stage::{SIGNED_IN, UNSERVED};
use super::super::step::{Affair, Deed, Number, Who};
use super::{Crowd, HOUR, Intent, MINUTE, SECOND};

const DAY: i64 = 24 * HOUR;
/// Relations there are lists of before anybody comes.
const RELATIONS_FIRST: u32 = 8;

impl Crowd {
    fn directory(&self) -> Directory {
        self.player.model.people.directory
    }

    pub(super) fn by(&mut self, who: Who, affair: Affair) -> Result<(), String> {
        self.take(Deed::People { who, affair }, None).map(drop)
    }

    /// A list of the host; now and then somebody else tries to send one.
    pub(super) fn list(&mut self, affair: Affair) -> Result<(), String> {
        let who = if self.dice.chance(30) { self.anybody() } else { Who::System };
        self.by(who, affair)
    }

    pub(super) fn relations_first(&mut self) -> Result<(), String> {
        (0..RELATIONS_FIRST).try_for_each(|_| self.relate())
    }

    /// Anybody who is or was, or is not yet.
    fn party(&mut self) -> u16 {
        let lately = self.labels.saturating_sub(1 + self.dice.below(30) as u32);
        match (self.dice.below(8), self.player.model.conversations.get(&lately)) {
            (0..4, Some(c)) => c.taxpayer,
            (4, _) => self.company(),
            (5, _) => {
                let nth = self.dice.below(u64::from(self.newcomers) + 1) as u16;
                self.directory().newcomer(nth)
            }
            _ => self.dice.below(u64::from(self.directory().everybody().end)) as u16,
        }
    }

    fn company(&mut self) -> u16 {
        let companies = self.directory().companies();
        companies.start + self.dice.below(companies.len() as u64) as u16
    }

    /// A number of somebody, mostly the one in use.
    fn number(&mut self, n: u16) -> Number {
        if self.dice.chance(100) { Number::Former(self.dice.below(u64::from(self.formers) + 2) as u16) } else { Number::Own(n) }
    }

    pub(super) fn host_now(&self) -> i64 {
        self.now + self.skew
    }

    fn index<T>(&mut self, of: &[T]) -> u8 {
        self.dice.below(of.len() as u64) as u8
    }

    pub(super) fn anybody(&mut self) -> Who {
        match self.dice.below(6) {
            0 => Who::Officer(self.dice.below(self.away.len() as u64) as u8),
            1 => Who::Supervisor,
            2 => Who::Outsider,
            3 => self.dice.pick(&[Who::IdleHand, Who::System, Who::Nobody]).unwrap_or(Who::Nobody),
            _ => self.taxpayer(),
        }
    }

    /// One affair, about once a minute.
    pub(super) fn affair(&mut self) -> Result<(), String> {
        let wait = self.dice.between(20 * SECOND, 100 * SECOND);
        self.after(wait, Intent::Affair);
        let (of, field) = (self.party(), self.index(&FIELDS));
        match self.dice.below(24) {
            0 => {
                // Whoever is known already is left as they are.
                let nth = if self.dice.chance(250) { self.dice.below(u64::from(self.newcomers) + 1) as u16 } else { self.newcomers };
                self.newcomers = self.newcomers.max(nth + 1);
                let newcomer = self.directory().newcomer(nth);
                self.list(Affair::Enrol { newcomer, known: of })
            }
            1 | 2 => {
                self.formers += 1;
                let last = u64::from(self.formers);
                let fresh = Number::Former(self.formers);
                let of = self.number(of);
                // Of somebody else, perhaps, or somebody's who comes later.
                let other = self.dice.below(last);
                let number = match self.dice.below(6) {
                    0 => Number::Former(other as u16),
                    // A sole trader may have the owner's number, which is theirs beside it: tests of their own speak of that.
                    1 => match (of, self.party()) {
                        (Number::Own(of), n) if self.directory().is_company(of) == self.directory().is_company(n) => Number::Own(n),
                        _ => fresh,
                    },
                    _ => fresh,
                };
                self.list(Affair::FormerNumber { of, number })
            }
            3..=5 => {
                let of = self.number(of);
                self.real_name(of)
            }
            6 | 7 => self.relate(),
            8 => self.relate_again(),
            9 | 10 => self.release(),
            11 => {
                let starts_at = self.host_now() - self.dice.between(-HOUR, 400 * DAY);
                let ends_at = self.dice.chance(400).then(|| starts_at + self.dice.between(-HOUR, 500 * DAY));
                let (company, roster) = (self.company(), self.index(&ROSTERS));
                let company = self.number(company);
                let document = self.dice.below(3) as u8;
                self.list(Affair::Roster { company, roster, starts_at, ends_at, document })
            }
            12 | 13 => {
                let number = if self.dice.chance(600) {
                    Number::Former(self.dice.below(u64::from(self.formers) + 2) as u16)
                } else {
                    Number::Own(of)
                };
                self.by(Who::System, Affair::Find { number })
            }
            14 | 15 => {
                let who = self.mostly(Who::Taxpayer(of));
                self.by(who, Affair::View { of })
            }
            16 | 17 => {
                let who = self.mostly(Who::Taxpayer(of));
                self.by(who, Affair::Relations { of })
            }
            18 => {
                let who = self.mostly(Who::Supervisor);
                self.by(who, Affair::Reveal { of, field })
            }
            _ => self.card(field),
        }
    }

    /// Whoever should ask, if they may: a newcomer has not signed in yet.
    fn mostly(&mut self, who: Who) -> Who {
        let may = !matches!(who, Who::Taxpayer(n) if !self.directory().everybody().contains(&n));
        if may && self.dice.chance(650) { who } else { self.anybody() }
    }

    fn real_name(&mut self, of: Number) -> Result<(), String> {
        let state = self.index(&STATES);
        // Verified mostly with a level, nothing else with one, as it should be.
        let verified = STATES[usize::from(state)] == "verified";
        let level = (verified != self.dice.chance(30)).then(|| self.index(&LEVELS));
        let ago = if self.dice.chance(60) { -HOUR } else { self.dice.between(0, 3 * DAY) };
        let (channel, found_at) = (self.index(&CHANNELS), self.host_now() - ago);
        self.list(Affair::RealName { of, state, level, channel, found_at })
    }

    /// Somebody who signs in is verified, or is no more; whoever holds their token uses it then.
    pub(super) fn verify_signed_in(&mut self) -> Result<(), String> {
        let Some(who) = self.dice.pick(&SIGNED_IN) else { return Ok(()) };
        let Who::Taxpayer(n) = who else { return Ok(()) };
        let state = if self.player.model.people.is_verified(n) { "lapsed" } else { "verified" };
        let state = STATES.iter().position(|word| *word == state).unwrap_or(0) as u8;
        let (level, channel, found_at) = (Some(self.index(&LEVELS)), self.index(&CHANNELS), self.host_now());
        self.by(Who::System, Affair::RealName { of: Number::Own(n), state, level, channel, found_at })?;
        self.take(Deed::Use { who, writes: false }, None).map(drop)
    }

    fn relate(&mut self) -> Result<(), String> {
        let (company, person) = (self.company(), self.party());
        let (company, person) = (self.number(company), self.number(person));
        let starts_at = self.host_now() - self.dice.between(-HOUR, 900 * DAY);
        let ends_at = self.dice.chance(250).then(|| starts_at + self.dice.between(-MINUTE, 900 * DAY));
        let released = ends_at.is_some() != self.dice.chance(50) && self.dice.chance(500);
        let role = self.role();
        self.list(Affair::Relate { company, role, person, starts_at, ends_at, released })
    }

    /// Most are one of the three officers.
    fn role(&mut self) -> u8 {
        if self.dice.chance(800) { self.dice.below(3) as u8 } else { self.index(&ROLES) }
    }

    /// A relation that is known comes again: as it was, ended, or with another end.
    fn relate_again(&mut self) -> Result<(), String> {
        let nth = self.dice.next();
        let Some((company, role, person, starts_at)) = self.player.model.people.nth_bond(nth) else { return Ok(()) };
        let ends_at = self.dice.chance(700).then(|| self.host_now() + self.dice.between(-DAY, HOUR));
        let (company, person) = (Number::Own(company), Number::Own(person));
        let released = ends_at.is_some() && self.dice.chance(500);
        self.list(Affair::Relate { company, role, person, starts_at, ends_at, released })
    }

    /// By the person, by the enterprise, by an officer, by somebody else; now and then by two after one another.
    fn release(&mut self) -> Result<(), String> {
        let nth = self.dice.next();
        let Some((company, role, person, _)) = self.player.model.people.nth_bond(nth) else { return Ok(()) };
        let role = if self.dice.chance(100) { self.role() } else { role };
        let affair = Affair::Release { company, role, person };
        let who = match self.dice.below(6) {
            0 | 1 if self.directory().everybody().contains(&person) => Who::Taxpayer(person),
            2 => Who::Taxpayer(company),
            3 => Who::Supervisor,
            4 => Who::Outsider,
            _ => self.anybody(),
        };
        self.keyed(Deed::People { who, affair })?;
        if self.dice.chance(300) {
            self.keyed(Deed::People { who: Who::Supervisor, affair })?;
        }
        Ok(())
    }

    /// A person acts for an enterprise no more, in whichever role.
    pub(super) fn released_by_somebody(&mut self, company: u16, person: u16) -> Result<(), String> {
        let role = self.role();
        self.keyed(Deed::People { who: Who::Taxpayer(person), affair: Affair::Release { company, role, person } }).map(drop)
    }

    /// An officer looks at whom they talk to; a supervisor wants a value in full.
    fn card(&mut self, field: u8) -> Result<(), String> {
        let conversation = self.labels.saturating_sub(1 + self.dice.below(30) as u32);
        let Some(c) = self.player.model.conversations.get(&conversation) else { return Ok(()) };
        let (officer, taxpayer, line) = (c.officer, c.taxpayer, c.line);
        let who = match (officer, line) {
            (Some(officer), _) => Who::Officer(officer),
            (None, UNSERVED) => Who::Outsider,
            _ => Who::Officer(0),
        };
        let who = self.mostly(who);
        self.by(who, Affair::Card { conversation })?;
        if self.dice.chance(400) {
            let others = self.player.model.people.beside(taxpayer);
            let of = if self.dice.chance(250) { self.party() } else { self.dice.pick(&others).unwrap_or(taxpayer) };
            let who = self.mostly(if line == UNSERVED { Who::Outsider } else { Who::Supervisor });
            self.by(who, Affair::RevealOnCard { conversation, of, field })?;
        }
        Ok(())
    }
}
