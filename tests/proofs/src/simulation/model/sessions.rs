//! Who is signed in, and until when.

use super::{MINUTE, Model, SECOND, SESSION_AGE, Session, Subject};
use crate::simulation::step::Who;

impl Model {
    pub(super) fn is_open(who: Who, s: &Session, seen: i64, now: i64) -> bool {
        let idle = if matches!(who, Who::Officer(_)) { 15 * MINUTE } else { 30 * MINUTE };
        !s.ended && now < s.started + SESSION_AGE && now < seen + idle
    }

    /// A session begins; an officer's others end, of a taxpayer's all but two that are open by what is written down.
    pub(super) fn begin_session(&mut self, who: Who, hash: [u8; 32], now: i64) {
        let keep = if matches!(who, Who::Officer(_)) { 0 } else { 2 };
        let all = self.sessions.entry(who).or_default();
        let mut open: Vec<usize> = (0..all.len()).filter(|i| Self::is_open(who, &all[*i], all[*i].written, now)).collect();
        let idle = all.iter_mut().filter(|s| now < s.started + SESSION_AGE && !Self::is_open(who, s, s.written, now));
        idle.for_each(|s| s.ended = true);
        // A host that started again may be behind what it said before.
        open.sort_by_key(|i| std::cmp::Reverse((all[*i].started, all[*i].hash)));
        open.into_iter().skip(keep).for_each(|i| all[i].ended = true);
        all.push(Session { hash, started: now, written: now, ended: false });
    }

    /// The last session of somebody, where there is one, and whether it still stands.
    pub(super) fn last(&self, who: Who, now: i64) -> Option<(usize, bool)> {
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
}
