//! The rules: what this program ships, and what was approved over it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::access::{Engine, Integrity, Permission, Rights, Sealed, add_sealed, genuine, replace_sealed};

use crate::ctx::Ctx;
use crate::error::{self, Error, Problem};
use crate::limits;
use crate::store::{ReadTx, Reads, Tx, stretch};

words! {
    /// When a rule acts.
    pub enum ControlKind {
        /// Before: the answer carries a warning (事前预警).
        Warn = "warn",
        /// During: the deed is refused (事中阻断).
        Block = "block",
        /// After: the audit trail is screened (事后筛查).
        Screen = "screen",
    }
}

words! {
    /// What a rule watches. Which, and when it acts, is the program's; how much is too much is data.
    pub enum Watch {
        /// Fields that one officer reveals: a warning with the answer.
        RevealWarning = "reveal_warning",
        /// Fields that one officer reveals: no more until the window has passed.
        RevealLimit = "reveal_limit",
        /// Fields that one officer revealed (批量查看).
        BulkReveal = "bulk_reveal",
        /// Reads worth a record, by an officer outside of working days or at night (非工作时间).
        OffHours = "off_hours",
        /// Values that one officer took out by approved disclosures, and messages of others' conversations (批量导出).
        ExportSize = "export_size",
        /// Two officers who approve each other's things, one who approves their own, or an administrator who gave maker and checker
        /// their passwords or took their second factors away shortly before (一手清).
        BothSides = "both_sides",
        /// An officer's account used again after a long time (休眠账号); the threshold is days.
        DormantAccount = "dormant_account",
        /// An officer's account that was not used for so long that it is refused until a new password is given (长期未用账号停用); the
        /// threshold is days, and the window says nothing.
        DormantLock = "dormant_lock",
        /// Refused for want of permission or reach, again and again (越权尝试).
        DeniedBurst = "denied_burst",
        /// One taxpayer revealed again and again outside a conversation (无事由反复查看).
        RepeatedReveal = "repeated_reveal",
        /// A record of the audit trail is missing or does not fit (审计中断).
        AuditGap = "audit_gap",
        /// An emergency post was taken (应急授权): somebody hears of it at once, and not only who is asked to review it.
        EmergencyPost = "emergency_post",
    }
}

/// One rule as it is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ControlRule {
    /// Its id: what it watches.
    pub id: Watch,
    /// When it acts.
    pub kind: ControlKind,
    /// What it rests on: the document.
    pub clause: String,
    /// From how many on it acts.
    pub threshold: i64,
    /// Within how many minutes.
    pub window_minutes: i64,
    /// Whose business it is: whoever holds this permission reviews its alerts.
    pub owner: Permission,
    /// Whether it is on.
    pub enabled: bool,
    /// Whether it was approved here, rather than shipped.
    pub approved: bool,
}

impl ControlRule {
    /// The window.
    pub fn window(&self) -> Duration {
        Duration::from_secs(60 * self.window_minutes.unsigned_abs())
    }
}

const TENDER: &str = "招标文件 内控内生化：事前预警、事中阻断、事后筛查";
const PROTECTED: &str = "GB/T 22239-2019 8.1.4.3 安全审计";
const PERSONAL: &str = "中华人民共和国个人信息保护法 第五十一条；GB/T 35273-2020 7.1";
const ACCOUNTS: &str = "GB/T 22239-2019 8.1.4.2 c) 多余的、过期的账户";
const DUTIES: &str = "行政事业单位内部控制规范（试行）（财会〔2012〕21号）第十二条 不相容岗位相互分离";

/// What this program has where nothing else was approved. The documents ask for the control; how much is too much is an assumption.
fn shipped(id: Watch) -> ControlRule {
    let (kind, clause, threshold, window_minutes) = match id {
        Watch::RevealWarning => (ControlKind::Warn, TENDER, 40, 60),
        Watch::RevealLimit => (ControlKind::Block, TENDER, 60, 60),
        Watch::BulkReveal => (ControlKind::Screen, PERSONAL, 50, 60),
        Watch::OffHours => (ControlKind::Screen, TENDER, 3, 24 * 60),
        Watch::ExportSize => (ControlKind::Screen, PERSONAL, 1000, 24 * 60),
        Watch::BothSides => (ControlKind::Screen, DUTIES, 1, 24 * 60),
        Watch::DormantAccount => (ControlKind::Screen, ACCOUNTS, 90, 24 * 60),
        Watch::DormantLock => (ControlKind::Block, ACCOUNTS, 180, 24 * 60),
        Watch::DeniedBurst => (ControlKind::Screen, PROTECTED, 20, 10),
        Watch::RepeatedReveal => (ControlKind::Screen, PERSONAL, 6, 24 * 60),
        Watch::AuditGap => (ControlKind::Screen, PROTECTED, 1, 60),
        Watch::EmergencyPost => (ControlKind::Screen, DUTIES, 1, 60),
    };
    let owner = Permission::ReviewControl;
    ControlRule { id, kind, clause: clause.into(), threshold, window_minutes, owner, enabled: true, approved: false }
}

record! {
    /// A rule that was approved here in place of the one this program has.
    pub struct ControlRuleRow in "control_rule" {
        /// Which.
        id: Watch,
        /// From how many on it acts.
        threshold: i64,
        /// Within how many minutes.
        window_minutes: i64,
        /// Whether it is on.
        enabled: bool,
        /// The document it follows.
        source: String,
        /// Binds the row.
        mac: Integrity,
        /// Counts updates.
        version: i64,
    }
    key(id);
    version version;
}

impl Sealed for ControlRuleRow {
    fn seal(&mut self) -> &mut Integrity {
        &mut self.mac
    }
}

