//! Many live connections, held by one thread, that say when something arrived at each.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream as Blocking};
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::figures::Times;

/// How long a connection may take to be there, and everybody to hear of something.
const PATIENCE: Duration = Duration::from_secs(120);

/// How a connection begins.
#[derive(Clone)]
pub enum Hello {
    /// Our host's WebSocket, with a session's token.
    Zhengna(String),
    /// socket.io's, joining a room.
    SocketIo(String),
}

/// Connections.
pub struct Sockets {
    heard: Receiver<(usize, Instant)>,
    count: usize,
    _runtime: tokio::runtime::Runtime,
}

impl Sockets {
    /// Connects everybody; answers when all are there.
    pub fn connect(port: u16, hellos: Vec<Hello>, marker: &'static str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let (tell, heard) = channel();
        let count = hellos.len();
        let (there, mut arrived) = tokio::sync::mpsc::unbounded_channel();
        let slots = Arc::new(Semaphore::new(64));
        for (n, hello) in hellos.into_iter().enumerate() {
            let (tell, there, slots) = (tell.clone(), there.clone(), slots.clone());
            runtime.spawn(async move {
                let slot = slots.acquire_owned().await;
                match open(port, &hello).await {
                    Ok((stream, rest)) => {
                        there.send(()).expect("the bench waits");
                        drop((slot, there));
                        let _ended = follow(stream, rest, n, marker, &tell).await;
                    }
                    Err(e) => eprintln!("connection {n}: {e}"), // then not all are there, and the bench says so
                }
            });
        }
        drop(there);
        let mut connected = 0;
        runtime.block_on(async {
            while tokio::time::timeout(PATIENCE, arrived.recv()).await.is_ok_and(|there| there.is_some()) {
                connected += 1;
            }
        });
        assert_eq!(connected, count, "not everybody could connect");
        Self { heard, count, _runtime: runtime }
    }

    /// Waits until `listeners` connections heard something since `since`; answers how long each took.
    pub fn wait(&self, listeners: usize, since: Instant) -> Times {
        let end = since + PATIENCE;
        let times: Vec<Duration> = (0..listeners)
            .map(|n| {
                let left = end.saturating_duration_since(Instant::now());
                let (_, at) = self.heard.recv_timeout(left).unwrap_or_else(|_| panic!("{n} of {listeners} heard it"));
                at.saturating_duration_since(since)
            })
            .collect();
        Times::of(times)
    }

    /// Nobody may have heard anything more.
    pub fn assert_quiet(&self) {
        assert!(self.heard.try_recv().is_err(), "somebody heard something twice");
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.count
    }
}

async fn open(port: u16, hello: &Hello) -> io::Result<(TcpStream, Vec<u8>)> {
    let mut stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).await?;
    stream.set_nodelay(true)?;
    let (path, more) = match hello {
        Hello::Zhengna(token) => ("/api/v1/events".to_owned(), format!("Authorization: Bearer {token}\r\n")),
        Hello::SocketIo(_) => ("/socket.io/?EIO=4&transport=websocket".to_owned(), String::new()),
    };
    let ask = format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
    );
    stream.write_all(ask.as_bytes()).await?;
    let mut buffer = Vec::new();
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
        read_more(&mut stream, &mut buffer).await?;
    };
    if !buffer.starts_with(b"HTTP/1.1 101") {
        return Err(io::Error::other(String::from_utf8_lossy(&buffer).into_owned()));
    }
    buffer.drain(..end);
    match hello {
        Hello::Zhengna(_) => until(&mut stream, &mut buffer, "hello").await?,
        Hello::SocketIo(room) => {
            until(&mut stream, &mut buffer, "0{").await?;
            stream.write_all(&masked("40")).await?;
            until(&mut stream, &mut buffer, "40{").await?;
            stream.write_all(&masked(&format!("42[\"join\",\"{room}\"]"))).await?;
            until(&mut stream, &mut buffer, "joined").await?;
        }
    }
    Ok((stream, buffer))
}

async fn until(stream: &mut TcpStream, buffer: &mut Vec<u8>, words: &str) -> io::Result<()> {
    loop {
        while let Some(text) = frame(buffer) {
            if contains(&text, words) {
                return Ok(());
            }
        }
        read_more(stream, buffer).await?;
    }
}

