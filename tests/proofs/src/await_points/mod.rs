//! Await points: the future of every handler is dropped at every poll, as hyper drops it when the client leaves.
//!
//! Each route of the table is driven in a host of its own, once to its end and then dropped after k = 0, 1, 2, ...
//! polls until it ends before that. Then: the command happened whole (rows, journal, audit record, remembered answer:
//! the same tables changed by as many rows) or not at all; a repeat with its key is answered and leaves it there once;
//! nothing is held any more (slots, sockets, feeds, tasks). Behind the whole stack a write that was begun always
//! happens: the stack runs it detached. Handlers are driven without the stack too, where they are really dropped.

mod requests;
mod scene;

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use axum::body::Body;
use axum::{Extension, Router};
use futures_util::StreamExt as _;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tower::ServiceExt as _;
use zhengna_server::api;

use crate::plan::{Figures, Outcome, Plan};
use requests::{Answered, Case};
use scene::{Change, Scene, Stage};

/// No handler has as many awaits: one that is polled this often never ends.
const POLLS_MAX: usize = 200;

/// What stands around the handlers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Around {
    /// The whole stack, as served.
    Stack,
    /// Nothing.
    Nothing,
}

#[derive(Default)]
struct Counted {
    requests: u64,
    dropped: u64,
    repeated: u64,
    most_polls: usize,
}

/// Drops every handler at every poll.
pub(crate) fn run(plan: &Plan) -> Outcome {
    let scene = Scene::prepare().map_err(|e| format!("the scene could not be prepared: {e}"))?;
    let (routes, mut cases) = (api::routes(), Vec::new());
    for route in routes.documented() {
        let own = requests::requests(route, &scene);
        if own.is_empty() {
            return Err(format!("no request drives {} {} ({})", route.method, route.path, route.id));
        }
        cases.extend(own);
    }
    cases.extend(requests::undocumented());
    let mut counted = Counted::default();
    for round in 0..plan.choose(1, 5) {
        for around in [Around::Stack, Around::Nothing] {
            // Each reading of a file starts a process, which takes longer than all else here: once is enough to drop it everywhere.
            for case in cases.iter().filter(|case| round == 0 || !case.reads_a_file()) {
                drive(&scene, case, around, &mut counted).map_err(|e| format!("{} with {around:?} around it: {e}", case.name))?;
            }
        }
    }
    let mut figures = Figures::default();
    let of = routes.documented().len();
    figures.add("routes driven, of those declared", format!("{of} of {of}"));
    figures.add("requests (by token, by ticket, streams, sockets, probes, pages), each behind the stack and without it", cases.len());
    figures.add("futures driven to their end", counted.requests);
    figures.add("futures dropped at a poll", counted.dropped);
    figures.add("most polls of one", counted.most_polls);
    figures.add("repeats with the same key after a drop", counted.repeated);
    figures.add("half-done, leaked", "0, 0");
    Ok(figures)
}

/// Drives a request to its end, then drops it at each poll.
fn drive(scene: &Scene, case: &Case, around: Around, counted: &mut Counted) -> Result<(), String> {
    let whole = attempt(scene, case, around, None)?.change;
    if whole.is_empty() == case.writes {
        return Err(format!("what it changes is not what its class says: {whole:?}"));
    }
    for polls in 0..POLLS_MAX {
        let tried = attempt(scene, case, around, Some(polls)).map_err(|e| format!("dropped at poll {polls}: {e}"))?;
        counted.repeated += u64::from(tried.repeated.is_some());
        let once = |what: &Change| *what == whole;
        if tried.ended {
            counted.requests += 1;
            counted.most_polls = counted.most_polls.max(polls);
            return if once(&tried.change) { Ok(()) } else { Err(format!("changed {:?}, and before {whole:?}", tried.change)) };
        }
        counted.dropped += 1;
        let begun_detached = around == Around::Stack && polls > 0 && !case.method.is_safe();
        if begun_detached && !once(&tried.change) {
            return Err(format!(
                "begun, dropped at poll {polls}, and not brought to its end: changed {:?}, whole is {whole:?}",
                tried.change
            ));
        }
        if !tried.change.is_empty() && (polls == 0 || !once(&tried.change)) {
            return Err(format!("half-done, dropped at poll {polls}: changed {:?}, whole is {whole:?}", tried.change));
        }
        if let Some(change) = tried.repeated.filter(|change| !once(change)) {
            return Err(format!("dropped at poll {polls} and sent again with its key: changed {change:?}, once is {whole:?}"));
        }
    }
    Err(format!("not ended after {POLLS_MAX} polls"))
}

