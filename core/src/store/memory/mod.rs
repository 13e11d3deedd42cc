//! The store in memory: for embedders' tests, for simulation, and as the oracle the SQL engines are compared with.
//!
//! One writer at a time, changes in place with an undo log: a one-row transaction costs microseconds at a
//! million rows, and a rolled-back one leaves nothing behind.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::lock_order::LockOrder;
use super::raw::{Range, RawRead, RawWrite};
use super::value::{Bytes, order_key};
use super::{
    Change, Done, Index, MakeProjections, Projections, Published, ReadBody, Row, Signal, Spec, Store, StoreError, StoreResult, Table,
    Value, WriteBody, settle,
};
use crate::error::Error;
use crate::planted::{Bug, planted};

#[derive(Default)]
struct TableData {
    rows: BTreeMap<Bytes, Row>,
    /// Per index: index values and primary key -> primary key.
    indexes: Vec<BTreeMap<Bytes, Bytes>>,
}

struct State {
    tables: HashMap<&'static str, TableData>,
    stamp: i64,
    projections: Projections,
}

/// See the [module](self).
pub struct MemoryStore {
    state: Mutex<State>,
    published: Published,
    signal: Signal,
    /// The thread inside a transaction, so that a body that calls the store gets an error instead of a deadlock.
    inside: Mutex<Option<std::thread::ThreadId>>,
}

impl MemoryStore {
    /// An empty store with the projections of `make`.
    pub fn new(make: MakeProjections) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State { tables: HashMap::new(), stamp: 0, projections: Projections::new(make) }),
            published: Published::new(Projections::new(make)),
            signal: Signal::default(),
            inside: Mutex::new(None),
        })
    }

    fn enter(&self) -> StoreResult<Entered<'_>> {
        let me = std::thread::current().id();
        if *self.inside.lock().unwrap_or_else(PoisonError::into_inner) == Some(me) {
            return Err(StoreError::Backend("a transaction body called the store; pass the transaction on instead".into()));
        }
        // A panicking body is caught and undone before the lock is released, so a poisoned lock still guards whole state.
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *self.inside.lock().unwrap_or_else(PoisonError::into_inner) = Some(me);
        Ok(Entered { store: self, state })
    }
}

struct Entered<'a> {
    store: &'a MemoryStore,
    state: MutexGuard<'a, State>,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        *self.store.inside.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Store for MemoryStore {
    fn engine(&self) -> &'static str {
        "memory"
    }

    fn submit(&self, _: Spec, mut body: WriteBody, done: Done) {
        let outcome = self.enter().map_err(Error::from).and_then(|mut entered| {
            let mut tx = MemTx::new(&mut entered.state);
            let result = catch_unwind(AssertUnwindSafe(|| body(&mut tx))).unwrap_or(Err(StoreError::Panicked.into()));
            let result = settle(result, tx.poison.take());
            if result.is_err() {
                tx.roll_back();
            }
            let changes = std::mem::take(&mut tx.changes);
            if result.is_ok() {
                self.published.update(|p| changes.iter().try_for_each(|c| p.apply(c)))?;
            }
            result
        });
        let committed = outcome.is_ok();
        done(outcome);
        if committed {
            self.signal.notify();
        }
    }

    fn read(&self, _: &'static str, mut body: ReadBody) -> Result<(), Error> {
        let mut entered = self.enter()?;
        let mut tx = MemTx::new(&mut entered.state);
        let result = catch_unwind(AssertUnwindSafe(|| body(&mut tx))).unwrap_or(Err(StoreError::Panicked.into()));
        settle(result, tx.poison.take())
    }

    fn published(&self) -> &Published {
        &self.published
    }

    fn signal(&self) -> &Signal {
        &self.signal
    }

    fn whisper(&self, note: &str) {
        self.signal.hear(note);
    }

    fn shared(&self) -> bool {
        false
    }

    fn check(&self) -> StoreResult<()> {
        Ok(())
    }
}

struct MemTx<'a> {
    state: &'a mut State,
    changes: Vec<Change>,
    poison: Option<StoreError>,
    locks: LockOrder,
}

impl<'a> MemTx<'a> {
    fn new(state: &'a mut State) -> Self {
        Self { state, changes: Vec::new(), poison: None, locks: LockOrder::default() }
    }
}

