//! The audit trail.

use crate::audit::{self, AuditEntry};
use crate::core::Session;
use crate::limits;
use crate::operation;
use crate::store::Ticket;

/// The audit trail.
pub struct Audit<'a>(pub(in crate::core) &'a Session);

impl Audit<'_> {
    /// Sealed records behind the place `after`; leaves a record itself.
    pub fn read(&self, after: i64, limit: u32) -> Ticket<Vec<AuditEntry>> {
        let limit = limit.min(limits::PAGE_ROWS_MAX);
        self.0.audited_query(&operation::READ_AUDIT, &(after, limit), "audit".into(), None, move |tx, _| audit::page(tx, after, limit))
    }
}
