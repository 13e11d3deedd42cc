//! The HTTP API as anybody may use it: every operation of the document, every kind of bad input, everybody who may
//! not.

mod support;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use support::Host;
use zhengna_core::access::ActorKind;
use zhengna_tests::world::{ENGINES, Engine, KUANCHENG, NANGUAN};

/// Drives every documented operation once, in an order that makes sense, and holds each answer against its schema.
#[test]
fn every_documented_operation_is_served_as_documented() {
    for engine in ENGINES {
        let host = Host::start(engine);
        let mut drive = Drive::new(&host);
        let (taxpayer, officer, boss) = (host.taxpayer(0), host.officer(0), host.supervisor());
        let line = host.world.line;
        drive.ok("access.me", "GET", "/api/v1/me", &taxpayer, None);
        assert_eq!(drive.ok("access.me", "GET", "/api/v1/me", &officer, None)["name"], "坐席0");
        let lines = drive.ok("interaction.lines", "GET", "/api/v1/lines", &taxpayer, None);
        assert_eq!(lines["items"][0]["id"], json!(line));
        drive.ok("interaction.open_line", "POST", "/api/v1/lines", &boss, Some(json!({ "name": "发票咨询", "authority": KUANCHENG })));
        let entered = drive.ok(
            "interaction.enter",
            "POST",
            &format!("/api/v1/lines/{line}/conversations"),
            &taxpayer,
            Some(json!({ "topic": "子女教育", "channel": "web" })),
        );
        let id = entered["conversation"].as_str().unwrap().to_owned();
        let at = |tail: &str| format!("/api/v1/conversations/{id}{tail}");
        let position = drive.ok("interaction.position", "GET", &at("/position"), &taxpayer, None);
        assert_eq!(position["ahead"], 0);
        drive.ok("interaction.waiting", "GET", &format!("/api/v1/lines/{line}/waiting?limit=10"), &officer, None);
        drive.ok("interaction.be_present", "PUT", "/api/v1/me/presence", &officer, None);
        let claimed = drive.ok("interaction.claim", "POST", &format!("/api/v1/lines/{line}/claims"), &officer, Some(json!({})));
        assert_eq!(claimed["conversation"], json!(id), "{engine:?}");
        drive.ok("interaction.send", "POST", &at("/messages"), &taxpayer, Some(json!({ "text": "您好" })));
        drive.ok("interaction.typing", "POST", &at("/typing"), &officer, None);
        let read = drive.ok("interaction.messages", "GET", &at("/messages?after=0&limit=5"), &officer, None);
        assert_eq!(read["items"][0]["text"], "您好");
        let moved = drive.ok("interaction.mark_read", "PUT", &at("/read-mark"), &officer, Some(json!({ "number": 1 })));
        assert_eq!(moved["moved"], true);
        drive.ok("interaction.conversation", "GET", &at(""), &officer, None);
        drive.ok("interaction.mine", "GET", "/api/v1/me/conversations?limit=1", &officer, None);
        drive.ok("interaction.conversations", "GET", "/api/v1/conversations?limit=1", &boss, None);
        drive.ok("journal.events", "GET", "/api/v1/events/page?cursor=0.0&limit=10", &taxpayer, None);
        drive.ok("interaction.close", "POST", &at("/close"), &officer, Some(json!({ "outcome": "resolved", "note": null })));
        drive.ok("interaction.transcript", "POST", &at("/transcript"), &taxpayer, None);
        drive.ok("interaction.review", "POST", &at("/review"), &boss, Some(json!({ "reason": "质检" })));
        let again = host.taxpayer(1);
        let entered = host.post(&format!("/api/v1/lines/{line}/conversations"), &again, &json!({ "topic": "问", "channel": "kiosk" }));
        let other = entered.body["conversation"].as_str().unwrap().to_owned();
        drive.ok(
            "interaction.prioritise",
            "POST",
            &format!("/api/v1/conversations/{other}/prioritise"),
            &boss,
            Some(json!({ "reason": "行动不便" })),
        );
        drive.ok("interaction.leave", "POST", &format!("/api/v1/conversations/{other}/leave"), &again, Some(json!({})));
        let person = host.world.taxpayers[0];
        let card = drive.ok("identity.view_taxpayer", "GET", &format!("/api/v1/taxpayers/{person}"), &officer, None);
        assert_eq!(card["name"], "测*", "masked");
        let revealed = drive.ok(
            "identity.reveal_taxpayer",
            "POST",
            &format!("/api/v1/taxpayers/{person}/reveal"),
            &boss,
            Some(json!({ "field": "name", "reason": "核对身份" })),
        );
        assert_eq!(revealed["value"], "测试0");
        let company = host.world.employed(1).unwrap();
        let card = drive.ok("identity.card", "GET", &at("/card"), &officer, None);
        assert_eq!((&card["channel"], &card["person"]["name"]["value"]), (&json!("web"), &json!("测*")));
        assert_eq!(card["officers"][2]["holder"]["taxpayer"], json!(person.to_string()), "the tax handler");
        let of = format!("/api/v1/taxpayers/{company}/relations");
        let shown = drive.ok("identity.relations", "GET", &of, &officer, None);
        assert_eq!((&shown["items"][0]["role"], &shown["items"][0]["holds"]), (&json!("tax_handler"), &json!(true)));
        let on_card = json!({ "taxpayer": person, "field": "phone", "reason": "回访" });
        let revealed = drive.ok("identity.reveal_on_card", "POST", &at("/card/reveal"), &boss, Some(on_card));
        assert_eq!(revealed["value"], "13800000000");
        let end = json!({ "role": "tax_handler", "person": person, "reason": "离职" });
        drive.ok("identity.release_relation", "POST", &format!("{of}/release"), &boss, Some(end.clone()));
        let again = host.post(&format!("{of}/release"), &boss, &end);
        assert_eq!((again.status, &again.body["code"]), (409, &json!("identity.relation_over")), "{again:?}");
        drive_staff(&host, &mut drive, &boss);
        drive_providers(&mut drive);
        host.world.core.seal_audit().unwrap();
        let trail = drive.ok("audit.read", "POST", "/api/v1/audit-reads", &boss, Some(json!({ "after": 0, "limit": 200 })));
        let reveal = trail["items"]
            .as_array()
            .unwrap()
            .iter()
            .find(|r| r["operation"] == "identity.reveal_taxpayer")
            .expect("the reveal is on record");
        assert_eq!(reveal["reason"], "核对身份");
        assert!(!trail.to_string().contains("测试0"), "the trail carries no names");
        drive.ok("calendar.year", "GET", "/api/v1/calendar/2026", &taxpayer, None);
        drive.ok("calendar.filing_periods", "GET", "/api/v1/calendar/2026/filing-periods", &taxpayer, None);
        let asked = "/api/v1/calendar/due?began=2026-11-27T10:00:00%2B08:00&amount=5&unit=working_days&authority=12201020000";
        assert_eq!(drive.ok("calendar.due", "GET", asked, &taxpayer, None)["at"], "2026-12-04T16:30:00.000000+08:00");
        let proposed = drive.ok("calendar.propose", "POST", "/api/v1/calendar/proposals", &boss, Some(notice(2027)));
        let checker = host.checker();
        let listed = drive.ok("calendar.proposals", "GET", "/api/v1/calendar/proposals?limit=5", &checker, None);
        assert_eq!((&listed["items"][0]["id"], &listed["items"][0]["draft"]), (&proposed["proposal"], &notice(2027)));
        let decide = |of: &Value, how: &str| format!("/api/v1/calendar/proposals/{}/{how}", of["proposal"].as_str().unwrap());
        let body = json!({ "digest": proposed["digest"] });
        assert_eq!(drive.ok("calendar.approve", "POST", &decide(&proposed, "approve"), &checker, Some(body))["number"], 1);
        let other = host.post("/api/v1/calendar/proposals", &boss, &notice(2028)).body;
        let body = json!({ "digest": other["digest"], "reason": "与原文不符" });
        assert_eq!(drive.ok("calendar.reject", "POST", &decide(&other, "reject"), &checker, Some(body))["number"], Value::Null);
        drive.ok("access.issue_ticket", "POST", "/api/v1/socket-tickets", &taxpayer, None);
        drive.ok("access.sign_out", "DELETE", "/api/v1/sessions/current", &taxpayer, None);
        assert_eq!(host.get("/api/v1/me", &taxpayer).status, 401);
        drive.driven.insert("access.sign_in".into()); // host.taxpayer() signed in
        assert!(follows(&host, &officer), "the stream of events opens");
        drive.driven.insert("journal.follow".into()); // what comes through it: live.rs
        let documented: BTreeSet<String> =
            drive.operations().into_iter().map(|(_, _, o)| o["operationId"].as_str().unwrap().to_owned()).collect();
        assert_eq!(drive.driven, documented, "every documented operation is driven, and no other");
    }
}

