//! A round of offers, as the host makes one each second: who is there, what each of them has and had, what waits, who is asked. With one
//! who came a moment ago, and with a long line for which nobody is free.
//!
//! `cargo bench -p zhengna-benches --bench offers [-- --quick] [--rounds N]`
#![expect(clippy::disallowed_methods, reason = "benches measure time")]

use std::time::{Duration, Instant};

use zhengna_benches::figures::{Plan, Table, Times, head};
use zhengna_core::access::{AddOfficer, AddPost, GrantPost, Permission, Permissions};
use zhengna_core::assignment::Policy;
use zhengna_core::id::{ConversationId, LineId, OfficerId};
use zhengna_core::interaction::{AcceptOffer, Claim, Close, Enter, Leave, LineSettings, OpenLine, Outcome, Routing};
use zhengna_tests::world::{Engine, Keep, NANGUAN, World, code, core_over};

/// Conversations that each officer had within the hours that count.
const HAD: usize = 8;
const SECOND: Duration = Duration::from_secs(1);
/// Rounds after which everybody says again that they are there.
const RENEWED: usize = 20;

fn main() {
    let plan = Plan::from_args();
    head("A round of offers", "cargo bench -p zhengna-benches --bench offers");
    for officers in plan.choose(&[30][..], &[100, 1_000][..]) {
        let mut table = Table::new(format!("{officers} officers at one line, SQLite"), &["p50 ms", "p99 ms"]);
        let bureau = Bureau::new(*officers);
        for _ in 0..plan.rounds {
            let rounds = plan.choose(20, 200);
            add(&mut table, "one came", bureau.one_came(rounds));
            add(&mut table, "a long line, nobody is free", bureau.nobody_is_free(rounds));
        }
        table.print();
    }
}

fn add(table: &mut Table, name: &str, times: Times) {
    table.add(name, &[times.share(0.5), times.share(0.99)]);
}

/// Officers who serve in one county.
fn serving(world: &World, officers: usize) -> Vec<OfficerId> {
    let (system, authority) = (world.core.as_system(), code(NANGUAN));
    let post = AddPost { name: "坐席岗位".into(), permissions: Permissions(vec![Permission::ServeTaxpayers]) };
    let post = system.access().add_post(post).wait().expect("added").post;
    let added = |n: usize| {
        let officer = AddOfficer { staff_no: format!("2201{n:05}"), name: format!("坐席{n}"), authority, capacity: 3 };
        let officer = system.access().add_officer(officer).wait().expect("added").officer;
        system.access().grant_post(GrantPost { officer, post, authority, ends_at: None }).wait().expect("granted");
        officer
    };
    (0..officers).map(added).collect()
}

struct Bureau {
    world: World,
    line: LineId,
}

impl Bureau {
    fn new(officers: usize) -> Self {
        let keep = Keep::fresh(Engine::Sqlite);
        let (core, clock) = core_over(keep.open(), 7);
        let mut world = World::furnish(core, clock, keep, 0, 5 * officers).expect("furnished");
        world.officers = serving(&world, officers);
        let routing = Some(Routing { policy: Policy::default(), push: true, ..Routing::default() });
        let cmd =
            OpenLine { authority: code(NANGUAN), settings: LineSettings { routing, ..LineSettings::new("派单") }, external_id: None };
        let line = world.core.as_system().interaction().open_line(cmd).wait().expect("opened").line;
        let bureau = Self { world, line };
        for _ in 0..HAD {
            let took: Vec<ConversationId> = (0..officers).map(|n| bureau.taken(n, n)).collect();
            bureau.world.clock.advance(180 * SECOND);
            took.into_iter().enumerate().for_each(|(n, conversation)| bureau.close(n, conversation));
        }
        bureau
    }

    fn taken(&self, taxpayer: usize, officer: usize) -> ConversationId {
        self.world.entered(taxpayer);
        let claim = Claim { line: self.world.line };
        self.world.officer(officer).interaction().claim(claim).wait().expect("somebody waits").conversation
    }

    fn close(&self, officer: usize, conversation: ConversationId) {
        let close = Close { conversation, outcome: Outcome::Resolved, note: None };
        self.world.officer(officer).interaction().close(close).wait().expect("theirs");
    }

    fn present(&self) {
        for n in 0..self.world.officers.len() {
            self.world.officer(n).interaction().be_present().wait().expect("serves");
        }
    }

    /// A round a second; each time somebody comes first, and is looked after.
    fn one_came(&self, rounds: usize) -> Times {
        let times = (0..rounds).map(|n| {
            if n % RENEWED == 0 {
                self.present();
            }
            self.world.clock.advance(SECOND);
            let taxpayer = self.world.taxpayer(n % self.world.taxpayers.len());
            let conversation = taxpayer.interaction().enter(Enter::new(self.line, "问")).wait().expect("entered").conversation;
            let took = self.round(1);
            let to = |officer: &usize| !self.world.officer(*officer).interaction().offers().expect("reads").is_empty();
            let officer = (0..self.world.officers.len()).find(to).expect("offered to somebody");
            let accepted = self.world.officer(officer).interaction().accept_offer(AcceptOffer { conversation }).wait();
            accepted.expect("offered");
            self.close(officer, conversation);
            took
        });
        Times::of(times)
    }

    /// A round a second while everybody has all they may have, and as many wait as there are officers.
    fn nobody_is_free(&self, rounds: usize) -> Times {
        let officers = self.world.officers.len();
        let held: Vec<(usize, ConversationId)> = (0..3 * officers).map(|n| (n % officers, self.taken(n, n % officers))).collect();
        let enter =
            |n: usize| self.world.taxpayer(n).interaction().enter(Enter::new(self.line, "问")).wait().expect("entered").conversation;
        let waiting: Vec<(usize, ConversationId)> = (3 * officers..4 * officers).map(|n| (n, enter(n))).collect();
        let times = (0..rounds).map(|n| {
            if n % RENEWED == 0 {
                self.present();
            }
            self.world.clock.advance(SECOND);
            self.round(0)
        });
        let times = Times::of(times);
        held.into_iter().for_each(|(officer, conversation)| self.close(officer, conversation));
        for (n, conversation) in waiting {
            self.world.taxpayer(n).interaction().leave(Leave { conversation }).wait().expect("waits");
        }
        times
    }

    fn round(&self, made: u64) -> Duration {
        let began = Instant::now();
        let offered = self.world.core.offer_waiting().expect("looks at the line");
        let took = began.elapsed();
        assert_eq!(offered, made);
        took
    }
}
