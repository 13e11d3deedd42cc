//! Lists that officers import (名单导入). The file is the body; the same file is given to look at it, to put it forward, and to import it.

use std::collections::BTreeMap;

use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use zhengna_core::approval::Opened;
use zhengna_core::identity::{ImportList, ListImported, ListTold};
use zhengna_core::operation;

use super::call::{Call, Keyed};
use super::lines::{Line, in_lines};
use super::route::{Documented, Param, Routes};
use crate::body::{Query, upload};
use crate::lists::{Given, List, ListError};
use crate::problem::Problem;
use crate::table::{self, TableError};

const LIST: Param =
    Param { name: "list", about: "What a row says: people, relations, real_names, rosters or former_numbers.", number: false };
const NAME: Param = Param { name: "name", about: "Name of the list, such as the file's, 1 to 100 characters.", number: false };
const SET: Param = Param {
    name: "set",
    about: "Values of columns for rows that have none: a JSON object of texts, by the columns' names.",
    number: false,
};
const REASON: Param = Param { name: "reason", about: "Why it is imported, for whoever decides; kept in the audit trail.", number: false };

pub(super) fn routes(routes: &mut Routes) {
    let post = |path, operation| Documented::new(Method::POST, path, operation).upload();
    let examined = post("/api/v1/imports/examinations", &operation::EXAMINE_LIST).query(&[LIST, NAME, SET]);
    routes.add(examined.lines::<Line<ListTold>>(), examine);
    let proposed = post("/api/v1/imports/proposals", &operation::PROPOSE_IMPORT).keyed().query(&[LIST, NAME, SET, REASON]);
    routes.add(proposed.lines::<Line<Opened>>(), propose);
    let imported = post("/api/v1/imports", &operation::IMPORT_LIST).query(&[LIST, NAME, SET]);
    routes.add(imported.lines::<Line<ListImported>>(), import);
}

/// How a file is to be read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    list: List,
    name: String,
    #[serde(default)]
    set: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Proposed {
    list: List,
    name: String,
    #[serde(default)]
    set: Option<String>,
    reason: String,
}

async fn examine(call: Call, Query(asked): Query<Asked>, request: Request) -> Result<Response, Problem> {
    let (place, list) = read(&call, asked, request).await?;
    in_lines(&call.app, call.session(), list.len() as u64, place, move |s, progress| s.identity().examine_list(&list, progress)).await
}

async fn propose(call: Keyed, Query(asked): Query<Proposed>, request: Request) -> Result<Response, Problem> {
    let Proposed { list, name, set, reason } = asked;
    let (place, list) = read(&call.0, Asked { list, name, set }, request).await?;
    let steps = list.len() as u64;
    in_lines(&call.0.app, call.session()?, steps, place, move |s, progress| s.identity().propose_import(&list, reason, progress)).await
}

async fn import(call: Call, Query(asked): Query<Asked>, request: Request) -> Result<Response, Problem> {
    let (place, list) = read(&call, asked, request).await?;
    in_lines(&call.app, call.session(), 2 * list.len() as u64, place, move |s, progress| s.identity().import_list(&list, progress)).await
}

/// The list in a file, and the place that was taken for it. Whoever imports no lists is told so before anything is read.
async fn read(call: &Call, asked: Asked, request: Request) -> Result<(OwnedSemaphorePermit, ImportList), Problem> {
    call.glance(|s| s.identity().may_import_lists()).await?;
    let given = given(asked.list, asked.set.as_deref())?;
    let place = call.app.place_for_list()?;
    let bytes = upload(request, table::UPLOAD_BYTES_MAX).await?;
    let reader = call.app.config().table_reader.clone();
    let Asked { list, name, .. } = asked;
    // The place goes with the reading: a client that leaves does not let another file in before this one is read.
    let read = move || -> Result<(OwnedSemaphorePermit, ImportList), Problem> {
        let sheet = table::read_bytes_apart(reader.as_deref(), &bytes).map_err(of_table)?;
        let table = sheet.headed(|titles| list.is_named_by(titles, &given)).map_err(of_table)?;
        let rows = list.rows(&table, &given).map_err(of_list)?;
        Ok((place, ImportList::new(&name, rows)?))
    };
    let ended = tokio::task::spawn_blocking(read).await;
    ended.map_err(|_| Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR))?
}

/// What stands in the place of what rows leave out.
fn given(list: List, set: Option<&str>) -> Result<Vec<Given>, Problem> {
    let wrong = || {
        let detail = "Expected a JSON object of texts, by names of columns that the list has.";
        Problem::new(StatusCode::BAD_REQUEST, "query.invalid", "统一指定的内容有误，请核对列名", detail).with_field("set")
    };
    let set: BTreeMap<String, String> = set.map_or(Ok(BTreeMap::new()), serde_json::from_str).map_err(|_| wrong())?;
    set.iter().map(|(name, value)| list.given(name, value).ok_or_else(wrong)).collect()
}

fn of_table(error: TableError) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "list.unreadable", error.title(), format!("The file {error}."))
}

fn of_list(error: ListError) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "list.columns", error.title(), format!("The table is not that list: {error}."))
}
