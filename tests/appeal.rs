//! Complaints: filed by a taxpayer, answered by the authority above, kept from whom they are about and from their unit.

use zhengna_core::access::{AddPost, GrantPost, Permission, Permissions};
use zhengna_core::appeal::{AnswerAppeal, AppealFiled, AppealState, FileAppeal, Respondent};
use zhengna_core::approval::Delegate;
use zhengna_core::error::{Problem, Refusal};
use zhengna_core::id::{AppealId, ConversationId, OfficerId};
use zhengna_core::identity::{ErasePerson, ExportPerson};
use zhengna_core::interaction::{Claim, Close, Outcome, Transfer, TransferTo};
use zhengna_core::journal::{Cursor, EventKind};
use zhengna_core::store::Page;
use zhengna_core::{Error, Session};
use zhengna_tests::handover::Handover;
use zhengna_tests::world::{CHANGCHUN, ENGINES, KUANCHENG, NANGUAN, PROVINCE, World, code, settle};

const KEY: &str = "019a0000-0000-7000-8000-000000000007";

/// Gives an officer one more post.
fn grant(world: &World, officer: OfficerId, at: &str, permission: Permission) {
    let (system, name) = (world.core.as_system(), format!("岗位{officer}{at}"));
    let post = system.access().add_post(AddPost { name, permissions: Permissions(vec![permission]) }).wait().unwrap().post;
    system.access().grant_post(GrantPost { officer, post, authority: code(at), ends_at: None }).wait().unwrap();
}

/// Somebody who belongs to one authority and handles appeals at another.
fn handler(world: &World, staff_no: &str, home: &str, at: &str) -> OfficerId {
    let officer = world.appoint(staff_no, home, &[Permission::ViewStaff]);
    grant(world, officer, at, Permission::HandleAppeals);
    officer
}

/// A conversation of taxpayer 0 with officer 0 of 南关区.
fn served(world: &World) -> ConversationId {
    let conversation = world.entered(0).conversation;
    world.officer(0).interaction().claim(Claim { line: world.line }).wait().unwrap();
    conversation
}

/// Taxpayer 0 complains, a second after whatever was before.
fn complain(world: &World, about: Respondent) -> AppealFiled {
    world.clock.advance(std::time::Duration::from_secs(1));
    world.taxpayer(0).appeals().file(FileAppeal::new(about, "答非所问")).wait().unwrap()
}

fn answer(session: &Session, appeal: AppealId) -> Result<(), Error> {
    session.appeals().answer(AnswerAppeal { appeal, text: "已核实".into() }).wait().map(drop)
}

/// All that somebody sees listed, page by page.
fn listed(session: &Session, limit: u32) -> Vec<AppealId> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = session.appeals().list(Page { after, limit }).unwrap();
        all.extend(page.iter().map(|a| a.id));
        match page.last() {
            Some(last) if page.len() == limit as usize => after = Some((last.filed_at, last.id.uuid())),
            _ => return all,
        }
    }
}

#[test]
fn a_complaint_goes_to_the_authority_above_which_answers_it_once() {
    for engine in ENGINES {
        let world = World::new(engine);
        let conversation = served(&world);
        let filed = complain(&world, Respondent::Conversation(conversation));
        assert_eq!(filed.handler, code(CHANGCHUN), "{engine:?}");
        let mine = world.taxpayer(0).appeals().mine(Page { after: None, limit: 5 }).unwrap();
        assert_eq!((mine.len(), mine[0].text.as_str(), mine[0].state), (1, "答非所问", AppealState::Received), "{engine:?}");
        assert_eq!(mine[0].about.staff_no.as_deref(), Some("22010000"));
        let missing = Err(Error::NotFound { what: "appeal" });
        assert_eq!(world.taxpayer(1).appeals().appeal(filed.appeal), missing, "{engine:?}: somebody else's");
        let chief = world.session_of(handler(&world, "22010951", CHANGCHUN, CHANGCHUN)).with_key(KEY).unwrap();
        assert_eq!(listed(&chief, 5), [filed.appeal], "{engine:?}");
        assert_eq!(answer(&chief, filed.appeal), Ok(()), "{engine:?}");
        assert_eq!(answer(&chief, filed.appeal), Ok(()), "{engine:?}: a repeat of the same");
        let again = chief.with_key("019a0000-0000-7000-8000-000000000008").unwrap();
        assert_eq!(answer(&again, filed.appeal), Err(Error::Refused(Refusal::AppealClosed)), "{engine:?}");
        let read = world.taxpayer(0).appeals().appeal(filed.appeal).unwrap();
        assert_eq!((read.state, read.answer.as_deref()), (AppealState::Closed, Some("已核实")), "{engine:?}");
        assert!(!format!("{read:?}").contains("答非所问"), "what was written reaches no log");
        assert_eq!(world.seal().finding, None, "{engine:?}");
    }
}

