//! What should happen: the rules of human interaction once more, as plainly as they can be said. No code of the core
//! is used here. Each deed is told what it should be answered, and what the journal and the audit trail should hold.

pub(crate) mod people;

use std::collections::{BTreeMap, BTreeSet};

use super::directory::Directory;
use super::stage::{CAPACITY, LINES, text};
use super::step::{Affair, Deed, Step, Who};
use people::{Card, Face, Line, People};

const MINUTE: i64 = 60 * SECOND;
const SECOND: i64 = 1_000_000;
const IDLE: i64 = 30 * MINUTE;
const SESSION_AGE: i64 = 12 * 60 * MINUTE;
const LEASE: i64 = MINUTE;
const PRESENCE: i64 = 45 * SECOND;
const FORGET_EVERY: i64 = 60 * MINUTE;
/// Rows of one lease of deliveries.
pub(crate) const LEASE_ROWS: usize = 32;
pub(crate) const OUTCOMES: [&str; 3] = ["resolved", "unresolved", "no_answer"];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum State {
    Waiting,
    Active,
    Closed,
    Left,
}

/// What somebody is told.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(crate) enum Told {
    Refused(&'static str, i64),
    Entered {
        ticket: i64,
    },
    Claimed {
        conversation: u32,
        ticket: i64,
    },
    Sent {
        number: i64,
        at: i64,
    },
    Moved(u64),
    Done(u32),
    Closed {
        conversation: u32,
        outcome: Option<&'static str>,
    },
    View(Box<View>),
    Views(Vec<View>),
    Messages(Vec<Words>),
    Place {
        state: State,
        wait: Option<Wait>,
    },
    Line {
        total: u32,
        first: Vec<u32>,
    },
    Transcript(Box<View>, Vec<Words>, Vec<(&'static str, i64, Who, Option<i64>)>),
    Events {
        shown: Vec<(usize, Option<String>)>,
        more: bool,
    },
    Session(bool),
    /// How many rows of a list changed something.
    List(u64),
    Released(i64),
    Whose(Option<u16>),
    Face(Box<Face>),
    Relations(Vec<Line>),
    Card(Box<Card>),
    Revealed(Option<String>),
}

/// A conversation as somebody sees it.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(crate) struct View {
    pub(crate) conversation: u32,
    pub(crate) line: u8,
    pub(crate) state: State,
    pub(crate) topic: String,
    pub(crate) taxpayer: u16,
    pub(crate) staff_no: Option<String>,
    pub(crate) ticket: i64,
    pub(crate) times: [Option<i64>; 3],
    pub(crate) outcome: Option<&'static str>,
    /// Last number, what the taxpayer read, what the officer read, what the caller did not.
    pub(crate) numbers: [i64; 4],
}

/// A message as somebody sees it.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(crate) struct Words {
    pub(crate) number: i64,
    pub(crate) by_taxpayer: bool,
    pub(crate) mine: bool,
    pub(crate) key: Option<u32>,
    pub(crate) text: String,
    pub(crate) at: i64,
}

/// Where somebody stands and how long it may take.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(crate) struct Wait {
    pub(crate) ahead: u32,
    pub(crate) officers: u32,
    pub(crate) low_s: u64,
    pub(crate) high_s: u64,
    pub(crate) sample: u32,
}

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
    Session,
    SocketTicket,
    Trail,
    List,
    Relation(u16, u8, u16),
    Field(u16, u8),
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
}

/// Something that falls due; after a fault it may be known only between two instants.
#[derive(Clone, Copy, Debug)]
struct Due {
    low: i64,
    high: i64,
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
    started: i64,
    written: i64,
    ended: bool,
}

