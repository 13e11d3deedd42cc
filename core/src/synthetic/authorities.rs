//! The tree of tax authorities of Jilin, from `core/data/jilin_authorities.csv`; what of it is real and what
//! assumed, the file says at its top.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use crate::identity::{AuthorityCode, IdentifierError};

/// One authority of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorityRow {
    /// Its code.
    pub code: AuthorityCode,
    /// The authority above it; none for the national root.
    pub parent: Option<AuthorityCode>,
    /// Its kind.
    pub kind: AuthorityKind,
    /// Full name, as the tax system writes it.
    pub name: String,
    /// First day on which it exists.
    pub effective_from: NaiveDate,
}

/// The kinds of authorities in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum AuthorityKind {
    /// 国家税务总局; the root.
    National,
    /// Bureau of a province.
    Province,
    /// Bureau of a city or autonomous prefecture.
    Prefecture,
    /// Bureau of a district, county or county-level city.
    County,
    /// Tax office (税务所) of a county bureau.
    Office,
    /// Bureau of a development zone.
    Zone,
}

/// A file of authorities that cannot be used: which line, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorityFileError {
    /// The first line that is no comment is not the header.
    #[error("line {line}: the header must be `{HEADER}`")]
    Header {
        /// Number of the line, from 1; 0 when the file has none.
        line: usize,
    },
    /// A line does not have five fields (quotes are not understood).
    #[error("line {line}: {found} fields, 5 expected")]
    Fields {
        /// Number of the line, from 1.
        line: usize,
        /// Fields it has.
        found: usize,
    },
    /// The code or the parent is no authority code.
    #[error("line {line}: {error}")]
    Code {
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        error: IdentifierError,
    },
    /// The kind is none of those in [`AuthorityKind`], in lower case.
    #[error("line {line}: unknown kind")]
    Kind {
        /// Number of the line, from 1.
        line: usize,
    },
    /// The name is empty, or has space at an end.
    #[error("line {line}: the name is empty or has space at an end")]
    Name {
        /// Number of the line, from 1.
        line: usize,
    },
    /// The date is not `YYYY-MM-DD`.
    #[error("line {line}: the date must be YYYY-MM-DD")]
    Date {
        /// Number of the line, from 1.
        line: usize,
    },
    /// The code is there twice.
    #[error("line {line}: the code is there twice")]
    Repeated {
        /// Number of the second line, from 1.
        line: usize,
    },
    /// The parent is not on an earlier line, or the first authority has one, or a later one has none.
    #[error("line {line}: the first authority has no parent, every other one a parent on an earlier line")]
    Parent {
        /// Number of the line, from 1.
        line: usize,
    },
}

const HEADER: &str = "code,parent,kind,name,effective_from";
const FIELDS: usize = 5;

/// The authorities of Jilin, each behind its parent: the root, the province, 9 prefectures, 60 counties, 10 zones, 11
/// offices.
#[must_use]
#[expect(clippy::expect_used, reason = "see the line in it")]
pub fn jilin_authorities() -> Vec<AuthorityRow> {
    parse_authorities(include_str!("../../data/jilin_authorities.csv"))
        // why it cannot fail: the file is compiled in, and a test reads it
        .expect("the file that was compiled in")
}

/// Reads a file of authorities: the header `code,parent,kind,name,effective_from`, then one authority a line, a parent before
/// its children. Empty lines and lines that start with `#` are skipped. Strict: nothing is trimmed or guessed.
///
/// # Errors
/// [`AuthorityFileError`] for the first line that breaks a rule.
pub fn parse_authorities(text: &str) -> Result<Vec<AuthorityRow>, AuthorityFileError> {
    let mut lines = (1..).zip(text.lines()).filter(|(_, content)| !content.is_empty() && !content.starts_with('#'));
    match lines.next() {
        Some((_, HEADER)) => {}
        Some((line, _)) => return Err(AuthorityFileError::Header { line }),
        None => return Err(AuthorityFileError::Header { line: 0 }),
    }
    let mut rows: Vec<AuthorityRow> = Vec::new();
    let mut codes = BTreeSet::new();
    for (line, content) in lines {
        let fields: Vec<&str> = content.split(',').collect();
        let Ok([code, parent, kind, name, date]) = <[&str; FIELDS]>::try_from(fields.as_slice()) else {
            return Err(AuthorityFileError::Fields { line, found: fields.len() });
        };
        let parse = |text| AuthorityCode::parse(text).map_err(|error| AuthorityFileError::Code { line, error });
        let code = parse(code)?;
        let parent = if parent.is_empty() { None } else { Some(parse(parent)?) };
        let kind = kind_of(kind).ok_or(AuthorityFileError::Kind { line })?;
        if name.is_empty() || name.trim() != name {
            return Err(AuthorityFileError::Name { line });
        }
        let effective_from = date_of(date).ok_or(AuthorityFileError::Date { line })?;
        let known = match parent {
            Some(parent) => codes.contains(&parent),
            None => rows.is_empty(),
        };
        if !known {
            return Err(AuthorityFileError::Parent { line });
        }
        if !codes.insert(code) {
            return Err(AuthorityFileError::Repeated { line });
        }
        rows.push(AuthorityRow { code, parent, kind, name: name.to_owned(), effective_from });
    }
    Ok(rows)
}

