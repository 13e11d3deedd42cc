//! Searching one's own conversations (查找聊天记录): which of their topics and messages hold a text.
//!
//! The texts are sealed, and no index of them is kept: what an index knows, whoever takes the database knows too. So each call
//! opens a bounded number of messages, newest first, and says where the next one goes on.

use serde::{Deserialize, Serialize};

use super::conversation::open;
use super::message::{Reader, text_of};
use super::{Conversation, Message};
use crate::access::{ActorKind, Checked, Scope, Unchecked, check};
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::{self, Error, Problem};
use crate::id::ConversationId;
use crate::identity::subject;
use crate::limits;
use crate::store::{Page, ReadTx, Reads, stretch};

/// Looks for a text in the caller's own conversations.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// What to find: 2 to 50 characters, letters of either case.
    pub text: String,
    /// Where the call before ended.
    pub place: Option<SearchPlace>,
    /// How many at most, 1 to 200; 50 if absent.
    pub limit: Option<u32>,
}

/// Where a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SearchPlace {
    /// When its conversation began.
    pub entered_at: Timestamp,
    /// The conversation that was looked at last.
    pub conversation: ConversationId,
    /// Its messages before this number have not been looked at yet.
    pub before: i64,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Found {
    /// Newest conversation first, and of each the newest message first.
    pub items: Vec<Hit>,
    /// The next call goes on here; absent where everything was looked at. There may be more although nothing was found yet.
    pub next: Option<SearchPlace>,
}

/// A topic or message that holds the text.
#[derive(Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Hit {
    /// The conversation.
    pub conversation: ConversationId,
    /// Place of the message; absent where it is the topic.
    pub number: Option<i64>,
    /// Who wrote it.
    pub sender: ActorKind,
    /// When.
    pub at: Timestamp,
    /// What stands around the text.
    pub excerpt: String,
}

/// Looks for a text, newest first, through at most [`limits::SEARCHED_MESSAGES_MAX`] messages.
pub fn search(tx: &mut dyn ReadTx, ctx: &Ctx, asked: &Search) -> Result<Found, Error> {
    let text = error::text("text", &asked.text, limits::SEARCH_CHARS_MAX)?;
    if text.chars().count() < limits::SEARCH_CHARS_MIN {
        return Err(Error::invalid("text", Problem::TooShort { min: limits::SEARCH_CHARS_MIN }));
    }
    let wanted = asked.limit.unwrap_or(limits::PAGE_ROWS_DEFAULT);
    if !(1..=limits::PAGE_ROWS_MAX).contains(&wanted) {
        return Err(Error::invalid("limit", Problem::OutOfRange { min: 1, max: i64::from(limits::PAGE_ROWS_MAX) }));
    }
    let reader = Reader::taking_away(ctx);
    let mut walk = Walk { reader, text: folded(&text), wanted: wanted as usize, budget: limits::SEARCHED_MESSAGES_MAX, items: Vec::new() };
    let scope = Scope::of(ctx);
    let mut after = asked.place.map(|place| (place.entered_at, place.conversation.uuid()));
    // The one that the call before did not finish comes first.
    let mut left = limits::SEARCHED_CONVERSATIONS_MAX;
    if let Some(place) = asked.place.filter(|place| place.before > 0) {
        let rest = match open(tx, ctx, place.conversation) {
            Err(Error::NotFound { .. }) => None, // not theirs any more
            c => walk.conversation(tx, ctx, &c?, Some(place.before))?,
        };
        if let Some(rest) = rest {
            return Ok(Found { items: walk.items, next: Some(rest) });
        }
    }
    while left > 0 {
        let page: Vec<Conversation> = tx.list(&scope, Page { after, limit: left.min(limits::SEARCHED_AT_ONCE) })?;
        let Some(last) = page.last() else { return Ok(Found { items: walk.items, next: None }) };
        after = Some((last.entered_at, last.id.uuid()));
        left -= page.len() as u32;
        for c in page {
            let c = check(ctx, Some(Unchecked::new(c)))?;
            if let Some(rest) = walk.conversation(tx, ctx, &c, None)? {
                return Ok(Found { items: walk.items, next: Some(rest) });
            }
        }
    }
    let place = after.map(|(entered_at, id)| SearchPlace { entered_at, conversation: ConversationId::from_uuid(id), before: 0 });
    Ok(Found { items: walk.items, next: place })
}

