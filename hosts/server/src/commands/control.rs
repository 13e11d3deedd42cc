//! `zhengna control`.

use std::fmt::Write as _;

use clap::{Args, Subcommand};
use serde_json::json;
use zhengna_core::calendar::{Datelike as _, date_of, midnight};
use zhengna_core::control::{AlertFigures, ControlReport};
use zhengna_core::identity::term_begin;
use zhengna_core::{Core, Timestamp};

use super::configured;
use crate::config::Flags;
use crate::failure::{Exit, Failure};
use crate::open::{self, Mode};
use crate::output::{self, say};

/// Built-in control (内控): rules that warn before, block during and screen after; what they found, and the report.
#[derive(Args)]
pub(super) struct Control {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    Report(Report),
    Screen(Screen),
}

/// Prints the 内控 report of a period: of the last whole month (Beijing time) where none is named.
///
/// Works beside a running host and changes nothing. It counts and names nobody: alerts by rule and by authority, what became of them and
/// how long they waited; approvals by matter and outcome; emergency posts and whether somebody looked at them; grants the host made
/// without approval.
#[derive(Args)]
#[command(after_help = "\
Example:
  zhengna control report
  zhengna control report --from 2026-10-01 --to 2027-01-01 --json > report.json

Next, where alerts are open:
  Whoever holds review_control looks at them: GET /api/v1/control/alerts?state=open")]
struct Report {
    /// First day, or instant (RFC 3339).
    #[arg(long, value_parser = instant, requires = "to")]
    from: Option<Timestamp>,
    /// First day, or instant, after the period.
    #[arg(long, value_parser = instant, requires = "from")]
    to: Option<Timestamp>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Screens the sealed audit trail of a period by the rules in force, and writes down what it finds that was not known.
///
/// A running host does so every few minutes; this is for a period before the rules were as they are, and for seeing that the same is
/// found again. On SQLite one process at a time has the database: stop the host before, start it after.
#[derive(Args)]
#[command(after_help = "\
Example:
  zhengna control screen --from 2026-10-01 --to 2027-01-01

Next:
  zhengna control report --from 2026-10-01 --to 2027-01-01")]
struct Screen {
    /// First day, or instant (RFC 3339).
    #[arg(long, value_parser = instant)]
    from: Timestamp,
    /// First day, or instant, after the period.
    #[arg(long, value_parser = instant)]
    to: Timestamp,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

fn instant(text: &str) -> Result<Timestamp, String> {
    term_begin("instant", text).map_err(|_| "a day such as 2026-10-01, or an instant such as 2026-10-01T08:30:00+08:00".into())
}

/// The last whole month before an instant, in Beijing. `None` outside the years that dates have.
fn last_month(now: Timestamp) -> Option<(Timestamp, Timestamp)> {
    let this = date_of(now)?.with_day(1)?;
    let last = this.pred_opt()?.with_day(1)?;
    Some((midnight(last), midnight(this)))
}

impl Control {
    pub(super) fn json(&self) -> bool {
        match &self.action {
            Action::Report(c) => c.json,
            Action::Screen(c) => c.json,
        }
    }

    pub(super) fn run(self, flags: &Flags) -> Result<(), Failure> {
        let config = configured(flags)?;
        match self.action {
            Action::Report(c) => c.run(&open::open(&config, Mode::Read)?.core),
            Action::Screen(c) => c.run(&open::open(&config, Mode::Existing)?.core),
        }
    }
}

impl Report {
    fn run(self, core: &Core) -> Result<(), Failure> {
        let (from, to) = self.from.zip(self.to).or_else(|| last_month(core.now())).ok_or_else(|| {
            Failure::new(Exit::Usage, "the last month is not known by this clock").advise("Name the period: --from and --to.")
        })?;
        let report = core.as_system().control().report(from, to)?;
        if self.json {
            output::json(&json!(report))
        } else {
            say(told(&report))
        }
        Ok(())
    }
}

impl Screen {
    fn run(self, core: &Core) -> Result<(), Failure> {
        let done = core.screen(self.from, self.to)?;
        if self.json {
            output::json(&json!(done));
        } else {
            say(format_args!(
                "筛查完成：读取审计记录 {} 条，命中 {} 项，其中新增预警 {} 项。\nNext: whoever holds review_control looks at them: GET /api/v1/control/alerts?state=open",
                done.read, done.found, done.raised
            ));
        }
        Ok(())
    }
}

fn told(report: &ControlReport) -> String {
    let mut text = String::new();
    let mut line = |what: std::fmt::Arguments<'_>| {
        let _ = writeln!(text, "{what}"); // a String takes everything
    };
    let figures = |f: &AlertFigures| format!("待核查 {}，属实 {}，排除 {}", f.open, f.confirmed, f.dismissed);
    let long = |s: Option<u64>| s.map_or_else(|| "—".to_owned(), |s| format!("{} 小时 {} 分", s / 3600, s % 3600 / 60));
    line(format_args!("内控报告 {} 至 {}（不含），生成于 {}", report.from.rfc3339(), report.to.rfc3339(), report.made_at.rfc3339()));
    line(format_args!("\n一、预警：{}", figures(&report.alerts)));
    for (rule, f) in &report.alerts_by_rule {
        line(format_args!("  规则 {rule}：{}", figures(f)));
    }
    for (authority, f) in &report.alerts_by_authority {
        line(format_args!("  机关 {authority}：{}", figures(f)));
    }
    line(format_args!(
        "  核查用时：中位 {}，最长 {}；未核查最长已等待 {}",
        long(report.review_median_s),
        long(report.review_longest_s),
        long(report.open_longest_s)
    ));
    line(format_args!("\n二、审批"));
    for (matter, f) in &report.approvals {
        let by_state: Vec<String> = f.by_state.iter().map(|(state, n)| format!("{state} {n}")).collect();
        line(format_args!("  {matter}：{}", by_state.join("，")));
    }
    line(format_args!(
        "  应急授权 {} 次，其中尚未复核 {} 次，复核不通过 {} 次",
        report.emergencies, report.emergencies_not_reviewed, report.emergencies_rejected
    ));
    line(format_args!("\n三、岗位分离：不相容岗位 {} 对；系统直接授权（未经审批）{} 项", report.separations, report.grants_unapproved));
    line(format_args!("\n四、规则"));
    for rule in &report.rules {
        let on = if rule.enabled { "" } else { "（停用）" };
        line(format_args!(
            "  {}（{}）{on}：{} 分钟内达到 {}；依据：{}",
            rule.id.as_str(),
            rule.kind.as_str(),
            rule.window_minutes,
            rule.threshold,
            rule.clause
        ));
    }
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_month_is_whole_and_of_beijing() {
        for (now, from, to) in [
            ("2026-11-27T13:00:00Z", "2026-10-01", "2026-11-01"),
            ("2026-12-31T15:59:59Z", "2026-11-01", "2026-12-01"),
            ("2026-12-31T16:00:00Z", "2026-12-01", "2027-01-01"),
            ("2028-03-31T00:00:00+08:00", "2028-02-01", "2028-03-01"),
        ] {
            assert_eq!(last_month(Timestamp::parse(now).unwrap()), Some((instant(from).unwrap(), instant(to).unwrap())), "{now}");
        }
    }
}
