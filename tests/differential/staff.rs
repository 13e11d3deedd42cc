//! Officers signing in, with passwords and second factors, and the calendar that one proposes and another approves.

use std::time::Duration;

use proptest::prelude::*;
use zhengna_core::access::{Credentials, FactorCode, PasswordChange, SecondStep, SignedIn};
use zhengna_core::approval::{Approve, Reject, Which};
use zhengna_core::calendar::{Arrangement, AskDue, Change, DayHours, Draft, LegalNumber, NoticeDay, Pause, Span, TermUnit};
use zhengna_core::crypto::{TOTP_STEP, secret_of_uri, totp_code, totp_step};
use zhengna_core::error::Refusal;
use zhengna_core::id::OfficerId;
use zhengna_core::{Error, Session, limits};
use zhengna_tests::world::{KUANCHENG, NANGUAN, code, start};

use crate::approval::{decider, nth};
use crate::{Play, Who, key, told, who, written};

/// Passwords, the first of which is given.
const PASSWORDS: [&str; 4] = ["Xiang-Kan-2026", "Xiang-Kan-2027", "Xiang-Kan-2028", "kurz"];

#[derive(Clone, Copy, Debug)]
pub(crate) enum Code {
    Shown,
    Wrong,
    Recovery,
}

/// Officer 0 serves, 1 administers.
#[derive(Clone, Debug)]
pub(crate) enum Deed {
    SetPassword(usize, usize),
    SignIn(usize, bool),
    /// Wrong passwords until the login is locked.
    Fail(usize),
    Confirm(usize, Code),
    Use(usize),
    EnrolFactor(usize),
    ConfirmFactor(usize, Code),
    RemoveFactor(usize, Code),
    ResetFactor(Who, usize),
    GivePassword(Who, usize, usize),
    ChangePassword(usize, bool, usize),
    Propose(Who, u8, u8),
    /// Which proposal, and whether its digest is named rightly.
    Approve(Who, usize, bool, u8),
    Reject(Who, usize, bool, u8),
    Proposals(Who),
    Calendar(Who),
}

/// What an officer who signs in has in hand.
#[derive(Default)]
pub(crate) struct Desk {
    password: usize,
    token: Option<String>,
    challenge: Option<String>,
    secret: Option<Vec<u8>>,
    recovery: Vec<String>,
}

pub(crate) fn deed() -> impl Strategy<Value = Deed> {
    let officer = || prop_oneof![1 => Just(0usize), 2 => Just(1)];
    let password = || 0..PASSWORDS.len();
    let right = || prop::bool::weighted(0.9);
    let code = || prop_oneof![8 => Just(Code::Shown), 1 => Just(Code::Wrong), 1 => Just(Code::Recovery)];
    let maker = || prop_oneof![4 => Just(Who::Supervisor), 2 => Just(Who::Outsider), 1 => who()];
    let administrator = || prop_oneof![2 => Just(Who::Supervisor), 4 => Just(Who::Administrator), 1 => who()];
    let checker = || prop_oneof![2 => Just(Who::Supervisor), 4 => Just(Who::Decider(0)), 1 => who()];
    let named = || prop::bool::weighted(0.6);
    prop_oneof![
        1 => (officer(), password()).prop_map(|(o, p)| Deed::SetPassword(o, p)),
        7 => (officer(), right()).prop_map(|(o, p)| Deed::SignIn(o, p)),
        1 => officer().prop_map(Deed::Fail),
        6 => (officer(), code()).prop_map(|(o, c)| Deed::Confirm(o, c)),
        2 => officer().prop_map(Deed::Use),
        3 => officer().prop_map(Deed::EnrolFactor),
        8 => (officer(), code()).prop_map(|(o, c)| Deed::ConfirmFactor(o, c)),
        1 => (officer(), code()).prop_map(|(o, c)| Deed::RemoveFactor(o, c)),
        1 => (administrator(), officer()).prop_map(|(w, o)| Deed::ResetFactor(w, o)),
        1 => (administrator(), officer(), password()).prop_map(|(w, o, p)| Deed::GivePassword(w, o, p)),
        3 => (officer(), right(), password()).prop_map(|(o, p, q)| Deed::ChangePassword(o, p, q)),
        5 => (maker(), 0..5u8, key()).prop_map(|(w, d, k)| Deed::Propose(w, d, k)),
        4 => (checker(), 0..3usize, named(), key()).prop_map(|(w, n, d, k)| Deed::Approve(w, n, d, k)),
        4 => (checker(), 0..3usize, named(), key()).prop_map(|(w, n, d, k)| Deed::Reject(w, n, d, k)),
        1 => who().prop_map(Deed::Proposals),
        1 => who().prop_map(Deed::Calendar),
    ]
}

