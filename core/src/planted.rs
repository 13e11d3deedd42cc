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
        /// SQLite answers a batch before its COMMIT.
        AnswerBeforeCommit = "answer_before_commit",
        /// A migration runs without a transaction: a cut leaves half a schema, which no start can mend.
        MigrationInPieces = "migration_in_pieces",
        /// The answer to a key is remembered in a transaction of its own, after that of the command.
        AnswerRememberedApart = "answer_remembered_apart",
        /// Opening SQLite throws the write-ahead log of the process before away, as something stale.
        WalDiscarded = "wal_discarded",
        /// The door does not remember the answer to an idempotency key.
        IdempotencyForgotten = "idempotency_forgotten",
        /// The host runs a write inside its request: it ends where its client leaves.
        WriteNotDetached = "write_not_detached",
        /// The host does not give a reader's slot back when its client leaves.
        SlotLeaked = "slot_leaked",
        /// The journal is read without the horizon: an event that commits late is passed over.
        JournalPastHorizon = "journal_past_horizon",
        /// A COMMIT whose answer was lost counts as a conflict, and the body runs again.
        UnknownCommitRetried = "unknown_commit_retried",
        /// A COMMIT whose answer was lost is told as a failure.
        UnknownToldFailed = "unknown_told_failed",
        /// Updates and deletes do not compare the version of the row.
        VersionUnchecked = "version_unchecked",
        /// Serializable writes run as READ COMMITTED.
        SerializableDowngraded = "serializable_downgraded",
        /// A claim does not lock the line, nor look whether the first in it still waits.
        DoubleClaim = "double_claim",
        /// A claim writes before it has waited for its line: it stands in the journal before those who entered meanwhile.
        ClaimedTooSoon = "claimed_too_soon",
        /// A claim passes over the first in line when there is a second.
        LineOvertaken = "line_overtaken",
        /// An officer may hold one conversation more than their capacity.
        CapacityOffByOne = "capacity_off_by_one",
        /// Whoever follows a topic is shown its events, whether it is still theirs or not.
        LiveUnchecked = "live_unchecked",
        /// A feed passes on what the hub hands over, though it was read already.
        LiveRepeated = "live_repeated",
        /// A feed that was behind goes on from the hub's events, not from its cursor.
        LiveSkipped = "live_skipped",
        /// Who waits, as other hosts know it, does not follow those who leave.
        FollowMissed = "follow_missed",
        /// What an officer held who is gone goes back to the end of its line.
        ReturnedBehind = "returned_behind",
        /// What was put on hold stays so when its time is over.
        HoldForgotten = "hold_forgotten",
        /// A timer that is to ring earlier than it was set to keeps its time.
        ReminderLate = "reminder_late",
        /// What is offered to somebody is offered to the next as well.
        OfferedTwice = "offered_twice",
        /// Whoever let an offer pass is asked again at once.
        PassForgotten = "pass_forgotten",
        /// Whoever took part in a conversation stays in it when it changes hands.
        JoinedKept = "joined_kept",
        /// What was owed in a conversation is forgotten where it goes on in another.
        OwedForgotten = "owed_forgotten",
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
        /// Rows that are kept from somebody are not.
        BarIgnored = "bar_ignored",
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
        /// A person newly verified stays signed in where they, or somebody else, were before.
        VerificationKeepsSessions = "verification_keeps_sessions",
        /// Whoever a provider compared name, number and phone of counts as having been there: anybody who knows them links an account.
        LinkedUnseen = "linked_unseen",
        /// A ticket of the portal opens a session as often as it is shown.
        PortalTicketReusable = "portal_ticket_reusable",
        /// Releasing a relation is answered, and the relation holds on.
        ReleaseForgotten = "release_forgotten",
        /// Nobody is found by a number from before: whoever comes with it is enrolled once more.
        FormerNumberLost = "former_number_lost",
        /// Whoever holds a conversation reveals anybody, on its card or not.
        RevealOffCard = "reveal_off_card",
        /// A recovery code is good as often as it is typed.
        RecoveryCodeReusable = "recovery_code_reusable",
        /// Taking an import back says that the first line is undone as well, and leaves it.
        TakeBackForgets = "take_back_forgets",
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
        /// Whoever puts a thing forward may agree to it.
        OwnApprovalCounts = "own_approval_counts",
        /// A step is content with one vote too few.
        VoteTooFew = "vote_too_few",
        /// A post is granted without a look at those held already.
        GrantedWithoutSeparation = "granted_without_separation",
        /// Whoever holds any post may call what another post allows.
        PermissionUncompared = "permission_uncompared",
        /// A post reaches what is above it, and what is beside it.
        SubtreeUpward = "subtree_upward",
        /// A session that was ended is accepted.
        EndedSessionAccepted = "ended_session_accepted",
        /// A session that nobody used for long is accepted.
        IdleIgnored = "idle_ignored",
        /// Whoever has a duty calls everything before it is done.
        DutyIgnored = "duty_ignored",
        /// Whoever is signed in may call what is for another kind of caller.
        CallerKindUncompared = "caller_kind_uncompared",
        /// Permissions that are kept apart count when one person holds them.
        ApartCounts = "apart_counts",
        /// A post counts when its time is over.
        ExpiredGrantCounts = "expired_grant_counts",
        /// Whoever may decide somewhere decides everywhere.
        ApprovalPlaceIgnored = "approval_place_ignored",
        /// What one officer has, every officer has.
        OthersDeskOpen = "others_desk_open",
        /// Whoever asks for what is not theirs is told that it is there.
        ForeignToldApart = "foreign_told_apart",
    }
}

#[cfg(feature = "planted")]
mod switch {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::Bug;

    static ON: AtomicUsize = AtomicUsize::new(0);

    /// Switches one bug on, in this process.
    pub fn plant(bug: Bug) {
        ON.store(bug as usize + 1, Ordering::SeqCst);
    }

    /// Switches it off again: for a process that only attacks another one.
    pub fn heal() {
        ON.store(0, Ordering::SeqCst);
    }

    /// Whether `bug` is switched on.
    #[inline]
    pub fn planted(bug: Bug) -> bool {
        ON.load(Ordering::Relaxed) == bug as usize + 1
    }
}

#[cfg(feature = "planted")]
pub use switch::{heal, plant, planted};

/// Whether `bug` is switched on: never, in this build.
#[cfg(not(feature = "planted"))]
#[inline]
pub const fn planted(_: Bug) -> bool {
    false
}
