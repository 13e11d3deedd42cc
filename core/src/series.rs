//! Series of numbers without gaps: whoever takes from one locks its row until the end of the transaction.
//! Whoever needs many takes them at once.

use crate::error::Error;
use crate::store::{Reads, StoreError, Tx, Writes};

record! {
    /// A series.
    pub struct Series in "series" {
        /// Name.
        name: String,
        /// The next number to give.
        next: i64,
        /// Counts updates.
        version: i64,
    }
    key(name);
    version version;
    lock 5;
}

/// Takes `count` numbers of the series `name` and returns the first; series begin at 1.
pub(crate) fn take(tx: &mut dyn Tx, name: &str, count: i64) -> Result<i64, Error> {
    if tx.find::<Series>((name.to_owned(),))?.is_none() {
        tx.add_new(&Series { name: name.to_owned(), next: 1, version: 0 })?;
    }
    let series = lock(tx, name)?;
    tx.replace(&series, Series { next: series.next + count, ..series.clone() })?;
    Ok(series.next)
}

/// Locks the series' row without taking a number: a guard for work that one host at a time may do.
pub(crate) fn lock(tx: &mut dyn Tx, name: &str) -> Result<Series, Error> {
    if tx.find::<Series>((name.to_owned(),))?.is_none() {
        tx.add_new(&Series { name: name.to_owned(), next: 1, version: 0 })?;
    }
    let row = tx.lock_row::<Series>((name.to_owned(),))?.ok_or_else(|| StoreError::Backend(format!("series {name} vanished")))?;
    Ok(row.trust("series belong to the core").into_inner())
}
