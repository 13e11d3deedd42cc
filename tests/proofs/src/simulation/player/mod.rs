//! Takes steps in a world through the whole door and compares what came of each with the model: the answer, the
//! journal, the audit trail. What a fault left unknown is looked up, the way an operator would.

mod checks;
mod doors;
mod factors;
mod imports;
mod people;
mod upkeep;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use zhengna_core::access::ActorKind;
use zhengna_core::audit::Checkpoint;
use zhengna_core::error::Refusal;
use zhengna_core::id::{ConversationId, DeliveryId, TaxpayerId};
use zhengna_core::interaction::{
    AcceptOffer, Claim, Close, ConversationState, ConversationView, DeclineOffer, Enter, Hold, Join, Leave, MarkRead, Merge, MessageView,
    NoEstimate, Outcome, Prioritise, Resume, Review, SendMessage, SourceChannel, StepOut, Transfer, TransferTo, Wanted, Whisper,
    WhisperView,
};
use zhengna_core::journal::Cursor;
use zhengna_core::store::fault::Report;
use zhengna_core::store::{Page, StoreError};
use zhengna_core::{Core, Error, Timestamp, limits};
use zhengna_tests::world::Engine;

use super::directory::Directory;
use super::model::{Model, OUTCOMES, Remark, State, Told, View, Wait, Words, audited};
use super::stage::{CAPACITY, SLOW_MAX, Setting, Stage, patiently, slow, text};
use super::step::{Affair, Deed, Factor, Step, Who};
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

