//! The demonstration: the authorities of Jilin, officers, administrators, taxpayers who do not exist, lines, and sign-ins made at this
//! moment. Everything in it is marked synthetic (合成数据).

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use zeroize::Zeroizing;
use zhengna_core::access::{ActorKind, ActorRef, AddOfficer, AddPost, GrantPost, Permission, Permissions};
use zhengna_core::crypto::Rng;
use zhengna_core::error::Problem;
use zhengna_core::id::{OfficerId, PostId};
use zhengna_core::identity::{
    AuthorityCode, CaptureChannel, NewRealName, NewRelation, NewRosterEntry, NewTaxpayer, RealNameLevel, RealNameState, Role, Roster,
    TaxpayerKind,
};
use zhengna_core::interaction::OpenLine;
use zhengna_core::{Core, Error, Timestamp, synthetic};

use crate::config::Config;
use crate::passwords;

const PROVINCE: &str = "12200000000"; // 吉林省
const PREFECTURE: &str = "12201000000"; // 长春市
const NANGUAN: &str = "12201020000"; // 长春市南关区
const KUANCHENG: &str = "12201030000"; // 长春市宽城区
const CHUANYING: &str = "12202040000"; // 吉林市船营区

/// Made-up taxpayers; so many of them are natural persons.
const TAXPAYERS: usize = 200;
const PERSONS: usize = 140;
/// So many, natural persons, belong to 南关区 whatever their number says, for a line worth looking at.
const NEIGHBOURS: usize = 40;
/// The same people every time: what is secret is made anew, they are not.
const SEED: u64 = 20_260_101;

/// A post: its name, what it allows, and what whoever holds it is called.
struct Held {
    name: &'static str,
    permissions: &'static [Permission],
    role: &'static str,
    role_zh: &'static str,
}

const SERVING: Held = Held { name: "办税服务坐席", permissions: &[Permission::ServeTaxpayers], role: "officer", role_zh: "坐席" };
/// Serves as well: whoever takes part in a conversation answers in it.
const WATCHING: Held = Held {
    name: "督导",
    permissions: &[Permission::ServeTaxpayers, Permission::SuperviseInteraction, Permission::ManageLines, Permission::RevealPersonalData],
    role: "supervisor",
    role_zh: "督导",
};
/// Complaints about an office are answered above it.
const HANDLING: Held =
    Held { name: "诉求处理岗", permissions: &[Permission::HandleAppeals], role: "appeal_handler", role_zh: "诉求处理" };
/// The three administrators, as `zhengna bootstrap` makes their posts.
const SYSTEM: Held = administrator("系统管理员", &[Permission::ManageAccess, Permission::ViewStaff]);
const SECURITY: Held = administrator("安全管理员", &[Permission::ApproveAccess, Permission::ViewStaff]);
const AUDIT: Held = administrator("审计管理员", &[Permission::ReadAudit, Permission::ViewStaff]);

const fn administrator(name: &'static str, permissions: &'static [Permission]) -> Held {
    Held { name, permissions, role: "administrator", role_zh: name }
}

/// Officers: staff number, name, post, where, with a sign-in.
const OFFICERS: [(&str, &str, Held, &str, bool); 11] = [
    ("220102001", "坐席甲（合成数据）", SERVING, NANGUAN, true),
    ("220102002", "坐席乙（合成数据）", SERVING, NANGUAN, true),
    ("220102003", "坐席丙（合成数据）", SERVING, NANGUAN, false),
    ("220103001", "坐席丁（合成数据）", SERVING, KUANCHENG, false),
    ("220204001", "坐席戊（合成数据）", SERVING, CHUANYING, false),
    ("220100901", "督导甲（合成数据）", WATCHING, PREFECTURE, true),
    ("220100902", "督导乙（合成数据）", WATCHING, PREFECTURE, true),
    ("220100903", "诉求处理甲（合成数据）", HANDLING, PREFECTURE, true),
    ("220000101", "系统管理员甲（合成数据）", SYSTEM, PROVINCE, true),
    ("220000102", "安全管理员甲（合成数据）", SECURITY, PROVINCE, true),
    ("220000103", "审计管理员甲（合成数据）", AUDIT, PROVINCE, true),
];

