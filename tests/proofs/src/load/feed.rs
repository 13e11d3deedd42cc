//! What one person was shown, through all lives of their socket.

use std::collections::BTreeSet;
use std::time::Instant;

use serde::Deserialize;
use zhengna_core::id::ConversationId;
use zhengna_core::journal::{Cursor, EventKind};

/// A frame as a client reads it.
#[derive(Deserialize)]
pub(super) struct Frame {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) cursor: Option<Cursor>,
    pub(super) event: Option<Event>,
}

/// An event of a frame.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Event {
    pub(super) cursor: Cursor,
    pub(super) topic: String,
    pub(super) kind: EventKind,
    pub(super) conversation: Option<ConversationId>,
    pub(super) number: Option<i64>,
    pub(super) mine: bool,
    pub(super) message: Option<Message>,
}

/// A message of an event, and of a list.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Message {
    pub(super) number: i64,
    pub(super) mine: bool,
    pub(super) client_id: Option<String>,
    pub(super) text: String,
}

/// An event that was shown, but for those of lines.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) event: Event,
    pub(super) conversation: ConversationId,
    /// On the person's own desk, not in the conversation.
    pub(super) on_desk: bool,
    pub(super) at: Instant,
    /// Since when the socket that brought it was open.
    pub(super) since: Instant,
}

/// What one person was shown.
#[derive(Default)]
pub(super) struct Feed {
    /// Their desk as events name it: `officer/..` or `taxpayer/..`.
    pub(super) desk: String,
    /// Continue behind it.
    pub(super) last: Option<Cursor>,
    pub(super) shown: Vec<Shown>,
    /// Lines that they heard of, and how often.
    pub(super) lines: BTreeSet<String>,
    pub(super) moved: u64,
}

impl Feed {
    /// Takes in an event: behind every one before it.
    pub(super) fn take(&mut self, event: Event, since: Instant) -> Result<(), String> {
        if let Some(last) = self.last.filter(|last| event.cursor <= *last) {
            return Err(format!("doubled or out of order: {event:?} came behind {last}"));
        }
        self.last = Some(event.cursor);
        if matches!(event.kind, EventKind::LineEntered | EventKind::LineMoved) {
            self.moved += 1;
            if !self.lines.contains(&event.topic) {
                self.lines.insert(event.topic);
            }
            return Ok(());
        }
        let on_desk = event.topic == self.desk;
        let conversation = event.conversation.filter(|id| on_desk || event.topic == format!("conversation/{id}"));
        let conversation = conversation.ok_or_else(|| format!("somebody else's: {event:?}"))?;
        self.shown.push(Shown { event, conversation, on_desk, at: Instant::now(), since });
        Ok(())
    }
}
