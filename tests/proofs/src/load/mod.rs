//! Load: the real host, and two of them on one PostgreSQL, under a hundred times the busiest hour, by people who each keep one live
//! socket. One in ten has a bad network: sockets are cut, again and again, writes lose their connection once they are sent.
//!
//! Everybody remembers in this process what was acknowledged and what they were shown. In the end the two are compared, with each
//! other and with what the API shows: nothing lost, doubled, out of order, or somebody else's.

mod bureau;
mod feed;
mod ledger;
mod officer;
mod socket;
mod stage;
mod taxpayer;
mod times;
mod wire;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout_at};
use zhengna_core::id::ConversationId;
use zhengna_tests::postgres::Cluster;

use crate::host::{Files, Host};
use crate::plan::{self, Figures, Outcome, Plan};
use crate::simulation::Dice;
use bureau::Bureau;
use feed::{Feed, Message};
use ledger::{End, Feeds, Talk};
use officer::Officer;
use socket::Socket;
use stage::{Role, Stage, Who};
use taxpayer::Taxpayer;
use times::Times;

/// Conversations of a day, as the purchaser counts them.
const CONVERSATIONS_A_DAY: u64 = 2_000;
/// Of these, in the busiest hour: an assumption, nobody has told.
const BUSIEST_HOUR_PERCENT: u64 = 20;
/// What we build for.
const TIMES_THE_PEAK: u64 = 100;
/// Between two who come, on average.
const BETWEEN: Duration = Duration::from_micros(3600 * 1_000_000 * 100 / (CONVERSATIONS_A_DAY * BUSIEST_HOUR_PERCENT * TIMES_THE_PEAK));
/// Sockets that open at once, before the load begins.
const OPENING_AT_ONCE: usize = 64;
/// Longest wait until everybody is there, and until everybody who came has been served.
const PATIENCE: Duration = Duration::from_secs(240);
/// Longest wait for what is owed once nothing happens any more.
const OWED_WITHIN: Duration = Duration::from_secs(20);
/// People who compare what they see by HTTP at once.
const COMPARING_AT_ONCE: usize = 16;
/// Files that two thousand sockets and as many requests need.
const FILES: u64 = 16_384;

/// How much.
struct Amounts {
    taxpayers: usize,
    officers: usize,
    load: Duration,
    between: Duration,
    pause: Duration,
}

/// Plays everybody on SQLite, then on two hosts with PostgreSQL.
pub(crate) fn run(plan: &Plan) -> Outcome {
    let quick = Amounts {
        taxpayers: 100,
        officers: 20,
        load: Duration::from_secs(4),
        between: Duration::from_millis(120),
        pause: Duration::from_millis(250),
    };
    let load = Duration::from_secs(60 * plan.minutes);
    let bounded = Amounts { taxpayers: 2_000, officers: 100, load, between: BETWEEN, pause: Duration::from_millis(2_500) };
    let amounts = plan.choose(quick, bounded);
    let files = rlimit::increase_nofile_limit(FILES).map_err(|e| format!("open files: {e}"))?;
    if files < 4 * amounts.taxpayers as u64 {
        return Err(format!("a process may open {files} files here, too few for {} people", amounts.taxpayers));
    }
    let bug = plan::planted_elsewhere();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(|e| e.to_string())?;
    let mut figures = Figures::default();
    figures.add("taxpayers, officers, each with one socket", format!("{}, {}", amounts.taxpayers, amounts.officers));
    figures.add("seconds of load on each engine", amounts.load.as_secs());
    figures.add("who comes, a second (100 times the busiest hour)", format!("{:.1}", 1.0 / amounts.between.as_secs_f64()));

    let files = Files::new("load", bug)?;
    play(&runtime, &files, 1, &amounts, plan.seed)
        .and_then(|played| played.figures("SQLite", &mut figures))
        .map_err(|e| format!("SQLite: {e}"))?;

    let cluster = Cluster::start(&["fsync=on", "synchronous_commit=on", "full_page_writes=on"])?;
    let database = cluster.empty();
    let files = Files::new("load", bug)?.over(database.url());
    let told = |e| format!("PostgreSQL, two hosts: {e}");
    play(&runtime, &files, 2, &amounts, plan.seed)
        .and_then(|played| played.figures("PostgreSQL, two hosts", &mut figures))
        .map_err(told)?;
    figures.add("lost, doubled, out of order, of somebody else", "0, 0, 0, 0");
    Ok(figures)
}

