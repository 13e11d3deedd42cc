//! The key file: made once by `zhengna keys new`, changed by `zhengna keys rotate` and `retire`, and read again by a running host
//! when it has changed.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use zhengna_core::crypto::{KeyFileError, KeyRing};

use crate::secret_file::{self, SecretFileError};
use crate::system::OsEntropy;

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The file.
    #[error("the key file: {0}")]
    File(#[from] SecretFileError),
    /// What is in it.
    #[error("the key file {}: {source}", file.display())]
    Content {
        /// The file.
        file: PathBuf,
        /// Which line, and why.
        source: KeyFileError,
    },
}

/// Loads the keys.
///
/// # Errors
/// For a file that is missing, damaged, or open to others.
pub fn load(path: &Path) -> Result<KeyRing, KeyringError> {
    ring_of(path, &secret_file::read(path)?)
}

fn ring_of(path: &Path, text: &str) -> Result<KeyRing, KeyringError> {
    KeyRing::from_text(text).map_err(|source| KeyringError::Content { file: path.to_owned(), source })
}

/// Makes new keys and their file.
///
/// # Errors
/// Where a file is there already.
pub fn create(path: &Path) -> Result<KeyRing, KeyringError> {
    let keys = KeyRing::generate(&mut OsEntropy.rng());
    secret_file::create(path, &keys.to_text())?;
    Ok(keys)
}

/// Changes the keys in their file: read, changed, and replaced as a whole.
///
/// # Errors
/// What `change` says; and where the file cannot be read or replaced. It is as it was then.
pub fn change<E: From<KeyringError>>(path: &Path, change: impl FnOnce(&mut KeyRing) -> Result<(), E>) -> Result<(), E> {
    secret_file::replace(
        path,
        |e| KeyringError::from(e).into(),
        |text| {
            let mut ring = ring_of(path, text)?;
            change(&mut ring)?;
            Ok(ring.to_text())
        },
    )
}

/// Looks whether the key file has changed, so that a running host learns of a rotation within a second.
#[derive(Debug)]
pub struct Watch {
    path: PathBuf,
    /// Which file it was, and when it was written.
    seen: Option<(u64, i64, i64, u64)>,
}

impl Watch {
    /// Watches a file; the first look reads it.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), seen: None }
    }

    /// Takes over what has changed. Answers the current epoch where the file was read.
    ///
    /// # Errors
    /// A file that cannot be read, or that is no later state of these keys. They stay as they are.
    pub fn look(&mut self, keys: &KeyRing) -> Result<Option<u32>, Box<dyn std::error::Error>> {
        let about = std::fs::metadata(&self.path)?;
        let now = (about.ino(), about.mtime(), about.mtime_nsec(), about.len());
        if self.seen == Some(now) {
            return Ok(None);
        }
        let epoch = keys.renew(load(&self.path)?)?;
        self.seen = Some(now);
        Ok(Some(epoch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_taken_over_and_another_file_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("zhengna.key");
        let running = create(&path).unwrap();
        let mut watch = Watch::new(&path);
        assert_eq!(watch.look(&running).unwrap(), Some(1));
        assert_eq!(watch.look(&running).unwrap(), None);
        change(&path, |ring| {
            ring.rotate(&mut OsEntropy.rng()).unwrap();
            Ok::<_, KeyringError>(())
        })
        .unwrap();
        assert_eq!((watch.look(&running).unwrap(), running.current_epoch()), (Some(2), 2));
        std::fs::remove_file(&path).unwrap();
        create(&path).unwrap();
        for _ in 0..2 {
            assert!(watch.look(&running).unwrap_err().to_string().contains("not the keys in use"), "told until it is mended");
        }
        assert_eq!(running.current_epoch(), 2);
    }

    #[test]
    fn made_once_and_loaded_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("zhengna.key");
        assert!(load(&path).unwrap_err().to_string().contains("no file"));
        let made = create(&path).unwrap();
        assert_eq!(load(&path).unwrap().public_audit_key(), made.public_audit_key());
        assert!(create(&path).is_err());
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("current 1", "current 2")).unwrap();
        let damaged = load(&path).unwrap_err().to_string();
        assert!(damaged.contains("zhengna.key") && !damaged.contains(&text[60..90]));
    }
}
