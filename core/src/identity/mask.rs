//! Masks: what of a personal value may be shown to a reader who is not entitled to all of it.
//!
//! Masking never fails: a value that is not well formed shows less, never more.

use std::fmt;
use std::marker::PhantomData;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{IdentifierError, IdentifierKind, IdentifierProblem, MobilePhone, ResidentId};
use crate::error::{is_invisible, turns_text};
use crate::planted::{Bug, planted};

/// The first character and one star, however long the name is: 张三 and 张三丰 are both 张*. A name of one character is only
/// the star; an empty one stays empty.
///
/// Source: the design page ("masking 张*"), which settles it over 张** of other papers: the length tells too much.
#[must_use]
pub fn mask_name(name: &str) -> String {
    let mut characters = name.chars();
    match (characters.next(), characters.next()) {
        (None, _) => String::new(),
        (Some(_), None) => "*".to_owned(),
        (Some(first), Some(_)) => format!("{first}*"),
    }
}

/// The first 3 and last 4 characters: 220***********1234. Fewer than 15 characters (the old length) show nothing.
#[must_use]
pub fn mask_resident_id(id: &str) -> String {
    ends(id, 15, 3, 4)
}

/// The first 3 and last 4 digits: 138****1234. Fewer than 11 characters show nothing.
#[must_use]
pub fn mask_phone(phone: &str) -> String {
    ends(phone, 11, 3, 4)
}

/// Shows `front` characters in front and `back` at the end, one star for each between; `****` below `least` characters.
pub(super) fn ends(text: &str, least: usize, front: usize, back: usize) -> String {
    let length = text.chars().count();
    if length < least {
        return "****".to_owned();
    }
    let hidden = front..length - if planted(Bug::MaskShort) { 2 * back } else { back };
    text.chars().enumerate().map(|(at, c)| if hidden.contains(&at) { '*' } else { c }).collect()
}

/// A value that has a masked form. The form holds too little to find the person again.
pub trait Mask {
    /// The masked text.
    fn masked(&self) -> String;
}

impl Mask for ResidentId {
    fn masked(&self) -> String {
        mask_resident_id(self.as_str())
    }
}

impl Mask for MobilePhone {
    fn masked(&self) -> String {
        mask_phone(self.as_str())
    }
}

impl Mask for PersonName {
    fn masked(&self) -> String {
        mask_name(self.as_str())
    }
}

/// Name of a person, 1 to 50 characters without control characters and marks of direction, and without space or anything
/// that nobody can see at either end; personal, `Debug` shows the mask. Source of the limit: none; the longest names in minority and foreign papers fit.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PersonName(String);

const NAME_MAX_CHARS: usize = 50;

impl PersonName {
    /// Makes one from its text, which is taken as it is.
    ///
    /// # Errors
    /// [`IdentifierError`]: its length, or the first character that may not be there.
    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        let fail = |problem| Err(IdentifierError { kind: IdentifierKind::PersonName, problem });
        let found = text.chars().count();
        if !(1..=NAME_MAX_CHARS).contains(&found) {
            return fail(IdentifierProblem::Length { least: 1, most: NAME_MAX_CHARS, found });
        }
        for (at, c) in (1..).zip(text.chars()) {
            let at_end = at == 1 || at == found;
            if c.is_control() || turns_text(c) || at_end && (c.is_whitespace() || is_invisible(c)) {
                return fail(IdentifierProblem::Character { at });
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PersonName({})", self.masked())
    }
}

impl Serialize for PersonName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for PersonName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// The mask of a value, and nothing else of it. Masking alone makes one, so whatever carries it, an answer, a log, an error, `Debug`, has no
/// more to show, and whoever holds it cannot get the value back: revealing asks for a permission and a reason, and is audited. Cannot
/// be deserialised: a mask is not the value.
pub struct Masked<T> {
    text: String,
    of: PhantomData<fn() -> T>,
}

impl<T: Mask> Masked<T> {
    /// The mask of a value.
    pub fn new(value: &T) -> Self {
        Self { text: value.masked(), of: PhantomData }
    }
}

impl<T> Masked<T> {
    /// The masked text, which whoever sees the value's place may see.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl<T> Clone for Masked<T> {
    fn clone(&self) -> Self {
        Self { text: self.text.clone(), of: PhantomData }
    }
}

impl<T> PartialEq for Masked<T> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl<T> Eq for Masked<T> {}

impl<T> fmt::Debug for Masked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Masked({})", self.text)
    }
}

impl<T> fmt::Display for Masked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl<T> Serialize for Masked<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

#[cfg(feature = "schema")]
impl<T> schemars::JsonSchema for Masked<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Masked".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names() {
        for (name, mask) in [("张三", "张*"), ("张三丰", "张*"), ("欧阳震华", "欧*"), ("李", "*"), ("", ""), ("𠮷田", "𠮷*")]
        {
            assert_eq!(mask_name(name), mask);
        }
    }

    #[test]
    fn numbers() {
        assert_eq!(mask_resident_id("220102199001011234"), "220***********1234");
        assert_eq!(mask_resident_id("220102900101123"), "220********1123");
        assert_eq!(mask_resident_id("22010290010112"), "****");
        assert_eq!(mask_phone("13800001234"), "138****1234");
        assert_eq!(mask_phone("1380000123"), "****");
        assert_eq!(mask_phone(""), "****");
    }

    #[test]
    fn person_name() {
        assert!(PersonName::parse("阿卜杜拉·买买提 Ali").is_ok());
        for (bad, problem) in [
            ("", IdentifierProblem::Length { least: 1, most: 50, found: 0 }),
            (&"长".repeat(51), IdentifierProblem::Length { least: 1, most: 50, found: 51 }),
            (" 张三", IdentifierProblem::Character { at: 1 }),
            ("张三\u{3000}", IdentifierProblem::Character { at: 3 }),
            ("张\n三", IdentifierProblem::Character { at: 2 }),
            ("张\u{202E}三", IdentifierProblem::Character { at: 2 }),
            ("\u{200B}", IdentifierProblem::Character { at: 1 }),
        ] {
            assert_eq!(PersonName::parse(bad).unwrap_err().problem, problem);
        }
        assert!(serde_json::from_str::<PersonName>("\"\"").is_err());
    }

    proptest! {
        #[test]
        fn masked_shows_only_the_mask(digits in "1[3-9][0-9]{9}") {
            let phone = MobilePhone::parse(&digits).unwrap();
            let masked = Masked::new(&phone);
            let shown = format!("{masked} {masked:?} {} {phone:?}", serde_json::to_string(&masked).unwrap());
            prop_assert!(!shown.contains(&digits[3..7]) || digits[7..] == digits[3..7]);
            prop_assert_eq!(masked.to_string(), format!("{}****{}", &digits[..3], &digits[7..]));
        }
    }
}
