//! Filing periods (征期): the last day on which a month's returns may be filed.

use std::collections::BTreeMap;

use chrono::Datelike as _;

use super::{Calendar, Date, LegalNumber, LegalNumbers};

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

    /// The last day of a month (1 to 12): published, or else by the rule with its numbers as of the month's first day. `None` outside
    /// the calendar's range.
    pub fn due(&self, calendar: &Calendar, numbers: &LegalNumbers, year: i32, month: u32) -> Option<FilingDue> {
        if let Some((last_day, document)) = self.0.get(&(year, month)) {
            return Some(FilingDue { last_day: *last_day, basis: FilingBasis::Published(document.clone()) });
        }
        computed(calendar, numbers, year, month).map(|last_day| FilingDue { last_day, basis: FilingBasis::Computed })
    }
}

/// The rule. The longest run of days off up to the ordinary day (15) that holds a legal holiday: from so many days (3) on, its
/// length in working days behind the ordinary day. Else the first working day from the ordinary day on.
fn computed(calendar: &Calendar, numbers: &LegalNumbers, year: i32, month: u32) -> Option<Date> {
    let first = Date::from_ymd_opt(year, month, 1)?;
    let number = |which| numbers.on(which, first).and_then(|dated| u32::try_from(dated.value).ok());
    let (ordinary_day, moving_run) = (number(LegalNumber::FilingDay)?, number(LegalNumber::FilingMovingRun)?);
    let ordinary = Date::from_ymd_opt(year, month, ordinary_day)?;
    let days: Vec<Date> = (1..=ordinary_day).filter_map(|d| Date::from_ymd_opt(year, month, d)).collect();
    let off: Vec<bool> = days.iter().map(|d| calendar.works(*d).map(|works| !works)).collect::<Option<_>>()?;
    let runs = days.iter().zip(&off).collect::<Vec<_>>();
    let runs = runs.split(|(_, off)| !**off).filter(|run| run.iter().any(|(day, _)| calendar.is_holiday(**day)));
    match runs.map(<[_]>::len).max() {
        Some(run) if run >= moving_run as usize => calendar.working_day_after(ordinary, run as u32),
        _ => calendar.working_day_from(ordinary),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_gives_every_published_month() {
        let (calendar, published, numbers) = (Calendar::of_published(), FilingPeriods::published(), LegalNumbers::shipped());
        assert_eq!(published.0.len(), 36);
        for ((year, month), (last_day, _)) in &published.0 {
            assert_eq!(computed(&calendar, &numbers, *year, *month), Some(*last_day), "{year}-{month:02}");
        }
    }

    #[test]
    fn a_month_says_on_what_it_rests() {
        let (calendar, published, numbers) = (Calendar::of_published(), FilingPeriods::published(), LegalNumbers::shipped());
        let october = published.due(&calendar, &numbers, 2026, 10).unwrap();
        assert_eq!(
            (october.last_day.to_string().as_str(), october.basis),
            ("2026-10-26", FilingBasis::Published("税总办征科函〔2025〕64号".into()))
        );
        let next = published.due(&calendar, &numbers, 2027, 3).unwrap();
        assert_eq!((next.last_day.to_string().as_str(), next.basis), ("2027-03-15", FilingBasis::Computed));
        assert_eq!(published.due(&calendar, &numbers, 2026, 13), None);
        assert_eq!(published.due(&calendar, &numbers, 2100, 1), None);
    }
}
