//! A life: from the moment a host opens the database on a disk to the moment it closes it, through the real door.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use zhengna_core::access::Actor;
use zhengna_core::audit::Checkpoint;
use zhengna_core::core::{Answer, PROJECTIONS};
use zhengna_core::id::{ConversationId, LineId, OfficerId, TaxpayerId};
use zhengna_core::interaction::{Claim, Close, Enter, Outcome, SendMessage};
use zhengna_core::store::sqlite::SqliteStore;
use zhengna_core::store::{
    Done, Isolation, Priority, Published, ReadBody, Signal, Spec, Store, StoreResult, Ticket, Tx, WriteBody, segment,
};
use zhengna_core::{Core, Error, ManualClock};
use zhengna_tests::world::{Keep, World, core_over, start};

use super::bay::Bay;
use super::dice::Dice;
use super::disk::{Disk, Image, Step};

/// Who and what lives in the database.
#[derive(Clone)]
pub(super) struct Town {
    line: LineId,
    officers: Vec<OfficerId>,
    taxpayers: Vec<TaxpayerId>,
}

/// A command.
#[derive(Clone)]
enum Deed {
    Enter(TaxpayerId, Enter),
    Send(Actor, SendMessage),
    Claim(OfficerId, Claim),
    Close(OfficerId, Close),
}

/// A command that was given, under its own key, and what was answered.
#[derive(Clone)]
pub(super) struct Given {
    /// Its request id is `c-N`, its key `k-N`.
    pub(super) n: u64,
    deed: Deed,
    /// Steps taken when it was given.
    pub(super) at: usize,
    pub(super) said: Option<Said>,
}

/// An answer.
#[derive(Clone)]
pub(super) struct Said {
    /// Steps taken when it left.
    pub(super) at: usize,
    /// What was done, as the audit record says it, and the answer as it is remembered; none if it was refused.
    pub(super) done: Option<(String, String)>,
}

impl Given {
    pub(super) fn is_message(&self) -> bool {
        matches!(self.deed, Deed::Send(..))
    }

    /// What was answered within the first `until` steps.
    pub(super) fn said_by(&self, until: usize) -> Option<&Said> {
        self.said.as_ref().filter(|said| said.at <= until)
    }
}

/// A disk, and what is known about it before somebody opens it.
#[derive(Clone)]
pub(super) struct Beginning {
    pub(super) image: Image,
    /// None until the database is furnished.
    pub(super) town: Option<Town>,
    /// What was given in lives before.
    pub(super) given: Vec<Given>,
    /// The second sink of the audit trail: it is another disk, and does not fail with this one.
    pub(super) sink: Vec<(usize, Checkpoint)>,
    /// Lives before.
    pub(super) age: u64,
}

/// A life that was lived.
pub(super) struct Life {
    pub(super) begun: Beginning,
    pub(super) steps: Vec<Step>,
    /// Steps taken when it was open, and when it began to close.
    pub(super) opened: usize,
    pub(super) closing: usize,
    /// Steps taken at each answer that left, commands or not, in order.
    pub(super) answers: Vec<usize>,
    pub(super) town: Option<Town>,
    /// What was given, in lives before too.
    pub(super) given: Vec<Given>,
    pub(super) sink: Vec<(usize, Checkpoint)>,
    /// Commits that carried several commands.
    pub(super) groups: usize,
    /// Commands that were repeated with their key, and answered as before.
    pub(super) repeats: usize,
}

impl Beginning {
    /// An empty disk.
    pub(super) fn empty() -> Self {
        Self { image: Image::new(), town: None, given: Vec::new(), sink: Vec::new(), age: 0 }
    }
}

impl Life {
    /// What is known after a cut at `position` left `image`.
    pub(super) fn cut_at(&self, position: usize, image: Image) -> Beginning {
        // The town is there once its last answer left; before that the database is opened, not lived in.
        let furnished = self.begun.town.is_some() || position >= self.closing;
        let earlier = |said: &Said| Said { at: 0, done: said.done.clone() };
        let given = self.given.iter().filter(|g| g.at <= position);
        Beginning {
            image,
            town: self.town.clone().filter(|_| furnished),
            given: given.map(|g| Given { at: 0, said: g.said_by(position).map(earlier), ..g.clone() }).collect(),
            sink: self.sink.iter().filter(|(at, _)| *at <= position).map(|(_, c)| (0, c.clone())).collect(),
            age: self.begun.age + 1,
        }
    }
}

/// A store that notes at which step of the disk each answer leaves.
struct Witness {
    inner: Arc<dyn Store>,
    disk: Arc<Disk>,
    answers: Arc<Mutex<Vec<(usize, usize)>>>,
    submitted: Mutex<usize>,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner) // what is noted is whole
}

