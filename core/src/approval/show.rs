//! Approvals as shown: an inbox of what waits for the caller, and what became of the rest.

use serde::{Deserialize, Serialize};

use super::changes::{Changes, changes};
use super::names::names;
use super::{Approval, ApprovalState, Execution, Matter, decide, delegation};
use crate::access::{Actor, Engine, Named, Permission, genuine};
use crate::calendar::Calendars;
use crate::clock::Timestamp;
use crate::crypto::hash;
use crate::ctx::Ctx;
use crate::error::{Error, Refusal};
use crate::id::{ApprovalId, OfficerId};
use crate::limits;
use crate::store::{ReadTx, Reads, stretch};

/// Which approvals are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// Every one the caller may see.
    #[default]
    All,
    /// Those that wait for the caller's word, or for the caller to carry them out.
    ForMe,
    /// Those the caller put forward.
    Mine,
}

/// A page of approvals.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Approvals {
    /// Newest first.
    pub items: Vec<ApprovalView>,
    /// Goes on behind this one; absent at the end. A page may be short, or empty, and still go on.
    pub before: Option<ApprovalId>,
}

/// An approval as shown.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ApprovalView {
    /// Id.
    pub id: ApprovalId,
    /// What it is about.
    pub matter: Matter,
    /// Which one of the matter.
    pub subject: String,
    /// How far it came.
    pub state: ApprovalState,
    /// Exactly what is put forward.
    pub content: serde_json::Value,
    /// What it would change, while that is to be decided; absent where there is nothing of the kind yet.
    pub changes: Option<Changes>,
    /// What the ids in it are called.
    pub names: Vec<Named>,
    /// SM3 of what is put forward, hexadecimal; whoever decides names it.
    pub digest: String,
    /// Its steps, as the rule was when it was opened.
    pub steps: Vec<StepView>,
    /// How it takes effect.
    pub execution: Execution,
    /// Whether the caller may decide now.
    pub may_decide: bool,
    /// Who put it forward.
    pub proposed_by: String,
    /// When.
    pub proposed_at: Timestamp,
    /// Nobody can decide from then on; but what was done in an emergency, which should have been looked at by then.
    pub expires_at: Timestamp,
    /// Who decided last.
    pub decided_by: Option<String>,
    /// When.
    pub decided_at: Option<Timestamp>,
    /// Why it was rejected or withdrawn.
    pub reason: Option<String>,
    /// Who carried it out.
    pub executed_by: Option<String>,
    /// When it took effect.
    pub executed_at: Option<Timestamp>,
    /// Place among those of its family that took effect.
    pub number: Option<i64>,
}

/// One step as shown.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StepView {
    /// Who decides.
    pub permission: Permission,
    /// How many must agree.
    pub votes_needed: i64,
    /// Who spoke.
    pub votes: Vec<VoteView>,
}

/// One word as shown.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VoteView {
    /// Who.
    pub voter: OfficerId,
    /// In whose place, where not in their own.
    pub in_place_of: Option<OfficerId>,
    /// For or against.
    pub agreed: bool,
    /// When.
    pub at: Timestamp,
}

