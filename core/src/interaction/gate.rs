//! The gates of zones: who is let into a line that is for some enterprises only, at entry and at every message.

use super::LineKind;
use crate::clock::Timestamp;
use crate::error::{Error, Refusal};
use crate::id::TaxpayerId;
use crate::identity::{self, Roster};
use crate::store::ReadTx;

/// The enterprise by which a taxpayer is let into a line of this kind: themselves, or one for which they act. `None` where there is no gate.
///
/// # Errors
/// `NoEnterprise` for a person who acts for nobody, `NotOnRoster` where none of the enterprises is named; each says how to mend it.
pub(super) fn admit(tx: &mut dyn ReadTx, kind: LineKind, taxpayer: TaxpayerId, at: Timestamp) -> Result<Option<TaxpayerId>, Error> {
    let Some(roster) = kind.gate() else { return Ok(None) };
    let enterprises = identity::enterprises_of(tx, taxpayer, at)?;
    for enterprise in &enterprises {
        if identity::is_on(tx, *enterprise, roster, at)? {
            return Ok(Some(*enterprise));
        }
    }
    Err(Error::Refused(if enterprises.is_empty() { Refusal::NoEnterprise(roster) } else { Refusal::NotOnRoster(roster) }))
}

/// Whether a taxpayer who was let in for an enterprise still would be.
///
/// # Errors
/// As [`admit`].
pub(super) fn still(tx: &mut dyn ReadTx, roster: Roster, enterprise: TaxpayerId, taxpayer: TaxpayerId, at: Timestamp) -> Result<(), Error> {
    if !identity::enterprises_of(tx, taxpayer, at)?.contains(&enterprise) {
        return Err(Error::Refused(Refusal::NoEnterprise(roster)));
    }
    if identity::is_on(tx, enterprise, roster, at)? { Ok(()) } else { Err(Error::Refused(Refusal::NotOnRoster(roster))) }
}
