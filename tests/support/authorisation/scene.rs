//! The world in which samples are made: conversations, complaints, approvals, each in its states.

use std::cell::RefCell;
use std::time::Duration;

use serde_json::{Value, json};
use zhengna_core::access::{AccessChange, Permission, Permissions, SetPost};
use zhengna_core::appeal::{AnswerAppeal, FileAppeal, Respondent};
use zhengna_core::approval::{Delegate, Execution, Matter, Opened, Rule, SetRule, Step};
use zhengna_core::calendar::{Change, Date, Draft};
use zhengna_core::control::{AlertState, ReviewAlert, Verdict};
use zhengna_core::id::{AlertId, AppealId, CannedReplyId, ConversationId, LineId, OfficerId, PostId, TaxpayerId};
use zhengna_core::identity::{Disclose, PersonalField, RequestDisclosure};
use zhengna_core::interaction::{
    AnswerFollowUp, Claim, Close, Enter, Grade, Join, Leave, LineSettings, OpenLine, Outcome, PutCannedReply, PutOwnCannedReply, Rate,
    RoutedTopic, Routing, Specialist,
};
use zhengna_core::store::Page;

use super::case::{Case, NOBODY, Object, Terms};
use super::people::{Person, SessionState, Staff, chain};
use super::{Refusal, Why, refuse};
use crate::approval::{approve, decree, propose};
use crate::calendar::notice;
use crate::lists::{self, Importers};
use crate::world::{CHANGCHUN, JILIN_CITY, NANGUAN, PROVINCE, World, code, person, settle};

/// Approvals by their state, and how each is made.
pub(super) type Put<'a> = Vec<(&'static str, Box<dyn Fn() -> Matters + 'a>)>;

/// The world with all that is made in it.
pub struct Scene<'a> {
    /// The world.
    pub world: &'a World,
    /// Who makes officers.
    pub staff: &'a Staff<'a>,
    pub(super) people: Vec<Person>,
    pub(super) company: TaxpayerId,
    pub(super) remote: TaxpayerId,
    pub(super) expired: (OfficerId, Opened),
    pub(super) checker: OfficerId,
    pub(super) taker: OfficerId,
    pub(super) open: RefCell<Vec<(ConversationId, Option<OfficerId>)>>,
    pub(super) made: RefCell<usize>,
    pub(super) about_watcher: RefCell<Option<Matters>>,
}

/// States of a conversation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Talk {
    Waiting,
    Active,
    ActiveElsewhere,
    Closed,
    Left,
}

pub(super) const TALKS: [(Talk, &str); 5] = [
    (Talk::Waiting, "waiting"),
    (Talk::Active, "active"),
    (Talk::ActiveElsewhere, "active_with_another"),
    (Talk::Closed, "closed"),
    (Talk::Left, "left"),
];

/// What is known of an approval, in the oracle's own words.
#[derive(Clone)]
pub(super) struct Matters {
    pub(super) id: String,
    pub(super) digest: String,
    pub(super) place: Option<&'static str>,
    pub(super) open: bool,
    pub(super) proposer: OfficerId,
    pub(super) about: Option<OfficerId>,
    pub(super) maker: Permission,
    pub(super) decider: Permission,
    pub(super) state: &'static str,
    pub(super) disclosure: bool,
}

impl Matters {
    /// A proposal that waits, about nobody.
    fn waiting(opened: &Opened, proposer: OfficerId, at: &'static str, [maker, decider]: [Permission; 2]) -> Self {
        let (id, digest) = (opened.approval.to_string(), opened.digest.clone());
        let (place, open, about, state, disclosure) = (Some(at), false, None, "pending", false);
        Self { id, digest, place, open, proposer, about, maker, decider, state, disclosure }
    }

