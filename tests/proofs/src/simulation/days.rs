//! Which days are worked, and of which that is not sure yet: read once from the core's calendar, as data. What follows from it for hours
//! and deadlines the model says by itself.

use std::sync::LazyLock;

use zhengna_core::calendar::{Calendar, Date};

/// What is known of a day.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Day {
    pub(crate) worked: bool,
    /// No notice covers it yet.
    pub(crate) provisional: bool,
}

/// Worlds lie between these years.
const YEARS: (i32, i32) = (2026, 2031);

/// Days since 1970 of the first in the table, and the table.
static DAYS: LazyLock<(i64, Vec<Day>)> = LazyLock::new(|| {
    let date = |year| Date::from_ymd_opt(year, 1, 1).unwrap_or_default();
    let (calendar, first, end) = (Calendar::of_published(), date(YEARS.0), date(YEARS.1));
    let day = |date: Date| calendar.day(date).map(|day| Day { worked: day.worked, provisional: day.provisional });
    let days = first.iter_days().take_while(|date| *date < end).map(|date| day(date).unwrap_or_default());
    (first.signed_duration_since(date(1970)).num_days(), days.collect())
});

/// A day, by days since 1970.
pub(crate) fn day(n: i64) -> Day {
    let (first, days) = &*DAYS;
    usize::try_from(n - first).ok().and_then(|place| days.get(place)).copied().unwrap_or_default()
}
