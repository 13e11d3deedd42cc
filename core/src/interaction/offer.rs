//! Offers (自动派单): a line that is shared out may give out what waits in it unasked. Each offer goes to one officer who is there, for some
//! seconds; whoever lets it pass is not asked again for a while, and it goes on to the next. Nothing leaves its place in line by being
//! offered.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::assigned::{in_order, keep, looked_at};
use super::claim::{can_take, take};
use super::conversation::view;
use super::estimate::handled_lately;
use super::presence::There;
use super::workload::{Workload, workload};
use super::{Conversation, ConversationState, ConversationView, Line, Presence, ReadyLines, Routing};
use crate::access::{Engine, Officer, Permission, check, holds_at};
use crate::assignment::{self, Attendance, Candidate, Inputs, Pass, Question, Record};
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::{Error, Refusal};
use crate::id::{ConversationId, LineId, OfficerId};
use crate::journal::{self, EventKind, Topic};
use crate::limits;
use crate::planted::{Bug, planted};
use crate::store::{ReadTx, Reads, StoreError, Tx, Writes, stretch};

/// Who let an offer of a conversation pass, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Passes(pub(super) Vec<Pass>);

stored_as_json!(Passes);

impl Conversation {
    /// To whom it is offered now.
    pub(super) fn offer(&self, now: Timestamp) -> Option<OfficerId> {
        self.offered_to.filter(|_| self.offered_until.is_some_and(|until| now < until))
    }

    /// The same, and an officer who did not take it though they could: others are asked first.
    pub(super) fn passed_by(self, officer: OfficerId, at: Timestamp) -> Self {
        let mut passes = self.passes.clone().unwrap_or_default();
        if !planted(Bug::PassForgotten) {
            passes.0.push(Pass { officer, at });
        }
        let beyond = passes.0.len().saturating_sub(limits::PASSES_KEPT_MAX);
        passes.0.drain(..beyond);
        Self { passes: Some(passes), ..self }
    }

    /// The same, offered to nobody.
    pub(super) fn not_offered(self) -> Self {
        Self { offered_to: None, offered_until: None, ..self }
    }
}

/// Offers what waits in a line, and passes on what was let pass, as it was planned a moment ago.
#[derive(Clone, Debug, Serialize)]
pub struct OfferWaiting {
    /// Which line.
    pub line: LineId,
    /// What was let pass: which, by whom, until when they might have accepted it.
    pub passed: Vec<(ConversationId, OfficerId, Timestamp)>,
    /// What goes to whom, and why.
    pub offers: Vec<Record>,
}

/// What was offered, and what was let pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offered {
    /// Of which line.
    pub line: LineId,
    /// What is offered to whom.
    pub offered: Vec<(ConversationId, OfficerId)>,
    /// What nobody accepted in time.
    pub passed: Vec<ConversationId>,
}

impl crate::core::Answer for Offered {
    fn subject(&self) -> String {
        format!("line/{}", self.line)
    }
}

/// Lines in which something is to be offered, or was let pass: that of whoever waits longest first, each as far as nobody in the next one
/// waits longer: the same officers serve several.
pub(crate) fn to_offer(tx: &mut dyn ReadTx, ctx: &Ctx, presence: &Presence) -> Result<Vec<OfferWaiting>, Error> {
    let busy: Vec<LineId> = tx.project(ReadyLines::busy).unwrap_or_default();
    let mut due = Vec::new();
    for id in busy {
        let Some(line) = tx.find::<Line>((id,))? else { continue };
        let line = line.trust("the host shares lines out").into_inner();
        let plan = match plan(tx, ctx, presence, &line) {
            // The other lines are shared out all the same.
            Err(Error::Store(StoreError::Corrupt(what))) => {
                tracing::error!(line = %id, error = what, "a line cannot be shared out");
                continue;
            }
            plan => plan?,
        };
        if let Some(plan) = plan.filter(|plan| !plan.passed.is_empty() || !plan.offers.is_empty()) {
            due.push((plan.offers.first().map(arrived), plan));
        }
    }
    due.sort_unstable_by_key(|(first, plan)| (*first, plan.line));
    // Of the last one its first alone: who waits behind the first of another is not known yet.
    let last = due.last().filter(|_| due.len() > 1).and_then(|(first, _)| *first);
    let next: Vec<_> = due.iter().skip(1).map(|(first, _)| *first).chain([last]).collect();
    for ((_, plan), until) in due.iter_mut().zip(next) {
        plan.offers.retain(|record| rank(record) < 0 || until.is_none_or(|until| arrived(record) <= until));
    }
    Ok(due.into_iter().map(|(_, plan)| plan).collect())
}

