//! What it costs to compute anew when a million open matters are due, as after the approval of a notice. Promise: two
//! seconds or less for a million on one core, calendar and hours made anew included.
//!
//! Beside it what a user would write instead: a set of holidays, and a loop over days (over minutes for office time).
//!
//! `cargo bench -p zhengna-benches --bench deadlines [-- --quick] [--rounds N]`
#![expect(clippy::disallowed_methods, reason = "benches measure time")]

use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use zhengna_benches::figures::{Plan, Table, head};
use zhengna_core::Timestamp;
use zhengna_core::calendar::{
    Arrangement, CachedDue, Calendar, Date, Datelike as _, Hours, Pause, Policy, Span, Term, Timeline, date_of, midnight, published,
    recompute,
};

const DAY: [Span; 2] = [Span { from_min: 510, until_min: 690 }, Span { from_min: 780, until_min: 990 }];

fn timeline(version: i64) -> Timeline {
    let hours = Hours::from(Date::default(), &DAY).expect("spans of a day");
    Timeline::new(Arc::new(Calendar::new(version, &published())), hours)
}

/// Matters that began at any minute of some years; every third paused once.
fn matters(count: usize) -> Vec<(Timestamp, Vec<Pause>)> {
    let first = Timestamp::parse("2024-01-01T00:00:00+08:00").expect("well formed");
    // A step that has no divisor in common with the minutes of two and a half years visits them all.
    let began = |n: usize| first.plus(Duration::from_secs((n as u64 * 611_953 % 1_314_000) * 60));
    let pauses = |n: usize| {
        let from = began(n).plus(Duration::from_secs(86_400));
        if n.is_multiple_of(3) { vec![Pause { from, until: Some(from.plus(Duration::from_secs(3 * 86_400))) }] } else { vec![] }
    };
    (0..count).map(|n| (began(n), pauses(n))).collect()
}

/// Days by hand: walks from day to day until enough of them were worked and not within a pause.
fn days_by_hand(arranged: &HashMap<Date, Arrangement>, began: Timestamp, days: u32, pauses: &[Pause]) -> Timestamp {
    let mut day = date_of(began).expect("in range");
    let mut left = days;
    while left > 0 {
        day = day.succ_opt().expect("in range");
        let works = arranged.get(&day).map_or(day.weekday().number_from_monday() <= 5, |a| *a == Arrangement::Work);
        let paused = pauses.iter().any(|p| date_of(p.from) <= Some(day) && p.until.is_none_or(|u| date_of(u) > Some(day)));
        left -= u32::from(works && !paused);
    }
    midnight(day).plus(Duration::from_secs(u64::from(DAY[1].until_min) * 60))
}

fn main() {
    let plan = Plan::from_args();
    head("deadlines", "cargo bench -p zhengna-benches --bench deadlines");
    let count = plan.choose(20_000, 1_000_000);
    let matters = matters(count);
    let arranged: HashMap<Date, Arrangement> = published().iter().flat_map(|n| &n.days).map(|d| (d.date, d.arrangement)).collect();
    let terms = BTreeMap::from([
        ("5 working days", Term::WorkingDays(5)),
        ("20 working days", Term::WorkingDays(20)),
        ("40 hours of office time", Term::OpenTime(Duration::from_secs(40 * 3600))),
    ]);
    for (name, term) in terms {
        let mut table = Table::new(format!("{count} open matters, {name}"), &["seconds", "nanoseconds each"]);
        let policy = Policy { version: 1, term, since: Timestamp::from_micros(0) };
        let old = timeline(0);
        let cached: Vec<CachedDue> =
            matters.iter().map(|(began, pauses)| CachedDue::of(&old, &policy, *began, pauses.clone()).expect("in range")).collect();
        for round in 0..plan.rounds {
            let mut anew = cached.clone();
            let began = Instant::now();
            let stale = recompute(&timeline(1 + round as i64), &policy, &mut anew);
            let took = began.elapsed().as_secs_f64();
            assert_eq!(stale.len(), count);
            table.add("core, calendar made anew", &[took, took * 1e9 / count as f64]);
            if let Term::WorkingDays(days) = term {
                let began = Instant::now();
                let by_hand: Vec<Timestamp> = matters.iter().map(|(b, pauses)| days_by_hand(&arranged, *b, days, pauses)).collect();
                let took = began.elapsed().as_secs_f64();
                table.add("day by day, by hand", &[took, took * 1e9 / count as f64]);
                let differ = anew.iter().zip(&by_hand).filter(|(a, b)| a.due.at != Some(**b)).count();
                assert_eq!(differ, 0, "both say the same");
                black_box(by_hand);
            }
            black_box(anew);
        }
        table.print();
    }
}
