//! Every operation that writes: what must be there before its deed, the deed, and what doing it again means.

use std::cell::Cell;
use zhengna_core::access::{
    AccessChange, Actor, AddOfficer, AddPost, AuthorityKind, Credentials, EndGrant, FactorCode, GrantPost, NewAuthority, PasswordChange,
    Permission, Proof, Provider, RecordLeave, SecondStep, SetPost,
};
use zhengna_core::appeal::{AnswerAppeal, FileAppeal, Respondent};
use zhengna_core::approval::{Opened, Reject, Which, Withdraw};
use zhengna_core::audit::AuditAsked;
use zhengna_core::control::{AlertState, ReviewAlert, Verdict};
use zhengna_core::crypto::{TOTP_STEP, secret_of_uri, sm3};
use zhengna_core::delivery::SettleDelivery;
use zhengna_core::error::Refusal;
use zhengna_core::grid::AssignGridOfficer;
use zhengna_core::identity::{
    BeginImport, CaptureChannel, Disclose, ErasePerson, ExportPerson, NewFormerNumber, NewRealName, NewRosterEntry, NumberKind,
    PersonalField, RealNameLevel, RealNameState, ReleaseRelation, RevealOnCard, RevealTaxpayer, Role, Roster,
};
use zhengna_core::interaction::{
    AcceptOffer, AnswerFollowUp, AskColleague, Claim, Close, DeclineOffer, DeleteCannedReply, DeleteOwnCannedReply, Enter, ExportFormat,
    ExportReviewed, ExportTranscript, Hold, Join, Leave, LineSettings, MarkRead, Merge, OpenLine, Outcome, Prioritise, ProposeLine,
    PutCannedReply, PutOwnCannedReply, Recall, RequestCallback, Resume, Review, Revisit, RevisitFollowUp, SendMessage, StepOut, Transfer,
    TransferTo, Whisper,
};
use zhengna_core::operation::{self, Operation};
use zhengna_core::store::{Page, StoreError};
use zhengna_core::{Core, Error, limits};
use zhengna_tests::approval::{approve, execute, propose, reject};
use zhengna_tests::arrivals::{arrivals, collected, set_channel};
use zhengna_tests::lists::{agreed, put_forward};
use zhengna_tests::provider::Believes;
use zhengna_tests::world::{CHANGCHUN, KUANCHENG, NANGUAN, code, company, person, relation, settle, start};

use crate::cast::{Cast, LOGIN, NEXT_PASSWORD, PASSWORD, low, notice, officer_of};

/// Done any number of times, with the same key each time.
pub(crate) type Deed<'a> = Box<dyn Fn() -> Result<(), Error> + 'a>;

/// What doing it again means, once it is done.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Again {
    /// Changes nothing: by its key, or by what it is.
    Harmless,
    /// Is another deed, or refused: not done once it is done.
    Another,
    /// Several transactions: each is whole, and going on completes the rest.
    Steps,
}

pub(crate) struct Driven {
    pub(crate) operation: &'static Operation,
    pub(crate) again: Again,
    /// Gets everything ready for the `n`-th deed.
    pub(crate) prepare: for<'a> fn(&'a Cast, u64) -> Deed<'a>,
}

/// Operations that are not struck, and why.
pub(crate) const EXCEPTIONS: &[(&str, &str)] = &[
    ("access.bootstrap", "happens once in the life of a database; tests/staff.rs strikes it on fresh ones"),
    (
        "control.record_denials",
        "counts of a host's memory: where the outcome is unknown they may be lost, and docs/architecture.md says so",
    ),
];

/// Forgets the answer.
fn done<T>(answer: Result<T, Error>) -> Result<(), Error> {
    answer.map(drop)
}

