//! The command `zhengna` as its users run it: real processes, exit codes, files. Every wait is bounded.

use std::collections::BTreeMap;
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
use zhengna_core::access::Duty;
use zhengna_core::core::PROJECTIONS;
use zhengna_core::store::sqlite::SqliteStore;
use zhengna_server::checkpoints::CheckpointFile;
use zhengna_server::config::{Effective, Flags};
use zhengna_server::open;
use zhengna_tests::postgres::cluster;
use zhengna_tests::world::{self, Engine, World, core_over};

/// No wait is longer; a machine under load is slow, not broken.
const BOUND: Duration = Duration::from_secs(60);

fn zhengna(dir: &Path, args: &[&str]) -> Command {
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
fn run(dir: &Path, args: &[&str]) -> Ran {
    run_with(dir, args, "")
}

fn run_with(dir: &Path, args: &[&str], stdin: &str) -> Ran {
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

struct Ran {
    args: String,
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    #[track_caller]
    fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "zhengna {}\n{}\n{}", self.args, self.out, self.err);
        self
    }

    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("zhengna {}: {e}\n{}", self.args, self.out))
    }
}

fn signal(id: u32, name: &str) {
    // std has no kill; the shell's own is everywhere.
    Command::new("/bin/sh").args(["-c", &format!("kill -{name} {id}")]).status().unwrap();
}