/// A notice as nobody has published it.
fn notice(year: i32) -> Value {
    json!({
        "document": "国办发明电〔2026〕9号",
        "title": "国务院办公厅关于部分节假日安排的通知",
        "source": "https://www.gov.cn/zhengce/1.htm",
        "change": { "working_days": { "year": year, "days": [
            { "date": format!("{year}-01-04"), "arrangement": "off", "name": "元旦" },
            { "date": format!("{year}-01-09"), "arrangement": "work", "name": "元旦" },
        ] } },
    })
}

/// The whole way of a change over HTTP: proposed, not by oneself approved, in force, seen by taxpayers, on their phones too.
#[test]
fn a_calendar_changes_when_another_officer_approves_exactly_what_was_proposed() {
    for engine in ENGINES {
        let host = Host::start(engine);
        let (taxpayer, boss, checker) = (host.taxpayer(0), host.supervisor(), host.checker());
        let code = |answer: support::Answer| (answer.status, answer.body["code"].as_str().unwrap_or_default().to_owned());
        let due = || {
            let asked = "/api/v1/calendar/due?began=2026-12-31T10:00:00%2B08:00&amount=1&unit=working_days";
            let answer = host.get(asked, &taxpayer).body;
            (answer["at"].as_str().unwrap()[..10].to_owned(), answer["provisional"].as_bool().unwrap(), answer["version"].as_i64().unwrap())
        };
        assert_eq!(due(), ("2027-01-01".into(), true, 0), "{engine:?}");
        let gauge = |wanted: &str| {
            let text = host.call("GET", "/metrics", None, None, None).body.as_str().unwrap().to_owned();
            assert!(text.contains(&format!("\nzhengna_calendar_missing_notice_year {wanted}\n")), "{engine:?}: {text}");
        };
        gauge("2027");
        let mut notice = notice(2027);
        notice["change"]["working_days"]["days"][0]["date"] = json!("2027-01-01");
        let proposed = host.post("/api/v1/calendar/proposals", &boss, &notice);
        assert_eq!(proposed.status, 201, "{proposed:?}");
        let again = host.post("/api/v1/calendar/proposals", &checker, &notice);
        assert_eq!(again.body["related"], proposed.body["proposal"]);
        assert_eq!(code(again), (409, "calendar.proposal_pending".into()));
        let at = |how: &str| format!("/api/v1/calendar/proposals/{}/{how}", proposed.body["proposal"].as_str().unwrap());
        let digest = json!({ "digest": proposed.body["digest"] });
        assert_eq!(code(host.post(&at("approve"), &boss, &digest)), (409, "calendar.own_proposal".into()));
        let wrong = json!({ "digest": "0".repeat(64) });
        assert_eq!(code(host.post(&at("approve"), &checker, &wrong)), (409, "calendar.other_content".into()));
        assert_eq!(due().2, 0, "{engine:?}: nothing is in force yet");
        assert_eq!(host.post(&at("approve"), &checker, &digest).body["number"], 1);
        assert_eq!(code(host.post(&at("approve"), &checker, &digest)), (409, "calendar.proposal_decided".into()));
        assert_eq!(due(), ("2027-01-04".into(), false, 1), "{engine:?}: behind the day off and the weekend");
        gauge("0");
        let year = host.get("/api/v1/calendar/2027", &taxpayer).body;
        assert_eq!(
            (&year["provisional"], &year["days"][0]["holiday"], &year["days"][8]["made_up"]),
            (&json!(false), &json!("元旦"), &json!(true))
        );
        assert_eq!(host.get("/api/v1/calendar/2028", &taxpayer).body["provisional"], true);

        let ics = host.get("/api/v1/calendar/2027.ics", &taxpayer);
        assert_eq!((ics.status, ics.kind.as_str()), (200, "text/calendar; charset=utf-8"));
        let text = ics.body.as_str().unwrap();
        let days = zhengna_server::ics::read(text).unwrap();
        assert_eq!(days.iter().map(|d| d.date.to_string()).collect::<Vec<_>>(), ["2027-01-01", "2027-01-09"], "{engine:?}: {text}");
        assert_eq!(host.get("/api/v1/calendar/2027.ics", &boss).body, ics.body, "the same data, the same bytes");
        for (path, status) in [
            ("1999", 422),
            ("2100", 422),
            ("26", 422),
            ("x.ics", 422),
            ("2027.ICS", 422),
            ("2027/filing-periods.ics", 404),
            ("2027.ics/filing-periods", 422),
            ("due", 400),
            ("due?began=2026-12-31T10:00:00%2B08:00&amount=10001&unit=working_days", 422),
            ("due?began=2026-12-31T10:00:00%2B08:00&amount=1&unit=years", 400),
            ("due?began=2026-12-31T10:00:00%2B08:00&amount=1&unit=minutes&authority=12299999999", 404),
        ] {
            let answer = host.get(&format!("/api/v1/calendar/{path}"), &taxpayer);
            assert!(answer.status == status && answer.body["code"].is_string(), "{path}: {answer:?}");
        }
        for query in ["limit=0", "limit=21", "before=1"] {
            let answer = host.get(&format!("/api/v1/calendar/proposals?{query}"), &boss);
            assert!((400..500).contains(&answer.status), "{query}: {answer:?}");
        }
    }
}

