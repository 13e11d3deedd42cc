//! What hosts do for the core besides serving: timers that always run, reading beside a writer.

use std::time::Duration;

use zhengna_core::access::{Credentials, PortalTickets, Proof, Provider};
use zhengna_core::core::PROJECTIONS;
use zhengna_core::error::Refusal;
use zhengna_core::identity::{NewTaxpayer, TaxpayerKind};
use zhengna_core::interaction::{Leave, OpenLine};
use zhengna_core::store::fault::{Fault, Repeat};
use zhengna_core::store::sqlite::SqliteStore;
use zhengna_core::store::{StoreExt, dump};
use zhengna_core::{Error, limits, synthetic};
use zhengna_tests::faults::{Rows, Stage};
use zhengna_tests::provider::Believes;
use zhengna_tests::stand_in::portal::{self, AUDIENCE, ISSUER, Portal};
use zhengna_tests::world::{ENGINES, Engine, NANGUAN, World, code, core_over, person};

#[test]
fn keys_are_forgotten_by_one_timer_however_many_hosts_start() {
    for engine in ENGINES {
        let world = World::new(engine);
        for _ in 0..3 {
            world.core.ensure_timers().unwrap();
        }
        let open = || {
            let cmd = OpenLine::new("发票", code(NANGUAN));
            world.core.as_system().with_key("k").unwrap().interaction().open_line(cmd).wait().unwrap().line
        };
        let first = open();
        assert_eq!(world.core.run_due(10).unwrap(), 2, "{engine:?}: three hosts, and each standing timer once: this one, and screening");
        assert_eq!(world.core.run_due(10).unwrap(), 0, "{engine:?}: not due again at once");
        assert_eq!(open(), first, "{engine:?}: still remembered");

        world.clock.advance(limits::IDEMPOTENCY_RETENTION - Duration::from_secs(1));
        assert_eq!(world.core.run_due(10).unwrap(), 2, "{engine:?}");
        assert_eq!(open(), first, "{engine:?}: remembered to the end of the retention");

        world.clock.advance(limits::IDEMPOTENCY_RETENTION + Duration::from_secs(2));
        world.core.ensure_timers().unwrap();
        assert_eq!(world.core.run_due(10).unwrap(), 2, "{engine:?}");
        assert_ne!(open(), first, "{engine:?}: forgotten");
        assert_eq!(world.core.run_due(10).unwrap(), 0, "{engine:?}");
        world.clock.advance(limits::FORGET_KEYS_EVERY);
        assert_eq!(world.core.run_due(10).unwrap(), 2, "{engine:?}: it always runs");
    }
}

/// A login that nobody has is remembered for as long as it must answer as known ones do.
#[test]
fn logins_that_nobody_has_are_forgotten_by_the_timer() {
    for engine in ENGINES {
        let world = World::new(engine);
        let kept = || Rows::of(&**world.core.store()).counts().get("strange_login").copied().unwrap_or(0);
        let typed = Credentials { login: "nobody-here".into(), password: "Xiang-Kan-2027".into() };
        for _ in 0..2 {
            world.core.sign_in(&typed, "-").map(drop).unwrap_err();
        }
        world.core.ensure_timers().unwrap();
        for (later, rows) in [(Duration::ZERO, 1), (limits::SIGN_IN_FAILURES_KEPT, 1), (limits::FORGET_KEYS_EVERY, 0)] {
            world.clock.advance(later);
            while world.core.run_due(10).unwrap() > 0 {}
            assert_eq!(kept(), rows, "{engine:?}: {later:?} later");
        }
    }
}

