//! Days: worked or not, and why.

use std::collections::BTreeMap;

use chrono::{Datelike as _, Weekday};

use super::notice::{ArrangedDay, Arrangement, Notice};
use super::{Date, published};
use crate::limits;

/// What is known of a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Day {
    /// Whether it is worked.
    pub worked: bool,
    /// The holiday for which it is off, or worked in its place; `None` for an ordinary day.
    pub holiday: Option<String>,
    /// A weekend day that is worked in place of another.
    pub made_up: bool,
    /// No notice covers it yet: it was counted by its weekday, and may change.
    pub provisional: bool,
    /// The document that arranges it, where one does.
    pub document: Option<String>,
}

/// Which days are worked, from [`limits::CALENDAR_FIRST_YEAR`] to [`limits::CALENDAR_LAST_YEAR`].
#[derive(Clone, Debug)]
pub struct Calendar {
    version: i64,
    /// The holidays that no notice arranges, of each year that one speaks of.
    missing: BTreeMap<i32, Vec<&'static str>>,
    arranged: BTreeMap<Date, ArrangedDay>,
    first: Date,
    /// Working days before each day of the range, and before its end.
    before: Vec<u32>,
    /// The working days, in order.
    worked: Vec<Date>,
    /// Provisional days before each day of the range, and before its end.
    unsure: Vec<u32>,
}

/// The holidays of a year by their names (全国年节及纪念日放假办法 第二条, since 2008); a notice arranges them all.
const HOLIDAYS: [&str; 7] = ["元旦", "春节", "清明", "劳动", "端午", "中秋", "国庆"];

/// Those of the holidays of a year that the notices of the year, the later going over the earlier, give no day off for.
fn missing(notices: &[Notice], year: i32) -> Vec<&'static str> {
    let days: BTreeMap<Date, &ArrangedDay> = notices.iter().filter(|n| n.year == year).flat_map(|n| &n.days).map(|d| (d.date, d)).collect();
    // New Year's at the end of a year is the next year's.
    let off = |holiday: &str| {
        let of = |d: &&ArrangedDay| d.arrangement == Arrangement::Off && d.name.contains(holiday);
        days.values().any(|d| of(d) && !(holiday == HOLIDAYS[0] && (d.date.year(), d.date.month()) == (year, 12)))
    };
    HOLIDAYS.into_iter().filter(|holiday| !off(holiday)).collect()
}

impl Calendar {
    /// The calendar of these notices; where two speak of one day, the later in the slice holds. `version` is the
    /// caller's number for this state of them: what was computed with another one may have changed.
    pub fn new(version: i64, notices: &[Notice]) -> Self {
        let missing = notices.iter().map(|n| (n.year, missing(notices, n.year))).collect();
        let arranged: BTreeMap<Date, ArrangedDay> = notices.iter().flat_map(|n| &n.days).map(|d| (d.date, d.clone())).collect();
        let first = first_day(limits::CALENDAR_FIRST_YEAR);
        let (mut before, mut worked) = (vec![0], Vec::new());
        for date in first.iter_days().take_while(|d| d.year() <= limits::CALENDAR_LAST_YEAR) {
            let works = match arranged.get(&date).map(|d| d.arrangement) {
                Some(arrangement) => arrangement == Arrangement::Work,
                None => !is_weekend(date),
            };
            if works {
                worked.push(date);
            }
            before.push(worked.len() as u32);
        }
        let mut calendar = Self { version, missing, arranged, first, before, worked, unsure: vec![0] };
        let mut unsure = 0;
        for date in first.iter_days().take(calendar.before.len() - 1) {
            unsure += u32::from(calendar.is_provisional(date));
            calendar.unsure.push(unsure);
        }
        calendar
    }

    /// The calendar of the notices published so far; version 0.
    pub fn of_published() -> Self {
        Self::new(0, &published())
    }

    /// The caller's number for the state of notices that this was made of.
    pub fn version(&self) -> i64 {
        self.version
    }

    /// Whether every holiday of a year is arranged: one that a single day was approved of is not known yet.
    pub fn is_known(&self, year: i32) -> bool {
        self.missing(year).is_empty()
    }

    /// The holidays of a year that no notice arranges, by their names.
    pub fn missing(&self, year: i32) -> &[&'static str] {
        self.missing.get(&year).map_or(&HOLIDAYS, Vec::as_slice)
    }

    /// Everything known of a day. `None` outside the range.
    pub fn day(&self, date: Date) -> Option<Day> {
        let worked = self.works(date)?;
        let arranged = self.arranged.get(&date);
        Some(Day {
            worked,
            holiday: arranged.map(|d| d.name.clone()),
            made_up: worked && is_weekend(date),
            provisional: self.is_provisional(date),
            document: arranged.map(|d| d.document.clone()),
        })
    }

