//! Enter, claim, close with 64 officers, at a short and a long line, beside queues a user would pick instead doing work
//! of the same shape: add a job, take one, complete one. Promise: flat within 1.5 times from 10 to 200,000 waiting.
//!
//! `cargo bench -p zhengna-benches --bench queue -- [--quick] [--rounds N] [memory|sqlite|postgres|raw|pgboss|bullmq ..]`
//! Needs PostgreSQL, Redis and Node; TMPDIR on a disk.

use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use zhengna_benches::cycle::Hall;
use zhengna_benches::figures::{Plan, Table, Times, head, together};
use zhengna_benches::place;
use zhengna_benches::server::{Postgres, node, redis};
use zhengna_core::core::PROJECTIONS;
use zhengna_core::identity::NewTaxpayer;
use zhengna_core::store::Store;
use zhengna_core::store::memory::MemoryStore;
use zhengna_core::store::postgres::PostgresStore;
use zhengna_core::store::sqlite::SqliteStore;
use zhengna_core::{Core, ManualClock, Parts, Settings};
use zhengna_server::system::{OsEntropy, SystemClock};
use zhengna_tests::world::{Keep, World, keys, person, start};

const OFFICERS: usize = 64;

fn main() {
    let plan = Plan::from_args();
    head("Enter, claim, close", "cargo bench -p zhengna-benches --bench queue");
    let backlogs: &[usize] = plan.choose(&[10, 1_000], &[10, 10_000, 200_000]);
    // Entering PostgreSQL's line is a tenth as fast as SQLite's: a shorter one.
    let backlogs_postgres: &[usize] = plan.choose(&[10, 100], &[10, 1_000, 10_000]);
    let seconds = plan.choose(1, 5);
    let postgres = ["postgres", "raw", "pgboss"].iter().any(|part| plan.wants(part)).then(Postgres::start);
    let dir = place::directory();

    let mut ours: Vec<(&str, Hall)> = Vec::new();
    if plan.wants("memory") {
        ours.push(("core in memory", hall(MemoryStore::new(PROJECTIONS), *backlogs.last().expect("some"))));
    }
    if plan.wants("sqlite") {
        let store = SqliteStore::open(&dir.path().join("core.db"), start(), PROJECTIONS).expect("opens");
        ours.push(("core on SQLite, FULL", hall(store, *backlogs.last().expect("some"))));
    }
    for &backlog in backlogs {
        let mut table = Table::new(format!("{OFFICERS} officers, {backlog} waiting"), &["cycles/s", "p50 ms", "p99 ms"]);
        ours.iter().for_each(|(_, hall)| hall.fill(backlog));
        for round in 0..plan.rounds {
            for (name, hall) in &ours {
                add(&mut table, name, hall.cycles(Duration::from_secs(seconds)));
            }
            if let Some(server) = postgres.as_ref().filter(|_| plan.wants("raw")) {
                add(&mut table, "PostgreSQL, SKIP LOCKED by hand", by_hand(server, &format!("raw_{backlog}_{round}"), backlog, seconds));
            }
            if let Some(server) = postgres.as_ref().filter(|_| plan.wants("pgboss")) {
                let database = format!("pgboss_{backlog}_{round}");
                server.create(&database);
                table.add("pg-boss", &in_node("pgboss.mjs", &format!("{} {database}", server.socket().display()), backlog, seconds));
            }
            if plan.wants("bullmq") {
                let dir = place::directory();
                let server = redis(dir.path());
                table.add("BullMQ, AOF always", &in_node("bullmq.mjs", &server.port.to_string(), backlog, seconds));
            }
        }
        table.print();
    }
    drop(ours);

    if let Some(server) = postgres.as_ref().filter(|_| plan.wants("postgres")) {
        let store = PostgresStore::connect(&server.create("core"), start(), PROJECTIONS).expect("connects");
        let hall = hall(store, *backlogs_postgres.last().expect("some"));
        let mut table = Table::new("core on PostgreSQL, 64 officers, one host", &["cycles/s", "p50 ms", "p99 ms"]);
        for &backlog in backlogs_postgres {
            hall.fill(backlog);
            for _ in 0..plan.rounds {
                add(&mut table, &format!("{backlog} waiting"), hall.cycles(Duration::from_secs(seconds)));
            }
        }
        table.print();
    }
}

