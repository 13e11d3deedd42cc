//! The pages of `docs/security` say which test holds what: they name tests that exist, and leave no number out. And what can only be
//! seen in the sources as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn collect(dir: &Path, end: &str, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !["target", "node_modules", "corpus", ".git"].contains(&name.as_str()) {
                collect(&path, end, files);
            }
        } else if name.ends_with(end) {
            files.push(path);
        }
    }
}

/// Text of every file with this ending, by its path from the root.
fn sources(end: &str, under: &[&str]) -> BTreeMap<String, String> {
    let mut files = Vec::new();
    under.iter().for_each(|dir| collect(&root().join(dir), end, &mut files));
    let name = |path: &Path| path.strip_prefix(root()).unwrap().display().to_string();
    files.into_iter().map(|path| (name(&path), std::fs::read_to_string(&path).unwrap())).collect()
}

/// What a page may name.
struct There {
    tests: BTreeSet<String>,
    proofs: BTreeSet<String>,
}

/// Names of all functions that a test runner runs.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for text in sources(".rs", &["core", "hosts", "tests", "benches", "examples"]).values() {
        let mut marked = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                marked = true;
            } else if let (true, Some((_, rest))) = (marked, line.split_once("fn ")) {
                names.insert(rest.split(['(', '<']).next().unwrap().to_owned());
                marked = false;
            }
        }
    }
    names
}

