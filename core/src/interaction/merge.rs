//! Merging a person's parallel conversations (合并会话): who waits in two lines, or talks in two, is answered in one. The other one ends and
//! says where it goes on; what was written in it stays where it is, and whoever has the one it goes on in reads it there.

use serde::{Deserialize, Serialize};

use super::assigned::{keep, out_of_turn};
use super::close::end;
use super::conversation::had_by_caller;
use super::{Conversation, ConversationState, Line, LineKind, Outcome, reminder};
use crate::access::{Engine, Officer, Permission, check, staff_no_of};
use crate::assignment::Record;
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::{Error, Problem, Refusal};
use crate::id::{ConversationId, OfficerId};
use crate::journal::{self, EventKind, Topic};
use crate::planted::{Bug, planted};
use crate::store::{ReadTx, Reads, Tx, Writes, stretch};

/// Merges another conversation of the same taxpayer into one that the caller has.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Merge {
    /// The one that goes on.
    pub conversation: ConversationId,
    /// The one that ends: it waits in a line that the caller serves, or is the caller's too.
    pub other: ConversationId,
}

/// The two are one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Merged {
    /// The one that goes on.
    pub conversation: ConversationId,
    /// The one that ended.
    pub other: ConversationId,
}

impl crate::core::Answer for Merged {
    fn subject(&self) -> String {
        format!("conversation/{} from conversation/{}", self.conversation, self.other)
    }
}

/// Merges two conversations.
///
/// # Errors
/// `Invalid` for another that is not the same taxpayer's, not open, or waits in a line that the caller does not serve; `HadByAnother`;
/// `NobodyForYou` for one that waits and is for others; `NotItsOfficer`, `ConversationClosed` for the one that goes on.
pub fn merge(tx: &mut dyn Tx, ctx: &Ctx, cmd: Merge) -> Result<Merged, Error> {
    let me = ctx.actor().officer()?;
    let unknown = || Error::invalid("other", Problem::Unknown("conversation"));
    if cmd.other == cmd.conversation {
        return Err(unknown());
    }
    let found = tx.find::<Conversation>((cmd.conversation,))?;
    check(ctx, found)?;
    // In the order of ids, in which locks of one kind are taken.
    let (kept, other) = if cmd.conversation < cmd.other {
        let kept = tx.lock_row::<Conversation>((cmd.conversation,))?;
        (kept, tx.lock_row::<Conversation>((cmd.other,))?)
    } else {
        let other = tx.lock_row::<Conversation>((cmd.other,))?;
        (tx.lock_row::<Conversation>((cmd.conversation,))?, other)
    };
    let kept = had_by_caller(ctx, kept)?;
    let other = other.ok_or_else(unknown)?;
    let other = other.trust("told of only if it is of the same taxpayer, whose conversation the caller has").into_inner();
    if other.taxpayer != kept.taxpayer || other.is_over() {
        return Err(unknown());
    }
    match other.officer {
        Some(officer) if officer != me.id => return Err(Error::Refused(Refusal::HadByAnother)),
        None if !me.may_at(Permission::ServeTaxpayers, &other.authority) => return Err(unknown()),
        _ => {}
    }
    let waited = other.state == ConversationState::Waiting;
    let why = if waited { mine_to_take(tx, ctx, &kept, &other)? } else { None };
    // Theirs by now: whoever answers reads what was written there.
    let taken = Conversation { officer: Some(me.id), served_by: other.served_also_by(me.id), merged_into: Some(kept.id), ..other.clone() };
    end(tx, ctx, &other, taken, Outcome::Merged, None)?;
    if let Some(record) = why {
        keep(tx, other.id, other.version + 1, record)?; // the version it ended as
    }
    owe(tx, &kept, if waited { Some(kept.now(ctx)) } else { other.unanswered_since })?;
    if waited {
        journal::record(tx, ctx, Topic::Line(other.line), EventKind::LineMoved, None, None)?;
    }
    journal::record(tx, ctx, Topic::Conversation(kept.id), EventKind::Merged, Some(other.id), None)?;
    Ok(Merged { conversation: kept.id, other: other.id })
}

