//! Legal numbers (法定数值): days and limits that a law or a notice sets. Dated and cited; what this program has, and over it what was
//! approved here.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Date;

words! {
    /// A number that a law or a notice sets. Which there are, and what reads them, is the program's; what they are is data.
    pub enum LegalNumber {
        /// The day of the month on which returns are due where nothing moves it.
        FilingDay = "filing_day",
        /// So many days off in a row, a legal holiday among them, move the end of a filing period.
        FilingMovingRun = "filing_moving_run",
    }
}

impl LegalNumber {
    /// What it is, for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::FilingDay => "申报期限：期满之日起（日）",
            Self::FilingMovingRun => "征期顺延：期限内连续法定休假日（日）",
        }
    }

    /// The least and the most it may be: what the rule that reads it can work with.
    pub const fn bounds(self) -> (i64, i64) {
        match self {
            // The shortest month has the day.
            Self::FilingDay | Self::FilingMovingRun => (1, 28),
        }
    }
}

/// What a legal number is from a day on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Dated {
    /// The first day on which it holds.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub from: Date,
    /// The number.
    pub value: i64,
    /// The document that sets it: number or title, and article.
    pub document: String,
    /// Whether it was approved here, rather than shipped.
    pub approved: bool,
}

/// Every legal number, with what it was and will be.
#[derive(Clone, Debug)]
pub struct LegalNumbers(BTreeMap<(LegalNumber, Date), Dated>);

impl LegalNumbers {
    /// What this program has: the lines of `core/data/legal_numbers.csv`.
    pub fn shipped() -> Self {
        let lines = include_str!("../../data/legal_numbers.csv").lines().skip(1);
        Self(lines.filter_map(read).map(|(number, dated)| ((number, dated.from), dated)).collect())
    }

    /// It was approved that a number is something else from a day on.
    pub(super) fn set(&mut self, number: LegalNumber, dated: Dated) {
        self.0.insert((number, dated.from), dated);
    }

    /// What a number is on a day; before the first day that is known, what it was first.
    pub fn on(&self, number: LegalNumber, day: Date) -> Option<&Dated> {
        let of = |from, until| self.0.range((number, from)..=(number, until));
        of(Date::MIN, day).next_back().or_else(|| of(day, Date::MAX).next()).map(|(_, dated)| dated)
    }

    /// What a number was and will be, in order.
    pub fn all(&self, number: LegalNumber) -> impl Iterator<Item = &Dated> {
        self.0.range((number, Date::MIN)..=(number, Date::MAX)).map(|(_, dated)| dated)
    }
}

/// A line `number,from,value,document`.
pub(super) fn read(line: &str) -> Option<(LegalNumber, Dated)> {
    let mut fields = line.trim_end().splitn(4, ',');
    let number = LegalNumber::parse(fields.next()?)?;
    let (from, value) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((number, Dated { from, value, document: fields.next()?.to_owned(), approved: false }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn every_line_is_read_and_every_number_has_one_within_its_bounds() {
        let shipped = LegalNumbers::shipped();
        assert_eq!(shipped.0.len(), include_str!("../../data/legal_numbers.csv").lines().count() - 1);
        for number in LegalNumber::ALL {
            let (min, max) = number.bounds();
            assert!(shipped.all(*number).count() > 0 && shipped.all(*number).all(|d| (min..=max).contains(&d.value)), "{number:?}");
        }
    }

    #[test]
    fn a_number_is_what_it_was_on_the_day() {
        let mut numbers = LegalNumbers::shipped();
        let of = |numbers: &LegalNumbers, at| numbers.on(LegalNumber::FilingDay, day(at)).map(|d| (d.value, d.approved));
        numbers.set(LegalNumber::FilingDay, Dated { from: day("2027-07-01"), value: 20, document: "文".into(), approved: true });
        assert_eq!(of(&numbers, "2027-06-30"), Some((15, false)));
        assert_eq!(of(&numbers, "2027-07-01"), Some((20, true)));
        assert_eq!(of(&numbers, "1999-01-01"), Some((15, false)), "before the first day that is known");
        // What is set again for the same day replaces it.
        numbers.set(LegalNumber::FilingDay, Dated { from: day("2027-07-01"), value: 18, document: "文".into(), approved: true });
        assert_eq!((of(&numbers, "2030-01-01"), numbers.all(LegalNumber::FilingDay).count()), (Some((18, true)), 3));
    }
}
