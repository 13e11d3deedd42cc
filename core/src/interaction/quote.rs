//! Quoting (引用): a message that answers an earlier one of the same conversation is shown with a piece of it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::message::{Reader, text_of};
use super::{Conversation, Message};
use crate::access::{ActorKind, Checked};
use crate::crypto::SubjectKey;
use crate::ctx::Ctx;
use crate::error::{Error, Problem};
use crate::limits;
use crate::store::{ReadTx, Reads, stretch};

/// A quoted message, as it is shown with the one that quotes it.
#[derive(Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Quoted {
    /// Place in the conversation.
    pub number: i64,
    /// `taxpayer` or `officer`.
    pub sender: ActorKind,
    /// Whether the caller wrote it.
    pub mine: bool,
    /// The beginning of its text; 已撤回 for one that was recalled since.
    pub excerpt: String,
    /// Whether its sender recalled it.
    pub recalled: bool,
}

/// The number that a new message of this conversation quotes. One that was recalled may be quoted: whoever answers it may not have
/// heard of that yet.
pub(super) fn checked(number: Option<i64>, conversation: &Conversation) -> Result<Option<i64>, Error> {
    match number {
        Some(number) if !(1..=conversation.last_number).contains(&number) => Err(Error::invalid("quotes", Problem::Unknown("message"))),
        number => Ok(number),
    }
}

/// Messages that a page quotes, each read once.
pub(super) struct Quotes(BTreeMap<i64, Message>);

impl Quotes {
    /// Those of the page itself are there already.
    pub(super) fn of(page: &[Message]) -> Self {
        let quoted = |number| page.iter().any(|m| m.quotes == Some(number));
        Self(page.iter().filter(|m| quoted(m.number)).map(|m| (m.number, m.clone())).collect())
    }

    /// A message as it is quoted; nothing where it is not there, which is damage that reading it by its number tells.
    pub(super) fn show(
        &mut self,
        tx: &mut dyn ReadTx,
        ctx: &Ctx,
        conversation: &Checked<Conversation>,
        (key, reader): (Option<&SubjectKey>, Reader),
        number: i64,
    ) -> Result<Option<Quoted>, Error> {
        if !self.0.contains_key(&number) {
            let found: Vec<Message> = tx.under(conversation, stretch(None, ()).after((number - 1,)).limit(1))?;
            self.0.extend(found.into_iter().filter(|m| m.number == number).map(|m| (number, m)));
        }
        let Some(message) = self.0.get(&number) else { return Ok(None) };
        Ok(Some(Quoted {
            number,
            sender: message.sender.kind,
            mine: message.sender == ctx.actor().as_ref(),
            excerpt: beginning(&text_of(key, reader, message)?),
            recalled: message.recalled_at.is_some(),
        }))
    }
}

/// The first characters of a text, on one line.
fn beginning(text: &str) -> String {
    let mut characters = text.chars();
    let mut excerpt: String = characters.by_ref().take(limits::QUOTE_CHARS_MAX).map(|c| if c == '\n' { ' ' } else { c }).collect();
    if characters.next().is_some() {
        excerpt.push('…');
    }
    excerpt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_quoted_by_its_beginning_on_one_line() {
        assert_eq!(beginning("您好\n请问"), "您好 请问");
        let (whole, longer) = ("长".repeat(limits::QUOTE_CHARS_MAX), "长".repeat(limits::QUOTE_CHARS_MAX + 1));
        assert_eq!((beginning(&whole), beginning(&longer)), (whole.clone(), format!("{whole}…")));
    }
}
