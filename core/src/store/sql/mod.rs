//! The SQL store, written once: [`SqlTx`] over a connection of either engine.

mod text;

use std::rc::Rc;

pub use text::{Dialect, declared_ddl, declared_schema};
#[cfg(feature = "testing")]
pub use text::{RangeForm, range_forms};
use text::{Shape, compared_version, text};

use super::deadline::Deadline;
use super::lock_order::LockOrder;
use super::raw::{Range, RawRead, RawWrite};
use super::{Change, Column, Projections, Published, Row, StoreError, StoreResult, Table, Value};

/// A connection, as little of it as the store needs.
pub(crate) trait SqlConn {
    /// Which engine.
    fn dialect(&self) -> Dialect;
    /// Runs a statement and says how many rows it touched.
    fn execute(&mut self, sql: &str, params: &[&Value], table: &'static str) -> StoreResult<u64>;
    /// Runs a query whose columns are `columns`.
    fn query(&mut self, sql: &str, params: &[&Value], columns: &[Column]) -> StoreResult<Vec<Row>>;
}

/// Most parameters in one statement: well under SQLite's 32,766 and PostgreSQL's 65,535.
const PARAMETERS_MAX: usize = 4096;
/// Sizes of the groups in which many rows are inserted: few distinct texts, so that prepared statements are reused.
const GROUPS: [usize; 4] = [64, 16, 4, 1];

const HORIZON: [Column; 1] = [Column { name: "horizon", kind: super::Kind::Int, nullable: false }];

/// A transaction on a SQL engine.
pub(crate) struct SqlTx<'a, C: SqlConn> {
    conn: &'a mut C,
    deadline: Option<Deadline>,
    poison: Option<StoreError>,
    /// Told of each change as it is made; only on an engine with one writer.
    projections: Projected<'a>,
    changes: Vec<Change>,
    wrote: bool,
    locks: LockOrder,
}

/// What a transaction comes to.
pub(crate) struct Ended {
    /// The changes it made to what projections watch.
    pub(crate) changes: Vec<Change>,
    /// The storage error that ended it, if one did.
    pub(crate) poison: Option<StoreError>,
    /// Whether any row may have been written.
    pub(crate) wrote: bool,
}

/// What a transaction may do with projections.
pub(crate) enum Projected<'a> {
    /// A write on an engine with one writer: sees its own changes and drives them.
    Driven(&'a mut Projections),
    /// A read: sees what was published.
    Seen(&'a Published),
    /// A write on an engine with several writers.
    Absent,
}

impl<'a, C: SqlConn> SqlTx<'a, C> {
    pub(crate) fn new(conn: &'a mut C, deadline: Option<Deadline>, projections: Projected<'a>) -> Self {
        Self { conn, deadline, poison: None, projections, changes: Vec::new(), wrote: false, locks: LockOrder::default() }
    }

    /// What it comes to.
    pub(crate) fn finish(self) -> Ended {
        Ended { changes: self.changes, poison: self.poison, wrote: self.wrote }
    }

    fn write(&mut self, sql: &str, params: &[&Value], table: &'static Table) -> StoreResult<u64> {
        self.wrote = true;
        self.conn.execute(sql, params, table.name)
    }

    fn guard<R>(&mut self, call: impl FnOnce(&mut Self) -> StoreResult<R>) -> StoreResult<R> {
        if self.poison.is_some() {
            return Err(StoreError::Poisoned);
        }
        let checked = self.deadline.map_or(Ok(()), Deadline::check);
        checked.and_then(|()| call(self)).inspect_err(|e| self.poison = Some(e.clone()))
    }

    fn text(&self, table: &'static Table, shape: Shape) -> Rc<str> {
        text(self.conn.dialect(), table, shape)
    }

    fn insert_groups(
        &mut self,
        table: &'static Table,
        rows: &[Row],
        most: usize,
        values: impl Fn(&Row) -> &[Value],
        shape: fn(usize) -> Shape,
    ) -> StoreResult<()> {
        let fits = |group: usize| group == 1 || group <= most && group * table.columns.len() <= PARAMETERS_MAX;
        let mut rest = rows;
        for group in GROUPS.into_iter().filter(|g| fits(*g)) {
            while rest.len() >= group {
                let (now, later) = rest.split_at(group);
                let params: Vec<&Value> = match now {
                    [row] => values(row).iter().collect(),
                    rows => rows.iter().flat_map(&values).collect(),
                };
                let sql = self.text(table, shape(group));
                self.write(&sql, &params, table)?;
                rest = later;
            }
        }
        rows.iter().try_for_each(|row| self.changed(table, None, Some(row)))
    }

    fn changed(&mut self, table: &'static Table, old: Option<&Row>, new: Option<&Row>) -> StoreResult<()> {
        if let Projected::Driven(projections) = &mut self.projections
            && projections.watch(table, old, new)
        {
            let change = Change { table, old: old.cloned(), new: new.cloned() };
            let told = projections.apply(&change);
            self.changes.push(change);
            return told;
        }
        Ok(())
    }
}

/// The stamp columns are the store's to give.
fn given<'a>(table: &'static Table, row: &'a Row) -> &'a [Value] {
    &row[if table.stamped { 2 } else { 0 }..]
}

fn versioned<'a>(table: &'static Table, row: &'a Row) -> impl Iterator<Item = &'a Value> {
    table.key.iter().copied().chain(compared_version(table)).map(|c| &row[c])
}

impl<C: SqlConn> RawRead for SqlTx<'_, C> {
    fn get(&mut self, table: &'static Table, key: &[Value]) -> StoreResult<Option<Row>> {
        self.guard(|tx| {
            let sql = tx.text(table, Shape::Get);
            let key: Vec<&Value> = key.iter().collect();
            Ok(tx.conn.query(&sql, &key, table.columns)?.pop())
        })
    }

    fn get_many(&mut self, table: &'static Table, keys: &[Row]) -> StoreResult<Vec<Row>> {
        self.guard(|tx| {
            let mut rows = Vec::with_capacity(keys.len());
            let mut rest = keys;
            for group in GROUPS {
                while rest.len() >= group {
                    let (now, later) = rest.split_at(group);
                    let params: Vec<&Value> = now.iter().map(|key| &key[0]).collect();
                    let sql = tx.text(table, Shape::GetMany(group));
                    rows.append(&mut tx.conn.query(&sql, &params, table.columns)?);
                    rest = later;
                }
            }
            Ok(rows)
        })
    }

    fn range(&mut self, table: &'static Table, range: &Range) -> StoreResult<Vec<Row>> {
        self.guard(|tx| {
            let sql = tx.text(table, Shape::of(range));
            let limit = Value::Int(i64::from(range.limit));
            let mut params: Vec<&Value> = range.prefix.iter().chain(range.after.iter().flatten()).collect();
            params.extend(&range.until);
            params.push(&limit);
            tx.conn.query(&sql, &params, table.columns)
        })
    }

    fn horizon(&mut self) -> StoreResult<i64> {
        self.guard(|tx| {
            let sql = tx.conn.dialect().horizon();
            match tx.conn.query(sql, &[], &HORIZON)?.first().and_then(|row| row.first()) {
                Some(Value::Int(xid)) => Ok(*xid),
                _ => Err(StoreError::Backend("the engine gave no horizon".into())),
            }
        })
    }

    fn visit_projections(&self, visit: &mut dyn FnMut(&Projections)) -> bool {
        match &self.projections {
            Projected::Driven(p) => visit(p),
            Projected::Seen(p) => visit(&p.read()),
            Projected::Absent => return false,
        }
        true
    }
}

