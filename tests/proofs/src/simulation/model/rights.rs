//! Who may ask for what at all, and what is within whose reach.

use super::{Conversation, LINES, Model, Told, people};
use crate::simulation::step::{Deed, Who};

/// The operation behind a deed, as the audit trail names it.
pub(super) fn operation(deed: &Deed) -> &'static str {
    match deed {
        Deed::Enter { .. } => "interaction.enter",
        Deed::Leave { .. } => "interaction.leave",
        Deed::Claim { .. } => "interaction.claim",
        Deed::Send { .. } => "interaction.send",
        Deed::Recall { .. } => "interaction.recall",
        Deed::Rate { .. } => "interaction.rate",
        Deed::AnswerFollowUp { .. } => "interaction.answer_follow_up",
        Deed::Close { .. } => "interaction.close",
        Deed::Prioritise { .. } => "interaction.prioritise",
        Deed::CallBack { .. } => "interaction.request_callback",
        Deed::Transfer { .. } => "interaction.transfer",
        Deed::Hold { .. } => "interaction.hold",
        Deed::Resume { .. } => "interaction.resume",
        Deed::Merge { .. } => "interaction.merge",
        Deed::Join { .. } => "interaction.join",
        Deed::StepOut { .. } => "interaction.step_out",
        Deed::Whisper { .. } => "interaction.whisper",
        Deed::Accept { .. } => "interaction.accept_offer",
        Deed::Decline { .. } => "interaction.decline_offer",
        Deed::Transcript { .. } => "interaction.transcript",
        Deed::Review { .. } => "interaction.review",
        Deed::SignIn { .. } => "access.sign_in",
        Deed::SignOut { .. } => "access.sign_out",
        Deed::IssueTicket { .. } => "access.issue_ticket",
        Deed::People { affair, .. } => people::operation(affair),
        _ => "",
    }
}

/// Whether a deed leaves a record when it is done.
pub(crate) fn audited(deed: &Deed) -> bool {
    !operation(deed).is_empty()
}

/// Whether a deed reads one conversation.
fn reads(deed: &Deed) -> bool {
    matches!(
        deed,
        Deed::Look { .. }
            | Deed::Messages { .. }
            | Deed::Position { .. }
            | Deed::Transcript { .. }
            | Deed::Review { .. }
            | Deed::Rating { .. }
    )
}

impl Model {
    /// Who may call at all.
    pub(super) fn refused(&self, who: Who, deed: &Deed) -> Option<Told> {
        let by_taxpayer = matches!(
            deed,
            Deed::Enter { .. }
                | Deed::Leave { .. }
                | Deed::CallBack { .. }
                | Deed::Recall { .. }
                | Deed::Rate { .. }
                | Deed::Rating { .. }
                | Deed::Send { .. }
                | Deed::Read { .. }
                | Deed::Look { .. }
                | Deed::Messages { .. }
                | Deed::Position { .. }
                | Deed::Mine { .. }
                | Deed::Transcript { .. }
                | Deed::Follow { .. }
        );
        let by_officer = matches!(
            deed,
            Deed::Claim { .. }
                | Deed::Send { .. }
                | Deed::Recall { .. }
                | Deed::Read { .. }
                | Deed::Close { .. }
                | Deed::Transfer { .. }
                | Deed::Hold { .. }
                | Deed::Resume { .. }
                | Deed::Merge { .. }
                | Deed::StepOut { .. }
                | Deed::Whispers { .. }
                | Deed::Offers { .. }
                | Deed::Accept { .. }
                | Deed::Decline { .. }
                | Deed::Look { .. }
                | Deed::Messages { .. }
                | Deed::Position { .. }
                | Deed::Waiting { .. }
                | Deed::Mine { .. }
                | Deed::Transcript { .. }
                | Deed::Present { .. }
                | Deed::Follow { .. }
        );
        let by_chief = matches!(
            deed,
            Deed::Join { .. }
                | Deed::Whisper { .. }
                | Deed::List { .. }
                | Deed::Review { .. }
                | Deed::AnswerFollowUp { .. }
                | Deed::FollowUps { .. }
        );
        let may = match (who, deed) {
            (Who::Nobody, _) => return Some(Told::Refused("access.sign_in_required", 0)),
            (_, Deed::People { affair, .. }) => people::may(who, affair),
            (Who::Taxpayer(_), _) => by_taxpayer,
            (Who::Officer(n), _) => by_officer || self.is_chief(n) && by_chief,
            (Who::Supervisor, _) => by_chief || matches!(deed, Deed::Prioritise { .. } | Deed::StepOut { .. } | Deed::Follow { .. }),
            (Who::IdleHand, _) => matches!(deed, Deed::StepOut { .. } | Deed::Follow { .. }),
            (Who::System | Who::Outsider, _) => false,
        };
        (!may).then_some(Told::Refused("access.denied", 0))
    }

    /// The conversation, if the caller may know of it. Whoever reads the one in which another goes on reads that one too.
    pub(super) fn seen(&self, who: Who, deed: &Deed, label: u32) -> Option<&Conversation> {
        let c = self.conversations.get(&label)?;
        let goes_on = || c.merged_into.filter(|_| reads(deed)).is_some_and(|kept| self.seen(who, deed, kept).is_some());
        (self.is_in_reach(who, deed, c) || goes_on()).then_some(c)
    }

    fn is_in_reach(&self, who: Who, deed: &Deed, c: &Conversation) -> bool {
        let county = LINES[usize::from(c.line)];
        match who {
            Who::Taxpayer(n) => c.taxpayer == n,
            Who::Officer(n) => {
                let only_area = matches!(
                    deed,
                    Deed::Position { .. }
                        | Deed::Accept { .. }
                        | Deed::Decline { .. }
                        | Deed::Join { .. }
                        | Deed::Whisper { .. }
                        | Deed::Review { .. }
                        | Deed::AnswerFollowUp { .. }
                );
                // Whoever wrote in it recalls that, also where they have it no more.
                let wrote = matches!(deed, Deed::Recall { .. }) && c.served.contains(&n);
                let area = only_area || matches!(deed, Deed::Look { .. });
                area && self.county(n) == county || !only_area && c.is_of(n) || wrote
            }
            Who::Supervisor => !matches!(deed, Deed::StepOut { .. }) && self.is_watched(c.line),
            _ => false,
        }
    }

    /// Whether somebody who supervises has a conversation among theirs.
    pub(super) fn supervises(&self, who: Who, label: u32) -> bool {
        matches!(who, Who::Supervisor)
            || matches!(who, Who::Officer(n) if self.county(n) == LINES[usize::from(self.conversations[&label].line)])
    }
}
