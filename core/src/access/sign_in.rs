//! Sign-in with login and password. Hashing is slow on purpose, so it is done before the transaction, on the
//! caller's thread; the transaction only settles what the comparison found.

use serde::{Deserialize, Serialize};

use super::{
    Actor, ActorKind, ActorRef, Challenge, Duty, LinkedIdentity, Officer, Permission, Provider, StrangeLogin, password as passwords,
    second_factor, session,
};
use crate::clock::Timestamp;
use crate::control;
use crate::crypto::password;
use crate::ctx::Ctx;
use crate::error::{self, Challenged, Error, Problem, Refusal};
use crate::id::{OfficerId, TaxpayerId};
use crate::limits;
use crate::store::{ReadTx, Reads, Tx, Writes};

record! {
    /// A sign-in: the login is kept as a blind index, the password as an argon2id hash.
    pub struct Credential in "credential" {
        /// Blind index of the login.
        login_index: [u8; 16],
        /// Whose.
        actor: ActorRef,
        /// PHC string.
        password: String,
        /// Failures since the last success.
        failures: i64,
        /// Locked until then.
        locked_until: Option<Timestamp>,
        /// When the password was set.
        set_at: Timestamp,
        /// Counts updates.
        version: i64,
        /// Who gave the password, where that is not the person themselves: it must be changed first.
        given_by: Option<ActorRef>,
        /// When it failed last: failures older than [`limits::SIGN_IN_FAILURES_KEPT`] count no more.
        failed_at: Option<Timestamp>,
    }
    key(login_index);
    version version;
    unique BY_ACTOR(actor);
}

impl Credential {
    /// Until when it is locked, if it is.
    pub(super) fn locked_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.locked_until.filter(|until| now < *until)
    }

    /// Whether somebody else gave the password, and it was not replaced in time.
    fn has_run_out(&self, now: Timestamp) -> bool {
        self.given_by.is_some() && now >= self.set_at.plus(limits::GIVEN_PASSWORD_VALID)
    }

    /// Forgets the failures before a sign-in that succeeded.
    fn succeeded(&self, tx: &mut dyn Tx) -> Result<(), Error> {
        if self.failures > 0 || self.locked_until.is_some() {
            tx.replace(self, Self { failures: 0, locked_until: None, failed_at: None, ..self.clone() })?;
        }
        Ok(())
    }
}

/// Forgets how a person who is erased signs in: login and passwords, accounts at providers, sessions. At most
/// [`limits::ERASED_AT_ONCE`] sessions, newest first, so that none that stands is left; says whether there is more.
pub(crate) fn forget_sign_ins(tx: &mut dyn Tx, taxpayer: TaxpayerId) -> Result<bool, Error> {
    let actor = ActorRef { kind: ActorKind::Taxpayer, id: taxpayer.uuid() };
    if let Some(found) = tx.find_by::<Credential>(Credential::BY_ACTOR, (actor,))? {
        let credential = found.trust("the sign-in of a person who is erased").into_inner();
        Challenge::forget(tx, credential.login_index)?;
        tx.remove(&credential)?;
    }
    passwords::forget(tx, actor)?;
    LinkedIdentity::unlink(tx, taxpayer, |_| true)?;
    session::remove_sessions(tx, actor, limits::ERASED_AT_ONCE)
}

/// Whoever got in as this person before may not be them, now that it is surer who they are (CVE-2026-44707): sessions end, a password
/// somebody gave is gone, and accounts at providers that vouch for nobody must be linked anew.
pub(crate) fn shut_out(tx: &mut dyn Tx, ctx: &Ctx, taxpayer: TaxpayerId) -> Result<(), Error> {
    let whose = ActorRef { kind: ActorKind::Taxpayer, id: taxpayer.uuid() };
    session::end_sessions(tx, ctx, whose)?;
    if let Some(credential) = tx.find_by::<Credential>(Credential::BY_ACTOR, (whose,))? {
        tx.remove(&credential.trust("the verified person's own").into_inner())?;
    }
    LinkedIdentity::unlink(tx, taxpayer, |provider| provider.vouches_by().is_none()).map(drop)
}

/// What somebody typed.
#[derive(Clone, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// Login: staff number or mobile phone.
    pub login: String,
    /// Password.
    pub password: String,
}

/// What came of comparing a password, before the transaction settles it.
#[derive(Clone, Debug, Serialize)]
pub struct Attempt {
    /// Blind index of the login.
    pub login_index: [u8; 16],
    /// Where the password was right: when it had been set.
    pub matched_set_at: Option<Timestamp>,
}

