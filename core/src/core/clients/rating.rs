//! Ratings, and what follows them.

use crate::core::Interaction;
use crate::core::door::commands;
use crate::error::Error;
use crate::id::ConversationId;
use crate::interaction::{
    self, AnswerFollowUp, FollowUpDue, FollowUps, FollowUpsAsked, FollowedUp, Rate, Rated, RatingReasons, RatingState, RecomputeDue,
    RevisitFollowUp,
};
use crate::operation;
use crate::store::{Page, Ticket};

commands! {
    FollowUpDue;
    RecomputeDue;
    AnswerFollowUp => Conversation(conversation);
    RevisitFollowUp => Conversation(conversation);
    Rate => Conversation(conversation);
}

impl Interaction<'_> {
    /// The reasons that may be given with a rating.
    pub fn rating_reasons(&self) -> Result<RatingReasons, Error> {
        self.0.query(&operation::RATING_REASONS, |_, _| Ok(interaction::rating_reasons()))
    }

    /// Rates a conversation of one's own after its end.
    pub fn rate(&self, cmd: Rate) -> Ticket<Rated> {
        let calendars = self.0.core.0.calendars.clone();
        self.0.command(&operation::RATE, cmd, move |tx, ctx, cmd| interaction::rate(tx, ctx, &calendars, cmd))
    }

    /// How a conversation of one's own stands with its rating.
    pub fn rating(&self, id: ConversationId) -> Result<RatingState, Error> {
        self.0.query(&operation::RATING, move |tx, ctx| interaction::rating(tx, ctx, id))
    }

    /// Low ratings of one's area and how they are followed up, newest first.
    pub fn follow_ups(&self, asked: FollowUpsAsked, page: Page) -> Result<FollowUps, Error> {
        self.0.query(&operation::FOLLOW_UPS, move |tx, ctx| interaction::follow_ups(tx, ctx, asked, page))
    }

    /// Says what was put right or explained after a low rating of somebody else.
    pub fn answer_follow_up(&self, cmd: AnswerFollowUp) -> Ticket<FollowedUp> {
        self.0.command(&operation::ANSWER_FOLLOW_UP, cmd, interaction::answer_follow_up)
    }

    /// Writes down what a call-back about a low rating of somebody else heard.
    pub fn revisit_follow_up(&self, cmd: RevisitFollowUp) -> Ticket<FollowedUp> {
        let calendars = self.0.core.0.calendars.clone();
        self.0.command(&operation::REVISIT_FOLLOW_UP, cmd, move |tx, ctx, cmd| interaction::revisit_follow_up(tx, ctx, &calendars, cmd))
    }
}
