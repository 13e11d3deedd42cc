//! What somebody wants the calendar to say. It is put forward, and approved by somebody else: see [`crate::approval`].

use serde::{Deserialize, Serialize};

use super::hours::{Hours, Span};
use super::{ArrangedDay, Arrangement, Date, LegalNumber, Notice, legal_number, notice};
use chrono::Datelike as _;

use crate::approval::{Approval, Matter};
use crate::error::{self, Error, Problem};
use crate::identity::AuthorityCode;
use crate::limits;
use crate::store::StoreResult;

/// What is proposed, with where it comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// Number of the document: 国办发明电〔2025〕7号.
    pub document: String,
    /// Its title.
    pub title: String,
    /// Where it was published: an address that begins with `https://` or `http://`.
    pub source: String,
    /// What changes.
    pub change: Change,
}

/// What changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// A notice: what is arranged for days of a year. A later notice about a year may change some days of an earlier one.
    WorkingDays {
        /// The year.
        year: i32,
        /// Its days, each once, in any order. Days that are not named stay as they are.
        days: Vec<NoticeDay>,
    },
    /// The official table of a year's filing periods.
    FilingPeriods {
        /// The year.
        year: i32,
        /// The last day of each month's period, January first.
        #[cfg_attr(feature = "schema", schemars(with = "Vec<String>"))]
        last_days: Vec<Date>,
    },
    /// A number that a law or a notice sets (法定数值), from a day on.
    LegalNumber {
        /// Which.
        number: LegalNumber,
        /// The first day on which it holds.
        #[cfg_attr(feature = "schema", schemars(with = "String"))]
        from: Date,
        /// The number, within [`LegalNumber::bounds`].
        value: i64,
    },
    /// The hours of an authority, and of those below it that have none of their own. Replaces what it had.
    OfficeHours {
        /// The authority.
        authority: AuthorityCode,
        /// From each of these days on, the hours of an ordinary working day.
        seasons: Vec<DayHours>,
        /// Single days with other hours: half days; closed where there are none.
        exceptions: Vec<DayHours>,
    },
}

/// One day of a notice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NoticeDay {
    /// The day.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub date: Date,
    /// What is arranged for it.
    pub arrangement: Arrangement,
    /// The holiday it belongs to: 春节.
    pub name: String,
}

/// A day with the hours that hold on it, or from it on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DayHours {
    /// The day.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub date: Date,
    /// The hours, in order.
    pub spans: Vec<Span>,
}

/// The one document that all lines name.
fn one_document<'a>(documents: impl Iterator<Item = &'a str>) -> Result<String, String> {
    let mut all: Vec<&str> = documents.collect();
    all.sort_unstable();
    all.dedup();
    let [one] = all[..] else { return Err(format!("expected one document in all lines, found {}", all.len())) };
    Ok(one.to_owned())
}

impl Change {
    /// The working days of one year, as a file of notices has them (see [`Notice::parse`]), with the document that all lines name.
    ///
    /// # Errors
    /// What is wrong, with the line; or that the file speaks of several years or documents.
    pub fn working_days_of_csv(text: &str) -> Result<(String, Self), String> {
        let notices = Notice::parse(text).map_err(|e| e.to_string())?;
        let [notice] = &notices[..] else { return Err(format!("expected the days of one year, found {}", notices.len())) };
        let document = one_document(notice.days.iter().map(|d| d.document.as_str()))?;
        let day = |d: &ArrangedDay| NoticeDay { date: d.date, arrangement: d.arrangement, name: d.name.clone() };
        Ok((document, Self::WorkingDays { year: notice.year, days: notice.days.iter().map(day).collect() }))
    }

