//! Conversations (会话): one human interaction, from entering a line to its close.

use serde::Serialize;

use super::message::Reader;
use super::{Line, Outcome, Passes, ServedBy, SourceChannel};
use crate::access::{Actor, AuthorityPath, Checked, Permission, Term, Unchecked, check, staff_no_of};
use crate::clock::Timestamp;
use crate::crypto::{Place, SubjectKey};
use crate::ctx::Ctx;
use crate::error::{Error, Refusal};
use crate::id::{ConversationId, LineId, OfficerId, TaxpayerId};
use crate::identity::subject::{self, sealed_text};
use crate::identity::{Masked, Personal, Roster, masked_name};
use crate::planted::{Bug, planted};
use crate::store::{ReadTx, Reads, Record, Tx, Writes};

words! {
    /// Where a conversation stands. `waiting` becomes `active` or `left`; `active` becomes `closed`, or `waiting` again where it is
    /// transferred to a line or its officer is gone. What is over stays over.
    pub enum ConversationState {
        /// In line.
        Waiting = "waiting",
        /// An officer has it.
        Active = "active",
        /// Over.
        Closed = "closed",
        /// The taxpayer left the line before being served.
        Left = "left",
    }
}

record! {
    /// A conversation. Its row is the guard that its messages lock, which gives them one order.
    pub struct Conversation in "conversation" {
        /// Id.
        id: ConversationId,
        /// The line it was entered in.
        line: LineId,
        /// The line's authority, with all above.
        authority: AuthorityPath,
        /// Who asks.
        taxpayer: TaxpayerId,
        /// Who answers.
        officer: Option<OfficerId>,
        /// State.
        state: ConversationState,
        /// Where the taxpayer came from.
        channel: SourceChannel,
        /// What it is about, sealed with the conversation's key.
        topic: Vec<u8>,
        /// Smaller goes first; 0 is ordinary.
        rank: i64,
        /// Number in the line: who entered first has the smaller one.
        ticket: i64,
        /// When the line was entered.
        entered_at: Timestamp,
        /// When an officer took it.
        claimed_at: Option<Timestamp>,
        /// When it was closed or left.
        ended_at: Option<Timestamp>,
        /// When the last message was written, or the conversation taken.
        active_at: Timestamp,
        /// How it ended.
        outcome: Option<Outcome>,
        /// What the officer noted at the end, sealed.
        closing_note: Option<Vec<u8>>,
        /// Number of the last message.
        last_number: i64,
        /// The taxpayer has read up to here.
        taxpayer_read: i64,
        /// The officer has read up to here.
        officer_read: i64,
        /// Id in the platform in service before this one.
        external_id: Option<String>,
        /// Counts updates.
        version: i64,
        /// When they are answered at the latest, where they left a message and are called back, rather than wait there. Stays when they were.
        reply_due: Option<Timestamp>,
        /// The roster that lets them in, where the line had a gate when they entered.
        gate: Option<Roster>,
        /// The enterprise on it for which they were let in.
        on_behalf: Option<TaxpayerId>,
        /// The conversation that this one goes on from.
        previous: Option<ConversationId>,
        /// What they wanted whoever takes it to know, sealed.
        transfer_note: Option<Vec<u8>>,
        /// Everybody who had it; absent where it changed hands before that was kept, or nobody had it.
        served_by: Option<ServedBy>,
        /// When the message was left that is answered by then; absent where the promise changes no more.
        reply_began: Option<Timestamp>,
        /// Within how many minutes of its line's hours that was.
        reply_minutes: Option<i64>,
        /// Version of the calendar by which the promise was computed.
        reply_calendar: Option<i64>,
        /// Whether the promise may change: a day between was counted by its weekday.
        reply_provisional: Option<bool>,
        /// The topic of its line that it is about, where one was named.
        topic_code: Option<String>,
        /// Where its taxpayer belonged when they entered, with all above; absent in conversations of before that was kept.
        home: Option<AuthorityPath>,
        /// On hold until then, at the latest: its officer keeps it and takes others meanwhile.
        held_until: Option<Timestamp>,
        /// Who supervises it and takes part.
        joined: Option<OfficerId>,
        /// The conversation of the same taxpayer in which this one goes on.
        merged_into: Option<ConversationId>,
        /// Since when its taxpayer waits for an answer of the officer who has it.
        unanswered_since: Option<Timestamp>,
        /// When an officer took it first, whoever had it later; absent in conversations of before that was kept.
        first_claimed_at: Option<Timestamp>,
        /// To whom it is offered.
        offered_to: Option<OfficerId>,
        /// Until when.
        offered_until: Option<Timestamp>,
        /// Who let an offer of it pass.
        passes: Option<Passes>,
        /// Who looked after its taxpayer when they entered.
        own_officer: Option<OfficerId>,
        /// The line that they entered first; absent in conversations of before that was kept.
        entered_line: Option<LineId>,
        /// When an officer first said a word; absent in conversations of before that was kept, too.
        first_answered_at: Option<Timestamp>,
        /// The authority of the line that they entered first, with all above, where it belongs to another by now; absent in conversations of
        /// before that was kept, too.
        entered_authority: Option<AuthorityPath>,
        /// Within so many seconds somebody would answer, as its line promised when it was entered; absent where it promised nothing, and in
        /// conversations of before that was kept.
        promise_s: Option<i64>,
    }
    key(id);
    version version;
    lock 40;
    scoped entered_at by terms;
    unique BY_EXTERNAL_ID(external_id);
    index BY_WAIT(line, state, rank, ticket);
    index BY_OFFICER(officer, state, entered_at);
    index BY_TAXPAYER(taxpayer, state, entered_at);
    index BY_END(line, state, ended_at);
    index BY_REPLY(state, reply_calendar);
    index BY_OFFER(offered_to);
}

