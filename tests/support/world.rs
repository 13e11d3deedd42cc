//! A small world to test in: a tree of authorities, a line, officers and taxpayers, on any engine.

use std::path::PathBuf;
use std::sync::Arc;

use zhengna_core::access::{
    Actor, AddOfficer, AddPost, AuthorityKind, Credentials, Duty, FactorCode, GrantPost, NewAuthority, Permission, Permissions,
};
use zhengna_core::audit::Verdict;
use zhengna_core::core::PROJECTIONS;
use zhengna_core::crypto::{KeyRing, Rng, secret_of_uri, totp_code, totp_step};
use zhengna_core::error::Refusal;
use zhengna_core::id::{LineId, OfficerId, TaxpayerId};
use zhengna_core::identity::{AuthorityCode, CaptureChannel, Listed, ListedTaxpayer, NewRelation, NewTaxpayer, Role, TaxpayerKind};
use zhengna_core::interaction::{Enter, Entered, OpenLine};
use zhengna_core::limits;
use zhengna_core::store::Store;
use zhengna_core::store::memory::MemoryStore;
use zhengna_core::store::postgres::PostgresStore;
use zhengna_core::store::sqlite::SqliteStore;
use zhengna_core::{Core, Error, ManualClock, Parts, SeededEntropy, Session, Settings, Timestamp};

use crate::postgres::{Database, cluster};

/// The engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// In memory.
    Memory,
    /// SQLite, in a directory of its own.
    Sqlite,
    /// PostgreSQL, in a database of its own.
    Postgres,
}

/// Every engine.
pub const ENGINES: [Engine; 3] = [Engine::Memory, Engine::Sqlite, Engine::Postgres];

/// What keeps a test's database alive; dropped after the store.
pub enum Keep {
    /// Nothing to keep.
    Nothing,
    /// The directory of a SQLite database.
    Directory(tempfile::TempDir),
    /// A PostgreSQL database.
    Database(Database),
}

impl Keep {
    /// A place for a fresh database of `engine`.
    pub fn fresh(engine: Engine) -> Self {
        match engine {
            Engine::Memory => Self::Nothing,
            Engine::Sqlite => Self::Directory(directory()),
            Engine::Postgres => {
                let cluster = cluster();
                cluster.template("core", |url| drop(PostgresStore::connect(url, start(), PROJECTIONS).expect("migrates")));
                Self::Database(cluster.clone_of("core"))
            }
        }
    }

    /// Opens a store on the database; again and again, as after a restart. In memory there is nothing to reopen.
    pub fn open(&self) -> Arc<dyn Store> {
        match self {
            Self::Nothing => MemoryStore::new(PROJECTIONS),
            Self::Directory(dir) => SqliteStore::open(&dir.path().join("zhengna.db"), start(), PROJECTIONS).expect("opens"),
            Self::Database(database) => PostgresStore::connect(database.url(), start(), PROJECTIONS).expect("connects"),
        }
    }

    /// The SQLite file, where there is one.
    pub fn path(&self) -> Option<PathBuf> {
        if let Self::Directory(dir) = self { Some(dir.path().join("zhengna.db")) } else { None }
    }
}

/// A directory in memory where the machine has one, so that tests measure nobody's disk.
pub fn directory() -> tempfile::TempDir {
    let shm = std::path::Path::new("/dev/shm");
    let dir = if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() };
    dir.expect("a directory for a test")
}

/// When every test begins: a Monday morning.
pub fn start() -> Timestamp {
    Timestamp::parse("2026-11-23T09:00:00+08:00").expect("well formed")
}

/// Keys for tests.
pub fn keys() -> KeyRing {
    use rand_core::SeedableRng;
    KeyRing::generate(&mut Rng::seed_from_u64(1))
}

/// A core over `store`, with a clock that stands still.
pub fn core_over(store: Arc<dyn Store>, seed: u64) -> (Core, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(start()));
    let settings = Settings { keys: keys(), told_outside: vec!["conversation.closed".into()] };
    let core = Core::new(Parts { store, clock: clock.clone(), entropy: Arc::new(SeededEntropy::new(seed)), settings });
    (core, clock)
}

/// Province 吉林, prefectures 长春 and 吉林市, two counties of 长春.
pub const PROVINCE: &str = "12200000000";
/// 长春.
pub const CHANGCHUN: &str = "12201000000";
/// 南关区.
pub const NANGUAN: &str = "12201020000";
/// 宽城区.
pub const KUANCHENG: &str = "12201030000";
/// 吉林市.
pub const JILIN_CITY: &str = "12202000000";

