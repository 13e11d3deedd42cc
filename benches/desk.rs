//! What an officer opens in the morning, and what ten thousand who wait are told each second; SQLite at FULL.
//!
//! The desk: forty conversations with their last words unread, each with its card, the lines, what is offered; at 100,000, 1,000,000 and
//! 10,000,000 messages. Promise: under 5 ms at ten million. Beside it the same rows by bare SQL, nothing opened and nobody asked.
//!
//! Places: where everybody in a line of ten thousand stands, all at once as the host tells them, beside each of them asking. Promise: under
//! 50 ms of computing, which is 5 % of a core where it is done each second. What telling them over sockets costs is in `live`.
//!
//! `cargo bench -p zhengna-benches --bench desk -- [--quick] [--rounds N] [1x|10x|100x ..]`; the databases are those of `growth`.
#![expect(clippy::disallowed_methods, reason = "benches measure time")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use zhengna_benches::figures::{Plan, Table, Times, head};
use zhengna_benches::installation::Installation;
use zhengna_benches::place;
use zhengna_benches::province::{Province, Size};
use zhengna_core::access::{Actor, AddOfficer, GrantPost};
use zhengna_core::core::PROJECTIONS;
use zhengna_core::id::{ConversationId, LineId, OfficerId};
use zhengna_core::interaction::{Claim, Close, Enter, OpenLine, Outcome, SendMessage};
use zhengna_core::store::Page;
use zhengna_core::store::sqlite::SqliteStore;
use zhengna_core::{Core, limits};
use zhengna_tests::world::{Keep, NANGUAN, World, code, core_over, start};

/// Conversations at a desk.
const DESK: usize = 40;
/// Messages that nobody has read yet, in each.
const UNREAD: usize = 3;

fn main() {
    let plan = Plan::from_args();
    head("Desk", "cargo bench -p zhengna-benches --bench desk");
    places(&plan);
    let all = [("1x", 100_000, 10_000, 100), ("10x", 1_000_000, 100_000, 1_000), ("100x", 10_000_000, 1_000_000, 10_000)];
    let mut table = Table::new(format!("Opening a desk of {DESK} conversations"), &["ms", "p99 ms"]);
    for (name, messages, taxpayers, waiting) in all.into_iter().take(plan.choose(1, 3)).filter(|(name, ..)| plan.wants(name)) {
        let dir = place::cache().join(format!("province-{name}"));
        let province = Province::at(&dir, Size { taxpayers, messages, waiting });
        let installation = Installation::at(&dir);
        for round in 0..plan.rounds {
            desk(&installation, &province, &plan, round, &format!("{messages} messages"), &mut table);
        }
    }
    table.print();
}

fn timed<R>(job: impl FnOnce() -> R) -> Duration {
    let began = Instant::now();
    black_box(job());
    began.elapsed()
}