/// A taxpayer comes through a provider, looks at what is linked, tells a phone, and unlinks.
fn drive_providers(drive: &mut Drive) {
    let sessions = "/api/v1/providers/electronic_tax_bureau/sessions";
    let begun = drive.ok("access.sign_in_with_provider", "POST", sessions, "", Some(json!({ "proof": "user=7" })));
    let token = begun["token"].as_str().unwrap();
    let linked = drive.ok("access.linked_identities", "GET", "/api/v1/me/identities", token, None);
    assert_eq!(linked["items"][0]["provider"], "electronic_tax_bureau");
    drive.ok("identity.take_phone", "POST", "/api/v1/me/phone", token, Some(json!({ "code": "13900001234" })));
    drive.ok("access.unlink_identity", "DELETE", "/api/v1/me/identities/electronic_tax_bureau", token, None);
}

/// An officer changes the given password, takes a second factor on, signs in with it, and loses it twice.
fn drive_staff(host: &Host, drive: &mut Drive, boss: &str) {
    let officer = host.world.officers[2];
    let at = |tail: &str| format!("/api/v1/officers/{officer}{tail}");
    let given = json!({ "password": "Gei-Ni-Yong-2026" });
    drive.ok("access.give_password", "PUT", &at("/password"), boss, Some(given));
    let sign_in =
        |password: &str| host.call("POST", "/api/v1/sessions", None, None, Some(&json!({ "login": "22010002", "password": password })));
    let begun = sign_in("Gei-Ni-Yong-2026").body["token"].as_str().unwrap().to_owned();
    let change = json!({ "current": "Gei-Ni-Yong-2026", "password": "Ming-Tian-2026" });
    let token_of = |body: &Value| body["token"].as_str().unwrap().to_owned();
    let token = token_of(&drive.ok("access.change_password", "PUT", "/api/v1/me/password", &begun, Some(change)));
    let uri = drive.ok("access.enrol_factor", "POST", "/api/v1/me/second-factor", &token, None);
    let code = || {
        host.world.clock.advance(zhengna_core::crypto::TOTP_STEP);
        json!({ "code": host.code_of(&uri) })
    };
    let confirmed = drive.ok("access.confirm_factor", "POST", "/api/v1/me/second-factor/confirm", &token, Some(code()));
    assert_eq!(confirmed["recovery_codes"].as_array().unwrap().len(), zhengna_core::limits::RECOVERY_CODES);
    let needed = sign_in("Ming-Tian-2026");
    assert_eq!((needed.status, &needed.body["code"]), (401, &json!("access.second_factor_needed")));
    let mut step = code();
    step["challenge"] = needed.body["related"].clone();
    let token = token_of(&drive.ok("access.confirm_sign_in", "POST", "/api/v1/sessions/confirm", "", Some(step)));
    drive.ok("access.remove_factor", "POST", "/api/v1/me/second-factor/remove", &token, Some(code()));
    host.sign_in(ActorKind::Officer, officer.uuid());
    let session = host.world.session_of(officer);
    zhengna_tests::world::enrolled(&host.world.core, &session).unwrap();
    drive.ok("access.reset_factor", "DELETE", &at("/second-factor"), boss, None);
}

