//! Claims and slots: officers of one host or two race for the people in a line, and rivals for a last place.
//!
//! What "first in, first out" means where claims overlap, and where two hosts serve one line, is in [`history`].

mod history;
mod line;
mod slot;

use zhengna_tests::world::Engine;

use crate::plan::{Figures, Outcome, Plan};

/// The engines that a line is served from: one host on SQLite, two on PostgreSQL.
const ENGINES: [Engine; 2] = [Engine::Sqlite, Engine::Postgres];

/// The proof.
pub(crate) fn run(plan: &Plan) -> Outcome {
    let mut figures = Figures::default();
    for engine in ENGINES {
        line::run(plan, engine, &mut figures)?;
        slot::run(plan, engine, &mut figures)?;
    }
    Ok(figures)
}

/// The name of an engine, with its hosts.
fn named(engine: Engine) -> &'static str {
    match engine {
        Engine::Memory => "memory",
        Engine::Sqlite => "SQLite",
        Engine::Postgres => "PostgreSQL, two hosts",
    }
}
