//! Every table of the core.

use crate::store::{Record, Table};
use crate::{access, agenda, audit, core, delivery, identity, interaction, journal, series};

/// Every table and its postings, in the order in which rows may be copied into an empty database.
pub(crate) fn tables() -> Vec<&'static Table> {
    let declared = [
        series::Series::TABLE,
        identity::SubjectKeyRow::TABLE,
        access::Authority::TABLE,
        access::Officer::TABLE,
        access::Post::TABLE,
        access::Grant::TABLE,
        access::Credential::TABLE,
        access::SessionRow::TABLE,
        access::SocketTicket::TABLE,
        identity::Taxpayer::TABLE,
        interaction::Line::TABLE,
        interaction::Conversation::TABLE,
        interaction::Message::TABLE,
        journal::Event::TABLE,
        audit::AuditRecord::TABLE,
        audit::Link::TABLE,
        audit::Checkpoint::TABLE,
        agenda::Timer::TABLE,
        delivery::Delivery::TABLE,
        core::Answered::TABLE,
        core::BulkProgress::TABLE,
        crate::store::segment::Segment::TABLE,
    ];
    declared.into_iter().flat_map(|table| [Some(table), table.scope]).flatten().collect()
}