/// A code.
pub fn code(text: &str) -> AuthorityCode {
    AuthorityCode::parse(text).expect("well formed")
}

/// A small world.
pub struct World {
    /// The core.
    pub core: Core,
    /// Its clock.
    pub clock: Arc<ManualClock>,
    /// A line in 南关区.
    pub line: LineId,
    /// Officers of 南关区 who serve taxpayers; capacity 3.
    pub officers: Vec<OfficerId>,
    /// An officer of 宽城区: the same post, elsewhere.
    pub stranger: OfficerId,
    /// A supervisor at 长春, above both counties, with every permission of business but serving and agreeing to what they propose.
    pub supervisor: OfficerId,
    /// 系统管理员 of the province.
    pub administrator: OfficerId,
    /// 安全管理员 of the province.
    pub security: OfficerId,
    /// 审计管理员 of the province.
    pub auditor: OfficerId,
    /// An officer without any post.
    pub idle_hand: OfficerId,
    /// Taxpayers of 南关区.
    pub taxpayers: Vec<TaxpayerId>,
    /// Keeps the database.
    pub keep: Keep,
}

impl World {
    /// A fresh world on `engine`.
    pub fn new(engine: Engine) -> Self {
        let keep = Keep::fresh(engine);
        let (core, clock) = core_over(keep.open(), 7);
        Self::furnish(core, clock, keep, 3, 6).expect("the world can be furnished")
    }

    /// Furnishes an empty database.
    pub fn furnish(core: Core, clock: Arc<ManualClock>, keep: Keep, officers: usize, taxpayers: usize) -> Result<Self, Error> {
        let system = core.as_system();
        system.access().add_authorities(&authorities(), &mut |_| {})?;
        let post = |name: &str, permissions: &[Permission]| {
            system.access().add_post(AddPost { name: name.into(), permissions: Permissions(permissions.to_vec()) }).wait()
        };
        let serving = post("办税服务坐席", &[Permission::ServeTaxpayers])?.post;
        let watching = post(
            "督导",
            &[
                Permission::SuperviseInteraction,
                Permission::ManageLines,
                Permission::ProposeCalendar,
                Permission::RevealPersonalData,
                Permission::ManageRelations,
            ],
        )?
        .post;
        let officer = |n: usize, at: &str| {
            let cmd = AddOfficer { staff_no: format!("22010{n:03}"), name: format!("坐席{n}"), authority: code(at), capacity: 3 };
            system.access().add_officer(cmd).wait().map(|o| o.officer)
        };
        let grant =
            |officer, post, at: &str| system.access().grant_post(GrantPost { officer, post, authority: code(at), ends_at: None }).wait();
        let mut serving_officers = Vec::new();
        for n in 0..officers {
            let id = officer(n, NANGUAN)?;
            grant(id, serving, NANGUAN)?;
            serving_officers.push(id);
        }
        let stranger = officer(901, KUANCHENG)?;
        grant(stranger, serving, KUANCHENG)?;
        let supervisor = officer(902, CHANGCHUN)?;
        grant(supervisor, watching, CHANGCHUN)?;
        let idle_hand = officer(903, NANGUAN)?;
        let mut administrators = Vec::new();
        for (n, name, permission) in [
            (904, "系统管理员", Permission::ManageAccess),
            (905, "安全管理员", Permission::ApproveAccess),
            (906, "审计管理员", Permission::ReadAudit),
        ] {
            let id = officer(n, PROVINCE)?;
            grant(id, post(name, &[permission, Permission::ViewStaff])?.post, PROVINCE)?;
            administrators.push(id);
        }
        let [administrator, security, auditor] = administrators[..] else { unreachable!("three were made") };
        let people: Vec<NewTaxpayer> = (0..taxpayers).map(person).collect();
        // A few at a time: on a busy machine a whole chunk may take longer than a write may.
        people.chunks(50).try_for_each(|some| system.identity().enrol(some, &mut |_| {}).map(drop))?;
        let ids = people
            .iter()
            .map(|p| system.identity().find_by_number(&p.number).map(|id| id.expect("just enrolled")))
            .collect::<Result<_, _>>()?;
        // Room for everybody: what a full line does is for the tests of lines.
        let mut open = OpenLine::new("个税咨询", code(NANGUAN));
        open.settings.waiting_max = limits::LINE_WAITING_MAX;
        let line = system.interaction().open_line(open).wait()?.line;
        Ok(Self {
            core,
            clock,
            line,
            officers: serving_officers,
            stranger,
            supervisor,
            administrator,
            security,
            auditor,
            idle_hand,
            taxpayers: ids,
            keep,
        })
    }

