//! Human interaction (人工互动): waiting lines, conversations, messages.
//!
//! A taxpayer enters a line; an officer takes the first in line; they write to each other; the officer closes
//! the conversation with an outcome. Everything that happened can be read back.

mod claim;
mod close;
mod conversation;
mod enter;
mod estimate;
mod leave;
mod line;
mod message;
mod presence;
mod prioritise;
mod read;
mod ready;
mod transcript;

pub use claim::{Claim, Claimed, claim};
pub use close::{Close, CloseIdle, Closed, Outcome, close, close_idle};
pub(crate) use conversation::open as open_conversation;
pub use conversation::{Conversation, ConversationState, ConversationView, SourceChannel, conversation, list};
pub use enter::{Enter, Entered, enter};
pub use estimate::{Estimate, estimate};
pub use leave::{Leave, Left, leave};
pub use line::{Line, LineOpened, LineView, OpenLine, lines, open_line};
pub(crate) use message::one as one_message;
pub use message::{Message, MessageView, SendMessage, Sent, messages, send};
pub use presence::{Presence, Typing};
pub(crate) use presence::{Present, Whisper, lease_end};
pub use prioritise::{Prioritise, Prioritised, prioritise};
pub use read::{MarkRead, mark_read};
pub use ready::ReadyLines;
pub use transcript::{Position, Review, Transcript, TranscriptEvent, WaitingView, position, transcript, waiting};
