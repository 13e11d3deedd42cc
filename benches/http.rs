//! HTTP on one core: reading a conversation, reading its messages, posting a message durably; our host as it is
//! shipped beside fastify + better-sqlite3 and a bare axum + rusqlite handler that give the same JSON. The server has
//! core 0, wrk has core 1, 64 connections. The peers ask nobody who they are, seal nothing and keep no journal.
//!
//! `cargo bench -p zhengna-benches --bench http -- [--quick] [--rounds N] [conversation|messages|post ..]`
//! Needs wrk and Node; TMPDIR on a disk.
//!
//! Our rates are per person: 2,500 callers in turn stay below each operation's 120 or 240 a minute.

use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::Connection;
use zhengna_benches::figures::{Plan, Table, head};
use zhengna_benches::installation::{Installation, taxpayer};
use zhengna_benches::place;
use zhengna_benches::server::{Server, node, on_core};
use zhengna_benches::wrk::{Requests, load};
use zhengna_core::id::ConversationId;
use zhengna_core::interaction::{ConversationView, SendMessage};

const MESSAGES: usize = 20;
const CONNECTIONS: usize = 64;

fn main() {
    let plan = Plan::from_args();
    head("HTTP on one core", "cargo bench -p zhengna-benches --bench http");
    let (people, seconds) = (plan.choose(1_000, 2_500), plan.choose(1, 5));
    let program = Path::new(env!("CARGO_BIN_EXE_zhengna-measured"));
    let dir = place::directory();
    let ours = Installation::new(dir.path());
    let (views, tokens) = furnish(&ours, people);
    let model = dir.path().join("model.db");
    write_model(&model, &views);
    let copy = |name: &str| {
        let path = dir.path().join(name);
        std::fs::copy(&model, &path).expect("room for a copy");
        path
    };
    let mut bare = on_core(0, env!("CARGO_BIN_EXE_axum-bare"));
    bare.arg(copy("bare.db"));
    let mut grouped = on_core(0, env!("CARGO_BIN_EXE_axum-bare"));
    grouped.arg(copy("grouped.db")).arg("group");
    let mut fastify: Command = node(Some(0), "fastify.mjs");
    fastify.arg(copy("fastify.db"));
    let servers = [
        ("zhengna", ours.serve(program, Some(0))),
        ("fastify + better-sqlite3", Server::start(fastify)),
        ("bare axum + rusqlite", Server::start(bare)),
        ("bare axum + rusqlite, group commit", Server::start(grouped)),
    ];

    let targets = |name: &str, tail: &str| {
        let path = dir.path().join(name);
        let lines: Vec<String> = views.iter().zip(&tokens).map(|(v, t)| format!("/api/v1/conversations/{}{tail} {t}", v.id)).collect();
        std::fs::write(&path, lines.join("\n") + "\n").expect("a file");
        path
    };
    let works = [
        ("conversation", "read a conversation", "GET", targets("one", "")),
        ("messages", "read 20 messages of it", "GET", targets("many", "/messages?limit=20")),
        ("post", "post a message, durable", "POST", targets("post", "/messages")),
    ];
    let mut run = 0;
    for (_, title, method, targets) in works.iter().filter(|(part, ..)| plan.wants(part)) {
        let mut table = Table::new(format!("{title} ({CONNECTIONS} connections)"), &["requests/s", "p50 ms", "p99 ms", "server CPU us"]);
        for (name, server) in &servers {
            assert_same_shape(server, name, targets, *method == "GET");
        }
        for (_, server) in &servers {
            // Unmeasured: compilers warm up, logs grow to the size they keep.
            run += 1;
            load(&Requests { base: &server.base(), method, targets, run }, CONNECTIONS, plan.choose(1, 2));
        }
        for _ in 0..plan.rounds {
            for (name, server) in &servers {
                run += 1;
                let cpu = server.cpu_seconds();
                let seen = load(&Requests { base: &server.base(), method, targets, run }, CONNECTIONS, seconds);
                let each = (server.cpu_seconds() - cpu) / (seen.per_second * seconds as f64) * 1e6;
                table.add(name, &[seen.per_second, seen.p50_ms, seen.p99_ms, each]);
            }
        }
        table.print();
    }
}

