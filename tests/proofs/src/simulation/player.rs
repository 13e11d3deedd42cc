//! Takes steps in a world through the whole door and compares what came of each with the model: the answer, the
//! journal, the audit trail. What a fault left unknown is looked up, the way an operator would.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use zhengna_core::access::{ActorKind, Authenticated};
use zhengna_core::audit::{AuditEntry, Checkpoint};
use zhengna_core::delivery::{DeliveryState, SettleDelivery};
use zhengna_core::error::Refusal;
use zhengna_core::id::{ConversationId, DeliveryId, TaxpayerId};
use zhengna_core::interaction::{
    Claim, Close, Closed, ConversationState, ConversationView, Enter, Leave, MarkRead, MessageView, Outcome, Prioritise, Review,
    SendMessage, SourceChannel,
};
use zhengna_core::journal::{Cursor, Topic};
use zhengna_core::store::fault::Report;
use zhengna_core::store::{Page, StoreError};
use zhengna_core::{Core, Error, Timestamp, limits, operation};
use zhengna_tests::world::Engine;

use super::model::{About, LEASE_ROWS, Model, OUTCOMES, State, Subject, Told, View, Wait, Words, audited};
use super::stage::{CAPACITY, SLOW_MAX, Setting, Stage, patiently, slow, text};
use super::step::{Deed, Step, Who};

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
    ticket: Option<String>,
    /// What the outside system has heard of.
    received: HashMap<u32, DeliveryId>,
    trace: DefaultHasher,
    unread: u32,
    /// What the last command was answered; none where storage failed.
    pub(crate) last: Option<Told>,
}

/// Longest wait for another host's or another database's transaction: PostgreSQL only.
const PATIENCE: Duration = Duration::from_secs(10);
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

