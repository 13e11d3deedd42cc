//! The server, the two hosts, who calls them, and the comparison with what the rows say.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use postgres::error::SqlState;
use postgres::{Client, NoTls};
use zhengna_core::access::Actor;
use zhengna_core::core::PROJECTIONS;
use zhengna_core::interaction::{Enter, OpenLine};
use zhengna_core::store::Store;
use zhengna_core::store::postgres::PostgresStore;
use zhengna_core::{Core, limits};
use zhengna_tests::postgres::Cluster;
use zhengna_tests::world::{Keep, NANGUAN, World, code, core_over, settle, start};

use super::callers::Caller;
use super::ledger::{Ledger, Tally};
use super::proxy::Proxy;
use super::pulse::Pulse;
use super::reader::Reader;
use crate::plan::Plan;

/// Writers, half of them on each host.
const WRITERS: usize = 4;
/// Desks, on both hosts.
const DESKS: usize = 3;
/// Longest wait for what must come about.
const PATIENCE: Duration = Duration::from_secs(30);

/// Everything on stage. The fields' order is the order of their end: whoever uses the server before it.
pub(super) struct Stage {
    readers: [Reader; 2],
    pub(super) pulse: Pulse,
    pub(super) callers: Vec<Caller>,
    pub(super) hosts: [Core; 2],
    /// Keeps the database, and the officers' posts.
    _world: World,
    pub(super) proxies: [Proxy; 2],
    pub(super) ledger: Ledger,
    url: String,
    pub(super) cluster: Cluster,
}

impl Stage {
    /// Starts a server that loses nothing that it committed, and everybody around it.
    pub(super) fn set(plan: &Plan) -> Result<Self, String> {
        let cluster = Cluster::start(&["fsync=on", "synchronous_commit=on", "full_page_writes=on"])?;
        let socket = cluster.directory().ok_or("this proof stops its server: unset ZHENGNA_TEST_POSTGRES")?.join(".s.PGSQL.5432");
        cluster.template("core", |url| drop(PostgresStore::connect(url, start(), PROJECTIONS)));
        let database = cluster.clone_of("core");
        let url = database.url().to_owned();
        let name = query(&url, "SELECT CAST(current_database() AS TEXT)")?.first().map(|row| row.get::<_, String>(0)).unwrap_or_default();
        let before = || Proxy::before(socket.clone()).map_err(|e| format!("the proxy: {e}"));
        let proxies = [before()?, before()?];
        let open = |proxy: &Proxy| -> Result<Arc<dyn Store>, String> {
            let through = format!("host=127.0.0.1 port={} user=t dbname={name}", proxy.port());
            Ok(PostgresStore::connect(&through, start(), PROJECTIONS).map_err(|e| format!("connecting: {e}"))?)
        };
        let (core, clock) = core_over(open(&proxies[0])?, plan.seed);
        let second = core_over(open(&proxies[1])?, plan.seed + 1).0;
        let keep = Keep::Database(database);
        let world = World::furnish(core.clone(), clock, keep, DESKS, WRITERS + DESKS).map_err(|e| format!("furnishing: {e}"))?;
        let mut callers = Vec::new();
        for n in 0..WRITERS {
            let enter = Enter::new(world.line, "问");
            let entered = world.taxpayer(n).interaction().enter(enter).wait().map_err(|e| format!("entering: {e}"))?;
            let conversation = Arc::new(Mutex::new(entered.conversation));
            callers.push(Caller::Writer { host: n % 2, line: world.line, taxpayer: world.taxpayers[n], conversation });
        }
        for n in 0..DESKS {
            let open = OpenLine::new(format!("窗口{n}"), code(NANGUAN));
            let line = core.as_system().interaction().open_line(open).wait().map_err(|e| format!("opening: {e}"))?.line;
            let officer: Actor = world.officer(n).actor().clone();
            callers.push(Caller::Desk { line, taxpayer: world.taxpayers[WRITERS + n], officer });
        }
        let hosts = [core, second];
        let readers = [Reader::on(hosts[0].clone()), Reader::on(hosts[1].clone())];
        // What earlier proofs left to be written would be measured as a stall of ours.
        std::process::Command::new("sync").status().map_err(|e| format!("sync: {e}"))?;
        let pulse = Pulse::of(&format!("host={} user=t dbname=postgres", socket.parent().unwrap_or(&socket).display()));
        Ok(Self { readers, pulse, callers, hosts, _world: world, proxies, ledger: Ledger::default(), url, cluster })
    }

