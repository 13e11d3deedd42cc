//! The wall of whoever supervises, through the core, on every engine.

use std::time::Duration;

use zhengna_core::interaction::{Availability, Claim, Enter, LineSettings, LongWait, LongWaitReason, OpenLine, SendMessage, Wall};
use zhengna_core::{Error, Session, limits};
use zhengna_tests::world::{ENGINES, Engine, KUANCHENG, Keep, NANGUAN, World, code, core_over, settle};

const PROMISE_S: i64 = 30;

fn seconds(s: i64) -> Duration {
    Duration::from_secs(s.unsigned_abs())
}

fn reasons(wall: &Wall) -> Vec<LongWaitReason> {
    wall.long_waits.iter().map(|long_wait| long_wait.why).collect()
}

/// The wall, once it shows as much: on PostgreSQL who waits and what is held are a moment behind.
fn shows(world: &World, boss: &Session, enough: impl Fn(&Wall) -> bool) -> Wall {
    settle(&world.core, |_| boss.interaction().wall().unwrap(), enough)
}

#[test]
fn whoever_waits_too_long_stands_on_the_wall_until_they_are_answered() {
    for engine in ENGINES {
        let world = World::new(engine);
        let settings = LineSettings { promise_s: Some(PROMISE_S), ..LineSettings::new("快速专线") };
        let cmd = OpenLine { authority: code(NANGUAN), settings, external_id: None };
        let line = world.core.as_system().interaction().open_line(cmd).wait().unwrap().line;
        let boss = world.session_of(world.supervisor);
        let wall = || boss.interaction().wall().unwrap();

        let id = world.taxpayer(0).interaction().enter(Enter::new(line, "发票")).wait().unwrap().conversation;
        let entered = world.taxpayer(0).interaction().conversation(id).unwrap().entered_at;
        world.clock.advance(seconds(PROMISE_S - 1));
        assert_eq!(reasons(&wall()), [], "{engine:?}: within the promise");
        world.clock.advance(seconds(1));
        let waits = wall();
        assert_eq!(reasons(&waits), [LongWaitReason::PromiseBroken], "{engine:?}");
        assert_eq!((waits.long_waits[0].conversation.id, waits.long_waits[0].since), (id, entered), "{engine:?}");
        assert_eq!(waits.waits_since, Some(entered), "{engine:?}");
        let now = shows(&world, &boss, |wall| wall.lines.iter().any(|l| l.waiting == 1));
        let now = now.lines.into_iter().find(|l| l.line == line).unwrap();
        assert_eq!((now.waits_since, now.deserted, now.officers), (Some(entered), true, 0), "{engine:?}: nobody is there");

        // Taken, and still not a word: they wait since they entered.
        world.officer(0).interaction().claim(Claim { line }).wait().unwrap();
        let taken: Vec<LongWait> = wall().long_waits;
        assert_eq!((taken[0].why, taken[0].since), (LongWaitReason::PromiseBroken, entered), "{engine:?}");
        assert_eq!(taken[0].officer_name.as_deref(), Some("坐席0"), "{engine:?}");
        let say = |session: &Session, text| session.interaction().send(SendMessage::new(id, text)).wait().unwrap();
        say(&world.officer(0), "您好");
        assert_eq!(reasons(&wall()), [], "{engine:?}: they were answered");

        say(&world.taxpayer(0), "在哪里领");
        world.clock.advance(seconds(limits::UNANSWERED_S));
        assert_eq!(reasons(&wall()), [LongWaitReason::Unanswered], "{engine:?}");
        world.clock.advance(seconds(limits::ESCALATE_S));
        assert_eq!(reasons(&wall()), [LongWaitReason::Escalated], "{engine:?}");
        say(&world.officer(0), "在首页");
        assert_eq!((reasons(&wall()), wall().long_waits_total), (vec![], 0), "{engine:?}");
    }
}

#[test]
fn the_longest_wait_stands_first() {
    for engine in ENGINES {
        let world = World::new(engine);
        let settings = LineSettings { promise_s: Some(PROMISE_S), ..LineSettings::new("快速专线") };
        let cmd = OpenLine { authority: code(NANGUAN), settings, external_id: None };
        let line = world.core.as_system().interaction().open_line(cmd).wait().unwrap().line;
        let owed = world.entered(0).conversation;
        world.officer(0).interaction().claim(Claim { line: world.line }).wait().unwrap();
        let enter = |n: usize| world.taxpayer(n).interaction().enter(Enter::new(line, "退税")).wait().unwrap().conversation;
        let mut waiting = Vec::new();
        for n in 1..4 {
            world.clock.advance(Duration::from_secs(10));
            waiting.push(enter(n));
        }
        world.clock.advance(seconds(limits::UNANSWERED_S));
        let wall = world.session_of(world.supervisor).interaction().wall().unwrap();
        let order: Vec<_> = wall.long_waits.iter().map(|long_wait| long_wait.conversation.id).collect();
        assert_eq!(order, [vec![owed], waiting].concat(), "{engine:?}");
        assert_eq!((wall.long_waits_total, wall.whole), (4, true), "{engine:?}");
    }
}

