//! What commands print: results to standard output, progress to standard error.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _, stderr, stdout};
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use crate::failure::Failure;

/// Prints a line of the result. Whoever closed the pipe wants no more of it.
pub fn say(text: impl Display) {
    let _closed = writeln!(stdout().lock(), "{text}");
}

/// Prints a note for the person at the terminal, not part of the result.
pub fn note(text: impl Display) {
    let _closed = writeln!(stderr().lock(), "{text}");
}

/// Prints a result for a machine.
pub fn json(value: &impl Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => say(text),
        Err(e) => note(format_args!("zhengna: the result is not JSON: {e}")),
    }
}

/// Prints a failure.
pub fn failure(failure: &Failure, as_json: bool) {
    if as_json {
        let error = serde_json::json!({ "error": {
            "exit": failure.exit as u8, "code": failure.exit.word(), "message": failure.what, "advice": failure.next,
        } });
        note(error);
    } else {
        note(format_args!("zhengna: {failure}"));
    }
}

/// Shows how far long work is: one line that changes on a terminal, else a line now and then.
pub struct Progress {
    what: String,
    of: Option<u64>,
    every: Duration,
    shown: Instant,
    terminal: bool,
    line_open: bool,
}

impl Progress {
    /// Begins.
    pub fn new(what: impl Into<String>, of: Option<u64>) -> Progress {
        let terminal = stderr().is_terminal();
        Progress {
            what: what.into(),
            of,
            every: Duration::from_millis(if terminal { 100 } else { 5000 }),
            shown: Instant::now(),
            terminal,
            line_open: false,
        }
    }

    /// So many are done.
    pub fn at(&mut self, done: u64) {
        if self.shown.elapsed() < self.every {
            return;
        }
        self.shown = Instant::now();
        let of = self.of.map(|n| format!(" / {n}")).unwrap_or_default();
        let mut err = stderr().lock();
        let _closed = if self.terminal {
            self.line_open = true;
            write!(err, "\r\x1b[K{} {done}{of}", self.what)
        } else {
            writeln!(err, "{} {done}{of}", self.what)
        };
        let _closed = err.flush();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.line_open {
            let _closed = write!(stderr().lock(), "\r\x1b[K");
        }
    }
}
