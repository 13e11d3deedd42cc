//! The axum host of Zhengna: what stands between a socket and the core.
//!
//! A library so that tests and benches can run the host inside their own process; the command `zhengna` is
//! `main.rs`. Nothing here decides anything about taxpayers: it limits, parses, refuses, logs and stops.

pub mod api;
pub mod app;
pub mod body;
pub mod config;
pub mod detach;
pub mod listener;
pub mod live;
pub mod logs;
pub mod metrics;
pub mod openapi;
pub mod problem;
pub mod rate;
pub mod security_headers;
pub mod stack;
