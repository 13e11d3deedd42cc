//! Who is there, for estimates of the wait, and who is typing: worth no disk. Each host keeps who is there, as it was told here or by
//! whisper from another host, and forgets it when its time is over; typing it only passes on. What must outlive a host is a row, that of
//! `attendance`: who is at their desk, and so keeps what they hold. Renewing one's presence does both.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::conversation::open;
use crate::access::{Actor, ActorKind, AuthorityPath};
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::id::{ConversationId, OfficerId, TaxpayerId};
use crate::identity::AuthorityCode;
use crate::limits;
use crate::store::ReadTx;

/// Somebody is typing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Typing {
    /// Where.
    pub conversation: ConversationId,
    /// `taxpayer` or `officer`.
    pub who: ActorKind,
    /// Forget it then.
    pub until: Timestamp,
    /// Its taxpayer.
    pub taxpayer: TaxpayerId,
    /// Its officer, and whoever takes part beside them. Who had it before is told nothing.
    pub officers: Vec<OfficerId>,
}

impl Typing {
    /// Whether somebody is on the other side of the conversation now.
    pub fn concerns(&self, actor: &Actor) -> bool {
        match actor {
            Actor::Taxpayer(id) => self.who == ActorKind::Officer && self.taxpayer == *id,
            Actor::Officer(officer) => self.who == ActorKind::Taxpayer && self.officers.contains(&officer.id),
            _ => false,
        }
    }
}

/// Who would be told that the caller is typing.
pub(crate) fn typing(tx: &mut dyn ReadTx, ctx: &Ctx, conversation: ConversationId) -> Result<Typing, Error> {
    let c = open(tx, ctx, conversation)?;
    Ok(Typing {
        conversation,
        who: ctx.actor().as_ref().kind,
        until: ctx.now().plus(limits::TYPING_SHOWN),
        taxpayer: c.taxpayer,
        officers: c.officer.into_iter().chain(c.joined).collect(),
    })
}

/// What an officer who is there takes (接单状态): for as long as they say so each time that they renew their presence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Availability {
    /// Whether they are offered what waits, unasked; they may ask for it all the same.
    pub takes_offers: bool,
    /// From then on they are offered nothing: the end of their shift, less what they leave for finishing.
    pub shift_ends: Option<Timestamp>,
}

impl Default for Availability {
    fn default() -> Self {
        Self { takes_offers: true, shift_ends: None }
    }
}

/// An officer is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Present {
    pub(crate) officer: OfficerId,
    /// Authorities whose lines, and those below, they serve.
    pub(crate) serves: Vec<AuthorityCode>,
    /// How many conversations they may have at once.
    pub(crate) capacity: u32,
    /// What they take. A host of before this was said takes everything.
    #[serde(default)]
    pub(crate) availability: Availability,
    pub(crate) until: Timestamp,
}

/// An officer who is there and serves a line.
#[derive(Clone, Debug)]
pub(super) struct There {
    pub(super) officer: OfficerId,
    /// Authorities whose lines, and those below, they serve.
    pub(super) serves: Vec<AuthorityCode>,
    /// How many conversations they may have at once.
    pub(super) capacity: u32,
    pub(super) availability: Availability,
}

impl There {
    /// Whether they serve the lines of an authority.
    pub(super) fn serves(&self, authority: &AuthorityPath) -> bool {
        self.serves.iter().any(|code| authority.codes().contains(code))
    }
}

/// What hosts whisper to each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Hint {
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

    /// Who is there and serves a line of `authority`. Forgets those whose lease is over.
    pub(super) fn serving(&self, authority: &AuthorityPath, now: Timestamp) -> Vec<There> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, p| now < p.until);
        let there = all.values().map(|p| There {
            officer: p.officer,
            serves: p.serves.clone(),
            capacity: p.capacity,
            availability: p.availability,
        });
        there.filter(|there| there.serves(authority)).collect()
    }
}

pub(crate) fn lease_end(now: Timestamp) -> Timestamp {
    now.plus(limits::PRESENCE_LEASE)
}