/// What was done in a world.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) conversations: u64,
    pub(crate) commands: u64,
    pub(crate) queries: u64,
    /// Conversations that went back to their lines because their officer was gone.
    pub(crate) returned: u64,
    /// Conversations that were handed to a line.
    pub(crate) transferred: u64,
    /// Conversations that were put on hold, and those that went on in another.
    pub(crate) held: u64,
    pub(crate) merged: u64,
    /// Conversations that were offered, and those that were accepted.
    pub(crate) offered: u64,
    pub(crate) accepted: u64,
    /// Conversations in which whoever supervises took part, and remarks beside them.
    pub(crate) joined: u64,
    pub(crate) whispered: u64,
    pub(crate) struck: u64,
    pub(crate) unknown: u64,
    pub(crate) unknown_done: u64,
    pub(crate) restarts: u64,
    pub(crate) resumed: u64,
    pub(crate) scans: u64,
    pub(crate) events: u64,
    pub(crate) records: u64,
    pub(crate) backlog: u64,
    pub(crate) sign_ins: u64,
    /// Sessions that began through a provider.
    pub(crate) came: u64,
    /// Lists about people applied, relations released, cards shown, values revealed.
    pub(crate) people: [u64; 4],
    /// Rows of imports applied that changed something, and taken back.
    pub(crate) imported: [u64; 2],
    /// Second factors confirmed, shown with a code, with a recovery code, refused, and taken away.
    pub(crate) factors: [u64; 5],
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Self) {
        self.conversations += other.conversations;
        self.commands += other.commands;
        self.queries += other.queries;
        self.struck += other.struck;
        self.unknown += other.unknown;
        self.unknown_done += other.unknown_done;
        self.restarts += other.restarts;
        self.resumed += other.resumed;
        self.scans += other.scans;
        self.events += other.events;
        self.records += other.records;
        self.backlog = self.backlog.max(other.backlog);
        self.sign_ins += other.sign_ins;
        self.came += other.came;
        self.returned += other.returned;
        self.transferred += other.transferred;
        self.held += other.held;
        self.merged += other.merged;
        self.offered += other.offered;
        self.accepted += other.accepted;
        self.joined += other.joined;
        self.whispered += other.whispered;
        self.people = std::array::from_fn(|n| self.people[n] + other.people[n]);
        self.imported = std::array::from_fn(|n| self.imported[n] + other.imported[n]);
        self.factors = std::array::from_fn(|n| self.factors[n] + other.factors[n]);
    }
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
        let mut player = Self {
            model: Model::new(setting.officers, desks, setting.told, directory, now),
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
            | Deed::Send { conversation, .. }
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
        match told {
            Told::Done(_) if matches!(step.deed, Deed::Transfer { .. }) => self.counts.transferred += 1,
            Told::Held(_, Some(_)) => self.counts.held += 1,
            Told::Merged(..) => self.counts.merged += 1,
            Told::Claimed { .. } if matches!(step.deed, Deed::Accept { .. }) => self.counts.accepted += 1,
            Told::Joined(_, true) => self.counts.joined += 1,
            Told::Whispered(_) => self.counts.whispered += 1,
            Told::List(_) => self.counts.people[0] += 1,
            Told::Released(_) => self.counts.people[1] += 1,
            Told::Card(_) => self.counts.people[2] += 1,
            Told::Revealed(_) => self.counts.people[3] += 1,
            _ => {}
        }
        match (step.deed, &told) {
            (Deed::People { affair: Affair::ImportRows { .. }, .. }, Told::List(rows)) => self.counts.imported[0] += rows,
            (Deed::People { affair: Affair::TakeBack { .. }, .. }, Told::List(rows)) => self.counts.imported[1] += rows,
            _ => {}
        }
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
                | Deed::Send { conversation, .. }
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

    fn perform(&mut self, step: &Step) -> (Result<Told, Error>, Option<ConversationId>) {
        let mut id = None;
        let told = self.answer(step, &mut id);
        (told, id)
    }

    fn answer(&mut self, step: &Step, begun: &mut Option<ConversationId>) -> Result<Told, Error> {
        let absent = ConversationId::from_uuid(uuid::Uuid::nil());
        let on = |player: &Self, label: u32| player.id(label).unwrap_or(absent);
        if let Some(key) = step.key {
            self.keys.entry(self.stage.key(key)).or_insert(key);
        }
        let session = |player: &Self, who| player.stage.session(who, step.key);
        let writes = matches!(
            step.deed,
            Deed::Enter { .. }
                | Deed::Leave { .. }
                | Deed::Claim { .. }
                | Deed::Send { .. }
                | Deed::Read { .. }
                | Deed::Close { .. }
                | Deed::Prioritise { .. }
                | Deed::Transfer { .. }
                | Deed::Hold { .. }
                | Deed::Resume { .. }
                | Deed::Merge { .. }
                | Deed::Join { .. }
                | Deed::StepOut { .. }
                | Deed::Whisper { .. }
                | Deed::Accept { .. }
                | Deed::Decline { .. }
                | Deed::Transcript { .. }
                | Deed::Review { .. }
        );
        if writes || (matches!(step.deed, Deed::People { .. }) && audited(&step.deed)) {
            self.counts.commands += 1;
        } else {
            self.counts.queries += 1;
        }
        match step.deed {
            Deed::Enter { who, line, label } => {
                let channel = if label % 3 == 0 { SourceChannel::Kiosk } else { SourceChannel::MiniProgram };
                let cmd = Enter::new(self.stage.lines[usize::from(line)], text(label));
                let entered = session(self, who).through(channel).interaction().enter(cmd).wait()?;
                *begun = Some(entered.conversation);
                Ok(Told::Entered { ticket: entered.ticket })
            }
            Deed::Leave { who, conversation } => {
                let left = session(self, who).interaction().leave(Leave { conversation: on(self, conversation) }).wait()?;
                Ok(Told::Done(self.label(left.conversation)))
            }
            Deed::Claim { who, line } => {
                let claimed = session(self, who).interaction().claim(Claim { line: self.stage.lines[usize::from(line)] }).wait()?;
                Ok(Told::Claimed { conversation: self.label(claimed.conversation), ticket: claimed.ticket })
            }
            Deed::Offers { who } => {
                let found = session(self, who).interaction().offers()?;
                let mut told: Vec<_> = found.iter().map(|o| (self.label(o.conversation.id), o.until.micros())).collect();
                told.sort_unstable(); // of those that end at once none is first
                Ok(Told::Offers(told))
            }
            Deed::Accept { who, conversation } => {
                let claimed = session(self, who).interaction().accept_offer(AcceptOffer { conversation: on(self, conversation) }).wait()?;
                Ok(Told::Claimed { conversation: self.label(claimed.conversation), ticket: claimed.ticket })
            }
            Deed::Decline { who, conversation } => {
                let declined =
                    session(self, who).interaction().decline_offer(DeclineOffer { conversation: on(self, conversation) }).wait()?;
                Ok(Told::Done(self.label(declined.conversation)))
            }
            Deed::Send { who, conversation, text: n } => {
                let cmd = SendMessage::new(on(self, conversation), text(n));
                let sent = session(self, who).interaction().send(cmd).wait()?;
                Ok(Told::Sent { number: sent.number, at: sent.sent_at.micros() })
            }
            Deed::Read { who, conversation, number } => {
                let row = MarkRead { conversation: on(self, conversation), number };
                session(self, who).interaction().mark_read(vec![row]).wait().map(Told::Moved)
            }
            Deed::Close { who, conversation, outcome } => {
                let word = OUTCOMES[usize::from(outcome) % OUTCOMES.len()];
                let outcome = Outcome::parse(word).unwrap_or(Outcome::Idle);
                let note = (conversation % 5 > 0).then(|| text(conversation));
                let cmd = Close { conversation: on(self, conversation), outcome, note };
                let closed = session(self, who).interaction().close(cmd).wait()?;
                Ok(Told::Closed { conversation: self.label(closed.conversation), outcome: outcome_word(closed.outcome) })
            }
            Deed::Prioritise { who, conversation } => {
                let cmd = Prioritise { conversation: on(self, conversation), reason: "行动不便".into() };
                let done = session(self, who).interaction().prioritise(cmd).wait()?;
                Ok(Told::Done(self.label(done.conversation)))
            }
            Deed::Transfer { who, conversation, line } => {
                let to = TransferTo::Line(self.stage.lines[usize::from(line)]);
                let cmd = Transfer::new(on(self, conversation), to, text(conversation));
                let done = session(self, who).interaction().transfer(cmd).wait()?;
                Ok(Told::Done(self.label(done.conversation)))
            }
            Deed::Hold { who, conversation, minutes } => {
                let cmd = Hold { conversation: on(self, conversation), minutes: minutes.into() };
                let held = session(self, who).interaction().hold(cmd).wait()?;
                Ok(Told::Held(self.label(held.conversation), micros(held.held_until)))
            }
            Deed::Resume { who, conversation } => {
                let held = session(self, who).interaction().resume(Resume { conversation: on(self, conversation) }).wait()?;
                Ok(Told::Held(self.label(held.conversation), micros(held.held_until)))
            }
            Deed::Merge { who, conversation, other } => {
                let cmd = Merge { conversation: on(self, conversation), other: on(self, other) };
                let merged = session(self, who).interaction().merge(cmd).wait()?;
                Ok(Told::Merged(self.label(merged.conversation), self.label(merged.other)))
            }
            Deed::Join { who, conversation } => {
                let cmd = Join { conversation: on(self, conversation), reason: "协助".into() };
                let joined = session(self, who).interaction().join(cmd).wait()?;
                Ok(Told::Joined(self.label(joined.conversation), joined.joined))
            }
            Deed::StepOut { who, conversation } => {
                let joined = session(self, who).interaction().step_out(StepOut { conversation: on(self, conversation) }).wait()?;
                Ok(Told::Joined(self.label(joined.conversation), joined.joined))
            }
            Deed::Whisper { who, conversation, text: n } => {
                let cmd = Whisper { conversation: on(self, conversation), text: text(n), confirmed: false };
                session(self, who).interaction().whisper(cmd).wait().map(|whispered| Told::Whispered(whispered.number))
            }
            Deed::Whispers { who, conversation } => {
                let found = session(self, who).interaction().whispers(on(self, conversation))?;
                Ok(Told::Whispers(found.into_iter().map(remark).collect()))
            }
            Deed::Look { who, conversation } => {
                let view = session(self, who).interaction().conversation(on(self, conversation))?;
                Ok(Told::View(Box::new(self.view(&view))))
            }
            Deed::Messages { who, conversation, after } => {
                let found = session(self, who).interaction().messages(on(self, conversation), after, limits::PAGE_ROWS_MAX)?;
                Ok(Told::Messages(found.iter().map(|m| self.words(m)).collect()))
            }
            Deed::Position { who, conversation } => {
                let place = session(self, who).interaction().position(on(self, conversation))?;
                let numbers = place.estimate.map(|e| (e.p50_s, e.p90_s, [e.officers, e.places, e.free, e.sample]));
                let told = numbers.ok_or(place.no_estimate.map_or("", NoEstimate::as_str));
                let wait = place.ahead.map(|ahead| Wait { ahead, told });
                Ok(Told::Place { state: state_of(place.state), wait })
            }
            Deed::Waiting { who, line } => {
                let found = session(self, who).interaction().waiting(self.stage.lines[usize::from(line)], 10)?;
                Ok(Told::Line { total: found.total, first: found.first.iter().map(|c| self.label(c.id)).collect() })
            }
            Deed::Mine { who, limit } => {
                let found = session(self, who).interaction().mine(Page { after: None, limit })?;
                Ok(Told::Views(found.iter().map(|v| self.view(v)).collect()))
            }
            Deed::List { who, limit } => {
                let found = session(self, who).interaction().conversations(Page { after: None, limit }, Wanted::default())?.items;
                Ok(Told::Views(found.iter().map(|v| self.view(v)).collect()))
            }
            Deed::Transcript { who, conversation } => {
                let found = session(self, who).interaction().transcript(on(self, conversation)).wait()?;
                Ok(self.transcript(&found))
            }
            Deed::Review { who, conversation } => {
                let cmd = Review { conversation: on(self, conversation), reason: "质量检查".into() };
                let found = session(self, who).interaction().review(cmd).wait()?;
                Ok(self.transcript(&found))
            }
            Deed::Present { who } => session(self, who).interaction().be_present().wait().map(|_| Told::Done(0)),
            Deed::People { who, ref affair } => self.ask(who, affair, step.key),
            _ => Ok(Told::Done(0)),
        }
    }

    fn refused(&self, e: &Error) -> Told {
        let about = match e {
            Error::Refused(Refusal::AlreadyInLine(id)) => i64::from(self.label(*id)),
            Error::Refused(Refusal::AtCapacity(n) | Refusal::OnHoldMax(n)) => *n,
            Error::Refused(Refusal::ImportInUse(line)) => *line,
            _ => 0,
        };
        Told::Refused(e.public().code, about)
    }

    fn view(&self, v: &ConversationView) -> View {
        View {
            conversation: self.label(v.id),
            line: self.stage.lines.iter().position(|l| *l == v.line).map_or(u8::MAX, |l| l as u8),
            state: state_of(v.state),
            // A person's name is masked: of 测试12 nothing but the first character may be shown.
            topic: if v.taxpayer_name.as_str().contains("试") { format!("unmasked: {}", v.taxpayer_name) } else { v.topic.clone() },
            taxpayer: self.taxpayers.get(&v.taxpayer).copied().unwrap_or(u16::MAX),
            staff_no: v.staff_no.clone(),
            joined: v.joined_staff_no.clone(),
            ticket: v.ticket,
            times: [Some(v.entered_at.micros()), micros(v.claimed_at), micros(v.ended_at)],
            outcome: outcome_word(v.outcome),
            merged_into: v.merged_into.map(|kept| self.label(kept)),
            owed: [micros(v.held_until), micros(v.unanswered_since)],
            numbers: [v.last_number, v.taxpayer_read, v.officer_read, v.unread],
        }
    }

    fn words(&self, m: &MessageView) -> Words {
        Words {
            number: m.number,
            by_taxpayer: m.sender == ActorKind::Taxpayer,
            mine: m.mine,
            key: m.client_id.as_ref().map(|key| self.keys.get(key).copied().unwrap_or(u32::MAX)),
            text: m.text.clone(),
            at: m.sent_at.micros(),
        }
    }

    fn transcript(&self, t: &zhengna_core::interaction::Transcript) -> Told {
        let who = |actor: &str| self.names.get(actor).copied().unwrap_or(Who::Nobody);
        let events = t.events.iter().map(|e| (e.kind.as_str(), e.at.micros(), who(&e.actor), e.number)).collect();
        let remarks = t.whispers.iter().cloned().map(remark).collect();
        Told::Transcript(Box::new(self.view(&t.conversation)), t.messages.iter().map(|m| self.words(m)).collect(), events, remarks)
    }
}
