//! Token buckets with a bound on memory, and a count of what one person holds open. No clock inside: the caller
//! passes microseconds, so tests and the simulation own time.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// A bucket's size and refill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Tokens that flow in per second; 0 counts as 1.
    pub per_second: u32,
    /// Tokens a full bucket holds; 0 counts as 1.
    pub burst: u32,
}

/// Refused: a token will be there in this many microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryAfterUs(pub u64);

impl RetryAfterUs {
    /// Whole seconds, rounded up, for `Retry-After`.
    pub fn seconds(self) -> u32 {
        u32::try_from(self.0.div_ceil(1_000_000)).unwrap_or(u32::MAX)
    }
}

/// One token bucket per (class, key), at most `max_keys` of them.
///
/// A bucket is stored as the one instant at which it will be full again (GCRA), so a full bucket holds nothing and
/// forgetting it changes nothing. Above the cap the bucket nearest to full goes first: a flood of new keys pushes
/// out other new keys, not those who are over their limit.
#[derive(Debug)]
pub struct RateLimiter<C, K> {
    full_at_ns: HashMap<(C, K), u128>,
    by_instant: BTreeSet<(u128, (C, K))>,
    max_keys: usize,
    now_ns: u128,
}

impl<C: Copy + Eq + Hash + Ord, K: Clone + Eq + Hash + Ord> RateLimiter<C, K> {
    /// No buckets yet; 0 keys counts as 1.
    pub fn new(max_keys: usize) -> RateLimiter<C, K> {
        RateLimiter { full_at_ns: HashMap::new(), by_instant: BTreeSet::new(), max_keys: max_keys.max(1), now_ns: 0 }
    }

    /// Takes one token. A clock that goes back counts as standing still.
    pub fn take(&mut self, class: C, key: K, rate: Rate, now_us: u64) -> Result<(), RetryAfterUs> {
        self.now_ns = self.now_ns.max(u128::from(now_us) * 1000);
        let (now, bucket) = (self.now_ns, (class, key));
        let token_ns = 1_000_000_000u128.div_ceil(u128::from(rate.per_second.max(1)));
        let full_at = self.full_at_ns.get(&bucket).copied();
        let next = full_at.unwrap_or(now).max(now) + token_ns;
        let room = now + token_ns * u128::from(rate.burst.max(1));
        if next > room {
            let wait_us = (next - room).div_ceil(1000);
            return Err(RetryAfterUs(u64::try_from(wait_us).unwrap_or(u64::MAX)));
        }
        self.forget_idle();
        match full_at {
            Some(at) => {
                self.by_instant.remove(&(at, bucket.clone()));
            }
            None => {
                if self.full_at_ns.len() >= self.max_keys {
                    self.forget_first();
                }
            }
        }
        self.by_instant.insert((next, bucket.clone()));
        self.full_at_ns.insert(bucket, next);
        Ok(())
    }

    /// Buckets held.
    pub fn len(&self) -> usize {
        self.full_at_ns.len()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.full_at_ns.is_empty()
    }

    /// Drops at most two full buckets: more than are added, and never a long pause.
    fn forget_idle(&mut self) {
        for _ in 0..2 {
            match self.by_instant.first() {
                Some((at, _)) if *at <= self.now_ns => self.forget_first(),
                _ => break,
            }
        }
    }

    fn forget_first(&mut self) {
        if let Some((_, bucket)) = self.by_instant.pop_first() {
            self.full_at_ns.remove(&bucket);
        }
    }
}

/// How many things (sockets, uploads) each key holds open, at most `max` each. Memory is one entry per key that
/// holds any.
#[derive(Debug)]
pub struct Slots<K: Eq + Hash> {
    held: Arc<Mutex<HashMap<K, usize>>>,
    max: usize,
}

impl<K: Eq + Hash> Clone for Slots<K> {
    fn clone(&self) -> Slots<K> {
        Slots { held: self.held.clone(), max: self.max }
    }
}

impl<K: Clone + Eq + Hash> Slots<K> {
    /// Nobody holds anything.
    pub fn new(max: usize) -> Slots<K> {
        Slots { held: Arc::default(), max }
    }

