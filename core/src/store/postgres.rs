//! PostgreSQL: several hosts on one database.
//!
//! The synchronous client starts a runtime of its own and panics inside another one, so clients are made, used
//! and dropped only on this store's threads: a few for writes, a few for reads, one that listens and follows
//! the journal, one that gives hints. Callers hand over owned bodies and wait.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use fallible_iterator::FallibleIterator;
use postgres::error::{DbError, Severity, SqlState};
use postgres::types::{IsNull, ToSql, Type};
use postgres::{Client, NoTls, Statement};

use super::deadline::Deadline;
use super::sql::{Dialect, Projected, SqlConn, SqlTx};
use super::{
    Bytes, Column, Done, Isolation, Kind, MakeProjections, Priority, Projections, Published, ReadBody, Row, Signal, Spec, Store,
    StoreError, StoreExt, StoreResult, Value, WriteBody, migrate, settle, ticket,
};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::journal::{self, Cursor};
use crate::limits;
use crate::planted::{Bug, planted};

const WRITERS: usize = limits::POSTGRES_CONNECTIONS - READERS;
const READERS: usize = 3;
/// Arbitrary, the same in every host: whoever holds it migrates.
const MIGRATION_LOCK: &str = "7308895163426958";
/// The journal is looked at this often even if a hint was lost.
const FOLLOW_EVERY: Duration = Duration::from_millis(250);

/// See the [module](self).
pub struct PostgresStore {
    inner: Arc<Inner>,
    threads: Vec<JoinHandle<()>>,
    applied: Vec<i64>,
}

struct Inner {
    url: String,
    writes: Lane<Work>,
    reads: Lane<Work>,
    hints: Lane<Hint>,
    published: Published,
    signal: Signal,
    closing: AtomicBool,
}

enum Work {
    Write(Spec, WriteBody, Done),
    Read(ReadBody, Done),
}

enum Hint {
    Committed,
    Whisper(String),
}

impl PostgresStore {
    /// Connects, migrates, and starts the threads. `url` is a URL or a `key=value` string.
    ///
    /// # Errors
    /// `Newer` or `Altered` for a foreign schema; `Backend` for a server that cannot be reached or whose
    /// database does not sort by bytes (create it with `LOCALE 'C' TEMPLATE template0`).
    pub fn connect(url: &str, now: Timestamp, make: MakeProjections) -> Result<Arc<Self>, Error> {
        Self::start(url, Some(now), make)
    }

    /// The same for a database that is as this program wants it already: nothing is migrated.
    pub fn connect_as_it_is(url: &str, make: MakeProjections) -> Result<Arc<Self>, Error> {
        Self::start(url, None, make)
    }

    fn start(url: &str, migrate_at: Option<Timestamp>, make: MakeProjections) -> Result<Arc<Self>, Error> {
        let (answer, opened) = ticket();
        let url = url.to_owned();
        // On a thread of its own: the caller may be inside an async runtime.
        let opening = std::thread::spawn(move || {
            answer.send(open(&url, migrate_at, make));
        });
        let result = opened.wait();
        let _ = opening.join(); // a panic inside was answered as "unknown"
        let (inner, listening, cursor, applied) = result?;
        let mut store = Self { inner, threads: Vec::new(), applied };
        for _ in 0..WRITERS {
            store.spawn("zhengna-pg-write", |inner| worker(&inner, |inner| &inner.writes))?;
        }
        for _ in 0..READERS {
            store.spawn("zhengna-pg-read", |inner| worker(&inner, |inner| &inner.reads))?;
        }
        store.spawn("zhengna-pg-hint", |inner| give_hints(&inner))?;
        store.spawn("zhengna-pg-follow", move |inner| follow(&inner, make, listening, cursor))?;
        Ok(Arc::new(store))
    }

    /// Migrations that connecting applied.
    pub fn applied(&self) -> &[i64] {
        &self.applied
    }

