//! Migrations: add-only, one list, checksummed; a newer or an altered schema is refused, never mended by guessing.

#[cfg(any(feature = "sqlite", feature = "postgres"))]
use super::sql::{Dialect, SqlConn};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
use super::{Column, Kind, Row, StoreError, StoreResult, Value};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
use crate::clock::Timestamp;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
use crate::crypto::hash;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
use crate::planted::{Bug, planted};

/// One step of the schema's history. Once released it is never edited: the next change is the next number.
#[derive(Debug)]
pub struct Migration {
    /// Its number, from 1 without gaps.
    pub version: i64,
    /// Its file's name without number and ending.
    pub name: &'static str,
    /// SQL for SQLite.
    pub sqlite: &'static str,
    /// SQL for PostgreSQL.
    pub postgres: &'static str,
}

/// A migration that both engines run alike.
macro_rules! shared {
    ($version:literal, $name:literal, $file:literal) => {
        Migration {
            version: $version,
            name: $name,
            sqlite: include_str!(concat!("../../../migrations/", $file)),
            postgres: include_str!(concat!("../../../migrations/", $file)),
        }
    };
}

/// Every migration, oldest first. The files are in `migrations/` at the top of the repository.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "foundation",
        sqlite: include_str!("../../../migrations/0001_foundation.sql"),
        postgres: concat!(
            include_str!("../../../migrations/0001_foundation.sql"),
            include_str!("../../../migrations/0001_foundation.postgres.sql")
        ),
    },
    shared!(2, "calendar", "0002_calendar.sql"),
    shared!(3, "staff_sign_in", "0003_staff_sign_in.sql"),
    shared!(4, "people", "0004_people.sql"),
    shared!(5, "identity_providers", "0005_identity_providers.sql"),
    shared!(6, "approval", "0006_approval.sql"),
    shared!(7, "sealed_life", "0007_sealed_life.sql"),
    shared!(8, "control", "0008_control.sql"),
    shared!(9, "authority", "0009_authority.sql"),
    shared!(10, "enrolled_channel", "0010_enrolled_channel.sql"),
    Migration {
        version: 11,
        name: "lines",
        sqlite: include_str!("../../../migrations/0011_lines.sql"),
        postgres: concat!(include_str!("../../../migrations/0011_lines.sql"), include_str!("../../../migrations/0011_lines.postgres.sql")),
    },
    shared!(12, "appeal", "0012_appeal.sql"),
    shared!(13, "message_comfort", "0013_message_comfort.sql"),
    shared!(14, "canned_reply", "0014_canned_reply.sql"),
    shared!(15, "rating", "0015_rating.sql"),
    shared!(16, "served_by", "0016_served_by.sql"),
    shared!(17, "strange_login", "0017_strange_login.sql"),
    shared!(18, "reply_promise", "0018_reply_promise.sql"),
    shared!(19, "assignment", "0019_assignment.sql"),
    shared!(20, "hold", "0020_hold.sql"),
    shared!(21, "offer", "0021_offer.sql"),
    shared!(22, "grid_officer", "0022_grid_officer.sql"),
    shared!(23, "first_answer", "0023_first_answer.sql"),
    shared!(24, "stint", "0024_stint.sql"),
    shared!(25, "entered", "0025_entered.sql"),
    Migration {
        version: 26,
        name: "lines_near",
        sqlite: include_str!("../../../migrations/0026_lines_near.sqlite.sql"),
        postgres: include_str!("../../../migrations/0026_lines_near.postgres.sql"),
    },
    Migration {
        version: 27,
        name: "arrivals",
        sqlite: concat!(
            include_str!("../../../migrations/0027_arrivals.sqlite.sql"),
            include_str!("../../../migrations/0027_arrivals.sql")
        ),
        postgres: concat!(
            include_str!("../../../migrations/0027_arrivals.postgres.sql"),
            include_str!("../../../migrations/0027_arrivals.sql")
        ),
    },
];

/// The newest schema version this program knows.
pub fn newest() -> i64 {
    MIGRATIONS.last().map_or(0, |m| m.version)
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
const APPLIED: [Column; 2] =
    [Column { name: "version", kind: Kind::Int, nullable: false }, Column { name: "checksum", kind: Kind::Bytes, nullable: false }];

#[cfg(any(feature = "sqlite", feature = "postgres"))]
fn sql_of(migration: &Migration, dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => migration.sqlite,
        Dialect::Postgres => migration.postgres,
    }
}

/// Brings the schema up to [`newest`]; returns the versions applied now. The caller holds the engine's lock
/// against other migrators and gives each migration its transaction through `run`.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) fn migrate<C: SqlConn>(
    conn: &mut C,
    now: Timestamp,
    mut run: impl FnMut(&mut C, &str) -> StoreResult<()>,
) -> StoreResult<Vec<i64>> {
    const TABLE: &str = "schema_migration";
    let dialect = conn.dialect();
    run(
        conn,
        "CREATE TABLE IF NOT EXISTS schema_migration (version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, checksum BYTEA NOT NULL, applied_at BIGINT NOT NULL)",
    )?;
    let applied = conn.query("SELECT version, checksum FROM schema_migration ORDER BY version", &[], &APPLIED)?;
    refuse_strangers(&applied, dialect)?;
    let mut done = Vec::new();
    let (begin, commit) = if planted(Bug::MigrationInPieces) { ("", "") } else { ("BEGIN", "COMMIT") };
    for migration in MIGRATIONS.iter().skip(applied.len()) {
        let sql = sql_of(migration, dialect);
        run(conn, begin)?;
        let steps = run(conn, &dialect.ddl(sql)).and_then(|()| {
            let row = [
                Value::Int(migration.version),
                Value::Text(migration.name.into()),
                Value::Bytes(hash::sm3(&[sql.as_bytes()]).as_slice().into()),
                Value::Int(now.micros()),
            ];
            let insert =
                dialect.placeholders("INSERT INTO schema_migration (version, name, checksum, applied_at) VALUES (?1, ?2, ?3, ?4)".into());
            conn.execute(&insert, &row.each_ref(), TABLE)
        });
        if let Err(e) = steps {
            let _ = run(conn, "ROLLBACK"); // the first error is the one to tell
            return Err(e);
        }
        run(conn, commit)?;
        done.push(migration.version);
    }
    Ok(done)
}

/// Checks, without writing, that the schema is this program's.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) fn require_current<C: SqlConn>(conn: &mut C) -> StoreResult<()> {
    let dialect = conn.dialect();
    let applied = conn.query("SELECT version, checksum FROM schema_migration ORDER BY version", &[], &APPLIED)?;
    refuse_strangers(&applied, dialect)?;
    if applied.len() < MIGRATIONS.len() {
        return Err(StoreError::Backend(format!(
            "the database has schema version {}, this program needs {}: migrate it first",
            applied.len(),
            newest()
        )));
    }
    Ok(())
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
fn refuse_strangers(applied: &[Row], dialect: Dialect) -> StoreResult<()> {
    for (i, row) in applied.iter().enumerate() {
        let (Value::Int(version), Value::Bytes(checksum)) = (&row[0], &row[1]) else {
            return Err(StoreError::Corrupt("schema_migration holds values of the wrong kind".into()));
        };
        match MIGRATIONS.get(i) {
            None => return Err(StoreError::Newer { found: *version, known: newest() }),
            Some(known) if known.version != *version || hash::sm3(&[sql_of(known, dialect).as_bytes()])[..] != checksum[..] => {
                return Err(StoreError::Altered { version: *version });
            }
            Some(_) => {}
        }
    }
    Ok(())
}
