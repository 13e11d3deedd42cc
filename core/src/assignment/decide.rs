//! The definition: what is decided, by looking at everything. The indexes of [`Assigner`](super::Assigner) must agree with it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::reason::{asked_about, counts_as_near, reason_of};
use super::rule::{bar, held_for};
use super::{Bar, Candidate, Choice, Decision, Policy, Waiting, Widening};
use crate::clock::Timestamp;
use crate::id::{LineId, OfficerId, WorkId};

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// Which goes to whom, unasked?
    Push,
    /// An officer asks for the next one of a line.
    Pull {
        /// Who asks.
        officer: OfficerId,
        /// Of which line.
        line: LineId,
    },
}

/// Everything a decision depends on. Of a recorded one, what it turned on; of any, all there is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Inputs {
    /// When.
    pub now: Timestamp,
    /// What is asked.
    pub question: Question,
    /// What lines declare; a line that is not there has the default.
    pub policies: BTreeMap<LineId, Policy>,
    /// What waits.
    pub waiting: Vec<Waiting>,
    /// Officers. Whoever is not among them is not there.
    pub officers: Vec<Candidate>,
    /// Officers who were considered too and on whom nothing turned: counted, not named.
    pub others: u32,
}

/// A decision with what it turned on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Record {
    /// What it turned on.
    pub inputs: Inputs,
    /// What was decided.
    pub decision: Decision,
}

impl Record {
    /// Whether the same is decided again, with the same reason.
    pub fn replays(&self) -> bool {
        decide(&self.inputs).as_ref() == Some(&self.decision)
    }
}

/// What explanations look at, whether everything is looked through or indexes are asked.
pub(super) trait View {
    fn policy(&self, line: LineId) -> &Policy;
    fn candidate(&self, id: OfficerId) -> Option<&Candidate>;
    /// Officers who are there and near enough, by turn.
    fn near<'a>(&'a self, waiting: &'a Waiting, authorities: Widening) -> impl Iterator<Item = &'a Candidate>;
    fn near_count(&self, waiting: &Waiting, authorities: Widening) -> u32;
    /// What stands before it in its line, oldest first.
    fn older<'a>(&'a self, waiting: &'a Waiting) -> impl Iterator<Item = &'a Waiting>;

    /// For whom it is held.
    fn held(&self, waiting: &Waiting, now: Timestamp) -> Option<OfficerId> {
        held_for(waiting, self.policy(waiting.line), waiting.own.and_then(|own| self.candidate(own)), now)
    }

    /// What bars an officer from taking it. `asked`: the officer asks for the next one, and is not offered it.
    fn bar(&self, c: &Candidate, waiting: &Waiting, now: Timestamp, asked: bool) -> Option<Bar> {
        bar(c, waiting, self.policy(waiting.line), self.held(waiting, now), now, asked)
    }
}

pub(super) static DEFAULT_POLICY: LazyLock<Policy> = LazyLock::new(Policy::default);

impl View for Inputs {
    fn policy(&self, line: LineId) -> &Policy {
        self.policies.get(&line).unwrap_or(&DEFAULT_POLICY)
    }

    fn candidate(&self, id: OfficerId) -> Option<&Candidate> {
        self.officers.iter().find(|c| c.id == id)
    }

    fn near<'a>(&'a self, waiting: &'a Waiting, authorities: Widening) -> impl Iterator<Item = &'a Candidate> {
        let mut near: Vec<&Candidate> = self.officers.iter().filter(|c| counts_as_near(c, waiting, authorities)).collect();
        near.sort_unstable_by_key(|c| c.turn());
        near.into_iter()
    }

    fn near_count(&self, waiting: &Waiting, authorities: Widening) -> u32 {
        let named = self.officers.iter().filter(|c| counts_as_near(c, waiting, authorities)).count();
        u32::try_from(named).unwrap_or(u32::MAX).saturating_add(self.others)
    }

    fn older<'a>(&'a self, waiting: &'a Waiting) -> impl Iterator<Item = &'a Waiting> {
        let mut older: Vec<&Waiting> = self.waiting.iter().filter(|w| w.line == waiting.line && w.place() < waiting.place()).collect();
        older.sort_unstable_by_key(|w| w.place());
        older.into_iter()
    }
}

/// What is decided now: the next one and who gets it; `None` where nobody may take anything. Says what [`Assigner`](super::Assigner) must
/// answer, and replays what it answered.
pub fn decide(inputs: &Inputs) -> Option<Decision> {
    let (next, chosen, choice, _) = next(inputs)?;
    Some(decision_of(inputs, next, chosen, choice, inputs.now))
}

