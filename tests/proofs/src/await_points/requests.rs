//! A request for each route, and how it is sent.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Method, Request, header};
use serde_json::{Value, json};
use zhengna_core::access::Provider;
use zhengna_core::operation::Class;
use zhengna_server::api::Documented;

use super::scene::{PASSWORD, Scene};

/// A request that is driven.
pub(super) struct Case {
    /// Which.
    pub(super) name: String,
    pub(super) method: Method,
    /// Path and query.
    pub(super) path: String,
    pub(super) token: Option<String>,
    pub(super) body: Option<Value>,
    /// Whether it carries an idempotency key: a repeat is then answered from memory.
    pub(super) keyed: bool,
    /// Status of success.
    pub(super) status: u16,
    /// Whether something is written.
    pub(super) writes: bool,
    /// How it is answered.
    pub(super) answer: Answered,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answered {
    /// With a body that ends.
    Whole,
    /// With a stream: the first frame will do.
    Stream,
    /// With another protocol: the first frame will do.
    Socket,
}

/// Paths that are in no table: probes and pages.
const UNDOCUMENTED: [&str; 6] = ["/healthz", "/readyz", "/metrics", "/api/openapi.json", "/", "/taxpayer"];

/// The requests for what is in no table.
pub(super) fn undocumented() -> impl Iterator<Item = Case> {
    UNDOCUMENTED.into_iter().map(|path| Case {
        name: path.to_owned(),
        method: Method::GET,
        path: path.to_owned(),
        token: None,
        body: None,
        keyed: false,
        status: 200,
        writes: false,
        answer: Answered::Whole,
    })
}

/// The requests that drive a route; none for a route that nobody thought of.
pub(super) fn requests(route: &Documented, scene: &Scene) -> Vec<Case> {
    let Scene { taxpayer, waiter, free, officer, supervisor, .. } = scene;
    let (conversation, query, token, body) = match route.id {
        "access.sign_in" => ("", "", None, json!({ "login": scene.login, "password": PASSWORD })),
        "access.confirm_sign_in" => ("", "", None, json!({ "challenge": scene.challenge, "code": scene.code })),
        "access.change_password" => ("", "", Some(officer), json!({ "current": PASSWORD, "password": "Ming-Tian-2026" })),
        "access.enrol_factor" => ("", "", Some(officer), Value::Null),
        "access.confirm_factor" => ("", "", Some(&scene.enrolling), json!({ "code": scene.enrolling_code })),
        "access.remove_factor" => ("", "", Some(supervisor), json!({ "code": scene.supervisor_code })),
        "access.give_password" => ("", "", Some(supervisor), json!({ "password": "Gei-Ni-Yong-2026" })),
        "access.reset_factor" => ("", "", Some(supervisor), Value::Null),
        "access.sign_in_with_provider" => ("", "", None, json!({ "proof": "openid-9=0" })),
        "access.linked_identities" | "access.unlink_identity" => ("", "", Some(free), Value::Null),
        "identity.take_phone" => ("", "", Some(taxpayer), json!({ "code": "13900009999" })),
        "access.sign_out" | "access.me" | "access.issue_ticket" | "interaction.lines" => ("", "", Some(taxpayer), Value::Null),
        "identity.view_taxpayer" => ("", "", Some(officer), Value::Null),
        "identity.reveal_taxpayer" => ("", "", Some(supervisor), json!({ "field": "name", "reason": "核对身份" })),
        "identity.relations" => ("", "", Some(taxpayer), Value::Null),
        "identity.release_relation" => {
            ("", "", Some(supervisor), json!({ "role": "tax_handler", "person": scene.person, "reason": "离职" }))
        }
        "identity.card" => ("active", "", Some(officer), Value::Null),
        "identity.reveal_on_card" => {
            ("active", "", Some(supervisor), json!({ "taxpayer": scene.person, "field": "phone", "reason": "回访" }))
        }
        "interaction.open_line" => ("", "", Some(supervisor), json!({ "name": "发票咨询", "authority": zhengna_tests::world::KUANCHENG })),
        "interaction.waiting" => ("", "?limit=10", Some(officer), Value::Null),
        "interaction.enter" => ("", "", Some(free), json!({ "topic": "子女教育", "channel": "web" })),
        "interaction.claim" => ("", "", Some(officer), json!({})),
        "interaction.be_present" => ("", "", Some(officer), Value::Null),
        "interaction.mine" => ("", "?limit=5", Some(officer), Value::Null),
        "interaction.conversations" => ("", "?limit=5", Some(supervisor), Value::Null),
        "interaction.conversation" => ("active", "", Some(officer), Value::Null),
        "interaction.position" => ("waiting", "", Some(waiter), Value::Null),
        "interaction.leave" => ("waiting", "", Some(waiter), json!({})),
        "interaction.prioritise" => ("waiting", "", Some(supervisor), json!({ "reason": "行动不便" })),
        "interaction.messages" => ("active", "?after=0&limit=5", Some(officer), Value::Null),
        "interaction.send" => ("active", "", Some(taxpayer), json!({ "text": "再问一句" })),
        "interaction.mark_read" => ("active", "", Some(officer), json!({ "number": 1 })),
        "interaction.typing" => ("active", "", Some(officer), Value::Null),
        "interaction.close" => ("active", "", Some(officer), json!({ "outcome": "resolved", "note": "已解决" })),
        "interaction.transcript" => ("active", "", Some(taxpayer), Value::Null),
        "interaction.review" => ("active", "", Some(supervisor), json!({ "reason": "质检" })),
        "calendar.year" | "calendar.filing_periods" => ("", "", Some(taxpayer), Value::Null),
        "calendar.due" => ("", "?began=2026-11-27T10:00:00%2B08:00&amount=5&unit=working_days", Some(taxpayer), Value::Null),
        "calendar.proposals" => ("", "?limit=5", Some(supervisor), Value::Null),
        "calendar.propose" => ("", "", Some(supervisor), json!(super::scene::notice(2028))),
        "calendar.approve" => ("", "", Some(supervisor), json!({ "digest": scene.proposed.digest })),
        "calendar.reject" => ("", "", Some(supervisor), json!({ "digest": scene.proposed.digest, "reason": "有误" })),
        "journal.events" => ("", "?cursor=0.0&limit=10", Some(taxpayer), Value::Null),
        "journal.follow" => ("", "?cursor=0.0", Some(taxpayer), Value::Null),
        "audit.read" => ("", "", Some(supervisor), json!({ "after": 0, "limit": 10 })),
        _ => return Vec::new(),
    };
    let conversation = if conversation == "active" { scene.active } else { scene.waiting };
    let path = route.path.replace("{line}", &scene.line.to_string()).replace("{conversation}", &conversation.to_string());
    let whose = if route.id == "identity.release_relation" { scene.company } else { scene.person };
    let path = path.replace("{taxpayer}", &whose.to_string()).replace("{year}", "2026");
    let path = path.replace("{proposal}", &scene.proposed.proposal.to_string());
    let path = path.replace("{officer}", &scene.factored.to_string()).replace("{provider}", Provider::ElectronicTaxBureau.as_str());
    let case = |how: &str, query: &str, token: Option<&String>, writes, answer| Case {
        name: format!("{}{how}", route.id),
        method: route.method.clone(),
        path: format!("{path}{query}"),
        token: token.cloned(),
        body: (!body.is_null()).then(|| body.clone()),
        keyed: route.keyed,
        status: if answer == Answered::Socket { 101 } else { route.status.as_u16() },
        writes,
        answer,
    };
    if route.id == "journal.follow" {
        let by_ticket = format!("{query}&ticket={}", scene.ticket);
        return vec![
            case(", stream", query, token, false, Answered::Stream),
            case(", stream by ticket", &by_ticket, None, true, Answered::Stream),
            case(", socket", query, token, false, Answered::Socket),
            case(", socket by ticket", &by_ticket, None, true, Answered::Socket),
        ];
    }
    let writes = !matches!(route.operation.class, Class::Query | Class::Ephemeral);
    vec![case("", query, token, writes, Answered::Whole)]
}

impl Case {
    /// The request, with a body that comes in pieces.
    pub(super) fn request(&self) -> Request<Body> {
        // From the host's own machine, as whoever administers.
        let peer = ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 1)));
        let mut request = Request::builder().method(&self.method).uri(&self.path).extension(peer);
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if self.keyed {
            request = request.header("idempotency-key", "019a0000-0000-7000-8000-000000000001");
        }
        let body = self.body.as_ref().map_or(Body::empty(), |body| in_pieces(body.to_string().into_bytes()));
        request.header(header::CONTENT_TYPE, "application/json").body(body).expect("a well-formed request")
    }

    /// The head of the request as bytes, for a socket.
    pub(super) fn upgrade(&self) -> String {
        let token = self.token.as_ref().map(|t| format!("Authorization: Bearer {t}\r\n")).unwrap_or_default();
        format!(
            "GET {} HTTP/1.1\r\nHost: x\r\n{token}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            self.path
        )
    }
}

/// A body whose reader has to wait before each half of it.
fn in_pieces(bytes: Vec<u8>) -> Body {
    let halves = bytes.chunks(bytes.len().div_ceil(2).max(1)).map(<[u8]>::to_vec).collect::<Vec<_>>().into_iter();
    Body::from_stream(futures_util::stream::unfold(halves, |mut halves| async move {
        tokio::task::yield_now().await;
        halves.next().map(|half| (Ok::<_, std::convert::Infallible>(half), halves))
    }))
}