    /// The last days of a year's filing periods, with the document that all lines name: columns `month,last_day,document`, a line a
    /// month. Whether there are twelve is asked when it is proposed.
    ///
    /// # Errors
    /// What is wrong, with the line; or that the lines name several documents.
    pub fn filing_periods_of_csv(text: &str) -> Result<(String, Self), String> {
        let mut lines = text.trim_start_matches('\u{feff}').lines();
        if lines.next().map(str::trim_end) != Some("month,last_day,document") {
            return Err("line 1: expected the columns month,last_day,document".into());
        }
        let mut rows: Vec<(Date, &str)> = Vec::new();
        for (i, line) in lines.enumerate().filter(|(_, l)| !l.trim().is_empty()).take(13) {
            let fields: Vec<&str> = line.trim_end().splitn(3, ',').collect();
            let wrong = || format!("line {}: expected a month such as 2027-01, its last day such as 2027-01-15, and the document", i + 2);
            let [month, last_day, document] = fields[..] else { return Err(wrong()) };
            let last_day: Date = last_day.parse().map_err(|_| wrong())?;
            if month != format!("{}-{:02}", last_day.year(), last_day.month()) {
                return Err(wrong());
            }
            rows.push((last_day, document));
        }
        let document = one_document(rows.iter().map(|(_, document)| *document))?;
        let year = rows.first().map_or(0, |(day, _)| day.year());
        Ok((document, Self::FilingPeriods { year, last_days: rows.into_iter().map(|(day, _)| day).collect() }))
    }

    /// A legal number, with the document that the line names: columns `number,from,value,document`, one line.
    ///
    /// # Errors
    /// What is wrong, with the line.
    pub fn legal_number_of_csv(text: &str) -> Result<(String, Self), String> {
        let mut lines = text.trim_start_matches('\u{feff}').lines();
        if lines.next().map(str::trim_end) != Some("number,from,value,document") {
            return Err("line 1: expected the columns number,from,value,document".into());
        }
        let mut lines = lines.filter(|line| !line.trim().is_empty());
        let (Some(line), None) = (lines.next(), lines.next()) else { return Err("expected one line behind the columns".into()) };
        let wrong = || format!("line 2: expected a number such as {}, a day, its value, and the document", LegalNumber::FilingDay.as_str());
        let (number, dated) = legal_number::read(line).ok_or_else(wrong)?;
        Ok((dated.document, Self::LegalNumber { number, from: dated.from, value: dated.value }))
    }

    /// What it is about.
    pub fn matter(&self) -> Matter {
        match self {
            Self::WorkingDays { .. } => Matter::WorkingDays,
            Self::FilingPeriods { .. } => Matter::FilingPeriods,
            Self::LegalNumber { .. } => Matter::LegalNumber,
            Self::OfficeHours { .. } => Matter::OfficeHours,
        }
    }

    /// Which one: the year, the number's name, or the authority's code.
    pub fn subject(&self) -> String {
        match self {
            Self::WorkingDays { year, .. } | Self::FilingPeriods { year, .. } => year.to_string(),
            Self::LegalNumber { number, .. } => number.as_str().to_owned(),
            Self::OfficeHours { authority, .. } => authority.to_string(),
        }
    }
}

impl Draft {
    /// This draft as it is kept: texts without blanks around them, and everything within the limits.
    pub(super) fn checked(self) -> Result<Self, Error> {
        let document = line("document", &self.document, limits::NAME_CHARS_MAX)?;
        let title = line("title", &self.title, limits::NAME_CHARS_MAX)?;
        let source = line("source", &self.source, limits::SOURCE_CHARS_MAX)?;
        if !(source.starts_with("https://") || source.starts_with("http://")) || source.contains(char::is_whitespace) {
            return Err(malformed("source", "expected an address that begins with https:// or http://"));
        }
        let change = match self.change {
            Change::WorkingDays { year, days } => Change::WorkingDays { year, days: notice_days(year, days)? },
            Change::FilingPeriods { year, last_days } => Change::FilingPeriods { year, last_days: filing_days(year, last_days)? },
            Change::LegalNumber { number, from, value } => legal_number_of(number, from, value)?,
            hours @ Change::OfficeHours { .. } => hours_of(&hours).map(|_| hours)?,
        };
        Ok(Self { document, title, source, change })
    }

    /// The notice it is, where it is one.
    pub(super) fn notice(&self) -> Option<Notice> {
        let Change::WorkingDays { year, days } = &self.change else { return None };
        let arranged =
            |d: &NoticeDay| ArrangedDay { date: d.date, arrangement: d.arrangement, name: d.name.clone(), document: self.document.clone() };
        Some(Notice { year: *year, days: days.iter().map(arranged).collect() })
    }
}

