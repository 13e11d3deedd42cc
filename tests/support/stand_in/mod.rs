//! Stand-ins for outside systems that tests cannot reach, written from the vendor's document: the same paths, names, limits and
//! error codes (`docs/outside-systems.md`). WeChat and the e-tax bureau are real servers, each on a port of its own. Of the portal nothing
//! is called: it signs tickets, and so does its stand-in.

pub mod portal;
pub mod tax_bureau;
pub mod wechat;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tokio::sync::Notify;
use zhengna_core::{Clock, Timestamp};

/// What a client is given to bring to us is good once, and so long.
pub const CODE_AGE_MAX: Duration = Duration::from_secs(5 * 60);

/// The vendor's time.
#[derive(Clone)]
struct Time(Arc<(Arc<dyn Clock>, AtomicI64)>);

impl Time {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.0.now().micros() + self.0.1.load(Ordering::SeqCst))
    }
}

/// Codes that a vendor gave out, each with what it stands for.
struct Codes<T>(HashMap<String, (T, Timestamp, bool)>);

impl<T> Default for Codes<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

/// Why a code is good no more.
enum Spent {
    /// Never given out, to somebody else, or too long ago.
    Unknown,
    Used,
}

impl<T> Codes<T> {
    fn give(&mut self, code: &str, said: T, now: Timestamp) {
        self.0.insert(code.into(), (said, now.plus(CODE_AGE_MAX), false));
    }

    fn redeem(&mut self, code: &str, now: Timestamp, ours: impl Fn(&T) -> bool) -> Result<&T, Spent> {
        let (said, until, used) = self.0.get_mut(code).filter(|(said, ..)| ours(said)).ok_or(Spent::Unknown)?;
        match (std::mem::replace(used, true), now < *until) {
            (true, _) => Err(Spent::Used),
            (false, true) => Ok(said),
            (false, false) => Err(Spent::Unknown),
        }
    }
}

/// How often something may be called.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    /// In a minute.
    pub minute: u32,
    /// In a day of Beijing.
    pub day: u32,
}

impl Quota {
    const NONE: Self = Self { minute: u32::MAX, day: u32::MAX };
}

/// Calls of the minute and of the day that they were counted in.
#[derive(Default)]
struct Counter([(i64, u32); 2]);

/// Which quota is used up.
#[derive(Clone, Copy)]
enum Over {
    Minute,
    Day,
}

impl Counter {
    /// Counts a call, unless it is one too many.
    fn count(&mut self, now: Timestamp, quota: Quota) -> Result<(), Over> {
        const MINUTE: i64 = 60 * 1_000_000;
        let beijing = now.micros() + 8 * 60 * MINUTE;
        let parts = [(beijing / MINUTE, quota.minute, Over::Minute), (beijing / (24 * 60 * MINUTE), quota.day, Over::Day)];
        for (counted, (part, ..)) in self.0.iter_mut().zip(parts) {
            if counted.0 != part {
                *counted = (part, 0);
            }
        }
        // The longer silence is the one to tell of.
        for (counted, (_, most, over)) in self.0.iter().zip(parts).rev() {
            if counted.1 >= most {
                return Err(over);
            }
        }
        self.0.iter_mut().for_each(|counted| counted.1 += 1);
        Ok(())
    }
}

/// What befalls the next call instead of an answer.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// This answer.
    Answer(u16, String),
    /// No answer at all: the call hangs until the caller gives up.
    Silence,
    /// The connection is cut in the middle of the answer.
    Cut,
    /// The answer that it would have been, once the test says so: see [`StandIn::hold`].
    Late(Sender<()>, Arc<Notify>),
}

/// A call to come whose answer is late.
pub struct Held {
    came: Receiver<()>,
    answer: Arc<Notify>,
}

impl Held {
    /// Waits until the call has come.
    pub fn came(&self) {
        self.came.recv_timeout(Duration::from_secs(60)).expect("nobody called");
    }

    /// Lets the answer go.
    pub fn answer(&self) {
        self.answer.notify_one();
    }
}

/// Calls as they came, and troubles to come.
#[derive(Default)]
struct Log {
    paths: Vec<String>,
    troubles: VecDeque<Trouble>,
}

/// A running stand-in.
pub struct StandIn {
    /// Where it is: `http://127.0.0.1:PORT`.
    pub url: String,
    log: Arc<Mutex<Log>>,
    time: Time,
    _runtime: tokio::runtime::Runtime,
}

impl StandIn {
    /// Serves what `routes` makes of the vendor's time.
    fn start(clock: Arc<dyn Clock>, routes: impl FnOnce(Time) -> Router) -> Self {
        let time = Time(Arc::new((clock, AtomicI64::new(0))));
        let router = routes(time.clone());
        let log = Arc::<Mutex<Log>>::default();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let router = router.layer(from_fn_with_state(log.clone(), troubled));
        let url = runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let url = format!("http://{}", listener.local_addr().expect("bound"));
            tokio::spawn(async { axum::serve(listener, router).await });
            url
        });
        Self { url, log, time, _runtime: runtime }
    }

    /// The next call meets this, the one behind it what is said next.
    pub fn next(&self, trouble: Trouble) {
        self.log.lock().expect("nothing panics here").troubles.push_back(trouble);
    }

    /// The next call is answered when the test says so, and not before.
    pub fn hold(&self) -> Held {
        let (tell, came) = channel();
        let answer = Arc::<Notify>::default();
        self.next(Trouble::Late(tell, answer.clone()));
        Held { came, answer }
    }

    /// The vendor's clock is so far ahead of ours from now on.
    pub fn ahead(&self, by: Duration) {
        self.time.0.1.store(i64::try_from(by.as_micros()).expect("not for ever"), Ordering::SeqCst);
    }

    /// Calls of a path so far.
    pub fn calls(&self, path: &str) -> usize {
        self.log.lock().expect("nothing panics here").paths.iter().filter(|p| *p == path).count()
    }
}

async fn troubled(State(log): State<Arc<Mutex<Log>>>, request: Request, next: Next) -> Response {
    let trouble = {
        let mut log = log.lock().expect("nothing panics here");
        log.paths.push(request.uri().path().to_owned());
        log.troubles.pop_front()
    };
    match trouble {
        None => next.run(request).await,
        Some(Trouble::Late(came, answer)) => {
            let _ = came.send(()); // a test that does not ask whether it came has dropped the other end
            answer.notified().await;
            next.run(request).await
        }
        Some(Trouble::Answer(status, body)) => {
            (StatusCode::from_u16(status).expect("a status"), [("content-type", "application/json")], body).into_response()
        }
        Some(Trouble::Silence) => std::future::pending().await,
        Some(Trouble::Cut) => {
            let half = [Ok("{\"openid\":"), Err(std::io::Error::other("cut"))];
            Response::new(Body::from_stream(futures_util::stream::iter(half)))
        }
    }
}
