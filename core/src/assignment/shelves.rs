//! What waits, indexed: the oldest that officers of a topic and an authority may take.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::desks::{ANY, Code, Codes, Desk, next_code};
use super::{Place, Waiting};
use crate::clock::Timestamp;
use crate::id::{LineId, OfficerId, WorkId};

/// All lines together.
pub(super) const ALL_LINES: Code = 0;

/// Something that waits, and where it stands in the index.
pub(super) struct Shelved {
    pub(super) waiting: Waiting,
    pub(super) topics: Vec<Code>,
    pub(super) authorities: Vec<Code>,
    /// Skills it requires, sorted.
    pub(super) required: Vec<Code>,
    /// The number of that set of skills.
    needs: Code,
    line: Code,
    /// The authority and topics under which it is open to officers; none while it is held.
    open_at: Vec<(Code, Code)>,
    /// When it is to be looked at again.
    pub(super) due: Option<Timestamp>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Shelf {
    line: Code,
    needs: Code,
    authority: Code,
    topic: Code,
}

/// All that waits.
#[derive(Default)]
pub(super) struct Shelves {
    by_id: HashMap<WorkId, Shelved>,
    lines: HashMap<LineId, Code>,
    needs: HashMap<Vec<Code>, Code>,
    queues: HashMap<LineId, BTreeSet<Place>>,
    shelves: HashMap<Shelf, BTreeSet<Place>>,
    /// How many are open in a line, for each set of required skills: what an officer has none of is not looked at.
    open: BTreeMap<(Code, Code), (u32, Vec<Code>)>,
    /// What an officer knows: of a taxpayer of theirs, or a matter they had.
    known: HashMap<OfficerId, BTreeSet<Place>>,
}

impl Shelves {
    pub(super) fn get(&self, id: WorkId) -> Option<&Shelved> {
        self.by_id.get(&id)
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// A line's number.
    pub(super) fn line(&self, line: LineId) -> Option<Code> {
        self.lines.get(&line).copied()
    }

    /// A line, oldest first.
    pub(super) fn queue(&self, line: LineId) -> Option<&BTreeSet<Place>> {
        self.queues.get(&line)
    }

    /// What an officer knows, oldest first.
    pub(super) fn known_to(&self, officer: OfficerId) -> Option<&BTreeSet<Place>> {
        self.known.get(&officer)
    }

    /// Everything open to an officer in a line (or all), shelf by shelf, each oldest first.
    pub(super) fn open_to<'a>(&'a self, line: Code, desk: &'a Desk) -> impl Iterator<Item = &'a BTreeSet<Place>> {
        let needs = self.open.range((line, 0)..=(line, Code::MAX));
        let able = needs.filter(|(_, (_, skills))| skills.iter().all(|skill| desk.skills.binary_search(skill).is_ok()));
        able.flat_map(move |((line, needs), _)| {
            std::iter::once(&ANY).chain(&desk.authorities).flat_map(move |authority| {
                let shelf = |topic: &Code| Shelf { line: *line, needs: *needs, authority: *authority, topic: *topic };
                std::iter::once(&ANY).chain(&desk.skills).filter_map(move |topic| self.shelves.get(&shelf(topic)))
            })
        })
    }

    pub(super) fn add(&mut self, codes: &mut Codes, waiting: Waiting) {
        let mut required = codes.of_skills(&waiting.required);
        required.sort_unstable();
        required.dedup();
        let next = next_code(self.needs.len());
        let needs = *self.needs.entry(required.clone()).or_insert(next);
        let next = next_code(self.lines.len());
        let line = *self.lines.entry(waiting.line).or_insert(next);
        let place = waiting.place();
        self.queues.entry(waiting.line).or_default().insert(place);
        for officer in waiting.own.into_iter().chain(waiting.last) {
            self.known.entry(officer).or_default().insert(place);
        }
        let topics = codes.of_skills(&waiting.topics);
        let authorities = codes.of_authorities(&waiting.authorities);
        let id = waiting.id;
        self.by_id.insert(id, Shelved { waiting, topics, authorities, required, needs, line, open_at: Vec::new(), due: None });
    }

    pub(super) fn remove(&mut self, id: WorkId) -> Option<Waiting> {
        self.open(id, Vec::new());
        let gone = self.by_id.remove(&id)?;
        let place = gone.waiting.place();
        drop_from(&mut self.queues, gone.waiting.line, place);
        for officer in gone.waiting.own.into_iter().chain(gone.waiting.last) {
            drop_from(&mut self.known, officer, place);
        }
        Some(gone.waiting)
    }

    pub(super) fn set_due(&mut self, id: WorkId, due: Option<Timestamp>) {
        if let Some(shelved) = self.by_id.get_mut(&id) {
            shelved.due = due;
        }
    }

    /// Opens it to officers of these authorities and topics, and to no others.
    pub(super) fn open(&mut self, id: WorkId, at: Vec<(Code, Code)>) {
        let Some(shelved) = self.by_id.get_mut(&id) else { return };
        if shelved.open_at == at {
            return;
        }
        let place = shelved.waiting.place();
        let (needs, lines) = (shelved.needs, [ALL_LINES, shelved.line]);
        let was = std::mem::replace(&mut shelved.open_at, at);
        let shelf = |line, (authority, topic)| Shelf { line, needs, authority, topic };
        for line in lines {
            for key in &was {
                drop_from(&mut self.shelves, shelf(line, *key), place);
            }
            for key in &shelved.open_at {
                self.shelves.entry(shelf(line, *key)).or_default().insert(place);
            }
            if was.is_empty() {
                self.open.entry((line, needs)).or_insert_with(|| (0, shelved.required.clone())).0 += 1;
            } else if shelved.open_at.is_empty()
                && let Some((count, _)) = self.open.get_mut(&(line, needs))
            {
                *count -= 1;
                if *count == 0 {
                    self.open.remove(&(line, needs));
                }
            }
        }
    }
}

fn drop_from<K: Eq + std::hash::Hash>(sets: &mut HashMap<K, BTreeSet<Place>>, key: K, place: Place) {
    if let Some(set) = sets.get_mut(&key) {
        set.remove(&place);
        if set.is_empty() {
            sets.remove(&key);
        }
    }
}
