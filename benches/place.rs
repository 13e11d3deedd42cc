//! Where the databases of a bench lie: on a disk, because durability is part of what is measured.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A directory under `TMPDIR`.
pub fn directory() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("zn-bench-").tempdir().expect("a directory; TMPDIR says where")
}

/// Where that is and on what.
pub fn shown() -> String {
    let place = std::env::temp_dir();
    let df = Command::new("df").arg("--output=source,fstype").arg(&place).output().map(|o| String::from_utf8_lossy(&o.stdout).into_owned());
    let on = df.unwrap_or_default().lines().nth(1).unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    format!("{} ({on})", place.display())
}

/// The directory of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("benches/ is in the workspace")
}

/// Where what is expensive to build is kept: beside what cargo builds.
pub fn cache() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from);
    target.join("bench-cache")
}
