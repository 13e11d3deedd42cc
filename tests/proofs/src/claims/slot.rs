//! The last place: an officer's capacity, wanted by many windows at once, and a slot of the conformance suite (the
//! product has no appointments yet; they will stand on what that slot stands on).

use std::sync::Barrier;

use zhengna_core::error::Refusal;
use zhengna_core::id::ConversationId;
use zhengna_core::interaction::{Claim, Close, Outcome as Ending};
use zhengna_core::store::{Store, StoreError, conformance};
use zhengna_core::{Core, Error, Session};
use zhengna_tests::world::{Engine, Keep, World, core_over};

use super::named;
use crate::plan::{Figures, Plan};

/// Conversations an officer of the test world may hold.
const CAPACITY: usize = 3;

/// Races for the last place, with few rivals and with many.
pub(super) fn run(plan: &Plan, engine: Engine, figures: &mut Figures) -> Result<(), String> {
    let races = plan.choose(1, 4);
    for rivals in [32, 256] {
        capacity(plan, engine, rivals, races)?;
        for _ in 0..races {
            for places in [1, 10] {
                fixture(engine, rivals, places)?;
            }
        }
        figures.add(&format!("{}: races for a last place with {rivals} rivals, oversold", named(engine)), format!("{}, 0", 3 * races + 1));
    }
    Ok(())
}

fn fixture(engine: Engine, rivals: usize, places: i64) -> Result<(), String> {
    let keep = zhengna_tests::fixture::fresh(engine);
    let stores: Vec<_> = (0..if engine == Engine::Postgres { 2 } else { 1 }).map(|_| zhengna_tests::fixture::open(&keep)).collect();
    let hosts: Vec<&dyn Store> = stores.iter().map(|s| &**s).collect();
    match conformance::race(&hosts, rivals as u64, places) {
        (told, booked) if told as i64 == places && booked as i64 == places => Ok(()),
        other => Err(format!("{}: {places} places, told and booked: {other:?}", named(engine))),
    }
}

/// Every window of one officer claims at once; then, again and again, one conversation is closed and all want its place.
fn capacity(plan: &Plan, engine: Engine, rivals: usize, races: usize) -> Result<(), String> {
    let keep = Keep::fresh(engine);
    let (core, clock) = core_over(keep.open(), plan.seed);
    let world = World::furnish(core, clock, keep, 1, CAPACITY + races + 2).map_err(|e| format!("furnishing: {e}"))?;
    let second = (engine == Engine::Postgres).then(|| core_over(world.keep.open(), plan.seed + 1).0);
    let hosts: Vec<&Core> = std::iter::once(&world.core).chain(&second).collect();
    let officer = world.officer(0);
    let windows: Vec<Session> = (0..rivals).map(|n| hosts[n % hosts.len()].as_actor(officer.actor().clone())).collect();
    (0..world.taxpayers.len()).for_each(|n| _ = world.entered(n));
    let mut held = Vec::new();
    for race in 0..=races {
        let places = if race == 0 { CAPACITY } else { 1 };
        let won = all_claim(&windows, &world)?;
        if won.len() != places {
            return Err(format!("{}: {rivals} windows took {} places where {places} were left", named(engine), won.len()));
        }
        held.extend(won);
        let conversation: ConversationId = held.remove(0);
        let close = Close { conversation, outcome: Ending::Resolved, note: None };
        officer.interaction().close(close).wait().map_err(|e| format!("closing: {e}"))?;
    }
    Ok(())
}

fn all_claim(windows: &[Session], world: &World) -> Result<Vec<ConversationId>, String> {
    let start = Barrier::new(windows.len());
    std::thread::scope(|scope| {
        let claims: Vec<_> = windows
            .iter()
            .map(|window| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    loop {
                        match window.interaction().claim(Claim { line: world.line }).wait() {
                            Ok(claimed) => return Ok(Some(claimed.conversation)),
                            Err(Error::Refused(Refusal::AtCapacity(_))) => return Ok(None),
                            // Nothing was done: rivals were first too often.
                            Err(Error::Store(StoreError::Conflict | StoreError::Busy | StoreError::TooLong { .. })) => {}
                            Err(e) => return Err(format!("claiming: {e}")),
                        }
                    }
                })
            })
            .collect();
        let outcomes = claims.into_iter().map(|c| c.join().unwrap_or(Err("a window panicked".into())));
        Ok(outcomes.collect::<Result<Vec<_>, String>>()?.into_iter().flatten().collect())
    })
}
