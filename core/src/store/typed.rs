//! The typed face of storage that rules use. Lists ask for a [`Scope`], objects by id come out
//! [`Unchecked`], children are reached through a parent that was opened.

use super::raw::{Range, RawRead, RawWrite};
use super::{Field, Projection, Record, Row, StoreError, StoreResult, Table, Value};
use crate::access::{Checked, Engine, Scope, Term, Unchecked};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::limits;
use crate::planted::{Bug, planted};

/// Values of key or index columns: a tuple of fields.
pub(crate) trait Key {
    /// The values.
    fn values(&self) -> Row;
}

impl Key for () {
    fn values(&self) -> Row {
        Vec::new()
    }
}

/// The key of a record, whichever it is.
impl Key for Row {
    fn values(&self) -> Row {
        self.clone()
    }
}

macro_rules! tuple_keys {
    ($($($T:ident $i:tt),+;)*) => {$(
        impl<$($T: Field),+> Key for ($($T,)+) {
            fn values(&self) -> Row { vec![$(self.$i.encode()),+] }
        }
    )*};
}
tuple_keys! { A 0; A 0, B 1; A 0, B 1, C 2; A 0, B 1, C 2, D 3; }

/// A stretch of an index, built up by rules.
pub(crate) fn stretch(index: Option<usize>, prefix: impl Key) -> Range {
    Range { index, prefix: prefix.values(), after: None, until: None, reverse: false, limit: limits::PAGE_ROWS_MAX }
}

impl Range {
    /// Starts strictly after these values.
    pub(crate) fn after(mut self, key: impl Key) -> Self {
        self.after = Some(key.values());
        self
    }
    /// Goes on behind this row of the stretch.
    pub(crate) fn behind<R: Record>(mut self, row: &R) -> Self {
        let row = row.to_row();
        let order = R::TABLE.order_of(self.index);
        self.after = Some(order.into_iter().skip(self.prefix.len()).map(|column| row[column].clone()).collect());
        self
    }
    /// Stops after this value of the column behind the prefix.
    pub(crate) fn until(mut self, value: impl Field) -> Self {
        self.until = Some(value.encode());
        self
    }
    /// Largest first.
    pub(crate) fn newest_first(mut self) -> Self {
        self.reverse = true;
        self
    }
    /// At most `rows`.
    pub(crate) fn limit(mut self, rows: u32) -> Self {
        self.limit = rows;
        self
    }
}

/// A place in a list by time: an instant, and the id of what stands there.
pub type PagePlace = (Timestamp, uuid::Uuid);

/// One page of a list by time, newest first. `after` is the place the page before ended at.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Continue behind this instant and id.
    pub after: Option<PagePlace>,
    /// Rows wanted; at most [`limits::PAGE_ROWS_MAX`].
    pub limit: u32,
}

/// Reads.
pub(crate) trait Reads: RawRead {
    /// The object with this key, to be opened by `access::check`.
    fn find<R: Record>(&mut self, key: impl Key) -> StoreResult<Option<Unchecked<R>>> {
        self.get(R::TABLE, &key.values())?.map(|row| R::from_row(row).map(Unchecked::new)).transpose()
    }

    /// The object by a unique index.
    fn find_by<R: Record>(&mut self, unique: usize, key: impl Key) -> StoreResult<Option<Unchecked<R>>> {
        let rows = self.range(R::TABLE, &stretch(Some(unique), key).limit(1))?;
        rows.into_iter().next().map(|row| R::from_row(row).map(Unchecked::new)).transpose()
    }

    /// What belongs to an opened object: the rows whose index (or key) begins with its key.
    fn under<P: Record, R: Record>(&mut self, parent: &Checked<P>, mut range: Range) -> StoreResult<Vec<R>> {
        let mut prefix = parent.key();
        prefix.append(&mut range.prefix);
        range.prefix = prefix;
        self.range(R::TABLE, &range)?.into_iter().map(R::from_row).collect()
    }