    pub(super) fn holds(&self, caller: &Person, permission: Permission) -> bool {
        self.place.map_or_else(|| caller.may(permission), |place| caller.may_at(permission, place))
    }
    /// `rule` for whoever sees it.
    pub(super) fn seen(&self, caller: &Person, rule: impl FnOnce() -> Option<Refusal>) -> Option<Refusal> {
        let own = [Some(self.proposer), self.about].contains(&caller.officer());
        let seen = self.open || own || self.holds(caller, self.maker) || self.holds(caller, self.decider);
        if seen { rule() } else { refuse(Why::Reach, 404, "not_found") }
    }
    pub(super) fn decide(&self, caller: &Person) -> Option<Refusal> {
        let own = [Some(self.proposer), self.about].contains(&caller.officer());
        self.seen(caller, || match self.state {
            _ if own => refuse(Why::State, 409, "approval.own"),
            "pending" if self.holds(caller, self.decider) => None,
            "pending" => refuse(Why::Post, 403, "access.denied"),
            _ => self.over(),
        })
    }
    pub(super) fn withdraw(&self, caller: &Person) -> Option<Refusal> {
        self.seen(caller, || match self.state {
            _ if caller.officer() != Some(self.proposer) => refuse(Why::Reach, 403, "access.denied"),
            "pending" | "approved" => None,
            _ => self.over(),
        })
    }
    pub(super) fn carry_out(&self, caller: &Person) -> Option<Refusal> {
        let own = caller.officer() == Some(self.proposer);
        self.seen(caller, || match self.state {
            "pending" => refuse(Why::State, 409, "approval.not_approved"),
            "approved" if self.disclosure && own => None,
            "approved" if !self.disclosure && !own && self.holds(caller, self.maker) => None,
            "approved" => refuse(Why::State, 409, "approval.own"),
            _ => self.over(),
        })
    }
    pub(super) fn over(&self) -> Option<Refusal> {
        refuse(Why::State, 409, if self.state == "expired" { "approval.expired" } else { "approval.decided" })
    }
}

/// An approval whose time will be over once the clock has moved on: who put it forward, and what.
pub fn to_expire(world: &World, staff: &Staff<'_>) -> (OfficerId, Opened) {
    let maker = staff.officer(PROVINCE);
    staff.grant(maker, &[Permission::ProposeCalendar], PROVINCE, None);
    let opened = world.session_of(maker).calendar().propose(notice(2027)).wait().expect("is put forward");
    (maker, opened)
}

impl<'a> Scene<'a> {
    /// What every sample needs.
    pub fn new(world: &'a World, staff: &'a Staff<'a>, people: Vec<Person>, expired: (OfficerId, Opened)) -> Self {
        let steps = vec![Step { permission: Permission::ApproveCalendar, votes: 1 }];
        let rule = Rule { steps, execution: Execution::Third, valid_days: 5 };
        let rule = SetRule { matter: Matter::FilingPeriods, rule, source: "文".into() };
        decree(world, AccessChange::ApprovalRule(rule)).expect("is approved");
        let identity = world.core.as_system();
        let mut far = person(700);
        far.authority = code(JILIN_CITY);
        identity.identity().enrol(std::slice::from_ref(&far), &mut |_| {}).expect("enrols");
        let remote = identity.identity().find_by_number(&far.number).expect("reads").expect("just enrolled");
        let checker = staff.officer(PROVINCE);
        staff.grant(checker, &[Permission::ApproveCalendar], PROVINCE, None);
        let taker = staff.officer(NANGUAN);
        let company = world.employed(1).expect("an enterprise");
        Self {
            world,
            staff,
            people,
            company,
            remote,
            expired,
            checker,
            taker,
            open: RefCell::default(),
            made: RefCell::new(2),
            about_watcher: RefCell::default(),
        }
    }

    /// Who calls.
    pub fn people(&self) -> &[Person] {
        &self.people
    }

    /// Ends what conversations are left open: a desk holds so many.
    pub fn tidy(&self) {
        for (id, officer) in self.open.take() {
            // Some were ended by whom they were made for.
            let _ended = match officer {
                Some(officer) => {
                    let cmd = Close { conversation: id, outcome: Outcome::Resolved, note: None };
                    self.world.session_of(officer).interaction().close(cmd).wait().map(drop)
                }
                None => self.world.taxpayer(0).interaction().leave(Leave { conversation: id }).wait().map(drop),
            };
        }
        let desks =
            self.people.iter().filter(|p| p.session == SessionState::Good && p.may(Permission::ServeTaxpayers)).filter_map(Person::officer);
        for officer in desks {
            let session = self.world.session_of(officer);
            let page = zhengna_core::store::Page { after: None, limit: 200 };
            let held = session.interaction().mine(page).unwrap_or_default();
            for c in held.iter().filter(|c| c.state == zhengna_core::interaction::ConversationState::Active) {
                let cmd = Close { conversation: c.id, outcome: Outcome::Resolved, note: None };
                let _ended = session.interaction().close(cmd).wait();
            }
        }
    }

    /// The officer with exactly one post of this permission at a place.
    pub(super) fn holder(&self, permission: Permission, place: &str) -> OfficerId {
        let post = format!("one:{}", permission.as_str());
        let good = |p: &&Person| p.post == post && p.place == place && p.session == SessionState::Good && !p.password;
        self.people.iter().find(good).and_then(Person::officer).expect("each permission is held at each place")
    }

