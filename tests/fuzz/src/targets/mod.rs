//! The targets.

mod assignment;
mod bodies;
mod calendar;
mod host;
mod identifiers;
mod providers;
mod requests;
mod secrets;
mod stored;
mod text;

use std::borrow::Cow;

/// A parser, or a few that belong together, and what they promise.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, and that of its folder of kept inputs.
    pub name: &'static str,
    /// Feeds it bytes; panics when a promise is broken.
    pub run: fn(&[u8]),
    /// How many executions of the cheapest target one of this costs.
    pub cost: u64,
    /// Words that mutations put in.
    pub words: &'static [&'static str],
}

const fn of(name: &'static str, run: fn(&[u8]), cost: u64, words: &'static [&'static str]) -> Target {
    Target { name, run, cost, words }
}

/// Every target.
pub const TARGETS: &[Target] = &[
    of("resident_id", identifiers::resident_id, 1, &["11010519491231002X", "x", "19000229", "440524188001010014"]),
    of("uscc", identifiers::uscc, 1, &["91350100M000100Y43", "I", "Z", "y"]),
    of("mobile_phone", identifiers::mobile_phone, 1, &["13800001234", "+86"]),
    of("number", identifiers::number, 1, &["E12345678", "H12345678", "USA110062060211", "91350100M000100Y43", "22010249123100201"]),
    of("authority_code", identifiers::authority_code, 1, &["12200000000", "2"]),
    of("person_name", identifiers::person_name, 1, &["·", " ", "\u{202e}", "\u{200b}", "\u{200d}", "\u{feff}"]),
    of("mask", identifiers::mask, 1, &["220102199001011234", "13800001234", "张三"]),
    of(
        "personal_data",
        identifiers::personal_data_in,
        2,
        &["138 0000 1234", "11010519491231002X", "6222021234567890128", "91350100M000100Y43", "-", "*", "１３"],
    ),
    of("timestamp", text::timestamp, 1, &["T", "Z", "+08:00", "-23:59", "23:59:60", "9999-12-31", "0000-01-01", ".000000001"]),
    of("cursor", text::cursor, 1, &[".", "-", "9223372036854775807"]),
    of("id", text::id, 1, &["019a0000-0000-7000-8000-000000000001", "{", "urn:uuid:", "-"]),
    of("word", text::word, 1, text::WORDS),
    of("given_text", text::given_text, 2, &["\u{202e}", "\u{2066}", "\u{200b}", "\u{ad}", "\n", "\u{1b}[2J"]),
    of("hex", text::hex, 1, &["0x", "0aFf"]),
    of("token", secrets::token, 2, &["=", "-", "_", "AAAAAAAA"]),
    of("key_file", secrets::key_file, 60, secrets::KEY_FILE_WORDS),
    of("sealed", secrets::sealed, 12, &[]),
    of("wrapped_key", secrets::wrapped_key, 12, &[]),
    of("signature", secrets::signature, 400, &[]),
    of("portal_ticket", providers::portal_ticket, 400, providers::TICKET_WORDS),
    of("tax_bureau", providers::tax_bureau, 3, providers::BUREAU_WORDS),
    of("custodian", secrets::custodian, 400, secrets::CUSTODY_WORDS),
    of("password_hash", secrets::password_hash, 40_000, secrets::PASSWORD_HASH_WORDS),
    of("password_rules", secrets::password_rules, 1, &["aA1-", "zhangsan", "İ", "ß"]),
    of("row", stored::row, 1, &[]),
    of("dump", stored::dump, 80, stored::DUMP_WORDS),
    of("checkpoint_line", stored::checkpoint_line, 2, &["zc1 ", " ", "-1", "+1"]),
    of("remembered", stored::remembered, 4, bodies::WORDS),
    of("whisper", stored::whisper, 4, &["present", "typing", "officer", "taxpayer", "until", "serves", "null"]),
    of("config_file", host::config_file, 40, host::CONFIG_WORDS),
    of("config_value", host::config_value, 30, host::CONFIG_WORDS),
    of("authorities", host::authorities, 3, &[",", "province", "10000000000", "\n", "#", "2018-06-15", "+12345-01-01"]),
    of("calendar", calendar::calendar, 400, calendar::WORDS),
    of("assignment", assignment::assignment, 6, assignment::WORDS),
    of("table", host::table, 8, &[",", "\t", ";", "\r\n", "\"", "\u{feff}", "姓名", "PK\u{3}\u{4}"]),
    of("ics", host::ics, 20, host::ICS_WORDS),
    of("checkpoint_file", host::checkpoint_file, 30, &["zc1 ", "\n", "#"]),
    of("webhook_secret", host::webhook_secret, 60, &["whsec_", "=", "\n"]),
    of("secret_file", host::secret_file, 20, &[]),
    of("request_id", host::request_id, 1, &["..", "-", "_"]),
    of("log_line", host::log_line, 20, &["\n", "\u{1b}[31m", "\u{202e}", "\u{2028}", "{", "\""]),
    of("client_frame", host::client_frame, 3, &["type", "typing", "ping", "conversation", "019a0000-0000-7000-8000-000000000001"]),
    of("body", bodies::body, 8, bodies::WORDS),
    of("request", requests::request, 1_500, requests::WORDS),
];

/// The target called `name`.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|t| t.name == name)
}

/// The bytes as text; what is not UTF-8 becomes the sign for that.
fn lossy(data: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(data)
}

/// Bytes taken one after another, for inputs that are no text; nothing left reads as zero.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn u8(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().map_or((0, self.0), |(b, rest)| (*b, rest));
        self.0 = rest;
        first
    }

    fn i64(&mut self) -> i64 {
        let mut bytes = [0; 8];
        bytes.fill_with(|| self.u8());
        i64::from_be_bytes(bytes)
    }

    fn take(&mut self, at_most: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(at_most.min(self.0.len()));
        self.0 = rest;
        taken
    }
}
