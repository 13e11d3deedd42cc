//! `zhengna demo`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::serve::{Host, goodbye, start_logs};
use crate::config::{Effective, Flags};
use crate::demo::{self, Files};
use crate::failure::{Exit, Failure};
use crate::keyring;
use crate::logs::LogFormat;
use crate::open::Mode;
use crate::output::{self, Progress, note, say};

/// Starts a demonstration: a database with synthetic data, sign-ins made now, and a host on it.
///
/// 演示：生成合成数据和随机账号，并启动服务。
///
/// The first run makes the directory, its keys and its database: the tax authorities of Jilin, officers, 200
/// taxpayers who do not exist, eight lines, three administrators. Every run makes new passwords and prints them once. It has its own
/// database; --database, --key-file and --checkpoint-file are not used.
#[derive(Args)]
#[command(after_help = "\
Example:
  zhengna demo
  zhengna demo --dir /tmp/zhengna-demo --listen 127.0.0.1:9090
  zhengna demo --postgres postgres://zhengna@localhost/demo

Next:
  Open /taxpayer/ and /console/ of the printed address in two windows and talk to yourself.
  Delete the directory to begin anew.")]
pub(super) struct Demo {
    /// Where the demonstration keeps its files.
    #[arg(long, value_name = "DIR", default_value = ".run/demo")]
    dir: PathBuf,
    /// A PostgreSQL database to fill in place of its own on SQLite; give it one that has nothing else in it.
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// Makes the data and the passwords, prints them, and ends.
    #[arg(long)]
    no_serve: bool,
    /// Prints address, sign-ins and files as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

impl Demo {
    pub(super) fn run(self, flags: &Flags) -> Result<(), Failure> {
        let effective = Effective::load(flags)?;
        let mut config = effective.config.clone();
        // At a terminal, with a banner above: words rather than JSON, and only what matters.
        if effective.is_default("log") {
            config.log = LogFormat::Text;
        }
        if effective.is_default("log_filter") {
            config.log_filter = "warn".into();
        }
        start_logs(&config)?;
        let files = Files::within(&self.dir).map_err(|e| Failure::new(Exit::Unreachable, format_args!("{}: {e}", self.dir.display())))?;
        if !files.key_file.exists() {
            if files.database.exists() {
                return Err(Failure::new(
                    Exit::Keys,
                    format_args!("{} is there, its keys {} are not", files.database.display(), files.key_file.display()),
                )
                .advise("Put the key file back, or delete the demonstration's directory to begin anew."));
            }
            keyring::create(&files.key_file).map_err(|e| Failure::new(Exit::Keys, e))?;
        }
        let mut config = files.configured(&config);
        if let Some(postgres) = &self.postgres {
            config.database.clone_from(postgres);
        }
        let host = Host::open(&config, Mode::Create)?;
        let core = host.opened.core.clone();
        note("正在准备合成数据 making synthetic data ...");
        let mut shown: Option<(String, Progress)> = None;
        demo::furnish(&core, &mut |what, done| {
            if shown.as_ref().is_none_or(|(before, _)| before != what) {
                shown = Some((what.to_owned(), Progress::new(what, None)));
            }
            if let Some((_, progress)) = &mut shown {
                progress.at(done);
            }
        })?;
        drop(shown);
        let sign_ins = demo::sign_ins(&core)?;
        drop(core);
        let show = |address: Option<String>| {
            if self.json {
                output::json(&json!({ "address": address, "sign_ins": sign_ins, "files": files, "synthetic": true }));
            } else {
                let address = address.unwrap_or_else(|| "（未启动服务 not served: --no-serve）".into());
                say(demo::banner(&address, &sign_ins, &files));
            }
        };
        if self.no_serve {
            show(None);
            return Ok(());
        }
        let kept = host.serve(&config, |at| show(Some(format!("http://{at}"))))?;
        if !self.json {
            goodbye(kept);
        }
        Ok(())
    }
}
