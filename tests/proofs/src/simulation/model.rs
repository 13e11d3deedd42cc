//! What should happen: the rules of human interaction once more, as plainly as they can be said. No code of the core
//! is used here. Each deed is told what it should be answered, and what the journal and the audit trail should hold.

mod attendance;
mod callback;
pub(crate) mod doors;
mod entering;
pub(crate) mod factors;
mod holding;
mod hours;
mod imports;
mod joining;
mod lines;
mod looking;
mod offering;
pub(crate) mod people;
pub(crate) mod rating;
mod reading;
mod recall;
mod rights;
mod sessions;
mod talking;
mod told;
mod topics;
mod transferring;
mod upkeep;
mod zone;

use std::collections::{BTreeMap, BTreeSet};

use super::directory::Directory;
use super::stage::{CAPACITY, LINES};
use super::step::{Affair, Deed, Step, Who};
use doors::Doors;
use factors::Factors;
use hours::Promise;
use people::People;
use rating::{FollowUp, Rating};
pub(crate) use rights::audited;
use rights::operation;
pub(crate) use told::{FollowedUp, Quote, Remark, State, Told, View, Wait, Words};

const MINUTE: i64 = 60 * SECOND;
const SECOND: i64 = 1_000_000;
const IDLE: i64 = 30 * MINUTE;
const SESSION_AGE: i64 = 12 * 60 * MINUTE;
const LEASE: i64 = MINUTE;
const PRESENCE: i64 = 45 * SECOND;
const GRACE: i64 = 60 * SECOND;
const UNANSWERED: i64 = 60 * SECOND;
const ESCALATE: i64 = 120 * SECOND;
const ON_HOLD: usize = 5;
const HELD_SILENT: i64 = 240 * MINUTE;
const FORGET_EVERY: i64 = 60 * MINUTE;
/// Rows of one lease of deliveries.
pub(crate) const LEASE_ROWS: usize = 32;
pub(crate) const OUTCOMES: [&str; 3] = ["resolved", "unresolved", "no_answer"];

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum About {
    Conversation(u32),
    Line(u8),
    Taxpayer(u16),
    Officer(u8),
}

/// An event the journal should hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    pub(crate) about: About,
    pub(crate) kind: &'static str,
    pub(crate) conversation: Option<u32>,
    pub(crate) number: Option<i64>,
    pub(crate) who: Who,
    pub(crate) at: i64,
}

/// What an audit record is of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Subject {
    Conversation(u32),
    Message(u32, i64),
    /// To a line.
    Transferred(u32, u8),
    /// To an officer.
    Handed(u32, u8),
    /// Into one, from another.
    Merged(u32, u32),
    /// The place of a remark.
    Whisper(u32, i64),
    Line(u8),
    Session,
    SocketTicket,
    Trail,
    Officer(u8),
    List,
    Relation(u16, u8, u16),
    Field(u16, u8),
    Phone(u16),
    Account(u16, u8),
    NotLinked,
    ProofSpent,
    Import(u8, u8),
    Factor,
    /// To whose account, of nobody where nobody has the login, and how the sign-in ended.
    SignIn(Who, &'static str),
}

/// A record the audit trail should hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Record {
    pub(crate) operation: &'static str,
    pub(crate) who: Who,
    pub(crate) subject: Subject,
    pub(crate) at: i64,
}

#[derive(Clone, Copy, Debug)]
struct Message {
    who: Who,
    key: Option<u32>,
    text: u32,
    at: i64,
    /// The number of the message that it answers, 0 where it answers none.
    quotes: i64,
    recalled_at: Option<i64>,
}

