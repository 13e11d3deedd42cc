//! An appeal as it is kept and shown, and from whom it is kept.

use std::fmt;

use serde::Serialize;

use super::arrival::Reporter;
use super::kept_from::KeptFrom;
use crate::access::{AuthorityPath, Bar, Checked, Scope, Term, check, staff_no_of};
use crate::clock::Timestamp;
use crate::crypto::Place;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::id::{AppealId, ConversationId, OfficerId, TaxpayerId};
use crate::identity::subject::{self, sealed_text};
use crate::identity::{AuthorityCode, Masked, Personal, masked_name};
use crate::store::{Page, ReadTx, Reads, Record, StoreError};

words! {
    /// The five kinds of appeals (五类诉求). Taxpayers file complaints alone here yet; the others arrive by channels.
    pub enum AppealKind {
        /// 意见.
        Opinion = "opinion",
        /// 咨询.
        Enquiry = "enquiry",
        /// 建议.
        Suggestion = "suggestion",
        /// 投诉.
        Complaint = "complaint",
        /// 举报税费服务.
        ServiceReport = "service_report",
    }
}

words! {
    /// Where an appeal stands. Nothing goes back.
    pub enum AppealState {
        /// Nobody has answered it.
        Received = "received",
        /// It was answered.
        Closed = "closed",
        /// It was not taken up where it arrived (不予受理).
        Rejected = "rejected",
        /// It went on to somebody else where it arrived (转办).
        Transferred = "transferred",
    }
}

record! {
    /// An appeal.
    pub struct Appeal in "appeal" {
        /// Id.
        id: AppealId,
        /// What kind.
        kind: AppealKind,
        /// Whose it is; absent where it arrived by a channel, which says only who they said they are.
        taxpayer: Option<TaxpayerId>,
        /// What they wrote, sealed with the appeal's key, bound to whom it is about and who handles it.
        body: Vec<u8>,
        /// The officer it is about (被投诉人); none where it is about an authority.
        respondent: Option<OfficerId>,
        /// The authority it is about, or that of the officer, with all above.
        unit: AuthorityPath,
        /// The authority that handles it, with all above.
        handler: AuthorityPath,
        /// The conversation it comes from.
        conversation: Option<ConversationId>,
        /// Where it stands.
        state: AppealState,
        /// When it was filed.
        filed_at: Timestamp,
        /// The answer, sealed with the appeal's key.
        answer: Option<Vec<u8>>,
        /// Who answered.
        answered_by: Option<OfficerId>,
        /// When.
        answered_at: Option<Timestamp>,
        /// Counts updates.
        version: i64,
        /// From whom it is kept besides: whoever else served the conversation, and their units.
        also_kept_from: Option<KeptFrom>,
        /// The channel by which it arrived; absent where its taxpayer filed it here.
        channel: Option<String>,
        /// The number that the channel gave it.
        external_id: Option<String>,
        /// By what it is known again when it arrives once more: keyed, of channel and number, or of who, when and what where a channel
        /// gives no numbers.
        arrival: Option<[u8; 16]>,
        /// Of all that the channel says of it, keyed: another one says something else.
        content: Option<[u8; 16]>,
        /// Of what was written, keyed: the same words have the same.
        text_index: Option<[u8; 16]>,
        /// Of the phone of whoever brought it, keyed.
        reporter_index: Option<[u8; 16]>,
        /// Who they said they are, sealed with the appeal's key.
        reporter: Option<Vec<u8>>,
        /// Title, sealed with the appeal's key.
        title: Option<Vec<u8>>,
        /// When it was collected.
        collected_at: Option<Timestamp>,
        /// By when it is answered.
        due_at: Option<Timestamp>,
    }
    key(id);
    version version;
    lock 45;
    scoped filed_at by terms except kept_from;
    unique BY_ARRIVAL(arrival);
    index BY_TAXPAYER(taxpayer, filed_at);
    index BY_CHANNEL(channel, filed_at);
    index BY_TEXT(text_index, filed_at);
    index BY_REPORTER(reporter_index, filed_at);
}

impl Appeal {
    fn terms(&self) -> Vec<Term> {
        let handlers = self.handler.codes().iter().copied().map(Term::Subtree);
        handlers.chain(self.taxpayer.map(Term::Participant)).collect()
    }

    /// Whom it is about, and their unit, and whoever else served. A province handles what is said against its own: then the person
    /// alone is meant.
    fn kept_from(&self) -> Vec<Bar> {
        let unit = self.unit.own().filter(|_| self.unit != self.handler);
        let also = self.also_kept_from.iter().flat_map(KeptFrom::bars).copied();
        unit.map(Bar::Unit).into_iter().chain(self.respondent.map(Bar::Officer)).chain(also).collect()
    }

    /// What its texts are bound to: which it is, and all that says who may read it. Where any of that was altered they do not open.
    pub(super) fn bound(&self) -> Vec<u8> {
        let respondent = self.respondent.map_or([0; 16], |officer| *officer.as_bytes());
        let path = |of: &AuthorityPath| of.codes().iter().map(AuthorityCode::as_str).collect::<Vec<_>>().join("/");
        let places = format!("{} {}", path(&self.unit), path(&self.handler));
        let also = self.also_kept_from.as_ref().map(KeptFrom::text).unwrap_or_default();
        let taxpayer = self.taxpayer.map_or([0; 16], |taxpayer| *taxpayer.as_bytes());
        [self.id.as_bytes(), &taxpayer, &respondent, places.as_bytes(), also.as_bytes()].concat()
    }

