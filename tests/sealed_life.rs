//! Sealed data, its whole life: keys wrapped anew after a rotation, a person erased and exported, what is past its retention forgotten.

use std::time::Duration;

use zhengna_core::access::{ActorKind, ActorRef, Credentials};
use zhengna_core::delivery::SettleDelivery;
use zhengna_core::error::Refusal;
use zhengna_core::id::{ConversationId, TaxpayerId};
use zhengna_core::identity::{ErasePerson, ExportPerson, NewFormerNumber, NewRelation, NumberKind, PersonalField, RevealTaxpayer, Role};
use zhengna_core::interaction::{Claim, Close, Outcome, SendMessage};
use zhengna_core::{Error, limits};
use zhengna_tests::faults::{Rows, lines};
use zhengna_tests::people::day;
use zhengna_tests::world::{ENGINES, Engine, World, company, person, relation};

const REASON: &str = "本人申请";
const PASSPORT: &str = "E12345678";

fn rows(world: &World) -> Vec<String> {
    lines(&**world.core.store())
}

fn of_table(world: &World, table: &str) -> i64 {
    Rows::of(&**world.core.store()).counts().get(table).copied().unwrap_or(0)
}

/// Taxpayer 0 writes, is answered, and the conversation is closed with a note.
fn talked(world: &World, text: &str) -> ConversationId {
    let conversation = world.entered(0).conversation;
    world.officer(0).interaction().claim(Claim { line: world.line }).wait().unwrap();
    world.taxpayer(0).interaction().send(SendMessage::new(conversation, text)).wait().unwrap();
    let close = Close { conversation, outcome: Outcome::Resolved, note: Some("已答复".into()) };
    world.officer(0).interaction().close(close).wait().unwrap();
    conversation
}

fn erase(world: &World, person: TaxpayerId) -> Result<i64, Error> {
    let mut conversations = 0;
    loop {
        let erased = world.core.as_system().identity().erase_person(ErasePerson { person, reason: REASON.into() }).wait()?;
        conversations += erased.conversations;
        if !erased.more {
            return Ok(conversations);
        }
    }
}

#[test]
fn keys_are_wrapped_anew_in_pieces_while_the_host_works_and_the_old_epoch_can_go() {
    for engine in ENGINES {
        let world = World::new(engine);
        let people: Vec<_> = (100..100 + limits::BULK_CHUNK_ROWS).map(person).collect();
        for some in people.chunks(50) {
            world.core.as_system().identity().enrol(some, &mut |_| {}).unwrap();
        }
        let conversation = talked(&world, "旧批次");
        let system = world.core.as_system();
        let identity = system.identity();
        let keys = || identity.key_epochs().unwrap().epochs.iter().map(|e| (e.epoch, e.keys)).collect::<Vec<_>>();
        let all = keys()[0].1;
        assert_eq!(keys(), [(1, all)], "{engine:?}");
        assert_eq!(identity.rewrap_keys(usize::MAX, &mut |_| {}).unwrap().rows, 0, "{engine:?}: nothing to do before a rotation");

        world.rotate_keys(2);
        let entered = world.entered(1).conversation;
        assert_eq!(keys(), [(1, all), (2, 1)], "{engine:?}: new keys are of the new epoch, old ones open still");
        assert_eq!(world.taxpayer(0).interaction().messages(conversation, 0, 10).unwrap()[0].text, "旧批次", "{engine:?}");
        let mut ring = zhengna_core::crypto::KeyRing::from_text(&world.core.settings().keys.to_text()).unwrap();
        assert_eq!(identity.retire_epoch(&mut ring, 1), Err(Error::Refused(Refusal::EpochInUse(1))), "{engine:?}");
        assert!(matches!(identity.retire_epoch(&mut ring, 2), Err(Error::Invalid { .. })), "{engine:?}: the current one");
        assert!(matches!(identity.retire_epoch(&mut ring, 9), Err(Error::Invalid { .. })), "{engine:?}: none such");

        // Some, as if it were interrupted then; and the rest.
        let records = |world: &World| rows(world).iter().filter(|l| l.contains("identity.rewrap_keys")).count();
        assert_eq!(identity.rewrap_keys(7, &mut |_| {}).unwrap().changed, 7, "{engine:?}");
        assert_eq!(records(&world), 1, "{engine:?}: one record for a chunk");
        let rest = identity.rewrap_keys(usize::MAX >> 1, &mut |_| {}).unwrap();
        assert_eq!(rest.changed, all - 7, "{engine:?}");
        assert_eq!(records(&world), 1 + (all as usize - 7).div_ceil(limits::BULK_CHUNK_ROWS), "{engine:?}");
        assert_eq!(keys(), [(1, 0), (2, all + 1)], "{engine:?}");
        identity.retire_epoch(&mut ring, 1).unwrap();
        world.core.settings().keys.renew(ring).unwrap();
        assert_eq!(world.taxpayer(0).interaction().messages(conversation, 0, 10).unwrap()[0].text, "旧批次", "{engine:?}");
        assert!(world.taxpayer(1).interaction().conversation(entered).is_ok(), "{engine:?}");

        // The same keys once more, at the next rotation.
        world.rotate_keys(3);
        assert_eq!(identity.rewrap_keys(usize::MAX >> 1, &mut |_| {}).unwrap().changed, all + 1, "{engine:?}");
        assert_eq!(world.seal().finding, None, "{engine:?}");
    }
}

