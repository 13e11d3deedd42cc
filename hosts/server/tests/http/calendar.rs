//! The calendar over HTTP: proposed by one, approved by another, also as a calendar file.

use serde_json::{Value, json};
use zhengna_tests::calendar::other_holidays;
use zhengna_tests::world::{ENGINES, Engine, World};

use super::support::{Answer, Host, config};

/// A notice as nobody has published it.
pub(crate) fn notice(year: i32) -> Value {
    let new_year = [("01-04", "off"), ("01-09", "work")];
    let new_year =
        new_year.map(|(day, arrangement)| json!({ "date": format!("{year}-{day}"), "arrangement": arrangement, "name": "元旦" }));
    let days: Vec<Value> = new_year.into_iter().chain(other_holidays(year).map(|day| json!(day))).collect();
    json!({
        "document": "国办发明电〔2026〕9号",
        "title": "国务院办公厅关于部分节假日安排的通知",
        "source": "https://www.gov.cn/zhengce/1.htm",
        "change": { "working_days": { "year": year, "days": days } },
    })
}

/// The whole way of a change over HTTP: proposed, not by oneself approved, in force, seen by taxpayers, on their phones too.
#[test]
fn a_calendar_changes_when_another_officer_approves_exactly_what_was_proposed() {
    for engine in ENGINES {
        let host = Host::start(engine);
        let (taxpayer, boss, checker) = (host.taxpayer(0), host.supervisor(), host.checker());
        let code = |answer: Answer| (answer.status, answer.body["code"].as_str().unwrap_or_default().to_owned());
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
        let again = host.post("/api/v1/calendar/proposals", &boss, &notice);
        assert_eq!(again.body["related"], proposed.body["approval"]);
        assert_eq!(code(again), (409, "approval.pending".into()));
        let at = |how: &str| format!("/api/v1/approvals/{}/{how}", proposed.body["approval"].as_str().unwrap());
        let digest = json!({ "digest": proposed.body["digest"] });
        assert_eq!(code(host.post(&at("approve"), &boss, &digest)), (409, "approval.own".into()));
        let wrong = json!({ "digest": "0".repeat(64) });
        assert_eq!(code(host.post(&at("approve"), &checker, &wrong)), (409, "approval.other_content".into()));
        assert_eq!(due().2, 0, "{engine:?}: nothing is in force yet");
        assert_eq!(host.post(&at("approve"), &checker, &digest).body["number"], 1);
        assert_eq!(code(host.post(&at("approve"), &checker, &digest)), (409, "approval.decided".into()));
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
        let new_year = days.iter().filter(|d| d.name == "元旦").map(|d| d.date.to_string()).collect::<Vec<_>>();
        assert_eq!(new_year, ["2027-01-01", "2027-01-09"], "{engine:?}: {text}");
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
        for query in ["limit=0", "limit=21", "before=1", "which=none"] {
            let answer = host.get(&format!("/api/v1/approvals?{query}"), &boss);
            assert!((400..500).contains(&answer.status), "{query}: {answer:?}");
        }
    }
}

