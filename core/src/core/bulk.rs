//! Bulk: many rows in chunks, each one short transaction with one audit record over its rows. The same rows
//! given again continue where they stopped.

use serde::Serialize;

use super::Session;
use super::door::digest_of;
use crate::access::admit;
use crate::audit::{self, Deed};
use crate::clock::Timestamp;
use crate::crypto::hash;
use crate::ctx::Ctx;
use crate::error::{Error, Problem};
use crate::limits;
use crate::operation::{Class, Operation};
use crate::store::{Priority, Reads, Spec, StoreError, StoreExt, Tx, Writes};

record! {
    /// How far a bulk operation came.
    pub struct BulkProgress in "bulk_progress" {
        /// Digest of the operation and all its rows.
        job: [u8; 32],
        /// Rows done.
        done: i64,
        /// Rows that changed something.
        changed: i64,
        /// Counts updates.
        version: i64,
        /// When it last moved.
        moved_at: Option<Timestamp>,
    }
    key(job);
    version version;
    index BY_AGE(moved_at);
}

/// What a bulk operation did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BulkDone {
    /// Rows given.
    pub rows: u64,
    /// Rows that changed something, in this and in interrupted earlier runs.
    pub changed: u64,
}

impl Session {
    /// Applies `rows` chunk by chunk, by a rule that says how many changed something; `progress` hears after each how many are done. Blocks.
    /// A chunk that takes longer than a write may is tried again by halves: a slow disk makes a list slower, and does not end it.
    pub(crate) fn bulk<T: Serialize + Clone + Send + 'static>(
        &self,
        operation: &'static Operation,
        rows: &[T],
        rule: impl Fn(&mut dyn Tx, &Ctx, &[T]) -> Result<u64, Error> + Clone + Send + 'static,
        progress: &mut dyn FnMut(u64),
    ) -> Result<BulkDone, Error> {
        debug_assert_eq!(operation.class, Class::Bulk);
        admit(operation, &self.actor)?;
        if rows.len() > limits::BULK_ROWS_MAX {
            return Err(Error::invalid("rows", Problem::TooMany { max: limits::BULK_ROWS_MAX }));
        }
        let digests: Vec<[u8; 32]> = rows.iter().map(|row| digest_of(&self.core.0.settings.keys, row)).collect::<Result<_, _>>()?;
        let job = root(operation, &digests);
        let mut state = self.core.0.store.query(operation.name, move |tx| progress_of(tx, job))?;
        let mut most = limits::BULK_CHUNK_ROWS;
        while (state.0 as usize) < rows.len() {
            let from = state.0 as usize;
            let chunk: Vec<T> = rows[from..].iter().take(most).cloned().collect();
            let length = chunk.len();
            let root = root(operation, &digests[from..from + length]);
            let call = self.core.call(operation, &self.actor, &self.request, None);
            let spec = Spec { name: operation.name, isolation: operation.isolation, priority: Priority::Bulk };
            let rule = rule.clone();
            let applied = self.core.0.store.transact(spec, move |tx| {
                let ctx = call.ctx();
                let changed = rule(tx, &ctx, &chunk).map_err(|e| at_row(e, from))?;
                let rows = chunk.len() as i64;
                audit::record(tx, &ctx, Deed { subject: format!("bulk/{}", hash::hex(&job[..8])), reason: None, digest: root, rows })?;
                advance(tx, &ctx, job, from as i64, (rows, changed as i64))
            });
            if length > 1 && matches!(applied, Err(Error::Store(StoreError::TooLong { .. }))) {
                most = length / 2;
                continue;
            }
            state = applied?;
            most = limits::BULK_CHUNK_ROWS.min(2 * most);
            progress(state.0);
        }
        Ok(BulkDone { rows: rows.len() as u64, changed: state.1 })
    }
}

