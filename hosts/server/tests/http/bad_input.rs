//! Every kind of bad input, in every field of every body.

use serde_json::{Value, json};
use zhengna_core::access::{ActorKind, Permission};
use zhengna_tests::world::{Engine, NANGUAN};

use super::calendar::notice;
use super::drive::Drive;
use super::support::Host;

/// Every body, every field: null, wrong type, huge, deep, unknown, missing, ill-formed. 4xx with a code and, where
/// there is one, the field; nothing written.
#[test]
fn t04_bad_input_is_refused_with_a_code_and_a_field_and_nothing_is_written() {
    let host = Host::start(Engine::Sqlite);
    let drive = Drive::new(&host);
    let (taxpayer, officer, boss) = (host.taxpayer(0), host.officer(0), host.supervisor());
    let line = host.world.line;
    let entered = host.post(&format!("/api/v1/lines/{line}/conversations"), &taxpayer, &json!({ "topic": "问" }));
    let conversation = entered.body["conversation"].as_str().unwrap().to_owned();
    host.post(&format!("/api/v1/lines/{line}/claims"), &officer, &json!({}));
    let [administrator, security, auditor] = host.administrators();
    let taker = host.sign_in(ActorKind::Officer, host.world.appoint("22019008", NANGUAN, &[Permission::TakeEmergencyPost]).uuid());
    let reviewer = host.sign_in(ActorKind::Officer, host.world.appoint("22019010", NANGUAN, &[Permission::ReviewControl]).uuid());
    let handler = host.sign_in(ActorKind::Officer, host.world.appoint("22019011", NANGUAN, &[Permission::HandleAppeals]).uuid());
    let person = host.world.taxpayers[0].to_string();
    let sample = |name: &str, operation_is_access: bool| match name {
        "login" | "password" | "current" | "challenge" | "code" | "link" | "topic" | "text" | "name" | "reason" | "note" | "document"
        | "title" | "digest" => json!("好"),
        "proof" => json!("好=好"), // spent
        "source" => json!("https://www.gov.cn/"),
        "change" if operation_is_access => {
            json!({ "separation": { "first": "manage_lines", "second": "serve_taxpayers", "apart": true, "source": "文" } })
        }
        "change" => notice(2027)["change"].clone(),
        "staff_no" => json!("22010888"),
        "left_at" | "ends_at" | "starts_at" => json!("2027-01-01T00:00:00+08:00"),
        "taxpayers" => json!([person]),
        "fields" => json!(["phone"]),
        "post" | "taker" | "reply" | "other" => json!("019a0000-0000-7000-8000-00000000ffff"),
        "channel" => json!("web"),
        "authority" => json!(NANGUAN),
        "settings" => json!({ "name": "好", "kind": "general", "hours": "always" }),
        "line" | "entry" | "previous" => Value::Null,
        "to" => json!({ "line": line }),
        "outcome" => json!("resolved"),
        "field" => json!("name"),
        "person" | "taxpayer" => json!(person),
        "role" => json!("tax_handler"),
        "verdict" => json!("dismissed"),
        "about" => json!({ "authority": NANGUAN }),
        "confirmed" => json!(false),
        "quotes" => Value::Null,
        "place" => Value::Null,
        "format" => json!("text"),
        "answer" | "comment" => json!("好"),
        "grade" => json!("satisfied"),
        "reasons" => json!([]),
        "revisit" => json!("content"),
        "operation" | "subject" => json!("好"),
        "from" | "until" => json!("2026-11-23T00:00:00+08:00"),
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
        let real = ["{approval}", "{grant}", "{delegation}", "{alert}", "{appeal}", "{reply}"]
            .iter()
            .fold(real, |real, id| real.replace(id, "019a0000-0000-7000-8000-00000000ffff"))
            .replace("{officer}", &host.world.officers[1].to_string());
        let callers: Vec<String> = operation["x-callers"].as_array().unwrap().iter().map(|c| c.as_str().unwrap().to_owned()).collect();
        let token = match (operation["x-permission"].as_str(), callers.as_slice()) {
            (Some("manage_access"), _) => &administrator,
            (Some("approve_access" | "view_staff"), _) => &security,
            (Some("read_audit"), _) => &auditor,
            (Some("take_emergency_post"), _) => &taker,
            (Some("review_control"), _) => &reviewer,
            (Some("handle_appeals"), [one]) if one == "officer" => &handler,
            (Some("manage_lines" | "manage_relations" | "reveal_personal_data" | "supervise_interaction" | "propose_calendar"), _) => &boss,
            (_, [one]) if one == "officer" => &officer,
            _ if path.ends_with("/close") || path.ends_with("/claims") => &officer,
            _ => &taxpayer,
        };
        let mut whole = serde_json::Map::new();
        for field in &fields {
            whole.insert(field.clone(), sample(field, path.ends_with("access-changes")));
        }
        let mut refuse = |bytes: &[u8], what: &str, field: Option<&str>| {
            // So many tries of one thing are more than anybody may in a minute.
            host.world.clock.advance(std::time::Duration::from_secs(if path.ends_with("/conversations") { 3 } else { 0 }));
            let key = host.key();
            let answer = host.raw(&method.to_uppercase(), &real, Some(token), Some(&key), Some(bytes));
            let id = operation["operationId"].as_str().unwrap();
            assert!((400..500).contains(&answer.status), "{id} {what}: {answer:?}");
            assert!(answer.kind.starts_with("application/problem+json"), "{id} {what}: {answer:?}");
            let code = answer.body["code"].as_str().unwrap_or_default();
            assert!(!code.is_empty() && !answer.body["title"].as_str().unwrap().is_empty(), "{id} {what}: {answer:?}");
            if let Some(field) = field {
                assert!(
                    answer.body["field"].as_str().is_some_and(|f| f.trim_start_matches('/').split('/').next() == Some(field)),
                    "{id} {what}: {answer:?}"
                );
            }
            tried += 1;
        };
        for field in &fields {
            let id = operation["operationId"].as_str().unwrap();
            let optional = [
                "note",
                "limit",
                "link",
                "left_at",
                "starts_at",
                "quotes",
                "confirmed",
                "reply",
                "place",
                "comment",
                "line",
                "entry",
                "previous",
                "topic_code",
            ]
            .contains(&field.as_str())
                || (field == "authority" && id == "interaction.propose_line")
                || id == "audit.read" // whatever is left out narrows nothing
                || (field == "staff_no" && (id == "appeal.file" || id == "grid.assign_officer"));
            for (what, value) in [
                ("null", Value::Null),
                ("an object", json!({})),
                ("an array", json!([1])),
                ("true", json!(true)),
                ("a huge number", json!(1e300)),
                ("huge", json!("长".repeat(70_000))),
            ] {
                // What may be left out, and what is as good as false.
                if optional && value.is_null() || field == "confirmed" && value.is_boolean() {
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
