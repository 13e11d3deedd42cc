//! Officers who put forward, decide, stand in, carry out and end: who may do what, and what they approve.

use proptest::prelude::*;
use zhengna_core::access::{
    AccessChange, EndGrant, GrantPost, Permission, Permissions, ProposeChange, RecordLeave, SetPost, SetSeparation, TakeEmergencyPost,
};
use zhengna_core::approval::{Delegate, Execute, Execution, Matter, Opened, Rule, SetRule, Step, Which, Withdraw};
use zhengna_core::id::{ApprovalId, DelegationId, GrantId, OfficerId, PostId};
use zhengna_core::identity::{Disclose, PersonalField, RequestDisclosure};
use zhengna_core::store::Page;
use zhengna_core::{Error, Timestamp};
use zhengna_tests::world::{JILIN_CITY, NANGUAN, World, code};

use crate::{Play, Who, key, told, who, written};

#[derive(Clone, Debug)]
pub(crate) enum Deed {
    PutForward(Who, u8, u8),
    Withdraw(Who, usize, u8),
    Execute(Who, usize, bool, u8),
    /// To whom: one of those who decide, or another.
    Delegate(Who, usize, u8),
    EndDelegation(Who, usize, u8),
    TakeEmergencyPost(Who, u8),
    EndGrant(Who, usize, u8),
    Ask(Who, u8),
    Disclose(Who, usize),
    Leave(Who, u8),
    /// What somebody sees of all this.
    Look(Who),
}

/// Those who decide, beside the three administrators: two about the calendar, one about rights, one about disclosures. And one
/// who is going to leave, and decides nothing.
const DECIDE: [&[Permission]; 5] = [
    &[Permission::ApproveCalendar],
    &[Permission::ApproveCalendar],
    &[Permission::ApproveAccess, Permission::ViewStaff],
    &[Permission::ApproveDisclosure],
    &[],
];

/// Appoints them.
pub(crate) fn deciders(world: &World) -> Vec<OfficerId> {
    let appoint =
        |(n, permissions): (usize, &&[Permission])| world.appoint(&format!("2201910{n}"), zhengna_tests::world::PROVINCE, permissions);
    DECIDE.iter().enumerate().map(appoint).collect()
}

pub(crate) fn decider() -> impl Strategy<Value = Who> {
    let one_of = |these: std::ops::Range<usize>| these.prop_map(Who::Decider);
    prop_oneof![5 => one_of(0..2), 2 => one_of(2..DECIDE.len() - 1), 2 => Just(Who::Security), 1 => Just(Who::Supervisor)]
}

/// The latest, mostly.
pub(crate) fn nth() -> impl Strategy<Value = usize> {
    prop_oneof![4 => Just(0usize), 2 => Just(1), 1 => Just(2)]
}

pub(crate) fn deed() -> impl Strategy<Value = Deed> {
    let administrator = || prop_oneof![8 => Just(Who::Administrator), 1 => who()];
    let maker = || prop_oneof![3 => Just(Who::Administrator), 3 => Just(Who::Supervisor), 1 => who()];
    let executor = || prop_oneof![6 => Just(Who::Supervisor), 1 => Just(Who::Administrator)];
    let named = || prop::bool::weighted(0.8);
    prop_oneof![
        10 => (administrator(), 0..11u8, key()).prop_map(|(w, n, k)| Deed::PutForward(w, n, k)),
        2 => (maker(), nth(), key()).prop_map(|(w, n, k)| Deed::Withdraw(w, n, k)),
        8 => (executor(), nth(), named(), key()).prop_map(|(w, n, d, k)| Deed::Execute(w, n, d, k)),
        3 => (decider(), 0..7usize, key()).prop_map(|(w, n, k)| Deed::Delegate(w, n, k)),
        4 => (decider(), nth(), key()).prop_map(|(w, n, k)| Deed::EndDelegation(w, n, k)),
        2 => (prop_oneof![3 => Just(Who::Outsider), 1 => who()], key()).prop_map(|(w, k)| Deed::TakeEmergencyPost(w, k)),
        2 => (prop_oneof![3 => Just(Who::Security), 1 => who()], nth(), key()).prop_map(|(w, n, k)| Deed::EndGrant(w, n, k)),
        2 => (prop_oneof![3 => Just(Who::Supervisor), 1 => who()], key()).prop_map(|(w, k)| Deed::Ask(w, k)),
        3 => (prop_oneof![4 => Just(Who::Supervisor), 1 => who()], nth()).prop_map(|(w, n)| Deed::Disclose(w, n)),
        1 => (administrator(), key()).prop_map(|(w, k)| Deed::Leave(w, k)),
        2 => prop_oneof![decider(), administrator(), who()].prop_map(Deed::Look),
    ]
}

