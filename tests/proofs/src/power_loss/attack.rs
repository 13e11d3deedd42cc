//! Cutting the power at every step of a life, many times, and looking at what SQLite makes of what is left.
//!
//! Between two commits a database is in one of a few hundred states. Each is examined thoroughly, once: every page
//! (`integrity_check`), every command, every link of the audit trail, and a host is started on it. After a cut the
//! recovered database must be one of them, byte for byte, and not an earlier one than what was answered.

use std::collections::{BTreeMap, HashMap};

use super::bay::Bay;
use super::cut::{Fate, Platter};
use super::dice::Dice;
use super::disk::{Image, Step};
use super::examine::{examine, fingerprint};
use super::life::{Beginning, Life, live};

/// What the power failed in the middle of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// The first opening: file, journal mode, migration.
    Creation,
    /// An opening after a cut: SQLite's recovery, and ours.
    Recovery,
    /// A commit.
    Commit,
    /// A checkpoint while the host runs.
    Checkpoint,
    /// The closing, which is a checkpoint and the end of the WAL.
    Closing,
    /// Nothing: all was synced.
    Rest,
}

impl Place {
    /// How many cuts a step there is worth.
    fn weight(self) -> usize {
        match self {
            Self::Recovery | Self::Checkpoint => 10,
            Self::Creation => 4,
            Self::Commit | Self::Closing | Self::Rest => 1,
        }
    }
}

/// What came of a proof.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) cuts: usize,
    pub(super) places: BTreeMap<Place, usize>,
    pub(super) fates: BTreeMap<Fate, usize>,
    pub(super) inside_sync: usize,
    /// Cuts whose database was examined itself, not only compared.
    pub(super) examined: usize,
    /// Answered commands that each cut could have lost, summed.
    pub(super) at_stake: usize,
    pub(super) lost: usize,
    /// Cuts that lost something answered: a command of a caller, or one of the host.
    pub(super) losing: usize,
    pub(super) corrupt: usize,
    /// Cuts in lives that began with a cut.
    pub(super) again: usize,
    pub(super) states: usize,
    pub(super) lives: usize,
    pub(super) reopened: usize,
    pub(super) steps: usize,
    pub(super) given: usize,
    pub(super) answered: usize,
    pub(super) groups: usize,
    pub(super) repeats: usize,
    pub(super) broken: Option<String>,
}

impl Tally {
    pub(super) fn add(&mut self, other: Self) {
        self.cuts += other.cuts;
        other.places.into_iter().for_each(|(place, n)| *self.places.entry(place).or_default() += n);
        other.fates.into_iter().for_each(|(fate, n)| *self.fates.entry(fate).or_default() += n);
        self.inside_sync += other.inside_sync;
        self.examined += other.examined;
        self.at_stake += other.at_stake;
        self.lost += other.lost;
        self.losing += other.losing;
        self.corrupt += other.corrupt;
        self.again += other.again;
        self.states += other.states;
        self.lives += other.lives;
        self.reopened += other.reopened;
        self.steps += other.steps;
        self.given += other.given;
        self.answered += other.answered;
        self.groups += other.groups;
        self.repeats += other.repeats;
        self.broken = self.broken.take().or(other.broken);
    }

    /// Counts a life.
    pub(super) fn lived(&mut self, life: &Life) {
        self.lives += 1;
        self.steps += life.steps.len();
        let new = life.given.iter().skip(life.begun.given.len());
        self.given += new.clone().count();
        self.answered += new.filter(|g| g.said.as_ref().is_some_and(|said| said.done.is_some())).count();
        self.groups += life.groups;
        self.repeats += life.repeats;
    }

    fn breaks(&mut self, what: String) {
        self.broken.get_or_insert(what);
    }
}

