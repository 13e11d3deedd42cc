//! Two hosts on one PostgreSQL database, and rivals that call them at the same instant.

use std::sync::{Arc, Barrier};
use std::time::Duration;

use zhengna_core::access::Actor;
use zhengna_core::id::{LineId, OfficerId, TaxpayerId};
use zhengna_core::interaction::{Claim, Close, Enter, Entered, OpenLine, Outcome as Ending};
use zhengna_core::store::StoreError;
use zhengna_core::{Core, Error, ManualClock, Session};
use zhengna_tests::world::{Engine, Keep, NANGUAN, World, code, core_over, person};

use crate::plan::Plan;

/// Rivals in each history.
pub(super) const RIVALS: usize = 8;

/// Two hosts and what histories take from them: nobody meets anybody of an earlier history.
pub(super) struct Hosts {
    pub(super) world: World,
    second: Core,
    clocks: [Arc<ManualClock>; 2],
    enrolled: usize,
    count: usize,
}

/// Fails a history.
pub(super) fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

/// Calls until storage gives a real answer: it may say that rivals were first too often, and did nothing then.
pub(super) fn insist<R>(call: impl Fn() -> Result<R, Error>) -> Result<R, Error> {
    loop {
        match call() {
            Err(Error::Store(StoreError::Conflict | StoreError::Busy | StoreError::TooLong { .. })) => {}
            answer => return answer,
        }
    }
}

impl Hosts {
    pub(super) fn new(plan: &Plan) -> Result<Self, String> {
        let keep = Keep::fresh(Engine::Postgres);
        let (core, clock) = core_over(keep.open(), plan.seed);
        let world = World::furnish(core, clock.clone(), keep, RIVALS, 1).map_err(|e| format!("furnishing: {e}"))?;
        let (second, other) = core_over(world.keep.open(), plan.seed + 1);
        Ok(Self { world, second, clocks: [clock, other], enrolled: 1, count: 0 })
    }

    /// The host of rival `n`.
    pub(super) fn host(&self, n: usize) -> &Core {
        if n.is_multiple_of(2) { &self.world.core } else { &self.second }
    }

    /// Every rival calls at the same instant, half of them on each host; their answers in order.
    pub(super) fn race<R: Send>(&self, call: impl Fn(usize, &Core) -> Result<R, Error> + Sync) -> Vec<Result<R, Error>> {
        let start = Barrier::new(RIVALS);
        std::thread::scope(|scope| {
            let rivals: Vec<_> = (0..RIVALS)
                .map(|n| {
                    let (start, call) = (&start, &call);
                    scope.spawn(move || {
                        start.wait();
                        insist(|| call(n, self.host(n)))
                    })
                })
                .collect();
            rivals.into_iter().map(|r| r.join().unwrap_or(Err(StoreError::Panicked.into()))).collect()
        })
    }

    /// Both clocks go forward.
    pub(super) fn advance(&self, by: Duration) {
        self.clocks.iter().for_each(|c| c.advance(by));
    }

    /// A number nobody had before.
    pub(super) fn fresh(&mut self) -> usize {
        self.count += 1;
        self.count
    }

    /// `n` taxpayers whom no history knows.
    pub(super) fn taxpayers(&mut self, n: usize) -> Result<Vec<TaxpayerId>, String> {
        let people: Vec<_> = (self.enrolled..self.enrolled + n).map(person).collect();
        self.enrolled += n;
        let system = self.world.core.as_system();
        let enrol = || system.identity().enrol(&people, &mut |_| {});
        insist(enrol).map_err(|e| format!("enrolling: {e}"))?;
        let find = |number: &String| system.identity().find_by_number(number);
        let found = people.iter().map(|p| find(&p.number).map_err(|e| e.to_string())?.ok_or("enrolled and not found".to_owned()));
        found.collect()
    }

    /// A number that no enrolled taxpayer has.
    pub(super) fn unborn(&mut self) -> usize {
        self.enrolled += 1;
        self.enrolled - 1
    }

    /// A line nobody else uses.
    pub(super) fn line(&mut self) -> Result<LineId, String> {
        let name = format!("队列{}", self.fresh());
        let open = || self.world.core.as_system().interaction().open_line(OpenLine::new(name.clone(), code(NANGUAN))).wait();
        insist(open).map(|l| l.line).map_err(|e| format!("opening a line: {e}"))
    }

    /// One who waits in a line of their own.
    pub(super) fn waiting(&mut self) -> Result<(TaxpayerId, LineId, Entered), String> {
        let (taxpayer, line) = (self.taxpayers(1)?[0], self.line()?);
        let entered = insist(|| taxpayer_on(&self.world.core, taxpayer).interaction().enter(enter(line)).wait());
        entered.map(|e| (taxpayer, line, e)).map_err(|e| format!("entering: {e}"))
    }

    /// One whom officer 0 serves.
    pub(super) fn served(&mut self) -> Result<(TaxpayerId, Entered), String> {
        let (taxpayer, line, entered) = self.waiting()?;
        let officer = self.world.officer(0);
        insist(|| officer.interaction().claim(Claim { line }).wait()).map_err(|e| format!("claiming: {e}"))?;
        Ok((taxpayer, entered))
    }

    /// Officer 0 has nobody any more.
    pub(super) fn close(&self, entered: &Entered) -> Result<(), String> {
        let close = Close { conversation: entered.conversation, outcome: Ending::Resolved, note: None };
        let officer = self.world.officer(0);
        insist(|| officer.interaction().close(close.clone()).wait()).map(drop).map_err(|e| format!("closing: {e}"))
    }

    /// A session of an officer on one host or the other.
    pub(super) fn officer_on(&self, host: &Core, id: OfficerId) -> Session {
        host.as_actor(self.world.session_of(id).actor().clone())
    }

    /// A connection of somebody else's to the database.
    pub(super) fn outside(&self) -> Result<postgres::Client, String> {
        let Keep::Database(database) = &self.world.keep else { return Err("not on PostgreSQL".into()) };
        postgres::Client::connect(database.url(), postgres::NoTls).map_err(|e| e.to_string())
    }

    /// One number from the database.
    pub(super) fn count(&self, sql: &str) -> Result<i64, String> {
        let Keep::Database(database) = &self.world.keep else { return Err("not on PostgreSQL".into()) };
        let ask = || postgres::Client::connect(database.url(), postgres::NoTls)?.query_one(sql, &[]);
        ask().map(|row| row.get(0)).map_err(|e| format!("{sql}: {e}"))
    }

    /// Nothing of all that was done is missing from the audit chain.
    pub(super) fn chain_verifies(&self) -> Result<(), String> {
        let verdict = self.world.seal();
        ensure(verdict.finding.is_none(), || format!("the audit chain: {:?}", verdict.finding))
    }
}

/// A session of a taxpayer.
pub(super) fn taxpayer_on(host: &Core, id: TaxpayerId) -> Session {
    host.as_actor(Actor::Taxpayer(id))
}

/// What is said at the door.
pub(super) fn enter(line: LineId) -> Enter {
    Enter::new(line, "问")
}
