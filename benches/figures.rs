//! Figures: medians of rounds, shares of samples, tables.

use std::time::{Duration, Instant};

/// How a bench was asked to run: `--quick`, `--rounds N`, and words that choose parts of it.
pub struct Plan {
    /// Small amounts, short times: to see that it works.
    pub quick: bool,
    /// Rounds; every contestant runs once in each.
    pub rounds: usize,
    words: Vec<String>,
}

impl Plan {
    /// From the command line.
    pub fn from_args() -> Self {
        let mut plan = Self { quick: false, rounds: 3, words: Vec::new() };
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--quick" => (plan.quick, plan.rounds) = (true, 1),
                "--rounds" => plan.rounds = args.next().and_then(|n| n.parse().ok()).expect("--rounds N"),
                "--bench" => {} // cargo says so
                word => plan.words.push(word.to_owned()),
            }
        }
        plan
    }

    /// One of two amounts.
    pub fn choose<T>(&self, quick: T, full: T) -> T {
        if self.quick { quick } else { full }
    }

    /// Whether this part was asked for: all are, where no word chooses.
    pub fn wants(&self, part: &str) -> bool {
        self.words.is_empty() || self.words.iter().any(|w| w == part)
    }
}

/// The middle one.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => (values[n / 2 - 1] + values[n / 2]) / 2.0,
    }
}

/// How likely samples that differ as much as these are if both come from one distribution: the two-sided Mann-Whitney test, by
/// the normal approximation with continuity correction. Many samples, few of them equal: ties share their ranks, and the
/// variance is not corrected for them.
pub fn mann_whitney(a: &[f64], b: &[f64]) -> f64 {
    let mut all: Vec<(f64, bool)> = a.iter().map(|v| (*v, true)).chain(b.iter().map(|v| (*v, false))).collect();
    all.sort_by(|x, y| x.0.total_cmp(&y.0));
    let (mut ranks_of_a, mut at) = (0.0, 0);
    while at < all.len() {
        let equal = all[at..].iter().take_while(|(v, _)| *v == all[at].0).count();
        let rank = at as f64 + (equal as f64 + 1.0) / 2.0;
        ranks_of_a += rank * all[at..at + equal].iter().filter(|(_, of_a)| *of_a).count() as f64;
        at += equal;
    }
    let (n, m) = (a.len() as f64, b.len() as f64);
    let u = ranks_of_a - n * (n + 1.0) / 2.0;
    let off = ((u - n * m / 2.0).abs() - 0.5).max(0.0);
    2.0 * beyond(off / (n * m * (n + m + 1.0) / 12.0).sqrt())
}

/// Share of a normal distribution beyond `z` standard deviations (Abramowitz and Stegun 26.2.17, within 7.5e-8).
fn beyond(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z);
    let series = [1.330_274_429, -1.821_255_978, 1.781_477_937, -0.356_563_782, 0.319_381_530].iter().fold(0.0, |sum, c| (sum + c) * t);
    (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt() * series
}

/// Times, in the order of size.
#[derive(Clone, Default)]
pub struct Times(Vec<f64>);

impl Times {
    /// Of these.
    pub fn of(times: impl IntoIterator<Item = Duration>) -> Self {
        let mut times: Vec<f64> = times.into_iter().map(|t| t.as_secs_f64() * 1e3).collect();
        times.sort_by(f64::total_cmp);
        Self(times)
    }

    /// Milliseconds within which this share of them lie.
    pub fn share(&self, share: f64) -> f64 {
        let last = self.0.len().saturating_sub(1);
        self.0.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// Runs `job` on `callers` threads for a time, each with its number; answers jobs per second and how long each took.
pub fn together(callers: usize, time: Duration, job: impl Fn(usize) + Sync) -> (f64, Times) {
    let began = Instant::now();
    let times: Vec<Duration> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..callers)
            .map(|n| {
                let job = &job;
                scope.spawn(move || {
                    let mut times = Vec::new();
                    while began.elapsed() < time {
                        let at = Instant::now();
                        job(n);
                        times.push(at.elapsed());
                    }
                    times
                })
            })
            .collect();
        threads.into_iter().flat_map(|t| t.join().expect("no panic")).collect()
    });
    (times.len() as f64 / began.elapsed().as_secs_f64(), Times::of(times))
}

/// One contestant's figures, a column each, over the rounds.
struct Rows {
    name: String,
    rounds: Vec<Vec<f64>>,
}

