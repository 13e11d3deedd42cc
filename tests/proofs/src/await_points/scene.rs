//! The scene every request is driven in: a database prepared once, copied for each attempt.

use std::sync::Arc;

use tempfile::TempDir;
use tokio::runtime::Handle;
use zhengna_core::access::{AccessChange, ActorKind, ActorRef, Credentials, Permission, Permissions, Proof, Provider, SetPost};
use zhengna_core::appeal::{FileAppeal, Respondent};
use zhengna_core::approval::{Delegate, Execution, Matter, Opened, Rule, SetRule, Step};
use zhengna_core::calendar::{self, Date, DayHours, Draft, Span};
use zhengna_core::core::PROJECTIONS;
use zhengna_core::crypto::{secret_of_uri, totp_code, totp_step};
use zhengna_core::error::Refusal;
use zhengna_core::id::{AlertId, AppealId, CannedReplyId, ConversationId, DelegationId, GrantId, LineId, OfficerId, PostId, TaxpayerId};
use zhengna_core::identity::{NewTaxpayer, PersonalField, RequestDisclosure};
use zhengna_core::interaction::{
    AnswerFollowUp, Claim, Close, Enter, Grade, Hold, Join, LineSettings, OpenLine, Outcome, PutCannedReply, PutOwnCannedReply, Rate,
    Routing, SendMessage,
};
use zhengna_core::store::sqlite::SqliteStore;
use zhengna_core::store::{Isolation, Page, Priority, Spec, StoreExt};
use zhengna_core::{Core, Error};
use zhengna_server::app::{App, Held};
use zhengna_server::config::{Config, Effective, Flags};
use zhengna_server::listener::Lifecycle;
use zhengna_server::provider::Providers;
use zhengna_tests::approval::{approve, decree};
use zhengna_tests::calendar::{draft, notice};
use zhengna_tests::faults::Rows;
use zhengna_tests::fixture::FILE;
use zhengna_tests::lists::{self, Importers};
use zhengna_tests::provider::{Believes, believing};
use zhengna_tests::world::{self, Keep, World};

use crate::host::program;

pub(super) const PASSWORD: &str = "Tax-Payer-2026";

/// Whom a list names that an officer agreed to.
pub(super) fn listed_and_agreed() -> [NewTaxpayer; 1] {
    [world::person(801)]
}

/// What was prepared. One taxpayer talks with the officer, one waits, one does neither.
pub(super) struct Scene {
    file: Vec<u8>,
    config: Config,
    pub(super) line: LineId,
    pub(super) active: ConversationId,
    pub(super) waiting: ConversationId,
    pub(super) person: TaxpayerId,
    /// The enterprise that the one who talks acts for.
    pub(super) company: TaxpayerId,
    /// A change of the calendar that waits for the checker.
    pub(super) proposed: Opened,
    /// Office hours that are approved, and wait for the maker to carry them out.
    pub(super) approved: Opened,
    /// A disclosure that is approved, and waits for the supervisor.
    pub(super) disclosure: Opened,
    /// A post to take in an emergency.
    pub(super) emergency: PostId,
    /// The checker's post.
    pub(super) grant: GrantId,
    /// Somebody who stands in for the checker.
    pub(super) colleague: OfficerId,
    pub(super) delegation: DelegationId,
    /// The login of the one who talks.
    pub(super) login: String,
    /// Tokens.
    pub(super) taxpayer: String,
    pub(super) waiter: String,
    pub(super) free: String,
    pub(super) officer: String,
    pub(super) supervisor: String,
    pub(super) administrator: String,
    pub(super) security: String,
    pub(super) auditor: String,
    /// Puts changes of the calendar forward, and takes emergency posts.
    pub(super) maker: String,
    /// Decides about the calendar.
    pub(super) checker: String,
    /// A socket ticket of the taxpayer's.
    pub(super) ticket: String,
    /// What the supervisor's authenticator shows next.
    pub(super) supervisor_code: String,
    /// An officer with a second factor, whose sign-in is half done, and what their authenticator shows next.
    pub(super) factored: OfficerId,
    pub(super) challenge: String,
    pub(super) code: String,
    /// One who has not confirmed theirs yet: token, and what the authenticator shows.
    pub(super) enrolling: String,
    pub(super) enrolling_code: String,
    /// Somebody who reviews alerts, and one that waits.
    pub(super) reviewer: String,
    pub(super) alert: AlertId,
    /// Somebody who handles appeals, and one that waits.
    pub(super) handler: String,
    /// An officer of another place, who took nobody.
    pub(super) elsewhere: String,
    pub(super) appeal: AppealId,
    /// Canned replies: of the authority, and of the officer.
    pub(super) reply: CannedReplyId,
    /// Supervises and serves taxpayers.
    pub(super) chief: String,
    /// Imports lists.
    pub(super) importer: String,
    /// More conversations of the one who talks.
    pub(super) others: Others,
    /// Conversations of the free taxpayer that are over: one rated by nobody, one rated low, one answered after that.
    pub(super) over: [ConversationId; 3],
    pub(super) own_reply: CannedReplyId,
}

