//! Lines, conversations, messages.

use axum::http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zhengna_core::approval::Opened;
use zhengna_core::clock::Timestamp;
use zhengna_core::id::{ConversationId, LineId};
use zhengna_core::interaction::{
    AcceptOffer, AskColleague, AssignmentView, Availability, CallbackRequested, Claim, Claimed, Close, Closed, ConversationPage,
    ConversationView, DeclineOffer, Declined, Enter, Entered, ExportFormat, ExportReviewed, ExportTranscript, ExportedTranscript, Found,
    Held, Hold, Join, Joined, Leave, Left, LineView, ManagedLine, MarkRead, Merge, Merged, MessageView, OfferView, Outcome, ParallelView,
    Position, Prioritise, Prioritised, Promises, ProposeLine, Recall, Recalled, RequestCallback, Resume, Review, Search, SendMessage, Sent,
    SignedEntry, SourceChannel, Sources, StepOut, Transcript, Transfer, TransferTo, Transferred, WaitingView, Wall, Wanted, Whisper,
    WhisperView, Whispered,
};
use zhengna_core::operation;

use super::call::{Call, Created, Keyed, NoContent};
use super::page::{CURSOR, LIMIT, PAGED, Paged, cursor_of, page_at, rows, written};
use super::route::{Documented, Param, Routes};
use crate::body::{Json, Path, Query};
use crate::problem::Problem;

const FILTERED: &[Param] = &[LIMIT, CURSOR, CHANNEL, OPEN];
const CHANNEL: Param = Param { name: "channel", about: "Only those who came by this channel.", number: false };
const OPEN: Param = Param { name: "open", about: "true: only those that are not over.", number: false };
const ENTRY: &[Param] = &[Param { name: "channel", about: "Where whoever follows the link comes from.", number: false }];
const AVAILABLE: &[Param] = &[
    Param { name: "offers", about: "false: nothing is offered to the caller unasked. Said each time.", number: false },
    Param { name: "until", about: "The end of the caller's shift: nothing is offered from then on.", number: false },
];
const PERIOD: &[Param] = &[
    Param { name: "from", about: "Entered from then on, as 2026-11-23T00:00:00+08:00.", number: false },
    Param { name: "until", about: "Entered before then.", number: false },
];
const MESSAGES: &[Param] = &[LIMIT, Param { name: "after", about: "Messages behind this number; 0 if absent.", number: true }];

