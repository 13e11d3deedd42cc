//! `zhengna people`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use zhengna_core::crypto::{hex, sm3};
use zhengna_core::error::Refusal;
use zhengna_core::id::TaxpayerId;
use zhengna_core::identity::{
    BeginImport, Comparison, ErasePerson, ExportPerson, ImportBegun, ImportList, ImportRow, ListVerdict, Listed, RowVerdict, Verdicts,
};
use zhengna_core::{Core, Error, limits};

use super::configured;
use crate::config::Flags;
use crate::failure::{Exit, Failure};
use crate::lists::{Given, List, columns_in_words};
use crate::open::{self, Mode};
use crate::output::{self, Progress, note, say};
use crate::secret_file;
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
    Erase(Erase),
    Export(Export),
}

/// Erases a person: their keys, what they are found by and how they sign in are destroyed. Their ids stay.
///
/// Name, number, phone and what was said in conversations cannot be read by anybody then; chats show 已删除. A backup from before
/// opens them still, until the epoch of the keys is retired. Refused while the person waits or is served. On SQLite one process
/// at a time has the database: stop the host before, start it after.
#[derive(Args)]
#[command(after_help = "\
Example:
  zhengna people erase 019a0000-0000-7000-8000-000000000001 --reason 本人申请

Next:
  zhengna keys rotate, then zhengna keys retire EPOCH, so that backups from before lose the keys too")]
struct Erase {
    /// Id of the person.
    #[arg(value_parser = id)]
    person: TaxpayerId,
    /// Why; kept in the audit trail, so name nobody in it.
    #[arg(long)]
    reason: String,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Writes all that is kept of a person to a file, unmasked, for the person. Leaves audit records.
///
/// On SQLite one process at a time has the database: stop the host before, start it after.
#[derive(Args)]
#[command(after_help = "\
Example:
  zhengna people export 019a0000-0000-7000-8000-000000000001 person.json --reason 本人申请
  openssl dgst -sm3 person.json      (the printed SM3)

Next:
  Give the file to the person and nobody else, then delete it.")]
struct Export {
    /// Id of the person.
    #[arg(value_parser = id)]
    person: TaxpayerId,
    /// The file to write, readable by you alone; never overwritten.
    file: PathBuf,
    /// Why; kept in the audit trail.
    #[arg(long)]
    reason: String,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Imports a list from a table: CSV (UTF-8 or GB18030; comma, tab or semicolon) or XLSX, its first sheet.
///
/// A list is of one kind: people first, then what is said of them. Whoever has a number already, in use or from before, is the
/// same taxpayer. Each row gets a verdict: new, changed, duplicate, older, or broken; broken rows are left out and told with their
/// field and what to do. The same file given again goes on where it stopped.
///
/// Of people an empty cell changes nothing. A name or phone that is older than what is known (older) is left out, and the rest of
/// the row taken: the column 采集日期 or --as-of says of when a row is. One that says no date is of the day it is imported, and goes
/// before no name or phone that the person, or who compared them with their papers, told us. A relation that has ended here stays ended, whatever a list says; it begins anew with a
/// new start. A finding about a real name counts from its time; one that is older than what is known is left out. A date is
/// 2026-01-31, or one with a time; the last day of a relation or on a roster is part of it, and an empty one, 长期 or the year 9999
/// means that it goes on.
///
/// With --dry-run a row is told by what is there now and by the rows before it about the same. One that speaks of what an earlier row makes
/// (a relation of an enterprise in the same list) is told as if that row were not there.
///
/// After an import the rows that were applied are compared with what is kept of them: each is written in one canonical form, as the
/// file says it and as it stands in the database, and both sides are hashed (SM3). Cells that are empty, and how something is
/// known, are not compared. The same file given again compares again: what differs by then was changed since, or tampered with.
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
  Mend the broken rows in a file of their own and import that. Where the rows were right and something else was missing (the
  authority, the people they speak of): --take-back, and import the file anew.", columns_in_words()))]
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
    /// Of when every row is that has no date: 2026-01-31. The same as --set as_of=...
    #[arg(long, value_name = "DATE")]
    as_of: Option<String>,
    /// Say what would become of each row, and write nothing.
    #[arg(long, conflicts_with = "take_back")]
    dry_run: bool,
    /// Undo the import of this file: whole, or not at all. Where it was cut off it goes on; what a host that runs beside it let
    /// somebody use in between stays, and is told. Of a list that is not of people, with the same --list and --set.
    #[arg(long)]
    take_back: bool,
    /// As JSON, every row that is not a duplicate included.
    #[arg(long)]
    json: bool,
}

/// Broken and older rows shown to a person; all are in the JSON.
const BROKEN_SHOWN: usize = 20;

impl People {
    pub(super) fn json(&self) -> bool {
        match &self.action {
            Action::Import(c) => c.json,
            Action::Erase(c) => c.json,
            Action::Export(c) => c.json,
        }
    }

