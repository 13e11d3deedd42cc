//! A made-up day: people come independently of each other, and serving them takes as long as it takes.

use std::time::Duration;

use rand_core::Rng as _;

use super::Arrival;
use crate::crypto::Rng;
use crate::limits;

/// A day on which people come at a steady rate: times between them, patience and handling are exponential.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Poisson {
    /// How many come in an hour.
    pub per_hour: f64,
    /// How long it takes to serve one, on average.
    pub handling: Duration,
    /// How long they are ready to wait, on average. `None`: they stay.
    pub patience: Option<Duration>,
    /// For how long they come.
    pub lasts: Duration,
}

impl Poisson {
    /// Who comes, to the one line there is; at most [`limits::SIMULATED_ARRIVALS_MAX`].
    pub fn arrivals(&self, rng: &mut Rng) -> Vec<Arrival> {
        let between = 3600.0 / self.per_hour;
        let mut at = 0.0;
        let next = || {
            at += exponential(rng, between);
            let handling = duration(exponential(rng, self.handling.as_secs_f64()));
            let patience = self.patience.map(|mean| duration(exponential(rng, mean.as_secs_f64())));
            Some(Arrival { at: duration(at), line: 0, rank: 0, patience, handling })
        };
        std::iter::from_fn(next).take_while(|arrival| arrival.at < self.lasts).take(limits::SIMULATED_ARRIVALS_MAX).collect()
    }
}

fn exponential(rng: &mut Rng, mean: f64) -> f64 {
    // 53 bits: every value in [0, 1) that a float has at that distance; 1 minus it is never 0.
    let uniform = (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    -mean * (1.0 - uniform).ln()
}

fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::SeedableRng as _;

    #[test]
    fn as_many_come_as_said_with_the_means_as_said_and_the_same_for_the_same_seed() {
        let hours = |h: u64| Duration::from_secs(h * 3600);
        let day =
            Poisson { per_hour: 600.0, handling: Duration::from_secs(300), patience: Some(Duration::from_secs(900)), lasts: hours(50) };
        let come = day.arrivals(&mut Rng::seed_from_u64(7));
        assert_eq!(come, day.arrivals(&mut Rng::seed_from_u64(7)));
        assert_ne!(come, day.arrivals(&mut Rng::seed_from_u64(8)));
        assert!(come.is_sorted_by_key(|a| a.at) && come.last().unwrap().at < hours(50));
        let mean = |of: &dyn Fn(&Arrival) -> f64| come.iter().map(of).sum::<f64>() / come.len() as f64;
        assert!((come.len() as f64 / 30_000.0 - 1.0).abs() < 0.02, "{}", come.len());
        assert!((mean(&|a| a.handling.as_secs_f64()) / 300.0 - 1.0).abs() < 0.02);
        assert!((mean(&|a| a.patience.unwrap().as_secs_f64()) / 900.0 - 1.0).abs() < 0.02);
    }
}
