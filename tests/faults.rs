//! Every operation that writes, struck by every kind of fault at its first, second, third... storage call until a
//! run finishes untouched. After each fault: nothing or everything was done, as the answer says; what is kept in
//! memory equals the rows; the audit trail is whole; and doing it again with the same key completes it once.

use std::cell::OnceCell;

use zhengna_core::access::{
    Actor, ActorRef, AddOfficer, AddPost, Authenticated, AuthorityKind, Credentials, FactorCode, GrantPost, NewAuthority, PasswordChange,
    Permission, Permissions, Proof, Provider, SecondStep,
};
use zhengna_core::calendar::{Approve, Arrangement, Change, Draft, NoticeDay, ProposalState, Reject};
use zhengna_core::crypto::{TOTP_STEP, secret_of_uri, sm3, totp_code, totp_step};
use zhengna_core::delivery::SettleDelivery;
use zhengna_core::error::Refusal;
use zhengna_core::id::{ConversationId, OfficerId, ProposalId, TaxpayerId};
use zhengna_core::identity::{
    BeginImport, CaptureChannel, ImportRow, Listed, ListedRelation, NewFormerNumber, NewRealName, NewRosterEntry, NewTaxpayer, NumberKind,
    PersonalField, RealNameLevel, RealNameState, ReleaseRelation, RevealOnCard, RevealTaxpayer, Role, Roster,
};
use zhengna_core::interaction::{Claim, Close, Leave, MarkRead, OpenLine, Outcome, Prioritise, Review, SendMessage};
use zhengna_core::operation::{self, Class, OPERATIONS, Operation};
use zhengna_core::store::fault::{FAULTS, Fault, INJECTED, Repeat};
use zhengna_core::store::{Page, StoreError};
use zhengna_core::{Error, Session, limits};
use zhengna_tests::faults::{Rows, Stage};
use zhengna_tests::provider::Believes;
use zhengna_tests::world::{Engine, KUANCHENG, NANGUAN, PROVINCE, code, company, listed, person, relation, start};

/// Done any number of times, with the same key each time.
type Deed<'a> = Box<dyn Fn() -> Result<(), Error> + 'a>;

/// What doing it again means, once it is done.
#[derive(Clone, Copy, PartialEq)]
enum Again {
    /// Changes nothing: by its key, or by what it is.
    Harmless,
    /// Is another deed, or refused: not done once it is done.
    Another,
    /// Several transactions: each is whole, and going on completes the rest.
    Steps,
}

struct Driven {
    operation: &'static Operation,
    again: Again,
    /// Gets everything ready for the `n`-th deed.
    prepare: for<'a> fn(&'a Cast, u64) -> Deed<'a>,
}

/// Operations that are not struck, and why.
const EXCEPTIONS: &[(&str, &str)] =
    &[("access.bootstrap", "happens once in the life of a database; tests/staff.rs strikes it on fresh ones")];

/// The stage with who plays on it.
struct Cast {
    stage: Stage,
    /// An officer's session; signing in is slow on purpose, so once.
    session: OnceCell<Authenticated>,
    /// Decides about the calendar.
    checker: OnceCell<OfficerId>,
    /// An officer's second factor.
    factor: OnceCell<(Session, Vec<u8>)>,
}

const LOGIN: &str = "22010000";
const PASSWORD: &str = "Xiang-Kan-2026";
const NEXT_PASSWORD: &str = "Zai-Kan-Kan-2027";

impl Cast {
    fn on(engine: Engine) -> Self {
        Self { stage: Stage::new(engine), session: OnceCell::new(), checker: OnceCell::new(), factor: OnceCell::new() }
    }

    fn system(&self) -> Session {
        self.stage.world.core.as_system()
    }

    fn keyed(&self, session: Session, n: u64) -> Session {
        session.with_key(&format!("key {n}")).unwrap()
    }

    fn set_password(&self) -> Result<(), Error> {
        let whose = Actor::Officer(match self.stage.world.core.officer(self.stage.world.officers[0])? {
            Actor::Officer(officer) => officer,
            other => unreachable!("{other:?} is no officer"),
        });
        let whose: ActorRef = whose.as_ref();
        self.system().access().set_password(whose, LOGIN, PASSWORD)
    }

    fn sign_in(&self) -> Result<Authenticated, Error> {
        let core = &self.stage.world.core;
        let signed_in = core.sign_in(&Credentials { login: LOGIN.into(), password: PASSWORD.into() }, "-")?;
        core.authenticate(&signed_in.token)
    }