impl Player {
    pub(crate) fn new(setting: Setting) -> Checked<Self> {
        let stage = Stage::new(setting).map_err(|e| format!("the world cannot be furnished: {e}"))?;
        let now = stage.core.now().micros();
        let mut names = HashMap::new();
        let officers = (0..stage.officers.len() as u8).map(Who::Officer);
        let everybody = officers.chain([Who::Supervisor, Who::IdleHand, Who::System, Who::Nobody]);
        for who in everybody.chain((0..setting.taxpayers).map(Who::Taxpayer)) {
            names.insert(stage.actor(who).as_ref().to_string(), who);
        }
        let mut player = Self {
            model: Model::new(setting.officers, setting.told, now),
            counts: Counts::default(),
            ids: Vec::new(),
            labels: HashMap::new(),
            taxpayers: stage.taxpayers.iter().copied().zip(0..).collect(),
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
            ticket: None,
            received: HashMap::new(),
            trace: DefaultHasher::new(),
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
            | Deed::Look { conversation, .. }
            | Deed::Messages { conversation, .. }
            | Deed::Position { conversation, .. }
            | Deed::Transcript { conversation, .. }
            | Deed::Review { conversation, .. } => self.id(conversation).is_some(),
            Deed::Use { who, .. } | Deed::IssueTicket { who } | Deed::SignOut { who } => self.sessions.contains_key(&who),
            Deed::Redeem => self.ticket.is_some(),
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
            Deed::Deliver { well } => self.deliver(step, now, well)?,
            Deed::Seal | Deed::Checkpoint => self.seal(step)?,
            Deed::Restart => self.restart(step)?,
            Deed::Tail => self.tail(now).map(|()| Came::Done)?,
            Deed::Scan => self.scan(now).map(|()| Came::Done)?,
            Deed::Follow { who, max } => self.follow(step, who, max)?,
            Deed::SignIn { .. }
            | Deed::Use { .. }
            | Deed::WriteTouches
            | Deed::IssueTicket { .. }
            | Deed::Redeem
            | Deed::SignOut { .. } => self.session(step)?,
            _ => self.command(step)?,
        };
        (step.number, came as u8).hash(&mut self.trace);
        self.unread += 1;
        if self.unread >= UNREAD_MAX {
            self.tail_journal()?;
        }
        Ok(came)
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
        for _ in 0..SLOW_MAX {
            self.arm(step);
            let (answer, id) = self.perform(step);
            let struck = self.struck(step);
            let told = match answer {
                Err(Error::Store(e)) if !struck && slow(&e) => {
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
        Err("the machine is too slow".into())
    }

    fn compare(&mut self, step: &Step, mut told: Told, id: Option<ConversationId>) -> Checked<Came> {
        let should = self.model.take(step, id.map(|id| *id.as_bytes()));
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
        told.hash(&mut self.trace);
        let came = if matches!(told, Told::Refused(..)) { Came::Refused } else { Came::Done };
        self.last = Some(told);
        Ok(came)
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
            self.seal_all()?;
            let extra = self.sealed - self.trail_start - self.model.records.len() as i64;
            if !(0..=1).contains(&extra) {
                return Err(format!("an answer was lost; {extra} audit records came of it"));
            }
            (extra == 1, self.event_behind()?)
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
        } else if matches!(step.deed, Deed::Read { .. }) {
            // Nothing to be seen may be nothing that moved.
        } else if id.is_some() {
            return Err("an answer was lost: there are events of the deed, but no audit record".into());
        }
        Ok(Came::Failed)
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
                | Deed::Transcript { .. }
                | Deed::Review { .. }
        );
        if writes {
            self.counts.commands += 1;
        } else {
            self.counts.queries += 1;
        }
        match step.deed {
            Deed::Enter { who, line, label } => {
                let channel = if label % 3 == 0 { SourceChannel::Kiosk } else { SourceChannel::MiniProgram };
                let cmd = Enter { line: self.stage.lines[usize::from(line)], topic: text(label), channel };
                let entered = session(self, who).interaction().enter(cmd).wait()?;
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
            Deed::Send { who, conversation, text: n } => {
                let cmd = SendMessage { conversation: on(self, conversation), text: text(n) };
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
                let wait = place.estimate.map(|e| Wait {
                    ahead: place.ahead.unwrap_or(u32::MAX),
                    officers: e.officers,
                    low_s: e.low_s,
                    high_s: e.high_s,
                    sample: e.sample,
                });
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
                let found = session(self, who).interaction().conversations(Page { after: None, limit })?;
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
            Deed::Present { who } => session(self, who).interaction().be_present().map(|()| Told::Done(0)),
            _ => Ok(Told::Done(0)),
        }
    }

    fn refused(&self, e: &Error) -> Told {
        let about = match e {
            Error::Refused(Refusal::AlreadyInLine(id)) => i64::from(self.label(*id)),
            Error::Refused(Refusal::AtCapacity(n)) => *n,
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
            topic: if v.taxpayer_name.contains("试") { format!("unmasked: {}", v.taxpayer_name) } else { v.topic.clone() },
            taxpayer: self.taxpayers.get(&v.taxpayer).copied().unwrap_or(u16::MAX),
            staff_no: v.staff_no.clone(),
            ticket: v.ticket,
            times: [Some(v.entered_at.micros()), micros(v.claimed_at), micros(v.ended_at)],
            outcome: outcome_word(v.outcome),
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
        Told::Transcript(Box::new(self.view(&t.conversation)), t.messages.iter().map(|m| self.words(m)).collect(), events)
    }

    // The journal.

    fn tail_journal(&mut self) -> Checked<()> {
        self.tail_journal_to_model()?;
        self.unread = 0;
        let last = self.cursors.last().copied().unwrap_or(self.journal_start);
        match self.core().journal_after(last, 1).map_err(|e| e.to_string())?.first() {
            Some(extra) => Err(format!("the journal holds an event that should not be: {:?} of {:?}", extra.kind, extra.topic())),
            None => Ok(()),
        }
    }

    /// Compares events up to the last one that the model knows of.
    fn tail_journal_to_model(&mut self) -> Checked<()> {
        let until = Instant::now() + PATIENCE;
        while self.cursors.len() < self.model.journal.len() {
            let last = self.cursors.last().copied().unwrap_or(self.journal_start);
            let missing = self.model.journal.len() - self.cursors.len();
            let found = self.core().journal_after(last, (missing as u32).min(limits::EVENTS_PAGE_MAX)).map_err(|e| e.to_string())?;
            for event in &found {
                let should = self.model.journal[self.cursors.len()];
                let same = event.topic() == self.topic(should.about)
                    && event.kind.as_str() == should.kind
                    && event.conversation() == should.conversation.and_then(|l| self.id(l))
                    && event.number == should.number
                    && event.actor == self.stage.actor(should.who).as_ref()
                    && event.at.micros() == should.at
                    && self.cursors.last().is_none_or(|before| *before < event.cursor());
                if !same {
                    return Err(format!("event {} is {event:?}\n  should be {should:?}", self.cursors.len()));
                }
                self.cursors.push(event.cursor());
            }
            if found.is_empty() {
                if !self.postgres() || Instant::now() > until {
                    return Err(format!("the journal lacks {:?}", self.model.journal[self.cursors.len()]));
                }
                std::thread::yield_now();
            }
            self.counts.events += found.len() as u64;
        }
        Ok(())
    }

    fn topic(&self, about: About) -> Option<Topic> {
        Some(match about {
            About::Conversation(label) => Topic::Conversation(self.id(label)?),
            About::Line(n) => Topic::Line(self.stage.lines[usize::from(n)]),
            About::Taxpayer(n) => Topic::Taxpayer(self.stage.taxpayers[usize::from(n)]),
            About::Officer(n) => Topic::Officer(self.stage.officers[usize::from(n)]),
        })
    }

    /// A client reads on where it stopped: what it follows, and the events of that, none lost and none twice.
    fn follow(&mut self, step: &Step, who: Who, max: u32) -> Checked<Came> {
        self.tail_journal()?;
        let since = *self.readers.entry(who).or_insert(self.cursors.len());
        let cursor = since.checked_sub(1).map_or(self.journal_start, |i| self.cursors[i]);
        let (topics, should, place) = self.model.follow(who, since, max as usize);
        self.arm(step);
        let journal = self.stage.session(who, None);
        let answer = journal.journal().topics(Some(cursor)).and_then(|found| {
            let page = journal.journal().events_after(found.clone(), cursor, max)?;
            Ok((found, page))
        });
        let struck = self.struck(step);
        self.counts.queries += 2;
        let (found, page) = match answer {
            Err(Error::Store(e)) if struck || slow(&e) => return Ok(Came::Failed),
            Err(e) => return Err(format!("an event reader: {e}")),
            Ok(_) if struck => return Err("a storage fault was swallowed".into()),
            Ok(answer) => answer,
        };
        let found: BTreeSet<Topic> = found.into_iter().collect();
        let wanted: BTreeSet<Topic> = topics.iter().filter_map(|t| self.topic(*t)).collect();
        if found != wanted {
            return Err(format!("{who:?} follows {found:?}\n  should follow {wanted:?}"));
        }
        let mut shown = Vec::new();
        for event in &page.events {
            let place = self.cursors.binary_search(&event.cursor).map_err(|_| format!("an event that is not in the journal: {event:?}"))?;
            let original = self.model.journal[place];
            if event.kind.as_str() != original.kind || event.mine != (original.who == who) || event.at.micros() != original.at {
                return Err(format!("{who:?} is shown {event:?}\n  should be {original:?}"));
            }
            shown.push((place, event.message.as_ref().map(|m| m.text.clone())));
        }
        let told = Told::Events { shown, more: page.more };
        let reached = place.checked_sub(1).map_or(self.journal_start, |i| self.cursors[i]);
        if told != should || (page.cursor != reached && place != since) {
            return Err(format!("{who:?} is shown {told:?}\n  should be {should:?}"));
        }
        told.hash(&mut self.trace);
        self.readers.insert(who, place);
        self.counts.resumed += 1;
        Ok(Came::Done)
    }

    // The audit trail.

    /// Chains every record there is, with no fault in the way.
    fn seal_all(&mut self) -> Checked<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.core().seal_audit() {
                Ok(sealed) => {
                    let (before, count) = (self.sealed, i64::from(sealed.sealed));
                    // The observer seals too, after faults that may have sealed more than they said.
                    if sealed.number < before + count {
                        return Err(format!("the chain is at {} after {count} records behind {before}", sealed.number));
                    }
                    self.sealed = sealed.number;
                    if sealed.more {
                        continue;
                    }
                    // On PostgreSQL another transaction, of another database even, may hold the last ones back.
                    if !self.postgres() || self.verdict()?.unsealed == 0 {
                        return Ok(());
                    }
                }
                Err(Error::Store(e)) if slow(&e) => {}
                Err(e) => return Err(format!("sealing: {e}")),
            }
            if Instant::now() > until {
                return Err("records are left unsealed".into());
            }
        }
    }

    fn verdict(&self) -> Checked<zhengna_core::audit::Verdict> {
        let verdict = self.core().verify_audit(self.checkpoints.clone()).map_err(|e| format!("verification: {e}"))?;
        match verdict.finding {
            Some(finding) => Err(format!("the audit trail: {finding:?}")),
            None => Ok(verdict),
        }
    }

    /// Sealed records that were not compared yet. Each page read leaves a record; how many did.
    fn unread_records(&mut self) -> Checked<(Vec<AuditEntry>, u32)> {
        self.seal_all()?;
        let (mut entries, mut pages) = (Vec::new(), 0);
        loop {
            let after = self.trail_start + (self.trail_read + entries.len()) as i64;
            if after >= self.sealed {
                return Ok((entries, pages));
            }
            let page = self.core().as_system().audit().read(after, limits::PAGE_ROWS_MAX).wait();
            match page {
                Ok(page) if page.is_empty() => return Err(format!("the trail has no record {}", after + 1)),
                Ok(page) => {
                    for (entry, number) in page.iter().zip(after + 1..) {
                        if entry.number != Some(number) {
                            return Err(format!("record {number} of the trail is {:?}", entry.number));
                        }
                    }
                    pages += 1;
                    entries.extend(page);
                }
                Err(Error::Store(e)) if slow(&e) => {}
                Err(e) => return Err(format!("reading the trail: {e}")),
            }
        }
    }

    /// Compares the next record of the trail with the model's.
    fn check_record(&mut self, entry: &AuditEntry) -> Checked<()> {
        let Some(should) = self.model.records.get(self.trail_read).copied() else {
            return Err(format!("the trail holds a record that should not be: {} {}", entry.operation, entry.subject));
        };
        let subject = match should.subject {
            Subject::Conversation(label) => format!("conversation/{}", self.known(label)?),
            Subject::Message(label, number) => format!("conversation/{}/message/{number}", self.known(label)?),
            Subject::Session => "session".into(),
            Subject::SocketTicket => "socket_ticket".into(),
            Subject::Trail => "audit".into(),
        };
        let actor = self.stage.actor(should.who).as_ref().to_string();
        if entry.operation != should.operation || entry.subject != subject || entry.actor != actor || entry.at.micros() != should.at {
            return Err(format!("record {:?} is {entry:?}\n  should be {should:?}", entry.number));
        }
        self.trail_read += 1;
        self.counts.records += 1;
        Ok(())
    }

    fn tail_records(&mut self, now: i64) -> Checked<()> {
        let (entries, pages) = self.unread_records()?;
        entries.iter().try_for_each(|entry| self.check_record(entry))?;
        if self.trail_read < self.model.records.len() {
            return Err(format!("the trail lacks {:?}", self.model.records[self.trail_read]));
        }
        (0..pages).for_each(|_| self.model.trail_read(now));
        Ok(())
    }

    fn tail(&mut self, now: i64) -> Checked<()> {
        self.tail_journal()?;
        self.tail_records(now)
    }

    fn seal(&mut self, step: &Step) -> Checked<Came> {
        self.arm(step);
        let answer = match step.deed {
            Deed::Seal => self.core().seal_audit().map(|sealed| (sealed.number, None)),
            _ => self.core().checkpoint_audit(false).map(|made| (self.sealed, made.line)),
        };
        let struck = self.struck(step);
        self.counts.commands += 1;
        match answer {
            Err(Error::Store(e)) if struck || slow(&e) => Ok(Came::Failed),
            Err(e) => Err(format!("sealing: {e}")),
            Ok(_) if struck => Err("a storage fault was swallowed".into()),
            Ok((number, line)) => {
                let all = self.trail_start + self.model.records.len() as i64;
                if number > all {
                    return Err(format!("{number} records are sealed, there should be {all}"));
                }
                self.sealed = number.max(self.sealed);
                self.checkpoints.extend(line.and_then(|line| Checkpoint::from_line(&line)));
                Ok(Came::Done)
            }
        }
    }

    // The host.

    fn run_due(&mut self, step: &Step, now: i64) -> Checked<Came> {
        let (must, may) = self.model.due(now);
        self.arm(step);
        let answer = self.core().run_due(1000);
        let struck = self.struck(step);
        self.counts.commands += 1 + may.len() as u64;
        let ran = match answer {
            Err(Error::Store(e)) if struck || slow(&e) => None,
            Err(e) => return Err(format!("timers: {e}")),
            Ok(ran) => Some(ran),
        };
        // Which of them ran stands in the trail.
        let mut rung = BTreeSet::new();
        if !may.is_empty() {
            let (entries, pages) = self.unread_records()?;
            for entry in &entries {
                if self.trail_read == self.model.records.len() {
                    let id = entry.subject.strip_prefix("conversation/").and_then(ConversationId::parse);
                    let label = id.map_or(u32::MAX, |id| self.label(id));
                    if entry.operation != operation::CLOSE_IDLE.name || !may.contains(&label) || !rung.insert(label) {
                        return Err(format!("a timer rang that is not due: {entry:?}"));
                    }
                    self.model.ring(now, label);
                }
                self.check_record(entry)?;
            }
            if self.trail_read < self.model.records.len() {
                return Err(format!("the trail lacks {:?}", self.model.records[self.trail_read]));
            }
            (0..pages).for_each(|_| self.model.trail_read(now));
        }
        let unsure = struck || ran.is_none();
        let late = must.difference(&rung).next().copied();
        if let (false, Some(late), Engine::Memory) = (unsure, late, self.stage.setting.engine) {
            return Err(format!("the timer of #{late} is due and did not ring"));
        }
        let unsure = unsure || late.is_some(); // a machine too slow for a timer; it is due again when its lease ends
        let others = ran.unwrap_or(0).checked_sub(rung.len() as u32);
        let forgot = (!unsure).then_some(others == Some(1));
        let (least, most) = self.model.forgets(now, forgot);
        if !unsure && !others.is_some_and(|n| (least..=most).contains(&n)) {
            return Err(format!("{ran:?} timers ran, {} of them conversations'; {least} to {most} others were due", rung.len()));
        }
        self.model.not_rung(now, unsure);
        (ran, rung).hash(&mut self.trace);
        Ok(if unsure { Came::Failed } else { Came::Done })
    }

    fn deliver(&mut self, step: &Step, now: i64, well: bool) -> Checked<Came> {
        self.arm(step);
        let came = self.deliver_armed(now, well);
        self.struck(step);
        came
    }

    fn deliver_armed(&mut self, now: i64, well: bool) -> Checked<Came> {
        self.counts.commands += 1;
        let leased = match self.core().lease_deliveries(LEASE_ROWS as u32) {
            Ok(leased) => leased,
            Err(Error::Store(_)) => {
                self.model.lease_lost(now);
                return Ok(Came::Failed);
            }
            Err(e) => return Err(format!("deliveries: {e}")),
        };
        let mut told = Vec::with_capacity(leased.len());
        for delivery in &leased {
            let closed: Closed = serde_json::from_str(&delivery.payload).map_err(|e| format!("a delivery: {e}"))?;
            told.push((self.label(closed.conversation), outcome_word(closed.outcome).unwrap_or("")));
        }
        self.model.leased(now, &told)?;
        told.hash(&mut self.trace);
        let mut came = Came::Done;
        for (delivery, (label, _)) in leased.iter().zip(&told) {
            if well && *self.received.entry(*label).or_insert(delivery.id) != delivery.id {
                return Err(format!("the outside was told of #{label} under two ids"));
            }
            self.counts.commands += 1;
            let error = (!well).then(|| "no route".to_owned());
            match self.core().settle_delivery(SettleDelivery { id: delivery.id, token: delivery.token, error }) {
                Ok(settled) => {
                    let should = self.model.settled(now, *label, well, true);
                    let state = if settled.state == DeliveryState::Delivered { "delivered" } else { "pending" };
                    if state != should {
                        return Err(format!("the delivery of #{label} is {state}, should be {should}"));
                    }
                }
                Err(Error::Store(StoreError::Unknown(_))) => {
                    self.model.settled(now, *label, well, false);
                    came = Came::Failed;
                }
                Err(Error::Store(_)) => came = Came::Failed,
                Err(e) => return Err(format!("settling the delivery of #{label}: {e}")),
            }
        }
        Ok(came)
    }

    fn restart(&mut self, step: &Step) -> Checked<Came> {
        self.stage.restart().map_err(|e| format!("a restart: {e}"))?;
        self.stage.turn_to(step.number, step.at);
        self.model.restart();
        let (now, should) = (self.core().now().micros(), self.model.now(step.at));
        if now < should {
            return Err(format!("the host's time is {now}, not {should}"));
        }
        self.counts.restarts += 1;
        self.recount()?;
        Ok(Came::Done)
    }

    // Sessions.

    fn session(&mut self, step: &Step) -> Checked<Came> {
        let ok = match step.deed {
            Deed::SignIn { who } => {
                self.counts.sign_ins += 1;
                let token = self.stage.sign_in(who).map_err(|e| format!("signing in: {e}"))?;
                self.model.signed_in(step.at, who);
                let found = self.core().authenticate(&token).map_err(|e| format!("a fresh session: {e}"))?;
                self.sessions.insert(who, (found.session, token));
                true
            }
            Deed::Use { who, writes } => {
                let found = self.core().authenticate(&self.sessions[&who].1);
                let should = self.model.used(step.at, who, writes);
                let stands = match found {
                    Ok(caller) if caller.actor.as_ref() == self.stage.actor(who).as_ref() => {
                        self.core().touch(&caller, if writes { &operation::SEND } else { &operation::LINES });
                        true
                    }
                    Ok(caller) => return Err(format!("the session of {who:?} is {:?}'s", caller.actor)),
                    Err(Error::SignInRequired) => false,
                    Err(e) => return Err(format!("a session: {e}")),
                };
                if stands != should {
                    return Err(format!("the session of {who:?} stands: {stands}, should: {should}"));
                }
                stands
            }
            Deed::WriteTouches => {
                let written = patiently(|| self.core().write_down_touches()).map_err(|e| format!("touches: {e}"))?;
                let should = self.model.wrote_touches(step.at);
                if written != should {
                    return Err(format!("{written} sessions were written down, should be {should}"));
                }
                true
            }
            Deed::IssueTicket { who } => {
                let caller = self.caller(who);
                let issued = patiently(|| self.stage.session(who, None).access().issue_ticket(&caller).wait());
                let should = self.model.ticket_issued(step.at, who);
                let given = match issued {
                    Ok(issued) => {
                        self.ticket = Some(issued.ticket);
                        true
                    }
                    Err(Error::SignInRequired) => false,
                    Err(e) => return Err(format!("a socket ticket: {e}")),
                };
                if given != should {
                    return Err(format!("a socket ticket for {who:?}: {given}, should be {should}"));
                }
                given
            }
            Deed::Redeem => {
                let ticket = self.ticket.clone().unwrap_or_default();
                let opened = match patiently(|| self.core().redeem(&ticket).wait()) {
                    Ok(caller) => Some(caller.actor.as_ref()),
                    Err(Error::SignInRequired) => None,
                    Err(e) => return Err(format!("redeeming: {e}")),
                };
                let should = self.model.redeemed(step.at).map(|who| self.stage.actor(who).as_ref());
                if opened != should {
                    return Err(format!("a socket ticket opened {opened:?}, should have {should:?}"));
                }
                opened.is_some()
            }
            Deed::SignOut { who } => {
                let caller = self.caller(who);
                patiently(|| self.stage.session(who, None).access().sign_out(&caller).wait()).map_err(|e| format!("signing out: {e}"))?;
                self.model.signed_out(step.at, who);
                true
            }
            _ => false,
        };
        self.counts.commands += 1;
        Told::Session(ok).hash(&mut self.trace);
        Ok(if ok { Came::Done } else { Came::Refused })
    }

    fn caller(&self, who: Who) -> Authenticated {
        Authenticated { actor: self.stage.actor(who), session: self.sessions[&who].0, seen_at: Timestamp::from_micros(0) }
    }

    // Everything.

    fn recount(&self) -> Checked<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            let differences = match self.core().recount() {
                Ok(differences) => differences,
                Err(Error::Store(e)) if slow(&e) => vec!["the machine is too slow".into()],
                Err(e) => return Err(format!("recounting: {e}")),
            };
            if differences.is_empty() {
                return Ok(());
            }
            if !self.postgres() || Instant::now() > until {
                return Err(format!("what is kept in memory is not what the rows say: {differences:?}"));
            }
        }
    }

