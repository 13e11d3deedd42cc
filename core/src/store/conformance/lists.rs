//! Lists by scope.

use rand_core::{Rng as _, SeedableRng as _};

use super::fixture::{Item, clumsy, terms};
use super::{id, serial};
use crate::access::{Scope, Term};
use crate::clock::Timestamp;
use crate::crypto::Rng;
use crate::store::{Page, Reads, Record, Store, StoreExt, Writes};

fn scope_of(bits: i64) -> Vec<Term> {
    terms().into_iter().enumerate().filter(|(bit, _)| bits & (1 << bit) != 0).map(|(_, term)| term).collect()
}

fn page(store: &dyn Store, bits: i64, after: Option<&Item>, limit: u32) -> Vec<Item> {
    let after = after.map(|i| (i.at, uuid::Uuid::from_bytes(i.id)));
    store.query("list", move |tx| tx.list::<Item>(&Scope::of_terms(scope_of(bits), None), Page { after, limit })).unwrap()
}

fn walk(store: &dyn Store, bits: i64, limit: u32, mut between: impl FnMut()) -> Vec<Item> {
    let mut seen: Vec<Item> = Vec::new();
    loop {
        let next = page(store, bits, seen.last(), limit);
        assert!(next.len() <= limit as usize);
        if next.is_empty() {
            return seen;
        }
        seen.extend(next);
        between();
    }
}

fn expected(items: &[Item], bits: i64) -> Vec<[u8; 16]> {
    let mut seen: Vec<&Item> = items.iter().filter(|i| i.seen_by & bits != 0).collect();
    seen.sort_by_key(|i| std::cmp::Reverse((i.at, i.id)));
    seen.into_iter().map(|i| i.id).collect()
}

fn ids(items: &[Item]) -> Vec<[u8; 16]> {
    items.iter().map(|i| i.id).collect()
}

/// For every scope: each row that meets a term once, newest first, whatever the size of the page; many rows
/// share an instant.
pub(super) fn a_scoped_list_equals_a_filter_over_every_row(store: &dyn Store) {
    let mut rng = Rng::seed_from_u64(42);
    let items: Vec<Item> = (0..150)
        .map(|n| Item { at: Timestamp::from_micros((rng.next_u64() % 12) as i64), seen_by: (rng.next_u64() % 32) as i64, ..Item::plain(n) })
        .collect();
    let added = items.clone();
    store.transact(serial(), move |tx| Ok(tx.add_many(&added)?)).unwrap();
    for bits in 0..32 {
        for limit in [1, 7, 150] {
            if limit == 1 && bits % 5 != 1 {
                continue; // the smallest page for some scopes only: it takes a read per row
            }
            let seen = walk(store, bits, limit, || {});
            assert_eq!(ids(&seen), expected(&items, bits), "scope {bits:05b}, pages of {limit}");
        }
    }
    let sample = page(store, 31, None, 150);
    assert!(sample.iter().all(|i| items.contains(i)), "the rows themselves come back, not only their ids");
}

/// What is kept from its reader is left out, and what is behind it fills the page: nothing tells how much was left out.
pub(super) fn what_is_kept_from_a_reader_leaves_no_gap(store: &dyn Store) {
    let mut rng = Rng::seed_from_u64(43);
    let instant = |n: u64| Timestamp::from_micros(n as i64 / 3);
    let items: Vec<Item> =
        (0..90).map(|n| Item { at: instant(n), seen_by: 3, fragile: rng.next_u64() % 4 != 0, ..Item::plain(n) }).collect();
    let added = items.clone();
    store.transact(serial(), move |tx| Ok(tx.add_many(&added)?)).unwrap();
    let light: Vec<Item> = items.into_iter().filter(|i| !i.fragile).collect();
    for limit in [1, 4, light.len() as u32, 200] {
        let mut seen: Vec<Item> = Vec::new();
        loop {
            let after = seen.last().map(|i| (i.at, uuid::Uuid::from_bytes(i.id)));
            let scope = Scope::of_terms(scope_of(3), Some(clumsy()));
            let page = store.query("list", move |tx| tx.list::<Item>(&scope, Page { after, limit })).unwrap();
            seen.extend(page.iter().cloned());
            if page.len() < limit as usize {
                break;
            }
        }
        assert_eq!(ids(&seen), expected(&light, 3), "pages of {limit}: each is full until the last");
    }
}

/// Rows that arrive at the top while somebody pages down are not seen, and nothing is seen twice or missed.
pub(super) fn pages_are_stable_while_rows_arrive(store: &dyn Store) {
    let old: Vec<Item> = (0..40).map(|n| Item { seen_by: 3, ..Item::plain(n) }).collect();
    let added = old.clone();
    store.transact(serial(), move |tx| Ok(tx.add_many(&added)?)).unwrap();
    let mut n = 1000;
    let seen = walk(store, 3, 6, || {
        n += 1;
        let new = Item { seen_by: 3, ..Item::plain(n) };
        store.transact(serial(), move |tx| Ok(tx.add(&new)?)).unwrap();
    });
    assert_eq!(ids(&seen), expected(&old, 3));
}

/// Postings follow the row: into a scope, out of it, to another time, and away with it.
pub(super) fn an_updated_row_moves_between_scopes(store: &dyn Store) {
    let first = Item { seen_by: 0b00011, ..Item::plain(1) };
    let added = first.clone();
    store.transact(serial(), move |tx| Ok(tx.add(&added)?)).unwrap();
    store.transact(serial(), |tx| Ok(tx.add(&Item { seen_by: 0b11111, ..Item::plain(2) })?)).unwrap();
    let moved = store
        .transact(serial(), move |tx| Ok(tx.replace(&first, Item { seen_by: 0b00110, at: Timestamp::from_micros(9), ..first.clone() })?))
        .unwrap();
    for (bit, expected) in [(0b1, vec![id(2)]), (0b10, vec![id(1), id(2)]), (0b100, vec![id(1), id(2)]), (0b1000, vec![id(2)])] {
        assert_eq!(ids(&page(store, bit, None, 9)), expected, "term {bit:05b}");
    }
    store.transact(serial(), move |tx| Ok(tx.remove(&moved)?)).unwrap();
    assert_eq!(ids(&page(store, 0b11111, None, 9)), [id(2)]);
    let postings = store.query("postings", |tx| {
        let range = crate::store::stretch(None, ());
        Ok(tx.range(Item::TABLE.scope.unwrap(), &range)?.len())
    });
    assert_eq!(postings.unwrap(), 5, "a removed row leaves no posting");
}