    fn spawn(&mut self, name: &str, run: impl FnOnce(Arc<Inner>) + Send + 'static) -> StoreResult<()> {
        let inner = self.inner.clone();
        let thread = std::thread::Builder::new().name(name.into()).spawn(move || run(inner));
        self.threads.push(thread.map_err(|e| StoreError::Backend(format!("a storage thread did not start: {e}")))?);
        Ok(())
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        self.inner.closing.store(true, Ordering::SeqCst);
        self.inner.writes.close();
        self.inner.reads.close();
        self.inner.hints.close();
        for thread in self.threads.drain(..).filter(|t| t.thread().id() != std::thread::current().id()) {
            let _ = thread.join(); // whatever it was doing was answered as "unknown"
        }
    }
}

/// What is shared, a connection that hears what others whisper from now on, how far the projections got, and the migrations that were applied.
fn open(url: &str, migrate_at: Option<Timestamp>, make: MakeProjections) -> Result<(Arc<Inner>, PgConn, Cursor, Vec<i64>), Error> {
    let mut conn = PgConn::connect(url)?;
    let collate = conn.text("SELECT datcollate FROM pg_database WHERE datname = current_database()")?;
    if !matches!(collate.as_str(), "C" | "POSIX" | "C.UTF-8" | "C.utf8") {
        return Err(StoreError::Backend(format!("the database sorts by {collate}; create it with LOCALE 'C' TEMPLATE template0")).into());
    }
    // An ICU or builtin locale stands elsewhere, with a datcollate of C: see what the server does.
    if conn.text("SELECT CAST('a' < 'B' OR 'Z' > 'a' OR '征' < 'z' AS TEXT)")? != "false" {
        return Err(StoreError::Backend(
            "the database does not sort by bytes; create it with LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0".into(),
        )
        .into());
    }
    if conn.text("SHOW synchronous_commit")? == "off" {
        tracing::warn!("synchronous_commit is off: what this host acknowledges may be lost when PostgreSQL crashes");
    }
    let applied = match migrate_at {
        Some(now) => migrate_alone(&mut conn, now)?,
        None => {
            migrate::require_current(&mut conn)?;
            Vec::new()
        }
    };
    // Before anybody has the store: what they whisper next is heard.
    listen(&mut conn)?;
    let (mut projections, cursor) = (Projections::new(make), {
        let mut tx = SqlTx::new(&mut conn, None, Projected::Absent);
        // First the cursor, then the rows: what commits in between is followed twice, never missed.
        journal::end(&mut tx)?
    });
    let mut tx = SqlTx::new(&mut conn, None, Projected::Absent);
    projections.rebuild(&mut tx)?;
    let inner = Inner {
        url: url.to_owned(),
        writes: Lane::default(),
        reads: Lane::default(),
        hints: Lane::default(),
        published: Published::new(projections),
        signal: Signal::default(),
        closing: AtomicBool::new(false),
    };
    Ok((Arc::new(inner), conn, cursor, applied))
}

/// Migrates while no other host does.
fn migrate_alone(conn: &mut PgConn, now: Timestamp) -> StoreResult<Vec<i64>> {
    conn.text(&format!("SELECT CAST(pg_advisory_lock({MIGRATION_LOCK}) AS TEXT)"))?;
    let migrated = migrate::migrate(conn, now, |conn, sql| conn.client.batch_execute(sql).map_err(|e| error(&e, "schema_migration")));
    conn.text(&format!("SELECT CAST(pg_advisory_unlock({MIGRATION_LOCK}) AS TEXT)"))?;
    migrated
}

