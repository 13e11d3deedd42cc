//! Files with secrets: made for their owner alone, and read only while nobody else can.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// More than this is no file of ours.
const BYTES_MAX: u64 = 1 << 20;

/// Why a secret was not read or written. Says nothing of what is in it.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// There is none.
    #[error("there is no file {}", .0.display())]
    Missing(PathBuf),
    /// There is one already, and secrets are never overwritten.
    #[error("{} exists and is not overwritten", .0.display())]
    Exists(PathBuf),
    /// Others can read it.
    #[error("{} can be read or written by other users (mode {mode:03o}); run: chmod 600 {}", file.display(), file.display())]
    Open {
        /// The file.
        file: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not text, or too much of it.
    #[error("{} is not a text file of at most 1 MiB", .0.display())]
    NotText(PathBuf),
    /// The system said no.
    #[error("{}: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Reads a secret that only its owner can read.
pub fn read(path: &Path) -> Result<Zeroizing<String>, SecretFileError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => SecretFileError::Missing(path.to_owned()),
        _ => SecretFileError::Io { file: path.to_owned(), source },
    };
    let file = File::open(path).map_err(failed)?;
    // Of the file that was opened, not of what the name means a moment later.
    let about = file.metadata().map_err(failed)?;
    let mode = about.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(SecretFileError::Open { file: path.to_owned(), mode });
    }
    if !about.is_file() || about.len() > BYTES_MAX {
        return Err(SecretFileError::NotText(path.to_owned()));
    }
    // Room for all of it at once: a string that grows would leave copies behind.
    let room = usize::try_from(about.len()).unwrap_or(0) + 1;
    let mut text = Zeroizing::new(String::with_capacity(room));
    match file.take(BYTES_MAX).read_to_string(&mut text) {
        Ok(_) => Ok(text),
        Err(e) if e.kind() == io::ErrorKind::InvalidData => Err(SecretFileError::NotText(path.to_owned())),
        Err(e) => Err(failed(e)),
    }
}

/// Writes a new secret with mode 0600, durably; never over another file.
pub fn create(path: &Path, text: &str) -> Result<(), SecretFileError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => SecretFileError::Exists(path.to_owned()),
        _ => SecretFileError::Io { file: path.to_owned(), source },
    };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).and_then(|()| sync_directory_of(path));
    if written.is_err() {
        // Half a key file is worse than none, and this one is ours: it was made a moment ago.
        let _the_first_error_is_told = std::fs::remove_file(path);
    }
    written.map_err(failed)
}

/// Makes the name of a new file as durable as its content.
pub fn sync_directory_of(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn written_for_the_owner_once_and_read_only_while_nobody_else_can() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        assert!(matches!(read(&path), Err(SecretFileError::Missing(_))));
        create(&path, "one").unwrap();
        assert!(matches!(create(&path, "two"), Err(SecretFileError::Exists(_))));
        assert_eq!(read(&path).unwrap().as_str(), "one");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        for mode in [0o640, 0o604, 0o620] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let refused = read(&path).unwrap_err();
            assert!(refused.to_string().contains("chmod 600"), "{refused}");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(matches!(read(&path), Err(SecretFileError::NotText(_))));
    }
}
