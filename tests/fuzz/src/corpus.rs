//! The kept inputs: small files, one folder per target.

use std::path::{Path, PathBuf};

use crate::Target;

/// One kept input.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Name of its file.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// The folder of this crate.
pub fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The kept inputs of a target, in the order of their names.
///
/// # Panics
/// Where the folder cannot be read: a target without kept inputs proves nothing.
pub fn corpus(target: &Target) -> Vec<Kept> {
    let folder = top().join("corpus").join(target.name);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let kept = |path: PathBuf| Kept {
        name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        bytes: std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())),
    };
    paths.into_iter().map(kept).collect()
}
