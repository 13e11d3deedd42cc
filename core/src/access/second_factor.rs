//! Second factors of officers: an authenticator (TOTP, RFC 6238), and recovery codes for the day it is lost.

use data_encoding::BASE32_NOPAD;
use rand_core::Rng as _;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::sign_in::{credential_of_index, fail, fail_inside, settle};
use super::{ActorKind, ActorRef, Credential, Engine, Officer, SignInEnd, SignInOutcome, SignedIn, password, session};
use crate::clock::Timestamp;
use crate::crypto::{Place, Token, totp};
use crate::ctx::Ctx;
use crate::error::{Error, Problem, Refusal};
use crate::id::OfficerId;
use crate::identity::subject;
use crate::limits;
use crate::planted::{Bug, planted};
use crate::store::{ReadTx, Reads, Record, Tx, Writes, stretch};

/// Whose codes an authenticator says they are.
const ISSUER: &str = "征纳互动";
/// Random bytes of a recovery code: 80 bits, 16 characters of base32.
const RECOVERY_CODE_BYTES: usize = 10;

record! {
    /// The second factor of an officer.
    pub struct SecondFactor in "second_factor" {
        /// Whose.
        officer: OfficerId,
        /// The secret, sealed with the officer's own key.
        secret: Vec<u8>,
        /// When it was made.
        enrolled_at: Timestamp,
        /// When a code confirmed it; it counts from then on.
        confirmed_at: Option<Timestamp>,
        /// The step of the last code taken: that one and earlier ones are not taken again.
        last_step: i64,
        /// Counts updates.
        version: i64,
    }
    key(officer);
    version version;
}

record! {
    /// A recovery code that was not used yet.
    pub struct RecoveryCode in "recovery_code" {
        /// Whose.
        officer: OfficerId,
        /// Keyed digest of officer and code.
        code_hash: [u8; 32],
    }
    key(officer, code_hash);
}

record! {
    /// A sign-in whose password was right and whose second factor was not shown yet; one per login.
    pub struct Challenge in "sign_in_challenge" {
        /// Blind index of the login.
        login_index: [u8; 16],
        /// SM3 of the challenge.
        challenge_hash: [u8; 32],
        /// When the password had been set.
        set_at: Timestamp,
        /// Useless from then on.
        expires_at: Timestamp,
        /// Counts updates.
        version: i64,
    }
    key(login_index);
    version version;
    unique BY_CHALLENGE(challenge_hash);
}

impl Challenge {
    /// A fresh challenge for a login whose password was right; an earlier one is good no more.
    pub(super) fn issue(tx: &mut dyn Tx, ctx: &Ctx, credential: &Credential) -> Result<String, Error> {
        let token = ctx.with_rng(Token::generate);
        Self::forget(tx, credential.login_index)?;
        tx.add(&Self {
            login_index: credential.login_index,
            challenge_hash: token.digest(),
            set_at: credential.set_at,
            expires_at: ctx.now().plus(limits::CHALLENGE_AGE_MAX),
            version: 0,
        })?;
        Ok(token.text().to_string())
    }

    /// Ends a sign-in that is half done.
    pub(super) fn forget(tx: &mut dyn Tx, login_index: [u8; 16]) -> Result<(), Error> {
        if let Some(old) = tx.find::<Self>((login_index,))? {
            tx.remove(&old.trust("a half-done sign-in of this login").into_inner())?;
        }
        Ok(())
    }
}

impl SecondFactor {
    /// The secret, opened.
    pub(crate) fn secret(&self, tx: &mut dyn ReadTx, ctx: &Ctx) -> Result<Zeroizing<Vec<u8>>, Error> {
        let key = subject::key_of(tx, ctx, self.officer.uuid())?;
        Ok(key.open(place(&self.officer), &self.secret)?)
    }
}

fn find(tx: &mut dyn ReadTx, officer: OfficerId) -> Result<Option<SecondFactor>, Error> {
    Ok(tx.find::<SecondFactor>((officer,))?.map(|f| f.trust("the officer's own second factor").into_inner()))
}

/// The officer's second factor, where a code has confirmed it.
pub(super) fn confirmed(tx: &mut dyn ReadTx, officer: OfficerId) -> Result<Option<SecondFactor>, Error> {
    Ok(find(tx, officer)?.filter(|f| f.confirmed_at.is_some()))
}

fn place(officer: &OfficerId) -> Place<'_> {
    Place { table: SecondFactor::TABLE.name, column: "secret", row: officer.as_bytes() }
}

/// Starts a second factor.
#[derive(Clone, Debug, Serialize)]
pub struct EnrolFactor {}

/// A second factor to be confirmed.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FactorEnrolled {
    /// `otpauth://` URI for an authenticator, as a QR code or by hand. Shown once.
    pub uri: String,
}

impl crate::core::Answer for FactorEnrolled {
    fn subject(&self) -> String {
        "second_factor".into()
    }
}

