//! Numbers a taxpayer had before the one in use (曾用号码): old taxpayer numbers, papers that were replaced. Whoever is looked up by one is
//! found; a number stays with its taxpayer for good.

use serde::{Deserialize, Serialize};

use super::taxpayer::{find_by_number, holder_of, index_of};
use super::{Number, NumberKind, subject};
use crate::clock::Timestamp;
use crate::crypto::Place;
use crate::ctx::Ctx;
use crate::error::{Error, Problem};
use crate::id::TaxpayerId;
use crate::store::{ReadTx, Reads, Record, Tx, Writes};

record! {
    /// A number a taxpayer had before.
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
    let mut fresh = 0;
    for (i, row) in rows.iter().enumerate() {
        let at = |field: &str, problem| Error::invalid(format!("rows[{i}].{field}"), problem);
        let taxpayer = holder_of(tx, ctx, &row.taxpayer)?.ok_or_else(|| at("taxpayer", Problem::Unknown("taxpayer")))?;
        let number = Number::parse(row.kind, &row.number).map_err(|e| at("number", Problem::Malformed(e.to_string())))?;
        let number_index = index_of(ctx.keys(), &number);
        match find_by_number(tx, &[number_index])? {
            Some(same) if same == taxpayer => continue,
            Some(_) => return Err(at("number", Problem::Taken)),
            None => {}
        }
        let key = subject::key_of(tx, ctx, taxpayer.uuid())?;
        let place = Place { table: FormerNumber::TABLE.name, column: "number", row: &number_index };
        let sealed = ctx.with_rng(|rng| key.seal(ctx.keys().suite(), rng, place, number.as_str().as_bytes()));
        tx.add(&FormerNumber { number_index, taxpayer, kind: number.kind(), number: sealed, recorded_at: ctx.now() })?;
        fresh += 1;
    }
    Ok(fresh)
}

/// Who had the number with this blind index.
pub(super) fn holder(tx: &mut dyn ReadTx, index: [u8; 16]) -> Result<Option<TaxpayerId>, Error> {
    let found = tx.find::<FormerNumber>((index,))?;
    Ok(found.map(|n| n.trust("whoever knows the number asks whose it is; the taxpayer is opened by the caller").into_inner().taxpayer))
}
