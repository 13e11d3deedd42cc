//! What handlers share: the core, its one adapter to async, rates, slots, the hub of live events.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zhengna_core::access::{ActorRef, Provider};
use zhengna_core::operation::Operation;
use zhengna_core::planted::{Bug, planted};
use zhengna_core::{Core, Error, limits};

use crate::config::Config;
use crate::listener::Lifecycle;
use crate::live::Hub;
use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::provider::Providers;
use crate::rate::{Rate, RateLimiter, RetryAfterUs, Slots};
use crate::web::Web;
use crate::{api, stack};

/// Password hashing takes 19 MiB and a core for tens of milliseconds: this many at once.
const SIGN_INS_AT_ONCE: usize = 2;

/// Calls that wait for one identity provider at once: one that does not answer holds up neither the others nor passwords nor reads.
const OUTSIDE_AT_ONCE: usize = 32;

/// Lists that are read, looked at or imported at once: each may take gigabytes while its file is read.
const LISTS_AT_ONCE: usize = 1;
/// When to try again while another list is worked on.
const LISTS_RETRY_S: u32 = 10;

/// Readers that are taken without a slot: by the keeper, and by the hub, which reads events and looks at sessions.
const READERS_ELSEWHERE: usize = 3;

/// Who is counted by a rate: a person, or an address before sign-in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Counted {
    /// Signed in.
    Person(ActorRef),
    /// Not yet.
    Address(std::net::IpAddr),
}

/// What handlers share. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    core: Core,
    config: Config,
    lifecycle: Lifecycle,
    reads: Arc<Semaphore>,
    sign_ins: Arc<Semaphore>,
    outside: BTreeMap<Provider, Arc<Semaphore>>,
    lists: Arc<Semaphore>,
    providers: Providers,
    operations: Mutex<RateLimiter<&'static str, Counted>>,
    people: Mutex<RateLimiter<(), Counted>>,
    sockets: Slots<ActorRef>,
    hub: Hub,
    metrics: Metrics,
    web: Web,
}

/// What is held for requests at one moment. All zero while nobody is served: what is left over is a leak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Reads that run.
    pub reads: usize,
    /// Sign-ins that run.
    pub sign_ins: usize,
    /// Identity providers that are asked.
    pub outside: usize,
    /// Lists that are read, looked at, imported.
    pub lists: usize,
    /// People with live sockets or streams.
    pub sockets: usize,
    /// Places in the hub of live events.
    pub feeds: usize,
    /// Live sockets and streams, as `/metrics` counts them.
    pub live: i64,
    /// Detached work, feeds and sockets that a stop would wait for.
    pub tasks: usize,
}

/// The applications of a folder; none, and an error in the log, where it cannot be read: everything else is served.
fn web_of(folder: &std::path::Path) -> Web {
    Web::of(folder).unwrap_or_else(|e| {
        tracing::error!(folder = %folder.display(), error = %e, "the applications of the browser cannot be read");
        Web::default()
    })
}

/// The router of a whole host, with the hub of live events running. Call inside a tokio runtime.
pub fn start(core: Core, config: &Config, providers: Providers, lifecycle: Lifecycle) -> Router {
    App::new(core, config, providers, lifecycle).served()
}

impl App {
    /// What handlers share, with the hub of live events running. Call inside a tokio runtime.
    pub fn new(core: Core, config: &Config, providers: Providers, lifecycle: Lifecycle) -> App {
        App(Arc::new(Inner {
            reads: Arc::new(Semaphore::new(limits::READERS_MAX)),
            sign_ins: Arc::new(Semaphore::new(SIGN_INS_AT_ONCE)),
            outside: Provider::ALL.iter().map(|provider| (*provider, Arc::new(Semaphore::new(OUTSIDE_AT_ONCE)))).collect(),
            lists: Arc::new(Semaphore::new(LISTS_AT_ONCE)),
            providers,
            operations: Mutex::new(RateLimiter::new(config.limits.rate_keys)),
            people: Mutex::new(RateLimiter::new(config.limits.rate_keys)),
            sockets: Slots::new(config.limits.connections_per_person),
            hub: Hub::start(core.clone(), lifecycle.clone()),
            metrics: Metrics::default(),
            web: config.web_folder.as_deref().map_or_else(Web::built_in, web_of),
            core,
            config: config.clone(),
            lifecycle,
        }))
    }