    fn session(&self) -> &Authenticated {
        self.session.get_or_init(|| {
            self.set_password().unwrap();
            self.sign_in().unwrap()
        })
    }

    /// An officer nobody has met.
    fn new_officer(&self, n: u64) -> Session {
        let new = AddOfficer { staff_no: format!("4{n:07}"), name: "新人".into(), authority: code(KUANCHENG), capacity: 1 };
        let officer = self.system().access().add_officer(new).wait().unwrap().officer;
        self.stage.world.session_of(officer)
    }

    fn newcomer_with_password(&self, n: u64) -> Session {
        let session = self.new_officer(n);
        self.system().access().set_password(session.actor().as_ref(), &format!("4{n:07}"), PASSWORD).unwrap();
        session
    }

    /// An officer with a second factor, and its secret.
    fn confirmed(&self, n: u64) -> (Session, Vec<u8>) {
        let session = self.newcomer_with_password(n);
        let secret = secret_of_uri(&session.access().enrol_factor().wait().unwrap().uri).unwrap();
        session.access().confirm_factor(FactorCode { code: self.code(&secret) }).unwrap().wait().unwrap();
        (session, secret)
    }

    /// One officer with a second factor, for sign-ins: signing up is slow on purpose, so once.
    fn with_factor(&self) -> &(Session, Vec<u8>) {
        self.factor.get_or_init(|| self.confirmed(9_999_999))
    }

    fn challenge(&self) -> String {
        let typed = Credentials { login: "49999999".into(), password: PASSWORD.into() };
        match self.stage.world.core.sign_in(&typed, "-") {
            Err(Error::Refused(Refusal::SecondFactorNeeded(challenge))) => challenge.0,
            other => panic!("{:?}", other.map(|s| s.duty)),
        }
    }

    fn code(&self, secret: &[u8]) -> String {
        totp_code(secret, totp_step(self.stage.world.core.now()))
    }

    fn newcomer(&self, n: u64) -> (TaxpayerId, Session) {
        let newcomer = person(1000 + n as usize);
        self.system().identity().enrol(std::slice::from_ref(&newcomer), &mut |_| {}).unwrap();
        let id = self.system().identity().find_by_number(&newcomer.number).unwrap().unwrap();
        (id, self.stage.world.core.as_actor(Actor::Taxpayer(id)))
    }

    /// An enterprise, and a newcomer who is its tax handler.
    fn employer(&self, n: u64) -> (TaxpayerId, (TaxpayerId, Session)) {
        let (newcomer, company, system) = (self.newcomer(n), company(n as usize), self.system());
        system.identity().enrol(std::slice::from_ref(&company), &mut |_| {}).unwrap();
        let handler = relation(&company.number, Role::TaxHandler, &person(1000 + n as usize).number);
        system.identity().record_relations(&[handler], &mut |_| {}).unwrap();
        (system.identity().find_by_number(&company.number).unwrap().unwrap(), newcomer)
    }

    /// A list of one who is new and one whose name is another.
    fn list(&self, n: u64) -> Vec<ImportRow> {
        self.newcomer(n);
        let list = BeginImport { batch: sm3(&[&n.to_be_bytes()]), name: "名单".into(), rows: 2 };
        let of = self.system().identity().begin_import(list).wait().unwrap();
        let other = NewTaxpayer { name: "改名".into(), ..person(1000 + n as usize) };
        let row = |(line, new)| ImportRow { of, line, said: listed(&new) };
        (2..).zip([person(5000 + n as usize), other]).map(row).collect()
    }

    /// A list of a relation that is new and one that has ended.
    fn said(&self, n: u64) -> Vec<ImportRow> {
        self.employer(n);
        let list = BeginImport { batch: sm3(&[&n.to_be_bytes()]), name: "名单".into(), rows: 2 };
        let of = self.system().identity().begin_import(list).wait().unwrap();
        let row = |(line, role, ends_at): (i64, Role, &str)| {
            let said = ListedRelation {
                enterprise: company(n as usize).number,
                role: role.as_str().into(),
                person: person(1000 + n as usize).number,
                starts_at: start().rfc3339(),
                ends_at: ends_at.into(),
                channel: "税务登记".into(),
                ..ListedRelation::default()
            };
            ImportRow { of, line, said: Listed::Relation(said) }
        };
        [(2, Role::TaxAgent, ""), (3, Role::TaxHandler, "2026-12-31")].map(row).into()
    }

