//! Passwords of officers: changed by themselves, given by administrators, and none of the last few again.

use serde::{Deserialize, Serialize};

use super::post::{genuine_posts, held_posts, plane_of};
use super::sign_in::{credential_of, fail_inside};
use super::{
    Actor, ActorKind, ActorRef, Challenge, Credential, Engine, HeldPost, Officer, PasswordSet, Permission, Plane, SignInEnd, SignInOutcome,
    SignedIn, check, session,
};
use crate::ctx::Ctx;
use crate::error::{Error, Problem};
use crate::id::OfficerId;
use crate::limits;
use crate::store::{ReadTx, Reads, Tx, Writes, stretch};

record! {
    /// A password somebody had before.
    pub struct PastPassword in "past_password" {
        /// Whose.
        actor: ActorRef,
        /// Place among theirs; later ones have higher numbers.
        number: i64,
        /// PHC string.
        password: String,
    }
    key(actor, number);
}

fn past(tx: &mut dyn ReadTx, actor: ActorRef) -> Result<Vec<PastPassword>, Error> {
    let why = Engine::work("a person's own former passwords");
    Ok(tx.scan(why, stretch(None, (actor,)).newest_first())?)
}

/// Forgets the passwords somebody had before.
pub(super) fn forget(tx: &mut dyn Tx, actor: ActorRef) -> Result<(), Error> {
    for old in past(tx, actor)? {
        tx.remove(&old)?;
    }
    Ok(())
}

/// Puts a new password in the place of an old one: sessions and half-done sign-ins end, the old one is remembered.
pub(super) fn replace(tx: &mut dyn Tx, ctx: &Ctx, old: &Credential, new: Credential) -> Result<Credential, Error> {
    session::end_sessions(tx, ctx, old.actor)?;
    Challenge::forget(tx, old.login_index)?;
    let known = past(tx, old.actor)?;
    // The present password is one of those remembered, and not among these rows.
    for forgotten in known.iter().skip(limits::PASSWORDS_REMEMBERED - 2) {
        tx.remove(forgotten)?;
    }
    let number = known.first().map_or(1, |p| p.number + 1);
    tx.add(&PastPassword { actor: old.actor, number, password: old.password.clone() })?;
    Ok(tx.replace(old, Credential { version: old.version, ..new })?)
}

/// What an officer types to change their password.
#[derive(Clone, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The present password.
    pub current: String,
    /// The new one: 10 characters or more of three kinds, none of the last five.
    pub password: String,
}

/// What the caller's new password is held against.
pub(crate) struct OwnPasswords {
    pub(crate) credential: Credential,
    pub(crate) past: Vec<String>,
    /// Staff number and name: not to be in it.
    pub(crate) names: Vec<String>,
}

/// What the caller's new password is held against. Read before the transaction: comparing takes long.
pub(crate) fn own_passwords(tx: &mut dyn ReadTx, ctx: &Ctx) -> Result<OwnPasswords, Error> {
    let officer = ctx.actor().officer()?.id;
    let credential = own_credential(tx, ctx)?;
    let past = past(tx, credential.actor)?.into_iter().map(|p| p.password).collect();
    let row = tx.find::<Officer>((officer,))?.ok_or(Error::SignInRequired)?.trust("the caller's own record").into_inner();
    Ok(OwnPasswords { credential, past, names: not_within(tx, ctx, row)? })
}

/// What an officer's password does not have in it: their name and their staff number.
fn not_within(tx: &mut dyn ReadTx, ctx: &Ctx, officer: Officer) -> Result<Vec<String>, Error> {
    Ok(vec![officer.own_name(tx, ctx)?, officer.staff_no])
}

/// What a password given to an officer does not have in it.
pub(crate) fn not_within_given(tx: &mut dyn ReadTx, ctx: &Ctx, officer: OfficerId) -> Result<Vec<String>, Error> {
    let officer = resettable(tx, ctx, officer)?;
    not_within(tx, ctx, officer)
}

fn own_credential(tx: &mut dyn ReadTx, ctx: &Ctx) -> Result<Credential, Error> {
    let found = tx.find_by::<Credential>(Credential::BY_ACTOR, (ctx.actor().as_ref(),))?.ok_or(Error::SignInRequired)?;
    Ok(found.trust("the caller's own sign-in").into_inner())
}

/// A change of one's own password, compared and hashed.
#[derive(Clone, Serialize)]
pub struct ChangePassword {
    /// Where the present password was right: the PHC string it was right for. By that and not by its time: rivals may
    /// change it in the same instant.
    pub right_for: Option<String>,
    /// PHC string of the new one.
    pub phc: String,
}

