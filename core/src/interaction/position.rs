//! Where somebody stands in line (排队位次), with an estimate of the wait: asked by one, or told to everybody who waits.

use std::collections::HashMap;
use std::time::Duration;

use serde::Serialize;

use super::conversation::open;
use super::estimate::{Serving, Shared, estimate, handled_lately};
use super::presence::There;
use super::{Conversation, ConversationState, Estimate, Line, Longer, NoEstimate, Presence, ReadyLines};
use crate::access::{AuthorityPath, Engine};
use crate::calendar::Calendars;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::id::{ConversationId, LineId};
use crate::store::{ReadTx, Reads, stretch};

/// Where somebody stands in line.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Position {
    /// The conversation.
    pub conversation: ConversationId,
    /// The line it belongs to.
    pub line: LineId,
    /// Its state: only a waiting one has a place.
    pub state: ConversationState,
    /// How many are served before; none once it is no longer waiting.
    pub ahead: Option<u32>,
    /// How many of these go before those in ordinary order: somebody let them, with a reason that is kept, or they were served before. Nobody
    /// else ever comes to stand before somebody.
    pub first: Option<u32>,
    /// The wait, estimated.
    pub estimate: Option<Estimate>,
    /// Why it is not, where it waits and there is none.
    pub no_estimate: Option<NoEstimate>,
    /// Why it is longer than what was told before, to whoever is told again.
    pub longer: Option<Longer>,
}

impl Position {
    /// The same for somebody who was told another one before.
    #[must_use]
    pub fn told_after(&self, before: &Self) -> Self {
        let same_line = self.line == before.line;
        let moved_back = self.ahead.zip(before.ahead).is_some_and(|(ahead, before)| ahead > before);
        let longer = match (&self.estimate, &before.estimate) {
            _ if !same_line => None,
            _ if moved_back => Some(Longer::OthersFirst),
            (Some(now), Some(before)) => now.longer_than(before),
            _ => None,
        };
        Self { longer, ..self.clone() }
    }
}

/// Where a conversation stands in its line, and an estimate of the wait.
pub fn position(tx: &mut dyn ReadTx, ctx: &Ctx, presence: &Presence, calendars: &Calendars, id: ConversationId) -> Result<Position, Error> {
    let c = open(tx, ctx, id)?;
    if c.state != ConversationState::Waiting {
        return Ok(Position {
            conversation: id,
            line: c.line,
            state: c.state,
            ahead: None,
            first: None,
            estimate: None,
            no_estimate: None,
            longer: None,
        });
    }
    let known = tx.project(|ready: &ReadyLines| ready.ahead(id)).flatten();
    let (ahead, first) = match known {
        Some(known) => known,
        None => count_ahead(tx, &c)?, // the projection follows another host and is a moment behind
    };
    let found = tx.find::<Line>((c.line,))?.ok_or(Error::NotFound { what: "line" })?;
    let line = found.trust("whoever waits in a line sees it").into_inner();
    let wait = Wait::of(tx, ctx, presence, calendars, &line)?;
    let known = wait.known_to(tx, &line, c.topic_code.as_deref());
    Ok(wait.told(known, id, ahead, first))
}

/// What the wait in a line is estimated from, the same for everybody in it.
struct Wait {
    there: Vec<There>,
    handled: Vec<Duration>,
    line: LineId,
    served: bool,
}

/// Who may take somebody that waits, and how much else they have to do: the same for everybody with the same topic.
type Known = (Serving, Shared);

impl Wait {
    fn of(tx: &mut dyn ReadTx, ctx: &Ctx, presence: &Presence, calendars: &Calendars, line: &Line) -> Result<Self, Error> {
        let mut there = presence.serving(&line.authority, ctx.now());
        // Where nobody asks for the next one, whoever takes no offers takes nobody.
        there.retain(|there| !line.pushes() || there.availability.takes(ctx.now()));
        Ok(Self {
            there,
            handled: handled_lately(tx, line.id)?,
            line: line.id,
            served: line.is_served(&*calendars.in_force(tx)?, ctx.now())?,
        })
    }

