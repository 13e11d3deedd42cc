//! `zhengna config`.

use clap::Args;

use crate::config::{Effective, Flags};
use crate::failure::{Exit, Failure};

/// Prints the effective configuration and where each value came from; secrets as ***.
///
/// Flags win over ZHENGNA_* variables, those over the file, that over the defaults.
#[derive(Args)]
#[command(after_help = "\
Example:
  zhengna config > zhengna.toml      (a file to begin with)
  ZHENGNA_LISTEN=127.0.0.1:9090 zhengna config

Next:
  zhengna serve --config zhengna.toml")]
pub(super) struct Config {
    /// As JSON.
    #[arg(long)]
    pub(super) json: bool,
}

impl Config {
    pub(super) fn run(self, flags: &Flags) -> Result<(), Failure> {
        let effective = Effective::load(flags)?;
        match effective.print(self.json, &mut std::io::stdout().lock()) {
            // Whoever closed the pipe wants no more of it.
            Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::new(Exit::Other, e)),
            _ => Ok(()),
        }
    }
}
