//! 公民身份号码, GB 11643-1999.

use chrono::NaiveDate;

use super::{IdentifierProblem, ascii, ascii_identifier, mask_resident_id};
use crate::planted::{Bug, planted};

/// Number of a resident's identity card, 18 characters; personal, `Debug` shows the mask.
///
/// `[6 region][8 date of birth][3 sequence][1 check]`; the check may be X, a lower-case x is accepted and raised.
/// Checked are the province (first two digits), that the date is in the calendar (years 1800 to 2199), and the
/// check digit (GB 11643-1999; ISO 7064 MOD 11-2). A number by itself has no clock: whoever becomes known by one is asked, when they do,
/// whether its [`birth_date`](ResidentId::birth_date) has come.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResidentId([u8; 18]);

ascii_identifier!(ResidentId, 18);

/// Weights of the digits 1 to 17: 2^(18-i) mod 11. GB 11643-1999, 4.
const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
/// Check characters by the weighted sum modulo 11.
const CHECK: &[u8; 11] = b"10X98765432";
/// Provinces, autonomous regions, municipalities (GB/T 2260), with 71, 81, 82 and 83 for Taiwan, Hong Kong and
/// Macao (83: residence permits of Taiwan residents, since 2018).
const PROVINCES: [u8; 35] = [
    11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46, 50, 51, 52, 53, 54, 61, 62, 63, 64, 65, 71, 81, 82,
    83,
];
const YEARS: std::ops::RangeInclusive<i32> = 1800..=2199;

/// The last character that fits the first 17, which must be digits.
pub(crate) fn check_character(first: &[u8; 17]) -> u8 {
    let sum: u32 = first.iter().zip(WEIGHTS).map(|(&digit, weight)| u32::from(digit - b'0') * weight).sum();
    CHECK[(sum % 11) as usize]
}

/// Whether the first two digits are those of a province.
pub(super) fn in_a_province(digits: &[u8]) -> bool {
    digits.get(..2).is_some_and(|two| PROVINCES.iter().any(|&province| u32::from(province) == number(two)))
}

/// The number that digits write.
fn number(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'))
}

/// The date of birth in the first 14 digits.
fn birth_date(digits: &[u8]) -> Option<NaiveDate> {
    let year = i32::try_from(number(&digits[6..10])).ok().filter(|year| YEARS.contains(year))?;
    NaiveDate::from_ymd_opt(year, number(&digits[10..12]), number(&digits[12..14]))
}

impl ResidentId {
    fn check(text: &str) -> Result<[u8; 18], IdentifierProblem> {
        let id: [u8; 18] = ascii(text, |at, c| match c {
            b'0'..=b'9' => Some(c),
            b'x' | b'X' if at == 18 => Some(b'X'),
            _ => None,
        })?;
        if !in_a_province(&id) {
            return Err(IdentifierProblem::Region { at: 1 });
        }
        if birth_date(&id).is_none() {
            return Err(IdentifierProblem::Date { at: 7 });
        }
        let mut first = [0; 17];
        first.copy_from_slice(&id[..17]);
        if id[17] != check_character(&first) && !planted(Bug::CheckDigitUnread) {
            return Err(IdentifierProblem::CheckDigit { at: 18 });
        }
        Ok(id)
    }

    /// Date of birth.
    #[must_use]
    pub fn birth_date(&self) -> NaiveDate {
        birth_date(&self.0).unwrap_or_default() // always a date: `check` asked
    }

    /// The six digits of the region that issued the number (GB/T 2260 as of then).
    #[must_use]
    pub fn region(&self) -> &str {
        &self.as_str()[..6]
    }
}

impl std::fmt::Debug for ResidentId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ResidentId({})", mask_resident_id(self.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn problem(text: &str) -> IdentifierProblem {
        ResidentId::parse(text).unwrap_err().problem
    }

    #[test]
    fn samples() {
        // Examples of GB 11643-1999.
        let id = ResidentId::parse("11010519491231002x").unwrap();
        assert_eq!(id.as_str(), "11010519491231002X");
        assert_eq!(id.birth_date(), NaiveDate::from_ymd_opt(1949, 12, 31).unwrap());
        assert_eq!(id.region(), "110105");
        assert_eq!(format!("{id:?}"), "ResidentId(110***********002X)");
        assert!(ResidentId::parse("440524188001010014").is_ok());
    }

    #[test]
    fn says_what_and_where() {
        use IdentifierProblem::*;
        assert_eq!(problem("110105491231002"), Length { least: 18, most: 18, found: 15 });
        assert_eq!(problem("1101051949123100２X"), Character { at: 17 });
        assert_eq!(problem("X1010519491231002X"), Character { at: 1 });
        assert_eq!(problem("11010519491231002Y"), Character { at: 18 });
        assert_eq!(problem("99010519491231002X"), Region { at: 1 });
        assert_eq!(problem("11010519490229002X"), Date { at: 7 });
        assert_eq!(problem("11010519491331002X"), Date { at: 7 });
        assert_eq!(problem("11010517991231002X"), Date { at: 7 });
        assert_eq!(problem("110105194912310021"), CheckDigit { at: 18 });
    }

    proptest! {
        #[test]
        fn every_single_substitution_is_caught(
            province in prop::sample::select(&PROVINCES[..]), rest in 0..10_000u32, days in 0..80_000u64,
            sequence in 0..1000u32,
        ) {
            let date = NaiveDate::from_ymd_opt(1900, 1, 1).unwrap() + chrono::Days::new(days);
            let text = format!("{province}{rest:04}{}{sequence:03}", date.format("%Y%m%d"));
            let mut id = [0; 18];
            id[..17].copy_from_slice(text.as_bytes());
            let mut first = [0; 17];
            first.copy_from_slice(&id[..17]);
            id[17] = check_character(&first);
            let read = ResidentId::parse(std::str::from_utf8(&id).unwrap()).unwrap();
            prop_assert_eq!(read.birth_date(), date);
            for at in 0..18 {
                for &other in b"0123456789X".iter().filter(|&&c| c != id[at] && (c != b'X' || at == 17)) {
                    let mut changed = id;
                    changed[at] = other;
                    // The check digit alone catches it (modulo 11), whatever else would.
                    first.copy_from_slice(&changed[..17]);
                    prop_assert_ne!(changed[17], check_character(&first));
                    prop_assert!(ResidentId::parse(std::str::from_utf8(&changed).unwrap()).is_err());
                }
            }
        }
    }
}
