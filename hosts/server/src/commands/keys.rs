//! `zhengna keys`.

use clap::{Args, Subcommand};
use serde_json::json;
use zhengna_core::crypto::hex;

use super::configured;
use crate::config::Flags;
use crate::failure::{Exit, Failure};
use crate::keyring;
use crate::output::{self, say};

/// The keys that seal personal data and sign the audit trail.
#[derive(Args)]
pub(super) struct Keys {
    #[command(subcommand)]
    action: Action,
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
    New {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

impl Keys {
    pub(super) fn json(&self) -> bool {
        let Action::New { json } = self.action;
        json
    }

    pub(super) fn run(self, flags: &Flags) -> Result<(), Failure> {
        let file = configured(flags)?.key_file;
        let keys = keyring::create(&file)
            .map_err(|e| Failure::new(Exit::Keys, e).advise("Choose another file with --key-file. Nothing was changed."))?;
        let public = hex(&keys.public_audit_key());
        if self.json() {
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
}
