//! Taxpayers: natural persons and enterprises, as the bureau knows them. Personal data is sealed on the way in
//! and masked on the way out; a reveal is one field, with a reason and an audit record.

use serde::{Deserialize, Serialize};

use super::personal_data::reason;
use super::real_name::{RealNameFound, findings};
use super::{
    AuthorityCode, CaptureChannel, IdentifierError, IdentifierKind, IdentifierProblem, Mask, Masked, MobilePhone, Number, NumberKind,
    PersonName, ResidentId, subject,
};
use crate::access::{AuthorityPath, Term, Unchecked, check, name_of, path_named};
use crate::calendar::date_of;
use crate::clock::Timestamp;
use crate::control;
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
        /// Who told of them first, and so the number; absent where that was a list without a date.
        enrolled_channel: Option<CaptureChannel>,
    }
    key(id);
    version version;
    scoped enrolled_at by terms;
    unique BY_NUMBER(number_index);
    unique BY_EXTERNAL_ID(external_id);
}

/// Who tells something, and when.
#[derive(Clone, Copy)]
pub(super) struct Told {
    pub(super) channel: CaptureChannel,
    pub(super) at: Timestamp,
}

impl Told {
    fn stored(self) -> (Option<CaptureChannel>, Option<Timestamp>) {
        (Some(self.channel), Some(self.at))
    }
}

/// Whether what came by a channel came in a list, rather than from the person or from who compared them with their papers.
const fn of_a_list(channel: CaptureChannel) -> bool {
    matches!(channel, CaptureChannel::Register | CaptureChannel::Migration)
}

impl Taxpayer {
    /// Which register their number is from.
    pub(crate) fn register(&self) -> NumberKind {
        self.number_kind.unwrap_or(self.kind.usual_number())
    }

    fn terms(&self) -> Vec<Term> {
        self.authority.codes().iter().copied().map(Term::Subtree).chain([Term::Participant(self.id)]).collect()
    }

    fn place<'a>(column: &'static str, id: &'a TaxpayerId) -> Place<'a> {
        Place { table: Self::TABLE.name, column, row: id.as_bytes() }
    }

    pub(super) fn seal(ctx: &Ctx, key: &SubjectKey, id: TaxpayerId, field: PersonalField, text: &str) -> Vec<u8> {
        subject::seal(ctx, key, Self::place(field.as_str(), &id), text)
    }

    /// What others see of a field, opened; of an erased person, that they were erased.
    pub(super) fn masked(&self, field: PersonalField, text: Option<String>) -> Masked<Personal> {
        let number = self.register();
        Masked::new(&Personal { field, kind: self.kind, number, text })
    }

    /// Takes a name in its place, if it is another, or the first word of somebody better than a list.
    pub(super) fn take_name(&mut self, tx: &mut dyn ReadTx, ctx: &Ctx, told: Told, name: &str) -> Result<(), Error> {
        let key = subject::key_of(tx, ctx, self.id.uuid())?;
        let other = self.open(Some(&key), PersonalField::Name)?.as_deref() != Some(name);
        if other {
            self.name = Self::seal(ctx, &key, self.id, PersonalField::Name, name);
        }
        if other || self.outdone(PersonalField::Name, told) {
            (self.name_channel, self.name_at) = told.stored();
        }
        Ok(())
    }

    /// Takes a phone in its place, if it is another, or the first word of somebody better than a list.
    pub(super) fn take_phone(&mut self, tx: &mut dyn ReadTx, ctx: &Ctx, told: Told, phone: &MobilePhone) -> Result<(), Error> {
        let key = subject::key_of(tx, ctx, self.id.uuid())?;
        let other = self.open(Some(&key), PersonalField::Phone)?.as_deref() != Some(phone.as_str());
        if other {
            self.phone = Some(Self::seal(ctx, &key, self.id, PersonalField::Phone, phone.as_str()));
            self.phone_index = Some(ctx.keys().blind("taxpayer.phone", phone.as_str()).to_vec());
        }
        if other || self.outdone(PersonalField::Phone, told) {
            (self.phone_channel, self.phone_at) = told.stored();
        }
        Ok(())
    }