#[test]
fn an_erased_person_is_found_by_nothing_and_read_by_nobody_and_the_trail_stays_whole() {
    for engine in ENGINES {
        let world = World::new(engine);
        let (whose, enterprise) = (world.taxpayers[0], world.employed(1).unwrap());
        let system = world.core.as_system();
        let former = NewFormerNumber { taxpayer: person(0).number, kind: NumberKind::Passport, number: PASSPORT.into() };
        system.identity().record_former_numbers(&[former], &mut |_| {}).unwrap();
        let (login, password) = ("13800000000", "Xiang-Kan-2026");
        system.access().set_password(ActorRef { kind: ActorKind::Taxpayer, id: whose.uuid() }, login, password).unwrap();
        let sign_in = || world.core.sign_in(&Credentials { login: login.into(), password: password.into() }, "-");
        let token = sign_in().unwrap().token;

        let open = world.entered(0).conversation;
        assert_eq!(erase(&world, whose), Err(Error::Refused(Refusal::StillOpen(open))), "{engine:?}: nobody is cut off");
        world.taxpayer(0).interaction().leave(zhengna_core::interaction::Leave { conversation: open }).wait().unwrap();
        let conversation = talked(&world, "我的身份证丢了");
        let (journal, taxpayers, conversations) =
            (of_table(&world, "journal"), of_table(&world, "taxpayer"), of_table(&world, "conversation"));
        assert!(matches!(erase(&world, enterprise), Err(Error::Invalid { .. })), "{engine:?}: what is known of enterprises is public");

        assert_eq!(erase(&world, whose), Ok(2), "{engine:?}");
        for number in [person(0).number.as_str(), PASSPORT] {
            assert_eq!(system.identity().find_by_number(number).unwrap(), None, "{engine:?}: {number}");
        }
        assert!(sign_in().is_err() && world.core.authenticate(&token).is_err(), "{engine:?}");
        let text = rows(&world).join("\n");
        for index in [("taxpayer.number", person(0).number), ("taxpayer.phone", person(0).phone.unwrap())] {
            let index = zhengna_core::crypto::hex(&world.core.settings().keys.blind(index.0, &index.1));
            assert!(!text.contains(&index), "{engine:?}: an index is left");
        }
        // Whoever was in it still sees that there was something.
        let read = world.officer(0).interaction().messages(conversation, 0, 10).unwrap();
        assert_eq!(read.iter().map(|m| m.text.as_str()).collect::<Vec<_>>(), ["已删除"], "{engine:?}");
        let shown = world.officer(0).interaction().conversation(conversation).unwrap();
        assert_eq!((shown.topic.as_str(), shown.taxpayer_name.as_str()), ("已删除", "已删除"), "{engine:?}");
        let supervisor = world.session_of(world.supervisor);
        let card = world.officer(0).identity().view(whose).unwrap();
        assert_eq!((card.name.as_str(), card.number.as_str(), card.phone), ("已删除", "已删除", None), "{engine:?}");
        let asked = RevealTaxpayer { taxpayer: whose, field: PersonalField::Name, reason: REASON.into() };
        assert_eq!(supervisor.identity().reveal(asked).wait().unwrap().value, None, "{engine:?}");
        let acts = world.officer(0).identity().relations(enterprise).unwrap();
        assert!(acts.iter().all(|r| !r.holds && r.person_name.as_str() == "已删除"), "{engine:?}: {acts:?}");
        // Counts, journal and trail are what they were.
        let after = (of_table(&world, "journal"), of_table(&world, "taxpayer"), of_table(&world, "conversation"));
        assert_eq!(after, (journal, taxpayers, conversations), "{engine:?}");
        assert_eq!((world.seal().finding, world.recount()), (None, Vec::new()), "{engine:?}");
        assert_eq!(erase(&world, whose), Ok(0), "{engine:?}: once more does nothing");
        // The number is free: somebody who comes back is somebody new.
        assert_eq!(system.identity().enrol(&[person(0)], &mut |_| {}).unwrap().changed, 1, "{engine:?}");
        assert_ne!(system.identity().find_by_number(&person(0).number).unwrap(), Some(whose), "{engine:?}");
        // Keys that are gone are not wrapped anew.
        world.rotate_keys(2);
        system.identity().rewrap_keys(usize::MAX >> 1, &mut |_| {}).unwrap();
        assert_eq!(system.identity().key_epochs().unwrap().erased, 3, "{engine:?}: a person and two conversations stay erased");
    }
}