    /// The router of a whole host.
    pub fn served(self) -> Router {
        let Inner { config, lifecycle, .. } = &*self.0;
        let body_read = std::time::Duration::from_secs(config.limits.body_seconds);
        stack::layered(api::router(self.clone()), config.json_limits(), body_read, lifecycle)
    }

    /// What is held for requests now.
    pub fn held(&self) -> Held {
        Held {
            reads: limits::READERS_MAX - self.0.reads.available_permits(),
            sign_ins: SIGN_INS_AT_ONCE - self.0.sign_ins.available_permits(),
            outside: self.0.outside.values().map(|slots| OUTSIDE_AT_ONCE - slots.available_permits()).sum(),
            lists: LISTS_AT_ONCE - self.0.lists.available_permits(),
            sockets: self.0.sockets.keys(),
            feeds: self.0.hub.feeds(),
            live: self.0.metrics.live.load(std::sync::atomic::Ordering::Relaxed),
            tasks: self.0.lifecycle.tasks().len(),
        }
    }

    /// The core.
    pub fn core(&self) -> &Core {
        &self.0.core
    }

    /// The applications of the browser.
    pub fn web(&self) -> &Web {
        &self.0.web
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// Start and stop.
    pub fn lifecycle(&self) -> &Lifecycle {
        &self.0.lifecycle
    }

    /// Live events.
    pub fn hub(&self) -> &Hub {
        &self.0.hub
    }

    /// Sockets each person holds open.
    pub fn sockets(&self) -> &Slots<ActorRef> {
        &self.0.sockets
    }

    /// Counters.
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// The one way from async into the core's reads: on a thread that may block, as many at once as there are
    /// readers.
    pub async fn read<R: Send + 'static>(&self, read: impl FnOnce(&Core) -> Result<R, Error> + Send + 'static) -> Result<R, Problem> {
        self.blocking(&self.0.reads, read).await
    }

