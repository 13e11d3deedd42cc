//! What was put forward for approval, and deciding about it.

use axum::http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zhengna_core::approval::{
    Approvals, Approve, Decided, Delegate, Delegated, DelegationEnded, DelegationView, Execute, Reject, Which, Withdraw,
};
use zhengna_core::id::{ApprovalId, DelegationId};
use zhengna_core::{limits, operation};

use super::call::{Call, Created, Keyed};
use super::page::within;
use super::route::{Documented, Param, Routes};
use crate::body::{Json, Path, Query};
use crate::problem::Problem;

const LISTED: &[Param] = &[
    Param {
        name: "which",
        about: "all, for_me (what waits for the caller) or mine (what the caller put forward); all if absent.",
        number: false,
    },
    Param { name: "limit", about: "Rows wanted, 1 to 20; 20 if absent.", number: true },
    Param { name: "before", about: "Those put forward before this one, by its id; the newest if absent.", number: false },
];

pub(super) fn routes(routes: &mut Routes) {
    let get = |path, operation| Documented::new(Method::GET, path, operation);
    let post = |path, operation| Documented::new(Method::POST, path, operation).keyed();
    routes.add(get("/api/v1/approvals", &operation::APPROVALS).query(LISTED).answer::<Approvals>(), list);
    let approved = post("/api/v1/approvals/{approval}/approve", &operation::APPROVE);
    routes.add(approved.body::<Agreement>().answer::<Decided>(), approve);
    let rejected = post("/api/v1/approvals/{approval}/reject", &operation::REJECT);
    routes.add(rejected.body::<Rejection>().answer::<Decided>(), reject);
    let withdrawn = post("/api/v1/approvals/{approval}/withdraw", &operation::WITHDRAW);
    routes.add(withdrawn.body::<Withdrawal>().answer::<Decided>(), withdraw);
    let executed = post("/api/v1/approvals/{approval}/execute", &operation::EXECUTE);
    routes.add(executed.body::<Agreement>().answer::<Decided>(), execute);
    let delegated = post("/api/v1/delegations", &operation::DELEGATE).status(StatusCode::CREATED);
    routes.add(delegated.body::<Delegate>().answer::<Delegated>(), delegate);
    routes.add(get("/api/v1/delegations", &operation::DELEGATIONS).answer::<Delegations>(), delegations);
    let ended = Documented::new(Method::DELETE, "/api/v1/delegations/{delegation}", &operation::END_DELEGATION).keyed();
    routes.add(ended.answer::<DelegationEnded>(), end_delegation);
}

/// Agrees to what was put forward, or carries it out.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Agreement {
    /// The digest of what was looked at, as the approval shows it.
    digest: String,
}

/// Rejects what was put forward.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Rejection {
    /// The digest of what was looked at, as the approval shows it.
    digest: String,
    /// Why, for whoever put it forward; kept in the audit trail.
    reason: String,
}

/// Takes back what the caller put forward.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Withdrawal {
    /// Why; kept in the audit trail.
    reason: String,
}

/// Delegations.
#[derive(Serialize, JsonSchema)]
struct Delegations {
    /// Those that are not over, given and taken.
    items: Vec<DelegationView>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    which: Option<Which>,
    limit: Option<u32>,
    before: Option<ApprovalId>,
}

async fn list(call: Call, Query(asked): Query<Asked>) -> Result<Json<Approvals>, Problem> {
    let limit = within(asked.limit.unwrap_or(limits::APPROVALS_SHOWN_MAX), limits::APPROVALS_SHOWN_MAX)?;
    call.read(move |s| s.approval().list(asked.which.unwrap_or_default(), asked.before, limit)).await.map(Json)
}

async fn approve(call: Keyed, Path(approval): Path<ApprovalId>, Json(body): Json<Agreement>) -> Result<Json<Decided>, Problem> {
    let decided = call.session()?.approval().approve(Approve { approval, digest: body.digest });
    Ok(Json(decided.await?))
}

async fn reject(call: Keyed, Path(approval): Path<ApprovalId>, Json(body): Json<Rejection>) -> Result<Json<Decided>, Problem> {
    let decided = call.session()?.approval().reject(Reject { approval, digest: body.digest, reason: body.reason });
    Ok(Json(decided.await?))
}

async fn withdraw(call: Keyed, Path(approval): Path<ApprovalId>, Json(body): Json<Withdrawal>) -> Result<Json<Decided>, Problem> {
    let decided = call.session()?.approval().withdraw(Withdraw { approval, reason: body.reason });
    Ok(Json(decided.await?))
}

async fn execute(call: Keyed, Path(approval): Path<ApprovalId>, Json(body): Json<Agreement>) -> Result<Json<Decided>, Problem> {
    let decided = call.session()?.approval().execute(Execute { approval, digest: body.digest });
    Ok(Json(decided.await?))
}

async fn delegate(call: Keyed, Json(body): Json<Delegate>) -> Result<Created<Delegated>, Problem> {
    let delegated = call.session()?.approval().delegate(body);
    Ok(Created(delegated.await?))
}

async fn delegations(call: Call) -> Result<Json<Delegations>, Problem> {
    let items = call.read(|s| s.approval().delegations()).await?;
    Ok(Json(Delegations { items }))
}

async fn end_delegation(call: Keyed, Path(delegation): Path<DelegationId>) -> Result<Json<DelegationEnded>, Problem> {
    let ended = call.session()?.approval().end_delegation(delegation);
    Ok(Json(ended.await?))
}