    /// Begins epochs of the keys until the one with this number is current, as a host does that reads its key file anew.
    pub fn rotate_keys(&self, to: u64) {
        use rand_core::SeedableRng as _;
        let keys = &self.core.settings().keys;
        while u64::from(keys.current_epoch()) < to {
            let mut later = KeyRing::from_text(&keys.to_text()).expect("written a moment ago");
            later.rotate(&mut Rng::seed_from_u64(u64::from(keys.current_epoch()))).expect("epochs are left");
            keys.renew(later).expect("a later state of the same keys");
        }
    }

    /// A session of a taxpayer.
    pub fn taxpayer(&self, n: usize) -> Session {
        self.core.as_actor(Actor::Taxpayer(self.taxpayers[n]))
    }

    /// A session of a serving officer.
    pub fn officer(&self, n: usize) -> Session {
        self.session_of(self.officers[n])
    }

    /// A session of any officer.
    pub fn session_of(&self, id: OfficerId) -> Session {
        self.core.as_actor(self.core.officer(id).expect("a known officer"))
    }

    /// One more officer, with a post of their own.
    pub fn appoint(&self, staff_no: &str, at: &str, permissions: &[Permission]) -> OfficerId {
        let access = self.core.as_system();
        let access = access.access();
        let officer = AddOfficer { staff_no: staff_no.into(), name: "新人".into(), authority: code(at), capacity: 1 };
        let officer = access.add_officer(officer).wait().expect("a new officer").officer;
        let post = AddPost { name: format!("岗位{staff_no}"), permissions: Permissions(permissions.to_vec()) };
        let post = access.add_post(post).wait().expect("a new post").post;
        access.grant_post(GrantPost { officer, post, authority: code(at), ends_at: None }).wait().expect("a grant");
        officer
    }

    /// What a taxpayer says when entering the line.
    pub fn enter(&self) -> Enter {
        Enter::new(self.line, "专项附加扣除")
    }

    /// Taxpayer `n` enters the line.
    pub fn entered(&self, n: usize) -> Entered {
        self.taxpayer(n).interaction().enter(self.enter()).wait().expect("enters")
    }

    /// Compares projections with rows once they had time to follow: on PostgreSQL they do so a moment after the
    /// commit, within a second by design; anything else is exact at once.
    pub fn recount(&self) -> Vec<String> {
        settle(&self.core, |core| core.recount().expect("recounts"), Vec::is_empty)
    }

    /// Seals every record. On PostgreSQL a transaction of another database may hold the horizon up for a moment.
    /// Returns what verification says then.
    pub fn seal(&self) -> Verdict {
        let verdict = settle(
            &self.core,
            |core| {
                while core.seal_audit().expect("seals").more {}
                core.verify_audit(core.checkpoints_after(0).expect("reads"), |_, _| ()).expect("verifies")
            },
            |verdict| verdict.unsealed == 0,
        );
        assert_eq!(verdict.unsealed, 0, "records are left unsealed");
        verdict
    }

    /// Enrols company `n` and lets taxpayer 0 act for it, as its tax handler; returns its id.
    pub fn employed(&self, n: usize) -> Result<TaxpayerId, Error> {
        let (company, system) = (company(n), self.core.as_system());
        system.identity().enrol(std::slice::from_ref(&company), &mut |_| {})?;
        system.identity().record_relations(&[relation(&company.number, Role::TaxHandler, &person(0).number)], &mut |_| {})?;
        Ok(system.identity().find_by_number(&company.number)?.expect("just enrolled"))
    }

    /// The core and what keeps its database, for a restart.
    pub fn into_keep(self) -> Keep {
        self.keep
    }
}

/// Signs somebody in whose posts ask for a second factor or not: the token. Enrols the factor where it is missing, as
/// an authenticator would that is asked for the first time.
pub fn signed_in(core: &Core, login: &str, password: &str) -> Result<String, Error> {
    let begun = core.sign_in(&Credentials { login: login.into(), password: password.into() }, "-")?;
    if begun.duty != Some(Duty::EnrolSecondFactor) {
        return Ok(begun.token);
    }
    let session = core.as_actor(core.authenticate(&begun.token)?.actor);
    enrolled(core, &session).map(|(_, token)| token)
}

