//! Canned replies.

use axum::http::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zhengna_core::id::CannedReplyId;
use zhengna_core::interaction::{
    CannedReplyPut, CannedReplyView, DeleteCannedReply, DeleteOwnCannedReply, FindCannedReplies, PutCannedReply, PutOwnCannedReply,
};
use zhengna_core::operation;

use super::call::{Call, Keyed};
use super::page::{LIMIT, rows};
use super::route::{Documented, Param, Routes};
use crate::body::{Json, Path, Query};
use crate::problem::Problem;

const FIND: &[Param] = &[LIMIT, Param { name: "find", about: "What stands in topic or text; all if absent.", number: false }];

pub(super) fn routes(routes: &mut Routes) {
    let route = |method, path, operation| Documented::new(method, path, operation);
    let put = route(Method::POST, "/api/v1/canned-replies", &operation::PUT_CANNED_REPLY).keyed();
    routes.add(put.body::<PutCannedReply>().answer::<CannedReplyPut>(), put_shared);
    let deleted = route(Method::DELETE, "/api/v1/canned-replies/{reply}", &operation::DELETE_CANNED_REPLY).keyed();
    routes.add(deleted.answer::<CannedReplyPut>(), delete_shared);
    let managed = route(Method::GET, "/api/v1/managed-canned-replies", &operation::MANAGED_CANNED_REPLIES);
    routes.add(managed.query(FIND).answer::<CannedReplies>(), managed_ones);
    let put = route(Method::POST, "/api/v1/me/canned-replies", &operation::PUT_OWN_CANNED_REPLY).keyed();
    routes.add(put.body::<PutOwnCannedReply>().answer::<CannedReplyPut>(), put_own);
    let deleted = route(Method::DELETE, "/api/v1/me/canned-replies/{reply}", &operation::DELETE_OWN_CANNED_REPLY).keyed();
    routes.add(deleted.answer::<CannedReplyPut>(), delete_own);
    let usable = route(Method::GET, "/api/v1/me/canned-replies", &operation::CANNED_REPLIES);
    routes.add(usable.query(FIND).answer::<CannedReplies>(), usable_ones);
}

/// Canned replies.
#[derive(Serialize, JsonSchema)]
struct CannedReplies {
    /// The newest first.
    items: Vec<CannedReplyView>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Find {
    find: Option<String>,
    limit: Option<u32>,
}

impl Find {
    fn asked(self) -> Result<FindCannedReplies, Problem> {
        Ok(FindCannedReplies { find: self.find, limit: rows(self.limit)? })
    }
}

async fn put_shared(call: Keyed, Json(body): Json<PutCannedReply>) -> Result<Json<CannedReplyPut>, Problem> {
    let put = call.session()?.interaction().put_canned_reply(body);
    Ok(Json(put.await?))
}

async fn delete_shared(call: Keyed, Path(reply): Path<CannedReplyId>) -> Result<Json<CannedReplyPut>, Problem> {
    let deleted = call.session()?.interaction().delete_canned_reply(DeleteCannedReply { reply });
    Ok(Json(deleted.await?))
}

async fn managed_ones(call: Call, Query(find): Query<Find>) -> Result<Json<CannedReplies>, Problem> {
    let asked = find.asked()?;
    let items = call.read(move |s| s.interaction().managed_canned_replies(asked)).await?;
    Ok(Json(CannedReplies { items }))
}

async fn put_own(call: Keyed, Json(body): Json<PutOwnCannedReply>) -> Result<Json<CannedReplyPut>, Problem> {
    let put = call.session()?.interaction().put_own_canned_reply(body);
    Ok(Json(put.await?))
}

async fn delete_own(call: Keyed, Path(reply): Path<CannedReplyId>) -> Result<Json<CannedReplyPut>, Problem> {
    let deleted = call.session()?.interaction().delete_own_canned_reply(DeleteOwnCannedReply { reply });
    Ok(Json(deleted.await?))
}

async fn usable_ones(call: Call, Query(find): Query<Find>) -> Result<Json<CannedReplies>, Problem> {
    let asked = find.asked()?;
    let items = call.read(move |s| s.interaction().canned_replies(asked)).await?;
    Ok(Json(CannedReplies { items }))
}