/// Whether `GET /api/v1/events` answers with a stream.
fn follows(host: &Host, token: &str) -> bool {
    use std::io::{BufRead as _, Write as _};
    let mut stream = std::net::TcpStream::connect(host.address()).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
    write!(stream, "GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n").unwrap();
    let head: Vec<String> = std::io::BufReader::new(stream).lines().map_while(Result::ok).take_while(|l| !l.is_empty()).collect();
    head[0].contains("200") && head.iter().any(|l| l.contains("text/event-stream"))
}

struct Drive<'a> {
    host: &'a Host,
    document: Value,
    driven: BTreeSet<String>,
}

impl<'a> Drive<'a> {
    fn new(host: &'a Host) -> Self {
        let answer = host.call("GET", "/api/openapi.json", None, None, None);
        assert_eq!((answer.status, &answer.body["openapi"]), (200, &json!("3.1.0")));
        Self { host, document: answer.body, driven: BTreeSet::new() }
    }

    fn operations(&self) -> Vec<(String, String, Value)> {
        let paths = self.document["paths"].as_object().unwrap();
        let methods = |(path, item): (&String, &Value)| {
            item.as_object().unwrap().iter().map(|(method, o)| (path.clone(), method.clone(), o.clone())).collect::<Vec<_>>()
        };
        paths.iter().flat_map(methods).collect()
    }

