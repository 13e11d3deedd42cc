//! Rows of lists (名单) as people send them: text. What a word, a date or a yes means is said here, once. An empty cell says nothing.

use serde::{Deserialize, Serialize};

use super::{
    AuthorityCode, CaptureChannel, NewFormerNumber, NewRealName, NewRelation, NewRosterEntry, NewTaxpayer, NumberKind, RealNameLevel,
    RealNameState, Role, Roster, TaxpayerKind,
};
use crate::calendar::{Date, midnight};
use crate::clock::Timestamp;
use crate::error::{Error, Problem};

/// A row of a list: what it says of somebody.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Listed {
    /// Who they are.
    Taxpayer(ListedTaxpayer),
    /// For whom they act.
    Relation(ListedRelation),
    /// How far it is known that they are who they say.
    RealName(ListedRealName),
    /// On which roster they are.
    RosterEntry(ListedRosterEntry),
    /// By which number they were known before.
    FormerNumber(ListedFormerNumber),
}

/// A taxpayer.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListedTaxpayer {
    /// `person` or 自然人, `enterprise` or 企业.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Number.
    pub number: String,
    /// Which register the number is from, as a word or its name in Chinese; empty for the usual one.
    pub number_kind: String,
    /// Mobile phone.
    pub phone: String,
    /// Code of the authority in charge.
    pub authority: String,
    /// Golden-tax registration sequence.
    pub registration_seq: String,
    /// Id in the platform in service before this one.
    pub external_id: String,
    /// When name and phone were collected; empty where the list does not say.
    pub as_of: String,
}

/// A person who acts for an enterprise.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListedRelation {
    /// Number of the enterprise.
    pub enterprise: String,
    /// As what, as a word or its name in Chinese.
    pub role: String,
    /// Number of the person.
    pub person: String,
    /// From then on.
    pub starts_at: String,
    /// The last day, or the instant; empty, 长期 or the year 9999 while it holds.
    pub ends_at: String,
    /// Whether it was released: 是 or 否.
    pub released: String,
    /// By which channel it is known, as a word or its name in Chinese.
    pub channel: String,
    /// Id in the platform in service before this one.
    pub external_id: String,
}

/// A finding about a person's real name.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListedRealName {
    /// Number of the person.
    pub person: String,
    /// What was found, as a word or its name in Chinese.
    pub state: String,
    /// How strongly, as a word or its name in Chinese; for what was verified.
    pub level: String,
    /// By which channel, as a word or its name in Chinese.
    pub channel: String,
    /// When.
    pub found_at: String,
}

/// An enterprise on a roster.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListedRosterEntry {
    /// Number of the enterprise.
    pub enterprise: String,
    /// Which roster, as a word or its name in Chinese.
    pub roster: String,
    /// From then on.
    pub starts_at: String,
    /// The last day, or the instant; empty, 长期 or the year 9999 while it is on the roster.
    pub ends_at: String,
    /// The document that names it.
    pub document: String,
}

/// A number somebody had before.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListedFormerNumber {
    /// A number by which the taxpayer is known already.
    pub taxpayer: String,
    /// Which register the former number is from, as a word or its name in Chinese.
    pub number_kind: String,
    /// The former number.
    pub number: String,
}

/// What a row means.
pub(super) enum Read {
    /// And when it was collected.
    Taxpayer(NewTaxpayer, Option<Timestamp>),
    Relation(NewRelation),
    RealName(NewRealName),
    RosterEntry(NewRosterEntry),
    FormerNumber(NewFormerNumber),
}

