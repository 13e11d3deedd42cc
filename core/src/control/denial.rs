//! Calls that were refused for want of permission or reach. They write nothing, so each host counts them in memory, and writes down
//! about once a minute how many there were of each caller: one record of the audit trail, which screening reads. What a host had
//! counted and not written down when it died is lost.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::access::{ActorKind, ActorRef};
use crate::audit::{self, Deed};
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::{Error, Problem, Refusal};
use crate::limits;
use crate::store::Tx;

/// Refusals of one caller that were not written down yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Denial {
    /// Whose.
    pub actor: ActorRef,
    /// The first.
    pub since: Timestamp,
    /// How many.
    pub count: u32,
}

/// What a host counts.
#[derive(Debug, Default)]
pub(crate) struct Denials(Mutex<HashMap<ActorRef, Denial>>);

impl Denials {
    /// Counts an answer if it is a refusal of this kind. Callers beyond [`limits::DENIED_CALLERS_MAX`] are not counted until the
    /// next writing down.
    pub(crate) fn look<R>(&self, actor: ActorRef, now: Timestamp, answer: &Result<R, Error>) {
        let denied = match answer {
            Err(Error::Denied { .. } | Error::NotFound { .. } | Error::Refused(Refusal::ControlBlocked { .. })) => true,
            // What is not there, named in a field: an id may be guessed there too.
            Err(Error::Invalid { problem, .. }) => matches!(problem, Problem::Unknown(_)),
            _ => false,
        };
        if !denied || matches!(actor.kind, ActorKind::Anonymous | ActorKind::System) {
            return;
        }
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.len() < limits::DENIED_CALLERS_MAX || counted.contains_key(&actor) {
            let denial = counted.entry(actor).or_insert(Denial { actor, since: now, count: 0 });
            denial.count = denial.count.saturating_add(1);
        }
    }

    /// Takes out what is old enough to be written down; with `all`, everything.
    pub(crate) fn take(&self, now: Timestamp, all: bool) -> Vec<Denial> {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = counted.values().filter(|d| all || now.since(d.since) >= limits::DENIALS_WRITTEN_EVERY);
        let due: Vec<Denial> = due.take(limits::BULK_CHUNK_ROWS).copied().collect();
        for denial in &due {
            counted.remove(&denial.actor);
        }
        due
    }

    /// Counts again what could not be written down.
    pub(crate) fn put_back(&self, denials: Vec<Denial>) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for old in denials {
            let denial = counted.entry(old.actor).or_insert(Denial { count: 0, ..old });
            denial.since = denial.since.min(old.since);
            denial.count = denial.count.saturating_add(old.count);
        }
    }
}

/// Writes them down: a record for each caller.
pub fn record_denials(tx: &mut dyn Tx, ctx: &Ctx, rows: &[Denial]) -> Result<u64, Error> {
    for denial in rows {
        let subject = denial.actor.to_string();
        audit::record(tx, ctx, Deed { subject, reason: None, digest: [0; 32], rows: i64::from(denial.count) })?;
    }
    Ok(rows.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn refusals_are_counted_per_caller_and_what_comes_while_they_are_written_down_is_kept() {
        let (denials, now) = (Denials::default(), Timestamp::from_micros(0));
        let who = |n| ActorRef { kind: ActorKind::Officer, id: Uuid::from_u128(n) };
        let refused: Result<(), Error> = Err(Error::Denied { operation: "x" });
        denials.look(who(1), now, &refused);
        denials.look(who(1), now, &Ok(()));
        denials.look(ActorRef { kind: ActorKind::System, id: Uuid::nil() }, now, &refused);
        assert_eq!(denials.take(now, false), [], "a minute has not passed");
        let later = now.plus(limits::DENIALS_WRITTEN_EVERY);
        let due = denials.take(later, false);
        assert_eq!(due, [Denial { actor: who(1), since: now, count: 1 }]);
        denials.look(who(1), later, &refused);
        denials.put_back(due);
        assert_eq!(denials.take(later, false), [Denial { actor: who(1), since: now, count: 2 }]);
        denials.look(who(1), later, &refused);
        for n in 2..=limits::DENIED_CALLERS_MAX as u128 + 1 {
            denials.look(who(n), now, &refused);
        }
        let counted = denials.0.lock().unwrap().len();
        assert_eq!(counted, limits::DENIED_CALLERS_MAX);
    }
}
