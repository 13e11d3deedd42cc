//! The report of built-in control (内控报告): what was found in a period and what became of it, and how approval and separation were
//! kept. Counts only.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use uuid::Uuid;

use super::alert::{Alert, AlertState, period};
use super::{ControlRule, rules};
use crate::access::{Engine, Grant, Permission, Post, separations};
use crate::approval::{Approval, ApprovalState, Matter};
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::id::{self, ApprovalId, GrantId, PostId};
use crate::store::{ReadTx, Reads, StoreResult, stretch};

/// How many alerts, and what became of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AlertFigures {
    /// Nobody has looked at.
    pub open: u64,
    /// It was what it looked like.
    pub confirmed: u64,
    /// It was in order.
    pub dismissed: u64,
}

impl AlertFigures {
    fn count(&mut self, state: AlertState) {
        match state {
            AlertState::Open => self.open += 1,
            AlertState::Confirmed => self.confirmed += 1,
            AlertState::Dismissed => self.dismissed += 1,
        }
    }
}

/// How many approvals came how far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ApprovalFigures {
    /// By how far they are at the end of the report.
    #[serde(flatten)]
    pub by_state: BTreeMap<&'static str, u64>,
}

/// The report of a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ControlReport {
    /// First instant.
    pub from: Timestamp,
    /// First instant after it.
    pub to: Timestamp,
    /// When it was made.
    pub made_at: Timestamp,
    /// The rules as they are in force.
    pub rules: Vec<ControlRule>,
    /// Alerts of the period.
    pub alerts: AlertFigures,
    /// The same by rule; every rule that has any.
    pub alerts_by_rule: BTreeMap<&'static str, AlertFigures>,
    /// The same by authority of whom they are about.
    pub alerts_by_authority: BTreeMap<String, AlertFigures>,
    /// Seconds from finding to review: half of the reviewed took no longer. Absent where none was reviewed.
    pub review_median_s: Option<u64>,
    /// The longest.
    pub review_longest_s: Option<u64>,
    /// Seconds for which the oldest open one has waited.
    pub open_longest_s: Option<u64>,
    /// What was put forward in the period, by matter and how far it came.
    pub approvals: BTreeMap<&'static str, ApprovalFigures>,
    /// Emergency posts taken (应急授权).
    pub emergencies: u64,
    /// Of these: nobody has looked at them afterwards, in time or at all.
    pub emergencies_not_reviewed: u64,
    /// Of these: found not to be in order.
    pub emergencies_rejected: u64,
    /// Grants that the host itself made without approval, after there was somebody who could approve.
    pub grants_unapproved: u64,
    /// Pairs of permissions that are kept apart now.
    pub separations: u64,
}

/// An id that sorts before every one made from `at` on.
fn floor(at: Timestamp) -> Uuid {
    id::uuid_v7(Timestamp::from_micros(at.micros().saturating_sub(1)), u16::MAX, u64::MAX)
}

fn why() -> Engine {
    Engine::work("the report of built-in control counts, and names nobody")
}

/// When somebody could first approve access: from then on a grant without approval is worth a line.
fn set_up_at(tx: &mut dyn ReadTx) -> Result<Option<Timestamp>, Error> {
    let mut grants: Vec<(Timestamp, PostId)> = Vec::new();
    tx.scan_while::<Grant>(why(), stretch(None, ()), |grant| {
        if !grants.iter().any(|(_, post)| *post == grant.post) {
            grants.push((grant.starts_at, grant.post)); // ids are in the order of making: the first of each post
        }
        true
    })?;
    for (at, post) in grants {
        if post_of(tx, post)?.is_some_and(|p| p.permissions.0.contains(&Permission::ApproveAccess)) {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

fn post_of(tx: &mut dyn ReadTx, id: PostId) -> StoreResult<Option<Post>> {
    Ok(tx.find::<Post>((id,))?.map(|p| p.trust("posts are known to the system").into_inner()))
}

/// The report of a period.
pub(crate) fn report(tx: &mut dyn ReadTx, ctx: &Ctx, from: Timestamp, to: Timestamp) -> Result<ControlReport, Error> {
    period(from, to)?;
    let mut report = ControlReport {
        from,
        to,
        made_at: ctx.now(),
        rules: rules(tx, ctx.rights())?,
        alerts: AlertFigures::default(),
        alerts_by_rule: BTreeMap::new(),
        alerts_by_authority: BTreeMap::new(),
        review_median_s: None,
        review_longest_s: None,
        open_longest_s: None,
        approvals: BTreeMap::new(),
        emergencies: 0,
        emergencies_not_reviewed: 0,
        emergencies_rejected: 0,
        grants_unapproved: 0,
        separations: separations(tx, ctx.rights())?.len() as u64,
    };
    let (mut reviewed, mut waiting): (Vec<Duration>, Vec<Duration>) = (Vec::new(), Vec::new());
    // Behind every id of the instant before.
    let before = (Timestamp::from_micros(from.micros().saturating_sub(1)), [0xFF; 16]);
    tx.scan_while::<Alert>(why(), stretch(Some(Alert::BY_AT), ()).after(before), |alert| {
        if alert.at >= to {
            return false;
        }
        report.alerts.count(alert.state);
        report.alerts_by_rule.entry(alert.rule.as_str()).or_default().count(alert.state);
        let authority = alert.authority.own().map_or_else(String::new, |code| code.as_str().to_owned());
        report.alerts_by_authority.entry(authority).or_default().count(alert.state);
        match alert.reviewed_at {
            Some(at) => reviewed.push(at.since(alert.noticed_at)),
            None => waiting.push(ctx.now().since(alert.noticed_at)),
        }
        true
    })?;
    reviewed.sort_unstable();
    report.review_median_s = reviewed.get(reviewed.len().saturating_sub(1) / 2).map(Duration::as_secs);
    report.review_longest_s = reviewed.last().map(Duration::as_secs);
    report.open_longest_s = waiting.iter().max().map(Duration::as_secs);
    tx.scan_while::<Approval>(why(), stretch(None, ()).after((ApprovalId::from_uuid(floor(from)),)), |approval| {
        if approval.proposed_at >= to {
            return false;
        }
        let state = approval.state_at(ctx.now());
        *report.approvals.entry(approval.matter.as_str()).or_default().by_state.entry(state.as_str()).or_default() += 1;
        if approval.matter == Matter::Emergency {
            report.emergencies += 1;
            report.emergencies_not_reviewed += u64::from(matches!(state, ApprovalState::Pending | ApprovalState::Expired));
            report.emergencies_rejected += u64::from(state == ApprovalState::Rejected);
        }
        true
    })?;
    if let Some(set_up) = set_up_at(tx)? {
        let mut unapproved = Vec::new();
        tx.scan_while::<Grant>(why(), stretch(None, ()).after((GrantId::from_uuid(floor(from)),)), |grant| {
            let past = grant.starts_at >= to;
            if !past && grant.approval.is_none() && grant.starts_at > set_up {
                unapproved.push(grant.post);
            }
            !past
        })?;
        for post in unapproved {
            // An emergency post is looked at afterwards, and counted above.
            report.grants_unapproved += u64::from(!post_of(tx, post)?.is_some_and(|p| p.emergency));
        }
    }
    Ok(report)
}
