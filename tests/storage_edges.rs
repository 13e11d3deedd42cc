//! What stores do when things go wrong for real: full disks, failed commits, full queues, strange files, servers
//! that stop. Panicking bodies and slow readers are in the conformance suite.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use zhengna_core::store::StoreError;
use zhengna_core::store::conformance::fixture::{PROJECTIONS, book, book_in_vain, counts, dawdle, shelve, shelved, stall};
use zhengna_core::store::postgres::PostgresStore;
use zhengna_core::store::sqlite::SqliteStore;
use zhengna_core::{Error, limits};
use zhengna_tests::fixture::{FILE, fresh, open, open_with};
use zhengna_tests::postgres::{Cluster, cluster};
use zhengna_tests::world::{Engine, Keep, start};

fn at(path: &Path) -> Result<Arc<SqliteStore>, Error> {
    SqliteStore::open(path, start(), PROJECTIONS)
}

fn refusal(path: &Path) -> Error {
    match at(path) {
        Ok(_) => panic!("{} was opened", path.display()),
        Err(e) => e,
    }
}

fn url(keep: &Keep) -> &str {
    let Keep::Database(database) = keep else { unreachable!("asked for PostgreSQL") };
    database.url()
}

/// Fails rather than hangs.
fn within(limit: Duration, work: impl FnOnce() + Send + 'static) {
    let (tell, told) = channel();
    let worker = std::thread::spawn(move || {
        work();
        let _ = tell.send(()); // the test may have given up
    });
    match told.recv_timeout(limit) {
        Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("still not done after {limit:?}"),
        _ => worker.join().unwrap(),
    }
}

/// A file system of four megabytes.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(dir.path()).output();
        match mounted {
            Ok(output) if output.status.success() => Self(dir),
            other => {
                panic!("This test fills a disk of its own and must be root to mount one (or run in a user namespace that may): {other:?}")
            }
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status(); // nothing else to do about it here
    }
}

#[test]
fn a_full_disk_is_told_and_nothing_is_lost_and_room_mends_it() {
    let disk = SmallDisk::new();
    let prepared = fresh(Engine::Sqlite);
    std::fs::copy(prepared.path().unwrap(), disk.path(FILE)).unwrap();
    std::fs::write(disk.path("ballast"), vec![0; 1_500_000]).unwrap();
    let store = at(&disk.path(FILE)).unwrap();
    let mut kept = Vec::new();
    let error = loop {
        let n = kept.len() as u64;
        assert!(n < 200, "four megabytes take no 200 bodies of 50 kB");
        match shelve(&*store, n, 50_000).wait() {
            Ok(()) => kept.push(n),
            Err(e) => break e,
        }
    };
    let full = |e: &Error| matches!(e, Error::Store(StoreError::Full(said) | StoreError::Unknown(said)) if said.contains("full"));
    assert!(full(&error), "{error:?}");
    assert!(kept.len() > 3, "the disk was full from the start");
    let again = shelve(&*store, 500, 50_000).wait().unwrap_err();
    assert!(full(&again), "{again:?}");
    assert_eq!(shelved(&*store).unwrap(), kept, "what was answered is there, what was refused is not");

    std::fs::remove_file(disk.path("ballast")).unwrap();
    let next = kept.len() as u64;
    shelve(&*store, next, 50_000).wait().unwrap();
    kept.push(next);
    assert_eq!(shelved(&*store).unwrap(), kept);
    drop(store);
    assert_eq!(shelved(&*at(&disk.path(FILE)).unwrap()).unwrap(), kept);
}

/// A reference that is checked at COMMIT, and broken by one booking.
const DOOM: u64 = 666;

