//! Collections (诉求汇集): tables of a channel that were taken in, each row with what became of it. The same table given again goes on where
//! it stopped; what is known already is known again, by whichever table it comes.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::arrival::{Arrival, ArrivalField, Meaning, Reporter};
use super::channel::{Channel, channel};
use super::{Appeal, AppealKind, AppealState};
use crate::access::{AuthorityPath, Engine, above, codes_by_name, path_named, path_of, top_of};
use crate::calendar::{Calendars, Term};
use crate::clock::Timestamp;
use crate::crypto::{KeyRing, hash, sm3};
use crate::ctx::Ctx;
use crate::error::{self, Error, Problem, Refusal};
use crate::id::AppealId;
use crate::identity::{AuthorityCode, fault, subject};
use crate::limits;
use crate::store::{ReadTx, Reads, StoreError, Tx, Writes, stretch};

words! {
    /// What becomes of a row of a collection.
    pub enum ArrivalVerdict {
        /// 新增: nothing like it is known.
        New = "new",
        /// 关联: new, and another one of the same words, or lately of the same phone, is known.
        Related = "related",
        /// 变更: known, and the channel says something else of it now.
        Changed = "changed",
        /// 重复: known just so.
        Duplicate = "duplicate",
        /// 有误: left out; its field and the reason are told.
        Broken = "broken",
    }
}

record! {
    /// A table of a channel that is taken in.
    pub struct Collection in "appeal_collection" {
        /// SM3 of channel and rows.
        batch: [u8; 32],
        /// Which attempt at it this is: one more after each time it was taken back.
        attempt: i64,
        /// The channel.
        channel: String,
        /// Name of the table, such as its file's.
        name: String,
        /// Rows of the table.
        rows: i64,
        /// When it was begun.
        begun_at: Timestamp,
        /// True from the first row that is taken back on.
        taken_back: bool,
        /// Counts updates.
        version: i64,
    }
    key(batch, attempt);
    version version;
    lock 43;
}

record! {
    /// A row of a collection, with what became of it.
    pub struct CollectedRow in "collected_row" {
        /// Which table.
        batch: [u8; 32],
        /// Which attempt at it.
        attempt: i64,
        /// Line of the table, as its reader counts.
        line: i64,
        /// What became of it.
        verdict: ArrivalVerdict,
        /// The appeal that it is; none for a broken row.
        appeal: Option<AppealId>,
        /// Another one of the same words or phone.
        related: Option<AppealId>,
        /// Version of the appeal behind what the row wrote; absent where it wrote nothing.
        made_version: Option<i64>,
        /// What a change replaced, as JSON; personal text as it was sealed.
        before: Option<String>,
        /// The field that is broken.
        field: Option<String>,
        /// Why it is; repeats nothing of the row.
        why: Option<String>,
        /// When it was taken in.
        taken_at: Timestamp,
        /// True once it was taken back.
        taken_back: bool,
        /// Counts updates.
        version: i64,
    }
    key(batch, attempt, line);
    version version;
    index BY_APPEAL(appeal, batch, attempt);
}

/// A table of a channel, known by its rows whatever file they came in.
pub struct ArrivalList {
    channel: String,
    name: String,
    batch: [u8; 32],
    rows: Vec<(i64, Arrival)>,
}

impl ArrivalList {
    /// Of rows with their lines, as their reader counts.
    ///
    /// # Errors
    /// `Invalid` for a name that is blank or too long, no rows, or more than [`limits::BULK_ROWS_MAX`].
    pub fn new(channel: &str, name: &str, rows: Vec<(i64, Arrival)>) -> Result<Self, Error> {
        let name = error::text("name", name, limits::DOCUMENT_CHARS_MAX)?;
        if rows.is_empty() {
            return Err(Error::invalid("rows", Problem::Empty));
        }
        if rows.len() > limits::BULK_ROWS_MAX {
            return Err(Error::invalid("rows", Problem::TooMany { max: limits::BULK_ROWS_MAX }));
        }
        let mut digests = sm3(&[channel.as_bytes()]).to_vec();
        for row in &rows {
            let row = serde_json::to_vec(row).map_err(|e| StoreError::Backend(format!("a row cannot be written down: {e}")))?;
            digests.extend(sm3(&[&row]));
        }
        Ok(Self { channel: channel.to_owned(), name, batch: sm3(&[&digests]), rows })
    }