/// What is decided, and a calendar to decide about.
pub(crate) fn decision() -> impl Strategy<Value = Deed> {
    let named = || prop::bool::weighted(0.9);
    let maker = prop_oneof![8 => Just(Who::Supervisor), 1 => Just(Who::Outsider), 1 => who()];
    prop_oneof![
        8 => (maker, prop_oneof![6 => 0..2u8, 1 => 2..5u8], key()).prop_map(|(w, d, k)| Deed::Propose(w, d, k)),
        14 => (decider(), nth(), named(), key()).prop_map(|(w, n, d, k)| Deed::Approve(w, n, d, k)),
        2 => (decider(), nth(), named(), key()).prop_map(|(w, n, d, k)| Deed::Reject(w, n, d, k)),
    ]
}

fn draft(n: u8) -> Draft {
    let date = |text: &str| text.parse().expect("a date");
    let change = match n {
        0 => {
            let days = vec![NoticeDay { date: date("2027-01-04"), arrangement: Arrangement::Off, name: "元旦".into() }];
            Change::WorkingDays { year: 2027, days }
        }
        1 => Change::FilingPeriods { year: 2027, last_days: (1..=12).map(|month| date(&format!("2027-{month:02}-16"))).collect() },
        2 => {
            let spans = vec![Span { from_min: 9 * 60, until_min: 16 * 60 }];
            let seasons = vec![DayHours { date: date("2027-01-01"), spans }];
            Change::OfficeHours { authority: code(NANGUAN), seasons, exceptions: Vec::new() }
        }
        3 => Change::LegalNumber { number: LegalNumber::FilingDay, from: date("2027-03-01"), value: 18 },
        // No year has eleven months.
        _ => Change::FilingPeriods { year: 2027, last_days: (1..=11).map(|month| date(&format!("2027-{month:02}-16"))).collect() },
    };
    Draft { document: format!("文〔2026〕{n}号"), title: "通知".into(), source: "https://www.gov.cn/1.htm".into(), change }
}

impl Play {
    fn officer_of(&self, n: usize) -> OfficerId {
        [self.world.officers[0], self.world.administrator][n]
    }

    fn login(n: usize) -> String {
        ["22010000", "22010904"][n].into()
    }

    /// Whoever holds the token of an officer's last session.
    fn signed_in(&self, n: usize) -> Result<Session, Error> {
        let token = self.desks[n].token.clone().unwrap_or_default();
        self.world.core.authenticate(&token).map(|caller| self.world.core.as_actor(caller.actor))
    }

    fn begun(&mut self, n: usize, answer: Result<SignedIn, Error>) -> String {
        match &answer {
            Ok(session) => self.desks[n].token = Some(session.token.clone()),
            Err(Error::Refused(Refusal::SecondFactorNeeded(challenge))) => self.desks[n].challenge = Some(challenge.0.clone()),
            Err(_) => {}
        }
        written(answer)
    }

    fn now_has(&mut self, n: usize, password: usize, set: bool) {
        if set {
            self.desks[n].password = password;
        }
    }

    fn password(&self, n: usize, right: bool) -> String {
        if right { PASSWORDS[self.desks[n].password].into() } else { "falsch".into() }
    }

    fn code(&mut self, n: usize, code: Code) -> String {
        // Until one is shown that was not used yet.
        self.world.clock.advance(TOTP_STEP);
        let now = totp_step(self.world.core.now());
        let desk = &mut self.desks[n];
        let secret = desk.secret.as_deref().unwrap_or_default();
        match code {
            Code::Shown => totp_code(secret, now),
            Code::Wrong => totp_code(secret, now + 1000),
            Code::Recovery => desk.recovery.pop().unwrap_or_else(|| "AAAA-BBBB-CCCC-DDDD".into()),
        }
    }

