//! The command `zhengna` as its users run it: real processes, exit codes, files. `zhengna control`, and what is about keys,
//! people and approvals, are in files of their own.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};
use support::process::{Host, Site, get, opened, run, run_with};
use zhengna_core::access::{Credentials, Duty};
use zhengna_core::core::PROJECTIONS;
use zhengna_core::store::sqlite::SqliteStore;
use zhengna_tests::world;

#[test]
fn every_command_teaches() {
    let dir = world::directory();
    let commands: &[&[&str]] = &[
        &[],
        &["serve"],
        &["demo"],
        &["migrate"],
        &["keys"],
        &["keys", "new"],
        &["keys", "rotate"],
        &["keys", "rewrap"],
        &["keys", "retire"],
        &["keys", "status"],
        &["keys", "custodian"],
        &["control"],
        &["people", "erase"],
        &["people", "export"],
        &["user"],
        &["user", "add"],
        &["user", "password"],
        &["user", "second-factor"],
        &["bootstrap"],
        &["authority", "import"],
        &["people", "import"],
        &["line", "open"],
        &["calendar", "show"],
        &["calendar", "propose"],
        &["approval", "list"],
        &["approval", "approve"],
        &["approval", "reject"],
        &["approval", "withdraw"],
        &["approval", "execute"],
        &["control", "report"],
        &["control", "screen"],
        &["backup"],
        &["restore"],
        &["audit", "verify"],
        &["recount"],
        &["transcript"],
        &["simulate"],
        &["simulate", "interactions"],
        &["operations"],
        &["openapi"],
    ];
    for command in commands {
        let args: Vec<&str> = command.iter().copied().chain(["--help"]).collect();
        let help = run(dir.path(), &args).exits(0).out;
        assert!(help.contains("Usage:") && help.contains("--database"), "{args:?}");
        if !matches!(command, [] | ["keys"] | ["user"] | ["control"] | ["simulate"]) {
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
    for wanted in ["合成数据", "synthetic", "/taxpayer/", "/console/", "220102001", "220100901", "demo.key"] {
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
    run(dir.path(), &with_files(&["backup", "live.dump", "--unsealed"])).exits(0);
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
    assert_eq!(sign_ins.len(), 10);
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
        &["backup", "x.dump", "--unsealed"],
        &["recount"],
        &["user", "add", "1", "--name", "甲", "--authority", "12200000000", "--post", "岗"],
    ] {
        let failed = run(at, command).exits(7);
        assert!(failed.err.contains("no database"), "{}", failed.err);
    }
    assert!(!at.join("zhengna.db").exists() && !at.join("x.dump").exists());
    assert_eq!(run(at, &["migrate", "--json"]).exits(0).json()["applied"][0], 1);
    assert_eq!(run(at, &["migrate", "--json"]).exits(0).json()["applied"], json!([]));
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
    let unknown = add(&["--post", "没有这个岗位"], "").exits(2);
    assert!(unknown.err.contains("督导") && unknown.err.contains("--permissions"), "{}", unknown.err);
    add(&["--post", "督导", "--password-stdin"], "short\n").exits(2);
    let added = add(&["--post", "窗口", "--permissions", "serve_taxpayers,manage_lines"], "").exits(0).json();
    let password = added["password"].as_str().unwrap().to_owned();
    let twice = add(&["--post", "督导"], "").exits(2);
    assert!(twice.err.contains("already"), "{}", twice.err);

    let sign_in = |password: &str| {
        let core = opened(site.dir.path());
        let typed = Credentials { login: "22019999".into(), password: password.into() };
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
        // The chain alone shows nothing of its missing end: hence the second sink. Rights whose records were in it do.
        let alone = site.run(&["audit", "verify", "--without-checkpoints", "--json"]).exits(9).json();
        assert_eq!(alone["finding"].is_null(), kind == "cut_off", "{alone}");
        assert!(kind != "cut_off" || !alone["rights"]["findings"].as_array().unwrap().is_empty(), "{alone}");
    }
}

#[test]
fn what_is_known_of_rights_fails_no_verification_and_hides_nothing_that_comes_beside_it() {
    let site = Site::new();
    let lose_a_grant = || site.tamper("DELETE FROM access_grant WHERE id = (SELECT min(id) FROM access_grant)");
    lose_a_grant();
    let verdict = site.run(&["audit", "verify", "--json"]).exits(9).json();
    let row = verdict["rights"]["findings"][0]["row"].as_str().unwrap();
    let line = format!("removed {row}");
    let failed = site.run(&["audit", "verify"]).exits(9);
    assert!(failed.out.contains("审计链完整") && failed.err.lines().any(|said| said.trim() == line), "{}{}", failed.out, failed.err);
    site.run(&["audit", "verify", "--known", "known.txt"]).exits(7);
    fs::write(site.path("known.txt"), format!("# 已查明\n\n{line}\nremoved access_grant/returned\n")).unwrap();
    let verify = ["audit", "verify", "--known", "known.txt"];
    let passed = site.run(&verify).exits(0);
    assert!(passed.out.contains(&line) && passed.err.contains("access_grant/returned"), "{}{}", passed.out, passed.err);
    let rights = site.run(&[&verify[..], &["--json"]].concat()).exits(0).json()["rights"].take();
    assert_eq!((&rights["known"], &rights["known_no_more"]), (&json!([line]), &json!(["removed access_grant/returned"])));

    lose_a_grant();
    let again = site.run(&verify).exits(9);
    assert!(again.out.contains(&line) && again.err.contains("removed access_grant/") && !again.err.contains(&line), "{}", again.err);
    // Something sealed beside it: told as well, and so is what is whole.
    site.tamper("UPDATE officer SET name = CAST(x'00' || name AS BLOB)");
    let both = site.run(&[&verify[..], &["--sealed"]].concat()).exits(9);
    assert!(both.out.contains("审计链完整"), "{}", both.out);
    assert!(both.err.contains("权限数据有问题") && both.err.contains("加密数据有问题") && both.err.contains("--known"), "{}", both.err);
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
        for command in commands.into_iter().chain([&["audit", "verify"][..], &["backup", "x.dump", "--unsealed"]]) {
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
fn a_conversation_that_was_taken_away_is_checked_without_a_database() {
    let dir = world::directory();
    let transcript = r#"{"a":1,"messages":["您好"]}"#;
    let sm3 = zhengna_core::crypto::hex(&zhengna_core::crypto::sm3(&[transcript.as_bytes()]));
    let file = format!(r#"{{"sm3":"{sm3}","transcript":{transcript}}}"#);
    fs::write(dir.path().join("whole.json"), &file).unwrap();
    fs::write(dir.path().join("changed.json"), file.replace("您好", "不好")).unwrap();
    assert!(run(dir.path(), &["transcript", "whole.json"]).exits(0).out.contains("as it left"));
    assert!(run(dir.path(), &["transcript", "changed.json", "--json"]).exits(9).err.contains("unverified"));
    run(dir.path(), &["transcript", "missing.json"]).exits(7);
}

#[test]
fn the_lines_of_the_program_are_opened_once_at_an_authority() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &["keys", "new"]).exits(0);
    let tree = concat!(env!("CARGO_MANIFEST_DIR"), "/../../core/data/jilin_authorities.csv");
    run(dir.path(), &["authority", "import", tree]).exits(0);
    let first = run(dir.path(), &["line", "open", "12201000000", "--json"]).exits(0).out;
    assert_eq!(first.matches("\"line\"").count(), 5, "{first}");
    let again = run(dir.path(), &["line", "open", "12201000000"]).exits(0).out;
    for name in ["综合咨询", "办不成事反映专窗", "大企业专区", "小微企业专区", "快速问题处理专线"] {
        assert!(first.contains(name) && again.contains(name), "{name}: {again}");
    }
    let id = again.split_whitespace().next().unwrap();
    assert!(first.contains(id), "the same lines: {id} in {first}");
    let wrong = run(dir.path(), &["line", "open", "nowhere"]).exits(2).err;
    assert!(wrong.contains("nowhere") && wrong.contains("Nothing was opened"), "{wrong}");
}