#[test]
fn bodies_that_fail_half_way_take_nobody_of_their_batch_with_them() {
    for in_vain in [vec![15], vec![10], vec![29], vec![12, 13, 21], (10..30).collect()] {
        let keep = fresh(Engine::Sqlite);
        let store = open(&keep);
        let (began, go, stalled) = stall(&*store);
        began.recv().unwrap();
        let writes: Vec<_> = (10..30)
            .map(|n| if in_vain.contains(&n) { (n, book_in_vain(&*store, 2, n, n % 2 == 0)) } else { (n, book(&*store, 2, n)) })
            .collect();
        drop(go); // not sent: the one that stalls may have to run again
        stalled.wait().unwrap();
        for (n, write) in writes {
            match write.wait() {
                Err(Error::Store(StoreError::Panicked)) => assert!(in_vain.contains(&n) && n % 2 == 0, "{n}"),
                Err(Error::Refused(_)) => assert!(in_vain.contains(&n) && n % 2 == 1, "{n}"),
                other => assert!(other.is_ok() && !in_vain.contains(&n), "{n}: {other:?}"),
            }
        }
        let mut expected = std::collections::BTreeMap::from([([2; 16], 20 - in_vain.len() as i64)]);
        expected.retain(|_, n| *n > 0);
        assert_eq!(counts(&*store).unwrap(), [expected.clone(), expected.clone(), expected], "rows, published, tentative");
    }
}

#[test]
fn a_failed_commit_leaves_every_write_of_the_batch_unknown_and_none_done() {
    let keep = fresh(Engine::Sqlite);
    let raw = rusqlite::Connection::open(keep.path().unwrap()).unwrap();
    raw.execute_batch(&format!(
        "CREATE TABLE doom_parent (id INTEGER PRIMARY KEY);
         CREATE TABLE doom (id INTEGER REFERENCES doom_parent DEFERRABLE INITIALLY DEFERRED);
         CREATE TRIGGER doom_comes AFTER INSERT ON fixture_booking WHEN NEW.id = x'{DOOM:032x}' BEGIN INSERT INTO doom VALUES (1); END;"
    ))
    .unwrap();
    drop(raw);
    let store = open(&keep);
    book(&*store, 1, 1).wait().unwrap();
    let (began, go, stalled) = stall(&*store);
    began.recv().unwrap();
    let writes: Vec<_> = (10..20).chain([DOOM]).chain(20..30).map(|n| (n, book(&*store, 2, n))).collect();
    go.send(()).unwrap();
    // Whether the one that held the others up shares their batch, and their fate, is a matter of microseconds.
    assert!(matches!(stalled.wait(), Ok(()) | Err(Error::Store(StoreError::Unknown(_)))));
    let (mut unknown, mut kept) = (0, 0);
    for (n, write) in writes {
        match write.wait() {
            Ok(()) => {
                assert_ne!(n, DOOM);
                kept += 1;
            }
            Err(Error::Store(StoreError::Unknown(_))) => unknown += 1,
            Err(e) => panic!("{n}: {e:?}"),
        }
    }
    assert!(unknown > 1, "others were in the batch of the one whose commit failed");
    let mut expected = std::collections::BTreeMap::from([([1; 16], 1), ([2; 16], kept)]);
    expected.retain(|_, n| *n > 0);
    assert_eq!(counts(&*store).unwrap(), [expected.clone(), expected.clone(), expected], "rows, published, tentative");
    book(&*store, 3, 99).wait().unwrap();
    let [rows, published, tentative] = counts(&*store).unwrap();
    assert!(rows == published && rows == tentative && rows[&[3; 16]] == 1, "and it goes on");
}

#[test]
fn a_commit_that_the_server_refuses_is_not_done_and_said_so() {
    let keep = fresh(Engine::Postgres);
    let mut raw = postgres::Client::connect(url(&keep), postgres::NoTls).unwrap();
    raw.batch_execute(&format!(
        "CREATE FUNCTION doom() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''doomed''; END';
         CREATE CONSTRAINT TRIGGER doom_comes AFTER INSERT ON fixture_booking DEFERRABLE INITIALLY DEFERRED
         FOR EACH ROW WHEN (NEW.id = '\\x{DOOM:032x}') EXECUTE FUNCTION doom();"
    ))
    .unwrap();
    let store = open(&keep);
    let refused = book(&*store, 1, DOOM).wait();
    assert!(matches!(&refused, Err(Error::Store(StoreError::Backend(said))) if said.contains("doomed")), "{refused:?}");
    book(&*store, 1, 1).wait().unwrap();
    assert_eq!(counts(&*store).unwrap()[0], [([1; 16], 1)].into());
}