async fn follow(mut stream: TcpStream, mut buffer: Vec<u8>, n: usize, marker: &str, tell: &Sender<(usize, Instant)>) -> io::Result<()> {
    buffer.shrink_to_fit();
    let mut chunk = [0; 1024];
    loop {
        while let Some(text) = frame(&mut buffer) {
            if contains(&text, marker) {
                if tell.send((n, Instant::now())).is_err() {
                    return Ok(());
                }
            } else if text == b"2" {
                stream.write_all(&masked("3")).await?; // socket.io asks whether we are there
            }
        }
        match stream.read(&mut chunk).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            got => buffer.extend_from_slice(&chunk[..got]),
        }
    }
}

async fn read_more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<()> {
    if stream.read_buf(buffer).await? == 0 {
        return Err(io::Error::other(format!("closed after {:?}", String::from_utf8_lossy(buffer))));
    }
    Ok(())
}

fn contains(text: &[u8], words: &str) -> bool {
    text.windows(words.len()).any(|w| w == words.as_bytes())
}

/// Takes the payload of a whole server frame out of the buffer.
fn frame(buffer: &mut Vec<u8>) -> Option<Vec<u8>> {
    let short = *buffer.get(1)? as usize & 0x7f;
    let (begin, length) = match short {
        126 => (4, u16::from_be_bytes(buffer.get(2..4)?.try_into().ok()?) as usize),
        127 => (10, u64::from_be_bytes(buffer.get(2..10)?.try_into().ok()?) as usize),
        short => (2, short),
    };
    let payload = buffer.get(begin..begin + length)?.to_vec();
    buffer.drain(..begin + length);
    Some(payload)
}

/// A client's text frame; the mask is nothing, as the standard allows.
fn masked(text: &str) -> Vec<u8> {
    assert!(text.len() < 126, "short frames only");
    [&[0x81, 0x80 | text.len() as u8, 0, 0, 0, 0], text.as_bytes()].concat()
}

/// A plain client that keeps its connection, for the requests that make something happen.
pub struct Http {
    stream: Blocking,
    port: u16,
}

impl Http {
    /// Connects.
    pub fn connect(port: u16) -> Self {
        let stream = Blocking::connect(("127.0.0.1", port)).expect("connects");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, port }
    }

    /// Posts and reads the answer's body.
    ///
    /// # Panics
    /// When the answer is not a success.
    pub fn post(&mut self, path: &str, token: &str, key: &str, body: &str) -> String {
        use io::Read as _;
        let ask = format!(
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: Bearer {token}\r\nIdempotency-Key: {key}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.port,
            body.len()
        );
        self.stream.write_all(ask.as_bytes()).expect("writes");
        let (mut buffer, mut chunk) = (Vec::new(), [0; 4096]);
        loop {
            if let Some(head) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                let text = String::from_utf8_lossy(&buffer[..head]).to_ascii_lowercase();
                let length =
                    text.lines().find_map(|l| l.strip_prefix("content-length: ")).map_or(0, |l| l.trim().parse().expect("a number"));
                if buffer.len() >= head + 4 + length {
                    let body = String::from_utf8_lossy(&buffer[head + 4..]).into_owned();
                    assert!(text.starts_with("http/1.1 2"), "{path}: {text} {body}");
                    return body;
                }
            }
            match self.stream.read(&mut chunk).expect("answers") {
                0 => panic!("{path}: closed"),
                got => buffer.extend_from_slice(&chunk[..got]),
            }
        }
    }
}

/// Starts this program again with enough open files for ten thousand connections, on one core.
pub fn with_files(core: usize) {
    const MARK: &str = "ZHENGNA_BENCH_FILES";
    if std::env::var_os(MARK).is_some() {
        return;
    }
    use std::os::unix::process::CommandExt as _;
    let failed = Command::new("sh")
        .args(["-c", &format!("ulimit -n 65536 2>/dev/null || ulimit -n $(ulimit -Hn); exec taskset -c {core} \"$0\" \"$@\"")])
        .arg(std::env::current_exe().expect("our own path"))
        .args(std::env::args_os().skip(1))
        .env(MARK, "1")
        .exec();
    panic!("starting again: {failed}");
}
