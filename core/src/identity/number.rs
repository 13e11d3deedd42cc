//! Numbers by which a person or an enterprise is known: those in use today, papers of people without a resident id, and
//! taxpayer numbers from before the unified code.

use super::resident_id::{check_character, in_a_province};
use super::{IdentifierError, IdentifierKind, IdentifierProblem, ResidentId, TaxpayerKind, Uscc, ends};

words! {
    /// Which register a number is from.
    pub enum NumberKind {
        /// 公民身份号码, GB 11643-1999; see [`ResidentId`].
        ResidentId = "resident_id",
        /// 统一社会信用代码, GB 32100-2015; see [`Uscc`].
        Uscc = "uscc",
        /// 纳税人识别号: 15, 17 or 20 characters from before the unified code; one of 18 is a unified code or a resident id.
        TaxpayerNo = "taxpayer_no",
        /// 护照: the document number of ICAO Doc 9303-4, 5 to 9 letters and digits.
        Passport = "passport",
        /// 港澳居民来往内地通行证: H or M and 8 digits, or HA or MA and 7 for residents who are no Chinese citizens (National Immigration
        /// Administration, notice of 2024-07-01). Cards until 2012 print 2 digits more, the count of renewals (Ministry of Public
        /// Security, 2010-03-10): the number is the first 9, one for life.
        HongKongMacaoPermit = "hong_kong_macao_permit",
        /// 台湾居民来往大陆通行证: 8 digits, one for life; what booklets until 2008 print behind them is no part of it (Ministry of Public
        /// Security, notice on the card of 2015, no. 3).
        TaiwanPermit = "taiwan_permit",
        /// 外国人永久居留身份证: 18 digits that begin with 9 and end in the check digit of GB 11643 (cards since 2023), or 3
        /// letters and 12 digits (before).
        ForeignResidence = "foreign_residence",
    }
}

impl NumberKind {
    /// Its name in Chinese.
    pub const fn title(self) -> &'static str {
        match self {
            Self::ResidentId => "居民身份证",
            Self::Uscc => "统一社会信用代码",
            Self::TaxpayerNo => "纳税人识别号",
            Self::Passport => "护照",
            Self::HongKongMacaoPermit => "港澳居民来往内地通行证",
            Self::TaiwanPermit => "台湾居民来往大陆通行证",
            Self::ForeignResidence => "外国人永久居留身份证",
        }
    }
}

/// A number that is well formed for its kind. Whether it was ever issued only its register knows. Most are personal: `Debug`
/// shows the mask.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Number {
    kind: NumberKind,
    text: String,
}

impl Number {
    /// Makes one from its text; letters are raised.
    ///
    /// # Errors
    /// [`IdentifierError`]: what is wrong and at which character.
    pub fn parse(kind: NumberKind, text: &str) -> Result<Self, IdentifierError> {
        let (named, checked) = match kind {
            NumberKind::ResidentId => return Ok(ResidentId::parse(text)?.into()),
            NumberKind::Uscc => return Ok(Uscc::parse(text)?.into()),
            NumberKind::TaxpayerNo if text.chars().count() == 18 => {
                // Of a number that is neither it is said what is wrong with it as a unified code, which most are.
                return ResidentId::parse(text).map(Self::from).or_else(|_| Uscc::parse(text).map(Self::from));
            }
            NumberKind::TaxpayerNo => (IdentifierKind::TaxpayerNo, taxpayer_no(text)),
            NumberKind::Passport => (IdentifierKind::Passport, raised(text, &[5, 6, 7, 8, 9], |_, c| c.is_ascii_alphanumeric())),
            NumberKind::HongKongMacaoPermit => {
                let letters_first = |at, c: u8| match at {
                    1 => matches!(c, b'H' | b'M'),
                    2 => c.is_ascii_digit() || c == b'A',
                    _ => c.is_ascii_digit(),
                };
                (IdentifierKind::HongKongMacaoPermit, for_life(text, 9, letters_first))
            }
            NumberKind::TaiwanPermit => (IdentifierKind::TaiwanPermit, for_life(text, 8, |_, c| c.is_ascii_digit())),
            NumberKind::ForeignResidence => (IdentifierKind::ForeignResidence, foreign_residence(text)),
        };
        checked.map(|text| Self { kind, text }).map_err(|problem| IdentifierError { kind: named, problem })
    }