/// A session has begun.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SignedIn {
    /// The token: sent as `Authorization: Bearer`. Shown once.
    pub token: String,
    /// Whose session: `taxpayer` or `officer`.
    pub kind: ActorKind,
    /// The session ends then at the latest.
    pub expires_at: Timestamp,
    /// What must be done before anything else; until then every other operation is refused.
    pub duty: Option<Duty>,
}

impl SignedIn {
    /// Begins a session of somebody who typed a password.
    pub(super) fn begin(tx: &mut dyn Tx, ctx: &Ctx, actor: ActorRef) -> Result<Self, Error> {
        Self::begin_through(tx, ctx, actor, None)
    }

    /// Begins a session of somebody whom a provider sent.
    pub(super) fn begin_through(tx: &mut dyn Tx, ctx: &Ctx, actor: ActorRef, provider: Option<Provider>) -> Result<Self, Error> {
        let token = session::begin(tx, ctx, actor, provider)?;
        let duty = match actor.kind {
            ActorKind::Officer => match session::signed_in_officer(tx, ctx.rights(), ctx.now(), OfficerId::from_uuid(actor.id)) {
                Ok(officer) => officer.duty,
                // One who has left: the session is good for nothing, as authentication will say.
                Err(Error::SignInRequired) => None,
                Err(e) => return Err(e),
            },
            _ => None,
        };
        let expires_at = ctx.now().plus(limits::SESSION_AGE_MAX);
        Ok(Self { token: token.text().to_string(), kind: actor.kind, expires_at, duty })
    }
}

/// How a sign-in ended, and of whom. Failures are committed too: they count.
#[derive(Clone, Serialize, Deserialize)]
pub struct SignInOutcome {
    /// Whose account it was, as `officer/<id>` or `taxpayer/<id>`; of nobody where nobody has the login. Told to the trail, and to
    /// nobody who tries.
    whose: Option<String>,
    end: SignInEnd,
}

/// How a sign-in ended.
#[derive(Clone, Serialize, Deserialize)]
pub enum SignInEnd {
    /// Good.
    SignedIn(SignedIn),
    /// Wrong, for whatever reason.
    Wrong,
    /// Right, but given by somebody else and not replaced in time.
    RunOut,
    /// Right, but of an officer whose account nobody used for so many days or more.
    Dormant(i64),
    /// Locked until then.
    Locked(Timestamp),
    /// The password was right; this challenge stands for it until the second factor is shown.
    SecondFactorNeeded(String),
    /// The challenge is good no more.
    Over,
    /// The code was wrong.
    WrongCode,
    /// The present password was wrong, typed by somebody signed in.
    WrongPassword,
}

impl SignInEnd {
    /// As the end of a sign-in to the account of somebody.
    pub(super) fn of(self, whose: ActorRef) -> SignInOutcome {
        SignInOutcome { whose: Some(whose.to_string()), end: self }
    }

    /// As the end of a sign-in to no account.
    pub(super) fn of_nobody(self) -> SignInOutcome {
        SignInOutcome { whose: None, end: self }
    }

    const fn word(&self) -> &'static str {
        match self {
            Self::SignedIn(_) => "begun",
            Self::Wrong => "wrong",
            Self::RunOut => "run_out",
            Self::Dormant(_) => "dormant",
            Self::Locked(_) => "locked",
            Self::SecondFactorNeeded(_) => "second_factor_needed",
            Self::Over => "over",
            Self::WrongCode => "wrong_code",
            Self::WrongPassword => "wrong_password",
        }
    }
}

impl crate::core::Answer for SignInOutcome {
    fn subject(&self) -> String {
        let how = self.end.word();
        self.whose.as_ref().map_or_else(|| format!("session/{how}"), |whose| format!("{whose}/session/{how}"))
    }
}

fn normalise(login: &str) -> String {
    login.trim().to_lowercase()
}

/// The credential of a login, and its blind index.
pub(crate) fn credential_of(
    tx: &mut dyn ReadTx,
    keys: &crate::crypto::KeyRing,
    login: &str,
) -> Result<([u8; 16], Option<Credential>), Error> {
    let index = keys.blind("credential.login", &normalise(login));
    Ok((index, credential_of_index(tx, index)?))
}

pub(super) fn credential_of_index(tx: &mut dyn ReadTx, index: [u8; 16]) -> Result<Option<Credential>, Error> {
    Ok(tx.find::<Credential>((index,))?.map(|c| c.trust("sign-in looks up what was typed").into_inner()))
}

/// Compares the password; takes tens of milliseconds, also for logins that do not exist.
pub(crate) fn compare(index: [u8; 16], credential: Option<&Credential>, typed: &str) -> Attempt {
    let matched_set_at = match credential {
        Some(c) => password::verify_password(typed, &c.password).then_some(c.set_at),
        None => {
            password::verify_nothing(typed);
            None
        }
    };
    Attempt { login_index: index, matched_set_at }
}