/// What came of one engine.
struct Played {
    stage: Arc<Stage>,
    feeds: [Vec<Feed>; 2],
    /// From the first who came to the last who was served.
    took: Duration,
    records: u64,
}

fn play(runtime: &tokio::runtime::Runtime, files: &Files, hosts: usize, amounts: &Amounts, seed: u64) -> Result<Played, String> {
    let bureau = Bureau::furnish(&files.create()?, amounts.taxpayers, amounts.officers)?;
    let hosts = (0..hosts).map(|_| Host::start(files)).collect::<Result<Vec<_>, _>>()?;
    files.demand_bug();
    let address = |host: &Host| host.base.trim_start_matches("http://").parse().map_err(|e| format!("{}: {e}", host.base));
    let addresses = hosts.iter().map(address).collect::<Result<_, _>>()?;
    let stage = Arc::new(Stage::new(addresses, bureau, amounts.pause, seed));
    let (took, feeds) = runtime.block_on(load(&stage, amounts, seed)).map_err(|e| format!("{e}{}", logged(files)))?;
    for host in &hosts {
        host.signal("TERM")?;
        if !host.wait()? {
            return Err(format!("a host did not stop well{}", logged(files)));
        }
    }
    let records = files.verify(true)?;
    files.recount()?;
    Ok(Played { stage, feeds, took, records })
}

fn logged(files: &Files) -> String {
    let log = files.log();
    // The keeper's word about next year's calendar is in every log.
    let last: Vec<&str> = log.lines().filter(|line| !line.contains("notice of working days")).rev().take(20).collect();
    if last.is_empty() { String::new() } else { format!("; the hosts logged, last first: {last:#?}") }
}

/// Everybody comes, is served and goes; then all is compared.
async fn load(stage: &Arc<Stage>, amounts: &Amounts, seed: u64) -> Result<(Duration, [Vec<Feed>; 2]), String> {
    let (mut people, mut taxpayers) = (JoinSet::new(), Vec::new());
    open(stage, &mut people, &mut taxpayers).await?;
    let begun = Instant::now();
    visits(&mut people, taxpayers, amounts, Dice::new(seed)).await?;
    let took = begun.elapsed();
    settle(stage).await?;
    stage.end();
    while let Some(ended) = people.join_next().await {
        ended.map_err(|e| e.to_string())??;
    }
    let feeds = stage.take_feeds();
    stage.ledger.compare(&Feeds { taxpayers: &feeds[0], officers: &feeds[1] })?;
    lines(stage, &feeds)?;
    compare_by_http(stage).await?;
    Ok((took, feeds))
}

/// Opens everybody's socket; officers begin to work, taxpayers wait at home.
async fn open(stage: &Arc<Stage>, people: &mut JoinSet<Result<(), String>>, taxpayers: &mut Vec<Taxpayer>) -> Result<(), String> {
    let (there, mut arrived) = mpsc::unbounded_channel();
    let (everybody, deadline) = (stage.everybody().collect::<Vec<_>>(), Instant::now() + PATIENCE);
    let mut opened = 0;
    for (begun, &who) in (1..).zip(&everybody) {
        let (tell, heard) = mpsc::unbounded_channel();
        let role = |n| Role { n, stage: stage.clone(), wire: stage.wire(who, 5), heard, dice: stage.dice(who, 6) };
        match who {
            Who::Officer(n) => drop(people.spawn(Officer::new(role(n)).work())),
            Who::Taxpayer(n) => taxpayers.push(Taxpayer(role(n))),
        }
        people.spawn(Socket::new(who, stage.clone(), tell).run(there.clone()));
        // So many are on their way; the last ones wait for all.
        let most = if begun == everybody.len() { 0 } else { OPENING_AT_ONCE };
        while begun - opened > most {
            tokio::select! {
                Some(()) = arrived.recv() => opened += 1,
                Some(ended) = people.join_next() => return Err(gone(ended)),
                () = sleep_until(deadline.into()) => return Err(format!("only {opened} sockets opened within {PATIENCE:?}")),
            }
        }
    }
    Ok(())
}

/// Why somebody went who had no reason to.
fn gone(ended: Result<Result<(), String>, tokio::task::JoinError>) -> String {
    match ended {
        Ok(Ok(())) => "somebody went before it was over".into(),
        Ok(Err(e)) => e,
        Err(e) => e.to_string(),
    }
}

