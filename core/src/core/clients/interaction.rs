//! Lines, conversations, messages.

use crate::access;
use crate::approval::Opened;
use crate::clock::Timestamp;
use crate::core::Session;
use crate::core::door::commands;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::id::{ConversationId, LineId};
use crate::interaction::{
    self, AcceptOffer, AskColleague, AssignmentView, Availability, CallbackRequested, CannedReplyPut, CannedReplyView, Claim, Claimed,
    Close, CloseIdle, Closed, ConversationPage, ConversationView, DeclineOffer, Declined, DeleteCannedReply, DeleteOwnCannedReply, Enter,
    Entered, ExportReviewed, ExportTranscript, ExportedTranscript, FindCannedReplies, Found, Held, Hint, Hold, HoldOver, HoursOver, Join,
    Joined, Leave, Left, LineOpened, LineView, ManagedLine, MarkRead, Merge, Merged, MessageView, OfferView, OfferWaiting, OpenLine,
    ParallelView, Position, Prioritise, Prioritised, Promises, ProposeLine, PutCannedReply, PutOwnCannedReply, Reader, Recall, Recalled,
    RemindUnanswered, ReplyDue, RequestCallback, Resume, ReturnHeld, Review, Search, SendMessage, Sent, SignedEntry, SourceChannel,
    Sources, StepOut, Transcript, Transfer, Transferred, WaitingView, Wanted, WhisperView, Whispered,
};
use crate::limits;
use crate::operation;
use crate::store::{Page, Ticket, Tx};

commands! {
    OpenLine;
    ProposeLine, reason;
    RequestCallback => Conversation(conversation);
    Enter;
    CloseIdle;
    Claim => Line(line);
    Prioritise => Conversation(conversation), reason;
    Leave => Conversation(conversation);
    ReturnHeld;
    Transfer; // once it happened the caller has it no more, and a repeat is answered all the same
    OfferWaiting;
    AcceptOffer => Conversation(conversation);
    DeclineOffer => Conversation(conversation);
    Hold => Conversation(conversation);
    Resume => Conversation(conversation);
    HoldOver;
    HoursOver;
    ReplyDue;
    RemindUnanswered;
    Join => Conversation(conversation), reason;
    StepOut; // once it happened the caller has no part in it, and a repeat is answered all the same
    interaction::Whisper => Conversation(conversation);
    AskColleague => Conversation(conversation);
    Merge => Conversation(conversation);
    SendMessage => Conversation(conversation);
    Recall;
    PutCannedReply;
    DeleteCannedReply;
    PutOwnCannedReply;
    DeleteOwnCannedReply;
    Close => Conversation(conversation);
}

/// Lines, conversations, messages.
pub struct Interaction<'a>(pub(in crate::core) &'a Session);