fn kind_of(text: &str) -> Option<AuthorityKind> {
    Some(match text {
        "national" => AuthorityKind::National,
        "province" => AuthorityKind::Province,
        "prefecture" => AuthorityKind::Prefecture,
        "county" => AuthorityKind::County,
        "office" => AuthorityKind::Office,
        "zone" => AuthorityKind::Zone,
        _ => return None,
    })
}

/// A date in exactly the form `YYYY-MM-DD` (chrono alone would also take 2018-7-5 and +12018-07-05).
fn date_of(text: &str) -> Option<NaiveDate> {
    let date: NaiveDate = text.parse().ok()?;
    (text.len() == 10 && date.to_string() == text).then_some(date)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn the_tree_of_jilin() {
        use AuthorityKind::*;
        let rows = jilin_authorities();
        let count = |kind| rows.iter().filter(|row| row.kind == kind).count();
        assert_eq!([National, Province, Prefecture, County, Zone, Office].map(count), [1, 1, 9, 60, 10, 11]);
        let by_code: HashMap<_, _> = rows.iter().map(|row| (row.code, row)).collect();
        assert_eq!(by_code.len(), rows.len());
        let depth = |row: &AuthorityRow| {
            let parent = |code: &AuthorityCode| by_code[code].parent;
            std::iter::successors(Some(row.code), parent).count()
        };
        assert_eq!(rows.iter().map(depth).max(), Some(5));
        for row in &rows {
            assert!(row.name.starts_with("国家税务总局"), "{}", row.name);
            let above = row.parent.map(|parent| by_code[&parent].kind);
            let allowed: &[Option<AuthorityKind>] = match row.kind {
                National => &[None],
                Province => &[Some(National)],
                Prefecture => &[Some(Province)],
                County | Zone => &[Some(Prefecture), Some(Province)],
                Office => &[Some(County)],
            };
            assert!(allowed.contains(&above), "{row:?}");
        }
        let names: BTreeSet<_> = rows.iter().map(|row| &row.name).collect();
        assert_eq!(names.len(), rows.len(), "no name twice");
        let under_province: Vec<_> = rows
            .iter()
            .filter(|row| matches!(row.kind, County | Zone) && row.parent.unwrap().as_str() == "12200000000")
            .map(|row| row.name.as_str())
            .collect();
        assert_eq!(under_province, ["国家税务总局梅河口市税务局", "国家税务总局长白山保护开发区税务局"]);
    }

    #[test]
    fn strict() {
        use AuthorityFileError::*;
        let root = "10000000000,,national,国家税务总局,2018-06-15";
        let problem = |line: &str| parse_authorities(&format!("{HEADER}\n{root}\n{line}\n")).unwrap_err();
        assert_eq!(parse_authorities(""), Err(Header { line: 0 }));
        assert_eq!(parse_authorities("# c\ncode\n"), Err(Header { line: 2 }));
        assert_eq!(problem("12200000000,10000000000,province,省"), Fields { line: 3, found: 4 });
        assert!(matches!(problem("1220000000,10000000000,province,省,2018-06-15"), Code { line: 3, .. }));
        assert!(matches!(problem(" 12200000000,10000000000,province,省,2018-06-15"), Code { line: 3, .. }));
        assert_eq!(problem("12200000000,10000000000,Province,省,2018-06-15"), Kind { line: 3 });
        assert_eq!(problem("12200000000,10000000000,province, 省,2018-06-15"), Name { line: 3 });
        assert_eq!(problem("12200000000,10000000000,province,省,2018-6-15"), Date { line: 3 });
        assert_eq!(problem("12200000000,10000000000,province,省,2018-02-29"), Date { line: 3 });
        assert_eq!(problem("12200000000,10000000000,province,省,+12018-06-15"), Date { line: 3 });
        assert_eq!(problem("12200000000,10000000000,province,省,-2018-06-15"), Date { line: 3 });
        assert_eq!(problem("12200000000,,province,省,2018-06-15"), Parent { line: 3 });
        assert_eq!(problem("12200000000,12200000000,province,省,2018-06-15"), Parent { line: 3 });
        assert_eq!(problem("10000000000,10000000000,province,省,2018-06-15"), Repeated { line: 3 });
        assert_eq!(Date { line: 3 }.to_string(), "line 3: the date must be YYYY-MM-DD");
    }
}
