//! Lists that are imported as they should be: what becomes of each row, in pieces and again, and what is there once a list was taken
//! back.

use std::collections::BTreeMap;

use super::people::{AHEAD, People, REGISTER, operation};
use super::{Model, NOT_FOUND, Subject, Told};
use crate::simulation::directory::ListRow;
use crate::simulation::step::{Affair, Number, Who};

/// The line of a list's first row.
const FIRST_LINE: u8 = 2;

/// A row of an import: which list, which attempt, which line.
type Place = (u8, u8, u8);

/// A phone, and who told it when.
#[derive(Clone, Debug)]
pub(super) struct Phone {
    pub(super) phone: String,
    pub(super) source: &'static str,
    pub(super) at: i64,
}

/// How somebody is written down, and by which row of an import, if it was one.
#[derive(Clone, Debug, Default)]
struct Word {
    by: Option<Place>,
    phone: Option<Phone>,
    /// Who said the name first that was no list, and when. Each says what the list said.
    name: Option<(&'static str, i64)>,
}

/// What was said of people, one on top of the other; a row is taken back while it is on top.
#[derive(Default)]
pub(super) struct Words(BTreeMap<u16, Vec<Word>>);

impl Words {
    fn top(&self, n: u16) -> Option<&Word> {
        self.0.get(&n)?.last()
    }

    pub(super) fn phone(&self, n: u16) -> Option<&Phone> {
        self.top(n)?.phone.as_ref()
    }

    pub(super) fn name(&self, n: u16) -> Option<(&'static str, i64)> {
        self.top(n)?.name
    }

    pub(super) fn take_name(&mut self, n: u16, source: &'static str, at: i64) {
        let top = self.top(n).cloned().unwrap_or_default();
        if top.name.is_none() {
            self.0.entry(n).or_default().push(Word { by: None, name: Some((source, at)), ..top });
        }
    }

    pub(super) fn take_phone(&mut self, n: u16, by: Option<Place>, phone: String, source: &'static str, at: i64) {
        let top = self.top(n).cloned().unwrap_or_default();
        self.0.entry(n).or_default().push(Word { by, phone: Some(Phone { phone, source, at }), ..top });
    }
}

/// What became of a row.
#[derive(Clone, Debug)]
struct Became {
    who: u16,
    at: i64,
    verdict: &'static str,
    field: Option<&'static str>,
}

impl Became {
    fn wrote(&self) -> bool {
        matches!(self.verdict, "new" | "changed")
    }

    fn broken(who: u16, at: i64, field: &'static str) -> Self {
        Self { who, at, verdict: "broken", field: Some(field) }
    }
}

/// The lists that were begun.
#[derive(Default)]
pub(crate) struct Imports {
    /// The attempt that each is at.
    attempts: BTreeMap<u8, u8>,
    rows: BTreeMap<Place, Became>,
}

impl Imports {
    fn of(&self, list: u8, attempt: u8) -> impl DoubleEndedIterator<Item = (&Place, &Became)> {
        self.rows.range((list, attempt, 0)..=(list, attempt, u8::MAX))
    }

    /// The attempt that a list is at; nothing before it is begun.
    pub(crate) fn attempt(&self, list: u8) -> Option<u8> {
        self.attempts.get(&list).copied()
    }

    /// How many rows were applied in an attempt.
    pub(crate) fn applied(&self, list: u8, attempt: u8) -> u8 {
        self.of(list, attempt).count() as u8
    }

    /// Whether a later row of another list that stands says of somebody what was known by then.
    fn said_later(&self, (list, ..): Place, row: &Became) -> bool {
        let counts_on = |other: &Became| other.who == row.who && matches!(other.verdict, "duplicate" | "older") && other.at > row.at;
        let mut others = self.rows.iter().filter(|((of, ..), _)| *of != list);
        others.any(|((of, attempt, _), other)| self.attempt(*of) == Some(*attempt) && counts_on(other))
    }

    fn verdicts(&self, list: u8, attempt: u8) -> Told {
        Told::verdicts(self.of(list, attempt).map(|((.., line), became)| (*line, became)))
    }
}

impl Told {
    fn verdicts<'a>(rows: impl Iterator<Item = (u8, &'a Became)>) -> Self {
        let told = rows.map(|(line, became)| (i64::from(line), became.verdict.to_owned(), became.field.map(str::to_owned)));
        Self::Verdicts(told.collect())
    }
}

impl People {
    /// What a row would become if it were applied now.
    fn weighed(&self, row: &ListRow, now: i64) -> Became {
        let (who, phone) = (row.who, &row.phone);
        let became = |verdict, field| Became { who, at: now, verdict, field };
        if row.slip {
            return Became::broken(who, now, "number");
        }
        if row.as_of.is_some_and(|as_of| as_of > now + AHEAD) {
            return Became::broken(who, now, "as_of");
        }
        if !self.numbers.contains_key(&self.text(Number::Own(who))) {
            return became("new", None);
        }
        let known = self.phone(who);
        if known.as_ref() == Some(phone) {
            return became("duplicate", None);
        }
        let (source, at) = self.phone_told(who);
        // Who spoke for themselves goes before a list without a date.
        let older = row.as_of.map_or(source != REGISTER, |as_of| as_of < at);
        if known.is_some() && older { became("older", Some("phone")) } else { became("changed", None) }
    }

