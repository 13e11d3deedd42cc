//! A long line and many officers, who claim and close as fast as they can while others still enter and some are let
//! first.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use zhengna_core::error::Refusal;
use zhengna_core::id::ConversationId;
use zhengna_core::interaction::{Claim, Close, Outcome as Ending, Prioritise};
use zhengna_core::store::StoreError;
use zhengna_core::{Core, Error, Session};
use zhengna_tests::world::{Engine, Keep, World, core_over, settle};

use super::history::{Person, Span, fault};
use super::named;
use crate::plan::{Figures, Plan};

/// Threads that enter.
const DOORS: usize = 16;

/// Runs it and says what came of it.
pub(super) fn run(plan: &Plan, engine: Engine, figures: &mut Figures) -> Result<(), String> {
    let (officers, backlog, late) = plan.choose((16, 120, 40), (64, 1000, 200));
    let keep = Keep::fresh(engine);
    let (core, clock) = core_over(keep.open(), plan.seed);
    let world = World::furnish(core, clock, keep, officers, backlog + late).map_err(|e| format!("furnishing: {e}"))?;
    let second = (engine == Engine::Postgres).then(|| core_over(world.keep.open(), plan.seed + 1).0);
    let hosts: Vec<&Core> = std::iter::once(&world.core).chain(&second).collect();
    let on = |n: usize, session: &Session| hosts[n % hosts.len()].as_actor(session.actor().clone());

    let line = Line::default();
    let enter = |from: usize, to: usize| -> Result<(), String> {
        let next = AtomicUsize::new(from);
        std::thread::scope(|scope| {
            let doors: Vec<_> = (0..DOORS)
                .map(|_| {
                    scope.spawn(|| {
                        loop {
                            let n = next.fetch_add(1, Ordering::SeqCst);
                            if n >= to {
                                return Ok(());
                            }
                            let session = on(n, &world.taxpayer(n));
                            line.enter(|| session.interaction().enter(world.enter()).wait())?;
                        }
                    })
                })
                .collect();
            doors.into_iter().try_for_each(|d| d.join().unwrap_or(Err("a thread that entered panicked".into())))
        })
    };
    enter(0, backlog)?;

    let (all_in, patience) = (AtomicBool::new(false), Duration::from_millis(5));
    let served: Vec<u64> = std::thread::scope(|scope| -> Result<_, String> {
        let desks: Vec<_> = (0..officers)
            .map(|n| (n, on(n, &world.officer(n))))
            .map(|(n, desk)| {
                let (line, all_in, host, of) = (&line, &all_in, hosts[n % hosts.len()], world.line);
                scope.spawn(move || {
                    let (mut held, mut served) = (Vec::new(), 0);
                    loop {
                        let last_look = all_in.load(Ordering::SeqCst);
                        let hints = host.store().signal().count();
                        match line.claim(n, || desk.interaction().claim(Claim { line: of }).wait())? {
                            Took::One(conversation) => {
                                held.push(conversation);
                                served += 1;
                            }
                            Took::Full => close(&desk, held.remove(0), line)?,
                            Took::Nobody if last_look => break,
                            Took::Nobody => drop(host.store().signal().wait_past(hints, patience)),
                        }
                    }
                    held.into_iter().try_for_each(|c| close(&desk, c, line))?;
                    Ok::<u64, String>(served)
                })
            })
            .collect();
        let supervisor = on(1, &world.session_of(world.supervisor));
        let waiting = line.those_behind(backlog / 2);
        let seen = &line;
        let favoured = scope.spawn(move || {
            let favoured = waiting.iter().step_by(backlog / 20);
            favoured.map(|c| seen.prioritise(*c, &supervisor)).sum::<Result<u64, String>>()
        });
        let entered = enter(backlog, backlog + late);
        all_in.store(true, Ordering::SeqCst);
        let served = desks.into_iter().map(|d| d.join().unwrap_or(Err("an officer's thread panicked".into()))).collect::<Result<_, _>>();
        entered?;
        let favoured = favoured.join().unwrap_or(Err("the supervisor's thread panicked".into()))?;
        figures.add(&format!("{}: let first while claims ran", named(engine)), favoured);
        served
    })?;

    let people = line.people()?;
    if let Some(fault) = fault(&people) {
        return Err(format!("{}: {fault}", named(engine)));
    }
    let (least, most) = (served.iter().min().copied().unwrap_or(0), served.iter().max().copied().unwrap_or(0));
    if least == 0 {
        return Err(format!("{}: an officer who kept asking was never given anybody", named(engine)));
    }
    for host in &hosts {
        let differences = world_recount(host);
        if !differences.is_empty() {
            return Err(format!("{}: a host knows the line otherwise than the rows: {differences:?}", named(engine)));
        }
    }
    let longest = people.iter().flat_map(|p| &p.claims).map(|(_, s)| s.done - s.begun).max().unwrap_or_default();
    let name = named(engine);
    figures.add(&format!("{name}: officers, waiting, entering meanwhile"), format!("{officers}, {backlog}, {late}"));
    figures.add(&format!("{name}: served by one officer, least and most"), format!("{least}, {most}"));
    figures.add(&format!("{name}: longest claim, ms"), longest.as_millis());
    figures.add(&format!("{name}: told to try again (conflict, busy, too long)"), line.again.load(Ordering::SeqCst));
    if let Some(deadlocks) = deadlocks(&world.keep)? {
        if deadlocks > 0 {
            return Err(format!("{name}: {deadlocks} deadlocks"));
        }
        figures.add(&format!("{name}: deadlocks"), deadlocks);
    }
    Ok(())
}

