//! Lines, conversations, messages.

use axum::http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zhengna_core::id::{ConversationId, LineId};
use zhengna_core::interaction::{
    Claim, Claimed, Close, Closed, ConversationView, Enter, Entered, Leave, Left, LineOpened, LineView, MarkRead, MessageView, OpenLine,
    Outcome, Position, Prioritise, Prioritised, Review, SendMessage, Sent, SourceChannel, Transcript, WaitingView,
};
use zhengna_core::store::Page;
use zhengna_core::{Error, Timestamp, limits, operation};

use super::call::{Call, Created, Keyed, NoContent};
use super::route::{Documented, Param, Routes};
use crate::body::{Json, Path, Query};
use crate::problem::Problem;

const LIMIT: Param = Param { name: "limit", about: "Rows wanted, 1 to 200; 50 if absent.", number: true };
const PAGED: &[Param] = &[LIMIT, Param { name: "cursor", about: "Continue behind this place, as answered before.", number: false }];
const MESSAGES: &[Param] = &[LIMIT, Param { name: "after", about: "Messages behind this number; 0 if absent.", number: true }];

pub(super) fn routes(routes: &mut Routes) {
    let get = |path, operation| Documented::new(Method::GET, path, operation);
    let post = |path, operation| Documented::new(Method::POST, path, operation);
    let put = |path, operation| Documented::new(Method::PUT, path, operation);
    routes.add(get("/api/v1/lines", &operation::LINES).answer::<Lines>(), lines);
    let opened = post("/api/v1/lines", &operation::OPEN_LINE).keyed().status(StatusCode::CREATED);
    routes.add(opened.body::<OpenLine>().answer::<LineOpened>(), open_line);
    routes.add(get("/api/v1/lines/{line}/waiting", &operation::WAITING).query(&[LIMIT]).answer::<WaitingView>(), waiting);
    let entered = post("/api/v1/lines/{line}/conversations", &operation::ENTER).keyed().status(StatusCode::CREATED);
    routes.add(entered.body::<EnterLine>().answer::<Entered>(), enter);
    let claimed = post("/api/v1/lines/{line}/claims", &operation::CLAIM).keyed().status(StatusCode::CREATED);
    routes.add(claimed.body::<Nothing>().answer::<Claimed>(), claim);
    routes.add(put("/api/v1/me/presence", &operation::BE_PRESENT).status(StatusCode::NO_CONTENT), be_present);
    routes.add(get("/api/v1/me/conversations", &operation::MY_CONVERSATIONS).query(PAGED).answer::<Conversations>(), mine);
    routes.add(get("/api/v1/conversations", &operation::CONVERSATIONS).query(PAGED).answer::<Conversations>(), conversations);
    routes.add(get("/api/v1/conversations/{conversation}", &operation::CONVERSATION).answer::<ConversationView>(), conversation);
    routes.add(get("/api/v1/conversations/{conversation}/position", &operation::POSITION).answer::<Position>(), position);
    routes.add(post("/api/v1/conversations/{conversation}/leave", &operation::LEAVE).keyed().body::<Nothing>().answer::<Left>(), leave);
    let first = post("/api/v1/conversations/{conversation}/prioritise", &operation::PRIORITISE).keyed();
    routes.add(first.body::<Reason>().answer::<Prioritised>(), prioritise);
    let read = get("/api/v1/conversations/{conversation}/messages", &operation::MESSAGES);
    routes.add(read.query(MESSAGES).answer::<Messages>(), messages);
    let sent = post("/api/v1/conversations/{conversation}/messages", &operation::SEND).keyed().status(StatusCode::CREATED);
    routes.add(sent.body::<Text>().answer::<Sent>(), send);
    routes
        .add(put("/api/v1/conversations/{conversation}/read-mark", &operation::MARK_READ).body::<ReadMark>().answer::<Moved>(), mark_read);
    routes.add(post("/api/v1/conversations/{conversation}/typing", &operation::TYPING).status(StatusCode::NO_CONTENT), typing);
    routes.add(post("/api/v1/conversations/{conversation}/close", &operation::CLOSE).keyed().body::<Ending>().answer::<Closed>(), close);
    routes.add(post("/api/v1/conversations/{conversation}/transcript", &operation::TRANSCRIPT).answer::<Transcript>(), transcript);
    routes.add(post("/api/v1/conversations/{conversation}/review", &operation::REVIEW).body::<Reason>().answer::<Transcript>(), review);
}

