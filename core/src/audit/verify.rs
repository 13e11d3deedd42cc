//! Verification: reads the whole trail and names the first thing that is not as it was.

#[cfg(any(feature = "sqlite", feature = "postgres"))]
use std::sync::mpsc::{channel, sync_channel};

use serde::Serialize;

use super::{AuditRecord, Checkpoint, Link, seal};
use crate::access::Engine;
use crate::crypto;
use crate::error::Error;
use crate::id::AuditId;
use crate::limits;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
use crate::store::StoreError;
use crate::store::{ReadTx, Reads, stretch};

words! {
    /// What happened to the trail.
    pub enum FindingKind {
        /// A record's content is not what was chained.
        Altered = "altered",
        /// A record that was chained is gone.
        Removed = "removed",
        /// A record stands among chained ones and was never chained.
        Inserted = "inserted",
        /// A record stands where another one was chained.
        Moved = "moved",
        /// The chain ends before a place that a checkpoint vouches for.
        CutOff = "cut_off",
        /// The chain is whole in itself, but not the one that was signed: it was computed anew.
        Rewritten = "rewritten",
        /// A checkpoint's signature is not ours.
        ForgedCheckpoint = "forged_checkpoint",
    }
}

/// The first thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Finding {
    /// What happened.
    pub kind: FindingKind,
    /// Place in the chain.
    pub number: i64,
    /// The record, where one can be named.
    pub record: Option<AuditId>,
    /// In words.
    pub detail: String,
}

/// The outcome of a verification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Records that were found whole.
    pub verified: i64,
    /// Records at the end that are not chained yet; younger than a second on a running host.
    pub unsealed: i64,
    /// Checkpoints that the chain agrees with.
    pub checkpoints: usize,
    /// The first thing that is wrong; none when the trail is whole.
    pub finding: Option<Finding>,
}

/// Reads the whole trail. `checkpoints` come from the second sink; without any, a chain computed anew by
/// whoever owns the database cannot be told from the true one. `told` hears after each page how
/// many records were read, and of how many.
pub fn verify(tx: &mut dyn ReadTx, key: &[u8], checkpoints: &[Checkpoint], told: &mut dyn FnMut(u64, u64)) -> Result<Verdict, Error> {
    let walk = Walk::new(checkpoints);
    let (walk, finding) = match forged(key, checkpoints) {
        Some(finding) => (walk, Some(finding)),
        None => walk_all(tx, walk, told)?,
    };
    let unsealed = if finding.is_none() { count_unsealed(tx)? } else { 0 };
    Ok(Verdict { verified: walk.verified, unsealed, checkpoints: walk.agreed, finding })
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
use side_by_side as walk_all;

#[cfg(not(any(feature = "sqlite", feature = "postgres")))]
use in_turn as walk_all;

/// Reads a page and hashes it, reads the next one: the pure core has no threads.
#[cfg(any(test, not(any(feature = "sqlite", feature = "postgres"))))]
fn in_turn(tx: &mut dyn ReadTx, mut walk: Walk, told: &mut dyn FnMut(u64, u64)) -> Result<(Walk, Option<Finding>), Error> {
    let mut finding = None;
    read(tx, told, |page| {
        finding = walk.page(&page);
        finding.is_none()
    })?;
    let finding = finding.or_else(|| walk.cut_off());
    Ok((walk, finding))
}

/// Reads on this thread and hashes on another one: each takes about as long as the other.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
fn side_by_side(tx: &mut dyn ReadTx, mut walk: Walk, told: &mut dyn FnMut(u64, u64)) -> Result<(Walk, Option<Finding>), Error> {
    let (send, pages) = sync_channel::<Page>(limits::VERIFY_PAGES_AHEAD);
    // Pages go back to where they were made: freeing them elsewhere would hold up both threads.
    let (give_back, used) = channel();
    std::thread::scope(|scope| {
        let walker = scope.spawn(move || {
            let finding = pages.iter().find_map(|page| {
                let finding = walk.page(&page);
                let _ = give_back.send(page); // nobody takes it back once reading has failed
                finding
            });
            (walk, finding)
        });
        let read = read(tx, told, |page| {
            used.try_iter().for_each(drop);
            send.send(page).is_ok()
        });
        drop(send);
        let (walk, finding) = walker.join().map_err(|_| StoreError::Panicked)?;
        // What was found before reading failed is worth more than why it failed.
        if finding.is_none() {
            read?;
        }
        let finding = finding.or_else(|| walk.cut_off());
        Ok((walk, finding))
    })
}

/// Hands on page after page until the end, or until nobody wants another one.
fn read(tx: &mut dyn ReadTx, told: &mut dyn FnMut(u64, u64), mut hand_on: impl FnMut(Page) -> bool) -> Result<(), Error> {
    let of = seal::head(tx)?.map_or(0, |link| link.number.unsigned_abs());
    let (mut number, mut place, mut done) = (i64::MIN, BEGINNING, 0);
    while let Some(page) = page_behind(tx, number, place)? {
        let Some(last) = page.links.last() else { break };
        (number, place, done) = (last.number, (last.xid, last.seq), done + page.links.len() as u64);
        if !hand_on(page) {
            break;
        }
        told(done, of);
    }
    Ok(())
}

/// Before the first record.
const BEGINNING: (i64, i64) = (-1, -1);

/// Links in order, and as many records behind the place of the page before: one beside the other as long as the trail is whole.
pub(super) struct Page {
    pub(super) links: Vec<Link>,
    records: Vec<AuditRecord>,
}

/// The links behind a number, and the records behind a place; nothing where no link is behind it.
pub(super) fn page_behind(tx: &mut dyn ReadTx, number: i64, place: (i64, i64)) -> Result<Option<Page>, Error> {
    let why = Engine::work("verification reads the whole trail");
    let links: Vec<Link> = tx.scan(why, stretch(None, ()).after((number,)).limit(limits::VERIFY_PAGE_ROWS))?;
    if links.is_empty() {
        return Ok(None);
    }
    let records: Vec<AuditRecord> = tx.scan(why, stretch(None, ()).after(place).limit(links.len() as u32))?; // at most a page
    Ok(Some(Page { links, records }))
}

/// A checkpoint that we did not sign.
pub(super) fn forged(public_key: &[u8], checkpoints: &[Checkpoint]) -> Option<Finding> {
    let bad = checkpoints.iter().find(|c| !crypto::verify(public_key, &c.message(), &c.signature))?;
    let detail = format!("the checkpoint of {} is not signed with this key", bad.at.rfc3339());
    Some(Finding { kind: FindingKind::ForgedCheckpoint, number: bad.number, record: None, detail })
}

/// How far the trail was found whole.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    hash: [u8; 32],
    /// The last link's number.
    pub(super) verified: i64,
    /// The place of its record.
    pub(super) last: (i64, i64),
    signed: Vec<Checkpoint>,
    agreed: usize,
}