    /// Whether who says a field again is the first to do so who is no list: from then on it has their word, and its age.
    fn outdone(&self, field: PersonalField, told: Told) -> bool {
        !of_a_list(told.channel) && of_a_list(self.source_of(field).0)
    }

    /// Whether a list that is as of `as_of`, or says no date, is older than who told a field. A list without a date is not taken to be
    /// newer than who spoke for themselves.
    pub(super) fn outdates(&self, field: PersonalField, as_of: Option<Timestamp>) -> bool {
        let (channel, at) = self.source_of(field);
        as_of.map_or(!of_a_list(channel), |as_of| as_of < at)
    }

    /// Who told a field, and when.
    pub(super) fn source_of(&self, field: PersonalField) -> (CaptureChannel, Timestamp) {
        let list = if self.external_id.is_some() { CaptureChannel::Migration } else { CaptureChannel::Register };
        let told = match field {
            PersonalField::Name => self.name_channel.zip(self.name_at),
            PersonalField::Number => None,
            PersonalField::Phone => self.phone_channel.zip(self.phone_at),
        };
        told.unwrap_or((self.enrolled_channel.unwrap_or(list), self.enrolled_at))
    }

    /// A field; nothing where none is known, or without the key: it was erased.
    pub(super) fn open(&self, key: Option<&SubjectKey>, field: PersonalField) -> Result<Option<String>, Error> {
        let Some(key) = key else { return Ok(None) };
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
    pub(super) number: Number,
    pub(super) number_index: [u8; 16],
    pub(super) phone: Option<MobilePhone>,
    pub(super) authority: AuthorityPath,
    /// Who tells name and phone, and when, where that is not whoever enrols them now.
    pub(super) told: Option<Told>,
}

impl Applicant<'_> {
    /// Whether whoever is known by the number is somebody else by name: passports of two states may have one number. Word order, case,
    /// spaces and marks make no other name: each system writes them in its own way.
    pub(super) fn is_somebody_else(&self, known_name: &str) -> bool {
        let letters = |name: &str| {
            let mut letters: Vec<char> = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect();
            letters.sort_unstable();
            letters
        };
        self.number.kind() == NumberKind::Passport && letters(known_name) != letters(&self.name)
    }
}

pub(super) fn examine<'a>(tx: &mut dyn ReadTx, ctx: &Ctx, new: &'a NewTaxpayer) -> Result<Applicant<'a>, Error> {
    let malformed = |field: &str, e: IdentifierError| Error::invalid(field, Problem::Malformed(e.to_string()));
    let name = match new.kind {
        TaxpayerKind::Person => PersonName::parse(&new.name).map_err(|e| malformed("name", e))?.as_str().to_owned(),
        TaxpayerKind::Enterprise => error::text("name", &new.name, limits::NAME_CHARS_MAX)?,
    };
    let number_kind = new.number_kind.unwrap_or(new.kind.usual_number());
    let number = number_of(ctx, number_kind, &new.number).map_err(|e| malformed("number", e))?;
    if !new.kind.may_have(number.kind()) {
        let kind = number.kind().as_str();
        return Err(Error::invalid("number_kind", Problem::Malformed(format!("a {} has no {kind}", new.kind.as_str()))));
    }
    let phone = new.phone.as_deref().map(MobilePhone::parse).transpose().map_err(|e| malformed("phone", e))?;
    for (field, id) in [("registration_seq", &new.registration_seq), ("external_id", &new.external_id)] {
        id.as_deref().map(|id| error::text(field, id, limits::EXTERNAL_ID_CHARS_MAX)).transpose()?;
    }
    let number_index = index_of(ctx.keys(), new.kind, &number);
    let authority = path_named(tx, ctx, "authority", new.authority)?;
    Ok(Applicant { new, name, number, number_index, phone, authority, told: None })
}

/// A number that somebody may have today: of a resident id the date of birth has come in Beijing.
pub(super) fn number_of(ctx: &Ctx, kind: NumberKind, text: &str) -> Result<Number, IdentifierError> {
    let number = Number::parse(kind, text)?;
    let id = ResidentId::parse(number.as_str()).ok().filter(|_| number.kind() == NumberKind::ResidentId);
    if id.zip(date_of(ctx.now())).is_some_and(|(id, today)| id.birth_date() > today) {
        return Err(IdentifierError { kind: IdentifierKind::ResidentId, problem: IdentifierProblem::Date { at: 7 } });
    }
    Ok(number)
}

