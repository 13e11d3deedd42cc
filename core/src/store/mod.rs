//! Storage: one seam, two implementations (memory and SQL), three engines.
//!
//! A rule sees `&mut dyn Tx` or `&mut dyn ReadTx` and nothing else. What a table is, is declared once with
//! `record!`; the engines know only rows, keys and ranges, so that a new table costs no code here.
//!
//! | | memory | SQLite | PostgreSQL |
//! |---|---|---|---|
//! | writers | one at a time | one thread, commits in groups | a pool, one transaction each |
//! | isolation of a write | serial | serial | as the operation declares: guard rows under READ COMMITTED, else SERIALIZABLE |
//! | isolation of a read | serial | snapshot | snapshot (REPEATABLE READ) |
//! | body runs again on conflict | never needed | never needed | up to [`limits::TX_ATTEMPTS_MAX`](crate::limits::TX_ATTEMPTS_MAX) times |
//! | durable when answered | no | fsync of the WAL | fsync of the WAL |

use std::sync::Arc;

#[macro_use]
mod record;
#[cfg(feature = "testing")]
pub mod conformance;
pub mod dump;
mod error;
mod lock_order;
pub mod memory;
pub mod migrate;
mod projection;
pub mod segment;
mod signal;
mod ticket;
mod typed;
mod value;

#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod deadline;
#[cfg(feature = "testing")]
pub mod fault;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub mod sql;
#[cfg(feature = "sqlite")]
pub mod sqlite;

pub use error::{StoreError, StoreResult};
pub use projection::{Change, MakeProjections, Projection, Projections, Published, Watch};
pub(crate) use record::field;
pub use record::{Column, Field, Index, POSTING_COLUMNS, Record, Table, index_position, position};
pub use signal::Signal;
pub use ticket::{Answer, Ticket, ticket};
pub use typed::{Page, PagePlace};
pub(crate) use typed::{Reads, Writes, stretch};
pub use value::{Bytes, Kind, Row, Value};

use crate::error::Error;

/// What an engine can do with rows. Private: rules reach rows through [`Reads`] and [`Writes`], which ask
/// for a scope or an opened object; nothing outside core can name this trait.
pub(crate) mod raw {
    use super::{Projections, Row, StoreResult, Table, Value};

    /// A contiguous stretch of an index (or of the primary key). A row with a NULL in an indexed column is not in
    /// the index: the engines disagree about where it would stand.
    #[derive(Clone, Debug)]
    pub(crate) struct Range {
        /// Which index; `None` is the primary key.
        pub(crate) index: Option<usize>,
        /// Values of the leading columns, all equal.
        pub(crate) prefix: Row,
        /// Start strictly after these values of the columns that follow the prefix.
        pub(crate) after: Option<Row>,
        /// Nothing above this value of the first column behind the prefix, in either direction.
        pub(crate) until: Option<Value>,
        /// Largest first.
        pub(crate) reverse: bool,
        /// At most this many rows.
        pub(crate) limit: u32,
    }