impl Witness {
    /// The number of the write that is submitted next.
    fn next(&self) -> usize {
        *held(&self.submitted)
    }

    /// Steps taken when the answer to write `number` left.
    fn answered_at(&self, number: usize) -> usize {
        held(&self.answers).iter().find(|(n, _)| *n == number).map_or(usize::MAX, |(_, at)| *at)
    }

    /// A write that fails after it has written: it must leave nothing, and take nobody's work with it.
    fn spoil(&self) {
        let spec = Spec { name: "spoiled", isolation: Isolation::Guarded, priority: Priority::Interactive };
        let body = |tx: &mut dyn Tx| {
            segment::put(tx, "spoiled", b"", 0, vec![0; 64])?;
            Err(Error::SignInRequired)
        };
        self.inner.submit(spec, Box::new(body), Box::new(drop));
    }

    /// Keeps the writer busy until the gate is dropped, so that what is given meanwhile is committed together. The
    /// gate is bulk: it has a batch of its own, and theirs begins after it with all its time.
    fn gate(&self) -> Gate {
        let gate = Gate(Arc::default());
        let shut = gate.0.clone();
        let wait = move || {
            let open = shut.1.wait_while(held(&shut.0), |open| !*open);
            drop(open.unwrap_or_else(PoisonError::into_inner));
        };
        let spec = Spec { name: "gate", isolation: Isolation::Guarded, priority: Priority::Bulk };
        self.inner.submit(
            spec,
            Box::new(move |_| {
                wait();
                Ok(())
            }),
            Box::new(drop),
        );
        gate
    }
}

/// See [`Witness::gate`].
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Drop for Gate {
    fn drop(&mut self) {
        *held(&self.0.0) = true;
        self.0.1.notify_all();
    }
}

impl Store for Witness {
    fn engine(&self) -> &'static str {
        self.inner.engine()
    }

    fn submit(&self, spec: Spec, body: WriteBody, done: Done) {
        let number = {
            let mut submitted = held(&self.submitted);
            *submitted += 1;
            *submitted - 1
        };
        let (disk, answers) = (self.disk.clone(), self.answers.clone());
        let noted = move |outcome| {
            held(&answers).push((number, disk.position()));
            done(outcome);
        };
        self.inner.submit(spec, body, Box::new(noted));
    }

    fn read(&self, name: &'static str, body: ReadBody) -> Result<(), Error> {
        self.inner.read(name, body)
    }

    fn published(&self) -> &Published {
        self.inner.published()
    }

    fn signal(&self) -> &Signal {
        self.inner.signal()
    }

    fn whisper(&self, note: &str) {
        self.inner.whisper(note);
    }

    fn shared(&self) -> bool {
        self.inner.shared()
    }

    fn check(&self) -> StoreResult<()> {
        self.inner.check()
    }
}

/// A conversation that is not over.
struct Talk {
    id: ConversationId,
    taxpayer: TaxpayerId,
    officer: Option<OfficerId>,
}

/// Lives a life of `rounds` batches on the disk; opens, verifies and closes where there is no town yet.
pub(super) fn live(bay: &Bay, begun: Beginning, rounds: usize, dice: &mut Dice) -> Result<Life, String> {
    let disk = Disk::with(&begun.image);
    bay.mount(&disk);
    let inner = SqliteStore::open(&bay.database(), start(), PROJECTIONS).map_err(|e| format!("it does not open: {e}"))?;
    let witness = Arc::new(Witness { inner, disk: disk.clone(), answers: Arc::default(), submitted: Mutex::default() });
    let opened = disk.position();
    let (core, clock) = core_over(witness.clone(), dice.next());
    clock.advance(Duration::from_secs(60 * begun.age));
    let mut day = Day {
        watcher: None,
        core,
        clock,
        witness: witness.clone(),
        town: begun.town.clone(),
        given: begun.given.clone(),
        sink: begun.sink.clone(),
        groups: 0,
        repeats: 0,
    };
    let lived = if begun.age == 0 { day.furnish() } else { day.pass(bay, rounds, dice) };
    lived.and_then(|()| day.verify()).map_err(|e| format!("life {}: {e}", begun.age))?;
    let closing = disk.position();
    let answers = held(&witness.answers).iter().map(|(_, at)| *at).collect();
    let Day { watcher, core, clock: _, witness: its, town, given, sink, groups, repeats } = day;
    drop(watcher);
    drop((core, its, witness)); // the last owners of the store: it closes
    Ok(Life { begun, steps: disk.into_steps(), opened, closing, answers, town, given, sink, groups, repeats })
}

