//! The command `zhengna` as a real process, and an installation for it. Every wait is bounded.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rusqlite::Connection;
use serde_json::Value;
use zhengna_core::Core;
use zhengna_core::core::PROJECTIONS;
use zhengna_core::store::sqlite::SqliteStore;
use zhengna_server::checkpoints::CheckpointFile;
use zhengna_server::config::{Effective, Flags};
use zhengna_server::open;
use zhengna_tests::world::{self, Engine, World, core_over};

/// No wait is longer; a machine under load is slow, not broken.
pub const BOUND: Duration = Duration::from_secs(60);

pub fn zhengna(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zhengna"));
    // Whatever is set around the tests is not for the tests.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ZHENGNA_") {
            command.env_remove(name);
        }
    }
    command.current_dir(dir).args(args);
    command
}

/// Runs a command to its end.
pub fn run(dir: &Path, args: &[&str]) -> Ran {
    run_with(dir, args, "")
}

pub fn run_with(dir: &Path, args: &[&str], stdin: &str) -> Ran {
    let mut child = zhengna(dir, args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that does not read it has closed it.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let args = args.join(" ");
    let (tell, ended) = channel();
    let id = child.id();
    std::thread::spawn(move || tell.send(child.wait_with_output()));
    let Output { status, stdout, stderr } = match ended.recv_timeout(BOUND) {
        Ok(output) => output.unwrap(),
        Err(_) => {
            signal(id, "KILL");
            let said = ended.recv().unwrap().unwrap();
            panic!("zhengna {args} did not end: {}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
        }
    };
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { args, code: status.code(), out: text(stdout), err: text(stderr) }
}

pub struct Ran {
    args: String,
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ran {
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "zhengna {}\n{}\n{}", self.args, self.out, self.err);
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("zhengna {}: {e}\n{}", self.args, self.out))
    }
}

pub fn signal(id: u32, name: &str) {
    // std has no kill; the shell's own is everywhere.
    Command::new("/bin/sh").args(["-c", &format!("kill -{name} {id}")]).status().unwrap();
}

/// A host that runs until it is dropped.
pub struct Host {
    child: Child,
    lines: Receiver<String>,
    pub seen: Vec<String>,
}

impl Host {
    pub fn start(dir: &Path, args: &[&str]) -> Host {
        let mut child = zhengna(dir, args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (tell, lines) = channel();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        for stream in [Box::new(out) as Box<dyn std::io::Read + Send>, Box::new(err)] {
            let tell = tell.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    if tell.send(line).is_err() {
                        break;
                    }
                }
            });
        }
        Host { child, lines, seen: Vec::new() }
    }

    /// Waits for a line that `wanted` finds something in.
    #[track_caller]
    pub fn until<T>(&mut self, what: &str, wanted: impl Fn(&str) -> Option<T>) -> T {
        loop {
            match self.lines.recv_timeout(BOUND) {
                Ok(line) => {
                    self.seen.push(line);
                    if let Some(found) = self.seen.last().and_then(|l| wanted(l)) {
                        return found;
                    }
                }
                Err(_) => panic!("no {what} in\n{}", self.seen.join("\n")),
            }
        }
    }

    #[track_caller]
    pub fn address(&mut self) -> String {
        self.until("address", |line| {
            let (_, rest) = line.split_once("http://")?;
            Some(rest.chars().take_while(|c| c.is_ascii_digit() || matches!(c, '.' | ':')).collect())
        })
    }

    /// SIGTERM, and what it exits with.
    pub fn stop(mut self) -> (Option<i32>, Vec<String>) {
        signal(self.child.id(), "TERM");
        // Both streams end when the process does.
        while let Ok(line) = self.lines.recv_timeout(BOUND) {
            self.seen.push(line);
        }
        let code = self.child.wait().unwrap().code();
        (code, std::mem::take(&mut self.seen))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn get(address: &str, path: &str) -> String {
    answer(address, &format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"))
}

/// The answer to a body of JSON.
pub fn post(address: &str, path: &str, body: &str) -> String {
    let head =
        format!("POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}", body.len());
    answer(address, &format!("{head}\r\n\r\n{body}"))
}

fn answer(address: &str, request: &str) -> String {
    let mut io = TcpStream::connect(address).unwrap();
    io.set_read_timeout(Some(BOUND)).unwrap();
    io.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    io.read_to_string(&mut text).unwrap();
    text
}

/// Keys, a database, and one authority in it.
pub fn founded(dir: &Path) {
    run(dir, &["keys", "new"]).exits(0);
    fs::write(dir.join("tree.csv"), "code,parent,kind,name,effective_from\n12200000000,,province,吉林省税务局,2018-06-15\n").unwrap();
    run(dir, &["authority", "import", "tree.csv"]).exits(0);
}

/// What the command would open there.
pub fn opened(dir: &Path) -> Core {
    let path = |name: &str| dir.join(name).display().to_string();
    let database = ("ZHENGNA_DATABASE".to_owned(), format!("sqlite:{}", path("zhengna.db")));
    let keys = ("ZHENGNA_KEY_FILE".to_owned(), path("zhengna.key"));
    let config = Effective::from_parts(&Flags::default(), [database, keys]).unwrap().config;
    open::open(&config, open::Mode::Existing).unwrap().core
}

/// An installation with a small world in it: `zhengna.db`, `zhengna.key`, `zhengna.checkpoint`, sealed and signed.
pub struct Site {
    pub dir: tempfile::TempDir,
}

impl Site {
    pub fn new() -> Site {
        let dir = world::directory();
        let store = SqliteStore::open(&dir.path().join("zhengna.db"), world::start(), PROJECTIONS).unwrap();
        let (core, clock) = core_over(store, 7);
        let world = World::furnish(core, clock, world::Keep::fresh(Engine::Memory), 2, 3).unwrap();
        for n in 0..3 {
            world.entered(n);
        }
        while world.core.seal_audit().unwrap().more {}
        world.core.checkpoint_audit(true).unwrap();
        let site = Site { dir };
        CheckpointFile::open(&site.path("zhengna.checkpoint")).unwrap().catch_up(&world.core).unwrap();
        fs::write(site.path("zhengna.key"), world::keys().to_text().as_bytes()).unwrap();
        fs::set_permissions(site.path("zhengna.key"), fs::Permissions::from_mode(0o600)).unwrap();
        site
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        run(self.dir.path(), args)
    }

    /// Edits the database behind everybody's back.
    pub fn tamper(&self, sql: &str) {
        let conn = Connection::open(self.path("zhengna.db")).unwrap();
        conn.execute_batch(sql).unwrap();
    }

    /// The id of a record, as a verification names it.
    pub fn record(&self, number: i64) -> String {
        let conn = Connection::open(self.path("zhengna.db")).unwrap();
        let bytes: Vec<u8> = conn.query_row("SELECT record FROM audit_link WHERE number = ?1", [number], |r| r.get(0)).unwrap();
        zhengna_core::id::AuditId::from_uuid(uuid::Uuid::from_slice(&bytes).unwrap()).to_string()
    }
}
