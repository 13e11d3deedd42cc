//! Power loss: the core over SQLite on a disk that loses, reorders and tears whatever was not synced.
//!
//! The workload goes through the real door, several commands to a commit. Every write, sync and change of a name is
//! kept; afterwards the power is cut at every one of these steps, again and again with another fate for what was not
//! synced. What is left is recovered by SQLite, and must hold everything that was answered before the cut, nothing
//! by half, and an audit trail that verifies. Some hosts start again on what is left, and are cut again.

mod attack;
mod bay;
mod content;
mod cut;
mod dice;
mod disk;
mod examine;
mod life;
mod vfs;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use attack::{Force, Place, Tally, attack};
use bay::Bay;
use cut::{Fate, Platter};
use dice::Dice;
use life::{Beginning, Life, live};

use crate::plan::{Figures, Outcome, Plan, Scale};

/// Two: one core each on the machines this is meant for.
const THREADS: usize = 2;

/// Cuts of a bounded run, at least.
const CUTS_PROMISED: usize = 100_000;

/// A database from its creation on: lives, each beginning where the power failed in the one before.
struct History {
    /// Rounds and force of each life after the one that furnishes the database.
    lives: &'static [(usize, Force)],
    /// Force against the first life.
    creation: Force,
}

const fn force(cuts: usize, reopen_every: usize, cuts_again: usize) -> Force {
    Force { cuts, reopen_every, cuts_again }
}

/// Reaches the WAL's thousandth page several times: checkpoints while the host runs.
const LONG: History = History { creation: force(1000, 500, 50), lives: &[(12, force(1400, 140, 60)), (90, force(3500, 500, 50))] };
const SHORT: History = History {
    creation: force(1200, 300, 50),
    lives: &[(12, force(1400, 140, 90)), (16, force(1400, 140, 90)), (8, force(1400, 140, 90)), (16, force(1400, 140, 90))],
};
const QUICK: History = History { creation: force(150, 75, 20), lives: &[(10, force(400, 100, 30)), (10, force(400, 100, 30))] };

/// See the [module](self).
pub(crate) fn run(plan: &Plan) -> Outcome {
    let histories: Vec<&History> = plan.choose(vec![&QUICK; 2], [vec![&LONG; 3], vec![&SHORT; 8]].concat());
    let _in_place = vfs::InPlace::put();
    let begun = Instant::now();
    let next = AtomicUsize::new(0);
    let work = || {
        let (bay, mut tally) = (Bay::new(), Tally::default());
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(history) = histories.get(number) else { return tally };
            through(&bay, history, &mut Dice::new(plan.seed, number as u64), &mut tally);
        }
    };
    let mut tally = Tally::default();
    std::thread::scope(|scope| {
        let hands: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        for hand in hands {
            tally.add(hand.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
    });
    if let Some(broken) = tally.broken {
        return Err(format!(
            "{broken}\n  of {} cuts {} lost something answered ({} commands of {} at stake), {} left a corrupt database",
            tally.cuts, tally.losing, tally.lost, tally.at_stake, tally.corrupt
        ));
    }
    if plan.scale == Scale::Bounded && tally.cuts < CUTS_PROMISED {
        return Err(format!("{} cuts, {CUTS_PROMISED} are promised", tally.cuts));
    }
    Ok(figures(&tally, histories.len(), begun.elapsed().as_secs_f64()))
}

/// Lives and attacks a history.
fn through(bay: &Bay, history: &History, dice: &mut Dice, tally: &mut Tally) {
    let mut begun = Beginning::empty();
    for (rounds, force) in std::iter::once((0, history.creation)).chain(history.lives.iter().copied()) {
        let life = match live(bay, begun, rounds, dice) {
            Ok(life) => life,
            Err(e) => {
                tally.broken.get_or_insert(e);
                return;
            }
        };
        tally.lived(&life);
        attack(bay, &life, force, dice, tally);
        begun = successor(&life, dice);
    }
}

/// The next life begins where the power failed, or after a proper end.
fn successor(life: &Life, dice: &mut Dice) -> Beginning {
    let mut platter = Platter::new(&life.begun.image, &life.steps);
    let furnished = life.begun.town.is_some();
    let from = if furnished { life.opened } else { life.closing };
    let position = if dice.percent(25) { life.steps.len() } else { from + dice.below(life.steps.len() + 1 - from) };
    platter.advance(position);
    let (image, _) = platter.cut(dice);
    life.cut_at(position, image)
}

fn figures(tally: &Tally, histories: usize, seconds: f64) -> Figures {
    let mut figures = Figures::default();
    figures.add("cuts", tally.cuts);
    figures.add("cuts per second, with everything around them", format!("{:.0}", tally.cuts as f64 / seconds));
    figures.add("answered commands lost", tally.lost);
    figures.add("answered commands at stake, summed over all cuts", tally.at_stake);
    figures.add("databases corrupt, or in a state that there never was", tally.corrupt);
    for (place, what) in [
        (Place::Creation, "cuts while the database was created and migrated"),
        (Place::Recovery, "cuts while a host opened what an earlier cut had left"),
        (Place::Commit, "cuts inside a commit"),
        (Place::Checkpoint, "cuts inside a checkpoint of a running host"),
        (Place::Closing, "cuts inside the closing checkpoint"),
        (Place::Rest, "cuts while everything was synced"),
    ] {
        figures.add(what, tally.places.get(&place).copied().unwrap_or(0));
    }
    figures.add("of these, inside a sync", tally.inside_sync);
    figures.add("of these, in a life that itself began with a cut", tally.again);
    for (fate, what) in [
        (Fate::Lost, "unsynced writes all lost"),
        (Fate::Kept, "all kept"),
        (Fate::Front, "the first kept, one torn"),
        (Fate::Back, "the last kept, the first lost"),
        (Fate::Some, "any kept"),
        (Fate::Torn, "any sector kept"),
    ] {
        figures.add(&format!("cuts with {what}"), tally.fates.get(&fate).copied().unwrap_or(0));
    }
    figures.add("states between two commits, each examined with `integrity_check`, chain verified, host started", tally.states);
    figures.add("cuts examined themselves, beside being compared byte for byte", tally.examined);
    figures.add("hosts started after a cut, with new commands", tally.reopened);
    figures.add("databases, and lives of a host on them", format!("{histories}, {}", tally.lives));
    figures.add("commands given, and done", format!("{}, {}", tally.given, tally.answered));
    figures.add("commits of several commands", tally.groups);
    figures.add("commands repeated with their key and answered as before", tally.repeats);
    figures.add("writes, syncs and changes of a name", tally.steps);
    figures
}
