//! Every parser of core and host has a target: `parsers.txt` says which. A new parser shows up here, in review.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use zhengna_fuzz::{TARGETS, top};

/// How functions are called that make something of what comes from outside or from storage.
const NAMES: [&str; 13] =
    ["text", "parse", "from_", "decode", "unhex", "un", "open", "read", "verify", "mask", "escaped", "restore", "hear"];
/// What they are given.
const GIVEN: [&str; 12] = [
    ": &str",
    ": &[u8]",
    ": Value)",
    ": Row)",
    ": String)",
    ": &Bytes)",
    ": &HeaderValue)",
    ": &Path)",
    ": WrappedKey)",
    ": &mut Parts",
    "request: Request,",
    "line: &str",
];

/// `file: what` of everything that looks like a parser.
fn found() -> Vec<String> {
    let root = top().join("../..");
    let mut files = Vec::new();
    for source in ["core/src", "hosts/server/src"] {
        collect(&root.join(source), &mut files);
    }
    files.sort();
    let mut found = Vec::new();
    for file in files {
        let name = file.strip_prefix(&root).unwrap().display().to_string();
        if name.contains("/conformance/") {
            continue; // not in a shipped program
        }
        let text = std::fs::read_to_string(&file).unwrap();
        let shipped = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        let mut derives = false;
        for line in shipped.lines().map(str::trim).filter(|l| !l.starts_with("//")) {
            if line.contains("derive(") {
                derives |= line.contains("Deserialize");
            } else if derives && (line.contains("struct ") || line.contains("enum ")) {
                let from = line.find("struct ").or_else(|| line.find("enum ")).unwrap();
                found.push(format!("{name}: {}", line[from..].split(['{', '(', ';', '<']).next().unwrap().trim()));
                derives = false;
            } else if let Some((_, signature)) = line.split_once("fn ") {
                let function = signature.split(['(', '<']).next().unwrap();
                let named = NAMES.iter().any(|n| function.starts_with(n)) && GIVEN.iter().any(|g| signature.contains(g));
                if named || makes_of_text(signature) {
                    found.push(format!("{name}: {function}"));
                }
            } else if line.starts_with("impl") && line.contains("Deserialize<'de> for") {
                found.push(format!("{name}: {}", line.split(" for ").nth(1).unwrap().trim_end_matches([' ', '{'])));
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

/// Takes text or bytes first, and may refuse them.
fn makes_of_text(signature: &str) -> bool {
    let first = signature.split_once('(').map_or("", |(_, rest)| rest.split([',', ')']).next().unwrap());
    let given = [": &str", ": &[u8]", ": Option<&str>"].iter().any(|g| first.ends_with(g));
    given && ["-> Option<", "-> Result<", "-> StoreResult<"].iter().any(|r| signature.contains(r))
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}

#[test]
fn every_parser_has_a_target() {
    let listed = std::fs::read_to_string(top().join("parsers.txt")).unwrap();
    let listed: BTreeMap<&str, &str> = listed.lines().filter_map(|line| line.split_once(" -> ")).collect();
    let mut missing = Vec::new();
    for parser in &found() {
        match listed.get(parser.as_str()) {
            None => missing.push(format!("{parser} -> ?")),
            // `(why not)` in place of a target.
            Some(target) => assert!(
                target.starts_with('(') || target.split(' ').all(|t| TARGETS.iter().any(|known| known.name == t)),
                "{parser}: no target is called {target}"
            ),
        }
    }
    assert!(missing.is_empty(), "a parser has no target; give it one, and a line in tests/fuzz/parsers.txt:\n{}", missing.join("\n"));
    let found = found();
    let gone: Vec<&&str> = listed.keys().filter(|listed| !found.iter().any(|f| f == **listed)).collect();
    assert!(gone.is_empty(), "tests/fuzz/parsers.txt names what is there no more: {gone:?}");
    for target in TARGETS {
        assert!(listed.values().any(|t| t.split(' ').any(|t| t == target.name)), "{} feeds no parser of the list", target.name);
    }
}
