//! Cuts a broken run down to the few steps that break it (delta debugging), for somebody to read.

use std::time::{Duration, Instant};

use super::crowd::{Broken, Plot, replay};
use super::step::{Deed, Step};

/// Steps of a script that are printed.
const PRINTED: usize = 40;

/// What broke, with the shortest script found in time.
pub(crate) fn told(plot: &Plot, broken: &Broken, time: Duration) -> String {
    let head = format!("{}\n  world: {:?}, faults {} of 1000 steps", broken.what, plot.setting, plot.faults);
    if broken.steps.is_empty() || broken.at_the_end {
        return format!("{head}\n  after all {} steps", broken.steps.len());
    }
    let (steps, what) = shrunk(plot, &broken.steps, Instant::now() + time);
    let script: Vec<String> = steps.iter().take(PRINTED).map(ToString::to_string).collect();
    let rest = steps.len().saturating_sub(PRINTED);
    let more = if rest > 0 { format!("\n  ... and {rest} more") } else { String::new() };
    format!("{head}\n  {} of {} steps break it ({what}):\n{}{more}", steps.len(), broken.steps.len(), script.join("\n"))
}

/// Whether steps still break something; a look at everything behind them brings out what is not seen at once.
fn breaks(plot: &Plot, steps: &[Step]) -> Option<(usize, String)> {
    let last = steps.last()?;
    let look = [Deed::Tail, Deed::Scan].map(|deed| Step { deed, key: None, strike: None, number: last.number + 1, at: last.at + 1 });
    replay(plot.setting, &[steps, &look].concat()).err()
}

fn shrunk(plot: &Plot, steps: &[Step], until: Instant) -> (Vec<Step>, String) {
    let Some((at, mut what)) = breaks(plot, steps) else {
        return (steps.to_vec(), "not when taken again".into());
    };
    let kind = kind_of(&what).to_owned();
    let mut left = steps[..steps.len().min(at + 1)].to_vec();
    let mut size = left.len().div_ceil(2);
    while size > 0 && Instant::now() < until {
        let (mut from, mut cut) = (0, false);
        while from < left.len() && Instant::now() < until {
            let end = (from + size).min(left.len());
            let fewer = [&left[..from], &left[end..]].concat();
            match breaks(plot, &fewer) {
                Some((at, why)) if kind_of(&why) == kind => {
                    left = fewer;
                    left.truncate(at + 1);
                    (what, cut) = (why, true);
                }
                _ => from = end,
            }
        }
        if size == 1 && !cut {
            break;
        }
        size = if size == 1 { 1 } else { size / 2 };
    }
    (left, what.lines().next().unwrap_or_default().to_owned())
}

/// What kind of thing breaks: fewer steps that break something else tell nothing about this.
fn kind_of(what: &str) -> &str {
    what.split(['{', '(', '\n']).next().unwrap_or_default()
}
