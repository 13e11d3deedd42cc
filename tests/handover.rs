//! Conversations change hands: an officer drops, a conversation is transferred. Nobody loses their place by it.

use zhengna_core::access::Permission;
use zhengna_core::audit::AuditAsked;
use zhengna_core::error::{Problem, Refusal};
use zhengna_core::id::{ConversationId, LineId, OfficerId};
use zhengna_core::identity::AuthorityCode;
use zhengna_core::interaction::{
    Claim, Close, ConversationState, Enter, Leave, LineKind, LineSettings, OpenLine, Outcome, SendMessage, Transfer, TransferTo,
    Transferred, Wanted,
};
use zhengna_core::limits;
use zhengna_core::store::Page;
use zhengna_core::{Core, Error, Session};
use zhengna_tests::world::{ENGINES, Engine, JILIN_CITY, KUANCHENG, NANGUAN, World, code, core_over, refused, settle};

fn claim(session: &Session, line: LineId) -> ConversationId {
    session.interaction().claim(Claim { line }).wait().unwrap().conversation
}

fn entered(world: &World, n: usize) -> ConversationId {
    world.entered(n).conversation
}

fn state(world: &World, n: usize, id: ConversationId) -> ConversationState {
    world.taxpayer(n).interaction().conversation(id).unwrap().state
}

fn transfer(session: &Session, conversation: ConversationId, to: TransferTo) -> Result<Transferred, Error> {
    session.interaction().transfer(Transfer::new(conversation, to, "已核对发票，请续办退税")).wait()
}

/// docs/security/peer-failures.md P-19, Chatwoot #7204: an officer drops, all open chats are queued again with their original time of arrival.
#[test]
fn what_an_officer_holds_who_drops_waits_again_where_it_stood() {
    for engine in ENGINES {
        let world = World::new(engine);
        let ids: Vec<ConversationId> = (0..4).map(|n| entered(&world, n)).collect();
        let dropped = world.officer(0);
        assert_eq!([claim(&dropped, world.line), claim(&dropped, world.line)], [ids[0], ids[1]]);
        world.taxpayer(0).interaction().send(SendMessage::new(ids[0], "在吗")).wait().unwrap();
        world.clock.advance(limits::PRESENCE_LEASE + limits::OFFICER_GRACE - std::time::Duration::from_micros(1));
        assert_eq!(world.core.return_held().unwrap(), 0, "{engine:?}: not before the grace is over");
        world.clock.advance(std::time::Duration::from_micros(1));
        assert_eq!(world.core.return_held().unwrap(), 2, "{engine:?}");
        assert_eq!(world.core.return_held().unwrap(), 0, "{engine:?}: once");
        assert_eq!(state(&world, 0, ids[0]), ConversationState::Waiting, "{engine:?}");
        assert!(dropped.interaction().conversation(ids[0]).is_ok(), "{engine:?}: a line of theirs still");
        assert!(dropped.interaction().messages(ids[0], 0, 10).is_err(), "{engine:?}: but not theirs any more");
        // Where many hosts serve, what is kept in memory follows the rows a moment later.
        let ahead = |_: &_| [0, 1, 2, 3].map(|n| world.taxpayer(n).interaction().position(ids[n]).unwrap().ahead);
        let as_they_came = [Some(0), Some(1), Some(2), Some(3)];
        assert_eq!(settle(&world.core, ahead, |ahead| *ahead == as_they_came), as_they_came, "{engine:?}");
        let other = world.officer(1);
        assert_eq!([claim(&other, world.line), claim(&other, world.line)], [ids[0], ids[1]], "{engine:?}: those who came first");
        let read = other.interaction().messages(ids[0], 0, 10).unwrap();
        assert_eq!(read[0].text, "在吗", "{engine:?}: nothing is lost");
        assert_eq!(world.recount(), Vec::<String>::new(), "{engine:?}");
    }
}

