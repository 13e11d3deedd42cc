//! The grid: who looks after which taxpayer.

use axum::http::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zhengna_core::grid::{AssignGridOfficer, GridOfficerAssigned, GridOfficerView};
use zhengna_core::id::TaxpayerId;
use zhengna_core::operation;

use super::call::{Call, Keyed};
use super::route::{Documented, Routes};
use crate::body::{Json, Path};
use crate::problem::Problem;

pub(super) fn routes(routes: &mut Routes) {
    let path = "/api/v1/taxpayers/{taxpayer}/grid-officers";
    routes.add(Documented::new(Method::GET, path, &operation::GRID_OFFICERS).answer::<GridOfficers>(), officers);
    let assigned = Documented::new(Method::POST, path, &operation::ASSIGN_GRID_OFFICER).keyed();
    routes.add(assigned.body::<Assign>().answer::<GridOfficerAssigned>(), assign);
}

/// Grid officers.
#[derive(Serialize, JsonSchema)]
struct GridOfficers {
    /// Newest first.
    items: Vec<GridOfficerView>,
}

/// Says who looks after the taxpayer in the path from now on.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Assign {
    /// Number of the officer, who serves taxpayers at the taxpayer's authority; absent: nobody any more.
    #[serde(default)]
    staff_no: Option<String>,
    /// Why; kept in the audit trail.
    reason: String,
}

async fn officers(call: Call, Path(taxpayer): Path<TaxpayerId>) -> Result<Json<GridOfficers>, Problem> {
    call.glance(move |s| s.grid().officers(taxpayer)).await.map(|items| Json(GridOfficers { items }))
}

async fn assign(call: Keyed, Path(taxpayer): Path<TaxpayerId>, Json(asked): Json<Assign>) -> Result<Json<GridOfficerAssigned>, Problem> {
    let cmd = AssignGridOfficer { taxpayer, staff_no: asked.staff_no, reason: asked.reason };
    Ok(Json(call.session()?.grid().assign(cmd).await?))
}
