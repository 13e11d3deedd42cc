//! Lines that are shared out by topic and place: who takes whom, why, and that the same is decided again.

use std::time::Duration;

use zhengna_core::access::{Actor, Permission, RecordLeave};
use zhengna_core::assignment::{Bar, Overtaken, Policy};
use zhengna_core::error::{Problem, Refusal};
use zhengna_core::id::{ConversationId, LineId, OfficerId, TaxpayerId, WorkId};
use zhengna_core::identity::NewTaxpayer;
use zhengna_core::interaction::{
    AssignmentView, Claim, Close, Enter, LineSettings, OpenLine, Outcome, ProposeLine, RoutedTopic, Routing, Specialist, Transfer,
    TransferTo,
};
use zhengna_core::{Error, Session, limits};
use zhengna_tests::approval::approve;
use zhengna_tests::world::{ENGINES, Engine, KUANCHENG, NANGUAN, World, code, person, refused};

fn topic(code: &str, parent: Option<&str>) -> RoutedTopic {
    RoutedTopic { code: code.into(), name: "主题".into(), parent: parent.map(str::to_owned), specialists_only: false }
}

/// Tax, with VAT and invoices below it, and export refunds, which only specialists take where there are any.
fn routing(specialists: &[(OfficerId, &[&str])]) -> Routing {
    let specialist = |(officer, topics): &(OfficerId, &[&str])| Specialist {
        officer: *officer,
        topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
    };
    let is_known = specialists.iter().any(|(_, topics)| topics.contains(&"export_refund"));
    let refund = RoutedTopic { specialists_only: is_known, ..topic("export_refund", Some("tax")) };
    Routing {
        topics: vec![topic("tax", None), topic("vat", Some("tax")), topic("invoice", Some("tax")), refund],
        specialists: specialists.iter().map(specialist).collect(),
        policy: Policy::default(),
        push: false,
    }
}

fn settings(routing: Routing) -> LineSettings {
    LineSettings { routing: Some(routing), ..LineSettings::new("分主题") }
}

fn opened(world: &World, settings: LineSettings) -> LineId {
    let cmd = OpenLine { authority: code(NANGUAN), settings, external_id: None };
    world.core.as_system().interaction().open_line(cmd).wait().unwrap().line
}

fn enter(session: &Session, line: LineId, topic: Option<&str>) -> Result<ConversationId, Error> {
    let cmd = Enter { topic_code: topic.map(str::to_owned), ..Enter::new(line, "问") };
    session.interaction().enter(cmd).wait().map(|entered| entered.conversation)
}

fn claim(session: &Session, line: LineId) -> Result<ConversationId, Error> {
    session.interaction().claim(Claim { line }).wait().map(|claimed| claimed.conversation)
}

fn enrolled(world: &World, new: NewTaxpayer) -> TaxpayerId {
    let system = world.core.as_system();
    system.identity().enrol(std::slice::from_ref(&new), &mut |_| {}).unwrap();
    system.identity().find_by_number(&new.number).unwrap().unwrap()
}

fn why(world: &World, conversation: ConversationId) -> Vec<AssignmentView> {
    let told = world.session_of(world.supervisor).interaction().assignments(conversation).unwrap();
    assert!(told.iter().all(|a| a.replays), "{told:?}");
    told
}

fn work(conversation: ConversationId) -> WorkId {
    WorkId::from_uuid(conversation.uuid())
}

