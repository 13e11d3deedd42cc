//! Data for demonstrations and tests: the authorities of Jilin, and people and enterprises that do not exist.
//!
//! Behind the feature `synthetic`, which no shipped program has.
//!
//! How made-up data is recognised, also after it was copied somewhere:
//! - every phone number starts with [`PHONE_PREFIX`], which no operator was issued for people;
//! - every name of an enterprise ends with [`ENTERPRISE_SUFFIX`];
//! - every organisation code inside a credit code (characters 9 to 17) starts with [`ORGANISATION_PREFIX`];
//! - every resident identity number has a sequence (characters 15 to 17) of 900 to 999, and is of a county of Jilin.
//!   That alone proves nothing: a living person may have the same number by chance, so never look one up anywhere.
//!
//! All of it passes the parsers of [`crate::identity`].

mod authorities;
mod enterprises;
mod people;

pub use authorities::{AuthorityFileError, AuthorityKind, AuthorityRow, jilin_authorities, parse_authorities};
pub use enterprises::{ENTERPRISE_SUFFIX, ORGANISATION_PREFIX, SyntheticEnterprise, enterprise};
pub use people::{BIRTHS, PHONE_PREFIX, SEQUENCES, SyntheticPerson, person};

use rand_core::Rng as _;

use crate::crypto::Rng;

/// The counties, districts and county-level cities of Jilin: division (GB/T 2260) and name. Kept equal to the
/// authorities by a test.
const DIVISIONS: [(&str, &str); 60] = [
    ("220102", "长春市南关区"),
    ("220103", "长春市宽城区"),
    ("220104", "长春市朝阳区"),
    ("220105", "长春市二道区"),
    ("220106", "长春市绿园区"),
    ("220112", "长春市双阳区"),
    ("220113", "长春市九台区"),
    ("220122", "农安县"),
    ("220182", "榆树市"),
    ("220183", "德惠市"),
    ("220184", "公主岭市"),
    ("220202", "吉林市昌邑区"),
    ("220203", "吉林市龙潭区"),
    ("220204", "吉林市船营区"),
    ("220211", "吉林市丰满区"),
    ("220221", "永吉县"),
    ("220281", "蛟河市"),
    ("220282", "桦甸市"),
    ("220283", "舒兰市"),
    ("220284", "磐石市"),
    ("220302", "四平市铁西区"),
    ("220303", "四平市铁东区"),
    ("220322", "梨树县"),
    ("220323", "伊通满族自治县"),
    ("220382", "双辽市"),
    ("220402", "辽源市龙山区"),
    ("220403", "辽源市西安区"),
    ("220421", "东丰县"),
    ("220422", "东辽县"),
    ("220502", "通化市东昌区"),
    ("220503", "通化市二道江区"),
    ("220521", "通化县"),
    ("220523", "辉南县"),
    ("220524", "柳河县"),
    ("220581", "梅河口市"),
    ("220582", "集安市"),
    ("220602", "白山市浑江区"),
    ("220605", "白山市江源区"),
    ("220621", "抚松县"),
    ("220622", "靖宇县"),
    ("220623", "长白朝鲜族自治县"),
    ("220681", "临江市"),
    ("220702", "松原市宁江区"),
    ("220721", "前郭尔罗斯蒙古族自治县"),
    ("220722", "长岭县"),
    ("220723", "乾安县"),
    ("220781", "扶余市"),
    ("220802", "白城市洮北区"),
    ("220821", "镇赉县"),
    ("220822", "通榆县"),
    ("220881", "洮南市"),
    ("220882", "大安市"),
    ("222401", "延吉市"),
    ("222402", "图们市"),
    ("222403", "敦化市"),
    ("222404", "珲春市"),
    ("222405", "龙井市"),
    ("222406", "和龙市"),
    ("222424", "汪清县"),
    ("222426", "安图县"),
];

/// A number below `bound`, each nearly equally often (off by at most `bound` in 2^32).
fn below(rng: &mut Rng, bound: u32) -> u32 {
    ((u64::from(rng.next_u32()) * u64::from(bound)) >> 32) as u32
}

/// One of the choices, which are never none.
fn pick<T: Copy>(rng: &mut Rng, choices: &[T]) -> T {
    choices[below(rng, choices.len() as u32) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{MobilePhone, ResidentId, Uscc};
    use rand_core::SeedableRng;
    use std::collections::HashSet;

    #[test]
    fn divisions_are_those_of_the_authorities() {
        let rows = jilin_authorities();
        let mut counties: Vec<_> = rows.iter().filter(|row| row.kind == AuthorityKind::County).collect();
        counties.sort_by_key(|row| row.code);
        assert_eq!(counties.len(), DIVISIONS.len());
        for (row, (division, place)) in counties.into_iter().zip(DIVISIONS) {
            assert_eq!(row.code.as_str(), format!("1{division}0000"));
            assert_eq!(row.name, format!("国家税务总局{place}税务局"));
        }
    }

    #[test]
    fn a_thousand_seeds_are_valid_and_marked() {
        let divisions: HashSet<&str> = DIVISIONS.iter().map(|(division, _)| *division).collect();
        let mut seen = [HashSet::new(), HashSet::new(), HashSet::new()];
        for seed in 0..1_000 {
            let mut rng = Rng::seed_from_u64(seed);
            let person = person(&mut rng);
            let id = ResidentId::parse(person.resident_id.as_str()).unwrap();
            assert!(divisions.contains(id.region()), "{}", id.as_str());
            assert!(BIRTHS.contains(&id.birth_date()), "{}", id.as_str());
            assert!(SEQUENCES.contains(&id.as_str()[14..17].parse().unwrap()), "{}", id.as_str());
            let phone = MobilePhone::parse(person.phone.as_str()).unwrap();
            assert!(phone.as_str().starts_with(PHONE_PREFIX));
            assert!((2..=3).contains(&person.name.as_str().chars().count()));

            let enterprise = enterprise(&mut rng);
            let code = Uscc::parse(enterprise.uscc.as_str()).unwrap();
            assert!(divisions.contains(code.division()));
            assert!(code.as_str()[8..].starts_with(ORGANISATION_PREFIX));
            assert!(enterprise.name.ends_with(ENTERPRISE_SUFFIX), "{}", enterprise.name);

            seen[0].insert(id.as_str().to_owned());
            seen[1].insert(phone.as_str().to_owned());
            seen[2].insert(code.as_str().to_owned());
        }
        assert!(seen.iter().all(|values| values.len() > 990), "they vary");
    }

    #[test]
    fn the_same_seed_gives_the_same_data() {
        let make = || {
            let mut rng = Rng::seed_from_u64(5);
            (person(&mut rng), enterprise(&mut rng))
        };
        assert_eq!(make(), make());
    }

    #[test]
    fn below_stays_below() {
        let mut rng = Rng::seed_from_u64(1);
        let mut seen = [0; 3];
        for _ in 0..3_000 {
            seen[below(&mut rng, 3) as usize] += 1;
        }
        assert!(seen.iter().all(|&times| times > 900), "{seen:?}");
    }
}
