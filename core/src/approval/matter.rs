//! What can be put forward.

use crate::access::{self, Permission};
use crate::agenda::{self, TimerKind};
use crate::ctx::Ctx;
use crate::error::Error;
use crate::identity;
use crate::interaction;
use crate::limits;
use crate::store::Tx;

use super::Approval;

words! {
    /// What an approval is about.
    pub enum Matter {
        /// The working days of a year (放假安排).
        WorkingDays = "working_days",
        /// The filing periods of a year (征期).
        FilingPeriods = "filing_periods",
        /// A number that a law or a notice sets (法定数值).
        LegalNumber = "legal_number",
        /// The office hours of an authority (办公时间).
        OfficeHours = "office_hours",
        /// An officer gets a post (授予岗位).
        Grant = "grant",
        /// A post and what it allows (岗位设置).
        Post = "post",
        /// Two permissions that one person may not hold together (不相容岗位).
        Separation = "separation",
        /// How a matter is approved (审批规则).
        ApprovalRule = "approval_rule",
        /// Personal data of many taxpayers unmasked (批量查询).
        Disclosure = "disclosure",
        /// An emergency post that somebody took (应急授权), looked at afterwards.
        Emergency = "emergency",
        /// From how many on a rule of built-in control acts (内控规则).
        ControlRule = "control_rule",
        /// A waiting line, new or working otherwise (队列设置).
        Line = "line",
        /// A list of taxpayers, or of what is said of them (名单导入).
        Import = "import",
    }
}

words! {
    /// Matters whose changes are numbered together, without gaps: the number is the version of what they change.
    pub enum Family {
        /// The calendar.
        Calendar = "calendar",
        /// Posts, grants, and the rules about them.
        Access = "access",
        /// Personal data shown.
        Disclosure = "disclosure",
        /// Waiting lines.
        Lines = "lines",
        /// Lists imported.
        Imports = "imports",
    }
}

impl Matter {
    /// What it is numbered with.
    pub const fn family(self) -> Family {
        match self {
            Self::WorkingDays | Self::FilingPeriods | Self::LegalNumber | Self::OfficeHours => Family::Calendar,
            Self::Grant | Self::Post | Self::Separation | Self::ApprovalRule | Self::Emergency | Self::ControlRule => Family::Access,
            Self::Disclosure => Family::Disclosure,
            Self::Line => Family::Lines,
            Self::Import => Family::Imports,
        }
    }

    /// What whoever puts it forward must be allowed.
    pub const fn maker(self) -> Permission {
        match self.family() {
            Family::Calendar => Permission::ProposeCalendar,
            Family::Disclosure => Permission::RevealPersonalData,
            Family::Lines => Permission::ManageLines,
            Family::Imports => Permission::ImportLists,
            Family::Access if matches!(self, Self::Emergency) => Permission::TakeEmergencyPost,
            Family::Access => Permission::ManageAccess,
        }
    }

    /// Whether every officer may read what was put forward: it concerns all, and names nobody.
    pub const fn open_to_officers(self) -> bool {
        matches!(self.family(), Family::Calendar | Family::Lines)
    }

    /// Whether a rule may let it pass without anybody looking.
    pub const fn may_pass_unseen(self) -> bool {
        matches!(self, Self::OfficeHours)
    }

    /// Makes happen what was approved. What is only read from the approval itself (the calendar) or carried out by an
    /// operation of its own (a disclosure) has nothing to do here.
    pub(super) fn carry_out(self, tx: &mut dyn Tx, ctx: &Ctx, approval: &Approval) -> Result<(), Error> {
        match self {
            // What was due by the calendar before is computed anew, a page at a time.
            Self::WorkingDays | Self::FilingPeriods | Self::LegalNumber | Self::OfficeHours => {
                agenda::set(tx, ctx, TimerKind::RecomputeDue, approval.id.uuid(), ctx.now())?;
                Ok(agenda::set(tx, ctx, TimerKind::RecomputeDue, ctx.new_uuid(), ctx.now().plus(limits::RECOMPUTED_AGAIN_AFTER))?)
            }
            Self::Disclosure | Self::Emergency => Ok(()),
            Self::Grant | Self::Post | Self::Separation | Self::ApprovalRule | Self::ControlRule => access::carry_out(tx, ctx, approval),
            Self::Line => interaction::carry_out(tx, ctx, approval),
            Self::Import => identity::carry_out(tx, ctx, approval),
        }
    }

    /// Refuses to agree to what cannot be judged yet: the use of an emergency post, before it is over.
    pub(super) fn may_be_agreed(self, tx: &mut dyn Tx, ctx: &Ctx, approval: &Approval) -> Result<(), Error> {
        if self == Self::Emergency { access::emergency_is_over(tx, ctx, approval) } else { Ok(()) }
    }

    /// What follows from a rejection: an emergency post that was not in order ends.
    pub(super) fn turned_down(self, tx: &mut dyn Tx, ctx: &Ctx, approval: &Approval) -> Result<(), Error> {
        if self == Self::Emergency { access::end_emergency(tx, ctx, approval) } else { Ok(()) }
    }
}