/// Lines beside those that are shipped, which 南关区 has: served day and night, so that there is somebody to talk to in the evening.
const LINES: [(&str, &str); 3] = [("个人所得税咨询", NANGUAN), ("发票与登记", NANGUAN), ("社保费缴纳", CHUANYING)];

/// The files of a demonstration.
#[derive(Debug, Clone, Serialize)]
pub struct Files {
    /// Where all are.
    pub directory: PathBuf,
    /// The database.
    pub database: PathBuf,
    /// The keys.
    pub key_file: PathBuf,
    /// The second sink of the audit trail.
    pub checkpoint_file: PathBuf,
}

impl Files {
    /// The files in `directory`, which is made for its owner alone where it is missing. The names are not those of
    /// an installation, so that a demonstration never touches one.
    pub fn within(directory: &Path) -> io::Result<Files> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        Ok(Files {
            directory: directory.to_owned(),
            database: directory.join("demo.db"),
            key_file: directory.join("demo.key"),
            checkpoint_file: directory.join("demo.checkpoint"),
        })
    }

    /// The configuration with these files.
    pub fn configured(&self, config: &Config) -> Config {
        Config {
            database: format!("sqlite:{}", self.database.display()),
            key_file: self.key_file.clone(),
            checkpoint_file: self.checkpoint_file.clone(),
            ..config.clone()
        }
    }
}

/// Somebody who can sign in.
#[derive(Clone, Serialize)]
pub struct SignIn {
    /// `taxpayer`, `officer`, `supervisor`, `appeal_handler` or `administrator`.
    pub role: &'static str,
    /// The same in Chinese.
    #[serde(skip)]
    pub role_zh: &'static str,
    /// Login.
    pub login: String,
    /// Password; stored nowhere but here.
    #[serde(serialize_with = "shown_once")]
    pub password: Zeroizing<String>,
    /// Where they are.
    pub place: &'static str,
}

fn shown_once<S: serde::Serializer>(password: &Zeroizing<String>, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(password)
}

/// Fills an empty database. Continues where an earlier run was interrupted; a whole one is left as it is.
/// `progress` hears what is being made, and how many.
pub fn furnish(core: &Core, progress: &mut dyn FnMut(&str, u64)) -> Result<bool, Error> {
    let people = people();
    let system = core.as_system();
    // They come last: when the last of them is there, all is.
    if let Some(last) = people.last()
        && system.identity().find_by_number(&last.number)?.is_some()
    {
        return Ok(false);
    }
    let tree = crate::authorities::from_rows(synthetic::jilin_authorities())?;
    system.access().add_authorities(&tree, &mut |n| progress("税务机关 authorities", n))?;
    for (staff_no, name, held, place, _) in OFFICERS {
        let id = officer(core, staff_no, name, place)?;
        let grant = GrantPost { officer: id, post: post(core, &held)?, authority: code(place)?, ends_at: None };
        // With a key, so that a run that is repeated grants nothing twice.
        let once = system.clone().with_key(&format!("demo.grant.{staff_no}"))?;
        once.access().grant_post(grant).wait()?;
    }
    for (n, (name, place)) in LINES.into_iter().enumerate() {
        let line = OpenLine::new(name, code(place)?);
        let once = system.clone().with_key(&format!("demo.line.{n}"))?;
        once.interaction().open_line(line).wait()?;
    }
    for line in OpenLine::shipped(code(NANGUAN)?) {
        system.interaction().open_line(line).wait()?;
    }
    if let Some((last, others)) = people.split_last() {
        let identity = system.identity();
        identity.enrol(others, &mut |n| progress("纳税人 taxpayers", n))?;
        let (persons, enterprises) = others.split_at(PERSONS);
        identity.record_real_names(&real_names(persons), &mut |n| progress("实名 real names", n))?;
        identity.record_relations(&relations(persons, enterprises), &mut |n| progress("关联关系 relations", n))?;
        identity.record_roster(&roster(enterprises), &mut |_| {})?;
        identity.enrol(std::slice::from_ref(last), &mut |_| {})?;
    }
    Ok(true)
}