#[test]
fn who_knows_a_topic_takes_it_first_and_the_others_after_a_while() {
    for engine in ENGINES {
        let world = World::new(engine);
        let [first, second] = [world.officers[0], world.officers[1]];
        let third = world.appoint("22010776", NANGUAN, &[Permission::ServeTaxpayers]);
        let specialists: [(OfficerId, &[&str]); 3] = [(first, &["vat", "tax"]), (second, &["invoice"]), (third, &["export_refund"])];
        let before = settings(routing(&specialists));
        let line = opened(&world, before.clone());
        let entered: Vec<_> = [Some("invoice"), Some("vat"), None, Some("export_refund")]
            .iter()
            .enumerate()
            .map(|(n, topic)| enter(&world.taxpayer(n), line, *topic).unwrap())
            .collect();
        let shown = world.taxpayer(4).interaction().lines().unwrap();
        let topics: Vec<_> = shown.iter().find(|l| l.id == line).unwrap().topics.iter().map(|t| t.code.as_str()).collect();
        assert_eq!(topics, ["tax", "vat", "invoice", "export_refund"], "{engine:?}: whoever enters sees what may be named");

        assert_eq!(claim(&world.officer(0), line), Ok(entered[1]), "{engine:?}: who waits longer is about something else");
        let told = why(&world, entered[1]);
        let reason = &told[0].record.decision.reason;
        assert_eq!(reason.overtaken, [Overtaken { work: work(entered[0]), bar: Bar::OtherTopic }], "{engine:?}");
        assert_eq!(
            told[0].why,
            "第 2 号等待 0 秒，派单范围第 1 步（本主题，本机关），由22010000 号接待：主动领取下一件；等待更久而未派给该人员的：第 1 号（不熟悉该主题）。",
            "{engine:?}"
        );
        assert!(told[0].names.iter().any(|n| n.id == first.to_string() && n.staff_no.as_deref() == Some("22010000")), "{engine:?}");
        assert_eq!(claim(&world.officer(0), line), Ok(entered[2]), "{engine:?}: what has no topic is anybody's");
        assert_eq!(refused(claim(&world.officer(0), line)), Refusal::NobodyForYou, "{engine:?}");

        world.clock.advance(Duration::from_secs(u64::from(limits::RELAX_AFTER_S[0])));
        assert_eq!(claim(&world.officer(0), line), Ok(entered[0]), "{engine:?}: who knows the topic above it, by now");
        assert_eq!(why(&world, entered[0])[0].record.decision.reason.step, 1, "{engine:?}");

        // However long: nobody but a specialist, and the one there is has left. Another is one once two officers agree.
        let leave = RecordLeave { officer: third, left_at: None };
        world.session_of(world.administrator).access().record_leave(leave).wait().unwrap();
        world.clock.advance(Duration::from_secs(3600));
        assert_eq!(refused(claim(&world.officer(1), line)), Refusal::NobodyForYou, "{engine:?}");
        let specialists: [(OfficerId, &[&str]); 2] = [(second, &["export_refund"]), (third, &[])];
        let (boss, other) = (world.session_of(world.supervisor), world.appoint("22010777", NANGUAN, &[Permission::ManageLines]));
        let change = LineSettings { routing: Some(routing(&specialists)), ..before.clone() };
        let proposal = ProposeLine { line: Some(line), authority: None, settings: change, reason: "增设专家".into() };
        let proposed = boss.interaction().propose_line(proposal).wait().unwrap();
        assert_eq!(refused(claim(&world.officer(1), line)), Refusal::NobodyForYou, "{engine:?}: put forward is not agreed");
        approve(&world.session_of(other), &proposed).unwrap();
        assert_eq!(claim(&world.officer(1), line), Ok(entered[3]), "{engine:?}");
        assert_eq!(refused(claim(&world.officer(1), line)), Refusal::NobodyWaiting, "{engine:?}");
        why(&world, entered[3]);
        assert_eq!(world.recount(), Vec::<String>::new(), "{engine:?}");
    }
}

#[test]
fn people_of_elsewhere_are_taken_when_the_schedule_has_come_to_their_authority() {
    for engine in ENGINES {
        let world = World::new(engine);
        let line = opened(&world, settings(routing(&[])));
        let away = enrolled(&world, NewTaxpayer { authority: code(KUANCHENG), ..person(800) });
        let elsewhere = enter(&world.core.as_actor(Actor::Taxpayer(away)), line, None).unwrap();
        let near = enter(&world.taxpayer(0), line, None).unwrap();
        assert_eq!(claim(&world.officer(0), line), Ok(near), "{engine:?}");
        let overtaken = &why(&world, near)[0].record.decision.reason.overtaken;
        assert_eq!(*overtaken, [Overtaken { work: work(elsewhere), bar: Bar::OtherAuthority }], "{engine:?}");
        world.clock.advance(Duration::from_secs(u64::from(limits::RELAX_AFTER_S[1])) - Duration::from_micros(1));
        assert_eq!(refused(claim(&world.officer(0), line)), Refusal::NobodyForYou, "{engine:?}");
        world.clock.advance(Duration::from_micros(1));
        assert_eq!(claim(&world.officer(0), line), Ok(elsewhere), "{engine:?}");
    }
}

