//! What officers do with a conversation beside answering it: hold it, join it, whisper, and let two of a person become one.

use proptest::prelude::*;
use zhengna_core::interaction::{
    AcceptOffer, AskColleague, Claim, DeclineOffer, Enter, Hold, Join, Merge, Resume, StepOut, Transfer, TransferTo, Transferred, Whisper,
};

use super::{Play, Who, key, which, who, written};

/// What somebody does, mostly to one of the newest conversations.
#[derive(Clone, Debug)]
pub(super) enum Deed {
    /// Into another line than that of most steps, so that one person has two.
    Enter(Who, u8),
    Claim(Who, u8),
    Hold(Who, usize, u8, i64),
    Resume(Who, usize, u8),
    Join(Who, usize, u8),
    StepOut(Who, usize, u8),
    Whisper(Who, usize, u8, usize),
    Ask(Who, usize, u8, usize),
    Whispers(Who, usize),
    Parallel(Who, usize),
    Merge(Who, usize, usize, u8),
    Accept(Who, usize, u8),
    Decline(Who, usize, u8),
    Transfer(Who, usize, u8, bool),
}

pub(super) fn deed() -> impl Strategy<Value = Deed> {
    let taxpayer = || (0..2usize).prop_map(Who::Taxpayer);
    let officer = || (0..2usize).prop_map(Who::Officer);
    let holder = || prop_oneof![8 => Just(Who::Holder), 1 => officer(), 1 => who()];
    let joiner = || prop_oneof![6 => Just(Who::Joiner), 1 => Just(Who::Supervisor), 1 => Just(Who::Holder)];
    prop_oneof![
        2 => (taxpayer(), key()).prop_map(|(w, k)| Deed::Enter(w, k)),
        4 => (officer(), key()).prop_map(|(w, k)| Deed::Claim(w, k)),
        5 => (holder(), which(), key(), prop_oneof![6 => 1..30i64, 1 => Just(0i64), 1 => Just(61i64)]).prop_map(|(w, c, k, m)| Deed::Hold(w, c, k, m)),
        2 => (holder(), which(), key()).prop_map(|(w, c, k)| Deed::Resume(w, c, k)),
        4 => (joiner(), which(), key()).prop_map(|(w, c, k)| Deed::Join(w, c, k)),
        3 => (joiner(), which(), key()).prop_map(|(w, c, k)| Deed::StepOut(w, c, k)),
        3 => (joiner(), which(), key(), 0..3usize).prop_map(|(w, c, k, t)| Deed::Whisper(w, c, k, t)),
        3 => (holder(), which(), key(), 0..3usize).prop_map(|(w, c, k, n)| Deed::Ask(w, c, k, n)),
        4 => (prop_oneof![4 => Just(Who::Holder), 1 => officer(), 1 => joiner()], which()).prop_map(|(w, c)| Deed::Whispers(w, c)),
        1 => (holder(), which()).prop_map(|(w, c)| Deed::Parallel(w, c)),
        5 => (holder(), 0..4usize, 0..4usize, key()).prop_map(|(w, c, o, k)| Deed::Merge(w, c, o, k)),
        1 => (holder(), which(), key()).prop_map(|(w, c, k)| Deed::Accept(w, c, k)),
        1 => (holder(), which(), key()).prop_map(|(w, c, k)| Deed::Decline(w, c, k)),
        2 => (holder(), which(), key(), any::<bool>()).prop_map(|(w, c, k, l)| Deed::Transfer(w, c, k, l)),
    ]
}