    /// A read of a few rows, or of one stretch of them, that is asked all the time: on the spot where the rows are in this
    /// process and readers are free, because handing it to another thread and back costs more than the read; else like
    /// [`App::read`]. Not for lists whose rows stand all over the disk.
    pub async fn glance<R: Send + 'static>(&self, read: impl FnOnce(&Core) -> Result<R, Error> + Send + 'static) -> Result<R, Problem> {
        let at_once = !self.0.core.store().shared() && self.0.reads.available_permits() > READERS_ELSEWHERE;
        if at_once && let Ok(_slot) = self.0.reads.try_acquire() {
            return read(&self.0.core).map_err(Problem::from);
        }
        self.read(read).await
    }

    /// Sign-ins: slow on purpose, few at once.
    pub async fn sign_in<R: Send + 'static>(&self, run: impl FnOnce(&Core) -> Result<R, Error> + Send + 'static) -> Result<R, Problem> {
        self.blocking(&self.0.sign_ins, run).await
    }

    /// The identity providers.
    pub fn providers(&self) -> &Providers {
        &self.0.providers
    }

    /// What asks an identity provider: takes as long as that one does. Refused at once where so many wait already.
    pub async fn outside<R: Send + 'static>(
        &self,
        provider: Provider,
        run: impl FnOnce(&Core) -> Result<R, Error> + Send + 'static,
    ) -> Result<R, Problem> {
        let free = self.0.outside.get(&provider).filter(|slots| slots.available_permits() > 0);
        let slots = free.ok_or_else(|| Problem::of_status(StatusCode::SERVICE_UNAVAILABLE).with_retry_after_s(limits::PROVIDER_RETRY_S))?;
        self.blocking(slots, run).await
    }

    /// A place for a list; refused at once where another one is worked on. It is given back when it is dropped.
    pub(crate) fn place_for_list(&self) -> Result<OwnedSemaphorePermit, Problem> {
        self.0.lists.clone().try_acquire_owned().map_err(|_| {
            let (title, detail) = ("正在处理另一份名单，请稍后再试", "Another list is worked on at this host; try again later.");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "list.another", title, detail).with_retry_after_s(LISTS_RETRY_S)
        })
    }

    async fn blocking<R: Send + 'static>(
        &self,
        slots: &Arc<Semaphore>,
        run: impl FnOnce(&Core) -> Result<R, Error> + Send + 'static,
    ) -> Result<R, Problem> {
        // The semaphores are never closed.
        let slot = slots.clone().acquire_owned().await.map_err(|_| Problem::of_status(StatusCode::SERVICE_UNAVAILABLE))?;
        let (core, span) = (self.0.core.clone(), tracing::Span::current());
        // The slot goes with the work, which ends later than its caller when that one leaves: else clients that
        // come and go would have any number of reads running.
        let slot = if planted(Bug::SlotLeaked) {
            slot.forget();
            None
        } else {
            Some(slot)
        };
        let work = move || {
            let _slot = slot;
            span.in_scope(|| run(&core))
        };
        let ended = tokio::task::spawn_blocking(work).await;
        if planted(Bug::SlotLeaked) {
            slots.add_permits(1);
        }
        match ended {
            Ok(result) => result.map_err(Problem::from),
            Err(e) => {
                tracing::error!(error = %e, "a read panicked");
                Err(Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR))
            }
        }
    }

    /// Counts one call of an operation; refuses above the caller's rate or the operation's.
    pub fn count(&self, operation: &'static Operation, who: &Counted) -> Result<(), Problem> {
        let now_us = u64::try_from(self.0.core.now().micros()).unwrap_or(0);
        let mut people = self.0.people.lock().unwrap_or_else(PoisonError::into_inner); // nothing panics while holding it
        let personal = people.take((), who.clone(), self.0.config.rate_per_person(), now_us);
        drop(people);
        // The table counts per minute, the bucket per second: give it a clock on which a minute is a second.
        let rate = Rate { per_second: operation.per_minute, burst: operation.per_minute };
        let mut operations = self.0.operations.lock().unwrap_or_else(PoisonError::into_inner);
        let own = operations.take(operation.name, who.clone(), rate, now_us / 60);
        let own = own.map_err(|RetryAfterUs(us)| RetryAfterUs(us.saturating_mul(60)).seconds());
        drop(operations);
        match (personal.map_err(|e| e.seconds()), own) {
            (Ok(()), Ok(())) => Ok(()),
            (Err(s), _) | (_, Err(s)) => Err(Problem::of_status(StatusCode::TOO_MANY_REQUESTS).with_retry_after_s(s.max(1))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use zhengna_tests::world::{Engine, World};

    #[tokio::test]
    async fn a_read_whose_caller_left_keeps_its_slot_until_it_ends() {
        let config = crate::config::Effective::from_parts(&crate::config::Flags::default(), []).unwrap().config;
        let app = App::new(World::new(Engine::Memory).core.clone(), &config, Providers::default(), Lifecycle::new());
        let (go, wait) = mpsc::channel::<()>();
        let mut read = Box::pin(app.read(move |_| Ok(wait.recv().is_err())));
        assert!(std::future::poll_fn(|cx| std::task::Poll::Ready(read.as_mut().poll(cx).is_pending())).await);
        drop(read);
        assert_eq!(app.held(), Held { reads: 1, ..Held::default() }, "it still runs");
        drop(go);
        while app.held() != Held::default() {
            tokio::task::yield_now().await;
        }
    }
}
