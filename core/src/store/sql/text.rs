//! SQL text: written once from the declared tables, in the form SQLite takes; PostgreSQL's differs by
//! placeholders and by what [`Dialect`] says.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::rc::Rc;

use crate::planted::{Bug, planted};
use crate::store::Table;
use crate::store::raw::Range;

/// The two engines. Everything that differs between them in SQL is a method here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// SQLite 3.51.3 or newer.
    Sqlite,
    /// PostgreSQL 15 or newer.
    Postgres,
}

impl Dialect {
    /// `?1` is what SQLite numbers explicitly; PostgreSQL wants `$1`. Quoted text is left alone.
    pub fn placeholders(self, sql: String) -> String {
        if self == Self::Sqlite {
            return sql;
        }
        let mut quoted = false;
        sql.chars()
            .map(|c| {
                quoted ^= c == '\'';
                if c == '?' && !quoted { '$' } else { c }
            })
            .collect()
    }

    /// Expressions for the `xid` and `seq` of a stamped row. SQLite has one writer, so order of insert is order
    /// of commit; PostgreSQL needs the transaction's id to know which rows may still be invisible.
    pub fn stamp(self, table: &str) -> String {
        match self {
            Self::Sqlite => format!("0, (SELECT coalesce(max(seq), 0) + 1 FROM {table} WHERE xid = 0)"),
            Self::Postgres => "CAST(CAST(pg_current_xact_id() AS TEXT) AS BIGINT), nextval('stamp')".into(),
        }
    }

    /// Locks the selected row until the end of the transaction. SQLite's writer is alone.
    pub fn row_lock(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE",
        }
    }

    /// The `xid` below which every transaction has ended.
    pub fn horizon(self) -> &'static str {
        match self {
            Self::Sqlite => "SELECT 9223372036854775807",
            Self::Postgres => "SELECT CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS TEXT) AS BIGINT)",
        }
    }

    /// After rows were restored with the numbers they had: new numbers must be larger. SQLite looks for itself.
    pub fn raise_stamp(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => {
                Some("UPDATE series SET version = version WHERE setval('stamp', greatest($1, (SELECT last_value FROM stamp))) < 0")
            }
        }
    }

    /// Turns shared DDL into this engine's: tables that say so are stored in key order on SQLite.
    pub fn ddl(self, sql: &str) -> String {
        match self {
            Self::Sqlite => sql.replace("/* WITHOUT ROWID */", "WITHOUT ROWID"),
            Self::Postgres => sql.to_owned(),
        }
    }
}

/// What a statement does; with the table, all that its text depends on.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Shape {
    Get,
    GetMany(usize),
    Lock,
    Range { index: Option<usize>, prefix: usize, after: usize, until: bool, reverse: bool },
    Insert(usize),
    Restore(usize),
    InsertNew,
    Update(u64),
    Delete,
}

impl Shape {
    pub(super) fn of(range: &Range) -> Self {
        Self::Range {
            index: range.index,
            prefix: range.prefix.len(),
            after: range.after.as_ref().map_or(0, Vec::len),
            until: range.until.is_some(),
            reverse: range.reverse,
        }
    }
}

