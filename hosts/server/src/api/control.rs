//! Built-in control: its rules, what it found, and saying what that was.

use axum::http::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zhengna_core::control::{AlertReviewed, AlertState, AlertView, ControlRule, ReviewAlert, Verdict};
use zhengna_core::id::AlertId;
use zhengna_core::operation;

use super::call::{Call, Keyed};
use super::page::{CURSOR, LIMIT, page_at, written};
use super::route::{Documented, Param, Routes};
use crate::body::{Json, Path, Query};
use crate::problem::Problem;

const LISTED: &[Param] =
    &[Param { name: "state", about: "open, confirmed or dismissed; every one if absent.", number: false }, LIMIT, CURSOR];

pub(super) fn routes(routes: &mut Routes) {
    let get = |path, operation| Documented::new(Method::GET, path, operation);
    routes.add(get("/api/v1/control/rules", &operation::CONTROL_RULES).answer::<Rules>(), rules);
    routes.add(get("/api/v1/control/alerts", &operation::CONTROL_ALERTS).query(LISTED).answer::<AlertPage>(), alerts);
    let reviewed = Documented::new(Method::POST, "/api/v1/control/alerts/{alert}/review", &operation::REVIEW_ALERT).keyed();
    routes.add(reviewed.body::<AlertReview>().answer::<AlertReviewed>(), review);
}

/// Rules of built-in control.
#[derive(Serialize, JsonSchema)]
struct Rules {
    /// Every one, as it is in force.
    items: Vec<ControlRule>,
}

/// Alerts.
#[derive(Serialize, JsonSchema)]
struct AlertPage {
    /// Newest first.
    items: Vec<AlertView>,
    /// Goes on from here; absent at the end.
    cursor: Option<String>,
}

/// Says what an alert was.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AlertReview {
    /// What it was.
    verdict: Verdict,
    /// Why; kept in the audit trail.
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    state: Option<AlertState>,
    limit: Option<u32>,
    cursor: Option<String>,
}

async fn rules(call: Call) -> Result<Json<Rules>, Problem> {
    let items = call.read(|s| s.control().rules()).await?;
    Ok(Json(Rules { items }))
}

async fn alerts(call: Call, Query(asked): Query<Asked>) -> Result<Json<AlertPage>, Problem> {
    let page = page_at(asked.cursor.as_deref(), asked.limit)?;
    let found = call.read(move |s| s.control().alerts(asked.state, page)).await?;
    Ok(Json(AlertPage { items: found.items, cursor: found.after.map(written) }))
}

async fn review(call: Keyed, Path(alert): Path<AlertId>, Json(body): Json<AlertReview>) -> Result<Json<AlertReviewed>, Problem> {
    let reviewed = call.session()?.control().review_alert(ReviewAlert { alert, verdict: body.verdict, reason: body.reason });
    Ok(Json(reviewed.await?))
}
