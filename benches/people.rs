//! People: importing them from a list, finding one by number, showing the card of a conversation, at 10,000, 100,000 and
//! 1,000,000 persons on SQLite at FULL; importing 300,000 enterprises; and what somebody who writes in a chat notices of an import,
//! there and on PostgreSQL.
//!
//! Beside the import what a user would write instead: the plain values, batched inserts into one table with a unique number.
//!
//! `cargo bench -p zhengna-benches --bench people -- [--quick] [--rounds N]`
#![expect(clippy::disallowed_methods, reason = "benches measure time")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use zhengna_benches::figures::{Plan, Table, Times, head};
use zhengna_benches::place;
use zhengna_core::core::PROJECTIONS;
use zhengna_core::identity::{BeginImport, ImportRow, Listed, ListedTaxpayer, NewTaxpayer, Role};
use zhengna_core::interaction::{Claim, SendMessage};
use zhengna_core::limits;
use zhengna_core::store::sqlite::SqliteStore;
use zhengna_tests::world::{Engine, Keep, World, company, core_over, listed, person, relation, start};

/// Person `n` of a list: nobody of the world, born on one of many days.
fn row(n: usize) -> ListedTaxpayer {
    let (day, of_day) = (n / 999, 1 + n % 999);
    let (year, month, day) = (1950 + day / 336, 1 + day / 28 % 12, 1 + day % 28);
    let base = format!("220103{year:04}{month:02}{day:02}{of_day:03}");
    let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: usize = base.bytes().zip(weights).map(|(c, w)| usize::from(c - b'0') * w).sum();
    let number = format!("{base}{}", char::from(b"10X98765432"[sum % 11]));
    let new = NewTaxpayer { name: format!("某人{n}"), number, phone: Some(format!("139{:08}", n % 100_000_000)), ..person(0) };
    let Listed::Taxpayer(listed) = listed(&new) else { unreachable!("a taxpayer is listed as one") };
    listed
}

/// A list of enterprises, each once.
fn enterprises(size: usize) -> Vec<ListedTaxpayer> {
    let mut numbers = std::collections::HashSet::new();
    let made = (0..).map(|n| company(1000 + n)).filter(|new| numbers.insert(new.number.clone())).take(size);
    made.map(|new| if let Listed::Taxpayer(listed) = listed(&new) { listed } else { unreachable!("a taxpayer is listed as one") }).collect()
}

fn main() {
    let plan = Plan::from_args();
    head("People", "cargo bench -p zhengna-benches --bench people");
    let mut import = Table::new("Importing (chunks of 200 rows, a commit each)", &["rows/s", "chat p50 ms", "chat p99 ms"]);
    let mut look = Table::new("One at a time, by one caller", &["find by number us", "card us", "card p99 us"]);
    for size in plan.choose(vec![2_000], vec![10_000, 100_000, 1_000_000]) {
        for round in 0..if size == 1_000_000 { 1 } else { plan.rounds } {
            let rows: Vec<ListedTaxpayer> = (0..size).map(row).collect();
            let dir = place::directory();
            let store = SqliteStore::open(&dir.path().join("zhengna.db"), start(), PROJECTIONS).expect("opens");
            let (core, clock) = core_over(store, 7 + round as u64);
            let world = World::furnish(core, clock, Keep::Nothing, 1, 3).expect("furnishes");
            let chat = Chat::begin(&world);
            let quiet = chat.while_(|| std::thread::sleep(Duration::from_secs(1)));
            let (rate, busy) = imported(&world, &chat, &rows);
            import.add(&format!("{size}: our import, verdict and audit for each"), &[rate, busy.share(0.5), busy.share(0.99)]);
            import.add(&format!("{size}: nobody imports"), &[f64::NAN, quiet.share(0.5), quiet.share(0.99)]);
            import.add(&format!("{size}: by hand, plain values"), &[by_hand(&dir.path().join("by_hand.db"), &rows), f64::NAN, f64::NAN]);
            let found = found(&world, &rows);
            let card = chat.card();
            look.add(&format!("{size} persons"), &[found.share(0.5) * 1e3, card.share(0.5) * 1e3, card.share(0.99) * 1e3]);
        }
    }
    let rows = enterprises(plan.choose(2_000, 300_000));
    for round in 0..plan.rounds {
        let dir = place::directory();
        let store = SqliteStore::open(&dir.path().join("zhengna.db"), start(), PROJECTIONS).expect("opens");
        let (core, clock) = core_over(store, 7 + round as u64);
        let world = World::furnish(core, clock, Keep::Nothing, 1, 3).expect("furnishes");
        let (rate, busy) = imported(&world, &Chat::begin(&world), &rows);
        import.add(&format!("{} enterprises", rows.len()), &[rate, busy.share(0.5), busy.share(0.99)]);
    }
    for size in plan.choose(vec![1_000], vec![10_000, 1_000_000]) {
        let rows: Vec<ListedTaxpayer> = (0..size).map(row).collect();
        for round in 0..if size == 1_000_000 { 1 } else { plan.rounds } {
            let keep = Keep::fresh(Engine::Postgres);
            let (core, clock) = core_over(keep.open(), 7 + round as u64);
            let world = World::furnish(core, clock, keep, 1, 3).expect("furnishes");
            let chat = Chat::begin(&world);
            let quiet = chat.while_(|| std::thread::sleep(Duration::from_secs(1)));
            let (rate, busy) = imported(&world, &chat, &rows);
            import.add(&format!("{size} on PostgreSQL"), &[rate, busy.share(0.5), busy.share(0.99)]);
            import.add(&format!("{size} on PostgreSQL: nobody imports"), &[f64::NAN, quiet.share(0.5), quiet.share(0.99)]);
        }
    }
    import.print();
    look.print();
}

