//! Officers and matters for tests: short ids, a small tree of authorities, a small tree of topics.

use zhengna_core::Timestamp;
use zhengna_core::assignment::{Attendance, Candidate, Policy, Relax, Step, Waiting, Widening};
use zhengna_core::id::{LineId, OfficerId, WorkId};
use zhengna_core::identity::AuthorityCode;

/// An instant, so many seconds after the office opens.
pub fn at(seconds: u64) -> Timestamp {
    Timestamp::from_micros(1_795_000_000_000_000).plus(std::time::Duration::from_secs(seconds))
}

pub fn officer(n: u128) -> OfficerId {
    OfficerId::from_uuid(uuid::Uuid::from_u128(n))
}

pub fn line(n: u128) -> LineId {
    LineId::from_uuid(uuid::Uuid::from_u128(n))
}

pub fn work(n: u128) -> WorkId {
    WorkId::from_uuid(uuid::Uuid::from_u128(n))
}

/// 省局, two 市局, three 区局.
const PROVINCE: &str = "12200000000";
const TREE: [&[&str]; 4] = [
    &["12201020000", "12201000000", PROVINCE],
    &["12201030000", "12201000000", PROVINCE],
    &["12202110000", "12202000000", PROVINCE],
    &[PROVINCE],
];

/// The path of one of four authorities: two districts of one prefecture, a district of another, the province.
pub fn path(n: usize) -> Vec<AuthorityCode> {
    TREE[n].iter().map(|code| AuthorityCode::parse(code).unwrap()).collect()
}

/// A topic and its parents.
pub fn topic(n: usize) -> Vec<String> {
    const TOPICS: [&[&str]; 4] = [&["vat.invoice", "vat"], &["vat.refund", "vat"], &["income.annual", "income"], &[]];
    TOPICS[n].iter().map(|code| (*code).to_owned()).collect()
}

/// There, of the first district, can do the first topic, three at once, nothing done yet.
pub fn present(n: u128) -> Candidate {
    Candidate {
        id: officer(n),
        capacity: 3,
        held: 0,
        load_min: 0,
        idle_since: at(0),
        skills: vec!["vat.invoice".into(), "vat".into()],
        authorities: path(0),
        attendance: Attendance::Present,
        until: None,
        accepts_push: true,
    }
}

/// Comes to the first line as the n-th, at that second: first topic, first district, ten minutes.
pub fn comes(n: u128, second: u64) -> Waiting {
    Waiting {
        id: work(n),
        line: line(1),
        rank: 0,
        arrived: at(second),
        ticket: n as i64,
        topics: topic(0),
        authorities: path(0),
        required: vec![],
        own: None,
        last: None,
        passed: vec![],
        minutes: 10,
    }
}

/// Exact topic and district; after 60 s the parent topic; after 120 s the prefecture; after 240 s anybody of the province.
pub fn policy() -> Policy {
    let step = |after_s, topics, authorities| Step { after_s, topics, authorities };
    let steps = vec![
        step(0, Widening::Up(0), Widening::Up(0)),
        step(60, Widening::Up(1), Widening::Up(0)),
        step(120, Widening::Up(1), Widening::Up(1)),
        step(240, Widening::Any, Widening::Up(2)),
    ];
    Policy { relax: Relax::new(steps).unwrap(), own_wait_s: 45, offer_s: 20, again_s: 90 }
}