impl MemTx<'_> {
    fn guard<R>(&mut self, call: impl FnOnce(&mut Self) -> StoreResult<R>) -> StoreResult<R> {
        if self.poison.is_some() {
            return Err(StoreError::Poisoned);
        }
        call(self).inspect_err(|e| self.poison = Some(e.clone()))
    }

    fn table(&mut self, table: &'static Table) -> &mut TableData {
        self.state
            .tables
            .entry(table.name)
            .or_insert_with(|| TableData { rows: BTreeMap::new(), indexes: table.indexes.iter().map(|_| BTreeMap::new()).collect() })
    }

    /// The row with the stamps that are the store's to give.
    fn stamped(&mut self, table: &'static Table, row: &Row) -> Row {
        let mut row = row.clone();
        if table.stamped {
            self.state.stamp += 1;
            row[0] = Value::Int(0);
            row[1] = Value::Int(self.state.stamp);
        }
        row
    }

    fn put(&mut self, table: &'static Table, row: &Row) -> StoreResult<()> {
        let key = row_key(table, row);
        let data = self.table(table);
        if data.rows.contains_key(&key) {
            return Err(StoreError::Duplicate { table: table.name });
        }
        for i in (0..table.indexes.len()).filter(|&i| table.indexes[i].unique) {
            if self.taken(table, i, row) {
                return Err(StoreError::Duplicate { table: table.name });
            }
        }
        let data = self.table(table);
        for i in (0..table.indexes.len()).filter(|&i| holds(&table.indexes[i], row)) {
            data.indexes[i].insert(index_key(table, i, row), key.clone());
        }
        data.rows.insert(key, row.clone());
        Ok(())
    }

    fn take(&mut self, table: &'static Table, row: &Row) {
        let key = row_key(table, row);
        let data = self.table(table);
        for i in 0..table.indexes.len() {
            data.indexes[i].remove(&index_key(table, i, row));
        }
        data.rows.remove(&key);
    }

    /// Puts `new` where `old` stands: the same key. Indexes whose columns are as they were are left alone.
    fn exchange(&mut self, table: &'static Table, old: &Row, new: &Row) -> StoreResult<()> {
        let moved = |index: &Index| index.columns.iter().any(|&c| old[c] != new[c]);
        for i in (0..table.indexes.len()).filter(|&i| table.indexes[i].unique && moved(&table.indexes[i])) {
            if self.taken(table, i, new) {
                return Err(StoreError::Duplicate { table: table.name });
            }
        }
        let key = row_key(table, new);
        let data = self.table(table);
        for (i, index) in table.indexes.iter().enumerate().filter(|(_, index)| moved(index)) {
            data.indexes[i].remove(&index_key(table, i, old));
            if holds(index, new) {
                data.indexes[i].insert(index_key(table, i, new), key.clone());
            }
        }
        data.rows.insert(key, new.clone());
        Ok(())
    }

    /// Whether a unique index has these values already.
    fn taken(&mut self, table: &'static Table, index: usize, row: &Row) -> bool {
        let values: Row = table.indexes[index].columns.iter().map(|&c| row[c].clone()).collect();
        if values.contains(&Value::Null) {
            return false;
        }
        let prefix = key_bytes(&values);
        self.table(table).indexes[index].range(prefix.clone()..).next().is_some_and(|(k, _)| k.starts_with(&prefix))
    }

    fn changed(&mut self, change: Change) -> StoreResult<()> {
        let told = self.state.projections.apply(&change);
        self.changes.push(change);
        told
    }

    fn current(&mut self, table: &'static Table, old: &Row) -> StoreResult<Row> {
        let key = row_key(table, old);
        match self.table(table).rows.get(&key) {
            Some(row) if table.version_of(row) == table.version_of(old) => Ok(row.clone()),
            _ => Err(StoreError::Conflict),
        }
    }

    fn roll_back(&mut self) {
        let changes = std::mem::take(&mut self.changes);
        for change in changes.iter().rev() {
            if let Some(new) = &change.new {
                self.take(change.table, new);
            }
            if let Some(old) = &change.old {
                // Cannot clash: the row stood here before, and everything done since was taken back.
                let _ = self.put(change.table, old);
            }
        }
        if !planted(Bug::ProjectionNotUndone) {
            let _ = self.state.projections.undo(&changes);
        }
    }
}

fn key_bytes<'a>(values: impl IntoIterator<Item = &'a Value>) -> Bytes {
    let mut key = Bytes::new();
    order_key(values, &mut key);
    key
}

fn row_key(table: &'static Table, row: &Row) -> Bytes {
    key_bytes(table.key.iter().map(|&c| &row[c]))
}

fn index_key(table: &'static Table, index: usize, row: &Row) -> Bytes {
    key_bytes(table.order_of(Some(index)).into_iter().map(|c| &row[c]))
}

/// A row with a NULL in an indexed column is not in the index: see [`Range`].
fn holds(index: &Index, row: &Row) -> bool {
    index.columns.iter().all(|&c| row[c] != Value::Null)
}

