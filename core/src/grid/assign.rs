//! Saying who looks after a taxpayer from now on (网格员分配).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::GridOfficer;
use super::grid_officer::newest_of;
use crate::access::{Permission, check, find_officer, holds_at};
use crate::ctx::Ctx;
use crate::error::{Error, Problem};
use crate::id::{OfficerId, TaxpayerId};
use crate::identity::{Taxpayer, reason};
use crate::store::{ReadTx, Reads, Tx, Writes};

/// Says who looks after a taxpayer from now on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AssignGridOfficer {
    /// After whom: an enterprise, or a person who is one's own business.
    pub taxpayer: TaxpayerId,
    /// Number of the officer, who serves taxpayers at the taxpayer's authority; absent: nobody any more.
    #[serde(default)]
    pub staff_no: Option<String>,
    /// Why; kept in the audit trail.
    pub reason: String,
}

/// Who looks after the taxpayer now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GridOfficerAssigned {
    /// After whom.
    pub taxpayer: TaxpayerId,
    /// Number of the officer.
    pub staff_no: Option<String>,
}

impl crate::core::Answer for GridOfficerAssigned {
    fn subject(&self) -> String {
        format!("taxpayer/{}/grid_officer", self.taxpayer)
    }
}

/// Says who looks after a taxpayer. What whoever did before is kept: who was responsible is asked later. Saying the same again changes nothing.
///
/// # Errors
/// `NotFound` for a taxpayer beyond reach; `Invalid` for an officer who does not serve taxpayers at their authority.
pub fn assign(tx: &mut dyn Tx, ctx: &Ctx, cmd: AssignGridOfficer) -> Result<GridOfficerAssigned, Error> {
    reason(&cmd.reason)?;
    let found = tx.find::<Taxpayer>((cmd.taxpayer,))?;
    let taxpayer = check(ctx, found)?;
    let staff_no = cmd.staff_no.map(|staff_no| staff_no.trim().to_owned());
    let officer = staff_no.as_deref().map(|staff_no| serving(tx, ctx, &taxpayer, staff_no)).transpose()?;
    let answer = GridOfficerAssigned { taxpayer: taxpayer.id, staff_no };
    let newest = newest_of(tx, taxpayer.id)?;
    // Two changes of one instant follow each other all the same.
    let at = newest.as_ref().map_or(ctx.now(), |row| ctx.now().max(row.starts_at.plus(Duration::from_micros(1))));
    let holding = newest.filter(|row| row.holds(at));
    if holding.as_ref().map(|row| row.officer) == officer {
        return Ok(answer);
    }
    if let Some(row) = holding {
        tx.replace(&row, GridOfficer { ends_at: Some(at), ..row.clone() })?;
    }
    if let Some(officer) = officer {
        tx.add(&GridOfficer { taxpayer: taxpayer.id, starts_at: at, ends_at: None, officer, version: 0 })?;
    }
    Ok(answer)
}

fn serving(tx: &mut dyn ReadTx, ctx: &Ctx, taxpayer: &Taxpayer, staff_no: &str) -> Result<OfficerId, Error> {
    let unknown = || Error::invalid("staff_no", Problem::Unknown("officer"));
    let officer = find_officer(tx, staff_no)?.ok_or_else(unknown)?;
    if holds_at(tx, ctx, officer, Permission::ServeTaxpayers, &taxpayer.authority)? { Ok(officer) } else { Err(unknown()) }
}
