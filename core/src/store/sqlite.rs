//! SQLite: WAL, one writer thread that commits what arrived together at once, a pool of readers.
//!
//! Answers leave only after the fsync. The error or panic of a body takes back its own work and nobody else's:
//! if it had written already, the others of its batch run again without it. A failed COMMIT, and an error by which SQLite ends the transaction by itself
//! (a full disk), make every write of the batch "unknown".

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, params_from_iter};

use super::deadline::{Deadline, now};
use super::sql::{Dialect, Ended, Projected, SqlConn, SqlTx};
use super::{
    Bytes, Change, Column, Done, Kind, MakeProjections, Priority, Projections, Published, ReadBody, Row, Signal, Spec, Store, StoreError,
    StoreResult, Value, WriteBody, migrate, settle,
};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::limits;
use crate::planted::{Bug, planted};

/// See the [module](self).
pub struct SqliteStore {
    queue: Arc<Queue>,
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
    readers: Readers,
    applied: Vec<i64>,
    /// Held as long as the store lives: one process writes. None where nothing is written.
    lock: Option<File>,
}

struct Shared {
    published: Published,
    signal: Signal,
}

/// One SQLite connection.
pub(crate) struct SqliteConn(Connection);

impl SqliteStore {
    /// Opens, creates if missing, and migrates the database at `path`.
    ///
    /// # Errors
    /// `Locked` when another process writes it, `Newer` or `Altered` for a foreign schema, `Corrupt` for a file
    /// that is not a whole database. Nothing is ever deleted.
    pub fn open(path: &Path, now: Timestamp, make: MakeProjections) -> Result<Arc<Self>, Error> {
        let lock = take_lock(path)?;
        private(path)?;
        if planted(Bug::WalDiscarded) {
            let _ = std::fs::remove_file(path.with_extension("db-wal")); // not there after a good end
        }
        let mut writer = SqliteConn::open(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        let applied = migrate::migrate(&mut writer, now, |conn, sql| conn.0.execute_batch(sql).map_err(|e| error(&e, "schema_migration")))?;
        let mut tentative = Projections::new(make);
        tentative.rebuild(&mut SqlTx::new(&mut writer, None, Projected::Absent))?;
        let shared = Arc::new(Shared { published: Published::new(tentative.copy()), signal: Signal::default() });
        let queue = Arc::new(Queue::default());
        let thread = std::thread::Builder::new()
            .name("zhengna-writer".into())
            .spawn({
                let (queue, shared) = (queue.clone(), shared.clone());
                move || Writer { conn: writer, tentative, shared }.run(&queue)
            })
            .map_err(|e| StoreError::Backend(format!("the writer thread did not start: {e}")))?;
        Ok(Arc::new(Self { queue, shared, writer: Some(thread), readers: Readers::new(path.to_owned()), applied, lock: Some(lock) }))
    }

    /// Opens the database at `path` to read it, also while another process writes it: for backups and
    /// verification beside a running host. Takes no lock, migrates nothing; writes are refused.
    ///
    /// # Errors
    /// `Newer` or `Altered` for a foreign schema, `Backend` for an older one or a missing file, `Corrupt`.
    pub fn open_read_only(path: &Path, make: MakeProjections) -> Result<Arc<Self>, Error> {
        let mut conn = SqliteConn::open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        migrate::require_current(&mut conn)?;
        let mut published = Projections::new(make);
        published.rebuild(&mut SqlTx::new(&mut conn, None, Projected::Absent))?;
        let shared = Arc::new(Shared { published: Published::new(published), signal: Signal::default() });
        Ok(Arc::new(Self {
            queue: Arc::default(),
            shared,
            writer: None,
            readers: Readers::new(path.to_owned()),
            applied: Vec::new(),
            lock: None,
        }))
    }

    /// Migrations that opening applied.
    pub fn applied(&self) -> &[i64] {
        &self.applied
    }

    /// Copies the live database to `to`, page by page, while writes go on.
    pub fn backup(&self, to: &Path) -> Result<(), Error> {
        self.readers.with(|conn| {
            let mut target = Connection::open(to).map_err(|e| error(&e, "backup"))?;
            let backup = rusqlite::backup::Backup::new(&conn.0, &mut target).map_err(|e| error(&e, "backup"))?;
            backup.run_to_completion(limits::BACKUP_PAGES_PER_STEP, Duration::from_millis(1), None).map_err(|e| error(&e, "backup").into())
        })
    }
}

thread_local! {
    /// The stores in whose reads this thread is, by address.
    static READING: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// Marks this thread as being inside a read.
struct Inside;

impl Inside {
    fn enter(shared: &Arc<Shared>) -> Self {
        READING.with_borrow_mut(|stores| stores.push(Arc::as_ptr(shared).addr()));
        Self
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        READING.with_borrow_mut(Vec::pop);
    }
}

impl SqliteStore {
    /// A body that calls the store would wait for itself, or see another moment than its own.
    fn refuse_inside(&self) -> StoreResult<()> {
        let writing = self.writer.as_ref().is_some_and(|w| w.thread().id() == std::thread::current().id());
        let reading = READING.with_borrow(|stores| stores.contains(&Arc::as_ptr(&self.shared).addr()));
        if writing || reading {
            return Err(StoreError::Backend("a transaction body called the store; pass the transaction on instead".into()));
        }
        Ok(())
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        // The readers first: whoever closes last moves the WAL into the database, and only the writer can.
        self.readers.close_idle();
        self.queue.close();
        if let Some(writer) = self.writer.take() {
            // The last owner may be a body on the writer itself; a thread cannot wait for its own end.
            if writer.thread().id() != std::thread::current().id() {
                let _ = writer.join(); // a panic of the writer was already answered as "unknown"
            }
        }
        // Said aloud rather than left to closing the file: a process that is being started at this moment may hold
        // a copy of it until it becomes another program.
        if let Some(lock) = &self.lock {
            let _ = lock.unlock(); // closing follows anyway
        }
    }
}

/// Makes the database's file, where it is missing, readable by its owner only; SQLite gives its WAL the same mode.
fn private(path: &Path) -> StoreResult<()> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::StorageFull => Err(StoreError::Full(e.to_string())),
        Err(e) => Err(StoreError::Backend(format!("{}: {e}", path.display()))),
    }
}

