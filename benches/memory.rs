//! What a one-row transaction costs in memory, from an empty store to a million rows. Promise: 20 microseconds or
//! less at a million.
//!
//! `cargo bench -p zhengna-benches --bench memory`

use std::time::Instant;

use zhengna_core::core::PROJECTIONS;
use zhengna_core::store::memory::MemoryStore;
use zhengna_core::store::{Isolation, Priority, Spec, StoreExt, segment};

const SPEC: Spec = Spec { name: "bench", isolation: Isolation::Guarded, priority: Priority::Interactive };

fn main() {
    let store = MemoryStore::new(PROJECTIONS);
    let mut rows = 0i64;
    println!("{:>9} rows  median of 2,000 one-row transactions", "");
    for size in [0, 10_000, 100_000, 1_000_000] {
        while rows < size {
            let from = rows;
            store
                .transact(SPEC, move |tx| Ok((from..from + 10_000).try_for_each(|n| segment::put(tx, "bench", b"k", n, vec![0; 64]))?))
                .expect("fills");
            rows += 10_000;
        }
        let mut times: Vec<u128> = (0..2_000i64)
            .map(|n| {
                let began = Instant::now();
                store.transact(SPEC, move |tx| Ok(segment::put(tx, "single", &n.to_be_bytes(), size, vec![0; 64])?)).expect("puts");
                began.elapsed().as_nanos()
            })
            .collect();
        times.sort_unstable();
        println!("{size:>9} rows  {:>6.1} us   (slowest in a hundred {:>6.1} us)", times[1_000] as f64 / 1e3, times[1_980] as f64 / 1e3);
    }
}