/// Sets a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SetControlRule {
    /// Which.
    pub rule: Watch,
    /// From how many on it acts.
    pub threshold: i64,
    /// Within how many minutes.
    pub window_minutes: i64,
    /// Whether it is on.
    pub enabled: bool,
    /// The document it follows: number and title.
    pub source: String,
}

impl SetControlRule {
    /// Within the limits.
    pub(crate) fn checked(mut self) -> Result<Self, Error> {
        self.source = error::text("source", &self.source, limits::SOURCE_CHARS_MAX)?;
        let min = match self.rule {
            // Sooner than that, nobody notes that an account was idle.
            Watch::DormantAccount => limits::IDLE_NOTED_DAYS,
            Watch::DormantLock => limits::DORMANT_LOCK_DAYS_MIN,
            _ => 1,
        };
        let within = |field, n: i64, min, max| {
            if (min..=max).contains(&n) { Ok(()) } else { Err(Error::invalid(field, Problem::OutOfRange { min, max })) }
        };
        // Each is found by itself, so there are never several of them.
        let max = if matches!(self.rule, Watch::AuditGap | Watch::EmergencyPost) { 1 } else { limits::CONTROL_THRESHOLD_MAX };
        within("threshold", self.threshold, min, max)?;
        within("window_minutes", self.window_minutes, 1, limits::CONTROL_WINDOW_MINUTES_MAX)?;
        Ok(self)
    }
}

fn merged(rights: Rights<'_>, id: Watch, row: Option<ControlRuleRow>) -> Result<ControlRule, Error> {
    let rule = shipped(id);
    let Some(row) = row else {
        rights.never_was(&format!("control_rule/{}", id.as_str()))?;
        return Ok(rule);
    };
    let ControlRuleRow { threshold, window_minutes, enabled, source, .. } = genuine(rights, row)?;
    Ok(ControlRule { clause: source, threshold, window_minutes, enabled, approved: true, ..rule })
}

/// A rule as it is in force.
pub(crate) fn rule_of(tx: &mut dyn ReadTx, rights: Rights<'_>, id: Watch) -> Result<ControlRule, Error> {
    let row = tx.find::<ControlRuleRow>((id,))?.map(|row| row.trust("rules of control bind everybody").into_inner());
    merged(rights, id, row)
}

/// What would set a rule as it is in force.
pub(crate) fn set_as(rule: ControlRule) -> SetControlRule {
    let ControlRule { id, threshold, window_minutes, enabled, clause, .. } = rule;
    SetControlRule { rule: id, threshold, window_minutes, enabled, source: clause }
}

/// Every rule as it is in force.
pub(crate) fn rules(tx: &mut dyn ReadTx, rights: Rights<'_>) -> Result<Vec<ControlRule>, Error> {
    let all = stretch(None, ()).limit(Watch::ALL.len() as u32);
    let rows: Vec<ControlRuleRow> = tx.scan(Engine::work("rules of control bind everybody"), all)?;
    Watch::ALL.iter().map(|id| merged(rights, *id, rows.iter().find(|row| row.id == *id).cloned())).collect()
}

/// Puts a rule in force that was approved.
pub(crate) fn put_in_force(tx: &mut dyn Tx, ctx: &Ctx, set: SetControlRule) -> Result<(), Error> {
    let SetControlRule { rule: id, threshold, window_minutes, enabled, source } = set.checked()?;
    let row = ControlRuleRow { id, threshold, window_minutes, enabled, source, mac: Integrity::default(), version: 0 };
    match tx.find::<ControlRuleRow>((id,))? {
        None => add_sealed(tx, ctx, row),
        Some(old) => {
            let old = old.trust("rules of control bind everybody").into_inner();
            replace_sealed(tx, ctx, &old, row).map(drop)
        }
    }
}

#[cfg(test)]
pub(super) fn as_shipped() -> Vec<ControlRule> {
    Watch::ALL.iter().map(|id| shipped(*id)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(id: Watch, threshold: i64, window_minutes: i64) -> Result<SetControlRule, Error> {
        SetControlRule { rule: id, threshold, window_minutes, enabled: true, source: "吉税发〔2026〕1号".into() }.checked()
    }

    #[test]
    fn thresholds_and_windows_keep_their_limits_and_no_document_is_an_error() {
        for (threshold, window, good) in [
            (1, 1, true),
            (0, 1, false),
            (1, 0, false),
            (limits::CONTROL_THRESHOLD_MAX, limits::CONTROL_WINDOW_MINUTES_MAX, true),
            (limits::CONTROL_THRESHOLD_MAX + 1, 1, false),
            (1, limits::CONTROL_WINDOW_MINUTES_MAX + 1, false),
        ] {
            assert_eq!(set(Watch::BulkReveal, threshold, window).is_ok(), good, "{threshold} {window}");
        }
        assert!(set(Watch::DormantAccount, limits::IDLE_NOTED_DAYS, 60).is_ok());
        assert!(set(Watch::DormantAccount, limits::IDLE_NOTED_DAYS - 1, 60).is_err());
        assert!(set(Watch::DormantLock, limits::DORMANT_LOCK_DAYS_MIN, 60).is_ok());
        assert!(set(Watch::DormantLock, limits::DORMANT_LOCK_DAYS_MIN - 1, 60).is_err());
        let nameless = SetControlRule { rule: Watch::OffHours, threshold: 1, window_minutes: 1, enabled: false, source: " ".into() };
        assert!(nameless.checked().is_err());
        let shipped = as_shipped();
        assert!(shipped.iter().all(|r| set(r.id, r.threshold, r.window_minutes).is_ok() && !r.clause.is_empty()));
    }
}
