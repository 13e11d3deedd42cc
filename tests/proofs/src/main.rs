//! `zhengna-proof`: attacks what Zhengna promises and says what came of it.
//!
//! `make proof` runs every proof once, bounded; `make soak` runs them again and again with fresh seeds; both print what
//! they did and the seeds. Figures go to `docs/reliability.md`.

mod authorisation;
mod await_points;
mod claims;
mod fuzz;
mod host;
mod isolation;
mod kill;
mod live;
mod load;
mod plan;
mod postgres;
mod power_loss;
mod report;
mod simulation;
mod teeth;

use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, Subcommand};

use plan::{Figures, Outcome, Plan, Scale};

/// How a broken promise is told, for people and for [`teeth`].
const BROKEN: &str = "BROKEN:";

/// One proof: a promise and the attack on it.
struct Proof {
    /// Its name on the command line and in the report.
    name: &'static str,
    /// What is attacked, in a line.
    about: &'static str,
    /// The attack. `Err` says which promise broke and how.
    run: fn(&Plan) -> Outcome,
}

/// Every proof, in the order in which they run.
const PROOFS: &[Proof] = &[
    Proof {
        name: "simulation",
        about: "days of the bureau with storage that fails, hosts that restart, clocks that jump, against a plain model",
        run: simulation::run,
    },
    Proof {
        name: "power-loss",
        about: "cuts the power under SQLite at every step; what was answered is there, whole, once",
        run: power_loss::run,
    },
    Proof {
        name: "await-points",
        about: "every handler's future, dropped at every poll, leaves nothing half-done and nothing held",
        run: await_points::run,
    },
    Proof {
        name: "kill",
        about: "the real host, killed with SIGKILL under load over HTTP, remembers every acknowledgement once",
        run: kill::run,
    },
    Proof { name: "claims", about: "a line served by many officers at once, and last places wanted by many", run: claims::run },
    Proof { name: "isolation", about: "anomalies, and rivals in every operation that writes, on two hosts", run: isolation::run },
    Proof { name: "postgres", about: "two hosts while server, backends, connections and network fail", run: postgres::run },
    Proof { name: "live", about: "feeds dropped at polls and opened again show everybody what is theirs, once, in order", run: live::run },
    Proof {
        name: "load",
        about: "everybody at a hundred times the busiest hour, on real hosts, sockets cut: nothing lost, doubled, out of order",
        run: load::run,
    },
    Proof {
        name: "authorisation",
        about: "every route, by callers of every kind, session, post and place, on objects in every state",
        run: authorisation::run,
    },
    Proof { name: "fuzz", about: "every parser holds what it promises, whatever bytes come", run: fuzz::run },
];

/// The proof of the proofs; not in the list, since it needs the feature `planted` and takes the others in turn.
const TEETH: Proof =
    Proof { name: "teeth", about: "bugs planted one by one, each to be caught by the proof named for it", run: teeth::run };

#[derive(Parser)]
#[command(name = "zhengna-proof", about = "Attacks what Zhengna promises and says what came of it.")]
struct Cli {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// What there is.
    List,
    /// Runs proofs once: all of them, or the named ones.
    Run {
        names: Vec<String>,
        /// Repeats the run that printed this seed.
        #[arg(long)]
        seed: Option<u64>,
        /// A few seconds each: for work on a proof, and for planted bugs.
        #[arg(long)]
        quick: bool,
        /// Minutes of load on each engine, for the proof `load` (not with --quick).
        #[arg(long, default_value_t = plan::MINUTES, conflicts_with = "quick")]
        minutes: u64,
        /// Switches a planted bug on first (needs the feature `planted`).
        #[arg(long)]
        plant: Option<String>,
    },
    /// Runs proofs again and again, each time with another seed, until stopped or until one fails.
    Soak { names: Vec<String> },
    /// Plants every bug there is and asks the proof that is named for it to catch it (needs the feature `planted`).
    Teeth {
        /// Repeats the run that printed this seed.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Writes the figures of the last runs into docs/reliability.md.
    Report,
}

fn main() -> ExitCode {
    let done = match Cli::parse().action {
        Action::List => {
            PROOFS.iter().for_each(|p| println!("{:16} {}", p.name, p.about));
            Ok(())
        }
        Action::Run { names, seed, quick, minutes, plant } => plant.map_or(Ok(()), |bug| plan::plant(&bug)).and_then(|()| {
            let scale = if quick { Scale::Quick } else { Scale::Bounded };
            let plan = Plan { scale, minutes, ..Plan::bounded(seed) };
            chosen(&names)?.into_iter().try_for_each(|proof| run(proof, &plan))
        }),
        Action::Teeth { seed } => run(&TEETH, &Plan::bounded(seed)),
        Action::Soak { names } => soak(&names),
        Action::Report => report::write(),
    };
    done.map_or_else(
        |broken| {
            eprintln!("{broken}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

fn chosen(names: &[String]) -> Result<Vec<&'static Proof>, String> {
    if let Some(unknown) = names.iter().find(|n| !PROOFS.iter().any(|p| p.name == **n)) {
        return Err(format!("no proof is called {unknown}; `zhengna-proof list` says which there are"));
    }
    Ok(PROOFS.iter().filter(|p| names.is_empty() || names.iter().any(|n| n == p.name)).collect())
}

fn run(proof: &Proof, plan: &Plan) -> Result<(), String> {
    println!("{}: {} (seed {})", proof.name, proof.about, plan.seed);
    let begun = Instant::now();
    let outcome = (proof.run)(plan);
    let took = begun.elapsed();
    let figures: Figures = outcome
        .map_err(|broken| format!("{}: {BROKEN} {broken}\nto repeat: zhengna-proof run {} --seed {}", proof.name, proof.name, plan.seed))?;
    figures.lines().for_each(|(what, value)| println!("  {what}: {value}"));
    println!("  took {:.1} s", took.as_secs_f64());
    if plan.scale == Scale::Bounded {
        report::keep(proof.name, plan, &figures, took)?;
    }
    Ok(())
}

fn soak(names: &[String]) -> Result<(), String> {
    let proofs = chosen(names)?;
    loop {
        let plan = Plan::bounded(None);
        proofs.iter().try_for_each(|proof| run(proof, &plan))?;
    }
}