/// Everything that should be.
#[derive(Default)]
pub(crate) struct Model {
    officers: u8,
    told_outside: bool,
    /// The latest instant this host has seen.
    latest: Option<i64>,
    pub(crate) conversations: BTreeMap<u32, Conversation>,
    tickets: [i64; LINES.len()],
    waiting: [BTreeMap<(i64, i64), u32>; LINES.len()],
    closed: [BTreeSet<(i64, [u8; 16], u32)>; LINES.len()],
    pub(crate) held: BTreeMap<u8, BTreeSet<u32>>,
    open: BTreeMap<u16, BTreeSet<u32>>,
    by_taxpayer: BTreeMap<u16, BTreeSet<(i64, [u8; 16], u32)>>,
    by_officer: BTreeMap<u8, BTreeSet<(i64, [u8; 16], u32)>>,
    within: BTreeSet<(i64, [u8; 16], u32)>,
    remembered: BTreeMap<(Who, &'static str, u32), (Deed, Told)>,
    timers: BTreeMap<u32, Due>,
    forget: Option<Due>,
    deliveries: BTreeMap<u32, Delivery>,
    present: BTreeMap<u8, i64>,
    /// The last session of each who signs in, and those before it.
    sessions: BTreeMap<Who, Vec<Session>>,
    touched: BTreeMap<(Who, usize), i64>,
    ticket: Option<(Who, usize, i64)>,
    pub(crate) people: People,
    pub(crate) journal: Vec<Event>,
    pub(crate) records: Vec<Record>,
}

fn word(state: State) -> &'static str {
    match state {
        State::Waiting => "waiting",
        State::Active => "active",
        State::Closed => "closed",
        State::Left => "left",
    }
}

impl State {
    pub(crate) fn of(name: &str) -> Option<Self> {
        [Self::Waiting, Self::Active, Self::Closed, Self::Left].into_iter().find(|s| word(*s) == name)
    }
}

/// The operation behind a deed, as the audit trail names it.
fn operation(deed: &Deed) -> &'static str {
    match deed {
        Deed::Enter { .. } => "interaction.enter",
        Deed::Leave { .. } => "interaction.leave",
        Deed::Claim { .. } => "interaction.claim",
        Deed::Send { .. } => "interaction.send",
        Deed::Close { .. } => "interaction.close",
        Deed::Prioritise { .. } => "interaction.prioritise",
        Deed::Transcript { .. } => "interaction.transcript",
        Deed::Review { .. } => "interaction.review",
        Deed::SignIn { .. } => "access.sign_in",
        Deed::SignOut { .. } => "access.sign_out",
        Deed::IssueTicket { .. } => "access.issue_ticket",
        Deed::People { affair, .. } => people::operation(affair),
        _ => "",
    }
}

/// Whether a deed leaves a record when it is done.
pub(crate) fn audited(deed: &Deed) -> bool {
    !operation(deed).is_empty()
}

const NOT_FOUND: Told = Told::Refused("not_found", 0);
const INVALID: Told = Told::Refused("invalid", 0);
const OVER: Told = Told::Refused("interaction.closed", 0);

impl Model {
    pub(crate) fn new(officers: u8, told_outside: bool, directory: Directory, now: i64) -> Self {
        let (at, people) = (Due { low: now, high: now }, People::of(directory, now));
        Self { officers, told_outside, people, latest: Some(now), tickets: [1; LINES.len()], forget: Some(at), ..Self::default() }
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
        if officer < self.officers { LINES[0] } else { LINES[2] }
    }

    /// The lines an officer serves.
    pub(crate) fn serves(&self, officer: u8) -> Vec<u8> {
        (0..LINES.len() as u8).filter(|l| LINES[usize::from(*l)] == self.county(officer)).collect()
    }

    fn staff_no(&self, officer: u8) -> String {
        if officer < self.officers { format!("22010{officer:03}") } else { "22010901".into() }
    }

    /// Who may call at all.
    fn refused(who: Who, deed: &Deed) -> Option<Told> {
        let by_taxpayer = matches!(
            deed,
            Deed::Enter { .. }
                | Deed::Leave { .. }
                | Deed::Send { .. }
                | Deed::Read { .. }
                | Deed::Look { .. }
                | Deed::Messages { .. }
                | Deed::Position { .. }
                | Deed::Mine { .. }
                | Deed::Transcript { .. }
                | Deed::Follow { .. }
        );
        let by_officer = matches!(
            deed,
            Deed::Claim { .. }
                | Deed::Send { .. }
                | Deed::Read { .. }
                | Deed::Close { .. }
                | Deed::Look { .. }
                | Deed::Messages { .. }
                | Deed::Position { .. }
                | Deed::Waiting { .. }
                | Deed::Mine { .. }
                | Deed::Transcript { .. }
                | Deed::Present { .. }
                | Deed::Follow { .. }
        );
        let may = match (who, deed) {
            (Who::Nobody, _) => return Some(Told::Refused("access.sign_in_required", 0)),
            (_, Deed::People { affair, .. }) => people::may(who, affair),
            (Who::Taxpayer(_), _) => by_taxpayer,
            (Who::Officer(_), _) => by_officer,
            (Who::Supervisor, _) => {
                matches!(deed, Deed::Prioritise { .. } | Deed::List { .. } | Deed::Review { .. } | Deed::Follow { .. })
            }
            (Who::IdleHand, _) => matches!(deed, Deed::Follow { .. }),
            (Who::System | Who::Outsider, _) => false,
        };
        (!may).then_some(Told::Refused("access.denied", 0))
    }

