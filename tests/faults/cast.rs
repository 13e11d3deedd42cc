//! Who plays in the fault loop, and what they need before they can.

use std::cell::{OnceCell, RefCell};
use zhengna_core::access::{
    AccessChange, Actor, ActorRef, AddOfficer, AddPost, Authenticated, Credentials, FactorCode, GrantPost, Permission, Permissions,
    SetPost, TakeEmergencyPost,
};
use zhengna_core::approval::{
    ApprovalState, ApprovalView, Delegate, Execution, Matter, Opened, Reject, Rule, SetRule, Step, Which, Withdraw,
};
use zhengna_core::calendar::{Arrangement, Change, DayHours, Draft, NoticeDay, Span};
use zhengna_core::crypto::{secret_of_uri, sm3, totp_code, totp_step};
use zhengna_core::error::Refusal;
use zhengna_core::id::{ConversationId, LineId, OfficerId, PostId, TaxpayerId};
use zhengna_core::identity::{
    BeginImport, ImportList, ImportRow, Listed, ListedRelation, NewTaxpayer, PersonalField, RequestDisclosure, Role,
};
use zhengna_core::interaction::{
    AnswerFollowUp, Claim, Close, Enter, FollowUpState, FollowUpsAsked, Grade, Join, Leave, LineHours, LineSettings, OpenLine, Outcome,
    Rate, Routing,
};
use zhengna_core::store::Page;
use zhengna_core::{Error, Session, limits};
use zhengna_tests::approval::{approve, decree, propose};
use zhengna_tests::faults::Stage;
use zhengna_tests::lists::{Importers, list_of};
use zhengna_tests::world::{CHANGCHUN, Engine, KUANCHENG, NANGUAN, PROVINCE, code, company, listed, person, relation, settle, start};

/// The stage with who plays on it.
pub(crate) struct Cast {
    /// The world, and the faults of its store.
    pub(crate) stage: Stage,
    /// An officer's session, made once.
    session: OnceCell<Authenticated>,
    /// Decides about the calendar.
    checker: OnceCell<OfficerId>,
    /// Decides about disclosures.
    guardian: OnceCell<OfficerId>,
    /// Import lists.
    importers: OnceCell<Importers>,
    /// A post to take in an emergency.
    emergency: OnceCell<PostId>,
    /// Whether office hours are carried out by whoever put them forward.
    by_maker: OnceCell<()>,
    /// An officer's second factor.
    factor: OnceCell<(Session, Vec<u8>)>,
    /// Supervises, and serves taxpayers.
    chief: OnceCell<OfficerId>,
    /// What was put into a line that offers, last.
    offered: RefCell<Option<(Session, ConversationId)>>,
}

pub(crate) const LOGIN: &str = "22010000";
pub(crate) const PASSWORD: &str = "Xiang-Kan-2026";
pub(crate) const NEXT_PASSWORD: &str = "Zai-Kan-Kan-2027";

impl Cast {
    /// Somebody new who was refused so often.
    fn denied(&self, n: u64, times: usize) -> OfficerId {
        let world = &self.stage.world;
        let somebody = world.appoint(&format!("J{n:07}"), NANGUAN, &[]);
        for _ in 0..times {
            world.session_of(somebody).control().rules().unwrap_err();
        }
        somebody
    }

    /// So often that it is found.
    pub(crate) fn burst(&self, n: u64) -> OfficerId {
        // What was before is out of every window: it is not read again, call by call.
        self.stage.world.clock.advance(std::time::Duration::from_secs(4 * 86_400));
        let somebody = self.denied(n, 20);
        self.stage.world.core.write_down_denials(true).unwrap();
        self.stage.world.seal();
        somebody
    }

    pub(crate) fn on(engine: Engine) -> Self {
        Self {
            stage: Stage::new(engine),
            session: OnceCell::new(),
            checker: OnceCell::new(),
            guardian: OnceCell::new(),
            importers: OnceCell::new(),
            emergency: OnceCell::new(),
            by_maker: OnceCell::new(),
            factor: OnceCell::new(),
            chief: OnceCell::new(),
            offered: RefCell::default(),
        }
    }

    pub(crate) fn system(&self) -> Session {
        self.stage.world.core.as_system()
    }

    pub(crate) fn keyed(&self, session: Session, n: u64) -> Session {
        session.with_key(&format!("key {n}")).unwrap()
    }