impl Default for Walk {
    fn default() -> Self {
        Self::new(&[])
    }
}

impl Walk {
    fn new(checkpoints: &[Checkpoint]) -> Self {
        let mut signed = checkpoints.to_vec();
        signed.sort_by_key(|c| c.number);
        Self { hash: seal::GENESIS, verified: 0, last: BEGINNING, signed, agreed: 0 }
    }

    /// The number behind which the next link is; none is before the first, but one that was made up.
    pub(super) fn behind(&self) -> i64 {
        if self.verified == 0 { i64::MIN } else { self.verified }
    }

    /// Takes later checkpoints, in order, in the place of those that it has come by; it keeps the last one of these.
    pub(super) fn go_on_with(&mut self, later: Vec<Checkpoint>) {
        self.signed.truncate(self.agreed);
        self.signed.drain(..self.agreed.saturating_sub(1));
        self.agreed = self.signed.len();
        self.signed.extend(later);
    }

    pub(super) fn page(&mut self, page: &Page) -> Option<Finding> {
        let mut records = page.records.iter();
        page.links.iter().find_map(|link| self.step(link, records.next()))
    }

    /// A link and the record beside it: both are in order of commit.
    fn step(&mut self, link: &Link, record: Option<&AuditRecord>) -> Option<Finding> {
        if link.number != self.verified + 1 {
            return Some(found(FindingKind::Removed, self.verified + 1, None, "the chain has a gap"));
        }
        let place = (link.xid, link.seq);
        if place <= self.last {
            return Some(found(FindingKind::Moved, link.number, Some(link.record), "the chain's links stand out of order"));
        }
        self.last = place;
        let record = match record {
            Some(record) if (record.xid, record.seq) < place => {
                return Some(found(FindingKind::Inserted, link.number, Some(record.id), "a record stands here that was never chained"));
            }
            Some(record) if (record.xid, record.seq) == place => record,
            _ => return Some(found(FindingKind::Removed, link.number, Some(link.record), "the record is gone")),
        };
        if record.id != link.record {
            return Some(found(FindingKind::Moved, link.number, Some(record.id), &format!("record {} was chained here", link.record)));
        }
        self.hash = record.chained(&self.hash);
        if self.hash != link.hash {
            return Some(found(FindingKind::Altered, link.number, Some(record.id), "the record is not what was chained"));
        }
        self.verified = link.number;
        while let Some(signed) = self.signed.get(self.agreed).filter(|c| c.number == link.number) {
            if signed.hash != self.hash {
                let from = self.agreed.checked_sub(1).and_then(|i| self.signed.get(i)).map_or(1, |c| c.number + 1);
                let detail = format!(
                    "the chain was computed anew; something in {from}..={} is not what was signed on {}",
                    link.number,
                    signed.at.rfc3339()
                );
                return Some(found(FindingKind::Rewritten, from, None, &detail));
            }
            self.agreed += 1;
        }
        None
    }