/// The bounds, in encoded keys, of a stretch.
fn bounds(range: &Range) -> (Bound<Bytes>, Bound<Bytes>) {
    let prefix = key_bytes(&range.prefix);
    let beyond = |mut key: Bytes| {
        key.push(0xFF); // tags are 0..=3, so this sorts behind everything that begins with `key`
        key
    };
    let (mut low, mut high) = (Bound::Included(prefix.clone()), Bound::Excluded(beyond(prefix.clone())));
    if let Some(until) = &range.until {
        let mut key = prefix.clone();
        order_key(std::slice::from_ref(until), &mut key);
        high = Bound::Excluded(beyond(key));
    }
    if let Some(after) = &range.after {
        let mut key = prefix;
        order_key(after, &mut key);
        if range.reverse {
            // An until below the start keeps the tighter of the two.
            high = match high {
                Bound::Excluded(h) if h < key => Bound::Excluded(h),
                _ => Bound::Excluded(key),
            };
        } else {
            low = Bound::Excluded(beyond(key));
        }
    }
    (low, high)
}

fn in_order(bounds: &(Bound<Bytes>, Bound<Bytes>)) -> bool {
    match bounds {
        (Bound::Included(l) | Bound::Excluded(l), Bound::Included(h) | Bound::Excluded(h)) => l < h,
        _ => true,
    }
}

impl RawRead for MemTx<'_> {
    fn get(&mut self, table: &'static Table, key: &[Value]) -> StoreResult<Option<Row>> {
        self.guard(|tx| Ok(tx.table(table).rows.get(&key_bytes(key)).cloned()))
    }

    fn get_many(&mut self, table: &'static Table, keys: &[Row]) -> StoreResult<Vec<Row>> {
        self.guard(|tx| {
            let data = tx.table(table);
            Ok(keys.iter().filter_map(|k| data.rows.get(&key_bytes(k)).cloned()).collect())
        })
    }

    fn range(&mut self, table: &'static Table, range: &Range) -> StoreResult<Vec<Row>> {
        self.guard(|tx| {
            let bounds = bounds(range);
            if !in_order(&bounds) {
                return Ok(Vec::new());
            }
            let limit = range.limit as usize;
            let data = tx.table(table);
            Ok(match range.index {
                None => take(data.rows.range(bounds).map(|(_, row)| row), range.reverse, limit),
                Some(i) => take(data.indexes[i].range(bounds).map(|(_, key)| &data.rows[key]), range.reverse, limit),
            })
        })
    }

    fn horizon(&mut self) -> StoreResult<i64> {
        self.guard(|_| Ok(i64::MAX))
    }

    fn visit_projections(&self, visit: &mut dyn FnMut(&Projections)) -> bool {
        visit(&self.state.projections);
        true
    }
}

fn take<'a>(rows: impl DoubleEndedIterator<Item = &'a Row>, reverse: bool, limit: usize) -> Vec<Row> {
    if reverse { rows.rev().take(limit).cloned().collect() } else { rows.take(limit).cloned().collect() }
}

impl RawWrite for MemTx<'_> {
    fn lock(&mut self, table: &'static Table, key: &[Value]) -> StoreResult<Option<Row>> {
        self.guard(|tx| {
            tx.locks.take(table, key)?;
            Ok(tx.table(table).rows.get(&key_bytes(key)).cloned())
        })
    }

    fn insert(&mut self, table: &'static Table, rows: &[Row]) -> StoreResult<()> {
        self.guard(|tx| {
            for row in rows {
                let row = tx.stamped(table, row);
                tx.put(table, &row)?;
                tx.changed(Change { table, old: None, new: Some(row) })?;
            }
            Ok(())
        })
    }

    fn restore(&mut self, table: &'static Table, rows: &[Row]) -> StoreResult<()> {
        self.guard(|tx| {
            for row in rows {
                if let (true, Value::Int(seq)) = (table.stamped, &row[1]) {
                    tx.state.stamp = tx.state.stamp.max(*seq);
                }
                tx.put(table, row)?;
                tx.changed(Change { table, old: None, new: Some(row.clone()) })?;
            }
            Ok(())
        })
    }

    fn insert_new(&mut self, table: &'static Table, row: &Row) -> StoreResult<bool> {
        self.guard(|tx| {
            let row = tx.stamped(table, row);
            match tx.put(table, &row) {
                Ok(()) => tx.changed(Change { table, old: None, new: Some(row) }).map(|()| true),
                Err(StoreError::Duplicate { .. }) => Ok(false),
                Err(e) => Err(e),
            }
        })
    }

    fn update(&mut self, table: &'static Table, old: &Row, new: &Row) -> StoreResult<()> {
        self.guard(|tx| {
            let current = tx.current(table, old)?;
            tx.exchange(table, &current, new)?;
            tx.changed(Change { table, old: Some(current), new: Some(new.clone()) })
        })
    }

    fn delete(&mut self, table: &'static Table, old: &Row) -> StoreResult<()> {
        self.guard(|tx| {
            let current = tx.current(table, old)?;
            tx.take(table, &current);
            tx.changed(Change { table, old: Some(current), new: None })
        })
    }
}
