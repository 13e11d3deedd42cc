//! What happens in a simulated world, written down so that it can be repeated, cut short and printed.

use zhengna_core::store::fault::{Fault, Repeat};

/// Who acts. Officers and taxpayers by number; behind the officers who serve one county come one who serves another, and those who
/// supervise where they serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Who {
    Taxpayer(u16),
    Officer(u8),
    /// Watches and prioritises, serves nobody.
    Supervisor,
    /// An officer without a post.
    IdleHand,
    /// Serves, reveals and releases at another prefecture; looks into nothing but people and enterprises.
    Outsider,
    System,
    Nobody,
}

/// A number by which somebody is known, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    /// The one in use.
    Own(u16),
    /// One from before, of all that anybody has.
    Former(u16),
}

/// What is done about people and enterprises, who are named as in the [directory](super::directory).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Affair {
    // Lists that outside systems send, a row or two each.
    Enrol { newcomer: u16, known: u16 },
    FormerNumber { of: Number, number: Number },
    RealName { of: Number, state: u8, level: Option<u8>, channel: u8, found_at: i64 },
    Relate { company: Number, role: u8, person: Number, starts_at: i64, ends_at: Option<i64>, released: bool },
    Roster { company: Number, roster: u8, starts_at: i64, ends_at: Option<i64>, document: u8 },
    // A list that is imported, by its number and the attempt at it: begun, looked at, applied in pieces, compared, taken back.
    BeginImport { list: u8 },
    Examine { list: u8 },
    ImportRows { list: u8, attempt: u8, from: u8, until: u8 },
    Imported { list: u8, attempt: u8 },
    Compare { list: u8, attempt: u8 },
    TakeBack { list: u8, attempt: u8 },
    // What one person asks for.
    Release { company: u16, role: u8, person: u16 },
    Find { number: Number },
    View { of: u16 },
    Relations { of: u16 },
    Reveal { of: u16, field: u8 },
    Card { conversation: u32 },
    RevealOnCard { conversation: u32, of: u16, field: u8 },
    // What a taxpayer asks about themselves.
    TakePhone { phone: u16 },
    Linked,
    Unlink { provider: u8 },
}

/// What is typed as a code of a second factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Code {
    /// What the authenticator shows so many steps from now.
    Shown(i8),
    /// The nth recovery code.
    Recovery(u8),
    /// Nothing that it ever was.
    Wrong,
}

/// What is done about the second factor of an officer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Factor {
    Enrol,
    Confirm {
        code: Code,
    },
    Remove {
        code: Code,
    },
    /// By somebody else, because it is lost.
    Reset {
        officer: u8,
    },
    /// The second step of the sign-in that was begun last.
    Answer {
        code: Code,
    },
}

/// What a provider says of whoever comes through it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Door {
    pub(crate) provider: u8,
    pub(crate) account: u8,
    /// Who they are, how surely, since when; nothing where the provider knows accounts only.
    pub(crate) person: Option<(u16, u8, i64)>,
    /// The number of a ticket that is good once, and until when.
    pub(crate) ticket: Option<(u32, i64)>,
    /// Whether the account that was refused last is theirs too.
    pub(crate) link: bool,
}

/// Where a conversation is handed on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum To {
    Line(u8),
    Officer(u8),
    /// The same, by staff number.
    Colleague(u8),
    /// To its general line.
    Authority(u8),
}

