//! The clock and the randomness of the machine we run on: the only places where they enter the process.

use rand_core::SeedableRng as _;
use zhengna_core::crypto::Rng;
use zhengna_core::{Clock, Entropy, Timestamp};

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "this is where the host's clock enters")]
        let now = std::time::SystemTime::now();
        let micros = |d: std::time::Duration| i64::try_from(d.as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(match now.duration_since(std::time::UNIX_EPOCH) {
            Ok(after) => micros(after),
            Err(before) => -micros(before.duration()),
        })
    }
}

/// The operating system's randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    #[expect(
        clippy::expect_used,
        reason = "without randomness nothing secret can be made; going on with less would be worse than stopping"
    )]
    fn seed(&self) -> [u8; 32] {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).expect("the operating system gives randomness");
        seed
    }
}

impl OsEntropy {
    /// A generator with a fresh seed.
    pub fn rng(self) -> Rng {
        Rng::from_seed(self.seed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_shows_this_century_and_seeds_differ() {
        assert!(SystemClock.now() > Timestamp::parse("2025-01-01T00:00:00Z").unwrap());
        assert_ne!(OsEntropy.seed(), OsEntropy.seed());
    }
}
