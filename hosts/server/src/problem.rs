//! Every error this host answers is a `Problem`: RFC 9457 `application/problem+json` with a stable `code`.
//!
//! `title` is for the person (Chinese), `detail` for the programmer (English); neither ever repeats a value the
//! client sent, since both end up in other people's logs.

use std::any::Any;
use std::borrow::Cow;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use crate::ics::IcsError;
use crate::logs::RequestId;

/// The content type of every error.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// One error as the client sees it.
///
/// `request_id` may stay empty: [`crate::logs::request_log`] fills it in on the way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// HTTP status.
    pub status: StatusCode,
    /// Stable machine-readable name, `area.what`; also the last part of `type`.
    pub code: &'static str,
    /// One Chinese sentence that may be shown to a person.
    pub title: Cow<'static, str>,
    /// English explanation for whoever writes the client.
    pub detail: Cow<'static, str>,
    /// JSON pointer (bodies) or parameter name (query, path) of the offending field.
    pub field: Option<Box<str>>,
    /// When to try again; also sent as `Retry-After`.
    pub retry_after_s: Option<u32>,
    /// Id to quote to support.
    pub request_id: Option<RequestId>,
    /// An object that explains the refusal, such as the conversation one is in already.
    pub related: Option<Box<str>>,
}

impl Problem {
    /// A problem without field, retry time or request id.
    pub fn new(
        status: StatusCode,
        code: &'static str,
        title: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Problem {
        Problem {
            status,
            code,
            title: title.into(),
            detail: detail.into(),
            field: None,
            retry_after_s: None,
            request_id: None,
            related: None,
        }
    }

    /// Names the offending field.
    #[must_use]
    pub fn with_field(mut self, field: impl Into<String>) -> Problem {
        self.field = Some(field.into().into_boxed_str());
        self
    }

    /// Says when to try again.
    #[must_use]
    pub fn with_retry_after_s(mut self, seconds: u32) -> Problem {
        self.retry_after_s = Some(seconds);
        self
    }

    /// The general problem of a status, for answers that come from below us without a code of their own.
    pub fn of_status(status: StatusCode) -> Problem {
        let (code, title, detail) = match status {
            StatusCode::UNAUTHORIZED => ("http.unauthorized", "请先登录", "Authentication is required."),
            StatusCode::FORBIDDEN => ("http.forbidden", "没有权限", "This is not allowed."),
            StatusCode::NOT_FOUND => ("http.not_found", "没有这个地址", "No route matches this path."),
            StatusCode::METHOD_NOT_ALLOWED => {
                ("http.method_not_allowed", "不支持这种请求方法", "The route exists but not with this method; see the Allow header.")
            }
            StatusCode::REQUEST_TIMEOUT => ("body.too_slow", "上传超时，请检查网络后重试", "The request body did not arrive in time."),
            StatusCode::PAYLOAD_TOO_LARGE => ("body.too_large", "提交的内容过大", "The request body is larger than allowed."),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                ("body.not_json_type", "提交的内容类型不支持", "The content type must be application/json.")
            }
            StatusCode::UPGRADE_REQUIRED => ("http.upgrade_required", "请使用 WebSocket 连接", "This route speaks WebSocket only."),
            StatusCode::TOO_MANY_REQUESTS => ("rate.exceeded", "操作过于频繁，请稍后再试", "The rate limit is exceeded."),
            StatusCode::SERVICE_UNAVAILABLE => {
                ("host.overloaded", "系统繁忙，请稍后再试", "The host is at its connection limit; try again later.")
            }
            s if s.is_server_error() => {
                ("host.internal", "系统出现问题，请稍后再试", "Something went wrong on our side; quote the request id.")
            }
            _ => ("http.bad_request", "请求有误", "The request could not be understood."),
        };
        Problem::new(status, code, title, detail)
    }

