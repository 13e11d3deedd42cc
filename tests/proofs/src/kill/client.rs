//! A client: writes one thing after another, remembers what it sent and what was acknowledged, and after each
//! restart compares that with what the host shows.
//!
//! It asks one thing at a time, so at most one write is unanswered when the host dies, and everything it wrote has
//! one order.

use serde_json::{Value, json};
use zhengna_core::Clock as _;
use zhengna_server::system::SystemClock;

use crate::host::http::{Answer, Http, Lost};

/// Messages a taxpayer writes before an officer takes the conversation.
const BEFORE_CLAIM: usize = 4;

/// Something a client does; a repeat has the same key and the same body.
#[derive(Clone, Debug)]
struct Write {
    key: String,
    what: What,
}

#[derive(Clone, Debug, PartialEq)]
enum What {
    Enter,
    Claim,
    Say { officer: bool, text: String },
    Leave,
    Close,
}

/// What is acknowledged of one conversation.
#[derive(Debug)]
struct Talk {
    id: String,
    state: &'static str,
    /// Its messages: who wrote, with which key, what; the place in it is the number.
    said: Vec<(bool, String, String)>,
    /// How many messages it shall have.
    length: usize,
}

impl Talk {
    fn is_open(&self) -> bool {
        matches!(self.state, "waiting" | "active")
    }
}

/// What became of an attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    /// It was answered, and is remembered as done.
    Acknowledged,
    /// The rate of an operation is used up in this life of the host; nothing was done.
    Refused,
    /// No answer came.
    Unanswered,
}

/// What a client counted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    /// Writes acknowledged, once each.
    pub(super) acknowledged: u64,
    /// Writes whose answer was lost with the host, and that were there after the restart.
    pub(super) lost_and_there: u64,
    /// The same, and they were not there.
    pub(super) lost_and_not_there: u64,
    /// Acknowledged writes sent again after a restart, and answered as before.
    pub(super) answered_alike: u64,
    /// Messages compared in the last look at everything.
    pub(super) messages: u64,
    /// Conversations compared in it.
    pub(super) conversations: u64,
}

/// A taxpayer, and perhaps the officer who serves them, in a line of their own.
pub(super) struct Client {
    name: usize,
    line: String,
    taxpayer: String,
    officer: Option<String>,
    keys: u64,
    talks: Vec<Talk>,
    /// Sent and not answered.
    pending: Option<Write>,
    /// The last write acknowledged, with its answer.
    last: Option<(Write, Value)>,
    /// Messages of the conversation that is open which were compared already.
    compared: usize,
    pub(super) tally: Tally,
}

impl Client {
    /// A client with its tokens.
    pub(super) fn new(name: usize, line: String, taxpayer: String, officer: Option<String>) -> Self {
        let (talks, pending, last, tally) = (Vec::new(), None, None, Tally::default());
        Self { name, line, taxpayer, officer, keys: 0, talks, pending, last, compared: 0, tally }
    }

    /// Whether a write of this client has no answer.
    pub(super) fn is_unanswered(&self) -> bool {
        self.pending.is_some()
    }

    /// A version 7 UUID: of this moment, or of one long ago, as from every second client, whose clock is wrong.
    fn key(&mut self) -> String {
        self.keys += 1;
        let millis = if self.name.is_multiple_of(2) { SystemClock.now().micros() / 1000 } else { 0x019a_0000_0000 };
        format!("{:08x}-{:04x}-7000-8{:03x}-{:012x}", millis >> 16, millis & 0xffff, self.name, self.keys)
    }

    fn next(&mut self) -> Write {
        let key = self.key();
        let what = match self.talks.last().filter(|t| t.is_open()) {
            None => What::Enter,
            Some(talk) if talk.said.len() >= talk.length => {
                if talk.state == "active" {
                    What::Close
                } else {
                    What::Leave
                }
            }
            Some(talk) if talk.state == "waiting" && self.officer.is_some() && talk.said.len() >= BEFORE_CLAIM => What::Claim,
            Some(talk) => {
                let officer = talk.state == "active" && talk.said.len() % 2 == 1;
                What::Say { officer, text: format!("{}号窗口，第{}句", self.name, self.keys) }
            }
        };
        Write { key, what }
    }

