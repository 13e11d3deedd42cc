//! Planted bugs (teeth): each can be switched on in a build with the feature `planted`, and each is named with the
//! proof that must catch it. A proof that finds nothing wrong with a planted bug proves nothing. Without the feature
//! [`planted`] is a constant `false` and nothing of this is compiled in.

words! {
    /// A bug that can be planted.
    pub enum Bug {
        /// SQLite commits with synchronous=NORMAL: an answered commit is lost with the power.
        FsyncDropped = "fsync_dropped",
        /// An officer is given one conversation more than they may hold.
        CapacityIgnored = "capacity_ignored",
        /// Whoever came last is served first.
        LineOrderReversed = "line_order_reversed",
        /// The scope of an idempotency key leaves out actor and operation.
        IdempotencyByKeyOnly = "idempotency_by_key_only",
        /// A key that comes with another body is answered as if it were the same.
        KeyBodyIgnored = "key_body_ignored",
        /// A read mark follows what the client says, back too.
        ReadMarkMovesBack = "read_mark_moves_back",
        /// What is kept in memory stays as it was when a body is rolled back.
        ProjectionNotUndone = "projection_not_undone",
        /// Whoever knows an id sees the object.
        UnscopedGet = "unscoped_get",
        /// Sealing skips a number now and then.
        ChainGap = "chain_gap",
        /// Leaving a line leaves no audit record.
        AuditMissing = "audit_missing",
        /// The idle timer is not set again when somebody wrote meanwhile.
        TimerNotRearmed = "timer_not_rearmed",
        /// A message is given the host's time even where that is earlier than the message before.
        TimeGoesBack = "time_goes_back",
        /// A row that comes into somebody's reach by an update does not appear in their lists.
        PostingNotMoved = "posting_not_moved",
        /// What a failed body wrote before it failed stays in its SQLite batch.
        SavepointNotRolledBack = "savepoint_not_rolled_back",
        /// The outside is not told of conversations that the system closed.
        DeliveryForgotten = "delivery_forgotten",
        /// A socket ticket opens a socket as often as it is shown.
        SocketTicketReusable = "socket_ticket_reusable",
    }
}

#[cfg(feature = "planted")]
mod switch {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::Bug;

    static ON: AtomicUsize = AtomicUsize::new(0);

    /// Switches one bug on, in this process and for good.
    pub fn plant(bug: Bug) {
        ON.store(bug as usize + 1, Ordering::SeqCst);
    }

    /// Whether `bug` is switched on.
    #[inline]
    pub(crate) fn planted(bug: Bug) -> bool {
        ON.load(Ordering::Relaxed) == bug as usize + 1
    }
}

#[cfg(feature = "planted")]
pub use switch::plant;
#[cfg(feature = "planted")]
pub(crate) use switch::planted;

/// Whether `bug` is switched on: never, in this build.
#[cfg(not(feature = "planted"))]
#[inline]
pub(crate) const fn planted(_: Bug) -> bool {
    false
}
