//! Configuration: defaults, under a TOML file, under `ZHENGNA_*` variables, under flags. Every value remembers where
//! it came from, and every error names the key and that place.
//!
//! One table, [`KEYS`], holds every key: the file, the variables, the flags, the checks and `zhengna config` are all
//! read from it, so none can know a key the others do not.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgMatches, Command};
use serde_json::json;

use crate::body::JsonLimits;
use crate::listener::ListenerLimits;
use crate::logs::LogFormat;
use crate::network::Networks;
use crate::rate::Rate;
use crate::secret_file;

/// The variable that names the file when `--config` does not.
pub const FILE_VARIABLE: &str = "ZHENGNA_CONFIG";
const PREFIX: &str = "ZHENGNA_";
const HEADING: &str = "Configuration";
/// Characters of a name, an id, a public key.
const WORD_CHARS_MAX: usize = 200;
/// Keys that `-h` shows; `--help` shows all.
const SHORT_HELP: [&str; 4] = ["database", "listen", "key_file", "checkpoint_file"];

/// What a value must look like.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Database,
    Listen,
    File,
    LogFormat,
    LogFilter,
    Url,
    /// An outside system that is given secrets.
    Service,
    Networks,
    /// A name, an id, a public key.
    Word,
    /// A whole number within bounds, both included.
    Number(u64, u64),
}

/// One key.
struct Key {
    /// Dotted, as in the file.
    name: &'static str,
    kind: Kind,
    /// `None`: may be absent.
    default: Option<&'static str>,
    help: &'static str,
}

impl Key {
    /// `limits.frame_bytes` is `ZHENGNA_LIMITS_FRAME_BYTES`.
    fn variable(&self) -> String {
        format!("{PREFIX}{}", self.name.replace('.', "_").to_ascii_uppercase())
    }

    /// `limits.frame_bytes` is `--limits-frame-bytes`.
    fn flag(&self) -> String {
        self.name.replace(['.', '_'], "-")
    }
}

const fn key(name: &'static str, kind: Kind, default: &'static str, help: &'static str) -> Key {
    Key { name, kind, default: Some(default), help }
}

const fn optional(name: &'static str, kind: Kind, help: &'static str) -> Key {
    Key { name, kind, default: None, help }
}

const KEYS: &[Key] = &[
    key("database", Kind::Database, "sqlite:zhengna.db", "sqlite:PATH, postgres://USER@HOST/DB, or host=.. user=.. dbname=.."),
    key("listen", Kind::Listen, "127.0.0.1:8080", "address and port to listen on"),
    key(
        "key_file",
        Kind::File,
        "zhengna.key",
        "file with the key that seals personal data; unset, a systemd credential of that name goes first",
    ),
    key("checkpoint_file", Kind::File, "zhengna.checkpoint", "file the audit chain's head is written to, outside the database"),
    optional(
        "web_folder",
        Kind::File,
        "folder with applications of the browser, console/ and taxpayer/, in place of those within the program",
    ),
    optional(
        "table_reader",
        Kind::File,
        "program that reads the tables people send, called as zhengna parse - is, such as a sandbox around it; unset: this program",
    ),
    optional("backup_custodians", Kind::File, "file with the public keys of those who keep backups; any two of them can restore"),
    key("log", Kind::LogFormat, "json", "json or text"),
    key("log_filter", Kind::LogFilter, "info", "what is logged, as in info,zhengna_server=debug"),
    key(
        "administration_networks",
        Kind::Networks,
        "127.0.0.0/8,::1/128",
        "networks that may administer (CIDRs with commas); others are refused",
    ),
    Key {
        name: "trusted_proxies",
        kind: Kind::Networks,
        default: None,
        help: "gateways whose X-Forwarded-For is believed (CIDRs with commas)",
    },
    key("drain_seconds", Kind::Number(0, 3600), "20", "how long a stop waits for what was accepted"),
    key("limits.connections", Kind::Number(1, 1_000_000), "4096", "open sockets in all"),
    key("limits.connections_per_person", Kind::Number(1, 10_000), "8", "live sockets of one person"),
    key("limits.header_bytes", Kind::Number(8192, 1 << 20), "65536", "request line and headers"),
    key("limits.header_seconds", Kind::Number(1, 300), "10", "time for a request's header, and idle time between requests"),
    key("limits.body_bytes", Kind::Number(1024, 1 << 28), "262144", "a JSON body"),
    key("limits.body_seconds", Kind::Number(1, 3600), "30", "time for a request's body"),
    key("limits.body_depth", Kind::Number(1, 100), "32", "arrays and objects inside one another"),
    key("limits.write_stall_seconds", Kind::Number(1, 3600), "30", "a peer that reads nothing for this long is dropped"),
    key("limits.frame_bytes", Kind::Number(128, 1 << 24), "65536", "one WebSocket message"),
    key("limits.requests_per_second_per_person", Kind::Number(1, 1_000_000), "20", "steady rate of one person"),
    key("limits.request_burst_per_person", Kind::Number(1, 1_000_000), "40", "requests of one person at once"),
    key("limits.rate_keys", Kind::Number(1, 10_000_000), "100000", "people the rate limit remembers"),
    Key { name: "webhook.url", kind: Kind::Url, default: None, help: "where events are sent, http:// or https://" },
    Key { name: "webhook.secret_file", kind: Kind::File, default: None, help: "file with the secret that signs them" },
    key("wechat.url", Kind::Service, "https://api.weixin.qq.com", "WeChat's server API"),
    optional("mini_program.app_id", Kind::Word, "the WeChat mini-program's AppID; with its secret, people sign in with it"),
    optional("mini_program.secret_file", Kind::File, "file with the mini-program's AppSecret"),
    optional("official_account.app_id", Kind::Word, "the WeChat official account's AppID, for H5 pages in it"),
    optional("official_account.secret_file", Kind::File, "file with the official account's AppSecret"),
    optional("portal.issuer", Kind::Word, "the provincial portal as its tickets name it (iss)"),
    optional("portal.audience", Kind::Word, "this service as the portal's tickets name it (aud)"),
    optional("portal.public_key", Kind::Word, "the SM2 key that checks the portal's tickets: 04 x y, 130 hexadecimal digits"),
    optional("tax_bureau.url", Kind::Service, "the identity service of the electronic tax bureau"),
    optional("tax_bureau.client_id", Kind::Word, "this service as that one knows it"),
    optional("tax_bureau.secret_file", Kind::File, "file with the client secret of that one"),
];

