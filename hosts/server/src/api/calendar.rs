//! Working days, filing periods, terms; and who may change them.

use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zhengna_core::calendar::{
    Approve, AskDue, CalendarYear, Decided, Draft, DueView, FilingYear, ProposalView, Proposed, Reject, TermUnit,
};
use zhengna_core::id::ProposalId;
use zhengna_core::identity::AuthorityCode;
use zhengna_core::{Error, Timestamp, error, limits, operation};

use super::call::{Call, Created, Keyed};
use super::route::{Documented, Param, Routes};
use crate::body::{Json, Path, Query};
use crate::ics;
use crate::problem::Problem;

const DUE: &[Param] = &[
    Param { name: "began", about: "When the term begins: RFC 3339, its + written as %2B.", number: false },
    Param { name: "amount", about: "How long it is.", number: true },
    Param { name: "unit", about: "In what: working_days, open_minutes or minutes.", number: false },
    Param { name: "authority", about: "Whose office hours count: 11 digits; the assumed ones if absent.", number: false },
];
const PROPOSALS: &[Param] = &[
    Param { name: "limit", about: "Rows wanted, 1 to 20; 20 if absent.", number: true },
    Param { name: "before", about: "Those proposed before this one, by its id; the newest if absent.", number: false },
];

pub(super) fn routes(routes: &mut Routes) {
    let get = |path, operation| Documented::new(Method::GET, path, operation);
    let post = |path, operation| Documented::new(Method::POST, path, operation);
    routes.add(get("/api/v1/calendar/due", &operation::DUE).query(DUE).answer::<DueView>(), due);
    routes.add(get("/api/v1/calendar/{year}", &operation::CALENDAR_YEAR).answer::<CalendarYear>(), year);
    routes.add(get("/api/v1/calendar/{year}/filing-periods", &operation::FILING_PERIODS).answer::<FilingYear>(), filing_periods);
    routes.add(get("/api/v1/calendar/proposals", &operation::PROPOSALS).query(PROPOSALS).answer::<Proposals>(), proposals);
    let proposed = post("/api/v1/calendar/proposals", &operation::PROPOSE).keyed().status(StatusCode::CREATED);
    routes.add(proposed.body::<Draft>().answer::<Proposed>(), propose);
    let approved = post("/api/v1/calendar/proposals/{proposal}/approve", &operation::APPROVE).keyed();
    routes.add(approved.body::<Approval>().answer::<Decided>(), approve);
    let rejected = post("/api/v1/calendar/proposals/{proposal}/reject", &operation::REJECT).keyed();
    routes.add(rejected.body::<Rejection>().answer::<Decided>(), reject);
}

/// Proposals.
#[derive(Serialize, JsonSchema)]
struct Proposals {
    /// Newest first.
    items: Vec<ProposalView>,
}

/// Approves a proposal.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Approval {
    /// The digest of what was looked at, as the proposal shows it.
    digest: String,
}

/// Rejects a proposal.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Rejection {
    /// The digest of what was looked at, as the proposal shows it.
    digest: String,
    /// Why, for whoever proposed it; kept in the audit trail.
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    began: Timestamp,
    amount: u32,
    unit: TermUnit,
    authority: Option<AuthorityCode>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Before {
    limit: Option<u32>,
    before: Option<ProposalId>,
}

/// `2026`, or `2026.ics`: the same year for a calendar program. The router knows no endings of a part.
async fn year(call: Call, Path(asked): Path<String>) -> Result<Response, Problem> {
    let (digits, as_ics) = asked.strip_suffix(".ics").map_or((&*asked, false), |digits| (digits, true));
    let year = year_of(digits)?;
    if !as_ics {
        return call.read(move |s| s.calendar().year(year)).await.map(|year| Json(year).into_response());
    }
    let (days, filing) = call.read(move |s| Ok((s.calendar().year(year)?, s.calendar().filing_periods(year)?))).await?;
    Ok(([(header::CONTENT_TYPE, "text/calendar; charset=utf-8")], ics::write(&days, &filing)).into_response())
}

fn year_of(digits: &str) -> Result<i32, Problem> {
    let malformed = || Error::invalid("year", error::Problem::Malformed("expected a year such as 2026, or 2026.ics".into()));
    let plain = digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| plain).ok_or_else(|| malformed().into())
}

async fn filing_periods(call: Call, Path(asked): Path<String>) -> Result<Json<FilingYear>, Problem> {
    let year = year_of(&asked)?;
    call.read(move |s| s.calendar().filing_periods(year)).await.map(Json)
}

async fn due(call: Call, Query(asked): Query<Asked>) -> Result<Json<DueView>, Problem> {
    let Asked { began, amount, unit, authority } = asked;
    call.read(move |s| s.calendar().due(AskDue { began, amount, unit, authority })).await.map(Json)
}

async fn proposals(call: Call, Query(query): Query<Before>) -> Result<Json<Proposals>, Problem> {
    let limit = query.limit.unwrap_or(limits::PROPOSALS_SHOWN_MAX);
    if !(1..=limits::PROPOSALS_SHOWN_MAX).contains(&limit) {
        let range = error::Problem::OutOfRange { min: 1, max: i64::from(limits::PROPOSALS_SHOWN_MAX) };
        return Err(Error::invalid("limit", range).into());
    }
    let items = call.read(move |s| s.calendar().proposals(query.before, limit)).await?;
    Ok(Json(Proposals { items }))
}

async fn propose(call: Keyed, Json(draft): Json<Draft>) -> Result<Created<Proposed>, Problem> {
    let proposed = call.session()?.calendar().propose(draft);
    Ok(Created(proposed.await?))
}

async fn approve(call: Keyed, Path(proposal): Path<ProposalId>, Json(body): Json<Approval>) -> Result<Json<Decided>, Problem> {
    let decided = call.session()?.calendar().approve(Approve { proposal, digest: body.digest });
    Ok(Json(decided.await?))
}

async fn reject(call: Keyed, Path(proposal): Path<ProposalId>, Json(body): Json<Rejection>) -> Result<Json<Decided>, Problem> {
    let decided = call.session()?.calendar().reject(Reject { proposal, digest: body.digest, reason: body.reason });
    Ok(Json(decided.await?))
}
