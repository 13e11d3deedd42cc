//! The core and its one door.
//!
//! [`Core`] owns the store, the clock, the randomness and the keys. [`Core::as_actor`] gives a [`Session`];
//! what a session can do is grouped by noun ([`Session::interaction`], [`Session::access`], ...). Commands answer
//! with a [`Ticket`](crate::store::Ticket): block on it, or await it without a thread.

mod bulk;
mod clients;
mod door;
mod idempotency;
mod live;

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

pub use bulk::{BulkDone, BulkProgress};
pub use clients::{Access, Audit, Calendar, Identity, Interaction, Journal};
pub use door::{Answer, Command, Target};
pub use idempotency::Answered;
pub use live::{EventPage, LiveEvent};

use crate::access::{
    self, Actor, Authenticated, ConfirmSignIn, Credentials, IdentityProvider, Proof, SecondStep, SignInWithProvider, SignedIn, Touch,
};
use crate::agenda::{self, TimerKind};
use crate::audit::{Checkpoint, Checkpointed, SealAudit, Sealed, TakeCheckpoint, Verdict};
use crate::calendar::{self, Calendars};
use crate::clock::{Clock, Timestamp};
use crate::crypto::Token;
use crate::ctx::{Call, Ctx, Entropy, Settings};
use crate::delivery::{self, LeaseDeliveries, LeasedDelivery, SettleDelivery, Settled};
use crate::error::{Error, Problem, Refusal};
use crate::interaction::{self, Presence, ReadyLines};
use crate::journal::{Cursor, Event};
use crate::limits;
use crate::operation::{self, Class, Operation};
use crate::store::{Isolation, MakeProjections, Priority, Projection, Projections, ReadTx, Spec, Store, StoreExt, Ticket};

/// The projections that a store must drive: pass this when opening one.
pub const PROJECTIONS: MakeProjections = || vec![Box::new(ReadyLines::default()) as Box<dyn Projection>];

/// What a core is made of.
pub struct Parts {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// Where the present comes from.
    pub clock: Arc<dyn Clock>,
    /// Where randomness comes from.
    pub entropy: Arc<dyn Entropy>,
    /// Keys and settings.
    pub settings: Settings,
}

/// Failures of a login that does not exist, and until when it is told to be locked.
type Strange = (i64, Option<Timestamp>);

/// Those who want to know that somebody is typing.
type TypingListeners = Mutex<Vec<Box<dyn Fn(&interaction::Typing) + Send + Sync>>>;

/// The core. Cheap to clone.
#[derive(Clone)]
pub struct Core(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    settings: Arc<Settings>,
    /// The latest instant this process has seen: its time never goes back, whatever the clock does.
    latest: AtomicI64,
    presence: Arc<Presence>,
    calendars: Arc<Calendars>,
    typing: Arc<TypingListeners>,
    /// Failed sign-ins of logins that do not exist, so that they answer as known ones do.
    strange: Mutex<HashMap<[u8; 16], Strange>>,
    /// Sessions used since they were last written down.
    touched: Mutex<HashMap<[u8; 32], Timestamp>>,
}

impl Core {
    /// Puts a core together.
    pub fn new(parts: Parts) -> Self {
        let presence = Arc::new(Presence::default());
        let typing: Arc<TypingListeners> = Arc::default();
        let (hear_presence, hear_typing) = (presence.clone(), typing.clone());
        parts.store.signal().on_whisper(move |note| live::hear(note, &hear_presence, &hear_typing));
        Self(Arc::new(Inner {
            store: parts.store,
            clock: parts.clock,
            entropy: parts.entropy,
            settings: Arc::new(parts.settings),
            latest: AtomicI64::new(i64::MIN),
            presence,
            calendars: Arc::default(),
            typing,
            strange: Mutex::default(),
            touched: Mutex::default(),
        }))
    }

    /// Acts for somebody. The actor comes from [`Core::authenticate`].
    pub fn as_actor(&self, actor: Actor) -> Session {
        Session { core: self.clone(), actor, request: "-".into(), key: None }
    }

    /// Acts for the host itself.
    pub fn as_system(&self) -> Session {
        self.as_actor(Actor::System)
    }

    /// The present, never earlier than what this process has seen before.
    pub fn now(&self) -> Timestamp {
        let now = self.0.clock.now().micros();
        Timestamp::from_micros(self.0.latest.fetch_max(now, Ordering::SeqCst).max(now))
    }

