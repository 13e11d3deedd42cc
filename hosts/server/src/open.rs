//! Opens what the configuration names: SQLite or PostgreSQL, with the keys that belong to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use zhengna_core::core::PROJECTIONS;
use zhengna_core::crypto;
use zhengna_core::interaction::CALLED_BACK;
use zhengna_core::store::postgres::PostgresStore;
use zhengna_core::store::sqlite::SqliteStore;
use zhengna_core::store::{Store, StoreError};
use zhengna_core::{Clock as _, Core, Error, Parts, Settings};

use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::keyring::{self, KeyringError};
use crate::system::{OsEntropy, SystemClock};

/// What the webhook is told of.
pub const TOLD_OUTSIDE: &[&str] = &["conversation.closed", CALLED_BACK];

/// What a command needs of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// To write; a SQLite file that is missing is made.
    Create,
    /// To write; a SQLite file that is missing is an error.
    Existing,
    /// To read, also beside a running host. Migrates nothing on SQLite.
    Read,
}

/// Why a database was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The keys.
    #[error(transparent)]
    Keys(#[from] KeyringError),
    /// The keys are not those that this database was made with.
    #[error("the key file {} does not belong to the database {database}: its audit checkpoints are signed with another key", key_file.display())]
    ForeignKeys {
        /// The key file.
        key_file: PathBuf,
        /// The database, secrets masked.
        database: String,
    },
    /// There is no such file, and this command makes none.
    #[error("there is no database {}", .0.display())]
    Missing(PathBuf),
    /// The storage engine.
    #[error("{database}: {source}")]
    Store {
        /// The database, secrets masked.
        database: String,
        /// What it said.
        source: StoreError,
    },
    /// Anything else.
    #[error(transparent)]
    Core(Error),
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Failure {
        let text = error.to_string();
        match error {
            OpenError::Keys(KeyringError::File(crate::secret_file::SecretFileError::Missing(file))) => Failure::new(Exit::Keys, text)
                .advise(format!(
                    "For a new installation make one: zhengna keys new --key-file {0}\n  \
                 For an existing database put its own key file there: without it its personal data cannot be read by anybody.",
                    file.display()
                )),
            OpenError::Keys(_) => Failure::new(Exit::Keys, text),
            OpenError::ForeignKeys { .. } => {
                Failure::new(Exit::Keys, text).advise("Name the right one with --key-file. Nothing was changed.")
            }
            OpenError::Missing(_) => Failure::new(Exit::Unreachable, text)
                .advise("Is --database right? `zhengna migrate` makes a new database, `zhengna config` shows what is configured."),
            OpenError::Store { database, source } => {
                let mut failure = Failure::of_store(&source);
                failure.what = text;
                if failure.next.is_empty() {
                    failure.next = if database.starts_with("sqlite:") {
                        "Does the directory exist, and may this user write there?".into()
                    } else {
                        "Is the server running, and does it take this user, database and password? Try the same with psql.".into()
                    };
                }
                failure
            }
            OpenError::Core(e) => e.into(),
        }
    }
}

/// A store, and what opening it did.
pub struct OpenStore {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Migrations that were applied now.
    pub applied: Vec<i64>,
    /// The database as it may be shown.
    pub database: String,
}

/// A core, and what opening its store did.
pub struct Opened {
    /// The core.
    pub core: Core,
    /// Migrations that were applied now.
    pub applied: Vec<i64>,
    /// The database as it may be shown.
    pub database: String,
}

/// The file of a SQLite database.
pub fn sqlite_path(config: &Config) -> Option<&Path> {
    config.database.strip_prefix("sqlite:").map(Path::new)
}

/// Opens the store alone, which needs no keys.
pub fn open_store(config: &Config, mode: Mode) -> Result<OpenStore, OpenError> {
    let database = config.shown_database();
    let failed = |e: Error| match e {
        Error::Store(source) => OpenError::Store { database: database.clone(), source },
        other => OpenError::Core(other),
    };
    let now = SystemClock.now();
    let (store, applied): (Arc<dyn Store>, Vec<i64>) = match sqlite_path(config) {
        None => {
            let store = match mode {
                Mode::Read => PostgresStore::connect_as_it_is(&config.database, PROJECTIONS),
                Mode::Create | Mode::Existing => PostgresStore::connect(&config.database, now, PROJECTIONS),
            }
            .map_err(failed)?;
            let applied = store.applied().to_vec();
            (store, applied)
        }
        Some(path) => {
            // An empty file is what a database looks like that was never written.
            let there = std::fs::metadata(path).is_ok_and(|m| m.len() > 0);
            if mode != Mode::Create && !there {
                return Err(OpenError::Missing(path.to_owned()));
            }
            let store = match mode {
                Mode::Read => SqliteStore::open_read_only(path, PROJECTIONS),
                Mode::Create | Mode::Existing => SqliteStore::open(path, now, PROJECTIONS),
            }
            .map_err(failed)?;
            let applied = store.applied().to_vec();
            (store, applied)
        }
    };
    Ok(OpenStore { store, applied, database })
}

/// Opens a core: keys, store, settings. For writing, the keys must be those the database was made with.
pub fn open(config: &Config, mode: Mode) -> Result<Opened, OpenError> {
    let keys = keyring::load(&config.key_file)?;
    let public = keys.public_audit_key();
    let told_outside = match config.webhook {
        Some(_) => TOLD_OUTSIDE.iter().map(|&kind| kind.to_owned()).collect(),
        None => Vec::new(),
    };
    let OpenStore { store, applied, database } = open_store(config, mode)?;
    let core =
        Core::new(Parts { store, clock: Arc::new(SystemClock), entropy: Arc::new(OsEntropy), settings: Settings { keys, told_outside } });
    if mode != Mode::Read {
        let signed = core.checkpoints_after(0).map_err(OpenError::Core)?;
        let foreign = |c: &zhengna_core::audit::Checkpoint| !crypto::verify(&public, &c.message(), &c.signature);
        if signed.first().is_some_and(foreign) {
            return Err(OpenError::ForeignKeys { key_file: config.key_file.clone(), database });
        }
    }
    Ok(Opened { core, applied, database })
}
