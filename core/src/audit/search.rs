//! Looking records up: in order as they were chained, or newest first; those of one person, of one kind of deed, about one thing, of a time.

use serde::{Deserialize, Serialize};

use super::{AuditRecord, Link, seal};
use crate::access::{ActorKind, Engine, find_officer, staff_no_of};
use crate::clock::Timestamp;
use crate::error::{Error, Problem};
use crate::id::OfficerId;
use crate::limits;
use crate::operation;
use crate::store::{ReadTx, Reads, stretch};

/// Which records of the trail are asked for; each thing that is named narrows it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AuditAsked {
    /// In order, behind this place of the chain, 0 for the beginning; newest first where absent.
    #[serde(default)]
    pub after: Option<i64>,
    /// Newest first, before this place of the chain.
    #[serde(default)]
    pub before: Option<i64>,
    /// Done by the officer with this number.
    #[serde(default)]
    pub staff_no: Option<String>,
    /// Of this operation, as `interaction.claim`.
    #[serde(default)]
    pub operation: Option<String>,
    /// About this, as `conversation/` and its id.
    #[serde(default)]
    pub subject: Option<String>,
    /// From then on.
    #[serde(default)]
    pub from: Option<Timestamp>,
    /// Before then.
    #[serde(default)]
    pub until: Option<Timestamp>,
    /// At most this many, 1 to [`limits::PAGE_ROWS_MAX`].
    #[serde(default)]
    pub limit: Option<u32>,
}

/// A record as shown to those who may read the trail.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditEntry {
    /// Place in the chain; absent for a record that is not sealed yet.
    pub number: Option<i64>,
    /// When.
    pub at: Timestamp,
    /// Operation.
    pub operation: String,
    /// What that does, in Chinese; absent for one that this program does not have any more.
    pub title: Option<String>,
    /// Who.
    pub actor: String,
    /// Number of the officer who did it, where it was one.
    pub staff_no: Option<String>,
    /// What it was done to.
    pub subject: String,
    /// Why.
    pub reason: Option<String>,
    /// Request id.
    pub request: String,
    /// Rows touched.
    pub rows: i64,
}

/// Records that were found.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditFound {
    /// The records.
    pub items: Vec<AuditEntry>,
    /// The next call goes on behind this place, or before it where it goes newest first; absent where everything was looked at. There may be
    /// more although nothing was found yet.
    pub next: Option<i64>,
}

impl AuditAsked {
    /// In order, behind a place of the chain.
    pub fn behind(after: i64, limit: u32) -> Self {
        Self { after: Some(after), limit: Some(limit), ..Self::default() }
    }

    fn fits(&self, record: &AuditRecord, by: Option<OfficerId>) -> bool {
        let is = |asked: &Option<String>, found: &str| asked.as_deref().is_none_or(|asked| asked == found);
        by.is_none_or(|by| record.actor.kind == ActorKind::Officer && record.actor.id == by.uuid())
            && is(&self.operation, &record.operation)
            && is(&self.subject, &record.subject)
            && self.from.is_none_or(|from| record.at >= from)
            && self.until.is_none_or(|until| record.at < until)
    }
}

/// Looks records up; looks at [`limits::AUDIT_SCANNED_MAX`] at most.
///
/// # Errors
/// `Invalid` for a number that no officer has.
pub(crate) fn search(tx: &mut dyn ReadTx, asked: &AuditAsked) -> Result<AuditFound, Error> {
    let unknown = || Error::invalid("staff_no", Problem::Unknown("officer"));
    let by = asked.staff_no.as_deref().map(|no| find_officer(tx, no)?.ok_or_else(unknown)).transpose()?;
    let limit = asked.limit.unwrap_or(limits::PAGE_ROWS_DEFAULT).clamp(1, limits::PAGE_ROWS_MAX) as usize;
    let newest_first = asked.after.is_none();
    let mut place = asked.after.map_or_else(|| begin(tx, asked), Ok)?;
    let (mut items, mut looked_at) = (Vec::new(), 0);
    loop {
        let links = links(tx, newest_first, place)?;
        if links.is_empty() {
            return Ok(AuditFound { items, next: None });
        }
        for link in links {
            if items.len() == limit || looked_at == limits::AUDIT_SCANNED_MAX {
                return Ok(AuditFound { items, next: Some(place) });
            }
            (place, looked_at) = (link.number, looked_at + 1);
            let Some(record) = record_of(tx, &link)? else { continue };
            if newest_first && asked.from.is_some_and(|from| record.at < from.minus(limits::CLOCK_SKEW_MAX)) {
                return Ok(AuditFound { items, next: None }); // the clocks of hosts differ by no more than that
            }
            if asked.fits(&record, by) {
                items.push(entry(tx, link.number, record)?);
            }
        }
    }
}

fn links(tx: &mut dyn ReadTx, newest_first: bool, place: i64) -> Result<Vec<Link>, Error> {
    let page = stretch(None, ()).limit(limits::PAGE_ROWS_MAX);
    let page = if newest_first { page.until(place.saturating_sub(1)).newest_first() } else { page.after((place,)) };
    Ok(tx.scan(Engine::work("the operation asks for the permission to read the trail"), page)?)
}

fn record_of(tx: &mut dyn ReadTx, link: &Link) -> Result<Option<AuditRecord>, Error> {
    Ok(tx
        .find::<AuditRecord>((link.xid, link.seq))?
        .map(|record| record.trust("the operation asks for the permission to read the trail").into_inner()))
}

/// The place before which to look, newest first: nothing behind it is of the time that is asked for. Records are chained nearly in the order
/// of time, so that it is found by halving.
fn begin(tx: &mut dyn ReadTx, asked: &AuditAsked) -> Result<i64, Error> {
    let end = seal::head(tx)?.map_or(1, |link| link.number + 1).min(asked.before.unwrap_or(i64::MAX));
    let Some(until) = asked.until else { return Ok(end) };
    let latest = until.plus(limits::CLOCK_SKEW_MAX);
    let (mut low, mut high) = (0, end);
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        let later = match tx.find::<Link>((middle,))? {
            Some(link) => record_of(tx, &link.trust("the operation asks for the permission to read the trail").into_inner())?
                .is_some_and(|record| record.at >= latest),
            None => false,
        };
        if later { high = middle } else { low = middle }
    }
    Ok(high)
}

fn entry(tx: &mut dyn ReadTx, number: i64, record: AuditRecord) -> Result<AuditEntry, Error> {
    let officer = (record.actor.kind == ActorKind::Officer).then(|| OfficerId::from_uuid(record.actor.id));
    Ok(AuditEntry {
        number: Some(number),
        at: record.at,
        title: operation::find(&record.operation).map(|operation| operation.title.to_owned()),
        operation: record.operation,
        actor: record.actor.to_string(),
        staff_no: officer.map(|officer| staff_no_of(tx, officer)).transpose()?.flatten(),
        subject: record.subject,
        reason: record.reason,
        request: record.request,
        rows: record.rows,
    })
}
