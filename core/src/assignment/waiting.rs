//! What waits for an officer.

use serde::{Deserialize, Serialize};

use super::Policy;
use crate::clock::Timestamp;
use crate::id::{LineId, OfficerId, WorkId};
use crate::identity::AuthorityCode;

/// An officer let an offer pass: did not accept it in time, or declined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Pass {
    /// Who.
    pub officer: OfficerId,
    /// When.
    pub at: Timestamp,
}

/// Something that waits in a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Waiting {
    /// What.
    pub id: WorkId,
    /// In which line.
    pub line: LineId,
    /// Smaller goes first; 0 is ordinary.
    pub rank: i64,
    /// When it first came, whatever happened to it since. Within a line and rank it must not contradict the ticket.
    pub arrived: Timestamp,
    /// Number in the line.
    pub ticket: i64,
    /// What it is about: the exact topic, then its parents. Empty: anything, so that anybody will do.
    pub topics: Vec<String>,
    /// Whose matter it is: the nearest authority, then those above. Empty: anybody's.
    pub authorities: Vec<AuthorityCode>,
    /// Skills without which nobody may take it, however long it waits.
    pub required: Vec<String>,
    /// The taxpayer's own officer.
    pub own: Option<OfficerId>,
    /// Who had the same matter last.
    pub last: Option<OfficerId>,
    /// Who let it pass.
    pub passed: Vec<Pass>,
    /// How many minutes it is expected to take.
    pub minutes: u32,
}

/// Where something stands among all that waits: the smallest goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Rank.
    pub rank: i64,
    /// When it first came.
    pub arrived: Timestamp,
    /// Number in the line.
    pub ticket: i64,
    /// Which.
    pub id: WorkId,
}

impl Waiting {
    /// Where it stands.
    pub fn place(&self) -> Place {
        Place { rank: self.rank, arrived: self.arrived, ticket: self.ticket, id: self.id }
    }

    /// Whether an officer knows the taxpayer or the matter.
    pub(super) fn is_known_to(&self, officer: OfficerId) -> bool {
        self.own == Some(officer) || self.last == Some(officer)
    }

    /// Whether an officer let it pass not long ago, and is not asked again yet.
    pub(super) fn was_let_pass(&self, officer: OfficerId, policy: &Policy, now: Timestamp) -> bool {
        self.passed.iter().any(|pass| pass.officer == officer && now < policy.asked_again(pass))
    }
}
