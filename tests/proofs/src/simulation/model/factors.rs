//! Second factors as they should be: made, confirmed, shown, lost; and what wrong codes lead to.

use std::collections::{BTreeMap, BTreeSet};

use super::{MINUTE, Model, SECOND, Subject, Told};
use crate::simulation::step::{Code, Factor, Who};

const RECOVERY_CODES: u8 = 10;
/// Wrong codes that lock a sign-in.
const FAILURES_MAX: u32 = 5;
const LOCK: i64 = 30 * MINUTE;
/// How long a sign-in waits for its code.
const WAITS: i64 = 5 * MINUTE;
/// How long an authenticator shows a code.
const STEP: i64 = 30 * SECOND;

/// An authenticator, and the paper beside it.
#[derive(Clone, Debug)]
struct Own {
    confirmed: bool,
    /// The step of the last code that was taken.
    taken: i64,
    recovery: BTreeSet<u8>,
}

impl Own {
    /// Uses a code up, if it is good.
    fn takes(&mut self, code: Code, now: i64) -> bool {
        match code {
            Code::Shown(away) => {
                let step = now.div_euclid(STEP) + i64::from(away);
                let good = (-1..=1).contains(&away) && step > self.taken;
                if good {
                    self.taken = step;
                }
                good
            }
            Code::Recovery(n) => self.recovery.remove(&n),
            Code::Wrong => false,
        }
    }
}

/// How somebody signs in.
#[derive(Clone, Debug, Default)]
struct Desk {
    own: Option<Own>,
    /// Their password was taken away, and their login is nobody's: it fails as a known one does.
    passwordless: bool,
    failures: u32,
    locked_until: Option<i64>,
    /// Until when the sign-in that was begun waits for its code.
    begun: Option<i64>,
}

impl Desk {
    fn is_locked(&self, now: i64) -> bool {
        self.locked_until.is_some_and(|until| now < until)
    }

    fn confirmed(&mut self) -> Option<&mut Own> {
        self.own.as_mut().filter(|own| own.confirmed)
    }

    /// A code was wrong; whether that locks.
    fn fails(&mut self, now: i64) -> bool {
        self.failures = if self.locked_until.is_some() { 1 } else { self.failures + 1 };
        let locks = self.failures >= FAILURES_MAX;
        self.locked_until = locks.then_some(now + LOCK);
        if locks {
            self.begun = None;
        }
        locks
    }
}

/// How far the factor of somebody is, for whoever decides what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stand {
    Without,
    Made,
    Counts,
    Locked,
}

/// How everybody signs in.
#[derive(Default)]
pub(super) struct Factors(BTreeMap<Who, Desk>);

const LOCKED: (&str, &str) = ("access.locked", "locked");
const WRONG: (&str, &str) = ("access.wrong_code", "wrong_code");
const NOBODYS: (&str, &str) = ("access.wrong_credentials", "wrong");
const OVER: (&str, &str) = ("access.challenge_over", "over");
const NEEDED: (&str, &str) = ("access.second_factor_needed", "second_factor_needed");

impl Model {
    /// Looking moves no clock: the core sees nothing of it.
    pub(crate) fn factor_of(&self, who: Who, at: i64) -> Stand {
        let now = self.latest.map_or(at, |latest| latest.max(at));
        match self.factors.0.get(&who) {
            Some(desk) if desk.is_locked(now) => Stand::Locked,
            Some(Desk { own: Some(own), .. }) if own.confirmed => Stand::Counts,
            Some(Desk { own: Some(_), .. }) => Stand::Made,
            _ => Stand::Without,
        }
    }

    /// What was tried is refused, and leaves a record all the same.
    /// `whose` is nobody's where nobody has the login, or the challenge stands for none.
    fn noted(&mut self, operation: &'static str, [who, whose]: [Who; 2], (code, subject): (&'static str, &'static str), now: i64) -> Told {
        self.record(operation, who, Subject::SignIn(whose, subject), now);
        Told::Refused(code, 0)
    }

    /// Somebody's password was right. `hash` is what the core named the session that begins, where one does.
    pub(crate) fn password_shown(&mut self, at: i64, who: Who, hash: Option<[u8; 32]>) -> Told {
        let now = self.now(at);
        let desk = self.factors.0.entry(who).or_default();
        if desk.is_locked(now) {
            let whose = if desk.passwordless { Who::Nobody } else { who };
            return self.noted(SIGN_IN, [Who::Nobody, whose], LOCKED, now);
        }
        if desk.passwordless {
            let locks = desk.fails(now);
            return self.noted(SIGN_IN, [Who::Nobody; 2], if locks { LOCKED } else { NOBODYS }, now);
        }
        if desk.confirmed().is_some() {
            desk.begun = Some(now + WAITS);
            return self.noted(SIGN_IN, [Who::Nobody, who], NEEDED, now);
        }
        self.let_in(SIGN_IN, Who::Nobody, who, hash, now)
    }

    /// Their password was somebody else's, perhaps.
    pub(super) fn take_password(&mut self, who: Who) {
        self.factors.0.entry(who).or_default().passwordless = true;
    }

