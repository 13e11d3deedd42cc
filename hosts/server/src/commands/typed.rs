//! What is typed: lines of standard input, where passwords and codes come from. Never from an argument, which others on the machine see.

use std::io::BufRead as _;

use zeroize::Zeroizing;

use crate::failure::{Exit, Failure};

/// The next line, without its end; empty at the end of the input.
pub(super) fn line() -> Result<Zeroizing<String>, Failure> {
    let mut line = Zeroizing::new(String::new());
    std::io::stdin().lock().read_line(&mut line).map_err(|e| Failure::new(Exit::Usage, format_args!("standard input: {e}")))?;
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    Ok(line)
}
