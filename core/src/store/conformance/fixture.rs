//! Tables of the suite, in no migration of the product: a slot with places, held and booked; an item with every
//! kind of column; an entry that the store numbers.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::access::{AuthorityPath, Bar, Engine, OfficerActor, Term};
use crate::clock::Timestamp;
use crate::error::{Error, Refusal};
use crate::journal::Event;
use crate::store::{
    Change, MakeProjections, Projection, ReadTx, Reads, Record, Store, StoreError, StoreExt, Table, Ticket, Tx, Watch, Writes, position,
    stretch,
};

words! {
    /// Where a booking stands.
    pub enum BookingState {
        /// Held for a while, then free again.
        Held = "held",
        /// Taken.
        Booked = "booked",
    }
}

record! {
    /// A slot. Its row is the guard that every hold locks.
    pub struct Slot in "fixture_slot" {
        /// Id.
        id: [u8; 16],
        /// Places.
        capacity: i64,
        /// Counts updates.
        version: i64,
    }
    key(id);
    version version;
    lock 80;
}

record! {
    /// A place in a slot.
    pub struct Booking in "fixture_booking" {
        /// Id.
        id: [u8; 16],
        /// The slot.
        slot: [u8; 16],
        /// State.
        state: BookingState,
        /// A hold ends then.
        expires_at: Option<Timestamp>,
        /// Counts updates.
        version: i64,
    }
    key(id);
    version version;
    lock 81;
    index BY_SLOT(slot, state);
    index BY_EXPIRY(expires_at, slot);
}

record! {
    /// A row with every kind of column, listed by scope.
    pub struct Item in "fixture_item" {
        /// Id.
        id: [u8; 16],
        /// Not unique.
        shelf: i64,
        /// Unique, where there is one.
        code: Option<String>,
        /// Unique together with the shelf.
        place: i64,
        /// May be absent, and indexed.
        weight: Option<i64>,
        /// Any text.
        label: String,
        /// Any bytes.
        body: Vec<u8>,
        /// Yes or no.
        fragile: bool,
        /// Lists are in this order.
        at: Timestamp,
        /// Bits: which of the terms of [`terms`] see it.
        seen_by: i64,
        /// Counts updates.
        version: i64,
    }
    key(id);
    version version;
    lock 82;
    scoped at by terms except bars;
    unique BY_CODE(code);
    unique BY_PLACE(shelf, place);
    index BY_SHELF(shelf, weight, label);
    index BY_LABEL(label);
    index BY_BODY(fragile, body);
}

record! {
    /// A row that the store numbers.
    pub struct Entry in "fixture_entry" {
        /// See [`Table::stamped`].
        xid: i64,
        /// See [`Table::stamped`].
        seq: i64,
        /// Who wrote it.
        writer: i64,
        /// The how-manieth of theirs.
        turn: i64,
    }
    key(xid, seq);
    stamped seq;
    index BY_WRITER(writer, xid, seq);
}

record! {
    /// A row with a key of several columns of several kinds.
    pub struct Cell in "fixture_cell" {
        /// First.
        row: i64,
        /// Second.
        name: String,
        /// Third.
        tag: Vec<u8>,
        /// Not in the key.
        value: i64,
    }
    key(row, name, tag);
}

impl Item {
    fn terms(&self) -> Vec<Term> {
        terms().into_iter().enumerate().filter(|(bit, _)| self.seen_by & (1 << bit) != 0).map(|(_, term)| term).collect()
    }

    /// What is fragile is kept from who is [`clumsy`].
    fn bars(&self) -> Vec<Bar> {
        self.fragile.then(|| Bar::Officer(clumsy().id)).into_iter().collect()
    }

    /// An item with nothing special about it; everything unique is derived from `n`.
    pub fn plain(n: u64) -> Self {
        let number = n as i64;
        Self {
            id: super::id(n),
            shelf: 1,
            code: Some(format!("code {n}")),
            place: number,
            weight: Some(number),
            label: format!("label {n}"),
            body: n.to_be_bytes().to_vec(),
            fragile: n % 2 == 1,
            at: Timestamp::from_micros(number),
            seen_by: 1,
            version: 0,
        }
    }
}

/// The terms that items may carry, by bit.
pub fn terms() -> Vec<Term> {
    let id = |n: u128| uuid::Uuid::from_u128(n);
    vec![
        Term::Public,
        Term::Participant(crate::id::TaxpayerId::from_uuid(id(1))),
        Term::Participant(crate::id::TaxpayerId::from_uuid(id(2))),
        Term::Assigned(crate::id::OfficerId::from_uuid(id(1))),
        Term::Line(crate::id::LineId::from_uuid(id(1))),
    ]
}

