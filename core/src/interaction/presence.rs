//! Who is there, for estimates of the wait, and who is typing: worth no disk. Each host keeps who is there, as it was told here or by
//! whisper from another host, and forgets it when its time is over; typing it only passes on. What must outlive a host is a row, that of
//! `attendance`: who is at their desk, and so keeps what they hold. Renewing one's presence does both.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::conversation::open;
use super::workload::Noted;
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

impl Availability {
    /// Whether they are offered anything at that instant.
    pub(super) fn takes(&self, at: Timestamp) -> bool {
        self.takes_offers && self.shift_ends.is_none_or(|ends| at < ends)
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
    /// The host at which they said so; 0 for one of before hosts named themselves.
    #[serde(default)]
    pub(crate) host: u64,
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

/// Who is there, as leases that run out, and what is known of their workload.
pub struct Presence {
    host: u64,
    there: Mutex<HashMap<OfficerId, (Present, Option<Noted>)>>,
}

impl Presence {
    /// Nobody is there, as this host knows, whose number no other has.
    pub(crate) fn of(host: u64) -> Self {
        Self { host, there: Mutex::default() }
    }

    /// Takes in what an officer says of themselves at this host; what other hosts are to hear.
    pub(crate) fn say(&self, present: Present) -> Present {
        let present = Present { host: self.host, ..present };
        self.renew(present.clone());
        present
    }

    /// Takes in what a host whispered. What this one did is known, and may be older than what was said here since.
    pub(crate) fn hear(&self, present: Present) {
        if present.host != self.host {
            self.renew(present);
        }
    }

    fn renew(&self, present: Present) {
        let mut all = self.all();
        let noted = all.get_mut(&present.officer).and_then(|(_, noted)| noted.take());
        all.insert(present.officer, (present, noted));
    }

    fn all(&self) -> MutexGuard<'_, HashMap<OfficerId, (Present, Option<Noted>)>> {
        self.there.lock().unwrap_or_else(PoisonError::into_inner) // nothing panics while holding it
    }

    /// What is known of the workload of an officer who is there.
    pub(super) fn noted(&self, officer: OfficerId) -> Option<Noted> {
        self.all().get_mut(&officer).and_then(|(_, noted)| noted.take())
    }

    /// Notes it; `None` where it was wrong.
    pub(super) fn note(&self, officer: OfficerId, now: Option<Noted>) {
        if let Some((_, noted)) = self.all().get_mut(&officer) {
            *noted = now;
        }
    }

    /// Forgets an officer who may not serve any more, until they say again that they are there.
    pub(super) fn forget(&self, officer: OfficerId) {
        self.all().remove(&officer);
    }

    /// Who is there and serves a line of `authority`. Forgets those whose lease is over.
    pub(super) fn serving(&self, authority: &AuthorityPath, now: Timestamp) -> Vec<There> {
        let mut all = self.all();
        all.retain(|_, (p, _)| now < p.until);
        let there = all.values().map(|(p, _)| There {
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