/// One deed. Conversations are named by the order in which they were begun in the whole run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Deed {
    Enter {
        who: Who,
        line: u8,
        /// The topic that is named, of those of the line.
        topic: Option<u8>,
        label: u32,
    },
    Leave {
        who: Who,
        conversation: u32,
    },
    /// Whoever waits would rather be called back.
    CallBack {
        who: Who,
        conversation: u32,
    },
    Claim {
        who: Who,
        line: u8,
    },
    /// What is offered to an officer, and their answers to it.
    Offers {
        who: Who,
    },
    Accept {
        who: Who,
        conversation: u32,
    },
    Decline {
        who: Who,
        conversation: u32,
    },
    Send {
        who: Who,
        conversation: u32,
        text: u32,
        /// The number of the message that it answers; 0 where it answers none.
        quotes: i64,
    },
    Recall {
        who: Who,
        conversation: u32,
        number: i64,
    },
    Read {
        who: Who,
        conversation: u32,
        number: i64,
    },
    Close {
        who: Who,
        conversation: u32,
        outcome: u8,
    },
    Prioritise {
        who: Who,
        conversation: u32,
    },
    Hold {
        who: Who,
        conversation: u32,
        minutes: u8,
    },
    Resume {
        who: Who,
        conversation: u32,
    },
    /// Whoever supervises takes part, and takes part no more.
    Join {
        who: Who,
        conversation: u32,
    },
    StepOut {
        who: Who,
        conversation: u32,
    },
    /// Beside a conversation, to its officer.
    Whisper {
        who: Who,
        conversation: u32,
        text: u32,
    },
    /// Another conversation goes on in this one.
    Merge {
        who: Who,
        conversation: u32,
        other: u32,
    },
    Transfer {
        who: Who,
        conversation: u32,
        to: To,
    },
    /// A service is rated, and what follows a low rating.
    Rate {
        who: Who,
        conversation: u32,
        grade: u8,
    },
    AnswerFollowUp {
        who: Who,
        conversation: u32,
        text: u32,
    },
    People {
        who: Who,
        affair: Affair,
    },
    // Looking.
    Look {
        who: Who,
        conversation: u32,
    },
    Messages {
        who: Who,
        conversation: u32,
        after: i64,
    },
    Whispers {
        who: Who,
        conversation: u32,
    },
    Position {
        who: Who,
        conversation: u32,
    },
    Waiting {
        who: Who,
        line: u8,
    },
    Mine {
        who: Who,
        limit: u32,
    },
    List {
        who: Who,
        limit: u32,
    },
    Transcript {
        who: Who,
        conversation: u32,
    },
    Review {
        who: Who,
        conversation: u32,
    },
    Rating {
        who: Who,
        conversation: u32,
    },
    FollowUps {
        who: Who,
        limit: u32,
    },
    /// An event reader goes on where it stopped.
    Follow {
        who: Who,
        max: u32,
    },
    Present {
        who: Who,
    },
    // Sessions.
    SignIn {
        who: Who,
    },
    /// Somebody does something about a second factor.
    Factor {
        who: Who,
        factor: Factor,
    },
    /// Somebody comes through a provider.
    Come {
        door: Door,
    },
    /// A request of the last session of somebody; a send where `writes`, else a look.
    Use {
        who: Who,
        writes: bool,
    },
    WriteTouches,
    IssueTicket {
        who: Who,
    },
    /// The last ticket that was issued, used or not.
    Redeem,
    SignOut {
        who: Who,
    },
    // The host.
    /// What officers hold who are gone goes back to its lines.
    Return,
    /// What waits in a line that offers is offered to whoever is there.
    Offer,
    RunDue,
    Deliver {
        well: bool,
    },
    Seal,
    Checkpoint,
    /// The host dies and starts again. What is in memory only is gone; a store on disk is opened again.
    Restart,
    // The observer.
    /// Reads what the journal and the audit trail got since the last time.
    Tail,
    /// Reads everything.
    Scan,
}

/// A fault that strikes a deed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Strike {
    pub(crate) fault: Fault,
    pub(crate) at: u64,
    pub(crate) repeat: Repeat,
}

/// A deed with what goes along.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Step {
    /// Its number in the whole run: randomness comes from it, also where other steps were cut out.
    pub(crate) number: u32,
    /// What the host's clock shows, in microseconds. May be earlier than before.
    pub(crate) at: i64,
    pub(crate) deed: Deed,
    /// The idempotency key, where there is one.
    pub(crate) key: Option<u32>,
    pub(crate) strike: Option<Strike>,
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:>6}  {}  {:?}", self.number, zhengna_core::Timestamp::from_micros(self.at).rfc3339(), self.deed)?;
        if let Some(key) = self.key {
            write!(f, " key {key}")?;
        }
        if let Some(Strike { fault, at, repeat }) = self.strike {
            write!(f, " struck {fault:?} at call {at} {repeat:?}")?;
        }
        Ok(())
    }
}

/// Dice that fall the same way for the same seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mixed(self.0)
    }

    /// A number below `n`.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    /// True `permille` times of a thousand.
    pub(crate) fn chance(&mut self, permille: u64) -> bool {
        self.below(1000) < permille
    }

    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1).unsigned_abs()) as i64
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        from.get(self.below(from.len() as u64) as usize).copied()
    }
}

/// SplitMix64's last step.
pub(crate) fn mixed(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
