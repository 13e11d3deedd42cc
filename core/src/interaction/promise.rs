//! How promises were kept (承诺兑现情况): how long people waited in each line, how many gave up, and how often somebody answered within what
//! the line promises, fast line or other.

use serde::Serialize;

use super::source::each_entered;
use super::{Conversation, ConversationState, Line};
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::id::LineId;
use crate::store::{ReadTx, Reads};

/// What became of those who entered a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LinePromise {
    /// The line that they entered, wherever the conversation went from there.
    pub line: LineId,
    /// Its name.
    pub name: String,
    /// Within so many seconds somebody answers, as it promises now.
    pub promise_s: Option<i64>,
    /// How many entered to talk at once.
    pub entered: u64,
    /// Of these: left before anybody took them.
    pub left: u64,
    /// Of these: somebody took them.
    pub served: u64,
    /// Of those who entered: waited to talk, and were called back instead, because they asked for that or the line's hours ended.
    pub called_back: u64,
    /// Of those who entered: what was promised then was kept or broken by now. Whoever still waits within it, or left within it, is not among them;
    /// absent where nothing is promised.
    pub measured: Option<u64>,
    /// Of these: an officer said a first word within the promise.
    pub kept: Option<u64>,
    /// Seconds that half of those served waited at most.
    pub p50_s: Option<u64>,
    /// Seconds that nine of ten of those served waited at most.
    pub p90_s: Option<u64>,
    /// How many are called back, at once or after they waited; whoever left before that was due is not among them.
    pub messages: u64,
    /// Of these: answered by their deadline, or not due yet.
    pub messages_in_time: u64,
}

/// How promises of one's area were kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Promises {
    /// Entered from then on.
    pub from: Timestamp,
    /// Entered before then.
    pub until: Timestamp,
    /// Each line that somebody entered, in the order of names.
    pub lines: Vec<LinePromise>,
}

/// Of one line, while it is counted.
#[derive(Default)]
struct Count {
    entered: u64,
    left: u64,
    waits_s: Vec<u64>,
    measured: u64,
    kept: u64,
    called_back: u64,
    messages: u64,
    messages_in_time: u64,
}

/// Counts how the lines of one's area kept what they promise, wherever conversations went from there.
///
/// # Errors
/// `Invalid` for a period that does not begin before it ends, or has more than
/// [`limits::CONVERSATIONS_COUNTED_MAX`](crate::limits::CONVERSATIONS_COUNTED_MAX) conversations: ask for a shorter one.
pub fn promises(tx: &mut dyn ReadTx, ctx: &Ctx, from: Timestamp, until: Timestamp) -> Result<Promises, Error> {
    let mut counts = std::collections::BTreeMap::<LineId, Count>::new();
    each_entered(tx, ctx, from, until, |c| counts.entry(c.entered_line.unwrap_or(c.line)).or_default().add(c, ctx.now()))?;
    let mut lines = Vec::with_capacity(counts.len());
    for (id, count) in counts {
        let line = tx.find::<Line>((id,))?.ok_or(Error::NotFound { what: "line" })?;
        lines.push(count.told(&line.trust("whoever counts conversations of their area sees their lines").into_inner()));
    }
    lines.sort_by(|a, b| (&a.name, a.line).cmp(&(&b.name, b.line)));
    Ok(Promises { from, until, lines })
}

impl Count {
    fn add(&mut self, c: &Conversation, now: Timestamp) {
        let answered = c.answered_at();
        let mut called_back = None;
        if let Some(due) = c.reply_due {
            self.message(c, due, now);
            let Some(began) = c.reply_began.filter(|began| *began > c.entered_at) else { return }; // they came to leave a message
            called_back = Some(began).filter(|began| answered.is_none_or(|at| at > *began));
        }
        self.entered += 1;
        if let Some(began) = called_back {
            self.called_back += 1;
            self.measure(c, None, began);
            return;
        }
        self.left += u64::from(c.state == ConversationState::Left && c.first_claimed_at.is_none());
        self.waits_s.extend(c.first_claimed_at.map(|at| at.since(c.entered_at).as_secs()));
        self.measure(c, answered, c.ended_at.unwrap_or(now));
    }

    /// Whether the promise of then was kept: by a first word, or not before whoever waited gave up, at the latest now.
    fn measure(&mut self, c: &Conversation, answered: Option<Timestamp>, until: Timestamp) {
        let Some(promise) = c.promise_s.map(i64::unsigned_abs) else { return };
        let in_time = answered.unwrap_or(until).since(c.entered_at).as_secs() <= promise;
        self.measured += u64::from(answered.is_some() || !in_time);
        self.kept += u64::from(answered.is_some() && in_time);
    }

    /// An answer that was promised. Whoever left before it was due is in neither number.
    fn message(&mut self, c: &Conversation, due: Timestamp, now: Timestamp) {
        let replied = c.answered_at().filter(|_| c.is_replied());
        let left_before = c.state == ConversationState::Left && c.ended_at.is_some_and(|at| at <= due);
        if replied.is_none() && left_before {
            return;
        }
        self.messages += 1;
        self.messages_in_time += u64::from(replied.or(c.ended_at).unwrap_or(now) <= due);
    }

    fn told(mut self, line: &Line) -> LinePromise {
        self.waits_s.sort_unstable();
        let share = |of_ten: usize| {
            let place = (self.waits_s.len() * of_ten).div_ceil(10).checked_sub(1)?;
            self.waits_s.get(place).copied()
        };
        let promises = line.promise_s.is_some() || self.measured > 0;
        LinePromise {
            line: line.id,
            name: line.name.clone(),
            promise_s: line.promise_s,
            entered: self.entered,
            left: self.left,
            served: self.waits_s.len() as u64,
            called_back: self.called_back,
            measured: promises.then_some(self.measured),
            kept: promises.then_some(self.kept),
            p50_s: share(5),
            p90_s: share(9),
            messages: self.messages,
            messages_in_time: self.messages_in_time,
        }
    }
}
