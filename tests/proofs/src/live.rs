//! Live delivery: feeds of a host as sockets on bad networks use them. Each is polled a few times and dropped, and polled
//! again; closed and opened again from the last cursor; all while people enter, talk, leave. Each person must be
//! shown every event that concerns them, once, in the journal's order, and nothing else; and nothing any more soon after
//! their session ended.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use zhengna_core::access::{Actor, ActorKind, ActorRef, Authenticated, Credentials};
use zhengna_core::core::PROJECTIONS;
use zhengna_core::id::ConversationId;
use zhengna_core::interaction::{Claim, Close, Leave, Outcome as Ending, SendMessage};
use zhengna_core::journal::{Cursor, Event, EventKind, Topic};
use zhengna_core::store::sqlite::SqliteStore;
use zhengna_core::{Error, limits};
use zhengna_server::app::App;
use zhengna_server::config::{Effective, Flags};
use zhengna_server::listener::Lifecycle;
use zhengna_server::live::{self, Ended, Feed, Frame};
use zhengna_server::provider::Providers;
use zhengna_tests::fixture::FILE;
use zhengna_tests::world::{self, Keep, World};

use crate::plan::{Figures, Outcome, Plan};
use crate::simulation::Dice;

const TAXPAYERS: usize = 12;
const OFFICERS: usize = 4;
const PASSWORD: &str = "Live-Feeds-2026";
/// Polls of one call for the next frame, before it is dropped.
const POLLS_MAX: u64 = 6;
/// How long a feed may take to bring what it owes, once nothing happens any more.
const PATIENCE: Duration = Duration::from_secs(10);
/// A leaver's sockets drop within this time.
const LEAVERS_DROP: Duration = Duration::from_secs(5);

/// A conversation, as those who made it know it.
struct Talk {
    id: ConversationId,
    taxpayer: usize,
    officer: Option<usize>,
    over: bool,
}

/// One person's socket, through all its lives.
struct Socket {
    caller: Authenticated,
    feed: Option<Feed>,
    /// Where its first feed began; the first hello says.
    began: Option<Cursor>,
    /// Continue behind it.
    last: Option<Cursor>,
    /// Cursors of what was shown, but for what moved in a line, in the order in which it came.
    shown: Vec<Cursor>,
    lives: u64,
}

#[derive(Default)]
struct Counted {
    frames: u64,
    dropped: u64,
    lives: u64,
}

/// See the [module](self).
pub(crate) fn run(plan: &Plan) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(|e| e.to_string())?;
    runtime.block_on(attack(plan))
}

async fn attack(plan: &Plan) -> Outcome {
    let dir = world::directory();
    let open = || -> Result<World, Error> {
        let (core, clock) = world::core_over(SqliteStore::open(&dir.path().join(FILE), world::start(), PROJECTIONS)?, plan.seed);
        World::furnish(core, clock, Keep::Nothing, OFFICERS, TAXPAYERS)
    };
    let world = Arc::new(open().map_err(|e| format!("furnishing: {e}"))?);
    let config = Effective::from_parts(&Flags::default(), []).map_err(|e| e.to_string())?.config;
    let lifecycle = Lifecycle::new();
    let app = App::new(world.core.clone(), &config, Providers::default(), lifecycle.clone());
    let callers = callers(&world).map_err(|e| format!("signing in: {e}"))?;
    let begin = world.core.journal_end().map_err(|e| e.to_string())?;
    // Nobody has a cursor: each begins at the end of the journal, at some moment while people talk.
    let socket = |caller| Socket { caller, feed: None, began: None, last: None, shown: Vec::new(), lives: 0 };
    let mut sockets: Vec<Socket> = callers.into_iter().map(socket).collect();
    let (mut dice, mut counted) = (Dice::new(plan.seed), Counted::default());
    let commands = plan.choose(800, 12_000);
    let people = tokio::spawn(talk(world.clone(), Dice::new(plan.seed ^ 1), commands));
    while !people.is_finished() {
        let n = dice.below(sockets.len() as u64) as usize;
        sockets[n].turn(&app, &mut dice, &mut counted).await.map_err(|e| told(n, &e))?;
    }
    let talks = people.await.map_err(|e| e.to_string())??;
    let mut owed = Owed::of(&world, begin, &talks)?;
    for (n, socket) in sockets.iter_mut().enumerate() {
        let began = socket.began.unwrap_or(begin);
        owed.must[n].retain(|cursor, _| *cursor > began);
        socket.bring(&app, &owed.must[n], &mut counted).await.map_err(|e| told(n, &e))?;
        socket.compare(&owed.must[n], &owed.may[n]).map_err(|e| told(n, &e))?;
        counted.lives += socket.lives;
    }
    let asked = owed.shown_to_others(&world, &talks)?;
    let slowest = leave(&world, &app, sockets, &talks).await?;
    lifecycle.begin_stop();
    let mut figures = Figures::default();
    figures.add("people with a socket", TAXPAYERS + OFFICERS);
    figures.add("commands, meanwhile", commands);
    figures.add("lives of sockets, each from the last cursor of the one before", counted.lives);
    figures.add("calls for the next frame dropped at a poll", counted.dropped);
    figures.add("frames", counted.frames);
    figures.add("events owed, each shown once and in order", owed.must.iter().map(HashMap::len).sum::<usize>());
    figures.add("missed, repeated, out of order, of somebody else", "0, 0, 0, 0");
    figures.add("events asked for by everybody, shown to none but those who talk", asked);
    figures.add("longest from the end of a session to the end of its socket, ms", slowest.as_millis());
    Ok(figures)
}

