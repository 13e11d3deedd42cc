//! Channels (诉求渠道): by which appeals arrive from elsewhere, as data: how their tables are called, what their words mean, and by when
//! they are answered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::arrival::{Arrival, ArrivalField};
use crate::access::{Engine, path_named};
use crate::ctx::Ctx;
use crate::error::{self, Error, Problem};
use crate::identity::AuthorityCode;
use crate::limits;
use crate::store::{ReadTx, Reads, Tx, Writes, stretch};

record! {
    /// A channel as it is set.
    pub struct ChannelRow in "appeal_channel" {
        /// What it is known by: a word of small letters, digits and `_`.
        code: String,
        /// The authority that what names no office goes to.
        authority: AuthorityCode,
        /// How it works.
        settings: ChannelSettings,
        /// Counts updates.
        version: i64,
    }
    key(code);
    version version;
}

/// Titles of a channel's columns that mean a field, beside those that are common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NamedField {
    /// What the column says.
    pub field: ArrivalField,
    /// How it is called there.
    pub names: Vec<String>,
}

/// What a word of a channel means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Word {
    /// In which field.
    pub field: ArrivalField,
    /// As the channel writes it.
    pub said: String,
    /// As it is written here: a word of the field.
    pub means: String,
}

/// How a channel works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ChannelSettings {
    /// Name, in Chinese.
    pub name: String,
    /// How its columns are called.
    #[serde(default)]
    pub columns: Vec<NamedField>,
    /// What its words mean.
    #[serde(default)]
    pub words: Vec<Word>,
    /// Within so many working days an appeal is answered that names no other day; absent where the channel asks for none.
    #[serde(default)]
    pub working_days: Option<u32>,
    /// The document by which that is so.
    #[serde(default)]
    pub source: Option<String>,
    /// Whether the answer goes back to the channel.
    pub replies: bool,
}

stored_as_json!(ChannelSettings);

impl ChannelSettings {
    /// One that asks for nothing.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), columns: Vec::new(), words: Vec::new(), working_days: None, source: None, replies: true }
    }

    fn checked(self) -> Result<Self, Error> {
        let name = error::text("settings.name", &self.name, limits::NAME_CHARS_MAX)?;
        let source = self.source.as_deref().map(|text| error::text("settings.source", text, limits::DOCUMENT_CHARS_MAX)).transpose()?;
        if self.working_days.is_some_and(|days| !(1..=limits::APPEAL_WORKING_DAYS_MAX).contains(&days)) {
            let max = i64::from(limits::APPEAL_WORKING_DAYS_MAX);
            return Err(Error::invalid("settings.working_days", Problem::OutOfRange { min: 1, max }));
        }
        if self.working_days.is_some() != source.is_some() {
            return Err(Error::invalid("settings.source", Problem::Malformed("a period has its source, and only a period has".into())));
        }
        let named = self.columns.iter().map(|column| column.names.len()).sum::<usize>() + self.words.len();
        if named > limits::CHANNEL_NAMES_MAX {
            return Err(Error::invalid("settings.columns", Problem::TooMany { max: limits::CHANNEL_NAMES_MAX }));
        }
        let mut titles = BTreeMap::new();
        for (i, column) in self.columns.iter().enumerate() {
            for title in &column.names {
                error::text("settings.columns", title, limits::NAME_CHARS_MAX)?;
                if titles.insert(title.as_str(), column.field).is_some_and(|other| other != column.field) {
                    return Err(Error::invalid(format!("settings.columns[{i}].names"), Problem::Taken));
                }
            }
        }
        for (i, word) in self.words.iter().enumerate() {
            error::text("settings.words", &word.said, limits::NAME_CHARS_MAX)?;
            if !word.field.knows(&word.means) {
                return Err(Error::invalid(format!("settings.words[{i}].means"), Problem::Unknown("word")));
            }
        }
        Ok(Self { name, source, ..self })
    }

    /// The field that a title means here, and whether only its likeness says so.
    fn field_of(&self, title: &str) -> Option<(ArrivalField, bool)> {
        let title = title.trim().trim_matches(|c: char| matches!(c, '*' | ':' | '：' | '（' | '）' | '(' | ')'));
        let own = self.columns.iter().find(|column| column.names.iter().any(|name| name == title));
        let common = || ArrivalField::ALL.iter().copied().find(|field| field.is_called(title));
        let alike = || {
            let like = ArrivalField::ALL.iter().filter_map(|field| Some((field.is_like(title)?, *field)));
            like.max_by_key(|(end, _)| *end).map(|(_, field)| (field, true))
        };
        own.map(|column| column.field).or_else(common).map(|field| (field, false)).or_else(alike)
    }

    /// What each column of a table says, by its titles.
    pub fn columns_of(&self, titles: &[String]) -> Vec<FoundColumn> {
        let found = |title: &String| {
            let (field, guessed) = self.field_of(title).unzip();
            FoundColumn { title: title.clone(), field, guessed: guessed.unwrap_or(false) }
        };
        titles.iter().map(found).collect()
    }

    /// Whether these are titles of a table of appeals: two of them are known.
    pub fn is_named_by(&self, titles: &[String]) -> bool {
        self.columns_of(titles).iter().filter(|column| column.field.is_some() && !column.guessed).count() >= 2
    }

    /// What a word of a field means.
    pub(super) fn means<'a>(&'a self, field: ArrivalField, said: &'a str) -> &'a str {
        let word = self.words.iter().find(|word| word.field == field && word.said == said);
        word.map_or(said, |word| word.means.as_str())
    }
}