impl Message {
    /// Whether somebody of the staff wrote it, and let it stand.
    fn is_answer(&self) -> bool {
        self.recalled_at.is_none() && !matches!(self.who, Who::Taxpayer(_))
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Conversation {
    pub(crate) id: [u8; 16],
    pub(crate) line: u8,
    pub(crate) taxpayer: u16,
    pub(crate) officer: Option<u8>,
    pub(crate) state: State,
    rank: i64,
    ticket: i64,
    entered_at: i64,
    claimed_at: Option<i64>,
    ended_at: Option<i64>,
    active_at: i64,
    outcome: Option<&'static str>,
    messages: Vec<Message>,
    taxpayer_read: i64,
    officer_read: i64,
    pub(crate) held_until: Option<i64>,
    unanswered_since: Option<i64>,
    /// The answer that was promised, where they are called back.
    promise: Option<Promise>,
    /// The enterprise for which they were let in, where there is a gate.
    pub(crate) on_behalf: Option<u16>,
    /// The conversation in which it goes on.
    merged_into: Option<u32>,
    /// Who supervises it and takes part.
    pub(crate) joined: Option<u8>,
    whispers: Vec<Message>,
    /// Everybody who ever had it or took part.
    served: BTreeSet<u8>,
    /// The topic of its line that was named.
    topic: Option<u8>,
    /// To whom it is offered, and until when; who let it pass, and when.
    offered: Option<(u8, i64)>,
    passes: Vec<(u8, i64)>,
}

impl Conversation {
    /// When somebody of the staff first said a word that stands.
    fn replied_at(&self) -> Option<i64> {
        self.messages.iter().find(|m| m.is_answer()).map(|m| m.at)
    }

    /// Whether an officer has it, or takes part.
    fn is_of(&self, officer: u8) -> bool {
        self.officer == Some(officer) || self.joined == Some(officer)
    }
}

/// What rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Bell {
    Idle,
    Hold,
    Unanswered,
    /// A promised answer is due.
    Reply,
    /// A low rating should be answered by then.
    FollowUp,
    /// The hours of a line may be over.
    Hours,
}

/// What rings, of which conversation or line.
pub(crate) type Ring = (Bell, u32);

/// Something that falls due; after a fault it may be known only between two instants.
#[derive(Clone, Copy, Debug)]
struct Due {
    low: i64,
    high: i64,
    /// Whether it is sure to be there: some that rang left no trace.
    is_there: bool,
}

impl Due {
    fn at(at: i64) -> Self {
        Self { low: at, high: at, is_there: true }
    }
}

#[derive(Clone, Copy, Debug)]
struct Delivery {
    due: Due,
    /// Leases so far, at least and at most.
    attempts: (u32, u32),
    /// It may have been settled by an answer that was lost.
    perhaps_done: bool,
    outcome: &'static str,
}

#[derive(Clone, Debug)]
struct Session {
    /// What the core named it, for those that began at one instant.
    hash: [u8; 32],
    started: i64,
    written: i64,
    ended: bool,
}

/// Everything that should be.
#[derive(Default)]
pub(crate) struct Model {
    officers: u8,
    /// What the core named each officer, for those who are gone at one instant.
    desks: Vec<[u8; 16]>,
    /// And each line, and everybody there is.
    lines: Vec<[u8; 16]>,
    known_as: Vec<[u8; 16]>,
    told_outside: bool,
    /// The latest instant this host has seen.
    latest: Option<i64>,
    pub(crate) conversations: BTreeMap<u32, Conversation>,
    tickets: [i64; LINES.len()],
    waiting: [BTreeMap<(i64, i64), u32>; LINES.len()],
    closed: [BTreeSet<(i64, [u8; 16], u32)>; LINES.len()],
    pub(crate) held: BTreeMap<u8, BTreeSet<u32>>,
    joined: BTreeMap<u8, BTreeSet<u32>>,
    open: BTreeMap<u16, BTreeSet<u32>>,
    by_taxpayer: BTreeMap<u16, BTreeSet<(i64, [u8; 16], u32)>>,
    by_officer: BTreeMap<u8, BTreeSet<(i64, [u8; 16], u32)>>,
    within: BTreeSet<(i64, [u8; 16], u32)>,
    remembered: BTreeMap<(Who, &'static str, u32), (Deed, Told)>,
    timers: BTreeMap<Ring, Due>,
    /// Timers set since timers began to ring: those ring the next time, if at the same instant.
    set_anew: BTreeSet<Ring>,
    /// Promises that are watched anew since timers began to ring, and whether they were due before.
    set_meanwhile: BTreeMap<u32, bool>,
    forget: Option<Due>,
    deliveries: BTreeMap<u32, Delivery>,
    present: BTreeMap<u8, i64>,
    /// When what an officer holds goes back to its lines.
    attendance: BTreeMap<u8, i64>,
    /// The last session of each who signs in, and those before it.
    sessions: BTreeMap<Who, Vec<Session>>,
    touched: BTreeMap<(Who, usize), i64>,
    ticket: Option<(Who, usize, i64)>,
    ratings: BTreeMap<u32, Rating>,
    follow_ups: BTreeMap<u32, FollowUp>,
    pub(crate) people: People,
    doors: Doors,
    factors: Factors,
    pub(crate) journal: Vec<Event>,
    pub(crate) records: Vec<Record>,
}

const NOT_FOUND: Told = Told::Refused("not_found", 0);
const INVALID: Told = Told::Refused("invalid", 0);
const OVER: Told = Told::Refused("interaction.closed", 0);
const NOT_ITS_OFFICER: Told = Told::Refused("interaction.not_its_officer", 0);

impl Model {
    pub(crate) fn new(
        officers: u8,
        [desks, lines, known_as]: [Vec<[u8; 16]>; 3],
        told_outside: bool,
        directory: Directory,
        now: i64,
    ) -> Self {
        let (at, people) = (Due::at(now), People::of(directory, now));
        Self {
            officers,
            desks,
            lines,
            known_as,
            told_outside,
            people,
            latest: Some(now),
            tickets: [1; LINES.len()],
            forget: Some(at),
            ..Self::default()
        }
    }