/// Whether the caller may know of an approval: who put it forward, whom it is about, whoever may put such things forward, decide or
/// carry them out there; all officers, where it concerns all.
pub(super) fn may_see(tx: &mut dyn ReadTx, ctx: &Ctx, approval: &Approval) -> Result<bool, Error> {
    let caller = match ctx.actor() {
        Actor::System => return Ok(true),
        Actor::Officer(caller) => caller,
        _ => return Ok(false),
    };
    if approval.matter.open_to_officers() || approval.proposed_by == ctx.actor().as_ref() || approval.about == Some(caller.id) {
        return Ok(true);
    }
    let steps = approval.rule()?.steps;
    let concerned: Vec<Permission> = steps.iter().map(|s| s.permission).chain([approval.matter.maker()]).collect();
    let mut officers = vec![caller.as_ref().clone()];
    officers.extend(delegation::stands_in_for(tx, ctx, caller)?);
    for officer in &officers {
        for permission in &concerned {
            if decide::holds(tx, ctx, officer, *permission, approval)? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Approvals that the caller may see, newest first. Looks at [`limits::APPROVALS_SCANNED_MAX`] at most and shows
/// [`limits::APPROVALS_SHOWN_MAX`] at most; `before` of the answer goes on.
pub(crate) fn approvals(
    tx: &mut dyn ReadTx,
    ctx: &Ctx,
    calendars: &Calendars,
    which: Which,
    before: Option<ApprovalId>,
    limit: u32,
) -> Result<Approvals, Error> {
    let limit = limit.min(limits::APPROVALS_SHOWN_MAX) as usize;
    let range = stretch(None, ()).newest_first().limit(limits::APPROVALS_SCANNED_MAX);
    let range = if let Some(id) = before { range.after((id,)) } else { range };
    let rows: Vec<Approval> = tx.scan(Engine::work("each is shown to those who may see it only"), range)?;
    let all = rows.len() < limits::APPROVALS_SCANNED_MAX as usize;
    let (mut items, mut last) = (Vec::new(), None);
    for row in rows {
        if items.len() == limit {
            return Ok(Approvals { items, before: last });
        }
        last = Some(row.id);
        // One that was altered is left out, and was told as an alarm; the rest is shown.
        match shown(tx, ctx, calendars, row, which) {
            Ok(shown) => items.extend(shown),
            Err(Error::Refused(Refusal::RightsAltered)) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(Approvals { items, before: if all { None } else { last } })
}

fn shown(tx: &mut dyn ReadTx, ctx: &Ctx, calendars: &Calendars, row: Approval, which: Which) -> Result<Option<ApprovalView>, Error> {
    let row = genuine(ctx.rights(), row)?;
    if may_see(tx, ctx, &row)? { view(tx, ctx, calendars, row, which) } else { Ok(None) }
}

fn view(tx: &mut dyn ReadTx, ctx: &Ctx, calendars: &Calendars, row: Approval, which: Which) -> Result<Option<ApprovalView>, Error> {
    let own = row.proposed_by == ctx.actor().as_ref();
    let state = row.state_at(ctx.now());
    let rule = row.rule()?;
    let votes = decide::votes(tx, ctx, row.id)?;
    let may_decide = match ctx.actor() {
        Actor::Officer(caller) if state == ApprovalState::Pending && !own && row.about != Some(caller.id) => {
            let right = decide::right_at(tx, ctx, &row)?;
            right.is_some_and(|right| !votes.iter().any(|v| [v.voter, v.right_of].iter().any(|id| *id == right || *id == caller.id)))
        }
        _ => false,
    };
    let to_carry_out = state == ApprovalState::Approved && decide::may_carry_out(tx, ctx, &row)?;
    let wanted = match which {
        Which::All => true,
        Which::ForMe => may_decide || to_carry_out,
        Which::Mine => own,
    };
    if !wanted {
        return Ok(None);
    }
    let steps = rule.steps.iter().enumerate().map(|(i, step)| StepView {
        permission: step.permission,
        votes_needed: step.votes,
        votes: votes
            .iter()
            .filter(|v| v.step == i as i64)
            .map(|v| VoteView { voter: v.voter, in_place_of: (v.right_of != v.voter).then_some(v.right_of), agreed: v.agreed, at: v.at })
            .collect(),
    });
    let content = row.content()?;
    // From how many on somebody is looked at, nobody reads but who is asked to agree.
    let may_compare = row.matter != Matter::ControlRule || may_decide || to_carry_out;
    let changes = match state {
        ApprovalState::Pending | ApprovalState::Approved if may_compare => changes(tx, ctx, calendars, &row)?,
        _ => None,
    };
    Ok(Some(ApprovalView {
        id: row.id,
        matter: row.matter,
        subject: row.subject.clone(),
        state,
        names: names(tx, ctx, &row, &votes, &content)?,
        content,
        changes,
        digest: hash::hex(&row.digest),
        steps: steps.collect(),
        execution: rule.execution,
        may_decide,
        proposed_by: row.proposed_by.to_string(),
        proposed_at: row.proposed_at,
        expires_at: row.expires_at,
        decided_by: row.decided_by.map(|who| who.to_string()),
        decided_at: row.decided_at,
        reason: row.reason.clone(),
        executed_by: row.executed_by.map(|who| who.to_string()),
        executed_at: row.executed_at,
        number: row.number,
    }))
}