    /// Reads everything: projections, the chain, every conversation within the supervisor's reach, messages.
    fn scan(&mut self, now: i64) -> Checked<()> {
        self.counts.scans += 1;
        self.recount()?;
        self.tail(now)?;
        self.verify()?;
        let (mut after, mut seen) = (None, Vec::new());
        let supervisor = self.stage.session(Who::Supervisor, None);
        loop {
            let page = supervisor.interaction().conversations(Page { after, limit: limits::PAGE_ROWS_MAX }).map_err(|e| e.to_string())?;
            let Some(last) = page.last() else { break };
            after = Some((last.entered_at, last.id.uuid()));
            seen.extend(page.iter().map(|v| self.view(v)));
        }
        self.hold(&seen)?;
        let should = self.model.everything(Who::Supervisor);
        if seen != should {
            let different = seen.iter().zip(&should).find(|(a, b)| a != b);
            return Err(format!("{} conversations, should be {}; the first different: {different:?}", seen.len(), should.len()));
        }
        // Of the messages some, others each time.
        let skip = (self.counts.scans % 7) as usize;
        for view in seen.iter().skip(skip).step_by(7.max(seen.len() / 64)) {
            let deed = Deed::Messages { who: Who::Taxpayer(view.taxpayer), conversation: view.conversation, after: 0 };
            let step = Step { number: u32::MAX, at: now, deed, key: None, strike: None };
            let (told, _) = self.perform(&step);
            let (told, should) = (told.map_err(|e| e.to_string())?, self.model.take(&step, None));
            if told != should {
                return Err(format!("the messages of #{} are {told:?}\n  should be {should:?}", view.conversation));
            }
        }
        Ok(())
    }

