//! A day: who came, who was on duty, and the same with other staffing.

use std::collections::BTreeMap;
use std::time::Duration;

/// Somebody came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When, from the beginning of the day.
    pub at: Duration,
    /// Into which line: its place in [`Day::lines`].
    pub line: usize,
    /// Smaller goes first; 0 is ordinary.
    pub rank: i64,
    /// After how long they leave who were not served by then. `None`: they stay.
    pub patience: Option<Duration>,
    /// How long it takes to serve them.
    pub handling: Duration,
}

/// An officer is on duty for a while. One who has a break has two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift {
    /// Who.
    pub officer: String,
    /// From when.
    pub from: Duration,
    /// Until when they take somebody new. `None`: as long as anybody waits.
    pub until: Option<Duration>,
    /// How many they serve at once.
    pub capacity: u32,
    /// Which lines they serve, as places in [`Day::lines`]; none: all of them.
    pub lines: Vec<usize>,
}

/// A day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Day {
    /// What the lines are called.
    pub lines: Vec<String>,
    /// Who came.
    pub arrivals: Vec<Arrival>,
    /// Who was on duty.
    pub shifts: Vec<Shift>,
}

/// How many officers there are instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Staffing {
    /// So many more.
    More(u32),
    /// So many fewer.
    Fewer(u32),
    /// So many.
    Exactly(u32),
}

/// Why a day cannot be played.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DayProblem {
    /// Nobody is on duty.
    #[error("nobody would be on duty")]
    Nobody,
    /// An officer is on duty twice at a time.
    #[error("two shifts of officer {0} overlap")]
    Overlap(String),
    /// A shift ends before it begins.
    #[error("a shift of officer {0} ends before it begins")]
    Backwards(String),
    /// An officer can serve nobody.
    #[error("officer {0} serves nobody: the capacity is 0")]
    NoCapacity(String),
}

impl Day {
    /// Whether its shifts are possible.
    ///
    /// # Errors
    /// [`DayProblem`]
    pub fn check(&self) -> Result<(), DayProblem> {
        let mut by_officer: BTreeMap<&str, Vec<&Shift>> = BTreeMap::new();
        for shift in &self.shifts {
            if shift.until.is_some_and(|until| until <= shift.from) {
                return Err(DayProblem::Backwards(shift.officer.clone()));
            }
            if shift.capacity == 0 {
                return Err(DayProblem::NoCapacity(shift.officer.clone()));
            }
            by_officer.entry(&shift.officer).or_default().push(shift);
        }
        for (officer, mut shifts) in by_officer {
            shifts.sort_by_key(|shift| shift.from);
            let overlap = |two: &[&Shift]| two[0].until.is_none_or(|until| two[1].from < until);
            if shifts.windows(2).any(overlap) {
                return Err(DayProblem::Overlap(officer.to_owned()));
            }
        }
        if self.shifts.is_empty() { Err(DayProblem::Nobody) } else { Ok(()) }
    }

    /// Lines to which nobody came: somebody is on duty for them, or they would not be named.
    pub fn without_arrivals(&self) -> impl Iterator<Item = &str> {
        let came: std::collections::BTreeSet<usize> = self.arrivals.iter().map(|arrival| arrival.line).collect();
        self.lines.iter().enumerate().filter(move |(n, _)| !came.contains(n)).map(|(_, line)| line.as_str())
    }

    /// The names of those on duty, as first named.
    pub fn officers(&self) -> Vec<&str> {
        let mut seen = std::collections::BTreeSet::new();
        self.shifts.iter().map(|shift| shift.officer.as_str()).filter(|officer| seen.insert(*officer)).collect()
    }