/// Proofs and tickets whose time is over go with the same timer, a page of each at a time; nobody who signs in does it.
#[test]
fn proofs_and_tickets_whose_time_is_over_are_forgotten_by_the_timer_a_page_at_a_time() {
    for engine in ENGINES {
        let world = World::new(engine);
        let now = || {
            let counts = Rows::of(&**world.core.store()).counts();
            ["link_ticket", "socket_ticket", "used_proof"].map(|table| counts.get(table).copied().unwrap_or(0) as usize)
        };
        let before = now();
        let (key, page) = (Portal::of(7), limits::PAGE_ROWS_MAX as usize);
        let portal = PortalTickets::new(ISSUER, AUDIENCE, &key.public_key()).unwrap();
        let mut token = String::new();
        for n in 0..=page {
            let proof = |proof: String| Proof { proof, link: None };
            let refused = world.core.sign_in_with(&Believes(Provider::MiniProgram), &proof(format!("open{n}")), "-").err().unwrap();
            assert!(matches!(refused, Error::Refused(Refusal::NotLinked(_))), "{engine:?}: {refused:?}");
            let ticket = key.ticket(&portal::claims(0, &n.to_string(), world.core.now()));
            token = world.core.sign_in_with(&portal, &proof(ticket), "-").unwrap().token;
        }
        let caller = world.core.authenticate(&token).unwrap();
        world.core.as_actor(caller.actor.clone()).access().issue_ticket(&caller).wait().unwrap();
        let held = |[link, socket, used]: [usize; 3]| [before[0] + link, before[1] + socket, before[2] + used];
        world.core.ensure_timers().unwrap();
        assert_eq!(world.core.run_due(10).unwrap(), 2, "{engine:?}: this one, and screening");
        assert_eq!(now(), held([page + 1, 1, page + 1]), "{engine:?}: nobody's time is over");
        world.clock.advance(limits::FORGET_KEYS_EVERY);
        assert_eq!(world.core.run_due(10).unwrap(), 2, "{engine:?}");
        assert_eq!(now(), held([1, 0, 1]), "{engine:?}: a page of each");
        assert_eq!(world.core.run_due(10).unwrap(), 1, "{engine:?}: due at once, there are more");
        assert_eq!(now(), held([0, 0, 0]), "{engine:?}");
        assert_eq!(world.core.run_due(10).unwrap(), 0, "{engine:?}");
    }
}

#[test]
fn a_key_is_one_callers_and_one_operations() {
    let world = World::new(Engine::Memory);
    let enter = |n: usize, key: &str| world.taxpayer(n).with_key(key).unwrap().interaction().enter(world.enter()).wait();
    let first = enter(0, "k").unwrap().conversation;
    assert_eq!(enter(0, "k").unwrap().conversation, first, "the same key is answered as before");
    assert_ne!(enter(1, "k").unwrap().conversation, first, "somebody else's key is another one");
    assert_ne!(enter(2, "other").unwrap().conversation, first);
    let leave = Leave { conversation: first };
    world.taxpayer(0).with_key("k").unwrap().interaction().leave(leave).wait().expect("and so is that of another operation");
}

#[test]
fn a_timer_that_fails_too_often_is_set_aside_until_a_host_starts() {
    let Stage { world, faults } = Stage::new(Engine::Memory);
    let core = &world.core;
    core.ensure_timers().unwrap();
    let run_with_fault = |at| {
        faults.arm(Fault::Before, at, Repeat::Sticky);
        let ran = core.run_due(2);
        assert!(faults.disarm().struck);
        ran
    };
    // The first place at which the lease is committed and the work is not: attempt 1.
    let behind_the_lease = (1..).find(|&at| run_with_fault(at) == Ok(0)).unwrap();
    for _ in 1..limits::TIMER_ATTEMPTS_MAX {
        world.clock.advance(limits::TIMER_LEASE);
        assert_eq!(run_with_fault(behind_the_lease), Ok(0));
    }
    for _ in 0..2 {
        world.clock.advance(limits::TIMER_LEASE);
        assert_eq!(core.run_due(2), Ok(0), "set aside");
    }
    core.ensure_timers().unwrap();
    assert_eq!(core.run_due(2), Ok(2), "a host that starts gives it another chance");
}

