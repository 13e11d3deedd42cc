//! Everybody who may not.

use serde_json::json;
use zhengna_core::access::ActorKind;
use zhengna_tests::world::{Engine, NANGUAN};

use super::calendar::notice;
use super::drive::Drive;
use super::support::{Answer, Host, PASSWORD};

/// Whoever may not, may not: signed out, the wrong kind, without the post, from elsewhere. Unknown and foreign ids
/// answer alike, to the byte but for the request id.
#[test]
fn t08_t11_t12_whoever_may_not_learns_nothing() {
    let host = Host::start(Engine::Sqlite);
    let drive = Drive::new(&host);
    let (taxpayer, officer) = (host.taxpayer(0), host.officer(0));
    let stranger = host.sign_in(ActorKind::Officer, host.world.stranger.uuid());
    let idle_hand = host.sign_in(ActorKind::Officer, host.world.idle_hand.uuid());
    let other = host.taxpayer(1);
    let line = host.world.line;
    let entered = host.post(&format!("/api/v1/lines/{line}/conversations"), &taxpayer, &json!({ "topic": "问" }));
    let conversation = entered.body["conversation"].as_str().unwrap().to_owned();
    host.post(&format!("/api/v1/lines/{line}/claims"), &officer, &json!({}));
    let nobody = "019a0000-0000-7000-8000-00000000ffff";
    let body_of = |path: &str| match path.rsplit('/').next().unwrap() {
        "appeals" => json!({ "about": { "authority": NANGUAN }, "text": "好" }),
        "answer" if path.contains("/appeals/") => json!({ "text": "好" }),
        "review" if path.contains("/alerts/") => json!({ "verdict": "dismissed", "reason": "好" }),
        "conversations" => json!({ "topic": "问" }),
        "messages" => json!({ "text": "好" }),
        "canned-replies" if path.contains("/me/") => json!({ "topic": "好", "text": "好" }),
        "canned-replies" => json!({ "authority": NANGUAN, "topic": "好", "text": "好" }),
        "search" => json!({ "text": "您好" }),
        "rating" => json!({ "grade": "satisfied", "reasons": [] }),
        "answer" => json!({ "answer": "好" }),
        "revisit" => json!({ "revisit": "content", "note": "好" }),
        "export" if path.ends_with("/review/export") => json!({ "format": "text", "reason": "好" }),
        "export" => json!({ "format": "text" }),
        "read-mark" | "recall" => json!({ "number": 1 }),
        "close" => json!({ "outcome": "resolved", "note": null }),
        "reveal" if path.ends_with("/card/reveal") => json!({ "taxpayer": host.world.taxpayers[0], "field": "name", "reason": "好" }),
        "reveal" => json!({ "field": "name", "reason": "好" }),
        "release" => json!({ "role": "tax_handler", "person": host.world.taxpayers[0], "reason": "好" }),
        "review" | "prioritise" | "join" => json!({ "reason": "好" }),
        "grid-officers" => json!({ "reason": "好" }),
        "hold" => json!({ "minutes": 5 }),
        "whispers" => json!({ "text": "好" }),
        "questions" => json!({ "staff_no": "22010001", "text": "好" }),
        "merge" => json!({ "other": "019a0000-0000-7000-8000-00000000fffe" }),
        "audit-reads" => json!({ "after": 0, "limit": 1 }),
        "line-proposals" => {
            let settings = json!({ "name": "好", "kind": "general", "hours": "always" });
            json!({ "authority": NANGUAN, "settings": settings, "reason": "好" })
        }
        "transfer" => json!({ "to": { "line": line }, "note": "好" }),
        "proposals" => notice(2027),
        "approve" | "execute" => json!({ "digest": "00" }),
        "withdraw" | "end" => json!({ "reason": "好" }),
        "officers" => json!({ "staff_no": "22010888", "name": "好", "authority": NANGUAN, "capacity": 1 }),
        "access-changes" => {
            let apart = json!({ "first": "manage_lines", "second": "serve_taxpayers", "apart": true, "source": "好" });
            json!({ "change": { "separation": apart }, "reason": "好" })
        }
        "emergency-grants" => json!({ "post": nobody, "authority": NANGUAN, "minutes": 1, "reason": "好" }),
        "delegations" => json!({ "taker": nobody, "ends_at": "2027-01-01T00:00:00+08:00" }),
        "disclosures" => json!({ "taxpayers": [nobody], "fields": ["phone"], "authority": NANGUAN, "reason": "好" }),
        "reject" => json!({ "digest": "00", "reason": "好" }),
        "password" if path.contains("/officers/") => json!({ "password": PASSWORD }),
        "password" => json!({ "current": PASSWORD, "password": "Ming-Tian-2026" }),
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
        let path = ["{approval}", "{grant}", "{delegation}", "{alert}", "{appeal}", "{reply}"]
            .iter()
            .fold(path, |path, id| path.replace(id, nobody))
            .replace("{year}", "2026")
            .replace("{provider}", "portal");
        let path = match id.as_str() {
            "interaction.sign_entry" => path + "?channel=kiosk",
            "identity.examine_list" | "identity.import_list" => path + "?list=people&name=a",
            "identity.propose_import" => path + "?list=people&name=a&reason=b",
            "interaction.sources" | "interaction.promises" => path + "?from=2026-01-01T00:00:00Z&until=2027-01-01T00:00:00Z",
            _ => path,
        };
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
                let bare = |mut answer: Answer| {
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
