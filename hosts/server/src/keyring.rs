//! The key file: made once by `zhengna keys new`, never by anything else.

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
    let text = secret_file::read(path)?;
    KeyRing::from_text(&text).map_err(|source| KeyringError::Content { file: path.to_owned(), source })
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

#[cfg(test)]
mod tests {
    use super::*;

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
