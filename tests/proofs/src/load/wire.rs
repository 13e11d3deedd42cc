//! A person's requests: one at a time, each with one key until it is answered, over a connection that may be cut once the request is
//! sent.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use uuid::Uuid;

use crate::simulation::Dice;

/// Longer than any answer takes on a machine that is busy with other things.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// A connection that was quiet for longer is not used again: the host is about to close it.
const KEPT_FOR: Duration = Duration::from_secs(4);
/// Of a thousand writes of somebody whose network is bad, so many lose their connection once they are sent.
const CUT_PERMILLE: u64 = 200;
/// Longest time between the request and the cut, in microseconds: before, while and after the host works on it.
const CUT_WITHIN_US: u64 = 20_000;
/// So often somebody is told to come again before it is a failure of the host.
const COME_AGAIN_MAX: u32 = 20;

/// A whole answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Answer {
    pub(super) fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The code of a refusal.
    pub(super) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

/// What was asked for.
pub(super) struct Request {
    method: &'static str,
    path: String,
    body: Option<Value>,
    keyed: bool,
}

impl Request {
    pub(super) fn get(path: String) -> Self {
        Self { method: "GET", path, body: None, keyed: false }
    }

    /// A write that is answered alike however often it is sent.
    pub(super) fn post(path: String, body: Value) -> Self {
        Self { method: "POST", path, body: Some(body), keyed: true }
    }

    /// A write without a key: once more is no harm.
    pub(super) fn plain(method: &'static str, path: String, body: Option<Value>) -> Self {
        Self { method, path, body, keyed: false }
    }
}

/// What came of a write.
pub(super) struct Written {
    pub(super) answer: Answer,
    pub(super) key: String,
    /// When it was sent first.
    pub(super) sent: Instant,
    /// Whether it was sent more than once.
    pub(super) repeated: bool,
}

/// What all requests of a run counted.
#[derive(Default)]
pub(super) struct Counts {
    /// Writes whose connection was cut after they were sent.
    pub(super) cut: AtomicU64,
    /// Answers that asked for patience: a rate, or a host that is busy.
    pub(super) come_again: AtomicU64,
    /// Connections that the host, or the machine, ended before the answer.
    pub(super) lost: AtomicU64,
}

/// One person's way to a host.
pub(super) struct Wire {
    host: SocketAddr,
    token: String,
    /// Whether connections are cut.
    bad: bool,
    dice: Dice,
    kept: Option<(TcpStream, Instant)>,
    counts: Arc<Counts>,
}

impl Wire {
    pub(super) fn new(host: SocketAddr, token: String, bad: bool, seed: u64, counts: Arc<Counts>) -> Self {
        Self { host, token, bad, dice: Dice::new(seed), kept: None, counts }
    }

    /// Asks until there is an answer that does not ask for patience.
    pub(super) async fn ask(&mut self, request: &Request) -> Result<Written, String> {
        let key = self.key();
        let (sent, mut tries, mut failures) = (Instant::now(), 0, 0);
        loop {
            let cut = tries == 0 && request.keyed && self.bad && self.dice.chance(CUT_PERMILLE);
            let cut = cut.then(|| Duration::from_micros(self.dice.below(CUT_WITHIN_US)));
            tries += 1;
            let what = |e: &str| format!("{} {}: {e}", request.method, request.path);
            match timeout(PATIENCE, self.attempt(request, &key, cut)).await {
                Err(_) => return Err(what("not answered in time")),
                Ok(Ok(answer)) if matches!(answer.status, 429 | 503) => {
                    self.counts.come_again.fetch_add(1, Ordering::Relaxed);
                    if tries > COME_AGAIN_MAX {
                        return Err(what(&format!("told to come again {tries} times: {answer:?}")));
                    }
                    let seconds = answer.body["retry_after_s"].as_u64().unwrap_or(1);
                    tokio::time::sleep(Duration::from_secs(seconds)).await; // as asked
                }
                Ok(Ok(answer)) => return Ok(Written { answer, key, sent, repeated: tries > 1 }),
                Ok(Err(_)) if cut.is_some() => {
                    self.counts.cut.fetch_add(1, Ordering::Relaxed);
                }
                Ok(Err(e)) => {
                    self.counts.lost.fetch_add(1, Ordering::Relaxed);
                    failures += 1;
                    if failures > 3 {
                        return Err(what(&e.to_string()));
                    }
                }
            }
        }
    }

