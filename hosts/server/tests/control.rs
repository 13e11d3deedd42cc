//! Built-in control as those meet it whom it is about, and those who review it.

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use support::{Answer, Host};
use zhengna_core::Timestamp;
use zhengna_core::access::{ActorKind, Permission};
use zhengna_core::id::OfficerId;
use zhengna_tests::world::{CHANGCHUN, ENGINES, Engine, KUANCHENG, NANGUAN, PROVINCE, start};

fn hours(n: u64) -> Duration {
    Duration::from_secs(3600 * n)
}

fn appoint(host: &Host, staff_no: &str, at: &str, permissions: &[Permission]) -> OfficerId {
    host.world.appoint(staff_no, at, permissions)
}

fn token(host: &Host, id: OfficerId) -> String {
    host.sign_in(ActorKind::Officer, id.uuid())
}

fn decide(opened: &Value, how: &str) -> String {
    format!("/api/v1/approvals/{}/{how}", opened["approval"].as_str().unwrap())
}

/// The two administrators who change rules.
struct Makers {
    administrator: String,
    security: String,
}

impl Makers {
    fn of(host: &Host) -> Self {
        let [administrator, security, _] = host.administrators();
        Self { administrator, security }
    }

    fn set(&self, host: &Host, id: &str, threshold: i64) {
        let rule = json!({ "rule": id, "threshold": threshold, "window_minutes": 60, "enabled": true, "source": "吉税发〔2026〕8号" });
        let change = json!({ "change": { "control_rule": rule }, "reason": "按上级要求调整" });
        let opened = host.post("/api/v1/access-changes", &self.administrator, &change);
        assert_eq!(opened.status, 201, "{opened:?}");
        let own = host.post(&decide(&opened.body, "approve"), &self.administrator, &json!({ "digest": opened.body["digest"] }));
        assert_eq!(own.body["code"], "approval.own");
        let done = host.post(&decide(&opened.body, "approve"), &self.security, &json!({ "digest": opened.body["digest"] }));
        assert_eq!(done.body["state"], "done", "{done:?}");
    }
}

fn reveal(host: &Host, token: &str, n: usize, field: &str) -> Answer {
    let path = format!("/api/v1/taxpayers/{}/reveal", host.world.taxpayers[n]);
    host.post(&path, token, &json!({ "field": field, "reason": "核对身份" }))
}

/// Data of these taxpayers, asked for, agreed to and shown.
fn disclosed(host: &Host, asker: &str, checker: &str, taxpayers: &[usize]) {
    let taxpayers: Vec<_> = taxpayers.iter().map(|n| host.world.taxpayers[*n]).collect();
    let asked = json!({ "taxpayers": taxpayers, "fields": ["phone"], "authority": NANGUAN, "reason": "专项核查" });
    let opened = host.post("/api/v1/disclosures", asker, &asked);
    assert_eq!(opened.status, 201, "{opened:?}");
    assert_eq!(host.post(&decide(&opened.body, "approve"), checker, &json!({ "digest": opened.body["digest"] })).body["state"], "approved");
    let take = format!("/api/v1/disclosures/{}", opened.body["approval"].as_str().unwrap());
    let shown = host.call("POST", &take, Some(asker), None, None);
    assert_eq!(shown.body["items"].as_array().unwrap().len(), taxpayers.len(), "{shown:?}");
}

