//! Appeals.

use crate::appeal::{self, AnswerAppeal, AppealAnswered, AppealFiled, AppealView, FileAppeal, Respondent};
use crate::core::Session;
use crate::core::door::{Command, Target};
use crate::error::Error;
use crate::id::AppealId;
use crate::operation;
use crate::store::{Page, Ticket};

impl Command for FileAppeal {
    fn target(&self) -> Target {
        match self.about {
            Respondent::Conversation(id) => Target::Conversation(id),
            Respondent::Authority(_) => Target::Caller,
        }
    }
}
impl Command for AnswerAppeal {
    fn target(&self) -> Target {
        Target::Appeal(self.appeal)
    }
}

/// Appeals.
pub struct Appeals<'a>(pub(in crate::core) &'a Session);

impl Appeals<'_> {
    /// Files a complaint of the caller's.
    pub fn file(&self, cmd: FileAppeal) -> Ticket<AppealFiled> {
        self.0.command(&operation::FILE_APPEAL, cmd, appeal::file)
    }

    /// One appeal.
    pub fn appeal(&self, id: AppealId) -> Result<AppealView, Error> {
        self.0.query(&operation::READ_APPEAL, move |tx, ctx| appeal::appeal(tx, ctx, id))
    }

    /// The caller's own, newest first.
    pub fn mine(&self, page: Page) -> Result<Vec<AppealView>, Error> {
        self.0.query(&operation::MY_APPEALS, move |tx, ctx| appeal::appeals(tx, ctx, page))
    }

    /// Appeals that the caller handles, newest first.
    pub fn list(&self, page: Page) -> Result<Vec<AppealView>, Error> {
        self.0.query(&operation::APPEALS, move |tx, ctx| appeal::appeals(tx, ctx, page))
    }

    /// Answers an appeal, which closes it.
    pub fn answer(&self, cmd: AnswerAppeal) -> Ticket<AppealAnswered> {
        self.0.command(&operation::ANSWER_APPEAL, cmd, appeal::answer)
    }
}
