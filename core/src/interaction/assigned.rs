//! Who takes whom, and why: what was decided when a conversation went to an officer, kept so that it can be read and decided again.

use std::collections::BTreeSet;

use serde::Serialize;

use super::attendance::is_there;
use super::claim::holds;
use super::ready::first_waiting;
use super::{Conversation, ConversationState, Line, Routing};
use crate::access::{Engine, Named, Officer, Permission, check, holds_at, named_officer};
use crate::assignment::{self, Candidate, Inputs, Question, Record, Waiting};
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::{Error, Refusal};
use crate::id::{ConversationId, OfficerId, WorkId};
use crate::limits;
use crate::planted::{Bug, planted};
use crate::store::{ReadTx, Reads, StoreError, Tx, Writes, stretch};

record! {
    /// A conversation went to an officer.
    pub struct Assignment in "assignment" {
        /// Which.
        conversation: ConversationId,
        /// The version of the conversation's row that it became.
        version: i64,
        /// What it turned on, and why.
        record: Record,
    }
    key(conversation, version);
}

stored_as_json!(Record);

/// The next one of a line for an officer who asks, its row locked, and why. The caller holds the locks of the officer and of the line.
///
/// # Errors
/// `NobodyWaiting`; `NobodyForYou` where others may take those who wait.
pub(super) fn next_for(tx: &mut dyn Tx, ctx: &Ctx, line: &Line, officer: &Officer, holding: i64) -> Result<(Conversation, Record), Error> {
    let nobody = Error::Refused(Refusal::NobodyWaiting);
    let Some(routing) = &line.routing else {
        let first = first_waiting(tx, line)?.ok_or(nobody)?;
        let first = locked(tx, first)?;
        let waiting = waiting_of(&first, first.entered_at);
        let record = decided(ctx, line, vec![waiting], candidate(officer, holding, &[], ctx.now()), Vec::new())?;
        return Ok((first, record));
    };
    let known = routing.known_to(officer.id);
    // What is offered to somebody else is theirs to answer first.
    let mut others_are_asked = false;
    let free = |row: &Conversation| {
        let free = row.offer(ctx.now()).is_none_or(|to| to == officer.id);
        others_are_asked |= !free;
        free
    };
    let rows = looked_at(tx, line, routing, |topic| known.contains(topic), free)?;
    if rows.is_empty() {
        return Err(if others_are_asked { Error::Refused(Refusal::NobodyForYou) } else { nobody });
    }
    let record = routed_to(tx, ctx, line, routing, officer, holding, &rows)?;
    let first = locked(tx, ConversationId::from_uuid(record.decision.work.uuid()))?;
    Ok((first, record))
}

/// The first of a line who are `wanted`, for officers to whom some topics are `known`: of those who wait for other specialists only, a few,
/// whom the reason names. They may stand there for long, and hide nobody behind them.
pub(super) fn looked_at(
    tx: &mut dyn ReadTx,
    line: &Line,
    routing: &Routing,
    known: impl Fn(&String) -> bool,
    mut wanted: impl FnMut(&Conversation) -> bool,
) -> Result<Vec<Conversation>, Error> {
    let why = Engine::work("those who wait in a line that is shared out");
    let is_for_others = |row: &Conversation| row.topic_code.as_ref().is_some_and(|code| routing.specialists_only(code) && !known(code));
    let (mut rows, mut read, mut for_others) = (Vec::new(), 0, 0);
    tx.scan_while(why, stretch(Some(Conversation::BY_WAIT), (line.id, ConversationState::Waiting)), |row: Conversation| {
        read += 1;
        let others = is_for_others(&row);
        for_others += usize::from(others);
        if wanted(&row) && (!others || for_others <= limits::ASSIGNMENT_NAMED_MAX) {
            rows.push(row);
        }
        rows.len() < limits::ROUTED_LOOKED_AT && read < limits::ROUTED_READ_MAX
    })?;
    Ok(rows)
}

/// Those who wait, as they are shared out: whoever was transferred here stands behind those who were there, though they came to the bureau
/// earlier.
pub(super) fn in_order(tx: &mut dyn ReadTx, routing: &Routing, rows: &[Conversation]) -> Result<Vec<Waiting>, Error> {
    let mut waiting: Vec<Waiting> = Vec::with_capacity(rows.len());
    for row in rows {
        let before = waiting.last().filter(|w| w.rank == row.rank).map_or(row.entered_at, |w| w.arrived);
        waiting.push(routed(tx, routing, row, row.entered_at.max(before))?);
    }
    Ok(waiting)
}

