//! Sign-in of staff over HTTP, and the networks of the administration plane. The names begin with the number of the
//! attack (docs/security/t-tests.md) that a test is about.

mod support;

use serde_json::{Value, json};
use support::{Host, PASSWORD, config};
use zhengna_core::access::{ActorKind, Permission};
use zhengna_core::limits;
use zhengna_tests::world::{Engine, PROVINCE, World};

fn login(host: &Host, n: usize) -> String {
    format!("u{}", &host.world.officers[n].uuid().simple().to_string()[12..])
}

/// A host that believes its tests to be a gateway, with administration open to one network.
fn behind_a_gateway(engine: Engine) -> Host {
    let config = config(&[
        ("ZHENGNA_TRUSTED_PROXIES", "127.0.0.1/32"),
        ("ZHENGNA_ADMINISTRATION_NETWORKS", "10.0.0.0/8"),
        ("ZHENGNA_LIMITS_REQUESTS_PER_SECOND_PER_PERSON", "1"),
        ("ZHENGNA_LIMITS_REQUEST_BURST_PER_PERSON", "5"),
    ]);
    Host::over(World::new(engine), &config)
}

/// Rocket.Chat forgot an `await`: any password was accepted (CVE-2026-28514).
#[test]
fn t17_nothing_but_the_right_password_opens_a_session() {
    let host = Host::start(Engine::Sqlite);
    host.officer(0);
    let login = login(&host, 0);
    let wrong = [
        Value::Null,
        json!(""),
        json!(" "),
        json!(true),
        json!(0),
        json!({}),
        json!({ "$ne": "" }),
        json!([]),
        json!([PASSWORD]),
        json!("*"),
        json!("%"),
        json!("' OR '1'='1"),
        json!(PASSWORD.to_lowercase()),
        json!(PASSWORD.to_uppercase()),
        json!(format!("{PASSWORD} ")),
        json!(format!(" {PASSWORD}")),
        json!(&PASSWORD[1..]),
        json!(format!("{PASSWORD}\u{0}")),
        json!("\u{0}"),
        json!(PASSWORD.repeat(9)),
        json!("长".repeat(1000)),
    ];
    for password in wrong {
        let answer = host.call("POST", "/api/v1/sessions", None, None, Some(&json!({ "login": login, "password": password })));
        assert!((400..500).contains(&answer.status) && answer.body["token"].is_null(), "{password}: {answer:?}");
        let answer = host.call("POST", "/api/v1/sessions/confirm", None, None, Some(&json!({ "challenge": password, "code": password })));
        assert!((400..500).contains(&answer.status) && answer.body["token"].is_null(), "{password}: {answer:?}");
        host.world.clock.advance(limits::SIGN_IN_LOCK);
    }
    for body in [&b""[..], b"{}", b"[]", b"null", b"login=a&password=b"] {
        let answer = host.raw("POST", "/api/v1/sessions", None, None, Some(body));
        assert!((400..500).contains(&answer.status), "{answer:?}");
    }
    let right = host.call("POST", "/api/v1/sessions", None, None, Some(&json!({ "login": login, "password": PASSWORD })));
    assert_eq!(right.status, 201, "the right one still does");
}

/// Cal.com let a client write into its session (CVE-2026-23478); Zammad believed who a header said one was (T-15).
#[test]
fn t19_a_session_is_what_it_was_begun_as_whatever_the_client_claims() {
    let host = Host::start(Engine::Sqlite);
    let token = host.officer(0);
    let id = host.world.supervisor.to_string();
    for field in ["kind", "actor", "officer", "permissions", "duty", "token", "second_factor"] {
        let body = json!({ "login": login(&host, 0), "password": PASSWORD, field: id });
        let answer = host.call("POST", "/api/v1/sessions", None, None, Some(&body));
        assert_eq!((answer.status, answer.body["token"].is_null()), (400, true), "{field}: {answer:?}");
    }
    for method in ["PUT", "PATCH", "POST", "DELETE"] {
        for path in ["/api/v1/me", "/api/v1/sessions/current"] {
            if (method, path) != ("DELETE", "/api/v1/sessions/current") {
                let answer = host.call(method, path, Some(&token), None, Some(&json!({ "officer": id })));
                assert_eq!(answer.status, 405, "{method} {path}");
            }
        }
    }
    let claims = ["x-user", "x-remote-user", "x-forwarded-user", "x-officer", "x-ssl-client-s-dn", "cookie", "x-authenticated-userid"];
    for claim in claims {
        let me = host.with_headers("GET", "/api/v1/me", Some(&token), &[(claim, &id)], None);
        assert_eq!(me.body["officer"], json!(host.world.officers[0]), "{claim}");
        assert_eq!(host.with_headers("GET", "/api/v1/me", None, &[(claim, &id)], None).status, 401, "{claim}");
    }
}