    /// The chain ends before what was found whole.
    pub(super) fn shortened(&self, head: i64) -> Option<Finding> {
        let detail = format!("{} records were chained before", self.verified);
        (head < self.verified).then(|| found(FindingKind::CutOff, head + 1, None, &detail))
    }

    /// A checkpoint that vouches for more than there is.
    pub(super) fn cut_off(&self) -> Option<Finding> {
        let missing = self.signed.get(self.agreed)?;
        let detail = format!("a checkpoint of {} vouches for {} records", missing.at.rfc3339(), missing.number);
        Some(found(FindingKind::CutOff, self.verified + 1, None, &detail))
    }
}

fn found(kind: FindingKind, number: i64, record: Option<AuditId>, detail: &str) -> Finding {
    Finding { kind, number, record, detail: detail.to_owned() }
}

fn count_unsealed(tx: &mut dyn ReadTx) -> Result<i64, Error> {
    let why = Engine::work("verification counts what is not chained yet");
    let mut range = stretch(None, ()).after(seal::chained_up_to(tx)?).limit(limits::VERIFY_PAGE_ROWS);
    let mut count = 0;
    loop {
        let records: Vec<AuditRecord> = tx.scan(why, range.clone())?;
        let Some(last) = records.last() else { return Ok(count) };
        count += records.len() as i64; // rows of a table
        range = range.behind(last);
    }
}

#[cfg(all(test, any(feature = "sqlite", feature = "postgres")))]
mod tests {
    use super::*;
    use crate::access::{ActorKind, ActorRef};
    use crate::clock::Timestamp;
    use crate::core::PROJECTIONS;
    use crate::store::memory::MemoryStore;
    use crate::store::{Isolation, Priority, Spec, Store, StoreExt, Writes};

    const SPEC: Spec = Spec { name: "test", isolation: Isolation::Serializable, priority: Priority::Bulk };

    fn record(n: i64) -> AuditRecord {
        AuditRecord {
            xid: 0,
            seq: n,
            id: AuditId::from_uuid(uuid::Uuid::from_u128(n as u128)),
            at: Timestamp::from_micros(n),
            operation: "interaction.send".into(),
            actor: ActorRef { kind: ActorKind::System, id: uuid::Uuid::nil() },
            subject: "message/1".into(),
            reason: None,
            request: "-".into(),
            digest: [7; 32],
            rows: 1,
        }
    }

    /// The record `missing` is gone, and its link with it where `both`.
    fn outcomes(records: i64, missing: i64, both: bool) -> [(i64, Option<Finding>); 2] {
        let store: std::sync::Arc<dyn Store> = MemoryStore::new(PROJECTIONS);
        let write = store.submit_for(SPEC, move |tx| {
            let mut hash = seal::GENESIS;
            for n in 1..=records {
                let record = record(n);
                hash = record.chained(&hash);
                if n != missing {
                    tx.add(&record)?;
                }
                if n != missing || !both {
                    tx.add(&Link { number: n, xid: 0, seq: n, record: record.id, hash })?;
                }
            }
            Ok(())
        });
        write.wait().unwrap();
        [in_turn, side_by_side].map(|walked| {
            let read = move |tx: &mut dyn ReadTx| walked(tx, Walk::new(&[]), &mut |_, _| ());
            let (walk, finding) = store.query("test", read).unwrap();
            (walk.verified, finding)
        })
    }

    #[test]
    fn in_turn_and_side_by_side_find_the_same() {
        let page = i64::from(limits::VERIFY_PAGE_ROWS);
        for records in [0, 1, page - 1, page, page + 1, 3 * page + 1] {
            assert_eq!(outcomes(records, 0, true), [(records, None), (records, None)]);
        }
        for missing in [1, page, page + 1, 3 * page] {
            for both in [true, false] {
                let [one, other] = outcomes(3 * page + 1, missing, both);
                assert_eq!(one, other);
                let finding = one.1.unwrap();
                // The store gives stamps as it writes: the next record stands where the link of the missing one points.
                let kind = if both { FindingKind::Removed } else { FindingKind::Moved };
                assert_eq!((finding.kind, finding.number, one.0), (kind, missing, missing - 1));
            }
        }
    }
}
