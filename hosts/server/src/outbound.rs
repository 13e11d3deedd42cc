//! Calls to outside systems: only the host that is configured, no redirects, no proxy of the environment, everything bounded.

use std::time::Duration;

use serde_json::Value;

const CONNECT_MAX: Duration = Duration::from_secs(3);
const HEADER_BYTES_MAX: usize = 16 * 1024;
/// An answer that is read.
const ANSWER_BYTES_MAX: u64 = 256 * 1024;

/// An agent whose every call ends within `call_max`.
pub fn agent(call_max: Duration) -> ureq::Agent {
    ureq::Agent::config_builder()
        .timeout_global(Some(call_max))
        .timeout_connect(Some(CONNECT_MAX))
        .max_redirects(0)
        .http_status_as_error(false)
        .proxy(None)
        .max_response_header_size(HEADER_BYTES_MAX)
        .user_agent(concat!("zhengna/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent()
}

/// Status and JSON of an answer; a body that is no JSON is null.
///
/// # Errors
/// The class of what went wrong, fit for a log: never a body, a header or an address.
pub fn json_of(answer: Result<axum::http::Response<ureq::Body>, ureq::Error>) -> Result<(u16, Value), String> {
    let mut answer = answer.map_err(|e| class(&e))?;
    let status = answer.status().as_u16();
    let bytes = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec().map_err(|e| class(&e))?;
    Ok((status, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
}

/// What kind of failure it is, fit for a log.
pub fn class(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => "timed out".into(),
        ureq::Error::HostNotFound => "host not found".into(),
        ureq::Error::ConnectionFailed => "connection failed".into(),
        ureq::Error::Io(e) if e.kind() == std::io::ErrorKind::TimedOut => "timed out".into(),
        ureq::Error::Io(e) => format!("connection: {}", e.kind()),
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => "TLS: the certificate or the handshake is not good".into(),
        ureq::Error::Http(_) | ureq::Error::BadUri(_) => "the URL cannot be called".into(),
        ureq::Error::Protocol(_) | ureq::Error::LargeResponseHeader(..) => "the answer is not HTTP".into(),
        ureq::Error::BodyExceedsLimit(_) => "the answer is too large".into(),
        _ => "failed".into(),
    }
}
