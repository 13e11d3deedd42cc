//! `zhengna transcript`.

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use zhengna_core::interaction::is_as_exported;
use zhengna_core::limits;

use crate::failure::{Exit, Failure};
use crate::output::{self, say};

/// Says whether a conversation that was taken away as JSON is as it left.
///
/// Needs no database and no key: the file carries the SM3 of what is in it. The same by hand:
/// `jq -cjS .transcript FILE | openssl dgst -sm3`. That nobody put a new hash over other words is what a hash kept apart shows, or the
/// host itself, asked for the conversation once more.
#[derive(Args)]
#[command(after_help = "\
Example:
  zhengna transcript conversation-019a0000-0000-7000-8000-000000000001.json

Next, when it is not:
  Ask for the conversation anew and compare.")]
pub(super) struct Transcript {
    /// The file.
    file: PathBuf,
    /// As JSON.
    #[arg(long)]
    pub(super) json: bool,
}

impl Transcript {
    pub(super) fn run(self) -> Result<(), Failure> {
        let cannot = |e: std::io::Error| Failure::new(Exit::Unreachable, format!("{} cannot be read: {e}", self.file.display()));
        let mut text = String::new();
        let most = limits::EXPORT_BYTES_MAX as u64 + 1;
        File::open(&self.file).and_then(|file| file.take(most).read_to_string(&mut text)).map_err(cannot)?;
        if text.len() > limits::EXPORT_BYTES_MAX || !is_as_exported(&text) {
            let changed = format!("{} is not as it left: its hash is not that of what is in it", self.file.display());
            return Err(Failure::new(Exit::Unverified, changed).advise("Ask for the conversation anew and compare."));
        }
        if self.json {
            output::json(&json!({ "file": self.file, "as_exported": true }));
        } else {
            say(format_args!("{} is as it left", self.file.display()));
        }
        Ok(())
    }
}
