//! Leases run out and fence off whoever comes back late; what fails too often is set aside; numbers have edges.

use zhengna_core::access::{ActorKind, ActorRef, Credentials};
use zhengna_core::delivery::{DeliveryState, SettleDelivery};
use zhengna_core::error::Refusal;
use zhengna_core::interaction::{Claim, Close, NoEstimate, Outcome};
use zhengna_core::{Error, limits};
use zhengna_tests::world::{ENGINES, Engine, World};

#[test]
fn presence_ends_when_it_is_not_renewed() {
    let world = World::new(Engine::Memory);
    let entered = world.entered(0).conversation;
    let officers = || {
        let position = world.taxpayer(0).interaction().position(entered).unwrap();
        let nobody = || assert_eq!(position.no_estimate, Some(NoEstimate::NobodyThere));
        position.estimate.as_ref().map_or_else(
            || {
                nobody();
                0
            },
            |e| e.officers,
        )
    };
    assert_eq!(officers(), 0);
    world.officer(0).interaction().be_present().wait().unwrap();
    world.officer(1).interaction().be_present().wait().unwrap();
    world.session_of(world.stranger).interaction().be_present().wait().unwrap();
    assert_eq!(officers(), 2, "an officer of another county does not serve this line");
    world.clock.advance(limits::PRESENCE_LEASE / 2);
    world.officer(0).interaction().be_present().wait().unwrap();
    world.clock.advance(limits::PRESENCE_LEASE / 2);
    assert_eq!(officers(), 1);
    world.clock.advance(limits::PRESENCE_LEASE);
    assert_eq!(officers(), 0);
}

#[test]
fn a_delivery_whose_lease_ended_is_another_workers_and_the_late_one_changes_nothing() {
    for engine in ENGINES {
        let world = told(engine);
        let first = world.core.lease_deliveries(10).unwrap().remove(0);
        assert!(world.core.lease_deliveries(10).unwrap().is_empty(), "{engine:?}: leased is leased");
        world.clock.advance(limits::OUTBOX_LEASE);
        let second = world.core.lease_deliveries(10).unwrap().remove(0);
        assert_eq!(first.id, second.id, "the receiver tells repeats apart by the id");
        let settle =
            |token, error: Option<&str>| world.core.settle_delivery(SettleDelivery { id: first.id, token, error: error.map(Into::into) });
        assert_eq!(settle(first.token, None).unwrap_err(), Error::Refused(Refusal::LeaseLost), "{engine:?}");
        assert_eq!(settle(second.token, None).unwrap().state, DeliveryState::Delivered);
        assert_eq!(settle(second.token, None).unwrap_err(), Error::Refused(Refusal::LeaseLost));
    }
}

#[test]
fn a_delivery_that_fails_too_often_is_set_aside() {
    let world = told(Engine::Sqlite);
    for attempt in 1..=limits::OUTBOX_ATTEMPTS_MAX {
        world.clock.advance(limits::OUTBOX_RETRY_MAX);
        let leased = world.core.lease_deliveries(10).unwrap().remove(0);
        let settled = world.core.settle_delivery(SettleDelivery { id: leased.id, token: leased.token, error: Some("503".into()) }).unwrap();
        let expected = if attempt < limits::OUTBOX_ATTEMPTS_MAX { DeliveryState::Pending } else { DeliveryState::Parked };
        assert_eq!(settled.state, expected, "attempt {attempt}");
    }
    world.clock.advance(limits::OUTBOX_RETRY_MAX);
    assert!(world.core.lease_deliveries(10).unwrap().is_empty());
}

#[test]
fn a_delivery_waits_twice_as_long_after_each_failure_up_to_a_limit() {
    let world = told(Engine::Memory);
    let instant = std::time::Duration::from_micros(1);
    let mut wait = limits::OUTBOX_RETRY_FIRST;
    for attempt in 1..limits::OUTBOX_ATTEMPTS_MAX {
        let leased = world.core.lease_deliveries(10).unwrap().remove(0);
        world.core.settle_delivery(SettleDelivery { id: leased.id, token: leased.token, error: Some("503".into()) }).unwrap();
        world.clock.advance(wait - instant);
        assert!(world.core.lease_deliveries(10).unwrap().is_empty(), "attempt {attempt}: too early");
        world.clock.advance(instant);
        wait = (wait * 2).min(limits::OUTBOX_RETRY_MAX);
    }
    assert_eq!(wait, limits::OUTBOX_RETRY_MAX);
    assert_eq!(world.core.lease_deliveries(10).unwrap().len(), 1, "the last attempt");
}

#[test]
fn a_delivery_that_kills_whoever_takes_it_is_set_aside_too() {
    let world = told(Engine::Sqlite);
    for _ in 0..limits::OUTBOX_ATTEMPTS_MAX {
        assert_eq!(world.core.lease_deliveries(10).unwrap().len(), 1);
        world.clock.advance(limits::OUTBOX_LEASE);
    }
    assert!(world.core.lease_deliveries(10).unwrap().is_empty());
}

#[test]
fn a_taxpayer_has_so_many_sessions_and_the_oldest_ends() {
    let world = World::new(Engine::Sqlite);
    let whose = ActorRef { kind: ActorKind::Taxpayer, id: world.taxpayers[0].uuid() };
    world.core.as_system().access().set_password(whose, "devices", "Xiang-Kan-2026").unwrap();
    let typed = Credentials { login: "Devices".into(), password: "Xiang-Kan-2026".into() };
    let tokens: Vec<String> = (0..=limits::TAXPAYER_SESSIONS_MAX)
        .map(|_| {
            world.clock.advance(std::time::Duration::from_secs(1));
            world.core.sign_in(&typed, "test").unwrap().token
        })
        .collect();
    let open: Vec<bool> = tokens.iter().map(|t| world.core.authenticate(t).is_ok()).collect();
    assert!(!open[0] && open[1..].iter().all(|o| *o), "{open:?}");
    world.core.as_system().access().set_password(whose, "devices", "Lai-Ri-Zhi-2027").unwrap();
    assert!(tokens.iter().all(|t| world.core.authenticate(t).is_err()), "a new password ends every session");
}

/// A world with one thing to tell the outside.
fn told(engine: Engine) -> World {
    let world = World::new(engine);
    let conversation = world.entered(0).conversation;
    world.officer(0).interaction().claim(Claim { line: world.line }).wait().unwrap();
    world.officer(0).interaction().close(Close { conversation, outcome: Outcome::Resolved, note: None }).wait().unwrap();
    world
}