    /// Whether a day is worked. `None` outside the range.
    pub fn works(&self, date: Date) -> Option<bool> {
        let i = self.place(date)?;
        Some(self.before[i + 1] > self.before[i])
    }

    /// Whether a day was counted by its weekday because its notice is not known. The last days of December are often
    /// arranged by the next year's notice (2018, 2022), and no later than that.
    pub fn is_provisional(&self, date: Date) -> bool {
        let of_next = date.month() == 12 && date.day() >= limits::CALENDAR_DECEMBER_DAY;
        !self.arranged.contains_key(&date) && (!self.is_known(date.year()) || of_next && !self.is_known(date.year() + 1))
    }

    /// Whether any day from one to another, which is part of it, is provisional; so is what leaves the range.
    pub fn is_provisional_between(&self, from: Date, until: Date) -> bool {
        match (self.place(from), self.place(until)) {
            (Some(from), Some(until)) => from <= until && self.unsure[until + 1] > self.unsure[from],
            _ => from <= until,
        }
    }

    /// Whether a notice, rather than the weekday alone, makes this a day off.
    pub fn is_holiday(&self, date: Date) -> bool {
        self.arranged.get(&date).is_some_and(|d| d.arrangement == Arrangement::Off)
    }

    /// The `n`-th working day after a day, which is not counted itself; for 0 the day itself. `None` outside the range.
    pub fn working_day_after(&self, date: Date, n: u32) -> Option<Date> {
        let place = self.place(date)?;
        if n == 0 {
            return Some(date);
        }
        let passed = self.before[place + 1] as usize;
        self.worked.get(passed + n as usize - 1).copied()
    }

    /// The first working day on or after a day.
    pub fn working_day_from(&self, date: Date) -> Option<Date> {
        let place = self.place(date)?;
        self.worked.get(self.before[place] as usize).copied()
    }

    /// Working days from a day on, before another. Zero where the second is not later.
    pub fn working_days_between(&self, from: Date, until: Date) -> Option<u32> {
        let (from, until) = (self.place(from)?, self.place(until)?);
        Some(self.before[until].saturating_sub(self.before[from]))
    }

    /// The first and the last day of the range.
    pub fn range(&self) -> (Date, Date) {
        (self.first, self.first + chrono::Days::new(self.before.len() as u64 - 2))
    }

    fn place(&self, date: Date) -> Option<usize> {
        usize::try_from(date.signed_duration_since(self.first).num_days()).ok().filter(|i| i + 1 < self.before.len())
    }
}

fn is_weekend(date: Date) -> bool {
    matches!(date.weekday(), Weekday::Sat | Weekday::Sun)
}