impl Conversation {
    /// Whether it goes before those in ordinary order: somebody let it, or its taxpayer was served before, and waits again.
    pub(super) fn goes_first(&self) -> bool {
        self.rank < 0 || self.first_claimed_at.is_some()
    }

    fn terms(&self) -> Vec<Term> {
        let mut terms: Vec<Term> = self.authority.codes().iter().copied().map(Term::Subtree).collect();
        terms.extend(self.entered_authority.iter().flat_map(AuthorityPath::codes).copied().map(Term::Began));
        terms.push(Term::Participant(self.taxpayer));
        terms.extend(self.officer.map(Term::Assigned));
        terms.extend(self.joined.map(Term::Assigned));
        terms
    }

    /// The authority of the line that they entered first, with all above.
    pub(super) fn entered_at_authority(&self) -> &AuthorityPath {
        self.entered_authority.as_ref().unwrap_or(&self.authority)
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        matches!(self.state, ConversationState::Closed | ConversationState::Left)
    }

    /// Refuses where it does not wait.
    pub(super) fn must_wait(&self) -> Result<(), Error> {
        match self.state {
            ConversationState::Waiting => Ok(()),
            ConversationState::Active => Err(Error::Refused(Refusal::AlreadyServed)),
            ConversationState::Closed | ConversationState::Left => Err(Error::Refused(Refusal::ConversationClosed)),
        }
    }

    /// The same as it is while no officer has it, or no other one yet: nobody holds it back, takes part, or owes an answer.
    pub(super) fn unattended(self) -> Self {
        let joined = self.joined.filter(|_| planted(Bug::JoinedKept));
        Self { held_until: None, joined, unanswered_since: None, ..self.not_offered() }
    }

    /// When an officer first said a word. Of before that was kept: whoever took somebody is taken to have answered.
    pub(super) fn answered_at(&self) -> Option<Timestamp> {
        if self.entered_line.is_some() { self.first_answered_at } else { self.first_claimed_at }
    }

    /// Whether the officer who has it has not said a word yet.
    pub(super) fn never_answered(&self) -> bool {
        self.unanswered_since.is_some() && self.unanswered_since == self.claimed_at
    }

    /// Now: within a conversation time never goes back, whatever the clocks of the hosts say.
    pub(super) fn now(&self, ctx: &Ctx) -> Timestamp {
        ctx.now().max(self.active_at)
    }

    pub(super) fn place<'a>(column: &'static str, id: &'a ConversationId) -> Place<'a> {
        Place { table: Self::TABLE.name, column, row: id.as_bytes() }
    }

    /// What a person may be told of its topic.
    pub(super) fn open_topic(&self, key: Option<&SubjectKey>) -> Result<String, Error> {
        sealed_text(key, Self::place("topic", &self.id), &self.topic)
    }
}

