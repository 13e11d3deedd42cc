//! The accept loop: axum routes over hyper's own HTTP/1.1 connections, with the limits `axum::serve` does not have.
//!
//! Why our own: `axum::serve` sets no header timeout, so one silent socket per file descriptor stops a host. Here a
//! header has a deadline and a size, a body has a deadline, a peer that stops reading is dropped, and connections
//! are counted from accept until the socket closes, WebSockets included.
//!
//! Stopping finishes what was accepted: see [`Lifecycle`] and [`serve`].

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use axum::serve::Listener;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep, timeout};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tower::ServiceExt as _;

use crate::problem::{PROBLEM_JSON, Problem};

/// What one listener allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerLimits {
    /// A request's header must be complete this long after the connection became ready for it. hyper closes idle
    /// keep-alive connections by the same timer, so not less than about 10 s in production.
    pub header_read: Duration,
    /// Request line and headers together; more is answered 431. At least 8 KiB (hyper's minimum).
    pub header_bytes: usize,
    /// A request's body must be complete this long after it is first read ([`body_timeout`]).
    pub body_read: Duration,
    /// A peer that lets us write nothing for this long is dropped.
    pub write_stall: Duration,
    /// Open sockets, WebSockets included. Above it a connection is answered 503 and closed.
    pub connections: usize,
    /// How many connections may be in the middle of that 503; above it they are closed without a word.
    pub refusals: usize,
    /// How long a stop waits for what was accepted.
    pub drain: Duration,
    /// How long, within `drain`, a stop waits for a connection that never completed a request header.
    pub drain_silent: Duration,
}

impl Default for ListenerLimits {
    fn default() -> ListenerLimits {
        ListenerLimits {
            header_read: Duration::from_secs(10),
            header_bytes: 64 * 1024,
            body_read: Duration::from_secs(30),
            write_stall: Duration::from_secs(30),
            connections: 4096,
            refusals: 64,
            drain: Duration::from_secs(20),
            drain_silent: Duration::from_secs(1),
        }
    }
}

/// The stop signal and the count of everything that must end before the process may.
///
/// Connections are counted by [`serve`] itself. WebSockets leave their connection when they are upgraded, and
/// detached work ([`crate::detach`]) never belonged to one: both hold a token from here.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Lifecycle {
    /// Running, nothing counted.
    pub fn new() -> Lifecycle {
        Lifecycle::default()
    }

    /// Asks everything to stop. Returns at once; calling it again changes nothing.
    pub fn begin_stop(&self) {
        self.stop.cancel();
    }

    /// Whether a stop was asked for.
    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Resolves once a stop is asked for. Socket and stream handlers select on it.
    pub fn stopping(&self) -> WaitForCancellationFutureOwned {
        self.stop.clone().cancelled_owned()
    }

    /// Held by a socket handler while it runs, so that a stop waits for it.
    pub fn token(&self) -> TaskTrackerToken {
        self.tasks.token()
    }

    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }
}

/// What a stop had to cut off at the drain deadline. Both zero: everything accepted was finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stopped {
    /// Connections that had sent a request and were still open.
    pub connections_cut: usize,
    /// WebSockets and detached tasks still running.
    pub tasks_cut: usize,
}

/// Serves until [`Lifecycle::begin_stop`], then stops: accepts no more, tells connections and sockets, and waits for
/// them and for detached work at most `limits.drain`.
///
/// Handlers get the peer's address by `ConnectInfo<SocketAddr>`. Behind a gateway that is the gateway's.
pub async fn serve(mut listener: tokio::net::TcpListener, router: Router, limits: ListenerLimits, lifecycle: Lifecycle) -> Stopped {
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_read)
        .max_buf_size(limits.header_bytes.max(8192)) // hyper panics below
        .keep_alive(true);
    let shared = Arc::new(Shared {
        http,
        router,
        slots: Arc::new(Semaphore::new(limits.connections)),
        refusals: Arc::new(Semaphore::new(limits.refusals)),
        lifecycle: lifecycle.clone(),
        cut_off: CancellationToken::new(),
        cut: AtomicUsize::new(0),
        limits,
    });
    let connections = TaskTracker::new();
    loop {
        tokio::select! {
            biased;
            () = lifecycle.stop.cancelled() => break,
            (io, peer) = Listener::accept(&mut listener) => shared.accepted(io, peer, &connections), // retries errors itself
        }
    }
    // The kernel has shaken hands with these already: their clients take them for accepted. Bounded, so that a flood
    // of new ones cannot hold the stop up.
    for _ in 0..1024 {
        let Ok(Ok((io, peer))) = timeout(Duration::ZERO, listener.accept()).await else {
            break;
        };
        shared.accepted(io, peer, &connections);
    }
    drop(listener);

    let deadline = Instant::now() + shared.limits.drain;
    connections.close();
    lifecycle.tasks.close();
    // Connections first: a request in flight may still detach work.
    let everything = async {
        connections.wait().await;
        lifecycle.tasks.wait().await;
    };
    let in_time = tokio::time::timeout_at(deadline, everything).await.is_ok();
    let tasks_cut = if in_time { 0 } else { lifecycle.tasks.len() };
    shared.cut_off.cancel();
    connections.wait().await; // every connection task selects on `cut_off`: this is immediate
    Stopped { connections_cut: shared.cut.load(Ordering::Relaxed), tasks_cut }
}

