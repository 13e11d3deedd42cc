//! The engine with its indexes: answers what [`decide`](super::decide) answers, without looking at everything.
//!
//! What it knows is settled or not. Settled means: nobody may take anything. A change unsettles what it touches: an officer who became
//! free, something that came or that more officers may take. The next decision is the oldest among those, so that only they are looked at.

use std::collections::{BTreeSet, HashMap};

use super::candidate::Turn;
use super::decide::{DEFAULT_POLICY, View, choice_between, record_of};
use super::desks::{ANY, Code, Codes, Desk, Desks};
use super::reason::{Overtaken, Waits, waits_of};
use super::rule::bar_of_state;
use super::shelves::{ALL_LINES, Shelved, Shelves};
use super::{Bar, Candidate, Choice, Place, Policy, Question, Record, Waiting, Widening};
use crate::clock::Timestamp;
use crate::id::{LineId, OfficerId, WorkId};
use crate::limits;

/// What is to be looked at again at a time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Officer(OfficerId),
    Work(WorkId),
}

/// Who waits and who is there, and which goes to whom.
///
/// Time only goes forward: an instant earlier than one seen before counts as that one.
#[derive(Default)]
pub struct Assigner {
    now: Timestamp,
    codes: Codes,
    policies: HashMap<LineId, Policy>,
    desks: Desks,
    shelves: Shelves,
    agenda: BTreeSet<(Timestamp, Due)>,
    /// What came, or may be taken by more officers than before.
    unsettled: BTreeSet<Place>,
    /// Officers who became free.
    freed: BTreeSet<OfficerId>,
    /// Officers who became free, with the oldest they may take. What is named may be gone: it is looked at again.
    able: BTreeSet<(Place, OfficerId)>,
}

impl Assigner {
    /// Nobody waits, nobody is there.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what a line declares.
    pub fn set_policy(&mut self, line: LineId, policy: Policy) {
        self.policies.insert(line, policy);
        let all: Vec<WorkId> = self.shelves.queue(line).into_iter().flatten().map(|place| place.id).collect();
        all.into_iter().for_each(|id| self.place(id));
    }

    /// Sets what is known of an officer: all of it, in the place of what was known.
    pub fn set_officer(&mut self, officer: Candidate) {
        let id = officer.id;
        let holding = |c: &Candidate, now| (c.is_here(now), c.skills.clone());
        let before = self.desks.get(id).map(|desk| holding(&desk.candidate, self.now));
        let after = holding(&officer, self.now);
        self.agenda.extend(officer.until.filter(|until| self.now < *until).map(|until| (until, Due::Officer(id))));
        self.desks.set(&mut self.codes, officer, self.now);
        self.freed.insert(id);
        if before != Some(after) {
            self.place_known(id);
        }
    }

    /// Forgets an officer: they are not there.
    pub fn remove_officer(&mut self, id: OfficerId) -> Option<Candidate> {
        let gone = self.desks.remove(id)?;
        self.place_known(id);
        Some(gone)
    }

    /// What is known of an officer.
    pub fn officer(&self, id: OfficerId) -> Option<&Candidate> {
        self.desks.get(id).map(|desk| &desk.candidate)
    }

    /// Something ended that an officer had: it was expected to take `expected_min` (0 for one that was not assigned here) and took
    /// `took_min`.
    pub fn ended(&mut self, officer: OfficerId, expected_min: u32, took_min: u32, now: Timestamp) {
        self.now = self.now.max(now);
        self.free(officer, |c| {
            c.load_min = c.load_min.saturating_sub(expected_min).saturating_add(took_min);
            c.idle_since = c.idle_since.max(now);
        });
    }

    /// An offer ran out or was declined: the officer is free of it, as if it had not been made.
    pub fn declined(&mut self, officer: OfficerId, expected_min: u32) {
        self.free(officer, |c| c.load_min = c.load_min.saturating_sub(expected_min));
    }