    /// SM3 of channel and rows: what it is known by.
    pub fn batch(&self) -> [u8; 32] {
        self.batch
    }

    /// Its channel.
    pub fn channel(&self) -> &str {
        &self.channel
    }

    /// What begins it.
    pub(crate) fn begin(&self) -> BeginCollection {
        let rows = i64::try_from(self.rows.len()).unwrap_or(i64::MAX); // within the limit of rows
        BeginCollection { batch: self.batch, channel: self.channel.clone(), name: self.name.clone(), rows }
    }

    /// Its rows as those of an attempt.
    pub(crate) fn rows_of(&self, of: CollectionBegun) -> Vec<ArrivalRow> {
        self.rows.iter().map(|(line, said)| ArrivalRow { of, line: *line, said: said.clone() }).collect()
    }
}

/// Names a table before its rows come.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeginCollection {
    /// SM3 of channel and rows.
    pub batch: [u8; 32],
    /// The channel.
    pub channel: String,
    /// Name of the table, 1 to 100 characters.
    pub name: String,
    /// Rows of the table.
    pub rows: i64,
}

/// Rows may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectionBegun {
    /// Which table.
    pub batch: [u8; 32],
    /// Which attempt at it.
    pub attempt: i64,
}

impl crate::core::Answer for CollectionBegun {
    fn subject(&self) -> String {
        format!("collection/{}/{}", hash::hex(&self.batch[..8]), self.attempt)
    }
}

/// Begins a collection, or goes on with one; a table that was taken back is begun anew.
///
/// # Errors
/// `Invalid` for a channel that nobody knows, a name that is blank or too long, or more rows than a table may have.
pub fn begin_collection(tx: &mut dyn Tx, ctx: &Ctx, cmd: BeginCollection) -> Result<CollectionBegun, Error> {
    let name = error::text("name", &cmd.name, limits::DOCUMENT_CHARS_MAX)?;
    if !(1..=limits::BULK_ROWS_MAX as i64).contains(&cmd.rows) {
        return Err(Error::invalid("rows", Problem::OutOfRange { min: 1, max: limits::BULK_ROWS_MAX as i64 }));
    }
    channel(tx, &cmd.channel)?;
    let attempt = match latest(tx, cmd.batch)? {
        Some(known) if !known.taken_back => known.attempt,
        Some(known) => known.attempt + 1,
        None => 1,
    };
    let fresh = Collection {
        batch: cmd.batch,
        attempt,
        channel: cmd.channel,
        name,
        rows: cmd.rows,
        begun_at: ctx.now(),
        taken_back: false,
        version: 0,
    };
    tx.add_new(&fresh)?;
    Ok(CollectionBegun { batch: cmd.batch, attempt })
}

/// The latest attempt at a table.
fn latest(tx: &mut dyn ReadTx, batch: [u8; 32]) -> Result<Option<Collection>, Error> {
    let range = stretch(None, (batch,)).newest_first().limit(1);
    Ok(tx.scan::<Collection>(Engine::work("a collection is the host's own"), range)?.pop())
}

/// The attempt that a collection of this table is at; nothing for one that was never begun.
pub(crate) fn collection_of(tx: &mut dyn ReadTx, batch: [u8; 32]) -> Result<Option<CollectionBegun>, Error> {
    Ok(latest(tx, batch)?.map(|known| CollectionBegun { batch, attempt: known.attempt }))
}

