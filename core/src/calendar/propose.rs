//! Proposing a change of the calendar.

use super::proposal::{Change, Draft};
use crate::access::{Permission, within_posts};
use crate::approval::{self, Opened, Opening};
use crate::ctx::Ctx;
use crate::error::Error;
use crate::store::Tx;

/// Proposes. What is about a year, and what a law sets, is for everybody; hours are for an authority within the caller's reach.
pub fn propose(tx: &mut dyn Tx, ctx: &Ctx, draft: Draft) -> Result<Opened, Error> {
    let draft = draft.checked()?;
    let place = match &draft.change {
        Change::OfficeHours { authority, .. } => {
            within_posts(tx, ctx, "change.authority", *authority, Permission::ProposeCalendar)?;
            Some(*authority)
        }
        Change::WorkingDays { .. } | Change::FilingPeriods { .. } | Change::LegalNumber { .. } => None,
    };
    let (matter, subject) = (draft.change.matter(), draft.change.subject());
    approval::open(tx, ctx, Opening { matter, subject, place, about: None, content: draft })
}
