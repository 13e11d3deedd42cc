//! `zhengna people`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;
use zhengna_core::crypto::sm3;
use zhengna_core::identity::{BeginImport, ImportBegun, ImportRow, Listed, RowVerdict, Verdict};
use zhengna_core::{Core, limits};

use super::configured;
use crate::config::Flags;
use crate::failure::{Exit, Failure};
use crate::open::{self, Mode};
use crate::output::{self, Progress, note, say};
use crate::table::{self, Table};

/// Persons and enterprises.
#[derive(Args)]
pub(super) struct People {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    Import(Import),
}

/// Imports persons and enterprises from a table: CSV (UTF-8 or GB18030; comma, tab or semicolon) or XLSX, its first sheet.
///
/// Columns, found by their names in the first line, in any order: 类型 kind (自然人 or 企业), 名称 name, 证件号码 number, 证件类型
/// number_kind, 手机 phone, 主管税务机关代码 authority, 登记序号 registration_seq, 原平台编号 external_id. kind, name, number and
/// authority must be there; --kind and --authority stand in for a column. Whoever has the number already is the same taxpayer;
/// an empty cell changes nothing. Broken rows are left out and told with their field and what to do. The same file given again
/// goes on where it stopped.
#[derive(Args)]
#[command(after_help = "\
Example:
  zhengna people import persons.xlsx --kind 自然人 --dry-run      what would become of each row
  zhengna people import persons.xlsx --kind 自然人
  zhengna people import persons.xlsx --kind 自然人 --dry-run      every row a duplicate: all is there, as in the file
  zhengna people import persons.xlsx --take-back                 undo it, as long as nothing depends on it

Next:
  Mend the broken rows in a file of their own and import that.")]
struct Import {
    /// The file.
    file: PathBuf,
    /// Kind of every row that has none: 自然人 or 企业.
    #[arg(long)]
    kind: Option<String>,
    /// Authority in charge of every row that has none.
    #[arg(long)]
    authority: Option<String>,
    /// Say what would become of each row, and write nothing.
    #[arg(long, conflicts_with = "take_back")]
    dry_run: bool,
    /// Undo the import of this file: whole, or not at all.
    #[arg(long)]
    take_back: bool,
    /// As JSON, every row that is not a duplicate included.
    #[arg(long)]
    json: bool,
}

/// Broken rows shown to a person; all are in the JSON.
const BROKEN_SHOWN: usize = 20;

/// What a column may be called.
const NAMES: [(&str, &[&str]); 8] = [
    ("kind", &["类型", "纳税人类型"]),
    ("name", &["名称", "姓名", "纳税人名称", "NSRMC"]),
    ("number", &["证件号码", "号码", "纳税人识别号", "统一社会信用代码", "身份证号", "身份证号码", "NSRSBH", "SHXYDM"]),
    ("number_kind", &["证件类型"]),
    ("phone", &["手机", "手机号", "手机号码", "联系电话"]),
    ("authority", &["主管税务机关代码", "主管税务机关", "ZGSWJ_DM"]),
    ("registration_seq", &["登记序号", "DJXH"]),
    ("external_id", &["原平台编号"]),
];

/// Where each field stands, by its place in [`NAMES`].
fn columns(header: &[String], given: &[&str]) -> Result<[Option<usize>; NAMES.len()], String> {
    let mut places = [None; NAMES.len()];
    for (at, title) in header.iter().enumerate() {
        let named = NAMES.iter().position(|(word, names)| *word == title || names.iter().any(|name| name.eq_ignore_ascii_case(title)));
        let Some(field) = named else { continue };
        if let Some(before) = places[field].replace(at) {
            return Err(format!("columns {} and {} are both {}", before + 1, at + 1, NAMES[field].0));
        }
    }
    for (field, (word, names)) in NAMES.iter().enumerate() {
        if matches!(*word, "kind" | "name" | "number" | "authority") && places[field].is_none() && !given.contains(word) {
            return Err(format!("no column is called {word} or {}; the first line is: {}", names.join(" or "), header.join(" | ")));
        }
    }
    Ok(places)
}

impl People {
    pub(super) fn json(&self) -> bool {
        let Action::Import(import) = &self.action;
        import.json
    }

