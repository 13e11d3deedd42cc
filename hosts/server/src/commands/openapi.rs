//! `zhengna openapi`.

use clap::Args;

use crate::failure::Failure;
use crate::output;

/// Prints the OpenAPI 3.1 document of the HTTP interface.
#[derive(Args)]
#[command(after_help = "\
Example:
  zhengna openapi > openapi.json

Next:
  A running host serves the same at /api/openapi.json, and a page to read it at /api/docs.")]
pub(super) struct Openapi {}

impl Openapi {
    pub(super) fn run(self) -> Result<(), Failure> {
        output::json(&crate::openapi::document());
        Ok(())
    }
}