/// When the demo's findings and relations began.
const SINCE: &str = "2026-01-05T09:00:00+08:00";

/// Two of three persons were verified, the third was only taken down in a hall; of every seventh nothing is known.
fn real_names(persons: &[NewTaxpayer]) -> Vec<NewRealName> {
    let Some(found_at) = Timestamp::parse(SINCE) else { return Vec::new() };
    let known = persons.iter().enumerate().filter(|(n, _)| n % 7 != 6);
    let found = known.map(|(n, person)| {
        let (state, level, channel) = if n % 3 == 2 {
            (RealNameState::Captured, None, CaptureChannel::Hall)
        } else {
            (RealNameState::Verified, Some(RealNameLevel::Face), CaptureChannel::ElectronicTaxBureau)
        };
        NewRealName { person: person.number.clone(), state, level, channel, found_at }
    });
    found.collect()
}

/// The first enterprise, for which both taxpayers act who can sign in, is let into the zone of small and micro enterprises.
fn roster(enterprises: &[NewTaxpayer]) -> Vec<NewRosterEntry> {
    let first = Timestamp::parse(SINCE).zip(enterprises.first());
    let entry = |(starts_at, enterprise): (Timestamp, &NewTaxpayer)| NewRosterEntry {
        enterprise: enterprise.number.clone(),
        roster: Roster::DesignatedSmallMicro,
        starts_at,
        ends_at: None,
        document: "合成〔2026〕1号".into(),
    };
    first.map(entry).into_iter().collect()
}

/// Each enterprise has a legal representative who files for it too, and most have a finance officer.
fn relations(persons: &[NewTaxpayer], enterprises: &[NewTaxpayer]) -> Vec<NewRelation> {
    let Some(starts_at) = Timestamp::parse(SINCE) else { return Vec::new() };
    let mut made = Vec::new();
    for ((n, enterprise), two) in enterprises.iter().enumerate().zip(persons.chunks_exact(2)) {
        let mut relate = |role, person: &NewTaxpayer| {
            made.push(NewRelation {
                enterprise: enterprise.number.clone(),
                role,
                person: person.number.clone(),
                starts_at,
                ends_at: None,
                released: false,
                channel: CaptureChannel::Register,
                external_id: None,
            });
        };
        relate(Role::LegalRepresentative, &two[0]);
        relate(Role::TaxHandler, &two[0]);
        if n % 4 != 3 {
            relate(Role::FinanceOfficer, &two[1]);
        }
    }
    made
}

/// New passwords for those who can sign in. Their earlier sessions end.
pub fn sign_ins(core: &Core) -> Result<Vec<SignIn>, Error> {
    let system = core.as_system();
    let mut made = Vec::new();
    let mut give = |whose: ActorRef, login: String, role, role_zh, place| -> Result<(), Error> {
        let password = passwords::generate(&login);
        system.access().set_password(whose, &login, &password)?;
        made.push(SignIn { role, role_zh, login, password, place });
        Ok(())
    };
    for person in people().into_iter().take(2) {
        let id = system.identity().find_by_number(&person.number)?.ok_or(Error::NotFound { what: "taxpayer" })?;
        let whose = ActorRef { kind: ActorKind::Taxpayer, id: id.uuid() };
        give(whose, person.phone.unwrap_or_default(), "taxpayer", "纳税人", "长春市南关区")?;
    }
    for (staff_no, _, held, at, _) in OFFICERS.into_iter().filter(|o| o.4) {
        let id = system.access().find_officer(staff_no)?.ok_or(Error::NotFound { what: "officer" })?;
        let whose = ActorRef { kind: ActorKind::Officer, id: id.uuid() };
        let place = match at {
            PROVINCE => "吉林省",
            PREFECTURE => "长春市",
            _ => "长春市南关区",
        };
        give(whose, staff_no.to_owned(), held.role, held.role_zh, place)?;
    }
    Ok(made)
}