impl Store for PostgresStore {
    fn engine(&self) -> &'static str {
        "postgres"
    }

    fn submit(&self, spec: Spec, body: WriteBody, done: Done) {
        if self.is_own_thread() {
            return done(Err(StoreError::Backend("a transaction body called the store; pass the transaction on instead".into()).into()));
        }
        if let Err((refused, Work::Write(_, _, done) | Work::Read(_, done))) =
            self.inner.writes.push(Work::Write(spec, body, done), spec.priority)
        {
            done(Err(refused.into()));
        }
    }

    fn read(&self, _: &'static str, body: ReadBody) -> Result<(), Error> {
        if self.is_own_thread() {
            return Err(StoreError::Backend("a transaction body called the store; pass the transaction on instead".into()).into());
        }
        let (answer, waiting) = ticket();
        let done: Done = Box::new(move |outcome| answer.send(outcome));
        if let Err((refused, _)) = self.inner.reads.push(Work::Read(body, done), Priority::Interactive) {
            return Err(refused.into());
        }
        waiting.wait()
    }

    fn published(&self) -> &Published {
        &self.inner.published
    }

    fn signal(&self) -> &Signal {
        &self.inner.signal
    }

    fn whisper(&self, note: &str) {
        // A whisper that finds the queue full is lost, as whispers may be.
        let _ = self.inner.hints.push(Hint::Whisper(note.to_owned()), Priority::Bulk);
    }

    fn shared(&self) -> bool {
        true
    }

    fn check(&self) -> StoreResult<()> {
        self.query("check", |_| Ok(())).map_err(|e| match e {
            Error::Store(e) => e,
            other => StoreError::Backend(other.to_string()),
        })
    }
}

impl PostgresStore {
    fn is_own_thread(&self) -> bool {
        let me = std::thread::current().id();
        self.threads.iter().any(|t| t.thread().id() == me)
    }
}

/// Work that waits for a thread; interactive work first.
struct Lane<T> {
    waiting: Mutex<Waiting<T>>,
    arrived: Condvar,
}

struct Waiting<T> {
    interactive: VecDeque<T>,
    bulk: VecDeque<T>,
    closed: bool,
}

impl<T> Default for Lane<T> {
    fn default() -> Self {
        Self {
            waiting: Mutex::new(Waiting { interactive: VecDeque::new(), bulk: VecDeque::new(), closed: false }),
            arrived: Condvar::new(),
        }
    }
}

impl<T> Lane<T> {
    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner) // no code panics while holding it
    }

    fn push(&self, item: T, priority: Priority) -> Result<(), (StoreError, T)> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err((StoreError::Closed, item));
        }
        let queue = if priority == Priority::Interactive { &mut waiting.interactive } else { &mut waiting.bulk };
        if queue.len() >= limits::WRITE_QUEUE_MAX {
            return Err((StoreError::Busy, item));
        }
        queue.push_back(item);
        drop(waiting);
        self.arrived.notify_one();
        Ok(())
    }

    fn pop(&self) -> Option<T> {
        let mut waiting = self.lock();
        loop {
            if let Some(item) = waiting.interactive.pop_front() {
                return Some(item);
            }
            if let Some(item) = waiting.bulk.pop_front() {
                return Some(item);
            }
            if waiting.closed {
                return None;
            }
            waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }
}

fn worker(inner: &Arc<Inner>, lane: impl Fn(&Inner) -> &Lane<Work>) {
    let mut conn = None;
    while let Some(work) = lane(inner).pop() {
        match work {
            Work::Read(mut body, done) => done(read(inner, &mut conn, &mut body)),
            Work::Write(spec, mut body, done) => {
                let outcome = write(inner, &mut conn, spec, &mut body);
                let committed = outcome.is_ok();
                done(outcome);
                if committed {
                    inner.signal.notify();
                    let _ = inner.hints.push(Hint::Committed, Priority::Interactive); // full: hints are under way already
                }
            }
        }
    }
}

/// The connection of this thread, made anew when the last one broke.
fn connection<'a>(inner: &Inner, slot: &'a mut Option<PgConn>) -> StoreResult<&'a mut PgConn> {
    if slot.as_ref().is_none_or(|c| c.client.is_closed()) {
        *slot = Some(PgConn::connect(&inner.url)?);
    }
    slot.as_mut().ok_or(StoreError::Closed) // was filled the line before
}

