//! Idempotency: the answer to a key is remembered in the transaction that did the work. Keys that are version 7
//! UUIDs, as ours are, are stored in the order of their time, so that remembering touches few pages.

use serde::Serialize;

use crate::access::Engine;
use crate::agenda;
use crate::clock::Timestamp;
use crate::crypto::hash;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::id::{self, TimerId};
use crate::limits;
use crate::planted::{Bug, planted};
use crate::store::{Reads, StoreError, Tx, Writes, stretch};

record! {
    /// A remembered answer.
    pub struct Answered in "idempotency" {
        /// Day of the key's own time, for version 7 UUIDs; else 0.
        day: i64,
        /// Digest of actor, operation and key.
        scope: [u8; 16],
        /// Digest of the command.
        command: [u8; 32],
        /// The answer, as JSON; ids and numbers only.
        answer: String,
        /// When it was given.
        answered_at: Timestamp,
    }
    key(day, scope);
    index BY_TIME(answered_at);
}

const DAY_MILLIS: i64 = 24 * 3600 * 1000;

fn place(ctx: &Ctx, key: &str) -> (i64, [u8; 16]) {
    let digest = hash::sm3(&[ctx.actor().as_ref().to_string().as_bytes(), b"\0", ctx.operation().name.as_bytes(), b"\0", key.as_bytes()]);
    let digest = if planted(Bug::IdempotencyByKeyOnly) { hash::sm3(&[key.as_bytes()]) } else { digest };
    let mut scope = [0; 16];
    scope.copy_from_slice(&digest[..16]);
    let millis = uuid::Uuid::try_parse(key).ok().and_then(|id| id::millis_of_v7(&id)).unwrap_or(0);
    (millis / DAY_MILLIS, scope)
}

/// The remembered answer to this call's key.
///
/// # Errors
/// `KeyReused` when the key came with another command.
pub(super) fn find(tx: &mut dyn Tx, ctx: &Ctx, command: &[u8; 32]) -> Result<Option<String>, Error> {
    let Some(key) = ctx.key() else { return Ok(None) };
    let Some(found) = tx.find::<Answered>(place(ctx, key))? else { return Ok(None) };
    let found = found.trust("the place is derived from the caller").into_inner();
    if found.command != *command && !planted(Bug::KeyBodyIgnored) {
        return Err(Error::KeyReused);
    }
    Ok(Some(found.answer))
}

/// Remembers the answer.
pub(super) fn remember(tx: &mut dyn Tx, ctx: &Ctx, command: [u8; 32], answer: &impl Serialize) -> Result<(), Error> {
    let Some(key) = ctx.key() else { return Ok(()) };
    let (day, scope) = place(ctx, key);
    let answer = serde_json::to_string(answer).map_err(|e| StoreError::Backend(format!("the answer cannot be written down: {e}")))?;
    tx.add(&Answered { day, scope, command, answer, answered_at: ctx.now() })?;
    Ok(())
}

/// Forgets answers older than [`limits::IDEMPOTENCY_RETENTION`], some at a time; sets the timer to its next time.
pub(super) fn forget(tx: &mut dyn Tx, ctx: &Ctx, (timer, token): (TimerId, i64)) -> Result<u64, Error> {
    let mut forgotten = 0;
    agenda::again(tx, timer, token, |tx| {
        let old = ctx.now().minus(limits::IDEMPOTENCY_RETENTION);
        let why = Engine::work("forgetting what is past its retention");
        let stale: Vec<Answered> = tx.scan(why, stretch(Some(Answered::BY_TIME), ()).until(old))?;
        for answered in &stale {
            tx.remove(answered)?;
        }
        forgotten = stale.len() as u64;
        let more = stale.len() as u32 == limits::PAGE_ROWS_MAX;
        Ok(if more { ctx.now() } else { ctx.now().plus(limits::FORGET_KEYS_EVERY) })
    })?;
    Ok(forgotten)
}
