//! The calendar in force: what this program has as published, and over it what was approved here.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use super::proposal::{Change, draft_of, hours_of};
use super::{Calendar, Date, Dated, FilingPeriods, Hours, LegalNumbers, Notice, Span, Timeline, midnight, published};
use crate::access::{AuthorityPath, Engine};
use crate::approval::{Approval, Family};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::id::ApprovalId;
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
    last: Option<ApprovalId>,
    /// Working days; its version is the number of the last change.
    pub calendar: Arc<Calendar>,
    /// Filing periods.
    pub filing: FilingPeriods,
    /// Legal numbers.
    pub numbers: LegalNumbers,
    /// When the last change was approved, or else the day of the tables that this program has.
    pub changed_at: Timestamp,
    hours: BTreeMap<AuthorityCode, (Hours, String)>,
    /// Timelines that were asked for: making one takes milliseconds.
    timelines: Mutex<BTreeMap<Whose, Arc<Timeline>>>,
}

/// Whose hours: of the nearest authority that has some, or those assumed, or stretches of each working day.
type Whose = (Option<AuthorityCode>, Vec<Span>);

impl InForce {
    /// The hours of an authority: its own, or of the nearest above that has some, with the document; or those assumed.
    pub fn hours(&self, path: &AuthorityPath) -> Result<(Hours, Option<String>), Error> {
        match path.codes().iter().rev().find_map(|code| self.hours.get(code)) {
            Some((hours, document)) => Ok((hours.clone(), Some(document.clone()))),
            None => Ok((Hours::from(self.calendar.range().0, &ASSUMED)?, None)),
        }
    }

    /// The calendar with the hours of an authority, or with stretches of each working day in place of them.
    pub fn timeline(&self, path: &AuthorityPath, own: Option<&[Span]>) -> Result<Arc<Timeline>, Error> {
        let whose = match own {
            Some(spans) => (None, spans.to_vec()),
            None => (path.codes().iter().rev().find(|code| self.hours.contains_key(code)).copied(), Vec::new()),
        };
        let kept = || self.timelines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(timeline) = kept().get(&whose) {
            return Ok(timeline.clone());
        }
        let hours = match own {
            Some(spans) => Hours::from(self.calendar.range().0, spans)?,
            None => self.hours(path)?.0,
        };
        let timeline = Arc::new(Timeline::new(self.calendar.clone(), hours));
        let mut kept = kept();
        if kept.len() >= limits::TIMELINES_KEPT_MAX {
            kept.clear();
        }
        kept.insert(whose, timeline.clone());
        Ok(timeline)
    }
}

/// The last calendar that was asked for, kept until something is approved: making one takes milliseconds.
#[derive(Debug, Default)]
pub struct Calendars(Mutex<Option<Arc<InForce>>>);

impl Calendars {
    /// What holds as this transaction sees it.
    pub(crate) fn in_force(&self, tx: &mut dyn ReadTx) -> Result<Arc<InForce>, Error> {
        let newest = stretch(Some(Approval::BY_NUMBER), (Family::Calendar,)).newest_first().limit(1);
        let newest: Vec<Approval> = tx.scan(approved_ones(), newest)?;
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
fn approved(tx: &mut dyn ReadTx) -> StoreResult<Vec<Approval>> {
    tx.scan_all(approved_ones(), stretch(Some(Approval::BY_NUMBER), (Family::Calendar,)), |_| true)
}

fn made_of(approved: &[Approval]) -> Result<InForce, Error> {
    let mut notices = PUBLISHED.clone();
    let (mut filing, mut numbers, mut hours) = (FilingPeriods::published(), LegalNumbers::shipped(), BTreeMap::new());
    for proposal in approved {
        let draft = draft_of(proposal)?;
        notices.extend(draft.notice());
        match &draft.change {
            Change::WorkingDays { .. } => {}
            Change::FilingPeriods { last_days, .. } => filing.publish(last_days, &draft.document),
            Change::LegalNumber { number, from, value } => {
                numbers.set(*number, Dated { from: *from, value: *value, document: draft.document.clone(), approved: true });
            }
            Change::OfficeHours { authority, .. } => {
                hours.extend(hours_of(&draft.change)?.map(|own| (*authority, (own, draft.document.clone()))));
            }
        }
    }
    let last = approved.last();
    let version = last.and_then(|p| p.number).unwrap_or(0);
    let changed_at = last.and_then(|p| p.executed_at).unwrap_or_else(|| midnight(TABLES_OF.unwrap_or_default()));
    let calendar = Arc::new(Calendar::new(version, &notices));
    Ok(InForce { last: last.map(|p| p.id), calendar, filing, numbers, changed_at, hours, timelines: Mutex::default() })
}
