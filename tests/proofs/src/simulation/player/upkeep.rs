//! What a host does by itself: sealing, running what is due, delivering, starting again; and sign-ins.

use std::collections::BTreeSet;
use std::hash::Hash;
use std::time::{Duration, Instant};

use zhengna_core::access::Authenticated;
use zhengna_core::audit::{AuditEntry, Checkpoint};
use zhengna_core::delivery::{DeliveryState, SettleDelivery};
use zhengna_core::id::ConversationId;
use zhengna_core::interaction::{Closed, SourceChannel};
use zhengna_core::journal::{EventKind, Topic};
use zhengna_core::store::StoreError;
use zhengna_core::{Error, Timestamp, limits, operation};
use zhengna_tests::world::Engine;

use super::super::model::{About, Bell, LEASE_ROWS, Told};
use super::super::stage::{OFFERING, SLOW_MAX, patiently, slow};
use super::super::step::{Deed, Step, Who};
use super::{Came, Checked, PATIENCE, Player, outcome_word};

/// Calls that may be too slow before it is said that the machine is.
const RETURN_TRIES: u32 = 100;

impl Player {
    pub(super) fn seal(&mut self, step: &Step) -> Checked<Came> {
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

    /// Gives back what officers hold who are gone. No fault strikes it: each officer is a transaction of their own.
    pub(super) fn give_back(&mut self, step: &Step, now: i64) -> Checked<Came> {
        self.counts.commands += 1;
        let should = self.model.returned(now);
        let (mut back, mut tries) = (0, 0);
        loop {
            match self.core().return_held() {
                Ok(0) => break,
                // What was too slow for one officer stays for the next call, as the host makes one each second.
                Ok(more) => back += more,
                Err(Error::Store(e)) if slow(&e) && tries < RETURN_TRIES => self.stage.turn_to(step.number, step.at),
                Err(e) => return Err(format!("giving back: {e}")),
            }
            tries += 1;
        }
        self.counts.returned += back;
        if back == should { Ok(Came::Done) } else { Err(format!("{back} conversations went back, {should} should")) }
    }

    /// The host offers what waits to those who are there. Whom it chose stands in the journal.
    pub(super) fn offer(&mut self, step: &Step, now: i64) -> Checked<Came> {
        self.counts.commands += 1;
        let due = self.model.offers_due(now);
        if self.postgres() {
            self.catch_up(step)?;
        }
        let until = Instant::now() + PATIENCE;
        let mut slowly = 0;
        let (answer, done) = loop {
            self.arm(step);
            let answer = self.core().offer_waiting();
            let struck = self.struck(step);
            match answer {
                Err(Error::Store(e)) if !struck && slow(&e) && slowly < SLOW_MAX => {
                    slowly += 1;
                    self.stage.turn_to(step.number, step.at);
                }
                Err(Error::Store(_)) if struck => break (None, self.recorded()?),
                Err(e) => return Err(format!("offering: {e}")),
                Ok(_) if struck => return Err("a storage fault was swallowed".into()),
                Ok(made) if !due || !self.postgres() => break (Some(made), due),
                // On PostgreSQL who waits, as it is kept in memory, follows a moment later.
                Ok(made) => match self.recorded()? {
                    true => break (Some(made), true),
                    false if Instant::now() > until => return Err("nothing was offered, and something should have been".into()),
                    false => self.stage.turn_to(step.number, step.at),
                },
            }
        };
        let offers = if done { self.offers_behind()? } else { Vec::new() };
        if answer.is_some_and(|made| made != offers.len() as u64) {
            return Err(format!("{answer:?} offers were made, the journal holds {offers:?}"));
        }
        if done {
            self.model.offered(now, &offers)?;
        }
        self.counts.offered += offers.len() as u64;
        (answer, &offers).hash(&mut self.trace);
        let came = if answer.is_some() { Came::Done } else { Came::Failed };
        self.last = answer.map(|_| Told::Offered(offers));
        Ok(came)
    }

    /// Waits until the host knows who waits and who is there: on PostgreSQL it does a moment later. Whom it asks depends on that, and which
    /// call of storage a fault strikes.
    fn catch_up(&mut self, step: &Step) -> Checked<()> {
        if step.strike.is_some() {
            self.recount()?;
        }
        if let Some(conversation) = self.model.first_in(OFFERING) {
            let who = Who::Taxpayer(self.model.conversations[&conversation].taxpayer);
            let asked = Step { deed: Deed::Position { who, conversation }, key: None, strike: None, ..*step };
            let (should, until) = (self.model.take(&asked, None), Instant::now() + PATIENCE);
            loop {
                let (told, _) = self.perform(&asked);
                if told.as_ref().is_ok_and(|told| *told == should) {
                    break;
                }
                if Instant::now() > until {
                    return Err(format!("the host does not learn who is there: it says {told:?}\n  should be {should:?}"));
                }
                let signal = self.core().store().signal();
                signal.wait_past(signal.count(), Duration::from_millis(10));
            }
        }
        self.stage.turn_to(step.number, step.at);
        Ok(())
    }

    /// What was offered to whom, by the events that the model does not know of.
    fn offers_behind(&mut self) -> Checked<Vec<(u32, u8)>> {
        self.tail_journal_to_model()?;
        if self.postgres() {
            self.seal_all()?; // waits until nothing is held back
        }
        let last = self.cursors.last().copied().unwrap_or(self.journal_start);
        let found = self.core().journal_after(last, limits::EVENTS_PAGE_MAX).map_err(|e| e.to_string())?;
        let offered = found.iter().filter(|e| e.kind == EventKind::Offered);
        let told = offered.map(|e| {
            let officer = self.stage.officers.iter().position(|id| e.topic() == Some(Topic::Officer(*id)));
            officer.zip(e.conversation()).map(|(n, id)| (self.label(id), n as u8)).ok_or_else(|| format!("offered to nobody: {e:?}"))
        });
        told.collect()
    }

    pub(super) fn run_due(&mut self, step: &Step, now: i64) -> Checked<Came> {
        let (mut must, may) = self.model.due(now);
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
                    let Some(ring) = self.ring_of(entry).filter(|ring| may.contains(ring) && rung.insert(*ring)) else {
                        return Err(format!("a timer rang that is not due: {entry:?}"));
                    };
                    let (events, (bell, label)) = (self.model.journal.len(), ring);
                    if bell == Bell::Reply && !self.model.is_late(label, now) {
                        return Err(format!("somebody was told of an answer that is not late: {entry:?}"));
                    }
                    self.model.ring(now, bell, label);
                    let overdue = bell == Bell::FollowUp && self.model.unanswered_ratings().contains(&label);
                    self.rang(bell, events, overdue);
                    // Whoever waits again has the line looked at anew: who was about to do that leaves it.
                    let again = self.model.journal[events..].iter().filter(|e| bell == Bell::Idle && e.kind == "line.entered");
                    again.for_each(|e| must.retain(|ring| !matches!(e.about, About::Line(line) if *ring == (Bell::Hours, line.into()))));
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
            return Err(format!("the timer {late:?} is due and did not ring"));
        }
        let unsure = unsure || late.is_some(); // a machine too slow for a timer; it is due again when its lease ends
        let others = ran.unwrap_or(0).checked_sub(rung.len() as u32);
        // Beside these ring housekeeping, and what leaves no record.
        let silent = self.model.silently(now);
        // On a busy machine one of those may have been too slow, too.
        let slow = self.stage.setting.engine != Engine::Memory && others.is_some_and(|n| n < silent.0);
        let unsure = unsure || slow;
        let forgot = (!unsure && silent.0 == silent.1).then(|| others == Some(silent.0 + 1));
        let (least, most) = self.model.forgets(now, forgot);
        let (least, most) = (least + silent.0, most + silent.1);
        if !unsure && !others.is_some_and(|n| (least..=most).contains(&n)) {
            return Err(format!("{ran:?} timers ran, {} of them told of; {least} to {most} others were due", rung.len()));
        }
        let all = if others == Some(most) { Some(true) } else { (others == Some(least)).then_some(false) };
        self.model.rang_silently(now, unsure, all);
        self.model.not_rung(now, unsure);
        (ran, rung).hash(&mut self.trace);
        Ok(if unsure { Came::Failed } else { Came::Done })
    }

