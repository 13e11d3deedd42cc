//! Approving and rejecting what somebody else proposed.

use serde::{Deserialize, Serialize};

use super::proposal::{Change, Proposal, ProposalState};
use super::propose::{SERIES, within_reach};
use crate::access::Permission;
use crate::crypto::hash;
use crate::ctx::Ctx;
use crate::error::{self, Error, Refusal};
use crate::id::ProposalId;
use crate::limits;
use crate::series;
use crate::store::{Tx, Writes};

/// Approves a proposal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Approve {
    /// Which.
    pub proposal: ProposalId,
    /// SM3 of what the caller looked at, hexadecimal.
    pub digest: String,
}

/// Rejects a proposal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reject {
    /// Which.
    pub proposal: ProposalId,
    /// SM3 of what the caller looked at, hexadecimal.
    pub digest: String,
    /// Why, for whoever proposed it.
    pub reason: String,
}

/// A proposal that was decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Decided {
    /// Which.
    pub proposal: ProposalId,
    /// Its place among the approved, which is the version of the calendar from now on; absent for a rejected one.
    pub number: Option<i64>,
}

impl crate::core::Answer for Decided {
    fn subject(&self) -> String {
        format!("calendar_proposal/{}", self.proposal)
    }
}

/// Approves; the calendar says so from the commit on.
pub fn approve(tx: &mut dyn Tx, ctx: &Ctx, cmd: Approve) -> Result<Decided, Error> {
    let pending = pending(tx, ctx, cmd.proposal, &cmd.digest)?;
    let number = Some(series::take(tx, SERIES, 1)?);
    let approved = Proposal { state: ProposalState::Approved, number, ..decided(ctx, &pending) };
    tx.replace(&pending, approved)?;
    Ok(Decided { proposal: pending.id, number })
}

/// Rejects, for good; the same may be proposed anew.
pub fn reject(tx: &mut dyn Tx, ctx: &Ctx, cmd: Reject) -> Result<Decided, Error> {
    let reason = error::text("reason", &cmd.reason, limits::CLOSING_NOTE_CHARS_MAX)?;
    let pending = pending(tx, ctx, cmd.proposal, &cmd.digest)?;
    let rejected = Proposal { state: ProposalState::Rejected, reason: Some(reason), ..decided(ctx, &pending) };
    tx.replace(&pending, rejected)?;
    Ok(Decided { proposal: pending.id, number: None })
}

fn decided(ctx: &Ctx, pending: &Proposal) -> Proposal {
    Proposal { decided_by: Some(ctx.actor().as_ref()), decided_at: Some(ctx.now()), ..pending.clone() }
}

/// The proposal, locked, if the caller may decide about it and says of what.
fn pending(tx: &mut dyn Tx, ctx: &Ctx, id: ProposalId, digest: &str) -> Result<Proposal, Error> {
    let found = tx.lock_row::<Proposal>((id,))?.ok_or(Error::NotFound { what: "calendar_proposal" })?;
    let proposal = found.trust("the operation asks for the permission to decide").into_inner();
    if proposal.proposed_by == ctx.actor().as_ref() {
        return Err(Error::Refused(Refusal::OwnProposal));
    }
    if proposal.state != ProposalState::Pending {
        return Err(Error::Refused(Refusal::ProposalDecided));
    }
    if hash::unhex(digest.trim()).as_deref() != Some(&proposal.digest[..]) {
        return Err(Error::Refused(Refusal::OtherContent));
    }
    if let Change::OfficeHours { authority, .. } = proposal.draft()?.change {
        within_reach(tx, ctx, authority, Permission::ApproveCalendar)?;
    }
    Ok(proposal)
}