type Texts = HashMap<(Dialect, &'static str, Shape), Rc<str>>;

thread_local! {
    static TEXTS: RefCell<Texts> = RefCell::new(HashMap::new());
}

/// The text of a statement, from the cache of this thread.
pub(super) fn text(dialect: Dialect, table: &'static Table, shape: Shape) -> Rc<str> {
    TEXTS.with_borrow_mut(|texts| {
        texts.entry((dialect, table.name, shape)).or_insert_with(|| dialect.placeholders(build(dialect, table, shape)).into()).clone()
    })
}

fn build(dialect: Dialect, table: &'static Table, shape: Shape) -> String {
    let name = table.name;
    match shape {
        Shape::Get => format!("/* {name}.get */ SELECT {} FROM {name} WHERE {}", all(table), equals(table, table.key, 1)),
        Shape::Lock => {
            format!("/* {name}.lock */ SELECT {} FROM {name} WHERE {}{}", all(table), equals(table, table.key, 1), dialect.row_lock())
        }
        Shape::GetMany(n) => {
            let key = table.columns[table.key[0]].name;
            let marks: Vec<String> = (1..=n).map(|i| format!("?{i}")).collect();
            format!("/* {name}.get_many */ SELECT {} FROM {name} WHERE {key} IN ({})", all(table), marks.join(", "))
        }
        Shape::Range { index, prefix, after, until, reverse } => range(table, index, prefix, after, until, reverse),
        Shape::Insert(rows) => format!("/* {name}.insert */ {}", insert(dialect, table, rows, table.stamped)),
        Shape::Restore(rows) => format!("/* {name}.restore */ {}", insert(dialect, table, rows, false)),
        Shape::InsertNew => format!("/* {name}.insert_new */ {} ON CONFLICT DO NOTHING", insert(dialect, table, 1, table.stamped)),
        Shape::Update(mask) => {
            let changed: Vec<usize> = (0..table.columns.len()).filter(|i| mask & (1 << i) != 0).collect();
            let sets: Vec<String> = changed.iter().enumerate().map(|(n, &c)| format!("{} = ?{}", table.columns[c].name, n + 1)).collect();
            format!("/* {name}.update */ UPDATE {name} SET {} WHERE {}", sets.join(", "), versioned(table, changed.len() + 1))
        }
        Shape::Delete => format!("/* {name}.delete */ DELETE FROM {name} WHERE {}", versioned(table, 1)),
    }
}

fn all(table: &Table) -> String {
    let names: Vec<&str> = table.columns.iter().map(|c| c.name).collect();
    names.join(", ")
}

fn equals(table: &Table, columns: &[usize], first: usize) -> String {
    let terms: Vec<String> = columns.iter().enumerate().map(|(n, &c)| format!("{} = ?{}", table.columns[c].name, first + n)).collect();
    terms.join(" AND ")
}

/// The column whose value an update or a delete compares, so that it touches only the row that was read.
pub(super) fn compared_version(table: &Table) -> Option<usize> {
    table.version.filter(|_| !planted(Bug::VersionUnchecked))
}

fn versioned(table: &Table, first: usize) -> String {
    let mut columns = table.key.to_vec();
    columns.extend(compared_version(table));
    equals(table, &columns, first)
}

fn range(table: &Table, index: Option<usize>, prefix: usize, after: usize, until: bool, reverse: bool) -> String {
    let order = table.order_of(index);
    let names: Vec<&str> = order.iter().map(|&c| table.columns[c].name).collect();
    let mut terms = Vec::new();
    if prefix > 0 {
        terms.push(equals(table, &order[..prefix], 1));
    }
    let mut next = prefix + 1;
    if after > 0 {
        let marks: Vec<String> = (next..next + after).map(|i| format!("?{i}")).collect();
        let sign = if reverse { "<" } else { ">" };
        terms.push(format!("({}) {sign} ({})", names[prefix..prefix + after].join(", "), marks.join(", ")));
        next += after;
    }
    if until {
        terms.push(format!("{} <= ?{next}", names[prefix]));
        next += 1;
    }
    // The engines disagree about the place of NULL, so rows with one are in no index, as in memory.
    let indexed = index.map_or(0, |i| table.indexes[i].columns.len());
    let nullable = order[..indexed].iter().skip(prefix).filter(|&&c| table.columns[c].nullable);
    terms.extend(nullable.map(|&c| format!("{} IS NOT NULL", table.columns[c].name)));
    let direction = if reverse { " DESC" } else { "" };
    let last = sorted(table, index, names.len());
    let ordered: Vec<String> = names[prefix.min(last)..last].iter().map(|n| format!("{n}{direction}")).collect();
    let mut sql = format!("/* {0}.range */ SELECT {1} FROM {0}", table.name, all(table));
    if !terms.is_empty() {
        let _ = write!(sql, " WHERE {}", terms.join(" AND ")); // writing to a String cannot fail
    }
    if !ordered.is_empty() {
        let _ = write!(sql, " ORDER BY {}", ordered.join(", "));
    }
    let _ = write!(sql, " LIMIT ?{next}");
    sql
}

/// By how many columns a range is sorted. A unique index has no key behind its columns, and needs none: with it
/// PostgreSQL would sort even the one row of a lookup.
fn sorted(table: &Table, index: Option<usize>, all: usize) -> usize {
    index.map(|i| &table.indexes[i]).filter(|i| i.unique).map_or(all, |i| i.columns.len())
}

/// A form that the reading of a range can take, for EXPLAIN in tests.
#[cfg(feature = "testing")]
#[derive(Debug)]
pub struct RangeForm {
    /// The statement.
    pub text: String,
    /// The index as SQL names it; `None` for the primary key.
    pub index: Option<String>,
    /// Columns that are compared with one value each.
    pub prefix: Vec<&'static str>,
    /// Kinds of the parameters, in order.
    pub parameters: Vec<crate::store::Kind>,
    /// Whether anything bounds the stretch: a prefix, a start or an end.
    pub bounded: bool,
}

/// Every form that reading a range of `table` can take: each index, each prefix, start, end, both directions.
#[cfg(feature = "testing")]
pub fn range_forms(dialect: Dialect, table: &'static Table) -> Vec<RangeForm> {
    use crate::store::Kind;
    let mut forms = Vec::new();
    for index in std::iter::once(None).chain((0..table.indexes.len()).map(Some)) {
        let order = table.order_of(index);
        let order = &order[..sorted(table, index, order.len())];
        for prefix in 0..=order.len() {
            for after in 0..=order.len() - prefix {
                for until in [false, true].into_iter().take(if prefix < order.len() { 2 } else { 1 }) {
                    for reverse in [false, true] {
                        let kind = |&c: &usize| table.columns[c].kind;
                        let mut parameters: Vec<Kind> = order[..prefix + after].iter().map(kind).collect();
                        parameters.extend(order.get(prefix).filter(|_| until).map(kind));
                        parameters.push(Kind::Int);
                        forms.push(RangeForm {
                            text: text(dialect, table, Shape::Range { index, prefix, after, until, reverse }).to_string(),
                            index: index.map(|i| format!("{}_{}", table.name, table.indexes[i].name.to_lowercase())),
                            prefix: order[..prefix].iter().map(|&c| table.columns[c].name).collect(),
                            parameters,
                            bounded: prefix > 0 || after > 0 || until,
                        });
                    }
                }
            }
        }
    }
    forms
}

fn insert(dialect: Dialect, table: &Table, rows: usize, stamped: bool) -> String {
    let given = if stamped { &table.columns[2..] } else { table.columns };
    let stamp = if stamped { format!("{}, ", dialect.stamp(table.name)) } else { String::new() };
    let tuples: Vec<String> = (0..rows)
        .map(|r| {
            let marks: Vec<String> = (0..given.len()).map(|c| format!("?{}", r * given.len() + c + 1)).collect();
            format!("({stamp}{})", marks.join(", "))
        })
        .collect();
    format!("INSERT INTO {} ({}) VALUES {}", table.name, all(table), tuples.join(", "))
}

/// The DDL that a table's declaration amounts to. Migrations are written by hand (they are history); a test
/// holds the migrated schema against this.
pub fn declared_ddl(table: &Table) -> String {
    use crate::store::Kind;
    let mut lines: Vec<String> = table
        .columns
        .iter()
        .map(|c| {
            let kind = match c.kind {
                Kind::Int => "BIGINT",
                Kind::Text => "TEXT",
                Kind::Bytes => "BYTEA",
            };
            format!("    {} {kind}{}", c.name, if c.nullable { "" } else { " NOT NULL" })
        })
        .collect();
    let names = |columns: &[usize]| columns.iter().map(|&c| table.columns[c].name).collect::<Vec<_>>().join(", ");
    lines.push(format!("    PRIMARY KEY ({})", names(table.key)));
    let mut ddl = format!("CREATE TABLE {} (\n{}\n) /* WITHOUT ROWID */;\n", table.name, lines.join(",\n"));
    for (i, index) in table.indexes.iter().enumerate() {
        let (unique, columns) = if index.unique { ("UNIQUE ", index.columns.to_vec()) } else { ("", table.order_of(Some(i))) };
        let _ = writeln!(ddl, "CREATE {unique}INDEX {}_{} ON {} ({});", table.name, index.name.to_lowercase(), table.name, names(&columns));
    }
    ddl
}

/// The DDL of every declared table.
pub fn declared_schema() -> String {
    crate::store::tables().into_iter().map(declared_ddl).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_inside_quotes_are_left_alone() {
        let sql = "a = ?1 AND b = '?2' AND c = ?12".to_owned();
        assert_eq!(Dialect::Postgres.placeholders(sql.clone()), "a = $1 AND b = '?2' AND c = $12");
        assert_eq!(Dialect::Sqlite.placeholders(sql.clone()), sql);
    }
}