    /// The host's time: never earlier than what it has seen.
    pub(crate) fn now(&mut self, at: i64) -> i64 {
        let now = self.latest.map_or(at, |latest| latest.max(at));
        self.latest = Some(now);
        now
    }

    /// The host started again: what was in memory only is gone.
    pub(crate) fn restart(&mut self) {
        self.latest = None;
        self.present.clear();
        self.touched.clear();
    }

    /// The county an officer serves.
    fn county(&self, officer: u8) -> &'static str {
        if officer == self.officers { LINES[2] } else { LINES[0] }
    }

    /// Whether a line is within the supervisor's reach.
    fn is_watched(&self, line: u8) -> bool {
        [LINES[0], LINES[2]].contains(&LINES[usize::from(line)])
    }

    /// Whether an officer supervises where they serve.
    fn is_chief(&self, officer: u8) -> bool {
        officer > self.officers
    }

    /// The lines an officer serves.
    pub(crate) fn serves(&self, officer: u8) -> Vec<u8> {
        (0..LINES.len() as u8).filter(|l| LINES[usize::from(*l)] == self.county(officer)).collect()
    }

    pub(crate) fn staff_no(&self, officer: u8) -> String {
        match officer.checked_sub(self.officers) {
            None => format!("22010{officer:03}"),
            Some(0) => "22010901".into(),
            Some(chief) => format!("2201091{}", chief - 1),
        }
    }

    fn record(&mut self, operation: &'static str, who: Who, subject: Subject, at: i64) {
        self.records.push(Record { operation, who, subject, at });
    }

    /// The list that was written last was written in one piece more: its record stands there once more.
    pub(crate) fn in_another_piece(&mut self) {
        self.records.extend(self.records.last().copied());
    }

    fn event(&mut self, who: Who, at: i64, about: About, kind: &'static str, conversation: Option<u32>, number: Option<i64>) {
        self.journal.push(Event { about, kind, conversation, number, who, at });
    }