/// In force from the start: two votes for working days, filing periods carried out by whoever put them forward, a post for emergencies.
pub(crate) fn first() -> Vec<crate::Step> {
    let put = |n| crate::Step::Approval(Deed::PutForward(Who::Administrator, n, 0));
    let agreed = || crate::Step::Staff(crate::staff::Deed::Approve(Who::Security, 0, true, 0));
    [5, 6, 8].into_iter().flat_map(|n| [put(n), agreed()]).collect()
}

/// What the players have learned of it.
#[derive(Default)]
pub(crate) struct Learned {
    delegations: Vec<DelegationId>,
    grants: Vec<GrantId>,
    disclosures: Vec<ApprovalId>,
}

fn remember<T: PartialEq>(all: &mut Vec<T>, new: T) {
    if !all.contains(&new) {
        all.push(new);
    }
}

impl Play {
    pub(crate) fn learn(&mut self, answer: &Result<Opened, Error>) {
        if let Ok(opened) = answer {
            remember(&mut self.proposals, opened.clone());
        }
    }

    fn post_named(&self, name: &str) -> PostId {
        let found = self.world.core.as_system().access().find_post(name).expect("reads");
        found.unwrap_or(PostId::from_uuid(uuid::Uuid::from_u128(9)))
    }

    fn change(&self, n: u8) -> AccessChange {
        let grant = |post: &str, at: &str| {
            let (officer, post) = (self.world.idle_hand, self.post_named(post));
            AccessChange::Grant(GrantPost { officer, post, authority: code(at), ends_at: None })
        };
        let apart = |first, second, apart| AccessChange::Separation(SetSeparation { first, second, apart, source: "文".into() });
        let rule = |matter, permission, votes, execution| {
            let rule = Rule { steps: vec![Step { permission, votes }], execution, valid_days: 30 };
            AccessChange::ApprovalRule(SetRule { matter, rule, source: "文".into() })
        };
        let post = |name: &str, permissions: &[Permission], emergency| {
            AccessChange::Post(SetPost { post: None, name: name.into(), permissions: Permissions(permissions.into()), emergency })
        };
        match n {
            0 => grant("办税服务坐席", NANGUAN),
            1 => grant("审计管理员", JILIN_CITY),
            2 => grant("督导", NANGUAN),
            3 => apart(Permission::ManageLines, Permission::ServeTaxpayers, true),
            4 => apart(Permission::ApproveCalendar, Permission::ProposeCalendar, false),
            5 => rule(Matter::WorkingDays, Permission::ApproveCalendar, 2, Execution::AtOnce),
            6 => rule(Matter::FilingPeriods, Permission::ApproveCalendar, 1, Execution::Maker),
            7 => rule(Matter::Grant, Permission::ApproveAccess, 2, Execution::Third),
            8 | 9 => post("应急", &[Permission::ManageLines], true),
            _ => post("混岗", &[Permission::ServeTaxpayers, Permission::ReadAudit], false),
        }
    }

    /// The officers that deeds are about.
    fn colleague(&self, n: usize) -> OfficerId {
        let others = [self.world.idle_hand, self.world.supervisor];
        self.deciders.iter().copied().chain(others).nth(n).expect("seven of them")
    }

    fn latest<T: Copy>(all: &[T], nth: usize, none: impl FnOnce(uuid::Uuid) -> T) -> T {
        all.iter().rev().nth(nth).copied().unwrap_or_else(|| none(uuid::Uuid::from_u128(nth as u128)))
    }

