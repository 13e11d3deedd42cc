//! Office hours, and the time that they leave to count.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{BEIJING_MICROS, Calendar, DAY_MICROS, Date, MINUTE_MICROS, midnight};
use crate::clock::Timestamp;
use crate::error::{Error, Problem};
use crate::limits;

/// A stretch of a day, in minutes from midnight in Beijing; the end is not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// First minute.
    pub from_min: u16,
    /// The minute behind the last.
    pub until_min: u16,
}

/// When an authority is open on a day that is worked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours {
    /// From each of these days on, the spans of an ordinary working day: summer, winter, a new rule. Before the first,
    /// the first holds.
    seasons: BTreeMap<Date, Vec<Span>>,
    /// Single days with other spans: half days (none at all for closed). They hold whether or not the day is worked, and
    /// leave it the working day that it is: a legal term in days does not stop because an office closes.
    exceptions: BTreeMap<Date, Vec<Span>>,
}

impl Hours {
    /// Hours that begin on a day.
    ///
    /// # Errors
    /// `hours` where spans overlap, are out of order or empty, where there are none, or more than
    /// [`limits::SPANS_PER_DAY_MAX`].
    pub fn from(first: Date, spans: &[Span]) -> Result<Self, Error> {
        Ok(Self { seasons: BTreeMap::from([(first, ordinary(spans)?)]), exceptions: BTreeMap::new() })
    }

    /// Other hours from a day on.
    ///
    /// # Errors
    /// As [`Hours::from`]; too many seasons.
    pub fn then(mut self, first: Date, spans: &[Span]) -> Result<Self, Error> {
        self.seasons.insert(first, ordinary(spans)?);
        within(self.seasons.len(), limits::HOURS_SEASONS_MAX).map(|()| self)
    }

    /// Other hours on one day: a half day, or none.
    ///
    /// # Errors
    /// As [`Hours::from`]; too many such days.
    pub fn except(mut self, day: Date, spans: &[Span]) -> Result<Self, Error> {
        self.exceptions.insert(day, checked(spans)?);
        within(self.exceptions.len(), limits::HOURS_EXCEPTIONS_MAX).map(|()| self)
    }

    /// The spans of ordinary working days, by the day from which they hold.
    pub(super) fn seasons(&self) -> &BTreeMap<Date, Vec<Span>> {
        &self.seasons
    }

    /// Single days with other spans.
    pub(super) fn exceptions(&self) -> &BTreeMap<Date, Vec<Span>> {
        &self.exceptions
    }

    /// The spans of a day, given whether it is worked.
    pub fn of(&self, day: Date, works: bool) -> &[Span] {
        if let Some(spans) = self.exceptions.get(&day) {
            return spans;
        }
        let season = self.seasons.range(..=day).next_back().or_else(|| self.seasons.first_key_value());
        season.filter(|_| works).map_or(&[], |(_, spans)| spans)
    }
}

fn ordinary(spans: &[Span]) -> Result<Vec<Span>, Error> {
    if spans.is_empty() {
        return Err(Error::invalid("hours", Problem::Empty));
    }
    checked(spans)
}

fn checked(spans: &[Span]) -> Result<Vec<Span>, Error> {
    within(spans.len(), limits::SPANS_PER_DAY_MAX)?;
    let whole = spans.iter().all(|s| s.from_min < s.until_min && s.until_min <= 24 * 60);
    let apart = spans.windows(2).all(|two| two[0].until_min <= two[1].from_min);
    if whole && apart {
        Ok(spans.to_vec())
    } else {
        Err(Error::invalid("hours", Problem::Malformed("expected spans of one day, in order, that do not overlap".into())))
    }
}

fn within(count: usize, max: usize) -> Result<(), Error> {
    if count > max { Err(Error::invalid("hours", Problem::TooMany { max })) } else { Ok(()) }
}

/// A calendar with the hours of an authority: how much counting time lies before any instant. Made once and asked
/// often; shared between threads.
#[derive(Clone, Debug)]
pub struct Timeline {
    calendar: Arc<Calendar>,
    hours: Hours,
    /// Open microseconds before each day of the range, and before its end.
    before: Vec<i64>,
}

