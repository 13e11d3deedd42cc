//! Messages: one total order per conversation. The client's id for a message is the idempotency key of the call
//! that sends it, so a retry is not a second message.

use serde::{Deserialize, Serialize};

use super::conversation::open;
use super::{Conversation, ConversationState, Quoted, gate, hold, reminder};
use crate::access::{Actor, ActorKind, ActorRef, Checked, Engine, check, staff_no_of};
use crate::clock::Timestamp;
use crate::crypto::{Place, SubjectKey};
use crate::ctx::Ctx;
use crate::error::{self, Error, Refusal};
use crate::id::{ConversationId, OfficerId, TaxpayerId};
use crate::identity::subject::{self, sealed_text};
use crate::identity::{PersonalDatum, mask_personal_data, personal_data};
use crate::journal::{self, EventKind, Topic};
use crate::limits;
use crate::planted::{Bug, planted};
use crate::store::{ReadTx, Reads, Record, Tx, Writes, stretch};

record! {
    /// A message.
    pub struct Message in "message" {
        /// The conversation.
        conversation: ConversationId,
        /// Place in it, from 1 without gaps.
        number: i64,
        /// Who wrote it.
        sender: ActorRef,
        /// The client's id for it, by which a client knows its own message again.
        client_id: Option<String>,
        /// The text, sealed with the conversation's key.
        body: Vec<u8>,
        /// When.
        sent_at: Timestamp,
        /// Id in the platform in service before this one.
        external_id: Option<String>,
        /// Number of the message that it quotes.
        quotes: Option<i64>,
        /// When its sender recalled it; the text stays.
        recalled_at: Option<Timestamp>,
    }
    key(conversation, number);
}

pub(super) fn row_of(conversation: ConversationId, number: i64) -> [u8; 24] {
    let mut row = [0; 24];
    row[..16].copy_from_slice(conversation.as_bytes());
    row[16..].copy_from_slice(&number.to_be_bytes());
    row
}

pub(super) fn place(row: &[u8; 24]) -> Place<'_> {
    Place { table: Message::TABLE.name, column: "body", row }
}

/// Writes a message.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SendMessage {
    /// Where.
    pub conversation: ConversationId,
    /// Plain text, 1 to 2000 characters.
    pub text: String,
    /// Number of an earlier message of the conversation that it answers, to be shown with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quotes: Option<i64>,
    /// Whether an officer was warned that numbers of people stand in it, and sends it all the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub confirmed: bool,
}

impl SendMessage {
    /// A message that quotes nothing, and that nobody was warned of.
    pub fn new(conversation: ConversationId, text: impl Into<String>) -> Self {
        Self { conversation, text: text.into(), quotes: None, confirmed: false }
    }
}

/// The message is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Sent {
    /// Where.
    pub conversation: ConversationId,
    /// Its place.
    pub number: i64,
    /// When.
    pub sent_at: Timestamp,
}

impl crate::core::Answer for Sent {
    fn subject(&self) -> String {
        format!("conversation/{}/message/{}", self.conversation, self.number)
    }
}

/// Writes a message. A taxpayer may write while waiting, so that the officer knows at once what it is about.
pub fn send(tx: &mut dyn Tx, ctx: &Ctx, cmd: SendMessage) -> Result<Sent, Error> {
    let text = error::text("text", &cmd.text, limits::MESSAGE_CHARS_MAX)?;
    let found = tx.lock_row::<Conversation>((cmd.conversation,))?;
    let conversation = check(ctx, found)?;
    if conversation.is_over() {
        return Err(Error::Refused(Refusal::ConversationClosed));
    }
    if let (Actor::Taxpayer(taxpayer), Some(roster), Some(enterprise)) = (ctx.actor(), conversation.gate, conversation.on_behalf) {
        gate::still(tx, roster, enterprise, *taxpayer, ctx.now())?;
    }
    if !cmd.confirmed {
        warned(ctx, &text)?;
    }
    if conversation.last_number >= limits::MESSAGES_PER_CONVERSATION_MAX {
        return Err(Error::Refused(Refusal::ConversationFull));
    }
    let quotes = super::quote::checked(cmd.quotes, &conversation)?;
    let (id, number) = (conversation.id, conversation.last_number + 1);
    // Within a conversation time never goes back, whatever the clocks of the hosts say.
    let sent_at = if planted(Bug::TimeGoesBack) { ctx.now() } else { conversation.now(ctx) };
    let key = subject::key_of(tx, ctx, id.uuid())?;
    let row = row_of(id, number);
    let body = subject::seal(ctx, &key, place(&row), &text);
    tx.add(&Message {
        conversation: id,
        number,
        sender: ctx.actor().as_ref(),
        client_id: ctx.key().map(str::to_owned),
        body,
        sent_at,
        external_id: None,
        quotes,
        recalled_at: None,
    })?;
    let written = after_message(tx, ctx, &conversation, number, sent_at)?;
    tx.replace(&*conversation, written)?;
    journal::record(tx, ctx, Topic::Conversation(id), EventKind::MessageSent, Some(id), Some(number))?;
    Ok(Sent { conversation: id, number, sent_at })
}