/// Since when whoever is offered waits.
fn arrived(record: &Record) -> Timestamp {
    offered_work(record).map(|w| w.arrived).unwrap_or_default()
}

fn rank(record: &Record) -> i64 {
    offered_work(record).map(|w| w.rank).unwrap_or_default()
}

fn offered_work(record: &Record) -> Option<&assignment::Waiting> {
    record.inputs.waiting.iter().find(|w| w.id == record.decision.work)
}

/// Offers what waits in a line to those who are there.
pub(crate) fn offer_waiting(tx: &mut dyn Tx, ctx: &Ctx, presence: &Presence, cmd: OfferWaiting) -> Result<Offered, Error> {
    let mut done = Offered { line: cmd.line, offered: Vec::new(), passed: Vec::new() };
    let line = tx.lock_row::<Line>((cmd.line,))?.ok_or(Error::NotFound { what: "line" })?.trust("the host shares lines out").into_inner();
    // Locked in the order of ids, which is not that of waiting, and looked at again: one may have been accepted a moment ago.
    let work = cmd.offers.iter().map(|record| ConversationId::from_uuid(record.decision.work.uuid()));
    let mut waiting = BTreeMap::new();
    for id in cmd.passed.iter().map(|(id, ..)| *id).chain(work).collect::<BTreeSet<_>>() {
        waiting.extend(still_waits(tx, line.id, id)?.map(|c| (id, c)));
    }
    for (id, officer, until) in cmd.passed {
        let Some(c) = waiting.get_mut(&id) else { continue };
        if (c.offered_to, c.offered_until) == (Some(officer), Some(until)) {
            *c = pass_on(tx, ctx, c, until)?;
            done.passed.push(id);
        }
    }
    for record in cmd.offers {
        let id = ConversationId::from_uuid(record.decision.work.uuid());
        let (officer, until) = (record.decision.officer, record.decision.offer_until);
        let free = |c: &&Conversation| c.offer(ctx.now()).is_none() || planted(Bug::OfferedTwice);
        let Some(c) = waiting.get(&id).filter(free) else { continue };
        if !may_be_offered(tx, ctx, presence, &line, officer)? {
            continue;
        }
        let offered = tx.replace(c, Conversation { offered_to: Some(officer), offered_until: Some(until), ..c.clone() })?;
        keep(tx, id, offered.version, record)?;
        journal::record(tx, ctx, Topic::Officer(officer), EventKind::Offered, Some(id), None)?;
        done.offered.push((id, officer));
    }
    Ok(done)
}

/// Whether an officer whose turn it seemed may be offered something. It was decided by what was known of them: what was wrong is known no
/// more, and somebody else is asked.
fn may_be_offered(tx: &mut dyn ReadTx, ctx: &Ctx, presence: &Presence, line: &Line, id: OfficerId) -> Result<bool, Error> {
    let found = tx.find::<Officer>((id,))?.map(|officer| officer.trust("the host shares lines out").into_inner());
    let serves = holds_at(tx, ctx, id, Permission::ServeTaxpayers, &line.authority)?;
    let Some(officer) = found.filter(|_| serves) else {
        presence.forget(id);
        return Ok(false);
    };
    let has_room = Workload::read(tx, &officer)?.held(ctx.now()) < officer.capacity;
    if !has_room {
        presence.note(id, None);
    }
    Ok(has_room)
}

/// One that waits, locked, if it still does.
fn still_waits(tx: &mut dyn Tx, line: LineId, id: ConversationId) -> Result<Option<Conversation>, Error> {
    let Some(found) = tx.lock_row::<Conversation>((id,))? else { return Ok(None) };
    let c = found.trust("the host shares lines out").into_inner();
    Ok((c.state == ConversationState::Waiting && c.line == line).then_some(c))
}

