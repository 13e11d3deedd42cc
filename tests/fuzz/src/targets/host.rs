//! What the host reads: configuration, files, headers, frames.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

use axum::body::Bytes as Frame;
use axum::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tracing_subscriber::fmt::MakeWriter;
use zhengna_core::synthetic::{AuthorityKind, parse_authorities};
use zhengna_server::checkpoints::{self, CheckpointFile};
use zhengna_server::config::{self, Effective, Flags};
use zhengna_server::live::{FromClient, from_client};
use zhengna_server::logs::{LogFormat, RequestId, subscriber};
use zhengna_server::table::{self, TableError};
use zhengna_server::webhook::Webhook;
use zhengna_server::{authorities as from_rows, secret_file as secrets};
use zhengna_tests::world::directory;

use super::lossy;
use crate::secrecy::repeats_nothing;

/// Writes a file for this thread, mode 0600, and says where.
fn file(name: &str, content: &[u8]) -> PathBuf {
    thread_local!(static DIRECTORY: tempfile::TempDir = directory());
    let path = DIRECTORY.with(|d| d.path().join(name));
    std::fs::write(&path, content).expect("a file in memory");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("our own file");
    path
}

pub(super) const CONFIG_WORDS: &[&str] = &[
    "database",
    "listen",
    "limits",
    "[limits]\n",
    "[webhook]\n",
    " = ",
    "\"",
    "'",
    "\n",
    "sqlite:",
    "postgres://",
    "://",
    "@",
    ":",
    "?",
    "&",
    "/",
    "host=",
    "password=",
    "user=",
    "sslmode=",
    "options=",
    "service=",
    "\\",
    "127.0.0.1:8080",
    "geheimnis99",
    "%67",
    "info,zhengna=debug",
    "#",
];

/// What is shown of a configuration holds no password of its database: PostgreSQL's own parser says what that is.
fn shows_no_password(shown: &str, database: &str) {
    let Ok(parsed) = database.parse::<postgres::Config>() else { return };
    let Some(password) = parsed.get_password().and_then(|p| std::str::from_utf8(p).ok()) else { return };
    // Words may come twice, and the later one counts: what also stands somewhere else may be shown there.
    let once = database.matches(password).count() <= 1;
    let telling = password.len() >= 6 && password.bytes().all(|b| b.is_ascii_alphanumeric()) && once;
    assert!(!telling || !shown.contains(password) || FIXED.contains(password), "a password is shown: {shown}");
}

/// Words of a configuration that a password may be by chance.
const FIXED: &str = "postgres postgresql database password limits default sqlite zhengna application_name connect_timeout keepalives";

fn check(outcome: Result<Effective, config::ConfigError>, given: &str) {
    match outcome {
        Ok(effective) => {
            let (mut text, mut json) = (Vec::new(), Vec::new());
            effective.print(false, &mut text).expect("a Vec takes everything");
            effective.print(true, &mut json).expect("a Vec takes everything");
            let _whole: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
            let shown = format!("{} {} {:?} {}", lossy(&text), lossy(&json), effective.config, effective.config.shown_database());
            shows_no_password(&shown, &effective.config.database);
            let limits = &effective.config.limits;
            assert!((1024..=1 << 28).contains(&limits.body_bytes) && (1..=100).contains(&limits.body_depth));
            assert!((128..=1 << 24).contains(&limits.frame_bytes) && limits.connections >= 1 && limits.rate_keys >= 1);
            assert!(effective.config.drain_seconds <= 3600);
        }
        Err(e) => {
            let said = e.to_string();
            assert!(said.chars().count() < 1200, "an error as long as its cause: {said}");
            // A key that nobody knows is named, and so is a file; values are not.
            if !matches!(e, config::ConfigError::UnknownKey { .. } | config::ConfigError::NotToml { .. }) {
                repeats_nothing(&said, given, &said[..said.len().min(120)]);
            }
        }
    }
}

pub(super) fn config_file(data: &[u8]) {
    let mut flags = Flags::default();
    flags.config = Some(file("zhengna.toml", data));
    check(Effective::from_parts(&flags, []), &lossy(data));
}

/// Lines of `VARIABLE=value`.
pub(super) fn config_value(data: &[u8]) {
    let given = lossy(data);
    let variables = given.lines().filter_map(|line| line.split_once('=')).filter(|(name, _)| *name != config::FILE_VARIABLE);
    check(Effective::from_parts(&Flags::default(), variables.map(|(n, v)| (n.to_owned(), v.to_owned()))), &given);
}

