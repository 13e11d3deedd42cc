//! What answers tell of people, posts and lines, and of what is in force, to those who may look nothing else up.

use std::time::Duration;

use serde_json::{Value, json};
use zhengna_core::access::{AccessChange, AddOfficer, GrantPost, Named, Officers, Permission, Permissions, SetPost, SetSeparation};
use zhengna_core::approval::{ApprovalView, Delegate, Execution, Matter, Opened, Rule, SetRule, Step, Which};
use zhengna_core::calendar::{Change, DayHours, Draft, Span};
use zhengna_core::control::{SetControlRule, Watch};
use zhengna_core::error::Problem;
use zhengna_core::id::OfficerId;
use zhengna_core::interaction::{LineSettings, ProposeLine};
use zhengna_core::store::Page;
use zhengna_core::{Error, Session, limits};
use zhengna_tests::approval::{approve, decree, propose};
use zhengna_tests::calendar::notice;
use zhengna_tests::world::{CHANGCHUN, ENGINES, Engine, KUANCHENG, NANGUAN, PROVINCE, World, code};

/// One after the other: the list is by time.
fn added(world: &World, staff_no: &str, name: &str, at: &str) -> OfficerId {
    world.clock.advance(Duration::from_secs(1));
    let cmd = AddOfficer { staff_no: staff_no.into(), name: name.into(), authority: code(at), capacity: 1 };
    world.core.as_system().access().add_officer(cmd).wait().unwrap().officer
}

fn watcher(world: &World, staff_no: &str, at: &str) -> Session {
    world.clock.advance(Duration::from_secs(1));
    world.session_of(world.appoint(staff_no, at, &[Permission::ViewStaff]))
}

fn numbers(found: &Officers) -> Vec<&str> {
    found.items.iter().map(|o| o.staff_no.as_str()).collect()
}

#[test]
fn officers_are_found_within_reach_by_how_their_number_begins_and_by_what_is_in_their_name() {
    for engine in ENGINES {
        let world = World::new(engine);
        for (staff_no, name, at) in
            [("3307", "欧阳明月", NANGUAN), ("330702", "张三", NANGUAN), ("330703", "欧阳修", KUANCHENG), ("34", "李欧", NANGUAN)]
        {
            added(&world, staff_no, name, at);
        }
        let (county, above) = (watcher(&world, "90001", NANGUAN), watcher(&world, "90002", CHANGCHUN));
        let find = |who: &Session, text: &str| who.access().officers(Some(text), Page { after: None, limit: 50 }).unwrap();
        for (text, expected) in [
            ("3307", &["3307", "330702"][..]),
            ("330702", &["330702"]),
            ("330703", &[]), // elsewhere
            ("欧阳", &["3307"]),
            (" 欧 ", &["34", "3307"]),
            ("3%", &[]),
            ("_", &[]),
            ("欧阳修", &[]),
        ] {
            let found = find(&county, text);
            assert_eq!((numbers(&found), found.after), (expected.to_vec(), None), "{engine:?}: {text}");
        }
        assert_eq!(numbers(&find(&above, "欧阳")), ["330703", "3307"], "{engine:?}: the newest first");
        // Page by page, in the order of numbers, none twice.
        let (mut after, mut all) = (None, Vec::new());
        loop {
            let page = above.access().officers(Some("3"), Page { after, limit: 1 }).unwrap();
            assert!(page.items.len() <= 1);
            all.extend(page.items.into_iter().map(|o| o.staff_no));
            after = page.after;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(all, ["3307", "330702", "330703", "34"], "{engine:?}");
        let long = county.access().officers(Some(&"长".repeat(limits::NAME_CHARS_MAX + 1)), Page { after: None, limit: 1 });
        assert!(matches!(long, Err(Error::Invalid { problem: Problem::TooLong { .. }, .. })), "{engine:?}: {long:?}");
    }
}

#[test]
fn a_search_opens_so_many_names_or_passes_over_so_many_numbers_and_goes_on() {
    let world = World::new(Engine::Memory);
    added(&world, "0", "欧阳明月", KUANCHENG);
    let county = watcher(&world, "90001", KUANCHENG);
    let max = limits::OFFICERS_SEARCHED_MAX;
    // The one who looks is among those who were added later; elsewhere numbers that begin alike come before.
    for n in 0..max - 2 {
        added(&world, &format!("7{n:05}"), "张三", KUANCHENG);
        added(&world, &format!("5{n:05}"), "李四", NANGUAN);
    }
    added(&world, "5", "王五", NANGUAN);
    added(&world, "59", "赵六", KUANCHENG);
    let page = |text, after| county.access().officers(Some(text), Page { after, limit: 10 }).unwrap();
    // max officers of the county are newer than the first: all but the first are looked at.
    let found = page("欧阳", None);
    assert!(found.items.is_empty());
    assert_eq!(numbers(&page("欧阳", found.after)), ["0"]);
    assert_eq!(page("欧阳", page("欧阳", found.after).after).items.len(), 0, "the end");
    let found = page("5", None);
    assert_eq!((numbers(&found), found.after), (vec!["59"], None), "max - 2 are passed over");
    for n in 0..2 {
        added(&world, &format!("58{n}"), "李四", NANGUAN);
    }
    let found = page("5", None);
    assert!(found.items.is_empty(), "{:?}", numbers(&found));
    let found = page("5", found.after);
    assert_eq!((numbers(&found), found.after), (vec!["59"], None));
}

fn named<'a>(names: &'a [Named], name: &str) -> &'a Named {
    names.iter().find(|n| n.name == name).unwrap_or_else(|| panic!("{name} is not among {names:?}"))
}

