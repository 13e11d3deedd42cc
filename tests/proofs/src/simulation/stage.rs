//! One world on one engine, with a clock and randomness of its own, a store that fails when told to, and a host that
//! can be started again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use zhengna_core::access::{Actor, AddOfficer, AddPost, GrantPost, Permission, Permissions};
use zhengna_core::ctx::Entropy;
use zhengna_core::id::{LineId, OfficerId, TaxpayerId};
use zhengna_core::store::fault::FaultStore;
use zhengna_core::store::{Store, StoreError};
use zhengna_core::{Core, Error, ManualClock, Parts, Session, Settings, Timestamp};
use zhengna_tests::world::{self, Engine, JILIN_CITY, Keep, World, code};

use super::directory::Directory;
pub(crate) use super::lines::{LINES, OFFERING, UNSERVED};
use super::step::{Who, mixed};

/// How a world is set up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) engine: Engine,
    pub(crate) seed: u64,
    /// When it begins.
    pub(crate) start: i64,
    pub(crate) officers: u8,
    pub(crate) taxpayers: u16,
    /// Whether an outside system is told of closed conversations.
    pub(crate) told: bool,
    /// Whether people sign in; hashing passwords is slow on purpose, so not in every world.
    pub(crate) sessions: bool,
}

/// Officers who serve and supervise in the county of the first line.
pub(crate) const CHIEFS: u8 = 2;
/// Conversations an officer may hold, as the shared world has it.
pub(crate) const CAPACITY: usize = 3;
/// The taxpayers who sign in where anybody does, and the officer.
pub(crate) const SIGNED_IN: [Who; 3] = [Who::Taxpayer(0), Who::Taxpayer(1), Who::Officer(0)];
const DAY: i64 = 24 * 3600 * 1_000_000;
const PASSWORD: &str = "Xiang-Kan-2026";

/// Randomness by step and call: the same whatever other steps were cut out, and for a step that is taken again.
struct StepEntropy {
    seed: u64,
    step: AtomicU64,
    calls: AtomicU64,
}

