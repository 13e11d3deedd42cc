//! Who waits, per line, first in line first: kept in memory, so that a claim and a position cost no search.

use std::collections::{BTreeMap, HashMap};

use super::{Conversation, ConversationState, Line};
use crate::access::Engine;
use crate::error::Error;
use crate::id::{ConversationId, LineId};
use crate::journal::{Event, EventKind};
use crate::limits;
use crate::planted::{Bug, planted};
use crate::store::{Change, Column, Projection, ReadTx, Reads, Record, Row, StoreError, Watch, position, stretch};

type Order = (i64, i64);

/// The waiting conversations of every line.
#[derive(Clone, Default)]
pub struct ReadyLines {
    lines: HashMap<LineId, BTreeMap<Order, ConversationId>>,
    /// Where each waiting conversation stands, to find it again when its row has moved on.
    places: HashMap<ConversationId, (LineId, Order)>,
}

impl ReadyLines {
    /// How many wait in a line.
    pub fn waiting(&self, line: LineId) -> u32 {
        self.lines.get(&line).map_or(0, |l| u32::try_from(l.len()).unwrap_or(u32::MAX))
    }

    /// The first in line.
    pub fn first(&self, line: LineId) -> Option<ConversationId> {
        let waiting = self.lines.get(&line)?;
        if planted(Bug::LineOrderReversed) { waiting.values().next_back().copied() } else { waiting.values().next().copied() }
    }

    /// How many stand before a waiting conversation.
    pub fn ahead(&self, id: ConversationId) -> Option<u32> {
        let (line, order) = self.places.get(&id)?;
        let ahead = self.lines.get(line)?.range(..order).count();
        Some(u32::try_from(ahead).unwrap_or(u32::MAX))
    }

    fn remove(&mut self, id: ConversationId) {
        if let Some((line, order)) = self.places.remove(&id)
            && let Some(waiting) = self.lines.get_mut(&line)
        {
            waiting.remove(&order);
            if waiting.is_empty() {
                self.lines.remove(&line);
            }
        }
    }

    fn set(&mut self, c: &Conversation) {
        self.remove(c.id);
        if c.state == ConversationState::Waiting {
            let order = (c.rank, c.ticket);
            self.lines.entry(c.line).or_default().insert(order, c.id);
            self.places.insert(c.id, (c.line, order));
        }
    }
}

fn decode(row: &Row) -> Result<Conversation, StoreError> {
    Conversation::from_row(row.clone())
}

impl Projection for ReadyLines {
    fn name(&self) -> &'static str {
        "ready_lines"
    }

    fn watches(&self) -> &'static [Watch] {
        const COLUMNS: &[Column] = Conversation::TABLE.columns;
        const PLACE: [usize; 4] =
            [position(COLUMNS, "line"), position(COLUMNS, "state"), position(COLUMNS, "rank"), position(COLUMNS, "ticket")];
        const WATCHED: [Watch; 1] = [Watch { table: Conversation::TABLE, columns: &PLACE }];
        &WATCHED
    }

    fn apply(&mut self, change: &Change) -> Result<(), StoreError> {
        match (&change.old, &change.new) {
            (_, Some(new)) => self.set(&decode(new)?),
            (Some(old), None) => self.remove(decode(old)?.id),
            (None, None) => {}
        }
        Ok(())
    }

    fn rebuild(&mut self, tx: &mut dyn ReadTx) -> Result<(), Error> {
        *self = Self::default();
        for_each_waiting(tx, |c| self.set(c))
    }

    fn copy(&self) -> Box<dyn Projection> {
        Box::new(self.clone())
    }

    fn follow(&mut self, event: &Event, tx: &mut dyn ReadTx) -> Result<(), Error> {
        let Some(id) = event.conversation() else { return Ok(()) };
        if planted(Bug::FollowMissed) && event.kind == EventKind::Left {
            return Ok(());
        }
        if !matches!(event.kind, EventKind::Entered | EventKind::Left | EventKind::Prioritised | EventKind::Claimed | EventKind::Closed) {
            return Ok(());
        }
        // The row as it is now: later than the event perhaps, never earlier, and the later events follow.
        match tx.find::<Conversation>((id,))? {
            Some(row) => self.set(&row.trust("projections hold ids only")),
            None => self.remove(id),
        }
        Ok(())
    }

    fn differences(&self, rebuilt: &dyn std::any::Any) -> Vec<String> {
        let Some(rebuilt) = rebuilt.downcast_ref::<Self>() else { return vec!["compared with another kind of projection".into()] };
        let wrong = |id: &&ConversationId| self.places.get(id) != rebuilt.places.get(id);
        let mut ids: Vec<&ConversationId> = rebuilt.places.keys().chain(self.places.keys()).filter(wrong).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter().map(|id| format!("{id} waits at {:?}, known at {:?}", rebuilt.places.get(id), self.places.get(id))).collect()
    }
}

fn for_each_waiting(tx: &mut dyn ReadTx, mut each: impl FnMut(&Conversation)) -> Result<(), Error> {
    let why = Engine::work("rebuilding a projection");
    let mut from: Option<LineId> = None;
    loop {
        let range = stretch(None, ());
        let lines: Vec<Line> = tx.scan(
            why,
            match from {
                Some(last) => range.after((last,)),
                None => range,
            },
        )?;
        let Some(last) = lines.last() else { return Ok(()) };
        from = Some(last.id);
        for line in &lines {
            let mut after: Option<Order> = None;
            loop {
                let range = stretch(Some(Conversation::BY_WAIT), (line.id, ConversationState::Waiting)).limit(limits::PAGE_ROWS_MAX);
                let page: Vec<Conversation> = tx.scan(
                    why,
                    match after {
                        Some((rank, ticket)) => range.after((rank, ticket)),
                        None => range,
                    },
                )?;
                let Some(last) = page.last() else { break };
                after = Some((last.rank, last.ticket));
                page.iter().for_each(&mut each);
            }
        }
    }
}

/// The first in line as this transaction may rely on it: from memory where one writer drives it, else from the rows.
/// The caller holds the line's lock.
pub(super) fn first_waiting(tx: &mut dyn ReadTx, line: &Line) -> Result<Option<ConversationId>, Error> {
    if let Some(first) = tx.project(|ready: &ReadyLines| ready.first(line.id)) {
        return Ok(first);
    }
    let range =
        stretch(Some(Conversation::BY_WAIT), (line.id, ConversationState::Waiting)).limit(if planted(Bug::LineOvertaken) { 2 } else { 1 });
    let first: Vec<Conversation> = tx.scan(Engine::work("the first of a line that the caller opened"), range)?;
    Ok(first.last().map(|c| c.id))
}