pub(super) fn routes(routes: &mut Routes) {
    let get = |path, operation| Documented::new(Method::GET, path, operation);
    let post = |path, operation| Documented::new(Method::POST, path, operation);
    let put = |path, operation| Documented::new(Method::PUT, path, operation);
    routes.add(get("/api/v1/lines", &operation::LINES).answer::<Lines>(), lines);
    let proposed = post("/api/v1/line-proposals", &operation::PROPOSE_LINE).keyed().status(StatusCode::CREATED);
    routes.add(proposed.body::<ProposeLine>().answer::<Opened>(), propose_line);
    routes.add(get("/api/v1/lines/{line}", &operation::LINE).answer::<ManagedLine>(), line);
    routes.add(get("/api/v1/lines/{line}/entry", &operation::SIGN_ENTRY).query(ENTRY).answer::<SignedEntry>(), sign_entry);
    routes.add(get("/api/v1/lines/{line}/waiting", &operation::WAITING).query(&[LIMIT]).answer::<WaitingView>(), waiting);
    let entered = post("/api/v1/lines/{line}/conversations", &operation::ENTER).keyed().status(StatusCode::CREATED);
    routes.add(entered.body::<EnterLine>().answer::<Entered>(), enter);
    let claimed = post("/api/v1/lines/{line}/claims", &operation::CLAIM).keyed().status(StatusCode::CREATED);
    routes.add(claimed.body::<Nothing>().answer::<Claimed>(), claim);
    routes.add(put("/api/v1/me/presence", &operation::BE_PRESENT).query(AVAILABLE).status(StatusCode::NO_CONTENT), be_present);
    routes.add(get("/api/v1/me/conversations", &operation::MY_CONVERSATIONS).query(PAGED).answer::<Conversations>(), mine);
    routes.add(get("/api/v1/conversations", &operation::CONVERSATIONS).query(FILTERED).answer::<Conversations>(), conversations);
    routes.add(get("/api/v1/conversation-sources", &operation::SOURCES).query(PERIOD).answer::<Sources>(), sources);
    routes.add(get("/api/v1/conversations/{conversation}", &operation::CONVERSATION).answer::<ConversationView>(), conversation);
    routes.add(get("/api/v1/conversations/{conversation}/position", &operation::POSITION).answer::<Position>(), position);
    routes.add(post("/api/v1/conversations/{conversation}/leave", &operation::LEAVE).keyed().body::<Nothing>().answer::<Left>(), leave);
    let called_back = post("/api/v1/conversations/{conversation}/callback", &operation::REQUEST_CALLBACK).keyed();
    routes.add(called_back.body::<Nothing>().answer::<CallbackRequested>(), request_callback);
    let first = post("/api/v1/conversations/{conversation}/prioritise", &operation::PRIORITISE).keyed();
    routes.add(first.body::<Reason>().answer::<Prioritised>(), prioritise);
    let read = get("/api/v1/conversations/{conversation}/messages", &operation::MESSAGES);
    routes.add(read.query(MESSAGES).answer::<Messages>(), messages);
    let sent = post("/api/v1/conversations/{conversation}/messages", &operation::SEND).keyed().status(StatusCode::CREATED);
    routes.add(sent.body::<Text>().answer::<Sent>(), send);
    let recalled = post("/api/v1/conversations/{conversation}/recall", &operation::RECALL).keyed();
    routes.add(recalled.body::<Numbered>().answer::<Recalled>(), recall);
    routes
        .add(put("/api/v1/conversations/{conversation}/read-mark", &operation::MARK_READ).body::<ReadMark>().answer::<Moved>(), mark_read);
    routes.add(post("/api/v1/conversations/{conversation}/typing", &operation::TYPING).status(StatusCode::NO_CONTENT), typing);
    let transferred = post("/api/v1/conversations/{conversation}/transfer", &operation::TRANSFER).keyed();
    routes.add(transferred.body::<Handover>().answer::<Transferred>(), transfer);
    routes.add(get("/api/v1/me/offers", &operation::OFFERS).answer::<Offers>(), offers);
    let accepted = post("/api/v1/conversations/{conversation}/accept", &operation::ACCEPT_OFFER).keyed();
    routes.add(accepted.body::<Nothing>().answer::<Claimed>(), accept_offer);
    let declined = post("/api/v1/conversations/{conversation}/decline", &operation::DECLINE_OFFER).keyed();
    routes.add(declined.body::<Nothing>().answer::<Declined>(), decline_offer);
    routes.add(get("/api/v1/line-promises", &operation::PROMISES).query(PERIOD).answer::<Promises>(), promises);
    routes.add(get("/api/v1/wall", &operation::WALL).answer::<Wall>(), wall);
    let held = post("/api/v1/conversations/{conversation}/hold", &operation::HOLD).keyed();
    routes.add(held.body::<OnHold>().answer::<Held>(), hold);
    routes.add(post("/api/v1/conversations/{conversation}/resume", &operation::RESUME).keyed().body::<Nothing>().answer::<Held>(), resume);
    routes.add(post("/api/v1/conversations/{conversation}/join", &operation::JOIN).keyed().body::<Reason>().answer::<Joined>(), join);
    let out = post("/api/v1/conversations/{conversation}/step-out", &operation::STEP_OUT).keyed();
    routes.add(out.body::<Nothing>().answer::<Joined>(), step_out);
    let whispered = post("/api/v1/conversations/{conversation}/whispers", &operation::WHISPER).keyed().status(StatusCode::CREATED);
    routes.add(whispered.body::<Remark>().answer::<Whispered>(), whisper);
    let asked = post("/api/v1/conversations/{conversation}/questions", &operation::ASK_COLLEAGUE).keyed().status(StatusCode::CREATED);
    routes.add(asked.body::<Question>().answer::<Whispered>(), ask_colleague);
    routes.add(get("/api/v1/conversations/{conversation}/whispers", &operation::WHISPERS).answer::<Whispers>(), whispers);
    let merged = post("/api/v1/conversations/{conversation}/merge", &operation::MERGE).keyed();
    routes.add(merged.body::<Other>().answer::<Merged>(), merge);
    routes.add(get("/api/v1/conversations/{conversation}/parallel", &operation::PARALLEL).answer::<Parallel>(), parallel);
    routes.add(post("/api/v1/conversations/{conversation}/close", &operation::CLOSE).keyed().body::<Ending>().answer::<Closed>(), close);
    routes.add(post("/api/v1/conversations/{conversation}/transcript", &operation::TRANSCRIPT).answer::<Transcript>(), transcript);
    let exported = post("/api/v1/conversations/{conversation}/export", &operation::EXPORT_TRANSCRIPT);
    routes.add(exported.body::<Format>().answer::<ExportedTranscript>(), export_transcript);
    let exported = post("/api/v1/conversations/{conversation}/review/export", &operation::EXPORT_REVIEWED);
    routes.add(exported.body::<FormatAndReason>().answer::<ExportedTranscript>(), export_reviewed);
    routes.add(post("/api/v1/me/conversations/search", &operation::SEARCH).body::<Search>().answer::<Found>(), search);
    routes.add(get("/api/v1/conversations/{conversation}/assignments", &operation::ASSIGNMENTS).answer::<Assignments>(), assignments);
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
    /// The signed entry of the link that was followed, where there was one.
    #[serde(default)]
    entry: Option<String>,
    /// The conversation, over by now, that this one goes on from.
    #[serde(default)]
    previous: Option<ConversationId>,
    /// Code of the topic of the line that it is about, where the line has topics.
    #[serde(default)]
    topic_code: Option<String>,
}

