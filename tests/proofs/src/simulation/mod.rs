//! Simulation: days of the bureau from a seed, through the whole door, on every engine, with storage that fails,
//! officers who leave, hosts that start again, clients that read on and clocks that jump. A plain model beside it says
//! what should be answered and kept; in the end everything must heal. The same seed gives the same trace.

mod crowd;
mod days;
mod directory;
mod lines;
mod model;
mod player;
mod shrink;
mod stage;
mod step;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use zhengna_core::Timestamp;
use zhengna_tests::world::{ENGINES, Engine};

use crate::plan::{Figures, Outcome, Plan, Scale};
use crowd::{Broken, PER_DAY, Played, Plot, play};
use player::Counts;
use stage::Setting;
pub(crate) use step::{Dice, mixed};

const PER_YEAR: u64 = 365 * PER_DAY as u64;
/// Threads that play worlds in memory and on SQLite; the machine that `make proof` is measured on has two cores. One
/// more plays those on PostgreSQL, which mostly waits for the server.
const THREADS: usize = 2;

/// Conversations of one world after another in memory: many small ones, whose rows stay in the processor's cache, some of
/// several days, and every so often one of ten.
const MEMORY: [u32; 24] = [
    500, 250, 1_000, 500, 250, 2_000, 500, 250, 1_000, 500, 250, 4_000, 500, 250, 1_000, 500, 250, 2_000, 500, 250, 1_000, 500, 250, 20_000,
];

/// When worlds begin: an ordinary Monday, the end of a year, the day before a leap day, a second before midnight.
const STARTS: [&str; 4] =
    ["2026-11-23T09:00:00+08:00", "2026-12-31T20:30:00+08:00", "2028-02-28T21:00:00+08:00", "2027-06-30T23:59:59+08:00"];

/// What one thread takes up at a time.
enum Task {
    /// One world; where `twice`, played again: the trace must be the same.
    World { plot: Plot, twice: bool },
    /// The same world on every engine named: the traces must be the same.
    Engines { plot: Plot, engines: Vec<Engine> },
}

impl Task {
    /// Whether a thread that takes it up mostly waits for a server.
    fn waits(&self) -> bool {
        match self {
            Self::World { plot, .. } => plot.setting.engine == Engine::Postgres,
            Self::Engines { engines, .. } => engines.contains(&Engine::Postgres),
        }
    }
}

/// Sums over worlds of one engine.
#[derive(Clone, Copy, Default)]
struct Sum {
    worlds: u64,
    counts: Counts,
    busy: Duration,
    /// What the threads that played computed, where the machine says.
    computed: Duration,
}

/// What this thread has computed so far. On a machine that others use too, time says little.
fn computed() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(told.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
}

impl Sum {
    fn rate(&self) -> String {
        let done = (self.counts.commands + self.counts.queries) as f64;
        let (busy, computed) = (self.busy.as_secs_f64(), self.computed.as_secs_f64().max(0.001));
        format!("{:.0} commands and queries a second and thread, {:.0} a second of computing", done / busy, done / computed)
    }
}

#[derive(Default)]
struct Sums {
    by_engine: [Sum; 3],
    twice: u64,
    alike: u64,
}

fn place(engine: Engine) -> usize {
    ENGINES.iter().position(|e| *e == engine).unwrap_or(0)
}

/// The world of a seed, `conversations` long. Three of seven, and all long ones, are without faults, so that big states are reached.
fn plot(seed: u64, engine: Engine, conversations: u32) -> Plot {
    let mut dice = Dice::new(mixed(seed));
    let rates: &[u64] = if conversations > 3 * PER_DAY { &[0] } else { &[0, 0, 0, 10, 50, 150, 300] };
    let start = STARTS.get(dice.below(7) as usize).unwrap_or(&STARTS[0]);
    let setting = Setting {
        engine,
        seed,
        start: Timestamp::parse(start).map_or(0, Timestamp::micros),
        officers: 9 + dice.below(4) as u8,
        taxpayers: (60 + dice.below(u64::from(conversations.min(600)))) as u16,
        told: dice.chance(500),
        sessions: dice.chance(60),
    };
    Plot { setting, conversations, faults: dice.pick(rates).unwrap_or(0) }
}

