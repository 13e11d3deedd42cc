//! Who looks after whom, and that what a taxpayer asks is answered by them first.

use std::time::Duration;

use zhengna_core::access::{Actor, RecordLeave};
use zhengna_core::assignment::{Bar, Choice, Policy};
use zhengna_core::error::{Problem, Refusal};
use zhengna_core::grid::{AssignGridOfficer, GridOfficerAssigned};
use zhengna_core::id::{ConversationId, LineId, TaxpayerId};
use zhengna_core::identity::ExportPerson;
use zhengna_core::interaction::{Claim, DeclineOffer, Enter, LineSettings, OpenLine, Routing};
use zhengna_core::{Error, Session, limits};
use zhengna_tests::people::furnished;
use zhengna_tests::world::{ENGINES, NANGUAN, World, code, company, refused, settle};

fn assign(session: &Session, taxpayer: TaxpayerId, staff_no: Option<&str>) -> Result<GridOfficerAssigned, Error> {
    let cmd = AssignGridOfficer { taxpayer, staff_no: staff_no.map(str::to_owned), reason: "网格调整".into() };
    session.grid().assign(cmd).wait()
}

fn line(world: &World, push: bool) -> LineId {
    let settings = LineSettings { routing: Some(Routing { push, ..Routing::default() }), ..LineSettings::new("网格") };
    let open = OpenLine { authority: code(NANGUAN), settings, external_id: None };
    world.core.as_system().interaction().open_line(open).wait().unwrap().line
}

fn enter(session: &Session, line: LineId) -> ConversationId {
    session.interaction().enter(Enter::new(line, "问")).wait().unwrap().conversation
}

fn claim(world: &World, officer: usize, line: LineId) -> Result<ConversationId, Error> {
    world.officer(officer).interaction().claim(Claim { line }).wait().map(|claimed| claimed.conversation)
}

fn present(world: &World, officers: &[usize]) {
    for n in officers {
        world.officer(*n).interaction().be_present().wait().unwrap();
    }
}

#[test]
fn one_officer_at_a_time_looks_after_a_taxpayer_and_it_is_kept_who_did() {
    for engine in ENGINES {
        let world = furnished(engine);
        let one = world.core.as_system().identity().find_by_number(&company(1).number).unwrap().unwrap();
        let boss = world.session_of(world.supervisor);
        assert!(matches!(assign(&world.officer(0), one, None), Err(Error::Denied { .. })), "{engine:?}");
        let nobody = TaxpayerId::from_uuid(world.line.uuid());
        assert!(matches!(assign(&boss, nobody, None), Err(Error::NotFound { .. })), "{engine:?}");
        let unknown = Error::invalid("staff_no", Problem::Unknown("officer"));
        for wrong in ["22010901", "22010903", "99999999", ""] {
            assert_eq!(assign(&boss, one, Some(wrong)).unwrap_err(), unknown, "{engine:?}: {wrong} does not serve there");
        }
        let session = world.session_of(world.supervisor).with_key("g").unwrap();
        let done = assign(&session, one, Some("22010000")).unwrap();
        assert_eq!(assign(&session, one, Some("22010000")).unwrap(), done, "{engine:?}: a repeat is answered alike");
        assign(&boss, one, Some("22010000")).unwrap();
        assign(&boss, one, Some("22010001")).unwrap();
        world.clock.advance(Duration::from_secs(60));
        assign(&boss, one, None).unwrap();
        let kept = world.officer(0).grid().officers(one).unwrap();
        let numbers: Vec<_> = kept.iter().map(|k| k.staff_no.as_deref()).collect();
        assert_eq!(numbers, [Some("22010001"), Some("22010000")], "{engine:?}: the same again is nothing new");
        assert_eq!(kept[1].ends_at, Some(kept[0].starts_at), "{engine:?}: one after the other, without a gap");
        assert_eq!(kept[0].ends_at, Some(world.core.now()), "{engine:?}");
        assert!(matches!(world.officer(0).grid().officers(nobody), Err(Error::NotFound { .. })), "{engine:?}");
        assert_eq!(world.core.as_actor(Actor::Taxpayer(one)).grid().officers(one).unwrap(), kept, "{engine:?}: they may know");
        assert!(world.taxpayer(3).grid().officers(one).is_err(), "{engine:?}: strangers may not");

        assign(&boss, world.taxpayers[0], Some("22010002")).unwrap();
        let export = ExportPerson { person: world.taxpayers[0], reason: "本人申请".into() };
        let given = world.core.as_system().identity().export_person(export, &mut |_| {}).unwrap();
        assert_eq!(given.person.grid_officers[0].staff_no.as_deref(), Some("22010002"), "{engine:?}");
    }
}

