//! What a session can do, grouped by noun. Each method is one operation of the table.

use super::{BulkDone, EventPage, LiveEvent, Session, live};
use crate::access::{
    self, Actor, ActorRef, AddOfficer, AddPost, Authenticated, GrantPost, Granted, IssueTicket, Me, NewAuthority, OfficerAdded, PostAdded,
    SetPassword, SignOut, SignedOut, TicketIssued,
};
use crate::audit::{self, AuditEntry};
use crate::core::door::{Command, Target};
use crate::crypto::password;
use crate::error::{Error, Problem};
use crate::id::{ConversationId, LineId, OfficerId, PostId, TaxpayerId};
use crate::identity::{self, NewTaxpayer, RevealTaxpayer, Revealed, TaxpayerCard};
use crate::interaction::{
    self, Claim, Claimed, Close, CloseIdle, Closed, ConversationView, Enter, Entered, Leave, Left, LineOpened, LineView, MarkRead,
    MessageView, OpenLine, Position, Prioritise, Prioritised, Review, SendMessage, Sent, Transcript, Typing, WaitingView, Whisper,
};
use crate::journal::{Cursor, Event, Topic};
use crate::limits;
use crate::operation;
use crate::store::{Page, StoreExt, Ticket};

impl Command for access::Attempt {}
impl Command for SignOut {}
impl Command for IssueTicket {}
impl Command for AddPost {}
impl Command for AddOfficer {}
impl Command for GrantPost {}
impl Command for SetPassword {}
impl Command for OpenLine {}
impl Command for Enter {}
impl Command for CloseIdle {}
impl Command for Claim {
    fn target(&self) -> Target {
        Target::Line(self.line)
    }
}
impl Command for Prioritise {
    fn target(&self) -> Target {
        Target::Conversation(self.conversation)
    }
    fn reason(&self) -> Option<String> {
        Some(self.reason.trim().to_owned())
    }
}
impl Command for Leave {
    fn target(&self) -> Target {
        Target::Conversation(self.conversation)
    }
}
impl Command for SendMessage {
    fn target(&self) -> Target {
        Target::Conversation(self.conversation)
    }
}
impl Command for Close {
    fn target(&self) -> Target {
        Target::Conversation(self.conversation)
    }
}

/// Lines, conversations, messages.
pub struct Interaction<'a>(pub(super) &'a Session);

impl Interaction<'_> {
    /// Opens a line.
    pub fn open_line(&self, cmd: OpenLine) -> Ticket<LineOpened> {
        self.0.command(&operation::OPEN_LINE, cmd, interaction::open_line)
    }

    /// The lines that take people in.
    pub fn lines(&self) -> Result<Vec<LineView>, Error> {
        self.0.query(&operation::LINES, interaction::lines)
    }

    /// Enters a line.
    pub fn enter(&self, cmd: Enter) -> Ticket<Entered> {
        self.0.command(&operation::ENTER, cmd, interaction::enter)
    }

    /// Where a conversation stands in its line, and an estimate of the wait.
    pub fn position(&self, id: ConversationId) -> Result<Position, Error> {
        let presence = self.0.core.0.presence.clone();
        self.0.query(&operation::POSITION, move |tx, ctx| interaction::position(tx, ctx, &presence, id))
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

    /// Lets somebody who waits go first, with a reason.
    pub fn prioritise(&self, cmd: Prioritise) -> Ticket<Prioritised> {
        self.0.command(&operation::PRIORITISE, cmd, interaction::prioritise)
    }

    /// Writes a message. Its idempotency key is the client's id for the message.
    pub fn send(&self, cmd: SendMessage) -> Ticket<Sent> {
        self.0.command(&operation::SEND, cmd, interaction::send)
    }

    /// Moves read marks forward; answers how many moved.
    pub fn mark_read(&self, rows: Vec<MarkRead>) -> Ticket<u64> {
        self.0.ingest(&operation::MARK_READ, rows, interaction::mark_read)
    }

    /// Says that the caller is typing.
    pub fn typing(&self, conversation: ConversationId) -> Result<(), Error> {
        let whisper = self.0.ephemeral(&operation::TYPING, move |tx, ctx| {
            crate::interaction::open_conversation(tx, ctx, conversation)?;
            let until = ctx.now().plus(limits::TYPING_SHOWN);
            Ok(Whisper::Typing(Typing { conversation, who: ctx.actor().as_ref().kind, until }))
        })?;
        self.whisper(&whisper);
        Ok(())
    }

    /// Renews the caller's presence; it ends [`limits::PRESENCE_LEASE`] later.
    pub fn be_present(&self) -> Result<(), Error> {
        let whisper = self.0.ephemeral(&operation::BE_PRESENT, |_, ctx| {
            let officer = ctx.actor().officer()?;
            let posts = officer.posts.iter().filter(|p| p.permissions.contains(&access::Permission::ServeTaxpayers));
            let serves = posts.filter_map(|p| p.authority.own()).collect();
            Ok(Whisper::Present(interaction::Present { officer: officer.id, serves, until: interaction::lease_end(ctx.now()) }))
        })?;
        self.whisper(&whisper);
        Ok(())
    }

    fn whisper(&self, whisper: &Whisper) {
        // Cannot fail: plain data. A whisper too long for the wire is dropped there.
        if let Ok(note) = serde_json::to_string(whisper)
            && note.len() <= limits::WHISPER_BYTES_MAX
        {
            self.0.core.0.store.whisper(&note);
        }
    }

    /// Closes a conversation with an outcome.
    pub fn close(&self, cmd: Close) -> Ticket<Closed> {
        self.0.command(&operation::CLOSE, cmd, interaction::close)
    }

    /// One conversation.
    pub fn conversation(&self, id: ConversationId) -> Result<ConversationView, Error> {
        self.0.query(&operation::CONVERSATION, move |tx, ctx| interaction::conversation(tx, ctx, id))
    }

    /// Conversations within the caller's area, newest first.
    pub fn conversations(&self, page: Page) -> Result<Vec<ConversationView>, Error> {
        self.0.query(&operation::CONVERSATIONS, move |tx, ctx| interaction::list(tx, ctx, page))
    }

    /// The caller's own conversations, newest first.
    pub fn mine(&self, page: Page) -> Result<Vec<ConversationView>, Error> {
        self.0.query(&operation::MY_CONVERSATIONS, move |tx, ctx| interaction::list(tx, ctx, page))
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
            crate::error::text("reason", &cmd.reason, limits::CLOSING_NOTE_CHARS_MAX)?;
            interaction::transcript(tx, ctx, id)
        })
    }

    /// Everything that happened in a conversation of the caller's own; leaves an audit record.
    pub fn transcript(&self, id: ConversationId) -> Ticket<Transcript> {
        let subject = format!("conversation/{id}");
        self.0.audited_query(&operation::TRANSCRIPT, &id, subject, None, move |tx, ctx| interaction::transcript(tx, ctx, id))
    }
}

