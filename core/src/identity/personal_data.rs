//! Personal numbers in a text that somebody is about to send: which, and where. A pure function; nothing is kept of what it finds.
//!
//! Only numbers whose check digits fit are found, where their kind has any. Written with blanks or hyphens between groups, or in full
//! width, they are found all the same. Not found are numbers in words, landlines, and resident ids of the old length, which have no
//! check digit and cannot be told from other numbers.

use serde::Serialize;

use super::{MobilePhone, ResidentId, Uscc, ends, mask_phone, mask_resident_id};
use crate::error::{self, Error, Problem};
use crate::limits;

words! {
    /// What a number in a text is.
    pub enum PersonalDataKind {
        /// A resident id (身份证号), GB 11643.
        ResidentId = "resident_id",
        /// A mobile phone (手机号).
        MobilePhone = "mobile_phone",
        /// A bank card (银行卡号), ISO/IEC 7812: 16 to 19 digits whose last is Luhn's.
        BankCard = "bank_card",
        /// A unified social credit code (统一社会信用代码), GB 32100: public, so it is named and stops nothing.
        Uscc = "uscc",
    }
}

impl PersonalDataKind {
    /// Its name in Chinese.
    pub const fn title(self) -> &'static str {
        match self {
            Self::ResidentId => "身份证号",
            Self::MobilePhone => "手机号",
            Self::BankCard => "银行卡号",
            Self::Uscc => "统一社会信用代码",
        }
    }

    /// Whether it is somebody's secret, rather than on a public register.
    pub const fn is_secret(self) -> bool {
        !matches!(self, Self::Uscc)
    }
}

/// A number in a text. Carries its mask and its place, never the number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PersonalDatum {
    /// What it is.
    pub kind: PersonalDataKind,
    /// Its first character, counted from 0 in Unicode characters.
    pub start: usize,
    /// How many characters it takes, what stands between its groups among them.
    pub length: usize,
    /// The number, masked.
    pub mask: String,
}

/// A stretch of digits without anything between, perhaps with the X of a resident id behind.
struct Group {
    start: usize,
    end: usize,
}

/// Groups of one number that people write: 6222 0200 1234 5678 901.
const GROUPS_MAX: usize = 6;
/// Characters of the longest number.
const LONGEST: usize = 19;

/// The numbers in a text, in order; none lies within another.
#[must_use]
pub fn personal_data(text: &str) -> Vec<PersonalDatum> {
    let characters: Vec<char> = text.chars().map(narrow).collect();
    let codes = codes(&characters);
    let groups = groups(&characters, &codes);
    let (mut found, mut at) = (codes, 0);
    while at < groups.len() {
        let longest =
            (at..groups.len().min(at + GROUPS_MAX)).rev().find_map(|last| number(&characters, &groups[at..=last]).map(|n| (n, last)));
        at = match longest {
            Some((datum, last)) => {
                found.push(datum);
                last + 1
            }
            None => at + 1,
        };
    }
    found.sort_by_key(|d| d.start);
    found
}

/// The text with every number in it that is somebody's secret masked.
#[must_use]
pub fn mask_personal_data(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let (mut masked, mut at) = (String::with_capacity(text.len()), 0);
    for datum in personal_data(text).into_iter().filter(|d| d.kind.is_secret()) {
        masked.extend(&characters[at..datum.start]);
        masked.push_str(&datum.mask);
        at = datum.start + datum.length;
    }
    masked.extend(&characters[at..]);
    masked
}

/// Letters, digits and hyphens of full width as those of ordinary width.
fn narrow(c: char) -> char {
    match c {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
        '\u{3000}' | '\u{A0}' => ' ',
        '\u{2010}'..='\u{2015}' => '-',
        _ => c,
    }
}

/// Unified social credit codes: 18 letters and digits with neither in front nor behind, that are no resident id.
fn codes(characters: &[char]) -> Vec<PersonalDatum> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < characters.len() {
        let run = characters[at..].iter().take_while(|c| c.is_ascii_alphanumeric()).count();
        if run == 18 {
            let text: String = characters[at..at + run].iter().collect();
            if ResidentId::parse(&text).is_err()
                && let Ok(code) = Uscc::parse(&text)
            {
                found.push(PersonalDatum { kind: PersonalDataKind::Uscc, start: at, length: run, mask: code.as_str().to_owned() });
            }
        }
        at += run.max(1);
    }
    found
}

/// A reason as the audit trail keeps it: unsealed, and for good. So no number of a person may stand in it.
pub(crate) fn reason(text: &str) -> Result<String, Error> {
    text_without_numbers("reason", text, limits::CLOSING_NOTE_CHARS_MAX)
}