fn read(inner: &Inner, slot: &mut Option<PgConn>, body: &mut ReadBody) -> Result<(), Error> {
    let conn = connection(inner, slot)?;
    conn.client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").map_err(|e| error(&e, "begin"))?;
    let mut tx = SqlTx::new(conn, None, Projected::Seen(&inner.published));
    let result = catch_unwind(AssertUnwindSafe(|| body(&mut tx))).unwrap_or(Err(StoreError::Panicked.into()));
    let result = settle(result, tx.finish().poison);
    if conn.client.batch_execute("ROLLBACK").is_err() {
        *slot = None; // a read has nothing to lose, the connection does
    }
    result
}

fn write(inner: &Inner, slot: &mut Option<PgConn>, spec: Spec, body: &mut WriteBody) -> Result<(), Error> {
    let mut attempt = 1;
    loop {
        let result = attempt_write(inner, slot, spec, body);
        match result {
            // A duplicate may be a rival that inserted first: run again once, and the body sees the rival's row.
            Err(Error::Store(ref e)) if attempt < attempts_for(e) => {
                tracing::debug!(operation = spec.name, attempt, "conflict, running again");
                // Rivals that met once should not meet again in step; the thread's address differs between rivals.
                let spread = (std::ptr::from_ref(&attempt) as usize >> 6) as u64 % 4;
                std::thread::sleep(Duration::from_millis(u64::from(attempt) + spread));
                attempt += 1;
            }
            other => return other,
        }
    }
}

fn attempts_for(e: &StoreError) -> u32 {
    match e {
        StoreError::Conflict => limits::TX_ATTEMPTS_MAX,
        StoreError::Duplicate { .. } => 2,
        StoreError::TooLong { .. } => limits::TX_SLOW_ATTEMPTS_MAX,
        _ => 1,
    }
}

fn attempt_write(inner: &Inner, slot: &mut Option<PgConn>, spec: Spec, body: &mut WriteBody) -> Result<(), Error> {
    let conn = connection(inner, slot)?;
    let begin = match spec.isolation {
        Isolation::Guarded => "BEGIN ISOLATION LEVEL READ COMMITTED",
        Isolation::Serializable if planted(Bug::SerializableDowngraded) => "BEGIN ISOLATION LEVEL READ COMMITTED",
        Isolation::Serializable => "BEGIN ISOLATION LEVEL SERIALIZABLE",
    };
    conn.client.batch_execute(begin).map_err(|e| error(&e, "begin"))?;
    let mut tx = SqlTx::new(conn, Some(Deadline::after(limits::TX_TIME_MAX)), Projected::Absent);
    let result = catch_unwind(AssertUnwindSafe(|| body(&mut tx))).unwrap_or(Err(StoreError::Panicked.into()));
    let poison = tx.finish().poison;
    let result = settle(result, poison);
    if result.is_err() {
        if conn.client.batch_execute("ROLLBACK").is_err() {
            *slot = None; // not committed: the server rolls back what a lost connection leaves
        }
        return result;
    }
    match conn.client.batch_execute("COMMIT") {
        Ok(()) => Ok(()),
        // The server says it did not commit.
        Err(e) if e.as_db_error().is_some_and(refuses) && !conn.client.is_closed() => {
            let _ = conn.client.batch_execute("ROLLBACK"); // already rolled back by the failed COMMIT
            Err(error(&e, "commit").into())
        }
        Err(e) => {
            *slot = None;
            Err(unknown(&e).into())
        }
    }
}

/// Whether an answer to COMMIT means that it was not done. One that ends the connection says nothing of the kind, nor one
/// about connections (08), the operator (57), the system (58) or a fault (XX): it may come from a pooler whose server
/// went away after it had passed the COMMIT on.
fn refuses(e: &DbError) -> bool {
    let unclear = ["08", "57", "58", "XX"].iter().any(|class| e.code().code().starts_with(class));
    e.parsed_severity() == Some(Severity::Error) && !unclear && *e.code() != SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN
}

/// Nobody knows whether the COMMIT was done: neither run again nor told as a failure.
fn unknown(e: &postgres::Error) -> StoreError {
    match () {
        () if planted(Bug::UnknownCommitRetried) => StoreError::Conflict,
        () if planted(Bug::UnknownToldFailed) => StoreError::Backend(e.to_string()),
        () => StoreError::Unknown(e.to_string()),
    }
}

