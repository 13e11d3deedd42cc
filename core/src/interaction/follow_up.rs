//! Following up a low rating (差评回访): somebody within reach answers it in time, what was wrong put right or explained, and calls the
//! taxpayer back. Never an officer who served.
//!
//! It is due some working days after the rating, by the hours of its authority. The instant is kept, with the versions of calendar and
//! policy that it was computed by; when a change of the calendar is approved, a timer computes those that are open anew.

use serde::{Deserialize, Serialize};

use super::conversation::open;
use super::message::{Reader, warned};
use super::rating::{RatingView, rating_of};
use super::{Conversation, ConversationView, conversation, reply, reply_due};
use crate::access::{AuthorityPath, Checked, Engine, Scope, Term, check};
use crate::agenda::{self, TimerKind};
use crate::calendar::{self, CachedDue, Calendars, Due, InForce, Policy};
use crate::clock::Timestamp;
use crate::crypto::Place;
use crate::ctx::Ctx;
use crate::delivery;
use crate::error::{self, Error, Refusal};
use crate::id::{ConversationId, OfficerId, TimerId};
use crate::identity::subject::{self, sealed_text};
use crate::limits;
use crate::store::{Page, PagePlace, ReadTx, Reads, Record, StoreError, Tx, Writes, stretch};

words! {
    /// Where a follow-up stands. `open` becomes `answered`, `answered` becomes `revisited`, or `open` again where the taxpayer says at
    /// the call-back that it is not put right.
    pub enum FollowUpState {
        /// Nobody has answered it.
        Open = "open",
        /// Put right, or explained.
        Answered = "answered",
        /// The taxpayer was called back.
        Revisited = "revisited",
        /// Nobody is left to be called: the person was erased.
        Dropped = "dropped",
    }
}

words! {
    /// What a call-back (回访) heard.
    pub enum Revisit {
        /// The taxpayer is content with what was done.
        Content = "content",
        /// They are not: it is open again.
        NotContent = "not_content",
        /// They could not be reached.
        NotReached = "not_reached",
    }
}

record! {
    /// The follow-up of a low rating.
    pub struct FollowUp in "follow_up" {
        /// The conversation.
        conversation: ConversationId,
        /// Its authority, with all above.
        authority: AuthorityPath,
        /// State.
        state: FollowUpState,
        /// When it was opened, or opened again.
        opened_at: Timestamp,
        /// When it must be answered.
        due_at: Timestamp,
        /// Whether that may change: a day between was counted by its weekday.
        provisional: bool,
        /// Version of the calendar by which that was computed.
        calendar: i64,
        /// Version of the policy by which that was computed.
        policy: i64,
        /// When it was found not to be answered in time.
        overdue_at: Option<Timestamp>,
        /// What was done or explained, sealed with the conversation's key.
        answer: Option<Vec<u8>>,
        /// Who answered.
        answered_by: Option<OfficerId>,
        /// When.
        answered_at: Option<Timestamp>,
        /// What the call-back heard.
        revisit: Option<Revisit>,
        /// What was said, sealed with the conversation's key.
        revisit_note: Option<Vec<u8>>,
        /// Who called.
        revisited_by: Option<OfficerId>,
        /// When.
        revisited_at: Option<Timestamp>,
        /// Counts updates.
        version: i64,
    }
    key(conversation);
    version version;
    lock 46;
    scoped opened_at by terms;
    index BY_CALENDAR(state, calendar);
}

impl FollowUp {
    fn terms(&self) -> Vec<Term> {
        self.authority.codes().iter().copied().map(Term::Subtree).collect()
    }

    fn place<'a>(column: &'static str, id: &'a ConversationId) -> Place<'a> {
        Place { table: Self::TABLE.name, column, row: id.as_bytes() }
    }

    fn cached(&self) -> CachedDue {
        let due = Due { at: Some(self.due_at), provisional: self.provisional, calendar: self.calendar };
        CachedDue { began: self.opened_at, pauses: Vec::new(), due, policy: self.policy }
    }

    /// The same with another due instant; as it is where the calendar's range ends before.
    fn due(self, cached: &CachedDue) -> Self {
        let due_at = cached.due.at.unwrap_or(self.due_at);
        Self { due_at, provisional: cached.due.provisional, calendar: cached.due.calendar, policy: cached.policy, ..self }
    }
}