    pub(super) fn run(self, flags: &Flags) -> Result<(), Failure> {
        let Action::Import(import) = self.action;
        let usage = |e: &dyn std::fmt::Display| Failure::new(Exit::Usage, format_args!("{}: {e}", import.file.display()));
        let batch = fingerprint(&import.file).map_err(|e| usage(&e))?;
        let table = table::read_apart(&import.file)
            .map_err(|e| usage(&e).advise("Nothing was imported. Save the table as CSV in UTF-8, or as XLSX, and try again."))?;
        let core = open::open(&configured(flags)?, Mode::Existing)?.core;
        let rows = import
            .rows(&table, ImportBegun { batch, attempt: 0 })
            .map_err(|e| usage(&e).advise("Nothing was imported. `zhengna people import --help` has the names of the columns."))?;
        if import.dry_run {
            let mut progress = Progress::new("rows", Some(rows.len() as u64));
            let told = core.as_system().identity().examine_import(&rows, &mut |n| progress.at(n))?;
            drop(progress);
            return import.tell("would be", &told, "Nothing was written. Run it without --dry-run to import.");
        }
        let name = import.file.file_name().map_or_else(|| "table".into(), |name| name.to_string_lossy().into_owned());
        let name = name.chars().take(limits::DOCUMENT_CHARS_MAX).collect();
        import.apply(&core, BeginImport { batch, name, rows: rows.len() as i64 }, rows)
    }
}

impl Import {
    fn rows(&self, table: &Table, of: ImportBegun) -> Result<Vec<ImportRow>, String> {
        let given: Vec<&str> =
            [self.kind.as_ref().map(|_| "kind"), self.authority.as_ref().map(|_| "authority")].into_iter().flatten().collect();
        let places = columns(&table.header, &given)?;
        let row = |row: &table::Row| {
            let cell = |field: usize, otherwise: &Option<String>| {
                let cell = places[field].and_then(|at| row.cells.get(at)).filter(|cell| !cell.is_empty());
                cell.or(otherwise.as_ref()).cloned().unwrap_or_default()
            };
            let taxpayer = Listed {
                kind: cell(0, &self.kind),
                name: cell(1, &None),
                number: cell(2, &None),
                number_kind: cell(3, &None),
                phone: cell(4, &None),
                authority: cell(5, &self.authority),
                registration_seq: cell(6, &None),
                external_id: cell(7, &None),
            };
            ImportRow { of, line: row.line, taxpayer }
        };
        Ok(table.rows.iter().map(row).collect())
    }

    fn apply(&self, core: &Core, begin: BeginImport, mut rows: Vec<ImportRow>) -> Result<(), Failure> {
        let system = core.as_system();
        let identity = system.identity();
        let mut progress = Progress::new("rows", Some(rows.len() as u64));
        if self.take_back {
            let of = identity.import_attempt(begin.batch)?.ok_or_else(|| {
                Failure::new(Exit::Usage, format_args!("{}: was never imported, as it is now", self.file.display()))
                    .advise("Nothing was taken back. A file is known by its content: give the very file that was imported.")
            })?;
            let done = identity.take_back_import(of, &mut |n| progress.at(n))?;
            drop(progress);
            if self.json {
                output::json(&json!({ "taken_back": done.changed }));
            } else {
                say(format_args!("{} rows were taken back; the file may be imported anew.", done.changed));
            }
            return Ok(());
        }
        let of = identity.begin_import(begin).wait()?;
        rows.iter_mut().for_each(|row| row.of = of);
        identity.import(&rows, &mut |n| progress.at(n))?;
        drop(progress);
        let (mut told, mut after) = (Vec::with_capacity(rows.len()), i64::MIN);
        loop {
            let page = identity.imported_rows(of, after, limits::PAGE_ROWS_MAX)?;
            let Some(last) = page.last() else { break };
            after = last.line;
            told.extend(page);
        }
        self.tell("are", &told, "`--dry-run` now finds every good row a duplicate: all is there as in the file. `--take-back` undoes it.")
    }

    /// Counts by verdict, and the broken rows.
    fn tell(&self, are: &str, told: &[RowVerdict], next: &str) -> Result<(), Failure> {
        let mut counts: BTreeMap<&str, u64> = Verdict::ALL.iter().map(|verdict| (verdict.as_str(), 0)).collect();
        for row in told {
            *counts.entry(row.verdict.as_str()).or_default() += 1;
        }
        if self.json {
            let rows: Vec<&RowVerdict> = told.iter().filter(|row| row.verdict != Verdict::Duplicate).collect();
            output::json(&json!({ "rows": told.len(), "verdicts": counts, "told": rows }));
            return Ok(());
        }
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
        note(next);
        Ok(())
    }
}

/// SM3 of the file.
fn fingerprint(path: &Path) -> Result<[u8; 32], std::io::Error> {
    Ok(sm3(&[&std::fs::read(path)?]))
}