fn take_lock(path: &Path) -> StoreResult<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&name).map_err(|e| {
        if e.kind() == std::io::ErrorKind::StorageFull {
            StoreError::Full(e.to_string())
        } else {
            StoreError::Backend(format!("{}: {e}", name.to_string_lossy()))
        }
    })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::Locked(path.display().to_string())),
        Err(std::fs::TryLockError::Error(e)) => Err(StoreError::Backend(format!("{}: {e}", name.to_string_lossy()))),
    }
}

impl Store for SqliteStore {
    fn engine(&self) -> &'static str {
        "sqlite"
    }

    fn submit(&self, spec: Spec, body: WriteBody, done: Done) {
        if self.writer.is_none() {
            return done(Err(StoreError::Backend("the database was opened for reading only".into()).into()));
        }
        if let Err(e) = self.refuse_inside() {
            return done(Err(e.into()));
        }
        if let Err((refused, done)) = self.queue.push(Job { spec, body, done }) {
            done(Err(refused.into()));
        }
    }

    fn read(&self, _: &'static str, mut body: ReadBody) -> Result<(), Error> {
        self.refuse_inside()?;
        self.readers.with(|conn| {
            conn.0.execute_batch("BEGIN").map_err(|e| error(&e, "begin"))?;
            let _inside = Inside::enter(&self.shared);
            let mut tx = SqlTx::new(conn, None, Projected::Seen(&self.shared.published));
            let result = catch_unwind(AssertUnwindSafe(|| body(&mut tx))).unwrap_or(Err(StoreError::Panicked.into()));
            let result = settle(result, tx.finish().poison);
            let _ = conn.0.execute_batch("ROLLBACK"); // a read has nothing to lose
            result
        })
    }

    fn published(&self) -> &Published {
        &self.shared.published
    }

    fn signal(&self) -> &Signal {
        &self.shared.signal
    }

    fn whisper(&self, note: &str) {
        self.shared.signal.hear(note);
    }

    fn shared(&self) -> bool {
        false
    }

    fn check(&self) -> StoreResult<()> {
        if self.writer.as_ref().is_none_or(JoinHandle::is_finished) {
            return Err(StoreError::Closed);
        }
        self.readers.with(|conn| conn.0.query_row("SELECT 1", [], |_| Ok(())).map_err(|e| error(&e, "check").into())).map_err(|e: Error| {
            match e {
                Error::Store(e) => e,
                other => StoreError::Backend(other.to_string()),
            }
        })
    }
}

