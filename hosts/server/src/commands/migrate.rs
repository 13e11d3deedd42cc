//! `zhengna migrate`.

use clap::Args;
use serde_json::json;
use zhengna_core::store::migrate::{MIGRATIONS, newest};

use super::configured;
use crate::config::Flags;
use crate::failure::Failure;
use crate::open::{self, Mode};
use crate::output::{self, say};

/// Brings the database to this program's schema and says which versions were applied.
///
/// `serve` does the same when it starts; use this to do it beforehand. Migrations only add, are applied one by one,
/// each in a transaction, and a schema this program does not know is refused.
#[derive(Args)]
#[command(after_help = "\
Example:
  zhengna backup before.sealed --backup-custodians custodians && zhengna migrate

Next:
  zhengna serve")]
pub(super) struct Migrate {
    /// As JSON.
    #[arg(long)]
    pub(super) json: bool,
}

impl Migrate {
    pub(super) fn run(self, flags: &Flags) -> Result<(), Failure> {
        let opened = open::open_store(&configured(flags)?, Mode::Create)?;
        let name = |version: i64| MIGRATIONS.iter().find(|m| m.version == version).map_or("", |m| m.name);
        if self.json {
            output::json(&json!({ "database": opened.database, "applied": opened.applied, "schema": newest() }));
            return Ok(());
        }
        for &version in &opened.applied {
            say(format_args!("applied {version:04} {}", name(version)));
        }
        if opened.applied.is_empty() {
            say(format_args!("nothing to do: {} has schema version {}", opened.database, newest()));
        } else {
            say(format_args!("{} now has schema version {}", opened.database, newest()));
        }
        Ok(())
    }
}
