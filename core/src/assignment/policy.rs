//! What a line declares about assignment: who may take what after how long a wait.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Pass, Waiting};
use crate::clock::Timestamp;
use crate::limits;

/// How far from the exact one may be looked: along a path of topics, or of authorities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Widening {
    /// So many up the path; 0 is the exact one. A path that is shorter ends at its last.
    Up(u8),
    /// Anywhere.
    Any,
}

impl Widening {
    /// The places on a path of `len` that are looked at; `None`: everything is right.
    pub(super) fn last_of(self, len: usize) -> Option<usize> {
        match self {
            Self::Up(up) => len.checked_sub(1).map(|last| last.min(usize::from(up))),
            Self::Any => None,
        }
    }
}

/// One step of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Begins after so many seconds of waiting.
    pub after_s: u32,
    /// A skill in the topic itself, or in one of so many parents.
    pub topics: Widening,
    /// Officers of the matter's authority and below it, or of one so many above.
    pub authorities: Widening,
}

/// A schedule by which a line asks for less the longer somebody waits. It never asks for more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Step>", into = "Vec<Step>")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Relax(Vec<Step>);

/// Why steps are no schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RelaxProblem {
    /// There is none.
    #[error("a schedule has at least one step")]
    Empty,
    /// There are too many.
    #[error("a schedule has at most {} steps", limits::RELAX_STEPS_MAX)]
    TooMany,
    /// Nobody could be served before it.
    #[error("the first step begins after 0 seconds")]
    FirstIsLate,
    /// The step at this place (from 0) does not begin later than the one before.
    #[error("step {0} does not begin later than the one before")]
    NotLater(usize),
    /// The step at this place (from 0) asks for more than the one before.
    #[error("step {0} asks for more than the one before")]
    Narrower(usize),
}

impl Relax {
    /// A schedule of these steps.
    ///
    /// # Errors
    /// [`RelaxProblem`] where they do not begin at once, one after another, each as wide as the one before or wider.
    pub fn new(steps: Vec<Step>) -> Result<Self, RelaxProblem> {
        match steps.first() {
            None => return Err(RelaxProblem::Empty),
            Some(first) if first.after_s > 0 => return Err(RelaxProblem::FirstIsLate),
            Some(_) if steps.len() > limits::RELAX_STEPS_MAX => return Err(RelaxProblem::TooMany),
            Some(_) => {}
        }
        for (i, pair) in steps.windows(2).enumerate() {
            if pair[1].after_s <= pair[0].after_s {
                return Err(RelaxProblem::NotLater(i + 1));
            }
            if pair[1].topics < pair[0].topics || pair[1].authorities < pair[0].authorities {
                return Err(RelaxProblem::Narrower(i + 1));
            }
        }
        Ok(Self(steps))
    }

    /// A schedule that asks for nothing: anybody may take anything at once.
    pub fn anybody() -> Self {
        Self(vec![Step { after_s: 0, topics: Widening::Any, authorities: Widening::Any }])
    }

    /// The steps, in order.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// The step that holds after so long a wait, and its place from 0.
    pub fn at(&self, waited: Duration) -> (usize, Step) {
        let begun = self.0.iter().take_while(|step| seconds(step.after_s) <= waited).count();
        let place = begun.saturating_sub(1);
        (place, self.0[place]) // there is a first one, and it begins at once
    }
}

impl TryFrom<Vec<Step>> for Relax {
    type Error = RelaxProblem;
    fn try_from(steps: Vec<Step>) -> Result<Self, RelaxProblem> {
        Self::new(steps)
    }
}

impl From<Relax> for Vec<Step> {
    fn from(relax: Relax) -> Self {
        relax.0
    }
}

/// What a line declares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Who may take something after how long a wait.
    pub relax: Relax,
    /// How long it is held for the taxpayer's own officer, who is there but busy.
    pub own_wait_s: u32,
    /// How long an offer may stay without an answer.
    pub offer_s: u32,
    /// After how long somebody who let it pass may be offered it again.
    pub again_s: u32,
}

