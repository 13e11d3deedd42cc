//! Rivals: what many want goes to as many as there are places, never to one more. Appointments, tickets and
//! claims will all stand on this: places = booked + running holds, counted under the slot's guard row.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use super::fixture::{self, Booking, BookingState, Slot, cancel, confirm, hold};
use super::{guarded, id};
use crate::access::Engine;
use crate::clock::Timestamp;
use crate::error::{Error, Refusal};
use crate::store::{Reads, Store, StoreError, StoreExt, Tx, Writes, stretch};

const RIVALS: u64 = 32;
const SLOT: [u8; 16] = [1; 16];

fn open_slot(store: &dyn Store, capacity: i64) {
    store.transact(guarded(), move |tx| Ok(tx.add(&Slot { id: SLOT, capacity, version: 0 })?)).unwrap();
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

fn lasting(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

/// Runs a write until storage gives a real answer: rivals may be told to come again.
fn insist<R: Send + 'static>(
    store: &dyn Store,
    body: impl Fn(&mut dyn Tx) -> Result<R, Error> + Send + Copy + 'static,
) -> Result<R, Error> {
    for _ in 0..100 {
        match store.transact(guarded(), move |tx| body(tx)) {
            Err(Error::Store(StoreError::Conflict | StoreError::Busy | StoreError::TooLong { .. })) => {}
            answer => return answer,
        }
    }
    panic!("refused a hundred times");
}

fn bookings(store: &dyn Store) -> Vec<Booking> {
    store.query("bookings", |tx| Ok(tx.scan::<Booking>(Engine::work("fixture"), stretch(None, ()))?)).unwrap()
}

/// Every rival tries once, all at the same time, on one of `hosts`; returns how many were told that they have a
/// place, and how many are booked.
pub fn race(hosts: &[&dyn Store], rivals: u64, capacity: i64) -> (usize, usize) {
    open_slot(hosts[0], capacity);
    let start = std::sync::Barrier::new(rivals as usize);
    let told = std::thread::scope(|scope| {
        let rivals: Vec<_> = (0..rivals)
            .map(|n| {
                let (start, store) = (&start, hosts[n as usize % hosts.len()]);
                scope.spawn(move || {
                    start.wait();
                    insist(store, move |tx| {
                        hold(tx, SLOT, id(n), at(0), lasting(10))?;
                        confirm(tx, SLOT, id(n), at(1))
                    })
                })
            })
            .collect();
        let outcomes: Vec<_> = rivals.into_iter().map(|r| r.join().unwrap()).collect();
        assert!(outcomes.iter().all(|o| matches!(o, Ok(_) | Err(Error::Refused(Refusal::NoSlot)))), "{outcomes:?}");
        outcomes.iter().filter(|o| o.is_ok()).count()
    });
    (told, bookings(hosts[0]).iter().filter(|b| b.state == BookingState::Booked).count())
}

pub(super) fn a_claim_has_one_winner(store: &dyn Store) {
    assert_eq!(race(&[store], RIVALS, 1), (1, 1));
    assert_eq!(bookings(store).len(), 1);
}

pub(super) fn ten_places_go_to_ten_rivals(store: &dyn Store) {
    assert_eq!(race(&[store], RIVALS, 10), (10, 10));
    assert_eq!(bookings(store).len(), 10);
}

/// Holds expire while rivals hold, confirm late or in time, and cancel, each with a time that may be a little
/// behind the others': more places than there are, never, at no moment.
pub(super) fn the_last_slot_is_never_oversold(store: &dyn Store) {
    const CAPACITY: i64 = 2;
    open_slot(store, CAPACITY);
    let (clock, next, most) = (AtomicI64::new(0), AtomicU64::new(1), AtomicI64::new(0));
    std::thread::scope(|scope| {
        for rival in 0..RIVALS {
            let (clock, next, most) = (&clock, &next, &most);
            scope.spawn(move || {
                for turn in 0..4 {
                    let booking = id(next.fetch_add(1, Ordering::SeqCst));
                    let now = at(clock.fetch_add(1, Ordering::SeqCst));
                    let taken = |tx: &mut dyn Tx, now| fixture::taken(tx, SLOT, now);
                    let held = insist(store, move |tx| {
                        hold(tx, SLOT, booking, now, lasting(6))?;
                        taken(tx, now)
                    });
                    let Ok(places) = held else { continue };
                    most.fetch_max(places, Ordering::SeqCst);
                    let later = at(clock.fetch_add(1, Ordering::SeqCst));
                    let confirmed = insist(store, move |tx| {
                        confirm(tx, SLOT, booking, later)?;
                        let all: Vec<Booking> =
                            tx.scan(Engine::work("fixture"), stretch(Some(Booking::BY_SLOT), (SLOT, BookingState::Booked)))?;
                        Ok(all.len() as i64)
                    });
                    match confirmed {
                        Ok(places) => {
                            most.fetch_max(places, Ordering::SeqCst);
                            if (rival + turn) % 3 != 0 {
                                insist(store, move |tx| cancel(tx, SLOT, booking)).unwrap();
                            }
                        }
                        Err(e) => assert_eq!(e, Error::Refused(Refusal::LeaseLost)),
                    }
                }
            });
        }
    });
    assert_eq!(most.into_inner(), CAPACITY, "some were served, and never more than there are places");
    let booked = bookings(store).into_iter().filter(|b| b.state == BookingState::Booked).count();
    assert!(booked as i64 <= CAPACITY);
}

/// An expired hold is free again, and its holder cannot confirm what somebody else has now.
pub(super) fn expired_holds_free_their_places_once(store: &dyn Store) {
    open_slot(store, 1);
    let held = |n: u64, now: i64| insist(store, move |tx| hold(tx, SLOT, id(n), at(now), lasting(5)).map(|b| b.state));
    let confirmed = |n: u64, now: i64| insist(store, move |tx| confirm(tx, SLOT, id(n), at(now)).map(|b| b.state));
    let (full, lost) = (Err(Error::Refused(Refusal::NoSlot)), Err(Error::Refused(Refusal::LeaseLost)));
    assert_eq!(held(1, 0), Ok(BookingState::Held));
    assert_eq!(held(2, 4), full, "the hold runs until 5");
    assert_eq!(held(2, 5), Ok(BookingState::Held));
    assert_eq!(held(3, 5), full, "one place was freed, not two");
    assert_eq!(confirmed(1, 5), lost, "expired");
    assert_eq!(confirmed(1, 4), lost, "by a clock that is behind: somebody else has the place now");
    assert_eq!(confirmed(2, 6), Ok(BookingState::Booked));
    assert_eq!(held(3, 100), full, "a booking does not expire");
}

pub(super) fn a_slot_is_held_confirmed_and_cancelled(store: &dyn Store) {
    open_slot(store, 1);
    let free = |now: i64| 1 - store.query("free", move |tx| fixture::taken(tx, SLOT, at(now))).unwrap();
    insist(store, |tx| hold(tx, SLOT, id(1), at(0), lasting(5))).unwrap();
    assert_eq!((free(0), free(5)), (0, 1));
    insist(store, |tx| confirm(tx, SLOT, id(1), at(1))).unwrap();
    assert_eq!((free(0), free(5)), (0, 0));
    insist(store, |tx| cancel(tx, SLOT, id(1))).unwrap();
    assert_eq!(insist(store, |tx| cancel(tx, SLOT, id(1))), Err(Error::NotFound { what: "fixture_booking" }), "once");
    assert_eq!(free(0), 1);
    let unknown = insist(store, |tx| hold(tx, [9; 16], id(2), at(0), lasting(5)));
    assert_eq!(unknown, Err(Error::NotFound { what: "fixture_slot" }));
}
