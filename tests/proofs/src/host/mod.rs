//! The real host for proofs from outside: its process, its files, how it is killed and how long it takes to serve again.

pub(crate) mod http;

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use zhengna_core::Core;
use zhengna_server::config::{Effective, Flags};
use zhengna_server::{keyring, open};

use http::Http;

fn beside() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|e| e.to_string())?;
    Ok(own.parent().unwrap_or(Path::new(".")).to_owned())
}

/// The host's program: beside this one, or where `ZHENGNA_HOST` says.
pub(crate) fn program() -> Result<PathBuf, String> {
    let beside = beside()?;
    let program = std::env::var_os("ZHENGNA_HOST").map_or_else(|| beside.join("zhengna"), PathBuf::from);
    if program.exists() {
        return Ok(program);
    }
    Err(format!("there is no host {}: cargo build --workspace --all-features --bins --examples --tests", program.display()))
}

/// Where the host keeps things: on the disk the build is on, because what is promised is about disks.
pub(crate) struct Files {
    program: PathBuf,
    dir: TempDir,
    bug: Option<&'static str>,
    /// Where that is not the SQLite file among them.
    database: Option<String>,
    /// What else is configured.
    settings: Vec<(&'static str, String)>,
}

impl Files {
    /// An empty directory for a proof, and the program beside this one (`ZHENGNA_HOST` names another), with a planted bug or
    /// without.
    pub(crate) fn new(proof: &str, bug: Option<&'static str>) -> Result<Self, String> {
        let (beside, program) = (beside()?, program()?);
        let dir = tempfile::Builder::new().prefix(&format!("proof-{proof}-")).tempdir_in(&beside).map_err(|e| e.to_string())?;
        Ok(Self { program, dir, bug, database: None, settings: Vec::new() })
    }

    /// With a database elsewhere.
    pub(crate) fn over(self, database: &str) -> Self {
        Self { database: Some(database.to_owned()), ..self }
    }

    /// With one more thing configured.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.settings.push((name, value.to_owned()));
        self
    }

    /// Makes keys and database; the core over it, in this process, until a host is started.
    pub(crate) fn create(&self) -> Result<Core, String> {
        let config = Effective::from_parts(&Flags::default(), self.variables()).map_err(|e| e.to_string())?.config;
        keyring::create(&config.key_file).map_err(|e| e.to_string())?;
        Ok(open::open(&config, open::Mode::Create).map_err(|e| e.to_string())?.core)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What is configured, as environment variables.
    fn variables(&self) -> Vec<(String, String)> {
        let path = |name| self.at(name).display().to_string();
        let fixed = [
            ("DATABASE", self.database.clone().unwrap_or_else(|| format!("sqlite:{}", path("zhengna.db")))),
            ("KEY_FILE", path("zhengna.key")),
            ("CHECKPOINT_FILE", path("zhengna.checkpoint")),
            ("LISTEN", "127.0.0.1:0".into()),
            ("LOG", "text".into()),
            ("LOG_FILTER", "warn".into()),
        ];
        fixed.into_iter().chain(self.settings.iter().cloned()).map(|(name, value)| (format!("ZHENGNA_{name}"), value)).collect()
    }

    fn command(&self, args: &[&str]) -> Result<Command, String> {
        let log = |file: std::io::Result<File>| file.map_err(|e| format!("the host's log: {e}"));
        let mut command = Command::new(&self.program);
        command.args(args).env_clear().envs(self.variables()).stdin(Stdio::null());
        command.stderr(log(OpenOptions::new().create(true).append(true).open(self.at("log")))?);
        if let Some(bug) = self.bug {
            command.env("ZHENGNA_PLANTED", bug);
        }
        Ok(command)
    }

    /// Ends this process where a bug was to be planted in the host and it has none: not a finding, for a host without the
    /// bug in it would pass for one in which it was caught.
    pub(crate) fn demand_bug(&self) {
        if let Some(bug) = self.bug
            && !self.log().contains(&format!("planted: {bug}"))
        {
            eprintln!("the host has no planted bugs in it: build zhengna-server with --features planted");
            std::process::exit(2);
        }
    }

    /// What the host logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.at("log")).unwrap_or_default()
    }

