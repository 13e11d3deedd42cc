//! How much an officer who is there has to do (工作量): what they have, what is offered to them, and what they had lately. It is looked at
//! for everybody each time something is offered, and read again only of those of whom something moved.

use std::time::Duration;

use super::claim::desk;
use super::offer::on_offer;
use super::{Conversation, ConversationState, ReadyLines, stint};
use crate::access::{AuthorityPath, Engine, Officer};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::id::OfficerId;
use crate::limits;
use crate::store::{ReadTx, Reads, stretch};

/// When the last of an officer's conversations moved, as [`ReadyLines`] counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moved {
    pub(super) generation: u64,
    pub(super) count: u64,
}

/// What an officer has and had, as it was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Workload {
    /// Their authority, with all above.
    pub(super) authority: AuthorityPath,
    /// Since when they have what counts for their capacity, and what is on hold.
    open: Vec<Timestamp>,
    on_hold: Vec<Timestamp>,
    /// Until when something is offered to them.
    offers: Vec<Timestamp>,
    /// From when to when they had what has ended or went on elsewhere; not read of one who can take nothing.
    had: Option<Vec<(Timestamp, Timestamp)>>,
}

impl Workload {
    /// How many places are taken.
    pub(super) fn held(&self, now: Timestamp) -> i64 {
        (self.open.len() + self.offers.iter().filter(|until| now < **until).count()) as i64 // a desk is small
    }

    /// Minutes of load, and when the last of it ended.
    pub(super) fn load(&self, now: Timestamp) -> (u32, Timestamp) {
        let recent = self.had.iter().flatten().filter(|(_, ended)| now.since(*ended) < limits::LOAD_WINDOW);
        let lately: Duration = recent.clone().map(|(claimed, ended)| ended.since(*claimed)).sum();
        let going_on: Duration = self.open.iter().chain(&self.on_hold).map(|at| now.since(*at)).sum();
        let minutes = (lately + going_on).as_secs() / 60;
        (u32::try_from(minutes).unwrap_or(u32::MAX), recent.map(|(_, ended)| *ended).max().unwrap_or_default())
    }

    /// What an officer has and is offered, by the rows.
    pub(super) fn read(tx: &mut dyn ReadTx, officer: &Officer) -> Result<Self, Error> {
        let (open, on_hold): (Vec<_>, Vec<_>) = desk(tx, officer.id)?.into_iter().partition(|c| c.held_until.is_none());
        let since = |some: &[Conversation]| some.iter().filter_map(|c| c.claimed_at).collect();
        let offers = on_offer(tx, officer.id)?.iter().filter_map(|c| c.offered_until).collect();
        Ok(Self { authority: officer.authority.clone(), open: since(&open), on_hold: since(&on_hold), offers, had: None })
    }
}

/// What is known of an officer's workload.
#[derive(Clone, Debug)]
pub(super) struct Noted {
    /// How far things had moved when it was last looked at.
    seen: Option<Moved>,
    /// What was read at some time, with how far things had moved before that.
    read: Option<(Option<Moved>, Timestamp, Workload)>,
}

/// The workload of an officer who is there with so many places, and what is to be known of it next time. `None` for one who is no officer.
pub(super) fn workload(
    tx: &mut dyn ReadTx,
    id: OfficerId,
    capacity: u32,
    noted: Option<Noted>,
    now: Timestamp,
) -> Result<Option<(Workload, Noted)>, Error> {
    let moved = tx.project(|ready: &ReadyLines| ready.moved(id));
    let (seen, read) = noted.map_or((None, None), |noted| (noted.seen, noted.read));
    let again = limits::WORKLOAD_KNOWN + Duration::from_secs(u64::from(id.as_bytes()[15]) % limits::WORKLOAD_KNOWN.as_secs());
    let stands = read.filter(|(of, at, _)| moved.is_some() && *of == moved && now.since(*at) < again);
    let (of, at, mut work) = match stands {
        Some(stands) => stands,
        None => {
            let Some(officer) = tx.find::<Officer>((id,))? else { return Ok(None) };
            let officer = officer.trust("the host shares lines out").into_inner();
            // What is seen in memory may be newer than the rows that this transaction sees; what was seen before it began is not.
            (seen, now, Workload::read(tx, &officer)?)
        }
    };
    // Of one who can take nothing nobody asks how much they had.
    if work.had.is_none() && work.held(now) < i64::from(capacity) {
        work.had = Some(lately(tx, id)?);
    }
    Ok(Some((work.clone(), Noted { seen: moved, read: Some((of, at, work)) })))
}

/// When an officer talked lately, of what has ended or went on elsewhere, a sample.
fn lately(tx: &mut dyn ReadTx, officer: OfficerId) -> Result<Vec<(Timestamp, Timestamp)>, Error> {
    let range = stretch(Some(Conversation::BY_OFFICER), (officer, ConversationState::Closed)).newest_first().limit(limits::LOAD_SAMPLE);
    let closed: Vec<Conversation> = tx.scan(Engine::work("how much an officer had lately"), range)?;
    let ended = closed.iter().filter_map(|c| Some((c.claimed_at?, c.ended_at?)));
    Ok(ended.chain(stint::of(tx, officer)?).collect())
}
