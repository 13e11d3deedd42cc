//! Years of a province's data, made in minutes: rows that the core itself wrote for one conversation, copied as often as
//! wanted with ids, times and sealed texts of their own, straight into the file. Everything that a running host reads or
//! writes is consistent; only the hashes of the audit chain are not, and nobody verifies it.

use std::path::Path;

use rand_core::{Rng as _, SeedableRng as _};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zhengna_core::Timestamp;
use zhengna_core::crypto::{KeyRing, Place, Rng, SubjectKey};
use zhengna_core::id::{ConversationId, LineId, OfficerId, TaxpayerId, uuid_v7};
use zhengna_core::interaction::{Claim, Close, Outcome, SendMessage};

use crate::cycle::Hall;
use crate::installation::Installation;

/// Messages of each conversation.
pub const MESSAGES_EACH: usize = 20;
/// Officers.
const OFFICERS: usize = 64;
/// Numbers and phones that are different.
const PEOPLE: usize = 80_000;
/// Text of a taxpayer's message, and of an officer's.
const TEXTS: [&str; 2] = ["您好，请问子女教育专项附加扣除怎么填？", "您好，请在个人所得税客户端的专项附加扣除填报里选择子女教育。"];

/// How much there is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Size {
    /// Taxpayers.
    pub taxpayers: usize,
    /// Messages, in conversations of [`MESSAGES_EACH`].
    pub messages: usize,
    /// People who wait in the line.
    pub waiting: usize,
}

/// A province that was built.
#[derive(Serialize, Deserialize)]
pub struct Province {
    size: Size,
    schema: u64,
    officers: Vec<OfficerId>,
}

impl Province {
    /// Builds it in `dir`, unless it is there.
    pub fn at(dir: &Path, size: Size) -> Self {
        let note = dir.join("province.json");
        if let Some(made) = std::fs::read(&note)
            .ok()
            .and_then(|b| serde_json::from_slice::<Self>(&b).ok())
            .filter(|p| (p.size, p.schema) == (size, schema()))
        {
            return made;
        }
        eprintln!("building {size:?} in {}", dir.display());
        let _ = std::fs::remove_dir_all(dir); // half built, or of another size
        std::fs::create_dir_all(dir).expect("a directory");
        let made = build(dir, size);
        std::fs::write(note, serde_json::to_vec(&made).expect("plain data")).expect("a file");
        made
    }

    /// Its officers.
    pub fn officers(&self) -> &[OfficerId] {
        &self.officers
    }

    /// How many conversations are over.
    pub fn closed(&self) -> usize {
        conversations(self.size)
    }

    /// One of those that are over, and whose it was.
    pub fn closed_one(&self, n: usize) -> (ConversationId, TaxpayerId) {
        (ConversationId::from_uuid(conversation_id(n)), TaxpayerId::from_uuid(taxpayer_id(whose(self.size, n))))
    }

    /// Taxpayers who never asked anything: the last ones, of whom [`Size::waiting`] wait.
    pub fn free(&self, count: usize) -> Vec<TaxpayerId> {
        (0..count).map(|n| TaxpayerId::from_uuid(taxpayer_id(self.size.taxpayers - 1 - n))).collect()
    }
}

/// Tells one schema from another: what was built for another is built again.
fn schema() -> u64 {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    zhengna_core::store::tables()
        .iter()
        .for_each(|t| (t.name, t.columns.iter().map(|c| c.name).collect::<Vec<_>>(), t.indexes.len()).hash(&mut hasher));
    hasher.finish()
}

fn conversations(size: Size) -> usize {
    size.messages / MESSAGES_EACH
}

/// The first instant of the data: the end of it is before any bench.
fn at(hours: usize) -> i64 {
    Timestamp::parse("2026-10-01T08:00:00+08:00").expect("well formed").micros() + hours as i64 * 3_600_000_000
}

fn taxpayer_id(n: usize) -> Uuid {
    uuid_v7(Timestamp::from_micros(at(0) + n as i64 * 50), n as u16, mix(n as u64, 1))
}

fn conversation_at(n: usize) -> i64 {
    at(24) + n as i64 * 5_000_000
}

fn conversation_id(n: usize) -> Uuid {
    uuid_v7(Timestamp::from_micros(conversation_at(n)), 0, mix(n as u64, 2))
}

/// Whose conversation: spread over the taxpayers but the last ones.
fn whose(size: Size, n: usize) -> usize {
    n * (size.taxpayers * 9 / 10) / conversations(size)
}

