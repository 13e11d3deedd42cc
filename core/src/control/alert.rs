//! Alerts: what screening found, and what somebody who looked at it says it was.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Facts, Finding, Watch};
use crate::access::{ActorKind, ActorRef, AuthorityPath, Named, Officer, Scope, Term, check, named_officer, path_of, top_of};
use crate::agenda;
use crate::clock::Timestamp;
use crate::crypto::hash;
use crate::ctx::Ctx;
use crate::error::{Error, Problem, Refusal};
use crate::id::{AlertId, OfficerId, TaxpayerId, TimerId};
use crate::identity::reason;
use crate::identity::{AuthorityCode, Taxpayer};
use crate::limits;
use crate::series::{self, Series};
use crate::store::{Page, ReadTx, Reads, StoreError, Tx, Writes};

words! {
    /// What became of an alert.
    pub enum AlertState {
        /// Nobody has looked at it.
        Open = "open",
        /// It was what it looked like.
        Confirmed = "confirmed",
        /// It was in order.
        Dismissed = "dismissed",
    }
}

words! {
    /// What whoever looks at an alert says.
    pub enum Verdict {
        /// It was what it looked like.
        Confirmed = "confirmed",
        /// It was in order.
        Dismissed = "dismissed",
    }
}

record! {
    /// Something that was found. Ids and counts only.
    pub struct Alert in "control_alert" {
        /// Made of rule, actor, subject and window: finding it again finds it here.
        id: AlertId,
        /// By which rule.
        rule: Watch,
        /// Whose deeds.
        actor: ActorRef,
        /// What they were done to, where the rule asks for one thing; else empty.
        subject: String,
        /// The window it counts in.
        window_start: Timestamp,
        /// When the threshold was reached.
        at: Timestamp,
        /// What it rests on, as JSON: counts and places of the audit trail.
        facts: String,
        /// The authority of whom it is about, with all above: who reviews there.
        authority: AuthorityPath,
        /// What became of it.
        state: AlertState,
        /// When it was found.
        noticed_at: Timestamp,
        /// Who looked at it.
        reviewed_by: Option<ActorRef>,
        /// When.
        reviewed_at: Option<Timestamp>,
        /// What they say.
        reason: Option<String>,
        /// Counts updates.
        version: i64,
    }
    key(id);
    version version;
    lock 4;
    scoped at by terms;
    index BY_AT(at);
}

impl Alert {
    fn terms(&self) -> Vec<Term> {
        self.authority.codes().iter().copied().map(Term::Subtree).collect()
    }

    pub(super) fn facts(&self) -> Result<Facts, Error> {
        serde_json::from_str(&self.facts).map_err(|e| StoreError::Corrupt(format!("control_alert {}: {e}", self.id)).into())
    }

    /// The officers whom it names: whose deeds they were, to whom they were done, and who looked at it.
    fn officers(&self) -> impl Iterator<Item = OfficerId> {
        let all = [Some(self.actor), ActorRef::parse(&self.subject), self.reviewed_by].into_iter().flatten();
        all.filter(|who| who.kind == ActorKind::Officer).map(|who| OfficerId::from_uuid(who.id))
    }

    /// Whether it is about this caller.
    fn is_about(&self, caller: ActorRef) -> bool {
        self.actor == caller || self.subject == caller.to_string()
    }
}

