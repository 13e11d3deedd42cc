//! What a session can do, grouped by noun. Each method is one operation of the table.

use super::{BulkDone, EventPage, Session, live};
use crate::access::{
    self, Actor, ActorRef, AddOfficer, AddPost, Authenticated, FactorCode, FactorConfirmed, FactorEnrolled, FactorReset, GrantPost,
    Granted, IssueTicket, LinkedProvider, Me, NewAuthority, OfficerAdded, PasswordChange, PhoneProvider, PostAdded, Provider, SetPassword,
    SignOut, SignedIn, SignedOut, TicketIssued, UnlinkIdentity, Unlinked,
};
use crate::audit::{self, AuditEntry};
use crate::calendar::{self, Approve, AskDue, CalendarYear, Decided, Draft, DueView, FilingYear, ProposalView, Proposed, Reject};
use crate::core::door::{Command, Target};
use crate::crypto::password;
use crate::error::{Error, Problem};
use crate::id::{ConversationId, LineId, OfficerId, PostId, ProposalId, TaxpayerId};
use crate::identity::{
    self, BeginImport, ImportBegun, ImportRow, NewFormerNumber, NewRealName, NewRelation, NewRosterEntry, NewTaxpayer, OfficerCard,
    PhoneTaken, RelationReleased, RelationView, ReleaseRelation, RevealOnCard, RevealTaxpayer, Revealed, RowVerdict, TakeBack, TakePhone,
    TaxpayerCard,
};
use crate::interaction::{
    self, Claim, Claimed, Close, CloseIdle, Closed, ConversationView, Enter, Entered, Leave, Left, LineOpened, LineView, MarkRead,
    MessageView, OpenLine, Position, Prioritise, Prioritised, Review, SendMessage, Sent, Transcript, Typing, WaitingView, Whisper,
};
use crate::journal::{Cursor, Topic};
use crate::limits;
use crate::operation::{self, Class};
use crate::store::{Page, StoreExt, Ticket};

impl Command for access::Attempt {}
impl Command for access::ConfirmSignIn {}
impl Command for access::ChangePassword {}
impl Command for access::GivePassword {}
impl Command for access::EnrolFactor {}
impl Command for FactorCode {}
impl Command for access::ResetFactor {}
impl Command for access::Bootstrap {}
impl Command for access::SignInWithProvider {}
impl Command for access::UnlinkIdentity {}
impl Command for identity::TakePhone {}
impl Command for SignOut {}
impl Command for IssueTicket {}
impl Command for AddPost {}
impl Command for BeginImport {}
impl Command for AddOfficer {}
impl Command for GrantPost {}
impl Command for SetPassword {}
impl Command for OpenLine {}
impl Command for Enter {}
impl Command for CloseIdle {}
impl Command for Draft {}
impl Command for Approve {}
impl Command for Reject {
    fn reason(&self) -> Option<String> {
        Some(self.reason.trim().to_owned())
    }
}
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
impl Command for ReleaseRelation {
    fn target(&self) -> Target {
        Target::Relation { enterprise: self.enterprise, person: self.person }
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
        let phc = self.hashed(password, &[login])?;
        let cmd = SetPassword { actor: whose, login: login.to_owned(), phc };
        self.0.command(&operation::SET_PASSWORD, cmd, access::set_password).wait().map(drop)
    }

    /// The password as it is stored, if it keeps the rules.
    fn hashed(&self, password: &str, names: &[&str]) -> Result<String, Error> {
        password::password_rules(password, names).map_err(|e| Error::invalid("password", Problem::Password(e)))?;
        let seed = self.0.core.0.entropy.seed();
        let mut rng = <crate::crypto::Rng as rand_core::SeedableRng>::from_seed(seed);
        Ok(password::hash_password(&mut rng, password))
    }

    /// Gives an officer a password that they must change at the next sign-in. Hashes on this thread.
    ///
    /// # Errors
    /// `Invalid` for a password that breaks the rules; `NotFound` and `Denied` for an officer out of reach.
    pub fn give_password(&self, officer: OfficerId, password: &str) -> Result<(), Error> {
        access::admit(&operation::GIVE_PASSWORD, self.0.actor())?;
        let cmd = access::GivePassword { officer, phc: self.hashed(password, &[])? };
        self.0.command(&operation::GIVE_PASSWORD, cmd, access::give_password).wait().map(drop)
    }

