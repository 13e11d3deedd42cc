//! Erasure of a person (个人信息保护法 第四十七条): the key, every index by which they are found and every way they sign in are
//! destroyed. Ids stay, so that journal, audit trail and counts stay true.

use serde::{Deserialize, Serialize};

use super::former_number::FormerNumber;
use super::import::ImportedRow;
use super::personal_data::reason;
use super::relation::end_all_of;
use super::subject;
use super::taxpayer::{Taxpayer, TaxpayerKind};
use crate::access::{self, Engine, check};
use crate::appeal;
use crate::ctx::Ctx;
use crate::error::{Error, Problem, Refusal};
use crate::id::TaxpayerId;
use crate::interaction;
use crate::limits;
use crate::store::{Reads, Tx, Writes, stretch};

/// Erases a person.
#[derive(Clone, Debug, Serialize)]
pub struct ErasePerson {
    /// Whom.
    pub person: TaxpayerId,
    /// Why; kept in the audit trail, so it names nobody.
    pub reason: String,
}

/// They are found no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonErased {
    /// Whom.
    pub person: TaxpayerId,
    /// Conversations whose key was destroyed now.
    pub conversations: i64,
    /// Whether there is more: erase again.
    pub more: bool,
}

impl crate::core::Answer for PersonErased {
    fn subject(&self) -> String {
        format!("taxpayer/{}", self.person)
    }
}

/// Erases a person: at once all by which they are found or sign in, and [`limits::ERASED_AT_ONCE`] of their conversations; as many
/// of the relations in which they act are ended. Called again it goes on; on one who is erased already it does what is left.
///
/// # Errors
/// `still_open` while they wait or are served; `Invalid` for an enterprise: what is known of those is public.
pub fn erase_person(tx: &mut dyn Tx, ctx: &Ctx, cmd: ErasePerson) -> Result<PersonErased, Error> {
    reason(&cmd.reason)?;
    let found = tx.find::<Taxpayer>((cmd.person,))?;
    let known = check(ctx, found)?.into_inner();
    if known.kind != TaxpayerKind::Person {
        return Err(Error::invalid("person", Problem::Malformed("is an enterprise; what is known of those is public".into())));
    }
    if let Some(open) = interaction::open_of(tx, known.id)? {
        return Err(Error::Refused(Refusal::StillOpen(open)));
    }
    if subject::destroy(tx, known.id.uuid())? {
        let blank = Taxpayer {
            name: Vec::new(),
            number: Vec::new(),
            // Nobody's number has it: an index is half of an HMAC, and this is an id.
            number_index: *known.id.as_bytes(),
            phone: None,
            phone_index: None,
            registration_seq: None,
            external_id: None,
            ..known.clone()
        };
        tx.replace(&known, blank)?;
    }
    let acting = end_all_of(tx, ctx, known.id)?;
    let signed_in = access::forget_sign_ins(tx, known.id)?;
    let why = Engine::work("former numbers of a person who is erased");
    let numbers: Vec<FormerNumber> = tx.scan(why, stretch(Some(FormerNumber::BY_TAXPAYER), (known.id,)).limit(limits::ERASED_AT_ONCE))?;
    for number in &numbers {
        tx.remove(number)?;
    }
    let listed = forget_lists(tx, known.id)?;
    let (conversations, left) = interaction::erase_of(tx, known.id)?;
    let left = appeal::erase_of(tx, known.id)? || left;
    let more = signed_in || numbers.len() as u32 == limits::ERASED_AT_ONCE || listed || acting || left;
    Ok(PersonErased { person: known.id, conversations, more })
}

/// Forgets what stood before a list changed it, blind indexes among it; what a list said of them cannot be taken back any more.
/// Says whether there is more.
fn forget_lists(tx: &mut dyn Tx, person: TaxpayerId) -> Result<bool, Error> {
    let why = Engine::work("what lists said of a person who is erased");
    let mut forgotten = 0;
    let mut range = stretch(Some(ImportedRow::BY_TAXPAYER), (Some(person),));
    loop {
        let page: Vec<ImportedRow> = tx.scan(why, range.clone())?;
        let Some(last) = page.last() else { return Ok(false) };
        range = range.behind(last);
        for row in page.iter().filter(|row| row.before.is_some() || !row.taken_back) {
            if forgotten == limits::ERASED_AT_ONCE {
                return Ok(true);
            }
            tx.replace(row, ImportedRow { before: None, taken_back: true, ..row.clone() })?;
            forgotten += 1;
        }
    }
}
