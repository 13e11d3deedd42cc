//! Deciding about what somebody else put forward, and carrying it out.

use serde::{Deserialize, Serialize};

use super::{Approval, ApprovalState, Execution, Matter, Vote, delegation, show};
use crate::access::{Actor, ActorKind, Engine, Integrity, OfficerActor, Permission, add_sealed, altered, genuine, replace_sealed};
use crate::crypto::hash;
use crate::ctx::Ctx;
use crate::error::{Error, Refusal};
use crate::id::{ApprovalId, OfficerId};
use crate::identity::reason;
use crate::limits;
use crate::planted::{Bug, planted};
use crate::series;
use crate::store::{ReadTx, Reads, Tx, Writes, stretch};

/// Agrees to what was put forward.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Approve {
    /// Which.
    pub approval: ApprovalId,
    /// SM3 of what the caller looked at, hexadecimal.
    pub digest: String,
}

/// Rejects what was put forward, for good.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reject {
    /// Which.
    pub approval: ApprovalId,
    /// SM3 of what the caller looked at, hexadecimal.
    pub digest: String,
    /// Why, for whoever put it forward.
    pub reason: String,
}

/// Takes back what the caller put forward.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Withdraw {
    /// Which.
    pub approval: ApprovalId,
    /// Why.
    pub reason: String,
}

/// Carries out what was approved.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Execute {
    /// Which.
    pub approval: ApprovalId,
    /// SM3 of what the caller looked at, hexadecimal.
    pub digest: String,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Decided {
    /// Which.
    pub approval: ApprovalId,
    /// How far it came.
    pub state: ApprovalState,
    /// Its place among those of its family that took effect, which is the version from now on; absent until it does.
    pub number: Option<i64>,
}

impl Decided {
    fn of(approval: &Approval) -> Self {
        Self { approval: approval.id, state: approval.state, number: approval.number }
    }
}

impl crate::core::Answer for Decided {
    fn subject(&self) -> String {
        format!("approval/{}", self.approval)
    }
}

/// Agrees. The last vote of a step opens the next; the last of all lets it take effect, if the rule says so.
pub fn approve(tx: &mut dyn Tx, ctx: &Ctx, cmd: Approve) -> Result<Decided, Error> {
    let pending = pending(tx, ctx, cmd.approval, &cmd.digest)?;
    vote(tx, ctx, &pending, true)?;
    pending.matter.may_be_agreed(tx, ctx, &pending)?;
    let rule = pending.rule()?;
    let step = usize::try_from(pending.step).ok().and_then(|i| rule.steps.get(i)).ok_or_else(|| pending.damaged("no such step"))?;
    if agreed_at(tx, ctx, &pending)? < step.votes - i64::from(planted(Bug::VoteTooFew)) {
        // Written all the same: votes that cross each other meet at the row.
        return Ok(Decided::of(&replace_sealed(tx, ctx, &pending, decided(ctx, &pending))?));
    }
    let step = pending.step + 1;
    if (step as usize) < rule.steps.len() {
        return Ok(Decided::of(&replace_sealed(tx, ctx, &pending, Approval { step, ..decided(ctx, &pending) })?));
    }
    let approved = Approval { step, state: ApprovalState::Approved, ..decided(ctx, &pending) };
    let done = match rule.execution {
        Execution::AtOnce => take_effect(tx, ctx, &pending, Some(approved))?,
        Execution::Maker | Execution::Third => replace_sealed(tx, ctx, &pending, approved)?,
    };
    Ok(Decided::of(&done))
}

/// Rejects, for good; the same may be put forward anew.
pub fn reject(tx: &mut dyn Tx, ctx: &Ctx, cmd: Reject) -> Result<Decided, Error> {
    let reason = reason(&cmd.reason)?;
    let pending = pending(tx, ctx, cmd.approval, &cmd.digest)?;
    vote(tx, ctx, &pending, false)?;
    let rejected = Approval { state: ApprovalState::Rejected, reason: Some(reason), ..decided(ctx, &pending) };
    let rejected = replace_sealed(tx, ctx, &pending, rejected)?;
    rejected.matter.turned_down(tx, ctx, &rejected)?;
    Ok(Decided::of(&rejected))
}

/// Takes back what the caller put forward, before it took effect.
pub fn withdraw(tx: &mut dyn Tx, ctx: &Ctx, cmd: Withdraw) -> Result<Decided, Error> {
    let reason = reason(&cmd.reason)?;
    let own = locked(tx, ctx, cmd.approval)?;
    // An emergency post was taken; that somebody looks at it is not the taker's to call off.
    if own.proposed_by != ctx.actor().as_ref() || own.matter == Matter::Emergency {
        return Err(Error::Denied { operation: ctx.operation().name });
    }
    standing(ctx, &own, &[ApprovalState::Pending, ApprovalState::Approved])?;
    let withdrawn = Approval { state: ApprovalState::Withdrawn, reason: Some(reason), ..decided(ctx, &own) };
    Ok(Decided::of(&replace_sealed(tx, ctx, &own, withdrawn)?))
}

