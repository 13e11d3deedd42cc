//! What grows with the data: starting to serve, posting, reading, claiming, at 100,000, 1,000,000 and 10,000,000
//! messages (10,000, 100,000 and 1,000,000 taxpayers) on SQLite at FULL.
//!
//! `cargo bench -p zhengna-benches --bench growth -- [--quick] [--rounds N] [1x|10x|100x ..]`
//!
//! The databases are built once (100x takes some ten minutes and 12 GB) and kept in `target/bench-cache`; what a bench
//! writes stays there, some ten thousand messages a run.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use zhengna_benches::cycle::Hall;
use zhengna_benches::figures::{Plan, Table, head, median, together};
use zhengna_benches::installation::Installation;
use zhengna_benches::place;
use zhengna_benches::province::{Province, Size};
use zhengna_core::Core;
use zhengna_core::access::Actor;
use zhengna_core::id::{TaxpayerId, uuid_v7};
use zhengna_core::interaction::{OpenLine, SendMessage};
use zhengna_core::limits;
use zhengna_tests::world::{NANGUAN, code};

const CALLERS: usize = 64;
const READERS: usize = 8;
/// Conversations that are talked in while posting is measured.
const TALKING: usize = 500;

fn main() {
    let plan = Plan::from_args();
    head("Growth", "cargo bench -p zhengna-benches --bench growth");
    let all = [("1x", 100_000, 10_000, 100), ("10x", 1_000_000, 100_000, 1_000), ("100x", 10_000_000, 1_000_000, 10_000)];
    let sizes: Vec<_> = all.into_iter().take(plan.choose(1, 3)).filter(|(name, ..)| plan.wants(name)).collect();
    let program = Path::new(env!("CARGO_BIN_EXE_zhengna-measured"));
    let columns = ["messages/s", "p99 ms", "reads/s", "p99 ms", "cycles/s", "p99 ms", "start warm ms", "start cold ms", "GB"];
    let mut table = Table::new("Posting (64 callers), reading (8), enter-claim-close (64 officers), start to serving", &columns);
    for (name, messages, taxpayers, waiting) in sizes {
        let dir = place::cache().join(format!("province-{name}"));
        let province = Province::at(&dir, Size { taxpayers, messages, waiting });
        let installation = Installation::at(&dir);
        for _ in 0..plan.rounds {
            let starts = |cold: bool| median((0..3).map(|_| start(program, &installation, cold)));
            let (warm, cold) = (starts(false), starts(true));
            let bytes = std::fs::metadata(installation.database()).expect("a file").len();
            let [post, post_p99, read, read_p99, cycle, cycle_p99] = work(&installation, &province, &plan, waiting);
            let figures = [post, post_p99, read, read_p99, cycle, cycle_p99, warm, cold, bytes as f64 / 1e9];
            table.add(&format!("{name}: {messages} messages, {taxpayers} taxpayers, {waiting} waiting"), &figures);
        }
    }
    table.print();
}

/// Milliseconds from starting the program to its first "ready"; `cold` with nothing of the database in memory.
fn start(program: &Path, installation: &Installation, cold: bool) -> f64 {
    if cold {
        let drop_cache = |path: &Path| {
            let of = format!("if={}", path.display());
            Command::new("dd").args([of.as_str(), "iflag=nocache", "count=0", "status=none"]).status().is_ok_and(|s| s.success())
        };
        assert!(Command::new("sync").arg(installation.database()).status().is_ok_and(|s| s.success()), "sync");
        assert!(drop_cache(&installation.database()), "dd");
    }
    let began = Instant::now();
    let server = installation.serve(program, None);
    let ready = ureq::get(format!("{}/readyz", server.base())).call().expect("ready").status();
    let took = began.elapsed();
    assert_eq!(ready.as_u16(), 200);
    server.stop();
    took.as_secs_f64() * 1e3
}

/// A line of its own for each round: what it lets in, it serves again, so that nothing but closed conversations stays.
fn line(core: &Core, province: &Province, people: Vec<TaxpayerId>) -> Hall {
    let mut open = OpenLine::new("个税咨询", code(NANGUAN));
    open.settings.waiting_max = limits::LINE_WAITING_MAX;
    let line = core.as_system().interaction().open_line(open).wait().expect("opens").line;
    Hall::new(core.clone(), line, province.officers(), people)
}

fn work(installation: &Installation, province: &Province, plan: &Plan, waiting: usize) -> [f64; 6] {
    let core = installation.core();
    let time = Duration::from_secs(plan.choose(1, 4));
    let mut free = province.free(waiting * 2 + TALKING + 2 * CALLERS).split_off(waiting);
    let count = AtomicU64::new(0);
    let pick = |n: u64| (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 16) as usize;

    let hall = line(&core, province, free.split_off(waiting + 2 * CALLERS));
    hall.fill(TALKING);
    let talking = hall.who_waits();
    let (posts, posted) = together(CALLERS, time, |_| {
        let n = count.fetch_add(1, Ordering::Relaxed);
        let (conversation, who) = talking[pick(n) % talking.len()];
        let key = uuid_v7(core.now(), n as u16, n).to_string();
        let session = core.as_actor(Actor::Taxpayer(who)).with_key(&key).expect("a key");
        let text: String = "您好，请问子女教育专项附加扣除怎么填？".into();
        session.interaction().send(SendMessage::new(conversation, text)).wait().expect("sends");
    });
    hall.drain();

    let (reads, read) = together(READERS, time, |_| {
        let n = count.fetch_add(1, Ordering::Relaxed);
        let (conversation, who) = province.closed_one(pick(n) % province.closed());
        let session = core.as_actor(Actor::Taxpayer(who));
        assert_eq!(session.interaction().messages(conversation, 0, 20).expect("reads").len(), 20);
    });

    let hall = line(&core, province, free);
    hall.fill(waiting);
    let (cycles, cycled) = hall.cycles(time);
    hall.drain();
    while core.seal_audit().expect("seals").more {} // or the next start would do it
    [posts, posted.share(0.99), reads, read.share(0.99), cycles, cycled.share(0.99)]
}
