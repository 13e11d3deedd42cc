//! What one run of a proof is asked for, and what it answers.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

/// How much is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    /// Seconds: enough to catch the bugs planted for this proof.
    Quick,
    /// What `make proof` has time for; the amounts the report promises.
    Bounded,
}

/// One run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Everything random comes from here.
    pub(crate) seed: u64,
    /// How much.
    pub(crate) scale: Scale,
    /// Minutes of load on each engine, for the proof `load`.
    pub(crate) minutes: u64,
}

/// Minutes of load that `make proof` has time for.
pub(crate) const MINUTES: u64 = 1;

impl Plan {
    /// A bounded run, with a seed or with one nobody chose.
    pub(crate) fn bounded(seed: Option<u64>) -> Self {
        Self { seed: seed.unwrap_or_else(fresh_seed), scale: Scale::Bounded, minutes: MINUTES }
    }

    /// One amount or the other.
    pub(crate) fn choose<T>(&self, quick: T, bounded: T) -> T {
        match self.scale {
            Scale::Quick => quick,
            Scale::Bounded => bounded,
        }
    }
}

/// What a run counted, in the order in which it should be read.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Figures(Vec<(String, String)>);

impl Figures {
    /// Adds one.
    pub(crate) fn add(&mut self, what: &str, value: impl ToString) {
        self.0.push((what.to_owned(), value.to_string()));
    }

    /// All of them.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &(String, String)> {
        self.0.iter()
    }
}

/// `Err` says which promise broke, and how.
pub(crate) type Outcome = Result<Figures, String>;

/// A seed nobody chose.
pub(crate) fn fresh_seed() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish() % 1_000_000_000
}

static PLANTED: OnceLock<String> = OnceLock::new();

/// The planted bug that was switched on, which is taken out of this process: for proofs that attack another one.
pub(crate) fn planted_elsewhere() -> Option<&'static str> {
    #[cfg(feature = "planted")]
    zhengna_core::planted::heal();
    PLANTED.get().map(String::as_str)
}

/// Switches a planted bug on.
#[cfg(feature = "planted")]
pub(crate) fn plant(name: &str) -> Result<(), String> {
    let bug = zhengna_core::planted::Bug::parse(name).ok_or_else(|| format!("no planted bug is called {name}"))?;
    zhengna_core::planted::plant(bug);
    PLANTED.get_or_init(|| name.to_owned());
    Ok(())
}

/// Switches a planted bug on.
#[cfg(not(feature = "planted"))]
pub(crate) fn plant(_: &str) -> Result<(), String> {
    Err("this build has no planted bugs: build with --features planted".into())
}
