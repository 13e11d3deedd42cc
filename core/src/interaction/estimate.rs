//! How long the wait may be: a band, computed from what the line did lately, with its reason.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::limits;

/// An estimate of a wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Estimate {
    /// Seconds, if things go well.
    pub low_s: u64,
    /// Seconds, if they do not.
    pub high_s: u64,
    /// Officers present who serve the line.
    pub officers: u32,
    /// Conversations it was estimated from; 0 means an assumption.
    pub sample: u32,
}

/// Estimates the wait of somebody with `ahead` people before them. Each officer present takes the next one when
/// a conversation ends; the band is the middle and the slow end (9 of 10) of how long conversations lasted.
pub fn estimate(ahead: u32, officers: u32, handled: &[Duration]) -> Estimate {
    let mut handled = handled.to_vec();
    handled.sort_unstable();
    let at = |share: usize| handled.get(handled.len() * share / 10).copied().unwrap_or(limits::ESTIMATE_DEFAULT);
    let turns = u64::from(ahead).div_ceil(u64::from(officers.max(1)));
    let seconds = |one: Duration| turns.saturating_mul(one.as_secs());
    Estimate { low_s: seconds(at(5)), high_s: seconds(at(9)), officers, sample: u32::try_from(handled.len()).unwrap_or(u32::MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_in_line_waits_for_nobody() {
        assert_eq!(estimate(0, 3, &[]), Estimate { low_s: 0, high_s: 0, officers: 3, sample: 0 });
    }

    #[test]
    fn the_band_is_the_middle_and_the_slow_end() {
        let handled: Vec<Duration> = (1..=20).map(|minutes| Duration::from_secs(60 * minutes)).collect();
        assert_eq!(estimate(3, 2, &handled), Estimate { low_s: 2 * 11 * 60, high_s: 2 * 19 * 60, officers: 2, sample: 20 });
    }

    proptest! {
        #[test]
        fn more_people_never_wait_less_and_more_officers_never_make_them_wait_longer(
            ahead in 0u32..1000, officers in 0u32..50, handled in proptest::collection::vec(1u64..3600, 0..30)
        ) {
            let handled: Vec<Duration> = handled.into_iter().map(Duration::from_secs).collect();
            let e = estimate(ahead, officers, &handled);
            prop_assert!(e.low_s <= e.high_s);
            prop_assert!(estimate(ahead + 1, officers, &handled).low_s >= e.low_s);
            prop_assert!(estimate(ahead, officers + 1, &handled).high_s <= e.high_s);
        }
    }
}
