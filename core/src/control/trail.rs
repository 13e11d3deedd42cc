//! The sealed audit trail, as screening reads it: in the order of the chain, from any instant on.

use crate::access::{ActorRef, Engine};
use crate::approval::Approval;
use crate::audit::{AuditRecord, Link};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::id::ApprovalId;
use crate::limits;
use crate::operation;
use crate::store::{ReadTx, Reads, StoreResult, stretch};

/// One place of the chain.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The place.
    pub(crate) number: i64,
    /// The hash of the chain there.
    pub(crate) hash: [u8; 32],
    /// The record; none where it is gone.
    pub(crate) record: Option<AuditRecord>,
    /// Of a decision: who had put forward what was decided about.
    pub(crate) proposed_by: Option<ActorRef>,
}

fn links_after(tx: &mut dyn ReadTx, after: i64, limit: u32) -> StoreResult<Vec<Link>> {
    tx.scan(Engine::work("screening reads every sealed record"), stretch(None, ()).after((after,)).limit(limit))
}

fn record_at(tx: &mut dyn ReadTx, link: &Link) -> StoreResult<Option<AuditRecord>> {
    Ok(tx.find::<AuditRecord>((link.xid, link.seq))?.map(|r| r.trust("screening reads every sealed record").into_inner()))
}

/// Places behind `after`.
pub(crate) fn page(tx: &mut dyn ReadTx, after: i64) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    for link in links_after(tx, after, limits::SCREENED_AT_ONCE)? {
        let record = record_at(tx, &link)?;
        let proposed_by = match &record {
            Some(record) if record.operation == operation::APPROVE.name => proposer(tx, &record.subject)?,
            _ => None,
        };
        entries.push(Entry { number: link.number, hash: link.hash, record, proposed_by });
    }
    Ok(entries)
}

fn proposer(tx: &mut dyn ReadTx, subject: &str) -> StoreResult<Option<ActorRef>> {
    let Some(id) = subject.strip_prefix("approval/").and_then(ApprovalId::parse) else { return Ok(None) };
    let found = tx.find::<Approval>((id,))?;
    Ok(found.map(|a| a.trust("screening asks who put forward what was decided about").into_inner().proposed_by))
}

/// A place such that every record of `at` or later is behind it. Records are in the order of their commits and of
/// hosts whose clocks differ a little, so it goes back as much further.
pub(crate) fn place_before(tx: &mut dyn ReadTx, at: Timestamp) -> Result<i64, Error> {
    let at = at.minus(limits::CLOCK_SKEW_MAX);
    let newest: Vec<Link> = tx.scan(Engine::work("screening reads every sealed record"), stretch(None, ()).newest_first().limit(1))?;
    let (mut before, mut end) = (0, newest.first().map_or(0, |link| link.number));
    // Every place up to `before` is earlier; `end` is not, or is the last.
    while before < end {
        let middle = before + (end - before) / 2;
        // A record that is gone says nothing: the next one that is there does, and else it is taken for late, which reads more.
        let mut earlier = false;
        for link in links_after(tx, middle, 8)? {
            if let Some(record) = record_at(tx, &link)? {
                earlier = record.at < at;
                break;
            }
        }
        if earlier { before = middle + 1 } else { end = middle }
    }
    Ok(before)
}
