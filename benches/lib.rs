//! Shared by the benches: figures, servers to measure, and what they are measured with.
#![expect(clippy::disallowed_methods, reason = "benches measure time")]

pub mod cycle;
pub mod figures;
pub mod installation;
pub mod place;
pub mod province;
pub mod server;
pub mod sockets;
pub mod wrk;
