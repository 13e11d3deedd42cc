//! Who waits, per line, first in line first, and how many conversations each officer has: kept in memory, so that a claim, a position and
//! an estimate cost no search.

use std::collections::{BTreeMap, HashMap};

use super::prioritise::FIRST;
use super::workload::Moved;
use super::{Conversation, ConversationState, Line};
use crate::access::{AuthorityPath, Engine};
use crate::error::Error;
use crate::id::{ConversationId, LineId, OfficerId};
use crate::journal::{Event, EventKind, Topic};
use crate::planted::{Bug, planted};
use crate::store::{Change, Column, Projection, ReadTx, Reads, Record, Row, StoreError, Watch, position, stretch};

type Order = (i64, i64);

/// The waiting conversations of every line, and who has the others.
#[derive(Clone, Default)]
pub struct ReadyLines {
    lines: HashMap<LineId, Ready>,
    /// Where each waiting conversation stands, to find it again when its row has moved on.
    places: HashMap<ConversationId, (LineId, Order)>,
    /// What those who wait named as their topic.
    topics: HashMap<ConversationId, String>,
    /// Who has each conversation that goes on, but on hold.
    held: HashMap<ConversationId, OfficerId>,
    /// How many each officer has.
    loads: HashMap<OfficerId, u32>,
    /// How often anything moved that an officer has, had or is offered, since all this was read last.
    moved: HashMap<OfficerId, u64>,
    /// How often all this was read.
    generation: u64,
}

/// A line in which somebody waits.
#[derive(Clone, Default)]
struct Ready {
    /// First in line first, with whether they go before those in ordinary order.
    waiting: BTreeMap<Order, (ConversationId, bool)>,
    /// The line's authority, with all above.
    authority: AuthorityPath,
}

impl ReadyLines {
    /// How many wait in a line.
    pub fn waiting(&self, line: LineId) -> u32 {
        self.lines.get(&line).map_or(0, |l| u32::try_from(l.waiting.len()).unwrap_or(u32::MAX))
    }

    /// Of each line in which somebody waits: how many, and its authority.
    pub(super) fn everywhere(&self) -> impl Iterator<Item = (u32, &AuthorityPath)> {
        self.lines.values().map(|l| (u32::try_from(l.waiting.len()).unwrap_or(u32::MAX), &l.authority))
    }

    /// The first in line.
    pub fn first(&self, line: LineId) -> Option<ConversationId> {
        let waiting = &self.lines.get(&line)?.waiting;
        let first = if planted(Bug::LineOrderReversed) { waiting.values().next_back() } else { waiting.values().next() };
        first.map(|(id, _)| *id)
    }

    /// How many stand before a waiting conversation, and how many of them go before those in ordinary order.
    pub fn ahead(&self, id: ConversationId) -> Option<(u32, u32)> {
        let (line, order) = self.places.get(&id)?;
        let (mut ahead, mut first) = (0, 0);
        for (_, (_, goes_first)) in self.lines.get(line)?.waiting.range(..order) {
            ahead += 1;
            first += u32::from(*goes_first);
        }
        Some((ahead, first))
    }

    /// Everybody who waits in a line, first in line first: whether they go before those in ordinary order, and the topic that they named.
    pub(super) fn all(&self, line: LineId) -> Vec<(ConversationId, bool, Option<String>)> {
        let Some(line) = self.lines.get(&line) else { return Vec::new() };
        line.waiting.values().map(|(id, goes_first)| (*id, *goes_first, self.topics.get(id).cloned())).collect()
    }

    /// Lines in which somebody waits.
    pub(super) fn busy(&self) -> Vec<LineId> {
        let mut busy: Vec<LineId> = self.lines.keys().copied().collect();
        busy.sort_unstable();
        busy
    }

    /// How many conversations an officer holds that count for their capacity.
    pub fn held(&self, officer: OfficerId) -> u32 {
        self.loads.get(&officer).copied().unwrap_or(0)
    }

    /// How far things of an officer have moved: as long as that stays what it is, so does what they have, had and are offered.
    pub(super) fn moved(&self, officer: OfficerId) -> Moved {
        Moved { generation: self.generation, count: self.moved.get(&officer).copied().unwrap_or(0) }
    }

    fn moves(&mut self, officers: impl IntoIterator<Item = OfficerId>) {
        officers.into_iter().for_each(|officer| *self.moved.entry(officer).or_default() += 1);
    }

    fn remove(&mut self, id: ConversationId) {
        if let Some(officer) = self.held.remove(&id)
            && let Some(load) = self.loads.get_mut(&officer)
        {
            *load -= 1; // counted when it was put there
            if *load == 0 {
                self.loads.remove(&officer);
            }
        }
        if let Some((line, order)) = self.places.remove(&id)
            && let Some(ready) = self.lines.get_mut(&line)
        {
            self.topics.remove(&id);
            ready.waiting.remove(&order);
            if ready.waiting.is_empty() {
                self.lines.remove(&line);
            }
        }
    }