/// From whom fragile items are kept.
pub fn clumsy() -> Arc<OfficerActor> {
    let id = crate::id::OfficerId::from_uuid(uuid::Uuid::from_u128(9));
    Arc::new(OfficerActor { id, authority: AuthorityPath::default(), capacity: 1, posts: Vec::new(), apart: Vec::new(), duty: None })
}

/// Every table of the suite, postings behind their table.
pub fn tables() -> Vec<&'static Table> {
    let declared = [Slot::TABLE, Booking::TABLE, Item::TABLE, Entry::TABLE, Cell::TABLE];
    declared.into_iter().flat_map(|table| [Some(table), table.scope]).flatten().collect()
}

/// The DDL of [`tables`]: to be run on a migrated database before the store is opened.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub fn ddl(dialect: crate::store::sql::Dialect) -> String {
    let tables: Vec<String> = tables().into_iter().map(crate::store::sql::declared_ddl).collect();
    dialect.ddl(&tables.join("\n"))
}

/// Adds the `n`-th item with a body of `bytes`, for tests that fill a disk or a queue.
pub fn shelve(store: &dyn Store, n: u64, bytes: usize) -> Ticket<()> {
    let item = Item { body: vec![n as u8; bytes], ..Item::plain(n) };
    store.submit_for(super::guarded(), move |tx| Ok(tx.add(&item)?))
}

/// Which items are there; reads their bodies too.
pub fn shelved(store: &dyn Store) -> Result<Vec<u64>, Error> {
    store.query("fixture.shelved", |tx| {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let range = stretch(None, ());
            let page: Vec<Item> = tx.scan(
                Engine::work("fixture"),
                match after {
                    Some(last) => range.after((last,)),
                    None => range,
                },
            )?;
            let Some(last) = page.last() else { return Ok(all) };
            after = Some(last.id);
            all.extend(page.iter().map(|item| item.place as u64));
        }
    })
}

/// Books a place in the slot `slot` without asking, and tells the projection.
pub fn book(store: &dyn Store, slot: u8, n: u64) -> Ticket<()> {
    let booking = Booking { id: super::id(n), slot: [slot; 16], state: BookingState::Booked, expires_at: None, version: 0 };
    store.submit_for(super::guarded(), move |tx| Ok(tx.add(&booking)?))
}

/// Books a place as [`book`] does, and fails after that, or panics.
pub fn book_in_vain(store: &dyn Store, slot: u8, n: u64, panics: bool) -> Ticket<()> {
    let booking = Booking { id: super::id(n), slot: [slot; 16], state: BookingState::Booked, expires_at: None, version: 0 };
    store.submit_for(super::guarded(), move |tx| {
        tx.add(&booking)?;
        if panics {
            std::panic::panic_any(super::super::fault::INJECTED);
        }
        Err(Error::Refused(Refusal::NobodyWaiting))
    })
}

/// How many bookings each slot has: by the rows, as published, and as a write sees it.
pub fn counts(store: &dyn Store) -> Result<[BTreeMap<[u8; 16], i64>; 3], Error> {
    let published = store.published().read().get::<Places>().map(|p| p.0.clone()).unwrap_or_default();
    store.transact(super::serial(), move |tx| {
        let mut rows = Places::default();
        rows.rebuild(tx)?;
        Ok([rows.0, published.clone(), tx.project(|p: &Places| p.0.clone()).unwrap_or_default()])
    })
}

/// A write that begins, says so, and goes on when it is told to: whatever is queued meanwhile waits behind it.
pub fn stall(store: &dyn Store) -> (std::sync::mpsc::Receiver<()>, std::sync::mpsc::Sender<()>, Ticket<()>) {
    let ((begin, began), (go, going)) = (std::sync::mpsc::channel(), std::sync::mpsc::channel());
    let ticket = store.submit_for(super::guarded(), move |_| {
        let _ = (begin.send(()), going.recv()); // ends as well when the test has gone
        Ok(())
    });
    (began, go, ticket)
}

/// A write that adds the `n`-th item, takes `pause` in its first `slow` runs, and adds the next item. Answers which
/// run it was.
pub fn dawdle(store: &dyn Store, n: u64, slow: u32, pause: std::time::Duration) -> Ticket<u32> {
    let mut run = 0;
    store.submit_for(super::guarded(), move |tx| {
        run += 1;
        tx.add(&Item::plain(n))?;
        if run <= slow {
            std::thread::sleep(pause);
        }
        tx.add(&Item::plain(n + 1))?;
        Ok(run)
    })
}

/// Holds a place in a slot until `now + lasting`, if one is left: booked ones and unexpired holds take places.
/// `id` is the new booking's.
pub fn hold(tx: &mut dyn Tx, slot: [u8; 16], id: [u8; 16], now: Timestamp, lasting: std::time::Duration) -> Result<Booking, Error> {
    let slot = tx.lock_row::<Slot>((slot,))?.ok_or(Error::NotFound { what: "fixture_slot" })?.trust("fixture").into_inner();
    if taken(tx, slot.id, now)? >= slot.capacity {
        return Err(Error::Refused(Refusal::NoSlot));
    }
    let booking = Booking { id, slot: slot.id, state: BookingState::Held, expires_at: Some(now.plus(lasting)), version: 0 };
    tx.add(&booking)?;
    Ok(booking)
}

