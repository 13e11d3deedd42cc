//! Lists that officers import: those who do, and lists that another one agreed to.

use zhengna_core::access::Permission;
use zhengna_core::approval::Opened;
use zhengna_core::id::OfficerId;
use zhengna_core::identity::{ImportList, NewTaxpayer};
use zhengna_core::{Error, Session};

use crate::approval::approve;
use crate::world::{PROVINCE, World, listed};

/// Two officers of the province who import lists: one puts them forward, the other agrees.
#[derive(Clone, Copy, Debug)]
pub struct Importers {
    /// Who puts forward and imports.
    pub maker: OfficerId,
    /// Who agrees.
    pub other: OfficerId,
}

impl Importers {
    /// Appointed.
    pub fn of(world: &World) -> Self {
        let appoint = |staff_no| world.appoint(staff_no, PROVINCE, &[Permission::ImportLists]);
        Self { maker: appoint("22019501"), other: appoint("22019502") }
    }
}

/// A list of these, from its second line on.
pub fn list_of(people: &[NewTaxpayer]) -> ImportList {
    let rows = (2..).zip(people.iter().map(listed)).collect();
    ImportList::new("名单.csv", rows).expect("a list")
}

/// The same as a file.
pub fn file_of(people: &[NewTaxpayer]) -> String {
    let row = |p: &NewTaxpayer| {
        format!("{},{},{},{},{}\n", p.kind.as_str(), p.name, p.number, p.phone.as_deref().unwrap_or_default(), p.authority.as_str())
    };
    let rows: String = people.iter().map(row).collect();
    format!("类型,名称,号码,手机,主管税务机关代码\n{rows}")
}

/// Puts a list forward.
///
/// # Errors
/// As the operation.
pub fn put_forward(by: &Session, list: &ImportList) -> Result<Opened, Error> {
    by.identity().propose_import(list, "年度登记".into(), &mut |_| {})
}

/// Puts a list forward by one, and lets the other agree.
pub fn agreed(world: &World, by: Importers, list: &ImportList) -> Opened {
    let opened = put_forward(&world.session_of(by.maker), list).expect("is put forward");
    approve(&world.session_of(by.other), &opened).expect("agrees");
    opened
}
