//! Dumps: every row of every table, in one order on every engine, as lines of text. A dump of one engine can be
//! restored into another. Stamps are renumbered, because they mean something only inside one database.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::raw::Range;
use super::{Field, Isolation, Kind, Priority, ReadTx, Row, Spec, Store, StoreError, StoreExt, Table, Value, tables};
use crate::crypto::hash;
use crate::error::Error;
use crate::id::GrantId;
use crate::limits;
use crate::planted::{Bug, planted};

/// One line of a dump.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    /// First line: format and schema version.
    Zhengna { format: u32, schema: i64 },
    /// A row.
    Row { table: String, values: Vec<Written> },
    /// Last line: how many rows, and SM3 over all lines before.
    End { rows: u64, sm3: String },
}

/// A value: null, a number, text, or bytes as `{"hex": "…"}`.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Null(()),
    Int(i64),
    Text(String),
    Bytes { hex: String },
}

const FORMAT: u32 = 1;

/// Writes every row, line by line, from one snapshot. Returns how many rows there were.
pub fn dump(store: &dyn Store, mut write: impl FnMut(&str) -> std::io::Result<()> + Send + 'static) -> Result<u64, Error> {
    store.query("dump", move |tx| {
        let mut chain = [0; 32];
        let mut put = |line: &Line| -> Result<[u8; 32], Error> {
            let text = serde_json::to_string(line).map_err(|e| StoreError::Backend(e.to_string()))?;
            write(&text).map_err(|e| StoreError::Backend(format!("the dump could not be written: {e}")))?;
            chain = hash::sm3(&[&chain, text.as_bytes()]);
            Ok(chain)
        };
        let mut sum = put(&Line::Zhengna { format: FORMAT, schema: super::migrate::newest() })?;
        let mut rows = 0;
        each_row(tx, &mut |table, row| {
            rows += 1;
            sum = put(&Line::Row { table: table.name.to_owned(), values: row.into_iter().map(text).collect() })?;
            Ok(())
        })?;
        put(&Line::End { rows, sm3: hash::hex(&sum) })?;
        Ok(rows)
    })
}

