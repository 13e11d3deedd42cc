//! What an approval would change: what is in force, beside what would be.

use serde::Serialize;
use serde_json::Value;

use super::{Approval, Matter};
use crate::calendar::Calendars;
use crate::ctx::Ctx;
use crate::error::{Error, Refusal};
use crate::store::{ReadTx, StoreError, StoreResult};
use crate::{access, calendar, interaction};

/// What is in force of what was put forward, and what would be, in the same form.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Changes {
    /// As it is.
    pub now: Value,
    /// As it would be.
    pub then: Value,
}

impl Changes {
    /// From one to the other.
    pub(crate) fn between<T: Serialize>(now: &T, then: &T) -> StoreResult<Self> {
        let shown = |side: &T| serde_json::to_value(side).map_err(|e| StoreError::Backend(format!("it cannot be shown: {e}")));
        Ok(Self { now: shown(now)?, then: shown(then)? })
    }
}

/// What an approval changes; nothing where it makes something new, shows personal data, or looks back. What is in force and was altered in
/// the database is not shown: it was told as an alarm, and nothing can be put in its place by agreeing.
pub(super) fn changes(tx: &mut dyn ReadTx, ctx: &Ctx, calendars: &Calendars, approval: &Approval) -> Result<Option<Changes>, Error> {
    let found = match approval.matter {
        Matter::WorkingDays | Matter::FilingPeriods | Matter::LegalNumber | Matter::OfficeHours => {
            calendar::changes(tx, ctx, calendars, approval)
        }
        Matter::Grant | Matter::Post | Matter::Separation | Matter::ApprovalRule | Matter::ControlRule => {
            access::changes(tx, ctx, approval)
        }
        Matter::Line => interaction::changes(tx, approval),
        Matter::Disclosure | Matter::Emergency | Matter::Import => Ok(None),
    };
    match found {
        Err(Error::Refused(Refusal::RightsAltered)) => Ok(None),
        found => found,
    }
}
