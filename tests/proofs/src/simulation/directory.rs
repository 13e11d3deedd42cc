//! Who there is to know in a world: persons, then enterprises, then newcomers who are enrolled while it goes on; their names,
//! numbers and counties. Data alone: the stage enrols by it, the model says by it what should be shown.

use std::ops::Range;

use zhengna_core::identity::{NewTaxpayer, NumberKind, TaxpayerKind};
use zhengna_tests::world::{JILIN_CITY, KUANCHENG, NANGUAN, code, company, person};

use super::stage::Setting;
use super::step::Number;

/// Where enterprises and newcomers belong, in turn. The persons of the shared world are all of the first.
const COUNTIES: [&str; 3] = [NANGUAN, KUANCHENG, JILIN_CITY];
/// Persons of the shared world are counted from 0; newcomers from here, so that no number is anybody else's.
const NEWCOMERS_FROM: usize = 10_000;

/// How many there are of each.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Directory {
    persons: u16,
    companies: u16,
}

impl Directory {
    pub(crate) fn of(setting: &Setting) -> Self {
        Self { persons: setting.taxpayers, companies: 3 + setting.taxpayers / 25 }
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
