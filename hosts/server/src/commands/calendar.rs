//! `zhengna calendar`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;
use zhengna_core::calendar::{Change, Draft};
use zhengna_core::{Core, limits};

use super::acting::Officer;
use super::configured;
use crate::config::Flags;
use crate::failure::{Exit, Failure};
use crate::ics;
use crate::open::{self, Mode};
use crate::output::{self, say};

/// Working days, filing periods, legal numbers, and proposals to change them.
///
/// What changes the calendar takes two officers: one proposes, another one approves what they read (`zhengna approval`). Both sign in
/// here with their own passwords and second factors, or do the same over HTTP; nobody acts for them.
#[derive(Args)]
pub(super) struct Calendar {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    Show(Show),
    Propose(Propose),
}

/// Prints what is special about a year: days off, days worked in their place, the last days of filing periods; and legal numbers.
///
/// Works beside a running host and changes nothing.
#[derive(Args)]
#[command(after_help = "\
Example:
  zhengna calendar show 2026
  zhengna calendar show 2026 --ics > 2026.ics

Next, when the year is provisional and its notice is published:
  zhengna calendar propose 2027.csv --title TITLE --source ADDRESS --officer STAFF_NO")]
struct Show {
    /// The year.
    year: i32,
    /// As an iCalendar file.
    #[arg(long, conflicts_with = "json")]
    ics: bool,
    /// As JSON, every day.
    #[arg(long)]
    json: bool,
}

/// Proposes a notice of working days, a year of filing periods, or a legal number.
///
/// The file is CSV with the header `year,date,kind,name,document` (a notice, `kind` is off or work),
/// `month,last_day,document` (twelve filing periods) or `number,from,value,document` (one number, from a day on), as core/data of the
/// source tree has them; or, with the ending .ics, an
/// iCalendar file with the days off and the days worked of one year. The officer needs the permission propose_calendar.
#[derive(Args)]
#[command(after_help = "\
Example:
  pass show zhengna/220100001 | zhengna calendar propose 2027.csv --officer 220100001 \\
    --title 国务院办公厅关于2027年部分节假日安排的通知 --source https://www.gov.cn/zhengce/...
  pass show zhengna/220100001 | zhengna calendar propose 2027.ics --year 2027 --document 国办发明电〔2026〕7号 --officer ...

Next:
  Another officer, with the permission approve_calendar: zhengna approval approve APPROVAL --digest DIGEST --officer STAFF_NO")]
struct Propose {
    /// The file, UTF-8.
    file: PathBuf,
    /// Title of the document.
    #[arg(long)]
    title: String,
    /// Where it was published, beginning with https://.
    #[arg(long)]
    source: String,
    /// Number of the document, for an iCalendar file; in CSV it stands in each line.
    #[arg(long)]
    document: Option<String>,
    /// The year, for an iCalendar file; days of other years in it are left out.
    #[arg(long)]
    year: Option<i32>,
    #[command(flatten)]
    officer: Officer,
}

impl Calendar {
    pub(super) fn json(&self) -> bool {
        match &self.action {
            Action::Show(c) => c.json,
            Action::Propose(c) => c.officer.json,
        }
    }

    pub(super) fn run(self, flags: &Flags) -> Result<(), Failure> {
        let config = configured(flags)?;
        let open = |mode| Ok::<Core, Failure>(open::open(&config, mode)?.core);
        match self.action {
            Action::Show(c) => c.run(&open(Mode::Read)?),
            Action::Propose(c) => {
                // Everything that can be wrong with the file is found before anybody signs in.
                let draft = c.draft()?;
                c.officer.acts(open, |session| {
                    let proposed = session.calendar().propose(draft).wait()?;
                    Ok((json!(proposed), format!(
                        "proposed {}\ndigest   {}\nIt changes nothing until another officer, with the permission approve_calendar, approves it:\n  \
                         zhengna approval approve {0} --digest {1} --officer STAFF_NO",
                        proposed.approval, proposed.digest
                    )))
                })
            }
        }
    }
}

impl Show {
    fn run(self, core: &Core) -> Result<(), Failure> {
        let system = core.as_system();
        let (year, filing) = (system.calendar().year(self.year)?, system.calendar().filing_periods(self.year)?);
        let numbers = system.calendar().legal_numbers()?.numbers;
        if self.ics {
            say(ics::write(&year, &filing).trim_end_matches('\n')); // which puts it there again
            return Ok(());
        }
        if self.json {
            output::json(&json!({ "calendar": year, "filing_periods": filing.months, "legal_numbers": numbers }));
            return Ok(());
        }
        let known = if year.provisional {
            format!("provisional: nothing is known of {}; days are counted by their weekdays", year.missing.join(", "))
        } else {
            "as its notice says".into()
        };
        say(format_args!("{}, {known}; version {}", year.year, year.version));
        for day in year.days.iter().filter(|d| d.document.is_some()) {
            let what = if day.worked { "worked" } else { "off" };
            let (name, document) = (day.holiday.as_deref().unwrap_or(""), day.document.as_deref().unwrap_or_default());
            say(format_args!("{}  {what:<6}  {name}  {document}", day.date));
        }
        for month in &filing.months {
            let basis = month.document.as_deref().unwrap_or("computed by the rule; no table is known");
            say(format_args!("{}  filing  {}月征期截止  {basis}", month.last_day, month.month));
        }
        for number in &numbers {
            for dated in &number.values {
                say(format_args!(
                    "{}  number  {} = {}  {}  {}",
                    dated.from,
                    number.number.as_str(),
                    dated.value,
                    number.title,
                    dated.document
                ));
            }
        }
        Ok(())
    }
}

impl Propose {
    fn draft(&self) -> Result<Draft, Failure> {
        let text = read_bounded(&self.file)?;
        let wrong = |what: String| {
            Failure::new(Exit::Usage, format_args!("{}: {what}", self.file.display()))
                .advise("Nothing was proposed. Mend the file and try again.")
        };
        let (document, change) = if self.file.extension().is_some_and(|e| e.eq_ignore_ascii_case("ics")) {
            let (Some(document), Some(year)) = (self.document.clone(), self.year) else {
                return Err(wrong("an iCalendar file needs --document and --year".into()));
            };
            let (change, others) = ics::notice(&text, year).map_err(|e| wrong(e.to_string()))?;
            if others > 0 {
                output::note(format_args!("{others} days of other years in the file are left out."));
            }
            (document, change)
        } else if self.document.is_some() || self.year.is_some() {
            return Err(wrong("--document and --year are for iCalendar files; in CSV they stand in each line".into()));
        } else if text.trim_start_matches('\u{feff}').starts_with("month,") {
            Change::filing_periods_of_csv(&text).map_err(wrong)?
        } else if text.trim_start_matches('\u{feff}').starts_with("number,") {
            Change::legal_number_of_csv(&text).map_err(wrong)?
        } else {
            Change::working_days_of_csv(&text).map_err(wrong)?
        };
        Ok(Draft { document, title: self.title.clone(), source: self.source.clone(), change })
    }
}

/// The file's text; one that no command takes is not read into memory.
fn read_bounded(file: &Path) -> Result<String, Failure> {
    let failed = |e: String| Failure::new(Exit::Usage, format_args!("{}: {e}", file.display()));
    let length = std::fs::metadata(file).map_err(|e| failed(e.to_string()))?.len();
    if length > limits::ICS_BYTES_MAX as u64 {
        return Err(failed(format!("more than {} bytes", limits::ICS_BYTES_MAX)));
    }
    std::fs::read_to_string(file).map_err(|e| failed(e.to_string()))
}