    /// A stretch of a table, for the engines that work on behalf of nobody in particular.
    fn scan<R: Record>(&mut self, _: Engine, range: Range) -> StoreResult<Vec<R>> {
        self.range(R::TABLE, &range)?.into_iter().map(R::from_row).collect()
    }

    /// Shows the rows of a whole stretch to `each`, a page at a time, until it has seen enough.
    fn scan_while<R: Record>(&mut self, why: Engine, mut range: Range, mut each: impl FnMut(R) -> bool) -> StoreResult<()> {
        loop {
            let page: Vec<R> = self.scan(why, range.clone())?;
            let Some(last) = page.last() else { return Ok(()) };
            range = range.behind(last);
            if !page.into_iter().all(&mut each) {
                return Ok(());
            }
        }
    }

    /// The rows of a whole stretch that are `wanted`.
    fn scan_all<R: Record>(&mut self, why: Engine, range: Range, wanted: impl Fn(&R) -> bool) -> StoreResult<Vec<R>> {
        let mut all = Vec::new();
        self.scan_while(why, range, |row| {
            if wanted(&row) {
                all.push(row);
            }
            true
        })?;
        Ok(all)
    }

    /// Looks at the projection of type `P`, where this transaction can.
    fn project<P: Projection, R>(&self, look: impl FnOnce(&P) -> R) -> Option<R> {
        let (mut look, mut seen) = (Some(look), None);
        self.visit_projections(&mut |projections| {
            if let (Some(p), Some(look)) = (projections.get::<P>(), look.take()) {
                seen = Some(look(p));
            }
        });
        seen
    }

    /// A page of the rows that `scope` may see, newest first. Each term of the scope is one stretch of an
    /// index; the stretches are merged here, so nothing is sorted and nothing is read beyond the page. What is kept from the reader
    /// leaves no gap: the page is filled from behind it.
    fn list<R: Record>(&mut self, scope: &Scope, page: Page) -> Result<Vec<R>, Error> {
        let postings = R::TABLE.scope.ok_or_else(|| StoreError::Backend(format!("{} is not listed by scope", R::TABLE.name)))?;
        let limit = page.limit.min(limits::PAGE_ROWS_MAX);
        let mut after = page.after.map(|(at, id)| vec![at.encode(), Value::Bytes(id.as_bytes().as_slice().into())]);
        let mut in_order: Vec<R> = Vec::new();
        loop {
            let found = self.posted(postings, scope.terms(), after, limit)?;
            let whole = found.len() < limit as usize;
            after = found.last().map(|(at, id)| vec![at.clone(), id.clone()]);
            let keys: Vec<Row> = found.into_iter().map(|(_, id)| vec![id]).collect();
            let mut rows = self.get_many(R::TABLE, &keys)?;
            for key in &keys {
                if let Some(i) = rows.iter().position(|row| R::TABLE.key_of(row) == *key) {
                    in_order.push(R::from_row(rows.swap_remove(i))?);
                }
            }
            let read = in_order.len();
            in_order.retain(|row| !scope.is_barred_from(row));
            // Where nothing was kept back this is the page, full or not.
            if whole || in_order.len() == read || in_order.len() >= limit as usize {
                in_order.truncate(limit as usize);
                return Ok(in_order);
            }
        }
    }

    /// Shows the rows that `scope` may see to `each`, newest first behind a place, until it says that it has enough, or `max` were looked
    /// at: the place of the last one then, to go on behind. Nothing at the end.
    fn walk<R: Record>(
        &mut self,
        scope: &Scope,
        mut after: Option<PagePlace>,
        max: u32,
        mut each: impl FnMut(&mut Self, R) -> Result<bool, Error>,
    ) -> Result<Option<PagePlace>, Error> {
        let mut left = max;
        while left > 0 {
            let limit = left.min(limits::PAGE_ROWS_MAX);
            let rows: Vec<R> = self.list(scope, Page { after, limit })?;
            let whole = rows.len() < limit as usize;
            left -= rows.len() as u32;
            for row in rows {
                after = Some(row.place()?);
                if !each(self, row)? {
                    return Ok(after);
                }
            }
            if whole {
                return Ok(None);
            }
        }
        Ok(after)
    }

