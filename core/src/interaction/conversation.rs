//! Conversations (会话): one human interaction, from entering a line to its close.

use serde::Serialize;

use super::{Line, Outcome};
use crate::access::{Actor, AuthorityPath, Checked, Officer, Scope, Term, check};
use crate::clock::Timestamp;
use crate::crypto::{Place, SubjectKey};
use crate::ctx::Ctx;
use crate::error::Error;
use crate::id::{ConversationId, LineId, OfficerId, TaxpayerId};
use crate::identity::{masked_name, subject};
use crate::store::{Page, ReadTx, Reads, Record, StoreError};

words! {
    /// Where a conversation stands. `waiting` becomes `active` or `left`; `active` becomes `closed`; nothing goes back.
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

words! {
    /// Where the taxpayer came from (来源渠道), recognised without asking.
    pub enum SourceChannel {
        /// WeChat mini-program.
        MiniProgram = "mini_program",
        /// 办不成事反映专窗.
        UnresolvedMatterDesk = "unresolved_matter_desk",
        /// 吉事办, as H5.
        Portal = "portal",
        /// A page of ours in a browser.
        Web = "web",
        /// A self-service kiosk.
        Kiosk = "kiosk",
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
}

impl Conversation {
    fn terms(&self) -> Vec<Term> {
        let mut terms: Vec<Term> = self.authority.codes().iter().copied().map(Term::Subtree).collect();
        terms.push(Term::Participant(self.taxpayer));
        terms.extend(self.officer.map(Term::Assigned));
        terms
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        matches!(self.state, ConversationState::Closed | ConversationState::Left)
    }

    pub(super) fn place<'a>(column: &'static str, id: &'a ConversationId) -> Place<'a> {
        Place { table: Self::TABLE.name, column, row: id.as_bytes() }
    }

    /// What a person may be told of its topic.
    fn open_topic(&self, key: &SubjectKey) -> Result<String, Error> {
        sealed_text(key, Self::place("topic", &self.id), &self.topic)
    }
}

pub(super) fn sealed_text(key: &SubjectKey, place: Place<'_>, sealed: &[u8]) -> Result<String, Error> {
    let open = key.open(place, sealed)?;
    let text = std::str::from_utf8(&open).map_err(|_| StoreError::Corrupt("sealed text is not UTF-8".into()))?;
    Ok(text.to_owned())
}

/// A conversation as shown to whoever may see it.
#[derive(Clone, Debug, PartialEq, Serialize)]
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
    /// The taxpayer.
    pub taxpayer: TaxpayerId,
    /// Their name, masked for persons.
    pub taxpayer_name: String,
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
}

/// Opens a conversation for the caller.
pub(crate) fn open(tx: &mut dyn ReadTx, ctx: &Ctx, id: ConversationId) -> Result<Checked<Conversation>, Error> {
    let found = tx.find::<Conversation>((id,))?;
    check(ctx, found)
}

/// One conversation.
pub fn conversation(tx: &mut dyn ReadTx, ctx: &Ctx, id: ConversationId) -> Result<ConversationView, Error> {
    let conversation = open(tx, ctx, id)?;
    view(tx, ctx, &conversation)
}

/// A page of the conversations within reach, newest first.
pub fn list(tx: &mut dyn ReadTx, ctx: &Ctx, page: Page) -> Result<Vec<ConversationView>, Error> {
    let found: Vec<Conversation> = tx.list(&Scope::of(ctx), page)?;
    found.iter().map(|c| view(tx, ctx, c)).collect()
}

pub(super) fn view(tx: &mut dyn ReadTx, ctx: &Ctx, c: &Conversation) -> Result<ConversationView, Error> {
    let line = tx
        .find::<Line>((c.line,))?
        .ok_or(Error::NotFound { what: "line" })?
        .trust("whoever sees a conversation sees its line")
        .into_inner();
    let staff_no = match c.officer {
        Some(officer) => {
            tx.find::<Officer>((officer,))?.map(|o| o.trust("whoever sees a conversation sees the officer's number").into_inner().staff_no)
        }
        None => None,
    };
    let key = subject::key_of(tx, ctx, c.id.uuid())?;
    let unread = match ctx.actor() {
        Actor::Taxpayer(_) => c.last_number - c.taxpayer_read,
        Actor::Officer(officer) if c.officer == Some(officer.id) => c.last_number - c.officer_read,
        _ => 0,
    };
    Ok(ConversationView {
        id: c.id,
        line: c.line,
        line_name: line.name,
        state: c.state,
        channel: c.channel,
        topic: c.open_topic(&key)?,
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
    })
}