    /// Changes the caller's own password; answers a new session, earlier ones have ended. Compares and hashes on this
    /// thread, which takes some hundred milliseconds.
    ///
    /// # Errors
    /// `Invalid` for a password that breaks the rules or was used before; `WrongPassword`, which counts as a failed
    /// sign-in; `Locked`.
    pub fn change_password(&self, typed: &PasswordChange) -> Result<SignedIn, Error> {
        let call = self.0.begin(&operation::CHANGE_PASSWORD, Class::Command)?;
        if typed.current.chars().count() > limits::PASSWORD_CHARS_MAX {
            return Err(Error::invalid("current", Problem::TooLong { max: limits::PASSWORD_CHARS_MAX }));
        }
        let known = self.0.core.0.store.query(operation::CHANGE_PASSWORD.name, move |tx| access::own_passwords(tx, &call.ctx()))?;
        let names: Vec<&str> = known.names.iter().map(String::as_str).collect();
        password::password_rules(&typed.password, &names).map_err(|e| Error::invalid("password", Problem::Password(e)))?;
        let present = &known.credential;
        let right = password::verify_password(&typed.current, &present.password);
        // What was used before is told only to somebody who knows what is used now.
        let used = || known.past.iter().chain([&present.password]).any(|phc| password::verify_password(&typed.password, phc));
        if right && used() {
            return Err(Error::invalid("password", Problem::UsedBefore { last: limits::PASSWORDS_REMEMBERED }));
        }
        let cmd = access::ChangePassword { right_for: right.then(|| present.password.clone()), phc: self.hashed(&typed.password, &names)? };
        self.0.command(&operation::CHANGE_PASSWORD, cmd, access::change_password).wait()?.into_result()
    }

    /// The caller's accounts at identity providers, newest first.
    pub fn linked_identities(&self) -> Result<Vec<LinkedProvider>, Error> {
        self.0.query(&operation::LINKED_IDENTITIES, access::linked_identities)
    }

    /// Unlinks the caller's accounts at a provider.
    pub fn unlink_identity(&self, provider: Provider) -> Ticket<Unlinked> {
        self.0.command(&operation::UNLINK_IDENTITY, UnlinkIdentity { provider }, access::unlink_identity)
    }

    /// Makes a new second factor for the caller; it counts once [`Access::confirm_factor`] has confirmed it.
    pub fn enrol_factor(&self) -> Ticket<FactorEnrolled> {
        self.0.command(&operation::ENROL_FACTOR, access::EnrolFactor {}, access::enrol_factor)
    }

    /// Confirms the caller's new second factor with a code of it.
    ///
    /// # Errors
    /// `Invalid` for what is too long to be a code.
    pub fn confirm_factor(&self, typed: FactorCode) -> Result<Ticket<FactorConfirmed>, Error> {
        access::within_a_code(&typed.code)?;
        Ok(self.0.command(&operation::CONFIRM_FACTOR, typed, access::confirm_factor))
    }

    /// Removes the caller's own second factor with a code of it.
    ///
    /// # Errors
    /// `Invalid` for what is too long to be a code.
    pub fn remove_factor(&self, typed: FactorCode) -> Result<Ticket<access::SignInOutcome>, Error> {
        access::within_a_code(&typed.code)?;
        Ok(self.0.command(&operation::REMOVE_FACTOR, typed, access::remove_factor))
    }

    /// Takes the second factor of an officer away who has lost it.
    pub fn reset_factor(&self, officer: OfficerId) -> Ticket<FactorReset> {
        self.0.command(&operation::RESET_FACTOR, access::ResetFactor { officer }, access::reset_factor)
    }

    /// Makes the first administrator, once. Hashes on this thread.
    ///
    /// # Errors
    /// `Bootstrapped` once there has been an administrator; `Invalid`.
    pub fn bootstrap(&self, officer: AddOfficer, password: &str) -> Result<OfficerId, Error> {
        access::admit(&operation::BOOTSTRAP, self.0.actor())?;
        let phc = self.hashed(password, &[&officer.staff_no, &officer.name])?;
        self.0.command(&operation::BOOTSTRAP, access::Bootstrap { officer, phc }, access::bootstrap).wait().map(|b| b.officer)
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
        let indexes = identity::indexes_of(&self.0.core.0.settings.keys, number);
        self.0.core.0.store.query("identity.find_by_number", move |tx| identity::find_by_number(tx, &indexes))
    }

