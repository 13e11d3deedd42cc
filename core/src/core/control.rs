//! Screening the audit trail, and writing down refusals: what a host calls.

use std::sync::PoisonError;

use super::Core;
use crate::clock::Timestamp;
use crate::control::{self, ControlRule, Entry, Finding, RaiseAlerts, Screened, Screening};
use crate::error::Error;
use crate::id::TimerId;
use crate::limits;
use crate::operation;
use crate::store::{StoreError, StoreExt};

impl Core {
    /// Writes down how often callers were refused for want of permission; with `all`, what was counted a moment ago too.
    /// Returns of how many callers. Call it about once a second on every host.
    pub fn write_down_denials(&self, all: bool) -> Result<u64, Error> {
        let due = self.0.denials.take(self.now(), all);
        if due.is_empty() {
            return Ok(0);
        }
        let written = self.as_system().ingest(&operation::RECORD_DENIALS, due.clone(), control::record_denials).wait();
        // Where the outcome is unknown they may be lost: nobody is to be accused of twice as many.
        if written.as_ref().is_err_and(|e| !matches!(e, Error::Store(StoreError::Unknown(_)))) {
            self.0.denials.put_back(due);
        }
        written
    }

    /// Screens the sealed audit trail of a period, `to` excluded, and writes down what is found. Again, or in pieces, it finds the
    /// same. Blocks, for as long as reading takes.
    ///
    /// # Errors
    /// `Invalid` for a period that ends before it begins.
    pub fn screen(&self, from: Timestamp, to: Timestamp) -> Result<Screened, Error> {
        control::period(from, to)?;
        let (mut place, mut screening) = self.begin_screening(Some(from))?;
        let mut done = Screened::default();
        let late = to.plus(limits::CLOCK_SKEW_MAX);
        loop {
            let (entries, mut found) = self.read_on(&mut place, &mut screening)?;
            done.read += entries.len() as u64;
            found.retain(|finding| from <= finding.at && finding.at < to);
            done.found += found.len() as u64;
            done.raised += self.raise(found)?;
            let over = entries.iter().any(|entry| entry.record.as_ref().is_some_and(|record| record.at >= late));
            if over || entries.is_empty() {
                return Ok(done);
            }
        }
    }

    /// Screens what was sealed since the last time; a long backlog in several runs.
    pub(super) fn screen_what_is_new(&self, timer: TimerId, token: i64) -> Result<(), Error> {
        let mut kept = self.0.screening.lock().unwrap_or_else(PoisonError::into_inner);
        let (rules, calendar) = self.screening_rules()?;
        let (mut place, mut screening) = match kept.take() {
            Some((place, screening)) if screening.goes_by(&rules, &calendar) => (place, screening),
            _ => self.begin_screening(None)?,
        };
        let mut more = true;
        for _ in 0..limits::SCREENED_PAGES_MAX {
            let (entries, found) = self.read_on(&mut place, &mut screening)?;
            self.raise(found)?;
            more = entries.len() == limits::SCREENED_AT_ONCE as usize;
            if !more {
                break;
            }
        }
        *kept = Some((place, screening));
        self.as_system().engine(&operation::RUN_DUE, (timer, token, place, more), control::move_on).wait()
    }

    /// The next page of the trail, and what it makes known.
    fn read_on(&self, place: &mut i64, screening: &mut Screening) -> Result<(Vec<Entry>, Vec<Finding>), Error> {
        let from = *place;
        let entries = self.0.store.query("control.screen", move |tx| control::page(tx, from))?;
        let mut found = Vec::new();
        for entry in &entries {
            *place = entry.number;
            found.extend(screening.next(entry));
        }
        screening.forget();
        Ok((entries, found))
    }

    fn screening_rules(&self) -> Result<(Vec<ControlRule>, std::sync::Arc<crate::calendar::Calendar>), Error> {
        let (settings, distrusted, calendars) = (self.0.settings.clone(), self.0.distrusted.clone(), self.0.calendars.clone());
        self.0.store.query("control.rules", move |tx| {
            Ok((control::rules(tx, super::rights(&settings, &distrusted))?, calendars.in_force(tx)?.calendar.clone()))
        })
    }

    /// Begins far enough before an instant to find what belongs to it; without one, before where the timer left.
    fn begin_screening(&self, from: Option<Timestamp>) -> Result<(i64, Screening), Error> {
        let (rules, calendar) = self.screening_rules()?;
        let place = self.0.store.query("control.screen", move |tx| {
            let from = match from {
                Some(from) => Some(from),
                None => {
                    let left = control::screened_to(tx)?;
                    control::page(tx, left - 1)?.first().and_then(|entry| entry.record.as_ref()).map(|record| record.at)
                }
            };
            from.map_or(Ok(0), |from| control::place_before(tx, from.minus(control::REACH)))
        })?;
        Ok((place, Screening::begin(rules, calendar, place)))
    }

    fn raise(&self, found: Vec<Finding>) -> Result<u64, Error> {
        let mut raised = 0;
        for findings in found.chunks(limits::FINDINGS_AT_ONCE) {
            let findings = findings.to_vec();
            let findings = self.0.store.query("control.screen", move |tx| control::not_known(tx, findings.clone()))?;
            if findings.is_empty() {
                continue; // finding the same again is not worth a record
            }
            let cmd = RaiseAlerts { findings };
            raised += self.as_system().command(&operation::SCREEN, cmd, control::raise).wait()?.raised;
        }
        Ok(raised)
    }
}
