//! Proposing a change of the calendar.

use serde::{Deserialize, Serialize};

use super::proposal::{Change, Draft, Proposal, ProposalState, content_of};
use crate::access::{Engine, Permission, path_of};
use crate::crypto::hash;
use crate::ctx::Ctx;
use crate::error::{Error, Problem, Refusal};
use crate::id::ProposalId;
use crate::identity::AuthorityCode;
use crate::series;
use crate::store::{ReadTx, Reads, Tx, Writes, stretch};

/// The series that numbers what was approved; its row is the guard of proposing, too.
pub(super) const SERIES: &str = "calendar";

/// What was proposed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Proposed {
    /// Its id.
    pub proposal: ProposalId,
    /// SM3 of exactly what was proposed, hexadecimal; whoever decides names it.
    pub digest: String,
}

impl crate::core::Answer for Proposed {
    fn subject(&self) -> String {
        format!("calendar_proposal/{}", self.proposal)
    }
}

/// Proposes. What is about a year is for everybody; hours are for an authority within the caller's reach.
pub fn propose(tx: &mut dyn Tx, ctx: &Ctx, draft: Draft) -> Result<Proposed, Error> {
    let draft = draft.checked()?;
    if let Change::OfficeHours { authority, .. } = &draft.change {
        within_reach(tx, ctx, *authority, Permission::ProposeCalendar)?;
    }
    series::lock(tx, SERIES)?;
    let (kind, subject) = (draft.change.kind(), draft.change.subject());
    let same = stretch(Some(Proposal::BY_STATE), (ProposalState::Pending, kind, subject.clone())).limit(1);
    let pending: Vec<Proposal> = tx.scan(Engine::work("one proposal about the same waits at a time"), same)?;
    if let Some(pending) = pending.first() {
        return Err(Error::Refused(Refusal::ProposalPending(pending.id)));
    }
    let (content, digest) = content_of(&draft)?;
    let proposal = Proposal {
        id: ProposalId::from_uuid(ctx.new_uuid()),
        kind,
        subject,
        state: ProposalState::Pending,
        content,
        digest,
        proposed_by: ctx.actor().as_ref(),
        proposed_at: ctx.now(),
        decided_by: None,
        decided_at: None,
        reason: None,
        number: None,
        version: 0,
    };
    tx.add(&proposal)?;
    Ok(Proposed { proposal: proposal.id, digest: hash::hex(&digest) })
}

/// Refuses an authority that no post of the caller's with this permission is at, or above.
pub(super) fn within_reach(tx: &mut dyn ReadTx, ctx: &Ctx, authority: AuthorityCode, permission: Permission) -> Result<(), Error> {
    let unknown = || Error::invalid("change.authority", Problem::Unknown("authority"));
    let path = path_of(tx, authority).map_err(|e| if matches!(e, Error::Store(_)) { e } else { unknown() })?;
    let posts = ctx.actor().officer()?.posts.iter().filter(|p| p.permissions.contains(&permission));
    if posts.filter_map(|p| p.authority.own()).any(|held| path.codes().contains(&held)) { Ok(()) } else { Err(unknown()) }
}
