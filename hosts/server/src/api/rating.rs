//! Ratings of services, and what follows the low ones.

use axum::http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zhengna_core::id::ConversationId;
use zhengna_core::interaction::{
    AnswerFollowUp, FollowUpState, FollowUpView, FollowUpsAsked, FollowedUp, Grade, Rate, Rated, RatingReasons, RatingState, Revisit,
    RevisitFollowUp,
};
use zhengna_core::operation;

use super::call::{Call, Created, Keyed};
use super::page::{CURSOR, LIMIT, page_at, written};
use super::route::{Documented, Param, Routes};
use crate::body::{Json, Path, Query};
use crate::problem::Problem;

const FOLLOW_UPS: &[Param] = &[
    Param { name: "state", about: "open, answered, revisited or dropped; any if absent.", number: false },
    Param { name: "overdue", about: "true for those only that were not answered in time.", number: false },
    LIMIT,
    CURSOR,
];

pub(super) fn routes(routes: &mut Routes) {
    let get = |path, operation| Documented::new(Method::GET, path, operation);
    let post = |path, operation| Documented::new(Method::POST, path, operation).keyed();
    routes.add(get("/api/v1/rating-reasons", &operation::RATING_REASONS).answer::<RatingReasons>(), rating_reasons);
    let rated = post("/api/v1/conversations/{conversation}/rating", &operation::RATE).status(StatusCode::CREATED);
    routes.add(rated.body::<NewRating>().answer::<Rated>(), rate);
    routes.add(get("/api/v1/conversations/{conversation}/rating", &operation::RATING).answer::<RatingState>(), rating);
    routes.add(get("/api/v1/follow-ups", &operation::FOLLOW_UPS).query(FOLLOW_UPS).answer::<FollowUpPage>(), follow_ups);
    let answered = post("/api/v1/conversations/{conversation}/follow-up/answer", &operation::ANSWER_FOLLOW_UP);
    routes.add(answered.body::<Answer>().answer::<FollowedUp>(), answer_follow_up);
    let revisited = post("/api/v1/conversations/{conversation}/follow-up/revisit", &operation::REVISIT_FOLLOW_UP);
    routes.add(revisited.body::<Heard>().answer::<FollowedUp>(), revisit_follow_up);
}

/// A rating.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewRating {
    /// How good the service was.
    grade: Grade,
    /// Codes of reasons that go with the grade; may be empty.
    reasons: Vec<String>,
    /// What else there is to say, at most 500 characters.
    comment: Option<String>,
}

/// Follow-ups.
#[derive(Serialize, JsonSchema)]
struct FollowUpPage {
    /// Newest first.
    items: Vec<FollowUpView>,
    /// The next page begins here; absent on the last one.
    cursor: Option<String>,
}

/// An answer to a low rating.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Answer {
    /// What was put right, or why it was as it was, 1 to 500 characters; the taxpayer reads it.
    answer: String,
    /// Whether the warning of numbers of people in it was seen, and it is given all the same.
    #[serde(default)]
    confirmed: bool,
}

/// What a call-back heard.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Heard {
    /// What it heard.
    revisit: Revisit,
    /// What was said, 1 to 500 characters.
    note: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    state: Option<FollowUpState>,
    overdue: Option<bool>,
    limit: Option<u32>,
    cursor: Option<String>,
}

async fn rating_reasons(call: Call) -> Result<Json<RatingReasons>, Problem> {
    call.glance(|s| s.interaction().rating_reasons()).await.map(Json)
}

async fn rate(call: Keyed, Path(conversation): Path<ConversationId>, Json(new): Json<NewRating>) -> Result<Created<Rated>, Problem> {
    let NewRating { grade, reasons, comment } = new;
    let rated = call.session()?.interaction().rate(Rate { conversation, grade, reasons, comment });
    Ok(Created(rated.await?))
}

async fn rating(call: Call, Path(id): Path<ConversationId>) -> Result<Json<RatingState>, Problem> {
    call.glance(move |s| s.interaction().rating(id)).await.map(Json)
}

async fn follow_ups(call: Call, Query(asked): Query<Asked>) -> Result<Json<FollowUpPage>, Problem> {
    let page = page_at(asked.cursor.as_deref(), asked.limit)?;
    let wanted = FollowUpsAsked { state: asked.state, overdue: asked.overdue.unwrap_or(false) };
    let found = call.read(move |s| s.interaction().follow_ups(wanted, page)).await?;
    Ok(Json(FollowUpPage { items: found.items, cursor: found.after.map(written) }))
}

async fn answer_follow_up(
    call: Keyed,
    Path(conversation): Path<ConversationId>,
    Json(Answer { answer, confirmed }): Json<Answer>,
) -> Result<Json<FollowedUp>, Problem> {
    let answered = call.session()?.interaction().answer_follow_up(AnswerFollowUp { conversation, answer, confirmed });
    Ok(Json(answered.await?))
}

async fn revisit_follow_up(
    call: Keyed,
    Path(conversation): Path<ConversationId>,
    Json(Heard { revisit, note }): Json<Heard>,
) -> Result<Json<FollowedUp>, Problem> {
    let revisited = call.session()?.interaction().revisit_follow_up(RevisitFollowUp { conversation, revisit, note });
    Ok(Json(revisited.await?))
}