/// Those who look after somebody that waits, serve there and are at their desk: what waits is held for them a while.
fn held_for(
    tx: &mut dyn ReadTx,
    ctx: &Ctx,
    line: &Line,
    routing: &Routing,
    waiting: &[Waiting],
    asks: OfficerId,
) -> Result<Vec<Candidate>, Error> {
    let held = waiting.iter().filter(|w| routing.policy.holds(w, ctx.now()));
    let own: BTreeSet<OfficerId> = held.filter_map(|w| w.own).filter(|own| *own != asks).collect();
    let mut there = Vec::new();
    for id in own {
        let Some(officer) = tx.find::<Officer>((id,))? else { continue };
        if !is_there(tx, id, ctx.now())? || !holds_at(tx, ctx, id, Permission::ServeTaxpayers, &line.authority)? {
            continue;
        }
        let officer = officer.trust("for whom of those who are there something is held").into_inner();
        there.push(candidate(&officer, holds(tx, id)?, routing.known_to(id), ctx.now()));
    }
    Ok(there)
}

/// Why an officer may take one that waits, whoever stands before it; nothing where the line is not shared out. The officer has a conversation
/// of the same taxpayer, so that it takes no room.
///
/// # Errors
/// `NobodyForYou`.
pub(super) fn out_of_turn(
    tx: &mut dyn ReadTx,
    ctx: &Ctx,
    line: &Line,
    officer: &Officer,
    row: &Conversation,
) -> Result<Option<Record>, Error> {
    if row.offer(ctx.now()).is_some_and(|to| to != officer.id) {
        return Err(Error::Refused(Refusal::NobodyForYou));
    }
    let row = std::slice::from_ref(row);
    line.routing.as_ref().map(|routing| routed_to(tx, ctx, line, routing, officer, 0, row)).transpose()
}

/// Which of these rows of a line that is shared out an officer takes who asks, and why.
fn routed_to(
    tx: &mut dyn ReadTx,
    ctx: &Ctx,
    line: &Line,
    routing: &Routing,
    officer: &Officer,
    holding: i64,
    rows: &[Conversation],
) -> Result<Record, Error> {
    let mut waiting = in_order(tx, routing, rows)?;
    // Of others nobody knows here whether they are there, but of those for whom something is held.
    for w in &mut waiting {
        w.last = w.last.filter(|last| *last == officer.id);
        w.passed.retain(|pass| pass.officer == officer.id);
        if !routing.policy.holds(w, ctx.now()) {
            w.own = w.own.filter(|own| *own == officer.id);
        }
    }
    let others = held_for(tx, ctx, line, routing, &waiting, officer.id)?;
    decided(ctx, line, waiting, candidate(officer, holding, routing.known_to(officer.id), ctx.now()), others)
}

fn decided(ctx: &Ctx, line: &Line, waiting: Vec<Waiting>, asks: Candidate, mut officers: Vec<Candidate>) -> Result<Record, Error> {
    let question = Question::Pull { officer: asks.id, line: line.id };
    officers.push(asks);
    let policies = line.routing.iter().map(|routing| (line.id, routing.policy.clone())).collect();
    let inputs = Inputs { now: ctx.now(), question, policies, waiting, officers, others: 0 };
    assignment::recorded(&inputs).ok_or(Error::Refused(Refusal::NobodyForYou))
}

fn locked(tx: &mut dyn Tx, id: ConversationId) -> Result<Conversation, Error> {
    let found = tx.lock_row::<Conversation>((id,))?.ok_or(StoreError::Conflict)?;
    let first = found.trust("the first of a line that the caller opened").into_inner();
    if first.state != ConversationState::Waiting && !planted(Bug::DoubleClaim) {
        return Err(StoreError::Conflict.into()); // left the line a moment ago: look again
    }
    Ok(first)
}

