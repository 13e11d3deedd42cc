//! A taxpayer: enters a line, perhaps writes while waiting, perhaps leaves, talks with the officer, perhaps rates.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::{sleep, timeout_at};
use zhengna_core::id::ConversationId;
use zhengna_core::journal::EventKind;

use super::ledger::{End, Said};
use super::stage::{Role, Tiding};
use super::wire::{Request, Written};

/// Longest wait for something to happen in a conversation: for an officer above all.
const PATIENCE: Duration = Duration::from_secs(180);
/// Of a thousand who wait, so many leave.
const LEAVE_PERMILLE: u64 = 60;
/// Of a thousand who were served, so many rate.
const RATE_PERMILLE: u64 = 300;

/// A taxpayer.
pub(super) struct Taxpayer(pub(super) Role);

impl Taxpayer {
    /// One visit, from entering to its end.
    pub(super) async fn visit(mut self) -> Result<Self, String> {
        let told = |e: String, n: usize| format!("taxpayer {n}: {e}");
        let n = self.0.n;
        let id = self.enter().await.map_err(|e| told(e, n))?;
        let before = self.0.dice.below(3);
        for _ in 0..before {
            sleep(self.0.stage.pause(&mut self.0.dice)).await;
            self.say(id).await.map_err(|e| told(e, n))?;
        }
        if self.0.dice.chance(LEAVE_PERMILLE) && self.leave(id).await.map_err(|e| told(e, n))? {
            return Ok(self);
        }
        self.talk(id).await.map_err(|e| told(format!("{id}: {e}"), n))?;
        Ok(self)
    }

    async fn enter(&mut self) -> Result<ConversationId, String> {
        // What came behind the end of the visit before.
        while self.0.heard.try_recv().is_ok() {}
        let line = self.0.dice.below(self.0.stage.lines.len() as u64) as usize;
        let path = format!("/api/v1/lines/{}/conversations", self.0.stage.lines[line]);
        let Written { answer, .. } = self.0.wire.ask(&Request::post(path, json!({ "topic": "专项附加扣除" }))).await?;
        let id = answer.body["conversation"].as_str().and_then(ConversationId::parse).filter(|_| answer.is_good());
        let id = id.ok_or_else(|| format!("entering was answered {answer:?}"))?;
        self.0.stage.ledger.entered(id, self.0.n, line)?;
        Ok(id)
    }

    /// Says whether the conversation is over.
    async fn leave(&mut self, id: ConversationId) -> Result<bool, String> {
        let Written { answer, .. } = self.0.wire.ask(&Request::post(format!("/api/v1/conversations/{id}/leave"), json!({}))).await?;
        match answer.code() {
            _ if answer.is_good() => {
                self.0.stage.ledger.note(id, |talk| talk.end = Some(End::Left));
                Ok(true)
            }
            // Somebody took it meanwhile, or is through with it.
            "interaction.already_served" | "interaction.closed" => Ok(false),
            _ => Err(format!("leaving was answered {answer:?}")),
        }
    }

    async fn say(&mut self, id: ConversationId) -> Result<(), String> {
        let text = format!("请问子女教育专项附加扣除怎么填？（{}）", self.0.dice.next() % 1_000_000);
        say(&mut self.0, id, false, text).await.map(drop)
    }

    async fn talk(&mut self, id: ConversationId) -> Result<(), String> {
        // What was heard while this one thought or wrote.
        let mut heard = VecDeque::<Tiding>::new();
        loop {
            let tiding = match heard.pop_front() {
                Some(tiding) => tiding,
                None => {
                    let next = timeout_at((Instant::now() + PATIENCE).into(), self.0.heard.recv()).await;
                    next.ok().flatten().ok_or_else(|| format!("lost: nothing was heard for {PATIENCE:?}"))?
                }
            };
            if tiding.conversation != Some(id) {
                continue;
            }
            match tiding.kind {
                EventKind::MessageSent if !tiding.mine => {
                    mark(&mut self.0, id, tiding.number).await?;
                    sleep(self.0.stage.pause(&mut self.0.dice)).await;
                    while let Ok(more) = self.0.heard.try_recv() {
                        heard.push_back(more);
                    }
                    if !heard.iter().any(|t| t.conversation == Some(id) && t.kind == EventKind::Closed) {
                        self.say(id).await?;
                        if self.0.dice.chance(200) {
                            self.say(id).await?;
                        }
                    }
                }
                EventKind::Closed => break,
                _ => {}
            }
        }
        if self.0.dice.chance(RATE_PERMILLE) {
            let rating = json!({ "grade": "very_satisfied", "reasons": [], "comment": null });
            let Written { answer, .. } = self.0.wire.ask(&Request::post(format!("/api/v1/conversations/{id}/rating"), rating)).await?;
            if !answer.is_good() {
                return Err(format!("a rating was answered {answer:?}"));
            }
            self.0.stage.ledger.note(id, |talk| talk.rated = true);
        }
        Ok(())
    }
}

/// Writes a message; says whether the conversation still took it.
pub(super) async fn say(role: &mut Role, id: ConversationId, officer: bool, text: String) -> Result<bool, String> {
    let path = format!("/api/v1/conversations/{id}/messages");
    let Written { answer, key, sent, repeated } = role.wire.ask(&Request::post(path, json!({ "text": text }))).await?;
    match answer.body["number"].as_i64().filter(|_| answer.is_good()) {
        Some(number) => {
            let said = Said { officer, key, text, sent, answered: sent.elapsed(), repeated };
            role.stage.ledger.said(id, number, said)?;
            Ok(true)
        }
        None if answer.code() == "interaction.closed" && !officer => Ok(false),
        None => Err(format!("a message was answered {answer:?}")),
    }
}

/// Marks what was read.
pub(super) async fn mark(role: &mut Role, id: ConversationId, number: i64) -> Result<(), String> {
    if role.wire.mark(&id.to_string(), number).await? {
        let now = Instant::now();
        role.stage.ledger.note(id, |talk| talk.marked.push(now));
    }
    Ok(())
}
