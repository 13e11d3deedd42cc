//! `zhengna calendar`.

use std::io::BufRead as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;
use zeroize::Zeroizing;
use zhengna_core::access::{Authenticated, Credentials};
use zhengna_core::calendar::{Approve, Change, Datelike as _, Draft, ProposalView, Reject};
use zhengna_core::id::ProposalId;
use zhengna_core::{Core, Error, Session, limits};

use super::configured;
use crate::config::Flags;
use crate::failure::{Exit, Failure};
use crate::ics;
use crate::open::{self, Mode};
use crate::output::{self, say};

/// Working days, filing periods, and the approval of changes to them.
///
/// What changes the calendar takes two officers: one proposes, another one approves what they read. Both sign in here with
/// their own passwords, or do the same over HTTP; nobody acts for them.
#[derive(Args)]
pub(super) struct Calendar {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    Show(Show),
    Proposals(Proposals),
    Propose(Propose),
    Approve(Decide),
    Reject(Refuse),
}

/// Prints what is special about a year: days off, days worked in their place, the last days of filing periods.
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

/// Prints the proposals, newest first, with the digest that whoever decides must name.
///
/// Works beside a running host and changes nothing.
#[derive(Args)]
#[command(after_help = "\
Example:
  zhengna calendar proposals

Next:
  zhengna calendar approve PROPOSAL --digest DIGEST --officer STAFF_NO")]
struct Proposals {
    /// As JSON, with everything that is proposed.
    #[arg(long)]
    json: bool,
}

/// Proposes a notice of working days, or a year of filing periods.
///
/// The file is CSV with the header `year,date,kind,name,document` (a notice, `kind` is off or work) or
/// `month,last_day,document` (twelve filing periods), as core/data of the source tree has them; or, with the ending .ics, an
/// iCalendar file with the days off and the days worked of one year. The officer needs the permission propose_calendar;
/// the password is the first line of standard input. Signing in here ends the officer's session elsewhere.
#[derive(Args)]
#[command(after_help = "\
Example:
  pass show zhengna/220100001 | zhengna calendar propose 2027.csv --officer 220100001 \\
    --title 国务院办公厅关于2027年部分节假日安排的通知 --source https://www.gov.cn/zhengce/...
  pass show zhengna/220100001 | zhengna calendar propose 2027.ics --year 2027 --document 国办发明电〔2026〕7号 --officer ...

Next:
  Another officer, with the permission approve_calendar: zhengna calendar approve PROPOSAL --digest DIGEST --officer STAFF_NO")]
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

/// Approves a proposal that another officer made; it is in force at once.
#[derive(Args)]
#[command(after_help = "\
Example:
  zhengna calendar proposals --json      (compare each day with the published document)
  pass show zhengna/220100002 | zhengna calendar approve 019a... --digest 66c7... --officer 220100002

Next:
  zhengna calendar show YEAR")]
struct Decide {
    /// The proposal.
    #[arg(value_parser = proposal)]
    proposal: ProposalId,
    /// The digest of what you compared with the document.
    #[arg(long)]
    digest: String,
    #[command(flatten)]
    officer: Officer,
}

/// Rejects a proposal that another officer made, for good; a better one may be proposed after it.
#[derive(Args)]
struct Refuse {
    #[command(flatten)]
    decide: Decide,
    /// Why, for whoever proposed it.
    #[arg(long)]
    reason: String,
}

#[derive(Args)]
struct Officer {
    /// Your staff number (工号); the password is read from the first line of standard input.
    #[arg(long, value_name = "STAFF_NO")]
    officer: String,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

fn proposal(text: &str) -> Result<ProposalId, String> {
    ProposalId::parse(text).ok_or_else(|| "the id of a proposal, as `zhengna calendar proposals` prints it".into())
}

impl Calendar {
    pub(super) fn json(&self) -> bool {
        match &self.action {
            Action::Show(c) => c.json,
            Action::Proposals(c) => c.json,
            Action::Propose(c) => c.officer.json,
            Action::Approve(c) => c.officer.json,
            Action::Reject(c) => c.decide.officer.json,
        }
    }

