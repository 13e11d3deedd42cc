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
    /// Its successor is there: somebody is changing it, or was cut off while doing so.
    #[error("{} is there: somebody is changing the secret, or was cut off; if nobody is, remove that file and try again", .0.display())]
    Begun(PathBuf),
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
    // systemd gives the service's user access by an ACL, whose mask shows as the group's permission.
    let others = if is_credential(path) { 0o037 } else { 0o077 };
    if mode & others != 0 {
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

/// Puts a new text in the place of a secret that is there, at once and durably: whoever reads it sees the old one or the new one.
/// `make` is given the present text; one caller at a time gets so far. `failed` says what a failure of the file is to the caller. A name
/// that leads to the file goes on to lead there, and whoever owns it does: root rotates the keys that a service reads.
pub fn replace<E>(
    path: &Path,
    failed: impl Fn(SecretFileError) -> E,
    make: impl FnOnce(&str) -> Result<Zeroizing<String>, E>,
) -> Result<(), E> {
    let path = &match std::fs::canonicalize(path) {
        Ok(path) => path,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(failed(SecretFileError::Missing(path.to_owned()))),
        Err(source) => return Err(failed(SecretFileError::Io { file: path.to_owned(), source })),
    };
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    // Made before the present text is read: two at a time would each leave out what the other did.
    create(&beside, "").map_err(|e| failed(if let SecretFileError::Exists(there) = e { SecretFileError::Begun(there) } else { e }))?;
    let written = read(path).map_err(&failed).and_then(|present| make(&present)).and_then(|text| {
        let io = |source| failed(SecretFileError::Io { file: path.to_owned(), source });
        let mut file = OpenOptions::new().write(true).open(&beside).map_err(io)?;
        let (before, ours) = (std::fs::metadata(path).map_err(io)?, file.metadata().map_err(io)?);
        if before.uid() != ours.uid() {
            std::os::unix::fs::fchown(&file, Some(before.uid()), Some(before.gid())).map_err(io)?;
        }
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(io)?;
        std::fs::rename(&beside, path).and_then(|()| sync_directory_of(path)).map_err(io)
    });
    if written.is_err() {
        let _the_first_error_is_told = std::fs::remove_file(&beside);
    }
    written
}

/// The file of a systemd credential (`LoadCredential=` of the unit), where there is one with this name.
pub fn credential(name: &str) -> Option<PathBuf> {
    let directory = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from)?;
    Some(directory.join(name)).filter(|file| file.exists())
}

fn is_credential(path: &Path) -> bool {
    path.file_name().and_then(|name| credential(&name.to_string_lossy())).is_some_and(|file| file == path)
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

    #[test]
    fn replaced_whole_or_not_at_all_and_by_one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        create(&path, "one").unwrap();
        let text = |text: &str| Ok::<_, SecretFileError>(Zeroizing::new(text.to_owned()));
        replace(&path, |e| e, |present| text(&format!("{present} two"))).unwrap();
        assert_eq!(read(&path).unwrap().as_str(), "one two");
        let refused = replace(
            &path,
            |e| e,
            |_| {
                assert!(matches!(replace(&path, |e| e, |_| text("another")), Err(SecretFileError::Begun(_))), "somebody is at it");
                Err(SecretFileError::NotText(path.clone()))
            },
        );
        assert!(refused.is_err());
        assert_eq!(read(&path).unwrap().as_str(), "one two");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
        // Under another name it is the same file, and stays its owner's where root replaces it.
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let given_away = std::os::unix::fs::chown(&path, Some(1), Some(1)).is_ok();
        replace(&link, |e| e, |present| text(&format!("{present} three"))).unwrap();
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(read(&path).unwrap().as_str(), "one two three");
        assert_eq!(std::fs::metadata(&path).unwrap().uid() == 1, given_away, "nobody but root gives files away");
    }
}
