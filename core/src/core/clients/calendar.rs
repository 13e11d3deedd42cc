//! Working days and what stands on them.

use crate::approval::Opened;
use crate::calendar::{self, AskDue, CalendarYear, Draft, DueView, FilingYear, LegalNumbersView};
use crate::core::Session;
use crate::core::door::Command;
use crate::error::Error;
use crate::operation;
use crate::store::Ticket;

impl Command for Draft {}

/// Working days, filing periods, terms.
pub struct Calendar<'a>(pub(in crate::core) &'a Session);

impl Calendar<'_> {
    /// The days of a year.
    pub fn year(&self, year: i32) -> Result<CalendarYear, Error> {
        let calendars = self.0.core.0.calendars.clone();
        self.0.query(&operation::CALENDAR_YEAR, move |tx, _| calendar::year(tx, &calendars, year))
    }

    /// The filing periods of a year.
    pub fn filing_periods(&self, year: i32) -> Result<FilingYear, Error> {
        let calendars = self.0.core.0.calendars.clone();
        self.0.query(&operation::FILING_PERIODS, move |tx, _| calendar::filing_periods(tx, &calendars, year))
    }

    /// Numbers that laws and notices set, with what they were and will be.
    pub fn legal_numbers(&self) -> Result<LegalNumbersView, Error> {
        let calendars = self.0.core.0.calendars.clone();
        self.0.query(&operation::LEGAL_NUMBERS, move |tx, _| calendar::legal_numbers(tx, &calendars))
    }

    /// When a term ends.
    pub fn due(&self, asked: AskDue) -> Result<DueView, Error> {
        let calendars = self.0.core.0.calendars.clone();
        self.0.query(&operation::DUE, move |tx, ctx| calendar::due(tx, ctx, &calendars, &asked))
    }

    /// Proposes a change.
    pub fn propose(&self, draft: Draft) -> Ticket<Opened> {
        self.0.command(&operation::PROPOSE, draft, calendar::propose)
    }
}
