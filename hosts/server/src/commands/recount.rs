//! `zhengna recount`.

use clap::Args;
use serde_json::json;

use super::configured;
use crate::config::Flags;
use crate::failure::{Exit, Failure};
use crate::open::{self, Mode};
use crate::output::{self, say};

/// Compares everything that is computed from rows (who waits in which line, ...) with the rows, one line per difference.
///
/// On PostgreSQL it compares what a host that follows the journal has learned. Exit code 9 when something differs.
#[derive(Args)]
#[command(after_help = "\
Example:
  zhengna recount

Next, when something differs:
  Restart the hosts: each computes everything anew from the rows. Then report it; it is a bug.")]
pub(super) struct Recount {
    /// As JSON.
    #[arg(long)]
    pub(super) json: bool,
}

impl Recount {
    pub(super) fn run(self, flags: &Flags) -> Result<(), Failure> {
        let core = open::open(&configured(flags)?, Mode::Existing)?.core;
        let differences = core.recount()?;
        if self.json {
            output::json(&json!({ "differences": differences }));
        }
        if differences.is_empty() {
            if !self.json {
                say("Everything computed equals the rows.");
            }
            return Ok(());
        }
        if !self.json {
            for line in &differences {
                say(line);
            }
        }
        Err(Failure::new(Exit::Unverified, format_args!("{} differences", differences.len()))
            .advise("Restart the hosts, which computes everything anew, and report it: it is a bug."))
    }
}