#[test]
fn whoever_reveals_much_is_warned_then_stopped_until_the_window_has_passed_or_somebody_agrees() {
    for engine in ENGINES {
        let host = Host::start(engine);
        let makers = Makers::of(&host);
        makers.set(&host, "reveal_warning", 2);
        makers.set(&host, "reveal_limit", 3);
        let boss = host.supervisor();
        assert_eq!(reveal(&host, &boss, 0, "name").body.get("warning"), None);
        let warned = reveal(&host, &boss, 1, "phone");
        assert!(warned.body["warning"].as_str().unwrap().contains("达到 3 项后将暂停"), "{engine:?} {warned:?}");
        assert_eq!(reveal(&host, &boss, 2, "name").status, 200, "the third is the last");
        let stopped = reveal(&host, &boss, 3, "name");
        assert_eq!((stopped.status, &stopped.body["code"]), (429, &json!("control.blocked")));
        let message = stopped.body["title"].as_str().unwrap();
        assert!(message.contains("3 项") && message.contains("10:0") && message.contains("批量查询"), "{message}");
        // It is that person, not the whole office; and what somebody else agreed to is shown.
        let other = token(&host, appoint(&host, "22018001", CHANGCHUN, &[Permission::RevealPersonalData]));
        assert_eq!(reveal(&host, &other, 3, "name").status, 200);
        let checker = token(&host, appoint(&host, "22018002", CHANGCHUN, &[Permission::ApproveDisclosure]));
        disclosed(&host, &boss, &checker, &[3, 4, 5]);
        host.world.clock.advance(hours(1));
        let boss = host.supervisor();
        assert_eq!(reveal(&host, &boss, 3, "name").status, 200, "the window has passed");
        assert_eq!(reveal(&host, &boss, 4, "name").status, 200);
    }
}

/// Rules that fire at two or three, and everybody who will trip them.
struct Scene {
    host: Host,
    reviewer: OfficerId,
    bulk: OfficerId,
    repeats: OfficerId,
    late: OfficerId,
    exporter: OfficerId,
    crossed: OfficerId,
    checker: OfficerId,
}

const RULES: &[(&str, i64)] =
    &[("bulk_reveal", 3), ("repeated_reveal", 2), ("off_hours", 2), ("export_size", 2), ("denied_burst", 2), ("dormant_account", 40)];

impl Scene {
    fn new(engine: Engine) -> Self {
        let host = Host::start(engine);
        let makers = Makers::of(&host);
        RULES.iter().for_each(|(id, threshold)| makers.set(&host, id, *threshold));
        let revealing = [Permission::RevealPersonalData];
        Self {
            reviewer: appoint(&host, "22018010", PROVINCE, &[Permission::ReviewControl]),
            bulk: appoint(&host, "22018011", NANGUAN, &revealing),
            repeats: appoint(&host, "22018012", NANGUAN, &revealing),
            late: appoint(&host, "22018013", NANGUAN, &revealing),
            exporter: appoint(&host, "22018014", NANGUAN, &revealing),
            crossed: appoint(&host, "22018015", PROVINCE, &[Permission::RevealPersonalData, Permission::ApproveCalendar]),
            checker: appoint(&host, "22018016", CHANGCHUN, &[Permission::ApproveDisclosure, Permission::ProposeCalendar]),
            host,
        }
    }

