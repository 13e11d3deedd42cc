//! A claim on an answer that arrives after the commit: waited for by blocking, or awaited without a thread.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::StoreError;
use crate::error::Error;

enum State<R> {
    Waiting(Option<Waker>),
    Answered(Option<Result<R, Error>>),
}

struct Slot<R> {
    state: Mutex<State<R>>,
    answered: Condvar,
}

/// The receiving end. Block on it with [`Ticket::wait`], or await it.
#[must_use = "a write whose ticket is dropped still happens, but nobody learns how it ended"]
pub struct Ticket<R>(Arc<Slot<R>>);

/// The answering end. Dropped without an answer it says "unknown", never "failed".
pub struct Answer<R>(Option<Arc<Slot<R>>>);

/// A connected pair.
pub fn ticket<R>() -> (Answer<R>, Ticket<R>) {
    let slot = Arc::new(Slot { state: Mutex::new(State::Waiting(None)), answered: Condvar::new() });
    (Answer(Some(slot.clone())), Ticket(slot))
}

impl<R> Slot<R> {
    fn lock(&self) -> MutexGuard<'_, State<R>> {
        // Nothing panics while holding this lock; a poisoned one holds a whole state all the same.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, result: Result<R, Error>) {
        let before = std::mem::replace(&mut *self.lock(), State::Answered(Some(result)));
        self.answered.notify_all();
        if let State::Waiting(Some(waker)) = before {
            waker.wake();
        }
    }
}

impl<R> Answer<R> {
    /// Gives the answer.
    pub fn send(mut self, result: Result<R, Error>) {
        if let Some(slot) = self.0.take() {
            slot.put(result);
        }
    }
}

impl<R> Drop for Answer<R> {
    fn drop(&mut self) {
        if let Some(slot) = self.0.take() {
            slot.put(Err(StoreError::Unknown("the writer ended before it answered".into()).into()));
        }
    }
}

impl<R> Ticket<R> {
    /// Blocks this thread until the answer is there.
    pub fn wait(self) -> Result<R, Error> {
        let mut state = self.0.lock();
        loop {
            if let State::Answered(result) = &mut *state
                && let Some(result) = result.take()
            {
                return result;
            }
            state = self.0.answered.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<R> Future for Ticket<R> {
    type Output = Result<R, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self.0.lock() {
            State::Waiting(waker) => {
                *waker = Some(cx.waker().clone());
                Poll::Pending
            }
            State::Answered(result) => match result.take() {
                Some(result) => Poll::Ready(result),
                None => Poll::Pending, // polled after completion: a bug of the caller's, answered with silence as std allows
            },
        }
    }
}
