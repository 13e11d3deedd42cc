//! The approval engine (审批): who wants a thing makes it (制单), others check it (审核), and it takes effect, or is carried out by
//! the one the rule names (执行).
//!
//! An approval is bound to the SM3 of exactly what was put forward, so there is nothing to edit: what is to be otherwise is
//! withdrawn and put forward anew. Nobody decides about what they put forward or what is about themselves, by whatever path:
//! not by a second post, not as somebody's delegate, not through a delegate of their own. Each person votes once. A rejection is
//! final. What a matter asks for is data ([`Rule`]), bound when the approval is opened; a rule without steps lets a thing pass
//! unseen, and has to say so.

mod changes;
mod decide;
mod delegation;
mod matter;
mod names;
mod open;
mod row;
mod rule;
mod show;

pub use changes::Changes;
pub(crate) use decide::use_up;
pub use decide::{Approve, Decided, Execute, Reject, Withdraw, approve, execute, reject, withdraw};
pub use delegation::{
    Delegate, Delegated, Delegation, DelegationEnded, DelegationView, EndDelegation, delegate, delegations, end_delegation,
};
pub use matter::{Family, Matter};
pub use open::Opened;
pub(crate) use open::{Opening, open};
pub use row::{Approval, ApprovalState, Vote};
pub use rule::{Execution, Rule, RuleRow, SetRule, Step};
pub(crate) use rule::{in_force as rule_in_force, put_in_force as put_rule_in_force};
pub(crate) use show::approvals;
pub use show::{ApprovalView, Approvals, StepView, VoteView, Which};
