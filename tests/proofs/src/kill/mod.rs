//! kill -9: the real host under load over HTTP, killed at any moment, started again, and asked what it remembers.
//!
//! Clients remember in this process, which survives, what they sent and what was acknowledged. After each restart every
//! client compares that with what the API shows, sends its last acknowledged write again (it must be answered as
//! before), and sends what was not answered again with its key (it must be there once then). At the end everything is
//! compared, and the audit trail has one record for each write.

mod client;
mod setting;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::Thread;
use std::time::{Duration, Instant};

use rand_core::{Rng as _, SeedableRng as _};
use zhengna_core::crypto::Rng;

use crate::host::http::Http;
use crate::host::{Files, Host};
use crate::plan::{self, Figures, Outcome, Plan};
use client::{Attempt, Client, Tally};

/// Of so many lives, one begins with a second without load: the keeper's first round, which seals what the lives
/// before left, runs into the load and the kill.
const KEEPER_EVERY: u64 = 12;
/// One of so many is stopped for a while first.
const PAUSE_EVERY: u64 = 10;
/// Before one of so many, a start is killed before it serves.
const STILL_BIRTH_EVERY: u64 = 8;
/// The trail is verified beside the host once in so many kills.
const VERIFY_EVERY: u64 = 60;

/// How much.
struct Amounts {
    clients: usize,
    /// Clients with an officer.
    served: usize,
    kills: u64,
    acknowledged: u64,
    /// A life under load ends at the latest after this.
    life: Duration,
    /// Acknowledgements after which a life may end.
    life_acknowledged: u64,
}

/// When a life ends: after a time, or at an acknowledgement, the moment at which a host that answers too early is
/// caught.
struct End {
    after: Duration,
    at: u64,
    /// Stopped for this long, and whether it goes on after that.
    paused: Option<(Duration, bool)>,
}

impl End {
    fn drawn(rng: &mut Rng, kills: u64, amounts: &Amounts) -> Self {
        let mut below = |n: u64| rng.next_u64() % n;
        let after = Duration::from_micros(5_000 + below(amounts.life.as_micros() as u64 - 5_000));
        let at = if below(2) == 0 { 1 + below(amounts.life_acknowledged) } else { u64::MAX };
        let paused = (kills % PAUSE_EVERY == 5).then(|| (Duration::from_millis(10 + below(60)), below(2) == 0));
        Self { after, at, paused }
    }
}

/// One life under load.
struct Life<'a> {
    host: &'a Host,
    acknowledged: AtomicU64,
    end: &'a End,
    supervisor: Thread,
}

impl Life<'_> {
    fn work(&self, client: &mut Client) -> Result<(), String> {
        let http = Http::new(&self.host.base);
        while !self.host.is_killed() {
            match client.write(&http)? {
                Attempt::Acknowledged => {
                    if self.acknowledged.fetch_add(1, Ordering::SeqCst) + 1 == self.end.at {
                        self.host.kill();
                        self.supervisor.unpark();
                    }
                }
                Attempt::Refused => return Ok(()),
                Attempt::Unanswered if self.host.is_killed() => return Ok(()),
                Attempt::Unanswered => return Err("an answer was lost though the host was not killed".into()),
            }
        }
        Ok(())
    }

    fn supervise(&self) -> Result<(), String> {
        self.rest(self.end.after);
        if let Some((pause, goes_on)) = self.end.paused
            && !self.host.is_killed()
        {
            self.host.signal("STOP")?;
            std::thread::sleep(pause);
            if goes_on {
                self.host.signal("CONT")?;
                self.rest(pause);
            }
        }
        self.host.kill();
        self.host.wait().map(drop)
    }

    /// Waits so long, or until the host is killed.
    fn rest(&self, time: Duration) {
        let until = Instant::now() + time;
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            if self.host.is_killed() {
                return;
            }
            std::thread::park_timeout(left);
        }
    }
}

/// Something for every client at once, each on a thread of its own.
fn everybody<R: Send>(clients: &mut [Client], run: impl Fn(&mut Client) -> Result<R, String> + Sync) -> Result<Vec<R>, String> {
    let run = &run;
    std::thread::scope(|scope| {
        let threads: Vec<_> = clients.iter_mut().map(|client| scope.spawn(move || run(client))).collect();
        threads.into_iter().map(|t| t.join().unwrap_or_else(|_| Err("a client panicked".into()))).collect()
    })
}

#[derive(Default)]
struct Counted {
    kills: u64,
    on_the_wire: u64,
    commits_in_flight: u64,
    at_an_acknowledgement: u64,
    paused: u64,
    still_births: u64,
    verifications: u64,
    under_load: Duration,
    acknowledged_under_load: u64,
    to_serving: Vec<Duration>,
}