/// Failures with one more, and until when they lock. Behind a lock they count from one, and so do those that come long after the last.
pub(super) fn after_failure(
    (failures, locked_until, failed_at): (i64, Option<Timestamp>, Option<Timestamp>),
    now: Timestamp,
) -> (i64, Option<Timestamp>) {
    let over = failed_at.is_none_or(|at| now >= at.plus(limits::SIGN_IN_FAILURES_KEPT));
    let failures = if locked_until.is_some() || over { 1 } else { failures + 1 };
    (failures, (failures >= limits::SIGN_IN_FAILURES_MAX).then(|| now.plus(limits::SIGN_IN_LOCK)))
}

/// Counts a failure, of the password or of the second factor; so many of them lock the login.
pub(super) fn fail(tx: &mut dyn Tx, ctx: &Ctx, credential: &Credential, wrong: SignInEnd) -> Result<SignInOutcome, Error> {
    let before = (credential.failures, credential.locked_until, credential.failed_at);
    let (failures, locked_until) = after_failure(before, ctx.now());
    tx.replace(credential, Credential { failures, locked_until, failed_at: Some(ctx.now()), ..credential.clone() })?;
    if locked_until.is_some() {
        Challenge::forget(tx, credential.login_index)?;
    }
    Ok(locked_until.map_or(wrong, SignInEnd::Locked).of(credential.actor))
}

/// The same, by somebody signed in: with the lock their session ends too. Failures at the door end none, else anybody
/// could put officers out who knows their logins.
pub(super) fn fail_inside(tx: &mut dyn Tx, ctx: &Ctx, credential: &Credential, wrong: SignInEnd) -> Result<SignInOutcome, Error> {
    let outcome = fail(tx, ctx, credential, wrong)?;
    if matches!(outcome.end, SignInEnd::Locked(_)) {
        session::end_sessions(tx, ctx, credential.actor)?;
    }
    Ok(outcome)
}

/// Settles an attempt: begins a session, asks for the second factor, or counts a failure.
pub fn sign_in(tx: &mut dyn Tx, ctx: &Ctx, cmd: Attempt) -> Result<SignInOutcome, Error> {
    let Some(credential) = credential_of_index(tx, cmd.login_index)? else { return StrangeLogin::fail(tx, ctx, cmd.login_index) };
    if let Some(until) = credential.locked_at(ctx.now()) {
        return Ok(SignInEnd::Locked(until).of(credential.actor));
    }
    // A password changed between the comparison and now counts as wrong.
    if cmd.matched_set_at != Some(credential.set_at) {
        return fail(tx, ctx, &credential, SignInEnd::Wrong);
    }
    // Told only to whoever has the password, and no failure: what to do about it is up to an administrator.
    if credential.has_run_out(ctx.now()) {
        return Ok(SignInEnd::RunOut.of(credential.actor));
    }
    let is_officer = credential.actor.kind == ActorKind::Officer;
    if is_officer && second_factor::confirmed(tx, OfficerId::from_uuid(credential.actor.id))?.is_some() {
        // The failures stay counted: else whoever has the password could guess codes without end.
        return Ok(SignInEnd::SecondFactorNeeded(Challenge::issue(tx, ctx, &credential)?).of(credential.actor));
    }
    settle(tx, ctx, &credential)
}

/// Everything was right that was asked for: begins a session, but for an officer whose account nobody used for too long (see
/// [`crate::control::Watch::DormantLock`]). That is told only now, and is no failure: what to do about it is up to an administrator.
pub(super) fn settle(tx: &mut dyn Tx, ctx: &Ctx, credential: &Credential) -> Result<SignInOutcome, Error> {
    if credential.actor.kind == ActorKind::Officer {
        // Whoever is given a new password may use it, however long they were away.
        let used_at = session::last_used(tx, credential.actor)?.map_or(credential.set_at, |seen| seen.max(credential.set_at));
        if let Some(days) = control::unused_too_long(tx, ctx, used_at)? {
            // Somebody has the password of an account that lay idle: that is worth a look as if they had come in.
            session::note_idleness(tx, ctx, credential.actor, used_at)?;
            return Ok(SignInEnd::Dormant(days).of(credential.actor));
        }
    }
    credential.succeeded(tx)?;
    Ok(SignInEnd::SignedIn(SignedIn::begin(tx, ctx, credential.actor)?).of(credential.actor))
}

