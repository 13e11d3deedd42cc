//! What callers were told, attempt by attempt, and what of it the database has.
//!
//! Each attempt carries a request id of its own, which the product writes into its audit record in the transaction
//! of the change. So the records say which attempts took effect, whatever the product told their callers:
//! - one that was told as done is there once;
//! - one that was told as failed is not there;
//! - one whose outcome is unknown is there once or not at all;
//! - of the attempts with one key, all in all one is there.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use zhengna_core::store::StoreError;
use zhengna_core::{Core, Error, Session};

/// Longest wait for progress once everything is healed.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a caller was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Done.
    Done,
    /// Failed: not done.
    Failed,
    /// Nobody knows.
    Unknown,
}

/// One thing that a caller wants done once.
#[derive(Clone, Debug, Default)]
pub(super) struct Deed {
    attempts: Vec<Told>,
    /// Whether attempts are told apart by a key, so that they may be repeated.
    keyed: bool,
}

/// A message that was told as written.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) conversation: Vec<u8>,
    pub(super) number: i64,
    pub(super) key: Option<String>,
    pub(super) at: Instant,
}

/// Everything that was told.
#[derive(Default)]
pub(super) struct Ledger {
    deeds: Mutex<HashMap<u64, Deed>>,
    written: Mutex<Vec<Written>>,
    next: AtomicU64,
    /// Deeds told as done, by host.
    done: Mutex<[u64; 2]>,
    moved: Condvar,
    longest: Mutex<Duration>,
    /// A caller has found something wrong: nobody need wait for anything.
    over: AtomicBool,
}

