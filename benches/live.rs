//! From a commit to the other sockets, with 1, 1,000 and 10,000 connections: our host as it is shipped beside a bare
//! write() loop and socket.io. The server has core 0, the listeners core 1. One event goes to all ("who waits in the
//! line has changed"), or one message to its one reader while the others are connected. Everything is measured from
//! the moment the request that causes it is sent: a durable commit is inside.
//!
//! `cargo bench -p zhengna-benches --bench live -- [--quick] [--rounds N] [1|1000|10000 ..]`. Needs Node; TMPDIR on a disk.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use zhengna_benches::figures::{Plan, Table, head, median};
use zhengna_benches::installation::{Installation, officer, taxpayer};
use zhengna_benches::place;
use zhengna_benches::server::{Server, node, on_core};
use zhengna_benches::sockets::{Hello, Http, Sockets, with_files};
use zhengna_core::interaction::Claim;

/// Taxpayers beside the listeners, who enter and leave so that something happens.
const ACTORS: usize = 40;

fn main() {
    with_files(1);
    let plan = Plan::from_args();
    head("Live delivery", "cargo bench -p zhengna-benches --bench live");
    let sizes: &[usize] = plan.choose(&[1, 200], &[1, 1_000, 10_000]);
    let events = plan.choose(4, 20);
    let program = Path::new(env!("CARGO_BIN_EXE_zhengna-measured"));
    let most = *sizes.last().expect("some");
    let dir = place::directory();
    let ours = Ours::furnish(dir.path(), most);
    for &size in sizes.iter().filter(|size| plan.wants(&size.to_string())) {
        let columns =
            ["all: p50 ms", "all: p99 ms", "all: last ms", "one: p50 ms", "one: p99 ms", "answer ms", "CPU us/delivery", "bytes/idle"];
        let mut table = Table::new(format!("{size} connections"), &columns);
        for _ in 0..plan.rounds {
            table.add("zhengna", &ours.run(program, size, events));
            let at = place::directory();
            let mut command = on_core(0, env!("CARGO_BIN_EXE_write-loop"));
            command.arg(at.path().join("loop.db"));
            table.add("bare write() loop", &peer(command, vec![Hello::Zhengna(String::new()); size], events));
            let mut command: Command = node(Some(0), "socketio.mjs");
            command.arg(at.path().join("io.db"));
            let hellos = (0..size).map(|n| Hello::SocketIo(if n == 0 { "one" } else { "all" }.into())).collect();
            table.add("socket.io", &peer(command, hellos, events));
        }
        table.print();
    }
    let mut table = Table::new(
        "Telling everybody who waits where they stand, once a second",
        &["all: p50 ms", "all: last ms", "CPU ms", "% of a core"],
    );
    for &size in sizes.iter().filter(|size| **size > 1 && plan.wants(&size.to_string())) {
        for _ in 0..plan.rounds {
            table.add(&format!("{size} who wait"), &ours.places(program, size, events));
        }
    }
    table.print();
}

/// What a contestant did: an event to all, several times, then a message to one.
struct Seen {
    all: Vec<[f64; 3]>,
    one: Vec<f64>,
    answers: Vec<f64>,
    cpu_each: f64,
    bytes_each: f64,
}

impl Seen {
    fn figures(&self) -> [f64; 8] {
        let all = |i: usize| median(self.all.iter().map(|a| a[i]));
        let mut one = self.one.clone();
        one.sort_by(f64::total_cmp);
        let worst = one.get(((one.len() - 1) as f64 * 0.99).round() as usize).copied().unwrap_or(f64::NAN);
        [
            all(0),
            all(1),
            all(2),
            median(self.one.iter().copied()),
            worst,
            median(self.answers.iter().copied()),
            self.cpu_each,
            self.bytes_each,
        ]
    }
}

