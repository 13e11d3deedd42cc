//! Tables that people send: CSV in UTF-8, GB18030 or UTF-16, XLSX and XLS. They are hostile until shown otherwise, so a child process
//! reads them under limits of memory and time, and hands rows of text over a pipe.

use std::io::{BufReader, Cursor, Read as _, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use calamine::{Data, Reader, Xls, Xlsx};
use serde::{Deserialize, Serialize};

/// Bytes of a file.
pub const FILE_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Bytes of a file that comes over HTTP.
pub const UPLOAD_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Columns of a table.
pub const COLUMNS_MAX: usize = 256;
/// Characters of a cell; Excel's own limit.
pub const CELL_CHARS_MAX: usize = 32_767;
/// Rows of a table, the header not counted.
pub const ROWS_MAX: usize = zhengna_core::limits::BULK_ROWS_MAX;
/// Rows among which the one is looked for that names the columns: a title and remarks may stand above it.
pub const HEADER_WITHIN: usize = 20;
/// Memory of the reading process.
pub const MEMORY_BYTES_MAX: u64 = 3 * 1024 * 1024 * 1024;
/// Seconds that the reading process may compute.
pub const COMPUTING_S_MAX: u64 = 300;
/// What is wrong with a cell that Excel rounded.
pub const ROUNDED: &str =
    "has a number of more than 15 digits, which Excel has rounded: give the column the format of text and type it again";

/// One row: its line in the file as a person counts it, and its cells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Line, from 1; the header is line 1.
    pub line: i64,
    /// Cells as text, without surrounding blanks.
    pub cells: Vec<String>,
    /// Which of them are numbers that Excel had rounded, from 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rounded: Vec<usize>,
}

/// What is in a file: the rows that hold anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sheet {
    /// The rows.
    pub rows: Vec<Row>,
}

impl Sheet {
    /// The table in it: its header is the first row that names columns, of the first [`HEADER_WITHIN`]; where none does, the first row.
    ///
    /// # Errors
    /// [`TableError`] for a row with more cells than the header, and for more than [`ROWS_MAX`] rows.
    pub fn headed(self, names_columns: impl Fn(&[String]) -> bool) -> Result<Table, TableError> {
        let at = self.rows.iter().take(HEADER_WITHIN).position(|row| names_columns(&row.cells)).unwrap_or(0);
        let mut rows = self.rows.into_iter().skip(at);
        let header = rows.next().ok_or(TableError::Empty)?.cells;
        let rows: Vec<Row> = rows.collect();
        if rows.len() > ROWS_MAX {
            return Err(TableError::TooMuch { what: "rows".into(), max: ROWS_MAX as u64 });
        }
        let has_more = |row: &&Row| row.cells.iter().skip(header.len()).any(|cell| !cell.is_empty());
        if let Some(row) = rows.iter().find(has_more) {
            let what = "has more cells than the line that names the columns: a comma within a cell must stand in quotation marks";
            return Err(TableError::Line { line: row.line, what: what.into() });
        }
        Ok(Table { header, rows })
    }
}

/// A table: its header and the rows below it that hold anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The header.
    pub header: Vec<String>,
    /// The rows.
    pub rows: Vec<Row>,
}

impl Table {
    /// The table, for who reads every column.
    ///
    /// # Errors
    /// [`TableError::Line`], at the first row with a number that Excel had rounded.
    pub fn unrounded(self) -> Result<Self, TableError> {
        let rounded = self.rows.iter().find(|row| !row.rounded.is_empty()).map(|row| row.line);
        rounded.map_or(Ok(self), |line| Err(TableError::Line { line, what: ROUNDED.into() }))
    }
}

/// Why a file is no table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum TableError {
    /// It cannot be read at all.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// Text in no encoding that is read, at a line.
    #[error("line {line} is in no encoding that is read: UTF-8, GB18030, or UTF-16 with its mark")]
    Encoding {
        /// The line.
        line: i64,
    },
    /// A row that is not of the form.
    #[error("line {line}: {what}")]
    Line {
        /// The line.
        line: i64,
        /// What is wrong.
        what: String,
    },
    /// More than a table may have.
    #[error("has more than {max} {what}")]
    TooMuch {
        /// Of what.
        what: String,
        /// The limit.
        max: u64,
    },
    /// Nothing in it.
    #[error("is empty")]
    Empty,
    /// The reading process used more memory or time than it may, or broke.
    #[error("could not be read within the limits of memory and time")]
    Limits,
}

