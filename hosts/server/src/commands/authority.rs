//! `zhengna authority`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use zhengna_core::synthetic::parse_authorities;

use super::configured;
use crate::authorities::from_rows;
use crate::config::Flags;
use crate::failure::{Exit, Failure};
use crate::open::{self, Mode};
use crate::output::{self, Progress, say};

/// The tree of tax authorities.
#[derive(Args)]
pub(super) struct Authority {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    Import(Import),
}

/// Adds the authorities of a CSV file to the tree, parents before children.
///
/// The header is `code,parent,kind,name,effective_from`; kinds are national, province, prefecture, county, zone,
/// office. What is there already is left as it is, so that a file can be imported again; one that was altered straight in the
/// database becomes what the file says. core/data of the source tree has the authorities of Jilin as an example; its head says what
/// in it is assumed.
#[derive(Args)]
#[command(after_help = "\
Example:
  zhengna authority import authorities.csv

Next:
  zhengna bootstrap STAFF_NO --name NAME --authority CODE --password-file FILE
  zhengna user add STAFF_NO --name NAME --authority CODE --post POST --permissions serve_taxpayers")]
struct Import {
    /// The file, UTF-8.
    file: PathBuf,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

impl Authority {
    pub(super) fn json(&self) -> bool {
        let Action::Import(import) = &self.action;
        import.json
    }

    pub(super) fn run(self, flags: &Flags) -> Result<(), Failure> {
        let Action::Import(Import { file, json }) = self.action;
        let text = std::fs::read_to_string(&file).map_err(|e| Failure::new(Exit::Usage, format_args!("{}: {e}", file.display())))?;
        let rows = parse_authorities(&text).map_err(|e| {
            Failure::new(Exit::Usage, format_args!("{}: {e}", file.display()))
                .advise("Nothing was imported. Mend the line and import the file again.")
        })?;
        let rows = from_rows(rows)?;
        let core = open::open(&configured(flags)?, Mode::Create)?.core;
        let mut progress = Progress::new("authorities", Some(rows.len() as u64));
        let done = core.as_system().access().add_authorities(&rows, &mut |n| progress.at(n))?;
        if json {
            output::json(&json!({ "rows": done.rows, "added": done.changed }));
        } else {
            say(format_args!("{} of {} authorities were written; the others were there.", done.changed, done.rows));
        }
        Ok(())
    }
}