/// Limits as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Open sockets in all.
    pub connections: usize,
    /// Live sockets of one person.
    pub connections_per_person: usize,
    /// Request line and headers.
    pub header_bytes: usize,
    /// Time for a request's header.
    pub header_seconds: u64,
    /// A JSON body.
    pub body_bytes: usize,
    /// Time for a request's body.
    pub body_seconds: u64,
    /// Arrays and objects inside one another.
    pub body_depth: usize,
    /// A peer that reads nothing for this long is dropped.
    pub write_stall_seconds: u64,
    /// One WebSocket message.
    pub frame_bytes: usize,
    /// Steady rate of one person.
    pub requests_per_second_per_person: u32,
    /// Requests of one person at once.
    pub request_burst_per_person: u32,
    /// People the rate limit remembers.
    pub rate_keys: usize,
}

/// Where events are sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    /// `http://` or `https://`, no credentials in it.
    pub url: String,
    /// File with the secret that signs what is sent.
    pub secret_file: PathBuf,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("url", &masked_url(&self.url)).field("secret_file", &self.secret_file).finish()
    }
}

/// An app of ours at WeChat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeChatApp {
    /// AppID.
    pub app_id: String,
    /// File with the AppSecret.
    pub secret_file: PathBuf,
}

/// The provincial portal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Portal {
    /// The portal as its tickets name it.
    pub issuer: String,
    /// This service as its tickets name it.
    pub audience: String,
    /// The SM2 key that checks them, hexadecimal.
    pub public_key: String,
}

/// The identity service of the electronic tax bureau.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxBureau {
    /// Where it is.
    pub url: String,
    /// This service as it knows it.
    pub client_id: String,
    /// File with the client secret.
    pub secret_file: PathBuf,
}

/// Outside systems that say who somebody is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Providers {
    /// WeChat's server API.
    pub wechat_url: String,
    /// The mini-program.
    pub mini_program: Option<WeChatApp>,
    /// The official account.
    pub official_account: Option<WeChatApp>,
    /// The provincial portal.
    pub portal: Option<Portal>,
    /// The electronic tax bureau.
    pub tax_bureau: Option<TaxBureau>,
}

/// The checked configuration. `Debug` masks secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Config {
    /// `sqlite:PATH`, `postgres://..`, or `key=value ..`.
    pub database: String,
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// File with the key that seals personal data.
    pub key_file: PathBuf,
    /// Public keys of those who keep backups.
    pub backup_custodians: Option<PathBuf>,
    /// Folder with the built applications of the browser.
    pub web_folder: Option<PathBuf>,
    /// Program that reads the tables people send; this one where none is named.
    pub table_reader: Option<PathBuf>,
    /// File the audit chain's head is written to.
    pub checkpoint_file: PathBuf,
    /// How log lines look.
    pub log: LogFormat,
    /// What is logged.
    pub log_filter: String,
    /// Networks from which the administration plane may be used.
    pub administration_networks: Networks,
    /// Gateways whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Networks,
    /// How long a stop waits for what was accepted.
    pub drain_seconds: u64,
    /// Limits.
    pub limits: Limits,
    /// Where events are sent, if anywhere.
    pub webhook: Option<Webhook>,
    /// Outside systems that say who somebody is.
    pub providers: Providers,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("database", &masked_database(&self.database))
            .field("listen", &self.listen)
            .field("key_file", &self.key_file)
            .field("checkpoint_file", &self.checkpoint_file)
            .field("web_folder", &self.web_folder)
            .field("table_reader", &self.table_reader)
            .field("log", &self.log)
            .field("log_filter", &self.log_filter)
            .field("administration_networks", &self.administration_networks)
            .field("trusted_proxies", &self.trusted_proxies)
            .field("drain_seconds", &self.drain_seconds)
            .field("limits", &self.limits)
            .field("webhook", &self.webhook)
            .field("providers", &self.providers)
            .finish()
    }
}

impl Config {
    /// The database as it may be shown and logged: passwords as `***`.
    pub fn shown_database(&self) -> String {
        masked_database(&self.database)
    }

    /// The limits of the accept loop.
    pub fn listener_limits(&self) -> ListenerLimits {
        ListenerLimits {
            header_read: Duration::from_secs(self.limits.header_seconds),
            header_bytes: self.limits.header_bytes,
            body_read: Duration::from_secs(self.limits.body_seconds),
            write_stall: Duration::from_secs(self.limits.write_stall_seconds),
            connections: self.limits.connections,
            drain: Duration::from_secs(self.drain_seconds),
            ..ListenerLimits::default()
        }
    }

    /// The limits of JSON bodies.
    pub fn json_limits(&self) -> JsonLimits {
        JsonLimits { bytes: self.limits.body_bytes, depth: self.limits.body_depth }
    }