    /// The same day with other staffing. Who comes in addition works from the first beginning (that of the arrivals, where there are no shifts) to the last end, as much at once as the
    /// first one named, for every line; who goes is who was named last.
    ///
    /// # Errors
    /// [`DayProblem::Nobody`] where that leaves none.
    pub fn staffed(&self, staffing: Staffing) -> Result<Self, DayProblem> {
        let names = self.officers();
        let there = u32::try_from(names.len()).unwrap_or(u32::MAX);
        let wanted = match staffing {
            Staffing::More(n) => there.saturating_add(n),
            Staffing::Fewer(n) => there.saturating_sub(n),
            Staffing::Exactly(n) => n,
        };
        if wanted == 0 {
            return Err(DayProblem::Nobody);
        }
        let kept: Vec<&str> = names.iter().copied().take(wanted as usize).collect();
        let mut shifts: Vec<Shift> = self.shifts.iter().filter(|shift| kept.contains(&shift.officer.as_str())).cloned().collect();
        let come = || self.arrivals.iter().map(|arrival| arrival.at).min();
        let from = self.shifts.iter().map(|shift| shift.from).min().or_else(come).unwrap_or_default();
        // `None` is the end that never comes; with no shifts at all there is none either.
        let ends: Option<Vec<Duration>> = self.shifts.iter().map(|shift| shift.until).collect();
        let until = ends.and_then(|ends| ends.into_iter().max());
        let capacity = self.shifts.first().map_or(1, |shift| shift.capacity);
        let mut number = 0;
        for _ in there..wanted {
            let mut next = || {
                number += 1;
                format!("+{number}")
            };
            let mut officer = next();
            while names.contains(&officer.as_str()) {
                officer = next();
            }
            shifts.push(Shift { officer, from, until, capacity, lines: Vec::new() });
        }
        Ok(Self { shifts, ..self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shift(officer: &str, from: u64, until: u64) -> Shift {
        let hours = |h: u64| Duration::from_secs(h * 3600);
        Shift { officer: officer.into(), from: hours(from), until: Some(hours(until)), capacity: 2, lines: vec![0] }
    }

    fn day(shifts: Vec<Shift>) -> Day {
        Day { lines: vec!["综合".into()], arrivals: vec![], shifts }
    }

    #[test]
    fn shifts_of_one_officer_follow_each_other() {
        assert_eq!(day(vec![]).check(), Err(DayProblem::Nobody));
        assert_eq!(day(vec![shift("甲", 13, 17), shift("甲", 8, 12), shift("乙", 8, 17)]).check(), Ok(()));
        assert_eq!(day(vec![shift("甲", 11, 17), shift("甲", 8, 12)]).check(), Err(DayProblem::Overlap("甲".into())));
        assert_eq!(day(vec![shift("甲", 17, 8)]).check(), Err(DayProblem::Backwards("甲".into())));
        let nobody = Shift { capacity: 0, ..shift("甲", 8, 17) };
        assert_eq!(day(vec![nobody]).check(), Err(DayProblem::NoCapacity("甲".into())));
    }

    #[test]
    fn whoever_comes_in_addition_works_all_day_and_whoever_goes_was_named_last() {
        let given = day(vec![shift("甲", 8, 12), shift("+1", 10, 17), shift("甲", 13, 18)]);
        let more = given.staffed(Staffing::More(2)).unwrap();
        assert_eq!(more.officers(), ["甲", "+1", "+2", "+3"]);
        assert_eq!(more.shifts[3], Shift { lines: vec![], ..shift("+2", 8, 18) });
        let fewer = given.staffed(Staffing::Fewer(1)).unwrap();
        assert_eq!(fewer.shifts, [shift("甲", 8, 12), shift("甲", 13, 18)]);
        assert_eq!(given.staffed(Staffing::Exactly(1)), Ok(fewer));
        assert_eq!(given.staffed(Staffing::Exactly(2)).unwrap(), given);
        assert_eq!(given.staffed(Staffing::Fewer(2)), Err(DayProblem::Nobody));
        let alone = day(vec![]).staffed(Staffing::Exactly(1)).unwrap();
        assert_eq!((alone.shifts[0].from, alone.shifts[0].until, alone.shifts[0].capacity), (Duration::ZERO, None, 1));
    }
}
