//! "Something was committed", and notes that need no disk.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

type Listener = Box<dyn Fn() + Send + Sync>;
type Whispered = Box<dyn Fn(&str) + Send + Sync>;

/// Wakes those who wait for new events. Only a hint: whoever wakes reads the journal to see what there is.
#[derive(Default)]
pub struct Signal {
    commits: Mutex<u64>,
    moved: Condvar,
    listeners: Mutex<Vec<Listener>>,
    whispers: Mutex<Vec<Whispered>>,
}

impl Signal {
    /// How many hints there have been.
    pub fn count(&self) -> u64 {
        *self.commits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a hint.
    pub fn notify(&self) {
        *self.commits.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.moved.notify_all();
        for listener in self.listeners.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            listener();
        }
    }

    /// Blocks until there are more hints than `seen`, or `timeout` has passed; returns how many there are.
    pub fn wait_past(&self, seen: u64, timeout: Duration) -> u64 {
        let guard = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        let (guard, _) = self.moved.wait_timeout_while(guard, timeout, |n| *n <= seen).unwrap_or_else(PoisonError::into_inner);
        *guard
    }

    /// Calls `listener` at each hint. It must be short and must not call the store.
    pub fn listen(&self, listener: impl Fn() + Send + Sync + 'static) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(listener));
    }

    /// Calls `hear` with each note whispered on any host.
    pub fn on_whisper(&self, hear: impl Fn(&str) + Send + Sync + 'static) {
        self.whispers.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(hear));
    }

    /// Hands a note to those who listen here.
    pub fn hear(&self, note: &str) {
        for hear in self.whispers.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            hear(note);
        }
    }
}
