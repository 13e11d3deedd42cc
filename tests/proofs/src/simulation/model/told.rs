//! What somebody is told.

use super::people::{Card, Face, Line};
use crate::simulation::step::Who;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum State {
    Waiting,
    Active,
    Closed,
    Left,
}

/// What somebody is told.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(crate) enum Told {
    Refused(&'static str, i64),
    Entered {
        line: u8,
        ticket: i64,
        /// When they are answered who left a message.
        reply_due: Option<i64>,
    },
    /// In which line it is now, and who has it.
    Transferred(u32, u8, Option<u8>),
    /// By when they are answered.
    CalledBack(u32, i64),
    Claimed {
        conversation: u32,
        ticket: i64,
    },
    Sent {
        number: i64,
        at: i64,
    },
    /// Which message, and when.
    Recalled(u32, i64, i64),
    /// Whether somebody follows it up.
    Rated(u32, bool),
    Rating {
        grade: Option<&'static str>,
        until: Option<i64>,
        answer: Option<String>,
    },
    FollowUps(Vec<FollowedUp>),
    Moved(u64),
    Done(u32),
    /// On hold until then, or no more.
    Held(u32, Option<i64>),
    /// Into one, from another.
    Merged(u32, u32),
    /// Whether the caller takes part now.
    Joined(u32, bool),
    /// Its place among the remarks.
    Whispered(i64),
    Whispers(Vec<Remark>),
    /// What is offered to the caller, and until when.
    Offers(Vec<(u32, i64)>),
    /// What the host offered to whom.
    Offered(Vec<(u32, u8)>),
    Closed {
        conversation: u32,
        outcome: Option<&'static str>,
    },
    View(Box<View>),
    Views(Vec<View>),
    Messages(Vec<Words>),
    Place {
        state: State,
        wait: Option<Wait>,
    },
    Line {
        total: u32,
        first: Vec<u32>,
    },
    Transcript(Box<View>, Vec<Words>, Vec<(&'static str, i64, Who, Option<i64>)>, Vec<Remark>),
    Events {
        shown: Vec<(usize, Option<String>)>,
        more: bool,
    },
    Session(bool),
    /// How many rows of a list changed something.
    List(u64),
    /// Which attempt at a list it is.
    Begun(u8),
    /// What becomes of the rows of a list: line, verdict, the field that is wrong.
    Verdicts(Vec<(i64, String, Option<String>)>),
    /// A list beside what is kept of it.
    Compared {
        rows: u64,
        left_out: u64,
        differing: Vec<i64>,
        agrees: bool,
    },
    Released(i64),
    Whose(Option<u16>),
    Face(Box<Face>),
    Relations(Vec<Line>),
    Card(Box<Card>),
    Revealed(Option<String>),
    Linked(Vec<(&'static str, i64)>),
}

/// A conversation as somebody sees it.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(crate) struct View {
    pub(crate) conversation: u32,
    pub(crate) line: u8,
    pub(crate) state: State,
    pub(crate) topic: String,
    pub(crate) taxpayer: u16,
    pub(crate) staff_no: Option<String>,
    /// Whoever takes part beside them.
    pub(crate) joined: Option<String>,
    pub(crate) ticket: i64,
    pub(crate) times: [Option<i64>; 3],
    pub(crate) outcome: Option<&'static str>,
    /// The conversation in which it goes on.
    pub(crate) merged_into: Option<u32>,
    /// When they are answered who are called back, and whether that may change.
    pub(crate) reply_due: (Option<i64>, bool),
    /// The enterprise for which they were let in.
    pub(crate) on_behalf: Option<u16>,
    /// The topic of the line that was named.
    pub(crate) topic_named: Option<u8>,
    /// On hold until, without an answer since.
    pub(crate) owed: [Option<i64>; 2],
    /// Last number, what the taxpayer read, what the officer read, what the caller did not.
    pub(crate) numbers: [i64; 4],
}

/// A message as somebody sees it.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(crate) struct Words {
    pub(crate) number: i64,
    pub(crate) by_taxpayer: bool,
    pub(crate) mine: bool,
    pub(crate) key: Option<u32>,
    pub(crate) text: String,
    pub(crate) at: i64,
    pub(crate) recalled_at: Option<i64>,
    pub(crate) quoted: Option<Quote>,
}

/// A message as it is shown with one that answers it.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(crate) struct Quote {
    pub(crate) number: i64,
    pub(crate) by_taxpayer: bool,
    pub(crate) mine: bool,
    pub(crate) text: String,
    pub(crate) recalled: bool,
}

/// What follows a low rating, as those who supervise see it.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(crate) struct FollowedUp {
    pub(crate) view: View,
    pub(crate) grade: Option<&'static str>,
    pub(crate) comment: Option<String>,
    pub(crate) state: &'static str,
    pub(crate) opened_at: i64,
    /// When it must be answered, and whether that may change.
    pub(crate) due: (i64, bool),
    pub(crate) overdue: bool,
    pub(crate) answer: Option<String>,
    pub(crate) answered_at: Option<i64>,
    pub(crate) may_act: bool,
}

/// What officers tell each other beside a conversation.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(crate) struct Remark {
    pub(crate) number: i64,
    pub(crate) staff_no: String,
    pub(crate) mine: bool,
    pub(crate) text: String,
    pub(crate) at: i64,
}

/// Where somebody stands and how long it may take.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(crate) struct Wait {
    pub(crate) ahead: u32,
    /// Half of the waits, nine of ten, and what it was computed from; or why there is no number.
    pub(crate) told: Result<(u64, u64, [u32; 4]), &'static str>,
}

impl State {
    pub(crate) fn of(name: &str) -> Option<Self> {
        [Self::Waiting, Self::Active, Self::Closed, Self::Left].into_iter().find(|s| word(*s) == name)
    }
}

pub(super) fn word(state: State) -> &'static str {
    match state {
        State::Waiting => "waiting",
        State::Active => "active",
        State::Closed => "closed",
        State::Left => "left",
    }
}