/// What the projection of a host differs by, once it had time to follow.
fn world_recount(core: &Core) -> Vec<String> {
    settle(core, |core| core.recount().unwrap_or_else(|e| vec![e.to_string()]), Vec::is_empty)
}

fn deadlocks(keep: &Keep) -> Result<Option<i64>, String> {
    let Keep::Database(database) = keep else { return Ok(None) };
    let ask = || -> Result<i64, postgres::Error> {
        let mut client = postgres::Client::connect(database.url(), postgres::NoTls)?;
        Ok(client.query_one("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()", &[])?.get(0))
    };
    ask().map(Some).map_err(|e| e.to_string())
}

/// What a claim came to.
enum Took {
    One(ConversationId),
    Full,
    Nobody,
}

/// Everything seen of the line.
#[derive(Default)]
struct Line {
    people: Mutex<HashMap<ConversationId, Person>>,
    /// Who claimed which; perhaps before whoever entered was told that they did.
    claims: Mutex<Vec<(ConversationId, usize, Span)>>,
    again: AtomicU64,
}

impl Line {
    /// Calls until storage gives a real answer: it may say that rivals were first too often, and did nothing then.
    fn insist<R>(&self, mut call: impl FnMut() -> Result<R, Error>) -> Result<R, Error> {
        loop {
            match call() {
                Err(Error::Store(StoreError::Conflict | StoreError::Busy | StoreError::TooLong { .. })) => {
                    self.again.fetch_add(1, Ordering::SeqCst);
                }
                answer => return answer,
            }
        }
    }

    fn with<R>(&self, change: impl FnOnce(&mut HashMap<ConversationId, Person>) -> R) -> R {
        change(&mut self.people.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    fn enter(&self, call: impl FnMut() -> Result<zhengna_core::interaction::Entered, Error>) -> Result<(), String> {
        let (answer, entered) = Span::of(|| self.insist(call));
        let answer = answer.map_err(|e| format!("entering: {e}"))?;
        self.with(|people| {
            people.insert(answer.conversation, Person { ticket: answer.ticket, entered, prioritised: None, claims: Vec::new() })
        });
        Ok(())
    }

    fn claim(&self, officer: usize, mut call: impl FnMut() -> Result<zhengna_core::interaction::Claimed, Error>) -> Result<Took, String> {
        loop {
            // Each try by itself: one that storage refused did nothing, and the next begins later.
            let (answer, span) = Span::of(&mut call);
            match answer {
                Ok(claimed) => {
                    self.claims.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((claimed.conversation, officer, span));
                    return Ok(Took::One(claimed.conversation));
                }
                Err(Error::Refused(Refusal::AtCapacity(_))) => return Ok(Took::Full),
                Err(Error::Refused(Refusal::NobodyWaiting)) => return Ok(Took::Nobody),
                Err(Error::Store(StoreError::Conflict | StoreError::Busy | StoreError::TooLong { .. })) => {
                    self.again.fetch_add(1, Ordering::SeqCst);
                }
                Err(e) => return Err(format!("claiming: {e}")),
            }
        }
    }

    /// Those with a number above `ticket`.
    fn those_behind(&self, ticket: usize) -> Vec<ConversationId> {
        let mut found: Vec<_> = self.with(|people| people.iter().map(|(id, p)| (p.ticket, *id)).collect());
        found.sort_unstable();
        found.into_iter().filter(|(t, _)| *t > ticket as i64).map(|(_, id)| id).collect()
    }

    /// Lets somebody first, unless they are served already; 1 if it did.
    fn prioritise(&self, conversation: ConversationId, supervisor: &Session) -> Result<u64, String> {
        let first = Prioritise { conversation, reason: "行动不便".into() };
        let (answer, span) = Span::of(|| self.insist(|| supervisor.interaction().prioritise(first.clone()).wait()));
        match answer {
            Ok(_) => {
                self.with(|people| people.get_mut(&conversation).map(|p| p.prioritised = Some(span)));
                Ok(1)
            }
            Err(Error::Refused(Refusal::AlreadyServed | Refusal::ConversationClosed)) => Ok(0),
            Err(e) => Err(format!("letting somebody first: {e}")),
        }
    }

    fn people(&self) -> Result<Vec<Person>, String> {
        let mut people = self.with(|people| people.clone());
        for &(conversation, officer, span) in self.claims.lock().unwrap_or_else(std::sync::PoisonError::into_inner).iter() {
            let person = people.get_mut(&conversation).ok_or_else(|| format!("{conversation} was claimed and never entered"))?;
            person.claims.push((officer, span));
        }
        Ok(people.into_values().collect())
    }
}

fn close(desk: &Session, conversation: ConversationId, line: &Line) -> Result<(), String> {
    let close = Close { conversation, outcome: Ending::Resolved, note: None };
    match line.insist(|| desk.interaction().close(close.clone()).wait()) {
        // Not found: it was given to another officer as well. The history says so.
        Ok(_) | Err(Error::NotFound { .. }) => Ok(()),
        Err(e) => Err(format!("closing: {e}")),
    }
}
