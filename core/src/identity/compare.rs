//! Comparing a list with what is kept of it (核对): counts and two hashes. Each row that was applied is written twice in one canonical
//! form, once as the list says it and once as it stands in the tables now, and the two are hashed alike.
//!
//! A row is a JSON array of its fields in a fixed order, numbers and dates in their one spelling. What the row does not say is `null` on
//! both sides, and so is how something is known (channel, time of recording): a list that tells what was known already changes
//! neither. Whoever is spoken of, in a row that is not of people, stands by their id here. What is gone, or cannot be opened, is kept as
//! `null`. The hash of a side begins with 32 zero bytes, and is, for each row in the order of lines, SM3 of the hash before, the line as
//! 8 bytes (most significant first), and SM3 of the row.

use serde::Serialize;
use serde_json::{Value, json};

use super::entry::Entry;
use super::import::{ImportRow, ImportedRow, ListVerdict, fault};
use super::listed::Read;
use super::taxpayer::{PersonalField, Taxpayer, examine, find_by_number};
use super::{FormerNumber, NewTaxpayer, NumberKind, RealName, Relation, RosterEntry, subject};
use crate::crypto::{Place, sm3};
use crate::ctx::Ctx;
use crate::error::Error;
use crate::id::TaxpayerId;
use crate::store::{ReadTx, Reads, Record as _, StoreError};

/// A list beside what is kept of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Rows of the list that were applied (new, changed, duplicate) and are compared.
    pub rows: u64,
    /// Other rows: broken, partly older than what is known, or taken back.
    pub left_out: u64,
    /// Hash of the rows as the list says them.
    pub said: [u8; 32],
    /// Hash of the same rows as they are kept.
    pub kept: [u8; 32],
    /// Lines that are kept otherwise than the list says.
    pub differing: Vec<i64>,
}

impl Comparison {
    pub(crate) const EMPTY: Self = Self { rows: 0, left_out: 0, said: [0; 32], kept: [0; 32], differing: Vec::new() };

    /// Takes the next rows in.
    pub(crate) fn add(&mut self, rows: &[Option<Sides>]) {
        for row in rows {
            let Some(Sides { line, said, kept }) = row else {
                self.left_out += 1;
                continue;
            };
            self.rows += 1;
            for (hash, row) in [(&mut self.said, said), (&mut self.kept, kept)] {
                *hash = sm3(&[hash, &line.to_be_bytes(), row]);
            }
            if said != kept {
                self.differing.push(*line);
            }
        }
    }

    /// Whether everything that was applied is kept as the list says it.
    pub fn agrees(&self) -> bool {
        self.said == self.kept
    }
}

/// SM3 of a row as the list says it, and as it is kept.
pub(crate) struct Sides {
    line: i64,
    said: [u8; 32],
    kept: [u8; 32],
}

/// Both sides of each row; nothing for one that was not applied.
pub(crate) fn compare_import(tx: &mut dyn ReadTx, ctx: &Ctx, rows: &[ImportRow]) -> Result<Vec<Option<Sides>>, Error> {
    rows.iter().map(|row| sides(tx, ctx, row)).collect()
}

fn sides(tx: &mut dyn ReadTx, ctx: &Ctx, row: &ImportRow) -> Result<Option<Sides>, Error> {
    let found = tx.find::<ImportedRow>((row.of.batch, row.of.attempt, row.line))?;
    let imported = found.map(|row| row.trust("an import is the host's own").into_inner());
    let applied = |imported: &ImportedRow| {
        matches!(imported.verdict, ListVerdict::New | ListVerdict::Changed | ListVerdict::Duplicate) && !imported.taken_back
    };
    let Some(taxpayer) = imported.filter(applied).and_then(|imported| imported.taxpayer) else { return Ok(None) };
    let both = match row.said.read() {
        Ok(Read::Taxpayer(new, _)) => of_people(tx, ctx, taxpayer, &new),
        Ok(Read::Relation(new)) => Relation::compared(tx, ctx, &new),
        Ok(Read::RealName(new)) => RealName::compared(tx, ctx, &new),
        Ok(Read::RosterEntry(new)) => RosterEntry::compared(tx, ctx, &new),
        Ok(Read::FormerNumber(new)) => FormerNumber::compared(tx, ctx, &new),
        Err(e) => Err(e),
    };
    // Applied once, and not to be understood any more: whoever it speaks of is gone.
    let [said, kept] = fault(both)?.unwrap_or_else(|(field, _)| [json!(field), Value::Null]);
    let digest = |row: Value| sm3(&[row.to_string().as_bytes()]);
    Ok(Some(Sides { line: row.line, said: digest(said), kept: digest(kept) }))
}

