//! Taking a collection back (撤回汇集): whole, last line first, as long as nothing that it wrote was used or changed since.

use serde::{Deserialize, Serialize};

use super::Appeal;
use super::collection::{Before, CollectedRow, Collection, CollectionBegun, page, stands};
use crate::access::Engine;
use crate::ctx::Ctx;
use crate::error::{Error, Refusal};
use crate::id::AppealId;
use crate::identity::SubjectKeyRow;
use crate::store::{ReadTx, Reads, StoreError, Tx, Writes, stretch};

/// One row to take back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakeBackArrival {
    /// Which table, which attempt.
    pub of: CollectionBegun,
    /// Line of the table.
    pub line: i64,
}

/// The lines behind `after` that wrote something and were not taken back, and the last line looked at; `None` at the end.
///
/// # Errors
/// `import_in_use`, with the line, where an appeal of the collection was answered or changed since, or is in a later table too, which is
/// taken back first; never once taking back has begun.
pub(crate) fn arrivals_to_take_back(tx: &mut dyn ReadTx, of: CollectionBegun, after: i64) -> Result<Option<(Vec<i64>, i64)>, Error> {
    let rows = page(tx, of, after)?;
    let Some(last) = rows.last().map(|row| row.line) else { return Ok(None) };
    let begun = !stands(tx, of)?;
    let mut lines = Vec::new();
    for row in rows.iter().filter(|row| !row.taken_back && row.made_version.is_some()) {
        if !begun && (untouched(tx, row)?.is_none() || said_elsewhere(tx, row)?) {
            return Err(Error::Refused(Refusal::ImportInUse(row.line)));
        }
        lines.push(row.line);
    }
    Ok(Some((lines, last)))
}

/// Takes rows back: an appeal that was new is gone with its key, one that was changed is as before. What came to be used since somebody
/// looked stays, so that what was begun comes to an end. Returns how many were taken back.
pub fn take_back_arrivals(tx: &mut dyn Tx, _: &Ctx, rows: &[TakeBackArrival]) -> Result<u64, Error> {
    let mut gone = 0;
    for TakeBackArrival { of, line } in rows {
        let found = tx.lock_row::<Collection>((of.batch, of.attempt))?.ok_or(Error::NotFound { what: "appeal_collection" })?;
        let collection = found.trust("a collection is the host's own").into_inner();
        if !collection.taken_back {
            tx.replace(&collection, Collection { taken_back: true, ..collection.clone() })?;
        }
        let found = tx.find::<CollectedRow>((of.batch, of.attempt, *line))?.ok_or(Error::NotFound { what: "collected_row" })?;
        let row = found.trust("a collection is the host's own").into_inner();
        if row.taken_back || row.made_version.is_none() || said_elsewhere(tx, &row)? {
            continue;
        }
        let Some(appeal) = untouched(tx, &row)? else { continue };
        match &row.before {
            None => remove(tx, &appeal)?,
            Some(before) => restore(tx, &row, &appeal, before)?,
        }
        tx.replace(&row, CollectedRow { taken_back: true, ..row.clone() })?;
        gone += 1;
    }
    Ok(gone)
}

fn remove(tx: &mut dyn Tx, appeal: &Appeal) -> Result<(), Error> {
    tx.remove(appeal)?;
    let key = tx.find::<SubjectKeyRow>((*appeal.id.as_bytes(),))?.ok_or(Error::NotFound { what: "subject" })?;
    Ok(tx.remove(&key.trust("a collection takes back what it wrote").into_inner())?)
}

fn restore(tx: &mut dyn Tx, row: &CollectedRow, appeal: &Appeal, before: &str) -> Result<(), Error> {
    let before: Before = serde_json::from_str(before).map_err(|e| StoreError::Corrupt(format!("collected_row.before: {e}")))?;
    let Before { content, text_index, body, title, answer, answered_at, state, due_at } = before;
    let was = Appeal { content, text_index, body, title, answer, answered_at, state, due_at, ..appeal.clone() };
    let restored = tx.replace(appeal, was)?;
    hand_on(tx, row, restored.version)
}

/// What an earlier collection wrote is there again, by a later version: it may be taken back in its turn, as far down as nobody else
/// changed anything in between.
fn hand_on(tx: &mut dyn Tx, row: &CollectedRow, version: i64) -> Result<(), Error> {
    let Some(made) = row.made_version else { return Ok(()) };
    let stand = |earlier: &CollectedRow| !earlier.taken_back && earlier.made_version.is_some();
    let rows = rows_about(tx, row.appeal, stand)?;
    for deep in 0.. {
        let Some(earlier) = rows.iter().find(|earlier| earlier.made_version == Some(made - 1 - deep)) else { break };
        tx.replace(earlier, CollectedRow { made_version: Some(version - deep), ..earlier.clone() })?;
    }
    Ok(())
}

fn rows_about(tx: &mut dyn ReadTx, appeal: Option<AppealId>, fits: impl Fn(&CollectedRow) -> bool) -> Result<Vec<CollectedRow>, Error> {
    let range = stretch(Some(CollectedRow::BY_APPEAL), (appeal,));
    Ok(tx.scan_all(Engine::work("a collection is the host's own"), range, fits)?)
}

/// Whether another table that stands said of the appeal, at that time or later, what was known by then: it counts on it.
fn said_elsewhere(tx: &mut dyn ReadTx, row: &CollectedRow) -> Result<bool, Error> {
    let since = |other: &CollectedRow| other.made_version.is_none() && other.taken_at >= row.taken_at;
    let other = |other: &CollectedRow| (other.batch, other.attempt) != (row.batch, row.attempt) && since(other);
    for other in rows_about(tx, row.appeal, other)? {
        if stands(tx, CollectionBegun { batch: other.batch, attempt: other.attempt })? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The appeal as a row left it; nothing where somebody answered or changed it since.
fn untouched(tx: &mut dyn ReadTx, row: &CollectedRow) -> Result<Option<Appeal>, Error> {
    let Some(id) = row.appeal else { return Ok(None) };
    let found = tx.find::<Appeal>((id,))?.map(|found| found.trust("a collection takes back what it wrote").into_inner());
    let as_left = |appeal: &Appeal| Some(appeal.version) == row.made_version && appeal.answered_by.is_none();
    Ok(found.filter(as_left))
}