#[test]
fn an_officer_who_shows_that_they_are_there_keeps_what_they_hold() {
    for engine in ENGINES {
        let world = World::new(engine);
        let id = entered(&world, 0);
        claim(&world.officer(0), world.line);
        for _ in 0..10 {
            world.clock.advance(limits::PRESENCE_LEASE);
            world.officer(0).interaction().be_present().wait().unwrap();
            assert_eq!(world.core.return_held().unwrap(), 0, "{engine:?}");
        }
        assert_eq!(state(&world, 0, id), ConversationState::Active, "{engine:?}");
        // Whoever comes back in time loses nothing; whoever holds nothing leaves nothing behind.
        world.officer(1).interaction().be_present().wait().unwrap();
        world.clock.advance(limits::PRESENCE_LEASE + limits::OFFICER_GRACE);
        world.officer(0).interaction().be_present().wait().unwrap();
        assert_eq!(world.core.return_held().unwrap(), 0, "{engine:?}");
        assert_eq!(state(&world, 0, id), ConversationState::Active, "{engine:?}");
    }
}

#[test]
fn what_was_held_through_a_host_that_died_goes_back_by_another() {
    for engine in ENGINES {
        let world = World::new(engine);
        let id = entered(&world, 0);
        claim(&world.officer(0), world.line);
        let World { core, keep, line, officers, .. } = world;
        // In memory there is nothing that could outlive a host.
        let store = if engine == Engine::Memory {
            core.store().clone()
        } else {
            drop(core);
            keep.open()
        };
        let (again, clock) = core_over(store, 8);
        clock.advance(limits::PRESENCE_LEASE + limits::OFFICER_GRACE);
        assert_eq!(again.return_held().unwrap(), 1, "{engine:?}");
        let other = again.as_actor(again.officer(officers[1]).unwrap());
        // What it learns of by following the journal, it knows a moment later.
        let claimed = |_: &Core| other.interaction().claim(Claim { line }).wait().map(|claimed| claimed.conversation);
        assert_eq!(settle(&again, claimed, Result::is_ok), Ok(id), "{engine:?}: it waits in its line again");
    }
}

/// docs/security/peer-failures.md P-18, Chatwoot #10583: capacity 3, four chats, one closes: the fourth is assigned before a fifth.
#[test]
fn capacity_that_frees_is_filled_oldest_first() {
    for engine in ENGINES {
        let world = World::new(engine);
        let ids: Vec<ConversationId> = (0..4).map(|n| entered(&world, n)).collect();
        let officer = world.officer(0);
        for id in &ids[..3] {
            assert_eq!(claim(&officer, world.line), *id);
        }
        let fifth = entered(&world, 4);
        assert_eq!(refused(officer.interaction().claim(Claim { line: world.line }).wait()), Refusal::AtCapacity(3), "{engine:?}");
        officer.interaction().close(Close { conversation: ids[1], outcome: Outcome::Resolved, note: None }).wait().unwrap();
        assert_eq!(claim(&officer, world.line), ids[3], "{engine:?}");
        assert_eq!(state(&world, 4, fifth), ConversationState::Waiting, "{engine:?}");
    }
}

