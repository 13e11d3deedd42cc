//! 统一社会信用代码, GB 32100-2015.

use super::{IdentifierProblem, ascii, ascii_identifier};

/// Unified social credit code of an enterprise or organisation, 18 characters; public, shown in full.
///
/// `[1 registering department][1 category][6 division][9 organisation code][1 check]` over digits and upper-case
/// letters without I, O, S, V, Z; lower case is accepted and raised. Both check digits are checked: the last one
/// (GB 32100-2015, modulo 31) and the one of the organisation code at 17 (GB 11714-1997, modulo 11). The
/// division must be digits; whether it exists is not asked, because codes outlive divisions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uscc([u8; 18]);

ascii_identifier!(Uscc, 18);

/// The characters in the order of their values. GB 32100-2015 table 1.
const ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
/// Weights of the characters 1 to 17: 3^(i-1) mod 31. GB 32100-2015, 5.
const WEIGHTS: [u32; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
/// Weights of the characters 1 to 8 of an organisation code. GB 11714-1997.
const ORGANISATION_WEIGHTS: [u32; 8] = [3, 7, 9, 10, 5, 8, 4, 2];

/// The last character that fits the first 17, which must be of the alphabet.
pub(crate) fn check_character(first: &[u8; 17]) -> u8 {
    let sum: u32 = first.iter().zip(WEIGHTS).map(|(&c, weight)| value(c) * weight).sum();
    ALPHABET[((31 - sum % 31) % 31) as usize]
}

/// The ninth character of an organisation code that fits the first 8 (digits and upper-case letters).
pub(crate) fn organisation_check_character(first: &[u8; 8]) -> u8 {
    let organisation_value = |c: u8| u32::from(if c.is_ascii_digit() { c - b'0' } else { c - b'A' + 10 });
    let sum: u32 = first.iter().zip(ORGANISATION_WEIGHTS).map(|(&c, weight)| organisation_value(c) * weight).sum();
    b"0123456789X0"[(11 - sum % 11) as usize]
}

/// A character's value; 0 for a character outside the alphabet, which no caller gives.
fn value(c: u8) -> u32 {
    ALPHABET.iter().position(|&a| a == c).map_or(0, |at| at as u32)
}

impl Uscc {
    fn check(text: &str) -> Result<[u8; 18], IdentifierProblem> {
        let code: [u8; 18] = ascii(text, |at, c| {
            let c = c.to_ascii_uppercase();
            let allowed = if (3..=8).contains(&at) { c.is_ascii_digit() } else { ALPHABET.contains(&c) };
            allowed.then_some(c)
        })?;
        let mut first = [0; 17];
        first.copy_from_slice(&code[..17]);
        let mut organisation = [0; 8];
        organisation.copy_from_slice(&code[8..16]);
        if code[16] != organisation_check_character(&organisation) {
            return Err(IdentifierProblem::CheckDigit { at: 17 });
        }
        if code[17] != check_character(&first) {
            return Err(IdentifierProblem::CheckDigit { at: 18 });
        }
        Ok(code)
    }

    /// The six digits of the division where it was registered (GB/T 2260).
    #[must_use]
    pub fn division(&self) -> &str {
        &self.as_str()[2..8]
    }
}

impl std::fmt::Debug for Uscc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Uscc({})", self.as_str())
    }
}

impl std::fmt::Display for Uscc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn problem(text: &str) -> IdentifierProblem {
        Uscc::parse(text).unwrap_err().problem
    }

    #[test]
    fn sample() {
        // Sample of GB 32100-2015.
        let code = Uscc::parse("91350100M000100Y43").unwrap();
        assert_eq!(code.as_str(), "91350100M000100Y43");
        assert_eq!(code.division(), "350100");
        assert_eq!(Uscc::parse("91350100m000100y43").unwrap(), code);
        assert_eq!(organisation_check_character(b"M000100Y"), b'4');
        assert_eq!(format!("{code} {code:?}"), "91350100M000100Y43 Uscc(91350100M000100Y43)");
    }

    #[test]
    fn weights_are_powers_of_three() {
        let mut power = 1;
        for weight in WEIGHTS {
            assert_eq!(weight, power);
            power = power * 3 % 31;
        }
    }

    #[test]
    fn says_what_and_where() {
        use IdentifierProblem::*;
        assert_eq!(problem(""), Length { least: 18, most: 18, found: 0 });
        assert_eq!(problem("91350100M000100Y4"), Length { least: 18, most: 18, found: 17 });
        assert_eq!(problem("91350100M000100Y433"), Length { least: 18, most: 18, found: 19 });
        assert_eq!(problem("I1350100M000100Y43"), Character { at: 1 });
        assert_eq!(problem("9135A100M000100Y43"), Character { at: 5 });
        assert_eq!(problem("91350100M000100Y4３"), Character { at: 18 });
        assert_eq!(problem("91350100M000100Y44"), CheckDigit { at: 18 });
        assert_eq!(problem("91350100M000100Y53"), CheckDigit { at: 17 });
        assert_eq!(
            Uscc::parse("91350100M000100Y44").unwrap_err().to_string(),
            "unified social credit code: check digit at 18 does not fit"
        );
    }

    /// A well formed code from random characters.
    fn codes() -> impl Strategy<Value = [u8; 18]> {
        (prop::array::uniform16(0..31usize), prop::array::uniform6(0..10u8)).prop_map(|(values, division)| {
            let mut code = [0; 18];
            for (to, from) in code.iter_mut().zip(values) {
                *to = ALPHABET[from];
            }
            for (to, from) in code[2..8].iter_mut().zip(division) {
                *to = b'0' + from;
            }
            let mut organisation = [0; 8];
            organisation.copy_from_slice(&code[8..16]);
            code[16] = organisation_check_character(&organisation);
            let mut first = [0; 17];
            first.copy_from_slice(&code[..17]);
            code[17] = check_character(&first);
            code
        })
    }

    proptest! {
        #[test]
        fn every_single_substitution_is_caught(code in codes()) {
            let text = std::str::from_utf8(&code).unwrap();
            let read = Uscc::parse(text).unwrap();
            prop_assert_eq!(read.as_str(), text);
            for at in 0..18 {
                for &other in ALPHABET.iter().filter(|&&c| c != code[at]) {
                    let mut changed = code;
                    changed[at] = other;
                    // The check digit alone catches it (modulo 31), whatever else would.
                    let mut first = [0; 17];
                    first.copy_from_slice(&changed[..17]);
                    prop_assert_ne!(changed[17], check_character(&first));
                    prop_assert!(Uscc::parse(std::str::from_utf8(&changed).unwrap()).is_err());
                }
            }
        }
    }
}
