//! The command `zhengna`: one file per subcommand, each prints what it did and what to do next.

mod acting;
mod appeal;
mod approval;
mod audit;
mod authority;
mod backup;
mod bootstrap;
mod calendar;
mod config;
mod control;
mod demo;
mod keys;
mod line;
mod migrate;
mod openapi;
mod operations;
mod parse;
mod people;
mod recorded_day;
mod recount;
mod restore;
mod serve;
mod simulate;
mod transcript;
mod typed;
mod user;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Config, Effective, Flags};
use crate::failure::{EXIT_CODES, Failure};
use crate::output;

const ABOUT: &str = "\
征纳 Zhengna: where a tax authority and its taxpayers meet.

New here?         zhengna demo
A real host:      zhengna keys new && zhengna authority import FILE && zhengna bootstrap ... && zhengna serve
What is set:      zhengna config
What it can do:   zhengna operations";

/// The command line.
#[derive(Parser)]
#[command(name = "zhengna", version, about = ABOUT, after_help = EXIT_CODES, arg_required_else_help = true, max_term_width = 110)]
pub struct Cli {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    Serve(serve::Serve),
    Demo(demo::Demo),
    Migrate(migrate::Migrate),
    Keys(keys::Keys),
    Authority(authority::Authority),
    Bootstrap(bootstrap::Bootstrap),
    User(user::User),
    People(people::People),
    Line(line::Line),
    Appeal(appeal::Appeal),
    Calendar(calendar::Calendar),
    Approval(approval::Approval),
    Control(control::Control),
    Backup(backup::Backup),
    Restore(restore::Restore),
    Audit(audit::Audit),
    Recount(recount::Recount),
    Simulate(simulate::Simulate),
    Transcript(transcript::Transcript),
    Operations(operations::Operations),
    Openapi(openapi::Openapi),
    Config(config::Config),
    #[command(hide = true)]
    Parse(parse::Parse),
}

/// Runs a command line.
pub fn run(cli: Cli) -> ExitCode {
    let flags = &cli.flags;
    let (as_json, result) = match cli.action {
        Action::Serve(c) => (false, c.run(flags)),
        Action::Demo(c) => (c.json, c.run(flags)),
        Action::Migrate(c) => (c.json, c.run(flags)),
        Action::Keys(c) => (c.json(), c.run(flags)),
        Action::Authority(c) => (c.json(), c.run(flags)),
        Action::Bootstrap(c) => (c.json, c.run(flags)),
        Action::User(c) => (c.json(), c.run(flags)),
        Action::People(c) => (c.json(), c.run(flags)),
        Action::Line(c) => (c.json(), c.run(flags)),
        Action::Appeal(c) => (c.json(), c.run(flags)),
        Action::Calendar(c) => (c.json(), c.run(flags)),
        Action::Approval(c) => (c.json(), c.run(flags)),
        Action::Control(c) => (c.json(), c.run(flags)),
        Action::Backup(c) => (c.json, c.run(flags)),
        Action::Restore(c) => (c.json, c.run(flags)),
        Action::Audit(c) => (c.json(), c.run(flags)),
        Action::Recount(c) => (c.json, c.run(flags)),
        Action::Simulate(c) => (c.json(), c.run()),
        Action::Transcript(c) => (c.json, c.run()),
        Action::Operations(c) => (c.json, c.run()),
        Action::Openapi(c) => (false, c.run()),
        Action::Config(c) => (c.json, c.run(flags)),
        Action::Parse(c) => (true, c.run()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::failure(&failure, as_json);
            ExitCode::from(failure.exit as u8)
        }
    }
}

fn configured(flags: &Flags) -> Result<Config, Failure> {
    Ok(Effective::load(flags)?.config)
}
