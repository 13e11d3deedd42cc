//! Whether a failed sign-in tells by its time that the login exists (T23): 2,000 failures of logins that exist and 2,000 of logins
//! that do not, in turn, each pair in an order drawn anew, and how likely times that far apart are if there is no difference
//! (Mann-Whitney). The door measured is `Core::sign_in` on SQLite at FULL: what HTTP adds does not know the login.
//!
//! Five failures lock a login, and a locked one answers as fast but otherwise: each fails four times and is not used again.
//!
//! `cargo bench -p zhengna-benches --bench sign_in -- [--quick] [--rounds N]`
#![expect(clippy::disallowed_methods, reason = "benches measure time")]

use std::time::{Duration, Instant};

use rand_core::{Rng as _, SeedableRng as _};
use zhengna_benches::figures::{Plan, Times, head, mann_whitney};
use zhengna_benches::place;
use zhengna_core::access::{ActorKind, ActorRef, Credentials};
use zhengna_core::core::PROJECTIONS;
use zhengna_core::crypto::Rng;
use zhengna_core::error::Refusal;
use zhengna_core::store::sqlite::SqliteStore;
use zhengna_core::{Core, Error, limits};
use zhengna_tests::world::{Keep, World, core_over, start};

const FAILURES_EACH: usize = limits::SIGN_IN_FAILURES_MAX as usize - 1;

fn main() {
    zhengna_core::crypto::hash_as_shipped();
    let plan = Plan::from_args();
    head("Failed sign-ins", "cargo bench -p zhengna-benches --bench sign_in");
    let tries: usize = plan.choose(200, 2_000);
    println!(
        "\n| round | login exists: median ms | p90 | does not: median ms | p90 | difference of medians | p |\n|---|---|---|---|---|---|---|"
    );
    for round in 1..=plan.rounds {
        let dir = place::directory();
        let store = SqliteStore::open(&dir.path().join("zhengna.db"), start(), PROJECTIONS).expect("opens");
        let (core, clock) = core_over(store, 7);
        let world = World::furnish(core, clock, Keep::Nothing, 1, tries.div_ceil(FAILURES_EACH)).expect("furnishes");
        for (n, taxpayer) in world.taxpayers.iter().enumerate() {
            let whose = ActorRef { kind: ActorKind::Taxpayer, id: taxpayer.uuid() };
            world.core.as_system().access().set_password(whose, &login("138", n), "Xiang-Kan-2026").expect("sets");
        }
        let mut dice = Rng::seed_from_u64(round as u64);
        let [mut known, mut unknown] = [Vec::with_capacity(tries), Vec::with_capacity(tries)];
        for n in 0..tries {
            let first = dice.next_u32() % 2 == 0;
            for exists in [first, !first] {
                let login = login(if exists { "138" } else { "137" }, n / FAILURES_EACH);
                if exists { &mut known } else { &mut unknown }.push(failed(&world.core, login));
            }
        }
        let p = mann_whitney(&millis(&known), &millis(&unknown));
        let (known, unknown) = (Times::of(known), Times::of(unknown));
        let [a, b] = [known.share(0.5), unknown.share(0.5)];
        println!("| {round} | {a:.3} | {:.3} | {b:.3} | {:.3} | {:.0} us | {p:.3} |", known.share(0.9), unknown.share(0.9), (a - b) * 1e3);
    }
}

/// Logins of one length, known or not.
fn login(prefix: &str, n: usize) -> String {
    format!("{prefix}{n:08}")
}

fn millis(times: &[Duration]) -> Vec<f64> {
    times.iter().map(|t| t.as_secs_f64() * 1e3).collect()
}

fn failed(core: &Core, login: String) -> Duration {
    let typed = Credentials { login, password: "Xiang-Kan-2027".into() };
    let began = Instant::now();
    let answer = core.sign_in(&typed, "-");
    let took = began.elapsed();
    assert!(matches!(answer, Err(Error::Refused(Refusal::WrongCredentials))), "it fails, and is not locked");
    took
}
