//! A disk in memory that remembers every step taken on it, so that the power can be cut at any of them afterwards.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::content::Content;

/// What is on a disk after the power came back: file names and what they hold.
pub(super) type Image = BTreeMap<String, Content>;

/// A file, whatever its name is and whether it still has one.
pub(super) type FileNo = usize;

/// One step. What is not synced may be lost, in part and in any order.
pub(super) enum Step {
    Write {
        file: FileNo,
        at: usize,
        bytes: Box<[u8]>,
    },
    Truncate {
        file: FileNo,
        len: usize,
    },
    /// Makes what was done to the file last; `directory` also makes all names last.
    Sync {
        file: FileNo,
        directory: bool,
    },
    /// Gives a new file a name.
    Create {
        name: String,
        file: FileNo,
    },
    Delete {
        name: String,
        directory: bool,
    },
}

/// See the [module](self).
pub(super) struct Disk(Mutex<State>);

pub(super) struct State {
    pub(super) files: Vec<Content>,
    pub(super) names: BTreeMap<String, FileNo>,
    pub(super) steps: Vec<Step>,
    /// Locks and shared memory of each database, by its file. They do not outlive the power.
    pub(super) shared: BTreeMap<FileNo, Shared>,
}

/// What the connections to one database share.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) readers: usize,
    pub(super) reserved: bool,
    pub(super) pending: bool,
    pub(super) exclusive: bool,
    /// Regions of shared memory; boxed, so that they stay where SQLite was told they are.
    pub(super) regions: Vec<Box<[u64]>>,
    /// Per slot: -1 held by one, else by how many together.
    pub(super) slots: [i32; 8],
    pub(super) mapped: usize,
}

impl Disk {
    /// A disk with this on it, all of it synced.
    pub(super) fn with(image: &Image) -> Arc<Self> {
        let files = image.values().cloned().collect();
        let names = image.keys().cloned().zip(0..).collect();
        Arc::new(Self(Mutex::new(State { files, names, steps: Vec::new(), shared: BTreeMap::new() })))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner) // every step is whole when it panics
    }

    /// How many steps were taken.
    pub(super) fn position(&self) -> usize {
        self.lock().steps.len()
    }

    /// Every step taken; the disk is not used any more.
    pub(super) fn into_steps(self: Arc<Self>) -> Vec<Step> {
        std::mem::take(&mut self.lock().steps)
    }
}

impl State {
    pub(super) fn write(&mut self, file: FileNo, at: usize, bytes: &[u8]) {
        self.files[file].write(at, bytes);
        self.steps.push(Step::Write { file, at, bytes: bytes.into() });
    }

    pub(super) fn truncate(&mut self, file: FileNo, len: usize) {
        self.files[file].truncate(len);
        self.steps.push(Step::Truncate { file, len });
    }

    pub(super) fn sync(&mut self, file: FileNo, directory: bool) {
        self.steps.push(Step::Sync { file, directory });
    }

    pub(super) fn create(&mut self, name: &str) -> FileNo {
        self.files.push(Content::default());
        let file = self.files.len() - 1;
        self.names.insert(name.to_owned(), file);
        self.steps.push(Step::Create { name: name.to_owned(), file });
        file
    }

    /// Takes a name away; whether it was there.
    pub(super) fn delete(&mut self, name: &str, directory: bool) -> bool {
        let was = self.names.remove(name).is_some();
        if was {
            self.steps.push(Step::Delete { name: name.to_owned(), directory });
        }
        was
    }
}