#[test]
fn who_had_the_matter_before_may_take_it_whatever_they_know() {
    for engine in ENGINES {
        let world = World::new(engine);
        let specialists: [(OfficerId, &[&str]); 1] = [(world.officers[0], &["vat"])];
        let line = opened(&world, settings(routing(&specialists)));
        let before = enter(&world.taxpayer(0), line, Some("vat")).unwrap();
        assert_eq!(claim(&world.officer(0), line), Ok(before), "{engine:?}");
        world.officer(0).interaction().close(Close { conversation: before, outcome: Outcome::Resolved, note: None }).wait().unwrap();
        let again = Enter { previous: Some(before), topic_code: Some("invoice".into()), ..Enter::new(line, "再问") };
        let again = world.taxpayer(0).interaction().enter(again).wait().unwrap().conversation;
        assert_eq!(refused(claim(&world.officer(1), line)), Refusal::NobodyForYou, "{engine:?}");
        assert_eq!(claim(&world.officer(0), line), Ok(again), "{engine:?}");
        // Whoever takes it instead: nobody looked whether the other one is there, and the reason says nothing of them.
        world.officer(0).interaction().close(Close { conversation: again, outcome: Outcome::Resolved, note: None }).wait().unwrap();
        let once_more = Enter { previous: Some(again), ..Enter::new(line, "又问") };
        let once_more = world.taxpayer(0).interaction().enter(once_more).wait().unwrap().conversation;
        assert_eq!(claim(&world.officer(1), line), Ok(once_more), "{engine:?}");
        assert_eq!(why(&world, once_more)[0].record.decision.reason.passed_over, [], "{engine:?}");
    }
}

#[test]
fn a_topic_goes_along_where_the_other_line_has_it() {
    for engine in ENGINES {
        let world = World::new(engine);
        let (line, same) = (opened(&world, settings(routing(&[]))), opened(&world, settings(routing(&[]))));
        let unknown = enter(&world.taxpayer(0), line, Some("customs")).unwrap_err();
        assert_eq!(unknown, Error::invalid("topic_code", Problem::Unknown("topic")), "{engine:?}");
        let plain = enter(&world.taxpayer(0), world.line, Some("vat")).unwrap_err();
        assert_eq!(plain, Error::invalid("topic_code", Problem::Unknown("topic")), "{engine:?}: a line without topics");
        let id = enter(&world.taxpayer(0), line, Some("vat")).unwrap();
        world.clock.advance(Duration::from_secs(3600));
        assert_eq!(claim(&world.officer(0), line), Ok(id), "{engine:?}: anybody's by then");
        let officer = world.officer(0);
        let code_of = || world.taxpayer(0).interaction().conversation(id).unwrap().topic_code;
        let hand_on = |to| officer.interaction().transfer(Transfer::new(id, TransferTo::Line(to), "请续办")).wait().unwrap();
        hand_on(same);
        assert_eq!(code_of().as_deref(), Some("vat"), "{engine:?}");
        assert_eq!(claim(&officer, same), Ok(id), "{engine:?}: it waits since it first came");
        hand_on(world.line);
        assert_eq!(code_of(), None, "{engine:?}");
        assert_eq!(claim(&officer, world.line), Ok(id), "{engine:?}");
        assert_eq!(why(&world, id).len(), 3, "{engine:?}: each time it came to somebody");
    }
}