/// Why the caller may take one that waits out of its turn: as whoever asks for the next one may, and never from the desk of what could not be
/// settled into another line, where nobody follows it to its outcome.
fn mine_to_take(tx: &mut dyn ReadTx, ctx: &Ctx, kept: &Conversation, other: &Conversation) -> Result<Option<Record>, Error> {
    let of = |tx: &mut dyn ReadTx, id| -> Result<Line, Error> {
        let found = tx.find::<Line>((id,))?.ok_or(Error::NotFound { what: "line" })?;
        Ok(found.trust("the lines of two conversations of one taxpayer").into_inner())
    };
    let (line, into) = (of(tx, other.line)?, of(tx, kept.line)?);
    if line.kind == LineKind::UnresolvedMatterDesk && into.kind != line.kind {
        return Err(Error::Refused(Refusal::StaysAtDesk));
    }
    let me = ctx.actor().officer()?.id;
    let officer = tx.find::<Officer>((me,))?.ok_or(Error::SignInRequired)?.trust("the caller's own record").into_inner();
    out_of_turn(tx, ctx, &line, &officer, other)
}

/// Whoever waited for an answer in the other one waits for it in the one that goes on, unless that is on hold: the hold is what they were told.
fn owe(tx: &mut dyn Tx, kept: &Conversation, since: Option<Timestamp>) -> Result<(), Error> {
    let Some(since) = since.filter(|_| kept.held_until.is_none() && !planted(Bug::OwedForgotten)) else { return Ok(()) };
    if kept.unanswered_since.is_some_and(|already| already <= since) {
        return Ok(());
    }
    reminder::watch(tx, kept, since)?;
    tx.replace(kept, Conversation { unanswered_since: Some(since), ..kept.clone() })?;
    Ok(())
}

/// Another conversation of the same taxpayer, which is not over.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ParallelView {
    /// Which.
    pub conversation: ConversationId,
    /// Name of its line.
    pub line_name: String,
    /// State.
    pub state: ConversationState,
    /// Number of the officer who has it.
    pub staff_no: Option<String>,
    /// When its line was entered.
    pub entered_at: Timestamp,
    /// Whether the caller may merge it into theirs.
    pub mergeable: bool,
}

/// Other conversations of the taxpayer of one that the caller takes part in, which are not over.
pub fn parallel(tx: &mut dyn ReadTx, ctx: &Ctx, id: ConversationId) -> Result<Vec<ParallelView>, Error> {
    let found = tx.find::<Conversation>((id,))?;
    let c = check(ctx, found)?;
    let me = ctx.actor().officer()?;
    let why = Engine::work("other conversations of a taxpayer whose conversation the caller takes part in: that they are there, no more");
    let mut views = Vec::new();
    for state in [ConversationState::Waiting, ConversationState::Active] {
        let open: Vec<Conversation> = tx.scan(why, stretch(Some(Conversation::BY_TAXPAYER), (c.taxpayer, state)))?;
        for other in open.into_iter().filter(|other| other.id != id) {
            let line = tx.find::<Line>((other.line,))?.ok_or(Error::NotFound { what: "line" })?;
            let mergeable = match other.officer {
                _ if c.officer != Some(me.id) => false,
                Some(officer) => officer == me.id,
                None => me.may_at(Permission::ServeTaxpayers, &other.authority) && mine_to_take(tx, ctx, &c, &other).is_ok(),
            };
            views.push(ParallelView {
                conversation: other.id,
                line_name: line.trust("the line in which a taxpayer of the caller's waits too").into_inner().name,
                state,
                staff_no: other.officer.map(|officer: OfficerId| staff_no_of(tx, officer)).transpose()?.flatten(),
                entered_at: other.entered_at,
                mergeable,
            });
        }
    }
    Ok(views)
}
