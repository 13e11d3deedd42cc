//! An officer as assignment sees them.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::OfficerId;
use crate::identity::AuthorityCode;

/// Whether an officer is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Attendance {
    /// There, and taking work.
    Present,
    /// Not connected, or not on duty now.
    Absent,
    /// On leave (请假).
    OnLeave,
}

/// An officer who may be given work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// Who.
    pub id: OfficerId,
    /// How much they may have at once.
    pub capacity: u32,
    /// How much they have.
    pub held: u32,
    /// Minutes of load in this shift: of what ended, how long it took; of what they have, how long it is expected to take. One who begins
    /// later than the others begins with the least load of those who are there, or everything comes to them first.
    pub load_min: u32,
    /// When their last work ended, or their shift began.
    pub idle_since: Timestamp,
    /// Codes of topics and other skills they have. A skill in a parent topic is a code of its own here.
    pub skills: Vec<String>,
    /// Their authority and those above it, nearest first.
    pub authorities: Vec<AuthorityCode>,
    /// Whether they are there.
    pub attendance: Attendance,
    /// From then on nothing new: the end of the shift, less what the caller leaves for finishing.
    pub until: Option<Timestamp>,
    /// Whether work may be offered to them unasked. They may ask for it all the same.
    pub accepts_push: bool,
}

/// Whose turn it is: the smallest goes first.
pub(super) type Turn = (u32, Timestamp, OfficerId);

impl Candidate {
    /// Fewest minutes of load first, then the longest idle, then by id.
    pub(super) fn turn(&self) -> Turn {
        (self.load_min, self.idle_since, self.id)
    }

    /// Whether they are there and the end of their shift is not near.
    pub(super) fn is_here(&self, now: Timestamp) -> bool {
        self.attendance == Attendance::Present && self.until.is_none_or(|until| now < until)
    }

    pub(super) fn has_all(&self, skills: &[String]) -> bool {
        skills.iter().all(|skill| self.skills.contains(skill))
    }
}
