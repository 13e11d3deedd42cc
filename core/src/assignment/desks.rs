//! Officers, indexed: whose turn it is among those of a topic and an authority.

use std::collections::{BTreeSet, HashMap};

use super::candidate::Turn;
use super::rule::bar_of_state;
use super::{Attendance, Candidate};
use crate::clock::Timestamp;
use crate::id::OfficerId;
use crate::identity::AuthorityCode;

/// The number of a code of a skill or an authority; [`ANY`] stands for all of them.
pub(super) type Code = u32;

/// Every topic, every authority.
pub(super) const ANY: Code = 0;

/// Numbers for codes, which are hashed and compared in their place. Never forgotten: there are as many as lines and officers are
/// described by.
#[derive(Default)]
pub(super) struct Codes {
    skills: HashMap<String, Code>,
    authorities: HashMap<AuthorityCode, Code>,
}

impl Codes {
    pub(super) fn of_skills(&mut self, texts: &[String]) -> Vec<Code> {
        let number = |text: &String| match self.skills.get(text) {
            Some(known) => *known,
            None => {
                let next = next_code(self.skills.len());
                self.skills.insert(text.clone(), next);
                next
            }
        };
        texts.iter().map(number).collect()
    }

    pub(super) fn of_authorities(&mut self, codes: &[AuthorityCode]) -> Vec<Code> {
        let number = |code: &AuthorityCode| {
            let next = next_code(self.authorities.len());
            *self.authorities.entry(*code).or_insert(next)
        };
        codes.iter().map(number).collect()
    }
}

/// Numbers go from 1 on.
pub(super) fn next_code(known: usize) -> Code {
    u32::try_from(known + 1).unwrap_or(u32::MAX)
}

/// An officer, and where they stand in the index.
pub(super) struct Desk {
    pub(super) candidate: Candidate,
    /// Skills, sorted.
    pub(super) skills: Vec<Code>,
    pub(super) authorities: Vec<Code>,
    /// Their places in `Desks::free`: one for each authority and topic.
    slots: Vec<usize>,
    /// The turn they stand there with, while work may be offered to them.
    free_as: Option<Turn>,
    /// The turn they stand in `Desks::near` with, while they are there.
    near_as: Option<Turn>,
}

/// All officers.
#[derive(Default)]
pub(super) struct Desks {
    by_id: HashMap<OfficerId, Desk>,
    slots: HashMap<(Code, Code), usize>,
    /// Those to whom work may be offered, for each authority and topic, by turn.
    free: Vec<BTreeSet<Turn>>,
    /// Those who are there, for each authority, by turn.
    near: Vec<BTreeSet<Turn>>,
}

impl Desks {
    pub(super) fn get(&self, id: OfficerId) -> Option<&Desk> {
        self.by_id.get(&id)
    }

    /// Those of an authority who have a topic and to whom work may be offered, by turn.
    pub(super) fn free(&self, authority: Code, topic: Code) -> Option<&BTreeSet<Turn>> {
        self.slots.get(&(authority, topic)).map(|slot| &self.free[*slot])
    }

    /// Those of an authority who are there, by turn.
    pub(super) fn near(&self, authority: Code) -> Option<&BTreeSet<Turn>> {
        self.near.get(authority as usize)
    }

    /// Puts an officer in the place of what was known of them.
    pub(super) fn set(&mut self, codes: &mut Codes, candidate: Candidate, now: Timestamp) {
        let id = candidate.id;
        let unchanged = |desk: &&mut Desk| desk.candidate.skills == candidate.skills && desk.candidate.authorities == candidate.authorities;
        if let Some(desk) = self.by_id.get_mut(&id).filter(unchanged) {
            desk.candidate = candidate;
        } else {
            self.remove(id);
            let mut skills = codes.of_skills(&candidate.skills);
            skills.sort_unstable();
            skills.dedup();
            let mut authorities = codes.of_authorities(&candidate.authorities);
            authorities.sort_unstable();
            authorities.dedup();
            let slots = self.slots_of(&authorities, &skills);
            self.by_id.insert(id, Desk { candidate, skills, authorities, slots, free_as: None, near_as: None });
        }
        self.refresh(id, now);
    }

    pub(super) fn remove(&mut self, id: OfficerId) -> Option<Candidate> {
        let mut desk = self.by_id.remove(&id)?;
        self.stand(&mut desk, None, None);
        Some(desk.candidate)
    }

    /// Changes what is known of an officer.
    pub(super) fn update(&mut self, id: OfficerId, now: Timestamp, change: impl FnOnce(&mut Candidate)) {
        if let Some(desk) = self.by_id.get_mut(&id) {
            change(&mut desk.candidate);
            self.refresh(id, now);
        }
    }

    /// Puts an officer where they stand now.
    pub(super) fn refresh(&mut self, id: OfficerId, now: Timestamp) {
        // Taken out for the moment: an officer and the index are changed together.
        let Some(mut desk) = self.by_id.remove(&id) else { return };
        let turn = desk.candidate.turn();
        let free = bar_of_state(&desk.candidate, now, false).is_none().then_some(turn);
        let near = (desk.candidate.attendance == Attendance::Present).then_some(turn);
        self.stand(&mut desk, free, near);
        self.by_id.insert(id, desk);
    }

    fn stand(&mut self, desk: &mut Desk, free: Option<Turn>, near: Option<Turn>) {
        if desk.free_as != free {
            for slot in &desk.slots {
                replace(&mut self.free[*slot], desk.free_as, free);
            }
            desk.free_as = free;
        }
        if desk.near_as != near {
            for authority in std::iter::once(ANY).chain(desk.authorities.iter().copied()) {
                let at = authority as usize;
                if self.near.len() <= at {
                    self.near.resize_with(at + 1, BTreeSet::new);
                }
                replace(&mut self.near[at], desk.near_as, near);
            }
            desk.near_as = near;
        }
    }

    fn slots_of(&mut self, authorities: &[Code], skills: &[Code]) -> Vec<usize> {
        let mut slots = Vec::with_capacity((authorities.len() + 1) * (skills.len() + 1));
        for authority in std::iter::once(&ANY).chain(authorities) {
            for topic in std::iter::once(&ANY).chain(skills) {
                let next = self.free.len();
                let slot = *self.slots.entry((*authority, *topic)).or_insert(next);
                if slot == next {
                    self.free.push(BTreeSet::new());
                }
                slots.push(slot);
            }
        }
        slots
    }
}

fn replace(set: &mut BTreeSet<Turn>, old: Option<Turn>, new: Option<Turn>) {
    if let Some(old) = old {
        set.remove(&old);
    }
    set.extend(new);
}