/// Authorities, officers, posts, sessions.
pub struct Access<'a>(pub(super) &'a Session);

impl Access<'_> {
    /// Who the caller is and what they may do.
    pub fn me(&self) -> Result<Me, Error> {
        self.0.query(&operation::ME, access::me)
    }

    /// Ends the caller's session.
    pub fn sign_out(&self, caller: &Authenticated) -> Ticket<SignedOut> {
        self.0.command(&operation::SIGN_OUT, SignOut { session: caller.session }, access::sign_out)
    }

    /// A one-time ticket that opens a socket for the caller's session.
    pub fn issue_ticket(&self, caller: &Authenticated) -> Ticket<TicketIssued> {
        self.0.command(&operation::ISSUE_TICKET, IssueTicket { session: caller.session }, access::issue_ticket)
    }

    /// Adds authorities, parents before children. Blocks.
    pub fn add_authorities(&self, rows: &[NewAuthority], progress: &mut dyn FnMut(u64)) -> Result<BulkDone, Error> {
        self.0.bulk(&operation::ADD_AUTHORITIES, rows, access::add_authorities, progress)
    }

    /// Creates a post.
    pub fn add_post(&self, cmd: AddPost) -> Ticket<PostAdded> {
        self.0.command(&operation::ADD_POST, cmd, access::add_post)
    }

    /// Adds an officer.
    pub fn add_officer(&self, cmd: AddOfficer) -> Ticket<OfficerAdded> {
        self.0.command(&operation::ADD_OFFICER, cmd, access::add_officer)
    }

    /// Gives an officer a post.
    pub fn grant_post(&self, cmd: GrantPost) -> Ticket<Granted> {
        self.0.command(&operation::GRANT_POST, cmd, access::grant_post)
    }

    /// The officer with this staff number, for the host itself.
    pub fn find_officer(&self, staff_no: &str) -> Result<Option<OfficerId>, Error> {
        access::admit(&operation::ADD_OFFICER, self.0.actor())?;
        let staff_no = staff_no.trim().to_owned();
        self.0.core.0.store.query("access.find_officer", move |tx| access::find_officer(tx, &staff_no))
    }

    /// The post with this name, for the host itself.
    pub fn find_post(&self, name: &str) -> Result<Option<PostId>, Error> {
        access::admit(&operation::ADD_POST, self.0.actor())?;
        let name = name.trim().to_owned();
        self.0.core.0.store.query("access.find_post", move |tx| access::find_post(tx, &name))
    }

    /// Gives a person a sign-in, or a new password. Hashes on this thread, which takes tens of milliseconds.
    ///
    /// # Errors
    /// `Invalid` for a password that breaks the rules, or a login somebody else has.
    pub fn set_password(&self, whose: ActorRef, login: &str, password: &str) -> Result<(), Error> {
        access::admit(&operation::SET_PASSWORD, self.0.actor())?;
        password::password_rules(password, &[login]).map_err(|e| Error::invalid("password", Problem::Malformed(e.to_string())))?;
        let seed = self.0.core.0.entropy.seed();
        let mut rng = <crate::crypto::Rng as rand_core::SeedableRng>::from_seed(seed);
        let phc = password::hash_password(&mut rng, password);
        let cmd = SetPassword { actor: whose, login: login.to_owned(), phc };
        self.0.command(&operation::SET_PASSWORD, cmd, access::set_password).wait().map(drop)
    }
}