impl Interaction<'_> {
    /// Opens a line as the host itself.
    pub fn open_line(&self, cmd: OpenLine) -> Ticket<LineOpened> {
        self.0.command(&operation::OPEN_LINE, cmd, interaction::open_line)
    }

    /// Puts forward that a line is opened or works otherwise.
    pub fn propose_line(&self, cmd: ProposeLine) -> Ticket<Opened> {
        self.0.command(&operation::PROPOSE_LINE, cmd, interaction::propose_line)
    }

    /// A line that the caller manages, with all that is set.
    pub fn line(&self, line: LineId) -> Result<ManagedLine, Error> {
        self.0.query(&operation::LINE, move |tx, ctx| interaction::managed_line(tx, ctx, line))
    }

    /// Signs an entry into a line that the caller manages.
    pub fn sign_entry(&self, line: LineId, channel: SourceChannel) -> Result<SignedEntry, Error> {
        self.0.query(&operation::SIGN_ENTRY, move |tx, ctx| interaction::sign_entry(tx, ctx, line, channel))
    }

    /// The lines that take people in.
    pub fn lines(&self) -> Result<Vec<LineView>, Error> {
        let calendars = self.0.core.0.calendars.clone();
        self.0.query(&operation::LINES, move |tx, ctx| interaction::lines(tx, ctx, &calendars))
    }

    /// Enters a line.
    pub fn enter(&self, cmd: Enter) -> Ticket<Entered> {
        let calendars = self.0.core.0.calendars.clone();
        self.0.command(&operation::ENTER, cmd, move |tx, ctx, cmd| interaction::enter(tx, ctx, &calendars, cmd))
    }

    /// Lets a taxpayer who waits go, and be called back when it is their turn.
    pub fn request_callback(&self, cmd: RequestCallback) -> Ticket<CallbackRequested> {
        let calendars = self.0.core.0.calendars.clone();
        self.0.command(&operation::REQUEST_CALLBACK, cmd, move |tx, ctx, cmd| interaction::request_callback(tx, ctx, &calendars, cmd))
    }

    /// Where a conversation stands in its line, and an estimate of the wait.
    pub fn position(&self, id: ConversationId) -> Result<Position, Error> {
        let (presence, calendars) = (self.0.core.0.presence.clone(), self.0.core.0.calendars.clone());
        self.0.query(&operation::POSITION, move |tx, ctx| interaction::position(tx, ctx, &presence, &calendars, id))
    }

    /// Leaves a line before being served.
    pub fn leave(&self, cmd: Leave) -> Ticket<Left> {
        self.0.command(&operation::LEAVE, cmd, interaction::leave)
    }

    /// Who waits in a line, first in line first.
    pub fn waiting(&self, line: LineId, limit: u32) -> Result<WaitingView, Error> {
        self.0.query(&operation::WAITING, move |tx, ctx| interaction::waiting(tx, ctx, line, limit))
    }

    /// Takes the first in line.
    pub fn claim(&self, cmd: Claim) -> Ticket<Claimed> {
        self.0.command(&operation::CLAIM, cmd, interaction::claim)
    }

    /// How a conversation came to each of its officers, and why.
    pub fn assignments(&self, conversation: ConversationId) -> Result<Vec<AssignmentView>, Error> {
        self.0.query(&operation::ASSIGNMENTS, move |tx, ctx| interaction::assignments(tx, ctx, conversation))
    }

    /// Lets somebody who waits go first, with a reason.
    pub fn prioritise(&self, cmd: Prioritise) -> Ticket<Prioritised> {
        self.0.command(&operation::PRIORITISE, cmd, interaction::prioritise)
    }

    /// Writes a message. Its idempotency key is the client's id for the message.
    pub fn send(&self, cmd: SendMessage) -> Ticket<Sent> {
        self.0.command(&operation::SEND, cmd, interaction::send)
    }

    /// Recalls a message of one's own.
    pub fn recall(&self, cmd: Recall) -> Ticket<Recalled> {
        self.0.command(&operation::RECALL, cmd, interaction::recall)
    }

    /// Writes or changes a canned reply of an authority.
    pub fn put_canned_reply(&self, cmd: PutCannedReply) -> Ticket<CannedReplyPut> {
        self.0.command(&operation::PUT_CANNED_REPLY, cmd, interaction::put_canned_reply)
    }

    /// Deletes a canned reply of an authority.
    pub fn delete_canned_reply(&self, cmd: DeleteCannedReply) -> Ticket<CannedReplyPut> {
        self.0.command(&operation::DELETE_CANNED_REPLY, cmd, interaction::delete_canned_reply)
    }

    /// Writes or changes a canned reply of the caller's own.
    pub fn put_own_canned_reply(&self, cmd: PutOwnCannedReply) -> Ticket<CannedReplyPut> {
        self.0.command(&operation::PUT_OWN_CANNED_REPLY, cmd, interaction::put_own_canned_reply)
    }

    /// Deletes a canned reply of the caller's own.
    pub fn delete_own_canned_reply(&self, cmd: DeleteOwnCannedReply) -> Ticket<CannedReplyPut> {
        self.0.command(&operation::DELETE_OWN_CANNED_REPLY, cmd, interaction::delete_own_canned_reply)
    }

    /// Canned replies that the caller may use, the newest first.
    pub fn canned_replies(&self, asked: FindCannedReplies) -> Result<Vec<CannedReplyView>, Error> {
        self.0.query(&operation::CANNED_REPLIES, move |tx, ctx| interaction::canned_replies(tx, ctx, &asked))
    }

    /// Canned replies of the authorities within the caller's reach, the newest first.
    pub fn managed_canned_replies(&self, asked: FindCannedReplies) -> Result<Vec<CannedReplyView>, Error> {
        self.0.query(&operation::MANAGED_CANNED_REPLIES, move |tx, ctx| interaction::canned_replies(tx, ctx, &asked))
    }

    /// Moves read marks forward; answers how many moved.
    pub fn mark_read(&self, rows: Vec<MarkRead>) -> Ticket<u64> {
        self.0.ingest(&operation::MARK_READ, rows, interaction::mark_read)
    }

    /// Says that the caller is typing.
    pub fn typing(&self, conversation: ConversationId) -> Result<(), Error> {
        let hint = self.0.ephemeral(&operation::TYPING, move |tx, ctx| interaction::typing(tx, ctx, conversation).map(Hint::Typing))?;
        self.hint(&hint);
        Ok(())
    }

    /// Renews the caller's presence; it ends [`limits::PRESENCE_LEASE`] later.
    pub fn be_present(&self) -> Ticket<u64> {
        self.be_available(Availability::default())
    }

    /// The same, and what the caller takes until then.
    pub fn be_available(&self, availability: Availability) -> Ticket<u64> {
        let renewed = self.0.ingest(&operation::BE_PRESENT, vec![()], interaction::be_present);
        if access::admit(&operation::BE_PRESENT, &self.0.actor).is_ok()
            && let Ok(officer) = self.0.actor.officer()
        {
            let posts = officer.posts.iter().filter(|p| p.permissions.contains(&access::Permission::ServeTaxpayers));
            let serves = posts.filter_map(|p| p.authority.own()).collect();
            let until = interaction::lease_end(self.0.core.now());
            let said = interaction::Present { officer: officer.id, serves, capacity: officer.capacity, availability, until, host: 0 };
            self.hint(&Hint::Present(self.0.core.0.presence.say(said)));
        }
        renewed
    }

    /// Hands a conversation that the caller holds to a colleague, a line or another authority.
    pub fn transfer(&self, cmd: Transfer) -> Ticket<Transferred> {
        let calendars = self.0.core.0.calendars.clone();
        self.0.command(&operation::TRANSFER, cmd, move |tx, ctx, cmd| interaction::transfer(tx, ctx, &calendars, cmd))
    }

    fn hint(&self, hint: &Hint) {
        // Cannot fail: plain data. A whisper too long for the wire is dropped there.
        if let Ok(note) = serde_json::to_string(hint)
            && note.len() <= limits::WHISPER_BYTES_MAX
        {
            self.0.core.0.store.whisper(&note);
        }
    }

    /// Conversations that are offered to the caller now.
    pub fn offers(&self) -> Result<Vec<OfferView>, Error> {
        self.0.query(&operation::OFFERS, interaction::offers)
    }

    /// Takes a conversation that is offered to the caller.
    pub fn accept_offer(&self, cmd: AcceptOffer) -> Ticket<Claimed> {
        self.0.command(&operation::ACCEPT_OFFER, cmd, interaction::accept_offer)
    }

    /// Lets an offer pass.
    pub fn decline_offer(&self, cmd: DeclineOffer) -> Ticket<Declined> {
        self.0.command(&operation::DECLINE_OFFER, cmd, interaction::decline_offer)
    }

    /// How the lines of the caller's area kept what they promise.
    pub fn promises(&self, from: Timestamp, until: Timestamp) -> Result<Promises, Error> {
        self.0.query(&operation::PROMISES, move |tx, ctx| interaction::promises(tx, ctx, from, until))
    }

    /// How the lines of the caller's area stand now.
    pub fn wall(&self) -> Result<interaction::Wall, Error> {
        let (presence, calendars) = (self.0.core.0.presence.clone(), self.0.core.0.calendars.clone());
        self.0.query(&operation::WALL, move |tx, ctx| interaction::wall(tx, ctx, &presence, &calendars))
    }

    /// Puts a conversation on hold.
    pub fn hold(&self, cmd: Hold) -> Ticket<Held> {
        self.0.command(&operation::HOLD, cmd, interaction::hold)
    }

    /// Lets a conversation that is on hold go on.
    pub fn resume(&self, cmd: Resume) -> Ticket<Held> {
        self.0.command(&operation::RESUME, cmd, interaction::resume)
    }

    /// Takes part in a conversation of the caller's area beside its officer.
    pub fn join(&self, cmd: Join) -> Ticket<Joined> {
        self.0.command(&operation::JOIN, cmd, interaction::join)
    }

    /// Takes part in a conversation no more.
    pub fn step_out(&self, cmd: StepOut) -> Ticket<Joined> {
        self.0.command(&operation::STEP_OUT, cmd, interaction::step_out)
    }

    /// Tells the officer of a conversation something that its taxpayer does not see.
    pub fn whisper(&self, cmd: interaction::Whisper) -> Ticket<Whispered> {
        self.0.command(&operation::WHISPER, cmd, interaction::whisper)
    }

    /// Asks a colleague about a conversation.
    pub fn ask_colleague(&self, cmd: AskColleague) -> Ticket<Whispered> {
        self.0.command(&operation::ASK_COLLEAGUE, cmd, interaction::ask_colleague)
    }

    /// Remarks of officers beside a conversation.
    pub fn whispers(&self, conversation: ConversationId) -> Result<Vec<WhisperView>, Error> {
        self.0.query(&operation::WHISPERS, move |tx, ctx| interaction::whispers(tx, ctx, conversation))
    }

    /// Lets another conversation of the same taxpayer go on in one that the caller has.
    pub fn merge(&self, cmd: Merge) -> Ticket<Merged> {
        self.0.command(&operation::MERGE, cmd, interaction::merge)
    }

    /// Other conversations of the same taxpayer that are not over.
    pub fn parallel(&self, conversation: ConversationId) -> Result<Vec<ParallelView>, Error> {
        self.0.query(&operation::PARALLEL, move |tx, ctx| interaction::parallel(tx, ctx, conversation))
    }

    /// Closes a conversation with an outcome.
    pub fn close(&self, cmd: Close) -> Ticket<Closed> {
        self.0.command(&operation::CLOSE, cmd, interaction::close)
    }

    /// One conversation.
    pub fn conversation(&self, id: ConversationId) -> Result<ConversationView, Error> {
        self.0.query(&operation::CONVERSATION, move |tx, ctx| interaction::conversation(tx, ctx, id))
    }

    /// One conversation, whoever asks: beside [`Interaction::conversation`] it tells what asking who may costs. For a bench.
    #[cfg(feature = "testing")]
    pub fn conversation_of_anybody(&self, id: ConversationId) -> Result<ConversationView, Error> {
        use crate::store::StoreExt as _;
        let Session { core, actor, request, key, .. } = self.0;
        let call = core.call(&operation::CONVERSATION, actor, request, key.as_ref());
        core.0.store.query(operation::CONVERSATION.name, move |tx| interaction::conversation_of_anybody(tx, &call.ctx(), id))
    }

    /// The newest conversations, whoever asks: beside [`Interaction::conversations`] it tells what asking who may costs. For a bench.
    #[cfg(feature = "testing")]
    pub fn conversations_of_anybody(&self, limit: u32) -> Result<Vec<ConversationView>, Error> {
        use crate::store::StoreExt as _;
        let Session { core, actor, request, key, .. } = self.0;
        let call = core.call(&operation::CONVERSATIONS, actor, request, key.as_ref());
        core.0.store.query(operation::CONVERSATIONS.name, move |tx| interaction::list_of_anybody(tx, &call.ctx(), limit))
    }

    /// Conversations within the caller's area, newest first.
    pub fn conversations(&self, page: Page, which: Wanted) -> Result<ConversationPage, Error> {
        self.0.query(&operation::CONVERSATIONS, move |tx, ctx| interaction::list(tx, ctx, page, which))
    }

    /// How many conversations of the caller's area came by each channel.
    pub fn sources(&self, from: Timestamp, until: Timestamp) -> Result<Sources, Error> {
        self.0.query(&operation::SOURCES, move |tx, ctx| interaction::sources(tx, ctx, from, until))
    }

    /// The caller's own conversations, newest first.
    pub fn mine(&self, page: Page) -> Result<Vec<ConversationView>, Error> {
        self.0
            .query(&operation::MY_CONVERSATIONS, move |tx, ctx| interaction::list(tx, ctx, page, Wanted::default()).map(|page| page.items))
    }

    /// Messages of a conversation behind the place `after`.
    pub fn messages(&self, id: ConversationId, after: i64, limit: u32) -> Result<Vec<MessageView>, Error> {
        self.0.query(&operation::MESSAGES, move |tx, ctx| interaction::messages(tx, ctx, id, after, limit))
    }

    /// Everything that happened in a conversation of the caller's area; the reason goes to the audit trail.
    pub fn review(&self, cmd: Review) -> Ticket<Transcript> {
        let (id, subject) = (cmd.conversation, format!("conversation/{}", cmd.conversation));
        let reason = Some(cmd.reason.trim().to_owned());
        self.0.audited_query(&operation::REVIEW, &cmd.clone(), subject, reason, move |tx, ctx| {
            crate::identity::reason(&cmd.reason)?;
            interaction::transcript(tx, ctx, Reader::Reviewer, id)
        })
    }

    /// A conversation of the caller's own to take away; leaves an audit record.
    pub fn export_transcript(&self, cmd: ExportTranscript) -> Ticket<ExportedTranscript> {
        let subject = format!("conversation/{}", cmd.conversation);
        self.0.audited_query(&operation::EXPORT_TRANSCRIPT, &cmd, subject, None, move |tx, ctx| {
            interaction::export_transcript(tx, ctx, cmd.conversation, cmd.format)
        })
    }

    /// A conversation of the caller's area to take away; the reason goes to the audit trail.
    pub fn export_reviewed(&self, cmd: ExportReviewed) -> Ticket<ExportedTranscript> {
        let (subject, reason) = (format!("conversation/{}", cmd.conversation), Some(cmd.reason.trim().to_owned()));
        let (asked, export) = (cmd.clone(), move |tx: &mut dyn Tx, ctx: &Ctx| {
            crate::identity::reason(&cmd.reason)?;
            interaction::export_transcript(tx, ctx, cmd.conversation, cmd.format)
        });
        let messages = |exported: &ExportedTranscript| exported.messages.max(1);
        self.0.audited_query_of(&operation::EXPORT_REVIEWED, &asked, subject, reason, export, messages)
    }

    /// Looks for a text in the caller's own conversations, newest first.
    pub fn search(&self, asked: Search) -> Result<Found, Error> {
        self.0.query(&operation::SEARCH, move |tx, ctx| interaction::search(tx, ctx, &asked))
    }

    /// Everything that happened in a conversation of the caller's own; leaves an audit record.
    pub fn transcript(&self, id: ConversationId) -> Ticket<Transcript> {
        let subject = format!("conversation/{id}");
        self.0.audited_query(&operation::TRANSCRIPT, &id, subject, None, move |tx, ctx| interaction::transcript(tx, ctx, Reader::Party, id))
    }
}