    /// The rate of one person.
    pub fn rate_per_person(&self) -> Rate {
        Rate { per_second: self.limits.requests_per_second_per_person, burst: self.limits.request_burst_per_person }
    }
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nobody set it.
    Default,
    /// This file.
    File(PathBuf),
    /// This variable.
    Variable(String),
    /// This flag.
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::File(p) => write!(f, "file {}", p.display()),
            Source::Variable(v) => write!(f, "environment {v}"),
            Source::Flag(v) => write!(f, "flag --{v}"),
        }
    }
}

/// Why there is no configuration. Never holds a value: it may be a secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("configuration file {}: {source}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not TOML.
    #[error("configuration file {}: line {line}: not TOML: {why}", file.display())]
    NotToml {
        /// The file.
        file: PathBuf,
        /// Where, from 1.
        line: usize,
        /// What the parser said.
        why: String,
    },
    /// A key nobody knows.
    #[error("configuration file {}: unknown key `{key}`{}", file.display(), meant.map(|m| format!("; did you mean `{m}`?")).unwrap_or_default())]
    UnknownKey {
        /// The file.
        file: PathBuf,
        /// The key, dotted.
        key: String,
        /// The known key most like it.
        meant: Option<&'static str>,
    },
    /// A value that cannot be.
    #[error("`{key}` ({source_}): {why}")]
    BadValue {
        /// The key, dotted.
        key: &'static str,
        /// Where the value is.
        source_: Source,
        /// What it must be.
        why: String,
    },
    /// A key that must be there because another is.
    #[error("`{missing}` is not set, but `{because}` is ({source_})")]
    Missing {
        /// The key to set.
        missing: &'static str,
        /// The key that needs it.
        because: &'static str,
        /// Where that one is.
        source_: Source,
    },
}

/// The flags: `--config` and one per key. Flatten into a clap command with `#[command(flatten)]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--config FILE`.
    pub config: Option<PathBuf>,
    values: BTreeMap<&'static str, String>,
}

impl clap::Args for Flags {
    fn augment_args(mut command: Command) -> Command {
        command = command.arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .value_parser(clap::value_parser!(PathBuf))
                .global(true)
                .help_heading(HEADING)
                .help("configuration file (TOML) [env: ZHENGNA_CONFIG]"),
        );
        for key in KEYS {
            let default = key.default.map(|d| format!(" [default: {d}]")).unwrap_or_default();
            command = command.arg(
                Arg::new(key.name)
                    .long(key.flag())
                    .value_name("VALUE")
                    .global(true)
                    .help_heading(HEADING)
                    .hide_short_help(!SHORT_HELP.contains(&key.name))
                    .help(format!("{} [env: {}]{default}", key.help, key.variable())),
            );
        }
        command
    }
    fn augment_args_for_update(command: Command) -> Command {
        Flags::augment_args(command)
    }
}

impl clap::FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Flags, clap::Error> {
        let mut flags = Flags::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }
    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        if let Some(file) = matches.get_one::<PathBuf>("config") {
            self.config = Some(file.clone());
        }
        for key in KEYS {
            if let Some(value) = matches.get_one::<String>(key.name) {
                self.values.insert(key.name, value.clone());
            }
        }
        Ok(())
    }
}

/// A configuration and where each of its values came from.
#[derive(Debug, Clone)]
pub struct Effective {
    /// The configuration.
    pub config: Config,
    /// `ZHENGNA_*` variables that are no key: a warning and not an error, because container platforms inject such
    /// names for a service called zhengna.
    pub unknown_variables: Vec<String>,
    shown: Vec<(&'static str, Option<serde_json::Value>, Source)>,
}

impl Effective {
    /// From the process's own environment.
    pub fn load(flags: &Flags) -> Result<Effective, ConfigError> {
        // A variable that is not Unicode is not ours to judge unless it is one of our keys; then it fails its check.
        let ours = std::env::vars_os()
            .map(|(k, v)| (k.to_string_lossy().into_owned(), v.to_string_lossy().into_owned()))
            .filter(|(k, _)| k.starts_with(PREFIX));
        Effective::from_parts(flags, ours)
    }

    /// From a given environment.
    pub fn from_parts(flags: &Flags, variables: impl IntoIterator<Item = (String, String)>) -> Result<Effective, ConfigError> {
        let variables: BTreeMap<String, String> = variables.into_iter().filter(|(k, _)| k.starts_with(PREFIX)).collect();
        let file = flags.config.clone().or_else(|| variables.get(FILE_VARIABLE).map(PathBuf::from));
        let in_file = file.map(read).transpose()?.unwrap_or_default();

        let mut values: BTreeMap<&'static str, (Raw, Source)> = BTreeMap::new();
        for key in KEYS {
            if let Some(v) = flags.values.get(key.name) {
                values.insert(key.name, (Raw::Text(v.clone()), Source::Flag(key.flag())));
            } else if let Some(v) = variables.get(&key.variable()) {
                values.insert(key.name, (Raw::Text(v.clone()), Source::Variable(key.variable())));
            } else if let Some((v, source)) = in_file.get(key.name) {
                values.insert(key.name, (v.clone(), source.clone()));
            } else if let Some(v) = key.default {
                values.insert(key.name, (Raw::Text(v.to_owned()), Source::Default));
            }
        }
        let mut checked = BTreeMap::new();
        for key in KEYS {
            if let Some((raw, source)) = values.remove(key.name) {
                let value = check(key.kind, raw).map_err(|why| ConfigError::BadValue { key: key.name, source_: source.clone(), why })?;
                checked.insert(key.name, (value, source));
            }
        }
        let shown = KEYS
            .iter()
            .map(|key| match checked.get(key.name) {
                Some((value, source)) => (key.name, Some(value.shown(key.kind)), source.clone()),
                None => (key.name, None, Source::Default),
            })
            .collect();
        let known: Vec<String> = KEYS.iter().map(Key::variable).collect();
        let unknown_variables = variables.into_keys().filter(|v| v != FILE_VARIABLE && !known.contains(v)).collect();
        Ok(Effective { config: Config::from_checked(checked)?, unknown_variables, shown })
    }