    pub(super) fn run(self, flags: &Flags) -> Result<(), Failure> {
        let config = configured(flags)?;
        let open = |mode| Ok::<Core, Failure>(open::open(&config, mode)?.core);
        match self.action {
            Action::Show(c) => c.run(&open(Mode::Read)?),
            Action::Proposals(c) => c.run(&open(Mode::Read)?),
            Action::Propose(c) => {
                // Everything that can be wrong with the file is found before anybody signs in.
                let draft = c.draft()?;
                c.officer.acts(open, |session| {
                    let proposed = session.calendar().propose(draft).wait()?;
                    Ok((json!(proposed), format!(
                        "proposed {}\ndigest   {}\nIt changes nothing until another officer, with the permission approve_calendar, approves it:\n  \
                         zhengna calendar approve {0} --digest {1} --officer STAFF_NO",
                        proposed.proposal, proposed.digest
                    )))
                })
            }
            Action::Approve(Decide { proposal, digest, officer }) => officer.acts(open, |session| {
                let decided = session.calendar().approve(Approve { proposal, digest }).wait()?;
                let version = decided.number.unwrap_or_default();
                Ok((
                    json!(decided),
                    format!("approved {proposal}; the calendar is now version {version}. See `zhengna calendar show YEAR`."),
                ))
            }),
            Action::Reject(Refuse { decide: Decide { proposal, digest, officer }, reason }) => officer.acts(open, |session| {
                let decided = session.calendar().reject(Reject { proposal, digest, reason }).wait()?;
                Ok((json!(decided), format!("rejected {proposal}, for good. A better one may be proposed now.")))
            }),
        }
    }
}

impl Officer {
    /// Signs the officer in, acts, and signs out again.
    fn acts(
        self,
        open: impl FnOnce(Mode) -> Result<Core, Failure>,
        act: impl FnOnce(&Session) -> Result<(serde_json::Value, String), Error>,
    ) -> Result<(), Failure> {
        let mut line = Zeroizing::new(String::new());
        std::io::stdin().lock().read_line(&mut line).map_err(|e| Failure::new(Exit::Usage, format_args!("standard input: {e}")))?;
        let password = line.trim_end_matches(['\r', '\n']).to_owned();
        let core = open(Mode::Existing)?;
        let signed_in = core.sign_in(&Credentials { login: self.officer, password }, "command line")?;
        let caller: Authenticated = core.authenticate(&signed_in.token)?;
        let session = core.as_actor(caller.actor.clone());
        let acted = act(&session);
        session.access().sign_out(&caller).wait()?;
        core.seal_audit()?;
        let (as_json, text) = acted?;
        if self.json {
            output::json(&as_json)
        } else {
            say(text)
        }
        Ok(())
    }
}

impl Show {
    fn run(self, core: &Core) -> Result<(), Failure> {
        let system = core.as_system();
        let (year, filing) = (system.calendar().year(self.year)?, system.calendar().filing_periods(self.year)?);
        if self.ics {
            say(ics::write(&year, &filing).trim_end_matches('\n')); // which puts it there again
            return Ok(());
        }
        if self.json {
            output::json(&json!({ "calendar": year, "filing_periods": filing.months }));
            return Ok(());
        }
        let known = if year.provisional {
            "provisional: its notice is not known, days are counted by their weekdays"
        } else {
            "as its notice says"
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
        Ok(())
    }
}

impl Proposals {
    fn run(self, core: &Core) -> Result<(), Failure> {
        let system = core.as_system();
        let mut all: Vec<ProposalView> = Vec::new();
        loop {
            let page = system.calendar().proposals(all.last().map(|p| p.id), limits::PROPOSALS_SHOWN_MAX)?;
            if page.is_empty() {
                break;
            }
            all.extend(page);
        }
        if self.json {
            output::json(&json!({ "items": all }));
            return Ok(());
        }
        if all.is_empty() {
            say("Nothing was proposed yet. `zhengna calendar propose --help` says how.");
        }
        for p in &all {
            say(format_args!(
                "{}  {:<8}  {} {}  {}\n  digest {}\n  by {} at {}",
                p.id,
                p.state.as_str(),
                p.kind.as_str(),
                p.subject,
                p.draft.title,
                p.digest,
                p.proposed_by,
                p.proposed_at.rfc3339()
            ));
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
            (document, of_ics(&text, year).map_err(wrong)?)
        } else if self.document.is_some() || self.year.is_some() {
            return Err(wrong("--document and --year are for iCalendar files; in CSV they stand in each line".into()));
        } else if text.trim_start_matches('\u{feff}').starts_with("month,") {
            Change::filing_periods_of_csv(&text).map_err(wrong)?
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

fn of_ics(text: &str, year: i32) -> Result<Change, String> {
    let mut days = ics::read(text).map_err(|e| e.to_string())?;
    days.retain(|d| d.date.year() == year);
    if days.is_empty() { Err(format!("no day off and no day worked in {year}")) } else { Ok(Change::WorkingDays { year, days }) }
}
