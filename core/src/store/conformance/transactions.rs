//! Transactions: all or nothing, also when a body fails in the worst way.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use super::fixture::{Booking, BookingState, Cell, Entry, Item, Places, Slot, tables};
use super::{guarded, id, serial};
use crate::access::Engine;
use crate::error::Error;
use crate::store::raw::Range;
use crate::store::{Reads, Row, Store, StoreError, StoreExt, Tx, Writes, stretch};

fn count(store: &dyn Store) -> usize {
    store.query("count", |tx| Ok(tx.scan::<Item>(Engine::work("fixture"), stretch(None, ()))?.len())).unwrap()
}

/// Every row of every table, by the key and by each index, and what is kept in memory.
fn everything(store: &dyn Store) -> (Vec<Vec<Row>>, Option<Places>) {
    let rows = store
        .query("everything", |tx| {
            let mut all = Vec::new();
            for table in tables() {
                for index in std::iter::once(None).chain((0..table.indexes.len()).map(Some)) {
                    let range = Range { index, prefix: Vec::new(), after: None, until: None, reverse: false, limit: 1000 };
                    let mut rows = tx.range(table, &range)?;
                    if table.stamped {
                        rows.iter_mut().for_each(|row| drop(row.drain(..2))); // numbers may have gaps
                    }
                    all.push(rows);
                }
            }
            Ok(all)
        })
        .unwrap();
    // Where one writer drives the projections its own view is exact.
    let seen = store.transact(serial(), |tx| Ok(tx.project(|p: &Places| Places(p.0.clone())))).unwrap();
    if !store.shared() {
        let published = store.published().read().get::<Places>().map(|p| Places(p.0.clone()));
        assert_eq!(published, seen, "what is published is what is committed");
    }
    (rows, seen)
}

pub(super) fn an_error_of_the_rule_takes_everything_back(store: &dyn Store) {
    let failed = store.transact(serial(), |tx| -> Result<(), Error> {
        tx.add(&Item::plain(1))?;
        Err(Error::SignInRequired)
    });
    assert_eq!(failed, Err(Error::SignInRequired));
    assert_eq!(count(store), 0);
    store.transact(serial(), |tx| Ok(tx.add(&Item::plain(1))?)).unwrap();
    assert_eq!(count(store), 1);
}

/// Bodies queued together: the one that panics loses its own work and nobody else's; the store goes on.
pub(super) fn a_panic_takes_back_its_own_body_only(store: &dyn Store) {
    let tickets: Vec<_> = (0..20)
        .map(|n| {
            store.submit_for(serial(), move |tx| {
                tx.add(&Item::plain(n))?;
                if n % 5 == 2 {
                    std::panic::panic_any("a body that panics, on purpose");
                }
                Ok(n)
            })
        })
        .collect();
    for (n, ticket) in (0..).zip(tickets) {
        let expected = if n % 5 == 2 { Err(StoreError::Panicked.into()) } else { Ok(n) };
        assert_eq!(ticket.wait(), expected, "body {n}");
    }
    assert_eq!(count(store), 16);
    let read: Result<(), Error> = store.query("panics", |_| std::panic::panic_any("a read that panics, on purpose"));
    assert_eq!(read, Err(StoreError::Panicked.into()));
    store.transact(serial(), |tx| Ok(tx.add(&Item::plain(99))?)).unwrap();
    assert_eq!(count(store), 17);
    assert_eq!(store.check(), Ok(()));
}

pub(super) fn the_first_error_ends_the_transaction(store: &dyn Store) {
    store.transact(serial(), |tx| Ok(tx.add(&Item::plain(1))?)).unwrap();
    let (tell, told) = channel();
    let failed = store.transact(serial(), move |tx| -> Result<(), Error> {
        let first = tx.add(&Item::plain(1)).unwrap_err();
        let later = [
            tx.add(&Item::plain(2)).unwrap_err(),
            tx.find::<Item>((id(1),)).map(drop).unwrap_err(),
            tx.lock_row::<Item>((id(1),)).map(drop).unwrap_err(),
            tx.scan::<Item>(Engine::work("fixture"), stretch(None, ())).map(drop).unwrap_err(),
            tx.horizon().map(drop).unwrap_err(),
        ];
        let _ = tell.send(later); // the test has the answers of an earlier attempt already
        Err(first.into())
    });
    assert_eq!(failed, Err(StoreError::Duplicate { table: "fixture_item" }.into()));
    assert_eq!(told.recv().unwrap(), [const { StoreError::Poisoned }; 5]);
    assert_eq!(count(store), 1);
}