/// How a conversation came to its officers.
#[derive(Serialize, JsonSchema)]
struct Assignments {
    /// First to last.
    items: Vec<AssignmentView>,
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
    /// Number of an earlier message of the conversation that it answers.
    quotes: Option<i64>,
    /// Whether an officer was warned that numbers of people stand in it (`interaction.personal_data`), and sends it all the same.
    #[serde(default)]
    confirmed: bool,
}

/// Which message.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Numbered {
    /// Its place in the conversation.
    number: i64,
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

/// Where a conversation goes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Handover {
    /// Where.
    to: TransferTo,
    /// What whoever takes it should know, 1 to 500 characters; the taxpayer does not see it.
    note: String,
    /// Whether an officer was warned that numbers of people stand in it (`interaction.personal_data`), and transfers it all the same.
    #[serde(default)]
    confirmed: bool,
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

/// Conversations that are offered to the caller.
#[derive(Serialize, JsonSchema)]
struct Offers {
    /// The one that ends first, first.
    items: Vec<OfferView>,
}

/// For how long a conversation is on hold.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OnHold {
    /// At most so many minutes, 1 to 60.
    minutes: i64,
}

/// What a colleague is told beside a conversation.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Remark {
    /// Plain text, 1 to 500 characters; the taxpayer does not see it.
    text: String,
    /// Whether the caller was warned that numbers of people stand in it (`interaction.personal_data`), and whispers it all the same.
    #[serde(default)]
    confirmed: bool,
}

/// What a colleague is asked beside a conversation.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Question {
    /// Number of whoever is asked.
    staff_no: String,
    /// Plain text, 1 to 500 characters; the taxpayer does not see it.
    text: String,
    /// Whether the caller was warned that numbers of people stand in it (`interaction.personal_data`), and asks all the same.
    #[serde(default)]
    confirmed: bool,
}