    /// The JSON body. Members that are empty are left out.
    pub fn to_json(&self) -> Value {
        let mut m = Map::new();
        m.insert("type".into(), format!("/problems/{}", self.code).into());
        m.insert("title".into(), self.title.as_ref().into());
        m.insert("status".into(), self.status.as_u16().into());
        m.insert("detail".into(), self.detail.as_ref().into());
        m.insert("code".into(), self.code.into());
        if let Some(field) = &self.field {
            m.insert("field".into(), field.as_ref().into());
        }
        if let Some(s) = self.retry_after_s {
            m.insert("retry_after_s".into(), s.into());
        }
        if let Some(id) = &self.request_id {
            m.insert("request_id".into(), id.as_str().into());
        }
        if let Some(related) = &self.related {
            m.insert("related".into(), related.as_ref().into());
        }
        Value::Object(m)
    }
}

impl From<IcsError> for Problem {
    fn from(error: IcsError) -> Problem {
        let title = match error {
            IcsError::TooLong { .. } => return Self::of_status(StatusCode::PAYLOAD_TOO_LARGE),
            IcsError::NoDays { year } => format!("日历文件里没有{year}年的休息日和补班日，请核对年份"),
            IcsError::TooMany { line, .. } => format!("日历文件的日程过多（第{line}行），请只保留休息日和补班日"),
            IcsError::Line { line, .. } => format!("日历文件第{line}行有误，请修改后重试"),
            IcsError::Event { line, event, .. } => format!("日历文件第{event}个日程（第{line}行）有误，请修改后重试"),
        };
        Self::new(StatusCode::BAD_REQUEST, "body.invalid", title, error.to_string())
    }
}

impl From<zhengna_core::Error> for Problem {
    /// What the core refused, as the core's own table words it; alarms are logged here, once.
    fn from(error: zhengna_core::Error) -> Problem {
        use zhengna_core::error::Severity;
        match error.severity() {
            Severity::Quiet => {}
            Severity::Notice => tracing::warn!(%error, "refused for now"),
            Severity::Alarm => tracing::error!(%error, "failed"),
        }
        let public = error.public();
        Problem {
            // The core's table holds valid statuses only.
            status: StatusCode::from_u16(public.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            code: public.code,
            title: public.message.into(),
            detail: public.detail.into(),
            field: public.field.map(Into::into),
            retry_after_s: public.retry_after_s,
            request_id: None,
            related: public.related.map(Into::into),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut r = Response::new(Body::from(self.to_json().to_string()));
        *r.status_mut() = self.status;
        let h = r.headers_mut();
        h.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        h.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(s) = self.retry_after_s {
            h.insert(header::RETRY_AFTER, HeaderValue::from(s));
        }
        r.extensions_mut().insert(self); // so that the request id can still be written into it
        r
    }
}

/// Writes the request id into a problem that has none yet; leaves every other response alone.
pub(crate) fn stamp(mut response: Response, id: &RequestId) -> Response {
    let Some(mut problem) = response.extensions_mut().remove::<Problem>() else {
        return response;
    };
    if problem.request_id.is_none() {
        problem.request_id = Some(id.clone());
        // HEAD answers have had their body taken off already; hyper drops ours again.
        *response.body_mut() = Body::from(problem.to_json().to_string());
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    response.extensions_mut().insert(problem);
    response
}

/// Fallback of the router: an unknown route.
pub async fn not_found() -> Problem {
    Problem::of_status(StatusCode::NOT_FOUND)
}

/// Fallback of every route: a method it does not have. axum adds the `Allow` header.
pub async fn method_not_allowed() -> Problem {
    Problem::of_status(StatusCode::METHOD_NOT_ALLOWED)
}

/// Middleware: error answers written by libraries (plain text or no type at all) become problems, headers kept.
///
/// A handler that answers errors in a format of its own (Open311) names its content type and is left alone.
pub async fn only_problems(request: Request, next: Next) -> Response {
    normalised(next.run(request).await)
}

fn normalised(response: Response) -> Response {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let foreign = match response.headers().get(header::CONTENT_TYPE) {
        None => true,
        Some(t) => t.as_bytes().starts_with(b"text/plain"),
    };
    if !foreign {
        return response;
    }
    let (parts, _text) = response.into_parts();
    let mut out = Problem::of_status(status).into_response();
    for (name, value) in &parts.headers {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH && !out.headers().contains_key(name) {
            out.headers_mut().append(name, value.clone());
        }
    }
    out
}

/// Middleware: a panic in a handler is a logged 500 problem; the connection and the process live on.
///
/// The panic's text is not logged unless it is a literal: formatted text may carry personal data.
pub async fn catch_panic(request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().cloned();
    let mut run = pin!(next.run(request));
    let outcome = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| run.as_mut().poll(cx))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(r)) => Poll::Ready(Ok(r)),
        Err(payload) => Poll::Ready(Err(payload)),
    })
    .await;
    outcome.unwrap_or_else(|payload| {
        tracing::error!(request_id = id.as_ref().map(RequestId::as_str), panic = literal_of(payload.as_ref()), "handler panicked");
        Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR).into_response()
    })
}