    fn waiting(&self, n: u64) -> (Session, ConversationId) {
        let (_, taxpayer) = self.newcomer(n);
        let entered = taxpayer.interaction().enter(self.stage.world.enter()).wait().unwrap();
        (taxpayer, entered.conversation)
    }

    fn active(&self, n: u64) -> (Session, ConversationId) {
        let waiting = self.waiting(n);
        let claimed = self.idle_officer().interaction().claim(Claim { line: self.stage.world.line }).wait().unwrap();
        assert_eq!(claimed.conversation, waiting.1, "nobody else waits on this stage");
        waiting
    }

    /// The officer, with nobody before them.
    fn idle_officer(&self) -> Session {
        let officer = self.stage.world.officer(0);
        for mine in officer.interaction().mine(Page { after: None, limit: 50 }).unwrap() {
            if mine.ended_at.is_none() {
                officer.interaction().close(Close { conversation: mine.id, outcome: Outcome::Resolved, note: None }).wait().unwrap();
            }
        }
        officer
    }

    fn supervisor(&self) -> Session {
        self.stage.world.session_of(self.stage.world.supervisor)
    }

    /// The officer who decides about the calendar.
    fn checker(&self) -> Session {
        let appoint = || self.stage.world.appoint("40000000", PROVINCE, &[Permission::ApproveCalendar]);
        self.stage.world.session_of(*self.checker.get_or_init(appoint))
    }

    /// Nothing is left waiting by an earlier deed.
    fn clear_desk(&self, checker: &Session) {
        let waiting = checker.calendar().proposals(None, limits::PROPOSALS_SHOWN_MAX).unwrap();
        for p in waiting.into_iter().filter(|p| p.state == ProposalState::Pending) {
            checker.calendar().reject(Reject { proposal: p.id, digest: p.digest, reason: "清空".into() }).wait().unwrap();
        }
    }

    /// A proposal that waits, and its digest.
    fn proposed(&self, checker: &Session) -> (ProposalId, String) {
        self.clear_desk(checker);
        let proposed = self.supervisor().calendar().propose(notice()).wait().unwrap();
        (proposed.proposal, proposed.digest)
    }

    fn post(&self, n: u64) -> AddPost {
        AddPost { name: format!("岗位{n}"), permissions: Permissions(vec![Permission::ServeTaxpayers]) }
    }
}

fn notice() -> Draft {
    let days = vec![NoticeDay { date: "2027-01-04".parse().unwrap(), arrangement: Arrangement::Off, name: "元旦".into() }];
    let change = Change::WorkingDays { year: 2027, days };
    Draft { document: "国办发明电〔2026〕9号".into(), title: "通知".into(), source: "https://www.gov.cn/".into(), change }
}

fn officer_of(session: &Session) -> OfficerId {
    OfficerId::from_uuid(session.actor().as_ref().id)
}

/// Forgets the answer.
fn done<T>(answer: Result<T, Error>) -> Result<(), Error> {
    answer.map(drop)
}

