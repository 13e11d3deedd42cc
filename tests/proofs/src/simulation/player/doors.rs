//! Whoever comes through a provider: what it says of them, and whose session begins.

use std::hash::Hash;

use zhengna_core::access::{Account, Assertion, Once, Proof, Provider, VerifiedPerson};
use zhengna_core::error::Refusal;
use zhengna_core::identity::RealNameLevel;
use zhengna_core::{Error, Timestamp};
use zhengna_tests::provider::Says;

use super::super::model::Told;
use super::super::model::doors::PROVIDERS;
use super::super::model::people::LEVELS;
use super::super::stage::patiently;
use super::super::step::{Door, Number, Step};
use super::people::word;
use super::{Came, Checked, Player};

/// Sessions of one person that are looked at again.
const LOOKED_AT: usize = 4;

pub(super) fn provider_of(n: u8) -> Provider {
    Provider::parse(PROVIDERS[usize::from(n)].0).unwrap_or(Provider::Portal)
}

pub(super) fn number_of(provider: Provider) -> u32 {
    PROVIDERS.iter().position(|(word, _)| *word == provider.as_str()).map_or(u32::MAX, |n| n as u32)
}

impl Player {
    fn says(&self, door: &Door) -> Result<Says, Error> {
        let at = Timestamp::from_micros;
        let person = door.person.map(|(n, level, since)| {
            let (row, (number_kind, number)) = (self.model.people.directory.row(n), self.model.people.directory.number(Number::Own(n)));
            Ok::<_, Error>(VerifiedPerson {
                name: row.name,
                number_kind,
                number,
                phone: None,
                level: word(RealNameLevel::parse, &LEVELS, level)?,
                verified_at: at(since),
                authority: None,
                relations: Vec::new(),
            })
        });
        let account = Account { app_id: "app".into(), user_id: format!("user {}", door.account) };
        let once = door.ticket.map(|(id, until)| Once { id: format!("ticket {id}"), expires_at: at(until) });
        Ok(Says(provider_of(door.provider), Assertion { account, once, person: person.transpose()? }))
    }

    pub(super) fn come(&mut self, step: &Step, door: &Door) -> Checked<Came> {
        self.counts.commands += 1;
        let says = self.says(door).map_err(|e| e.to_string())?;
        let proof = Proof { proof: "code".into(), link: self.link.clone().filter(|_| door.link) };
        let answer = patiently(|| self.core().sign_in_with(&says, &proof, "-"));
        let came = match answer {
            Ok(session) => {
                let found = self.core().authenticate(&session.token).map_err(|e| format!("a fresh session: {e}"))?;
                Ok((found, session.token))
            }
            Err(e @ Error::Store(_)) => return Err(format!("coming through a provider: {e}")),
            Err(e) => {
                if let Error::Refused(Refusal::NotLinked(ticket)) = &e {
                    self.link = Some(ticket.0.clone());
                }
                Err(e.public().code)
            }
        };
        let should = self.model.came(step.at, door, came.as_ref().ok().map(|(found, _)| found.session));
        let whose = should.map(|who| self.stage.actor(who).as_ref());
        let is = came.as_ref().map(|(found, _)| found.actor.as_ref()).map_err(|code| *code);
        if is != whose {
            return Err(format!("through a provider came {is:?}, should be {whose:?}"));
        }
        Told::Session(is.is_ok()).hash(&mut self.trace);
        is.err().hash(&mut self.trace);
        if let (Ok(who), Ok((found, token))) = (should, came) {
            self.counts.came += 1;
            self.tokens.entry(who).or_default().push(token.clone());
            self.sessions.insert(who, (found.session, token));
        }
        self.sessions_stand(step.at)?;
        Ok(if is.is_ok() { Came::Done } else { Came::Refused })
    }

    /// The last sessions of everybody stand, or are over, as the model has it.
    pub(super) fn sessions_stand(&mut self, at: i64) -> Checked<()> {
        let now = self.model.now(at);
        for (who, tokens) in &self.tokens {
            for (n, token) in tokens.iter().enumerate().skip(tokens.len().saturating_sub(LOOKED_AT)) {
                let stands = match patiently(|| self.core().authenticate(token)) {
                    Ok(_) => true,
                    Err(Error::SignInRequired) => false,
                    Err(e) => return Err(format!("a session: {e}")),
                };
                let should = self.model.stands(*who, n, now);
                if stands != should {
                    return Err(format!("session {n} of {who:?} stands: {stands}, should: {should}"));
                }
            }
        }
        Ok(())
    }
}