/// Carries out what was approved.
pub fn execute(tx: &mut dyn Tx, ctx: &Ctx, cmd: Execute) -> Result<Decided, Error> {
    let approved = locked(tx, ctx, cmd.approval)?;
    same_content(&approved, &cmd.digest)?;
    // Personal data leaves by the operation that shows it, and no other.
    if approved.matter == Matter::Disclosure {
        return Err(Error::Denied { operation: ctx.operation().name });
    }
    Ok(Decided::of(&carry_out(tx, ctx, &approved)?))
}

/// The approval of this matter, used up by the caller who carries it out in the same transaction.
pub(crate) fn use_up(tx: &mut dyn Tx, ctx: &Ctx, id: ApprovalId, matter: Matter) -> Result<Approval, Error> {
    let approved = locked(tx, ctx, id)?;
    if approved.matter != matter {
        return Err(Error::NotFound { what: "approval" });
    }
    carry_out(tx, ctx, &approved)
}

fn carry_out(tx: &mut dyn Tx, ctx: &Ctx, approved: &Approval) -> Result<Approval, Error> {
    if approved.state_at(ctx.now()) == ApprovalState::Pending {
        return Err(Error::Refused(Refusal::NotApproved));
    }
    standing(ctx, approved, &[ApprovalState::Approved])?;
    if approved.rule()?.execution == Execution::AtOnce {
        return Err(approved.damaged("approved, and not in force").into());
    }
    every_step_was_agreed(tx, ctx, approved)?;
    if !may_carry_out(tx, ctx, approved)? {
        return Err(Error::Refused(Refusal::OwnApproval));
    }
    take_effect(tx, ctx, approved, Some(Approval { executed_by: Some(ctx.actor().as_ref()), ..approved.clone() }))
}

/// Whether what was approved is the caller's to carry out, by its rule.
pub(super) fn may_carry_out(tx: &mut dyn ReadTx, ctx: &Ctx, approved: &Approval) -> Result<bool, Error> {
    let Actor::Officer(caller) = ctx.actor() else { return Ok(false) };
    let own = approved.proposed_by == ctx.actor().as_ref();
    match approved.rule()?.execution {
        Execution::Maker => Ok(own),
        // Neither who put it forward, nor who checked it, by themselves or through a stand-in, nor whom it is about.
        Execution::Third => Ok(!own
            && approved.about != Some(caller.id)
            && !spoke(tx, approved.id, caller.id)?
            && holds(tx, ctx, caller, approved.matter.maker(), approved)?),
        Execution::AtOnce => Ok(false),
    }
}

/// Gives it its number and makes it happen. `new` is what else changes of the row.
pub(super) fn take_effect(tx: &mut dyn Tx, ctx: &Ctx, row: &Approval, new: Option<Approval>) -> Result<Approval, Error> {
    let number = Some(series::take(tx, row.family.as_str(), 1)?);
    let new = new.unwrap_or_else(|| row.clone());
    let done = replace_sealed(tx, ctx, row, Approval { state: ApprovalState::Done, executed_at: Some(ctx.now()), number, ..new })?;
    done.matter.carry_out(tx, ctx, &done)?;
    Ok(done)
}

fn decided(ctx: &Ctx, row: &Approval) -> Approval {
    Approval { decided_by: Some(ctx.actor().as_ref()), decided_at: Some(ctx.now()), ..row.clone() }
}

/// The approval, locked, if the caller may know of it.
fn locked(tx: &mut dyn Tx, ctx: &Ctx, id: ApprovalId) -> Result<Approval, Error> {
    let missing = || Error::NotFound { what: "approval" };
    let found = tx.lock_row::<Approval>((id,))?.ok_or_else(missing)?;
    let approval = genuine(ctx.rights(), found.trust("shown to those who may see it only").into_inner())?;
    if show::may_see(tx, ctx, &approval)? { Ok(approval) } else { Err(missing()) }
}

/// The approval, locked, if it waits for a decision and the caller says about what they decide.
fn pending(tx: &mut dyn Tx, ctx: &Ctx, id: ApprovalId, digest: &str) -> Result<Approval, Error> {
    let approval = locked(tx, ctx, id)?;
    let caller = ctx.actor().officer()?.id;
    let own = approval.proposed_by == ctx.actor().as_ref() || approval.about == Some(caller);
    if own && !planted(Bug::OwnApprovalCounts) {
        return Err(Error::Refused(Refusal::OwnApproval));
    }
    standing(ctx, &approval, &[ApprovalState::Pending])?;
    same_content(&approval, digest)?;
    Ok(approval)
}