struct Day {
    /// A connection beside the store's own, which sometimes reads on while checkpoints happen.
    watcher: Option<Connection>,
    core: Core,
    clock: Arc<ManualClock>,
    witness: Arc<Witness>,
    town: Option<Town>,
    given: Vec<Given>,
    sink: Vec<(usize, Checkpoint)>,
    groups: usize,
    repeats: usize,
}

type Pending = Box<dyn FnOnce() -> Result<(String, String), Error>>;

fn pending<R: Answer>(ticket: Ticket<R>) -> Pending {
    Box::new(move || ticket.wait().map(|answer| (answer.subject(), serde_json::to_string(&answer).unwrap_or_default())))
}

impl Day {
    fn furnish(&mut self) -> Result<(), String> {
        let world = World::furnish(self.core.clone(), self.clock.clone(), Keep::Nothing, 4, 12).map_err(|e| e.to_string())?;
        self.town = Some(Town { line: world.line, officers: world.officers, taxpayers: world.taxpayers });
        Ok(())
    }

    fn pass(&mut self, bay: &Bay, rounds: usize, dice: &mut Dice) -> Result<(), String> {
        let Some(town) = self.town.clone() else { return Ok(()) };
        self.watcher = Some(watcher(bay).map_err(|e| format!("a reader beside it: {e}"))?);
        self.ask_again(dice)?;
        for round in 0..rounds {
            self.clock.advance(Duration::from_micros(1 + dice.next() % 50_000));
            self.batch(&town, dice)?;
            if dice.percent(15) {
                self.seal()?;
            }
            // Somebody reads for several rounds: no checkpoint can pass what they see.
            if let Some(watcher) = self.watcher.as_ref().filter(|_| dice.percent(20)) {
                let turn = if watcher.is_autocommit() { "BEGIN; SELECT count(*) FROM message" } else { "ROLLBACK" };
                watcher.execute_batch(turn).map_err(|e| format!("a reader in round {round}: {e}"))?;
            }
        }
        self.seal()
    }

    /// Whoever got no answer asks again with the same key, and some who got one do too.
    fn ask_again(&mut self, dice: &mut Dice) -> Result<(), String> {
        let (answered, open): (Vec<usize>, Vec<usize>) = (0..self.given.len()).partition(|&i| self.given[i].said.is_some());
        for i in open {
            let number = self.witness.next();
            let outcome = self.give(&self.given[i])?();
            self.given[i].said = Some(self.heard(number, outcome)?);
        }
        for _ in 0..3 {
            if let Some(&i) = dice.pick(&answered) {
                self.repeat(i)?;
            }
        }
        Ok(())
    }

    /// Repeats a command that was answered: what was done is answered as it was then.
    fn repeat(&mut self, i: usize) -> Result<(), String> {
        let Some(before) = self.given[i].said.as_ref().and_then(|said| said.done.clone()) else { return Ok(()) };
        let again = self.give(&self.given[i])?().map_err(|e| format!("command {} was answered, and now: {e}", self.given[i].n))?;
        if again != before {
            return Err(format!("command {} was answered {}, and now {}", self.given[i].n, before.1, again.1));
        }
        self.repeats += 1;
        Ok(())
    }

    fn batch(&mut self, town: &Town, dice: &mut Dice) -> Result<(), String> {
        let talks = self.talks().map_err(|e| format!("the conversations: {e}"))?;
        let size = if dice.percent(30) { 1 } else { 2 + dice.below(10) };
        let deeds: Vec<Deed> = (0..size).map(|_| town.deed(&talks, dice)).collect();
        let gate = self.witness.gate();
        let mut asked = Vec::new();
        for deed in deeds {
            let n = self.given.last().map_or(1, |g| g.n + 1);
            let given = Given { n, deed, at: self.witness.disk.position(), said: None };
            asked.push((self.given.len(), self.witness.next(), self.give(&given)?));
            self.given.push(given);
            if dice.percent(5) {
                self.witness.spoil();
            }
        }
        drop(gate);
        let mut done = 0;
        for (i, number, wait) in asked {
            let said = self.heard(number, wait())?;
            done += usize::from(said.done.is_some());
            self.given[i].said = Some(said);
        }
        self.groups += usize::from(done > 1);
        if dice.percent(10) && !self.given.is_empty() {
            self.repeat(dice.below(self.given.len()))?;
        }
        Ok(())
    }

    fn heard(&self, number: usize, outcome: Result<(String, String), Error>) -> Result<Said, String> {
        let done = match outcome {
            Ok(done) => Some(done),
            Err(Error::Refused(_)) => None,
            Err(other) => return Err(format!("a command failed: {other}")),
        };
        Ok(Said { at: self.witness.answered_at(number), done })
    }

