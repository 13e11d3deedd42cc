//! How long the wait may be: half of the time no longer than this, nine times in ten no longer than that, from what the line did lately,
//! with what it was computed from; or why no number can be told.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Conversation, ConversationState};
use crate::access::Engine;
use crate::error::Error;
use crate::id::LineId;
use crate::limits;
use crate::store::{ReadTx, Reads, stretch};

/// An estimate of a wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Estimate {
    /// Seconds: half of the waits are no longer.
    pub p50_s: u64,
    /// Seconds: nine of ten waits are no longer.
    pub p90_s: u64,
    /// Officers present who serve the line.
    pub officers: u32,
    /// Conversations that they may have at once.
    pub places: u32,
    /// How many of these are free now.
    pub free: u32,
    /// Conversations it was estimated from; 0 means an assumption.
    pub sample: u32,
    /// Seconds that one of these went on, on average.
    pub each_s: u64,
}

words! {
    /// Why a wait is estimated to be longer than it was told before.
    pub enum Longer {
        /// Somebody came to stand before: let first with a reason that is kept, or served once already.
        OthersFirst = "others_first",
        /// Fewer officers are there, or they may have less at once.
        FewerThere = "fewer_there",
        /// Conversations went on for longer lately.
        LongerTalks = "longer_talks",
        /// The same officers have more to do, in this line or in others.
        Busier = "busier",
    }
}

impl Estimate {
    /// Whether it is longer than one that was told before of the same place, or of one further behind; and why.
    pub(super) fn longer_than(&self, before: &Self) -> Option<Longer> {
        if self.p50_s <= before.p50_s && self.p90_s <= before.p90_s {
            None
        } else if self.places < before.places {
            Some(Longer::FewerThere)
        } else if self.each_s > before.each_s {
            Some(Longer::LongerTalks)
        } else {
            Some(Longer::Busier)
        }
    }
}

words! {
    /// Why no wait is told.
    pub enum NoEstimate {
        /// The line is not served at this hour: what is written is a message.
        NotServed = "not_served",
        /// Nobody who serves the line is there.
        NobodyThere = "nobody_there",
        /// So many wait that a number would mislead: nine waits of ten may be longer than [`limits::ESTIMATE_MAX`].
        Overloaded = "overloaded",
    }
}

/// How long the conversations of a line that ended last went on.
pub(super) fn handled_lately(tx: &mut dyn ReadTx, line: LineId) -> Result<Vec<Duration>, Error> {
    let why = Engine::work("how long the conversations of one line lasted");
    let range = stretch(Some(Conversation::BY_END), (line, ConversationState::Closed)).newest_first().limit(limits::ESTIMATE_SAMPLE);
    Ok(tx.scan::<Conversation>(why, range)?.iter().filter_map(|done| Some(done.ended_at?.since(done.claimed_at?))).collect())
}

/// Those who serve a line now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Serving {
    /// How many are there.
    pub(super) officers: u32,
    /// Conversations that they may have at once.
    pub(super) places: u32,
    /// How many of these are free.
    pub(super) free: u32,
}

/// How much those who serve a line have to do elsewhere: of those who wait in the lines that they serve, each counted as often as there are
/// places for them, so many are in this one, and so many in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shared {
    pub(super) here: u64,
    pub(super) everywhere: u64,
}

impl Shared {
    /// How many are served before somebody with `ahead` people before them, where lines take turns by how many wait in each.
    pub(super) fn ahead(self, ahead: u32) -> u32 {
        let turn = u64::from(ahead) + 1;
        let everywhere = self.everywhere.max(self.here);
        let before = if self.here == 0 { turn } else { turn.saturating_mul(everywhere).div_ceil(self.here) };
        u32::try_from(before - 1).unwrap_or(u32::MAX)
    }
}

/// Where nine waits of ten go, in standard deviations above the mean.
const NINE_OF_TEN: f64 = 1.281_551_6;

