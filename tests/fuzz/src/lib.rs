//! Every parser of what comes from outside or from storage, as a plain function of bytes that panics when the parser
//! breaks what it promises: round trips, stable error codes, limits, nothing repeated that may be a secret.
//!
//! The same functions are run three ways:
//! - `cargo test`: the kept inputs in `corpus/TARGET/`, and some seeded mutations of them (`tests/replay.rs`);
//! - `zhengna-proof run fuzz`: many more mutations, in release;
//! - `make fuzz`: libFuzzer, guided by coverage (`libfuzzer/`); what it finds new is kept in the corpus.
//!
//! `parsers.txt` lists every parser of core and host with the target that feeds it; a new parser without a line there
//! fails a test.

mod attack;
mod corpus;
mod mutate;
mod secrecy;
mod targets;

pub use attack::{Finding, attack, hold};
pub use corpus::{Kept, corpus, top};
pub use mutate::Mutator;
pub use targets::{TARGETS, Target, target};