    /// Does the deed, as it should be done, and says what should be answered. `id` is what the core named a
    /// conversation that begins.
    pub(crate) fn take(&mut self, step: &Step, id: Option<[u8; 16]>) -> Told {
        let now = self.now(step.at);
        let deed = &step.deed;
        let (who, conversation) = match *deed {
            Deed::Enter { who, label, .. } => (who, Some(label)),
            Deed::Leave { who, conversation }
            | Deed::Send { who, conversation, .. }
            | Deed::Read { who, conversation, .. }
            | Deed::Recall { who, conversation, .. }
            | Deed::Rate { who, conversation, .. }
            | Deed::Rating { who, conversation }
            | Deed::AnswerFollowUp { who, conversation, .. }
            | Deed::Close { who, conversation, .. }
            | Deed::Prioritise { who, conversation }
            | Deed::CallBack { who, conversation }
            | Deed::Transfer { who, conversation, .. }
            | Deed::Hold { who, conversation, .. }
            | Deed::Resume { who, conversation }
            | Deed::Merge { who, conversation, .. }
            | Deed::Join { who, conversation }
            | Deed::StepOut { who, conversation }
            | Deed::Whisper { who, conversation, .. }
            | Deed::Whispers { who, conversation }
            | Deed::Accept { who, conversation }
            | Deed::Decline { who, conversation }
            | Deed::Look { who, conversation }
            | Deed::Messages { who, conversation, .. }
            | Deed::Position { who, conversation }
            | Deed::Transcript { who, conversation }
            | Deed::Review { who, conversation } => (who, Some(conversation)),
            Deed::Claim { who, .. }
            | Deed::Waiting { who, .. }
            | Deed::Mine { who, .. }
            | Deed::List { who, .. }
            | Deed::FollowUps { who, .. }
            | Deed::Follow { who, .. }
            | Deed::Offers { who }
            | Deed::People { who, .. }
            | Deed::Present { who } => (who, None),
            _ => return Told::Done(0), // sessions and the host have calls of their own
        };
        if let Some(refused) = self.refused(who, deed) {
            return refused;
        }
        let label = conversation.unwrap_or(0);
        let operation = operation(deed);
        let repeats = match deed {
            Deed::Transcript { .. } | Deed::Review { .. } => false,
            Deed::People { affair, .. } => matches!(affair, Affair::Release { .. }),
            _ => audited(deed),
        };
        let key = step.key.filter(|_| repeats);
        if let Some((first, told)) = key.and_then(|key| self.remembered.get(&(who, operation, key))) {
            if first != deed {
                return Told::Refused("idempotency.key_reused", 0);
            }
            let still = match deed {
                Deed::Enter { .. } | Deed::Transfer { .. } | Deed::StepOut { .. } | Deed::Recall { .. } => true,
                Deed::People { affair, .. } => self.reaches_either(who, affair),
                Deed::Claim { line, .. } => matches!(who, Who::Officer(n) if self.county(n) == LINES[usize::from(*line)]),
                _ => self.seen(who, deed, label).is_some(),
            };
            return if still { told.clone() } else { NOT_FOUND };
        }
        let told = self.rule(who, step, now, label, id);
        if let Some(key) = key
            && !matches!(told, Told::Refused(..))
        {
            self.remembered.insert((who, operation, key), (*deed, told.clone()));
        }
        told
    }

    fn rule(&mut self, who: Who, step: &Step, now: i64, label: u32, id: Option<[u8; 16]>) -> Told {
        let deed = &step.deed;
        match *deed {
            Deed::People { ref affair, .. } => self.affair(who, affair, now),
            Deed::Enter { line, topic, .. } => self.enter(who, now, (line, topic), label, id),
            Deed::FollowUps { limit, .. } => self.followed_up(who, now, limit),
            Deed::Claim { line, .. } => self.claim(who, now, line),
            Deed::Offers { .. } => self.offers(who, now),
            Deed::Accept { .. } => self.accept(who, deed, now, label),
            Deed::Waiting { line, .. } => match who {
                Who::Officer(n) if self.county(n) == LINES[usize::from(line)] => {
                    let waiting = &self.waiting[usize::from(line)];
                    Told::Line { total: waiting.len() as u32, first: waiting.values().take(10).copied().collect() }
                }
                _ => NOT_FOUND,
            },
            Deed::Mine { limit, .. } => {
                let none = BTreeSet::new();
                let mine = match who {
                    Who::Taxpayer(n) => self.by_taxpayer.get(&n),
                    Who::Officer(n) => self.by_officer.get(&n),
                    _ => None,
                };
                Told::Views(mine.unwrap_or(&none).iter().rev().take(limit as usize).map(|(_, _, l)| self.view(who, *l)).collect())
            }
            Deed::List { limit, .. } => {
                let reached = self.within.iter().rev().map(|(_, _, label)| *label).filter(|label| self.supervises(who, *label));
                Told::Views(reached.take(limit as usize).map(|label| self.view(who, label)).collect())
            }
            Deed::Present { .. } => {
                if let Who::Officer(n) = who {
                    self.present.insert(n, now + PRESENCE);
                    self.attend(n, now);
                }
                Told::Done(0)
            }
            Deed::Send { text, .. } | Deed::Whisper { text, .. } if text == u32::MAX => INVALID,
            Deed::Read { number, .. } if number < 1 => INVALID,
            Deed::Merge { other, .. } if other == label => INVALID,
            _ => {
                if self.seen(who, deed, label).is_none() {
                    return NOT_FOUND;
                }
                if let Deed::Transfer { to, .. } = *deed
                    && let Some(nowhere) = self.leads_nowhere(who, to)
                {
                    return nowhere;
                }
                self.within_conversation(who, step, now, label)
            }
        }
    }

