//! `zhengna audit`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use zhengna_core::Core;
use zhengna_core::access::RightsVerdict;
use zhengna_core::audit::{Checkpoint, Verdict};
use zhengna_core::identity::SealedVerdict;

use super::configured;
use super::serve::sink_failed;
use crate::checkpoints;
use crate::config::Flags;
use crate::failure::{Exit, Failure};
use crate::open::{self, Mode};
use crate::output::{self, Progress, note, say};

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
    /// Opens everything that is sealed, too, and names the first value, key or index that was altered past the door.
    #[arg(long)]
    sealed: bool,
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
        let verdict = verify(&core, signed)?;
        let rights = rights_of(&core)?;
        let sealed = c.sealed.then(|| verify_sealed(&core)).transpose()?;
        if c.json {
            let mut both = serde_json::json!(verdict);
            both["rights"] = serde_json::json!(rights);
            both["sealed"] = serde_json::json!(sealed);
            output::json(&both);
        }
        judge(&verdict, c.json)?;
        judge_rights(&rights, c.json)?;
        sealed.map_or(Ok(()), |sealed| judge_sealed(&sealed, c.json))
    }
}

/// Reads the whole trail, and shows how far it is.
pub(super) fn verify(core: &Core, signed: Vec<Checkpoint>) -> Result<Verdict, Failure> {
    let mut progress = None;
    let told = move |done, of| progress.get_or_insert_with(|| Progress::new("audit records", Some(of))).at(done);
    Ok(core.verify_audit(signed, told)?)
}

fn verify_sealed(core: &Core) -> Result<SealedVerdict, Failure> {
    let mut progress = Progress::new("sealed rows", None);
    Ok(core.as_system().identity().verify_sealed(move |rows| progress.at(rows))?)
}

fn judge_sealed(verdict: &SealedVerdict, as_json: bool) -> Result<(), Failure> {
    match &verdict.finding {
        None if as_json => Ok(()),
        None => {
            say(format_args!("加密数据完整 What is sealed is whole: {} rows.", verdict.rows));
            Ok(())
        }
        Some(finding) => Err(Failure::new(
            Exit::Unverified,
            format_args!("加密数据有问题 Something sealed was altered: {} {}: {}.", finding.table, finding.row, finding.detail),
        )
        .advise("Keep the database as it is (copy it), and compare with the latest backup.")),
    }
}

/// Rights compared with the whole trail; what it speaks against gives nobody anything in this process from then on.
pub(super) fn rights_of(core: &Core) -> Result<RightsVerdict, Failure> {
    let mut progress = Progress::new("rights", None);
    loop {
        let verdict = core.compare_rights()?;
        if verdict.complete {
            return Ok(verdict);
        }
        progress.at(verdict.rows as u64);
    }
}

/// Says what the trail says of rights; a finding is a failure.
fn judge_rights(verdict: &RightsVerdict, as_json: bool) -> Result<(), Failure> {
    if verdict.findings.is_empty() {
        if !as_json {
            say(format_args!("权限数据与审计链一致 Rights are what the trail says was written: {} rows.", verdict.rows));
        }
        return Ok(());
    }
    let told: Vec<String> = verdict.findings.iter().map(|f| format!("{} {}", f.kind.as_str(), f.row)).collect();
    let message = format!("权限数据有问题 Rows that say who may do what are not what the trail says was written: {}", told.join(", "));
    Err(Failure::new(Exit::Unverified, message)
        .advise("They give nobody anything. Keep a copy of the database; end and grant anew what is wrong."))
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