    /// A version 7 UUID of this moment.
    fn key(&mut self) -> String {
        let millis = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64);
        let random = (u128::from(self.dice.next()) << 64 | u128::from(self.dice.next())).to_be_bytes();
        let mut bytes = random;
        bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
        bytes[6] = 0x70 | bytes[6] & 0x0f;
        bytes[8] = 0x80 | bytes[8] & 0x3f;
        Uuid::from_bytes(bytes).to_string()
    }

    async fn attempt(&mut self, request: &Request, key: &str, cut: Option<Duration>) -> std::io::Result<Answer> {
        let mut stream = match self.kept.take().filter(|(_, used)| used.elapsed() < KEPT_FOR) {
            Some((stream, _)) => stream,
            None => connect(self.host).await?,
        };
        stream.write_all(&self.written(request, key)).await?;
        if let Some(after) = cut {
            tokio::time::sleep(after).await; // the attack
            return Err(std::io::ErrorKind::ConnectionAborted.into());
        }
        let (answer, stays) = read(&mut stream).await?;
        self.kept = stays.then(|| (stream, Instant::now()));
        Ok(answer)
    }

    fn written(&self, request: &Request, key: &str) -> Vec<u8> {
        let body = request.body.as_ref().map(Value::to_string).unwrap_or_default();
        let kind = if request.body.is_some() { "Content-Type: application/json\r\n" } else { "" };
        let key = if request.keyed { format!("Idempotency-Key: {key}\r\n") } else { String::new() };
        let (method, path, host, token, length) = (request.method, &request.path, self.host, &self.token, body.len());
        format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n{kind}{key}Content-Length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    }

    /// A ticket that opens one live socket.
    pub(super) async fn ticket(&mut self) -> Result<String, String> {
        let Written { answer, .. } = self.ask(&Request::plain("POST", "/api/v1/socket-tickets".into(), None)).await?;
        self.kept = None; // not needed for long, and a host has not places enough for two connections of everybody
        answer.body["ticket"].as_str().map(str::to_owned).ok_or_else(|| format!("no ticket: {answer:?}"))
    }

    /// Reads what must be there.
    pub(super) async fn get(&mut self, path: String) -> Result<Value, String> {
        let request = Request::get(path);
        let Written { answer, .. } = self.ask(&request).await?;
        if answer.status == 200 { Ok(answer.body) } else { Err(format!("GET {}: {answer:?}", request.path)) }
    }

    /// Marks what was read; says whether the mark moved.
    pub(super) async fn mark(&mut self, conversation: &str, number: i64) -> Result<bool, String> {
        let path = format!("/api/v1/conversations/{conversation}/read-mark");
        let Written { answer, .. } = self.ask(&Request::plain("PUT", path, Some(json!({ "number": number })))).await?;
        answer.body["moved"].as_bool().ok_or_else(|| format!("a read mark was answered {answer:?}"))
    }
}

/// A connection to a host.
pub(super) async fn connect(host: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(host).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Reads an answer; says whether the connection stays.
async fn read(stream: &mut TcpStream) -> std::io::Result<(Answer, bool)> {
    let malformed = || std::io::Error::other("not an answer of HTTP/1.1");
    let mut buffer = Vec::with_capacity(1024);
    let head = loop {
        if let Some(at) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut buffer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    };
    let text = String::from_utf8_lossy(&buffer[..head]).to_ascii_lowercase();
    let status = text.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or_else(malformed)?;
    let length = text.lines().find_map(|l| l.strip_prefix("content-length:")).map_or(Ok(0), |l| l.trim().parse::<usize>());
    let end = head + 4 + length.map_err(|_| malformed())?;
    while buffer.len() < end {
        if stream.read_buf(&mut buffer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    let body = serde_json::from_slice(&buffer[head + 4..end]).unwrap_or(Value::Null);
    Ok((Answer { status, body }, !text.contains("connection: close")))
}