/// Taxpayers come at random, all of them with the same chance; answers when all who came have been served.
async fn visits(
    people: &mut JoinSet<Result<(), String>>,
    mut at_home: Vec<Taxpayer>,
    amounts: &Amounts,
    mut dice: Dice,
) -> Result<(), String> {
    let (begun, mut visits) = (Instant::now(), JoinSet::new());
    let (end, patience) = (begun + amounts.load, begun + amounts.load + PATIENCE);
    let mut next = begun;
    while next < end || !visits.is_empty() {
        tokio::select! {
            () = sleep_until(next.into()), if next < end => {
                // As many came as should have by now, however late this was woken.
                next += amounts.between.mul_f64(-(1.0 - dice.below(1_000_000) as f64 / 1e6).ln());
                let Some(last) = at_home.len().checked_sub(1) else { return Err("nobody is at home any more: too few people".into()) };
                let taxpayer = at_home.swap_remove(dice.below(last as u64 + 1) as usize);
                visits.spawn(taxpayer.visit());
            }
            Some(home) = visits.join_next(), if !visits.is_empty() => at_home.push(home.map_err(|e| e.to_string())??),
            Some(ended) = people.join_next() => return Err(gone(ended)),
            () = sleep_until(patience.into()) => return Err(format!("{} were not served within {PATIENCE:?}", visits.len())),
        }
    }
    Ok(())
}

/// Waits until everybody was shown the ends of their conversations: what comes before them was shown then, or is lost.
async fn settle(stage: &Stage) -> Result<(), String> {
    let until = (Instant::now() + OWED_WITHIN).into();
    loop {
        let shown = stage.shown.notified();
        let missing = stage.missing();
        let Some(missing) = missing else { return Ok(()) };
        // What comes in a burst is looked at once.
        if timeout_at(until, shown).await.is_err() {
            return Err(format!("lost: {missing}, within {OWED_WITHIN:?}"));
        }
    }
}

/// Nobody heard of a line that they neither serve nor entered.
fn lines(stage: &Stage, [taxpayers, officers]: &[Vec<Feed>; 2]) -> Result<(), String> {
    let topic = |line: usize| format!("line/{}", stage.lines[line]);
    let mut entered: HashMap<usize, BTreeSet<String>> = HashMap::new();
    for (n, line) in stage.ledger.talks().values().filter_map(|talk| talk.taxpayer.map(|n| (n, talk.line))) {
        entered.entry(n).or_default().insert(topic(line));
    }
    let none = BTreeSet::new();
    for (n, feed) in taxpayers.iter().enumerate() {
        if let Some(line) = feed.lines.difference(entered.get(&n).unwrap_or(&none)).next() {
            return Err(format!("somebody else's: taxpayer {n} heard of {line}"));
        }
    }
    for (n, feed) in officers.iter().enumerate() {
        let own = topic(stage.line_of(n));
        if let Some(line) = feed.lines.iter().find(|line| **line != own) {
            return Err(format!("somebody else's: officer {n} heard of {line}"));
        }
    }
    Ok(())
}

/// Everybody who talked reads all they did by HTTP: it is what was acknowledged.
async fn compare_by_http(stage: &Arc<Stage>) -> Result<(), String> {
    let mut theirs: HashMap<(bool, usize), Vec<ConversationId>> = HashMap::new();
    for (id, talk) in stage.ledger.talks().iter() {
        for both in [talk.taxpayer.map(|n| (false, n)), talk.officer.map(|n| (true, n))].into_iter().flatten() {
            theirs.entry(both).or_default().push(*id);
        }
    }
    let mut readers = JoinSet::new();
    for ((officer, n), mut talks) in theirs {
        if readers.len() >= COMPARING_AT_ONCE
            && let Some(ended) = readers.join_next().await
        {
            gone_or_done(ended)?;
        }
        talks.sort_unstable();
        let who = if officer { Who::Officer(n) } else { Who::Taxpayer(n) };
        let stage = stage.clone();
        readers.spawn(async move { read_all(&stage, who, talks).await.map_err(|e| format!("{who:?}: {e}")) });
    }
    while let Some(ended) = readers.join_next().await {
        gone_or_done(ended)?;
    }
    Ok(())
}

fn gone_or_done(ended: Result<Result<(), String>, tokio::task::JoinError>) -> Result<(), String> {
    ended.map_err(|e| e.to_string())?
}

