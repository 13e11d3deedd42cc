//! What arrives by a channel: text, as its table says it, and what that means.

use serde::{Deserialize, Serialize};

use super::channel::ChannelSettings;
use super::{AppealKind, AppealState, ReporterView};
use crate::clock::Timestamp;
use crate::error::{self, Error, Problem};
use crate::identity::{AuthorityCode, mask_name, mask_phone, term_begin};
use crate::limits;

words! {
    /// What a column of a channel's table says.
    pub enum ArrivalField {
        /// The number that the channel gave it (工单编号).
        ExternalId = "external_id",
        /// When it arrived there (受理时间).
        ReceivedAt = "received_at",
        /// Opinion, enquiry, suggestion, complaint or report on service (诉求类型).
        Kind = "kind",
        /// Title (标题).
        Title = "title",
        /// What was written or said (诉求内容).
        Text = "text",
        /// Name of whoever brought it (诉求人).
        ReporterName = "reporter_name",
        /// Their phone (联系电话).
        ReporterPhone = "reporter_phone",
        /// The office it is for (承办单位): its code, or its full name.
        Authority = "authority",
        /// By when it is to be answered (办理时限).
        DueAt = "due_at",
        /// Where it stands there (办理状态).
        State = "state",
        /// What was answered there (答复内容).
        Reply = "reply",
        /// When (答复时间).
        RepliedAt = "replied_at",
    }
}

impl ArrivalField {
    /// How columns are commonly called that say it, its word included.
    pub const fn names(self) -> &'static [&'static str] {
        match self {
            Self::ExternalId => &["external_id", "工单编号", "工单号", "诉求编号", "受理编号", "信件编号", "业务编号", "编号"],
            Self::ReceivedAt => {
                &["received_at", "受理时间", "来电时间", "提交时间", "诉求时间", "登记时间", "留言时间", "评价时间", "日期"]
            }
            Self::Kind => &["kind", "诉求类型", "工单类型", "事项类型", "类型"],
            Self::Title => &["title", "标题", "主题", "诉求标题"],
            Self::Text => &["text", "诉求内容", "工单内容", "来电内容", "问题描述", "诉求描述", "留言内容", "内容"],
            Self::ReporterName => &["reporter_name", "诉求人", "来电人", "反映人", "联系人", "留言人", "姓名"],
            Self::ReporterPhone => &["reporter_phone", "联系电话", "来电号码", "手机号码", "手机号", "电话"],
            Self::Authority => &["authority", "承办单位", "主管税务机关", "转办单位", "责任单位", "被评价单位"],
            Self::DueAt => &["due_at", "办理时限", "截止时间", "要求办结时间", "答复期限"],
            Self::State => &["state", "办理状态", "工单状态", "办结状态", "状态"],
            Self::Reply => &["reply", "答复内容", "办理结果", "回复内容", "处理结果"],
            Self::RepliedAt => &["replied_at", "答复时间", "办结时间", "回复时间"],
        }
    }

    pub(super) fn is_called(self, title: &str) -> bool {
        self.names().iter().any(|name| name.eq_ignore_ascii_case(title))
    }

    /// Where a title has one of its names within it, the end of the last: what a title is of stands at its end.
    pub(super) fn is_like(self, title: &str) -> Option<usize> {
        let long = self.names().iter().filter(|name| !name.is_ascii() && name.chars().count() > 1);
        long.filter_map(|name| Some(title.rfind(name)? + name.len())).max()
    }

    /// Whether a word of this field has that meaning; a field that takes any text has no words.
    pub(super) fn knows(self, word: &str) -> bool {
        match self {
            Self::Kind => AppealKind::parse(word).is_some(),
            Self::State => AppealState::parse(word).is_some(),
            Self::Authority => AuthorityCode::parse(word).is_ok(),
            _ => false,
        }
    }
}

/// A row of a channel's table: text, empty where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Arrival {
    /// The number that the channel gave it.
    pub external_id: String,
    /// When it arrived there.
    pub received_at: String,
    /// What kind it is; an enquiry where nothing is said.
    pub kind: String,
    /// Title.
    pub title: String,
    /// What was written or said.
    pub text: String,
    /// Name of whoever brought it.
    pub reporter_name: String,
    /// Their phone.
    pub reporter_phone: String,
    /// The office it is for.
    pub authority: String,
    /// By when it is to be answered.
    pub due_at: String,
    /// Where it stands there.
    pub state: String,
    /// What was answered there.
    pub reply: String,
    /// When.
    pub replied_at: String,
}

