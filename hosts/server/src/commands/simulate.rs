//! `zhengna simulate`.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use rand_core::SeedableRng as _;
use serde::Serialize;
use serde_json::json;
use zhengna_core::crypto::Rng;
use zhengna_core::limits::{SIMULATED_ARRIVALS_MAX, SIMULATED_SHIFTS_MAX};
use zhengna_core::what_if::{Day, DayProblem, Figures, Poisson, Staffing, play};

use super::recorded_day;
use crate::failure::{Exit, Failure};
use crate::output::{self, Progress, note, say};

/// What if: plays days again, with the assignment engine, and says what would have been otherwise.
#[derive(Args)]
pub(super) struct Simulate {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    Interactions(Interactions),
}

/// Plays a day of conversations with other staffing: how long people would have waited, how many would have left, who would have done
/// how much.
///
/// A recorded day is two tables (CSV in UTF-8, GB18030 or UTF-16, XLSX or XLS), the names of whose columns stand in one of the first lines, in any order. Or a
/// made-up day: --per-hour. No database is opened, nothing is changed. The same day with the same seed gives the same figures.
#[derive(Args)]
#[command(after_help = format!("\
{}
Example:
  zhengna simulate interactions examples/day.csv --shifts examples/shifts.csv
  zhengna simulate interactions examples/day.csv --shifts examples/shifts.csv --officers +2
  zhengna simulate interactions --per-hour 120 --handling-s 480 --patience-s 600 --officers 17 --hours 9 --json

Next, when the figures are as wished:
  Put forward shifts and capacity accordingly, and compare the day after.", recorded_day::columns_in_words()))]
struct Interactions {
    /// Who came: a table.
    #[arg(required_unless_present = "per_hour", conflicts_with = "per_hour")]
    day: Option<PathBuf>,
    /// Who was on duty: a table. Without it, --officers says how many, all day.
    #[arg(long, value_name = "FILE", conflicts_with = "per_hour")]
    shifts: Option<PathBuf>,
    /// How many officers: so many more (+2), so many fewer (-1), or so many (12). Who comes in addition works all day, for every line, as
    /// much at once as the first of the table; who goes is who was named last.
    #[arg(long, value_name = "N", value_parser = staffing, allow_hyphen_values = true)]
    officers: Option<Staffing>,
    /// A made-up day: so many come in an hour, independently of each other.
    #[arg(long, value_name = "N", value_parser = positive, requires = "handling_s", requires = "officers")]
    per_hour: Option<f64>,
    /// Seconds it takes to serve one, on average (a made-up day).
    #[arg(long, value_name = "S", value_parser = positive, requires = "per_hour")]
    handling_s: Option<f64>,
    /// Seconds people are ready to wait, on average (a made-up day). Without it nobody leaves.
    #[arg(long, value_name = "S", value_parser = positive, requires = "per_hour")]
    patience_s: Option<f64>,
    /// Hours for which people come (a made-up day).
    #[arg(long, value_name = "H", value_parser = positive, default_value = "8")]
    hours: f64,
    /// Where the randomness of a made-up day begins.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// As JSON, every line and every officer.
    #[arg(long)]
    json: bool,
}

/// One staffing and what came of it.
#[derive(Serialize)]
struct Run {
    /// What it is called.
    staffing: String,
    #[serde(flatten)]
    figures: Figures,
}

fn staffing(text: &str) -> Result<Staffing, String> {
    let (kind, number): (fn(u32) -> Staffing, &str) = match text.as_bytes().first() {
        Some(b'+') => (Staffing::More, &text[1..]),
        Some(b'-') => (Staffing::Fewer, &text[1..]),
        _ => (Staffing::Exactly, text),
    };
    let number = number.parse::<u32>().ok().filter(|n| *n as usize <= SIMULATED_SHIFTS_MAX && number.bytes().all(|b| b.is_ascii_digit()));
    number.map(kind).ok_or_else(|| format!("+2, -1 or 12: a number up to {SIMULATED_SHIFTS_MAX}"))
}

fn positive(text: &str) -> Result<f64, &'static str> {
    text.parse().ok().filter(|n: &f64| (1e-3..=1e6).contains(n)).ok_or("a number between 0.001 and 1000000")
}

impl Simulate {
    pub(super) fn json(&self) -> bool {
        match &self.action {
            Action::Interactions(c) => c.json,
        }
    }

    pub(super) fn run(self) -> Result<(), Failure> {
        match self.action {
            Action::Interactions(c) => c.run(),
        }
    }
}

impl Interactions {
    fn run(self) -> Result<(), Failure> {
        let given = self.given()?;
        let mut days: Vec<(String, Day)> = Vec::new();
        if !given.shifts.is_empty() {
            days.push(("as given".to_owned(), given.clone()));
        }
        if let Some(staffing) = self.officers {
            let day = given.staffed(staffing).map_err(impossible)?;
            days.push((in_words(staffing), day));
        }
        if days.is_empty() {
            return Err(Failure::new(Exit::Usage, "nobody is on duty").advise("Give the table of shifts (--shifts FILE), or --officers N."));
        }
        for line in given.without_arrivals() {
            note(format_args!("nobody came to the line {line}, which the shifts name: is it called otherwise in the day?"));
        }
        let run = |(staffing, day): (String, Day)| {
            let mut progress = Progress::new(format!("{staffing}: arrivals"), Some(day.arrivals.len() as u64));
            let figures = play(&day, |came| progress.at(came as u64)).map_err(impossible)?;
            Ok(Run { staffing, figures })
        };
        let runs = days.into_iter().map(run).collect::<Result<Vec<Run>, Failure>>()?;
        if self.json {
            output::json(&json!({ "runs": runs }));
        } else {
            say(told(&runs).trim_end());
        }
        Ok(())
    }