struct Shared {
    http: hyper::server::conn::http1::Builder,
    router: Router,
    slots: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
    lifecycle: Lifecycle,
    cut_off: CancellationToken,
    cut: AtomicUsize,
    limits: ListenerLimits,
}

impl Shared {
    fn accepted(self: &Arc<Self>, io: TcpStream, peer: SocketAddr, connections: &TaskTracker) {
        match self.slots.clone().try_acquire_owned() {
            Ok(slot) => {
                // Answers are written whole: waiting to fill a segment only delays them.
                let _unimportant = io.set_nodelay(true);
                connections.spawn(self.clone().connection(Counted::new(io, self.limits.write_stall, slot), peer));
            }
            Err(_) => {
                if let Ok(permit) = self.refusals.clone().try_acquire_owned() {
                    tokio::spawn(async move {
                        let _closed_either_way = timeout(Duration::from_secs(1), refuse(io)).await;
                        drop(permit);
                    });
                }
            }
        }
    }

    async fn connection(self: Arc<Self>, io: Counted, peer: SocketAddr) {
        let asked = CancellationToken::new(); // fires at the first request
        let (router, flag) = (self.router.clone(), asked.clone());
        let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
            flag.cancel();
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            router.clone().oneshot(request)
        });
        let mut connection = pin!(self.http.serve_connection(io, service).with_upgrades());
        // Errors here are the peer's: closed, timed out, not HTTP. There is nobody to tell.
        tokio::select! {
            _ended = connection.as_mut() => return,
            () = self.lifecycle.stop.cancelled() => {}
        }
        // hyper's graceful stop closes a connection it has read nothing from, though its first request may be on the
        // way or in the kernel already: give that one a moment.
        tokio::select! {
            _ended = connection.as_mut() => return,
            () = asked.cancelled() => connection.as_mut().graceful_shutdown(),
            () = sleep(self.limits.drain_silent) => return,
            () = self.cut_off.cancelled() => return,
        }
        tokio::select! {
            _ended = connection.as_mut() => {}
            () = self.cut_off.cancelled() => {
                self.cut.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// Says 503 without reading, then reads what the client had sent, or the reset for unread data would overtake the
/// answer.
async fn refuse(mut io: TcpStream) -> io::Result<()> {
    let problem = Problem::of_status(StatusCode::SERVICE_UNAVAILABLE).with_retry_after_s(5);
    let body = problem.to_json().to_string();
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: {PROBLEM_JSON}\r\nretry-after: 5\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    io.write_all(answer.as_bytes()).await?;
    io.shutdown().await?;
    let mut scrap = [0u8; 4096];
    while io.read(&mut scrap).await? > 0 {}
    Ok(())
}

/// A socket that gives its slot back when it closes (also after an upgrade, which takes it out of its connection)
/// and fails when the peer stops reading.
struct Counted {
    io: TokioIo<TcpStream>,
    stall: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
    _slot: OwnedSemaphorePermit,
}

impl Counted {
    fn new(io: TcpStream, stall: Duration, slot: OwnedSemaphorePermit) -> Counted {
        Counted { io: TokioIo::new(io), stall, stalled: None, _slot: slot }
    }

    fn watched<T>(&mut self, cx: &mut Context<'_>, write: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if write.is_ready() {
            self.stalled = None;
            return write;
        }
        let stall = self.stall;
        let sleeping = self.stalled.get_or_insert_with(|| Box::pin(sleep(stall)));
        ready!(sleeping.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl hyper::rt::Read for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: hyper::rt::ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl hyper::rt::Write for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.io).poll_write(cx, buf);
        self.watched(cx, write)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A TCP socket has nothing to flush: ready at once, and no sign that the peer reads.
        Pin::new(&mut self.io).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.watched(cx, write)
    }
}

/// Middleware: a request body not complete within `limit` of its first read is answered 408 and the connection
/// closed, whatever the handler makes of the broken body. Use with `axum::middleware::from_fn_with_state`.
pub async fn body_timeout(axum::extract::State(limit): axum::extract::State<Duration>, request: Request, next: Next) -> Response {
    if hyper::body::Body::is_end_stream(request.body()) {
        return next.run(request).await;
    }
    let expired = Arc::new(AtomicBool::new(false));
    let flag = expired.clone();
    let request = request.map(|inner| Body::new(TimedBody { inner, limit, sleep: None, expired: flag }));
    let response = next.run(request).await;
    if !expired.load(Ordering::Relaxed) {
        return response;
    }
    let mut response = Problem::of_status(StatusCode::REQUEST_TIMEOUT).into_response();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

struct TimedBody {
    inner: Body,
    limit: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
    expired: Arc<AtomicBool>,
}

impl hyper::body::Body for TimedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        let limit = self.limit;
        let deadline = self.sleep.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(deadline.as_mut().poll(cx));
        self.expired.store(true, Ordering::Relaxed);
        Poll::Ready(Some(Err(axum::Error::new(io::Error::from(io::ErrorKind::TimedOut)))))
    }
    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }
    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Tells a WebSocket's peer that we are going away (1001) and waits for its answer at most `patience`.
