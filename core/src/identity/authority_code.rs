//! 税务机关代码.

use super::{IdentifierProblem, ascii, ascii_identifier};

/// Code of a tax authority: 11 digits, the first 1 (or 2: local tax bureaus before 2018); public.
///
/// Then usually 6 digits of division and 4 of the unit below it, but the tree of authorities is data: no rule may derive
/// a parent from a code. Ordered as text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AuthorityCode([u8; 11]);

#[cfg(feature = "schema")]
string_schema!(AuthorityCode, "authority-code", "税务机关代码: 11 digits.");

ascii_identifier!(AuthorityCode, 11);

impl AuthorityCode {
    fn check(text: &str) -> Result<[u8; 11], IdentifierProblem> {
        ascii(text, |at, c| {
            let allowed = if at == 1 { matches!(c, b'1' | b'2') } else { c.is_ascii_digit() };
            allowed.then_some(c)
        })
    }
}

impl std::fmt::Debug for AuthorityCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AuthorityCode({})", self.as_str())
    }
}

impl std::fmt::Display for AuthorityCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
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
        let province = AuthorityCode::parse("12200000000").unwrap();
        assert_eq!(province.to_string(), "12200000000");
        assert_eq!(format!("{province:?}"), "AuthorityCode(12200000000)");
        assert!(province < AuthorityCode::parse("24406060700").unwrap());
        let problem = |text| AuthorityCode::parse(text).unwrap_err().problem;
        assert_eq!(problem("1220000000"), Length { least: 11, most: 11, found: 10 });
        assert_eq!(problem("32200000000"), Character { at: 1 });
        assert_eq!(problem("1220000000a"), Character { at: 11 });
    }

    proptest! {
        #[test]
        fn a_character_of_a_wrong_class_is_refused_at_every_place(first in 1..=2, rest in "[0-9]{10}") {
            let code = format!("{first}{rest}");
            prop_assert!(AuthorityCode::parse(&code).is_ok());
            for wrong in with_a_stranger(&code, &format!("{first}dddddddddd")) {
                prop_assert!(AuthorityCode::parse(&wrong).is_err(), "{:?}", wrong);
            }
        }
    }
}
