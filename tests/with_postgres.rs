//! Runs a command beside an empty PostgreSQL database, whose address is in `ZHENGNA_TEST_DATABASE`: for tests that are not in Rust.

use std::process::{Command, ExitCode};

use zhengna_tests::postgres::cluster;

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    let Some(program) = words.next() else {
        eprintln!("with_postgres: name a command, such as `with_postgres npm test`");
        return ExitCode::from(2);
    };
    let database = cluster().empty();
    match Command::new(&program).args(words).env("ZHENGNA_TEST_DATABASE", database.url()).status() {
        Ok(ended) => ExitCode::from(ended.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)),
        Err(e) => {
            eprintln!("with_postgres: {}: {e}", program.display());
            ExitCode::from(1)
        }
    }
}
