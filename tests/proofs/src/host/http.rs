//! One client's connection to one life of the host.

use std::time::Duration;

use serde_json::Value;

/// Longer than any answer takes on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection, kept open from call to call.
pub(crate) struct Http {
    agent: ureq::Agent,
    base: String,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

/// No whole answer came: whether the request had an effect is unknown.
#[derive(Debug)]
pub(crate) struct Lost(pub(crate) String);

impl Http {
    /// To the host at `base`.
    pub(crate) fn new(base: &str) -> Self {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build().into();
        Self { agent, base: base.to_owned() }
    }

    /// Reads.
    pub(crate) fn get(&self, path: &str, token: &str) -> Result<Answer, Lost> {
        let request = self.agent.get(format!("{}{path}", self.base));
        read(request.header("authorization", format!("Bearer {token}")).call())
    }

    /// Writes; with a key where the operation asks for one.
    pub(crate) fn post(&self, path: &str, token: &str, key: &str, body: &Value) -> Result<Answer, Lost> {
        let request = self.agent.post(format!("{}{path}", self.base)).header("idempotency-key", key);
        read(request.header("authorization", format!("Bearer {token}")).send_json(body))
    }
}

fn read(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Answer, Lost> {
    let mut response = response.map_err(|e| Lost(e.to_string()))?;
    let text = response.body_mut().read_to_string().map_err(|e| Lost(e.to_string()))?;
    // Whatever is not JSON (a probe's plain word) is kept as text.
    Ok(Answer { status: response.status().as_u16(), body: serde_json::from_str(&text).unwrap_or(Value::String(text)) })
}
