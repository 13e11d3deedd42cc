//! A world over a store that fails when told to, and what must hold after each fault.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Once};

use zhengna_core::store::Store;
use zhengna_core::store::dump::dump;
use zhengna_core::store::fault::{FaultStore, INJECTED};

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
        Rows(lines(&**self.world.core.store()))
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

/// The content of a database.
#[derive(PartialEq)]
pub struct Rows(pub Vec<String>);

impl Rows {
    /// Rows per table.
    pub fn counts(&self) -> BTreeMap<String, i64> {
        let mut counts = BTreeMap::new();
        for line in &self.0 {
            // Cut out rather than parsed: thousands of dumps are counted.
            let table = line.strip_prefix(r#"{"row":{"table":""#).and_then(|rest| rest.split_once('"'));
            if let Some((table, _)) = table {
                *counts.entry(table.to_owned()).or_default() += 1;
            }
        }
        counts
    }

    /// How many rows more, or fewer, each table has than in `before`.
    pub fn since(&self, before: &Self) -> BTreeMap<String, i64> {
        let mut difference = self.counts();
        for (table, count) in before.counts() {
            *difference.entry(table).or_default() -= count;
        }
        difference.retain(|_, count| *count != 0);
        difference
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