/// The same with what it turned on, to be kept.
pub fn recorded(inputs: &Inputs) -> Option<Record> {
    let (next, chosen, choice, second) = next(inputs)?;
    Some(record_of(inputs, inputs.question.clone(), next, chosen, choice, second, inputs.now))
}

/// What goes to whom and why, and who would have been next.
fn next(inputs: &Inputs) -> Option<(&Waiting, &Candidate, Choice, Option<OfficerId>)> {
    let mut waiting: Vec<&Waiting> = inputs.waiting.iter().collect();
    waiting.sort_unstable_by_key(|w| w.place());
    waiting.into_iter().find_map(|w| {
        let (chosen, choice, second) = match inputs.question {
            Question::Push => choose(inputs, w),
            Question::Pull { officer, line } => inputs
                .candidate(officer)
                .filter(|c| w.line == line && inputs.bar(c, w, inputs.now, true).is_none())
                .map(|c| (c, Choice::Asked, None)),
        }?;
        Some((w, chosen, choice, second))
    })
}

/// Who gets it, of those who may.
fn choose<'a>(inputs: &'a Inputs, waiting: &Waiting) -> Option<(&'a Candidate, Choice, Option<OfficerId>)> {
    let mut able: Vec<&Candidate> = inputs.officers.iter().filter(|c| inputs.bar(c, waiting, inputs.now, false).is_none()).collect();
    able.sort_unstable_by_key(|c| c.turn());
    let named = |id: Option<OfficerId>| able.iter().find(|c| Some(c.id) == id).copied();
    if let Some(own) = named(waiting.own) {
        return Some((own, Choice::Own, None));
    }
    if let Some(last) = named(waiting.last) {
        return Some((last, Choice::Last, None));
    }
    let second = able.get(1).copied();
    able.first().map(|first| (*first, choice_between(first, second), second.map(|second| second.id)))
}

/// Why the first of those who may take it gets it, and not the second.
pub(super) fn choice_between(first: &Candidate, second: Option<&Candidate>) -> Choice {
    match second {
        None => Choice::Only,
        Some(second) if first.load_min < second.load_min => Choice::LeastLoad,
        Some(second) if first.idle_since < second.idle_since => Choice::LongestIdle,
        Some(_) => Choice::SmallestId,
    }
}

pub(super) fn decision_of(view: &impl View, waiting: &Waiting, chosen: &Candidate, choice: Choice, now: Timestamp) -> Decision {
    Decision {
        work: waiting.id,
        line: waiting.line,
        officer: chosen.id,
        at: now,
        offer_until: view.policy(waiting.line).offer_until(now),
        reason: reason_of(view, waiting, chosen, choice, now),
    }
}

/// The decision with what it turned on: what it names, and the officer who would have been next.
pub(super) fn record_of(
    view: &impl View,
    question: Question,
    waiting: &Waiting,
    chosen: &Candidate,
    choice: Choice,
    second: Option<OfficerId>,
    now: Timestamp,
) -> Record {
    let decision = decision_of(view, waiting, chosen, choice, now);
    let find = |work: WorkId| view.older(waiting).find(|w| w.id == work);
    let mut kept: Vec<Waiting> = decision.reason.overtaken.iter().filter_map(|o| find(o.work)).cloned().collect();
    kept.push(waiting.clone());
    let named = decision.reason.passed_over.iter().map(|p| p.officer);
    // Whoever is not among them would count as not there: for whom something is held, and who was asked about and is not barred.
    let owners = kept.iter().filter_map(|w| w.own);
    let asked_about = asked_about(waiting);
    let mut ids: Vec<OfficerId> = named.chain(owners).chain(asked_about).chain(second).chain([chosen.id]).collect();
    ids.sort_unstable();
    ids.dedup();
    let officers: Vec<Candidate> = ids.into_iter().filter_map(|id| view.candidate(id)).cloned().collect();
    let reached = decision.reason.reached.authorities;
    let listed = officers.iter().filter(|c| counts_as_near(c, waiting, reached)).count();
    let others = decision.reason.considered.saturating_sub(u32::try_from(listed).unwrap_or(u32::MAX));
    let policies = BTreeMap::from([(waiting.line, view.policy(waiting.line).clone())]);
    Record { inputs: Inputs { now, question, policies, waiting: kept, officers, others }, decision }
}
