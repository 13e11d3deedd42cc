//! Anomalies: what concurrent writes may do to each other under each way in which an operation can be isolated.
//!
//! Each probe is a schedule: one body stops half-way while a rival begins, commits if it can, and tells. Where the
//! way keeps the rival out it waits, and the body goes on without it after [`PAUSE`]; a body that is run again does
//! not stop a second time. Whether the anomaly was there is read from the rows, not from errors.

use std::cell::Cell as Once;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::fixture::{Booking, BookingState, Cell, Slot};
use super::{guarded, id, serial};
use crate::access::Engine;
use crate::error::Error;
use crate::store::{ReadTx, Reads, Spec, Store, StoreExt, Tx, Writes, stretch};

/// How long a body waits for a rival that is being kept out. Well under the limit of a write.
const PAUSE: Duration = Duration::from_millis(80);
const GUARD: [u8; 16] = [9; 16];

/// A way in which a write can be isolated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// As `Guarded`, by a body that forgets to lock its guard row: what `Guarded` must not be.
    Bare,
    /// As `Guarded`: the guard row is locked first.
    Guard,
    /// As `Serializable`.
    Serial,
}

impl Way {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::Bare, Self::Guard, Self::Serial];

    fn spec(self) -> Spec {
        if self == Self::Serial { serial() } else { guarded() }
    }

    fn enter(self, tx: &mut dyn Tx) -> Result<(), Error> {
        if self == Self::Guard {
            tx.lock_row::<Slot>((GUARD,))?;
        }
        Ok(())
    }
}

/// An anomaly and the probe for it.
pub struct Anomaly {
    /// Its name in the literature.
    pub name: &'static str,
    /// The ways that admit it on an engine with several writers; an engine with one writer admits none.
    pub admitted: &'static [Way],
    /// Whether it happened, on an empty store.
    pub probe: fn(&dyn Store, Way) -> Result<bool, Error>,
}

/// The probes.
pub const ANOMALIES: &[Anomaly] = &[
    Anomaly { name: "dirty read", admitted: &[], probe: dirty_read },
    Anomaly { name: "read skew", admitted: &[Way::Bare], probe: read_skew },
    Anomaly { name: "phantom", admitted: &[Way::Bare], probe: phantom },
    Anomaly { name: "lost update, row with a version", admitted: &[], probe: lost_update },
    Anomaly { name: "lost update, row without", admitted: &[Way::Bare], probe: lost_update_without_a_version },
    Anomaly { name: "write skew over two rows (G2-item)", admitted: &[Way::Bare], probe: write_skew },
    Anomaly { name: "write skew over a range (G2)", admitted: &[Way::Bare], probe: write_skew_over_a_range },
    Anomaly { name: "read-only anomaly, reader is a write", admitted: &[Way::Bare], probe: read_only_anomaly_in_a_write },
    // A query is a snapshot, and the engine does not count it among the serial ones: it may see a later write and
    // miss an earlier one. No rule writes by what a query said.
    Anomaly { name: "read-only anomaly, reader is a query", admitted: &[Way::Bare, Way::Serial], probe: read_only_anomaly_in_a_query },
];

fn cell(name: &str) -> Cell {
    Cell { row: 1, name: name.into(), tag: Vec::new(), value: 0 }
}

fn value(tx: &mut dyn ReadTx, name: &str) -> Result<i64, Error> {
    let found = tx.find::<Cell>((1i64, name.to_owned(), Vec::<u8>::new()))?;
    Ok(found.map_or(0, |c| c.trust("fixture").into_inner().value))
}

fn put(tx: &mut dyn Tx, name: &str, value: i64) -> Result<(), Error> {
    let old = self::value(tx, name)?;
    tx.replace(&Cell { value: old, ..cell(name) }, Cell { value, ..cell(name) })?;
    Ok(())
}

fn booked(tx: &mut dyn ReadTx) -> Result<usize, Error> {
    let range = stretch(Some(Booking::BY_SLOT), (GUARD, BookingState::Booked));
    Ok(tx.scan::<Booking>(Engine::work("fixture"), range)?.len())
}

fn book(tx: &mut dyn Tx, n: u64) -> Result<(), Error> {
    tx.add(&Booking { id: id(n), slot: GUARD, state: BookingState::Booked, expires_at: None, version: 0 })?;
    Ok(())
}