fn a_full_queue_says_busy(engine: Engine, writers: usize) {
    let keep = fresh(engine);
    let store = open(&keep);
    let stalled: Vec<_> = (0..writers).map(|_| stall(&*store)).collect();
    stalled.iter().for_each(|(began, _, _)| began.recv().unwrap());
    let queued: Vec<_> = (0..limits::WRITE_QUEUE_MAX as u64).map(|n| shelve(&*store, n, 1)).collect();
    // Nobody works on the queue, so an answer is an answer at once.
    assert_eq!(shelve(&*store, 5000, 1).wait(), Err(StoreError::Busy.into()));
    assert!(shelved(&*store).unwrap().is_empty(), "readers go on");
    for (_, go, ticket) in stalled {
        go.send(()).unwrap();
        ticket.wait().unwrap();
    }
    queued.into_iter().for_each(|ticket| ticket.wait().unwrap());
    assert_eq!(
        shelved(&*store).unwrap(),
        (0..limits::WRITE_QUEUE_MAX as u64).collect::<Vec<_>>(),
        "all that were taken in, and not the refused one"
    );
    shelve(&*store, 5000, 1).wait().unwrap();
}

#[test]
fn a_full_queue_of_sqlite_says_busy_at_once() {
    a_full_queue_says_busy(Engine::Sqlite, 1);
}

#[test]
fn a_full_queue_of_postgres_says_busy_at_once() {
    a_full_queue_says_busy(Engine::Postgres, limits::POSTGRES_CONNECTIONS - 3);
}

#[test]
fn a_write_that_takes_too_long_is_taken_back_run_again_a_few_times_and_told() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let keep = fresh(engine);
        let store = open(&keep);
        let pause = limits::TX_TIME_MAX + Duration::from_millis(1);
        let limit_ms = u64::try_from(limits::TX_TIME_MAX.as_millis()).unwrap();
        let always = dawdle(&*store, 10, limits::TX_SLOW_ATTEMPTS_MAX, pause);
        assert_eq!(always.wait(), Err(StoreError::TooLong { limit_ms }.into()), "{engine:?}");
        assert_eq!(shelved(&*store).unwrap(), [0; 0], "{engine:?}");
        let once = dawdle(&*store, 20, 1, pause).wait().unwrap();
        assert!(once > 1, "{engine:?}: the slow run was taken back");
        assert_eq!(shelved(&*store).unwrap(), [20, 21], "{engine:?}: done once");
    }
}

#[test]
fn a_second_opener_is_refused_until_the_first_has_gone() {
    let keep = fresh(Engine::Sqlite);
    let path = keep.path().unwrap();
    let first = at(&path).unwrap();
    assert!(matches!(refusal(&path), Error::Store(StoreError::Locked(_))));
    shelve(&*first, 1, 1).wait().unwrap();
    drop(first);
    assert_eq!(shelved(&*at(&path).unwrap()).unwrap(), [1]);
}

/// Makes a database of the suite strange, tries to open it twice, and compares the file.
fn strange(make: impl FnOnce(&Path)) -> Error {
    let keep = fresh(Engine::Sqlite);
    let path = keep.path().unwrap();
    let store = at(&path).unwrap();
    (0..40).for_each(|n| shelve(&*store, n, 3000).wait().unwrap());
    drop(store);
    make(&path);
    let before = std::fs::read(&path).unwrap();
    let error = refusal(&path);
    assert_eq!(refusal(&path), error, "the same again");
    assert!(std::fs::read(&path).unwrap() == before, "the file was changed: {error:?}");
    error
}