/// Tells other hosts: whispers one by one, commits coalesced into one NOTIFY, never inside a business transaction.
fn give_hints(inner: &Inner) {
    let mut slot = None;
    while let Some(hint) = inner.hints.pop() {
        let payload = match hint {
            Hint::Committed => {
                inner.hints.lock().interactive.clear();
                String::new()
            }
            Hint::Whisper(note) => note,
        };
        let told = connection(inner, &mut slot)
            .and_then(|c| c.execute("SELECT pg_notify('zhengna', $1)", &[&Value::Text(payload.into())], "notify"));
        if let Err(e) = told {
            // Only a hint: others look at the journal by themselves a moment later.
            tracing::warn!(error = %e, "hint not given");
            slot = None;
        }
    }
}

/// Keeps the published projections in step with what every host, this one too, has committed.
fn follow(inner: &Inner, make: MakeProjections, listening: PgConn, mut cursor: Cursor) {
    let (mut slot, mut broken) = (Some(listening), false);
    while !inner.closing.load(Ordering::SeqCst) {
        broken |= slot.as_ref().is_none_or(|conn| conn.client.is_closed());
        let result = (|| -> Result<(), Error> {
            let conn = connection(inner, &mut slot)?;
            if broken {
                listen(conn)?;
                // After a failure nobody knows how far the projections got: begin again from the rows.
                let mut tx = SqlTx::new(conn, None, Projected::Absent);
                let mut fresh = Projections::new(make);
                cursor = journal::end(&mut tx)?;
                fresh.rebuild(&mut tx)?;
                inner.published.update(|p| *p = fresh);
            }
            for note in wait(&mut conn.client, FOLLOW_EVERY)? {
                if note.is_empty() { inner.signal.notify() } else { inner.signal.hear(&note) }
            }
            let mut tx = SqlTx::new(conn, None, Projected::Absent);
            loop {
                let events = journal::after(&mut tx, cursor, limits::EVENTS_PAGE_MAX)?;
                let Some(last) = events.last().map(journal::Event::cursor) else { return Ok(()) };
                for event in &events {
                    inner.published.update(|p| p.follow(event, &mut tx))?;
                }
                cursor = last;
                inner.signal.notify();
            }
        })();
        broken = result.is_err();
        if let Err(e) = result {
            tracing::warn!(error = %e, "following the journal failed; starting again");
            slot = None;
            std::thread::sleep(FOLLOW_EVERY);
        }
    }
}

fn listen(conn: &mut PgConn) -> StoreResult<()> {
    conn.client.batch_execute("LISTEN zhengna").map_err(|e| error(&e, "listen"))
}

fn wait(client: &mut Client, timeout: Duration) -> StoreResult<Vec<String>> {
    let mut notes = Vec::new();
    let mut notifications = client.notifications();
    let first = notifications.timeout_iter(timeout).next().map_err(|e| error(&e, "listen"))?;
    notes.extend(first.map(|n| n.payload().to_owned()));
    while let Some(next) = notifications.iter().next().map_err(|e| error(&e, "listen"))? {
        notes.push(next.payload().to_owned());
    }
    Ok(notes)
}

/// One PostgreSQL connection with its prepared statements.
pub(crate) struct PgConn {
    client: Client,
    statements: HashMap<String, Statement>,
}

