//! `zhengna line`.

use clap::{Args, Subcommand};
use serde_json::json;
use zhengna_core::Core;
use zhengna_core::identity::AuthorityCode;
use zhengna_core::interaction::OpenLine;

use super::configured;
use crate::config::Flags;
use crate::failure::{Exit, Failure};
use crate::open::{self, Mode};
use crate::output::{self, say};

/// Waiting lines.
#[derive(Args)]
pub(super) struct Line {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    Open(Open),
}

/// Opens the lines that this program comes with at an authority: general, unresolved-matter desk, large enterprises, small and micro
/// enterprises, fast line.
///
/// They are served in the authority's office hours. A line that is there already is left as it is, so that this can be run again.
#[derive(Args)]
#[command(after_help = "\
Example:
  zhengna line open 12201000000

Next, to change how one works, two officers with the permission manage_lines: one puts it forward
(POST /api/v1/line-proposals), another one approves it:
  zhengna approval approve APPROVAL --digest DIGEST --officer STAFF_NO")]
struct Open {
    /// Code of the authority.
    authority: String,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

impl Line {
    pub(super) fn json(&self) -> bool {
        let Action::Open(open) = &self.action;
        open.json
    }

    pub(super) fn run(self, flags: &Flags) -> Result<(), Failure> {
        let Action::Open(Open { authority, json }) = self.action;
        let code = AuthorityCode::parse(&authority)
            .map_err(|e| Failure::new(Exit::Usage, format_args!("{authority}: {e}")).advise("Nothing was opened."))?;
        let core = open::open(&configured(flags)?, Mode::Existing)?.core;
        let lines = open_shipped(&core, code)?;
        if json {
            output::json(&json!({ "lines": lines.iter().map(|(name, id)| json!({ "name": name, "line": id })).collect::<Vec<_>>() }));
        } else {
            for (name, id) in lines {
                say(format_args!("{id}  {name}"));
            }
            say("These lines are open, in the office hours of their authority.");
        }
        Ok(())
    }
}

/// Opens the shipped lines that are not there; each with its id.
fn open_shipped(core: &Core, authority: AuthorityCode) -> Result<Vec<(String, String)>, Failure> {
    let mut lines = Vec::new();
    for line in OpenLine::shipped(authority) {
        let name = line.settings.name.clone();
        let opened = core.as_system().interaction().open_line(line).wait()?;
        lines.push((name, opened.line.to_string()));
    }
    Ok(lines)
}