    pub(crate) fn deed(&mut self, deed: &Deed) -> String {
        match deed {
            Deed::SetPassword(n, password) => {
                let whose = self.world.session_of(self.officer_of(*n)).actor().as_ref();
                let answer = self.as_(Who::System, 0).access().set_password(whose, &Self::login(*n), PASSWORDS[*password]);
                self.now_has(*n, *password, answer.is_ok());
                told(answer)
            }
            Deed::SignIn(n, right) => {
                let typed = Credentials { login: Self::login(*n), password: self.password(*n, *right) };
                let answer = self.world.core.sign_in(&typed, "r");
                self.begun(*n, answer)
            }
            Deed::Fail(n) => {
                let typed = Credentials { login: Self::login(*n), password: self.password(*n, false) };
                let tries = (0..limits::SIGN_IN_FAILURES_MAX).map(|_| written(self.world.core.sign_in(&typed, "r")));
                tries.collect::<Vec<_>>().join(" ")
            }
            Deed::Confirm(n, code) => {
                let code = self.code(*n, *code);
                // Without a challenge, a text of the right form is all that can be tried.
                let challenge = self.desks[*n].challenge.clone().unwrap_or_else(|| "A".repeat(43));
                let answer = self.world.core.confirm_sign_in(SecondStep { challenge, code }, "r");
                let answer = answer.and_then(|ticket| ticket.wait()?.into_result());
                self.begun(*n, answer)
            }
            Deed::Use(n) => written(self.signed_in(*n).and_then(|session| session.access().me())),
            Deed::EnrolFactor(n) => {
                let answer = self.signed_in(*n).and_then(|session| session.access().enrol_factor().wait());
                if let Ok(enrolled) = &answer {
                    self.desks[*n].secret = secret_of_uri(&enrolled.uri);
                }
                written(answer)
            }
            Deed::ConfirmFactor(n, code) => {
                let code = FactorCode { code: self.code(*n, *code) };
                let answer = self.signed_in(*n).and_then(|session| session.access().confirm_factor(code)?.wait());
                if let Ok(confirmed) = &answer {
                    self.desks[*n].token = Some(confirmed.session.token.clone());
                    self.desks[*n].recovery = confirmed.recovery_codes.clone();
                }
                written(answer)
            }
            Deed::RemoveFactor(n, code) => {
                let code = FactorCode { code: self.code(*n, *code) };
                let answer = self.signed_in(*n).and_then(|session| session.access().remove_factor(code)?.wait()?.into_result());
                self.begun(*n, answer)
            }
            Deed::ResetFactor(who, n) => told(self.as_(*who, 0).access().reset_factor(self.officer_of(*n)).wait()),
            Deed::GivePassword(who, n, password) => {
                let answer = self.as_(*who, 0).access().give_password(self.officer_of(*n), PASSWORDS[*password]);
                self.now_has(*n, *password, answer.is_ok());
                told(answer)
            }
            Deed::ChangePassword(n, right, password) => {
                let typed = PasswordChange { current: self.password(*n, *right), password: PASSWORDS[*password].into() };
                let answer = self.signed_in(*n).and_then(|session| session.access().change_password(&typed));
                self.now_has(*n, *password, answer.is_ok());
                self.begun(*n, answer)
            }
            Deed::Propose(who, n, key) => {
                let answer = self.as_(*who, *key).calendar().propose(draft(*n)).wait();
                self.learn(&answer);
                told(answer)
            }
            Deed::Approve(who, nth, named, key) => {
                let Some((approval, digest)) = self.proposal(*nth, *named) else { return String::new() };
                told(self.as_(*who, *key).approval().approve(Approve { approval, digest }).wait())
            }
            Deed::Reject(who, nth, named, key) => {
                let Some((approval, digest)) = self.proposal(*nth, *named) else { return String::new() };
                told(self.as_(*who, *key).approval().reject(Reject { approval, digest, reason: "与原文不符".into() }).wait())
            }
            Deed::Proposals(who) => told(self.as_(*who, 0).approval().list(Which::All, None, 20)),
            Deed::Calendar(who) => {
                let session = self.as_(*who, 0);
                let calendar = session.calendar();
                let pauses = || vec![Pause { from: start(), until: Some(start().plus(Duration::from_secs(86_400))) }];
                let unit = TermUnit::WorkingDays;
                let asked = |authority| AskDue { began: start(), amount: 40, unit, authority: Some(code(authority)), pauses: pauses() };
                let due = [NANGUAN, KUANCHENG].map(|authority| told(calendar.due(asked(authority))));
                let numbers = written(calendar.legal_numbers());
                format!("{} {} {numbers} {due:?}", written(calendar.year(2027)), written(calendar.filing_periods(2027)))
            }
        }
    }

    /// One of the latest proposals, and the digest somebody names who read it, or something else.
    pub(crate) fn proposal(&self, nth: usize, named: bool) -> Option<(zhengna_core::id::ApprovalId, String)> {
        let proposed = self.proposals.iter().rev().nth(nth)?;
        Some((proposed.approval, if named { proposed.digest.clone() } else { "00".repeat(32) }))
    }

    /// Names what a deed reached, for the test that looks whether the steps reach anything.
    pub(crate) fn settled(deed: &Deed, answer: &str) -> Option<&'static str> {
        let good = !answer.contains("Refused") && !answer.contains("SignInRequired") && !answer.contains("Denied") && !answer.is_empty();
        match deed {
            Deed::Fail(_) if answer.contains("Locked") => Some("locked"),
            Deed::SignIn(..) if answer.contains("SecondFactorNeeded") => Some("second factor needed"),
            Deed::SignIn(..) if answer.contains("WrongCredentials") => Some("wrong password"),
            Deed::SignIn(..) if good => Some("signed in"),
            Deed::Confirm(..) if good => Some("second factor shown"),
            Deed::ConfirmFactor(..) if good => Some("second factor enrolled"),
            Deed::ChangePassword(..) if good && !answer.contains("Invalid") => Some("password changed"),
            Deed::Propose(..) if answer.starts_with("Ok") => Some("proposed"),
            Deed::Approve(..) if answer.starts_with("Ok") => Some("approved"),
            Deed::Approve(..) if answer.contains("OwnApproval") => Some("own proposal"),
            Deed::Approve(..) if answer.contains("VotedAlready") => Some("voted already"),
            Deed::Approve(..) if answer.contains("OtherContent") => Some("something else than was read"),
            Deed::Reject(..) if answer.starts_with("Ok") => Some("rejected"),
            _ => None,
        }
    }
}