    /// A taxpayer's card, personal data masked.
    pub fn view(&self, id: TaxpayerId) -> Result<TaxpayerCard, Error> {
        self.0.query(&operation::VIEW_TAXPAYER, move |tx, ctx| identity::view(tx, ctx, id))
    }

    /// Takes over the phone that the caller lets a provider tell us. Blocks, for some seconds at most.
    ///
    /// # Errors
    /// `Provider`; `Invalid` for a code that is none.
    pub fn take_phone(&self, provider: &dyn PhoneProvider, code: &str) -> Result<PhoneTaken, Error> {
        access::admit(&operation::TAKE_PHONE, self.0.actor())?;
        access::within_a_proof("code", code)?;
        let phone = provider.phone_of(code, self.0.core.now())?;
        self.0.command(&operation::TAKE_PHONE, TakePhone { phone }, identity::take_phone).wait()
    }

    /// Begins an import, or goes on with one.
    pub fn begin_import(&self, cmd: BeginImport) -> Ticket<ImportBegun> {
        self.0.command(&operation::BEGIN_IMPORT, cmd, identity::begin_import)
    }

    /// What an import would make of each row; nothing is written. Blocks; `progress` hears how many were looked at.
    pub fn examine_import(&self, rows: &[ImportRow], progress: &mut dyn FnMut(u64)) -> Result<Vec<RowVerdict>, Error> {
        let mut verdicts = Vec::with_capacity(rows.len());
        for chunk in rows.chunks(limits::BULK_CHUNK_ROWS) {
            let chunk = chunk.to_vec();
            verdicts.extend(self.0.query(&operation::EXAMINE_IMPORT, move |tx, ctx| identity::examine_import(tx, ctx, &chunk))?);
            progress(verdicts.len() as u64);
        }
        Ok(verdicts)
    }

    /// Applies the rows of a list, findings about real names in the order of their time. Blocks.
    pub fn import(&self, rows: &[ImportRow], progress: &mut dyn FnMut(u64)) -> Result<BulkDone, Error> {
        self.0.bulk(&operation::IMPORT_ROWS, &identity::in_order(rows), identity::import_rows, progress)
    }

    /// The attempt that an import of this list is at; nothing for a list that was never imported.
    pub fn import_attempt(&self, batch: [u8; 32]) -> Result<Option<ImportBegun>, Error> {
        self.0.query(&operation::IMPORTED_ROWS, move |tx, _| identity::attempt_of(tx, batch))
    }

    /// Rows of an import behind a line, with what became of them.
    pub fn imported_rows(&self, of: ImportBegun, after: i64, limit: u32) -> Result<Vec<RowVerdict>, Error> {
        self.0.query(&operation::IMPORTED_ROWS, move |tx, _| identity::imported_rows(tx, of, after, limit))
    }

    /// Takes an import back, whole or not at all: it looks first whether anything depends on it. Blocks.
    ///
    /// # Errors
    /// `import_in_use`, with the line, where a taxpayer of the import has been used or changed since.
    pub fn take_back_import(&self, of: ImportBegun, progress: &mut dyn FnMut(u64)) -> Result<BulkDone, Error> {
        let (mut lines, mut after) = (Vec::new(), i64::MIN);
        while let Some((some, last)) = self.0.query(&operation::IMPORTED_ROWS, move |tx, _| identity::lines_to_take_back(tx, of, after))? {
            lines.extend(some);
            after = last;
        }
        // Last line first.
        let first = lines.first().copied();
        let rows: Vec<TakeBack> = lines.iter().rev().map(|&line| TakeBack { of, line, last: Some(line) == first }).collect();
        self.0.bulk(&operation::TAKE_BACK_IMPORT, &rows, identity::take_back, progress)
    }

    /// Writes down numbers that taxpayers had before the one in use. Blocks.
    pub fn record_former_numbers(&self, rows: &[NewFormerNumber], progress: &mut dyn FnMut(u64)) -> Result<BulkDone, Error> {
        self.0.bulk(&operation::RECORD_FORMER_NUMBERS, rows, identity::record_former_numbers, progress)
    }

    /// Writes down findings about real names. Blocks.
    pub fn record_real_names(&self, rows: &[NewRealName], progress: &mut dyn FnMut(u64)) -> Result<BulkDone, Error> {
        self.0.bulk(&operation::RECORD_REAL_NAMES, rows, identity::record_real_names, progress)
    }

