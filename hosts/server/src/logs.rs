//! Logs: JSON lines (or text), one line per request, a request id everywhere, no personal data.
//!
//! What is logged of a request is its method, the *template* of its route, the status and the time taken. Never the
//! path, the query, a header, a body, or an address. Control characters and characters that reorder text leave
//! escaped, whatever wrote them.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::Instant;
use tracing::Instrument as _;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::problem;

/// The request id's header, in both directions.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// One JSON object per line.
    #[default]
    Json,
    /// For people at a terminal.
    Text,
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LogFormat::Json => "json",
            LogFormat::Text => "text",
        })
    }
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is not one.
    #[error("log filter: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// Something else was set up before.
    #[error("a log subscriber is already installed")]
    AlreadyInstalled,
}

/// Sends this process's logs to standard error and replaces the panic hook by one that logs where, not what.
pub fn init(format: LogFormat, filter: &str) -> Result<(), LogError> {
    let subscriber = subscriber(format, filter, io::stderr)?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::AlreadyInstalled)?;
    std::panic::set_hook(Box::new(|info| {
        let at = info.location().map(ToString::to_string);
        tracing::error!(at, panic = problem::literal_of_hook(info), "panic");
    }));
    Ok(())
}

/// The subscriber of [`init`] over any writer.
pub fn subscriber<W>(format: LogFormat, filter: &str, writer: W) -> Result<Box<dyn tracing::Subscriber + Send + Sync>, LogError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(filter)?;
    let base = tracing_subscriber::fmt().with_ansi(false).with_env_filter(filter).with_writer(EscapingMaker(writer));
    Ok(match format {
        LogFormat::Json => Box::new(base.json().flatten_event(true).with_current_span(true).with_span_list(false).finish()),
        LogFormat::Text => Box::new(base.finish()),
    })
}

/// A writer that lets no control or text-reordering character through, except the newline that ends a record.
struct EscapingMaker<W>(W);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for EscapingMaker<W> {
    type Writer = Escaping<W::Writer>;
    fn make_writer(&'a self) -> Self::Writer {
        Escaping(self.0.make_writer())
    }
}

struct Escaping<W>(W);