    fn ok(&mut self, id: &str, method: &str, path: &str, token: &str, body: Option<Value>) -> Value {
        let bare = path.split('?').next().unwrap();
        let fits = |template: &str| {
            let (a, b): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), bare.split('/').collect());
            a.len() == b.len() && a.iter().zip(&b).all(|(t, p)| t.starts_with('{') || t == p)
        };
        let operations = self.operations();
        let (_, _, declared) = operations
            .iter()
            .find(|(p, m, o)| fits(p) && *m == method.to_lowercase() && o["operationId"] == id)
            .unwrap_or_else(|| panic!("{method} {path} is not documented as {id}"));
        if let (Some(body), Some(schema)) = (&body, declared["requestBody"]["content"]["application/json"].get("schema")) {
            self.holds(schema, body, id);
        }
        let key = self.host.key();
        let answer = self.host.call(method, path, Some(token), Some(&key), body.as_ref());
        let (status, success) = declared["responses"].as_object().unwrap().iter().find(|(s, _)| *s != "default").unwrap();
        assert_eq!(answer.status.to_string(), *status, "{id}: {answer:?}");
        match success["content"]["application/json"].get("schema") {
            Some(schema) => self.holds(schema, &answer.body, id),
            None => assert_eq!(answer.body, json!(""), "{id}"),
        }
        self.driven.insert(id.into());
        answer.body
    }

    fn holds(&self, schema: &Value, value: &Value, id: &str) {
        let mut whole = schema.clone();
        whole["components"] = self.document["components"].clone();
        let validator = jsonschema::validator_for(&whole).unwrap_or_else(|e| panic!("{id}: the schema itself: {e}"));
        let errors: Vec<String> = validator.iter_errors(value).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{id}: {errors:?} in {value}");
    }
}

