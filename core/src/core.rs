//! The core and its one door.
//!
//! [`Core`] owns the store, the clock, the randomness and the keys. [`Core::as_actor`] gives a [`Session`];
//! what a session can do is grouped by noun ([`Session::interaction`], [`Session::access`], ...). Commands answer
//! with a [`Ticket`](crate::store::Ticket): block on it, or await it without a thread.

mod bulk;
mod clients;
mod control;
mod door;
mod idempotency;
mod live;

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

pub use bulk::{BulkDone, BulkProgress};
pub use clients::{Access, Appeals, Approval, Audit, Calendar, Control, Grid, Identity, Interaction, Journal};
pub use door::{Answer, Command, Target};
pub use idempotency::Answered;
pub use live::{EventPage, LiveEvent};

use crate::access::{
    self, Actor, Authenticated, ConfirmSignIn, Credentials, Distrusted, IdentityProvider, Proof, Rights, RightsTrail, SecondStep,
    SignInWithProvider, SignedIn, Touch,
};
use crate::agenda::{self, TimerKind};
use crate::audit::{Checkpoint, Checkpointed, SealAudit, Sealed, TakeCheckpoint, TrailWatch, Verdict, Watched};
use crate::calendar::{self, Calendars};
use crate::clock::{Clock, Timestamp};
use crate::control::{Denials, Screening};
use crate::crypto::Token;
use crate::ctx::{Call, Ctx, Entropy, Settings};
use crate::delivery::{self, LeaseDeliveries, LeasedDelivery, SettleDelivery, Settled};
use crate::error::{Error, Problem, Refusal};
use crate::interaction::{self, Presence, ReadyLines, SourceChannel};
use crate::journal::{Cursor, Event};
use crate::limits;
use crate::operation::{self, Class, Operation};
use crate::store::{Isolation, MakeProjections, Priority, Projection, Projections, ReadTx, Spec, Store, StoreExt, Ticket, Tx};

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
    distrusted: Distrusted,
    rights: Arc<RightsTrail>,
    watch: Arc<TrailWatch>,
    presence: Arc<Presence>,
    calendars: Arc<Calendars>,
    typing: Arc<TypingListeners>,
    /// Sessions used since they were last written down.
    touched: Mutex<HashMap<[u8; 32], Timestamp>>,
    /// Calls refused for want of permission, not written down yet.
    denials: Arc<Denials>,
    /// How far this host has screened the audit trail, and what its windows hold.
    screening: Mutex<Option<(i64, Screening)>>,
}