    /// Whether nobody set this key.
    pub fn is_default(&self, key: &str) -> bool {
        self.shown.iter().any(|(name, _, source)| *name == key && *source == Source::Default)
    }

    /// What `zhengna config` prints: every key, its value, its source; secrets as `***`.
    pub fn print(&self, as_json: bool, out: &mut dyn Write) -> io::Result<()> {
        if as_json {
            let all: serde_json::Map<String, serde_json::Value> = self
                .shown
                .iter()
                .map(|(key, value, source)| ((*key).to_owned(), json!({ "value": value, "source": source.to_string() })))
                .collect();
            return writeln!(out, "{:#}", serde_json::Value::Object(all));
        }
        for (key, value, source) in &self.shown {
            match value {
                Some(v) => writeln!(out, "{key} = {v}  # {source}")?,
                None => writeln!(out, "# {key} is not set")?,
            }
        }
        for variable in &self.unknown_variables {
            writeln!(out, "# warning: {variable} is no key of ours and was ignored")?;
        }
        Ok(())
    }
}

/// A value before its check: text from variables and flags, typed from the file.
#[derive(Debug, Clone)]
enum Raw {
    Text(String),
    Integer(i64),
    Other(&'static str),
}

type InFile = BTreeMap<String, (Raw, Source)>;

fn read(file: PathBuf) -> Result<InFile, ConfigError> {
    let text = std::fs::read_to_string(&file).map_err(|source| ConfigError::Unreadable { file: file.clone(), source })?;
    let table: toml::Table = text.parse().map_err(|e: toml::de::Error| {
        let before = e.span().and_then(|s| text.get(..s.start)).unwrap_or_default();
        // message() is the parser's own words, without the line of the file that Display quotes
        ConfigError::NotToml { file: file.clone(), line: before.matches('\n').count() + 1, why: e.message().to_owned() }
    })?;
    let mut found = InFile::new();
    flatten("", table, &Source::File(file.clone()), &mut found);
    for key in found.keys() {
        if !KEYS.iter().any(|k| k.name == key) {
            return Err(ConfigError::UnknownKey { file, key: key.clone(), meant: nearest(key) });
        }
    }
    Ok(found)
}

fn flatten(prefix: &str, table: toml::Table, source: &Source, found: &mut InFile) {
    for (key, value) in table {
        let name = format!("{prefix}{key}");
        let section = KEYS.iter().any(|k| k.name.starts_with(&format!("{name}.")));
        let raw = match value {
            toml::Value::Table(inner) if section || !KEYS.iter().any(|k| k.name == name) => {
                if inner.is_empty() && !section {
                    found.insert(name, (Raw::Other("a table"), source.clone()));
                } else {
                    flatten(&format!("{name}."), inner, source, found);
                }
                continue;
            }
            toml::Value::String(s) => Raw::Text(s),
            toml::Value::Integer(n) => Raw::Integer(n),
            toml::Value::Float(_) => Raw::Other("a fraction"),
            toml::Value::Boolean(_) => Raw::Other("a boolean"),
            toml::Value::Datetime(_) => Raw::Other("a date"),
            toml::Value::Array(_) => Raw::Other("an array"),
            toml::Value::Table(_) => Raw::Other("a table"),
        };
        found.insert(name, (raw, source.clone()));
    }
}

/// The known key within a few edits, for a typing error.
fn nearest(key: &str) -> Option<&'static str> {
    KEYS.iter().map(|k| (edits(key, k.name), k.name)).filter(|(n, _)| *n <= 3).min().map(|(_, name)| name)
}

fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, cb) in b.iter().enumerate() {
            let replaced = row[j] + usize::from(ca != *cb);
            next.push(replaced.min(row[j + 1] + 1).min(next[j] + 1));
        }
        row = next;
    }
    row[b.len()]
}

/// A value after its check.
#[derive(Debug, Clone)]
enum Value {
    Text(String),
    Number(u64),
}

impl Value {
    fn shown(&self, kind: Kind) -> serde_json::Value {
        match (self, kind) {
            (Value::Number(n), _) => (*n).into(),
            (Value::Text(s), Kind::Database) => masked_database(s).into(),
            (Value::Text(s), Kind::Url) => masked_url(s).into(),
            (Value::Text(s), _) => s.as_str().into(),
        }
    }
}

fn check(kind: Kind, raw: Raw) -> Result<Value, String> {
    if let Kind::Number(least, most) = kind {
        let number = match &raw {
            Raw::Integer(n) => u64::try_from(*n).ok(),
            // digits only: `str::parse` also takes a leading plus
            Raw::Text(s) if s.bytes().all(|b| b.is_ascii_digit()) => s.parse().ok(),
            _ => None,
        };
        return match number {
            Some(n) if (least..=most).contains(&n) => Ok(Value::Number(n)),
            _ => Err(format!("must be a whole number from {least} to {most}")),
        };
    }
    let text = match raw {
        Raw::Text(s) => s,
        Raw::Integer(_) => return Err("must be text, not a number".into()),
        Raw::Other(what) => return Err(format!("must be text, not {what}")),
    };
    if text.is_empty() {
        return Err("must not be empty".into());
    }
    if text.chars().any(char::is_control) {
        return Err("must not contain control characters".into());
    }
    match kind {
        Kind::Database => database(&text)?,
        Kind::Listen => {
            text.parse::<SocketAddr>().map_err(|_| "must be an IP address and a port, as in 127.0.0.1:8080 or [::1]:8080")?;
        }
        Kind::LogFormat => {
            log_format(&text).ok_or("must be json or text")?;
        }
        Kind::LogFilter => {
            tracing_subscriber::EnvFilter::try_new(&text).map_err(|_| "must be a log filter, as in info,zhengna_server=debug")?;
        }
        Kind::Url => url(&text)?,
        Kind::Service => service(&text)?,
        Kind::Networks => drop(Networks::parse(&text)?),
        Kind::Word if text.len() > WORD_CHARS_MAX || !text.bytes().all(|b| b.is_ascii_graphic()) => {
            return Err(format!("must be at most {WORD_CHARS_MAX} visible ASCII characters"));
        }
        Kind::File | Kind::Word | Kind::Number(..) => {}
    }
    Ok(Value::Text(text))
}

