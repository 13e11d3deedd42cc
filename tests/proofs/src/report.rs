//! The report: keeps the figures of each proof's last run and writes them into docs/reliability.md.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::plan::{Figures, Plan};

/// The figures of one run.
#[derive(Serialize, Deserialize)]
struct Kept {
    seed: u64,
    seconds: u64,
    figures: Figures,
}

fn top() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| top().join("target"), PathBuf::from).join("proof-figures")
}

/// Keeps the figures of a run until the report is written.
pub(crate) fn keep(name: &str, plan: &Plan, figures: &Figures, took: Duration) -> Result<(), String> {
    let kept = Kept { seed: plan.seed, seconds: took.as_secs(), figures: figures.clone() };
    let put = || -> std::io::Result<()> {
        std::fs::create_dir_all(folder())?;
        std::fs::write(folder().join(format!("{name}.json")), serde_json::to_vec_pretty(&kept)?)
    };
    put().map_err(|e| format!("the figures of {name} cannot be kept: {e}"))
}

/// Replaces, in docs/reliability.md, what stands between `<!-- figures: NAME -->` and `<!-- end -->` by the figures kept.
pub(crate) fn write() -> Result<(), String> {
    let path = top().join("docs/reliability.md");
    let page = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let mut out = String::with_capacity(page.len());
    let mut inside = false;
    for line in page.lines() {
        if inside && line.trim() == "<!-- end -->" {
            inside = false;
        }
        if !inside {
            out.push_str(line);
            out.push('\n');
        }
        if let Some(name) = line.trim().strip_prefix("<!-- figures: ").and_then(|rest| rest.strip_suffix(" -->"))
            && let Ok(bytes) = std::fs::read(folder().join(format!("{name}.json")))
        {
            let kept: Kept = serde_json::from_slice(&bytes).map_err(|e| format!("the figures kept of {name}: {e}"))?;
            out.push_str(&table(&kept));
            inside = true;
        }
    }
    std::fs::write(&path, out).map_err(|e| format!("{}: {e}", path.display()))?;
    println!("written: {}", path.display());
    Ok(())
}

fn table(kept: &Kept) -> String {
    let mut table = format!("\nSeed {}, {} s.\n\n| what | figure |\n|---|---|\n", kept.seed, kept.seconds);
    kept.figures.lines().for_each(|(what, value)| table.push_str(&format!("| {what} | {value} |\n")));
    table.push('\n');
    table
}
