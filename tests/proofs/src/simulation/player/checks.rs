//! What is compared besides answers: the journal and what of it people are shown, the audit trail, projections with rows, and, in the
//! end, that nothing is stuck.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;
use std::time::Instant;

use zhengna_core::audit::{AuditAsked, AuditEntry};
use zhengna_core::interaction::Wanted;
use zhengna_core::journal::Topic;
use zhengna_core::store::Page;
use zhengna_core::{Error, limits};

use super::super::model::doors::PROVIDERS;
use super::super::model::people::{FIELDS, ROLES};
use super::super::model::{About, State, Subject, Told, View};
use super::super::stage::{CAPACITY, patiently, slow};
use super::super::step::{Deed, Step, Who};
use super::people::REASON;
use super::{Came, Checked, PATIENCE, Player};

impl Player {
    pub(super) fn tail_journal(&mut self) -> Checked<()> {
        self.tail_journal_to_model()?;
        self.unread = 0;
        let last = self.cursors.last().copied().unwrap_or(self.journal_start);
        match self.core().journal_after(last, 1).map_err(|e| e.to_string())?.first() {
            Some(extra) => Err(format!("the journal holds an event that should not be: {:?} of {:?}", extra.kind, extra.topic())),
            None => Ok(()),
        }
    }

    /// Compares events up to the last one that the model knows of.
    pub(super) fn tail_journal_to_model(&mut self) -> Checked<()> {
        let until = Instant::now() + PATIENCE;
        while self.cursors.len() < self.model.journal.len() {
            let last = self.cursors.last().copied().unwrap_or(self.journal_start);
            let missing = self.model.journal.len() - self.cursors.len();
            let found = self.core().journal_after(last, (missing as u32).min(limits::EVENTS_PAGE_MAX)).map_err(|e| e.to_string())?;
            for event in &found {
                let should = self.model.journal[self.cursors.len()];
                let same = event.topic() == self.topic(should.about)
                    && event.kind.as_str() == should.kind
                    && event.conversation() == should.conversation.and_then(|l| self.id(l))
                    && event.number == should.number
                    && event.actor == self.stage.actor(should.who).as_ref()
                    && event.at.micros() == should.at
                    && self.cursors.last().is_none_or(|before| *before < event.cursor());
                if !same {
                    return Err(format!("event {} is {event:?}\n  should be {should:?}", self.cursors.len()));
                }
                self.cursors.push(event.cursor());
            }
            if found.is_empty() {
                if !self.postgres() || Instant::now() > until {
                    return Err(format!("the journal lacks {:?}", self.model.journal[self.cursors.len()]));
                }
                std::thread::yield_now();
            }
            self.counts.events += found.len() as u64;
        }
        Ok(())
    }

    pub(super) fn topic(&self, about: About) -> Option<Topic> {
        Some(match about {
            About::Conversation(label) => Topic::Conversation(self.id(label)?),
            About::Line(n) => Topic::Line(self.stage.lines[usize::from(n)]),
            About::Taxpayer(n) => Topic::Taxpayer(self.stage.taxpayers[usize::from(n)]),
            About::Officer(n) => Topic::Officer(self.stage.officers[usize::from(n)]),
        })
    }

    /// A client reads on where it stopped: what it follows, and the events of that, none lost and none twice.
    pub(super) fn follow(&mut self, step: &Step, who: Who, max: u32) -> Checked<Came> {
        self.tail_journal()?;
        let since = *self.readers.entry(who).or_insert(self.cursors.len());
        let cursor = since.checked_sub(1).map_or(self.journal_start, |i| self.cursors[i]);
        let (topics, should, place) = self.model.follow(who, since, max as usize);
        self.arm(step);
        let journal = self.stage.session(who, None);
        let answer = journal.journal().topics(Some(cursor)).and_then(|found| {
            let page = journal.journal().events_after(found.clone(), cursor, max)?;
            Ok((found, page))
        });
        let struck = self.struck(step);
        self.counts.queries += 2;
        let (found, page) = match answer {
            Err(Error::Store(e)) if struck || slow(&e) => return Ok(Came::Failed),
            Err(e) => return Err(format!("an event reader: {e}")),
            Ok(_) if struck => return Err("a storage fault was swallowed".into()),
            Ok(answer) => answer,
        };
        let found: BTreeSet<Topic> = found.into_iter().collect();
        let wanted: BTreeSet<Topic> = topics.iter().filter_map(|t| self.topic(*t)).collect();
        if found != wanted {
            return Err(format!("{who:?} follows {found:?}\n  should follow {wanted:?}"));
        }
        let mut shown = Vec::new();
        for event in &page.events {
            let place = self.cursors.binary_search(&event.cursor).map_err(|_| format!("an event that is not in the journal: {event:?}"))?;
            let original = self.model.journal[place];
            if event.kind.as_str() != original.kind || event.mine != (original.who == who) || event.at.micros() != original.at {
                return Err(format!("{who:?} is shown {event:?}\n  should be {original:?}"));
            }
            shown.push((place, event.message.as_ref().map(|m| m.text.clone())));
        }
        let told = Told::Events { shown, more: page.more };
        let reached = place.checked_sub(1).map_or(self.journal_start, |i| self.cursors[i]);
        if told != should || (page.cursor != reached && place != since) {
            return Err(format!("{who:?} is shown {told:?}\n  should be {should:?}"));
        }
        told.hash(&mut self.trace);
        self.readers.insert(who, place);
        self.counts.resumed += 1;
        Ok(Came::Done)
    }

