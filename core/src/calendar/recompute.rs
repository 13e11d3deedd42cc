//! Computing anew what depended on the calendar, or on how long something may take.
//!
//! What stores a due instant by a policy keeps a [`CachedDue`] beside it. When something is approved a timer is set that calls
//! [`recompute`] for a page of its open matters at a time: the follow-ups of low ratings (`interaction/follow_up.rs`) so far. Answers
//! that were promised keep the minutes they were promised in (`interaction/reply.rs`).

use super::{Due, Pause, Term, Timeline};
use crate::clock::Timestamp;

/// How long something may take, since when, and which state of that rule it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its number: what was computed with another one is stale.
    pub version: i64,
    /// The term.
    pub term: Term,
    /// Since when it holds. What began before keeps the time that had passed, and is due no earlier than this; what was due before
    /// stays due then: no change of policy pardons what is late.
    pub since: Timestamp,
}

/// When something is due, with everything that was computed from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedDue {
    /// When it began.
    pub began: Timestamp,
    /// When its clock stood still.
    pub pauses: Vec<Pause>,
    /// When it is due, and the version of the calendar.
    pub due: Due,
    /// The version of the policy.
    pub policy: i64,
}

impl CachedDue {
    /// Computes it for the first time. `None` where the calendar's range ends before.
    pub fn of(timeline: &Timeline, policy: &Policy, began: Timestamp, pauses: Vec<Pause>) -> Option<Self> {
        let due = timeline.due(began, policy.term, &pauses)?;
        let due = Due { at: due.at.map(|at| at.max(policy.since)), ..due };
        Some(Self { began, pauses, due, policy: policy.version })
    }

    /// Computes it anew. What was due before the policy began to hold stays due then.
    fn anew(&self, timeline: &Timeline, policy: &Policy) -> Option<Self> {
        let anew = Self::of(timeline, policy, self.began, self.pauses.clone())?;
        let late = self.due.at.filter(|at| *at < policy.since);
        let due = late.map_or(anew.due, |at| Due { at: Some(at), provisional: false, ..anew.due });
        Some(Self { due, ..anew })
    }

    /// Whether it was computed with another calendar or policy than these.
    pub fn is_stale(&self, timeline: &Timeline, policy: &Policy) -> bool {
        self.due.calendar != timeline.calendar().version() || self.policy != policy.version
    }
}

