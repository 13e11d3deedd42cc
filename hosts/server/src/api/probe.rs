//! What machines ask a host about itself.

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::call::Host;
use crate::app::App;
use crate::body::Json;
use crate::problem::Problem;

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/api/openapi.json", get(async || Json(crate::openapi::document())))
}

/// Ready when storage reads and writes, and no stop was asked for.
async fn ready(app: Host) -> Response {
    if app.lifecycle().is_stopping() {
        return Problem::of_status(StatusCode::SERVICE_UNAVAILABLE).into_response();
    }
    match app.read(|core| core.store().check().map_err(Into::into)).await {
        Ok(()) => "ready\n".into_response(),
        Err(problem) => Problem { status: StatusCode::SERVICE_UNAVAILABLE, ..problem }.into_response(),
    }
}

async fn metrics(app: Host) -> Response {
    // Counters are told even while storage cannot be read.
    let missing = app.read(|core| core.missing_notice()).await.ok();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], app.metrics().text(missing)).into_response()
}