/// The body believes that all is well; the store knows better.
pub(super) fn a_swallowed_error_does_not_commit(store: &dyn Store) {
    store.transact(serial(), |tx| Ok(tx.add(&Item::plain(1))?)).unwrap();
    let swallowed = store.transact(serial(), |tx| {
        tx.add(&Item::plain(2))?;
        let _ = tx.add(&Item::plain(1)); // swallowed, on purpose
        let _ = tx.add(&Item::plain(3)); // refused: the transaction is over
        Ok(())
    });
    assert_eq!(swallowed, Err(StoreError::Duplicate { table: "fixture_item" }.into()));
    let disguised = store.transact(serial(), |tx| tx.add(&Item::plain(1)).map_err(|_| Error::NotFound { what: "authority" }));
    assert_eq!(disguised, Err(StoreError::Duplicate { table: "fixture_item" }.into()), "nobody is told that something is missing");
    assert_eq!(count(store), 1);
}

pub(super) fn what_is_taken_back_leaves_no_index_entry_posting_or_projection(store: &dyn Store) {
    let booking = |n: u64| Booking { id: id(n), slot: id(1), state: BookingState::Booked, expires_at: None, version: 0 };
    store
        .transact(serial(), move |tx| {
            tx.add(&Slot { id: id(1), capacity: 9, version: 0 })?;
            tx.add_many(&[booking(1), booking(2)])?;
            tx.add_many(&[Item::plain(1), Item::plain(2), Item::plain(3)])?;
            tx.add(&Cell { row: 1, name: "a".into(), tag: Vec::new(), value: 1 })?;
            Ok(tx.add(&Entry { xid: 0, seq: 0, writer: 1, turn: 1 })?)
        })
        .unwrap();
    let before = everything(store);
    let work = move |tx: &mut dyn Tx| -> Result<(), Error> {
        // Each kind of change, and several to the same rows, so that the order of taking back matters.
        let moved = tx.replace(&Item::plain(1), Item { label: "x".into(), code: None, weight: None, seen_by: 6, ..Item::plain(1) })?;
        tx.replace(&moved, Item { label: "y".into(), seen_by: 1, ..moved.clone() })?;
        tx.remove(&Item::plain(2))?;
        tx.add(&Item { label: "another with the same id".into(), ..Item::plain(2) })?;
        tx.add(&Item::plain(7))?;
        tx.remove(&Item::plain(7))?;
        tx.remove(&Item::plain(3))?;
        tx.remove(&booking(1))?;
        tx.add_many(&[booking(3), booking(4)])?;
        tx.replace(&booking(2), Booking { slot: id(2), ..booking(2) })?;
        tx.add(&Entry { xid: 0, seq: 0, writer: 1, turn: 2 })?;
        tx.add_new(&Cell { row: 2, name: "a".into(), tag: Vec::new(), value: 1 })?;
        Ok(())
    };
    let refused = store.transact(serial(), move |tx| work(tx).and(Err::<(), _>(Error::SignInRequired)));
    assert_eq!(refused, Err(Error::SignInRequired));
    assert_eq!(everything(store), before, "after an error of the rule");
    let panicked: Result<(), Error> = store.transact(serial(), move |tx| {
        work(tx)?;
        std::panic::panic_any("a body that panics, on purpose")
    });
    assert_eq!(panicked, Err(StoreError::Panicked.into()));
    assert_eq!(everything(store), before, "after a panic");
    let duplicate = store.transact(serial(), move |tx| {
        work(tx)?;
        Ok(tx.add_many(&[booking(5), booking(2)])?) // the second of one insert clashes
    });
    assert_eq!(duplicate, Err(StoreError::Duplicate { table: "fixture_booking" }.into()));
    assert_eq!(everything(store), before, "after a storage error");
    store.transact(serial(), work).unwrap();
    let after = everything(store);
    assert_ne!(after, before);
    let places = [(id(1), 2), (id(2), 1)].into_iter().collect();
    assert!(after.1.is_none_or(|p| p == Places(places)), "the projection follows what is committed");
}

/// From a write and from a read, another write and another read: an error each time, never a deadlock.
pub(super) fn a_body_that_calls_the_store_gets_an_error(store: &Arc<dyn Store>) {
    let refused = |e: Error| matches!(e, Error::Store(StoreError::Backend(said)) if said.contains("called the store"));
    let inner = store.clone();
    let in_write = store.transact(serial(), move |_| {
        Ok((inner.transact(serial(), |_| Ok(())).map_err(refused), inner.query("inner", |_| Ok(())).map_err(refused)))
    });
    assert_eq!(in_write, Ok((Err(true), Err(true))));
    let inner = store.clone();
    let in_read = store.query("outer", move |_| {
        Ok((inner.transact(serial(), |_| Ok(())).map_err(refused), inner.query("inner", |_| Ok(())).map_err(refused)))
    });
    assert_eq!(in_read, Ok((Err(true), Err(true))));
    store.transact(serial(), |tx| Ok(tx.add(&Item::plain(1))?)).unwrap();
    assert_eq!(count(&**store), 1);
}

