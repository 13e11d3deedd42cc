//! The least a live server can do: a durable row, then one write() of ready bytes per connection, in a loop.
//! `write-loop DATABASE`. `POST /one` writes to the first connection, `POST /all` to all.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

const UPGRADED: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// Of the size of what our host sends.
const EVENT: &str = r#"{"type":"event","event":{"cursor":"0.123456","at":"2026-11-24T10:00:00.000000+08:00","topic":"line/0192f3a4-0000-7000-8000-000000000000","kind":"line.moved","conversation":null,"number":null,"mine":false,"message":null}}"#;

fn frame(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("short").to_be_bytes();
    let head: &[u8] = if text.len() < 126 { &[0x81, length[1]] } else { &[0x81, 126, length[0], length[1]] };
    [head, text.as_bytes()].concat()
}

fn head_of(stream: &mut TcpStream) -> Option<String> {
    let (mut bytes, mut byte) = (Vec::new(), [0; 1024]);
    while !bytes.windows(4).any(|w| w == b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(0) | Err(_) => return None,
            Ok(n) => bytes.extend_from_slice(&byte[..n]),
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn main() {
    let path = std::env::args_os().nth(1).expect("DATABASE");
    let conn = Connection::open(path).expect("opens");
    conn.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE event (id INTEGER PRIMARY KEY, body TEXT)")
        .expect("a table");
    for _ in 0..1200 {
        conn.execute("INSERT INTO event (body) VALUES (?1)", [EVENT]).expect("inserts"); // the log has the size it will keep
    }
    let conn = Arc::new(Mutex::new(conn));
    let sockets: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    println!("ready http://127.0.0.1:{}", listener.local_addr().expect("bound").port());
    for stream in listener.incoming() {
        let mut stream = stream.expect("accepts");
        stream.set_nodelay(true).expect("a socket");
        let (conn, sockets) = (conn.clone(), sockets.clone());
        // Who asks for things to happen keeps a connection, and says nothing until then.
        let mut first = [0; 1];
        if stream.peek(&mut first).is_ok_and(|n| n == 1) && first == *b"G" {
            if head_of(&mut stream).is_some() && stream.write_all(UPGRADED.as_bytes()).is_ok() && stream.write_all(&frame("hello")).is_ok()
            {
                sockets.lock().unwrap_or_else(PoisonError::into_inner).push(stream);
            }
        } else {
            std::thread::spawn(move || tell(stream, &conn, &sockets));
        }
    }
}

fn tell(mut stream: TcpStream, conn: &Mutex<Connection>, sockets: &Mutex<Vec<TcpStream>>) {
    let bytes = frame(EVENT);
    while let Some(head) = head_of(&mut stream) {
        let conn = conn.lock().unwrap_or_else(PoisonError::into_inner);
        conn.execute("INSERT INTO event (body) VALUES (?1)", [EVENT]).expect("inserts");
        if stream.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n").is_err() {
            return;
        }
        let mut sockets = sockets.lock().unwrap_or_else(PoisonError::into_inner);
        let listeners = if head.starts_with("POST /one") { 1 } else { sockets.len() };
        sockets.iter_mut().take(listeners).for_each(|s| drop(s.write_all(&bytes)));
    }
}