fn of_people(tx: &mut dyn ReadTx, ctx: &Ctx, id: TaxpayerId, new: &NewTaxpayer) -> Result<[Value; 2], Error> {
    let listed = examine(tx, ctx, new)?;
    let canonical = |kind, name, number, phone, authority, registration_seq, external_id| {
        json!(["taxpayer", kind, name, number, phone, authority, registration_seq, external_id])
    };
    let number = json!([listed.number.kind(), listed.number.as_str()]);
    let phone = listed.phone.as_ref().map(|phone| phone.as_str());
    let authority = json!(listed.authority.own());
    let said = canonical(
        json!(new.kind),
        json!(listed.name),
        number,
        json!(phone),
        authority,
        json!(new.registration_seq),
        json!(new.external_id),
    );
    let mut found = tx.find::<Taxpayer>((id,))?;
    // Whoever was taken back with another list, and said anew since, has another id and is the same.
    if found.is_none()
        && let Some(anew) = find_by_number(tx, &[listed.number_index])?
    {
        found = tx.find::<Taxpayer>((anew,))?;
    }
    let found = found.map(|t| t.trust("an import compares what it was given").into_inner());
    let Some(known) = found else { return Ok([said, Value::Null]) };
    let kept = readable(
        subject::key_of(tx, ctx, known.id.uuid())
            .and_then(|key| Ok((known.open(Some(&key), PersonalField::Name)?, known.open(Some(&key), PersonalField::Phone)?))),
    )?;
    let Some((name, phone)) = kept else { return Ok([said, Value::Null]) };
    let number = number_kept(tx, ctx, &known, listed.number_index)?;
    let of_what_is_said = |said: bool, kept: Value| if said { kept } else { Value::Null };
    let kept = canonical(
        json!(known.kind),
        json!(name),
        json!(number),
        of_what_is_said(listed.phone.is_some(), json!(phone)),
        json!(known.authority.own()),
        of_what_is_said(new.registration_seq.is_some(), json!(known.registration_seq)),
        of_what_is_said(new.external_id.is_some(), json!(known.external_id)),
    );
    Ok([said, kept])
}

/// The number with this blind index, in use or from before, as it is kept of the taxpayer.
pub(super) fn number_kept(
    tx: &mut dyn ReadTx,
    ctx: &Ctx,
    taxpayer: &Taxpayer,
    index: [u8; 16],
) -> Result<Option<(NumberKind, String)>, Error> {
    let key = match readable(subject::key_of(tx, ctx, taxpayer.id.uuid()))? {
        Some(key) => key,
        None => return Ok(None),
    };
    if taxpayer.number_index == index {
        let text = readable(taxpayer.open(Some(&key), PersonalField::Number))?.flatten();
        return Ok(text.map(|text| (taxpayer.register(), text)));
    }
    let found = tx.find::<FormerNumber>((index,))?.map(|n| n.trust("an import compares what it was given").into_inner());
    let Some(former) = found.filter(|former| former.taxpayer == taxpayer.id) else { return Ok(None) };
    let place = Place { table: FormerNumber::TABLE.name, column: "number", row: &index };
    let open = readable(key.open(place, &former.number).map_err(Error::from))?;
    Ok(open.and_then(|text| std::str::from_utf8(&text).ok().map(|text| (former.kind, text.to_owned()))))
}

/// What is kept, if it can be opened: a key that is gone or a value that somebody altered is a difference, not a failure.
fn readable<T>(opened: Result<T, Error>) -> Result<Option<T>, Error> {
    match opened {
        Ok(open) => Ok(Some(open)),
        Err(Error::Crypto(_) | Error::NotFound { .. } | Error::Store(StoreError::Corrupt(_))) => Ok(None),
        Err(e) => Err(e),
    }
}
