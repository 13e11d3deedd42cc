//! Signing in with a password, and the second factor behind it: an authenticator that the player holds for the officer.

use std::hash::Hash;

use zhengna_core::Error;
use zhengna_core::access::{FactorCode, SecondStep};
use zhengna_core::crypto::{secret_of_uri, totp_code, totp_step};
use zhengna_core::error::Refusal;

use super::super::model::{Model, Told};
use super::super::stage::patiently;
use super::super::step::{Code, Factor, Step, Who};
use super::{Came, Checked, Player};

/// What an officer has at hand to sign in with, beside the password.
#[derive(Default)]
pub(super) struct Telephone {
    secret: Option<Vec<u8>>,
    recovery: Vec<String>,
    /// What stands for the password that was right last.
    pub(super) challenge: Option<String>,
}

/// The token of a session that began, if one did.
type Answer = Result<Option<String>, Error>;

impl Player {
    pub(super) fn sign_in(&mut self, step: &Step, who: Who) -> Checked<Came> {
        self.counts.sign_ins += 1;
        let answer = self.stage.sign_in(who).map(Some);
        self.let_in(who, answer, |model, hash| model.password_shown(step.at, who, hash))
    }

    pub(super) fn factor(&mut self, step: &Step, who: Who, factor: Factor) -> Checked<Came> {
        let answer = self.ask_factor(who, factor);
        let came = self.let_in(who, answer, |model, hash| model.factor(step.at, who, factor, hash))?;
        match (factor, came) {
            (Factor::Confirm { .. }, Came::Done) => self.counts.factors[0] += 1,
            (Factor::Answer { code: Code::Recovery(_) }, Came::Done) => self.counts.factors[2] += 1,
            (Factor::Answer { .. }, Came::Done) => self.counts.factors[1] += 1,
            (Factor::Answer { .. }, _) => self.counts.factors[3] += 1,
            (Factor::Remove { .. } | Factor::Reset { .. }, Came::Done) => self.counts.factors[4] += 1,
            _ => {}
        }
        self.sessions_stand(step.at)?;
        Ok(came)
    }

    /// Compares what came of it, and keeps the session that began.
    fn let_in(&mut self, who: Who, answer: Answer, should: impl FnOnce(&mut Model, Option<[u8; 32]>) -> Told) -> Checked<Came> {
        self.counts.commands += 1;
        let (told, begun) = match answer {
            Ok(Some(token)) => {
                let found = self.core().authenticate(&token).map_err(|e| format!("a fresh session: {e}"))?;
                (Told::Session(true), Some((found.session, token)))
            }
            Ok(None) => (Told::Done(0), None),
            Err(e @ (Error::Store(_) | Error::Crypto(_))) => return Err(format!("signing in: {e}")),
            Err(e) => {
                if let Error::Refused(Refusal::SecondFactorNeeded(challenge)) = &e {
                    self.telephone.challenge = Some(challenge.0.clone());
                }
                (self.refused(&e), None)
            }
        };
        let should = should(&mut self.model, begun.as_ref().map(|(hash, _)| *hash));
        if told != should {
            return Err(format!("answered {told:?}\n  should be {should:?}"));
        }
        told.hash(&mut self.trace);
        if let Some((hash, token)) = begun {
            self.tokens.entry(who).or_default().push(token.clone());
            self.sessions.insert(who, (hash, token));
        }
        Ok(if matches!(told, Told::Refused(..)) { Came::Refused } else { Came::Done })
    }

    fn ask_factor(&mut self, who: Who, factor: Factor) -> Answer {
        let session = self.stage.session(who, None);
        let access = session.access();
        match factor {
            Factor::Enrol => {
                let enrolled = patiently(|| access.enrol_factor().wait())?;
                self.telephone.secret = secret_of_uri(&enrolled.uri);
                Ok(None)
            }
            Factor::Confirm { code } => {
                let code = self.typed_code(code);
                let confirmed = patiently(|| access.confirm_factor(FactorCode { code: code.clone() })?.wait())?;
                self.telephone.recovery = confirmed.recovery_codes;
                Ok(Some(confirmed.session.token))
            }
            Factor::Remove { code } => {
                let code = self.typed_code(code);
                let removed = patiently(|| access.remove_factor(FactorCode { code: code.clone() })?.wait()?.into_result())?;
                Ok(Some(removed.token))
            }
            Factor::Reset { officer } => {
                let officer = self.stage.officers[usize::from(officer)];
                patiently(|| access.reset_factor(officer).wait()).map(|_| None)
            }
            Factor::Answer { code } => {
                let (code, challenge) = (self.typed_code(code), self.telephone.challenge.clone().unwrap_or_default());
                let typed = || SecondStep { challenge: challenge.clone(), code: code.clone() };
                let signed_in = patiently(|| self.core().confirm_sign_in(typed(), "-")?.wait()?.into_result())?;
                Ok(Some(signed_in.token))
            }
        }
    }

    fn typed_code(&self, code: Code) -> String {
        let (now, secret) = (totp_step(self.core().now()), self.telephone.secret.as_deref().unwrap_or_default());
        match code {
            Code::Shown(away) => totp_code(secret, now + i64::from(away)),
            Code::Recovery(n) => self.telephone.recovery.get(usize::from(n)).cloned().unwrap_or_else(|| "AAAA-AAAA-AAAA-AAAA".into()),
            Code::Wrong => {
                let near: Vec<String> = (now - 2..=now + 2).map(|step| totp_code(secret, step)).collect();
                (0..10).map(|n| format!("{n:06}")).find(|code| !near.contains(code)).unwrap_or_default()
            }
        }
    }
}