#[test]
fn a_conversation_is_transferred_to_a_colleague_who_is_there_and_has_room() {
    for engine in ENGINES {
        let world = World::new(engine);
        let id = entered(&world, 0);
        claim(&world.officer(0), world.line);
        let to = |officer| transfer(&world.officer(0), id, TransferTo::Officer(officer));
        assert_eq!(refused(to(world.officers[1])), Refusal::OfficerAway, "{engine:?}");
        // Whoever holds it learns of nobody else whether they are there: themselves, of elsewhere, without the post, nobody at all.
        let nobody = OfficerId::from_uuid(uuid::Uuid::nil());
        let unknown = Error::invalid("to.officer", Problem::Unknown("officer"));
        for wrong in [world.officers[0], world.stranger, world.supervisor, world.idle_hand, nobody] {
            assert_eq!(to(wrong).unwrap_err(), unknown, "{engine:?}: nobody to whom it could go");
        }
        let others: Vec<ConversationId> = (1..4).map(|n| entered(&world, n)).collect();
        for id in &others {
            assert_eq!(claim(&world.officer(1), world.line), *id);
        }
        assert_eq!(refused(to(world.officers[1])), Refusal::OfficerFull, "{engine:?}");
        world.officer(1).interaction().close(Close { conversation: others[0], outcome: Outcome::Resolved, note: None }).wait().unwrap();
        let session = world.officer(0).with_key("t").unwrap();
        let done = transfer(&session, id, TransferTo::Officer(world.officers[1])).unwrap();
        assert_eq!(done.officer, Some(world.officers[1]), "{engine:?}");
        assert_eq!(transfer(&session, id, TransferTo::Officer(world.officers[1])).unwrap(), done, "{engine:?}: a repeat is answered alike");
        assert!(matches!(to(world.officers[1]), Err(Error::NotFound { .. })), "{engine:?}: it is theirs no more");
        let seen = world.officer(1).interaction().conversation(id).unwrap();
        assert_eq!((seen.state, seen.transfer_note.as_deref()), (ConversationState::Active, Some("已核对发票，请续办退税")), "{engine:?}");
        assert_eq!(world.taxpayer(0).interaction().conversation(id).unwrap().transfer_note, None, "{engine:?}: not for the taxpayer");
        world.officer(1).interaction().send(SendMessage::new(id, "您好")).wait().unwrap();
        assert!(world.officer(0).interaction().send(SendMessage::new(id, "您好")).wait().is_err());
        let mine = world.officer(1).interaction().mine(Page { after: None, limit: 10 }).unwrap();
        assert!(mine.iter().any(|c| c.id == id), "{engine:?}");
    }
}

#[test]
fn a_conversation_is_transferred_to_another_line_and_goes_before_those_who_were_not_served_yet() {
    for engine in ENGINES {
        let world = World::new(engine);
        let open = |at: &str, settings: LineSettings| {
            let cmd = OpenLine { authority: code(at), settings, external_id: None };
            world.core.as_system().interaction().open_line(cmd).wait().unwrap().line
        };
        let other = open(KUANCHENG, LineSettings::new("综合咨询"));
        let zone = open(KUANCHENG, LineSettings { kind: LineKind::LargeEnterprise, ..LineSettings::new("大企业专区") });
        let shut = open(KUANCHENG, LineSettings { open: false, ..LineSettings::new("停用") });
        let before = world.taxpayer(1).interaction().enter(Enter::new(other, "问")).wait().unwrap().conversation;
        let id = entered(&world, 0);
        claim(&world.officer(0), world.line);
        let by = world.officer(0);
        assert_eq!(
            refused(transfer(&by, id, TransferTo::Line(zone))),
            Refusal::NotForThem(zhengna_core::identity::Roster::LargeEnterprise),
            "{engine:?}: said to the officer, not to the taxpayer"
        );
        assert_eq!(refused(transfer(&by, id, TransferTo::Line(shut))), Refusal::LineTakesNobody, "{engine:?}");
        world.taxpayer(0).interaction().enter(Enter::new(other, "问")).wait().unwrap();
        assert_eq!(refused(transfer(&by, id, TransferTo::Line(other))), Refusal::TheyAreInLine, "{engine:?}: and not which conversation");
        let mine = world.taxpayer(0).interaction().mine(Page { after: None, limit: 10 }).unwrap();
        let there = mine.iter().find(|c| c.line == other).unwrap().id;
        world.taxpayer(0).interaction().leave(Leave { conversation: there }).wait().unwrap();
        let nowhere: AuthorityCode = code(JILIN_CITY);
        assert!(matches!(transfer(&by, id, TransferTo::Authority(nowhere)), Err(Error::Invalid { .. })), "{engine:?}: it has no line");
        assert!(matches!(transfer(&by, id, TransferTo::Line(LineId::from_uuid(uuid::Uuid::nil()))), Err(Error::Invalid { .. })));
        let done = transfer(&by, id, TransferTo::Authority(code(KUANCHENG))).unwrap();
        assert_eq!((done.line, done.officer), (other, None), "{engine:?}");
        assert!(by.interaction().conversation(id).is_err(), "{engine:?}: it belongs to another authority now");
        let position = world.taxpayer(0).interaction().position(id).unwrap();
        assert_eq!(position.ahead, Some(0), "{engine:?}: they have waited once");
        let stranger = world.session_of(world.stranger);
        assert_eq!([claim(&stranger, other), claim(&stranger, other)], [id, before], "{engine:?}");
        assert_eq!(world.recount(), Vec::<String>::new(), "{engine:?}");
        assert_eq!(world.seal().finding, None, "{engine:?}");
    }
}