/// An officer who is there, and asks: what they have, and what they know.
pub(super) fn candidate(officer: &Officer, holding: i64, topics: &[String], now: Timestamp) -> Candidate {
    let count = |n: i64| u32::try_from(n).unwrap_or(u32::MAX);
    Candidate {
        id: officer.id,
        capacity: count(officer.capacity + i64::from(planted(Bug::CapacityOffByOne))),
        held: count(holding),
        load_min: 0,
        idle_since: now,
        skills: topics.to_vec(),
        authorities: officer.authority.codes().iter().rev().copied().collect(),
        attendance: assignment::Attendance::Present,
        until: None,
        accepts_push: false,
    }
}

/// Anybody's, in the order of the line.
fn waiting_of(c: &Conversation, arrived: Timestamp) -> Waiting {
    Waiting {
        id: WorkId::from_uuid(c.id.uuid()),
        line: c.line,
        rank: c.rank,
        arrived,
        ticket: c.ticket,
        topics: Vec::new(),
        authorities: Vec::new(),
        required: Vec::new(),
        own: None,
        last: None,
        passed: Vec::new(),
        minutes: 0,
    }
}

/// By its topic, by where its taxpayer belongs, by who looks after them, by who had the conversation that it goes on from, and by who let it pass.
fn routed(tx: &mut dyn ReadTx, routing: &Routing, c: &Conversation, arrived: Timestamp) -> Result<Waiting, Error> {
    let last = match c.previous {
        None => None,
        Some(previous) => tx
            .find::<Conversation>((previous,))?
            .and_then(|p| p.trust("who had the conversation that one in the caller's line goes on from").served().last().copied()),
    };
    let topic = c.topic_code.as_deref().filter(|code| routing.has(code));
    Ok(Waiting {
        topics: topic.map(|code| routing.path(code)).unwrap_or_default(),
        authorities: c.home.iter().flat_map(|home| home.codes().iter().rev().copied()).collect(),
        required: topic.filter(|code| routing.specialists_only(code)).map(str::to_owned).into_iter().collect(),
        own: c.own_officer,
        last,
        passed: c.passes.as_ref().map(|passes| passes.0.clone()).unwrap_or_default(),
        ..waiting_of(c, arrived)
    })
}

/// Keeps what was decided about a conversation that an officer has now.
pub(super) fn keep(tx: &mut dyn Tx, conversation: ConversationId, version: i64, record: Record) -> Result<(), Error> {
    Ok(tx.add(&Assignment { conversation, version, record })?)
}

/// How a conversation came to an officer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AssignmentView {
    /// Number of the officer.
    pub staff_no: Option<String>,
    /// What the officers of the decision are called.
    pub names: Vec<Named>,
    /// Why, as a sentence.
    pub why: String,
    /// Whether the same is decided again from what it turned on. If not, the record is not what was decided.
    pub replays: bool,
    /// What it turned on, and what was decided: when, who, and the reason in parts.
    pub record: Record,
}

/// How a conversation came to each of its officers, first to last.
pub fn assignments(tx: &mut dyn ReadTx, ctx: &Ctx, conversation: ConversationId) -> Result<Vec<AssignmentView>, Error> {
    let found = tx.find::<Conversation>((conversation,))?;
    check(ctx, found)?;
    let why = Engine::work("whoever supervises a conversation sees how it was assigned");
    let rows: Vec<Assignment> = tx.scan(why, stretch(None, (conversation,)))?;
    rows.into_iter().map(|row| view(tx, ctx, row.record)).collect()
}

fn view(tx: &mut dyn ReadTx, ctx: &Ctx, record: Record) -> Result<AssignmentView, Error> {
    let mut names: Vec<Named> = Vec::new();
    let passed_over = record.decision.reason.passed_over.iter().map(|p| p.officer);
    for officer in passed_over.chain([record.decision.officer]) {
        names.extend(named_officer(tx, ctx, officer)?);
    }
    let staff_no = |id: OfficerId| names.iter().find(|n| n.id == id.to_string()).and_then(|n| n.staff_no.clone());
    let officer = |id| staff_no(id).map_or_else(|| "已离任人员".to_owned(), |no| format!("{no} 号"));
    let number = |w: &Waiting| format!("第 {} 号{}", w.ticket, if w.rank < 0 { "（优先）" } else { "" });
    let ticket = |id| record.inputs.waiting.iter().find(|w| w.id == id).map_or_else(String::new, number);
    Ok(AssignmentView {
        staff_no: staff_no(record.decision.officer),
        why: record.decision.sentence(officer, ticket),
        replays: record.replays(),
        names,
        record,
    })
}