impl<W: Write> Write for Escaping<W> {
    // tracing-subscriber hands over one whole record per call.
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        self.0.write_all(escaped(&String::from_utf8_lossy(record)).as_bytes())?;
        Ok(record.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn escaped(record: &str) -> String {
    let (line, end) = record.strip_suffix('\n').map_or((record, ""), |l| (l, "\n"));
    let mut out = String::with_capacity(record.len());
    for c in line.chars() {
        let hostile =
            c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        if hostile {
            // all in the basic plane, so this is also a valid JSON escape
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out.push_str(end);
    out
}

/// The id of one request, in its extensions, in the answer's header, in its problem and in every line logged for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// A new random id in the shape of a UUID v4.
    pub fn random() -> RequestId {
        static FALLBACK: AtomicU64 = AtomicU64::new(0);
        let mut b = [0u8; 16];
        if getrandom::fill(&mut b).is_err() {
            // An id is for finding lines again, not a secret: without randomness count.
            b[8..].copy_from_slice(&FALLBACK.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        }
        b[6] = b[6] & 0x0f | 0x40;
        b[8] = b[8] & 0x3f | 0x80;
        let mut s = String::with_capacity(36);
        for (i, byte) in b.iter().enumerate() {
            if matches!(i, 4 | 6 | 8 | 10) {
                s.push('-');
            }
            s.push_str(&format!("{byte:02x}"));
        }
        RequestId(s.into())
    }

    /// The id a client or gateway sent, if it is 1 to 64 of `A-Z a-z 0-9 . _ -`.
    pub fn from_header(value: &HeaderValue) -> Option<RequestId> {
        let s = value.to_str().ok()?;
        let safe = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        (!s.is_empty() && s.len() <= 64 && s.bytes().all(safe)).then(|| RequestId(s.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Logs on drop, so that a request whose client left (its future is dropped) has its line too.
struct Line {
    id: RequestId,
    method: &'static str,
    route: Option<MatchedPath>,
    status: u16,
    began: Instant,
}

impl Drop for Line {
    fn drop(&mut self) {
        tracing::info!(
            request_id = self.id.as_str(),
            method = self.method,
            route = self.route.as_ref().map_or("(none)", MatchedPath::as_str),
            status = self.status,
            duration_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
            "request"
        );
    }
}

/// The status logged for a client that left before it was answered (nginx's).
pub const CLIENT_LEFT: u16 = 499;

/// Middleware, outermost: gives the request its id and logs its one line. Apply it with `Router::layer`, which runs
/// after routing, or the route template is unknown.
pub async fn request_log(mut request: Request, next: Next) -> Response {
    let id = request.headers().get(REQUEST_ID).and_then(RequestId::from_header).unwrap_or_else(RequestId::random);
    request.extensions_mut().insert(id.clone());
    let mut line = Line {
        id: id.clone(),
        method: known(request.method()),
        route: request.extensions().get::<MatchedPath>().cloned(),
        status: CLIENT_LEFT,
        began: Instant::now(),
    };
    let span = tracing::info_span!("request", request_id = id.as_str());
    let response = next.run(request).instrument(span).await;
    let mut response = problem::stamp(response, &id);
    line.status = response.status().as_u16();
    if let Ok(v) = HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(REQUEST_ID, v);
    }
    response
}

/// A method is any token the client likes; only the known ones are logged by name.
fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "OTHER",
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use axum::Router;
    use axum::body::Body;
    use axum::routing::get;
    use proptest::prelude::*;
    use std::sync::Mutex;
    use tower::ServiceExt as _;
    use tracing::instrument::WithSubscriber as _;

    #[derive(Clone, Default)]
    pub(crate) struct Kept(Arc<Mutex<Vec<u8>>>);
    impl Kept {
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }
    impl Write for Kept {
        fn write(&mut self, b: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(b);
            Ok(b.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    impl MakeWriter<'_> for Kept {
        type Writer = Kept;
        fn make_writer(&self) -> Kept {
            self.clone()
        }
    }

    fn app() -> Router {
        Router::new()
            .route(
                "/people/{id}",
                get(async || {
                    tracing::info!("inside");
                    "ok"
                }),
            )
            .fallback(problem::not_found)
            .layer(axum::middleware::from_fn(request_log))
    }

    async fn ask(uri: &str, id: Option<&[u8]>) -> (Response, String) {
        let kept = Kept::default();
        let sub = subscriber(LogFormat::Json, "info", kept.clone()).unwrap();
        let mut req = Request::builder().uri(uri);
        if let Some(id) = id {
            req = req.header(REQUEST_ID, id);
        }
        let r = app().oneshot(req.body(Body::empty()).unwrap()).with_subscriber(sub).await.unwrap();
        (r, kept.text())
    }

    #[tokio::test]
    async fn one_line_per_request_without_path_or_query() {
        let (r, log) = ask("/people/110101199001011234?name=%E5%BC%A0", None).await;
        let id = r.headers()[REQUEST_ID].to_str().unwrap().to_owned();
        let lines: Vec<serde_json::Value> = log.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(lines.len(), 2, "{log}");
        assert_eq!(lines[0]["message"], "inside");
        assert_eq!(lines[0]["span"]["request_id"], id.as_str());
        let line = &lines[1];
        assert_eq!(line["request_id"], id.as_str());
        assert_eq!((&line["method"], &line["route"], &line["status"]), (&"GET".into(), &"/people/{id}".into(), &200.into()));
        assert!(line["duration_ms"].is_u64());
        assert!(!log.contains("110101199001011234") && !log.contains("%E5") && !log.contains('张'));
    }

    #[tokio::test]
    async fn unmatched_paths_are_not_logged() {
        let (r, log) = ask("/no/110101199001011234", None).await;
        assert_eq!(r.status(), 404);
        assert!(log.contains(r#""route":"(none)""#) && !log.contains("110101199001011234"), "{log}");
    }

    #[tokio::test]
    async fn ids_are_honoured_if_well_formed_and_replaced_if_not() {
        let (r, log) = ask("/people/1", Some(b"gw-01.A_b")).await;
        assert_eq!(r.headers()[REQUEST_ID], "gw-01.A_b");
        assert!(log.contains("gw-01.A_b"));
        for bad in [&b""[..], b"a b", b"a\tb", b"\xff", b"a{b", &[b'a'; 65]] {
            let (r, _) = ask("/people/1", Some(bad)).await;
            let id = r.headers()[REQUEST_ID].as_bytes();
            assert!(id != bad && id.len() == 36 && id[14] == b'4', "{bad:?}");
        }
        assert_ne!(RequestId::random(), RequestId::random());
    }

    #[tokio::test]
    async fn a_client_that_leaves_has_its_line() {
        let kept = Kept::default();
        let sub = subscriber(LogFormat::Json, "info", kept.clone()).unwrap();
        let app =
            Router::new().route("/slow", get(async || std::future::pending::<()>().await)).layer(axum::middleware::from_fn(request_log));
        let req = Request::builder().uri("/slow").body(Body::empty()).unwrap();
        async {
            let mut f = std::pin::pin!(app.oneshot(req));
            // polled once, then dropped: what hyper does when the peer closes
            tokio::select! { biased; _ = &mut f => unreachable!(), () = std::future::ready(()) => {} }
        }
        .with_subscriber(sub)
        .await;
        // the future above is dropped inside the block, under the subscriber
        assert!(kept.text().contains(r#""status":499"#), "{}", kept.text());
    }

    #[test]
    fn bad_filters_are_errors() {
        assert!(matches!(subscriber(LogFormat::Text, "info,x=loud", io::sink), Err(LogError::Filter(_))));
    }

    /// `any::<String>()` holds printable characters only.
    fn hostile_text() -> impl Strategy<Value = String> {
        let chars = prop_oneof![any::<char>(), prop::char::range('\0', '\u{9f}'), prop::char::range('\u{2028}', '\u{202e}')];
        proptest::collection::vec(chars, 0..40).prop_map(String::from_iter)
    }

    proptest! {
        #[test]
        fn t44_nothing_logged_can_forge_a_line_or_a_terminal_command(s in hostile_text(), json in any::<bool>()) {
            let kept = Kept::default();
            let format = if json { LogFormat::Json } else { LogFormat::Text };
            let sub = subscriber(format, "info", kept.clone()).unwrap();
            tracing::subscriber::with_default(sub, || tracing::info!(value = s.as_str(), "{s}"));
            let text = kept.text();
            prop_assert!(text.ends_with('\n'));
            let line = &text[..text.len() - 1];
            let hostile = line.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202e}'));
            prop_assert!(!hostile);
            if json {
                let v: serde_json::Value = serde_json::from_str(line).unwrap();
                prop_assert_eq!(v["value"].as_str(), Some(s.as_str()));
            }
        }
    }
}
