//! A database with rows in it is brought up to this program: what was there stays, and means what the migration says.

use postgres::{Client, NoTls};
use rusqlite::Connection;
use uuid::Uuid;
use zhengna_core::access::{ADMINISTRATOR_POST, AccessChange, Actor, GrantPost, Permission};
use zhengna_core::calendar::{Arrangement, Change, Draft, NoticeDay};
use zhengna_core::crypto::{hex, sm3};
use zhengna_core::id::OfficerId;
use zhengna_core::store::migrate::MIGRATIONS;
use zhengna_core::store::sql::Dialect;
use zhengna_tests::approval::{approve, decree};
use zhengna_tests::calendar::{self, other_holidays};
use zhengna_tests::postgres::cluster;
use zhengna_tests::world::{Engine, Keep, PROVINCE, World, code, core_over, directory, start};

/// The database of an earlier program, written past any program.
enum Raw {
    Sqlite(Connection),
    Postgres(Client),
}

impl Raw {
    fn open(keep: &Keep) -> Self {
        match keep {
            Keep::Database(database) => Self::Postgres(Client::connect(database.url(), NoTls).unwrap()),
            kept => Self::Sqlite(Connection::open(kept.path().unwrap()).unwrap()),
        }
    }

    fn run(&mut self, sql: &str) {
        match self {
            Self::Sqlite(conn) => conn.execute_batch(&Dialect::Sqlite.ddl(sql)).unwrap(),
            Self::Postgres(client) => client.batch_execute(sql).unwrap(),
        }
    }

    fn bytes(&self, bytes: &[u8]) -> String {
        match self {
            Self::Sqlite(_) => format!("x'{}'", hex(bytes)),
            Self::Postgres(_) => format!("'\\x{}'", hex(bytes)),
        }
    }

    fn count(&mut self, sql: &str) -> i64 {
        match self {
            Self::Sqlite(conn) => conn.query_row(sql, [], |row| row.get(0)).unwrap(),
            Self::Postgres(client) => client.query_one(sql, &[]).unwrap().get(0),
        }
    }
}

/// An empty database as the program of this version left it.
fn of_version(engine: Engine, version: usize) -> (Keep, Raw) {
    let keep = if engine == Engine::Sqlite { Keep::Directory(directory()) } else { Keep::Database(cluster().empty()) };
    let mut raw = Raw::open(&keep);
    raw.run("CREATE TABLE schema_migration (version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, checksum BYTEA NOT NULL, applied_at BIGINT NOT NULL)");
    for migration in &MIGRATIONS[..version] {
        let sql = if engine == Engine::Sqlite { migration.sqlite } else { migration.postgres };
        raw.run(sql);
        let checksum = raw.bytes(&sm3(&[sql.as_bytes()]));
        raw.run(&format!("INSERT INTO schema_migration VALUES ({}, '{}', {checksum}, 0)", migration.version, migration.name));
    }
    (keep, raw)
}

/// Migration 6: who held which post, and what was approved, had no hash before it. None of it is carried over, so none of it counts,
/// none of it is taken for an alteration, and none of it is in the way of being given anew.
#[test]
fn posts_grants_and_notices_from_before_approvals_are_gone_and_can_be_given_anew() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let (keep, mut raw) = of_version(engine, 5);
        let id = |n: u128| Uuid::from_u128(0x019a_0000_0000_7000_8000_0000_0000_0000 + n);
        let of = |raw: &Raw, n: u128| raw.bytes(id(n).as_bytes());
        let at = start().micros() - 86_400_000_000;
        let (officer, post, grant, other, name) = (of(&raw, 1), of(&raw, 2), of(&raw, 3), of(&raw, 4), raw.bytes(b"sealed"));
        let path = format!("10000000000/{PROVINCE}");
        raw.run(&format!("INSERT INTO officer VALUES ({officer}, '21000001', {name}, '{path}', 3, {at}, NULL, 999, NULL, 0)"));
        raw.run(&format!("INSERT INTO post VALUES ({post}, '{ADMINISTRATOR_POST}', 'manage_access view_staff', 4)"));
        raw.run(&format!("INSERT INTO post VALUES ({other}, '旧岗位', 'manage_access read_audit', 0)"));
        raw.run(&format!("INSERT INTO access_grant VALUES ({grant}, {officer}, {post}, '{PROVINCE}', {at}, NULL, 2)"));
        raw.run("INSERT INTO series VALUES ('calendar', 2, 1)");
        for (n, year, decided) in [(4, 2027, true), (5, 2028, false)] {
            let content = serde_json::to_string(&draft(year)).unwrap();
            let (digest, maker) = (raw.bytes(&sm3(&[content.as_bytes()])), raw.bytes(&[&[1], &id(9).as_bytes()[..]].concat()));
            let (state, by, number) = if decided { ("approved", &*maker, "1") } else { ("pending", "NULL", "NULL") };
            let decided_at = if decided { (at + 1).to_string() } else { "NULL".into() };
            let row = of(&raw, n);
            raw.run(&format!(
                "INSERT INTO calendar_proposal VALUES ({row}, 'working_days', '{year}', '{state}', '{content}', {digest}, {maker}, {at}, \
                 {by}, {decided_at}, NULL, {number}, 1)"
            ));
        }
        drop(raw);

        let (core, clock) = core_over(keep.open(), 7);
        let world = World::furnish(core, clock, keep, 1, 1).unwrap();
        let mut raw = Raw::open(&world.keep);
        let stayed = raw.count(&format!("SELECT count(*) FROM officer WHERE id = {officer} AND staff_no = '21000001'"));
        assert_eq!(stayed, 1, "{engine:?}: people stay");
        let old = OfficerId::from_uuid(id(1));
        let may = |permission| matches!(world.core.officer(old).unwrap(), Actor::Officer(o) if o.may(permission));
        assert!(!may(Permission::ManageAccess), "{engine:?}: the post counts no more");
        let rights = world.core.compare_rights().unwrap();
        assert!(rights.complete && rights.findings.is_empty(), "{engine:?}: {rights:?}");
        let year = |year| world.taxpayer(0).calendar().year(year).unwrap();
        assert!(year(2027).provisional && year(2028).provisional, "{engine:?}: no notice is in force");

        // Everything is given anew: a post to the same officer, the notices to the same years.
        let post = world.core.as_system().access().find_post("办税服务坐席").unwrap().unwrap();
        let grant = GrantPost { officer: old, post, authority: code(PROVINCE), ends_at: None };
        decree(&world, AccessChange::Grant(grant)).unwrap();
        assert!(may(Permission::ServeTaxpayers), "{engine:?}");
        let checker = world.session_of(world.appoint("22019001", PROVINCE, &[Permission::ApproveCalendar]));
        for (number, of) in [(1, 2027), (2, 2028)] {
            let opened = world.session_of(world.supervisor).calendar().propose(draft(of)).wait().unwrap();
            assert_eq!(approve(&checker, &opened).unwrap().number, Some(number), "{engine:?}");
            assert!(!year(of).provisional, "{engine:?}");
        }
    }
}

fn draft(year: i32) -> Draft {
    let day = NoticeDay { date: format!("{year}-01-04").parse().unwrap(), arrangement: Arrangement::Off, name: "元旦".into() };
    calendar::draft(Change::WorkingDays { year, days: std::iter::once(day).chain(other_holidays(year)).collect() })
}