pub(super) fn enrol_one(tx: &mut dyn Tx, ctx: &Ctx, applicant: &Applicant<'_>, ordinal: i64) -> Result<TaxpayerId, Error> {
    let Applicant { new, name, number, number_index, phone, authority, told } = applicant;
    let phone_told = told.filter(|_| phone.is_some());
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
        name_channel: told.map(|told| told.channel),
        name_at: told.map(|told| told.at),
        phone_channel: phone_told.map(|told| told.channel),
        phone_at: phone_told.map(|told| told.at),
        enrolled_channel: told.map(|told| told.channel),
    })?;
    Ok(id)
}

/// A field of a taxpayer, opened to be masked; nothing if they were erased.
pub struct Personal {
    field: PersonalField,
    kind: TaxpayerKind,
    number: NumberKind,
    text: Option<String>,
}

impl Mask for Personal {
    /// Names and credit codes of enterprises are public (企业信息公示暂行条例).
    fn masked(&self) -> String {
        let Some(text) = &self.text else { return subject::ERASED.to_owned() };
        match (self.field, self.kind) {
            (PersonalField::Name, TaxpayerKind::Enterprise) => text.clone(),
            (PersonalField::Name, TaxpayerKind::Person) => super::mask_name(text),
            (PersonalField::Number, _) => super::mask_number(self.number, text),
            (PersonalField::Phone, _) => MobilePhone::parse(text).map_or_else(|_| "***".into(), |p| p.masked()),
        }
    }
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
    pub name: Masked<Personal>,
    /// Number; masked for persons, public for enterprises.
    pub number: Masked<Personal>,
    /// Phone, masked.
    pub phone: Option<Masked<Personal>>,
    /// Code of the authority in charge.
    pub authority: Option<AuthorityCode>,
    /// Its name.
    pub authority_name: Option<String>,
    /// What was found last about the real name of a person; absent where nobody looked yet.
    pub real_name: Option<RealNameFound>,
    /// Generated, not a real person.
    pub synthetic: bool,
}

/// The blind index of a number that one of this kind has.
pub(super) fn index_of(keys: &KeyRing, whose: TaxpayerKind, number: &Number) -> [u8; 16] {
    keys.blind("taxpayer.number", &number.indexed(whose))
}

/// Blind indexes of all that a number as typed can be, of a taxpayer of any of these kinds.
pub(crate) fn indexes_of(keys: &KeyRing, whose: &[TaxpayerKind], typed: &str) -> Vec<[u8; 16]> {
    let mut read: Vec<Number> = NumberKind::ALL.iter().filter_map(|kind| Number::parse(*kind, typed.trim()).ok()).collect();
    read.dedup();
    let mut indexes: Vec<_> = read.iter().flat_map(|number| whose.iter().map(|kind| index_of(keys, *kind, number))).collect();
    indexes.dedup();
    indexes
}

/// The one taxpayer with any of these blind indexes of a number, in use or from before. Registers number alike: where the
/// same digits are a passport of one and a permit of another, or an owner's and the sole trader's, nobody is found, rather than
/// the wrong one.
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

/// Whom of these kinds a number as typed means, in use or from before; for rules that write down what outside systems say of people.
pub(super) fn holder_of(tx: &mut dyn ReadTx, ctx: &Ctx, whose: &[TaxpayerKind], typed: &str) -> Result<Option<Taxpayer>, Error> {
    let indexes = indexes_of(ctx.keys(), whose, typed);
    let Some(id) = find_by_number(tx, &indexes)? else { return Ok(None) };
    let found = tx.find::<Taxpayer>((id,))?.map(|t| t.trust("its kind, for a rule that was given its number").into_inner());
    Ok(found.filter(|t| whose.contains(&t.kind)))
}

/// The person whom a number as typed means.
pub(super) fn person_of(tx: &mut dyn ReadTx, ctx: &Ctx, typed: &str) -> Result<Option<TaxpayerId>, Error> {
    Ok(holder_of(tx, ctx, &[TaxpayerKind::Person], typed)?.map(|t| t.id))
}

