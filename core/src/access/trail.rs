//! Rights against the audit trail. A row's own hash cannot tell that the row is an older one put back, or that a row is gone: the
//! trail can, because each hash was written into it too. What it speaks against gives nobody anything until a person has
//! looked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use serde::Serialize;

use super::integrity::{NOTED, fitting_hash, name_of, noted};
use super::{Authority, Engine, Grant, OfficerPlane, Post, Sealed, Separation};
use crate::approval::{Approval, Delegation, RuleRow, Vote};
use crate::audit::{self, AuditRecord};
use crate::control::ControlRuleRow;
use crate::crypto::KeyRing;
use crate::error::{Error, Refusal};
use crate::id::AuditId;
use crate::limits;
use crate::store::{ReadTx, Reads, Record, StoreError, stretch};

words! {
    /// What the trail says of a row.
    pub enum RightsFindingKind {
        /// It is not what was written last: edited, or an older one put back.
        Altered = "altered",
        /// It was written, and is gone.
        Removed = "removed",
        /// Nobody wrote it.
        Unknown = "unknown",
        /// A table, named in the place of a row, in which something cannot be read: none of its rows counts.
        Unreadable = "unreadable",
    }
}

/// A row that the trail speaks against.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RightsFinding {
    /// Which: table and key.
    pub row: String,
    /// What the trail says.
    pub kind: RightsFindingKind,
}

/// Rows that the trail speaks against, shared by everything that runs in this process: each by its name, all of a table by the table's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Distrusted(Arc<RwLock<BTreeSet<String>>>);

/// In the place of a row: the trail itself cannot be read, and nothing counts.
const EVERYTHING: &str = "";

impl Distrusted {
    fn set(&self, rows: BTreeSet<String>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = rows;
    }

    /// Whether the trail speaks against this row.
    fn names<R: Record>(&self, row: &R) -> bool {
        let rows = self.0.read().unwrap_or_else(PoisonError::into_inner);
        !rows.is_empty() && (has_table(&rows, R::TABLE.name) || rows.contains(&name_of(row)))
    }
}

fn has_table(rows: &BTreeSet<String>, table: &str) -> bool {
    rows.contains(EVERYTHING) || rows.contains(table)
}

/// What rows that say who may do what are checked with.
#[derive(Clone, Copy)]
pub(crate) struct Rights<'a> {
    pub(crate) keys: &'a KeyRing,
    pub(crate) distrusted: &'a Distrusted,
}

impl Rights<'_> {
    pub(super) fn speak_against<R: Record>(self, row: &R) -> bool {
        self.distrusted.names(row)
    }

    /// Refuses to take a row that is not there for one that never was, where the trail says that it was.
    ///
    /// # Errors
    /// `RightsAltered`.
    pub(crate) fn never_was(self, name: &str) -> Result<(), Error> {
        let rows = self.distrusted.0.read().unwrap_or_else(PoisonError::into_inner);
        let table = name.split_once('/').map_or(name, |(table, _)| table);
        let removed = has_table(&rows, table) || rows.range(name.to_owned()..).next().is_some_and(|row| row.starts_with(name));
        if removed { Err(Error::Refused(Refusal::RightsAltered)) } else { Ok(()) }
    }
}

/// How far the trail was read, and what it said last of each row.
#[derive(Debug, Default)]
pub(crate) struct RightsTrail {
    read: Mutex<Read>,
    /// Comparisons that failed since the last one that did not.
    failed: AtomicU32,
}

#[derive(Clone, Debug)]
struct Read {
    place: (i64, i64),
    /// Of each row: the records that noted it, in order, and the digest of the last.
    last: BTreeMap<String, (Vec<AuditId>, [u8; 32])>,
}

impl Default for Read {
    fn default() -> Self {
        Self { place: (-1, -1), last: BTreeMap::new() }
    }
}

/// What a comparison found.
#[derive(Clone, Debug, Serialize)]
pub struct RightsVerdict {
    /// Rows that the trail knows.
    pub rows: usize,
    /// Whether the trail was read to its end; if not, the next call goes on, and findings are those of before.
    pub complete: bool,
    /// Rows that it speaks against, in order.
    pub findings: Vec<RightsFinding>,
}

impl RightsTrail {
    /// Reads on in the trail, and compares once its end is reached. What is chained is remembered for the next time; what is not
    /// chained yet is read each time, for a transaction may commit after another one that began later. Whoever makes rows unreadable
    /// switches nothing off: none of such a table counts then, and nothing at all where it is the trail.
    pub(crate) fn compare(&self, tx: &mut dyn ReadTx, keys: &KeyRing, distrusted: &Distrusted) -> Result<RightsVerdict, Error> {
        let compared = self.compared(tx, keys);
        if let Ok(verdict) = &compared {
            self.failed.store(0, Ordering::Relaxed);
            if verdict.complete {
                distrusted.set(verdict.findings.iter().map(|f| f.row.clone()).collect());
            }
            return compared;
        }
        // What cannot be read is no accident. A database that is away comes back; one that does not let itself be compared for long is not trusted.
        let unreadable = matches!(compared, Err(Error::Store(StoreError::Corrupt(_) | StoreError::Poisoned)));
        if unreadable || self.failed.fetch_add(1, Ordering::Relaxed) + 1 >= limits::RIGHTS_FAILURES_MAX {
            distrusted.set(BTreeSet::from([EVERYTHING.to_owned()]));
        }
        compared
    }

