//! `zhengna serve`.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;

use crate::checkpoints::{CheckpointError, CheckpointFile};
use crate::config::{Config, Effective, Flags};
use crate::failure::{Exit, Failure};
use crate::keeper::{Keeper, Kept};
use crate::keyring::Watch;
use crate::listener::{self, Lifecycle, Signals, Stopped};
use crate::open::{self, Mode, Opened};
use crate::output::{note, say};
use crate::provider::Providers;
use crate::webhook::Webhook;
use crate::{app, logs};

/// Serves taxpayers and officers over HTTP until it is told to stop.
///
/// Opens the database (made and migrated where needed), seals and signs the audit trail about once a second, runs
/// what falls due, and tells the webhook. Ctrl-C or SIGTERM stops it: what was accepted is finished, the rest of the
/// audit trail is sealed and signed. A second Ctrl-C ends it at once.
#[derive(Args)]
#[command(after_help = "\
Example:
  zhengna serve --database sqlite:/var/lib/zhengna/zhengna.db --key-file /etc/zhengna/zhengna.key --listen 127.0.0.1:8080

Next:
  curl http://127.0.0.1:8080/healthz
  Put a gateway that ends TLS in front of it; it speaks plain HTTP.")]
pub(super) struct Serve {}

impl Serve {
    pub(super) fn run(self, flags: &Flags) -> Result<(), Failure> {
        no_core()?;
        let effective = Effective::load(flags)?;
        let config = effective.config;
        start_logs(&config)?;
        for variable in effective.unknown_variables {
            tracing::warn!(variable, "is no key of ours and was ignored");
        }
        let host = Host::open(&config, Mode::Create)?;
        let database = host.opened.database.clone();
        if !host.opened.applied.is_empty() {
            tracing::info!(versions = ?host.opened.applied, "migrated the database");
        }
        let kept = host.serve(&config, |at| {
            say(format_args!("zhengna serves http://{at} from {database}. Stop it with Ctrl-C or SIGTERM."));
        })?;
        goodbye(kept);
        Ok(())
    }
}

/// A process that holds keys and what people write leaves no picture of its memory when it crashes.
fn no_core() -> Result<(), Failure> {
    rlimit::setrlimit(rlimit::Resource::CORE, 0, 0)
        .map_err(|e| Failure::new(Exit::Other, format_args!("core files cannot be switched off: {e}")))
}

/// Sends logs to standard error.
pub(super) fn start_logs(config: &Config) -> Result<(), Failure> {
    logs::init(config.log, &config.log_filter).map_err(|e| Failure::new(Exit::Usage, e))
}

/// Says how it ended.
pub(super) fn goodbye(kept: Kept) {
    say(format_args!("Stopped. The audit trail is sealed up to record {} and signed up to {}.", kept.sealed, kept.checkpoint));
    if !kept.complete {
        note("The last round beside the server failed (the log has it); the next start goes on from there.");
    }
}

/// Everything a host needs before it listens.
pub(super) struct Host {
    pub(super) opened: Opened,
    checkpoints: CheckpointFile,
    webhook: Option<Webhook>,
    providers: Providers,
}

impl Host {
    pub(super) fn open(config: &Config, mode: Mode) -> Result<Host, Failure> {
        // What is wrong with a secret is found before the database is touched.
        let webhook = config.webhook.as_ref().map(Webhook::open).transpose().map_err(|e| {
            Failure::new(Exit::Keys, e).advise(
                "Make one: (umask 077; printf 'whsec_%s\\n' \"$(openssl rand -base64 32)\" > FILE), and give the receiver the same.",
            )
        })?;
        let providers = Providers::open(&config.providers).map_err(|e| {
            Failure::new(Exit::Keys, e)
                .advise("Write the secret that the vendor gave out into the file, readable for this user only (chmod 600).")
        })?;
        let opened = open::open(config, mode)?;
        let checkpoints = CheckpointFile::open(&config.checkpoint_file).map_err(sink_failed)?;
        Ok(Host { opened, checkpoints, webhook, providers })
    }

    /// Serves until a signal; `announce` hears the address once it listens.
    pub(super) fn serve(self, config: &Config, announce: impl FnOnce(SocketAddr)) -> Result<Kept, Failure> {
        let io = |e: std::io::Error| Failure::new(Exit::Other, e);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(io)?;
        let core = self.opened.core;
        let listening = runtime.block_on(tokio::net::TcpListener::bind(config.listen)).map_err(|e| {
            Failure::new(Exit::Unreachable, format_args!("cannot listen on {}: {e}", config.listen))
                .advise("Another program may have the port; choose one with --listen 127.0.0.1:PORT.")
        })?;
        let at = listening.local_addr().map_err(io)?;
        let keeper = Keeper::start(core.clone(), self.checkpoints, Some(Watch::new(&config.key_file)), self.webhook).map_err(io)?;
        let lifecycle = Lifecycle::new();
        let stopped = runtime.block_on(async {
            let router = app::start(core, config, self.providers, lifecycle.clone());
            // Heard before the address is told: whoever reads it may stop us at once.
            match Signals::listen() {
                Ok(signals) => drop(tokio::spawn(stop_on_signal(signals, lifecycle.clone()))),
                Err(e) => tracing::error!(error = %e, "signals cannot be heard: only a kill stops this process"),
            }
            announce(at);
            tracing::info!(%at, version = env!("CARGO_PKG_VERSION"), "serving");
            listener::serve(listening, router, config.listener_limits(), lifecycle).await
        });
        let Stopped { connections_cut, tasks_cut } = stopped;
        if (connections_cut, tasks_cut) != (0, 0) {
            tracing::warn!(connections_cut, tasks_cut, "the time to stop ran out for some of what was accepted");
        }
        let kept = keeper.stop();
        tracing::info!(sealed = kept.sealed, checkpoint = kept.checkpoint, "stopped");
        runtime.shutdown_timeout(Duration::from_secs(1));
        Ok(kept)
    }
}

async fn stop_on_signal(mut signals: Signals, lifecycle: Lifecycle) {
    signals.next().await;
    note("\nstopping: finishing what was accepted (once more to end at once)");
    lifecycle.begin_stop();
    signals.next().await;
    // Committed work is on disk; the rest of the trail is sealed by the next start.
    std::process::exit(130);
}

/// The second sink cannot be used.
pub(super) fn sink_failed(e: CheckpointError) -> Failure {
    match e {
        CheckpointError::Core(e) => e.into(),
        CheckpointError::NotACheckpoint { .. } => {
            Failure::new(Exit::Unverified, e).advise("Nothing was written to it. Is --checkpoint-file right?")
        }
        CheckpointError::Io { .. } => Failure::new(Exit::Unreachable, e).advise("Does the directory exist, and may this user write there?"),
    }
}