fn told(n: usize, what: &str) -> String {
    let who = if n < TAXPAYERS { format!("taxpayer {n}") } else { format!("officer {}", n - TAXPAYERS) };
    format!("{who}: {what}")
}

/// Everybody signs in: taxpayers first.
fn callers(world: &World) -> Result<Vec<Authenticated>, Error> {
    let taxpayers = world.taxpayers.iter().map(|id| ActorRef { kind: ActorKind::Taxpayer, id: id.uuid() });
    let officers = world.officers.iter().map(|id| ActorRef { kind: ActorKind::Officer, id: id.uuid() });
    let sign_in = |(n, whose): (usize, ActorRef)| {
        let login = format!("live{n}");
        world.core.as_system().access().set_password(whose, &login, PASSWORD)?;
        let token = world.core.sign_in(&Credentials { login, password: PASSWORD.into() }, "live")?.token;
        world.core.authenticate(&token)
    };
    taxpayers.chain(officers).enumerate().map(sign_in).collect()
}

/// People do things, one after another, while their feeds are asked.
async fn talk(world: Arc<World>, mut dice: Dice, commands: u64) -> Result<Vec<Talk>, String> {
    let mut talks = Vec::new();
    for _ in 0..commands {
        act(&world, &mut talks, &mut dice).await.map_err(|e| format!("a command: {e}"))?;
        // Feeds come in between.
        tokio::time::sleep(Duration::from_micros(dice.below(4) * 500)).await;
    }
    Ok(talks)
}

/// Something that people do.
async fn act(world: &World, talks: &mut Vec<Talk>, dice: &mut Dice) -> Result<(), Error> {
    let open: Vec<usize> = (0..talks.len()).filter(|n| !talks[*n].over).collect();
    let picked = dice.pick(&open);
    let text = || "请问子女教育怎么填？".to_owned();
    match (dice.below(10), picked) {
        (0..=1, _) | (_, None) => {
            let taxpayer = dice.below(TAXPAYERS as u64) as usize;
            if open.iter().any(|n| talks[*n].taxpayer == taxpayer) {
                return Ok(());
            }
            let id = world.taxpayer(taxpayer).interaction().enter(world.enter()).await?.conversation;
            talks.push(Talk { id, taxpayer, officer: None, over: false });
        }
        (2..=3, _) => {
            let officer = dice.below(OFFICERS as u64) as usize;
            match world.officer(officer).interaction().claim(Claim { line: world.line }).await {
                Ok(claimed) => {
                    let talk = talks.iter_mut().find(|t| t.id == claimed.conversation);
                    talk.ok_or(Error::NotFound { what: "conversation" })?.officer = Some(officer);
                }
                Err(Error::Refused(_)) => {}
                Err(e) => return Err(e),
            }
        }
        (4, Some(n)) => {
            let conversation = talks[n].id;
            match talks[n].officer {
                Some(officer) => {
                    let close = Close { conversation, outcome: Ending::Resolved, note: None };
                    world.officer(officer).interaction().close(close).await.map(drop)?;
                }
                None => world.taxpayer(talks[n].taxpayer).interaction().leave(Leave { conversation }).await.map(drop)?,
            }
            talks[n].over = true;
        }
        (_, Some(n)) => {
            let say = SendMessage::new(talks[n].id, text());
            match talks[n].officer.filter(|_| dice.chance(500)) {
                Some(officer) => world.officer(officer).interaction().send(say).await.map(drop)?,
                None => world.taxpayer(talks[n].taxpayer).interaction().send(say).await.map(drop)?,
            }
        }
    }
    Ok(())
}

