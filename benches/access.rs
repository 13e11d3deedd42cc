//! What asking who may costs, what cards cost, and how fast the audit trail is verified; SQLite at FULL.
//!
//! Beside each command, read and list the same by whoever may do everything: the host itself, and reads that ask nobody. Beside
//! verification the bare hash chain over records as long.
//!
//! `cargo bench -p zhengna-benches --bench access -- [--quick] [--rounds N]`
#![expect(clippy::disallowed_methods, reason = "benches measure time")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use zhengna_benches::figures::{Plan, Table, Times, head};
use zhengna_benches::place;
use zhengna_core::Session;
use zhengna_core::access::{ActorKind, ActorRef, AddOfficer, Credentials, OfficerAdded};
use zhengna_core::core::PROJECTIONS;
use zhengna_core::crypto::sm3;
use zhengna_core::interaction::{Claim, Wanted};
use zhengna_core::store::sqlite::SqliteStore;
use zhengna_core::store::{Page, Ticket};
use zhengna_tests::world::{Keep, NANGUAN, World, code, core_over, start};

/// A request id as hosts give them.
const REQUEST: &str = "0194f3a2-7c6e-7d3b-9a51-2f0c8e4d6b17";
/// Bytes that are hashed of a record of an officer who adds another: the hash before, the suite, nine lengths, and the fields.
const RECORD_BYTES: usize = 32 + 1 + 9 * 4 + (16 + 8 + 18 + 44 + 44 + 36 + 32 + 8);
/// Cards on a page.
const CARDS: usize = 50;

fn main() {
    let plan = Plan::from_args();
    head("Access", "cargo bench -p zhengna-benches --bench access");
    let mut commands = Table::new("Adding an officer, one caller (durable)", &["us", "p99 us"]);
    let mut reads = Table::new("Reading a conversation, one caller", &["us", "p99 us"]);
    let mut lists = Table::new(format!("A page of {CARDS} conversations, one caller"), &["us", "p99 us"]);
    let mut calls = Table::new("Who holds a token, with posts, their hashes and what is kept apart", &["us", "p99 us"]);
    let mut cards = Table::new(format!("{CARDS} cards, names, numbers and phones opened and masked"), &["ms", "p99 ms"]);
    let mut trail = Table::new("Verifying the trail", &["records/s"]);
    for round in 0..plan.rounds {
        let dir = place::directory();
        let store = SqliteStore::open(&dir.path().join("zhengna.db"), start(), PROJECTIONS).expect("opens");
        let (core, clock) = core_over(store, 7 + round as u64);
        let world = World::furnish(core, clock, Keep::Nothing, 1, CARDS).expect("furnishes");
        let (boss, chief, system) = (world.session_of(world.supervisor), world.session_of(world.administrator), world.core.as_system());
        let staff: usize = plan.choose(300, 3_000);
        // In turn, so that whatever else the machine does meets both.
        let (mut by_chief, mut by_system) = (Vec::new(), Vec::new());
        for n in 0..staff {
            by_chief.push(timed(|| added(&chief, 2 * n).wait().expect("adds")));
            by_system.push(timed(|| added(&system, 2 * n + 1).wait().expect("adds")));
        }
        add(&mut commands, "an officer, by post and reach", Times::of(by_chief), 1e3);
        add(&mut commands, "the host, which may do everything", Times::of(by_system), 1e3);

        let conversation = world.entered(0).conversation;
        let officer = world.officer(0);
        officer.interaction().claim(Claim { line: world.line }).wait().expect("claims");
        let (mut asked, mut unasked) = (Vec::new(), Vec::new());
        for _ in 0..plan.choose(2_000, 20_000) {
            asked.push(timed(|| officer.interaction().conversation(conversation).expect("reads")));
            unasked.push(timed(|| officer.interaction().conversation_of_anybody(conversation).expect("reads")));
        }
        add(&mut reads, "an officer, by assignment", Times::of(asked), 1e3);
        add(&mut reads, "whoever asks", Times::of(unasked), 1e3);

        for n in 1..CARDS {
            world.entered(n);
        }
        let (mut scoped, mut unscoped) = (Vec::new(), Vec::new());
        for _ in 0..plan.choose(200, 2_000) {
            let page = Page { after: None, limit: CARDS as u32 };
            scoped.push(timed(|| boss.interaction().conversations(page, Wanted::default()).expect("lists")));
            unscoped.push(timed(|| boss.interaction().conversations_of_anybody(page.limit).expect("lists")));
        }
        add(&mut lists, "a supervisor, by scope", Times::of(scoped), 1e3);
        add(&mut lists, "whoever asks, by id", Times::of(unscoped), 1e3);

        let whose = ActorRef { kind: ActorKind::Officer, id: world.supervisor.uuid() };
        system.access().set_password(whose, "22010902", "Xiang-Kan-2026").expect("sets");
        let typed = Credentials { login: "22010902".into(), password: "Xiang-Kan-2026".into() };
        let token = world.core.sign_in(&typed, "bench").expect("signs in").token;
        let held = Times::of((0..plan.choose(2_000, 20_000)).map(|_| timed(|| world.core.authenticate(&token).expect("stands"))));
        add(&mut calls, "an officer with five permissions", held, 1e3);

        let pages = Times::of((0..plan.choose(20, 200)).map(|_| {
            timed(|| world.taxpayers.iter().map(|id| officer.identity().view(*id).expect("shows").name.as_str().len()).sum::<usize>())
        }));
        add(&mut cards, "of 50 persons", pages, 1.0);

        let (chief, records): (_, usize) = (chief.for_request(REQUEST), plan.choose(5_000, 100_000));
        for thousand in 0..records / 1000 {
            let tickets: Vec<_> = (0..1000).map(|n| added(&chief, 2 * staff + thousand * 1000 + n)).collect();
            for ticket in tickets {
                let _added = ticket.wait().expect("adds");
            }
        }
        while world.core.seal_audit().expect("seals").more {}
        world.core.checkpoint_audit(true).expect("signs");
        let checkpoints = world.core.checkpoints_after(0).expect("reads");
        let (mut ours, mut bare, mut records) = (Vec::new(), Vec::new(), 0);
        for _ in 0..20 {
            let signed = checkpoints.clone();
            ours.push(timed(|| {
                let verdict = world.core.verify_audit(signed, |_, _| ()).expect("verifies");
                assert!(verdict.finding.is_none() && verdict.unsealed == 0);
                records = verdict.verified;
            }));
            bare.push(timed(|| (0..records).fold([0; 32], |hash, _| sm3(&[&hash, &[7; RECORD_BYTES - 32]]))));
        }
        for (what, times) in [("ours: links and records read, hashed, compared", ours), ("SM3 alone", bare)] {
            trail.add(what, &[records as f64 * 1e3 / Times::of(times).share(0.5)]);
        }
    }
    [commands, reads, lists, calls, cards, trail].iter().for_each(Table::print);
}

fn added(session: &Session, n: usize) -> Ticket<OfficerAdded> {
    session.access().add_officer(AddOfficer { staff_no: format!("33{n:07}"), name: "坐席".into(), authority: code(NANGUAN), capacity: 3 })
}

fn timed<R>(work: impl FnOnce() -> R) -> Duration {
    let began = Instant::now();
    black_box(work());
    began.elapsed()
}

fn add(table: &mut Table, name: &str, times: Times, of_a_millisecond: f64) {
    table.add(name, &[times.share(0.5) * of_a_millisecond, times.share(0.99) * of_a_millisecond]);
}
