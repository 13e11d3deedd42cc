//! Whether anything that is sealed was altered past the door: every key, every sealed value and every blind index is held against the
//! others, but for what stood before a list changed it (`imported_row.before`). The audit chain does the same for the record of operations.

use serde::Serialize;

use super::former_number::FormerNumber;
use super::subject::{self, SubjectKeyRow};
use super::taxpayer::{PersonalField, Taxpayer, index_of};
use super::{MobilePhone, Number};
use crate::access::{Engine, Officer, SecondFactor};
use crate::appeal::{self, Appeal, AppealState};
use crate::crypto::{Place, hash};
use crate::ctx::Ctx;
use crate::error::Error;
use crate::interaction::{self, Conversation};
use crate::store::{ReadTx, Reads, Record, Row, StoreError, Value, stretch};

/// What a verification of sealed data found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SealedVerdict {
    /// Rows that were looked at.
    pub rows: u64,
    /// The first thing that is wrong; everything is whole where there is none.
    pub finding: Option<SealedFinding>,
}

/// Something sealed that was altered. Repeats nothing of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SealedFinding {
    /// Its table.
    pub table: &'static str,
    /// Its row: the key, in hexadecimal digits.
    pub row: String,
    /// What is wrong.
    pub detail: String,
}

/// What is wrong with a row, if anything.
type Look<R> = fn(&mut dyn ReadTx, &Ctx, &R) -> Result<Option<&'static str>, Error>;

/// The first thing wrong in a table, if anything; counts the rows it looked at.
type LookAtAll = fn(&mut dyn ReadTx, &Ctx, &mut Seen<'_>) -> Result<Option<SealedFinding>, Error>;

struct Seen<'a> {
    rows: u64,
    told: &'a mut dyn FnMut(u64),
}

/// Looks at every row with something sealed: in one snapshot, some thousand rows a second. `told` hears how many after each page.
pub(crate) fn verify_sealed(tx: &mut dyn ReadTx, ctx: &Ctx, told: &mut dyn FnMut(u64)) -> Result<SealedVerdict, Error> {
    let mut seen = Seen { rows: 0, told };
    let looks: [LookAtAll; 7] = [
        |tx, ctx, seen| each(tx, ctx, seen, key),
        |tx, ctx, seen| each(tx, ctx, seen, taxpayer),
        |tx, ctx, seen| each(tx, ctx, seen, former_number),
        |tx, ctx, seen| each(tx, ctx, seen, officer),
        |tx, ctx, seen| each(tx, ctx, seen, second_factor),
        |tx, ctx, seen| each(tx, ctx, seen, conversation),
        |tx, ctx, seen| each(tx, ctx, seen, appeal),
    ];
    let mut finding = None;
    for look in looks {
        finding = look(tx, ctx, &mut seen)?;
        if finding.is_some() {
            break;
        }
    }
    Ok(SealedVerdict { rows: seen.rows, finding })
}

fn each<R: Record>(tx: &mut dyn ReadTx, ctx: &Ctx, seen: &mut Seen<'_>, look: Look<R>) -> Result<Option<SealedFinding>, Error> {
    let mut range = stretch(None, ());
    loop {
        let why = Engine::work("every sealed value is opened to see whether it was altered; none is shown");
        let page: Vec<R> = tx.scan(why, range.clone())?;
        let Some(last) = page.last() else { return Ok(None) };
        range = range.behind(last);
        for row in &page {
            seen.rows += 1;
            let detail = match look(tx, ctx, row) {
                Ok(None) => continue,
                Ok(Some(detail)) => detail.to_owned(),
                Err(Error::NotFound { what: "subject" }) => "its key is gone".to_owned(),
                Err(e @ (Error::Crypto(_) | Error::Store(StoreError::Corrupt(_)))) => e.to_string(),
                Err(e) => return Err(e),
            };
            return Ok(Some(SealedFinding { table: R::TABLE.name, row: shown(&row.key()), detail }));
        }
        (seen.told)(seen.rows);
    }
}

fn shown(key: &Row) -> String {
    let parts = key.iter().map(|value| match value {
        Value::Bytes(bytes) => hash::hex(bytes),
        Value::Int(number) => number.to_string(),
        Value::Text(text) => hash::hex(text.as_bytes()),
        Value::Null => String::new(),
    });
    parts.collect::<Vec<_>>().join("/")
}