    pub(super) fn place<'a>(column: &'static str, bound: &'a [u8]) -> Place<'a> {
        Place { table: Self::TABLE.name, column, row: bound }
    }
}

/// Whom an appeal is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RespondentView {
    /// Number of the officer, where it is about one.
    pub staff_no: Option<String>,
    /// The authority it is about, or that of the officer.
    pub authority: Option<AuthorityCode>,
}

/// Who somebody said they are, masked: nobody has looked whether it is so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReporterView {
    /// Name, masked.
    pub name: Option<String>,
    /// Phone, masked.
    pub phone: Option<String>,
}

/// An appeal as shown to whoever may see it. `Debug` shows nothing of what was written.
#[derive(Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AppealView {
    /// Id.
    pub id: AppealId,
    /// What kind.
    pub kind: AppealKind,
    /// Where it stands.
    pub state: AppealState,
    /// The taxpayer; absent where it arrived by a channel.
    pub taxpayer: Option<TaxpayerId>,
    /// Their name, masked for persons.
    pub taxpayer_name: Option<Masked<Personal>>,
    /// The channel by which it arrived; absent where its taxpayer filed it here.
    pub channel: Option<String>,
    /// The number that the channel gave it.
    pub external_id: Option<String>,
    /// Who they said they are, masked; of what arrived by a channel.
    pub reporter: Option<ReporterView>,
    /// Title.
    pub title: Option<String>,
    /// What they wrote.
    pub text: String,
    /// Whom it is about.
    pub about: RespondentView,
    /// The conversation it comes from.
    pub conversation: Option<ConversationId>,
    /// The authority that handles it.
    pub handler: Option<AuthorityCode>,
    /// When it was filed, or arrived at its channel.
    pub filed_at: Timestamp,
    /// When it was collected from its channel.
    pub collected_at: Option<Timestamp>,
    /// By when it is answered.
    pub due_at: Option<Timestamp>,
    /// The answer.
    pub answer: Option<String>,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
}

impl fmt::Debug for AppealView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("AppealView");
        shown.field("id", &self.id).field("kind", &self.kind).field("state", &self.state).field("about", &self.about);
        shown.field("handler", &self.handler).field("filed_at", &self.filed_at).finish_non_exhaustive()
    }
}

/// Opens an appeal for the caller.
fn open(tx: &mut dyn ReadTx, ctx: &Ctx, id: AppealId) -> Result<Checked<Appeal>, Error> {
    let found = tx.find::<Appeal>((id,))?;
    check(ctx, found)
}

/// One appeal.
pub fn appeal(tx: &mut dyn ReadTx, ctx: &Ctx, id: AppealId) -> Result<AppealView, Error> {
    let appeal = open(tx, ctx, id)?;
    view(tx, ctx, &appeal)
}

/// A page of the appeals within reach, newest first.
pub fn appeals(tx: &mut dyn ReadTx, ctx: &Ctx, page: Page) -> Result<Vec<AppealView>, Error> {
    let found: Vec<Appeal> = tx.list(&Scope::of(ctx), page)?;
    found.iter().map(|a| view(tx, ctx, a)).collect()
}

/// What is sealed of an appeal.
pub(crate) struct Opened {
    text: String,
    title: Option<String>,
    reporter: Option<Reporter>,
    /// What was answered.
    pub(crate) answer: Option<String>,
}

/// Opens what is sealed of an appeal.
pub(crate) fn opened(tx: &mut dyn ReadTx, ctx: &Ctx, a: &Appeal) -> Result<Opened, Error> {
    let key = subject::known_key(tx, ctx, a.id.uuid())?;
    let bound = a.bound();
    let open = |column, sealed: &[u8]| sealed_text(key.as_deref(), Appeal::place(column, &bound), sealed);
    let perhaps = |column, sealed: &Option<Vec<u8>>| sealed.as_deref().map(|sealed| open(column, sealed)).transpose();
    // Of whom was erased nothing is read.
    let reporter = perhaps("reporter", &a.reporter)?.filter(|_| key.is_some());
    let reporter = reporter.map(|text| serde_json::from_str(&text)).transpose();
    Ok(Opened {
        text: open("body", &a.body)?,
        title: perhaps("title", &a.title)?,
        reporter: reporter.map_err(|e| StoreError::Corrupt(format!("appeal.reporter: {e}")))?,
        answer: perhaps("answer", &a.answer)?,
    })
}

/// An appeal as whoever opened it sees it.
pub(crate) fn view(tx: &mut dyn ReadTx, ctx: &Ctx, a: &Appeal) -> Result<AppealView, Error> {
    let staff_no = a.respondent.map(|officer| staff_no_of(tx, officer)).transpose()?.flatten();
    let Opened { text, title, reporter, answer } = opened(tx, ctx, a)?;
    Ok(AppealView {
        id: a.id,
        kind: a.kind,
        state: a.state,
        taxpayer: a.taxpayer,
        taxpayer_name: a.taxpayer.map(|taxpayer| masked_name(tx, ctx, taxpayer)).transpose()?,
        channel: a.channel.clone(),
        external_id: a.external_id.clone(),
        reporter: reporter.map(|reporter| reporter.view()),
        title,
        text,
        about: RespondentView { staff_no, authority: a.unit.own() },
        conversation: a.conversation,
        handler: a.handler.own(),
        filed_at: a.filed_at,
        collected_at: a.collected_at,
        due_at: a.due_at,
        answer,
        answered_at: a.answered_at,
    })
}