/// Names of the attacks of `zhengna-proof`.
fn proofs() -> BTreeSet<String> {
    let main = std::fs::read_to_string(root().join("tests/proofs/src/main.rs")).unwrap();
    main.split("name: \"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

/// Rows of a page's tables whose first cell begins so: its cells.
fn rows(page: &str, first: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(root().join("docs/security").join(page)).unwrap();
    let cells = |line: &str| line.trim_matches(['|', ' ']).split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    text.lines().filter(|line| line.starts_with(&format!("| {first}"))).map(cells).collect()
}

impl There {
    fn find() -> Self {
        Self { tests: tests(), proofs: proofs() }
    }

    /// Tests and proofs that a cell names, each of which must be there.
    fn named(&self, cell: &str, place: &str) -> Vec<String> {
        let mut names = Vec::new();
        let mut before = "";
        for (n, part) in cell.split('`').enumerate() {
            if n % 2 == 0 {
                before = part;
            } else if before.ends_with("proof ") {
                assert!(self.proofs.contains(part), "{place} names the proof {part}, which there is not");
                names.push(part.to_owned());
            } else if part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
                assert!(self.tests.contains(part), "{place} names the test {part}, which there is not");
                names.push(part.to_owned());
            }
        }
        names
    }
}

#[test]
fn every_attack_has_its_row_and_its_tests_or_says_whose_they_will_be() {
    let there = There::find();
    let rows = rows("t-tests.md", "T-");
    let numbers: Vec<String> = rows.iter().map(|row| row[0].clone()).collect();
    assert_eq!(numbers, (1..=45).map(|n| format!("T-{n:02}")).collect::<Vec<_>>());
    let mut listed: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in rows {
        let names = there.named(&row[3], &row[0]);
        let owned = row.get(4).is_some_and(|left| left.contains("issue") || left.contains("ledger"));
        assert!(!names.is_empty() || row[3].starts_with("none: ") && owned, "{}: neither a test nor an issue", row[0]);
        listed.insert(row[0].replace("T-", "t"), names);
    }
    // `t21_t22_..` belongs to both.
    for test in there.tests {
        let numbers = test.split('_').take_while(|part| part.len() == 3 && part.starts_with('t') && part[1..].parse::<u8>().is_ok());
        for number in numbers {
            assert!(listed[number].contains(&test), "{test} is not in the row of its number in docs/security/t-tests.md");
        }
    }
}

#[test]
fn every_control_has_its_row_and_its_tests_or_says_who_owes_it() {
    let all = rows("controls.md", "L3-CES1-");
    let numbers: Vec<String> = all.iter().map(|row| row[0].clone()).collect();
    assert_eq!(numbers, (1..=35).map(|n| format!("L3-CES1-{n:02}")).collect::<Vec<_>>());
    let cryptography = rows("controls.md", "8.4-");
    let items: String = cryptography.iter().map(|row| row[0].trim_start_matches("8.4-").to_owned()).collect();
    assert_eq!(items, "abcdefghij");
    let there = There::find();
    for row in all.iter().chain(&cryptography) {
        assert_eq!(row.len(), 4, "{}", row[0]);
        let names = there.named(&row[3], &row[0]);
        let owed = row[3].contains("operator") || row[2].contains("*not yet*");
        assert!(!names.is_empty() || owed, "{}: neither a test nor who owes it", row[0]);
        if row[2].contains("*not yet*") {
            assert!(row[2].contains("issue") || row[2].contains("ledger"), "{}: not yet, and nobody's", row[0]);
        }
    }
}

#[test]
fn every_failure_of_a_peer_has_its_tests_or_says_whose_it_is() {
    let (there, all) = (There::find(), rows("peer-failures.md", "P-"));
    let numbers: Vec<String> = all.iter().map(|row| row[0].clone()).collect();
    assert_eq!(numbers, (1..=all.len()).map(|n| format!("P-{n:02}")).collect::<Vec<_>>());
    assert!(all.len() > 28, "the page lost its rows");
    for row in all {
        assert_eq!(row.len(), 5, "{}", row[0]);
        let names = there.named(&row[4], &row[0]);
        assert!(!names.is_empty() || row[4].contains("issue "), "{}: neither a test nor an issue", row[0]);
        assert!(!row[2].is_empty(), "{}: whose failure it is", row[0]);
    }
}

/// Tokens that were a hash of what anybody can know (CVE-2026-27637), and hashes that are broken.
#[test]
fn t22_no_md5_anywhere_and_sha1_only_where_authenticators_ask_for_it() {
    let mut sha1 = Vec::new();
    for (file, text) in sources(".rs", &["core/src", "hosts"]) {
        let shipped = text.split("#[cfg(test)]\nmod tests").next().unwrap().to_lowercase();
        let uses = |word: &str| shipped.lines().any(|line| !line.trim().starts_with("//") && line.contains(word));
        assert!(!uses("md5") && !uses("md-5"), "{file} uses MD5");
        if uses("sha1::") || uses("sha1>") {
            sha1.push(file);
        }
    }
    assert_eq!(sha1, ["core/src/crypto/totp.rs"]);
    // PostgreSQL's client has it for servers that still ask for it; nothing of ours does.
    for manifest in sources("Cargo.toml", &["core", "hosts"]).values() {
        assert!(!manifest.contains("md5") && !manifest.contains("md-5"));
    }
}

/// Titles, names and messages that a page took for markup (CVE-2026-56731, CVE-2026-34718): ours have no way to.
#[test]
fn t31_the_pages_write_text_and_never_markup() {
    let applications = ["hosts/server/web", "hosts/web/shared/src", "hosts/web/console/src", "hosts/web/taxpayer/src"];
    let scripts: Vec<_> = [".js", ".ts", ".vue"].iter().flat_map(|kind| sources(kind, &applications)).collect();
    assert!(scripts.len() > 100, "{}", scripts.len());
    let doors = [
        "v-html",
        "rich-text",
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "srcdoc",
        "createContextualFragment",
        "DOMParser",
        "setHTML",
        "eval(",
        "new Function",
        "javascript:",
        "setAttribute('on",
        "setTimeout('",
        "setTimeout(\"",
    ];
    for (file, text) in scripts {
        for door in doors {
            assert!(!text.contains(door), "{file} has {door}");
        }
    }
    for (file, text) in sources(".html", &["hosts/server/web"]) {
        // Scripts and styles are files of their own: the policy of every answer refuses others.
        let lower = text.to_lowercase();
        let inline = lower.split("<script").skip(1).any(|rest| !rest.split('>').next().unwrap().contains("src="));
        let handlers = [" onclick=", " onload=", " onerror=", " oninput=", " onsubmit=", " style=", "<style"];
        assert!(!inline && !handlers.iter().any(|h| lower.contains(h)), "{file} has a script or a style inside");
    }
}

/// A sanitiser that let markup through, three times in a year (RUSTSEC-2025-0071, -2026-0193, -2026-0213): where text is text, there
/// is nothing to clean.
#[test]
fn t32_nothing_parses_or_cleans_html() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    for parser in ["ammonia", "html5ever", "scraper", "kuchiki", "lol_html", "pulldown-cmark", "comrak", "sanitize-html-rs"] {
        assert!(!lock.contains(&format!("name = \"{parser}\"")), "{parser} is in Cargo.lock");
    }
}
