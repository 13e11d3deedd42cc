//! The axum host of Zhengna: what stands between a socket and the core.
//!
//! A library so that tests and benches can run the host inside their own process; the command `zhengna` is
//! `main.rs`. Nothing here decides anything about taxpayers: it limits, parses, refuses, logs and stops.

pub mod api;
pub mod app;
pub mod authorities;
pub mod body;
pub mod checkpoints;
pub mod commands;
pub mod config;
pub mod demo;
pub mod detach;
pub mod failure;
pub mod ics;
pub mod keeper;
pub mod keyring;
pub mod listener;
mod lists;
pub mod live;
pub mod logs;
pub mod metrics;
pub mod network;
pub mod open;
pub mod openapi;
pub mod outbound;
pub mod output;
pub mod passwords;
pub mod problem;
pub mod provider;
pub mod rate;
pub mod sealed_file;
pub mod secret_file;
pub mod security_headers;
pub mod stack;
pub mod stop;
pub mod system;
pub mod table;
pub mod web;
pub mod webhook;
