//! What was decided and why, in a form that a person can read.

use serde::{Deserialize, Serialize};

use super::decide::View;
use super::rule::is_near;
use super::{Bar, Candidate, Step, Waiting, Widening};
use crate::clock::Timestamp;
use crate::id::{LineId, OfficerId, WorkId};
use crate::limits;

/// Something goes to an officer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Decision {
    /// What.
    pub work: WorkId,
    /// From which line.
    pub line: LineId,
    /// To whom.
    pub officer: OfficerId,
    /// When it was decided.
    pub at: Timestamp,
    /// Until when the officer may accept it.
    pub offer_until: Timestamp,
    /// Why.
    pub reason: Reason,
}

/// Why this officer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// Asked for the next one.
    Asked,
    /// Is the taxpayer's own officer.
    Own,
    /// Had the same matter last.
    Last,
    /// Nobody else could take it.
    Only,
    /// Has fewer minutes of load than the next one.
    LeastLoad,
    /// Has as many minutes of load as the next one, and was idle longer.
    LongestIdle,
    /// The same load, idle for as long, and the smaller id.
    SmallestId,
}

/// An officer who might have been thought of first, and did not get it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PassedOver {
    /// Who.
    pub officer: OfficerId,
    /// What barred them.
    pub bar: Bar,
}

/// Something older of the same line that this officer did not get.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Overtaken {
    /// What.
    pub work: WorkId,
    /// What barred the officer from it.
    pub bar: Bar,
}

/// Why something went to somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reason {
    /// How long it waited, in whole seconds.
    pub waited_s: u64,
    /// The step of the line's schedule that holds, from 0.
    pub step: usize,
    /// What that step asks for.
    pub reached: Step,
    /// Why this officer.
    pub choice: Choice,
    /// The officer's minutes of load before.
    pub load_min: u32,
    /// Officers who are there and near enough for the step.
    pub considered: u32,
    /// Those who might have been thought of first: own and last officer, who let it pass, then the first with less load. At most
    /// a few of each.
    pub passed_over: Vec<PassedOver>,
    /// The oldest of the line that wait longer and were not for this officer; at most a few.
    pub overtaken: Vec<Overtaken>,
}

/// Why something waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Waits {
    /// What.
    pub work: WorkId,
    /// How long by now, in whole seconds.
    pub waited_s: u64,
    /// The step of the line's schedule that holds, from 0.
    pub step: usize,
    /// What that step asks for.
    pub reached: Step,
    /// When the next step begins.
    pub next_step_at: Option<Timestamp>,
    /// For whom it is held, and until when.
    pub held: Option<Held>,
    /// Officers who are there and near enough for the step.
    pub considered: u32,
    /// Who cannot take it, and why: own and last officer, who let it pass, then the first by load. At most a few of each.
    pub passed_over: Vec<PassedOver>,
}

/// It is held for the taxpayer's own officer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Held {
    /// For whom.
    pub officer: OfficerId,
    /// Until when.
    pub until: Timestamp,
}

/// Why `waiting` goes to `chosen`.
pub(super) fn reason_of(view: &impl View, waiting: &Waiting, chosen: &Candidate, choice: Choice, now: Timestamp) -> Reason {
    let policy = view.policy(waiting.line);
    let (step, reached) = policy.step(waiting, now);
    let asked = choice == Choice::Asked;
    let by_load = !matches!(choice, Choice::Asked | Choice::Own | Choice::Last);
    let bar_of = |older: &Waiting| Some(Overtaken { work: older.id, bar: view.bar(chosen, older, now, asked)? });
    Reason {
        waited_s: now.since(waiting.arrived).as_secs(),
        step,
        reached,
        choice,
        load_min: chosen.load_min,
        considered: view.near_count(waiting, reached.authorities),
        passed_over: passed_over(view, waiting, Some(chosen), by_load, now),
        overtaken: view.older(waiting).take(limits::ASSIGNMENT_NAMED_MAX).filter_map(bar_of).collect(),
    }
}

/// Why `waiting` waits.
pub(super) fn waits_of(view: &impl View, waiting: &Waiting, now: Timestamp) -> Waits {
    let policy = view.policy(waiting.line);
    let (step, reached) = policy.step(waiting, now);
    let held = view.held(waiting, now);
    Waits {
        work: waiting.id,
        waited_s: now.since(waiting.arrived).as_secs(),
        step,
        reached,
        next_step_at: policy.next_step_at(waiting, now),
        held: held.map(|officer| Held { officer, until: policy.held_until(waiting) }),
        considered: view.near_count(waiting, reached.authorities),
        passed_over: passed_over(view, waiting, None, true, now),
    }
}