impl Core {
    /// Puts a core together.
    pub fn new(parts: Parts) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = parts.entropy.seed();
        let presence = Arc::new(Presence::of(u64::from_le_bytes([a, b, c, d, e, f, g, h])));
        let typing: Arc<TypingListeners> = Arc::default();
        let (hear_presence, hear_typing) = (presence.clone(), typing.clone());
        parts.store.signal().on_whisper(move |note| live::hear(note, &hear_presence, &hear_typing));
        Self(Arc::new(Inner {
            store: parts.store,
            clock: parts.clock,
            entropy: parts.entropy,
            settings: Arc::new(parts.settings),
            latest: AtomicI64::new(i64::MIN),
            distrusted: Distrusted::default(),
            rights: Arc::default(),
            watch: Arc::default(),
            presence,
            calendars: Arc::default(),
            typing,
            touched: Mutex::default(),
            denials: Arc::default(),
            screening: Mutex::default(),
        }))
    }

    /// Acts for somebody. The actor comes from [`Core::authenticate`].
    pub fn as_actor(&self, actor: Actor) -> Session {
        Session { core: self.clone(), actor, door: SourceChannel::Web, request: "-".into(), key: None }
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
            door: SourceChannel::Web,
            operation,
            settings: self.0.settings.clone(),
            distrusted: self.0.distrusted.clone(),
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
        let (settings, distrusted) = (self.0.settings.clone(), self.0.distrusted.clone());
        self.0.store.query("access.authenticate", move |tx| {
            let mut standing = Vec::with_capacity(sessions.len());
            for (session, used) in &sessions {
                standing.push(each(access::authenticate_used(tx, rights(&settings, &distrusted), now, *session, *used))?);
            }
            Ok(standing)
        })
    }

    /// The officer with the posts held now: for embedders that know by their own means who sits before them.
    ///
    /// # Errors
    /// `SignInRequired` for an unknown officer or one who has left.
    pub fn officer(&self, id: crate::id::OfficerId) -> Result<Actor, Error> {
        let (now, settings, distrusted) = (self.now(), self.0.settings.clone(), self.0.distrusted.clone());
        self.0.store.query("access.officer", move |tx| {
            access::officer_actor(tx, rights(&settings, &distrusted), now, id).map(|o| Actor::Officer(Arc::new(o)))
        })
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
        let (settings, distrusted) = (self.0.settings.clone(), self.0.distrusted.clone());
        self.0
            .store
            .submit_for(spec, move |tx| access::redeem(tx, rights(&settings, &distrusted), now, hash.map_err(|_| Error::SignInRequired)?))
    }

    /// Sets the timers that always run where they are missing. Every host calls it when it starts; however many do,
    /// each timer exists once.
    pub fn ensure_timers(&self) -> Result<(), Error> {
        self.as_system().engine(&operation::RUN_DUE, None, agenda::ensure).wait()
    }

    /// The same without screening, for a simulation whose model knows nothing of alerts: what screening finds is the affair of tests
    /// of its own.
    #[cfg(feature = "testing")]
    pub fn ensure_timers_but_screening(&self) -> Result<(), Error> {
        self.as_system().engine(&operation::RUN_DUE, Some(TimerKind::Screen), agenda::ensure).wait()
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
            Some(TimerKind::HoldOver) => {
                system.command(&operation::HOLD_OVER, interaction::HoldOver { timer, token }, interaction::hold_over).wait().map(drop)
            }
            Some(TimerKind::Unanswered) => {
                let cmd = interaction::RemindUnanswered { timer, token };
                system.command(&operation::REMIND_UNANSWERED, cmd, interaction::remind_unanswered).wait().map(drop)
            }
            Some(TimerKind::HoursOver) => {
                let (cmd, calendars) = (interaction::HoursOver { timer, token }, self.0.calendars.clone());
                let rule = move |tx: &mut dyn Tx, ctx: &Ctx, cmd| interaction::hours_over(tx, ctx, &calendars, cmd);
                system.command(&operation::HOURS_OVER, cmd, rule).wait().map(drop)
            }
            Some(TimerKind::ReplyDue) => {
                system.command(&operation::REPLY_DUE, interaction::ReplyDue { timer, token }, interaction::reply_due).wait().map(drop)
            }
            Some(TimerKind::FollowUpDue) => {
                let (cmd, calendars) = (interaction::FollowUpDue { timer, token }, self.0.calendars.clone());
                let rule = move |tx: &mut dyn Tx, ctx: &Ctx, cmd| interaction::follow_up_due(tx, ctx, &calendars, cmd);
                system.command(&operation::FOLLOW_UP_DUE, cmd, rule).wait().map(drop)
            }
            Some(TimerKind::RecomputeDue) => {
                let (cmd, calendars) = (interaction::RecomputeDue { timer, token }, self.0.calendars.clone());
                let rule = move |tx: &mut dyn Tx, ctx: &Ctx, cmd| interaction::recompute_due(tx, ctx, &calendars, cmd);
                system.command(&operation::RECOMPUTE_DUE, cmd, rule).wait().map(drop)
            }
            Some(TimerKind::Screen) => self.screen_what_is_new(timer, token),
            Some(TimerKind::ForgetKeys) => {
                system.engine(&operation::FORGET_KEYS, (timer, token), crate::retention::forget).wait().map(drop)
            }
            None => Ok(()),
        }
    }

    /// Lets what officers held who are gone wait again where it stood. Returns how many conversations went back. Call it about once a
    /// second on every host: whoever held them may have been on a host that is gone, too.
    ///
    /// # Errors
    /// Where nothing went back and something should have. What failed beside others that did go back is logged, and the next call tries
    /// it again.
    pub fn return_held(&self) -> Result<u64, Error> {
        let now = self.now();
        let (mut back, mut failed) = (0, None);
        for officer in self.0.store.query("interaction.gone", move |tx| interaction::gone(tx, now))? {
            let held = interaction::ReturnHeld { officer };
            match self.as_system().command(&operation::RETURN_HELD, held, interaction::return_held).wait() {
                Ok(returned) => back += returned.conversations.len() as u64,
                // The others' conversations need not wait for it.
                Err(e) => {
                    tracing::warn!(%officer, error = %e, "what an officer held who is gone was not given back; it is tried again");
                    failed = Some(e);
                }
            }
        }
        failed.filter(|_| back == 0).map_or(Ok(back), Err)
    }

    /// Offers what waits in lines that offer, and passes on what was let pass. Returns how many offers were made. Call it about once a second
    /// on every host.
    ///
    /// # Errors
    /// Where a line could not be looked at; the others are offered all the same.
    pub fn offer_waiting(&self) -> Result<u64, Error> {
        let (mut made, mut failed) = (0, None);
        for _ in 0..limits::OFFER_ROUNDS {
            let (lines, offered, missed) = self.offer_round(&mut failed)?;
            made += offered;
            // Several lines take turns; one was offered all it could be. Where less was known than it seemed, it is looked at again.
            if missed == 0 && (lines < 2 || offered == 0) {
                break;
            }
        }
        failed.map_or(Ok(made), Err)
    }

    /// One turn of each line in which something is to be offered: how many those are, how many offers were made, and how many that seemed
    /// right were not. A line that fails keeps the others from nothing.
    fn offer_round(&self, failed: &mut Option<Error>) -> Result<(usize, u64, u64), Error> {
        let system = self.as_system();
        let presence = self.0.presence.clone();
        let call = self.call(&operation::OFFER_WAITING, &system.actor, &system.request, None);
        let due = self.0.store.query("interaction.to_offer", move |tx| interaction::to_offer(tx, &call.ctx(), &presence))?;
        let (lines, mut made, mut missed) = (due.len(), 0, 0);
        for cmd in due {
            let (line, planned, presence) = (cmd.line, cmd.offers.len() as u64, self.0.presence.clone());
            let rule = move |tx: &mut dyn Tx, ctx: &Ctx, cmd| interaction::offer_waiting(tx, ctx, &presence, cmd);
            match system.command(&operation::OFFER_WAITING, cmd, rule).wait() {
                Ok(done) => {
                    made += done.offered.len() as u64;
                    missed += planned - done.offered.len() as u64;
                }
                Err(e) => {
                    tracing::warn!(%line, error = %e, "what waits in a line was not offered; it is tried again");
                    *failed = Some(e);
                }
            }
        }
        Ok((lines, made, missed))
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

    /// Reads the whole audit trail against checkpoints of the second sink. `told` hears how many records were read, and of how many.
    pub fn verify_audit(&self, checkpoints: Vec<Checkpoint>, mut told: impl FnMut(u64, u64) + Send + 'static) -> Result<Verdict, Error> {
        let key = self.0.settings.keys.public_audit_key();
        self.0.store.query("audit.verify", move |tx| crate::audit::verify(tx, &key, &checkpoints, &mut told))
    }

    /// Reads on in the audit trail, some pages at a time and once a day from its beginning, and says what was altered. Call it about once
    /// a second; where [`Watched::complete`] is false there is more to read.
    pub fn watch_audit(&self) -> Result<Watched, Error> {
        let (watch, settings, now) = (self.0.watch.clone(), self.0.settings.clone(), self.now());
        self.0.store.query("audit.watch", move |tx| watch.read_on(tx, &settings.keys.public_audit_key(), now))
    }

    /// Compares rows that say who may do what with the audit trail, from where the last comparison of this process ended. What it
    /// speaks against gives nobody anything, in this process, until a later comparison finds it as it was. Call it every few
    /// seconds; after a start it goes on where [`access::RightsVerdict::complete`] is false.
    pub fn compare_rights(&self) -> Result<access::RightsVerdict, Error> {
        let (trail, settings, distrusted) = (self.0.rights.clone(), self.0.settings.clone(), self.0.distrusted.clone());
        self.0.store.query("access.compare_rights", move |tx| trail.compare(tx, &settings.keys, &distrusted))
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

    /// Where everybody who waits in a line stands, first in line first, for a host that tells them: each is for the taxpayer of its
    /// conversation, and for nobody else.
    pub fn positions(&self, line: crate::id::LineId) -> Result<Vec<interaction::Position>, Error> {
        let (presence, calendars) = (self.0.presence.clone(), self.0.calendars.clone());
        let call = self.call(&operation::POSITION, &Actor::System, &"".into(), None);
        self.0.store.query("interaction.positions", move |tx| interaction::positions(tx, &call.ctx(), &presence, &calendars, line))
    }

    /// The place behind everything committed so far.
    pub fn journal_end(&self) -> Result<Cursor, Error> {
        self.0.store.query("journal.end", |tx| Ok(crate::journal::end(tx)?))
    }

    /// What each of these readers may see of each event, as a host dispatches them: one snapshot, the same order.
    /// Who see the same share it. At most [`limits::READERS_SHOWN_MAX`] readers in all.
    ///
    /// # Errors
    /// Storage could not be read at all.
    pub fn show(&self, asked: Vec<(Event, Vec<Actor>)>) -> Result<Vec<Vec<Option<Arc<LiveEvent>>>>, Error> {
        within_readers(asked.iter().map(|(_, readers)| readers.len()).sum())?;
        let call = self.call(&operation::EVENTS, &Actor::System, &"".into(), None);
        self.0.store.query("journal.show", move |tx| {
            let mut shown = Vec::with_capacity(asked.len());
            for (event, readers) in &asked {
                let callers: Vec<Call> = readers.iter().map(|reader| Call { actor: reader.clone(), ..call.clone() }).collect();
                let callers: Vec<Ctx> = callers.iter().map(Call::ctx).collect();
                let seen = live::show(tx, event, &callers)?;
                let admitted = readers.iter().map(|reader| access::admit(&operation::EVENTS, reader).is_ok());
                shown.push(seen.into_iter().zip(admitted).map(|(seen, admitted)| seen.filter(|_| admitted)).collect());
            }
            Ok(shown)
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

fn rights<'a>(settings: &'a Settings, distrusted: &'a Distrusted) -> Rights<'a> {
    Rights { keys: &settings.keys, distrusted }
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
    door: SourceChannel,
    request: Arc<str>,
    key: Option<Arc<str>>,
}

impl Session {
    /// Correlates what follows with a request: its id goes to audit records and logs.
    pub fn for_request(mut self, request: &str) -> Self {
        self.request = request.chars().take(limits::REQUEST_ID_CHARS_MAX).collect::<String>().into();
        self
    }

    /// Says by which door the caller came, as [`Core::authenticate`] found; a page of ours where nothing is said.
    pub fn through(mut self, door: SourceChannel) -> Self {
        self.door = door;
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

    /// What taxpayers bring before an authority.
    pub fn appeals(&self) -> Appeals<'_> {
        Appeals(self)
    }

    /// Who looks after whom.
    pub fn grid(&self) -> Grid<'_> {
        Grid(self)
    }

    /// What was put forward for approval.
    pub fn approval(&self) -> Approval<'_> {
        Approval(self)
    }

    /// Built-in control.
    pub fn control(&self) -> Control<'_> {
        Control(self)
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
