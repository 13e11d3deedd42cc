//! Mobile phone numbers of mainland China.

use super::{IdentifierProblem, ascii, ascii_identifier, mask_phone};

/// Mobile phone number: 11 digits, the first 1, the second 3 to 9; personal, `Debug` shows the mask.
///
/// No country code, no spaces: the host strips what people type around it. Source: 电信网编号计划 (2017 edition).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MobilePhone([u8; 11]);

ascii_identifier!(MobilePhone, 11);

impl MobilePhone {
    fn check(text: &str) -> Result<[u8; 11], IdentifierProblem> {
        ascii(text, |at, c| {
            let allowed = match at {
                1 => c == b'1',
                2 => (b'3'..=b'9').contains(&c),
                _ => c.is_ascii_digit(),
            };
            allowed.then_some(c)
        })
    }
}

impl std::fmt::Debug for MobilePhone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MobilePhone({})", mask_phone(self.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::tests::with_a_stranger;
    use proptest::prelude::*;

    #[test]
    fn parse() {
        use IdentifierProblem::*;
        let phone = MobilePhone::parse("13800001234").unwrap();
        assert_eq!(phone.as_str(), "13800001234");
        assert_eq!(format!("{phone:?}"), "MobilePhone(138****1234)");
        let problem = |text| MobilePhone::parse(text).unwrap_err().problem;
        assert_eq!(problem("1380000123"), Length { least: 11, most: 11, found: 10 });
        assert_eq!(problem("+8613800001234"), Length { least: 11, most: 11, found: 14 });
        assert_eq!(problem("23800001234"), Character { at: 1 });
        assert_eq!(problem("12800001234"), Character { at: 2 });
        assert_eq!(problem("138 0001234"), Character { at: 4 });
    }

    proptest! {
        #[test]
        fn a_character_of_a_wrong_class_is_refused_at_every_place(second in 3..=9, rest in "[0-9]{9}") {
            let phone = format!("1{second}{rest}");
            prop_assert!(MobilePhone::parse(&phone).is_ok());
            for wrong in with_a_stranger(&phone, "1dddddddddd") {
                prop_assert!(MobilePhone::parse(&wrong).is_err(), "{:?}", wrong);
            }
            let none = (0..=2).map(|second| format!("1{second}{rest}")).find(|phone| MobilePhone::parse(phone).is_ok());
            prop_assert_eq!(none, None);
        }
    }
}
