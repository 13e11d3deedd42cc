//! The order of the layers, in one place, because most of it matters.

use std::time::Duration;

use axum::middleware::{from_fn, from_fn_with_state};
use axum::{Extension, Router};

use crate::body::JsonLimits;
use crate::detach::detach_writes;
use crate::listener::{Lifecycle, body_timeout};
use crate::logs::request_log;
use crate::problem::{catch_panic, method_not_allowed, not_found, only_problems};
use crate::security_headers::security_headers;

/// Puts everything that stands between a socket and a handler around `routes`. From the outside in: request id and
/// log line, headers, problems, panics, body deadline, detached writes, limits.
///
/// Call it last, on a router whose state is already given: layers do not reach routes that are added later.
pub fn layered(routes: Router, json: JsonLimits, body_read: Duration, lifecycle: &Lifecycle) -> Router {
    routes
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(axum::extract::DefaultBodyLimit::max(json.bytes))
        .layer(Extension(json))
        .layer(from_fn_with_state(lifecycle.clone(), detach_writes))
        .layer(from_fn_with_state(body_read, body_timeout))
        .layer(from_fn(catch_panic))
        .layer(from_fn(only_problems))
        .layer(from_fn(security_headers))
        .layer(from_fn(request_log))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::Json;
    use axum::body::Body;
    use axum::extract::Request;
    use axum::http::header;
    use axum::routing::post;
    use serde_json::Value;
    use tower::ServiceExt as _;

    async fn panics() -> &'static str {
        panic!("boom")
    }

    #[tokio::test]
    async fn every_answer_went_through_every_layer() {
        let app = layered(
            Router::new().route("/api/v1/echo", post(async |Json(v): Json<Value>| Json(v))).route("/api/v1/panics", post(panics)),
            JsonLimits { bytes: 100, depth: 3 },
            Duration::from_secs(5),
            &Lifecycle::new(),
        );
        for (method, uri, body, status, code) in [
            ("POST", "/api/v1/echo", "[1]".to_owned(), 200, None),
            ("POST", "/api/v1/echo", "[[[[1]]]]".to_owned(), 400, Some("body.too_deep")),
            ("POST", "/api/v1/echo", " ".repeat(101), 413, Some("body.too_large")),
            ("GET", "/api/v1/echo", String::new(), 405, Some("http.method_not_allowed")),
            ("POST", "/api/v1/none", String::new(), 404, Some("http.not_found")),
            ("POST", "/api/v1/panics", String::new(), 500, Some("host.internal")), // out of the detached task, then caught
        ] {
            let req = Request::builder().method(method).uri(uri).header(header::CONTENT_TYPE, "application/json");
            let r = app.clone().oneshot(req.body(Body::from(body)).unwrap()).await.unwrap();
            assert_eq!(r.status().as_u16(), status, "{uri}");
            assert_eq!(r.headers()[header::CACHE_CONTROL], "no-store");
            assert!(r.headers().contains_key(header::CONTENT_SECURITY_POLICY));
            let id = r.headers()["x-request-id"].to_str().unwrap().to_owned();
            let v: Value = serde_json::from_slice(&axum::body::to_bytes(r.into_body(), 1 << 20).await.unwrap()).unwrap();
            if let Some(code) = code {
                assert_eq!((v["code"].as_str(), v["request_id"].as_str()), (Some(code), Some(id.as_str())));
            }
        }
    }
}
