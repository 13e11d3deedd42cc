//! The lines that this program comes with (预置队列): a bureau opens them at its authority and changes them as it likes. Their topics, what
//! they say while nobody is there and the promise of the fast line are assumptions, not a published list.

use super::{LineHours, LineKind, LineSettings, OpenLine, RoutedTopic, Routing};
use crate::assignment::{Policy, Relax};
use crate::identity::AuthorityCode;

/// Codes, names, and the topic above.
const TOPICS: [(&str, &str, Option<&str>); 14] = [
    ("declaration", "申报缴税", None),
    ("vat", "增值税", Some("declaration")),
    ("corporate_income_tax", "企业所得税", Some("declaration")),
    ("individual_income_tax", "个人所得税", Some("declaration")),
    ("other_taxes", "其他税费", Some("declaration")),
    ("social_insurance", "社会保险费", None),
    ("invoice", "发票", None),
    ("invoice_issue", "发票开具与红冲", Some("invoice")),
    ("invoice_quota", "发票额度", Some("invoice")),
    ("registration", "登记与变更", None),
    ("refund", "退税", None),
    ("preferences", "优惠政策", None),
    ("e_tax_bureau", "电子税务局操作", None),
    ("other", "其他", None),
];

/// What could not be done, by where.
const PLACES: [(&str, &str, Option<&str>); 5] = [
    ("hall", "办税服务厅", None),
    ("e_tax_bureau", "电子税务局", None),
    ("mobile", "手机端", None),
    ("kiosk", "自助终端", None),
    ("other", "其他", None),
];

/// Within so many seconds somebody answers in the fast line.
const FAST_LINE_PROMISE_S: i64 = 300;

const MESSAGE: &str = "现在是非工作时间。请留言，工作人员上班后会按先后顺序答复您。";

impl LineSettings {
    /// General, unresolved-matter desk, large enterprises, small and micro enterprises, and the fast line, which offers unasked what waits in it.
    ///
    /// Whoever serves them takes anything at once: who names specialists declares how long it waits for them.
    pub fn shipped() -> Vec<Self> {
        let policy = Policy { relax: Relax::anybody(), ..Policy::default() };
        let line = |kind, name: &str| {
            let topics = if kind == LineKind::UnresolvedMatterDesk { &PLACES[..] } else { &TOPICS[..] };
            let topic = |(code, name, parent): &(&str, &str, Option<&str>)| RoutedTopic {
                code: (*code).into(),
                name: (*name).into(),
                parent: parent.map(Into::into),
                specialists_only: false,
            };
            let topics = topics.iter().map(topic).collect();
            let push = kind == LineKind::FastLine;
            let routing = Some(Routing { topics, policy: policy.clone(), push, ..Routing::default() });
            Self { kind, hours: LineHours::OfficeHours, closing_message: Some(MESSAGE.into()), routing, ..Self::new(name) }
        };
        vec![
            line(LineKind::General, "综合咨询"),
            line(LineKind::UnresolvedMatterDesk, "办不成事反映专窗"),
            line(LineKind::LargeEnterprise, "大企业专区"),
            line(LineKind::SmallMicro, "小微企业专区"),
            Self { promise_s: Some(FAST_LINE_PROMISE_S), ..line(LineKind::FastLine, "快速问题处理专线") },
        ]
    }
}

impl OpenLine {
    /// The shipped lines at an authority, each under an id of its own there: opened again, they are those that are open already.
    pub fn shipped(authority: AuthorityCode) -> Vec<Self> {
        let at = |settings: LineSettings| {
            let external_id = Some(format!("shipped/{authority}/{}", settings.kind.as_str()));
            Self { authority, settings, external_id }
        };
        LineSettings::shipped().into_iter().map(at).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_line_is_shipped_within_the_limits() {
        let shipped = LineSettings::shipped();
        assert_eq!(shipped.iter().map(|line| line.kind).collect::<Vec<_>>(), LineKind::ALL);
        for line in shipped {
            assert_eq!(line.clone().checked(), Ok(line));
        }
    }
}