/// A text in which no number of a person stands that is not public.
pub(crate) fn text_without_numbers(field: &'static str, text: &str, max: usize) -> Result<String, Error> {
    let text = error::text(field, text, max)?;
    let secret = personal_data(&text).iter().any(|found| found.kind.is_secret());
    if secret { Err(Error::invalid(field, Problem::PersonalData)) } else { Ok(text) }
}

/// Stretches of digits, but those within a code, and those that touch a star: part of a number that is masked already.
fn groups(characters: &[char], codes: &[PersonalDatum]) -> Vec<Group> {
    let mut groups = Vec::new();
    let mut at = 0;
    while at < characters.len() {
        if let Some(code) = codes.iter().find(|c| c.start == at) {
            at += code.length;
            continue;
        }
        let digits = characters[at..].iter().take_while(|c| c.is_ascii_digit()).count();
        if digits == 0 {
            at += 1;
            continue;
        }
        let mut end = at + digits;
        let letter = |place: usize| characters.get(place).is_some_and(char::is_ascii_alphanumeric);
        if matches!(characters.get(end), Some('x' | 'X')) && !letter(end + 1) {
            end += 1;
        }
        let star = |c: Option<&char>| c == Some(&'*');
        if !star(at.checked_sub(1).and_then(|before| characters.get(before))) && !star(characters.get(end)) {
            groups.push(Group { start: at, end });
        }
        at = end;
    }
    groups
}

/// The number that these groups write together, if they do.
fn number(characters: &[char], groups: &[Group]) -> Option<PersonalDatum> {
    let (first, last) = (groups.first()?, groups.last()?);
    let together = |pair: &[Group]| pair[1].start == pair[0].end + 1 && matches!(characters[pair[0].end], ' ' | '-');
    // A country code may stand in front of a phone, and nothing is longer than a card.
    if !groups.windows(2).all(together) || last.end - first.start > LONGEST + GROUPS_MAX {
        return None;
    }
    let lengths: Vec<usize> = groups.iter().map(|g| g.end - g.start).collect();
    let text: String = groups.iter().flat_map(|g| &characters[g.start..g.end]).collect();
    let datum = |kind, mask| Some(PersonalDatum { kind, start: first.start, length: last.end - first.start, mask });
    if let Ok(id) = ResidentId::parse(&text) {
        return datum(PersonalDataKind::ResidentId, mask_resident_id(id.as_str()));
    }
    if let Some(phone) = phone(&text, &lengths) {
        return datum(PersonalDataKind::MobilePhone, mask_phone(phone.as_str()));
    }
    is_card(&text, &lengths).then(|| datum(PersonalDataKind::BankCard, ends(&text, 16, 0, 4))).flatten()
}

/// 138 0000 1234, with or without 86 in front.
fn phone(text: &str, lengths: &[usize]) -> Option<MobilePhone> {
    let bare = ["0086", "86"].iter().find_map(|code| text.strip_prefix(code).filter(|rest| rest.len() == 11)).unwrap_or(text);
    let country = text.len() - bare.len();
    let grouped = match lengths {
        [_] => true,
        [code, rest @ ..] if *code == country => matches!(rest, [11] | [3, 4, 4]),
        [first, rest @ ..] => first.checked_sub(country) == Some(3) && rest == [4, 4],
        [] => false,
    };
    grouped.then(|| MobilePhone::parse(bare).ok()).flatten()
}

/// 16 to 19 digits whose last one is Luhn's, in fours where they are in groups. A number of one digit again and again is none.
fn is_card(text: &str, lengths: &[usize]) -> bool {
    let digits = text.as_bytes();
    if !(16..=LONGEST).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) || digits[0] == b'0' {
        return false;
    }
    let fours =
        lengths.split_last().is_none_or(|(last, first)| first.is_empty() || first.iter().all(|n| *n == 4) && (1..=4).contains(last));
    fours && digits.iter().any(|d| *d != digits[0]) && luhn(digits)
}

/// Whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B).
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit - b'0');
            if place % 2 == 0 { digit } else { digit * 2 / 10 + digit * 2 % 10 }
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "11010519491231002X";
    const PHONE: &str = "13800001234";
    const CARD: &str = "6222021234567890128";
    const CODE: &str = "91350100M000100Y43";

    fn kinds(text: &str) -> Vec<(PersonalDataKind, usize, usize)> {
        personal_data(text).into_iter().map(|d| (d.kind, d.start, d.length)).collect()
    }

    #[test]
    fn numbers_are_found_where_they_stand_with_their_masks() {
        use PersonalDataKind::*;
        let card = with_luhn("622202123456789012");
        assert_eq!(card, CARD);
        let text = format!("我的身份证{ID}，电话{PHONE}、卡号{CARD}；公司{CODE}。");
        let found = personal_data(&text);
        assert_eq!(
            found.iter().map(|d| (d.kind, d.mask.as_str())).collect::<Vec<_>>(),
            [(ResidentId, "110***********002X"), (MobilePhone, "138****1234"), (BankCard, "***************0128"), (Uscc, CODE)]
        );
        let characters: Vec<char> = text.chars().collect();
        let places: Vec<String> = found.iter().map(|d| characters[d.start..d.start + d.length].iter().collect()).collect();
        assert_eq!(places, [ID, PHONE, CARD, CODE]);
        assert_eq!(
            mask_personal_data(&text),
            format!("我的身份证110***********002X，电话138****1234、卡号***************0128；公司{CODE}。")
        );
    }

    #[test]
    fn groups_full_width_and_country_codes_hide_nothing() {
        use PersonalDataKind::*;
        for text in [
            "138 0000 1234",
            "138-0000-1234",
            "１３８００００１２３４",
            "+86 138 0000 1234",
            "008613800001234",
            "tel13800001234",
            "13800001234转2",
        ] {
            assert_eq!(kinds(text).first().map(|k| k.0), Some(MobilePhone), "{text}");
        }
        assert_eq!(kinds("110105 19491231 002x"), [(ResidentId, 0, 20)]);
        assert_eq!(kinds("6222 0212 3456 7890 128"), [(BankCard, 0, 23)]);
        assert_eq!(kinds("2026-11-23 13800001234"), [(MobilePhone, 11, 11)], "a day in front");
    }

    #[test]
    fn what_is_no_such_number_is_left_alone() {
        for text in [
            "",
            "110105194912310021", // the check digit does not fit
            "23800001234",
            "138000012345", // one digit too many
            "6222021234567890129",
            "0000000000000000",
            "1111111111111111",
            "2026年11月23日 09:00",
            "金额 1234567.89 元",
            "138****1234",
            "110***********002X",
            "12366",
            "9135 0100 M000 100Y 43",
        ] {
            assert_eq!(kinds(text), [], "{text}");
        }
    }

    fn with_luhn(digits: &str) -> String {
        (b'0'..=b'9').map(|last| format!("{digits}{}", last as char)).find(|n| luhn(n.as_bytes())).unwrap()
    }

    proptest! {
        #[test]
        fn a_phone_is_found_wherever_it_stands(front in "[^0-9A-Za-z*０-９ -]{0,9}", second in 3..=9, rest in "[0-9]{9}", back in "[^0-9A-Za-z*０-９ -]{0,9}") {
            let found = personal_data(&format!("{front}1{second}{rest}{back}"));
            prop_assert_eq!(found.len(), 1);
            prop_assert_eq!((found[0].kind, found[0].start, found[0].length), (PersonalDataKind::MobilePhone, front.chars().count(), 11));
        }

        #[test]
        fn a_card_is_found_and_no_other_last_digit(digits in "[1-9][0-9]{14,17}", wrong in 1..10u8) {
            let card = with_luhn(&digits);
            prop_assume!(ResidentId::parse(&card).is_err() && Uscc::parse(&card).is_err());
            prop_assume!(card.bytes().any(|d| d != card.as_bytes()[0]));
            prop_assert_eq!(kinds(&card), [(PersonalDataKind::BankCard, 0, card.len())]);
            let last = (card.as_bytes()[card.len() - 1] - b'0' + wrong) % 10;
            let other = format!("{}{last}", &card[..card.len() - 1]);
            prop_assume!(ResidentId::parse(&other).is_err() && Uscc::parse(&other).is_err());
            prop_assert_eq!(kinds(&other), []);
        }

        #[test]
        fn places_are_in_order_and_apart_and_what_is_masked_is_found_no_more(text in "[0-9０-９xX* \\-a张+A-Z]{0,60}") {
            let found = personal_data(&text);
            let length = text.chars().count();
            prop_assert!(found.windows(2).all(|p| p[0].start + p[0].length <= p[1].start));
            prop_assert!(found.iter().all(|d| d.length > 0 && d.start + d.length <= length));
            let again = personal_data(&mask_personal_data(&text));
            prop_assert!(again.iter().all(|d| !d.kind.is_secret()), "{:?}", again);
        }
    }
}
