//! Counters in the text format of Prometheus. Nothing in them names a person.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Calls and their microseconds, by operation and status.
type Calls = BTreeMap<(&'static str, u16), (u64, u64)>;

/// What this host counts.
#[derive(Default)]
pub struct Metrics {
    calls: Mutex<Calls>,
    /// Live sockets and streams open now.
    pub live: AtomicI64,
    /// Events sent to them.
    pub events: AtomicU64,
    /// Readers dropped because they were too slow.
    pub slow: AtomicU64,
}

impl Metrics {
    /// One call of an operation ended.
    pub fn called(&self, operation: &'static str, status: u16, micros: u64) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner); // nothing panics while holding it
        let (count, total) = calls.entry((operation, status)).or_default();
        *count += 1;
        *total += micros;
    }

    /// The text of `/metrics`. `missing_notice` is the year whose notice of working days should be known and is not, where
    /// that could be found out.
    pub fn text(&self, missing_notice: Option<Option<i32>>) -> String {
        let mut out = String::from("# HELP zhengna_calls_total Calls of an operation, by status.\n# TYPE zhengna_calls_total counter\n");
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for ((operation, status), (count, _)) in &calls {
            let _ = writeln!(out, "zhengna_calls_total{{operation=\"{operation}\",status=\"{status}\"}} {count}"); // a String takes everything
        }
        out.push_str("# HELP zhengna_call_microseconds_total Time spent in calls.\n# TYPE zhengna_call_microseconds_total counter\n");
        for ((operation, status), (_, micros)) in &calls {
            let _ = writeln!(out, "zhengna_call_microseconds_total{{operation=\"{operation}\",status=\"{status}\"}} {micros}");
        }
        let gauges = [
            ("zhengna_live_connections", "gauge", "Live sockets and streams open.", self.live.load(Ordering::Relaxed)),
            ("zhengna_live_events_total", "counter", "Events sent to them.", self.events.load(Ordering::Relaxed) as i64),
            ("zhengna_live_slow_total", "counter", "Readers dropped for being too slow.", self.slow.load(Ordering::Relaxed) as i64),
        ];
        let missing = missing_notice.map(|year| {
            let help = "Year whose notice of working days should be known by now; 0 if none is missing.";
            ("zhengna_calendar_missing_notice_year", "gauge", help, i64::from(year.unwrap_or(0)))
        });
        for (name, kind, help, value) in gauges.into_iter().chain(missing) {
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
        }
        out
    }
}