/// What somebody is shown of an approval.
fn shown(who: &Session, opened: &Opened) -> ApprovalView {
    let listed = who.approval().list(Which::All, None, 20).unwrap().items;
    listed.into_iter().find(|a| a.id == opened.approval).unwrap()
}

fn sides(view: &ApprovalView) -> (&Value, &Value) {
    let changes = view.changes.as_ref().unwrap_or_else(|| panic!("nothing beside {}", view.content));
    (&changes.now, &changes.then)
}

#[test]
fn whoever_decides_about_rights_is_shown_what_is_in_force_beside_what_would_be_and_who_it_is_about() {
    for engine in ENGINES {
        let world = World::new(engine);
        let (maker, may) = (world.session_of(world.administrator), [Permission::ApproveAccess]);
        let decider = world.session_of(world.appoint("22019301", PROVINCE, &may));
        assert!(matches!(decider.access().posts(), Err(Error::Denied { .. })), "they may look nothing up");
        let officer = added(&world, "22019302", "欧阳明月", NANGUAN);
        let find_post = |name: &str| world.core.as_system().access().find_post(name).unwrap().unwrap();
        let serving = find_post("办税服务坐席");
        let grant = |at: &str| AccessChange::Grant(GrantPost { officer, post: serving, authority: code(at), ends_at: None });

        decree(&world, grant(KUANCHENG)).unwrap();
        let opened = propose(&maker, grant(NANGUAN)).unwrap();
        let view = shown(&decider, &opened);
        let held = json!({ KUANCHENG: { "办税服务坐席": "forever" } });
        let both = json!({ KUANCHENG: { "办税服务坐席": "forever" }, NANGUAN: { "办税服务坐席": "forever" } });
        assert_eq!(sides(&view), (&held, &both), "{engine:?}");
        assert_eq!(named(&view.names, "欧阳明月").staff_no.as_deref(), Some("22019302"), "{engine:?}");
        assert_eq!(
            (named(&view.names, "办税服务坐席").id.clone(), view.names.len()),
            (serving.to_string(), 3),
            "{engine:?}: and who put it forward"
        );
        approve(&decider, &opened).unwrap();
        let view = shown(&decider, &opened);
        assert_eq!((view.changes, view.names.len()), (None, 4), "{engine:?}: it is as it is; who decided is told too");

        // One that ends earlier stands beside the other and takes nothing away.
        let ends_at = Some(world.core.now().plus(Duration::from_secs(86_400)));
        let brief = AccessChange::Grant(GrantPost { officer, post: serving, authority: code(NANGUAN), ends_at });
        let view = shown(&decider, &propose(&maker, brief).unwrap());
        assert_eq!(sides(&view), (&both, &both), "{engine:?}: nothing would be otherwise");

        let permissions = |of: &[Permission]| Permissions(of.to_vec());
        let set = |post| SetPost { post, name: "导税".into(), permissions: permissions(&[Permission::ServeTaxpayers]), emergency: false };
        let fresh = propose(&maker, AccessChange::Post(set(None))).unwrap();
        assert_eq!(shown(&decider, &fresh).changes, None, "{engine:?}: there is none yet");
        approve(&decider, &fresh).unwrap();
        let post = Some(find_post("导税"));
        let wider = SetPost { permissions: permissions(&[Permission::ServeTaxpayers, Permission::ManageRelations]), ..set(post) };
        let view = shown(&decider, &propose(&maker, AccessChange::Post(wider)).unwrap());
        let (now, then) = sides(&view);
        assert_eq!((&now["permissions"], &then["permissions"][1]), (&json!(["serve_taxpayers"]), &json!("manage_relations")), "{engine:?}");
        assert_eq!(shown(&maker, &fresh).names.len(), 2, "{engine:?}");

        let (first, second) = (Permission::ProposeCalendar, Permission::ApproveCalendar);
        let lift = SetSeparation { first, second, apart: false, source: "文".into() };
        let view = shown(&decider, &propose(&maker, AccessChange::Separation(lift)).unwrap());
        let (now, then) = sides(&view);
        assert_eq!((&now["apart"], &now["source"], &then["apart"]), (&json!(true), &json!(""), &json!(false)), "{engine:?}");

        let rule = Rule { steps: vec![Step { permission: second, votes: 2 }], execution: Execution::Third, valid_days: 5 };
        let rule = SetRule { matter: Matter::OfficeHours, rule, source: "文".into() };
        let view = shown(&decider, &propose(&maker, AccessChange::ApprovalRule(rule)).unwrap());
        let (now, then) = sides(&view);
        assert_eq!((&now["rule"]["steps"][0]["votes"], &then["rule"]["steps"][0]["votes"]), (&json!(1), &json!(2)), "{engine:?}");
        assert_eq!((&now["rule"]["execution"], &then["rule"]["execution"]), (&json!("at_once"), &json!("third")), "{engine:?}");

        let rule = SetControlRule { rule: Watch::BulkReveal, threshold: 70, window_minutes: 60, enabled: true, source: "文".into() };
        let opened = propose(&maker, AccessChange::ControlRule(rule)).unwrap();
        let view = shown(&decider, &opened);
        assert_eq!((&sides(&view).0["threshold"], &sides(&view).1["threshold"]), (&json!(50), &json!(70)), "{engine:?}");
        assert_eq!(shown(&maker, &opened).changes, None, "{engine:?}: how much is too much, nobody learns by asking for another number");
    }
}

