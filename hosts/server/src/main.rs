//! The command `zhengna`; what it does is in the library.

use std::process::ExitCode;

use clap::Parser as _;
use zhengna_server::commands::{Cli, run};

fn main() -> ExitCode {
    run(Cli::parse())
}
