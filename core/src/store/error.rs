//! What storage can answer instead of a result. The same on every engine.

/// A failure of storage, as rules and the door see it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A row with this key, or this value of a unique index, is there already.
    #[error("a row of {table} with this key exists already")]
    Duplicate {
        /// The table.
        table: &'static str,
    },
    /// The row was changed since it was read, or the engine could not serialise the transaction. Worth running again.
    #[error("another transaction changed what this one read")]
    Conflict,
    /// The queue of writes, or the pool of readers, is full. Nothing was done. Try again later.
    #[error("storage is busy")]
    Busy,
    /// The transaction took longer than its limit and was rolled back.
    #[error("the transaction exceeded its limit of {limit_ms} ms")]
    TooLong {
        /// The limit.
        limit_ms: u64,
    },
    /// COMMIT was sent and its outcome never learned: done or not done. Only the idempotency key resolves it.
    #[error("the outcome of the commit is unknown: {0}")]
    Unknown(String),
    /// An earlier call in this transaction failed; nothing more is done in it.
    #[error("an earlier storage error ended this transaction")]
    Poisoned,
    /// The body panicked. Its own work was rolled back, nobody else's.
    #[error("a transaction body panicked")]
    Panicked,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// Another process has the database open for writing.
    #[error("the database is in use by another process: {0}")]
    Locked(String),
    /// The schema is newer than this program.
    #[error("the database has schema version {found}, this program knows up to {known}")]
    Newer {
        /// Version in the database.
        found: i64,
        /// Newest version this program has.
        known: i64,
    },
    /// A migration that was applied differs from the one in this program.
    #[error("migration {version} in the database differs from this program's")]
    Altered {
        /// Its version.
        version: i64,
    },
    /// The disk, or the quota, is full.
    #[error("storage is full: {0}")]
    Full(String),
    /// What was read is not what can have been written.
    #[error("stored data is damaged: {0}")]
    Corrupt(String),
    /// Anything else the engine said.
    #[error("storage failed: {0}")]
    Backend(String),
}

/// Result of a storage call.
pub type StoreResult<T> = Result<T, StoreError>;