pub async fn going_away(mut socket: WebSocket, patience: Duration) {
    let frame = CloseFrame { code: close_code::AWAY, reason: "stopping".into() };
    let goodbye = async {
        if socket.send(Message::Close(Some(frame))).await.is_ok() {
            while let Some(Ok(_)) = socket.recv().await {}
        }
    };
    let _closed_either_way = timeout(patience, goodbye).await;
}

/// SIGTERM and SIGINT, heard from now on. Made before anybody is told that the host is there.
pub struct Signals(tokio::signal::unix::Signal, tokio::signal::unix::Signal);

impl Signals {
    /// Begins to listen. Call inside a tokio runtime.
    pub fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self(signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?))
    }

    /// Resolves at the next one.
    pub async fn next(&mut self) {
        tokio::select! { _ = self.0.recv() => {}, _ = self.1.recv() => {} }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::extract::{State, WebSocketUpgrade};
    use axum::routing::{get, post};
    use std::future::Future;
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;
    use tokio::task::JoinHandle;

    const BOUND: Duration = Duration::from_secs(10);

    async fn soon<F: Future>(f: F) -> F::Output {
        timeout(BOUND, f).await.expect("bounded wait ran out")
    }

    /// What handlers tell the test and wait for.
    #[derive(Clone)]
    struct Strings {
        entered: mpsc::UnboundedSender<&'static str>,
        release: CancellationToken,
        life: Lifecycle,
    }

    struct Host {
        at: SocketAddr,
        life: Lifecycle,
        entered: mpsc::UnboundedReceiver<&'static str>,
        release: CancellationToken,
        done: JoinHandle<Stopped>,
    }

    fn short() -> ListenerLimits {
        ListenerLimits {
            header_read: Duration::from_millis(300),
            body_read: Duration::from_millis(300),
            drain_silent: Duration::from_millis(50),
            ..ListenerLimits::default()
        }
    }

    async fn host(limits: ListenerLimits) -> Host {
        let (entered, rx) = mpsc::unbounded_channel();
        let (life, release) = (Lifecycle::new(), CancellationToken::new());
        let strings = Strings { entered, release: release.clone(), life: life.clone() };
        let router = Router::new()
            .route("/peer", get(async |ConnectInfo(a): ConnectInfo<SocketAddr>| a.to_string()))
            .route(
                "/slow",
                get(async |State(s): State<Strings>| {
                    s.entered.send("slow").unwrap();
                    s.release.cancelled().await;
                    "finished"
                }),
            )
            .route("/echo", post(async |b: Bytes| b))
            .route("/huge", get(async || vec![b'x'; 64 << 20]))
            .route(
                "/ws",
                get(async |State(s): State<Strings>, up: WebSocketUpgrade| {
                    let token = s.life.token();
                    up.on_upgrade(async move |mut socket| {
                        s.entered.send("ws").unwrap();
                        tokio::select! {
                            _ = socket.recv() => {}
                            () = s.life.stopping() => going_away(socket, Duration::from_secs(2)).await,
                        }
                        drop(token);
                    })
                }),
            )
            .with_state(strings)
            .layer(axum::middleware::from_fn_with_state(limits.body_read, body_timeout));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let done = tokio::spawn(serve(listener, router, limits, life.clone()));
        Host { at, life, entered: rx, release, done }
    }

    async fn send(at: SocketAddr, text: &str) -> TcpStream {
        let mut c = soon(TcpStream::connect(at)).await.unwrap();
        soon(c.write_all(text.as_bytes())).await.unwrap();
        c
    }

    /// Everything until the peer closes; a reset counts as closed.
    async fn rest(c: &mut TcpStream) -> String {
        let mut all = Vec::new();
        let _reset = soon(c.read_to_end(&mut all)).await;
        String::from_utf8_lossy(&all).into_owned()
    }

    fn get_of(path: &str, more: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nhost: x\r\n{more}\r\n")
    }

    const WS: &str =
        "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

    async fn websocket(h: &mut Host) -> TcpStream {
        let mut c = send(h.at, &get_of("/ws", WS)).await;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(soon(c.read_u8()).await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        assert_eq!(soon(h.entered.recv()).await, Some("ws"));
        c
    }

    #[tokio::test]
    async fn t42_half_a_header_and_silence_are_closed_in_time() {
        let h = host(short()).await;
        let began = Instant::now();
        let mut half = send(h.at, "GET /peer HTTP/1.1\r\nhost: x\r\nx-half").await;
        let mut silent = send(h.at, "").await;
        rest(&mut half).await;
        rest(&mut silent).await;
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(250) && took < BOUND, "{took:?}");
    }

    #[tokio::test]
    async fn t42_a_header_that_drips_is_closed_too() {
        let h = host(short()).await;
        let mut c = send(h.at, "GET /peer HTTP/1.1\r\nhost: x\r\nx: ").await;
        let (mut r, mut w) = c.split();
        let mut tick = tokio::time::interval(Duration::from_millis(20)); // the attack is a slow drip
        let drip = async {
            loop {
                tick.tick().await;
                if w.write_all(b"a").await.is_err() {
                    break;
                }
            }
        };
        let mut all = Vec::new();
        soon(async {
            tokio::select! { _ = r.read_to_end(&mut all) => {}, () = drip => {} }
        })
        .await;
    }

    #[tokio::test]
    async fn huge_headers_are_431() {
        let h = host(ListenerLimits { header_bytes: 8192, ..ListenerLimits::default() }).await;
        let mut c = send(h.at, &get_of("/peer", &format!("x: {}\r\n", "a".repeat(9000)))).await;
        assert!(rest(&mut c).await.starts_with("HTTP/1.1 431"));
    }

    #[tokio::test]
    async fn t42_a_slow_body_is_408() {
        let h = host(short()).await;
        let mut c = send(h.at, "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc").await;
        let answer = rest(&mut c).await;
        assert!(answer.starts_with("HTTP/1.1 408") && answer.contains(r#""code":"body.too_slow""#), "{answer}");
        let mut c = send(h.at, "POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 3\r\n\r\nabc").await;
        assert!(rest(&mut c).await.ends_with("abc"));
    }

    #[tokio::test]
    async fn a_peer_that_does_not_read_is_dropped() {
        let mut h = host(ListenerLimits { write_stall: Duration::from_millis(200), connections: 1, ..ListenerLimits::default() }).await;
        let _deaf = send(h.at, &get_of("/huge", "")).await;
        // its slot comes back without it ever closing
        soon(async {
            loop {
                let mut c = send(h.at, &get_of("/peer", "connection: close\r\n")).await;
                if rest(&mut c).await.starts_with("HTTP/1.1 200") {
                    break;
                }
            }
        })
        .await;
        h.life.begin_stop();
        assert_eq!(soon(&mut h.done).await.unwrap(), Stopped::default());
    }

    #[tokio::test]
    async fn handlers_see_the_peer() {
        let h = host(ListenerLimits::default()).await;
        let mut c = send(h.at, &get_of("/peer", "connection: close\r\n")).await;
        let me = c.local_addr().unwrap().to_string();
        assert!(rest(&mut c).await.ends_with(&me));
    }

    #[tokio::test]
    async fn a_stop_finishes_what_is_in_flight_and_refuses_what_is_new() {
        let mut h = host(ListenerLimits {
            header_read: Duration::from_secs(60),
            drain_silent: Duration::from_millis(50),
            ..ListenerLimits::default()
        })
        .await;
        let mut half = send(h.at, "GET /peer HTTP/1.1\r\n").await;
        let mut flying = send(h.at, &get_of("/slow", "")).await;
        assert_eq!(soon(h.entered.recv()).await, Some("slow"));
        h.life.begin_stop();
        soon(async { while TcpStream::connect(h.at).await.is_ok() {} }).await;
        rest(&mut half).await; // the wait for silent ones is over, and the request is still in flight
        assert!(!h.done.is_finished());
        h.release.cancel();
        let answer = rest(&mut flying).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("finished"), "{answer}");
        assert_eq!(soon(&mut h.done).await.unwrap(), Stopped::default());
    }

    /// The client of a connection still in the kernel's queue has every reason to think it was accepted.
    #[tokio::test]
    async fn a_stop_serves_what_the_kernel_had_accepted() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let mut queued = Vec::new();
        for _ in 0..8 {
            queued.push(send(at, &get_of("/", "connection: close\r\n")).await);
        }
        let life = Lifecycle::new();
        life.begin_stop();
        let router = Router::new().route("/", get(async || "served"));
        let stopped = soon(serve(listener, router, ListenerLimits::default(), life)).await;
        assert_eq!(stopped, Stopped::default());
        for mut c in queued {
            assert!(rest(&mut c).await.ends_with("served"));
        }
    }

    #[tokio::test]
    async fn a_stop_tells_websockets_1001_and_waits_for_them() {
        let mut h = host(ListenerLimits::default()).await;
        let mut c = websocket(&mut h).await;
        h.life.begin_stop();
        let mut head = [0u8; 4];
        soon(c.read_exact(&mut head)).await.unwrap();
        assert_eq!((head[0], u16::from_be_bytes([head[2], head[3]])), (0x88, 1001));
        soon(c.write_all(&[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9])).await.unwrap(); // close, masked with zeros
        assert_eq!(soon(&mut h.done).await.unwrap(), Stopped::default());
    }

    #[tokio::test]
    async fn a_stop_is_bounded_and_counts_what_it_cut() {
        let mut h = host(ListenerLimits { drain: Duration::from_millis(100), ..ListenerLimits::default() }).await;
        let _mute = websocket(&mut h).await; // never answers the close: its handler would wait 2 s
        let mut stuck = send(h.at, &get_of("/slow", "")).await;
        assert_eq!(soon(h.entered.recv()).await, Some("slow"));
        h.life.begin_stop();
        assert_eq!(soon(&mut h.done).await.unwrap(), Stopped { connections_cut: 1, tasks_cut: 1 });
        assert_eq!(rest(&mut stuck).await, "");
    }

    #[tokio::test]
    async fn t42_the_connection_cap_counts_websockets_and_gives_slots_back() {
        let mut h = host(ListenerLimits { connections: 1, ..ListenerLimits::default() }).await;
        let held = websocket(&mut h).await;
        let mut c = send(h.at, &get_of("/peer", "")).await;
        let answer = rest(&mut c).await;
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("host.overloaded"), "{answer}");
        drop(held);
        soon(async {
            loop {
                let mut c = send(h.at, &get_of("/peer", "connection: close\r\n")).await;
                if rest(&mut c).await.starts_with("HTTP/1.1 200") {
                    break;
                }
            }
        })
        .await;
    }

    #[tokio::test]
    async fn above_the_refusals_a_connection_is_just_closed() {
        let h = host(ListenerLimits { connections: 0, refusals: 0, ..ListenerLimits::default() }).await;
        let mut c = soon(TcpStream::connect(h.at)).await.unwrap();
        assert_eq!(rest(&mut c).await, "");
    }
}