    fn set(&mut self, c: &Conversation) {
        self.remove(c.id);
        if c.state == ConversationState::Waiting {
            let order = (c.rank, c.ticket);
            let ready = self.lines.entry(c.line).or_insert_with(|| Ready { authority: c.authority.clone(), ..Ready::default() });
            ready.waiting.insert(order, (c.id, c.goes_first()));
            self.topics.extend(c.topic_code.iter().map(|topic| (c.id, topic.clone())));
            self.places.insert(c.id, (c.line, order));
        }
        if let (ConversationState::Active, Some(officer), None) = (c.state, c.officer, c.held_until) {
            self.held.insert(c.id, officer);
            *self.loads.entry(officer).or_default() += 1;
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
        const PLACE: [usize; 7] = [
            position(COLUMNS, "offered_to"),
            position(COLUMNS, "line"),
            position(COLUMNS, "state"),
            position(COLUMNS, "rank"),
            position(COLUMNS, "ticket"),
            position(COLUMNS, "officer"),
            position(COLUMNS, "held_until"),
        ];
        const WATCHED: [Watch; 1] = [Watch { table: Conversation::TABLE, columns: &PLACE }];
        &WATCHED
    }

    fn apply(&mut self, change: &Change) -> Result<(), StoreError> {
        let (old, new) = (change.old.as_ref().map(decode).transpose()?, change.new.as_ref().map(decode).transpose()?);
        self.moves(old.iter().chain(&new).flat_map(|c| [c.officer, c.offered_to]).flatten());
        match (old, new) {
            (_, Some(new)) => self.set(&new),
            (Some(old), None) => self.remove(old.id),
            (None, None) => {}
        }
        Ok(())
    }

    fn rebuild(&mut self, tx: &mut dyn ReadTx) -> Result<(), Error> {
        *self = Self { generation: self.generation + 1, ..Self::default() };
        for_each_open(tx, |c| self.set(c))
    }

    fn copy(&self) -> Box<dyn Projection> {
        Box::new(self.clone())
    }

    fn follow(&mut self, event: &Event, tx: &mut dyn ReadTx) -> Result<(), Error> {
        let Some(id) = event.conversation() else { return Ok(()) };
        if planted(Bug::FollowMissed) && event.kind == EventKind::Left {
            return Ok(());
        }
        if !matches!(
            event.kind,
            EventKind::Entered
                | EventKind::Left
                | EventKind::Prioritised
                | EventKind::Returned
                | EventKind::Transferred
                | EventKind::Claimed
                | EventKind::Offered
                | EventKind::OfferPassed
                | EventKind::Held
                | EventKind::Resumed
                | EventKind::Closed
        ) {
            return Ok(());
        }
        // The row as it is now: later than the event perhaps, never earlier, and the later events follow.
        let found = tx.find::<Conversation>((id,))?.map(|row| row.trust("projections hold ids only").into_inner());
        let on_desk = event.topic().and_then(|topic| if let Topic::Officer(officer) = topic { Some(officer) } else { None });
        self.moves(found.iter().flat_map(|c| [c.officer, c.offered_to]).flatten().chain(on_desk));
        match found {
            Some(row) => self.set(&row),
            None => self.remove(id),
        }
        Ok(())
    }

    fn differences(&self, rebuilt: &dyn std::any::Any) -> Vec<String> {
        let Some(rebuilt) = rebuilt.downcast_ref::<Self>() else { return vec!["compared with another kind of projection".into()] };
        let mut found = differing(&rebuilt.places, &self.places, "waits at");
        found.extend(differing(&rebuilt.held, &self.held, "is held by"));
        found.extend(differing(&rebuilt.loads, &self.loads, "holds"));
        found
    }
}

fn differing<K, V>(rebuilt: &HashMap<K, V>, known: &HashMap<K, V>, what: &str) -> Vec<String>
where
    K: Ord + Eq + std::hash::Hash + std::fmt::Display,
    V: PartialEq + std::fmt::Debug,
{
    let mut ids: Vec<&K> = rebuilt.keys().chain(known.keys()).filter(|id| known.get(*id) != rebuilt.get(*id)).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.into_iter().map(|id| format!("{id} {what} {:?}, known {:?}", rebuilt.get(id), known.get(id))).collect()
}

/// Every conversation that waits or goes on.
fn for_each_open(tx: &mut dyn ReadTx, mut each: impl FnMut(&Conversation)) -> Result<(), Error> {
    let why = Engine::work("rebuilding a projection");
    for line in tx.scan_all(why, stretch(None, ()), |_: &Line| true)? {
        for state in [ConversationState::Waiting, ConversationState::Active] {
            let range = stretch(Some(Conversation::BY_WAIT), (line.id, state));
            tx.scan_all(why, range, |_: &Conversation| true)?.iter().for_each(&mut each);
        }
    }
    Ok(())
}

/// Whether as many wait in a line as may, as this transaction may rely on it: from memory where one writer drives it, else from the rows.
pub(super) fn is_full(tx: &mut dyn ReadTx, line: &Line) -> Result<bool, Error> {
    if let Some(waiting) = tx.project(|ready: &ReadyLines| ready.waiting(line.id)) {
        return Ok(i64::from(waiting) >= line.waiting_max);
    }
    let why = Engine::work("counting who waits in a line that the caller opened");
    let ranked = |rank: i64| stretch(Some(Conversation::BY_WAIT), (line.id, ConversationState::Waiting, rank));
    // Of the ordinary ones no more wait than numbers were given since the first of them: mostly that is few enough, and nothing is counted.
    let first: Vec<Conversation> = tx.scan(why, ranked(0).limit(1))?;
    let ordinary = first.first().map_or(0, |c| line.next_ticket - c.ticket);
    let before_them = tx.scan_all(why, ranked(FIRST), |_: &Conversation| true)?.len() as i64;
    if before_them + ordinary < line.waiting_max {
        return Ok(false);
    }
    let mut waiting = before_them;
    tx.scan_while(why, ranked(0), |_: Conversation| {
        waiting += 1;
        waiting < line.waiting_max
    })?;
    Ok(waiting >= line.waiting_max)
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
