//! All that is kept of a person, for the person (个人信息保护法 第四十五条). One audit record for the person and one for each of
//! their conversations, each a short transaction.

use serde::Serialize;

use super::former_number::FormerNumber;
use super::personal_data::reason;
use super::real_name::{RealName, all_findings};
use super::relation::{RelationView, all_of_person, shown};
use super::taxpayer::{PersonalField, Taxpayer};
use super::{AuthorityCode, NumberKind, TaxpayerKind, subject};
use crate::access::{self, ActorKind, ActorRef, Credential, Engine, LinkedProvider, SessionTimes, check};
use crate::appeal::{self, AppealView};
use crate::clock::Timestamp;
use crate::crypto::{Place, hash};
use crate::ctx::Ctx;
use crate::error::{Error, Problem};
use crate::grid::{GridOfficerView, grid_officers};
use crate::id::{ConversationId, TaxpayerId};
use crate::interaction::{self, RatingView, Transcript};
use crate::store::{ReadTx, Reads, Record, StoreError, Tx, stretch};

/// Asks for all that is kept of a person.
#[derive(Clone, Debug, Serialize)]
pub struct ExportPerson {
    /// Of whom.
    pub person: TaxpayerId,
    /// Why; kept in the audit trail.
    pub reason: String,
}

/// A number the person had before.
#[derive(Clone, Serialize)]
pub struct ExportedNumber {
    /// Which register it is from.
    pub kind: NumberKind,
    /// The number.
    pub number: Option<String>,
    /// When it was written down.
    pub recorded_at: Timestamp,
}

/// What is kept of a person besides conversations, unmasked: it is theirs. No `Debug`, so that it reaches no log.
#[derive(Clone, Serialize)]
pub struct ExportedPerson {
    /// Id.
    pub id: TaxpayerId,
    /// Whether they were erased: nothing personal is left then.
    pub erased: bool,
    /// Name.
    pub name: Option<String>,
    /// Number.
    pub number: Option<String>,
    /// Which register the number is from.
    pub number_kind: NumberKind,
    /// Mobile phone.
    pub phone: Option<String>,
    /// Code of the authority in charge.
    pub authority: Option<AuthorityCode>,
    /// When the record was made.
    pub enrolled_at: Timestamp,
    /// Golden-tax registration sequence.
    pub registration_seq: Option<String>,
    /// Id in the platform in service before this one.
    pub external_id: Option<String>,
    /// Numbers from before.
    pub former_numbers: Vec<ExportedNumber>,
    /// Findings about the real name, newest first.
    pub real_name: Vec<RealName>,
    /// For whom they act or acted, newest first.
    pub relations: Vec<RelationView>,
    /// Who looks after them, and did, newest first.
    pub grid_officers: Vec<GridOfficerView>,
    /// What they brought before an authority, and the answers.
    pub appeals: Vec<AppealView>,
    /// Accounts at identity providers.
    pub linked: Vec<LinkedProvider>,
    /// Whether they have a password; it is kept as a hash.
    pub password: bool,
    /// The newest sessions.
    pub sessions: Vec<SessionTimes>,
}

/// One conversation with all that was written in it.
#[derive(Clone, Serialize)]
pub struct ExportedConversation {
    /// The conversation, its messages, what happened in it.
    #[serde(flatten)]
    pub transcript: Transcript,
    /// What the officer noted at the end.
    pub closing_note: Option<String>,
    /// What an officer who transferred it wanted the next one to know.
    pub transfer_note: Option<String>,
    /// How the person rated it.
    pub rating: Option<RatingView>,
    /// What was answered to a low rating.
    pub follow_up_answer: Option<String>,
    /// What was said when the person was called back.
    pub revisit_note: Option<String>,
}

/// All that is kept of a person.
#[derive(Clone, Serialize)]
pub struct PersonExport {
    /// When it was put together.
    pub exported_at: Timestamp,
    /// The person.
    pub person: ExportedPerson,
    /// Their conversations.
    pub conversations: Vec<ExportedConversation>,
}