fn key(tx: &mut dyn ReadTx, ctx: &Ctx, row: &SubjectKeyRow) -> Result<Option<&'static str>, Error> {
    let id = uuid::Uuid::from_bytes(row.subject);
    let taxpayer = tx.find::<Taxpayer>((id.into_bytes(),))?;
    let conversation = tx.find::<Conversation>((id.into_bytes(),))?;
    let appeal = tx.find::<Appeal>((id.into_bytes(),))?;
    if taxpayer.is_none() && conversation.is_none() && appeal.is_none() && tx.find::<Officer>((id.into_bytes(),))?.is_none() {
        return Ok(Some("belongs to nobody"));
    }
    if !row.is_erased() {
        return subject::known_key(tx, ctx, id).map(|_| None);
    }
    // Nothing but the erasure of a person destroys keys.
    let of = match (taxpayer, conversation, appeal) {
        (Some(_), ..) => id,
        (None, Some(found), _) => found.trust("whose key it is").into_inner().taxpayer.uuid(),
        (None, None, Some(found)) => match found.trust("whose key it is").into_inner().taxpayer {
            Some(taxpayer) => taxpayer.uuid(),
            None => return Ok(Some("the key of what arrived by a channel was destroyed")),
        },
        (None, None, None) => return Ok(Some("an officer's key was destroyed")),
    };
    Ok(subject::known_key(tx, ctx, of)?.map(|_| "was destroyed, and the person was not erased"))
}

fn taxpayer(tx: &mut dyn ReadTx, ctx: &Ctx, row: &Taxpayer) -> Result<Option<&'static str>, Error> {
    let key = subject::known_key(tx, ctx, row.id.uuid())?;
    let Some(key) = key.as_deref() else {
        let blank = row.name.is_empty() && row.number.is_empty() && row.phone.is_none() && row.phone_index.is_none();
        return Ok((!blank || row.number_index != *row.id.as_bytes()).then_some("was erased, and something is there"));
    };
    let open = |field| row.open(Some(key), field);
    open(PersonalField::Name)?;
    let kind = row.register();
    let number = open(PersonalField::Number)?.and_then(|text| Number::parse(kind, &text).ok());
    if number.is_none_or(|number| index_of(ctx.keys(), row.kind, &number) != row.number_index) {
        return Ok(Some("the index is not that of the number"));
    }
    let phone = open(PersonalField::Phone)?.and_then(|text| MobilePhone::parse(&text).ok());
    let index = phone.map(|phone| ctx.keys().blind("taxpayer.phone", phone.as_str()).to_vec());
    Ok((index != row.phone_index).then_some("the index is not that of the phone"))
}

fn former_number(tx: &mut dyn ReadTx, ctx: &Ctx, row: &FormerNumber) -> Result<Option<&'static str>, Error> {
    let key = subject::key_of(tx, ctx, row.taxpayer.uuid())?;
    let place = Place { table: FormerNumber::TABLE.name, column: "number", row: &row.number_index };
    let open = key.open(place, &row.number)?;
    let number = std::str::from_utf8(&open).ok().and_then(|text| Number::parse(row.kind, text).ok());
    let whose = tx.find::<Taxpayer>((row.taxpayer,))?.map(|t| t.trust("whose former number is verified").into_inner().kind);
    let index = number.zip(whose).map(|(number, whose)| index_of(ctx.keys(), whose, &number));
    Ok((index != Some(row.number_index)).then_some("the index is not that of the number"))
}

fn officer(tx: &mut dyn ReadTx, ctx: &Ctx, row: &Officer) -> Result<Option<&'static str>, Error> {
    row.own_name(tx, ctx).map(|_| None)
}

fn second_factor(tx: &mut dyn ReadTx, ctx: &Ctx, row: &SecondFactor) -> Result<Option<&'static str>, Error> {
    row.secret(tx, ctx).map(|_| None)
}

fn conversation(tx: &mut dyn ReadTx, ctx: &Ctx, row: &Conversation) -> Result<Option<&'static str>, Error> {
    if tx.find::<Taxpayer>((row.taxpayer,))?.is_none() {
        return Ok(Some("its taxpayer is gone"));
    }
    let numbers = interaction::opened_numbers(tx, ctx, row.id)?;
    let whole = numbers.iter().copied().eq(1..=row.last_number);
    Ok((!whole).then_some("a message is missing, or one too many"))
}

fn appeal(tx: &mut dyn ReadTx, ctx: &Ctx, row: &Appeal) -> Result<Option<&'static str>, Error> {
    if let Some(taxpayer) = row.taxpayer
        && tx.find::<Taxpayer>((taxpayer,))?.is_none()
    {
        return Ok(Some("its taxpayer is gone"));
    }
    let answer = appeal::opened(tx, ctx, row)?.answer;
    // Of a person who was erased before there was none to seal.
    let erased = subject::known_key(tx, ctx, row.id.uuid())?.is_none();
    let answered = row.state == AppealState::Closed;
    // A channel may say that it was answered, and not what.
    let missing = if row.channel.is_some() { answer.is_some() && !answered } else { answer.is_some() != answered };
    Ok((missing && !erased).then_some("its answer is missing, or there before it was answered"))
}