/// Polls a future at most so often, then drops it.
async fn polled<F: Future>(future: F, most: u64) -> Option<F::Output> {
    let (mut future, mut left) = (pin!(future), most);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if left <= 1 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

impl Socket {
    /// Opens, closes, or asks for the next frame and gives up at some poll.
    async fn turn(&mut self, app: &App, dice: &mut Dice, counted: &mut Counted) -> Result<(), String> {
        if dice.chance(40) {
            self.feed = None;
        }
        let polls = 1 + dice.below(POLLS_MAX);
        let next = polled(tokio::time::timeout(Duration::from_millis(2), self.open(app).next()), polls).await;
        match next {
            Some(Ok(frame)) => self.take(frame, counted)?,
            Some(Err(_)) | None => counted.dropped += 1,
        }
        // What is ready behind it goes with it, sometimes.
        while dice.chance(700)
            && let Some(frame) = self.feed.as_mut().and_then(Feed::next_at_once)
        {
            self.take(frame, counted)?;
        }
        Ok(())
    }

    fn open(&mut self, app: &App) -> &mut Feed {
        let (lives, caller, last) = (&mut self.lives, &self.caller, self.last);
        self.feed.get_or_insert_with(|| {
            *lives += 1;
            live::feed(app, caller.clone(), last, "live".into())
        })
    }

    fn take(&mut self, frame: Frame, counted: &mut Counted) -> Result<(), String> {
        counted.frames += 1;
        match frame {
            Frame::End(why) => return Err(format!("the feed ended: {why:?}")),
            Frame::Text(_, None) => {}
            Frame::Text(text, Some(cursor)) => {
                if self.last.is_some_and(|last| cursor < last) {
                    return Err(format!("{cursor} came behind {:?}", self.last));
                }
                self.last = Some(cursor);
                self.began.get_or_insert(cursor);
                // A line moves for whoever waits in it at that moment: nobody is owed that.
                if text.contains("\"type\":\"event\"") && !text.contains("\"topic\":\"line/") {
                    self.shown.push(cursor);
                }
            }
        }
        Ok(())
    }

    /// Goes on until everything owed is there.
    async fn bring(&mut self, app: &App, must: &HashMap<Cursor, EventKind>, counted: &mut Counted) -> Result<(), String> {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            let shown: HashSet<&Cursor> = self.shown.iter().collect();
            if must.keys().all(|cursor| shown.contains(cursor)) {
                return Ok(());
            }
            if let Ok(frame) = tokio::time::timeout(Duration::from_millis(100), self.open(app).next()).await {
                self.take(frame, counted)?;
            }
        }
        Ok(()) // compared next
    }

    fn compare(&self, must: &HashMap<Cursor, EventKind>, may: &HashSet<Cursor>) -> Result<(), String> {
        if let Some(two) = self.shown.windows(2).find(|two| two[0] >= two[1]) {
            return Err(format!("{} was shown behind {}", two[1], two[0]));
        }
        let shown: HashSet<Cursor> = self.shown.iter().copied().collect();
        if let Some((cursor, kind)) = must.iter().find(|(cursor, _)| !shown.contains(cursor)) {
            let missed = must.keys().filter(|cursor| !shown.contains(cursor)).count();
            return Err(format!("{missed} events were never shown; one is {kind:?} at {cursor}"));
        }
        match shown.iter().find(|cursor| !must.contains_key(cursor) && !may.contains(cursor)) {
            Some(cursor) => Err(format!("the event at {cursor} is somebody else's")),
            None => Ok(()),
        }
    }
}

/// What each person should have been shown.
struct Owed {
    events: Vec<Event>,
    /// By person: taxpayers, then officers.
    must: Vec<HashMap<Cursor, EventKind>>,
    /// What came before an officer took the conversation: they may see it, and are shown it after a reconnect.
    may: Vec<HashSet<Cursor>>,
}