fn furnish(store: &dyn Store) -> Result<(), Error> {
    store.transact(serial(), |tx| {
        tx.add(&Slot { id: GUARD, capacity: 1, version: 0 })?;
        tx.add_many(&[cell("x"), cell("y")])?;
        Ok(())
    })
}

/// Runs `body` in a write; where it first calls what it is handed, `rival` runs on another thread and the body waits
/// until that has ended, or for as long as a rival that is kept out deserves.
fn while_a_rival<R: Send + 'static>(
    store: &dyn Store,
    way: Way,
    rival: impl FnOnce() + Send,
    body: impl Fn(&mut dyn Tx, &dyn Fn()) -> Result<R, Error> + Send + 'static,
) -> Result<R, Error> {
    let ((half, halfway), (end, ended)) = (channel::<()>(), channel::<()>());
    std::thread::scope(|scope| {
        scope.spawn(move || {
            if halfway.recv().is_ok() {
                rival();
                let _ = end.send(()); // the body may have gone on by itself
            }
        });
        let (half, first) = (Once::new(Some(half)), Once::new(true));
        store.transact(way.spec(), move |tx| {
            way.enter(tx)?;
            body(tx, &|| {
                if first.replace(false) {
                    let _ = half.take().map(|half| half.send(())); // the rival may be gone
                    let _ = ended.recv_timeout(PAUSE); // kept out: goes on when this one has ended
                }
            })
        })
    })
}

/// A rival's write; that it fails is not an anomaly.
fn rival(store: &dyn Store, way: Way, body: impl Fn(&mut dyn Tx) -> Result<(), Error> + Send + 'static) -> bool {
    let done = store.transact(way.spec(), move |tx| {
        way.enter(tx)?;
        body(tx)
    });
    done.is_ok()
}

fn finally<R: Send + 'static>(store: &dyn Store, look: impl Fn(&mut dyn ReadTx) -> Result<R, Error> + Send + 'static) -> Result<R, Error> {
    store.query("anomalies", look)
}

fn dirty_read(store: &dyn Store, way: Way) -> Result<bool, Error> {
    furnish(store)?;
    let seen = Arc::new(Mutex::new(0));
    let see = seen.clone();
    let look = move || {
        rival(store, way, move |tx| {
            *see.lock().unwrap_or_else(PoisonError::into_inner) = value(tx, "x")?;
            Ok(())
        });
    };
    let taken_back: Result<(), Error> = while_a_rival(store, way, look, |tx, pause| {
        put(tx, "x", 1)?;
        pause();
        Err(Error::SignInRequired)
    });
    taken_back.err().filter(|e| *e != Error::SignInRequired).map_or(Ok(()), Err)?;
    Ok(*seen.lock().unwrap_or_else(PoisonError::into_inner) != 0)
}

fn read_skew(store: &dyn Store, way: Way) -> Result<bool, Error> {
    furnish(store)?;
    let both = |tx: &mut dyn Tx| put(tx, "x", 1).and_then(|()| put(tx, "y", 1));
    let (x, y) = while_a_rival(
        store,
        way,
        || _ = rival(store, way, both),
        |tx, pause| {
            let x = value(tx, "x")?;
            pause();
            Ok((x, value(tx, "y")?))
        },
    )?;
    Ok(x != y)
}

fn phantom(store: &dyn Store, way: Way) -> Result<bool, Error> {
    furnish(store)?;
    let (before, after) = while_a_rival(
        store,
        way,
        || _ = rival(store, way, |tx| book(tx, 1)),
        |tx, pause| {
            let before = booked(tx)?;
            pause();
            Ok((before, booked(tx)?))
        },
    )?;
    Ok(before != after)
}

fn lost_update(store: &dyn Store, way: Way) -> Result<bool, Error> {
    const OTHER: [u8; 16] = [10; 16];
    fn raise(tx: &mut dyn Tx, pause: &dyn Fn()) -> Result<(), Error> {
        let slot = tx.find::<Slot>((OTHER,))?.ok_or(Error::NotFound { what: "fixture_slot" })?.trust("fixture").into_inner();
        pause();
        tx.replace(&slot, Slot { capacity: slot.capacity + 1, ..slot.clone() })?;
        Ok(())
    }
    furnish(store)?;
    store.transact(serial(), |tx| Ok(tx.add(&Slot { id: OTHER, capacity: 0, version: 0 })?))?;
    while_a_rival(store, way, || _ = rival(store, way, |tx| raise(tx, &|| ())), raise)?;
    let raised = finally(store, |tx| Ok(tx.find::<Slot>((OTHER,))?.map_or(0, |s| s.trust("fixture").into_inner().capacity)))?;
    Ok(raised != 2)
}