/// Every body, every field: null, wrong type, huge, deep, unknown, missing, ill-formed. 4xx with a code and, where
/// there is one, the field; nothing written.
#[test]
fn bad_input_is_refused_with_a_code_and_a_field_and_nothing_is_written() {
    let host = Host::start(Engine::Sqlite);
    let drive = Drive::new(&host);
    let (taxpayer, officer, boss) = (host.taxpayer(0), host.officer(0), host.supervisor());
    let line = host.world.line;
    let entered = host.post(&format!("/api/v1/lines/{line}/conversations"), &taxpayer, &json!({ "topic": "问", "channel": "web" }));
    let conversation = entered.body["conversation"].as_str().unwrap().to_owned();
    host.post(&format!("/api/v1/lines/{line}/claims"), &officer, &json!({}));
    let person = host.world.taxpayers[0].to_string();
    let sample = |name: &str| match name {
        "login" | "password" | "current" | "challenge" | "code" | "link" | "topic" | "text" | "name" | "reason" | "note" | "document"
        | "title" | "digest" => json!("好"),
        "proof" => json!("好=好"), // spent
        "source" => json!("https://www.gov.cn/"),
        "change" => notice(2027)["change"].clone(),
        "channel" => json!("web"),
        "authority" => json!(NANGUAN),
        "outcome" => json!("resolved"),
        "field" => json!("name"),
        "person" | "taxpayer" => json!(person),
        "role" => json!("tax_handler"),
        _ => json!(1),
    };
    let before = host.dump();
    let mut tried = 0;
    for (path, method, operation) in drive.operations() {
        let Some(schema) = operation["requestBody"]["content"]["application/json"].get("schema") else { continue };
        let name = schema["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
        let fields: Vec<String> = drive.document["components"]["schemas"][name]["properties"]
            .as_object()
            .map(|p| p.keys().cloned().collect())
            .unwrap_or_default();
        let real = path.replace("{line}", &line.to_string()).replace("{conversation}", &conversation).replace("{taxpayer}", &person);
        let real = real.replace("{provider}", "electronic_tax_bureau");
        let real =
            real.replace("{proposal}", "019a0000-0000-7000-8000-00000000ffff").replace("{officer}", &host.world.officers[1].to_string());
        let callers: Vec<String> = operation["x-callers"].as_array().unwrap().iter().map(|c| c.as_str().unwrap().to_owned()).collect();
        let boss_only = matches!(
            operation["x-permission"].as_str(),
            Some(
                "manage_lines"
                    | "manage_relations"
                    | "reveal_personal_data"
                    | "read_audit"
                    | "supervise_interaction"
                    | "propose_calendar"
                    | "approve_calendar"
                    | "manage_access"
            )
        );
        let token = match callers.as_slice() {
            _ if boss_only => &boss,
            [one] if one == "officer" => &officer,
            _ if path.ends_with("/close") || path.ends_with("/claims") => &officer,
            _ => &taxpayer,
        };
        let mut whole = serde_json::Map::new();
        for field in &fields {
            whole.insert(field.clone(), sample(field));
        }
        let mut refuse = |bytes: &[u8], what: &str, field: Option<&str>| {
            let key = host.key();
            let answer = host.raw(&method.to_uppercase(), &real, Some(token), Some(&key), Some(bytes));
            let id = operation["operationId"].as_str().unwrap();
            assert!((400..500).contains(&answer.status), "{id} {what}: {answer:?}");
            assert!(answer.kind.starts_with("application/problem+json"), "{id} {what}: {answer:?}");
            let code = answer.body["code"].as_str().unwrap_or_default();
            assert!(!code.is_empty() && !answer.body["title"].as_str().unwrap().is_empty(), "{id} {what}: {answer:?}");
            if let Some(field) = field {
                assert!(answer.body["field"].as_str().is_some_and(|f| f.trim_start_matches('/') == field), "{id} {what}: {answer:?}");
            }
            tried += 1;
        };
        for field in &fields {
            let optional = field == "note" || field == "limit" || field == "link";
            for (what, value) in [
                ("null", Value::Null),
                ("an object", json!({})),
                ("an array", json!([1])),
                ("true", json!(true)),
                ("a huge number", json!(1e300)),
                ("huge", json!("长".repeat(70_000))),
            ] {
                if optional && value.is_null() {
                    continue;
                }
                let mut bad = whole.clone();
                bad.insert(field.clone(), value);
                refuse(&serde_json::to_vec(&bad).unwrap(), &format!("{field} is {what}"), (what != "huge").then_some(field.as_str()));
            }
            if !optional {
                let mut bad = whole.clone();
                bad.remove(field);
                refuse(&serde_json::to_vec(&bad).unwrap(), &format!("{field} is missing"), None);
            }
        }
        let mut unknown = whole.clone();
        unknown.insert("region_id".into(), json!("22"));
        refuse(&serde_json::to_vec(&unknown).unwrap(), "an unknown field", Some("region_id"));
        for (what, bytes) in [
            ("nothing", b"".to_vec()),
            ("not JSON", b"{".to_vec()),
            ("an array", b"[]".to_vec()),
            ("null", b"null".to_vec()),
            ("ill-formed UTF-8", b"{\"text\":\"\xff\"}".to_vec()),
            ("deep", format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)).into_bytes()),
            ("two values", b"{} {}".to_vec()),
            ("a duplicate key", b"{\"text\":\"a\",\"text\":\"b\"}".to_vec()),
        ] {
            refuse(&bytes, what, None);
        }
    }
    assert!(tried > 150, "{tried}");
    // Ids in paths, numbers and cursors in queries.
    for path in [
        "/api/v1/conversations/1",
        "/api/v1/conversations/%ff",
        "/api/v1/me/conversations?limit=0",
        "/api/v1/me/conversations?limit=201",
        "/api/v1/me/conversations?limit=x",
        "/api/v1/me/conversations?cursor=1",
        "/api/v1/me/conversations?unknown=1",
        "/api/v1/events/page?cursor=-1.2",
        "/api/v1/events/page?cursor=0.0&limit=0",
        "/api/v1/events/page?cursor=0.0&limit=501",
    ] {
        let answer = host.get(path, &officer);
        assert!((400..500).contains(&answer.status) && answer.status != 403 && answer.body["code"].is_string(), "{path}: {answer:?}");
    }
    let no_key = host.call("POST", &format!("/api/v1/lines/{line}/claims"), Some(&officer), None, Some(&json!({})));
    assert_eq!((no_key.status, &no_key.body["code"]), (400, &json!("idempotency.key_required")));
    let long_key = host.call("POST", &format!("/api/v1/lines/{line}/claims"), Some(&officer), Some(&"k".repeat(65)), Some(&json!({})));
    assert_eq!((long_key.status, &long_key.body["field"]), (422, &json!("idempotency_key")));
    assert_eq!(host.dump(), before, "nothing was written");
}

