//! What is put forward and decided.

use crate::approval::{
    self, Approvals, Approve, Decided, Delegate, Delegated, DelegationEnded, DelegationView, EndDelegation, Execute, Reject, Which,
    Withdraw,
};
use crate::core::Session;
use crate::core::door::commands;
use crate::error::Error;
use crate::id::{ApprovalId, DelegationId};
use crate::operation;
use crate::store::Ticket;

commands! {
    Approve;
    Execute;
    Delegate;
    EndDelegation;
    Withdraw, reason;
    Reject, reason;
}

/// What was put forward for approval.
pub struct Approval<'a>(pub(in crate::core) &'a Session);

impl Approval<'_> {
    /// What concerns the caller, older than `before`, newest first.
    pub fn list(&self, which: Which, before: Option<ApprovalId>, limit: u32) -> Result<Approvals, Error> {
        let calendars = self.0.core.0.calendars.clone();
        self.0.query(&operation::APPROVALS, move |tx, ctx| approval::approvals(tx, ctx, &calendars, which, before, limit))
    }

    /// Agrees to what somebody else put forward.
    pub fn approve(&self, cmd: Approve) -> Ticket<Decided> {
        self.0.command(&operation::APPROVE, cmd, approval::approve)
    }

    /// Rejects what somebody else put forward.
    pub fn reject(&self, cmd: Reject) -> Ticket<Decided> {
        self.0.command(&operation::REJECT, cmd, approval::reject)
    }

    /// Takes back what the caller put forward.
    pub fn withdraw(&self, cmd: Withdraw) -> Ticket<Decided> {
        self.0.command(&operation::WITHDRAW, cmd, approval::withdraw)
    }

    /// Carries out what was approved.
    pub fn execute(&self, cmd: Execute) -> Ticket<Decided> {
        self.0.command(&operation::EXECUTE, cmd, approval::execute)
    }

    /// Lets another officer decide in the caller's place.
    pub fn delegate(&self, cmd: Delegate) -> Ticket<Delegated> {
        self.0.command(&operation::DELEGATE, cmd, approval::delegate)
    }

    /// For whom the caller stands in, and who stands in for the caller.
    pub fn delegations(&self) -> Result<Vec<DelegationView>, Error> {
        self.0.query(&operation::DELEGATIONS, approval::delegations)
    }

    /// Ends a delegation of the caller's own.
    pub fn end_delegation(&self, delegation: DelegationId) -> Ticket<DelegationEnded> {
        self.0.command(&operation::END_DELEGATION, EndDelegation { delegation }, approval::end_delegation)
    }
}