fn add(table: &mut Table, name: &str, (rate, times): (f64, Times)) {
    table.add(name, &[rate, times.share(0.5), times.share(0.99)]);
}

fn hall(store: Arc<dyn Store>, most: usize) -> Hall {
    // The system's clock: ids and keys in the order of time, as in the product.
    let settings = Settings { keys: keys(), told_outside: Vec::new() };
    let core = Core::new(Parts { store, clock: Arc::new(SystemClock), entropy: Arc::new(OsEntropy), settings });
    let world = World::furnish(core, Arc::new(ManualClock::at(start())), Keep::Nothing, OFFICERS, 0).expect("furnished");
    let people: Vec<NewTaxpayer> = (0..most + 2 * OFFICERS).map(person).collect();
    let identity = world.core.as_system();
    identity.identity().enrol(&people, &mut |_| {}).expect("enrols");
    let ids = people.iter().map(|p| identity.identity().find_by_number(&p.number).expect("reads").expect("just enrolled")).collect();
    Hall::new(world.core.clone(), world.line, &world.officers, ids)
}

/// What a careful author writes by hand: a partial index, prepared statements, a connection per officer.
fn by_hand(server: &Postgres, database: &str, backlog: usize, seconds: u64) -> (f64, Times) {
    let url = server.create(database);
    let mut admin = postgres::Client::connect(&url, postgres::NoTls).expect("connects");
    admin
        .batch_execute(&format!(
            "CREATE TABLE job (id BIGSERIAL PRIMARY KEY, state SMALLINT NOT NULL DEFAULT 0, officer BIGINT, payload TEXT NOT NULL, \
                               created_at TIMESTAMPTZ NOT NULL DEFAULT now(), claimed_at TIMESTAMPTZ, closed_at TIMESTAMPTZ); \
             CREATE INDEX ready ON job (id) WHERE state = 0; \
             INSERT INTO job (payload) SELECT repeat('x', 120) FROM generate_series(1, {backlog}); \
             ANALYZE job"
        ))
        .expect("a table");
    let officers: Vec<_> = (0..OFFICERS)
        .map(|_| {
            let mut client = postgres::Client::connect(&url, postgres::NoTls).expect("connects");
            let mut prepare = |sql| client.prepare(sql).expect("prepares");
            let add = prepare("INSERT INTO job (payload) VALUES ($1)");
            let take = prepare(
                "UPDATE job SET state = 1, officer = $1, claimed_at = now() \
                 WHERE id = (SELECT id FROM job WHERE state = 0 ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 1) RETURNING id, payload",
            );
            let close = prepare("UPDATE job SET state = 2, closed_at = now() WHERE id = $1");
            Mutex::new((client, add, take, close))
        })
        .collect();
    let payload = "x".repeat(120);
    together(OFFICERS, Duration::from_secs(seconds), |n| {
        let (client, add, take, close) = &mut *officers[n].lock().expect("nobody panicked");
        client.execute(add, &[&payload]).expect("adds");
        // All that this statement saw may have been taken by others meanwhile: then it looks again.
        let id: i64 = loop {
            if let Some(row) = client.query_opt(take, &[&(n as i64)]).expect("takes") {
                break row.get(0);
            }
        };
        client.execute(close, &[&id]).expect("closes");
    })
}

fn in_node(script: &str, place: &str, backlog: usize, seconds: u64) -> [f64; 3] {
    let mut command: Command = node(None, script);
    command.args([place, &backlog.to_string(), &OFFICERS.to_string(), &seconds.to_string()]);
    let out = command.output().expect("node");
    let text = String::from_utf8_lossy(&out.stdout);
    let line = text
        .lines()
        .find_map(|l| l.strip_prefix("figures "))
        .unwrap_or_else(|| panic!("{script}: {text}{}", String::from_utf8_lossy(&out.stderr)));
    let figures: Vec<f64> = line.split(' ').map(|f| f.parse().expect("a number")).collect();
    figures.try_into().expect("three figures")
}