fn root(operation: &'static Operation, digests: &[[u8; 32]]) -> [u8; 32] {
    let mut parts: Vec<&[u8]> = vec![operation.name.as_bytes()];
    parts.extend(digests.iter().map(|d| &d[..]));
    hash::sm3(&parts)
}

fn progress_of(tx: &mut dyn crate::store::ReadTx, job: [u8; 32]) -> Result<(u64, u64), Error> {
    let found = tx.find::<BulkProgress>((job,))?.map(|p| p.trust("the job is known by its rows").into_inner());
    Ok(found.map_or((0, 0), |p| (p.done as u64, p.changed as u64)))
}

fn advance(tx: &mut dyn Tx, ctx: &Ctx, job: [u8; 32], from: i64, (rows, changed): (i64, i64)) -> Result<(u64, u64), Error> {
    let moved_at = Some(ctx.now());
    let found = tx.find::<BulkProgress>((job,))?.map(|p| p.trust("the job is known by its rows").into_inner());
    let now = match found {
        None => {
            let first = BulkProgress { job, done: rows, changed, version: 0, moved_at };
            tx.add(&first)?;
            first
        }
        // Somebody else runs the same job and was here first.
        Some(old) if old.done != from => return Err(StoreError::Conflict.into()),
        Some(old) => tx.replace(&old, BulkProgress { done: old.done + rows, changed: old.changed + changed, moved_at, ..old.clone() })?,
    };
    Ok((now.done as u64, now.changed as u64))
}

/// A rule counts rows from the start of its chunk; the caller counts from the start of the list.
fn at_row(error: Error, from: usize) -> Error {
    let Error::Invalid { field, problem } = error else { return error };
    let shifted = field.strip_prefix("rows[").and_then(|rest| {
        let (index, tail) = rest.split_once(']')?;
        Some(format!("rows[{}]{tail}", index.parse::<usize>().ok()? + from))
    });
    Error::Invalid { field: shifted.unwrap_or(field), problem }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::core::{Core, PROJECTIONS, Parts, Settings};
    use crate::crypto::KeyRing;
    use crate::ctx::SeededEntropy;
    use crate::operation;
    use crate::store::memory::MemoryStore;

    const WIDEST: usize = 7;

    fn narrow(_: &mut dyn Tx, _: &Ctx, rows: &[u32]) -> Result<u64, Error> {
        if rows.len() > WIDEST { Err(StoreError::TooLong { limit_ms: 1 }.into()) } else { Ok(rows.len() as u64) }
    }

    fn closed(_: &mut dyn Tx, _: &Ctx, _: &[u32]) -> Result<u64, Error> {
        Err(StoreError::TooLong { limit_ms: 1 }.into())
    }

    #[test]
    fn a_chunk_that_takes_too_long_is_tried_by_halves_down_to_a_row() {
        let entropy = std::sync::Arc::new(SeededEntropy::new(1));
        let settings = Settings { keys: KeyRing::generate(&mut rand_core::SeedableRng::seed_from_u64(1)), told_outside: Vec::new() };
        let clock = std::sync::Arc::new(ManualClock::at(Timestamp::default()));
        let core = Core::new(Parts { store: MemoryStore::new(PROJECTIONS), clock, entropy, settings });
        let rows: Vec<u32> = (0..limits::BULK_CHUNK_ROWS as u32 + 3).collect();
        let mut heard = vec![0];
        let done = core.as_system().bulk(&operation::ADD_AUTHORITIES, &rows, narrow, &mut |n| heard.push(n)).unwrap();
        assert_eq!((done.rows, done.changed), (rows.len() as u64, rows.len() as u64));
        assert!(heard.windows(2).all(|w| (1..=WIDEST as u64).contains(&(w[1] - w[0]))), "{heard:?}");
        assert_eq!(heard.last(), Some(&done.rows));
        let given_up = core.as_system().bulk(&operation::ADD_AUTHORITIES, &rows[1..], closed, &mut |_| {});
        assert!(matches!(given_up, Err(Error::Store(StoreError::TooLong { .. }))));
    }
}
