//! `zhengna appeal`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use zhengna_core::appeal::{ArrivalList, ArrivalTold, ArrivalVerdict, Columns, SetChannel};
use zhengna_core::crypto::hex;
use zhengna_core::error::Problem;
use zhengna_core::identity::{term_begin, term_end};
use zhengna_core::{Core, Error, limits};

use super::configured;
use crate::config::Flags;
use crate::failure::{Exit, Failure};
use crate::open::{self, Mode};
use crate::output::{self, Progress, note, say};
use crate::table::{self, Table};

/// Appeals that arrive by channels.
#[derive(Args)]
pub(super) struct Appeal {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    Channels(Channels),
    Channel(Channel),
    Collect(Collect),
    Balance(Balance),
}

/// Lists the channels by which appeals arrive, and how each works.
#[derive(Args)]
#[command(after_help = "\
Example:
  zhengna appeal channels
  zhengna appeal channels --json

Next, to change how one works: zhengna appeal channel FILE")]
struct Channels {
    /// As JSON: what `zhengna appeal channel` reads.
    #[arg(long)]
    json: bool,
}

/// Sets how a channel works: one that is shipped, one that is there, or another one, without code.
///
/// The file is JSON: code, authority (11 digits; where what names no office goes), and settings: name, columns (titles that
/// mean a field), words (what the channel's words mean), working_days with its source, replies.
#[derive(Args)]
#[command(after_help = r#"Example, channel.json:
  {"code": "hotline_12345", "authority": "12200000000", "settings": {"name": "12345 接诉即办", "replies": true,
   "working_days": 5, "source": "吉政办发〔2026〕1号", "columns": [{"field": "text", "names": ["市民反映"]}],
   "words": [{"field": "state", "said": "流转", "means": "transferred"}]}}

  zhengna appeal channel channel.json

Next:
  zhengna appeal collect TABLE --channel hotline_12345 --dry-run"#)]
struct Channel {
    /// The file.
    file: PathBuf,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Takes in a table of a channel: CSV (UTF-8, UTF-16 or GB18030; comma, tab or semicolon), XLSX or XLS, its first sheet.
///
/// Columns are known by the names that the channel has, and by common ones; the line that names them may stand below titles.
/// Each row gets a verdict: new; related (new, and another one of the same words, or lately of the same phone, is known);
/// changed; duplicate; or broken, with its field and what to do. An appeal is known again by its channel and number, or, where
/// the channel gives no numbers, by phone, day and words. The same table given again goes on where it stopped.
///
/// On SQLite one process at a time has the database: stop the host before, start it after. On PostgreSQL it runs on.
#[derive(Args)]
#[command(after_help = "\
Example:
  zhengna appeal collect 12345-week47.xlsx --channel hotline_12345 --dry-run     what would become of each row
  zhengna appeal collect 12345-week47.xlsx --channel hotline_12345
  zhengna appeal collect 12345-week47.xlsx --channel hotline_12345 --take-back   undo it, as long as nothing depends on it

Next:
  Officers with the permission handle_appeals find them at GET /api/v1/appeals; zhengna appeal balance counts them.
  Mend the broken rows in a file of their own and collect that.")]
struct Collect {
    /// The table.
    file: PathBuf,
    /// The channel, by its code.
    #[arg(long)]
    channel: String,
    /// Say what would become of each row, and write nothing.
    #[arg(long, conflicts_with = "take_back")]
    dry_run: bool,
    /// Undo the collection of this table: whole, or not at all.
    #[arg(long)]
    take_back: bool,
    /// As JSON, every row that is not a duplicate included.
    #[arg(long)]
    json: bool,
}

/// Counts what arrived by each channel on each day, and where it stands now, from the appeals themselves.
#[derive(Args)]
#[command(after_help = "\
Example:
  zhengna appeal balance --from 2026-11-23 --until 2026-11-29")]
struct Balance {
    /// First day.
    #[arg(long, value_name = "DATE")]
    from: String,
    /// Last day.
    #[arg(long, value_name = "DATE")]
    until: String,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Broken rows shown to a person; all are in the JSON.
const BROKEN_SHOWN: usize = 20;

impl Appeal {
    pub(super) fn json(&self) -> bool {
        match &self.action {
            Action::Channels(c) => c.json,
            Action::Channel(c) => c.json,
            Action::Collect(c) => c.json,
            Action::Balance(c) => c.json,
        }
    }

    pub(super) fn run(self, flags: &Flags) -> Result<(), Failure> {
        let config = configured(flags)?;
        let core = || Ok::<Core, Failure>(open::open(&config, Mode::Existing)?.core);
        match self.action {
            Action::Channels(c) => c.run(&core()?),
            Action::Channel(c) => c.run(&core()?),
            Action::Collect(c) => c.run(&core()?),
            Action::Balance(c) => c.run(&core()?),
        }
    }
}

impl Channels {
    fn run(self, core: &Core) -> Result<(), Failure> {
        let channels = core.as_system().appeals().channels()?;
        if self.json {
            output::json(&json!({ "channels": channels }));
            return Ok(());
        }
        for channel in channels {
            let due = channel.settings.working_days.map_or("no period".to_owned(), |days| format!("{days} working days"));
            say(format_args!("{:<26}{due:<18}{}", channel.code, channel.settings.name));
        }
        Ok(())
    }
}

impl Channel {
    fn run(self, core: &Core) -> Result<(), Failure> {
        let usage = |e: &dyn std::fmt::Display| {
            Failure::new(Exit::Usage, format_args!("{}: {e}", self.file.display()))
                .advise("Nothing was changed. See --help for an example.")
        };
        let text = std::fs::read_to_string(&self.file).map_err(|e| usage(&e))?;
        let cmd: SetChannel = serde_json::from_str(&text).map_err(|e| usage(&e))?;
        let set = core.as_system().appeals().set_channel(cmd).wait()?;
        core.seal_audit()?;
        if self.json {
            output::json(&json!({ "code": set.code }));
        } else {
            say(format_args!("the channel {} works so from now on", set.code));
        }
        Ok(())
    }
}

impl Collect {
    fn failed(&self, e: &dyn std::fmt::Display) -> Failure {
        Failure::new(Exit::Usage, format_args!("{}: {e}", self.file.display()))
    }

