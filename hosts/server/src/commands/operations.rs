//! `zhengna operations`.

use clap::Args;
use zhengna_core::operation::OPERATIONS;

use crate::failure::Failure;
use crate::output::{self, say};

/// Lists every operation of the core: who may call it, what it needs, whether it leaves an audit record.
#[derive(Args)]
#[command(after_help = "\
Example:
  zhengna operations
  zhengna operations --json | jq '.[] | select(.audited) | .name'

Next:
  zhengna openapi shows how they are called over HTTP.")]
pub(super) struct Operations {
    /// As JSON.
    #[arg(long)]
    pub(super) json: bool,
}

impl Operations {
    pub(super) fn run(self) -> Result<(), Failure> {
        if self.json {
            output::json(&OPERATIONS);
            return Ok(());
        }
        say(format_args!("{:<30} {:<13} {:<18} {:<22} {:<6} what", "operation", "class", "callers", "permission", "audit"));
        for o in OPERATIONS {
            let callers: Vec<String> = o.callers.iter().map(word).collect();
            say(format_args!(
                "{:<30} {:<13} {:<18} {:<22} {:<6} {} {}",
                o.name,
                word(&o.class),
                callers.join(","),
                o.permission.map_or("-", |p| p.as_str()),
                if o.audited { "yes" } else { "-" },
                o.title,
                o.summary
            ));
        }
        Ok(())
    }
}

/// The word a value is written as.
fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => "?".into(),
    }
}
