//! A recorded day as tables: who came, and who was on duty.

use std::fmt::Write as _;
use std::path::Path;

use zhengna_core::calendar::Date;
use zhengna_core::limits::{NAME_CHARS_MAX, SIMULATED_CAPACITY_MAX, SIMULATED_LINES_MAX, SIMULATED_SHIFTS_MAX};
use zhengna_core::what_if::{Arrival, Day, Shift, seconds, time_of_day};

use crate::failure::{Exit, Failure};
use crate::table::{self, Row, Table};

/// A column: what it is called, whether a table is none without it, and what it says.
struct Column {
    names: &'static [&'static str],
    needed: bool,
    says: &'static str,
}

impl Column {
    fn is_called(&self, title: &str) -> bool {
        self.names.iter().any(|name| name.eq_ignore_ascii_case(title))
    }
}

const fn needed(names: &'static [&'static str], says: &'static str) -> Column {
    Column { names, needed: true, says }
}

const fn optional(names: &'static [&'static str], says: &'static str) -> Column {
    Column { names, needed: false, says }
}

const TIME: &str = "a time of day such as 08:30 or 08:30:05, with or without its date (2026-11-26 08:30:05)";
const SECONDS: &str = "seconds, up to 86400, such as 480 or 90.5";
const NAME: &str = "a name of at most 100 characters";
const NUMBER: &str = "a whole number; smaller goes first, 0 is ordinary";

const ARRIVALS: [Column; 5] = [
    needed(&["arrival", "到达时间", "进入时间"], TIME),
    needed(&["line", "队列"], NAME),
    optional(&["priority", "优先级"], NUMBER),
    optional(&["patience_s", "愿意等待秒数"], SECONDS),
    needed(&["handling_s", "办理秒数"], SECONDS),
];

const SHIFTS: [Column; 5] = [
    needed(&["officer", "坐席"], NAME),
    needed(&["from", "上班时间"], TIME),
    needed(&["until", "下班时间"], TIME),
    optional(&["lines", "负责队列"], "names of lines, with 、 ; or | between them; empty: all"),
    optional(&["capacity", "同时接待数"], "a whole number from 1 to 1000; empty: 1"),
];

/// The columns, for the help.
pub(super) fn columns_in_words() -> String {
    let mut text = String::from("Columns, by their names in one of the first lines; * must be there:\n");
    for (table, columns) in
        [("DAY, a row for each who came", &ARRIVALS), ("--shifts, a row for each stretch of an officer's duty", &SHIFTS)]
    {
        let _ = writeln!(text, "  {table}"); // a String takes everything
        for Column { names, needed, says } in columns {
            let _ = writeln!(text, "    {}{:<10} {}: {says}", if *needed { "*" } else { " " }, names[0], names[1..].join("、"));
        }
    }
    text
}

/// Reads the tables of a day.
pub(super) fn read(day: &Path, shifts: Option<&Path>) -> Result<Day, Failure> {
    let arrivals = Cells::of(day, &ARRIVALS)?;
    let mut reading = Reading::default();
    reading.day.arrivals = arrivals.rows(|row| reading.arrival(row))?;
    if let Some(path) = shifts {
        let shifts = Cells::of(path, &SHIFTS)?;
        if shifts.table.rows.len() > SIMULATED_SHIFTS_MAX {
            return Err(shifts.failed(format!("has more than {SIMULATED_SHIFTS_MAX} rows")));
        }
        reading.day.shifts = shifts.rows(|row| reading.shift(row))?;
    }
    Ok(reading.day)
}

/// A table whose columns were found.
struct Cells<'a> {
    path: &'a Path,
    table: Table,
    columns: &'static [Column],
    places: Vec<Option<usize>>,
}

/// One row of it.
struct Cell<'a> {
    cells: &'a Cells<'a>,
    row: &'a Row,
}

impl<'a> Cells<'a> {
    fn of(path: &'a Path, columns: &'static [Column]) -> Result<Self, Failure> {
        let is_titled = |column: &Column, titles: &[String]| titles.iter().any(|title| column.is_called(title));
        let names_columns = |titles: &[String]| columns.iter().all(|column| !column.needed || is_titled(column, titles));
        let table = table::read_apart(path).and_then(|sheet| sheet.headed(names_columns)).and_then(Table::unrounded).map_err(|e| {
            Failure::new(Exit::Usage, format_args!("{}: {e}", path.display()))
                .advise("Nothing was played. Save the table as CSV in UTF-8, or as XLSX, and try again.")
        })?;
        let mut cells = Self { path, table, columns, places: vec![None; columns.len()] };
        for (column, known) in columns.iter().enumerate() {
            let mut titled = cells.table.header.iter().enumerate().filter(|(_, title)| known.is_called(title));
            cells.places[column] = titled.next().map(|(at, _)| at);
            if let Some((at, _)) = titled.next() {
                let first = cells.places[column].unwrap_or_default();
                return Err(cells.failed(format!("columns {} and {} are both {}", first + 1, at + 1, known.names[0])));
            }
            if known.needed && cells.places[column].is_none() {
                let what = format!("no column is called {}; the columns are: {}", known.names.join(" or "), cells.table.header.join(" | "));
                return Err(cells.failed(what));
            }
        }
        Ok(cells)
    }