/// Whoever may not, may not: signed out, the wrong kind, without the post, from elsewhere. Unknown and foreign ids
/// answer alike, to the byte but for the request id.
#[test]
fn whoever_may_not_learns_nothing() {
    let host = Host::start(Engine::Sqlite);
    let drive = Drive::new(&host);
    let (taxpayer, officer) = (host.taxpayer(0), host.officer(0));
    let stranger = host.sign_in(ActorKind::Officer, host.world.stranger.uuid());
    let idle_hand = host.sign_in(ActorKind::Officer, host.world.idle_hand.uuid());
    let other = host.taxpayer(1);
    let line = host.world.line;
    let entered = host.post(&format!("/api/v1/lines/{line}/conversations"), &taxpayer, &json!({ "topic": "问", "channel": "web" }));
    let conversation = entered.body["conversation"].as_str().unwrap().to_owned();
    host.post(&format!("/api/v1/lines/{line}/claims"), &officer, &json!({}));
    let nobody = "019a0000-0000-7000-8000-00000000ffff";
    let body_of = |path: &str| match path.rsplit('/').next().unwrap() {
        "conversations" => json!({ "topic": "问", "channel": "web" }),
        "messages" => json!({ "text": "好" }),
        "read-mark" => json!({ "number": 1 }),
        "close" => json!({ "outcome": "resolved", "note": null }),
        "reveal" if path.ends_with("/card/reveal") => json!({ "taxpayer": host.world.taxpayers[0], "field": "name", "reason": "好" }),
        "reveal" => json!({ "field": "name", "reason": "好" }),
        "release" => json!({ "role": "tax_handler", "person": host.world.taxpayers[0], "reason": "好" }),
        "review" | "prioritise" => json!({ "reason": "好" }),
        "audit-reads" => json!({ "after": 0, "limit": 1 }),
        "lines" => json!({ "name": "好", "authority": NANGUAN }),
        "proposals" => notice(2027),
        "approve" => json!({ "digest": "00" }),
        "reject" => json!({ "digest": "00", "reason": "好" }),
        "password" if path.contains("/officers/") => json!({ "password": support::PASSWORD }),
        "password" => json!({ "current": support::PASSWORD, "password": "Ming-Tian-2026" }),
        "confirm" | "remove" | "phone" => json!({ "code": "000000" }),
        _ => json!({}),
    };
    let before = host.dump();
    let mut cells = 0;
    for (path, method, operation) in drive.operations() {
        let id = operation["operationId"].as_str().unwrap().to_owned();
        if id == "access.sign_in"
            || id == "access.confirm_sign_in"
            || id == "access.sign_out"
            || id == "access.issue_ticket"
            || id == "access.sign_in_with_provider"
        {
            continue; // about the caller only; tested on their own
        }
        let path = path.replace("{proposal}", nobody).replace("{year}", "2026").replace("{provider}", "portal");
        let with = |ids: [&str; 3]| {
            let officer = if ids[0] == nobody { nobody.to_owned() } else { host.world.officers[1].to_string() };
            let path = path.replace("{line}", ids[0]).replace("{conversation}", ids[1]).replace("{taxpayer}", ids[2]);
            path.replace("{officer}", &officer)
        };
        let person = host.world.taxpayers[0].to_string();
        let real = with([&line.to_string(), &conversation, &person]);
        let body = operation.get("requestBody").map(|_| body_of(&path));
        let call = |path: &str, token: Option<&str>| {
            let key = host.key();
            host.call(&method.to_uppercase(), path, token, Some(&key), body.as_ref())
        };
        for token in [None, Some("nonsense"), Some("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")] {
            assert_eq!(call(&real, token).status, 401, "{id} {token:?}");
            cells += 1;
        }
        let callers = operation["x-callers"].to_string();
        if !callers.contains("taxpayer") {
            assert_eq!(call(&real, Some(&taxpayer)).status, 403, "{id} by a taxpayer");
        }
        if !callers.contains("officer") {
            assert_eq!(call(&real, Some(&officer)).status, 403, "{id} by an officer");
        }
        if operation["x-permission"].is_string() {
            let denied = call(&real, Some(&idle_hand));
            assert_eq!((denied.status, &denied.body["code"]), (403, &json!("access.denied")), "{id} without a post");
        }
        // Somebody else's objects, and objects that never were.
        if ["{conversation}", "{taxpayer}", "{officer}"].iter().any(|id| path.contains(id)) {
            let unknown = with([nobody, nobody, nobody]);
            for token in [&other, &stranger] {
                let (foreign, missing) = (call(&real, Some(token)), call(&unknown, Some(token)));
                let bare = |mut answer: support::Answer| {
                    answer.body.as_object_mut().unwrap().remove("request_id");
                    (answer.status, answer.kind, answer.body.to_string())
                };
                let (foreign, missing) = (bare(foreign), bare(missing));
                assert_eq!(foreign, missing, "{id}");
                assert!(foreign.0 == 404 || foreign.0 == 403, "{id}: {foreign:?}");
                cells += 1;
            }
        }
    }
    assert!(cells > 80, "{cells}");
    let claim = host.post(&format!("/api/v1/lines/{line}/claims"), &stranger, &json!({}));
    let unknown = host.post(&format!("/api/v1/lines/{nobody}/claims"), &stranger, &json!({}));
    assert_eq!((claim.status, &claim.body["code"]), (unknown.status, &unknown.body["code"]), "a line elsewhere");
    // Presence is all that the refused calls could have left, and presence is not on disk.
    assert_eq!(host.dump(), before, "nothing was written");
}

