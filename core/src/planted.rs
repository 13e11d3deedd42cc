//! Planted bugs (teeth): each can be switched on in a build with the feature `planted`, and each is named with the
//! proof that must catch it. A proof that finds nothing wrong with a planted bug proves nothing. Without the feature
//! [`planted`] is a constant `false` and nothing of this is compiled in.

words! {
    /// A bug that can be planted.
    pub enum Bug {
        /// SQLite commits with synchronous=NORMAL: an answered commit is lost with the power.
        FsyncDropped = "fsync_dropped",
        /// The check digit of a resident's number is not compared: a slip of typing enrols another person.
        CheckDigitUnread = "check_digit_unread",
        /// A cursor may be negative: a client made up a place before the beginning.
        CursorNegative = "cursor_negative",
        /// What is sealed is not bound to its place: a row copied over another opens there.
        SealUnbound = "seal_unbound",
        /// A mask shows eight characters at the end, not four.
        MaskShort = "mask_short",
        /// A dump's sum is not compared: an altered backup is restored.
        DumpSumUnread = "dump_sum_unread",
        /// The check line of a key file is not compared: a slip of copying makes other keys.
        KeyFileUnread = "key_file_unread",
        /// Marks that turn the direction of text pass: a message reads as it is not written.
        MarksPass = "marks_pass",
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