    pub(crate) fn set_password(&self) -> Result<(), Error> {
        let whose = Actor::Officer(match self.stage.world.core.officer(self.stage.world.officers[0])? {
            Actor::Officer(officer) => officer,
            other => unreachable!("{other:?} is no officer"),
        });
        let whose: ActorRef = whose.as_ref();
        self.system().access().set_password(whose, LOGIN, PASSWORD)
    }

    pub(crate) fn sign_in(&self) -> Result<Authenticated, Error> {
        let core = &self.stage.world.core;
        let signed_in = core.sign_in(&Credentials { login: LOGIN.into(), password: PASSWORD.into() }, "-")?;
        core.authenticate(&signed_in.token)
    }

    pub(crate) fn session(&self) -> &Authenticated {
        self.session.get_or_init(|| {
            self.set_password().unwrap();
            self.sign_in().unwrap()
        })
    }

    /// An officer nobody has met.
    pub(crate) fn new_officer(&self, n: u64) -> Session {
        let new = AddOfficer { staff_no: format!("4{n:07}"), name: "新人".into(), authority: code(KUANCHENG), capacity: 1 };
        let officer = self.system().access().add_officer(new).wait().unwrap().officer;
        self.stage.world.session_of(officer)
    }

    pub(crate) fn newcomer_with_password(&self, n: u64) -> Session {
        let session = self.new_officer(n);
        self.system().access().set_password(session.actor().as_ref(), &format!("4{n:07}"), PASSWORD).unwrap();
        session
    }

    /// An officer with a second factor, and its secret.
    pub(crate) fn confirmed(&self, n: u64) -> (Session, Vec<u8>) {
        let session = self.newcomer_with_password(n);
        let secret = secret_of_uri(&session.access().enrol_factor().wait().unwrap().uri).unwrap();
        session.access().confirm_factor(FactorCode { code: self.code(&secret) }).unwrap().wait().unwrap();
        (session, secret)
    }

    /// One officer with a second factor, for sign-ins, signed up once.
    pub(crate) fn with_factor(&self) -> &(Session, Vec<u8>) {
        self.factor.get_or_init(|| self.confirmed(9_999_999))
    }

    pub(crate) fn challenge(&self) -> String {
        let typed = Credentials { login: "49999999".into(), password: PASSWORD.into() };
        match self.stage.world.core.sign_in(&typed, "-") {
            Err(Error::Refused(Refusal::SecondFactorNeeded(challenge))) => challenge.0,
            other => panic!("{:?}", other.map(|s| s.duty)),
        }
    }

    pub(crate) fn code(&self, secret: &[u8]) -> String {
        totp_code(secret, totp_step(self.stage.world.core.now()))
    }

    pub(crate) fn newcomer(&self, n: u64) -> (TaxpayerId, Session) {
        let newcomer = person(1000 + n as usize);
        self.system().identity().enrol(std::slice::from_ref(&newcomer), &mut |_| {}).unwrap();
        let id = self.system().identity().find_by_number(&newcomer.number).unwrap().unwrap();
        (id, self.stage.world.core.as_actor(Actor::Taxpayer(id)))
    }

    /// An enterprise, and a newcomer who is its tax handler.
    pub(crate) fn employer(&self, n: u64) -> (TaxpayerId, (TaxpayerId, Session)) {
        let (newcomer, company, system) = (self.newcomer(n), company(n as usize), self.system());
        system.identity().enrol(std::slice::from_ref(&company), &mut |_| {}).unwrap();
        let handler = relation(&company.number, Role::TaxHandler, &person(1000 + n as usize).number);
        system.identity().record_relations(&[handler], &mut |_| {}).unwrap();
        (system.identity().find_by_number(&company.number).unwrap().unwrap(), newcomer)
    }

    /// A list of one who is new and one whose name is another.
    pub(crate) fn list(&self, n: u64) -> Vec<ImportRow> {
        self.newcomer(n);
        let list = BeginImport { batch: sm3(&[&n.to_be_bytes()]), name: "名单".into(), rows: 2, given: None };
        let of = self.system().identity().begin_import(list).wait().unwrap();
        let other = NewTaxpayer { name: "改名".into(), ..person(1000 + n as usize) };
        let row = |(line, new)| ImportRow { of, line, said: listed(&new) };
        (2..).zip([person(5000 + n as usize), other]).map(row).collect()
    }