/// Changes the caller's password. A wrong present one counts as a failed sign-in does: a session that was left open
/// is no place to guess it.
pub fn change_password(tx: &mut dyn Tx, ctx: &Ctx, cmd: ChangePassword) -> Result<SignInOutcome, Error> {
    let credential = own_credential(tx, ctx)?;
    if let Some(until) = credential.locked_at(ctx.now()) {
        return Ok(SignInEnd::Locked(until).of(credential.actor));
    }
    if cmd.right_for.as_ref() != Some(&credential.password) {
        return fail_inside(tx, ctx, &credential, SignInEnd::WrongPassword);
    }
    let new = Credential {
        password: cmd.phc,
        failures: 0,
        locked_until: None,
        set_at: ctx.now(),
        given_by: None,
        failed_at: None,
        ..credential.clone()
    };
    let changed = replace(tx, ctx, &credential, new)?;
    Ok(SignInEnd::SignedIn(SignedIn::begin(tx, ctx, changed.actor)?).of(changed.actor))
}

/// Gives an officer a password that they must change at the next sign-in, within [`limits::GIVEN_PASSWORD_VALID`].
#[derive(Clone, Serialize)]
pub struct GivePassword {
    /// Whose.
    pub officer: OfficerId,
    /// PHC string of the password; hashed before the transaction.
    pub phc: String,
}

/// Gives an officer within reach a password, which ends their sessions and lifts a lock. The login of one who has
/// none yet is their staff number.
pub fn give_password(tx: &mut dyn Tx, ctx: &Ctx, cmd: GivePassword) -> Result<PasswordSet, Error> {
    let officer = resettable(tx, ctx, cmd.officer)?;
    let actor = ActorRef { kind: ActorKind::Officer, id: officer.id.uuid() };
    let (login_index, taken) = credential_of(tx, ctx.keys(), &officer.staff_no)?;
    let given_by = Some(ctx.actor().as_ref());
    let new = Credential {
        login_index,
        actor,
        password: cmd.phc,
        failures: 0,
        locked_until: None,
        set_at: ctx.now(),
        version: 0,
        given_by,
        failed_at: None,
    };
    match tx.find_by::<Credential>(Credential::BY_ACTOR, (actor,))? {
        Some(old) => {
            let old = old.trust("replaced by the new password").into_inner();
            replace(tx, ctx, &old, Credential { login_index: old.login_index, ..new })?;
        }
        None if taken.is_some() => return Err(Error::invalid("staff_no", Problem::Taken)),
        None => tx.add(&new)?,
    }
    Ok(PasswordSet { whose: actor.to_string() })
}

/// An officer whose sign-in the caller may reset: a subordinate who is no administrator of another kind. Whoever could give the security
/// administrator a password could agree to their own wishes. Those of the other administrators are reset on the host's command line.
pub(super) fn resettable(tx: &mut dyn ReadTx, ctx: &Ctx, id: OfficerId) -> Result<Officer, Error> {
    let officer = subordinate(tx, ctx, id)?;
    let apart = plane_of(tx, ctx.rights(), id)?.is_some_and(|plane| !matches!(plane, Plane::Business | Plane::System));
    if apart && matches!(ctx.actor(), Actor::Officer(_)) {
        return Err(Error::Denied { operation: ctx.operation().name });
    }
    Ok(officer)
}

/// An officer whom the caller administers: within reach with all they hold, and not the caller.
///
/// Else whoever administers a county could take over an officer of that county who holds a post in the province,
/// and anybody could do without their own second factor.
fn subordinate(tx: &mut dyn ReadTx, ctx: &Ctx, id: OfficerId) -> Result<Officer, Error> {
    let held = held_posts(tx, ctx.rights(), id, ctx.now());
    within_reach(tx, ctx, id, held)
}

/// The same of one who leaves: what was altered of their posts gives them nothing, and keeps nobody here.
pub(super) fn leaver(tx: &mut dyn ReadTx, ctx: &Ctx, id: OfficerId) -> Result<Officer, Error> {
    let held = genuine_posts(tx, ctx.rights(), id, ctx.now());
    within_reach(tx, ctx, id, held)
}

fn within_reach(tx: &mut dyn ReadTx, ctx: &Ctx, id: OfficerId, held: Result<Vec<HeldPost>, Error>) -> Result<Officer, Error> {
    let found = tx.find::<Officer>((id,))?;
    let officer = check(ctx, found)?.into_inner();
    if let Actor::Officer(caller) = ctx.actor() {
        let within = held?.iter().all(|post| caller.may_at(Permission::ManageAccess, &post.authority));
        if caller.id == id || !within {
            return Err(Error::Denied { operation: ctx.operation().name });
        }
    }
    Ok(officer)
}