    fn run(self, core: &Core) -> Result<(), Failure> {
        let system = core.as_system();
        let appeals = system.appeals();
        let settings = appeals.channel(&self.channel)?.settings;
        let table: Table = table::read_apart(&self.file)
            .and_then(|sheet| sheet.headed(|titles| settings.is_named_by(titles)))
            .and_then(Table::unrounded)
            .map_err(|e| self.failed(&e).advise("Nothing was collected. Save the table as CSV in UTF-8, or as XLSX, and try again."))?;
        let found = settings.columns_of(&table.header);
        let columns = Columns::new(&found).map_err(|e| {
            let titles = table.header.join(" | ");
            self.failed(&format!("{e}; the columns are: {titles}"))
                .advise("Nothing was collected. Name the columns in the channel: zhengna appeal channel --help")
        })?;
        for column in found.iter().filter(|column| column.guessed) {
            let field = column.field.map_or("", |field| field.as_str());
            note(format_args!("the column {} may be {field}: it is left out until the channel names it so", column.title));
        }
        let name = self.file.file_name().map_or_else(|| "table".into(), |name| name.to_string_lossy().into_owned());
        let name: String = name.chars().take(limits::DOCUMENT_CHARS_MAX).collect();
        let rows: Vec<_> = table.rows.iter().filter_map(|row| Some((row.line, columns.arrival(&row.cells)?))).collect();
        let mut progress = Progress::new("rows", Some(rows.len() as u64));
        let list = ArrivalList::new(&self.channel, &name, rows)?;
        if self.take_back {
            let of = appeals.collection_of(list.batch())?.ok_or_else(|| {
                self.failed(&"was never collected, as it is now").advise("Nothing was taken back. Give the very table that was collected.")
            })?;
            let done = appeals.take_back_collection(of, &mut |n| progress.at(n))?;
            drop(progress);
            core.seal_audit()?;
            if self.json {
                output::json(&json!({ "taken_back": done.changed }));
            } else {
                say(format_args!("{} rows were taken back; the table may be collected anew.", done.changed));
            }
            return Ok(());
        }
        let told = if self.dry_run {
            appeals.examine_arrivals(&list, &mut |n| progress.at(n))?
        } else {
            let of = appeals.begin_collection(&list).wait()?;
            appeals.collect(of, &list, &mut |n| progress.at(n))?;
            core.seal_audit()?;
            appeals.collected(of)?
        };
        drop(progress);
        self.tell(&list, &told);
        Ok(())
    }

    fn tell(&self, list: &ArrivalList, told: &[ArrivalTold]) {
        let count = |verdict| told.iter().filter(|row| row.verdict == verdict).count();
        let counts = ArrivalVerdict::ALL.iter().map(|verdict| (verdict.as_str(), count(*verdict)));
        if self.json {
            let rows: Vec<&ArrivalTold> = told.iter().filter(|row| row.verdict != ArrivalVerdict::Duplicate).collect();
            let verdicts: serde_json::Map<_, _> = counts.map(|(word, n)| (word.to_owned(), json!(n))).collect();
            output::json(&json!({ "batch": hex(&list.batch()), "rows": told.len(), "verdicts": verdicts, "told": rows }));
            return;
        }
        let counts: Vec<String> = counts.map(|(word, n)| format!("{n} {word}")).collect();
        say(format_args!("{} rows: {}.", told.len(), counts.join(", ")));
        let broken: Vec<&ArrivalTold> = told.iter().filter(|row| row.verdict == ArrivalVerdict::Broken).collect();
        for row in broken.iter().take(BROKEN_SHOWN) {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            say(format_args!("  line {}: {}: {}. {}", row.line, text(&row.field), text(&row.why), row.mend.unwrap_or_default()));
        }
        if broken.len() > BROKEN_SHOWN {
            say(format_args!("  and {} more; --json has them all", broken.len() - BROKEN_SHOWN));
        }
        note(if self.dry_run {
            "Nothing was written. Run it without --dry-run to collect."
        } else {
            "`--dry-run` now finds every good row a duplicate. `--take-back` undoes it."
        });
    }
}

impl Balance {
    fn run(self, core: &Core) -> Result<(), Failure> {
        let until = term_end("until", &self.until)?.ok_or_else(|| Error::invalid("until", Problem::Empty))?;
        let days = core.as_system().appeals().balance(term_begin("from", &self.from)?, until)?;
        if self.json {
            output::json(&json!({ "days": days }));
            return Ok(());
        }
        say("day         channel                    received    open overdue answered rejected transferred");
        for d in &days {
            say(format_args!(
                "{}  {:<26}{:>9}{:>8}{:>8}{:>9}{:>9}{:>12}",
                d.day, d.channel, d.received, d.open, d.overdue, d.answered, d.rejected, d.transferred
            ));
        }
        Ok(())
    }
}