#[test]
fn a_retry_with_the_same_key_happens_once_and_another_body_is_refused() {
    let host = Host::start(Engine::Sqlite);
    let (taxpayer, officer) = (host.taxpayer(0), host.officer(0));
    let line = host.world.line;
    let enter = format!("/api/v1/lines/{line}/conversations");
    let body = json!({ "topic": "问", "channel": "web" });
    let key = host.key();
    let first = host.call("POST", &enter, Some(&taxpayer), Some(&key), Some(&body));
    let again = host.call("POST", &enter, Some(&taxpayer), Some(&key), Some(&body));
    assert_eq!((first.status, again.status, &first.body), (201, 201, &again.body));
    let other = host.call("POST", &enter, Some(&taxpayer), Some(&key), Some(&json!({ "topic": "别的", "channel": "web" })));
    assert_eq!((other.status, &other.body["code"]), (409, &json!("idempotency.key_reused")));
    let twice = host.post(&enter, &taxpayer, &body);
    assert_eq!(
        (twice.status, &twice.body["code"], &twice.body["related"]),
        (409, &json!("interaction.already_in_line"), &first.body["conversation"])
    );
    // The same key of another person is another key.
    let claimed = host.call("POST", &format!("/api/v1/lines/{line}/claims"), Some(&officer), Some(&key), Some(&json!({})));
    assert_eq!(claimed.body["conversation"], first.body["conversation"]);
}

#[test]
fn passwords_lock_after_failures_and_sessions_end() {
    let host = Host::start(Engine::Sqlite);
    let token = host.officer(0);
    let login = format!("u{}", &host.world.officers[0].uuid().simple().to_string()[12..]);
    let attempt = |login: &str, password: &str| {
        host.call("POST", "/api/v1/sessions", None, None, Some(&json!({ "login": login, "password": password })))
    };
    let unknown = attempt("nobody-here", "Wrong-Pass-2026");
    for _ in 0..4 {
        let wrong = attempt(&login, "Wrong-Pass-2026");
        attempt("nobody-here", "Wrong-Pass-2026");
        assert_eq!((wrong.status, &wrong.body["code"], &wrong.body["title"]), (401, &unknown.body["code"], &unknown.body["title"]));
    }
    assert_eq!(attempt(&login, "Wrong-Pass-2026").body["code"], "access.locked");
    assert_eq!(attempt("nobody-here", "Wrong-Pass-2026").body["code"], "access.locked", "an unknown login is told the same");
    assert_eq!(attempt(&login, support::PASSWORD).body["code"], "access.locked", "the right password too, while locked");
    host.world.clock.advance(zhengna_core::limits::SIGN_IN_LOCK);
    assert_eq!(host.get("/api/v1/me", &token).status, 401, "idle for longer than staff may be");
    let back = attempt(&login, support::PASSWORD);
    assert_eq!(back.status, 201);
    let second = attempt(&login, support::PASSWORD);
    let (back, second) = (back.body["token"].as_str().unwrap(), second.body["token"].as_str().unwrap());
    assert_eq!(host.get("/api/v1/me", back).status, 401, "an officer has one session");
    assert_eq!(host.get("/api/v1/me", second).status, 200);
    for _ in 0..60 {
        host.world.clock.advance(zhengna_core::limits::STAFF_IDLE - std::time::Duration::from_secs(60));
        let status = host.call("POST", "/api/v1/socket-tickets", Some(second), None, None).status;
        host.world.core.write_down_touches().unwrap();
        if status == 401 {
            return; // the absolute age ended it, though it was never idle
        }
        assert_eq!(status, 201);
    }
    panic!("a session that is used never ends");
}

#[test]
fn rates_are_limited_and_say_when_to_come_back() {
    let world = zhengna_tests::world::World::new(Engine::Memory);
    let config =
        support::config(&[("ZHENGNA_LIMITS_REQUESTS_PER_SECOND_PER_PERSON", "1"), ("ZHENGNA_LIMITS_REQUEST_BURST_PER_PERSON", "5")]);
    let host = Host::over(world, &config);
    let token = host.taxpayer(0);
    let answers: Vec<_> = (0..8).map(|_| host.get("/api/v1/lines", &token)).collect();
    let refused = answers.iter().find(|a| a.status == 429).expect("the sixth within a second is too many");
    assert_eq!(refused.body["code"], "rate.exceeded");
    assert!(refused.retry_after.is_some());
    host.world.clock.advance(std::time::Duration::from_secs(5));
    assert_eq!(host.get("/api/v1/lines", &token).status, 200);
}

#[test]
fn probes_and_pages_answer_everybody() {
    let host = Host::start(Engine::Memory);
    for path in ["/healthz", "/readyz", "/metrics", "/", "/taxpayer", "/officer", "/api/docs", "/assets/client.js", "/assets/style.css"] {
        assert_eq!(host.call("GET", path, None, None, None).status, 200, "{path}");
    }
    let token = host.taxpayer(0);
    host.get("/api/v1/lines", &token);
    let metrics = host.call("GET", "/metrics", None, None, None).body.as_str().unwrap().to_owned();
    assert!(metrics.contains("zhengna_calls_total{operation=\"interaction.lines\",status=\"200\"} 1"), "{metrics}");
}