    /// The conversation, if the caller may know of it.
    fn seen(&self, who: Who, deed: &Deed, label: u32) -> Option<&Conversation> {
        let c = self.conversations.get(&label)?;
        let county = LINES[usize::from(c.line)];
        let sees = match who {
            Who::Taxpayer(n) => c.taxpayer == n,
            Who::Officer(n) => {
                let area = matches!(deed, Deed::Look { .. } | Deed::Position { .. }) && self.county(n) == county;
                let own = !matches!(deed, Deed::Position { .. }) && c.officer == Some(n);
                area || own
            }
            Who::Supervisor => county == LINES[0] || county == LINES[2],
            _ => false,
        };
        sees.then_some(c)
    }

    fn record(&mut self, operation: &'static str, who: Who, subject: Subject, at: i64) {
        self.records.push(Record { operation, who, subject, at });
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
            | Deed::Close { who, conversation, .. }
            | Deed::Prioritise { who, conversation }
            | Deed::Look { who, conversation }
            | Deed::Messages { who, conversation, .. }
            | Deed::Position { who, conversation }
            | Deed::Transcript { who, conversation }
            | Deed::Review { who, conversation } => (who, Some(conversation)),
            Deed::Claim { who, .. }
            | Deed::Waiting { who, .. }
            | Deed::Mine { who, .. }
            | Deed::List { who, .. }
            | Deed::Follow { who, .. }
            | Deed::People { who, .. }
            | Deed::Present { who } => (who, None),
            _ => return Told::Done(0), // sessions and the host have calls of their own
        };
        if let Some(refused) = Self::refused(who, deed) {
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
                Deed::Enter { .. } => true,
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
            Deed::Enter { line, .. } => self.enter(who, now, line, label, id),
            Deed::Claim { line, .. } => self.claim(who, now, line),
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
                Told::Views(self.within.iter().rev().take(limit as usize).map(|(_, _, l)| self.view(who, *l)).collect())
            }
            Deed::Present { .. } => {
                if let Who::Officer(n) = who {
                    self.present.insert(n, now + PRESENCE);
                }
                Told::Done(0)
            }
            Deed::Send { text, .. } if text == u32::MAX => INVALID,
            Deed::Read { number, .. } if number < 1 => INVALID,
            _ => {
                if self.seen(who, deed, label).is_none() {
                    return NOT_FOUND;
                }
                self.within_conversation(who, step, now, label)
            }
        }
    }

    fn enter(&mut self, who: Who, now: i64, line: u8, label: u32, id: Option<[u8; 16]>) -> Told {
        let Who::Taxpayer(taxpayer) = who else { return NOT_FOUND };
        let same = self.open.get(&taxpayer).and_then(|open| open.iter().find(|l| self.conversations[l].line == line));
        if let Some(same) = same {
            return Told::Refused("interaction.already_in_line", i64::from(*same));
        }
        let Some(id) = id else { return Told::Refused("an id was expected", 0) };
        let ticket = self.tickets[usize::from(line)];
        self.tickets[usize::from(line)] += 1;
        self.conversations.insert(
            label,
            Conversation {
                id,
                line,
                taxpayer,
                officer: None,
                state: State::Waiting,
                rank: 0,
                ticket,
                entered_at: now,
                claimed_at: None,
                ended_at: None,
                active_at: now,
                outcome: None,
                messages: Vec::new(),
                taxpayer_read: 0,
                officer_read: 0,
            },
        );
        self.waiting[usize::from(line)].insert((0, ticket), label);
        self.open.entry(taxpayer).or_default().insert(label);
        self.by_taxpayer.entry(taxpayer).or_default().insert((now, id, label));
        if line < 3 {
            self.within.insert((now, id, label));
        }
        self.event(who, now, About::Taxpayer(taxpayer), "conversation.entered", Some(label), None);
        self.event(who, now, About::Conversation(label), "conversation.entered", Some(label), None);
        self.event(who, now, About::Line(line), "line.moved", None, None);
        self.record("interaction.enter", who, Subject::Conversation(label), now);
        Told::Entered { ticket }
    }

    fn claim(&mut self, who: Who, now: i64, line: u8) -> Told {
        let Who::Officer(me) = who else { return NOT_FOUND };
        let holding = self.held.get(&me).map_or(0, BTreeSet::len);
        if holding >= CAPACITY {
            return Told::Refused("interaction.at_capacity", holding as i64);
        }
        if self.county(me) != LINES[usize::from(line)] {
            return NOT_FOUND;
        }
        let Some((_, label)) = self.waiting[usize::from(line)].pop_first() else {
            return Told::Refused("interaction.nobody_waiting", 0);
        };
        let Some(c) = self.conversations.get_mut(&label) else { return NOT_FOUND };
        // Time never goes back within a conversation.
        let at = now.max(c.active_at);
        (c.state, c.officer, c.claimed_at, c.active_at) = (State::Active, Some(me), Some(at), at);
        let (place, ticket) = ((c.entered_at, c.id, label), c.ticket);
        self.held.entry(me).or_default().insert(label);
        self.by_officer.entry(me).or_default().insert(place);
        self.timers.insert(label, Due { low: now + IDLE, high: now + IDLE });
        self.event(who, now, About::Officer(me), "conversation.claimed", Some(label), None);
        self.event(who, now, About::Conversation(label), "conversation.claimed", Some(label), None);
        self.event(who, now, About::Line(line), "line.moved", None, None);
        self.record("interaction.claim", who, Subject::Conversation(label), now);
        Told::Claimed { conversation: label, ticket }
    }

    fn within_conversation(&mut self, who: Who, step: &Step, now: i64, label: u32) -> Told {
        match step.deed {
            Deed::Look { .. } => Told::View(Box::new(self.view(who, label))),
            Deed::Messages { after, .. } => Told::Messages(self.words(who, label, after)),
            Deed::Position { .. } => self.place(now, label),
            Deed::Transcript { .. } | Deed::Review { .. } => {
                self.record(operation(&step.deed), who, Subject::Conversation(label), now);
                self.transcript(who, label)
            }
            Deed::Send { text, .. } => self.send(who, now, label, text, step.key),
            Deed::Read { number, .. } => self.read(who, now, label, number),
            Deed::Close { outcome, .. } => {
                if self.conversations[&label].state != State::Active {
                    return OVER;
                }
                let outcome = OUTCOMES[usize::from(outcome) % OUTCOMES.len()];
                self.end(who, now, label, outcome);
                self.record("interaction.close", who, Subject::Conversation(label), now);
                Told::Closed { conversation: label, outcome: Some(outcome) }
            }
            Deed::Leave { .. } => self.leave(who, now, label),
            Deed::Prioritise { .. } => self.prioritise(who, now, label),
            _ => NOT_FOUND,
        }
    }

    fn send(&mut self, who: Who, now: i64, label: u32, text: u32, key: Option<u32>) -> Told {
        let Some(c) = self.conversations.get_mut(&label) else { return NOT_FOUND };
        if matches!(c.state, State::Closed | State::Left) {
            return OVER;
        }
        let at = now.max(c.active_at);
        c.messages.push(Message { who, key, text, at });
        let number = c.messages.len() as i64;
        c.active_at = at;
        match who {
            Who::Taxpayer(_) => c.taxpayer_read = number,
            _ => c.officer_read = number,
        }
        self.event(who, now, About::Conversation(label), "message.sent", Some(label), Some(number));
        self.record("interaction.send", who, Subject::Message(label, number), now);
        Told::Sent { number, at }
    }

    fn read(&mut self, who: Who, now: i64, label: u32, number: i64) -> Told {
        let Some(c) = self.conversations.get_mut(&label) else { return NOT_FOUND };
        let number = number.min(c.messages.len() as i64);
        let mark = if matches!(who, Who::Taxpayer(_)) { &mut c.taxpayer_read } else { &mut c.officer_read };
        if number <= *mark {
            return Told::Moved(0);
        }
        *mark = number;
        self.event(who, now, About::Conversation(label), "messages.read", Some(label), Some(number));
        Told::Moved(1)
    }

    fn leave(&mut self, who: Who, now: i64, label: u32) -> Told {
        let Some(c) = self.conversations.get_mut(&label) else { return NOT_FOUND };
        match c.state {
            State::Waiting => {}
            State::Active => return Told::Refused("interaction.already_served", 0),
            State::Closed | State::Left => return OVER,
        }
        c.state = State::Left;
        c.ended_at = Some(now.max(c.active_at));
        let (line, place, taxpayer) = (c.line, (c.rank, c.ticket), c.taxpayer);
        self.waiting[usize::from(line)].remove(&place);
        self.close_for(taxpayer, label);
        self.event(who, now, About::Conversation(label), "conversation.left", Some(label), None);
        self.event(who, now, About::Taxpayer(taxpayer), "conversation.left", Some(label), None);
        self.event(who, now, About::Line(line), "line.moved", None, None);
        self.record("interaction.leave", who, Subject::Conversation(label), now);
        Told::Done(label)
    }

    fn prioritise(&mut self, who: Who, now: i64, label: u32) -> Told {
        let Some(c) = self.conversations.get_mut(&label) else { return NOT_FOUND };
        match c.state {
            State::Waiting => {}
            State::Active => return Told::Refused("interaction.already_served", 0),
            State::Closed | State::Left => return OVER,
        }
        if c.rank != -1 {
            let line = c.line;
            let ticket = c.ticket;
            let before = std::mem::replace(&mut c.rank, -1);
            self.waiting[usize::from(line)].remove(&(before, ticket));
            self.waiting[usize::from(line)].insert((-1, ticket), label);
            self.event(who, now, About::Conversation(label), "conversation.prioritised", Some(label), None);
            self.event(who, now, About::Line(line), "line.moved", None, None);
        }
        self.record("interaction.prioritise", who, Subject::Conversation(label), now);
        Told::Done(label)
    }

    fn close_for(&mut self, taxpayer: u16, label: u32) {
        if let Some(open) = self.open.get_mut(&taxpayer) {
            open.remove(&label);
        }
    }

    fn end(&mut self, who: Who, now: i64, label: u32, outcome: &'static str) {
        let Some(c) = self.conversations.get_mut(&label) else { return };
        let at = now.max(c.active_at);
        (c.state, c.ended_at, c.outcome) = (State::Closed, Some(at), Some(outcome));
        let (taxpayer, officer, line, id) = (c.taxpayer, c.officer, c.line, c.id);
        self.closed[usize::from(line)].insert((at, id, label));
        self.close_for(taxpayer, label);
        self.event(who, now, About::Conversation(label), "conversation.closed", Some(label), None);
        self.event(who, now, About::Taxpayer(taxpayer), "conversation.closed", Some(label), None);
        if let Some(officer) = officer {
            self.held.entry(officer).or_default().remove(&label);
            self.event(who, now, About::Officer(officer), "conversation.closed", Some(label), None);
        }
        if self.told_outside {
            let due = Due { low: now, high: now };
            self.deliveries.insert(label, Delivery { due, attempts: (0, 0), perhaps_done: false, outcome });
        }
    }

    pub(crate) fn view(&self, who: Who, label: u32) -> View {
        let c = &self.conversations[&label];
        let last = c.messages.len() as i64;
        let unread = match who {
            Who::Taxpayer(_) => last - c.taxpayer_read,
            Who::Officer(n) if c.officer == Some(n) => last - c.officer_read,
            _ => 0,
        };
        View {
            conversation: label,
            line: c.line,
            state: c.state,
            topic: text(label),
            taxpayer: c.taxpayer,
            staff_no: c.officer.map(|n| self.staff_no(n)),
            ticket: c.ticket,
            times: [Some(c.entered_at), c.claimed_at, c.ended_at],
            outcome: c.outcome,
            numbers: [last, c.taxpayer_read, c.officer_read, unread],
        }
    }

    fn words(&self, who: Who, label: u32, after: i64) -> Vec<Words> {
        let all = self.conversations[&label].messages.iter().zip(1i64..);
        all.filter(|(_, number)| *number > after)
            .map(|(m, number)| Words {
                number,
                by_taxpayer: matches!(m.who, Who::Taxpayer(_)),
                mine: m.who == who,
                key: m.key,
                text: text(m.text),
                at: m.at,
            })
            .collect()
    }

    fn place(&self, now: i64, label: u32) -> Told {
        let c = &self.conversations[&label];
        if c.state != State::Waiting {
            return Told::Place { state: c.state, wait: None };
        }
        let line = usize::from(c.line);
        let ahead = self.waiting[line].range(..(c.rank, c.ticket)).count() as u32;
        let officers = self.present.iter().filter(|(n, until)| now < **until && self.county(**n) == LINES[line]).count() as u32;
        let done = self.closed[line].iter().rev().take(20).map(|(_, _, l)| &self.conversations[l]);
        let mut seconds: Vec<i64> = done.map(|c| c.ended_at.unwrap_or(0) - c.claimed_at.unwrap_or(0)).collect();
        seconds.sort_unstable();
        let at = |share: usize| seconds.get(seconds.len() * share / 10).map_or(8 * 60, |us| (us / SECOND) as u64);
        let turns = u64::from(ahead.div_ceil(officers.max(1)));
        let wait = Wait { ahead, officers, low_s: turns * at(5), high_s: turns * at(9), sample: seconds.len() as u32 };
        Told::Place { state: c.state, wait: Some(wait) }
    }

    fn transcript(&self, who: Who, label: u32) -> Told {
        let about = About::Conversation(label);
        // Entering is the first event; searching from the end of a long journal would take longer.
        let events = self.journal.iter().filter(|e| e.about == about).map(|e| (e.kind, e.at, e.who, e.number)).collect();
        Told::Transcript(Box::new(self.view(who, label)), self.words(who, label, 0), events)
    }

    /// What somebody follows who has read the journal up to `since`.
    fn follows(&self, who: Who, since: usize) -> BTreeSet<About> {
        let mut topics = BTreeSet::new();
        let desk = match who {
            Who::Taxpayer(n) => {
                for label in self.open.get(&n).into_iter().flatten() {
                    topics.extend([About::Conversation(*label), About::Line(self.conversations[label].line)]);
                }
                About::Taxpayer(n)
            }
            Who::Officer(n) => {
                topics.extend(self.held.get(&n).into_iter().flatten().map(|l| About::Conversation(*l)));
                topics.extend(self.serves(n).into_iter().map(About::Line));
                About::Officer(n)
            }
            _ => return topics,
        };
        let away = self.journal[since..].iter().filter(|e| e.about == desk);
        topics.extend(away.filter_map(|e| e.conversation).map(About::Conversation));
        topics.insert(desk);
        topics
    }

    /// The events somebody should be shown behind `since`, and where they are then.
    pub(crate) fn follow(&self, who: Who, since: usize, max: usize) -> (BTreeSet<About>, Told, usize) {
        let topics = self.follows(who, since);
        let mut found = self.journal.iter().enumerate().skip(since).filter(|(_, e)| topics.contains(&e.about)).map(|(i, _)| i);
        let page: Vec<usize> = found.by_ref().take(max).collect();
        let place = page.last().map_or(since, |last| last + 1);
        let more = page.len() >= max;
        let shown = page.into_iter().filter(|i| {
            let e = &self.journal[*i];
            matches!(e.about, About::Conversation(_)) || !matches!(e.kind, "conversation.closed" | "conversation.left")
        });
        let shown = shown.map(|i| (i, self.said(&self.journal[i]))).collect();
        (topics, Told::Events { shown, more }, place)
    }

    fn said(&self, event: &Event) -> Option<String> {
        let (Some(label), Some(number), "message.sent") = (event.conversation, event.number, event.kind) else { return None };
        let message = self.conversations[&label].messages.get(usize::try_from(number - 1).ok()?)?;
        Some(text(message.text))
    }

    // Timers.

    /// Conversations whose timer must ring now, and those whose timer may.
    pub(crate) fn due(&self, now: i64) -> (BTreeSet<u32>, BTreeSet<u32>) {
        let by = |end: fn(&Due) -> i64| self.timers.iter().filter(move |(_, due)| end(due) <= now).map(|(l, _)| *l).collect();
        (by(|due| due.high), by(|due| due.low))
    }

    /// The timer of a conversation rang.
    pub(crate) fn ring(&mut self, now: i64, label: u32) {
        self.timers.remove(&label);
        let c = &self.conversations[&label];
        let idle_at = c.active_at + IDLE;
        if c.state == State::Active {
            if now < idle_at {
                self.timers.insert(label, Due { low: idle_at, high: idle_at });
            } else {
                self.end(Who::System, now, label, "idle");
            }
        }
        self.record("interaction.close_idle", Who::System, Subject::Conversation(label), now);
    }

    /// Timers that may have rung and did not: leased by a run that was struck, so no earlier than its lease.
    pub(crate) fn not_rung(&mut self, now: i64, struck: bool) {
        for due in self.timers.values_mut().filter(|due| due.low <= now) {
            if struck {
                due.high = due.high.max(now + LEASE);
            } else {
                due.low = now + 1;
            }
        }
    }

    /// How often, at least and at most, the housekeeping timer rings in a run that went well; then it is set again.
    pub(crate) fn forgets(&mut self, now: i64, rung: Option<bool>) -> (u32, u32) {
        let Some(due) = self.forget else { return (0, 0) };
        let counts = (u32::from(due.high <= now), u32::from(due.low <= now));
        self.forget = Some(match rung {
            Some(true) => Due { low: now + FORGET_EVERY, high: now + FORGET_EVERY },
            Some(false) if due.low <= now => Due { low: now + 1, high: due.high },
            None if due.low <= now => Due { low: due.low, high: now + FORGET_EVERY },
            _ => due,
        });
        counts
    }

    // Deliveries.

    /// Says what is wrong with a lease, or takes it in.
    pub(crate) fn leased(&mut self, now: i64, leased: &[(u32, &str)]) -> Result<(), String> {
        let must = self.deliveries.iter().filter(|(_, d)| !d.perhaps_done && d.due.high <= now).count();
        if leased.len() < must.min(LEASE_ROWS) {
            return Err(format!("{must} deliveries are due, {} were leased", leased.len()));
        }
        for (label, outcome) in leased {
            let Some(d) = self.deliveries.get_mut(label) else { return Err(format!("#{label} was delivered already")) };
            if d.due.low > now {
                return Err(format!("the delivery of #{label} is not due"));
            }
            if d.outcome != *outcome {
                return Err(format!("#{label} was closed as {}, the delivery says {outcome}", d.outcome));
            }
            *d = Delivery {
                due: Due { low: now + LEASE, high: now + LEASE },
                attempts: (d.attempts.0 + 1, d.attempts.1 + 1),
                perhaps_done: false,
                ..*d
            };
        }
        if leased.len() < LEASE_ROWS {
            // Whatever was due is among them: what is not was settled, or is leased still.
            self.deliveries.retain(|_, d| !(d.perhaps_done && d.due.high <= now));
            self.deliveries.values_mut().filter(|d| d.due.low <= now).for_each(|d| d.due.low = now + 1);
        }
        Ok(())
    }

    /// A lease was struck: nobody knows whether what was due is leased now.
    pub(crate) fn lease_lost(&mut self, now: i64) {
        for d in self.deliveries.values_mut().filter(|d| d.due.low <= now) {
            d.due.high = d.due.high.max(now + LEASE);
            d.attempts.1 += 1;
        }
    }

    /// A delivery was settled, or perhaps. Answers the state it should have.
    pub(crate) fn settled(&mut self, now: i64, label: u32, well: bool, sure: bool) -> &'static str {
        let Some(d) = self.deliveries.get_mut(&label) else { return "unknown" };
        let wait = |attempts: u32| ((2 * SECOND) << (attempts.clamp(1, 20) - 1)).min(60 * MINUTE);
        match (well, sure) {
            (true, true) => {
                self.deliveries.remove(&label);
                return "delivered";
            }
            (true, false) => d.perhaps_done = true,
            (false, _) => {
                let (low, high) = (now + wait(d.attempts.0), now + wait(d.attempts.1));
                d.due = if sure { Due { low, high } } else { Due { low: low.min(d.due.low), high: high.max(d.due.high) } };
            }
        }
        "pending"
    }

    // Sessions.

    fn is_open(who: Who, s: &Session, seen: i64, now: i64) -> bool {
        let idle = if matches!(who, Who::Officer(_)) { 15 * MINUTE } else { 30 * MINUTE };
        !s.ended && now < s.started + SESSION_AGE && now < seen + idle
    }

    /// A session begins; an officer's others end, of a taxpayer's all but two.
    pub(crate) fn signed_in(&mut self, at: i64, who: Who) {
        let now = self.now(at);
        let keep = if matches!(who, Who::Officer(_)) { 0 } else { 2 };
        let all = self.sessions.entry(who).or_default();
        let open: Vec<usize> = (0..all.len()).rev().filter(|i| Self::is_open(who, &all[*i], all[*i].written, now)).collect();
        open.into_iter().skip(keep).for_each(|i| all[i].ended = true);
        all.push(Session { started: now, written: now, ended: false });
        self.record("access.sign_in", Who::Nobody, Subject::Session, now);
    }

    /// The last session of somebody, where there is one, and whether it still stands.
    fn last(&self, who: Who, now: i64) -> Option<(usize, bool)> {
        let all = self.sessions.get(&who)?;
        let n = all.len().checked_sub(1)?;
        let seen = self.touched.get(&(who, n)).copied().unwrap_or(0).max(all[n].written);
        Some((n, Self::is_open(who, &all[n], seen, now)))
    }

    /// Whether somebody's last session stands; used, and noted where it counts as use.
    pub(crate) fn used(&mut self, at: i64, who: Who, writes: bool) -> bool {
        let now = self.now(at);
        let Some((n, open)) = self.last(who, now) else { return false };
        let seen = self.touched.get(&(who, n)).copied().unwrap_or(0).max(self.sessions[&who][n].written);
        if open && (writes || !matches!(who, Who::Officer(_))) && now - seen >= MINUTE {
            self.touched.insert((who, n), now);
        }
        open
    }

    /// Writes down what was used; how many sessions that moved.
    pub(crate) fn wrote_touches(&mut self, at: i64) -> u64 {
        self.now(at);
        let mut moved = 0;
        for ((who, n), at) in std::mem::take(&mut self.touched) {
            if let Some(s) = self.sessions.get_mut(&who).and_then(|all| all.get_mut(n))
                && !s.ended
                && s.written < at
            {
                s.written = at;
                moved += 1;
            }
        }
        moved
    }

    /// A ticket for the last session, where it stands by what is written down.
    pub(crate) fn ticket_issued(&mut self, at: i64, who: Who) -> bool {
        let now = self.now(at);
        let Some(n) = self.sessions.get(&who).and_then(|all| all.len().checked_sub(1)) else { return false };
        let s = &self.sessions[&who][n];
        if !Self::is_open(who, s, s.written, now) {
            return false;
        }
        self.ticket = Some((who, n, now + 30 * SECOND));
        self.record("access.issue_ticket", who, Subject::SocketTicket, now);
        true
    }

    /// Whether the last ticket opens a socket, and whose.
    pub(crate) fn redeemed(&mut self, at: i64) -> Option<Who> {
        let now = self.now(at);
        let (who, n, until) = self.ticket?;
        let s = &self.sessions[&who][n];
        // The transaction that finds the session closed is taken back, and the ticket with it.
        if until <= now || !Self::is_open(who, s, s.written, now) {
            return None;
        }
        self.ticket = None;
        Some(who)
    }

    /// The last session ends.
    pub(crate) fn signed_out(&mut self, at: i64, who: Who) {
        let now = self.now(at);
        if let Some(s) = self.sessions.get_mut(&who).and_then(|all| all.last_mut()) {
            s.ended = true;
        }
        self.record("access.sign_out", who, Subject::Session, now);
    }

    /// The observer read a page of the audit trail, which leaves a record.
    pub(crate) fn trail_read(&mut self, now: i64) {
        self.record("audit.read", Who::System, Subject::Trail, now);
    }

    // What the crowd looks at to decide what to do next.

    pub(crate) fn waiting_in(&self, line: u8) -> usize {
        self.waiting[usize::from(line)].len()
    }

    /// Everybody who waits.
    pub(crate) fn all_waiting(&self) -> Vec<u32> {
        self.waiting.iter().flat_map(|line| line.values().copied()).collect()
    }

    pub(crate) fn holds(&self, officer: u8) -> usize {
        self.held.get(&officer).map_or(0, BTreeSet::len)
    }

    pub(crate) fn last_number(&self, label: u32) -> i64 {
        self.conversations.get(&label).map_or(0, |c| c.messages.len() as i64)
    }

    /// Everything within the supervisor's reach, newest first.
    pub(crate) fn everything(&self, who: Who) -> Vec<View> {
        self.within.iter().rev().map(|(_, _, l)| self.view(who, *l)).collect()
    }

    pub(crate) fn closed_count(&self) -> usize {
        self.closed.iter().map(BTreeSet::len).sum()
    }

    /// What is not finished: nothing, once the world has healed.
    pub(crate) fn unfinished(&self) -> Vec<String> {
        let mut left: Vec<String> = self.all_waiting().into_iter().map(|l| format!("#{l} waits")).collect();
        left.extend(self.held.values().flatten().map(|l| format!("#{l} is with an officer")));
        left.extend(self.timers.keys().map(|l| format!("the timer of #{l} is set")));
        left.extend(self.deliveries.keys().map(|l| format!("#{l} is not delivered")));
        left
    }
}