#[test]
fn a_checkpoint_is_signed_after_so_many_records_or_so_long_and_never_twice_at_one_place() {
    let world = World::new(Engine::Memory);
    let signed = |now| {
        while world.core.seal_audit().unwrap().more {}
        world.core.checkpoint_audit(now).unwrap().line.is_some()
    };
    let record = || world.core.as_system().interaction().open_line(OpenLine::new("发票", code(NANGUAN))).wait().unwrap();
    assert!(signed(false), "the first one is due at once");
    assert!(!signed(false) && !signed(true), "nothing new to sign");
    record();
    world.clock.advance(limits::CHECKPOINT_EVERY - Duration::from_micros(1));
    assert!(!signed(false), "not due yet");
    world.clock.advance(Duration::from_micros(1));
    assert!(signed(false), "so long");
    for _ in 1..limits::CHECKPOINT_RECORDS {
        record();
    }
    assert!(!signed(false), "not due yet");
    record();
    assert!(signed(false), "so many");
    record();
    assert!(!signed(false) && signed(true), "at a stop it is signed at once");
    let verdict = world.core.verify_audit(world.core.checkpoints_after(0).unwrap(), |_, _| ()).unwrap();
    assert_eq!((verdict.finding, verdict.unsealed, verdict.checkpoints), (None, 0, 4));
}

#[test]
fn sqlite_is_read_beside_the_process_that_writes_it() {
    let world = World::new(Engine::Sqlite);
    let path = world.keep.path().unwrap();
    let beside = SqliteStore::open_read_only(&path, PROJECTIONS).unwrap();
    let rows = dump::dump(&*beside, |_| Ok(())).unwrap();
    let _new = world.core.as_system().interaction().open_line(OpenLine::new("发票", code(NANGUAN))).wait().unwrap();
    assert!(dump::dump(&*beside, |_| Ok(())).unwrap() > rows, "it sees what was committed meanwhile");

    let refused = core_over(beside.clone(), 3).0.as_system().interaction().open_line(OpenLine::new("发票", code(NANGUAN))).wait();
    assert!(refused.unwrap_err().to_string().contains("reading only"));
    assert!(beside.query("still reads", |_| Ok(())).is_ok());

    let missing = path.with_file_name("missing.db");
    assert!(SqliteStore::open_read_only(&missing, PROJECTIONS).is_err());
    assert!(!missing.exists(), "looking creates nothing");
}

#[test]
fn officers_and_posts_are_found_by_the_host_alone() {
    let world = World::new(Engine::Memory);
    let system = world.core.as_system();
    assert_eq!(system.access().find_officer("22010000").unwrap(), Some(world.officers[0]));
    assert_eq!(system.access().find_officer("nobody").unwrap(), None);
    assert!(system.access().find_post("督导").unwrap().is_some());
    assert!(world.officer(0).access().find_officer("22010000").is_err());
    assert!(world.taxpayer(0).access().find_post("督导").is_err());
}

#[test]
fn persons_and_enterprises_are_enrolled_in_one_list_and_again() {
    use rand_core::SeedableRng as _;
    let mut rng = zhengna_core::crypto::Rng::seed_from_u64(1);
    for engine in ENGINES {
        let world = World::new(engine);
        let mut rows = Vec::new();
        for n in 100..104 {
            rows.push(person(n));
            let made = synthetic::enterprise(&mut rng);
            rows.push(NewTaxpayer {
                kind: TaxpayerKind::Enterprise,
                name: made.name,
                number: made.uscc.as_str().into(),
                number_kind: None,
                phone: None,
                ..person(n)
            });
        }
        rows.push(person(100)); // twice in one list
        let identity = world.core.as_system();
        assert_eq!(identity.identity().enrol(&rows, &mut |_| {}).unwrap().changed, 8, "{engine:?}");
        rows.push(person(104));
        assert_eq!(identity.identity().enrol(&rows, &mut |_| {}).unwrap().changed, 1, "{engine:?}");
    }
}