#[test]
fn how_a_line_is_shared_out_has_limits_and_says_what_is_wrong_where() {
    let world = World::new(Engine::Memory);
    let open = |routing: Routing| {
        let cmd = OpenLine { authority: code(NANGUAN), settings: settings(routing), external_id: None };
        world.core.as_system().interaction().open_line(cmd).wait().map(|_| ())
    };
    let wrong = |routing: Routing| match open(routing) {
        Err(Error::Invalid { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    let good = routing(&[(world.officers[0], &["vat"])]);
    assert_eq!(open(good.clone()), Ok(()));
    let with = |change: &dyn Fn(&mut Routing)| {
        let mut changed = good.clone();
        change(&mut changed);
        changed
    };
    let nobody = OfficerId::from_uuid(uuid::Uuid::from_u128(7));
    assert_eq!(wrong(with(&|r| r.topics[1].code = "VAT".into())), "routing.topics[1].code");
    assert_eq!(wrong(with(&|r| r.topics[1].code = "tax".into())), "routing.topics[1].code");
    assert_eq!(wrong(with(&|r| r.topics[1].code = "x".repeat(limits::TOPIC_CODE_CHARS_MAX + 1))), "routing.topics[1].code");
    assert_eq!(wrong(with(&|r| r.topics[1].name = " ".into())), "routing.topics[1].name");
    assert_eq!(wrong(with(&|r| r.topics[0].parent = Some("vat".into()))), "routing.topics[0].parent");
    assert_eq!(wrong(with(&|r| r.topics[1].parent = Some("vat".into()))), "routing.topics[1].parent");
    assert_eq!(wrong(with(&|r| r.topics[3].specialists_only = true)), "routing.topics[3].specialists_only", "it would be nobody's");
    assert_eq!(wrong(with(&|r| r.specialists.push(r.specialists[0].clone()))), "routing.specialists[1].officer");
    assert_eq!(wrong(with(&|r| r.specialists[0].officer = nobody)), "routing.specialists[0].officer");
    assert_eq!(wrong(with(&|r| r.specialists[0].topics.push("customs".into()))), "routing.specialists[0].topics[1]");

    let many = |n: usize| Routing { topics: (0..n).map(|i| topic(&format!("t{i}"), None)).collect(), ..Routing::default() };
    assert_eq!(open(many(limits::ROUTED_TOPICS_MAX)), Ok(()));
    assert_eq!(wrong(many(limits::ROUTED_TOPICS_MAX + 1)), "routing.topics");
    let crowd = |n: usize| Specialist { officer: OfficerId::from_uuid(uuid::Uuid::from_u128(n as u128)), topics: Vec::new() };
    let crowd = |n: usize| Routing { specialists: (0..n).map(crowd).collect(), ..Routing::default() };
    assert_eq!(wrong(crowd(limits::SPECIALISTS_MAX)), "routing.specialists[0].officer", "as many may be named, were they there");
    assert_eq!(wrong(crowd(limits::SPECIALISTS_MAX + 1)), "routing.specialists");
}

/// Whoever asks is answered from the first of a long line; those behind are somebody's once these are taken or asked for less.
#[test]
fn so_many_of_the_first_are_looked_at() {
    let world = World::new(Engine::Memory);
    let specialists: [(OfficerId, &[&str]); 1] = [(world.officers[0], &["vat"])];
    let line = opened(&world, settings(routing(&specialists)));
    let many = limits::ROUTED_LOOKED_AT;
    let people: Vec<_> = (0..=many).map(|n| enrolled(&world, person(1000 + n))).collect();
    let enter = |n: usize, topic| enter(&world.core.as_actor(Actor::Taxpayer(people[n])), line, Some(topic)).unwrap();
    let first = enter(0, "invoice");
    for n in 1..many {
        enter(n, "invoice");
    }
    let last = enter(many, "vat");
    let pushing = Routing { push: true, ..routing(&[(world.officers[1], &["export_refund"])]) };
    let stuck = opened(&world, LineSettings { routing: Some(pushing), ..LineSettings::new("退税在前") });
    for person in &people[..many] {
        crate::enter(&world.core.as_actor(Actor::Taxpayer(*person)), stuck, Some("export_refund")).unwrap();
    }
    let behind = crate::enter(&world.core.as_actor(Actor::Taxpayer(people[many])), stuck, None).unwrap();
    world.officer(0).interaction().be_present().wait().unwrap();
    assert_eq!(world.core.offer_waiting().unwrap(), 1);
    let offers = world.officer(0).interaction().offers().unwrap();
    assert_eq!(offers.iter().map(|offer| offer.conversation.id).collect::<Vec<_>>(), [behind], "nor where they are offered");
    assert_eq!(claim(&world.officer(0), stuck), Ok(behind), "those who wait for specialists hide nobody");
    assert_eq!(refused(claim(&world.officer(0), line)), Refusal::NobodyForYou);
    world
        .core
        .as_actor(Actor::Taxpayer(people[0]))
        .interaction()
        .leave(zhengna_core::interaction::Leave { conversation: first })
        .wait()
        .unwrap();
    assert_eq!(claim(&world.officer(0), line), Ok(last));
}

/// What was decided is no protected row; but what it turned on and what came of it must fit each other.
#[test]
fn a_decision_that_was_altered_does_not_replay() {
    let world = World::new(Engine::Sqlite);
    let id = world.entered(0).conversation;
    claim(&world.officer(0), world.line).unwrap();
    let supervisor = world.session_of(world.supervisor);
    assert!(supervisor.interaction().assignments(id).unwrap()[0].replays);
    let raw = rusqlite::Connection::open(world.keep.path().unwrap()).unwrap();
    let changed = raw.execute(r#"UPDATE assignment SET record = replace(record, '"waited_s":0', '"waited_s":9')"#, []);
    assert_eq!(changed.unwrap(), 1);
    assert!(!supervisor.interaction().assignments(id).unwrap()[0].replays);
    let denied = world.officer(0).interaction().assignments(id);
    assert!(matches!(denied, Err(Error::Denied { .. })), "whoever serves does not look into how");
}
