//! Taxpayers: natural persons and enterprises, as the bureau knows them. Personal data is sealed on the way in
//! and masked on the way out; a reveal is one field, with a reason and an audit record.

use serde::{Deserialize, Serialize};

use super::{AuthorityCode, Mask, MobilePhone, PersonName, ResidentId, Uscc, subject};
use crate::access::{AuthorityPath, Term, Unchecked, check, path_of};
use crate::clock::Timestamp;
use crate::crypto::{Place, SubjectKey};
use crate::ctx::Ctx;
use crate::error::{self, Error, Problem};
use crate::id::TaxpayerId;
use crate::limits;
use crate::series;
use crate::store::{ReadTx, Reads, Record, StoreError, Tx, Writes};

words! {
    /// Kind of a taxpayer.
    pub enum TaxpayerKind {
        /// 自然人.
        Person = "person",
        /// 企业、个体工商户 and other organisations.
        Enterprise = "enterprise",
    }
}

record! {
    /// A taxpayer. Names and numbers are sealed with the taxpayer's own key; what is searched for exactly has a
    /// blind index beside it.
    pub struct Taxpayer in "taxpayer" {
        /// Id.
        id: TaxpayerId,
        /// Kind.
        kind: TaxpayerKind,
        /// Name, sealed.
        name: Vec<u8>,
        /// Resident id or unified social credit code, sealed.
        number: Vec<u8>,
        /// Blind index of the number.
        number_index: [u8; 16],
        /// Mobile phone, sealed.
        phone: Option<Vec<u8>>,
        /// Blind index of the phone; several people may share one.
        phone_index: Option<Vec<u8>>,
        /// The authority in charge (主管税务机关), with all above.
        authority: AuthorityPath,
        /// When the record was made.
        enrolled_at: Timestamp,
        /// True for generated people; they are never mixed up with real ones.
        synthetic: bool,
        /// Number in dense sets: of persons, or of enterprises.
        ordinal: i64,
        /// Golden-tax registration sequence (登记序号, DJXH).
        registration_seq: Option<String>,
        /// Id in the platform in service before this one.
        external_id: Option<String>,
        /// Counts updates.
        version: i64,
    }
    key(id);
    version version;
    scoped enrolled_at by terms;
    unique BY_NUMBER(number_index);
    unique BY_EXTERNAL_ID(external_id);
}

impl Taxpayer {
    fn terms(&self) -> Vec<Term> {
        self.authority.codes().iter().copied().map(Term::Subtree).chain([Term::Participant(self.id)]).collect()
    }

    fn place<'a>(column: &'static str, id: &'a TaxpayerId) -> Place<'a> {
        Place { table: Self::TABLE.name, column, row: id.as_bytes() }
    }

    fn open(&self, key: &SubjectKey, field: PersonalField) -> Result<Option<String>, Error> {
        let sealed = match field {
            PersonalField::Name => Some(&self.name),
            PersonalField::Number => Some(&self.number),
            PersonalField::Phone => self.phone.as_ref(),
        };
        let Some(sealed) = sealed else { return Ok(None) };
        let open = key.open(Self::place(field.as_str(), &self.id), sealed)?;
        let text = std::str::from_utf8(&open).map_err(|_| StoreError::Corrupt("taxpayer: sealed text is not UTF-8".into()))?;
        Ok(Some(text.to_owned()))
    }
}

words! {
    /// A field that is personal data.
    pub enum PersonalField {
        /// Name.
        Name = "name",
        /// Resident id or unified social credit code.
        Number = "number",
        /// Mobile phone.
        Phone = "phone",
    }
}

/// One taxpayer to enrol.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NewTaxpayer {
    /// Kind.
    pub kind: TaxpayerKind,
    /// Name.
    pub name: String,
    /// Resident id of a person, unified social credit code of an enterprise.
    pub number: String,
    /// Mobile phone.
    pub phone: Option<String>,
    /// The authority in charge.
    pub authority: AuthorityCode,
    /// Generated, not a real person.
    pub synthetic: bool,
    /// Golden-tax registration sequence.
    pub registration_seq: Option<String>,
    /// Id in the platform in service before this one.
    pub external_id: Option<String>,
}

impl NewTaxpayer {
    /// A natural person of whom nothing else is known.
    pub fn person(name: &str, number: &str, authority: AuthorityCode) -> Self {
        let (name, number) = (name.to_owned(), number.to_owned());
        Self {
            kind: TaxpayerKind::Person,
            name,
            number,
            phone: None,
            authority,
            synthetic: false,
            registration_seq: None,
            external_id: None,
        }
    }
}