/// The text of a panic if it is a literal of the program, else a placeholder.
pub(crate) fn literal_of(payload: &(dyn Any + Send)) -> &'static str {
    payload.downcast_ref::<&'static str>().copied().unwrap_or("(formatted text withheld)")
}

/// [`literal_of`] for a panic hook.
pub(crate) fn literal_of_hook(info: &std::panic::PanicHookInfo<'_>) -> &'static str {
    info.payload().downcast_ref::<&'static str>().copied().unwrap_or("(formatted text withheld)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::routing::{get, post};
    use tower::ServiceExt as _;

    async fn panics() -> &'static str {
        panic!("boom")
    }

    fn app() -> Router {
        Router::new()
            .route("/here", get(async || "ok"))
            .route("/panics", get(panics))
            .route("/plain", get(async || (StatusCode::UNSUPPORTED_MEDIA_TYPE, "no such type")))
            .route("/own", get(async || (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, "application/xml")], "<e/>")))
            .route("/big", post(async |_b: axum::body::Bytes| "ok"))
            .layer(axum::extract::DefaultBodyLimit::max(10))
            .fallback(not_found)
            .method_not_allowed_fallback(method_not_allowed)
            .layer(axum::middleware::from_fn(catch_panic))
            .layer(axum::middleware::from_fn(only_problems))
            .layer(axum::middleware::from_fn(crate::logs::request_log))
    }

    async fn ask(method: &str, uri: &str, body: &'static str) -> (Response<()>, String) {
        let req = Request::builder().method(method).uri(uri).body(Body::from(body)).unwrap();
        let (p, b) = app().oneshot(req).await.unwrap().into_parts();
        let b = axum::body::to_bytes(b, 1 << 20).await.unwrap();
        (Response::from_parts(p, ()), String::from_utf8(b.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn every_kind_of_library_error_is_a_problem() {
        for (method, uri, body, status, code) in [
            ("GET", "/nowhere", "", 404, "http.not_found"),
            ("DELETE", "/here", "", 405, "http.method_not_allowed"),
            ("GET", "/plain", "", 415, "body.not_json_type"),
            ("POST", "/big", "12345678901", 413, "body.too_large"),
            ("GET", "/panics", "", 500, "host.internal"),
        ] {
            let (r, text) = ask(method, uri, body).await;
            assert_eq!(r.status().as_u16(), status, "{uri}");
            assert_eq!(r.headers()[header::CONTENT_TYPE], PROBLEM_JSON, "{uri}");
            let v: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(v["code"], code);
            assert_eq!(v["status"], status);
            assert_eq!(v["type"], format!("/problems/{code}"));
            assert_eq!(v["request_id"], r.headers()["x-request-id"].to_str().unwrap());
            assert!(v.get("field").is_none());
            if status == 405 {
                assert_eq!(r.headers()[header::ALLOW], "GET,HEAD");
            }
        }
    }

    #[tokio::test]
    async fn a_format_of_ones_own_is_left_alone() {
        let (r, text) = ask("GET", "/own", "").await;
        assert_eq!((r.status().as_u16(), text.as_str()), (400, "<e/>"));
    }

    #[test]
    fn members_and_retry_after() {
        let p = Problem::of_status(StatusCode::TOO_MANY_REQUESTS).with_field("/a").with_retry_after_s(7);
        let v = p.to_json();
        assert_eq!((v["field"].as_str(), v["retry_after_s"].as_u64()), (Some("/a"), Some(7)));
        assert_eq!(p.into_response().headers()[header::RETRY_AFTER], "7");
    }
}
