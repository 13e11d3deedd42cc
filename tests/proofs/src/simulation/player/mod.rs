//! Takes steps in a world through the whole door and compares what came of each with the model: the answer, the
//! journal, the audit trail. What a fault left unknown is looked up, the way an operator would.

mod asking;
mod checks;
mod counts;
mod doors;
mod factors;
mod imports;
mod people;
mod ratings;
mod upkeep;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use zhengna_core::audit::Checkpoint;
use zhengna_core::id::{ConversationId, DeliveryId, TaxpayerId};
use zhengna_core::interaction::{ConversationState, Outcome, WhisperView};
use zhengna_core::journal::Cursor;
use zhengna_core::store::fault::Report;
use zhengna_core::store::{Page, StoreError};
use zhengna_core::{Core, Error, Timestamp, limits};
use zhengna_tests::world::Engine;

use super::directory::Directory;
use super::model::{Model, Remark, State, Told, View, audited};
use super::stage::{CAPACITY, SLOW_MAX, Setting, Stage, patiently, slow};
use super::step::{Affair, Deed, Factor, Step, Who};
pub(crate) use counts::Counts;
use factors::Telephone;

/// What came of a step, for whoever decides what to do next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Came {
    /// As the rules say.
    Done,
    /// As the rules say: not now.
    Refused,
    /// Storage failed; the caller knows nothing, or that nothing was done.
    Failed,
    /// It speaks of something that never was, because other steps were cut out.
    Skipped,
}

/// `Err` says what is not as it should be.
type Checked<T> = Result<T, String>;

/// A world that is being played.
pub(crate) struct Player {
    pub(crate) stage: Stage,
    pub(crate) model: Model,
    pub(crate) counts: Counts,
    ids: Vec<Option<ConversationId>>,
    labels: HashMap<ConversationId, u32>,
    taxpayers: HashMap<TaxpayerId, u16>,
    newcomers: BTreeMap<u16, TaxpayerId>,
    /// The relations that each enterprise has seen of itself.
    related: BTreeMap<u16, BTreeSet<(&'static str, u16, i64)>>,
    names: HashMap<String, Who>,
    keys: HashMap<String, u32>,
    /// Where each event of the model stands in the journal.
    cursors: Vec<Cursor>,
    journal_start: Cursor,
    /// Records of the trail before the first step, and how many behind them were compared.
    trail_start: i64,
    trail_read: usize,
    sealed: i64,
    checkpoints: Vec<Checkpoint>,
    /// Where each event reader stopped.
    readers: BTreeMap<Who, usize>,
    sessions: BTreeMap<Who, ([u8; 32], String)>,
    /// All that anybody ever had, in the order of the model's.
    tokens: BTreeMap<Who, Vec<String>>,
    /// What stands for the account that was refused last.
    link: Option<String>,
    ticket: Option<String>,
    telephone: Telephone,
    /// What the outside system has heard of.
    received: HashMap<u32, DeliveryId>,
    trace: DefaultHasher,
    /// In how many pieces the list of this step was written.
    pieces: Cell<u32>,
    unread: u32,
    /// What the last command was answered; none where storage failed.
    pub(crate) last: Option<Told>,
}

/// Longest wait for another host's or another database's transaction: PostgreSQL only.
const PATIENCE: Duration = Duration::from_secs(10);
/// The conversation of each of so many deeds of a world is read again after it.
const TOUCHED_ALL: u32 = 500;
/// Later on that of every so many: reading costs about as much as the deed.
const TOUCHED_EVERY: u32 = 64;
/// Steps after which the journal is compared.
const UNREAD_MAX: u32 = 64;

fn micros(at: Option<Timestamp>) -> Option<i64> {
    at.map(Timestamp::micros)
}

fn outcome_word(outcome: Option<Outcome>) -> Option<&'static str> {
    outcome.map(|o| o.as_str())
}

