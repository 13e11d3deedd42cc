//! Call-backs: whoever waits need not wait there, and is answered by a deadline; whoever supervises is told of those who are not. A deadline
//! that was kept leaves no trace, so that of some timers nobody knows whether they rang: only how many did.

use super::{About, Bell, Due, LEASE, Model, State, Subject, Told};
use crate::simulation::step::Who;

impl Model {
    pub(super) fn call_back(&mut self, who: Who, now: i64, label: u32) -> Told {
        if let Some(refused) = self.waits_no_more(label) {
            return refused;
        }
        match self.request_callback(who, now, label) {
            Some(due) => Told::CalledBack(label, due),
            None => Told::Refused("no day is worked", 0),
        }
    }

    /// Those who supervise are told of somebody who waits still.
    pub(super) fn told_late(&mut self, now: i64, label: u32) {
        let line = self.conversations[&label].line;
        self.event(Who::System, now, About::Line(line), "conversation.escalated", Some(label), None);
        self.record("interaction.reply_due", Who::System, Subject::Conversation(label), now);
    }

    fn silent(&self, now: i64) -> Vec<(u32, Due)> {
        let of_promises = self.timers.range((Bell::Reply, 0)..=(Bell::Reply, u32::MAX));
        // What was set while others rang rings the next time, whoever was about to ring it.
        let rings = |label: &u32, due: &Due| due.low <= now && !self.set_meanwhile.contains_key(label);
        of_promises.filter(|((_, label), due)| rings(label, due)).map(|((_, label), due)| (*label, *due)).collect()
    }

    /// How many timers, at least and at most, ring in a run that went well and leave no record, once those that do are known.
    pub(crate) fn silently(&self, now: i64) -> (u32, u32) {
        let due = self.silent(now);
        let sure = due.iter().filter(|(_, due)| due.is_there && due.high <= now).count();
        // Before it was set anew it may have rung.
        let perhaps = self.set_meanwhile.values().filter(|known| **known).count();
        (sure as u32, (due.len() + perhaps) as u32)
    }

    /// Timers rang, or did not, that leave no record: all that may have, none but those that must, or nobody knows.
    pub(crate) fn rang_silently(&mut self, now: i64, unsure: bool, all: Option<bool>) {
        for (label, due) in self.silent(now) {
            let c = &self.conversations[&label];
            let waits = c.state == State::Waiting;
            // Looked at again where the answer is due later by now.
            let again = c.promise.filter(|_| waits).map(|promise| promise.due).filter(|at| *at > now);
            let place = (Bell::Reply, label);
            let rang = !unsure && (due.high <= now || all == Some(true));
            if rang {
                self.timers.remove(&place);
                if let Some(at) = again {
                    self.timers.insert(place, Due { low: at, high: at, is_there: due.is_there });
                }
            } else if !unsure && all == Some(false) {
                self.timers.insert(place, Due { low: now + 1, ..due });
            } else {
                let (low, latest) = if unsure { (due.low, now + LEASE) } else { (now + 1, due.high) };
                let stays = again.is_some() || self.is_late(label, now);
                let high = due.high.max(latest).max(again.unwrap_or(now));
                self.timers.insert(place, Due { low, high, is_there: due.is_there && stays });
            }
        }
    }
}
