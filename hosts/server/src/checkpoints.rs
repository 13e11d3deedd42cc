//! The second sink of the audit trail: a file that only grows, one signed checkpoint a line.
//!
//! Keep it where whoever can write the database cannot: another disk, another machine, an append-only mount. Without
//! it a trail that was computed anew cannot be told from the true one.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use zhengna_core::audit::Checkpoint;
use zhengna_core::{Core, Error};

use crate::secret_file::sync_directory_of;

/// An SM2 signature: r and s.
const SIGNATURE_BYTES: usize = 64;

/// Why checkpoints were not read or written.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The system said no.
    #[error("the checkpoint file {}: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line that is no checkpoint, and not one that a crash cut short.
    #[error("the checkpoint file {}: line {line} is no checkpoint", file.display())]
    NotACheckpoint {
        /// The file.
        file: PathBuf,
        /// Which, from 1.
        line: usize,
    },
    /// The database.
    #[error(transparent)]
    Core(#[from] Error),
}

/// The file, open to append to.
pub struct CheckpointFile {
    path: PathBuf,
    file: File,
    /// The last checkpoint in it.
    last: Option<Checkpoint>,
    /// Whether it ends inside a line, after a crash or a full disk.
    torn: bool,
}

impl CheckpointFile {
    /// Opens the file, or makes it with mode 0600.
    ///
    /// # Errors
    /// Also for a file that holds anything but checkpoints: it is somebody else's.
    pub fn open(path: &Path) -> Result<CheckpointFile, CheckpointError> {
        let failed = |source| CheckpointError::Io { file: path.to_owned(), source };
        let new = !path.exists();
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path).map_err(failed)?;
        if new {
            sync_directory_of(path).map_err(failed)?;
        }
        let mut text = String::new();
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        file.read_to_string(&mut text).map_err(failed)?;
        let last = parse(path, &text)?.into_iter().max_by_key(|c| c.number);
        Ok(CheckpointFile { path: path.to_owned(), file, last, torn: !text.is_empty() && !text.ends_with('\n') })
    }

    /// The place of the last checkpoint in the file; 0 for none.
    pub fn last(&self) -> i64 {
        self.last.as_ref().map_or(0, |c| c.number)
    }

    /// Whether the database still has the last checkpoint of the file. False says that it was cut off, replaced by
    /// an older copy, or is another one.
    pub fn agrees_with(&self, core: &Core) -> Result<bool, Error> {
        let Some(last) = &self.last else {
            return Ok(true);
        };
        let stored = core.checkpoints_after(last.number - 1)?;
        Ok(stored.first() == Some(last))
    }

    /// Appends every checkpoint of the database that the file does not have yet, durably. Returns how many.
    pub fn catch_up(&mut self, core: &Core) -> Result<usize, CheckpointError> {
        let mut written = 0;
        loop {
            let missing = core.checkpoints_after(self.last())?;
            if missing.is_empty() {
                return Ok(written);
            }
            for checkpoint in missing {
                self.append(checkpoint).map_err(|source| CheckpointError::Io { file: self.path.clone(), source })?;
                written += 1;
            }
        }
    }

    fn append(&mut self, checkpoint: Checkpoint) -> io::Result<()> {
        let before = if self.torn { "\n" } else { "" };
        let line = format!("{before}{}\n", checkpoint.to_line());
        self.torn = true; // until all of it is there
        self.file.write_all(line.as_bytes())?;
        self.file.sync_data()?;
        self.torn = false;
        self.last = Some(checkpoint);
        Ok(())
    }
}

/// The checkpoints of a file.
pub fn read(path: &Path) -> Result<Vec<Checkpoint>, CheckpointError> {
    let text = std::fs::read_to_string(path).map_err(|source| CheckpointError::Io { file: path.to_owned(), source })?;
    parse(path, &text)
}

/// A line that was cut short is followed by the same line, whole: whoever writes next begins it again. At the end
/// of the file that has not happened yet.
fn parse(path: &Path, text: &str) -> Result<Vec<Checkpoint>, CheckpointError> {
    let mut found = Vec::new();
    let mut pieces: Vec<(usize, &str)> = Vec::new();
    let stranger = |line| CheckpointError::NotACheckpoint { file: path.to_owned(), line };
    for (at, line) in text.lines().enumerate().map(|(at, line)| (at + 1, line)) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match Checkpoint::from_line(line) {
            // A piece may happen to parse, with a shorter signature.
            Some(checkpoint) if checkpoint.signature.len() == SIGNATURE_BYTES && checkpoint.to_line() == line => {
                if let Some((at, _)) = pieces.iter().find(|(_, piece)| !line.starts_with(piece)) {
                    return Err(stranger(*at));
                }
                pieces.clear();
                found.push(checkpoint);
            }
            _ => pieces.push((at, line)),
        }
    }
    match pieces.iter().find(|(_, piece)| !(piece.starts_with("zc1 ") || "zc1 ".starts_with(piece))) {
        Some((at, _)) => Err(stranger(*at)),
        None => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zhengna_core::Timestamp;

    fn checkpoint(number: i64) -> Checkpoint {
        Checkpoint { number, hash: [7; 32], at: Timestamp::from_micros(number), signature: vec![1; 64] }
    }

    #[test]
    fn a_line_that_was_cut_short_is_begun_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("checkpoints");
        let mut file = CheckpointFile::open(&path).unwrap();
        assert_eq!(file.last(), 0);
        file.append(checkpoint(1)).unwrap();
        drop(file);
        let whole = std::fs::read_to_string(&path).unwrap();
        let second = checkpoint(2).to_line();
        for cut in 1..second.len() {
            std::fs::write(&path, format!("{whole}{}", &second[..cut])).unwrap();
            let mut file = CheckpointFile::open(&path).unwrap();
            assert_eq!(file.last(), 1, "cut at {cut}");
            file.append(checkpoint(2)).unwrap();
            file.append(checkpoint(3)).unwrap();
            let numbers: Vec<i64> = read(&path).unwrap().iter().map(|c| c.number).collect();
            assert_eq!(numbers, [1, 2, 3], "cut at {cut}");
        }
    }

    #[test]
    fn other_files_are_not_appended_to() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notes");
        std::fs::write(&path, "dear diary\n").unwrap();
        assert!(CheckpointFile::open(&path).is_err());
        // A piece in the middle that is not the beginning of what follows was not left by a crash.
        let text = format!("{}\nzc1 9 00\n{}\n", checkpoint(1).to_line(), checkpoint(2).to_line());
        std::fs::write(&path, text).unwrap();
        assert!(matches!(read(&path), Err(CheckpointError::NotACheckpoint { line: 2, .. })));
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 3);
    }
}
