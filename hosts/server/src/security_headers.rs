//! The header set of every answer. A handler that sets one of them itself keeps its own: a download's
//! `sandbox` policy is stricter than the page's.
//!
//! No `Strict-Transport-Security`: this host speaks plain HTTP behind a gateway, and browsers must ignore it there
//! (RFC 6797 7.2). The gateway that ends TLS adds it.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

/// The policy of pages: nothing but our own files, no inline code, no framing.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; \
     connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; require-trusted-types-for 'script'";

const ALWAYS: [(HeaderName, &str); 8] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), microphone=(), payment=(), usb=()",
    ),
    (HeaderName::from_static("x-permitted-cross-domain-policies"), "none"),
];

/// Middleware: adds the set, and `Cache-Control: no-store` under `/api` and `/open311`.
pub async fn security_headers(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let data = ["/api", "/open311"].iter().any(|p| path.strip_prefix(p).is_some_and(|r| r.is_empty() || r.starts_with('/')));
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if data {
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::body::Body;
    use axum::routing::get;
    use tower::ServiceExt as _;

    async fn headers_of(uri: &str) -> axum::http::HeaderMap {
        let app = Router::new()
            .route("/api/v1/x", get(async || "x"))
            .route("/apiary", get(async || "x"))
            .route("/file", get(async || ([(header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox")], "x")))
            .fallback(crate::problem::not_found)
            .layer(axum::middleware::from_fn(security_headers));
        app.oneshot(Request::builder().uri(uri).body(Body::empty()).unwrap()).await.unwrap().headers().clone()
    }

    #[tokio::test]
    async fn every_answer_has_the_set_errors_too() {
        for uri in ["/api/v1/x", "/apiary", "/nowhere"] {
            let h = headers_of(uri).await;
            for (name, value) in ALWAYS {
                assert_eq!(h[&name], value, "{uri} {name}");
            }
            assert!(!h.contains_key(header::STRICT_TRANSPORT_SECURITY));
        }
    }

    #[tokio::test]
    async fn data_is_not_stored_and_own_policies_stay() {
        assert_eq!(headers_of("/api/v1/x").await[header::CACHE_CONTROL], "no-store");
        assert!(!headers_of("/apiary").await.contains_key(header::CACHE_CONTROL));
        assert_eq!(headers_of("/file").await[header::CONTENT_SECURITY_POLICY], "default-src 'none'; sandbox");
    }
}