/// A column of a table, and what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FoundColumn {
    /// Its title.
    pub title: String,
    /// What it says; nothing where nobody knows.
    pub field: Option<ArrivalField>,
    /// Whether only its likeness says so: such a column is left out until the channel names it.
    pub guessed: bool,
}

/// What stands before the sums below a table.
const TOTALS: [&str; 4] = ["合计", "总计", "小计", "共计"];

/// The columns of a table, each field at most once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns(Vec<Option<ArrivalField>>);

impl Columns {
    /// Of those that were found.
    ///
    /// # Errors
    /// `Invalid` where two columns say the same, or none says what was written.
    pub fn new(found: &[FoundColumn]) -> Result<Self, Error> {
        let known: Vec<Option<ArrivalField>> = found.iter().map(|column| column.field.filter(|_| !column.guessed)).collect();
        for (at, field) in known.iter().enumerate().filter_map(|(at, field)| Some((at, (*field)?))) {
            if known[..at].contains(&Some(field)) {
                let what = format!("column {} says the same as another one: {}", at + 1, field.as_str());
                return Err(Error::invalid("columns", Problem::Malformed(what)));
            }
        }
        if !known.contains(&Some(ArrivalField::Text)) {
            return Err(Error::invalid("columns", Problem::Malformed("no column says what was written (text)".into())));
        }
        Ok(Self(known))
    }

    /// A row by these columns; nothing for a total (合计).
    pub fn arrival(&self, cells: &[String]) -> Option<Arrival> {
        let first = cells.iter().map(|cell| cell.trim()).find(|cell| !cell.is_empty())?;
        if TOTALS.iter().any(|total| first.trim_end_matches([':', '：']) == *total) {
            return None;
        }
        let mut arrival = Arrival::default();
        for (field, cell) in self.0.iter().zip(cells).filter_map(|(field, cell)| Some(((*field)?, cell))) {
            cell.trim().clone_into(arrival.field_mut(field));
        }
        Some(arrival)
    }
}

/// A channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Channel {
    /// What it is known by.
    pub code: String,
    /// The authority that what names no office goes to; absent for a shipped one that nobody set: the province's.
    pub authority: Option<AuthorityCode>,
    /// How it works.
    pub settings: ChannelSettings,
}

/// Sets how a channel works, as the host itself, where nobody is there yet to agree: when a bureau is set up.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SetChannel {
    /// What it is known by: 2 to 40 small letters, digits and `_`.
    pub code: String,
    /// The authority that what names no office goes to.
    pub authority: AuthorityCode,
    /// How it works: all of it, also what does not change.
    pub settings: ChannelSettings,
}

/// The channel works so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelSet {
    /// Which.
    pub code: String,
}

impl crate::core::Answer for ChannelSet {
    fn subject(&self) -> String {
        format!("appeal_channel/{}", self.code)
    }
}

/// Sets how a channel works: one that is shipped, one that is there, or another one.
///
/// # Errors
/// `Invalid` with the field.
pub fn set_channel(tx: &mut dyn Tx, ctx: &Ctx, cmd: SetChannel) -> Result<ChannelSet, Error> {
    let word = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_';
    if !(2..=40).contains(&cmd.code.len()) || !cmd.code.bytes().all(word) {
        return Err(Error::invalid("code", Problem::Malformed("expected 2 to 40 small letters, digits and _".into())));
    }
    path_named(tx, ctx, "authority", cmd.authority)?;
    let settings = cmd.settings.checked()?;
    let row = ChannelRow { code: cmd.code.clone(), authority: cmd.authority, settings, version: 0 };
    if !tx.add_new(&row)? {
        let known = row_of(tx, &cmd.code)?.ok_or(Error::NotFound { what: "appeal_channel" })?;
        tx.replace(&known, ChannelRow { version: known.version, ..row })?;
    }
    Ok(ChannelSet { code: cmd.code })
}

