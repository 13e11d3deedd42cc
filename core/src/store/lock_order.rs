//! The one global order in which rows are locked, so that two transactions never wait for each other.

use super::{Row, StoreError, StoreResult, Table, Value};

/// The last lock that a transaction took.
#[derive(Default)]
pub(crate) struct LockOrder {
    last: Option<(u16, Row)>,
}

impl LockOrder {
    /// Takes note of the next lock.
    ///
    /// # Errors
    /// `Backend` for one that stands earlier in the order: by `Table::lock`, then by key.
    pub(crate) fn take(&mut self, table: &'static Table, key: &[Value]) -> StoreResult<()> {
        let next = (table.lock, key.to_vec());
        if self.last.as_ref().is_some_and(|last| *last > next) {
            return Err(StoreError::Backend(format!("{} was locked against the lock order: a later row is locked already", table.name)));
        }
        self.last = Some(next);
        Ok(())
    }
}
