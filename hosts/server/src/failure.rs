//! How the command fails: an exit code that programs decide by, a text that says what happened, and one that says
//! what to do.

use std::fmt;

use zhengna_core::Error;
use zhengna_core::store::StoreError;

/// Exit codes. They are an interface: new ones are added, none changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Anything that has no code of its own.
    Other = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// Another process has the database.
    Locked = 3,
    /// The database has a schema that this program does not know.
    Newer = 4,
    /// The database, or a dump, is damaged.
    Corrupt = 5,
    /// The disk or the quota is full.
    Full = 6,
    /// A server, a file or an address cannot be reached or opened.
    Unreachable = 7,
    /// The key file or the webhook's secret is missing, damaged, open to others, or another database's.
    Keys = 8,
    /// A verification found something wrong.
    Unverified = 9,
}

/// The codes with their meaning, for the help.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed for a reason without a code of its own; the text says which
  2  the command line or the configuration is wrong
  3  the database is in use by another process
  4  the database has a schema this program does not know (a newer program made it)
  5  the database or the dump is damaged; nothing was deleted
  6  the disk is full
  7  a server, a file or an address cannot be reached or opened
  8  the key file or a secret is missing, damaged, readable by others, or of another database
  9  a verification found something wrong";

impl Exit {
    /// A stable word for machines.
    pub fn word(self) -> &'static str {
        match self {
            Exit::Other => "failed",
            Exit::Usage => "usage",
            Exit::Locked => "database_locked",
            Exit::Newer => "schema_newer",
            Exit::Corrupt => "corrupt",
            Exit::Full => "full",
            Exit::Unreachable => "unreachable",
            Exit::Keys => "keys",
            Exit::Unverified => "unverified",
        }
    }
}

/// One failure of the command.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What happened.
    pub what: String,
    /// What to do about it; empty where that is plain.
    pub next: String,
}

impl Failure {
    /// A failure.
    pub fn new(exit: Exit, what: impl fmt::Display) -> Failure {
        Failure { exit, what: what.to_string(), next: String::new() }
    }

    /// Says what to do.
    #[must_use]
    pub fn advise(mut self, next: impl Into<String>) -> Failure {
        self.next = next.into();
        self
    }

    /// Several in one, which says what each says; the exit code is the first's.
    pub fn joined(failures: impl IntoIterator<Item = Failure>) -> Option<Failure> {
        failures.into_iter().reduce(|mut all, one| {
            all.what = format!("{}\n{}", all.what, one.what);
            if all.next.is_empty() {
                all.next = one.next;
            } else if !all.next.contains(&one.next) {
                all.next = format!("{}\n  {}", all.next, one.next);
            }
            all
        })
    }

    /// A failure of storage, with advice that fits any database.
    pub fn of_store(error: &StoreError) -> Failure {
        let (exit, next) = match error {
            StoreError::Locked(_) => (
                Exit::Locked,
                "One process at a time may write a SQLite database. Stop the other one (a running `zhengna serve` or `zhengna demo`) \
                 and try again. `zhengna backup` and `zhengna audit verify` work beside a running host.",
            ),
            StoreError::Newer { .. } => (Exit::Newer, "Use the newer program that made this database. Nothing was changed."),
            StoreError::Altered { .. } => (
                Exit::Newer,
                "This database was made by another build. Use that one, or restore a dump of it into an empty database. Nothing was changed.",
            ),
            StoreError::Corrupt(_) => (
                Exit::Corrupt,
                "Nothing was deleted. Keep a copy of the damaged file, then `zhengna restore` the latest backup into an empty database.",
            ),
            StoreError::Full(_) => {
                (Exit::Full, "Make room on the disk or raise the quota, then start again. What was answered as done is done.")
            }
            StoreError::Closed => (Exit::Unreachable, ""),
            StoreError::Backend(_) => (Exit::Unreachable, ""),
            _ => (Exit::Other, ""),
        };
        Failure::new(exit, error).advise(next)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if !self.next.is_empty() {
            write!(f, "\n  {}", self.next)?;
        }
        Ok(())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        match &error {
            Error::Store(e) => Failure::of_store(e),
            Error::Invalid { .. } => Failure::new(Exit::Usage, error),
            Error::Crypto(_) => Failure::new(Exit::Keys, error).advise("Is this the key file that belongs to this database?"),
            _ => Failure::new(Exit::Other, error),
        }
    }
}

impl From<crate::config::ConfigError> for Failure {
    fn from(error: crate::config::ConfigError) -> Failure {
        Failure::new(Exit::Usage, error).advise("`zhengna config` prints every key, its value and where it came from.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_broken_database_has_its_code_and_says_what_to_do() {
        for (error, code) in [
            (StoreError::Locked("x".into()), 3),
            (StoreError::Newer { found: 9, known: 1 }, 4),
            (StoreError::Altered { version: 1 }, 4),
            (StoreError::Corrupt("x".into()), 5),
            (StoreError::Full("x".into()), 6),
        ] {
            let failure = Failure::from(Error::Store(error));
            assert_eq!(failure.exit as u8, code);
            assert!(failure.to_string().lines().count() > 1, "{failure}");
            assert!(EXIT_CODES.contains(&format!("\n  {code}  ")));
        }
    }
}
