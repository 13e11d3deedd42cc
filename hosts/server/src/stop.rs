//! A word to threads that wait: stop.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Said once, heard by every clone.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<(Mutex<bool>, Condvar)>);

impl Stop {
    /// Says it.
    pub fn say(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }

    /// Whether it was said.
    pub fn said(&self) -> bool {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it is said, at most `timeout`; whether it was.
    pub fn wait(&self, timeout: Duration) -> bool {
        let said = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (said, _) = self.0.1.wait_timeout_while(said, timeout, |said| !*said).unwrap_or_else(PoisonError::into_inner);
        *said
    }
}