fn state_of(state: ConversationState) -> State {
    State::of(state.as_str()).unwrap_or(State::Left)
}

fn remark(w: WhisperView) -> Remark {
    let staff_no = w.staff_no.unwrap_or_default();
    Remark { number: w.number, staff_no, mine: w.mine, text: w.text, at: w.whispered_at.micros() }
}

impl Player {
    pub(crate) fn new(setting: Setting) -> Checked<Self> {
        let stage = Stage::new(setting).map_err(|e| format!("the world cannot be furnished: {e}"))?;
        let (now, directory) = (stage.core.now().micros(), Directory::of(&setting));
        let mut names = HashMap::new();
        let officers = (0..stage.officers.len() as u8).map(Who::Officer);
        let everybody = officers.chain([Who::Supervisor, Who::IdleHand, Who::Outsider, Who::System, Who::Nobody]);
        for who in everybody.chain(directory.everybody().map(Who::Taxpayer)) {
            names.insert(stage.actor(who).as_ref().to_string(), who);
        }
        let desks = stage.officers.iter().map(|id| *id.as_bytes()).collect();
        let lines = stage.lines.iter().map(|id| *id.as_bytes()).collect();
        let known_as = stage.taxpayers.iter().map(|id| *id.as_bytes()).collect();
        let mut player = Self {
            model: Model::new(setting.officers, [desks, lines, known_as], setting.told, directory, now),
            counts: Counts::default(),
            ids: Vec::new(),
            labels: HashMap::new(),
            taxpayers: stage.taxpayers.iter().copied().zip(0..).collect(),
            newcomers: BTreeMap::new(),
            related: BTreeMap::new(),
            names,
            keys: HashMap::new(),
            cursors: Vec::new(),
            journal_start: Cursor::default(),
            trail_start: 0,
            trail_read: 0,
            sealed: 0,
            checkpoints: Vec::new(),
            readers: BTreeMap::new(),
            sessions: BTreeMap::new(),
            tokens: BTreeMap::new(),
            link: None,
            ticket: None,
            telephone: Telephone::default(),
            received: HashMap::new(),
            trace: DefaultHasher::new(),
            pieces: Cell::new(0),
            unread: 0,
            last: None,
            stage,
        };
        player.seal_all()?;
        player.trail_start = player.sealed;
        player.journal_start = player.stage.core.journal_end().map_err(|e| e.to_string())?;
        Ok(player)
    }

    /// Everything that happened so far, as one number.
    pub(crate) fn trace(&self) -> u64 {
        self.trace.finish()
    }

    fn postgres(&self) -> bool {
        self.stage.setting.engine == Engine::Postgres
    }

    fn core(&self) -> &Core {
        &self.stage.core
    }

    fn id(&self, label: u32) -> Option<ConversationId> {
        self.ids.get(label as usize).copied().flatten()
    }

    fn known(&self, label: u32) -> Checked<ConversationId> {
        self.id(label).ok_or_else(|| format!("#{label} has no id"))
    }

    fn label(&self, id: ConversationId) -> u32 {
        self.labels.get(&id).copied().unwrap_or(u32::MAX)
    }