    /// The first `limit` instants and ids, newest first, that are posted under any of `terms` behind `after`.
    fn posted(&mut self, postings: &'static Table, terms: &[Term], after: Option<Row>, limit: u32) -> StoreResult<Vec<(Value, Value)>> {
        let mut found: Vec<(Value, Value)> = Vec::new();
        for term in terms {
            let range = Range { index: None, prefix: vec![term.encode()], after: after.clone(), until: None, reverse: true, limit };
            for row in self.range(postings, &range)? {
                let mut row = row.into_iter().skip(1);
                if let (Some(at), Some(id)) = (row.next(), row.next()) {
                    found.push((at, id));
                }
            }
        }
        found.sort_unstable_by(|a, b| b.cmp(a));
        found.dedup();
        found.truncate(limit as usize);
        Ok(found)
    }
}
impl<T: RawRead + ?Sized> Reads for T {}

/// Writes.
pub(crate) trait Writes: RawWrite {
    /// Locks the row until the end of the transaction and reads it.
    fn lock_row<R: Record>(&mut self, key: impl Key) -> StoreResult<Option<Unchecked<R>>> {
        self.lock(R::TABLE, &key.values())?.map(|row| R::from_row(row).map(Unchecked::new)).transpose()
    }

    /// Inserts a row and its scope postings.
    fn add<R: Record>(&mut self, record: &R) -> StoreResult<()> {
        self.add_many(std::slice::from_ref(record))
    }

    /// Inserts rows and their scope postings.
    fn add_many<R: Record>(&mut self, records: &[R]) -> StoreResult<()> {
        let rows: Vec<Row> = records.iter().map(Record::to_row).collect();
        self.insert(R::TABLE, &rows)?;
        if let Some(postings) = R::TABLE.scope {
            let rows: Vec<Row> = records.iter().flat_map(posting_rows).collect();
            self.insert(postings, &rows)?;
        }
        Ok(())
    }

    /// Inserts a row unless it is there; says whether it did. For tables without postings.
    fn add_new<R: Record>(&mut self, record: &R) -> StoreResult<bool> {
        self.insert_new(R::TABLE, &record.to_row())
    }

    /// Replaces `old` by `new`, raises the version, moves the scope postings; returns the row as stored.
    fn replace<R: Record>(&mut self, old: &R, new: R) -> StoreResult<R> {
        let new = new.succeeding(old);
        self.update(R::TABLE, &old.to_row(), &new.to_row())?;
        if let Some(postings) = R::TABLE.scope
            && old.postings() != new.postings()
        {
            let (was, is) = (posting_rows(old), posting_rows(&new));
            for gone in was.iter().filter(|p| !is.contains(p)) {
                self.delete(postings, gone)?;
            }
            let added: Vec<Row> = is.into_iter().filter(|p| !was.contains(p)).collect();
            if !planted(Bug::PostingNotMoved) {
                self.insert(postings, &added)?;
            }
        }
        Ok(new)
    }

    /// Deletes a row and its scope postings.
    fn remove<R: Record>(&mut self, record: &R) -> StoreResult<()> {
        self.delete(R::TABLE, &record.to_row())?;
        if let Some(postings) = R::TABLE.scope {
            for posting in posting_rows(record) {
                self.delete(postings, &posting)?;
            }
        }
        Ok(())
    }
}
impl<T: RawWrite + ?Sized> Writes for T {}

fn posting_rows<R: Record>(record: &R) -> Vec<Row> {
    let (at, terms) = record.postings();
    let id = record.key().into_iter().next().unwrap_or(Value::Null);
    terms.into_iter().map(|term| vec![term.encode(), at.encode(), id.clone()]).collect()
}
