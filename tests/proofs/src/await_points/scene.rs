//! The scene every request is driven in: a database prepared once, copied for each attempt.

use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Handle;
use zhengna_core::access::{ActorKind, ActorRef, Credentials, Permission, Proof, Provider};
use zhengna_core::calendar::{self, Arrangement, Date, Draft, NoticeDay, Proposed};
use zhengna_core::core::PROJECTIONS;
use zhengna_core::crypto::{secret_of_uri, totp_code, totp_step};
use zhengna_core::error::Refusal;
use zhengna_core::id::{ConversationId, LineId, OfficerId, TaxpayerId};
use zhengna_core::interaction::{Claim, SendMessage};
use zhengna_core::store::sqlite::SqliteStore;
use zhengna_core::store::{Isolation, Priority, Spec, StoreExt};
use zhengna_core::{Core, Error};
use zhengna_server::app::{App, Held};
use zhengna_server::config::{Config, Effective, Flags};
use zhengna_server::listener::Lifecycle;
use zhengna_server::provider::Providers;
use zhengna_tests::fixture::FILE;
use zhengna_tests::provider::{Believes, believing};
use zhengna_tests::world::{self, Keep, World};

pub(super) const PASSWORD: &str = "Tax-Payer-2026";

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
    /// A change of the calendar that waits for the supervisor.
    pub(super) proposed: Proposed,
    /// The login of the one who talks.
    pub(super) login: String,
    /// Tokens.
    pub(super) taxpayer: String,
    pub(super) waiter: String,
    pub(super) free: String,
    pub(super) officer: String,
    pub(super) supervisor: String,
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
}

/// The login of everybody's sign-in.
fn login(whose: &ActorRef) -> String {
    format!("u{}", &whose.id.simple().to_string()[12..])
}

/// A notice of one day.
pub(super) fn notice(year: i32) -> Draft {
    let date = Date::from_ymd_opt(year, 1, 4).unwrap_or_default();
    let days = vec![NoticeDay { date, arrangement: Arrangement::Off, name: "元旦".into() }];
    let change = calendar::Change::WorkingDays { year, days };
    Draft { document: "文".into(), title: "通知".into(), source: "https://www.gov.cn/".into(), change }
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
        let active = world.taxpayer(0).interaction().enter(world.enter()).wait()?.conversation;
        world.officer(0).interaction().claim(Claim { line: world.line }).wait()?;
        world.taxpayer(0).interaction().send(SendMessage { conversation: active, text: "您好".into() }).wait()?;
        let waiting = world.taxpayer(1).interaction().enter(world.enter()).wait()?.conversation;
        let company = world.employed(1)?;
        let maker = world.appoint("22019001", world::PROVINCE, &[Permission::ProposeCalendar]);
        let proposed = world.session_of(maker).calendar().propose(notice(2027)).wait()?;
        while core.seal_audit()?.more {}
        let token = taxpayer(0)?;
        let caller = core.authenticate(&token)?;
        let ticket = core.as_actor(caller.actor.clone()).access().issue_ticket(&caller).wait()?.ticket;
        let shown = |secret: &[u8], away| totp_code(secret, totp_step(core.now()) + away);
        officer(world.supervisor)?;
        let (secret, supervisor) = world::enrolled(core, &world.session_of(world.supervisor))?;
        let supervisor_code = shown(&secret, 1);
        officer(world.stranger)?;
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
        let mut scene = Self {
            file: Vec::new(),
            config: Effective::from_parts(&Flags::default(), []).expect("defaults are valid").config,
            line: world.line,
            active,
            waiting,
            person: world.taxpayers[0],
            company,
            proposed,
            login: login(&ActorRef { kind: ActorKind::Taxpayer, id: world.taxpayers[0].uuid() }),
            taxpayer: token,
            waiter: taxpayer(1)?,
            free: taxpayer(2)?,
            officer: officer(world.officers[0])?,
            supervisor,
            ticket,
            supervisor_code,
            factored: world.stranger,
            challenge,
            code,
            enrolling,
            enrolling_code,
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
        let mut stage = Stage { app, core, config: self.config.clone(), lifecycle, tasks, before: Vec::new(), _dir: dir };
        stage.before = stage.rows();
        Ok(stage)
    }
}

/// A host in which one request is driven.
pub(super) struct Stage {
    pub(super) app: App,
    pub(super) config: Config,
    core: Core,
    lifecycle: Lifecycle,
    tasks: usize,
    before: Vec<String>,
    _dir: TempDir,
}

/// How many rows of each table went and came.
pub(super) type Change = std::collections::BTreeMap<String, (usize, usize)>;

impl Stage {
    fn rows(&self) -> Vec<String> {
        let (put, lines) = std::sync::mpsc::channel();
        let write = move |line: &str| put.send(line.to_owned()).map_err(std::io::Error::other);
        zhengna_core::store::dump::dump(&**self.core.store(), write).expect("dumps");
        let mut rows: Vec<String> = lines.into_iter().filter(|line| line.contains("\"row\"")).collect();
        rows.sort_unstable();
        rows
    }

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
        let after = self.rows();
        let table = |line: &String| {
            let row: Value = serde_json::from_str(line).unwrap_or(json!({}));
            row["row"]["table"].as_str().unwrap_or_default().to_owned()
        };
        let mut change = Change::new();
        // Rows are unique by their keys: sets will do.
        let sets: [std::collections::HashSet<&String>; 2] = [self.before.iter().collect(), after.iter().collect()];
        sets[0].difference(&sets[1]).for_each(|row| change.entry(table(row)).or_default().0 += 1);
        sets[1].difference(&sets[0]).for_each(|row| change.entry(table(row)).or_default().1 += 1);
        change
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.lifecycle.begin_stop();
    }
}