impl PersonExport {
    /// The export as JSON, and SM3 over that text: whoever holds both can show that nothing was changed.
    ///
    /// # Errors
    /// None that can happen: it is plain data.
    pub fn to_text(&self) -> Result<(String, String), Error> {
        let text = serde_json::to_string(self).map_err(|e| StoreError::Backend(format!("the export cannot be written down: {e}")))?;
        let sum = hash::hex(&hash::sm3(&[text.as_bytes()]));
        Ok((text, sum))
    }
}

/// What is kept of a person, and the ids of their conversations.
pub(crate) fn export_person(tx: &mut dyn Tx, ctx: &Ctx, cmd: &ExportPerson) -> Result<(ExportedPerson, Vec<ConversationId>), Error> {
    reason(&cmd.reason)?;
    let found = tx.find::<Taxpayer>((cmd.person,))?;
    let person = check(ctx, found)?;
    if person.kind != TaxpayerKind::Person {
        return Err(Error::invalid("person", Problem::Malformed("is an enterprise".into())));
    }
    let key = subject::known_key(tx, ctx, person.id.uuid())?;
    let open = |field| person.open(key.as_deref(), field);
    let actor = ActorRef { kind: ActorKind::Taxpayer, id: person.id.uuid() };
    let relations = all_of_person(tx, person.id)?;
    let appeals = appeal::all_of(tx, person.id)?;
    let exported = ExportedPerson {
        id: person.id,
        erased: key.is_none(),
        name: open(PersonalField::Name)?,
        number: open(PersonalField::Number)?,
        number_kind: person.register(),
        phone: open(PersonalField::Phone)?,
        authority: person.authority.own(),
        enrolled_at: person.enrolled_at,
        registration_seq: person.registration_seq.clone(),
        external_id: person.external_id.clone(),
        former_numbers: former_numbers(tx, ctx, person.id)?,
        real_name: all_findings(tx, person.id)?,
        relations: relations.iter().map(|relation| shown(tx, ctx, relation)).collect::<Result<_, _>>()?,
        grid_officers: grid_officers(tx, ctx, person.id)?,
        appeals: appeals.iter().map(|appeal| appeal::view(tx, ctx, appeal)).collect::<Result<_, _>>()?,
        linked: access::linked_of(tx, person.id)?,
        password: tx.find_by::<Credential>(Credential::BY_ACTOR, (actor,))?.is_some(),
        sessions: access::session_times(tx, actor)?,
    };
    Ok((exported, interaction::all_of(tx, person.id)?))
}

fn former_numbers(tx: &mut dyn ReadTx, ctx: &Ctx, person: TaxpayerId) -> Result<Vec<ExportedNumber>, Error> {
    let why = Engine::work("former numbers of a person to whom all that is kept of them is given");
    let rows: Vec<FormerNumber> = tx.scan_all(why, stretch(Some(FormerNumber::BY_TAXPAYER), (person,)), |_| true)?;
    let key = subject::known_key(tx, ctx, person.uuid())?;
    let exported = |row: &FormerNumber| -> Result<ExportedNumber, Error> {
        let place = Place { table: FormerNumber::TABLE.name, column: "number", row: &row.number_index };
        let open = key.as_deref().map(|key| key.open(place, &row.number)).transpose()?;
        let number = open.map(|text| String::from_utf8_lossy(&text).into_owned());
        Ok(ExportedNumber { kind: row.kind, number, recorded_at: row.recorded_at })
    };
    rows.iter().map(exported).collect()
}

/// One conversation of the person, whole.
pub(crate) fn export_conversation(
    tx: &mut dyn Tx,
    ctx: &Ctx,
    person: TaxpayerId,
    id: ConversationId,
) -> Result<ExportedConversation, Error> {
    let conversation = interaction::open_conversation(tx, ctx, id)?;
    if conversation.taxpayer != person {
        return Err(Error::NotFound { what: "conversation" });
    }
    let closing_note = interaction::closing_note(tx, ctx, &conversation)?;
    let transfer_note = interaction::transfer_note(tx, ctx, &conversation)?;
    let rating = interaction::rating_of(tx, ctx, &conversation)?;
    let (follow_up_answer, revisit_note) = interaction::follow_up_texts(tx, ctx, &conversation)?;
    Ok(ExportedConversation {
        rating,
        follow_up_answer,
        revisit_note,
        transcript: interaction::transcript(tx, ctx, interaction::Reader::Writer(person), id)?,
        closing_note,
        transfer_note,
    })
}
