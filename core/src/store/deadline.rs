//! The time limit of a write, measured by the engines themselves.

use std::time::{Duration, Instant};

use super::{StoreError, StoreResult};

/// When a transaction must have ended.
#[derive(Clone, Copy)]
pub(crate) struct Deadline {
    end: Instant,
    limit: Duration,
}

impl Deadline {
    /// A limit that starts to run now.
    pub(crate) fn after(limit: Duration) -> Self {
        Self { end: now() + limit, limit }
    }

    /// Fails once the limit has passed.
    pub(crate) fn check(self) -> StoreResult<()> {
        if now() > self.end {
            let limit_ms = u64::try_from(self.limit.as_millis()).unwrap_or(u64::MAX);
            return Err(StoreError::TooLong { limit_ms });
        }
        Ok(())
    }
}

/// The monotonic clock of the machine.
#[expect(clippy::disallowed_methods, reason = "limits of transactions and batches are about the machine's time, not about the domain's")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