/// What is printed once everything runs.
pub fn banner(address: &str, sign_ins: &[SignIn], files: &Files) -> String {
    let mut text = format!(
        "\n征纳 Zhengna  演示 demonstration\n\
         全部为合成数据，没有真实的人和企业。 All data is synthetic: nobody in it exists.\n\n\
         地址 Address\n  {address}\n\n\
         账号 Sign-ins（刚刚随机生成，只显示这一次 made just now, shown this once）\n"
    );
    for s in sign_ins {
        let role = format!("{} {}", s.role_zh, s.role);
        text.push_str(&format!("  {role:<12}\t{:<11}\t{}\t{}（合成数据）\n", s.login, *s.password, s.place));
    }
    text.push_str(&format!(
        "\n试一试 Try this\n\
         \x20 1. 在一个窗口打开 {address}/taxpayer/，用纳税人账号登录，进入“{line}”排队。\n\
         \x20    Open {address}/taxpayer/ in one window, sign in as a taxpayer, enter the line.\n\
         \x20 2. 在另一个窗口打开 {address}/console/，用坐席账号登录，接入并对话。\n\
         \x20    Open {address}/console/ in another window, sign in as an officer, take the first in line, talk.\n\
         \x20 3. 督导在 {address}/console/ 看大屏、改队列；管理员首次登录先启用两步验证（手机验证器）。\n\
         \x20    A supervisor watches and changes lines there; an administrator enrols a second factor first (an authenticator).\n\
         \x20 4. 停止后核对审计链： Stop it, then check the audit trail:\n\
         \x20    zhengna audit verify --database sqlite:{db} --key-file {keys} --checkpoint-file {points}\n\n\
         文件 Files\n  {dir}  （删除此目录即从头开始 delete this directory to begin anew）\n\n\
         停止 Stop: Ctrl-C\n",
        line = LINES[0].0,
        db = files.database.display(),
        keys = files.key_file.display(),
        points = files.checkpoint_file.display(),
        dir = files.directory.display(),
    ));
    text
}

fn code(text: &str) -> Result<AuthorityCode, Error> {
    AuthorityCode::parse(text).map_err(|e| Error::invalid("authority", Problem::Malformed(e.to_string())))
}

fn post(core: &Core, held: &Held) -> Result<PostId, Error> {
    let system = core.as_system();
    if let Some(id) = system.access().find_post(held.name)? {
        return Ok(id);
    }
    let cmd = AddPost { name: held.name.into(), permissions: Permissions(held.permissions.to_vec()) };
    system.access().add_post(cmd).wait().map(|p| p.post)
}

fn officer(core: &Core, staff_no: &str, name: &str, place: &str) -> Result<OfficerId, Error> {
    let system = core.as_system();
    if let Some(id) = system.access().find_officer(staff_no)? {
        return Ok(id);
    }
    let cmd = AddOfficer { staff_no: staff_no.into(), name: name.into(), authority: code(place)?, capacity: 3 };
    system.access().add_officer(cmd).wait().map(|o| o.officer)
}

