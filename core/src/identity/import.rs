//! Importing lists (迁移、导入): people and enterprises, and what is said of them, such as of the platform in service before this
//! one: looked at first, row by row; applied in chunks that go on where they stopped; every row with its verdict; taken back
//! whole. A list is of one kind.
//!
//! Whoever has the same number, in use or from before, is the same taxpayer: while both platforms run side by side a person
//! stays one. What a row leaves out of a taxpayer is left as it is.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::entry;
use super::listed::{Listed, Read};
use super::taxpayer::{Applicant, NewTaxpayer, PersonalField, Taxpayer, TaxpayerKind, Told, enrol_one, examine, find_by_number};
use super::{AuthorityCode, CaptureChannel, FormerNumber, MobilePhone, RealName, Relation, RosterEntry, subject};
use crate::access::Engine;
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::{self, Error, Problem, Refusal};
use crate::id::TaxpayerId;
use crate::limits;
use crate::series;
use crate::store::{ReadTx, Reads, StoreError, Tx, Writes, stretch};

words! {
    /// What becomes of a row of an import.
    pub enum ListVerdict {
        /// 新增: nobody has the number, or this is not known of them.
        New = "new",
        /// 变更: known, and something differs.
        Changed = "changed",
        /// 重复: known just so.
        Duplicate = "duplicate",
        /// 过时: name or phone is older than what is known, and is left out; what else the row says is taken.
        Older = "older",
        /// 有误: the row is left out; its field and the reason are told.
        Broken = "broken",
    }
}

record! {
    /// A list that is imported.
    pub struct ImportBatch in "import_batch" {
        /// SM3 of the list.
        batch: [u8; 32],
        /// Name of the list, such as its file's.
        name: String,
        /// Rows of the list.
        rows: i64,
        /// When it was first begun.
        begun_at: Timestamp,
        /// Which attempt at it this is: one more after each time it was taken back.
        attempt: i64,
        /// True from the first row that is taken back to the last.
        taking_back: bool,
        /// Counts updates.
        version: i64,
        /// Digest of what stands in the place of what its rows leave out; absent where nobody said.
        given: Option<[u8; 32]>,
    }
    key(batch);
    version version;
}

record! {
    /// A row of an import, with what became of it.
    pub struct ImportedRow in "imported_row" {
        /// Which list.
        batch: [u8; 32],
        /// Which attempt at it.
        attempt: i64,
        /// Line of the list, as its reader counts.
        line: i64,
        /// What became of it.
        verdict: ListVerdict,
        /// Whom it is about; nobody for a broken row.
        taxpayer: Option<TaxpayerId>,
        /// Version of the taxpayer's row behind the change: another one later means that somebody else changed it since.
        made_version: Option<i64>,
        /// What was there before a change, as JSON; personal values as they were sealed. Where no taxpayer but something of
        /// them was written: that, and what was there before.
        before: Option<String>,
        /// The field that is broken.
        field: Option<String>,
        /// Why it is; repeats nothing of the row.
        why: Option<String>,
        /// True once it was taken back.
        taken_back: bool,
        /// Counts updates.
        version: i64,
        /// When it was applied; absent of before that was kept.
        applied_at: Option<Timestamp>,
    }
    key(batch, attempt, line);
    version version;
    index BY_TAXPAYER(taxpayer, batch, attempt);
}

impl ImportedRow {
    /// Whether it changed something.
    pub(super) fn wrote(&self) -> bool {
        self.made_version.is_some() || self.before.is_some()
    }
}

/// Names a list before its rows come.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeginImport {
    /// SM3 of the list.
    pub batch: [u8; 32],
    /// Name of the list, 1 to 100 characters.
    pub name: String,
    /// Rows of the list.
    pub rows: i64,
    /// SM3 of what stands in the place of what its rows leave out: with other values it is another list, and not gone on with. Absent: whoever
    /// gives the rows does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<[u8; 32]>,
}

/// Rows may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportBegun {
    /// Which list.
    pub batch: [u8; 32],
    /// Which attempt at it.
    pub attempt: i64,
}

impl crate::core::Answer for ImportBegun {
    fn subject(&self) -> String {
        format!("import/{}/{}", crate::crypto::hash::hex(&self.batch[..8]), self.attempt)
    }
}

