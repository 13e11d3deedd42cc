//! Who looks after a taxpayer, and who did at any instant before: one officer or nobody at a time.

use serde::Serialize;

use crate::access::{Engine, check, staff_no_of};
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::id::{OfficerId, TaxpayerId};
use crate::identity::{Taxpayer, enterprises_of};
use crate::limits;
use crate::store::{ReadTx, Reads, stretch};

record! {
    /// An officer looks after a taxpayer.
    pub struct GridOfficer in "grid_officer" {
        /// After whom: mostly an enterprise.
        taxpayer: TaxpayerId,
        /// From then on.
        starts_at: Timestamp,
        /// Until then, not included; absent while they do.
        ends_at: Option<Timestamp>,
        /// Who.
        officer: OfficerId,
        /// Counts updates.
        version: i64,
    }
    key(taxpayer, starts_at);
    version version;
}

impl GridOfficer {
    /// Whether they look after the taxpayer at `at`.
    pub fn holds(&self, at: Timestamp) -> bool {
        self.starts_at <= at && self.ends_at.is_none_or(|end| at < end)
    }
}

/// The newest of a taxpayer.
pub(super) fn newest_of(tx: &mut dyn ReadTx, taxpayer: TaxpayerId) -> Result<Option<GridOfficer>, Error> {
    let range = stretch(None, (taxpayer,)).newest_first().limit(1);
    let rows: Vec<GridOfficer> = tx.scan(Engine::work("who looks after a taxpayer"), range)?;
    Ok(rows.into_iter().next())
}

/// Who looks after somebody that asks: after the enterprise for which they were let in; else after themselves; else after all the
/// enterprises for which they act and that somebody looks after, if that is one officer; of [`limits::GRID_ENTERPRISES_MAX`] of them.
pub(crate) fn looks_after(
    tx: &mut dyn ReadTx,
    taxpayer: TaxpayerId,
    on_behalf: Option<TaxpayerId>,
    at: Timestamp,
) -> Result<Option<OfficerId>, Error> {
    let of = |tx: &mut dyn ReadTx, id| Ok::<_, Error>(newest_of(tx, id)?.filter(|row| row.holds(at)).map(|row| row.officer));
    if let Some(enterprise) = on_behalf {
        return of(tx, enterprise);
    }
    if let Some(own) = of(tx, taxpayer)? {
        return Ok(Some(own));
    }
    let mut officers = Vec::new();
    for enterprise in enterprises_of(tx, taxpayer, at)?.into_iter().take(limits::GRID_ENTERPRISES_MAX) {
        officers.extend(of(tx, enterprise)?);
    }
    officers.dedup();
    Ok(if let [one] = officers[..] { Some(one) } else { None })
}

/// Who looks after a taxpayer, or did.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GridOfficerView {
    /// Number of the officer.
    pub staff_no: Option<String>,
    /// From when.
    pub starts_at: Timestamp,
    /// Until when; absent while they do.
    pub ends_at: Option<Timestamp>,
}

/// The grid officers of a taxpayer, newest first, [`limits::GRID_OFFICERS_SHOWN_MAX`] of them.
pub fn grid_officers(tx: &mut dyn ReadTx, ctx: &Ctx, taxpayer: TaxpayerId) -> Result<Vec<GridOfficerView>, Error> {
    let found = tx.find::<Taxpayer>((taxpayer,))?;
    let taxpayer = check(ctx, found)?.id;
    let range = stretch(None, (taxpayer,)).newest_first().limit(limits::GRID_OFFICERS_SHOWN_MAX);
    let rows: Vec<GridOfficer> = tx.scan(Engine::work("who looked after a taxpayer whom the caller opened"), range)?;
    rows.into_iter()
        .map(|row| Ok(GridOfficerView { staff_no: staff_no_of(tx, row.officer)?, starts_at: row.starts_at, ends_at: row.ends_at }))
        .collect()
}
