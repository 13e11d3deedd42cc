//! What nobody should do: people try what is not theirs, or what is over, and use keys that were used.

use super::super::player::Came;
use super::super::stage::LINES;
use super::super::step::{Affair, Deed, To, Who};
use super::Crowd;

impl Crowd {
    /// Somebody tries what is not theirs, or looks, or uses a key again.
    pub(super) fn probe(&mut self) -> Result<(), String> {
        let far = self.dice.chance(300);
        let back = self.dice.below(if far { u64::from(self.labels) + 1 } else { 40 }) as u32;
        let conversation = self.labels.saturating_sub(back + 1);
        let who = match self.dice.below(10) {
            0 | 1 => self.taxpayer(),
            2..=4 => Who::Officer(self.dice.below(u64::from(self.staff())) as u8),
            5 => Who::Supervisor,
            6 => self.dice.pick(&[Who::IdleHand, Who::System, Who::Nobody]).unwrap_or(Who::Nobody),
            _ => self.owner(conversation).unwrap_or(Who::Nobody),
        };
        let line = self.dice.below(LINES.len() as u64) as u8;
        let limit = 1 + self.dice.below(12) as u32;
        let deed = match self.dice.below(32) {
            0..=2 => Deed::Look { who, conversation },
            3 => Deed::Messages { who, conversation, after: 0 },
            4 => Deed::Position { who, conversation },
            5 => Deed::Waiting { who, line },
            6 => Deed::Mine { who, limit },
            7 => Deed::List { who, limit },
            8 if self.dice.chance(200) => Deed::Transcript { who, conversation },
            9 if self.dice.chance(200) => Deed::Review { who, conversation },
            8..=10 => Deed::Send { who, conversation, text: if far { u32::MAX } else { 7 }, quotes: limit.into() },
            11 => Deed::Read { who, conversation, number: limit as i64 - 2 },
            12 => Deed::Close { who, conversation, outcome: 0 },
            13 => Deed::Leave { who, conversation },
            14 => Deed::Prioritise { who, conversation },
            15 if self.dice.chance(300) => Deed::Hold { who, conversation, minutes: 2 },
            15 if self.dice.chance(300) => Deed::Merge { who, conversation, other: conversation.saturating_sub(1) },
            15 => Deed::Claim { who, line },
            16 => Deed::Join { who, conversation },
            17 => Deed::StepOut { who, conversation },
            18 => Deed::Whisper { who, conversation, text: if far { u32::MAX } else { 5 } },
            19 => Deed::Whispers { who, conversation },
            20 => Deed::Accept { who, conversation },
            21 => Deed::Decline { who, conversation },
            22 => Deed::Offers { who },
            23 => Deed::CallBack { who, conversation },
            25 => Deed::Recall { who, conversation, number: i64::from(limit) - 2 },
            26 => Deed::Rate { who, conversation, grade: line % 5 },
            27 => Deed::Rating { who, conversation },
            28 => Deed::AnswerFollowUp { who, conversation, text: 11 },
            29 => Deed::FollowUps { who, limit },
            24 => Deed::Transfer { who, conversation, to: To::Colleague(line) },
            _ => return self.collide(),
        };
        self.take(deed, None).map(drop)
    }

    /// A key that was used: again, with another body, by somebody else, for something else.
    fn collide(&mut self) -> Result<(), String> {
        let Some((deed, key)) = self.dice.pick(&self.recent) else { return Ok(()) };
        let other = match (deed, self.dice.below(4)) {
            (_, 0) => deed,
            (Deed::Send { who, conversation, text, quotes }, 1) => Deed::Send { who, conversation, text: text + 1, quotes },
            (Deed::Send { conversation, text, quotes, .. }, 2) => {
                Deed::Send { who: self.other_side(conversation), conversation, text, quotes }
            }
            (Deed::Send { who, conversation, .. }, _) => match who {
                Who::Officer(_) => Deed::Close { who, conversation, outcome: 1 },
                _ => Deed::Leave { who, conversation },
            },
            (Deed::Enter { line, .. }, 1) => {
                let (who, label) = (self.taxpayer(), self.labels);
                self.labels += 1;
                Deed::Enter { who, line, topic: None, label }
            }
            (Deed::Enter { who, label, .. }, 2) => Deed::Send { who, conversation: label, text: 3, quotes: 0 },
            (Deed::Claim { who, .. }, 1) => Deed::Claim { who, line: 1 },
            (Deed::Claim { line, .. }, 2) => {
                let who = Who::Officer(self.dice.below(self.away.len() as u64) as u8);
                Deed::Claim { who, line }
            }
            (Deed::People { affair, .. }, 1) => Deed::People { who: self.taxpayer(), affair },
            (Deed::People { who, affair: Affair::Release { company, person, .. } }, 2) => {
                Deed::People { who, affair: Affair::Release { company, role: 1, person } }
            }
            (Deed::Accept { who, conversation }, 1) => Deed::Decline { who, conversation },
            (Deed::Close { who, conversation, outcome }, _) => Deed::Close { who, conversation, outcome: outcome + 1 },
            (other, _) => other,
        };
        let came = self.take(other, Some(key))?;
        if came == Came::Done {
            self.begun(other);
        }
        Ok(())
    }

    fn other_side(&self, conversation: u32) -> Who {
        let officer = self.player.model.conversations.get(&conversation).and_then(|c| c.officer);
        officer.map_or(Who::Nobody, Who::Officer)
    }
}