#[test]
fn many_conversations_are_erased_in_several_short_transactions() {
    let world = World::new(Engine::Memory);
    let many = i64::from(limits::ERASED_AT_ONCE) + 1;
    for _ in 0..many {
        let conversation = world.entered(0).conversation;
        world.taxpayer(0).interaction().leave(zhengna_core::interaction::Leave { conversation }).wait().unwrap();
    }
    let once = || {
        world.core.as_system().identity().erase_person(ErasePerson { person: world.taxpayers[0], reason: REASON.into() }).wait().unwrap()
    };
    let (first, second) = (once(), once());
    assert_eq!((first.conversations, first.more), (many - 1, true));
    assert_eq!((second.conversations, second.more), (1, false));
}

/// Taxpayer 0 acts for company 1 under so many beginnings, and all of them hold; more than one read gives.
fn acts_many_times(world: &World) -> usize {
    let system = world.core.as_system();
    system.identity().enrol(&[company(1)], &mut |_| {}).unwrap();
    let since = |n: u32| NewRelation { starts_at: day(-i64::from(n)), ..relation(&company(1).number, Role::TaxHandler, &person(0).number) };
    let rows: Vec<_> = (0..limits::PAGE_ROWS_MAX + limits::ERASED_AT_ONCE / 2).map(since).collect();
    assert_eq!(system.identity().record_relations(&rows, &mut |_| {}).unwrap().changed, rows.len() as u64);
    rows.len()
}

#[test]
fn many_relations_are_ended_in_several_short_transactions_and_none_is_left_open() {
    let world = World::new(Engine::Memory);
    let many = acts_many_times(&world);
    let system = world.core.as_system();
    let once = || system.identity().erase_person(ErasePerson { person: world.taxpayers[0], reason: REASON.into() }).wait().unwrap().more;
    let enterprise = system.identity().find_by_number(&company(1).number).unwrap().unwrap();
    let hold = || world.officer(0).identity().relations(enterprise).unwrap().iter().filter(|r| r.holds).count();
    assert_eq!(hold(), many);
    let later = NewRelation { starts_at: day(1), ..relation(&company(1).number, Role::TaxAgent, &person(0).number) };
    system.identity().record_relations(&[later], &mut |_| {}).unwrap();
    let at_once = limits::ERASED_AT_ONCE as usize;
    assert_eq!((once(), hold()), (true, many + 1 - at_once), "the one to come among them");
    assert_eq!((once(), hold()), (true, many + 1 - 2 * at_once));
    assert_eq!((once(), hold()), (false, 0));
    world.clock.advance(std::time::Duration::from_secs(2 * 24 * 3600));
    assert_eq!(hold(), 0, "nor is one that was to begin later");
}