impl Default for Policy {
    /// What a line has that declares nothing: exact topic and own authority; then the parent topic too; then one authority up; then
    /// anybody.
    fn default() -> Self {
        let [parent, above, all] = limits::RELAX_AFTER_S;
        let step = |after_s, topics, authorities| Step { after_s, topics, authorities };
        let steps = vec![
            step(0, Widening::Up(0), Widening::Up(0)),
            step(parent, Widening::Up(1), Widening::Up(0)),
            step(above, Widening::Up(1), Widening::Up(1)),
            step(all, Widening::Any, Widening::Any),
        ];
        Self { relax: Relax(steps), own_wait_s: limits::OWN_WAIT_S, offer_s: limits::OFFER_S, again_s: limits::OFFER_AGAIN_S }
    }
}

impl Policy {
    /// The step that something has reached, and its place from 0.
    pub(super) fn step(&self, waiting: &Waiting, now: Timestamp) -> (usize, Step) {
        self.relax.at(now.since(waiting.arrived))
    }

    /// When the next step begins for it.
    pub(super) fn next_step_at(&self, waiting: &Waiting, now: Timestamp) -> Option<Timestamp> {
        self.relax.0.iter().map(|step| waiting.arrived.plus(seconds(step.after_s))).find(|at| now < *at)
    }

    /// Until when it is held for the taxpayer's own officer.
    pub(super) fn held_until(&self, waiting: &Waiting) -> Timestamp {
        waiting.arrived.plus(seconds(self.own_wait_s))
    }

    /// Whether something is still held for the taxpayer's own officer, if they are there.
    pub(crate) fn holds(&self, waiting: &Waiting, now: Timestamp) -> bool {
        now < self.held_until(waiting)
    }

    /// Until when an offer made now may be answered.
    pub(super) fn offer_until(&self, now: Timestamp) -> Timestamp {
        now.plus(seconds(self.offer_s))
    }

    /// When somebody who let it pass may be offered it again.
    pub(super) fn asked_again(&self, pass: &Pass) -> Timestamp {
        pass.at.plus(seconds(self.again_s))
    }
}

fn seconds(s: u32) -> Duration {
    Duration::from_secs(u64::from(s))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Widening::{Any, Up};

    fn steps(of: &[(u32, Widening, Widening)]) -> Vec<Step> {
        of.iter().map(|&(after_s, topics, authorities)| Step { after_s, topics, authorities }).collect()
    }

    #[test]
    fn a_schedule_begins_at_once_and_never_asks_for_more() {
        assert_eq!(Relax::new(vec![]), Err(RelaxProblem::Empty));
        assert_eq!(Relax::new(steps(&[(1, Any, Any)])), Err(RelaxProblem::FirstIsLate));
        assert_eq!(Relax::new(steps(&[(0, Up(0), Any), (0, Any, Any)])), Err(RelaxProblem::NotLater(1)));
        assert_eq!(Relax::new(steps(&[(0, Up(1), Any), (9, Up(0), Any)])), Err(RelaxProblem::Narrower(1)));
        assert_eq!(Relax::new(steps(&[(0, Any, Up(3)), (9, Any, Any), (10, Any, Up(9))])), Err(RelaxProblem::Narrower(2)));
        let many: Vec<_> = (0..17).map(|s| (s, Any, Any)).collect();
        assert_eq!(Relax::new(steps(&many)), Err(RelaxProblem::TooMany));
        let relax = Policy::default().relax;
        let json = serde_json::to_string(&relax).unwrap();
        assert_eq!(serde_json::from_str::<Relax>(&json).unwrap(), relax);
        assert!(serde_json::from_str::<Relax>("[]").is_err(), "reading checks too");
    }

    #[test]
    fn a_step_holds_from_its_second_on() {
        let relax = Relax::new(steps(&[(0, Up(0), Up(0)), (60, Up(1), Up(0)), (90, Any, Any)])).unwrap();
        let at = |ms| relax.at(Duration::from_millis(ms)).0;
        assert_eq!([0, 59_999, 60_000, 89_999, 90_000, 1 << 40].map(at), [0, 0, 1, 1, 2, 2]);
    }

    #[test]
    fn a_short_path_ends_at_its_last() {
        assert_eq!([Up(0), Up(1), Up(7), Any].map(|w| w.last_of(2)), [Some(0), Some(1), Some(1), None]);
        assert_eq!(Up(0).last_of(0), None, "no path asks for nothing");
    }
}
