//! Messages that are recalled and quoted, and how they are shown: to the two who talk without the text, to whoever reviews with it.

use super::{About, Bell, Conversation, MINUTE, Message, Model, NOT_FOUND, State, Subject, Told, UNANSWERED};
use crate::simulation::model::told::{Quote, Words};
use crate::simulation::stage::text;
use crate::simulation::step::Who;

const WITHIN: i64 = 2 * MINUTE;
/// What is shown in place of what was recalled.
const RECALLED: &str = "已撤回";

impl Model {
    pub(super) fn recall(&mut self, who: Who, now: i64, label: u32, number: i64) -> Told {
        let Some(c) = self.conversations.get_mut(&label) else { return NOT_FOUND };
        let (over, taxpayer, officer) = (matches!(c.state, State::Closed | State::Left), c.taxpayer, c.officer);
        let Some(message) = place(number).and_then(|place| c.messages.get_mut(place)) else { return NOT_FOUND };
        if message.who != who {
            return Told::Refused("interaction.not_the_sender", 0);
        }
        let at = now.max(message.at);
        if let Some(first) = message.recalled_at {
            self.record("interaction.recall", who, Subject::Message(label, number), now);
            return Told::Recalled(label, number, first);
        }
        if at > message.at + WITHIN {
            return Told::Refused("interaction.recall_too_late", 0);
        }
        message.recalled_at = Some(at);
        if !matches!(who, Who::Taxpayer(_)) {
            self.owed_again(label);
        }
        let desks = [Some(About::Taxpayer(taxpayer)), officer.map(About::Officer)];
        // Nobody follows any more what is over.
        let desks = desks.into_iter().flatten().filter(|_| over);
        for about in [About::Conversation(label)].into_iter().chain(desks) {
            self.event(who, now, about, "message.recalled", Some(label), Some(number));
        }
        self.record("interaction.recall", who, Subject::Message(label, number), now);
        Told::Recalled(label, number, at)
    }

    /// An answer that was recalled is none: where no other stands, one is owed since when it was.
    fn owed_again(&mut self, label: u32) {
        let Some(c) = self.conversations.get_mut(&label) else { return };
        let Some(claimed_at) = c.claimed_at.filter(|_| c.state == State::Active) else { return };
        if c.held_until.is_some() || c.unanswered_since.is_some() {
            return;
        }
        let stands: Vec<&Message> = c.messages.iter().filter(|m| m.recalled_at.is_none() && m.at >= claimed_at).collect();
        c.unanswered_since = match stands.iter().rposition(|m| m.is_answer()) {
            Some(last) => stands.get(last + 1).map(|m| m.at),
            None => Some(claimed_at),
        };
        if let Some(since) = c.unanswered_since {
            self.set_by(Bell::Unanswered, label, since + UNANSWERED);
        }
    }

    /// Messages behind a number, as somebody sees them.
    pub(super) fn words(&self, who: Who, label: u32, after: i64, reviewed: bool) -> Vec<Words> {
        let c = &self.conversations[&label];
        let all = c.messages.iter().zip(1i64..).filter(|(_, number)| *number > after);
        all.map(|(m, number)| Words {
            number,
            by_taxpayer: matches!(m.who, Who::Taxpayer(_)),
            mine: m.who == who,
            key: m.key,
            text: shown(c, number, reviewed).unwrap_or_default(),
            at: m.at,
            recalled_at: m.recalled_at,
            quoted: place(m.quotes).map(|place| Quote {
                number: m.quotes,
                by_taxpayer: matches!(c.messages[place].who, Who::Taxpayer(_)),
                mine: c.messages[place].who == who,
                text: shown(c, m.quotes, reviewed).unwrap_or_default(),
                recalled: c.messages[place].recalled_at.is_some(),
            }),
        })
        .collect()
    }
}

/// The text of a message.
pub(super) fn shown(c: &Conversation, number: i64, reviewed: bool) -> Option<String> {
    let message = c.messages.get(place(number)?)?;
    Some(if message.recalled_at.is_some() && !reviewed { RECALLED.into() } else { text(message.text) })
}

fn place(number: i64) -> Option<usize> {
    usize::try_from(number.checked_sub(1)?).ok()
}
