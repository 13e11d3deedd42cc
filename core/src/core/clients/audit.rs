//! The audit trail.

use crate::audit::{self, AuditAsked, AuditFound, Verification};
use crate::core::Session;
use crate::error::Error;
use crate::operation;
use crate::store::Ticket;

/// The audit trail.
pub struct Audit<'a>(pub(in crate::core) &'a Session);

impl Audit<'_> {
    /// Sealed records: in order, or newest first, those that were asked for. Leaves a record itself.
    pub fn read(&self, asked: AuditAsked) -> Ticket<AuditFound> {
        let what = asked.clone();
        self.0.audited_query(&operation::READ_AUDIT, &asked, "audit".into(), None, move |tx, _| audit::search(tx, &what))
    }

    /// How the verification of the trail stands, on the host that is asked.
    pub fn verification(&self) -> Result<Verification, Error> {
        let watch = self.0.core.0.watch.clone();
        self.0.query(&operation::AUDIT_VERIFICATION, move |tx, _| audit::verification(tx, &watch))
    }
}
