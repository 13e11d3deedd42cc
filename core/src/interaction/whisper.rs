//! Whispers (悄悄话): what officers tell each other beside a conversation. Its taxpayer never sees them; whoever reviews the conversation
//! does.

use serde::{Deserialize, Serialize};

use super::message::{Reader, warned};
use super::{Conversation, ConversationState};
use crate::access::{Actor, Checked, Engine, Permission, check, find_officer, holds_at, staff_no_of};
use crate::clock::Timestamp;
use crate::crypto::Place;
use crate::ctx::Ctx;
use crate::error::{self, Error, Problem, Refusal};
use crate::id::{ConversationId, OfficerId};
use crate::identity::subject::{self, sealed_text};
use crate::journal::{self, EventKind, Topic};
use crate::limits;
use crate::store::{ReadTx, Reads, Record, Tx, Writes, stretch};

record! {
    /// A remark beside a conversation.
    pub struct WhisperRow in "whisper" {
        /// The conversation.
        conversation: ConversationId,
        /// Place among its remarks, from 1 without gaps.
        number: i64,
        /// Who wrote it.
        author: OfficerId,
        /// Who is asked.
        asked: Option<OfficerId>,
        /// The text, sealed with the conversation's key.
        body: Vec<u8>,
        /// When.
        whispered_at: Timestamp,
    }
    key(conversation, number);
}

/// Tells the officer who has a conversation of one's area something that its taxpayer does not see.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Whisper {
    /// Which.
    pub conversation: ConversationId,
    /// Plain text, 1 to 500 characters.
    pub text: String,
    /// Whether the caller was warned that numbers of people stand in it, and whispers it all the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub confirmed: bool,
}

/// Asks a colleague about a conversation that the caller takes part in; its taxpayer does not see it.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AskColleague {
    /// Which.
    pub conversation: ConversationId,
    /// Number of whoever is asked: they serve taxpayers at its authority, or supervise those who do. Who serves reads it among the
    /// whispers; who only supervises reads it by reviewing the conversation, which leaves a record.
    pub staff_no: String,
    /// Plain text, 1 to 500 characters.
    pub text: String,
    /// Whether the caller was warned that numbers of people stand in it, and asks all the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub confirmed: bool,
}

/// The remark is kept, and whoever it is for is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Whispered {
    /// The conversation.
    pub conversation: ConversationId,
    /// Its place among the remarks.
    pub number: i64,
}

impl crate::core::Answer for Whispered {
    fn subject(&self) -> String {
        format!("conversation/{}/whisper/{}", self.conversation, self.number)
    }
}

/// A remark as shown to officers.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WhisperView {
    /// Its place.
    pub number: i64,
    /// Number of who wrote it.
    pub staff_no: Option<String>,
    /// Whether the caller wrote it.
    pub mine: bool,
    /// Number of who is asked.
    pub asked: Option<String>,
    /// The text.
    pub text: String,
    /// When.
    pub whispered_at: Timestamp,
}

/// Writes a remark for the officer who has the conversation.
///
/// # Errors
/// `ConversationClosed` where nobody has it; `PersonalData` for numbers of somebody that nobody confirmed.
pub fn whisper(tx: &mut dyn Tx, ctx: &Ctx, cmd: Whisper) -> Result<Whispered, Error> {
    let text = error::text("text", &cmd.text, limits::CLOSING_NOTE_CHARS_MAX)?;
    write(tx, ctx, cmd.conversation, &text, cmd.confirmed, None)
}

/// Writes a remark that asks a colleague.
///
/// # Errors
/// As [`whisper`]; `Invalid` for somebody who neither serves at its authority nor supervises there.
pub fn ask_colleague(tx: &mut dyn Tx, ctx: &Ctx, cmd: AskColleague) -> Result<Whispered, Error> {
    let text = error::text("text", &cmd.text, limits::CLOSING_NOTE_CHARS_MAX)?;
    let unknown = || Error::invalid("staff_no", Problem::Unknown("officer"));
    let found = tx.find::<Conversation>((cmd.conversation,))?;
    let authority = check(ctx, found)?.authority.clone();
    let asked = find_officer(tx, cmd.staff_no.trim())?.ok_or_else(unknown)?;
    let of_it = holds_at(tx, ctx, asked, Permission::ServeTaxpayers, &authority)?
        || holds_at(tx, ctx, asked, Permission::SuperviseInteraction, &authority)?;
    if !of_it || asked == ctx.actor().officer()?.id {
        return Err(unknown());
    }
    write(tx, ctx, cmd.conversation, &text, cmd.confirmed, Some(asked))
}