#[test]
fn whoever_decides_about_the_calendar_or_a_line_is_shown_what_is_in_force_beside_what_would_be() {
    for engine in ENGINES {
        let world = World::new(engine);
        let maker = world.session_of(world.supervisor);
        let decider = world.session_of(world.appoint("22019311", PROVINCE, &[Permission::ApproveCalendar]));
        let put = |draft: Draft| shown(&decider, &maker.calendar().propose(draft).wait().unwrap());
        let draft = |change| Draft { change, ..notice(2027) };

        let view = put(notice(2027));
        let (now, then) = sides(&view);
        assert_eq!((&now["2027-01-04"], &then["2027-01-04"]), (&json!("work"), &json!("off")), "{engine:?}: a Monday");
        assert_eq!(now.as_object().unwrap().len(), then.as_object().unwrap().len(), "{engine:?}");

        let last_days = (1..=12).map(|m| format!("2028-{m:02}-17").parse().unwrap()).collect();
        let view = put(draft(Change::FilingPeriods { year: 2028, last_days }));
        assert_eq!((&sides(&view).0["2028-03"], &sides(&view).1["2028-03"]), (&json!("2028-03-15"), &json!("2028-03-17")), "{engine:?}");

        let number = zhengna_core::calendar::LegalNumber::FilingDay;
        let view = put(draft(Change::LegalNumber { number, from: "2027-07-01".parse().unwrap(), value: 18 }));
        assert_eq!(sides(&view), (&json!({ "2027-07-01": 15 }), &json!({ "2027-07-01": 18 })), "{engine:?}");

        let spans = vec![Span { from_min: 540, until_min: 1020 }];
        let seasons = vec![DayHours { date: "2027-05-01".parse().unwrap(), spans }];
        let view = put(draft(Change::OfficeHours { authority: code(CHANGCHUN), seasons, exceptions: Vec::new() }));
        let (now, then) = sides(&view);
        assert_eq!(
            now["seasons"].as_object().unwrap().values().next().unwrap()[0],
            json!({ "from_min": 510, "until_min": 690 }),
            "{engine:?}"
        );
        assert_eq!(then["seasons"], json!({ "2027-05-01": [{ "from_min": 540, "until_min": 1020 }] }), "{engine:?}");

        let manager = world.session_of(world.appoint("22019312", NANGUAN, &[Permission::ManageLines]));
        let settings = manager.interaction().line(world.line).unwrap().settings;
        let wanted = LineSettings { waiting_max: 50, ..settings.clone() };
        let cmd = ProposeLine { line: Some(world.line), authority: None, settings: wanted, reason: "分流".into() };
        let opened = manager.interaction().propose_line(cmd).wait().unwrap();
        let view = shown(&world.officer(0), &opened);
        let (now, then) = sides(&view);
        assert_eq!((&now["waiting_max"], &then["waiting_max"]), (&json!(settings.waiting_max), &json!(50)), "{engine:?}");
        assert_eq!(named(&view.names, &settings.name).id, world.line.to_string(), "{engine:?}: which line it is");
    }
}

