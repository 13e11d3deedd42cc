//! Pages of lists by time: a limit, and a cursor that goes on where the last page ended.

use serde::Deserialize;
use uuid::Uuid;
use zhengna_core::store::Page;
use zhengna_core::{Error, Timestamp, error, limits};

use super::route::Param;
use crate::problem::Problem;

pub(super) const LIMIT: Param = Param { name: "limit", about: "Rows wanted, 1 to 200; 50 if absent.", number: true };
pub(super) const CURSOR: Param = Param { name: "cursor", about: "Continue behind this place, as answered before.", number: false };
pub(super) const PAGED: &[Param] = &[LIMIT, CURSOR];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Paged {
    limit: Option<u32>,
    cursor: Option<String>,
}

impl Paged {
    pub(super) fn page(&self) -> Result<Page, Problem> {
        page_at(self.cursor.as_deref(), self.limit)
    }
}

pub(super) fn page_at(cursor: Option<&str>, limit: Option<u32>) -> Result<Page, Problem> {
    Ok(Page { after: place(cursor)?, limit: rows(limit)? })
}

pub(super) fn rows(limit: Option<u32>) -> Result<u32, Problem> {
    within(limit.unwrap_or(limits::PAGE_ROWS_DEFAULT), limits::PAGE_ROWS_MAX)
}

/// A limit, where it is one.
pub(super) fn within(limit: u32, max: u32) -> Result<u32, Problem> {
    if (1..=max).contains(&limit) {
        return Ok(limit);
    }
    Err(Error::invalid("limit", error::Problem::OutOfRange { min: 1, max: i64::from(max) }).into())
}

/// A place in a list, as `microseconds.id`.
fn place(cursor: Option<&str>) -> Result<Option<(Timestamp, Uuid)>, Problem> {
    let Some(cursor) = cursor else { return Ok(None) };
    let read = || {
        let (micros, id) = cursor.split_once('.')?;
        Some((Timestamp::from_micros(micros.parse().ok()?), Uuid::parse_str(id).ok()?))
    };
    let malformed = || error::Problem::Malformed("expected a cursor as answered before".into());
    read().map(Some).ok_or_else(|| Error::invalid("cursor", malformed()).into())
}

/// Where the next page goes on; none where this one was not full.
pub(super) fn cursor_of<T>(items: &[T], limit: u32, place: impl Fn(&T) -> (Timestamp, Uuid)) -> Option<String> {
    let full = items.len() as u32 == limit;
    items.last().filter(|_| full).map(|item| written(place(item)))
}

/// A place, as [`place`] reads it.
pub(super) fn written((at, id): (Timestamp, Uuid)) -> String {
    format!("{}.{id}", at.micros())
}
