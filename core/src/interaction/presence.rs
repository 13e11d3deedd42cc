//! Presence and typing: worth no disk. Each host keeps what it was told, here or by whisper from another host,
//! and forgets it when its time is over.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::access::AuthorityPath;
use crate::clock::Timestamp;
use crate::id::{ConversationId, OfficerId};
use crate::identity::AuthorityCode;
use crate::limits;

/// Somebody is typing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Typing {
    /// Where.
    pub conversation: ConversationId,
    /// `taxpayer` or `officer`.
    pub who: crate::access::ActorKind,
    /// Forget it then.
    pub until: Timestamp,
}

/// An officer is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Present {
    pub(crate) officer: OfficerId,
    /// Authorities whose lines, and those below, they serve.
    pub(crate) serves: Vec<AuthorityCode>,
    pub(crate) until: Timestamp,
}

/// What hosts whisper to each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Whisper {
    Present(Present),
    Typing(Typing),
}

/// Who is there, as leases that run out.
#[derive(Default)]
pub struct Presence(Mutex<HashMap<OfficerId, Present>>);

impl Presence {
    pub(crate) fn renew(&self, present: Present) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(present.officer, present); // nothing panics while holding it
    }

    /// How many officers are there who serve a line of `authority`. Forgets those whose lease is over.
    pub fn serving(&self, authority: &AuthorityPath, now: Timestamp) -> u32 {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, p| now < p.until);
        let serving = all.values().filter(|p| p.serves.iter().any(|code| authority.codes().contains(code))).count();
        u32::try_from(serving).unwrap_or(u32::MAX)
    }
}

pub(crate) fn lease_end(now: Timestamp) -> Timestamp {
    now.plus(limits::PRESENCE_LEASE)
}