    fn compared(&self, tx: &mut dyn ReadTx, keys: &KeyRing) -> Result<RightsVerdict, Error> {
        let chained = audit::chained_up_to(tx)?;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut tail: Option<Read> = None;
        let mut complete = false;
        for _ in 0..limits::RIGHTS_PAGES_AT_ONCE {
            let from = tail.as_ref().unwrap_or(&read).place;
            let why = Engine::work("the trail says what was written of each right");
            let records: Vec<AuditRecord> = tx.scan(why, stretch(None, ()).after(from).limit(limits::PAGE_ROWS_MAX))?;
            complete = records.len() < limits::PAGE_ROWS_MAX as usize;
            for record in records {
                if tail.is_none() && (record.xid, record.seq) > chained {
                    tail = Some(read.clone());
                }
                tail.as_mut().unwrap_or(&mut read).note(record);
            }
            if complete {
                break;
            }
        }
        let seen = tail.unwrap_or_else(|| read.clone());
        let findings = if complete { seen.against_rows(tx, keys)? } else { Vec::new() };
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = read;
        Ok(RightsVerdict { rows: seen.last.len(), complete, findings })
    }
}

impl Read {
    fn note(&mut self, record: AuditRecord) {
        self.place = (record.xid, record.seq);
        if let Some(row) = record.subject.strip_prefix(NOTED) {
            let (records, digest) = self.last.entry(row.to_owned()).or_default();
            // One that is there twice was copied, and a word is given once: what they say fits nothing any more.
            let twice = records.contains(&record.id) || !records.is_empty() && row.split('/').next() == Some(Vote::TABLE.name);
            *digest = if twice { [0; 32] } else { record.digest };
            records.push(record.id);
        }
    }

    fn against_rows(&self, tx: &mut dyn ReadTx, keys: &KeyRing) -> Result<Vec<RightsFinding>, Error> {
        let mut there = BTreeMap::new();
        let (mut planes, mut granted) = (BTreeMap::new(), BTreeSet::new());
        let unreadable = [
            gather::<Authority>(tx, keys, &mut there)?,
            gather::<Post>(tx, keys, &mut there)?,
            each_row(tx, |row: OfficerPlane| {
                planes.insert(row.officer, row.plane);
            })?,
            each_row(tx, |grant: Grant| {
                let hash = fitting_hash(keys, &grant);
                if hash.is_some() {
                    granted.insert((grant.officer, grant.plane));
                }
                there.insert(name_of(&grant), hash);
            })?,
            gather::<Separation>(tx, keys, &mut there)?,
            gather::<Approval>(tx, keys, &mut there)?,
            gather::<Vote>(tx, keys, &mut there)?,
            gather::<RuleRow>(tx, keys, &mut there)?,
            gather::<Delegation>(tx, keys, &mut there)?,
            gather::<ControlRuleRow>(tx, keys, &mut there)?,
        ];
        let unreadable: Vec<&str> = unreadable.into_iter().flatten().collect();
        let is_read = |row: &&String| !unreadable.iter().any(|table| row.split_once('/').is_some_and(|(of, _)| of == *table));
        let finding = |row: &String, kind| RightsFinding { row: row.clone(), kind };
        let gone = self.last.keys().filter(is_read).filter(|row| !there.contains_key(*row));
        let gone = gone.map(|row| finding(row, RightsFindingKind::Removed));
        let other = there.iter().filter_map(|(row, hash)| match self.last.get(row) {
            None => Some(finding(row, RightsFindingKind::Unknown)),
            Some((records, digest)) => {
                let fits = hash.zip(records.last()).is_some_and(|(hash, record)| noted(keys, row, &hash, *record) == *digest);
                (!fits).then(|| finding(row, RightsFindingKind::Altered))
            }
        });
        // What an account is for stands in a row without a hash; each of its grants, which has one, says it too.
        let planes_are_read = !unreadable.contains(&OfficerPlane::TABLE.name);
        let other_plane = granted.iter().filter(|_| planes_are_read).filter_map(|(officer, plane)| {
            let kind = match planes.get(officer) {
                Some(said) if said == plane => return None,
                Some(_) => RightsFindingKind::Altered,
                None => RightsFindingKind::Removed,
            };
            Some(finding(&format!("{}/{officer}", OfficerPlane::TABLE.name), kind))
        });
        let tables = unreadable.iter().map(|table| RightsFinding { row: (*table).into(), kind: RightsFindingKind::Unreadable });
        let mut findings: Vec<RightsFinding> = gone.chain(other).chain(other_plane).chain(tables).collect();
        findings.sort_unstable();
        findings.dedup();
        Ok(findings)
    }
}

/// The hash of each row of a table; none of a row that it does not fit. The table's name, where something in it cannot be read.
fn gather<R: Sealed>(
    tx: &mut dyn ReadTx,
    keys: &KeyRing,
    there: &mut BTreeMap<String, Option<[u8; 32]>>,
) -> Result<Option<&'static str>, Error> {
    each_row(tx, |row: R| {
        there.insert(name_of(&row), fitting_hash(keys, &row));
    })
}

/// Shows every row of a table to `each`. The table's name, where something in it cannot be read.
fn each_row<R: Record>(tx: &mut dyn ReadTx, mut each: impl FnMut(R)) -> Result<Option<&'static str>, Error> {
    let why = Engine::work("every right is compared with the trail");
    let read = tx.scan_while(why, stretch(None, ()), |row: R| {
        each(row);
        true
    });
    match read {
        Err(StoreError::Corrupt(_)) => Ok(Some(R::TABLE.name)),
        read => Ok(read.map(|()| None)?),
    }
}
