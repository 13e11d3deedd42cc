//! Keys of subjects: every person and every conversation has a key of its own, wrapped by the epoch's key.
//! Destroying the key erases everything sealed with it, in every backup too.

use std::sync::Arc;

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::crypto::{SubjectKey, WrappedKey};
use crate::ctx::Ctx;
use crate::error::Error;
use crate::store::{ReadTx, Reads, StoreError, Tx, Writes};

record! {
    /// The wrapped key of one subject.
    pub struct SubjectKeyRow in "subject_key" {
        /// Id of the person or conversation.
        subject: [u8; 16],
        /// Epoch of the key that wraps it.
        epoch: i64,
        /// The key, wrapped.
        wrapped: Vec<u8>,
        /// When it was made.
        made_at: Timestamp,
        /// Counts updates.
        version: i64,
    }
    key(subject);
    version version;
}

/// Makes the key of a new subject.
pub(crate) fn create(tx: &mut dyn Tx, ctx: &Ctx, subject: Uuid) -> Result<SubjectKey, Error> {
    let key = ctx.with_rng(SubjectKey::generate);
    let wrapped = ctx.with_rng(|rng| ctx.keys().wrap(rng, subject.as_bytes(), &key));
    tx.add(&SubjectKeyRow {
        subject: *subject.as_bytes(),
        epoch: i64::from(wrapped.epoch),
        wrapped: wrapped.bytes,
        made_at: ctx.now(),
        version: 0,
    })?;
    Ok(key)
}

/// The key of a subject.
pub(crate) fn key_of(tx: &mut dyn ReadTx, ctx: &Ctx, subject: Uuid) -> Result<Arc<SubjectKey>, Error> {
    let row = tx.find::<SubjectKeyRow>((*subject.as_bytes(),))?.ok_or(Error::NotFound { what: "subject" })?;
    let row = row.trust("whoever opened the subject may use its key").into_inner();
    let epoch = u32::try_from(row.epoch).map_err(|_| StoreError::Corrupt("subject_key.epoch is out of range".into()))?;
    Ok(ctx.keys().unwrap(subject.as_bytes(), WrappedKey { epoch, bytes: row.wrapped })?)
}