/// An empty object.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Lines.
#[derive(Serialize, JsonSchema)]
struct Lines {
    /// The lines that take people in.
    items: Vec<LineView>,
}

/// Enters a line.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct EnterLine {
    /// What it is about, 1 to 100 characters.
    topic: String,
    /// Where the taxpayer comes from.
    channel: SourceChannel,
}

/// Conversations.
#[derive(Serialize, JsonSchema)]
struct Conversations {
    /// Newest first.
    items: Vec<ConversationView>,
    /// The next page begins here; absent on the last one.
    cursor: Option<String>,
}

/// Messages.
#[derive(Serialize, JsonSchema)]
struct Messages {
    /// In order.
    items: Vec<MessageView>,
}

/// A message to write.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Text {
    /// Plain text, 1 to 2000 characters.
    text: String,
}

/// Everything up to here was read.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ReadMark {
    /// Number of the last message read.
    number: i64,
}

/// Whether the mark moved.
#[derive(Serialize, JsonSchema)]
struct Moved {
    /// False when it stood there or further already.
    moved: bool,
}

/// How a conversation ends.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Ending {
    /// How.
    outcome: Outcome,
    /// A note for colleagues, at most 500 characters.
    note: Option<String>,
}

/// Why somebody looks.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Reason {
    /// Why; kept in the audit trail.
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Limited {
    limit: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Paged {
    limit: Option<u32>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Behind {
    limit: Option<u32>,
    after: Option<u32>,
}

fn rows(limit: Option<u32>) -> Result<u32, Problem> {
    let limit = limit.unwrap_or(limits::PAGE_ROWS_DEFAULT);
    if (1..=limits::PAGE_ROWS_MAX).contains(&limit) {
        return Ok(limit);
    }
    let range = zhengna_core::error::Problem::OutOfRange { min: 1, max: i64::from(limits::PAGE_ROWS_MAX) };
    Err(Error::invalid("limit", range).into())
}

/// A place in a list, as `microseconds.id`.
fn place(cursor: Option<&str>) -> Result<Option<(Timestamp, uuid::Uuid)>, Problem> {
    let Some(cursor) = cursor else { return Ok(None) };
    let read = || {
        let (micros, id) = cursor.split_once('.')?;
        Some((Timestamp::from_micros(micros.parse().ok()?), ConversationId::parse(id)?.uuid()))
    };
    let malformed = || zhengna_core::error::Problem::Malformed("expected a cursor as answered before".into());
    read().map(Some).ok_or_else(|| Error::invalid("cursor", malformed()).into())
}

fn page_of(items: Vec<ConversationView>, limit: u32) -> Json<Conversations> {
    let full = items.len() as u32 == limit;
    let cursor = items.last().filter(|_| full).map(|c| format!("{}.{}", c.entered_at.micros(), c.id));
    Json(Conversations { items, cursor })
}

async fn lines(call: Call) -> Result<Json<Lines>, Problem> {
    let items = call.read(|s| s.interaction().lines()).await?;
    Ok(Json(Lines { items }))
}

async fn open_line(call: Keyed, Json(line): Json<OpenLine>) -> Result<Created<LineOpened>, Problem> {
    let opened = call.session()?.interaction().open_line(line);
    Ok(Created(opened.await?))
}

async fn waiting(call: Call, Path(line): Path<LineId>, Query(query): Query<Limited>) -> Result<Json<WaitingView>, Problem> {
    let limit = rows(query.limit)?;
    call.read(move |s| s.interaction().waiting(line, limit)).await.map(Json)
}

async fn enter(call: Keyed, Path(line): Path<LineId>, Json(body): Json<EnterLine>) -> Result<Created<Entered>, Problem> {
    let entered = call.session()?.interaction().enter(Enter { line, topic: body.topic, channel: body.channel });
    Ok(Created(entered.await?))
}

async fn claim(call: Keyed, Path(line): Path<LineId>, Json(Nothing {}): Json<Nothing>) -> Result<Created<Claimed>, Problem> {
    let claimed = call.session()?.interaction().claim(Claim { line });
    Ok(Created(claimed.await?))
}

async fn be_present(call: Call) -> Result<NoContent, Problem> {
    call.glance(|s| s.interaction().be_present()).await.map(|()| NoContent)
}

async fn mine(call: Call, Query(query): Query<Paged>) -> Result<Json<Conversations>, Problem> {
    let page = Page { after: place(query.cursor.as_deref())?, limit: rows(query.limit)? };
    let items = call.read(move |s| s.interaction().mine(page)).await?;
    Ok(page_of(items, page.limit))
}

async fn conversations(call: Call, Query(query): Query<Paged>) -> Result<Json<Conversations>, Problem> {
    let page = Page { after: place(query.cursor.as_deref())?, limit: rows(query.limit)? };
    let items = call.read(move |s| s.interaction().conversations(page)).await?;
    Ok(page_of(items, page.limit))
}

async fn conversation(call: Call, Path(id): Path<ConversationId>) -> Result<Json<ConversationView>, Problem> {
    call.glance(move |s| s.interaction().conversation(id)).await.map(Json)
}

async fn position(call: Call, Path(id): Path<ConversationId>) -> Result<Json<Position>, Problem> {
    call.glance(move |s| s.interaction().position(id)).await.map(Json)
}

async fn leave(call: Keyed, Path(conversation): Path<ConversationId>, Json(Nothing {}): Json<Nothing>) -> Result<Json<Left>, Problem> {
    let left = call.session()?.interaction().leave(Leave { conversation });
    Ok(Json(left.await?))
}

async fn messages(call: Call, Path(id): Path<ConversationId>, Query(query): Query<Behind>) -> Result<Json<Messages>, Problem> {
    let (after, limit) = (i64::from(query.after.unwrap_or(0)), rows(query.limit)?);
    let items = call.glance(move |s| s.interaction().messages(id, after, limit)).await?;
    Ok(Json(Messages { items }))
}

async fn send(call: Keyed, Path(conversation): Path<ConversationId>, Json(body): Json<Text>) -> Result<Created<Sent>, Problem> {
    let sent = call.session()?.interaction().send(SendMessage { conversation, text: body.text });
    Ok(Created(sent.await?))
}

async fn mark_read(call: Call, Path(conversation): Path<ConversationId>, Json(mark): Json<ReadMark>) -> Result<Json<Moved>, Problem> {
    let moved = call.session().interaction().mark_read(vec![MarkRead { conversation, number: mark.number }]);
    Ok(Json(Moved { moved: moved.await? > 0 }))
}

async fn typing(call: Call, Path(id): Path<ConversationId>) -> Result<NoContent, Problem> {
    call.glance(move |s| s.interaction().typing(id)).await.map(|()| NoContent)
}

async fn close(call: Keyed, Path(conversation): Path<ConversationId>, Json(ending): Json<Ending>) -> Result<Json<Closed>, Problem> {
    let closed = call.session()?.interaction().close(Close { conversation, outcome: ending.outcome, note: ending.note });
    Ok(Json(closed.await?))
}

async fn transcript(call: Call, Path(id): Path<ConversationId>) -> Result<Json<Transcript>, Problem> {
    let transcript = call.session().interaction().transcript(id);
    Ok(Json(transcript.await?))
}

async fn review(
    call: Call,
    Path(conversation): Path<ConversationId>,
    Json(Reason { reason }): Json<Reason>,
) -> Result<Json<Transcript>, Problem> {
    let transcript = call.session().interaction().review(Review { conversation, reason });
    Ok(Json(transcript.await?))
}

async fn prioritise(
    call: Keyed,
    Path(conversation): Path<ConversationId>,
    Json(Reason { reason }): Json<Reason>,
) -> Result<Json<Prioritised>, Problem> {
    let first = call.session()?.interaction().prioritise(Prioritise { conversation, reason });
    Ok(Json(first.await?))
}