impl PgConn {
    fn connect(url: &str) -> StoreResult<Self> {
        let mut config: postgres::Config =
            url.parse().map_err(|e: postgres::Error| StoreError::Backend(format!("connection string: {e}")))?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(5));
        }
        // A server that is gone without a word must not hold a thread for hours, which is what TCP does by itself.
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(limits::POSTGRES_SILENCE_MAX);
        }
        if config.get_keepalives_interval().is_none() && config.get_keepalives_retries().is_none() {
            let probe = limits::POSTGRES_SILENCE_MAX / 4;
            config.keepalives_interval(probe).keepalives_retries(3);
            if config.get_keepalives_idle() == postgres::Config::new().get_keepalives_idle() {
                config.keepalives_idle(probe);
            }
        }
        config.application_name("zhengna");
        let mut client = config.connect(NoTls).map_err(|e| error(&e, "connect"))?;
        client
            .batch_execute("SET statement_timeout = '5s'; SET lock_timeout = '2s'; SET idle_in_transaction_session_timeout = '5s'; SET client_min_messages = 'warning'")
            .map_err(|e| error(&e, "connect"))?;
        Ok(Self { client, statements: HashMap::new() })
    }

    fn text(&mut self, sql: &str) -> StoreResult<String> {
        self.client.query_one(sql, &[]).and_then(|row| row.try_get(0)).map_err(|e| error(&e, "query"))
    }

    fn prepared(&mut self, sql: &str) -> Result<Statement, postgres::Error> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql)?;
        if self.statements.len() >= limits::PREPARED_STATEMENTS_MAX {
            self.statements.clear();
        }
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

impl SqlConn for PgConn {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn execute(&mut self, sql: &str, params: &[&Value], table: &'static str) -> StoreResult<u64> {
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|p| *p as _).collect();
        let run = |conn: &mut Self| {
            let statement = conn.prepared(sql)?;
            conn.client.execute(&statement, &params)
        };
        run(self).map_err(|e| error(&e, table))
    }

    fn query(&mut self, sql: &str, params: &[&Value], columns: &[Column]) -> StoreResult<Vec<Row>> {
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|p| *p as _).collect();
        let run = |conn: &mut Self| {
            let statement = conn.prepared(sql)?;
            conn.client.query(&statement, &params)
        };
        let rows = run(self).map_err(|e| error(&e, "query"))?;
        rows.iter().map(|row| (0..columns.len()).map(|i| value(row, i, &columns[i])).collect()).collect()
    }
}

fn value(row: &postgres::Row, i: usize, column: &Column) -> StoreResult<Value> {
    let found = match column.kind {
        Kind::Int => row.try_get::<_, Option<i64>>(i).map(|v| v.map(Value::Int)),
        Kind::Text => row.try_get::<_, Option<&str>>(i).map(|v| v.map(|text| Value::Text(text.into()))),
        Kind::Bytes => row.try_get::<_, Option<&[u8]>>(i).map(|v| v.map(|bytes| Value::Bytes(Bytes::from_slice(bytes)))),
    };
    found.map(|v| v.unwrap_or(Value::Null)).map_err(|e| StoreError::Corrupt(format!("{}: {e}", column.name)))
}

impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut bytes::BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match (self, ty) {
            (Self::Null, _) => Ok(IsNull::Yes),
            (Self::Int(i), &Type::INT8) => i.to_sql(ty, out),
            (Self::Int(i), &Type::INT4) => i32::try_from(*i)?.to_sql(ty, out),
            (Self::Text(s), &Type::TEXT | &Type::VARCHAR) => s.as_str().to_sql(ty, out),
            (Self::Bytes(b), &Type::BYTEA) => b.as_slice().to_sql(ty, out),
            (value, ty) => Err(format!("a {value:?} does not fit a column of type {ty}").into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true // checked above, value by value
    }

    postgres::types::to_sql_checked!();
}

fn error(e: &postgres::Error, table: &'static str) -> StoreError {
    let Some(db) = e.as_db_error() else { return StoreError::Backend(e.to_string()) };
    match db.code() {
        &SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED | &SqlState::LOCK_NOT_AVAILABLE => StoreError::Conflict,
        &SqlState::UNIQUE_VIOLATION => StoreError::Duplicate { table },
        &SqlState::DISK_FULL => StoreError::Full(db.message().into()),
        &SqlState::TOO_MANY_CONNECTIONS => StoreError::Busy,
        &SqlState::QUERY_CANCELED => StoreError::TooLong { limit_ms: 5000 },
        &SqlState::DATA_CORRUPTED | &SqlState::INDEX_CORRUPTED => StoreError::Corrupt(db.message().into()),
        code => StoreError::Backend(format!("{} ({})", db.message(), code.code())),
    }
}
