//! Sealing: gives records their place and hash in commit-safe order. Every host runs it about once a second;
//! a guard row lets one at a time do it.

use serde::{Deserialize, Serialize};

use super::{AuditRecord, Checkpoint, Link};
use crate::access::Engine;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::limits;
use crate::planted::{Bug, planted};
use crate::series;
use crate::store::{ReadTx, Reads, StoreResult, Tx, Writes, stretch};

/// Chain what is not chained yet.
#[derive(Clone, Debug, Serialize)]
pub struct SealAudit {}

/// How far the chain reaches now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Records chained by this call.
    pub sealed: u32,
    /// Place of the last one.
    pub number: i64,
    /// Whether there may be more to chain.
    pub more: bool,
}

/// The hash before the first record.
pub(crate) const GENESIS: [u8; 32] = [0; 32];

/// Chains up to [`limits::SEAL_RECORDS_MAX`] records.
pub fn seal(tx: &mut dyn Tx, _: &Ctx, _: SealAudit) -> Result<Sealed, Error> {
    series::lock(tx, "audit")?;
    let why = Engine::work("sealing reads every record once");
    let last = head(tx)?;
    let (mut number, mut hash, from) = match &last {
        Some(link) => (link.number, link.hash, (link.xid, link.seq)),
        None => (0, GENESIS, (-1, -1)),
    };
    let horizon = tx.horizon()?;
    let records: Vec<AuditRecord> = tx.scan(why, stretch(None, ()).after(from).until(horizon - 1).limit(limits::SEAL_RECORDS_MAX))?;
    let links: Vec<Link> = records
        .iter()
        .map(|record| {
            number += if planted(Bug::ChainGap) && number % 100 == 99 { 2 } else { 1 };
            hash = record.chained(&hash);
            Link { number, xid: record.xid, seq: record.seq, record: record.id, hash }
        })
        .collect();
    tx.add_many(&links)?;
    let sealed = links.len() as u32; // at most SEAL_RECORDS_MAX
    Ok(Sealed { sealed, number, more: sealed == limits::SEAL_RECORDS_MAX })
}

/// The last link of the chain.
pub(super) fn head(tx: &mut dyn ReadTx) -> StoreResult<Option<Link>> {
    let links: Vec<Link> = tx.scan(Engine::work("the head of the chain"), stretch(None, ()).newest_first().limit(1))?;
    Ok(links.into_iter().next())
}

/// The place of the last record that is chained; everything up to it was committed.
pub(crate) fn chained_up_to(tx: &mut dyn ReadTx) -> StoreResult<(i64, i64)> {
    Ok(head(tx)?.map_or((-1, -1), |link| (link.xid, link.seq)))
}

/// Sign the head of the chain, if it is time.
#[derive(Clone, Debug, Serialize)]
pub struct TakeCheckpoint {
    /// Sign even if it is not time yet: at shutdown, before a backup.
    pub now: bool,
}

/// What was signed, if anything.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Checkpointed {
    /// The line for the second sink.
    pub line: Option<String>,
}

/// Signs the head of the chain when [`limits::CHECKPOINT_RECORDS`] records or [`limits::CHECKPOINT_EVERY`] have
/// passed since the last checkpoint.
pub fn checkpoint(tx: &mut dyn Tx, ctx: &Ctx, cmd: TakeCheckpoint) -> Result<Checkpointed, Error> {
    series::lock(tx, "audit")?;
    let Some(head) = head(tx)? else { return Ok(Checkpointed { line: None }) };
    let last: Vec<Checkpoint> = tx.scan(Engine::work("the last checkpoint"), stretch(None, ()).newest_first().limit(1))?;
    let due = match last.first() {
        None => true,
        Some(last) if last.number == head.number => false,
        Some(last) => {
            cmd.now || head.number - last.number >= limits::CHECKPOINT_RECORDS || ctx.now().since(last.at) >= limits::CHECKPOINT_EVERY
        }
    };
    if !due {
        return Ok(Checkpointed { line: None });
    }
    let mut checkpoint = Checkpoint { number: head.number, hash: head.hash, at: ctx.now(), signature: Vec::new() };
    checkpoint.signature = ctx.keys().sign(&checkpoint.message());
    tx.add(&checkpoint)?;
    Ok(Checkpointed { line: Some(checkpoint.to_line()) })
}

/// Checkpoints behind a place, for a second sink that missed some.
pub(crate) fn checkpoints_after(tx: &mut dyn ReadTx, number: i64) -> StoreResult<Vec<Checkpoint>> {
    tx.scan(Engine::work("checkpoints are public"), stretch(None, ()).after((number,)))
}