    /// Writes down who acts for which enterprise. Blocks.
    pub fn record_relations(&self, rows: &[NewRelation], progress: &mut dyn FnMut(u64)) -> Result<BulkDone, Error> {
        self.0.bulk(&operation::RECORD_RELATIONS, rows, identity::record_relations, progress)
    }

    /// Writes down which enterprises are on a roster. Blocks.
    pub fn record_roster(&self, rows: &[NewRosterEntry], progress: &mut dyn FnMut(u64)) -> Result<BulkDone, Error> {
        self.0.bulk(&operation::RECORD_ROSTER, rows, identity::record_roster, progress)
    }

    /// Who acts, or acted, for an enterprise; for whom a person acts, or acted.
    pub fn relations(&self, id: TaxpayerId) -> Result<Vec<RelationView>, Error> {
        self.0.query(&operation::RELATIONS, move |tx, ctx| identity::relations(tx, ctx, id))
    }

    /// Ends a relation, with a reason.
    pub fn release_relation(&self, cmd: ReleaseRelation) -> Ticket<RelationReleased> {
        self.0.command(&operation::RELEASE_RELATION, cmd, identity::release_relation)
    }

    /// The card of a conversation, personal data masked.
    pub fn card(&self, id: ConversationId) -> Result<OfficerCard, Error> {
        self.0.query(&operation::CARD, move |tx, ctx| identity::card_of(tx, ctx, id))
    }

    /// One field of somebody on a conversation's card unmasked, with a reason; leaves an audit record.
    pub fn reveal_on_card(&self, cmd: RevealOnCard) -> Ticket<Revealed> {
        let subject = format!("taxpayer/{}/{}", cmd.taxpayer, cmd.field.as_str());
        let reason = Some(cmd.reason.trim().to_owned());
        let asked = cmd.clone();
        self.0.audited_query(&operation::REVEAL_ON_CARD, &asked, subject, reason, move |tx, ctx| identity::reveal_on_card(tx, ctx, &cmd))
    }

    /// One field unmasked, with a reason; leaves an audit record.
    pub fn reveal(&self, cmd: RevealTaxpayer) -> Ticket<Revealed> {
        let subject = format!("taxpayer/{}/{}", cmd.taxpayer, cmd.field.as_str());
        let reason = Some(cmd.reason.trim().to_owned());
        let asked = cmd.clone();
        self.0.audited_query(&operation::REVEAL_TAXPAYER, &asked, subject, reason, move |tx, ctx| identity::reveal(tx, ctx, &cmd))
    }
}

/// Working days, filing periods, terms.
pub struct Calendar<'a>(pub(super) &'a Session);

impl Calendar<'_> {
    /// The days of a year.
    pub fn year(&self, year: i32) -> Result<CalendarYear, Error> {
        let calendars = self.0.core.0.calendars.clone();
        self.0.query(&operation::CALENDAR_YEAR, move |tx, _| calendar::year(tx, &calendars, year))
    }

    /// The filing periods of a year.
    pub fn filing_periods(&self, year: i32) -> Result<FilingYear, Error> {
        let calendars = self.0.core.0.calendars.clone();
        self.0.query(&operation::FILING_PERIODS, move |tx, _| calendar::filing_periods(tx, &calendars, year))
    }

    /// When a term ends.
    pub fn due(&self, asked: AskDue) -> Result<DueView, Error> {
        let calendars = self.0.core.0.calendars.clone();
        self.0.query(&operation::DUE, move |tx, ctx| calendar::due(tx, ctx, &calendars, asked))
    }

    /// Proposals older than `before`, newest first.
    pub fn proposals(&self, before: Option<ProposalId>, limit: u32) -> Result<Vec<ProposalView>, Error> {
        self.0.query(&operation::PROPOSALS, move |tx, ctx| calendar::proposals(tx, ctx, before, limit))
    }

    /// Proposes a change.
    pub fn propose(&self, draft: Draft) -> Ticket<Proposed> {
        self.0.command(&operation::PROPOSE, draft, calendar::propose)
    }

    /// Approves what somebody else proposed.
    pub fn approve(&self, cmd: Approve) -> Ticket<Decided> {
        self.0.command(&operation::APPROVE, cmd, calendar::approve)
    }

    /// Rejects what somebody else proposed.
    pub fn reject(&self, cmd: Reject) -> Ticket<Decided> {
        self.0.command(&operation::REJECT, cmd, calendar::reject)
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
