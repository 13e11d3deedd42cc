//! Idempotency: the answer to a key is remembered in the transaction that did the work. Keys that are version 7
//! UUIDs, as ours are, are stored in the order of their time, so that remembering touches the last page only.

use std::time::Duration;

use serde::Serialize;

use crate::clock::Timestamp;
use crate::crypto::hash;
use crate::ctx::Call;
use crate::error::Error;
use crate::id;
use crate::limits;
use crate::planted::{Bug, planted};
use crate::store::{Reads, StoreError, Tx, Writes};

record! {
    /// A remembered answer.
    pub struct Answered in "idempotency" {
        /// The key's own time, for version 7 UUIDs made about when they were answered; else the start of the
        /// retention period in which the answer was given.
        at: Timestamp,
        /// Digest of actor, operation and key.
        scope: [u8; 16],
        /// Digest of the command.
        command: [u8; 32],
        /// The answer, as JSON; ids and numbers only.
        answer: String,
    }
    key(at, scope);
}

/// How old a key may be when it is first answered to be remembered at its own time.
const FRESH: Duration = Duration::from_secs(24 * 3600);
/// How far a key's time may be from now for a look at that one place to be enough. The rest of [`FRESH`] is room for
/// hosts whose clocks differ.
const SURE: Duration = Duration::from_secs(12 * 3600);

/// Where the answer to this call's key is, or would be, remembered.
#[derive(Clone, Copy)]
pub(super) struct Place {
    scope: [u8; 16],
    /// The key's own time, where it has one.
    own: Option<Timestamp>,
    now: Timestamp,
}

impl Place {
    /// The place of this call's key, if it has one and the operation answers repeats.
    pub(super) fn of(call: &Call) -> Option<Self> {
        let key = call.key.as_deref().filter(|_| call.operation.answers_repeats)?;
        let digest = hash::sm3(&[call.actor.as_ref().to_string().as_bytes(), b"\0", call.operation.name.as_bytes(), b"\0", key.as_bytes()]);
        let digest = if planted(Bug::IdempotencyByKeyOnly) { hash::sm3(&[key.as_bytes()]) } else { digest };
        let mut scope = [0; 16];
        scope.copy_from_slice(&digest[..16]);
        let millis = uuid::Uuid::try_parse(key).ok().and_then(|id| id::millis_of_v7(&id));
        Some(Self { scope, own: millis.map(|ms| Timestamp::from_micros(ms * 1000)), now: call.now })
    }

    /// The start of the period of answering, `back` periods ago.
    fn period(self, back: i64) -> Timestamp {
        let length = limits::IDEMPOTENCY_RETENTION.as_micros() as i64;
        Timestamp::from_micros((self.now.micros().div_euclid(length) - back) * length)
    }

    /// Every place where an answer within the retention may be. A key that is farther off was perhaps remembered by its
    /// period when it was first answered; the next period counts too, on a host whose clock is ahead it has begun.
    fn candidates(self) -> Vec<Timestamp> {
        match self.own {
            Some(own) if self.now.minus(SURE) < own && own < self.now.plus(SURE) => vec![own],
            own => own.into_iter().chain([self.period(0), self.period(1), self.period(-1)]).collect(),
        }
    }

    /// Where a new answer is remembered.
    fn chosen(self) -> Timestamp {
        let near = |own: &Timestamp| self.now.minus(FRESH) < *own && *own < self.now.plus(limits::IDEMPOTENCY_RETENTION + FRESH);
        self.own.filter(near).unwrap_or_else(|| self.period(0))
    }

    /// The remembered answer.
    ///
    /// # Errors
    /// `KeyReused` when the key came with another command.
    pub(super) fn find(self, tx: &mut dyn Tx, command: &[u8; 32]) -> Result<Option<String>, Error> {
        for at in self.candidates() {
            if let Some(found) = tx.find::<Answered>((at, self.scope))? {
                let found = found.trust("the place is derived from the caller").into_inner();
                let same = found.command == *command || planted(Bug::KeyBodyIgnored);
                return if same { Ok(Some(found.answer)) } else { Err(Error::KeyReused) };
            }
        }
        Ok(None)
    }

    /// Remembers the answer.
    pub(super) fn remember(self, tx: &mut dyn Tx, command: [u8; 32], answer: &impl Serialize) -> Result<(), Error> {
        if planted(Bug::IdempotencyForgotten) {
            return Ok(());
        }
        let answer = serde_json::to_string(answer).map_err(|e| StoreError::Backend(format!("the answer cannot be written down: {e}")))?;
        tx.add(&Answered { at: self.chosen(), scope: self.scope, command, answer })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn place(own_ms: Option<i64>, now_ms: i64) -> Place {
        let at = |ms: i64| Timestamp::from_micros(ms * 1000);
        Place { scope: [0; 16], own: own_ms.map(at), now: at(now_ms) }
    }

    const DAY: i64 = 24 * 3600 * 1000;
    /// By how much the clocks of hosts may differ.
    const SKEW: i64 = DAY / 4;

    fn looks_where_it_was_put(own: Option<i64>, first: i64, later: i64) -> bool {
        let own = own.map(|offset| first + offset);
        place(own, first + later).candidates().contains(&place(own, first).chosen())
    }

    #[test]
    fn a_retry_looks_where_the_first_answer_was_put_at_every_edge() {
        let edges = [-90 * DAY, -30 * DAY, -DAY, -DAY / 2, 0, DAY / 2, DAY, 30 * DAY, 61 * DAY / 2, 31 * DAY, 32 * DAY, 90 * DAY];
        let around = |edges: &[i64]| edges.iter().flat_map(|e| [e - 1, *e, e + 1]).collect::<Vec<_>>();
        let period = 30 * DAY;
        for own in around(&edges) {
            for later in around(&[1 - SKEW, 0, DAY / 2, DAY, 299 * DAY / 10, 30 * DAY - 1]) {
                for first in around(&[667 * period, 667 * period + SKEW, 667 * period + period / 2]) {
                    assert!(looks_where_it_was_put(Some(own), first, later), "{own} {first} {later}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_retry_within_the_retention_looks_where_the_first_answer_was_put(
            own in proptest::option::of(-90 * DAY..90 * DAY), first in 20_000 * DAY..20_100 * DAY, later in -SKEW..=30 * DAY,
        ) {
            prop_assert!(looks_where_it_was_put(own, first, later));
        }

        #[test]
        fn nothing_is_forgotten_within_the_retention(own in proptest::option::of(-90 * DAY..90 * DAY), first in 20_000 * DAY..20_100 * DAY) {
            let chosen = place(own.map(|offset| first + offset), first).chosen();
            let last = Timestamp::from_micros((first + 30 * DAY) * 1000);
            prop_assert!(chosen >= last.minus(2 * limits::IDEMPOTENCY_RETENTION));
        }
    }
}
