//! Load over HTTP: wrk, on the other core, with a script that gives every request its own caller and key.

use std::path::Path;
use std::process::Command;

use crate::place;

/// What wrk saw.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Answers per second.
    pub per_second: f64,
    /// Half of them came within this many milliseconds.
    pub p50_ms: f64,
    /// 99 of a hundred did.
    pub p99_ms: f64,
}

/// What to send.
pub struct Requests<'a> {
    /// `http://127.0.0.1:PORT`.
    pub base: &'a str,
    /// `GET` or `POST`.
    pub method: &'a str,
    /// A file of lines `path token`, taken in turn.
    pub targets: &'a Path,
    /// A number that no other run has: keys are made from it.
    pub run: u32,
}

/// Loads a server over `connections` for `seconds`.
///
/// # Panics
/// When a request failed or was refused: such a figure would be worth nothing.
pub fn load(requests: &Requests<'_>, connections: usize, seconds: u64) -> Load {
    let script = place::workspace().join("benches/peers/requests.lua");
    let out = Command::new("taskset")
        .args(["-c", "1", "wrk", "-t1", &format!("-c{connections}"), &format!("-d{seconds}s"), "--timeout", "10s", "-s"])
        .arg(script)
        .arg(requests.base)
        .arg("--")
        .arg(requests.method)
        .arg(requests.targets)
        .arg(requests.run.to_string())
        .output()
        .expect("wrk; on Debian apt-get install wrk");
    let text = String::from_utf8_lossy(&out.stdout);
    let line =
        text.lines().find_map(|l| l.strip_prefix("figures ")).unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&out.stderr)));
    let figures: Vec<f64> = line.split(' ').map(|f| f.parse().expect("a number")).collect();
    let [answers, micros, p50, p99, failed] = figures[..] else { panic!("{line}") };
    assert!(failed == 0.0 && answers > 0.0, "{failed} of {answers} requests failed\n{text}");
    Load { per_second: answers / micros * 1e6, p50_ms: p50 / 1e3, p99_ms: p99 / 1e3 }
}
