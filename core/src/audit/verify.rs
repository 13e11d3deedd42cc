//! Verification: reads the whole trail and names the first thing that is not as it was.

use serde::Serialize;

use super::{AuditRecord, Checkpoint, Link, seal};
use crate::access::Engine;
use crate::crypto;
use crate::error::Error;
use crate::id::AuditId;
use crate::limits;
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
/// whoever owns the database cannot be told from the true one.
pub fn verify(tx: &mut dyn ReadTx, public_key: &[u8], checkpoints: &[Checkpoint]) -> Result<Verdict, Error> {
    let mut walk = Walk { hash: seal::GENESIS, verified: 0, signed: sorted(checkpoints), agreed: 0 };
    let finding = match forged(public_key, checkpoints) {
        Some(finding) => Some(finding),
        None => walk.run(tx)?,
    };
    let unsealed = if finding.is_none() { count_unsealed(tx)? } else { 0 };
    Ok(Verdict { verified: walk.verified, unsealed, checkpoints: walk.agreed, finding })
}

fn sorted(checkpoints: &[Checkpoint]) -> Vec<Checkpoint> {
    let mut sorted = checkpoints.to_vec();
    sorted.sort_by_key(|c| c.number);
    sorted
}

fn forged(public_key: &[u8], checkpoints: &[Checkpoint]) -> Option<Finding> {
    let bad = checkpoints.iter().find(|c| !crypto::verify(public_key, &c.message(), &c.signature))?;
    let detail = format!("the checkpoint of {} is not signed with this key", bad.at.rfc3339());
    Some(Finding { kind: FindingKind::ForgedCheckpoint, number: bad.number, record: None, detail })
}

struct Walk {
    hash: [u8; 32],
    verified: i64,
    signed: Vec<Checkpoint>,
    agreed: usize,
}

impl Walk {
    /// Goes through links and records side by side: both are in order of commit.
    fn run(&mut self, tx: &mut dyn ReadTx) -> Result<Option<Finding>, Error> {
        let why = Engine::work("verification reads the whole trail");
        let mut records = Records { from: (-1, -1), page: Vec::new().into_iter() };
        let mut last = (-1, -1);
        loop {
            let links: Vec<Link> = tx.scan(why, stretch(None, ()).after((self.verified,)).limit(limits::PAGE_ROWS_MAX))?;
            if links.is_empty() {
                break;
            }
            for link in links {
                if link.number != self.verified + 1 {
                    return Ok(Some(found(FindingKind::Removed, self.verified + 1, None, "the chain has a gap")));
                }
                if (link.xid, link.seq) <= last {
                    return Ok(Some(found(FindingKind::Moved, link.number, Some(link.record), "the chain's links stand out of order")));
                }
                last = (link.xid, link.seq);
                if let Some(finding) = self.step(tx, &mut records, &link)? {
                    return Ok(Some(finding));
                }
            }
        }
        Ok(self.signed.get(self.agreed).map(|missing| {
            found(
                FindingKind::CutOff,
                self.verified + 1,
                None,
                &format!("a checkpoint of {} vouches for {} records", missing.at.rfc3339(), missing.number),
            )
        }))
    }

    fn step(&mut self, tx: &mut dyn ReadTx, records: &mut Records, link: &Link) -> Result<Option<Finding>, Error> {
        let place = (link.xid, link.seq);
        let record = match records.next(tx)? {
            Some(record) if (record.xid, record.seq) < place => {
                return Ok(Some(found(FindingKind::Inserted, link.number, Some(record.id), "a record stands here that was never chained")));
            }
            Some(record) if (record.xid, record.seq) == place => record,
            _ => return Ok(Some(found(FindingKind::Removed, link.number, Some(link.record), "the record is gone"))),
        };
        if record.id != link.record {
            return Ok(Some(found(FindingKind::Moved, link.number, Some(record.id), &format!("record {} was chained here", link.record))));
        }
        self.hash = record.chained(&self.hash);
        if self.hash != link.hash {
            return Ok(Some(found(FindingKind::Altered, link.number, Some(record.id), "the record is not what was chained")));
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
                return Ok(Some(found(FindingKind::Rewritten, from, None, &detail)));
            }
            self.agreed += 1;
        }
        Ok(None)
    }
}

fn found(kind: FindingKind, number: i64, record: Option<AuditId>, detail: &str) -> Finding {
    Finding { kind, number, record, detail: detail.to_owned() }
}

/// Records in order, a page at a time.
struct Records {
    from: (i64, i64),
    page: std::vec::IntoIter<AuditRecord>,
}

impl Records {
    fn next(&mut self, tx: &mut dyn ReadTx) -> Result<Option<AuditRecord>, Error> {
        if self.page.len() == 0 {
            let range = stretch(None, ()).after(self.from).limit(limits::PAGE_ROWS_MAX);
            self.page = tx.scan::<AuditRecord>(Engine::work("verification reads the whole trail"), range)?.into_iter();
        }
        let next = self.page.next();
        if let Some(record) = &next {
            self.from = (record.xid, record.seq);
        }
        Ok(next)
    }
}

fn count_unsealed(tx: &mut dyn ReadTx) -> Result<i64, Error> {
    let from = seal::head(tx)?.map_or((-1, -1), |link| (link.xid, link.seq));
    let mut records = Records { from, page: Vec::new().into_iter() };
    let mut count = 0;
    while records.next(tx)?.is_some() {
        count += 1;
    }
    Ok(count)
}