/// Begins an import, or goes on with one.
///
/// # Errors
/// `Invalid` for a name that is blank or too long, more rows than an import may have, or (`given`) other values than rows of it were applied
/// with; `import_taken_back` while the list is being taken back.
pub fn begin_import(tx: &mut dyn Tx, ctx: &Ctx, cmd: BeginImport) -> Result<ImportBegun, Error> {
    let name = error::text("name", &cmd.name, limits::DOCUMENT_CHARS_MAX)?;
    if !(0..=limits::BULK_ROWS_MAX as i64).contains(&cmd.rows) {
        return Err(Error::invalid("rows", Problem::OutOfRange { min: 0, max: limits::BULK_ROWS_MAX as i64 }));
    }
    let found = tx.find::<ImportBatch>((cmd.batch,))?.map(|b| b.trust("an import is the host's own").into_inner());
    let attempt = match found {
        Some(known) if known.taking_back => return Err(Error::Refused(Refusal::ImportTakenBack)),
        Some(known) if known.given.is_none() || known.given == cmd.given => known.attempt,
        Some(known) => {
            let of = ImportBegun { batch: cmd.batch, attempt: known.attempt };
            let rows = page(tx, of, i64::MIN, limits::PAGE_ROWS_MAX)?;
            // Where none of a few rows stands, all of them are told anew as they were; of many nobody looks through all.
            if rows.len() == limits::PAGE_ROWS_MAX as usize || rows.iter().any(|row| row.taxpayer.is_some()) {
                let why = "rows of the list were applied with other values; give the same, or take it back first";
                return Err(Error::invalid("given", Problem::Malformed(why.into())));
            }
            tx.replace(&known, ImportBatch { given: cmd.given, ..known.clone() })?.attempt
        }
        None => {
            tx.add(&ImportBatch {
                batch: cmd.batch,
                name,
                rows: cmd.rows,
                begun_at: ctx.now(),
                attempt: 1,
                taking_back: false,
                version: 0,
                given: cmd.given,
            })?;
            1
        }
    };
    Ok(ImportBegun { batch: cmd.batch, attempt })
}

/// The rows in the order in which they are applied: findings about real names by their time, whichever way the list goes.
pub fn in_order(rows: &[ImportRow]) -> Cow<'_, [ImportRow]> {
    let mut rows = Cow::Borrowed(rows);
    if !rows.is_sorted_by_key(|row| row.said.found_at()) {
        rows.to_mut().sort_by_key(|row| row.said.found_at());
    }
    rows
}

/// One row of an import.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportRow {
    /// Which list, which attempt.
    pub of: ImportBegun,
    /// Line of the list, as its reader counts.
    pub line: i64,
    /// What it says.
    pub said: Listed,
}

/// What becomes, or became, of one row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RowVerdict {
    /// Line of the list.
    pub line: i64,
    /// What becomes of it.
    pub verdict: ListVerdict,
    /// The field that is broken.
    pub field: Option<String>,
    /// Why it is; repeats nothing of the row.
    pub why: Option<String>,
    /// What to do about it, in Chinese.
    pub mend: Option<&'static str>,
}