fn measure(
    server: &Server,
    before: u64,
    sockets: &Sockets,
    to_all: &mut dyn FnMut(usize),
    listeners: usize,
    to_one: &mut dyn FnMut(usize),
    events: usize,
) -> Seen {
    std::thread::sleep(Duration::from_secs(2)); // whatever connecting left to do is done
    let bytes_each = server.memory().saturating_sub(before) as f64 / sockets.count() as f64;
    let (mut all, mut one, mut answers) = (Vec::new(), Vec::new(), Vec::new());
    let mut cpu = 0.0;
    for n in 0..events {
        let (used, began) = (server.cpu_seconds(), Instant::now());
        to_all(n);
        answers.push(began.elapsed().as_secs_f64() * 1e3);
        let times = sockets.wait(listeners, began);
        cpu += server.cpu_seconds() - used;
        all.push([times.share(0.5), times.share(0.99), times.share(1.0)]);
    }
    for n in 0..events * 5 {
        let began = Instant::now();
        to_one(n);
        one.push(sockets.wait(1, began).share(0.5));
    }
    sockets.assert_quiet();
    Seen { all, one, answers, cpu_each: cpu / (events * listeners) as f64 * 1e6, bytes_each }
}

fn peer(command: Command, hellos: Vec<Hello>, events: usize) -> [f64; 8] {
    let server = Server::start(command);
    let before = server.memory();
    let count = hellos.len();
    let sockets = Sockets::connect(server.port, hellos, "line.moved");
    let mut http = Http::connect(server.port);
    // The first connection is the one reader of messages and hears what goes to all as well.
    let mut post = |path: &str| drop(http.post(path, "-", "-", ""));
    let post = std::cell::RefCell::new(&mut post);
    let (mut all, mut one) = (|_: usize| (post.borrow_mut())("/all"), |_: usize| (post.borrow_mut())("/one"));
    measure(&server, before, &sockets, &mut all, count, &mut one, events).figures()
}

/// Our host: taxpayers who wait in one line, and an officer who talks with one of them.
struct Ours {
    installation: Installation,
    line: String,
    conversation: String,
    listeners: Vec<String>,
    officer: String,
    supervisor: String,
    actors: Vec<String>,
}

impl Ours {
    fn furnish(dir: &Path, most: usize) -> Self {
        eprintln!("{most} taxpayers in one line");
        let installation = Installation::new(dir);
        let world = installation.furnish(1, most + 1 + ACTORS);
        // The first to enter is the first to be claimed: the one reader's counterpart.
        world.entered(0);
        std::thread::scope(|scope| {
            for part in 0..64 {
                let world = &world;
                scope.spawn(move || {
                    (1 + part..=most).step_by(64).for_each(|n| {
                        world.entered(n);
                    })
                });
            }
        });
        let claimed = world.officer(0).interaction().claim(Claim { line: world.line }).wait().expect("claims");
        while world.core.seal_audit().expect("seals").more {}
        let (line, conversation) = (world.line.to_string(), claimed.conversation.to_string());
        let mut people = vec![officer(world.supervisor), officer(world.officers[0])];
        people.extend(world.taxpayers.iter().map(|id| taxpayer(*id)));
        drop(world);
        let mut tokens = installation.sessions(&people);
        let actors = tokens.split_off(most + 3);
        // Taxpayer 0 writes; the others listen.
        let listeners = tokens.split_off(3);
        let writer = tokens.pop().expect("taxpayer 0");
        let officer = tokens.pop().expect("the officer");
        let supervisor = tokens.pop().expect("the supervisor");
        Self { installation, line, conversation, listeners, officer, supervisor, actors: [vec![writer], actors].concat() }
    }