/// Whether a collection was not taken back, nor begun to be.
pub(crate) fn stands(tx: &mut dyn ReadTx, of: CollectionBegun) -> Result<bool, Error> {
    let found = tx.find::<Collection>((of.batch, of.attempt))?;
    Ok(found.is_some_and(|collection| !collection.trust("a collection is the host's own").taken_back))
}

/// One row of a table.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArrivalRow {
    /// Which table, which attempt.
    pub of: CollectionBegun,
    /// Line of the table, as its reader counts.
    pub line: i64,
    /// What it says.
    pub said: Arrival,
}

/// What becomes, or became, of one row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ArrivalTold {
    /// Line of the table.
    pub line: i64,
    /// What becomes of it.
    pub verdict: ArrivalVerdict,
    /// The appeal that it is; nothing for one that is new and not written down yet, and for a broken row.
    pub appeal: Option<AppealId>,
    /// Another one of the same words or phone.
    pub related: Option<AppealId>,
    /// The field that is broken.
    pub field: Option<String>,
    /// Why it is; repeats nothing of the row.
    pub why: Option<String>,
    /// What to do about it, in Chinese.
    pub mend: Option<&'static str>,
    /// By what it is known again, and when it arrived; nothing for what was taken in, or is broken.
    #[serde(skip)]
    marks: Option<(Marks, Timestamp)>,
}

/// What rows of a table have said so far.
#[derive(Default)]
pub(crate) struct Heard {
    contents: HashMap<[u8; 16], [u8; 16]>,
    texts: HashSet<[u8; 16]>,
    reporters: HashMap<[u8; 16], Timestamp>,
}

impl Heard {
    /// Whether an earlier row has the same words, or lately the same phone; from now on this one has.
    fn is_related(&mut self, marks: &Marks, received_at: Timestamp) -> bool {
        let same_words = !self.texts.insert(marks.text);
        let Some(reporter) = marks.reporter else { return same_words };
        let before = self.reporters.get(&reporter).copied();
        self.reporters.insert(reporter, before.map_or(received_at, |before| before.max(received_at)));
        same_words || before.is_some_and(|before| received_at.since(before) <= limits::RELATED_WITHIN)
    }
}

impl ArrivalTold {
    /// The same behind other rows of its table, of which is kept what each said.
    pub(crate) fn after(self, heard: &mut Heard) -> Self {
        let Some((marks, received_at)) = self.marks else { return self };
        match heard.contents.get(&marks.arrival) {
            Some(before) if *before == marks.content => return Self { verdict: ArrivalVerdict::Duplicate, ..self },
            Some(_) => return broken(self.line, "external_id".into(), &twice()),
            None => heard.contents.insert(marks.arrival, marks.content),
        };
        let related = heard.is_related(&marks, received_at) && self.verdict == ArrivalVerdict::New;
        if related { Self { verdict: ArrivalVerdict::Related, ..self } } else { self }
    }
}

/// A number that a table says twice, and not the same of.
fn twice() -> Problem {
    Problem::Malformed("is on an earlier line too, with other values".into())
}

fn mend(field: &str) -> &'static str {
    match field {
        "received_at" => "请核对受理时间，写成 2026-01-31 或 2026-01-31 09:30，不能为空，不能晚于现在",
        "replied_at" | "due_at" => "请核对日期，写成 2026-01-31 或 2026-01-31 09:30，没有可留空",
        "text" => "请核对诉求内容：不能为空，不能过长，不能含控制字符",
        "kind" => "请填写意见、咨询、建议、投诉或举报；渠道另有叫法的，请在渠道设置中说明其含义",
        "state" => "请核对办理状态；渠道另有叫法的，请在渠道设置中说明其含义",
        "authority" => "请核对承办单位：填写 11 位税务机关代码或机构全称",
        "external_id" => "请核对工单编号：不能过长；同一编号在本表中只能有一行",
        _ => "请核对该列内容",
    }
}