/// Turns a hold into a booking, unless it has expired, or somebody has its place: the caller's time may be behind
/// the time of whoever found the hold expired, so the places are counted again.
pub fn confirm(tx: &mut dyn Tx, slot: [u8; 16], id: [u8; 16], now: Timestamp) -> Result<Booking, Error> {
    let slot = tx.lock_row::<Slot>((slot,))?.ok_or(Error::NotFound { what: "fixture_slot" })?.trust("fixture").into_inner();
    let booking = tx.lock_row::<Booking>((id,))?.ok_or(Error::NotFound { what: "fixture_booking" })?.trust("fixture").into_inner();
    if booking.slot != slot.id || booking.expires_at.is_some_and(|end| end <= now) {
        return Err(Error::Refused(Refusal::LeaseLost));
    }
    if taken(tx, slot.id, now)? > slot.capacity {
        return Err(Error::Refused(Refusal::LeaseLost));
    }
    Ok(tx.replace(&booking, Booking { state: BookingState::Booked, expires_at: None, ..booking.clone() })?)
}

/// Frees exactly one place.
pub fn cancel(tx: &mut dyn Tx, slot: [u8; 16], id: [u8; 16]) -> Result<(), Error> {
    tx.lock_row::<Slot>((slot,))?.ok_or(Error::NotFound { what: "fixture_slot" })?.trust("fixture").into_inner();
    let booking = tx.lock_row::<Booking>((id,))?.ok_or(Error::NotFound { what: "fixture_booking" })?.trust("fixture").into_inner();
    Ok(tx.remove(&booking)?)
}

/// Places taken at `now`.
pub fn taken(tx: &mut dyn ReadTx, slot: [u8; 16], now: Timestamp) -> Result<i64, Error> {
    let why = Engine::work("fixture");
    let booked: Vec<Booking> = tx.scan(why, stretch(Some(Booking::BY_SLOT), (slot, BookingState::Booked)))?;
    let held: Vec<Booking> = tx.scan(why, stretch(Some(Booking::BY_SLOT), (slot, BookingState::Held)))?;
    let running = held.iter().filter(|b| b.expires_at.is_some_and(|end| end > now)).count();
    Ok((booked.len() + running) as i64)
}

/// How many bookings of either state each slot has, kept in memory.
#[derive(Clone, Default, Debug, PartialEq)]
pub struct Places(pub BTreeMap<[u8; 16], i64>);

impl Places {
    fn count(&mut self, row: &crate::store::Row, by: i64) -> Result<(), StoreError> {
        let booking = Booking::from_row(row.clone())?;
        let places = self.0.entry(booking.slot).or_default();
        *places += by;
        if *places == 0 {
            self.0.remove(&booking.slot);
        }
        Ok(())
    }
}

impl Projection for Places {
    fn name(&self) -> &'static str {
        "fixture_places"
    }

    fn watches(&self) -> &'static [Watch] {
        const WATCHED: [Watch; 1] = [Watch { table: Booking::TABLE, columns: &[position(Booking::TABLE.columns, "slot")] }];
        &WATCHED
    }

    fn apply(&mut self, change: &Change) -> Result<(), StoreError> {
        change.old.iter().try_for_each(|old| self.count(old, -1))?;
        change.new.iter().try_for_each(|new| self.count(new, 1))
    }

    fn copy(&self) -> Box<dyn Projection> {
        Box::new(self.clone())
    }

    fn rebuild(&mut self, tx: &mut dyn ReadTx) -> Result<(), Error> {
        self.0.clear();
        let mut after = None;
        loop {
            let range = stretch(None, ());
            let page: Vec<Booking> = tx.scan(
                Engine::work("fixture"),
                match after {
                    Some(last) => range.after((last,)),
                    None => range,
                },
            )?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.id);
            for booking in &page {
                *self.0.entry(booking.slot).or_default() += 1;
            }
        }
    }

    fn follow(&mut self, _: &Event, _: &mut dyn ReadTx) -> Result<(), Error> {
        Ok(()) // the suite writes no journal: on shared stores only rows are compared
    }

    fn differences(&self, rebuilt: &dyn Any) -> Vec<String> {
        match rebuilt.downcast_ref::<Self>() {
            Some(rebuilt) if rebuilt == self => Vec::new(),
            other => vec![format!("rows say {other:?}, known {self:?}")],
        }
    }
}

/// Open stores of the suite with this.
pub const PROJECTIONS: MakeProjections = || vec![Box::new(Places::default()) as Box<dyn Projection>];