/// Makes a new secret. It counts once a code has confirmed it; until then it may be made anew.
pub fn enrol_factor(tx: &mut dyn Tx, ctx: &Ctx, _: EnrolFactor) -> Result<FactorEnrolled, Error> {
    let id = ctx.actor().officer()?.id;
    let officer = tx.find::<Officer>((id,))?.ok_or(Error::SignInRequired)?.trust("the caller's own record").into_inner();
    let secret = ctx.with_rng(totp::new_secret);
    let key = subject::key_of(tx, ctx, id.uuid())?;
    let sealed = ctx.with_rng(|rng| key.seal(ctx.keys().suite(), rng, place(&id), &*secret));
    let new = SecondFactor { officer: id, secret: sealed, enrolled_at: ctx.now(), confirmed_at: None, last_step: i64::MIN, version: 0 };
    match find(tx, id)? {
        Some(old) if old.confirmed_at.is_some() => return Err(Error::Refused(Refusal::SecondFactorEnrolled)),
        Some(old) => drop(tx.replace(&old, new)?),
        None => tx.add(&new)?,
    }
    Ok(FactorEnrolled { uri: totp::uri(&*secret, ISSUER, &officer.staff_no).to_string() })
}

/// A code of the second factor, as typed.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FactorCode {
    /// Six digits of the authenticator; where a factor counts already, a recovery code will do.
    pub code: String,
}

/// The second factor counts.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FactorConfirmed {
    /// A new session: what was signed in with the password alone has ended.
    pub session: SignedIn,
    /// Codes for the day when the authenticator is lost, each good once. Shown once.
    pub recovery_codes: Vec<String>,
}

impl crate::core::Answer for FactorConfirmed {
    fn subject(&self) -> String {
        "second_factor".into()
    }
}

/// Confirms the caller's new factor with a code of it.
pub fn confirm_factor(tx: &mut dyn Tx, ctx: &Ctx, cmd: FactorCode) -> Result<FactorConfirmed, Error> {
    let id = ctx.actor().officer()?.id;
    let factor = find(tx, id)?.ok_or(Error::Refused(Refusal::NoSecondFactor))?;
    if factor.confirmed_at.is_some() {
        return Err(Error::Refused(Refusal::SecondFactorEnrolled));
    }
    let step = accepted_step(tx, ctx, &factor, &cmd.code)?.ok_or(Error::Refused(Refusal::WrongCode))?;
    tx.replace(&factor, SecondFactor { confirmed_at: Some(ctx.now()), last_step: step, ..factor.clone() })?;
    let mut recovery_codes = Vec::with_capacity(limits::RECOVERY_CODES);
    for _ in 0..limits::RECOVERY_CODES {
        let mut bytes = Zeroizing::new([0; RECOVERY_CODE_BYTES]);
        ctx.with_rng(|rng| rng.fill_bytes(&mut *bytes));
        let code = BASE32_NOPAD.encode(&*bytes);
        tx.add(&RecoveryCode { officer: id, code_hash: hash(ctx, id, &code) })?;
        let groups: Vec<&str> = [0, 4, 8, 12].iter().filter_map(|at| code.get(*at..at + 4)).collect();
        recovery_codes.push(groups.join("-"));
    }
    end_what_stands(tx, ctx, id)?;
    let session = SignedIn::begin(tx, ctx, ctx.actor().as_ref())?;
    Ok(FactorConfirmed { session, recovery_codes })
}

/// Removes the caller's own factor, with a code of it.
pub fn remove_factor(tx: &mut dyn Tx, ctx: &Ctx, cmd: FactorCode) -> Result<SignInOutcome, Error> {
    let id = ctx.actor().officer()?.id;
    let factor = confirmed(tx, id)?.ok_or(Error::Refused(Refusal::NoSecondFactor))?;
    let whose = ctx.actor().as_ref();
    let credential = tx.find_by::<Credential>(Credential::BY_ACTOR, (whose,))?.ok_or(Error::SignInRequired)?;
    let credential = credential.trust("the caller's own sign-in").into_inner();
    if let Some(until) = credential.locked_at(ctx.now()) {
        return Ok(SignInEnd::Locked(until).of(credential.actor));
    }
    let Some(factor) = accept(tx, ctx, factor, &cmd.code)? else {
        return fail_inside(tx, ctx, &credential, SignInEnd::WrongCode);
    };
    take_away(tx, ctx, &factor)?;
    Ok(SignInEnd::SignedIn(SignedIn::begin(tx, ctx, whose)?).of(whose))
}

/// Takes the second factor of an officer away.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ResetFactor {
    /// Whose.
    pub officer: OfficerId,
}

/// The factor is gone.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FactorReset {
    /// Whose.
    pub officer: OfficerId,
}

impl crate::core::Answer for FactorReset {
    fn subject(&self) -> String {
        format!("officer/{}", self.officer)
    }
}

