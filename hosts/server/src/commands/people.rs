//! `zhengna people`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use zhengna_core::crypto::{hex, sm3};
use zhengna_core::identity::{BeginImport, ImportBegun, ImportRow, Listed, RowVerdict, Verdict};
use zhengna_core::{Core, limits};

use super::configured;
use super::lists::{Given, List, columns_in_words};
use crate::config::Flags;
use crate::failure::{Exit, Failure};
use crate::open::{self, Mode};
use crate::output::{self, Progress, note, say};
use crate::table;

/// Persons and enterprises, and what lists say of them.
#[derive(Args)]
pub(super) struct People {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    Import(Import),
}

/// Imports a list from a table: CSV (UTF-8 or GB18030; comma, tab or semicolon) or XLSX, its first sheet.
///
/// A list is of one kind: people first, then what is said of them. Whoever has a number already, in use or from before, is the
/// same taxpayer. Each row gets a verdict: new, changed, duplicate, or broken; broken rows are left out and told with their field and
/// what to do. The same file given again goes on where it stopped.
///
/// Of people an empty cell changes nothing. A relation that has ended here stays ended, whatever a list says; it begins anew with a
/// new start. A finding about a real name counts from its time; one that is older than what is known is left out. A date is
/// 2026-01-31, or one with a time; the last day of a relation or on a roster is part of it, and an empty one, 长期 or the year 9999
/// means that it goes on.
///
/// On SQLite one process at a time has the database: stop the host before, start it after. On PostgreSQL it runs on.
#[derive(Args)]
#[command(after_help = format!("\
Example:
  zhengna people import persons.xlsx --kind 自然人 --dry-run      what would become of each row
  zhengna people import persons.xlsx --kind 自然人
  zhengna people import persons.xlsx --kind 自然人 --dry-run      every row a duplicate: all is there, as in the file
  zhengna people import persons.xlsx --take-back                 undo it, as long as nothing depends on it
  zhengna people import officers.csv --list relations --set 采集渠道=税务登记
  zhengna people import large.xlsx --list rosters --set 名册=大企业 --set 依据文件=吉税发〔2026〕1号

{}
Next:
  Mend the broken rows in a file of their own and import that.", columns_in_words()))]
struct Import {
    /// The file.
    file: PathBuf,
    /// What the file says.
    #[arg(long, value_enum, default_value = "people")]
    list: List,
    /// Value of a column for every row that has none; may be given several times.
    #[arg(long, value_name = "COLUMN=VALUE")]
    set: Vec<String>,
    /// Kind of every row that has none: 自然人 or 企业. The same as --set kind=...
    #[arg(long)]
    kind: Option<String>,
    /// Authority in charge of every row that has none. The same as --set authority=...
    #[arg(long)]
    authority: Option<String>,
    /// Say what would become of each row, and write nothing.
    #[arg(long, conflicts_with = "take_back")]
    dry_run: bool,
    /// Undo the import of this file: whole, or not at all. Of a list that is not of people, with the same --list and --set.
    #[arg(long)]
    take_back: bool,
    /// As JSON, every row that is not a duplicate included.
    #[arg(long)]
    json: bool,
}

/// Broken rows shown to a person; all are in the JSON.
const BROKEN_SHOWN: usize = 20;

impl People {
    pub(super) fn json(&self) -> bool {
        let Action::Import(import) = &self.action;
        import.json
    }

    pub(super) fn run(self, flags: &Flags) -> Result<(), Failure> {
        let Action::Import(import) = self.action;
        let usage = |e: &dyn std::fmt::Display| Failure::new(Exit::Usage, format_args!("{}: {e}", import.file.display()));
        let given = import.given().map_err(|e| usage(&e))?;
        let source = sm3(&[&std::fs::read(&import.file).map_err(|e| usage(&e))?]);
        let batch = import.batch(&given, source);
        if import.take_back {
            return import.undo(&open::open(&configured(flags)?, Mode::Existing)?.core, batch);
        }
        let table = table::read_apart(&import.file)
            .map_err(|e| usage(&e).advise("Nothing was imported. Save the table as CSV in UTF-8, or as XLSX, and try again."))?;
        let rows = import
            .list
            .rows(&table, &given)
            .map_err(|e| usage(&e).advise("Nothing was imported. `zhengna people import --help` has the names of the columns."))?;
        let core = open::open(&configured(flags)?, Mode::Existing)?.core;
        let told = if import.dry_run { import.examine(&core, batch, rows)? } else { import.apply(&core, batch, rows)? };
        import.tell(&source, &told);
        Ok(())
    }
}

fn rows_of(of: ImportBegun, rows: Vec<(i64, Listed)>) -> Vec<ImportRow> {
    rows.into_iter().map(|(line, said)| ImportRow { of, line, said }).collect()
}

