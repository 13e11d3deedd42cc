//! Built-in control.

use crate::clock::Timestamp;
use crate::control::{self, AlertReviewed, AlertState, Alerts, ControlReport, ControlRule, RaiseAlerts, ReviewAlert};
use crate::core::Session;
use crate::core::door::commands;
use crate::error::Error;
use crate::operation;
use crate::store::{Page, Ticket};

commands! {
    RaiseAlerts;
    ReviewAlert, reason;
}

/// Built-in control.
pub struct Control<'a>(pub(in crate::core) &'a Session);

impl Control<'_> {
    /// The rules as they are in force.
    pub fn rules(&self) -> Result<Vec<ControlRule>, Error> {
        self.0.query(&operation::CONTROL_RULES, |tx, ctx| control::rules(tx, ctx.rights()))
    }

    /// Alerts of the caller's area, newest first.
    pub fn alerts(&self, state: Option<AlertState>, page: Page) -> Result<Alerts, Error> {
        self.0.query(&operation::CONTROL_ALERTS, move |tx, ctx| control::alerts(tx, ctx, state, page))
    }

    /// Says what an alert was.
    pub fn review_alert(&self, cmd: ReviewAlert) -> Ticket<AlertReviewed> {
        self.0.command(&operation::REVIEW_ALERT, cmd, control::review_alert)
    }

    /// What was found in a period, and how approval and separation were kept.
    pub fn report(&self, from: Timestamp, to: Timestamp) -> Result<ControlReport, Error> {
        self.0.query(&operation::CONTROL_REPORT, move |tx, ctx| control::report(tx, ctx, from, to))
    }
}
