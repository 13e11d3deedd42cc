//! `zhengna backup`.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;
use serde_json::json;
use sm3::{Digest as _, Sm3};
use zhengna_core::crypto::{hex, unhex};
use zhengna_core::store::dump;
use zhengna_core::store::migrate::newest;

use super::configured;
use crate::config::{Config, Flags};
use crate::failure::{Exit, Failure};
use crate::open::{self, Mode};
use crate::output::{self, Progress, say};
use crate::sealed_file::SealedWriter;
use crate::secret_file::sync_directory_of;
use crate::system::OsEntropy;

/// Writes every row of the database to one portable file, also beside a running host.
///
/// The file is lines of text from one snapshot, the same from SQLite and PostgreSQL, and either can be restored from it.
/// It is sealed with a key of its own, which nobody keeps: any two of the custodians whose public keys --backup-custodians lists
/// can open it together, none alone. Personal data within stays sealed by the key file too, so keep that one apart. The backup is
/// written under another name and renamed when it is whole and on the disk.
#[derive(Args)]
#[command(after_help = "\
Example:
  zhengna backup /backup/zhengna-2026-11-23.sealed --backup-custodians /etc/zhengna/custodians
  openssl dgst -sm3 /backup/zhengna-2026-11-23.sealed      (the printed SM3)

Next:
  Try it: zhengna restore FILE --custodian A --custodian B --database sqlite:/tmp/drill.db --checkpoint-file /tmp/drill.checkpoint
  Keep the checkpoint file too: it proves that nothing is missing from the audit trail.")]
pub(super) struct Backup {
    /// The file to write; never overwritten.
    file: PathBuf,
    /// Writes it unsealed: for moving to another engine at once. Whoever reads it sees ids, times, and who talked to whom.
    #[arg(long)]
    unsealed: bool,
    /// As JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// Counts and hashes what is written through it.
struct Counted {
    file: BufWriter<File>,
    sm3: Sm3,
    bytes: u64,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.sm3.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

/// The file, sealed or not.
enum Out {
    Sealed(Box<SealedWriter<Counted>>),
    Open(Counted),
}

/// Where lines go: counted and hashed on the way.
struct Sink {
    out: Option<Out>,
    dump: Sm3,
    lines: u64,
    progress: Progress,
}

impl Sink {
    fn put(&mut self, line: &str) -> std::io::Result<()> {
        for part in [line.as_bytes(), b"\n"] {
            match &mut self.out {
                Some(Out::Sealed(out)) => out.write_all(part)?,
                Some(Out::Open(out)) => out.write_all(part)?,
                None => {}
            }
            self.dump.update(part);
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
        let custodians = self.custodians(&config)?;
        let store = open::open_store(&config, Mode::Read)?.store;
        let partial = Partial::create(&self.file).map_err(failed)?;
        let file = BufWriter::with_capacity(1 << 20, partial.file.try_clone().map_err(failed)?);
        let counted = Counted { file, sm3: Sm3::new(), bytes: 0 };
        let out = match custodians {
            Some(custodians) => Out::Sealed(Box::new(SealedWriter::begin(counted, OsEntropy.rng(), &custodians).map_err(|e| {
                Failure::new(Exit::Usage, e).advise("No backup was made. `zhengna keys custodian --help` tells how custodians are named.")
            })?)),
            None => Out::Open(counted),
        };
        let sealed = matches!(out, Out::Sealed(_));
        let sink = Arc::new(Mutex::new(Sink { out: Some(out), dump: Sm3::new(), lines: 0, progress: Progress::new("rows", None) }));
        let writes = sink.clone();
        let rows = dump::dump(&*store, move |line| writes.lock().unwrap_or_else(PoisonError::into_inner).put(line))?;
        let mut sink = sink.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counted = match sink.out.take() {
            Some(Out::Sealed(out)) => out.finish().map_err(failed)?,
            Some(Out::Open(out)) => out,
            None => return Err(Failure::new(Exit::Other, "the backup was finished twice")),
        };
        counted.flush().map_err(failed)?;
        partial.file.sync_all().map_err(failed)?;
        partial.rename(&self.file).map_err(failed)?;
        let (bytes, sm3, dump_sm3) = (counted.bytes, hex(&counted.sm3.finalize()), hex(&sink.dump.clone().finalize()));
        if self.json {
            output::json(&json!({
                "file": self.file, "rows": rows, "bytes": bytes, "sm3": sm3, "dump_sm3": dump_sm3, "sealed": sealed, "schema": newest(),
            }));
        } else {
            say(format_args!(
                "{rows} rows, {bytes} bytes in {}{}\nSM3 {sm3}\nKeep it apart from the key file. To try it: zhengna restore --help",
                self.file.display(),
                if sealed { ", sealed for two custodians to open" } else { ", NOT sealed" },
            ));
        }
        Ok(())
    }

    /// The public keys to seal for; nothing for a backup that is to be unsealed.
    fn custodians(&self, config: &Config) -> Result<Option<Vec<Vec<u8>>>, Failure> {
        if self.unsealed {
            return Ok(None);
        }
        let usage =
            |what: String| Failure::new(Exit::Usage, what).advise("No backup was made. `zhengna keys custodian FILE` makes a custodian.");
        let Some(file) = &config.backup_custodians else {
            return Err(usage("nobody is named who could open the backup: --backup-custodians FILE, or --unsealed".into()));
        };
        let text = std::fs::read_to_string(file).map_err(|e| usage(format!("{}: {e}", file.display())))?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let keys: Option<Vec<Vec<u8>>> = lines.map(unhex).collect();
        keys.map(Some).ok_or_else(|| usage(format!("{}: a line is no public key in hexadecimal digits", file.display())))
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