/// Who might have been thought of before `chosen`: those who know the matter, those who let it pass, and where load decides the first of
/// those near enough with less of it.
fn passed_over(view: &impl View, waiting: &Waiting, chosen: Option<&Candidate>, by_load: bool, now: Timestamp) -> Vec<PassedOver> {
    let asked = false; // they would have been offered it
    let bar_of = |id: OfficerId| match view.candidate(id) {
        None => Some(Bar::Absent), // whoever is not there is not among the candidates
        Some(candidate) => view.bar(candidate, waiting, now, asked),
    };
    let mut found: Vec<PassedOver> = Vec::new();
    let mut name = |officer: OfficerId| {
        let is_new = chosen.is_none_or(|c| c.id != officer) && found.iter().all(|f| f.officer != officer);
        if let Some(bar) = is_new.then(|| bar_of(officer)).flatten() {
            found.push(PassedOver { officer, bar });
        }
    };
    asked_about(waiting).for_each(&mut name);
    if by_load {
        let (_, reached) = view.policy(waiting.line).step(waiting, now);
        let before = |c: &&Candidate| chosen.is_none_or(|chosen| c.turn() < chosen.turn());
        let near = view.near(waiting, reached.authorities).take_while(before).take(limits::ASSIGNMENT_NAMED_MAX);
        near.for_each(|c| name(c.id));
    }
    found
}

/// Of whom a reason speaks, wherever they are: own and last officer, and the latest who let it pass.
pub(super) fn asked_about(waiting: &Waiting) -> impl Iterator<Item = OfficerId> {
    let passed = waiting.passed.iter().rev().take(limits::ASSIGNMENT_NAMED_MAX).map(|pass| pass.officer);
    waiting.own.into_iter().chain(waiting.last).chain(passed)
}

impl Decision {
    /// The decision as a Chinese sentence; `officer` and `work` say how they are called there.
    pub fn sentence(&self, officer: impl Fn(OfficerId) -> String, work: impl Fn(WorkId) -> String) -> String {
        let reason = &self.reason;
        let why = match reason.choice {
            Choice::Asked => "主动领取下一件".to_owned(),
            Choice::Own => "是纳税人的专属服务人员".to_owned(),
            Choice::Last => "上次办理过同一事项".to_owned(),
            Choice::Only => "是此刻唯一可以接待的人员".to_owned(),
            Choice::LeastLoad => format!("本班次负荷最轻（{} 分钟）", reason.load_min),
            Choice::LongestIdle => format!("负荷同为最轻（{} 分钟），空闲时间最长", reason.load_min),
            Choice::SmallestId => format!("负荷同为最轻（{} 分钟），空闲时间相同，按编号在前", reason.load_min),
        };
        let mut text = format!(
            "{}等待 {} 秒，{}，由{}接待：{why}",
            work(self.work),
            reason.waited_s,
            step_text(reason.step, reason.reached),
            officer(self.officer),
        );
        // Whoever asks is held against nobody, and a claim looks at nobody else.
        if reason.choice != Choice::Asked || reason.considered > 1 {
            text.push_str(&format!("。在岗且在范围内 {} 人", reason.considered));
        }
        text.push_str(&named("未派给", reason.passed_over.iter().map(|p| (officer(p.officer), p.bar))));
        text.push_str(&named("等待更久而未派给该人员的", reason.overtaken.iter().map(|o| (work(o.work), o.bar))));
        text + "。"
    }
}

impl Waits {
    /// Why it waits, as a Chinese sentence; `officer` says how they are called there.
    pub fn sentence(&self, officer: impl Fn(OfficerId) -> String) -> String {
        let mut text = format!("已等待 {} 秒，{}", self.waited_s, step_text(self.step, self.reached));
        if let Some(held) = &self.held {
            text.push_str(&format!("，为专属服务人员{}保留至 {}", officer(held.officer), held.until.rfc3339()));
        }
        text.push_str(&format!("。在岗且在范围内 {} 人，暂无人可以接待", self.considered));
        text.push_str(&named("其中", self.passed_over.iter().map(|p| (officer(p.officer), p.bar))));
        match self.next_step_at {
            Some(at) => text + "。下一次放宽范围在 " + &at.rfc3339() + "。",
            None => text + "。范围已放到最宽。",
        }
    }
}

fn step_text(step: usize, reached: Step) -> String {
    let topics = match reached.topics {
        Widening::Up(0) => "本主题".to_owned(),
        Widening::Up(n) => format!("本主题及上 {n} 级主题"),
        Widening::Any => "任何主题".to_owned(),
    };
    let authorities = match reached.authorities {
        Widening::Up(0) => "本机关".to_owned(),
        Widening::Up(n) => format!("上 {n} 级机关范围"),
        Widening::Any => "任何机关".to_owned(),
    };
    format!("派单范围第 {} 步（{topics}，{authorities}）", step + 1)
}

fn named(what: &str, of: impl Iterator<Item = (String, Bar)>) -> String {
    let list: Vec<String> = of.map(|(name, bar)| format!("{name}（{}）", bar.text())).collect();
    if list.is_empty() { String::new() } else { format!("；{what}：{}", list.join("、")) }
}

/// Whether an officer counts as near: there, and of an authority that is looked at.
pub(super) fn counts_as_near(c: &Candidate, waiting: &Waiting, authorities: Widening) -> bool {
    c.attendance == super::Attendance::Present && is_near(c, waiting, authorities)
}
