//! Events.

use crate::core::{EventPage, Session, live};
use crate::error::Error;
use crate::journal::{Cursor, Topic};
use crate::limits;
use crate::operation;

/// Live events.
pub struct Journal<'a>(pub(in crate::core) &'a Session);

impl Journal<'_> {
    /// What the caller follows. With `since`, also the conversations that ended behind that place, so that a
    /// client that was away reads them to their end.
    pub fn topics(&self, since: Option<Cursor>) -> Result<Vec<Topic>, Error> {
        self.0.query(&operation::EVENTS, move |tx, ctx| live::topics(tx, ctx, since))
    }

    /// Events of `topics` behind `cursor`, at most `max`.
    pub fn events_after(&self, topics: Vec<Topic>, cursor: Cursor, max: u32) -> Result<EventPage, Error> {
        self.0.query(&operation::EVENTS, move |tx, ctx| live::page(tx, ctx, &topics, cursor, max))
    }

    /// Waits until there are events behind `cursor`, or `timeout` has passed: for callers without an event loop.
    pub fn next_events(&self, cursor: Cursor, timeout: std::time::Duration) -> Result<EventPage, Error> {
        let signal = self.0.core.0.store.signal();
        let seen = signal.count();
        let page = self.events_after(self.topics(Some(cursor))?, cursor, limits::EVENTS_PAGE_MAX)?;
        if !page.events.is_empty() {
            return Ok(page);
        }
        signal.wait_past(seen, timeout);
        self.events_after(self.topics(Some(cursor))?, cursor, limits::EVENTS_PAGE_MAX)
    }
}