#[test]
fn a_respondent_and_their_unit_learn_nothing_of_a_complaint_whatever_they_hold_elsewhere() {
    for engine in ENGINES {
        let world = World::new(engine);
        let conversation = served(&world);
        let chief = handler(&world, "22010951", CHANGCHUN, CHANGCHUN);
        // The respondent holds the permission of the province, a colleague of theirs that of the prefecture, and somebody of the
        // prefecture has a post in the unit, too.
        let respondent = world.officers[0];
        grant(&world, respondent, PROVINCE, Permission::HandleAppeals);
        let colleague = handler(&world, "22010952", NANGUAN, CHANGCHUN);
        let both = handler(&world, "22010953", CHANGCHUN, PROVINCE);
        grant(&world, both, NANGUAN, Permission::ServeTaxpayers);
        let ends_at = world.core.now().plus(std::time::Duration::from_secs(86_400));
        let lent = Delegate { taker: respondent, starts_at: None, ends_at };
        world.session_of(chief).approval().delegate(lent).wait().unwrap();
        let kept_from = [respondent, colleague, both].map(|id| world.session_of(id));
        let elsewhere: Vec<AppealId> = (0..2).map(|_| complain(&world, Respondent::Authority(code(KUANCHENG))).appeal).collect();
        let seen = |limit| kept_from.iter().map(|s| listed(s, limit)).collect::<Vec<_>>();
        let before = (seen(1), seen(200));
        assert!(before.1.iter().all(|list| list.len() == 2), "{engine:?}: of another unit they handle them");

        let about_person = complain(&world, Respondent::Conversation(conversation)).appeal;
        let about_unit: Vec<AppealId> = (0..3).map(|_| complain(&world, Respondent::Authority(code(NANGUAN))).appeal).collect();
        let last = complain(&world, Respondent::Authority(code(KUANCHENG))).appeal;
        let mut all: Vec<AppealId> = elsewhere.iter().chain([&about_person]).chain(&about_unit).chain([&last]).copied().collect();
        all.reverse();
        assert_eq!(listed(&world.session_of(chief), 2), all, "{engine:?}: whoever handles them sees every one");
        let theirs: Vec<AppealId> = [last].into_iter().chain(elsewhere.iter().rev().copied()).collect();
        for session in &kept_from {
            for limit in [1, 2, 200] {
                assert_eq!(listed(session, limit), theirs, "{engine:?}: as if there were no others, page by page");
            }
            for id in about_unit.iter().chain([&about_person]) {
                let nobody = AppealId::parse("019a0000-0000-7000-8000-00000000ffff").unwrap();
                assert_eq!(session.appeals().appeal(*id), session.appeals().appeal(nobody), "{engine:?}");
                assert_eq!(session.appeals().appeal(*id), Err(Error::NotFound { what: "appeal" }), "{engine:?}");
                assert_eq!(answer(session, *id), Err(Error::NotFound { what: "appeal" }), "{engine:?}");
            }
        }
        // Nothing of it reaches the desk of whom it is about; its taxpayer is told.
        let told = |session: &Session| {
            let topics = session.journal().topics(None).unwrap();
            let page = session.journal().events_after(topics, Cursor::default(), 200).unwrap();
            page.events.iter().any(|e| e.kind == EventKind::AppealFiled)
        };
        assert!(settle(&world.core, |_| told(&world.taxpayer(0)), |told| *told), "{engine:?}");
        assert!(!told(&kept_from[0]), "{engine:?}");
    }
}

