//! `zhengna keys`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;
use zhengna_core::crypto::{Custodian, hex};
use zhengna_core::limits;

use super::configured;
use crate::config::{Config, Flags};
use crate::failure::{Exit, Failure};
use crate::keyring::{self, KeyringError};
use crate::open::{self, Mode};
use crate::output::{self, Progress, say};
use crate::secret_file;
use crate::system::OsEntropy;

/// The keys that seal personal data and sign the audit trail.
#[derive(Args)]
pub(super) struct Keys {
    #[command(subcommand)]
    action: Action,
    /// As JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Action {
    /// Makes new keys for a new installation and writes them to --key-file, readable by you alone.
    ///
    /// Never overwrites a file: without its keys a database's personal data is lost for good.
    #[command(after_help = "\
Example:
  zhengna keys new --key-file /etc/zhengna/zhengna.key

Next:
  Copy the file to a safe place that holds no copy of the database.
  Give the printed public key to whoever verifies the audit trail.
  zhengna migrate")]
    New,
    /// Begins a new epoch: it wraps the keys of persons and conversations from now on, the one before only unwraps.
    ///
    /// Replaces the key file at once. A running host takes it over within a second and wraps anew what the older epochs wrap, beside
    /// its work. Where several hosts share a database, every one must have the epoch before one of them wraps by it: prepare it,
    /// copy the file to all of them, then rotate on each. A file that systemd gave as a credential is read-only: rotate where it comes
    /// from and restart the service.
    #[command(after_help = "\
Example:
  zhengna keys rotate --key-file /etc/zhengna/zhengna.key
  zhengna keys rotate --prepare && scp zhengna.key other-host:/etc/zhengna/ && zhengna keys rotate

Next:
  Copy the file to the safe place where its older copy is.
  zhengna keys status, until no key is left to an older epoch; then zhengna keys retire EPOCH")]
    Rotate {
        /// Only add the epoch to the file; rotate later makes it the current one.
        #[arg(long)]
        prepare: bool,
    },
    /// Wraps what older epochs wrap anew, now. A running host does the same by itself.
    ///
    /// In chunks with an audit record each; interrupted, it goes on where it stopped. On SQLite one process at a time has the
    /// database: this is for one without a running host.
    #[command(after_help = "\
Example:
  zhengna keys rewrap

Next:
  zhengna keys retire EPOCH")]
    Rewrap,
    /// Takes an old epoch out of the key file: what it wrapped, in old backups too, opens no more.
    ///
    /// Refused while it wraps anything in the database. Every host must have the newer epoch as its current one. Works beside a
    /// running host.
    #[command(after_help = "\
Example:
  zhengna keys retire 1

Next:
  Destroy the older copies of the key file: whoever has one can open old backups.")]
    Retire {
        /// Its number.
        epoch: u32,
    },
    /// Says which epoch wraps how many keys. Works beside a running host.
    #[command(after_help = "\
Example:
  zhengna keys status --json

Next:
  zhengna keys retire EPOCH, for one that wraps none")]
    Status,
    /// Makes the secret of a custodian of backups; prints the public key.
    ///
    /// Any two custodians together can open a backup, none alone. Each makes their own, on their own machine, and keeps it there.
    #[command(after_help = "\
Example:
  zhengna keys custodian zhang.custodian

Next:
  Put the printed line into the file that --backup-custodians names, one line for each custodian, three or more of them.
  zhengna backup FILE --backup-custodians custodians")]
    Custodian {
        /// The file to write; never overwritten.
        file: PathBuf,
    },
}

impl From<KeyringError> for Failure {
    fn from(e: KeyringError) -> Failure {
        Failure::new(Exit::Keys, e).advise("Nothing was changed.")
    }
}

impl Keys {
    pub(super) fn json(&self) -> bool {
        self.json
    }

    pub(super) fn run(self, flags: &Flags) -> Result<(), Failure> {
        let json = self.json;
        let config = configured(flags)?;
        match self.action {
            Action::New => new(&config, json),
            Action::Rotate { prepare } => rotate(&config.key_file, prepare, json),
            Action::Rewrap => rewrap(&config, json),
            Action::Retire { epoch } => retire(&config, epoch, json),
            Action::Status => status(&config, json),
            Action::Custodian { file } => custodian(&file, json),
        }
    }
}