fn execute(path: &Path, sql: &str) {
    rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn a_newer_schema_is_refused() {
    let error = strange(|path| {
        execute(path, "INSERT INTO schema_migration SELECT version + 1000, 'future', checksum, 0 FROM schema_migration WHERE version = 1")
    });
    assert!(matches!(error, Error::Store(StoreError::Newer { found: 1001, .. })), "{error:?}");
    let keep = fresh(Engine::Postgres);
    let mut raw = postgres::Client::connect(url(&keep), postgres::NoTls).unwrap();
    raw.batch_execute("INSERT INTO schema_migration SELECT 1001, 'future', checksum, 0 FROM schema_migration WHERE version = 1").unwrap();
    let error = PostgresStore::connect(url(&keep), start(), PROJECTIONS).err();
    assert!(matches!(error, Some(Error::Store(StoreError::Newer { found: 1001, .. }))), "{error:?}");
}

#[test]
fn an_altered_migration_is_refused() {
    let sql = "UPDATE schema_migration SET checksum = ";
    let error = strange(|path| execute(path, &format!("{sql} x'00' WHERE version = 1")));
    assert_eq!(error, StoreError::Altered { version: 1 }.into());
    let keep = fresh(Engine::Postgres);
    postgres::Client::connect(url(&keep), postgres::NoTls).unwrap().batch_execute(&format!("{sql} '\\x00' WHERE version = 1")).unwrap();
    let error = PostgresStore::connect(url(&keep), start(), PROJECTIONS).err();
    assert_eq!(error, Some(StoreError::Altered { version: 1 }.into()));
}

#[test]
fn a_file_that_is_no_database_is_corrupt() {
    let error = strange(|path| {
        std::fs::write(path, (0..20_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect::<Vec<_>>()).unwrap()
    });
    assert!(matches!(error, Error::Store(StoreError::Corrupt(_))), "{error:?}");
}

#[test]
fn a_file_that_is_cut_off_is_corrupt() {
    for part in [2, 3, 10] {
        let error = strange(|path| {
            let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
            let pages = file.metadata().unwrap().len() / 4096;
            file.set_len(pages * (part - 1) / part * 4096).unwrap();
        });
        assert!(matches!(error, Error::Store(StoreError::Corrupt(_))), "{error:?}");
    }
}

#[test]
fn a_database_that_does_not_sort_by_bytes_is_refused() {
    let home = cluster().empty();
    let mut raw = postgres::Client::connect(home.url(), postgres::NoTls).unwrap();
    let name: String = raw.query_one("SELECT current_database() || '_icu'", &[]).unwrap().get(0);
    raw.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en' LOCALE 'C'"))
        .unwrap();
    let error = PostgresStore::connect(&format!("{} dbname={name}", home.url()), start(), PROJECTIONS).err();
    raw.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).unwrap();
    assert!(matches!(&error, Some(Error::Store(StoreError::Backend(said))) if said.contains("LOCALE 'C'")), "{error:?}");
}

#[test]
fn whoever_only_reads_a_postgresql_database_migrates_nothing() {
    let home = cluster().empty();
    assert!(PostgresStore::connect_as_it_is(home.url(), PROJECTIONS).is_err(), "an empty database is not this program's yet");
    let mut raw = postgres::Client::connect(home.url(), postgres::NoTls).unwrap();
    let tables: i64 = raw.query_one("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", &[]).unwrap().get(0);
    assert_eq!(tables, 0);
    drop(PostgresStore::connect(home.url(), start(), zhengna_core::core::PROJECTIONS).unwrap());
    assert!(PostgresStore::connect_as_it_is(home.url(), zhengna_core::core::PROJECTIONS).is_ok());
}

#[test]
fn a_server_that_stops_and_starts_is_found_again() {
    let own = Cluster::start(&["fsync=on", "synchronous_commit=on", "full_page_writes=on"]).unwrap();
    own.template("edges", |url| {
        drop(PostgresStore::connect(url, start(), zhengna_core::core::PROJECTIONS).unwrap());
        let ddl = zhengna_core::store::conformance::fixture::ddl(zhengna_core::store::sql::Dialect::Postgres);
        postgres::Client::connect(url, postgres::NoTls).unwrap().batch_execute(&ddl).unwrap();
    });
    let keep = Keep::Database(own.clone_of("edges"));
    let store = open_with(&keep, PROJECTIONS);
    shelve(&*store, 1, 1).wait().unwrap();
    own.stop_immediately().unwrap();
    assert!(shelve(&*store, 2, 1).wait().is_err(), "nobody is there");
    assert!(store.check().is_err());
    own.restart().unwrap();
    // Every thread finds out for itself that its connection is gone: once each, and then all is well.
    let tries = (0..2 * limits::POSTGRES_CONNECTIONS).take_while(|_| shelve(&*store, 3, 1).wait().is_err()).count();
    assert!(tries < 2 * limits::POSTGRES_CONNECTIONS, "not found again");
    let reads = (0..2 * limits::POSTGRES_CONNECTIONS).find_map(|_| shelved(&*store).ok());
    assert_eq!(reads, Some(vec![1, 3]));
    drop(store);
}

#[test]
fn stores_may_be_used_and_dropped_inside_a_runtime() {
    for engine in [Engine::Memory, Engine::Sqlite, Engine::Postgres] {
        within(Duration::from_secs(60), move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let keep = fresh(engine); // makes its template with a client that blocks
            runtime.block_on(async {
                let store = open(&keep);
                let tickets: Vec<_> = (0..5).map(|n| shelve(&*store, n, 1)).collect();
                for ticket in tickets {
                    ticket.await.unwrap();
                }
                assert_eq!(shelved(&*store).unwrap().len(), 5);
                drop(store);
            });
        });
    }
}