/// Enrols a second factor for an officer; its secret, and the token of the session that begins with it. The code of the
/// present step is used up.
pub fn enrolled(core: &Core, session: &Session) -> Result<(Vec<u8>, String), Error> {
    let secret = secret_of_uri(&session.access().enrol_factor().wait()?.uri).expect("an otpauth URI");
    let code = totp_code(&secret, totp_step(core.now()));
    let confirmed = session.access().confirm_factor(FactorCode { code })?.wait()?;
    Ok((secret, confirmed.session.token))
}

/// The refusal that an answer is.
pub fn refused<R>(answer: Result<R, Error>) -> Refusal {
    match answer {
        Err(Error::Refused(refusal)) => refusal,
        Err(e) => panic!("{e:?}"),
        Ok(_) => panic!("it was allowed"),
    }
}

/// Asks until the answer is good, at most ten seconds; the last answer. Between two asks waits for a commit, or
/// a moment.
pub fn settle<T>(core: &Core, ask: impl Fn(&Core) -> T, good: impl Fn(&T) -> bool) -> T {
    let signal = core.store().signal();
    let mut answer = ask(core);
    for _ in 0..1000 {
        if good(&answer) {
            break;
        }
        signal.wait_past(signal.count(), std::time::Duration::from_millis(10));
        answer = ask(core);
    }
    answer
}

/// The taxpayer as a list has them.
pub fn listed(new: &NewTaxpayer) -> Listed {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    Listed::Taxpayer(ListedTaxpayer {
        kind: new.kind.as_str().into(),
        name: new.name.clone(),
        number: new.number.clone(),
        number_kind: new.number_kind.map_or_else(String::new, |kind| kind.title().into()),
        phone: text(&new.phone),
        authority: new.authority.as_str().into(),
        registration_seq: text(&new.registration_seq),
        external_id: text(&new.external_id),
        as_of: String::new(),
    })
}

/// An enterprise of 南关区 with a valid credit code that nobody was issued.
pub fn company(n: usize) -> NewTaxpayer {
    use rand_core::SeedableRng as _;
    let made = zhengna_core::synthetic::enterprise(&mut Rng::seed_from_u64(n as u64));
    let (name, number) = (made.name, made.uscc.as_str().to_owned());
    NewTaxpayer { kind: TaxpayerKind::Enterprise, name, number, phone: None, ..person(0) }
}

/// The tree of the world.
pub fn authorities() -> [NewAuthority; 6] {
    [
        ("10000000000", None, AuthorityKind::National, "国家税务总局"),
        (PROVINCE, Some("10000000000"), AuthorityKind::Province, "国家税务总局吉林省税务局"),
        (CHANGCHUN, Some(PROVINCE), AuthorityKind::Prefecture, "国家税务总局长春市税务局"),
        (NANGUAN, Some(CHANGCHUN), AuthorityKind::County, "国家税务总局长春市南关区税务局"),
        (KUANCHENG, Some(CHANGCHUN), AuthorityKind::County, "国家税务总局长春市宽城区税务局"),
        (JILIN_CITY, Some(PROVINCE), AuthorityKind::Prefecture, "国家税务总局吉林市税务局"),
    ]
    .map(|(own, parent, kind, name)| NewAuthority {
        code: code(own),
        parent: parent.map(code),
        kind,
        name: name.into(),
        effective_from: start(),
    })
}

/// Since the start of the test, `number_of_person` acts for `number_of_enterprise`.
pub fn relation(number_of_enterprise: &str, role: Role, number_of_person: &str) -> NewRelation {
    NewRelation {
        enterprise: number_of_enterprise.into(),
        role,
        person: number_of_person.into(),
        starts_at: start(),
        ends_at: None,
        released: false,
        channel: CaptureChannel::Register,
        external_id: None,
    }
}

/// A taxpayer with a valid resident id, counted up from a date nobody here was born on.
pub fn person(n: usize) -> NewTaxpayer {
    let base = format!("220102{:04}0101{:03}", 1900 + n / 1000, n % 1000);
    let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = base.chars().zip(weights).map(|(c, w)| c.to_digit(10).expect("digits") * w).sum();
    let check = "10X98765432".chars().nth((sum % 11) as usize).expect("eleven characters");
    NewTaxpayer {
        kind: TaxpayerKind::Person,
        name: format!("测试{n}"),
        number: format!("{base}{check}"),
        number_kind: None,
        phone: Some(format!("142{n:08}").replace("142", "138")),
        authority: code(NANGUAN),
        synthetic: true,
        registration_seq: None,
        external_id: None,
    }
}