/// What is to be done in a line now; `None` where it offers nothing.
fn plan(tx: &mut dyn ReadTx, ctx: &Ctx, presence: &Presence, line: &Line) -> Result<Option<OfferWaiting>, Error> {
    let now = ctx.now();
    let Some(routing) = line.routing.as_ref().filter(|routing| routing.push) else { return Ok(None) };
    let officers = candidates(tx, presence, routing, &presence.serving(&line.authority, now), now)?;
    let known: BTreeSet<&String> = officers.iter().flat_map(|officer| &officer.skills).collect();
    let mut passed = Vec::new();
    let rows = looked_at(
        tx,
        line,
        routing,
        |topic| known.contains(topic),
        |c| {
            let free = c.offer(now).is_none();
            passed.extend(c.offered_to.zip(c.offered_until).filter(|_| free).map(|(officer, until)| (c.id, officer, until)));
            free || planted(Bug::OfferedTwice)
        },
    )?;
    let minutes = expected_minutes(tx, line.id)?;
    let mut waiting = in_order(tx, routing, &rows)?;
    for (w, c) in waiting.iter_mut().zip(&rows) {
        w.minutes = minutes;
        if let (Some(officer), Some(until)) = (c.offered_to, c.offered_until) {
            w.passed.push(Pass { officer, at: until }); // written down with the rest of this plan
        }
    }
    let mut offers = Vec::new();
    if !waiting.is_empty() && !officers.is_empty() {
        let policies = std::iter::once((line.id, routing.policy.clone())).collect();
        let mut inputs = Inputs { now, question: Question::Push, policies, waiting, officers, others: 0 };
        while offers.len() < limits::OFFERS_AT_ONCE {
            let Some(record) = assignment::recorded(&inputs) else { break };
            inputs.waiting.retain(|w| w.id != record.decision.work);
            for officer in inputs.officers.iter_mut().filter(|o| o.id == record.decision.officer) {
                officer.held += 1;
                officer.load_min = officer.load_min.saturating_add(minutes);
            }
            offers.push(record);
        }
    }
    Ok(Some(OfferWaiting { line: line.id, passed, offers }))
}

/// How many minutes a conversation of a line takes, by those that ended lately.
fn expected_minutes(tx: &mut dyn ReadTx, line: LineId) -> Result<u32, Error> {
    let handled = handled_lately(tx, line)?;
    let mean = match handled.len() {
        0 => limits::ESTIMATE_DEFAULT,
        n => handled.iter().sum::<Duration>() / n as u32, // a sample of a few
    };
    Ok(u32::try_from(mean.as_secs().div_ceil(60)).unwrap_or(u32::MAX))
}

/// Those who are there, with what they have and what they had lately. Whether they still may serve is looked at when it is their turn.
fn candidates(
    tx: &mut dyn ReadTx,
    presence: &Presence,
    routing: &Routing,
    there: &[There],
    now: Timestamp,
) -> Result<Vec<Candidate>, Error> {
    let mut all = Vec::new();
    for &There { officer: id, availability, capacity, .. } in there.iter().take(limits::OFFERED_OFFICERS_MAX) {
        let Some((work, noted)) = workload(tx, id, capacity, presence.noted(id), now)? else { continue };
        presence.note(id, Some(noted));
        let (load_min, idle_since) = work.load(now);
        all.push(Candidate {
            id,
            capacity,
            held: u32::try_from(work.held(now)).unwrap_or(u32::MAX),
            load_min,
            idle_since,
            skills: routing.known_to(id).to_vec(),
            authorities: work.authority.codes().iter().rev().copied().collect(),
            attendance: Attendance::Present,
            until: availability.shift_ends,
            accepts_push: availability.takes_offers,
        });
    }
    // One who begins later than the others begins with the least load of those who are at it, or everything comes to them first.
    let least = all.iter().filter(|c| c.load_min > 0).map(|c| c.load_min).min().unwrap_or(0);
    all.iter_mut().for_each(|c| c.load_min = c.load_min.max(least));
    Ok(all)
}