/// Bits that look like chance, the same each time.
fn mix(n: u64, salt: u64) -> u64 {
    let mut z = n.wrapping_add(salt << 40).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A row that the core wrote, by column.
#[derive(Clone)]
struct Model {
    table: String,
    columns: Vec<String>,
    values: Vec<Value>,
}

impl Model {
    fn read(conn: &Connection, table: &str, condition: &str) -> Vec<Self> {
        let mut statement = conn.prepare(&format!("SELECT * FROM {table} WHERE {condition}")).expect("a table");
        let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let rows = statement.query_map([], |r| (0..columns.len()).map(|i| r.get(i)).collect::<rusqlite::Result<Vec<Value>>>());
        rows.expect("reads")
            .map(|values| Self { table: table.to_owned(), columns: columns.clone(), values: values.expect("a row") })
            .collect()
    }

    fn first(conn: &Connection, table: &str, condition: &str) -> Self {
        Self::read(conn, table, condition).into_iter().next().unwrap_or_else(|| panic!("no {table} where {condition}"))
    }

    /// Inserts `count` copies; `change` sets what differs in each.
    fn copy(&self, conn: &Connection, count: usize, mut change: impl FnMut(usize, &mut Copy<'_>)) {
        let marks = vec!["?"; self.columns.len()].join(", ");
        let mut insert = conn.prepare(&format!("INSERT INTO {} VALUES ({marks})", self.table)).expect("a table");
        let mut copy = Copy { columns: &self.columns, values: self.values.clone() };
        for n in 0..count {
            change(n, &mut copy);
            insert.execute(params_from_iter(&copy.values)).unwrap_or_else(|e| panic!("{} {n}: {e}", self.table));
        }
    }
}

struct Copy<'a> {
    columns: &'a [String],
    values: Vec<Value>,
}

impl Copy<'_> {
    fn set(&mut self, column: &str, value: impl Into<Value>) {
        let at = self.columns.iter().position(|c| c == column).unwrap_or_else(|| panic!("no column {column}"));
        self.values[at] = value.into();
    }
}

fn actor(kind: u8, id: Uuid) -> Vec<u8> {
    [&[kind], &id.as_bytes()[..]].concat()
}

/// The actor's first byte for a taxpayer and an officer.
const TAXPAYER: u8 = 1;
const OFFICER: u8 = 2;

