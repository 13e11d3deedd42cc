//! The officer who signs in gets a second factor, shows it, guesses at it, loses it.

use super::super::model::factors::Stand;
use super::super::player::Came;
use super::super::step::{Code, Deed, Factor, Who};
use super::{Crowd, Intent, SECOND};

/// The officer who signs in.
const OFFICER: u8 = 0;
const WHO: Who = Who::Officer(OFFICER);

impl Crowd {
    /// Signing in is slow on purpose, so what is done about it becomes rarer as a world grows.
    pub(super) fn factor(&mut self) -> Result<(), String> {
        self.factors += 1;
        let wait = self.dice.between(20 * SECOND, 60 * SECOND) << (self.factors / 5).min(12);
        self.after(wait, Intent::Factor);
        if self.dice.chance(100) {
            let who = self.dice.pick(&[Who::Taxpayer(0), Who::Supervisor, Who::Nobody]).unwrap_or(Who::Nobody);
            // The supervisor has no password, so only what others may do is tried.
            let factor = if who == Who::Supervisor { Factor::Reset { officer: OFFICER } } else { self.any_factor() };
            return self.about(who, factor).map(drop);
        }
        match self.stand() {
            Stand::Locked => {
                if self.dice.chance(300) {
                    self.sign_in(WHO)
                } else {
                    Ok(())
                }
            }
            Stand::Without => {
                let factor = if self.dice.chance(850) { Factor::Enrol } else { self.any_factor() };
                self.about(WHO, factor)?;
                self.confirm()
            }
            Stand::Made => self.confirm(),
            Stand::Counts => match self.dice.below(12) {
                0 => {
                    let factor = self.any_factor();
                    self.about(WHO, factor).map(drop)
                }
                1 => self.about(Who::System, Factor::Reset { officer: OFFICER }).map(drop),
                2 => self.guess(),
                _ => self.sign_in(WHO),
            },
        }
    }

    fn about(&mut self, who: Who, factor: Factor) -> Result<Came, String> {
        self.take(Deed::Factor { who, factor }, None)
    }

    fn stand(&self) -> Stand {
        self.player.model.factor_of(WHO, self.host_now())
    }

    fn any_factor(&mut self) -> Factor {
        let code = self.code();
        self.dice.pick(&[Factor::Enrol, Factor::Confirm { code }, Factor::Remove { code }]).unwrap_or(Factor::Enrol)
    }

    fn code(&mut self) -> Code {
        match self.dice.below(8) {
            0..=2 => Code::Shown(0),
            3 => Code::Shown(1),
            4 => Code::Shown(self.dice.between(-3, 3) as i8),
            5 => Code::Recovery(self.dice.below(12) as u8),
            6 => Code::Recovery(self.dice.below(3) as u8),
            _ => Code::Wrong,
        }
    }

    fn confirm(&mut self) -> Result<(), String> {
        self.now += self.dice.between(SECOND, 20 * SECOND);
        if self.dice.chance(100) {
            self.about(WHO, Factor::Enrol)?;
        }
        let code = self.code();
        if self.about(WHO, Factor::Confirm { code })? == Came::Refused && self.dice.chance(700) {
            self.about(WHO, Factor::Confirm { code: Code::Shown(0) })?;
        }
        Ok(())
    }

    /// Signs somebody in, through the second factor where there is one: with a code that is good, or used, or nothing.
    pub(super) fn sign_in(&mut self, who: Who) -> Result<(), String> {
        self.take(Deed::SignIn { who }, None)?;
        if who != WHO || self.stand() != Stand::Counts {
            return Ok(());
        }
        let code = self.code();
        self.now += if self.dice.chance(50) { 301 * SECOND } else { self.dice.between(SECOND, 30 * SECOND) };
        match self.about(who, Factor::Answer { code })? {
            // What was good is good no more, neither the challenge nor the code.
            Came::Done if self.dice.chance(500) => {
                self.about(who, Factor::Answer { code })?;
                self.take(Deed::SignIn { who }, None)?;
                self.about(who, Factor::Answer { code }).map(drop)
            }
            Came::Refused if self.dice.chance(700) => self.about(who, Factor::Answer { code: Code::Shown(0) }).map(drop),
            _ => Ok(()),
        }
    }

    /// Guesses until it is locked, at the door or in a session that was left open.
    fn guess(&mut self) -> Result<(), String> {
        let inside = self.dice.chance(300);
        if !inside {
            self.take(Deed::SignIn { who: WHO }, None)?;
        }
        let code = Code::Wrong;
        for _ in 0..6 {
            self.about(WHO, if inside { Factor::Remove { code } } else { Factor::Answer { code } })?;
        }
        Ok(())
    }
}