/// How long an answer may take. An assumption: the standard sets no number.
fn policy() -> Policy {
    let term = calendar::Term::WorkingDays(limits::FOLLOW_UP_WORKING_DAYS);
    Policy { version: 1, term, since: Timestamp::from_micros(0) }
}

fn first_due(tx: &mut dyn ReadTx, ctx: &Ctx, calendars: &Calendars, path: &AuthorityPath) -> Result<CachedDue, Error> {
    let now = calendars.in_force(tx)?;
    let timeline = now.timeline(path, None)?;
    let ended = || StoreError::Backend("the calendar ends before a follow-up is due".into());
    Ok(CachedDue::of(&timeline, &policy(), ctx.now(), Vec::new()).ok_or_else(ended)?)
}

/// Opens the follow-up of a conversation that was rated low.
pub(super) fn begin(tx: &mut dyn Tx, ctx: &Ctx, calendars: &Calendars, c: &Conversation) -> Result<(), Error> {
    let cached = first_due(tx, ctx, calendars, &c.authority)?;
    let row = FollowUp {
        conversation: c.id,
        authority: c.authority.clone(),
        state: FollowUpState::Open,
        opened_at: ctx.now(),
        due_at: ctx.now(),
        provisional: false,
        calendar: 0,
        policy: 0,
        overdue_at: None,
        answer: None,
        answered_by: None,
        answered_at: None,
        revisit: None,
        revisit_note: None,
        revisited_by: None,
        revisited_at: None,
        version: 0,
    }
    .due(&cached);
    tx.add(&row)?;
    Ok(agenda::set(tx, ctx, TimerKind::FollowUpDue, c.id.uuid(), row.due_at)?)
}

/// Answers a low rating.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AnswerFollowUp {
    /// Of which conversation.
    pub conversation: ConversationId,
    /// What was put right, or why it was as it was, 1 to 500 characters; the taxpayer reads it.
    pub answer: String,
    /// Whether an officer was warned that numbers of people stand in the answer, and gives it all the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub confirmed: bool,
}

impl AnswerFollowUp {
    /// An answer that nobody was warned of.
    pub fn new(conversation: ConversationId, answer: impl Into<String>) -> Self {
        Self { conversation, answer: answer.into(), confirmed: false }
    }
}

/// Writes down what a call-back heard.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RevisitFollowUp {
    /// Of which conversation.
    pub conversation: ConversationId,
    /// What it heard.
    pub revisit: Revisit,
    /// What was said, 1 to 500 characters.
    pub note: String,
}

/// The follow-up goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FollowedUp {
    /// Of which conversation.
    pub conversation: ConversationId,
    /// Where it stands now.
    pub state: FollowUpState,
}

impl crate::core::Answer for FollowedUp {
    fn subject(&self) -> String {
        format!("conversation/{}", self.conversation)
    }
}

/// A follow-up of the caller's area, locked, if the caller was none of those who served.
fn locked(tx: &mut dyn Tx, ctx: &Ctx, id: ConversationId, state: FollowUpState) -> Result<Checked<FollowUp>, Error> {
    let found = tx.lock_row::<FollowUp>((id,))?;
    let row = check(ctx, found)?;
    if served(ctx, &*open(tx, ctx, id)?)? {
        return Err(Error::Refused(Refusal::OwnRating));
    }
    if row.state != state {
        return Err(Error::Refused(Refusal::FollowUpState));
    }
    Ok(row)
}

/// Whether the caller is one of those who served: it is about them, whoever had the conversation last.
fn served(ctx: &Ctx, c: &Conversation) -> Result<bool, Error> {
    Ok(c.served().contains(&ctx.actor().officer()?.id))
}

fn sealed(tx: &mut dyn Tx, ctx: &Ctx, id: ConversationId, column: &'static str, text: &str) -> Result<Vec<u8>, Error> {
    let key = subject::key_of(tx, ctx, id.uuid())?;
    Ok(subject::seal(ctx, &key, FollowUp::place(column, &id), text))
}

