//! Whose session it is that begins through a provider: accounts are linked by a verification for which the person was there, and by
//! nothing else.

use std::collections::{BTreeMap, BTreeSet};

use super::people::{AHEAD, CHANNELS, LEVELS};
use super::{Model, NOT_FOUND, Session, Subject, Told};
use crate::simulation::step::{Door, Who};

/// The providers, and the channel of those whose word about a person counts.
pub(crate) const PROVIDERS: [(&str, Option<&str>); 4] = [
    ("mini_program", None),
    ("official_account", None),
    ("portal", Some("portal")),
    ("electronic_tax_bureau", Some("electronic_tax_bureau")),
];
/// How long the account that was refused last waits to be linked.
const WAITS: i64 = 15 * super::MINUTE;

/// Accounts and tickets.
#[derive(Default)]
pub(super) struct Doors {
    /// Whose an account is, and since when.
    links: BTreeMap<(u8, u8), (u16, i64)>,
    /// The account that was refused last, until when it waits.
    waiting: Option<(u8, u8, i64)>,
    used: BTreeSet<u32>,
}

impl Model {
    /// Whoever comes in is told whose session it is, or why there is none.
    /// `hash` is what the core named a session that begins.
    pub(crate) fn came(&mut self, at: i64, door: &Door, hash: Option<[u8; 32]>) -> Result<Who, &'static str> {
        let now = self.now(at);
        if door.link && self.doors.waiting.is_none_or(|(.., until)| until <= now) {
            return Err("access.challenge_over");
        }
        let (provider, account) = (door.provider, (door.provider, door.account));
        let surely = door.person.filter(|(_, level, _)| matches!(LEVELS[usize::from(*level)], "face" | "in_person"));
        let vouches = PROVIDERS[usize::from(provider)].1.zip(surely);
        if let Some((id, until)) = door.ticket {
            if until <= now || self.doors.used.contains(&id) {
                self.record(OPERATION, Who::Nobody, Subject::ProofSpent, now);
                return Err("access.proof_spent");
            }
            // What cannot be is refused whole, and the ticket stays good.
            if vouches.is_none_or(|(_, (.., since))| since <= now + AHEAD) {
                self.doors.used.insert(id);
            }
        }
        let holder = match vouches {
            Some((_, (.., since))) if since > now + AHEAD => return Err("access.provider_unavailable"),
            Some((channel, (person, level, since))) => {
                let channel = CHANNELS.iter().position(|(word, _)| *word == channel).unwrap_or(0) as u8;
                self.people.said_name(person, channel, now);
                if let Some(shown) = self.people.vouched(person, level, channel, since, now) {
                    self.surer(person, shown, now);
                }
                if self.people.is_verified(person) {
                    if self.link(account, person, now) {
                        self.shut_out(person, now);
                    }
                    if let Some((provider, account, _)) = self.doors.waiting.filter(|_| door.link) {
                        self.doors.waiting = None;
                        self.link((provider, account), person, now);
                    }
                    Some(person)
                } else {
                    None
                }
            }
            // Who is named otherwise than before is not who they were.
            None => {
                let known = self.doors.links.get(&account).map(|(holder, _)| *holder);
                known.filter(|n| self.people.is_verified(*n) && door.person.is_none_or(|(named, ..)| named == *n))
            }
        };
        let Some(n) = holder else {
            self.doors.waiting = Some((provider, door.account, now + WAITS));
            self.record(OPERATION, Who::Nobody, Subject::NotLinked, now);
            return Err("access.not_linked");
        };
        self.begin_session(Who::Taxpayer(n), hash.unwrap_or_default(), now);
        self.record(OPERATION, Who::Nobody, Subject::Account(n, provider), now);
        Ok(Who::Taxpayer(n))
    }

    /// Whether an account was not theirs before. Whoever had it is signed out.
    fn link(&mut self, account: (u8, u8), person: u16, now: i64) -> bool {
        match self.doors.links.get(&account).copied() {
            Some((same, _)) if same == person => return false,
            Some((other, _)) => self.end_sessions(Who::Taxpayer(other), now),
            None => {}
        }
        self.doors.links.insert(account, (person, now));
        true
    }

    /// It is surer than before who somebody is. What they set up once they had shown themselves stays theirs.
    pub(super) fn surer(&mut self, person: u16, shown: bool, now: i64) {
        if shown { self.end_sessions(Who::Taxpayer(person), now) } else { self.shut_out(person, now) }
    }

    /// Whoever got in as somebody is out, and accounts that vouch for nobody are theirs no more.
    pub(super) fn shut_out(&mut self, person: u16, now: i64) {
        self.end_sessions(Who::Taxpayer(person), now);
        self.take_password(Who::Taxpayer(person));
        self.doors.links.retain(|(provider, _), (holder, _)| *holder != person || PROVIDERS[usize::from(*provider)].1.is_some());
    }

    /// Every session of a person ends, but those that nobody can use any more: these stay as they are.
    pub(super) fn end_sessions(&mut self, who: Who, now: i64) {
        let all = self.sessions.get_mut(&who).into_iter().flatten();
        all.filter(|s| now < s.started + super::SESSION_AGE).for_each(|s| s.ended = true);
    }

    /// The accounts of somebody, newest first.
    pub(super) fn linked(&self, person: u16) -> Told {
        let own = self.doors.links.iter().filter(|(_, (holder, _))| *holder == person);
        Told::linked(own.map(|((provider, _), (_, since))| (PROVIDERS[usize::from(*provider)].0, *since)).collect())
    }

    pub(super) fn unlink(&mut self, person: u16, provider: u8, now: i64) -> Told {
        let before = self.doors.links.len();
        self.doors.links.retain(|(at, _), (holder, _)| (*at, *holder) != (provider, person));
        if self.doors.links.len() == before {
            return NOT_FOUND;
        }
        self.end_sessions(Who::Taxpayer(person), now);
        self.record("access.unlink_identity", Who::Taxpayer(person), Subject::Account(person, provider), now);
        Told::Done(u32::from(provider))
    }

    /// Whether the `n`th session of somebody stands.
    pub(crate) fn stands(&self, who: Who, n: usize, now: i64) -> bool {
        let session: &Session = &self.sessions[&who][n];
        let seen = self.touched.get(&(who, n)).copied().unwrap_or(0).max(session.written);
        Self::is_open(who, session, seen, now)
    }
}

const OPERATION: &str = "access.sign_in_with_provider";

impl Told {
    /// Accounts since one instant in the order of what they say.
    pub(crate) fn linked(mut all: Vec<(&'static str, i64)>) -> Self {
        all.sort_by_key(|(provider, since)| (std::cmp::Reverse(*since), *provider));
        Self::Linked(all)
    }
}