    /// Everybody does their thing as often as they may before a rule fires, or once more.
    fn play(&self, once_more: bool) {
        let host = &self.host;
        let n = |threshold: usize| if once_more { threshold } else { threshold - 1 };
        let checker = token(host, self.checker);
        let bulk = token(host, self.bulk);
        for taxpayer in 0..n(3) {
            assert_eq!(reveal(host, &bulk, taxpayer, "name").status, 200);
        }
        let repeats = token(host, self.repeats);
        for field in &["name", "phone"][..n(2)] {
            assert_eq!(reveal(host, &repeats, 0, field).status, 200);
        }
        disclosed(host, &token(host, self.exporter), &checker, &[0, 1][..n(2)]);
        let officer = host.officer(0);
        for _ in 0..n(2) {
            assert_eq!(host.get("/api/v1/control/alerts", &officer).body["code"], "access.denied");
        }
        let reviewer = token(host, self.reviewer);
        for _ in 0..n(2) {
            assert_eq!(host.get(&format!("/api/v1/taxpayers/{}", host.world.taxpayers[0]), &reviewer).status, 403);
        }
        host.world.core.write_down_denials(true).unwrap();
        if once_more {
            // Each agrees to the other's.
            let crossed = token(host, self.crossed);
            let days: Vec<String> = (1..=12).map(|m| format!("2028-{m:02}-17")).collect();
            let draft = json!({ "document": "文", "title": "征期", "source": "https://www.gov.cn/",
                "change": { "filing_periods": { "year": 2028, "last_days": days } } });
            let opened = host.post("/api/v1/calendar/proposals", &checker, &draft).body;
            let agreed = host.post(&decide(&opened, "approve"), &crossed, &json!({ "digest": opened["digest"] }));
            assert_eq!(agreed.body["state"], "done", "{agreed:?}");
            disclosed(host, &crossed, &checker, &[2]);
        }
        // From nine in the morning to nine in the evening.
        host.world.clock.advance(hours(12));
        let late = token(host, self.late);
        for taxpayer in 0..n(2) {
            assert_eq!(reveal(host, &late, taxpayer, "name").status, 200);
        }
        // Somebody comes back after a long time; the password is given anew, or it would be the first thing they change.
        host.officer(1);
        host.world.clock.advance(hours(24 * if once_more { 40 } else { 39 }));
        host.officer(1);
        host.world.seal();
    }

    fn screen(&self) -> (u64, u64) {
        let done = self.host.world.core.screen(start(), self.host.world.core.now().plus(hours(1))).unwrap();
        (done.found, done.raised)
    }

    /// As the reviewer sees them, who does not sign in for it: after so long that would be an alert of its own.
    fn alerts(&self) -> Vec<Value> {
        let page = zhengna_core::store::Page { after: None, limit: 200 };
        let seen = self.host.world.session_of(self.reviewer).control().alerts(None, page).unwrap();
        seen.items.iter().map(|alert| serde_json::to_value(alert).unwrap()).collect()
    }

    fn alerts_of(&self, token: &str) -> Vec<Value> {
        self.host.get("/api/v1/control/alerts?limit=200", token).body["items"].as_array().unwrap().clone()
    }
}

#[test]
fn one_below_each_threshold_nothing_is_found() {
    for engine in ENGINES {
        let scene = Scene::new(engine);
        scene.play(false);
        assert_eq!(scene.screen(), (0, 0), "{engine:?} {:?}", scene.alerts());
    }
}

#[test]
fn each_rule_finds_who_reached_its_threshold_the_same_again_in_pieces_and_by_the_timer() {
    for engine in ENGINES {
        let scene = Scene::new(engine);
        scene.play(true);
        let (host, core) = (&scene.host, &scene.host.world.core);
        let (mut at, end, mut found) = (start(), core.now().plus(hours(1)), 0);
        while at < end {
            let next = at.plus(hours(5));
            found += core.screen(at, next).unwrap().found;
            at = next;
        }
        let alerts = scene.alerts();
        let mut by: Vec<(String, String)> =
            alerts.iter().map(|a| (a["rule"].as_str().unwrap().to_owned(), a["actor"].as_str().unwrap().to_owned())).collect();
        by.sort();
        let officer = |id: OfficerId| format!("officer/{id}");
        let mut expected: Vec<(String, String)> = [
            ("both_sides", scene.checker),
            ("bulk_reveal", scene.bulk),
            ("denied_burst", host.world.officers[0]),
            ("denied_burst", scene.reviewer),
            ("dormant_account", host.world.officers[1]),
            ("export_size", scene.exporter),
            ("off_hours", scene.late),
            ("repeated_reveal", scene.repeats),
        ]
        .map(|(rule, who)| (rule.to_owned(), officer(who)))
        .into();
        expected.sort();
        assert_eq!(by, expected, "{engine:?}");
        assert_eq!(found as usize, expected.len());
        assert_eq!(scene.screen(), (found, 0), "again, at once: the same");
        host.world.seal();
        core.ensure_timers().unwrap();
        core.run_due(10).unwrap();
        assert_eq!(scene.alerts(), alerts, "and by the timer");
        let ids = alerts.iter().flat_map(|a| [&a["actor"], &a["subject"]]).filter_map(Value::as_str).all(|s| s.contains('/'));
        assert!(ids && alerts.iter().all(|a| a["facts"]["count"].as_i64() >= a["facts"]["threshold"].as_i64()), "{alerts:?}");
    }
}