    /// What forbids somebody who sees a conversation to do what only its officer does.
    fn not_had(&self, who: Who, deed: &Deed, label: u32) -> Option<Told> {
        let its_officers =
            matches!(deed, Deed::Close { .. } | Deed::Transfer { .. } | Deed::Hold { .. } | Deed::Resume { .. } | Deed::Merge { .. });
        let c = &self.conversations[&label];
        match c.state {
            State::Active if !its_officers || c.officer.map(Who::Officer) == Some(who) => None,
            State::Active => Some(NOT_ITS_OFFICER),
            _ => its_officers.then_some(OVER),
        }
    }

    fn within_conversation(&mut self, who: Who, step: &Step, now: i64, label: u32) -> Told {
        if let Some(refused) = self.not_had(who, &step.deed, label) {
            return refused;
        }
        match step.deed {
            Deed::Look { .. } => Told::View(Box::new(self.view(who, label))),
            Deed::Messages { after, .. } => Told::Messages(self.words(who, label, after, false)),
            Deed::Position { .. } => self.place(now, label),
            Deed::Transcript { .. } | Deed::Review { .. } => {
                self.record(operation(&step.deed), who, Subject::Conversation(label), now);
                self.transcript(who, label, matches!(step.deed, Deed::Review { .. }))
            }
            Deed::Send { text, quotes, .. } => self.send(who, now, label, (text, quotes), step.key),
            Deed::Read { number, .. } => self.read(who, now, label, number),
            Deed::Close { outcome, .. } => {
                let outcome = OUTCOMES[usize::from(outcome) % OUTCOMES.len()];
                self.end(who, now, label, outcome);
                self.record("interaction.close", who, Subject::Conversation(label), now);
                Told::Closed { conversation: label, outcome: Some(outcome) }
            }
            Deed::Recall { number, .. } => self.recall(who, now, label, number),
            Deed::Rate { grade, .. } => self.rate(who, now, label, grade),
            Deed::Rating { .. } => self.rating(now, label),
            Deed::AnswerFollowUp { text, .. } => self.answer_follow_up(who, now, label, text),
            Deed::Leave { .. } => self.leave(who, now, label),
            Deed::Prioritise { .. } => self.prioritise(who, now, label),
            Deed::CallBack { .. } => self.call_back(who, now, label),
            Deed::Transfer { to, .. } => self.transfer(who, now, label, to),
            Deed::Hold { minutes, .. } => self.hold(who, now, label, minutes),
            Deed::Resume { .. } => self.resume(who, now, label),
            Deed::Merge { other, .. } => self.merge(who, now, label, other),
            Deed::Join { .. } => self.join(who, now, label),
            Deed::StepOut { .. } => self.step_out(who, now, label),
            Deed::Whisper { text, .. } => self.whisper(who, now, label, text),
            Deed::Whispers { .. } => Told::Whispers(self.remarks(who, label)),
            Deed::Decline { .. } => self.decline(who, now, label),
            _ => NOT_FOUND,
        }
    }

    /// The observer read a page of the audit trail, which leaves a record.
    pub(crate) fn trail_read(&mut self, now: i64) {
        self.record("audit.read", Who::System, Subject::Trail, now);
    }
}