pub(super) fn authorities(data: &[u8]) {
    let given = lossy(data);
    match parse_authorities(&given) {
        Ok(rows) => {
            let mut text = "code,parent,kind,name,effective_from\n".to_owned();
            for (at, row) in rows.iter().enumerate() {
                assert!(rows[..at].iter().all(|r| r.code != row.code), "no code twice");
                assert!(row.parent.map_or(at == 0, |p| rows[..at].iter().any(|r| r.code == p)), "a parent before its children");
                let kind = match row.kind {
                    AuthorityKind::National => "national",
                    AuthorityKind::Province => "province",
                    AuthorityKind::Prefecture => "prefecture",
                    AuthorityKind::County => "county",
                    AuthorityKind::Zone => "zone",
                    _ => "office",
                };
                let parent = row.parent.map(|p| p.to_string()).unwrap_or_default();
                text.push_str(&format!("{},{parent},{kind},{},{}\n", row.code, row.name, row.effective_from));
            }
            assert_eq!(parse_authorities(&text).as_ref(), Ok(&rows), "what is written is read back");
            let new = from_rows::from_rows(rows.clone()).expect("every date is an instant");
            assert!(new.iter().zip(&rows).all(|(n, r)| n.effective_from.rfc3339().starts_with(&format!("{}T00:00:00", r.effective_from))));
        }
        Err(e) => {
            let said = e.to_string();
            assert!(said.len() < 200, "{said}");
            repeats_nothing(&said, &given, "");
        }
    }
}

pub(super) fn checkpoint_file(data: &[u8]) {
    let path = file("checkpoints", data);
    let read = checkpoints::read(&path);
    let opened = CheckpointFile::open(&path);
    assert_eq!(std::fs::read(&path).expect("our own file"), data, "opening changes nothing");
    let Ok(found) = read else {
        let said = read.expect_err("just seen").to_string();
        repeats_nothing(&said, &lossy(data), &path.display().to_string());
        assert!(opened.is_err());
        return;
    };
    assert_eq!(opened.map(|f| f.last()).ok(), Some(found.iter().map(|c| c.number).max().unwrap_or(0)));
    let text = String::from_utf8(data.to_vec()).expect("it was read as text");
    assert!(found.iter().all(|c| text.lines().any(|l| l == c.to_line())), "a checkpoint that the file does not have");
    assert_eq!(found.len(), text.lines().filter(|l| found.iter().any(|c| c.to_line() == **l)).count());
}

pub(super) fn webhook_secret(data: &[u8]) {
    let secret_file = file("webhook", data);
    let config = config::Webhook { url: "http://127.0.0.1:9/".into(), secret_file };
    let text = std::str::from_utf8(data).ok();
    let secret = text.and_then(|t| STANDARD.decode(t.trim().strip_prefix("whsec_")?).ok());
    let good = secret.is_some_and(|s| (24..=64).contains(&s.len()));
    match Webhook::open(&config) {
        Ok(_) => assert!(good, "a secret that is too short, too long, or none"),
        Err(e) => {
            assert!(!good, "{e}");
            repeats_nothing(&e.to_string(), &lossy(data), &config.secret_file.display().to_string());
        }
    }
}

pub(super) fn secret_file(data: &[u8]) {
    let path = file("secret", data);
    match secrets::read(&path) {
        Ok(text) => assert_eq!(text.as_bytes(), data),
        Err(e) => {
            assert!(std::str::from_utf8(data).is_err(), "{e}");
            repeats_nothing(&e.to_string(), &lossy(data), &path.display().to_string());
        }
    }
}

