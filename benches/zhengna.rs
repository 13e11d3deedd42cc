//! The command `zhengna`, the same that is shipped, built with the benches so that they can start it.

use std::process::ExitCode;

use clap::Parser as _;
use zhengna_server::commands::{Cli, run};

fn main() -> ExitCode {
    run(Cli::parse())
}