fn tasks(plan: &Plan) -> Vec<Task> {
    let mut dice = Dice::new(plan.seed);
    let mut tasks = Vec::new();
    let mut add = |engine: Engine, sizes: &[u32], total: u32| {
        let mut begun = 0;
        for (n, size) in sizes.iter().cycle().enumerate() {
            if begun >= total {
                break;
            }
            let mut plot = plot(dice.next(), engine, *size);
            if plan.scale == Scale::Quick {
                // A few worlds must show what many would: there are sessions, and SQLite fails.
                plot.setting.sessions |= n % 12 == 0;
                plot.faults = if engine == Engine::Sqlite { 200 } else { plot.faults };
            }
            tasks.push(Task::World { plot, twice: n % 32 == 0 });
            begun += size;
        }
    };
    match plan.scale {
        Scale::Quick => {
            add(Engine::Memory, &[60, 150, 100], 4_000);
            add(Engine::Sqlite, &[80], 400);
        }
        Scale::Bounded => {
            add(Engine::Postgres, &[500], 6_000);
            add(Engine::Sqlite, &[2_000, 500, 4_000, 1_000], 30 * PER_DAY);
            add(Engine::Memory, &MEMORY, 3 * PER_YEAR as u32);
        }
    }
    let engines = plan.choose(vec![Engine::Memory, Engine::Sqlite], ENGINES.to_vec());
    for _ in 0..plan.choose(1, 4) {
        let plot = Plot { faults: 0, ..plot(dice.next(), Engine::Memory, 100) };
        tasks.insert(0, Task::Engines { plot, engines: engines.clone() });
    }
    tasks
}

/// Plays days of the bureau.
pub(crate) fn run(plan: &Plan) -> Outcome {
    let (waiting, working): (Vec<Task>, Vec<Task>) = tasks(plan).into_iter().partition(Task::waits);
    let (waiting, working) = ((waiting, AtomicUsize::new(0)), (working, AtomicUsize::new(0)));
    let (sums, broken, stop) = (Mutex::new(Sums::default()), Mutex::new(None), AtomicBool::new(false));
    let begun = Instant::now();
    let work = |(tasks, next): &(Vec<Task>, AtomicUsize)| {
        while !stop.load(Ordering::SeqCst) {
            let Some(task) = tasks.get(next.fetch_add(1, Ordering::SeqCst)) else { return };
            if let Err(what) = perform(plan, task, &sums) {
                stop.store(true, Ordering::SeqCst);
                broken.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(what);
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| work(&waiting));
        (0..THREADS).for_each(|_| drop(scope.spawn(|| work(&working))));
    });
    if let Some(what) = broken.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(what);
    }
    let sums = sums.into_inner().unwrap_or_else(PoisonError::into_inner);
    if plan.scale == Scale::Bounded {
        // What the report promises; a world that ends early would shorten it unseen.
        for (engine, least) in [(Engine::Memory, 3 * PER_YEAR), (Engine::Sqlite, 30 * u64::from(PER_DAY))] {
            let begun = sums.by_engine[place(engine)].counts.conversations;
            if begun < least {
                return Err(format!("{engine:?} saw {begun} conversations, {least} are promised"));
            }
        }
    }
    let mut all = Counts::default();
    sums.by_engine.iter().for_each(|sum| all.add(&sum.counts));
    // What nobody does proves nothing.
    match all.never().first() {
        Some(what) => Err(format!("nobody ever saw this in the simulation: {what}")),
        None => Ok(figures(&sums, begun.elapsed())),
    }
}

fn perform(plan: &Plan, task: &Task, sums: &Mutex<Sums>) -> Result<(), String> {
    match task {
        Task::World { plot, twice } => {
            let first = timed(plan, plot, sums)?;
            if *twice {
                let second = timed(plan, plot, sums)?;
                if first.trace != second.trace {
                    return Err(format!("the same seed gave another trace: {plot:?}"));
                }
                sums.lock().unwrap_or_else(PoisonError::into_inner).twice += 1;
            }
        }
        Task::Engines { plot, engines } => {
            let mut traces = Vec::new();
            for engine in engines {
                let plot = Plot { setting: Setting { engine: *engine, ..plot.setting }, ..*plot };
                traces.push((*engine, timed(plan, &plot, sums)?.trace));
            }
            if traces.windows(2).any(|w| w[0].1 != w[1].1) {
                return Err(format!("the engines gave different traces: {traces:?} of {plot:?}"));
            }
            sums.lock().unwrap_or_else(PoisonError::into_inner).alike += 1;
        }
    }
    Ok(())
}