#[test]
fn who_comes_to_belong_to_the_unit_is_answered_as_if_there_were_nothing_a_repeat_too() {
    for engine in ENGINES {
        let world = World::new(engine);
        let appeal = complain(&world, Respondent::Authority(code(NANGUAN))).appeal;
        let chief = handler(&world, "22010951", CHANGCHUN, CHANGCHUN);
        let session = || world.session_of(chief).with_key(KEY).unwrap();
        assert_eq!(answer(&session(), appeal), Ok(()), "{engine:?}");
        grant(&world, chief, NANGUAN, Permission::ServeTaxpayers);
        assert_eq!(answer(&session(), appeal), Err(Error::NotFound { what: "appeal" }), "{engine:?}: a repeat is not answered from memory");
    }
}

#[test]
fn a_province_handles_what_is_said_against_its_own_without_whom_it_is_about() {
    for engine in ENGINES {
        let world = World::new(engine);
        let respondent = world.appoint("22010951", PROVINCE, &[Permission::ServeTaxpayers, Permission::HandleAppeals]);
        let colleague = handler(&world, "22010952", PROVINCE, PROVINCE);
        let conversation = world.entered(0).conversation;
        world.session_of(respondent).interaction().claim(Claim { line: world.line }).wait().unwrap();
        let filed = complain(&world, Respondent::Conversation(conversation));
        assert_eq!(filed.handler, code(PROVINCE), "{engine:?}: nobody above works here");
        assert_eq!(listed(&world.session_of(respondent), 5), [], "{engine:?}");
        assert_eq!(answer(&world.session_of(respondent), filed.appeal), Err(Error::NotFound { what: "appeal" }), "{engine:?}");
        assert_eq!(answer(&world.session_of(colleague), filed.appeal), Ok(()), "{engine:?}");
    }
}

#[test]
fn a_complaint_is_about_who_served_the_caller_or_about_an_authority_that_there_is() {
    for engine in ENGINES {
        let world = World::new(engine);
        let (waiting, file) = (world.entered(1).conversation, |n: usize, about, text: &str| {
            world.taxpayer(n).appeals().file(FileAppeal::new(about, text)).wait().map(drop)
        });
        let nobody_yet = Err(Error::invalid("about.conversation", Problem::Unknown("officer")));
        assert_eq!(file(1, Respondent::Conversation(waiting), "没人理"), nobody_yet, "{engine:?}");
        let missing = ConversationId::parse("019a0000-0000-7000-8000-00000000ffff").unwrap();
        let foreign = file(0, Respondent::Conversation(waiting), "没人理");
        assert_eq!(foreign, file(0, Respondent::Conversation(missing), "没人理"), "{engine:?}: foreign and missing answer alike");
        assert!(matches!(foreign, Err(Error::NotFound { .. })), "{engine:?}");
        let unknown = file(0, Respondent::Authority(code("12299999999")), "没人理");
        assert_eq!(unknown, Err(Error::invalid("about.authority", Problem::Unknown("authority"))), "{engine:?}");
        assert_eq!(file(0, Respondent::Authority(code(NANGUAN)), "  "), Err(Error::invalid("text", Problem::Empty)), "{engine:?}");
        let long = "长".repeat(2001);
        let refused = file(0, Respondent::Authority(code(NANGUAN)), &long);
        assert_eq!(refused, Err(Error::invalid("text", Problem::TooLong { max: 2000 })), "{engine:?}");
    }
}

#[test]
fn complaints_are_given_to_their_person_and_erased_with_them() {
    for engine in ENGINES {
        let world = World::new(engine);
        let appeal = complain(&world, Respondent::Conversation(served(&world))).appeal;
        let chief = world.session_of(handler(&world, "22010951", CHANGCHUN, CHANGCHUN));
        let (system, person) = (world.core.as_system(), world.taxpayers[0]);
        let identity = system.identity();
        let export = ExportPerson { person, reason: "本人申请".into() };
        let given = identity.export_person(export, &mut |_| {}).unwrap();
        assert_eq!(given.person.appeals[0].text, "答非所问", "{engine:?}");
        let close = Close { conversation: given.conversations[0].transcript.conversation.id, outcome: Outcome::Resolved, note: None };
        world.officer(0).interaction().close(close).wait().unwrap();
        let erase = ErasePerson { person, reason: "本人申请".into() };
        assert!(!identity.erase_person(erase).wait().unwrap().more, "{engine:?}");
        let left = chief.appeals().appeal(appeal).unwrap();
        assert_eq!(left.text, "已删除", "{engine:?}");
        assert_eq!(answer(&chief, appeal), Ok(()), "{engine:?}: it is closed all the same");
        assert_eq!(chief.appeals().appeal(appeal).unwrap().answer, None, "{engine:?}: there is nobody left to read an answer");
        assert_eq!(identity.verify_sealed(|_| ()).unwrap().finding, None, "{engine:?}");
    }
}

