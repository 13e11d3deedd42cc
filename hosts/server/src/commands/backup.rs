//! `zhengna backup`.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;
use serde_json::json;
use sm3::{Digest as _, Sm3};
use zhengna_core::crypto::hex;
use zhengna_core::store::dump;
use zhengna_core::store::migrate::newest;

use super::configured;
use crate::config::Flags;
use crate::failure::{Exit, Failure};
use crate::open::{self, Mode};
use crate::output::{self, Progress, say};
use crate::secret_file::sync_directory_of;

/// Writes every row of the database to one portable file, also beside a running host.
///
/// The file is lines of text from one snapshot, the same from SQLite and PostgreSQL, and either can be restored from it.
/// Personal data stays sealed in it: it is worth nothing without the key file, so keep the two apart. It is written
/// under another name and renamed when it is whole and on the disk.
#[derive(Args)]
#[command(after_help = "\
Example:
  zhengna backup /backup/zhengna-2026-11-23.dump
  openssl dgst -sm3 /backup/zhengna-2026-11-23.dump      (the printed SM3)

Next:
  Try it: zhengna restore FILE --database sqlite:/tmp/drill.db --checkpoint-file /tmp/drill.checkpoint
  Keep the checkpoint file too: it proves that nothing is missing from the audit trail.")]
pub(super) struct Backup {
    /// The file to write; never overwritten.
    file: PathBuf,
    /// As JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// Where lines go: counted and hashed on the way.
struct Sink {
    file: BufWriter<File>,
    sm3: Sm3,
    bytes: u64,
    lines: u64,
    progress: Progress,
}

impl Sink {
    fn put(&mut self, line: &str) -> std::io::Result<()> {
        for part in [line.as_bytes(), b"\n"] {
            self.file.write_all(part)?;
            self.sm3.update(part);
            self.bytes += part.len() as u64;
        }
        self.lines += 1;
        self.progress.at(self.lines);
        Ok(())
    }
}

impl Backup {
    pub(super) fn run(self, flags: &Flags) -> Result<(), Failure> {
        let config = configured(flags)?;
        let failed = |e: std::io::Error| {
            let exit = match e.kind() {
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Exit::Full,
                _ => Exit::Unreachable,
            };
            Failure::new(exit, format_args!("{}: {e}", self.file.display())).advise("No backup was made.")
        };
        if self.file.exists() {
            return Err(Failure::new(Exit::Usage, format_args!("{} exists and is not overwritten", self.file.display()))
                .advise("Choose another name. No backup was made."));
        }
        let store = open::open_store(&config, Mode::Read)?.store;
        let partial = Partial::create(&self.file).map_err(failed)?;
        let sink = Arc::new(Mutex::new(Sink {
            file: BufWriter::with_capacity(1 << 20, partial.file.try_clone().map_err(failed)?),
            sm3: Sm3::new(),
            bytes: 0,
            lines: 0,
            progress: Progress::new("rows", None),
        }));
        let writes = sink.clone();
        let rows = dump::dump(&*store, move |line| writes.lock().unwrap_or_else(PoisonError::into_inner).put(line))?;
        let mut sink = sink.lock().unwrap_or_else(PoisonError::into_inner);
        sink.file.flush().map_err(failed)?;
        partial.file.sync_all().map_err(failed)?;
        partial.rename(&self.file).map_err(failed)?;
        let (bytes, sm3) = (sink.bytes, hex(&sink.sm3.clone().finalize()));
        if self.json {
            output::json(&json!({ "file": self.file, "rows": rows, "bytes": bytes, "sm3": sm3, "schema": newest() }));
        } else {
            say(format_args!(
                "{rows} rows, {bytes} bytes in {}\nSM3 {sm3}\nKeep it apart from the key file. To try it: zhengna restore --help",
                self.file.display()
            ));
        }
        Ok(())
    }
}

/// A file under another name until it is whole; removed when it never is.
struct Partial {
    path: PathBuf,
    file: File,
    renamed: bool,
}

impl Partial {
    fn create(goal: &Path) -> std::io::Result<Partial> {
        let mut name = goal.as_os_str().to_owned();
        name.push(format!(".partial-{}", std::process::id()));
        let path = PathBuf::from(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Partial { path, file, renamed: false })
    }

    fn rename(mut self, goal: &Path) -> std::io::Result<()> {
        if goal.exists() {
            return Err(std::io::ErrorKind::AlreadyExists.into());
        }
        std::fs::rename(&self.path, goal)?;
        self.renamed = true;
        sync_directory_of(goal)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.renamed {
            let _nothing_more_to_do = std::fs::remove_file(&self.path);
        }
    }
}
