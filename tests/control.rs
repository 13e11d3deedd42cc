//! Built-in control through the core: its timer, on every engine, and the edges of its limits. What each rule finds, and who reviews
//! it, is in hosts/server/tests/control.rs.

use std::time::Duration;

use uuid::Uuid;
use zhengna_core::access::{AccessChange, Actor, Permission};
use zhengna_core::control::{AlertState, ReviewAlert, SetControlRule, Verdict, Watch};
use zhengna_core::error::Problem;
use zhengna_core::id::{ConversationId, OfficerId, TaxpayerId};
use zhengna_core::interaction::{Claim, ExportFormat, ExportReviewed, MarkRead, SendMessage, Transfer, TransferTo};
use zhengna_core::store::Page;
use zhengna_core::{Error, Session, limits};
use zhengna_tests::approval::decree;
use zhengna_tests::faults::lines;
use zhengna_tests::world::{ENGINES, Engine, PROVINCE, World, core_over};

/// Refused so often that screening finds it.
const OFTEN: usize = 20;
const FIRST: Page = Page { after: None, limit: limits::PAGE_ROWS_MAX };

/// Somebody is refused, so many times.
fn refused(session: &Session, times: usize) {
    (0..times).for_each(|_| drop(session.control().rules().unwrap_err()));
}

/// What was refused stands in the sealed trail.
fn written_down(world: &World) {
    while world.core.write_down_denials(true).unwrap() > 0 {}
    world.seal();
}

/// At the top: what is about somebody who is not known is for them.
fn reviewer(world: &World) -> Session {
    world.session_of(world.appoint("22019001", PROVINCE, &[Permission::ReviewControl]))
}

/// Whom alerts are about, newest first.
fn found(reviewer: &Session) -> Vec<String> {
    reviewer.control().alerts(None, FIRST).unwrap().items.into_iter().map(|alert| alert.actor).collect()
}

#[test]
fn the_timer_screens_what_was_sealed_since_the_last_time_and_two_hosts_find_it_once() {
    for engine in ENGINES {
        let world = World::new(engine);
        let (core, reviewer) = (&world.core, reviewer(&world));
        let named = |who: &[OfficerId]| who.iter().map(|id| format!("officer/{id}")).collect::<Vec<_>>();
        let due = || core.run_due(10).unwrap();
        refused(&world.officer(0), OFTEN);
        refused(&world.officer(1), OFTEN - 1);
        written_down(&world);
        core.ensure_timers().unwrap();
        assert_eq!(due(), 2, "{engine:?}: this one, and the one that forgets");
        assert_eq!(found(&reviewer), named(&world.officers[..1]), "{engine:?}");
        // One more within the window, but not before the timer is due again.
        world.clock.advance(limits::SCREEN_EVERY - Duration::from_secs(1));
        refused(&world.officer(1), 1);
        written_down(&world);
        assert_eq!((due(), found(&reviewer).len()), (0, 1), "{engine:?}: not yet");
        world.clock.advance(Duration::from_secs(1));
        assert_eq!(due(), 1, "{engine:?}");
        assert_eq!(found(&reviewer), named(&[world.officers[1], world.officers[0]]), "{engine:?}");
        // Another host, which has nothing in memory, reads again what belongs to it and finds nothing twice.
        let (other, clock) = core_over(core.store().clone(), 9);
        clock.set(core.now().plus(limits::SCREEN_EVERY));
        assert_eq!((other.run_due(10).unwrap(), found(&reviewer).len()), (1, 2), "{engine:?}");
    }
}

/// Whoever guesses at conversations is found, also by what leaves no record of its own.
#[test]
fn guessing_counts_whatever_it_is_tried_with() {
    for engine in ENGINES {
        let world = World::new(engine);
        let (reviewer, officer) = (reviewer(&world), world.officer(0));
        let own = world.entered(0).conversation;
        officer.interaction().claim(Claim { line: world.line }).wait().unwrap();
        for n in 0..OFTEN {
            let conversation = ConversationId::from_uuid(Uuid::from_u128(n as u128));
            let somebody = OfficerId::from_uuid(Uuid::from_u128(n as u128));
            let refused = match n % 3 {
                // Named in a field, an id is guessed as well.
                0 => officer.interaction().transfer(Transfer::new(own, TransferTo::Officer(somebody), "请接手")).wait().map(drop),
                1 => officer.interaction().mark_read(vec![MarkRead { conversation, number: 1 }]).wait().map(drop),
                _ => officer.interaction().typing(conversation),
            };
            let unknown = matches!(refused, Err(Error::NotFound { .. } | Error::Invalid { problem: Problem::Unknown(_), .. }));
            assert!(unknown, "{engine:?}: {refused:?}");
            let given = world.session_of(world.administrator).access().give_password(somebody, "Gei-Ni-Yong-2026");
            assert!(matches!(given, Err(Error::NotFound { .. })), "{engine:?}: {given:?}");
        }
        written_down(&world);
        world.core.ensure_timers().unwrap();
        while world.core.run_due(10).unwrap() > 0 {}
        let (mut found, mut guessed) = (found(&reviewer), [world.officers[0], world.administrator].map(|who| format!("officer/{who}")));
        found.sort();
        guessed.sort();
        assert_eq!(found, guessed, "{engine:?}");
    }
}