fn timed(plan: &Plan, plot: &Plot, sums: &Mutex<Sums>) -> Result<Played, String> {
    let (begun, before) = (Instant::now(), computed());
    let played = play(plot).map_err(|broken: Broken| shrink::told(plot, &broken, Duration::from_secs(plan.choose(3, 60))))?;
    let mut sums = sums.lock().unwrap_or_else(PoisonError::into_inner);
    let sum = &mut sums.by_engine[place(plot.setting.engine)];
    sum.worlds += 1;
    sum.counts.add(&played.counts);
    sum.busy += begun.elapsed();
    sum.computed += computed().saturating_sub(before);
    if sum.worlds.is_multiple_of(200) {
        println!("  {:?}: {} worlds, {} conversations, {}", plot.setting.engine, sum.worlds, sum.counts.conversations, sum.rate());
    }
    Ok(played)
}

fn figures(sums: &Sums, took: Duration) -> Figures {
    let mut figures = Figures::default();
    let mut all = Counts::default();
    for (engine, sum) in ENGINES.iter().zip(&sums.by_engine).filter(|(_, sum)| sum.worlds > 0) {
        let c = &sum.counts;
        all.add(c);
        let days = c.conversations as f64 / f64::from(PER_DAY);
        let span = if days >= 365.0 { format!("{:.2} province-years", days / 365.0) } else { format!("{days:.1} province-days") };
        figures.add(
            &format!("{engine:?}"),
            format!("{span}: {} worlds, {} conversations, {} commands, {} queries", sum.worlds, c.conversations, c.commands, c.queries),
        );
        figures.add(&format!("{engine:?}, speed"), sum.rate());
    }
    figures.add("storage faults struck", all.struck);
    figures.add("answers lost (of them done)", format!("{} ({})", all.unknown, all.unknown_done));
    figures.add("host restarts", all.restarts);
    figures.add("times an event reader went on", all.resumed);
    figures.add("sign-ins", all.sign_ins);
    figures.add("sessions that began through a provider", all.came);
    let [to_line, to_colleague, to_authority] = all.transferred;
    figures.add(
        "conversations handed to a line, to a colleague, to an authority, given back because their officer was gone",
        format!("{to_line}, {to_colleague}, {to_authority}, {}", all.returned),
    );
    let [quoted, recalled, late] = all.recalled;
    figures.add("messages that answered one, recalled, too late to be recalled", format!("{quoted}, {recalled}, {late}"));
    let [rated, answered, own, overdue] = all.rated;
    figures.add(
        "services rated, low ratings answered, refused to whoever served, not answered in time",
        format!("{rated}, {answered}, {own}, {overdue}"),
    );
    let [named, not_for_them] = all.topics;
    figures.add("people who named a topic, officers for whom nobody waited", format!("{named}, {not_for_them}"));
    figures.add("people whom another line took in, whom none did", format!("{}, {}", all.full[0], all.full[1]));
    let [admitted, refused, silenced] = all.zone;
    figures.add("people let into the zone, refused when they came, when they wrote", format!("{admitted}, {refused}, {silenced}"));
    figures.add("conversations put on hold, gone on in another", format!("{}, {}", all.held, all.merged));
    figures.add("conversations offered, accepted", format!("{}, {}", all.offered, all.accepted));
    let [asked, left, over, late] = all.called_back;
    figures.add(
        "call-backs asked for, messages left outside of hours, promised when hours ended, answers that were late",
        format!("{asked}, {left}, {over}, {late}"),
    );
    figures.add("conversations joined by whoever supervises, whispers", format!("{}, {}", all.joined, all.whispered));
    let [lists, released, cards, revealed] = all.people;
    figures.add("lists about people, relations released, cards, values revealed", format!("{lists}, {released}, {cards}, {revealed}"));
    let [rows, back] = all.imported;
    figures.add("rows of imports that changed something, taken back", format!("{rows}, {back}"));
    let [confirmed, codes, recovery, refused, away] = all.factors;
    figures.add(
        "second factors confirmed, shown by a code, by a recovery code, refused, taken away",
        format!("{confirmed}, {codes}, {recovery}, {refused}, {away}"),
    );
    figures.add("longest line", all.backlog);
    figures.add("journal events compared", all.events);
    figures.add("audit records compared", all.records);
    figures.add("full scans", all.scans);
    figures.add("worlds played twice, same trace", sums.twice);
    figures.add("worlds played on several engines, same trace", sums.alike);
    figures.add("commands and queries a second, both threads", ((all.commands + all.queries) as f64 / took.as_secs_f64()) as u64);
    figures.add("broken invariants", 0);
    figures
}