    /// Whether a step can be taken: what it speaks of was begun.
    fn possible(&self, deed: &Deed) -> bool {
        match *deed {
            Deed::Leave { conversation, .. }
            | Deed::CallBack { conversation, .. }
            | Deed::Send { conversation, .. }
            | Deed::Recall { conversation, .. }
            | Deed::Rate { conversation, .. }
            | Deed::Rating { conversation, .. }
            | Deed::AnswerFollowUp { conversation, .. }
            | Deed::Read { conversation, .. }
            | Deed::Close { conversation, .. }
            | Deed::Prioritise { conversation, .. }
            | Deed::Transfer { conversation, .. }
            | Deed::Hold { conversation, .. }
            | Deed::Resume { conversation, .. }
            | Deed::Join { conversation, .. }
            | Deed::StepOut { conversation, .. }
            | Deed::Accept { conversation, .. }
            | Deed::Decline { conversation, .. }
            | Deed::Whisper { conversation, .. }
            | Deed::Whispers { conversation, .. }
            | Deed::Look { conversation, .. }
            | Deed::Messages { conversation, .. }
            | Deed::Position { conversation, .. }
            | Deed::Transcript { conversation, .. }
            | Deed::Review { conversation, .. }
            | Deed::People { affair: Affair::Card { conversation } | Affair::RevealOnCard { conversation, .. }, .. } => {
                self.id(conversation).is_some()
            }
            Deed::Merge { conversation, other, .. } => self.id(conversation).is_some() && self.id(other).is_some(),
            Deed::Use { who, .. } | Deed::IssueTicket { who } | Deed::SignOut { who } => self.sessions.contains_key(&who),
            Deed::Redeem => self.ticket.is_some(),
            Deed::Factor { factor: Factor::Answer { .. }, .. } => self.telephone.challenge.is_some(),
            Deed::Come { door } => !door.link || self.link.is_some(),
            _ => true,
        }
    }

    /// Takes one step.
    pub(crate) fn step(&mut self, step: &Step) -> Checked<Came> {
        if !self.possible(&step.deed) {
            return Ok(Came::Skipped);
        }
        self.last = None;
        self.stage.turn_to(step.number, step.at);
        let (now, should) = (self.core().now().micros(), self.model.now(step.at));
        if now != should && !matches!(step.deed, Deed::Restart) {
            return Err(format!("the host's time is {now}, not {should}"));
        }
        let came = match step.deed {
            Deed::RunDue => self.run_due(step, now)?,
            Deed::Return => self.give_back(step, now)?,
            Deed::Offer => self.offer(step, now)?,
            Deed::Deliver { well } => self.deliver(step, now, well)?,
            Deed::Seal | Deed::Checkpoint => self.seal(step)?,
            Deed::Restart => self.restart(step)?,
            Deed::Tail => self.tail(now).map(|()| Came::Done)?,
            Deed::Scan => self.scan(now).map(|()| Came::Done)?,
            Deed::Follow { who, max } => self.follow(step, who, max)?,
            Deed::Come { door } => self.come(step, &door)?,
            Deed::SignIn { who } => self.sign_in(step, who)?,
            Deed::Factor { who, factor } => self.factor(step, who, factor)?,
            Deed::Use { .. } | Deed::WriteTouches | Deed::IssueTicket { .. } | Deed::Redeem | Deed::SignOut { .. } => self.session(step)?,
            _ => {
                let came = self.command(step)?;
                if matches!(step.deed, Deed::People { affair: Affair::Unlink { .. } | Affair::RealName { .. }, .. }) {
                    self.sessions_stand(step.at)?;
                }
                self.touched(step, came)?;
                self.imported(step, came)?;
                came
            }
        };
        (step.number, came as u8).hash(&mut self.trace);
        self.unread += 1;
        if self.unread >= UNREAD_MAX {
            self.tail_journal()?;
        }
        Ok(came)
    }

    /// Hears of a piece of a list that was written.
    fn piece(&self) {
        self.pieces.set(self.pieces.get() + 1);
    }

    fn arm(&self, step: &Step) {
        if let Some(strike) = step.strike {
            self.stage.faults.arm(strike.fault, strike.at, strike.repeat);
        }
    }

    /// Whether the fault that goes with the step struck.
    fn struck(&mut self, step: &Step) -> bool {
        let Some(_) = step.strike else { return false };
        let Report { struck, .. } = self.stage.faults.disarm();
        self.counts.struck += u64::from(struck);
        struck
    }

