//! What lists say of taxpayers who are known: relations, findings about real names, rosters, former numbers. A row is weighed
//! against what is known, then written down; what an import wrote it can take back.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::import::{ImportBegun, ImportedRow, ListVerdict, Wrote};
use super::{FormerNumber, RealName, Relation, RosterEntry};
use crate::access::Engine;
use crate::ctx::Ctx;
use crate::error::{Error, Problem};
use crate::id::TaxpayerId;
use crate::store::{ReadTx, Reads, Record, StoreError, Tx, Writes, stretch};

/// A row weighed against what is known.
pub(super) enum Weighed<E> {
    /// Not known yet.
    New(E),
    /// What is known, and what it becomes.
    Changed(E, E),
    /// Known just so, of this taxpayer.
    Known(TaxpayerId),
    /// Something known goes before it, and it is left out: the field, and why.
    Overtaken(&'static str, &'static str),
}

/// What an entry is; stands with what takes it back.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum EntryKind {
    Relation,
    RealName,
    RosterEntry,
    FormerNumber,
}

/// What a list says of a taxpayer, one to a row.
pub(super) trait Entry: Record + PartialEq + Serialize + DeserializeOwned {
    /// What it is.
    const KIND: EntryKind;
    /// A row of a list.
    type Row;

    /// Weighs a row.
    ///
    /// # Errors
    /// `Invalid` with the field that does not fit.
    fn weigh(tx: &mut dyn ReadTx, ctx: &Ctx, row: &Self::Row) -> Result<Weighed<Self>, Error>;

    /// A row as the list says it and as it is kept, in canonical form.
    ///
    /// # Errors
    /// As [`Entry::weigh`].
    fn compared(tx: &mut dyn ReadTx, ctx: &Ctx, row: &Self::Row) -> Result<[Value; 2], Error>;

    /// Whom it is about; of a relation, the enterprise.
    fn about(&self) -> TaxpayerId;

    /// Writes it down, with what follows from it.
    fn enter(&self, tx: &mut dyn Tx, _: &Ctx) -> Result<(), Error> {
        Ok(tx.add(self)?)
    }
}

/// Writes rows down, all or none; returns how many changed something.
pub(super) fn record<E: Entry>(tx: &mut dyn Tx, ctx: &Ctx, rows: &[E::Row]) -> Result<u64, Error> {
    let mut changed = 0;
    for (i, row) in rows.iter().enumerate() {
        match E::weigh(tx, ctx, row).map_err(|e| e.in_row(i))? {
            Weighed::New(entry) => entry.enter(tx, ctx)?,
            Weighed::Changed(known, now) => drop(tx.replace(&known, now)?),
            Weighed::Known(_) | Weighed::Overtaken(..) => continue,
        }
        changed += 1;
    }
    Ok(changed)
}

fn overtaken(field: &'static str, why: &str) -> Error {
    Error::invalid(field, Problem::Malformed(why.into()))
}

/// What an import would make of a row.
///
/// # Errors
/// `Invalid` with the field that does not fit, or whose value is overtaken.
pub(super) fn examine<E: Entry>(tx: &mut dyn ReadTx, ctx: &Ctx, row: &E::Row) -> Result<ListVerdict, Error> {
    Ok(match E::weigh(tx, ctx, row)? {
        Weighed::New(_) => ListVerdict::New,
        Weighed::Changed(..) => ListVerdict::Changed,
        Weighed::Known(_) => ListVerdict::Duplicate,
        Weighed::Overtaken(field, why) => return Err(overtaken(field, why)),
    })
}

/// What an import wrote, and what was there before.
#[derive(Serialize, Deserialize)]
struct Deed<E> {
    kind: EntryKind,
    made: E,
    was: Option<E>,
}