fn desk(installation: &Installation, province: &Province, plan: &Plan, round: usize, size: &str, table: &mut Table) {
    let core = installation.core();
    let (line, officer) = newcomer(&core, round);
    let people = province.free(DESK);
    let mut mine: Vec<ConversationId> = Vec::new();
    for who in &people {
        let session = core.as_actor(Actor::Taxpayer(*who));
        let entered = session.interaction().enter(Enter::new(line, "专项附加扣除")).wait().expect("enters");
        mine.push(entered.conversation);
        let session = || core.as_actor(core.officer(officer).expect("known"));
        session().interaction().claim(Claim { line }).wait().expect("claims");
    }
    for (who, id) in people.iter().zip(&mine) {
        for n in 0..UNREAD {
            let session = core.as_actor(Actor::Taxpayer(*who));
            session.interaction().send(SendMessage::new(*id, format!("第{n}句，请问怎么填？"))).wait().expect("sends");
        }
    }
    let session = core.as_actor(core.officer(officer).expect("known"));
    let open = || {
        let shown = session.interaction().mine(Page { after: None, limit: limits::PAGE_ROWS_MAX }).expect("lists");
        assert_eq!(shown.iter().filter(|c| c.unread == UNREAD as i64).count(), DESK);
        let cards: Vec<_> = shown.iter().map(|c| session.identity().card(c.id).expect("a card")).collect();
        let lines = session.interaction().lines().expect("lines");
        (cards, lines, session.interaction().offers().expect("offers"))
    };
    let conn = rusqlite::Connection::open(installation.database()).expect("opens");
    let by_hand = || {
        let mut rows = conn
            .prepare_cached("SELECT c.*, t.* FROM conversation c JOIN taxpayer t ON t.id = c.taxpayer WHERE c.officer = ?1 AND c.state = 'active' ORDER BY c.entered_at DESC LIMIT 200")
            .expect("a query");
        let mut found = rows.query([officer.as_bytes().as_slice()]).expect("reads");
        let mut count = 0;
        while let Some(row) = found.next().expect("a row") {
            black_box(row.get_ref(0).expect("a column"));
            count += 1;
        }
        assert_eq!(count, DESK);
    };
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..plan.choose(20, 200) {
        ours.push(timed(open));
        bare.push(timed(by_hand));
    }
    for (name, times) in [("ours, with 40 cards, lines, offers", ours), ("the same rows by SQL, sealed", bare)] {
        let times = Times::of(times);
        table.add(&format!("{name}: {size}"), &[times.share(0.5), times.share(0.99)]);
    }
    for id in mine {
        session.interaction().close(Close { conversation: id, outcome: Outcome::Resolved, note: None }).wait().expect("closes");
    }
    while core.seal_audit().expect("seals").more {}
}

/// An officer with room for forty, and a line of their own.
fn newcomer(core: &Core, round: usize) -> (LineId, OfficerId) {
    let system = core.as_system();
    let line = system.interaction().open_line(OpenLine::new("个税咨询", code(NANGUAN))).wait().expect("opens").line;
    let staff_no = format!("7{round}{:07}", core.now().micros().unsigned_abs() / 1_000_000 % 10_000_000);
    let add = AddOfficer { staff_no, name: "坐席".into(), authority: code(NANGUAN), capacity: DESK as i64 };
    let officer = system.access().add_officer(add).wait().expect("adds").officer;
    let posts = system.access().posts().expect("posts");
    let post = posts.iter().find(|post| post.name == "办税服务坐席").expect("the world's post").id;
    system.access().grant_post(GrantPost { officer, post, authority: code(NANGUAN), ends_at: None }).wait().expect("grants");
    (line, officer)
}

fn places(plan: &Plan) {
    let many: usize = plan.choose(500, 10_000);
    let mut table = Table::new(format!("Where {many} who wait stand"), &["ms for all", "p99 ms"]);
    for round in 0..plan.rounds {
        let dir = place::directory();
        let store = SqliteStore::open(&dir.path().join("zhengna.db"), start(), PROJECTIONS).expect("opens");
        let (core, clock) = core_over(store, 7 + round as u64);
        let world = World::furnish(core, clock, Keep::Nothing, 3, many).expect("furnishes");
        std::thread::scope(|scope| {
            for part in 0..64 {
                let world = &world;
                scope.spawn(move || {
                    (part..many).step_by(64).for_each(|n| {
                        world.entered(n);
                    })
                });
            }
        });
        for n in 0..3 {
            world.officer(n).interaction().be_present().wait().expect("is there");
        }
        let ids: Vec<(usize, ConversationId)> = (0..many)
            .map(|n| {
                let page = Page { after: None, limit: 1 };
                (n, world.taxpayer(n).interaction().mine(page).expect("lists")[0].id)
            })
            .collect();
        let at_once = (0..plan.choose(5, 50)).map(|_| timed(|| assert_eq!(world.core.positions(world.line).expect("told").len(), many)));
        let at_once = Times::of(at_once);
        let each = (0..plan.choose(1, 2)).map(|_| {
            timed(|| {
                for (n, id) in &ids {
                    assert!(world.taxpayer(*n).interaction().position(*id).expect("told").ahead.is_some());
                }
            })
        });
        let each = Times::of(each);
        table.add("told at once", &[at_once.share(0.5), at_once.share(0.99)]);
        table.add("each asks", &[each.share(0.5), each.share(0.99)]);
    }
    table.print();
}