/// Answers a low rating of somebody else.
///
/// # Errors
/// `PersonalData` for an answer with numbers of somebody that nobody confirmed; `OwnRating`; `FollowUpState`.
pub fn answer_follow_up(tx: &mut dyn Tx, ctx: &Ctx, cmd: AnswerFollowUp) -> Result<FollowedUp, Error> {
    let text = error::text("answer", &cmd.answer, limits::CLOSING_NOTE_CHARS_MAX)?;
    if !cmd.confirmed {
        warned(ctx, &text)?;
    }
    let row = locked(tx, ctx, cmd.conversation, FollowUpState::Open)?;
    let answer = Some(sealed(tx, ctx, row.conversation, "answer", &text)?);
    let (answered_by, answered_at) = (Some(ctx.actor().officer()?.id), Some(ctx.now()));
    let state = FollowUpState::Answered;
    tx.replace(&*row, FollowUp { state, answer, answered_by, answered_at, ..(*row).clone() })?;
    Ok(FollowedUp { conversation: row.conversation, state })
}

/// Writes down what a call-back about a low rating of somebody else heard. Whoever is not content has it opened again, with a new
/// term; whoever could not be reached may be called again.
pub(crate) fn revisit_follow_up(tx: &mut dyn Tx, ctx: &Ctx, calendars: &Calendars, cmd: RevisitFollowUp) -> Result<FollowedUp, Error> {
    let text = error::text("note", &cmd.note, limits::CLOSING_NOTE_CHARS_MAX)?;
    let row = locked(tx, ctx, cmd.conversation, FollowUpState::Answered)?;
    let revisit_note = Some(sealed(tx, ctx, row.conversation, "revisit_note", &text)?);
    let (revisited_by, revisited_at) = (Some(ctx.actor().officer()?.id), Some(ctx.now()));
    let heard = FollowUp { revisit: Some(cmd.revisit), revisit_note, revisited_by, revisited_at, ..(*row).clone() };
    let new = match cmd.revisit {
        Revisit::Content => FollowUp { state: FollowUpState::Revisited, ..heard },
        Revisit::NotReached => heard,
        Revisit::NotContent => {
            let cached = first_due(tx, ctx, calendars, &row.authority)?;
            FollowUp { state: FollowUpState::Open, opened_at: ctx.now(), overdue_at: None, ..heard }.due(&cached)
        }
    };
    let new = tx.replace(&*row, new)?;
    if new.state == FollowUpState::Open {
        agenda::set(tx, ctx, TimerKind::FollowUpDue, new.conversation.uuid(), new.due_at)?;
    }
    Ok(FollowedUp { conversation: new.conversation, state: new.state })
}

/// A follow-up as shown.
#[derive(Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FollowUpView {
    /// The conversation.
    pub conversation: ConversationView,
    /// The rating; without its comment for officers who served.
    pub rating: Option<RatingView>,
    /// State.
    pub state: FollowUpState,
    /// When it was opened, or opened again.
    pub opened_at: Timestamp,
    /// When it must be answered.
    pub due_at: Timestamp,
    /// Whether that may change: the notice of a day between is not known yet.
    pub provisional: bool,
    /// Whether it was not answered in time.
    pub overdue: bool,
    /// What was put right or explained.
    pub answer: Option<String>,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// What the call-back heard.
    pub revisit: Option<Revisit>,
    /// What was said.
    pub revisit_note: Option<String>,
    /// When the taxpayer was called back.
    pub revisited_at: Option<Timestamp>,
    /// Whether the caller may go on with it: never with what is about themselves.
    pub may_act: bool,
}

/// A page of follow-ups.
#[derive(Clone, Debug)]
pub struct FollowUps {
    /// Newest first.
    pub items: Vec<FollowUpView>,
    /// The next page goes on behind this place; absent on the last one.
    pub after: Option<PagePlace>,
}

/// Which follow-ups are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct FollowUpsAsked {
    /// In this state; in any where absent.
    pub state: Option<FollowUpState>,
    /// Only those that were not answered in time.
    pub overdue: bool,
}

