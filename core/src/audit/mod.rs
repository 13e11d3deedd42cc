//! The audit trail: one record for every change, in the transaction of the change; a hash chain over the
//! records; signed checkpoints of the chain in a second place. An unkeyed chain alone could be recomputed by
//! whoever owns the database, so verification asks for the checkpoints.

mod seal;
mod search;
mod verify;
mod watch;

pub use seal::{Checkpointed, SealAudit, Sealed, TakeCheckpoint, checkpoint, seal};
pub(crate) use seal::{GENESIS, chained_up_to, checkpoints_after};
pub(crate) use search::search;
pub use search::{AuditAsked, AuditEntry, AuditFound};
pub use verify::{Finding, FindingKind, Verdict, verify};
pub(crate) use watch::TrailWatch;
pub(crate) use watch::verification;
pub use watch::{Verification, Watched};

use crate::access::ActorRef;
use crate::clock::Timestamp;
use crate::crypto::hash;
use crate::ctx::Ctx;
use crate::id::AuditId;
use crate::store::{StoreResult, Tx, Writes};

/// First byte of what is hashed: which hash, which layout. 1 = SM3 over the layout of [`AuditRecord::chained`].
pub(crate) const AUDIT_SUITE: u8 = 1;

record! {
    /// What was done. Carries ids, never names or bodies.
    pub struct AuditRecord in "audit_record" {
        /// Transaction that wrote it, on an engine with several writers; else 0.
        xid: i64,
        /// Rises within the transaction.
        seq: i64,
        /// Id.
        id: AuditId,
        /// When.
        at: Timestamp,
        /// Operation.
        operation: String,
        /// Who.
        actor: ActorRef,
        /// What it was done to, as `noun/id`.
        subject: String,
        /// Why, where the operation asks for a reason.
        reason: Option<String>,
        /// Request id, to find the log lines.
        request: String,
        /// SM3 of the command as it was given, or the root over the rows of a bulk chunk.
        digest: [u8; 32],
        /// Rows touched by a bulk chunk, or shown at once; 0 where it only notes the hash of a row; else 1.
        rows: i64,
    }
    key(xid, seq);
    stamped seq;
}

record! {
    /// The place of a record in the chain.
    pub struct Link in "audit_link" {
        /// Place, from 1 without gaps.
        number: i64,
        /// The record's transaction.
        xid: i64,
        /// The record's number.
        seq: i64,
        /// The record's id.
        record: AuditId,
        /// SM3 over the hash before and the record.
        hash: [u8; 32],
    }
    key(number);
}

record! {
    /// A signed statement of how far the chain reached and what its hash was.
    pub struct Checkpoint in "audit_checkpoint" {
        /// The place.
        number: i64,
        /// The hash there.
        hash: [u8; 32],
        /// When it was signed.
        at: Timestamp,
        /// SM2 signature over [`Checkpoint::message`].
        signature: Vec<u8>,
    }
    key(number);
}

impl Checkpoint {
    /// What is signed.
    pub fn message(&self) -> Vec<u8> {
        [b"zhengna checkpoint 1".as_slice(), &self.number.to_be_bytes(), &self.hash, &self.at.micros().to_be_bytes()].concat()
    }

    /// One line for the second sink.
    pub fn to_line(&self) -> String {
        format!("zc1 {} {} {} {}", self.number, hash::hex(&self.hash), self.at.micros(), hash::hex(&self.signature))
    }

    /// Reads a line of the second sink.
    pub fn from_line(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        (words.next()? == "zc1").then_some(())?;
        let number = words.next()?.parse().ok()?;
        let hash = hash::unhex(words.next()?)?.try_into().ok()?;
        let at = Timestamp::from_micros(words.next()?.parse().ok()?);
        let signature = hash::unhex(words.next()?)?;
        words.next().is_none().then_some(Self { number, hash, at, signature })
    }
}

impl AuditRecord {
    /// The hash of the chain behind this record: over the hash before, and the fields in fixed order, each with its length before it;
    /// not the stamp, which a restore may change.
    pub(crate) fn chained(&self, before: &[u8; 32]) -> [u8; 32] {
        let (at, rows, actor) = (self.at.micros().to_be_bytes(), self.rows.to_be_bytes(), self.actor.to_string());
        let fields: [&[u8]; 9] = [
            self.id.as_bytes(),
            &at,
            self.operation.as_bytes(),
            actor.as_bytes(),
            self.subject.as_bytes(),
            // No reason is empty: one that was made so is not the same as none.
            self.reason.as_deref().map_or("", |reason| if reason.is_empty() { "\0" } else { reason }).as_bytes(),
            self.request.as_bytes(),
            &self.digest,
            &rows,
        ];
        let lengths = fields.map(|field| (field.len() as u32).to_be_bytes());
        let mut parts = [&[][..]; 2 + 2 * 9];
        (parts[0], parts[1]) = (before, &[AUDIT_SUITE]);
        for (i, pair) in parts[2..].chunks_exact_mut(2).enumerate() {
            (pair[0], pair[1]) = (&lengths[i], fields[i]);
        }
        hash::sm3(&parts)
    }
}

/// What is recorded of one call besides what the context knows.
pub(crate) struct Deed {
    pub(crate) subject: String,
    pub(crate) reason: Option<String>,
    pub(crate) digest: [u8; 32],
    pub(crate) rows: i64,
}

/// Writes the record of the operation that runs.
pub(crate) fn record(tx: &mut dyn Tx, ctx: &Ctx, deed: Deed) -> StoreResult<()> {
    record_as(tx, ctx, AuditId::from_uuid(ctx.new_uuid()), deed)
}

/// The same, under an id that the deed's digest is bound to.
pub(crate) fn record_as(tx: &mut dyn Tx, ctx: &Ctx, id: AuditId, deed: Deed) -> StoreResult<()> {
    tx.add(&AuditRecord {
        xid: 0,
        seq: 0,
        id,
        at: ctx.now(),
        operation: ctx.operation().name.to_owned(),
        actor: ctx.actor().as_ref(),
        subject: deed.subject,
        reason: deed.reason,
        request: ctx.request().to_owned(),
        digest: deed.digest,
        rows: deed.rows,
    })
}