#[test]
fn a_person_is_given_all_their_relations_however_many() {
    let world = World::new(Engine::Memory);
    let many = acts_many_times(&world);
    let asked = ExportPerson { person: world.taxpayers[0], reason: REASON.into() };
    let given = world.core.as_system().identity().export_person(asked, &mut |_| {}).unwrap().person.relations;
    assert_eq!(given.len(), many);
    assert!(given.is_sorted_by(|newer, older| newer.starts_at > older.starts_at), "the newest first, each once");
}

#[test]
fn a_person_is_given_all_that_is_kept_of_them_and_nothing_of_others() {
    for engine in ENGINES {
        let world = World::new(engine);
        let system = world.core.as_system();
        system.identity().enrol(&[company(1)], &mut |_| {}).unwrap();
        system.identity().record_relations(&[relation(&company(1).number, Role::TaxHandler, &person(0).number)], &mut |_| {}).unwrap();
        let former = NewFormerNumber { taxpayer: person(0).number, kind: NumberKind::Passport, number: PASSPORT.into() };
        system.identity().record_former_numbers(&[former], &mut |_| {}).unwrap();
        talked(&world, "专项附加扣除怎么填");
        world.entered(1);
        let asked = ExportPerson { person: world.taxpayers[0], reason: REASON.into() };
        let export = system.identity().export_person(asked.clone(), &mut |_| {}).unwrap();
        let (text, sum) = export.to_text().unwrap();
        assert_eq!(sum, zhengna_core::crypto::hex(&zhengna_core::crypto::sm3(&[text.as_bytes()])), "{engine:?}");
        let person = person(0);
        for told in
            [&*person.name, &person.number, person.phone.as_deref().unwrap(), PASSPORT, "专项附加扣除怎么填", "已答复", "tax_handler"]
        {
            assert!(text.contains(told), "{engine:?}: {told}");
        }
        assert_eq!(export.conversations.len(), 1, "{engine:?}");
        assert!(!text.contains(&zhengna_tests::world::person(1).number), "{engine:?}");
        let records = rows(&world).iter().filter(|l| l.contains("identity.export_person")).count();
        assert_eq!(records, 2, "{engine:?}: the person and the conversation");
        // Taxpayers and officers ask somebody who may.
        for stranger in [world.taxpayer(0), world.session_of(world.supervisor)] {
            assert!(matches!(stranger.identity().export_person(asked.clone(), &mut |_| {}), Err(Error::Denied { .. })), "{engine:?}");
        }
        erase(&world, world.taxpayers[0]).unwrap();
        let left = system.identity().export_person(asked, &mut |_| {}).unwrap().to_text().unwrap().0;
        assert!(left.contains("\"erased\":true") && !left.contains(&person.number) && !left.contains("专项"), "{engine:?}: {left}");
    }
}

#[test]
fn what_is_past_its_retention_is_forgotten_and_not_a_moment_before() {
    for engine in ENGINES {
        let world = World::new(engine);
        let core = &world.core;
        core.ensure_timers().unwrap();
        while core.run_due(10).unwrap() > 0 {}
        talked(&world, "外部系统要知道");
        let told = core.lease_deliveries(10).unwrap().remove(0);
        core.settle_delivery(SettleDelivery { id: told.id, token: told.token, error: None }).unwrap();
        core.as_system().identity().enrol(&[person(900)], &mut |_| {}).unwrap();
        let kept = || (of_table(&world, "delivery"), of_table(&world, "bulk_progress") > 0);
        let run_after = |wait: Duration| {
            world.clock.advance(wait);
            while core.run_due(10).unwrap() > 0 {}
        };
        run_after(limits::BULK_PROGRESS_RETENTION - Duration::from_secs(1));
        assert_eq!(kept(), (1, true), "{engine:?}");
        run_after(limits::FORGET_KEYS_EVERY);
        assert_eq!(kept(), (1, false), "{engine:?}: the list is remembered no more");
        run_after(limits::DELIVERED_RETENTION - limits::BULK_PROGRESS_RETENTION - limits::FORGET_KEYS_EVERY - Duration::from_secs(1));
        assert_eq!(kept(), (1, false), "{engine:?}");
        run_after(limits::FORGET_KEYS_EVERY);
        assert_eq!(kept(), (0, false), "{engine:?}: nor the delivery");
        // A list given again is applied anew, which changes nothing.
        assert_eq!(core.as_system().identity().enrol(&[person(900)], &mut |_| {}).unwrap().changed, 0, "{engine:?}");
    }
}