/// A row weighed against what is known.
enum Weighed<'a> {
    New(Box<Applicant<'a>>),
    Changed(Box<Taxpayer>, Box<Applicant<'a>>),
    Duplicate(TaxpayerId, Box<Applicant<'a>>),
}

/// A row whose name or phone may be older than what is known: what else it says, weighed, and the first such field.
type WeighedByAge<'a> = (Weighed<'a>, Option<&'static str>);

/// Why a field is left out.
pub(super) const OLDER: &str = "is older than what is known";

impl Weighed<'_> {
    fn verdict(&self, older: Option<&'static str>) -> ListVerdict {
        match self {
            Self::New(_) => ListVerdict::New,
            _ if older.is_some() => ListVerdict::Older,
            Self::Changed(..) => ListVerdict::Changed,
            Self::Duplicate(..) => ListVerdict::Duplicate,
        }
    }
}

fn weigh<'a>(tx: &mut dyn ReadTx, ctx: &Ctx, new: &'a NewTaxpayer, as_of: Option<Timestamp>) -> Result<WeighedByAge<'a>, Error> {
    let mut applicant = examine(tx, ctx, new)?;
    if as_of.is_some_and(|as_of| as_of > ctx.now().plus(limits::CLOCK_SKEW_MAX)) {
        return Err(Error::invalid("as_of", Problem::Malformed("is in the future".into())));
    }
    let source = |external_id: bool| if external_id { CaptureChannel::Migration } else { CaptureChannel::Register };
    let holder = find_by_number(tx, &[applicant.number_index])?;
    if let Some(external_id) = &new.external_id
        && let Some(other) = tx.find_by::<Taxpayer>(Taxpayer::BY_EXTERNAL_ID, (external_id.clone(),))?
        && Some(other.trust("an import compares what it was given").into_inner().id) != holder
    {
        return Err(Error::invalid("external_id", Problem::Taken));
    }
    let Some(id) = holder else {
        applicant.told = as_of.map(|at| Told { channel: source(new.external_id.is_some()), at });
        return Ok((Weighed::New(Box::new(applicant)), None));
    };
    let known = tx.find::<Taxpayer>((id,))?.ok_or(Error::NotFound { what: "taxpayer" })?;
    let known = known.trust("an import compares what it was given").into_inner();
    if known.kind != new.kind {
        return Err(Error::invalid("kind", Problem::Taken));
    }
    if known.external_id.is_some() && new.external_id.is_some() && known.external_id != new.external_id {
        return Err(Error::invalid("external_id", Problem::Taken));
    }
    let key = subject::key_of(tx, ctx, id.uuid())?;
    let mut older = None;
    let known_name = known.open(Some(&key), PersonalField::Name)?.unwrap_or_default();
    // An id of theirs elsewhere says that it is them all the same: so a name is put right.
    let same_id = new.external_id.is_some() && new.external_id == known.external_id;
    if !same_id && applicant.is_somebody_else(&known_name) {
        return Err(Error::invalid("name", Problem::Malformed("is not the name of whoever has the passport number here".into())));
    }
    if known_name != applicant.name && known.outdates(PersonalField::Name, as_of) {
        applicant.name.clone_from(&known_name);
        older = Some("name");
    }
    let known_phone = known.open(Some(&key), PersonalField::Phone)?;
    let other_phone = |said: &MobilePhone| known_phone.as_deref().is_some_and(|known| known != said.as_str());
    if applicant.phone.as_ref().is_some_and(other_phone) && known.outdates(PersonalField::Phone, as_of) {
        applicant.phone = None;
        older = older.or(Some("phone"));
    }
    let kept = |known: &Option<String>, new: &Option<String>| new.is_none() || known == new;
    let same = known_name == applicant.name
        && applicant.phone.as_ref().is_none_or(|said| known_phone.as_deref() == Some(said.as_str()))
        && known.authority == applicant.authority
        && kept(&known.registration_seq, &new.registration_seq)
        && kept(&known.external_id, &new.external_id);
    let channel = source(new.external_id.is_some() || known.external_id.is_some());
    applicant.told = Some(Told { channel, at: as_of.unwrap_or(ctx.now()) });
    let applicant = Box::new(applicant);
    Ok((if same { Weighed::Duplicate(id, applicant) } else { Weighed::Changed(Box::new(known), applicant) }, older))
}

/// What an import of these rows would make of each, by what is known now: nothing is written. What a list says twice is for
/// [`Heard`](super::heard::Heard).
pub fn examine_import(tx: &mut dyn ReadTx, ctx: &Ctx, rows: &[ImportRow]) -> Result<Vec<RowVerdict>, Error> {
    let mut verdict = |said: &Listed| -> Result<(ListVerdict, Option<&'static str>), Error> {
        let verdict = match said.read()? {
            Read::Taxpayer(new, as_of) => {
                let (weighed, older) = weigh(tx, ctx, &new, as_of)?;
                return Ok((weighed.verdict(older), older));
            }
            Read::Relation(new) => entry::examine::<Relation>(tx, ctx, &new),
            Read::RealName(new) => entry::examine::<RealName>(tx, ctx, &new),
            Read::RosterEntry(new) => entry::examine::<RosterEntry>(tx, ctx, &new),
            Read::FormerNumber(new) => entry::examine::<FormerNumber>(tx, ctx, &new),
        };
        Ok((verdict?, None))
    };
    let told = |row: &ImportRow| {
        Ok(match fault(verdict(&row.said))? {
            Ok((verdict, older)) => shown(row.line, verdict, older.map(Into::into), older.map(|_| OLDER.into())),
            Err((field, problem)) => shown(row.line, ListVerdict::Broken, Some(field), Some(problem.to_string())),
        })
    };
    rows.iter().map(told).collect()
}

/// What is wrong with a row, apart from what is wrong with anything else.
pub(crate) fn fault<T>(result: Result<T, Error>) -> Result<Result<T, (String, Problem)>, Error> {
    match result {
        Ok(good) => Ok(Ok(good)),
        Err(Error::Invalid { field, problem }) => Ok(Err((field, problem))),
        Err(other) => Err(other),
    }
}