    /// A list of a relation that is new and one that has ended.
    pub(crate) fn said(&self, n: u64) -> Vec<ImportRow> {
        self.employer(n);
        let list = BeginImport { batch: sm3(&[&n.to_be_bytes()]), name: "名单".into(), rows: 2, given: None };
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

    /// Officers who import lists, and a list of one who is new.
    pub(crate) fn list_to_approve(&self, n: u64) -> (Importers, ImportList) {
        let by = *self.importers.get_or_init(|| Importers::of(&self.stage.world));
        (by, list_of(&[person(7000 + n as usize)]))
    }

    pub(crate) fn waiting(&self, n: u64) -> (Session, ConversationId) {
        let (_, taxpayer) = self.newcomer(n);
        let entered = taxpayer.interaction().enter(self.stage.world.enter()).wait().unwrap();
        (taxpayer, entered.conversation)
    }

    pub(crate) fn active(&self, n: u64) -> (Session, ConversationId) {
        let officer = self.nobody_waits();
        let waiting = self.waiting(n);
        let claimed = officer.interaction().claim(Claim { line: self.stage.world.line }).wait().unwrap();
        assert_eq!(claimed.conversation, waiting.1, "nobody else waits on this stage");
        waiting
    }

    /// A line of its own.
    pub(crate) fn line(&self, n: u64) -> LineId {
        self.system().interaction().open_line(OpenLine::new(format!("另一队列{n}"), code(NANGUAN))).wait().unwrap().line
    }

    /// Nothing is due, and nothing will be that was there before.
    pub(crate) fn nothing_due(&self) {
        self.idle_officer();
        self.stage.world.clock.advance(limits::CONVERSATION_IDLE);
        self.run_all();
        self.nobody_waits();
    }

    /// Nor is anything promised to those who wait since an earlier deed: what was is told of by now.
    pub(crate) fn nothing_promised(&self) {
        self.nothing_due();
        self.stage.world.clock.advance(std::time::Duration::from_secs(4 * 86_400));
        self.run_all();
        self.nobody_waits();
    }

    /// Whoever was never answered may wait again by now: they are taken, and it is over.
    fn nobody_waits(&self) -> Session {
        let claim = || self.idle_officer().interaction().claim(Claim { line: self.stage.world.line }).wait();
        while claim().is_ok() {}
        self.idle_officer()
    }

    /// Somebody entered a line whose hours are over by now.
    pub(crate) fn left_at_closing_time(&self, n: u64) {
        let settings = LineSettings { hours: LineHours::OfficeHours, ..LineSettings::new(format!("办公时间{n}")) };
        let opened = OpenLine { authority: code(NANGUAN), settings, external_id: None };
        let line = self.system().interaction().open_line(opened).wait().unwrap().line;
        let (_, taxpayer) = self.newcomer(n);
        let served = || taxpayer.interaction().lines().unwrap().iter().find(|l| l.id == line).unwrap().served;
        let pass = |minutes: u64| self.stage.world.clock.advance(std::time::Duration::from_secs(60 * minutes));
        while !served() {
            pass(60);
        }
        self.run_all();
        taxpayer.interaction().enter(Enter::new(line, "问")).wait().unwrap();
        while served() {
            pass(10);
        }
    }

    /// Runs whatever is due.
    pub(crate) fn run_all(&self) {
        while self.stage.world.core.run_due(10).unwrap() > 0 {}
    }

    /// Somebody has waited for an answer for so long that those who supervise know of it; nothing else is due.
    pub(crate) fn escalated(&self) {
        for seconds in [limits::UNANSWERED_S, limits::ESCALATE_S] {
            self.stage.world.clock.advance(std::time::Duration::from_secs(seconds.unsigned_abs()));
            self.run_all();
        }
    }

    /// A conversation that somebody who takes part in it may leave.
    pub(crate) fn joined(&self, n: u64) -> (Session, ConversationId) {
        let (_, conversation) = self.active(n);
        let cmd = Join { conversation, reason: "协助解答".into() };
        self.chief().interaction().join(cmd).wait().unwrap();
        (self.chief(), conversation)
    }

    pub(crate) fn chief(&self) -> Session {
        let both = [Permission::SuperviseInteraction, Permission::ServeTaxpayers];
        let appoint = || self.stage.world.appoint("40000002", NANGUAN, &both);
        self.stage.world.session_of(*self.chief.get_or_init(appoint))
    }

    /// One who waits in a line that offers, of its own; nobody else waits in such a line, and the officer is there.
    pub(crate) fn to_be_offered(&self, n: u64) -> ConversationId {
        if let Some((taxpayer, conversation)) = self.offered.take() {
            drop(taxpayer.interaction().leave(Leave { conversation }).wait()); // where it was not taken
        }
        let settings =
            LineSettings { routing: Some(Routing { push: true, ..Routing::default() }), ..LineSettings::new(format!("派单{n}")) };
        let open = OpenLine { authority: code(NANGUAN), settings, external_id: None };
        let line = self.system().interaction().open_line(open).wait().unwrap().line;
        let (_, taxpayer) = self.newcomer(n);
        let conversation = taxpayer.interaction().enter(Enter::new(line, "问")).wait().unwrap().conversation;
        self.idle_officer().interaction().be_present().wait().unwrap();
        // Where many hosts serve, what is kept in memory follows a moment later: who waits, and who is there.
        assert_eq!(self.stage.world.recount(), Vec::<String>::new());
        let known = |_: &_| taxpayer.interaction().position(conversation).unwrap().estimate.is_some();
        assert!(settle(&self.stage.world.core, known, |known| *known), "nobody is there");
        *self.offered.borrow_mut() = Some((taxpayer, conversation));
        conversation
    }

    /// A conversation that is offered to the officer.
    pub(crate) fn offered(&self, n: u64) -> ConversationId {
        let conversation = self.to_be_offered(n);
        assert_eq!(self.stage.world.core.offer_waiting(), Ok(1));
        conversation
    }

    /// A conversation that was served and is over.
    pub(crate) fn ended(&self, n: u64) -> (Session, ConversationId) {
        let served = self.active(n);
        self.idle_officer();
        served
    }

    /// One that was rated low; what was rated before is answered, and nothing else is due.
    pub(crate) fn rated_low(&self, n: u64) -> ConversationId {
        let supervisor = self.supervisor();
        let asked = FollowUpsAsked { state: Some(FollowUpState::Open), overdue: false };
        for open in supervisor.interaction().follow_ups(asked, Page { after: None, limit: 200 }).unwrap().items {
            let answer = AnswerFollowUp::new(open.conversation.id, "已说明");
            supervisor.interaction().answer_follow_up(answer).wait().unwrap();
        }
        let (taxpayer, conversation) = self.ended(n);
        taxpayer.interaction().rate(low(conversation)).wait().unwrap();
        self.stage.world.clock.advance(limits::CONVERSATION_IDLE);
        while self.stage.world.core.run_due(10).unwrap() > 0 {}
        conversation
    }

    /// The officer, with nobody before them.
    pub(crate) fn idle_officer(&self) -> Session {
        let officer = self.stage.world.officer(0);
        for mine in officer.interaction().mine(Page { after: None, limit: 50 }).unwrap() {
            if mine.ended_at.is_none() {
                officer.interaction().close(Close { conversation: mine.id, outcome: Outcome::Resolved, note: None }).wait().unwrap();
            }
        }
        officer
    }

    pub(crate) fn supervisor(&self) -> Session {
        self.stage.world.session_of(self.stage.world.supervisor)
    }

    /// The officer who decides about the calendar.
    pub(crate) fn checker(&self) -> Session {
        let appoint = || self.stage.world.appoint("40000000", PROVINCE, &[Permission::ApproveCalendar]);
        self.stage.world.session_of(*self.checker.get_or_init(appoint))
    }

    /// The officer who decides about disclosures.
    pub(crate) fn guardian(&self) -> Session {
        let appoint = || self.stage.world.appoint("40000001", PROVINCE, &[Permission::ApproveDisclosure]);
        self.stage.world.session_of(*self.guardian.get_or_init(appoint))
    }

    pub(crate) fn administrator(&self) -> Session {
        self.stage.world.session_of(self.stage.world.administrator)
    }

    pub(crate) fn security(&self) -> Session {
        self.stage.world.session_of(self.stage.world.security)
    }

    fn put_forward(&self, change: AccessChange) -> Opened {
        propose(&self.administrator(), change).unwrap()
    }

    /// Puts a change of who may do what in force.
    fn changed(&self, change: AccessChange) {
        decree(&self.stage.world, change).unwrap();
    }

    /// A grant to a newcomer, put forward.
    pub(crate) fn grant_put_forward(&self, n: u64) -> Opened {
        let post = self.system().access().add_post(self.post(n)).wait().unwrap().post;
        let officer = officer_of(&self.new_officer(n));
        self.put_forward(AccessChange::Grant(GrantPost { officer, post, authority: code(KUANCHENG), ends_at: None }))
    }

    /// What somebody takes in an emergency, and whoever may.
    pub(crate) fn emergency(&self, n: u64) -> (Session, TakeEmergencyPost) {
        let post = *self.emergency.get_or_init(|| {
            let permissions = Permissions(vec![Permission::ManageLines]);
            self.changed(AccessChange::Post(SetPost { post: None, name: "应急".into(), permissions, emergency: true }));
            self.system().access().find_post("应急").unwrap().unwrap()
        });
        let officer = self.stage.world.appoint(&format!("5{n:07}"), CHANGCHUN, &[Permission::TakeEmergencyPost]);
        let taken = TakeEmergencyPost { post, authority: code(NANGUAN), minutes: 30, reason: "系统故障".into() };
        (self.stage.world.session_of(officer), taken)
    }

    /// Office hours that were approved, and that whoever put them forward carries out.
    pub(crate) fn hours_approved(&self) -> Opened {
        self.by_maker.get_or_init(|| {
            let steps = vec![Step { permission: Permission::ApproveCalendar, votes: 1 }];
            let rule = Rule { steps, execution: Execution::Maker, valid_days: 30 };
            self.changed(AccessChange::ApprovalRule(SetRule { matter: Matter::OfficeHours, rule, source: "文".into() }));
        });
        let opened = self.supervisor().calendar().propose(hours()).wait().unwrap();
        assert_eq!(approve(&self.checker(), &opened).unwrap().state, ApprovalState::Approved);
        opened
    }

    /// Nothing that the supervisor asked for waits, or was approved and not taken: one about the same waits at a time.
    pub(crate) fn disclosure(&self) -> RequestDisclosure {
        let own = self.supervisor();
        let asked = own.approval().list(Which::Mine, None, limits::APPROVALS_SHOWN_MAX).unwrap().items;
        let open = |a: &ApprovalView| matches!(a.state, ApprovalState::Pending | ApprovalState::Approved);
        for a in asked.into_iter().filter(|a| a.matter == Matter::Disclosure && open(a)) {
            own.approval().withdraw(Withdraw { approval: a.id, reason: "清空".into() }).wait().unwrap();
        }
        RequestDisclosure {
            taxpayers: self.stage.world.taxpayers.clone(),
            fields: vec![PersonalField::Phone],
            authority: code(NANGUAN),
            reason: "专项核查".into(),
        }
    }

    /// Somebody who lets another decide in their place for a day.
    pub(crate) fn away(&self, n: u64) -> (Session, Delegate) {
        let ends_at = self.stage.world.core.now().plus(std::time::Duration::from_secs(86_400));
        (self.new_officer(n), Delegate { taker: self.stage.world.supervisor, starts_at: None, ends_at })
    }

    /// Nothing is left waiting by an earlier deed.
    pub(crate) fn clear_desk(&self, checker: &Session) {
        let waiting = checker.approval().list(Which::All, None, limits::APPROVALS_SHOWN_MAX).unwrap().items;
        for p in waiting.into_iter().filter(|p| p.state == ApprovalState::Pending) {
            checker.approval().reject(Reject { approval: p.id, digest: p.digest, reason: "清空".into() }).wait().unwrap();
        }
    }

    /// A proposal that waits.
    pub(crate) fn proposed(&self, checker: &Session) -> Opened {
        self.clear_desk(checker);
        self.supervisor().calendar().propose(notice()).wait().unwrap()
    }

    pub(crate) fn post(&self, n: u64) -> AddPost {
        AddPost { name: format!("岗位{n}"), permissions: Permissions(vec![Permission::ServeTaxpayers]) }
    }
}

pub(crate) fn notice() -> Draft {
    let days = vec![NoticeDay { date: "2027-01-04".parse().unwrap(), arrangement: Arrangement::Off, name: "元旦".into() }];
    let change = Change::WorkingDays { year: 2027, days };
    Draft { document: "国办发明电〔2026〕9号".into(), title: "通知".into(), source: "https://www.gov.cn/".into(), change }
}

fn hours() -> Draft {
    let spans = vec![Span { from_min: 9 * 60, until_min: 16 * 60 }];
    let seasons = vec![DayHours { date: "2027-01-01".parse().unwrap(), spans }];
    let change = Change::OfficeHours { authority: code(NANGUAN), seasons, exceptions: Vec::new() };
    Draft { change, ..notice() }
}

pub(crate) fn officer_of(session: &Session) -> OfficerId {
    OfficerId::from_uuid(session.actor().as_ref().id)
}

/// The lowest grade.
pub(crate) fn low(conversation: ConversationId) -> Rate {
    Rate { conversation, grade: Grade::VeryDissatisfied, reasons: vec!["wrong".into()], comment: Some("答非所问".into()) }
}
