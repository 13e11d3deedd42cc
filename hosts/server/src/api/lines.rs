//! Answers that come in lines while the work goes on: JSON, a value a line (application/x-ndjson). Progress, then the end of it.

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use tokio::sync::mpsc;
use zhengna_core::{Error, Session};

use crate::app::App;
use crate::problem::Problem;

/// Lines that wait for a client who reads slowly; progress beyond that is left out.
const LINES_WAITING_MAX: usize = 8;

/// One line.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line<T> {
    /// How far it came.
    Progress {
        /// Steps done.
        done: u64,
        /// Steps there are.
        of: u64,
    },
    /// It is done: the last line.
    Done(T),
    /// It failed behind the first step: the last line.
    #[serde(serialize_with = "as_json")]
    Problem(#[schemars(with = "serde_json::Value")] Problem),
}

fn as_json<S: Serializer>(problem: &Problem, s: S) -> Result<S::Ok, S::Error> {
    problem.to_json().serialize(s)
}

impl<T: Serialize> Line<T> {
    fn bytes(&self) -> serde_json::Result<Bytes> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        Ok(line.into())
    }
}

/// Works on a thread of its own and answers in lines. The work goes to its end when the client leaves, and is cut off between two of its
/// transactions when the process ends. What goes wrong before the first step is answered as every problem; `held` is dropped with the work.
pub(super) async fn in_lines<T: Serialize + Send + 'static>(
    app: &App,
    session: Session,
    steps: u64,
    held: impl Send + 'static,
    work: impl FnOnce(&Session, &mut dyn FnMut(u64)) -> Result<T, Error> + Send + 'static,
) -> Result<Response, Problem> {
    let (say, mut heard) = mpsc::channel::<Line<T>>(LINES_WAITING_MAX);
    let span = tracing::Span::current();
    let run = move || {
        let result = span.in_scope(|| work(&session, &mut |done| drop(say.try_send(Line::Progress { done, of: steps }))));
        // A client who does not read on keeps nothing from others.
        drop(held);
        // Nobody hears it who has left.
        drop(say.blocking_send(result.map_or_else(|e| Line::Problem(e.into()), Line::Done)));
    };
    let internal = || Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR);
    std::thread::Builder::new().name("list".into()).spawn(run).map_err(|_| internal())?;
    let first = match heard.recv().await {
        Some(Line::Problem(problem)) => return Err(problem),
        first => first.ok_or_else(internal)?,
    };
    let stopping = Box::pin(app.lifecycle().stopping());
    let lines = stream::unfold((Some(first), heard, stopping), |(first, mut heard, mut stopping)| async move {
        let line = match first {
            Some(first) => first,
            None => tokio::select! {
                line = heard.recv() => line?,
                () = &mut stopping => return None,
            },
        };
        Some((line.bytes(), (None, heard, stopping)))
    });
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response())
}