    /// Waits until each host has done `more`.
    pub(super) fn progress(&self, more: u64) -> Result<(), String> {
        let before = self.ledger.done();
        (0..2).try_for_each(|host| self.ledger.progress(host, before[host], more))
    }

    /// Waits until one host has done `more`.
    pub(super) fn progress_on(&self, host: usize, more: u64) -> Result<(), String> {
        self.ledger.progress(host, self.ledger.done()[host], more)
    }

    /// Waits until something is so, looking at it after each commit.
    pub(super) fn until(&self, what: &str, is_so: impl Fn() -> bool) -> Result<(), String> {
        let (begun, signals) = (Instant::now(), self.hosts[0].store().signal());
        while !is_so() {
            signals.wait_past(signals.count(), Duration::from_millis(2));
            if begun.elapsed() > PATIENCE || self.ledger.is_over() {
                return Err(format!("waited in vain until {what}"));
            }
        }
        Ok(())
    }

    /// One number from the server, past the proxies.
    pub(super) fn number(&self, sql: &str) -> Result<i64, String> {
        Ok(query(&self.url, sql)?.first().map(|row| row.get(0)).unwrap_or_default())
    }

    /// Holds the rows of all lines again and again: whoever claims has locked the officer by then, so that their
    /// transaction is older than those that commit meanwhile. Whoever holds them waits no longer for one than a host may: else the
    /// reader would stall for a transaction that keeps no limit of ours.
    pub(super) fn hold_lines(&self, times: u32, time: Duration) -> Result<(), String> {
        let hold = || -> Result<(), postgres::Error> {
            let mut outside = Client::connect(&self.url, NoTls)?;
            let mut held = 0;
            while held < times {
                let asked =
                    format!("BEGIN; SET LOCAL statement_timeout = {}; SELECT FROM line FOR UPDATE", limits::TX_TIME_MAX.as_millis());
                let sleep = format!("SELECT pg_sleep({}); ROLLBACK", time.as_secs_f64());
                match outside.batch_execute(&asked).and_then(|()| outside.batch_execute(&sleep)) {
                    Ok(()) => held += 1,
                    Err(e) if e.code() == Some(&SqlState::QUERY_CANCELED) => outside.batch_execute("ROLLBACK")?,
                    Err(e) => return Err(e),
                }
            }
            Ok(())
        };
        hold().map_err(|e| format!("holding lines: {e}"))?;
        self.progress(10)
    }

    /// Healed and quiet: both hosts know what the rows say, and every event has been read once, in order.
    pub(super) fn settle(&self) -> Result<(), String> {
        let places = |row: &postgres::Row| format!("{}.{}", row.get::<_, i64>(0), row.get::<_, i64>(1));
        let all: Vec<String> = query(&self.url, "SELECT xid, seq FROM journal ORDER BY xid, seq")?.iter().map(places).collect();
        for (n, reader) in self.readers.iter().enumerate() {
            let end = all.last().cloned().unwrap_or_default();
            self.until("a reader has read everything", || reader.see(|r| r.places.last() == Some(&end)))
                .map_err(|e| format!("host {n}: {e}"))?;
            let wrong = reader.see(|r| r.places.iter().zip(&all).find(|(a, b)| a != b).map(|(a, b)| format!("{a} where {b} stands")));
            let read = reader.see(|r| r.places.len());
            if wrong.is_some() || read != all.len() {
                return Err(format!("the reader of host {n} was given {read} events of {}: {}", all.len(), wrong.unwrap_or_default()));
            }
        }
        for (n, host) in self.hosts.iter().enumerate() {
            let differences = settle(host, |core| core.recount().unwrap_or_else(|e| vec![e.to_string()]), Vec::is_empty);
            if !differences.is_empty() {
                let some = &differences[..differences.len().min(3)];
                return Err(format!("host {n} knows {} things otherwise than the rows: {some:?}", differences.len()));
            }
        }
        Ok(())
    }

