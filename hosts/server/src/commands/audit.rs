//! `zhengna audit`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use zhengna_core::audit::{Checkpoint, Verdict};

use super::configured;
use super::serve::sink_failed;
use crate::checkpoints;
use crate::config::Flags;
use crate::failure::{Exit, Failure};
use crate::open::{self, Mode};
use crate::output::{self, note, say};

/// The audit trail.
#[derive(Args)]
pub(super) struct Audit {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    Verify(Verify),
}

/// Reads the whole audit trail and names the first record that was altered, removed, inserted, moved or cut off.
///
/// Works beside a running host and changes nothing. The signed checkpoints come from the second sink, not from the
/// database: whoever owns the database can compute a chain anew, but cannot sign it. Exit code 9 when something is wrong.
#[derive(Args)]
#[command(after_help = "\
Example:
  zhengna audit verify
  zhengna audit verify --checkpoints /mnt/append-only/zhengna.checkpoint --json

Next, when something is wrong:
  Keep a copy of the database and of the checkpoint file as they are. Compare with the latest backup:
  zhengna restore FILE --database sqlite:/tmp/compare.db --checkpoint-file /tmp/compare.checkpoint")]
struct Verify {
    /// The checkpoints of the second sink, instead of --checkpoint-file.
    #[arg(long, value_name = "FILE")]
    checkpoints: Option<PathBuf>,
    /// Checks the chain alone. A trail that was computed anew, or lost its end, passes.
    #[arg(long, conflicts_with = "checkpoints")]
    without_checkpoints: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

impl Audit {
    pub(super) fn json(&self) -> bool {
        let Action::Verify(c) = &self.action;
        c.json
    }

    pub(super) fn run(self, flags: &Flags) -> Result<(), Failure> {
        let Action::Verify(c) = self.action;
        let config = configured(flags)?;
        // The file before the database: what is signed meanwhile is then in the database too.
        let signed =
            if c.without_checkpoints { Vec::new() } else { checkpoints_of(c.checkpoints.as_deref().unwrap_or(&config.checkpoint_file))? };
        let core = open::open(&config, Mode::Read)?.core;
        let verdict = core.verify_audit(signed)?;
        if c.json {
            output::json(&verdict);
        }
        judge(&verdict, c.json)
    }
}

/// The checkpoints of a file that must be there.
pub(super) fn checkpoints_of(file: &Path) -> Result<Vec<Checkpoint>, Failure> {
    if !file.exists() {
        return Err(Failure::new(Exit::Unreachable, format_args!("there is no checkpoint file {}", file.display()))
            .advise("Name it with --checkpoints FILE. --without-checkpoints checks the chain alone, which proves less."));
    }
    checkpoints::read(file).map_err(sink_failed)
}

/// Says what a verification found; a finding is a failure.
pub(super) fn judge(verdict: &Verdict, as_json: bool) -> Result<(), Failure> {
    let Verdict { verified, unsealed, checkpoints, finding } = verdict;
    match finding {
        None => {
            if !as_json {
                say(format_args!(
                    "审计链完整 The audit trail is whole: {verified} records, {checkpoints} signed checkpoints agree, {unsealed} records not sealed yet."
                ));
                if *checkpoints == 0 && *verified > 0 {
                    note("No checkpoint was compared: a trail computed anew by whoever owns the database would pass.");
                }
            }
            Ok(())
        }
        Some(finding) => {
            let record = finding.record.map(|id| format!(", record {id}")).unwrap_or_default();
            Err(Failure::new(
                Exit::Unverified,
                format_args!(
                    "审计链有问题 The audit trail is not whole: {} at place {}{record}: {}. {verified} records before it are whole.",
                    finding.kind.as_str(),
                    finding.number,
                    finding.detail
                ),
            )
            .advise("Keep the database and the checkpoint file as they are (copy them), and compare with the latest backup."))
        }
    }
}