    pub(super) fn line(&self, at: &'static str) -> LineId {
        let cmd = OpenLine::new(format!("队列{}", self.staff.serial()), code(at));
        self.world.core.as_system().interaction().open_line(cmd).wait().expect("a line").line
    }

    pub(super) fn talk(&self, talk: Talk, at: &'static str) -> (LineId, ConversationId, Terms) {
        let line = self.line(at);
        let enter = Enter::new(line, "专项附加扣除");
        let id = self.world.taxpayer(0).interaction().enter(enter).wait().expect("enters").conversation;
        let desk = match talk {
            Talk::Waiting | Talk::Left => None,
            Talk::ActiveElsewhere => Some(self.holder(Permission::ServeTaxpayers, "parent")),
            Talk::Active | Talk::Closed => Some(self.holder(Permission::ServeTaxpayers, "grandparent")),
        };
        if let Some(desk) = desk {
            self.world.session_of(desk).interaction().claim(Claim { line }).wait().expect("takes the first");
        }
        match (talk, desk) {
            (Talk::Closed, Some(desk)) => {
                let cmd = Close { conversation: id, outcome: Outcome::Resolved, note: None };
                self.world.session_of(desk).interaction().close(cmd).wait().expect("closes");
            }
            (Talk::Left, _) => drop(self.world.taxpayer(0).interaction().leave(Leave { conversation: id }).wait().expect("leaves")),
            _ => self.open.borrow_mut().push((id, desk)),
        }
        let terms = Terms { authority: Some(at), participants: vec![self.world.taxpayers[0]], assigned: desk, ..Terms::default() };
        (line, id, terms)
    }

    /// Conversations in each state, and one that never was. `refusal` says what the state refuses.
    pub(super) fn talks<'s>(&'s self, refusal: fn(Talk) -> Option<(u16, &'static str)>, body: Value, spent: bool) -> Vec<Case<'s>> {
        let mut cases = Vec::new();
        for at in [NANGUAN, CHANGCHUN] {
            for (talk, name) in TALKS {
                let body = body.clone();
                let make = move || {
                    let (_, id, terms) = self.talk(talk, at);
                    Object::new().at("conversation", id).body(body.clone()).under(terms).state(refusal(talk))
                };
                let case = Case::new(format!("{name}@{at}"), make);
                cases.push(if spent { case.spent() } else { case });
            }
        }
        cases.push(Case::new("missing", move || Object::new().at("conversation", NOBODY).body(body.clone()).missing()));
        cases
    }

    /// Conversations in each state, to be handed to a line of the same authority.
    pub(super) fn handed_over(&self) -> Vec<Case<'_>> {
        let mut cases = Vec::new();
        for (at, to_line) in [(NANGUAN, true), (NANGUAN, false), (CHANGCHUN, true)] {
            for (talk, name) in TALKS {
                let make = move || {
                    let (_, id, terms) = self.talk(talk, at);
                    let line = self.line(at);
                    let to = if to_line { json!({ "line": line }) } else { json!({ "authority": at }) };
                    let body = json!({ "to": to, "note": "请续办" });
                    let state = (!matches!(talk, Talk::Active | Talk::ActiveElsewhere)).then_some((409, "interaction.closed"));
                    Object::new().at("conversation", id).body(body).under(terms).state(state)
                };
                let to = if to_line { "line" } else { "authority" };
                cases.push(Case::new(format!("{name}@{at}/{to}"), make).spent());
            }
        }
        let body = json!({ "to": { "line": NOBODY }, "note": "请续办" });
        cases.push(Case::new("missing", move || Object::new().at("conversation", NOBODY).body(body.clone()).missing()));
        cases
    }

    /// Supervises and serves taxpayers, above 南关区.
    fn chief(&self) -> OfficerId {
        self.people.iter().find(|p| p.post == "all_business").and_then(Person::officer).expect("somebody may do all")
    }

