//! What `Debug` shows of a conversation, of a message and of what is said of them: which one, and where it stands. What people wrote, and who they are, reaches
//! no log and no message of a failed assertion; JSON carries it to whoever may see it.

use std::fmt;

use super::{ConversationView, FollowUpView, Hit, MessageView, Quoted, RatingState, RatingView};

impl fmt::Debug for MessageView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("MessageView");
        shown.field("number", &self.number).field("sender", &self.sender).field("mine", &self.mine).field("sent_at", &self.sent_at);
        shown.finish_non_exhaustive()
    }
}

impl fmt::Debug for ConversationView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ConversationView");
        shown.field("id", &self.id).field("line", &self.line).field("state", &self.state).field("outcome", &self.outcome);
        shown.field("last_number", &self.last_number).finish_non_exhaustive()
    }
}

impl fmt::Debug for Quoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Quoted");
        shown.field("number", &self.number).field("sender", &self.sender).field("mine", &self.mine).field("recalled", &self.recalled);
        shown.finish_non_exhaustive()
    }
}

impl fmt::Debug for Hit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Hit");
        shown.field("conversation", &self.conversation).field("number", &self.number).field("sender", &self.sender).field("at", &self.at);
        shown.finish_non_exhaustive()
    }
}

impl fmt::Debug for RatingView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("RatingView");
        shown.field("grade", &self.grade).field("reasons_version", &self.reasons_version).field("rated_at", &self.rated_at);
        shown.finish_non_exhaustive()
    }
}

impl fmt::Debug for RatingState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("RatingState");
        shown.field("rating", &self.rating).field("until", &self.until);
        shown.finish_non_exhaustive()
    }
}

impl fmt::Debug for FollowUpView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("FollowUpView");
        shown
            .field("conversation", &self.conversation)
            .field("rating", &self.rating)
            .field("state", &self.state)
            .field("opened_at", &self.opened_at)
            .field("due_at", &self.due_at)
            .field("overdue", &self.overdue)
            .field("revisit", &self.revisit);
        shown.finish_non_exhaustive()
    }
}