/// The conversation after a message of the caller's: whoever writes has read what was written before, and who owes an answer now.
fn after_message(tx: &mut dyn Tx, ctx: &Ctx, c: &Conversation, number: i64, sent_at: Timestamp) -> Result<Conversation, Error> {
    let written = Conversation { last_number: number, active_at: sent_at, ..c.clone() };
    Ok(match ctx.actor() {
        Actor::Taxpayer(_) => {
            let written = if c.held_until.is_some() { hold::goes_on(tx, ctx, &written)? } else { written };
            if c.state == ConversationState::Active && written.unanswered_since.is_none() {
                reminder::watch(tx, c, sent_at)?;
                Conversation { taxpayer_read: number, unanswered_since: Some(sent_at), ..written }
            } else {
                Conversation { taxpayer_read: number, ..written }
            }
        }
        by => {
            // Whoever takes part beside the officer answers for them, and has not read for them.
            let joined = matches!(by, Actor::Officer(me) if c.joined == Some(me.id));
            let officer_read = if joined { c.officer_read } else { number };
            Conversation { officer_read, unanswered_since: None, first_answered_at: c.first_answered_at.or(Some(sent_at)), ..written }
        }
    })
}

/// Officers are warned before they send a number of somebody: it may be somebody else's, and once sent it is read. A taxpayer is
/// not: the numbers are mostly their own, often asked for, and whoever wants help must not be stopped.
pub(super) fn warned(ctx: &Ctx, text: &str) -> Result<(), Error> {
    if matches!(ctx.actor(), Actor::Taxpayer(_)) {
        return Ok(());
    }
    let found: Vec<PersonalDatum> = personal_data(text).into_iter().filter(|d| d.kind.is_secret()).collect();
    if found.is_empty() { Ok(()) } else { Err(Error::Refused(Refusal::PersonalData(found))) }
}

/// A message as shown to the two who talk.
#[derive(Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MessageView {
    /// Place in the conversation.
    pub number: i64,
    /// `taxpayer` or `officer`.
    pub sender: ActorKind,
    /// Number of the officer who wrote it.
    pub staff_no: Option<String>,
    /// Whether the caller wrote it.
    pub mine: bool,
    /// The client's id for it.
    pub client_id: Option<String>,
    /// The text; 已撤回 for one that was recalled.
    pub text: String,
    /// When.
    pub sent_at: Timestamp,
    /// The message that it quotes.
    pub quoted: Option<Quoted>,
    /// When its sender recalled it.
    pub recalled_at: Option<Timestamp>,
}

/// What is shown in place of a text that its sender recalled.
pub(super) const RECALLED: &str = "已撤回";

/// Who reads, which decides whether the text of a recalled message is shown: the record keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// One of the two who talk, or whoever is given what they see.
    Party,
    /// An officer who searches what they may see, or takes it away: numbers of people are masked.
    Copier,
    /// Whoever looks with a reason that is audited: numbers of people are masked.
    Reviewer,
    /// The person to whom all that is kept of them is given: what they wrote is theirs, what an officer recalled may be about
    /// somebody else.
    Writer(TaxpayerId),
}

impl Reader {
    /// Whoever searches what they may see, or takes it away.
    pub(super) fn taking_away(ctx: &Ctx) -> Self {
        if matches!(ctx.actor(), Actor::Officer(_)) { Self::Copier } else { Self::Party }
    }

    /// A text as this reader sees it. Unmasked data of people leaves by an approved disclosure, and a field at a time.
    pub(super) fn shown(self, text: String) -> String {
        match self {
            Self::Party | Self::Writer(_) => text,
            Self::Copier | Self::Reviewer => mask_personal_data(&text),
        }
    }

