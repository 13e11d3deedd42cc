//! A reader of the journal that never stops, as the live hub of a host does not: it continues behind the last event
//! it was given, whatever happens to the connection.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use zhengna_core::journal::{Cursor, EventKind};
use zhengna_core::{Core, limits};

/// What it was given.
#[derive(Default)]
pub(super) struct Read {
    /// Places, in the order in which they came.
    pub(super) places: Vec<String>,
    /// When it learned of a message, by conversation and number.
    pub(super) messages: HashMap<(Vec<u8>, i64), Instant>,
}

/// See the [module](self). Ends when dropped.
pub(super) struct Reader {
    read: Arc<Mutex<Read>>,
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    /// Begins to read on a host, from the start.
    pub(super) fn on(core: Core) -> Self {
        let (read, ending) = (Arc::<Mutex<Read>>::default(), Arc::new(AtomicBool::new(false)));
        let (put, end) = (read.clone(), ending.clone());
        let thread = std::thread::spawn(move || {
            let mut cursor = Cursor::default();
            while !end.load(Ordering::SeqCst) {
                let hints = core.store().signal().count();
                let events = core.journal_after(cursor, limits::EVENTS_PAGE_MAX).unwrap_or_default();
                let now = Instant::now();
                if events.is_empty() {
                    core.store().signal().wait_past(hints, Duration::from_millis(5));
                    continue;
                }
                let mut read = put.lock().unwrap_or_else(PoisonError::into_inner);
                for event in events {
                    cursor = event.cursor();
                    read.places.push(cursor.to_string());
                    if let (EventKind::MessageSent, Some(conversation), Some(number)) = (event.kind, event.conversation, event.number) {
                        read.messages.insert((conversation, number), now);
                    }
                }
            }
        });
        Self { read, ending, thread: Some(thread) }
    }

    /// Looks at what it was given.
    pub(super) fn see<R>(&self, look: impl FnOnce(&Read) -> R) -> R {
        look(&self.read.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // it has nothing to tell
        }
    }
}