    /// Those who may take what is about a topic: of one for specialists only, these.
    fn known_to(&self, tx: &dyn ReadTx, line: &Line, topic: Option<&str>) -> Known {
        let only = line.routing.as_ref().zip(topic).filter(|(routing, topic)| routing.specialists_only(topic));
        let may = |there: &&There| only.is_none_or(|(routing, topic)| routing.known_to(there.officer).iter().any(|known| known == topic));
        let there: Vec<&There> = self.there.iter().filter(may).collect();
        (serving(tx, &there), shared(tx, line, &there))
    }

    /// What somebody is told with so many before them.
    fn told(&self, (there, shared): Known, conversation: ConversationId, ahead: u32, first: u32) -> Position {
        let (estimate, no_estimate) = match estimate(shared.ahead(ahead), there, &self.handled) {
            // Outside of its hours nobody is expected, whoever is there for another line.
            _ if !self.served => (None, Some(NoEstimate::NotServed)),
            Ok(estimate) => (Some(estimate), None),
            Err(why) => (None, Some(why)),
        };
        Position {
            conversation,
            line: self.line,
            state: ConversationState::Waiting,
            ahead: Some(ahead),
            first: Some(first),
            estimate,
            no_estimate,
            longer: None,
        }
    }
}

/// Where everybody who waits in a line stands, first in line first: each is for the taxpayer of its conversation.
pub(crate) fn positions(
    tx: &mut dyn ReadTx,
    ctx: &Ctx,
    presence: &Presence,
    calendars: &Calendars,
    line: LineId,
) -> Result<Vec<Position>, Error> {
    let waiting = tx.project(|ready: &ReadyLines| ready.all(line)).unwrap_or_default();
    let Some(found) = tx.find::<Line>((line,))?.filter(|_| !waiting.is_empty()) else { return Ok(Vec::new()) };
    let line = found.trust("the host tells everybody in a line where they stand").into_inner();
    let wait = Wait::of(tx, ctx, presence, calendars, &line)?;
    let mut by_topic = HashMap::<Option<String>, Known>::new();
    let mut first = 0;
    let told = (0..).zip(waiting).map(|(ahead, (conversation, goes_first, topic))| {
        let known = *by_topic.entry(topic).or_insert_with_key(|topic| wait.known_to(tx, &line, topic.as_deref()));
        let told = wait.told(known, conversation, ahead, first);
        first += u32::from(goes_first);
        told
    });
    Ok(told.collect())
}

pub(super) fn serving(tx: &dyn ReadTx, there: &[&There]) -> Serving {
    let free = tx.project(|ready: &ReadyLines| there.iter().map(|o| o.capacity.saturating_sub(ready.held(o.officer))).sum());
    Serving {
        officers: u32::try_from(there.len()).unwrap_or(u32::MAX),
        places: there.iter().map(|o| o.capacity).sum(),
        free: free.unwrap_or(0),
    }
}

/// How many wait in this line, and in all that those serve who are there.
fn shared(tx: &dyn ReadTx, line: &Line, there: &[&There]) -> Shared {
    let places = |authority: &AuthorityPath| there.iter().filter(|o| o.serves(authority)).map(|o| u64::from(o.capacity)).sum::<u64>();
    let known = tx.project(|ready: &ReadyLines| {
        let everywhere = ready.everywhere().map(|(waiting, authority)| u64::from(waiting) * places(authority)).sum();
        Shared { here: u64::from(ready.waiting(line.id)) * places(&line.authority), everywhere }
    });
    known.unwrap_or(Shared { here: 0, everywhere: 0 })
}

fn count_ahead(tx: &mut dyn ReadTx, c: &Conversation) -> Result<(u32, u32), Error> {
    let why = Engine::work("counting who stands before the caller");
    let (mut ahead, mut first) = (0, 0);
    tx.scan_while(why, stretch(Some(Conversation::BY_WAIT), (c.line, ConversationState::Waiting)), |other: Conversation| {
        let before = (other.rank, other.ticket) < (c.rank, c.ticket);
        ahead += u32::from(before);
        first += u32::from(before && other.goes_first());
        before
    })?;
    Ok((ahead, first))
}