    fn may_read(self, message: &Message) -> bool {
        let own = |person: TaxpayerId| message.sender.kind == ActorKind::Taxpayer && message.sender.id == person.uuid();
        message.recalled_at.is_none()
            || match self {
                Self::Party | Self::Copier => false,
                Self::Reviewer => true,
                Self::Writer(person) => own(person),
            }
    }
}

/// The text of a message as this reader may see it.
pub(super) fn text_of(key: Option<&SubjectKey>, reader: Reader, message: &Message) -> Result<String, Error> {
    if !reader.may_read(message) {
        return Ok(RECALLED.to_owned());
    }
    sealed_text(key, place(&row_of(message.conversation, message.number)), &message.body).map(|text| reader.shown(text))
}

fn view(
    ctx: &Ctx,
    key: Option<&SubjectKey>,
    reader: Reader,
    message: Message,
    quoted: Option<Quoted>,
    staff_no: Option<String>,
) -> Result<MessageView, Error> {
    Ok(MessageView {
        number: message.number,
        sender: message.sender.kind,
        staff_no,
        mine: message.sender == ctx.actor().as_ref(),
        text: text_of(key, reader, &message)?,
        client_id: message.client_id,
        sent_at: message.sent_at,
        quoted,
        recalled_at: message.recalled_at,
    })
}

/// Messages of a conversation behind the place `after`, in order.
pub fn messages(tx: &mut dyn ReadTx, ctx: &Ctx, id: ConversationId, after: i64, limit: u32) -> Result<Vec<MessageView>, Error> {
    let conversation = open(tx, ctx, id)?;
    page(tx, ctx, &conversation, Reader::Party, after, limit.min(limits::PAGE_ROWS_MAX))
}

pub(super) fn page(
    tx: &mut dyn ReadTx,
    ctx: &Ctx,
    conversation: &Checked<Conversation>,
    reader: Reader,
    after: i64,
    limit: u32,
) -> Result<Vec<MessageView>, Error> {
    let key = subject::known_key(tx, ctx, conversation.id.uuid())?;
    let found: Vec<Message> = tx.under(conversation, stretch(None, ()).after((after,)).limit(limit))?;
    let mut quotes = super::quote::Quotes::of(&found);
    let mut numbers: Vec<(OfficerId, Option<String>)> = Vec::new();
    found
        .into_iter()
        .map(|m| {
            let quoted = m.quotes.map(|number| quotes.show(tx, ctx, conversation, (key.as_deref(), reader), number)).transpose()?.flatten();
            let staff_no = if m.sender.kind == ActorKind::Officer { number_of(tx, &mut numbers, m.sender)? } else { None };
            view(ctx, key.as_deref(), reader, m, quoted, staff_no)
        })
        .collect()
}

/// The number of an officer who wrote, looked up once for a page.
fn number_of(tx: &mut dyn ReadTx, known: &mut Vec<(OfficerId, Option<String>)>, sender: ActorRef) -> Result<Option<String>, Error> {
    let officer = OfficerId::from_uuid(sender.id);
    if let Some((_, number)) = known.iter().find(|(id, _)| *id == officer) {
        return Ok(number.clone());
    }
    let number = staff_no_of(tx, officer)?;
    known.push((officer, number.clone()));
    Ok(number)
}

/// Whether a message is the first that its side of the conversation wrote. One behind many of the other side is none that anybody waits for.
pub(crate) fn is_first(tx: &mut dyn ReadTx, id: ConversationId, number: i64, side: ActorKind) -> Result<bool, Error> {
    if number > limits::FIRST_MESSAGE_NUMBER_MAX {
        return Ok(false);
    }
    let mut first = true;
    tx.scan_while(Engine::work("whether somebody writes for the first time"), stretch(None, (id,)), |m: Message| {
        first &= m.number >= number || m.sender.kind != side;
        first && m.number < number
    })?;
    Ok(first)
}

/// One message of a conversation that was opened.
pub(crate) fn one(tx: &mut dyn ReadTx, ctx: &Ctx, conversation: &Checked<Conversation>, number: i64) -> Result<Option<MessageView>, Error> {
    Ok(page(tx, ctx, conversation, Reader::Party, number - 1, 1)?.into_iter().find(|m| m.number == number))
}