/// Every operation that writes, and how it is got ready.
#[rustfmt::skip]
pub(crate) const DRIVEN: &[Driven] = &[
    Driven { operation: &operation::SIGN_IN, again: Again::Another, prepare: |cast, _| {
        cast.session();
        Box::new(move || done(cast.stage.world.core.sign_in(&Credentials { login: LOGIN.into(), password: PASSWORD.into() }, "-")))
    } },
    Driven { operation: &operation::CONFIRM_SIGN_IN, again: Again::Another, prepare: |cast, _| {
        let (_, secret) = cast.with_factor();
        // A code is good once: the next step for each deed.
        cast.stage.world.clock.advance(TOTP_STEP);
        let challenge = cast.challenge();
        Box::new(move || done(cast.stage.world.core.confirm_sign_in(SecondStep { challenge: challenge.clone(), code: cast.code(secret) }, "-")?.wait()?.into_result()))
    } },
    Driven { operation: &operation::CHANGE_PASSWORD, again: Again::Another, prepare: |cast, n| {
        let session = cast.newcomer_with_password(n);
        Box::new(move || done(session.access().change_password(&PasswordChange { current: PASSWORD.into(), password: NEXT_PASSWORD.into() })))
    } },
    Driven { operation: &operation::ENROL_FACTOR, again: Again::Another, prepare: |cast, n| {
        let session = cast.new_officer(n);
        Box::new(move || done(session.access().enrol_factor().wait()))
    } },
    Driven { operation: &operation::CONFIRM_FACTOR, again: Again::Another, prepare: |cast, n| {
        let session = cast.newcomer_with_password(n);
        let secret = secret_of_uri(&session.access().enrol_factor().wait().unwrap().uri).unwrap();
        Box::new(move || done(session.access().confirm_factor(FactorCode { code: cast.code(&secret) })?.wait()))
    } },
    Driven { operation: &operation::REMOVE_FACTOR, again: Again::Another, prepare: |cast, n| {
        let (session, secret) = cast.confirmed(n);
        cast.stage.world.clock.advance(TOTP_STEP);
        Box::new(move || done(session.access().remove_factor(FactorCode { code: cast.code(&secret) })?.wait()?.into_result()))
    } },
    Driven { operation: &operation::GIVE_PASSWORD, again: Again::Another, prepare: |cast, n| {
        let officer = officer_of(&cast.new_officer(n));
        let administrator = cast.administrator();
        Box::new(move || administrator.access().give_password(officer, PASSWORD).map(drop))
    } },
    Driven { operation: &operation::RESET_FACTOR, again: Again::Another, prepare: |cast, n| {
        let officer = officer_of(&cast.confirmed(n).0);
        let administrator = cast.administrator();
        Box::new(move || done(administrator.access().reset_factor(officer).wait()))
    } },
    Driven { operation: &operation::SIGN_IN_WITH_PROVIDER, again: Again::Another, prepare: |cast, n| {
        let core = &cast.stage.world.core;
        let refused = core.sign_in_with(&Believes(Provider::MiniProgram), &Proof { proof: format!("openid-{n}"), link: None }, "-");
        let Err(Error::Refused(Refusal::NotLinked(link))) = refused else { panic!("nobody holds it") };
        let proof = Proof { proof: format!("user-{n}={}", 5000 + n), link: Some(link.0) };
        Box::new(move || done(core.sign_in_with(&Believes(Provider::ElectronicTaxBureau), &proof, "-")))
    } },
    Driven { operation: &operation::UNLINK_IDENTITY, again: Again::Another, prepare: |cast, n| {
        let core = &cast.stage.world.core;
        let token = core.sign_in_with(&Believes(Provider::Portal), &Proof { proof: format!("user-{n}={}", 6000 + n), link: None }, "-").unwrap().token;
        let session = core.as_actor(core.authenticate(&token).unwrap().actor);
        Box::new(move || done(session.access().unlink_identity(Provider::Portal).wait()))
    } },
    Driven { operation: &operation::TAKE_PHONE, again: Again::Another, prepare: |cast, n| {
        let session = cast.stage.world.taxpayer(0);
        Box::new(move || done(session.identity().take_phone(&Believes(Provider::MiniProgram), &format!("139{n:08}"))))
    } },
    Driven { operation: &operation::SIGN_OUT, again: Again::Another, prepare: |cast, _| {
        cast.session();
        let session = cast.sign_in().unwrap();
        Box::new(move || done(cast.stage.world.core.as_actor(session.actor.clone()).access().sign_out(&session).wait()))
    } },
    Driven { operation: &operation::ISSUE_TICKET, again: Again::Another, prepare: |cast, _| {
        let session = cast.session();
        Box::new(move || done(cast.stage.world.core.as_actor(session.actor.clone()).access().issue_ticket(session).wait()))
    } },
    Driven { operation: &operation::ADD_AUTHORITIES, again: Again::Harmless, prepare: |cast, n| {
        let new = NewAuthority { code: code(&format!("1220102{:04}", n + 1)), parent: Some(code(NANGUAN)), kind: AuthorityKind::Office, name: format!("第{n}税务所"), effective_from: start() };
        Box::new(move || done(cast.system().access().add_authorities(std::slice::from_ref(&new), &mut |_| {})))
    } },
    Driven { operation: &operation::ADD_POST, again: Again::Harmless, prepare: |cast, n| {
        Box::new(move || done(cast.keyed(cast.system(), n).access().add_post(cast.post(n)).wait()))
    } },
    Driven { operation: &operation::ADD_OFFICER, again: Again::Harmless, prepare: |cast, n| {
        let administrator = cast.keyed(cast.administrator(), n);
        Box::new(move || done(administrator.access().add_officer(AddOfficer { staff_no: format!("3{n:07}"), name: "新人".into(), authority: code(KUANCHENG), capacity: 1 }).wait()))
    } },
    Driven { operation: &operation::RECORD_LEAVE, again: Again::Harmless, prepare: |cast, n| {
        let officer = officer_of(&cast.newcomer_with_password(n));
        cast.stage.world.core.sign_in(&Credentials { login: format!("4{n:07}"), password: PASSWORD.into() }, "-").unwrap();
        let administrator = cast.keyed(cast.administrator(), n);
        Box::new(move || done(administrator.access().record_leave(RecordLeave { officer, left_at: None }).wait()))
    } },
    Driven { operation: &operation::PROPOSE_CHANGE, again: Again::Harmless, prepare: |cast, n| {
        let administrator = cast.keyed(cast.administrator(), n);
        let AddPost { name, permissions } = cast.post(n);
        let change = AccessChange::Post(SetPost { post: None, name, permissions, emergency: false });
        Box::new(move || done(propose(&administrator, change.clone())))
    } },
    Driven { operation: &operation::END_GRANT, again: Again::Harmless, prepare: |cast, n| {
        let post = cast.system().access().add_post(cast.post(n)).wait().unwrap().post;
        let granted = GrantPost { officer: officer_of(&cast.new_officer(n)), post, authority: code(KUANCHENG), ends_at: None };
        let grant = cast.system().access().grant_post(granted).wait().unwrap().grant;
        let security = cast.keyed(cast.security(), n);
        Box::new(move || done(security.access().end_grant(EndGrant { grant, reason: "轮岗".into() }).wait()))
    } },
    Driven { operation: &operation::TAKE_EMERGENCY_POST, again: Again::Harmless, prepare: |cast, n| {
        let (officer, taken) = cast.emergency(n);
        let officer = cast.keyed(officer, n);
        Box::new(move || done(officer.access().take_emergency_post(taken.clone()).wait()))
    } },
    Driven { operation: &operation::GRANT_POST, again: Again::Harmless, prepare: |cast, n| {
        let post = cast.system().access().add_post(cast.post(n)).wait().unwrap().post;
        let officer = cast.system().access().add_officer(AddOfficer { staff_no: format!("3{n:07}"), name: "新人".into(), authority: code(KUANCHENG), capacity: 1 }).wait().unwrap().officer;
        Box::new(move || done(cast.keyed(cast.system(), n).access().grant_post(GrantPost { officer, post, authority: code(KUANCHENG), ends_at: None }).wait()))
    } },
    Driven { operation: &operation::SET_PASSWORD, again: Again::Another, prepare: |cast, n| {
        let (id, _) = cast.newcomer(n);
        let whose = Actor::Taxpayer(id).as_ref();
        Box::new(move || cast.system().access().set_password(whose, &format!("1380000{n:04}"), PASSWORD))
    } },
    Driven { operation: &operation::ENROL_TAXPAYERS, again: Again::Harmless, prepare: |cast, n| {
        let two = [person(3000 + 2 * n as usize), person(3001 + 2 * n as usize)];
        Box::new(move || done(cast.system().identity().enrol(&two, &mut |_| {})))
    } },
    Driven { operation: &operation::REVEAL_TAXPAYER, again: Again::Another, prepare: |cast, _| {
        let asked = RevealTaxpayer { taxpayer: cast.stage.world.taxpayers[0], field: PersonalField::Phone, reason: "回访".into() };
        let supervisor = cast.supervisor();
        Box::new(move || done(supervisor.identity().reveal(asked.clone()).wait()))
    } },
    Driven { operation: &operation::REQUEST_DISCLOSURE, again: Again::Harmless, prepare: |cast, n| {
        let (supervisor, asked) = (cast.keyed(cast.supervisor(), n), cast.disclosure());
        Box::new(move || done(supervisor.identity().request_disclosure(asked.clone()).wait()))
    } },
    Driven { operation: &operation::DISCLOSE, again: Again::Another, prepare: |cast, _| {
        let (guardian, supervisor) = (cast.guardian(), cast.supervisor());
        let opened = supervisor.identity().request_disclosure(cast.disclosure()).wait().unwrap();
        approve(&guardian, &opened).unwrap();
        Box::new(move || done(supervisor.identity().disclose(Disclose { approval: opened.approval }).wait()))
    } },
    Driven { operation: &operation::SET_CHANNEL, again: Again::Another, prepare: |cast, n| {
        let channel = set_channel(&format!("channel_{n}"));
        Box::new(move || done(cast.system().appeals().set_channel(channel.clone()).wait()))
    } },
    Driven { operation: &operation::BEGIN_COLLECTION, again: Again::Another, prepare: |cast, n| {
        let list = arrivals(n, 1);
        Box::new(move || done(cast.system().appeals().begin_collection(&list).wait()))
    } },
    Driven { operation: &operation::COLLECT, again: Again::Harmless, prepare: |cast, n| {
        let list = arrivals(n, 2);
        let of = cast.system().appeals().begin_collection(&list).wait().unwrap();
        Box::new(move || done(cast.system().appeals().collect(of, &list, &mut |_| {})))
    } },
    Driven { operation: &operation::TAKE_BACK_ARRIVALS, again: Again::Harmless, prepare: |cast, n| {
        let of = collected(&cast.system(), &arrivals(n, 2));
        Box::new(move || done(cast.system().appeals().take_back_collection(of, &mut |_| {})))
    } },
    Driven { operation: &operation::BEGIN_IMPORT, again: Again::Another, prepare: |cast, n| {
        let list = BeginImport { batch: sm3(&[&n.to_be_bytes()]), name: "名单".into(), rows: 1, given: None };
        Box::new(move || done(cast.system().identity().begin_import(list.clone()).wait()))
    } },
    Driven { operation: &operation::IMPORT_ROWS, again: Again::Harmless, prepare: |cast, n| {
        let rows = cast.list(n);
        Box::new(move || done(cast.system().identity().import(&rows, &mut |_| {})))
    } },
    Driven { operation: &operation::TAKE_BACK_IMPORT, again: Again::Harmless, prepare: |cast, n| {
        let rows = cast.list(n);
        cast.system().identity().import(&rows, &mut |_| {}).unwrap();
        Box::new(move || done(cast.system().identity().take_back_import(rows[0].of, &mut |_| {})))
    } },
    Driven { operation: &operation::IMPORT_ROWS, again: Again::Harmless, prepare: |cast, n| {
        let rows = cast.said(n);
        Box::new(move || done(cast.system().identity().import(&rows, &mut |_| {})))
    } },
    Driven { operation: &operation::TAKE_BACK_IMPORT, again: Again::Harmless, prepare: |cast, n| {
        let rows = cast.said(n);
        cast.system().identity().import(&rows, &mut |_| {}).unwrap();
        Box::new(move || done(cast.system().identity().take_back_import(rows[0].of, &mut |_| {})))
    } },
    Driven { operation: &operation::PROPOSE_IMPORT, again: Again::Harmless, prepare: |cast, n| {
        let (by, list) = cast.list_to_approve(n);
        let maker = cast.keyed(cast.stage.world.session_of(by.maker), n);
        Box::new(move || done(put_forward(&maker, &list)))
    } },
    Driven { operation: &operation::IMPORT_LIST, again: Again::Steps, prepare: |cast, n| {
        let (by, list) = cast.list_to_approve(n);
        agreed(&cast.stage.world, by, &list);
        let maker = cast.stage.world.session_of(by.maker);
        Box::new(move || done(maker.identity().import_list(&list, &mut |_| {})))
    } },
    Driven { operation: &operation::REVEAL_ON_CARD, again: Again::Another, prepare: |cast, n| {
        let (_, conversation) = cast.active(n);
        let taxpayer = cast.system().identity().find_by_number(&person(1000 + n as usize).number).unwrap().unwrap();
        let asked = RevealOnCard { conversation, taxpayer, field: PersonalField::Phone, reason: "回访".into() };
        let supervisor = cast.supervisor();
        Box::new(move || done(supervisor.identity().reveal_on_card(asked.clone()).wait()))
    } },
    Driven { operation: &operation::RECORD_FORMER_NUMBERS, again: Again::Harmless, prepare: |cast, n| {
        cast.newcomer(n);
        let row = NewFormerNumber { taxpayer: person(1000 + n as usize).number, kind: NumberKind::Passport, number: format!("E{n:08}") };
        Box::new(move || done(cast.system().identity().record_former_numbers(std::slice::from_ref(&row), &mut |_| {})))
    } },
    Driven { operation: &operation::RECORD_REAL_NAMES, again: Again::Harmless, prepare: |cast, n| {
        cast.newcomer(n);
        let (state, level, channel) = (RealNameState::Verified, Some(RealNameLevel::Face), CaptureChannel::Hall);
        let row = NewRealName { person: person(1000 + n as usize).number, state, level, channel, found_at: start() };
        Box::new(move || done(cast.system().identity().record_real_names(std::slice::from_ref(&row), &mut |_| {})))
    } },
    Driven { operation: &operation::RECORD_RELATIONS, again: Again::Harmless, prepare: |cast, n| {
        cast.employer(n);
        let row = relation(&company(n as usize).number, Role::TaxAgent, &person(1000 + n as usize).number);
        Box::new(move || done(cast.system().identity().record_relations(std::slice::from_ref(&row), &mut |_| {})))
    } },
    Driven { operation: &operation::RELEASE_RELATION, again: Again::Harmless, prepare: |cast, n| {
        let (enterprise, taxpayer) = cast.employer(n);
        let released = ReleaseRelation { enterprise, role: Role::TaxHandler, person: taxpayer.0, reason: "离职".into() };
        Box::new(move || done(cast.keyed(taxpayer.1.clone(), n).identity().release_relation(released.clone()).wait()))
    } },
    Driven { operation: &operation::ASSIGN_GRID_OFFICER, again: Again::Harmless, prepare: |cast, n| {
        let (taxpayer, _) = cast.employer(n);
        let boss = cast.stage.world.session_of(cast.stage.world.supervisor);
        let assigned = AssignGridOfficer { taxpayer, staff_no: Some("22010000".into()), reason: "分配".into() };
        Box::new(move || done(cast.keyed(boss.clone(), n).grid().assign(assigned.clone()).wait()))
    } },
    Driven { operation: &operation::RECORD_ROSTER, again: Again::Harmless, prepare: |cast, n| {
        cast.employer(n);
        let row = NewRosterEntry { enterprise: company(n as usize).number, roster: Roster::LargeEnterprise, starts_at: start(), ends_at: None, document: "名册".into() };
        Box::new(move || done(cast.system().identity().record_roster(std::slice::from_ref(&row), &mut |_| {})))
    } },
    Driven { operation: &operation::OPEN_LINE, again: Again::Harmless, prepare: |cast, n| {
        let system = cast.keyed(cast.system(), n);
        Box::new(move || done(system.interaction().open_line(OpenLine::new(format!("队列{n}"), code(NANGUAN))).wait()))
    } },
    Driven { operation: &operation::PROPOSE_LINE, again: Again::Harmless, prepare: |cast, n| {
        let supervisor = cast.keyed(cast.supervisor(), n);
        let (authority, settings) = (Some(code(NANGUAN)), LineSettings::new(format!("队列{n}")));
        let cmd = ProposeLine { line: None, authority, settings, reason: "服务需要".into() };
        Box::new(move || done(supervisor.interaction().propose_line(cmd.clone()).wait()))
    } },
    Driven { operation: &operation::REQUEST_CALLBACK, again: Again::Harmless, prepare: |cast, n| {
        let (taxpayer, conversation) = cast.waiting(n);
        Box::new(move || done(cast.keyed(taxpayer.clone(), n).interaction().request_callback(RequestCallback { conversation }).wait()))
    } },
    Driven { operation: &operation::TRANSFER, again: Again::Harmless, prepare: |cast, n| {
        let (_, conversation) = cast.active(n);
        let officer = cast.keyed(cast.stage.world.officer(0), n);
        let cmd = Transfer::new(conversation, TransferTo::Line(cast.line(n)), "请续办");
        Box::new(move || done(officer.interaction().transfer(cmd.clone()).wait()))
    } },
    Driven { operation: &operation::RETURN_HELD, again: Again::Harmless, prepare: |cast, n| {
        let (line, (_, taxpayer), officer) = (cast.line(n), cast.newcomer(n), cast.idle_officer());
        taxpayer.interaction().enter(Enter::new(line, "问")).wait().unwrap();
        officer.interaction().claim(Claim { line }).wait().unwrap();
        cast.stage.world.clock.advance(limits::PRESENCE_LEASE + limits::OFFICER_GRACE);
        Box::new(move || cast.stage.world.core.return_held().map(drop))
    } },
    Driven { operation: &operation::BE_PRESENT, again: Again::Another, prepare: |cast, _| {
        let officer = cast.stage.world.officer(0);
        cast.stage.world.clock.advance(limits::PRESENCE_LEASE); // it is written down once in half a lease
        Box::new(move || done(officer.interaction().be_present().wait()))
    } },
    Driven { operation: &operation::ENTER, again: Again::Harmless, prepare: |cast, n| {
        let (_, taxpayer) = cast.newcomer(n);
        Box::new(move || done(cast.keyed(taxpayer.clone(), n).interaction().enter(cast.stage.world.enter()).wait()))
    } },
    Driven { operation: &operation::LEAVE, again: Again::Harmless, prepare: |cast, n| {
        let (taxpayer, conversation) = cast.waiting(n);
        Box::new(move || done(cast.keyed(taxpayer.clone(), n).interaction().leave(Leave { conversation }).wait()))
    } },
    Driven { operation: &operation::CLAIM, again: Again::Harmless, prepare: |cast, n| {
        cast.waiting(n);
        let officer = cast.idle_officer();
        Box::new(move || done(cast.keyed(officer.clone(), n).interaction().claim(Claim { line: cast.stage.world.line }).wait()))
    } },
    Driven { operation: &operation::SEND, again: Again::Harmless, prepare: |cast, n| {
        let (taxpayer, conversation) = cast.active(n);
        Box::new(move || done(cast.keyed(taxpayer.clone(), n).interaction().send(SendMessage::new(conversation, "您好")).wait()))
    } },
    Driven { operation: &operation::RECALL, again: Again::Harmless, prepare: |cast, n| {
        let (taxpayer, conversation) = cast.active(n);
        taxpayer.interaction().send(SendMessage::new(conversation, "发错了")).wait().unwrap();
        Box::new(move || done(cast.keyed(taxpayer.clone(), n).interaction().recall(Recall { conversation, number: 1 }).wait()))
    } },
    Driven { operation: &operation::PUT_CANNED_REPLY, again: Again::Harmless, prepare: |cast, n| {
        let put = PutCannedReply { reply: None, authority: code(NANGUAN), topic: "个税".into(), text: format!("请打开应用{n}") };
        let supervisor = cast.keyed(cast.supervisor(), n);
        Box::new(move || done(supervisor.interaction().put_canned_reply(put.clone()).wait()))
    } },
    Driven { operation: &operation::DELETE_CANNED_REPLY, again: Again::Harmless, prepare: |cast, n| {
        let put = PutCannedReply { reply: None, authority: code(NANGUAN), topic: "个税".into(), text: format!("请打开应用{n}") };
        let reply = cast.supervisor().interaction().put_canned_reply(put).wait().unwrap().reply;
        let supervisor = cast.keyed(cast.supervisor(), n);
        Box::new(move || done(supervisor.interaction().delete_canned_reply(DeleteCannedReply { reply }).wait()))
    } },
    Driven { operation: &operation::PUT_OWN_CANNED_REPLY, again: Again::Harmless, prepare: |cast, n| {
        let put = PutOwnCannedReply { reply: None, topic: "个税".into(), text: format!("请稍等{n}") };
        let officer = cast.keyed(cast.stage.world.officer(0), n);
        Box::new(move || done(officer.interaction().put_own_canned_reply(put.clone()).wait()))
    } },
    Driven { operation: &operation::DELETE_OWN_CANNED_REPLY, again: Again::Harmless, prepare: |cast, n| {
        let put = PutOwnCannedReply { reply: None, topic: "个税".into(), text: format!("请稍等{n}") };
        let reply = cast.stage.world.officer(0).interaction().put_own_canned_reply(put).wait().unwrap().reply;
        let officer = cast.keyed(cast.stage.world.officer(0), n);
        Box::new(move || done(officer.interaction().delete_own_canned_reply(DeleteOwnCannedReply { reply }).wait()))
    } },
    Driven { operation: &operation::MARK_READ, again: Again::Harmless, prepare: |cast, n| {
        let (taxpayer, conversation) = cast.active(n);
        cast.stage.world.officer(0).interaction().send(SendMessage::new(conversation, "您好")).wait().unwrap();
        Box::new(move || done(taxpayer.interaction().mark_read(vec![MarkRead { conversation, number: 1 }]).wait()))
    } },
    Driven { operation: &operation::CLOSE, again: Again::Harmless, prepare: |cast, n| {
        let (_, conversation) = cast.active(n);
        let close = Close { conversation, outcome: Outcome::Resolved, note: Some("已解答".into()) };
        let officer = cast.keyed(cast.stage.world.officer(0), n);
        Box::new(move || done(officer.interaction().close(close.clone()).wait()))
    } },
    Driven { operation: &operation::HOLD, again: Again::Harmless, prepare: |cast, n| {
        let (_, conversation) = cast.active(n);
        let officer = cast.keyed(cast.stage.world.officer(0), n);
        Box::new(move || done(officer.interaction().hold(Hold { conversation, minutes: 5 }).wait()))
    } },
    Driven { operation: &operation::RESUME, again: Again::Harmless, prepare: |cast, n| {
        let (_, conversation) = cast.active(n);
        cast.stage.world.officer(0).interaction().hold(Hold { conversation, minutes: 5 }).wait().unwrap();
        let officer = cast.keyed(cast.stage.world.officer(0), n);
        Box::new(move || done(officer.interaction().resume(Resume { conversation }).wait()))
    } },
    Driven { operation: &operation::HOLD_OVER, again: Again::Steps, prepare: |cast, n| {
        cast.nothing_due();
        let (_, conversation) = cast.active(n);
        cast.stage.world.officer(0).interaction().hold(Hold { conversation, minutes: 5 }).wait().unwrap();
        cast.escalated(); // nobody is: it is on hold
        cast.stage.world.clock.advance(std::time::Duration::from_secs(2 * 60));
        run_off(cast)
    } },
    Driven { operation: &operation::REMIND_UNANSWERED, again: Again::Steps, prepare: |cast, n| {
        cast.nothing_due();
        cast.active(n);
        // Those who supervise are told at once, however long it takes until somebody looks.
        cast.stage.world.clock.advance(std::time::Duration::from_secs((limits::UNANSWERED_S + limits::ESCALATE_S).unsigned_abs()));
        run_off(cast)
    } },
    Driven { operation: &operation::HOURS_OVER, again: Again::Steps, prepare: |cast, n| {
        cast.nothing_promised();
        cast.left_at_closing_time(n);
        run_off(cast)
    } },
    Driven { operation: &operation::REPLY_DUE, again: Again::Steps, prepare: |cast, n| {
        cast.nothing_promised();
        let (taxpayer, conversation) = cast.waiting(n);
        let due = taxpayer.interaction().request_callback(RequestCallback { conversation }).wait().unwrap().reply_due;
        let clock = &cast.stage.world.clock;
        clock.advance(due.since(cast.stage.world.core.now()));
        run_off(cast)
    } },
    Driven { operation: &operation::JOIN, again: Again::Harmless, prepare: |cast, n| {
        let (_, conversation) = cast.active(n);
        let chief = cast.keyed(cast.chief(), n);
        Box::new(move || done(chief.interaction().join(Join { conversation, reason: "协助解答".into() }).wait()))
    } },
    Driven { operation: &operation::STEP_OUT, again: Again::Harmless, prepare: |cast, n| {
        let (chief, conversation) = cast.joined(n);
        let chief = cast.keyed(chief, n);
        Box::new(move || done(chief.interaction().step_out(StepOut { conversation }).wait()))
    } },
    Driven { operation: &operation::WHISPER, again: Again::Harmless, prepare: |cast, n| {
        let (_, conversation) = cast.active(n);
        let supervisor = cast.keyed(cast.supervisor(), n);
        let cmd = Whisper { conversation, text: "先核对身份".into(), confirmed: false };
        Box::new(move || done(supervisor.interaction().whisper(cmd.clone()).wait()))
    } },
    Driven { operation: &operation::ASK_COLLEAGUE, again: Again::Harmless, prepare: |cast, n| {
        let (_, conversation) = cast.active(n);
        let officer = cast.keyed(cast.stage.world.officer(0), n);
        let cmd = AskColleague { conversation, staff_no: "22010902".into(), text: "这种情况怎么报？".into(), confirmed: false };
        Box::new(move || done(officer.interaction().ask_colleague(cmd.clone()).wait()))
    } },
    Driven { operation: &operation::MERGE, again: Again::Harmless, prepare: |cast, n| {
        let (taxpayer, conversation) = cast.active(n);
        let other = taxpayer.interaction().enter(Enter::new(cast.line(n), "发票")).wait().unwrap().conversation;
        let officer = cast.keyed(cast.stage.world.officer(0), n);
        Box::new(move || done(officer.interaction().merge(Merge { conversation, other }).wait()))
    } },
    Driven { operation: &operation::OFFER_WAITING, again: Again::Harmless, prepare: |cast, n| {
        cast.to_be_offered(n);
        Box::new(move || done(cast.stage.world.core.offer_waiting()))
    } },
    Driven { operation: &operation::OFFER_WAITING, again: Again::Harmless, prepare: |cast, n| {
        cast.offered(n); // and let pass: nobody else is there
        cast.stage.world.clock.advance(std::time::Duration::from_secs(u64::from(limits::OFFER_S)));
        Box::new(move || done(cast.stage.world.core.offer_waiting()))
    } },
    Driven { operation: &operation::ACCEPT_OFFER, again: Again::Harmless, prepare: |cast, n| {
        let conversation = cast.offered(n);
        let officer = cast.keyed(cast.stage.world.officer(0), n);
        Box::new(move || done(officer.interaction().accept_offer(AcceptOffer { conversation }).wait()))
    } },
    Driven { operation: &operation::DECLINE_OFFER, again: Again::Harmless, prepare: |cast, n| {
        let conversation = cast.offered(n);
        let officer = cast.keyed(cast.stage.world.officer(0), n);
        Box::new(move || done(officer.interaction().decline_offer(DeclineOffer { conversation }).wait()))
    } },
    Driven { operation: &operation::CLOSE_IDLE, again: Again::Steps, prepare: idle },
    Driven { operation: &operation::RUN_DUE, again: Again::Steps, prepare: idle },
    Driven { operation: &operation::TRANSCRIPT, again: Again::Another, prepare: |cast, n| {
        let (taxpayer, conversation) = cast.active(n);
        Box::new(move || done(taxpayer.interaction().transcript(conversation).wait()))
    } },
    Driven { operation: &operation::REVIEW, again: Again::Another, prepare: |cast, n| {
        let (_, conversation) = cast.active(n);
        let supervisor = cast.supervisor();
        Box::new(move || done(supervisor.interaction().review(Review { conversation, reason: "质检".into() }).wait()))
    } },
    Driven { operation: &operation::EXPORT_TRANSCRIPT, again: Again::Another, prepare: |cast, n| {
        let (taxpayer, conversation) = cast.active(n);
        let asked = ExportTranscript { conversation, format: ExportFormat::Json };
        Box::new(move || done(taxpayer.interaction().export_transcript(asked).wait()))
    } },
    Driven { operation: &operation::EXPORT_REVIEWED, again: Again::Another, prepare: |cast, n| {
        let (_, conversation) = cast.active(n);
        let supervisor = cast.supervisor();
        let asked = ExportReviewed { conversation, format: ExportFormat::Page, reason: "质检".into() };
        Box::new(move || done(supervisor.interaction().export_reviewed(asked.clone()).wait()))
    } },
    Driven { operation: &operation::RATE, again: Again::Harmless, prepare: |cast, n| {
        let (taxpayer, conversation) = cast.ended(n);
        Box::new(move || done(cast.keyed(taxpayer.clone(), n).interaction().rate(low(conversation)).wait()))
    } },
    Driven { operation: &operation::ANSWER_FOLLOW_UP, again: Again::Harmless, prepare: |cast, n| {
        let conversation = cast.rated_low(n);
        let supervisor = cast.keyed(cast.supervisor(), n);
        let answer = AnswerFollowUp::new(conversation, "已向纳税人说明");
        Box::new(move || done(supervisor.interaction().answer_follow_up(answer.clone()).wait()))
    } },
    Driven { operation: &operation::REVISIT_FOLLOW_UP, again: Again::Harmless, prepare: |cast, n| {
        let conversation = cast.rated_low(n);
        cast.supervisor().interaction().answer_follow_up(AnswerFollowUp::new(conversation, "已向纳税人说明")).wait().unwrap();
        let supervisor = cast.keyed(cast.supervisor(), n);
        let heard = RevisitFollowUp { conversation, revisit: Revisit::NotContent, note: "仍未解决".into() };
        Box::new(move || done(supervisor.interaction().revisit_follow_up(heard.clone()).wait()))
    } },
    Driven { operation: &operation::FOLLOW_UP_DUE, again: Again::Steps, prepare: |cast, n| {
        cast.rated_low(n);
        // Behind whatever holidays there are.
        cast.stage.world.clock.advance(std::time::Duration::from_secs(30 * 86_400));
        run_off(cast)
    } },
    Driven { operation: &operation::RECOMPUTE_DUE, again: Again::Steps, prepare: |cast, n| {
        // The second look of the change before.
        cast.stage.world.clock.advance(limits::RECOMPUTED_AGAIN_AFTER);
        while cast.stage.world.core.run_due(10).unwrap() > 0 {}
        cast.rated_low(n);
        let checker = cast.checker();
        let proposed = cast.proposed(&checker);
        approve(&checker, &proposed).unwrap();
        run_off(cast)
    } },
    Driven { operation: &operation::READ_AUDIT, again: Again::Another, prepare: |cast, _| {
        let auditor = cast.stage.world.session_of(cast.stage.world.auditor);
        Box::new(move || done(auditor.audit().read(AuditAsked::behind(0, 10)).wait()))
    } },
    Driven { operation: &operation::SEAL_AUDIT, again: Again::Harmless, prepare: |cast, n| {
        cast.stage.world.seal();
        cast.system().access().add_post(cast.post(n)).wait().unwrap();
        // On PostgreSQL whoever writes beside this holds the trail back for a moment, in other databases of the server too.
        let sealed = |core: &Core| {
            let nothing = core.seal_audit()?.sealed == 0;
            Ok(!nothing || core.verify_audit(core.checkpoints_after(0)?, |_, _| ())?.unsealed == 0)
        };
        Box::new(move || done(settle(&cast.stage.world.core, sealed, |sealed| *sealed != Ok(false))))
    } },
    Driven { operation: &operation::CHECKPOINT_AUDIT, again: Again::Harmless, prepare: |cast, n| {
        cast.system().access().add_post(cast.post(n)).wait().unwrap();
        cast.stage.world.seal();
        Box::new(move || done(cast.stage.world.core.checkpoint_audit(true)))
    } },
    Driven { operation: &operation::LEASE_DELIVERIES, again: Again::Harmless, prepare: |cast, n| {
        cast.active(n);
        cast.idle_officer();
        Box::new(move || done(cast.stage.world.core.lease_deliveries(10)))
    } },
    Driven { operation: &operation::SETTLE_DELIVERY, again: Again::Another, prepare: |cast, n| {
        cast.active(n);
        cast.idle_officer();
        let leased = cast.stage.world.core.lease_deliveries(10).unwrap().remove(0);
        Box::new(move || done(cast.stage.world.core.settle_delivery(SettleDelivery { id: leased.id, token: leased.token, error: None })))
    } },
    Driven { operation: &operation::FORGET_KEYS, again: Again::Steps, prepare: |cast, n| {
        cast.stage.world.core.ensure_timers().unwrap();
        cast.keyed(cast.system(), n).access().add_post(cast.post(n)).wait().unwrap();
        cast.stage.world.clock.advance(limits::IDEMPOTENCY_RETENTION + std::time::Duration::from_secs(3600));
        // Screening is due beside it the first time; it is not what is struck here.
        let both = Cell::new(true);
        Box::new(move || {
            cast.stage.world.clock.advance(limits::TIMER_LEASE);
            let ran = cast.stage.world.core.run_due(10)?;
            if ran < 1 + u32::from(both.replace(false)) { Err(StoreError::Backend("nothing ran".into()).into()) } else { Ok(()) }
        })
    } },
    Driven { operation: &operation::ERASE_PERSON, again: Again::Another, prepare: |cast, n| {
        let (person, _) = cast.newcomer(n);
        let erase = ErasePerson { person, reason: "本人申请".into() };
        Box::new(move || done(cast.system().identity().erase_person(erase.clone()).wait()))
    } },
    Driven { operation: &operation::EXPORT_PERSON, again: Again::Another, prepare: |cast, n| {
        let (person, _) = cast.newcomer(n);
        let export = ExportPerson { person, reason: "本人申请".into() };
        Box::new(move || done(cast.system().identity().export_person(export.clone(), &mut |_| {})))
    } },
    Driven { operation: &operation::REWRAP_KEYS, again: Again::Another, prepare: |cast, n| {
        cast.newcomer(n);
        cast.stage.world.rotate_keys(n + 2);
        Box::new(move || done(cast.system().identity().rewrap_keys(3, &mut |_| {})))
    } },
    Driven { operation: &operation::PRIORITISE, again: Again::Harmless, prepare: |cast, n| {
        let (_, conversation) = cast.waiting(n);
        let first = Prioritise { conversation, reason: "行动不便".into() };
        let supervisor = cast.keyed(cast.supervisor(), n);
        Box::new(move || done(supervisor.interaction().prioritise(first.clone()).wait()))
    } },
    Driven { operation: &operation::PROPOSE, again: Again::Harmless, prepare: |cast, n| {
        cast.clear_desk(&cast.checker());
        let maker = cast.keyed(cast.supervisor(), n);
        Box::new(move || done(maker.calendar().propose(notice()).wait()))
    } },
    Driven { operation: &operation::APPROVE, again: Again::Harmless, prepare: |cast, n| {
        let checker = cast.checker();
        let opened = cast.proposed(&checker);
        let checker = cast.keyed(checker, n);
        Box::new(move || done(approve(&checker, &opened)))
    } },
    Driven { operation: &operation::REJECT, again: Again::Harmless, prepare: |cast, n| {
        let checker = cast.checker();
        let opened = cast.proposed(&checker);
        let checker = cast.keyed(checker, n);
        Box::new(move || done(reject(&checker, &opened)))
    } },
    Driven { operation: &operation::APPROVE, again: Again::Harmless, prepare: |cast, n| {
        let opened = cast.grant_put_forward(n);
        let security = cast.keyed(cast.security(), n);
        Box::new(move || done(approve(&security, &opened)))
    } },
    Driven { operation: &operation::REJECT, again: Again::Harmless, prepare: |cast, n| {
        let (officer, taken) = cast.emergency(n);
        officer.access().take_emergency_post(taken).wait().unwrap();
        let security = cast.security();
        let waiting = security.approval().list(Which::ForMe, None, 1).unwrap().items.remove(0);
        let security = cast.keyed(security, n);
        Box::new(move || done(security.approval().reject(Reject { approval: waiting.id, digest: waiting.digest.clone(), reason: "无故".into() }).wait()))
    } },
    Driven { operation: &operation::WITHDRAW, again: Again::Harmless, prepare: |cast, n| {
        let Opened { approval, .. } = cast.proposed(&cast.checker());
        let maker = cast.keyed(cast.supervisor(), n);
        Box::new(move || done(maker.approval().withdraw(Withdraw { approval, reason: "有误".into() }).wait()))
    } },
    Driven { operation: &operation::EXECUTE, again: Again::Harmless, prepare: |cast, n| {
        let opened = cast.hours_approved();
        let maker = cast.keyed(cast.supervisor(), n);
        Box::new(move || done(execute(&maker, &opened)))
    } },
    Driven { operation: &operation::DELEGATE, again: Again::Harmless, prepare: |cast, n| {
        let (giver, delegated) = cast.away(n);
        let giver = cast.keyed(giver, n);
        Box::new(move || done(giver.approval().delegate(delegated.clone()).wait()))
    } },
    Driven { operation: &operation::END_DELEGATION, again: Again::Harmless, prepare: |cast, n| {
        let (giver, delegated) = cast.away(n);
        let delegation = giver.approval().delegate(delegated).wait().unwrap().delegation;
        let giver = cast.keyed(giver, n);
        Box::new(move || done(giver.approval().end_delegation(delegation).wait()))
    } },
    Driven { operation: &operation::TOUCH_SESSIONS, again: Again::Harmless, prepare: |cast, _| {
        let session = cast.session();
        cast.stage.world.clock.advance(limits::SESSION_TOUCH_EVERY);
        cast.stage.world.core.touch(session, &operation::SEND);
        Box::new(move || done(cast.stage.world.core.write_down_touches()))
    } },
    Driven { operation: &operation::SCREEN, again: Again::Steps, prepare: |cast, n| {
        cast.burst(n);
        let (core, now) = (&cast.stage.world.core, cast.stage.world.core.now());
        Box::new(move || done(core.screen(now, now.plus(limits::SCREEN_EVERY))))
    } },
    Driven { operation: &operation::FILE_APPEAL, again: Again::Harmless, prepare: |cast, n| {
        let taxpayer = cast.keyed(cast.stage.world.taxpayer(0), n);
        Box::new(move || done(taxpayer.appeals().file(complaint()).wait()))
    } },
    Driven { operation: &operation::ANSWER_APPEAL, again: Again::Harmless, prepare: |cast, n| {
        let world = &cast.stage.world;
        let appeal = world.taxpayer(0).appeals().file(complaint()).wait().unwrap().appeal;
        let handler = cast.keyed(world.session_of(world.appoint(&format!("L{n:07}"), CHANGCHUN, &[Permission::HandleAppeals])), n);
        Box::new(move || done(handler.appeals().answer(AnswerAppeal { appeal, text: "已整改".into() }).wait()))
    } },
    Driven { operation: &operation::REVIEW_ALERT, again: Again::Harmless, prepare: |cast, n| {
        let world = &cast.stage.world;
        let about = cast.burst(n);
        world.core.screen(world.core.now(), world.core.now().plus(limits::SCREEN_EVERY)).unwrap();
        let reviewer = world.session_of(world.appoint(&format!("K{n:07}"), NANGUAN, &[Permission::ReviewControl]));
        let page = Page { after: None, limit: 200 };
        let alerts = cast.keyed(reviewer.clone(), n).control().alerts(Some(AlertState::Open), page).unwrap().items;
        let alert = alerts.iter().find(|a| a.actor == format!("officer/{about}")).expect("it was found").id;
        let cmd = ReviewAlert { alert, verdict: Verdict::Confirmed, reason: "属实".into() };
        Box::new(move || done(cast.keyed(reviewer.clone(), n).control().review_alert(cmd.clone()).wait()))
    } },
];

fn complaint() -> FileAppeal {
    FileAppeal::new(Respondent::Authority(code(NANGUAN)), "无人接待")
}

/// Runs what is due until a lease after the other has ended.
fn run_off(cast: &Cast) -> Deed<'_> {
    Box::new(move || {
        cast.stage.world.clock.advance(limits::TIMER_LEASE);
        match cast.stage.world.core.run_due(10)? {
            0 => Err(StoreError::Backend("nothing ran".into()).into()),
            _ => Ok(()),
        }
    })
}

/// Nobody writes for half an hour, and the timer falls due; once more at the end of each lease.
fn idle(cast: &Cast, n: u64) -> Deed<'_> {
    let (_, conversation) = cast.active(n);
    cast.stage.world.officer(0).interaction().send(SendMessage::new(conversation, "您好")).wait().unwrap();
    cast.escalated(); // nobody is: it is answered
    cast.stage.world.clock.advance(limits::CONVERSATION_IDLE);
    run_off(cast)
}
