//! Lists of people that offices send: which there are, and what their columns are called.

use std::fmt::Write as _;

use clap::ValueEnum;
use serde::Deserialize;
use serde_json::{Map, Value};
use zhengna_core::identity::Listed;

use crate::table::{ROUNDED, Row, Table};

/// What a list says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum List {
    /// 自然人、企业: who they are.
    People,
    /// 关联关系: who acts for which enterprise.
    Relations,
    /// 实名信息: how far it is known that persons are who they say.
    RealNames,
    /// 名册: large enterprises, small and micro enterprises.
    Rosters,
    /// 曾用号码: numbers from before the one in use.
    FormerNumbers,
}

/// A field, and the value of rows that have none.
pub(crate) type Given = (&'static str, String);

/// A column.
struct Column {
    /// The field, as core calls it.
    field: &'static str,
    /// What else it may be called: by people, then by Golden-tax.
    names: &'static [&'static str],
    /// Whether a list is none without it.
    needed: bool,
}

const fn needed(field: &'static str, names: &'static [&'static str]) -> Column {
    Column { field, names, needed: true }
}

const fn optional(field: &'static str, names: &'static [&'static str]) -> Column {
    Column { field, names, needed: false }
}

const EXTERNAL_ID: Column = optional("external_id", &["原平台编号"]);
const CHANNEL: Column = needed("channel", &["采集渠道", "渠道", "来源"]);
const ENTERPRISE: Column = needed("enterprise", &["企业号码", "纳税人识别号", "统一社会信用代码", "NSRSBH", "SHXYDM"]);
const PERSON: Column = needed("person", &["人员号码", "证件号码", "身份证号", "身份证号码", "身份证件号码", "SFZJHM"]);
const STARTS_AT: Column = needed("starts_at", &["开始日期", "起始日期", "有效期起", "YXQQ"]);
const ENDS_AT: Column = optional("ends_at", &["结束日期", "终止日期", "有效期止", "YXQZ"]);

const PEOPLE: &[Column] = &[
    needed("kind", &["类型", "纳税人类型"]),
    needed("name", &["名称", "姓名", "纳税人名称", "NSRMC"]),
    needed("number", &["证件号码", "号码", "纳税人识别号", "统一社会信用代码", "身份证号", "身份证号码", "NSRSBH", "SHXYDM"]),
    optional("number_kind", &["证件类型"]),
    optional("phone", &["手机", "手机号", "手机号码", "联系电话"]),
    needed("authority", &["主管税务机关代码", "主管税务机关", "ZGSWJ_DM"]),
    optional("registration_seq", &["登记序号", "DJXH"]),
    EXTERNAL_ID,
    optional("as_of", &["采集日期", "采集时间", "数据日期"]),
];

/// Titles of a column of numbers that say which register they are from, and its kind. A taxpayer number of 18 characters is taken for what
/// it is: only the older ones, of 15, 17 or 20, would be called broken unified codes without it.
const KINDS_BY_TITLE: [(&str, &str); 2] = [("纳税人识别号", "taxpayer_no"), ("NSRSBH", "taxpayer_no")];

const RELATIONS: &[Column] = &[
    ENTERPRISE,
    needed("role", &["人员身份", "关联身份", "身份类型", "角色"]),
    PERSON,
    STARTS_AT,
    ENDS_AT,
    optional("released", &["是否解除", "解除标志"]),
    CHANNEL,
    EXTERNAL_ID,
];

const REAL_NAMES: &[Column] = &[
    PERSON,
    needed("state", &["实名状态", "认证状态", "状态"]),
    optional("level", &["认证级别", "认证方式", "核验方式"]),
    CHANNEL,
    needed("found_at", &["认证时间", "采集时间", "采集日期", "日期"]),
];

const ROSTERS: &[Column] =
    &[ENTERPRISE, needed("roster", &["名册", "名册类型"]), STARTS_AT, ENDS_AT, needed("document", &["依据文件", "文件", "文号"])];

const FORMER_NUMBERS: &[Column] = &[
    needed("taxpayer", &["现用号码", "证件号码", "纳税人识别号", "统一社会信用代码", "NSRSBH", "SHXYDM"]),
    needed("number_kind", &["曾用号码类型", "曾用证件类型"]),
    needed("number", &["曾用号码", "原号码", "原纳税人识别号", "原证件号码"]),
];

/// Why a table is not the list it should be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListError {
    /// Two columns are called the same.
    #[error("columns {first} and {second} are both {field}")]
    Twice { first: usize, second: usize, field: &'static str },
    /// A column is not there that has to be.
    #[error("no column is called {field} or {}; the columns are: {header}", names.join(" or "))]
    Missing { field: &'static str, names: &'static [&'static str], header: String },
    /// Excel had rounded a number.
    #[error("line {line}: {title} {ROUNDED}")]
    Rounded { line: i64, title: String },
    /// A row that is none.
    #[error("line {line}: {what}")]
    Line { line: i64, what: String },
}

impl ListError {
    /// For whoever sent the table, in Chinese.
    pub(crate) fn title(&self) -> String {
        match self {
            Self::Twice { first, second, .. } => format!("第 {first} 列和第 {second} 列是同一项内容，请只保留一列"),
            Self::Missing { names, .. } => format!("缺少列：{}。请核对列名，或为各行统一指定该列的内容", names.join(" 或 ")),
            Self::Rounded { line, title } => format!("第 {line} 行的{title}超过 15 位，已被 Excel 截断：请将该列设为文本格式后重新填写"),
            Self::Line { line, .. } => format!("第 {line} 行无法读取，请核对该行"),
        }
    }
}

impl List {
    const fn columns(self) -> &'static [Column] {
        match self {
            Self::People => PEOPLE,
            Self::Relations => RELATIONS,
            Self::RealNames => REAL_NAMES,
            Self::Rosters => ROSTERS,
            Self::FormerNumbers => FORMER_NUMBERS,
        }
    }

    /// What a row of it is, as core calls it.
    pub(crate) const fn row(self) -> &'static str {
        match self {
            Self::People => "taxpayer",
            Self::Relations => "relation",
            Self::RealNames => "real_name",
            Self::Rosters => "roster_entry",
            Self::FormerNumbers => "former_number",
        }
    }

    /// The field that is called so.
    fn position(self, name: &str) -> Option<usize> {
        let called = |column: &Column| column.field == name || column.names.iter().any(|other| other.eq_ignore_ascii_case(name));
        self.columns().iter().position(called)
    }

    /// Reads a value for rows that have none: `COLUMN=VALUE`.
    pub(crate) fn value(self, text: &str) -> Result<Given, String> {
        let (name, value) = text.split_once('=').ok_or_else(|| format!("--set {text}: expected COLUMN=VALUE"))?;
        self.given(name, value).ok_or_else(|| format!("--set {text}: this list has no column {}", name.trim()))
    }

    /// A value for rows that have none in the column that is called so, if there is one.
    pub(crate) fn given(self, name: &str, value: &str) -> Option<Given> {
        let at = self.position(name.trim())?;
        Some((self.columns()[at].field, value.trim().to_owned()))
    }

    /// Whether these are titles of its columns: every one that has to be there is, or is given.
    pub(crate) fn is_named_by(self, titles: &[String], given: &[Given]) -> bool {
        let titled = |column: usize| titles.iter().any(|title| self.position(title) == Some(column));
        let is_given = |column: &Column| given.iter().any(|(field, _)| *field == column.field);
        self.columns().iter().enumerate().all(|(n, column)| !column.needed || titled(n) || is_given(column))
    }

    /// The rows of a table; an empty cell takes the value that was given for it. A number that Excel had rounded is refused where it is in a
    /// column that the list has.
    pub(crate) fn rows(self, table: &Table, given: &[Given]) -> Result<Vec<(i64, Listed)>, ListError> {
        let columns = self.columns();
        let mut places: Vec<Option<usize>> = vec![None; columns.len()];
        for (at, title) in table.header.iter().enumerate() {
            let Some(field) = self.position(title) else { continue };
            if let Some(before) = places[field].replace(at) {
                return Err(ListError::Twice { first: before + 1, second: at + 1, field: columns[field].field });
            }
        }
        let given = |field: &str| given.iter().rev().find(|(of, _)| *of == field).map(|(_, value)| value);
        for (field, column) in columns.iter().enumerate() {
            if column.needed && places[field].is_none() && given(column.field).is_none() {
                return Err(ListError::Missing { field: column.field, names: column.names, header: table.header.join(" | ") });
            }
        }
        let by_title = columns.iter().position(|c| c.field == "number").and_then(|field| places[field]).and_then(|at| table.header.get(at));
        let kind = by_title.and_then(|title| KINDS_BY_TITLE.iter().find(|(called, _)| called.eq_ignore_ascii_case(title)));
        let row = |row: &Row| {
            if let Some(at) = row.rounded.iter().find(|at| places.contains(&Some(**at))) {
                let title = table.header.get(*at).map_or("", String::as_str);
                return Err(ListError::Rounded { line: row.line, title: title.to_owned() });
            }
            let cell = |(field, column): (usize, &Column)| {
                let cell = places[field].and_then(|at| row.cells.get(at)).filter(|cell| !cell.is_empty());
                let told = cell.or(given(column.field)).map(String::as_str);
                let told = told.or_else(|| kind.filter(|_| column.field == "number_kind").map(|(_, kind)| *kind));
                Some((column.field.to_owned(), Value::String(told?.to_owned())))
            };
            let cells: Map<String, Value> = columns.iter().enumerate().filter_map(cell).collect();
            let said = Map::from_iter([(self.row().to_owned(), Value::Object(cells))]);
            serde_json::from_value(Value::Object(said))
                .map(|said| (row.line, said))
                .map_err(|e| ListError::Line { line: row.line, what: e.to_string() })
        };
        table.rows.iter().map(row).collect()
    }
}

/// Every list with its columns, for the help.
pub(crate) fn columns_in_words() -> String {
    let mut text =
        String::from("Columns, by their names in one of the first lines, in any order; * must be there, in the table or by --set:\n");
    for list in List::value_variants() {
        let name = list.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        let _ = writeln!(text, "  --list {name}"); // a String takes everything
        for Column { field, names, needed } in list.columns() {
            let _ = writeln!(text, "    {}{field:<17} {}", if *needed { "*" } else { " " }, names.join("、"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_of_every_list_is_a_field_of_its_row_and_called_by_no_name_twice() {
        for list in List::value_variants() {
            let header: Vec<String> = list.columns().iter().map(|column| column.field.to_owned()).collect();
            let table = Table { rows: vec![Row { line: 2, cells: header.clone(), rounded: Vec::new() }], header };
            assert_eq!(list.rows(&table, &[]).unwrap().len(), 1, "{list:?}");
            let mut names: Vec<&str> =
                list.columns().iter().flat_map(|column| column.names.iter().chain([&column.field])).copied().collect();
            let all = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), all, "{list:?}");
        }
        assert!(columns_in_words().lines().count() > 30);
    }

    #[test]
    fn a_number_that_excel_rounded_is_refused_where_its_column_is_read() {
        let sheet = crate::table::read(include_bytes!("../tests/files/rounded.xlsx").to_vec()).unwrap();
        let mut table = sheet.headed(|_| true).unwrap();
        let mut given = vec![("kind", "自然人".to_owned()), ("name", "甲".to_owned()), ("authority", "12201020000".to_owned())];
        let refused = List::People.rows(&table, &given).map(|rows| rows.len()).unwrap_err().to_string();
        assert_eq!(refused, format!("line 3: 证件号码 {ROUNDED}"));
        table.header = vec!["备注".to_owned()];
        given.push(("number", "11010519491231002X".to_owned()));
        assert_eq!(List::People.rows(&table, &given).unwrap().len(), 2);
    }

    #[test]
    fn a_column_titled_taxpayer_number_says_the_kind_where_nothing_else_does() {
        let kind_of = |title: &str, given: &[Given], kind: &str| {
            let header = ["类型", "名称", title, "主管税务机关代码", "证件类型"].map(str::to_owned).to_vec();
            let cells = ["企业", "测试百货店", "220102M000100Y4", "12201020000", kind].map(str::to_owned).to_vec();
            let table = Table { rows: vec![Row { line: 2, cells, rounded: Vec::new() }], header };
            let rows = List::People.rows(&table, given).unwrap();
            serde_json::to_value(&rows[0].1).unwrap()["taxpayer"]["number_kind"].as_str().unwrap_or_default().to_owned()
        };
        assert_eq!(
            ["纳税人识别号", "nsrsbh", "统一社会信用代码", "号码"].map(|title| kind_of(title, &[], "")),
            ["taxpayer_no", "taxpayer_no", "", ""]
        );
        let given = [("number_kind", "统一社会信用代码".to_owned())];
        assert_eq!(kind_of("纳税人识别号", &given, ""), "统一社会信用代码");
        assert_eq!(kind_of("纳税人识别号", &given, "护照"), "护照");
    }
}
