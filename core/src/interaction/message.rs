//! Messages: one total order per conversation. The client's id for a message is the idempotency key of the call
//! that sends it, so a retry is not a second message.

use serde::{Deserialize, Serialize};

use super::Conversation;
use super::conversation::{open, sealed_text};
use crate::access::{Actor, ActorKind, ActorRef, Checked, check};
use crate::clock::Timestamp;
use crate::crypto::{Place, SubjectKey};
use crate::ctx::Ctx;
use crate::error::{self, Error, Refusal};
use crate::id::ConversationId;
use crate::identity::subject;
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
    }
    key(conversation, number);
}

fn row_of(conversation: ConversationId, number: i64) -> [u8; 24] {
    let mut row = [0; 24];
    row[..16].copy_from_slice(conversation.as_bytes());
    row[16..].copy_from_slice(&number.to_be_bytes());
    row
}

fn place(row: &[u8; 24]) -> Place<'_> {
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
    if conversation.last_number >= limits::MESSAGES_PER_CONVERSATION_MAX {
        return Err(Error::Refused(Refusal::ConversationFull));
    }
    let (id, number) = (conversation.id, conversation.last_number + 1);
    // Within a conversation time never goes back, whatever the clocks of the hosts say.
    let sent_at = if planted(Bug::TimeGoesBack) { ctx.now() } else { ctx.now().max(conversation.active_at) };
    let key = subject::key_of(tx, ctx, id.uuid())?;
    let row = row_of(id, number);
    let body = ctx.with_rng(|rng| key.seal(ctx.keys().suite(), rng, place(&row), text.as_bytes()));
    tx.add(&Message {
        conversation: id,
        number,
        sender: ctx.actor().as_ref(),
        client_id: ctx.key().map(str::to_owned),
        body,
        sent_at,
        external_id: None,
    })?;
    // Whoever writes has read what was written before.
    let (mut taxpayer_read, mut officer_read) = (conversation.taxpayer_read, conversation.officer_read);
    match ctx.actor() {
        Actor::Taxpayer(_) => taxpayer_read = number,
        _ => officer_read = number,
    }
    tx.replace(
        &*conversation,
        Conversation { last_number: number, active_at: sent_at, taxpayer_read, officer_read, ..(*conversation).clone() },
    )?;
    journal::record(tx, ctx, Topic::Conversation(id), EventKind::MessageSent, Some(id), Some(number))?;
    Ok(Sent { conversation: id, number, sent_at })
}

/// A message as shown to the two who talk.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MessageView {
    /// Place in the conversation.
    pub number: i64,
    /// `taxpayer` or `officer`.
    pub sender: ActorKind,
    /// Whether the caller wrote it.
    pub mine: bool,
    /// The client's id for it.
    pub client_id: Option<String>,
    /// The text.
    pub text: String,
    /// When.
    pub sent_at: Timestamp,
}

fn view(ctx: &Ctx, key: &SubjectKey, message: Message) -> Result<MessageView, Error> {
    let row = row_of(message.conversation, message.number);
    Ok(MessageView {
        number: message.number,
        sender: message.sender.kind,
        mine: message.sender == ctx.actor().as_ref(),
        text: sealed_text(key, place(&row), &message.body)?,
        client_id: message.client_id,
        sent_at: message.sent_at,
    })
}

/// Messages of a conversation behind the place `after`, in order.
pub fn messages(tx: &mut dyn ReadTx, ctx: &Ctx, id: ConversationId, after: i64, limit: u32) -> Result<Vec<MessageView>, Error> {
    let conversation = open(tx, ctx, id)?;
    page(tx, ctx, &conversation, after, limit.min(limits::PAGE_ROWS_MAX))
}

pub(super) fn page(
    tx: &mut dyn ReadTx,
    ctx: &Ctx,
    conversation: &Checked<Conversation>,
    after: i64,
    limit: u32,
) -> Result<Vec<MessageView>, Error> {
    let key = subject::key_of(tx, ctx, conversation.id.uuid())?;
    let found: Vec<Message> = tx.under(conversation, stretch(None, ()).after((after,)).limit(limit))?;
    found.into_iter().map(|m| view(ctx, &key, m)).collect()
}

/// One message of a conversation that was opened.
pub(crate) fn one(tx: &mut dyn ReadTx, ctx: &Ctx, conversation: &Checked<Conversation>, number: i64) -> Result<Option<MessageView>, Error> {
    Ok(page(tx, ctx, conversation, number - 1, 1)?.into_iter().find(|m| m.number == number))
}
