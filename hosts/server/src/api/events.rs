//! Live events: by WebSocket, by server-sent events, or a page at a time.

use std::convert::Infallible;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::sse::{Event as SseEvent, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::SinkExt as _;
use serde::Deserialize;
use zhengna_core::access::{ActorRef, Authenticated, admit};
use zhengna_core::core::EventPage;
use zhengna_core::journal::Cursor;
use zhengna_core::{Core, Error, limits, operation};

use super::call::{Call, bearer, request_id};
use super::page::within;
use super::route::{Documented, Param, Routes};
use crate::app::{App, Counted};
use crate::body::{Json, Query};
use crate::live::{self, Ended, Feed, Frame, FromClient, Place};
use crate::problem::Problem;
use crate::rate::Slot;

const CURSOR: Param = Param { name: "cursor", about: "Continue behind this place; from now on if absent.", number: false };
const LIMIT: Param = Param { name: "limit", about: "Events wanted, 1 to 500.", number: true };
const TICKET: Param =
    Param { name: "ticket", about: "One-time ticket of POST /api/v1/socket-tickets, instead of the Authorization header.", number: false };
/// A socket that takes no frame for this long is let go.
const SEND_PATIENCE: Duration = Duration::from_secs(10);
/// How long the last frame and the peer's answer to it may take.
const GOODBYE_PATIENCE: Duration = Duration::from_secs(2);
/// What is read from a socket at once: clients say little, and each connection keeps this much (the library's default
/// is 128 KiB).
const READ_BUFFER_BYTES: usize = 1024;
/// Frames written to a socket before it is flushed.
const FRAMES_AT_ONCE: usize = 64;
/// Frames a client may send per second, and at once.
const CLIENT_FRAMES: crate::rate::Rate = crate::rate::Rate { per_second: 5, burst: 20 };

pub(super) fn routes(routes: &mut Routes) {
    let page_route = Documented::new(Method::GET, "/api/v1/events/page", &operation::EVENTS);
    routes.add(page_route.query(&[CURSOR, LIMIT]).answer::<EventPage>(), page);
    let live_route = Documented::new(Method::GET, "/api/v1/events", &operation::EVENTS).named("journal.follow");
    routes.add(live_route.query(&[CURSOR, TICKET]), live_events);
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Paged {
    cursor: Option<String>,
    limit: Option<u32>,
}

async fn page(call: Call, Query(query): Query<Paged>) -> Result<Json<EventPage>, Problem> {
    let limit = within(query.limit.unwrap_or(limits::EVENTS_PAGE_MAX), limits::EVENTS_PAGE_MAX)?;
    let Some(cursor) = query.cursor.as_deref().map(Cursor::parse).transpose()? else {
        let cursor = call.app.read(Core::journal_end).await?;
        return Ok(Json(EventPage { events: Vec::new(), cursor, more: false }));
    };
    let read = call.read(move |s| s.journal().events_after(s.journal().topics(Some(cursor))?, cursor, limit));
    read.await.map(Json)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Live {
    cursor: Option<String>,
    ticket: Option<String>,
}

async fn live_events(State(app): State<App>, request: Request) -> Response {
    match open(app, request).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn open(app: App, request: Request) -> Result<Response, Problem> {
    let (mut parts, _) = request.into_parts();
    let Query(query) = Query::<Live>::from_request_parts(&mut parts, &app).await?;
    let last_seen = parts.headers.get("last-event-id").and_then(|v| v.to_str().ok()).map(str::to_owned);
    let cursor = last_seen.or(query.cursor).as_deref().map(Cursor::parse).transpose()?;
    let caller = match (&query.ticket, bearer(&parts)) {
        (Some(ticket), _) => app.core().redeem(ticket).await?,
        (None, Some(token)) => app.glance(move |core| core.authenticate(&token)).await?,
        (None, None) => return Err(Error::SignInRequired.into()),
    };
    // Refused now, not when the first event would be shown: whoever has a duty does it first.
    admit(&operation::EVENTS, &caller.actor)?;
    let me = caller.actor.as_ref();
    app.count(&operation::EVENTS, &Counted::Person(me))?;
    let too_many = || {
        Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "live.too_many",
            "同时打开的页面过多，请先关闭其他页面",
            "Too many live connections of one person.",
        )
    };
    let slot = app.sockets().acquire(me).ok_or_else(too_many)?;
    let upgrades = parts.headers.get(header::UPGRADE).is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(b"websocket"));
    let id = request_id(&parts);
    if !upgrades {
        return Ok(stream(app, caller, cursor, id, slot));
    }
    refuse_foreign_origin(&parts)?;
    let upgrade =
        WebSocketUpgrade::from_request_parts(&mut parts, &app).await.map_err(|e| Problem::of_status(e.into_response().status()))?;
    let frame = app.config().limits.frame_bytes;
    let upgrade = upgrade.max_message_size(frame).max_frame_size(frame).read_buffer_size(READ_BUFFER_BYTES);
    Ok(upgrade.on_upgrade(move |socket| async move {
        let _token = app.lifecycle().token();
        talk(app.clone(), socket, caller, cursor, id, slot).await;
    }))
}

/// A browser says where a page came from; a page of somebody else's must not open our socket, ticket or not.
fn refuse_foreign_origin(parts: &axum::http::request::Parts) -> Result<(), Problem> {
    let text = |name| parts.headers.get(name).and_then(|v: &axum::http::HeaderValue| v.to_str().ok());
    let Some(origin) = text(header::ORIGIN) else { return Ok(()) };
    let same = origin.split_once("://").is_some_and(|(_, host)| text(header::HOST) == Some(host));
    if same { Ok(()) } else { Err(Problem::of_status(StatusCode::FORBIDDEN)) }
}

/// Counts a live connection while it lasts.
struct Counting(App);

impl Counting {
    fn new(app: &App) -> Self {
        app.metrics().live.fetch_add(1, Ordering::Relaxed);
        Self(app.clone())
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        self.0.metrics().live.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn talk(app: App, mut socket: WebSocket, caller: Authenticated, cursor: Option<Cursor>, request: String, slot: Slot<ActorRef>) {
    let (_slot, _counting) = (slot, Counting::new(&app));
    let mut feed = live::feed(&app, caller, cursor, request);
    let mut heard = crate::rate::RateLimiter::<(), ()>::new(1);
    let place = feed.place();
    let why = 'talk: loop {
        // Kept while the client speaks: reading what it missed is not begun anew with each of its frames.
        let frame = {
            let mut next = std::pin::pin!(feed.next());
            loop {
                tokio::select! {
                    frame = &mut next => break frame,
                    message = socket.recv() => match heed(&app, &place, &mut heard, message) {
                        Heeded::Said => {}
                        Heeded::Gone => return,
                        Heeded::End(why) => break 'talk why,
                    },
                }
            }
        };
        let let_go = feed.let_go();
        tokio::select! {
            biased;
            why = let_go => break why,
            delivered = tokio::time::timeout(SEND_PATIENCE, deliver(&mut socket, &mut feed, frame)) => match delivered {
                Ok(Ok(None)) => {}
                Ok(Ok(Some(why))) => break why,
                Ok(Err(_)) => return,
                Err(_) => break Ended::TooSlow,
            },
        }
    };
    drop(feed);
    count_end(&app, why);
    let close = Message::Close(Some(CloseFrame { code: why as u16, reason: reason(why).into() }));
    let goodbye = async {
        if socket.send(close).await.is_ok() {
            while let Some(Ok(_)) = socket.recv().await {}
        }
    };
    let _ = tokio::time::timeout(GOODBYE_PATIENCE, goodbye).await; // closed either way
}

/// What came of something the client sent.
enum Heeded {
    Said,
    Gone,
    End(Ended),
}

/// Waits for nothing: while it did, the feed's own read might be next in the queue for readers, and hold it up.
fn heed(app: &App, place: &Place, heard: &mut crate::rate::RateLimiter<(), ()>, message: Option<Result<Message, axum::Error>>) -> Heeded {
    let Some(Ok(message)) = message else { return Heeded::Gone };
    let now_us = u64::try_from(app.core().now().micros()).unwrap_or(0);
    match message {
        Message::Close(_) => Heeded::Gone,
        Message::Binary(_) => Heeded::End(Ended::TooMany),
        _ if heard.take((), (), CLIENT_FRAMES, now_us).is_err() => Heeded::End(Ended::TooMany),
        Message::Text(text) => {
            if let (Some(FromClient::Typing { conversation }), Some(me)) = (live::from_client(&text.into()), place.actor()) {
                let session = app.core().as_actor(me);
                let reading = app.clone();
                app.lifecycle().tasks().spawn(async move {
                    // Not theirs, or over: nothing to tell anybody.
                    let _ = reading.read(move |_| session.interaction().typing(conversation)).await;
                });
            }
            Heeded::Said
        }
        Message::Ping(_) | Message::Pong(_) => Heeded::Said,
    }
}

/// Writes a frame, and those that are ready behind it, at once. Says whether it was the last.
async fn deliver(socket: &mut WebSocket, feed: &mut Feed, first: Frame) -> Result<Option<Ended>, axum::Error> {
    let (mut next, mut written) = (Some(first), 0);
    while let Some(frame) = next {
        match frame {
            Frame::Text(text, _) => socket.feed(Message::Text(text)).await?,
            Frame::End(why) => return Ok(Some(why)),
        }
        written += 1;
        next = if written < FRAMES_AT_ONCE { feed.next_at_once() } else { None };
    }
    socket.flush().await?;
    Ok(None)
}

fn count_end(app: &App, why: Ended) {
    if why == Ended::TooSlow {
        app.metrics().slow.fetch_add(1, Ordering::Relaxed);
    }
}

fn reason(why: Ended) -> &'static str {
    match why {
        Ended::GoingAway => "stopping: reconnect with the cursor",
        Ended::SessionOver => "the session is over",
        Ended::Failed => "failed: reconnect with the cursor",
        Ended::TooSlow => "too slow: reconnect with the cursor",
        Ended::TooMany => "too many frames",
    }
}

fn stream(app: App, caller: Authenticated, cursor: Option<Cursor>, request: String, slot: Slot<ActorRef>) -> Response {
    let held = (slot, Counting::new(&app), app.lifecycle().token());
    let feed = live::feed(&app, caller, cursor, request);
    let events = futures_util::stream::unfold(Some((feed, held, app)), |open| async move {
        let (mut feed, held, app) = open?;
        match feed.next().await {
            Frame::Text(text, cursor) => {
                let event = SseEvent::default().data(text.as_str());
                let event = match cursor {
                    Some(cursor) => event.id(cursor.to_string()),
                    None => event,
                };
                Some((Ok::<_, Infallible>(event), Some((feed, held, app))))
            }
            Frame::End(why) => {
                count_end(&app, why);
                let data = format!("{{\"type\":\"end\",\"code\":{}}}", why as u16);
                Some((Ok(SseEvent::default().event("end").data(data)), None))
            }
        }
    });
    Sse::new(events).into_response()
}
