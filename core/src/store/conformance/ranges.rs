//! Ranges: what comes back is what filtering and sorting every row by hand gives.

use rand_core::{Rng as _, SeedableRng as _};

use super::fixture::{Cell, Item};
use super::serial;
use crate::crypto::Rng;
use crate::store::raw::Range;
use crate::store::{Record, Row, Store, StoreExt, Table, Value, Writes};

fn below(rng: &mut Rng, n: u64) -> u64 {
    rng.next_u64() % n
}

fn items(rng: &mut Rng, count: u64) -> Vec<Item> {
    let labels = ["", "a", "a\u{0}", "ab", "b", "征", "征纳"];
    (0..count)
        .map(|n| Item {
            shelf: below(rng, 3) as i64 - 1,
            weight: (below(rng, 4) > 0).then(|| below(rng, 3) as i64 - 1),
            code: (below(rng, 3) > 0).then(|| format!("{n}")),
            label: labels[below(rng, 7) as usize].replace('\u{0}', "\u{1}"), // PostgreSQL takes no zero byte in text
            body: vec![[0, 1, 255][below(rng, 3) as usize]; below(rng, 3) as usize],
            fragile: below(rng, 2) == 1,
            ..Item::plain(n)
        })
        .collect()
}

fn cells(rng: &mut Rng) -> Vec<Cell> {
    let mut cells: Vec<Cell> = Vec::new();
    for row in [-1, 0, 7] {
        for name in ["", "a", "ab"] {
            for tag in [&b""[..], &[0], &[0, 0], &[255]] {
                if below(rng, 4) > 0 {
                    cells.push(Cell { row, name: name.into(), tag: tag.to_vec(), value: below(rng, 9) as i64 });
                }
            }
        }
    }
    cells
}

/// What the range must give, from every row of the table.
fn expected(table: &'static Table, range: &Range, rows: &[Row]) -> Vec<Row> {
    let order = table.order_of(range.index);
    let indexed: &[usize] = range.index.map_or(&[], |i| table.indexes[i].columns);
    let key = |row: &Row| -> Row { order.iter().map(|&c| row[c].clone()).collect() };
    let from = range.prefix.len();
    let mut found: Vec<&Row> = rows
        .iter()
        .filter(|row| !indexed.iter().any(|&c| row[c] == Value::Null))
        .filter(|row| key(row)[..from] == range.prefix[..])
        .filter(|row| match &range.after {
            Some(after) if range.reverse => key(row)[from..from + after.len()] < after[..],
            Some(after) => key(row)[from..from + after.len()] > after[..],
            None => true,
        })
        .filter(|row| range.until.as_ref().is_none_or(|until| key(row)[from] <= *until))
        .collect();
    found.sort_by_key(|row| key(row));
    if range.reverse {
        found.reverse();
    }
    found.into_iter().take(range.limit as usize).cloned().collect()
}

/// A random range whose bounds are taken from a random row, so that they are often hit exactly.
fn random_range(rng: &mut Rng, table: &'static Table, rows: &[Row]) -> Range {
    let choice = below(rng, table.indexes.len() as u64 + 1) as usize;
    let index = choice.checked_sub(1);
    let order = table.order_of(index);
    let pick = |rng: &mut Rng, c: usize| -> Value {
        loop {
            let value = rows[below(rng, rows.len() as u64) as usize][c].clone();
            if value != Value::Null {
                return value;
            }
        }
    };
    let prefix: Row = order[..below(rng, order.len() as u64) as usize].iter().map(|&c| pick(rng, c)).collect();
    let behind = &order[prefix.len()..];
    let after =
        (below(rng, 2) == 0).then(|| behind[..1 + below(rng, behind.len() as u64) as usize].iter().map(|&c| pick(rng, c)).collect());
    let until = (below(rng, 3) == 0).then(|| pick(rng, behind[0]));
    Range { index, prefix, after, until, reverse: below(rng, 2) == 0, limit: 1 + below(rng, 40) as u32 }
}

/// Every index, every length of prefix, after, until, both directions, limits.
pub(super) fn a_range_is_what_filtering_every_row_gives(store: &dyn Store) {
    let mut rng = Rng::seed_from_u64(20_261_123);
    let (items, cells) = (items(&mut rng, 60), cells(&mut rng));
    let rows =
        [(Item::TABLE, items.iter().map(Record::to_row).collect::<Vec<_>>()), (Cell::TABLE, cells.iter().map(Record::to_row).collect())];
    store
        .transact(serial(), move |tx| {
            tx.add_many(&items)?;
            Ok(tx.add_many(&cells)?)
        })
        .unwrap();
    for round in 0..1200 {
        let (table, all) = &rows[usize::from(round % 4 == 0)];
        let range = random_range(&mut rng, table, all);
        let (table, asked) = (*table, range.clone());
        let found = store.query("range", move |tx| Ok(tx.range(table, &asked)?)).unwrap();
        assert_eq!(found, expected(table, &range, all), "round {round}: {} {range:?}", table.name);
    }
}

/// The engines disagree about the place of NULL, so an index has none: a row with one is not in it.
pub(super) fn an_index_leaves_out_rows_with_a_null(store: &dyn Store) {
    let items = [Item { weight: None, ..Item::plain(1) }, Item::plain(2), Item { code: None, ..Item::plain(3) }];
    store.transact(serial(), move |tx| Ok(tx.add_many(&items)?)).unwrap();
    let places = |index, prefix: Row, reverse| {
        let range = Range { index: Some(index), prefix, after: None, until: None, reverse, limit: 9 };
        let found = store.query("nulls", move |tx| Ok(tx.range(Item::TABLE, &range)?)).unwrap();
        found.into_iter().map(|row| Item::from_row(row).unwrap().place).collect::<Vec<_>>()
    };
    assert_eq!(places(Item::BY_SHELF, vec![Value::Int(1)], false), [2, 3]);
    assert_eq!(places(Item::BY_SHELF, vec![Value::Int(1)], true), [3, 2]);
    assert!(places(Item::BY_SHELF, vec![Value::Int(1), Value::Null], false).is_empty(), "nothing equals NULL");
    assert_eq!(places(Item::BY_CODE, vec![], false), [1, 2]);
    assert_eq!(places(Item::BY_LABEL, vec![], false), [1, 2, 3]);
}

/// Keyset pages over the key and over an index that is full of equal values.
pub(super) fn a_table_is_walked_page_by_page_without_loss(store: &dyn Store) {
    let items: Vec<Item> = (0..103).map(|n| Item { label: "same".into(), fragile: n % 3 == 0, ..Item::plain(n) }).collect();
    store.transact(serial(), move |tx| Ok(tx.add_many(&items)?)).unwrap();
    for index in [None, Some(Item::BY_LABEL), Some(Item::BY_BODY)] {
        for reverse in [false, true] {
            let order = Item::TABLE.order_of(index);
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let range = Range { index, prefix: Vec::new(), after: after.clone(), until: None, reverse, limit: 10 };
                let page = store.query("page", move |tx| Ok(tx.range(Item::TABLE, &range)?)).unwrap();
                let Some(last) = page.last() else { break };
                after = Some(order.iter().map(|&c| last[c].clone()).collect());
                seen.extend(page.iter().map(|row| Item::TABLE.key_of(row)));
            }
            assert_eq!(seen.len(), 103, "{index:?} reverse={reverse}");
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), 103, "{index:?} reverse={reverse}: a row came twice");
        }
    }
}