    /// What each row of a list would become: of those about one person the first that writes counts.
    fn examined(&self, list: u8, now: i64) -> Vec<Became> {
        let mut written: BTreeMap<u16, ListRow> = BTreeMap::new();
        let mut told = Vec::new();
        for row in self.directory.list(list) {
            let mut became = self.weighed(&row, now);
            match written.get(&row.who) {
                Some(_) if became.verdict == "broken" => {}
                Some(before) if before.phone == row.phone => became = Became { verdict: "duplicate", field: None, ..became },
                Some(before) if row.as_of.is_some_and(|as_of| as_of < before.as_of.unwrap_or(now)) => {
                    became = Became { verdict: "older", field: Some("phone"), ..became };
                }
                Some(_) => became = Became::broken(row.who, now, "number"),
                None if became.wrote() => drop(written.insert(row.who, row)),
                None => {}
            }
            told.push(became);
        }
        told
    }

    /// Applies a row, unless it was applied before; whether that wrote anything.
    fn import(&mut self, place: Place, row: &ListRow, now: i64) -> bool {
        if self.imports.rows.contains_key(&place) {
            return false;
        }
        let mut became = self.weighed(row, now);
        let who = row.who;
        match became.verdict {
            "new" => {
                let number = self.text(Number::Own(who));
                self.numbers.insert(number, who);
                self.enrolled.insert(who, now);
                self.said.take_phone(who, Some(place), row.phone.clone(), REGISTER, now);
            }
            "changed" if self.imports.of(place.0, place.1).any(|(_, earlier)| earlier.who == who && earlier.wrote()) => {
                became = Became::broken(who, now, "number");
            }
            "changed" => self.said.take_phone(who, Some(place), row.phone.clone(), REGISTER, row.as_of.unwrap_or(now)),
            _ => {}
        }
        let wrote = became.wrote();
        self.imports.rows.insert(place, became);
        wrote
    }

    /// Whether each row that stands is kept as it was said, by its line: whatever another list, or the person, said since is kept instead.
    fn compared(&self, list: u8, attempt: u8) -> Told {
        let rows = self.directory.list(list);
        let taken_back = self.imports.attempt(list) != Some(attempt);
        let became = |line| self.imports.rows.get(&(list, attempt, line));
        let applied = |became: &Became| became.verdict == "duplicate" || became.wrote() && !taken_back;
        let applied: Vec<_> = rows.iter().zip(FIRST_LINE..).filter(|(_, line)| became(*line).is_some_and(applied)).collect();
        let otherwise = applied.iter().filter(|(row, _)| self.phone(row.who).as_ref() != Some(&row.phone));
        let differing: Vec<i64> = otherwise.map(|(_, line)| i64::from(*line)).collect();
        let compared = applied.len() as u64;
        Told::Compared { rows: compared, left_out: rows.len() as u64 - compared, agrees: differing.is_empty(), differing }
    }

    /// The rows that would be taken back, last line first; or the first line that may not be.
    fn to_take_back(&self, list: u8, attempt: u8) -> Result<Vec<Place>, u8> {
        let mut places = Vec::new();
        for (place, became) in self.imports.of(list, attempt).filter(|(_, became)| became.wrote()) {
            let untouched = self.said.top(became.who).is_some_and(|word| word.by == Some(*place));
            if !untouched || self.imports.said_later(*place, became) || became.verdict == "new" && self.is_spoken_of(became.who) {
                return Err(place.2);
            }
            places.push(*place);
        }
        places.reverse();
        Ok(places)
    }

    fn take_back(&mut self, place: Place) {
        let Some(became) = self.imports.rows.get(&place).cloned() else { return };
        if let Some(words) = self.said.0.get_mut(&became.who) {
            words.pop();
        }
        if became.verdict == "new" {
            self.said.0.remove(&became.who);
            self.enrolled.remove(&became.who);
            let number = self.text(Number::Own(became.who));
            self.numbers.remove(&number);
        }
    }
}

impl Model {
    pub(super) fn import(&mut self, affair: &Affair, now: i64) -> Told {
        let people = &mut self.people;
        match *affair {
            Affair::BeginImport { list } => {
                let attempt = *people.imports.attempts.entry(list).or_insert(1);
                self.record(operation(affair), Who::System, Subject::Import(list, attempt), now);
                Told::Begun(attempt)
            }
            Affair::Examine { list } => {
                let rows = people.examined(list, now);
                Told::verdicts((FIRST_LINE..).zip(&rows))
            }
            Affair::ImportRows { list, attempt, from, until } => {
                let written = format!("import {list} {attempt} {from} {until}");
                if let Some(changed) = people.lists.get(&written) {
                    return Told::List(*changed);
                }
                match people.imports.attempt(list) {
                    None => return NOT_FOUND,
                    Some(at) if at != attempt => return Told::Refused("identity.import_taken_back", 0),
                    Some(_) => {}
                }
                let rows = people.directory.list(list);
                let some = rows.iter().zip(FIRST_LINE..).take(usize::from(until)).skip(usize::from(from));
                let changed = some.map(|(row, line)| u64::from(people.import((list, attempt, line), row, now))).sum();
                people.lists.insert(written, changed);
                self.record(operation(affair), Who::System, Subject::List, now);
                Told::List(changed)
            }
            Affair::Imported { list, attempt } => people.imports.verdicts(list, attempt),
            Affair::Compare { list, attempt } => people.compared(list, attempt),
            Affair::TakeBack { list, attempt } => {
                if people.imports.attempt(list) != Some(attempt) {
                    return Told::List(0);
                }
                let places = match people.to_take_back(list, attempt) {
                    Ok(places) => places,
                    Err(line) => return Told::Refused("identity.import_in_use", i64::from(line)),
                };
                // Of what changed nothing the attempt ends all the same.
                if people.imports.applied(list, attempt) == 0 {
                    return Told::List(0);
                }
                places.iter().for_each(|place| people.take_back(*place));
                people.imports.attempts.insert(list, attempt + 1);
                self.record(operation(affair), Who::System, Subject::List, now);
                Told::List(places.len() as u64)
            }
            _ => NOT_FOUND,
        }
    }
}
