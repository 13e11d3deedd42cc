//! Instants and the clock that the host supplies.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Datelike as _, FixedOffset, SecondsFormat};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant: whole microseconds since 1970-01-01T00:00:00Z.
///
/// Written and read outside as RFC 3339 with the offset of Beijing time, `+08:00`
/// (China has one time zone and no summer time).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

const BEIJING_OFFSET_SECONDS: i32 = 8 * 3600;

impl Timestamp {
    /// The instant `micros` microseconds after the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The instant `after` later; saturates at the end of time.
    pub fn plus(self, after: Duration) -> Self {
        Self(self.0.saturating_add(micros_of(after)))
    }

    /// The instant `before` earlier; saturates at the beginning of time.
    pub fn minus(self, before: Duration) -> Self {
        Self(self.0.saturating_sub(micros_of(before)))
    }

    /// How many whole days lie between an earlier instant and this one; none where it is later.
    pub fn days_since(self, earlier: Self) -> i64 {
        (self.since(earlier).as_secs() / 86_400) as i64 // some hundred thousand years at most
    }

    /// How long ago `earlier` was; zero when it lies in the future.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// RFC 3339 text with the offset `+08:00`, microseconds kept: `2026-11-23T15:53:00.000001+08:00`.
    pub fn rfc3339(self) -> String {
        let beijing = FixedOffset::east_opt(BEIJING_OFFSET_SECONDS);
        match (DateTime::from_timestamp_micros(self.0), beijing) {
            (Some(utc), Some(beijing)) => utc.with_timezone(&beijing).to_rfc3339_opts(SecondsFormat::Micros, false),
            // Outside chrono's range of 262,000 years: still unambiguous.
            _ => format!("{}us", self.0),
        }
    }

    /// Reads RFC 3339 text of any offset, if it has four digits for the year in Beijing too: what is read can be
    /// written and read again.
    pub fn parse(text: &str) -> Option<Self> {
        let beijing = FixedOffset::east_opt(BEIJING_OFFSET_SECONDS)?;
        let read = DateTime::parse_from_rfc3339(text).ok()?.with_timezone(&beijing);
        (0..=9999).contains(&read.year()).then(|| Self(read.timestamp_micros()))
    }
}

fn micros_of(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.rfc3339())
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("expected an RFC 3339 instant such as 2026-11-23T08:00:00+08:00"))
    }
}

#[cfg(feature = "schema")]
string_schema!(Timestamp, "date-time", "RFC 3339 instant, written with the offset +08:00.");

/// Where the present comes from. The host has the only real one; tests use [`ManualClock`].
pub trait Clock: Send + Sync {
    /// The present instant. May step backwards; `Core` never lets it.
    fn now(&self) -> Timestamp;
}

/// A clock that moves only when told to.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `start` until moved.
    pub fn at(start: Timestamp) -> Self {
        Self(AtomicI64::new(start.0))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(micros_of(by), Ordering::SeqCst);
    }

    /// Sets the clock, backwards too.
    pub fn set(&self, to: Timestamp) {
        self.0.store(to.0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_in_beijing_time_and_read_back() {
        let t = Timestamp::parse("2026-11-23T00:00:00Z").unwrap();
        assert_eq!(t.rfc3339(), "2026-11-23T08:00:00.000000+08:00");
        assert_eq!(Timestamp::parse(&t.rfc3339()), Some(t));
        assert_eq!(t.plus(Duration::from_micros(1)).since(t), Duration::from_micros(1));
        assert_eq!(t.since(t.plus(Duration::from_secs(1))), Duration::ZERO);
    }

    #[test]
    fn an_instant_that_could_not_be_written_back_is_not_read() {
        for text in ["9999-12-31T23:59:59Z", "0000-01-01T00:00:00+23:59"] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
        for text in ["9999-12-31T23:59:59.999999+08:00", "0000-01-01T00:00:00.000000+08:00"] {
            assert_eq!(Timestamp::parse(text).unwrap().rfc3339(), text);
        }
    }
}
