//! The wall (督导墙): what whoever supervises must see at a glance: who waits longer than is right, how each line stands, who is at their desk.

use std::collections::BTreeMap;

use serde::Serialize;

use super::line::lines_within;
use super::position::serving;
use super::presence::There;
use super::{Conversation, ConversationState, ConversationView, Line, Presence, ReadyLines, conversation, reminder};
use crate::access::{Checked, Officer, Scope, Unchecked, check};
use crate::calendar::Calendars;
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::id::{LineId, OfficerId};
use crate::limits;
use crate::store::{ReadTx, Reads, stretch};

words! {
    /// Why a conversation needs whoever supervises it.
    pub enum LongWaitReason {
        /// An answer is owed so long that those who supervise were told.
        Escalated = "escalated",
        /// A message that was left was not answered when it was due.
        ReplyLate = "reply_late",
        /// Nobody said a word within what the line promises, or they wait again.
        PromiseBroken = "promise_broken",
        /// An answer is owed so long that the officer was reminded.
        Unanswered = "unanswered",
    }
}

/// A conversation that needs whoever supervises it.
#[derive(Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LongWait {
    /// Why.
    pub why: LongWaitReason,
    /// Since when its taxpayer waits.
    pub since: Timestamp,
    /// Which.
    pub conversation: ConversationView,
    /// Name of the officer who has it.
    pub officer_name: Option<String>,
}

/// A line as it stands now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LineNow {
    /// Which.
    pub line: LineId,
    /// Its name.
    pub name: String,
    /// Whether it takes people in.
    pub open: bool,
    /// Whether somebody serves it at this hour.
    pub served: bool,
    /// Within so many seconds somebody answers, as was promised.
    pub promise_s: Option<i64>,
    /// How many wait, those who left a message among them.
    pub waiting: u32,
    /// Since when the one waits that waits longest; whoever left a message does not wait there.
    pub waits_since: Option<Timestamp>,
    /// How many conversations of it go on.
    pub active: u32,
    /// Officers who are there and serve it.
    pub officers: u32,
    /// Conversations that they may have at once, in whatever line.
    pub places: u32,
    /// How many of these are free.
    pub free: u32,
    /// Whether people wait at an hour at which it is served, and nobody is there.
    pub deserted: bool,
}

/// An officer who is there and serves one of these lines, or has a conversation of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OfficerNow {
    /// Number.
    pub staff_no: String,
    /// Name.
    pub name: String,
    /// Whether they are at their desk.
    pub there: bool,
    /// Whether they are offered what waits: not in a break, nor at the end of their shift.
    pub takes_offers: bool,
    /// Conversations they have in whatever line, but on hold.
    pub held: u32,
    /// Conversations they may have at once.
    pub capacity: u32,
}

/// The lines of one's area now.
#[derive(Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Wall {
    /// What needs somebody, longest first; [`limits::LONG_WAITS_SHOWN_MAX`] at most.
    pub long_waits: Vec<LongWait>,
    /// How many there are, shown or not.
    pub long_waits_total: u32,
    /// Since when the one waits that waits longest in any of the lines.
    pub waits_since: Option<Timestamp>,
    /// The lines, newest first.
    pub lines: Vec<LineNow>,
    /// Those who are there first, in the order of their numbers.
    pub officers: Vec<OfficerNow>,
    /// Whether all that goes on was looked at: of lines beyond [`limits::WALL_LINES_MAX`] nothing is shown; of the conversations of a line
    /// beyond [`limits::WALL_PER_LINE_MAX`] the newest are not looked at, and of all beyond [`limits::WALL_CONVERSATIONS_MAX`] those of the
    /// oldest lines.
    pub whole: bool,
}

