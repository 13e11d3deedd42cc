//! What a proposal would change of the calendar in force.

use std::collections::BTreeMap;

use chrono::Datelike as _;
use serde::Serialize;

use super::proposal::{Change, draft_of, hours_of};
use super::{Arrangement, Calendars, Date, Hours, Span};
use crate::access::path_of;
use crate::approval::{Approval, Changes};
use crate::ctx::Ctx;
use crate::error::Error;
use crate::store::ReadTx;

/// The hours of a place, by the day from which, or on which, they hold.
#[derive(Serialize)]
struct HoursSide<'a> {
    seasons: BTreeMap<String, &'a [Span]>,
    exceptions: BTreeMap<String, &'a [Span]>,
}

impl<'a> HoursSide<'a> {
    fn of(hours: &'a Hours) -> Self {
        let by_day = |days: &'a BTreeMap<Date, Vec<Span>>| days.iter().map(|(day, spans)| (day.to_string(), spans.as_slice())).collect();
        Self { seasons: by_day(hours.seasons()), exceptions: by_day(hours.exceptions()) }
    }
}

/// The same days, months or hours as they are and as they would be.
pub(crate) fn changes(tx: &mut dyn ReadTx, ctx: &Ctx, calendars: &Calendars, approval: &Approval) -> Result<Option<Changes>, Error> {
    let change = draft_of(approval)?.change;
    let now = calendars.in_force(tx)?;
    Ok(Some(match &change {
        Change::WorkingDays { days, .. } => {
            let is = |day| now.calendar.works(day).map(|works| if works { Arrangement::Work } else { Arrangement::Off });
            let side = |of: &dyn Fn(usize) -> Option<Arrangement>| -> BTreeMap<String, Option<Arrangement>> {
                days.iter().enumerate().map(|(i, d)| (d.date.to_string(), of(i))).collect()
            };
            Changes::between(&side(&|i| is(days[i].date)), &side(&|i| Some(days[i].arrangement)))?
        }
        Change::FilingPeriods { last_days, .. } => {
            let month = |day: &Date| format!("{}-{:02}", day.year(), day.month());
            let due = |day: &Date| now.filing.due(&now.calendar, &now.numbers, day.year(), day.month()).map(|due| due.last_day.to_string());
            let is: BTreeMap<String, Option<String>> = last_days.iter().map(|day| (month(day), due(day))).collect();
            Changes::between(&is, &last_days.iter().map(|day| (month(day), Some(day.to_string()))).collect())?
        }
        Change::LegalNumber { number, from, value } => {
            let is = now.numbers.on(*number, *from).map(|dated| dated.value);
            let side = |value| BTreeMap::from([(from.to_string(), value)]);
            Changes::between(&side(is), &side(Some(*value)))?
        }
        Change::OfficeHours { authority, .. } => {
            let (is, _) = now.hours(&path_of(tx, ctx.rights(), *authority)?)?;
            let Some(then) = hours_of(&change)? else { return Ok(None) };
            Changes::between(&HoursSide::of(&is), &HoursSide::of(&then))?
        }
    }))
}