/// Writes a row of an import down.
///
/// # Errors
/// `Invalid` as [`examine`], and where an earlier line of the list says something else of the same.
pub(super) fn import<E: Entry>(tx: &mut dyn Tx, ctx: &Ctx, of: ImportBegun, row: &E::Row) -> Result<Wrote, Error> {
    let (verdict, made, was) = match E::weigh(tx, ctx, row)? {
        Weighed::New(entry) => {
            entry.enter(tx, ctx)?;
            (ListVerdict::New, entry, None)
        }
        Weighed::Changed(known, now) => {
            if made_by(tx, of, &known)? {
                return Err(overtaken("starts_at", "is on an earlier line too, with other values"));
            }
            (ListVerdict::Changed, tx.replace(&known, now)?, Some(known))
        }
        Weighed::Known(taxpayer) => {
            return Ok(Wrote { verdict: ListVerdict::Duplicate, older: None, taxpayer, made_version: None, before: None });
        }
        Weighed::Overtaken(field, why) => return Err(overtaken(field, why)),
    };
    let taxpayer = made.about();
    let deed = serde_json::to_string(&Deed { kind: E::KIND, made, was }).map_err(|e| StoreError::Backend(format!("what was made: {e}")))?;
    Ok(Wrote { verdict, older: None, taxpayer, made_version: None, before: Some(deed) })
}

/// Whether an earlier line of the list made this.
fn made_by<E: Entry>(tx: &mut dyn ReadTx, of: ImportBegun, known: &E) -> Result<bool, Error> {
    let range = stretch(Some(ImportedRow::BY_TAXPAYER), (Some(known.about()), of.batch, of.attempt));
    let rows = tx.scan_all(Engine::work("an import is the host's own"), range, |row: &ImportedRow| row.before.is_some())?;
    let mut deeds = rows.iter().filter_map(|row| row.before.as_deref()).map(parse::<Deed<E>>);
    deeds.try_fold(false, |found, deed| Ok(found || same(&deed?.made, known)))
}

/// Whether what is there now is as an import made it. A later import that was taken back left another version of the same.
fn same<E: Entry>(made: &E, now: &E) -> bool {
    made.clone().succeeding(now) == now.clone().succeeding(now)
}

fn parse<'a, T: Deserialize<'a>>(deed: &'a str) -> Result<T, Error> {
    serde_json::from_str(deed).map_err(|e| StoreError::Corrupt(format!("imported_row.before: {e}")).into())
}

fn kind_of(deed: &str) -> Result<EntryKind, Error> {
    #[derive(Deserialize)]
    struct Head {
        kind: EntryKind,
    }
    Ok(parse::<Head>(deed)?.kind)
}

/// What is there now, as the import left it, and what was there before.
fn left<E: Entry>(tx: &mut dyn ReadTx, deed: &str) -> Result<Option<(E, Option<E>)>, Error> {
    let Deed { made, was, .. } = parse::<Deed<E>>(deed)?;
    let found = tx.find::<E>(made.key())?.map(|e| e.trust("an import takes back what it wrote").into_inner());
    Ok(found.filter(|now| same(&made, now)).map(|now| (now, was)))
}

/// Whether what an import wrote is as it left it.
pub(super) fn untouched(tx: &mut dyn ReadTx, deed: &str) -> Result<bool, Error> {
    Ok(match kind_of(deed)? {
        EntryKind::Relation => left::<Relation>(tx, deed)?.is_some(),
        EntryKind::RealName => left::<RealName>(tx, deed)?.is_some(),
        EntryKind::RosterEntry => left::<RosterEntry>(tx, deed)?.is_some(),
        EntryKind::FormerNumber => left::<FormerNumber>(tx, deed)?.is_some(),
    })
}

/// Takes back what an import wrote; says whether it was as the import left it, and does nothing where it was not.
pub(super) fn take_back(tx: &mut dyn Tx, deed: &str) -> Result<bool, Error> {
    match kind_of(deed)? {
        EntryKind::Relation => undo::<Relation>(tx, deed),
        EntryKind::RealName => undo::<RealName>(tx, deed),
        EntryKind::RosterEntry => undo::<RosterEntry>(tx, deed),
        EntryKind::FormerNumber => undo::<FormerNumber>(tx, deed),
    }
}

fn undo<E: Entry>(tx: &mut dyn Tx, deed: &str) -> Result<bool, Error> {
    match left::<E>(tx, deed)? {
        None => return Ok(false),
        Some((now, None)) => tx.remove(&now)?,
        Some((now, Some(was))) => drop(tx.replace(&now, was)?),
    }
    Ok(true)
}
