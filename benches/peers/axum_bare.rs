//! A bare axum + rusqlite server: one query per read, one row per write, nothing else. `axum-bare DATABASE` commits
//! each write by itself behind a mutex; `axum-bare DATABASE group` has a writer that commits what has arrived.
#![expect(clippy::disallowed_methods, reason = "a peer has its own clock")]

use std::path::{Path as File, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use axum::serve::ListenerExt as _;
use axum::{Json, Router};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

#[derive(Serialize)]
struct Conversation {
    id: String,
    line: String,
    line_name: String,
    state: String,
    channel: String,
    topic: String,
    taxpayer: String,
    taxpayer_name: String,
    staff_no: Option<String>,
    ticket: i64,
    entered_at: String,
    claimed_at: Option<String>,
    ended_at: Option<String>,
    outcome: Option<String>,
    last_number: i64,
    taxpayer_read: i64,
    officer_read: i64,
    unread: i64,
}

#[derive(Serialize)]
struct Message {
    number: i64,
    sender: String,
    mine: bool,
    client_id: Option<String>,
    text: String,
    sent_at: String,
}

#[derive(Serialize)]
struct Messages {
    items: Vec<Message>,
}

#[derive(Deserialize)]
struct Behind {
    after: Option<i64>,
    limit: Option<i64>,
}

#[derive(Deserialize)]
struct Text {
    text: String,
}

#[derive(Serialize)]
struct Sent {
    conversation: String,
    number: i64,
    sent_at: String,
}

struct Row {
    conversation: String,
    number: i64,
    key: String,
    text: String,
    sent_at: String,
}

enum Writer {
    Mutex(Arc<Mutex<Connection>>),
    Group(mpsc::Sender<(Row, oneshot::Sender<()>)>),
}

struct App {
    reader: Mutex<Connection>,
    writer: Writer,
    number: AtomicI64,
}

fn open(path: &File) -> Connection {
    let conn = Connection::open(path).expect("opens");
    conn.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL").expect("durable");
    conn
}

fn insert(conn: &Connection, row: &Row) {
    let sql = "INSERT INTO message (conversation, number, sender, client_id, text, sent_at) VALUES (?1, ?2, 'taxpayer', ?3, ?4, ?5)";
    let params = (&row.conversation, row.number, &row.key, &row.text, &row.sent_at);
    conn.prepare_cached(sql).and_then(|mut s| s.execute(params)).expect("inserts");
}

fn write_groups(conn: &Connection, rows: &mpsc::Receiver<(Row, oneshot::Sender<()>)>) {
    while let Ok(first) = rows.recv() {
        conn.execute_batch("BEGIN IMMEDIATE").expect("begins");
        let group: Vec<_> = std::iter::once(first).chain(rows.try_iter().take(511)).collect();
        group.iter().for_each(|(row, _)| insert(conn, row));
        conn.execute_batch("COMMIT").expect("commits");
        group.into_iter().for_each(|(_, done)| done.send(()).unwrap_or_default()); // whoever asked may have left
    }
}

async fn conversation(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Conversation>, StatusCode> {
    let conn = app.reader.lock().expect("nothing panics here");
    let sql = "SELECT id, line, line_name, state, channel, topic, taxpayer, taxpayer_name, staff_no, ticket, entered_at, claimed_at, \
               ended_at, outcome, last_number, taxpayer_read, officer_read FROM conversation WHERE id = ?1";
    let found = conn.prepare_cached(sql).and_then(|mut s| {
        s.query_row([&id], |r| {
            Ok(Conversation {
                id: r.get(0)?,
                line: r.get(1)?,
                line_name: r.get(2)?,
                state: r.get(3)?,
                channel: r.get(4)?,
                topic: r.get(5)?,
                taxpayer: r.get(6)?,
                taxpayer_name: r.get(7)?,
                staff_no: r.get(8)?,
                ticket: r.get(9)?,
                entered_at: r.get(10)?,
                claimed_at: r.get(11)?,
                ended_at: r.get(12)?,
                outcome: r.get(13)?,
                last_number: r.get(14)?,
                taxpayer_read: r.get(15)?,
                officer_read: r.get(16)?,
                unread: r.get::<_, i64>(14)? - r.get::<_, i64>(15)?,
            })
        })
    });
    found.map(Json).map_err(|_| StatusCode::NOT_FOUND)
}

async fn messages(State(app): State<Arc<App>>, Path(id): Path<String>, Query(query): Query<Behind>) -> Json<Messages> {
    let conn = app.reader.lock().expect("nothing panics here");
    let sql =
        "SELECT number, sender, client_id, text, sent_at FROM message WHERE conversation = ?1 AND number > ?2 ORDER BY number LIMIT ?3";
    let items = conn.prepare_cached(sql).and_then(|mut s| {
        let rows = s.query_map((&id, query.after.unwrap_or(0), query.limit.unwrap_or(50)), |r| {
            let sender: String = r.get(1)?;
            Ok(Message { number: r.get(0)?, mine: sender == "taxpayer", sender, client_id: r.get(2)?, text: r.get(3)?, sent_at: r.get(4)? })
        })?;
        rows.collect::<rusqlite::Result<Vec<Message>>>()
    });
    Json(Messages { items: items.expect("reads") })
}

async fn send(
    State(app): State<Arc<App>>,
    Path(conversation): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Text>,
) -> Result<(StatusCode, Json<Sent>), StatusCode> {
    let key = headers.get("idempotency-key").and_then(|k| k.to_str().ok()).ok_or(StatusCode::BAD_REQUEST)?.to_owned();
    let number = app.number.fetch_add(1, Ordering::Relaxed);
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |t| t.as_micros() as i64);
    let sent_at = zhengna_core::Timestamp::from_micros(micros).rfc3339();
    let sent = Sent { conversation: conversation.clone(), number, sent_at: sent_at.clone() };
    let row = Row { conversation, number, key, text: body.text, sent_at };
    match &app.writer {
        Writer::Mutex(conn) => {
            let conn = conn.clone();
            let written = tokio::task::spawn_blocking(move || insert(&conn.lock().expect("nothing panics here"), &row));
            written.await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
        }
        Writer::Group(queue) => {
            let (done, written) = oneshot::channel();
            queue.send((row, done)).expect("the writer lives");
            written.await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
        }
    }
    Ok((StatusCode::CREATED, Json(sent)))
}

#[tokio::main]
async fn main() {
    let mut args = std::env::args_os().skip(1);
    let path = PathBuf::from(args.next().expect("DATABASE"));
    let writer = open(&path);
    let writer = if args.next().is_some_and(|a| a == "group") {
        let (queue, rows) = mpsc::channel();
        std::thread::spawn(move || write_groups(&writer, &rows));
        Writer::Group(queue)
    } else {
        Writer::Mutex(Arc::new(Mutex::new(writer)))
    };
    let app = Arc::new(App { reader: Mutex::new(open(&path)), writer, number: AtomicI64::new(1_000_000) });
    let routes = Router::new()
        .route("/api/v1/conversations/{id}", get(conversation))
        .route("/api/v1/conversations/{id}/messages", get(messages).post(send))
        .with_state(app);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("ready http://127.0.0.1:{}", listener.local_addr().expect("bound").port());
    let listener = listener.tap_io(|io| io.set_nodelay(true).expect("a socket"));
    axum::serve(listener, routes).await.expect("serves");
}
