//! Appeals: filed by anybody about anybody, listed, read and answered by those who may and those who may not.

use proptest::prelude::*;
use zhengna_core::appeal::{AnswerAppeal, FileAppeal, Respondent};
use zhengna_core::id::AppealId;
use zhengna_core::store::Page;
use zhengna_tests::world::{KUANCHENG, NANGUAN, PROVINCE, code};

use super::{Play, Who, key, told, which, who, written};

/// What somebody does about an appeal. One is named by how many were filed behind it, with one that does not exist at the end.
#[derive(Clone, Debug)]
pub(super) enum Deed {
    AboutConversation(Who, usize, u8),
    AboutAuthority(Who, u8, u8),
    Mine(Who),
    List(Who, u32),
    Read(Who, usize),
    Answer(Who, usize, u8),
}

pub(super) fn deed() -> impl Strategy<Value = Deed> {
    let reader = || prop_oneof![2 => Just(Who::Chief), 1 => Just(Who::Officer(1)), 1 => who()];
    prop_oneof![
        2 => (who(), which(), key()).prop_map(|(w, c, k)| Deed::AboutConversation(w, c, k)),
        3 => ((0..4usize).prop_map(Who::Taxpayer), 0..4u8, key()).prop_map(|(w, at, k)| Deed::AboutAuthority(w, at, k)),
        1 => (0..4usize).prop_map(|n| Deed::Mine(Who::Taxpayer(n))),
        2 => (reader(), 1..4u32).prop_map(|(w, n)| Deed::List(w, n)),
        2 => (reader(), which()).prop_map(|(w, a)| Deed::Read(w, a)),
        2 => (reader(), which(), key()).prop_map(|(w, a, k)| Deed::Answer(w, a, k)),
    ]
}

impl Play {
    fn appeal(&self, which: usize) -> AppealId {
        let place = self.appeals.len().checked_sub(which + 1);
        place.map_or(AppealId::from_uuid(uuid::Uuid::from_u128(which as u128)), |p| self.appeals[p])
    }

    fn file(&mut self, who: Who, which: usize, key: u8, about: Respondent) -> String {
        let answer = self.about(who, which, key).appeals().file(FileAppeal::new(about, "无人接待")).wait();
        if let Ok(filed) = &answer
            && !self.appeals.contains(&filed.appeal)
        {
            self.appeals.push(filed.appeal);
        }
        told(answer)
    }

    pub(super) fn appeals(&mut self, deed: &Deed) -> String {
        match deed {
            Deed::AboutConversation(who, c, key) => self.file(*who, *c, *key, Respondent::Conversation(self.conversation(*c))),
            Deed::AboutAuthority(who, at, key) => {
                let at = [NANGUAN, KUANCHENG, PROVINCE, "12299999999"][usize::from(*at)];
                self.file(*who, 0, *key, Respondent::Authority(code(at)))
            }
            Deed::Mine(who) => written(self.as_(*who, 0).appeals().mine(Page { after: None, limit: 3 })),
            Deed::List(who, limit) => self.all_appeals(*who, *limit),
            Deed::Read(who, a) => written(self.as_(*who, 0).appeals().appeal(self.appeal(*a))),
            Deed::Answer(who, a, key) => {
                told(self.as_(*who, *key).appeals().answer(AnswerAppeal { appeal: self.appeal(*a), text: "已整改".into() }).wait())
            }
        }
    }

    /// What of interest a step came to.
    pub(super) fn appealed(deed: &Deed, answer: &str) -> Option<&'static str> {
        Some(match deed {
            Deed::AboutConversation(..) if answer.starts_with("Ok") => "about an officer",
            Deed::AboutConversation(..) if answer.contains("about.conversation") => "about nobody yet",
            Deed::AboutAuthority(..) if answer.starts_with("Ok") => "about an authority",
            Deed::List(..) if answer.starts_with("Ok([{") => "some listed",
            Deed::Read(..) if answer.starts_with("Ok({") => "read",
            Deed::Answer(..) if answer.starts_with("Ok") => "answered",
            Deed::Answer(..) if answer.contains("AppealClosed") => "answered already",
            Deed::Read(..) | Deed::Answer(..) if answer.contains("NotFound") => "no such appeal",
            _ => return None,
        })
    }

    /// Every page of what somebody handles.
    fn all_appeals(&self, who: Who, limit: u32) -> String {
        let (session, mut after, mut all) = (self.as_(who, 0), None, Vec::new());
        loop {
            match session.appeals().list(Page { after, limit }) {
                Ok(page) => {
                    let Some(last) = page.last() else { return written(Ok(all)) };
                    after = Some((last.filed_at, last.id.uuid()));
                    all.extend(page);
                }
                Err(e) => return format!("{e:?}"),
            }
        }
    }
}