/// What became of every attempt.
#[derive(Default, Debug)]
pub(super) struct Tally {
    pub(super) deeds: u64,
    pub(super) failed: u64,
    pub(super) unknown_done: u64,
    pub(super) unknown_not_done: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ledger {
    /// Does something with a key, on hosts chosen anew for each attempt, until it is told as done. A refusal means
    /// that what was told as failed had happened.
    pub(super) fn insist<R>(
        &self,
        hosts: &[Core; 2],
        mut choose: impl FnMut() -> usize,
        call: impl Fn(&Core, &dyn Fn(Session) -> Result<Session, Error>) -> Result<R, Error>,
    ) -> Result<(R, String), String> {
        let deed = self.next.fetch_add(1, Ordering::SeqCst);
        let (mut attempt, mut key) = (0, format!("k{deed}.0"));
        loop {
            let host = choose();
            let hints = hosts[host].store().signal().count();
            let request = self.begin(deed, true);
            let begun = Instant::now();
            let answer = call(&hosts[host], &|session: Session| session.for_request(&request).with_key(&key));
            self.took(begun.elapsed());
            match answer {
                Ok(answer) => {
                    self.told(deed, attempt, Told::Done, host);
                    return Ok((answer, key));
                }
                Err(Error::Store(StoreError::Unknown(_))) => self.told(deed, attempt, Told::Unknown, host),
                Err(Error::Store(_)) => {
                    self.told(deed, attempt, Told::Failed, host);
                    if !self.is_unknown(deed) {
                        // Not done, so nothing remembers this key: the next attempt is another call.
                        key = format!("k{deed}.{}", attempt + 1);
                    }
                    hosts[host].store().signal().wait_past(hints, Duration::from_millis(5));
                }
                Err(e) => return Err(format!("attempt {attempt} of deed {deed} was answered {e}, after {:?}", self.attempts(deed))),
            }
            attempt += 1;
        }
    }

    /// Does something once, without a key; `None` unless it is told as done.
    pub(super) fn once<R>(
        &self,
        hosts: &[Core; 2],
        host: usize,
        call: impl Fn(&Core, &str) -> Result<R, Error>,
    ) -> Result<Option<R>, String> {
        let deed = self.next.fetch_add(1, Ordering::SeqCst);
        let request = self.begin(deed, false);
        let (begun, hints) = (Instant::now(), hosts[host].store().signal().count());
        let answer = call(&hosts[host], &request);
        self.took(begun.elapsed());
        match answer {
            Ok(answer) => {
                self.told(deed, 0, Told::Done, host);
                Ok(Some(answer))
            }
            Err(Error::Store(e)) => {
                self.told(deed, 0, if matches!(e, StoreError::Unknown(_)) { Told::Unknown } else { Told::Failed }, host);
                hosts[host].store().signal().wait_past(hints, Duration::from_millis(5));
                Ok(None)
            }
            Err(e) => Err(format!("deed {deed} without a key was answered {e}")),
        }
    }

    /// Notes a message that was told as written.
    pub(super) fn wrote(&self, conversation: &[u8], number: i64, key: Option<String>) {
        lock(&self.written).push(Written { conversation: conversation.to_vec(), number, key, at: Instant::now() });
    }

    /// Messages that were told as written, from the `from`-th.
    pub(super) fn written(&self, from: usize) -> Vec<Written> {
        lock(&self.written)[from..].to_vec()
    }

    /// Deeds told as done, by host.
    pub(super) fn done(&self) -> [u64; 2] {
        *lock(&self.done)
    }

    /// Waits until a host has done `more` than `before`.
    ///
    /// # Errors
    /// When it does not get there: nothing goes on any more.
    pub(super) fn progress(&self, host: usize, before: u64, more: u64) -> Result<(), String> {
        let done = lock(&self.done);
        let waited = self.moved.wait_timeout_while(done, PATIENCE, |done| done[host] < before + more && !self.is_over());
        let (done, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        if self.is_over() {
            return Err("given up".into());
        }
        if timeout.timed_out() {
            return Err(format!("host {host} did {} of {more} things in {PATIENCE:?}", done[host] - before));
        }
        Ok(())
    }

    /// A caller has found something wrong.
    pub(super) fn give_up(&self) {
        let _done = lock(&self.done); // so that nobody misses it between looking and waiting
        self.over.store(true, Ordering::SeqCst);
        self.moved.notify_all();
    }

    /// Whether a caller has found something wrong.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// The longest time a caller waited for an answer since this was last asked.
    pub(super) fn longest(&self) -> Duration {
        std::mem::take(&mut lock(&self.longest))
    }

    /// Compares what was told with the records there are, by request id.
    pub(super) fn compare(&self, records: &HashMap<String, i64>) -> Result<Tally, String> {
        let mut tally = Tally::default();
        let deeds = lock(&self.deeds);
        for (deed, Deed { attempts, keyed }) in deeds.iter() {
            let there: Vec<i64> = (0..attempts.len()).map(|n| records.get(&request(*deed, n)).copied().unwrap_or(0)).collect();
            let told = || format!("deed {deed}{}: told {attempts:?}, there {there:?}", if *keyed { " with a key" } else { "" });
            let all: i64 = there.iter().sum();
            for (told_as, there) in attempts.iter().zip(&there) {
                match (told_as, there) {
                    (Told::Failed, 1..) => return Err(format!("told as failed and done: {}", told())),
                    (Told::Failed, _) => tally.failed += 1,
                    (Told::Unknown, 0) => tally.unknown_not_done += 1,
                    (Told::Unknown, _) => tally.unknown_done += 1,
                    (Told::Done, _) => {}
                }
            }
            let done = attempts.contains(&Told::Done);
            match all {
                2.. => return Err(format!("done more than once: {}", told())),
                0 if done => return Err(format!("told as done and lost: {}", told())),
                _ => tally.deeds += u64::from(done),
            }
        }
        Ok(tally)
    }

    fn begin(&self, deed: u64, keyed: bool) -> String {
        let mut deeds = lock(&self.deeds);
        let known = deeds.entry(deed).or_default();
        known.keyed = keyed;
        known.attempts.push(Told::Unknown); // until somebody says otherwise
        request(deed, known.attempts.len() - 1)
    }

    fn told(&self, deed: u64, attempt: usize, told: Told, host: usize) {
        lock(&self.deeds).entry(deed).and_modify(|d| d.attempts[attempt] = told);
        if told == Told::Done {
            lock(&self.done)[host] += 1;
            self.moved.notify_all();
        }
    }

    fn is_unknown(&self, deed: u64) -> bool {
        self.attempts(deed).contains(&Told::Unknown)
    }

    fn attempts(&self, deed: u64) -> Vec<Told> {
        lock(&self.deeds).get(&deed).map(|d| d.attempts.clone()).unwrap_or_default()
    }

    fn took(&self, time: Duration) {
        let mut longest = lock(&self.longest);
        *longest = longest.max(time);
    }
}

/// The request id of an attempt.
fn request(deed: u64, attempt: usize) -> String {
    format!("deed {deed}.{attempt}")
}
