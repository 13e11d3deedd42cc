//! Sessions: opaque tokens, stored hashed, with idle and absolute expiry; and one-time tickets for sockets.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::post::{held_posts, kept_apart};
use super::trail::Rights;
use super::{Actor, ActorKind, ActorRef, AuthorityPath, Engine, Officer, OfficerActor, Permission, Provider, duty};
use crate::audit::{self, Deed};
use crate::clock::Timestamp;
use crate::crypto::Token;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::id::{OfficerId, TaxpayerId};
use crate::interaction::SourceChannel;
use crate::limits;
use crate::planted::{Bug, planted};
use crate::store::{ReadTx, Reads, Tx, Writes, stretch};

record! {
    /// A session. The token itself is known only to its holder.
    pub struct SessionRow in "session" {
        /// SM3 of the token.
        token_hash: [u8; 32],
        /// Whose.
        actor: ActorRef,
        /// When it began.
        started_at: Timestamp,
        /// When it was last used, to within a minute.
        seen_at: Timestamp,
        /// When it was ended by sign-out, by a newer session or by an administrator.
        ended_at: Option<Timestamp>,
        /// Counts updates.
        version: i64,
        /// The provider through which it began; none where a password was typed.
        provider: Option<Provider>,
    }
    key(token_hash);
    version version;
    index BY_ACTOR(actor, started_at);
}

record! {
    /// A one-time ticket that opens a socket for a session.
    pub struct SocketTicket in "socket_ticket" {
        /// SM3 of the ticket.
        ticket_hash: [u8; 32],
        /// The session it speaks for.
        token_hash: [u8; 32],
        /// Useless from then on.
        expires_at: Timestamp,
    }
    key(ticket_hash);
    index BY_EXPIRY(expires_at);
}

/// A caller whose token was found good.
#[derive(Clone, Debug)]
pub struct Authenticated {
    /// Who.
    pub actor: Actor,
    /// The session: hash of its token.
    pub session: [u8; 32],
    /// The door by which they came: where they entered a line from, unless a signed entry says more.
    pub door: SourceChannel,
    /// When the session was last written down as used; a host asks to write it down again after
    /// [`limits::SESSION_TOUCH_EVERY`].
    pub seen_at: Timestamp,
}

fn idle_limit(kind: ActorKind) -> std::time::Duration {
    if kind == ActorKind::Officer { limits::STAFF_IDLE } else { limits::TAXPAYER_IDLE }
}

impl SessionRow {
    /// Whether the session may be used at `now`.
    fn is_open(&self, now: Timestamp) -> bool {
        self.may_be_used(now) && (now < self.seen_at.plus(idle_limit(self.actor.kind)) || planted(Bug::IdleIgnored))
    }

    /// Whether it may be used at `now` if it was used lately.
    fn may_be_used(&self, now: Timestamp) -> bool {
        (self.ended_at.is_none() || planted(Bug::EndedSessionAccepted)) && now < self.started_at.plus(limits::SESSION_AGE_MAX)
    }
}

/// Who holds this token, with the posts held now.
///
/// # Errors
/// `SignInRequired` for an unknown, ended, idle or old session, and for people who have left.
pub(crate) fn authenticate(tx: &mut dyn ReadTx, rights: Rights<'_>, now: Timestamp, token_hash: [u8; 32]) -> Result<Authenticated, Error> {
    authenticate_used(tx, rights, now, token_hash, None)
}

/// The same, where the host knows of a later use that is not written down yet.
pub(crate) fn authenticate_used(
    tx: &mut dyn ReadTx,
    rights: Rights<'_>,
    now: Timestamp,
    token_hash: [u8; 32],
    used: Option<Timestamp>,
) -> Result<Authenticated, Error> {
    let mut session = tx.find::<SessionRow>((token_hash,))?.ok_or(Error::SignInRequired)?.trust("the holder of the token").into_inner();
    let written_at = session.seen_at;
    session.seen_at = used.map_or(written_at, |used| used.max(written_at));
    if !session.is_open(now) {
        return Err(Error::SignInRequired);
    }
    let actor = match session.actor.kind {
        ActorKind::Taxpayer => Actor::Taxpayer(TaxpayerId::from_uuid(session.actor.id)),
        ActorKind::Officer => Actor::Officer(Arc::new(signed_in_officer(tx, rights, now, OfficerId::from_uuid(session.actor.id))?)),
        ActorKind::Anonymous | ActorKind::System => return Err(Error::SignInRequired),
    };
    Ok(Authenticated { actor, session: token_hash, door: SourceChannel::of_sign_in(session.provider), seen_at: session.seen_at })
}

/// The officer of a session, with what they must do first.
pub(super) fn signed_in_officer(tx: &mut dyn ReadTx, rights: Rights<'_>, now: Timestamp, id: OfficerId) -> Result<OfficerActor, Error> {
    let officer = officer_actor(tx, rights, now, id)?;
    Ok(OfficerActor { duty: duty::of(tx, now, &officer)?, ..officer })
}

