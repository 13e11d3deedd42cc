//! The throwaway PostgreSQL of `zhengna_tests::postgres` keeps its promises.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};
use zhengna_tests::postgres::{Cluster, Database, cluster};

const DURABLE: &[&str] = &["fsync=on", "synchronous_commit=on", "full_page_writes=on"];

fn connect(database: &Database) -> Client {
    Client::connect(database.url(), NoTls).unwrap()
}

fn count(client: &mut Client) -> i64 {
    client.query_one("SELECT count(*) FROM item", &[]).unwrap().get(0)
}

fn setting(client: &mut Client, name: &str) -> String {
    client.query_one("SELECT current_setting($1)", &[&name]).unwrap().get(0)
}

fn one_item(url: &str) {
    let mut client = Client::connect(url, NoTls).unwrap();
    client.batch_execute("CREATE TABLE item (id int PRIMARY KEY); INSERT INTO item VALUES (1)").unwrap();
}

fn start(extra: &[&str]) -> Cluster {
    Cluster::start(extra).unwrap_or_else(|reason| panic!("{reason}"))
}

#[test]
fn an_empty_database_is_utf8_with_locale_c() {
    let database = cluster().empty();
    let mut client = connect(&database);
    let row = client
        .query_one(
            "SELECT pg_encoding_to_char(encoding), datcollate, datctype FROM pg_database
             WHERE datname = current_database()",
            &[],
        )
        .unwrap();
    let found: [String; 3] = [row.get(0), row.get(1), row.get(2)];
    assert_eq!(found, ["UTF8", "C", "C"]);
}

#[test]
fn clones_are_independent() {
    cluster().template("independent", one_item);
    let first = cluster().clone_of("independent");
    let second = cluster().clone_of("independent");

    connect(&first).execute("INSERT INTO item VALUES (2)", &[]).unwrap();
    assert_eq!(count(&mut connect(&first)), 2);
    assert_eq!(count(&mut connect(&second)), 1);
}

#[test]
fn a_template_is_prepared_once_whoever_asks() {
    let prepared = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                cluster().template("once", |url| {
                    prepared.fetch_add(1, Ordering::SeqCst);
                    one_item(url);
                });
                assert_eq!(count(&mut connect(&cluster().clone_of("once"))), 1);
            });
        }
    });
    assert_eq!(prepared.into_inner(), 1);
}

#[test]
fn a_session_left_open_by_prepare_does_not_block_clones() {
    let mut left_open = None;
    cluster().template("left open", |url| {
        one_item(url);
        left_open = Some(Client::connect(url, NoTls).unwrap());
    });
    assert_eq!(count(&mut connect(&cluster().clone_of("left open"))), 1);
    assert!(left_open.unwrap().simple_query("SELECT 1").is_err());
}

#[test]
fn dropping_a_database_ends_its_sessions_and_removes_it() {
    let database = cluster().empty();
    let url = database.url().to_owned();
    let mut session = connect(&database);
    drop(database);
    assert!(session.simple_query("SELECT 1").is_err());
    assert!(Client::connect(&url, NoTls).is_err());
}

#[test]
#[should_panic(expected = "no template \"never made\"")]
fn a_clone_needs_its_template() {
    cluster().clone_of("never made");
}

#[test]
fn a_wrong_setting_is_an_error_with_the_servers_reason() {
    let misspelt = Cluster::start(&["-c", "fsync=on"]).err().unwrap();
    assert!(misspelt.contains("not a setting"), "{misspelt}");
    let unknown = Cluster::start(&["no_such_setting=on"]).err().unwrap();
    assert!(unknown.contains("no_such_setting"), "{unknown}");
}

#[tokio::test]
async fn databases_can_be_made_and_dropped_in_an_async_test() {
    drop(cluster().empty());
}

#[test]
fn what_was_committed_survives_an_immediate_stop() {
    let crashing = start(DURABLE);
    crashing.template("durable", one_item);
    let database = crashing.clone_of("durable");
    let mut client = connect(&database);
    assert_eq!(setting(&mut client, "fsync"), "on");
    client.execute("INSERT INTO item VALUES (2)", &[]).unwrap();
    let mut unfinished = client.transaction().unwrap();
    unfinished.execute("INSERT INTO item VALUES (3)", &[]).unwrap();

    crashing.stop_immediately().unwrap();
    assert!(Client::connect(database.url(), NoTls).is_err());
    assert!(unfinished.commit().is_err());

    crashing.restart().unwrap();
    assert_eq!(count(&mut connect(&database)), 2);
    assert_eq!(count(&mut connect(&crashing.clone_of("durable"))), 1);
    crashing.restart().unwrap(); // also when it runs
    assert_eq!(count(&mut connect(&database)), 2);
}

/// Nothing of a cluster outlives the test process that used it. Processes are told by
/// their working directory, which only Linux shows.
#[cfg(target_os = "linux")]
mod end {
    use super::*;
    use std::fs;
    use std::io::{BufRead, BufReader, Read};
    use std::path::{Path, PathBuf};
    use std::process::{Child, ChildStdout, Command, Stdio};

    const CHILD: &str = "ZHENGNA_CLUSTER_TEST_CHILD";
    const MARK: &str = "cluster in ";

    /// In the child: uses the shared cluster until stdin closes, then ends normally.
    fn use_cluster() {
        let _database = cluster().empty();
        println!("{MARK}{}", cluster().directory().unwrap().display());
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    }

    /// This program again, running only the test `name`; its output, held open for the
    /// harness's last lines; the directory of its cluster.
    fn spawn_user(name: &str) -> (Child, BufReader<ChildStdout>, PathBuf) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(CHILD, "1")
            .env_remove("ZHENGNA_TEST_POSTGRES") // what ends here is a server of its own
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        // The harness may put "test name ... " before the mark.
        let directory = loop {
            line.clear();
            assert!(output.read_line(&mut line).unwrap() > 0, "the child said nothing");
            if let Some((_, path)) = line.trim_end().split_once(MARK) {
                break path.into();
            }
        };
        (child, output, directory)
    }

    fn processes_in(directory: &Path) -> usize {
        let processes = fs::read_dir("/proc").unwrap().flatten();
        processes.filter_map(|process| fs::read_link(process.path().join("cwd")).ok()).filter(|cwd| cwd.starts_with(directory)).count()
    }

    fn wait_until_gone(directory: &Path) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while directory.exists() || processes_in(directory) > 0 {
            assert!(Instant::now() < deadline, "{} processes left in {directory:?}", processes_in(directory));
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn nothing_survives(name: &str, end: impl FnOnce(&mut Child)) {
        if std::env::var_os(CHILD).is_some() {
            return use_cluster();
        }
        let (mut child, _output, directory) = spawn_user(name);
        assert!(processes_in(&directory) > 2, "the supervisor and the server's processes");
        end(&mut child);
        child.wait().unwrap();
        wait_until_gone(&directory);
    }

    #[test]
    fn nothing_survives_sigkill() {
        nothing_survives("end::nothing_survives_sigkill", |child| child.kill().unwrap());
    }

    #[test]
    fn nothing_survives_a_normal_exit() {
        nothing_survives("end::nothing_survives_a_normal_exit", |child| {
            drop(child.stdin.take());
        });
    }

    #[test]
    fn nothing_survives_a_drop() {
        let dropped = start(&[]);
        let directory = dropped.directory().expect("needs a cluster of its own: unset ZHENGNA_TEST_POSTGRES").to_owned();
        drop(dropped);
        assert!(!directory.exists());
        assert_eq!(processes_in(&directory), 0);
    }
}