struct Job {
    spec: Spec,
    body: WriteBody,
    done: Done,
}

#[derive(Default)]
struct Lanes {
    interactive: VecDeque<Job>,
    bulk: VecDeque<Job>,
    closed: bool,
}

/// Writes that wait, in two lanes.
#[derive(Default)]
struct Queue {
    lanes: Mutex<Lanes>,
    arrived: Condvar,
}

impl Queue {
    fn lock(&self) -> std::sync::MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner) // no code panics while holding it
    }

    fn push(&self, job: Job) -> Result<(), (StoreError, Done)> {
        let mut lanes = self.lock();
        if lanes.closed {
            return Err((StoreError::Closed, job.done));
        }
        let lane = match job.spec.priority {
            Priority::Interactive => &mut lanes.interactive,
            Priority::Bulk => &mut lanes.bulk,
        };
        if lane.len() >= limits::WRITE_QUEUE_MAX {
            return Err((StoreError::Busy, job.done));
        }
        lane.push_back(job);
        drop(lanes);
        self.arrived.notify_one();
        Ok(())
    }

    fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_one();
    }

    /// The lane to serve next; blocks. Bulk has its turn after each batch of interactive writes, alone, so
    /// that nobody's chat waits for more than one chunk. `None` once closed and drained.
    fn next_lane(&self, served_last: Priority) -> Option<Priority> {
        let mut lanes = self.lock();
        loop {
            match (lanes.interactive.is_empty(), lanes.bulk.is_empty()) {
                (true, true) if lanes.closed => return None,
                (true, true) => lanes = self.arrived.wait(lanes).unwrap_or_else(PoisonError::into_inner),
                (false, true) => return Some(Priority::Interactive),
                (true, false) => return Some(Priority::Bulk),
                (false, false) if served_last == Priority::Interactive => return Some(Priority::Bulk),
                (false, false) => return Some(Priority::Interactive),
            }
        }
    }

    fn pop(&self, lane: Priority) -> Option<Job> {
        let mut lanes = self.lock();
        match lane {
            Priority::Interactive => lanes.interactive.pop_front(),
            Priority::Bulk => lanes.bulk.pop_front(),
        }
    }
}

struct Writer {
    conn: SqliteConn,
    tentative: Projections,
    shared: Arc<Shared>,
}

/// What shares one commit.
#[derive(Default)]
struct Batch {
    ran: Vec<(Job, Result<(), Error>)>,
    changes: Vec<Change>,
    /// From then on each body has a savepoint of its own.
    careful: bool,
}

/// How one run of a body ended.
struct Run {
    outcome: Result<(), Error>,
    changes: Vec<Change>,
    /// Whether it wrote anything, also if that is taken back by now.
    wrote: bool,
}

impl Run {
    fn too_long(&self) -> bool {
        matches!(self.outcome, Err(Error::Store(StoreError::TooLong { .. })))
    }
}

impl Writer {
    fn run(mut self, queue: &Queue) {
        let mut served = Priority::Bulk;
        while let Some(lane) = queue.next_lane(served) {
            served = lane;
            self.batch(queue, lane);
        }
    }

    fn batch(&mut self, queue: &Queue, lane: Priority) {
        let jobs_max = if lane == Priority::Bulk { 1 } else { limits::BATCH_JOBS_MAX };
        let (end, mut batch) = (now() + limits::BATCH_SLICE, Batch::default());
        let mut broken = self.conn.run("BEGIN IMMEDIATE").err();
        while batch.ran.len() < jobs_max && (batch.ran.is_empty() || now() < end) && broken.is_none() {
            let Some(job) = queue.pop(lane) else { break };
            broken = self.take_in(&mut batch, job).err();
        }
        if batch.ran.is_empty() {
            // BEGIN failed: refuse one waiting write with the reason rather than spin on all of them.
            if let (Some(e), Some(job)) = (broken, queue.pop(lane)) {
                (job.done)(Err(e.into()));
            } else {
                let _ = self.conn.run("ROLLBACK");
            }
            return;
        }
        if planted(Bug::AnswerBeforeCommit) && lane == Priority::Interactive {
            batch.ran.drain(..).for_each(|(job, outcome)| (job.done)(outcome));
        }
        if broken.is_none() {
            broken = self.conn.run("COMMIT").err().map(|e| StoreError::Unknown(e.to_string()));
        }
        match &broken {
            None => self.publish(&batch.changes),
            Some(_) => {
                let _ = self.conn.run("ROLLBACK"); // fails when the engine has rolled back already
                self.undo(&batch.changes);
            }
        }
        for (job, outcome) in batch.ran {
            (job.done)(match (&broken, outcome) {
                (Some(e), Ok(())) => Err(e.clone().into()),
                (_, outcome) => outcome,
            });
        }
        if broken.is_none() {
            self.shared.signal.notify();
        }
    }