/// Follow-ups of the caller's area, newest first.
pub fn follow_ups(tx: &mut dyn ReadTx, ctx: &Ctx, asked: FollowUpsAsked, page: Page) -> Result<FollowUps, Error> {
    let (mut items, wanted) = (Vec::new(), page.limit.min(limits::PAGE_ROWS_MAX) as usize);
    let after = tx.walk(&Scope::of(ctx), page.after, limits::FOLLOW_UPS_SCANNED_MAX, |tx, row: FollowUp| {
        if asked.state.is_none_or(|state| row.state == state) && (!asked.overdue || is_overdue(&row, ctx.now())) {
            items.push(view(tx, ctx, &row)?);
        }
        Ok(items.len() < wanted)
    })?;
    Ok(FollowUps { items, after })
}

fn is_overdue(row: &FollowUp, now: Timestamp) -> bool {
    match row.state {
        FollowUpState::Dropped => false,
        // What was answered before it was opened again is no answer.
        FollowUpState::Open => now > row.due_at,
        // By the state, and not by which is later: clocks of hosts differ.
        FollowUpState::Answered | FollowUpState::Revisited => row.answered_at.unwrap_or(now) > row.due_at,
    }
}

fn view(tx: &mut dyn ReadTx, ctx: &Ctx, row: &FollowUp) -> Result<FollowUpView, Error> {
    let c = open(tx, ctx, row.conversation)?;
    let may_act = !served(ctx, &c)?;
    let (answer, revisit_note) = texts(tx, ctx, row)?;
    // Whoever served learns the grade and the reasons, and not in which words.
    let words = |r: &RatingView| r.comment.clone().filter(|_| may_act).map(|text| Reader::Reviewer.shown(text));
    let rating = rating_of(tx, ctx, &c)?.map(|r| RatingView { comment: words(&r), ..r });
    Ok(FollowUpView {
        conversation: conversation::view(tx, ctx, &c)?,
        rating,
        state: row.state,
        opened_at: row.opened_at,
        due_at: row.due_at,
        provisional: row.provisional,
        overdue: is_overdue(row, ctx.now()),
        answer,
        answered_at: row.answered_at,
        revisit: row.revisit,
        revisit_note: revisit_note.filter(|_| may_act),
        revisited_at: row.revisited_at,
        may_act,
    })
}

/// The answer, and what the call-back heard.
fn texts(tx: &mut dyn ReadTx, ctx: &Ctx, row: &FollowUp) -> Result<(Option<String>, Option<String>), Error> {
    let key = subject::known_key(tx, ctx, row.conversation.uuid())?;
    let text = |column, sealed: &Option<Vec<u8>>| {
        sealed.as_deref().map(|sealed| sealed_text(key.as_deref(), FollowUp::place(column, &row.conversation), sealed)).transpose()
    };
    Ok((text("answer", &row.answer)?, text("revisit_note", &row.revisit_note)?))
}

/// The answer to a low rating of a conversation that was opened, and what the call-back heard.
pub(crate) fn follow_up_texts(
    tx: &mut dyn ReadTx,
    ctx: &Ctx,
    c: &Checked<Conversation>,
) -> Result<(Option<String>, Option<String>), Error> {
    let Some(row) = tx.find::<FollowUp>((c.id,))? else { return Ok((None, None)) };
    texts(tx, ctx, &row.trust("whoever opened a conversation for this sees what followed its rating").into_inner())
}

/// A follow-up's timer fell due.
#[derive(Clone, Debug, Serialize)]
pub struct FollowUpDue {
    /// The leased timer.
    pub timer: TimerId,
    /// Its fencing token.
    pub token: i64,
}

/// Drops the follow-up of a conversation whose person is erased: nothing of it can be read, and nobody called.
pub(super) fn drop_of_erased(tx: &mut dyn Tx, id: ConversationId) -> Result<(), Error> {
    if let Some(found) = tx.find::<FollowUp>((id,))? {
        let row = found.trust("the person is erased").into_inner();
        if row.state != FollowUpState::Revisited {
            tx.replace(&row, FollowUp { state: FollowUpState::Dropped, ..row.clone() })?;
        }
    }
    Ok(())
}

/// What outside systems are told of.
const OVERDUE: &str = "follow_up.overdue";

