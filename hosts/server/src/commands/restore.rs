//! `zhengna restore`.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use zhengna_core::Error;
use zhengna_core::crypto::Custodian;
use zhengna_core::store::{StoreError, dump};

use super::audit::{checkpoints_of, judge, verify};
use super::configured;
use crate::config::Flags;
use crate::failure::{Exit, Failure};
use crate::open::{self, Mode};
use crate::output::{self, Progress, note, say};
use crate::sealed_file::{SealedReader, is_sealed};
use crate::secret_file;

/// Fills an empty database from a backup, then verifies its audit trail.
///
/// The backup is read twice: first it is checked from end to end (nothing is written for one that is cut off or
/// altered), then restored. A sealed backup opens for two of its custodians together: name both files. The database must be empty; the key file must be the one the backup was made under. The
/// trail is checked against --checkpoint-file where there is one, else against the checkpoints in the backup.
#[derive(Args)]
#[command(after_help = "\
Example:
  zhengna restore zhengna-2026-11-23.sealed --custodian zhang.custodian --custodian li.custodian --database sqlite:/var/lib/zhengna/new.db
  zhengna restore unsealed.dump --database postgres://zhengna@db/zhengna

Next:
  zhengna serve with the same --database and --key-file
  Should it be interrupted: delete the half-filled database and restore again into an empty one.")]
pub(super) struct Restore {
    /// The backup.
    file: PathBuf,
    /// The file of a custodian; two of them, for a sealed backup.
    #[arg(long, value_name = "FILE")]
    custodian: Vec<PathBuf>,
    /// As JSON.
    #[arg(long)]
    pub(super) json: bool,
}

impl Restore {
    pub(super) fn run(self, flags: &Flags) -> Result<(), Failure> {
        let config = configured(flags)?;
        // Before a database is made for it.
        let unreachable = |e: std::io::Error| Failure::new(Exit::Unreachable, format_args!("{}: {e}", self.file.display()));
        let mut begin = BufReader::new(File::open(&self.file).map_err(unreachable)?);
        let custodians = self.custodians(is_sealed(&mut begin).map_err(unreachable)?)?;
        if let Some([one, other]) = &custodians {
            SealedReader::open(begin, [one, other])
                .map_err(|e| Failure::new(Exit::Keys, format_args!("{}: {e}", self.file.display())).advise("Nothing was restored."))?;
        }
        let signed = if config.checkpoint_file.exists() { Some(checkpoints_of(&config.checkpoint_file)?) } else { None };
        let opened = open::open(&config, Mode::Create)?;
        let (store, database) = (opened.core.store().clone(), opened.database);
        let mut pass = 0;
        let rows = dump::restore(&*store, || {
            pass += 1;
            let mut progress = Progress::new(if pass == 1 { "checked lines" } else { "restored lines" }, None);
            let mut lines = 0;
            let file = BufReader::with_capacity(1 << 20, File::open(&self.file)?);
            let opened: Box<dyn BufRead> = match &custodians {
                Some([one, other]) => Box::new(BufReader::with_capacity(1 << 20, SealedReader::open(file, [one, other])?)),
                None => Box::new(file),
            };
            Ok(opened.lines().inspect(move |_| {
                lines += 1;
                progress.at(lines);
            }))
        })
        .map_err(|e| self.explain(e))?;
        let from_sink = signed.is_some();
        let signed = match signed {
            Some(signed) => signed,
            None => all_checkpoints(&opened.core)?,
        };
        let verdict = verify(&opened.core, signed)?;
        if self.json {
            output::json(&json!({
                "database": database, "file": self.file, "rows": rows, "audit": verdict, "checkpoints_from": if from_sink { "file" } else { "backup" },
            }));
        } else {
            say(format_args!("restored {rows} rows from {} into {database}", self.file.display()));
            if !from_sink {
                note(format_args!(
                    "There is no checkpoint file {}: the trail was checked against the checkpoints in the backup itself, which cannot show \
                     that something at its end is missing.",
                    config.checkpoint_file.display()
                ));
            }
        }
        judge(&verdict, self.json)
    }

    /// The two who open a sealed backup.
    fn custodians(&self, sealed: bool) -> Result<Option<[Custodian; 2]>, Failure> {
        let refused = |what: String| Failure::new(Exit::Keys, what).advise("Nothing was restored.");
        match (sealed, self.custodian.as_slice()) {
            (false, _) => Ok(None),
            (true, [one, other]) => {
                let read = |file: &PathBuf| {
                    let text = secret_file::read(file).map_err(|e| refused(e.to_string()))?;
                    Custodian::from_text(&text).map_err(|e| refused(format!("{}: {e}", file.display())))
                };
                Ok(Some([read(one)?, read(other)?]))
            }
            (true, _) => Err(refused("the backup is sealed: two of its custodians open it, --custodian FILE --custodian FILE".into())),
        }
    }

    fn explain(&self, e: Error) -> Failure {
        let file = self.file.display();
        match e {
            Error::Store(StoreError::Corrupt(why)) => Failure::new(Exit::Corrupt, format_args!("{file}: {why}"))
                .advise("Nothing was restored. Use another copy of this backup, or an earlier one."),
            Error::Store(StoreError::Newer { .. }) => Failure::new(Exit::Newer, format_args!("{file}: {e}"))
                .advise("Nothing was restored. Use the newer program that made this backup."),
            Error::Store(StoreError::Backend(why)) if why.contains("is not empty") => {
                Failure::new(Exit::Usage, why).advise("Nothing was restored. Name an empty or a new database with --database.")
            }
            other => {
                let mut failure = Failure::from(other);
                failure.next =
                    format!("The restore may be half done: delete this database and restore again into an empty one. {}", failure.next);
                failure
            }
        }
    }
}

fn all_checkpoints(core: &zhengna_core::Core) -> Result<Vec<zhengna_core::audit::Checkpoint>, Error> {
    let mut all = Vec::new();
    loop {
        let page = core.checkpoints_after(all.last().map_or(0, |c: &zhengna_core::audit::Checkpoint| c.number))?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}
