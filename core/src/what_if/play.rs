//! Playing a day: event after event, with the assignment engine.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use uuid::Uuid;

use super::{Arrival, Day, DayProblem, Figures, LineFigures, OfficerFigures, Shift, Spread};
use crate::assignment::{Assigner, Attendance, Candidate, Policy, Relax, Step, Waiting, Widening};
use crate::clock::Timestamp;
use crate::id::{LineId, OfficerId, WorkId};

/// What happens. Of what happens at one instant, in this order: who is served at the last moment does not leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A conversation of an officer ends.
    Ends { officer: usize, arrival: usize },
    /// A shift begins.
    Begins(usize),
    /// Somebody comes.
    Comes(usize),
    /// Somebody has waited as long as they would.
    Leaves(usize),
}

/// What became of somebody.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Waits,
    Served(Duration),
    Left(Duration),
}

/// Plays a day. `heard` is told after each who came, how many have.
///
/// # Errors
/// [`DayProblem`], where its shifts are not possible.
pub fn play(day: &Day, heard: impl FnMut(usize)) -> Result<Figures, DayProblem> {
    day.check()?;
    let mut playing = Playing::new(day);
    playing.run(heard);
    Ok(playing.figures())
}

struct Playing<'a> {
    day: &'a Day,
    officers: Vec<&'a str>,
    numbers: BTreeMap<&'a str, usize>,
    assigner: Assigner,
    events: BinaryHeap<Reverse<(Duration, Event)>>,
    /// Arrivals in the order in which they come.
    order: Vec<usize>,
    came: usize,
    fates: Vec<Fate>,
    served: Vec<(usize, Duration)>,
    expected_min: u32,
}

impl<'a> Playing<'a> {
    fn new(day: &'a Day) -> Self {
        let officers = day.officers();
        let mut order: Vec<usize> = (0..day.arrivals.len()).collect();
        order.sort_by_key(|n| day.arrivals[*n].at);
        let mut assigner = Assigner::new();
        (0..day.lines.len()).for_each(|line| assigner.set_policy(line_id(line), everybody()));
        let handling: Duration = day.arrivals.iter().map(|arrival| arrival.handling).sum();
        let mean = handling.checked_div(u32::try_from(day.arrivals.len()).unwrap_or(u32::MAX)).unwrap_or_default();
        let mut playing = Self {
            day,
            numbers: officers.iter().enumerate().map(|(n, name)| (*name, n)).collect(),
            served: vec![(0, Duration::ZERO); officers.len()],
            officers,
            assigner,
            events: (0..day.shifts.len()).map(|n| Reverse((day.shifts[n].from, Event::Begins(n)))).collect(),
            order,
            came: 0,
            fates: vec![Fate::Waits; day.arrivals.len()],
            expected_min: minutes(mean),
        };
        playing.next_comes();
        playing
    }

    /// One arrival at a time stands among what is to happen.
    fn next_comes(&mut self) {
        let next = self.order.get(self.came).map(|n| Reverse((self.day.arrivals[*n].at, Event::Comes(*n))));
        self.events.extend(next);
    }

    fn run(&mut self, mut heard: impl FnMut(usize)) {
        while let Some(Reverse((at, event))) = self.events.pop() {
            match event {
                Event::Begins(shift) => self.begins(&self.day.shifts[shift]),
                Event::Comes(arrival) => {
                    self.comes(arrival);
                    heard(self.came);
                }
                Event::Ends { officer, arrival } => {
                    let took = minutes(self.day.arrivals[arrival].handling);
                    self.assigner.ended(officer_id(officer), self.expected_min, took, instant(at));
                }
                Event::Leaves(arrival) => {
                    if self.assigner.remove(work_id(arrival)).is_some() {
                        self.fates[arrival] = Fate::Left(at.saturating_sub(self.day.arrivals[arrival].at));
                    }
                }
            }
            let more_at_once = self.events.peek().is_some_and(|Reverse((next, event))| *next == at && !matches!(event, Event::Leaves(_)));
            if !more_at_once {
                self.assign(at);
            }
        }
    }

    fn begins(&mut self, shift: &'a Shift) {
        let Some(officer) = self.numbers.get(shift.officer.as_str()).copied() else { return };
        let all: Vec<usize> = (0..self.day.lines.len()).collect();
        let id = officer_id(officer);
        let before = self.assigner.officer(id);
        let from = instant(shift.from);
        self.assigner.set_officer(Candidate {
            id,
            capacity: shift.capacity,
            held: before.map_or(0, |c| c.held),
            load_min: before.map_or(0, |c| c.load_min),
            idle_since: before.map_or(from, |c| c.idle_since),
            skills: if shift.lines.is_empty() { &all } else { &shift.lines }.iter().copied().map(line_skill).collect(),
            authorities: Vec::new(),
            attendance: Attendance::Present,
            until: shift.until.map(instant),
            accepts_push: true,
        });
    }

