//! Planted bugs (teeth): each can be switched on in a build with the feature `planted`, and each is named with the
//! proof that must catch it. A proof that finds nothing wrong with a planted bug proves nothing. Without the feature
//! [`planted`] is a constant `false` and nothing of this is compiled in.

words! {
    /// A bug that can be planted.
    pub enum Bug {
        /// SQLite commits with synchronous=NORMAL: an answered commit is lost with the power.
        FsyncDropped = "fsync_dropped",
        /// SQLite never syncs, not even around a checkpoint: the database itself is torn.
        FsyncNever = "fsync_never",
        /// A batch is answered before its COMMIT.
        AnswerBeforeCommit = "answer_before_commit",
        /// A migration runs without a transaction: a cut leaves half a schema, which no start can mend.
        MigrationInPieces = "migration_in_pieces",
        /// The answer to a key is remembered in a transaction of its own, after that of the command.
        AnswerRememberedApart = "answer_remembered_apart",
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