/// Enrols taxpayers. One whose number is known already is left as it is, so that a list can be applied again.
/// Returns how many were added.
pub fn enrol(tx: &mut dyn Tx, ctx: &Ctx, rows: &[NewTaxpayer]) -> Result<u64, Error> {
    let mut fresh = Vec::with_capacity(rows.len());
    let mut numbers = std::collections::HashSet::new();
    for (i, new) in rows.iter().enumerate() {
        let applicant = examine(tx, ctx, i, new)?;
        if tx.find_by::<Taxpayer>(Taxpayer::BY_NUMBER, (applicant.number_index,))?.is_none() && numbers.insert(applicant.number_index) {
            fresh.push(applicant);
        }
    }
    // All at once, and in the order in which rows are locked: by name.
    let enterprises = fresh.iter().filter(|a| a.new.kind == TaxpayerKind::Enterprise).count() as i64;
    let persons = fresh.len() as i64 - enterprises;
    let mut enterprise_no = if enterprises > 0 { series::take(tx, "enterprise_no", enterprises)? } else { 0 };
    let mut person_no = if persons > 0 { series::take(tx, "person_no", persons)? } else { 0 };
    for applicant in &fresh {
        let next = if applicant.new.kind == TaxpayerKind::Enterprise { &mut enterprise_no } else { &mut person_no };
        enrol_one(tx, ctx, applicant, *next)?;
        *next += 1;
    }
    Ok(fresh.len() as u64)
}

/// A row of a list, found good.
struct Applicant<'a> {
    new: &'a NewTaxpayer,
    name: String,
    number: String,
    number_index: [u8; 16],
    phone: Option<MobilePhone>,
    authority: AuthorityPath,
}

fn examine<'a>(tx: &mut dyn Tx, ctx: &Ctx, i: usize, new: &'a NewTaxpayer) -> Result<Applicant<'a>, Error> {
    let at = |field: &str, problem: Problem| Error::invalid(format!("rows[{i}].{field}"), problem);
    let malformed = |field: &str, e: super::IdentifierError| at(field, Problem::Malformed(e.to_string()));
    let (name, number) = match new.kind {
        TaxpayerKind::Person => (
            PersonName::parse(&new.name).map_err(|e| malformed("name", e))?.as_str().to_owned(),
            ResidentId::parse(&new.number).map_err(|e| malformed("number", e))?.as_str().to_owned(),
        ),
        TaxpayerKind::Enterprise => (
            error::text("name", &new.name, limits::NAME_CHARS_MAX)?,
            Uscc::parse(&new.number).map_err(|e| malformed("number", e))?.as_str().to_owned(),
        ),
    };
    let phone = new.phone.as_deref().map(MobilePhone::parse).transpose().map_err(|e| malformed("phone", e))?;
    let number_index = ctx.keys().blind("taxpayer.number", &number);
    let authority = path_of(tx, new.authority).map_err(|_| at("authority", Problem::Unknown("authority")))?;
    Ok(Applicant { new, name, number, number_index, phone, authority })
}

fn enrol_one(tx: &mut dyn Tx, ctx: &Ctx, applicant: &Applicant<'_>, ordinal: i64) -> Result<(), Error> {
    let Applicant { new, name, number, number_index, phone, authority } = applicant;
    let id = TaxpayerId::from_uuid(ctx.new_uuid());
    let key = subject::create(tx, ctx, id.uuid())?;
    let seal = |column, text: &str| ctx.with_rng(|rng| key.seal(ctx.keys().suite(), rng, Taxpayer::place(column, &id), text.as_bytes()));
    tx.add(&Taxpayer {
        id,
        kind: new.kind,
        name: seal("name", name),
        number: seal("number", number),
        number_index: *number_index,
        phone: phone.as_ref().map(|p| seal("phone", p.as_str())),
        phone_index: phone.as_ref().map(|p| ctx.keys().blind("taxpayer.phone", p.as_str()).to_vec()),
        authority: authority.clone(),
        enrolled_at: ctx.now(),
        synthetic: new.synthetic,
        ordinal,
        registration_seq: new.registration_seq.clone(),
        external_id: new.external_id.clone(),
        version: 0,
    })?;
    Ok(())
}