impl TableError {
    /// For whoever sent the file, in Chinese.
    pub fn title(&self) -> String {
        match self {
            Self::Unreadable(_) => "文件无法读取，请另存为 CSV（UTF-8）或 XLSX 后重试".into(),
            Self::Encoding { line } => format!("第 {line} 行的编码无法识别，请另存为 CSV（UTF-8）后重试"),
            Self::Line { line, .. } => format!("第 {line} 行格式有误：请核对单元格个数、引号，以及被 Excel 截断的长号码（请设为文本格式）"),
            Self::TooMuch { max, what } if what == "rows" => format!("文件超过 {max} 行，请分成几个文件"),
            Self::TooMuch { .. } => "文件过大，请分成几个文件".into(),
            Self::Empty => "文件中没有内容".into(),
            Self::Limits => "文件过于复杂，未能在限定的时间和内存内读完，请另存为 CSV（UTF-8）后重试".into(),
        }
    }
}

/// Reads the bytes of a file: XLSX and XLS by their first bytes, else CSV.
///
/// # Errors
/// [`TableError`], with the line where there is one.
pub fn read(bytes: Vec<u8>) -> Result<Sheet, TableError> {
    let rows = match bytes.as_slice() {
        [b'P', b'K', 3, 4, ..] => workbook::<Xlsx<_>>(bytes)?,
        [0xD0, 0xCF, 0x11, 0xE0, ..] => workbook::<Xls<_>>(bytes)?,
        _ => text(&bytes)?,
    };
    let mut rows: Vec<Row> = rows.into_iter().filter(|row| row.cells.iter().any(|cell| !cell.is_empty())).collect();
    if rows.is_empty() {
        return Err(TableError::Empty);
    }
    // One more than any table has: that it has too many is said where it is known which names the columns.
    rows.truncate(HEADER_WITHIN + 1 + ROWS_MAX);
    Ok(Sheet { rows })
}

fn row(line: i64, cells: Vec<String>) -> Result<Row, TableError> {
    if cells.len() > COLUMNS_MAX {
        return Err(TableError::Line { line, what: format!("has more than {COLUMNS_MAX} columns") });
    }
    if cells.iter().any(|cell| cell.chars().count() > CELL_CHARS_MAX) {
        return Err(TableError::Line { line, what: format!("a cell has more than {CELL_CHARS_MAX} characters") });
    }
    Ok(Row { line, cells, rounded: Vec::new() })
}

/// UTF-16 by its mark, UTF-8 with or without its own, else GB18030; a file cut or mixed in the middle of a character is an error at its line.
fn decoded(bytes: &[u8]) -> Result<String, TableError> {
    match bytes {
        [0xFF, 0xFE, rest @ ..] => in_encoding(encoding_rs::UTF_16LE, rest),
        [0xFE, 0xFF, rest @ ..] => in_encoding(encoding_rs::UTF_16BE, rest),
        [0xEF, 0xBB, 0xBF, rest @ ..] => in_encoding(encoding_rs::UTF_8, rest),
        _ => in_encoding(encoding_rs::UTF_8, bytes).or_else(|at| {
            let text = in_encoding(encoding_rs::GB18030, bytes).map_err(|other| at.max(other))?;
            encoding_changes_at(bytes).map_or(Ok(text), Err)
        }),
    }
    .map_err(|line| TableError::Encoding { line })
}

/// The line at which UTF-8 begins or ends in bytes that GB18030 makes some sense of: the half of them that it makes would be nonsense.
fn encoding_changes_at(bytes: &[u8]) -> Option<i64> {
    let is_east_asian = |c: char| matches!(c, '\u{3000}'..='\u{9FFF}' | '\u{FF00}'..='\u{FFEF}');
    let is_utf8 = |line: &[u8]| std::str::from_utf8(line).is_ok_and(|line| line.chars().all(|c| c.is_ascii() || is_east_asian(c)));
    let mut first = None;
    let lines = bytes.split_inclusive(|byte| *byte == b'\n').scan(1, |at, line| {
        let begins = *at;
        *at += line_ends(line);
        Some((begins, line))
    });
    let mut told = lines.filter(|(_, line)| !line.is_ascii()).map(|(at, line)| (at, is_utf8(line)));
    told.find(|(_, is_utf8)| *first.get_or_insert(*is_utf8) != *is_utf8).map(|(at, _)| at)
}