    /// Reads.
    pub(crate) trait RawRead {
        /// The row with this key.
        fn get(&mut self, table: &'static Table, key: &[Value]) -> StoreResult<Option<Row>>;
        /// The rows with these keys, in any order; missing ones are left out.
        fn get_many(&mut self, table: &'static Table, keys: &[Row]) -> StoreResult<Vec<Row>>;
        /// The rows of a stretch of an index, in its order.
        fn range(&mut self, table: &'static Table, range: &Range) -> StoreResult<Vec<Row>>;
        /// Stamped rows with an `xid` below this are all committed or gone: readers may pass them.
        fn horizon(&mut self) -> StoreResult<i64>;
        /// Shows projections as of this transaction, where this engine can: exact in a write on an engine with
        /// one writer, a moment old in a read, not at all in a write on an engine with several. Says whether it did.
        /// The visit is short: it may hold up whoever publishes.
        fn visit_projections(&self, visit: &mut dyn FnMut(&Projections)) -> bool;
    }

    /// Writes.
    pub(crate) trait RawWrite: RawRead {
        /// Takes the row's lock until the end of the transaction and reads it. Locks are taken in the order of
        /// `Table::lock`, then of key.
        fn lock(&mut self, table: &'static Table, key: &[Value]) -> StoreResult<Option<Row>>;
        /// Inserts rows.
        fn insert(&mut self, table: &'static Table, rows: &[Row]) -> StoreResult<()>;
        /// Inserts rows with the stamps they carry: for restoring a dump into an empty database.
        fn restore(&mut self, table: &'static Table, rows: &[Row]) -> StoreResult<()>;
        /// Inserts a row unless its key, or a unique value, is there already; says whether it did.
        fn insert_new(&mut self, table: &'static Table, row: &Row) -> StoreResult<bool>;
        /// Replaces `old` by `new` (same key); `Conflict` when the row is gone or has another version.
        fn update(&mut self, table: &'static Table, old: &Row, new: &Row) -> StoreResult<()>;
        /// Deletes a row; `Conflict` when it is gone or has another version.
        fn delete(&mut self, table: &'static Table, old: &Row) -> StoreResult<()>;
    }
}

/// A transaction that reads. A query cannot write.
#[expect(private_bounds, reason = "nothing outside core may call an engine's own methods: unscoped reads do not compile")]
pub trait ReadTx: raw::RawRead {}
impl<T: raw::RawRead + ?Sized> ReadTx for T {}

/// A transaction that reads and writes.
#[expect(private_bounds, reason = "see ReadTx")]
pub trait Tx: ReadTx + raw::RawWrite {}
impl<T: raw::RawWrite> Tx for T {}

/// How a write is isolated from others on engines with several writers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// The body first locks the row that everyone contends for, and reads after that. Never runs in vain.
    Guarded,
    /// The engine makes transactions appear serial and may ask for the body to run again.
    Serializable,
}

/// Which writes go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// Somebody waits for it.
    Interactive,
    /// Bulk work: a little between interactive ones.
    Bulk,
}

/// What the store must know about a write besides its body.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// Names the transaction in metrics and SQL logs; the operation's name.
    pub name: &'static str,
    /// Isolation.
    pub isolation: Isolation,
    /// Priority.
    pub priority: Priority,
}

/// The body of a write. Owned, and callable again: it may run on another thread and more than once, so it has
/// no effects besides those on the transaction.
pub type WriteBody = Box<dyn FnMut(&mut dyn Tx) -> Result<(), Error> + Send>;
/// The body of a read.
pub type ReadBody = Box<dyn FnMut(&mut dyn ReadTx) -> Result<(), Error> + Send>;
/// Called once, after the commit or the failure.
pub type Done = Box<dyn FnOnce(Result<(), Error>) + Send>;

/// A storage engine. Begins, commits, rolls back and retries; nobody else does.
pub trait Store: Send + Sync {
    /// Name of the engine: `memory`, `sqlite`, `postgres`.
    fn engine(&self) -> &'static str;
    /// Queues a write; `done` is called once, after the commit. May call it before returning.
    fn submit(&self, spec: Spec, body: WriteBody, done: Done);
    /// Runs a read on a snapshot. Blocks.
    fn read(&self, name: &'static str, body: ReadBody) -> Result<(), Error>;
    /// Projections as readers may see them.
    fn published(&self) -> &Published;
    /// Says when something was committed, here or on another host.
    fn signal(&self) -> &Signal;
    /// Tells every host, this one too, something worth no disk. At most [`limits::WHISPER_BYTES_MAX`](crate::limits::WHISPER_BYTES_MAX).
    fn whisper(&self, note: &str);
    /// Whether other hosts write the same data, so that projections must follow the journal.
    fn shared(&self) -> bool;
    /// Whether reads and writes work now; for readiness checks.
    fn check(&self) -> StoreResult<()>;
}

/// What callers of a [`Store`] use.
pub trait StoreExt: Store {
    /// Queues a write and hands out a ticket for its answer.
    fn submit_for<R: Send + 'static>(
        &self,
        spec: Spec,
        mut body: impl FnMut(&mut dyn Tx) -> Result<R, Error> + Send + 'static,
    ) -> Ticket<R> {
        let (answer, ticket) = ticket();
        let result = Arc::new(std::sync::Mutex::new(None));
        let put = result.clone();
        let take = move || result.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        self.submit(
            spec,
            Box::new(move |tx| {
                let value = body(tx)?;
                *put.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(value);
                Ok(())
            }),
            Box::new(move |outcome| {
                answer.send(outcome.and_then(|()| take().ok_or(StoreError::Unknown("the body did not run".into()).into())));
            }),
        );
        ticket
    }

    /// Runs a write and blocks until it is durable.
    fn transact<R: Send + 'static>(
        &self,
        spec: Spec,
        body: impl FnMut(&mut dyn Tx) -> Result<R, Error> + Send + 'static,
    ) -> Result<R, Error> {
        self.submit_for(spec, body).wait()
    }

    /// Runs a read.
    fn query<R: Send + 'static>(
        &self,
        name: &'static str,
        mut body: impl FnMut(&mut dyn ReadTx) -> Result<R, Error> + Send + 'static,
    ) -> Result<R, Error> {
        let result = Arc::new(std::sync::Mutex::new(None));
        let put = result.clone();
        self.read(
            name,
            Box::new(move |tx| {
                *put.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(body(tx)?);
                Ok(())
            }),
        )?;
        let value = result.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        value.ok_or_else(|| StoreError::Backend("the read did not run".into()).into())
    }
}
impl<S: Store + ?Sized> StoreExt for S {}

/// What the run of a body comes to. The first storage error is the answer, whatever the body made of it: a rule
/// that swallowed it has not done what it believes, and one that turned it into an error of its own may have
/// told a person that something is missing when storage failed, or hidden a conflict that is worth another run.
fn settle(result: Result<(), Error>, poison: Option<StoreError>) -> Result<(), Error> {
    match (result, poison) {
        (Err(Error::Store(StoreError::Panicked)), _) => Err(StoreError::Panicked.into()),
        (_, Some(first)) => Err(first.into()),
        (result, None) => result,
    }
}

/// Every table the core has, in the order in which they may be filled.
pub fn tables() -> Vec<&'static Table> {
    crate::schema::tables()
}

/// Reads a row of `table` as its type and writes it again, for tests of what is stored; nothing for a table that no
/// type is read from.
#[cfg(feature = "testing")]
pub fn reread(table: &str, row: Row) -> Option<Result<Row, StoreError>> {
    crate::schema::reread(table, row)
}
