//! `zhengna parse`: the child process that reads a table somebody sent.

use std::io::{BufWriter, Write as _, stdout};
use std::path::PathBuf;

use clap::Args;

use crate::failure::{Exit, Failure};
use crate::table;

/// Reads a table under limits of memory and time, and writes its rows as lines of JSON. Other commands start it.
#[derive(Args)]
pub(super) struct Parse {
    /// The file; - is standard input.
    file: PathBuf,
}

impl Parse {
    pub(super) fn run(self) -> Result<(), Failure> {
        let mut out = BufWriter::new(stdout().lock());
        let written = table::serve(&self.file, &mut out).and_then(|()| out.flush());
        written.map_err(|e| Failure::new(Exit::Other, format_args!("{}: {e}", self.file.display())))
    }
}