    /// Which register it is from. A taxpayer number of 18 characters is what it is: a unified code or a resident id.
    #[must_use]
    pub fn kind(&self) -> NumberKind {
        self.kind
    }

    /// The text, in its one spelling (letters in upper case).
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What a blind index is made of, of a number that one of this kind has. Registers number alike, so that the register belongs
    /// to it; the two that everybody has stand for themselves, no number of one is one of the other. A sole trader's resident id
    /// is the owner's, who is somebody else: of an enterprise it is a taxpayer number.
    pub(crate) fn indexed(&self, whose: TaxpayerKind) -> String {
        match (self.kind, whose) {
            (NumberKind::ResidentId, TaxpayerKind::Person) | (NumberKind::Uscc, _) => self.text.clone(),
            (NumberKind::ResidentId, TaxpayerKind::Enterprise) => format!("{}:{}", NumberKind::TaxpayerNo.as_str(), self.text),
            (other, _) => format!("{}:{}", other.as_str(), self.text),
        }
    }
}

impl From<ResidentId> for Number {
    fn from(id: ResidentId) -> Self {
        Self { kind: NumberKind::ResidentId, text: id.as_str().to_owned() }
    }
}

impl From<Uscc> for Number {
    fn from(code: Uscc) -> Self {
        Self { kind: NumberKind::Uscc, text: code.as_str().to_owned() }
    }
}

impl super::Mask for Number {
    fn masked(&self) -> String {
        mask_number(self.kind, &self.text)
    }
}

impl std::fmt::Debug for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Number({} {})", self.kind.as_str(), super::Mask::masked(self))
    }
}

/// What of a number may be shown. Enterprises' numbers are public (企业信息公示暂行条例); a taxpayer number from before the unified
/// code is a person's where it can be a resident id with a suffix: 17 and 20 characters, and 15 digits.
pub(crate) fn mask_number(kind: NumberKind, text: &str) -> String {
    match kind {
        NumberKind::Uscc => text.to_owned(),
        NumberKind::TaxpayerNo if text.len() == 15 && text.bytes().any(|c| !c.is_ascii_digit()) => text.to_owned(),
        NumberKind::ResidentId | NumberKind::TaxpayerNo | NumberKind::ForeignResidence => super::mask_resident_id(text),
        NumberKind::Passport | NumberKind::HongKongMacaoPermit | NumberKind::TaiwanPermit => ends(text, 8, 1, 2),
    }
}

/// The text with its letters raised, where its length is one of `lengths` and each character, by its place from 1, is allowed.
fn raised(text: &str, lengths: &[usize], allowed: impl Fn(usize, u8) -> bool) -> Result<String, IdentifierProblem> {
    let found = text.chars().count();
    let (least, most) = (lengths.iter().min().copied().unwrap_or(0), lengths.iter().max().copied().unwrap_or(0));
    if !lengths.contains(&found) {
        return Err(IdentifierProblem::Length { least, most, found });
    }
    let raise = |(at, c): (usize, char)| {
        let c = u8::try_from(c).ok().filter(u8::is_ascii).map(|c| c.to_ascii_uppercase()).filter(|c| allowed(at, *c));
        c.map(char::from).ok_or(IdentifierProblem::Character { at })
    };
    (1..).zip(text.chars()).map(raise).collect()
}

/// The number of `length` characters that a person keeps for life; two digits behind it, which say how often the paper was renewed, are
/// read and left out, so that a renewed paper is nobody else's.
fn for_life(text: &str, length: usize, allowed: impl Fn(usize, u8) -> bool) -> Result<String, IdentifierProblem> {
    let mut text = raised(text, &[length, length + 2], allowed)?;
    text.truncate(length);
    Ok(text)
}