/// The enterprise that a number as typed means.
pub(super) fn enterprise_of(tx: &mut dyn ReadTx, ctx: &Ctx, typed: &str) -> Result<Option<TaxpayerId>, Error> {
    Ok(holder_of(tx, ctx, &[TaxpayerKind::Enterprise], typed)?.map(|t| t.id))
}

/// A taxpayer's card.
pub fn view(tx: &mut dyn ReadTx, ctx: &Ctx, id: TaxpayerId) -> Result<TaxpayerCard, Error> {
    let found = tx.find::<Taxpayer>((id,))?;
    let taxpayer = check(ctx, found)?;
    card(tx, ctx, &taxpayer)
}

pub(crate) fn card(tx: &mut dyn ReadTx, ctx: &Ctx, taxpayer: &Taxpayer) -> Result<TaxpayerCard, Error> {
    let key = subject::known_key(tx, ctx, taxpayer.id.uuid())?;
    let open = |field| taxpayer.open(key.as_deref(), field);
    let shown = |field| -> Result<Masked<Personal>, Error> { Ok(taxpayer.masked(field, open(field)?)) };
    Ok(TaxpayerCard {
        id: taxpayer.id,
        kind: taxpayer.kind,
        name: shown(PersonalField::Name)?,
        number: shown(PersonalField::Number)?,
        phone: open(PersonalField::Phone)?.map(|phone| taxpayer.masked(PersonalField::Phone, Some(phone))),
        authority: taxpayer.authority.own(),
        authority_name: taxpayer.authority.own().map(|code| name_of(tx, code)).transpose()?.flatten(),
        real_name: findings(tx, taxpayer.id, 1)?.first().map(RealNameFound::of),
        synthetic: taxpayer.synthetic,
    })
}

/// The taxpayer's name as others see it: masked for persons.
pub(crate) fn masked_name(tx: &mut dyn ReadTx, ctx: &Ctx, id: TaxpayerId) -> Result<Masked<Personal>, Error> {
    let found: Option<Unchecked<Taxpayer>> = tx.find::<Taxpayer>((id,))?;
    let taxpayer =
        found.ok_or(Error::NotFound { what: "taxpayer" })?.trust("whoever may see the conversation may see the masked name").into_inner();
    let key = subject::known_key(tx, ctx, id.uuid())?;
    let name = taxpayer.open(key.as_deref(), PersonalField::Name)?;
    Ok(taxpayer.masked(PersonalField::Name, name))
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
    now.take_phone(tx, ctx, Told { channel: CaptureChannel::MiniProgram, at: ctx.now() }, &cmd.phone)?;
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
    /// What to tell the caller who reveals much (事前预警).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

/// One field unmasked. The door writes the audit record in the same transaction.
///
/// # Errors
/// `ControlBlocked` where the caller has revealed as much as they may for now.
pub fn reveal(tx: &mut dyn Tx, ctx: &Ctx, cmd: &RevealTaxpayer) -> Result<Revealed, Error> {
    reason(&cmd.reason)?;
    let found = tx.find::<Taxpayer>((cmd.taxpayer,))?;
    let taxpayer = check(ctx, found)?;
    counted(tx, ctx, &taxpayer, cmd.field)
}

/// A field of somebody within the caller's reach, counted by built-in control.
pub(super) fn counted(tx: &mut dyn Tx, ctx: &Ctx, taxpayer: &Taxpayer, field: PersonalField) -> Result<Revealed, Error> {
    control::may_reveal(tx, ctx)?;
    let revealed = unmasked(tx, ctx, taxpayer, field)?;
    Ok(Revealed { warning: control::count_reveal(tx, ctx)?, ..revealed })
}

/// A field of somebody within the caller's reach.
pub(super) fn unmasked(tx: &mut dyn ReadTx, ctx: &Ctx, taxpayer: &Taxpayer, field: PersonalField) -> Result<Revealed, Error> {
    let key = subject::known_key(tx, ctx, taxpayer.id.uuid())?;
    Ok(Revealed { taxpayer: taxpayer.id, field, value: taxpayer.open(key.as_deref(), field)?, warning: None })
}