/// The same finding has the same id, wherever and whenever it is made. Version 8: made of a hash.
fn id_of(finding: &Finding) -> AlertId {
    let actor = finding.actor.to_string();
    let rule = finding.rule.as_str().as_bytes();
    let window = finding.window_start.micros().to_be_bytes();
    // Neither words nor ids have a zero byte.
    let digest = hash::sm3(&[rule, b"\0", actor.as_bytes(), b"\0", finding.subject.as_bytes(), b"\0", &window]);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    AlertId::from_uuid(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

/// Writes findings down as alerts.
#[derive(Clone, Debug, Serialize)]
pub struct RaiseAlerts {
    /// At most [`limits::FINDINGS_AT_ONCE`].
    pub(crate) findings: Vec<Finding>,
}

/// What of it was not known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Raised {
    /// Alerts that are new.
    pub raised: u64,
}

impl crate::core::Answer for Raised {
    fn subject(&self) -> String {
        "control".into()
    }
}

/// Those of the findings that are no alerts yet.
pub(crate) fn not_known(tx: &mut dyn ReadTx, findings: Vec<Finding>) -> Result<Vec<Finding>, Error> {
    let mut fresh = Vec::new();
    for finding in findings {
        if tx.find::<Alert>((id_of(&finding),))?.is_none() {
            fresh.push(finding);
        }
    }
    Ok(fresh)
}

/// Writes findings down; those that are there already stay as they are, reviewed or not.
pub fn raise(tx: &mut dyn Tx, ctx: &Ctx, cmd: RaiseAlerts) -> Result<Raised, Error> {
    series::lock(tx, SCREENED)?; // hosts that found the same take turns
    let mut raised = 0;
    for finding in cmd.findings {
        let id = id_of(&finding);
        if tx.find::<Alert>((id,))?.is_some() {
            continue;
        }
        let facts = serde_json::to_string(&finding.facts).map_err(|e| StoreError::Backend(format!("facts cannot be written down: {e}")))?;
        let authority = authority_of(tx, ctx, finding.actor)?;
        let Finding { rule, actor, subject, window_start, at, .. } = finding;
        tx.add(&Alert {
            id,
            rule,
            actor,
            subject,
            window_start,
            at,
            facts,
            authority,
            state: AlertState::Open,
            noticed_at: ctx.now(),
            reviewed_by: None,
            reviewed_at: None,
            reason: None,
            version: 0,
        })?;
        raised += 1;
    }
    Ok(Raised { raised })
}

/// Where somebody belongs. What is about nobody is for those at the top.
fn authority_of(tx: &mut dyn ReadTx, ctx: &Ctx, actor: ActorRef) -> Result<AuthorityPath, Error> {
    let why = "screening asks where somebody belongs";
    let own = match actor.kind {
        ActorKind::Officer => tx.find::<Officer>((OfficerId::from_uuid(actor.id),))?.map(|o| o.trust(why).into_inner().authority),
        ActorKind::Taxpayer => tx.find::<Taxpayer>((TaxpayerId::from_uuid(actor.id),))?.map(|t| t.trust(why).into_inner().authority),
        ActorKind::Anonymous | ActorKind::System => None,
    };
    match own {
        Some(path) => Ok(path),
        None => {
            let top = top_of(tx)?;
            path_of(tx, ctx.rights(), top)
        }
    }
}

/// The series whose next number is the place of the audit trail that the timer screens next.
const SCREENED: &str = "control.screened";

/// The place of the audit trail up to which the timer has screened.
pub(crate) fn screened_to(tx: &mut dyn ReadTx) -> Result<i64, Error> {
    let series = tx.find::<Series>((SCREENED.to_owned(),))?;
    Ok(series.map_or(0, |s| s.trust("how far screening came belongs to the core").into_inner().next - 1))
}

/// Notes how far the timer has screened, and when it does so again.
pub(crate) fn move_on(tx: &mut dyn Tx, ctx: &Ctx, (timer, token, place, more): (TimerId, i64, i64, bool)) -> Result<(), Error> {
    let series = series::lock(tx, SCREENED)?;
    if place >= series.next {
        tx.replace(&series, Series { next: place + 1, ..series.clone() })?;
    }
    let due_at = if more { ctx.now() } else { ctx.now().plus(limits::SCREEN_EVERY) };
    agenda::again(tx, timer, token, |_| Ok(due_at))
}

/// An alert as those see it who review it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AlertView {
    /// Id.
    pub id: AlertId,
    /// By which rule.
    pub rule: Watch,
    /// Whose deeds.
    pub actor: String,
    /// What they were done to, where the rule asks for one thing.
    pub subject: Option<String>,
    /// What the officers among them are called.
    pub names: Vec<Named>,
    /// The window it counts in.
    pub window_start: Timestamp,
    /// When the threshold was reached.
    pub at: Timestamp,
    /// What it rests on.
    pub facts: Facts,
    /// Code of the authority of whom it is about.
    pub authority: Option<AuthorityCode>,
    /// What became of it.
    pub state: AlertState,
    /// Whether the caller may review it: it waits, and is not about themselves.
    pub may_review: bool,
    /// Who looked at it.
    pub reviewed_by: Option<String>,
    /// When.
    pub reviewed_at: Option<Timestamp>,
    /// What they said.
    pub reason: Option<String>,
}