/// What a row means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Meaning {
    pub(super) external_id: Option<String>,
    pub(super) received_at: Timestamp,
    pub(super) kind: AppealKind,
    pub(super) title: Option<String>,
    pub(super) text: String,
    pub(super) reporter: Option<Reporter>,
    pub(super) authority: Option<String>,
    pub(super) due_at: Option<Timestamp>,
    pub(super) state: AppealState,
    pub(super) reply: Option<String>,
    pub(super) replied_at: Option<Timestamp>,
}

/// Whoever brought it, as the channel says: nobody has looked whether it is so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reporter {
    pub(super) name: Option<String>,
    pub(super) phone: Option<String>,
}

impl Reporter {
    /// Masked.
    pub(super) fn view(&self) -> ReporterView {
        ReporterView { name: self.name.as_deref().map(mask_name), phone: self.phone.as_deref().map(mask_phone) }
    }
}

impl Arrival {
    pub(super) fn field_mut(&mut self, field: ArrivalField) -> &mut String {
        match field {
            ArrivalField::ExternalId => &mut self.external_id,
            ArrivalField::ReceivedAt => &mut self.received_at,
            ArrivalField::Kind => &mut self.kind,
            ArrivalField::Title => &mut self.title,
            ArrivalField::Text => &mut self.text,
            ArrivalField::ReporterName => &mut self.reporter_name,
            ArrivalField::ReporterPhone => &mut self.reporter_phone,
            ArrivalField::Authority => &mut self.authority,
            ArrivalField::DueAt => &mut self.due_at,
            ArrivalField::State => &mut self.state,
            ArrivalField::Reply => &mut self.reply,
            ArrivalField::RepliedAt => &mut self.replied_at,
        }
    }

    /// What the text means, by the words of its channel. Later than `now` nothing has arrived.
    ///
    /// # Errors
    /// `Invalid` with the first field that means nothing.
    pub(super) fn read(&self, settings: &ChannelSettings, now: Timestamp) -> Result<Meaning, Error> {
        let received_at = instant("received_at", &self.received_at)?.ok_or_else(|| Error::invalid("received_at", Problem::Empty))?;
        let replied_at = instant("replied_at", &self.replied_at)?;
        for (field, at) in [("received_at", Some(received_at)), ("replied_at", replied_at)] {
            if at.is_some_and(|at| at > now.plus(limits::CLOCK_SKEW_MAX)) {
                return Err(Error::invalid(field, Problem::Malformed("is in the future".into())));
            }
        }
        let reply = said("reply", &self.reply, limits::ARRIVAL_CHARS_MAX)?;
        // What was answered is closed, whatever else the channel calls it.
        let state = match said("state", &self.state, limits::NAME_CHARS_MAX)? {
            _ if reply.is_some() => AppealState::Closed,
            None => AppealState::Received,
            Some(word) => state_of(settings.means(ArrivalField::State, &word))?,
        };
        let reporter = Reporter {
            name: said("reporter_name", &self.reporter_name, limits::NAME_CHARS_MAX)?,
            phone: said("reporter_phone", &self.reporter_phone, limits::NAME_CHARS_MAX)?,
        };
        Ok(Meaning {
            external_id: said("external_id", &self.external_id, limits::EXTERNAL_ID_CHARS_MAX)?,
            received_at,
            kind: match said("kind", &self.kind, limits::NAME_CHARS_MAX)? {
                Some(word) => kind_of(settings.means(ArrivalField::Kind, &word))?,
                None => AppealKind::Enquiry,
            },
            title: said("title", &self.title, limits::ARRIVAL_TITLE_CHARS_MAX)?,
            text: error::text("text", &self.text, limits::ARRIVAL_CHARS_MAX)?,
            reporter: (reporter != Reporter::default()).then_some(reporter),
            authority: said("authority", &self.authority, limits::NAME_CHARS_MAX)?,
            due_at: instant("due_at", &self.due_at)?,
            state,
            reply,
            replied_at,
        })
    }
}

fn said(field: &'static str, text: &str, max: usize) -> Result<Option<String>, Error> {
    if text.trim().is_empty() { Ok(None) } else { error::text(field, text, max).map(Some) }
}

/// An instant as people, programs and Excel write it: Excel counts days since 1899-12-30 where a cell has lost its format.
fn instant(field: &'static str, text: &str) -> Result<Option<Timestamp>, Error> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let serial = text.parse::<f64>().ok().filter(|days| (20_000.0..80_000.0).contains(days));
    if let Some(days) = serial {
        return Ok(Some(excel_day(days)));
    }
    term_begin(field, text).map(Some)
}

