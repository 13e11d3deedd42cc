//! Zhengna (征纳): every rule of the interaction between a tax authority and its taxpayers, in one library.
//!
//! Start at [`Core`]: give it a store, a clock, a source of randomness and keys; act through
//! [`Core::as_actor`]. Rules are plain functions over a transaction and compose inside one.
//!
//! # Architecture invariants
//! - With default features this crate is pure Rust: no I/O, no threads, no async runtime, no clock, no randomness.
//!   Only behind `sqlite` and `postgres` are there threads and I/O.
//! - Every change goes through one door ([`core`]) and is declared in one table ([`operation`]).
//! - A list cannot be read without a [`Scope`](access::Scope); an object fetched by id cannot be opened without
//!   [`access::check`].
//! - Positions, waits and totals are computed from rows and the journal, never stored as counters.
//! - Personal text is sealed at rest; the journal, the audit trail, the outbox and logs carry ids only.

#[macro_use]
pub mod store;
pub mod access;
pub mod agenda;
pub mod appeal;
pub mod approval;
pub mod assignment;
pub mod audit;
pub mod calendar;
pub mod clock;
pub mod control;
pub mod core;
pub mod crypto;
pub mod ctx;
pub mod delivery;
pub mod error;
pub mod grid;
pub mod id;
pub mod identity;
pub mod interaction;
pub mod journal;
pub mod limits;
pub mod operation;
pub mod planted;
pub mod retention;
mod schema;
pub mod series;
#[cfg(feature = "synthetic")]
pub mod synthetic;
pub mod what_if;

pub use crate::core::{Core, Parts, Session};
pub use clock::{Clock, ManualClock, Timestamp};
pub use ctx::{Entropy, SeededEntropy, Settings};
pub use error::{Error, PublicError};