/// Estimates the wait of somebody with `ahead` people before them.
///
/// Whoever finds a free place waits for nobody. Everybody else waits until as many conversations have ended as are missing. They end one
/// by one as `places` of them go on at once, each as long as those that ended lately: their sum is near a normal distribution, with a mean
/// of `n` times one and a deviation of its root.
///
/// # Errors
/// Why there is none.
pub(super) fn estimate(ahead: u32, there: Serving, handled: &[Duration]) -> Result<Estimate, NoEstimate> {
    let Serving { officers, places, free } = there;
    if places == 0 {
        return Err(NoEstimate::NobodyThere);
    }
    let assumed = [limits::ESTIMATE_DEFAULT];
    let lasted = if handled.is_empty() { &assumed } else { handled };
    let count = lasted.len() as f64;
    let mean = lasted.iter().map(Duration::as_secs_f64).sum::<f64>() / count;
    let deviation = (lasted.iter().map(|one| (one.as_secs_f64() - mean).powi(2)).sum::<f64>() / count).sqrt();
    let missing = f64::from((ahead + 1).saturating_sub(free));
    let p50 = missing * mean / f64::from(places);
    let p90 = p50 + NINE_OF_TEN * deviation * missing.sqrt() / f64::from(places);
    if p90 > limits::ESTIMATE_MAX.as_secs_f64() {
        return Err(NoEstimate::Overloaded);
    }
    let sample = u32::try_from(handled.len()).unwrap_or(u32::MAX);
    Ok(Estimate { p50_s: p50.round() as u64, p90_s: p90.round() as u64, officers, places, free, sample, each_s: mean.round() as u64 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn there(officers: u32, places: u32, free: u32) -> Serving {
        Serving { officers, places, free }
    }

    #[test]
    fn whoever_finds_a_free_place_waits_for_nobody() {
        let found = estimate(1, there(1, 3, 2), &[]);
        assert_eq!(found, Ok(Estimate { p50_s: 0, p90_s: 0, officers: 1, places: 3, free: 2, sample: 0, each_s: 480 }));
    }

    #[test]
    fn a_wait_that_is_longer_than_before_says_why() {
        let talks = |minutes: u64| [Duration::from_secs(60 * minutes)];
        let told = |ahead, places, minutes| estimate(ahead, there(places, places, 0), &talks(minutes)).unwrap();
        let before = told(3, 4, 8);
        assert_eq!(told(2, 4, 8).longer_than(&before), None);
        assert_eq!(before.longer_than(&before), None);
        assert_eq!(told(3, 2, 8).longer_than(&before), Some(Longer::FewerThere));
        assert_eq!(told(3, 4, 9).longer_than(&before), Some(Longer::LongerTalks));
        assert_eq!(told(5, 4, 8).longer_than(&before), Some(Longer::Busier), "more before them, though in their line there are not");
        let surer = Estimate { p90_s: before.p90_s + 1, ..before.clone() };
        assert!(surer.longer_than(&before).is_some(), "also where only the worse wait is longer");
    }

    #[test]
    fn others_wait_until_enough_conversations_have_ended() {
        // Of 10 and 20 minutes: 15 on average, 5 of deviation.
        let handled = [600, 1200].map(Duration::from_secs);
        let found = estimate(3, there(2, 4, 0), &handled).unwrap();
        assert_eq!(
            (found.p50_s, found.p90_s),
            (900, 900 + 192),
            "four have to end, as four go on; 1.28 times the root of four times 300 by 4"
        );
        assert_eq!(estimate(0, there(1, 1, 0), &[]).unwrap().p50_s, limits::ESTIMATE_DEFAULT.as_secs());
    }

    #[test]
    fn whoever_is_served_by_people_who_serve_others_waits_for_these_too() {
        let shared = |here, everywhere| Shared { here, everywhere };
        assert_eq!(shared(4, 4).ahead(3), 3, "nobody waits elsewhere");
        assert_eq!(shared(4, 8).ahead(3), 7, "as many wait elsewhere: they take turns");
        assert_eq!(shared(4, 8).ahead(0), 1);
        assert_eq!(shared(8, 9).ahead(0), 1, "one of nine may come first");
        assert_eq!(shared(0, 0).ahead(2), 2, "what is known is a moment old");
    }

    #[test]
    fn where_a_number_would_mislead_none_is_told() {
        assert_eq!(estimate(0, Serving::default(), &[]), Err(NoEstimate::NobodyThere));
        let one = limits::ESTIMATE_MAX.as_secs() / limits::ESTIMATE_DEFAULT.as_secs();
        assert!(estimate(one as u32 - 1, there(1, 1, 0), &[]).is_ok());
        assert_eq!(estimate(one as u32, there(1, 1, 0), &[]), Err(NoEstimate::Overloaded));
    }

    proptest! {
        #[test]
        fn more_people_never_wait_less_and_more_officers_never_make_them_wait_longer(
            ahead in 0u32..1000, places in 1u32..50, free in 0u32..50, handled in proptest::collection::vec(1u64..3600, 0..30)
        ) {
            let handled: Vec<Duration> = handled.into_iter().map(Duration::from_secs).collect();
            let free = free.min(places);
            let told = |ahead, places, free| estimate(ahead, there(1, places, free), &handled).map_or((u64::MAX, u64::MAX), |e| (e.p50_s, e.p90_s));
            let (p50, p90) = told(ahead, places, free);
            prop_assert!(p50 <= p90);
            let (longer, fewer) = (told(ahead + 1, places, free), told(ahead, places + 1, free + 1));
            prop_assert!(longer.0 >= p50 && longer.1 >= p90);
            prop_assert!(fewer.0 <= p50 && fewer.1 <= p90);
        }
    }
}