/// How hard a life is attacked.
#[derive(Clone, Copy)]
pub(super) struct Force {
    /// Cuts, spread over its steps, more of them where steps are rare.
    pub(super) cuts: usize,
    /// After every so many cuts a host is started on what is left, gives some commands, and is attacked in turn.
    pub(super) reopen_every: usize,
    /// Cuts in each of those lives.
    pub(super) cuts_again: usize,
}

/// After how many more steps a new state may be there: whatever commits a transaction is one of these.
fn settles(step: &Step) -> Option<usize> {
    match step {
        // The head of a WAL frame that names the size of the database ends a transaction; its page follows.
        Step::Write { bytes, .. } => (bytes.len() == 24 && bytes[4..8] != [0; 4]).then_some(1),
        _ => Some(0),
    }
}

/// The states a life goes through, without any cut.
struct States {
    /// In the order in which they came to be: fingerprint, image, steps taken when it was last the present one.
    known: Vec<(u64, Image, usize)>,
    by_fingerprint: HashMap<u64, usize>,
    /// Which one was there at each answer: steps taken, state.
    answered: Vec<(usize, usize)>,
}

impl States {
    fn of(bay: &Bay, life: &Life) -> Result<Self, String> {
        let mut at: Vec<usize> = life.steps.iter().zip(1..).filter_map(|(step, done)| settles(step).map(|more| done + more)).collect();
        at.extend([0, life.steps.len()]);
        at.extend(&life.answers);
        at.retain(|position| *position <= life.steps.len());
        at.sort_unstable();
        at.dedup();
        let mut platter = Platter::new(&life.begun.image, &life.steps);
        let mut states = Self { known: Vec::new(), by_fingerprint: HashMap::new(), answered: Vec::new() };
        let mut seen = 0;
        for position in at {
            let idle = life.steps[seen..position].iter().all(|step| matches!(step, Step::Sync { .. }));
            match states.known.last_mut().filter(|_| idle) {
                Some(same) => same.2 = position,
                None => {
                    platter.advance(position);
                    let image = platter.whole();
                    let print = bay.recover(&image).and_then(|conn| fingerprint(&conn)).map_err(|e| format!("without a cut: {e}"))?;
                    match states.known.last_mut().filter(|same| same.0 == print) {
                        Some(same) => same.2 = position,
                        None => {
                            states.by_fingerprint.entry(print).or_insert(states.known.len());
                            states.known.push((print, image, position));
                        }
                    }
                }
            }
            seen = position;
            if life.answers.binary_search(&position).is_ok() {
                states.answered.push((position, states.known.len() - 1));
            }
        }
        Ok(states)
    }

    /// The earliest state that holds everything answered within the first `position` steps.
    fn floor(&self, position: usize) -> usize {
        self.answered.partition_point(|(at, _)| *at <= position).checked_sub(1).map_or(0, |i| self.answered[i].1)
    }

    /// Examines each of them: by itself, and with a host that starts on it.
    fn examine(&self, bay: &Bay, life: &Life) -> Result<(), String> {
        for (_, image, until) in &self.known {
            let wrong = |e: String| format!("the state after {until} of {} steps: {e}", life.steps.len());
            let conn = bay.recover(image).map_err(|e| wrong(e.to_string()))?;
            examine(&conn, &life.given, *until).map_err(wrong)?;
            drop(conn);
            let opened = Beginning { town: None, age: life.begun.age.max(1), ..life.cut_at(*until, image.clone()) };
            live(bay, opened, 0, &mut Dice::new(*until as u64, 0)).map_err(wrong)?;
        }
        Ok(())
    }
}