/// The text of bytes in an encoding; the line of what is not in it.
fn in_encoding(encoding: &'static encoding_rs::Encoding, bytes: &[u8]) -> Result<String, i64> {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut text = String::with_capacity(decoder.max_utf8_buffer_length_without_replacement(bytes.len()).unwrap_or(0));
    match decoder.decode_to_string_without_replacement(bytes, &mut text, true).0 {
        encoding_rs::DecoderResult::InputEmpty => Ok(text),
        _ => Err(1 + line_ends(text.as_bytes())),
    }
}

/// Ends of lines: a feed, a return, or both.
fn line_ends(bytes: &[u8]) -> i64 {
    let returns = bytes.iter().filter(|byte| **byte == b'\r').count();
    let feeds = bytes.iter().filter(|byte| **byte == b'\n').count();
    let both = bytes.windows(2).filter(|two| two == b"\r\n").count();
    (returns + feeds - both) as i64
}

/// Comma, semicolon or tab: whichever the first line has most of that has any.
fn delimiter(text: &str) -> u8 {
    let first = text.lines().take(HEADER_WITHIN).find(|line| line.contains([',', '\t', ';'])).unwrap_or_default();
    let count = |delimiter: u8| first.bytes().filter(|byte| *byte == delimiter).count();
    let most = [b',', b'\t', b';'].into_iter().rev().max_by_key(|delimiter| count(*delimiter));
    most.unwrap_or(b',')
}

/// Where in a cell the next character stands; within quotation marks with the place where they were opened.
enum Place {
    Start,
    Unquoted,
    Quoted(usize),
    AfterMark(usize),
    Closed(usize),
}

/// Where a cell in quotation marks begins that is not closed as it should be. The reader takes what follows into the cell, rows and all,
/// and says nothing.
fn badly_quoted(text: &str, delimiter: char) -> Option<usize> {
    let mut place = Place::Start;
    for (at, c) in text.char_indices() {
        place = match (place, c) {
            (Place::Start, '"') => Place::Quoted(at),
            (Place::Quoted(opened), '"') => Place::AfterMark(opened),
            (Place::AfterMark(opened), '"') | (Place::Quoted(opened), _) => Place::Quoted(opened),
            (_, '\r' | '\n') => Place::Start,
            (_, c) if c == delimiter => Place::Start,
            (Place::AfterMark(opened) | Place::Closed(opened), c) if c.is_whitespace() => Place::Closed(opened),
            (Place::AfterMark(opened) | Place::Closed(opened), _) => return Some(opened),
            (Place::Start | Place::Unquoted, _) => Place::Unquoted,
        };
    }
    if let Place::Quoted(opened) = place { Some(opened) } else { None }
}

fn text(bytes: &[u8]) -> Result<Vec<Row>, TableError> {
    let text = decoded(bytes)?;
    let delimiter = delimiter(&text);
    if let Some(opened) = badly_quoted(&text, char::from(delimiter)) {
        let named = match delimiter {
            b'\t' => "tab",
            b';' => "semicolon",
            _ => "comma",
        };
        let what = format!(
            "a quotation mark is opened there and not closed properly: double those within a cell, and close it before the {named}"
        );
        return Err(TableError::Line { line: 1 + line_ends(&text.as_bytes()[..opened]), what });
    }
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_bytes());
    let mut rows = Vec::new();
    let (mut line, mut counted) = (1, 0);
    for record in reader.records() {
        let record = record.map_err(|e| TableError::Line { line, what: e.to_string().chars().take(200).collect() })?;
        // The reader leaves the end of a line, and empty lines, to the next record.
        let at = record.position().map_or(counted, |at| at.byte() as usize);
        let blank = text.as_bytes().get(at..).map_or(0, |rest| rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count());
        line += text.as_bytes().get(counted..at + blank).map_or(0, line_ends);
        counted = at + blank;
        rows.push(row(line, record.iter().map(|cell| cell.trim().to_owned()).collect())?);
    }
    Ok(rows)
}

