//! Working days, filing periods, terms; and who may change them.

use axum::extract::{FromRequest, FromRequestParts as _, Request};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zhengna_core::approval::Opened;
use zhengna_core::calendar::{AskDue, CalendarYear, Draft, DueView, FilingYear, LegalNumbersView, Pause, TermUnit};
use zhengna_core::identity::AuthorityCode;
use zhengna_core::{Error, Timestamp, error, operation};

use super::call::{Call, Created, Keyed};
use super::route::{Documented, Param, Routes};
use crate::body::{self, Json, Path, Query};
use crate::ics;
use crate::problem::Problem;

const DUE: &[Param] = &[
    Param { name: "began", about: "When the term begins: RFC 3339, its + written as %2B.", number: false },
    Param { name: "amount", about: "How long it is.", number: true },
    Param { name: "unit", about: "In what: working_days, open_minutes or minutes.", number: false },
    Param {
        name: "pauses",
        about: "When its clock stands still: ISO 8601 intervals with commas between, .. in the place of the end of one that lasts.",
        number: false,
    },
    Param { name: "authority", about: "Whose office hours count: 11 digits; the assumed ones if absent.", number: false },
];
const OF_NOTICE: &[Param] = &[
    Param { name: "year", about: "Of an iCalendar file alone: the year it is taken for; days of others are left out.", number: true },
    Param { name: "document", about: "Of an iCalendar file alone: number of the document.", number: false },
    Param { name: "title", about: "Of an iCalendar file alone: title of the document.", number: false },
    Param { name: "source", about: "Of an iCalendar file alone: where the document was published.", number: false },
];
const ICS: &str = "text/calendar";

pub(super) fn routes(routes: &mut Routes) {
    let get = |path, operation| Documented::new(Method::GET, path, operation);
    let post = |path, operation| Documented::new(Method::POST, path, operation);
    routes.add(get("/api/v1/calendar/due", &operation::DUE).query(DUE).answer::<DueView>(), due);
    routes.add(get("/api/v1/calendar/{year}", &operation::CALENDAR_YEAR).answer::<CalendarYear>(), year);
    routes.add(get("/api/v1/calendar/{year}/filing-periods", &operation::FILING_PERIODS).answer::<FilingYear>(), filing_periods);
    routes.add(get("/api/v1/legal-numbers", &operation::LEGAL_NUMBERS).answer::<LegalNumbersView>(), legal_numbers);
    let proposed = post("/api/v1/calendar/proposals", &operation::PROPOSE).keyed().status(StatusCode::CREATED);
    routes.add(proposed.query(OF_NOTICE).body::<Draft>().or_text(ICS).answer::<Proposed>(), propose);
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    began: Timestamp,
    amount: u32,
    unit: TermUnit,
    authority: Option<AuthorityCode>,
    pauses: Option<String>,
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

async fn legal_numbers(call: Call) -> Result<Json<LegalNumbersView>, Problem> {
    call.read(|s| s.calendar().legal_numbers()).await.map(Json)
}

async fn due(call: Call, Query(asked): Query<Asked>) -> Result<Json<DueView>, Problem> {
    let Asked { began, amount, unit, authority, pauses } = asked;
    let pauses = pauses.as_deref().map(Pause::parse_list).transpose()?.unwrap_or_default();
    call.read(move |s| s.calendar().due(AskDue { began, amount, unit, authority, pauses })).await.map(Json)
}

/// What is proposed: as JSON; or the iCalendar file of a notice, and in the query what such a file does not say.
struct Drafted {
    draft: Draft,
    /// Of such a file: how many of its days belong to other years.
    days_left_out: Option<usize>,
}

/// What was put forward.
#[derive(Serialize, JsonSchema)]
struct Proposed {
    #[serde(flatten)]
    opened: Opened,
    /// Of an iCalendar file: how many of its days belong to other years than the one named, and were left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    days_left_out: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfNotice {
    year: i32,
    document: String,
    title: String,
    source: String,
}

impl<S: Send + Sync> FromRequest<S> for Drafted {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        // Calendar programs say which kind of message and component it is.
        if !body::is_of_type(request.headers(), ICS, &["method", "component"]) {
            return Json::from_request(request, state).await.map(|Json(draft)| Self { draft, days_left_out: None });
        }
        let (mut parts, body) = request.into_parts();
        let Query(OfNotice { year, document, title, source }) = Query::from_request_parts(&mut parts, state).await?;
        let text = body::text(Request::from_parts(parts, body)).await?;
        let (change, left_out) = ics::notice(&text, year)?;
        Ok(Self { draft: Draft { document, title, source, change }, days_left_out: Some(left_out) })
    }
}

async fn propose(call: Keyed, Drafted { draft, days_left_out }: Drafted) -> Result<Created<Proposed>, Problem> {
    let opened = call.session()?.calendar().propose(draft).await?;
    Ok(Created(Proposed { opened, days_left_out }))
}
