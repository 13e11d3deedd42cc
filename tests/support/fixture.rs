//! Fresh stores with the tables of the conformance suite, in milliseconds: SQLite from a file and PostgreSQL from
//! a database that are prepared once per process.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use zhengna_core::core::PROJECTIONS;
use zhengna_core::store::conformance::fixture;
use zhengna_core::store::memory::MemoryStore;
use zhengna_core::store::postgres::PostgresStore;
use zhengna_core::store::sql::Dialect;
use zhengna_core::store::sqlite::SqliteStore;
use zhengna_core::store::{MakeProjections, Store};

use crate::postgres::cluster;
use crate::world::{Engine, Keep, directory, start};

/// The file name of a SQLite database inside its directory.
pub const FILE: &str = "zhengna.db";

/// The bytes of a migrated SQLite database with the tables of the suite.
fn prepared_file() -> &'static [u8] {
    static PREPARED: OnceLock<Vec<u8>> = OnceLock::new();
    PREPARED.get_or_init(|| {
        let dir = directory();
        let path = dir.path().join(FILE);
        drop(SqliteStore::open(&path, start(), PROJECTIONS).expect("migrates"));
        let conn = rusqlite::Connection::open(&path).expect("opens");
        conn.execute_batch(&fixture::ddl(Dialect::Sqlite)).expect("takes the suite's tables");
        drop(conn); // the last one to close moves the WAL into the file
        std::fs::read(&path).expect("a file")
    })
}

fn prepare_database(url: &str) {
    drop(PostgresStore::connect(url, start(), PROJECTIONS).expect("migrates"));
    let mut client = postgres::Client::connect(url, postgres::NoTls).expect("connects");
    client.batch_execute(&fixture::ddl(Dialect::Postgres)).expect("takes the suite's tables");
}

/// A place for a fresh database of `engine` with the suite's tables.
pub fn fresh(engine: Engine) -> Keep {
    match engine {
        Engine::Memory => Keep::Nothing,
        Engine::Sqlite => {
            let dir = directory();
            std::fs::write(dir.path().join(FILE), prepared_file()).expect("room for a small file");
            Keep::Directory(dir)
        }
        Engine::Postgres => {
            cluster().template("fixture", prepare_database);
            Keep::Database(cluster().clone_of("fixture"))
        }
    }
}

/// Opens it with the suite's projection.
pub fn open(keep: &Keep) -> Arc<dyn Store> {
    open_with(keep, fixture::PROJECTIONS)
}

/// Opens it.
pub fn open_with(keep: &Keep, projections: MakeProjections) -> Arc<dyn Store> {
    match keep {
        Keep::Nothing => MemoryStore::new(projections),
        Keep::Directory(dir) => open_sqlite(&dir.path().join(FILE), projections),
        Keep::Database(database) => PostgresStore::connect(database.url(), start(), projections).expect("connects"),
    }
}

fn open_sqlite(path: &Path, projections: MakeProjections) -> Arc<dyn Store> {
    SqliteStore::open(path, start(), projections).expect("opens")
}