    fn failed(&self, what: String) -> Failure {
        Failure::new(Exit::Usage, format_args!("{}: {what}", self.path.display()))
            .advise("Nothing was played. Mend the table and try again; `zhengna simulate interactions --help` says what each column holds.")
    }

    fn rows<T>(&self, mut read: impl FnMut(&Cell<'_>) -> Result<T, Failure>) -> Result<Vec<T>, Failure> {
        self.table.rows.iter().map(|row| read(&Cell { cells: self, row })).collect()
    }
}

impl Cell<'_> {
    fn text(&self, column: usize) -> &str {
        self.cells.places[column].and_then(|at| self.row.cells.get(at)).map_or("", String::as_str)
    }

    /// What a cell says; an empty one says `empty`, where that is allowed.
    fn says<T>(&self, column: usize, empty: Option<T>, read: impl FnOnce(&str) -> Option<T>) -> Result<T, Failure> {
        let text = self.text(column);
        let said = if text.is_empty() && empty.is_some() { empty } else { read(text) };
        said.ok_or_else(|| self.wrong(column, self.cells.columns[column].says))
    }

    fn wrong(&self, column: usize, expected: &str) -> Failure {
        let shown: String = self.text(column).chars().take(40).collect();
        let name = self.cells.columns[column].names[0];
        self.cells.failed(format!("line {}, {name}: expected {expected}; found \"{shown}\"", self.row.line))
    }
}

#[derive(Default)]
struct Reading {
    day: Day,
    date: Option<Date>,
}

impl Reading {
    fn arrival(&mut self, row: &Cell<'_>) -> Result<Arrival, Failure> {
        Ok(Arrival {
            at: self.time(row, 0)?,
            line: self.line(row, 1, row.says(1, None, name)?)?,
            rank: row.says(2, Some(0), |text| text.parse::<i64>().ok())?,
            patience: row.says(3, Some(None), |text| seconds(text).map(Some))?,
            handling: row.says(4, None, seconds)?,
        })
    }

    fn shift(&mut self, row: &Cell<'_>) -> Result<Shift, Failure> {
        let (from, until) = (self.time(row, 1)?, self.time(row, 2)?);
        if until <= from {
            return Err(row.wrong(2, "a time after the one in from"));
        }
        let names = |text: &str| text.split(['、', ';', '；', '|']).map(|one| name(one.trim())).collect::<Option<Vec<String>>>();
        let lines = row.says(3, Some(Vec::new()), names)?;
        Ok(Shift {
            officer: row.says(0, None, name)?,
            from,
            until: Some(until),
            lines: lines.into_iter().map(|name| self.line(row, 3, name)).collect::<Result<_, _>>()?,
            capacity: row.says(4, Some(1), |text| text.parse::<u32>().ok().filter(|n| (1..=SIMULATED_CAPACITY_MAX).contains(n)))?,
        })
    }

    /// A time of the one day there is.
    fn time(&mut self, row: &Cell<'_>, column: usize) -> Result<std::time::Duration, Failure> {
        let (date, at) = row.says(column, None, time_of_day)?;
        match (self.date, date) {
            (Some(of_day), Some(date)) if of_day != date => Err(row.wrong(column, &format!("a time of the same day as before, {of_day}"))),
            (known, date) => {
                self.date = known.or(date);
                Ok(at)
            }
        }
    }

    /// The number of a line by its name.
    fn line(&mut self, row: &Cell<'_>, column: usize, name: String) -> Result<usize, Failure> {
        let lines = &mut self.day.lines;
        match lines.iter().position(|line| *line == name) {
            Some(known) => Ok(known),
            None if lines.len() >= SIMULATED_LINES_MAX => Err(row.wrong(column, &format!("one of at most {SIMULATED_LINES_MAX} lines"))),
            None => {
                lines.push(name);
                Ok(lines.len() - 1)
            }
        }
    }
}

fn name(text: &str) -> Option<String> {
    (!text.is_empty() && text.chars().count() <= NAME_CHARS_MAX).then(|| text.to_owned())
}
