//! What a list has said so far, where it is looked at and nothing is written: a later line about the same is a duplicate, or broken, as it
//! will be once the earlier one was applied.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::Value;

use super::import::{ImportRow, ListVerdict, OLDER, RowVerdict, shown};
use super::listed::Read;
use super::{NewTaxpayer, Number, RealNameState};
use crate::clock::Timestamp;
use crate::error::Problem;

/// A line that will have written something.
struct Before {
    /// What it says.
    said: Value,
    /// Of when that is.
    at: Timestamp,
}

/// The lines of a list that will have written something.
#[derive(Default)]
pub(crate) struct Heard {
    by_key: HashMap<String, Before>,
    /// Whose an id elsewhere is.
    external_ids: HashMap<String, String>,
}

/// What a line is about, and what it says of that.
struct Line {
    key: String,
    said: Value,
    as_of: Option<Timestamp>,
    external_id: Option<String>,
    /// The field that is wrong where an earlier line says something else.
    field: &'static str,
}

impl Heard {
    /// The verdict on the next line, by what is known (`verdict`) and by the lines before it.
    pub(crate) fn then(&mut self, row: &ImportRow, verdict: RowVerdict, now: Timestamp) -> RowVerdict {
        let Some(line) = line(row).filter(|_| verdict.verdict != ListVerdict::Broken) else { return verdict };
        let verdict = match self.by_key.get(&line.key) {
            Some(before) if !line.goes_over(before) => before.then(&line, verdict),
            _ => verdict,
        };
        if !matches!(verdict.verdict, ListVerdict::New | ListVerdict::Changed | ListVerdict::Older) {
            return verdict;
        }
        if let Some(id) = &line.external_id
            && self.external_ids.insert(id.clone(), line.key.clone()).is_some_and(|whose| whose != line.key)
        {
            return shown(row.line, ListVerdict::Broken, Some("external_id".into()), Some(Problem::Taken.to_string()));
        }
        if verdict.verdict != ListVerdict::Older {
            self.by_key.insert(line.key, Before { said: line.said, at: line.as_of.unwrap_or(now) });
        }
        verdict
    }
}

impl Line {
    /// Whether it is a verification beside a finding of the same instant that is none.
    fn goes_over(&self, before: &Before) -> bool {
        let is_verified = |said: &Value| said.get("state").and_then(Value::as_str) == Some(RealNameState::Verified.as_str());
        is_verified(&self.said) && !is_verified(&before.said)
    }
}

impl Before {
    fn then(&self, line: &Line, verdict: RowVerdict) -> RowVerdict {
        let by_then = |field: &str| self.said.get(field).filter(|said| !said.is_null());
        // What the earlier line leaves out is what it was.
        if verdict.verdict == ListVerdict::Older && verdict.field.as_deref().is_none_or(|field| by_then(field).is_none()) {
            return verdict;
        }
        let differs = |field: &str, said: &Value| match by_then(field) {
            Some(by_then) => by_then != said,
            None => verdict.verdict != ListVerdict::Duplicate,
        };
        // The number is the same, however it is written.
        let fields = line.said.as_object().into_iter().flatten();
        let fields = fields.filter(|(field, said)| !said.is_null() && !matches!(field.as_str(), "number" | "number_kind"));
        let differing: Vec<&str> = fields.filter(|(field, said)| differs(field, said)).map(|(field, _)| field.as_str()).collect();
        let older = line.as_of.is_some_and(|as_of| as_of < self.at);
        match differing.as_slice() {
            [] => shown(verdict.line, ListVerdict::Duplicate, None, None),
            [field, ..] if older && differing.iter().all(|field| matches!(*field, "name" | "phone")) => {
                let field = if differing.contains(&"name") { "name" } else { *field };
                shown(verdict.line, ListVerdict::Older, Some(field.into()), Some(OLDER.into()))
            }
            _ => {
                let why = "is on an earlier line too, with other values";
                shown(verdict.line, ListVerdict::Broken, Some(line.field.into()), Some(why.into()))
            }
        }
    }
}

fn line(row: &ImportRow) -> Option<Line> {
    let of = |key: Option<String>, said: serde_json::Result<Value>, field| {
        Some(Line { key: key?, said: said.ok()?, as_of: None, external_id: None, field })
    };
    match row.said.read().ok()? {
        Read::Taxpayer(new, as_of) => {
            let external_id = new.external_id.clone();
            of(about(("taxpayer", number(&new))), serde_json::to_value(&new), "number").map(|line| Line { as_of, external_id, ..line })
        }
        Read::Relation(new) => {
            let key = about(("relation", raised(&new.enterprise), new.role, raised(&new.person), new.starts_at));
            of(key, serde_json::to_value(&new), "starts_at")
        }
        Read::RealName(new) => {
            let key = about(("real_name", raised(&new.person), new.found_at));
            of(key, serde_json::to_value(&new), "found_at")
        }
        Read::RosterEntry(new) => {
            let key = about(("roster_entry", raised(&new.enterprise), new.roster, new.starts_at));
            of(key, serde_json::to_value(&new), "starts_at")
        }
        Read::FormerNumber(new) => {
            let key = about(("former_number", new.kind, raised(&new.number)));
            of(key, serde_json::to_value(&new), "number")
        }
    }
}

fn about(parts: impl Serialize) -> Option<String> {
    serde_json::to_string(&parts).ok()
}

fn raised(number: &str) -> String {
    number.trim().to_uppercase()
}

fn number(new: &NewTaxpayer) -> String {
    let kind = new.number_kind.unwrap_or_else(|| new.kind.usual_number());
    Number::parse(kind, new.number.trim()).map_or_else(|_| raised(&new.number), |number| number.indexed(new.kind))
}
