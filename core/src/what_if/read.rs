//! What cells of a table of a day say.

use std::time::Duration;

use chrono::{NaiveDate, NaiveTime, Timelike as _};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A time of day: `08:30`, `08:30:05`, `08:30:05.25`, with or without its date before it (`2026-11-26 08:30:05`).
pub fn time_of_day(text: &str) -> Option<(Option<NaiveDate>, Duration)> {
    let (date, time) = match text.rsplit_once([' ', 'T']) {
        Some((date, time)) => (Some(NaiveDate::parse_from_str(date.trim_end(), "%Y-%m-%d").ok()?), time),
        None => (None, text),
    };
    let time = NaiveTime::parse_from_str(time, "%H:%M:%S%.f").or_else(|_| NaiveTime::parse_from_str(time, "%H:%M")).ok()?;
    // A leap second counts as the one after it; the last one of a day as its end.
    let nanos = Duration::from_nanos(u64::from(time.nanosecond()));
    Some((date, (Duration::from_secs(u64::from(time.num_seconds_from_midnight())) + nanos).min(DAY)))
}

/// A length of time in seconds, of a day at most: `90`, `90.5`.
pub fn seconds(text: &str) -> Option<Duration> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let length = Duration::try_from_secs_f64(text.parse().ok().filter(|_| plain)?).ok()?;
    (length <= DAY).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day_with_and_without_seconds_and_date() {
        let at = |text: &str| time_of_day(text).map(|(date, at)| (date.map(|d| d.to_string()), at.as_millis()));
        assert_eq!(at("08:30"), Some((None, 30_600_000)));
        assert_eq!(at("8:30:05.25"), Some((None, 30_605_250)));
        assert_eq!(at("2026-11-26 08:30:05"), Some((Some("2026-11-26".into()), 30_605_000)));
        assert_eq!(at("2026-11-26T23:59:60"), Some((Some("2026-11-26".into()), 86_400_000)));
        assert_eq!(at("23:59:60.5"), Some((None, 86_400_000)));
        for wrong in ["", "8", "24:00", "08:60", "26-11 08:30", "八点", "-1:00", "2026-02-30 08:30", "08:30:05+08:00"] {
            assert_eq!(at(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn seconds_of_a_day_at_most() {
        assert_eq!(["0", "90", "90.5", "86400"].map(|t| seconds(t).unwrap().as_millis()), [0, 90_000, 90_500, 86_400_000]);
        for wrong in ["", "-1", "+1", "1e3", "86401", "inf", "nan", ".", "1.2.3", "九十"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }
}
