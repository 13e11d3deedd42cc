//! Numbers a taxpayer had before the one in use (曾用号码): old taxpayer numbers, papers that were replaced. Whoever is looked up by one is
//! found; a number stays with its taxpayer for good.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::compare::number_kept;
use super::entry::{self, Entry, EntryKind, Weighed};
use super::taxpayer::{Taxpayer, find_by_number, holder_of, index_of, number_of};
use super::{Number, NumberKind, TaxpayerKind, subject};
use crate::clock::Timestamp;
use crate::crypto::Place;
use crate::ctx::Ctx;
use crate::error::{Error, Problem};
use crate::id::TaxpayerId;
use crate::store::{ReadTx, Reads, Record, Tx};

record! {
    /// A number a taxpayer had before.
    #[derive(Serialize, Deserialize)]
    pub struct FormerNumber in "former_number" {
        /// Blind index of the number.
        number_index: [u8; 16],
        /// Whose it was.
        taxpayer: TaxpayerId,
        /// Which register it is from.
        kind: NumberKind,
        /// The number, sealed with the taxpayer's key.
        number: Vec<u8>,
        /// When it was written down.
        recorded_at: Timestamp,
    }
    key(number_index);
    index BY_TAXPAYER(taxpayer, recorded_at);
}

/// One number to write down.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewFormerNumber {
    /// Whose: a number by which the taxpayer is known already.
    pub taxpayer: String,
    /// Which register the former number is from.
    pub kind: NumberKind,
    /// The former number.
    pub number: String,
}

/// Writes former numbers down. One that is written down already for the same taxpayer is left as it is; returns how many are new.
///
/// # Errors
/// `Invalid` with the row and field: not well formed, nobody known by the number, or a number of somebody else.
pub fn record_former_numbers(tx: &mut dyn Tx, ctx: &Ctx, rows: &[NewFormerNumber]) -> Result<u64, Error> {
    entry::record::<FormerNumber>(tx, ctx, rows)
}

impl Entry for FormerNumber {
    const KIND: EntryKind = EntryKind::FormerNumber;
    type Row = NewFormerNumber;

    fn weigh(tx: &mut dyn ReadTx, ctx: &Ctx, row: &NewFormerNumber) -> Result<Weighed<Self>, Error> {
        let (taxpayer, number, number_index) = named(tx, ctx, row)?;
        match find_by_number(tx, &[number_index])? {
            Some(same) if same == taxpayer.id => return Ok(Weighed::Known(same)),
            Some(_) => return Err(Error::invalid("number", Problem::Taken)),
            None => {}
        }
        let taxpayer = taxpayer.id;
        let key = subject::key_of(tx, ctx, taxpayer.uuid())?;
        let place = Place { table: FormerNumber::TABLE.name, column: "number", row: &number_index };
        let sealed = subject::seal(ctx, &key, place, number.as_str());
        Ok(Weighed::New(FormerNumber { number_index, taxpayer, kind: number.kind(), number: sealed, recorded_at: ctx.now() }))
    }

    fn compared(tx: &mut dyn ReadTx, ctx: &Ctx, row: &NewFormerNumber) -> Result<[Value; 2], Error> {
        let (taxpayer, number, index) = named(tx, ctx, row)?;
        let canonical = |(kind, text): (NumberKind, &str)| json!(["former_number", taxpayer.id, kind, text]);
        let kept = number_kept(tx, ctx, &taxpayer, index)?;
        let kept = kept.as_ref().map_or(Value::Null, |(kind, text)| canonical((*kind, text)));
        Ok([canonical((number.kind(), number.as_str())), kept])
    }

    fn about(&self) -> TaxpayerId {
        self.taxpayer
    }
}

/// Whose number a row tells, and the number.
fn named(tx: &mut dyn ReadTx, ctx: &Ctx, row: &NewFormerNumber) -> Result<(Taxpayer, Number, [u8; 16]), Error> {
    let unknown = || Error::invalid("taxpayer", Problem::Unknown("taxpayer"));
    // A sole trader may have the owner's number: then the register of the former one tells whose it was.
    let likelier = match row.kind {
        NumberKind::Uscc | NumberKind::TaxpayerNo => TaxpayerKind::Enterprise,
        _ => TaxpayerKind::Person,
    };
    let taxpayer = match holder_of(tx, ctx, &[likelier], &row.taxpayer)? {
        Some(found) => found,
        None => holder_of(tx, ctx, TaxpayerKind::ALL, &row.taxpayer)?.ok_or_else(unknown)?,
    };
    let malformed = |e: super::IdentifierError| Error::invalid("number", Problem::Malformed(e.to_string()));
    let number = number_of(ctx, row.kind, &row.number).map_err(malformed)?;
    let number_index = index_of(ctx.keys(), taxpayer.kind, &number);
    Ok((taxpayer, number, number_index))
}

/// Who had the number with this blind index.
pub(super) fn holder(tx: &mut dyn ReadTx, index: [u8; 16]) -> Result<Option<TaxpayerId>, Error> {
    let found = tx.find::<FormerNumber>((index,))?;
    Ok(found.map(|n| n.trust("whoever knows the number asks whose it is; the taxpayer is opened by the caller").into_inner().taxpayer))
}
