//! The rule: whether an officer may take something now, and what bars them if not.

use serde::{Deserialize, Serialize};

use super::{Attendance, Candidate, Policy, Waiting, Widening};
use crate::clock::Timestamp;
use crate::id::OfficerId;

/// What bars an officer from taking something now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Bar {
    /// Not there.
    Absent,
    /// On leave.
    OnLeave,
    /// The shift ends.
    ShiftEnds,
    /// Takes nothing unasked.
    TakesNoOffers,
    /// Has as much as they may.
    AtCapacity,
    /// Let it pass not long ago.
    LetPass,
    /// It is held for the taxpayer's own officer.
    Held,
    /// Lacks a skill it requires.
    LacksSkill,
    /// Not of a topic that its wait has reached.
    OtherTopic,
    /// Not of an authority that its wait has reached.
    OtherAuthority,
}

impl Bar {
    /// In Chinese.
    pub fn text(self) -> &'static str {
        match self {
            Self::Absent => "不在岗",
            Self::OnLeave => "请假",
            Self::ShiftEnds => "班次即将结束",
            Self::TakesNoOffers => "未开启自动派单",
            Self::AtCapacity => "接待已满",
            Self::LetPass => "此前派单未接",
            Self::Held => "正为纳税人的专属服务人员保留",
            Self::LacksSkill => "不具备必需的技能",
            Self::OtherTopic => "不熟悉该主题",
            Self::OtherAuthority => "不在当前的机关范围内",
        }
    }
}

/// For whom it is held now: the taxpayer's own officer who is there, may take it, and has not let it pass.
pub(super) fn held_for(waiting: &Waiting, policy: &Policy, own: Option<&Candidate>, now: Timestamp) -> Option<OfficerId> {
    let own = own.filter(|own| waiting.own == Some(own.id))?;
    let waits = policy.holds(waiting, now) && own.is_here(now) && own.has_all(&waiting.required);
    (waits && !waiting.passed.iter().any(|pass| pass.officer == own.id)).then_some(own.id)
}

/// What bars an officer from taking it now. `asked`: the officer asks for the next one, and is not offered it.
pub(super) fn bar(c: &Candidate, waiting: &Waiting, policy: &Policy, held: Option<OfficerId>, now: Timestamp, asked: bool) -> Option<Bar> {
    if let Some(bar) = bar_of_state(c, now, asked) {
        return Some(bar);
    }
    let (_, step) = policy.step(waiting, now);
    let barred = [
        (!asked && waiting.was_let_pass(c.id, policy, now), Bar::LetPass),
        (held.is_some_and(|own| own != c.id), Bar::Held),
        (!c.has_all(&waiting.required), Bar::LacksSkill),
        (!waiting.is_known_to(c.id) && !knows_topic(c, waiting, step.topics), Bar::OtherTopic),
        (!waiting.is_known_to(c.id) && !is_near(c, waiting, step.authorities), Bar::OtherAuthority),
    ];
    barred.into_iter().find_map(|(holds, bar)| holds.then_some(bar))
}

/// What bars an officer from taking anything at all.
pub(super) fn bar_of_state(c: &Candidate, now: Timestamp, asked: bool) -> Option<Bar> {
    match c.attendance {
        Attendance::Absent => Some(Bar::Absent),
        Attendance::OnLeave => Some(Bar::OnLeave),
        Attendance::Present if !c.is_here(now) => Some(Bar::ShiftEnds),
        Attendance::Present if !asked && !c.accepts_push => Some(Bar::TakesNoOffers),
        Attendance::Present => (c.held >= c.capacity).then_some(Bar::AtCapacity),
    }
}

fn knows_topic(c: &Candidate, waiting: &Waiting, widening: Widening) -> bool {
    widening.last_of(waiting.topics.len()).is_none_or(|last| waiting.topics[..=last].iter().any(|topic| c.skills.contains(topic)))
}

/// Whether an officer is of an authority that is looked at.
pub(super) fn is_near(c: &Candidate, waiting: &Waiting, widening: Widening) -> bool {
    widening.last_of(waiting.authorities.len()).is_none_or(|last| c.authorities.contains(&waiting.authorities[last]))
}
