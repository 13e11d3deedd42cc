//! Lists that officers import (名单导入): looked at first, put forward with what would become of their rows, agreed to by another
//! officer, then imported. A list is known by its rows, so what is imported is what was agreed to, to the last cell. It is the
//! province's business: a row may say something of any of its taxpayers.

use serde::{Deserialize, Serialize};

use super::import::{BeginImport, ImportBegun, ImportRow, ListVerdict, RowVerdict, attempt_of, begin_import, examine_import, import_rows};
use super::listed::Listed;
use super::{AuthorityCode, reason};
use crate::access::{Engine, Permission, genuine, path_of, top_of};
use crate::approval::{self, Approval, ApprovalState, Matter, Opened, Opening};
use crate::crypto::{hash, sm3};
use crate::ctx::Ctx;
use crate::error::{self, Error, Problem, Refusal};
use crate::id::ApprovalId;
use crate::limits;
use crate::store::{ReadTx, Reads, StoreError, Tx, stretch};

/// A list, known by its rows whatever file they came in.
pub struct ImportList {
    name: String,
    of: ImportBegun,
    rows: Vec<ImportRow>,
}

impl ImportList {
    /// Of rows with their lines, as their reader counts.
    ///
    /// # Errors
    /// `Invalid` for a name that is blank or too long, no rows, more than [`limits::BULK_ROWS_MAX`], or rows of several kinds.
    pub fn new(name: &str, rows: Vec<(i64, Listed)>) -> Result<Self, Error> {
        let name = error::text("name", name, limits::DOCUMENT_CHARS_MAX)?;
        let first = rows.first().ok_or_else(|| Error::invalid("rows", Problem::Empty))?.1.kind();
        if rows.len() > limits::BULK_ROWS_MAX {
            return Err(Error::invalid("rows", Problem::TooMany { max: limits::BULK_ROWS_MAX }));
        }
        if rows.iter().any(|(_, said)| said.kind() != first) {
            return Err(Error::invalid("rows", Problem::Malformed("a list is of one kind".into())));
        }
        let mut digests = Vec::with_capacity(rows.len() * 32);
        for row in &rows {
            let row = serde_json::to_vec(row).map_err(|e| StoreError::Backend(format!("a row cannot be written down: {e}")))?;
            digests.extend(sm3(&[&row]));
        }
        let of = ImportBegun { batch: sm3(&[&digests]), attempt: 0 };
        let rows = rows.into_iter().map(|(line, said)| ImportRow { of, line, said }).collect();
        Ok(Self { name, of, rows })
    }

    /// SM3 of its rows: what it is known by.
    pub fn batch(&self) -> [u8; 32] {
        self.of.batch
    }

    /// How many rows it has: at least one.
    #[expect(clippy::len_without_is_empty, reason = "none is empty")]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Its rows; of no attempt yet.
    pub(crate) fn rows(&self) -> &[ImportRow] {
        &self.rows
    }

    /// Its rows as those of an attempt.
    pub(crate) fn rows_of(&self, of: ImportBegun) -> Vec<ImportRow> {
        self.rows.iter().map(|row| ImportRow { of, ..row.clone() }).collect()
    }

    /// What is put forward of it.
    pub(crate) fn proposal(&self, verdicts: Verdicts, reason: String) -> ProposeImport {
        let kind = self.rows.first().map_or("", |row| row.said.kind()).to_owned();
        ProposeImport { batch: hash::hex(&self.of.batch), name: self.name.clone(), kind, rows: self.rows.len() as u64, verdicts, reason }
    }
}

/// How many rows are of each verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Verdicts {
    /// 新增.
    pub new: u64,
    /// 变更.
    pub changed: u64,
    /// 重复.
    pub duplicate: u64,
    /// 过时.
    pub older: u64,
    /// 有误.
    pub broken: u64,
}

impl Verdicts {
    /// Counts them.
    pub fn of(told: &[RowVerdict]) -> Self {
        let mut counts = Self::default();
        for row in told {
            *match row.verdict {
                ListVerdict::New => &mut counts.new,
                ListVerdict::Changed => &mut counts.changed,
                ListVerdict::Duplicate => &mut counts.duplicate,
                ListVerdict::Older => &mut counts.older,
                ListVerdict::Broken => &mut counts.broken,
            } += 1;
        }
        counts
    }
}

/// What would become, or became, of a list.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListTold {
    /// SM3 of its rows, hexadecimal: what it is known by.
    pub batch: String,
    /// How many rows are of each verdict.
    pub verdicts: Verdicts,
    /// The first [`limits::LIST_ROWS_TOLD_MAX`] rows of which something is wrong (older, broken), by line.
    pub told: Vec<RowVerdict>,
    /// How it stands with its approval.
    pub standing: ListStanding,
}

/// A list that was imported, beside what is kept of it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListImported {
    /// What became of its rows.
    #[serde(flatten)]
    pub list: ListTold,
    /// The first [`limits::LIST_ROWS_TOLD_MAX`] lines that are kept otherwise than the list says; none where all is there as in the list.
    pub differing: Vec<i64>,
}

impl ListTold {
    /// Counts, and keeps what is wrong.
    pub(crate) fn new(list: &ImportList, rows: Vec<RowVerdict>, standing: ListStanding) -> Self {
        let verdicts = Verdicts::of(&rows);
        let told = rows.into_iter().filter(|row| row.field.is_some()).take(limits::LIST_ROWS_TOLD_MAX).collect();
        Self { batch: hash::hex(&list.batch()), verdicts, told, standing }
    }
}

/// How it stands with the approval of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ListStanding {
    /// It was not put forward, or was rejected, or was taken back since.
    NotPutForward,
    /// Somebody has yet to agree.
    Pending(ApprovalId),
    /// It may be imported, or was.
    Approved,
}

