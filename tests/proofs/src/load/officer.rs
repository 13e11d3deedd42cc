//! An officer: shows that they are there, takes the next in line while they have room, answers each message, closes.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashSet};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::sleep_until;
use zhengna_core::id::ConversationId;
use zhengna_core::journal::EventKind;

use super::bureau::CAPACITY;
use super::ledger::End;
use super::stage::{Role, Tiding};
use super::taxpayer::{mark, say};
use super::wire::{Request, Written};

/// Three times within a lease of presence.
const PRESENT_EVERY: Duration = Duration::from_secs(15);
/// Of a thousand times that a line moves, so many an officer with full hands tries to take one more.
const GREEDY_PERMILLE: u64 = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Deed {
    Present,
    Claim,
    Answer(ConversationId),
    Close(ConversationId),
}

/// A conversation in hand.
struct Held {
    /// Answers until it is closed.
    left: u64,
    /// An answer, or the end, is on its way.
    busy: bool,
}

/// An officer.
pub(super) struct Officer {
    role: Role,
    due: BinaryHeap<Reverse<(Instant, Deed)>>,
    held: BTreeMap<ConversationId, Held>,
    /// All that were ever held.
    known: HashSet<ConversationId>,
    claiming: bool,
    /// A claim was cut, and refused when it was sent again. What was sent first may be on its way yet, and find somebody.
    unsure: bool,
}

impl Officer {
    pub(super) fn new(role: Role) -> Self {
        let due = [Reverse((Instant::now(), Deed::Present))].into();
        Self { role, due, held: BTreeMap::new(), known: HashSet::new(), claiming: false, unsure: false }
    }

    /// Works until everything is over.
    pub(super) async fn work(mut self) -> Result<(), String> {
        let stage = self.role.stage.clone();
        loop {
            let next = self.due.peek().map_or_else(Instant::now, |Reverse((at, _))| *at);
            let done = tokio::select! {
                () = stage.ends() => return self.go_home(),
                heard = self.role.heard.recv() => match heard {
                    Some(tiding) => self.hear(tiding).await,
                    // The socket has ended and says why, or it is over.
                    None => {
                        stage.ends().await;
                        return self.go_home();
                    }
                },
                () = sleep_until(next.into()) => match self.due.pop() {
                    Some(Reverse((_, deed))) => self.act(deed).await,
                    None => Ok(()),
                },
            };
            done.map_err(|e| format!("officer {}: {e}", self.role.n))?;
        }
    }

    fn go_home(&self) -> Result<(), String> {
        match self.held.keys().next() {
            Some(id) => Err(format!("officer {} still holds {id}, and whose it is has gone", self.role.n)),
            None => Ok(()),
        }
    }

    fn soon(&mut self, deed: Deed) {
        let at = Instant::now() + self.role.stage.pause(&mut self.role.dice);
        self.due.push(Reverse((at, deed)));
    }

    async fn hear(&mut self, tiding: Tiding) -> Result<(), String> {
        match (tiding.kind, tiding.conversation) {
            (EventKind::LineEntered | EventKind::LineMoved, _) => {
                let wants = self.held.len() < CAPACITY || self.role.dice.chance(GREEDY_PERMILLE);
                if wants && !self.claiming {
                    self.claiming = true;
                    self.soon(Deed::Claim);
                }
            }
            (EventKind::MessageSent, Some(id)) if !tiding.mine => {
                let Some(held) = self.held.get_mut(&id) else { return Ok(()) };
                let asleep = !std::mem::replace(&mut held.busy, true);
                if asleep {
                    let deed = if held.left == 0 { Deed::Close(id) } else { Deed::Answer(id) };
                    self.soon(deed);
                }
                mark(&mut self.role, id, tiding.number).await?;
            }
            // The answer to a claim is read before what is heard of it.
            (EventKind::Claimed, Some(id)) if tiding.mine && self.unsure && !self.known.contains(&id) => {
                self.unsure = false;
                self.role.stage.done_late.fetch_add(1, Ordering::Relaxed);
                self.take(id).await?;
            }
            _ => {}
        }
        Ok(())
    }