/// Tokens that are well formed and not good.
#[test]
fn t20_old_ended_and_made_up_tokens_are_refused_and_so_is_one_used_as_another() {
    let host = Host::start(Engine::Sqlite);
    let token = host.officer(0);
    let status = |token: &str| host.get("/api/v1/me", token).status;
    let ticket = host.call("POST", "/api/v1/socket-tickets", Some(&token), None, None).body["ticket"].as_str().unwrap().to_owned();
    for bad in ["A".repeat(43), token.to_uppercase(), format!("{token}="), token[..42].to_owned(), ticket, "e30.e30.".into()] {
        assert_eq!(status(&bad), 401, "{bad}");
    }
    assert_eq!(status(&token), 200);
    host.call("DELETE", "/api/v1/sessions/current", Some(&token), None, None);
    assert_eq!(status(&token), 401, "ended, whoever kept a copy");
    let token = host.officer(0);
    host.world.clock.advance(limits::STAFF_IDLE);
    assert_eq!(status(&token), 401, "idle");
}

/// An account that nobody used for half a year: whoever has its password is told what to do, and nobody else anything.
#[test]
fn whoever_did_not_sign_in_for_long_is_told_who_can_help() {
    let host = Host::start(Engine::Sqlite);
    host.officer(0);
    host.world.clock.advance(std::time::Duration::from_secs(180 * 86_400));
    let typed = |password: &str| {
        host.call("POST", "/api/v1/sessions", None, None, Some(&json!({ "login": login(&host, 0), "password": password })))
    };
    assert_eq!(typed("Xiang-Kan-2027").body["code"], "access.wrong_credentials");
    let refused = typed(PASSWORD);
    assert_eq!((refused.status, &refused.body["code"]), (403, &json!("access.dormant")), "{refused:?}");
    let message = refused.body["title"].as_str().unwrap();
    assert!(message.contains("180 天") && message.contains("联系本单位管理员"), "{message}");
    let [administrator, ..] = host.administrators();
    let rules = host
        .get(
            "/api/v1/control/rules",
            &host.sign_in(ActorKind::Officer, host.world.appoint("22018030", PROVINCE, &[Permission::ReviewControl]).uuid()),
        )
        .body;
    let rule = rules["items"].as_array().unwrap().iter().find(|rule| rule["id"] == "dormant_lock").unwrap();
    assert_eq!((&rule["kind"], &rule["threshold"], &rule["approved"]), (&json!("block"), &json!(180), &json!(false)), "{rule:?}");
    let path = format!("/api/v1/officers/{}/password", host.world.officers[0]);
    let given = host.call("PUT", &path, Some(&administrator), None, Some(&json!({ "password": "Gei-Ni-Yong-2026" })));
    assert_eq!(given.status, 200, "{given:?}");
    let begun = typed("Gei-Ni-Yong-2026");
    assert_eq!((begun.status, &begun.body["duty"]), (201, &json!("change_password")), "{begun:?}");
}

#[test]
fn the_administration_plane_is_open_to_its_networks_only() {
    let host = behind_a_gateway(Engine::Sqlite);
    let token = host.auditor();
    let read = |forwarded: &[(&str, &str)]| {
        host.world.clock.advance(std::time::Duration::from_secs(60));
        let body = json!({ "after": 0, "limit": 1 });
        host.with_headers("POST", "/api/v1/audit-reads", Some(&token), forwarded, Some(&body))
    };
    assert_eq!(read(&[("x-forwarded-for", "10.1.2.3")]).status, 200);
    for elsewhere in ["9.9.9.9", "10.1.2.3, 9.9.9.9", "unknown", "", "127.0.0.1"] {
        let refused = read(&[("x-forwarded-for", elsewhere)]);
        assert_eq!((refused.status, &refused.body["code"]), (403, &json!("network.not_for_administration")), "{elsewhere}");
    }
    assert_eq!(read(&[]).status, 403, "the gateway itself is not in the network");
    let other = host.with_headers("GET", "/api/v1/lines", Some(&token), &[("x-forwarded-for", "9.9.9.9")], None);
    assert_eq!(other.status, 200, "what does not administer is open from everywhere");
    let decides = host.with_headers("GET", "/api/v1/approvals", Some(&token), &[("x-forwarded-for", "9.9.9.9")], None);
    assert_eq!(decides.status, 403, "whoever administers decides from there only, too");
    let inside = host.with_headers("GET", "/api/v1/approvals", Some(&token), &[("x-forwarded-for", "10.1.2.3")], None);
    assert_eq!(inside.status, 200);
    let stranger = host.with_headers("POST", "/api/v1/audit-reads", None, &[("x-forwarded-for", "9.9.9.9")], None);
    assert_eq!(stranger.status, 403, "nobody tries tokens from there");
}