impl Owed {
    /// Worked out from the journal and from who did what.
    fn of(world: &World, begin: Cursor, talks: &[Talk]) -> Result<Self, String> {
        let (mut events, mut cursor) = (Vec::new(), begin);
        loop {
            let page = world.core.journal_after(cursor, limits::EVENTS_PAGE_MAX).map_err(|e| e.to_string())?;
            let Some(last) = page.last() else { break };
            cursor = last.cursor();
            events.extend(page);
        }
        let talks: BTreeMap<ConversationId, &Talk> = talks.iter().map(|t| (t.id, t)).collect();
        let mut owed = Self { must: vec![HashMap::new(); TAXPAYERS + OFFICERS], may: vec![HashSet::new(); TAXPAYERS + OFFICERS], events };
        let desk = |event: &Event| match event.topic() {
            Some(Topic::Taxpayer(id)) => world.taxpayers.iter().position(|t| *t == id),
            Some(Topic::Officer(id)) => world.officers.iter().position(|o| *o == id).map(|n| TAXPAYERS + n),
            _ => None,
        };
        let mut taken: HashMap<ConversationId, Cursor> = HashMap::new();
        for event in owed.events.iter().filter(|e| desk(e).is_some_and(|n| n >= TAXPAYERS) && e.kind == EventKind::Claimed) {
            event.conversation().map(|id| taken.insert(id, event.cursor()));
        }
        for event in &owed.events {
            let ends = matches!(event.kind, EventKind::Closed | EventKind::Left);
            if let Some(n) = desk(event).filter(|_| !ends) {
                owed.must[n].insert(event.cursor(), event.kind);
            }
            let Some(Topic::Conversation(id)) = event.topic() else { continue };
            let Some(talk) = talks.get(&id) else { return Err(format!("nobody began {id}")) };
            owed.must[talk.taxpayer].insert(event.cursor(), event.kind);
            if let Some(officer) = talk.officer {
                if taken.get(&id).is_some_and(|taken| event.cursor() > *taken) {
                    owed.must[TAXPAYERS + officer].insert(event.cursor(), event.kind);
                } else {
                    owed.may[TAXPAYERS + officer].insert(event.cursor());
                }
            }
        }
        Ok(owed)
    }

    /// Asks for every event of a conversation as everybody: only the two who talk may be shown it. Answers how many
    /// were asked for.
    fn shown_to_others(&self, world: &World, talks: &[Talk]) -> Result<usize, String> {
        let officer = |id| world.core.officer(id).map_err(|e| e.to_string());
        let mut everybody: Vec<Actor> = world.taxpayers.iter().map(|id| Actor::Taxpayer(*id)).collect();
        for id in &world.officers {
            everybody.push(officer(*id)?);
        }
        everybody.push(officer(world.stranger)?);
        let talks: BTreeMap<ConversationId, &Talk> = talks.iter().map(|t| (t.id, t)).collect();
        let mut asked = 0;
        for event in &self.events {
            let Some(Topic::Conversation(id)) = event.topic() else { continue };
            let Some(talk) = talks.get(&id) else { return Err(format!("nobody began {id}")) };
            let shown = world.core.show(vec![(event.clone(), everybody.to_vec())]).map_err(|e| e.to_string())?.remove(0);
            for (n, seen) in shown.iter().enumerate() {
                let theirs = n == talk.taxpayer || talk.officer.is_some_and(|officer| n == TAXPAYERS + officer);
                if seen.is_some() && !theirs {
                    return Err(format!("{:?} at {} was shown to a stranger", event.kind, event.cursor()));
                }
            }
            asked += shown.len();
        }
        Ok(asked)
    }
}

/// Everybody is owed something that they do not fetch, and signs out. Each feed must end in time, and give nothing more.
/// Answers the longest until one ended.
async fn leave(world: &World, app: &App, mut sockets: Vec<Socket>, talks: &[Talk]) -> Result<Duration, String> {
    for socket in &mut sockets {
        let _ = tokio::time::timeout(Duration::from_millis(2), socket.open(app).next()).await; // it follows by now, or soon
    }
    for talk in talks.iter().filter(|talk| !talk.over) {
        let say = SendMessage::new(talk.id, "还在吗？");
        world.taxpayer(talk.taxpayer).interaction().send(say).await.map_err(|e| format!("a command: {e}"))?;
    }
    let mut ends = Vec::new();
    for socket in sockets {
        let caller = &socket.caller;
        world.core.as_actor(caller.actor.clone()).access().sign_out(caller).await.map_err(|e| format!("signing out: {e}"))?;
        let since = Instant::now();
        ends.push(tokio::spawn(async move {
            let Some(mut feed) = socket.feed else { return Ok(Duration::ZERO) };
            let why = tokio::time::timeout(LEAVERS_DROP, feed.let_go()).await;
            let took = since.elapsed();
            match why {
                Err(_) => return Err(format!("a feed went on for {took:?} after its session had ended")),
                Ok(Ended::SessionOver) => {}
                Ok(other) => return Err(format!("a feed whose session is over ended as {other:?}")),
            }
            match (feed.next_at_once(), feed.next().await) {
                (Some(Frame::End(Ended::SessionOver)), Frame::End(Ended::SessionOver)) => Ok(took),
                more => Err(format!("a feed whose session is over gave {more:?}")),
            }
        }));
    }
    let mut slowest = Duration::ZERO;
    for end in ends {
        slowest = slowest.max(end.await.map_err(|e| e.to_string())??);
    }
    Ok(slowest)
}