/// How the lines of one's area stand now.
pub fn wall(tx: &mut dyn ReadTx, ctx: &Ctx, presence: &Presence, calendars: &Calendars) -> Result<Wall, Error> {
    let (now, in_force) = (ctx.now(), calendars.in_force(tx)?);
    let (found, mut whole) = lines_within(tx, &Scope::of(ctx), limits::WALL_LINES_MAX)?;
    let mut found_long = Vec::new();
    let mut officers = BTreeMap::<OfficerId, Option<There>>::new();
    let mut lines = Vec::with_capacity(found.len());
    let mut left = limits::WALL_CONVERSATIONS_MAX;
    for line in found {
        let line = check(ctx, Some(Unchecked::new(line)))?;
        let (active, all_active) = in_state(tx, &line, ConversationState::Active, &mut left)?;
        let (waiting, all_waiting) = in_state(tx, &line, ConversationState::Waiting, &mut left)?;
        whole &= all_active && all_waiting;
        let there = presence.serving(&line.authority, now);
        let can = serving(tx, &there.iter().filter(|there| !line.pushes() || there.availability.takes(now)).collect::<Vec<_>>());
        let waits = tx.project(|ready: &ReadyLines| ready.waiting(line.id)).unwrap_or_default();
        let served = line.is_served(&in_force, now)?;
        lines.push(LineNow {
            line: line.id,
            name: line.name.clone(),
            open: line.open,
            served,
            promise_s: line.promise_s,
            waiting: waits,
            waits_since: waiting.iter().filter(|c| c.reply_due.is_none()).map(|c| c.entered_at).min(),
            active: active.len() as u32, // within the limit
            officers: can.officers,
            places: can.places,
            free: can.free,
            deserted: served && waits > 0 && can.officers == 0,
        });
        for officer in active.iter().filter_map(|c| c.officer) {
            officers.entry(officer).or_default();
        }
        officers.extend(there.into_iter().map(|there| (there.officer, Some(there))));
        let needing = active.into_iter().chain(waiting).filter_map(|c| long_wait(&line, &c, now).map(|(why, since)| (since, why, c)));
        found_long.extend(needing);
    }
    found_long.sort_by(|(a_since, _, a), (b_since, _, b)| (a_since, a.id).cmp(&(b_since, b.id)));
    let desks = desks(tx, ctx, officers)?;
    let long_waits = found_long.iter().take(limits::LONG_WAITS_SHOWN_MAX).map(|(since, why, c)| {
        let officer_name = c.officer.and_then(|officer| Some(desks.get(&officer)?.name.clone()));
        Ok(LongWait { why: *why, since: *since, conversation: conversation::view(tx, ctx, c)?, officer_name })
    });
    let long_waits = long_waits.collect::<Result<_, Error>>()?;
    let mut officers: Vec<OfficerNow> = desks.into_values().collect();
    officers.sort_by(|a, b| (!a.there, &a.staff_no).cmp(&(!b.there, &b.staff_no)));
    Ok(Wall {
        long_waits,
        long_waits_total: found_long.len() as u32, // within the limit
        waits_since: lines.iter().filter_map(|line| line.waits_since).min(),
        lines,
        officers,
        whole,
    })
}

/// What stands in a line, oldest first, as far as there is still something to look at, and whether that is all.
fn in_state(
    tx: &mut dyn ReadTx,
    line: &Checked<Line>,
    state: ConversationState,
    left: &mut u32,
) -> Result<(Vec<Conversation>, bool), Error> {
    let most = limits::WALL_PER_LINE_MAX.min(*left);
    let mut found: Vec<Conversation> = tx.under(line, stretch(Some(Conversation::BY_WAIT), (state,)).limit(most + 1))?;
    let whole = found.len() <= most as usize;
    found.truncate(most as usize);
    *left -= found.len() as u32; // no more than there were left
    Ok((found, whole))
}

/// Whether a conversation that is not over needs whoever supervises it, and since when its taxpayer waits.
fn long_wait(line: &Line, c: &Conversation, now: Timestamp) -> Option<(LongWaitReason, Timestamp)> {
    let past = |due: Option<Timestamp>| due.is_some_and(|due| due <= now);
    let (reminded, escalated) = c.unanswered_since.map_or((None, None), |since| reminder::due(line, since));
    let unheard = c.state == ConversationState::Waiting || c.answered_at().is_none();
    let why = match c.reply_due {
        _ if past(escalated) => LongWaitReason::Escalated,
        Some(due) if unheard && !c.is_replied() && due <= now => LongWaitReason::ReplyLate,
        None if unheard && past(line.promised(c.entered_at)) => LongWaitReason::PromiseBroken,
        _ if past(reminded) => LongWaitReason::Unanswered,
        _ => return None,
    };
    Some((why, if unheard { c.entered_at } else { c.unanswered_since? }))
}

/// Officers as shown.
fn desks(tx: &mut dyn ReadTx, ctx: &Ctx, found: BTreeMap<OfficerId, Option<There>>) -> Result<BTreeMap<OfficerId, OfficerNow>, Error> {
    let mut desks = BTreeMap::new();
    for (id, there) in found {
        let Some(row) = tx.find::<Officer>((id,))? else { continue };
        let row = row.trust("whoever supervises a line sees who serves it").into_inner();
        let desk = OfficerNow {
            name: row.own_name(tx, ctx)?,
            there: there.is_some(),
            takes_offers: there.as_ref().is_some_and(|there| there.availability.takes(ctx.now())),
            held: tx.project(|ready: &ReadyLines| ready.held(id)).unwrap_or_default(),
            capacity: u32::try_from(row.capacity).unwrap_or_default(),
            staff_no: row.staff_no,
        };
        desks.insert(id, desk);
    }
    Ok(desks)
}