fn furnish(ours: &Installation, people: usize) -> (Vec<ConversationView>, Vec<String>) {
    eprintln!("{people} conversations of {MESSAGES} messages");
    let world = ours.furnish(1, people);
    let each = |job: &(dyn Fn(usize) + Sync)| {
        std::thread::scope(|scope| {
            for part in 0..64 {
                scope.spawn(move || (part..people).step_by(64).for_each(job));
            }
        });
    };
    let entered: Vec<std::sync::OnceLock<ConversationId>> = (0..people).map(|_| std::sync::OnceLock::new()).collect();
    each(&|n| entered[n].set(world.entered(n).conversation).expect("once"));
    each(&|n| {
        let id = *entered[n].get().expect("entered");
        for _ in 0..MESSAGES {
            let text: String = "您好，请问子女教育专项附加扣除怎么填？".into();
            world.taxpayer(n).interaction().send(SendMessage::new(id, text)).wait().expect("sends");
        }
    });
    let view = |n: usize| world.taxpayer(n).interaction().conversation(*entered[n].get().expect("entered")).expect("reads");
    let views = (0..people).map(view).collect();
    let whose: Vec<_> = world.taxpayers.iter().map(|id| taxpayer(*id)).collect();
    while world.core.seal_audit().expect("seals").more {}
    drop(world);
    (views, ours.sessions(&whose))
}

/// The same conversations and messages as a peer keeps them: as plain as can be.
fn write_model(path: &Path, views: &[ConversationView]) {
    let mut conn = Connection::open(path).expect("opens");
    conn.execute_batch(
        "PRAGMA journal_mode = WAL;
         CREATE TABLE conversation (id TEXT PRIMARY KEY, line TEXT, line_name TEXT, state TEXT, channel TEXT, topic TEXT, taxpayer TEXT,
            taxpayer_name TEXT, staff_no TEXT, ticket INTEGER, entered_at TEXT, claimed_at TEXT, ended_at TEXT, outcome TEXT,
            last_number INTEGER, taxpayer_read INTEGER, officer_read INTEGER) WITHOUT ROWID;
         CREATE TABLE message (id INTEGER PRIMARY KEY, conversation TEXT NOT NULL, number INTEGER NOT NULL, sender TEXT NOT NULL,
            client_id TEXT, text TEXT NOT NULL, sent_at TEXT NOT NULL);
         CREATE INDEX message_by_conversation ON message (conversation, number);
         CREATE UNIQUE INDEX message_by_client_id ON message (client_id);",
    )
    .expect("tables");
    let tx = conn.transaction().expect("begins");
    for v in views {
        tx.prepare_cached(
            "INSERT INTO conversation VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, NULL, ?9, ?10, NULL, NULL, NULL, ?11, ?12, ?13)",
        )
        .and_then(|mut s| {
            s.execute(rusqlite::params![
                v.id.to_string(),
                v.line.to_string(),
                v.line_name,
                v.state.as_str(),
                v.channel.as_str(),
                v.topic,
                v.taxpayer.to_string(),
                v.taxpayer_name.as_str(),
                v.ticket,
                v.entered_at.rfc3339(),
                v.last_number,
                v.taxpayer_read,
                v.officer_read
            ])
        })
        .expect("inserts");
        for number in 1..=MESSAGES as i64 {
            tx.prepare_cached("INSERT INTO message (conversation, number, sender, text, sent_at) VALUES (?1, ?2, 'taxpayer', ?3, ?4)")
                .and_then(|mut s| s.execute((v.id.to_string(), number, "您好，请问子女教育专项附加扣除怎么填？", v.entered_at.rfc3339())))
                .expect("inserts");
        }
    }
    tx.commit().expect("commits");
}

/// Every server answers with the same fields, or it is not the same work.
fn assert_same_shape(server: &Server, name: &str, targets: &PathBuf, reads: bool) {
    if !reads {
        return;
    }
    let text = std::fs::read_to_string(targets).expect("just written");
    let (path, token) = text.lines().next().and_then(|l| l.split_once(' ')).expect("a line");
    let answer = ureq::get(format!("{}{path}", server.base())).header("Authorization", &format!("Bearer {token}")).call();
    let body: serde_json::Value = answer.expect("answers").body_mut().read_json().expect("JSON");
    let fields = body.as_object().expect("an object");
    match fields.get("items") {
        Some(items) => {
            let items = items.as_array().expect("a list");
            assert_eq!((items.len(), items[0].as_object().map(serde_json::Map::len)), (MESSAGES, Some(6)), "{name}");
        }
        None => assert_eq!(fields.len(), 18, "{name}: {body}"),
    }
}