/// Goes through the rows that [`dump`] writes, from one snapshot, as they are kept.
#[cfg(feature = "testing")]
pub fn rows(store: &dyn Store, mut each: impl FnMut(&'static Table, Row) + Send + 'static) -> Result<(), Error> {
    store.query("dump.rows", move |tx| {
        each_row(tx, &mut |table, row| {
            each(table, row);
            Ok(())
        })
    })
}

fn each_row(tx: &mut dyn ReadTx, each: &mut dyn FnMut(&'static Table, Row) -> Result<(), Error>) -> Result<(), Error> {
    tables().into_iter().try_for_each(|table| each_row_of(tx, table, &mut |row| each(table, row)))
}

fn each_row_of(tx: &mut dyn ReadTx, table: &'static Table, each: &mut dyn FnMut(Row) -> Result<(), Error>) -> Result<(), Error> {
    let mut after = None;
    let mut renumbered = 0;
    loop {
        let range = Range { index: None, prefix: Vec::new(), after, until: None, reverse: false, limit: limits::PAGE_ROWS_MAX };
        let page = tx.range(table, &range)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(table.key_of(last));
        for mut row in page {
            renumbered += 1;
            if table.stamped {
                row[0] = Value::Int(0);
                row[1] = Value::Int(renumbered);
            }
            if table.name == "audit_link" {
                // The chain is in the order of the records, so the n-th link is of the n-th record.
                row[1] = Value::Int(0);
                row[2] = Value::Int(renumbered);
            }
            each(row)?;
        }
    }
}

fn text(value: Value) -> Written {
    match value {
        Value::Null => Written::Null(()),
        Value::Int(i) => Written::Int(i),
        Value::Text(s) => Written::Text(s.into()),
        Value::Bytes(b) => Written::Bytes { hex: hash::hex(&b) },
    }
}

fn value(table: &Table, i: usize, text: Written) -> Option<Value> {
    let column = table.columns.get(i)?;
    match (text, column.kind) {
        (Written::Null(()), _) if column.nullable => Some(Value::Null),
        (Written::Int(i), Kind::Int) => Some(Value::Int(i)),
        (Written::Text(s), Kind::Text) => Some(Value::Text(s.into())),
        (Written::Bytes { hex }, Kind::Bytes) => hash::unhex(&hex).map(|bytes| Value::Bytes(bytes.into())),
        _ => None,
    }
}

/// What was read and is no dump's is damage, such as a sealed backup that was altered; the rest is the medium.
fn unread(e: std::io::Error) -> StoreError {
    match e.kind() {
        std::io::ErrorKind::InvalidData => StoreError::Corrupt(e.to_string()),
        _ => StoreError::Backend(format!("the dump could not be read: {e}")),
    }
}

/// Restores a dump into an empty store. Checks the whole dump first when `lines` can be read twice; the caller
/// gives an iterator per pass. Returns how many rows were restored.
///
/// # Errors
/// `Corrupt` for a dump that is cut off, altered, of another format or a newer schema; `Backend` for a store
/// that is not empty. Nothing is restored then.
pub fn restore<I: Iterator<Item = std::io::Result<String>>>(
    store: &dyn Store,
    mut lines: impl FnMut() -> std::io::Result<I>,
) -> Result<u64, Error> {
    let by_name: HashMap<&str, &'static Table> = tables().into_iter().map(|t| (t.name, t)).collect();
    let rows = check(&by_name, lines().map_err(unread)?)?;
    require_empty(store)?;
    let mut chunk: Vec<(&'static Table, Row)> = Vec::new();
    for line in lines().map_err(unread)? {
        if let Line::Row { table, values } = parse(&line.map_err(unread)?)? {
            chunk.push(row_of(&by_name, &table, values)?);
        }
        if chunk.len() >= limits::BULK_CHUNK_ROWS {
            put(store, std::mem::take(&mut chunk))?;
        }
    }
    put(store, chunk)?;
    Ok(rows)
}

fn parse(line: &str) -> Result<Line, Error> {
    // What serde says may repeat the line.
    serde_json::from_str(line).map_err(|e| StoreError::Corrupt(format!("a line is not a dump's, at column {}", e.column())).into())
}

fn row_of(by_name: &HashMap<&str, &'static Table>, table: &str, values: Vec<Written>) -> Result<(&'static Table, Row), Error> {
    let known = by_name.get(table).copied().ok_or_else(|| StoreError::Corrupt("the dump has a table that is not ours".into()))?;
    let width = values.len();
    let row: Option<Row> = values.into_iter().enumerate().map(|(i, v)| value(known, i, v)).collect();
    let row = row.filter(|_| width == known.columns.len());
    Ok((known, row.ok_or_else(|| StoreError::Corrupt(format!("a row of {} does not fit", known.name)))?))
}

fn check(by_name: &HashMap<&str, &'static Table>, lines: impl Iterator<Item = std::io::Result<String>>) -> Result<u64, Error> {
    let corrupt = |what: &str| Error::from(StoreError::Corrupt(what.into()));
    let (mut chain, mut rows, mut ended, mut first) = ([0; 32], 0, false, true);
    let mut planes = HashSet::new();
    for line in lines {
        let line = line.map_err(unread)?;
        if ended {
            return Err(corrupt("the dump goes on behind its end"));
        }
        match parse(&line)? {
            Line::Zhengna { format, schema } if first => {
                if format != FORMAT || schema > super::migrate::newest() {
                    return Err(StoreError::Newer { found: schema, known: super::migrate::newest() }.into());
                }
            }
            Line::Row { table, values } if !first => {
                let (table, row) = row_of(by_name, &table, values)?;
                referred(&mut planes, table, row)?;
                rows += 1;
            }
            Line::End { rows: said, sm3 } if !first => {
                if (said != rows || sm3 != hash::hex(&chain)) && !planted(Bug::DumpSumUnread) {
                    return Err(corrupt("the dump was altered"));
                }
                ended = true;
            }
            _ => return Err(corrupt("this is not a dump")),
        }
        first = false;
        chain = hash::sm3(&[&chain, line.as_bytes()]);
    }
    if ended { Ok(rows) } else { Err(corrupt("the dump is cut off")) }
}

/// Refuses a grant that says of its officer's account what no row of `officer_plane` before it says: the one foreign key there is, which
/// would stop the restore half-way.
fn referred(planes: &mut HashSet<Row>, table: &Table, row: Row) -> Result<(), Error> {
    match table.name {
        "officer_plane" => {
            planes.insert(row);
        }
        "access_grant" => {
            let columns = table.columns.iter().zip(&row);
            let plane: Row = columns.filter(|(c, _)| matches!(c.name, "officer" | "plane")).map(|(_, value)| value.clone()).collect();
            if !planes.contains(&plane) {
                let grant = row.into_iter().next().and_then(GrantId::decode).map(|id| format!(" {id}")).unwrap_or_default();
                let what = format!("the grant{grant} is of an account that officer_plane says something else of, or nothing");
                return Err(StoreError::Corrupt(what).into());
            }
        }
        _ => {}
    }
    Ok(())
}

fn require_empty(store: &dyn Store) -> Result<(), Error> {
    store.query("restore.check", |tx| {
        for table in tables() {
            let range = Range { index: None, prefix: Vec::new(), after: None, until: None, reverse: false, limit: 1 };
            if !tx.range(table, &range)?.is_empty() {
                return Err(StoreError::Backend(format!("the database is not empty: {} has rows", table.name)).into());
            }
        }
        Ok(())
    })
}

fn put(store: &dyn Store, chunk: Vec<(&'static Table, Row)>) -> Result<(), Error> {
    let spec = Spec { name: "restore", isolation: Isolation::Guarded, priority: Priority::Bulk };
    store.transact(spec, move |tx| {
        for group in chunk.chunk_by(|a, b| a.0.name == b.0.name) {
            let rows: Vec<Row> = group.iter().map(|(_, row)| row.clone()).collect();
            tx.restore(group[0].0, &rows)?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::super::memory::MemoryStore;
    use super::*;
    use crate::core::PROJECTIONS;

    fn restored(rows: impl Iterator<Item = String>) -> (std::sync::Arc<dyn Store>, Result<u64, Error>) {
        let mut lines = vec![format!("{{\"zhengna\":{{\"format\":{FORMAT},\"schema\":{}}}}}", super::super::migrate::newest())];
        lines.extend(rows);
        let sum = lines.iter().fold([0; 32], |sum, line| hash::sm3(&[&sum, line.as_bytes()]));
        lines.push(format!("{{\"end\":{{\"rows\":{},\"sm3\":\"{}\"}}}}", lines.len() - 1, hash::hex(&sum)));
        let store: std::sync::Arc<dyn Store> = MemoryStore::new(PROJECTIONS);
        let outcome = restore(&*store, || Ok(lines.clone().into_iter().map(Ok)));
        (store, outcome)
    }

    #[test]
    fn nothing_is_restored_where_one_row_does_not_fit_however_far_behind() {
        let series = |n: usize| format!("{{\"row\":{{\"table\":\"series\",\"values\":[\"s{n:04}\",1,0]}}}}");
        let many = limits::BULK_CHUNK_ROWS + 1;
        assert_eq!(restored((0..many).map(series)).1, Ok(many as u64));
        for last in [
            r#"{"row":{"table":"series","values":["x"]}}"#,
            r#"{"row":{"table":"\u001bnone","values":[]}}"#,
            r#"{"row":{"tabel":"series"}}"#,
        ] {
            let (store, outcome) = restored((0..many).map(series).chain([last.to_owned()]));
            let why = outcome.unwrap_err();
            assert!(matches!(&why, Error::Store(StoreError::Corrupt(_))) && !why.to_string().contains(['\u{1b}', '`']), "{why}");
            require_empty(&*store).unwrap();
        }
    }

    #[test]
    fn a_grant_without_what_its_account_is_for_is_refused_before_anything_is_written() {
        let bytes = |n: u8, width| format!("{{\"hex\":\"{}\"}}", hash::hex(&vec![n; width]));
        let plane = |word: &str| format!(r#"{{"row":{{"table":"officer_plane","values":[{},"{word}"]}}}}"#, bytes(1, 16));
        let (id, officer, post, mac) = (bytes(2, 16), bytes(1, 16), bytes(3, 16), bytes(0, 32));
        let values = format!(r#"{id},{officer},{post},"12200000000",1,null,"business",null,{mac},0"#);
        let grant = format!(r#"{{"row":{{"table":"access_grant","values":[{values}]}}}}"#);
        assert_eq!(restored([plane("business"), grant.clone()].into_iter()).1, Ok(2));
        for rows in [vec![grant.clone()], vec![plane("security"), grant.clone()]] {
            let (store, outcome) = restored(rows.into_iter());
            let why = outcome.unwrap_err();
            let named = why.to_string().contains("02020202-0202-0202-0202-020202020202");
            assert!(matches!(&why, Error::Store(StoreError::Corrupt(_))) && named, "{why}");
            require_empty(&*store).unwrap();
        }
    }
}
