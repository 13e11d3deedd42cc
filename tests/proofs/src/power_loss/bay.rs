//! A place where one disk after another is mounted: one per thread.

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::{Connection, OpenFlags, config::DbConfig};
use tempfile::TempDir;

use super::disk::{Disk, Image};
use super::vfs;

/// See the [module](self). The directory is a real one: the store's lock file lies in it.
pub(super) struct Bay(TempDir);

impl Bay {
    pub(super) fn new() -> Self {
        Self(zhengna_tests::world::directory())
    }

    pub(super) fn database(&self) -> PathBuf {
        self.0.path().join("zhengna.db")
    }

    pub(super) fn mount(&self, disk: &Arc<Disk>) {
        vfs::mount(self.0.path(), disk);
    }

    /// Lets SQLite recover what is on the disk, and no more than that.
    pub(super) fn recover(&self, image: &Image) -> rusqlite::Result<Connection> {
        self.mount(&Disk::with(image));
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(self.database(), flags)?;
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        Ok(conn)
    }
}
