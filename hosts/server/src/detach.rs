//! Work that outlives its client. hyper drops a handler's future when the peer closes, at whatever await it stands;
//! a command that has begun must reach its end.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::task::Poll;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument as _;
use zhengna_core::planted::{Bug, planted};

use crate::listener::Lifecycle;
use crate::problem::literal_of;

/// Runs `f` to its end even if the caller is dropped; a graceful stop waits for it.
///
/// A panic of `f` goes on in the caller, or is logged if the caller has left.
pub async fn detached<F>(lifecycle: &Lifecycle, f: F) -> F::Output
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let (tell, told) = tokio::sync::oneshot::channel();
    let work = async move {
        let mut f = pin!(f);
        let outcome: Result<F::Output, Box<dyn Any + Send>> =
            std::future::poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| f.as_mut().poll(cx))) {
                Ok(Poll::Pending) => Poll::Pending,
                Ok(Poll::Ready(v)) => Poll::Ready(Ok(v)),
                Err(payload) => Poll::Ready(Err(payload)),
            })
            .await;
        if let Err(Err(payload)) = tell.send(outcome) {
            tracing::error!(panic = literal_of(payload.as_ref()), "detached work panicked after its client left");
        }
    };
    lifecycle.tasks().spawn(work.in_current_span());
    match told.await {
        Ok(Ok(value)) => value,
        Ok(Err(payload)) => resume_unwind(payload),
        // Only a runtime that is being torn down drops the task, and then nobody is polling us either.
        Err(_) => std::future::pending().await,
    }
}

/// Middleware: runs the whole handler of every request that may write (any method but GET, HEAD, OPTIONS) detached,
/// so that no handler has to remember. Use with `axum::middleware::from_fn_with_state`.
pub async fn detach_writes(State(lifecycle): State<Lifecycle>, request: Request, next: Next) -> Response {
    let inside = request.method().is_safe() || planted(Bug::WriteNotDetached);
    if inside { next.run(request).await } else { detached(&lifecycle, next.run(request)).await }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listener::{ListenerLimits, Stopped, serve};
    use axum::Router;
    use axum::routing::post;
    use std::time::Duration;
    use tokio::io::AsyncWriteExt as _;
    use tokio::sync::mpsc;
    use tokio::time::timeout;
    use tokio_util::sync::CancellationToken;

    const BOUND: Duration = Duration::from_secs(10);

    struct SaysWhenDropped(mpsc::UnboundedSender<&'static str>);
    impl Drop for SaysWhenDropped {
        fn drop(&mut self) {
            let _ = self.0.send("caller dropped");
        }
    }

    #[tokio::test]
    async fn t45_work_ends_though_its_client_left_and_a_stop_waits_for_it() {
        let (tx, mut rx) = mpsc::unbounded_channel();
        let (life, release) = (Lifecycle::new(), CancellationToken::new());
        let (l, r) = (life.clone(), release.clone());
        let router = Router::new().route(
            "/",
            post(async move || {
                let _caller = SaysWhenDropped(tx.clone());
                detached(&l, async move {
                    tx.send("begun").unwrap();
                    r.cancelled().await;
                    tx.send("ended").unwrap();
                })
                .await;
            }),
        );
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let done = tokio::spawn(serve(listener, router, ListenerLimits::default(), life.clone()));
        let mut client = tokio::net::TcpStream::connect(at).await.unwrap();
        client.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        let mut next = async || timeout(BOUND, rx.recv()).await.unwrap();
        assert_eq!(next().await, Some("begun"));
        drop(client);
        assert_eq!(next().await, Some("caller dropped")); // the trap is real
        life.begin_stop();
        timeout(BOUND, async { while tokio::net::TcpStream::connect(at).await.is_ok() {} }).await.unwrap();
        assert!(!done.is_finished());
        release.cancel();
        assert_eq!(next().await, Some("ended"));
        assert_eq!(timeout(BOUND, done).await.unwrap().unwrap(), Stopped::default());
    }

    /// Drops the caller at each of its awaits in turn: the work always ends.
    #[tokio::test]
    async fn t45_cancelled_at_every_await_it_still_ends() {
        for polls in 0..6 {
            let life = Lifecycle::new();
            let (tx, mut rx) = mpsc::unbounded_channel();
            let mut caller = Box::pin(detached(&life, async move {
                for _ in 0..4 {
                    tokio::task::yield_now().await;
                }
                tx.send(()).unwrap();
            }));
            for _ in 0..polls {
                let _ = std::future::poll_fn(|cx| Poll::Ready(caller.as_mut().poll(cx).is_ready())).await;
                tokio::task::yield_now().await;
                if life.tasks().is_empty() {
                    break;
                }
            }
            drop(caller);
            life.tasks().close();
            timeout(BOUND, life.tasks().wait()).await.unwrap();
            assert_eq!(rx.try_recv().is_ok(), polls > 0, "{polls}"); // never polled: never begun
        }
    }

    #[tokio::test]
    async fn values_and_panics_come_back() {
        let life = Lifecycle::new();
        assert_eq!(detached(&life, async { 7 }).await, 7);
        let l = life.clone();
        let joined = tokio::spawn(async move { detached(&l, async { panic!("inside") }).await }).await;
        assert!(joined.unwrap_err().is_panic());
    }

    #[tokio::test]
    async fn the_middleware_detaches_writes_only() {
        use tower::ServiceExt as _;
        let life = Lifecycle::new();
        let l = life.clone();
        let app = Router::new()
            .route("/", post(async move || l.tasks().len().to_string()).get(async || "0"))
            .layer(axum::middleware::from_fn_with_state(life, detach_writes));
        for (method, tasks) in [("POST", "1"), ("GET", "0")] {
            let req = Request::builder().method(method).uri("/").body(axum::body::Body::empty()).unwrap();
            let body = app.clone().oneshot(req).await.unwrap().into_body();
            assert_eq!(axum::body::to_bytes(body, 10).await.unwrap(), tasks);
        }
    }
}