    pub(crate) fn approval(&mut self, deed: &Deed) -> String {
        match deed {
            Deed::PutForward(who, n, key) => {
                let proposed = ProposeChange { change: self.change(*n), reason: "需要".into() };
                let answer = self.as_(*who, *key).access().propose_change(proposed).wait();
                self.learn(&answer);
                told(answer)
            }
            Deed::Withdraw(who, nth, key) => {
                let Some((approval, _)) = self.proposal(*nth, true) else { return String::new() };
                told(self.as_(*who, *key).approval().withdraw(Withdraw { approval, reason: "有误".into() }).wait())
            }
            Deed::Execute(who, nth, named, key) => {
                let Some((approval, digest)) = self.proposal(*nth, *named) else { return String::new() };
                told(self.as_(*who, *key).approval().execute(Execute { approval, digest }).wait())
            }
            Deed::Delegate(who, n, key) => {
                // The same instant for a while, so that a repeat is one.
                let hour = 3_600_000_000;
                let ends_at = Timestamp::from_micros((self.world.core.now().micros() / hour + 48) * hour);
                let lent = Delegate { taker: self.colleague(*n), starts_at: None, ends_at };
                let answer = self.as_(*who, *key).approval().delegate(lent).wait();
                if let Ok(delegated) = &answer {
                    remember(&mut self.learned.delegations, delegated.delegation);
                }
                told(answer)
            }
            Deed::EndDelegation(who, nth, key) => {
                let delegation = Self::latest(&self.learned.delegations, *nth, DelegationId::from_uuid);
                told(self.as_(*who, *key).approval().end_delegation(delegation).wait())
            }
            Deed::TakeEmergencyPost(who, key) => {
                let taken = TakeEmergencyPost {
                    post: self.post_named("应急"),
                    authority: code(JILIN_CITY),
                    minutes: 30,
                    reason: "系统故障".into(),
                };
                let answer = self.as_(*who, *key).access().take_emergency_post(taken).wait();
                if let Ok(granted) = &answer {
                    remember(&mut self.learned.grants, granted.grant);
                    // Somebody has to look at it.
                    let waiting = self.as_(Who::Security, 0).approval().list(Which::ForMe, None, 20).expect("lists").items;
                    if let Some(a) = waiting.into_iter().find(|a| a.subject == granted.grant.to_string()) {
                        let (approval, digest, state) = (a.id, a.digest, a.state);
                        remember(&mut self.proposals, Opened { approval, digest, state });
                    }
                }
                told(answer)
            }
            Deed::EndGrant(who, nth, key) => {
                let held = self.as_(Who::Administrator, 0).access().grants(self.world.idle_hand).unwrap_or_default();
                held.into_iter().rev().for_each(|g| remember(&mut self.learned.grants, g.id));
                let grant = Self::latest(&self.learned.grants, *nth, GrantId::from_uuid);
                told(self.as_(*who, *key).access().end_grant(EndGrant { grant, reason: "轮岗".into() }).wait())
            }
            Deed::Ask(who, key) => {
                let (taxpayers, fields) = (self.world.taxpayers[..2].to_vec(), vec![PersonalField::Phone]);
                let asked = RequestDisclosure { taxpayers, fields, authority: code(NANGUAN), reason: "核查".into() };
                let answer = self.as_(*who, *key).identity().request_disclosure(asked).wait();
                if let Ok(opened) = &answer {
                    remember(&mut self.learned.disclosures, opened.approval);
                }
                self.learn(&answer);
                told(answer)
            }
            Deed::Disclose(who, nth) => {
                let approval = Self::latest(&self.learned.disclosures, *nth, ApprovalId::from_uuid);
                written(self.as_(*who, 0).identity().disclose(Disclose { approval }).wait())
            }
            Deed::Leave(who, key) => {
                let officer = self.deciders[DECIDE.len() - 1];
                told(self.as_(*who, *key).access().record_leave(RecordLeave { officer, left_at: None }).wait())
            }
            Deed::Look(who) => {
                let session = self.as_(*who, 0);
                let all = |which| told(session.approval().list(which, None, 20));
                let staff = told(session.access().officers(None, Page { after: None, limit: 50 }));
                let rights = told(session.access().posts()) + &told(session.access().grants(self.world.idle_hand));
                let apart = told(session.access().separations()) + &told(session.approval().delegations());
                [Which::All, Which::ForMe, Which::Mine].map(all).concat() + &staff + &rights + &apart
            }
        }
    }

    /// Names what a deed reached.
    pub(crate) fn decided(deed: &Deed, answer: &str) -> Option<&'static str> {
        match (deed, answer.starts_with("Ok")) {
            (Deed::PutForward(..), true) => Some("put forward"),
            (Deed::PutForward(..), false) if answer.contains("OtherPlane") => Some("another kind of account"),
            (Deed::PutForward(..), false) if answer.contains("ApprovalPending") => Some("waits already"),
            (Deed::Withdraw(..), true) => Some("withdrawn"),
            (Deed::Execute(..), true) => Some("executed"),
            (Deed::Execute(..), false) if answer.contains("OwnApproval") => Some("not theirs to carry out"),
            (Deed::Delegate(..), true) => Some("delegated"),
            (Deed::Delegate(..), false) if answer.contains("Incompatible") => Some("would unite what stays apart"),
            (Deed::EndDelegation(..), true) => Some("delegation ended"),
            (Deed::TakeEmergencyPost(..), true) => Some("taken in an emergency"),
            (Deed::EndGrant(..), true) => Some("grant ended"),
            (Deed::Ask(..), true) => Some("asked for many"),
            (Deed::Ask(..), false) if answer.contains("ApprovalPending") => Some("asked for the same again"),
            (Deed::Disclose(..), _) if answer.contains("shown_to") => Some("shown"),
            (Deed::Disclose(..), _) if answer.contains("NotApproved") => Some("not shown before it is approved"),
            (Deed::Leave(..), true) => Some("left for good"),
            _ => None,
        }
    }
}
