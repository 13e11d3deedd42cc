//! Human interaction (人工互动): waiting lines, conversations, messages.
//!
//! A taxpayer enters a line; an officer takes the first in line; they write to each other; the officer closes
//! the conversation with an outcome. Everything that happened can be read back.

mod assigned;
mod attendance;
mod callback;
mod canned;
mod claim;
mod close;
mod conversation;
mod enter;
mod entry;
mod erase;
mod estimate;
mod export;
mod follow_up;
mod gate;
mod hold;
mod hours_over;
mod join;
mod leave;
mod line;
mod merge;
mod message;
mod offer;
mod position;
mod presence;
mod prioritise;
mod promise;
mod quote;
mod rating;
mod read;
mod ready;
mod recall;
mod reminder;
mod reply;
mod reply_due;
mod routing;
mod search;
mod served;
mod set_line;
mod shipped;
mod source;
mod stint;
mod transcript;
mod transfer;
mod wall;
mod whisper;
mod withheld;
mod workload;

pub use assigned::{Assignment, AssignmentView, assignments};
pub(crate) use attendance::gone;
pub use attendance::{Attendance, ReturnHeld, Returned, be_present, return_held};
pub use callback::{CallbackRequested, RequestCallback, request_callback};
pub use canned::{
    CannedReply, CannedReplyPut, CannedReplyView, DeleteCannedReply, DeleteOwnCannedReply, FindCannedReplies, PutCannedReply,
    PutOwnCannedReply, canned_replies, delete_canned_reply, delete_own_canned_reply, put_canned_reply, put_own_canned_reply,
};
pub use claim::{CALLED_BACK, Claim, Claimed, claim};
pub use close::{Close, CloseIdle, Closed, Outcome, close, close_idle};
pub use conversation::{Conversation, ConversationState, ConversationView, conversation};
pub(crate) use conversation::{closing_note, open as open_conversation, transfer_note};
#[cfg(feature = "testing")]
pub(crate) use conversation::{conversation_of_anybody, list_of_anybody};
pub use enter::{Enter, Entered, enter};
pub use entry::{SignedEntry, sign_entry};
pub(crate) use erase::{all_of, erase_of, open_of};
pub use estimate::{Estimate, Longer, NoEstimate};
pub(crate) use export::export_transcript;
pub use export::{ExportFormat, ExportReviewed, ExportTranscript, ExportedTranscript, is_as_exported};
pub use follow_up::{
    AnswerFollowUp, FollowUp, FollowUpDue, FollowUpState, FollowUpView, FollowUps, FollowUpsAsked, FollowedUp, RecomputeDue, Recomputed,
    Revisit, RevisitFollowUp, answer_follow_up, follow_ups,
};
pub(crate) use follow_up::{follow_up_due, follow_up_texts, recompute_due, revisit_follow_up};
pub(crate) use hold::hold_over;
pub use hold::{Held, Hold, HoldOver, Resume, hold, resume};
pub(crate) use hours_over::hours_over;
pub use hours_over::{CalledBackLater, HoursOver};
pub use join::{Join, Joined, StepOut, join, step_out};
pub use leave::{Leave, Left, leave};
pub use line::{Line, LineHours, LineKind, LineSettings, LineView, ManagedLine, lines, managed_line};
pub(crate) use line::{lines_within, named_line};
pub use merge::{Merge, Merged, ParallelView, merge, parallel};
pub use message::{Message, MessageView, SendMessage, Sent, messages, send};
pub(crate) use message::{Reader, is_first as is_first_message, one as one_message};
pub use offer::{AcceptOffer, DeclineOffer, Declined, OfferView, OfferWaiting, Offered, Passes, accept_offer, decline_offer, offers};
pub(crate) use offer::{offer_waiting, to_offer};
pub(crate) use position::positions;
pub use position::{Position, position};
pub use presence::{Availability, Presence, Typing};
pub(crate) use presence::{Hint, Present, lease_end, typing};
pub use prioritise::{Prioritise, Prioritised, prioritise};
pub use promise::{LinePromise, Promises, promises};
pub use quote::Quoted;
pub use rating::{Grade, Rate, Rated, Rating, RatingReason, RatingReasons, RatingState, RatingView, rating, rating_reasons};
pub(crate) use rating::{rate, rating_of};
pub use read::{MarkRead, mark_read};
pub use ready::ReadyLines;
pub use recall::{Recall, Recalled, recall};
pub use reminder::{RemindUnanswered, Reminded, Reminder, ReminderFor, ReminderKind, ReminderRule, Reminders, Sound};
pub(crate) use reminder::{remind_unanswered, reminded_as, reminder, reminds};
pub(crate) use reply_due::reply_due;
pub use reply_due::{RepliedLate, ReplyDue};
pub use routing::{RoutedTopic, Routing, Specialist};
pub use search::{Found, Hit, Search, SearchPlace, search};
pub use served::ServedBy;
pub use set_line::{LineOpened, OpenLine, ProposeLine, open_line, propose_line};
pub(crate) use set_line::{carry_out, changes};
pub use source::{ConversationPage, SourceChannel, SourceCount, Sources, Wanted, list, sources};
pub use stint::Stint;
pub use transcript::{Review, Transcript, TranscriptEvent, WaitingView, waiting};
pub(crate) use transcript::{opened_numbers, transcript};
pub use transfer::{Transfer, TransferTo, Transferred, transfer};
pub use wall::{LineNow, LongWait, LongWaitReason, OfficerNow, Wall, wall};
pub use whisper::{AskColleague, Whisper, WhisperRow, WhisperView, Whispered, ask_colleague, whisper, whispers};
