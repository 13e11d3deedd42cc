//! Projections: what is computed from rows and kept in memory because asking the rows each time
//! would be slow. The store drives them; no rule has to remember to.

use std::any::Any;
use std::sync::{RwLock, RwLockReadGuard};

use super::{ReadTx, Row, StoreError, Table};
use crate::error::Error;
use crate::journal::Event;

/// One row as it was and as it is.
#[derive(Clone, Debug)]
pub struct Change {
    /// The table.
    pub table: &'static Table,
    /// The row before; `None` for an insert.
    pub old: Option<Row>,
    /// The row after; `None` for a delete.
    pub new: Option<Row>,
}

impl Change {
    fn inverse(&self) -> Self {
        Self { table: self.table, old: self.new.clone(), new: self.old.clone() }
    }
}

/// Which changes a projection wants.
#[derive(Debug)]
pub struct Watch {
    /// Changes of this table.
    pub table: &'static Table,
    /// Of updates, only those that change one of these columns.
    pub columns: &'static [usize],
}

impl Watch {
    fn wants(&self, table: &'static Table, old: Option<&Row>, new: Option<&Row>) -> bool {
        let moved = |(old, new): (&Row, &Row)| self.columns.iter().any(|&c| old[c] != new[c]);
        self.table.name == table.name && old.zip(new).is_none_or(moved)
    }
}

/// Something derived from rows and kept in memory.
pub trait Projection: Any + Send + Sync {
    /// Its name, for recounts and messages.
    fn name(&self) -> &'static str;
    /// The changes it wants.
    fn watches(&self) -> &'static [Watch];
    /// Takes in one change, in the order in which bodies made them.
    fn apply(&mut self, change: &Change) -> Result<(), StoreError>;
    /// Takes back one change, newest first.
    fn undo(&mut self, change: &Change) -> Result<(), StoreError> {
        self.apply(&change.inverse())
    }
    /// Starts again from the rows.
    fn rebuild(&mut self, tx: &mut dyn ReadTx) -> Result<(), Error>;
    /// Another one of the same content.
    fn copy(&self) -> Box<dyn Projection>;
    /// Takes in what another host wrote: reads again the rows that `event` speaks of.
    fn follow(&mut self, event: &Event, tx: &mut dyn ReadTx) -> Result<(), Error>;
    /// Compares itself with one of its kind that was just rebuilt; one line per difference, none when it is right.
    fn differences(&self, rebuilt: &dyn Any) -> Vec<String>;
}

/// A fresh set of every projection the core has.
pub type MakeProjections = fn() -> Vec<Box<dyn Projection>>;

/// A set of projections that moves as one.
pub struct Projections(Vec<Box<dyn Projection>>);

impl Projections {
    /// An empty set of the given kinds.
    pub fn new(make: MakeProjections) -> Self {
        Self(make())
    }

    /// Another set of the same content.
    pub fn copy(&self) -> Self {
        Self(self.0.iter().map(|p| p.copy()).collect())
    }

    /// The projection of type `P`, where the core has one.
    pub fn get<P: Projection>(&self) -> Option<&P> {
        self.0.iter().find_map(|p| (p.as_ref() as &dyn Any).downcast_ref())
    }

    /// Whether any projection wants a change.
    pub fn watch(&self, table: &'static Table, old: Option<&Row>, new: Option<&Row>) -> bool {
        self.0.iter().any(|p| wants(p.as_ref(), table, old, new))
    }

    /// Takes in one change.
    pub fn apply(&mut self, change: &Change) -> Result<(), StoreError> {
        self.0
            .iter_mut()
            .filter(|p| wants(p.as_ref(), change.table, change.old.as_ref(), change.new.as_ref()))
            .try_for_each(|p| p.apply(change))
    }

    /// Takes back changes, newest first.
    pub fn undo(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        for change in changes.iter().rev() {
            for p in self.0.iter_mut().filter(|p| wants(p.as_ref(), change.table, change.old.as_ref(), change.new.as_ref())) {
                p.undo(change)?;
            }
        }
        Ok(())
    }

    /// Starts all of them again from the rows.
    pub fn rebuild(&mut self, tx: &mut dyn ReadTx) -> Result<(), Error> {
        self.0.iter_mut().try_for_each(|p| p.rebuild(tx))
    }

    /// Lets all of them follow one event of another host.
    pub fn follow(&mut self, event: &Event, tx: &mut dyn ReadTx) -> Result<(), Error> {
        self.0.iter_mut().try_for_each(|p| p.follow(event, tx))
    }

    /// Compares all of them with a set that was just rebuilt from the rows.
    pub fn differences(&self, rebuilt: &Self) -> Vec<String> {
        let pairs = self.0.iter().zip(&rebuilt.0);
        pairs.flat_map(|(p, rebuilt)| p.differences(rebuilt.as_ref()).into_iter().map(move |d| format!("{}: {d}", p.name()))).collect()
    }
}

fn wants(projection: &dyn Projection, table: &'static Table, old: Option<&Row>, new: Option<&Row>) -> bool {
    projection.watches().iter().any(|watch| watch.wants(table, old, new))
}

/// The projections as readers may see them: only what is durable.
pub struct Published(RwLock<Projections>);

impl Published {
    /// Publishes `projections`.
    pub fn new(projections: Projections) -> Self {
        Self(RwLock::new(projections))
    }

    /// The present state.
    pub fn read(&self) -> RwLockReadGuard<'_, Projections> {
        // A poisoned lock means a projection panicked half-way; its rows are still right and a rebuild mends it,
        // so readers go on with what there is rather than fail.
        self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Changes the published state.
    pub fn update<R>(&self, change: impl FnOnce(&mut Projections) -> R) -> R {
        change(&mut self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}
