//! Fault injection: a store that fails at the k-th storage call, for loops that try every k.
//!
//! Calls are counted inside transactions: begin, each read and write, commit. What a fault does to the call it
//! strikes is [`Fault`]; at a commit, where a fault cannot say what came of it, the answer is "unknown".

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::raw::{Range, RawRead, RawWrite};
use super::{
    Done, Projections, Published, ReadBody, ReadTx, Row, Signal, Spec, Store, StoreError, StoreResult, Table, Tx, Value, WriteBody, settle,
};
use crate::error::Error;

/// What happens at the call that is struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call fails and does nothing. At a commit: nothing is committed, and the answer is "unknown".
    Before,
    /// The call does its work and fails then. At a commit: everything is committed, and the answer is "unknown".
    After,
    /// The body panics at the call.
    Crash,
}

/// Every kind of fault.
pub const FAULTS: [Fault; 3] = [Fault::Before, Fault::After, Fault::Crash];

/// How often it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// At one call.
    Once,
    /// At this call and every one behind it, until disarmed.
    Sticky,
}

/// What came of an armed stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Storage calls that were counted.
    pub calls: u64,
    /// Whether any was struck.
    pub struck: bool,
}

/// The message of an injected error, and the payload of an injected panic.
pub const INJECTED: &str = "injected fault";

/// A store over another one that fails when told to. Unarmed it changes nothing.
pub struct FaultStore {
    inner: Arc<dyn Store>,
    plan: Arc<Mutex<Plan>>,
}

#[derive(Default)]
struct Plan {
    armed: Option<(Fault, u64, Repeat)>,
    calls: u64,
    struck: bool,
}

impl Plan {
    fn step(plan: &Mutex<Self>) -> Option<Fault> {
        let mut plan = lock(plan);
        let (fault, at, repeat) = plan.armed?;
        plan.calls += 1;
        let strikes = match repeat {
            Repeat::Once => plan.calls == at,
            Repeat::Sticky => plan.calls >= at,
        };
        plan.struck |= strikes;
        strikes.then_some(fault)
    }
}

fn lock(plan: &Mutex<Plan>) -> MutexGuard<'_, Plan> {
    plan.lock().unwrap_or_else(PoisonError::into_inner) // nothing panics while holding it
}

fn injected() -> StoreError {
    StoreError::Backend(INJECTED.into())
}

fn crash() -> ! {
    std::panic::panic_any(INJECTED)
}

impl FaultStore {
    /// A store over `inner`.
    pub fn over(inner: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self { inner, plan: Arc::default() })
    }

    /// From now on: counts calls from 1 and strikes at the call `at`. An `at` of `u64::MAX` only counts.
    pub fn arm(&self, fault: Fault, at: u64, repeat: Repeat) {
        *lock(&self.plan) = Plan { armed: Some((fault, at, repeat)), calls: 0, struck: false };
    }

    /// Stops; says what happened since it was armed.
    pub fn disarm(&self) -> Report {
        let plan = std::mem::take(&mut *lock(&self.plan));
        Report { calls: plan.calls, struck: plan.struck }
    }
}

impl Store for FaultStore {
    fn engine(&self) -> &'static str {
        self.inner.engine()
    }

    fn submit(&self, spec: Spec, mut body: WriteBody, done: Done) {
        let plan = self.plan.clone();
        let (lost, told) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (mark, seen) = (lost.clone(), told.clone());
        self.inner.submit(
            spec,
            Box::new(move |tx| {
                mark.store(false, Ordering::SeqCst); // an attempt before this one ended otherwise
                seen.store(false, Ordering::SeqCst);
                begin(&plan)?;
                let mut faulty = FaultTx { inner: &mut *tx, plan: &plan, poison: None };
                let result = body(&mut faulty);
                settle(result, faulty.poison.take())?;
                match Plan::step(&plan) {
                    None => Ok(()),
                    Some(Fault::Before) => {
                        mark.store(true, Ordering::SeqCst);
                        Err(injected().into())
                    }
                    Some(Fault::After) => {
                        seen.store(true, Ordering::SeqCst);
                        Ok(())
                    }
                    Some(Fault::Crash) => crash(),
                }
            }),
            Box::new(move |outcome| {
                let unknown = lost.load(Ordering::SeqCst) || (told.load(Ordering::SeqCst) && outcome.is_ok());
                done(if unknown { Err(StoreError::Unknown(INJECTED.into()).into()) } else { outcome });
            }),
        );
    }

    fn read(&self, name: &'static str, mut body: ReadBody) -> Result<(), Error> {
        let plan = self.plan.clone();
        self.inner.read(
            name,
            Box::new(move |tx| {
                begin(&plan)?;
                let mut faulty = FaultRead { inner: &mut *tx, plan: &plan, poison: None };
                let result = body(&mut faulty);
                settle(result, faulty.poison.take())
            }),
        )
    }

    fn published(&self) -> &Published {
        self.inner.published()
    }

    fn signal(&self) -> &Signal {
        self.inner.signal()
    }

    fn whisper(&self, note: &str) {
        self.inner.whisper(note);
    }

    fn shared(&self) -> bool {
        self.inner.shared()
    }

    fn check(&self) -> StoreResult<()> {
        self.inner.check()
    }
}