/// What an attempt did.
struct Tried {
    /// Whether it ended before it was dropped.
    ended: bool,
    change: Change,
    /// What is changed after a repeat with the same key.
    repeated: Option<Change>,
}

fn attempt(scene: &Scene, case: &Case, around: Around, most: Option<usize>) -> Result<Tried, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    runtime.block_on(async {
        let stage = scene.stage().map_err(|e| e.to_string())?;
        let first = polled(answer(&stage, case, around), most).await.transpose()?;
        stage.settle().await?;
        let change = stage.change();
        let mut repeated = None;
        if case.keyed {
            let again = answer(&stage, case, around).await.map_err(|e| format!("sent again with its key: {e}"))?;
            if first.as_ref().is_some_and(|first| *first != again) {
                return Err(format!("answered {first:?}, and sent again with its key {again}"));
            }
            stage.settle().await?;
            repeated = Some(stage.change());
        }
        Ok(Tried { ended: first.is_some(), change, repeated })
    })
}

/// Polls a future at most so often, then drops it.
async fn polled<F: Future>(future: F, most: Option<usize>) -> Option<F::Output> {
    let (mut future, mut polls) = (pin!(future), 0);
    poll_fn(|cx| {
        if most == Some(polls) {
            return Poll::Ready(None);
        }
        polls += 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if most == Some(polls) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

fn router(stage: &Stage, around: Around) -> Router {
    match around {
        Around::Stack => stage.app.clone().served(),
        Around::Nothing => api::router(stage.app.clone()).layer(Extension(stage.config.json_limits())),
    }
}

/// Sends the request and reads the answer: all of it, or the first frame of what does not end.
async fn answer(stage: &Stage, case: &Case, around: Around) -> Result<String, String> {
    if case.answer == Answered::Socket {
        return socket(stage, case, around).await;
    }
    let Ok(response) = router(stage, around).oneshot(case.request()).await;
    let status = response.status().as_u16();
    let mut frames = response.into_body().into_data_stream();
    let mut text = Vec::new();
    while let Some(frame) = frames.next().await {
        text.extend_from_slice(&frame.map_err(|e| e.to_string())?);
        if case.answer == Answered::Stream {
            break;
        }
    }
    let text = String::from_utf8_lossy(&text).into_owned();
    if status == case.status { Ok(text) } else { Err(format!("answered {status} {text}")) }
}

/// Opens a socket over a connection of its own, and reads until the first frame; dropped, both ends are gone.
async fn socket(stage: &Stage, case: &Case, around: Around) -> Result<String, String> {
    let (mut client, server) = tokio::io::duplex(64 * 1024);
    let router = router(stage, around);
    let service =
        hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| router.clone().oneshot(request.map(Body::new)));
    let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(server), service).with_upgrades();
    let talk = async {
        client.write_all(case.upgrade().as_bytes()).await.map_err(|e| e.to_string())?;
        let mut heard = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&heard);
            if text.contains("hello") {
                return Ok(text.into_owned());
            }
            let some = client.read_buf(&mut heard).await.map_err(|e| e.to_string())?;
            if some == 0 {
                return Err(format!("the socket ended: {}", String::from_utf8_lossy(&heard)));
            }
        }
    };
    let (served, heard) = tokio::join!(connection, talk);
    served.map_err(|e| e.to_string())?;
    heard
}
