//! Filing a complaint (投诉) about an officer or an authority; the authority above handles it.

use serde::{Deserialize, Serialize};

use super::kept_from::KeptFrom;
use super::{Appeal, AppealKind, AppealState};
use crate::access::{AuthorityPath, Bar, Officer, above, path_named};
use crate::ctx::Ctx;
use crate::error::{self, Error, Problem};
use crate::id::{AppealId, ConversationId};
use crate::identity::{AuthorityCode, subject};
use crate::interaction::open_conversation;
use crate::journal::{self, EventKind, Topic};
use crate::limits;
use crate::store::{ReadTx, Reads, Tx, Writes};

/// Whom a complaint is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Respondent {
    /// An officer who served this conversation of the caller's: the one who has it, or had it last, unless another is named.
    Conversation(ConversationId),
    /// An authority.
    Authority(AuthorityCode),
}

/// Files a complaint.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FileAppeal {
    /// Whom it is about.
    pub about: Respondent,
    /// Number of the officer who is meant, where several served the conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staff_no: Option<String>,
    /// What happened, 1 to 2000 characters.
    pub text: String,
}

impl FileAppeal {
    /// A complaint about an authority, or the officer who served last.
    pub fn new(about: Respondent, text: impl Into<String>) -> Self {
        Self { about, staff_no: None, text: text.into() }
    }
}

/// It was received.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AppealFiled {
    /// Its id.
    pub appeal: AppealId,
    /// The authority that handles it.
    pub handler: AuthorityCode,
}

impl crate::core::Answer for AppealFiled {
    fn subject(&self) -> String {
        format!("appeal/{}", self.appeal)
    }
}

/// Files a complaint of the caller's. Nobody whom it is about hears of it: the journal tells the caller alone.
pub fn file(tx: &mut dyn Tx, ctx: &Ctx, cmd: FileAppeal) -> Result<AppealFiled, Error> {
    let text = error::text("text", &cmd.text, limits::APPEAL_CHARS_MAX)?;
    let taxpayer = ctx.actor().taxpayer()?;
    let (respondent, unit, conversation, others) = match cmd.about {
        Respondent::Conversation(id) => {
            let (meant, others) = served_by(tx, ctx, id, cmd.staff_no.as_deref())?;
            (Some(meant.id), meant.authority, Some(id), others)
        }
        Respondent::Authority(_) if cmd.staff_no.is_some() => return Err(nobody("staff_no")),
        Respondent::Authority(code) => (None, path_named(tx, ctx, "about.authority", code)?, None, Vec::new()),
    };
    let handler = handler_of(tx, ctx, &unit, &others)?;
    let own = handler.own().ok_or(Error::NotFound { what: "authority" })?;
    let id = AppealId::from_uuid(ctx.new_uuid());
    let key = subject::create(tx, ctx, id.uuid())?;
    let mut appeal = Appeal {
        id,
        kind: AppealKind::Complaint,
        taxpayer: Some(taxpayer),
        body: Vec::new(),
        respondent,
        unit,
        handler: handler.clone(),
        conversation,
        state: AppealState::Received,
        filed_at: ctx.now(),
        answer: None,
        answered_by: None,
        answered_at: None,
        version: 0,
        also_kept_from: kept_from(&handler, &others),
        channel: None,
        external_id: None,
        arrival: None,
        content: None,
        text_index: None,
        reporter_index: None,
        reporter: None,
        title: None,
        collected_at: None,
        due_at: None,
    };
    let bound = appeal.bound();
    appeal.body = subject::seal(ctx, &key, Appeal::place("body", &bound), &text);
    tx.add(&appeal)?;
    journal::record(tx, ctx, Topic::Taxpayer(taxpayer), EventKind::AppealFiled, None, None)?;
    Ok(AppealFiled { appeal: id, handler: own })
}

fn nobody(field: &str) -> Error {
    Error::invalid(field, Problem::Unknown("officer"))
}

/// Who served a conversation of the caller's: the one who is meant, and the others.
fn served_by(tx: &mut dyn ReadTx, ctx: &Ctx, id: ConversationId, staff_no: Option<&str>) -> Result<(Officer, Vec<Officer>), Error> {
    let mut served = Vec::new();
    for officer in open_conversation(tx, ctx, id)?.served() {
        let found = tx.find::<Officer>((officer,))?.ok_or_else(|| nobody("about.conversation"))?;
        served.push(found.trust("whoever was served by an officer complains where that officer belongs").into_inner());
    }
    let last = served.len().checked_sub(1).ok_or_else(|| nobody("about.conversation"))?;
    let meant = match staff_no {
        Some(number) => served.iter().position(|o| o.staff_no == number).ok_or_else(|| nobody("staff_no"))?,
        None => last,
    };
    Ok((served.remove(meant), served))
}

/// The authority above whom it is about, or further up where somebody else who served belongs there or above it: their unit is not
/// to read it either.
fn handler_of(tx: &mut dyn ReadTx, ctx: &Ctx, unit: &AuthorityPath, others: &[Officer]) -> Result<AuthorityPath, Error> {
    let mut handler = above(tx, ctx.rights(), unit)?;
    while others.iter().any(|o| is_within(&handler, &o.authority)) {
        let next = above(tx, ctx.rights(), &handler)?;
        if next == handler {
            break;
        }
        handler = next;
    }
    Ok(handler)
}

/// Whether an authority is another one, or below it.
fn is_within(path: &AuthorityPath, other: &AuthorityPath) -> bool {
    other.own().is_some_and(|own| path.codes().contains(&own))
}

/// Whoever else served, and their units but one that handles it.
fn kept_from(handler: &AuthorityPath, others: &[Officer]) -> Option<KeptFrom> {
    let mut bars: Vec<Bar> = others.iter().map(|o| Bar::Officer(o.id)).collect();
    for unit in others.iter().filter(|o| !is_within(handler, &o.authority)).filter_map(|o| o.authority.own()) {
        if !bars.contains(&Bar::Unit(unit)) {
            bars.push(Bar::Unit(unit));
        }
    }
    KeptFrom::of(bars)
}
