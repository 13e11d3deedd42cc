//! Single rows: found, refused, updated, deleted, numbered.

use super::fixture::{Cell, Entry, Item};
use super::{guarded, id, serial};
use crate::access::Engine;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::store::{Reads, Record, Store, StoreError, StoreExt, Writes, segment, stretch};

fn add(store: &dyn Store, item: Item) -> Result<(), Error> {
    store.transact(serial(), move |tx| Ok(tx.add(&item)?))
}

fn item(store: &dyn Store, n: u64) -> Option<Item> {
    store.query("item", move |tx| Ok(tx.find::<Item>((id(n),))?.map(|i| i.trust("fixture").into_inner()))).unwrap()
}

fn duplicate() -> Error {
    StoreError::Duplicate { table: "fixture_item" }.into()
}

/// By the whole key, and not by a part or a neighbour of it.
pub(super) fn a_row_is_found_by_its_key_and_only_by_its_key(store: &dyn Store) {
    let cell = |row: i64, name: &str, tag: &[u8]| Cell { row, name: name.into(), tag: tag.to_vec(), value: row };
    let cells = [
        cell(1, "a", b"x"),
        cell(1, "a", b""),
        cell(1, "", b"x"),
        cell(-1, "a", b"x"),
        cell(1, "a\u{1}", b"x"),
        cell(i64::MIN, "征纳", &[0, 255]),
    ];
    let written = cells.clone();
    store.transact(serial(), move |tx| Ok(tx.add_many(&written)?)).unwrap();
    store
        .query("cells", move |tx| {
            for cell in &cells {
                let found = tx.find::<Cell>((cell.row, cell.name.clone(), cell.tag.clone()))?.map(|c| c.trust("fixture").into_inner());
                assert_eq!(found.as_ref(), Some(cell));
            }
            assert!(tx.find::<Cell>((1, "a".to_owned(), b"y".to_vec()))?.is_none());
            assert!(tx.find::<Cell>((1, "A".to_owned(), b"x".to_vec()))?.is_none(), "text is compared byte by byte");
            Ok(())
        })
        .unwrap();
}

/// More than any group of placeholders; missing ones are left out.
pub(super) fn many_rows_are_found_by_their_keys(store: &dyn Store) {
    let items: Vec<Item> = (0..171).map(Item::plain).collect();
    store.transact(serial(), move |tx| Ok(tx.add_many(&items)?)).unwrap();
    let keys: Vec<crate::store::Row> = (0..200).rev().map(|n| Item::plain(n).key()).collect();
    let found = store.query("many", move |tx| Ok(tx.get_many(Item::TABLE, &keys)?)).unwrap();
    let mut found: Vec<Item> = found.into_iter().map(|row| Item::from_row(row).unwrap()).collect();
    found.sort_by_key(|i| i.id);
    assert_eq!(found, (0..171).map(Item::plain).collect::<Vec<_>>());
}

/// Extremes of each kind.
pub(super) fn every_kind_of_value_comes_back_as_it_was(store: &dyn Store) {
    let odd = [
        Item {
            weight: Some(i64::MIN),
            label: "中文，quote ' and \" and \\ and ?1 and $1\n\t".into(),
            body: vec![0, 255, 0, 39],
            ..Item::plain(1)
        },
        Item { weight: None, code: None, label: String::new(), body: Vec::new(), at: Timestamp::from_micros(i64::MAX), ..Item::plain(2) },
        Item { weight: Some(i64::MAX), at: Timestamp::from_micros(-1), label: "x".repeat(5000), body: vec![7; 70_000], ..Item::plain(3) },
    ];
    for item in odd.clone() {
        add(store, item).unwrap();
    }
    for (n, expected) in (1..).zip(odd) {
        assert_eq!(item(store, n), Some(expected));
    }
}

/// The key decides, whatever else the row holds; also within one insert, and against the transaction's own rows.
pub(super) fn a_second_row_with_the_same_key_is_refused(store: &dyn Store) {
    add(store, Item::plain(1)).unwrap();
    let same_key = |n| Item { id: id(1), ..Item::plain(n) };
    assert_eq!(add(store, same_key(2)), Err(duplicate()));
    let twice = [Item::plain(5), Item { id: id(5), ..Item::plain(6) }];
    assert_eq!(store.transact(serial(), move |tx| Ok(tx.add_many(&twice)?)), Err(duplicate()));
    let own = store.transact(serial(), |tx| {
        tx.add(&Item::plain(7))?;
        Ok(tx.add(&Item { id: id(7), ..Item::plain(8) })?)
    });
    assert_eq!(own, Err(duplicate()));
    assert_eq!((item(store, 1), item(store, 5), item(store, 7)), (Some(Item::plain(1)), None, None));
}

