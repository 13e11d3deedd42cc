//! Built-in control (内控内生化): rules as data that warn before (事前预警), block during (事中阻断) and screen after (事后筛查).
//!
//! Warnings and blocks are counted inside the transaction of the deed, so that two deeds at once cannot both be the last one
//! allowed. Screening reads the sealed audit trail and nothing else: it is a function of the records, the rules and the calendar,
//! so it finds the same again, and in pieces what it finds at once. What it finds are [`Alert`]s, which somebody else than
//! whom they are about looks at.

mod alert;
mod block;
mod denial;
mod report;
mod rule;
mod screen;
mod trail;

pub use alert::{Alert, AlertReviewed, AlertState, AlertView, Alerts, RaiseAlerts, Raised, ReviewAlert, Verdict, raise, review_alert};
pub(crate) use alert::{alerts, move_on, not_known, period, screened_to};
pub use block::Shown;
pub(crate) use block::{count_reveal, may_reveal, unused_too_long};
pub(crate) use denial::Denials;
pub use denial::{Denial, record_denials};
pub(crate) use report::report;
pub use report::{AlertFigures, ApprovalFigures, ControlReport};
pub use rule::{ControlKind, ControlRule, ControlRuleRow, SetControlRule, Watch};
pub(crate) use rule::{put_in_force, rule_of, rules, set_as};
pub(crate) use screen::REACH;
pub use screen::{Facts, Finding, Screening};
pub(crate) use trail::{Entry, page, place_before};

/// What screening a period did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Screened {
    /// Records read, those before the period that its windows reach into among them.
    pub read: u64,
    /// What was found in the period.
    pub found: u64,
    /// What of it was not known yet.
    pub raised: u64,
}