/// The first sheet of a workbook.
fn workbook<B>(bytes: Vec<u8>) -> Result<Vec<Row>, TableError>
where
    B: Reader<Cursor<Vec<u8>>, Error: std::fmt::Display>,
{
    let unreadable = |e: B::Error| TableError::Unreadable(e.to_string().chars().take(200).collect());
    let mut book = B::new(Cursor::new(bytes)).map_err(unreadable)?;
    let sheet = book.worksheet_range_at(0).ok_or(TableError::Empty)?.map_err(unreadable)?;
    let first = sheet.start().map_or(0, |(row, _)| i64::from(row));
    let cell = |data: &Data| match data {
        Data::Empty => String::new(),
        Data::Float(f) if f.fract() == 0.0 => format!("{f:.0}"),
        Data::DateTime(at) if at.is_datetime() => {
            let (year, month, day, hour, minute, second, _) = at.to_ymd_hms_milli();
            format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
        }
        other => other.to_string().trim().to_owned(),
    };
    // Numbers of people have more digits than Excel keeps: what it made a number of, it has rounded, and the check digit may fit by chance.
    let is_rounded = |data: &Data| matches!(data, Data::Float(f) if f.abs() >= 1e15);
    let read = |(n, cells): (i64, &[Data])| {
        let rounded = cells.iter().enumerate().filter(|(_, data)| is_rounded(data)).map(|(at, _)| at).collect();
        row(first + n + 1, cells.iter().map(cell).collect()).map(|row| Row { rounded, ..row })
    };
    (0_i64..).zip(sheet.rows()).map(read).collect()
}

/// What the child writes, a line of JSON each.
#[derive(Serialize, Deserialize)]
enum Said {
    Row(Row),
    Failed(TableError),
    End,
}

/// In the place of a path: standard input.
const STANDARD_INPUT: &str = "-";

/// Reads a file in this process, which limits itself first, and writes what is in it. For the child process.
pub fn serve(path: &Path, out: &mut impl Write) -> std::io::Result<()> {
    rlimit::setrlimit(rlimit::Resource::AS, MEMORY_BYTES_MAX, MEMORY_BYTES_MAX)?;
    rlimit::setrlimit(rlimit::Resource::CPU, COMPUTING_S_MAX, COMPUTING_S_MAX)?;
    let mut say = |said: &Said| -> std::io::Result<()> {
        serde_json::to_writer(&mut *out, said)?;
        out.write_all(b"\n")
    };
    let bytes = if path == Path::new(STANDARD_INPUT) { whole(std::io::stdin().lock()) } else { file(path) };
    match bytes.and_then(read) {
        Err(e) => say(&Said::Failed(e)),
        Ok(sheet) => {
            sheet.rows.into_iter().try_for_each(|row| say(&Said::Row(row)))?;
            say(&Said::End)
        }
    }
}

fn file(path: &Path) -> Result<Vec<u8>, TableError> {
    whole(std::fs::File::open(path).map_err(unreadable)?)
}

fn whole(from: impl std::io::Read) -> Result<Vec<u8>, TableError> {
    let mut bytes = Vec::new();
    from.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(TableError::TooMuch { what: "bytes".into(), max: FILE_BYTES_MAX });
    }
    Ok(bytes)
}

fn unreadable(e: std::io::Error) -> TableError {
    TableError::Unreadable(e.to_string())
}

/// Reads a file in a child process, which is this program again, as `zhengna parse`.
///
/// # Errors
/// [`TableError`]; `Limits` where the child did not come to its end.
pub fn read_apart(path: &Path) -> Result<Sheet, TableError> {
    let program = std::env::current_exe().map_err(unreadable)?;
    let child = Command::new(program).arg("parse").arg(path).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    told_by(child.map_err(unreadable)?)
}