impl Import {
    /// What stands in for empty cells.
    fn given(&self) -> Result<Vec<Given>, String> {
        let short = [("kind", &self.kind), ("authority", &self.authority)];
        let short = short.into_iter().filter_map(|(field, value)| Some(format!("{field}={}", value.as_ref()?)));
        self.set.iter().cloned().chain(short).map(|text| self.list.value(&text)).collect()
    }

    /// By what an import is known: people by their file; another list by what it is taken for too, because one file of
    /// enterprises may be two rosters.
    fn batch(&self, given: &[Given], source: [u8; 32]) -> [u8; 32] {
        if self.list == List::People {
            return source;
        }
        let given: BTreeMap<&str, &String> = given.iter().map(|(field, value)| (*field, value)).collect();
        sm3(&[json!([self.list.row(), given]).to_string().as_bytes(), &source])
    }

    fn name(&self) -> String {
        let name = self.file.file_name().map_or_else(|| "table".into(), |name| name.to_string_lossy().into_owned());
        name.chars().take(limits::DOCUMENT_CHARS_MAX).collect()
    }

    fn examine(&self, core: &Core, batch: [u8; 32], rows: Vec<(i64, Listed)>) -> Result<Vec<RowVerdict>, Failure> {
        let rows = rows_of(ImportBegun { batch, attempt: 0 }, rows);
        let mut progress = Progress::new("rows", Some(rows.len() as u64));
        Ok(core.as_system().identity().examine_import(&rows, &mut |n| progress.at(n))?)
    }

    fn apply(&self, core: &Core, batch: [u8; 32], rows: Vec<(i64, Listed)>) -> Result<Vec<RowVerdict>, Failure> {
        let system = core.as_system();
        let identity = system.identity();
        let mut progress = Progress::new("rows", Some(rows.len() as u64));
        let of = identity.begin_import(BeginImport { batch, name: self.name(), rows: rows.len() as i64 }).wait()?;
        let rows = rows_of(of, rows);
        identity.import(&rows, &mut |n| progress.at(n))?;
        let (mut told, mut after) = (Vec::with_capacity(rows.len()), i64::MIN);
        loop {
            let page = identity.imported_rows(of, after, limits::PAGE_ROWS_MAX)?;
            let Some(last) = page.last() else { return Ok(told) };
            after = last.line;
            told.extend(page);
        }
    }

    fn undo(&self, core: &Core, batch: [u8; 32]) -> Result<(), Failure> {
        let system = core.as_system();
        let identity = system.identity();
        let of = identity.import_attempt(batch)?.ok_or_else(|| {
            Failure::new(Exit::Usage, format_args!("{}: was never imported, as it is now", self.file.display())).advise(
                "Nothing was taken back. A file is known by its content: give the very file that was imported, and the same --list and --set.",
            )
        })?;
        let mut progress = Progress::new("rows", None);
        let done = identity.take_back_import(of, &mut |n| progress.at(n))?;
        drop(progress);
        if self.json {
            output::json(&json!({ "taken_back": done.changed }));
        } else {
            say(format_args!("{} rows were taken back; the file may be imported anew.", done.changed));
        }
        Ok(())
    }

    /// Counts by verdict, and the broken rows.
    fn tell(&self, source: &[u8; 32], told: &[RowVerdict]) {
        let mut counts: BTreeMap<&str, u64> = Verdict::ALL.iter().map(|verdict| (verdict.as_str(), 0)).collect();
        for row in told {
            *counts.entry(row.verdict.as_str()).or_default() += 1;
        }
        if self.json {
            let rows: Vec<&RowVerdict> = told.iter().filter(|row| row.verdict != Verdict::Duplicate).collect();
            let source = json!({ "name": self.name(), "sm3": hex(source) });
            output::json(&json!({ "source": source, "rows": told.len(), "verdicts": counts, "told": rows }));
            return;
        }
        let (are, next) = if self.dry_run {
            ("would be", "Nothing was written. Run it without --dry-run to import.")
        } else {
            ("are", "`--dry-run` now finds every good row a duplicate: all is there as in the file. `--take-back` undoes it.")
        };
        let of = |verdict: Verdict| counts.get(verdict.as_str()).copied().unwrap_or(0);
        let (new, changed, duplicate, broken) = (of(Verdict::New), of(Verdict::Changed), of(Verdict::Duplicate), of(Verdict::Broken));
        say(format_args!("{} rows: {new} {are} new, {changed} changed, {duplicate} duplicate, {broken} broken.", told.len()));
        let all_broken = told.iter().filter(|row| row.verdict == Verdict::Broken);
        for row in all_broken.take(BROKEN_SHOWN) {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            say(format_args!("  line {}: {}: {}. {}", row.line, text(&row.field), text(&row.why), row.mend.unwrap_or_default()));
        }
        if broken > BROKEN_SHOWN as u64 {
            say(format_args!("  and {} more; --json has them all", broken - BROKEN_SHOWN as u64));
        }
        say(format_args!("source: {}, SM3 {}", self.name(), hex(source)));
        note(next);
    }
}