pub(super) fn request_id(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"._-".contains(b);
    let good = (1..=64).contains(&data.len()) && data.iter().all(plain);
    match RequestId::from_header(&value) {
        Some(id) => assert!(good && id.as_str().as_bytes() == data),
        None => assert!(!good, "refused: {value:?}"),
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, some: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("nothing panics here").write(some)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Lines;
    fn make_writer(&self) -> Lines {
        self.clone()
    }
}

/// Nothing logged forges a line, a field or a command to a terminal.
pub(super) fn log_line(data: &[u8]) {
    static LINES: OnceLock<[(Lines, tracing::Dispatch); 2]> = OnceLock::new();
    let given = lossy(data);
    let logs = LINES.get_or_init(|| {
        [LogFormat::Json, LogFormat::Text].map(|format| {
            let lines = Lines::default();
            (lines.clone(), tracing::Dispatch::new(subscriber(format, "info", lines).expect("a filter")))
        })
    });
    for (at, (lines, dispatch)) in logs.iter().enumerate() {
        // One line at a time: tests run on several threads.
        static ONE: Mutex<()> = Mutex::new(());
        let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        tracing::dispatcher::with_default(dispatch, || tracing::info!(value = &*given, "{given}"));
        let written = std::mem::take(&mut *lines.0.lock().expect("nothing panics here"));
        let written = String::from_utf8(written).expect("UTF-8");
        let line = written.strip_suffix('\n').expect("a whole line");
        let hostile =
            |c: char| c.is_control() || crate::secrecy::turns_text(c) || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{200b}');
        assert!(!line.chars().any(hostile), "{line:?}");
        if at == 0 {
            let read: serde_json::Value = serde_json::from_str(line).expect("JSON");
            assert_eq!((&read["value"], &read["message"]), (&(*given).into(), &(*given).into()));
            assert_eq!(read["level"], "INFO");
        }
    }
}

/// A frame is one of two, strictly; whatever else comes is none.
pub(super) fn client_frame(data: &[u8]) {
    let Some(read) = from_client(&Frame::copy_from_slice(data)) else { return };
    let value: serde_json::Value = serde_json::from_slice(data).expect("a frame is JSON");
    let frame = value.as_object().expect("a frame is an object");
    match read {
        FromClient::Typing { conversation } => {
            assert_eq!((&frame["type"], frame.len()), (&"typing".into(), 2), "{value}");
            let said = frame["conversation"].as_str().expect("an id");
            assert!(said.eq_ignore_ascii_case(&conversation.to_string()));
        }
        // `null` says nothing.
        FromClient::Ping => {
            assert!(frame["type"] == "ping" && frame.iter().all(|(name, value)| name == "type" || value.is_null()), "{value}")
        }
    }
}

/// A table has rows that say something, in the order of their lines, and cells without blanks around them; what is none
/// says where.
pub(super) fn table(data: &[u8]) {
    // Workbooks are read by a library that may panic (it multiplies what a file says are its rows and columns): that is why a
    // child process reads them, and what is left of its panic is an error. Here is what we wrote.
    if data.starts_with(b"PK\x03\x04") || data.starts_with(b"\xD0\xCF\x11\xE0") {
        return;
    }
    match table::read(data.to_vec()) {
        Ok(sheet) => {
            assert!(sheet.rows.iter().all(|row| row.cells.iter().any(|cell| !cell.is_empty())));
            assert!(sheet.rows.windows(2).all(|two| two[0].line < two[1].line), "{:?}", sheet.rows);
            assert!(sheet.rows.iter().flat_map(|row| &row.cells).all(|cell| cell.trim() == cell));
        }
        Err(TableError::Encoding { line } | TableError::Line { line, .. }) => {
            let lines = 1 + data.iter().filter(|byte| matches!(**byte, b'\n' | b'\r')).count() as i64;
            assert!((1..=lines).contains(&line), "line {line} of {lines}");
        }
        Err(other) => assert!(other.to_string().chars().count() < 300),
    }
}

pub(super) const ICS_WORDS: &[&str] = &[
    "BEGIN:VCALENDAR\r\n",
    "BEGIN:VEVENT\r\n",
    "END:VEVENT\r\n",
    "END:VCALENDAR\r\n",
    "DTSTART;VALUE=DATE:20270101\r\n",
    "DTEND;VALUE=DATE:20270104\r\n",
    "SUMMARY:元旦（休）\r\n",
    "CATEGORIES:WORKDAY\r\n",
    "\r\n ",
    "\\",
    "\"",
];

/// A file of a calendar program: days that are each there once, or a reason with its line.
pub(super) fn ics(data: &[u8]) {
    let given = lossy(data);
    match zhengna_server::ics::read(&given) {
        Ok(days) => {
            let distinct: std::collections::BTreeSet<_> = days.iter().map(|d| d.date).collect();
            assert_eq!(distinct.len(), days.len(), "each day once");
            let of_year = zhengna_server::ics::notice(&given, 2027).is_ok();
            assert_eq!(of_year, days.iter().any(|d| d.date.to_string().starts_with("2027-")), "a notice has a day of its year");
        }
        Err(e) => {
            let said = e.to_string();
            let line = said.strip_prefix("line ").and_then(|rest| rest.split(':').next()?.parse::<usize>().ok());
            assert!(line.is_some_and(|line| (1..=given.lines().count().max(1)).contains(&line)), "{said}");
        }
    }
}
