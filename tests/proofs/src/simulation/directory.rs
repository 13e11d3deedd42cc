//! Who there is to know in a world: persons, then enterprises, then newcomers who are enrolled while it goes on; their names,
//! numbers and counties; and the lists that are imported. Data alone: the stage enrols by it, the model says by it what should be shown.

use std::ops::Range;

use zhengna_core::identity::{NewTaxpayer, NumberKind, TaxpayerKind};
use zhengna_tests::world::{JILIN_CITY, KUANCHENG, NANGUAN, code, company, person};

use super::stage::Setting;
use super::step::Number;

/// Where enterprises and newcomers belong, in turn. The persons of the shared world are all of the first.
const COUNTIES: [&str; 3] = [NANGUAN, KUANCHENG, JILIN_CITY];
/// Persons of the shared world are counted from 0; newcomers from here, so that no number is anybody else's.
const NEWCOMERS_FROM: usize = 10_000;

/// Newcomers who come by an import only, the first of them, and how many: lists share them.
const BY_IMPORT: u16 = 500;
const BY_IMPORT_MANY: u16 = 6;
/// Lists that are imported.
pub(crate) const LISTS: u8 = 18;
/// Rows of each.
pub(crate) const LIST_ROWS: u8 = 5;

/// A row of a list that is imported.
#[derive(Clone, Debug)]
pub(crate) struct ListRow {
    /// Whom it is about.
    pub(crate) who: u16,
    pub(crate) phone: String,
    /// When it was collected, if the list says so.
    pub(crate) as_of: Option<i64>,
    /// Whether a digit of the number is wrong.
    pub(crate) slip: bool,
}

/// How many there are of each.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Directory {
    /// When the world begins.
    start: i64,
    persons: u16,
    companies: u16,
}

impl Directory {
    pub(crate) fn of(setting: &Setting) -> Self {
        Self { start: setting.start, persons: setting.taxpayers, companies: 3 + setting.taxpayers / 25 }
    }

    pub(crate) fn persons(self) -> Range<u16> {
        0..self.persons
    }

    pub(crate) fn companies(self) -> Range<u16> {
        self.persons..self.persons + self.companies
    }

    /// Everybody enrolled before the world begins; these come and talk.
    pub(crate) fn everybody(self) -> Range<u16> {
        0..self.persons + self.companies
    }

    /// The `nth` newcomer.
    pub(crate) fn newcomer(self, nth: u16) -> u16 {
        self.companies().end + nth
    }

    /// The newcomer of an import's first row.
    pub(crate) fn by_import(self, list: u8) -> u16 {
        self.newcomer(BY_IMPORT + u16::from(list) % BY_IMPORT_MANY)
    }

    /// A list that is imported: somebody new, some who are known with another phone, a slip or a second word about the first, and once
    /// more what was known of somebody. Lists meet in those they speak of.
    pub(crate) fn list(self, list: u8) -> [ListRow; LIST_ROWS as usize] {
        const DAY: i64 = 24 * 3600 * 1_000_000;
        let n = u16::from(list);
        let row = |who: u16, front: u8| ListRow { who, phone: format!("{front}{list:08}"), as_of: None, slip: false };
        // Those who come through providers and let us know their phones.
        let known = 2 + n % 5;
        let as_of = [None, Some(self.start - 2 * DAY), Some(self.start + DAY / 72)][usize::from(list % 3)];
        let before = self.row(known).phone.unwrap_or_default();
        [
            // Lists twelve apart say the same of them: the later one counts on the earlier.
            ListRow { phone: format!("137{:08}", list % 12), ..row(self.by_import(list), 137) },
            ListRow { as_of, ..row(known, 137) },
            ListRow { slip: list % 2 == 1, ..row(self.by_import(list), 136) },
            row(n * 7 % self.persons, 137),
            ListRow { phone: before, ..row(known, 137) },
        ]
    }

    pub(crate) fn is_company(self, n: u16) -> bool {
        self.companies().contains(&n)
    }

    pub(crate) fn county(self, n: u16) -> &'static str {
        if self.persons().contains(&n) { NANGUAN } else { COUNTIES[usize::from(n - self.persons) % COUNTIES.len()] }
    }

    /// Somebody as a list that enrols them has them.
    pub(crate) fn row(self, n: u16) -> NewTaxpayer {
        let row = if self.persons().contains(&n) {
            person(usize::from(n))
        } else if self.is_company(n) {
            let nth = usize::from(n - self.persons);
            NewTaxpayer { phone: person(nth).phone.filter(|_| nth.is_multiple_of(2)), ..company(nth) }
        } else {
            person(NEWCOMERS_FROM + usize::from(n - self.companies().end))
        };
        NewTaxpayer { authority: code(self.county(n)), ..row }
    }

    /// Register and text of a number. Those from before are passports, old taxpayer numbers, permits, and passports with the
    /// digits of the permit before them.
    pub(crate) fn number(self, number: Number) -> (NumberKind, String) {
        match number {
            Number::Own(n) => {
                let row = self.row(n);
                (if row.kind == TaxpayerKind::Person { NumberKind::ResidentId } else { NumberKind::Uscc }, row.number)
            }
            Number::Former(n) => match n % 4 {
                0 => (NumberKind::Passport, format!("E{:08}", n / 4)),
                1 => (NumberKind::TaxpayerNo, format!("220102M{:08}", n / 4)),
                2 => (NumberKind::HongKongMacaoPermit, format!("H{:08}", n / 4)),
                _ => (NumberKind::Passport, format!("H{:08}", n / 4)),
            },
        }
    }
}