    /// Conversations in each state, to be joined by whoever supervises where they serve taxpayers too.
    pub(super) fn joined(&self) -> Vec<Case<'_>> {
        let body = || json!({ "reason": "协助解答" });
        let join = move |object: Object, at: &'static str, state: Option<(u16, &'static str)>| {
            object.body(body()).rule(move |caller| match state {
                _ if !caller.may_at(Permission::ServeTaxpayers, at) => refuse(Why::Post, 403, "access.denied"),
                Some((status, code)) => refuse(Why::State, status, code),
                None => None,
            })
        };
        let mut cases = Vec::new();
        for at in [NANGUAN, CHANGCHUN] {
            for (talk, name) in TALKS {
                let make = move || {
                    let (_, id, terms) = self.talk(talk, at);
                    let goes_on = matches!(talk, Talk::Active | Talk::ActiveElsewhere);
                    join(Object::new().at("conversation", id).under(terms), at, (!goes_on).then_some((409, "interaction.closed")))
                };
                cases.push(Case::new(format!("{name}@{at}"), make).spent());
            }
        }
        let taken = move || {
            let (_, id, terms) = self.talk(Talk::Active, NANGUAN);
            // Another who may do as much, who is none of the callers.
            let first = self.staff.officer(NANGUAN);
            self.staff.grant(first, &[Permission::SuperviseInteraction, Permission::ServeTaxpayers], NANGUAN, None);
            let cmd = Join { conversation: id, reason: "协助解答".into() };
            self.world.session_of(first).interaction().join(cmd).wait().expect("joins");
            join(Object::new().at("conversation", id).under(terms), NANGUAN, Some((409, "interaction.joined_already")))
        };
        cases.push(Case::new(format!("joined@{NANGUAN}"), taken).spent());
        cases.push(Case::new("missing", move || Object::new().at("conversation", NOBODY).body(body()).missing()));
        cases
    }

    /// Conversations in which somebody takes part, or does not, or which they have themselves.
    pub(super) fn stepped_out(&self) -> Vec<Case<'_>> {
        let mut cases = Vec::new();
        for at in [NANGUAN, CHANGCHUN] {
            let part = move || {
                // Had by none of the callers: whoever has it reaches it too.
                let desk = self.staff.officer(at);
                self.staff.grant(desk, &[Permission::ServeTaxpayers], at, None);
                let (id, terms) = self.talk_with(desk, at, false);
                let chief = self.chief();
                let cmd = Join { conversation: id, reason: "协助解答".into() };
                self.world.session_of(chief).interaction().join(cmd).wait().expect("joins");
                Object::new().at("conversation", id).body(json!({})).under(Terms { assigned: Some(chief), ..terms })
            };
            cases.push(Case::new(format!("taking_part@{at}"), part).spent());
            for (over, name) in [(false, "having_it"), (true, "had_it")] {
                let own = move || {
                    let (id, terms) = self.talk_with(self.chief(), at, over);
                    Object::new().at("conversation", id).body(json!({})).under(terms).state(Some((409, "interaction.not_joined")))
                };
                cases.push(Case::new(format!("{name}@{at}"), own));
            }
        }
        cases.push(Case::new("missing", || Object::new().at("conversation", NOBODY).body(json!({})).missing()));
        cases
    }

    /// A conversation that an officer has, or had.
    fn talk_with(&self, desk: OfficerId, at: &'static str, over: bool) -> (ConversationId, Terms) {
        let (line, id, terms) = self.talk(Talk::Waiting, at);
        let session = self.world.session_of(desk);
        session.interaction().claim(Claim { line }).wait().expect("takes the first");
        if over {
            let cmd = Close { conversation: id, outcome: Outcome::Resolved, note: None };
            session.interaction().close(cmd).wait().expect("closes");
        } else {
            self.open.borrow_mut().push((id, Some(desk)));
        }
        (id, Terms { assigned: Some(desk), ..terms })
    }

    /// Conversations in each state, into each of which another one of the same taxpayer is to be merged: one that waits, one that is
    /// over, one that is another officer's, one that never was.
    pub(super) fn merged(&self) -> Vec<Case<'_>> {
        let over = |talk: Talk| (!matches!(talk, Talk::Active | Talk::ActiveElsewhere)).then_some((409, "interaction.closed"));
        let mut cases = Vec::new();
        for at in [NANGUAN, CHANGCHUN] {
            let others = [
                (Some(Talk::Waiting), "", None),
                (Some(Talk::Left), "/other_over", Some((422, "invalid"))),
                (Some(Talk::ActiveElsewhere), "/others", Some((409, "interaction.had_by_another"))),
                (None, "/other_missing", Some((422, "invalid"))),
            ];
            for (talk, name) in TALKS {
                for (other, which, refused) in others {
                    let goes_on = over(talk).is_none();
                    // What is had by the same officer merges.
                    if other.is_some_and(|other| other != Talk::Waiting) && talk != Talk::Active || other.is_none() && !goes_on {
                        continue;
                    }
                    let make = move || {
                        let (_, id, terms) = self.talk(talk, at);
                        let other = other.map_or_else(|| NOBODY.to_owned(), |other| self.talk(other, at).1.to_string());
                        let object = Object::new().at("conversation", id).body(json!({ "other": other })).under(terms);
                        object.state(over(talk).or(refused))
                    };
                    cases.push(Case::new(format!("{name}{which}@{at}"), make).spent());
                }
            }
        }
        let other = json!({ "other": NOBODY.replace("ffff", "fffe") });
        cases.push(Case::new("missing", move || Object::new().at("conversation", NOBODY).body(other.clone()).missing()));
        cases
    }

    /// A conversation that is offered to the officer who serves taxpayers at 南关区, who alone knows what it is about.
    pub(super) fn offered(&self) -> (OfficerId, ConversationId, Terms) {
        let desk = self.holder(Permission::ServeTaxpayers, "own");
        let topics = vec![RoutedTopic { code: "vat".into(), name: "增值税".into(), parent: None, specialists_only: true }];
        let specialists = vec![Specialist { officer: desk, topics: vec!["vat".into()] }];
        let routing = Routing { topics, specialists, push: true, ..Routing::default() };
        let settings = LineSettings { routing: Some(routing), ..LineSettings::new(format!("派单{}", self.staff.serial())) };
        let core = &self.world.core;
        let open = OpenLine { authority: code(NANGUAN), settings, external_id: None };
        let line = core.as_system().interaction().open_line(open).wait().expect("a line").line;
        let enter = Enter { topic_code: Some("vat".into()), ..Enter::new(line, "增值税申报") };
        let id = self.world.taxpayer(0).interaction().enter(enter).wait().expect("enters").conversation;
        self.open.borrow_mut().push((id, None));
        self.world.session_of(desk).interaction().be_present().wait().expect("is there");
        // Where many hosts serve, this one hears a moment later who waits and who is there.
        let made = settle(core, |core| core.offer_waiting().expect("looks at the line"), |made| *made > 0);
        assert_eq!(made, 1, "to whoever knows it, and nobody else");
        let terms = Terms { authority: Some(NANGUAN), participants: vec![self.world.taxpayers[0]], ..Terms::default() };
        (desk, id, terms)
    }

    pub(super) fn taxpayers<'s>(&'s self, body: Value) -> Vec<Case<'s>> {
        let of = |name: &str, id: TaxpayerId, at: &'static str| {
            let body = body.clone();
            let terms = Terms { authority: Some(at), participants: vec![id], ..Terms::default() };
            Case::new(name, move || Object::new().at("taxpayer", id).body(body.clone()).under(terms.clone()))
        };
        let mut cases = vec![
            of("-@own", self.world.taxpayers[0], NANGUAN),
            of("-@another", self.world.taxpayers[2], NANGUAN),
            of("-@enterprise", self.company, NANGUAN),
            of("-@elsewhere", self.remote, JILIN_CITY),
        ];
        cases.push(Case::new("missing", move || Object::new().at("taxpayer", NOBODY).body(body.clone()).missing()));
        cases
    }

    /// Officers whose sign-in or stay is decided about: one within, one with a post above, one elsewhere.
    pub(super) fn subordinates<'s>(&'s self, body: Value, factor: bool) -> Vec<Case<'s>> {
        let mut cases = Vec::new();
        for (name, home, post_at) in
            [("-@within", NANGUAN, NANGUAN), ("-@with_a_post_above", NANGUAN, PROVINCE), ("-@elsewhere", JILIN_CITY, JILIN_CITY)]
        {
            let body = body.clone();
            let make = move || {
                let officer = self.staff.officer(home);
                self.staff.grant(officer, &[Permission::ServeTaxpayers], post_at, None);
                if factor {
                    self.staff.token(officer);
                }
                let terms = Terms { authority: Some(home), assigned: Some(officer), ..Terms::default() };
                Object::new().at("officer", officer).body(body.clone()).under(terms).rule(move |caller| {
                    let within = caller.may_at(Permission::ManageAccess, post_at);
                    (!within).then_some(Refusal { why: Why::Reach, status: 403, code: "access.denied" })
                })
            };
            cases.push(Case::new(name, make).spent());
        }
        let boss = self.holder(Permission::ManageAccess, "grandparent");
        let own = body.clone();
        cases.push(Case::new("-@oneself", move || {
            let terms = Terms { authority: Some(PROVINCE), assigned: Some(boss), ..Terms::default() };
            let denied = Refusal { why: Why::Reach, status: 403, code: "access.denied" };
            Object::new().at("officer", boss).body(own.clone()).under(terms).rule(move |_| Some(denied))
        }));
        cases.push(Case::new("missing", move || Object::new().at("officer", NOBODY).body(body.clone()).missing()));
        cases
    }

    /// A body that names an authority: whoever has no post there is told that it is unknown.
    pub(super) fn placed<'s>(&'s self, permission: Permission, body: impl Fn(&'static str) -> Value + Clone + 's) -> Vec<Case<'s>> {
        let of = |at: &'static str| {
            let body = body.clone();
            Case::new(format!("-@{at}"), move || {
                Object::new().body(body(at)).rule(move |caller| {
                    let unknown = Refusal { why: Why::Reach, status: 422, code: "invalid" };
                    (!caller.may_at(permission, at)).then_some(unknown)
                })
            })
        };
        vec![of(NANGUAN), of(CHANGCHUN), of(JILIN_CITY)].into_iter().map(Case::spent).collect()
    }

    /// A post that may be taken in an emergency.
    pub(super) fn emergency(&self) -> PostId {
        let name = format!("应急处置{}", self.staff.serial());
        let permissions = Permissions(vec![Permission::ServeTaxpayers]);
        let post = SetPost { post: None, name: name.clone(), permissions, emergency: true };
        decree(self.world, AccessChange::Post(post)).expect("is approved");
        self.world.core.as_system().access().find_post(&name).expect("reads").expect("was approved")
    }

    /// A line, a conversation, a taxpayer, an approval, a disclosure and a delegation at an authority, for the sweep.
    pub fn things(&self, at: &'static str) -> (String, String, String, String, String, String) {
        let (line, conversation, _) = self.talk(Talk::Active, if at == JILIN_CITY { PROVINCE } else { at });
        let taxpayer = if at == JILIN_CITY { self.remote } else { self.world.taxpayers[0] };
        let line = if at == JILIN_CITY { self.line(at) } else { line };
        let approval = self.grant_matter(self.staff.officer(at), &[Permission::ServeTaxpayers], at).id;
        let disclosure = self.disclosure("pending", at).id;
        let giver = self.staff.officer(at);
        let ends_at = self.world.core.now().plus(Duration::from_secs(86_400));
        let cmd = Delegate { taker: self.taker_at(at), starts_at: None, ends_at };
        let delegation = self.world.session_of(giver).approval().delegate(cmd).wait().expect("somebody stands in").delegation;
        (line.to_string(), conversation.to_string(), taxpayer.to_string(), approval, disclosure, delegation.to_string())
    }

    /// A complaint about an authority, answered or not.
    pub fn complaint(&self, at: &'static str, answered: bool) -> (AppealId, Terms) {
        let cmd = FileAppeal::new(Respondent::Authority(code(at)), "无人接待");
        let appeal = self.world.taxpayer(0).appeals().file(cmd).wait().expect("is received").appeal;
        if answered {
            let handler = self.world.session_of(self.holder(Permission::HandleAppeals, "grandparent"));
            handler.appeals().answer(AnswerAppeal { appeal, text: "已整改".into() }).wait().expect("is answered");
        }
        let above = chain(at).into_iter().rev().nth(1);
        (appeal, Terms { authority: above, participants: vec![self.world.taxpayers[0]], kept_from: Some(at), ..Terms::default() })
    }

    pub(super) fn complaints<'s>(&'s self, body: Value, closed: Option<(u16, &'static str)>) -> Vec<Case<'s>> {
        let mut cases = Vec::new();
        for at in [NANGUAN, CHANGCHUN] {
            for answered in [false, true] {
                let of = body.clone();
                let make = move || {
                    let (id, terms) = self.complaint(at, answered);
                    Object::new().at("appeal", id).body(of.clone()).under(terms).state(closed.filter(|_| answered))
                };
                let case = Case::new(format!("{}@{at}", if answered { "closed" } else { "received" }), make);
                cases.push(if closed.is_some() { case.spent() } else { case });
            }
        }
        cases.push(Case::new("missing", move || Object::new().at("appeal", NOBODY).body(body.clone()).missing()));
        cases
    }

    pub(super) fn review(&self, alert: AlertId) {
        let reviewer = self.world.session_of(self.holder(Permission::ReviewControl, "grandparent"));
        let cmd = ReviewAlert { alert, verdict: Verdict::Dismissed, reason: "误操作".into() };
        reviewer.control().review_alert(cmd).wait().expect("is reviewed");
    }

    /// An alert about somebody at this authority, who was refused too often.
    pub fn alert(&self, at: &'static str) -> AlertId {
        let (core, somebody) = (&self.world.core, self.staff.officer(at));
        for _ in 0..20 {
            drop(self.world.session_of(somebody).control().rules()); // refused, unless a bug is planted
        }
        core.write_down_denials(true).expect("counts");
        self.world.seal();
        core.screen(core.now().minus(Duration::from_secs(7200)), core.now().plus(Duration::from_secs(1))).expect("screens");
        let reviewer = self.world.session_of(self.holder(Permission::ReviewControl, "grandparent"));
        let whose = format!("officer/{somebody}");
        let mut page = Page { after: None, limit: 200 };
        loop {
            let alerts = reviewer.control().alerts(Some(AlertState::Open), page).expect("are listed").items;
            if let Some(found) = alerts.iter().find(|a| a.actor == whose) {
                return found.id;
            }
            page.after = alerts.last().map(|a| (a.at, a.id.uuid()));
            if page.after.is_none() {
                return AlertId::parse(NOBODY).expect("an id"); // nobody was refused: the cells say so
            }
        }
    }

    /// A conversation that was rated low, and who was rated.
    pub(super) fn rated_low(&self, at: &'static str, answered: bool) -> (ConversationId, OfficerId) {
        let (_, conversation, terms) = self.talk(Talk::Closed, at);
        let rate = Rate { conversation, grade: Grade::Dissatisfied, reasons: Vec::new(), comment: None };
        self.world.taxpayer(0).interaction().rate(rate).wait().expect("is rated");
        if answered {
            let supervisor = self.world.session_of(self.holder(Permission::SuperviseInteraction, "grandparent"));
            let answer = AnswerFollowUp::new(conversation, "已说明");
            supervisor.interaction().answer_follow_up(answer).wait().expect("is answered");
        }
        (conversation, terms.assigned.expect("somebody served it"))
    }

    /// A canned reply of an authority.
    pub fn canned_reply(&self, at: &'static str) -> CannedReplyId {
        let place = if at == JILIN_CITY { "foreign" } else { "grandparent" };
        let manager = self.world.session_of(self.holder(Permission::ManageLines, place));
        let put = PutCannedReply { reply: None, authority: code(at), topic: "个税".into(), text: "请打开应用".into() };
        manager.interaction().put_canned_reply(put).wait().expect("is written").reply
    }

    /// A canned reply of an officer's own.
    pub(super) fn own_reply(&self, officer: OfficerId) -> CannedReplyId {
        let put = PutOwnCannedReply { reply: None, topic: "个税".into(), text: "请稍等".into() };
        self.world.session_of(officer).interaction().put_own_canned_reply(put).wait().expect("is written").reply
    }

    pub(super) fn taker_at(&self, at: &'static str) -> OfficerId {
        if at == NANGUAN { self.taker } else { self.staff.officer(at) }
    }

    pub(super) fn next_year(&self) -> i32 {
        let mut made = self.made.borrow_mut();
        *made += 1;
        // Two years far from each other never meet: what was put forward for one is decided or withdrawn long before.
        2028 + i32::try_from(*made % 70).expect("a small number")
    }

    /// A change of the calendar for some year, and who put it forward.
    pub(super) fn proposed(&self, draft: impl Fn(i32) -> Draft) -> (OfficerId, Opened) {
        let proposer = self.holder(Permission::ProposeCalendar, "own");
        loop {
            // A year may still wait for a decision: then another.
            if let Ok(opened) = self.world.session_of(proposer).calendar().propose(draft(self.next_year())).wait() {
                return (proposer, opened);
            }
        }
    }

    pub(super) fn pending_notice(&self, state: &'static str) -> Matters {
        let (proposer, opened) = self.proposed(notice);
        if state == "done" {
            self.approve(&opened, self.checker);
        }
        self.of_calendar(opened, proposer, state)
    }

    pub(super) fn of_calendar(&self, opened: Opened, proposer: OfficerId, state: &'static str) -> Matters {
        let asked = [Permission::ProposeCalendar, Permission::ApproveCalendar];
        Matters { place: None, open: true, state, ..Matters::waiting(&opened, proposer, PROVINCE, asked) }
    }

    pub(super) fn approve(&self, opened: &Opened, by: OfficerId) {
        approve(&self.world.session_of(by), opened).expect("agrees");
    }

    /// Filing periods, which somebody third carries out.
    pub(super) fn filing(&self, state: &'static str) -> Matters {
        let (proposer, opened) = self.proposed(|year| {
            let last_days = (1..=12).map(|m| Date::from_ymd_opt(year, m, 17).expect("a day")).collect();
            Draft { change: Change::FilingPeriods { year, last_days }, ..notice(year) }
        });
        if state == "approved" {
            self.approve(&opened, self.checker);
        }
        self.of_calendar(opened, proposer, state)
    }

    /// A grant at an authority, about somebody.
    pub(super) fn grant_matter(&self, about: OfficerId, post: &[Permission], at: &'static str) -> Matters {
        let proposer = self.holder(Permission::ManageAccess, if at == JILIN_CITY { "foreign" } else { "parent" });
        let grant = zhengna_core::access::GrantPost { officer: about, post: self.staff.post(post), authority: code(at), ends_at: None };
        let opened = propose(&self.world.session_of(proposer), AccessChange::Grant(grant)).expect("is put forward");
        let asked = [Permission::ManageAccess, Permission::ApproveAccess];
        Matters { about: Some(about), ..Matters::waiting(&opened, proposer, at, asked) }
    }

    /// A taxpayer whom nothing was asked about.
    pub(super) fn enrolled(&self, at: &'static str) -> TaxpayerId {
        let identity = self.world.core.as_system();
        let mut new = person(2000 + self.staff.serial() as usize);
        new.authority = code(at);
        identity.identity().enrol(std::slice::from_ref(&new), &mut |_| {}).expect("enrols");
        identity.identity().find_by_number(&new.number).expect("reads").expect("just enrolled")
    }

    /// A list of somebody whom nobody knows: one that another officer agreed to, or that nobody put forward. Lists are the province's.
    pub(super) fn list(&self, name: &'static str, agreed: bool, query: &'static str) -> Case<'_> {
        Case::new(name, move || {
            let people = [person(4000 + self.staff.serial() as usize)];
            if agreed {
                let appoint = || {
                    let officer = self.staff.officer(PROVINCE);
                    self.staff.grant(officer, &[Permission::ImportLists], PROVINCE, None);
                    officer
                };
                lists::agreed(self.world, Importers { maker: appoint(), other: appoint() }, &lists::list_of(&people));
            }
            let refused = (name == "unheard_of").then_some((409, "approval.not_approved"));
            let at_the_province = Terms { authority: Some(PROVINCE), ..Terms::default() };
            let file = Value::String(lists::file_of(&people));
            Object::new().query(query).body(file).under(at_the_province).beyond(403, "access.denied").state(refused)
        })
    }

    pub(super) fn disclosure(&self, state: &'static str, at: &'static str) -> Matters {
        let place = if at == JILIN_CITY { "foreign" } else { "own" };
        // Somebody else each time: one request about exactly the same waits at a time.
        let whom = self.enrolled(at);
        let proposer = self.holder(Permission::RevealPersonalData, place);
        let asked =
            RequestDisclosure {
                taxpayers: vec![whom], fields: vec![PersonalField::Phone], authority: code(at), reason: "专项核查".into()
            };
        let session = self.world.session_of(proposer);
        let opened = session.identity().request_disclosure(asked).wait().expect("is put forward");
        if state != "pending" {
            self.approve(&opened, self.holder(Permission::ApproveDisclosure, place));
        }
        if state == "done" {
            session.identity().disclose(Disclose { approval: opened.approval }).wait().expect("is shown");
        }
        let asked = [Permission::RevealPersonalData, Permission::ApproveDisclosure];
        Matters { state, disclosure: true, ..Matters::waiting(&opened, proposer, at, asked) }
    }

    /// What is over, and what waits at a place: for every way to go on with an approval.
    pub(super) fn other_states<'s>(&'s self) -> Put<'s> {
        let at_a_place = || self.grant_matter(self.staff.officer(NANGUAN), &[Permission::ServeTaxpayers], NANGUAN);
        vec![
            ("decided", Box::new(|| self.pending_notice("done"))),
            ("expired", Box::new(|| self.of_calendar(self.expired.1.clone(), self.expired.0, "expired"))),
            ("pending_at_a_place", Box::new(at_a_place)),
        ]
    }

    /// Approvals in each state.
    pub(super) fn approvals<'s>(
        &'s self,
        rule: fn(&Matters, &Person) -> Option<Refusal>,
        body: fn(&Matters) -> Value,
        cases: Put<'s>,
    ) -> Vec<Case<'s>> {
        let missing =
            Matters { id: NOBODY.into(), digest: "00".into(), ..self.of_calendar(self.expired.1.clone(), self.expired.0, "expired") };
        let mut out: Vec<Case<'s>> = Vec::new();
        for (name, make) in cases {
            let case = Case::new(name, move || {
                let of = make();
                Object::new().at("approval", &of.id).body(body(&of)).rule(move |caller| rule(&of, caller))
            });
            out.push(if name == "about_oneself" { case.refusals_only() } else { case.spent() });
        }
        out.push(Case::new("missing", move || Object::new().at("approval", NOBODY).body(body(&missing)).missing()));
        out
    }
}