/// Conversations of one taxpayer in lines of their own.
pub(super) struct Others {
    /// In which the chief takes part.
    pub(super) joined: ConversationId,
    /// On hold.
    pub(super) held: ConversationId,
    /// Offered to the officer.
    pub(super) offered: ConversationId,
    /// Waits.
    pub(super) waiting: ConversationId,
}

/// The login of everybody's sign-in.
fn login(whose: &ActorRef) -> String {
    format!("u{}", &whose.id.simple().to_string()[12..])
}

fn hours() -> Draft {
    let spans = vec![Span { from_min: 9 * 60, until_min: 16 * 60 }];
    let seasons = vec![DayHours { date: Date::from_ymd_opt(2027, 1, 1).unwrap_or_default(), spans }];
    let change = calendar::Change::OfficeHours { authority: world::code(world::NANGUAN), seasons, exceptions: Vec::new() };
    draft(change)
}

/// Conversations of the third taxpayer that are over.
fn over(world: &World) -> Result<[ConversationId; 3], Error> {
    let (taxpayer, officer) = (world.taxpayer(2), world.officer(0));
    let mut over = Vec::new();
    for n in 0..3 {
        let conversation = taxpayer.interaction().enter(world.enter()).wait()?.conversation;
        officer.interaction().claim(Claim { line: world.line }).wait()?;
        officer.interaction().close(Close { conversation, outcome: Outcome::Resolved, note: None }).wait()?;
        if n > 0 {
            let rate = Rate { conversation, grade: Grade::Dissatisfied, reasons: Vec::new(), comment: None };
            taxpayer.interaction().rate(rate).wait()?;
        }
        if n > 1 {
            let answer = AnswerFollowUp::new(conversation, "已说明");
            world.session_of(world.supervisor).interaction().answer_follow_up(answer).wait()?;
        }
        over.push(conversation);
    }
    Ok([over[0], over[1], over[2]])
}

/// Conversations of the first taxpayer beside the one in which they talk.
fn others(world: &World, chief: OfficerId) -> Result<Others, Error> {
    let (taxpayer, officer, system) = (world.taxpayer(0), world.officer(0), world.core.as_system());
    let enter = |name: &str, push| -> Result<(LineId, ConversationId), Error> {
        let settings = LineSettings { routing: Some(Routing { push, ..Routing::default() }), ..LineSettings::new(name) };
        let open = OpenLine { authority: world::code(world::NANGUAN), settings, external_id: None };
        let line = system.interaction().open_line(open).wait()?.line;
        Ok((line, taxpayer.interaction().enter(Enter::new(line, "发票")).wait()?.conversation))
    };
    let (line, joined) = enter("加入", false)?;
    officer.interaction().claim(Claim { line }).wait()?;
    world.session_of(chief).interaction().join(Join { conversation: joined, reason: "协助".into() }).wait()?;
    let (line, held) = enter("挂起", false)?;
    officer.interaction().claim(Claim { line }).wait()?;
    officer.interaction().hold(Hold { conversation: held, minutes: 5 }).wait()?;
    let (_, offered) = enter("派单", true)?;
    officer.interaction().be_present().wait()?;
    assert_eq!(world.core.offer_waiting()?, 1, "the officer is there");
    let (_, waiting) = enter("等候", false)?;
    Ok(Others { joined, held, offered, waiting })
}