/// On insert and on update; a value given up may be taken.
pub(super) fn a_second_row_with_the_same_unique_values_is_refused(store: &dyn Store) {
    add(store, Item::plain(1)).unwrap();
    add(store, Item::plain(2)).unwrap();
    let code = || Some("code 1".to_owned());
    assert_eq!(add(store, Item { code: code(), ..Item::plain(3) }), Err(duplicate()));
    assert_eq!(add(store, Item { place: 1, ..Item::plain(3) }), Err(duplicate()));
    add(store, Item { place: 1, shelf: 2, ..Item::plain(3) }).unwrap();
    let to_code_1 =
        move |tx: &mut dyn crate::store::Tx| Ok(tx.replace(&Item::plain(2), Item { code: code(), ..Item::plain(2) }).map(drop)?);
    assert_eq!(store.transact(serial(), to_code_1), Err(duplicate()));
    assert_eq!(item(store, 2), Some(Item::plain(2)));
    store.transact(serial(), |tx| Ok(tx.remove(&Item::plain(1))?)).unwrap();
    store.transact(serial(), to_code_1).unwrap();
}

/// As in SQL: an absent value equals nothing.
pub(super) fn rows_with_a_null_in_a_unique_index_never_clash(store: &dyn Store) {
    for n in 1..4 {
        add(store, Item { code: None, ..Item::plain(n) }).unwrap();
    }
    let updated = store.transact(serial(), |tx| {
        let fourth = Item::plain(4);
        tx.add(&fourth)?;
        Ok(tx.replace(&fourth, Item { code: None, ..fourth.clone() })?)
    });
    assert_eq!(updated.unwrap().code, None);
}

/// Says whether it did; neither the key nor a unique value is overwritten, and the transaction goes on.
pub(super) fn insert_new_leaves_what_is_there(store: &dyn Store) {
    let cell = |value| Cell { row: 1, name: "a".into(), tag: Vec::new(), value };
    let done = store
        .transact(serial(), move |tx| {
            let first = tx.add_new(&cell(1))?;
            let second = tx.add_new(&cell(2))?;
            tx.add(&Cell { row: 2, ..cell(3) })?;
            Ok((first, second))
        })
        .unwrap();
    assert_eq!(done, (true, false));
    assert!(!store.transact(serial(), move |tx| Ok(tx.add_new(&cell(4))?)).unwrap());
    let found = store.query("cell", |tx| tx.scan::<Cell>(Engine::work("fixture"), stretch(None, ())).map_err(Error::from)).unwrap();
    assert_eq!(found.iter().map(|c| (c.row, c.value)).collect::<Vec<_>>(), [(1, 1), (2, 3)]);
}

/// Whoever read an older version, or a row that is gone, changes nothing.
pub(super) fn an_update_of_another_version_is_a_conflict(store: &dyn Store) {
    add(store, Item::plain(1)).unwrap();
    let heavier =
        |old: Item, weight| move |tx: &mut dyn crate::store::Tx| Ok(tx.replace(&old, Item { weight: Some(weight), ..old.clone() })?);
    let now = store.transact(guarded(), heavier(Item::plain(1), 10)).unwrap();
    assert_eq!((now.weight, now.version), (Some(10), 1));
    assert_eq!(store.transact(guarded(), heavier(Item::plain(1), 20)), Err(StoreError::Conflict.into()), "an old version");
    assert_eq!(store.transact(guarded(), heavier(Item::plain(2), 30)), Err(StoreError::Conflict.into()), "no such row");
    assert_eq!(item(store, 1), Some(now));
}

/// The same for deletes.
pub(super) fn a_delete_of_another_version_is_a_conflict(store: &dyn Store) {
    add(store, Item::plain(1)).unwrap();
    let remove = |item: Item| move |tx: &mut dyn crate::store::Tx| Ok(tx.remove(&item)?);
    assert_eq!(store.transact(guarded(), remove(Item { version: 1, ..Item::plain(1) })), Err(StoreError::Conflict.into()));
    assert_eq!(store.transact(guarded(), remove(Item::plain(1))), Ok(()));
    assert_eq!(store.transact(guarded(), remove(Item::plain(1))), Err(StoreError::Conflict.into()));
    assert_eq!(item(store, 1), None);
}