/// The officer with the posts held now. Nothing is asked of them first: whoever calls knows them by other means.
pub(crate) fn officer_actor(tx: &mut dyn ReadTx, rights: Rights<'_>, now: Timestamp, id: OfficerId) -> Result<OfficerActor, Error> {
    let officer = tx.find::<Officer>((id,))?.ok_or(Error::SignInRequired)?.trust("the caller's own record").into_inner();
    if officer.left_at.is_some_and(|left| left <= now) {
        return Err(Error::SignInRequired);
    }
    let posts = held_posts(tx, rights, id, now)?;
    let apart = kept_apart(tx, rights, &posts)?;
    let capacity = u32::try_from(officer.capacity).unwrap_or(0); // counted from 1
    Ok(OfficerActor { id, posts, apart, authority: officer.authority, capacity, duty: None })
}

/// Whether an officer holds a permission at an authority; nobody, and one who has left, does not.
///
/// # Errors
/// `RightsAltered`.
pub(crate) fn holds_at(
    tx: &mut dyn ReadTx,
    ctx: &Ctx,
    officer: OfficerId,
    permission: Permission,
    authority: &AuthorityPath,
) -> Result<bool, Error> {
    match officer_actor(tx, ctx.rights(), ctx.now(), officer) {
        Ok(officer) => Ok(officer.may_at(permission, authority)),
        Err(Error::SignInRequired) => Ok(false),
        Err(e) => Err(e),
    }
}

/// Begins a session; ends the ones that the rules allow no more: an officer has one, a taxpayer a few devices. Those that seem idle end
/// too: one may have been used a moment ago, which is not written down yet.
pub(super) fn begin(tx: &mut dyn Tx, ctx: &Ctx, actor: ActorRef, provider: Option<Provider>) -> Result<Token, Error> {
    let why = Engine::work("a person's own sessions, at sign-in");
    let known: Vec<SessionRow> = tx.scan(why, stretch(Some(SessionRow::BY_ACTOR), (actor,)).newest_first())?;
    if let Some(last) = known.first().filter(|_| actor.kind == ActorKind::Officer) {
        note_idleness(tx, ctx, actor, last.seen_at)?;
    }
    let keep = if actor.kind == ActorKind::Officer { 0 } else { limits::TAXPAYER_SESSIONS_MAX - 1 };
    let (open, idle): (Vec<_>, Vec<_>) = known.into_iter().filter(|s| s.may_be_used(ctx.now())).partition(|s| s.is_open(ctx.now()));
    for old in open.iter().skip(keep).chain(&idle) {
        tx.replace(old, SessionRow { ended_at: Some(ctx.now()), ..old.clone() })?;
    }
    let token = ctx.with_rng(Token::generate);
    let now = ctx.now();
    tx.add(&SessionRow { token_hash: token.digest(), actor, started_at: now, seen_at: now, ended_at: None, version: 0, provider })?;
    Ok(token)
}

/// An officer's account that is used again after a long time is worth a record: see [`crate::control::Watch::DormantAccount`].
pub(super) fn note_idleness(tx: &mut dyn Tx, ctx: &Ctx, whose: ActorRef, used_at: Timestamp) -> Result<(), Error> {
    let days = ctx.now().days_since(used_at);
    if days >= limits::IDLE_NOTED_DAYS {
        audit::record(tx, ctx, Deed { subject: format!("{whose}/idle"), reason: None, digest: [0; 32], rows: days })?;
    }
    Ok(())
}

/// When somebody's newest session was last used; nothing for who never had any.
pub(super) fn last_used(tx: &mut dyn ReadTx, actor: ActorRef) -> Result<Option<Timestamp>, Error> {
    let why = Engine::work("when an account was last used, at sign-in");
    let newest: Vec<SessionRow> = tx.scan(why, stretch(Some(SessionRow::BY_ACTOR), (actor,)).newest_first().limit(1))?;
    Ok(newest.first().map(|session| session.seen_at))
}

/// Ends every session of a person: after a change of password or second factor, when they leave, when they are verified.
pub(crate) fn end_sessions(tx: &mut dyn Tx, ctx: &Ctx, actor: ActorRef) -> Result<(), Error> {
    let why = Engine::work("a person's own sessions, when their sign-in changes");
    let sessions: Vec<SessionRow> = tx.scan(why, stretch(Some(SessionRow::BY_ACTOR), (actor,)).newest_first())?;
    // One that seems idle may have been used a moment ago, which is not written down yet.
    for old in sessions.iter().filter(|s| s.may_be_used(ctx.now())) {
        tx.replace(old, SessionRow { ended_at: Some(ctx.now()), ..old.clone() })?;
    }
    Ok(())
}

