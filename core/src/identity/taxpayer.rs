//! Taxpayers: natural persons and enterprises, as the bureau knows them. Personal data is sealed on the way in
//! and masked on the way out; a reveal is one field, with a reason and an audit record.

use serde::{Deserialize, Serialize};

use super::{AuthorityCode, CaptureChannel, Mask, MobilePhone, Number, NumberKind, PersonName, subject};
use crate::access::{AuthorityPath, Term, Unchecked, check, path_of};
use crate::clock::Timestamp;
use crate::crypto::{KeyRing, Place, SubjectKey};
use crate::ctx::Ctx;
use crate::error::{self, Error, Problem};
use crate::id::TaxpayerId;
use crate::limits;
use crate::planted::{Bug, planted};
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

impl TaxpayerKind {
    /// The register whose number nearly all of them have.
    pub const fn usual_number(self) -> NumberKind {
        match self {
            Self::Person => NumberKind::ResidentId,
            Self::Enterprise => NumberKind::Uscc,
        }
    }

    /// Whether one of them may be known by a number of this register. A sole trader (个体工商户) from before the unified code
    /// is known by a taxpayer number, which may be the resident id itself.
    pub const fn may_have(self, number: NumberKind) -> bool {
        match number {
            NumberKind::ResidentId | NumberKind::TaxpayerNo => true,
            NumberKind::Uscc => matches!(self, Self::Enterprise),
            NumberKind::Passport | NumberKind::HongKongMacaoPermit | NumberKind::TaiwanPermit | NumberKind::ForeignResidence => {
                matches!(self, Self::Person)
            }
        }
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
        /// Which register the number is from; absent where it is the usual one: the resident id, the unified code.
        number_kind: Option<NumberKind>,
        /// Who told the name, where that is not whoever enrolled them.
        name_channel: Option<CaptureChannel>,
        /// When.
        name_at: Option<Timestamp>,
        /// Who told the phone, where that is not whoever enrolled them.
        phone_channel: Option<CaptureChannel>,
        /// When.
        phone_at: Option<Timestamp>,
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

    pub(super) fn seal(ctx: &Ctx, key: &SubjectKey, id: TaxpayerId, field: PersonalField, text: &str) -> Vec<u8> {
        ctx.with_rng(|rng| key.seal(ctx.keys().suite(), rng, Self::place(field.as_str(), &id), text.as_bytes()))
    }

    /// What others see of a field. Names and credit codes of enterprises are public (企业信息公示暂行条例).
    pub(super) fn masked(&self, field: PersonalField, text: &str) -> String {
        match (field, self.kind) {
            (PersonalField::Name, TaxpayerKind::Enterprise) => text.to_owned(),
            (PersonalField::Name, TaxpayerKind::Person) => super::mask_name(text),
            (PersonalField::Number, kind) => super::mask_number(self.number_kind.unwrap_or(kind.usual_number()), text),
            (PersonalField::Phone, _) => MobilePhone::parse(text).map_or_else(|_| "***".into(), |p| p.masked()),
        }
    }

    /// Takes a name in its place, if it is another.
    pub(super) fn take_name(&mut self, tx: &mut dyn ReadTx, ctx: &Ctx, channel: CaptureChannel, name: &str) -> Result<(), Error> {
        let key = subject::key_of(tx, ctx, self.id.uuid())?;
        if self.open(&key, PersonalField::Name)?.as_deref() != Some(name) {
            self.name = Self::seal(ctx, &key, self.id, PersonalField::Name, name);
            (self.name_channel, self.name_at) = (Some(channel), Some(ctx.now()));
        }
        Ok(())
    }

    /// Takes a phone in its place, if it is another.
    pub(super) fn take_phone(&mut self, tx: &mut dyn ReadTx, ctx: &Ctx, channel: CaptureChannel, phone: &MobilePhone) -> Result<(), Error> {
        let key = subject::key_of(tx, ctx, self.id.uuid())?;
        if self.open(&key, PersonalField::Phone)?.as_deref() == Some(phone.as_str()) {
            return Ok(());
        }
        self.phone = Some(Self::seal(ctx, &key, self.id, PersonalField::Phone, phone.as_str()));
        self.phone_index = Some(ctx.keys().blind("taxpayer.phone", phone.as_str()).to_vec());
        (self.phone_channel, self.phone_at) = (Some(channel), Some(ctx.now()));
        Ok(())
    }

    /// Who told a field, and when.
    pub(super) fn source_of(&self, field: PersonalField) -> (CaptureChannel, Timestamp) {
        let enrolment = if self.external_id.is_some() { CaptureChannel::Migration } else { CaptureChannel::Register };
        let told = match field {
            PersonalField::Name => self.name_channel.zip(self.name_at),
            PersonalField::Number => None,
            PersonalField::Phone => self.phone_channel.zip(self.phone_at),
        };
        told.unwrap_or((enrolment, self.enrolled_at))
    }

    pub(super) fn open(&self, key: &SubjectKey, field: PersonalField) -> Result<Option<String>, Error> {
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
    /// Resident id of a person, unified social credit code of an enterprise, or what `number_kind` says.
    pub number: String,
    /// Which register the number is from: of a person without a resident id, of an enterprise without a unified code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number_kind: Option<NumberKind>,
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
            number_kind: None,
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
        let applicant = examine(tx, ctx, new).map_err(|e| e.in_row(i))?;
        if find_by_number(tx, &[applicant.number_index])?.is_none() && numbers.insert(applicant.number_index) {
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
pub(super) struct Applicant<'a> {
    pub(super) new: &'a NewTaxpayer,
    pub(super) name: String,
    number: Number,
    pub(super) number_index: [u8; 16],
    pub(super) phone: Option<MobilePhone>,
    pub(super) authority: AuthorityPath,
    /// Who tells name and phone, where that is not whoever enrols them.
    pub(super) told_by: Option<CaptureChannel>,
}

pub(super) fn examine<'a>(tx: &mut dyn ReadTx, ctx: &Ctx, new: &'a NewTaxpayer) -> Result<Applicant<'a>, Error> {
    let malformed = |field: &str, e: super::IdentifierError| Error::invalid(field, Problem::Malformed(e.to_string()));
    let name = match new.kind {
        TaxpayerKind::Person => PersonName::parse(&new.name).map_err(|e| malformed("name", e))?.as_str().to_owned(),
        TaxpayerKind::Enterprise => error::text("name", &new.name, limits::NAME_CHARS_MAX)?,
    };
    let number_kind = new.number_kind.unwrap_or(new.kind.usual_number());
    let number = Number::parse(number_kind, &new.number).map_err(|e| malformed("number", e))?;
    if !new.kind.may_have(number.kind()) {
        let kind = number.kind().as_str();
        return Err(Error::invalid("number_kind", Problem::Malformed(format!("a {} has no {kind}", new.kind.as_str()))));
    }
    let phone = new.phone.as_deref().map(MobilePhone::parse).transpose().map_err(|e| malformed("phone", e))?;
    for (field, id) in [("registration_seq", &new.registration_seq), ("external_id", &new.external_id)] {
        id.as_deref().map(|id| error::text(field, id, limits::EXTERNAL_ID_CHARS_MAX)).transpose()?;
    }
    let number_index = index_of(ctx.keys(), &number);
    let authority = path_of(tx, new.authority).map_err(|_| Error::invalid("authority", Problem::Unknown("authority")))?;
    Ok(Applicant { new, name, number, number_index, phone, authority, told_by: None })
}

pub(super) fn enrol_one(tx: &mut dyn Tx, ctx: &Ctx, applicant: &Applicant<'_>, ordinal: i64) -> Result<TaxpayerId, Error> {
    let Applicant { new, name, number, number_index, phone, authority, told_by } = applicant;
    let (told_at, phone_told_by) = (told_by.map(|_| ctx.now()), told_by.filter(|_| phone.is_some()));
    let id = TaxpayerId::from_uuid(ctx.new_uuid());
    let key = subject::create(tx, ctx, id.uuid())?;
    let seal = |field, text: &str| Taxpayer::seal(ctx, &key, id, field, text);
    tx.add(&Taxpayer {
        id,
        kind: new.kind,
        name: seal(PersonalField::Name, name),
        number: seal(PersonalField::Number, number.as_str()),
        number_index: *number_index,
        phone: phone.as_ref().map(|p| seal(PersonalField::Phone, p.as_str())),
        phone_index: phone.as_ref().map(|p| ctx.keys().blind("taxpayer.phone", p.as_str()).to_vec()),
        authority: authority.clone(),
        enrolled_at: ctx.now(),
        synthetic: new.synthetic,
        ordinal,
        registration_seq: new.registration_seq.clone(),
        external_id: new.external_id.clone(),
        version: 0,
        number_kind: Some(number.kind()).filter(|kind| *kind != new.kind.usual_number()),
        name_channel: *told_by,
        name_at: told_at,
        phone_channel: phone_told_by,
        phone_at: told_at.filter(|_| phone_told_by.is_some()),
    })?;
    Ok(id)
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

/// The blind index of a number.
pub(super) fn index_of(keys: &KeyRing, number: &Number) -> [u8; 16] {
    keys.blind("taxpayer.number", &number.indexed())
}

/// Blind indexes of all that a number as typed can be.
pub(crate) fn indexes_of(keys: &KeyRing, typed: &str) -> Vec<[u8; 16]> {
    let mut read: Vec<Number> = NumberKind::ALL.iter().filter_map(|kind| Number::parse(*kind, typed.trim()).ok()).collect();
    read.dedup();
    read.iter().map(|number| index_of(keys, number)).collect()
}

/// The one taxpayer with any of these blind indexes of a number, in use or from before. Registers number alike: where the
/// same digits are a passport of one and a permit of another, nobody is found, rather than the wrong one.
pub(crate) fn find_by_number(tx: &mut dyn ReadTx, indexes: &[[u8; 16]]) -> Result<Option<TaxpayerId>, Error> {
    let mut one = None;
    for index in indexes {
        let holder = match tx.find_by::<Taxpayer>(Taxpayer::BY_NUMBER, (*index,))? {
            Some(found) => Some(found.trust("the host itself looks up whom it enrolled").into_inner().id),
            None if planted(Bug::FormerNumberLost) => None,
            None => super::former_number::holder(tx, *index)?,
        };
        if one.is_some() && holder.is_some() && holder != one {
            return Ok(None);
        }
        one = one.or(holder);
    }
    Ok(one)
}

/// Whom a number as typed means, in use or from before; for rules that write down what outside systems say of people.
pub(super) fn holder_of(tx: &mut dyn ReadTx, ctx: &Ctx, typed: &str) -> Result<Option<TaxpayerId>, Error> {
    let indexes = indexes_of(ctx.keys(), typed);
    find_by_number(tx, &indexes)
}

fn of_kind(tx: &mut dyn ReadTx, ctx: &Ctx, typed: &str, kind: TaxpayerKind) -> Result<Option<TaxpayerId>, Error> {
    let Some(id) = holder_of(tx, ctx, typed)? else { return Ok(None) };
    let found = tx.find::<Taxpayer>((id,))?.map(|t| t.trust("its kind, for a rule that was given its number").into_inner());
    Ok(found.filter(|t| t.kind == kind).map(|t| t.id))
}

/// The person whom a number as typed means.
pub(super) fn person_of(tx: &mut dyn ReadTx, ctx: &Ctx, typed: &str) -> Result<Option<TaxpayerId>, Error> {
    of_kind(tx, ctx, typed, TaxpayerKind::Person)
}

/// The enterprise that a number as typed means.
pub(super) fn enterprise_of(tx: &mut dyn ReadTx, ctx: &Ctx, typed: &str) -> Result<Option<TaxpayerId>, Error> {
    of_kind(tx, ctx, typed, TaxpayerKind::Enterprise)
}

/// A taxpayer's card.
pub fn view(tx: &mut dyn ReadTx, ctx: &Ctx, id: TaxpayerId) -> Result<TaxpayerCard, Error> {
    let found = tx.find::<Taxpayer>((id,))?;
    let taxpayer = check(ctx, found)?;
    card(tx, ctx, &taxpayer)
}

pub(crate) fn card(tx: &mut dyn ReadTx, ctx: &Ctx, taxpayer: &Taxpayer) -> Result<TaxpayerCard, Error> {
    let key = subject::key_of(tx, ctx, taxpayer.id.uuid())?;
    let shown = |field| -> Result<Option<String>, Error> { Ok(taxpayer.open(&key, field)?.map(|text| taxpayer.masked(field, &text))) };
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

/// The taxpayer's name as others see it: masked for persons.
pub(crate) fn masked_name(tx: &mut dyn ReadTx, ctx: &Ctx, id: TaxpayerId) -> Result<String, Error> {
    let found: Option<Unchecked<Taxpayer>> = tx.find::<Taxpayer>((id,))?;
    let taxpayer =
        found.ok_or(Error::NotFound { what: "taxpayer" })?.trust("whoever may see the conversation may see the masked name").into_inner();
    let key = subject::key_of(tx, ctx, id.uuid())?;
    Ok(taxpayer.open(&key, PersonalField::Name)?.map(|name| taxpayer.masked(PersonalField::Name, &name)).unwrap_or_default())
}

/// A phone that the caller lets WeChat tell us.
#[derive(Clone, Serialize)]
pub struct TakePhone {
    /// The phone.
    pub phone: MobilePhone,
}

/// The phone is theirs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PhoneTaken {
    /// Whose.
    pub taxpayer: TaxpayerId,
}

impl crate::core::Answer for PhoneTaken {
    fn subject(&self) -> String {
        format!("taxpayer/{}/phone", self.taxpayer)
    }
}

/// Takes the caller's phone over. It is for calling back; nobody is found or signed in by it.
pub fn take_phone(tx: &mut dyn Tx, ctx: &Ctx, cmd: TakePhone) -> Result<PhoneTaken, Error> {
    let id = ctx.actor().taxpayer()?;
    let found = tx.find::<Taxpayer>((id,))?;
    let known = check(ctx, found)?.into_inner();
    let mut now = known.clone();
    now.take_phone(tx, ctx, CaptureChannel::MiniProgram, &cmd.phone)?;
    if now != known {
        tx.replace(&known, now)?;
    }
    Ok(PhoneTaken { taxpayer: id })
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