/// What others commit in the middle of a read is not in it.
pub(super) fn a_read_sees_one_moment(store: &dyn Store) {
    store.transact(serial(), |tx| Ok(tx.add(&Item::plain(1))?)).unwrap();
    let ((began, beginning), (wrote, written)) = (channel(), channel::<()>());
    // In memory a writer waits for the reader; elsewhere the reader waits until the writer is done.
    let patience = Duration::from_millis(if store.engine() == "memory" { 20 } else { 10_000 });
    std::thread::scope(|scope| {
        scope.spawn(move || {
            beginning.recv().unwrap();
            store.transact(serial(), |tx| Ok(tx.add(&Item::plain(2))?)).unwrap();
            let _ = wrote.send(()); // in memory nobody waits any more
        });
        let counted = store.query("moment", move |tx| {
            let all = || stretch(None, ());
            let before = tx.scan::<Item>(Engine::work("fixture"), all())?.len();
            began.send(()).unwrap();
            let others_done = written.recv_timeout(patience).is_ok();
            Ok((before, others_done, tx.scan::<Item>(Engine::work("fixture"), all())?.len(), tx.find::<Item>((id(2),))?.is_some()))
        });
        assert_eq!(counted, Ok((1, store.engine() != "memory", 1, false)));
    });
    assert_eq!(count(store), 2);
}

pub(super) fn a_write_sees_its_own_work(store: &dyn Store) {
    let seen = store.transact(serial(), |tx| {
        tx.add(&Item::plain(1))?;
        let found = tx.find::<Item>((id(1),))?.is_some();
        let indexed = tx.scan::<Item>(Engine::work("fixture"), stretch(Some(Item::BY_LABEL), ("label 1".to_owned(),)))?.len();
        let updated = tx.replace(&Item::plain(1), Item { fragile: false, ..Item::plain(1) })?;
        let again = tx.lock_row::<Item>((id(1),))?.map(|i| i.trust("fixture").into_inner());
        tx.remove(&updated)?;
        Ok((found, indexed, again == Some(updated), tx.find::<Item>((id(1),))?.is_some()))
    });
    assert_eq!(seen, Ok((true, 1, true, false)));
}

/// By the tables' order, then by key: two bodies can never wait for each other.
pub(super) fn locks_out_of_order_are_an_error(store: &dyn Store) {
    let lock = |n: u64| move |tx: &mut dyn Tx| tx.lock_row::<Item>((id(n),)).map(drop);
    store.transact(guarded(), move |tx| Ok(lock(1)(tx).and_then(|()| lock(1)(tx)).and_then(|()| lock(2)(tx))?)).unwrap();
    let wrong = |e: Error| matches!(e, Error::Store(StoreError::Backend(said)) if said.contains("lock order"));
    let keys = store.transact(guarded(), move |tx| Ok(lock(2)(tx).and_then(|()| lock(1)(tx))?));
    assert_eq!(keys.map_err(wrong), Err(true), "keys backwards");
    let tables = store.transact(guarded(), move |tx| {
        tx.add(&Item::plain(1))?;
        lock(1)(tx)?;
        Ok(tx.lock_row::<Slot>((id(9),)).map(drop)?)
    });
    assert_eq!(tables.map_err(wrong), Err(true), "tables backwards");
    assert_eq!(count(store), 0);
}

pub(super) fn commits_are_hinted_at(store: &dyn Store) {
    let before = store.signal().count();
    store.transact(serial(), |tx| Ok(tx.add(&Item::plain(1))?)).unwrap();
    assert!(store.signal().wait_past(before, Duration::from_secs(10)) > before);
}

pub(super) fn writes_of_many_threads_are_all_there(store: &dyn Store) {
    std::thread::scope(|scope| {
        for thread in 0..8 {
            scope.spawn(move || {
                let tickets: Vec<_> =
                    (0..20).map(|n| store.submit_for(guarded(), move |tx| Ok(tx.add(&Item::plain(thread * 100 + n))?))).collect();
                tickets.into_iter().for_each(|t| t.wait().unwrap());
            });
        }
    });
    assert_eq!(count(store), 160);
}