fn new(config: &Config, json: bool) -> Result<(), Failure> {
    let file = &config.key_file;
    let keys = keyring::create(file)
        .map_err(|e| Failure::new(Exit::Keys, e).advise("Choose another file with --key-file. Nothing was changed."))?;
    let public = hex(&keys.public_audit_key());
    if json {
        output::json(&json!({ "key_file": file, "public_audit_key": public }));
    } else {
        say(format_args!(
            "new keys are in {} (mode 0600)\npublic audit key (SM2): {public}\n\
             Copy the file to a safe place now: without it personal data cannot be read by anybody.",
            file.display()
        ));
    }
    Ok(())
}

fn rotate(file: &Path, prepare: bool, json: bool) -> Result<(), Failure> {
    let mut epoch = 0;
    keyring::change(file, |ring| -> Result<(), Failure> {
        let mut rng = OsEntropy.rng();
        let made = if prepare { ring.prepare(&mut rng) } else { ring.rotate(&mut rng) };
        epoch = made.map_err(|e| Failure::new(Exit::Keys, e).advise("Nothing was changed."))?;
        Ok(())
    })?;
    if json {
        output::json(&json!({ "key_file": file, "epoch": epoch, "current": !prepare }));
    } else if prepare {
        say(format_args!("epoch {epoch} is prepared. Copy {} to every host, then run `zhengna keys rotate` on each.", file.display()));
    } else {
        say(format_args!(
            "epoch {epoch} wraps new keys from now on. Copy {} to its safe place. `zhengna keys status` tells what is left to older epochs.",
            file.display()
        ));
    }
    Ok(())
}

fn rewrap(config: &Config, json: bool) -> Result<(), Failure> {
    let core = open::open(config, Mode::Existing)?.core;
    let system = core.as_system();
    let (mut progress, mut done) = (Progress::new("keys", None), 0);
    loop {
        let some = system.identity().rewrap_keys(limits::REWRAP_AT_ONCE, &mut |n| progress.at(done + n))?;
        if some.rows == 0 {
            break;
        }
        done += some.changed;
    }
    drop(progress);
    let epoch = core.settings().keys.current_epoch();
    if json {
        output::json(&json!({ "epoch": epoch, "rewrapped": done }));
    } else {
        say(format_args!("{done} keys were wrapped anew; epoch {epoch} wraps all of them."));
    }
    Ok(())
}

fn retire(config: &Config, epoch: u32, json: bool) -> Result<(), Failure> {
    let core = open::open(config, Mode::Read)?.core;
    keyring::change(&config.key_file, |ring| Ok::<_, Failure>(core.as_system().identity().retire_epoch(ring, epoch)?))?;
    if json {
        output::json(&json!({ "key_file": config.key_file, "retired": epoch }));
    } else {
        say(format_args!("epoch {epoch} is gone from {}. Destroy the older copies of the file.", config.key_file.display()));
    }
    Ok(())
}

fn status(config: &Config, json: bool) -> Result<(), Failure> {
    let told = open::open(config, Mode::Read)?.core.as_system().identity().key_epochs()?;
    if json {
        output::json(&told);
        return Ok(());
    }
    for epoch in &told.epochs {
        let state = match (epoch.current, epoch.known) {
            (true, _) => "current",
            (_, true) => "unwraps only",
            _ => "NOT IN THE KEY FILE: what it wraps cannot be opened",
        };
        say(format_args!("epoch {}: {} keys, {state}", epoch.epoch, epoch.keys));
    }
    say(format_args!("{} keys were destroyed", told.erased));
    Ok(())
}

fn custodian(file: &Path, json: bool) -> Result<(), Failure> {
    let custodian = Custodian::generate(&mut OsEntropy.rng());
    secret_file::create(file, &custodian.to_text()).map_err(|e| Failure::new(Exit::Keys, e).advise("Nothing was changed."))?;
    let public = hex(custodian.public_key());
    if json {
        output::json(&json!({ "file": file, "public_key": public }));
    } else {
        say(format_args!("the secret is in {} (mode 0600). The public key, for --backup-custodians:\n{public}", file.display()));
    }
    Ok(())
}