    /// The first in line is taken again and again: each time everybody behind them is told.
    fn places(&self, program: &Path, size: usize, moves: usize) -> [f64; 4] {
        let server = self.installation.serve(program, Some(0));
        let mut http = Http::connect(server.port);
        let hellos: Vec<Hello> = self.listeners[self.listeners.len() - size..].iter().map(|t| Hello::Zhengna(t.clone())).collect();
        let sockets = Sockets::connect(server.port, hellos, "\"type\":\"position\"");
        let stamp = Instant::now();
        let key = |n: usize| format!("p{:x}-{n}-{}", std::process::id(), stamp.elapsed().as_nanos());
        // The first time everybody is told, whether it changed or not.
        let prioritised = |http: &mut Http, n: usize| {
            let token = self.actors[1 + n % ACTORS].clone();
            let path = format!("/api/v1/lines/{}/conversations", self.line);
            let answer = http.post(&path, &token, &key(n), r#"{"topic":"专项附加扣除"}"#);
            let answer: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
            let id = answer["conversation"].as_str().expect("an id").to_owned();
            let path = format!("/api/v1/conversations/{id}/prioritise");
            drop(http.post(&path, &self.supervisor, &key(1000 + n), r#"{"reason":"行动不便"}"#));
            (id, token)
        };
        let mut inside = prioritised(&mut http, 0);
        sockets.wait(size, Instant::now());
        let (mut half, mut last, mut cpu) = (Vec::new(), Vec::new(), 0.0);
        for n in 1..=moves {
            let (used, began) = (server.cpu_seconds(), Instant::now());
            if n % 2 == 1 {
                drop(http.post(&format!("/api/v1/conversations/{}/leave", inside.0), &inside.1, &key(n), "{}"));
            } else {
                inside = prioritised(&mut http, n);
            }
            let times = sockets.wait(size, began);
            cpu += server.cpu_seconds() - used;
            half.push(times.share(0.5));
            last.push(times.share(1.0));
        }
        if moves.is_multiple_of(2) {
            drop(http.post(&format!("/api/v1/conversations/{}/leave", inside.0), &inside.1, &key(moves + 1), "{}"));
        }
        server.stop();
        let each = cpu * 1e3 / moves as f64;
        [median(half), median(last), each, each / 10.0]
    }

    fn run(&self, program: &Path, size: usize, events: usize) -> [f64; 8] {
        let server = self.installation.serve(program, Some(0));
        let mut http = Http::connect(server.port);
        let stamp = Instant::now();
        let key = |n: usize| format!("{:x}-{n}-{}", std::process::id(), stamp.elapsed().as_nanos());
        // Warm: the readers are open before memory is counted.
        let before = server.memory();
        let mut hellos: Vec<Hello> = vec![Hello::Zhengna(self.officer.clone())];
        hellos.extend(self.listeners[..size].iter().skip(1).map(|t| Hello::Zhengna(t.clone())));
        let sockets = Sockets::connect(server.port, hellos, "\"type\":\"event\"");
        let http = std::cell::RefCell::new(&mut http);
        let inside: std::cell::RefCell<Option<(String, String)>> = std::cell::RefCell::default();
        let listeners = sockets.count();
        let mut all = |n: usize| {
            // Somebody enters, then leaves: each time, who waits has changed.
            let mut inside = inside.borrow_mut();
            match inside.take() {
                None => {
                    let token = self.actors[1 + n / 2 % ACTORS].clone();
                    let path = format!("/api/v1/lines/{}/conversations", self.line);
                    let answer = http.borrow_mut().post(&path, &token, &key(n), r#"{"topic":"专项附加扣除"}"#);
                    let answer: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
                    *inside = Some((answer["conversation"].as_str().expect("an id").to_owned(), token));
                }
                Some((id, token)) => drop(http.borrow_mut().post(&format!("/api/v1/conversations/{id}/leave"), &token, &key(n), "{}")),
            }
        };
        let mut one = |n: usize| {
            let path = format!("/api/v1/conversations/{}/messages", self.conversation);
            let body = r#"{"text":"您好，请问子女教育专项附加扣除怎么填？"}"#;
            drop(http.borrow_mut().post(&path, &self.actors[0], &key(n), body));
        };
        let seen = measure(&server, before, &sockets, &mut all, listeners, &mut one, events);
        server.stop();
        seen.figures()
    }
}