/// Computes anew what is stale, and leaves the rest. Answers the places of those that were, which are to be written; one
/// that the calendar's range does not reach stays as it was, and stale.
///
/// What was due before the policy began to hold stays due then, whether the new term is shorter or longer, and whatever calendar comes
/// later: it was late under the rule of its day. Everything else is as if computed for the first time.
pub fn recompute(timeline: &Timeline, policy: &Policy, cached: &mut [CachedDue]) -> Vec<usize> {
    let stale = cached.iter_mut().enumerate().filter(|(_, c)| c.is_stale(timeline, policy));
    let anew = stale.filter_map(|(i, c)| {
        *c = c.anew(timeline, policy)?;
        Some(i)
    });
    anew.collect()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, LazyLock};
    use std::time::Duration;

    use super::super::hours::tests::{DAY, at, date};
    use super::*;
    use crate::calendar::{ArrangedDay, Arrangement, Calendar, Hours, Notice, published};
    use proptest::prelude::*;

    fn timeline(version: i64, notices: &[Notice]) -> Timeline {
        Timeline::new(Arc::new(Calendar::new(version, notices)), Hours::from(date("2018-01-01"), &DAY).unwrap())
    }

    /// As published, and with a notice of 2027 on top.
    fn before_and_after() -> (Timeline, Timeline) {
        let day =
            |name: &str, text: &str, arrangement| ArrangedDay { date: date(text), arrangement, name: name.into(), document: "文".into() };
        // The other holidays on weekends: with them the year is known.
        let others = [("春节", "02-06"), ("清明", "04-03"), ("劳动", "05-01"), ("端午", "06-05"), ("中秋", "09-04"), ("国庆", "10-02")];
        let mut days = vec![day("元旦", "2027-01-04", Arrangement::Off), day("元旦", "2027-01-09", Arrangement::Work)];
        days.extend(others.map(|(name, at)| day(name, &format!("2027-{at}"), Arrangement::Off)));
        let mut notices = published();
        let before = timeline(0, &notices);
        notices.push(Notice { year: 2027, days });
        (before, timeline(1, &notices))
    }

    fn days(version: i64, days: u32, since: &str) -> Policy {
        Policy { version, term: Term::WorkingDays(days), since: at(since) }
    }

    #[test]
    fn what_depended_on_a_year_that_was_unknown_is_computed_anew_when_its_notice_comes() {
        let (before, after) = before_and_after();
        let policy = days(1, 5, "2018-01-01T00:00:00");
        let of = |began| CachedDue::of(&before, &policy, at(began), vec![]).unwrap();
        let mut cached = [of("2026-11-26T10:00:00"), of("2026-12-31T10:00:00")];
        assert_eq!(cached.clone().map(|c| c.due.provisional), [false, true]);
        assert_eq!(recompute(&before, &policy, &mut cached), Vec::<usize>::new(), "nothing is stale");
        let old = cached.clone();
        assert_eq!(recompute(&after, &policy, &mut cached), [0, 1]);
        assert_eq!(cached[0].due, Due { calendar: 1, ..old[0].due }, "the same day, and the new version");
        assert_eq!((old[1].due.at, cached[1].due.at), (Some(at("2027-01-07T16:30:00")), Some(at("2027-01-08T16:30:00"))));
        assert!(!cached[1].due.provisional);
        assert_eq!(recompute(&after, &policy, &mut cached), Vec::<usize>::new(), "once");
    }

    #[test]
    fn a_change_of_the_policy_keeps_the_time_that_passed_and_is_no_surprise() {
        let (timeline, _) = before_and_after();
        let old = days(1, 10, "2018-01-01T00:00:00");
        let began = at("2026-11-02T10:00:00");
        let mut cached = [CachedDue::of(&timeline, &old, began, vec![]).unwrap()];
        assert_eq!(cached[0].due.at, Some(at("2026-11-16T16:30:00")));
        // Longer: three more days, not thirteen from now on. Shorter: not in the past, but at once.
        recompute(&timeline, &days(2, 13, "2026-11-10T12:00:00"), &mut cached);
        assert_eq!((cached[0].due.at, cached[0].policy), (Some(at("2026-11-19T16:30:00")), 2));
        recompute(&timeline, &days(3, 2, "2026-11-10T12:00:00"), &mut cached);
        assert_eq!(cached[0].due.at, Some(at("2026-11-10T12:00:00")));
        recompute(&timeline, &days(4, 8, "2026-11-10T12:00:00"), &mut cached);
        assert_eq!(cached[0].due.at, Some(at("2026-11-12T16:30:00")));
    }

    #[test]
    fn what_is_late_is_pardoned_by_no_change_of_the_policy() {
        let (before, after) = before_and_after();
        let (old, began) = (days(1, 10, "2018-01-01T00:00:00"), at("2026-10-08T10:00:00"));
        let due = at("2026-10-21T16:30:00");
        let late = CachedDue::of(&before, &old, began, vec![]).unwrap();
        assert_eq!(late.due.at, Some(due));
        for term in [2, 10, 40] {
            let mut cached = [late.clone()];
            assert_eq!(recompute(&before, &days(2, term, "2026-11-10T12:00:00"), &mut cached), [0]);
            assert_eq!((cached[0].due.at, cached[0].policy), (Some(due), 2), "{term} days");
            // Nor by the calendar or the policy that come next.
            recompute(&after, &days(2, term, "2026-11-10T12:00:00"), &mut cached);
            recompute(&after, &days(3, 60, "2026-11-24T12:00:00"), &mut cached);
            assert_eq!((cached[0].due.at, cached[0].due.calendar), (Some(due), 1), "{term} days");
        }
        // To the instant: what is due as the policy begins is not late yet.
        let mut cached = [late];
        recompute(&before, &days(2, 12, "2026-10-21T16:30:00"), &mut cached);
        assert_eq!(cached[0].due.at, Some(at("2026-10-23T16:30:00")));
    }

    #[test]
    fn what_the_range_does_not_reach_stays_stale() {
        let (before, after) = before_and_after();
        let short = days(1, 1, "2018-01-01T00:00:00");
        let pauses = vec![Pause { from: at("2099-12-30T11:00:00"), until: Some(at("2099-12-30T12:00:00")) }];
        let mut cached = [CachedDue::of(&before, &short, at("2099-12-30T10:00:00"), pauses).unwrap()];
        let old = cached.clone();
        assert_eq!(recompute(&after, &days(2, 9, "2018-01-01T00:00:00"), &mut cached), Vec::<usize>::new());
        assert!(cached[0].is_stale(&after, &short));
        assert_eq!(cached, old, "and as it was");
    }

    proptest! {
        /// However often and by whichever way it was computed anew, it is what it would be if asked for the first time, but for what
        /// was late when the policy changed.
        #[test]
        fn computed_anew_is_as_computed_for_the_first_time(began in 0i64..400, first in 1u32..40, second in 1u32..40, hours in 0u64..100) {
            static BOTH: LazyLock<(Timeline, Timeline)> = LazyLock::new(before_and_after);
            let (before, after) = &*BOTH;
            let began = at("2026-03-01T10:00:00").plus(Duration::from_secs(began as u64 * 86_400));
            let from = began.plus(Duration::from_secs(hours * 3_600));
            let pauses = vec![Pause { from, until: Some(from.plus(Duration::from_secs(hours * 7_200))) }];
            let policies = [days(1, first, "2018-01-01T00:00:00"), days(2, second, "2026-11-10T12:00:00")];
            let mut cached = [CachedDue::of(before, &policies[0], began, pauses.clone()).unwrap()];
            recompute(after, &policies[0], &mut cached);
            let late = cached[0].due.at.filter(|at| *at < policies[1].since);
            recompute(before, &policies[1], &mut cached);
            recompute(after, &policies[1], &mut cached);
            let first = CachedDue::of(after, &policies[1], began, pauses).unwrap();
            match late {
                Some(late) => prop_assert_eq!((cached[0].due.at, cached[0].due.calendar), (Some(late), 1)),
                None => prop_assert_eq!(&cached[0], &first),
            }
        }
    }
}