fn standing(ctx: &Ctx, approval: &Approval, states: &[ApprovalState]) -> Result<(), Error> {
    match approval.state_at(ctx.now()) {
        state if states.contains(&state) => Ok(()),
        ApprovalState::Expired => Err(Error::Refused(Refusal::ApprovalExpired)),
        _ => Err(Error::Refused(Refusal::ApprovalDecided)),
    }
}

fn same_content(approval: &Approval, digest: &str) -> Result<(), Error> {
    let same = hash::unhex(digest.trim()).as_deref() == Some(&approval.digest[..]);
    if same { Ok(()) } else { Err(Error::Refused(Refusal::OtherContent)) }
}

/// Writes the caller's word down, if they have one at this step.
fn vote(tx: &mut dyn Tx, ctx: &Ctx, approval: &Approval, agreed: bool) -> Result<(), Error> {
    let voter = ctx.actor().officer()?.id;
    let right_of = right_at(tx, ctx, approval)?.ok_or(Error::Denied { operation: ctx.operation().name })?;
    every_step_was_agreed(tx, ctx, approval)?;
    // Who stands in for others speaks once, and each right counts once.
    if spoke(tx, approval.id, voter)? || tx.find_by::<Vote>(Vote::BY_RIGHT, (approval.id, right_of))?.is_some() {
        return Err(Error::Refused(Refusal::VotedAlready));
    }
    let (approval, step, at, mac) = (approval.id, approval.step, ctx.now(), Integrity::default());
    add_sealed(tx, ctx, Vote { approval, voter, right_of, step, agreed, at, mac })
}

/// Whether an officer has spoken about an approval: by themselves, or by their right in another's hands.
fn spoke(tx: &mut dyn ReadTx, approval: ApprovalId, officer: OfficerId) -> Result<bool, Error> {
    Ok(tx.find::<Vote>((approval, officer))?.is_some() || tx.find_by::<Vote>(Vote::BY_RIGHT, (approval, officer))?.is_some())
}

/// Whose right lets the caller decide at the step that is open: their own, or that of somebody they stand in for.
pub(super) fn right_at(tx: &mut dyn ReadTx, ctx: &Ctx, approval: &Approval) -> Result<Option<OfficerId>, Error> {
    let caller = ctx.actor().officer()?;
    let rule = approval.rule()?;
    let Some(step) = usize::try_from(approval.step).ok().and_then(|i| rule.steps.get(i)) else { return Ok(None) };
    if holds(tx, ctx, caller, step.permission, approval)? {
        return Ok(Some(caller.id));
    }
    for other in delegation::stands_in_for(tx, ctx, caller)? {
        let maker = approval.proposed_by.kind == ActorKind::Officer && approval.proposed_by.id == other.id.uuid();
        if !maker && approval.about != Some(other.id) && holds(tx, ctx, &other, step.permission, approval)? {
            return Ok(Some(other.id));
        }
    }
    Ok(None)
}

/// Whether an officer holds a post with this permission where the approval counts, or above.
pub(super) fn holds(
    tx: &mut dyn ReadTx,
    ctx: &Ctx,
    officer: &OfficerActor,
    permission: Permission,
    approval: &Approval,
) -> Result<bool, Error> {
    match approval.place {
        None => Ok(officer.may(permission)),
        Some(_) if planted(Bug::ApprovalPlaceIgnored) => Ok(officer.may(permission)),
        Some(place) => {
            let path = crate::access::path_of(tx, ctx.rights(), place)?;
            Ok(officer.may_at(permission, &path))
        }
    }
}

fn agreed_at(tx: &mut dyn ReadTx, ctx: &Ctx, approval: &Approval) -> Result<i64, Error> {
    Ok(votes(tx, ctx, approval.id)?.iter().filter(|v| v.agreed && v.step == approval.step).count() as i64)
}

/// Refuses where a step that is over has fewer words in favour than its rule asks for: whoever takes a word out of the database would be
/// somebody who has not spoken yet.
fn every_step_was_agreed(tx: &mut dyn ReadTx, ctx: &Ctx, approval: &Approval) -> Result<(), Error> {
    let (rule, words) = (approval.rule()?, votes(tx, ctx, approval.id)?);
    for (at, step) in (0_i64..approval.step).zip(&rule.steps) {
        let agreed = words.iter().filter(|v| v.agreed && v.step == at).count() as i64;
        if agreed < step.votes - i64::from(planted(Bug::VoteTooFew)) {
            return Err(altered(approval));
        }
    }
    Ok(())
}

/// Every word about an approval.
pub(super) fn votes(tx: &mut dyn ReadTx, ctx: &Ctx, id: ApprovalId) -> Result<Vec<Vote>, Error> {
    let max = (limits::APPROVAL_STEPS_MAX as i64 * limits::APPROVAL_VOTES_MAX + 1) as u32;
    let all = stretch(None, (id,)).limit(max);
    let votes: Vec<Vote> = tx.scan(Engine::work("the votes of an approval that the caller may see"), all)?;
    votes.into_iter().map(|vote| genuine(ctx.rights(), vote)).collect()
}