/// Taxpayers.
pub struct Identity<'a>(pub(super) &'a Session);

impl Identity<'_> {
    /// Enrols taxpayers. Blocks.
    pub fn enrol(&self, rows: &[NewTaxpayer], progress: &mut dyn FnMut(u64)) -> Result<BulkDone, Error> {
        self.0.bulk(&operation::ENROL_TAXPAYERS, rows, identity::enrol, progress)
    }

    /// The id of the taxpayer with this number, for the host itself.
    pub fn find_by_number(&self, number: &str) -> Result<Option<TaxpayerId>, Error> {
        if !matches!(self.0.actor(), Actor::System) {
            return Err(Error::Denied { operation: operation::ENROL_TAXPAYERS.name });
        }
        let index = self.0.core.0.settings.keys.blind("taxpayer.number", number);
        self.0.core.0.store.query("identity.find_by_number", move |tx| identity::find_by_number(tx, index))
    }

    /// A taxpayer's card, personal data masked.
    pub fn view(&self, id: TaxpayerId) -> Result<TaxpayerCard, Error> {
        self.0.query(&operation::VIEW_TAXPAYER, move |tx, ctx| identity::view(tx, ctx, id))
    }

    /// One field unmasked, with a reason; leaves an audit record.
    pub fn reveal(&self, cmd: RevealTaxpayer) -> Ticket<Revealed> {
        let subject = format!("taxpayer/{}/{}", cmd.taxpayer, cmd.field.as_str());
        let reason = Some(cmd.reason.trim().to_owned());
        let asked = cmd.clone();
        self.0.audited_query(&operation::REVEAL_TAXPAYER, &asked, subject, reason, move |tx, ctx| identity::reveal(tx, ctx, &cmd))
    }
}

/// Live events.
pub struct Journal<'a>(pub(super) &'a Session);

impl Journal<'_> {
    /// What the caller follows. With `since`, also the conversations that ended behind that place, so that a
    /// client that was away reads them to their end.
    pub fn topics(&self, since: Option<Cursor>) -> Result<Vec<Topic>, Error> {
        self.0.query(&operation::EVENTS, move |tx, ctx| live::topics(tx, ctx, since))
    }

    /// Events of `topics` behind `cursor`, at most `max`.
    pub fn events_after(&self, topics: Vec<Topic>, cursor: Cursor, max: u32) -> Result<EventPage, Error> {
        self.0.query(&operation::EVENTS, move |tx, ctx| live::page(tx, ctx, &topics, cursor, max))
    }

    /// What the caller may see of events that the host dispatches.
    pub fn expand(&self, events: Vec<Event>) -> Result<Vec<LiveEvent>, Error> {
        self.0.query(&operation::EVENTS, move |tx, ctx| live::expand(tx, ctx, &events))
    }

    /// Waits until there are events behind `cursor`, or `timeout` has passed: for callers without an event loop.
    pub fn next_events(&self, cursor: Cursor, timeout: std::time::Duration) -> Result<EventPage, Error> {
        let signal = self.0.core.0.store.signal();
        let seen = signal.count();
        let page = self.events_after(self.topics(Some(cursor))?, cursor, limits::EVENTS_PAGE_MAX)?;
        if !page.events.is_empty() {
            return Ok(page);
        }
        signal.wait_past(seen, timeout);
        self.events_after(self.topics(Some(cursor))?, cursor, limits::EVENTS_PAGE_MAX)
    }
}

/// The audit trail.
pub struct Audit<'a>(pub(super) &'a Session);

impl Audit<'_> {
    /// Sealed records behind the place `after`; leaves a record itself.
    pub fn read(&self, after: i64, limit: u32) -> Ticket<Vec<AuditEntry>> {
        let limit = limit.min(limits::PAGE_ROWS_MAX);
        self.0.audited_query(&operation::READ_AUDIT, &(after, limit), "audit".into(), None, move |tx, _| audit::page(tx, after, limit))
    }
}