    /// The store; for readiness checks and for waiting until something is committed.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.0.store
    }

    /// Settings.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    fn call(&self, operation: &'static Operation, actor: &Actor, request: &Arc<str>, key: Option<&Arc<str>>) -> Call {
        Call {
            now: self.now(),
            seed: self.0.entropy.seed(),
            actor: actor.clone(),
            request: request.clone(),
            key: key.cloned(),
            operation,
            settings: self.0.settings.clone(),
        }
    }

    /// Begins a session with login and password. Takes tens of milliseconds of computing, on purpose; a host
    /// calls it on a thread that may block.
    ///
    /// # Errors
    /// `WrongCredentials`, also for accounts that do not exist; `Locked` after too many failures; `SecondFactorNeeded`
    /// where the password was right and [`Core::confirm_sign_in`] must finish what was begun. That is an error and no
    /// answer of its own kind, so that whoever forgets it lets nobody in.
    pub fn sign_in(&self, typed: &Credentials, request: &str) -> Result<SignedIn, Error> {
        use crate::error::Problem;
        let too_long = |field: &'static str, max| Error::invalid(field, Problem::TooLong { max });
        if typed.login.chars().count() > limits::LOGIN_CHARS_MAX {
            return Err(too_long("login", limits::LOGIN_CHARS_MAX));
        }
        if typed.password.chars().count() > limits::PASSWORD_CHARS_MAX {
            return Err(too_long("password", limits::PASSWORD_CHARS_MAX));
        }
        let settings = self.0.settings.clone();
        let login = typed.login.clone();
        let (index, credential) = self.0.store.query("access.sign_in", move |tx| access::credential_of(tx, &settings.keys, &login))?;
        let attempt = access::compare(index, credential.as_ref(), &typed.password);
        let session = self.as_actor(Actor::Anonymous).for_request(request);
        if credential.is_none() {
            self.count_stranger(index)?;
        }
        session.command(&operation::SIGN_IN, attempt, access::sign_in).wait()?.into_result()
    }

    /// Finishes a sign-in that [`Core::sign_in`] refused with `SecondFactorNeeded`.
    ///
    /// # Errors
    /// `WrongCode`, which counts as a failed sign-in; `ChallengeOver` where the sign-in must be begun anew; `Locked`.
    pub fn confirm_sign_in(&self, typed: SecondStep, request: &str) -> Result<Ticket<access::SignInOutcome>, Error> {
        access::within_a_code(&typed.code)?;
        let challenge = Token::parse(&typed.challenge).map_err(|_| Error::Refused(Refusal::ChallengeOver))?.digest();
        let session = self.as_actor(Actor::Anonymous).for_request(request);
        let cmd = ConfirmSignIn { challenge, code: typed.code };
        Ok(session.command(&operation::CONFIRM_SIGN_IN, cmd, access::confirm_sign_in))
    }

    /// Begins a session through an identity provider: asks it who brought the proof, then settles whose session that is. Blocks,
    /// for as long as the provider takes.
    ///
    /// # Errors
    /// `Provider` where it does not answer, or the proof is good no more; `NotLinked` with a ticket where nobody is known to hold
    /// the account: a later sign-in that verifies somebody takes it as `link`; `ChallengeOver` for such a ticket that is too old.
    pub fn sign_in_with(&self, provider: &dyn IdentityProvider, typed: &Proof, request: &str) -> Result<SignedIn, Error> {
        access::within_a_proof("proof", &typed.proof)?;
        let over = || Error::Refused(Refusal::ChallengeOver);
        let link = typed.link.as_deref().map(|text| Token::parse(text).map_err(|_| over())).transpose()?.map(|token| token.digest());
        if let Some(hash) = link {
            let now = self.now();
            let stands = self.0.store.query("access.sign_in_with_provider", move |tx| access::link_ticket_stands(tx, now, hash))?;
            if !stands {
                return Err(over());
            }
        }
        let assertion = provider.exchange(&typed.proof, self.now())?;
        let cmd = SignInWithProvider { provider: provider.provider(), assertion, link };
        let session = self.as_actor(Actor::Anonymous).for_request(request);
        session.command(&operation::SIGN_IN_WITH_PROVIDER, cmd, access::sign_in_with_provider).wait()?.into_result()
    }

    /// Counts a failure of a login that does not exist, as `sign_in` counts those of one that does. Kept in memory:
    /// forgotten at a restart, and when more logins are tried than are remembered.
    fn count_stranger(&self, index: [u8; 16]) -> Result<(), Error> {
        let now = self.now();
        let mut strange = self.0.strange.lock().unwrap_or_else(PoisonError::into_inner);
        if strange.len() >= limits::STRANGE_LOGINS_MAX {
            strange.clear();
        }
        let (failures, locked) = strange.entry(index).or_default();
        if let Some(until) = locked.filter(|until| now < *until) {
            return Err(Error::Refused(Refusal::Locked(until)));
        }
        *failures = if locked.is_some() { 1 } else { *failures + 1 };
        *locked = (*failures >= limits::SIGN_IN_FAILURES_MAX).then(|| now.plus(limits::SIGN_IN_LOCK));
        locked.map_or(Ok(()), |until| Err(Error::Refused(Refusal::Locked(until))))
    }

    /// Who holds this token.
    ///
    /// # Errors
    /// `SignInRequired`.
    pub fn authenticate(&self, token: &str) -> Result<Authenticated, Error> {
        let hash = Token::parse(token).map_err(|_| Error::SignInRequired)?.digest();
        self.reauthenticate(&[hash])?.pop().unwrap_or(Err(Error::SignInRequired))
    }

    /// Which of these sessions still stand, and what their holders may do now: for sockets, every few seconds. One
    /// snapshot, each its own answer (`SignInRequired` where it is over); at most [`limits::READERS_SHOWN_MAX`].
    ///
    /// # Errors
    /// Storage could not be read at all.
    pub fn reauthenticate(&self, sessions: &[[u8; 32]]) -> Result<Vec<Result<Authenticated, Error>>, Error> {
        within_readers(sessions.len())?;
        let now = self.now();
        // What was used a moment ago may not be written down yet.
        let touched = self.0.touched.lock().unwrap_or_else(PoisonError::into_inner);
        let sessions: Vec<_> = sessions.iter().map(|session| (*session, touched.get(session).copied())).collect();
        drop(touched);
        self.0.store.query("access.authenticate", move |tx| {
            let mut standing = Vec::with_capacity(sessions.len());
            for (session, used) in &sessions {
                standing.push(each(access::authenticate_used(tx, now, *session, *used))?);
            }
            Ok(standing)
        })
    }

    /// The officer with the posts held now: for embedders that know by their own means who sits before them.
    ///
    /// # Errors
    /// `SignInRequired` for an unknown officer or one who has left.
    pub fn officer(&self, id: crate::id::OfficerId) -> Result<Actor, Error> {
        let now = self.now();
        self.0.store.query("access.officer", move |tx| access::officer_actor(tx, now, id).map(|o| Actor::Officer(Arc::new(o))))
    }

    /// Notes that a session was used; [`Core::write_down_touches`] makes it last. A page left open is not use of
    /// it: what an officer's page asks for by itself does not keep the session. A taxpayer who waits in line is
    /// there, though all they do is look.
    pub fn touch(&self, caller: &Authenticated, operation: &'static Operation) {
        let by_itself = operation.class == Class::Query || operation == &operation::BE_PRESENT;
        if by_itself && matches!(caller.actor, Actor::Officer(_)) {
            return;
        }
        let now = self.now();
        if now.since(caller.seen_at) >= limits::SESSION_TOUCH_EVERY {
            self.0.touched.lock().unwrap_or_else(PoisonError::into_inner).insert(caller.session, now);
        }
    }

    /// Writes down the sessions used since the last time. Returns how many.
    pub fn write_down_touches(&self) -> Result<u64, Error> {
        let touched = || self.0.touched.lock().unwrap_or_else(PoisonError::into_inner);
        let rows: Vec<Touch> = touched().iter().take(limits::BULK_CHUNK_ROWS).map(|(&session, &at)| Touch { session, at }).collect();
        if rows.is_empty() {
            return Ok(0);
        }
        let written = self.as_system().ingest(&operation::TOUCH_SESSIONS, rows.clone(), access::touch).wait()?;
        // Forgotten once it is durable, and not what was used again meanwhile.
        let mut touched = touched();
        rows.iter().for_each(|row| {
            if touched.get(&row.session) == Some(&row.at) {
                touched.remove(&row.session);
            }
        });
        Ok(written)
    }

    /// Uses up a socket ticket and says whose session it speaks for.
    ///
    /// # Errors
    /// `SignInRequired` for an unknown, used or old ticket.
    pub fn redeem(&self, ticket: &str) -> Ticket<Authenticated> {
        let (now, hash) = (self.now(), Token::parse(ticket).map(|t| t.digest()));
        let spec = Spec { name: "access.redeem", isolation: Isolation::Serializable, priority: Priority::Interactive };
        self.0.store.submit_for(spec, move |tx| access::redeem(tx, now, hash.map_err(|_| Error::SignInRequired)?))
    }

    /// Sets the timers that always run where they are missing. Every host calls it when it starts; however many do,
    /// each timer exists once.
    pub fn ensure_timers(&self) -> Result<(), Error> {
        self.as_system().engine(&operation::RUN_DUE, (), agenda::ensure).wait()
    }

    /// Runs what is due: at most `max` timers. Returns how many ran. Call it about once a second on every host.
    pub fn run_due(&self, max: u32) -> Result<u32, Error> {
        let system = self.as_system();
        let leased = system.engine(&operation::RUN_DUE, agenda::LeaseTimers { max }, agenda::lease).wait()?;
        let mut ran = 0;
        for (timer, token) in leased.timers {
            match self.run_timer(timer, token) {
                Ok(()) => ran += 1,
                Err(Error::Refused(Refusal::LeaseLost)) => {}
                Err(e) => tracing::warn!(%timer, error = %e, "timer failed; it falls due again when its lease ends"),
            }
        }
        Ok(ran)
    }

    fn run_timer(&self, timer: crate::id::TimerId, token: i64) -> Result<(), Error> {
        let system = self.as_system();
        match self.0.store.query("agenda.look", move |tx| agenda::kind_of(tx, timer))? {
            Some(TimerKind::ConversationIdle) => {
                system.command(&operation::CLOSE_IDLE, interaction::CloseIdle { timer, token }, interaction::close_idle).wait().map(drop)
            }
            Some(TimerKind::ForgetKeys) => system.engine(&operation::FORGET_KEYS, (timer, token), idempotency::forget).wait().map(drop),
            None => Ok(()),
        }
    }

    /// Chains audit records that are not chained yet. Call it about once a second on every host.
    pub fn seal_audit(&self) -> Result<Sealed, Error> {
        self.as_system().engine(&operation::SEAL_AUDIT, SealAudit {}, crate::audit::seal).wait()
    }

    /// Signs the head of the audit chain if it is time, or if `now`; the line goes to the second sink.
    pub fn checkpoint_audit(&self, now: bool) -> Result<Checkpointed, Error> {
        self.as_system().engine(&operation::CHECKPOINT_AUDIT, TakeCheckpoint { now }, crate::audit::checkpoint).wait()
    }

    /// Checkpoints behind a place, for a second sink that missed some.
    pub fn checkpoints_after(&self, number: i64) -> Result<Vec<Checkpoint>, Error> {
        self.0.store.query("audit.checkpoints", move |tx| Ok(crate::audit::checkpoints_after(tx, number)?))
    }

    /// Reads the whole audit trail against checkpoints of the second sink.
    pub fn verify_audit(&self, checkpoints: Vec<Checkpoint>) -> Result<Verdict, Error> {
        let key = self.0.settings.keys.public_audit_key();
        self.0.store.query("audit.verify", move |tx| crate::audit::verify(tx, &key, &checkpoints))
    }

    /// Takes deliveries that are due.
    pub fn lease_deliveries(&self, max: u32) -> Result<Vec<LeasedDelivery>, Error> {
        self.as_system().engine(&operation::LEASE_DELIVERIES, LeaseDeliveries { max }, delivery::lease).wait()
    }

    /// Says how a delivery ended.
    pub fn settle_delivery(&self, settle: SettleDelivery) -> Result<Settled, Error> {
        self.as_system().engine(&operation::SETTLE_DELIVERY, settle, delivery::settle).wait()
    }

    /// The year whose notice of working days should be known by now, and is not: what ends in it is provisional.
    /// For a host to tell whoever runs it.
    pub fn missing_notice(&self) -> Result<Option<i32>, Error> {
        let (now, calendars) = (self.now(), self.0.calendars.clone());
        self.0.store.query("calendar.missing_notice", move |tx| calendar::missing_notice_in_force(tx, &calendars, now))
    }

    /// Events of every topic behind `cursor`, for a host that dispatches them to its clients. They carry ids only;
    /// [`Journal::expand`] checks and fills in what a client may see.
    pub fn journal_after(&self, cursor: Cursor, max: u32) -> Result<Vec<Event>, Error> {
        self.0.store.query("journal.after", move |tx| Ok(crate::journal::after(tx, cursor, max)?))
    }

    /// The place behind everything committed so far.
    pub fn journal_end(&self) -> Result<Cursor, Error> {
        self.0.store.query("journal.end", |tx| Ok(crate::journal::end(tx)?))
    }

    /// What each of these readers may see of an event, as a host dispatches it: one snapshot, the same order.
    /// Who see the same share it. At most [`limits::READERS_SHOWN_MAX`] readers.
    ///
    /// # Errors
    /// Storage could not be read at all.
    pub fn show(&self, event: &Event, readers: &[Actor]) -> Result<Vec<Option<Arc<LiveEvent>>>, Error> {
        within_readers(readers.len())?;
        let call = self.call(&operation::EVENTS, &Actor::System, &"".into(), None);
        let admitted: Vec<bool> = readers.iter().map(|reader| access::admit(&operation::EVENTS, reader).is_ok()).collect();
        let callers: Vec<Call> = readers.iter().map(|reader| Call { actor: reader.clone(), ..call.clone() }).collect();
        let event = event.clone();
        self.0.store.query("journal.show", move |tx| {
            let callers: Vec<Ctx> = callers.iter().map(Call::ctx).collect();
            let shown = live::show(tx, &event, &callers)?;
            Ok(shown.into_iter().zip(&admitted).map(|(seen, admitted)| seen.filter(|_| *admitted)).collect())
        })
    }

    /// Calls `hear` whenever somebody is typing, on this host or another.
    pub fn on_typing(&self, hear: impl Fn(&interaction::Typing) + Send + Sync + 'static) {
        self.0.typing.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(hear));
    }

    /// Compares every projection with the rows it is computed from; one line per difference.
    pub fn recount(&self) -> Result<Vec<String>, Error> {
        fn compare(tx: &mut dyn ReadTx) -> Result<Vec<String>, Error> {
            let mut rebuilt = Projections::new(PROJECTIONS);
            rebuilt.rebuild(tx)?;
            let mut differences = Vec::new();
            tx.visit_projections(&mut |p| differences = p.differences(&rebuilt));
            Ok(differences)
        }
        let spec = Spec { name: "projections.recount", isolation: Isolation::Serializable, priority: Priority::Bulk };
        if self.0.store.shared() {
            self.0.store.query(spec.name, compare)
        } else {
            // Inside a write there is nobody else: the comparison is exact.
            self.0.store.transact(spec, |tx| compare(tx))
        }
    }
}