impl Listed {
    /// What a row of its kind is.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Taxpayer(_) => "taxpayer",
            Self::Relation(_) => "relation",
            Self::RealName(_) => "real_name",
            Self::RosterEntry(_) => "roster_entry",
            Self::FormerNumber(_) => "former_number",
        }
    }

    /// What the text means.
    ///
    /// # Errors
    /// `Invalid` with the first field that means nothing.
    pub(super) fn read(&self) -> Result<Read, Error> {
        Ok(match self {
            Self::Taxpayer(row) => {
                let new = NewTaxpayer {
                    kind: named("kind", "kind", &row.kind, TaxpayerKind::ALL, TaxpayerKind::as_str, kind_title)?,
                    name: row.name.trim().to_owned(),
                    number: row.number.trim().to_owned(),
                    number_kind: said(&row.number_kind).map(|text| number_kind(&text)).transpose()?,
                    phone: said(&row.phone),
                    authority: AuthorityCode::parse(row.authority.trim())
                        .map_err(|e| Error::invalid("authority", Problem::Malformed(e.to_string())))?,
                    synthetic: false,
                    registration_seq: said(&row.registration_seq),
                    external_id: said(&row.external_id),
                };
                Read::Taxpayer(new, said(&row.as_of).map(|text| term_begin("as_of", &text)).transpose()?)
            }
            Self::Relation(row) => Read::Relation(NewRelation {
                enterprise: needed("enterprise", &row.enterprise)?,
                role: named("role", "role", &row.role, Role::ALL, Role::as_str, Role::title)?,
                person: needed("person", &row.person)?,
                starts_at: term_begin("starts_at", &row.starts_at)?,
                ends_at: term_end("ends_at", &row.ends_at)?,
                released: yes("released", &row.released)?,
                channel: channel(&row.channel)?,
                external_id: said(&row.external_id),
            }),
            Self::RealName(row) => Read::RealName(NewRealName {
                person: needed("person", &row.person)?,
                state: named("state", "state", &row.state, RealNameState::ALL, RealNameState::as_str, RealNameState::title)?,
                level: match said(&row.level) {
                    None => None,
                    Some(text) => Some(named("level", "level", &text, RealNameLevel::ALL, RealNameLevel::as_str, RealNameLevel::title)?),
                },
                channel: channel(&row.channel)?,
                found_at: term_begin("found_at", &row.found_at)?,
            }),
            Self::RosterEntry(row) => Read::RosterEntry(NewRosterEntry {
                enterprise: needed("enterprise", &row.enterprise)?,
                roster: named("roster", "roster", &row.roster, Roster::ALL, Roster::as_str, Roster::title)?,
                starts_at: term_begin("starts_at", &row.starts_at)?,
                ends_at: term_end("ends_at", &row.ends_at)?,
                document: row.document.clone(),
            }),
            Self::FormerNumber(row) => Read::FormerNumber(NewFormerNumber {
                taxpayer: needed("taxpayer", &row.taxpayer)?,
                kind: number_kind(&row.number_kind)?,
                number: needed("number", &row.number)?,
            }),
        })
    }

    /// When it was found, for what must be applied in the order of time.
    pub(super) fn found_at(&self) -> Option<Timestamp> {
        if let Self::RealName(row) = self { term_begin("found_at", &row.found_at).ok() } else { None }
    }
}

fn said(text: &str) -> Option<String> {
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn needed(field: &'static str, text: &str) -> Result<String, Error> {
    said(text).ok_or_else(|| Error::invalid(field, Problem::Empty))
}

/// The one of `all` with this word or this name in Chinese.
fn named<T: Copy>(
    field: &'static str,
    what: &'static str,
    text: &str,
    all: &[T],
    word: fn(T) -> &'static str,
    title: fn(T) -> &'static str,
) -> Result<T, Error> {
    let text = needed(field, text)?;
    let one = all.iter().copied().find(|one| word(*one) == text || title(*one) == text);
    one.ok_or_else(|| Error::invalid(field, Problem::Unknown(what)))
}

const fn kind_title(kind: TaxpayerKind) -> &'static str {
    match kind {
        TaxpayerKind::Person => "自然人",
        TaxpayerKind::Enterprise => "企业",
    }
}

fn number_kind(text: &str) -> Result<NumberKind, Error> {
    named("number_kind", "kind of number", text, NumberKind::ALL, NumberKind::as_str, NumberKind::title)
}

fn channel(text: &str) -> Result<CaptureChannel, Error> {
    named("channel", "channel", text, CaptureChannel::ALL, CaptureChannel::as_str, CaptureChannel::title)
}

fn yes(field: &'static str, text: &str) -> Result<bool, Error> {
    match text.trim() {
        "" | "否" | "N" | "n" | "0" | "false" => Ok(false),
        "是" | "Y" | "y" | "1" | "true" => Ok(true),
        _ => Err(Error::invalid(field, Problem::Malformed("expected 是 or 否".into()))),
    }
}

/// A date, and the instant where a time is given. What databases and Excel write for a date alone, a time of 00:00:00, is none.
enum Day {
    Whole(Date),
    At(Timestamp),
}

/// RFC 3339, or a date as people and programs write it (2026-01-31, 2026/1/31, 2026.1.31, 20260131, 2026年1月31日) with or
/// without a time, which is Beijing's.
fn day(field: &'static str, text: &str) -> Result<Day, Error> {
    let text = needed(field, text)?;
    let unread = || Error::invalid(field, Problem::Malformed("expected a date such as 2026-01-31".into()));
    if let Some(at) = Timestamp::parse(&text) {
        return Ok(Day::At(at));
    }
    let (date, time) = text.split_once([' ', 'T']).unwrap_or((&text, ""));
    let date = date.trim_end_matches('日').replace(['年', '月', '/', '.'], "-");
    let numbers = |text: &str, separator: char| text.split(separator).map(number).collect::<Option<Vec<u32>>>();
    let compact = date.len() == 8 && date.bytes().all(|c| c.is_ascii_digit());
    let date = if compact { format!("{}-{}-{}", &date[..4], &date[4..6], &date[6..]) } else { date };
    let date = match numbers(&date, '-').as_deref() {
        // Two digits of a year are a day or a month to somebody else.
        Some(&[year @ 1900..=9999, month, day]) => Date::from_ymd_opt(year as i32, month, day).ok_or_else(unread)?,
        _ => return Err(unread()),
    };
    let seconds = match numbers(time.trim().split('.').next().unwrap_or_default(), ':').as_deref() {
        _ if time.trim().is_empty() => 0,
        Some(&[hour @ 0..24, minute @ 0..60]) => hour * 3600 + minute * 60,
        Some(&[hour @ 0..24, minute @ 0..60, second @ 0..60]) => hour * 3600 + minute * 60 + second,
        _ => return Err(unread()),
    };
    let second = std::time::Duration::from_secs(seconds.into());
    Ok(if seconds == 0 { Day::Whole(date) } else { Day::At(midnight(date).plus(second)) })
}

