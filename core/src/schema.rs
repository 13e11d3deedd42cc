//! Every table of the core.

use crate::store::{Record, Table};
#[cfg(feature = "testing")]
use crate::store::{Row, StoreError};
use crate::{access, agenda, appeal, approval, audit, control, core, delivery, grid, identity, interaction, journal, series};

/// Declares the tables, once.
macro_rules! declared {
    ($($Record:ty),* $(,)?) => {
        /// Every table and its postings, in the order in which rows may be copied into an empty database.
        pub(crate) fn tables() -> Vec<&'static Table> {
            let declared = [$(<$Record>::TABLE),*];
            declared.into_iter().flat_map(|table| [Some(table), table.scope]).flatten().collect()
        }

        /// Reads a row of `table` as its type and writes it again; nothing for a table that no type is read from.
        #[cfg(feature = "testing")]
        pub(crate) fn reread(table: &str, row: Row) -> Option<Result<Row, StoreError>> {
            $(if table == <$Record>::TABLE.name {
                return Some(<$Record>::from_row(row).map(|record| {
                    let _ = record.postings();
                    record.to_row()
                }));
            })*
            None
        }
    };
}

declared! {
    series::Series,
    identity::SubjectKeyRow,
    access::Authority,
    access::Officer,
    access::Post,
    access::OfficerPlane,
    access::Grant,
    access::Separation,
    approval::Approval,
    approval::Vote,
    approval::RuleRow,
    approval::Delegation,
    access::Credential,
    access::SessionRow,
    access::SocketTicket,
    access::PastPassword,
    access::SecondFactor,
    access::RecoveryCode,
    access::Challenge,
    access::LinkedIdentity,
    access::LinkTicket,
    access::UsedProof,
    access::StrangeLogin,
    identity::Taxpayer,
    identity::FormerNumber,
    identity::RealName,
    identity::Relation,
    identity::RosterEntry,
    grid::GridOfficer,
    identity::ImportBatch,
    identity::ImportedRow,
    interaction::Line,
    interaction::Attendance,
    interaction::Conversation,
    interaction::Assignment,
    interaction::Stint,
    interaction::Message,
    interaction::WhisperRow,
    appeal::ChannelRow,
    appeal::Appeal,
    appeal::Collection,
    appeal::CollectedRow,
    interaction::CannedReply,
    interaction::Rating,
    interaction::FollowUp,
    journal::Event,
    audit::AuditRecord,
    audit::Link,
    audit::Checkpoint,
    agenda::Timer,
    delivery::Delivery,
    core::Answered,
    core::BulkProgress,
    crate::store::segment::Segment,
    control::ControlRuleRow,
    control::Shown,
    control::Alert,
}
