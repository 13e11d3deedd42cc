//! How quick the server is beside the attack: a transaction that meets nobody and must reach the disk, again and again, by a new page of
//! a table as much as by its COMMIT. What it takes longer than usual, the machine took. It also notes who kept the oldest transaction
//! open, for the report of a stall.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};

/// What it saw since it was last asked.
#[derive(Clone, Default)]
pub(super) struct Beat {
    /// The longest of its transactions.
    pub(super) longest: Duration,
    /// The oldest transaction of others: its age in ms, and what it did.
    pub(super) oldest: (i64, String),
}

/// See the [module](self). Ends when dropped.
pub(super) struct Pulse {
    beat: Arc<Mutex<Beat>>,
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// A table of its own, in a database of its own; a row fills a page.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS pulse (filler TEXT); ALTER TABLE pulse ALTER filler SET STORAGE PLAIN";
const BEAT: &str = "INSERT INTO pulse SELECT repeat('x', 7000)";
const OLDEST: &str = "SELECT CAST(extract(epoch FROM clock_timestamp() - xact_start) * 1000 AS BIGINT), \
     concat_ws(' ', backend_type, state, wait_event_type, wait_event, left(query, 100)) \
     FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid() ORDER BY xact_start LIMIT 1";

impl Pulse {
    /// Begins. `url` leads to a database that nobody else uses.
    pub(super) fn of(url: &str) -> Self {
        let (beat, ending) = (Arc::<Mutex<Beat>>::default(), Arc::new(AtomicBool::new(false)));
        let (put, end, url) = (beat.clone(), ending.clone(), url.to_owned());
        let thread = std::thread::spawn(move || {
            let mut client = None;
            while !end.load(Ordering::SeqCst) {
                // While the server is down, nothing is measured.
                let Some(mut one) = client.take().or_else(|| connected(&url)) else {
                    std::thread::sleep(Duration::from_millis(20));
                    continue;
                };
                let begun = Instant::now();
                let beats = one.batch_execute(BEAT);
                let took = begun.elapsed();
                let oldest = one.query_opt(OLDEST, &[]);
                let (Ok(_), Ok(oldest)) = (beats, oldest) else { continue };
                client = Some(one);
                let mut beat = put.lock().unwrap_or_else(PoisonError::into_inner);
                beat.longest = beat.longest.max(took);
                if let Some(row) = oldest
                    && row.get::<_, i64>(0) > beat.oldest.0
                {
                    beat.oldest = (row.get(0), row.get(1));
                }
                drop(beat);
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        Self { beat, ending, thread: Some(thread) }
    }

    /// What it saw since the last call.
    pub(super) fn take(&self) -> Beat {
        std::mem::take(&mut self.beat.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn connected(url: &str) -> Option<Client> {
    let mut client = Client::connect(url, NoTls).ok()?;
    client.batch_execute(TABLE).is_ok().then_some(client)
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // it has nothing to tell
        }
    }
}