/// A gap in the trail: a record that was altered after it was chained and before it was screened. It is about nobody: for those at the top.
#[test]
fn an_altered_record_is_an_alert_of_the_timer() {
    let scene = Scene::new(Engine::Sqlite);
    let (host, core) = (&scene.host, &scene.host.world.core);
    let top = appoint(host, "22018020", PROVINCE, &[Permission::ReviewControl]);
    core.ensure_timers().unwrap();
    host.world.seal();
    core.run_due(10).unwrap();
    reveal(host, &token(host, scene.bulk), 0, "name");
    host.world.seal();
    let conn = rusqlite::Connection::open(host.world.keep.path().unwrap()).unwrap();
    let altered = "SELECT number FROM audit_link JOIN audit_record ON id = record WHERE operation = 'identity.reveal_taxpayer'";
    let number: i64 = conn.query_row(altered, [], |row| row.get(0)).unwrap();
    assert_eq!(conn.execute("UPDATE audit_record SET reason = '别的' WHERE operation = 'identity.reveal_taxpayer'", []).unwrap(), 1);
    host.world.clock.advance(Duration::from_secs(300));
    core.run_due(10).unwrap();
    let page = zhengna_core::store::Page { after: None, limit: 20 };
    let seen = host.world.session_of(top).control().alerts(None, page).unwrap().items;
    let told: Vec<_> = seen.iter().map(|alert| (alert.rule.as_str(), alert.subject.clone())).collect();
    assert_eq!(told, [("audit_gap", Some(format!("audit/{number}")))]);
}

#[test]
fn the_timer_goes_on_where_it_left_and_a_new_host_finds_what_the_old_one_left_open() {
    let scene = Scene::new(Engine::Sqlite);
    let (host, core) = (&scene.host, &scene.host.world.core);
    core.ensure_timers().unwrap();
    let bulk = token(host, scene.bulk);
    for n in 0..2 {
        reveal(host, &bulk, n, "name");
    }
    host.world.seal();
    core.run_due(10).unwrap();
    assert_eq!(scene.alerts().len(), 0);
    host.world.clock.advance(Duration::from_secs(300));
    reveal(host, &token(host, scene.bulk), 2, "name");
    host.world.seal();
    // Another process over the same database knows nothing of the windows the first holds in memory.
    let other = zhengna_tests::world::core_over(core.store().clone(), 9);
    other.1.set(core.now());
    other.0.run_due(10).unwrap();
    let alerts = scene.alerts();
    assert_eq!(alerts.iter().map(|a| &a["rule"]).collect::<Vec<_>>(), ["bulk_reveal"], "{alerts:?}");
}

