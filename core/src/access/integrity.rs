//! Rows that say who may do what carry a keyed hash (GB/T 39786-2021 8.4: integrity of access-control information). One that was
//! edited, swapped or put together straight in the database does not fit its hash, and gives nobody anything. Each hash
//! goes into the audit trail too, so that a row which was deleted, or put back as it once was, is found by comparing.

use super::trail::Rights;
use crate::audit::{self, Deed};
use crate::crypto::KeyRing;
use crate::ctx::Ctx;
use crate::error::{Error, Refusal};
use crate::id::AuditId;
use crate::store::{Field, Kind, Record, Row, Tx, Value, Writes};

/// How the audit trail calls the writing of such a row: this, and the row's name.
pub(super) const NOTED: &str = "integrity/";

/// HMAC-SM3 over the table and every column, version and period among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Integrity([u8; 32]);

impl Field for Integrity {
    const KIND: Kind = Kind::Bytes;
    fn encode(&self) -> Value {
        self.0.encode()
    }
    fn decode(value: Value) -> Option<Self> {
        <[u8; 32]>::decode(value).map(Self)
    }
}

/// A record with such a hash.
pub trait Sealed: Record {
    /// Its hash.
    fn seal(&mut self) -> &mut Integrity;
}

/// A row in one sequence of bytes that no other row has.
fn canonical(table: &str, row: &Row) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    let mut push = |tag: u8, field: &[u8]| {
        bytes.push(tag);
        bytes.extend_from_slice(&(field.len() as u64).to_be_bytes());
        bytes.extend_from_slice(field);
    };
    push(b't', table.as_bytes());
    for value in row {
        match value {
            Value::Null => push(b'n', &[]),
            Value::Int(i) => push(b'i', &i.to_be_bytes()),
            Value::Text(s) => push(b's', s.as_bytes()),
            Value::Bytes(b) => push(b'b', b),
        }
    }
    bytes
}

/// The hash that fits a row, and the one that is in it.
fn hashes<R: Sealed>(keys: &KeyRing, row: &R) -> ([u8; 32], [u8; 32]) {
    let mut blank = row.clone();
    let stored = std::mem::take(blank.seal()).0;
    (keys.digest(&[b"integrity".as_slice(), &canonical(R::TABLE.name, &blank.to_row())].concat()), stored)
}

/// The row with its hash.
fn sealed<R: Sealed>(keys: &KeyRing, row: R) -> (R, [u8; 32]) {
    let mut row = row;
    let (hash, _) = hashes(keys, &row);
    *row.seal() = Integrity(hash);
    (row, hash)
}

/// What the audit trail calls a row: its table and key.
pub(super) fn name_of<R: Record>(row: &R) -> String {
    let mut name = R::TABLE.name.to_owned();
    for part in row.key() {
        name.push('/');
        match part {
            Value::Bytes(b) => {
                name.push_str(&uuid::Uuid::from_slice(&b).map_or_else(|_| crate::crypto::hash::hex(&b), |id| id.to_string()))
            }
            Value::Text(s) => name.push_str(&s),
            Value::Int(i) => name.push_str(&i.to_string()),
            Value::Null => {}
        }
    }
    name
}

/// The row, if it is what was written.
///
/// # Errors
/// `RightsAltered`, which is an alarm.
pub(crate) fn genuine<R: Sealed>(rights: Rights<'_>, row: R) -> Result<R, Error> {
    let fits = fitting_hash(rights.keys, &row).is_some();
    if fits && !rights.speak_against(&row) { Ok(row) } else { Err(altered(&row)) }
}

/// The hash that is in a row, if it fits the row.
pub(super) fn fitting_hash<R: Sealed>(keys: &KeyRing, row: &R) -> Option<[u8; 32]> {
    let (fitting, stored) = hashes(keys, row);
    (fitting == stored).then_some(stored)
}

/// The row is not what was written.
pub(crate) fn altered<R: Record>(row: &R) -> Error {
    let row = name_of(row);
    tracing::error!(%row, "a row that says who may do what was altered behind the core's back; it is not used");
    Error::Refused(Refusal::RightsAltered)
}

/// Adds a row with its hash, and writes the hash into the audit trail.
pub(crate) fn add_sealed<R: Sealed>(tx: &mut dyn Tx, ctx: &Ctx, row: R) -> Result<(), Error> {
    let (row, hash) = sealed(ctx.keys(), row);
    tx.add(&row)?;
    note(tx, ctx, &row, hash)
}

/// Adds a row with its hash unless its key is there already; says whether it did.
pub(super) fn add_new_sealed<R: Sealed>(tx: &mut dyn Tx, ctx: &Ctx, row: R) -> Result<bool, Error> {
    let (row, hash) = sealed(ctx.keys(), row);
    let added = tx.add_new(&row)?;
    if added {
        note(tx, ctx, &row, hash)?;
    }
    Ok(added)
}

/// Replaces a row; returns the new one as stored.
pub(crate) fn replace_sealed<R: Sealed>(tx: &mut dyn Tx, ctx: &Ctx, old: &R, new: R) -> Result<R, Error> {
    let (new, hash) = sealed(ctx.keys(), new.succeeding(old));
    let stored = tx.replace(old, new)?;
    note(tx, ctx, &stored, hash)?;
    Ok(stored)
}

fn note<R: Record>(tx: &mut dyn Tx, ctx: &Ctx, row: &R, hash: [u8; 32]) -> Result<(), Error> {
    let (id, name) = (AuditId::from_uuid(ctx.new_uuid()), name_of(row));
    let digest = noted(ctx.keys(), &name, &hash, id);
    // No rows: beside the record of the deed itself, which counts.
    Ok(audit::record_as(tx, ctx, id, Deed { subject: format!("{NOTED}{name}"), reason: None, digest, rows: 0 })?)
}

/// What a record says that notes this hash of this row. Keyed, and bound to the record: who has the database alone can neither make up
/// a record about an older row, whose hash is in its column, nor copy the one that was written then.
pub(super) fn noted(keys: &KeyRing, name: &str, hash: &[u8; 32], record: AuditId) -> [u8; 32] {
    keys.digest(&[b"noted".as_slice(), &(name.len() as u64).to_be_bytes(), name.as_bytes(), hash, record.as_bytes()].concat())
}