/// Takes the second factor of an officer within reach away, who has lost it.
pub fn reset_factor(tx: &mut dyn Tx, ctx: &Ctx, cmd: ResetFactor) -> Result<FactorReset, Error> {
    let officer = password::resettable(tx, ctx, cmd.officer)?.id;
    let factor = find(tx, officer)?.ok_or(Error::Refused(Refusal::NoSecondFactor))?;
    take_away(tx, ctx, &factor)?;
    Ok(FactorReset { officer })
}

fn take_away(tx: &mut dyn Tx, ctx: &Ctx, factor: &SecondFactor) -> Result<(), Error> {
    let why = Engine::work("an officer's own recovery codes, with their factor");
    let codes: Vec<RecoveryCode> = tx.scan(why, stretch(None, (factor.officer,)))?;
    for code in &codes {
        tx.remove(code)?;
    }
    tx.remove(factor)?;
    end_what_stands(tx, ctx, factor.officer)
}

/// Ends sessions and half-done sign-ins: what counts as having signed in is no longer what it was.
fn end_what_stands(tx: &mut dyn Tx, ctx: &Ctx, officer: OfficerId) -> Result<(), Error> {
    let whose = ActorRef { kind: ActorKind::Officer, id: officer.uuid() };
    if let Some(credential) = tx.find_by::<Credential>(Credential::BY_ACTOR, (whose,))? {
        Challenge::forget(tx, credential.trust("the officer's own sign-in").login_index)?;
    }
    session::end_sessions(tx, ctx, whose)
}

/// What is typed after a password that was right.
#[derive(Clone, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SecondStep {
    /// `related` of the refusal `access.second_factor_needed`; good for five minutes and one session.
    pub challenge: String,
    /// Six digits of the authenticator, or a recovery code.
    pub code: String,
}

/// The same as a command.
#[derive(Clone, Serialize)]
pub struct ConfirmSignIn {
    /// SM3 of the challenge.
    pub challenge: [u8; 32],
    /// What was typed.
    pub code: String,
}

/// Finishes a sign-in, or counts a failure: with those of the password, towards the same lock.
pub fn confirm_sign_in(tx: &mut dyn Tx, ctx: &Ctx, cmd: ConfirmSignIn) -> Result<SignInOutcome, Error> {
    let Some(challenge) = tx.find_by::<Challenge>(Challenge::BY_CHALLENGE, (cmd.challenge,))? else {
        return Ok(SignInEnd::Over.of_nobody());
    };
    let challenge = challenge.trust("the holder of the challenge").into_inner();
    let Some(credential) = credential_of_index(tx, challenge.login_index)? else { return Ok(SignInEnd::Over.of_nobody()) };
    if let Some(until) = credential.locked_at(ctx.now()) {
        return Ok(SignInEnd::Locked(until).of(credential.actor));
    }
    let factor = confirmed(tx, OfficerId::from_uuid(credential.actor.id))?;
    let (Some(factor), true) = (factor, ctx.now() < challenge.expires_at && challenge.set_at == credential.set_at) else {
        tx.remove(&challenge)?;
        return Ok(SignInEnd::Over.of(credential.actor));
    };
    if accept(tx, ctx, factor, &cmd.code)?.is_none() {
        return fail(tx, ctx, &credential, SignInEnd::WrongCode);
    }
    tx.remove(&challenge)?;
    settle(tx, ctx, &credential)
}

/// Uses a code up, if it is one; answers the factor as it is then.
fn accept(tx: &mut dyn Tx, ctx: &Ctx, factor: SecondFactor, typed: &str) -> Result<Option<SecondFactor>, Error> {
    if let Some(step) = accepted_step(tx, ctx, &factor, typed)? {
        return Ok(Some(tx.replace(&factor, SecondFactor { last_step: step, ..factor.clone() })?));
    }
    let code: String = typed.chars().filter(|c| !c.is_whitespace() && *c != '-').map(|c| c.to_ascii_uppercase()).collect();
    match tx.find::<RecoveryCode>((factor.officer, hash(ctx, factor.officer, &code)))? {
        Some(found) => {
            let found = found.trust("whoever knows the code").into_inner();
            if !planted(Bug::RecoveryCodeReusable) {
                tx.remove(&found)?;
            }
            Ok(Some(factor))
        }
        None => Ok(None),
    }
}

fn accepted_step(tx: &mut dyn ReadTx, ctx: &Ctx, factor: &SecondFactor, typed: &str) -> Result<Option<i64>, Error> {
    let secret = factor.secret(tx, ctx)?;
    Ok(totp::accepted_step(&secret, typed.trim(), ctx.now(), factor.last_step))
}

/// Keyed, so that a copy of the database is no list to try codes against.
fn hash(ctx: &Ctx, officer: OfficerId, code: &str) -> [u8; 32] {
    ctx.keys().digest(&[b"recovery code", &officer.as_bytes()[..], code.as_bytes()].concat())
}

/// Refuses what is too long to be a code before anything is done with it.
pub(crate) fn within_a_code(code: &str) -> Result<(), Error> {
    let max = limits::CODE_CHARS_MAX;
    if code.chars().count() > max { Err(Error::invalid("code", Problem::TooLong { max })) } else { Ok(()) }
}