/// A table of medians, written as Markdown. The first column of figures is the one that ratios are made from.
pub struct Table {
    title: String,
    columns: Vec<&'static str>,
    rows: Vec<Rows>,
}

impl Table {
    /// An empty one.
    pub fn new(title: impl Into<String>, columns: &[&'static str]) -> Self {
        Self { title: title.into(), columns: columns.to_vec(), rows: Vec::new() }
    }

    /// What a contestant did in one round.
    pub fn add(&mut self, name: &str, figures: &[f64]) {
        assert_eq!(figures.len(), self.columns.len(), "{name}: a figure per column");
        eprintln!(
            "  {name}: {}",
            figures.iter().zip(&self.columns).map(|(f, c)| format!("{c} {}", shown(*f))).collect::<Vec<_>>().join(", ")
        );
        match self.rows.iter_mut().find(|r| r.name == name) {
            Some(row) => row.rounds.push(figures.to_vec()),
            None => self.rows.push(Rows { name: name.to_owned(), rounds: vec![figures.to_vec()] }),
        }
    }

    /// The median of a contestant's column.
    pub fn median(&self, name: &str, column: usize) -> f64 {
        let row = self.rows.iter().find(|r| r.name == name);
        median(row.into_iter().flat_map(|r| r.rounds.iter().map(|figures| figures[column])))
    }

    /// Prints medians, how far the first column's rounds lie apart, and each contestant's first column in terms of
    /// the first contestant's.
    pub fn print(&self) {
        println!("\n**{}**\n", self.title);
        println!("| | {} | rounds (least-most) | first / this |", self.columns.join(" | "));
        println!("|---|{}---|---|", "---|".repeat(self.columns.len()));
        let Some(first) = self.rows.first().map(|r| self.median(&r.name, 0)) else { return };
        for row in &self.rows {
            let medians: Vec<String> = (0..self.columns.len()).map(|c| shown(self.median(&row.name, c))).collect();
            let of = |pick: fn(f64, f64) -> f64| row.rounds.iter().map(|r| r[0]).reduce(pick).unwrap_or(f64::NAN);
            let spread = format!("{} ({}-{})", row.rounds.len(), shown(of(f64::min)), shown(of(f64::max)));
            println!("| {} | {} | {spread} | {:.2} |", row.name, medians.join(" | "), first / self.median(&row.name, 0));
        }
    }
}

fn shown(figure: f64) -> String {
    match figure.abs() {
        f if f >= 1000.0 => {
            let whole = format!("{:.0}", figure);
            let (head, tail) = whole.split_at(whole.len() - 3);
            if head.len() > 3 {
                format!("{},{},{tail}", &head[..head.len() - 3], &head[head.len() - 3..])
            } else {
                format!("{head},{tail}")
            }
        }
        f if f >= 100.0 => format!("{figure:.0}"),
        f if f >= 10.0 => format!("{figure:.1}"),
        _ => format!("{figure:.2}"),
    }
}

/// Says on what machine, and when.
pub fn head(bench: &str, command: &str) {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo")
        .lines()
        .find_map(|l| l.strip_prefix("model name"))
        .map_or(String::new(), |l| l.trim_matches([' ', '\t', ':']).to_owned());
    // Not what this process may use: a bench may have pinned itself.
    let cores = read("/proc/cpuinfo").lines().filter(|l| l.starts_with("processor")).count();
    let load = read("/proc/loadavg");
    println!("# {bench}\n");
    println!(
        "{cores} x {cpu}, Linux {}; load before {}; TMPDIR {}.",
        read("/proc/sys/kernel/osrelease").trim(),
        load.split(' ').next().unwrap_or_default(),
        crate::place::shown()
    );
    println!("Repeat: `{command}`");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mann_whitney_gives_what_others_give() {
        // scipy.stats.mannwhitneyu(.., method="asymptotic")
        let p = mann_whitney(&[19.0, 22.0, 16.0, 29.0, 24.0], &[20.0, 11.0, 17.0, 12.0]);
        assert!((p - 0.111_346_886).abs() < 1e-6, "{p}");
        let hundred: Vec<f64> = (0..100).map(f64::from).collect();
        let later: Vec<f64> = hundred.iter().map(|v| v + 50.0).collect();
        assert!((mann_whitney(&hundred, &hundred) - 1.0).abs() < 1e-6 && mann_whitney(&hundred, &later) < 1e-6);
    }
}