/// What is offered to an officer, in whatever line, or was until a moment ago.
pub(super) fn on_offer(tx: &mut dyn ReadTx, officer: OfficerId) -> Result<Vec<Conversation>, Error> {
    let range = stretch(Some(Conversation::BY_OFFER), (officer,)).limit(limits::OFFICER_DESK_MAX);
    Ok(tx.scan(Engine::work("what is offered to an officer"), range)?)
}

/// Takes an offer back from whoever let it pass; what it became.
pub(super) fn pass_on(tx: &mut dyn Tx, ctx: &Ctx, c: &Conversation, at: Timestamp) -> Result<Conversation, Error> {
    let Some(officer) = c.offered_to else { return Ok(c.clone()) };
    let passed = tx.replace(c, c.clone().passed_by(officer, at).not_offered())?;
    journal::record(tx, ctx, Topic::Officer(officer), EventKind::OfferPassed, Some(c.id), None)?;
    Ok(passed)
}

/// Tells whoever a conversation is offered to that it is not any more: it left its line otherwise.
pub(super) fn withdrawn(tx: &mut dyn Tx, ctx: &Ctx, c: &Conversation) -> Result<(), Error> {
    if let Some(officer) = c.offered_to {
        journal::record(tx, ctx, Topic::Officer(officer), EventKind::OfferPassed, Some(c.id), None)?;
    }
    Ok(())
}

/// Accepts a conversation that is offered to the caller.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AcceptOffer {
    /// Which.
    pub conversation: ConversationId,
}

/// Lets an offer pass.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DeclineOffer {
    /// Of which conversation.
    pub conversation: ConversationId,
}

/// Somebody else is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Declined {
    /// About which conversation.
    pub conversation: ConversationId,
}

impl crate::core::Answer for Declined {
    fn subject(&self) -> String {
        format!("conversation/{}", self.conversation)
    }
}

/// Takes a conversation that is offered to the caller.
///
/// # Errors
/// `OfferOver` where it is not, or not any more; `AtCapacity`.
pub fn accept_offer(tx: &mut dyn Tx, ctx: &Ctx, cmd: AcceptOffer) -> Result<super::Claimed, Error> {
    can_take(tx, ctx)?;
    let c = offered(tx, ctx, cmd.conversation)?;
    let taken = take(tx, ctx, &c)?;
    Ok(super::Claimed { conversation: taken.id, ticket: taken.ticket })
}

/// Lets an offer pass; somebody else is asked at once.
///
/// # Errors
/// `OfferOver` where it is not offered to the caller, or not any more.
pub fn decline_offer(tx: &mut dyn Tx, ctx: &Ctx, cmd: DeclineOffer) -> Result<Declined, Error> {
    let c = offered(tx, ctx, cmd.conversation)?;
    pass_on(tx, ctx, &c, ctx.now())?;
    Ok(Declined { conversation: c.id })
}

/// A conversation that is offered to the caller, locked.
fn offered(tx: &mut dyn Tx, ctx: &Ctx, id: ConversationId) -> Result<Conversation, Error> {
    let me = ctx.actor().officer()?.id;
    let found = tx.lock_row::<Conversation>((id,))?;
    let c = check(ctx, found)?.into_inner();
    if c.state != ConversationState::Waiting || c.offer(ctx.now()) != Some(me) {
        return Err(Error::Refused(Refusal::OfferOver));
    }
    Ok(c)
}

/// A conversation that is offered to the caller.
#[derive(Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OfferView {
    /// The conversation.
    pub conversation: ConversationView,
    /// Until when it may be accepted.
    pub until: Timestamp,
}

/// Conversations that are offered to the caller now.
pub fn offers(tx: &mut dyn ReadTx, ctx: &Ctx) -> Result<Vec<OfferView>, Error> {
    let me = ctx.actor().officer()?.id;
    let mut views = Vec::new();
    for row in on_offer(tx, me)? {
        let found = tx.find::<Conversation>((row.id,))?;
        let Ok(c) = check(ctx, found) else { continue };
        if let (Some(until), true) = (c.offered_until, c.offer(ctx.now()) == Some(me)) {
            views.push(OfferView { conversation: view(tx, ctx, &c)?, until });
        }
    }
    views.sort_unstable_by_key(|offer| offer.until);
    Ok(views)
}
