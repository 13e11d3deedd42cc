//! Sign-in with login and password. Hashing is slow on purpose, so it is done before the transaction, on the
//! caller's thread; the transaction only settles what the comparison found.

use serde::{Deserialize, Serialize};

use super::session;
use super::{Actor, ActorKind, ActorRef, Officer, Permission};
use crate::clock::Timestamp;
use crate::crypto::password;
use crate::ctx::Ctx;
use crate::error::{self, Error, Problem, Refusal};
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
    }
    key(login_index);
    version version;
    unique BY_ACTOR(actor);
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
}

impl crate::core::Answer for SignInOutcome {
    fn subject(&self) -> String {
        match self {
            Self::SignedIn(_) => "session".into(),
            Self::Wrong => "session/wrong".into(),
            Self::Locked(_) => "session/locked".into(),
        }
    }
}

fn normalise(login: &str) -> String {
    login.trim().to_lowercase()
}

/// The credential of a login, and its blind index.
pub fn credential_of(tx: &mut dyn ReadTx, keys: &crate::crypto::KeyRing, login: &str) -> Result<([u8; 16], Option<Credential>), Error> {
    let index = keys.blind("credential.login", &normalise(login));
    let found = tx.find::<Credential>((index,))?.map(|c| c.trust("sign-in looks up what was typed").into_inner());
    Ok((index, found))
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

/// Settles an attempt: begins a session, or counts a failure.
pub fn sign_in(tx: &mut dyn Tx, ctx: &Ctx, cmd: Attempt) -> Result<SignInOutcome, Error> {
    let Some(credential) = tx.find::<Credential>((cmd.login_index,))? else { return Ok(SignInOutcome::Wrong) };
    let credential = credential.trust("sign-in looks up what was typed").into_inner();
    let now = ctx.now();
    if let Some(until) = credential.locked_until.filter(|until| now < *until) {
        return Ok(SignInOutcome::Locked(until));
    }
    // A password changed between the comparison and now counts as wrong.
    if cmd.matched_set_at != Some(credential.set_at) {
        let failures = if credential.locked_until.is_some() { 1 } else { credential.failures + 1 };
        let locked_until = (failures >= limits::SIGN_IN_FAILURES_MAX).then(|| now.plus(limits::SIGN_IN_LOCK));
        tx.replace(&credential, Credential { failures, locked_until, ..credential.clone() })?;
        return Ok(locked_until.map_or(SignInOutcome::Wrong, SignInOutcome::Locked));
    }
    if credential.failures > 0 || credential.locked_until.is_some() {
        tx.replace(&credential, Credential { failures: 0, locked_until: None, ..credential.clone() })?;
    }
    let token = session::begin(tx, ctx, credential.actor)?;
    Ok(SignInOutcome::SignedIn(SignedIn {
        token: token.text().to_string(),
        kind: credential.actor.kind,
        expires_at: now.plus(limits::SESSION_AGE_MAX),
    }))
}

impl SignInOutcome {
    /// The session, or the refusal to tell.
    pub fn into_result(self) -> Result<SignedIn, Error> {
        match self {
            Self::SignedIn(session) => Ok(session),
            Self::Wrong => Err(Error::Refused(Refusal::WrongCredentials)),
            Self::Locked(until) => Err(Error::Refused(Refusal::Locked(until))),
        }
    }
}

/// Gives a person a sign-in, or a new password.
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
    let fresh =
        Credential { login_index, actor: cmd.actor, password: cmd.phc, failures: 0, locked_until: None, set_at: ctx.now(), version: 0 };
    match found {
        Some(old) if old.actor == cmd.actor => {
            session::end_all(tx, ctx, cmd.actor)?;
            tx.replace(&old, Credential { version: old.version, ..fresh })?;
        }
        Some(_) => return Err(Error::invalid("login", Problem::Taken)),
        None => {
            if let Some(old) = tx.find_by::<Credential>(Credential::BY_ACTOR, (cmd.actor,))? {
                let old = old.trust("replaced by the new login").into_inner();
                session::end_all(tx, ctx, cmd.actor)?;
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
                operations,
            })
        }
        Actor::Anonymous | Actor::System => Err(Error::SignInRequired),
    }
}