impl Entropy for StepEntropy {
    fn seed(&self) -> [u8; 32] {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        let mut word = mixed(self.seed ^ mixed(self.step.load(Ordering::SeqCst) << 20 | call));
        let mut bytes = [0; 32];
        for eight in bytes.chunks_exact_mut(8) {
            word = mixed(word.wrapping_add(0x9E37_79B9_7F4A_7C15));
            eight.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

/// One world.
pub(crate) struct Stage {
    pub(crate) core: Core,
    pub(crate) faults: Arc<FaultStore>,
    pub(crate) setting: Setting,
    clock: Arc<ManualClock>,
    entropy: Arc<StepEntropy>,
    keep: Keep,
    pub(crate) lines: Vec<LineId>,
    pub(crate) officers: Vec<OfficerId>,
    /// Persons, then enterprises.
    pub(crate) taxpayers: Vec<TaxpayerId>,
    supervisor: OfficerId,
    idle_hand: OfficerId,
    outsider: OfficerId,
    /// The officers with their posts, as the host last looked them up.
    actors: Vec<Actor>,
}

/// One set of keys for every world: making them takes longer than a small world lives.
fn settings(told: bool) -> Settings {
    static KEYS: OnceLock<String> = OnceLock::new();
    let text = KEYS.get_or_init(|| world::keys().to_text().to_string());
    let told_outside = if told { vec!["conversation.closed".into()] } else { Vec::new() };
    Settings { keys: zhengna_core::crypto::KeyRing::from_text(text).expect("written a moment ago"), told_outside }
}

impl Stage {
    /// A furnished world. One that the machine was too slow for is begun again.
    pub(crate) fn new(setting: Setting) -> Result<Self, Error> {
        zhengna_tests::faults::quiet();
        let mut stage = Self::furnished(setting);
        for _ in 0..SLOW_MAX {
            match stage {
                Err(Error::Store(e)) if slow(&e) => stage = Self::furnished(setting),
                _ => break,
            }
        }
        stage
    }

    fn furnished(setting: Setting) -> Result<Self, Error> {
        // Posts were given the day before: however far a clock goes back, officers hold them.
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(setting.start - DAY)));
        let entropy = Arc::new(StepEntropy { seed: setting.seed, step: AtomicU64::new(0), calls: AtomicU64::new(0) });
        let keep = Keep::fresh(setting.engine);
        let faults = FaultStore::over(keep.open());
        let core = Self::core(faults.clone(), &clock, &entropy, setting.told);
        let world = World::furnish(core, clock.clone(), keep, usize::from(setting.officers), usize::from(setting.taxpayers))?;
        let World { core, line, mut officers, stranger, supervisor, idle_hand, mut taxpayers, keep, .. } = world;
        let lines = super::lines::open(&core, line, &officers)?;
        core.ensure_timers_but_screening()?;
        officers.push(stranger);
        officers.extend(Self::chiefs(&core)?);
        let outsider = Self::outsider(&core)?;
        taxpayers.extend(Self::enterprises(&core, Directory::of(&setting))?);
        let actors = Vec::new();
        let mut stage =
            Self { core, faults, setting, clock, entropy, keep, lines, officers, taxpayers, supervisor, idle_hand, outsider, actors };
        stage.look_up()?;
        if setting.sessions {
            for who in SIGNED_IN {
                stage.core.as_system().access().set_password(stage.actor(who).as_ref(), &login(who), PASSWORD)?;
            }
        }
        Ok(stage)
    }

    /// An officer of another prefecture who may there what officers and supervisors may with people.
    fn outsider(core: &Core) -> Result<OfficerId, Error> {
        let system = core.as_system();
        let officer = AddOfficer { staff_no: "22020001".into(), name: "外市人员".into(), authority: code(JILIN_CITY), capacity: 1 };
        let officer = system.access().add_officer(officer).wait()?.officer;
        let may = vec![Permission::ServeTaxpayers, Permission::RevealPersonalData, Permission::ManageRelations];
        let post = system.access().add_post(AddPost { name: "外市岗位".into(), permissions: Permissions(may) }).wait()?.post;
        let grant = GrantPost { officer, post, authority: code(JILIN_CITY), ends_at: None };
        system.access().grant_post(grant).wait().map(|_| officer)
    }

    fn chiefs(core: &Core) -> Result<Vec<OfficerId>, Error> {
        let system = core.as_system();
        let may = Permissions(vec![Permission::ServeTaxpayers, Permission::SuperviseInteraction]);
        let post = system.access().add_post(AddPost { name: "带班岗位".into(), permissions: may }).wait()?.post;
        let chief = |n: u8| {
            let (staff_no, authority) = (format!("2201091{n}"), code(LINES[0]));
            let officer = AddOfficer { staff_no, name: format!("带班{n}"), authority, capacity: CAPACITY as i64 };
            let officer = system.access().add_officer(officer).wait()?.officer;
            system.access().grant_post(GrantPost { officer, post, authority, ends_at: None }).wait().map(|_| officer)
        };
        (0..CHIEFS).map(chief).collect()
    }

    fn enterprises(core: &Core, directory: Directory) -> Result<Vec<TaxpayerId>, Error> {
        let (system, rows) = (core.as_system(), directory.companies().map(|n| directory.row(n)).collect::<Vec<_>>());
        system.identity().enrol(&rows, &mut |_| {})?;
        let id = |row: &zhengna_core::identity::NewTaxpayer| {
            let found = system.identity().find_by_number(&row.number)?;
            found.ok_or(Error::NotFound { what: "taxpayer" })
        };
        rows.iter().map(id).collect()
    }

    fn core(store: Arc<dyn Store>, clock: &Arc<ManualClock>, entropy: &Arc<StepEntropy>, told: bool) -> Core {
        Core::new(Parts { store, clock: clock.clone(), entropy: entropy.clone(), settings: settings(told) })
    }

    fn look_up(&mut self) -> Result<(), Error> {
        let ids = self.officers.iter().chain([&self.supervisor, &self.idle_hand, &self.outsider]);
        self.actors = ids.map(|id| self.core.officer(*id)).collect::<Result<_, _>>()?;
        Ok(())
    }

    /// Ends the host and starts another one on the same database.
    pub(crate) fn restart(&mut self) -> Result<(), Error> {
        if self.setting.engine != Engine::Memory {
            // The old store closes its files before the new one opens them.
            let nothing = FaultStore::over(zhengna_core::store::memory::MemoryStore::new(zhengna_core::core::PROJECTIONS));
            self.core = Self::core(nothing.clone(), &self.clock, &self.entropy, self.setting.told);
            self.faults = nothing;
            self.faults = FaultStore::over(self.keep.open());
        }
        self.core = Self::core(self.faults.clone(), &self.clock, &self.entropy, self.setting.told);
        patiently(|| self.core.ensure_timers_but_screening())?;
        self.look_up()
    }

    /// Goes to a step: its time and its randomness.
    pub(crate) fn turn_to(&self, number: u32, at: i64) {
        self.clock.set(Timestamp::from_micros(at));
        self.entropy.step.store(u64::from(number) + 1, Ordering::SeqCst);
        self.entropy.calls.store(0, Ordering::SeqCst);
    }

    pub(crate) fn actor(&self, who: Who) -> Actor {
        let behind = self.officers.len();
        match who {
            Who::Taxpayer(n) => Actor::Taxpayer(self.taxpayers[usize::from(n)]),
            Who::Officer(n) => self.actors[usize::from(n)].clone(),
            Who::Supervisor => self.actors[behind].clone(),
            Who::IdleHand => self.actors[behind + 1].clone(),
            Who::Outsider => self.actors[behind + 2].clone(),
            Who::System => Actor::System,
            Who::Nobody => Actor::Anonymous,
        }
    }

    /// Somebody acts, with a key or without.
    pub(crate) fn session(&self, who: Who, key: Option<u32>) -> Session {
        let session = self.core.as_actor(self.actor(who));
        match key {
            None => session,
            Some(key) => session.with_key(&self.key(key)).expect("a good key"),
        }
    }

    /// Most keys are version 7 UUIDs of about now, as our clients make them; some are of another time, some are words.
    pub(crate) fn key(&self, key: u32) -> String {
        let away = match key % 16 {
            3 => return format!("key {key}"),
            7 => -40 * DAY,
            11 => 2 * DAY,
            14 => 50 * DAY,
            _ => 0,
        };
        let at = Timestamp::from_micros(self.setting.start + away + i64::from(key) * 1_000_000);
        zhengna_core::id::uuid_v7(at, 0, mixed(u64::from(key))).to_string()
    }

    /// Signs somebody in and answers their token. Who has a second factor gets no further than its challenge.
    pub(crate) fn sign_in(&self, who: Who) -> Result<String, Error> {
        let typed = zhengna_core::access::Credentials { login: login(who), password: PASSWORD.into() };
        patiently(|| self.core.sign_in(&typed, "-")).map(|signed_in| signed_in.token)
    }
}

/// Times something is done again that the machine was too slow for.
pub(crate) const SLOW_MAX: u32 = 20;

/// What a machine that is busy with something else makes of an operation on a SQL engine.
pub(crate) fn slow(e: &StoreError) -> bool {
    matches!(e, StoreError::Busy | StoreError::TooLong { .. } | StoreError::Conflict)
}

/// Does something again that the machine was too slow for.
pub(crate) fn patiently<T>(mut run: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    for _ in 0..SLOW_MAX {
        match run() {
            Err(Error::Store(e)) if slow(&e) => {}
            done => return done,
        }
    }
    run()
}

fn login(who: Who) -> String {
    format!("{who:?}")
}

/// The text of a message or a note.
pub(crate) fn text(n: u32) -> String {
    const PHRASES: [&str; 8] = [
        "您好，请问个税专项附加扣除怎么填？",
        "请您先登录个人所得税 App",
        "好的",
        "子女教育这一项，我和爱人可以各扣一半吗？",
        "可以，每年选一次，年度内不能变更。",
        "谢谢！",
        "还想问一下发票红冲的流程",
        "请稍等，我查一下",
    ];
    if n == u32::MAX { " \u{200B} ".into() } else { format!("{} {n}", PHRASES[n as usize % PHRASES.len()]) }
}
