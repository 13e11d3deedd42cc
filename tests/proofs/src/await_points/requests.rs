//! A request for each route, and how it is sent.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Method, Request, header};
use serde_json::{Value, json};
use zhengna_core::access::Provider;
use zhengna_core::operation::Class;
use zhengna_server::api::Documented;
use zhengna_tests::lists;

use super::scene::{PASSWORD, Scene, listed_and_agreed};

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
const UNDOCUMENTED: [&str; 6] = ["/healthz", "/readyz", "/metrics", "/api/openapi.json", "/", "/api/docs"];

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
    let Scene { taxpayer, waiter, free, officer, supervisor, administrator, security, auditor, maker, checker, .. } = scene;
    let (conversation, query, token, body) = match route.id {
        "access.sign_in" => ("", "", None, json!({ "login": scene.login, "password": PASSWORD })),
        "access.confirm_sign_in" => ("", "", None, json!({ "challenge": scene.challenge, "code": scene.code })),
        "access.change_password" => ("", "", Some(officer), json!({ "current": PASSWORD, "password": "Ming-Tian-2026" })),
        "access.enrol_factor" => ("", "", Some(officer), Value::Null),
        "access.confirm_factor" => ("", "", Some(&scene.enrolling), json!({ "code": scene.enrolling_code })),
        "access.remove_factor" => ("", "", Some(supervisor), json!({ "code": scene.supervisor_code })),
        "access.give_password" => ("", "", Some(administrator), json!({ "password": "Gei-Ni-Yong-2026" })),
        "access.reset_factor" => ("", "", Some(administrator), Value::Null),
        "access.officers" => ("", "?find=2201&limit=5", Some(administrator), Value::Null),
        "access.emergency_posts" => ("", "", Some(maker), Value::Null),
        "access.grants" | "access.posts" | "access.separations" => ("", "", Some(auditor), Value::Null),
        "access.add_officer" => {
            let authority = zhengna_tests::world::KUANCHENG;
            ("", "", Some(administrator), json!({ "staff_no": "22019999", "name": "新人", "authority": authority, "capacity": 1 }))
        }
        "access.record_leave" => ("", "", Some(administrator), json!({})),
        "access.propose_change" => {
            let post = json!({ "name": "导税", "permissions": ["serve_taxpayers"] });
            ("", "", Some(administrator), json!({ "change": { "post": post }, "reason": "新设" }))
        }
        "access.end_grant" => ("", "", Some(security), json!({ "reason": "轮岗" })),
        "access.take_emergency_post" => {
            let authority = zhengna_tests::world::NANGUAN;
            ("", "", Some(maker), json!({ "post": scene.emergency, "authority": authority, "minutes": 30, "reason": "系统故障" }))
        }
        "access.sign_in_with_provider" => ("", "", None, json!({ "proof": "openid-9=0" })),
        "access.linked_identities" | "access.unlink_identity" => ("", "", Some(free), Value::Null),
        "identity.take_phone" => ("", "", Some(taxpayer), json!({ "code": "13900009999" })),
        "access.sign_out" | "access.me" | "access.me.permissions" | "access.issue_ticket" | "interaction.lines" => {
            ("", "", Some(taxpayer), Value::Null)
        }
        "identity.view_taxpayer" => ("", "", Some(officer), Value::Null),
        "identity.reveal_taxpayer" => ("", "", Some(supervisor), json!({ "field": "name", "reason": "核对身份" })),
        "identity.request_disclosure" => {
            let authority = zhengna_tests::world::NANGUAN;
            let asked = json!({ "taxpayers": [scene.person], "fields": ["name"], "authority": authority, "reason": "核查" });
            ("", "", Some(supervisor), asked)
        }
        "identity.disclose" => ("", "", Some(supervisor), Value::Null),
        "identity.examine_list" | "identity.propose_import" | "identity.import_list" => {
            let query = match route.id {
                "identity.propose_import" => "?list=people&name=%E5%90%8D%E5%8D%95&reason=%E5%B9%B4%E5%BA%A6",
                _ => "?list=people&name=%E5%90%8D%E5%8D%95",
            };
            let people = if route.id == "identity.import_list" { listed_and_agreed() } else { [zhengna_tests::world::person(802)] };
            ("", query, Some(&scene.importer), Value::String(lists::file_of(&people)))
        }
        "identity.relations" => ("", "", Some(taxpayer), Value::Null),
        "identity.release_relation" => {
            ("", "", Some(supervisor), json!({ "role": "tax_handler", "person": scene.person, "reason": "离职" }))
        }
        "grid.officers" => ("", "", Some(taxpayer), Value::Null),
        "grid.assign_officer" => ("", "", Some(supervisor), json!({ "staff_no": "22019010", "reason": "分配" })),
        "identity.card" => ("active", "", Some(officer), Value::Null),
        "identity.reveal_on_card" => {
            ("active", "", Some(supervisor), json!({ "taxpayer": scene.person, "field": "phone", "reason": "回访" }))
        }
        "interaction.propose_line" => {
            let settings = json!({ "name": "发票咨询", "kind": "general", "hours": "always" });
            let authority = zhengna_tests::world::KUANCHENG;
            ("", "", Some(supervisor), json!({ "authority": authority, "settings": settings, "reason": "服务需要" }))
        }
        "interaction.line" => ("", "", Some(supervisor), Value::Null),
        "interaction.sign_entry" => ("", "?channel=kiosk", Some(supervisor), Value::Null),
        "interaction.sources" => ("", "?from=2026-01-01T00:00:00%2B08:00&until=2027-01-01T00:00:00%2B08:00", Some(supervisor), Value::Null),
        "interaction.request_callback" => ("waiting", "", Some(waiter), json!({})),
        "interaction.transfer" => ("active", "", Some(officer), json!({ "to": { "line": scene.line }, "note": "请续办" })),
        "interaction.offers" => ("", "", Some(officer), Value::Null),
        "interaction.accept_offer" | "interaction.decline_offer" => ("offered", "", Some(officer), json!({})),
        "interaction.promises" => {
            ("", "?from=2026-01-01T00:00:00%2B08:00&until=2027-01-01T00:00:00%2B08:00", Some(supervisor), Value::Null)
        }
        "interaction.wall" => ("", "", Some(supervisor), Value::Null),
        "interaction.hold" => ("active", "", Some(officer), json!({ "minutes": 5 })),
        "interaction.resume" => ("held", "", Some(officer), json!({})),
        "interaction.join" => ("active", "", Some(&scene.chief), json!({ "reason": "协助解答" })),
        "interaction.step_out" => ("joined", "", Some(&scene.chief), json!({})),
        "interaction.whisper" => ("active", "", Some(supervisor), json!({ "text": "先核对身份" })),
        "interaction.ask_colleague" => ("active", "", Some(officer), json!({ "staff_no": "22019010", "text": "怎么报" })),
        "interaction.whispers" | "interaction.parallel" => ("active", "", Some(officer), Value::Null),
        "interaction.merge" => ("active", "", Some(officer), json!({ "other": scene.others.waiting })),
        "interaction.waiting" => ("", "?limit=10", Some(officer), Value::Null),
        "interaction.enter" => ("", "", Some(free), json!({ "topic": "子女教育" })),
        "interaction.claim" => ("", "", Some(officer), json!({})),
        "interaction.be_present" => ("", "", Some(&scene.elsewhere), Value::Null),
        "interaction.mine" => ("", "?limit=5", Some(officer), Value::Null),
        "interaction.conversations" => ("", "?limit=5", Some(supervisor), Value::Null),
        "interaction.conversation" => ("active", "", Some(officer), Value::Null),
        "interaction.assignments" => ("active", "", Some(supervisor), Value::Null),
        "interaction.position" => ("waiting", "", Some(waiter), Value::Null),
        "interaction.leave" => ("waiting", "", Some(waiter), json!({})),
        "interaction.prioritise" => ("waiting", "", Some(supervisor), json!({ "reason": "行动不便" })),
        "interaction.messages" => ("active", "?after=0&limit=5", Some(officer), Value::Null),
        "interaction.send" => ("active", "", Some(taxpayer), json!({ "text": "再问一句" })),
        "interaction.recall" => ("active", "", Some(taxpayer), json!({ "number": 1 })),
        "interaction.put_canned_reply" => {
            let authority = zhengna_tests::world::NANGUAN;
            ("", "", Some(supervisor), json!({ "reply": null, "authority": authority, "topic": "个税", "text": "请打开应用" }))
        }
        "interaction.put_own_canned_reply" => ("", "", Some(officer), json!({ "reply": null, "topic": "个税", "text": "请稍等" })),
        "interaction.delete_canned_reply" => ("", "", Some(supervisor), Value::Null),
        "interaction.delete_own_canned_reply" => ("", "", Some(officer), Value::Null),
        "interaction.canned_replies" => ("", "?find=%E4%B8%AA%E7%A8%8E&limit=5", Some(officer), Value::Null),
        "interaction.managed_canned_replies" => ("", "?limit=5", Some(supervisor), Value::Null),
        "interaction.mark_read" => ("active", "", Some(officer), json!({ "number": 1 })),
        "interaction.typing" => ("active", "", Some(officer), Value::Null),
        "interaction.close" => ("active", "", Some(officer), json!({ "outcome": "resolved", "note": "已解决" })),
        "interaction.transcript" => ("active", "", Some(taxpayer), Value::Null),
        "interaction.export_transcript" => ("active", "", Some(taxpayer), json!({ "format": "text" })),
        "interaction.export_reviewed" => ("active", "", Some(supervisor), json!({ "format": "page", "reason": "质检" })),
        "interaction.search" => ("", "", Some(taxpayer), json!({ "text": "您好" })),
        "access.authorities" => ("", "", Some(taxpayer), Value::Null),
        "interaction.rating_reasons" => ("", "", Some(taxpayer), Value::Null),
        "interaction.rate" => ("closed", "", Some(free), json!({ "grade": "dissatisfied", "reasons": [], "comment": "慢" })),
        "interaction.rating" => ("closed", "", Some(free), Value::Null),
        "interaction.follow_ups" => ("", "?state=open&limit=5", Some(supervisor), Value::Null),
        "interaction.answer_follow_up" => ("rated", "", Some(supervisor), json!({ "answer": "已说明" })),
        "interaction.revisit_follow_up" => ("answered", "", Some(supervisor), json!({ "revisit": "content", "note": "满意" })),
        "interaction.review" => ("active", "", Some(supervisor), json!({ "reason": "质检" })),
        "calendar.year" | "calendar.filing_periods" | "calendar.legal_numbers" => ("", "", Some(taxpayer), Value::Null),
        "calendar.due" => ("", "?began=2026-11-27T10:00:00%2B08:00&amount=5&unit=working_days", Some(taxpayer), Value::Null),
        "calendar.propose" => ("", "", Some(supervisor), json!(zhengna_tests::calendar::notice(2028))),
        "approval.list" => ("", "?which=for_me&limit=5", Some(checker), Value::Null),
        "approval.approve" => ("", "", Some(checker), json!({ "digest": scene.proposed.digest })),
        "approval.reject" => ("", "", Some(checker), json!({ "digest": scene.proposed.digest, "reason": "有误" })),
        "approval.withdraw" => ("", "", Some(maker), json!({ "reason": "有误" })),
        "approval.execute" => ("", "", Some(maker), json!({ "digest": scene.approved.digest })),
        "approval.delegate" => {
            let ends_at = zhengna_tests::world::start().plus(std::time::Duration::from_secs(86_400));
            ("", "", Some(checker), json!({ "taker": scene.colleague, "ends_at": ends_at }))
        }
        "approval.delegations" | "approval.end_delegation" => ("", "", Some(checker), Value::Null),
        "journal.events" => ("", "?cursor=0.0&limit=10", Some(taxpayer), Value::Null),
        "journal.follow" => ("", "?cursor=0.0", Some(taxpayer), Value::Null),
        "audit.verification" => ("", "", Some(auditor), Value::Null),
        "audit.read" => ("", "", Some(auditor), json!({ "after": 0, "limit": 10 })),
        "appeal.file" => ("", "", Some(taxpayer), json!({ "about": { "conversation": scene.active }, "text": "答非所问" })),
        "appeal.mine" => ("", "?limit=5", Some(taxpayer), Value::Null),
        "appeal.list" => ("", "?limit=5", Some(&scene.handler), Value::Null),
        "appeal.read" => ("", "", Some(&scene.handler), Value::Null),
        "appeal.answer" => ("", "", Some(&scene.handler), json!({ "text": "已整改" })),
        "control.rules" => ("", "", Some(&scene.reviewer), Value::Null),
        "control.alerts" => ("", "?state=open&limit=5", Some(&scene.reviewer), Value::Null),
        "control.review_alert" => ("", "", Some(&scene.reviewer), json!({ "verdict": "dismissed", "reason": "误操作" })),
        _ => return Vec::new(),
    };
    let conversation = match conversation {
        "active" => scene.active,
        "joined" => scene.others.joined,
        "held" => scene.others.held,
        "offered" => scene.others.offered,
        "closed" => scene.over[0],
        "rated" => scene.over[1],
        "answered" => scene.over[2],
        _ => scene.waiting,
    };
    let path = route.path.replace("{line}", &scene.line.to_string()).replace("{conversation}", &conversation.to_string());
    let whose = if route.id == "identity.release_relation" { scene.company } else { scene.person };
    let path = path.replace("{taxpayer}", &whose.to_string()).replace("{year}", "2026");
    let approval = match route.id {
        "identity.disclose" => &scene.disclosure,
        "approval.execute" => &scene.approved,
        _ => &scene.proposed,
    };
    let path = path.replace("{approval}", &approval.approval.to_string()).replace("{grant}", &scene.grant.to_string());
    let path = path.replace("{delegation}", &scene.delegation.to_string());
    let path = path.replace("{alert}", &scene.alert.to_string()).replace("{appeal}", &scene.appeal.to_string());
    let reply = if route.id == "interaction.delete_own_canned_reply" { scene.own_reply } else { scene.reply };
    let path = path.replace("{reply}", &reply.to_string());
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
    /// Whether its body is a file.
    pub(super) fn reads_a_file(&self) -> bool {
        matches!(self.body, Some(Value::String(_)))
    }

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
        let (bytes, kind) = match &self.body {
            Some(Value::String(file)) => (Some(file.clone()), "application/octet-stream"),
            json => (json.as_ref().map(Value::to_string), "application/json"),
        };
        let body = bytes.map_or(Body::empty(), |bytes| in_pieces(bytes.into_bytes()));
        request.header(header::CONTENT_TYPE, kind).body(body).expect("a well-formed request")
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