    /// Chains every record there is, with no fault in the way.
    pub(super) fn seal_all(&mut self) -> Checked<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.core().seal_audit() {
                Ok(sealed) => {
                    let (before, count) = (self.sealed, i64::from(sealed.sealed));
                    // The observer seals too, after faults that may have sealed more than they said.
                    if sealed.number < before + count {
                        return Err(format!("the chain is at {} after {count} records behind {before}", sealed.number));
                    }
                    self.sealed = sealed.number;
                    if sealed.more {
                        continue;
                    }
                    // On PostgreSQL another transaction, of another database even, may hold the last ones back.
                    if !self.postgres() || self.verdict()?.unsealed == 0 {
                        return Ok(());
                    }
                }
                Err(Error::Store(e)) if slow(&e) => {}
                Err(e) => return Err(format!("sealing: {e}")),
            }
            if Instant::now() > until {
                return Err("records are left unsealed".into());
            }
        }
    }

    pub(super) fn verdict(&self) -> Checked<zhengna_core::audit::Verdict> {
        let verdict = self.core().verify_audit(self.checkpoints.clone(), |_, _| ()).map_err(|e| format!("verification: {e}"))?;
        match verdict.finding {
            Some(finding) => Err(format!("the audit trail: {finding:?}")),
            None => Ok(verdict),
        }
    }

    /// Sealed records that were not compared yet. Each page read leaves a record; how many did.
    pub(super) fn unread_records(&mut self) -> Checked<(Vec<AuditEntry>, u32)> {
        self.seal_all()?;
        let (mut entries, mut pages) = (Vec::new(), 0);
        loop {
            let after = self.trail_start + (self.trail_read + entries.len()) as i64;
            if after >= self.sealed {
                return Ok((entries, pages));
            }
            let page = self.core().as_system().audit().read(AuditAsked::behind(after, limits::PAGE_ROWS_MAX)).wait();
            match page {
                Ok(page) if page.items.is_empty() => return Err(format!("the trail has no record {}", after + 1)),
                Ok(page) => {
                    for (entry, number) in page.items.iter().zip(after + 1..) {
                        if entry.number != Some(number) {
                            return Err(format!("record {number} of the trail is {:?}", entry.number));
                        }
                    }
                    pages += 1;
                    entries.extend(page.items);
                }
                Err(Error::Store(e)) if slow(&e) => {}
                Err(e) => return Err(format!("reading the trail: {e}")),
            }
        }
    }

    /// Compares the next record of the trail with the model's.
    pub(super) fn check_record(&mut self, entry: &AuditEntry) -> Checked<()> {
        let Some(should) = self.model.records.get(self.trail_read).copied() else {
            return Err(format!("the trail holds a record that should not be: {} {}", entry.operation, entry.subject));
        };
        let subject = match should.subject {
            Subject::Conversation(label) => format!("conversation/{}", self.known(label)?),
            Subject::Message(label, number) => format!("conversation/{}/message/{number}", self.known(label)?),
            Subject::Transferred(label, line) => {
                format!("conversation/{} to line/{}", self.known(label)?, self.stage.lines[usize::from(line)])
            }
            Subject::Handed(label, officer) => {
                let officer = self.stage.officers[usize::from(officer)];
                format!("conversation/{} to officer/{officer}", self.known(label)?)
            }
            Subject::Merged(kept, other) => {
                format!("conversation/{} from conversation/{}", self.known(kept)?, self.known(other)?)
            }
            Subject::Whisper(label, number) => format!("conversation/{}/whisper/{number}", self.known(label)?),
            Subject::Line(n) => format!("line/{}", self.stage.lines[usize::from(n)]),
            Subject::Session => "session".into(),
            Subject::SocketTicket => "socket_ticket".into(),
            Subject::Trail => "audit".into(),
            Subject::Officer(n) => self.stage.actor(Who::Officer(n)).as_ref().to_string(),
            // Which rows a list had is told by a keyed digest.
            Subject::List => entry.subject.clone(),
            Subject::Relation(company, role, person) => {
                format!("relation/{}/{}/{}", self.who_is(company), ROLES[usize::from(role)], self.who_is(person))
            }
            Subject::Field(of, field) => format!("taxpayer/{}/{}", self.who_is(of), FIELDS[usize::from(field)]),
            Subject::Phone(of) => format!("taxpayer/{}/phone", self.who_is(of)),
            Subject::Account(of, provider) => format!("taxpayer/{}/{}", self.who_is(of), PROVIDERS[usize::from(provider)].0),
            Subject::NotLinked => "session/not_linked".into(),
            Subject::ProofSpent => "session/spent".into(),
            Subject::Import(list, attempt) => format!("import/{}/{attempt}", format!("{list:02x}").repeat(8)),
            Subject::Factor => "second_factor".into(),
            Subject::SignIn(Who::Nobody, how) => format!("session/{how}"),
            Subject::SignIn(whose, how) => format!("{}/session/{how}", self.stage.actor(whose).as_ref()),
        };
        let reasoned = !matches!(should.subject, Subject::Relation(..) | Subject::Field(..)) || entry.reason.as_deref() == Some(REASON);
        let actor = self.stage.actor(should.who).as_ref().to_string();
        if entry.operation != should.operation
            || entry.subject != subject
            || entry.actor != actor
            || entry.at.micros() != should.at
            || !reasoned
        {
            return Err(format!("record {:?} is {entry:?}\n  should be {should:?}", entry.number));
        }
        self.trail_read += 1;
        self.counts.records += 1;
        Ok(())
    }

    pub(super) fn tail_records(&mut self, now: i64) -> Checked<()> {
        let (entries, pages) = self.unread_records()?;
        entries.iter().try_for_each(|entry| self.check_record(entry))?;
        if self.trail_read < self.model.records.len() {
            return Err(format!("the trail lacks {:?}", self.model.records[self.trail_read]));
        }
        (0..pages).for_each(|_| self.model.trail_read(now));
        Ok(())
    }

    pub(super) fn tail(&mut self, now: i64) -> Checked<()> {
        self.tail_journal()?;
        self.tail_records(now)
    }

    pub(super) fn recount(&self) -> Checked<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            let differences = match self.core().recount() {
                Ok(differences) => differences,
                Err(Error::Store(e)) if slow(&e) => vec!["the machine is too slow".into()],
                Err(e) => return Err(format!("recounting: {e}")),
            };
            if differences.is_empty() {
                return Ok(());
            }
            if !self.postgres() || Instant::now() > until {
                return Err(format!("what is kept in memory is not what the rows say: {differences:?}"));
            }
        }
    }

    /// Reads everything: projections, the chain, every conversation within the supervisor's reach, messages.
    pub(super) fn scan(&mut self, now: i64) -> Checked<()> {
        self.counts.scans += 1;
        self.recount()?;
        self.tail(now)?;
        self.verify()?;
        self.numbers()?;
        let (mut after, mut seen) = (None, Vec::new());
        let supervisor = self.stage.session(Who::Supervisor, None);
        loop {
            let page = supervisor
                .interaction()
                .conversations(Page { after, limit: limits::PAGE_ROWS_MAX }, Wanted::default())
                .map_err(|e| e.to_string())?;
            seen.extend(page.items.iter().map(|v| self.view(v)));
            after = page.after;
            if after.is_none() {
                break;
            }
        }
        self.hold(&seen)?;
        let should = self.model.everything(Who::Supervisor);
        if seen != should {
            let different = seen.iter().zip(&should).find(|(a, b)| a != b);
            return Err(format!("{} conversations, should be {}; the first different: {different:?}", seen.len(), should.len()));
        }
        // Of the messages some, others each time.
        let step = 7.max(seen.len() / 64);
        for view in seen.iter().skip(self.counts.scans as usize % step).step_by(step) {
            let deed = Deed::Messages { who: Who::Taxpayer(view.taxpayer), conversation: view.conversation, after: 0 };
            let step = Step { number: u32::MAX, at: now, deed, key: None, strike: None };
            let (told, _) = self.perform(&step);
            let (told, should) = (told.map_err(|e| e.to_string())?, self.model.take(&step, None));
            if told != should {
                return Err(format!("the messages of #{} are {told:?}\n  should be {should:?}", view.conversation));
            }
        }
        Ok(())
    }

    /// Every record is there, chained, and as it was when it was signed for.
    pub(super) fn verify(&mut self) -> Checked<()> {
        self.seal_all()?;
        let verdict = self.verdict()?;
        let all = self.trail_start + self.model.records.len() as i64;
        if verdict.verified != all || verdict.unsealed != 0 || verdict.checkpoints != self.checkpoints.len() {
            return Err(format!("{verdict:?}, there should be {all} records and {} checkpoints", self.checkpoints.len()));
        }
        Ok(())
    }

    /// What holds whatever the model says.
    pub(super) fn hold(&self, seen: &[View]) -> Checked<()> {
        let mut holding: BTreeMap<&str, usize> = BTreeMap::new();
        let mut tickets = BTreeSet::new();
        for v in seen {
            let [last, taxpayer_read, officer_read, _] = v.numbers;
            if taxpayer_read > last || officer_read > last {
                return Err(format!("#{} is read further than it was written", v.conversation));
            }
            let times: Vec<i64> = v.times.iter().flatten().copied().collect();
            if times.windows(2).any(|w| w[1] < w[0]) {
                return Err(format!("time goes back within #{}: {times:?}", v.conversation));
            }
            if !tickets.insert((v.line, v.ticket)) {
                return Err(format!("ticket {} of line {} was given twice", v.ticket, v.line));
            }
            let whole = match v.state {
                State::Waiting => v.staff_no.is_none() && v.times[2].is_none(),
                State::Active => v.staff_no.is_some() && v.times[2].is_none(),
                State::Closed => v.outcome.is_some() && v.times[2].is_some(),
                State::Left => v.outcome.is_none() && v.times[2].is_some(),
            };
            if !whole {
                return Err(format!("#{} is {:?} but not whole: {v:?}", v.conversation, v.state));
            }
            if let (State::Active, Some(staff_no)) = (v.state, &v.staff_no) {
                *holding.entry(staff_no).or_default() += 1;
            }
        }
        match holding.iter().find(|(_, n)| **n > CAPACITY + limits::ON_HOLD_MAX as usize) {
            Some((officer, n)) => Err(format!("officer {officer} holds {n} conversations")),
            None => Ok(()),
        }
    }

    /// The world has healed: nothing may be stuck, and everything must be told, chained and signed.
    pub(crate) fn healed(&mut self, now: i64) -> Checked<()> {
        let stuck = self.model.unfinished();
        if !stuck.is_empty() {
            return Err(format!("stuck after all faults ended: {}", stuck[..stuck.len().min(5)].join(", ")));
        }
        // Signed for to the end, also by what a fault kept from the second sink.
        self.tail(now)?;
        self.seal_all()?;
        patiently(|| self.core().checkpoint_audit(true)).map_err(|e| e.to_string())?;
        self.checkpoints = self.core().checkpoints_after(0).map_err(|e| e.to_string())?;
        let (signed, all) = (self.checkpoints.last().map_or(0, |c| c.number), self.sealed);
        if signed != all {
            return Err(format!("{signed} of {all} records are signed for"));
        }
        self.scan(now)?;
        let told = if self.stage.setting.told { self.model.closed_count() } else { 0 };
        if self.received.len() != told {
            return Err(format!("the outside heard of {} closed conversations, there are {told}", self.received.len()));
        }
        let again = patiently(|| self.core().run_due(1000)).map_err(|e| e.to_string())?;
        let leased = patiently(|| self.core().lease_deliveries(1)).map_err(|e| e.to_string())?;
        if again > 1 || !leased.is_empty() {
            return Err(format!("{again} timers and {} deliveries are left", leased.len()));
        }
        Ok(())
    }
}
