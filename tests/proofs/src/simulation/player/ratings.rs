//! Ratings and what follows them: what is asked of the core, and its answers in the words of the model.

use zhengna_core::id::ConversationId;
use zhengna_core::interaction::{AnswerFollowUp, FollowUpView, FollowUpsAsked, Grade, Rate, RatingState};
use zhengna_core::store::Page;
use zhengna_core::{Error, Session, Timestamp};

use super::super::model::rating::{GRADES, comment};
use super::super::model::{FollowedUp, Told};
use super::super::stage::text;
use super::super::step::{Deed, Who};
use super::Player;
use super::people::word;

/// Who rates, or asks about ratings.
pub(super) fn rater(deed: &Deed) -> Who {
    match *deed {
        Deed::Rate { who, .. } | Deed::Rating { who, .. } | Deed::AnswerFollowUp { who, .. } | Deed::FollowUps { who, .. } => who,
        _ => Who::Nobody,
    }
}

fn grade(grade: Grade) -> &'static str {
    grade.as_str()
}

impl Player {
    pub(super) fn ask_rating(&self, session: &Session, deed: &Deed) -> Result<Told, Error> {
        let on = |label: u32| self.id(label).unwrap_or_else(|| ConversationId::from_uuid(uuid::Uuid::nil()));
        let interaction = session.interaction();
        match *deed {
            Deed::Rate { conversation, grade, .. } => {
                let (reasons, comment) = (Vec::new(), comment(grade).map(text));
                let cmd = Rate { conversation: on(conversation), grade: word(Grade::parse, &GRADES, grade)?, reasons, comment };
                let rated = interaction.rate(cmd).wait()?;
                Ok(Told::Rated(self.label(rated.conversation), rated.followed_up))
            }
            Deed::Rating { conversation, .. } => {
                let RatingState { rating, until, answer } = interaction.rating(on(conversation))?;
                Ok(Told::Rating { grade: rating.map(|r| grade(r.grade)), until: until.map(Timestamp::micros), answer })
            }
            Deed::AnswerFollowUp { conversation, text: n, .. } => {
                let done = interaction.answer_follow_up(AnswerFollowUp::new(on(conversation), text(n))).wait()?;
                Ok(Told::Done(self.label(done.conversation)))
            }
            Deed::FollowUps { limit, .. } => {
                let found = interaction.follow_ups(FollowUpsAsked::default(), Page { after: None, limit })?;
                Ok(Told::FollowUps(found.items.iter().map(|row| self.followed_up(row)).collect()))
            }
            _ => Ok(Told::Done(0)),
        }
    }

    fn followed_up(&self, row: &FollowUpView) -> FollowedUp {
        FollowedUp {
            view: self.view(&row.conversation),
            grade: row.rating.as_ref().map(|r| grade(r.grade)),
            comment: row.rating.as_ref().and_then(|r| r.comment.clone()),
            state: row.state.as_str(),
            opened_at: row.opened_at.micros(),
            due: (row.due_at.micros(), row.provisional),
            overdue: row.overdue,
            answer: row.answer.clone(),
            answered_at: row.answered_at.map(Timestamp::micros),
            may_act: row.may_act,
        }
    }
}
