//! What tests of several crates share. Nothing here is shipped.
//!
//! [`postgres`] gives every test a PostgreSQL database of its own, on a throwaway
//! server that cannot outlive the test process. [`world`] is a small world to test in, on any engine.

pub mod approval;
pub mod arrivals;
pub mod authorisation;
pub mod calendar;
pub mod faults;
pub mod fixture;
pub mod handover;
pub mod lists;
pub mod people;
pub mod postgres;
pub mod provider;
pub mod stand_in;
pub mod world;
