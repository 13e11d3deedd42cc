//! The calendar in force: what this program has as published, and over it what was approved here.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use super::proposal::{Change, Proposal, hours_of};
use super::{Calendar, Date, FilingPeriods, Hours, Notice, Span, midnight, published};
use crate::access::{AuthorityPath, Engine};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::id::ProposalId;
use crate::identity::AuthorityCode;
use crate::limits;
use crate::store::{ReadTx, Reads, StoreResult, stretch};

/// The day as of which the tables in `core/data` were put together: what is made of them alone is as old as that.
const TABLES_OF: Option<Date> = Date::from_ymd_opt(2026, 11, 26);

static PUBLISHED: LazyLock<Vec<Notice>> = LazyLock::new(published);

/// Hours that hold where none were approved: 8:30 to 11:30 and 13:00 to 16:30. An assumption, and shown as one.
const ASSUMED: [Span; 2] = [Span { from_min: 510, until_min: 690 }, Span { from_min: 780, until_min: 990 }];

/// What holds at a moment.
#[derive(Debug)]
pub struct InForce {
    /// The last change; none where nothing was approved here.
    last: Option<ProposalId>,
    /// Working days; its version is the number of the last change.
    pub calendar: Arc<Calendar>,
    /// Filing periods.
    pub filing: FilingPeriods,
    /// When the last change was approved, or else the day of the tables that this program has.
    pub changed_at: Timestamp,
    hours: BTreeMap<AuthorityCode, (Hours, String)>,
}

impl InForce {
    /// The hours of an authority: its own, or of the nearest above that has some, with the document; or those assumed.
    pub fn hours(&self, path: &AuthorityPath) -> Result<(Hours, Option<String>), Error> {
        match path.codes().iter().rev().find_map(|code| self.hours.get(code)) {
            Some((hours, document)) => Ok((hours.clone(), Some(document.clone()))),
            None => Ok((Hours::from(self.calendar.range().0, &ASSUMED)?, None)),
        }
    }
}

/// The last calendar that was asked for, kept until something is approved: making one takes milliseconds.
#[derive(Debug, Default)]
pub struct Calendars(Mutex<Option<Arc<InForce>>>);

impl Calendars {
    /// What holds as this transaction sees it.
    pub(crate) fn in_force(&self, tx: &mut dyn ReadTx) -> Result<Arc<InForce>, Error> {
        let newest = stretch(Some(Proposal::BY_NUMBER), ()).newest_first().limit(1);
        let newest: Vec<Proposal> = tx.scan(approved_ones(), newest)?;
        // By id, not by number: a number that was given in a transaction that did not commit is given again.
        let last = newest.first().map(|p| p.id);
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(kept) = kept.filter(|kept| kept.last == last) {
            return Ok(kept);
        }
        let fresh = Arc::new(made_of(&approved(tx)?)?);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(fresh.clone());
        Ok(fresh)
    }
}

fn approved_ones() -> Engine {
    Engine::work("the calendar is made of everything that was approved")
}

/// Everything that was approved, in that order.
fn approved(tx: &mut dyn ReadTx) -> StoreResult<Vec<Proposal>> {
    let mut all: Vec<Proposal> = Vec::new();
    loop {
        let range = stretch(Some(Proposal::BY_NUMBER), ()).limit(limits::PAGE_ROWS_MAX);
        // The index goes on with the key.
        let range = if let Some(last) = all.last() { range.after((last.number, last.id)) } else { range };
        let mut page: Vec<Proposal> = tx.scan(approved_ones(), range)?;
        let full = page.len() == limits::PAGE_ROWS_MAX as usize;
        all.append(&mut page);
        if !full {
            return Ok(all);
        }
    }
}

fn made_of(approved: &[Proposal]) -> Result<InForce, Error> {
    let mut notices = PUBLISHED.clone();
    let (mut filing, mut hours) = (FilingPeriods::published(), BTreeMap::new());
    for proposal in approved {
        let draft = proposal.draft()?;
        notices.extend(draft.notice());
        match &draft.change {
            Change::WorkingDays { .. } => {}
            Change::FilingPeriods { last_days, .. } => filing.publish(last_days, &draft.document),
            Change::OfficeHours { authority, .. } => {
                hours.extend(hours_of(&draft.change)?.map(|own| (*authority, (own, draft.document.clone()))));
            }
        }
    }
    let last = approved.last();
    let version = last.and_then(|p| p.number).unwrap_or(0);
    let changed_at = last.and_then(|p| p.decided_at).unwrap_or_else(|| midnight(TABLES_OF.unwrap_or_default()));
    let calendar = Arc::new(Calendar::new(version, &notices));
    Ok(InForce { last: last.map(|p| p.id), calendar, filing, changed_at, hours })
}