impl Timeline {
    /// Of a calendar and hours.
    pub fn new(calendar: Arc<Calendar>, hours: Hours) -> Self {
        let (first, last) = calendar.range();
        let mut open = 0;
        let mut before = vec![0];
        for day in first.iter_days().take_while(|d| *d <= last) {
            open += length(hours.of(day, calendar.works(day).unwrap_or(false)));
            before.push(open);
        }
        Self { calendar, hours, before }
    }

    /// The calendar it stands on.
    pub fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    /// The spans of a day. Empty outside the range.
    pub fn spans(&self, day: Date) -> &[Span] {
        self.calendar.works(day).map_or(&[], |works| self.hours.of(day, works))
    }

    /// Whether the authority is open at an instant.
    pub fn is_open(&self, at: Timestamp) -> bool {
        let Some((_, day, into)) = self.place(at) else { return false };
        self.spans(day).iter().any(|s| (span_start(s)..span_end(s)).contains(&into))
    }

    /// When the stretch of hours ends in which an instant lies, at midnight at the latest. `None` while the authority is not open.
    pub fn open_until(&self, at: Timestamp) -> Option<Timestamp> {
        let (_, day, into) = self.place(at)?;
        let span = self.spans(day).iter().find(|s| (span_start(s)..span_end(s)).contains(&into))?;
        Some(Timestamp::from_micros(midnight(day).micros() + span_end(span)))
    }

    /// The first instant from `at` on at which the authority is open. `None` behind the range.
    pub fn opens(&self, at: Timestamp) -> Option<Timestamp> {
        if self.is_open(at) {
            return Some(at);
        }
        let open = self.open_before(at)?;
        self.instant_after(open)
    }

    /// The end of a day's hours; the last microsecond of the day where they last until midnight, or there are none.
    pub fn closes(&self, day: Date) -> Timestamp {
        let end = self.spans(day).last().map_or(DAY_MICROS, span_end).min(DAY_MICROS - 1);
        Timestamp::from_micros(midnight(day).micros() + end)
    }

    /// Open microseconds between two instants. Zero where the second is not later. `None` outside the range.
    pub fn open_between(&self, from: Timestamp, until: Timestamp) -> Option<i64> {
        Some((self.open_before(until)? - self.open_before(from)?).max(0))
    }

    /// Open microseconds of the range before an instant.
    pub(super) fn open_before(&self, at: Timestamp) -> Option<i64> {
        let (i, day, into) = self.place(at)?;
        let today: i64 = self.spans(day).iter().map(|s| into.clamp(span_start(s), span_end(s)) - span_start(s)).sum();
        Some(self.before[i] + today)
    }

    /// The first instant before which so many open microseconds lie.
    pub(super) fn instant_at(&self, open: i64) -> Option<Timestamp> {
        // The first day by whose end there are as many.
        let i = self.before.partition_point(|b| *b < open).checked_sub(1)?;
        self.within_day(i, open, |passed, span| passed + span >= open)
    }

    /// The first instant at which the next open microsecond begins, behind so many.
    fn instant_after(&self, open: i64) -> Option<Timestamp> {
        let i = self.before.partition_point(|b| *b <= open).checked_sub(1)?;
        self.within_day(i, open, |passed, span| passed + span > open)
    }

    fn within_day(&self, i: usize, open: i64, reached: impl Fn(i64, i64) -> bool) -> Option<Timestamp> {
        let day = self.calendar.range().0 + chrono::Days::new(i as u64);
        let mut passed = self.before[i];
        for span in self.spans(day) {
            let length = span_end(span) - span_start(span);
            if reached(passed, length) {
                return Some(Timestamp::from_micros(midnight(day).micros() + span_start(span) + open - passed));
            }
            passed += length;
        }
        None
    }

    /// Place of the day, the day, and microseconds into it.
    fn place(&self, at: Timestamp) -> Option<(usize, Date, i64)> {
        let (first, last) = self.calendar.range();
        let beijing = at.micros().checked_add(BEIJING_MICROS)?;
        let from = midnight(first).micros() + BEIJING_MICROS;
        let days = u64::try_from(beijing.checked_sub(from)?.div_euclid(DAY_MICROS)).ok()?;
        let day = first.checked_add_days(chrono::Days::new(days)).filter(|d| *d <= last)?;
        Some((days as usize, day, beijing.rem_euclid(DAY_MICROS)))
    }
}

fn span_start(span: &Span) -> i64 {
    i64::from(span.from_min) * MINUTE_MICROS
}

fn span_end(span: &Span) -> i64 {
    i64::from(span.until_min) * MINUTE_MICROS
}

