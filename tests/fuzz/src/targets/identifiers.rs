//! Identifiers of people and authorities, and masks. Check digits are worked out again, in another way than the parser
//! does it.

use std::fmt::Debug;
use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;
use zhengna_core::identity::{
    AuthorityCode, IdentifierError, IdentifierKind, IdentifierProblem, Mask as _, MobilePhone, Number, NumberKind, PersonName, ResidentId,
    Uscc, mask_name, mask_personal_data, mask_phone, mask_resident_id, personal_data,
};

use super::lossy;
use crate::secrecy::{repeats_nothing, turns_text};

/// What every identifier promises. `Some` is the one spelling of a well formed one.
fn identifier<T>(given: &str, kind: IdentifierKind, parse: fn(&str) -> Result<T, IdentifierError>, spelling: fn(&T) -> &str) -> Option<T>
where
    T: Debug + PartialEq + Serialize + DeserializeOwned,
{
    let json = serde_json::to_string(given).expect("a string");
    match parse(given) {
        Ok(value) => {
            assert_eq!(parse(spelling(&value)).as_ref(), Ok(&value), "the spelling reads as the same");
            assert_eq!(serde_json::to_string(&value).expect("a string"), serde_json::to_string(spelling(&value)).expect("a string"));
            assert_eq!(serde_json::from_str::<T>(&json).expect("well formed"), value, "deserialising parses");
            Some(value)
        }
        Err(e) => {
            assert_eq!(e.kind, kind);
            let length = given.chars().count();
            match e.problem {
                IdentifierProblem::Length { least, most, found } => {
                    assert!(found == length && !(least..=most).contains(&found), "{e}");
                }
                IdentifierProblem::Character { at }
                | IdentifierProblem::CheckDigit { at }
                | IdentifierProblem::Region { at }
                | IdentifierProblem::Date { at } => assert!((1..=length).contains(&at), "{e}"),
                _ => {}
            }
            let deserialised = serde_json::from_str::<T>(&json).expect_err("deserialising parses").to_string();
            for said in [e.to_string(), deserialised] {
                assert!(said.is_ascii() && said.len() < 200, "{said}");
                repeats_nothing(&said, given, "");
            }
            None
        }
    }
}

fn same_from_str<T: FromStr<Err = IdentifierError> + PartialEq + Debug>(given: &str, parsed: Option<&T>) {
    assert_eq!(given.parse::<T>().ok().as_ref(), parsed);
}

/// A number of any register: one spelling, a problem at its place, and a mask that shows at most seven characters of a person's.
pub(super) fn number(data: &[u8]) {
    let given = lossy(data);
    for &kind in NumberKind::ALL {
        match Number::parse(kind, &given) {
            Ok(number) => {
                assert_eq!(Number::parse(number.kind(), number.as_str()).as_ref(), Ok(&number), "the spelling reads as the same");
                // Of a permit the count of renewals is read and left out.
                let for_life = match kind {
                    NumberKind::HongKongMacaoPermit => 9,
                    NumberKind::TaiwanPermit => 8,
                    _ => given.len(),
                };
                assert!(number.as_str().eq_ignore_ascii_case(&given[..for_life]));
                let (shown, length) = (number.masked(), number.as_str().len());
                let public = matches!(number.kind(), NumberKind::Uscc | NumberKind::TaxpayerNo) && shown == number.as_str();
                assert!(public || shown == "****" || shown.len() == length && shown.matches('*').count() + 7 >= length, "{shown}");
                assert!(public || shown.contains("**"), "{shown}");
            }
            Err(e) => {
                let length = given.chars().count();
                match e.problem {
                    IdentifierProblem::Length { found, .. } => assert_eq!(found, length),
                    IdentifierProblem::Character { at }
                    | IdentifierProblem::CheckDigit { at }
                    | IdentifierProblem::Region { at }
                    | IdentifierProblem::Date { at } => assert!((1..=length).contains(&at), "{e}"),
                    _ => {}
                }
                repeats_nothing(&e.to_string(), &given, "");
            }
        }
    }
}

pub(super) fn resident_id(data: &[u8]) {
    let given = lossy(data);
    let parsed = identifier(&given, IdentifierKind::ResidentId, ResidentId::parse, ResidentId::as_str);
    same_from_str(&given, parsed.as_ref());
    let Some(id) = parsed else { return };
    let text = id.as_str();
    assert_eq!(text, given.replace('x', "X"), "only a final x is raised");
    // ISO 7064 MOD 11-2 as its recursion, not as a table of weights.
    let product = text.bytes().take(17).fold(0, |product, digit| (product + u32::from(digit - b'0')) * 2 % 11);
    let check = if text.ends_with('X') { 10 } else { u32::from(text.as_bytes()[17] - b'0') };
    assert_eq!((product + check) % 11, 1, "the check digit fits");
    assert_eq!(id.birth_date().format("%Y%m%d").to_string(), text[6..14]);
    assert_eq!(id.region(), &text[..6]);
    assert_eq!(format!("{id:?}"), format!("ResidentId({}***********{})", &text[..3], &text[14..]));
}