    /// Every record is there, chained, and as it was when it was signed for.
    fn verify(&mut self) -> Checked<()> {
        self.seal_all()?;
        let verdict = self.verdict()?;
        let all = self.trail_start + self.model.records.len() as i64;
        if verdict.verified != all || verdict.unsealed != 0 || verdict.checkpoints != self.checkpoints.len() {
            return Err(format!("{verdict:?}, there should be {all} records and {} checkpoints", self.checkpoints.len()));
        }
        Ok(())
    }

    /// What holds whatever the model says.
    fn hold(&self, seen: &[View]) -> Checked<()> {
        let mut holding: BTreeMap<&str, usize> = BTreeMap::new();
        let mut tickets = BTreeSet::new();
        for v in seen {
            let [last, taxpayer_read, officer_read, _] = v.numbers;
            if taxpayer_read > last || officer_read > last {
                return Err(format!("#{} is read further than it was written", v.conversation));
            }
            let times: Vec<i64> = v.times.iter().flatten().copied().collect();
            if times.windows(2).any(|w| w[1] < w[0]) {
                return Err(format!("time goes back within #{}: {times:?}", v.conversation));
            }
            if !tickets.insert((v.line, v.ticket)) {
                return Err(format!("ticket {} of line {} was given twice", v.ticket, v.line));
            }
            let whole = match v.state {
                State::Waiting => v.staff_no.is_none() && v.times[2].is_none(),
                State::Active => v.staff_no.is_some() && v.times[2].is_none(),
                State::Closed => v.outcome.is_some() && v.times[2].is_some(),
                State::Left => v.outcome.is_none() && v.times[2].is_some(),
            };
            if !whole {
                return Err(format!("#{} is {:?} but not whole: {v:?}", v.conversation, v.state));
            }
            if let (State::Active, Some(staff_no)) = (v.state, &v.staff_no) {
                *holding.entry(staff_no).or_default() += 1;
            }
        }
        match holding.iter().find(|(_, n)| **n > CAPACITY) {
            Some((officer, n)) => Err(format!("officer {officer} holds {n} conversations")),
            None => Ok(()),
        }
    }