/// Keeps what speaks of one thing beside the answers of others; passes on what speaks of storage as a whole.
fn each<R>(answer: Result<R, Error>) -> Result<Result<R, Error>, Error> {
    match answer {
        Err(e) if !e.is_of_one_thing() => Err(e),
        answer => Ok(answer),
    }
}

fn within_readers(readers: usize) -> Result<(), Error> {
    let max = limits::READERS_SHOWN_MAX;
    if readers > max { Err(Error::invalid("readers", Problem::TooMany { max })) } else { Ok(()) }
}

/// Somebody acting through the core.
#[derive(Clone)]
pub struct Session {
    core: Core,
    actor: Actor,
    request: Arc<str>,
    key: Option<Arc<str>>,
}

impl Session {
    /// Correlates what follows with a request: its id goes to audit records and logs.
    pub fn for_request(mut self, request: &str) -> Self {
        self.request = request.chars().take(limits::REQUEST_ID_CHARS_MAX).collect::<String>().into();
        self
    }

    /// Gives the next command an idempotency key: a repeat with the same key and body is answered as the first
    /// time was, and does nothing.
    ///
    /// # Errors
    /// `Invalid` for an empty key or one with more than [`limits::IDEMPOTENCY_KEY_CHARS_MAX`] characters.
    pub fn with_key(mut self, key: &str) -> Result<Self, Error> {
        self.key = Some(crate::error::text("idempotency_key", key, limits::IDEMPOTENCY_KEY_CHARS_MAX)?.into());
        Ok(self)
    }

    /// Who acts.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Lines, conversations, messages.
    pub fn interaction(&self) -> Interaction<'_> {
        Interaction(self)
    }

    /// Authorities, officers, posts, sessions.
    pub fn access(&self) -> Access<'_> {
        Access(self)
    }

    /// Taxpayers.
    pub fn identity(&self) -> Identity<'_> {
        Identity(self)
    }

    /// Working days, filing periods, terms.
    pub fn calendar(&self) -> Calendar<'_> {
        Calendar(self)
    }

    /// Live events.
    pub fn journal(&self) -> Journal<'_> {
        Journal(self)
    }

    /// The audit trail.
    pub fn audit(&self) -> Audit<'_> {
        Audit(self)
    }
}