#[test]
fn the_note_of_a_transfer_is_for_whoever_has_it_then_and_numbers_of_somebody_in_it_are_warned_of() {
    for engine in ENGINES {
        let world = World::new(engine);
        let id = entered(&world, 0);
        claim(&world.officer(0), world.line);
        world.officer(1).interaction().be_present().wait().unwrap();
        let supervisor = world.session_of(world.supervisor);
        let note = |session: &Session| session.interaction().conversation(id).unwrap().transfer_note;
        let listed = || {
            supervisor.interaction().conversations(Page { after: None, limit: 5 }, Wanted::default()).unwrap().items.remove(0).transfer_note
        };
        let to = TransferTo::Officer(world.officers[1]);
        let cmd = Transfer::new(id, to, "电话 138 0000 1234");
        let warned = world.officer(0).interaction().transfer(cmd.clone()).wait();
        assert!(matches!(refused(warned), Refusal::PersonalData(_)), "{engine:?}");
        world.officer(0).interaction().transfer(Transfer { confirmed: true, ..cmd }).wait().unwrap();
        assert_eq!(note(&world.officer(1)).as_deref(), Some("电话 138 0000 1234"), "{engine:?}");
        assert_eq!(listed().as_deref(), Some("电话 138****1234"), "{engine:?}: masked for whoever supervises");
        assert_eq!(note(&world.officer(0)), None, "{engine:?}: who serves the line and has it no more");
        transfer(&world.officer(1), id, TransferTo::Line(world.line)).unwrap();
        assert_eq!((note(&world.officer(1)), listed().is_some()), (None, true), "{engine:?}: nobody has it");
        world.seal();
        let trail = world.session_of(world.auditor).audit().read(AuditAsked::behind(0, limits::PAGE_ROWS_MAX)).wait().unwrap().items;
        let transfers: Vec<String> = trail.into_iter().filter(|e| e.operation == "interaction.transfer").map(|e| e.subject).collect();
        let both = [format!("conversation/{id} to officer/{}", world.officers[1]), format!("conversation/{id} to line/{}", world.line)];
        assert_eq!(transfers, both, "{engine:?}");
    }
}

#[test]
fn somebody_who_left_is_nobody_to_transfer_to() {
    let world = World::new(zhengna_tests::world::Engine::Memory);
    let id = entered(&world, 0);
    claim(&world.officer(0), world.line);
    let colleague = world.appoint("22010888", NANGUAN, &[Permission::ServeTaxpayers]);
    world.session_of(colleague).interaction().be_present().wait().unwrap();
    let leave = zhengna_core::access::RecordLeave { officer: colleague, left_at: None };
    world.session_of(world.administrator).access().record_leave(leave).wait().unwrap();
    assert!(matches!(transfer(&world.officer(0), id, TransferTo::Officer(colleague)), Err(Error::Invalid { .. })));
}