/// 1970-01-01 in Beijing, as Excel counts days.
const EPOCH_DAY: f64 = 25_569.0;

fn excel_day(days: f64) -> Timestamp {
    let seconds = ((days - EPOCH_DAY) * 86_400.0).round() - 8.0 * 3600.0;
    let micros = seconds * 1e6;
    // Within 20,000 and 80,000 days: far within the range of whole numbers.
    Timestamp::from_micros(micros as i64)
}

fn kind_of(word: &str) -> Result<AppealKind, Error> {
    let title = |kind: AppealKind| match kind {
        AppealKind::Opinion => "意见",
        AppealKind::Enquiry => "咨询",
        AppealKind::Suggestion => "建议",
        AppealKind::Complaint => "投诉",
        AppealKind::ServiceReport => "举报",
    };
    let one = AppealKind::ALL.iter().copied().find(|kind| kind.as_str() == word || word.starts_with(title(*kind)));
    one.ok_or_else(|| Error::invalid("kind", Problem::Unknown("kind of appeal")))
}

fn state_of(word: &str) -> Result<AppealState, Error> {
    let known = match word {
        "待办" | "待受理" | "已受理" | "办理中" | "处理中" | "未办结" => Some(AppealState::Received),
        "已办结" | "已办" | "办结" | "已答复" | "已回复" => Some(AppealState::Closed),
        "不予受理" | "已退回" | "退回" => Some(AppealState::Rejected),
        "已转办" | "转办" => Some(AppealState::Transferred),
        word => AppealState::parse(word),
    };
    known.ok_or_else(|| Error::invalid("state", Problem::Unknown("state of an appeal")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn now() -> Timestamp {
        Timestamp::parse("2026-11-29T12:00:00+08:00").unwrap()
    }

    fn arrival() -> Arrival {
        Arrival { received_at: "2026/11/5".into(), text: "发票开不出来".into(), ..Arrival::default() }
    }

    #[test]
    fn what_people_and_excel_write_is_the_same_instant() {
        let settings = ChannelSettings::new("热线");
        let at = |text: &str| Arrival { received_at: text.into(), ..arrival() }.read(&settings, now()).map(|m| m.received_at);
        let day = Timestamp::parse("2026-11-05T00:00:00+08:00").unwrap();
        for text in ["2026-11-05", "2026/11/5", "2026年11月5日", "20261105", "46331", "46331.0", "2026-11-05 00:00:00"] {
            assert_eq!(at(text), Ok(day), "{text}");
        }
        assert_eq!(at("46331.5"), Ok(Timestamp::parse("2026-11-05T12:00:00+08:00").unwrap()));
        for wrong in ["", "去年", "2026-13-01", "2027-01-01", "1"] {
            assert!(matches!(at(wrong), Err(Error::Invalid { ref field, .. }) if field == "received_at"), "{wrong}");
        }
    }

    #[test]
    fn words_mean_what_the_channel_says_and_an_answer_closes() {
        let word = Word { field: ArrivalField::State, said: "流转".into(), means: "transferred".into() };
        let settings = ChannelSettings { words: vec![word], ..ChannelSettings::new("热线") };
        let read = |change: &dyn Fn(&mut Arrival)| {
            let mut row = arrival();
            change(&mut row);
            row.read(&settings, now())
        };
        assert_eq!(read(&|a| a.state = "流转".into()).unwrap().state, AppealState::Transferred);
        assert_eq!(read(&|a| a.state = "办理中".into()).unwrap().state, AppealState::Received);
        assert_eq!(read(&|a| (a.state, a.reply) = ("办理中".into(), "已开".into())).unwrap().state, AppealState::Closed);
        assert!(read(&|a| a.state = "飞走".into()).is_err());
        assert_eq!(read(&|a| a.kind = "投诉举报".into()).unwrap().kind, AppealKind::Complaint);
        assert_eq!(read(&|a| a.text = " ".into()).unwrap_err(), Error::invalid("text", Problem::Empty));
    }

    use super::super::channel::Word;

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(texts in proptest::collection::vec("\\PC{0,40}", 12)) {
            let mut row = Arrival::default();
            for (field, text) in ArrivalField::ALL.iter().zip(texts) {
                *row.field_mut(*field) = text;
            }
            let _ = row.read(&ChannelSettings::new("热线"), now());
        }
    }
}
