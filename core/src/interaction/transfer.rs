//! Transferring a conversation (转接): to a colleague who is there, to another line, or to the general line of another authority.

use serde::{Deserialize, Serialize};

use super::attendance::is_there;
use super::claim::holds;
use super::conversation::had;
use super::message::warned;
use super::prioritise::FIRST;
use super::{Conversation, ConversationState, Line, LineKind, gate, hours_over, join, reminder, reply_due, stint};
use crate::access::{Engine, Officer, Permission, check, find_officer, holds_at};
use crate::agenda::{self, TimerKind};
use crate::calendar::Calendars;
use crate::ctx::Ctx;
use crate::error::{self, Error, Problem, Refusal};
use crate::id::{ConversationId, LineId, OfficerId};
use crate::identity::{AuthorityCode, subject};
use crate::journal::{self, EventKind, Topic};
use crate::limits;
use crate::store::{ReadTx, Reads, Tx, Writes, stretch};

/// Where a conversation goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TransferTo {
    /// To a colleague who serves the authority it belongs to, is there and has capacity left.
    Officer(OfficerId),
    /// The same, by the staff number by which officers know each other.
    Colleague(String),
    /// To a line that takes people in.
    Line(LineId),
    /// To the general line of an authority.
    Authority(AuthorityCode),
}

/// Transfers a conversation that the caller holds.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// Which.
    pub conversation: ConversationId,
    /// Where it goes.
    pub to: TransferTo,
    /// What whoever takes it should know, 1 to 500 characters; the taxpayer does not see it.
    pub note: String,
    /// Whether an officer was warned that numbers of people stand in the note, and transfers it all the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub confirmed: bool,
}

impl Transfer {
    /// A transfer with a note that nobody was warned of.
    pub fn new(conversation: ConversationId, to: TransferTo, note: impl Into<String>) -> Self {
        Self { conversation, to, note: note.into(), confirmed: false }
    }
}

/// The conversation is elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Transferred {
    /// Which.
    pub conversation: ConversationId,
    /// The line it belongs to now.
    pub line: LineId,
    /// Who has it now; absent while it waits in the line.
    pub officer: Option<OfficerId>,
}

impl crate::core::Answer for Transferred {
    fn subject(&self) -> String {
        let (conversation, line) = (self.conversation, self.line);
        match self.officer {
            Some(officer) => format!("conversation/{conversation} to officer/{officer}"),
            None => format!("conversation/{conversation} to line/{line}"),
        }
    }
}

/// Transfers a conversation. In a line it goes before those who were not served yet: its taxpayer has waited once.
///
/// # Errors
/// `PersonalData` for a note with numbers of somebody that nobody confirmed; `Invalid` for a colleague who does not serve its authority, a
/// line that is not there, or an authority without a general line; `OfficerAway`, `OfficerFull`; `LineTakesNobody`, `TheyAreInLine`, and
/// `NotForThem` where the gate of a zone lets nobody in for whom the taxpayer acts.
pub fn transfer(tx: &mut dyn Tx, ctx: &Ctx, calendars: &Calendars, cmd: Transfer) -> Result<Transferred, Error> {
    let note = error::text("note", &cmd.note, limits::CLOSING_NOTE_CHARS_MAX)?;
    // Looked at before anything is locked: officers and lines come before conversations in the order of locks.
    let found = tx.find::<Conversation>((cmd.conversation,))?;
    check(ctx, found)?;
    if !cmd.confirmed {
        warned(ctx, &note)?;
    }
    match cmd.to {
        TransferTo::Officer(officer) => to_officer(tx, ctx, cmd.conversation, (officer, "to.officer"), &note),
        TransferTo::Colleague(staff_no) => {
            let officer = find_officer(tx, staff_no.trim())?.ok_or_else(|| Error::invalid("to.colleague", Problem::Unknown("officer")))?;
            to_officer(tx, ctx, cmd.conversation, (officer, "to.colleague"), &note)
        }
        TransferTo::Line(line) => to_line(tx, ctx, calendars, cmd.conversation, line, &note),
        TransferTo::Authority(authority) => {
            let line = general_line_of(tx, authority)?;
            to_line(tx, ctx, calendars, cmd.conversation, line, &note)
        }
    }
}

