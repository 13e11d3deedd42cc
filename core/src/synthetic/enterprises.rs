//! Enterprises that do not exist.

use super::{DIVISIONS, pick};
use crate::crypto::Rng;
use crate::identity::Uscc;
use crate::identity::uscc::{check_character, organisation_check_character};

/// What every made-up name of an enterprise ends with ("synthetic data").
pub const ENTERPRISE_SUFFIX: &str = "（合成数据）";
/// What every made-up organisation code (characters 9 to 17 of a credit code) starts with; issued ones are digits or start
/// with MA, MB and the like.
pub const ORGANISATION_PREFIX: &str = "XX";

/// Registering department and category: companies, sole traders, farmers' cooperatives (9 市场监督管理). GB 32100-2015.
const REGISTERED_AS: [(&str, &str); 6] =
    [("91", "有限公司"), ("91", "有限公司"), ("91", "有限责任公司"), ("91", "股份有限公司"), ("92", "经营部"), ("93", "专业合作社")];
const WORDS: [&str; 24] = [
    "瑞丰", "恒达", "金穗", "北辰", "松江", "长白", "天池", "雪原", "鑫源", "华茂", "盛世", "吉祥", "宏图", "远航", "博雅", "康宁", "泰和",
    "万通", "佳禾", "春城", "汇川", "启明", "同德", "安泰",
];
const TRADES: [&str; 20] = [
    "商贸",
    "汽车零部件",
    "粮食加工",
    "医药",
    "人参制品",
    "建筑工程",
    "物流",
    "信息技术",
    "餐饮",
    "农业",
    "机械制造",
    "文化传媒",
    "物业服务",
    "新能源",
    "食品",
    "旅游",
    "教育咨询",
    "化工",
    "木业",
    "畜牧",
];

/// An enterprise that does not exist; see [`crate::synthetic`] for how to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntheticEnterprise {
    /// Name that ends with [`ENTERPRISE_SUFFIX`]. Names repeat.
    pub name: String,
    /// Well-formed code of a county of Jilin; both its check digits fit.
    pub uscc: Uscc,
}

/// Makes an enterprise up. Codes hardly ever repeat (60 counties, 3 categories, 31^6 codes).
#[must_use]
#[expect(clippy::expect_used, reason = "says why it cannot fail")]
pub fn enterprise(rng: &mut Rng) -> SyntheticEnterprise {
    const CHARACTERS: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
    let (division, place) = pick(rng, &DIVISIONS);
    let (registered, form) = pick(rng, &REGISTERED_AS);
    let name = format!("{place}{}{}{form}{ENTERPRISE_SUFFIX}", pick(rng, &WORDS), pick(rng, &TRADES));

    let mut organisation = [0; 8];
    let (prefix, rest) = organisation.split_at_mut(ORGANISATION_PREFIX.len());
    prefix.copy_from_slice(ORGANISATION_PREFIX.as_bytes());
    rest.fill_with(|| pick(rng, CHARACTERS));
    let mut code = [0; 17];
    code[..2].copy_from_slice(registered.as_bytes());
    code[2..8].copy_from_slice(division.as_bytes());
    code[8..16].copy_from_slice(&organisation);
    code[16] = organisation_check_character(&organisation);
    let text: String = code.iter().chain([&check_character(&code)]).map(|&c| char::from(c)).collect();
    // why it cannot fail: put together by the rules of its parser, as the test over a thousand seeds confirms
    SyntheticEnterprise { name, uscc: Uscc::parse(&text).expect("a credit code") }
}