    /// Compares what callers were told with the rows, and the rows with each other.
    pub(super) fn compare(&self) -> Result<Tally, String> {
        let by_request = "SELECT request, count(*) FROM audit_record WHERE request LIKE 'deed %' GROUP BY request";
        let records: HashMap<String, i64> = query(&self.url, by_request)?.iter().map(|row| (row.get(0), row.get(1))).collect();
        let tally = self.ledger.compare(&records)?;
        let there: HashMap<(Vec<u8>, i64), Option<String>> = query(&self.url, "SELECT conversation, number, client_id FROM message")?
            .iter()
            .map(|row| ((row.get(0), row.get(1)), row.get(2)))
            .collect();
        let mut told = HashMap::new();
        for written in self.ledger.written(0) {
            let place = (written.conversation, written.number);
            match there.get(&place) {
                Some(key) if *key == written.key => {}
                other => return Err(format!("message {} was told with key {:?}, there is {other:?}", place.1, written.key)),
            }
            if told.insert(place, ()).is_some() {
                return Err(format!("message {} was told to two", written.number));
            }
        }
        for (what, sql) in [
            (
                "messages without a record",
                "SELECT (SELECT count(*) FROM message) - (SELECT count(*) FROM audit_record WHERE operation = 'interaction.send')",
            ),
            (
                "messages without an event",
                "SELECT (SELECT count(*) FROM message) - (SELECT count(*) FROM journal WHERE kind = 'message.sent')",
            ),
            (
                "gaps in the numbers of messages",
                "SELECT CAST(coalesce(sum(gap), 0) AS BIGINT) FROM (SELECT max(number) - count(*) AS gap FROM message GROUP BY conversation) AS gaps",
            ),
        ] {
            let difference = self.number(sql)?;
            if difference != 0 {
                return Err(format!("{what}: {difference}"));
            }
        }
        let seal = |core: &Core| {
            while core.seal_audit()?.more {}
            core.verify_audit(core.checkpoints_after(0)?, |_, _| ())
        };
        let verdict = settle(&self.hosts[0], seal, |v| v.as_ref().is_ok_and(|v| v.unsealed == 0)).map_err(|e| format!("sealing: {e}"))?;
        if let Some(finding) = verdict.finding {
            return Err(format!("the audit chain: {finding:?}"));
        }
        let unlinked = self.number("SELECT (SELECT count(*) FROM audit_record) - (SELECT max(number) FROM audit_link)")?;
        if unlinked != 0 {
            return Err(format!("{unlinked} records are not in the chain"));
        }
        Ok(tally)
    }

    /// The longest time between the answer to a message and its arrival at the readers, from the `from`-th message.
    /// A reader on a host that is cut off has nothing to read: of two readers the quicker one counts.
    pub(super) fn stall(&self, from: usize) -> Result<Duration, String> {
        let mut longest = Duration::ZERO;
        for written in self.ledger.written(from) {
            let place = (written.conversation, written.number);
            let seen = self.readers.iter().filter_map(|r| r.see(|r| r.messages.get(&place).copied())).min();
            let seen = seen.ok_or("a message was told and never read")?;
            longest = longest.max(seen.saturating_duration_since(written.at));
        }
        Ok(longest)
    }

    /// How often COMMITs were cut, by place.
    pub(super) fn sprung(&self) -> String {
        let sum = |count: fn(&super::proxy::Sprung) -> &std::sync::atomic::AtomicU64| {
            self.proxies.iter().map(|p| count(p.sprung()).load(Ordering::SeqCst)).sum::<u64>()
        };
        format!("{}, {}, {}, {}, {}", sum(|s| &s.never), sum(|s| &s.torn), sum(|s| &s.lost), sum(|s| &s.fatal), sum(|s| &s.bytes))
    }

    /// Events read on one host.
    pub(super) fn events(&self) -> usize {
        self.readers[0].see(|r| r.places.len())
    }
}

/// Past the proxies; the server may still be getting up after a crash.
fn query(url: &str, sql: &str) -> Result<Vec<postgres::Row>, String> {
    let begun = Instant::now();
    loop {
        match Client::connect(url, NoTls).and_then(|mut client| client.query(sql, &[])) {
            Err(e) if e.as_db_error().is_none_or(|e| e.severity() != "ERROR") && begun.elapsed() < PATIENCE => std::thread::yield_now(),
            answer => return answer.map_err(|e| format!("{sql}: {e}")),
        }
    }
}