    /// Runs one body into the batch. Nearly every body succeeds, or fails before it has written: savepoints, which
    /// cost as much as several rows, come in only when one fails half-way. Then the batch starts over without it.
    ///
    /// # Errors
    /// What broke the transaction: nothing of the batch is there.
    fn take_in(&mut self, batch: &mut Batch, mut job: Job) -> StoreResult<()> {
        let mut run = if batch.careful { self.patiently(&mut job, limits::TX_SLOW_ATTEMPTS_MAX) } else { self.once(&mut job) };
        batch.changes.append(&mut run.changes);
        let mut intact = self.open_still();
        if intact.is_ok() && !batch.careful && run.outcome.is_err() {
            if run.wrote && !planted(Bug::SavepointNotRolledBack) {
                intact = self.start_over(batch);
            }
            if intact.is_ok() && run.too_long() {
                run = self.patiently(&mut job, limits::TX_SLOW_ATTEMPTS_MAX - 1);
                batch.changes.append(&mut run.changes);
                intact = self.open_still();
            }
        }
        batch.ran.push((job, run.outcome));
        intact
    }

    /// Takes everything back and runs again, each in its savepoint, what had succeeded.
    fn start_over(&mut self, batch: &mut Batch) -> StoreResult<()> {
        let Batch { ran, changes, .. } = std::mem::replace(batch, Batch { careful: true, ..Batch::default() });
        self.undo(&changes);
        let begun = self.conn.run("ROLLBACK").and_then(|()| self.conn.run("BEGIN IMMEDIATE"));
        let mut broken = begun.err().map(|e| StoreError::Unknown(e.to_string()));
        for (job, outcome) in ran {
            match (&broken, &outcome) {
                (None, Ok(())) => broken = self.take_in(batch, job).err(),
                _ => batch.ran.push((job, outcome)),
            }
        }
        broken.map_or(Ok(()), Err)
    }

    /// Whether the engine has not ended the whole transaction by itself, and what came before in it with it.
    fn open_still(&self) -> StoreResult<()> {
        if self.conn.0.is_autocommit() { Err(StoreError::Unknown("the engine ended the transaction".into())) } else { Ok(()) }
    }

    /// Runs one body in a savepoint, again if it took too long.
    fn patiently(&mut self, job: &mut Job, attempts: u32) -> Run {
        for _ in 1..attempts {
            let run = self.in_savepoint(job);
            if !run.too_long() || self.open_still().is_err() {
                return run;
            }
        }
        self.in_savepoint(job)
    }

    /// Runs one body in a savepoint: what it changed is taken back when it fails.
    fn in_savepoint(&mut self, job: &mut Job) -> Run {
        if let Err(e) = self.conn.run("SAVEPOINT body") {
            return Run { outcome: Err(e.into()), changes: Vec::new(), wrote: false };
        }
        let mut run = self.once(job);
        if run.outcome.is_ok() {
            run.outcome = self.conn.run("RELEASE body").map_err(Error::from);
        } else {
            let _ = self.conn.run("ROLLBACK TO body; RELEASE body"); // fails when the engine has rolled back already
        }
        if run.outcome.is_err() {
            self.undo(&std::mem::take(&mut run.changes));
        }
        run
    }