    pub(super) fn run(self, flags: &Flags) -> Result<(), Failure> {
        let import = match self.action {
            Action::Import(import) => import,
            Action::Erase(erase) => return erase.run(&open::open(&configured(flags)?, Mode::Existing)?.core),
            Action::Export(export) => return export.run(&open::open(&configured(flags)?, Mode::Existing)?.core),
        };
        let usage = |e: &dyn std::fmt::Display| Failure::new(Exit::Usage, format_args!("{}: {e}", import.file.display()));
        let given = import.given().map_err(|e| usage(&e))?;
        let source = sm3(&[&std::fs::read(&import.file).map_err(|e| usage(&e))?]);
        let batch = import.batch(&given, source);
        if import.take_back {
            let core = open::open(&configured(flags)?, Mode::Existing)?.core;
            return import.undo(&core, import.attempt(&core, batch, &given)?);
        }
        let table = table::read_apart(&import.file)
            .and_then(|sheet| sheet.headed(|titles| import.list.is_named_by(titles, &given)))
            .map_err(|e| usage(&e).advise("Nothing was imported. Save the table as CSV in UTF-8, or as XLSX, and try again."))?;
        let rows = import
            .list
            .rows(&table, &given)
            .map_err(|e| usage(&e).advise("Nothing was imported. `zhengna people import --help` has the names of the columns."))?;
        let core = open::open(&configured(flags)?, Mode::Existing)?.core;
        if import.dry_run {
            import.tell(&source, &import.examine(&core, batch, rows)?, None);
        } else {
            let applied = import.apply(&core, batch, &given, rows)?;
            import.tell(&source, &applied.told, Some(&applied));
        }
        Ok(())
    }
}

fn id(text: &str) -> Result<TaxpayerId, &'static str> {
    TaxpayerId::parse(text).ok_or("expected an id such as 019a0000-0000-7000-8000-000000000001")
}

impl Erase {
    fn run(self, core: &Core) -> Result<(), Failure> {
        let mut conversations = 0;
        loop {
            let cmd = ErasePerson { person: self.person, reason: self.reason.clone() };
            let erased = core.as_system().identity().erase_person(cmd).wait()?;
            conversations += erased.conversations;
            if !erased.more {
                break;
            }
        }
        if self.json {
            output::json(&json!({ "person": self.person, "conversations": conversations }));
        } else {
            say(format_args!("the person is erased, with {conversations} conversations."));
            note("Backups from before open them until the epoch of the keys is retired: `zhengna keys rotate --help`.");
        }
        Ok(())
    }
}

impl Export {
    fn run(self, core: &Core) -> Result<(), Failure> {
        let mut progress = Progress::new("conversations", None);
        let cmd = ExportPerson { person: self.person, reason: self.reason };
        let export = core.as_system().identity().export_person(cmd, &mut |n| progress.at(n))?;
        drop(progress);
        let (text, sum) = export.to_text()?;
        secret_file::create(&self.file, &text).map_err(|e| Failure::new(Exit::Usage, e))?;
        if self.json {
            output::json(&json!({ "file": self.file, "sm3": sum, "conversations": export.conversations.len() }));
        } else {
            say(format_args!("{} conversations; all is in {} (mode 0600)\nSM3 {sum}", export.conversations.len(), self.file.display()));
        }
        Ok(())
    }
}

