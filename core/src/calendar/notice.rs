//! Notices (放假安排通知): what the State Council's General Office arranges for a year.

use std::collections::BTreeMap;

use super::Date;
use crate::limits;

words! {
    /// What is arranged for a day.
    pub enum Arrangement {
        /// A holiday, or a day off beside one (放假).
        Off = "off",
        /// A weekend day that is worked in its place (补班).
        Work = "work",
    }
}

/// One day of a notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrangedDay {
    /// The day. The first or last days of a neighbouring year may stand in a notice too.
    pub date: Date,
    /// What is arranged for it.
    pub arrangement: Arrangement,
    /// The holiday it belongs to: 春节.
    pub name: String,
    /// The document that says so: 国办发明电〔2025〕7号. A later one may change a day of an earlier one.
    pub document: String,
}

/// What is arranged for a year.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The year.
    pub year: i32,
    /// Its days, each once, in any order.
    pub days: Vec<ArrangedDay>,
}

/// Why a file of notices is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoticeError {
    /// The first line names other columns.
    #[error("line 1: expected the columns year,date,kind,name,document")]
    Columns,
    /// A field does not fit.
    #[error("line {line}: {field}: {expected}")]
    Field {
        /// The line, from 1.
        line: usize,
        /// The column.
        field: &'static str,
        /// What stands there in a good file.
        expected: &'static str,
    },
    /// The same day twice in one year's notice.
    #[error("line {line}: {date} is there already")]
    Twice {
        /// The line, from 1.
        line: usize,
        /// The day.
        date: Date,
    },
    /// Too long.
    #[error("more than {max} lines")]
    TooMany {
        /// Lines allowed.
        max: usize,
    },
}

const COLUMNS: &str = "year,date,kind,name,document";

impl Notice {
    /// Reads `year,date,kind,name,document`, a day a line; `kind` is `off` or `work`. No field holds a comma.
    ///
    /// # Errors
    /// The first line that does not fit, and its field.
    pub fn parse(csv: &str) -> Result<Vec<Notice>, NoticeError> {
        let mut lines = csv.trim_start_matches('\u{feff}').lines();
        if lines.next().map(str::trim_end) != Some(COLUMNS) {
            return Err(NoticeError::Columns);
        }
        let mut years: BTreeMap<i32, Vec<ArrangedDay>> = BTreeMap::new();
        for (i, text) in lines.enumerate() {
            let line = i + 2;
            if i >= limits::CALENDAR_LINES_MAX {
                return Err(NoticeError::TooMany { max: limits::CALENDAR_LINES_MAX });
            }
            if text.trim().is_empty() {
                continue;
            }
            let (year, day) = parse_line(line, text.trim_end())?;
            let days = years.entry(year).or_default();
            if days.iter().any(|d| d.date == day.date) {
                return Err(NoticeError::Twice { line, date: day.date });
            }
            days.push(day);
        }
        Ok(years.into_iter().map(|(year, days)| Notice { year, days }).collect())
    }

    /// Writes what [`Notice::parse`] reads.
    pub fn to_csv(notices: &[Notice]) -> String {
        let mut csv = format!("{COLUMNS}\n");
        for notice in notices {
            for day in &notice.days {
                csv += &format!("{},{},{},{},{}\n", notice.year, day.date, day.arrangement.as_str(), day.name, day.document);
            }
        }
        csv
    }
}

/// Which days a notice may speak of.
pub(super) const NEAR: &str = "a day of the notice's year, or of the month before or after it";

/// Whether a notice of a year may speak of a day.
pub(super) fn is_near(year: i32, date: Date) -> bool {
    (Date::from_ymd_opt(year - 1, 12, 1)..=Date::from_ymd_opt(year + 1, 1, 31)).contains(&Some(date))
}

fn parse_line(line: usize, text: &str) -> Result<(i32, ArrangedDay), NoticeError> {
    let wrong = |field, expected| NoticeError::Field { line, field, expected };
    let fields: Vec<&str> = text.split(',').map(str::trim).collect();
    let [year, date, kind, name, document] = fields[..] else { return Err(wrong("line", "five fields, none with a comma in it")) };
    let range = limits::CALENDAR_FIRST_YEAR..=limits::CALENDAR_LAST_YEAR;
    let year: i32 = year.parse().ok().filter(|y| range.contains(y)).ok_or_else(|| wrong("year", "a year from 2000 to 2099"))?;
    let date = Date::parse_from_str(date, "%Y-%m-%d").map_err(|_| wrong("date", "a day as 2026-02-15"))?;
    if !is_near(year, date) {
        return Err(wrong("date", NEAR));
    }
    let arrangement = Arrangement::parse(kind).ok_or_else(|| wrong("kind", "off or work"))?;
    let text = |field, text: &str| {
        let fits = !text.is_empty() && text.chars().count() <= limits::NAME_CHARS_MAX && !text.chars().any(char::is_control);
        fits.then(|| text.to_owned()).ok_or_else(|| wrong(field, "1 to 100 characters"))
    };
    Ok((year, ArrangedDay { date, arrangement, name: text("name", name)?, document: text("document", document)? }))
}

/// The notices for 2018 to 2026 as published, with their later changes (劳动节 2019, 春节 2020).
pub fn published() -> Vec<Notice> {
    #[expect(clippy::expect_used, reason = "the file is part of the program, and a test reads it")]
    Notice::parse(include_str!("../../data/calendar_days.csv")).expect("a good file")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_file_is_read_and_written_back() {
        let notices = published();
        assert_eq!(notices.iter().map(|n| n.year).collect::<Vec<_>>(), (2018..=2026).collect::<Vec<_>>());
        assert_eq!(Notice::parse(&Notice::to_csv(&notices)).unwrap(), notices);
        assert!(notices.iter().flat_map(|n| &n.days).all(|d| d.document.starts_with("国办发明电〔")));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line_and_field() {
        let said = |line: &str| Notice::parse(&format!("{COLUMNS}\n{line}\n")).unwrap_err().to_string();
        assert_eq!(Notice::parse("date,kind\n").unwrap_err(), NoticeError::Columns);
        assert_eq!(said("2026,2026-02-15,off,春节"), "line 2: line: five fields, none with a comma in it");
        assert_eq!(said("1999,1999-02-15,off,春节,文"), "line 2: year: a year from 2000 to 2099");
        assert_eq!(said("2026,2026-02-30,off,春节,文"), "line 2: date: a day as 2026-02-15");
        assert_eq!(said("2026,2024-02-15,off,春节,文"), "line 2: date: a day of the notice's year, or of the month before or after it");
        assert_eq!(said("2026,2026-02-15,OFF,春节,文"), "line 2: kind: off or work");
        assert_eq!(said("2026,2026-02-15,off,,文"), "line 2: name: 1 to 100 characters");
        assert_eq!(said("2026,2026-02-15,off,春节,文\n2026,2026-02-15,work,春节,文"), "line 3: 2026-02-15 is there already");
        let long = format!("{COLUMNS}\n{}", "\n".repeat(limits::CALENDAR_LINES_MAX + 2));
        assert_eq!(Notice::parse(&long).unwrap_err(), NoticeError::TooMany { max: limits::CALENDAR_LINES_MAX });
    }
}