    fn command(&mut self, step: &Step) -> Checked<Came> {
        let mut last = None;
        self.pieces.set(0);
        for _ in 0..SLOW_MAX {
            self.arm(step);
            let (answer, id) = self.perform(step);
            let struck = self.struck(step);
            let told = match answer {
                Err(Error::Store(e)) if !struck && slow(&e) => {
                    last = Some(e);
                    self.stage.turn_to(step.number, step.at);
                    continue;
                }
                Err(Error::Store(e)) if !struck => return Err(format!("storage failed by itself: {e}")),
                Err(Error::Store(StoreError::Unknown(_))) => return self.unknown(step),
                Err(Error::Store(_)) => return Ok(Came::Failed),
                Err(e @ Error::Crypto(_)) => return Err(format!("keys: {e}")),
                _ if struck => return Err("a storage fault was swallowed".into()),
                Err(e) => self.refused(&e),
                Ok(told) => told,
            };
            return self.compare(step, told, id);
        }
        Err(match last {
            Some(StoreError::Conflict) => "each try ended in a conflict".into(),
            last => format!("the machine is too slow: {last:?}"),
        })
    }

    fn compare(&mut self, step: &Step, mut told: Told, id: Option<ConversationId>) -> Checked<Came> {
        let should = self.model.take(step, id.map(|id| *id.as_bytes()));
        // A list that took longer than a write may came in several pieces, each with its record.
        (1..self.pieces.get()).for_each(|_| self.model.in_another_piece());
        // On PostgreSQL what is kept in memory follows a moment later, so a place in line is asked for again.
        if self.postgres() && matches!(step.deed, Deed::Position { .. } | Deed::Waiting { .. }) {
            let until = Instant::now() + PATIENCE;
            while told != should && Instant::now() < until {
                let signal = self.core().store().signal();
                signal.wait_past(signal.count(), Duration::from_millis(10));
                if let (Ok(again), _) = self.perform(step) {
                    told = again;
                }
            }
        }
        if told != should {
            return Err(format!("answered {told:?}\n  should be {should:?}"));
        }
        if let (Deed::Enter { label, .. }, Told::Entered { .. }, Some(id)) = (step.deed, &told, id) {
            self.bind(label, id)?;
            id.hash(&mut self.trace);
        }
        self.acquainted(&step.deed)?;
        self.counts.came_of(&step.deed, &told);
        told.hash(&mut self.trace);
        let came = if matches!(told, Told::Refused(..)) { Came::Refused } else { Came::Done };
        self.last = Some(told);
        Ok(came)
    }

    /// After each of the first deeds of a world, and some of the later ones: the conversation it was done to is as the model has it, for its taxpayer, and holds what always
    /// holds; whoever took it holds no more than they may.
    fn touched(&mut self, step: &Step, came: Came) -> Checked<()> {
        if step.number > TOUCHED_ALL && !step.number.is_multiple_of(TOUCHED_EVERY) {
            return Ok(());
        }
        self.related(step, came)?;
        let label = match (step.deed, &self.last, came) {
            (Deed::Claim { .. } | Deed::Accept { .. }, Some(Told::Claimed { conversation, .. }), Came::Done) => *conversation,
            (Deed::Enter { label, .. }, _, Came::Done) => label,
            (
                Deed::Leave { conversation, .. }
                | Deed::CallBack { conversation, .. }
                | Deed::Send { conversation, .. }
                | Deed::Recall { conversation, .. }
                | Deed::Rate { conversation, .. }
                | Deed::Read { conversation, .. }
                | Deed::Close { conversation, .. }
                | Deed::Prioritise { conversation, .. }
                | Deed::Transfer { conversation, .. }
                | Deed::Hold { conversation, .. }
                | Deed::Resume { conversation, .. }
                | Deed::Join { conversation, .. }
                | Deed::StepOut { conversation, .. }
                | Deed::Whisper { conversation, .. }
                | Deed::Decline { conversation, .. }
                | Deed::Merge { conversation, .. },
                ..,
            ) => conversation,
            _ => return Ok(()),
        };
        let Some(id) = self.id(label) else { return Ok(()) };
        let should = self.model.view(Who::System, label);
        let taxpayer = Who::Taxpayer(should.taxpayer);
        let should = View { numbers: self.model.view(taxpayer, label).numbers, ..should };
        let session = self.stage.session(taxpayer, None);
        let seen = patiently(|| session.interaction().conversation(id)).map(|v| self.view(&v)).map_err(|e| e.to_string())?;
        if seen != should {
            return Err(format!("after it #{label} is {seen:?}\n  should be {should:?}"));
        }
        self.hold(std::slice::from_ref(&seen))?;
        let (Deed::Claim { who: who @ Who::Officer(officer), .. } | Deed::Accept { who: who @ Who::Officer(officer), .. }) = step.deed
        else {
            return Ok(());
        };
        let (desk, page) = (self.stage.session(who, None), Page { after: None, limit: limits::PAGE_ROWS_MAX });
        let mine = patiently(|| desk.interaction().mine(page)).map_err(|e| e.to_string())?;
        let own = Some(self.model.staff_no(officer));
        let held = mine.iter().filter(|v| v.state == ConversationState::Active && v.held_until.is_none() && v.staff_no == own).count();
        // A claim that is answered again says nothing of what came back from hold since: the model knows.
        if held > CAPACITY.max(self.model.holds(officer)) { Err(format!("{who:?} holds {held} conversations")) } else { Ok(()) }
    }

