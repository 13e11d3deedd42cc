//! Stand-ins for outside systems that tests cannot reach, written from the vendor's document: the same paths, names, limits and
//! error codes (`docs/outside-systems.md`). Each is a real server on a port of its own.

pub mod portal;
pub mod tax_bureau;
pub mod wechat;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};

/// What befalls the next call instead of an answer.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// This answer.
    Answer(u16, String),
    /// No answer at all: the call hangs until the caller gives up.
    Silence,
    /// The connection is cut in the middle of the answer.
    Cut,
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
    _runtime: tokio::runtime::Runtime,
}

impl StandIn {
    fn start(router: Router) -> Self {
        let log = Arc::<Mutex<Log>>::default();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let router = router.layer(from_fn_with_state(log.clone(), troubled));
        let url = runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let url = format!("http://{}", listener.local_addr().expect("bound"));
            tokio::spawn(async { axum::serve(listener, router).await });
            url
        });
        Self { url, log, _runtime: runtime }
    }

    /// The next call meets this, the one behind it what is said next.
    pub fn next(&self, trouble: Trouble) {
        self.log.lock().expect("nothing panics here").troubles.push_back(trouble);
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
