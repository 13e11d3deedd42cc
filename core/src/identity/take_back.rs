//! Taking an import back (撤回导入): whole, last line first, as long as nothing that it made was used or changed since.

use serde::{Deserialize, Serialize};

use super::entry;
use super::import::{Before, ImportBatch, ImportBegun, ImportedRow, attempt_of, page};
use super::{FormerNumber, RealName, Relation, RosterEntry, SubjectKeyRow, Taxpayer};
use crate::access::{ActorKind, ActorRef, Credential, Engine, path_of};
use crate::ctx::Ctx;
use crate::error::{Error, Refusal};
use crate::interaction::Conversation;
use crate::limits;
use crate::planted::{Bug, planted};
use crate::store::{ReadTx, Reads, StoreError, Tx, Writes, stretch};

/// One row to take back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakeBack {
    /// Which list, which attempt.
    pub of: ImportBegun,
    /// Line of the list.
    pub line: i64,
    /// True for the last one: the list may be imported anew.
    pub last: bool,
}

/// The lines behind `after` that changed something and were not taken back, and the last line looked at; `None` at the end.
///
/// # Errors
/// `import_in_use`, with the line, where a taxpayer of the import has been used or changed since, or is on a later list too, which is
/// taken back first; never once taking back has begun.
pub(crate) fn lines_to_take_back(tx: &mut dyn ReadTx, of: ImportBegun, after: i64) -> Result<Option<(Vec<i64>, i64)>, Error> {
    let rows = page(tx, of, after, limits::PAGE_ROWS_MAX)?;
    let Some(last) = rows.last().map(|row| row.line) else { return Ok(None) };
    let batch = tx.find::<ImportBatch>((of.batch,))?.ok_or(Error::NotFound { what: "import_batch" })?;
    let batch = batch.trust("an import is the host's own").into_inner();
    if batch.attempt != of.attempt {
        return Ok(None);
    }
    let begun = batch.taking_back;
    let mut lines = Vec::new();
    for row in rows.iter().filter(|row| !row.taken_back && row.wrote()) {
        let free = match entry_of(row) {
            _ if begun => true,
            _ if said_later(tx, row)? => false,
            Some(deed) => entry::untouched(tx, deed)?,
            None => untouched(tx, row)?.is_some(),
        };
        if !free {
            return Err(Error::Refused(Refusal::ImportInUse(row.line)));
        }
        lines.push(row.line);
    }
    Ok(Some((lines, last)))
}

/// A line of an attempt in which nothing stands that could be taken back: naming it ends the attempt. Nothing where it is over.
pub(crate) fn line_to_end_with(tx: &mut dyn ReadTx, of: ImportBegun) -> Result<Option<i64>, Error> {
    let at = attempt_of(tx, of.batch)?;
    Ok(if at == Some(of) { page(tx, of, i64::MIN, 1)?.first().map(|row| row.line) } else { None })
}

/// Takes rows back, last line first: a taxpayer who was new is gone with their key, one who was changed is as before, and so is what
/// was said of one. Sessions that a verification ended stay ended. Hosts go on meanwhile: what came to be used since somebody looked
/// whether anything was stays, so that what was begun comes to an end. Returns how many were taken back.
pub fn take_back(tx: &mut dyn Tx, ctx: &Ctx, rows: &[TakeBack]) -> Result<u64, Error> {
    let mut gone = 0;
    for TakeBack { of, line, last } in rows {
        let found = tx.find::<ImportedRow>((of.batch, of.attempt, *line))?.ok_or(Error::NotFound { what: "imported_row" })?;
        let row = found.trust("an import is the host's own").into_inner();
        mark(tx, *of, *last)?;
        if row.taken_back || !row.wrote() {
            continue;
        }
        let taken_back = match entry_of(&row) {
            _ if *last && planted(Bug::TakeBackForgets) => true,
            _ if said_later(tx, &row)? => false,
            Some(deed) => entry::take_back(tx, deed)?,
            None => take_taxpayer_back(tx, ctx, &row)?,
        };
        if taken_back {
            tx.replace(&row, ImportedRow { taken_back, ..row.clone() })?;
            gone += 1;
        }
    }
    Ok(gone)
}

/// Lines of an import behind one, and the last one looked at.
pub(crate) type PageOfLines = fn(&mut dyn ReadTx, ImportBegun, i64) -> Result<Option<(Vec<i64>, i64)>, Error>;

/// The lines behind `after` that stayed, and the last line looked at; `None` at the end. For a list that was taken back.
pub(crate) fn lines_kept(tx: &mut dyn ReadTx, of: ImportBegun, after: i64) -> Result<Option<(Vec<i64>, i64)>, Error> {
    let rows = page(tx, of, after, limits::PAGE_ROWS_MAX)?;
    let kept = rows.iter().filter(|row| !row.taken_back && row.wrote()).map(|row| row.line).collect();
    Ok(rows.last().map(|last| (kept, last.line)))
}

/// What a row wrote that is no taxpayer: its taxpayer is of no version of its.
fn entry_of(row: &ImportedRow) -> Option<&str> {
    row.before.as_deref().filter(|_| row.made_version.is_none())
}

