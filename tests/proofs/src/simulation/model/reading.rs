//! What somebody who reads is told: conversations, messages, places, transcripts, events.

use std::collections::BTreeSet;

use super::hours::served_until;
use super::recall::shown;
use super::{About, Event, Model, Remark, State, Told, View, Wait};
use crate::simulation::stage::{CAPACITY, LINES, text};
use crate::simulation::step::Who;

/// The number of the supervisor who serves nobody.
const SUPERVISOR: &str = "22010902";

impl Model {
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
            joined: c.joined.map(|n| self.staff_no(n)),
            ticket: c.ticket,
            times: [Some(c.entered_at), c.claimed_at, c.ended_at],
            outcome: c.outcome,
            merged_into: c.merged_into,
            reply_due: (c.promise.map(|promise| promise.due), c.promise.is_some_and(|promise| promise.provisional)),
            on_behalf: c.on_behalf,
            topic_named: c.topic,
            owed: [c.held_until, c.unanswered_since],
            numbers: [last, c.taxpayer_read, c.officer_read, unread],
        }
    }

    pub(super) fn place(&self, now: i64, label: u32) -> Told {
        let c = &self.conversations[&label];
        if c.state != State::Waiting {
            return Told::Place { state: c.state, wait: None };
        }
        let line = usize::from(c.line);
        let ahead = self.waiting[line].range(..(c.rank, c.ticket)).count() as u32;
        let there: Vec<u8> =
            self.present.iter().filter(|(n, until)| now < **until && self.county(**n) == LINES[line]).map(|(n, _)| *n).collect();
        let free_of = |n: &u8| CAPACITY.saturating_sub(self.holds(*n));
        let (places, free) = ((there.len() * CAPACITY) as u32, there.iter().map(free_of).sum::<usize>() as u32);
        let done = self.closed[line].iter().rev().take(20).map(|(_, _, l)| &self.conversations[l]);
        let lasted: Vec<f64> = done.filter_map(|c| Some(seconds(c.ended_at? - c.claimed_at?))).collect();
        // The same officers serve every line of the county, which take turns by how many wait in each.
        let waiting = |l: usize| self.waiting[l].len() as u32;
        let (here, all) = (waiting(line), (0..LINES.len()).filter(|l| LINES[*l] == LINES[line]).map(waiting).sum::<u32>());
        let turn = if there.is_empty() { ahead + 1 } else { ((ahead + 1) * all).div_ceil(here) };
        let told = match told_wait(turn.saturating_sub(free), places, &lasted) {
            // Outside of its hours nobody is expected.
            _ if served_until(c.line, now).is_none() => Err("not_served"),
            told => told,
        };
        let wait = Wait { ahead, told: told.map(|(p50, p90)| (p50, p90, [there.len() as u32, places, free, lasted.len() as u32])) };
        Told::Place { state: c.state, wait: Some(wait) }
    }

    pub(super) fn remarks(&self, who: Who, label: u32) -> Vec<Remark> {
        let all = self.conversations[&label].whispers.iter().zip(1i64..);
        let staff_no = |author| match author {
            Who::Officer(n) => self.staff_no(n),
            _ => SUPERVISOR.into(),
        };
        all.map(|(w, number)| Remark { number, staff_no: staff_no(w.who), mine: w.who == who, text: text(w.text), at: w.at }).collect()
    }

    /// Remarks are for whoever reviews, not for those who talk.
    pub(super) fn transcript(&self, who: Who, label: u32, reviewed: bool) -> Told {
        let about = About::Conversation(label);
        // Entering is the first event; searching from the end of a long journal would take longer.
        let events = self.journal.iter().filter(|e| e.about == about).map(|e| (e.kind, e.at, e.who, e.number)).collect();
        let remarks = if reviewed { self.remarks(who, label) } else { Vec::new() };
        Told::Transcript(Box::new(self.view(who, label)), self.words(who, label, 0, reviewed), events, remarks)
    }

    /// What somebody follows who has read the journal up to `since`.
    pub(super) fn follows(&self, who: Who, since: usize) -> BTreeSet<About> {
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
                topics.extend(self.joined.get(&n).into_iter().flatten().map(|l| About::Conversation(*l)));
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
        // Whoever had a conversation once, and has it no more, is shown nothing of it.
        let open = |about: &About| match (who, about) {
            (Who::Officer(n), About::Conversation(label)) => self.conversations[label].is_of(n),
            _ => true,
        };
        let shown = |e: &Event| topics.contains(&e.about) && open(&e.about);
        let mut found = self.journal.iter().enumerate().skip(since).filter(|(_, e)| shown(e)).map(|(i, _)| i);
        let page: Vec<usize> = found.by_ref().take(max).collect();
        let place = page.last().map_or(since, |last| last + 1);
        let more = page.len() >= max;
        let supervises = matches!(who, Who::Officer(n) if self.is_chief(n));
        let shown = page.into_iter().filter(|i| {
            let e = &self.journal[*i];
            let ends = matches!(e.kind, "conversation.closed" | "conversation.left");
            (matches!(e.about, About::Conversation(_)) || !ends) && (supervises || e.kind != "conversation.escalated")
        });
        let shown = shown.map(|i| (i, self.said(&self.journal[i]))).collect();
        (topics, Told::Events { shown, more }, place)
    }

    pub(super) fn said(&self, event: &Event) -> Option<String> {
        let (Some(label), Some(number)) = (event.conversation, event.number) else { return None };
        let one = matches!(event.kind, "message.sent" | "message.recalled");
        shown(&self.conversations[&label], number, false).filter(|_| one)
    }

    // Timers.
}

fn seconds(micros: i64) -> f64 {
    std::time::Duration::from_micros(micros.unsigned_abs()).as_secs_f64()
}

/// Until so many conversations have ended, of which so many go on at once: half of the time, and nine times of ten.
fn told_wait(missing: u32, at_once: u32, lasted: &[f64]) -> Result<(u64, u64), &'static str> {
    if at_once == 0 {
        return Err("nobody_there");
    }
    let lasted = if lasted.is_empty() { &[480.0] } else { lasted };
    let n = lasted.len() as f64;
    let mean = lasted.iter().sum::<f64>() / n;
    let deviation = (lasted.iter().map(|one| (one - mean) * (one - mean)).sum::<f64>() / n).sqrt();
    let (missing, at_once) = (f64::from(missing), f64::from(at_once));
    let half = missing * mean / at_once;
    let most = half + 1.281_551_6 * deviation * missing.sqrt() / at_once;
    if most > 7200.0 { Err("overloaded") } else { Ok((half.round() as u64, most.round() as u64)) }
}