/// Remarks beside a conversation.
#[derive(Serialize, JsonSchema)]
struct Whispers {
    /// In order.
    items: Vec<WhisperView>,
}

/// Which conversation goes on in this one.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Other {
    /// It ends.
    other: ConversationId,
}

/// Other conversations of the same taxpayer.
#[derive(Serialize, JsonSchema)]
struct Parallel {
    /// Those that wait, then those that somebody has.
    items: Vec<ParallelView>,
}

/// Why somebody looks.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Reason {
    /// Why; kept in the audit trail.
    reason: String,
}

/// In which form a conversation is taken away.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Format {
    /// Text, a page to print, or JSON with its hash.
    format: ExportFormat,
}

/// In which form a conversation is taken away, and why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FormatAndReason {
    /// Text, a page to print, or JSON with its hash.
    format: ExportFormat,
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
struct From {
    channel: SourceChannel,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Filtered {
    limit: Option<u32>,
    cursor: Option<String>,
    channel: Option<SourceChannel>,
    open: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Available {
    offers: Option<bool>,
    until: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Period {
    from: Timestamp,
    until: Timestamp,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Behind {
    limit: Option<u32>,
    after: Option<u32>,
}

fn page_of(items: Vec<ConversationView>, limit: u32) -> Json<Conversations> {
    let cursor = cursor_of(&items, limit, |c| (c.entered_at, c.id.uuid()));
    Json(Conversations { items, cursor })
}

async fn lines(call: Call) -> Result<Json<Lines>, Problem> {
    let items = call.read(|s| s.interaction().lines()).await?;
    Ok(Json(Lines { items }))
}

async fn propose_line(call: Keyed, Json(line): Json<ProposeLine>) -> Result<Created<Opened>, Problem> {
    let opened = call.session()?.interaction().propose_line(line);
    Ok(Created(opened.await?))
}

async fn line(call: Call, Path(line): Path<LineId>) -> Result<Json<ManagedLine>, Problem> {
    call.read(move |s| s.interaction().line(line)).await.map(Json)
}

async fn sign_entry(call: Call, Path(line): Path<LineId>, Query(query): Query<From>) -> Result<Json<SignedEntry>, Problem> {
    call.read(move |s| s.interaction().sign_entry(line, query.channel)).await.map(Json)
}

async fn request_callback(
    call: Keyed,
    Path(conversation): Path<ConversationId>,
    Json(Nothing {}): Json<Nothing>,
) -> Result<Json<CallbackRequested>, Problem> {
    let requested = call.session()?.interaction().request_callback(RequestCallback { conversation });
    Ok(Json(requested.await?))
}

async fn transfer(
    call: Keyed,
    Path(conversation): Path<ConversationId>,
    Json(Handover { to, note, confirmed }): Json<Handover>,
) -> Result<Json<Transferred>, Problem> {
    let transferred = call.session()?.interaction().transfer(Transfer { conversation, to, note, confirmed });
    Ok(Json(transferred.await?))
}

async fn sources(call: Call, Query(query): Query<Period>) -> Result<Json<Sources>, Problem> {
    call.read(move |s| s.interaction().sources(query.from, query.until)).await.map(Json)
}

async fn waiting(call: Call, Path(line): Path<LineId>, Query(query): Query<Limited>) -> Result<Json<WaitingView>, Problem> {
    let limit = rows(query.limit)?;
    call.read(move |s| s.interaction().waiting(line, limit)).await.map(Json)
}

async fn enter(call: Keyed, Path(line): Path<LineId>, Json(body): Json<EnterLine>) -> Result<Created<Entered>, Problem> {
    let EnterLine { topic, entry, previous, topic_code } = body;
    let entered = call.session()?.interaction().enter(Enter { line, topic, entry, previous, topic_code });
    Ok(Created(entered.await?))
}

async fn claim(call: Keyed, Path(line): Path<LineId>, Json(Nothing {}): Json<Nothing>) -> Result<Created<Claimed>, Problem> {
    let claimed = call.session()?.interaction().claim(Claim { line });
    Ok(Created(claimed.await?))
}

async fn be_present(call: Call, Query(query): Query<Available>) -> Result<NoContent, Problem> {
    let availability = Availability { takes_offers: query.offers.unwrap_or(true), shift_ends: query.until };
    let renewed = call.session().interaction().be_available(availability);
    renewed.await?;
    Ok(NoContent)
}

async fn mine(call: Call, Query(query): Query<Paged>) -> Result<Json<Conversations>, Problem> {
    let page = query.page()?;
    let items = call.read(move |s| s.interaction().mine(page)).await?;
    Ok(page_of(items, page.limit))
}

async fn conversations(call: Call, Query(query): Query<Filtered>) -> Result<Json<Conversations>, Problem> {
    let page = page_at(query.cursor.as_deref(), query.limit)?;
    let which = Wanted { channel: query.channel, open: query.open.unwrap_or(false) };
    let ConversationPage { items, after } = call.read(move |s| s.interaction().conversations(page, which)).await?;
    Ok(Json(Conversations { items, cursor: after.map(written) }))
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
    let sent =
        call.session()?.interaction().send(SendMessage { conversation, text: body.text, quotes: body.quotes, confirmed: body.confirmed });
    Ok(Created(sent.await?))
}

async fn recall(
    call: Keyed,
    Path(conversation): Path<ConversationId>,
    Json(Numbered { number }): Json<Numbered>,
) -> Result<Json<Recalled>, Problem> {
    let recalled = call.session()?.interaction().recall(Recall { conversation, number });
    Ok(Json(recalled.await?))
}

async fn mark_read(call: Call, Path(conversation): Path<ConversationId>, Json(mark): Json<ReadMark>) -> Result<Json<Moved>, Problem> {
    let moved = call.session().interaction().mark_read(vec![MarkRead { conversation, number: mark.number }]);
    Ok(Json(Moved { moved: moved.await? > 0 }))
}

async fn typing(call: Call, Path(id): Path<ConversationId>) -> Result<NoContent, Problem> {
    call.glance(move |s| s.interaction().typing(id)).await.map(|()| NoContent)
}

async fn offers(call: Call) -> Result<Json<Offers>, Problem> {
    let items = call.read(|s| s.interaction().offers()).await?;
    Ok(Json(Offers { items }))
}

async fn accept_offer(
    call: Keyed,
    Path(conversation): Path<ConversationId>,
    Json(Nothing {}): Json<Nothing>,
) -> Result<Json<Claimed>, Problem> {
    let accepted = call.session()?.interaction().accept_offer(AcceptOffer { conversation });
    Ok(Json(accepted.await?))
}

async fn decline_offer(
    call: Keyed,
    Path(conversation): Path<ConversationId>,
    Json(Nothing {}): Json<Nothing>,
) -> Result<Json<Declined>, Problem> {
    let declined = call.session()?.interaction().decline_offer(DeclineOffer { conversation });
    Ok(Json(declined.await?))
}

async fn promises(call: Call, Query(query): Query<Period>) -> Result<Json<Promises>, Problem> {
    call.read(move |s| s.interaction().promises(query.from, query.until)).await.map(Json)
}

async fn wall(call: Call) -> Result<Json<Wall>, Problem> {
    call.read(|s| s.interaction().wall()).await.map(Json)
}

async fn hold(call: Keyed, Path(conversation): Path<ConversationId>, Json(body): Json<OnHold>) -> Result<Json<Held>, Problem> {
    let held = call.session()?.interaction().hold(Hold { conversation, minutes: body.minutes });
    Ok(Json(held.await?))
}

async fn resume(call: Keyed, Path(conversation): Path<ConversationId>, Json(Nothing {}): Json<Nothing>) -> Result<Json<Held>, Problem> {
    let resumed = call.session()?.interaction().resume(Resume { conversation });
    Ok(Json(resumed.await?))
}

async fn join(
    call: Keyed,
    Path(conversation): Path<ConversationId>,
    Json(Reason { reason }): Json<Reason>,
) -> Result<Json<Joined>, Problem> {
    let joined = call.session()?.interaction().join(Join { conversation, reason });
    Ok(Json(joined.await?))
}

async fn step_out(call: Keyed, Path(conversation): Path<ConversationId>, Json(Nothing {}): Json<Nothing>) -> Result<Json<Joined>, Problem> {
    let out = call.session()?.interaction().step_out(StepOut { conversation });
    Ok(Json(out.await?))
}

async fn whisper(
    call: Keyed,
    Path(conversation): Path<ConversationId>,
    Json(Remark { text, confirmed }): Json<Remark>,
) -> Result<Created<Whispered>, Problem> {
    let whispered = call.session()?.interaction().whisper(Whisper { conversation, text, confirmed });
    Ok(Created(whispered.await?))
}

async fn ask_colleague(
    call: Keyed,
    Path(conversation): Path<ConversationId>,
    Json(Question { staff_no, text, confirmed }): Json<Question>,
) -> Result<Created<Whispered>, Problem> {
    let asked = call.session()?.interaction().ask_colleague(AskColleague { conversation, staff_no, text, confirmed });
    Ok(Created(asked.await?))
}

async fn whispers(call: Call, Path(id): Path<ConversationId>) -> Result<Json<Whispers>, Problem> {
    let items = call.read(move |s| s.interaction().whispers(id)).await?;
    Ok(Json(Whispers { items }))
}

async fn merge(call: Keyed, Path(conversation): Path<ConversationId>, Json(Other { other }): Json<Other>) -> Result<Json<Merged>, Problem> {
    let merged = call.session()?.interaction().merge(Merge { conversation, other });
    Ok(Json(merged.await?))
}

async fn parallel(call: Call, Path(id): Path<ConversationId>) -> Result<Json<Parallel>, Problem> {
    let items = call.read(move |s| s.interaction().parallel(id)).await?;
    Ok(Json(Parallel { items }))
}

async fn close(call: Keyed, Path(conversation): Path<ConversationId>, Json(ending): Json<Ending>) -> Result<Json<Closed>, Problem> {
    let closed = call.session()?.interaction().close(Close { conversation, outcome: ending.outcome, note: ending.note });
    Ok(Json(closed.await?))
}

async fn assignments(call: Call, Path(id): Path<ConversationId>) -> Result<Json<Assignments>, Problem> {
    let items = call.read(move |s| s.interaction().assignments(id)).await?;
    Ok(Json(Assignments { items }))
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

async fn export_transcript(
    call: Call,
    Path(conversation): Path<ConversationId>,
    Json(Format { format }): Json<Format>,
) -> Result<Json<ExportedTranscript>, Problem> {
    let exported = call.session().interaction().export_transcript(ExportTranscript { conversation, format });
    Ok(Json(exported.await?))
}

async fn export_reviewed(
    call: Call,
    Path(conversation): Path<ConversationId>,
    Json(FormatAndReason { format, reason }): Json<FormatAndReason>,
) -> Result<Json<ExportedTranscript>, Problem> {
    let exported = call.session().interaction().export_reviewed(ExportReviewed { conversation, format, reason });
    Ok(Json(exported.await?))
}

/// In the body, so that what somebody looks for stands in no log of addresses.
async fn search(call: Call, Json(asked): Json<Search>) -> Result<Json<Found>, Problem> {
    call.read(move |s| s.interaction().search(asked)).await.map(Json)
}

async fn prioritise(
    call: Keyed,
    Path(conversation): Path<ConversationId>,
    Json(Reason { reason }): Json<Reason>,
) -> Result<Json<Prioritised>, Problem> {
    let first = call.session()?.interaction().prioritise(Prioritise { conversation, reason });
    Ok(Json(first.await?))
}
