//! People and enterprises: their identifiers and how they are masked, real names, relations, rosters, the officer's card.
//!
//! An identifier is made by `parse` and by nothing else (deserialising parses too), so a value of one of these
//! types is always well formed: right length, characters, check digits, date. Whether it was ever issued only its
//! register knows. Those of people ([`ResidentId`], [`MobilePhone`], [`PersonName`]) show themselves masked in
//! `Debug` and have no `Display`; they are serialised in full, because that is how they are stored and sent: answer with
//! [`Masked`] where a reader may see only the mask.

mod authority_code;
mod card;
mod compare;
mod disclose;
mod entry;
mod erase;
mod export;
mod former_number;
mod heard;
mod import;
mod import_list;
mod listed;
mod mask;
mod number;
mod personal_data;
mod phone;
mod real_name;
mod recognise;
mod relation;
pub(crate) mod resident_id;
mod rewrap;
mod roster;
pub(crate) mod subject;
mod take_back;
mod taxpayer;
pub(crate) mod uscc;
mod verify_sealed;

pub use authority_code::AuthorityCode;
pub use card::{
    CardHolder, CardOfficer, CardRealName, CardRoster, CardSource, Fact, OfficerCard, RevealOnCard, Unknown, card_of, reveal_on_card,
};
pub use compare::Comparison;
pub(crate) use compare::compare_import;
pub use disclose::{Disclose, Disclosed, RequestDisclosure, disclose, request_disclosure};
pub use erase::{ErasePerson, PersonErased, erase_person};
pub use export::{ExportPerson, ExportedConversation, ExportedNumber, ExportedPerson, PersonExport};
pub(crate) use export::{export_conversation, export_person};
pub use former_number::{FormerNumber, NewFormerNumber, record_former_numbers};
pub(crate) use heard::Heard;
pub use import::{
    BeginImport, ImportBatch, ImportBegun, ImportRow, ImportedRow, ListVerdict, RowVerdict, begin_import, examine_import, import_rows,
    in_order,
};
pub(crate) use import::{attempt_of, fault, imported_rows};
pub use import_list::{ImportList, ListImported, ListStanding, ListTold, ProposeImport, Verdicts, propose_import};
pub(crate) use import_list::{attempt_to_import, carry_out, examine_list, import_approved, may_import_lists, standing_of};
pub use listed::{Listed, ListedFormerNumber, ListedRealName, ListedRelation, ListedRosterEntry, ListedTaxpayer, term_begin, term_end};
use mask::ends;
pub use mask::{Mask, Masked, PersonName, mask_name, mask_phone, mask_resident_id};
pub(crate) use number::mask_number;
pub use number::{Number, NumberKind};
pub use personal_data::{PersonalDataKind, PersonalDatum, mask_personal_data, personal_data};
pub(crate) use personal_data::{reason, text_without_numbers};
pub use phone::MobilePhone;
pub use real_name::{CaptureChannel, NewRealName, RealName, RealNameFound, RealNameLevel, RealNameState, record_real_names};
pub(crate) use recognise::{is_verified, known_by, recognise};
pub use relation::{
    NewRelation, Relation, RelationReleased, RelationView, ReleaseRelation, Role, record_relations, relations, release_relation,
};
pub(crate) use relation::{either, enterprises_of};
pub use resident_id::ResidentId;
pub use rewrap::{KeyEpoch, KeyEpochs, RewrapKey};
pub(crate) use rewrap::{key_epochs, keys_to_rewrap, may_retire, rewrap_keys};
pub(crate) use roster::is_on;
pub use roster::{NewRosterEntry, Roster, RosterEntry, record_roster};
pub use subject::SubjectKeyRow;
pub(crate) use take_back::{PageOfLines, line_to_end_with, lines_kept, lines_to_take_back};
pub use take_back::{TakeBack, take_back};
pub use taxpayer::{
    NewTaxpayer, Personal, PersonalField, PhoneTaken, RevealTaxpayer, Revealed, TakePhone, Taxpayer, TaxpayerCard, TaxpayerKind, enrol,
    reveal, take_phone, view,
};
pub(crate) use taxpayer::{find_by_number, indexes_of, masked_name};
pub use uscc::Uscc;
pub(crate) use verify_sealed::verify_sealed;
pub use verify_sealed::{SealedFinding, SealedVerdict};

