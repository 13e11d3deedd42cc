//! The whole way of a visit: a taxpayer enters, an officer claims whoever is first, and closes.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use zhengna_core::access::Actor;
use zhengna_core::error::Refusal;
use zhengna_core::id::{ConversationId, LineId, OfficerId, TaxpayerId};
use zhengna_core::interaction::{Claim, Close, Enter, Outcome};
use zhengna_core::{Core, Error, Session};

use crate::figures::{Times, together};

/// A line with people in it, and officers who serve it.
pub struct Hall {
    core: Core,
    line: LineId,
    officers: Vec<Actor>,
    /// Taxpayers who are in no line.
    free: Mutex<Vec<TaxpayerId>>,
    /// Who waits, to set them free again when they were served.
    waiting: Mutex<HashMap<ConversationId, TaxpayerId>>,
    keys: AtomicU64,
}

impl Hall {
    /// A line in which nobody waits.
    pub fn new(core: Core, line: LineId, officers: &[OfficerId], free: Vec<TaxpayerId>) -> Self {
        let officers = officers.iter().map(|id| core.officer(*id).expect("known")).collect();
        Self { core, line, officers, free: Mutex::new(free), waiting: Mutex::default(), keys: AtomicU64::new(0) }
    }

    fn keyed(&self, actor: Actor) -> Session {
        let n = self.keys.fetch_add(1, Ordering::Relaxed);
        // As clients make them: version 7, in the order of time.
        let key = zhengna_core::id::uuid_v7(self.core.now(), n as u16, n).to_string();
        self.core.as_actor(actor).with_key(&key).expect("a key")
    }

    /// Somebody who is in no line enters.
    pub fn enter(&self) -> ConversationId {
        let who = self.free.lock().expect("nobody panicked").pop().expect("somebody is free");
        let enter = Enter::new(self.line, "专项附加扣除怎么填写");
        let entered = self.keyed(Actor::Taxpayer(who)).interaction().enter(enter).wait().expect("enters").conversation;
        self.waiting.lock().expect("nobody panicked").insert(entered, who);
        entered
    }

    /// Officer `n` takes whoever is first and closes at once; false where nobody waits.
    pub fn serve(&self, n: usize) -> bool {
        let officer = self.officers[n % self.officers.len()].clone();
        let claimed = match self.keyed(officer.clone()).interaction().claim(Claim { line: self.line }).wait() {
            Ok(claimed) => claimed.conversation,
            Err(Error::Refused(Refusal::NobodyWaiting)) => return false,
            Err(e) => panic!("claims: {e}"),
        };
        let close = Close { conversation: claimed, outcome: Outcome::Resolved, note: None };
        self.keyed(officer).interaction().close(close).wait().expect("closes");
        // Whoever entered may still be on the way into the map.
        let served = loop {
            if let Some(who) = self.waiting.lock().expect("nobody panicked").remove(&claimed) {
                break who;
            }
            std::thread::yield_now();
        };
        self.free.lock().expect("nobody panicked").push(served);
        true
    }

    /// Serves everybody.
    pub fn drain(&self) {
        std::thread::scope(|scope| {
            for n in 0..self.officers.len() {
                scope.spawn(move || while self.serve(n) {});
            }
        });
    }

    /// Who waits now.
    pub fn who_waits(&self) -> Vec<(ConversationId, TaxpayerId)> {
        self.waiting.lock().expect("nobody panicked").iter().map(|(conversation, who)| (*conversation, *who)).collect()
    }

    /// Lets people in until so many wait, from 64 threads.
    pub fn fill(&self, backlog: usize) {
        let missing = backlog.saturating_sub(self.waiting.lock().expect("nobody panicked").len());
        let left = AtomicU64::new(missing as u64);
        std::thread::scope(|scope| {
            for _ in 0..64 {
                scope.spawn(|| {
                    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok() {
                        self.enter();
                    }
                });
            }
        });
    }

    /// Every officer, for a time: somebody enters, the first is claimed, the conversation closed.
    pub fn cycles(&self, time: Duration) -> (f64, Times) {
        together(self.officers.len(), time, |n| {
            self.enter();
            assert!(self.serve(n), "somebody waits: we have just let one in");
        })
    }
}
