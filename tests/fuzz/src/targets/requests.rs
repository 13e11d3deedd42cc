//! The operation decoder: whole requests through the router of the host, over a small world in memory that begins anew
//! with each input. An input is one or several requests as they would be typed:
//!
//! ```text
//! POST /api/v1/lines/{line}/conversations
//! authorization: taxpayer
//! idempotency-key: 1
//!
//! {"topic":"问"}
//! ====
//! GET /api/v1/me
//! ```
//!
//! The words in braces and the names behind `authorization` stand for those of the world.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{Request, header};
use tower::ServiceExt as _;
use zhengna_core::access::{AccessChange, ActorKind, ActorRef, GrantPost, Permission, ProposeChange, Provider};
use zhengna_core::approval::Approve;
use zhengna_core::core::PROJECTIONS;
use zhengna_core::error::CODES;
use zhengna_core::identity::{PersonalField, RequestDisclosure};
use zhengna_core::interaction::{Claim, SendMessage};
use zhengna_core::store::dump;
use zhengna_core::store::memory::MemoryStore;
use zhengna_server::app;
use zhengna_server::config::{Config, Effective, Flags};
use zhengna_server::listener::Lifecycle;
use zhengna_server::provider::Providers;
use zhengna_tests::faults::lines;
use zhengna_tests::provider::{Believes, believing};
use zhengna_tests::world::{Engine, NANGUAN, PROVINCE, World, code, core_over, person, signed_in};

use super::lossy;
use crate::secrecy::repeats_nothing;

pub(super) const WORDS: &[&str] = &[
    "\n====\n",
    "GET ",
    "POST ",
    "PUT ",
    "DELETE ",
    "HEAD ",
    "PATCH ",
    "/api/v1/",
    "conversations/",
    "{line}",
    "{conversation}",
    "{waiting}",
    "{taxpayer}",
    "{officer}",
    "{grant}",
    "{digest}",
    "{disclosure}",
    "approvals/",
    "/approve",
    "/reject",
    "/withdraw",
    "/execute",
    "delegations",
    "disclosures",
    "imports/examinations?list=people&name=a",
    "imports/proposals?list=rosters&name=a&reason=b&set=%7B%22roster%22:%22%22%7D",
    "content-type: application/octet-stream",
    "access-changes",
    "emergency-grants",
    "me/password",
    "me/second-factor",
    "/confirm",
    "/remove",
    "x-forwarded-for: 127.0.0.1",
    "/messages",
    "/claims",
    "/close",
    "/leave",
    "/read-mark",
    "/typing",
    "/transcript",
    "/review",
    "/position",
    "/prioritise",
    "/hold",
    "/resume",
    "/join",
    "/step-out",
    "/whispers",
    "/questions",
    "/merge",
    "/parallel",
    "/accept",
    "/decline",
    "me/offers",
    "/reveal",
    "/card",
    "/relations",
    "/release",
    "?limit=1",
    "&limit=200",
    "?cursor=0.0",
    "?after=1",
    "%00",
    "%ff",
    "%2e%2e/",
    "authorization: ",
    "taxpayer",
    "other",
    "officer",
    "stranger",
    "boss",
    "administrator",
    "security",
    "auditor",
    "idempotency-key: ",
    "last-event-id: 0.1",
    "content-type: text/plain",
    "content-type: text/calendar",
    "/api/v1/calendar/proposals?year=2027&document=d&title=t&source=https://x",
    "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20270101\nSUMMARY:元旦（休）\nEND:VEVENT\nEND:VCALENDAR\n",
    "range: bytes=0-1",
    "upgrade: websocket",
    "connection: upgrade",
    "sec-websocket-version: 13",
    "origin: http://evil.example",
    "x-request-id: ",
    "accept: text/event-stream",
    "\n\n",
    "{}",
    "{\"text\":\"好\"}",
    "{\"reason\":\"核对\"}",
    "{\"number\":1}",
    "{\"minutes\":5}",
    "{\"other\":\"{waiting}\"}",
    "{\"outcome\":\"resolved\",\"note\":null}",
    "{\"topic\":\"问\",\"channel\":\"web\"}",
    "null",
    "[]",
    "110101199001011234",
];

/// Codes of the host itself, besides those of the core's table.
const HOST_CODES: [&str; 26] = [
    "body.broken",
    "body.duplicate_key",
    "body.invalid",
    "body.not_a_file",
    "body.not_json",
    "body.not_json_type",
    "body.not_utf8",
    "body.too_deep",
    "body.too_large",
    "body.too_slow",
    "http.bad_request",
    "http.forbidden",
    "http.method_not_allowed",
    "http.not_found",
    "http.unauthorized",
    "http.upgrade_required",
    "idempotency.key_required",
    "list.another",
    "list.columns",
    "list.unreadable",
    "live.too_many",
    "network.not_for_administration",
    "path.invalid",
    "query.invalid",
    "rate.exceeded",
    "host.overloaded",
];