/// Puts a list forward.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ProposeImport {
    /// SM3 of its rows, hexadecimal: what it is known by.
    pub(crate) batch: String,
    /// Its name, such as the file's.
    pub(crate) name: String,
    /// What its rows are: `taxpayer`, `relation`, `real_name`, `roster_entry`, `former_number`.
    pub(crate) kind: String,
    /// How many.
    pub(crate) rows: u64,
    /// What would have become of them when it was put forward.
    pub(crate) verdicts: Verdicts,
    /// Why, for whoever decides; kept in the audit trail.
    pub(crate) reason: String,
}

/// Puts a list forward.
///
/// # Errors
/// `Denied` where the caller's post is not the province's; `approval_decided` for one that may be imported already; `approval_pending`
/// where it waits.
pub fn propose_import(tx: &mut dyn Tx, ctx: &Ctx, cmd: ProposeImport) -> Result<Opened, Error> {
    let place = province_of_importer(tx, ctx)?;
    let cmd = ProposeImport { reason: reason(&cmd.reason)?, ..cmd };
    if approved_attempt(tx, ctx, batch_named(&cmd.batch)?)?.is_some() {
        return Err(Error::Refused(Refusal::ApprovalDecided));
    }
    approval::open(tx, ctx, Opening { matter: Matter::Import, subject: cmd.batch.clone(), place: Some(place), about: None, content: cmd })
}

/// Makes happen what was approved: its rows may come.
pub(crate) fn carry_out(tx: &mut dyn Tx, ctx: &Ctx, approval: &Approval) -> Result<(), Error> {
    let ProposeImport { batch, name, rows, .. } = approval.content()?;
    let rows = i64::try_from(rows).unwrap_or(i64::MAX); // bounded where the list was made
    begin_import(tx, ctx, BeginImport { batch: batch_named(&batch)?, name, rows, given: None }).map(drop)
}

/// Whether the caller imports lists.
pub(crate) fn may_import_lists(tx: &mut dyn ReadTx, ctx: &Ctx) -> Result<(), Error> {
    province_of_importer(tx, ctx).map(drop)
}

/// What an import of these rows would make of each, for whoever imports lists.
pub(crate) fn examine_list(tx: &mut dyn ReadTx, ctx: &Ctx, rows: &[ImportRow]) -> Result<Vec<RowVerdict>, Error> {
    province_of_importer(tx, ctx)?;
    examine_import(tx, ctx, rows)
}

/// How it stands with the approval of a list, for whoever imports lists.
pub(crate) fn standing_of(tx: &mut dyn ReadTx, ctx: &Ctx, batch: [u8; 32]) -> Result<ListStanding, Error> {
    province_of_importer(tx, ctx)?;
    if approved_attempt(tx, ctx, batch)?.is_some() {
        return Ok(ListStanding::Approved);
    }
    let waits = of_list(tx, ctx, ApprovalState::Pending, batch)?.into_iter().find(|a| a.state_at(ctx.now()) == ApprovalState::Pending);
    Ok(waits.map_or(ListStanding::NotPutForward, |approval| ListStanding::Pending(approval.id)))
}

/// The attempt of a list whose rows may come.
///
/// # Errors
/// `Denied` where the caller's post is not the province's; `not_approved`.
pub(crate) fn attempt_to_import(tx: &mut dyn ReadTx, ctx: &Ctx, batch: [u8; 32]) -> Result<ImportBegun, Error> {
    province_of_importer(tx, ctx)?;
    approved_attempt(tx, ctx, batch)?.ok_or(Error::Refused(Refusal::NotApproved))
}

/// Applies rows of a list that was agreed to.
pub(crate) fn import_approved(tx: &mut dyn Tx, ctx: &Ctx, rows: &[ImportRow]) -> Result<u64, Error> {
    if let Some(of) = rows.first().map(|row| row.of)
        && attempt_to_import(tx, ctx, of.batch)? != of
    {
        return Err(Error::Refused(Refusal::ImportTakenBack));
    }
    import_rows(tx, ctx, rows)
}

/// The attempt that was agreed to: each takes an approval of its own.
fn approved_attempt(tx: &mut dyn ReadTx, ctx: &Ctx, batch: [u8; 32]) -> Result<Option<ImportBegun>, Error> {
    let Some(at) = attempt_of(tx, batch)? else { return Ok(None) };
    let agreed = of_list(tx, ctx, ApprovalState::Done, batch)?.len() as i64;
    Ok(Some(at).filter(|at| agreed >= at.attempt))
}

fn of_list(tx: &mut dyn ReadTx, ctx: &Ctx, state: ApprovalState, batch: [u8; 32]) -> Result<Vec<Approval>, Error> {
    let about = stretch(Some(Approval::BY_STATE), (state, Matter::Import, hash::hex(&batch)));
    let all = tx.scan_all(Engine::work("what was agreed about a list counts for all who import it"), about, |_: &Approval| true)?;
    all.into_iter().map(|approval| genuine(ctx.rights(), approval)).collect()
}

fn batch_named(text: &str) -> Result<[u8; 32], Error> {
    let bytes = hash::unhex(text).and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| Error::invalid("batch", Problem::Malformed("expected 64 hexadecimal digits".into())))
}

/// Where lists are imported and decided about: the highest authority whose people work here, if the caller's post is there.
fn province_of_importer(tx: &mut dyn ReadTx, ctx: &Ctx) -> Result<AuthorityCode, Error> {
    let top = top_of(tx)?;
    let path = path_of(tx, ctx.rights(), top)?;
    let there = ctx.actor().officer()?.may_at(Permission::ImportLists, &path);
    if there { Ok(top) } else { Err(Error::Denied { operation: ctx.operation().name }) }
}
