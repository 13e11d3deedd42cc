//! What came out of a day.

use std::time::Duration;

use serde::Serialize;

/// Lengths of time, summed up. Seconds; all 0 where there were none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// On average.
    pub mean_s: f64,
    /// Half took no longer.
    pub p50_s: f64,
    /// Nine of ten took no longer.
    pub p90_s: f64,
    /// The longest.
    pub max_s: f64,
}

/// What became of those who came to a line.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LineFigures {
    /// What it is called.
    pub line: String,
    /// Who came.
    pub arrivals: usize,
    /// Who was served.
    pub served: usize,
    /// Who left before.
    pub abandoned: usize,
    /// Who still waited at the end, when nobody was on duty any more.
    pub unserved: usize,
    /// How long those waited who were served.
    pub wait: Spread,
    /// How long those waited who left.
    pub left_after: Spread,
}

/// What an officer did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OfficerFigures {
    /// Who.
    pub officer: String,
    /// How many they served.
    pub served: usize,
    /// Seconds of serving, each conversation counted.
    pub busy_s: f64,
    /// Seconds on duty.
    pub on_duty_s: f64,
    /// Share of what they could have had at once that they had; above 1 where they went on after the end of their shift.
    pub load: f64,
}

/// What came out of a day.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// Everybody.
    pub all: LineFigures,
    /// Line by line.
    pub lines: Vec<LineFigures>,
    /// Officer by officer, as first named.
    pub officers: Vec<OfficerFigures>,
}

impl Spread {
    pub(super) fn of(mut lengths: Vec<Duration>) -> Self {
        lengths.sort_unstable();
        let Some(longest) = lengths.last() else { return Self::default() };
        let sum: f64 = lengths.iter().map(Duration::as_secs_f64).sum();
        // The least length that so many percent do not exceed.
        let share = |percent: usize| lengths[(lengths.len() * percent).div_ceil(100).max(1) - 1].as_secs_f64();
        Self { mean_s: sum / lengths.len() as f64, p50_s: share(50), p90_s: share(90), max_s: longest.as_secs_f64() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_made_of_lengths_that_occurred() {
        assert_eq!(Spread::of(vec![]), Spread::default());
        let lengths = [10, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(Duration::from_secs).to_vec();
        assert_eq!(Spread::of(lengths), Spread { mean_s: 5.5, p50_s: 5.0, p90_s: 9.0, max_s: 10.0 });
    }
}
