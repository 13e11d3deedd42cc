//! Recorded decisions, read back and decided again; and what cells of a day that is played say.

use std::time::Duration;

use zhengna_core::assignment::{Policy, Record, Relax, decide};
use zhengna_core::what_if::{seconds, time_of_day};

use super::lossy;

pub(super) const WORDS: &[&str] = &[
    "\"push\"",
    "{\"pull\":{",
    "\"any\"",
    "{\"up\":0}",
    "{\"up\":255}",
    "\"after_s\":4294967295",
    "\"present\"",
    "\"capacity\":4294967295",
    "\"load_min\":4294967295",
    "\"topics\":[]",
    "\"authorities\":[\"12200000000\"]",
    "0001-01-01T00:00:00+08:00",
    "9999-12-31T23:59:59+08:00",
    "08:30:05",
    "23:59:60",
    "86400",
    "1e9",
    ".",
];

pub(super) fn assignment(data: &[u8]) {
    let given = lossy(data);
    if let Ok(record) = serde_json::from_str::<Record>(&given) {
        let again = decide(&record.inputs);
        assert_eq!(again, decide(&record.inputs), "the same inputs give the same decision");
        assert_eq!(record.replays(), again.as_ref() == Some(&record.decision));
        let written = serde_json::to_string(&record).expect("records are JSON");
        assert_eq!(serde_json::from_str::<Record>(&written).expect("what is recorded is read back"), record);
        if let Some(decision) = again {
            assert!(record.inputs.officers.iter().any(|c| c.id == decision.officer && c.held < c.capacity), "never over capacity");
            assert!(!decision.sentence(|o| o.to_string(), |w| w.to_string()).is_empty());
        }
    }
    if let Ok(policy) = serde_json::from_str::<Policy>(&given) {
        assert_eq!(Relax::new(policy.relax.steps().to_vec()), Ok(policy.relax), "a schedule that is read is one");
    }
    if let Some((_, at)) = time_of_day(&given) {
        assert!(at <= Duration::from_secs(24 * 3600));
    }
    if let Some(length) = seconds(&given) {
        assert!(length <= Duration::from_secs(24 * 3600));
    }
}
