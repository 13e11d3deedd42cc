//! The command `zhengna`; what it does is in the library.

use std::process::ExitCode;

use clap::Parser as _;
use zhengna_server::commands::{Cli, run};

fn main() -> ExitCode {
    #[cfg(feature = "planted")]
    if let Ok(name) = std::env::var("ZHENGNA_PLANTED") {
        let Some(bug) = zhengna_core::planted::Bug::parse(&name) else {
            eprintln!("no planted bug is called {name}");
            return ExitCode::FAILURE;
        };
        zhengna_core::planted::plant(bug);
        eprintln!("planted: {name}");
    }
    run(Cli::parse())
}