/// A line in which more wait than are looked at says so, and hides no other line.
#[test]
fn a_crowded_line_hides_no_other_line_from_the_wall() {
    let keep = Keep::fresh(Engine::Memory);
    let (core, clock) = core_over(keep.open(), 7);
    let crowd = limits::WALL_PER_LINE_MAX as usize;
    let world = World::furnish(core, clock, keep, 1, crowd + 2).unwrap();
    let wall = || world.session_of(world.supervisor).interaction().wall().unwrap();
    let settings = LineSettings { promise_s: Some(PROMISE_S), ..LineSettings::new("快速专线") };
    let cmd = OpenLine { authority: code(NANGUAN), settings, external_id: None };
    let promised = world.core.as_system().interaction().open_line(cmd).wait().unwrap().line;
    let first = world.taxpayer(crowd + 1).interaction().enter(Enter::new(promised, "退税")).wait().unwrap().conversation;
    for n in 0..crowd {
        world.entered(n);
    }
    world.clock.advance(seconds(PROMISE_S));
    assert!(wall().whole);
    world.entered(crowd);
    let told = wall();
    assert!(!told.whole, "one more than is looked at");
    assert_eq!(told.long_waits.iter().map(|w| w.conversation.id).collect::<Vec<_>>(), [first]);
    assert_eq!(told.lines.iter().map(|l| l.waiting).max(), Some(crowd as u32 + 1), "how many wait is told all the same");
}

#[test]
fn the_wall_shows_who_is_there_and_how_many_places_are_free() {
    for engine in ENGINES {
        let world = World::new(engine);
        let boss = world.session_of(world.supervisor);
        let there = |officer: usize, takes_offers| {
            let availability = Availability { takes_offers, shift_ends: None };
            world.officer(officer).interaction().be_available(availability).wait().unwrap();
        };
        there(0, true);
        there(1, false);
        world.entered(0);
        world.officer(0).interaction().claim(Claim { line: world.line }).wait().unwrap();
        world.entered(1);
        world.officer(2).interaction().claim(Claim { line: world.line }).wait().unwrap();
        let wall = shows(&world, &boss, |wall| {
            wall.officers.iter().filter(|o| o.there).count() == 2 && wall.officers.iter().map(|o| o.held).sum::<u32>() == 2
        });
        let now: Vec<_> = wall.officers.iter().map(|o| (o.name.as_str(), o.there, o.takes_offers, o.held, o.capacity)).collect();
        let expected = [("坐席0", true, true, 1, 3), ("坐席1", true, false, 0, 3), ("坐席2", false, false, 1, 3)];
        assert_eq!(now, expected, "{engine:?}: who holds something is shown, there or not");
        let line = wall.lines.iter().find(|l| l.line == world.line).unwrap();
        assert_eq!((line.officers, line.places, line.free, line.active, line.deserted), (2, 6, 5, 2, false), "{engine:?}");

        world.clock.advance(limits::PRESENCE_LEASE);
        let wall = boss.interaction().wall().unwrap();
        assert_eq!(wall.officers.iter().filter(|o| o.there).count(), 0, "{engine:?}: nobody said that they are there");
    }
}

#[test]
fn nobody_sees_on_the_wall_what_is_not_theirs_to_supervise() {
    for engine in ENGINES {
        let world = World::new(engine);
        world.entered(0);
        world.officer(0).interaction().claim(Claim { line: world.line }).wait().unwrap();
        world.clock.advance(seconds(limits::UNANSWERED_S));
        let elsewhere = world.session_of(world.appoint("22010801", KUANCHENG, &[zhengna_core::access::Permission::SuperviseInteraction]));
        let wall = elsewhere.interaction().wall().unwrap();
        assert_eq!((wall.long_waits.len(), wall.lines.len(), wall.officers.len()), (0, 0, 0), "{engine:?}");
        assert!(matches!(world.officer(0).interaction().wall(), Err(Error::Denied { .. })), "{engine:?}");
        assert!(matches!(world.taxpayer(0).interaction().wall(), Err(Error::Denied { .. })), "{engine:?}");
        assert_eq!(world.session_of(world.supervisor).interaction().wall().unwrap().long_waits.len(), 1, "{engine:?}");
    }
}