    /// The world has healed: nothing may be stuck, and everything must be told, chained and signed.
    pub(crate) fn healed(&mut self, now: i64) -> Checked<()> {
        let stuck = self.model.unfinished();
        if !stuck.is_empty() {
            return Err(format!("stuck after all faults ended: {}", stuck[..stuck.len().min(5)].join(", ")));
        }
        // Signed for to the end, also by what a fault kept from the second sink.
        self.tail(now)?;
        self.seal_all()?;
        patiently(|| self.core().checkpoint_audit(true)).map_err(|e| e.to_string())?;
        self.checkpoints = self.core().checkpoints_after(0).map_err(|e| e.to_string())?;
        let (signed, all) = (self.checkpoints.last().map_or(0, |c| c.number), self.sealed);
        if signed != all {
            return Err(format!("{signed} of {all} records are signed for"));
        }
        self.scan(now)?;
        let told = if self.stage.setting.told { self.model.closed_count() } else { 0 };
        if self.received.len() != told {
            return Err(format!("the outside heard of {} closed conversations, there are {told}", self.received.len()));
        }
        let again = patiently(|| self.core().run_due(1000)).map_err(|e| e.to_string())?;
        let leased = patiently(|| self.core().lease_deliveries(1)).map_err(|e| e.to_string())?;
        if again > 1 || !leased.is_empty() {
            return Err(format!("{again} timers and {} deliveries are left", leased.len()));
        }
        Ok(())
    }
}