    fn comes(&mut self, arrival: usize) {
        let Arrival { at, line, rank, patience, .. } = self.day.arrivals[arrival];
        self.came += 1;
        self.assigner.add(Waiting {
            id: work_id(arrival),
            line: line_id(line),
            rank,
            arrived: instant(at),
            ticket: i64::try_from(self.came).unwrap_or(i64::MAX),
            topics: Vec::new(),
            authorities: Vec::new(),
            required: vec![line_skill(line)],
            own: None,
            last: None,
            passed: Vec::new(),
            minutes: self.expected_min,
        });
        self.events.extend(patience.map(|patience| Reverse((at.saturating_add(patience), Event::Leaves(arrival)))));
        self.next_comes();
    }

    fn assign(&mut self, at: Duration) {
        while let Some(record) = self.assigner.next(instant(at)) {
            let arrival = number_of(record.decision.work.uuid());
            let officer = number_of(record.decision.officer.uuid());
            let Arrival { at: came, handling, .. } = self.day.arrivals[arrival];
            self.fates[arrival] = Fate::Served(at.saturating_sub(came));
            self.served[officer].0 += 1;
            self.served[officer].1 = self.served[officer].1.saturating_add(handling);
            self.events.push(Reverse((at.saturating_add(handling), Event::Ends { officer, arrival })));
        }
    }

    fn figures(&self) -> Figures {
        let lines = self.day.lines.iter().enumerate().map(|(n, name)| self.line(name, |arrival| arrival.line == n));
        let end = self.day.arrivals.iter().map(|arrival| arrival.at).max().unwrap_or_default();
        let officer = |(name, (served, busy)): (&&str, &(usize, Duration))| {
            let shifts = self.day.shifts.iter().filter(|shift| shift.officer == **name);
            let on_duty = shifts.map(|shift| (shift.until.unwrap_or(end.max(shift.from)).saturating_sub(shift.from), shift.capacity));
            let (mut on_duty_s, mut room_s) = (0.0, 0.0);
            for (time, capacity) in on_duty {
                on_duty_s += time.as_secs_f64();
                room_s += time.as_secs_f64() * f64::from(capacity);
            }
            let busy_s = busy.as_secs_f64();
            let load = if room_s > 0.0 { busy_s / room_s } else { 0.0 };
            OfficerFigures { officer: (**name).to_owned(), served: *served, busy_s, on_duty_s, load }
        };
        Figures {
            all: self.line("", |_| true),
            lines: lines.collect(),
            officers: self.officers.iter().zip(&self.served).map(officer).collect(),
        }
    }

    fn line(&self, name: &str, is_of_it: impl Fn(&Arrival) -> bool) -> LineFigures {
        let fates = || self.day.arrivals.iter().zip(&self.fates).filter(|(arrival, _)| is_of_it(arrival)).map(|(_, fate)| *fate);
        let served: Vec<Duration> = fates().filter_map(|fate| if let Fate::Served(wait) = fate { Some(wait) } else { None }).collect();
        let left: Vec<Duration> = fates().filter_map(|fate| if let Fate::Left(wait) = fate { Some(wait) } else { None }).collect();
        LineFigures {
            line: name.to_owned(),
            arrivals: fates().count(),
            served: served.len(),
            abandoned: left.len(),
            unserved: fates().filter(|fate| *fate == Fate::Waits).count(),
            wait: Spread::of(served),
            left_after: Spread::of(left),
        }
    }
}

/// Whoever serves a line may take anybody in it: who serves it is said by a skill.
fn everybody() -> Policy {
    let step = Step { after_s: 0, topics: Widening::Any, authorities: Widening::Any };
    let relax = Relax::new(vec![step]).unwrap_or_else(|_| Policy::default().relax);
    Policy { relax, own_wait_s: 0, ..Policy::default() }
}

fn line_skill(line: usize) -> String {
    format!("line {line}")
}

/// Whole minutes, begun ones counted.
fn minutes(length: Duration) -> u32 {
    u32::try_from(length.as_secs().div_ceil(60)).unwrap_or(u32::MAX).max(1)
}

fn instant(at: Duration) -> Timestamp {
    Timestamp::from_micros(0).plus(at)
}

fn officer_id(n: usize) -> OfficerId {
    OfficerId::from_uuid(Uuid::from_u128(n as u128))
}

fn line_id(n: usize) -> LineId {
    LineId::from_uuid(Uuid::from_u128(n as u128))
}

fn work_id(n: usize) -> WorkId {
    WorkId::from_uuid(Uuid::from_u128(n as u128))
}

/// The number that an id was made from.
fn number_of(id: Uuid) -> usize {
    id.as_u128() as usize
}
