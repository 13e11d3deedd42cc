//! When whoever left a message is answered at the latest (留言答复期限), and by what that was computed: it is computed anew when the
//! calendar changes.

use super::{Conversation, ConversationState, Line};
use crate::access::Engine;
use crate::calendar::InForce;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::id::ConversationId;
use crate::limits;
use crate::store::{Reads, Tx, Writes, stretch};

/// What was promised to whoever left a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    /// They are answered by then.
    pub(super) due: Timestamp,
    /// When they left it.
    pub(super) began: Timestamp,
    /// Within how many minutes that was promised: what the line promises later is for others.
    pub(super) minutes: i64,
    /// Version of the calendar by which it was computed.
    pub(super) calendar: i64,
    /// Whether a day between was counted by its weekday, so that it may change.
    pub(super) provisional: bool,
}

impl Conversation {
    /// The same with another promise, or with none.
    pub(super) fn promised(self, reply: Option<Reply>) -> Self {
        Self {
            reply_due: reply.map(|reply| reply.due),
            reply_began: reply.map(|reply| reply.began),
            reply_minutes: reply.map(|reply| reply.minutes),
            reply_calendar: reply.map(|reply| reply.calendar),
            reply_provisional: reply.map(|reply| reply.provisional),
            ..self
        }
    }

    /// Whether an officer said a word since the answer was promised. Of a promise for good it is not known when it was made: that somebody
    /// ever said one.
    pub(super) fn is_replied(&self) -> bool {
        self.answered_at().is_some_and(|at| self.reply_began.is_none_or(|began| began <= at))
    }

    /// The same with the promise as it is for good, whichever line it is in and whatever the calendar says later.
    pub(super) fn promised_for_good(self) -> Self {
        Self { reply_began: None, reply_minutes: None, reply_calendar: None, reply_provisional: None, ..self }
    }
}

/// Computes a page of promises anew whose calendar is not the one in force: those that changed, of how many that were looked at.
pub(super) fn recompute(tx: &mut dyn Tx, now: &InForce) -> Result<(Vec<Conversation>, u32), Error> {
    let version = now.calendar.version();
    let why = Engine::work("messages that were left, whose answer was promised by another calendar");
    let mut ids: Vec<ConversationId> = Vec::new();
    for state in [ConversationState::Waiting, ConversationState::Active] {
        let left = limits::RECOMPUTED_AT_ONCE - ids.len() as u32;
        let stale = stretch(Some(Conversation::BY_REPLY), (state,)).after((Some(-1_i64),)).until(Some(version - 1));
        ids.extend(tx.scan::<Conversation>(why, stale.limit(left))?.iter().map(|c| c.id));
    }
    let looked_at = ids.len() as u32;
    ids.sort_unstable(); // the order in which locks are taken
    let mut promised = Vec::new();
    for id in ids {
        let Some(found) = tx.lock_row::<Conversation>((id,))? else { continue };
        let c = found.trust("computing anew when it is due").into_inner();
        let stale = !c.is_over() && c.reply_calendar.is_some_and(|of| of < version);
        let Some((began, minutes)) = c.reply_began.zip(c.reply_minutes).filter(|_| stale) else { continue };
        let line = tx.find::<Line>((c.line,))?.ok_or(Error::NotFound { what: "line" })?.trust("the line of the conversation");
        let reply = line.reply_due(now, began, minutes)?;
        promised.push(tx.replace(&c, c.clone().promised(Some(reply)))?);
    }
    Ok((promised, looked_at))
}
