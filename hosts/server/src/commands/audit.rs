//! `zhengna audit`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use zhengna_core::Core;
use zhengna_core::access::{RightsFinding, RightsFindingKind, RightsVerdict};
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
  zhengna audit verify --sealed --known looked-at.txt

  looked-at.txt, with lines as an earlier run printed them:
    # 2026-11-23, Wang: deleted by hand, see the report of that day
    removed access_grant/0192f3a4-0000-7000-8000-000000000000

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
    /// Findings about rights that somebody has looked at, one a line as printed: told, and no failure. Lines that begin with # are skipped.
    ///
    /// A table that is unreadable is never known: what is in it was not compared. A line that is no finding any more is told, too.
    #[arg(long, value_name = "FILE")]
    known: Option<PathBuf>,
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
        let listed = c.known.as_deref().map(listed_in).transpose()?.unwrap_or_default();
        // The file before the database: what is signed meanwhile is then in the database too.
        let signed =
            if c.without_checkpoints { Vec::new() } else { checkpoints_of(c.checkpoints.as_deref().unwrap_or(&config.checkpoint_file))? };
        let core = open::open(&config, Mode::Read)?.core;
        let verdict = verify(&core, signed)?;
        let rights = rights_of(&core)?;
        let findings = Findings::sorted(&rights, &listed);
        let sealed = c.sealed.then(|| verify_sealed(&core)).transpose()?;
        if c.json {
            let mut all = serde_json::json!(verdict);
            all["rights"] = serde_json::json!(rights);
            all["rights"]["known"] = serde_json::json!(findings.known);
            all["rights"]["known_no_more"] = serde_json::json!(findings.known_no_more);
            all["sealed"] = serde_json::json!(sealed);
            output::json(&all);
        }
        let judged = [
            judge(&verdict, c.json),
            judge_rights(rights.rows, &findings, c.json),
            sealed.map_or(Ok(()), |sealed| judge_sealed(&sealed, c.json)),
        ];
        Failure::joined(judged.into_iter().filter_map(Result::err)).map_or(Ok(()), Err)
    }
}

/// The findings in a file of those that are known.
fn listed_in(file: &Path) -> Result<BTreeSet<String>, Failure> {
    let unread = |e: std::io::Error| Failure::new(Exit::Unreachable, format_args!("{}: {e}", file.display()));
    let text = fs::read_to_string(file).map_err(unread)?;
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect())
}

/// Findings about rights as they are printed.
struct Findings {
    new: Vec<String>,
    known: Vec<String>,
    /// What is listed as known, and is found no more.
    known_no_more: Vec<String>,
}

impl Findings {
    fn sorted(verdict: &RightsVerdict, listed: &BTreeSet<String>) -> Self {
        let is_known = |f: &&RightsFinding| f.kind != RightsFindingKind::Unreadable && listed.contains(&printed(f));
        let (known, new): (Vec<&RightsFinding>, Vec<&RightsFinding>) = verdict.findings.iter().partition(is_known);
        let found: BTreeSet<String> = verdict.findings.iter().map(printed).collect();
        Self {
            new: new.into_iter().map(printed).collect(),
            known: known.into_iter().map(printed).collect(),
            known_no_more: listed.difference(&found).cloned().collect(),
        }
    }
}

/// On one line, whatever whoever wrote the database made of the row's name.
fn printed(finding: &RightsFinding) -> String {
    format!("{} {}", finding.kind.as_str(), finding.row.escape_debug())
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

/// Says what the trail says of rights; a finding that is not known is a failure.
fn judge_rights(rows: usize, findings: &Findings, as_json: bool) -> Result<(), Failure> {
    let Findings { new, known, known_no_more } = findings;
    if !as_json {
        known.iter().for_each(|line| say(format_args!("已知 Known: {line}")));
        known_no_more.iter().for_each(|line| note(format_args!("Listed as known, and no finding any more: {line}")));
    }
    if new.is_empty() {
        if !as_json {
            let (besides, but) = if known.is_empty() { ("", "") } else { ("（已知的除外）", ", but for what is known") };
            say(format_args!("权限数据与审计链一致{besides} Rights are what the trail says was written{but}: {rows} rows."));
        }
        return Ok(());
    }
    let message = format!("权限数据有问题 Rows that say who may do what are not what the trail says was written:\n  {}", new.join("\n  "));
    Err(Failure::new(Exit::Unverified, message).advise(
        "They give nobody anything. Keep a copy of the database. An altered grant can be ended (POST /api/v1/grants/{grant}/end, which \
         writes it anew as over) and the post granted anew. A row that is gone stays a finding until whoever has looked at it puts its \
         line into the file of --known.",
    ))
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
