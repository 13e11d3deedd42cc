//! After a rotation: the keys of subjects wrapped anew, which epoch wraps how many, and the end of an epoch that wraps none.

use serde::Serialize;

use super::subject::SubjectKeyRow;
use crate::access::Engine;
use crate::crypto::KeyRing;
use crate::ctx::Ctx;
use crate::error::{Error, Problem, Refusal};
use crate::store::{ReadTx, Reads, Tx, Writes, stretch};

fn why() -> Engine {
    Engine::work("keys are wrapped anew whoever they are of, and stay sealed")
}

/// One key to wrap anew. It names the epoch, so that the same keys at the next rotation are another job.
#[derive(Clone, Debug, Serialize)]
pub struct RewrapKey {
    subject: [u8; 16],
    to: u32,
}

/// Keys that an older epoch wraps: at most `most`. Whoever goes on asks again; what was done is not among them.
pub(crate) fn keys_to_rewrap(tx: &mut dyn ReadTx, keys: &KeyRing, most: usize) -> Result<Vec<RewrapKey>, Error> {
    let (to, known) = (keys.current_epoch(), keys.epochs());
    let mut found = Vec::new();
    // Behind the erased ones, which are of epoch 0.
    let mut range = stretch(Some(SubjectKeyRow::BY_EPOCH), ()).after((0, [u8::MAX; 16])).until(i64::from(to) - 1);
    while found.len() < most {
        let page: Vec<SubjectKeyRow> = tx.scan(why(), range.clone())?;
        let Some(last) = page.last() else { break };
        range = range.behind(last);
        // What cannot be unwrapped does not keep the rest from being wrapped anew; `key_epochs` tells of it.
        let can = page.iter().filter(|row| u32::try_from(row.epoch).is_ok_and(|epoch| known.contains(&epoch)));
        found.extend(can.map(|row| RewrapKey { subject: row.subject, to }));
    }
    found.truncate(most);
    Ok(found)
}

/// Wraps keys anew by the current epoch. One that is wrapped by it already, or was erased meanwhile, stays as it is.
pub(crate) fn rewrap_keys(tx: &mut dyn Tx, ctx: &Ctx, rows: &[RewrapKey]) -> Result<u64, Error> {
    let mut done = 0;
    for RewrapKey { subject, .. } in rows {
        let Some(found) = tx.find::<SubjectKeyRow>((*subject,))? else { continue };
        let row = found.trust("keys are wrapped anew whoever they are of, and stay sealed").into_inner();
        if row.is_erased() {
            continue;
        }
        let wrapped = row.clone().wrapped_key()?;
        if let Some(anew) = ctx.with_rng(|rng| ctx.keys().rewrap(rng, subject, &wrapped))? {
            tx.replace(&row, SubjectKeyRow { epoch: i64::from(anew.epoch), wrapped: anew.bytes, ..row.clone() })?;
            done += 1;
        }
    }
    Ok(done)
}

/// How many keys an epoch wraps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct KeyEpoch {
    /// Its number.
    pub epoch: u32,
    /// How many keys of persons and conversations it wraps.
    pub keys: u64,
    /// Whether the key ring has it: what it wraps cannot be opened without.
    pub known: bool,
    /// Whether it wraps new keys.
    pub current: bool,
}

/// Every epoch that the key ring has or that wraps something, ascending.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyEpochs {
    /// The epochs.
    pub epochs: Vec<KeyEpoch>,
    /// Persons and conversations whose key was destroyed.
    pub erased: u64,
}

/// Which epoch wraps how many keys.
pub(crate) fn key_epochs(tx: &mut dyn ReadTx, ctx: &Ctx) -> Result<KeyEpochs, Error> {
    let ring = ctx.keys();
    let mut counts: std::collections::BTreeMap<i64, u64> = ring.epochs().into_iter().map(|epoch| (i64::from(epoch), 0)).collect();
    tx.scan_while(why(), stretch(Some(SubjectKeyRow::BY_EPOCH), ()), |row: SubjectKeyRow| {
        *counts.entry(row.epoch).or_default() += 1;
        true
    })?;
    let erased = counts.remove(&0).unwrap_or(0);
    let known = ring.epochs();
    let of = |(epoch, keys): (i64, u64)| {
        let epoch = u32::try_from(epoch).ok()?;
        Some(KeyEpoch { epoch, keys, known: known.contains(&epoch), current: epoch == ring.current_epoch() })
    };
    Ok(KeyEpochs { epochs: counts.into_iter().filter_map(of).collect(), erased })
}

/// Refuses the end of an epoch that still wraps something, or that the ring cannot be without.
pub(crate) fn may_retire(tx: &mut dyn ReadTx, ring: &KeyRing, epoch: u32) -> Result<(), Error> {
    ring.may_destroy(epoch).map_err(|e| Error::invalid("epoch", Problem::Malformed(e.to_string())))?;
    let used: Vec<SubjectKeyRow> = tx.scan(why(), stretch(Some(SubjectKeyRow::BY_EPOCH), (i64::from(epoch),)).limit(1))?;
    if used.is_empty() { Ok(()) } else { Err(Error::Refused(Refusal::EpochInUse(epoch))) }
}
