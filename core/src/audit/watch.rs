//! The watch over the trail: a host reads on in it, some at a time and once a day anew, so that what was altered is told though nobody
//! asks.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::verify::{Finding, FindingKind, Walk, forged, page_behind};
use super::{Checkpoint, seal};
use crate::access::Engine;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::limits;
use crate::store::{ReadTx, Reads as _, stretch};

/// What the watch has seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Watched {
    /// Records that this reading has found whole.
    pub verified: i64,
    /// Whether it came to an end, that of the trail or of what is whole; if not, the next call goes on.
    pub complete: bool,
    /// The first thing that was wrong: in this reading, or in the one before until this one comes to an end.
    pub finding: Option<Finding>,
}

/// How the verification of the trail stands, as the host that is asked reads it: all the time, and once a day from its beginning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Verification {
    /// When this reading began; absent where the host has just started, or verifies nothing.
    pub began: Option<Timestamp>,
    /// Records that this reading has found whole.
    pub verified: i64,
    /// Records that are chained.
    pub chained: i64,
    /// Whether it has come to the end.
    pub complete: bool,
    /// The newest checkpoint that is signed: the place in the chain.
    pub checkpoint: Option<i64>,
    /// The first thing that was wrong: in this reading, or in the one before until this one comes to an end.
    pub finding: Option<Finding>,
}

/// How the verification of the trail stands.
pub(crate) fn verification(tx: &mut dyn ReadTx, watch: &TrailWatch) -> Result<Verification, Error> {
    let newest = stretch(None, ()).newest_first().limit(1);
    let checkpoint: Vec<Checkpoint> = tx.scan(Engine::work("checkpoints are public"), newest)?;
    let Reading { began, walk, complete, finding, .. } = watch.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok(Verification {
        began,
        verified: walk.verified,
        chained: seal::head(tx)?.map_or(0, |link| link.number),
        complete,
        checkpoint: checkpoint.first().map(|checkpoint| checkpoint.number),
        finding,
    })
}

/// Where the reading of this process is.
#[derive(Debug, Default)]
pub(crate) struct TrailWatch(Mutex<Reading>);

#[derive(Clone, Debug, Default)]
struct Reading {
    began: Option<Timestamp>,
    walk: Walk,
    /// Whether it came to something that is wrong, behind which nothing can be vouched for.
    stopped: bool,
    complete: bool,
    finding: Option<Finding>,
}

impl TrailWatch {
    /// Reads the next pages, against the checkpoints of the database. A checkpoint that is missing there only the second sink knows: a
    /// host looks for its last one when it starts.
    pub(crate) fn read_on(&self, tx: &mut dyn ReadTx, public_key: &[u8], now: Timestamp) -> Result<Watched, Error> {
        let mut reading = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        reading.begin(now);
        for _ in 0..limits::WATCH_PAGES_AT_ONCE {
            if reading.stopped || reading.page(tx, public_key)? {
                break;
            }
        }
        let Reading { walk, complete, finding, .. } = &reading;
        let watched = Watched { verified: walk.verified, complete: *complete, finding: finding.clone() };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = reading;
        Ok(watched)
    }
}

impl Reading {
    /// Begins, or begins anew a day after the last time; what is new at the end meanwhile is read at once. An end that was cut off stays told as
    /// long as the process runs: what is left is whole in itself.
    fn begin(&mut self, now: Timestamp) {
        let is_cut_off = self.finding.as_ref().is_some_and(|finding| finding.kind == FindingKind::CutOff);
        let due = !is_cut_off && self.began.is_none_or(|began| now >= began.plus(limits::WATCH_EVERY));
        if due && (self.complete || self.began.is_none()) {
            *self = Self { began: Some(now), finding: self.finding.take(), ..Self::default() };
        }
    }

    /// Reads a page; whether the reading has come to its end.
    fn page(&mut self, tx: &mut dyn ReadTx, public_key: &[u8]) -> Result<bool, Error> {
        let page = page_behind(tx, self.walk.behind(), self.walk.last)?;
        let until = page.as_ref().and_then(|page| page.links.last()).map_or(i64::MAX, |link| link.number);
        let range = stretch(None, ()).after((self.walk.verified,)).until(until).limit(limits::VERIFY_PAGE_ROWS);
        let signed: Vec<Checkpoint> = tx.scan(Engine::work("checkpoints are public"), range)?;
        let forged = forged(public_key, &signed);
        self.walk.go_on_with(signed);
        let wrong = match (forged, &page) {
            (None, Some(page)) => self.walk.page(page),
            // Fewer than were found whole a moment ago, or fewer than a checkpoint vouches for.
            (None, None) => self.walk.shortened(seal::head(tx)?.map_or(0, |link| link.number)).or_else(|| self.walk.cut_off()),
            (forged, _) => forged,
        };
        self.stopped = wrong.is_some();
        let ended = self.stopped || page.is_none();
        if ended {
            self.complete = true;
            self.finding = wrong;
        }
        Ok(ended)
    }
}