#[rustfmt::skip]
const DRIVEN: &[Driven] = &[
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
        let supervisor = cast.supervisor();
        Box::new(move || supervisor.access().give_password(officer, PASSWORD))
    } },
    Driven { operation: &operation::RESET_FACTOR, again: Again::Another, prepare: |cast, n| {
        let officer = officer_of(&cast.confirmed(n).0);
        let supervisor = cast.supervisor();
        Box::new(move || done(supervisor.access().reset_factor(officer).wait()))
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
    Driven { operation: &operation::ADD_OFFICER, again: Again::Another, prepare: |cast, n| {
        Box::new(move || done(cast.system().access().add_officer(AddOfficer { staff_no: format!("3{n:07}"), name: "新人".into(), authority: code(KUANCHENG), capacity: 1 }).wait()))
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
    Driven { operation: &operation::BEGIN_IMPORT, again: Again::Another, prepare: |cast, n| {
        let list = BeginImport { batch: sm3(&[&n.to_be_bytes()]), name: "名单".into(), rows: 1 };
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
    Driven { operation: &operation::RECORD_ROSTER, again: Again::Harmless, prepare: |cast, n| {
        cast.employer(n);
        let row = NewRosterEntry { enterprise: company(n as usize).number, roster: Roster::LargeEnterprise, starts_at: start(), ends_at: None, document: "名册".into() };
        Box::new(move || done(cast.system().identity().record_roster(std::slice::from_ref(&row), &mut |_| {})))
    } },
    Driven { operation: &operation::OPEN_LINE, again: Again::Harmless, prepare: |cast, n| {
        let supervisor = cast.keyed(cast.supervisor(), n);
        Box::new(move || done(supervisor.interaction().open_line(OpenLine { name: format!("队列{n}"), authority: code(NANGUAN) }).wait()))
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
        Box::new(move || done(cast.keyed(taxpayer.clone(), n).interaction().send(SendMessage { conversation, text: "您好".into() }).wait()))
    } },
    Driven { operation: &operation::MARK_READ, again: Again::Harmless, prepare: |cast, n| {
        let (taxpayer, conversation) = cast.active(n);
        cast.stage.world.officer(0).interaction().send(SendMessage { conversation, text: "您好".into() }).wait().unwrap();
        Box::new(move || done(taxpayer.interaction().mark_read(vec![MarkRead { conversation, number: 1 }]).wait()))
    } },
    Driven { operation: &operation::CLOSE, again: Again::Harmless, prepare: |cast, n| {
        let (_, conversation) = cast.active(n);
        let close = Close { conversation, outcome: Outcome::Resolved, note: Some("已解答".into()) };
        let officer = cast.keyed(cast.stage.world.officer(0), n);
        Box::new(move || done(officer.interaction().close(close.clone()).wait()))
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
    Driven { operation: &operation::READ_AUDIT, again: Again::Another, prepare: |cast, _| {
        let supervisor = cast.supervisor();
        Box::new(move || done(supervisor.audit().read(0, 10).wait()))
    } },
    Driven { operation: &operation::SEAL_AUDIT, again: Again::Harmless, prepare: |cast, n| {
        cast.stage.world.seal();
        cast.system().access().add_post(cast.post(n)).wait().unwrap();
        Box::new(move || done(cast.stage.world.core.seal_audit()))
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
        Box::new(move || {
            cast.stage.world.clock.advance(limits::TIMER_LEASE);
            match cast.stage.world.core.run_due(10)? {
                0 => Err(StoreError::Backend("nothing ran".into()).into()),
                _ => Ok(()),
            }
        })
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
        let (proposal, digest) = cast.proposed(&checker);
        let checker = cast.keyed(checker, n);
        Box::new(move || done(checker.calendar().approve(Approve { proposal, digest: digest.clone() }).wait()))
    } },
    Driven { operation: &operation::REJECT, again: Again::Harmless, prepare: |cast, n| {
        let checker = cast.checker();
        let (proposal, digest) = cast.proposed(&checker);
        let checker = cast.keyed(checker, n);
        Box::new(move || done(checker.calendar().reject(Reject { proposal, digest: digest.clone(), reason: "有误".into() }).wait()))
    } },
    Driven { operation: &operation::TOUCH_SESSIONS, again: Again::Harmless, prepare: |cast, _| {
        let session = cast.session();
        cast.stage.world.clock.advance(limits::SESSION_TOUCH_EVERY);
        cast.stage.world.core.touch(session, &operation::SEND);
        Box::new(move || done(cast.stage.world.core.write_down_touches()))
    } },
];

/// Nobody writes for half an hour, and the timer falls due; once more at the end of each lease.
fn idle(cast: &Cast, n: u64) -> Deed<'_> {
    cast.active(n);
    cast.stage.world.clock.advance(limits::CONVERSATION_IDLE);
    Box::new(move || {
        cast.stage.world.clock.advance(limits::TIMER_LEASE);
        match cast.stage.world.core.run_due(10)? {
            0 => Err(StoreError::Backend("nothing ran".into()).into()),
            _ => Ok(()),
        }
    })
}

#[test]
fn every_operation_that_writes_is_struck_or_named_as_an_exception() {
    for o in OPERATIONS.iter().filter(|o| matches!(o.class, Class::Command | Class::Bulk | Class::Ingest | Class::AuditedQuery)) {
        let struck = DRIVEN.iter().any(|d| d.operation == *o);
        let excepted = EXCEPTIONS.iter().any(|(name, why)| *name == o.name && !why.is_empty());
        assert!(struck != excepted, "{}: add it to DRIVEN, or to EXCEPTIONS with the reason, and not to both", o.name);
    }
}

/// What holds at any time.
fn check(cast: &Cast, at: &str) {
    assert_eq!(cast.stage.world.recount(), Vec::<String>::new(), "{at}: memory differs from the rows");
    assert_eq!(cast.stage.world.seal().finding, None, "{at}: the trail is broken");
}

fn expected_error(error: &Error) -> bool {
    match error {
        Error::Store(StoreError::Backend(said)) => said == INJECTED || said == "nothing ran",
        Error::Store(StoreError::Unknown(said)) => said == INJECTED,
        Error::Store(StoreError::Panicked) => true,
        _ => false,
    }
}

/// Strikes one operation at one call; says whether the call was reached.
fn strike(cast: &Cast, driven: &Driven, whole: &Whole, (fault, repeat): (Fault, Repeat), k: u64, n: u64) -> bool {
    let at = format!("{} struck {fault:?} {repeat:?} at call {k}", driven.operation.name);
    let deed = (driven.prepare)(cast, n);
    let before = cast.stage.rows();
    cast.stage.faults.arm(fault, k, repeat);
    let answer = deed();
    let report = cast.stage.faults.disarm();
    let after = cast.stage.rows();
    let changed = after != before;
    match &answer {
        Ok(()) => assert_eq!(after.since(&before), whole.0, "{at}: answered as done"),
        Err(error) => {
            assert!(expected_error(error), "{at}: {error}");
            let unknown = matches!(error, Error::Store(StoreError::Unknown(_)));
            assert!(!changed || unknown || driven.again == Again::Steps, "{at}: said {error:?}, and yet something changed");
            if changed && driven.again != Again::Steps {
                assert_eq!(after.since(&before), whole.0, "{at}: half done");
            }
        }
    }
    let unfinished = match driven.again {
        Again::Harmless => true,
        Again::Another => !changed,
        Again::Steps => after.since(&before) != whole.0,
    };
    if unfinished {
        deed().unwrap_or_else(|e| panic!("{at}: doing it again: {e}"));
    }
    assert_eq!(cast.stage.rows().since(&before), whole.0, "{at}: done once, whatever happened on the way");
    check(cast, &at);
    report.struck
}

/// What the whole deed adds and removes, per table.
struct Whole(std::collections::BTreeMap<String, i64>);

fn untouched(cast: &Cast, driven: &Driven) -> Whole {
    // Once for what is made at the first use, such as a series.
    (driven.prepare)(cast, 0)().unwrap_or_else(|e| panic!("{} without a fault: {e}", driven.operation.name));
    let deed = (driven.prepare)(cast, 1);
    let before = cast.stage.rows();
    deed().unwrap_or_else(|e| panic!("{} without a fault: {e}", driven.operation.name));
    let after: Rows = cast.stage.rows();
    assert!(after != before, "{} changed nothing", driven.operation.name);
    let whole = after.since(&before);
    // The idle deeds end in CLOSE_IDLE; forgetting keys is housekeeping to its end.
    let audited = driven.operation.audited || driven.again == Again::Steps && driven.operation != &operation::FORGET_KEYS;
    assert_eq!(whole.get("audit_record").copied().unwrap_or(0), i64::from(audited), "{}: audit records", driven.operation.name);
    Whole(whole)
}

/// Every call of every operation of `share`.
fn strike_all(engine: Engine, share: usize, shares: usize, step: u64) {
    for driven in DRIVEN.iter().skip(share).step_by(shares) {
        for mode in FAULTS.map(|fault| (fault, Repeat::Once)).into_iter().chain([(Fault::Before, Repeat::Sticky)]) {
            let cast = Cast::on(engine);
            let whole = untouched(&cast, driven);
            let mut k = 1;
            loop {
                assert!(k < 500, "{} never ends", driven.operation.name);
                if !strike(&cast, driven, &whole, mode, k, k + 1) {
                    break;
                }
                k += step;
            }
            assert!(k > 2, "{}: only {k} calls were counted", driven.operation.name);
        }
    }
}

#[test]
fn memory() {
    strike_all(Engine::Memory, 0, 1, 1);
}

#[test]
fn sqlite_first_half() {
    strike_all(Engine::Sqlite, 0, 2, 1);
}

#[test]
fn sqlite_second_half() {
    strike_all(Engine::Sqlite, 1, 2, 1);
}

#[test]
fn postgres_at_every_ninth_call() {
    strike_all(Engine::Postgres, 0, 1, 9);
}