/// Reads bytes in a child process: a program that is called as `zhengna parse -` is, this one where none is named. They touch no disk.
///
/// # Errors
/// As [`read_apart`].
pub fn read_bytes_apart(program: Option<&Path>, bytes: &[u8]) -> Result<Sheet, TableError> {
    let program = program.map_or_else(std::env::current_exe, |named| Ok(named.to_owned())).map_err(unreadable)?;
    let mut command = Command::new(program);
    command.args(["parse", STANDARD_INPUT]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(unreadable)?;
    // It reads all before it says anything; one that is gone says why in its answer.
    drop(child.stdin.take().map(|mut to| to.write_all(bytes)));
    told_by(child)
}

fn told_by(mut child: Child) -> Result<Sheet, TableError> {
    let sheet = child.stdout.take().map_or(Err(TableError::Limits), |out| heard(BufReader::new(out)));
    // Whatever was wrong with what it said, it is not waited for.
    if sheet.is_err() {
        let _gone = child.kill();
    }
    let ended = child.wait().map_err(unreadable)?;
    if sheet.is_ok() && !ended.success() { Err(TableError::Limits) } else { sheet }
}

fn heard(out: impl std::io::BufRead) -> Result<Sheet, TableError> {
    let mut sheet = Sheet::default();
    for line in out.lines() {
        let line = line.map_err(|_| TableError::Limits)?;
        match serde_json::from_str(&line).map_err(|_| TableError::Limits)? {
            Said::Row(row) => sheet.rows.push(row),
            Said::Failed(e) => return Err(e),
            Said::End => return Ok(sheet),
        }
    }
    Err(TableError::Limits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(bytes: &[u8]) -> Vec<(i64, Vec<String>)> {
        read(bytes.to_vec()).unwrap().rows.into_iter().map(|r| (r.line, r.cells)).collect()
    }

    /// Below the first row.
    fn table(bytes: &[u8]) -> Result<Table, TableError> {
        read(bytes.to_vec())?.headed(|_| true)
    }

    #[test]
    fn the_encodings_and_delimiters_that_people_send() {
        let text = "姓名,证件号码\r\n张三, 1 \r\n\r\n李四,\"2,\n3\"\r\n";
        let want = [(1, vec!["姓名", "证件号码"]), (2, vec!["张三", "1"]), (4, vec!["李四", "2,\n3"])];
        let want: Vec<(i64, Vec<String>)> = want.into_iter().map(|(n, r)| (n, r.into_iter().map(String::from).collect())).collect();
        assert_eq!(rows(text.as_bytes()), want);
        assert_eq!(rows(&[b"\xEF\xBB\xBF", text.as_bytes()].concat()), want);
        assert_eq!(rows(&encoding_rs::GB18030.encode(text).0), want);
        let utf16 = |mark: char, bytes: fn(u16) -> [u8; 2]| {
            std::iter::once(mark).chain(text.chars()).map(|c| bytes(c as u16)).collect::<Vec<_>>().concat()
        };
        assert_eq!(rows(&utf16('\u{FEFF}', u16::to_le_bytes)), want, "Unicode text, as Excel calls it");
        assert_eq!(rows(&utf16('\u{FEFF}', u16::to_be_bytes)), want);
        assert_eq!(rows("a\tb,c\td\n1\t2\t3".as_bytes())[1].1, ["1", "2", "3"]);
        assert_eq!(rows("a;b;c\n1;2;3".as_bytes())[1].1, ["1", "2", "3"]);
        assert_eq!(rows("名册\na\tb\n1\t2,3".as_bytes())[2].1, ["1", "2,3"], "a title above says nothing of what is between cells");
    }

    /// Formulas in what is imported (CVE-2019-14749): nothing here computes, and what Excel computed is a text like any other.
    #[test]
    fn t33_a_formula_is_read_as_the_text_that_it_shows() {
        let typed = "姓名\n=cmd|' /C calc'!A0\n+1+1\n-1\n@SUM(A1)\n＝1+1\n";
        let read_back: Vec<String> = rows(typed.as_bytes()).into_iter().map(|(_, cells)| cells.concat()).collect();
        assert_eq!(read_back, ["姓名", "=cmd|' /C calc'!A0", "+1+1", "-1", "@SUM(A1)", "＝1+1"]);
        let formulas = include_bytes!("../tests/files/formulas.xlsx");
        assert_eq!(rows(formulas)[1].1, ["=1+1"], "the value it showed, not the formula");
    }

    /// Excel keeps fifteen digits: of a number of eighteen it makes another one, whose check digit may fit.
    #[test]
    fn a_number_that_excel_rounded_is_marked_and_refused_by_who_reads_every_column() {
        let table = table(include_bytes!("../tests/files/rounded.xlsx")).unwrap();
        let told: Vec<(i64, Vec<usize>)> = table.rows.iter().map(|row| (row.line, row.rounded.clone())).collect();
        let fifteen_digits_and_eighteen: [(i64, Vec<usize>); 2] = [(2, vec![]), (3, vec![0])];
        assert_eq!(told, fifteen_digits_and_eighteen);
        assert_eq!(table.unrounded(), Err(TableError::Line { line: 3, what: ROUNDED.into() }));
        let typed = self::table("证件号码\n220102199001042345\n".as_bytes()).unwrap();
        assert_eq!(typed.clone().unrounded(), Ok(typed), "a text keeps its digits");
    }

    #[test]
    fn a_quotation_mark_that_is_not_closed_is_told_with_the_line_of_its_cell() {
        let line_of = |text: &str| match read(text.into()) {
            Err(TableError::Line { line, what }) if what.starts_with("a quotation mark is opened there") => line,
            other => panic!("{text:?}: {other:?}"),
        };
        assert_eq!(line_of("a,b\n1,2\n3,\"4\n5,6\n7,8\n"), 3, "open to the end");
        assert_eq!(line_of("a,b\r\n1,2\r\n\r\n3,\"4\r\n5,6\r\n"), 4);
        assert_eq!(line_of("a,b\r1,\"2"), 2);
        assert_eq!(line_of("a,b\n1,\""), 2);
        assert_eq!(line_of("a,b\n1,\"2\"\"\n"), 2, "what was meant to close it is a doubled one");
        assert_eq!(line_of("a,b\n\"甲\"公司,2\n"), 2, "closed, and followed by text");
        assert_eq!(line_of("a,b\n1,\"2\n3\" 4\n"), 2, "and by blanks and text, lines below");
        assert_eq!(line_of("a,b\n1,\"2\" \"3\"\n"), 2);
        assert_eq!(line_of("a,b\n1,\"2\n3,\"4\",5\n"), 2, "the next mark is taken for the end of the first");
        assert_eq!(line_of("\"a,b\n1,2\n"), 1);
        assert_eq!(line_of("a\tb\n\"1\",\t2\n"), 2);
    }

    #[test]
    fn cells_in_quotation_marks_are_read_as_they_were_meant() {
        let cells = |text: &str| rows(text.as_bytes()).into_iter().skip(1).map(|(_, cells)| cells).collect::<Vec<_>>();
        assert_eq!(cells("a,b\n\"甲\"\"乙\"\"\",\"1,\r\n2\"\r\n\"\",3"), [["甲\"乙\"", "1,\r\n2"], ["", "3"]]);
        assert_eq!(cells("a,b\n\"1\"  ,\"2\"\t\n\"3\",\"4\"\u{3000}"), [["1", "2"], ["3", "4"]], "blanks behind the mark");
        assert_eq!(cells("a\tb\n\"1\" \t\"2\"\n"), [["1", "2"]]);
        assert_eq!(cells("a,b\n5\" 管,甲\"乙\"\n"), [["5\" 管", "甲\"乙\""]], "a mark within a cell that begins without one");
    }

    #[test]
    fn a_row_with_more_cells_than_the_first_line_is_refused_at_its_line() {
        let too_many = |text: &str| match table(text.as_bytes()) {
            Err(TableError::Line { line, what }) if what.starts_with("has more cells than the line that names") => line,
            other => panic!("{text:?}: {other:?}"),
        };
        let header = "类型,主管税务机关代码,名称,号码\n";
        assert_eq!(too_many(&format!("{header}企业,12201020000,甲,1\n企业,12201020000,甲,乙公司,1\n")), 3);
        assert_eq!(too_many("a,b\n\n1,2,,,3\n"), 3);
        assert_eq!(rows("a,b\n1,2,, ,\n".as_bytes())[1].1.len(), 5, "empty cells say nothing");
        assert_eq!(rows("a,b,\n1,2,3\n".as_bytes())[1].1, ["1", "2", "3"], "a column without a name is one");
        assert_eq!(rows("a,b\n\"1,2\",3\n".as_bytes())[1].1, ["1,2", "3"]);
    }

    #[test]
    fn the_row_that_names_the_columns_is_found_below_titles_and_remarks() {
        let names = |cells: &[String]| cells.iter().any(|cell| cell == "证件号码");
        let headed = |text: &str| read(text.into()).unwrap().headed(names);
        let found = headed("大企业名册（2026 年）\n\n制表：张三,,\n姓名,证件号码\n李四,1\n").unwrap();
        assert_eq!((found.header, found.rows.len(), found.rows[0].line), (vec!["姓名".into(), "证件号码".into()], 1, 5));
        assert_eq!(headed("姓名,号码\n李四,1\n").unwrap().header, ["姓名", "号码"], "where none names them, the first row");
        let below = |n: usize| headed(&format!("{}姓名,证件号码\n李四,1\n", "说明\n".repeat(n)));
        assert_eq!(below(HEADER_WITHIN - 1).unwrap().rows.len(), 1);
        assert!(below(HEADER_WITHIN).is_err(), "nobody looks further down");
    }

    #[test]
    fn a_workbook_of_before_2007_is_read_as_a_new_one_is() {
        let roster = read(include_bytes!("../tests/files/roster.xls").to_vec()).unwrap();
        let table = roster.headed(|cells| cells.iter().any(|cell| cell == "企业号码")).unwrap();
        assert_eq!(table.header, ["企业号码", "名册", "开始日期", "依据文件"]);
        let [first, second] = &table.rows[..] else { panic!("two rows") };
        assert_eq!(first.cells, ["91220101MA0000001X", "大企业", "2026-01-05 00:00:00", "吉税〔2026〕1 号"]);
        assert_eq!((&second.cells[2..], &second.rounded[..], second.line), (&["2026-1-5".to_owned(), "12".to_owned()][..], &[0][..], 6));
        assert!(matches!(read(b"\xD0\xCF\x11\xE0 no workbook".to_vec()), Err(TableError::Unreadable(_))));
    }

    #[test]
    fn what_is_no_table_is_told_with_its_line() {
        let cut = [encoding_rs::GB18030.encode("姓名\n张三\n李").0.as_ref(), b"\x81"].concat();
        assert_eq!(read(cut), Err(TableError::Encoding { line: 3 }));
        let utf16 = "姓名\n张三\n李".encode_utf16().flat_map(u16::to_le_bytes);
        let cut: Vec<u8> = [0xFF, 0xFE].into_iter().chain(utf16).chain([0x4E]).collect();
        assert_eq!(read(cut), Err(TableError::Encoding { line: 3 }));
        let gb18030 = |text: &'static str| encoding_rs::GB18030.encode(text).0;
        for (mixed, line) in [
            (["姓名\nx\n".as_bytes(), &gb18030("张三\n"), "李四\n".as_bytes()].concat(), 3),
            ([&gb18030("姓名\n张三\n"), "李四\n".as_bytes()].concat(), 3),
        ] {
            assert_eq!(read(mixed), Err(TableError::Encoding { line }), "two encodings in one file");
        }
        assert_eq!(read(b"a\n\xE5\xBC\xFF\xFF\n".to_vec()), Err(TableError::Encoding { line: 2 }));
        assert_eq!(read(b" \n\n".to_vec()), Err(TableError::Empty));
        let wide = |columns: usize| read(vec![b','; columns - 1].into_iter().chain(*b"x").collect());
        assert!(wide(COLUMNS_MAX).is_ok() && matches!(wide(COLUMNS_MAX + 1), Err(TableError::Line { line: 1, .. })));
        let long = |chars: usize| read("长".repeat(chars).into_bytes());
        assert!(long(CELL_CHARS_MAX).is_ok() && matches!(long(CELL_CHARS_MAX + 1), Err(TableError::Line { line: 1, .. })));
        assert!(matches!(read(b"PK\x03\x04 no zip".to_vec()), Err(TableError::Unreadable(_))));
    }
}