    /// `zhengna audit verify`: how many records there are, all of them whole.
    pub(crate) fn verify(&self, sealed: bool) -> Result<u64, String> {
        let run = self.command(&["audit", "verify", "--json"])?.output().map_err(|e| e.to_string())?;
        let verdict: Value = serde_json::from_slice(&run.stdout).map_err(|e| format!("audit verify: {e}: {}", self.log()))?;
        if !run.status.success() || !verdict["finding"].is_null() || sealed && verdict["unsealed"] != 0 {
            return Err(format!("the audit trail is not whole: {verdict}"));
        }
        verdict["verified"].as_u64().zip(verdict["unsealed"].as_u64()).map(|(a, b)| a + b).ok_or_else(|| format!("audit verify: {verdict}"))
    }

    /// `zhengna recount`: projections are what the rows say.
    pub(crate) fn recount(&self) -> Result<(), String> {
        let run = self.command(&["recount"])?.output().map_err(|e| e.to_string())?;
        if run.status.success() { Ok(()) } else { Err(format!("recount: {}", String::from_utf8_lossy(&run.stdout))) }
    }

    /// Starts a host that is killed after `after`, most likely before it serves.
    pub(crate) fn still_birth(&self, after: Duration) -> Result<(), String> {
        let mut child = self.command(&["serve"])?.stdout(Stdio::null()).spawn().map_err(|e| e.to_string())?;
        std::thread::sleep(after);
        child.kill().and_then(|()| child.wait()).map(drop).map_err(|e| e.to_string())
    }
}

/// One life of the host.
pub(crate) struct Host {
    child: Mutex<Child>,
    killed: AtomicBool,
    /// `http://..`.
    pub(crate) base: String,
    /// From the start of the process to the first good `/readyz`.
    pub(crate) to_serving: Duration,
}

impl Host {
    /// Starts one and waits until it serves.
    pub(crate) fn start(files: &Files) -> Result<Self, String> {
        let begun = Instant::now();
        let mut child = files.command(&["serve"])?.stdout(Stdio::piped()).spawn().map_err(|e| e.to_string())?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line).map_err(|e| e.to_string())?;
        }
        let base = line.split_whitespace().find(|word| word.starts_with("http://")).map(str::to_owned);
        let base = base.unwrap_or_default();
        let mut host = Self { child: Mutex::new(child), killed: AtomicBool::new(false), base, to_serving: Duration::ZERO };
        if host.base.is_empty() {
            return Err(format!("the host did not start again: {}", files.log()));
        }
        match Http::new(&host.base).get("/readyz", "") {
            Ok(answer) if answer.status == 200 => {
                host.to_serving = begun.elapsed();
                Ok(host)
            }
            other => Err(format!("the host listens and is not ready: {other:?}: {}", files.log())),
        }
    }

    fn child(&self) -> std::sync::MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// SIGKILL, now. Whoever comes second does nothing.
    pub(crate) fn kill(&self) {
        if !self.killed.swap(true, Ordering::SeqCst) {
            let _gone = self.child().kill();
        }
    }

    /// Whether it was killed.
    pub(crate) fn is_killed(&self) -> bool {
        self.killed.load(Ordering::SeqCst)
    }

    /// SIGSTOP or SIGCONT: the machine takes the processor away for a while, as a busy hypervisor does.
    pub(crate) fn signal(&self, name: &str) -> Result<(), String> {
        let pid = self.child().id().to_string();
        // Every shell has `kill` built in; not every machine has the program.
        let sent = Command::new("/bin/sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &pid]).status();
        if sent.is_ok_and(|s| s.success()) { Ok(()) } else { Err(format!("SIG{name} could not be sent")) }
    }

    /// Waits for its end; says whether it ended well.
    pub(crate) fn wait(&self) -> Result<bool, String> {
        self.child().wait().map(|status| status.success()).map_err(|e| e.to_string())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.kill();
        let _ended = self.child().wait();
    }
}
