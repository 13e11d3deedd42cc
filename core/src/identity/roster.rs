//! Rosters (名册): enterprises named one by one, for a time, by a document. Large enterprises are a list, never a formula.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::entry::{self, Entry, EntryKind, Weighed};
use super::taxpayer::enterprise_of;
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::{self, Error, Problem};
use crate::id::TaxpayerId;
use crate::limits;
use crate::store::{ReadTx, Reads, Tx, stretch};

words! {
    /// Which roster.
    pub enum Roster {
        /// 大企业: 千户集团 of the state administration and the enterprises that the province names.
        LargeEnterprise = "large_enterprise",
        /// 定点服务的小微企业: small and micro enterprises that the bureau named for service.
        DesignatedSmallMicro = "designated_small_micro",
    }
}

impl Roster {
    /// Its name in Chinese.
    pub const fn title(self) -> &'static str {
        match self {
            Self::LargeEnterprise => "大企业",
            Self::DesignatedSmallMicro => "小微企业",
        }
    }
}

record! {
    /// An enterprise on a roster for a time.
    #[derive(Serialize, Deserialize)]
    pub struct RosterEntry in "roster_entry" {
        /// Which enterprise.
        enterprise: TaxpayerId,
        /// Which roster.
        roster: Roster,
        /// From then on.
        starts_at: Timestamp,
        /// Until then, not included; open where absent.
        ends_at: Option<Timestamp>,
        /// The document that names it.
        document: String,
        /// When it was last written down.
        recorded_at: Timestamp,
        /// Counts updates.
        version: i64,
    }
    key(enterprise, roster, starts_at);
    version version;
}

impl RosterEntry {
    /// Whether the enterprise is on the roster at `at`.
    pub fn holds(&self, at: Timestamp) -> bool {
        self.starts_at <= at && self.ends_at.is_none_or(|end| at < end)
    }
}

/// One entry to write down.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRosterEntry {
    /// Number of the enterprise.
    pub enterprise: String,
    /// Which roster.
    pub roster: Roster,
    /// From then on.
    pub starts_at: Timestamp,
    /// Until then, not included.
    pub ends_at: Option<Timestamp>,
    /// The document that names it, 1 to 100 characters.
    pub document: String,
}

/// Writes entries down. One with the same start is replaced where its end or document differ; returns how many changed something.
///
/// # Errors
/// `Invalid` with the row and field: no such enterprise, an end that is not behind the start, a document too long.
pub fn record_roster(tx: &mut dyn Tx, ctx: &Ctx, rows: &[NewRosterEntry]) -> Result<u64, Error> {
    entry::record::<RosterEntry>(tx, ctx, rows)
}

impl Entry for RosterEntry {
    const KIND: EntryKind = EntryKind::RosterEntry;
    type Row = NewRosterEntry;

    fn weigh(tx: &mut dyn ReadTx, ctx: &Ctx, row: &NewRosterEntry) -> Result<Weighed<Self>, Error> {
        let unknown = || Error::invalid("enterprise", Problem::Unknown("enterprise"));
        let enterprise = enterprise_of(tx, ctx, &row.enterprise)?.ok_or_else(unknown)?;
        if row.ends_at.is_some_and(|end| end <= row.starts_at) {
            return Err(Error::invalid("ends_at", Problem::Malformed("must be behind starts_at".into())));
        }
        let document = error::text("document", &row.document, limits::DOCUMENT_CHARS_MAX)?;
        let found = tx.find::<RosterEntry>((enterprise, row.roster, row.starts_at))?;
        Ok(match found.map(|k| k.trust("an entry is replaced by its successor").into_inner()) {
            Some(known) if known.ends_at == row.ends_at && known.document == document => Weighed::Known(enterprise),
            Some(known) => Weighed::Changed(known.clone(), RosterEntry { ends_at: row.ends_at, document, recorded_at: ctx.now(), ..known }),
            None => Weighed::New(RosterEntry {
                enterprise,
                roster: row.roster,
                starts_at: row.starts_at,
                ends_at: row.ends_at,
                document,
                recorded_at: ctx.now(),
                version: 0,
            }),
        })
    }

    fn compared(tx: &mut dyn ReadTx, ctx: &Ctx, row: &NewRosterEntry) -> Result<[Value; 2], Error> {
        let unknown = || Error::invalid("enterprise", Problem::Unknown("enterprise"));
        let enterprise = enterprise_of(tx, ctx, &row.enterprise)?.ok_or_else(unknown)?;
        let document = error::text("document", &row.document, limits::DOCUMENT_CHARS_MAX)?;
        let canonical =
            |ends_at: Option<Timestamp>, document: &str| json!(["roster_entry", enterprise, row.roster, row.starts_at, ends_at, document]);
        let found = tx.find::<RosterEntry>((enterprise, row.roster, row.starts_at))?;
        let kept = found.map(|k| k.trust("an import compares what it was given").into_inner());
        Ok([canonical(row.ends_at, &document), kept.map_or(Value::Null, |kept| canonical(kept.ends_at, &kept.document))])
    }

    fn about(&self) -> TaxpayerId {
        self.enterprise
    }
}

/// Whether an enterprise is on a roster at an instant.
pub(crate) fn is_on(tx: &mut dyn ReadTx, enterprise: TaxpayerId, roster: Roster, at: Timestamp) -> Result<bool, Error> {
    let why = crate::access::Engine::work("whether a gate lets an enterprise of the caller's in");
    let entries: Vec<RosterEntry> = tx.scan(why, stretch(None, (enterprise, roster)))?;
    Ok(entries.iter().any(|entry| entry.holds(at)))
}

/// The entries of an enterprise, by roster and start. The caller has opened the enterprise.
pub(super) fn entries(tx: &mut dyn ReadTx, enterprise: TaxpayerId) -> Result<Vec<RosterEntry>, Error> {
    let why = crate::access::Engine::work("roster entries of an enterprise whom the caller opened");
    Ok(tx.scan(why, stretch(None, (enterprise,)))?)
}