pub(super) fn shown(line: i64, verdict: ListVerdict, field: Option<String>, why: Option<String>) -> RowVerdict {
    let mend = field.as_deref().map(|field| match field {
        "name" | "phone" if verdict == ListVerdict::Older => {
            "系统中已有更新的姓名或电话，予以保留；该行确系更晚采集的，请填写采集日期后放在另一文件中再导"
        }
        "as_of" => "请核对采集日期，写成 2026-01-31，不能晚于今天",
        "name" => "请核对姓名或名称：不能为空，不能含控制字符",
        "number" => "请核对号码的每一位；15、17、20 位的纳税人识别号及护照、通行证等须填写证件类型，个体工商户以身份证号登记的填写纳税人识别号；已属于另一纳税人的号码不能再登记",
        "number_kind" => "请核对证件类型：自然人与企业的证件不同",
        "kind" => "请填写自然人或企业；同一号码已登记为另一类纳税人的，请核对类型",
        "phone" => "请填写 11 位手机号，没有可留空",
        "authority" => "请核对主管税务机关代码，必要时先导入机构",
        "external_id" => "同一原平台编号或号码在系统中已对应另一条记录，请核对；换过证件的请先登记曾用号码",
        "enterprise" => "请核对企业的号码；系统中没有该企业的，请先导入企业",
        "person" => "请核对人员的证件号码；系统中没有该人员的，请先导入自然人",
        "taxpayer" => "请核对现用号码；系统中没有该纳税人的，请先导入",
        "relations" => "该企业登记的关联关系（含已终止的）已达上限，不能再增加，请联系系统管理员",
        "role" => "请填写法定代表人、财务负责人、办税员、开票员、领票人或税务代理人",
        "starts_at" => "请核对开始日期，写成 2026-01-31；同一对象的同一开始日期只能有一行",
        "ends_at" => "请核对结束日期，写成 2026-01-31，须晚于开始日期；已解除的须填写，已终止的须以新的开始日期重新登记",
        "released" => "请填写是或否",
        "channel" => "请填写采集渠道：办税服务厅、电子税务局、吉事办、微信小程序、自助办税终端、税务登记或原平台迁移",
        "state" => "请填写已采集、已认证、未通过或已失效",
        "level" => "已认证的请填写两要素、三要素、人脸核验或现场核验，已采集、未通过的请留空",
        "found_at" => "请核对日期，写成 2026-01-31，不能晚于今天；系统中已有更新结果的，不必再导",
        "roster" => "请填写大企业或小微企业",
        "document" => "请填写列名依据的文件名称或文号，最多 100 字",
        _ => "请核对该列内容",
    });
    RowVerdict { line, verdict, field, why, mend }
}

/// What is kept of a taxpayer before a change.
#[derive(Serialize, Deserialize)]
pub(super) struct Before {
    pub(super) name: Vec<u8>,
    pub(super) phone: Option<Vec<u8>>,
    pub(super) phone_index: Option<Vec<u8>>,
    pub(super) authority: Option<AuthorityCode>,
    pub(super) registration_seq: Option<String>,
    pub(super) external_id: Option<String>,
    #[serde(default)]
    pub(super) name_told: Option<(CaptureChannel, Timestamp)>,
    #[serde(default)]
    pub(super) phone_told: Option<(CaptureChannel, Timestamp)>,
}

/// What a row of an import did.
pub(super) struct Wrote {
    pub(super) verdict: ListVerdict,
    /// The field that was left out for its age.
    pub(super) older: Option<&'static str>,
    pub(super) taxpayer: TaxpayerId,
    pub(super) made_version: Option<i64>,
    pub(super) before: Option<String>,
}

