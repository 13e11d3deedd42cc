//! The HTTP API as anybody may use it: every operation of the document, every kind of bad input, everybody who may
//! not.

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use support::{Host, config};
use zhengna_core::access::{ActorKind, Permission};
use zhengna_core::assignment::Policy;
use zhengna_core::interaction::{LineSettings, OpenLine, Routing};
use zhengna_core::{Timestamp, limits};
use zhengna_tests::calendar::other_holidays;
use zhengna_tests::world::{CHANGCHUN, ENGINES, Engine, KUANCHENG, NANGUAN, PROVINCE, World, code, settle};

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
        let settings = json!({ "name": "发票咨询", "kind": "general", "hours": "office_hours" });
        let proposed = json!({ "authority": KUANCHENG, "settings": settings, "reason": "服务需要" });
        drive.ok("interaction.propose_line", "POST", "/api/v1/line-proposals", &boss, Some(proposed));
        assert_eq!(drive.ok("interaction.line", "GET", &format!("/api/v1/lines/{line}"), &boss, None)["settings"]["kind"], "general");
        let signed = drive.ok("interaction.sign_entry", "GET", &format!("/api/v1/lines/{line}/entry?channel=kiosk"), &boss, None);
        let entered = drive.ok(
            "interaction.enter",
            "POST",
            &format!("/api/v1/lines/{line}/conversations"),
            &taxpayer,
            Some(json!({ "topic": "子女教育", "entry": signed["entry"] })),
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
        let handed = json!({ "to": { "line": line }, "note": "请续办" });
        drive.ok("interaction.transfer", "POST", &at("/transfer"), &officer, Some(handed));
        host.post(&format!("/api/v1/lines/{line}/claims"), &officer, &json!({}));
        let read = drive.ok("interaction.messages", "GET", &at("/messages?after=0&limit=5"), &officer, None);
        assert_eq!(read["items"][0]["text"], "您好");
        let moved = drive.ok("interaction.mark_read", "PUT", &at("/read-mark"), &officer, Some(json!({ "number": 1 })));
        assert_eq!(moved["moved"], true);
        let quoting = json!({ "text": "请讲", "quotes": 1 });
        drive.ok("interaction.send", "POST", &at("/messages"), &officer, Some(quoting));
        let read = drive.ok("interaction.messages", "GET", &at("/messages?after=1&limit=5"), &taxpayer, None);
        assert_eq!(read["items"][0]["quoted"]["excerpt"], "您好");
        let (sent, number) = (at("/messages"), json!({ "text": "他的电话是13800001234" }));
        let warned = host.post(&sent, &officer, &number);
        assert_eq!(
            (warned.status, &warned.body["code"], &warned.body["related"]),
            (409, &json!("interaction.personal_data"), &json!("mobile_phone:5+11"))
        );
        drive.ok("interaction.send", "POST", &sent, &officer, Some(json!({ "text": "他的电话是13800001234", "confirmed": true })));
        drive.ok("interaction.recall", "POST", &at("/recall"), &officer, Some(json!({ "number": 2 })));
        let read = drive.ok("interaction.messages", "GET", &at("/messages?after=1&limit=5"), &officer, None);
        assert_eq!(read["items"][0]["text"], "已撤回");
        let shared = json!({ "reply": null, "authority": NANGUAN, "topic": "个税", "text": "请打开个税应用" });
        let shared = drive.ok("interaction.put_canned_reply", "POST", "/api/v1/canned-replies", &boss, Some(shared));
        let own = json!({ "reply": null, "topic": "问候", "text": "您好，请稍等" });
        let own = drive.ok("interaction.put_own_canned_reply", "POST", "/api/v1/me/canned-replies", &officer, Some(own));
        let found = "/api/v1/me/canned-replies?find=%E4%B8%AA%E7%A8%8E";
        let found = drive.ok("interaction.canned_replies", "GET", found, &officer, None);
        assert_eq!((&found["items"][0]["id"], found["items"].as_array().unwrap().len()), (&shared["reply"], 1));
        drive.ok("interaction.managed_canned_replies", "GET", "/api/v1/managed-canned-replies?limit=5", &boss, None);
        let shared = format!("/api/v1/canned-replies/{}", shared["reply"].as_str().unwrap());
        drive.ok("interaction.delete_canned_reply", "DELETE", &shared, &boss, None);
        let own = format!("/api/v1/me/canned-replies/{}", own["reply"].as_str().unwrap());
        drive.ok("interaction.delete_own_canned_reply", "DELETE", &own, &officer, None);
        drive.ok("interaction.conversation", "GET", &at(""), &officer, None);
        drive.ok("interaction.mine", "GET", "/api/v1/me/conversations?limit=1", &officer, None);
        let by_kiosk = drive.ok("interaction.conversations", "GET", "/api/v1/conversations?limit=1&channel=kiosk", &boss, None);
        assert_eq!(by_kiosk["items"][0]["id"], json!(id));
        let period = "from=2020-01-01T00:00:00%2B08:00&until=2099-01-01T00:00:00%2B08:00";
        let sources = drive.ok("interaction.sources", "GET", &format!("/api/v1/conversation-sources?{period}"), &boss, None);
        assert_eq!(sources["counts"].as_array().unwrap().iter().map(|c| c["conversations"].as_u64().unwrap()).sum::<u64>(), 1);
        drive.ok("journal.events", "GET", "/api/v1/events/page?cursor=0.0&limit=10", &taxpayer, None);
        drive.ok("interaction.close", "POST", &at("/close"), &officer, Some(json!({ "outcome": "resolved", "note": null })));
        drive.ok("interaction.transcript", "POST", &at("/transcript"), &taxpayer, None);
        let text = drive.ok("interaction.export_transcript", "POST", &at("/export"), &taxpayer, Some(json!({ "format": "text" })));
        assert!(text["content"].as_str().unwrap().contains("已撤回") && text["media_type"] == "text/plain; charset=utf-8");
        let asked = json!({ "format": "json", "reason": "质检" });
        let export = drive.ok("interaction.export_reviewed", "POST", &at("/review/export"), &boss, Some(asked));
        assert!(zhengna_core::interaction::is_as_exported(export["content"].as_str().unwrap()));
        let found = json!({ "text": "您好" });
        let found = drive.ok("interaction.search", "POST", "/api/v1/me/conversations/search", &taxpayer, Some(found));
        assert_eq!((&found["items"][0]["number"], &found["next"]), (&json!(1), &Value::Null));
        let tree = drive.ok("access.authorities", "GET", "/api/v1/authorities?limit=1", &taxpayer, None);
        assert_eq!((&tree["items"][0]["code"], tree["items"][0]["name"].is_string()), (&tree["next"], true));
        drive.ok("interaction.rating_reasons", "GET", "/api/v1/rating-reasons", &taxpayer, None);
        let low = json!({ "grade": "dissatisfied", "reasons": ["slow"], "comment": "等了很久" });
        assert_eq!(drive.ok("interaction.rate", "POST", &at("/rating"), &taxpayer, Some(low))["followed_up"], true);
        let listed = drive.ok("interaction.follow_ups", "GET", "/api/v1/follow-ups?state=open&overdue=false&limit=5", &boss, None);
        assert_eq!((&listed["items"][0]["rating"]["comment"], &listed["items"][0]["may_act"]), (&json!("等了很久"), &json!(true)));
        let answer = json!({ "answer": "已致电说明" });
        drive.ok("interaction.answer_follow_up", "POST", &at("/follow-up/answer"), &boss, Some(answer));
        let heard = json!({ "revisit": "content", "note": "表示理解" });
        drive.ok("interaction.revisit_follow_up", "POST", &at("/follow-up/revisit"), &boss, Some(heard));
        let mine = drive.ok("interaction.rating", "GET", &at("/rating"), &taxpayer, None);
        assert_eq!((&mine["rating"]["title"], &mine["answer"]), (&json!("不满意"), &json!("已致电说明")));
        drive.ok("interaction.review", "POST", &at("/review"), &boss, Some(json!({ "reason": "质检" })));
        let assigned = drive.ok("interaction.assignments", "GET", &at("/assignments"), &boss, None);
        assert_eq!((&assigned["items"][0]["staff_no"], &assigned["items"][0]["replays"]), (&json!("22010000"), &json!(true)), "{assigned}");
        drive_appeals(&host, &mut drive, &taxpayer, &id);
        let again = host.taxpayer(1);
        let entered = host.post(&format!("/api/v1/lines/{line}/conversations"), &again, &json!({ "topic": "问" }));
        let other = entered.body["conversation"].as_str().unwrap().to_owned();
        drive.ok("interaction.request_callback", "POST", &format!("/api/v1/conversations/{other}/callback"), &again, Some(json!({})));
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
        assert_eq!((&card["channel"], &card["person"]["name"]["value"]), (&json!("kiosk"), &json!("测*")));
        assert_eq!(card["officers"][2]["holder"]["taxpayer"], json!(person.to_string()), "the tax handler");
        let of = format!("/api/v1/taxpayers/{company}/relations");
        let shown = drive.ok("identity.relations", "GET", &of, &officer, None);
        assert_eq!((&shown["items"][0]["role"], &shown["items"][0]["holds"]), (&json!("tax_handler"), &json!(true)));
        let grid = format!("/api/v1/taxpayers/{company}/grid-officers");
        drive.ok("grid.assign_officer", "POST", &grid, &boss, Some(json!({ "staff_no": "22010000", "reason": "分配" })));
        let shown = drive.ok("grid.officers", "GET", &grid, &officer, None);
        assert_eq!((&shown["items"][0]["staff_no"], &shown["items"][0]["ends_at"]), (&json!("22010000"), &Value::Null));
        let on_card = json!({ "taxpayer": person, "field": "phone", "reason": "回访" });
        let revealed = drive.ok("identity.reveal_on_card", "POST", &at("/card/reveal"), &boss, Some(on_card));
        assert_eq!(revealed["value"], "13800000000");
        let end = json!({ "role": "tax_handler", "person": person, "reason": "离职" });
        drive.ok("identity.release_relation", "POST", &format!("{of}/release"), &boss, Some(end.clone()));
        let again = host.post(&format!("{of}/release"), &boss, &end);
        assert_eq!((again.status, &again.body["code"]), (409, &json!("identity.relation_over")), "{again:?}");
        let [administrator, security, auditor] = host.administrators();
        drive_staff(&host, &mut drive, &administrator);
        drive_access(&host, &mut drive, &administrator, &security, &boss);
        drive_providers(&mut drive);
        host.world.core.seal_audit().unwrap();
        let trail = drive.ok("audit.read", "POST", "/api/v1/audit-reads", &auditor, Some(json!({ "after": 0, "limit": 200 })));
        let reveal = trail["items"]
            .as_array()
            .unwrap()
            .iter()
            .find(|r| r["operation"] == "identity.reveal_taxpayer")
            .expect("the reveal is on record");
        assert_eq!(reveal["reason"], "核对身份");
        assert!(!trail.to_string().contains("测试0"), "the trail carries no names");
        let asked = json!({ "staff_no": "22010902", "operation": "identity.reveal_taxpayer" });
        let found = drive.ok("audit.read", "POST", "/api/v1/audit-reads", &auditor, Some(asked));
        assert_eq!((&found["items"][0]["reason"], &found["items"][0]["staff_no"]), (&json!("核对身份"), &json!("22010902")));
        while !host.world.core.watch_audit().unwrap().complete {}
        let verified = drive.ok("audit.verification", "GET", "/api/v1/audit-verification", &auditor, None);
        assert_eq!((&verified["complete"], &verified["finding"]), (&json!(true), &Value::Null));
        assert_eq!(verified["verified"], verified["chained"]);
        drive_desk(&host, &mut drive, &officer, &boss);
        drive_offers(&host, &mut drive, &officer, &boss);
        drive.ok("calendar.year", "GET", "/api/v1/calendar/2026", &taxpayer, None);
        drive.ok("calendar.filing_periods", "GET", "/api/v1/calendar/2026/filing-periods", &taxpayer, None);
        drive.ok("calendar.legal_numbers", "GET", "/api/v1/legal-numbers", &taxpayer, None);
        let asked = "/api/v1/calendar/due?began=2026-11-27T10:00:00%2B08:00&amount=5&unit=working_days&authority=12201020000";
        assert_eq!(drive.ok("calendar.due", "GET", asked, &taxpayer, None)["at"], "2026-12-04T16:30:00.000000+08:00");
        let paused = |pauses: &str| host.get(&format!("{asked}&pauses={pauses}"), &taxpayer);
        let two_days = paused("2026-12-01T10:00:00%2B08:00/2026-12-03T10:00:00%2B08:00");
        assert_eq!(two_days.body["at"], "2026-12-08T16:30:00.000000+08:00");
        assert_eq!(
            (paused("2026-12-01T10:00:00%2B08:00/..").status, &paused("2026-12-01T10:00:00%2B08:00/..").body["at"]),
            (200, &json!(null))
        );
        assert_eq!(paused("2026-12-01/..").body["field"], "pauses[0]");
        let proposed = drive.ok("calendar.propose", "POST", "/api/v1/calendar/proposals", &boss, Some(notice(2027)));
        let checker = host.checker();
        let listed = drive.ok("approval.list", "GET", "/api/v1/approvals?limit=5&which=for_me", &checker, None);
        assert_eq!((&listed["items"][0]["id"], &listed["items"][0]["content"]), (&proposed["approval"], &notice(2027)));
        let decide = |of: &Value, how: &str| format!("/api/v1/approvals/{}/{how}", of["approval"].as_str().unwrap());
        let body = json!({ "digest": proposed["digest"] });
        assert_eq!(
            drive.ok("approval.approve", "POST", &decide(&proposed, "approve"), &checker, Some(body))["number"],
            2,
            "behind the filing periods"
        );
        let other = host.post("/api/v1/calendar/proposals", &boss, &notice(2028)).body;
        let body = json!({ "digest": other["digest"], "reason": "与原文不符" });
        assert_eq!(drive.ok("approval.reject", "POST", &decide(&other, "reject"), &checker, Some(body))["number"], Value::Null);
        let third = host.post("/api/v1/calendar/proposals", &boss, &notice(2029)).body;
        let body = json!({ "reason": "重复提交" });
        assert_eq!(drive.ok("approval.withdraw", "POST", &decide(&third, "withdraw"), &boss, Some(body))["state"], "withdrawn");
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

/// A taxpayer complains about who served them; the authority above answers, and whom it is about sees nothing of it.
fn drive_appeals(host: &Host, drive: &mut Drive, taxpayer: &str, conversation: &str) {
    let complaint = json!({ "about": { "conversation": conversation }, "text": "答非所问" });
    let filed = drive.ok("appeal.file", "POST", "/api/v1/appeals", taxpayer, Some(complaint));
    assert_eq!(filed["handler"], CHANGCHUN);
    let one = format!("/api/v1/appeals/{}", filed["appeal"].as_str().unwrap());
    let handler = host.sign_in(ActorKind::Officer, host.world.appoint("22019011", CHANGCHUN, &[Permission::HandleAppeals]).uuid());
    let listed = drive.ok("appeal.list", "GET", "/api/v1/appeals?limit=1", &handler, None);
    assert_eq!((&listed["items"][0]["id"], &listed["items"][0]["about"]["staff_no"]), (&filed["appeal"], &json!("22010000")));
    assert_eq!(drive.ok("appeal.read", "GET", &one, &handler, None)["text"], "答非所问");
    drive.ok("appeal.answer", "POST", &format!("{one}/answer"), &handler, Some(json!({ "text": "已核实，向您致歉" })));
    let again = host.post(&format!("{one}/answer"), &handler, &json!({ "text": "再答" }));
    assert_eq!((again.status, &again.body["code"]), (409, &json!("appeal.closed")));
    let mine = drive.ok("appeal.mine", "GET", "/api/v1/me/appeals", taxpayer, None);
    assert_eq!((&mine["items"][0]["state"], &mine["items"][0]["answer"]), (&json!("closed"), &json!("已核实，向您致歉")));
}

/// A conversation is put on hold, somebody joins it, officers whisper beside it, and another one of the same person goes on in it.
fn drive_desk(host: &Host, drive: &mut Drive, officer: &str, boss: &str) {
    let (taxpayer, line) = (host.taxpayer(2), host.world.line);
    let enter = |line| host.post(&format!("/api/v1/lines/{line}/conversations"), &taxpayer, &json!({ "topic": "问" })).body;
    let id = enter(line)["conversation"].as_str().unwrap().to_owned();
    host.post(&format!("/api/v1/lines/{line}/claims"), officer, &json!({}));
    let at = |tail: &str| format!("/api/v1/conversations/{id}{tail}");
    let held = drive.ok("interaction.hold", "POST", &at("/hold"), officer, Some(json!({ "minutes": 5 })));
    assert_eq!(host.get(&at(""), &taxpayer).body["held_until"], held["held_until"], "its taxpayer sees it");
    let resumed = drive.ok("interaction.resume", "POST", &at("/resume"), officer, Some(json!({})));
    assert_eq!(resumed, json!({ "conversation": id, "held_until": null }));
    let both = [Permission::SuperviseInteraction, Permission::ServeTaxpayers];
    let chief = host.sign_in(ActorKind::Officer, host.world.appoint("22019012", NANGUAN, &both).uuid());
    let reason = || json!({ "reason": "协助解答" });
    assert_eq!(host.post(&at("/join"), boss, &reason()).body["code"], "access.denied", "supervises, and does not serve");
    assert_eq!(drive.ok("interaction.join", "POST", &at("/join"), &chief, Some(reason()))["joined"], true);
    assert_eq!(host.get(&at(""), &taxpayer).body["joined_staff_no"], "22019012");
    let hold = host.post(&at("/hold"), &chief, &json!({ "minutes": 5 }));
    assert_eq!((hold.status, &hold.body["code"]), (409, &json!("interaction.not_its_officer")));
    drive.ok("interaction.step_out", "POST", &at("/step-out"), &chief, Some(json!({})));
    let told = drive.ok("interaction.whisper", "POST", &at("/whispers"), boss, Some(json!({ "text": "先核对身份" })));
    assert_eq!(told["number"], 1);
    let question = json!({ "staff_no": "22010001", "text": "这种情况怎么报？" });
    drive.ok("interaction.ask_colleague", "POST", &at("/questions"), officer, Some(question));
    let heard = drive.ok("interaction.whispers", "GET", &at("/whispers"), officer, None);
    assert_eq!((&heard["items"][0]["staff_no"], &heard["items"][1]["asked"]), (&json!("22010902"), &json!("22010001")));
    let another = OpenLine::new("发票咨询", code(NANGUAN));
    let another = host.world.core.as_system().interaction().open_line(another).wait().unwrap().line;
    let other = enter(another)["conversation"].clone();
    let parallel = drive.ok("interaction.parallel", "GET", &at("/parallel"), officer, None);
    assert_eq!((&parallel["items"][0]["conversation"], &parallel["items"][0]["mergeable"]), (&other, &json!(true)));
    drive.ok("interaction.merge", "POST", &at("/merge"), officer, Some(json!({ "other": other })));
    let seen = host.get(&format!("/api/v1/conversations/{}", other.as_str().unwrap()), &taxpayer).body;
    assert_eq!((&seen["outcome"], &seen["merged_into"]), (&json!("merged"), &json!(id)));
    host.post(&at("/close"), officer, &json!({ "outcome": "resolved", "note": null }));
}

/// What waits in a line is offered to two who are there; one lets it pass, the other takes it.
fn drive_offers(host: &Host, drive: &mut Drive, officer: &str, boss: &str) {
    let routing = Routing { topics: Vec::new(), specialists: Vec::new(), policy: Policy::default(), push: true };
    let settings = LineSettings { routing: Some(routing), promise_s: Some(60), ..LineSettings::new("派单") };
    let open = OpenLine { authority: code(NANGUAN), settings, external_id: None };
    let line = host.world.core.as_system().interaction().open_line(open).wait().unwrap().line;
    let officers = [officer.to_owned(), host.officer(1)];
    let entered = host.post(&format!("/api/v1/lines/{line}/conversations"), &host.taxpayer(3), &json!({ "topic": "问" })).body;
    // Where many hosts serve, this one hears a moment later who is there and what is offered.
    let offered_to = |drive: &mut Drive| {
        for officer in &officers {
            drive.ok("interaction.be_present", "PUT", "/api/v1/me/presence", officer, None);
        }
        assert_eq!(settle(&host.world.core, |core| core.offer_waiting().unwrap(), |made| *made > 0), 1);
        let mut offers = || -> Option<usize> {
            let offers = |officer: &String| drive.ok("interaction.offers", "GET", "/api/v1/me/offers", officer, None);
            let there: Vec<Value> = officers.iter().map(offers).collect();
            there.iter().position(|offers| offers["items"][0]["conversation"]["id"] == entered["conversation"])
        };
        (0..100).find_map(|_| offers()).expect("it is offered to one of them")
    };
    let at = |tail: &str| format!("/api/v1/conversations/{}/{tail}", entered["conversation"].as_str().unwrap());
    let first = offered_to(drive);
    let second = 1 - first;
    let not_theirs = host.post(&at("accept"), &officers[second], &json!({}));
    assert_eq!((not_theirs.status, &not_theirs.body["code"]), (409, &json!("interaction.offer_over")));
    drive.ok("interaction.decline_offer", "POST", &at("decline"), &officers[first], Some(json!({})));
    assert_eq!(offered_to(drive), second, "not whoever let it pass");
    let taken = drive.ok("interaction.accept_offer", "POST", &at("accept"), &officers[second], Some(json!({})));
    assert_eq!(taken["conversation"], entered["conversation"]);
    let said = host.post(&at("messages"), &officers[second], &json!({ "text": "您好" }));
    assert_eq!(said.status, 201);
    let period = "from=2020-01-01T00:00:00%2B08:00&until=2099-01-01T00:00:00%2B08:00";
    let kept = drive.ok("interaction.promises", "GET", &format!("/api/v1/line-promises?{period}"), boss, None);
    let own = kept["lines"].as_array().unwrap().iter().find(|l| l["line"] == json!(line)).expect("somebody entered it");
    let counted = ["entered", "served", "measured", "kept", "called_back"].map(|what| own[what].as_u64());
    assert_eq!(counted, [1, 1, 1, 1, 0].map(Some));
}

/// A notice as nobody has published it.
fn notice(year: i32) -> Value {
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

/// A post is made and granted by two people, taken away, taken in an emergency; somebody stands in, somebody leaves; data of two
/// taxpayers is disclosed.
fn drive_access(host: &Host, drive: &mut Drive, administrator: &str, security: &str, boss: &str) {
    drive.ok("access.me.permissions", "GET", "/api/v1/me/permissions", boss, None);
    let newcomer = json!({ "staff_no": "22010777", "name": "新人", "authority": NANGUAN, "capacity": 2 });
    let newcomer = drive.ok("access.add_officer", "POST", "/api/v1/officers", administrator, Some(newcomer))["officer"].clone();
    let listed = drive.ok("access.officers", "GET", "/api/v1/officers?limit=200", security, None);
    assert!(listed["items"].as_array().unwrap().iter().any(|o| o["id"] == newcomer && o["name"] == "新人"), "{listed}");
    let change = |change: Value| json!({ "change": change, "reason": "工作需要" });
    let decide = |of: &Value, how: &str| format!("/api/v1/approvals/{}/{how}", of["approval"].as_str().unwrap());
    let post = change(json!({ "post": { "post": null, "name": "应急处置", "permissions": ["serve_taxpayers"], "emergency": true } }));
    let opened = drive.ok("access.propose_change", "POST", "/api/v1/access-changes", administrator, Some(post));
    assert_eq!(host.post(&decide(&opened, "approve"), administrator, &json!({ "digest": opened["digest"] })).body["code"], "approval.own");
    assert_eq!(host.post(&decide(&opened, "approve"), security, &json!({ "digest": opened["digest"] })).body["state"], "done");
    let posts = drive.ok("access.posts", "GET", "/api/v1/posts", security, None);
    let post = posts["items"].as_array().unwrap().iter().find(|p| p["name"] == "应急处置").expect("it was approved")["id"].clone();
    let grant = change(json!({ "grant": { "officer": newcomer, "post": post, "authority": NANGUAN, "ends_at": null } }));
    let opened = host.post("/api/v1/access-changes", administrator, &grant).body;
    assert_eq!(host.post(&decide(&opened, "approve"), security, &json!({ "digest": opened["digest"] })).body["state"], "done");
    let of = format!("/api/v1/officers/{}/grants", newcomer.as_str().unwrap());
    let grants = drive.ok("access.grants", "GET", &of, security, None);
    assert_eq!((&grants["items"][0]["post"], &grants["items"][0]["approval"]), (&post, &opened["approval"]));
    let end = format!("/api/v1/grants/{}/end", grants["items"][0]["id"].as_str().unwrap());
    drive.ok("access.end_grant", "POST", &end, security, Some(json!({ "reason": "调岗" })));
    drive.ok("access.separations", "GET", "/api/v1/separations", security, None);
    // Somebody else carries out what two agreed to.
    let rule = json!({ "steps": [{ "permission": "approve_calendar", "votes": 1 }], "execution": "third", "valid_days": 5 });
    let rule = change(json!({ "approval_rule": { "matter": "filing_periods", "rule": rule, "source": "吉税办〔2026〕1号" } }));
    let opened = host.post("/api/v1/access-changes", administrator, &rule).body;
    assert_eq!(host.post(&decide(&opened, "approve"), security, &json!({ "digest": opened["digest"] })).body["state"], "done");
    let maker = host.sign_in(ActorKind::Officer, host.world.appoint("22019005", PROVINCE, &[Permission::ProposeCalendar]).uuid());
    let checker = host.sign_in(ActorKind::Officer, host.world.appoint("22019006", PROVINCE, &[Permission::ApproveCalendar]).uuid());
    let days: Vec<String> = (1..=12).map(|m| format!("2028-{m:02}-17")).collect();
    let draft = json!({ "document": "文", "title": "征期", "source": "https://www.gov.cn/", "change": { "filing_periods": { "year": 2028, "last_days": days } } });
    let opened = host.post("/api/v1/calendar/proposals", boss, &draft).body;
    let digest = json!({ "digest": opened["digest"] });
    assert_eq!(host.post(&decide(&opened, "approve"), &checker, &digest).body["state"], "approved");
    for nobody in [boss, &checker] {
        assert_eq!(host.post(&decide(&opened, "execute"), nobody, &digest).body["code"], "approval.own");
    }
    assert_eq!(drive.ok("approval.execute", "POST", &decide(&opened, "execute"), &maker, Some(digest))["state"], "done");
    // Somebody stands in.
    let ends_at = host.world.core.now().plus(Duration::from_secs(86_400)).rfc3339();
    let other = host.world.appoint("22019007", PROVINCE, &[Permission::ManageLines]);
    let stand_in = json!({ "taker": other, "starts_at": null, "ends_at": ends_at });
    let delegated = drive.ok("approval.delegate", "POST", "/api/v1/delegations", &checker, Some(stand_in));
    let listed = drive.ok("approval.delegations", "GET", "/api/v1/delegations", &checker, None);
    assert_eq!(listed["items"][0]["id"], delegated["delegation"]);
    let end = format!("/api/v1/delegations/{}", delegated["delegation"].as_str().unwrap());
    drive.ok("approval.end_delegation", "DELETE", &end, &checker, None);
    // Break-glass.
    let taker = host.world.appoint("22019008", NANGUAN, &[Permission::TakeEmergencyPost]);
    let taken = json!({ "post": post, "authority": NANGUAN, "minutes": 30, "reason": "系统故障，值班人员不在" });
    let taker = host.sign_in(ActorKind::Officer, taker.uuid());
    drive.ok("access.take_emergency_post", "POST", "/api/v1/emergency-grants", &taker, Some(taken));
    let inbox = host.get("/api/v1/approvals?which=for_me", security).body;
    assert_eq!(inbox["items"][0]["matter"], "emergency", "somebody looks at it afterwards");
    // Personal data of many.
    let asked = json!({ "taxpayers": [host.world.taxpayers[0], host.world.taxpayers[1]], "fields": ["phone"], "authority": NANGUAN, "reason": "专项核查" });
    let opened = drive.ok("identity.request_disclosure", "POST", "/api/v1/disclosures", boss, Some(asked));
    let take = format!("/api/v1/disclosures/{}", opened["approval"].as_str().unwrap());
    assert_eq!(host.call("POST", &take, Some(boss), None, None).body["code"], "approval.not_approved");
    let head = host.sign_in(ActorKind::Officer, host.world.appoint("22019009", CHANGCHUN, &[Permission::ApproveDisclosure]).uuid());
    assert_eq!(host.post(&decide(&opened, "approve"), &head, &json!({ "digest": opened["digest"] })).body["state"], "approved");
    let shown = drive.ok("identity.disclose", "POST", &take, boss, None);
    assert_eq!(shown["items"].as_array().unwrap().len(), 2);
    assert_eq!(host.call("POST", &take, Some(boss), None, None).body["code"], "approval.decided", "shown once");
    drive_control(host, drive);
    let leave = format!("/api/v1/officers/{}/leave", newcomer.as_str().unwrap());
    drive.ok("access.record_leave", "POST", &leave, administrator, Some(json!({ "left_at": null })));
}

/// Somebody is refused again and again; somebody else looks at it.
fn drive_control(host: &Host, drive: &mut Drive) {
    for _ in 0..20 {
        assert!(host.world.officer(1).control().rules().is_err());
    }
    host.world.core.write_down_denials(true).unwrap();
    host.world.seal();
    let now = host.world.core.now();
    host.world.core.screen(now.minus(Duration::from_secs(60)), now.plus(Duration::from_secs(60))).unwrap();
    let reviewer = host.sign_in(ActorKind::Officer, host.world.appoint("22019010", PROVINCE, &[Permission::ReviewControl]).uuid());
    drive.ok("control.rules", "GET", "/api/v1/control/rules", &reviewer, None);
    let alerts = drive.ok("control.alerts", "GET", "/api/v1/control/alerts?state=open&limit=5", &reviewer, None);
    let review = format!("/api/v1/control/alerts/{}/review", alerts["items"][0]["id"].as_str().unwrap());
    let body = json!({ "verdict": "dismissed", "reason": "误操作，已提醒" });
    drive.ok("control.review_alert", "POST", &review, &reviewer, Some(body));
}

/// An officer changes the given password, takes a second factor on, signs in with it, and loses it twice.
fn drive_staff(host: &Host, drive: &mut Drive, administrator: &str) {
    let officer = host.world.officers[2];
    let at = |tail: &str| format!("/api/v1/officers/{officer}{tail}");
    let given = json!({ "password": "Gei-Ni-Yong-2026" });
    drive.ok("access.give_password", "PUT", &at("/password"), administrator, Some(given));
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
    assert_eq!(confirmed["recovery_codes"].as_array().unwrap().len(), limits::RECOVERY_CODES);
    let needed = sign_in("Ming-Tian-2026");
    assert_eq!((needed.status, &needed.body["code"]), (401, &json!("access.second_factor_needed")));
    let mut step = code();
    step["challenge"] = needed.body["related"].clone();
    let token = token_of(&drive.ok("access.confirm_sign_in", "POST", "/api/v1/sessions/confirm", "", Some(step)));
    drive.ok("access.remove_factor", "POST", "/api/v1/me/second-factor/remove", &token, Some(code()));
    host.sign_in(ActorKind::Officer, officer.uuid());
    let session = host.world.session_of(officer);
    zhengna_tests::world::enrolled(&host.world.core, &session).unwrap();
    drive.ok("access.reset_factor", "DELETE", &at("/second-factor"), administrator, None);
}

/// Whether `GET /api/v1/events` answers with a stream.
fn follows(host: &Host, token: &str) -> bool {
    use std::io::{BufRead as _, Write as _};
    let mut stream = std::net::TcpStream::connect(host.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
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
        let path = ["{approval}", "{grant}", "{delegation}", "{alert}", "{appeal}", "{reply}"]
            .iter()
            .fold(path, |path, id| path.replace(id, nobody))
            .replace("{year}", "2026")
            .replace("{provider}", "portal");
        let path = match id.as_str() {
            "interaction.sign_entry" => path + "?channel=kiosk",
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
