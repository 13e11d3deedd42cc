//! Periods: when something that began is due, however its clock was stopped meanwhile.

use std::time::Duration;

use super::hours::Timeline;
use super::{Date, date_of};
use crate::clock::Timestamp;
use crate::error::{Error, Problem};
use crate::limits;

/// How long something may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Term {
    /// Working days; the day on which it begins is not counted (民法典 art. 201), and it ends when the office closes on
    /// the last (art. 203). Half days count whole.
    WorkingDays(u32),
    /// Time in which the office is open.
    OpenTime(Duration),
    /// Time, day and night.
    Elapsed(Duration),
}

/// A stretch in which the clock stands still. Stretches may touch and overlap, and stand in any order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// From.
    pub from: Timestamp,
    /// Until; `None` while it lasts.
    pub until: Option<Timestamp>,
}

impl Pause {
    /// Reads intervals as ISO 8601 writes them, with a comma between: `2026-11-24T10:00:00+08:00/2026-11-26T10:00:00+08:00`; `..` in
    /// the place of the end where it lasts.
    ///
    /// # Errors
    /// `Invalid` with the place of the first that is none, or ends before it begins; for more than [`limits::TERM_PAUSES_MAX`].
    pub fn parse_list(text: &str) -> Result<Vec<Self>, Error> {
        let mut pauses = Vec::new();
        for (i, interval) in text.split(',').enumerate() {
            if i == limits::TERM_PAUSES_MAX {
                return Err(Error::invalid("pauses", Problem::TooMany { max: limits::TERM_PAUSES_MAX }));
            }
            let pause = interval.split_once('/').and_then(|(from, until)| {
                let until = if until == ".." { None } else { Some(Timestamp::parse(until)?) };
                Some(Self { from: Timestamp::parse(from)?, until })
            });
            let is_one = |pause: &Self| pause.until.is_none_or(|until| pause.from < until);
            let malformed = || {
                let expected =
                    "expected an interval such as 2026-11-24T10:00:00+08:00/2026-11-26T10:00:00+08:00, or .. in the place of its end";
                Error::invalid(format!("pauses[{i}]"), Problem::Malformed(expected.into()))
            };
            pauses.push(pause.filter(is_one).ok_or_else(malformed)?);
        }
        Ok(pauses)
    }
}

/// When something is due, and by what that was computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// When; `None` while the clock stands still.
    pub at: Option<Timestamp>,
    /// A day between was counted by its weekday, because its notice is not known: may change.
    pub provisional: bool,
    /// The version of the calendar.
    pub calendar: i64,
}

impl Timeline {
    /// When something that began at `began` is due. Depends on nothing but its arguments: not on when it is asked,
    /// so pauses that begin later than the answer do not change it.
    ///
    /// With a term that was changed meanwhile, the time that had passed counts: ask with the new term and the same
    /// beginning, and take the instant of the change where that is later.
    ///
    /// `None` where the calendar's range ends before.
    pub fn due(&self, began: Timestamp, term: Term, pauses: &[Pause]) -> Option<Due> {
        let pauses = merged(began, pauses);
        let at = match term {
            Term::WorkingDays(days) => self.after_days(began, days, &pauses)?,
            Term::OpenTime(time) => self.after(began, micros(time), &pauses, &|t| self.open_before(t), &|n| self.instant_at(n))?,
            Term::Elapsed(time) => {
                let (_, last) = self.calendar().range();
                let instant = |n| Some(Timestamp::from_micros(n)).filter(|at| date_of(*at).is_some_and(|day| day <= last));
                self.after(began, micros(time), &pauses, &|t| Some(t.micros()), &instant)?
            }
        };
        let last = match (at, pauses.last()) {
            (Some(at), _) => at,
            (None, Some(pause)) => pause.from,
            (None, None) => began,
        };
        let first = date_of(began)?;
        let provisional = match term {
            Term::WorkingDays(_) => self.calendar().is_provisional_between(first.succ_opt()?, date_of(last)?), // the first is not counted
            Term::OpenTime(_) => self.calendar().is_provisional_between(first, date_of(last)?),
            Term::Elapsed(_) => false,
        };
        Some(Due { at, provisional, calendar: self.calendar().version() })
    }

    /// The instant at which `measure` has grown by `amount` outside the pauses. The outer `None` ends the range, the
    /// inner one stands still.
    fn after(
        &self,
        began: Timestamp,
        amount: i64,
        pauses: &[Pause],
        measure: &impl Fn(Timestamp) -> Option<i64>,
        instant: &impl Fn(i64) -> Option<Timestamp>,
    ) -> Option<Option<Timestamp>> {
        let (mut from, mut left) = (began, amount);
        for pause in pauses {
            // What begins behind the range begins behind the end too.
            let Some(paused_at) = measure(pause.from) else { break };
            let passed = paused_at.checked_sub(measure(from)?)?;
            if left <= passed {
                break;
            }
            left -= passed;
            match pause.until {
                Some(until) => from = until,
                None => return Some(None),
            }
        }
        if left == 0 {
            return Some(Some(from));
        }
        instant(measure(from)?.checked_add(left)?).map(Some)
    }