/// One to four digits.
fn number(text: &str) -> Option<u32> {
    let digits = (1..=4).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

/// When a term begins that an outside system writes as a date, or as an instant: a day begins with its first instant.
///
/// # Errors
/// `Invalid` with the field, for what is no date.
pub fn term_begin(field: &'static str, text: &str) -> Result<Timestamp, Error> {
    Ok(match day(field, text)? {
        Day::Whole(date) => midnight(date),
        Day::At(at) => at,
    })
}

/// When such a term ends; absent for none, 长期, and the year 9999. A last day is over when the next one begins.
///
/// # Errors
/// `Invalid` with the field, for what is no date.
pub fn term_end(field: &'static str, text: &str) -> Result<Option<Timestamp>, Error> {
    if matches!(text.trim(), "" | "长期") {
        return Ok(None);
    }
    let whole = match day(field, text)? {
        Day::At(at) => return Ok(Some(at)),
        Day::Whole(date) => date,
    };
    let next = whole.succ_opt().filter(|_| chrono::Datelike::year(&whole) < 9999);
    Ok(next.map(midnight))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn arbitrary_text_never_panics_and_what_is_read_is_an_instant_that_can_be_written(
            text in "(\\PC{0,12}|[0-9年月日/.:T -]{4,24}|[0-9]{8})"
        ) {
            for at in [term_begin("d", &text).ok(), term_end("d", &text).ok().flatten()].into_iter().flatten() {
                prop_assert!(at == Timestamp::parse(&at.rfc3339()).unwrap());
            }
            let _ = (yes("y", &text), channel(&text), number_kind(&text), said(&text), number(&text));
        }
    }

    #[test]
    fn dates_as_people_and_programs_write_them() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        for text in [
            "2026-01-31",
            "2026/1/31",
            "2026.1.31",
            " 20260131 ",
            "2026年1月31日",
            "2026-01-31 00:00:00",
            "2026-01-31 00:00:00.0",
            "2026-01-31T00:00:00+08:00",
        ] {
            assert_eq!(term_begin("d", text).unwrap(), at("2026-01-31T00:00:00+08:00"), "{text}");
        }
        assert_eq!(term_begin("d", "2026-1-31 9:05").unwrap(), at("2026-01-31T09:05:00+08:00"));
        assert_eq!(term_begin("d", "2026-01-31T23:59:59").unwrap(), at("2026-01-31T23:59:59+08:00"));
        for text in ["2026-02-29", "26-01-31", "31/1/2026", "45688", "2026-01", "2026-01-31 24:00", "2026-01-31 x", "2026-1-1-1", "１", "-"]
        {
            assert!(matches!(term_begin("d", text), Err(Error::Invalid { problem: Problem::Malformed(_), .. })), "{text}");
        }
        assert_eq!(term_begin("d", " "), Err(Error::invalid("d", Problem::Empty)));
    }

    #[test]
    fn a_last_day_is_over_when_the_next_begins_and_the_year_9999_never_comes() {
        let at = |text: &str| Some(Timestamp::parse(text).unwrap());
        assert_eq!(term_end("d", "2025-12-31").unwrap(), at("2026-01-01T00:00:00+08:00"));
        assert_eq!(term_end("d", "2025-12-31 00:00:00").unwrap(), at("2026-01-01T00:00:00+08:00"));
        assert_eq!(term_end("d", "2025-12-31 12:00").unwrap(), at("2025-12-31T12:00:00+08:00"));
        for open in ["", " ", "长期", "9999-12-31", "9999-12-31 00:00:00"] {
            assert_eq!(term_end("d", open).unwrap(), None, "{open}");
        }
        assert!(term_end("d", "不定").is_err());
    }

    #[test]
    fn words_are_known_in_both_tongues_and_a_yes_in_each_way_of_writing() {
        assert_eq!(channel("税务登记").unwrap(), channel("register").unwrap());
        assert_eq!(channel("口头").unwrap_err(), Error::invalid("channel", Problem::Unknown("channel")));
        assert_eq!(["是", "Y", "1", "否", "", "N"].map(|text| yes("y", text).unwrap()), [true, true, true, false, false, false]);
        assert!(yes("y", "也许").is_err());
    }
}
