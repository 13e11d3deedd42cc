//! Ratings: once of each service, by its taxpayer, after its end; a low one is followed up by somebody who did not serve, in time.

use super::hours::{day_of, office_closes};
use super::{About, Bell, Due, INVALID, Model, NOT_FOUND, State, Subject, Told};
use crate::simulation::days::day;
use crate::simulation::model::told::FollowedUp;
use crate::simulation::stage::text;
use crate::simulation::step::Who;

/// Best first; the last two are low.
pub(crate) const GRADES: [&str; 5] = ["very_satisfied", "satisfied", "rather_satisfied", "dissatisfied", "very_dissatisfied"];
const WITHIN: i64 = 30 * 24 * 60 * super::MINUTE;
/// Working days in which a low rating is answered, that of the rating not counted.
const WORKING_DAYS: usize = 5;

/// A rating.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rating {
    grade: u8,
}

/// What follows a low one.
#[derive(Clone, Copy, Debug)]
pub(super) struct FollowUp {
    opened_at: i64,
    due: (i64, bool),
    overdue: bool,
    answer: Option<(u32, i64)>,
}

/// What somebody says with a grade.
pub(crate) fn comment(grade: u8) -> Option<u32> {
    (grade != 1).then_some(u32::from(grade) + 40)
}

/// When a low rating must be answered that is given now.
fn due(now: i64) -> Option<(i64, bool)> {
    let first = day_of(now) + 1;
    let last = (first..first + 60).filter(|n| day(*n).worked).nth(WORKING_DAYS - 1)?;
    Some((office_closes(last), (first..=last).any(|n| day(n).provisional)))
}

impl Model {
    /// Whether somebody was served, and since when it is over.
    fn over_since(&self, label: u32) -> Option<i64> {
        let c = &self.conversations[&label];
        let served = c.merged_into.is_none() && (c.state == State::Closed || !c.served.is_empty());
        c.ended_at.filter(|_| served)
    }

    pub(super) fn rate(&mut self, who: Who, now: i64, label: u32, grade: u8) -> Told {
        let c = &self.conversations[&label];
        let taxpayer = c.taxpayer;
        if !matches!(c.state, State::Closed | State::Left) {
            return Told::Refused("interaction.not_over", 0);
        }
        let Some(ended_at) = self.over_since(label) else { return Told::Refused("interaction.not_served", 0) };
        if self.ratings.contains_key(&label) {
            return Told::Refused("interaction.rated", 0);
        }
        if now > ended_at + WITHIN {
            return Told::Refused("interaction.rate_too_late", 0);
        }
        let low = usize::from(grade) >= GRADES.len() - 2;
        self.ratings.insert(label, Rating { grade });
        self.event(who, now, About::Taxpayer(taxpayer), "conversation.rated", Some(label), None);
        if low {
            let Some(due) = due(now) else { return INVALID };
            self.follow_ups.insert(label, FollowUp { opened_at: now, due, overdue: false, answer: None });
            self.timers.insert((Bell::FollowUp, label), Due::at(due.0));
        }
        self.record("interaction.rate", who, Subject::Conversation(label), now);
        Told::Rated(label, low)
    }

    pub(super) fn rating(&self, now: i64, label: u32) -> Told {
        let rating = self.ratings.get(&label);
        let until = self.over_since(label).map(|at| at + WITHIN).filter(|until| rating.is_none() && now <= *until);
        let answer = self.follow_ups.get(&label).and_then(|row| row.answer).map(|(n, _)| text(n));
        Told::Rating { grade: rating.map(|r| GRADES[usize::from(r.grade)]), until, answer }
    }

    pub(super) fn answer_follow_up(&mut self, who: Who, now: i64, label: u32, n: u32) -> Told {
        let served = matches!(who, Who::Officer(me) if self.conversations[&label].served.contains(&me));
        match self.follow_ups.get_mut(&label) {
            None => return NOT_FOUND,
            Some(_) if served => return Told::Refused("interaction.own_rating", 0),
            Some(row) if row.answer.is_some() => return Told::Refused("interaction.follow_up_state", 0),
            Some(row) => row.answer = Some((n, now)),
        }
        self.record("interaction.answer_follow_up", who, Subject::Conversation(label), now);
        Told::Done(label)
    }

    /// The newest of an area.
    pub(super) fn followed_up(&self, who: Who, now: i64, limit: u32) -> Told {
        let mut all: Vec<(i64, [u8; 16], u32)> =
            self.follow_ups.iter().map(|(label, row)| (row.opened_at, self.conversations[label].id, *label)).collect();
        all.sort_unstable();
        let reached = all
            .into_iter()
            .rev()
            .map(|(.., label)| label)
            .filter(|label| self.is_watched(self.conversations[label].line) && self.supervises(who, *label));
        Told::FollowUps(reached.take(limit as usize).map(|label| self.follow_up(who, now, label)).collect())
    }

    fn follow_up(&self, who: Who, now: i64, label: u32) -> FollowedUp {
        let row = self.follow_ups[&label];
        let may_act = !matches!(who, Who::Officer(me) if self.conversations[&label].served.contains(&me));
        let grade = self.ratings.get(&label).map(|rating| rating.grade);
        FollowedUp {
            view: self.view(who, label),
            grade: grade.map(|grade| GRADES[usize::from(grade)]),
            // Whoever served learns the grade, and not in which words.
            comment: grade.and_then(comment).filter(|_| may_act).map(text),
            state: if row.answer.is_some() { "answered" } else { "open" },
            opened_at: row.opened_at,
            due: row.due,
            overdue: row.answer.map_or(now, |(_, at)| at) > row.due.0,
            answer: row.answer.map(|(n, _)| text(n)),
            answered_at: row.answer.map(|(_, at)| at),
            may_act,
        }
    }

    /// A low rating should be answered by now.
    pub(super) fn follow_up_due(&mut self, now: i64, label: u32) {
        if let Some(row) = self.follow_ups.get_mut(&label).filter(|row| row.answer.is_none() && !row.overdue) {
            row.overdue = now >= row.due.0;
            if !row.overdue {
                let at = row.due.0;
                self.timers.insert((Bell::FollowUp, label), Due::at(at));
            }
        }
        self.record("interaction.follow_up_due", Who::System, Subject::Conversation(label), now);
    }

    /// Low ratings that nobody answered yet, oldest first.
    pub(crate) fn unanswered_ratings(&self) -> Vec<u32> {
        self.follow_ups.iter().filter(|(_, row)| row.answer.is_none()).map(|(label, _)| *label).collect()
    }

    /// Whether somebody who was served may rate that now, and has not.
    pub(crate) fn may_be_rated(&self, label: u32) -> bool {
        self.conversations.contains_key(&label) && self.over_since(label).is_some() && !self.ratings.contains_key(&label)
    }
}