    fn free(&mut self, officer: OfficerId, change: impl FnOnce(&mut Candidate)) {
        self.desks.update(officer, self.now, |c| {
            c.held = c.held.saturating_sub(1);
            change(c);
        });
        self.freed.insert(officer);
    }

    /// Adds something that waits, or sets what is known of it: all of it.
    pub fn add(&mut self, waiting: Waiting) {
        let id = waiting.id;
        self.remove(id);
        self.shelves.add(&mut self.codes, waiting);
        self.place(id);
    }

    /// Takes something out of its line: it left, or somebody took it otherwise.
    pub fn remove(&mut self, id: WorkId) -> Option<Waiting> {
        if let Some(due) = self.shelves.get(id)?.due {
            self.agenda.remove(&(due, Due::Work(id)));
        }
        let gone = self.shelves.remove(id)?;
        self.unsettled.remove(&gone.place());
        Some(gone)
    }

    /// Something that waits.
    pub fn waiting(&self, id: WorkId) -> Option<&Waiting> {
        self.shelves.get(id).map(|shelved| &shelved.waiting)
    }

    /// How much waits.
    pub fn len(&self) -> usize {
        self.shelves.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// When to ask again though nothing was changed: a step begins, a hold or a shift ends, somebody may be offered again what they let pass.
    pub fn next_at(&self) -> Option<Timestamp> {
        self.agenda.first().map(|(at, _)| *at)
    }

    /// The next assignment: the oldest that anybody may take, to the officer whose turn it is. It is carried out: out of the line, and
    /// charged to the officer. `None` when nobody may take anything now; call until then.
    pub fn next(&mut self, now: Timestamp) -> Option<Record> {
        self.advance(now);
        loop {
            self.look_for_freed();
            let came = self.unsettled.first().copied();
            let able = self.able.first().copied();
            let place = match (came, able) {
                (came, Some((place, officer))) if came.is_none_or(|came| place < came) => {
                    self.able.remove(&(place, officer));
                    // Whether they get it or somebody else, there may be more for them.
                    self.freed.insert(officer);
                    place
                }
                (Some(came), _) => {
                    self.unsettled.remove(&came);
                    came
                }
                (None, _) => return None,
            };
            // What officers were found able to take may be gone by now, or stand elsewhere.
            let Some(shelved) = self.shelves.get(place.id).filter(|shelved| shelved.waiting.place() == place) else { continue };
            let Some((chosen, choice, second)) = self.choose(shelved) else { continue };
            let record = record_of(self, Question::Push, &shelved.waiting, &chosen.candidate, choice, second, self.now);
            self.carry_out(&record);
            return Some(record);
        }
    }

    /// An officer asks for the next one of a line: the oldest that they may take. It is carried out. `None` where there is none for them.
    pub fn pull(&mut self, officer: OfficerId, line: LineId, now: Timestamp) -> Option<Record> {
        self.advance(now);
        let desk = self.desks.get(officer)?;
        let place = self.oldest_for(desk, self.shelves.line(line)?, true)?;
        let next = self.shelves.get(place.id)?;
        let question = Question::Pull { officer, line };
        let record = record_of(self, question, &next.waiting, &desk.candidate, Choice::Asked, None, self.now);
        self.carry_out(&record);
        Some(record)
    }

    /// Why something waits; `None` for what does not.
    pub fn waits(&self, id: WorkId, now: Timestamp) -> Option<Waits> {
        self.shelves.get(id).map(|shelved| waits_of(self, &shelved.waiting, now.max(self.now)))
    }

    /// Why an officer who asks gets nothing of a line: what bars them from the oldest of it, at most a few.
    pub fn nothing_for(&self, officer: OfficerId, line: LineId, now: Timestamp) -> Vec<Overtaken> {
        let oldest = self.shelves.queue(line).into_iter().flatten().take(limits::ASSIGNMENT_NAMED_MAX);
        let bar_of = |shelved: &Shelved| match self.desks.get(officer) {
            None => Some(Bar::Absent),
            Some(desk) => self.bar(&desk.candidate, &shelved.waiting, now.max(self.now), true),
        };
        oldest.filter_map(|place| Some(Overtaken { work: place.id, bar: bar_of(self.shelves.get(place.id)?)? })).collect()
    }

    fn carry_out(&mut self, record: &Record) {
        let minutes = self.remove(record.decision.work).map_or(0, |gone| gone.minutes);
        self.desks.update(record.decision.officer, self.now, |c| {
            c.held += 1;
            c.load_min = c.load_min.saturating_add(minutes);
        });
    }

    /// Lets time pass.
    fn advance(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        while let Some((at, due)) = self.agenda.first().copied()
            && at <= self.now
        {
            self.agenda.pop_first();
            match due {
                Due::Work(id) => {
                    self.shelves.set_due(id, None);
                    self.place(id);
                }
                Due::Officer(id) => {
                    self.desks.refresh(id, self.now);
                    self.place_known(id);
                }
            }
        }
    }

    /// Puts something where officers find it who may take it now.
    fn place(&mut self, id: WorkId) {
        let Some(shelved) = self.shelves.get(id) else { return };
        let policy = self.policy(shelved.waiting.line);
        let keys = match self.held(&shelved.waiting, self.now) {
            Some(_) => Vec::new(),
            None => keys_of(shelved, policy, self.now),
        };
        let due = next_due(&shelved.waiting, policy, self.now);
        if due != shelved.due {
            if let Some(before) = shelved.due {
                self.agenda.remove(&(before, Due::Work(id)));
            }
            self.agenda.extend(due.map(|at| (at, Due::Work(id))));
        }
        self.unsettled.insert(shelved.waiting.place());
        self.shelves.set_due(id, due);
        self.shelves.open(id, keys);
    }

    /// Places anew what an officer knows: for them it may be held no more.
    fn place_known(&mut self, id: OfficerId) {
        let known: Vec<WorkId> = self.shelves.known_to(id).into_iter().flatten().map(|place| place.id).collect();
        known.into_iter().for_each(|id| self.place(id));
    }

    fn look_for_freed(&mut self) {
        while let Some(id) = self.freed.pop_first() {
            let oldest = self.desks.get(id).and_then(|desk| self.oldest_for(desk, ALL_LINES, false));
            self.able.extend(oldest.map(|place| (place, id)));
        }
    }

    /// The oldest of a line that an officer may take.
    fn oldest_for(&self, desk: &Desk, line: Code, asked: bool) -> Option<Place> {
        if bar_of_state(&desk.candidate, self.now, asked).is_some() {
            return None;
        }
        let mut oldest: Option<Place> = None;
        let known = self.shelves.known_to(desk.candidate.id);
        for shelf in self.shelves.open_to(line, desk).chain(known) {
            let earlier = shelf.iter().take_while(|place| oldest.is_none_or(|oldest| **place < oldest));
            let may = |place: &&Place| {
                let shelved = self.shelves.get(place.id).filter(|s| line == ALL_LINES || self.shelves.line(s.waiting.line) == Some(line));
                shelved.is_some_and(|shelved| self.bar(&desk.candidate, &shelved.waiting, self.now, asked).is_none())
            };
            oldest = earlier.copied().find(|place| may(&place)).or(oldest);
        }
        oldest
    }

    /// Who gets something, why, and who would have been next.
    fn choose(&self, shelved: &Shelved) -> Option<(&Desk, Choice, Option<OfficerId>)> {
        let able = |id: Option<OfficerId>| {
            self.desks.get(id?).filter(|desk| self.bar(&desk.candidate, &shelved.waiting, self.now, false).is_none())
        };
        if let Some(own) = able(shelved.waiting.own) {
            return Some((own, Choice::Own, None));
        }
        if let Some(last) = able(shelved.waiting.last) {
            return Some((last, Choice::Last, None));
        }
        if self.held(&shelved.waiting, self.now).is_some() {
            return None;
        }
        let keys = keys_of(shelved, self.policy(shelved.waiting.line), self.now);
        let mut first_two: Vec<Turn> = Vec::new();
        for set in self.narrowest(shelved, &keys) {
            let may = |turn: &&Turn| able(Some(turn.2)).is_some();
            first_two.extend(set.iter().filter(may).take(2));
        }
        first_two.sort_unstable();
        first_two.dedup();
        let mut desks = first_two.iter().filter_map(|turn| self.desks.get(turn.2));
        let (first, second) = (desks.next()?, desks.next());
        let choice = choice_between(&first.candidate, second.map(|desk| &desk.candidate));
        Some((first, choice, second.map(|desk| desk.candidate.id)))
    }

    /// The sets of officers to look through: those of its topics, or those who have one of the skills it requires, whichever are fewer.
    fn narrowest(&self, shelved: &Shelved, keys: &[(Code, Code)]) -> Vec<&BTreeSet<Turn>> {
        let by_topic: Vec<&BTreeSet<Turn>> = keys.iter().filter_map(|(authority, topic)| self.desks.free(*authority, *topic)).collect();
        let of_topic: usize = by_topic.iter().map(|set| set.len()).sum();
        let size = |set: &Option<&BTreeSet<Turn>>| set.map_or(0, BTreeSet::len);
        let Some((authority, _)) = keys.first() else { return by_topic };
        match shelved.required.iter().map(|skill| self.desks.free(*authority, *skill)).min_by_key(size) {
            Some(by_skill) if size(&by_skill) < of_topic => by_skill.into_iter().collect(),
            _ => by_topic,
        }
    }
}

/// Under which authority and topics officers find it after so long a wait.
fn keys_of(shelved: &Shelved, policy: &Policy, now: Timestamp) -> Vec<(Code, Code)> {
    let (_, step) = policy.step(&shelved.waiting, now);
    let authority = step.authorities.last_of(shelved.authorities.len()).map_or(ANY, |last| shelved.authorities[last]);
    match step.topics.last_of(shelved.topics.len()) {
        None => vec![(authority, ANY)],
        Some(last) => shelved.topics[..=last].iter().map(|topic| (authority, *topic)).collect(),
    }
}

/// When something may be taken by more officers than now, if nothing else changes.
fn next_due(waiting: &Waiting, policy: &Policy, now: Timestamp) -> Option<Timestamp> {
    let held = waiting.own.map(|_| policy.held_until(waiting));
    let again = waiting.passed.iter().map(|pass| policy.asked_again(pass));
    again.chain(held).chain(policy.next_step_at(waiting, now)).filter(|at| now < *at).min()
}

impl View for Assigner {
    fn policy(&self, line: LineId) -> &Policy {
        self.policies.get(&line).unwrap_or(&DEFAULT_POLICY)
    }

    fn candidate(&self, id: OfficerId) -> Option<&Candidate> {
        self.officer(id)
    }

    fn near<'a>(&'a self, waiting: &'a Waiting, authorities: Widening) -> impl Iterator<Item = &'a Candidate> {
        self.near_set(waiting, authorities).into_iter().flatten().filter_map(|turn| self.officer(turn.2))
    }

    fn near_count(&self, waiting: &Waiting, authorities: Widening) -> u32 {
        u32::try_from(self.near_set(waiting, authorities).map_or(0, BTreeSet::len)).unwrap_or(u32::MAX)
    }

    fn older<'a>(&'a self, waiting: &'a Waiting) -> impl Iterator<Item = &'a Waiting> {
        let queue = self.shelves.queue(waiting.line).into_iter();
        queue.flat_map(|queue| queue.range(..waiting.place())).filter_map(|place| self.waiting(place.id))
    }
}

impl Assigner {
    fn near_set(&self, waiting: &Waiting, authorities: Widening) -> Option<&BTreeSet<Turn>> {
        let paths = self.shelves.get(waiting.id).map_or(&[][..], |shelved| &shelved.authorities);
        self.desks.near(authorities.last_of(paths.len()).map_or(ANY, |last| paths[last]))
    }
}