fn log_format(text: &str) -> Option<LogFormat> {
    match text {
        "json" => Some(LogFormat::Json),
        "text" => Some(LogFormat::Text),
        _ => None,
    }
}

fn database(text: &str) -> Result<(), String> {
    if let Some(path) = text.strip_prefix("sqlite:") {
        return match path {
            "" => Err("names no file after sqlite:".into()),
            ":memory:" => Err("must be a file: a database in memory loses everything at a stop".into()),
            _ => Ok(()),
        };
    }
    if let Some(rest) = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://")) {
        return if rest.is_empty() { Err("names no server after ://".into()) } else { Ok(()) };
    }
    match pairs(text) {
        Some(pairs) if pairs.iter().any(|(k, _)| matches!(*k, "host" | "hostaddr" | "service")) => Ok(()),
        Some(_) => Err("names no host".into()),
        None => Err("must be sqlite:PATH, postgres://USER@HOST/DB, or host=.. user=.. dbname=..".into()),
    }
}

fn url(text: &str) -> Result<(), String> {
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return Err("must begin with http:// or https://".into());
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err("must not hold credentials; they belong into a secret_file".into());
    }
    if authority.is_empty() || authority.starts_with(':') || text.contains(char::is_whitespace) {
        return Err("must name a host".into());
    }
    text.parse::<axum::http::Uri>().map(|_| ()).map_err(|_| "must be a URL".into())
}

/// Where secrets are sent: encrypted, unless it is this machine; paths are added behind it.
fn service(text: &str) -> Result<(), String> {
    url(text)?;
    if text.contains(['?', '#']) {
        return Err("must have no query".into());
    }
    let host = text.strip_prefix("http://").map(|rest| rest.split(['/', ':']).next().unwrap_or_default());
    match host {
        Some(host) if !["127.0.0.1", "localhost"].contains(&host) => Err("must begin with https:// where it is not this machine".into()),
        _ => Ok(()),
    }
}

/// libpq's `key=value` pairs, values as written (with quotes). `None` if it is not that.
fn pairs(text: &str) -> Option<Vec<(&str, &str)>> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=')?;
        let key = key.trim_end();
        if key.is_empty() || !key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return None;
        }
        let after = after.trim_start();
        let (quoted, mut escaped, mut end) = (after.starts_with('\''), false, None);
        for (at, c) in after.char_indices().skip(usize::from(quoted)) {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '\'' if quoted => {
                    end = Some(at + 1);
                    break;
                }
                c if !quoted && c.is_whitespace() => {
                    end = Some(at);
                    break;
                }
                _ => {}
            }
        }
        let end = match end {
            Some(end) => end,
            None if quoted => return None,
            None => after.len(),
        };
        let (value, next) = after.split_at_checked(end)?;
        found.push((key, value));
        rest = next.trim_start();
    }
    (!found.is_empty()).then_some(found)
}

/// Parameters that hold no secret; whatever is not here is masked.
const PLAIN: [&str; 12] = [
    "host",
    "hostaddr",
    "port",
    "user",
    "dbname",
    "sslmode",
    "sslrootcert",
    "application_name",
    "connect_timeout",
    "keepalives",
    "target_session_attrs",
    "service",
];

fn masked_database(text: &str) -> String {
    if text.starts_with("sqlite:") {
        return text.to_owned();
    }
    // Not at any `://`: a password of the other form may hold one.
    if let Some((scheme, rest)) = text.split_once("://").filter(|(scheme, _)| matches!(*scheme, "postgres" | "postgresql")) {
        let (rest, query) = rest.split_once('?').map_or((rest, None), |(r, q)| (r, Some(q)));
        // a password may hold an unescaped '@' or '/': the last '@' ends it
        let mut out = match rest.rsplit_once('@') {
            Some((who, server)) => match who.split_once(':') {
                Some((user, _)) => format!("{scheme}://{user}:***@{server}"),
                None => format!("{scheme}://{who}@{server}"),
            },
            None => format!("{scheme}://{rest}"),
        };
        if let Some(query) = query {
            if query.contains('@') {
                return format!("{scheme}://***"); // the '?' was part of a password
            }
            let shown: Vec<String> = query.split('&').map(|p| masked_pair(p.split_once('=').unwrap_or((p, "")))).collect();
            out = format!("{out}?{}", shown.join("&"));
        }
        return out;
    }
    pairs(text).map_or("***".into(), |pairs| pairs.into_iter().map(masked_pair).collect::<Vec<_>>().join(" "))
}

fn masked_pair((key, value): (&str, &str)) -> String {
    format!("{key}={}", if PLAIN.contains(&key) { value } else { "***" })
}

/// Some receivers take a token in the query.
fn masked_url(text: &str) -> String {
    text.split_once('?').map_or_else(|| text.to_owned(), |(before, _)| format!("{before}?***"))
}