    fn give(&self, given: &Given) -> Result<Pending, String> {
        let failed = |e: Error| format!("command {}: {e}", given.n);
        let (n, actor) = (
            given.n,
            match &given.deed {
                Deed::Enter(who, _) => Actor::Taxpayer(*who),
                Deed::Send(who, _) => who.clone(),
                Deed::Claim(who, _) | Deed::Close(who, _) => self.core.officer(*who).map_err(failed)?,
            },
        );
        let session = self.core.as_actor(actor).for_request(&format!("c-{n}")).with_key(&format!("k-{n}")).map_err(failed)?;
        Ok(match given.deed.clone() {
            Deed::Enter(_, cmd) => pending(session.interaction().enter(cmd)),
            Deed::Send(_, cmd) => pending(session.interaction().send(cmd)),
            Deed::Claim(_, cmd) => pending(session.interaction().claim(cmd)),
            Deed::Close(_, cmd) => pending(session.interaction().close(cmd)),
        })
    }

    fn talks(&self) -> rusqlite::Result<Vec<Talk>> {
        let Some(watcher) = &self.watcher else { return Ok(Vec::new()) };
        let mut query = watcher.prepare_cached("SELECT id, taxpayer, officer FROM conversation WHERE state IN ('waiting', 'active')")?;
        let talk = |row: &rusqlite::Row<'_>| {
            let id = |i| row.get::<_, Option<[u8; 16]>>(i).map(|id| id.map(u128::from_be_bytes));
            Ok((id(0)?, id(1)?, id(2)?))
        };
        let found = query.query_map([], talk)?.collect::<rusqlite::Result<Vec<_>>>()?;
        let uuid = |id: u128| {
            format!(
                "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
                id >> 96,
                id >> 80 & 0xFFFF,
                id >> 64 & 0xFFFF,
                id >> 48 & 0xFFFF,
                id & 0xFFFF_FFFF_FFFF
            )
        };
        Ok(found
            .into_iter()
            .filter_map(|(id, taxpayer, officer)| {
                Some(Talk {
                    id: ConversationId::parse(&uuid(id?))?,
                    taxpayer: TaxpayerId::parse(&uuid(taxpayer?))?,
                    officer: officer.and_then(|o| OfficerId::parse(&uuid(o))),
                })
            })
            .collect())
    }

    /// Seals what there is to seal, signs it, and writes the signature down in the second sink.
    fn seal(&mut self) -> Result<(), String> {
        let sealed = |e: Error| format!("sealing: {e}");
        while self.core.seal_audit().map_err(sealed)?.more {}
        let number = self.witness.next();
        let line = self.core.checkpoint_audit(true).map_err(sealed)?.line;
        let at = self.witness.answered_at(number);
        if let Some(checkpoint) = line.as_deref().and_then(Checkpoint::from_line) {
            self.sink.push((at, checkpoint));
        }
        Ok(())
    }

    /// What the host can say about its own database.
    fn verify(&self) -> Result<(), String> {
        let failed = |e: Error| format!("verifying: {e}");
        if let [first, ..] = self.core.recount().map_err(failed)?.as_slice() {
            return Err(format!("a projection differs from its rows: {first}"));
        }
        // The last ones vouch for all before; each costs a millisecond.
        let sink = self.sink.iter().rev().take(2).map(|(_, c)| c.clone()).collect();
        let verdict = self.core.verify_audit(sink, |_, _| ()).map_err(failed)?;
        verdict.finding.map_or(Ok(()), |found| Err(format!("the audit trail: {found:?}")))
    }
}

fn watcher(bay: &Bay) -> rusqlite::Result<Connection> {
    let conn = Connection::open_with_flags(bay.database(), OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.busy_timeout(Duration::from_secs(5))?;
    Ok(conn)
}

impl Town {
    fn deed(&self, talks: &[Talk], dice: &mut Dice) -> Deed {
        let (taxpayer, officer) = (self.taxpayers[dice.below(self.taxpayers.len())], self.officers[dice.below(self.officers.len())]);
        let text = format!("第{}问：专项附加扣除如何填报？", dice.next());
        match (dice.below(10), dice.pick(talks)) {
            (0..6, Some(talk)) => Deed::Send(Actor::Taxpayer(talk.taxpayer), SendMessage::new(talk.id, text)),
            (6, Some(Talk { id, officer: Some(holder), .. })) => {
                Deed::Close(*holder, Close { conversation: *id, outcome: Outcome::Resolved, note: Some(text) })
            }
            (6 | 7, _) => Deed::Claim(officer, Claim { line: self.line }),
            _ => Deed::Enter(taxpayer, Enter::new(self.line, text)),
        }
    }
}
