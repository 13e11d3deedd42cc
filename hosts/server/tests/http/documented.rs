//! Every operation of the document, driven once.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use zhengna_core::access::{ActorKind, Permission};
use zhengna_core::assignment::Policy;
use zhengna_core::interaction::{LineSettings, OpenLine, Routing};
use zhengna_core::limits;
use zhengna_tests::lists::{self, Importers};
use zhengna_tests::world::{CHANGCHUN, ENGINES, KUANCHENG, NANGUAN, PROVINCE, code, person, settle};

use super::calendar::notice;
use super::drive::Drive;
use super::support::Host;

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
        drive_imports(&host, &mut drive);
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
    let wall = drive.ok("interaction.wall", "GET", "/api/v1/wall", boss, None);
    let own = wall["lines"].as_array().unwrap().iter().find(|l| l["line"] == json!(line)).expect("the supervisor's own line");
    assert_eq!([&own["active"], &own["waiting"]], [&json!(1), &json!(0)]);
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
    let newcomer = json!({ "staff_no": "22010777", "name": "欧阳新", "authority": NANGUAN, "capacity": 2 });
    let newcomer = drive.ok("access.add_officer", "POST", "/api/v1/officers", administrator, Some(newcomer))["officer"].clone();
    let listed = drive.ok("access.officers", "GET", "/api/v1/officers?limit=200", security, None);
    assert!(listed["items"].as_array().unwrap().iter().any(|o| o["id"] == newcomer && o["name"] == "欧阳新"), "{listed}");
    for find in ["22010777", "%E6%AC%A7%E9%98%B3"] {
        let found = drive.ok("access.officers", "GET", &format!("/api/v1/officers?find={find}"), security, None);
        assert_eq!((&found["items"][0]["id"], found["items"].as_array().unwrap().len()), (&newcomer, 1), "{found}");
    }
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
    let offered = drive.ok("access.emergency_posts", "GET", "/api/v1/emergency-posts", &taker, None);
    assert_eq!(offered["items"][0]["id"], post);
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

/// Somebody new by a list: looked at, put forward, agreed to, imported.
fn drive_imports(host: &Host, drive: &mut Drive<'_>) {
    let by = Importers::of(&host.world);
    let [maker, other] = [by.maker, by.other].map(|id| host.sign_in(ActorKind::Officer, id.uuid()));
    let people = [person(900), person(901)];
    let file = || Some(Value::String(lists::file_of(&people)));
    let query = "?list=people&name=%E5%90%8D%E5%8D%95.csv";
    let looked_at = drive.ok("identity.examine_list", "POST", &format!("/api/v1/imports/examinations{query}"), &maker, file());
    assert_eq!((&looked_at["verdicts"]["new"], &looked_at["standing"]), (&json!(2), &json!("not_put_forward")));
    let reason = "&reason=%E5%B9%B4%E5%BA%A6%E7%99%BB%E8%AE%B0";
    let opened = drive.ok("identity.propose_import", "POST", &format!("/api/v1/imports/proposals{query}{reason}"), &maker, file());
    let early = host.upload(&format!("/api/v1/imports{query}"), &maker, "application/octet-stream", lists::file_of(&people).as_bytes());
    assert_eq!((early.status, &early.body["code"]), (409, &json!("approval.not_approved")));
    let shown = host.get("/api/v1/approvals?which=for_me&limit=5", &other);
    let content = &shown.body["items"][0]["content"];
    assert_eq!((&content["batch"], &content["verdicts"]["new"]), (&looked_at["batch"], &json!(2)), "{shown:?}");
    let agreed = host.post(
        &format!("/api/v1/approvals/{}/approve", opened["approval"].as_str().unwrap()),
        &other,
        &json!({ "digest": opened["digest"] }),
    );
    assert_eq!(agreed.body["state"], "done", "{agreed:?}");
    let imported = drive.ok("identity.import_list", "POST", &format!("/api/v1/imports{query}"), &maker, file());
    assert_eq!((&imported["verdicts"]["new"], &imported["differing"]), (&json!(2), &json!([])));
}