/// What is taken away of others' conversations counts by its messages.
#[test]
fn a_transcript_taken_away_counts_as_many_as_it_has_messages() {
    let world = World::new(Engine::Memory);
    let (officer, supervisor) = (world.officer(0), world.session_of(world.supervisor));
    let taken = |conversation| {
        let cmd = ExportReviewed { conversation, format: ExportFormat::Text, reason: "质检".into() };
        supervisor.interaction().export_reviewed(cmd).wait().unwrap();
        let records = lines(&**world.core.store()).into_iter().filter(|line| line.contains("\"interaction.export_reviewed\""));
        // How many is the last column.
        let digit = |c: char| c.is_ascii_digit();
        let rows = |line: String| line.trim_end_matches(|c| !digit(c)).rsplit(|c| !digit(c)).next().map(str::to_owned);
        records.filter_map(rows).collect::<Vec<_>>()
    };
    let talk = world.entered(0).conversation;
    officer.interaction().claim(Claim { line: world.line }).wait().unwrap();
    assert_eq!(taken(talk), ["1"], "nothing was written, and it was looked at all the same");
    for _ in 0..3 {
        officer.interaction().send(SendMessage::new(talk, "您好")).wait().unwrap();
    }
    let mut all = taken(talk);
    all.sort();
    assert_eq!(all, ["1", "3"]);
}

/// `control.screen` leaves a record for each transaction that writes alerts down.
#[test]
fn so_many_findings_are_written_down_at_once_and_one_more_in_another_transaction() {
    for (many, records) in [(limits::FINDINGS_AT_ONCE, 1), (limits::FINDINGS_AT_ONCE + 1, 2)] {
        let world = World::new(Engine::Memory);
        let begin = world.core.now();
        for n in 0..many {
            refused(&world.core.as_actor(taxpayer(n)), OFTEN);
        }
        written_down(&world);
        let done = world.core.screen(begin, begin.plus(limits::SCREEN_EVERY)).unwrap();
        assert_eq!((done.found, done.raised), (many as u64, many as u64));
        let screened = lines(&**world.core.store()).iter().filter(|line| line.contains("\"control.screen\"")).count();
        assert_eq!(screened, records);
    }
}

/// Nobody in particular: whoever is not known is refused like anybody.
fn taxpayer(n: usize) -> Actor {
    Actor::Taxpayer(TaxpayerId::from_uuid(Uuid::from_u128(n as u128)))
}

#[test]
fn a_long_backlog_is_screened_in_several_runs() {
    let world = World::new(Engine::Memory);
    let (core, reviewer) = (&world.core, reviewer(&world));
    let pages = limits::SCREENED_PAGES_MAX * limits::SCREENED_AT_ONCE as usize;
    for some in (0..pages).collect::<Vec<_>>().chunks(limits::DENIED_CALLERS_MAX) {
        some.iter().for_each(|n| refused(&core.as_actor(taxpayer(*n)), 1));
        written_down(&world);
    }
    refused(&world.officer(0), OFTEN);
    written_down(&world);
    core.ensure_timers().unwrap();
    assert_eq!((core.run_due(10).unwrap(), found(&reviewer).len()), (2, 0), "not so far yet");
    assert_eq!((core.run_due(10).unwrap(), found(&reviewer).len()), (1, 1), "due at once, there is more");
    assert_eq!(core.run_due(10).unwrap(), 0);
}

#[test]
fn a_list_of_alerts_in_a_state_looks_at_so_many_and_says_where_it_goes_on() {
    let world = World::new(Engine::Memory);
    let (core, reviewer) = (&world.core, reviewer(&world));
    // Each refusal is an alert.
    let rule =
        SetControlRule {
            rule: Watch::DeniedBurst, threshold: 1, window_minutes: 1, enabled: true, source: "吉税发〔2026〕8号".into()
        };
    decree(&world, AccessChange::ControlRule(rule)).unwrap();
    let begin = core.now();
    let raise = |from: usize, until: usize| {
        (from..until).for_each(|n| refused(&core.as_actor(taxpayer(n)), 1));
        written_down(&world);
        let done = core.screen(begin, core.now().plus(Duration::from_secs(1))).unwrap();
        assert_eq!(done.raised as usize, until - from);
        world.clock.advance(Duration::from_secs(1));
    };
    let in_state = |after| {
        let page = reviewer.control().alerts(Some(AlertState::Dismissed), Page { after, limit: 5 }).unwrap();
        (page.items.into_iter().map(|alert| alert.id).collect::<Vec<_>>(), page.after)
    };
    // The oldest is in that state, behind as many others as are looked at, less one; then behind as many.
    raise(0, 1);
    let oldest = reviewer.control().alerts(None, FIRST).unwrap().items[0].id;
    reviewer.control().review_alert(ReviewAlert { alert: oldest, verdict: Verdict::Dismissed, reason: "误操作".into() }).wait().unwrap();
    let most = limits::ALERTS_SCANNED_MAX as usize;
    raise(1, most);
    assert_eq!(in_state(None).0, [oldest], "the last that is looked at");
    raise(most, most + 1);
    let (none, after) = in_state(None);
    assert!(none.is_empty() && after.is_some(), "{none:?}");
    assert_eq!(in_state(after), (vec![oldest], None));
}