#[test]
fn alerts_are_reviewed_once_by_somebody_of_the_area_whom_they_are_not_about_and_the_report_counts_it() {
    for engine in ENGINES {
        let scene = Scene::new(engine);
        scene.play(true);
        scene.screen();
        let host = &scene.host;
        let reviewer = token(host, scene.reviewer);
        let alerts = scene.alerts_of(&reviewer);
        let of = |rule: &str, who: OfficerId| {
            let actor = format!("officer/{who}");
            alerts.iter().find(|a| a["rule"] == rule && a["actor"] == json!(actor)).unwrap()
        };
        let review = |alert: &Value, token: &str, verdict: &str| {
            let path = format!("/api/v1/control/alerts/{}/review", alert["id"].as_str().unwrap());
            host.post(&path, token, &json!({ "verdict": verdict, "reason": "已核对工单" }))
        };
        let own = of("denied_burst", scene.reviewer);
        assert_eq!(own["may_review"], false);
        let refused = review(own, &reviewer, "dismissed");
        assert_eq!((refused.status, &refused.body["code"]), (409, &json!("control.own_alert")), "{engine:?}");
        let bulk = of("bulk_reveal", scene.bulk);
        let elsewhere = token(host, appoint(host, "22018020", KUANCHENG, &[Permission::ReviewControl]));
        assert_eq!(scene.alerts_of(&elsewhere), Vec::<Value>::new());
        assert_eq!(review(bulk, &elsewhere, "dismissed").status, 404);
        assert_eq!(review(bulk, &host.supervisor(), "dismissed").status, 403);
        let waited = host.world.core.now();
        host.world.clock.advance(hours(2));
        let reviewer = token(host, scene.reviewer);
        assert_eq!(review(bulk, &reviewer, "confirmed").body["state"], "confirmed");
        assert_eq!(review(bulk, &reviewer, "dismissed").body["code"], "control.reviewed");
        assert_eq!(review(of("off_hours", scene.late), &reviewer, "dismissed").body["state"], "dismissed");
        let open = host.get("/api/v1/control/alerts?state=open&limit=200", &reviewer).body;
        assert_eq!(open["items"].as_array().unwrap().len(), alerts.len() - 2);
        let first = host.get("/api/v1/control/alerts?state=open&limit=1", &reviewer).body;
        let second =
            host.get(&format!("/api/v1/control/alerts?state=open&limit=200&cursor={}", first["cursor"].as_str().unwrap()), &reviewer).body;
        assert_eq!(
            [first["items"].as_array().unwrap().clone(), second["items"].as_array().unwrap().clone()].concat(),
            *open["items"].as_array().unwrap()
        );
        assert_eq!(scene.screen().1, 0, "screened again, what was reviewed stays so");
        report_counts(&scene, waited);
    }
}

/// The report equals what the scene did.
fn report_counts(scene: &Scene, waited: Timestamp) {
    let core = &scene.host.world.core;
    let report = core.as_system().control().report(start(), core.now().plus(hours(1))).unwrap();
    let report = serde_json::to_value(report).unwrap();
    assert_eq!(report["alerts"], json!({ "open": 6, "confirmed": 1, "dismissed": 1 }));
    assert_eq!(report["alerts_by_rule"]["denied_burst"], json!({ "open": 2, "confirmed": 0, "dismissed": 0 }));
    assert_eq!(report["alerts_by_rule"]["bulk_reveal"], json!({ "open": 0, "confirmed": 1, "dismissed": 0 }));
    assert_eq!(report["alerts_by_authority"][NANGUAN], json!({ "open": 4, "confirmed": 1, "dismissed": 1 }));
    let approvals = json!({ "control_rule": { "done": RULES.len() }, "disclosure": { "done": 2 }, "filing_periods": { "done": 1 } });
    assert_eq!(report["approvals"], approvals);
    // Everybody of the scene was appointed by the host itself: seven, and the one from elsewhere.
    assert_eq!((&report["grants_unapproved"], &report["emergencies"]), (&json!(8), &json!(0)));
    let longest = report["review_longest_s"].as_u64().unwrap();
    let since = core.now().since(waited).as_secs();
    assert!((7200..=since + 60).contains(&longest), "{longest} {since}");
    assert!(report["open_longest_s"].as_u64().unwrap() >= longest);
    let nothing = core.as_system().control().report(Timestamp::from_micros(0), start()).unwrap();
    assert_eq!((nothing.alerts, nothing.approvals.len(), nothing.grants_unapproved), (Default::default(), 0, 0));
    assert!(core.as_system().control().report(start(), start()).is_err());
}
