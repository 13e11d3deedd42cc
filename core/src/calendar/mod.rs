//! The working calendar (工作日历): which days are worked, when offices are open, when a period ends, when a filing
//! month closes.
//!
//! A [`Calendar`] is made of notices and answers for any day of its range; where no notice is known it counts
//! Monday to Friday and says that the answer is provisional. A [`Timeline`] is a calendar with the hours of one
//! authority: time that counts. What ends when is asked of it; see [`Timeline::due`]. All that is pure.
//!
//! What is in force is data: the tables of this program, and over them what somebody proposed and somebody else
//! approved ([`approval`](crate::approval)). Each approval gives the calendar its next version.

mod changes;
mod day;
mod filing;
mod hours;
mod in_force;
mod legal_number;
mod look;
mod notice;
mod period;
mod proposal;
mod propose;
mod recompute;

pub use chrono::{Datelike, NaiveDate as Date};

pub(crate) use changes::changes;
pub use day::{Calendar, Day};
pub use filing::{FilingBasis, FilingDue, FilingPeriods};
pub use hours::{Hours, Span, Timeline};
pub use in_force::{Calendars, InForce};
pub use legal_number::{Dated, LegalNumber, LegalNumbers};
pub use look::{AskDue, CalendarYear, DayView, DueView, FilingMonth, FilingYear, LegalNumberView, LegalNumbersView, TermUnit};
pub(crate) use look::{due, filing_periods, legal_numbers, missing_notice as missing_notice_in_force, year};
pub use notice::{ArrangedDay, Arrangement, Notice, NoticeError, published};
pub use period::{Due, Pause, Term};
pub use proposal::{Change, DayHours, Draft, NoticeDay};
pub use propose::propose;
pub use recompute::{CachedDue, Policy, recompute};

use chrono::{DateTime, NaiveDateTime};

use crate::clock::Timestamp;

const BEIJING_MICROS: i64 = 8 * 3600 * 1_000_000;
const DAY_MICROS: i64 = 24 * 3600 * 1_000_000;
const MINUTE_MICROS: i64 = 60 * 1_000_000;

/// The date that an instant has in Beijing. `None` outside the years that dates have.
pub fn date_of(at: Timestamp) -> Option<Date> {
    DateTime::from_timestamp_micros(at.micros().checked_add(BEIJING_MICROS)?).map(|t| t.date_naive())
}

/// The first instant of a date in Beijing.
pub fn midnight(date: Date) -> Timestamp {
    let at: NaiveDateTime = date.into();
    Timestamp::from_micros(at.and_utc().timestamp_micros() - BEIJING_MICROS)
}

/// Whether the notice of next year should be there by now: it is published in early November, and without it what
/// ends next year is provisional.
pub fn missing_notice(calendar: &Calendar, now: Timestamp) -> Option<i32> {
    let today = date_of(now)?;
    let year = if today.month() >= 11 { today.year() + 1 } else { today.year() };
    (!calendar.is_known(year)).then_some(year)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As of the notices published so far, 2026 is the last year that is known.
    #[test]
    fn a_missing_notice_alarms_from_november_on_and_is_silent_in_october() {
        let calendar = Calendar::of_published();
        let missed = |date: &str| missing_notice(&calendar, midnight(date.parse().unwrap()));
        let eve = Timestamp::from_micros(midnight("2026-11-01".parse().unwrap()).micros() - 1);
        assert_eq!(missing_notice(&calendar, eve), None, "silent in October, to its last instant in Beijing");
        assert_eq!(missed("2026-11-01"), Some(2027));
        assert_eq!(missed("2026-12-31"), Some(2027));
        assert_eq!((missed("2025-11-01"), missed("2026-10-01")), (None, None), "what is known is not missed");
        assert_eq!(missed("2027-01-01"), Some(2027), "nor is it forgotten in its own year");
    }
}
