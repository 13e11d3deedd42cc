//! Permissions that one person may not hold together (不相容岗位): data, held to when a post is made, when it is granted, and when
//! somebody acts.

use serde::{Deserialize, Serialize};

use super::trail::Rights;
use super::{Engine, Integrity, Permission, Sealed, add_sealed, genuine, replace_sealed};
use crate::ctx::Ctx;
use crate::error::{self, Error, Problem, Refusal};
use crate::limits;
use crate::store::{ReadTx, Reads, Tx, stretch};

record! {
    /// Two permissions that were ruled apart, or allowed together, by approval.
    pub struct Separation in "separation" {
        /// The one that comes first in the order of permissions.
        first: Permission,
        /// The other.
        second: Permission,
        /// Whether they are kept apart; false lifts what this program has.
        apart: bool,
        /// The document it follows.
        source: String,
        /// Binds the row.
        mac: Integrity,
        /// Counts updates.
        version: i64,
    }
    key(first, second);
    version version;
}

impl Sealed for Separation {
    fn seal(&mut self) -> &mut Integrity {
        &mut self.mac
    }
}

/// What this program keeps apart where nothing else was approved: who puts a thing forward and who agrees to it, who does what is
/// watched and who looks at the alerts. That the three
/// administrators are three people is no matter of this table: see [`super::Plane`].
const SHIPPED: &[(Permission, Permission)] = &[
    (Permission::ProposeCalendar, Permission::ApproveCalendar),
    (Permission::RevealPersonalData, Permission::ApproveDisclosure),
    (Permission::ApproveDisclosure, Permission::TakeEmergencyPost),
    (Permission::RevealPersonalData, Permission::ReviewControl),
    (Permission::ApproveDisclosure, Permission::ReviewControl),
    (Permission::TakeEmergencyPost, Permission::ReviewControl),
];

/// Keeps two permissions apart, or lets them go together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SetSeparation {
    /// One.
    pub first: Permission,
    /// The other.
    pub second: Permission,
    /// Whether they are kept apart.
    pub apart: bool,
    /// The document it follows: number and title.
    pub source: String,
}

impl SetSeparation {
    /// In order, two different ones.
    pub(super) fn checked(mut self) -> Result<Self, Error> {
        if self.first == self.second {
            return Err(Error::invalid("second", Problem::Malformed("expected another permission than the first".into())));
        }
        if self.first > self.second {
            std::mem::swap(&mut self.first, &mut self.second);
        }
        self.source = error::text("source", &self.source, limits::SOURCE_CHARS_MAX)?;
        Ok(self)
    }
}

/// Puts it in force.
pub(super) fn put_in_force(tx: &mut dyn Tx, ctx: &Ctx, set: SetSeparation) -> Result<(), Error> {
    let SetSeparation { first, second, apart, source } = set.checked()?;
    let row = Separation { first, second, apart, source, mac: Integrity::default(), version: 0 };
    match tx.find::<Separation>((first, second))? {
        None => add_sealed(tx, ctx, row),
        Some(old) => replace_sealed(tx, ctx, &old.trust("what is kept apart binds everybody").into_inner(), row).map(drop),
    }
}

/// A pair that is kept apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SeparationView {
    /// One.
    pub first: Permission,
    /// The other.
    pub second: Permission,
    /// The document, where it was approved here.
    pub source: Option<String>,
}

/// Every pair that is kept apart now.
pub(crate) fn separations(tx: &mut dyn ReadTx, rights: Rights<'_>) -> Result<Vec<SeparationView>, Error> {
    let why = Engine::work("what is kept apart binds everybody");
    let rows: Vec<Separation> = tx.scan(why, stretch(None, ()).limit((Permission::ALL.len() * Permission::ALL.len()) as u32))?;
    rights.never_was("separation/")?;
    let rows = rows.into_iter().map(|row| genuine(rights, row)).collect::<Result<Vec<_>, _>>()?;
    let here = |first, second| rows.iter().any(|r| (r.first, r.second) == (first, second));
    let shipped = SHIPPED.iter().filter(|(first, second)| !here(*first, *second));
    let shipped = shipped.map(|(first, second)| SeparationView { first: *first, second: *second, source: None });
    let own = rows.iter().filter(|r| r.apart);
    let own = own.map(|r| SeparationView { first: r.first, second: r.second, source: Some(r.source.clone()) });
    Ok(shipped.chain(own).collect())
}

/// The pairs among these permissions that are kept apart.
pub(super) fn clash(
    tx: &mut dyn ReadTx,
    rights: Rights<'_>,
    permissions: impl Iterator<Item = Permission>,
) -> Result<Vec<(Permission, Permission)>, Error> {
    let mut held: Vec<Permission> = permissions.collect();
    held.sort_unstable();
    held.dedup();
    if held.len() < 2 {
        return Ok(Vec::new());
    }
    let pairs = separations(tx, rights)?.into_iter().map(|s| (s.first, s.second));
    Ok(pairs.filter(|(first, second)| held.contains(first) && held.contains(second)).collect())
}

/// Refuses permissions that do not go together in one person.
pub(crate) fn compatible(tx: &mut dyn ReadTx, rights: Rights<'_>, permissions: impl Iterator<Item = Permission>) -> Result<(), Error> {
    match clash(tx, rights, permissions)?.first() {
        Some((first, second)) => Err(Error::Refused(Refusal::Incompatible(*first, *second))),
        None => Ok(()),
    }
}