/// A conversation as shown to whoever may see it.
#[derive(Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConversationView {
    /// Id.
    pub id: ConversationId,
    /// The line.
    pub line: LineId,
    /// Name of the line.
    pub line_name: String,
    /// State.
    pub state: ConversationState,
    /// Where the taxpayer came from.
    pub channel: SourceChannel,
    /// What it is about.
    pub topic: String,
    /// The topic of the line, where one was named.
    pub topic_code: Option<String>,
    /// The taxpayer.
    pub taxpayer: TaxpayerId,
    /// Their name, masked for persons.
    pub taxpayer_name: Masked<Personal>,
    /// Number of the officer.
    pub staff_no: Option<String>,
    /// Number in the line.
    pub ticket: i64,
    /// When the line was entered.
    pub entered_at: Timestamp,
    /// When an officer took it.
    pub claimed_at: Option<Timestamp>,
    /// When it was closed or left.
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Number of the last message.
    pub last_number: i64,
    /// The taxpayer has read up to here.
    pub taxpayer_read: i64,
    /// The officer has read up to here.
    pub officer_read: i64,
    /// Messages the caller has not read.
    pub unread: i64,
    /// When they are answered at the latest, where they left a message and are called back, rather than wait there.
    pub reply_due: Option<Timestamp>,
    /// Whether that may change: a day between was counted by its weekday, because its year's notice is not known.
    pub reply_provisional: bool,
    /// The enterprise for which they were let in, where the line has a gate.
    pub on_behalf: Option<TaxpayerId>,
    /// The conversation that this one goes on from.
    pub previous: Option<ConversationId>,
    /// What whoever transferred it wanted to be known; for the officer who has it, and those who supervise it.
    pub transfer_note: Option<String>,
    /// On hold until then, at the latest: the officer has not gone, and takes others meanwhile.
    pub held_until: Option<Timestamp>,
    /// Number of whoever supervises it and takes part.
    pub joined_staff_no: Option<String>,
    /// The conversation of the same taxpayer in which it goes on.
    pub merged_into: Option<ConversationId>,
    /// Since when the taxpayer waits for an answer.
    pub unanswered_since: Option<Timestamp>,
}

/// Opens a conversation for the caller: one within reach, or one that goes on in such a one, however often that changed hands since.
pub(crate) fn open(tx: &mut dyn ReadTx, ctx: &Ctx, id: ConversationId) -> Result<Checked<Conversation>, Error> {
    let found = tx.find::<Conversation>((id,))?;
    match check(ctx, found.clone()) {
        Err(unreached @ Error::NotFound { .. }) => {
            let Some(merged) = found else { return Err(unreached) };
            let merged = merged.trust("shown only to whoever reaches the conversation in which it goes on");
            let Some(goes_on) = merged.merged_into else { return Err(unreached) };
            open(tx, ctx, goes_on).map_or(Err(unreached), |_| Ok(merged))
        }
        checked => checked,
    }
}

/// The conversation, locked, if the caller is the officer who has it.
///
/// # Errors
/// `ConversationClosed` where nobody has it; `NotItsOfficer` for whoever takes part beside the one who has it.
pub(super) fn had(tx: &mut dyn Tx, ctx: &Ctx, id: ConversationId) -> Result<Checked<Conversation>, Error> {
    let found = tx.lock_row::<Conversation>((id,))?;
    had_by_caller(ctx, found)
}

/// The same of a row that is locked already.
pub(super) fn had_by_caller(ctx: &Ctx, locked: Option<Unchecked<Conversation>>) -> Result<Checked<Conversation>, Error> {
    let c = check(ctx, locked)?;
    match c.state {
        ConversationState::Active if c.officer == Some(ctx.actor().officer()?.id) => Ok(c),
        ConversationState::Active => Err(Error::Refused(Refusal::NotItsOfficer)),
        _ => Err(Error::Refused(Refusal::ConversationClosed)),
    }
}

/// One conversation.
pub fn conversation(tx: &mut dyn ReadTx, ctx: &Ctx, id: ConversationId) -> Result<ConversationView, Error> {
    let conversation = open(tx, ctx, id)?;
    view(tx, ctx, &conversation)
}

/// The same by a policy that allows everything, so that a bench can tell what asking costs.
#[cfg(feature = "testing")]
pub(crate) fn conversation_of_anybody(tx: &mut dyn ReadTx, ctx: &Ctx, id: ConversationId) -> Result<ConversationView, Error> {
    let found = tx.find::<Conversation>((id,))?.ok_or(Error::NotFound { what: Conversation::TABLE.name })?;
    view(tx, ctx, &found.trust("a bench asks nobody"))
}