    fn post(&self, http: &Http, write: &Write) -> Result<Answer, Lost> {
        let here = self.talks.last().map_or("", |t| t.id.as_str());
        let officer = self.officer.as_deref().unwrap_or_default();
        let at = |tail: &str| format!("/api/v1/conversations/{here}/{tail}");
        let (path, token, body) = match &write.what {
            What::Enter => {
                let body = json!({ "topic": "专项附加扣除" });
                (format!("/api/v1/lines/{}/conversations", self.line), &*self.taxpayer, body)
            }
            What::Claim => (format!("/api/v1/lines/{}/claims", self.line), officer, json!({})),
            What::Say { officer: by, text } => (at("messages"), if *by { officer } else { &*self.taxpayer }, json!({ "text": text })),
            What::Leave => (at("leave"), &*self.taxpayer, json!({})),
            What::Close => (at("close"), officer, json!({ "outcome": "resolved", "note": null })),
        };
        http.post(&path, token, &write.key, &body)
    }

    /// Writes the next thing.
    pub(super) fn write(&mut self, http: &Http) -> Result<Attempt, String> {
        let write = self.next();
        self.pending = Some(write.clone());
        match self.post(http, &write) {
            Err(_) => Ok(Attempt::Unanswered),
            Ok(answer) if answer.status == 429 => {
                self.pending = None;
                Ok(Attempt::Refused)
            }
            Ok(answer) => self.acknowledged(write, answer).map(|()| Attempt::Acknowledged),
        }
    }

    /// Takes an answer down.
    fn acknowledged(&mut self, write: Write, Answer { status, body }: Answer) -> Result<(), String> {
        let whole = |what: &str| format!("client {}: {what}: {write:?} was answered {status} {body}", self.name);
        if !(200..300).contains(&status) {
            return Err(whole("refused"));
        }
        let id = body["conversation"].as_str().unwrap_or_default().to_owned();
        match (&write.what, self.talks.last_mut().filter(|t| t.is_open())) {
            (What::Enter, None) => {
                if self.talks.iter().any(|t| t.id == id) {
                    return Err(whole("a conversation began twice"));
                }
                let length = 30 + (self.name * 7 + self.talks.len() * 5) % 41;
                self.talks.push(Talk { id, state: "waiting", said: Vec::new(), length });
                self.compared = 0;
            }
            (what, Some(talk)) if talk.id == id => match what {
                What::Claim => talk.state = "active",
                What::Leave => talk.state = "left",
                What::Close => talk.state = "closed",
                What::Say { officer, text } if body["number"] == talk.said.len() + 1 => {
                    talk.said.push((*officer, write.key.clone(), text.clone()));
                }
                _ => return Err(whole("out of order")),
            },
            _ => return Err(whole("about another conversation")),
        }
        self.tally.acknowledged += 1;
        self.pending = None;
        self.last = Some((write, body));
        Ok(())
    }

    /// After a restart: everything acknowledged is there once; what was not answered is there once or not at all,
    /// and once after it is sent again with its key. Says whether something unanswered was there.
    pub(super) fn compare(&mut self, http: &Http) -> Result<bool, String> {
        let pending = self.pending.clone();
        let found = self.look(http, pending.as_ref().map(|w| &w.what))?;
        if let Some((write, before)) = self.last.clone() {
            let again = self.repeat(http, &write)?;
            if again.body != before {
                return Err(format!("client {}: {write:?} was answered {before}, and when sent again {}", self.name, again.body));
            }
            self.tally.answered_alike += 1;
        }
        if let Some(write) = pending {
            let answer = self.repeat(http, &write)?;
            let fits = match &found {
                Some(Found::Conversation(id)) => answer.body["conversation"] == **id,
                _ => true,
            };
            if !fits {
                return Err(format!("client {}: {write:?} was there as {found:?}, and when sent again became {}", self.name, answer.body));
            }
            self.acknowledged(write, answer)?;
            let counted = if found.is_some() { &mut self.tally.lost_and_there } else { &mut self.tally.lost_and_not_there };
            *counted += 1;
        }
        self.look(http, None)?;
        self.compared = self.talks.last().map_or(0, |t| t.said.len());
        Ok(found.is_some())
    }

    /// Sends a write again, with its key.
    fn repeat(&self, http: &Http, write: &Write) -> Result<Answer, String> {
        let answer = self.post(http, write).map_err(|Lost(e)| format!("client {}: {write:?}, sent again: {e}", self.name))?;
        if (200..300).contains(&answer.status) {
            Ok(answer)
        } else {
            Err(format!("client {}: {write:?}, sent again: {answer:?}", self.name))
        }
    }

