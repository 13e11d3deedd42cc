//! A world over a store that fails when told to, and what must hold after each fault.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, Once};

use zhengna_core::store::dump::{dump, rows};
use zhengna_core::store::fault::{FaultStore, INJECTED};
use zhengna_core::store::{Row, Store};

use crate::world::{Engine, Keep, World, core_over};

/// A world whose store can be told to fail.
pub struct Stage {
    /// The world.
    pub world: World,
    /// Its store.
    pub faults: Arc<FaultStore>,
}

impl Stage {
    /// A fresh one on `engine`.
    pub fn new(engine: Engine) -> Self {
        quiet();
        let keep = Keep::fresh(engine);
        let faults = FaultStore::over(keep.open());
        let (core, clock) = core_over(faults.clone(), 7);
        let world = World::furnish(core, clock, keep, 1, 2).expect("the world can be furnished");
        Self { world, faults }
    }

    /// Every row of the database.
    pub fn rows(&self) -> Rows {
        Rows::of(&**self.world.core.store())
    }
}

/// Every line of a dump.
pub fn lines(store: &dyn Store) -> Vec<String> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let put = lines.clone();
    dump(store, move |line| {
        put.lock().expect("nothing panics here").push(line.to_owned());
        Ok(())
    })
    .expect("dumps");
    std::mem::take(&mut *lines.lock().expect("nothing panics here"))
}

/// The content of a database: its rows, with the names of their tables.
#[derive(PartialEq)]
pub struct Rows(Vec<(&'static str, Row)>);

impl Rows {
    /// Every row of a database.
    pub fn of(store: &dyn Store) -> Self {
        let all = Arc::new(Mutex::new(Vec::new()));
        let put = all.clone();
        rows(store, move |table, row| put.lock().expect("nothing panics here").push((table.name, row))).expect("every row can be read");
        Self(std::mem::take(&mut *all.lock().expect("nothing panics here")))
    }

    /// Rows per table.
    pub fn counts(&self) -> BTreeMap<&'static str, i64> {
        let mut counts = BTreeMap::new();
        for (table, _) in &self.0 {
            *counts.entry(*table).or_default() += 1;
        }
        counts
    }

    /// How many rows of these tables are not as they were in `before`, or were not there.
    pub fn written(&self, before: &Self, tables: &[&str]) -> i64 {
        self.0.iter().filter(|(table, _)| tables.contains(table)).filter(|row| !before.0.contains(row)).count() as i64
    }

    /// How many rows more, or fewer, each table has than in `before`.
    pub fn since(&self, before: &Self) -> BTreeMap<&'static str, i64> {
        let mut difference = self.counts();
        for (table, count) in before.counts() {
            *difference.entry(table).or_default() -= count;
        }
        difference.retain(|_, count| *count != 0);
        difference
    }

    /// How many rows of each table went since `before`, and how many came.
    pub fn exchanged(&self, before: &Self) -> BTreeMap<&'static str, (usize, usize)> {
        // Rows are unique by their keys: sets will do.
        let [before, after] = [before, self].map(|rows| rows.0.iter().collect::<HashSet<_>>());
        let mut exchanged = BTreeMap::<_, (usize, usize)>::new();
        before.difference(&after).for_each(|(table, _)| exchanged.entry(*table).or_default().0 += 1);
        after.difference(&before).for_each(|(table, _)| exchanged.entry(*table).or_default().1 += 1);
        exchanged
    }
}

/// Injected panics are part of the test: says nothing about them, and what is due about others.
pub fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let loud = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if info.payload().downcast_ref::<&str>() != Some(&INJECTED) {
                loud(info);
            }
        }));
    });
}