/// An identifier that is not well formed: which kind, what is wrong and where. Repeats nothing of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {problem}")]
pub struct IdentifierError {
    /// What it should have been.
    pub kind: IdentifierKind,
    /// What is wrong with it.
    pub problem: IdentifierProblem,
}

/// The kinds of identifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentifierKind {
    /// 统一社会信用代码, see [`Uscc`].
    #[error("unified social credit code")]
    Uscc,
    /// 公民身份号码, see [`ResidentId`].
    #[error("resident identity number")]
    ResidentId,
    /// 手机号, see [`MobilePhone`].
    #[error("mobile phone number")]
    MobilePhone,
    /// 税务机关代码, see [`AuthorityCode`].
    #[error("tax authority code")]
    AuthorityCode,
    /// 纳税人识别号 of 15, 17 or 20 characters, see [`NumberKind::TaxpayerNo`].
    #[error("taxpayer number")]
    TaxpayerNo,
    /// 护照, see [`NumberKind::Passport`].
    #[error("passport number")]
    Passport,
    /// 港澳居民来往内地通行证, see [`NumberKind::HongKongMacaoPermit`].
    #[error("travel permit of a Hong Kong or Macao resident")]
    HongKongMacaoPermit,
    /// 台湾居民来往大陆通行证, see [`NumberKind::TaiwanPermit`].
    #[error("travel permit of a Taiwan resident")]
    TaiwanPermit,
    /// 外国人永久居留身份证, see [`NumberKind::ForeignResidence`].
    #[error("permanent residence card of a foreigner")]
    ForeignResidence,
    /// 姓名, see [`PersonName`].
    #[error("name of a person")]
    PersonName,
}

/// What is wrong with an identifier. Positions count characters from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentifierProblem {
    /// Too short or too long.
    #[error("has {found} characters, {least} to {most} expected")]
    Length {
        /// Fewest characters.
        least: usize,
        /// Most characters.
        most: usize,
        /// Characters of the input.
        found: usize,
    },
    /// A character that may not be at its place.
    #[error("character {at} is not allowed there")]
    Character {
        /// Its position.
        at: usize,
    },
    /// A check digit does not fit the characters it protects: one of them, or itself, is mistyped.
    #[error("check digit at {at} does not fit")]
    CheckDigit {
        /// Position of the check digit.
        at: usize,
    },
    /// The region is none of the provinces.
    #[error("no region has the digits at {at}")]
    Region {
        /// Position of the first digit of the region.
        at: usize,
    },
    /// The date is not in the calendar.
    #[error("no such date at {at}")]
    Date {
        /// Position of the first digit of the year.
        at: usize,
    },
}

/// Takes exactly `N` characters and checks and converts each by its position (from 1).
fn ascii<const N: usize>(text: &str, allowed: impl Fn(usize, u8) -> Option<u8>) -> Result<[u8; N], IdentifierProblem> {
    let found = text.chars().count();
    if found != N {
        return Err(IdentifierProblem::Length { least: N, most: N, found });
    }
    let mut bytes = [0; N];
    for (index, (byte, character)) in bytes.iter_mut().zip(text.chars()).enumerate() {
        let at = index + 1;
        let converted = u8::try_from(character).ok().filter(u8::is_ascii).and_then(|c| allowed(at, c));
        *byte = converted.ok_or(IdentifierProblem::Character { at })?;
    }
    Ok(bytes)
}