#[test]
fn the_two_of_a_delegation_know_each_other_by_name() {
    for engine in ENGINES {
        let world = World::new(engine);
        let taker = world.appoint("22019321", PROVINCE, &[Permission::ServeTaxpayers]);
        let giver = world.session_of(world.appoint("22019322", PROVINCE, &[Permission::ApproveCalendar]));
        let ends_at = world.core.now().plus(Duration::from_secs(60));
        giver.approval().delegate(Delegate { taker, starts_at: None, ends_at }).wait().unwrap();
        for who in [giver, world.session_of(taker)] {
            let lent = &who.approval().delegations().unwrap()[0];
            let numbers: Vec<_> = lent.names.iter().map(|n| n.staff_no.as_deref().unwrap()).collect();
            assert_eq!(numbers, ["22019322", "22019321"], "{engine:?}");
        }
    }
}

#[test]
fn a_list_of_lines_says_which_the_caller_may_change() {
    for engine in ENGINES {
        let world = World::new(engine);
        let managed = |who: &Session| who.interaction().lines().unwrap().iter().find(|l| l.id == world.line).unwrap().managed;
        let manager = |no: &str, at: &str| world.session_of(world.appoint(no, at, &[Permission::ManageLines]));
        assert!(managed(&manager("22019331", NANGUAN)) && managed(&manager("22019332", PROVINCE)), "{engine:?}");
        assert!(!managed(&manager("22019333", KUANCHENG)), "{engine:?}: of another county");
        assert!(!managed(&world.officer(0)) && !managed(&world.taxpayer(0)), "{engine:?}");
    }
}