/// Everybody, the same ones each time. The first two can sign in.
fn people() -> Vec<NewTaxpayer> {
    use rand_core::SeedableRng as _;
    let mut rng = Rng::seed_from_u64(SEED);
    let neighbour = AuthorityCode::parse(NANGUAN).ok();
    // The county in charge is the one in their number: 1, six digits of division, four zeros.
    let of_division = |division: &str| AuthorityCode::parse(&format!("1{division}0000")).ok();
    let mut made: Vec<NewTaxpayer> = Vec::with_capacity(TAXPAYERS);
    let mut phones = std::collections::HashSet::new();
    while made.len() < TAXPAYERS {
        let n = made.len();
        let next = if n < PERSONS {
            let person = synthetic::person(&mut rng);
            let authority = match neighbour {
                Some(code) if n < NEIGHBOURS => Some(code),
                _ => of_division(person.resident_id.region()),
            };
            authority.map(|authority| NewTaxpayer {
                kind: TaxpayerKind::Person,
                name: format!("合成{}", person.name.as_str()),
                number: person.resident_id.as_str().to_owned(),
                number_kind: None,
                phone: Some(person.phone.as_str().to_owned()),
                authority,
                synthetic: true,
                registration_seq: None,
                external_id: None,
            })
        } else {
            let enterprise = synthetic::enterprise(&mut rng);
            of_division(enterprise.uscc.division()).map(|authority| NewTaxpayer {
                kind: TaxpayerKind::Enterprise,
                name: enterprise.name,
                number: enterprise.uscc.as_str().to_owned(),
                number_kind: None,
                phone: None,
                authority,
                synthetic: true,
                registration_seq: None,
                external_id: None,
            })
        };
        // Numbers repeat now and then; logins may not.
        let fresh =
            |t: &NewTaxpayer| made.iter().all(|old| old.number != t.number) && t.phone.as_ref().is_none_or(|p| phones.insert(p.clone()));
        made.extend(next.filter(fresh));
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use zhengna_core::access::Credentials;
    use zhengna_core::core::PROJECTIONS;
    use zhengna_core::store::memory::MemoryStore;
    use zhengna_core::{Parts, Settings};
    use zhengna_tests::world::keys;

    fn core() -> Core {
        Core::new(Parts {
            store: MemoryStore::new(PROJECTIONS),
            clock: Arc::new(crate::system::SystemClock),
            entropy: Arc::new(crate::system::OsEntropy),
            settings: Settings { keys: keys(), told_outside: Vec::new() },
        })
    }

    #[test]
    fn furnished_once_and_everybody_with_a_password_can_sign_in() {
        let core = core();
        assert!(furnish(&core, &mut |_, _| {}).unwrap());
        assert!(!furnish(&core, &mut |_, _| {}).unwrap());
        let first = sign_ins(&core).unwrap();
        let second = sign_ins(&core).unwrap();
        let roles: Vec<_> = first.iter().map(|s| s.role).collect();
        assert_eq!(
            roles.chunk_by(|a, b| a == b).map(|same| (same[0], same.len())).collect::<Vec<_>>(),
            [("taxpayer", 2), ("officer", 2), ("supervisor", 2), ("appeal_handler", 1), ("administrator", 3)]
        );
        let enter = |s: &SignIn| {
            let typed = Credentials { login: s.login.clone(), password: s.password.to_string() };
            core.sign_in(&typed, "test")
        };
        for (old, new) in first.iter().zip(&second) {
            assert!(enter(old).is_err(), "the password before does not work any more");
            let session = enter(new).unwrap();
            let caller = core.authenticate(&session.token).unwrap();
            let me = core.as_actor(caller.actor.clone()).access().me().unwrap();
            assert!(!me.operations.is_empty());
        }
    }

    #[test]
    fn everything_shown_says_that_it_is_synthetic() {
        for person in people() {
            assert!(person.synthetic);
            assert!(person.name.starts_with("合成") || person.name.ends_with("（合成数据）"));
            assert!(person.phone.is_none_or(|p| p.starts_with(synthetic::PHONE_PREFIX)));
        }
        assert!(OFFICERS.iter().all(|o| o.1.ends_with("（合成数据）")));
        let files = Files::within(tempfile::tempdir().unwrap().path()).unwrap();
        let shown = banner("http://127.0.0.1:1", &[], &files);
        assert!(shown.contains("合成数据") && shown.contains("synthetic"));
    }
}
