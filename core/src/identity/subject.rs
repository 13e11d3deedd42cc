//! Keys of subjects: every person, conversation and appeal has a key of its own, wrapped by the epoch's key.
//! Destroying the key erases everything sealed with it; in backups too once its epoch is retired.

use std::sync::Arc;

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::crypto::{Place, SubjectKey, WrappedKey};
use crate::ctx::Ctx;
use crate::error::Error;
use crate::store::{ReadTx, Reads, StoreError, Tx, Writes};

record! {
    /// The wrapped key of one subject. The row of an erased one stays and is empty: gone altogether, it would be damage.
    pub struct SubjectKeyRow in "subject_key" {
        /// Id of the person, conversation or appeal.
        subject: [u8; 16],
        /// Epoch of the key that wraps it; 0 once it is destroyed.
        epoch: i64,
        /// The key, wrapped; empty once it is destroyed.
        wrapped: Vec<u8>,
        /// When it was made.
        made_at: Timestamp,
        /// Counts updates.
        version: i64,
    }
    key(subject);
    version version;
    index BY_EPOCH(epoch);
}

/// What is shown in place of a text whose key was destroyed.
pub(crate) const ERASED: &str = "已删除";

impl SubjectKeyRow {
    /// Whether the key was destroyed.
    pub fn is_erased(&self) -> bool {
        self.epoch == 0 && self.wrapped.is_empty()
    }

    /// The key as the key ring takes it.
    pub(super) fn wrapped_key(self) -> Result<WrappedKey, Error> {
        let epoch = u32::try_from(self.epoch).map_err(|_| StoreError::Corrupt("subject_key.epoch is out of range".into()))?;
        Ok(WrappedKey { epoch, bytes: self.wrapped })
    }
}

/// Makes the key of a new subject.
pub(crate) fn create(tx: &mut dyn Tx, ctx: &Ctx, subject: Uuid) -> Result<SubjectKey, Error> {
    let key = ctx.with_rng(SubjectKey::generate);
    let wrapped = ctx.with_rng(|rng| ctx.keys().wrap(rng, subject.as_bytes(), &key))?;
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
///
/// # Errors
/// `NotFound` for one that was erased, too.
pub(crate) fn key_of(tx: &mut dyn ReadTx, ctx: &Ctx, subject: Uuid) -> Result<Arc<SubjectKey>, Error> {
    known_key(tx, ctx, subject)?.ok_or(Error::NotFound { what: "subject" })
}

/// The key of a subject; nothing for one that was erased.
pub(crate) fn known_key(tx: &mut dyn ReadTx, ctx: &Ctx, subject: Uuid) -> Result<Option<Arc<SubjectKey>>, Error> {
    let row = row_of(tx, subject)?;
    if row.is_erased() {
        return Ok(None);
    }
    Ok(Some(ctx.keys().unwrap(subject.as_bytes(), row.wrapped_key()?)?))
}

fn row_of(tx: &mut dyn ReadTx, subject: Uuid) -> Result<SubjectKeyRow, Error> {
    let row = tx.find::<SubjectKeyRow>((*subject.as_bytes(),))?.ok_or(Error::NotFound { what: "subject" })?;
    Ok(row.trust("whoever opened the subject may use its key").into_inner())
}

/// Seals a text with a subject's key.
pub(crate) fn seal(ctx: &Ctx, key: &SubjectKey, place: Place<'_>, text: &str) -> Vec<u8> {
    ctx.with_rng(|rng| key.seal(ctx.keys().suite(), rng, place, text.as_bytes()))
}

/// A text as it is shown; without its key, that it was erased.
pub(crate) fn sealed_text(key: Option<&SubjectKey>, place: Place<'_>, sealed: &[u8]) -> Result<String, Error> {
    let Some(key) = key else { return Ok(ERASED.to_owned()) };
    let open = key.open(place, sealed)?;
    let text = std::str::from_utf8(&open).map_err(|_| StoreError::Corrupt("sealed text is not UTF-8".into()))?;
    Ok(text.to_owned())
}

/// Destroys the key of a subject; says whether it was still there. What it sealed cannot be opened by anybody then.
pub(crate) fn destroy(tx: &mut dyn Tx, subject: Uuid) -> Result<bool, Error> {
    let row = row_of(tx, subject)?;
    if row.is_erased() {
        return Ok(false);
    }
    tx.replace(&row, SubjectKeyRow { epoch: 0, wrapped: Vec::new(), ..row.clone() })?;
    Ok(true)
}