    /// Which timer rang that a record tells of.
    fn ring_of(&self, entry: &AuditEntry) -> Option<(Bell, u32)> {
        let bell = match entry.operation.as_str() {
            name if name == operation::CLOSE_IDLE.name => Bell::Idle,
            name if name == operation::HOLD_OVER.name => Bell::Hold,
            name if name == operation::REMIND_UNANSWERED.name => Bell::Unanswered,
            name if name == operation::REPLY_DUE.name => Bell::Reply,
            name if name == operation::FOLLOW_UP_DUE.name => Bell::FollowUp,
            name if name == operation::HOURS_OVER.name => Bell::Hours,
            _ => return None,
        };
        let (what, id) = entry.subject.split_once('/')?;
        let line = |id: &str| self.stage.lines.iter().position(|line| line.to_string() == id).map(|line| line as u32);
        let about = if what == "line" { line(id) } else { ConversationId::parse(id).map(|id| self.label(id)) };
        Some((bell, about?))
    }

    /// Counts what came of a timer that rang, by the events behind a place.
    fn rang(&mut self, bell: Bell, events: usize, overdue: bool) {
        let to_taxpayers = self.model.journal[events..].iter().filter(|e| matches!(e.about, About::Taxpayer(_))).count();
        match bell {
            Bell::Hours => self.counts.called_back[2] += to_taxpayers as u64,
            Bell::Reply => self.counts.called_back[3] += 1,
            Bell::FollowUp => self.counts.rated[3] += u64::from(overdue),
            _ => {}
        }
    }

    pub(super) fn deliver(&mut self, step: &Step, now: i64, well: bool) -> Checked<Came> {
        self.arm(step);
        let came = self.deliver_armed(now, well);
        self.struck(step);
        came
    }

    pub(super) fn deliver_armed(&mut self, now: i64, well: bool) -> Checked<Came> {
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

    pub(super) fn restart(&mut self, step: &Step) -> Checked<Came> {
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

    pub(super) fn session(&mut self, step: &Step) -> Checked<Came> {
        let ok = match step.deed {
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

    pub(super) fn caller(&self, who: Who) -> Authenticated {
        Authenticated {
            actor: self.stage.actor(who),
            session: self.sessions[&who].0,
            door: SourceChannel::Web,
            seen_at: Timestamp::from_micros(0),
        }
    }
}