/// The first call waits for the line, and its repeat behind it: the repeat is answered as the first, not refused because
/// of what the first did.
#[test]
fn a_repeat_that_comes_while_the_first_call_is_under_way_gets_its_answer() {
    let world = zhengna_tests::world::World::new(Engine::Postgres);
    let connect = || postgres::Client::connect(url(&world.keep), postgres::NoTls).unwrap();
    let (mut outside, mut onlooker) = (connect(), connect()); // who has begun a transaction sees no more of the activity
    outside.batch_execute("BEGIN; SELECT FROM line FOR UPDATE").unwrap();
    let enter = || world.taxpayer(0).with_key("once").unwrap().interaction().enter(world.enter());
    let (first, repeat) = (enter(), enter());
    let began = std::time::Instant::now();
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while onlooker.query_one(waiting, &[]).unwrap().get::<_, i64>(0) < 2 {
        assert!(began.elapsed() < Duration::from_secs(20), "the two never met");
    }
    outside.batch_execute("ROLLBACK").unwrap();
    assert_eq!(first.wait().unwrap(), repeat.wait().unwrap());
}

/// A row of a transaction that began earlier may still appear before one that is there already: readers wait for it.
#[test]
fn a_reader_of_the_journal_never_passes_a_transaction_that_is_still_open() {
    let world = zhengna_tests::world::World::new(Engine::Postgres);
    let Keep::Database(database) = &world.keep else { unreachable!("asked for PostgreSQL") };
    let mut early = postgres::Client::connect(database.url(), postgres::NoTls).unwrap();
    early.batch_execute("BEGIN; SELECT pg_current_xact_id()").unwrap();
    world.entered(0);
    let read = || world.core.journal_after(zhengna_core::journal::Cursor::default(), limits::EVENTS_PAGE_MAX).unwrap().len();
    assert_eq!(read(), 0, "what was committed behind the open transaction is not passed on yet");
    early.batch_execute("ROLLBACK").unwrap();
    let began = std::time::Instant::now();
    while read() == 0 {
        assert!(began.elapsed() < Duration::from_secs(20), "never passed on");
    }
}

/// Found by the simulation: a host that had just started did not hear who was there until they said so again.
#[test]
fn a_host_hears_what_is_whispered_from_the_moment_it_has_started() {
    let keep = fresh(Engine::Postgres);
    let other = open(&keep);
    for n in 0..10 {
        let store = open(&keep);
        let (tell, told) = channel();
        store.signal().on_whisper(move |note| drop(tell.send(note.to_owned())));
        other.whisper(&format!("note {n}"));
        assert_eq!(told.recv_timeout(Duration::from_secs(10)), Ok(format!("note {n}")));
    }
}
