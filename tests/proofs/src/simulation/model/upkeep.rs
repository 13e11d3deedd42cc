//! What a host does by itself: timers that ring, keys that are forgotten, deliveries.

use std::collections::BTreeSet;

use super::{
    About, Bell, Delivery, Due, ESCALATE, FORGET_EVERY, IDLE, LEASE, LEASE_ROWS, MINUTE, Model, Ring, SECOND, State, Subject, UNANSWERED,
};
use crate::simulation::step::Who;

impl Model {
    /// Timers that must ring now and leave a record, and those that may.
    pub(crate) fn due(&mut self, now: i64) -> (BTreeSet<Ring>, BTreeSet<Ring>) {
        self.set_meanwhile.clear();
        self.set_anew.clear();
        let may = self.timers.iter().filter(|(_, due)| due.low <= now);
        // A promise that was kept leaves no trace.
        let tells = |(bell, label): &Ring, due: &Due| *bell != Bell::Reply || due.is_there && self.is_late(*label, now);
        let must = may.clone().filter(|(ring, due)| due.high <= now && tells(ring, due));
        (must.map(|(ring, _)| *ring).collect(), may.map(|(ring, _)| *ring).collect())
    }

    /// A timer rang that leaves a record.
    pub(crate) fn ring(&mut self, now: i64, bell: Bell, label: u32) {
        self.timers.remove(&(bell, label));
        match bell {
            Bell::Idle => self.idle(now, label),
            Bell::Hold => self.hold_over(now, label),
            Bell::Unanswered => self.unanswered(now, label),
            Bell::Reply => self.told_late(now, label),
            Bell::FollowUp => self.follow_up_due(now, label),
            Bell::Hours => self.hours_over(now, label as u8),
        }
    }

    fn hold_over(&mut self, now: i64, label: u32) {
        match self.conversations[&label].held_until {
            Some(until) if now < until => self.set_by(Bell::Hold, label, until),
            Some(_) => self.goes_on(Who::System, now, label),
            None => {}
        }
        self.record("interaction.hold_over", Who::System, Subject::Conversation(label), now);
    }

    /// The officer is reminded, and later those who supervise are told.
    fn unanswered(&mut self, now: i64, label: u32) {
        let c = &self.conversations[&label];
        let (line, known) = (c.line, c.unanswered_since.zip(c.officer).filter(|_| c.state == State::Active));
        if let Some((since, officer)) = known {
            let (remind, escalate) = (since + UNANSWERED, since + UNANSWERED + ESCALATE);
            if now < remind {
                self.set_by(Bell::Unanswered, label, remind);
            } else if now < escalate {
                self.event(Who::System, now, About::Officer(officer), "conversation.unanswered", Some(label), None);
                self.set_by(Bell::Unanswered, label, escalate);
            } else {
                self.event(Who::System, now, About::Line(line), "conversation.escalated", Some(label), None);
            }
        }
        self.record("interaction.remind_unanswered", Who::System, Subject::Conversation(label), now);
    }

    fn idle(&mut self, now: i64, label: u32) {
        let c = &self.conversations[&label];
        let line = c.line;
        let idle_at = c.held_until.map_or(c.active_at, |held| held.max(c.active_at)) + IDLE;
        if c.state == State::Active {
            if now < idle_at {
                self.timers.insert((Bell::Idle, label), Due::at(idle_at));
            } else if let Some(officer) = c.officer.filter(|_| c.unanswered_since.is_some()) {
                self.passed_by(now, label, officer);
                self.back_in_line(now, label);
                self.look(now, line);
                let known = self.timers.get(&(Bell::Reply, label)).is_some_and(|due| due.low <= now);
                self.watch_promise(label);
                self.set_meanwhile.insert(label, known);
            } else {
                self.end(Who::System, now, label, "idle");
            }
        }
        self.record("interaction.close_idle", Who::System, Subject::Conversation(label), now);
    }

    /// Timers that may have rung and did not: leased by a run that was struck, so no earlier than its lease.
    pub(crate) fn not_rung(&mut self, now: i64, struck: bool) {
        for (ring, due) in self.timers.iter_mut().filter(|((bell, _), due)| *bell != Bell::Reply && due.low <= now) {
            if struck {
                due.high = due.high.max(now + LEASE);
            } else if self.set_anew.contains(ring) {
                // Whoever was about to ring it left it: it is due since now, whenever it was before.
                (due.low, due.high) = (now, due.high.max(now));
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
            Some(true) => Due::at(now + FORGET_EVERY),
            Some(false) if due.low <= now => Due { low: now + 1, ..due },
            None if due.low <= now => Due { high: now + FORGET_EVERY, ..due },
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
            *d = Delivery { due: Due::at(now + LEASE), attempts: (d.attempts.0 + 1, d.attempts.1 + 1), perhaps_done: false, ..*d };
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
                d.due =
                    if sure { Due { low, high, ..d.due } } else { Due { low: low.min(d.due.low), high: high.max(d.due.high), ..d.due } };
            }
        }
        "pending"
    }
}