impl SignInOutcome {
    /// The session, or the refusal to tell.
    pub fn into_result(self) -> Result<SignedIn, Error> {
        match self.end {
            SignInEnd::SignedIn(session) => Ok(session),
            SignInEnd::Wrong => Err(Error::Refused(Refusal::WrongCredentials)),
            SignInEnd::RunOut => Err(Error::Refused(Refusal::GivenPasswordRunOut)),
            SignInEnd::Dormant(days) => Err(Error::Refused(Refusal::Dormant(days))),
            SignInEnd::Locked(until) => Err(Error::Refused(Refusal::Locked(until))),
            SignInEnd::SecondFactorNeeded(challenge) => Err(Error::Refused(Refusal::SecondFactorNeeded(Challenged(challenge)))),
            SignInEnd::Over => Err(Error::Refused(Refusal::ChallengeOver)),
            SignInEnd::WrongCode => Err(Error::Refused(Refusal::WrongCode)),
            SignInEnd::WrongPassword => Err(Error::Refused(Refusal::WrongPassword)),
        }
    }
}

/// Gives a person a sign-in, or a new password, that is theirs from the start: an administrator who gives one to an
/// officer uses [`give_password`](super::give_password).
#[derive(Clone, Serialize)]
pub struct SetPassword {
    /// Whose.
    pub actor: ActorRef,
    /// Login.
    pub login: String,
    /// PHC string of the password; hashed before the transaction.
    pub phc: String,
}

/// The password is set.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PasswordSet {
    /// Whose, as `officer/<id>` or `taxpayer/<id>`.
    pub whose: String,
}

impl crate::core::Answer for PasswordSet {
    fn subject(&self) -> String {
        format!("credential/{}", self.whose)
    }
}

/// Gives a person a sign-in, or a new password, which ends their sessions.
pub fn set_password(tx: &mut dyn Tx, ctx: &Ctx, cmd: SetPassword) -> Result<PasswordSet, Error> {
    let login = error::text("login", &cmd.login, limits::LOGIN_CHARS_MAX)?;
    let (login_index, found) = credential_of(tx, ctx.keys(), &login)?;
    let fresh = Credential {
        login_index,
        actor: cmd.actor,
        password: cmd.phc,
        failures: 0,
        locked_until: None,
        set_at: ctx.now(),
        version: 0,
        given_by: None,
        failed_at: None,
    };
    match found {
        Some(old) if old.actor == cmd.actor => {
            passwords::replace(tx, ctx, &old, fresh)?;
        }
        Some(_) => return Err(Error::invalid("login", Problem::Taken)),
        None => {
            if let Some(old) = tx.find_by::<Credential>(Credential::BY_ACTOR, (cmd.actor,))? {
                let old = old.trust("replaced by the new login").into_inner();
                session::end_sessions(tx, ctx, cmd.actor)?;
                tx.remove(&old)?;
            }
            tx.add(&fresh)?;
        }
    }
    Ok(PasswordSet { whose: cmd.actor.to_string() })
}

/// Who the caller is.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Me {
    /// `taxpayer` or `officer`.
    pub kind: ActorKind,
    /// Taxpayer's id, where one calls.
    pub taxpayer: Option<TaxpayerId>,
    /// Officer's id, where one calls.
    pub officer: Option<OfficerId>,
    /// Name; a taxpayer's masked.
    pub name: String,
    /// Officer's number.
    pub staff_no: Option<String>,
    /// Permissions of the posts held now.
    pub permissions: Vec<Permission>,
    /// What must be done before anything else.
    pub duty: Option<Duty>,
    /// Operations the caller may call: what a client shows as its menu.
    pub operations: Vec<&'static str>,
}

/// Who the caller is and what they may do.
pub fn me(tx: &mut dyn ReadTx, ctx: &Ctx) -> Result<Me, Error> {
    let operations = crate::operation::OPERATIONS.iter().filter(|o| super::admit(o, ctx.actor()).is_ok()).map(|o| o.name).collect();
    match ctx.actor() {
        Actor::Taxpayer(id) => {
            let name = crate::identity::masked_name(tx, ctx, *id)?.to_string();
            Ok(Me {
                kind: ActorKind::Taxpayer,
                taxpayer: Some(*id),
                officer: None,
                name,
                staff_no: None,
                permissions: Vec::new(),
                duty: None,
                operations,
            })
        }
        Actor::Officer(officer) => {
            let row = tx.find::<Officer>((officer.id,))?.ok_or(Error::SignInRequired)?.trust("the caller's own record").into_inner();
            let mut permissions: Vec<Permission> = officer.posts.iter().flat_map(|p| p.permissions.clone()).collect();
            permissions.sort_unstable();
            permissions.dedup();
            Ok(Me {
                kind: ActorKind::Officer,
                taxpayer: None,
                officer: Some(officer.id),
                name: row.own_name(tx, ctx)?,
                staff_no: Some(row.staff_no),
                permissions,
                duty: officer.duty,
                operations,
            })
        }
        Actor::Anonymous | Actor::System => Err(Error::SignInRequired),
    }
}
