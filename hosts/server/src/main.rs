//! The command `zhengna`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use zhengna_server::config::{Effective, Flags};

/// Zhengna: where a tax authority and its taxpayers meet.
#[derive(Parser)]
#[command(name = "zhengna", version)]
struct Cli {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    command: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Prints the effective configuration and where each value came from; secrets as ***.
    Config {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("zhengna: {e}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<(), Box<dyn std::error::Error>> {
    let effective = Effective::load(&cli.flags)?;
    match cli.command {
        Action::Config { json } => effective.print(json, &mut std::io::stdout().lock())?,
    }
    Ok(())
}