/// The last of each field, as it counts.
fn by_field(given: &[Given]) -> BTreeMap<&str, &String> {
    given.iter().map(|(field, value)| (*field, value)).collect()
}

/// By what it is known again what was given for rows that have none.
fn digest_of(given: &[Given]) -> [u8; 32] {
    sm3(&[json!(by_field(given)).to_string().as_bytes()])
}

/// What an import did.
struct Applied {
    told: Vec<RowVerdict>,
    compared: Comparison,
    /// Whether rows of the file were applied before, which are left as they are.
    before: bool,
}

fn rows_of(of: ImportBegun, rows: Vec<(i64, Listed)>) -> Vec<ImportRow> {
    rows.into_iter().map(|(line, said)| ImportRow { of, line, said }).collect()
}

impl Import {
    /// What stands in for empty cells.
    fn given(&self) -> Result<Vec<Given>, String> {
        let short = [("kind", &self.kind), ("authority", &self.authority), ("as_of", &self.as_of)];
        let short = short.into_iter().filter_map(|(field, value)| Some(format!("{field}={}", value.as_ref()?)));
        self.set.iter().cloned().chain(short).map(|text| self.list.value(&text)).collect()
    }

    /// By what an import is known: people by their file; another list by what it is taken for too, because one file of
    /// enterprises may be two rosters.
    fn batch(&self, given: &[Given], source: [u8; 32]) -> [u8; 32] {
        if self.list == List::People {
            return source;
        }
        sm3(&[json!([self.list.row(), by_field(given)]).to_string().as_bytes(), &source])
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

    fn apply(&self, core: &Core, batch: [u8; 32], given: &[Given], rows: Vec<(i64, Listed)>) -> Result<Applied, Failure> {
        let system = core.as_system();
        let identity = system.identity();
        let mut progress = Progress::new("rows", Some(rows.len() as u64));
        let begin = BeginImport { batch, name: self.name(), rows: rows.len() as i64, given: Some(digest_of(given)) };
        let of = identity.begin_import(begin).wait().map_err(|e| match e {
            Error::Invalid { field, problem } if field == "given" => {
                Failure::new(Exit::Usage, format_args!("{}: {problem}", self.file.display())).advise(
                    "--set, --kind, --authority and --as-of are values of the rows: the same file with others is another list. Nothing was written.",
                )
            }
            Error::Refused(Refusal::ImportTakenBack) => Failure::from(e).advise("Finish that first: the same command with --take-back."),
            e => e.into(),
        })?;
        let rows = rows_of(of, rows);
        let before = !identity.imported_rows(of, i64::MIN, 1)?.is_empty();
        identity.import(&rows, &mut |n| progress.at(n))?;
        let compared = identity.compare_import(&rows, &mut |n| progress.at(n))?;
        Ok(Applied { told: identity.all_imported_rows(of)?, compared, before })
    }

    /// The import of this file: by this command, or by officers, whose lists are known by their rows.
    fn attempt(&self, core: &Core, batch: [u8; 32], given: &[Given]) -> Result<ImportBegun, Failure> {
        let system = core.as_system();
        if let Some(of) = system.identity().import_attempt(batch)? {
            return Ok(of);
        }
        let table = table::read_apart(&self.file).and_then(|sheet| sheet.headed(|titles| self.list.is_named_by(titles, given)));
        let rows = table.ok().and_then(|table| self.list.rows(&table, given).ok());
        let of = match rows.and_then(|rows| ImportList::new(&self.name(), rows).ok()) {
            Some(list) => system.identity().import_attempt(list.batch())?,
            None => None,
        };
        of.ok_or_else(|| {
            Failure::new(Exit::Usage, format_args!("{}: was never imported, as it is now", self.file.display())).advise(
                "Nothing was taken back. A file is known by its content: give the very file that was imported, and the same --list and --set.",
            )
        })
    }

    fn undo(&self, core: &Core, of: ImportBegun) -> Result<(), Failure> {
        let system = core.as_system();
        let identity = system.identity();
        let mut progress = Progress::new("rows", None);
        let done = identity.take_back_import(of, &mut |n| progress.at(n))?;
        let kept = identity.import_kept(of)?;
        drop(progress);
        if self.json {
            output::json(&json!({ "taken_back": done.changed, "kept": kept }));
        } else {
            say(format_args!("{} rows were taken back; the file may be imported anew.", done.changed));
            if !kept.is_empty() {
                let lines: Vec<String> = kept.iter().take(BROKEN_SHOWN).map(i64::to_string).collect();
                let more = if kept.len() > lines.len() { ", ...; --json has them all" } else { "" };
                say(format_args!("{} rows stay, used or changed since it began: lines {}{more}", kept.len(), lines.join(", ")));
            }
        }
        Ok(())
    }

    /// Counts by verdict, the broken rows, and what is kept beside what the file says.
    fn tell(&self, source: &[u8; 32], told: &[RowVerdict], applied: Option<&Applied>) {
        let counts = Verdicts::of(told);
        if self.json {
            let rows: Vec<&RowVerdict> = told.iter().filter(|row| row.verdict != ListVerdict::Duplicate).collect();
            let source = json!({ "name": self.name(), "sm3": hex(source) });
            let compared = applied.map(|Applied { compared, .. }| {
                let Comparison { rows, left_out, said, kept, differing } = compared;
                let (said, kept, agree) = (hex(said), hex(kept), compared.agrees());
                json!({ "rows": rows, "left_out": left_out, "said_sm3": said, "kept_sm3": kept, "agree": agree, "differing": differing })
            });
            output::json(&json!({ "source": source, "rows": told.len(), "verdicts": counts, "compared": compared, "told": rows }));
            return;
        }
        let (are, next) = match applied {
            None => ("would be", "Nothing was written. Run it without --dry-run to import."),
            Some(Applied { before: false, .. }) => {
                ("are", "`--dry-run` now finds every good row a duplicate: all is there as in the file. `--take-back` undoes it.")
            }
            Some(_) => (
                "are",
                "The file was imported before: what became of a row then is left as it is. To try broken rows again, take it back (`--take-back`).",
            ),
        };
        let Verdicts { new, changed, duplicate, older, broken } = counts;
        say(format_args!(
            "{} rows: {new} {are} new, {changed} changed, {duplicate} duplicate, {older} older, {broken} broken.",
            told.len()
        ));
        for row in told.iter().filter(|row| row.field.is_some()).take(BROKEN_SHOWN) {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            say(format_args!("  line {}: {}: {}. {}", row.line, text(&row.field), text(&row.why), row.mend.unwrap_or_default()));
        }
        let faulty = (older + broken).saturating_sub(BROKEN_SHOWN as u64);
        if faulty > 0 {
            say(format_args!("  and {faulty} more; --json has them all"));
        }
        say(format_args!("source: {}, SM3 {}", self.name(), hex(source)));
        if let Some(Applied { compared, .. }) = applied {
            let Comparison { rows, left_out, said, kept, differing } = compared;
            let end = if compared.agrees() { "they agree" } else { "THEY DIFFER" };
            say(format_args!(
                "compared: {rows} rows applied, {left_out} left out; as the file says SM3 {}, as kept SM3 {}: {end}",
                hex(said),
                hex(kept)
            ));
            for line in differing.iter().take(BROKEN_SHOWN) {
                say(format_args!("  line {line}: is kept otherwise. It was changed since, or tampered with."));
            }
            if differing.len() > BROKEN_SHOWN {
                say(format_args!("  and {} more; --json has them all", differing.len() - BROKEN_SHOWN));
            }
        }
        note(next);
    }
}
