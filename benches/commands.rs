//! Durable commands a second through the whole door, beside what a user would pick instead: one row a commit by hand.
//! Then what one command costs in rows, pages and bytes of write-ahead log.
//!
//! `cargo bench -p zhengna-benches --bench commands [-- sqlite|memory|postgres|pages] [CALLERS ..]`. SQLite's fsync needs a disk: the databases
//! stand in the build directory. `-- profile N` sends N messages in groups of 64 and ends, for callgrind.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use zhengna_core::access::Actor;
use zhengna_core::core::PROJECTIONS;
use zhengna_core::id::ConversationId;
use zhengna_core::interaction::{SendMessage, Sent};
use zhengna_core::store::memory::MemoryStore;
use zhengna_core::store::postgres::PostgresStore;
use zhengna_core::store::sqlite::SqliteStore;
use zhengna_core::store::{Store, Ticket};
use zhengna_core::{Clock as _, Core, ManualClock, Parts, Settings};
use zhengna_server::system::{OsEntropy, SystemClock};
use zhengna_tests::faults::Rows;
use zhengna_tests::postgres::cluster;
use zhengna_tests::world::{Keep, World, keys, start};

const SECONDS: f64 = 2.0;
const ROUNDS: usize = 3;
const TEXT: &str = "您好，请问专项附加扣除里的子女教育怎么填？两个孩子可以都由我来扣吗？";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let (callers, parts): (Vec<&String>, Vec<&String>) = arguments.iter().partition(|a| a.parse::<usize>().is_ok());
    let callers: Vec<usize> = callers.into_iter().filter_map(|n| n.parse().ok()).collect();
    let callers = if callers.is_empty() { vec![1, 8, 64, 256] } else { callers };
    let wanted = |name: &str| parts.is_empty() || parts.iter().any(|part| *part == name);
    if let [first, count] = &arguments[..]
        && first == "profile"
    {
        return profile(count.parse().expect("a number of messages"));
    }
    if wanted("sqlite") || wanted("memory") {
        println!("{:<44}{:>8}{:>14}{:>10}", "send a message", "callers", "commands/s", "ratio");
    }
    if wanted("sqlite") {
        beside(
            &callers,
            "core on SQLite, durable",
            "SQLite by hand, one row a commit, FULL",
            |_| (1, rows_by_hand),
            |dir, n| SqliteStore::open(&dir.join(format!("core{n}.db")), start(), PROJECTIONS).expect("opens"),
        );
    }
    if wanted("postgres") {
        beside(
            &callers,
            "core on PostgreSQL",
            "PostgreSQL by hand, one row a commit",
            |_| (32, rows_in_postgres),
            |_, _| {
                let cluster = cluster();
                cluster.template("core", |url| drop(PostgresStore::connect(url, start(), PROJECTIONS).expect("migrates")));
                let database = Box::leak(Box::new(cluster.clone_of("core"))); // lives as long as the bench
                PostgresStore::connect(database.url(), start(), PROJECTIONS).expect("connects")
            },
        );
    }
    if wanted("memory") {
        beside(
            &callers,
            "core in memory",
            "SQLite by hand, one row a commit, FULL",
            |_| (1, rows_by_hand),
            |_, _| MemoryStore::new(PROJECTIONS),
        );
    }
    if wanted("pages") {
        pages();
    }
}

/// A directory on the disk that the build stands on.
fn directory() -> tempfile::TempDir {
    tempfile::tempdir_in(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "../target".into())).expect("a directory")
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

/// Ours and theirs in turn, so that both meet the same minute of the machine.
fn beside(
    callers: &[usize],
    ours: &str,
    theirs: &str,
    peer: impl Fn(usize) -> (usize, fn(&Path, usize) -> f64),
    open: impl Fn(&Path, String) -> Arc<dyn Store>,
) {
    for &callers in callers {
        let (clients, by_hand) = peer(callers);
        let (mut mine, mut hand) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let dir = directory();
            hand.push(by_hand(dir.path(), clients));
            mine.push(sends(open(dir.path(), format!("{callers}-{round}")), callers));
        }
        let (mine, hand) = (median(mine), median(hand));
        println!("{theirs:<44}{clients:>8}{hand:>14.0}{:>10}", "1.00x");
        println!("{ours:<44}{callers:>8}{mine:>14.0}{:>9.2}x", mine / hand);
    }
}

fn rows_by_hand(dir: &Path, _: usize) -> f64 {
    let conn = rusqlite::Connection::open(dir.join("by_hand.db")).expect("opens");
    conn.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB)")
        .expect("a table");
    let (began, mut done) = (Instant::now(), 0u32);
    while began.elapsed().as_secs_f64() < SECONDS {
        conn.prepare_cached("INSERT INTO t (body) VALUES (?1)").and_then(|mut s| s.execute([[7u8; 120]])).expect("inserts");
        done += 1;
    }
    f64::from(done) / began.elapsed().as_secs_f64()
}

