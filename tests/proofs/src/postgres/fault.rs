//! What is done to the server, its connections and the network.

use std::process::Command;
use std::time::{Duration, Instant};

use rand_core::{Rng as _, SeedableRng};
use zhengna_core::crypto::Rng;

use super::proxy::Trap;
use super::stage::Stage;
use crate::plan::{Plan, Scale};

/// One kind of attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The server is stopped at once and started again.
    Stop,
    /// A backend is killed with -9, which makes the server recover.
    Kill,
    /// Every backend is told to end.
    Terminate,
    /// Connections are cut at COMMITs and anywhere else.
    Cuts,
    /// Somebody else holds the rows of lines, so that transactions commit later than those that began after them.
    Locks,
    /// One host is cut off for a moment, while one of its transactions is open.
    Apart,
    /// The same, until the server has given the transaction up.
    LongApart,
}

impl Fault {
    /// One of each that is quick.
    pub(super) const QUICK: [Self; 5] = [Self::Locks, Self::Cuts, Self::Apart, Self::Terminate, Self::Stop];
    const ALL: [Self; 11] = [
        Self::Stop,
        Self::Cuts,
        Self::Locks,
        Self::Kill,
        Self::Apart,
        Self::Cuts,
        Self::Terminate,
        Self::Locks,
        Self::LongApart,
        Self::Cuts,
        Self::Apart,
    ];

    /// The fault of a cycle.
    pub(super) fn of(plan: &Plan, cycle: usize) -> Self {
        match plan.scale {
            Scale::Quick => Self::QUICK[cycle % Self::QUICK.len()],
            Scale::Bounded => Self::ALL[cycle % Self::ALL.len()],
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Stop => "immediate stop and start",
            Self::Kill => "a backend killed with -9",
            Self::Terminate => "every backend terminated",
            Self::Cuts => "connections cut at COMMIT and anywhere",
            Self::Locks => "late commits behind a lock held outside",
            Self::Apart => "one host cut off for a moment",
            Self::LongApart => "one host cut off for six seconds",
        }
    }

    /// Whether a host cannot reach the database for a while.
    pub(super) fn cuts_a_host_off(self) -> bool {
        matches!(self, Self::Apart | Self::LongApart)
    }

    /// Whether the reader on a host that is well can read all the time.
    pub(super) fn server_stays_up(self) -> bool {
        matches!(self, Self::Locks | Self::Apart | Self::LongApart)
    }

    /// Strikes, and heals what it struck.
    pub(super) fn strike(self, stage: &Stage, seed: u64) -> Result<(), String> {
        let mut rng = Rng::seed_from_u64(seed);
        match self {
            Self::Stop => {
                stage.cluster.stop_immediately()?;
                stage.cluster.restart()
            }
            Self::Kill => kill(stage),
            Self::Terminate => {
                let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'zhengna'";
                (0..3).try_for_each(|_| stage.number(sql).and_then(|_| stage.progress(5)))
            }
            Self::Cuts => cuts(stage, &mut rng),
            Self::Locks => stage.hold_lines(5, within_the_limit()),
            Self::Apart => apart(stage, &mut rng, Duration::ZERO),
            Self::LongApart => apart(stage, &mut rng, Duration::from_secs(6)),
        }
    }
}

/// Within the limit of a write, so that who waits for the lock commits all the same.
fn within_the_limit() -> Duration {
    zhengna_core::limits::TX_TIME_MAX * 3 / 5
}

fn kill(stage: &Stage) -> Result<(), String> {
    let sql =
        "SELECT CAST(pid AS BIGINT) FROM pg_stat_activity WHERE application_name = 'zhengna' ORDER BY state = 'idle', random() LIMIT 1";
    let pid = stage.number(sql)?;
    let killed = Command::new("kill").args(["-9", &pid.to_string()]).status().map_err(|e| e.to_string())?;
    if killed.success() { Ok(()) } else { Err(format!("backend {pid} could not be killed")) }
}

/// Traps of every kind with COMMITs that pass between them, on both hosts; then cuts after some bytes.
fn cuts(stage: &Stage, rng: &mut Rng) -> Result<(), String> {
    for proxy in &stage.proxies {
        let mut traps = [Trap::Never, Trap::Lost, Trap::Torn(0), Trap::Fatal, Trap::Lost, Trap::Torn(0), Trap::Fatal];
        for i in (1..traps.len()).rev() {
            traps.swap(i, (rng.next_u32() as usize) % (i + 1));
        }
        let with_passes = traps.into_iter().flat_map(|trap| {
            let torn = 1 + rng.next_u32() as usize % 12;
            let trap = if trap == Trap::Torn(0) { Trap::Torn(torn) } else { trap };
            std::iter::repeat_n(Trap::Pass, rng.next_u32() as usize % 4).chain([trap])
        });
        proxy.trap(with_passes.collect::<Vec<_>>());
    }
    stage.until("every trap is sprung", || !stage.proxies.iter().any(super::proxy::Proxy::armed))?;
    for _ in 0..4 {
        stage.proxies.iter().for_each(|proxy| proxy.cut_after(rng.next_u32() as usize % 20_000));
        stage.until("both connections are cut", || !stage.proxies.iter().any(super::proxy::Proxy::armed))?;
    }
    Ok(())
}

/// One host is cut off in the middle of a transaction; the other goes on; then the network is whole again, and the
/// connections of before go on or are gone.
fn apart(stage: &Stage, rng: &mut Rng, at_least: Duration) -> Result<(), String> {
    let off = (rng.next_u32() % 2) as usize;
    let proxy = &stage.proxies[off];
    proxy.trap([Trap::Hold]);
    stage.until("a COMMIT is under way", || proxy.held())?;
    let begun = Instant::now();
    stage.progress_on(1 - off, 30)?;
    stage.until("the time is up", || begun.elapsed() >= at_least)?;
    proxy.heal(rng.next_u32().is_multiple_of(2));
    Ok(())
}
