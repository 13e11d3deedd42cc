//! A person's live socket: one at a time, cut at random moments where the network is bad, opened again behind the last cursor.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};
use zhengna_core::journal::Cursor;

use super::feed::Frame;
use super::stage::{Stage, Tiding, Who};
use super::wire::{PATIENCE, Wire, connect};
use crate::simulation::Dice;

/// Close codes with which a host asks to come again: it stops, failed, or the reader was too slow.
const COME_AGAIN: [u16; 3] = [1001, 1011, 4008];

/// Longer than any run.
const NEVER: Duration = Duration::from_secs(86_400);

/// How a life of a socket ended.
enum Ended {
    Cut,
    LetGo,
    Over,
}

/// Somebody's socket, through all its lives.
pub(super) struct Socket {
    who: Who,
    stage: Arc<Stage>,
    wire: Wire,
    tell: UnboundedSender<Tiding>,
    dice: Dice,
    bad: bool,
    host: usize,
    opened: bool,
}

impl Socket {
    pub(super) fn new(who: Who, stage: Arc<Stage>, tell: UnboundedSender<Tiding>) -> Self {
        let (wire, dice) = (stage.wire(who, 3), stage.dice(who, 4));
        let (bad, host) = (stage.is_bad(who), stage.home(who));
        Self { who, stage, wire, tell, dice, bad, host, opened: false }
    }

    /// Lives until everything is over; `there` hears when it is open first.
    pub(super) async fn run(mut self, there: UnboundedSender<()>) -> Result<(), String> {
        let mut there = Some(there);
        loop {
            let live = self.open().await.map_err(|e| format!("{:?}: {e}", self.who))?;
            // Nobody may wait any more: then the run is over.
            there.take().map(|there| there.send(()).is_ok());
            match self.live(live).await.map_err(|e| format!("{:?}: {e}", self.who))? {
                Ended::Over => return Ok(()),
                Ended::Cut => self.stage.sockets.cut.fetch_add(1, Ordering::Relaxed),
                Ended::LetGo => self.stage.sockets.let_go.fetch_add(1, Ordering::Relaxed),
            };
        }
    }

    async fn open(&mut self) -> Result<WebSocketStream<TcpStream>, String> {
        let cursor = self.stage.feed(self.who).last;
        if cursor.is_some() && self.dice.chance(500) {
            // A gateway sends whoever comes back to any host.
            let host = self.dice.below(self.stage.hosts.len() as u64) as usize;
            self.stage.sockets.moved.fetch_add(u64::from(host != self.host), Ordering::Relaxed);
            self.host = host;
        }
        let ticket = self.wire.ticket().await?;
        let host = self.stage.hosts[self.host];
        let behind = cursor.map(|c| format!("&cursor={c}")).unwrap_or_default();
        let path = format!("ws://{host}/api/v1/events?ticket={ticket}{behind}");
        let opened = async {
            let stream = connect(host).await.map_err(|e| e.to_string())?;
            client_async(path, stream).await.map(|(socket, _)| socket).map_err(|e| e.to_string())
        };
        let opened = timeout(PATIENCE, opened).await.unwrap_or(Err("not in time".into()));
        let socket = opened.map_err(|e| format!("the socket does not open: {e}"))?;
        let counts = &self.stage.sockets;
        counts.opened.fetch_add(1, Ordering::Relaxed);
        counts.resumed.fetch_add(u64::from(self.opened), Ordering::Relaxed);
        self.opened = true;
        Ok(socket)
    }

    /// When this life is cut: within eight pauses, so that a conversation sees it once or twice.
    fn cut_at(&mut self) -> Instant {
        let within = (self.stage.pause * 8).as_micros() as u64;
        let after = if self.bad { Duration::from_micros(self.dice.below(within)) } else { NEVER };
        Instant::now() + after
    }

    async fn live(&mut self, mut socket: WebSocketStream<TcpStream>) -> Result<Ended, String> {
        let cut_at = self.cut_at();
        let mut since = None;
        loop {
            let message = tokio::select! {
                message = socket.next() => message,
                // Dropped as it is: no close frame, frames unread.
                () = sleep_until(cut_at.into()) => return Ok(Ended::Cut),
                () = self.stage.ends() => return Ok(Ended::Over),
            };
            match message {
                Some(Ok(Message::Text(text))) => {
                    let frame: Frame = serde_json::from_str(&text).map_err(|e| format!("{text}: {e}"))?;
                    self.take(frame, &mut since)?;
                }
                Some(Ok(Message::Close(frame))) => {
                    let code = frame.as_ref().map(|f| u16::from(f.code));
                    return match code {
                        Some(code) if COME_AGAIN.contains(&code) => Ok(Ended::LetGo),
                        _ => Err(format!("the host ended the socket: {frame:?}")),
                    };
                }
                Some(Ok(_)) => {}
                other => return Err(format!("the socket broke: {other:?}")),
            }
        }
    }

    fn take(&self, frame: Frame, since: &mut Option<Instant>) -> Result<(), String> {
        let mut feed = self.stage.feed(self.who);
        match (&*frame.kind, frame.cursor, frame.event, *since) {
            ("hello", Some(cursor), None, None) => {
                *since = Some(Instant::now());
                begin(&mut feed.last, cursor)
            }
            ("event", None, Some(event), Some(since)) => {
                let (kind, conversation, mine) = (event.kind, event.conversation, event.mine);
                let tiding = Tiding { kind, conversation, number: event.number.unwrap_or_default(), mine };
                feed.take(event, since)?;
                drop(feed);
                self.stage.shown.notify_waiters();
                let _gone_home = self.tell.send(tiding);
                Ok(())
            }
            ("ping" | "typing", ..) => Ok(()),
            // Where they stand: told to whoever waits, and to nobody else.
            ("position", ..) if feed.desk.starts_with("taxpayer/") => Ok(()),
            (kind, ..) => Err(format!("a frame that does not belong here: {kind}")),
        }
    }
}

/// The first frame of a life: the host goes on where the client was.
fn begin(last: &mut Option<Cursor>, cursor: Cursor) -> Result<(), String> {
    match last.replace(cursor) {
        Some(before) if before != cursor => Err(format!("out of order: asked to go on behind {before}, the host began at {cursor}")),
        _ => Ok(()),
    }
}