async fn read_all(stage: &Stage, who: Who, talks: Vec<ConversationId>) -> Result<(), String> {
    let (mut wire, officer) = (stage.wire(who, 7), matches!(who, Who::Officer(_)));
    for id in &talks {
        let view = wire.get(format!("/api/v1/conversations/{id}")).await?;
        let page = wire.get(format!("/api/v1/conversations/{id}/messages?limit=200")).await?;
        let items: Vec<Message> = serde_json::from_value(page["items"].clone()).map_err(|e| format!("{id}: {page}: {e}"))?;
        let talks = stage.ledger.talks();
        let talk = talks.get(id).ok_or("nobody knows it")?;
        if view["state"] != talk.state() {
            return Err(format!("{id}: is {} and was acknowledged as {}", view["state"], talk.state()));
        }
        if items.len() != talk.said.len() {
            return Err(format!("{id}: lost or doubled: {} messages are there of {} acknowledged", items.len(), talk.said.len()));
        }
        if let Some((item, _)) =
            items.iter().zip(&talk.said).find(|(item, (number, said))| item.number != **number || !said.is(item, officer))
        {
            return Err(format!("{id}: is not what was acknowledged: {item:?}"));
        }
    }
    let (mut shown, mut cursor) = (BTreeSet::new(), String::new());
    loop {
        let page = wire.get(format!("/api/v1/me/conversations?limit=200{cursor}")).await?;
        let ids = page["items"].as_array().into_iter().flatten().filter_map(|item| item["id"].as_str().and_then(ConversationId::parse));
        for id in ids {
            if !shown.insert(id) {
                return Err(format!("doubled: {id} is listed twice"));
            }
        }
        match page["cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    if shown.iter().eq(&talks) { Ok(()) } else { Err(format!("lost or somebody else's: lists {shown:?}, and was acknowledged {talks:?}")) }
}

impl Played {
    fn figures(&self, engine: &str, figures: &mut Figures) -> Result<(), String> {
        let Self { stage, feeds, took, records } = self;
        let talks = stage.ledger.talks();
        let count = |is: &dyn Fn(&Talk) -> bool| talks.values().filter(|talk| is(talk)).count();
        let said: Vec<(bool, Duration)> = talks.values().flat_map(|t| t.said.values()).map(|s| (s.repeated, s.answered)).collect();
        let (left, rated) = (count(&|t| t.end == Some(End::Left)), count(&|t| t.rated));
        let apart = |t: &Talk| {
            let home = |who: Option<Who>| who.map(|who| stage.home(who));
            home(t.officer.map(Who::Officer)).is_some_and(|host| home(t.taxpayer.map(Who::Taxpayer)) != Some(host))
        };
        let mut add = |what: &str, value: String| figures.add(&format!("{engine}: {what}"), value);
        add("conversations, left, rated", format!("{}, {left}, {rated}", talks.len()));
        if stage.hosts.len() > 1 {
            add("of these, taxpayer and officer on different hosts", count(&apart).to_string());
        }
        add("messages acknowledged, a second", format!("{}, {:.0}", said.len(), said.len() as f64 / took.as_secs_f64()));
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let sockets = &stage.sockets;
        let mut opened = format!("{}, {}, {}", read(&sockets.opened), read(&sockets.cut), read(&sockets.resumed));
        let mut what = "sockets opened, cut, gone on behind the last cursor".to_owned();
        if stage.hosts.len() > 1 {
            what.push_str(", of these at the other host");
            opened.push_str(&format!(", {}", read(&sockets.moved)));
        }
        add(&what, opened);
        add("sockets that the host let go", read(&sockets.let_go).to_string());
        let shown: usize = feeds.iter().flatten().map(|feed| feed.shown.len()).sum();
        let moved: u64 = feeds.iter().flatten().map(|feed| feed.moved).sum();
        add("events shown, lines that moved beside them", format!("{shown}, {moved}"));
        let requests = &stage.requests;
        let repeated = format!("{}, {}, {}", read(&requests.cut), read(&requests.come_again), read(&requests.lost));
        add("writes cut once sent and sent again, told to come again, answers lost otherwise", repeated);
        add("claims refused when sent again, and done late by what was sent first", read(&stage.done_late).to_string());
        add("one more refused to an officer with full hands", read(&stage.refused_more).to_string());
        add("audit records, all verified", records.to_string());
        let mut times = |what: &str, times: Vec<Duration>| add(what, Times::of(times).to_string());
        times("acknowledgement of a message, ms: p50, p99, longest", said.iter().filter(|s| !s.0).map(|s| s.1).collect());
        drop(talks);
        let deliveries = stage.ledger.deliveries(&Feeds { taxpayers: &feeds[0], officers: &feeds[1] });
        add("deliveries to sockets that were up throughout", deliveries.len().to_string());
        add("from sending a message to the other one's socket, ms: p50, p99, longest", Times::of(deliveries).to_string());
        Ok(())
    }
}