    fn get(&self, http: &Http, path: &str) -> Result<Value, String> {
        let answer = http.get(path, &self.taxpayer).map_err(|Lost(e)| format!("client {}: GET {path}: {e}", self.name))?;
        if answer.status == 200 { Ok(answer.body) } else { Err(format!("client {}: GET {path}: {answer:?}", self.name)) }
    }

    /// Compares the newest conversation with what the host shows; finds what may be there of an unanswered write.
    fn look(&self, http: &Http, maybe: Option<&What>) -> Result<Option<Found>, String> {
        let newest = self.get(http, "/api/v1/me/conversations?limit=2")?;
        let shown = |n: usize| newest["items"][n]["id"].as_str();
        let known = |n: usize| self.talks.len().checked_sub(n + 1).map(|i| self.talks[i].id.as_str());
        if maybe == Some(&What::Enter) && shown(0) != known(0) {
            let Some(id) = shown(0).filter(|_| shown(1) == known(0)) else {
                return Err(format!("client {}: entered once, and there are more: {newest}", self.name));
            };
            return Ok(Some(Found::Conversation(id.to_owned())));
        }
        if (shown(0), shown(1)) != (known(0), known(1)) {
            return Err(format!("client {}: knows of {:?} and {:?}, shown are {newest}", self.name, known(0), known(1)));
        }
        let Some(talk) = self.talks.last() else { return Ok(None) };
        self.look_at(http, talk, self.compared, maybe)
    }

    fn look_at(&self, http: &Http, talk: &Talk, from: usize, maybe: Option<&What>) -> Result<Option<Found>, String> {
        let wrong = |what: String| Err(format!("client {}: conversation {}: {what}", self.name, talk.id));
        let view = self.get(http, &format!("/api/v1/conversations/{}", talk.id))?;
        let moved = match maybe {
            Some(What::Claim) => Some("active"),
            Some(What::Leave) => Some("left"),
            Some(What::Close) => Some("closed"),
            _ => None,
        };
        let mut found = None;
        match view["state"].as_str() {
            Some(state) if state == talk.state => {}
            Some(state) if moved == Some(state) => found = Some(Found::Moved),
            state => return wrong(format!("was {} and is {state:?}", talk.state)),
        }
        let mut number = from;
        loop {
            let page = self.get(http, &format!("/api/v1/conversations/{}/messages?limit=200&after={number}", talk.id))?;
            let Some(items) = page["items"].as_array().filter(|items| !items.is_empty()) else { break };
            for item in items {
                number += 1;
                if item["number"] != number {
                    return wrong(format!("message {number} is missing: {item}"));
                }
                match (talk.said.get(number - 1), maybe) {
                    (Some((officer, key, text)), _) => {
                        if item["text"] != **text || item["client_id"] != **key || item["mine"] == *officer {
                            return wrong(format!("message {number} was {text} and is {item}"));
                        }
                    }
                    (None, Some(What::Say { text, .. })) if number == talk.said.len() + 1 && item["text"] == **text => {
                        found = Some(Found::Said);
                    }
                    _ => return wrong(format!("a message nobody wrote, or one twice: {item}; {} were acknowledged", talk.said.len())),
                }
            }
        }
        if number < talk.said.len() {
            return wrong(format!("{} messages were acknowledged, {number} are there", talk.said.len()));
        }
        Ok(found)
    }

    /// Compares everything this client ever did.
    pub(super) fn compare_everything(&mut self, http: &Http) -> Result<(), String> {
        let (mut known, mut cursor) = (self.talks.iter().rev(), String::new());
        loop {
            let page = self.get(http, &format!("/api/v1/me/conversations?limit=200{cursor}"))?;
            for item in page["items"].as_array().into_iter().flatten() {
                if known.next().map(|t| t.id.as_str()) != item["id"].as_str() {
                    return Err(format!("client {}: a conversation nobody entered, or one twice: {item}", self.name));
                }
            }
            match page["cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        if let Some(missing) = known.next() {
            return Err(format!("client {}: conversation {} is gone", self.name, missing.id));
        }
        for talk in &self.talks {
            self.look_at(http, talk, 0, None)?;
        }
        self.tally.conversations = self.talks.len() as u64;
        self.tally.messages = self.talks.iter().map(|t| t.said.len() as u64).sum();
        Ok(())
    }
}

/// What is there of a write that was not answered.
#[derive(Debug)]
enum Found {
    Conversation(String),
    Moved,
    Said,
}
