//! Runs a target over kept and mutated inputs and says which input broke it.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{Kept, Mutator, Target};

/// An input that broke a promise.
#[derive(Debug)]
pub struct Finding {
    /// Which target.
    pub target: &'static str,
    /// The input.
    pub input: Vec<u8>,
    /// What the target said.
    pub said: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\ninput ({} bytes): {}", self.target, self.said, self.input.len(), self.input.escape_ascii())
    }
}

/// Runs one input.
///
/// # Errors
/// The finding, where the target panics.
pub fn hold(target: &Target, input: &[u8]) -> Result<(), Finding> {
    catch_unwind(AssertUnwindSafe(|| (target.run)(input))).map_err(|payload| {
        let said = payload.downcast_ref::<String>().cloned();
        let said = said.or_else(|| payload.downcast_ref::<&str>().map(|s| (*s).to_owned()));
        Finding { target: target.name, input: input.to_vec(), said: said.unwrap_or_else(|| "panicked".into()) }
    })
}

/// Runs the kept inputs, then `executions` mutations of them, all drawn from `seed`. Returns how many were run.
///
/// # Errors
/// The first finding.
pub fn attack(target: &Target, kept: &[Kept], seed: u64, executions: u64) -> Result<u64, Finding> {
    for input in kept {
        hold(target, &input.bytes)?;
    }
    let mut mutator = Mutator::new(seed, target.words, kept);
    for _ in 0..executions {
        hold(target, &mutator.next())?;
    }
    Ok(kept.len() as u64 + executions)
}