fn row_of(tx: &mut dyn ReadTx, code: &str) -> Result<Option<ChannelRow>, Error> {
    Ok(tx.find::<ChannelRow>((code.to_owned(),))?.map(|row| row.trust("channels are known to whoever collects").into_inner()))
}

/// A channel, as it is set or shipped.
///
/// # Errors
/// `Invalid` for one that nobody knows.
pub(crate) fn channel(tx: &mut dyn ReadTx, code: &str) -> Result<Channel, Error> {
    if let Some(row) = row_of(tx, code)? {
        return Ok(Channel { code: row.code, authority: Some(row.authority), settings: row.settings });
    }
    shipped().into_iter().find(|channel| channel.code == code).ok_or_else(|| Error::invalid("channel", Problem::Unknown("channel")))
}

/// Every channel, as set or shipped, by code.
pub(crate) fn channels(tx: &mut dyn ReadTx) -> Result<Vec<Channel>, Error> {
    let mut all: BTreeMap<String, Channel> = shipped().into_iter().map(|channel| (channel.code.clone(), channel)).collect();
    for row in tx.scan_all(Engine::work("channels, which are known to whoever collects"), stretch(None, ()), |_: &ChannelRow| true)? {
        all.insert(row.code.clone(), Channel { code: row.code, authority: Some(row.authority), settings: row.settings });
    }
    Ok(all.into_values().collect())
}

/// Codes, names, whether the answer goes back to the channel. None has a period: each follows its own document, which whoever sets the
/// bureau up names (`SetChannel`).
const SHIPPED: [(&str, &str, bool); 12] = [
    ("hotline_12366", "12366 纳税缴费服务热线", true),
    ("interaction", "征纳互动", true),
    ("jishuiban", "吉税办", true),
    ("hotline_12345", "12345 接诉即办", true),
    ("e_tax_bureau", "电子税务局", true),
    ("website", "门户网站留言", true),
    ("petition", "信访", true),
    ("online_opinion", "网络舆情", false),
    ("directors_mailbox", "局长信箱", true),
    ("rating", "好差评", true),
    ("internet_tax_supervision", "互联网+税务督查", true),
    ("internet_supervision", "互联网+督查", true),
];

fn shipped() -> Vec<Channel> {
    let channel = |(code, name, replies): &(&str, &str, bool)| Channel {
        code: (*code).to_owned(),
        authority: None,
        settings: ChannelSettings { replies: *replies, ..ChannelSettings::new(*name) },
    };
    SHIPPED.iter().map(channel).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twelve_are_shipped_and_each_is_within_the_limits() {
        for channel in shipped() {
            assert_eq!(channel.settings.clone().checked(), Ok(channel.settings), "{}", channel.code);
        }
        assert_eq!(shipped().len(), 12);
    }

    #[test]
    fn columns_are_known_by_their_own_names_by_common_ones_and_guessed_by_likeness() {
        let own = NamedField { field: ArrivalField::Text, names: vec!["市民反映".into()] };
        let settings = ChannelSettings { columns: vec![own], ..ChannelSettings::new("热线") };
        let titles = ["工单编号", "*市民反映", "来电人电话号码（脱敏前）", "备注"].map(str::to_owned);
        let found = settings.columns_of(&titles);
        let told: Vec<_> = found.iter().map(|c| (c.field, c.guessed)).collect();
        let expected = [
            (Some(ArrivalField::ExternalId), false),
            (Some(ArrivalField::Text), false),
            (Some(ArrivalField::ReporterPhone), true),
            (None, false),
        ];
        assert_eq!(told, expected);
        let columns = Columns::new(&found).unwrap();
        let arrival = columns.arrival(&["A1", " 发票开不出 ", "13800000000", "x"].map(str::to_owned)).unwrap();
        assert_eq!((arrival.external_id.as_str(), arrival.text.as_str(), arrival.reporter_phone.as_str()), ("A1", "发票开不出", ""));
        assert_eq!(columns.arrival(&["合计：", "", "4", ""].map(str::to_owned)), None);
        assert!(Columns::new(&settings.columns_of(&["诉求内容".to_owned(), "市民反映".to_owned()])).is_err(), "the same twice");
        assert!(Columns::new(&settings.columns_of(&["编号".to_owned()])).is_err(), "nothing was written");
        assert!(settings.is_named_by(&titles) && !settings.is_named_by(&["2026年第47周诉求汇总".to_owned()]));
    }
}