/// 6 digits of the region and an organisation code, or a resident id of 15 or 18 characters with a suffix of two.
fn taxpayer_no(text: &str) -> Result<String, IdentifierProblem> {
    let digits_first = |at, c: u8| if at <= 6 { c.is_ascii_digit() } else { c.is_ascii_alphanumeric() };
    let text = raised(text, &[15, 17, 20], digits_first)?;
    if in_a_province(text.as_bytes()) { Ok(text) } else { Err(IdentifierProblem::Region { at: 1 }) }
}

fn foreign_residence(text: &str) -> Result<String, IdentifierProblem> {
    if text.chars().count() != 18 {
        return raised(text, &[15, 18], |at, c| if at <= 3 { c.is_ascii_alphabetic() } else { c.is_ascii_digit() });
    }
    let text = raised(text, &[18], |at, c| match at {
        1 => c == b'9',
        18 => c.is_ascii_digit() || c == b'X',
        _ => c.is_ascii_digit(),
    })?;
    let fits = text.as_bytes().first_chunk::<17>().is_some_and(|first| text.as_bytes().last() == Some(&check_character(first)));
    if fits { Ok(text) } else { Err(IdentifierProblem::CheckDigit { at: 18 }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Mask as _;
    use crate::identity::tests::{of_classes, with_a_stranger};
    use proptest::prelude::*;

    /// Kinds whose numbers are classes of characters and nothing more.
    const WITHOUT_CHECK: [(NumberKind, &str); 12] = [
        (NumberKind::Passport, "aaaaa"),
        (NumberKind::Passport, "aaaaaaaa"),
        (NumberKind::Passport, "aaaaaaaaa"),
        (NumberKind::HongKongMacaoPermit, "Hoddddddd"),
        (NumberKind::HongKongMacaoPermit, "Moddddddd"),
        (NumberKind::HongKongMacaoPermit, "Hoddddddddd"),
        (NumberKind::TaiwanPermit, "dddddddd"),
        (NumberKind::TaiwanPermit, "dddddddddd"),
        (NumberKind::ForeignResidence, "llldddddddddddd"),
        (NumberKind::TaxpayerNo, "22ddddaaaaaaaaa"),
        (NumberKind::TaxpayerNo, "22ddddaaaaaaaaaaa"),
        (NumberKind::TaxpayerNo, "22ddddaaaaaaaaaaaaaa"),
    ];

    fn problem(kind: NumberKind, text: &str) -> IdentifierProblem {
        Number::parse(kind, text).unwrap_err().problem
    }

    #[test]
    fn each_kind_takes_its_own_and_shows_its_mask() {
        for (kind, text, mask) in [
            (NumberKind::ResidentId, "11010519491231002x", "110***********002X"),
            (NumberKind::Uscc, "91350100m000100y43", "91350100M000100Y43"),
            (NumberKind::TaxpayerNo, "220102M000100Y4", "220102M000100Y4"),
            (NumberKind::TaxpayerNo, "220102491231002", "220********1002"),
            (NumberKind::TaxpayerNo, "22010249123100201", "220**********0201"),
            (NumberKind::TaxpayerNo, "11010519491231002x01", "110*************2X01"),
            (NumberKind::TaxpayerNo, "91350100M000100Y43", "91350100M000100Y43"),
            (NumberKind::TaxpayerNo, "11010519491231002X", "110***********002X"),
            (NumberKind::Passport, "e12345678", "E******78"),
            (NumberKind::Passport, "AB123", "****"),
            (NumberKind::HongKongMacaoPermit, "h12345678", "H******78"),
            (NumberKind::HongKongMacaoPermit, "ma1234567", "M******67"),
            (NumberKind::TaiwanPermit, "01234567", "0*****67"),
            (NumberKind::ForeignResidence, "USA110062060211", "USA********0211"),
        ] {
            let number = Number::parse(kind, text).unwrap();
            assert_eq!(number.masked(), mask, "{text}");
            assert_eq!(number.as_str(), text.to_uppercase());
        }
        let kind = |text| Number::parse(NumberKind::TaxpayerNo, text).unwrap().kind();
        assert_eq!(kind("11010519491231002X"), NumberKind::ResidentId);
        assert_eq!(kind("91350100M000100Y43"), NumberKind::Uscc);
        assert_eq!(kind("220102M000100Y4"), NumberKind::TaxpayerNo);
    }

    /// Numbers that the issuers print on their specimens: table 1 of the National Immigration Administration's rules for the residence
    /// card of 2023 (nia.gov.cn, n741440/n741542/c1599039), and the passport of ICAO Doc 9303-4, appendix A.
    #[test]
    fn specimens_of_the_issuers_are_numbers_and_with_another_check_digit_none() {
        for text in ["932682198501010017", "911124198108030024"] {
            assert_eq!(Number::parse(NumberKind::ForeignResidence, text).unwrap().as_str(), text);
            let (body, check) = text.split_at(17);
            for other in "0123456789X".chars().filter(|c| !check.contains(*c)) {
                assert_eq!(problem(NumberKind::ForeignResidence, &format!("{body}{other}")), IdentifierProblem::CheckDigit { at: 18 });
            }
        }
        assert_eq!(Number::parse(NumberKind::Passport, "L898902C3").unwrap().masked(), "L******C3");
    }

    /// As the Ministry of Public Security said it of cards (2010-03-10) and of booklets (notice on the card of 2015, no. 3).
    #[test]
    fn a_renewed_permit_has_the_number_of_the_one_before() {
        for (kind, first, renewed, present) in [
            (NumberKind::HongKongMacaoPermit, "H1234567800", "h1234567801", "H12345678"),
            (NumberKind::HongKongMacaoPermit, "M0123456700", "M0123456709", "M01234567"),
            (NumberKind::TaiwanPermit, "0123456701", "0123456702", "01234567"),
        ] {
            for printed in [first, renewed, present] {
                assert_eq!(Number::parse(kind, printed).unwrap().as_str(), present, "{printed}");
            }
            let another = present.replace("567", "568");
            assert_ne!(Number::parse(kind, &another).unwrap().as_str(), present);
        }
    }

    /// Six digits of the region before the code of the organisation, which the unified code has in its places 9 to 17.
    #[test]
    fn an_old_taxpayer_number_is_made_of_the_unified_code_as_it_was_issued() {
        let code = Number::parse(NumberKind::Uscc, "91350100M000100Y43").unwrap();
        let old = format!("{}{}", &code.as_str()[2..8], &code.as_str()[8..17]);
        assert_eq!(Number::parse(NumberKind::TaxpayerNo, &old).unwrap().as_str(), "350100M000100Y4");
    }

    #[test]
    fn says_what_and_where() {
        use IdentifierProblem::*;
        assert_eq!(problem(NumberKind::TaxpayerNo, "2201024912310"), Length { least: 15, most: 20, found: 13 });
        assert_eq!(problem(NumberKind::TaxpayerNo, "2201024912310021"), Length { least: 15, most: 20, found: 16 });
        assert_eq!(problem(NumberKind::TaxpayerNo, "2201X2491231002"), Character { at: 5 });
        assert_eq!(problem(NumberKind::TaxpayerNo, "990102491231002"), Region { at: 1 });
        assert_eq!(problem(NumberKind::TaxpayerNo, "91350100M000100Y44"), CheckDigit { at: 18 });
        assert_eq!(problem(NumberKind::Passport, "E123"), Length { least: 5, most: 9, found: 4 });
        assert_eq!(problem(NumberKind::Passport, "E1234567890"), Length { least: 5, most: 9, found: 11 });
        assert_eq!(problem(NumberKind::Passport, "E1234-678"), Character { at: 6 });
        assert_eq!(problem(NumberKind::HongKongMacaoPermit, "T12345678"), Character { at: 1 });
        assert_eq!(problem(NumberKind::HongKongMacaoPermit, "HB1234567"), Character { at: 2 });
        assert_eq!(problem(NumberKind::HongKongMacaoPermit, "HAA123456"), Character { at: 3 });
        assert_eq!(problem(NumberKind::HongKongMacaoPermit, "H123456780A"), Character { at: 11 });
        assert_eq!(problem(NumberKind::TaiwanPermit, "0123456７"), Character { at: 8 });
        assert_eq!(problem(NumberKind::ForeignResidence, "811001198001010001"), Character { at: 1 });
        assert_eq!(problem(NumberKind::ForeignResidence, "U1A110062060211"), Character { at: 2 });
    }

    #[test]
    fn registers_are_told_apart() {
        let passport = Number::parse(NumberKind::Passport, "12345678").unwrap();
        let permit = Number::parse(NumberKind::TaiwanPermit, "12345678").unwrap();
        assert_ne!(passport.indexed(TaxpayerKind::Person), permit.indexed(TaxpayerKind::Person));
        let own = Number::parse(NumberKind::ResidentId, "11010519491231002X").unwrap();
        assert_ne!(own.indexed(TaxpayerKind::Person), own.indexed(TaxpayerKind::Enterprise), "an owner and their sole trader");
        let said = format!("{passport:?} {:?}", Number::parse(NumberKind::ResidentId, "11010519491231002X").unwrap());
        assert!(!said.contains("234567") && !said.contains("1949"), "{said}");
    }

    proptest! {
        #[test]
        fn a_changed_digit_of_a_residence_card_is_caught(middle in "[0-9]{16}") {
            let text = format!("9{middle}");
            let first = text.as_bytes().first_chunk::<17>().unwrap();
            let text = format!("{text}{}", char::from(check_character(first)));
            prop_assert!(Number::parse(NumberKind::ForeignResidence, &text).is_ok());
            for at in 0..18 {
                for other in ('0'..='9').filter(|c| Some(*c) != text.chars().nth(at)) {
                    let mut changed = text.clone();
                    changed.replace_range(at..=at, &other.to_string());
                    prop_assert!(Number::parse(NumberKind::ForeignResidence, &changed).is_err());
                }
            }
        }

        /// Of the kinds without check digit; the organisation part of an old taxpayer number may have letters, and has no check digit
        /// that anybody could rely on.
        #[test]
        fn a_character_of_a_wrong_class_is_refused_at_every_place((kind, classes, text) in prop::sample::select(&WITHOUT_CHECK[..])
            .prop_flat_map(|(kind, classes)| (Just(kind), Just(classes), of_classes(classes))))
        {
            prop_assert!(Number::parse(kind, &text).is_ok());
            for wrong in with_a_stranger(&text, classes) {
                let refused = Number::parse(kind, &wrong);
                prop_assert!(refused.is_err(), "{} {:?}", kind.as_str(), wrong);
            }
        }

        #[test]
        fn a_character_of_a_wrong_class_is_refused_in_what_has_a_check_digit(middle in "[0-9]{16}") {
            let first = format!("9{middle}");
            let check = char::from(check_character(first.as_bytes().first_chunk::<17>().unwrap()));
            let card = format!("{first}{check}");
            for wrong in with_a_stranger(&card, "9dddddddddddddddda") {
                prop_assert!(Number::parse(NumberKind::ForeignResidence, &wrong).is_err(), "{:?}", wrong);
            }
            for (kind, number) in [
                (NumberKind::ResidentId, "11010519491231002X"), (NumberKind::TaxpayerNo, "11010519491231002X"),
                (NumberKind::Uscc, "91350100M000100Y43"), (NumberKind::TaxpayerNo, "91350100M000100Y43"),
            ] {
                for wrong in with_a_stranger(number, "aaaaaaaaaaaaaaaaaa") {
                    prop_assert!(Number::parse(kind, &wrong).is_err(), "{} {:?}", kind.as_str(), wrong);
                }
            }
        }

        #[test]
        fn whatever_is_typed_is_answered_and_parsing_again_changes_nothing(
            kind in prop::sample::select(NumberKind::ALL), text in "(\\PC{0,20}|[0-9A-Zx]{4,20}|9[0-9]{17}|[HM][0-9]{8})",
        ) {
            if let Ok(number) = Number::parse(kind, &text) {
                prop_assert_eq!(&Number::parse(number.kind(), number.as_str()).unwrap(), &number);
            }
        }
    }
}