impl Play {
    pub(super) fn at_desk(&mut self, deed: &Deed) -> String {
        let of = |c: usize| self.conversation(c);
        let session = |who: Who, c: usize, key: u8| self.about(who, c, key);
        match deed {
            Deed::Enter(who, key) => {
                let cmd = Enter::new(self.second_line, "发票");
                let answer = self.as_(*who, *key).interaction().enter(cmd).wait();
                self.learn_entered(*who, answer)
            }
            Deed::Claim(who, key) => {
                let answer = self.as_(*who, *key).interaction().claim(Claim { line: self.second_line }).wait();
                self.learn_claimed(*who, answer)
            }
            Deed::Hold(who, c, key, minutes) => {
                written(session(*who, *c, *key).interaction().hold(Hold { conversation: of(*c), minutes: *minutes }).wait())
            }
            Deed::Resume(who, c, key) => written(session(*who, *c, *key).interaction().resume(Resume { conversation: of(*c) }).wait()),
            Deed::Join(who, c, key) => {
                written(session(*who, *c, *key).interaction().join(Join { conversation: of(*c), reason: "协助".into() }).wait())
            }
            Deed::StepOut(who, c, key) => written(session(*who, *c, *key).interaction().step_out(StepOut { conversation: of(*c) }).wait()),
            Deed::Whisper(who, c, key, text) => {
                let text = ["先核对身份", "他的电话是13900001234", " "][*text].to_owned();
                let cmd = Whisper { conversation: of(*c), text, confirmed: *key == 2 };
                written(session(*who, *c, *key).interaction().whisper(cmd).wait())
            }
            Deed::Ask(who, c, key, whom) => {
                let staff_no = ["22010001", "22010902", "22010903"][*whom].to_owned();
                let cmd = AskColleague { conversation: of(*c), staff_no, text: "这种情况怎么报？".into(), confirmed: false };
                written(session(*who, *c, *key).interaction().ask_colleague(cmd).wait())
            }
            Deed::Whispers(who, c) => written(session(*who, *c, 0).interaction().whispers(of(*c))),
            Deed::Parallel(who, c) => written(session(*who, *c, 0).interaction().parallel(of(*c))),
            Deed::Merge(who, c, other, key) => {
                written(session(*who, *c, *key).interaction().merge(Merge { conversation: of(*c), other: of(*other) }).wait())
            }
            // Nobody offers here: where many hosts serve, who is there is known a moment later. What is refused is the same.
            Deed::Accept(who, c, key) => {
                written(session(*who, *c, *key).interaction().accept_offer(AcceptOffer { conversation: of(*c) }).wait())
            }
            Deed::Decline(who, c, key) => {
                written(session(*who, *c, *key).interaction().decline_offer(DeclineOffer { conversation: of(*c) }).wait())
            }
            Deed::Transfer(who, c, key, to_line) => {
                let to = if *to_line { TransferTo::Line(self.second_line) } else { TransferTo::Officer(self.world.officers[1]) };
                let answer = session(*who, *c, *key).interaction().transfer(Transfer::new(of(*c), to, "请续办")).wait();
                if let (Ok(Transferred { officer: Some(_), .. }), Some(place)) = (&answer, self.place(*c)) {
                    self.holders[place] = Some(1);
                }
                written(answer)
            }
        }
    }

    /// What of interest a step came to.
    pub(super) fn came_to(deed: &Deed, answer: &str) -> Option<&'static str> {
        Some(match deed {
            Deed::Hold(..) if answer.starts_with("Ok") => "held",
            Deed::Hold(..) if answer.contains("OutOfRange") => "held for too long",
            Deed::Resume(..) if answer.starts_with("Ok") => "resumed",
            Deed::Hold(..) | Deed::Merge(..) if answer.contains("NotItsOfficer") => "only taking part",
            Deed::Join(..) if answer.starts_with("Ok") => "joined",
            Deed::Join(..) if answer.contains("Denied") => "supervises only, or serves only",
            Deed::StepOut(..) if answer.starts_with("Ok") => "stepped out",
            Deed::Whisper(..) if answer.starts_with("Ok") => "whispered",
            Deed::Whisper(..) if answer.contains("PersonalData") => "warned",
            Deed::Ask(..) if answer.starts_with("Ok") => "asked",
            Deed::Ask(..) if answer.contains("staff_no") => "asked nobody",
            Deed::Whispers(..) if answer.starts_with("Ok([{") => "heard",
            Deed::Parallel(..) if answer.starts_with("Ok([{") => "parallel",
            Deed::Merge(..) if answer.starts_with("Ok") => "merged",
            Deed::Merge(..) if answer.contains("Invalid") => "not to be merged",
            Deed::Merge(..) if answer.contains("HadByAnother") => "a colleague's",
            Deed::Accept(..) | Deed::Decline(..) if answer.contains("OfferOver") => "not offered",
            Deed::Transfer(..) if answer.starts_with("Ok") => "transferred",
            _ => return None,
        })
    }
}