/// A host that runs until it is dropped.
struct Host {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Host {
    fn start(dir: &Path, args: &[&str]) -> Host {
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
    fn until<T>(&mut self, what: &str, wanted: impl Fn(&str) -> Option<T>) -> T {
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
    fn address(&mut self) -> String {
        self.until("address", |line| {
            let (_, rest) = line.split_once("http://")?;
            Some(rest.chars().take_while(|c| c.is_ascii_digit() || matches!(c, '.' | ':')).collect())
        })
    }

    /// SIGTERM, and what it exits with.
    fn stop(mut self) -> (Option<i32>, Vec<String>) {
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

fn get(address: &str, path: &str) -> String {
    let mut io = TcpStream::connect(address).unwrap();
    io.set_read_timeout(Some(BOUND)).unwrap();
    write!(io, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    io.read_to_string(&mut text).unwrap();
    text
}

/// An installation with a small world in it: `zhengna.db`, `zhengna.key`, `zhengna.checkpoint`, sealed and signed.
struct Site {
    dir: tempfile::TempDir,
}

impl Site {
    fn new() -> Site {
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

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn run(&self, args: &[&str]) -> Ran {
        run(self.dir.path(), args)
    }

    /// Edits the database behind everybody's back.
    fn tamper(&self, sql: &str) {
        let conn = Connection::open(self.path("zhengna.db")).unwrap();
        conn.execute_batch(sql).unwrap();
    }

    /// The id of a record, as a verification names it.
    fn record(&self, number: i64) -> String {
        let conn = Connection::open(self.path("zhengna.db")).unwrap();
        let bytes: Vec<u8> = conn.query_row("SELECT record FROM audit_link WHERE number = ?1", [number], |r| r.get(0)).unwrap();
        zhengna_core::id::AuditId::from_uuid(uuid::Uuid::from_slice(&bytes).unwrap()).to_string()
    }
}

#[test]
fn every_command_teaches() {
    let dir = world::directory();
    let commands: [&[&str]; 17] = [
        &[],
        &["serve"],
        &["demo"],
        &["migrate"],
        &["keys"],
        &["keys", "new"],
        &["user"],
        &["user", "add"],
        &["user", "password"],
        &["user", "second-factor"],
        &["bootstrap"],
        &["backup"],
        &["restore"],
        &["audit", "verify"],
        &["recount"],
        &["operations"],
        &["openapi"],
    ];
    for command in commands {
        let args: Vec<&str> = command.iter().copied().chain(["--help"]).collect();
        let help = run(dir.path(), &args).exits(0).out;
        assert!(help.contains("Usage:") && help.contains("--database"), "{args:?}");
        if !matches!(command, [] | ["keys"] | ["user"]) {
            assert!(help.contains("Example:") && help.contains("Next"), "{args:?}\n{help}");
        }
    }
    let help = run(dir.path(), &["--help"]).out;
    for code in 1..=9 {
        assert!(help.contains(&format!("\n  {code}  ")), "exit code {code}");
    }
    run(dir.path(), &["--nonsense"]).exits(2);
    run(dir.path(), &["serve", "--listen", "nowhere"]).exits(2);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "help writes nothing");
}

#[test]
fn the_demo_prints_sign_ins_serves_seals_and_runs_again() {
    let dir = world::directory();
    let demo = ["demo", "--dir", "demo", "--listen", "127.0.0.1:0"];
    let mut host = Host::start(dir.path(), &demo);
    let address = host.address();
    host.until("end of the banner", |line| line.contains("Ctrl-C").then_some(()));
    let shown = host.seen.join("\n");
    for wanted in ["合成数据", "synthetic", "/taxpayer", "/officer", "220102001", "220100901", "demo.key"] {
        assert!(shown.contains(wanted), "{wanted}\n{shown}");
    }
    assert!(get(&address, "/healthz").starts_with("HTTP/1.1 200"));
    // The same database cannot be served twice; the first is not disturbed.
    let second = run(dir.path(), &demo).exits(3);
    assert!(second.err.contains("in use"), "{}", second.err);
    assert!(get(&address, "/healthz").starts_with("HTTP/1.1 200"));
    // Verification and backup work beside it.
    let files = ["--database", "sqlite:demo/demo.db", "--key-file", "demo/demo.key", "--checkpoint-file", "demo/demo.checkpoint"];
    let with_files = |args: &[&'static str]| [args, &files[..]].concat();
    run(dir.path(), &with_files(&["audit", "verify"])).exits(0);
    run(dir.path(), &with_files(&["backup", "live.dump"])).exits(0);
    let (code, lines) = host.stop();
    assert_eq!(code, Some(0), "{lines:?}");
    assert!(lines.iter().any(|l| l.starts_with("Stopped.")), "{lines:?}");

    let verdict = run(dir.path(), &with_files(&["audit", "verify", "--json"])).exits(0).json();
    assert_eq!(verdict["unsealed"], 0, "sealed to the end: {verdict}");
    assert!(verdict["verified"].as_i64() > Some(10) && verdict["checkpoints"].as_i64() > Some(0), "{verdict}");
    for secret in ["demo.key", "demo.checkpoint"] {
        let mode = fs::metadata(dir.path().join("demo").join(secret)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{secret}");
    }

    let again = run(dir.path(), &["demo", "--dir", "demo", "--no-serve", "--json"]).exits(0).json();
    let sign_ins = again["sign_ins"].as_array().unwrap();
    assert_eq!(sign_ins.len(), 5);
    for s in sign_ins {
        let password = s["password"].as_str().unwrap();
        assert!(!shown.contains(password), "passwords are made anew");
        for file in ["demo.db", "demo.db-wal"] {
            let stored = fs::read(dir.path().join("demo").join(file)).unwrap_or_default();
            assert!(!stored.windows(password.len()).any(|w| w == password.as_bytes()), "never stored");
        }
    }
    // Without its keys a database is not given new ones.
    fs::remove_file(dir.path().join("demo/demo.key")).unwrap();
    run(dir.path(), &["demo", "--dir", "demo", "--no-serve"]).exits(8);
}

#[test]
fn a_host_is_set_up_step_by_step() {
    let dir = world::directory();
    let at = dir.path();
    let missing = run(at, &["serve", "--listen", "127.0.0.1:0"]).exits(8);
    assert!(missing.err.contains("zhengna keys new"), "{}", missing.err);
    assert!(!at.join("zhengna.db").exists(), "nothing is made without keys");
    run(at, &["keys", "new"]).exits(0);
    let keys = fs::read(at.join("zhengna.key")).unwrap();
    run(at, &["keys", "new"]).exits(8);
    assert_eq!(fs::read(at.join("zhengna.key")).unwrap(), keys, "never overwritten");
    // What does not exist is not made by commands that only look, or that add to it.
    for command in [
        &["audit", "verify", "--without-checkpoints"][..],
        &["backup", "x.dump"],
        &["recount"],
        &["user", "add", "1", "--name", "甲", "--authority", "12200000000", "--post", "岗"],
    ] {
        let failed = run(at, command).exits(7);
        assert!(failed.err.contains("no database"), "{}", failed.err);
    }
    assert!(!at.join("zhengna.db").exists() && !at.join("x.dump").exists());
    assert_eq!(run(at, &["migrate", "--json"]).exits(0).json()["applied"][0], 1);
    assert_eq!(run(at, &["migrate", "--json"]).exits(0).json()["applied"], serde_json::json!([]));
    let mut host = Host::start(at, &["serve", "--listen", "127.0.0.1:0"]);
    let address = host.address();
    assert!(get(&address, "/healthz").starts_with("HTTP/1.1 200"));
    assert_eq!(host.stop().0, Some(0));
    fs::set_permissions(at.join("zhengna.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let open = run(at, &["serve", "--listen", "127.0.0.1:0"]).exits(8);
    assert!(open.err.contains("chmod 600"), "{}", open.err);
}

/// Only the command line makes the first administrator, and only once; no password is ever an argument.
#[test]
fn t13_the_first_administrator_is_made_once_by_command_line() {
    let dir = world::directory();
    let at = dir.path();
    run(at, &["keys", "new"]).exits(0);
    run(at, &["migrate"]).exits(0);
    let bootstrap = |more: &[&str], stdin: &str| {
        let args = [&["bootstrap", "220000001", "--name", "管理员", "--authority", "12200000000"][..], more].concat();
        run_with(at, &args, stdin)
    };
    let nowhere = bootstrap(&["--password-stdin"], "Xiang-Kan-2026\n").exits(2);
    assert!(nowhere.err.contains("zhengna authority import"), "{}", nowhere.err);
    let tree = "code,parent,kind,name,effective_from\n12200000000,,province,国家税务总局吉林省税务局,2018-07-01\n";
    fs::write(at.join("tree.csv"), tree).unwrap();
    run(at, &["authority", "import", "tree.csv"]).exits(0);
    bootstrap(&[], "").exits(2);
    bootstrap(&["--password", "Xiang-Kan-2026"], "").exits(2);
    bootstrap(&["--password-stdin"], "short\n").exits(2);
    let file = at.join("first.password");
    fs::write(&file, "Xiang-Kan-2026\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let open = bootstrap(&["--password-file", "first.password"], "").exits(8);
    assert!(open.err.contains("chmod 600"), "{}", open.err);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let made = bootstrap(&["--password-file", "first.password", "--json"], "").exits(0);
    assert_eq!((made.json()["staff_no"].as_str(), made.json()["post"].as_str()), (Some("220000001"), Some("系统管理员")));
    assert!(!made.out.contains("Xiang-Kan-2026"));
    let again = bootstrap(&["--password-stdin"], "Xiang-Kan-2026\n").exits(2);
    assert!(again.err.contains("administrator before") && again.err.contains("zhengna user password"), "{}", again.err);
    run(at, &["audit", "verify", "--without-checkpoints"]).exits(0);
}

#[test]
fn a_port_that_is_taken_and_a_weak_webhook_secret_are_told() {
    let site = Site::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let failed = site.run(&["serve", "--listen", &address]).exits(7);
    assert!(failed.err.contains("--listen"), "{}", failed.err);
    fs::write(site.path("secret"), "whsec_c2hvcnQ=\n").unwrap();
    fs::set_permissions(site.path("secret"), fs::Permissions::from_mode(0o600)).unwrap();
    let weak = site.run(&["serve", "--webhook-url", "http://127.0.0.1:1/", "--webhook-secret-file", "secret"]).exits(8);
    assert!(weak.err.contains("openssl rand"), "{}", weak.err);
}

#[test]
fn operations_openapi_and_config_are_for_machines_too() {
    let dir = world::directory();
    let operations = run(dir.path(), &["operations", "--json"]).exits(0).json();
    assert_eq!(operations.as_array().unwrap().len(), zhengna_core::operation::OPERATIONS.len());
    assert!(run(dir.path(), &["operations"]).exits(0).out.contains("interaction.claim"));
    assert!(run(dir.path(), &["openapi"]).exits(0).json()["openapi"].as_str().unwrap().starts_with("3.1"));
    let config = run(dir.path(), &["config", "--json", "--database", "postgres://u:hunter2@h/d"]).exits(0);
    assert_eq!(config.json()["database"]["source"], "flag --database");
    assert!(!config.out.contains("hunter2"));
    let failed = run(dir.path(), &["migrate", "--json", "--database", "postgres://u:hunter2@127.0.0.1:1/d"]).exits(7);
    let error: Value = serde_json::from_str(&failed.err).unwrap();
    assert_eq!((&error["error"]["exit"], &error["error"]["code"]), (&7.into(), &"unreachable".into()));
    assert!(!failed.err.contains("hunter2"));
}

#[test]
fn an_officer_is_added_with_a_post_and_a_password() {
    let site = Site::new();
    let add = |more: &[&str], stdin: &str| {
        let args = [&["user", "add", "22019999", "--name", "合成", "--authority", world::NANGUAN, "--json"][..], more].concat();
        run_with(site.dir.path(), &args, stdin)
    };
    add(&["--post", "没有这个岗位"], "").exits(2);
    add(&["--post", "督导", "--password-stdin"], "short\n").exits(2);
    let added = add(&["--post", "窗口", "--permissions", "serve_taxpayers,read_audit"], "").exits(0).json();
    let password = added["password"].as_str().unwrap().to_owned();
    let twice = add(&["--post", "督导"], "").exits(2);
    assert!(twice.err.contains("already"), "{}", twice.err);

    let sign_in = |password: &str| {
        let path = |name: &str| site.path(name).display().to_string();
        let variables = [
            ("ZHENGNA_DATABASE".to_owned(), format!("sqlite:{}", path("zhengna.db"))),
            ("ZHENGNA_KEY_FILE".to_owned(), path("zhengna.key")),
        ];
        let config = Effective::from_parts(&Flags::default(), variables).unwrap().config;
        let core = open::open(&config, open::Mode::Existing).unwrap().core;
        let typed = zhengna_core::access::Credentials { login: "22019999".into(), password: password.into() };
        let session = core.sign_in(&typed, "test")?;
        let caller = core.authenticate(&session.token)?;
        core.as_actor(caller.actor).access().me()
    };
    let me = sign_in(&password).unwrap();
    assert_eq!((me.permissions.len(), me.duty), (2, Some(Duty::ChangePassword)));
    run(site.dir.path(), &["user", "second-factor", "22019999"]).exits(2);
    let chosen = "Correct-horse-7";
    let changed =
        run_with(site.dir.path(), &["user", "password", "22019999", "--password-stdin", "--json"], &format!("{chosen}\n")).exits(0);
    assert_eq!(changed.json()["password"], Value::Null, "what was typed is not shown");
    assert!(sign_in(&password).is_err() && sign_in(chosen).is_ok());
    run(site.dir.path(), &["user", "password", "nobody"]).exits(2);
    site.run(&["audit", "verify"]).exits(0);
}

#[test]
fn a_backup_is_whole_is_never_overwritten_and_comes_back_on_either_engine() {
    let site = Site::new();
    let made = site.run(&["backup", "one.dump", "--json"]).exits(0).json();
    let one = fs::read(site.path("one.dump")).unwrap();
    assert_eq!(made["bytes"], one.len());
    assert_eq!(made["sm3"], zhengna_core::crypto::hex(&zhengna_core::crypto::sm3(&[&one])).as_str());
    assert_eq!(fs::metadata(site.path("one.dump")).unwrap().permissions().mode() & 0o777, 0o600);
    site.run(&["backup", "one.dump"]).exits(2);
    assert_eq!(fs::read(site.path("one.dump")).unwrap(), one);
    // It carries no name in clear.
    assert!(!String::from_utf8_lossy(&one).contains("测试"));

    let database = cluster().empty();
    for (target, file) in [("sqlite:new.db", "two.dump"), (database.url(), "three.dump")] {
        let restored = site.run(&["restore", "one.dump", "--database", target, "--json"]).exits(0).json();
        assert_eq!((&restored["rows"], &restored["checkpoints_from"]), (&made["rows"], &"file".into()));
        assert_eq!(restored["audit"]["finding"], Value::Null);
        site.run(&["backup", file, "--database", target]).exits(0);
        assert!(fs::read(site.path(file)).unwrap() == one, "{target}: the same dump");
        let refused = site.run(&["restore", "one.dump", "--database", target]).exits(2);
        assert!(refused.err.contains("not empty"), "{}", refused.err);
        // The restored database works.
        let mut host = Host::start(site.dir.path(), &["serve", "--listen", "127.0.0.1:0", "--database", target]);
        host.address();
        assert_eq!(host.stop().0, Some(0));
        site.run(&["recount", "--database", target]).exits(0);
    }

    // Cut off, altered, or not a dump: nothing is restored.
    let text = String::from_utf8(one.clone()).unwrap();
    let cut: String = text.lines().take(text.lines().count() - 1).map(|l| format!("{l}\n")).collect();
    for (name, content) in [("cut", cut), ("altered", text.replacen("22010000", "22010009", 1)), ("other", "hello\n".into())] {
        assert_ne!(content, text, "{name}");
        fs::write(site.path(name), content).unwrap();
        let target = format!("sqlite:{name}.db");
        let refused = site.run(&["restore", name, "--database", &target]).exits(5);
        assert!(refused.err.contains("Nothing was restored"), "{}", refused.err);
        site.run(&["restore", "one.dump", "--database", &target]).exits(0);
    }
    let left: Vec<_> = fs::read_dir(site.dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!left.iter().any(|n| n.to_string_lossy().contains("partial")), "{left:?}");
}

#[test]
fn verification_names_what_was_done_to_the_trail() {
    const NTH: &str = "(SELECT seq FROM audit_record ORDER BY xid, seq LIMIT 1 OFFSET 4)";
    let fifth = format!("seq = {NTH}");
    // What is done, what it is called, at which place.
    let cases: BTreeMap<&str, (String, i64)> = [
        ("altered", (format!("UPDATE audit_record SET subject = 'nothing/to-see' WHERE {fifth}"), 5)),
        ("removed", (format!("DELETE FROM audit_record WHERE {fifth}"), 5)),
        (
            "inserted",
            (
                format!(
                    "UPDATE audit_record SET seq = -2 * seq; UPDATE audit_record SET seq = -seq; UPDATE audit_link SET seq = seq * 2; \
                     INSERT INTO audit_record SELECT xid, seq + 1, randomblob(16), at, operation, actor, subject, reason, request, digest, rows \
                     FROM audit_record WHERE {fifth}"
                ),
                6,
            ),
        ),
        (
            "moved",
            (
                "CREATE TEMP TABLE two AS SELECT seq, (SELECT count(*) FROM audit_record b WHERE b.seq < a.seq) AS nth FROM audit_record a; \
                 UPDATE audit_record SET seq = -seq WHERE seq IN (SELECT seq FROM two WHERE nth IN (4, 5)); \
                 UPDATE audit_record SET seq = CASE seq WHEN -(SELECT seq FROM two WHERE nth = 4) THEN (SELECT seq FROM two WHERE nth = 5) \
                 ELSE (SELECT seq FROM two WHERE nth = 4) END WHERE seq < 0"
                    .into(),
                5,
            ),
        ),
        (
            "cut_off",
            (
                format!("DELETE FROM audit_link WHERE number > 5; DELETE FROM audit_checkpoint WHERE number > 5; DELETE FROM audit_record WHERE seq > {NTH}"),
                6,
            ),
        ),
    ]
    .into();
    for (kind, (sql, place)) in cases {
        let site = Site::new();
        let whole = site.run(&["audit", "verify", "--json"]).exits(0).json();
        assert_eq!((&whole["finding"], &whole["unsealed"]), (&Value::Null, &0.into()));
        let record = site.record(place);
        site.tamper(&sql);
        let verdict = site.run(&["audit", "verify", "--json"]).exits(9).json();
        assert_eq!((&verdict["finding"]["kind"], &verdict["finding"]["number"]), (&kind.into(), &place.into()), "{verdict}");
        if matches!(kind, "altered" | "removed") {
            assert_eq!(verdict["finding"]["record"], record.as_str());
        }
        let text = site.run(&["audit", "verify"]).exits(9).err;
        assert!(text.contains(kind) && text.contains(&format!("place {place}")), "{text}");
        // The chain alone shows nothing of its missing end: hence the second sink.
        let alone = if kind == "cut_off" { 0 } else { 9 };
        site.run(&["audit", "verify", "--without-checkpoints"]).exits(alone);
    }
}

#[test]
fn verification_needs_its_checkpoints_whole_and_signed_with_the_right_key() {
    let site = Site::new();
    let line = fs::read_to_string(site.path("zhengna.checkpoint")).unwrap();
    fs::rename(site.path("zhengna.checkpoint"), site.path("elsewhere")).unwrap();
    site.run(&["audit", "verify"]).exits(7);
    site.run(&["audit", "verify", "--checkpoints", "elsewhere"]).exits(0);
    let (head, tail) = line.trim_end().split_at(line.len() - 9);
    let forged = format!("{head}{}\n", tail.chars().map(|c| if c == '0' { '1' } else { '0' }).collect::<String>());
    fs::write(site.path("elsewhere"), forged).unwrap();
    let verdict = site.run(&["audit", "verify", "--checkpoints", "elsewhere", "--json"]).exits(9).json();
    assert_eq!(verdict["finding"]["kind"], "forged_checkpoint");
    fs::write(site.path("elsewhere"), "dear diary\n").unwrap();
    site.run(&["audit", "verify", "--checkpoints", "elsewhere"]).exits(9);
    // Another installation's keys: nothing is written under them.
    site.run(&["keys", "new", "--key-file", "foreign.key"]).exits(0);
    let before = fs::read(site.path("zhengna.db")).unwrap();
    let foreign = site.run(&["serve", "--listen", "127.0.0.1:0", "--key-file", "foreign.key"]).exits(8);
    assert!(foreign.err.contains("does not belong"), "{}", foreign.err);
    assert_eq!(fs::read(site.path("zhengna.db")).unwrap(), before);
}

#[test]
fn locked_newer_altered_and_corrupt_databases_are_told_apart_and_left_alone() {
    let commands: [&[&str]; 3] = [&["serve", "--listen", "127.0.0.1:0"], &["migrate"], &["user", "password", "22010000"]];
    let site = Site::new();
    let holder = SqliteStore::open(&site.path("zhengna.db"), world::start(), PROJECTIONS).unwrap();
    for command in commands {
        let locked = site.run(command).exits(3);
        assert!(locked.err.contains("Stop the other one"), "{}", locked.err);
    }
    drop(holder);

    type Break = fn(&Site);
    let breaks: [(&str, i32, Break); 5] = [
        ("newer", 4, |s| s.tamper("INSERT INTO schema_migration VALUES (9999, 'future', x'00', 0)")),
        ("altered", 4, |s| s.tamper("UPDATE schema_migration SET checksum = x'00'")),
        ("not a database", 5, |s| fs::write(s.path("zhengna.db"), "no database at all, only text ".repeat(100)).unwrap()),
        ("damaged pages", 5, |s| {
            let mut bytes = fs::read(s.path("zhengna.db")).unwrap();
            for byte in &mut bytes[100..] {
                *byte ^= 0xa5;
            }
            fs::write(s.path("zhengna.db"), bytes).unwrap();
        }),
        ("wrong kinds", 5, |s| s.tamper("UPDATE schema_migration SET checksum = 7")),
    ];
    for (name, code, break_it) in breaks {
        let site = Site::new();
        break_it(&site);
        let before = fs::read(site.path("zhengna.db")).unwrap();
        for command in commands.into_iter().chain([&["audit", "verify"][..], &["backup", "x.dump"]]) {
            let failed = site.run(command).exits(code);
            assert!(failed.err.lines().count() > 1, "{name}: says what to do: {}", failed.err);
            assert!(fs::read(site.path("zhengna.db")).unwrap() == before, "{name}: {command:?} left the file alone");
            assert!(!site.path("x.dump").exists());
        }
    }
}

#[test]
fn a_real_host_gets_its_authorities_and_its_first_officer() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &["keys", "new"]).exits(0);
    let jilin = concat!(env!("CARGO_MANIFEST_DIR"), "/../../core/data/jilin_authorities.csv");
    let imported = run(dir.path(), &["authority", "import", jilin, "--json"]).exits(0).json();
    assert!(imported["added"].as_u64().unwrap() > 80 && imported["added"] == imported["rows"], "{imported}");
    let again = run(dir.path(), &["authority", "import", jilin, "--json"]).exits(0).json();
    assert_eq!(again["rows"], imported["rows"], "again is harmless");
    let user = ["user", "add", "1", "--name", "甲", "--authority", "12200000000", "--post", "坐席", "--permissions", "serve_taxpayers"];
    run(dir.path(), &user).exits(0);
    fs::write(dir.path().join("bad.csv"), "code,parent,kind,name,effective_from\n1220,,province,省,2018-06-15\n").unwrap();
    let bad = run(dir.path(), &["authority", "import", "bad.csv"]).exits(2);
    assert!(bad.err.contains("line 2") && bad.err.contains("Nothing was imported"), "{}", bad.err);
    let mut host = Host::start(dir.path(), &["serve", "--listen", "127.0.0.1:0"]);
    host.address();
    assert_eq!(host.stop().0, Some(0));
}

#[test]
fn people_are_imported_from_the_tables_that_offices_send_and_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    run(at, &["keys", "new"]).exits(0);
    run(at, &["authority", "import", concat!(env!("CARGO_MANIFEST_DIR"), "/../../core/data/jilin_authorities.csv")]).exits(0);
    let import = |args: &[&str]| run(at, &[&["people", "import"], args].concat());
    let counts = |ran: Ran| {
        let told = ran.exits(0).json();
        ["new", "changed", "duplicate", "broken"].map(|verdict| told["verdicts"][verdict].as_u64().unwrap())
    };
    let book = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/files/people.xlsx");
    assert_eq!(counts(import(&[book, "--dry-run", "--json"])), [3, 0, 0, 0]);
    assert_eq!(counts(import(&[book, "--json"])), [3, 0, 0, 0]);
    assert_eq!(counts(import(&[book, "--dry-run", "--json"])), [0, 0, 3, 0], "all is there as in the file");

    // What an office saves from Excel: GB18030, another phone, a slip in a number, a column nobody asked for.
    let lines = "纳税人名称,身份证号,手机号,备注\n表格甲,11010519491231002X,13900001234,\n表格乙,110105194912310021,,下周补\n";
    let gb = encoding_rs::GB18030.encode(lines).0.into_owned();
    fs::write(at.join("persons.csv"), gb).unwrap();
    let given = ["persons.csv", "--kind", "自然人", "--authority", "12201020000"];
    let said = import(&given).exits(0);
    assert!(said.out.starts_with("2 rows: 0 are new, 1 changed, 0 duplicate, 1 broken."), "{}", said.out);
    assert!(said.out.contains("line 3: number: ") && said.out.contains("check digit at 18") && said.out.contains("请核对"), "{}", said.out);
    assert!(!said.out.contains("1949") && said.err.contains("--take-back"), "{}{}", said.out, said.err);
    assert_eq!(counts(import(&[&given[..], &["--json"]].concat())), [0, 1, 0, 1], "the same file again is told as before");
    assert_eq!(counts(import(&[&given[..], &["--dry-run", "--json"]].concat())), [0, 0, 1, 1]);
    // The workbook's 表格甲 has another phone by now.
    let refused = import(&[book, "--take-back"]).exits(1);
    assert!(refused.err.contains('2'), "{}", refused.err);
    assert_eq!(import(&[&given[..], &["--take-back", "--json"]].concat()).exits(0).json()["taken_back"], 1);
    let gone = import(&[book, "--take-back"]).exits(0);
    assert!(gone.out.contains("3 rows were taken back"), "{}", gone.out);
    assert_eq!(counts(import(&[book, "--dry-run", "--json"])), [3, 0, 0, 0]);

    for (name, text, said) in [
        ("no_number.csv", "类型,姓名,手机\n自然人,甲,1\n", "no column is called number"),
        ("twice.csv", "姓名,name,号码,类型,authority\n甲,甲,1,1,1\n", "columns 1 and 2 are both name"),
        ("mixed.csv", "", "line 2 is neither UTF-8 nor GB18030"),
        ("bomb.xlsx", "", "cannot be read"),
    ] {
        let bytes: &[u8] = match name {
            "mixed.csv" => b"\xE5\xA7\x93,b\n\xE5\xFF\xFF,1\n",
            "bomb.xlsx" => b"PK\x03\x04 and nothing else",
            _ => text.as_bytes(),
        };
        fs::write(at.join(name), bytes).unwrap();
        let failed = import(&[name]).exits(2);
        assert!(failed.err.contains(said) && failed.err.contains("Nothing was imported"), "{name}: {}", failed.err);
    }
    // A workbook that makes the library that reads it panic costs the child process.
    let hostile = import(&[concat!(env!("CARGO_MANIFEST_DIR"), "/tests/files/hostile.xlsx")]).exits(2);
    assert!(hostile.err.contains("could not be read within the limits") && hostile.err.contains("Nothing was imported"), "{}", hostile.err);
    let unknown = import(&["persons.csv", "--take-back", "--kind", "企业", "--authority", "12201020000"]).exits(0);
    assert!(unknown.out.contains("0 rows were taken back"), "{}", unknown.out);
    fs::write(at.join("other.csv"), "姓名,号码,类型,authority\n").unwrap();
    assert!(import(&["other.csv", "--take-back"]).exits(2).err.contains("never imported"));
}

/// After the people, what lists say of them: each kind from a table as an office sends it, looked at, imported, taken back.
#[test]
fn what_lists_say_of_people_is_imported_from_tables_and_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    let files = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/files");
    run(at, &["keys", "new"]).exits(0);
    run(at, &["authority", "import", concat!(env!("CARGO_MANIFEST_DIR"), "/../../core/data/jilin_authorities.csv")]).exits(0);
    let import = |args: &[&str]| run(at, &[&["people", "import"], args].concat());
    let counts = |args: &[&str]| {
        let told = import(&[args, &["--json"]].concat()).exits(0).json();
        let of = ["new", "changed", "duplicate", "broken"].map(|verdict| told["verdicts"][verdict].as_u64().unwrap());
        assert_eq!(told["rows"].as_u64(), Some(of.iter().sum()));
        of
    };
    let twice = |args: &[&str], once: [u64; 4], again: [u64; 4]| {
        assert_eq!(counts(&[args, &["--dry-run"]].concat()), once, "{args:?}");
        assert_eq!(counts(args), once, "{args:?}");
        assert_eq!(counts(args), once, "{args:?}: told as before");
        assert_eq!(counts(&[args, &["--dry-run"]].concat()), again, "{args:?}");
    };
    let back = |args: &[&str]| import(&[args, &["--take-back", "--json"]].concat()).exits(0).json()["taken_back"].as_u64().unwrap();
    let (people, book) = (format!("{files}/people.xlsx"), format!("{files}/relations.xlsx"));
    assert_eq!(counts(&[&people]), [3, 0, 0, 0]);

    // A workbook whose dates are Excel's.
    let relations = [&*book, "--list", "relations"];
    let said = import(&[&relations[..], &["--dry-run"]].concat()).exits(0);
    assert!(said.out.starts_with("5 rows: 3 would be new, 0 changed, 0 duplicate, 2 broken."), "{}", said.out);
    assert!(
        said.out.contains("line 5: role: no such role. 请填写法定代表人") && said.out.contains("line 6: person: no such person"),
        "{}",
        said.out
    );
    let sm3 = zhengna_core::crypto::hex(&zhengna_core::crypto::sm3(&[&fs::read(&book).unwrap()]));
    assert!(said.out.contains(&format!("source: relations.xlsx, SM3 {sm3}")) && said.err.contains("Nothing was written"), "{}", said.out);
    twice(&relations, [3, 0, 0, 2], [0, 0, 3, 2]);

    // GB18030, the newest finding first.
    let lines = "证件号码,实名状态,认证级别,认证时间,采集渠道\n11010519491231002X,已认证,人脸核验,2026/3/2 10:00,\n\
                 11010519491231002X,已采集,,2026年3月1日,办税服务厅\nE12345678,已认证,,2026-03-01,\n";
    fs::write(at.join("names.csv"), encoding_rs::GB18030.encode(lines).0).unwrap();
    twice(&["names.csv", "--list", "real-names", "--set", "采集渠道=电子税务局"], [2, 0, 0, 1], [0, 0, 2, 1]);

    // One file of enterprises, two rosters.
    fs::write(at.join("list.csv"), "NSRSBH\tYXQQ\n91350100M000100Y43\t2026-01-01\n").unwrap();
    let roster = |name: &'static str| ["list.csv", "--list", "rosters", "--set", name, "--set", "文号=吉税发〔2026〕1号"];
    twice(&roster("名册=大企业"), [1, 0, 0, 0], [0, 0, 1, 0]);
    twice(&roster("名册=小微企业"), [1, 0, 0, 0], [0, 0, 1, 0]);
    assert_eq!(counts(&["list.csv", "--list", "rosters", "--set", "名册=大企业", "--set", "文号=吉税发〔2026〕2号"]), [0, 1, 0, 0]);

    // While both platforms run side by side: who is known there by an old number is nobody new here.
    fs::write(at.join("old.csv"), "现用号码,曾用号码类型,曾用号码\n11010519491231002X,纳税人识别号,110105491231002\n").unwrap();
    let old = ["old.csv", "--list", "former-numbers"];
    twice(&old, [1, 0, 0, 0], [0, 0, 1, 0]);
    let lines = "纳税人识别号,人员身份,身份证号,开始日期,结束日期,渠道,原平台编号\n\
                 91350100M000100Y43,办税员,110105491231002,2026-01-01,,原平台迁移,吉-1\n";
    fs::write(at.join("later.csv"), lines).unwrap();
    let later = ["later.csv", "--list", "relations"];
    assert_eq!(counts(&[&later[..], &["--dry-run"]].concat()), [0, 1, 0, 0], "the same relation, and its id there");
    assert_eq!(counts(&later), [0, 1, 0, 0]);

    let refused = import(&[&relations[..], &["--take-back"]].concat()).exits(1);
    assert!(refused.err.contains('2'), "{}", refused.err);
    assert_eq!(back(&later), 1);
    assert_eq!(back(&relations), 3);
    assert_eq!(counts(&[&relations[..], &["--dry-run"]].concat()), [3, 0, 0, 2]);
    import(&[&people, "--take-back"]).exits(1);
    assert!(import(&["list.csv", "--list", "rosters", "--take-back"]).exits(2).err.contains("the same --list and --set"));
    assert_eq!(back(&["list.csv", "--list", "rosters", "--set", "名册=大企业", "--set", "文号=吉税发〔2026〕2号"]), 1);
    assert_eq!((back(&roster("名册=大企业")), back(&roster("名册=小微企业")), back(&old)), (1, 1, 1));
    assert_eq!(back(&["names.csv", "--list", "real-names", "--set", "采集渠道=电子税务局"]), 2);
    assert_eq!(back(&[&people]), 3, "nothing is said of them any more");

    for (args, said) in [
        (&["list.csv", "--list", "rosters"][..], "no column is called roster or 名册"),
        (&["list.csv", "--list", "rosters", "--set", "名册"], "expected COLUMN=VALUE"),
        (&["list.csv", "--list", "rosters", "--kind", "企业"], "this list has no column kind"),
        (&["none.csv", "--list", "relations"], "none.csv"),
    ] {
        let failed = import(args).exits(2);
        assert!(failed.err.contains(said), "{args:?}: {}", failed.err);
    }
    let help = import(&["--help"]).exits(0).out;
    assert!(help.contains("--list former-numbers") && help.contains("*found_at") && help.contains("stop the host before"), "{help}");
    let mut host = Host::start(at, &["serve", "--listen", "127.0.0.1:0"]);
    host.address();
    let locked = import(&relations).exits(3);
    assert!(locked.err.contains("Stop the other one (a running `zhengna serve`"), "{}", locked.err);
    assert_eq!(host.stop().0, Some(0));
}

/// Two officers, each with their own password, change the calendar from the command line; one alone cannot.
#[test]
fn the_calendar_changes_by_two_officers_at_the_command_line() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    run(dir, &["keys", "new"]).exits(0);
    fs::write(dir.join("tree.csv"), "code,parent,kind,name,effective_from\n12200000000,,province,吉林省税务局,2018-06-15\n").unwrap();
    run(dir, &["authority", "import", "tree.csv"]).exits(0);
    let add = |staff_no: &str, permissions: &str| {
        let args =
            ["user", "add", staff_no, "--name", "甲", "--authority", "12200000000", "--post", staff_no, "--permissions", permissions];
        let added = run(dir, &[&args[..], &["--json"]].concat()).exits(0).json();
        format!("{}\n", added["password"].as_str().unwrap())
    };
    let given = [add("22000001", "propose_calendar,approve_calendar"), add("22000002", "approve_calendar")];
    // What the command line gave is good for one thing only: each takes a password of their own.
    let unchanged =
        run_with(dir, &["calendar", "reject", &"0".repeat(8), "--digest", "00", "--officer", "22000002", "--reason", "x"], &given[1]);
    assert_ne!(unchanged.code, Some(0), "{}", unchanged.err);
    let mut host = Host::start(dir, &["serve", "--listen", "127.0.0.1:0"]);
    let at = format!("http://{}/api/v1", host.address());
    let [maker, checker] = [("22000001", &given[0]), ("22000002", &given[1])].map(|(staff_no, given)| {
        let own = format!("Zi-Ji-De-2026-{}", &staff_no[7..]);
        let credentials = serde_json::json!({ "login": staff_no, "password": given.trim() });
        let signed_in: Value = ureq::post(format!("{at}/sessions")).send_json(&credentials).unwrap().body_mut().read_json().unwrap();
        let bearer = format!("Bearer {}", signed_in["token"].as_str().unwrap());
        let change = serde_json::json!({ "current": given.trim(), "password": own });
        let changed = ureq::put(format!("{at}/me/password")).header("authorization", bearer).send_json(&change).unwrap();
        assert_eq!(changed.status(), 200);
        format!("{own}\n")
    });
    assert_eq!(host.stop().0, Some(0));
    let shown = run(dir, &["calendar", "show", "2027"]).exits(0).out;
    assert!(shown.starts_with("2027, provisional") && shown.contains("1月征期截止  computed"), "{shown}");
    assert!(run(dir, &["calendar", "proposals"]).exits(0).out.contains("Nothing was proposed"));

    let ics = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20270101\r\nDTEND;VALUE=DATE:20270104\r\nSUMMARY:元旦（休）\r\n\
               END:VEVENT\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20280101\r\nSUMMARY:元旦（休）\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    fs::write(dir.join("2027.ics"), ics).unwrap();
    fs::write(dir.join("bad.ics"), ics.replace("20280101", "2028-01-01")).unwrap();
    let about = ["--title", "通知", "--source", "https://www.gov.cn/1.htm", "--officer", "22000001"];
    let from_ics = ["--year", "2027", "--document", "国办发明电〔2026〕9号"];
    let propose =
        |file: &str, more: &[&str], stdin: &str| run_with(dir, &[&["calendar", "propose", file], &about[..], more].concat(), stdin);
    let bad = propose("bad.ics", &from_ics, &maker).exits(2);
    assert!(bad.err.contains("bad.ics: line 8: event 2: expected a whole day") && bad.err.contains("Nothing was proposed"), "{}", bad.err);
    assert!(propose("2027.ics", &[], &maker).exits(2).err.contains("needs --document and --year"));
    propose("none.ics", &from_ics, &maker).exits(2);
    propose("2027.ics", &from_ics, "Wrong-Password-2026\n").exits(1);
    let proposed = propose("2027.ics", &[&from_ics[..], &["--json"]].concat(), &maker).exits(0).json();
    let (id, digest) = (proposed["proposal"].as_str().unwrap(), proposed["digest"].as_str().unwrap());
    let listed = run(dir, &["calendar", "proposals"]).exits(0).out;
    assert!(
        listed.contains(id) && listed.contains(digest) && listed.contains("pending") && listed.contains("working_days 2027"),
        "{listed}"
    );

    let decide = |how: &str, digest: &str, who: &str, more: &[&str], stdin: &str| {
        run_with(dir, &[&["calendar", how, id, "--digest", digest, "--officer", who], more].concat(), stdin)
    };
    assert!(decide("approve", digest, "22000001", &[], &maker).exits(1).err.contains("somebody else decides"));
    assert!(decide("reject", digest, "22000001", &["--reason", "有误"], &maker).exits(1).err.contains("somebody else decides"));
    assert!(decide("approve", &"0".repeat(64), "22000002", &[], &checker).exits(1).err.contains("digest is not that"));
    assert!(decide("approve", digest, "22000002", &[], &checker).exits(0).out.contains("the calendar is now version 1"));
    assert!(decide("approve", digest, "22000002", &[], &checker).exits(1).err.contains("decided already"));

    let year = run(dir, &["calendar", "show", "2027", "--json"]).exits(0).json();
    let days = year["calendar"]["days"].as_array().unwrap();
    let off: Vec<&str> = days.iter().filter(|d| d["holiday"] == "元旦").map(|d| d["date"].as_str().unwrap()).collect();
    assert_eq!(off, ["2027-01-01", "2027-01-02", "2027-01-03"], "those of 2028 were left out");
    let written = run(dir, &["calendar", "show", "2027", "--ics"]).exits(0).out;
    assert!(
        written.starts_with("BEGIN:VCALENDAR\r\n") && written.ends_with("END:VCALENDAR\r\n") && zhengna_server::ics::read(&written).is_ok()
    );

    // Tables of the source tree are files that can be proposed.
    let tables = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../core/data");
    let filing = fs::read_to_string(tables.join("filing_periods.csv")).unwrap();
    let of_2026: Vec<&str> = filing.lines().filter(|l| l.starts_with("month") || l.starts_with("2026")).collect();
    fs::write(dir.join("filing.csv"), of_2026.join("\n")).unwrap();
    propose("filing.csv", &[], &maker).exits(0);
    fs::write(dir.join("eleven.csv"), of_2026[..12].join("\n")).unwrap();
    assert!(propose("eleven.csv", &[], &maker).exits(2).err.contains("expected twelve days"));
    fs::write(dir.join("wrong.csv"), of_2026.join("\n").replace("2026-05,", "2026-06,")).unwrap();
    assert!(propose("wrong.csv", &[], &maker).exits(2).err.contains("wrong.csv: line 6: expected a month"));
    let notices = fs::read_to_string(tables.join("calendar_days.csv")).unwrap();
    let of_2025: Vec<&str> = notices.lines().filter(|l| l.starts_with("year") || l.starts_with("2025")).collect();
    fs::write(dir.join("notice.csv"), of_2025.join("\n")).unwrap();
    propose("notice.csv", &[], &maker).exits(0);
    fs::write(dir.join("all.csv"), notices).unwrap();
    assert!(propose("all.csv", &[], &maker).exits(2).err.contains("expected the days of one year, found 9"));
}