/// Kills the real host, again and again.
pub(crate) fn run(plan: &Plan) -> Outcome {
    let amounts = plan.choose(
        Amounts { clients: 12, served: 4, kills: 24, acknowledged: 0, life: Duration::from_millis(120), life_acknowledged: 60 },
        Amounts { clients: 28, served: 8, kills: 300, acknowledged: 50_000, life: Duration::from_millis(300), life_acknowledged: 500 },
    );
    let mut rng = Rng::seed_from_u64(plan.seed);
    let mut counted = Counted::default();
    let mut files = Files::new("kill", plan::planted_elsewhere())?;
    // A client here is as fast as the host lets it. The rates of single operations stay: hence many people.
    for rate in ["LIMITS_REQUESTS_PER_SECOND_PER_PERSON", "LIMITS_REQUEST_BURST_PER_PERSON"] {
        files = files.with(rate, "1000000");
    }
    let places = setting::furnish(&files, amounts.clients, amounts.served)?;
    let mut host = Host::start(&files)?;
    files.demand_bug();
    let mut clients = setting::sign_in(&host, places)?;
    let records_before = files.verify(false)?;

    while counted.kills < amounts.kills || acknowledged(&clients) < amounts.acknowledged {
        if counted.kills % KEEPER_EVERY == KEEPER_EVERY - 1 {
            std::thread::sleep(Duration::from_millis(900));
        }
        let end = End::drawn(&mut rng, counted.kills, &amounts);
        live(&host, &mut clients, &end, &mut counted)?;
        drop(host);
        if counted.kills % STILL_BIRTH_EVERY == 0 {
            files.still_birth(Duration::from_micros(rng.next_u64() % 30_000))?;
            counted.still_births += 1;
        }
        host = Host::start(&files)?;
        counted.to_serving.push(host.to_serving);
        let found = everybody(&mut clients, |client| client.compare(&Http::new(&host.base)))?;
        counted.commits_in_flight += u64::from(found.contains(&true));
        if counted.kills % VERIFY_EVERY == 0 {
            files.verify(false)?;
            counted.verifications += 1;
        }
    }
    everybody(&mut clients, |client| client.compare_everything(&Http::new(&host.base)))?;
    host.signal("TERM")?;
    if !host.wait()? {
        return Err(format!("the host did not stop well: {}", files.log()));
    }
    let records = files.verify(true)? - records_before;
    counted.verifications += 1;
    if records != acknowledged(&clients) {
        return Err(format!("{} writes have {records} audit records", acknowledged(&clients)));
    }
    files.recount()?;
    let in_flight = counted.commits_in_flight * 100 / counted.kills;
    if plan.choose(false, in_flight < 30) {
        return Err(format!("only {in_flight} % of the kills had commits in flight: the attack is too weak to prove much"));
    }
    Ok(figures(&clients, &counted, records))
}

fn live(host: &Host, clients: &mut [Client], end: &End, counted: &mut Counted) -> Result<(), String> {
    let begun = Instant::now();
    let life = Life { host, acknowledged: AtomicU64::new(0), end, supervisor: std::thread::current() };
    std::thread::scope(|scope| {
        let work = scope.spawn(|| everybody(clients, |client| life.work(client)));
        let supervised = life.supervise();
        work.join().unwrap_or_else(|_| Err("the load panicked".into()))?;
        supervised
    })?;
    let acknowledged = life.acknowledged.into_inner();
    counted.kills += 1;
    counted.under_load += begun.elapsed();
    counted.acknowledged_under_load += acknowledged;
    counted.at_an_acknowledgement += u64::from(acknowledged >= end.at);
    counted.paused += u64::from(end.paused.is_some());
    counted.on_the_wire += u64::from(clients.iter().any(Client::is_unanswered));
    Ok(())
}

fn acknowledged(clients: &[Client]) -> u64 {
    clients.iter().map(|c| c.tally.acknowledged).sum()
}

fn figures(clients: &[Client], counted: &Counted, records: u64) -> Figures {
    let sum = |of: fn(&Tally) -> u64| clients.iter().map(|c| of(&c.tally)).sum::<u64>();
    let percent = |part: u64| format!("{part} ({} %)", part * 100 / counted.kills);
    let mut sorted = counted.to_serving.clone();
    sorted.sort_unstable();
    let at = |percent: usize| sorted[(sorted.len() - 1) * percent / 100].as_secs_f64() * 1000.0;
    let mut figures = Figures::default();
    figures.add("kills", counted.kills);
    figures.add("kills with requests on the wire", percent(counted.on_the_wire));
    figures.add("kills with a commit in flight: not answered, there after the restart", percent(counted.commits_in_flight));
    figures.add("kills at the moment of an acknowledgement", counted.at_an_acknowledgement);
    figures.add("hosts stopped for a while before (SIGSTOP)", counted.paused);
    figures.add("starts killed before they served", counted.still_births);
    figures.add("writes acknowledged", sum(|t| t.acknowledged));
    figures.add(
        "of these without an answer at first: there, not there",
        format!("{}, {}", sum(|t| t.lost_and_there), sum(|t| t.lost_and_not_there)),
    );
    figures.add("acknowledged writes sent again after a restart and answered alike", sum(|t| t.answered_alike));
    figures.add("conversations and messages compared at the end", format!("{}, {}", sum(|t| t.conversations), sum(|t| t.messages)));
    figures.add("lost, doubled, out of order", "0, 0, 0");
    figures.add("audit verifications; records of these writes", format!("{}; {records}", counted.verifications));
    figures.add("acknowledged per second under load", (counted.acknowledged_under_load as f64 / counted.under_load.as_secs_f64()) as u64);
    figures.add("restart to serving, ms: median, 99 %, longest", format!("{:.0}, {:.0}, {:.0}", at(50), at(99), at(100)));
    figures
}
