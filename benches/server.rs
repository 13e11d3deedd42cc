//! Programs that are measured: started on a port of their own, on a core of their own, ended with the bench.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::place;

/// How long a server may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running server.
pub struct Server {
    child: Child,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
}

impl Server {
    /// Starts a server whose first words on standard output hold `http://127.0.0.1:PORT`.
    pub fn start(command: Command) -> Self {
        Self::start_when(command, |line| line.split_once("http://127.0.0.1:").and_then(|(_, rest)| leading_number(rest)))
    }

    /// Starts a server that is ready when `port` finds its port in a line of its standard output.
    pub fn start_when(mut command: Command, port: impl Fn(&str) -> Option<u16>) -> Self {
        let shown = format!("{command:?}");
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap_or_else(|e| panic!("{shown}: {e}"));
        let out = child.stdout.take().expect("piped");
        let (send, lines) = mpsc::channel();
        // Reads to the end, so that the server never waits for a reader.
        std::thread::spawn(move || BufReader::new(out).lines().map_while(Result::ok).for_each(|line| drop(send.send(line))));
        let mut server = Self { child, port: 0 };
        let end = Instant::now() + PATIENCE;
        while let Ok(line) = lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            if let Some(port) = port(&line) {
                server.port = port;
                return server;
            }
        }
        panic!("{shown} did not become ready: {:?}", server.child.try_wait());
    }

    /// `http://127.0.0.1:PORT`.
    pub fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Memory of the process that is really in use, in bytes.
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let kib = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).and_then(|l| l.split_whitespace().next()).expect("a figure");
        kib.parse::<u64>().expect("a number") * 1024
    }

    /// Processor time it has used, in seconds; the kernel counts in hundredths.
    pub fn cpu_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("it runs");
        let behind_name = stat.rsplit_once(") ").expect("a name").1;
        let field = |n: usize| behind_name.split(' ').nth(n).and_then(|v| v.parse::<f64>().ok()).expect("a number");
        (field(11) + field(12)) / 100.0
    }

    /// Asks it to stop as an administrator would, and waits.
    pub fn stop(mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status(); // a process that ended is stopped
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended
        let _ = self.child.wait();
    }
}

fn leading_number(text: &str) -> Option<u16> {
    text.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// A command that ends with the bench, however that ends.
pub fn tied(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(program.as_ref());
    command
}

/// A command that runs on one core.
pub fn on_core(core: usize, program: impl AsRef<Path>) -> Command {
    let mut command = tied("taskset");
    command.arg("-c").arg(core.to_string()).arg(program.as_ref());
    command
}

/// A peer in Node, by the name of its script; installs what the peers need, as locked, the first time.
pub fn node(core: Option<usize>, script: &str) -> Command {
    let peers = place::workspace().join("benches/peers");
    let (locked, installed) = (peers.join("package-lock.json"), peers.join("node_modules/.package-lock.json"));
    let made = |path: &Path| std::fs::metadata(path).and_then(|m| m.modified()).ok();
    if made(&installed) < made(&locked) {
        eprintln!("installing the peers of {} (builds SQLite: a few minutes)", peers.display());
        // Not `npm ci`: npm 11 refuses a lock without the optional packages of other systems. This holds to the lock as well.
        let install = ["install", "--no-save", "--no-audit", "--no-fund"];
        let done = Command::new("npm").args(install).current_dir(&peers).status().expect("npm");
        assert!(done.success(), "npm install failed");
    }
    let mut command = core.map_or_else(|| tied("node"), |core| on_core(core, "node"));
    command.arg(peers.join(script)).env("NODE_ENV", "production");
    command
}

/// A Redis of our own that syncs its log at every write.
pub fn redis(dir: &Path) -> Server {
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
    let mut command = tied("redis-server");
    command.args([
        "--bind",
        "127.0.0.1",
        "--port",
        &free.to_string(),
        "--save",
        "",
        "--appendonly",
        "yes",
        "--appendfsync",
        "always",
        "--dir",
    ]);
    command.arg(dir);
    Server::start_when(command, |line| line.contains("Ready to accept connections").then_some(free))
}

/// A PostgreSQL of our own, durable, on the disk, with memory enough.
pub struct Postgres {
    _server: Server,
    _dir: tempfile::TempDir,
    socket: PathBuf,
}

impl Postgres {
    /// Starts it.
    pub fn start() -> Self {
        use std::os::unix::process::CommandExt as _;
        let bin = newest_postgres();
        let dir = place::directory();
        let (data, socket) = (dir.path().join("data"), dir.path().to_owned());
        // PostgreSQL refuses to run as root.
        let (uid, gid) = (id_of("-u"), id_of("-g"));
        let root = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(dir.path()).expect("just made")) == 0;
        let as_server = |program: &str| {
            let mut command = tied(bin.join(program));
            if root {
                command.uid(uid).gid(gid);
            }
            command.current_dir(&socket);
            command
        };
        if root {
            std::os::unix::fs::chown(dir.path(), Some(uid), Some(gid)).expect("ours to give");
        }
        let made =
            as_server("initdb").args(["-A", "trust", "-U", "t", "-E", "UTF8", "--locale=C", "--no-instructions", "-D"]).arg(&data).output();
        assert!(made.expect("initdb").status.success(), "initdb failed");
        let mut command = as_server("postgres");
        command.arg("-D").arg(&data).arg("-k").arg(&socket).stderr(Stdio::null());
        for setting in [
            "listen_addresses=",
            "max_connections=200",
            "shared_buffers=2GB",
            "max_wal_size=4GB",
            "fsync=on",
            "synchronous_commit=on",
            "full_page_writes=on",
            "jit=off",
        ] {
            command.args(["-c", setting]);
        }
        // It says that it is ready to a log nobody reads; asking is simpler.
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("postgres");
        let out = child.stdout.take();
        let server = Server { child, port: 0 };
        drop(out);
        let made = Self { _server: server, _dir: dir, socket };
        let end = Instant::now() + PATIENCE;
        while postgres::Client::connect(&made.url("postgres"), postgres::NoTls).is_err() {
            assert!(Instant::now() < end, "PostgreSQL did not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        made
    }

    /// Connects to a database of it.
    pub fn url(&self, database: &str) -> String {
        format!("host={} user=t dbname={database}", self.socket.display())
    }

    /// Makes an empty database.
    pub fn create(&self, database: &str) -> String {
        let mut admin = postgres::Client::connect(&self.url("postgres"), postgres::NoTls).expect("connects");
        admin.batch_execute(&format!("CREATE DATABASE {database}")).expect("is made");
        self.url(database)
    }

    /// The directory of its socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }
}

fn id_of(flag: &str) -> u32 {
    let out = Command::new("id").args([flag, "postgres"]).output().expect("id");
    String::from_utf8_lossy(&out.stdout).trim().parse().unwrap_or(65534)
}

fn newest_postgres() -> PathBuf {
    if let Some(bin) = std::env::var_os("PG_BIN") {
        return bin.into();
    }
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|e| Some((e.as_ref().ok()?.file_name().to_str()?.parse().ok()?, e.ok()?.path().join("bin"))))
        .collect();
    found.sort();
    found.pop().expect("PostgreSQL; PG_BIN says where").1
}