/// Applies rows. A row that was applied already is left as it is, so that an import goes on where it stopped. Returns how many
/// changed something; a broken row is kept with its reason and changes nothing.
///
/// # Errors
/// `NotFound` for a list that was not begun; `import_taken_back` where the attempt is over, or is being taken back.
pub fn import_rows(tx: &mut dyn Tx, ctx: &Ctx, rows: &[ImportRow]) -> Result<u64, Error> {
    let mut attempts: Vec<ImportBegun> = rows.iter().map(|row| row.of).collect();
    attempts.dedup();
    for of in attempts {
        let batch = tx.find::<ImportBatch>((of.batch,))?.ok_or(Error::NotFound { what: "import_batch" })?;
        let batch = batch.trust("an import is the host's own").into_inner();
        if batch.attempt != of.attempt || batch.taking_back {
            return Err(Error::Refused(Refusal::ImportTakenBack));
        }
    }
    let read: Vec<Result<Read, Error>> = rows.iter().map(|row| row.said.read()).collect();
    let mut people = People::weighed(tx, ctx, &read)?;
    let mut changed = 0;
    for (i, (row, read)) in rows.iter().zip(&read).enumerate() {
        let ImportBegun { batch, attempt } = row.of;
        // Somebody else who imports the same list was here first.
        if tx.find::<ImportedRow>((batch, attempt, row.line))?.is_some() {
            continue;
        }
        let wrote = match read {
            Ok(Read::Taxpayer(new, as_of)) => people.import(tx, ctx, row.of, (i, new, *as_of)),
            Ok(Read::Relation(new)) => entry::import::<Relation>(tx, ctx, row.of, new),
            Ok(Read::RealName(new)) => entry::import::<RealName>(tx, ctx, row.of, new),
            Ok(Read::RosterEntry(new)) => entry::import::<RosterEntry>(tx, ctx, row.of, new),
            Ok(Read::FormerNumber(new)) => entry::import::<FormerNumber>(tx, ctx, row.of, new),
            Err(e) => Err(e.clone()),
        };
        let (wrote, (field, why)) = match fault(wrote)? {
            Ok(wrote) => {
                let older = (wrote.older.map(Into::into), wrote.older.map(|_| OLDER.into()));
                (Some(wrote), older)
            }
            Err((field, problem)) => (None, (Some(field), Some(problem.to_string()))),
        };
        let verdict = wrote.as_ref().map_or(ListVerdict::Broken, |wrote| wrote.verdict);
        let row = ImportedRow {
            batch,
            attempt,
            line: row.line,
            verdict,
            taxpayer: wrote.as_ref().map(|wrote| wrote.taxpayer),
            made_version: wrote.as_ref().and_then(|wrote| wrote.made_version),
            before: wrote.and_then(|wrote| wrote.before),
            field,
            why,
            taken_back: false,
            version: 0,
            applied_at: Some(ctx.now()),
        };
        changed += u64::from(row.wrote());
        tx.add(&row)?;
    }
    Ok(changed)
}

/// The taxpayers of a chunk.
struct People<'a> {
    /// Those who were good at first sight, by their place in the chunk.
    first: HashMap<usize, WeighedByAge<'a>>,
    /// The next numbers of enterprises and persons.
    next: [i64; 2],
    said: Said,
}

impl<'a> People<'a> {
    /// Weighs all, to take as many numbers as there are new ones.
    fn weighed(tx: &mut dyn Tx, ctx: &Ctx, read: &'a [Result<Read, Error>]) -> Result<Self, Error> {
        let (mut first, mut fresh, mut numbers) = (HashMap::new(), [0_i64; 2], HashSet::new());
        for (i, read) in read.iter().enumerate() {
            let Ok(Read::Taxpayer(new, as_of)) = read else { continue };
            let Ok(weighed) = fault(weigh(tx, ctx, new, *as_of))? else { continue };
            if let Weighed::New(applicant) = &weighed.0
                && numbers.insert(applicant.number_index)
            {
                fresh[usize::from(new.kind == TaxpayerKind::Person)] += 1;
            }
            first.insert(i, weighed);
        }
        // All at once, and in the order in which rows are locked: by name.
        let mut next = [0; 2];
        for (at, name) in ["enterprise_no", "person_no"].into_iter().enumerate() {
            if fresh[at] > 0 {
                next[at] = series::take(tx, name, fresh[at])?;
            }
        }
        Ok(Self { first, next, said: Said::default() })
    }