/// Begin does nothing that could be told apart: before and after are the same.
fn begin(plan: &Mutex<Plan>) -> Result<(), Error> {
    match Plan::step(plan) {
        None => Ok(()),
        Some(Fault::Before | Fault::After) => Err(injected().into()),
        Some(Fault::Crash) => crash(),
    }
}

/// Runs one call, or what is left of it.
fn struck<T, R>(plan: &Mutex<Plan>, poison: &mut Option<StoreError>, tx: T, call: impl FnOnce(T) -> StoreResult<R>) -> StoreResult<R> {
    if poison.is_some() {
        return Err(StoreError::Poisoned);
    }
    let result = match Plan::step(plan) {
        None => return call(tx),
        Some(Fault::Before) => Err(injected()),
        Some(Fault::After) => call(tx).and_then(|_| Err(injected())),
        Some(Fault::Crash) => crash(),
    };
    result.inspect_err(|e| *poison = Some(e.clone()))
}

struct FaultRead<'a> {
    inner: &'a mut dyn ReadTx,
    plan: &'a Mutex<Plan>,
    poison: Option<StoreError>,
}

struct FaultTx<'a> {
    inner: &'a mut dyn Tx,
    plan: &'a Mutex<Plan>,
    poison: Option<StoreError>,
}

macro_rules! raw_read {
    ($Type:ident) => {
        impl RawRead for $Type<'_> {
            fn get(&mut self, table: &'static Table, key: &[Value]) -> StoreResult<Option<Row>> {
                struck(self.plan, &mut self.poison, &mut *self.inner, |tx| tx.get(table, key))
            }
            fn get_many(&mut self, table: &'static Table, keys: &[Row]) -> StoreResult<Vec<Row>> {
                struck(self.plan, &mut self.poison, &mut *self.inner, |tx| tx.get_many(table, keys))
            }
            fn range(&mut self, table: &'static Table, range: &Range) -> StoreResult<Vec<Row>> {
                struck(self.plan, &mut self.poison, &mut *self.inner, |tx| tx.range(table, range))
            }
            fn horizon(&mut self) -> StoreResult<i64> {
                struck(self.plan, &mut self.poison, &mut *self.inner, |tx| tx.horizon())
            }
            fn visit_projections(&self, visit: &mut dyn FnMut(&Projections)) -> bool {
                self.inner.visit_projections(visit)
            }
        }
    };
}
raw_read!(FaultRead);
raw_read!(FaultTx);

impl RawWrite for FaultTx<'_> {
    fn lock(&mut self, table: &'static Table, key: &[Value]) -> StoreResult<Option<Row>> {
        struck(self.plan, &mut self.poison, &mut *self.inner, |tx| tx.lock(table, key))
    }
    fn insert(&mut self, table: &'static Table, rows: &[Row]) -> StoreResult<()> {
        struck(self.plan, &mut self.poison, &mut *self.inner, |tx| tx.insert(table, rows))
    }
    fn restore(&mut self, table: &'static Table, rows: &[Row]) -> StoreResult<()> {
        struck(self.plan, &mut self.poison, &mut *self.inner, |tx| tx.restore(table, rows))
    }
    fn insert_new(&mut self, table: &'static Table, row: &Row) -> StoreResult<bool> {
        struck(self.plan, &mut self.poison, &mut *self.inner, |tx| tx.insert_new(table, row))
    }
    fn update(&mut self, table: &'static Table, old: &Row, new: &Row) -> StoreResult<()> {
        struck(self.plan, &mut self.poison, &mut *self.inner, |tx| tx.update(table, old, new))
    }
    fn delete(&mut self, table: &'static Table, old: &Row) -> StoreResult<()> {
        struck(self.plan, &mut self.poison, &mut *self.inner, |tx| tx.delete(table, old))
    }
}