/// A row weighed against what is known.
struct Weighed {
    meaning: Meaning,
    handler: AuthorityPath,
    unit: AuthorityPath,
    marks: Marks,
    known: Option<Appeal>,
    related: Option<AppealId>,
}

/// By what an appeal is known again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Marks {
    arrival: [u8; 16],
    content: [u8; 16],
    text: [u8; 16],
    reporter: Option<[u8; 16]>,
}

impl Weighed {
    fn verdict(&self) -> ArrivalVerdict {
        match (&self.known, self.related) {
            (Some(known), _) if known.content == Some(self.marks.content) => ArrivalVerdict::Duplicate,
            (Some(_), _) => ArrivalVerdict::Changed,
            (None, Some(_)) => ArrivalVerdict::Related,
            (None, None) => ArrivalVerdict::New,
        }
    }
}

/// Letters and digits alone: how somebody spaces or ends a sentence makes it no other one.
fn normalised(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

impl Marks {
    fn of(keys: &KeyRing, channel: &str, m: &Meaning, said: &Arrival) -> Result<Self, Error> {
        let words = normalised(&m.text);
        let phone = m.reporter.as_ref().and_then(|reporter| reporter.phone.as_deref()).map(normalised);
        let day = crate::calendar::date_of(m.received_at).map(|day| day.to_string()).unwrap_or_default();
        let arrival = match &m.external_id {
            Some(id) => keys.blind("appeal.arrival", &format!("{channel}\n{id}")),
            // A channel without numbers: the same phone said the same words on the same day.
            None => keys.blind("appeal.arrival.words", &format!("{channel}\n{}\n{day}\n{words}", phone.as_deref().unwrap_or_default())),
        };
        let all = serde_json::to_string(said).map_err(|e| StoreError::Backend(format!("a row cannot be written down: {e}")))?;
        Ok(Self {
            arrival,
            content: keys.blind("appeal.content", &all),
            text: keys.blind("appeal.text", &words),
            reporter: phone
                .filter(|phone| phone.len() >= limits::REPORTER_PHONE_DIGITS_MIN)
                .map(|phone| keys.blind("appeal.reporter", &phone)),
        })
    }
}

/// What rows of one channel are weighed by.
struct Weighing {
    channel: Channel,
    home: AuthorityCode,
    /// Read once a row names an office by its name.
    by_name: Option<HashMap<String, AuthorityCode>>,
}

impl Weighing {
    fn of(tx: &mut dyn ReadTx, code: &str) -> Result<Self, Error> {
        let channel = channel(tx, code)?;
        let home = channel.authority.map_or_else(|| top_of(tx), Ok)?;
        Ok(Self { channel, home, by_name: None })
    }

    /// The office that a row names by its code or its full name, or as the channel calls it.
    fn office(&mut self, tx: &mut dyn ReadTx, ctx: &Ctx, named: &str) -> Result<AuthorityPath, Error> {
        let named = self.channel.settings.means(ArrivalField::Authority, named);
        if let Ok(code) = AuthorityCode::parse(named) {
            return path_named(tx, ctx, "authority", code);
        }
        let by_name = match &mut self.by_name {
            Some(known) => known,
            none => none.insert(codes_by_name(tx)?),
        };
        let code = by_name.get(named).ok_or_else(|| Error::invalid("authority", Problem::Unknown("authority")))?;
        path_of(tx, ctx.rights(), *code)
    }

    fn weigh(&mut self, tx: &mut dyn ReadTx, ctx: &Ctx, said: &Arrival) -> Result<Weighed, Error> {
        let meaning = said.read(&self.channel.settings, ctx.now())?;
        let unit = match &meaning.authority {
            None => path_of(tx, ctx.rights(), self.home)?,
            Some(named) => self.office(tx, ctx, named)?,
        };
        // What is said against an office is handled above it.
        let handler = if meaning.kind == AppealKind::Complaint { above(tx, ctx.rights(), &unit)? } else { unit.clone() };
        let marks = Marks::of(ctx.keys(), &self.channel.code, &meaning, said)?;
        let known = tx.find_by::<Appeal>(Appeal::BY_ARRIVAL, (Some(marks.arrival),))?;
        let known = known.map(|known| known.trust("a collection compares what it was given").into_inner());
        let related = if known.is_none() { related(tx, &marks, meaning.received_at)? } else { None };
        Ok(Weighed { meaning, handler, unit, marks, known, related })
    }
}

/// Another appeal of the same words, or one of the same phone that arrived not long before.
fn related(tx: &mut dyn ReadTx, marks: &Marks, received_at: Timestamp) -> Result<Option<AppealId>, Error> {
    let why = Engine::work("what is like an appeal that arrives, told to whoever collects");
    let same_words = stretch(Some(Appeal::BY_TEXT), (Some(marks.text),)).newest_first().limit(1);
    if let Some(same) = tx.scan::<Appeal>(why, same_words)?.pop() {
        return Ok(Some(same.id));
    }
    let Some(reporter) = marks.reporter else { return Ok(None) };
    let lately = stretch(Some(Appeal::BY_REPORTER), (Some(reporter),)).newest_first().limit(1);
    let found = tx.scan::<Appeal>(why, lately)?.pop();
    Ok(found.filter(|other| received_at.since(other.filed_at) <= limits::RELATED_WITHIN).map(|other| other.id))
}

fn told(line: i64, weighed: &Weighed) -> ArrivalTold {
    let appeal = weighed.known.as_ref().map(|known| known.id);
    let marks = Some((weighed.marks, weighed.meaning.received_at));
    ArrivalTold { line, verdict: weighed.verdict(), appeal, related: weighed.related, field: None, why: None, mend: None, marks }
}

fn broken(line: i64, field: String, problem: &Problem) -> ArrivalTold {
    let mend = Some(mend(&field));
    let (verdict, why) = (ArrivalVerdict::Broken, Some(problem.to_string()));
    ArrivalTold { line, verdict, appeal: None, related: None, field: Some(field), why, mend, marks: None }
}

/// What a collection of these rows would make of each, by what is known now: nothing is written.
pub(crate) fn examine_arrivals(tx: &mut dyn ReadTx, ctx: &Ctx, channel: &str, rows: &[ArrivalRow]) -> Result<Vec<ArrivalTold>, Error> {
    let mut weighing = Weighing::of(tx, channel)?;
    let each = |row: &ArrivalRow| {
        Ok(match fault(weighing.weigh(tx, ctx, &row.said))? {
            Ok(weighed) => told(row.line, &weighed),
            Err((field, problem)) => broken(row.line, field, &problem),
        })
    };
    rows.iter().map(each).collect()
}

/// What stood before a change.
#[derive(Serialize, Deserialize)]
pub(super) struct Before {
    pub(super) content: Option<[u8; 16]>,
    pub(super) text_index: Option<[u8; 16]>,
    pub(super) body: Vec<u8>,
    pub(super) title: Option<Vec<u8>>,
    pub(super) answer: Option<Vec<u8>>,
    pub(super) answered_at: Option<Timestamp>,
    pub(super) state: AppealState,
    pub(super) due_at: Option<Timestamp>,
}

/// Takes rows in. A row that is in already is left as it is, so that a collection goes on where it stopped. Returns how many changed
/// something; a broken row is kept with its reason and changes nothing.
///
/// # Errors
/// `NotFound` for a collection that was not begun; `import_taken_back` where it was taken back.
pub fn collect(tx: &mut dyn Tx, ctx: &Ctx, calendars: &Calendars, rows: &[ArrivalRow]) -> Result<u64, Error> {
    let Some(of) = rows.first().map(|row| row.of) else { return Ok(0) };
    let found = tx.lock_row::<Collection>((of.batch, of.attempt))?.ok_or(Error::NotFound { what: "appeal_collection" })?;
    let collection = found.trust("a collection is the host's own").into_inner();
    if collection.taken_back {
        return Err(Error::Refused(Refusal::ImportTakenBack));
    }
    let mut weighing = Weighing::of(tx, &collection.channel)?;
    let mut changed = 0;
    for row in rows {
        if tx.find::<CollectedRow>((of.batch, of.attempt, row.line))?.is_some() {
            continue;
        }
        let weighed = weighing.weigh(tx, ctx, &row.said);
        let wrote = weighed.and_then(|weighed| write(tx, ctx, calendars, (&weighing.channel, of), weighed));
        let told = match fault(wrote)? {
            Ok(wrote) => CollectedRow { line: row.line, ..wrote },
            Err((field, problem)) => {
                let broken = broken(row.line, field, &problem);
                CollectedRow { line: row.line, field: broken.field, why: broken.why, ..nothing(ctx, of, ArrivalVerdict::Broken) }
            }
        };
        changed += u64::from(told.made_version.is_some());
        tx.add(&told)?;
    }
    Ok(changed)
}

fn nothing(ctx: &Ctx, of: CollectionBegun, verdict: ArrivalVerdict) -> CollectedRow {
    CollectedRow {
        batch: of.batch,
        attempt: of.attempt,
        line: 0,
        verdict,
        appeal: None,
        related: None,
        made_version: None,
        before: None,
        field: None,
        why: None,
        taken_at: ctx.now(),
        taken_back: false,
        version: 0,
    }
}

fn write(
    tx: &mut dyn Tx,
    ctx: &Ctx,
    calendars: &Calendars,
    (channel, of): (&Channel, CollectionBegun),
    weighed: Weighed,
) -> Result<CollectedRow, Error> {
    let row = CollectedRow { related: weighed.related, ..nothing(ctx, of, weighed.verdict()) };
    match weighed.known {
        Some(ref known) if known.content == Some(weighed.marks.content) => Ok(CollectedRow { appeal: Some(known.id), ..row }),
        Some(ref known) => {
            if said_by(tx, of, known.id)? {
                return Err(Error::invalid("external_id", twice()));
            }
            let before = Before {
                content: known.content,
                text_index: known.text_index,
                body: known.body.clone(),
                title: known.title.clone(),
                answer: known.answer.clone(),
                answered_at: known.answered_at,
                state: known.state,
                due_at: known.due_at,
            };
            let before = serde_json::to_string(&before).map_err(|e| StoreError::Backend(format!("what was before: {e}")))?;
            let due_at = due(tx, calendars, channel, &weighed)?;
            let made = change(tx, ctx, known, &weighed, due_at)?;
            Ok(CollectedRow { appeal: Some(known.id), made_version: Some(made.version), before: Some(before), ..row })
        }
        None => {
            let due_at = due(tx, calendars, channel, &weighed)?;
            let id = add(tx, ctx, channel, weighed, due_at)?;
            Ok(CollectedRow { appeal: Some(id), made_version: Some(0), ..row })
        }
    }
}

/// Whether an earlier row of the table wrote this appeal.
fn said_by(tx: &mut dyn ReadTx, of: CollectionBegun, id: AppealId) -> Result<bool, Error> {
    let range = stretch(Some(CollectedRow::BY_APPEAL), (Some(id), of.batch, of.attempt));
    let wrote = |row: &CollectedRow| row.made_version.is_some();
    Ok(!tx.scan_all(Engine::work("a collection is the host's own"), range, wrote)?.is_empty())
}

/// By when it is answered: as the channel says of it, else within the channel's working days.
fn due(tx: &mut dyn ReadTx, calendars: &Calendars, channel: &Channel, weighed: &Weighed) -> Result<Option<Timestamp>, Error> {
    let (Some(days), None) = (channel.settings.working_days, weighed.meaning.due_at) else { return Ok(weighed.meaning.due_at) };
    let timeline = calendars.in_force(tx)?.timeline(&weighed.handler, None)?;
    Ok(timeline.due(weighed.meaning.received_at, Term::WorkingDays(days), &[]).and_then(|due| due.at))
}

fn add(tx: &mut dyn Tx, ctx: &Ctx, channel: &Channel, weighed: Weighed, due_at: Option<Timestamp>) -> Result<AppealId, Error> {
    let Weighed { meaning: m, handler, unit, marks, .. } = weighed;
    let id = AppealId::from_uuid(ctx.new_uuid());
    let key = subject::create(tx, ctx, id.uuid())?;
    let mut appeal = Appeal {
        id,
        kind: m.kind,
        taxpayer: None,
        body: Vec::new(),
        respondent: None,
        unit,
        handler,
        conversation: None,
        state: m.state,
        filed_at: m.received_at,
        answer: None,
        answered_by: None,
        answered_at: m.replied_at,
        version: 0,
        also_kept_from: None,
        channel: Some(channel.code.clone()),
        external_id: m.external_id.clone(),
        arrival: Some(marks.arrival),
        content: Some(marks.content),
        text_index: Some(marks.text),
        reporter_index: marks.reporter,
        reporter: None,
        title: None,
        collected_at: Some(ctx.now()),
        due_at,
    };
    let bound = appeal.bound();
    let seal = |column, text: &str| subject::seal(ctx, &key, Appeal::place(column, &bound), text);
    appeal.body = seal("body", &m.text);
    appeal.title = m.title.as_deref().map(|text| seal("title", text));
    appeal.answer = m.reply.as_deref().map(|text| seal("answer", text));
    appeal.reporter = m.reporter.as_ref().map(|reporter| written(reporter).map(|text| seal("reporter", &text))).transpose()?;
    tx.add(&appeal)?;
    Ok(id)
}

fn written(reporter: &Reporter) -> Result<String, Error> {
    Ok(serde_json::to_string(reporter).map_err(|e| StoreError::Backend(format!("a reporter cannot be written down: {e}")))?)
}

/// What the channel says of an appeal now. Who handles it, whom it is about and who brought it stay; what was answered here is not taken
/// back by what a channel has not heard of yet.
fn change(tx: &mut dyn Tx, ctx: &Ctx, known: &Appeal, weighed: &Weighed, due_at: Option<Timestamp>) -> Result<Appeal, Error> {
    let key = subject::key_of(tx, ctx, known.id.uuid())?;
    let (bound, m) = (known.bound(), &weighed.meaning);
    let seal = |column, text: &str| subject::seal(ctx, &key, Appeal::place(column, &bound), text);
    let mut changed = Appeal {
        content: Some(weighed.marks.content),
        text_index: Some(weighed.marks.text),
        body: seal("body", &m.text),
        title: m.title.as_deref().map(|text| seal("title", text)),
        due_at,
        ..known.clone()
    };
    if known.answered_by.is_none() {
        changed.answer = m.reply.as_deref().map(|text| seal("answer", text));
        (changed.state, changed.answered_at) = (m.state, m.replied_at);
    }
    Ok(tx.replace(known, changed)?)
}

/// Rows of a collection behind a line, with what became of them.
pub(crate) fn collected_rows(tx: &mut dyn ReadTx, of: CollectionBegun, after: i64) -> Result<Vec<ArrivalTold>, Error> {
    let told = |row: CollectedRow| ArrivalTold {
        line: row.line,
        verdict: row.verdict,
        appeal: row.appeal,
        related: row.related,
        mend: row.field.as_deref().map(mend),
        field: row.field,
        why: row.why,
        marks: None,
    };
    Ok(page(tx, of, after)?.into_iter().map(told).collect())
}

pub(super) fn page(tx: &mut dyn ReadTx, of: CollectionBegun, after: i64) -> Result<Vec<CollectedRow>, Error> {
    let range = stretch(None, (of.batch, of.attempt)).after((after,)).limit(limits::PAGE_ROWS_MAX);
    Ok(tx.scan(Engine::work("a collection is the host's own"), range)?)
}