/// To an officer, who was named in that field.
fn to_officer(
    tx: &mut dyn Tx,
    ctx: &Ctx,
    id: ConversationId,
    (officer, field): (OfficerId, &'static str),
    note: &str,
) -> Result<Transferred, Error> {
    let me = ctx.actor().officer()?.id;
    let unknown = || Error::invalid(field, Problem::Unknown("officer"));
    if officer == me {
        return Err(unknown());
    }
    let row = tx.lock_row::<Officer>((officer,))?.ok_or_else(unknown)?.trust("told of only if they serve the conversation's authority");
    let c = had(tx, ctx, id)?;
    if !holds_at(tx, ctx, officer, Permission::ServeTaxpayers, &c.authority)? {
        return Err(unknown());
    }
    if !is_there(tx, officer, ctx.now())? {
        return Err(Error::Refused(Refusal::OfficerAway));
    }
    if holds(tx, officer)? >= row.capacity {
        return Err(Error::Refused(Refusal::OfficerFull));
    }
    let at = c.now(ctx);
    let transfer_note = Some(sealed_note(tx, ctx, id, note)?);
    stint::ended(tx, &c, at)?;
    tx.replace(
        &*c,
        Conversation {
            officer: Some(officer),
            served_by: c.served_also_by(officer),
            claimed_at: Some(at),
            active_at: at,
            transfer_note,
            unanswered_since: Some(at),
            ..(*c).clone().unattended()
        },
    )?;
    reminder::watch(tx, &c, at)?;
    agenda::set_once(tx, TimerKind::ConversationIdle, id.uuid(), ctx.now().plus(limits::CONVERSATION_IDLE))?;
    // The desk first: whoever follows it finds the conversation, and all that happens in it from here on.
    journal::record(tx, ctx, Topic::Officer(officer), EventKind::Transferred, Some(id), None)?;
    told(tx, ctx, &c, me)?;
    Ok(Transferred { conversation: id, line: c.line, officer: Some(officer) })
}

fn to_line(tx: &mut dyn Tx, ctx: &Ctx, calendars: &Calendars, id: ConversationId, line: LineId, note: &str) -> Result<Transferred, Error> {
    let me = ctx.actor().officer()?.id;
    let unknown = || Error::invalid("to.line", Problem::Unknown("line"));
    let line = tx.lock_row::<Line>((line,))?.ok_or_else(unknown)?.trust("lines that take people in are everybody's").into_inner();
    if !line.open {
        return Err(Error::Refused(Refusal::LineTakesNobody));
    }
    let c = had(tx, ctx, id)?;
    if line.id != c.line {
        super::enter::not_in(tx, c.taxpayer, line.id).map_err(said_to_their_officer)?;
    }
    let at = c.now(ctx);
    let in_force = calendars.in_force(tx)?;
    let message_due = line.message_due(&in_force, at)?;
    let on_behalf = gate::admit(tx, line.kind, c.taxpayer, ctx.now()).map_err(said_to_their_officer)?;
    let transfer_note = Some(sealed_note(tx, ctx, id, note)?);
    let ticket = line.next_ticket;
    tx.replace(&line, Line { next_ticket: ticket + 1, ..line.clone() })?;
    let waiting = Conversation {
        line: line.id,
        authority: line.authority.clone(),
        entered_authority: c.entered_authority.clone().or_else(|| (c.authority != line.authority).then(|| c.authority.clone())),
        state: ConversationState::Waiting,
        officer: None,
        claimed_at: None,
        served_by: c.served_also_by(me),
        rank: FIRST,
        ticket,
        gate: line.kind.gate(),
        on_behalf,
        topic_code: c.topic_code.clone().filter(|code| line.has_topic(code)),
        transfer_note,
        active_at: at,
        ..(*c).clone().unattended()
    };
    // A promise that stands is kept, by the hours of the line it was given in; one that was not kept is no promise.
    stint::ended(tx, &c, at)?;
    let stands = c.reply_due.is_some_and(|due| due > at);
    let waiting = tx.replace(&*c, if stands { waiting.promised_for_good() } else { waiting.promised(message_due) })?;
    // The end of the line's hours is for those who were promised nothing.
    if waiting.reply_due.is_some() {
        reply_due::watch(tx, &waiting)?
    } else {
        hours_over::watch(tx, at, &line, &in_force)?
    }
    told(tx, ctx, &c, me)?;
    journal::record(tx, ctx, Topic::Line(line.id), EventKind::LineEntered, None, None)?;
    Ok(Transferred { conversation: id, line: line.id, officer: None })
}

/// What a line refuses to a taxpayer, said to the officer who would hand them on.
fn said_to_their_officer(refused: Error) -> Error {
    match refused {
        Error::Refused(Refusal::NoEnterprise(roster) | Refusal::NotOnRoster(roster)) => Error::Refused(Refusal::NotForThem(roster)),
        Error::Refused(Refusal::AlreadyInLine(_)) => Error::Refused(Refusal::TheyAreInLine),
        other => other,
    }
}

fn told(tx: &mut dyn Tx, ctx: &Ctx, c: &Conversation, me: OfficerId) -> Result<(), Error> {
    join::told(tx, ctx, c)?;
    for topic in [Topic::Conversation(c.id), Topic::Taxpayer(c.taxpayer), Topic::Officer(me)] {
        journal::record(tx, ctx, topic, EventKind::Transferred, Some(c.id), None)?;
    }
    Ok(())
}

fn sealed_note(tx: &mut dyn Tx, ctx: &Ctx, id: ConversationId, note: &str) -> Result<Vec<u8>, Error> {
    let key = subject::key_of(tx, ctx, id.uuid())?;
    Ok(subject::seal(ctx, &key, Conversation::place("transfer_note", &id), note))
}

/// The general line of an authority, the newest where it has several.
fn general_line_of(tx: &mut dyn ReadTx, authority: AuthorityCode) -> Result<LineId, Error> {
    let why = Engine::work("the general line of an authority, which is everybody's");
    let fits = |l: &Line| l.open && l.kind == LineKind::General && l.authority.own() == Some(authority);
    let newest = tx.scan_all(why, stretch(None, ()), fits)?.into_iter().max_by_key(|l| (l.opened_at, l.id));
    newest.map(|l| l.id).ok_or_else(|| Error::invalid("to.authority", Problem::Unknown("line")))
}
