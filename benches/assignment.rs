//! One decision of assignment: an officer becomes free and gets the oldest they may take. Promise: under 50 microseconds with 1,000
//! officers and 10,000 waiting.
//!
//! Beside it what a user would write instead: a list in order, of which the officer who became free takes the first that fits; both give
//! the same answers, which the bench checks.
//!
//! `cargo bench -p zhengna-benches --bench assignment [-- --quick] [--rounds N]`
#![expect(clippy::disallowed_methods, reason = "benches measure time")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use zhengna_benches::figures::{Plan, Table, Times, head};
use zhengna_core::Timestamp;
use zhengna_core::assignment::{Assigner, Attendance, Candidate, Policy, Relax, Step, Waiting, Widening};
use zhengna_core::id::{LineId, OfficerId, WorkId};
use zhengna_core::identity::AuthorityCode;

/// Topics are exact ones, each with one of so many parents.
const TOPICS: usize = 60;
const PARENTS: usize = 12;
/// Districts, in prefectures of one province.
const DISTRICTS: usize = 60;
const PREFECTURES: usize = 9;

fn start() -> Timestamp {
    Timestamp::parse("2026-11-23T09:00:00+08:00").expect("well formed")
}

fn topic(n: usize) -> Vec<String> {
    vec![format!("topic.{}.{n}", n % PARENTS), format!("topic.{}", n % PARENTS)]
}

fn path(district: usize) -> Vec<AuthorityCode> {
    let prefecture = district % PREFECTURES;
    let codes = [format!("1222{:03}{:03}0", prefecture + 1, district + 1), format!("1222{:03}0000", prefecture + 1), "12200000000".into()];
    codes.iter().map(|code| AuthorityCode::parse(code).expect("eleven digits")).collect()
}

/// A line that stays within the prefecture: the load is spread over officers, and nobody's head of the line is everybody's.
fn policy() -> Policy {
    let step = |after_s, topics, authorities| Step { after_s, topics, authorities };
    let steps = vec![
        step(0, Widening::Up(0), Widening::Up(0)),
        step(60, Widening::Up(1), Widening::Up(0)),
        step(120, Widening::Up(1), Widening::Up(1)),
    ];
    Policy { relax: Relax::new(steps).expect("widens"), own_wait_s: 0, ..Policy::default() }
}

/// Full, with eight skills in topics and the parents of those.
fn officer(n: usize) -> Candidate {
    let mut skills: Vec<String> = (0..8).flat_map(|k| topic((n * 7 + k * 11) % TOPICS)).collect();
    skills.sort();
    skills.dedup();
    Candidate {
        id: OfficerId::from_uuid(uuid::Uuid::from_u128(n as u128)),
        capacity: 3,
        held: 3,
        load_min: (n % 97) as u32,
        idle_since: start(),
        skills,
        authorities: path(n % DISTRICTS),
        attendance: Attendance::Present,
        until: None,
        accepts_push: true,
    }
}

fn waiting(n: usize, arrived: Timestamp) -> Waiting {
    Waiting {
        id: WorkId::from_uuid(uuid::Uuid::from_u128(n as u128)),
        line: LineId::from_uuid(uuid::Uuid::from_u128((n % 5) as u128)),
        rank: 0,
        arrived,
        ticket: n as i64,
        topics: topic((n * 13) % TOPICS),
        authorities: path((n * 29) % DISTRICTS),
        required: vec![],
        own: None,
        last: None,
        passed: vec![],
        minutes: 8,
    }
}

/// What a user would write: everything in order, looked through for the one officer who is free.
struct ByHand {
    waiting: BTreeMap<(Timestamp, i64), Waiting>,
    policy: Policy,
}

impl ByHand {
    fn next_for(&mut self, officer: &Candidate, now: Timestamp) -> Option<WorkId> {
        let fits = |w: &Waiting| {
            let waited = now.since(w.arrived);
            let step =
                self.policy.relax.steps().iter().rfind(|s| Duration::from_secs(u64::from(s.after_s)) <= waited).expect("a first one");
            let up = |widening| if let Widening::Up(n) = widening { usize::from(n) } else { usize::MAX };
            let topics = &w.topics[..=up(step.topics).min(w.topics.len() - 1)];
            let authority = w.authorities[up(step.authorities).min(w.authorities.len() - 1)];
            officer.authorities.contains(&authority) && topics.iter().any(|t| officer.skills.contains(t))
        };
        let key = self.waiting.iter().find(|(_, w)| fits(w)).map(|(key, _)| *key)?;
        self.waiting.remove(&key).map(|w| w.id)
    }
}

fn main() {
    let plan = Plan::from_args();
    head("assignment", "cargo bench -p zhengna-benches --bench assignment");
    let sizes: &[(usize, usize)] = plan.choose(&[(100, 1_000)], &[(100, 1_000), (1_000, 10_000), (10_000, 100_000)]);
    for (officers, line) in sizes.iter().copied() {
        let mut table = Table::new(format!("{officers} officers, {line} waiting"), &["p50 us", "p99 us", "mean us"]);
        for _ in 0..plan.rounds {
            round(&mut table, officers, line, plan.choose(200, 2_000));
        }
        table.print();
    }
}

/// Officers become free one after another, and somebody new comes each time: the line stays as long as it is.
fn round(table: &mut Table, officers: usize, line: usize, decisions: usize) {
    let mut assigner = Assigner::new();
    (0..5).for_each(|n| assigner.set_policy(LineId::from_uuid(uuid::Uuid::from_u128(n)), policy()));
    let mut by_hand = ByHand { waiting: BTreeMap::new(), policy: policy() };
    (0..officers).for_each(|n| assigner.set_officer(officer(n)));
    // Ten minutes in which they came: most have waited through all steps.
    let between = Duration::from_micros(600_000_000 / line as u64);
    let mut now = start();
    let mut came = 0;
    let mut next_comes = |assigner: &mut Assigner, by_hand: &mut ByHand, now: Timestamp| {
        let w = waiting(came, now);
        came += 1;
        by_hand.waiting.insert((w.arrived, w.ticket), w.clone());
        assigner.add(w);
    };
    for _ in 0..line {
        now = now.plus(between);
        next_comes(&mut assigner, &mut by_hand, now);
    }
    while assigner.next(now).is_some() {} // nobody is free; the steps that began meanwhile are taken
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for n in 0..decisions {
        now = now.plus(between);
        next_comes(&mut assigner, &mut by_hand, now);
        while assigner.next(now).is_some() {}
        let who = officer(n * 31 % officers);
        let began = Instant::now();
        assigner.ended(who.id, 8, 8, now);
        let record = assigner.next(now);
        ours.push(began.elapsed());
        let decided = record.as_ref().map(|r| r.decision.work);
        if decided.is_none() {
            // Nothing for them: they have as much as before.
            assigner.set_officer(Candidate { held: 3, ..assigner.officer(who.id).expect("known").clone() });
        }
        let began = Instant::now();
        let taken = by_hand.next_for(&who, now);
        theirs.push(began.elapsed());
        assert_eq!(decided, taken, "both decide the same");
        black_box((record, taken));
    }
    for (name, times) in [("core, with its reason and record", ours), ("a scan by hand", theirs)] {
        let mean = times.iter().sum::<Duration>().as_secs_f64() * 1e6 / times.len() as f64;
        let times = Times::of(times);
        table.add(name, &[times.share(0.5) * 1e3, times.share(0.99) * 1e3, mean]);
    }
}