impl Scene {
    /// Prepares it.
    pub(super) fn prepare() -> Result<Self, Error> {
        let dir = world::directory();
        let path = dir.path().join(FILE);
        let (core, clock) = world::core_over(SqliteStore::open(&path, world::start(), PROJECTIONS)?, 7);
        let world = World::furnish(core, clock, Keep::Nothing, 1, 3)?;
        let core = &world.core;
        let sign_in = |whose: ActorRef| -> Result<String, Error> {
            let login = login(&whose);
            core.as_system().access().set_password(whose, &login, PASSWORD)?;
            core.sign_in(&Credentials { login, password: PASSWORD.into() }, "prepare").map(|s| s.token)
        };
        let linking = Proof { proof: "user-2=2".into(), link: None };
        core.sign_in_with(&Believes(Provider::ElectronicTaxBureau), &linking, "prepare")?;
        let taxpayer = |n: usize| sign_in(ActorRef { kind: ActorKind::Taxpayer, id: world.taxpayers[n].uuid() });
        let officer = |id: OfficerId| sign_in(ActorRef { kind: ActorKind::Officer, id: id.uuid() });
        let over = over(&world)?;
        let active = world.taxpayer(0).interaction().enter(world.enter()).wait()?.conversation;
        world.officer(0).interaction().claim(Claim { line: world.line }).wait()?;
        world.taxpayer(0).interaction().send(SendMessage::new(active, "您好")).wait()?;
        let waiting = world.taxpayer(1).interaction().enter(world.enter()).wait()?.conversation;
        let company = world.employed(1)?;
        let (topic, text) = ("个税".to_owned(), "请打开应用".to_owned());
        let shared = PutCannedReply { reply: None, authority: world::code(world::NANGUAN), topic: topic.clone(), text: text.clone() };
        let reply = world.session_of(world.supervisor).interaction().put_canned_reply(shared).wait()?.reply;
        let own = PutOwnCannedReply { reply: None, topic, text };
        let own_reply = world.officer(0).interaction().put_own_canned_reply(own).wait()?.reply;
        let maker = world.appoint("22019001", world::PROVINCE, &[Permission::ProposeCalendar, Permission::TakeEmergencyPost]);
        let checker = world.appoint("22019002", world::PROVINCE, &[Permission::ApproveCalendar]);
        let guardian = world.appoint("22019003", world::PROVINCE, &[Permission::ApproveDisclosure]);
        let permissions = Permissions(vec![Permission::ManageLines]);
        decree(&world, AccessChange::Post(SetPost { post: None, name: "应急".into(), permissions, emergency: true }))?;
        let emergency = core.as_system().access().find_post("应急")?.expect("just approved");
        let steps = vec![Step { permission: Permission::ApproveCalendar, votes: 1 }];
        let rule = Rule { steps, execution: Execution::Maker, valid_days: 30 };
        decree(&world, AccessChange::ApprovalRule(SetRule { matter: Matter::OfficeHours, rule, source: "文".into() }))?;
        let proposed = world.session_of(maker).calendar().propose(notice(2027)).wait()?;
        let approved = world.session_of(maker).calendar().propose(hours()).wait()?;
        approve(&world.session_of(checker), &approved)?;
        let (authority, fields) = (world::code(world::NANGUAN), vec![PersonalField::Phone]);
        let asked = RequestDisclosure { taxpayers: world.taxpayers.clone(), fields, authority, reason: "专项核查".into() };
        let disclosure = world.session_of(world.supervisor).identity().request_disclosure(asked).wait()?;
        approve(&world.session_of(guardian), &disclosure)?;
        let grant = world.session_of(world.security).access().grants(checker)?.remove(0).id;
        let ends_at = core.now().plus(std::time::Duration::from_secs(86_400));
        let lent = Delegate { taker: world.officers[0], starts_at: None, ends_at };
        let delegation = world.session_of(checker).approval().delegate(lent).wait()?.delegation;
        let reviewer = world.appoint("22019004", world::PROVINCE, &[Permission::ReviewControl]);
        for _ in 0..20 {
            world.session_of(world.idle_hand).control().rules().expect_err("no post, no rules");
        }
        core.write_down_denials(true)?;
        while core.seal_audit()?.more {}
        core.screen(world::start(), core.now().plus(std::time::Duration::from_secs(1)))?;
        let alerts = world.session_of(reviewer).control().alerts(None, Page { after: None, limit: 1 })?;
        let alert = alerts.items.first().expect("it was found").id;
        let about = Respondent::Authority(world::code(world::NANGUAN));
        let appeal = world.taxpayer(0).appeals().file(FileAppeal::new(about, "无人接待")).wait()?.appeal;
        let handler = world.appoint("22019009", world::CHANGCHUN, &[Permission::HandleAppeals]);
        let both = [Permission::SuperviseInteraction, Permission::ServeTaxpayers];
        let chief = world.appoint("22019010", world::NANGUAN, &both);
        let others = others(&world, chief)?;
        let token = taxpayer(0)?;
        let caller = core.authenticate(&token)?;
        let ticket = core.as_actor(caller.actor.clone()).access().issue_ticket(&caller).wait()?.ticket;
        let shown = |secret: &[u8], away| totp_code(secret, totp_step(core.now()) + away);
        officer(world.supervisor)?;
        let (secret, supervisor) = world::enrolled(core, &world.session_of(world.supervisor))?;
        let supervisor_code = shown(&secret, 1);
        let administers = |id: OfficerId| {
            officer(id)?;
            world::enrolled(core, &world.session_of(id)).map(|(_, token)| token)
        };
        officer(world.stranger)?;
        let elsewhere = officer(world.appoint("22019998", world::KUANCHENG, &[Permission::ServeTaxpayers]))?;
        let (secret, _) = world::enrolled(core, &world.session_of(world.stranger))?;
        let code = shown(&secret, 1);
        let stranger_login = login(&ActorRef { kind: ActorKind::Officer, id: world.stranger.uuid() });
        let challenge = match core.sign_in(&Credentials { login: stranger_login, password: PASSWORD.into() }, "prepare") {
            Err(Error::Refused(Refusal::SecondFactorNeeded(challenge))) => challenge.0,
            other => panic!("no challenge: {:?}", other.map(|s| s.duty)),
        };
        let enrolling = officer(world.idle_hand)?;
        let uri = world.session_of(world.idle_hand).access().enrol_factor().wait()?.uri;
        let enrolling_code = shown(&secret_of_uri(&uri).expect("an otpauth URI"), 0);
        let importers = Importers::of(&world);
        lists::agreed(&world, importers, &lists::list_of(&listed_and_agreed()));
        let reader = program().expect("the host is built beside the proof").display().to_string();
        let reader = ("ZHENGNA_TABLE_READER".to_owned(), reader);
        let mut scene = Self {
            file: Vec::new(),
            config: Effective::from_parts(&Flags::default(), [reader]).expect("a valid configuration").config,
            line: world.line,
            active,
            waiting,
            person: world.taxpayers[0],
            company,
            proposed,
            approved,
            disclosure,
            emergency,
            grant,
            delegation,
            colleague: world.officers[0],
            login: login(&ActorRef { kind: ActorKind::Taxpayer, id: world.taxpayers[0].uuid() }),
            taxpayer: token,
            waiter: taxpayer(1)?,
            free: taxpayer(2)?,
            officer: officer(world.officers[0])?,
            supervisor,
            administrator: administers(world.administrator)?,
            security: administers(world.security)?,
            auditor: administers(world.auditor)?,
            maker: officer(maker)?,
            checker: officer(checker)?,
            ticket,
            supervisor_code,
            factored: world.stranger,
            challenge,
            code,
            enrolling,
            enrolling_code,
            reviewer: officer(reviewer)?,
            alert,
            handler: officer(handler)?,
            chief: officer(chief)?,
            importer: officer(importers.maker)?,
            others,
            elsewhere,
            appeal,
            reply,
            over,
            own_reply,
        };
        drop(world); // the last one to close moves the WAL into the file
        scene.file = std::fs::read(&path).expect("a file");
        Ok(scene)
    }