fn rows_in_postgres(_: &Path, clients: usize) -> f64 {
    let database = cluster().empty();
    let mut conn = postgres::Client::connect(database.url(), postgres::NoTls).expect("connects");
    conn.batch_execute("CREATE TABLE t (id BIGSERIAL PRIMARY KEY, body BYTEA)").expect("a table");
    let began = Instant::now();
    let total: u32 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..clients)
            .map(|_| {
                scope.spawn(|| {
                    let mut conn = postgres::Client::connect(database.url(), postgres::NoTls).expect("connects");
                    let insert = conn.prepare("INSERT INTO t (body) VALUES ($1)").expect("prepares");
                    let mut done = 0;
                    while began.elapsed().as_secs_f64() < SECONDS {
                        conn.execute(&insert, &[&&[7u8; 120][..]]).expect("inserts");
                        done += 1;
                    }
                    done
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().expect("no panic")).sum()
    });
    f64::from(total) / began.elapsed().as_secs_f64()
}

/// A furnished world and one conversation a caller.
fn furnished(store: Arc<dyn Store>, callers: usize) -> (World, Vec<ConversationId>) {
    // Time must pass, or ids and keys would not come in its order.
    let settings = Settings { keys: keys(), told_outside: Vec::new() };
    let core = Core::new(Parts { store, clock: Arc::new(SystemClock), entropy: Arc::new(OsEntropy), settings });
    let world = World::furnish(core, Arc::new(ManualClock::at(start())), Keep::Nothing, 1, callers).expect("furnished");
    let conversations = (0..callers).map(|n| world.entered(n).conversation).collect();
    (world, conversations)
}

/// The key a client gives: a version 7 UUID of the present, as ours do.
fn key(n: usize, done: usize) -> String {
    zhengna_core::id::uuid_v7(SystemClock.now(), n as u16, done as u64).to_string()
}

fn send(world: &World, conversations: &[ConversationId], n: usize, done: usize) -> Ticket<Sent> {
    let session = world.core.as_actor(Actor::Taxpayer(world.taxpayers[n])).with_key(&key(n, done)).expect("a key");
    session.interaction().send(SendMessage::new(conversations[n], TEXT))
}

/// Callers as the host has them: each a task that awaits its answer without holding a thread.
fn sends(store: Arc<dyn Store>, callers: usize) -> f64 {
    let furnished = Arc::new(furnished(store, callers));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let began = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .map(|n| {
            let furnished = furnished.clone();
            runtime.spawn(async move {
                let mut done = 0;
                while began.elapsed().as_secs_f64() < SECONDS && done < 9_000 {
                    send(&furnished.0, &furnished.1, n, done).await.expect("sends");
                    done += 1;
                }
                done
            })
        })
        .collect();
    let total: usize = tasks.into_iter().map(|task| runtime.block_on(task).expect("no panic")).sum();
    total as f64 / began.elapsed().as_secs_f64()
}

/// What one `send` writes: rows by table, and pages and bytes of WAL alone and in groups.
fn pages() {
    let dir = directory();
    let path = dir.path().join("pages.db");
    let (world, conversations) = furnished(SqliteStore::open(&path, start(), PROJECTIONS).expect("opens"), 64);
    // A conversation that has been going on for a while, as most have.
    (0..20).for_each(|done| group(&world, &conversations, done));
    let rows = || Rows::of(&**world.core.store());
    let before = rows();
    send(&world, &conversations, 0, 100).wait().expect("sends");
    println!("\nrows written by one send: {:?}", rows().since(&before));
    let wal = path.with_extension("db-wal");
    let frames = |run: &dyn Fn()| {
        let conn = rusqlite::Connection::open(&path).expect("opens");
        conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("moves the log into the database");
        run();
        std::fs::metadata(&wal).expect("a log").len() as f64
    };
    let one_by_one = || {
        for n in 0..64 {
            send(&world, &conversations, n, 200).wait().expect("sends");
        }
    };
    let alone = frames(&one_by_one) / 64.0;
    let together = frames(&|| (0..4).for_each(|round| group(&world, &conversations, 300 + round))) / 256.0;
    println!("{:<24}{:>12}{:>16}", "one send", "dirty pages", "bytes of WAL");
    println!("{:<24}{:>12.1}{alone:>16.0}", "alone", alone / 4120.0);
    println!("{:<24}{:>12.1}{together:>16.0}", "64 callers", together / 4120.0);
}

/// A group of 64 as a busy writer meets it.
fn group(world: &World, conversations: &[ConversationId], done: usize) {
    let tickets: Vec<_> = (0..64).map(|n| send(world, conversations, n, done)).collect();
    for ticket in tickets {
        ticket.wait().expect("sends");
    }
}

/// Groups of 64 from one thread, so that a profile shows the command and not the waiting.
fn profile(count: usize) {
    let dir = zhengna_tests::world::directory();
    let (world, conversations) = furnished(SqliteStore::open(&dir.path().join("profile.db"), start(), PROJECTIONS).expect("opens"), 64);
    (0..count / 64).for_each(|round| group(&world, &conversations, round));
}
