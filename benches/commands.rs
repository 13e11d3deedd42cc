//! Whole commands a second through the core (state, journal, audit, idempotency, sealing), beside what a user would
//! pick instead: the same number of rows written by hand, one commit each.
//!
//! `cargo bench -p zhengna-benches --bench commands`. Needs a disk for SQLite's fsync: set TMPDIR to choose one.

use std::time::Instant;

use zhengna_core::access::Actor;
use zhengna_core::core::PROJECTIONS;
use zhengna_core::interaction::SendMessage;
use zhengna_core::store::Store;
use zhengna_core::store::memory::MemoryStore;
use zhengna_core::store::sqlite::SqliteStore;
use zhengna_tests::world::{Keep, World, core_over, start};

const SECONDS: f64 = 3.0;
/// Rows that one `send` writes: message, conversation, journal, audit, idempotency.
const ROWS: usize = 5;

fn main() {
    println!("{:<34}{:>8}{:>14}{:>10}", "send a message", "callers", "commands/s", "ratio");
    let dir = tempfile::tempdir().expect("a directory");
    let naive = by_hand(&dir.path().join("by_hand.db"));
    println!("{:<34}{:>8}{naive:>14.0}{:>10}", "by hand: rusqlite, commit each", 1, "1.0x");
    for callers in [1, 8, 64] {
        let store = SqliteStore::open(&dir.path().join(format!("core{callers}.db")), start(), PROJECTIONS).expect("opens");
        let rate = sends(store, callers);
        println!("{:<34}{callers:>8}{rate:>14.0}{:>9.1}x", "core on SQLite, durable", rate / naive);
    }
    let rate = sends(MemoryStore::new(PROJECTIONS), 1);
    println!("{:<34}{:>8}{rate:>14.0}{:>9.1}x", "core in memory", 1, rate / naive);
}

fn by_hand(path: &std::path::Path) -> f64 {
    let conn = rusqlite::Connection::open(path).expect("opens");
    conn.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB)")
        .expect("a table");
    let (began, mut done) = (Instant::now(), 0u32);
    while began.elapsed().as_secs_f64() < SECONDS {
        conn.execute_batch("BEGIN IMMEDIATE").expect("begins");
        for _ in 0..ROWS {
            conn.prepare_cached("INSERT INTO t (body) VALUES (?1)").and_then(|mut s| s.execute([[0u8; 120]])).expect("inserts");
        }
        conn.execute_batch("COMMIT").expect("commits");
        done += 1;
    }
    f64::from(done) / began.elapsed().as_secs_f64()
}

fn sends(store: std::sync::Arc<dyn Store>, callers: usize) -> f64 {
    let (core, clock) = core_over(store, 1);
    let world = World::furnish(core, clock, Keep::Nothing, 1, callers).expect("furnished");
    let conversations: Vec<_> = (0..callers).map(|n| world.entered(n).conversation).collect();
    let began = Instant::now();
    let total: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..callers)
            .map(|n| {
                let (core, id, me) = (world.core.clone(), conversations[n], world.taxpayers[n]);
                scope.spawn(move || {
                    let mut done = 0;
                    while began.elapsed().as_secs_f64() < SECONDS && done < 9_000 {
                        let key = format!("{n}-{done}");
                        let session = core.as_actor(Actor::Taxpayer(me)).with_key(&key).expect("a key");
                        session
                            .interaction()
                            .send(SendMessage { conversation: id, text: "您好，请问怎么填？".into() })
                            .wait()
                            .expect("sends");
                        done += 1;
                    }
                    done
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().expect("no panic")).sum()
    });
    total as f64 / began.elapsed().as_secs_f64()
}
