//! Keys, backups and restores by the command `zhengna`, as processes.

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;
use support::process::{BOUND, Host, Site, get, post, run_with, zhengna};
use zhengna_tests::postgres::cluster;

/// Three custodians; the file with their public keys.
fn custodians(site: &Site) {
    let mut public = String::from("# who keeps backups\n");
    for name in ["zhang", "li", "wang"] {
        let made = site.run(&["keys", "custodian", &format!("{name}.custodian"), "--json"]).exits(0).json();
        public += &format!("{}\n", made["public_key"].as_str().unwrap());
        let mode = fs::metadata(site.path(&format!("{name}.custodian"))).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    fs::write(site.path("custodians"), public).unwrap();
}

#[test]
fn a_restore_drill_under_load_takes_two_custodians_and_brings_everything_back() {
    let site = Site::new();
    custodians(&site);
    site.run(&["backup", "one.sealed"]).exits(2);
    // Load: a host that serves, officers who sign in, and a rotation that it finishes beside its work while the backup is made.
    let typed = r#"{"login":"22010000","password":"Xiang-Kan-2026"}"#;
    run_with(site.dir.path(), &["user", "password", "22010000", "--password-stdin"], "Xiang-Kan-2026\n").exits(0);
    let mut host = Host::start(site.dir.path(), &["serve", "--listen", "127.0.0.1:0"]);
    let address = host.address();
    let (tell, signed_in) = std::sync::mpsc::channel();
    let at = address.clone();
    // No more than one address may: twenty a second.
    let officers = std::thread::spawn(move || {
        while tell.send(post(&at, "/api/v1/sessions", typed)).is_ok() {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    });
    let written = |answer: String| assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    written(signed_in.recv_timeout(BOUND).unwrap());
    site.run(&["keys", "rotate"]).exits(0);
    // Whoever keeps a backup keeps the checkpoints of that moment: the file in use vouches for what came later, too.
    fs::copy(site.path("zhengna.checkpoint"), site.path("drill.checkpoint")).unwrap();
    let made = site.run(&["backup", "one.sealed", "--backup-custodians", "custodians", "--json"]).exits(0).json();
    assert!(get(&address, "/healthz").starts_with("HTTP/1.1 200"));
    host.until("end of the rotation", |line| line.contains("wrapped keys anew").then_some(()));
    signed_in.try_iter().for_each(written);
    written(signed_in.recv_timeout(BOUND).unwrap());
    drop(signed_in);
    officers.join().unwrap();
    assert_eq!(host.stop().0, Some(0));
    let sealed = fs::read(site.path("one.sealed")).unwrap();
    assert_eq!(made["sm3"], zhengna_core::crypto::hex(&zhengna_core::crypto::sm3(&[&sealed])).as_str());
    assert!(!String::from_utf8_lossy(&sealed).contains("taxpayer"), "not even names of tables");

    // Destroyed.
    for file in ["zhengna.db", "zhengna.db-wal", "zhengna.db-shm"] {
        let _ = fs::remove_file(site.path(file));
    }
    let begun = std::time::Instant::now();
    for (args, code) in [
        (&[][..], 8),
        (&["--custodian", "zhang.custodian"], 8),
        (&["--custodian", "zhang.custodian", "--custodian", "zhang.custodian"], 8),
        (&["--custodian", "zhang.custodian", "--custodian", "zhengna.key"], 8),
    ] {
        let refused = site.run(&[&["restore", "one.sealed"], args].concat()).exits(code);
        assert!(refused.err.contains("Nothing was restored"), "{}", refused.err);
        assert!(!site.path("zhengna.db").exists(), "{args:?}");
    }
    let two = ["--custodian", "wang.custodian", "--custodian", "zhang.custodian"];
    fs::write(site.path("cut.sealed"), &sealed[..sealed.len() - 1]).unwrap();
    let mut changed = sealed.clone();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    fs::write(site.path("changed.sealed"), changed).unwrap();
    for name in ["cut", "changed"] {
        let (file, target) = (format!("{name}.sealed"), format!("sqlite:{name}.db"));
        site.run(&[&["restore", &file, "--database", &target], &two[..]].concat()).exits(5);
    }
    let drill = std::time::Instant::now();
    let restored =
        site.run(&[&["restore", "one.sealed", "--checkpoint-file", "drill.checkpoint", "--json"], &two[..]].concat()).exits(0).json();
    assert_eq!((&restored["rows"], &restored["audit"]["finding"]), (&made["rows"], &Value::Null));
    let (restored_in, drilled_in) = (drill.elapsed().as_millis() as u64, begun.elapsed().as_millis() as u64);
    println!("restored {} rows in {restored_in} ms (the whole drill {drilled_in} ms)", made["rows"]);
    // `make audit` takes it into the evidence.
    let record = serde_json::json!({ "rows": made["rows"], "restore_ms": restored_in, "drill_ms": drilled_in });
    let target = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target");
    fs::write(target.join("restore_drill.json"), record.to_string()).unwrap();
    // The same rows, to the byte.
    let again = site.run(&["backup", "two.dump", "--unsealed", "--json"]).exits(0).json();
    assert_eq!(again["dump_sm3"], made["dump_sm3"]);
    // Its keys open: the key file has the epoch of before and of after the rotation.
    let told = site.run(&["keys", "status", "--json"]).exits(0).json();
    assert!(told["epochs"].as_array().unwrap().iter().all(|e| e["known"] == true), "{told}");
    site.run(&["keys", "rewrap"]).exits(0);
    let mut host = Host::start(site.dir.path(), &["serve", "--listen", "127.0.0.1:0"]);
    host.address();
    assert_eq!(host.stop().0, Some(0));
}

#[test]
fn keys_go_through_their_epochs_beside_a_running_host() {
    let site = Site::new();
    let mut host = Host::start(site.dir.path(), &["serve", "--listen", "127.0.0.1:0"]);
    host.address();
    let counts = || {
        let told = site.run(&["keys", "status", "--json"]).exits(0).json();
        told["epochs"].as_array().unwrap().iter().map(|e| (e["epoch"].as_u64().unwrap(), e["keys"].as_u64().unwrap())).collect::<Vec<_>>()
    };
    let all = counts()[0].1;
    assert!(all > 0);
    assert_eq!(site.run(&["keys", "rotate", "--prepare", "--json"]).exits(0).json()["epoch"], 2);
    assert_eq!(counts(), [(1, all), (2, 0)], "prepared, and nothing more");
    assert_eq!(site.run(&["keys", "rotate", "--json"]).exits(0).json()["epoch"], 2);
    host.until("end of the rotation", |line| line.contains("wrapped keys anew").then_some(()));
    assert_eq!(counts(), [(1, 0), (2, all)]);
    site.run(&["keys", "retire", "2"]).exits(2);
    site.run(&["keys", "retire", "1"]).exits(0);
    assert_eq!(counts(), [(2, all)]);
    site.run(&["keys", "retire", "1"]).exits(2);
    assert_eq!(host.stop().0, Some(0));
    let mut again = Host::start(site.dir.path(), &["serve", "--listen", "127.0.0.1:0"]);
    again.address();
    assert_eq!(again.stop().0, Some(0));
    site.run(&["audit", "verify"]).exits(0);
    assert_eq!(fs::metadata(site.path("zhengna.key")).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn keys_come_from_a_systemd_credential() {
    let site = Site::new();
    let given = site.path("credentials");
    fs::create_dir(&given).unwrap();
    fs::rename(site.path("zhengna.key"), given.join("zhengna.key")).unwrap();
    site.run(&["keys", "status"]).exits(8);
    let status = |mode| {
        fs::set_permissions(given.join("zhengna.key"), fs::Permissions::from_mode(mode)).unwrap();
        zhengna(site.dir.path(), &["keys", "status"]).env("CREDENTIALS_DIRECTORY", &given).output().unwrap().status.code()
    };
    assert_eq!((status(0o400), status(0o440), status(0o444)), (Some(0), Some(0), Some(8)));
}

#[test]
fn a_backup_is_whole_is_never_overwritten_and_comes_back_on_either_engine() {
    let site = Site::new();
    let made = site.run(&["backup", "one.dump", "--unsealed", "--json"]).exits(0).json();
    let one = fs::read(site.path("one.dump")).unwrap();
    assert_eq!(made["bytes"], one.len());
    assert_eq!(made["sm3"], zhengna_core::crypto::hex(&zhengna_core::crypto::sm3(&[&one])).as_str());
    assert_eq!(fs::metadata(site.path("one.dump")).unwrap().permissions().mode() & 0o777, 0o600);
    site.run(&["backup", "one.dump", "--unsealed"]).exits(2);
    assert_eq!(fs::read(site.path("one.dump")).unwrap(), one);
    // It carries no name in clear.
    assert!(!String::from_utf8_lossy(&one).contains("测试"));

    let database = cluster().empty();
    for (target, file) in [("sqlite:new.db", "two.dump"), (database.url(), "three.dump")] {
        let restored = site.run(&["restore", "one.dump", "--database", target, "--json"]).exits(0).json();
        assert_eq!((&restored["rows"], &restored["checkpoints_from"]), (&made["rows"], &"file".into()));
        assert_eq!(restored["audit"]["finding"], Value::Null);
        site.run(&["backup", file, "--unsealed", "--database", target]).exits(0);
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
    // Of a database whose one foreign key was broken by hand: told before anything is written, not half-way.
    site.tamper("PRAGMA foreign_keys = OFF; DELETE FROM officer_plane WHERE officer = (SELECT min(officer) FROM access_grant)");
    site.run(&["backup", "broken.dump", "--unsealed"]).exits(0);
    let refused = site.run(&["restore", "broken.dump", "--database", "sqlite:broken.db"]).exits(5);
    assert!(refused.err.contains("the grant 0") && refused.err.contains("Nothing was restored"), "{}", refused.err);
    site.run(&["restore", "one.dump", "--database", "sqlite:broken.db"]).exits(0);
    let left: Vec<_> = fs::read_dir(site.dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!left.iter().any(|n| n.to_string_lossy().contains("partial")), "{left:?}");
}