impl Config {
    fn from_checked(mut values: BTreeMap<&'static str, (Value, Source)>) -> Result<Config, ConfigError> {
        // Every key with a default is in `values` and went through `check`, so the fallbacks below are never taken;
        // `every_default_is_what_the_table_says` in the tests holds that.
        let number = |key: &'static str| match values.get(key) {
            Some((Value::Number(n), _)) => *n,
            _ => 0,
        };
        let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let rate = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        let limits = Limits {
            connections: size(number("limits.connections")),
            connections_per_person: size(number("limits.connections_per_person")),
            header_bytes: size(number("limits.header_bytes")),
            header_seconds: number("limits.header_seconds"),
            body_bytes: size(number("limits.body_bytes")),
            body_seconds: number("limits.body_seconds"),
            body_depth: size(number("limits.body_depth")),
            write_stall_seconds: number("limits.write_stall_seconds"),
            frame_bytes: size(number("limits.frame_bytes")),
            requests_per_second_per_person: rate(number("limits.requests_per_second_per_person")),
            request_burst_per_person: rate(number("limits.request_burst_per_person")),
            rate_keys: size(number("limits.rate_keys")),
        };
        let drain_seconds = number("drain_seconds");
        let mut text = |key: &'static str| match values.remove(key) {
            Some((Value::Text(s), source)) => Some((s, source)),
            _ => None,
        };
        let webhook = all_or_none(["webhook.url", "webhook.secret_file"], &mut text)?;
        let mini_program = all_or_none(["mini_program.app_id", "mini_program.secret_file"], &mut text)?;
        let official_account = all_or_none(["official_account.app_id", "official_account.secret_file"], &mut text)?;
        let portal = all_or_none(["portal.issuer", "portal.audience", "portal.public_key"], &mut text)?;
        let tax_bureau = all_or_none(["tax_bureau.url", "tax_bureau.client_id", "tax_bureau.secret_file"], &mut text)?;
        let app = |[app_id, file]: [String; 2]| WeChatApp { app_id, secret_file: file.into() };
        // Unset, or checked above: without a network nobody is trusted.
        let mut networks = |key| text(key).and_then(|(s, _)| Networks::parse(&s).ok()).unwrap_or_default();
        let (administration_networks, trusted_proxies) = (networks("administration_networks"), networks("trusted_proxies"));
        let backup_custodians = text("backup_custodians").map(|(file, _)| file.into());
        let web_folder = text("web_folder").map(|(folder, _)| folder.into());
        let table_reader = text("table_reader").map(|(program, _)| program.into());
        let key_file = match text("key_file") {
            Some((name, Source::Default)) => secret_file::credential(&name).unwrap_or_else(|| name.into()),
            other => other.map(|(name, _)| name).unwrap_or_default().into(),
        };
        let mut plain = |key| text(key).map(|(s, _)| s).unwrap_or_default();
        let providers = Providers {
            wechat_url: plain("wechat.url"),
            mini_program: mini_program.map(app),
            official_account: official_account.map(app),
            portal: portal.map(|[issuer, audience, public_key]| Portal { issuer, audience, public_key }),
            tax_bureau: tax_bureau.map(|[url, client_id, file]| TaxBureau { url, client_id, secret_file: file.into() }),
        };
        Ok(Config {
            database: plain("database"),
            listen: plain("listen").parse().unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0))),
            key_file,
            backup_custodians,
            web_folder,
            table_reader,
            checkpoint_file: plain("checkpoint_file").into(),
            log: log_format(&plain("log")).unwrap_or_default(),
            log_filter: plain("log_filter"),
            administration_networks,
            trusted_proxies,
            drain_seconds,
            limits,
            webhook: webhook.map(|[url, file]| Webhook { url, secret_file: file.into() }),
            providers,
        })
    }
}