    /// One more for `key`, or `None` if it has its share. Given back on drop.
    pub fn acquire(&self, key: K) -> Option<Slot<K>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.get(&key).copied().unwrap_or(0);
        if count >= self.max {
            return None;
        }
        held.insert(key.clone(), count + 1);
        Some(Slot { held: self.held.clone(), key })
    }

    /// Keys that hold any.
    pub fn keys(&self) -> usize {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// One of a key's slots, until dropped.
#[derive(Debug)]
pub struct Slot<K: Eq + Hash> {
    held: Arc<Mutex<HashMap<K, usize>>>,
    key: K,
}

impl<K: Eq + Hash> Drop for Slot<K> {
    fn drop(&mut self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RATE: Rate = Rate { per_second: 2, burst: 3 };

    #[test]
    fn a_burst_then_the_rate() {
        let mut r = RateLimiter::new(10);
        for _ in 0..3 {
            assert_eq!(r.take("login", 1, RATE, 1_000), Ok(()));
        }
        assert_eq!(r.take("login", 1, RATE, 1_000), Err(RetryAfterUs(500_000)));
        assert_eq!(r.take("login", 1, RATE, 500_999), Err(RetryAfterUs(1)));
        assert_eq!(r.take("login", 1, RATE, 501_000), Ok(()));
        assert_eq!(r.take("login", 1, RATE, 0), Err(RetryAfterUs(500_000))); // the clock went back
        assert_eq!(r.take("send", 1, RATE, 501_000), Ok(()));
        assert_eq!(r.take("login", 2, RATE, 501_000), Ok(()));
        assert_eq!(RetryAfterUs(1).seconds(), 1);
    }

    #[test]
    fn a_flood_of_keys_neither_grows_memory_nor_frees_the_one_who_is_over() {
        let mut r = RateLimiter::new(1000);
        while r.take(0u8, u64::MAX, RATE, 0).is_ok() {}
        for key in 0..100_000 {
            assert_eq!(r.take(0, key, RATE, 0), Ok(()));
            assert!(r.len() <= 1000);
        }
        assert!(r.take(0, u64::MAX, RATE, 0).is_err());
    }

    #[test]
    fn the_idle_are_forgotten() {
        let mut r = RateLimiter::new(1000);
        for key in 0..100 {
            r.take(0u8, key, RATE, 0).unwrap();
        }
        for _ in 0..50 {
            r.take(0, 1_000, Rate { per_second: 1000, burst: 1000 }, 1_000_000).unwrap();
        }
        assert_eq!(r.len(), 1);
    }

    #[test]
    fn extremes_do_not_overflow() {
        let mut r = RateLimiter::new(0);
        for rate in
            [Rate { per_second: 0, burst: 0 }, Rate { per_second: u32::MAX, burst: u32::MAX }, Rate { per_second: 1, burst: u32::MAX }]
        {
            assert_eq!(r.take((), rate.burst, rate, u64::MAX), Ok(()));
        }
    }

    #[test]
    fn slots_are_counted_per_key_and_come_back() {
        let s = Slots::new(2);
        let (a, b) = (s.acquire("a"), s.acquire("a"));
        assert!(a.is_some() && b.is_some() && s.acquire("a").is_none() && s.acquire("b").is_some());
        drop(a);
        assert!(s.acquire("a").is_some());
        drop(b);
        assert_eq!(s.keys(), 0);
    }

    proptest! {
        /// In any window a key gets at most its burst and what flows in, and nobody is refused before the burst is spent.
        #[test]
        fn never_more_than_burst_and_rate(
            per_second in 1u32..50, burst in 1u32..20, gaps in proptest::collection::vec((0u64..300_000, 0u8..3), 1..200),
        ) {
            let (mut r, rate) = (RateLimiter::new(8), Rate { per_second, burst });
            let (mut now, mut granted): (u64, Vec<(u8, u64)>) = (0, Vec::new());
            for (gap, key) in gaps {
                now += gap;
                match r.take((), key, rate, now) {
                    Ok(()) => granted.push((key, now)),
                    Err(RetryAfterUs(wait)) => {
                        let mine = granted.iter().filter(|(k, _)| *k == key);
                        prop_assert!(mine.count() >= burst as usize);
                        prop_assert!(wait > 0 && wait <= 1_000_000 / u64::from(per_second) + 1);
                    }
                }
            }
            for key in 0..3 {
                let times: Vec<u64> = granted.iter().filter(|(k, _)| *k == key).map(|(_, t)| *t).collect();
                for (i, from) in times.iter().enumerate() {
                    for (n, to) in times.iter().enumerate().skip(i) {
                        let allowed = u64::from(burst) + (to - from) * u64::from(per_second) / 1_000_000;
                        prop_assert!((n - i + 1) as u64 <= allowed);
                    }
                }
            }
        }

        #[test]
        fn memory_is_bounded_and_the_two_indexes_agree(
            cap in 1usize..10, takes in proptest::collection::vec((0u64..2_000_000, 0u16..50), 0..300),
        ) {
            let mut r = RateLimiter::new(cap);
            let mut now = 0;
            for (gap, key) in takes {
                now += gap;
                let _ = r.take(0u8, key, RATE, now);
                prop_assert!(r.len() <= cap);
                prop_assert_eq!(r.by_instant.len(), r.len());
                for (at, bucket) in &r.by_instant {
                    prop_assert_eq!(r.full_at_ns.get(bucket), Some(at));
                }
            }
        }
    }
}