/// What every fixed-length ASCII identifier has: `parse` over the type's own `check`, `as_str`, serde as a string.
macro_rules! ascii_identifier {
    ($name:ident, $len:literal) => {
        impl $name {
            /// Makes one from its text.
            ///
            /// # Errors
            /// [`IdentifierError`](crate::identity::IdentifierError): what is wrong and at which character.
            pub fn parse(text: &str) -> Result<Self, $crate::identity::IdentifierError> {
                Self::check(text)
                    .map(Self)
                    .map_err(|problem| $crate::identity::IdentifierError { kind: $crate::identity::IdentifierKind::$name, problem })
            }

            /// The text, in its one spelling (letters in upper case).
            #[must_use]
            pub fn as_str(&self) -> &str {
                std::str::from_utf8(&self.0).unwrap_or_default() // always ASCII: only `check` makes the bytes
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::identity::IdentifierError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}
use ascii_identifier;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A text of `classes`, a class to a place: `d` a digit, `l` a letter, `a` either; anything else stands for itself.
    pub(super) fn of_classes(classes: &str) -> proptest::string::RegexGeneratorStrategy<String> {
        let class = |c| match c {
            'd' => "[0-9]".to_owned(),
            'o' => "[0-9Aa]".to_owned(),
            'l' => "[A-Za-z]".to_owned(),
            'a' => "[0-9A-Za-z]".to_owned(),
            c => c.to_string(),
        };
        proptest::string::string_regex(&classes.chars().map(class).collect::<String>()).expect("an expression")
    }

    /// The text with the character at one place replaced by one that its class does not have, in every way of this list.
    pub(super) fn with_a_stranger(text: &str, classes: &str) -> Vec<String> {
        // Of the last ones some look like a digit or a letter, and some like nothing.
        const STRANGERS: [char; 14] = ['0', '9', 'A', 'z', ' ', '-', '/', '.', '０', 'Ａ', '一', '٣', '\u{200b}', '\0'];
        let fits = |class: char, c: char| match class {
            'd' => c.is_ascii_digit(),
            'o' => c.is_ascii_digit() || c.eq_ignore_ascii_case(&'a'),
            'l' => c.is_ascii_alphabetic(),
            'a' => c.is_ascii_alphanumeric(),
            class => c.eq_ignore_ascii_case(&class),
        };
        let places = classes.chars().enumerate();
        let replaced = |at: usize, by: char| text.chars().enumerate().map(|(n, c)| if n == at { by } else { c }).collect();
        places.flat_map(|(at, class)| STRANGERS.into_iter().filter(move |c| !fits(class, *c)).map(move |by| replaced(at, by))).collect()
    }

    #[test]
    fn deserialising_parses() {
        let code: Uscc = serde_json::from_str("\"91350100M000100Y43\"").unwrap();
        assert_eq!(serde_json::to_string(&code).unwrap(), "\"91350100M000100Y43\"");
        let error = serde_json::from_str::<ResidentId>("\"110105194912310021\"").unwrap_err().to_string();
        assert!(error.starts_with("resident identity number: check digit at 18 does not fit"), "{error}");
        assert!(!error.contains("1101"), "errors repeat nothing personal");
        assert!(serde_json::from_str::<AuthorityCode>("12200000000").is_err(), "a number is no code");
        // An escape in the JSON text, so that the string cannot be borrowed.
        assert!(serde_json::from_str::<AuthorityCode>("\"1\\u003200000000\"").is_err());
        assert!(serde_json::from_str::<AuthorityCode>("\"1\\u0032200000000\"").is_ok());
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "(\\PC{0,20}|[0-9X]{10,19}|1[0-9]{10})") {
            let _ = Uscc::parse(&text);
            let _ = ResidentId::parse(&text);
            let _ = MobilePhone::parse(&text);
            let _ = AuthorityCode::parse(&text);
            let _ = PersonName::parse(&text);
            let _ = (mask_name(&text), mask_phone(&text), mask_resident_id(&text));
        }
    }
}