/// Somebody who talks, with an enterprise whose three officers are known.
struct Chat<'a> {
    world: &'a World,
    conversation: zhengna_core::id::ConversationId,
}

impl<'a> Chat<'a> {
    fn begin(world: &'a World) -> Self {
        let conversation = world.entered(0).conversation;
        world.officer(0).interaction().claim(Claim { line: world.line }).wait().expect("claims");
        let (company, system) = (company(1), world.core.as_system());
        system.identity().enrol(std::slice::from_ref(&company), &mut |_| {}).expect("enrols");
        let officers: Vec<_> = (0..3).map(|n| relation(&company.number, Role::KEY[n], &person(n).number)).collect();
        system.identity().record_relations(&officers, &mut |_| {}).expect("records");
        Self { world, conversation }
    }

    /// How long each message took that was sent while `work` went on.
    fn while_(&self, work: impl FnOnce()) -> Times {
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let mut times = Vec::new();
                while !over.load(Ordering::Acquire) && (times.len() as i64) < limits::MESSAGES_PER_CONVERSATION_MAX / 4 {
                    let began = Instant::now();
                    let say = SendMessage::new(self.conversation, "请问这一项怎么填？");
                    self.world.taxpayer(0).interaction().send(say).wait().expect("sends");
                    times.push(began.elapsed());
                    std::thread::sleep(Duration::from_millis(10));
                }
                Times::of(times)
            });
            work();
            over.store(true, Ordering::Release);
            writer.join().expect("writes")
        })
    }

    fn card(&self) -> Times {
        let officer = self.world.officer(0);
        Times::of((0..2_000).map(|_| {
            let began = Instant::now();
            let card = officer.identity().card(self.conversation).expect("shows");
            let took = began.elapsed();
            assert_eq!(card.officers.len(), 3);
            took
        }))
    }
}

fn imported(world: &World, chat: &Chat<'_>, rows: &[ListedTaxpayer]) -> (f64, Times) {
    let system = world.core.as_system();
    let begin = BeginImport { batch: [1; 32], name: "名单".into(), rows: rows.len() as i64, given: None };
    let of = system.identity().begin_import(begin).wait().expect("begins");
    let rows: Vec<ImportRow> = (2..).zip(rows).map(|(line, row)| ImportRow { of, line, said: Listed::Taxpayer(row.clone()) }).collect();
    let mut rate = 0.0;
    let times = chat.while_(|| {
        let began = Instant::now();
        let done = system.identity().import(&rows, &mut |_| {}).expect("imports");
        rate = rows.len() as f64 / began.elapsed().as_secs_f64();
        assert_eq!(done.changed, rows.len() as u64);
    });
    (rate, times)
}

fn by_hand(path: &std::path::Path, rows: &[ListedTaxpayer]) -> f64 {
    let mut conn = rusqlite::Connection::open(path).expect("opens");
    conn.execute_batch("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE person (id INTEGER PRIMARY KEY, number TEXT NOT NULL UNIQUE, name TEXT, phone TEXT, authority TEXT)").expect("makes");
    let began = Instant::now();
    for chunk in rows.chunks(limits::BULK_CHUNK_ROWS) {
        let tx = conn.transaction().expect("begins");
        for row in chunk {
            tx.prepare_cached("INSERT INTO person (number, name, phone, authority) VALUES (?1, ?2, ?3, ?4)")
                .and_then(|mut insert| insert.execute([&row.number, &row.name, &row.phone, &row.authority]))
                .expect("inserts");
        }
        tx.commit().expect("commits");
    }
    rows.len() as f64 / began.elapsed().as_secs_f64()
}

fn found(world: &World, rows: &[ListedTaxpayer]) -> Times {
    let system = world.core.as_system();
    Times::of((0..5_000).map(|n| {
        let number = &rows[n * 7919 % rows.len()].number;
        let began = Instant::now();
        let found = system.identity().find_by_number(number).expect("looks");
        let took = began.elapsed();
        assert!(found.is_some());
        took
    }))
}
