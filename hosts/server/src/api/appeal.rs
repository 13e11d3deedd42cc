//! Appeals: filed and followed by taxpayers, read and answered by the authority above whom they are about.

use axum::http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zhengna_core::appeal::{AnswerAppeal, AppealAnswered, AppealFiled, AppealView, FileAppeal};
use zhengna_core::id::AppealId;
use zhengna_core::operation;

use super::call::{Call, Created, Keyed};
use super::page::{PAGED, Paged, cursor_of};
use super::route::{Documented, Routes};
use crate::body::{Json, Path, Query};
use crate::problem::Problem;

pub(super) fn routes(routes: &mut Routes) {
    let get = |path, operation| Documented::new(Method::GET, path, operation);
    let post = |path, operation| Documented::new(Method::POST, path, operation);
    let filed = post("/api/v1/appeals", &operation::FILE_APPEAL).keyed().status(StatusCode::CREATED);
    routes.add(filed.body::<FileAppeal>().answer::<AppealFiled>(), file);
    routes.add(get("/api/v1/me/appeals", &operation::MY_APPEALS).query(PAGED).answer::<AppealPage>(), mine);
    routes.add(get("/api/v1/appeals", &operation::APPEALS).query(PAGED).answer::<AppealPage>(), appeals);
    routes.add(get("/api/v1/appeals/{appeal}", &operation::READ_APPEAL).answer::<AppealView>(), appeal);
    let answered = post("/api/v1/appeals/{appeal}/answer", &operation::ANSWER_APPEAL).keyed();
    routes.add(answered.body::<Answer>().answer::<AppealAnswered>(), answer);
}

/// Appeals.
#[derive(Serialize, JsonSchema)]
struct AppealPage {
    /// Newest first.
    items: Vec<AppealView>,
    /// The next page begins here; absent on the last one.
    cursor: Option<String>,
}

/// An answer.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Answer {
    /// Plain text, 1 to 2000 characters; the taxpayer reads it.
    text: String,
}

fn page_of(items: Vec<AppealView>, limit: u32) -> Json<AppealPage> {
    let cursor = cursor_of(&items, limit, |a| (a.filed_at, a.id.uuid()));
    Json(AppealPage { items, cursor })
}

async fn file(call: Keyed, Json(cmd): Json<FileAppeal>) -> Result<Created<AppealFiled>, Problem> {
    Ok(Created(call.session()?.appeals().file(cmd).await?))
}

async fn mine(call: Call, Query(asked): Query<Paged>) -> Result<Json<AppealPage>, Problem> {
    let page = asked.page()?;
    Ok(page_of(call.read(move |s| s.appeals().mine(page)).await?, page.limit))
}

async fn appeals(call: Call, Query(asked): Query<Paged>) -> Result<Json<AppealPage>, Problem> {
    let page = asked.page()?;
    Ok(page_of(call.read(move |s| s.appeals().list(page)).await?, page.limit))
}

async fn appeal(call: Call, Path(appeal): Path<AppealId>) -> Result<Json<AppealView>, Problem> {
    Ok(Json(call.read(move |s| s.appeals().appeal(appeal)).await?))
}

async fn answer(call: Keyed, Path(appeal): Path<AppealId>, Json(body): Json<Answer>) -> Result<Json<AppealAnswered>, Problem> {
    Ok(Json(call.session()?.appeals().answer(AnswerAppeal { appeal, text: body.text }).await?))
}