    /// Runs one body.
    fn once(&mut self, job: &mut Job) -> Run {
        let deadline = Deadline::after(limits::TX_TIME_MAX);
        let mut tx = SqlTx::new(&mut self.conn, Some(deadline), Projected::Driven(&mut self.tentative));
        let result = catch_unwind(AssertUnwindSafe(|| (job.body)(&mut tx))).unwrap_or(Err(StoreError::Panicked.into()));
        let Ended { changes, poison, wrote } = tx.finish();
        let outcome = settle(result, poison);
        if let Err(e) = &outcome {
            tracing::debug!(operation = job.spec.name, error = %e, "write rolled back");
        }
        Run { outcome, changes, wrote }
    }

    fn publish(&mut self, changes: &[Change]) {
        if changes.is_empty() {
            return;
        }
        let told = self.shared.published.update(|p| changes.iter().try_for_each(|c| p.apply(c)));
        if let Err(e) = told {
            tracing::error!(error = %e, "published projections differ from the rows; rebuilding");
            let mut tx = SqlTx::new(&mut self.conn, None, Projected::Absent);
            if let Err(e) = self.shared.published.update(|p| p.rebuild(&mut tx)) {
                tracing::error!(error = %e, "rebuild failed");
            }
        }
    }

    fn undo(&mut self, changes: &[Change]) {
        if planted(Bug::ProjectionNotUndone) {
            return;
        }
        if let Err(e) = self.tentative.undo(changes) {
            tracing::error!(error = %e, "projections could not be taken back; rebuilding");
            let mut tx = SqlTx::new(&mut self.conn, None, Projected::Absent);
            if let Err(e) = self.tentative.rebuild(&mut tx) {
                tracing::error!(error = %e, "rebuild failed");
            }
        }
    }
}

/// Only FULL syncs the WAL at each commit.
fn synchronous() -> &'static str {
    if planted(Bug::FsyncDropped) {
        "NORMAL"
    } else if planted(Bug::FsyncNever) {
        "OFF"
    } else {
        "FULL"
    }
}

/// Connections for reading, opened as needed up to a limit.
struct Readers {
    path: PathBuf,
    pool: Mutex<Pool>,
    returned: Condvar,
}

#[derive(Default)]
struct Pool {
    idle: Vec<SqliteConn>,
    open: usize,
}

impl Readers {
    fn new(path: PathBuf) -> Self {
        Self { path, pool: Mutex::default(), returned: Condvar::new() }
    }

    fn with<R>(&self, run: impl FnOnce(&mut SqliteConn) -> Result<R, Error>) -> Result<R, Error> {
        let mut conn = self.take()?;
        let result = catch_unwind(AssertUnwindSafe(|| run(&mut conn)));
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(result) => {
                pool.idle.push(conn);
                self.returned.notify_one();
                result
            }
            Err(_) => {
                pool.open -= 1; // its state is unknown: let it go
                self.returned.notify_one();
                Err(StoreError::Panicked.into())
            }
        }
    }

    fn close_idle(&self) {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner).idle.clear();
    }

    fn take(&self) -> StoreResult<SqliteConn> {
        let pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |pool: &mut Pool| pool.idle.is_empty() && pool.open >= limits::READERS_MAX;
        let (mut pool, timed_out) =
            self.returned.wait_timeout_while(pool, limits::READER_WAIT_MAX, full).unwrap_or_else(PoisonError::into_inner);
        if let Some(conn) = pool.idle.pop() {
            return Ok(conn);
        }
        if timed_out.timed_out() {
            return Err(StoreError::Busy);
        }
        pool.open += 1;
        drop(pool);
        SqliteConn::open(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY).inspect_err(|_| {
            self.pool.lock().unwrap_or_else(PoisonError::into_inner).open -= 1;
        })
    }
}