fn lost_update_without_a_version(store: &dyn Store, way: Way) -> Result<bool, Error> {
    fn raise(tx: &mut dyn Tx, pause: &dyn Fn()) -> Result<(), Error> {
        let old = value(tx, "x")?;
        pause();
        tx.replace(&Cell { value: old, ..cell("x") }, Cell { value: old + 1, ..cell("x") })?;
        Ok(())
    }
    furnish(store)?;
    while_a_rival(store, way, || _ = rival(store, way, |tx| raise(tx, &|| ())), raise)?;
    Ok(finally(store, |tx| value(tx, "x"))? != 2)
}

/// Each takes one of two things if nobody has the other.
fn write_skew(store: &dyn Store, way: Way) -> Result<bool, Error> {
    fn take(tx: &mut dyn Tx, mine: &str, pause: &dyn Fn()) -> Result<(), Error> {
        let taken = value(tx, "x")? + value(tx, "y")?;
        pause();
        if taken == 0 { put(tx, mine, 1) } else { Ok(()) }
    }
    furnish(store)?;
    let other = || _ = rival(store, way, |tx| take(tx, "y", &|| ()));
    while_a_rival(store, way, other, |tx, pause| take(tx, "x", pause))?;
    Ok(finally(store, |tx| Ok(value(tx, "x")? + value(tx, "y")?))? != 1)
}

/// Each books the last place if it is free.
fn write_skew_over_a_range(store: &dyn Store, way: Way) -> Result<bool, Error> {
    fn last(tx: &mut dyn Tx, n: u64, pause: &dyn Fn()) -> Result<(), Error> {
        let taken = booked(tx)?;
        pause();
        if taken == 0 { book(tx, n) } else { Ok(()) }
    }
    furnish(store)?;
    let other = || _ = rival(store, way, |tx| last(tx, 2, &|| ()));
    while_a_rival(store, way, other, |tx, pause| last(tx, 1, pause))?;
    Ok(finally(store, booked_now)? != 1)
}

fn booked_now(tx: &mut dyn ReadTx) -> Result<usize, Error> {
    booked(tx)
}

/// Of two accounts: 20 is paid into the second; meanwhile 10 is taken from the first, with a fee of 1 where the sum
/// does not cover it; and a reader looks who sees the payment and not the withdrawal. If that is the order, the
/// payment covers the withdrawal and there is no fee. (Fekete, O'Neil, O'Neil, 2004.)
fn read_only_anomaly(store: &dyn Store, way: Way, read: impl FnOnce() -> Option<(i64, i64)> + Send) -> Result<bool, Error> {
    furnish(store)?;
    let report = Mutex::new(None);
    let meanwhile = || {
        if rival(store, way, |tx| put(tx, "y", 20)) {
            *report.lock().unwrap_or_else(PoisonError::into_inner) = read();
        }
    };
    while_a_rival(store, way, meanwhile, |tx, pause| {
        let sum = value(tx, "x")? + value(tx, "y")?;
        pause();
        put(tx, "x", if sum < 10 { -11 } else { -10 })
    })?;
    let x = finally(store, |tx| value(tx, "x"))?;
    let report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(report == Some((0, 20)) && x == -11)
}

fn read_only_anomaly_in_a_write(store: &dyn Store, way: Way) -> Result<bool, Error> {
    read_only_anomaly(store, way, || {
        let read = store.transact(way.spec(), move |tx| {
            way.enter(tx)?;
            Ok((value(tx, "x")?, value(tx, "y")?))
        });
        read.ok()
    })
}

fn read_only_anomaly_in_a_query(store: &dyn Store, way: Way) -> Result<bool, Error> {
    read_only_anomaly(store, way, || finally(store, |tx| Ok((value(tx, "x")?, value(tx, "y")?))).ok())
}
