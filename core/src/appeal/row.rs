//! An appeal as it is kept and shown, and from whom it is kept.

use std::fmt;

use serde::Serialize;

use super::kept_from::KeptFrom;
use crate::access::{AuthorityPath, Bar, Checked, Scope, Term, check, staff_no_of};
use crate::clock::Timestamp;
use crate::crypto::Place;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::id::{AppealId, ConversationId, OfficerId, TaxpayerId};
use crate::identity::subject::{self, sealed_text};
use crate::identity::{AuthorityCode, Masked, Personal, masked_name};
use crate::store::{Page, ReadTx, Reads, Record};

words! {
    /// The five kinds of appeals (五类诉求). Complaints alone are filed here yet.
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
    }
}

record! {
    /// An appeal.
    pub struct Appeal in "appeal" {
        /// Id.
        id: AppealId,
        /// What kind.
        kind: AppealKind,
        /// Whose it is.
        taxpayer: TaxpayerId,
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
    }
    key(id);
    version version;
    lock 45;
    scoped filed_at by terms except kept_from;
    index BY_TAXPAYER(taxpayer, filed_at);
}

impl Appeal {
    fn terms(&self) -> Vec<Term> {
        let handlers = self.handler.codes().iter().copied().map(Term::Subtree);
        handlers.chain([Term::Participant(self.taxpayer)]).collect()
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
        [self.id.as_bytes(), self.taxpayer.as_bytes(), &respondent, places.as_bytes(), also.as_bytes()].concat()
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
    /// The taxpayer.
    pub taxpayer: TaxpayerId,
    /// Their name, masked for persons.
    pub taxpayer_name: Masked<Personal>,
    /// What they wrote.
    pub text: String,
    /// Whom it is about.
    pub about: RespondentView,
    /// The conversation it comes from.
    pub conversation: Option<ConversationId>,
    /// The authority that handles it.
    pub handler: Option<AuthorityCode>,
    /// When it was filed.
    pub filed_at: Timestamp,
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

/// What was written in an appeal, and what was answered.
pub(crate) fn opened(tx: &mut dyn ReadTx, ctx: &Ctx, a: &Appeal) -> Result<(String, Option<String>), Error> {
    let key = subject::known_key(tx, ctx, a.id.uuid())?;
    let bound = a.bound();
    let open = |column, sealed: &[u8]| sealed_text(key.as_deref(), Appeal::place(column, &bound), sealed);
    Ok((open("body", &a.body)?, a.answer.as_deref().map(|sealed| open("answer", sealed)).transpose()?))
}

/// An appeal as whoever opened it sees it.
pub(crate) fn view(tx: &mut dyn ReadTx, ctx: &Ctx, a: &Appeal) -> Result<AppealView, Error> {
    let staff_no = a.respondent.map(|officer| staff_no_of(tx, officer)).transpose()?.flatten();
    let (text, answer) = opened(tx, ctx, a)?;
    Ok(AppealView {
        id: a.id,
        kind: a.kind,
        state: a.state,
        taxpayer: a.taxpayer,
        taxpayer_name: masked_name(tx, ctx, a.taxpayer)?,
        text,
        about: RespondentView { staff_no, authority: a.unit.own() },
        conversation: a.conversation,
        handler: a.handler.own(),
        filed_at: a.filed_at,
        answer,
        answered_at: a.answered_at,
    })
}