/// The hours a change amounts to; `None` where it is about something else.
pub(super) fn hours_of(change: &Change) -> Result<Option<Hours>, Error> {
    let Change::OfficeHours { seasons, exceptions, .. } = change else { return Ok(None) };
    let Some((first, later)) = seasons.split_first() else { return Err(Error::invalid("change.seasons", Problem::Empty)) };
    let hours = Hours::from(first.date, &first.spans)?;
    let hours = later.iter().try_fold(hours, |hours, s| hours.then(s.date, &s.spans))?;
    exceptions.iter().try_fold(hours, |hours, e| hours.except(e.date, &e.spans)).map(Some)
}

fn notice_days(year: i32, days: Vec<NoticeDay>) -> Result<Vec<NoticeDay>, Error> {
    in_range(year)?;
    if days.is_empty() {
        return Err(Error::invalid("change.days", Problem::Empty));
    }
    if days.len() > limits::NOTICE_DAYS_MAX {
        return Err(Error::invalid("change.days", Problem::TooMany { max: limits::NOTICE_DAYS_MAX }));
    }
    let mut checked: Vec<NoticeDay> = Vec::with_capacity(days.len());
    for (i, day) in days.into_iter().enumerate() {
        let field = |name: &str| format!("change.days[{i}].{name}");
        if !notice::is_near(year, day.date) {
            return Err(malformed(field("date"), notice::NEAR));
        }
        if checked.iter().any(|d| d.date == day.date) {
            return Err(Error::invalid(field("date"), Problem::Taken));
        }
        let name = line("name", &day.name, limits::NAME_CHARS_MAX).map_err(|e| match e {
            Error::Invalid { problem, .. } => Error::invalid(field("name"), problem),
            other => other,
        })?;
        checked.push(NoticeDay { name, ..day });
    }
    checked.sort_by_key(|d| d.date);
    Ok(checked)
}

fn filing_days(year: i32, days: Vec<Date>) -> Result<Vec<Date>, Error> {
    in_range(year)?;
    if days.len() != 12 {
        return Err(malformed("change.last_days", "expected twelve days, one a month"));
    }
    match days.iter().enumerate().find(|(i, d)| (d.year(), d.month0() as usize) != (year, *i)) {
        Some((i, _)) => Err(malformed(format!("change.last_days[{i}]"), "expected a day of that month of the year")),
        None => Ok(days),
    }
}

fn legal_number_of(number: LegalNumber, from: Date, value: i64) -> Result<Change, Error> {
    in_range(from.year()).map_err(|e| match e {
        Error::Invalid { problem, .. } => Error::invalid("change.from", problem),
        other => other,
    })?;
    let (min, max) = number.bounds();
    if !(min..=max).contains(&value) {
        return Err(Error::invalid("change.value", Problem::OutOfRange { min, max }));
    }
    Ok(Change::LegalNumber { number, from, value })
}

/// Refuses years that no calendar has.
pub(super) fn in_range(year: i32) -> Result<(), Error> {
    let (min, max) = (limits::CALENDAR_FIRST_YEAR, limits::CALENDAR_LAST_YEAR);
    if (min..=max).contains(&year) {
        return Ok(());
    }
    Err(Error::invalid("year", Problem::OutOfRange { min: i64::from(min), max: i64::from(max) }))
}

/// One line of text.
fn line(field: &'static str, value: &str, max: usize) -> Result<String, Error> {
    let text = error::text(field, value, max)?;
    if text.contains(['\n', '\t']) { Err(malformed(field, "expected one line")) } else { Ok(text) }
}

fn malformed(field: impl Into<String>, expected: &str) -> Error {
    Error::invalid(field, Problem::Malformed(expected.into()))
}

/// What was proposed. A row whose content is not what its hash is of was altered, and is not used.
pub(super) fn draft_of(approval: &Approval) -> StoreResult<Draft> {
    let draft: Draft = approval.content()?;
    draft.checked().map_err(|e| approval.damaged(e))
}