/// An officer drops the file of a calendar program: the same proposal as by hand, checked the same way, refused with its place.
#[test]
fn a_notice_is_proposed_as_a_calendar_file() {
    // Small enough to be sent before the host has refused it for its length alone.
    let host = Host::over(World::new(Engine::Memory), &config(&[("ZHENGNA_LIMITS_BODY_BYTES", "8192")]));
    let (boss, checker) = (host.supervisor(), host.checker());
    let event = |day: &str, summary: &str| format!("BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:{day}\r\nSUMMARY:{summary}\r\nEND:VEVENT\r\n");
    let file = |events: &str| format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{events}END:VCALENDAR\r\n");
    let good = file(&[event("20270104", "元旦（休）"), event("20270109", "元旦（班）"), event("20280101", "元旦（休）")].concat());
    let of = |year: &str, document: &str, source: &str| {
        format!("/api/v1/calendar/proposals?year={year}&document={document}&title=%E9%80%9A%E7%9F%A5&source={source}")
    };
    let (document, source) = ("%E5%9B%BD%E5%8A%9E9%E5%8F%B7", "https://www.gov.cn/1.htm");
    let at = of("2027", document, source);
    // Nothing of what is refused is kept, and nothing that was sent is told back.
    let same_day = file(&event("20270104", "元旦（休）").repeat(2));
    let unnamed = file(&event("20270104", "（休）"));
    let events = file(&event("20270104", "元旦（休）").replace("DTSTART;VALUE=DATE:20270104", "DTSTART:20270104T080000Z"));
    let nameless = ("field", "change.days[0].name");
    for (path, kind, body, status, code, said) in [
        (&at, "text/calendar", "".as_bytes(), 400, "body.invalid", ("detail", "line 1: the file ends before END:VCALENDAR")),
        (&at, "text/calendar", b"\xff", 400, "body.not_utf8", ("detail", "The body is not UTF-8 at byte 0.")),
        (&at, "text/calendar", events.as_bytes(), 400, "body.invalid", ("title", "日历文件第1个日程（第4行）有误，请修改后重试")),
        (&at, "text/calendar", same_day.as_bytes(), 400, "body.invalid", ("title", "日历文件第2个日程（第7行）有误，请修改后重试")),
        (&at, "text/calendar", unnamed.as_bytes(), 422, "invalid", nameless),
        (&at, "text/calendar; charset=gbk", good.as_bytes(), 415, "body.not_json_type", ("title", "提交的内容类型不支持")),
        (&at, "text/plain", good.as_bytes(), 415, "body.not_json_type", ("title", "提交的内容类型不支持")),
        (
            &of("2029", document, source),
            "text/calendar",
            good.as_bytes(),
            400,
            "body.invalid",
            ("detail", "no day off and no day worked in 2029"),
        ),
        (
            &of("1999", document, source),
            "text/calendar",
            good.as_bytes(),
            400,
            "body.invalid",
            ("detail", "no day off and no day worked in 1999"),
        ),
        (&of("x", document, source), "text/calendar", good.as_bytes(), 400, "query.invalid", ("field", "year")),
        (&of("2027", "", source), "text/calendar", good.as_bytes(), 422, "invalid", ("field", "document")),
        (&of("2027", document, "ftp://x"), "text/calendar", good.as_bytes(), 422, "invalid", ("field", "source")),
        (&format!("{at}&note=x"), "text/calendar", good.as_bytes(), 400, "query.invalid", ("field", "note")),
        (&"/api/v1/calendar/proposals".to_owned(), "text/calendar", good.as_bytes(), 400, "query.invalid", ("field", "year")),
    ] {
        let refused = host.upload(path, &boss, kind, body);
        assert_eq!((refused.status, refused.body["code"].as_str()), (status, Some(code)), "{path} {kind}: {refused:?}");
        assert_eq!(refused.body[said.0], said.1, "{path} {kind}: {refused:?}");
    }
    for (bytes, status, code) in [(8192, 400, "body.invalid"), (8193, 413, "body.too_large")] {
        let large = host.upload(&at, &boss, "text/calendar", &vec![b'\n'; bytes]);
        assert_eq!((large.status, &large.body["code"]), (status, &json!(code)));
    }
    assert_eq!(host.upload(&at, &host.taxpayer(0), "text/calendar", good.as_bytes()).status, 403);
    assert_eq!(host.get("/api/v1/approvals", &boss).body["items"], json!([]));
    // A repeat with its key is the same proposal; so is the same notice by hand, while it is undecided.
    let key = host.key();
    let send = || {
        let headers = [("idempotency-key", key.as_str()), ("content-type", "text/calendar; charset=utf-8; method=PUBLISH")];
        host.with_bytes("POST", &at, Some(&boss), &headers, good.as_bytes())
    };
    let (proposed, again) = (send(), send());
    assert_eq!((proposed.status, &again.body), (201, &proposed.body), "{proposed:?} {again:?}");
    assert_eq!(proposed.body["days_left_out"], 1, "2028-01-01");
    let shown = &host.get("/api/v1/approvals", &boss).body["items"][0]["content"];
    let days = json!([
        { "date": "2027-01-04", "arrangement": "off", "name": "元旦" },
        { "date": "2027-01-09", "arrangement": "work", "name": "元旦" },
    ]);
    let draft =
        json!({ "document": "国办9号", "title": "通知", "source": source, "change": { "working_days": { "year": 2027, "days": days } } });
    assert_eq!(*shown, draft, "what its file says of other years is left out");
    assert_eq!(host.post("/api/v1/calendar/proposals", &boss, &draft).body["related"], proposed.body["approval"]);
    let approve = format!("/api/v1/approvals/{}/approve", proposed.body["approval"].as_str().unwrap());
    assert_eq!(host.post(&approve, &checker, &json!({ "digest": proposed.body["digest"] })).status, 200);
    // What a year looks like to calendar programs comes back as it was.
    let out = host.get("/api/v1/calendar/2027.ics", &boss);
    let back = host.upload(&at, &boss, &out.kind, out.body.as_str().unwrap().as_bytes());
    assert_eq!(back.status, 201, "{back:?}");
    assert_eq!(host.get("/api/v1/approvals", &boss).body["items"][0]["content"]["change"], draft["change"]);
    let document = host.call("GET", "/api/openapi.json", None, None, None).body;
    let declared = &document["paths"]["/api/v1/calendar/proposals"]["post"]["requestBody"]["content"];
    assert_eq!((declared["text/calendar"]["schema"]["type"].as_str(), declared["application/json"].is_object()), (Some("string"), true));
}