/// What a conversation that was opened is about.
pub(super) fn topic(tx: &mut dyn ReadTx, ctx: &Ctx, c: &Checked<Conversation>) -> Result<String, Error> {
    let key = subject::known_key(tx, ctx, c.id.uuid())?;
    c.open_topic(key.as_deref())
}

/// What whoever transferred a conversation that was opened wanted to be known.
pub(crate) fn transfer_note(tx: &mut dyn ReadTx, ctx: &Ctx, c: &Checked<Conversation>) -> Result<Option<String>, Error> {
    note(tx, ctx, c, "transfer_note", c.transfer_note.as_deref())
}

/// What the officer noted at the end of a conversation that was opened.
pub(crate) fn closing_note(tx: &mut dyn ReadTx, ctx: &Ctx, c: &Checked<Conversation>) -> Result<Option<String>, Error> {
    note(tx, ctx, c, "closing_note", c.closing_note.as_deref())
}

fn note(tx: &mut dyn ReadTx, ctx: &Ctx, c: &Conversation, column: &'static str, sealed: Option<&[u8]>) -> Result<Option<String>, Error> {
    let Some(sealed) = sealed else { return Ok(None) };
    let key = subject::known_key(tx, ctx, c.id.uuid())?;
    sealed_text(key.as_deref(), Conversation::place(column, &c.id), sealed).map(Some)
}

/// The newest by a policy that allows everything, in the order of ids, which is that of time: what asking who may costs a list.
#[cfg(feature = "testing")]
pub(crate) fn list_of_anybody(tx: &mut dyn ReadTx, ctx: &Ctx, limit: u32) -> Result<Vec<ConversationView>, Error> {
    let why = crate::access::Engine::work("a bench asks nobody");
    let found: Vec<Conversation> = tx.scan(why, crate::store::stretch(None, ()).newest_first().limit(limit))?;
    found.iter().map(|c| view(tx, ctx, c)).collect()
}

pub(super) fn view(tx: &mut dyn ReadTx, ctx: &Ctx, c: &Conversation) -> Result<ConversationView, Error> {
    let line = tx
        .find::<Line>((c.line,))?
        .ok_or(Error::NotFound { what: "line" })?
        .trust("whoever sees a conversation sees its line")
        .into_inner();
    let staff_no = c.officer.map(|officer| staff_no_of(tx, officer)).transpose()?.flatten();
    let joined_staff_no = c.joined.map(|officer| staff_no_of(tx, officer)).transpose()?.flatten();
    let key = subject::known_key(tx, ctx, c.id.uuid())?;
    let unread = match ctx.actor() {
        Actor::Taxpayer(_) => c.last_number - c.taxpayer_read,
        Actor::Officer(officer) if c.officer == Some(officer.id) => c.last_number - c.officer_read,
        _ => 0,
    };
    let transfer_note = match ctx.actor() {
        Actor::Officer(me) if c.officer == Some(me.id) || me.may_at(Permission::SuperviseInteraction, &c.authority) => {
            note(tx, ctx, c, "transfer_note", c.transfer_note.as_deref())?
        }
        _ => None,
    };
    let reader = match ctx.actor() {
        Actor::Officer(me) if c.officer != Some(me.id) && c.joined != Some(me.id) => Reader::Reviewer,
        _ => Reader::Party,
    };
    Ok(ConversationView {
        id: c.id,
        line: c.line,
        line_name: line.name,
        state: c.state,
        channel: c.channel,
        topic: reader.shown(c.open_topic(key.as_deref())?),
        topic_code: c.topic_code.clone(),
        taxpayer: c.taxpayer,
        taxpayer_name: masked_name(tx, ctx, c.taxpayer)?,
        staff_no,
        ticket: c.ticket,
        entered_at: c.entered_at,
        claimed_at: c.claimed_at,
        ended_at: c.ended_at,
        outcome: c.outcome,
        last_number: c.last_number,
        taxpayer_read: c.taxpayer_read,
        officer_read: c.officer_read,
        unread,
        reply_due: c.reply_due,
        reply_provisional: c.reply_provisional.unwrap_or_default(),
        on_behalf: c.on_behalf,
        previous: c.previous,
        transfer_note: transfer_note.map(|note| reader.shown(note)),
        held_until: c.held_until,
        joined_staff_no,
        merged_into: c.merged_into,
        unanswered_since: c.unanswered_since,
    })
}