    async fn act(&mut self, deed: Deed) -> Result<(), String> {
        match deed {
            Deed::Present => {
                let Written { answer, .. } = self.role.wire.ask(&Request::plain("PUT", "/api/v1/me/presence".into(), None)).await?;
                self.due.push(Reverse((Instant::now() + PRESENT_EVERY, Deed::Present)));
                if answer.is_good() { Ok(()) } else { Err(format!("presence was answered {answer:?}")) }
            }
            Deed::Claim => self.claim().await,
            Deed::Answer(id) => self.answer(id).await,
            Deed::Close(id) => self.close(id).await,
        }
    }

    async fn claim(&mut self) -> Result<(), String> {
        self.claiming = false;
        let (holding, line) = (self.held.len(), self.role.stage.line_of(self.role.n));
        let path = format!("/api/v1/lines/{}/claims", self.role.stage.lines[line]);
        let Written { answer, repeated, .. } = self.role.wire.ask(&Request::post(path, json!({}))).await?;
        self.unsure |= repeated && !answer.is_good();
        match answer.code() {
            _ if answer.is_good() => {}
            "interaction.nobody_waiting" | "interaction.nobody_for_you" => return Ok(()),
            "interaction.at_capacity" if holding >= CAPACITY || self.unsure => {
                self.role.stage.refused_more.fetch_add(1, Ordering::Relaxed);
                return Ok(());
            }
            _ => return Err(format!("a claim while holding {holding} was answered {answer:?}")),
        }
        let id = answer.body["conversation"].as_str().and_then(ConversationId::parse);
        let id = id.ok_or_else(|| format!("a claim was answered {answer:?}"))?;
        if holding >= CAPACITY {
            return Err(format!("above capacity: holds {holding} of {CAPACITY} and was given {id}"));
        }
        self.take(id).await
    }

    async fn take(&mut self, id: ConversationId) -> Result<(), String> {
        self.known.insert(id);
        self.role.stage.ledger.claimed(id, self.role.n)?;
        self.held.insert(id, Held { left: 3 + self.role.dice.below(4), busy: true });
        // What was written before, as a desk shows it.
        let before = self.role.wire.get(format!("/api/v1/conversations/{id}/messages?limit=200")).await?;
        let last = before["items"].as_array().and_then(|items| items.last()).and_then(|item| item["number"].as_i64());
        if let Some(number) = last {
            mark(&mut self.role, id, number).await?;
        }
        self.soon(Deed::Answer(id));
        self.look_for_more();
        Ok(())
    }

    /// Whoever has room takes the next without being told that there is one.
    fn look_for_more(&mut self) {
        if self.held.len() < CAPACITY && !self.claiming {
            self.claiming = true;
            self.soon(Deed::Claim);
        }
    }

    async fn answer(&mut self, id: ConversationId) -> Result<(), String> {
        let text = format!("您好，请在手机上打开“专项附加扣除”填写。（{}）", self.role.dice.next() % 1_000_000);
        let Some(held) = self.held.get_mut(&id) else { return Ok(()) };
        held.busy = false;
        held.left -= 1;
        say(&mut self.role, id, true, text).await.map(drop)
    }

    async fn close(&mut self, id: ConversationId) -> Result<(), String> {
        let now = Instant::now();
        self.role.stage.ledger.note(id, |talk| talk.closing = Some(now));
        let ending = json!({ "outcome": "resolved", "note": null });
        let Written { answer, .. } = self.role.wire.ask(&Request::post(format!("/api/v1/conversations/{id}/close"), ending)).await?;
        if !answer.is_good() {
            return Err(format!("closing {id} was answered {answer:?}"));
        }
        self.held.remove(&id);
        self.role.stage.ledger.note(id, |talk| talk.end = Some(End::Closed));
        self.look_for_more();
        Ok(())
    }
}