struct Walk {
    reader: Reader,
    text: String,
    wanted: usize,
    budget: u32,
    items: Vec<Hit>,
}

impl Walk {
    /// Looks at a conversation from its newest message, or from before a number; where it stopped, if it did.
    fn conversation(
        &mut self,
        tx: &mut dyn ReadTx,
        ctx: &Ctx,
        c: &Checked<Conversation>,
        before: Option<i64>,
    ) -> Result<Option<SearchPlace>, Error> {
        let place = |before| Some(SearchPlace { entered_at: c.entered_at, conversation: c.id, before });
        // Nothing is left to be found in one that was erased.
        let Some(key) = subject::known_key(tx, ctx, c.id.uuid())? else { return Ok(None) };
        let mut before = before.unwrap_or(c.last_number + 1);
        while before > 1 {
            if self.budget == 0 || self.items.len() >= self.wanted {
                return Ok(place(before));
            }
            let range = stretch(None, ()).newest_first().after((before,)).limit(self.budget.min(limits::PAGE_ROWS_MAX));
            let page: Vec<Message> = tx.under(c, range)?;
            let Some(last) = page.last() else { break };
            let lowest = last.number;
            for m in &page {
                if self.items.len() >= self.wanted {
                    return Ok(place(m.number + 1));
                }
                self.budget -= 1;
                if m.recalled_at.is_none()
                    && let Some(excerpt) = self.around(&text_of(Some(&key), self.reader, m)?)
                {
                    self.items.push(Hit { conversation: c.id, number: Some(m.number), sender: m.sender.kind, at: m.sent_at, excerpt });
                }
            }
            before = lowest;
        }
        if self.items.len() >= self.wanted {
            return Ok(place(1));
        }
        if let Some(excerpt) = self.around(&self.reader.shown(c.open_topic(Some(&key))?)) {
            self.items.push(Hit { conversation: c.id, number: None, sender: ActorKind::Taxpayer, at: c.entered_at, excerpt });
        }
        Ok(None)
    }

    /// What stands around the text, where it stands.
    fn around(&self, whole: &str) -> Option<String> {
        let folded = folded(whole);
        let at = folded[..folded.find(&self.text)?].chars().count();
        let begin = at.saturating_sub(limits::SEARCH_AROUND_CHARS);
        let length = at - begin + self.text.chars().count() + limits::SEARCH_AROUND_CHARS;
        let mut characters = whole.chars().skip(begin);
        let mut excerpt: String = characters.by_ref().take(length).map(|c| if c == '\n' { ' ' } else { c }).collect();
        if begin > 0 {
            excerpt.insert(0, '…');
        }
        if characters.next().is_some() {
            excerpt.push('…');
        }
        Some(excerpt)
    }
}

/// Latin letters in lower case: every character stays one character.
fn folded(text: &str) -> String {
    text.chars().map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_shows_what_stands_around() {
        let walk = |text: &str| Walk { reader: Reader::Party, text: folded(text), wanted: 1, budget: 1, items: Vec::new() };
        assert_eq!(walk("etax").around("请打开 ETAX 应用\n首页"), Some("请打开 ETAX 应用 首页".into()));
        assert_eq!(walk("退税").around("无关"), None);
        let (front, back) = ("前".repeat(limits::SEARCH_AROUND_CHARS + 1), "后".repeat(limits::SEARCH_AROUND_CHARS + 1));
        let shown = walk("退税").around(&format!("{front}退税{back}")).unwrap();
        assert_eq!(shown, format!("…{}退税{}…", "前".repeat(limits::SEARCH_AROUND_CHARS), "后".repeat(limits::SEARCH_AROUND_CHARS)));
    }
}