/// An index shows a row where it is, not where it was.
pub(super) fn an_update_moves_index_entries(store: &dyn Store) {
    add(store, Item::plain(1)).unwrap();
    let labels = |label: &'static str| {
        let found = store
            .query("labels", move |tx| Ok(tx.scan::<Item>(Engine::work("fixture"), stretch(Some(Item::BY_LABEL), (label.to_owned(),)))?));
        found.unwrap().len()
    };
    assert_eq!((labels("label 1"), labels("new")), (1, 0));
    store.transact(guarded(), |tx| Ok(tx.replace(&Item::plain(1), Item { label: "new".into(), ..Item::plain(1) })?)).unwrap();
    assert_eq!((labels("label 1"), labels("new")), (0, 1));
}

/// Whoever reads a numbered table behind what it has seen, below the horizon, misses nothing: numbers rise in
/// the order of commits, also when some transactions fail and several threads write.
pub(super) fn numbers_rise_in_the_order_of_commits(store: &dyn Store) {
    const WRITERS: i64 = 4;
    const TURNS: i64 = 25;
    let written = |writer: i64, turn: i64| {
        store.transact(guarded(), move |tx| {
            tx.add(&Entry { xid: 0, seq: 0, writer, turn })?;
            tx.add(&Entry { xid: 0, seq: 0, writer, turn })?;
            if turn % 5 == 4 { Err(Error::SignInRequired) } else { Ok(()) }
        })
    };
    let behind = |place: (i64, i64)| {
        let page = store.query("entries", move |tx| {
            let below = tx.horizon()? - 1;
            Ok(tx.scan::<Entry>(Engine::work("fixture"), stretch(None, ()).after(place).until(below).limit(7))?)
        });
        page.unwrap()
    };
    let mut seen: Vec<Entry> = Vec::new();
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS).map(|w| scope.spawn(move || (0..TURNS).filter(|t| written(w, *t).is_ok()).count())).collect();
        let mut empty_since_the_end = 0;
        // Another database's transactions may hold the horizon up for a moment; the bound is far beyond that.
        while seen.len() < (WRITERS * TURNS * 4 / 5 * 2) as usize && empty_since_the_end < 2000 {
            let over = writers.iter().all(std::thread::ScopedJoinHandle::is_finished);
            let page = behind(seen.last().map_or((-1, -1), |e| (e.xid, e.seq)));
            if page.is_empty() {
                let hints = store.signal().count();
                store.signal().wait_past(hints, std::time::Duration::from_millis(5));
            }
            empty_since_the_end = if over && page.is_empty() { empty_since_the_end + 1 } else { 0 };
            seen.extend(page);
        }
        for writer in writers {
            assert_eq!(writer.join().unwrap(), TURNS as usize * 4 / 5);
        }
    });
    assert!(seen.windows(2).all(|w| (w[0].xid, w[0].seq) < (w[1].xid, w[1].seq)), "a number twice, or out of order");
    for writer in 0..WRITERS {
        let turns: Vec<i64> = seen.iter().filter(|e| e.writer == writer).map(|e| e.turn).collect();
        let expected: Vec<i64> = (0..TURNS).filter(|t| t % 5 != 4).flat_map(|t| [t, t]).collect();
        assert_eq!(turns, expected, "writer {writer}: each commit once, in order");
    }
}

/// By kind and key, behind a number.
pub(super) fn segments_come_back_in_order(store: &dyn Store) {
    store
        .transact(serial(), |tx| {
            for (kind, key, seq) in [("a", b"k", 3), ("a", b"k", 1), ("a", b"k", 2), ("a", b"l", 1), ("b", b"k", 1)] {
                segment::put(tx, kind, key, seq, vec![seq as u8; 3])?;
            }
            Ok(())
        })
        .unwrap();
    let scan = |after, max| {
        let found = store.query("segments", move |tx| Ok(segment::scan(tx, "a", b"k", after, max)?)).unwrap();
        found.into_iter().map(|s| (s.seq, s.bytes)).collect::<Vec<_>>()
    };
    assert_eq!(scan(0, 10), [(1, vec![1; 3]), (2, vec![2; 3]), (3, vec![3; 3])]);
    assert_eq!(scan(1, 1), [(2, vec![2; 3])]);
    assert_eq!(scan(3, 10), []);
    let again = store.transact(serial(), |tx| Ok(segment::put(tx, "a", b"k", 3, Vec::new())?));
    assert_eq!(again, Err(StoreError::Duplicate { table: "segment" }.into()));
}