/// Attacks a life. What breaks is counted, and the first of it kept in words.
pub(super) fn attack(bay: &Bay, life: &Life, force: Force, dice: &mut Dice, tally: &mut Tally) {
    let states = match States::of(bay, life).and_then(|states| states.examine(bay, life).map(|()| states)) {
        Ok(states) => states,
        Err(e) => return tally.breaks(format!("life {}: {e}", life.begun.age)),
    };
    tally.states += states.known.len();
    let mut said: Vec<usize> = life.given.iter().filter_map(|g| g.said.as_ref()).filter(|s| s.done.is_some()).map(|s| s.at).collect();
    said.sort_unstable();
    let mut platter = Platter::new(&life.begun.image, &life.steps);
    let database = database_of(life);
    let spread: Vec<usize> = (0..=life.steps.len()).flat_map(|p| std::iter::repeat_n(p, place(life, p, &database).weight())).collect();
    for i in 0..force.cuts {
        let position = spread[i * spread.len() / force.cuts];
        platter.advance(position);
        let (image, fate) = platter.cut(dice);
        let place = if platter.at_rest() { Place::Rest } else { place(life, position, &database) };
        tally.cuts += 1;
        tally.again += usize::from(life.begun.age > 0);
        *tally.places.entry(place).or_default() += 1;
        *tally.fates.entry(fate).or_default() += 1;
        tally.inside_sync += usize::from(matches!(life.steps.get(position), Some(Step::Sync { .. })));
        let answered = said.partition_point(|at| *at <= position);
        tally.at_stake += answered;
        let told = |what: String| format!("life {}, step {position} of {} ({place:?}, {fate:?}): {what}", life.begun.age, life.steps.len());

        let found = bay.recover(&image).map_err(|e| format!("corrupt: {e}")).and_then(|conn| {
            let print = fingerprint(&conn).map_err(|e| format!("corrupt: {e}"))?;
            let state = states.by_fingerprint.get(&print).copied();
            if state.is_none() || i % EXAMINE_EVERY == 0 {
                tally.examined += 1;
                examine(&conn, &life.given, position)?;
            }
            state.ok_or_else(|| "corrupt: a state that there never was".to_owned())
        });
        let floor = states.floor(position);
        match found {
            Ok(state) if state >= floor => {}
            Ok(state) => {
                let until = states.known[state].2;
                let lost = answered - said.partition_point(|at| *at <= until).min(answered);
                tally.lost += lost;
                tally.losing += 1;
                tally.breaks(told(format!("lost: it is in state {state}, and what made state {floor} was answered")));
            }
            Err(e) => {
                tally.corrupt += usize::from(e.starts_with("corrupt"));
                tally.losing += usize::from(e.starts_with("lost"));
                tally.breaks(told(e));
                continue;
            }
        }
        if force.reopen_every != 0 && i % force.reopen_every == force.reopen_every - 1 {
            tally.reopened += 1;
            match live(bay, life.cut_at(position, image), 2, dice) {
                Ok(next) => {
                    tally.lived(&next);
                    attack(bay, &next, Force { cuts: force.cuts_again, reopen_every: 0, cuts_again: 0 }, dice, tally);
                }
                Err(e) => tally.breaks(told(e)),
            }
        }
    }
}

/// One cut in so many is examined itself, whatever it was compared with.
const EXAMINE_EVERY: usize = 97;

/// The numbers that the database's own file has in the steps of a life.
fn database_of(life: &Life) -> Vec<usize> {
    let begun = life.begun.image.keys().zip(0..);
    let created = life.steps.iter().filter_map(|step| if let Step::Create { name, file } = step { Some((name, *file)) } else { None });
    begun.chain(created).filter(|(name, _)| name.ends_with(".db")).map(|(_, file)| file).collect()
}

fn place(life: &Life, position: usize, database: &[usize]) -> Place {
    let file = life.steps.get(position).and_then(|step| match step {
        Step::Write { file, .. } | Step::Truncate { file, .. } | Step::Sync { file, .. } => Some(file),
        Step::Create { .. } | Step::Delete { .. } => None,
    });
    match position {
        _ if position < life.opened && life.begun.image.is_empty() => Place::Creation,
        _ if position < life.opened => Place::Recovery,
        _ if position >= life.closing => Place::Closing,
        _ if file.is_some_and(|file| database.contains(file)) => Place::Checkpoint,
        _ => Place::Commit,
    }
}
