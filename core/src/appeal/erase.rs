//! Appeals of a person who is erased, or to whom all that is kept of them is given.

use super::Appeal;
use crate::access::Engine;
use crate::error::Error;
use crate::id::TaxpayerId;
use crate::identity::subject;
use crate::limits;
use crate::store::{ReadTx, Reads, Tx, stretch};

/// Every appeal of a person, oldest first.
pub(crate) fn all_of(tx: &mut dyn ReadTx, taxpayer: TaxpayerId) -> Result<Vec<Appeal>, Error> {
    let why = Engine::work("appeals of a person who is erased, or to whom all that is kept of them is given");
    Ok(tx.scan_all(why, stretch(Some(Appeal::BY_TAXPAYER), (Some(taxpayer),)), |_| true)?)
}

/// Destroys the keys of [`limits::ERASED_AT_ONCE`] appeals of a person; says whether there are more. The rows stay and are counted as before.
pub(crate) fn erase_of(tx: &mut dyn Tx, taxpayer: TaxpayerId) -> Result<bool, Error> {
    let mut erased = 0;
    for appeal in all_of(tx, taxpayer)? {
        if erased == limits::ERASED_AT_ONCE {
            return Ok(true);
        }
        erased += u32::from(subject::destroy(tx, appeal.id.uuid())?);
    }
    Ok(false)
}