    fn import(
        &mut self,
        tx: &mut dyn Tx,
        ctx: &Ctx,
        of: ImportBegun,
        (i, new, as_of): (usize, &'a NewTaxpayer, Option<Timestamp>),
    ) -> Result<Wrote, Error> {
        // Weighed again where an earlier row of the chunk said something about the same taxpayer.
        let (weighed, older) = match self.first.remove(&i) {
            Some(first) if !self.said.about(&first.0) => first,
            _ => weigh(tx, ctx, new, as_of)?,
        };
        let verdict = weighed.verdict(older);
        Ok(match weighed {
            Weighed::New(applicant) => {
                let ordinal = &mut self.next[usize::from(new.kind == TaxpayerKind::Person)];
                let taxpayer = enrol_one(tx, ctx, &applicant, *ordinal)?;
                *ordinal += 1;
                Wrote { verdict, older, taxpayer, made_version: Some(0), before: None }
            }
            Weighed::Changed(known, _) if said_already(tx, of, known.id)? => {
                return Err(Error::invalid("number", Problem::Malformed("is on an earlier line too, with other values".into())));
            }
            Weighed::Changed(known, applicant) => {
                let before = Before {
                    name: known.name.clone(),
                    phone: known.phone.clone(),
                    phone_index: known.phone_index.clone(),
                    authority: known.authority.own(),
                    registration_seq: known.registration_seq.clone(),
                    external_id: known.external_id.clone(),
                    name_told: known.name_channel.zip(known.name_at),
                    phone_told: known.phone_channel.zip(known.phone_at),
                };
                let made_version = Some(change(tx, ctx, &known, &applicant)?.version);
                let before = serde_json::to_string(&before).map_err(|e| StoreError::Backend(format!("what was before: {e}")))?;
                Wrote { verdict, older, taxpayer: known.id, made_version, before: Some(before) }
            }
            Weighed::Duplicate(taxpayer, _) => Wrote { verdict, older, taxpayer, made_version: None, before: None },
        })
    }
}

/// What the rows of a chunk have said so far.
#[derive(Default)]
struct Said {
    numbers: HashSet<[u8; 16]>,
    external_ids: HashSet<String>,
}

impl Said {
    /// Whether an earlier row named the same number or external id; from now on this one has.
    fn about(&mut self, row: &Weighed<'_>) -> bool {
        let (Weighed::New(applicant) | Weighed::Changed(_, applicant) | Weighed::Duplicate(_, applicant)) = row;
        let number = !self.numbers.insert(applicant.number_index);
        let external_id = applicant.new.external_id.as_ref().is_some_and(|id| !self.external_ids.insert(id.clone()));
        number || external_id
    }
}

/// Whether an earlier row of the list made or changed this taxpayer.
fn said_already(tx: &mut dyn ReadTx, of: ImportBegun, id: TaxpayerId) -> Result<bool, Error> {
    let range = stretch(Some(ImportedRow::BY_TAXPAYER), (Some(id), of.batch, of.attempt));
    let wrote = tx.scan_all(Engine::work("an import is the host's own"), range, ImportedRow::wrote)?;
    Ok(!wrote.is_empty())
}

fn change(tx: &mut dyn Tx, ctx: &Ctx, known: &Taxpayer, applicant: &Applicant<'_>) -> Result<Taxpayer, Error> {
    let or = |new: &Option<String>, known: &Option<String>| new.clone().or_else(|| known.clone());
    let mut changed = Taxpayer {
        authority: applicant.authority.clone(),
        registration_seq: or(&applicant.new.registration_seq, &known.registration_seq),
        external_id: or(&applicant.new.external_id, &known.external_id),
        ..known.clone()
    };
    if let Some(told) = applicant.told {
        changed.take_name(tx, ctx, told, &applicant.name)?;
        if let Some(phone) = &applicant.phone {
            changed.take_phone(tx, ctx, told, phone)?;
        }
    }
    Ok(tx.replace(known, changed)?)
}

/// The attempt that an import of this list is at; nothing for a list that was never imported.
pub(crate) fn attempt_of(tx: &mut dyn ReadTx, batch: [u8; 32]) -> Result<Option<ImportBegun>, Error> {
    let found = tx.find::<ImportBatch>((batch,))?.map(|b| b.trust("an import is the host's own").into_inner());
    Ok(found.map(|known| ImportBegun { batch, attempt: known.attempt }))
}

/// Rows of an import behind a line, with what became of them.
pub(crate) fn imported_rows(tx: &mut dyn ReadTx, of: ImportBegun, after: i64, limit: u32) -> Result<Vec<RowVerdict>, Error> {
    let rows = page(tx, of, after, limit)?;
    Ok(rows.into_iter().map(|row| shown(row.line, row.verdict, row.field, row.why)).collect())
}

pub(super) fn page(tx: &mut dyn ReadTx, of: ImportBegun, after: i64, limit: u32) -> Result<Vec<ImportedRow>, Error> {
    let range = stretch(None, (of.batch, of.attempt)).after((after,)).limit(limit.min(limits::PAGE_ROWS_MAX));
    Ok(tx.scan(Engine::work("an import is the host's own"), range)?)
}