/// Removes the sessions of a person who is erased, the newest `most`; says whether there are more.
pub(super) fn remove_sessions(tx: &mut dyn Tx, actor: ActorRef, most: u32) -> Result<bool, Error> {
    let sessions = of_actor(tx, actor, most)?;
    for old in &sessions {
        tx.remove(old)?;
    }
    Ok(sessions.len() as u32 == most)
}

fn of_actor(tx: &mut dyn ReadTx, actor: ActorRef, most: u32) -> Result<Vec<SessionRow>, Error> {
    let why = Engine::work("sessions of a person who is erased, or to whom all that is kept of them is given");
    Ok(tx.scan(why, stretch(Some(SessionRow::BY_ACTOR), (actor,)).newest_first().limit(most))?)
}

/// A session as its holder is told of it.
#[derive(Clone, Debug, Serialize)]
pub struct SessionTimes {
    /// When it began.
    pub started_at: Timestamp,
    /// When it was last used.
    pub seen_at: Timestamp,
    /// When it was ended.
    pub ended_at: Option<Timestamp>,
}

/// The newest sessions of a person, for the export of all that is kept of them.
pub(crate) fn session_times(tx: &mut dyn ReadTx, actor: ActorRef) -> Result<Vec<SessionTimes>, Error> {
    let sessions = of_actor(tx, actor, limits::PAGE_ROWS_MAX)?;
    Ok(sessions.iter().map(|s| SessionTimes { started_at: s.started_at, seen_at: s.seen_at, ended_at: s.ended_at }).collect())
}

/// Ends the session that calls.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SignOut {
    /// Hash of the session's token.
    pub session: [u8; 32],
}

/// The session is over.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SignedOut {}

impl crate::core::Answer for SignedOut {
    fn subject(&self) -> String {
        "session".into()
    }
}

/// Ends the session that calls.
pub fn sign_out(tx: &mut dyn Tx, ctx: &Ctx, cmd: SignOut) -> Result<SignedOut, Error> {
    let session = tx.find::<SessionRow>((cmd.session,))?.ok_or(Error::SignInRequired)?.trust("the caller's own session").into_inner();
    if session.actor != ctx.actor().as_ref() {
        return Err(Error::SignInRequired);
    }
    if session.ended_at.is_none() {
        tx.replace(&session, SessionRow { ended_at: Some(ctx.now()), ..session.clone() })?;
    }
    Ok(SignedOut {})
}

/// Asks for a socket ticket.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IssueTicket {
    /// Hash of the session's token.
    pub session: [u8; 32],
}

/// A socket ticket.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TicketIssued {
    /// The ticket; good once.
    pub ticket: String,
    /// Until when.
    pub expires_at: Timestamp,
}

impl crate::core::Answer for TicketIssued {
    fn subject(&self) -> String {
        "socket_ticket".into()
    }
}

/// Issues a one-time ticket for the session that calls.
pub fn issue_ticket(tx: &mut dyn Tx, ctx: &Ctx, cmd: IssueTicket) -> Result<TicketIssued, Error> {
    let session = tx.find::<SessionRow>((cmd.session,))?.ok_or(Error::SignInRequired)?.trust("the caller's own session").into_inner();
    if session.actor != ctx.actor().as_ref() || !session.is_open(ctx.now()) {
        return Err(Error::SignInRequired);
    }
    let token = ctx.with_rng(Token::generate);
    let expires_at = ctx.now().plus(limits::SOCKET_TICKET_AGE_MAX);
    tx.add(&SocketTicket { ticket_hash: token.digest(), token_hash: cmd.session, expires_at })?;
    Ok(TicketIssued { ticket: token.text().to_string(), expires_at })
}

/// Uses a ticket up and says whose session it speaks for.
pub(crate) fn redeem(tx: &mut dyn Tx, rights: Rights<'_>, now: Timestamp, ticket_hash: [u8; 32]) -> Result<Authenticated, Error> {
    let ticket = tx.find::<SocketTicket>((ticket_hash,))?.ok_or(Error::SignInRequired)?.trust("the holder of the ticket").into_inner();
    if ticket.expires_at <= now {
        return Err(Error::SignInRequired);
    }
    if !planted(Bug::SocketTicketReusable) {
        tx.remove(&ticket)?;
    }
    authenticate(tx, rights, now, ticket.token_hash)
}

/// A session was used.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Touch {
    /// Hash of its token.
    pub session: [u8; 32],
    /// When.
    pub at: Timestamp,
}

/// Writes down when sessions were last used; later instants win.
pub fn touch(tx: &mut dyn Tx, _: &Ctx, rows: &[Touch]) -> Result<u64, Error> {
    let mut touched = 0;
    for row in rows {
        let Some(session) = tx.find::<SessionRow>((row.session,))? else { continue };
        let session = session.trust("the session itself was used").into_inner();
        if session.ended_at.is_none() && session.seen_at < row.at {
            tx.replace(&session, SessionRow { seen_at: row.at, ..session.clone() })?;
            touched += 1;
        }
    }
    Ok(touched)
}
