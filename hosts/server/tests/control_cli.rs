//! `zhengna control` as its users run it: the report of a period, and screening one.

mod support;

use serde_json::{Value, json};
use support::process::{Host, Site};
use zhengna_core::core::PROJECTIONS;
use zhengna_core::id::OfficerId;
use zhengna_core::store::sqlite::SqliteStore;
use zhengna_tests::world::core_over;

/// The day on which everything happens, and the next.
const DAY: [&str; 4] = ["--from", "2026-11-23", "--to", "2026-11-24"];

/// An installation in whose sealed trail somebody is refused so often that screening finds it.
fn site() -> (Site, OfficerId) {
    let site = Site::new();
    let conn = rusqlite::Connection::open(site.path("zhengna.db")).unwrap();
    let id: Vec<u8> = conn.query_row("SELECT id FROM officer WHERE staff_no = '22010000'", [], |row| row.get(0)).unwrap();
    let officer = OfficerId::from_uuid(uuid::Uuid::from_slice(&id).unwrap());
    let (core, _) = core_over(SqliteStore::open(&site.path("zhengna.db"), zhengna_tests::world::start(), PROJECTIONS).unwrap(), 9);
    let session = core.as_actor(core.officer(officer).unwrap());
    (0..20).for_each(|_| drop(session.control().rules().unwrap_err()));
    core.write_down_denials(true).unwrap();
    while core.seal_audit().unwrap().more {}
    (site, officer)
}

#[test]
fn a_period_is_screened_once_and_reported_beside_a_running_host() {
    let (site, officer) = site();
    let of = |action: &str, more: &[&str]| site.run(&[&["control", action], &DAY[..], more].concat());
    let report = || of("report", &["--json"]).exits(0).json();
    let none = json!({ "open": 0, "confirmed": 0, "dismissed": 0 });
    assert_eq!((&report()["alerts"], &report()["alerts_by_rule"]), (&none, &json!({})));

    let screened = of("screen", &["--json"]).exits(0).json();
    assert_eq!((&screened["found"], &screened["raised"]), (&json!(1), &json!(1)), "{screened}");
    assert!(screened["read"].as_u64().unwrap() > 20, "{screened}");
    let again = of("screen", &[]).exits(0).out;
    assert!(again.contains("命中 1 项，其中新增预警 0 项"), "{again}");
    let elsewhere = site.run(&["control", "screen", "--from", "2026-11-24T00:00:00+08:00", "--to", "2026-11-25", "--json"]).exits(0).json();
    assert_eq!((&elsewhere["found"], &elsewhere["raised"]), (&json!(0), &json!(0)));

    let mut host = Host::start(site.dir.path(), &["serve", "--listen", "127.0.0.1:0"]);
    host.address();
    let told = report();
    let one = json!({ "open": 1, "confirmed": 0, "dismissed": 0 });
    assert_eq!((&told["alerts"], &told["alerts_by_rule"]), (&one, &json!({ "denied_burst": one })), "{told}");
    assert_eq!(told["alerts_by_authority"], json!({ "12201020000": one }));
    assert_eq!((&told["from"], &told["to"]), (&json!("2026-11-23T00:00:00.000000+08:00"), &json!("2026-11-24T00:00:00.000000+08:00")));
    assert_eq!(told["approvals"], json!({}));
    assert!(!told["rules"].as_array().unwrap().is_empty() && told["review_median_s"] == Value::Null);
    assert!(!told.to_string().contains(&officer.to_string()), "it counts and names nobody");
    let text = of("report", &[]).exits(0).out;
    assert!(text.contains("一、预警：待核查 1，属实 0，排除 0\n  规则 denied_burst：待核查 1"), "{text}");
    let busy = of("screen", &[]).exits(3).err;
    assert!(busy.contains("in use by another process"), "{busy}");
    assert_eq!(host.stop().0, Some(0));

    for (from, to) in
        [("2026-11-24", "2026-11-23"), ("2026-11-23", "2026-11-23"), ("yesterday", "2026-11-23"), ("2026-11-31", "2026-12-01")]
    {
        for action in ["report", "screen"] {
            let refused = site.run(&["control", action, "--from", from, "--to", to]).exits(2);
            assert!(refused.out.is_empty() && !refused.err.is_empty(), "{action} {from} {to}: {}", refused.err);
        }
    }
}

#[test]
fn the_report_of_control_is_of_the_last_month_unless_a_period_is_named() {
    let site = Site::new();
    let report = site.run(&["control", "report", "--json"]).exits(0).json();
    let [from, to] = ["from", "to"].map(|field| report[field].as_str().unwrap().to_owned());
    assert!(from.ends_with("-01T00:00:00.000000+08:00") && to.ends_with("-01T00:00:00.000000+08:00"), "{from} {to}");
    let named = site.run(&["control", "report", "--from", "2026-10-01", "--to", "2026-10-08", "--json"]).exits(0).json();
    assert!(named["from"].as_str().unwrap().starts_with("2026-10-01") && named["to"].as_str().unwrap().starts_with("2026-10-08"));
    assert!(site.run(&["control", "report"]).exits(0).out.contains(&from));
    let half = site.run(&["control", "report", "--from", "2026-10-01"]).exits(2);
    assert!(half.err.contains("--to"), "{}", half.err);
    site.run(&["control", "screen"]).exits(2);
}
