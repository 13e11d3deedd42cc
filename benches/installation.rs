//! Our own host as it is shipped: a database with a small world in it, sessions for everybody, `zhengna serve`.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rand_core::SeedableRng as _;
use zhengna_core::access::{ActorKind, ActorRef};
use zhengna_core::crypto::{Rng, Token};
use zhengna_core::id::{OfficerId, TaxpayerId};
use zhengna_core::{Core, ManualClock};
use zhengna_server::config::{Config, Effective, Flags};
use zhengna_server::keyring;
use zhengna_server::open::{self, Mode};
use zhengna_tests::world::{Keep, World, start};

use crate::server::{Server, on_core, tied};

/// A database, its keys, its configuration.
pub struct Installation {
    dir: PathBuf,
}

impl Installation {
    /// One that may be there already.
    pub fn at(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// An empty one with new keys.
    pub fn new(dir: &Path) -> Self {
        let made = Self::at(dir);
        keyring::create(&made.key_file()).expect("new keys");
        made
    }

    /// The database's file.
    pub fn database(&self) -> PathBuf {
        self.dir.join("zhengna.db")
    }

    fn key_file(&self) -> PathBuf {
        self.dir.join("zhengna.key")
    }

    /// What differs from the defaults: where things lie, and limits that are there to stop one person, not ten
    /// thousand at one address. The rates of each operation (120 messages a minute, 240 reads) are not configurable
    /// and hold: the benches have callers enough to stay below them.
    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("DATABASE", format!("sqlite:{}", self.database().display())),
            ("KEY_FILE", self.key_file().display().to_string()),
            ("CHECKPOINT_FILE", self.dir.join("zhengna.checkpoint").display().to_string()),
            ("LISTEN", "127.0.0.1:0".into()),
            ("LIMITS_CONNECTIONS", "50000".into()),
            ("LIMITS_RATE_KEYS", "1000000".into()),
            ("LIMITS_REQUESTS_PER_SECOND_PER_PERSON", "1000".into()),
            ("LIMITS_REQUEST_BURST_PER_PERSON", "1000".into()),
            ("DRAIN_SECONDS", "2".into()),
        ]
    }

    fn config(&self) -> Config {
        let variables = self.settings().into_iter().map(|(key, value)| (format!("ZHENGNA_{key}"), value));
        Effective::from_parts(&Flags::default(), variables).expect("a valid configuration").config
    }

    /// The core over it, in this process.
    pub fn core(&self) -> Core {
        open::open(&self.config(), Mode::Create).expect("opens").core
    }

    /// Puts a small world into the empty database.
    pub fn furnish(&self, officers: usize, taxpayers: usize) -> World {
        World::furnish(self.core(), Arc::new(ManualClock::at(start())), Keep::Nothing, officers, taxpayers).expect("furnished")
    }

    /// A session for each of these people, written straight into the database: signing ten thousand people in would
    /// take the password hash ten thousand times. Nobody may have it open.
    pub fn sessions(&self, people: &[ActorRef]) -> Vec<String> {
        let mut rng = Rng::seed_from_u64(11);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_micros() as i64;
        let mut conn = rusqlite::Connection::open(self.database()).expect("opens");
        let tx = conn.transaction().expect("begins");
        let tokens = people
            .iter()
            .map(|who| {
                let token = Token::generate(&mut rng);
                let tag = ActorKind::ALL.iter().position(|k| *k == who.kind).expect("a kind") as u8;
                let actor = [&[tag], &who.id.as_bytes()[..]].concat();
                tx.prepare_cached("INSERT INTO session VALUES (?1, ?2, ?3, ?3, NULL, 0)")
                    .and_then(|mut s| s.execute((token.digest(), actor, now)))
                    .expect("inserts");
                token.text().to_string()
            })
            .collect();
        tx.commit().expect("commits");
        tokens
    }

    /// Starts the host on one core, or on all.
    pub fn serve(&self, zhengna: &Path, core: Option<usize>) -> Server {
        let mut command = core.map_or_else(|| tied(zhengna), |core| on_core(core, zhengna));
        command.arg("serve").envs(self.settings().into_iter().map(|(key, value)| (format!("ZHENGNA_{key}"), value)));
        // As in production: one line per request, to a file.
        let log = std::fs::File::create(self.dir.join("log")).expect("a file");
        command.stderr(Stdio::from(log));
        Server::start(command)
    }
}

/// A taxpayer as sessions name them.
pub fn taxpayer(id: TaxpayerId) -> ActorRef {
    ActorRef { kind: ActorKind::Taxpayer, id: id.uuid() }
}

/// An officer as sessions name them.
pub fn officer(id: OfficerId) -> ActorRef {
    ActorRef { kind: ActorKind::Officer, id: id.uuid() }
}