/// Notes that a follow-up was not answered in time, and tells outside; waits on where it is due later than when the timer was set.
pub(crate) fn follow_up_due(tx: &mut dyn Tx, ctx: &Ctx, calendars: &Calendars, cmd: FollowUpDue) -> Result<FollowedUp, Error> {
    let id = ConversationId::from_uuid(agenda::subject_of(tx, cmd.timer)?);
    let found = tx.lock_row::<FollowUp>((id,))?;
    let mut row = check(ctx, found)?.into_inner();
    agenda::take(tx, cmd.timer, cmd.token)?;
    let done = FollowedUp { conversation: id, state: row.state };
    if row.state != FollowUpState::Open || row.overdue_at.is_some() {
        return Ok(done);
    }
    // One that was opened while a change of the calendar committed was passed over then.
    let now = calendars.in_force(tx)?;
    if let Some(new) = anew(&now, &row)? {
        row = tx.replace(&row, new)?;
    }
    if ctx.now() < row.due_at {
        agenda::set(tx, ctx, TimerKind::FollowUpDue, id.uuid(), row.due_at)?;
        return Ok(done);
    }
    tx.replace(&row, FollowUp { overdue_at: Some(ctx.now()), ..row.clone() })?;
    tracing::warn!(conversation = %id, "a low rating was not answered in time");
    delivery::tell(tx, ctx, OVERDUE, &done)?;
    Ok(done)
}

/// The follow-up as it is due by the calendar in force; nothing where it was computed by that.
fn anew(now: &InForce, row: &FollowUp) -> Result<Option<FollowUp>, Error> {
    let mut cached = [row.cached()];
    let stale = calendar::recompute(&*now.timeline(&row.authority, None)?, &policy(), &mut cached);
    Ok(stale.first().map(|_| row.clone().due(&cached[0])))
}

/// What was computed with the calendar is to be computed anew.
#[derive(Clone, Debug, Serialize)]
pub struct RecomputeDue {
    /// The leased timer.
    pub timer: TimerId,
    /// Its fencing token.
    pub token: i64,
}

/// How many were computed anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recomputed {
    /// So many.
    pub rows: i64,
}

impl crate::core::Answer for Recomputed {
    fn subject(&self) -> String {
        "calendar/due".into()
    }
}

/// Computes a page of messages that were left and of open follow-ups anew whose calendar is not the one in force, and comes again
/// until none is left.
pub(crate) fn recompute_due(tx: &mut dyn Tx, ctx: &Ctx, calendars: &Calendars, cmd: RecomputeDue) -> Result<Recomputed, Error> {
    let now = calendars.in_force(tx)?;
    let (promised, looked_at) = reply::recompute(tx, &now)?;
    let mut rows = promised.len() as i64;
    let left = limits::RECOMPUTED_AT_ONCE - looked_at;
    let why = Engine::work("open follow-ups whose due instant was computed with another calendar");
    let stale = stretch(Some(FollowUp::BY_CALENDAR), (FollowUpState::Open,)).until(now.calendar.version() - 1);
    let page: Vec<FollowUp> = if left > 0 { tx.scan(why, stale.limit(left))? } else { Vec::new() };
    let more = page.len() as u32 == left;
    let mut ids: Vec<ConversationId> = page.iter().map(|row| row.conversation).collect();
    ids.sort_unstable(); // the order in which locks are taken
    for id in ids {
        let Some(found) = tx.lock_row::<FollowUp>((id,))? else { continue };
        let row = found.trust("computing anew when it is due").into_inner();
        if row.state != FollowUpState::Open {
            continue;
        }
        let Some(new) = anew(&now, &row)? else { continue };
        let new = tx.replace(&row, new)?;
        rows += 1;
        if new.due_at < row.due_at && new.overdue_at.is_none() {
            agenda::set(tx, ctx, TimerKind::FollowUpDue, id.uuid(), new.due_at)?;
        }
    }
    agenda::take(tx, cmd.timer, cmd.token)?;
    promised.iter().try_for_each(|c| reply_due::watch(tx, c))?;
    if more && rows > 0 {
        agenda::set(tx, ctx, TimerKind::RecomputeDue, ctx.new_uuid(), ctx.now())?;
    }
    Ok(Recomputed { rows })
}
