//! Looking at the calendar.

use std::time::Duration;

use chrono::Datelike as _;
use serde::Serialize;

use super::proposal::in_range;
use super::{Calendars, Date, Dated, FilingBasis, LegalNumber, Pause, Term};
use crate::access::{AuthorityPath, path_of};
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::{Error, Problem};
use crate::identity::AuthorityCode;
use crate::limits;
use crate::store::ReadTx;

/// A year of days.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CalendarYear {
    /// The year.
    pub year: i32,
    /// How many changes were approved here: what was computed with another number may have changed.
    pub version: i64,
    /// When the last of them was approved, or else the day of the tables that the program has.
    pub changed_at: Timestamp,
    /// Not every holiday of the year is arranged: days that no notice names were counted by their weekdays, and may change.
    pub provisional: bool,
    /// The holidays that no notice arranges, by their names: 春节.
    pub missing: Vec<&'static str>,
    /// Every day, in order.
    pub days: Vec<DayView>,
}

/// A day.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DayView {
    /// The day.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub date: Date,
    /// Whether it is worked.
    pub worked: bool,
    /// The holiday for which it is off, or worked in its place; absent for an ordinary day.
    pub holiday: Option<String>,
    /// A weekend day that is worked in place of another (补班).
    pub made_up: bool,
    /// Counted by its weekday, because no notice covers it yet; may change.
    pub provisional: bool,
    /// The document that arranges it, where one does.
    pub document: Option<String>,
}

/// The days of a year.
pub(crate) fn year(tx: &mut dyn ReadTx, calendars: &Calendars, year: i32) -> Result<CalendarYear, Error> {
    in_range(year)?;
    let now = calendars.in_force(tx)?;
    let first = Date::from_ymd_opt(year, 1, 1).unwrap_or_default(); // every year of the range has one
    let view = |date: Date| {
        now.calendar.day(date).map(|day| DayView {
            date,
            worked: day.worked,
            holiday: day.holiday,
            made_up: day.made_up,
            provisional: day.provisional,
            document: day.document,
        })
    };
    let days = first.iter_days().take_while(|d| d.year() == year).filter_map(view).collect();
    let missing = now.calendar.missing(year).to_vec();
    let (version, provisional) = (now.calendar.version(), !missing.is_empty());
    Ok(CalendarYear { year, version, changed_at: now.changed_at, provisional, missing, days })
}

/// The filing periods of a year.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FilingYear {
    /// The year.
    pub year: i32,
    /// As of [`CalendarYear`].
    pub version: i64,
    /// Its twelve months, in order.
    pub months: Vec<FilingMonth>,
}

/// A month's filing period.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FilingMonth {
    /// The month, 1 to 12.
    pub month: u32,
    /// The last day on which returns may be filed.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub last_day: Date,
    /// Worked out by the rule (税收征收管理法实施细则 第一百零九条), because no table is known; may change.
    pub computed: bool,
    /// The document whose table says so; absent where it is computed.
    pub document: Option<String>,
}

/// The filing periods of a year.
pub(crate) fn filing_periods(tx: &mut dyn ReadTx, calendars: &Calendars, year: i32) -> Result<FilingYear, Error> {
    in_range(year)?;
    let now = calendars.in_force(tx)?;
    let view = |month| {
        now.filing.due(&now.calendar, &now.numbers, year, month).map(|due| {
            let document = if let FilingBasis::Published(document) = due.basis { Some(document) } else { None };
            FilingMonth { month, last_day: due.last_day, computed: document.is_none(), document }
        })
    };
    Ok(FilingYear { year, version: now.calendar.version(), months: (1..=12).filter_map(view).collect() })
}

/// Legal numbers as they are in force.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LegalNumbersView {
    /// As of [`CalendarYear`].
    pub version: i64,
    /// Each of them.
    pub numbers: Vec<LegalNumberView>,
}

/// A legal number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LegalNumberView {
    /// Which.
    pub number: LegalNumber,
    /// What it is, for people.
    pub title: String,
    /// What it was, is and will be, in order of the day from which it holds.
    pub values: Vec<Dated>,
}

/// Legal numbers.
pub(crate) fn legal_numbers(tx: &mut dyn ReadTx, calendars: &Calendars) -> Result<LegalNumbersView, Error> {
    let now = calendars.in_force(tx)?;
    let view = |number: LegalNumber| LegalNumberView {
        number,
        title: number.title().to_owned(),
        values: now.numbers.all(number).cloned().collect(),
    };
    Ok(LegalNumbersView { version: now.calendar.version(), numbers: LegalNumber::ALL.iter().map(|n| view(*n)).collect() })
}

words! {
    /// In what a term is counted.
    pub enum TermUnit {
        /// Working days; the first day is not counted, and the last ends when the office closes.
        WorkingDays = "working_days",
        /// Minutes in which the office is open.
        OpenMinutes = "open_minutes",
        /// Minutes, day and night.
        Minutes = "minutes",
    }
}

/// Asks when a term ends.
#[derive(Clone, Debug)]
pub struct AskDue {
    /// When it begins.
    pub began: Timestamp,
    /// How long it is.
    pub amount: u32,
    /// In what.
    pub unit: TermUnit,
    /// Whose hours count; without one, the assumed ones.
    pub authority: Option<AuthorityCode>,
    /// When its clock stands still, in any order.
    pub pauses: Vec<Pause>,
}

/// When a term ends.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DueView {
    /// When; absent while a pause lasts.
    pub at: Option<Timestamp>,
    /// A day between was counted by its weekday, because its notice is not known; may change.
    pub provisional: bool,
    /// The version of the calendar by which it was computed.
    pub version: i64,
    /// The document that gives the hours; absent where they are assumed.
    pub hours: Option<String>,
}

/// When a term ends.
pub(crate) fn due(tx: &mut dyn ReadTx, ctx: &Ctx, calendars: &Calendars, asked: &AskDue) -> Result<DueView, Error> {
    let max = if asked.unit == TermUnit::WorkingDays { limits::TERM_WORKING_DAYS_MAX } else { limits::TERM_MINUTES_MAX };
    if asked.amount > max {
        return Err(Error::invalid("amount", Problem::OutOfRange { min: 0, max: i64::from(max) }));
    }
    let minutes = Duration::from_secs(u64::from(asked.amount) * 60);
    let term = match asked.unit {
        TermUnit::WorkingDays => Term::WorkingDays(asked.amount),
        TermUnit::OpenMinutes => Term::OpenTime(minutes),
        TermUnit::Minutes => Term::Elapsed(minutes),
    };
    let path = match asked.authority {
        Some(code) => path_of(tx, ctx.rights(), code)?,
        None => AuthorityPath::default(),
    };
    let now = calendars.in_force(tx)?;
    let (_, document) = now.hours(&path)?;
    let (first, last) = now.calendar.range();
    let outside =
        || Error::invalid("began", Problem::Malformed(format!("the term leaves the calendar, which goes from {first} to {last}")));
    let due = now.timeline(&path, None)?.due(asked.began, term, &asked.pauses).ok_or_else(outside)?;
    Ok(DueView { at: due.at, provisional: due.provisional, version: due.calendar, hours: document })
}

/// The year whose notice should be known by now, and is not.
pub(crate) fn missing_notice(tx: &mut dyn ReadTx, calendars: &Calendars, now: Timestamp) -> Result<Option<i32>, Error> {
    Ok(super::missing_notice(&calendars.in_force(tx)?.calendar, now))
}