/// Said by a taxpayer to an officer, and nobody else's affair.
const WORD_OF_TAXPAYER: &str = "暗号甲乙丙";
/// Requests of one input.
const REQUESTS_MAX: usize = 6;

/// The world every input begins in.
struct Beginning {
    dump: Vec<String>,
    /// What stands for what.
    names: Vec<(&'static str, String)>,
    tokens: Vec<(&'static str, String)>,
    config: Config,
}

fn beginning() -> &'static Beginning {
    static BEGINNING: OnceLock<Beginning> = OnceLock::new();
    BEGINNING.get_or_init(|| {
        let world = World::new(Engine::Memory);
        let active = world.entered(0).conversation;
        world.officer(0).interaction().claim(Claim { line: world.line }).wait().expect("claims");
        let said = SendMessage::new(active, WORD_OF_TAXPAYER);
        world.taxpayer(0).interaction().send(said).wait().expect("is said");
        let waiting = world.entered(1).conversation;
        let guardian = world.session_of(world.appoint("22019001", PROVINCE, &[Permission::ApproveDisclosure]));
        let (taxpayers, authority) = (vec![world.taxpayers[0]], code(NANGUAN));
        let asked = RequestDisclosure { taxpayers, fields: vec![PersonalField::Phone], authority, reason: "核查".into() };
        let disclosure = world.session_of(world.supervisor).identity().request_disclosure(asked).wait().expect("is asked for").approval;
        let waits = guardian.approval().list(zhengna_core::approval::Which::ForMe, None, 1).expect("lists").items.remove(0);
        guardian.approval().approve(Approve { approval: disclosure, digest: waits.digest }).wait().expect("is approved");
        let post = world.core.as_system().access().find_post("办税服务坐席").expect("reads").expect("a post");
        let change = AccessChange::Grant(GrantPost { officer: world.idle_hand, post, authority, ends_at: None });
        let proposed = ProposeChange { change, reason: "需要".into() };
        let grant = world.session_of(world.administrator).access().propose_change(proposed).wait().expect("is put forward");
        let people = [
            ("taxpayer", ActorKind::Taxpayer, world.taxpayers[0].uuid()),
            ("other", ActorKind::Taxpayer, world.taxpayers[1].uuid()),
            ("officer", ActorKind::Officer, world.officers[0].uuid()),
            ("stranger", ActorKind::Officer, world.stranger.uuid()),
            ("boss", ActorKind::Officer, world.supervisor.uuid()),
            ("administrator", ActorKind::Officer, world.administrator.uuid()),
            ("security", ActorKind::Officer, world.security.uuid()),
            ("auditor", ActorKind::Officer, world.auditor.uuid()),
        ];
        let tokens = people.map(|(name, kind, id)| {
            let password = "Tax-Payer-2026";
            world.core.as_system().access().set_password(ActorRef { kind, id }, name, password).expect("a password");
            (name, signed_in(&world.core, name, password).expect("signs in"))
        });
        let high = [("ZHENGNA_LIMITS_REQUESTS_PER_SECOND_PER_PERSON", "100000"), ("ZHENGNA_LIMITS_REQUEST_BURST_PER_PERSON", "100000")];
        let variables = high.map(|(k, v)| (k.to_owned(), v.to_owned()));
        Beginning {
            dump: lines(&**world.core.store()),
            names: vec![
                ("{line}", world.line.to_string()),
                ("{conversation}", active.to_string()),
                ("{waiting}", waiting.to_string()),
                ("{taxpayer}", world.taxpayers[0].to_string()),
                ("{officer}", world.idle_hand.to_string()),
                ("{disclosure}", disclosure.to_string()),
                ("{grant}", grant.approval.to_string()),
                ("{digest}", grant.digest),
            ],
            tokens: tokens.to_vec(),
            config: Effective::from_parts(&Flags::default(), variables).expect("a valid configuration").config,
        }
    })
}

/// One request, and who makes it.
struct Typed<'a> {
    who: Option<&'static str>,
    path: &'a str,
    body: &'a str,
    request: Request<Body>,
}