/// The values of keys that belong together: all of them, or nothing where none is set.
fn all_or_none<const N: usize>(
    keys: [&'static str; N],
    text: &mut impl FnMut(&'static str) -> Option<(String, Source)>,
) -> Result<Option<[String; N]>, ConfigError> {
    let found = keys.map(|key| (key, text(key)));
    let first = found.iter().find_map(|(key, value)| value.as_ref().map(|(_, source)| (*key, source.clone())));
    let Some((because, source_)) = first else { return Ok(None) };
    if let Some((missing, _)) = found.iter().find(|(_, value)| value.is_none()) {
        return Err(ConfigError::Missing { missing, because, source_ });
    }
    Ok(Some(found.map(|(_, value)| value.map(|(text, _)| text).unwrap_or_default()))) // none is missing
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args as _, FromArgMatches as _};

    fn flags(args: &[&str]) -> Flags {
        let command = Flags::augment_args(Command::new("zhengna").no_binary_name(true));
        Flags::from_arg_matches(&command.try_get_matches_from(args).unwrap()).unwrap()
    }

    fn load(args: &[&str], env: &[(&str, &str)]) -> Result<Effective, ConfigError> {
        Effective::from_parts(&flags(args), env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
    }

    fn with_file(text: &str, args: &[&str], env: &[(&str, &str)]) -> (String, Result<Effective, ConfigError>) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let path = file.path().to_str().unwrap().to_owned();
        let mut all = vec!["--config", &path];
        all.extend(args);
        let loaded = load(&all, env);
        (path, loaded)
    }

    fn printed(e: &Effective, json: bool) -> String {
        let mut out = Vec::new();
        e.print(json, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_default_is_what_the_table_says() {
        let e = load(&[], &[]).unwrap();
        let shown: serde_json::Value = serde_json::from_str(&printed(&e, true)).unwrap();
        for key in KEYS {
            let value = &shown[key.name]["value"];
            match key.default {
                None => assert!(value.is_null(), "{}", key.name),
                Some(d) => assert_eq!(value.as_str().map_or_else(|| value.to_string(), str::to_owned), d, "{}", key.name),
            }
            assert_eq!(shown[key.name]["source"], "default");
        }
        let c = e.config;
        assert_eq!((c.database.as_str(), c.listen.to_string().as_str()), ("sqlite:zhengna.db", "127.0.0.1:8080"));
        assert_eq!((c.log, c.drain_seconds, &c.webhook), (LogFormat::Json, 20, &None));
        assert_eq!((c.administration_networks.to_string().as_str(), &c.trusted_proxies), ("127.0.0.0/8,::1/128", &Networks::default()));
        assert_eq!(c.listener_limits(), ListenerLimits::default());
        assert_eq!(c.json_limits(), JsonLimits::default());
        assert_eq!(c.rate_per_person(), Rate { per_second: 20, burst: 40 });
        let l = c.limits;
        assert_eq!((l.connections_per_person, l.frame_bytes, l.rate_keys), (8, 65536, 100_000));
    }

    /// Every key through every layer, each over the one below.
    #[test]
    fn flags_over_environment_over_file_over_defaults() {
        for key in KEYS {
            let sample = |n: u64| match key.kind {
                Kind::Database => format!("sqlite:{n}.db"),
                Kind::Listen => format!("127.0.0.1:{n}"),
                Kind::File => format!("{n}.file"),
                Kind::LogFormat => ["json", "text"][(n % 2) as usize].into(),
                Kind::LogFilter => format!("a{n}=info"),
                Kind::Url | Kind::Service => format!("https://h{n}/"),
                Kind::Networks => format!("10.{n}.0.0/16"),
                Kind::Word => format!("w{n}"),
                Kind::Number(least, _) => (least + n).to_string(),
            };
            let (section, last) = key.name.rsplit_once('.').unwrap_or(("", key.name));
            let section = if section.is_empty() { String::new() } else { format!("[{section}]\n") };
            // What may be absent is absent or set with the rest of its section.
            let partners = KEYS.iter().filter(|k| k.default.is_none() && key.default.is_none() && k.name != key.name);
            let partners = partners.filter_map(|k| k.name.rsplit_once('.')).filter(|(of, _)| format!("[{of}]\n") == section);
            let partners: String = partners.map(|(_, last)| format!("{last} = 'https://h'\n")).collect();
            let value = |n| {
                if matches!(key.kind, Kind::Number(..)) { sample(n) } else { format!("'{}'", sample(n)) }
            };
            let text = format!("{section}{partners}{last} = {}\n", value(1));
            let (variable, flag) = (key.variable(), format!("--{}", key.flag()));
            let (two, three) = (sample(2), sample(3));
            for (args, env, want, from) in [
                (vec![], vec![], sample(1), "file "),
                (vec![], vec![(variable.as_str(), two.as_str())], sample(2), "environment ZHENGNA_"),
                (vec![flag.as_str(), three.as_str()], vec![(variable.as_str(), two.as_str())], sample(3), "flag --"),
            ] {
                let (_, e) = with_file(&text, &args, &env);
                let shown: serde_json::Value = serde_json::from_str(&printed(&e.unwrap(), true)).unwrap();
                let got = &shown[key.name]["value"];
                assert_eq!(got.as_str().map_or_else(|| got.to_string(), str::to_owned), want, "{}", key.name);
                assert!(shown[key.name]["source"].as_str().unwrap().starts_with(from), "{}", key.name);
            }
        }
    }

    #[test]
    fn the_flag_config_wins_over_the_variable() {
        let (_, e) = with_file("drain_seconds = 7", &[], &[(FILE_VARIABLE, "/does/not/exist")]);
        assert_eq!(e.unwrap().config.drain_seconds, 7);
        let e = load(&[], &[(FILE_VARIABLE, "/does/not/exist")]).unwrap_err();
        assert!(e.to_string().starts_with("configuration file /does/not/exist: "), "{e}");
    }

    #[test]
    fn unknown_keys_name_key_and_file() {
        for (text, key, meant) in [
            ("databse = 'x'", "databse", "; did you mean `database`?"),
            ("[limits]\nframe_byte = 1", "limits.frame_byte", "; did you mean `limits.frame_bytes`?"),
            ("[qqqqqqqqqqqqqqqq]\nx = 1", "qqqqqqqqqqqqqqqq.x", ""),
            ("[qqqqqqqqqqqqqqqq]", "qqqqqqqqqqqqqqqq", ""),
            ("limits = 1", "limits", ""),
            ("[webhook]\nurl = 'https://h'\nsecret_file = 's'\nsecret = 'x'", "webhook.secret", ""),
            ("[listen]\nport = 1", "listen", "-"),
        ] {
            let (path, e) = with_file(text, &[], &[]);
            let e = e.unwrap_err().to_string();
            if meant == "-" {
                assert_eq!(e, format!("`listen` (file {path}): must be text, not a table"));
            } else {
                assert_eq!(e, format!("configuration file {path}: unknown key `{key}`{meant}"));
            }
        }
        let e = load(&[], &[("ZHENGNA_PORT", "tcp://10.0.0.1:80"), ("OTHER", "x")]).unwrap();
        assert_eq!(e.unknown_variables, ["ZHENGNA_PORT"]);
        assert!(printed(&e, false).contains("# warning: ZHENGNA_PORT is no key of ours"));
        let command = Flags::augment_args(Command::new("zhengna").no_binary_name(true));
        assert!(command.try_get_matches_from(["--frame-bytes", "1"]).is_err());
    }

    #[test]
    fn files_that_are_not_toml_name_the_line_and_quote_nothing() {
        let (path, e) = with_file("drain_seconds = 1\ndatabase = 'postgres://u:hunter2@h", &[], &[]);
        let e = e.unwrap_err().to_string();
        assert!(e.starts_with(&format!("configuration file {path}: line 2: not TOML: ")) && !e.contains("hunter2"), "{e}");
        let (_, e) = with_file("log = 'json'\nlog = 'text'", &[], &[]);
        assert!(matches!(e, Err(ConfigError::NotToml { line: 2, .. })));
    }

    #[test]
    fn every_kind_of_bad_value_names_its_key_and_source() {
        let (long, word) = ("9".repeat(40), "w".repeat(WORD_CHARS_MAX + 1));
        for key in KEYS {
            let bad: Vec<&str> = match key.kind {
                Kind::Database => {
                    vec!["", "zhengna.db", "sqlite:", "sqlite::memory:", "postgres://", "mysql://h", "user=x", "host='x", "=x", "a\nb"]
                }
                Kind::Listen => vec!["", "8080", ":8080", "localhost:8080", "127.0.0.1", "127.0.0.1:70000", "::1:80:x"],
                Kind::File => vec!["", "a\0b"],
                Kind::LogFormat => vec!["", "JSON", "yaml"],
                Kind::LogFilter => vec!["", "x=loud"],
                Kind::Url => vec!["", "ftp://h", "https://", "https://u:p@h/", "https:///x", "https://:80", "https://a b", "javascript:x"],
                Kind::Service => vec!["", "http://h", "http://127.0.0.1.evil.example", "https://h?x", "https://u:p@h/", "ftp://h"],
                Kind::Networks => vec!["", "10.0.0.0", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/8,", "localhost", "*"],
                Kind::Word => vec!["", "a b", "中", "a\tb", &word],
                Kind::Number(..) => vec!["", "x", "-1", "+20", "1.5", "1e3", " 30", "30 ", &long],
            };
            for value in bad {
                let (flag, variable) = (format!("--{}={value}", key.flag()), key.variable());
                let e = load(&[&flag], &[]).unwrap_err().to_string();
                assert!(e.starts_with(&format!("`{}` (flag --{}): ", key.name, key.flag())), "{value:?} {e}");
                let e = load(&[], &[(&variable, value)]).unwrap_err().to_string();
                assert!(e.starts_with(&format!("`{}` (environment {variable}): ", key.name)), "{value:?} {e}");
            }
            let typed: &[&str] = match key.kind {
                Kind::Number(..) => &["-1", "1.5", "true", "[1]", "2020-01-01", "{x = 1}"],
                _ => &["1", "1.5", "true", "['a']", "2020-01-01", "{x = 1}"],
            };
            for value in typed {
                let (path, e) = with_file(&format!("{} = {value}", key.name), &[], &[]);
                let e = e.unwrap_err().to_string();
                assert!(e.starts_with(&format!("`{}` (file {path}): must be ", key.name)), "{value} {e}");
            }
            if let Kind::Number(least, most) = key.kind {
                for edge in [least, most] {
                    load(&[&format!("--{}={edge}", key.flag())], &[]).unwrap();
                }
                let over = [least.checked_sub(1), most.checked_add(1)];
                for n in over.into_iter().flatten() {
                    load(&[&format!("--{}={n}", key.flag())], &[]).unwrap_err();
                }
            }
        }
    }

    #[test]
    fn good_databases_pass() {
        for good in [
            "sqlite:/var/lib/z.db",
            "postgres://u:p@h:5432/d?sslmode=require",
            "postgresql:///d",
            "host=/run/pg user=z dbname=z",
            "host = h password = 'a b\\' c'",
        ] {
            load(&["--database", good], &[]).unwrap();
        }
    }

    #[test]
    fn a_webhook_needs_both_its_keys() {
        let e = load(&["--webhook-url=https://h/x"], &[]).unwrap_err().to_string();
        assert_eq!(e, "`webhook.secret_file` is not set, but `webhook.url` is (flag --webhook-url)");
        let e = load(&[], &[("ZHENGNA_WEBHOOK_SECRET_FILE", "s")]).unwrap_err().to_string();
        assert_eq!(e, "`webhook.url` is not set, but `webhook.secret_file` is (environment ZHENGNA_WEBHOOK_SECRET_FILE)");
        let e = load(&["--webhook-url=https://h/x?token=hunter2", "--webhook-secret-file=s"], &[]).unwrap();
        assert_eq!(e.config.webhook.as_ref().unwrap().url, "https://h/x?token=hunter2");
        assert!(!printed(&e, false).contains("hunter2") && !format!("{e:?}").contains("hunter2"));
    }

    #[test]
    fn passwords_are_never_shown() {
        for (database, shown) in [
            ("postgres://u:hunter2@h/d", "postgres://u:***@h/d"),
            ("postgres://u:hun@ter2/hunter2@h/d", "postgres://u:***@h/d"),
            ("postgres://u:a?hunter2@h/d", "postgres://***"),
            ("postgres://u@h/d?password=hunter2&sslmode=require", "postgres://u@h/d?password=***&sslmode=require"),
            ("host=h password=hunter2 dbname=d", "host=h password=*** dbname=d"),
            ("host=h password = 'x hunter2 \\' y' user=u", "host=h password=*** user=u"),
            ("host=h sslpassword=hunter2", "host=h sslpassword=***"),
            ("host=h password=hunter2 application_name=a://b", "host=h password=*** application_name=a://b"),
            ("host=h password=a://hunter2", "host=h password=***"),
            ("host=h PASSWORD=hunter2", "host=h PASSWORD=***"),
        ] {
            let e = load(&["--database", database], &[]).unwrap();
            assert_eq!(e.config.database, database);
            for text in [printed(&e, false), printed(&e, true), format!("{e:?}"), format!("{:?}", e.config)] {
                assert!(text.contains(shown) && !text.contains("hunter2"), "{database}: {text}");
            }
        }
        // and not in errors
        let e = load(&["--database", "mysql://u:hunter2@h"], &[]).unwrap_err();
        assert!(!e.to_string().contains("hunter2") && !format!("{e:?}").contains("hunter2"));
    }
}