/// A taxpayer's card, personal data masked.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TaxpayerCard {
    /// Id.
    pub id: TaxpayerId,
    /// Kind.
    pub kind: TaxpayerKind,
    /// Name; masked for persons.
    pub name: String,
    /// Number; masked for persons, public for enterprises.
    pub number: String,
    /// Phone, masked.
    pub phone: Option<String>,
    /// Code of the authority in charge.
    pub authority: Option<AuthorityCode>,
    /// Generated, not a real person.
    pub synthetic: bool,
}

/// The taxpayer with this blind index of a number.
pub(crate) fn find_by_number(tx: &mut dyn ReadTx, index: [u8; 16]) -> Result<Option<TaxpayerId>, Error> {
    let found = tx.find_by::<Taxpayer>(Taxpayer::BY_NUMBER, (index,))?;
    Ok(found.map(|t| t.trust("the host itself looks up whom it enrolled").into_inner().id))
}

/// A taxpayer's card.
pub fn view(tx: &mut dyn ReadTx, ctx: &Ctx, id: TaxpayerId) -> Result<TaxpayerCard, Error> {
    let found = tx.find::<Taxpayer>((id,))?;
    let taxpayer = check(ctx, found)?;
    card(tx, ctx, &taxpayer)
}

pub(crate) fn card(tx: &mut dyn ReadTx, ctx: &Ctx, taxpayer: &Taxpayer) -> Result<TaxpayerCard, Error> {
    let key = subject::key_of(tx, ctx, taxpayer.id.uuid())?;
    let shown =
        |field| -> Result<Option<String>, Error> { Ok(taxpayer.open(&key, field)?.map(|text| masked(taxpayer.kind, field, &text))) };
    Ok(TaxpayerCard {
        id: taxpayer.id,
        kind: taxpayer.kind,
        name: shown(PersonalField::Name)?.unwrap_or_default(),
        number: shown(PersonalField::Number)?.unwrap_or_default(),
        phone: shown(PersonalField::Phone)?,
        authority: taxpayer.authority.own(),
        synthetic: taxpayer.synthetic,
    })
}

fn masked(kind: TaxpayerKind, field: PersonalField, text: &str) -> String {
    match (field, kind) {
        // Names and credit codes of enterprises are public (企业信息公示暂行条例).
        (PersonalField::Name | PersonalField::Number, TaxpayerKind::Enterprise) => text.to_owned(),
        (PersonalField::Name, TaxpayerKind::Person) => super::mask_name(text),
        (PersonalField::Number, TaxpayerKind::Person) => super::mask_resident_id(text),
        (PersonalField::Phone, _) => MobilePhone::parse(text).map_or_else(|_| "***".into(), |p| p.masked()),
    }
}

/// The taxpayer's name as others see it: masked for persons.
pub(crate) fn masked_name(tx: &mut dyn ReadTx, ctx: &Ctx, id: TaxpayerId) -> Result<String, Error> {
    let found: Option<Unchecked<Taxpayer>> = tx.find::<Taxpayer>((id,))?;
    let taxpayer =
        found.ok_or(Error::NotFound { what: "taxpayer" })?.trust("whoever may see the conversation may see the masked name").into_inner();
    let key = subject::key_of(tx, ctx, id.uuid())?;
    Ok(taxpayer.open(&key, PersonalField::Name)?.map(|name| masked(taxpayer.kind, PersonalField::Name, &name)).unwrap_or_default())
}

/// Asks for one field unmasked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RevealTaxpayer {
    /// Whose.
    pub taxpayer: TaxpayerId,
    /// Which field.
    pub field: PersonalField,
    /// Why; kept in the audit trail.
    pub reason: String,
}

/// One field, unmasked.
#[derive(Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Revealed {
    /// Whose.
    pub taxpayer: TaxpayerId,
    /// Which field.
    pub field: PersonalField,
    /// The value; absent where none is known.
    pub value: Option<String>,
}

/// One field unmasked. The door writes the audit record in the same transaction.
pub fn reveal(tx: &mut dyn Tx, ctx: &Ctx, cmd: &RevealTaxpayer) -> Result<Revealed, Error> {
    error::text("reason", &cmd.reason, limits::CLOSING_NOTE_CHARS_MAX)?;
    let found = tx.find::<Taxpayer>((cmd.taxpayer,))?;
    let taxpayer = check(ctx, found)?;
    let key = subject::key_of(tx, ctx, taxpayer.id.uuid())?;
    Ok(Revealed { taxpayer: taxpayer.id, field: cmd.field, value: taxpayer.open(&key, cmd.field)? })
}
