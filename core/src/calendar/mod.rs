//! The working calendar (工作日历): which days are worked, when offices are open, when a period ends, when a filing
//! month closes.
//!
//! A [`Calendar`] is made of notices and answers for any day of its range; where no notice is known it counts
//! Monday to Friday and says that the answer is provisional. A [`Timeline`] is a calendar with the hours of one
//! authority: time that counts. What ends when is asked of it; see [`Timeline::due`]. All that is pure.
//!
//! What is in force is data: the tables of this program, and over them what somebody proposed and somebody else
//! approved ([`Proposal`]). Each approval gives the calendar its next version.

mod day;
mod decide;
mod filing;
mod hours;
mod in_force;
mod look;
mod notice;
mod period;
mod proposal;
mod propose;
mod recompute;

pub use chrono::{Datelike, NaiveDate as Date};

pub use day::{Calendar, Day, DayOff};
pub use decide::{Approve, Decided, Reject, approve, reject};
pub use filing::{FilingBasis, FilingDue, FilingPeriods};
pub use hours::{Hours, Span, Timeline};
pub use in_force::{Calendars, InForce};
pub use look::{AskDue, CalendarYear, DayView, DueView, FilingMonth, FilingYear, TermUnit};
pub(crate) use look::{due, filing_periods, missing_notice as missing_notice_in_force, year};
pub use notice::{ArrangedDay, Arrangement, Notice, NoticeError, published};
pub use period::{Due, Pause, Term};
pub use proposal::{Change, DayHours, Draft, NoticeDay, Proposal, ProposalKind, ProposalState, ProposalView, proposals};
pub use propose::{Proposed, propose};
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
