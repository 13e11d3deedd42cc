//! Putting something forward.

use serde::{Deserialize, Serialize};

use super::row::content_of;
use super::rule::rule_of;
use super::{Approval, ApprovalState, Execution, Matter, decide};
use crate::access::{Engine, Integrity, add_sealed, genuine, replace_sealed};
use crate::crypto::hash;
use crate::ctx::Ctx;
use crate::error::{Error, Refusal};
use crate::id::{ApprovalId, OfficerId};
use crate::identity::AuthorityCode;
use crate::series;
use crate::store::{Reads, Tx, stretch};

/// What a domain puts forward.
pub(crate) struct Opening<C> {
    pub(crate) matter: Matter,
    /// Which one of the matter.
    pub(crate) subject: String,
    /// Where it counts.
    pub(crate) place: Option<AuthorityCode>,
    /// Whom it is about.
    pub(crate) about: Option<OfficerId>,
    /// Exactly what is put forward.
    pub(crate) content: C,
}

/// What was put forward.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Opened {
    /// Its id.
    pub approval: ApprovalId,
    /// SM3 of exactly what was put forward, hexadecimal; whoever decides names it.
    pub digest: String,
    /// How far it is: pending, unless the rule lets it pass unseen.
    pub state: ApprovalState,
}

impl crate::core::Answer for Opened {
    fn subject(&self) -> String {
        format!("approval/{}", self.approval)
    }
}

/// Puts something forward. The domain has checked what it says; here it is bound, and waits.
pub(crate) fn open<C: Serialize>(tx: &mut dyn Tx, ctx: &Ctx, opening: Opening<C>) -> Result<Opened, Error> {
    let Opening { matter, subject, place, about, content } = opening;
    series::lock(tx, matter.family().as_str())?;
    for state in [ApprovalState::Pending, ApprovalState::Approved] {
        let same = stretch(Some(Approval::BY_STATE), (state, matter, subject.clone())).limit(1);
        let waiting: Vec<Approval> = tx.scan(Engine::work("one about the same waits at a time"), same)?;
        if let Some(waiting) = waiting.first() {
            if waiting.state_at(ctx.now()) != ApprovalState::Expired {
                return Err(Error::Refused(Refusal::ApprovalPending(waiting.id)));
            }
            let over = genuine(ctx.rights(), waiting.clone())?;
            replace_sealed(tx, ctx, &over, Approval { state: ApprovalState::Expired, ..over.clone() })?;
        }
    }
    let rule = rule_of(tx, ctx, matter)?;
    let (content, digest) = content_of(&content)?;
    let approval = Approval {
        id: ApprovalId::from_uuid(ctx.new_uuid()),
        matter,
        family: matter.family(),
        subject,
        place,
        about,
        state: ApprovalState::Pending,
        rule: content_of(&rule)?.0,
        step: 0,
        content,
        digest,
        proposed_by: ctx.actor().as_ref(),
        proposed_at: ctx.now(),
        expires_at: ctx.now().plus(std::time::Duration::from_secs(86_400 * rule.valid_days.unsigned_abs())),
        decided_by: None,
        decided_at: None,
        reason: None,
        executed_by: None,
        executed_at: None,
        number: None,
        mac: Integrity::default(),
        version: 0,
    };
    let unseen = rule.steps.is_empty();
    add_sealed(tx, ctx, approval.clone())?;
    let state = match (unseen, rule.execution) {
        (false, _) => ApprovalState::Pending,
        (true, Execution::AtOnce) => decide::take_effect(tx, ctx, &approval, None)?.state,
        (true, _) => replace_sealed(tx, ctx, &approval, Approval { state: ApprovalState::Approved, ..approval.clone() })?.state,
    };
    Ok(Opened { approval: approval.id, digest: hash::hex(&digest), state })
}