    /// A host on a copy. Call inside a runtime of its own.
    pub(super) fn stage(&self) -> Result<Stage, Error> {
        let dir = world::directory();
        let path = dir.path().join(FILE);
        std::fs::write(&path, &self.file).expect("room for a small file");
        let core = world::core_over(SqliteStore::open(&path, world::start(), PROJECTIONS)?, 11).0;
        let lifecycle = Lifecycle::new();
        let app =
            App::new(core.clone(), &self.config, Providers::of(believing(), Arc::new(Believes(Provider::MiniProgram))), lifecycle.clone());
        let tasks = Handle::current().metrics().num_alive_tasks();
        let before = Rows::of(&**core.store());
        Ok(Stage { app, core, config: self.config.clone(), lifecycle, tasks, before, _dir: dir })
    }
}

/// A host in which one request is driven.
pub(super) struct Stage {
    pub(super) app: App,
    pub(super) config: Config,
    core: Core,
    lifecycle: Lifecycle,
    tasks: usize,
    before: Rows,
    _dir: TempDir,
}

/// How many rows of each table went and came.
pub(super) type Change = std::collections::BTreeMap<&'static str, (usize, usize)>;

impl Stage {
    /// Waits until nothing is held for any request and no task is left that was not there at the start, and until
    /// what was queued for the writer is written. `Err` says what is still held.
    pub(super) async fn settle(&self) -> Result<(), String> {
        let left = || (self.app.held(), Handle::current().metrics().num_alive_tasks() - self.tasks);
        for _ in 0..5_000 {
            if left() == (Held::default(), 0) {
                let spec = Spec { name: "proof.settle", isolation: Isolation::Serializable, priority: Priority::Interactive };
                return self.core.store().transact(spec, |_| Ok(())).map_err(|e| e.to_string());
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        Err(format!("still held after 5 s, and tasks left: {:?}", left()))
    }

    /// What changed since the beginning.
    pub(super) fn change(&self) -> Change {
        Rows::of(&**self.core.store()).exchanged(&self.before)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.lifecycle.begin_stop();
    }
}