impl SqliteConn {
    fn open(path: &Path, flags: OpenFlags) -> StoreResult<Self> {
        let open = || -> rusqlite::Result<Connection> {
            let conn = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
            conn.busy_timeout(limits::SQLITE_BUSY_WAIT)?;
            conn.set_prepared_statement_cache_capacity(limits::PREPARED_STATEMENTS_MAX);
            // Else SQLite looks at what is bound, a LIMIT say, and plans every statement anew each time it runs.
            conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
            if flags.contains(OpenFlags::SQLITE_OPEN_READ_WRITE) {
                conn.pragma_update(None, "journal_mode", "WAL")?;
                conn.pragma_update(None, "synchronous", synchronous())?;
                conn.pragma_update(None, "foreign_keys", true)?;
                conn.pragma_update(None, "wal_autocheckpoint", limits::WAL_CHECKPOINT_PAGES)?;
                // Savepoints keep what they may have to take back in memory, and a batch stays there until it commits.
                conn.pragma_update(None, "temp_store", "MEMORY")?;
                conn.pragma_update(None, "cache_spill", false)?;
                conn.pragma_update(None, "cache_size", -limits::WRITER_CACHE_KIB)?;
            }
            Ok(conn)
        };
        let conn = open().map_err(|e| error(&e, "open"))?;
        // Only FULL makes an answered commit survive a power cut in WAL mode; 2 is FULL.
        let synchronous: i64 = conn.pragma_query_value(None, "synchronous", |row| row.get(0)).map_err(|e| error(&e, "open"))?;
        let meant = planted(Bug::FsyncDropped) || planted(Bug::FsyncNever);
        if flags.contains(OpenFlags::SQLITE_OPEN_READ_WRITE) && synchronous != 2 && !meant {
            return Err(StoreError::Backend(format!("synchronous is {synchronous}, not FULL")));
        }
        Ok(Self(conn))
    }

    fn run(&self, sql: &str) -> StoreResult<()> {
        if sql.contains(';') {
            return self.0.execute_batch(sql).map_err(|e| error(&e, "transaction"));
        }
        self.0.prepare_cached(sql).and_then(|mut s| s.execute([])).map(drop).map_err(|e| error(&e, "transaction"))
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(i) => ValueRef::Integer(*i),
            Self::Text(s) => ValueRef::Text(s.as_bytes()),
            Self::Bytes(b) => ValueRef::Blob(b),
        }))
    }
}

impl SqlConn for SqliteConn {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn execute(&mut self, sql: &str, params: &[&Value], table: &'static str) -> StoreResult<u64> {
        if planted(Bug::AnswerRememberedApart) && table == "idempotency" {
            self.run("COMMIT; BEGIN IMMEDIATE; SAVEPOINT body")?;
        }
        let run = || self.0.prepare_cached(sql)?.execute(params_from_iter(params));
        run().map(|n| n as u64).map_err(|e| error(&e, table))
    }

    fn query(&mut self, sql: &str, params: &[&Value], columns: &[Column]) -> StoreResult<Vec<Row>> {
        let read = || -> rusqlite::Result<Vec<Row>> {
            let mut statement = self.0.prepare_cached(sql)?;
            let mut rows = statement.query(params_from_iter(params))?;
            let mut out = Vec::new();
            while let Some(row) = rows.next()? {
                let mut values = Row::with_capacity(columns.len());
                for (i, column) in columns.iter().enumerate() {
                    values.push(value(row.get_ref(i)?, column, i)?);
                }
                out.push(values);
            }
            Ok(out)
        };
        read().map_err(|e| error(&e, "query"))
    }
}

fn value(found: ValueRef<'_>, column: &Column, i: usize) -> rusqlite::Result<Value> {
    match (found, column.kind) {
        (ValueRef::Null, _) => Ok(Value::Null),
        (ValueRef::Integer(n), Kind::Int) => Ok(Value::Int(n)),
        (ValueRef::Text(t), Kind::Text) => Ok(Value::Text(std::str::from_utf8(t)?.into())),
        (ValueRef::Blob(b), Kind::Bytes) => Ok(Value::Bytes(Bytes::from_slice(b))),
        (other, _) => Err(rusqlite::Error::InvalidColumnType(i, column.name.into(), other.data_type())),
    }
}

fn error(e: &rusqlite::Error, table: &'static str) -> StoreError {
    let text = e.to_string();
    match e {
        rusqlite::Error::SqliteFailure(failure, _) => match (failure.code, failure.extended_code) {
            (ErrorCode::ConstraintViolation, rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE | rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY) => {
                StoreError::Duplicate { table }
            }
            (ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked, _) => StoreError::Busy,
            (ErrorCode::DiskFull, _) => StoreError::Full(text),
            (ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase, _) => StoreError::Corrupt(text),
            _ => StoreError::Backend(text),
        },
        rusqlite::Error::InvalidColumnType(..) | rusqlite::Error::Utf8Error(..) => StoreError::Corrupt(text),
        _ => StoreError::Backend(text),
    }
}