fn first_day(year: i32) -> Date {
    Date::from_ymd_opt(year, 1, 1).unwrap_or_default() // every year of the range has a first of January
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    /// Every day of the published years, counted in another way: a weekday that no notice calls off, or a day that one
    /// calls worked.
    #[test]
    fn every_day_of_2018_to_2026_is_as_its_notice_says() {
        let calendar = Calendar::of_published();
        let lines: Vec<Vec<&str>> = include_str!("../../data/calendar_days.csv").lines().skip(1).map(|l| l.split(',').collect()).collect();
        let (mut days, mut worked) = (0, BTreeMap::new());
        for day in date("2018-01-01").iter_days().take_while(|d| d.year() <= 2026) {
            let kind = lines.iter().find(|l| l[1] == day.to_string()).map(|l| l[2]);
            let expected = kind == Some("work") || kind.is_none() && day.weekday().number_from_monday() <= 5;
            assert_eq!(calendar.works(day), Some(expected), "{day}");
            let known = calendar.day(day).unwrap();
            assert_eq!((known.worked, known.document.is_some()), (expected, kind.is_some()), "{day}");
            assert_eq!(known.provisional, day >= date("2026-12-28"), "{day}");
            days += 1;
            *worked.entry(day.year()).or_insert(0) += u32::from(expected);
        }
        assert_eq!(days, 3287);
        assert_eq!(
            worked.into_iter().collect::<Vec<_>>(),
            [(2018, 250), (2019, 250), (2020, 249), (2021, 250), (2022, 249), (2023, 249), (2024, 251), (2025, 248), (2026, 248)]
        );
    }

    #[test]
    fn days_that_people_remember() {
        let calendar = Calendar::of_published();
        let of = |d| calendar.day(date(d)).map(|day| (day.worked, day.holiday)).unwrap();
        assert_eq!(of("2026-02-17"), (false, Some("春节".into())));
        assert_eq!(of("2026-11-28"), (false, None), "a weekend");
        let made_up = calendar.day(date("2026-10-10")).unwrap();
        assert_eq!((made_up.worked, made_up.made_up, made_up.document.as_deref()), (true, true, Some("国办发明电〔2025〕7号")));
        assert_eq!(of("2020-02-01"), (false, Some("春节".into())), "the holiday was made longer");
        assert_eq!(calendar.works(date("2019-05-02")), Some(false), "a later document gave this day");
    }

    #[test]
    fn a_year_without_a_notice_is_counted_by_weekdays_and_says_so() {
        let calendar = Calendar::of_published();
        let new_year = calendar.day(date("2027-01-01")).unwrap();
        assert_eq!((new_year.worked, new_year.provisional), (true, true));
        assert!(calendar.is_provisional(date("2026-12-31")) && !calendar.is_provisional(date("2026-12-27")));
        assert!(!calendar.is_provisional(date("2018-12-31")));
    }

    #[test]
    fn the_range_ends_where_it_ends() {
        let calendar = Calendar::of_published();
        let (first, last) = calendar.range();
        assert_eq!((first, last), (date("2000-01-01"), date("2099-12-31")));
        assert!(calendar.works(first).is_some() && calendar.works(last).is_some());
        assert_eq!(calendar.works(date("1999-12-31")), None);
        assert_eq!(calendar.works(date("2100-01-01")), None);
        assert_eq!(calendar.working_day_after(last, 1), None);
    }

    #[test]
    fn a_year_is_known_once_all_its_holidays_are_arranged() {
        let day = |month: u32, name: &str| {
            let date = Date::from_ymd_opt(2027, month, 1).unwrap();
            ArrangedDay { date, arrangement: Arrangement::Off, name: name.into(), document: "文".into() }
        };
        let notice = |days: Vec<ArrangedDay>| Notice { year: 2027, days };
        let of = |notices: &[Notice]| Calendar::new(1, notices);
        let spring = notice(vec![day(2, "春节")]);
        let calendar = of(std::slice::from_ref(&spring));
        assert_eq!(calendar.missing(2027), ["元旦", "清明", "劳动", "端午", "中秋", "国庆"]);
        assert!(!calendar.is_known(2027) && calendar.is_provisional(date("2027-03-01")) && !calendar.is_provisional(date("2027-02-01")));
        let rest = ["元旦", "清明节", "劳动节", "端午节", "国庆节、中秋节"];
        let rest = notice(rest.iter().zip([1, 4, 5, 6, 10]).map(|(name, month)| day(month, name)).collect());
        let calendar = of(&[spring, rest.clone()]);
        assert!(calendar.is_known(2027) && !calendar.is_provisional(date("2027-03-01")));
        let worked = notice(vec![ArrangedDay { arrangement: Arrangement::Work, ..day(2, "春节") }]);
        assert_eq!(of(&[worked, rest.clone()]).missing(2027), ["春节"], "a day worked for a holiday is not the holiday");
        let spring = || notice(vec![day(2, "春节")]);
        let taken = notice(vec![ArrangedDay { arrangement: Arrangement::Work, ..day(4, "清明节") }]);
        assert_eq!(of(&[spring(), rest.clone(), taken]).missing(2027), ["清明"], "what a later notice takes away is not arranged");
        let mut late = rest;
        late.days[0].date = date("2027-12-31");
        assert_eq!(of(&[spring(), late]).missing(2027), ["元旦"], "that is the New Year of 2028");
    }

    #[test]
    fn a_stretch_is_provisional_where_one_of_its_days_is() {
        let calendar = Calendar::of_published();
        let days: Vec<Date> = date("2026-12-20").iter_days().take(20).chain(date("2017-12-25").iter_days().take(10)).collect();
        for from in &days {
            for until in &days {
                let walked = from.iter_days().take_while(|d| d <= until).any(|d| calendar.is_provisional(d));
                assert_eq!(calendar.is_provisional_between(*from, *until), walked, "{from} to {until}");
            }
        }
        assert!(calendar.is_provisional_between(date("2099-12-31"), date("2100-01-01")));
    }

    proptest! {
        #[test]
        fn working_days_after_add_up(start in 0u64..30_000, a in 0u32..500, b in 0u32..500) {
            let calendar = Calendar::of_published();
            let day = calendar.range().0 + chrono::Days::new(start);
            let stepwise = calendar.working_day_after(day, a).and_then(|d| calendar.working_day_after(d, b));
            prop_assert_eq!(stepwise, calendar.working_day_after(day, a + b));
            let end = calendar.working_day_after(day, a).unwrap();
            if a > 0 {
                prop_assert_eq!(calendar.works(end), Some(true));
                prop_assert_eq!(calendar.working_days_between(day + chrono::Days::new(1), end + chrono::Days::new(1)), Some(a));
            }
        }
    }
}