fn length(spans: &[Span]) -> i64 {
    spans.iter().map(|s| span_end(s) - span_start(s)).sum()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    pub(in super::super) fn at(text: &str) -> Timestamp {
        Timestamp::parse(&format!("{text}+08:00")).unwrap()
    }

    pub(in super::super) const DAY: [Span; 2] =
        [Span { from_min: 8 * 60 + 30, until_min: 11 * 60 + 30 }, Span { from_min: 13 * 60, until_min: 16 * 60 + 30 }];

    /// Three hours, lunch, three and a half hours; half an hour later in the afternoon in summer; a half day.
    pub(in super::super) fn timeline() -> Timeline {
        let summer = [DAY[0], Span { from_min: 13 * 60 + 30, until_min: 17 * 60 }];
        let hours = Hours::from(date("2018-01-01"), &DAY).unwrap().then(date("2026-06-01"), &summer).unwrap();
        let hours = hours.then(date("2026-10-01"), &DAY).unwrap().except(date("2026-12-24"), &DAY[..1]).unwrap();
        Timeline::new(Arc::new(Calendar::of_published()), hours)
    }

    #[test]
    fn hours_are_those_of_the_day() {
        let t = timeline();
        for (when, open) in [
            ("2026-11-26T08:29:59.999999", false),
            ("2026-11-26T08:30:00", true),
            ("2026-11-26T11:30:00", false),
            ("2026-11-26T13:00:00", true),
            ("2026-11-26T16:30:00", false),
            ("2026-07-01T13:00:00", false), // summer
            ("2026-07-01T16:59:00", true),
            ("2026-12-24T10:00:00", true), // a half day
            ("2026-12-24T14:00:00", false),
            ("2026-11-28T10:00:00", false), // Saturday
            ("2026-10-10T10:00:00", true),  // a Saturday that is worked
            ("2026-10-01T10:00:00", false),
        ] {
            assert_eq!(t.is_open(at(when)), open, "{when}");
        }
        assert_eq!(t.opens(at("2026-09-30T18:00:00")), Some(at("2026-10-08T08:30:00")), "behind a holiday");
        assert_eq!(t.opens(at("2026-11-26T12:00:00")), Some(at("2026-11-26T13:00:00")));
        assert_eq!(t.closes(date("2026-12-24")), at("2026-12-24T11:30:00"));
        assert_eq!(t.closes(date("2026-11-28")), at("2026-11-28T23:59:59.999999"));
    }

    #[test]
    fn spans_that_are_none_are_refused() {
        let of = |spans: &[(u16, u16)]| {
            let spans: Vec<Span> = spans.iter().map(|(from_min, until_min)| Span { from_min: *from_min, until_min: *until_min }).collect();
            Hours::from(date("2026-01-01"), &spans)
        };
        assert!(of(&[(0, 1440)]).is_ok() && of(&[(0, 10), (10, 20)]).is_ok());
        for wrong in [&[][..], &[(10, 10)], &[(0, 1441)], &[(0, 20), (10, 30)], &[(20, 30), (0, 10)]] {
            assert!(of(wrong).is_err(), "{wrong:?}");
        }
        let many: Vec<(u16, u16)> = (0..=limits::SPANS_PER_DAY_MAX as u16).map(|i| (2 * i, 2 * i + 1)).collect();
        assert!(of(&many[1..]).is_ok() && of(&many).is_err());
    }

    #[test]
    fn open_time_is_counted_by_the_microsecond() {
        let t = timeline();
        let minutes = |from, until| t.open_between(at(from), at(until)).unwrap() / MINUTE_MICROS;
        assert_eq!(minutes("2026-11-26T08:00:00", "2026-11-26T20:00:00"), 390);
        assert_eq!(minutes("2026-11-26T11:00:00", "2026-11-26T13:15:00"), 45);
        assert_eq!(minutes("2026-11-26T16:00:00", "2026-11-30T09:00:00"), 30 + 390 + 30);
        assert_eq!(minutes("2026-11-30T09:00:00", "2026-11-26T16:00:00"), 0);
        assert_eq!(t.open_between(at("2026-11-26T08:30:00"), at("2026-11-26T08:30:00.000001")), Some(1));
        assert_eq!(t.open_between(at("1999-12-31T08:30:00"), at("2026-11-26T08:30:00")), None);
    }
}