    /// The close of the office on the last of so many working days. A pause takes out the working days from the one on
    /// which it begins up to, not including, the one on which it ends; what happens once the office has closed is of the next day.
    fn after_days(&self, began: Timestamp, days: u32, pauses: &[Pause]) -> Option<Option<Timestamp>> {
        let calendar = self.calendar();
        if days == 0 {
            return Some(Some(began));
        }
        let (start, mut counted) = (date_of(began)?, days);
        let mut last = calendar.working_day_after(start, counted)?;
        for pause in pauses {
            let from = self.office_day(pause.from)?;
            if from > last {
                break;
            }
            let Some(until) = pause.until else { return Some(None) };
            // The first day is not counted anyway.
            let taken = calendar.working_days_between(from.max(start.succ_opt()?), self.office_day(until)?)?;
            counted = counted.checked_add(taken)?;
            last = calendar.working_day_after(start, counted)?;
        }
        Some(Some(self.closes(last)))
    }

    /// The day to which an instant belongs for whoever counts days: once the office has closed, the next.
    fn office_day(&self, at: Timestamp) -> Option<Date> {
        let day = date_of(at)?;
        if at < self.closes(day) { Some(day) } else { day.succ_opt() }
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

/// The pauses behind the beginning, in order, touching ones joined.
fn merged(began: Timestamp, pauses: &[Pause]) -> Vec<Pause> {
    let clipped = pauses.iter().map(|p| Pause { from: p.from.max(began), until: p.until });
    let mut rest: Vec<Pause> = clipped.filter(|p| p.until.is_none_or(|until| until > p.from)).collect();
    rest.sort_by_key(|p| p.from);
    let mut joined: Vec<Pause> = Vec::with_capacity(rest.len());
    for pause in rest {
        match joined.last_mut() {
            Some(last) if last.until.is_none_or(|until| until >= pause.from) => {
                last.until = last.until.zip(pause.until).map(|(a, b)| a.max(b));
            }
            _ => joined.push(pause),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::super::hours::tests::{at, timeline};
    use super::super::{Calendar, Hours, Span};
    use super::*;

    static T: LazyLock<Timeline> = LazyLock::new(timeline);

    fn due(began: &str, term: Term, pauses: &[(&str, &str)]) -> Option<Timestamp> {
        let pauses: Vec<Pause> = pauses.iter().map(|(from, until)| Pause { from: at(from), until: Some(at(until)) }).collect();
        T.due(at(began), term, &pauses).unwrap().at
    }

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn working_days_end_when_the_office_closes() {
        // A complaint of 2026-09-24, to be answered within 5 working days: the holidays of autumn lie between.
        assert_eq!(due("2026-09-24T10:00:00", Term::WorkingDays(5), &[]), Some(at("2026-10-09T16:30:00")));
        assert_eq!(due("2026-09-24T23:00:00", Term::WorkingDays(1), &[]), Some(at("2026-09-28T17:00:00")));
        assert_eq!(due("2026-10-09T10:00:00", Term::WorkingDays(1), &[]), Some(at("2026-10-10T16:30:00")), "a Saturday that is worked");
        assert_eq!(due("2026-12-23T10:00:00", Term::WorkingDays(1), &[]), Some(at("2026-12-24T11:30:00")), "a half day");
        assert_eq!(due("2026-09-24T10:00:00", Term::WorkingDays(0), &[]), Some(at("2026-09-24T10:00:00")));
        let weekend = due("2026-11-28T10:00:00", Term::WorkingDays(1), &[]);
        assert_eq!(weekend, Some(at("2026-11-30T16:30:00")), "what comes in on Saturday");
    }

    #[test]
    fn open_time_runs_while_the_office_is_open() {
        assert_eq!(due("2026-11-26T16:00:00", Term::OpenTime(HOUR), &[]), Some(at("2026-11-27T09:00:00")));
        assert_eq!(due("2026-11-26T10:30:00", Term::OpenTime(HOUR), &[]), Some(at("2026-11-26T11:30:00")), "ends before lunch, not after");
        assert_eq!(due("2026-11-26T12:00:00", Term::OpenTime(Duration::ZERO), &[]), Some(at("2026-11-26T12:00:00")));
        assert_eq!(due("2026-11-26T22:00:00", Term::Elapsed(4 * HOUR), &[]), Some(at("2026-11-27T02:00:00")));
        let end = |began: &str| T.due(at(began), Term::Elapsed(HOUR), &[]);
        assert_eq!(end("9999-12-31T23:59:59"), None, "behind the calendar's range like any other term");
    }

    #[test]
    fn a_pause_takes_out_what_it_covers() {
        let lunch = [("2026-11-26T11:00:00", "2026-11-26T14:00:00")];
        assert_eq!(due("2026-11-26T10:30:00", Term::OpenTime(HOUR), &lunch), Some(at("2026-11-26T14:30:00")));
        assert_eq!(due("2026-11-26T10:30:00", Term::Elapsed(HOUR), &lunch), Some(at("2026-11-26T14:30:00")));
        let days = [("2026-11-24T10:00:00", "2026-11-26T10:00:00")];
        assert_eq!(due("2026-11-23T10:00:00", Term::WorkingDays(3), &days), Some(at("2026-11-30T16:30:00")));
        let same_day = [("2026-11-24T09:00:00", "2026-11-24T10:00:00")];
        assert_eq!(due("2026-11-23T10:00:00", Term::WorkingDays(3), &same_day), Some(at("2026-11-26T16:30:00")));
        let a_night = [("2026-11-24T20:00:00", "2026-11-25T08:00:00")];
        assert_eq!(due("2026-11-23T10:00:00", Term::WorkingDays(3), &a_night), Some(at("2026-11-26T16:30:00")), "while it was closed");
        let a_day = [("2026-11-24T08:00:00", "2026-11-24T20:00:00")];
        assert_eq!(due("2026-11-23T10:00:00", Term::WorkingDays(3), &a_day), Some(at("2026-11-27T16:30:00")), "a whole day of it");
        let later = [("2026-11-27T10:00:00", "2026-12-27T10:00:00")];
        assert_eq!(due("2026-11-23T10:00:00", Term::WorkingDays(3), &later), Some(at("2026-11-26T16:30:00")), "due before it begins");
    }

    #[test]
    fn pauses_are_read_as_intervals_are_written() {
        let read = Pause::parse_list("2026-11-24T10:00:00+08:00/2026-11-26T02:00:00Z,2026-11-27T10:00:00+08:00/..").unwrap();
        let pause = |from, until: Option<&str>| Pause { from: at(from), until: until.map(at) };
        assert_eq!(read, [pause("2026-11-24T10:00:00", Some("2026-11-26T10:00:00")), pause("2026-11-27T10:00:00", None)]);
        let one = "2026-11-24T10:00:00+08:00/..";
        for (text, field) in [
            ("", "pauses[0]"),
            ("2026-11-24T10:00:00+08:00", "pauses[0]"),
            (&format!("{one},2026-11-24T10:00:00+08:00/2026-11-24T10:00:00+08:00"), "pauses[1]"),
            (&format!("{one},"), "pauses[1]"),
            (&vec![one; limits::TERM_PAUSES_MAX + 1].join(","), "pauses"),
        ] {
            assert!(matches!(Pause::parse_list(text), Err(Error::Invalid { field: told, .. }) if told == field), "{text}");
        }
        assert_eq!(Pause::parse_list(&vec![one; limits::TERM_PAUSES_MAX].join(",")).unwrap().len(), limits::TERM_PAUSES_MAX);
    }

    #[test]
    fn edges_of_days_and_of_the_range() {
        let never = [Pause { from: at("2100-06-01T10:00:00"), until: None }];
        for term in [Term::WorkingDays(1), Term::OpenTime(HOUR), Term::Elapsed(HOUR)] {
            assert_eq!(T.due(at("2026-11-26T10:00:00"), term, &never), T.due(at("2026-11-26T10:00:00"), term, &[]), "{term:?}");
        }
        let on_the_last_day = [("2026-11-27T09:00:00", "2026-11-30T09:00:00")];
        assert_eq!(due("2026-11-26T10:00:00", Term::WorkingDays(1), &on_the_last_day), Some(at("2026-11-30T16:30:00")));
        let round_the_clock = Hours::from("2018-01-01".parse().unwrap(), &[Span { from_min: 0, until_min: 1440 }]).unwrap();
        let t = Timeline::new(std::sync::Arc::new(Calendar::of_published()), round_the_clock);
        let days = |began, n| t.due(began, Term::WorkingDays(n), &[]).unwrap().at.unwrap();
        assert_eq!(days(days(at("2026-11-26T10:00:00"), 1), 1), days(at("2026-11-26T10:00:00"), 2), "a day that ends at midnight");
        assert!(!T.due(at("2027-03-01T10:00:00"), Term::WorkingDays(0), &[]).unwrap().provisional);
    }

    #[test]
    fn a_clock_that_stands_still_has_no_end() {
        let open = [Pause { from: at("2026-11-26T11:00:00"), until: None }];
        for term in [Term::WorkingDays(1), Term::OpenTime(HOUR), Term::Elapsed(HOUR)] {
            assert_eq!(T.due(at("2026-11-26T10:30:00"), term, &open).unwrap().at, None, "{term:?}");
        }
        let short = Term::OpenTime(Duration::from_secs(60));
        assert_eq!(T.due(at("2026-11-26T10:30:00"), short, &open).unwrap().at, Some(at("2026-11-26T10:31:00")));
    }

    #[test]
    fn what_no_notice_covers_is_provisional() {
        let provisional = |began, term| T.due(at(began), term, &[]).unwrap().provisional;
        assert!(!provisional("2026-11-26T10:00:00", Term::WorkingDays(5)));
        assert!(provisional("2026-12-25T10:00:00", Term::WorkingDays(1)));
        assert!(provisional("2026-12-31T16:00:00", Term::OpenTime(HOUR)));
        assert!(!provisional("2026-12-31T16:00:00", Term::Elapsed(HOUR)));
        assert_eq!(T.due(at("2099-12-31T16:00:00"), Term::OpenTime(HOUR), &[]), None, "behind the range");
    }

    fn instant() -> impl Strategy<Value = Timestamp> {
        (at("2018-01-01T00:00:00").micros()..at("2028-01-01T00:00:00").micros()).prop_map(Timestamp::from_micros)
    }

    fn term() -> impl Strategy<Value = Term> {
        prop_oneof![
            (1u32..60).prop_map(Term::WorkingDays),
            (1u64..400_000).prop_map(|s| Term::OpenTime(Duration::from_secs(s))),
            (1u64..4_000_000).prop_map(|s| Term::Elapsed(Duration::from_secs(s))),
        ]
    }

    fn pauses() -> impl Strategy<Value = Vec<Pause>> {
        let pause =
            (instant(), 1i64..2_000_000).prop_map(|(from, s)| Pause { from, until: Some(from.plus(Duration::from_secs(s as u64))) });
        proptest::collection::vec(pause, 0..4)
    }

    fn sum(a: Term, b: Term) -> Option<Term> {
        match (a, b) {
            (Term::WorkingDays(a), Term::WorkingDays(b)) => Some(Term::WorkingDays(a + b)),
            (Term::OpenTime(a), Term::OpenTime(b)) => Some(Term::OpenTime(a + b)),
            (Term::Elapsed(a), Term::Elapsed(b)) => Some(Term::Elapsed(a + b)),
            _ => None,
        }
    }

    proptest! {
        #[test]
        fn who_begins_later_is_due_no_earlier(a in instant(), b in instant(), term in term(), pauses in pauses()) {
            let (a, b) = (a.min(b), a.max(b));
            prop_assert!(T.due(a, term, &pauses).unwrap().at <= T.due(b, term, &pauses).unwrap().at);
        }

        #[test]
        fn one_term_behind_another_is_their_sum(began in instant(), a in term(), b in term()) {
            if let Some(whole) = sum(a, b) {
                let first = T.due(began, a, &[]).unwrap().at.unwrap();
                prop_assert_eq!(T.due(first, b, &[]).unwrap().at, T.due(began, whole, &[]).unwrap().at);
            }
        }

        #[test]
        fn a_pause_in_two_halves_is_the_same_pause(began in instant(), term in term(), pauses in pauses(), cut in 0.0f64..1.0) {
            let halves: Vec<Pause> = pauses.iter().rev().flat_map(|p| {
                let until = p.until.unwrap();
                let middle = Timestamp::from_micros(p.from.micros() + (until.since(p.from).as_micros() as f64 * cut) as i64);
                [Pause { from: middle, until: Some(until) }, Pause { from: p.from, until: Some(middle) }]
            }).collect();
            prop_assert_eq!(T.due(began, term, &halves), T.due(began, term, &pauses));
        }

        #[test]
        fn pauses_behind_the_end_change_nothing(began in instant(), term in term(), pauses in pauses()) {
            let due = T.due(began, term, &[]).unwrap();
            let later: Vec<Pause> = pauses.into_iter().filter(|p| p.from > due.at.unwrap()).collect();
            prop_assert_eq!(T.due(began, term, &later), Some(due));
        }

        #[test]
        fn time_that_was_open_is_the_term(began in instant(), seconds in 1u64..400_000, pauses in pauses()) {
            let time = Duration::from_secs(seconds);
            let due = T.due(began, Term::OpenTime(time), &pauses).unwrap().at.unwrap();
            let open = |from, until| T.open_between(from, until).unwrap();
            let paused: i64 = merged(began, &pauses).iter().map(|p| open(p.from.min(due), p.until.unwrap().min(due))).sum();
            prop_assert_eq!(open(began, due) - paused, time.as_micros() as i64);
        }
    }
}
