//! People who do not exist.

use std::ops::RangeInclusive;

use chrono::{Days, NaiveDate};

use super::{DIVISIONS, below, pick};
use crate::crypto::Rng;
use crate::identity::resident_id::check_character;
use crate::identity::{MobilePhone, PersonName, ResidentId};

/// What every made-up phone number starts with: not allocated to any operator in mid-2022 (m.zgznzx.sosol.com.cn,
/// 2022-07-01: 142, 143, 154, 161, 164, 194 free; one source). Check the current 电信网编号计划 before a real channel
/// is connected to made-up data.
pub const PHONE_PREFIX: &str = "142";

/// Dates of birth of made-up people.
pub const BIRTHS: RangeInclusive<NaiveDate> = FIRST_BIRTH..=LAST_BIRTH;
/// Sequences (characters 15 to 17) of made-up resident identity numbers.
pub const SEQUENCES: RangeInclusive<u32> = 900..=999;

const FIRST_BIRTH: NaiveDate = day(1950, 1, 1);
const LAST_BIRTH: NaiveDate = day(2007, 12, 31);

const fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    match NaiveDate::from_ymd_opt(year, month, day) {
        Some(date) => date,
        None => panic!("no such date"), // at compile time: only constants are given
    }
}

const SURNAMES: [&str; 40] = [
    "王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙", "胡", "朱", "高", "林", "何", "郭", "马", "罗", "梁", "宋",
    "郑", "谢", "韩", "唐", "冯", "于", "董", "金", "朴", "崔", "姜", "尹", "关", "佟", "那", "曲", "欧阳", "上官",
];
const GIVEN: [&str; 40] = [
    "伟", "芳", "娜", "敏", "静", "丽", "强", "磊", "军", "洋", "勇", "艳", "杰", "娟", "涛", "明", "超", "霞", "平", "刚", "桂", "英",
    "华", "玉", "兰", "建", "国", "文", "辉", "力", "晶", "欣", "怡", "浩", "宇", "晨", "雪", "梅", "松", "柏",
];

/// A person who does not exist; see [`crate::synthetic`] for how to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntheticPerson {
    /// Name of two or three characters, not marked.
    pub name: PersonName,
    /// Well-formed number of a county of Jilin, birth within [`BIRTHS`], sequence within [`SEQUENCES`].
    pub resident_id: ResidentId,
    /// Number that starts with [`PHONE_PREFIX`].
    pub phone: MobilePhone,
}

/// Makes a person up. Numbers repeat now and then (about 4,000 of a million ids, 5,000 of a million phones): skip
/// what your table already has.
#[must_use]
#[expect(clippy::expect_used, reason = "each says why it cannot fail")]
pub fn person(rng: &mut Rng) -> SyntheticPerson {
    let surname = pick(rng, &SURNAMES);
    let mut name = format!("{surname}{}", pick(rng, &GIVEN));
    if surname.chars().count() == 1 && below(rng, 4) > 0 {
        name.push_str(pick(rng, &GIVEN));
    }

    let (division, _) = pick(rng, &DIVISIONS);
    let days = LAST_BIRTH.signed_duration_since(FIRST_BIRTH).num_days() as u32 + 1;
    let birth = FIRST_BIRTH + Days::new(u64::from(below(rng, days)));
    let sequence = SEQUENCES.start() + below(rng, SEQUENCES.end() - SEQUENCES.start() + 1);
    let mut id = format!("{division}{}{sequence:03}", birth.format("%Y%m%d"));
    // why it cannot fail: 6 + 8 + 3 digits, as the test over a thousand seeds confirms
    let first = id.as_bytes().try_into().expect("17 digits");
    id.push(char::from(check_character(first)));

    let phone = format!("{PHONE_PREFIX}{:08}", below(rng, 100_000_000));
    SyntheticPerson {
        // why they cannot fail: each is put together by the rules of its parser, as the same test confirms
        name: PersonName::parse(&name).expect("a name"),
        resident_id: ResidentId::parse(&id).expect("a resident identity number"),
        phone: MobilePhone::parse(&phone).expect("a phone number"),
    }
}