fn build(dir: &Path, size: Size) -> Province {
    let installation = Installation::new(dir);
    let keys = zhengna_server::keyring::load(&dir.join("zhengna.key")).expect("just made");
    let (line, officers, model) = one_of_each(&installation);

    let mut conn = Connection::open(installation.database()).expect("opens");
    conn.execute_batch(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000; PRAGMA locking_mode = EXCLUSIVE",
    )
    .expect("settings");
    let indexes: Vec<(String, String)> = conn
        .prepare("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
        .and_then(|mut s| s.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect())
        .expect("reads");
    for (name, _) in &indexes {
        conn.execute_batch(&format!("DROP INDEX {name}")).expect("drops");
    }
    let tx = conn.transaction().expect("begins");
    copy_people(&tx, &keys, size);
    copy_conversations(&tx, &keys, size, &model, &officers);
    tx.commit().expect("commits");
    for (_, sql) in &indexes {
        conn.execute_batch(sql).expect("is made again");
    }
    conn.execute_batch("PRAGMA locking_mode = NORMAL; PRAGMA journal_mode = WAL").expect("settings");
    drop(conn);

    // The last ones enter through the door, and wait.
    let core = installation.core();
    let province = Province { size, schema: schema(), officers };
    Hall::new(core.clone(), line, &province.officers, province.free(size.waiting)).fill(size.waiting);
    while core.seal_audit().expect("seals").more {}
    province
}

/// One conversation, through the door: what the copies are made from.
fn one_of_each(installation: &Installation) -> (LineId, Vec<OfficerId>, ConversationId) {
    let world = installation.furnish(OFFICERS, 1);
    let id = world.entered(0).conversation;
    world.officer(0).interaction().claim(Claim { line: world.line }).wait().expect("claims");
    for (n, text) in TEXTS.iter().enumerate() {
        let session = if n == 0 { world.taxpayer(0) } else { world.officer(0) };
        let key = uuid_v7(Timestamp::from_micros(at(1)), 0, n as u64).to_string();
        let send = SendMessage::new(id, *text);
        session.with_key(&key).expect("a key").interaction().send(send).wait().expect("sends");
    }
    let close = Close { conversation: id, outcome: Outcome::Resolved, note: None };
    world.officer(0).interaction().close(close).wait().expect("closes");
    while world.core.seal_audit().expect("seals").more {}
    (world.line, world.officers.clone(), id)
}

fn copy_keys(conn: &Connection, keys: &KeyRing, count: usize, id: impl Fn(usize) -> Uuid, rng: &mut Rng) -> Vec<SubjectKey> {
    let model = Model::first(conn, "subject_key", "1");
    let mut made = Vec::with_capacity(count);
    model.copy(conn, count, |n, row| {
        let key = SubjectKey::generate(rng);
        row.set("subject", id(n).as_bytes().to_vec());
        row.set("wrapped", keys.wrap(rng, id(n).as_bytes(), &key).expect("keys of a file").bytes);
        made.push(key);
    });
    made
}

fn copy_scope(conn: &Connection, table: &str, model: &[u8], term: char, count: usize, change: impl Fn(usize) -> (Vec<u8>, i64, Uuid)) {
    let condition = format!("id = x'{}' AND substr(term, 1, 1) = x'{:02x}'", zhengna_core::crypto::hex(model), term as u32);
    let rows = Model::read(conn, table, &condition);
    assert!(!rows.is_empty(), "{table} has no {term}");
    for row in rows {
        row.copy(conn, count, |n, row| {
            let (payload, at, id) = change(n);
            if term != 's' {
                row.set("term", [&[term as u8], &payload[..]].concat());
            }
            row.set("at", at);
            row.set("id", id.as_bytes().to_vec());
        });
    }
}

fn copy_people(conn: &Connection, keys: &KeyRing, size: Size) {
    let mut rng = Rng::seed_from_u64(3);
    let made = copy_keys(conn, keys, size.taxpayers, taxpayer_id, &mut rng);
    let model = Model::first(conn, "taxpayer", "1");
    let Some(Value::Blob(id)) = model.values.first().cloned() else { panic!("a taxpayer begins with an id") };
    model.copy(conn, size.taxpayers, |n, row| {
        let id = taxpayer_id(n);
        // What an officer's card opens.
        let somebody = zhengna_tests::world::person(n % PEOPLE);
        let said = [("name", format!("测试{n}")), ("number", somebody.number), ("phone", somebody.phone.unwrap_or_default())];
        row.set("id", id.as_bytes().to_vec());
        for (column, text) in said {
            let place = Place { table: "taxpayer", column, row: id.as_bytes() };
            row.set(column, made[n].seal(keys.suite(), &mut rng, place, text.as_bytes()));
        }
        row.set("number_index", [mix(n as u64, 3).to_be_bytes(), mix(n as u64, 4).to_be_bytes()].concat());
        row.set("enrolled_at", at(0) + n as i64 * 50);
        row.set("ordinal", n as i64 + 1000);
    });
    let when = |n: usize| at(0) + n as i64 * 50;
    for term in ['s', 'p'] {
        copy_scope(conn, "taxpayer_scope", &id, term, size.taxpayers, |n| (taxpayer_id(n).as_bytes().to_vec(), when(n), taxpayer_id(n)));
    }
    conn.execute("UPDATE series SET next = ?1 WHERE name = 'person_no'", [size.taxpayers as i64 + 10_000]).expect("a series");
}

fn copy_conversations(conn: &Connection, keys: &KeyRing, size: Size, model: &ConversationId, officers: &[OfficerId]) {
    let mut rng = Rng::seed_from_u64(4);
    let count = conversations(size);
    let mut officers = officers.to_vec();
    officers.sort_unstable();
    let whom = |n: usize| officers[n % officers.len()];
    let id_of = |n: usize| conversation_id(n).as_bytes().to_vec();
    let taxpayer_of = |n: usize| taxpayer_id(whose(size, n));
    let made = copy_keys(conn, keys, count, conversation_id, &mut rng);
    let hex = zhengna_core::crypto::hex(model.as_bytes());
    Model::first(conn, "conversation", &format!("id = x'{hex}'")).copy(conn, count, |n, row| {
        let id = conversation_id(n);
        let place = Place { table: "conversation", column: "topic", row: id.as_bytes() };
        row.set("id", id.as_bytes().to_vec());
        row.set("taxpayer", taxpayer_of(n).as_bytes().to_vec());
        row.set("officer", whom(n).as_bytes().to_vec());
        row.set("topic", made[n].seal(keys.suite(), &mut rng, place, "专项附加扣除".as_bytes()));
        row.set("ticket", n as i64 + 100);
        row.set("entered_at", conversation_at(n));
        row.set("claimed_at", conversation_at(n) + 60_000_000);
        row.set("active_at", conversation_at(n) + 600_000_000);
        row.set("ended_at", conversation_at(n) + 600_000_000);
        row.set("last_number", MESSAGES_EACH as i64);
    });
    conn.execute("UPDATE line SET next_ticket = ?1", [count as i64 + 1000]).expect("a line");
    let scope = |term: char, payload: &dyn Fn(usize) -> Vec<u8>| {
        copy_scope(conn, "conversation_scope", model.as_bytes(), term, count, |n| (payload(n), conversation_at(n), conversation_id(n)));
    };
    scope('s', &|_| Vec::new());
    scope('p', &|n| taxpayer_of(n).as_bytes().to_vec());
    // In the order of the table: officer by officer.
    let by_officer: Vec<usize> = (0..officers.len()).flat_map(|o| (o..count).step_by(officers.len())).collect();
    copy_scope(conn, "conversation_scope", model.as_bytes(), 'a', count, |i| {
        let n = by_officer[i];
        (whom(n).as_bytes().to_vec(), conversation_at(n), conversation_id(n))
    });

    let (total, two) = (count * MESSAGES_EACH, MESSAGES_EACH);
    // Message i is the (i % 20 + 1)th of conversation i / 20; they take turns.
    let sent_at = |i: usize| conversation_at(i / two) + 61_000_000 + (i % two) as i64 * 20_000_000;
    let sender = |i: usize| {
        if i.is_multiple_of(2) { actor(TAXPAYER, taxpayer_of(i / two)) } else { actor(OFFICER, whom(i / two).uuid()) }
    };
    let key = |i: usize| uuid_v7(Timestamp::from_micros(sent_at(i)), 0, mix(i as u64, 5)).to_string();
    Model::first(conn, "message", "1").copy(conn, total, |i, row| {
        let (id, number) = (id_of(i / two), (i % two) as i64 + 1);
        let at = [&id[..], &number.to_be_bytes()].concat();
        let place = Place { table: "message", column: "body", row: &at };
        row.set("body", made[i / two].seal(keys.suite(), &mut rng, place, TEXTS[i % 2].as_bytes()));
        row.set("conversation", id);
        row.set("number", number);
        row.set("sender", sender(i));
        row.set("client_id", key(i));
        row.set("sent_at", sent_at(i));
    });
    let last = |table: &str, column: &str| -> i64 {
        conn.query_row(&format!("SELECT max({column}) FROM {table}"), [], |r| r.get(0)).expect("some rows")
    };
    let begin = last("journal", "seq");
    Model::first(conn, "journal", "kind = 'message.sent'").copy(conn, total, |i, row| {
        row.set("seq", begin + 1 + i as i64);
        row.set("at", sent_at(i));
        row.set("topic", [b"c", &id_of(i / two)[..]].concat());
        row.set("conversation", id_of(i / two));
        row.set("number", (i % two) as i64 + 1);
        row.set("actor", sender(i));
    });
    let (record, link) = (last("audit_record", "seq"), last("audit_link", "number"));
    let record_id = |i: usize| uuid_v7(Timestamp::from_micros(sent_at(i)), 1, mix(i as u64, 6)).as_bytes().to_vec();
    let digest = |i: usize, rng: &mut Rng| {
        let mut digest = vec![0; 32];
        rng.fill_bytes(&mut digest);
        digest[..8].copy_from_slice(&mix(i as u64, 7).to_be_bytes());
        digest
    };
    Model::first(conn, "audit_record", "operation = 'interaction.send'").copy(conn, total, |i, row| {
        row.set("seq", record + 1 + i as i64);
        row.set("id", record_id(i));
        row.set("at", sent_at(i));
        row.set("actor", sender(i));
        row.set("subject", format!("conversation/{}/message/{}", conversation_id(i / two), i % two + 1));
        row.set("digest", digest(i, &mut rng));
    });
    Model::first(conn, "audit_link", "1").copy(conn, total, |i, row| {
        row.set("number", link + 1 + i as i64);
        row.set("seq", record + 1 + i as i64);
        row.set("record", record_id(i));
        row.set("hash", digest(i, &mut rng));
    });
    // Kept in the order of the keys' time.
    let mut by_place: Vec<(i64, u64, usize)> = (0..total).map(|i| (sent_at(i), mix(i as u64, 8), i)).collect();
    by_place.sort_unstable();
    Model::first(conn, "idempotency", "1").copy(conn, total, |n, row| {
        let (at, scope, i) = by_place[n];
        row.set("at", at);
        row.set("scope", [scope.to_be_bytes(), mix(i as u64, 9).to_be_bytes()].concat());
        row.set("command", digest(i, &mut rng));
        let sent = Timestamp::from_micros(at).rfc3339();
        row.set("answer", format!(r#"{{"conversation":"{}","number":{},"sent_at":"{sent}"}}"#, conversation_id(i / two), i % two + 1));
    });
}