    fn given(&self) -> Result<Day, Failure> {
        if let Some(day) = &self.day {
            return recorded_day::read(day, self.shifts.as_deref());
        }
        let seconds = |s: f64| Duration::from_secs_f64(s);
        let poisson = Poisson {
            per_hour: self.per_hour.unwrap_or_default(),
            handling: seconds(self.handling_s.unwrap_or_default()),
            patience: self.patience_s.map(seconds),
            lasts: seconds(self.hours * 3600.0),
        };
        if poisson.per_hour * self.hours > 0.9 * SIMULATED_ARRIVALS_MAX as f64 {
            let most = 0.9 * SIMULATED_ARRIVALS_MAX as f64;
            return Err(Failure::new(Exit::Usage, format_args!("more than {most:.0} people would come")).advise("Take fewer --hours."));
        }
        let arrivals = poisson.arrivals(&mut Rng::seed_from_u64(self.seed));
        Ok(Day { lines: vec!["line".to_owned()], arrivals, shifts: Vec::new() })
    }
}

fn impossible(problem: DayProblem) -> Failure {
    Failure::new(Exit::Usage, problem).advise("Nothing was played. Mend the table of shifts, or --officers, and try again.")
}

fn in_words(staffing: Staffing) -> String {
    match staffing {
        Staffing::More(n) => format!("{n} more"),
        Staffing::Fewer(n) => format!("{n} fewer"),
        Staffing::Exactly(n) => format!("{n} officers"),
    }
}

/// What came out, as tables: everybody for each staffing side by side, then lines and officers of the last one.
fn told(runs: &[Run]) -> String {
    let mut text = String::new();
    let mut line = |name: &str, cells: Vec<String>| row(&mut text, name, &cells);
    let each = |of: &dyn Fn(&Figures) -> String| runs.iter().map(|run| of(&run.figures)).collect::<Vec<String>>();
    line("", runs.iter().map(|run| run.staffing.clone()).collect());
    line("officers", each(&|f| f.officers.len().to_string()));
    line("came", each(&|f| f.all.arrivals.to_string()));
    line("served", each(&|f| f.all.served.to_string()));
    line("left before", each(&|f| format!("{} ({:.1} %)", f.all.abandoned, percent(f.all.abandoned, f.all.arrivals))));
    line("waiting at the end", each(&|f| f.all.unserved.to_string()));
    let wait = |f: &Figures, s: f64| waited(f.all.served, s);
    line("wait of the served: mean", each(&|f| wait(f, f.all.wait.mean_s)));
    line("  half within", each(&|f| wait(f, f.all.wait.p50_s)));
    line("  nine of ten within", each(&|f| wait(f, f.all.wait.p90_s)));
    line("  longest", each(&|f| wait(f, f.all.wait.max_s)));
    line("load of an officer: mean", each(&|f| share(f.officers.iter().map(|o| o.load).sum::<f64>() / f.officers.len().max(1) as f64)));
    if let Some(last) = runs.last() {
        text.push('\n');
        by_line(&mut text, last);
        by_officer(&mut text, last);
    }
    text
}

fn by_line(text: &mut String, run: &Run) {
    let lines = &run.figures.lines;
    if lines.len() > 1 {
        row(text, &format!("{}, by line", run.staffing), &["came", "served", "left", "mean wait", "9 of 10"].map(str::to_owned));
        for f in lines {
            let [came, served, left] = [f.arrivals, f.served, f.abandoned].map(|n| n.to_string());
            row(text, &f.line, &[came, served, left, waited(f.served, f.wait.mean_s), waited(f.served, f.wait.p90_s)]);
        }
        text.push('\n');
    }
}

fn by_officer(text: &mut String, run: &Run) {
    row(text, &format!("{}, by officer", run.staffing), &["served", "busy", "on duty", "load"].map(str::to_owned));
    for o in &run.figures.officers {
        row(text, &o.officer, &[o.served.to_string(), minutes(o.busy_s), minutes(o.on_duty_s), share(o.load)]);
    }
}

fn row(text: &mut String, name: &str, cells: &[String]) {
    // A Chinese character is as wide as two letters.
    let wide: usize = name.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
    let cells: String = cells.iter().map(|cell| format!("{cell:>14}")).collect();
    let _ = writeln!(text, "{name}{:blank$}{cells}", "", blank = 28_usize.saturating_sub(wide)); // a String takes everything
}

fn share(of_one: f64) -> String {
    format!("{:.0} %", 100.0 * of_one)
}

fn percent(part: usize, of: usize) -> f64 {
    100.0 * part as f64 / of.max(1) as f64
}

/// How long those served waited; nothing where nobody was.
fn waited(served: usize, seconds: f64) -> String {
    if served == 0 { "-".to_owned() } else { minutes(seconds) }
}

/// As minutes and seconds.
fn minutes(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    format!("{}:{:02}", whole / 60, whole % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staffing_is_more_fewer_or_so_many() {
        assert_eq!(staffing("+2"), Ok(Staffing::More(2)));
        assert_eq!(staffing("-1"), Ok(Staffing::Fewer(1)));
        assert_eq!(staffing("12"), Ok(Staffing::Exactly(12)));
        for wrong in ["", "+", "--1", "+-1", "1.5", "二", "10001"] {
            assert!(staffing(wrong).is_err(), "{wrong}");
        }
    }
}