/// A page of alerts.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Alerts {
    /// Newest first.
    pub items: Vec<AlertView>,
    /// Where the next page goes on, if there may be one.
    #[serde(skip)]
    pub after: Option<(Timestamp, Uuid)>,
}

/// Alerts of the caller's area in a state, or in any, newest first.
pub(crate) fn alerts(tx: &mut dyn ReadTx, ctx: &Ctx, state: Option<AlertState>, page: Page) -> Result<Alerts, Error> {
    let scope = Scope::of(ctx);
    let (mut items, mut after, mut looked) = (Vec::new(), page.after, 0);
    let wanted = page.limit.min(limits::PAGE_ROWS_MAX) as usize;
    while looked < limits::ALERTS_SCANNED_MAX {
        let rows: Vec<Alert> = tx.list(&scope, Page { after, limit: limits::PAGE_ROWS_MAX })?;
        looked += rows.len() as u32;
        let full = rows.len() == limits::PAGE_ROWS_MAX as usize;
        for row in rows {
            if items.len() == wanted {
                return Ok(Alerts { items, after });
            }
            after = Some((row.at, row.id.uuid()));
            if state.is_none_or(|state| row.state == state) {
                items.push(view_of(tx, ctx, row)?);
            }
        }
        if !full {
            return Ok(Alerts { items, after: None });
        }
    }
    Ok(Alerts { items, after })
}

fn view_of(tx: &mut dyn ReadTx, ctx: &Ctx, row: Alert) -> Result<AlertView, Error> {
    let mut names = Vec::new();
    for officer in row.officers() {
        names.extend(named_officer(tx, ctx, officer)?);
    }
    Ok(AlertView {
        may_review: row.state == AlertState::Open && !row.is_about(ctx.actor().as_ref()),
        names,
        facts: row.facts()?,
        id: row.id,
        rule: row.rule,
        actor: row.actor.to_string(),
        subject: Some(row.subject).filter(|s| !s.is_empty()),
        window_start: row.window_start,
        at: row.at,
        authority: row.authority.own(),
        state: row.state,
        reviewed_by: row.reviewed_by.map(|who| who.to_string()),
        reviewed_at: row.reviewed_at,
        reason: row.reason,
    })
}

/// Says what an alert was.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReviewAlert {
    /// Which.
    pub alert: AlertId,
    /// What it was.
    pub verdict: Verdict,
    /// Why; kept in the audit trail.
    pub reason: String,
}

/// It was reviewed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AlertReviewed {
    /// Which.
    pub alert: AlertId,
    /// What became of it.
    pub state: AlertState,
}

impl crate::core::Answer for AlertReviewed {
    fn subject(&self) -> String {
        format!("alert/{}", self.alert)
    }
}

/// Says what an alert was, once and for good. Nobody says it of themselves.
///
/// # Errors
/// `AlertAboutCaller`, `AlertReviewed`.
pub fn review_alert(tx: &mut dyn Tx, ctx: &Ctx, cmd: ReviewAlert) -> Result<AlertReviewed, Error> {
    let reason = reason(&cmd.reason)?;
    let found = tx.lock_row::<Alert>((cmd.alert,))?;
    let alert = check(ctx, found)?.into_inner();
    if alert.is_about(ctx.actor().as_ref()) {
        return Err(Error::Refused(Refusal::AlertAboutCaller));
    }
    if alert.state != AlertState::Open {
        return Err(Error::Refused(Refusal::AlertReviewed));
    }
    let state = match cmd.verdict {
        Verdict::Confirmed => AlertState::Confirmed,
        Verdict::Dismissed => AlertState::Dismissed,
    };
    let (reviewed_by, reviewed_at) = (Some(ctx.actor().as_ref()), Some(ctx.now()));
    tx.replace(&alert, Alert { state, reviewed_by, reviewed_at, reason: Some(reason), ..alert.clone() })?;
    Ok(AlertReviewed { alert: cmd.alert, state })
}

/// Refuses a period that ends before it begins.
pub(crate) fn period(from: Timestamp, to: Timestamp) -> Result<(), Error> {
    if from < to { Ok(()) } else { Err(Error::invalid("to", Problem::Malformed("expected an instant after `from`".into()))) }
}