    fn bind(&mut self, label: u32, id: ConversationId) -> Checked<()> {
        let place = label as usize;
        if self.ids.len() <= place {
            self.ids.resize(place + 1, None);
        }
        match self.ids[place] {
            Some(known) if known != id => Err(format!("#{label} was {known} and is {id} now")),
            Some(_) => Ok(()),
            None if self.labels.contains_key(&id) => Err(format!("{id} was given twice")),
            None => {
                self.ids[place] = Some(id);
                self.labels.insert(id, label);
                self.counts.conversations += 1;
                Ok(())
            }
        }
    }

    /// An answer was lost. Looks whether the deed was done, all of it or nothing; the caller still knows nothing.
    fn unknown(&mut self, step: &Step) -> Checked<Came> {
        self.counts.unknown += 1;
        let (done, id) = if audited(&step.deed) {
            (self.recorded()?, self.event_behind()?)
        } else {
            let behind = self.event_behind()?;
            (behind.is_some(), behind)
        };
        done.hash(&mut self.trace);
        if done {
            self.counts.unknown_done += 1;
            let told = self.model.take(step, id.map(|id| *id.as_bytes()));
            if matches!(told, Told::Refused(..)) {
                return Err(format!("done, though it should have been refused: {told:?}"));
            }
            if let (Deed::Enter { label, .. }, Some(id)) = (step.deed, id) {
                self.bind(label, id)?;
            }
            self.acquainted(&step.deed)?;
        } else if matches!(step.deed, Deed::Read { .. }) {
            // Nothing to be seen may be nothing that moved.
        } else if id.is_some() {
            return Err("an answer was lost: there are events of the deed, but no audit record".into());
        }
        Ok(Came::Failed)
    }

    /// Whether there is one record more than the model knows of.
    fn recorded(&mut self) -> Checked<bool> {
        self.seal_all()?;
        let extra = self.sealed - self.trail_start - self.model.records.len() as i64;
        if (0..=1).contains(&extra) { Ok(extra == 1) } else { Err(format!("an answer was lost; {extra} audit records came of it")) }
    }

    /// The conversation of the first event that the model does not know of, where there is one.
    fn event_behind(&mut self) -> Checked<Option<ConversationId>> {
        self.tail_journal_to_model()?;
        let last = self.cursors.last().copied().unwrap_or(self.journal_start);
        if self.postgres() {
            self.seal_all()?; // waits until nothing is held back
        }
        let next = self.core().journal_after(last, 1).map_err(|e| e.to_string())?;
        Ok(next.first().and_then(zhengna_core::journal::Event::conversation))
    }
}