fn write(
    tx: &mut dyn Tx,
    ctx: &Ctx,
    id: ConversationId,
    text: &str,
    confirmed: bool,
    asked: Option<OfficerId>,
) -> Result<Whispered, Error> {
    let author = ctx.actor().officer()?.id;
    let found = tx.lock_row::<Conversation>((id,))?;
    let c = check(ctx, found)?;
    if c.state != ConversationState::Active {
        return Err(Error::Refused(Refusal::ConversationClosed));
    }
    if !confirmed {
        warned(ctx, text)?;
    }
    let last: Vec<WhisperRow> = tx.under(&c, stretch(None, ()).newest_first().limit(1))?;
    let number = last.first().map_or(1, |w| w.number + 1);
    if number > limits::WHISPERS_PER_CONVERSATION_MAX {
        return Err(Error::Refused(Refusal::ConversationFull));
    }
    let key = subject::key_of(tx, ctx, id.uuid())?;
    let row = super::message::row_of(id, number);
    let body = subject::seal(ctx, &key, place(&row), text);
    tx.add(&WhisperRow { conversation: id, number, author, asked, body, whispered_at: c.now(ctx) })?;
    if let Some(asked) = asked {
        journal::record(tx, ctx, Topic::Officer(asked), EventKind::Mentioned, Some(id), Some(number))?;
    }
    for other in [c.officer, c.joined].into_iter().flatten().filter(|other| *other != author && asked != Some(*other)) {
        journal::record(tx, ctx, Topic::Officer(other), EventKind::Whispered, Some(id), Some(number))?;
    }
    Ok(Whispered { conversation: id, number })
}

fn place(row: &[u8; 24]) -> Place<'_> {
    Place { table: WhisperRow::TABLE.name, column: "body", row }
}

/// Remarks beside a conversation, in order: all of them for whoever takes part in it; of one in which somebody else asks the caller, those
/// that do.
pub fn whispers(tx: &mut dyn ReadTx, ctx: &Ctx, id: ConversationId) -> Result<Vec<WhisperView>, Error> {
    let not_found = Error::NotFound { what: Conversation::TABLE.name };
    let row = tx.find::<Conversation>((id,))?;
    match check(ctx, row.clone()) {
        Ok(c) => all(tx, ctx, &c, Reader::Party),
        Err(Error::NotFound { .. }) => {
            let (Actor::Officer(me), Some(row)) = (ctx.actor(), row) else { return Err(not_found) };
            let row = row.trust("whoever is asked in it sees what they are asked").into_inner();
            let why = Engine::work("remarks that ask the caller");
            let asking = tx.scan_all(why, stretch(None, (id,)), |w: &WhisperRow| w.asked == Some(me.id))?;
            if asking.is_empty() || row.is_over() {
                return Err(not_found);
            }
            shown(tx, ctx, id, asking, Reader::Copier)
        }
        Err(e) => Err(e),
    }
}

/// Every remark beside a conversation that was opened, as this reader may see it.
pub(super) fn all(tx: &mut dyn ReadTx, ctx: &Ctx, c: &Checked<Conversation>, reader: Reader) -> Result<Vec<WhisperView>, Error> {
    let rows: Vec<WhisperRow> = tx.under(c, stretch(None, ()).limit(limits::WHISPERS_PER_CONVERSATION_MAX as u32))?;
    shown(tx, ctx, c.id, rows, reader)
}

fn shown(tx: &mut dyn ReadTx, ctx: &Ctx, id: ConversationId, rows: Vec<WhisperRow>, reader: Reader) -> Result<Vec<WhisperView>, Error> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let key = subject::known_key(tx, ctx, id.uuid())?;
    let me = ctx.actor().as_ref();
    let mut views = Vec::with_capacity(rows.len());
    for row in rows {
        let place_of = super::message::row_of(id, row.number);
        views.push(WhisperView {
            number: row.number,
            staff_no: staff_no_of(tx, row.author)?,
            mine: me.kind == crate::access::ActorKind::Officer && me.id == row.author.uuid(),
            asked: row.asked.map(|asked| staff_no_of(tx, asked)).transpose()?.flatten(),
            text: reader.shown(sealed_text(key.as_deref(), place(&place_of), &row.body)?),
            whispered_at: row.whispered_at,
        });
    }
    Ok(views)
}
