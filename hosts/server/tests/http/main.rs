//! The HTTP API as anybody may use it: every operation of the document, every kind of bad input, everybody who may
//! not.

mod bad_input;
mod calendar;
mod documented;
mod drive;
mod imports;
mod strangers;
#[path = "../support/mod.rs"]
mod support;

use std::time::Duration;

use serde_json::json;
use zhengna_core::{Timestamp, limits};
use zhengna_tests::world::Engine;

use support::Host;

#[test]
fn a_retry_with_the_same_key_happens_once_and_another_body_is_refused() {
    let host = Host::start(Engine::Sqlite);
    let (taxpayer, officer) = (host.taxpayer(0), host.officer(0));
    let line = host.world.line;
    let enter = format!("/api/v1/lines/{line}/conversations");
    let body = json!({ "topic": "问" });
    let key = host.key();
    let first = host.call("POST", &enter, Some(&taxpayer), Some(&key), Some(&body));
    let again = host.call("POST", &enter, Some(&taxpayer), Some(&key), Some(&body));
    assert_eq!((first.status, again.status, &first.body), (201, 201, &again.body));
    let other = host.call("POST", &enter, Some(&taxpayer), Some(&key), Some(&json!({ "topic": "别的" })));
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
    host.world.clock.advance(limits::SIGN_IN_LOCK);
    assert_eq!(host.get("/api/v1/me", &token).status, 401, "idle for longer than staff may be");
    let back = attempt(&login, support::PASSWORD);
    assert_eq!(back.status, 201);
    let second = attempt(&login, support::PASSWORD);
    let began = host.world.core.now();
    let (back, second) = (back.body["token"].as_str().unwrap(), second.body["token"].as_str().unwrap());
    assert_eq!(host.get("/api/v1/me", back).status, 401, "an officer has one session");
    assert_eq!(host.get("/api/v1/me", second).status, 200);
    // Used all the time it ends by its age, to the microsecond.
    let (idle, tick, clock) = (limits::STAFF_IDLE, Duration::from_micros(1), &host.world.clock);
    let end = began.plus(limits::SESSION_AGE_MAX);
    let use_it_at = |at: Timestamp| {
        clock.set(at.minus(support::TICK)); // a call moves the clock on
        let status = host.post(&format!("/api/v1/lines/{}/claims", host.world.line), second, &json!({})).status;
        host.world.core.write_down_touches().unwrap();
        status
    };
    let mut used = began;
    while used.plus(idle) < end {
        used = used.plus(idle - tick);
        assert_eq!(use_it_at(used), 409, "nobody waits");
    }
    assert_eq!(use_it_at(end.minus(tick)), 409);
    assert_eq!(use_it_at(end), 401);
    // Left alone it ends sooner.
    let third = attempt(&login, support::PASSWORD);
    let (third, end) = (third.body["token"].as_str().unwrap(), host.world.core.now().plus(idle));
    for (at, status) in [(end.minus(tick), 200), (end, 401)] {
        clock.set(at.minus(support::TICK));
        assert_eq!(host.get("/api/v1/me", third).status, status, "looking is no use of it");
    }
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
    host.world.clock.advance(Duration::from_secs(5));
    assert_eq!(host.get("/api/v1/lines", &token).status, 200);
}

/// What may be done twenty times a minute is there again three seconds later, and says so.
#[test]
fn an_operation_that_was_called_too_often_says_when_it_may_be_called_again() {
    let host = Host::start(Engine::Memory);
    let token = host.taxpayer(0);
    let enter = || host.post("/api/v1/lines/019a0000-0000-7000-8000-00000000ffff/conversations", &token, &json!({ "topic": "问" }));
    let refused = (0..30).map(|_| enter()).find(|answer| answer.status == 429).expect("more than twenty at once");
    let wait: u64 = refused.retry_after.as_deref().unwrap().parse().unwrap();
    assert!((1..=3).contains(&wait), "{wait}");
    host.world.clock.advance(Duration::from_secs(wait));
    assert_eq!(enter().status, 404, "there is no such line, and it is asked for");
}

#[test]
fn probes_and_pages_answer_everybody() {
    let host = Host::start(Engine::Memory);
    for path in ["/healthz", "/readyz", "/metrics", "/", "/api/docs", "/assets/page.js", "/assets/style.css"] {
        assert_eq!(host.call("GET", path, None, None, None).status, 200, "{path}");
    }
    let token = host.taxpayer(0);
    host.get("/api/v1/lines", &token);
    let metrics = host.call("GET", "/metrics", None, None, None).body.as_str().unwrap().to_owned();
    assert!(metrics.contains("zhengna_calls_total{operation=\"interaction.lines\",status=\"200\"} 1"), "{metrics}");
}
