//! What is kept of an approval.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Family, Matter, Rule};
use crate::access::{ActorRef, Integrity, Sealed};
use crate::clock::Timestamp;
use crate::crypto::hash;
use crate::id::{ApprovalId, OfficerId};
use crate::identity::AuthorityCode;
use crate::store::{StoreError, StoreResult};

words! {
    /// How far an approval came.
    pub enum ApprovalState {
        /// Somebody has yet to decide.
        Pending = "pending",
        /// Everybody agreed; it waits to be carried out.
        Approved = "approved",
        /// In force, or carried out.
        Done = "done",
        /// Not wanted; for good.
        Rejected = "rejected",
        /// Taken back by whoever put it forward.
        Withdrawn = "withdrawn",
        /// Nobody decided in time.
        Expired = "expired",
    }
}

record! {
    /// Something put forward, and what became of it.
    pub struct Approval in "approval" {
        /// Id; in the order of putting forward.
        id: ApprovalId,
        /// What it is about.
        matter: Matter,
        /// What it is numbered with.
        family: Family,
        /// Which one of the matter: a year, an authority, officer and post. One about the same waits at a time.
        subject: String,
        /// Where it counts: whoever decides holds their post there or above. None where any place will do.
        place: Option<AuthorityCode>,
        /// The officer whom it is about, who has no say in it.
        about: Option<OfficerId>,
        /// How far it came.
        state: ApprovalState,
        /// The rule as it was when this was opened, as JSON.
        rule: String,
        /// The step that is to be decided, from 0.
        step: i64,
        /// What is put forward, as JSON.
        content: String,
        /// SM3 of the content; whoever decides names it.
        digest: [u8; 32],
        /// Who put it forward.
        proposed_by: ActorRef,
        /// When.
        proposed_at: Timestamp,
        /// Nobody can decide from then on; but what was done in an emergency, which should have been looked at by then.
        expires_at: Timestamp,
        /// Who decided last.
        decided_by: Option<ActorRef>,
        /// When.
        decided_at: Option<Timestamp>,
        /// Why it was rejected or withdrawn.
        reason: Option<String>,
        /// Who carried it out, where that is a deed of its own.
        executed_by: Option<ActorRef>,
        /// When it took effect.
        executed_at: Option<Timestamp>,
        /// Place among those of its family that took effect, from 1 without gaps.
        number: Option<i64>,
        /// Binds the row: see [`Integrity`].
        mac: Integrity,
        /// Counts updates.
        version: i64,
    }
    key(id);
    version version;
    lock 3;
    unique BY_NUMBER(family, number);
    index BY_STATE(state, matter, subject);
}

record! {
    /// One person's word about an approval. The key lets each person speak once.
    pub struct Vote in "approval_vote" {
        /// About what.
        approval: ApprovalId,
        /// Who.
        voter: OfficerId,
        /// Whose right it was: the voter's own, or of whom they stand in for. Each right counts once, too.
        right_of: OfficerId,
        /// At which step.
        step: i64,
        /// For or against.
        agreed: bool,
        /// When.
        at: Timestamp,
        /// Binds the row.
        mac: Integrity,
    }
    key(approval, voter);
    unique BY_RIGHT(approval, right_of);
}

impl Sealed for Approval {
    fn seal(&mut self) -> &mut Integrity {
        &mut self.mac
    }
}

impl Sealed for Vote {
    fn seal(&mut self) -> &mut Integrity {
        &mut self.mac
    }
}

impl Approval {
    /// The rule it was opened under.
    pub(super) fn rule(&self) -> StoreResult<Rule> {
        serde_json::from_str(&self.rule).map_err(|e| self.damaged(e))
    }

    /// What was put forward. A row whose content is not what its hash is of was altered, and is not used.
    pub(crate) fn content<C: DeserializeOwned>(&self) -> StoreResult<C> {
        if hash::sm3(&[self.content.as_bytes()]) != self.digest {
            return Err(self.damaged("its content is not what its hash is of"));
        }
        serde_json::from_str(&self.content).map_err(|e| self.damaged(e))
    }

    /// The row does not say what it was written to say.
    pub(crate) fn damaged(&self, what: impl std::fmt::Display) -> StoreError {
        StoreError::Corrupt(format!("approval {}: {what}", self.id))
    }

    /// How far it came by `now`. What was done in an emergency is looked at however late: its day is when that should have been.
    pub(crate) fn state_at(&self, now: Timestamp) -> ApprovalState {
        let expires = self.expires_at <= now && self.matter != Matter::Emergency;
        match self.state {
            ApprovalState::Pending | ApprovalState::Approved if expires => ApprovalState::Expired,
            state => state,
        }
    }
}

/// What is kept of a content, and its hash.
pub(super) fn content_of(content: &impl Serialize) -> StoreResult<(String, [u8; 32])> {
    let content = serde_json::to_string(content).map_err(|e| StoreError::Backend(format!("it cannot be written down: {e}")))?;
    let digest = hash::sm3(&[content.as_bytes()]);
    Ok((content, digest))
}