/// Nothing where the bytes are no request that a server could hand over.
fn typed(text: &str) -> Option<Typed<'_>> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let (method, path) = lines.next()?.split_once(' ')?;
    let peer = ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 1))); // from where one may administer
    let mut request = Request::builder().method(method).uri(path).extension(peer);
    let (mut who, mut json) = (None, !body.is_empty());
    for line in lines {
        let (name, value) = line.split_once(": ")?;
        let mut value = value.to_owned();
        if name.eq_ignore_ascii_case("authorization")
            && let Some((person, token)) = beginning().tokens.iter().find(|(person, _)| *person == value)
        {
            (who, value) = (Some(*person), format!("Bearer {token}"));
        }
        json &= !name.eq_ignore_ascii_case("content-type");
        request = request.header(name, value);
    }
    if json {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    let request = request.body(Body::from(body.to_owned())).ok()?;
    Some(Typed { who, path, body, request })
}

async fn ask(router: &Router, typed: Typed<'_>) {
    let Typed { who, path, body, request } = typed;
    let head = format!("{path} {:?}", request.headers());
    let Ok(response) = router.clone().oneshot(request).await;
    let status = response.status();
    let text_of = |name| response.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let (kind, id) = (text_of("content-type"), text_of("x-request-id"));
    assert!(!status.is_server_error(), "{status}");
    assert!((1..=64).contains(&id.len()), "every answer carries an id");
    if kind.starts_with("text/event-stream") {
        return; // it has no end
    }
    let answer = to_bytes(response.into_body(), 1 << 22).await.expect("the answer is bounded");
    let answer = String::from_utf8_lossy(&answer);
    let api = path.starts_with("/api/v1/");
    if status.is_client_error() {
        assert_eq!(kind, "application/problem+json", "{status} {answer}");
        if answer.is_empty() {
            return; // HEAD
        }
        let problem: serde_json::Value = serde_json::from_str(&answer).expect("a problem is JSON");
        let code = problem["code"].as_str().expect("a problem has a code");
        assert!(HOST_CODES.contains(&code) || CODES.iter().any(|(known, _)| *known == code), "an unknown code: {code}");
        assert_eq!((problem["status"].as_u64(), &problem["request_id"]), (Some(u64::from(status.as_u16())), &id.into()));
        assert!(problem["field"].as_str().is_none_or(|f| f.chars().count() <= 200));
        let said = format!("{} {}", problem["title"], problem["detail"]);
        assert!(said.chars().count() < 500, "{said}");
        // Ids of the same moment begin alike.
        repeats_nothing(&said, &format!("{head} {body}"), problem["related"].as_str().unwrap_or_default());
    } else if kind.starts_with("text/calendar") {
        assert!(answer.is_empty() || zhengna_server::ics::read(&answer).is_ok(), "what is written is read back: {answer}");
    } else if api && status.is_success() && !answer.is_empty() {
        let _whole: serde_json::Value = serde_json::from_str(&answer).expect("an answer is JSON");
    }
    // Whose affair it is not, learns nothing.
    let stranger = matches!(who, None | Some("other" | "stranger"));
    assert!(!(stranger && answer.contains(WORD_OF_TAXPAYER)), "told to somebody else: {answer}");
    let number = &person(0).number;
    assert!(
        !answer.contains(number) || who == Some("boss") && (path.contains("/reveal") || path.contains("/disclosures/")),
        "a number is shown: {answer}"
    );
}

pub(super) fn request(data: &[u8]) {
    let given = lossy(data);
    let mut text = given.replace("\r\n", "\n");
    for (name, real) in &beginning().names {
        text = text.replace(name, real);
    }
    let requests: Vec<Typed<'_>> = text.split("\n====\n").take(REQUESTS_MAX).filter_map(typed).collect();
    if requests.is_empty() {
        return;
    }
    let store = MemoryStore::new(PROJECTIONS);
    dump::restore(&*store, || Ok(beginning().dump.clone().into_iter().map(Ok))).expect("the world is restored");
    let (core, clock) = core_over(store, 7);
    clock.advance(Duration::from_secs(60));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let lifecycle = Lifecycle::new();
        let router = app::start(
            core.clone(),
            &beginning().config,
            Providers::of(believing(), Arc::new(Believes(Provider::MiniProgram))),
            lifecycle.clone(),
        );
        for typed in requests {
            clock.advance(Duration::from_millis(100));
            ask(&router, typed).await;
        }
        lifecycle.begin_stop();
    });
    // The hub's look at the journal, which may wait for its moment, is nothing to wait for.
    runtime.shutdown_background();
    assert_eq!(core.recount().expect("recounts"), Vec::<String>::new(), "projections are what the rows say");
    while core.seal_audit().expect("seals").more {}
    let verdict = core.verify_audit(Vec::new(), |_, _| ()).expect("verifies");
    assert_eq!((verdict.finding, verdict.unsealed), (None, 0), "the trail is whole");
}
