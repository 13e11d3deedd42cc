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
    /// The commit that was built, as git names it; with a plus where the tree differed.
    commit: String,
    /// The day, UTC.
    day: String,
    figures: Figures,
}

/// What a command answers, without its line's end; a dash where it cannot be asked.
fn told(program: &str, args: &[&str]) -> String {
    let output = std::process::Command::new(program).args(args).current_dir(top()).output();
    let text = output.ok().filter(|o| o.status.success()).map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned());
    text.unwrap_or_else(|| "-".into())
}

fn top() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| top().join("target"), PathBuf::from).join("proof-figures")
}

/// Keeps the figures of a run until the report is written.
pub(crate) fn keep(name: &str, plan: &Plan, figures: &Figures, took: Duration) -> Result<(), String> {
    let changed = told("git", &["status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs"]);
    let commit = format!("{}{}", told("git", &["rev-parse", "--short", "HEAD"]), if changed.is_empty() { "" } else { "+" });
    let day = told("date", &["-u", "+%Y-%m-%d"]);
    let kept = Kept { seed: plan.seed, seconds: took.as_secs(), commit, day, figures: figures.clone() };
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
        if let Some(name) = line.trim().strip_prefix("<!-- figures: ").and_then(|rest| rest.strip_suffix(" -->")) {
            let bytes = std::fs::read(folder().join(format!("{name}.json")))
                .map_err(|e| format!("no figures of {name} are kept: {e}; run `zhengna-proof run {name}`, or `teeth`"))?;
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
    let mut table = format!(
        "\nMeasured on {} at commit {}, seed {}, {} s.\n\n| what | figure |\n|---|---|\n",
        kept.day, kept.commit, kept.seed, kept.seconds
    );
    kept.figures.lines().for_each(|(what, value)| table.push_str(&format!("| {what} | {value} |\n")));
    table.push('\n');
    table
}