pub(super) fn uscc(data: &[u8]) {
    let given = lossy(data);
    let parsed = identifier(&given, IdentifierKind::Uscc, Uscc::parse, Uscc::as_str);
    same_from_str(&given, parsed.as_ref());
    let Some(code) = parsed else { return };
    let text = code.as_str();
    assert_eq!(text, given.to_ascii_uppercase());
    let value = |c: char| "0123456789ABCDEFGHJKLMNPQRTUWXY".find(c).expect("of the alphabet") as u32;
    let (sum, _) = text.chars().take(17).fold((0, 1), |(sum, power), c| (sum + value(c) * power, power * 3 % 31));
    let check = text.chars().last().map_or(0, value);
    assert_eq!((sum + check) % 31, 0, "the check character fits");
    let organisation = |c: char| c.to_digit(36).expect("a digit or a letter");
    let weights = [3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = text[8..16].chars().zip(weights).map(|(c, weight)| organisation(c) * weight).sum();
    let check = if &text[16..17] == "X" { 10 } else { organisation(text.as_bytes()[16] as char) };
    assert_eq!((sum + check) % 11, 0, "the organisation's check character fits");
    assert!(code.division().bytes().all(|b| b.is_ascii_digit()));
}

pub(super) fn mobile_phone(data: &[u8]) {
    let given = lossy(data);
    let parsed = identifier(&given, IdentifierKind::MobilePhone, MobilePhone::parse, MobilePhone::as_str);
    same_from_str(&given, parsed.as_ref());
    let Some(phone) = parsed else { return };
    let text = phone.as_str();
    assert_eq!(text, given);
    assert!(text.len() == 11 && text.bytes().all(|b| b.is_ascii_digit()) && text.starts_with('1') && text.as_bytes()[1] >= b'3');
    assert_eq!(format!("{phone:?}"), format!("MobilePhone({}****{})", &text[..3], &text[7..]));
}

pub(super) fn authority_code(data: &[u8]) {
    let given = lossy(data);
    let parsed = identifier(&given, IdentifierKind::AuthorityCode, AuthorityCode::parse, AuthorityCode::as_str);
    same_from_str(&given, parsed.as_ref());
    let Some(code) = parsed else { return };
    assert_eq!(code.as_str(), given);
    assert!(given.len() == 11 && given.bytes().all(|b| b.is_ascii_digit()) && given.starts_with(['1', '2']));
    assert_eq!(code.to_string(), given);
}

pub(super) fn person_name(data: &[u8]) {
    let given = lossy(data);
    let Some(name) = identifier(&given, IdentifierKind::PersonName, PersonName::parse, PersonName::as_str) else { return };
    assert_eq!(name.as_str(), given);
    assert!((1..=50).contains(&given.chars().count()) && given.trim() == given);
    assert!(!given.chars().any(|c| c.is_control() || turns_text(c)), "a name that reads as it is not written: {given:?}");
    assert_eq!(format!("{name:?}"), format!("PersonName({})", mask_name(&given)));
}

pub(super) fn mask(data: &[u8]) {
    let given = lossy(data);
    let characters: Vec<char> = given.chars().collect();
    let name: Vec<char> = mask_name(&given).chars().collect();
    match characters.len() {
        0 => assert!(name.is_empty()),
        1 => assert_eq!(name, ['*']),
        _ => assert_eq!(name, [characters[0], '*'], "the first character and nothing more"),
    }
    for (masked, least) in [(mask_phone(&given), 11), (mask_resident_id(&given), 15)] {
        let masked: Vec<char> = masked.chars().collect();
        if characters.len() < least {
            assert_eq!(masked, ['*'; 4], "what is too short shows nothing");
            continue;
        }
        assert_eq!(masked.len(), characters.len());
        for (at, (shown, was)) in masked.iter().zip(&characters).enumerate() {
            let open = at < 3 || at >= characters.len() - 4;
            assert_eq!(*shown, if open { *was } else { '*' }, "the middle is hidden");
        }
    }
}

/// What is found lies within the text, in order and apart; its mask hides the middle; what is masked is found no more.
pub(super) fn personal_data_in(data: &[u8]) {
    let given = lossy(data);
    let characters: Vec<char> = given.chars().collect();
    let mut behind = 0;
    for datum in personal_data(&given) {
        assert!(datum.start >= behind && datum.length >= 11, "{datum:?}");
        behind = datum.start + datum.length;
        assert!(behind <= characters.len(), "{datum:?}");
        let typed: String = characters[datum.start..behind].iter().collect();
        if datum.kind.is_secret() {
            assert!(datum.mask.contains("****") && !typed.contains(&datum.mask), "{datum:?}");
        }
        let alone = personal_data(&typed);
        assert!(alone.iter().any(|d| d.kind == datum.kind && d.length == datum.length), "{datum:?} is found by itself, too");
    }
    let masked = mask_personal_data(&given);
    assert!(personal_data(&masked).iter().all(|d| !d.kind.is_secret()), "masked, and found again");
    if personal_data(&given).is_empty() {
        assert_eq!(masked, given, "what holds nothing stays");
    }
}
