//! Days played again: what queueing theory says of them, and what staffing changes.

use std::time::Duration;

use rand_core::SeedableRng as _;
use zhengna_core::crypto::Rng;
use zhengna_core::what_if::{Arrival, Day, Figures, Poisson, Shift, Staffing, play};

/// Mean wait of an M/M/c queue, by Erlang's formula C: `c` officers, each serves one in `handling_s` on average, load `rho` of each.
fn erlang_c_wait_s(c: u32, rho: f64, handling_s: f64) -> f64 {
    let offered = rho * f64::from(c);
    // Erlang B by recursion, then C from it.
    let b = (1..=c).fold(1.0, |b, n| offered * b / (f64::from(n) + offered * b));
    let all_busy = b / (1.0 - rho * (1.0 - b));
    all_busy * handling_s / (f64::from(c) * (1.0 - rho))
}

fn poisson(per_hour: f64, handling_s: u64, patience_s: Option<u64>, hours: u64, seed: u64) -> Day {
    let day = Poisson {
        per_hour,
        handling: Duration::from_secs(handling_s),
        patience: patience_s.map(Duration::from_secs),
        lasts: Duration::from_secs(hours * 3600),
    };
    Day { lines: vec!["line".into()], arrivals: day.arrivals(&mut Rng::seed_from_u64(seed)), shifts: vec![] }
}

fn played(day: &Day, officers: u32) -> Figures {
    play(&day.staffed(Staffing::Exactly(officers)).unwrap(), |_| {}).unwrap()
}

#[test]
fn without_abandonment_the_mean_wait_is_what_erlang_c_says_within_five_percent() {
    const HANDLING_S: u64 = 300;
    // So many that the mean of a day strays by little more than one percent (at 60,000 and a load of 0.7 it strays by three).
    for (c, rho, arrivals, seed) in [(1, 0.5, 200_000.0, 1), (2, 0.7, 500_000.0, 2), (5, 0.7, 500_000.0, 3)] {
        let per_hour = rho * f64::from(c) * 3600.0 / HANDLING_S as f64;
        let day = poisson(per_hour, HANDLING_S, None, (arrivals / per_hour) as u64, seed);
        let figures = played(&day, c);
        assert_eq!((figures.all.served, figures.all.abandoned, figures.all.unserved), (day.arrivals.len(), 0, 0));
        let expected = erlang_c_wait_s(c, rho, HANDLING_S as f64);
        let off = figures.all.wait.mean_s / expected - 1.0;
        assert!(
            off.abs() < 0.05,
            "c {c}, rho {rho}: {:.1} s, Erlang C {expected:.1} s, off by {:.1} %",
            figures.all.wait.mean_s,
            off * 100.0
        );
        let load = figures.officers.iter().map(|o| o.load).sum::<f64>() / f64::from(c);
        assert!((load / rho - 1.0).abs() < 0.05, "c {c}: load {load}, offered {rho}");
    }
}

#[test]
fn more_officers_shorten_waits_and_fewer_people_leave() {
    let day = poisson(120.0, 480, Some(600), 9, 6);
    let all: Vec<Figures> = [14, 16, 18, 20].map(|officers| played(&day, officers)).into();
    assert!(all.is_sorted_by(|a, b| a.all.wait.mean_s > b.all.wait.mean_s), "{all:#?}");
    assert!(all.is_sorted_by(|a, b| a.all.abandoned > b.all.abandoned));
    for figures in &all {
        assert_eq!(figures.all.served + figures.all.abandoned + figures.all.unserved, day.arrivals.len(), "everybody is accounted for");
        let (least, most) = (figures.officers.iter().map(|o| o.busy_s), figures.officers.iter().map(|o| o.busy_s));
        let (least, most) = (least.fold(f64::MAX, f64::min), most.fold(0.0, f64::max));
        assert!(most < 1.35 * least, "load is even: {least} to {most}");
    }
    assert_eq!(played(&day, 16), all[1], "equal days give equal figures");
}

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn comes(at: u64, line: usize, patience: Option<u64>, handling: u64) -> Arrival {
    Arrival { at: s(at), line, rank: 0, patience: patience.map(s), handling: s(handling) }
}

fn shift(officer: &str, from: u64, until: u64, lines: &[usize]) -> Shift {
    Shift { officer: officer.into(), from: s(from), until: Some(s(until)), capacity: 1, lines: lines.to_vec() }
}

#[test]
fn a_small_day_comes_out_as_by_hand() {
    let arrivals = vec![
        comes(0, 0, None, 100),                         // waits for the shift: 10
        comes(20, 0, Some(90), 100),                    // leaves at 110, when the place goes to whom was let first
        comes(30, 0, Some(60), 100),                    // leaves after 60
        comes(40, 1, None, 50),                         // nobody serves that line before 200: waits 160
        Arrival { rank: -1, ..comes(50, 0, None, 10) }, // goes first at 110
        comes(290, 0, None, 10),                        // the break has begun at 250: served at 300
        comes(500, 0, None, 10),                        // nobody is on duty any more
    ];
    let shifts = vec![shift("甲", 10, 250, &[0]), shift("乙", 200, 260, &[1]), shift("甲", 300, 400, &[0])];
    let day = Day { lines: vec!["综合".into(), "专线".into()], arrivals, shifts };
    let mut heard = 0;
    let figures = play(&day, |n| heard = n).unwrap();
    assert_eq!(heard, 7);
    let line = |n: usize| &figures.lines[n];
    assert_eq!((line(0).arrivals, line(0).served, line(0).abandoned, line(0).unserved), (6, 3, 2, 1));
    // 10 (first), 60 (let first), 10 (after the break); the second left at 110, when the place went to whom was let first.
    assert_eq!((line(0).wait.mean_s, line(0).wait.max_s, line(0).left_after.mean_s), (80.0 / 3.0, 60.0, 75.0));
    assert_eq!((line(1).served, line(1).wait.mean_s), (1, 160.0));
    let [first, second] = &figures.officers[..] else { panic!("two officers") };
    assert_eq!((first.served, first.busy_s, first.on_duty_s), (3, 120.0, 340.0));
    assert_eq!((second.served, second.load), (1, 50.0 / 60.0));
    let alone = Day { arrivals: day.arrivals[..2].to_vec(), ..day.clone() };
    let figures = play(&alone, |_| {}).unwrap();
    assert_eq!((figures.all.served, figures.all.wait.max_s), (2, 90.0), "who is served at the last moment does not leave");
}