/// Says whether the taxpayer was as the import left them, and does nothing where they were not.
fn take_taxpayer_back(tx: &mut dyn Tx, ctx: &Ctx, row: &ImportedRow) -> Result<bool, Error> {
    let Some(taxpayer) = untouched(tx, row)? else { return Ok(false) };
    match &row.before {
        None => {
            tx.remove(&taxpayer)?;
            let key = tx.find::<SubjectKeyRow>((*taxpayer.id.as_bytes(),))?.ok_or(Error::NotFound { what: "subject" })?;
            tx.remove(&key.trust("an import takes back what it wrote").into_inner())?;
        }
        Some(before) => {
            let before: Before = serde_json::from_str(before).map_err(|e| StoreError::Corrupt(format!("imported_row.before: {e}")))?;
            let authority = match before.authority {
                Some(code) => path_of(tx, ctx.rights(), code)?,
                None => taxpayer.authority.clone(),
            };
            let Before { name, phone, phone_index, registration_seq, external_id, .. } = before;
            let ((name_channel, name_at), (phone_channel, phone_at)) = (before.name_told.unzip(), before.phone_told.unzip());
            let was = Taxpayer { name, phone, phone_index, authority, registration_seq, external_id, ..taxpayer.clone() };
            let was = Taxpayer { name_channel, name_at, phone_channel, phone_at, ..was };
            let restored = tx.replace(&taxpayer, was)?;
            hand_on(tx, row, restored.version)?;
        }
    }
    Ok(true)
}

/// What an earlier import made is there again, by a later version: it may be taken back in its turn, and then what one before it
/// made, as far down as nobody else changed anything in between.
fn hand_on(tx: &mut dyn Tx, row: &ImportedRow, version: i64) -> Result<(), Error> {
    let Some(made) = row.made_version else { return Ok(()) };
    let range = stretch(Some(ImportedRow::BY_TAXPAYER), (row.taxpayer,));
    let stand = |earlier: &ImportedRow| !earlier.taken_back && earlier.made_version.is_some();
    let rows = tx.scan_all(Engine::work("an import is the host's own"), range, stand)?;
    let stands = |at: i64| rows.iter().find(|earlier| earlier.made_version == Some(at));
    for deep in 0.. {
        let Some(earlier) = stands(made - 1 - deep) else { break };
        tx.replace(earlier, ImportedRow { made_version: Some(version - deep), ..earlier.clone() })?;
    }
    Ok(())
}

/// Whether a later row of another list that stands says of a taxpayer what was known by then: it counts on them, and on what was said
/// of them.
fn said_later(tx: &mut dyn ReadTx, row: &ImportedRow) -> Result<bool, Error> {
    let range = stretch(Some(ImportedRow::BY_TAXPAYER), (row.taxpayer,));
    let counts_on =
        |other: &ImportedRow| !other.wrote() && !other.taken_back && other.batch != row.batch && other.applied_at > row.applied_at;
    for other in tx.scan_all(Engine::work("an import is the host's own"), range, counts_on)? {
        let batch = tx.find::<ImportBatch>((other.batch,))?.map(|batch| batch.trust("an import is the host's own"));
        if batch.is_some_and(|batch| batch.attempt == other.attempt && !batch.taking_back) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Notes that a list is being taken back; with the last row that it may be imported anew.
fn mark(tx: &mut dyn Tx, of: ImportBegun, last: bool) -> Result<(), Error> {
    let found = tx.find::<ImportBatch>((of.batch,))?.ok_or(Error::NotFound { what: "import_batch" })?;
    let batch = found.trust("an import is the host's own").into_inner();
    if batch.attempt == of.attempt && (last || !batch.taking_back) {
        let attempt = batch.attempt + i64::from(last);
        tx.replace(&batch, ImportBatch { attempt, taking_back: !last, ..batch.clone() })?;
    }
    Ok(())
}

/// The taxpayer as an import left them; nothing where somebody changed them since, or depends on one whom it made.
fn untouched(tx: &mut dyn ReadTx, row: &ImportedRow) -> Result<Option<Taxpayer>, Error> {
    let Some(id) = row.taxpayer else { return Ok(None) };
    let found = tx.find::<Taxpayer>((id,))?.map(|found| found.trust("an import takes back what it wrote").into_inner());
    let Some(taxpayer) = found.filter(|taxpayer| Some(taxpayer.version) == row.made_version) else { return Ok(None) };
    if row.before.is_some() {
        return Ok(Some(taxpayer));
    }
    let why = Engine::work("whether anything depends on whom an import made");
    let one = |range: crate::store::raw::Range| range.limit(1);
    let used = !tx.scan::<Conversation>(why, one(stretch(Some(Conversation::BY_TAXPAYER), (id,))))?.is_empty()
        || !tx.scan::<Relation>(why, one(stretch(Some(Relation::BY_PERSON), (id,))))?.is_empty()
        || !tx.scan::<Relation>(why, one(stretch(None, (id,))))?.is_empty()
        || !tx.scan::<RosterEntry>(why, one(stretch(None, (id,))))?.is_empty()
        || !tx.scan::<RealName>(why, one(stretch(None, (id,))))?.is_empty()
        || !tx.scan::<FormerNumber>(why, one(stretch(Some(FormerNumber::BY_TAXPAYER), (id,))))?.is_empty()
        || tx.find_by::<Credential>(Credential::BY_ACTOR, (ActorRef { kind: ActorKind::Taxpayer, id: id.uuid() },))?.is_some();
    Ok(Some(taxpayer).filter(|_| !used))
}
