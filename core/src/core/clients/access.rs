//! Who may do what, passwords, posts.

use crate::access::{
    self, ActorRef, AddOfficer, AddPost, Authenticated, AuthorityPage, EndGrant, FactorCode, FactorConfirmed, FactorEnrolled, FactorReset,
    GrantEnded, GrantPost, GrantView, Granted, IssueTicket, LeaveRecorded, LinkedProvider, Me, MyPermission, NewAuthority, OfficerAdded,
    Officers, PasswordChange, PasswordSet, PostAdded, PostView, ProposeChange, Provider, RecordLeave, SeparationView, SetPassword, SignOut,
    SignedIn, SignedOut, TakeEmergencyPost, TicketIssued, UnlinkIdentity, Unlinked,
};
use crate::approval::Opened;
use crate::core::door::commands;
use crate::core::{BulkDone, Session};
use crate::crypto::password;
use crate::error::{Error, Problem};
use crate::id::{OfficerId, PostId};
use crate::identity::AuthorityCode;
use crate::limits;
use crate::operation::{self, Class};
use crate::store::{Page, StoreExt, Ticket};

commands! {
    access::Attempt;
    access::ConfirmSignIn;
    access::ChangePassword;
    access::GivePassword;
    access::EnrolFactor;
    FactorCode;
    access::ResetFactor;
    access::Bootstrap;
    access::SignInWithProvider;
    access::UnlinkIdentity;
    SignOut;
    IssueTicket;
    AddPost;
    AddOfficer;
    GrantPost;
    SetPassword;
    RecordLeave;
    ProposeChange, reason;
    EndGrant, reason;
    TakeEmergencyPost, reason;
}

/// Authorities, officers, posts, sessions.
pub struct Access<'a>(pub(in crate::core) &'a Session);

impl Access<'_> {
    /// Who the caller is and what they may do.
    pub fn me(&self) -> Result<Me, Error> {
        self.0.query(&operation::ME, access::me)
    }

    /// What the caller may do, and at which authorities: what a console makes its menus of.
    pub fn permissions(&self) -> Result<Vec<MyPermission>, Error> {
        self.0.query(&operation::ME, |_, ctx| Ok(access::my_permissions(ctx.actor())))
    }

    /// Notes that an officer leaves.
    pub fn record_leave(&self, cmd: RecordLeave) -> Ticket<LeaveRecorded> {
        self.0.command(&operation::RECORD_LEAVE, cmd, access::record_leave)
    }

    /// Tax authorities behind a code.
    pub fn authorities(&self, after: Option<AuthorityCode>, limit: u32) -> Result<AuthorityPage, Error> {
        self.0.query(&operation::AUTHORITIES, move |tx, ctx| access::authorities(tx, ctx, after, limit))
    }

    /// Officers within reach: all of them, newest first, or those found by number or name.
    pub fn officers(&self, find: Option<&str>, page: Page) -> Result<Officers, Error> {
        let find = find.map(str::to_owned);
        self.0.query(&operation::OFFICERS, move |tx, ctx| access::officers(tx, ctx, find.as_deref(), page))
    }

    /// Every post.
    pub fn posts(&self) -> Result<Vec<PostView>, Error> {
        self.0.query(&operation::POSTS, access::posts)
    }

    /// The posts that may be taken in an emergency.
    pub fn emergency_posts(&self) -> Result<Vec<PostView>, Error> {
        self.0.query(&operation::EMERGENCY_POSTS, access::emergency_posts)
    }

    /// The grants of an officer within reach, newest first.
    pub fn grants(&self, officer: OfficerId) -> Result<Vec<GrantView>, Error> {
        self.0.query(&operation::GRANTS, move |tx, ctx| access::grants(tx, ctx, officer))
    }

    /// Permissions that one person may not hold together.
    pub fn separations(&self) -> Result<Vec<SeparationView>, Error> {
        self.0.query(&operation::SEPARATIONS, |tx, ctx| access::separations(tx, ctx.rights()))
    }

    /// Puts forward a change of who may do what.
    pub fn propose_change(&self, cmd: ProposeChange) -> Ticket<Opened> {
        self.0.command(&operation::PROPOSE_CHANGE, cmd, access::propose_change)
    }

    /// Ends a grant at once.
    pub fn end_grant(&self, cmd: EndGrant) -> Ticket<GrantEnded> {
        self.0.command(&operation::END_GRANT, cmd, access::end_grant)
    }

    /// Takes an emergency post for some hours.
    pub fn take_emergency_post(&self, cmd: TakeEmergencyPost) -> Ticket<Granted> {
        self.0.command(&operation::TAKE_EMERGENCY_POST, cmd, access::take_emergency_post)
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
    pub fn give_password(&self, officer: OfficerId, password: &str) -> Result<PasswordSet, Error> {
        let call = self.0.begin(&operation::GIVE_PASSWORD, Class::Command)?;
        let names = self.0.read(call, move |tx, ctx| access::not_within_given(tx, ctx, officer))?;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let cmd = access::GivePassword { officer, phc: self.hashed(password, &names)? };
        self.0.command(&operation::GIVE_PASSWORD, cmd, access::give_password).wait()
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
