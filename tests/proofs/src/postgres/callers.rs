//! The load: taxpayers who write all the time, and desks at which people enter, are claimed and are served, or leave.
//! Whoever is told that something failed asks anew with another key, and whoever is told nothing with the same one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use zhengna_core::access::Actor;
use zhengna_core::crypto::Rng;
use zhengna_core::id::{ConversationId, LineId, TaxpayerId};
use zhengna_core::interaction::{Claim, Close, Enter, Leave, Outcome as Ending, SendMessage};
use zhengna_core::{Core, limits};

use super::ledger::Ledger;
use rand_core::{Rng as _, SeedableRng};

/// One caller.
#[derive(Clone)]
pub(super) enum Caller {
    /// Writes in one conversation, on one host; every fourth message without a key.
    Writer { host: usize, line: LineId, taxpayer: TaxpayerId, conversation: Arc<Mutex<ConversationId>> },
    /// Serves one taxpayer again and again, in a line of their own, on any host.
    Desk { line: LineId, taxpayer: TaxpayerId, officer: Actor },
}

impl Caller {
    /// Calls until told to stop.
    pub(super) fn run(&self, hosts: &[Core; 2], ledger: &Ledger, seed: u64, stop: &AtomicBool) -> Result<(), String> {
        let mut rng = Rng::seed_from_u64(seed);
        while !stop.load(Ordering::SeqCst) {
            match self {
                Self::Writer { host, line, taxpayer, conversation } => {
                    let mut conversation = conversation.lock().unwrap_or_else(PoisonError::into_inner);
                    let number = write(hosts, ledger, &mut rng, *host, *taxpayer, *conversation)?;
                    if number > limits::MESSAGES_PER_CONVERSATION_MAX / 4 {
                        leave(hosts, ledger, || *host, *taxpayer, *conversation)?;
                        *conversation = enter(hosts, ledger, || *host, *line, *taxpayer)?;
                    }
                }
                Self::Desk { line, taxpayer, officer } => serve(hosts, ledger, &mut rng, *line, *taxpayer, officer)?,
            }
        }
        Ok(())
    }
}

fn write(
    hosts: &[Core; 2],
    ledger: &Ledger,
    rng: &mut Rng,
    host: usize,
    who: TaxpayerId,
    conversation: ConversationId,
) -> Result<i64, String> {
    let send = SendMessage::new(conversation, "请问");
    let (number, key) = if rng.next_u32().is_multiple_of(4) {
        let sent = ledger.once(hosts, host, |core, request| {
            core.as_actor(Actor::Taxpayer(who)).for_request(request).interaction().send(send.clone()).wait()
        })?;
        let Some(sent) = sent else { return Ok(0) };
        (sent.number, None)
    } else {
        let (sent, key) = ledger.insist(
            hosts,
            || host,
            |core, attempt| attempt(core.as_actor(Actor::Taxpayer(who)))?.interaction().send(send.clone()).wait(),
        )?;
        (sent.number, Some(key))
    };
    ledger.wrote(conversation.as_bytes(), number, key);
    Ok(number)
}

fn serve(hosts: &[Core; 2], ledger: &Ledger, rng: &mut Rng, line: LineId, who: TaxpayerId, officer: &Actor) -> Result<(), String> {
    let mut host = || (rng.next_u32() % 2) as usize;
    let leaves = host() == 0;
    let conversation = enter(hosts, ledger, &mut host, line, who)?;
    if leaves {
        return leave(hosts, ledger, &mut host, who, conversation);
    }
    let (claimed, _) = ledger
        .insist(hosts, &mut host, |core, attempt| attempt(core.as_actor(officer.clone()))?.interaction().claim(Claim { line }).wait())?;
    if claimed.conversation != conversation {
        return Err(format!("{conversation} waited, {} was claimed", claimed.conversation));
    }
    let close = Close { conversation, outcome: Ending::Resolved, note: None };
    let closed =
        ledger.insist(hosts, &mut host, |core, attempt| attempt(core.as_actor(officer.clone()))?.interaction().close(close.clone()).wait());
    closed.map(drop)
}

fn enter(hosts: &[Core; 2], ledger: &Ledger, host: impl FnMut() -> usize, line: LineId, who: TaxpayerId) -> Result<ConversationId, String> {
    let enter = Enter::new(line, "问");
    let entered =
        ledger.insist(hosts, host, |core, attempt| attempt(core.as_actor(Actor::Taxpayer(who)))?.interaction().enter(enter.clone()).wait());
    entered.map(|(entered, _)| entered.conversation)
}

fn leave(
    hosts: &[Core; 2],
    ledger: &Ledger,
    host: impl FnMut() -> usize,
    who: TaxpayerId,
    conversation: ConversationId,
) -> Result<(), String> {
    let left = ledger.insist(hosts, host, |core, attempt| {
        attempt(core.as_actor(Actor::Taxpayer(who)))?.interaction().leave(Leave { conversation }).wait()
    });
    left.map(drop)
}