    fn let_in(&mut self, operation: &'static str, by: Who, who: Who, hash: Option<[u8; 32]>, now: i64) -> Told {
        let desk = self.factors.0.entry(who).or_default();
        if by == Who::Nobody {
            (desk.failures, desk.locked_until) = (0, None);
        }
        self.begin_session(who, hash.unwrap_or_default(), now);
        self.record(operation, by, Subject::SignIn(who, "begun"), now);
        Told::Session(true)
    }

    /// What counts as having signed in is no longer what it was.
    fn signed_out_everywhere(&mut self, who: Who, now: i64) {
        self.factors.0.entry(who).or_default().begun = None;
        self.end_sessions(who, now);
    }

    pub(crate) fn factor(&mut self, at: i64, who: Who, factor: Factor, hash: Option<[u8; 32]>) -> Told {
        let now = self.now(at);
        match (who, factor) {
            (Who::System, Factor::Reset { officer }) => self.reset(officer, now),
            (_, Factor::Answer { code }) => self.answered(who, code, hash, now),
            (Who::Nobody, _) => Told::Refused("access.sign_in_required", 0),
            (Who::Officer(_), Factor::Enrol) => self.enrol(who, now),
            (Who::Officer(_), Factor::Confirm { code }) => self.confirm(who, code, hash, now),
            (Who::Officer(_), Factor::Remove { code }) => self.remove(who, code, hash, now),
            _ => Told::Refused("access.denied", 0),
        }
    }

    fn enrol(&mut self, who: Who, now: i64) -> Told {
        let desk = self.factors.0.entry(who).or_default();
        if desk.confirmed().is_some() {
            return Told::Refused("access.second_factor_enrolled", 0);
        }
        desk.own = Some(Own { confirmed: false, taken: i64::MIN, recovery: BTreeSet::new() });
        self.record("access.enrol_factor", who, Subject::Factor, now);
        Told::Done(0)
    }

    fn confirm(&mut self, who: Who, code: Code, hash: Option<[u8; 32]>, now: i64) -> Told {
        let desk = self.factors.0.entry(who).or_default();
        let Some(own) = &mut desk.own else { return Told::Refused("access.no_second_factor", 0) };
        if own.confirmed {
            return Told::Refused("access.second_factor_enrolled", 0);
        }
        // It has no recovery codes yet, so those do not count here.
        if !own.takes(code, now) {
            return Told::Refused("access.wrong_code", 0);
        }
        (own.confirmed, own.recovery) = (true, (0..RECOVERY_CODES).collect());
        self.signed_out_everywhere(who, now);
        self.begin_session(who, hash.unwrap_or_default(), now);
        self.record("access.confirm_factor", who, Subject::Factor, now);
        Told::Session(true)
    }

    fn remove(&mut self, who: Who, code: Code, hash: Option<[u8; 32]>, now: i64) -> Told {
        const REMOVE: &str = "access.remove_factor";
        let desk = self.factors.0.entry(who).or_default();
        let locked = desk.is_locked(now);
        let Some(own) = desk.confirmed() else { return Told::Refused("access.no_second_factor", 0) };
        if locked {
            return self.noted(REMOVE, [who, who], LOCKED, now);
        }
        if !own.takes(code, now) {
            if !desk.fails(now) {
                return self.noted(REMOVE, [who, who], WRONG, now);
            }
            // A session that was left open is no place to guess.
            self.end_sessions(who, now);
            return self.noted(REMOVE, [who, who], LOCKED, now);
        }
        desk.own = None;
        self.signed_out_everywhere(who, now);
        self.let_in(REMOVE, who, who, hash, now)
    }

    fn reset(&mut self, officer: u8, now: i64) -> Told {
        let who = Who::Officer(officer);
        if self.factors.0.entry(who).or_default().own.take().is_none() {
            return Told::Refused("access.no_second_factor", 0);
        }
        self.signed_out_everywhere(who, now);
        self.record("access.reset_factor", Who::System, Subject::Officer(officer), now);
        Told::Done(0)
    }

    fn answered(&mut self, who: Who, code: Code, hash: Option<[u8; 32]>, now: i64) -> Told {
        const CONFIRM: &str = "access.confirm_sign_in";
        let desk = self.factors.0.entry(who).or_default();
        let Some(until) = desk.begun else { return self.noted(CONFIRM, [Who::Nobody; 2], OVER, now) };
        if desk.is_locked(now) {
            return self.noted(CONFIRM, [Who::Nobody, who], LOCKED, now);
        }
        let Some(own) = desk.confirmed().filter(|_| now < until) else {
            desk.begun = None;
            return self.noted(CONFIRM, [Who::Nobody, who], OVER, now);
        };
        if !own.takes(code, now) {
            let refused = if desk.fails(now) { LOCKED } else { WRONG };
            return self.noted(CONFIRM, [Who::Nobody, who], refused, now);
        }
        desk.begun = None;
        self.let_in(CONFIRM, Who::Nobody, who, hash, now)
    }
}

const SIGN_IN: &str = "access.sign_in";