impl<C: SqlConn> RawWrite for SqlTx<'_, C> {
    fn lock(&mut self, table: &'static Table, key: &[Value]) -> StoreResult<Option<Row>> {
        self.guard(|tx| {
            tx.locks.take(table, key)?;
            let sql = tx.text(table, Shape::Lock);
            let key: Vec<&Value> = key.iter().collect();
            Ok(tx.conn.query(&sql, &key, table.columns)?.pop())
        })
    }

    fn insert(&mut self, table: &'static Table, rows: &[Row]) -> StoreResult<()> {
        self.guard(|tx| {
            // SQLite computes the stamps of one statement before any of its rows: stamped rows go one by one.
            let most = if table.stamped { 1 } else { usize::MAX };
            tx.insert_groups(table, rows, most, |row| given(table, row), Shape::Insert)
        })
    }

    fn restore(&mut self, table: &'static Table, rows: &[Row]) -> StoreResult<()> {
        self.guard(|tx| {
            tx.insert_groups(table, rows, usize::MAX, |row| row, Shape::Restore)?;
            if let (true, Some(raise), Some(last)) = (table.stamped, tx.conn.dialect().raise_stamp(), rows.last()) {
                tx.write(raise, &[&last[1]], table)?;
            }
            Ok(())
        })
    }

    fn insert_new(&mut self, table: &'static Table, row: &Row) -> StoreResult<bool> {
        self.guard(|tx| {
            let sql = tx.text(table, Shape::InsertNew);
            let params: Vec<&Value> = given(table, row).iter().collect();
            if tx.write(&sql, &params, table)? == 0 {
                return Ok(false);
            }
            tx.changed(table, None, Some(row)).map(|()| true)
        })
    }

    fn update(&mut self, table: &'static Table, old: &Row, new: &Row) -> StoreResult<()> {
        self.guard(|tx| {
            let changed: Vec<usize> = (0..old.len()).filter(|&i| old[i] != new[i]).collect();
            if changed.is_empty() {
                return Ok(());
            }
            let mask = changed.iter().fold(0u64, |mask, i| mask | 1 << i);
            let sql = tx.text(table, Shape::Update(mask));
            let mut params: Vec<&Value> = changed.iter().map(|&i| &new[i]).collect();
            params.extend(versioned(table, old));
            if tx.write(&sql, &params, table)? != 1 {
                return Err(StoreError::Conflict);
            }
            tx.changed(table, Some(old), Some(new))
        })
    }

    fn delete(&mut self, table: &'static Table, old: &Row) -> StoreResult<()> {
        self.guard(|tx| {
            let sql = tx.text(table, Shape::Delete);
            let params: Vec<&Value> = versioned(table, old).collect();
            if tx.write(&sql, &params, table)? != 1 {
                return Err(StoreError::Conflict);
            }
            tx.changed(table, Some(old), None)
        })
    }
}
