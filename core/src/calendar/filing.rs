//! Filing periods (征期): the last day on which a month's returns may be filed.

use std::collections::BTreeMap;

use chrono::Datelike as _;

use super::{Calendar, Date};

/// On what a last day rests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilingBasis {
    /// Published: the document.
    Published(String),
    /// Worked out by art. 109 of the rules for implementing the Tax Collection Law (税收征收管理法实施细则), because the
    /// document is not known. Provisional, as the working days it stands on may be.
    Computed,
}

/// The last day of a filing month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilingDue {
    /// The day.
    pub last_day: Date,
    /// On what it rests.
    pub basis: FilingBasis,
}

/// What was published of filing periods.
#[derive(Clone, Debug, Default)]
pub struct FilingPeriods(BTreeMap<(i32, u32), (Date, String)>);

/// The day of the month on which returns are due where nothing moves it.
const ORDINARY_DAY: u32 = 15;
/// Days off in a row, a legal holiday among them, that move it.
const MOVING_RUN: usize = 3;

impl FilingPeriods {
    /// The months of 2024 to 2026 as published.
    pub fn published() -> Self {
        let lines = include_str!("../../data/filing_periods.csv").lines().skip(1);
        Self(lines.filter_map(Self::line).collect())
    }

    /// The table of a year was published: the last day of each of its months.
    pub(super) fn publish(&mut self, last_days: &[Date], document: &str) {
        self.0.extend(last_days.iter().map(|day| ((day.year(), day.month()), (*day, document.to_owned()))));
    }

    fn line(line: &str) -> Option<((i32, u32), (Date, String))> {
        let mut fields = line.splitn(3, ',');
        let (_, last_day, document) = (fields.next()?, fields.next()?.parse::<Date>().ok()?, fields.next()?);
        Some(((last_day.year(), last_day.month()), (last_day, document.to_owned())))
    }

    /// The last day of a month (1 to 12): published, or else by the rule. `None` outside the calendar's range.
    pub fn due(&self, calendar: &Calendar, year: i32, month: u32) -> Option<FilingDue> {
        if let Some((last_day, document)) = self.0.get(&(year, month)) {
            return Some(FilingDue { last_day: *last_day, basis: FilingBasis::Published(document.clone()) });
        }
        computed(calendar, year, month).map(|last_day| FilingDue { last_day, basis: FilingBasis::Computed })
    }
}

/// The rule. The longest run of days off within the first fifteen that holds a legal holiday: from three days on, its
/// length in working days behind the fifteenth. Else the first working day from the fifteenth on.
fn computed(calendar: &Calendar, year: i32, month: u32) -> Option<Date> {
    let ordinary = Date::from_ymd_opt(year, month, ORDINARY_DAY)?;
    let days: Vec<Date> = (1..=ORDINARY_DAY).filter_map(|d| Date::from_ymd_opt(year, month, d)).collect();
    let off: Vec<bool> = days.iter().map(|d| calendar.works(*d).map(|works| !works)).collect::<Option<_>>()?;
    let runs = days.iter().zip(&off).collect::<Vec<_>>();
    let runs = runs.split(|(_, off)| !**off).filter(|run| run.iter().any(|(day, _)| calendar.is_holiday(**day)));
    match runs.map(<[_]>::len).max() {
        Some(run) if run >= MOVING_RUN => calendar.working_day_after(ordinary, run as u32),
        _ => calendar.working_day_from(ordinary),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_gives_every_published_month() {
        let (calendar, published) = (Calendar::of_published(), FilingPeriods::published());
        assert_eq!(published.0.len(), 36);
        for ((year, month), (last_day, _)) in &published.0 {
            assert_eq!(computed(&calendar, *year, *month), Some(*last_day), "{year}-{month:02}");
        }
    }

    #[test]
    fn a_month_says_on_what_it_rests() {
        let (calendar, published) = (Calendar::of_published(), FilingPeriods::published());
        let october = published.due(&calendar, 2026, 10).unwrap();
        assert_eq!(
            (october.last_day.to_string().as_str(), october.basis),
            ("2026-10-26", FilingBasis::Published("税总办征科函〔2025〕64号".into()))
        );
        let next = published.due(&calendar, 2027, 3).unwrap();
        assert_eq!((next.last_day.to_string().as_str(), next.basis), ("2027-03-15", FilingBasis::Computed));
        assert_eq!(published.due(&calendar, 2026, 13), None);
        assert_eq!(published.due(&calendar, 2100, 1), None);
    }
}
