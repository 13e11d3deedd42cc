//! Sign-in with login and password. Hashing is slow on purpose, so it is done before the transaction, on the
//! caller's thread; the transaction only settles what the comparison found.

use serde::{Deserialize, Serialize};

use super::{Actor, ActorKind, ActorRef, Challenge, Duty, Officer, Permission, password as passwords, second_factor, session};
use crate::clock::Timestamp;
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

    /// Forgets the failures before a sign-in that succeeded.
    pub(super) fn succeeded(&self, tx: &mut dyn Tx) -> Result<(), Error> {
        if self.failures > 0 || self.locked_until.is_some() {
            tx.replace(self, Self { failures: 0, locked_until: None, ..self.clone() })?;
        }
        Ok(())
    }
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
    /// Begins a session.
    pub(super) fn begin(tx: &mut dyn Tx, ctx: &Ctx, actor: ActorRef) -> Result<Self, Error> {
        let token = session::begin(tx, ctx, actor)?;
        let duty = match actor.kind {
            ActorKind::Officer => match session::signed_in_officer(tx, ctx.now(), OfficerId::from_uuid(actor.id)) {
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

/// How a sign-in ended. Failures are committed too: they count.
#[derive(Clone, Serialize, Deserialize)]
pub enum SignInOutcome {
    /// Good.
    SignedIn(SignedIn),
    /// Wrong, for whatever reason.
    Wrong,
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

impl crate::core::Answer for SignInOutcome {
    fn subject(&self) -> String {
        match self {
            Self::SignedIn(_) => "session".into(),
            Self::Wrong => "session/wrong".into(),
            Self::Locked(_) => "session/locked".into(),
            Self::SecondFactorNeeded(_) => "session/second_factor_needed".into(),
            Self::Over => "session/over".into(),
            Self::WrongCode => "session/wrong_code".into(),
            Self::WrongPassword => "session/wrong_password".into(),
        }
    }
}

fn normalise(login: &str) -> String {
    login.trim().to_lowercase()
}

/// The credential of a login, and its blind index.
pub fn credential_of(tx: &mut dyn ReadTx, keys: &crate::crypto::KeyRing, login: &str) -> Result<([u8; 16], Option<Credential>), Error> {
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

/// Counts a failure, of the password or of the second factor; so many of them lock the login.
pub(super) fn fail(tx: &mut dyn Tx, ctx: &Ctx, credential: &Credential, wrong: SignInOutcome) -> Result<SignInOutcome, Error> {
    let failures = if credential.locked_until.is_some() { 1 } else { credential.failures + 1 };
    let locked_until = (failures >= limits::SIGN_IN_FAILURES_MAX).then(|| ctx.now().plus(limits::SIGN_IN_LOCK));
    tx.replace(credential, Credential { failures, locked_until, ..credential.clone() })?;
    if locked_until.is_some() {
        Challenge::forget(tx, credential.login_index)?;
    }
    Ok(locked_until.map_or(wrong, SignInOutcome::Locked))
}

/// The same, by somebody signed in: with the lock their session ends too. Failures at the door end none, else anybody
/// could put officers out who knows their logins.
pub(super) fn fail_inside(tx: &mut dyn Tx, ctx: &Ctx, credential: &Credential, wrong: SignInOutcome) -> Result<SignInOutcome, Error> {
    let outcome = fail(tx, ctx, credential, wrong)?;
    if matches!(outcome, SignInOutcome::Locked(_)) {
        session::end_sessions(tx, ctx, credential.actor)?;
    }
    Ok(outcome)
}

/// Settles an attempt: begins a session, asks for the second factor, or counts a failure.
pub fn sign_in(tx: &mut dyn Tx, ctx: &Ctx, cmd: Attempt) -> Result<SignInOutcome, Error> {
    let Some(credential) = credential_of_index(tx, cmd.login_index)? else { return Ok(SignInOutcome::Wrong) };
    if let Some(until) = credential.locked_at(ctx.now()) {
        return Ok(SignInOutcome::Locked(until));
    }
    // A password changed between the comparison and now counts as wrong.
    if cmd.matched_set_at != Some(credential.set_at) {
        return fail(tx, ctx, &credential, SignInOutcome::Wrong);
    }
    let is_officer = credential.actor.kind == ActorKind::Officer;
    if is_officer && second_factor::confirmed(tx, OfficerId::from_uuid(credential.actor.id))?.is_some() {
        // The failures stay counted: else whoever has the password could guess codes without end.
        return Ok(SignInOutcome::SecondFactorNeeded(Challenge::issue(tx, ctx, &credential)?));
    }
    credential.succeeded(tx)?;
    Ok(SignInOutcome::SignedIn(SignedIn::begin(tx, ctx, credential.actor)?))
}

impl SignInOutcome {
    /// The session, or the refusal to tell.
    pub fn into_result(self) -> Result<SignedIn, Error> {
        match self {
            Self::SignedIn(session) => Ok(session),
            Self::Wrong => Err(Error::Refused(Refusal::WrongCredentials)),
            Self::Locked(until) => Err(Error::Refused(Refusal::Locked(until))),
            Self::SecondFactorNeeded(challenge) => Err(Error::Refused(Refusal::SecondFactorNeeded(Challenged(challenge)))),
            Self::Over => Err(Error::Refused(Refusal::ChallengeOver)),
            Self::WrongCode => Err(Error::Refused(Refusal::WrongCode)),
            Self::WrongPassword => Err(Error::Refused(Refusal::WrongPassword)),
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
pub struct PasswordSet {}

impl crate::core::Answer for PasswordSet {
    fn subject(&self) -> String {
        "credential".into()
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
    Ok(PasswordSet {})
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
            let name = crate::identity::masked_name(tx, ctx, *id)?;
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