#[test]
fn what_a_taxpayer_asks_is_held_a_while_for_whoever_looks_after_them() {
    for engine in ENGINES {
        // Taxpayer 0 acts for company 1, whose grid officer is officer 1.
        let world = furnished(engine);
        let one = world.core.as_system().identity().find_by_number(&company(1).number).unwrap().unwrap();
        assign(&world.session_of(world.supervisor), one, Some("22010001")).unwrap();
        let line = line(&world, false);
        present(&world, &[0, 1]);
        let theirs = enter(&world.taxpayer(0), line);
        let anybodys = enter(&world.taxpayer(3), line);
        assert_eq!(claim(&world, 0, line), Ok(anybodys), "{engine:?}: the first one is held for officer 1, who is there");
        let told = world.session_of(world.supervisor).interaction().assignments(anybodys).unwrap();
        assert!(told[0].replays && told[0].record.decision.reason.overtaken[0].bar == Bar::Held, "{engine:?}: {told:?}");
        assert_eq!(refused(claim(&world, 0, line)), Refusal::NobodyForYou, "{engine:?}");
        assert_eq!(claim(&world, 1, line), Ok(theirs), "{engine:?}");
        let told = world.session_of(world.supervisor).interaction().assignments(theirs).unwrap();
        assert!(told[0].replays, "{engine:?}: {told:?}");

        // Bounded: whoever waits is not made to wait for one person alone.
        let other = self::line(&world, false);
        let waits = enter(&world.taxpayer(0), other);
        assert_eq!(refused(claim(&world, 0, other)), Refusal::NobodyForYou, "{engine:?}");
        world.clock.advance(Duration::from_secs(u64::from(Policy::default().own_wait_s)));
        present(&world, &[0, 1]);
        assert_eq!(claim(&world, 0, other), Ok(waits), "{engine:?}");

        // Nothing is held for one who is not there.
        let third = self::line(&world, false);
        let waits = enter(&world.taxpayer(0), third);
        world.clock.advance(limits::PRESENCE_LEASE + limits::OFFICER_GRACE);
        present(&world, &[0]);
        assert_eq!(claim(&world, 0, third), Ok(waits), "{engine:?}");
    }
}

#[test]
fn a_line_that_offers_asks_whoever_looks_after_the_taxpayer_first() {
    for engine in ENGINES {
        let world = furnished(engine);
        assign(&world.session_of(world.supervisor), world.taxpayers[0], Some("22010002")).unwrap();
        let line = line(&world, true);
        present(&world, &[0, 1, 2]);
        let id = enter(&world.taxpayer(0), line);
        let offer = |made: u64| assert_eq!(settle(&world.core, |core| core.offer_waiting().unwrap(), |n| *n == made), made, "{engine:?}");
        offer(1);
        let offers = |n: usize| world.officer(n).interaction().offers().unwrap().len();
        assert_eq!(settle(&world.core, |_| offers(2), |n| *n == 1), 1, "{engine:?}");
        world.officer(2).interaction().decline_offer(DeclineOffer { conversation: id }).wait().unwrap();
        offer(1);
        assert_eq!(settle(&world.core, |_| offers(0) + offers(1), |n| *n == 1), 1, "{engine:?}: somebody else at once");
        let told = world.session_of(world.supervisor).interaction().assignments(id).unwrap();
        assert!(told[0].record.decision.reason.choice == Choice::Own && told.iter().all(|a| a.replays), "{engine:?}: {told:?}");

        // One who left is there no more, and nothing is held for them.
        let leave = RecordLeave { officer: world.officers[2], left_at: None };
        world.session_of(world.administrator).access().record_leave(leave).wait().unwrap();
        let other = self::line(&world, false);
        let waits = enter(&world.taxpayer(0), other);
        assert_eq!(claim(&world, 0, other), Ok(waits), "{engine:?}");
    }
}