#[test]
fn whoever_served_is_answerable_after_the_conversation_went_on_and_learns_nothing_of_it() {
    for engine in ENGINES {
        for how in Handover::ALL {
            let world = World::new(engine);
            let conversation = served(&world);
            how.of(&world, conversation).unwrap();
            let chief = world.session_of(handler(&world, "22010951", CHANGCHUN, CHANGCHUN));
            let kept_from = match how {
                Handover::Officer => world.officers[..2].to_vec(),
                _ => world.officers[..1].to_vec(),
            };
            for officer in &kept_from {
                grant(&world, *officer, PROVINCE, Permission::HandleAppeals);
            }
            let about = Respondent::Conversation(conversation);
            let last = complain(&world, about).appeal;
            let first = FileAppeal { staff_no: Some("22010000".into()), ..FileAppeal::new(about, "中途转走") };
            let first = world.taxpayer(0).appeals().file(first).wait().unwrap().appeal;
            let named = |id| world.taxpayer(0).appeals().appeal(id).unwrap().about.staff_no.unwrap();
            let whoever_had_it_last = if how == Handover::Officer { "22010001" } else { "22010000" };
            assert_eq!((named(last).as_str(), named(first).as_str()), (whoever_had_it_last, "22010000"), "{engine:?} {how:?}");
            for officer in kept_from {
                let session = world.session_of(officer);
                assert_eq!(listed(&session, 5), [], "{engine:?} {how:?}");
                for id in [last, first] {
                    assert_eq!(answer(&session, id), Err(Error::NotFound { what: "appeal" }), "{engine:?} {how:?}");
                }
            }
            assert_eq!(answer(&chief, first), Ok(()), "{engine:?} {how:?}");
            let other = FileAppeal { staff_no: Some("22010002".into()), ..FileAppeal::new(about, "没人理") };
            let nobody = Err(Error::invalid("staff_no", Problem::Unknown("officer")));
            assert_eq!(world.taxpayer(0).appeals().file(other).wait().map(drop), nobody, "{engine:?} {how:?}: did not serve it");
        }
    }
}

#[test]
fn a_complaint_goes_above_everybody_who_served_and_is_kept_from_all_their_units() {
    for engine in ENGINES {
        let world = World::new(engine);
        let conversation = served(&world);
        // Somebody of the prefecture goes on with it, whose unit would handle a complaint about the first.
        let upper = world.appoint("22010961", CHANGCHUN, &[Permission::ServeTaxpayers]);
        let prefecture = world.session_of(handler(&world, "22010951", CHANGCHUN, CHANGCHUN));
        let province = world.session_of(handler(&world, "22010952", PROVINCE, PROVINCE));
        let colleague = world.session_of(handler(&world, "22010953", NANGUAN, PROVINCE));
        world.session_of(upper).interaction().be_present().wait().unwrap();
        let cmd = Transfer::new(conversation, TransferTo::Officer(upper), "请续办");
        world.officer(0).interaction().transfer(cmd).wait().unwrap();
        let about = Respondent::Conversation(conversation);
        for staff_no in ["22010000", "22010961"] {
            let cmd = FileAppeal { staff_no: Some(staff_no.into()), ..FileAppeal::new(about, "答非所问") };
            let filed = world.taxpayer(0).appeals().file(cmd).wait().unwrap();
            assert_eq!(filed.handler, code(PROVINCE), "{engine:?} {staff_no}");
            for unit in [&prefecture, &colleague] {
                assert_eq!(answer(unit, filed.appeal), Err(Error::NotFound { what: "appeal" }), "{engine:?} {staff_no}");
            }
            assert_eq!(answer(&province, filed.appeal), Ok(()), "{engine:?} {staff_no}");
        }
    }
}