#[test]
fn t15_by_default_no_header_moves_anybody_into_or_out_of_the_administrations_network() {
    let host = Host::start(Engine::Sqlite);
    let token = host.auditor();
    let read = |headers: &[(&str, &str)]| {
        host.with_headers("POST", "/api/v1/audit-reads", Some(&token), headers, Some(&json!({ "after": 0, "limit": 1 }))).status
    };
    assert_eq!(read(&[]), 200, "from this machine");
    // Forwarded by somebody nobody named: it could begin anywhere.
    for mark in ["x-forwarded-for", "forwarded", "x-real-ip", "via"] {
        assert_eq!(read(&[(mark, "127.0.0.1")]), 403, "{mark}");
    }
}

#[test]
fn t15_behind_a_trusted_gateway_the_rate_of_strangers_is_each_ones_own() {
    let host = behind_a_gateway(Engine::Memory);
    let attempt = |from: &str| {
        let body = json!({ "login": "nobody", "password": "x" });
        host.with_headers("POST", "/api/v1/sessions", None, &[("x-forwarded-for", from)], Some(&body)).body["code"] == "rate.exceeded"
    };
    assert!((0..12).any(|_| attempt("9.9.9.9")), "too many of one");
    assert!(!attempt("8.8.8.8"), "somebody else, by the same gateway");
    assert!((0..12).any(|_| attempt("8.8.8.8, 9.9.9.9")), "what the client writes itself moves nobody");
}

/// Zammad's set-up routes answered after set-up: here there are none.
#[test]
fn t13_nothing_over_http_makes_an_administrator() {
    let host = Host::start(Engine::Memory);
    for path in ["/api/v1/bootstrap", "/api/v1/setup", "/bootstrap", "/setup", "/install", "/api/v1/officers/bootstrap"] {
        for method in ["GET", "POST", "PUT"] {
            assert_eq!(host.call(method, path, None, None, None).status, 404, "{method} {path}");
        }
    }
    let document = host.call("GET", "/api/openapi.json", None, None, None).body;
    assert!(!document["paths"].to_string().contains("access.bootstrap"));
}

/// What a person is told, once: the codes of a second step over HTTP.
#[test]
fn a_second_step_is_asked_for_and_each_wrong_answer_has_its_code() {
    let host = Host::start(Engine::Sqlite);
    let officer = host.world.officers[0];
    let token = host.officer(0);
    let enrolled = host.call("POST", "/api/v1/me/second-factor", Some(&token), None, None);
    let confirm = |code: &str| host.call("POST", "/api/v1/me/second-factor/confirm", Some(&token), None, Some(&json!({ "code": code })));
    assert_eq!(confirm("12345").body["code"], "access.wrong_code");
    assert_eq!(confirm(&"1".repeat(33)).body["field"], "code");
    let fresh = confirm(&host.code_of(&enrolled.body)).body["session"]["token"].as_str().unwrap().to_owned();
    assert_eq!((host.get("/api/v1/me", &token).status, host.get("/api/v1/me", &fresh).status), (401, 200));
    host.world.clock.advance(zhengna_core::crypto::TOTP_STEP);
    let begin = || host.call("POST", "/api/v1/sessions", None, None, Some(&json!({ "login": login(&host, 0), "password": PASSWORD })));
    let step = |challenge: &Value, code: &str| {
        host.call("POST", "/api/v1/sessions/confirm", None, None, Some(&json!({ "challenge": challenge, "code": code })))
    };
    let begun = begin();
    assert_eq!((begun.status, &begun.body["code"], begun.body["token"].is_null()), (401, &json!("access.second_factor_needed"), true));
    assert_eq!(step(&begun.body["related"], "12345").body["code"], "access.wrong_code");
    assert_eq!(step(&json!("A".repeat(43)), "12345").body["code"], "access.challenge_over");
    let done = step(&begun.body["related"], &host.code_of(&enrolled.body));
    assert_eq!((done.status, &done.body["kind"]), (201, &json!("officer")), "{done:?}");
    assert_eq!(step(&begun.body["related"], &host.code_of(&enrolled.body)).body["code"], "access.challenge_over");
    host.world.core.as_system().access().give_password(officer, "Gei-Ni-Yong-2026").unwrap();
    assert_eq!(begin().body["code"], "access.wrong_credentials", "the old password is over");
}
