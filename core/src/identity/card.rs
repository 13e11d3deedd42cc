//! The officer's card (实名信息): who is on the other side of a conversation, for which enterprise, and how that is known. Each value
//! stands with its source and age; what is not known says so, and why. Personal values are masked; each can be
//! revealed alone, with a reason.

use serde::{Deserialize, Serialize};

use super::personal_data::reason;
use super::real_name::{RealName, findings};
use super::relation::{self, Relation, RelationView, of_enterprise, of_person};
use super::roster::{RosterEntry, entries};
use super::taxpayer::{PersonalField, Revealed, Taxpayer, TaxpayerKind};
use super::{CaptureChannel, RealNameLevel, Role, Roster, subject};
use crate::access::{Checked, check};
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::id::{ConversationId, TaxpayerId};
use crate::interaction::{Conversation, SourceChannel};
use crate::limits;
use crate::planted::{Bug, planted};
use crate::store::{ReadTx, Reads, Tx};

words! {
    /// Why something is not known.
    pub enum Unknown {
        /// 尚未采集: nobody has taken it down yet.
        NotCaptured = "not_captured",
        /// 以企业身份进入: the enterprise signed in, not a person.
        EnterpriseSignedIn = "enterprise_signed_in",
        /// 无关联企业: the person acts for no enterprise, now or before.
        NoRelation = "no_relation",
        /// 关联关系已解除或到期: whoever it was acts for the enterprise no more.
        Released = "released",
        /// 已删除: the person was erased.
        Erased = "erased",
    }
}

impl Unknown {
    /// What the officer reads.
    pub const fn title(self) -> &'static str {
        match self {
            Self::NotCaptured => "尚未采集",
            Self::EnterpriseSignedIn => "以企业身份登录，无法确定经办人",
            Self::NoRelation => "未与任何企业建立关联关系",
            Self::Released => "关联关系已解除或到期，暂无在任人员",
            Self::Erased => subject::ERASED,
        }
    }
}

/// One value of the card: known, with source and age, or not, with the reason.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Fact {
    /// Known.
    Known {
        /// The value; masked where it is personal.
        value: String,
        /// The channel by which it came to be known.
        source: CaptureChannel,
        /// The same in Chinese.
        source_title: &'static str,
        /// Since when it is known.
        since: Timestamp,
        /// Its age in whole days.
        age_days: i64,
        /// True where `value` is a mask: reveal shows it.
        masked: bool,
    },
    /// Not known.
    Unknown {
        /// Why.
        why: Unknown,
        /// The same in Chinese.
        why_title: &'static str,
    },
}

impl Fact {
    fn unknown(why: Unknown) -> Self {
        Self::Unknown { why, why_title: why.title() }
    }

    fn known(now: Timestamp, value: String, masked: bool, source: CaptureChannel, since: Timestamp) -> Self {
        Self::Known { value, source, source_title: source.title(), since, age_days: now.days_since(since), masked }
    }
}

/// A person or an enterprise on the card.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CardHolder {
    /// Whom to name in a reveal; absent where nobody is known.
    pub taxpayer: Option<TaxpayerId>,
    /// Name.
    pub name: Fact,
    /// Resident id, other paper, or credit code.
    pub number: Fact,
    /// Mobile phone.
    pub phone: Fact,
}

/// One of the three officers (三员).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CardOfficer {
    /// As what.
    pub role: Role,
    /// The same in Chinese.
    pub role_title: &'static str,
    /// Who; an enterprise may have several tax handlers, and each is an entry.
    pub holder: CardHolder,
    /// Since when they act for the enterprise.
    pub starts_at: Option<Timestamp>,
    /// How it is known that they do; absent where nobody is known.
    pub known: Option<CardSource>,
}

/// Where something that is no single value comes from: that somebody acts for an enterprise, that an enterprise is on a roster.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CardSource {
    /// The channel by which it came to be known.
    pub source: CaptureChannel,
    /// The same in Chinese.
    pub source_title: &'static str,
    /// When it was last written down.
    pub recorded_at: Timestamp,
    /// How long ago, in whole days.
    pub age_days: i64,
}

impl CardSource {
    fn of(now: Timestamp, source: CaptureChannel, recorded_at: Timestamp) -> Self {
        Self { source, source_title: source.title(), recorded_at, age_days: now.days_since(recorded_at) }
    }
}

/// Real-name state of the person.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CardRealName {
    /// `captured`, `verified`, `failed`, `lapsed`; or not known.
    pub state: Fact,
    /// How strongly verified.
    pub level: Option<RealNameLevel>,
    /// The channel by which the real name was taken down (采集渠道), in Chinese; or not known.
    pub channel: Fact,
}

/// A roster the enterprise is on.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CardRoster {
    /// Which.
    pub roster: Roster,
    /// The same in Chinese.
    pub roster_title: &'static str,
    /// The document that names the enterprise.
    pub document: String,
    /// Until when.
    pub ends_at: Option<Timestamp>,
    /// When it was last written down. Its source is the document.
    pub recorded_at: Timestamp,
    /// How long ago, in whole days.
    pub age_days: i64,
}

impl CardRoster {
    fn of(now: Timestamp, entry: RosterEntry) -> Self {
        let RosterEntry { roster, document, ends_at, recorded_at, .. } = entry;
        Self { roster, roster_title: roster.title(), document, ends_at, recorded_at, age_days: now.days_since(recorded_at) }
    }
}

/// What an officer sees of whom they talk to.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OfficerCard {
    /// Which conversation.
    pub conversation: ConversationId,
    /// Where the taxpayer came from.
    pub channel: SourceChannel,
    /// The person.
    pub person: CardHolder,
    /// Their real-name state.
    pub real_name: CardRealName,
    /// The enterprise: the one that signed in, else the one for which the person was let into a zone, else the one they act for; of
    /// several the one begun last.
    pub enterprise: CardHolder,
    /// Its three officers; several entries where several persons hold one role.
    pub officers: Vec<CardOfficer>,
    /// Rosters it is on now.
    pub rosters: Vec<CardRoster>,
    /// The newest relations of the person, or of the enterprise that signed in, newest first; released ones are marked.
    pub relations: Vec<RelationView>,
}

/// Whom the card of a conversation is about.
struct Parties {
    person: Option<Taxpayer>,
    enterprise: Option<Taxpayer>,
    relations: Vec<Relation>,
}

impl Parties {
    fn of(tx: &mut dyn ReadTx, ctx: &Ctx, conversation: &Conversation) -> Result<Self, Error> {
        let taxpayer = taxpayer(tx, conversation.taxpayer)?;
        if taxpayer.kind == TaxpayerKind::Enterprise {
            let mut relations = of_enterprise(tx, taxpayer.id)?;
            relations.sort_by_key(|r| std::cmp::Reverse(r.starts_at));
            return Ok(Self { person: None, enterprise: Some(taxpayer), relations });
        }
        let relations = of_person(tx, taxpayer.id, limits::ENTERPRISES_PER_PERSON_MAX)?;
        let begun_last = relations.iter().find(|r| r.holds(ctx.now())).map(|r| r.enterprise);
        let enterprise = match conversation.on_behalf.or(begun_last) {
            Some(id) => {
                tx.find::<Taxpayer>((id,))?.map(|found| found.trust("whoever holds the conversation sees who is in it").into_inner())
            }
            None => None, // nobody; or the list that made it was taken back since
        };
        Ok(Self { person: Some(taxpayer), enterprise, relations })
    }
}

fn taxpayer(tx: &mut dyn ReadTx, id: TaxpayerId) -> Result<Taxpayer, Error> {
    let found = tx.find::<Taxpayer>((id,))?.ok_or(Error::NotFound { what: "taxpayer" })?;
    Ok(found.trust("whoever holds the conversation sees who is in it, masked").into_inner())
}

fn holder(tx: &mut dyn ReadTx, ctx: &Ctx, taxpayer: &Taxpayer) -> Result<CardHolder, Error> {
    let key = subject::known_key(tx, ctx, taxpayer.id.uuid())?;
    let missing = if key.is_some() { Unknown::NotCaptured } else { Unknown::Erased };
    let fact = |field| -> Result<Fact, Error> {
        let Some(text) = taxpayer.open(key.as_deref(), field)? else { return Ok(Fact::unknown(missing)) };
        let shown = taxpayer.masked(field, Some(text.clone()));
        let (source, since) = taxpayer.source_of(field);
        Ok(Fact::known(ctx.now(), shown.to_string(), shown.as_str() != text, source, since))
    };
    Ok(CardHolder {
        taxpayer: Some(taxpayer.id),
        name: fact(PersonalField::Name)?,
        number: fact(PersonalField::Number)?,
        phone: fact(PersonalField::Phone)?,
    })
}

fn nobody(why: Unknown) -> CardHolder {
    CardHolder { taxpayer: None, name: Fact::unknown(why), number: Fact::unknown(why), phone: Fact::unknown(why) }
}

fn real_name(ctx: &Ctx, newest: Option<&RealName>, missing: Unknown) -> CardRealName {
    let Some(found) = newest else {
        return CardRealName { state: Fact::unknown(missing), level: None, channel: Fact::unknown(missing) };
    };
    let fact = |value: &str| Fact::known(ctx.now(), value.to_owned(), false, found.channel, found.found_at);
    CardRealName { state: fact(found.state.as_str()), level: found.level, channel: fact(found.channel.title()) }
}

/// Why nobody acts, where somebody did; a relation that has not begun says nothing.
fn gone<'a>(ctx: &Ctx, mut relations: impl Iterator<Item = &'a Relation>) -> Option<Unknown> {
    relations.any(|r| r.ends_at.is_some_and(|end| end <= ctx.now())).then_some(Unknown::Released)
}

/// The entry of a role that nobody holds.
fn vacant(role: Role, why: Unknown) -> CardOfficer {
    CardOfficer { role, role_title: role.title(), holder: nobody(why), starts_at: None, known: None }
}

/// The entry of whoever holds a role.
fn acting(tx: &mut dyn ReadTx, ctx: &Ctx, relation: &Relation) -> Result<CardOfficer, Error> {
    let person = taxpayer(tx, relation.person)?;
    let known = CardSource::of(ctx.now(), relation.channel, relation.recorded_at);
    Ok(CardOfficer {
        role: relation.role,
        role_title: relation.role.title(),
        holder: holder(tx, ctx, &person)?,
        starts_at: Some(relation.starts_at),
        known: Some(known),
    })
}

/// The three officers of an enterprise, from its relations.
fn officers(tx: &mut dyn ReadTx, ctx: &Ctx, relations: &[Relation]) -> Result<Vec<CardOfficer>, Error> {
    let mut out = Vec::new();
    for role in Role::KEY {
        let of_role = || relations.iter().filter(|r| r.role == role);
        for relation in of_role().filter(|r| r.holds(ctx.now())) {
            out.push(acting(tx, ctx, relation)?);
        }
        if !of_role().any(|r| r.holds(ctx.now())) {
            out.push(vacant(role, gone(ctx, of_role()).unwrap_or(Unknown::NotCaptured)));
        }
    }
    Ok(out)
}

/// The card of a conversation.
pub fn card_of(tx: &mut dyn ReadTx, ctx: &Ctx, id: ConversationId) -> Result<OfficerCard, Error> {
    let conversation = open(tx, ctx, id)?;
    let parties = Parties::of(tx, ctx, &conversation)?;
    let person = match &parties.person {
        Some(person) => holder(tx, ctx, person)?,
        None => nobody(Unknown::EnterpriseSignedIn),
    };
    let newest = match &parties.person {
        Some(person) => findings(tx, person.id, 1)?.into_iter().next(),
        None => None,
    };
    let missing = if parties.person.is_some() { Unknown::NotCaptured } else { Unknown::EnterpriseSignedIn };
    let none = gone(ctx, parties.relations.iter()).unwrap_or(Unknown::NoRelation);
    let (enterprise, officers, rosters) = match &parties.enterprise {
        None => (nobody(none), Role::KEY.map(|role| vacant(role, none)).to_vec(), Vec::new()),
        Some(enterprise) => {
            let relations = of_enterprise(tx, enterprise.id)?;
            let rosters = entries(tx, enterprise.id)?.into_iter().filter(|e| e.holds(ctx.now()));
            let rosters = rosters.map(|entry| CardRoster::of(ctx.now(), entry)).collect();
            (holder(tx, ctx, enterprise)?, officers(tx, ctx, &relations)?, rosters)
        }
    };
    let mut relations = Vec::with_capacity(parties.relations.len());
    for relation in parties.relations.iter().take(limits::RELATIONS_SHOWN_MAX as usize) {
        relations.push(relation::shown(tx, ctx, relation)?);
    }
    Ok(OfficerCard {
        conversation: id,
        channel: conversation.channel,
        person,
        real_name: real_name(ctx, newest.as_ref(), missing),
        enterprise,
        officers,
        rosters,
        relations,
    })
}

fn open(tx: &mut dyn ReadTx, ctx: &Ctx, id: ConversationId) -> Result<Checked<Conversation>, Error> {
    let found = tx.find::<Conversation>((id,))?;
    check(ctx, found)
}

/// Asks for one field of somebody on a conversation's card unmasked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RevealOnCard {
    /// Which conversation.
    pub conversation: ConversationId,
    /// Whose field: the person, the enterprise, or one of its three officers.
    pub taxpayer: TaxpayerId,
    /// Which field.
    pub field: PersonalField,
    /// Why; kept in the audit trail.
    pub reason: String,
}

/// One field unmasked, of somebody who is on the card: holding a conversation opens no other door.
///
/// # Errors
/// `NotFound` where the conversation is out of reach, or the taxpayer is not on its card.
pub fn reveal_on_card(tx: &mut dyn Tx, ctx: &Ctx, cmd: &RevealOnCard) -> Result<Revealed, Error> {
    reason(&cmd.reason)?;
    let conversation = open(tx, ctx, cmd.conversation)?;
    let parties = Parties::of(tx, ctx, &conversation)?;
    let mut on_card: Vec<TaxpayerId> = [&parties.person, &parties.enterprise].into_iter().flatten().map(|t| t.id).collect();
    if let Some(enterprise) = &parties.enterprise {
        let acting = of_enterprise(tx, enterprise.id)?;
        on_card.extend(acting.iter().filter(|r| Role::KEY.contains(&r.role) && r.holds(ctx.now())).map(|r| r.person));
    }
    if !on_card.contains(&cmd.taxpayer) && !planted(Bug::RevealOffCard) {
        return Err(Error::NotFound { what: "taxpayer" });
    }
    let taxpayer = taxpayer(tx, cmd.taxpayer)?;
    super::taxpayer::counted(tx, ctx, &taxpayer, cmd.field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn age_counts_whole_days_and_never_less_than_none() {
        let day = 24 * 3600 * 1_000_000;
        let age = |now: i64, since: i64| {
            let fact = Fact::known(Timestamp::from_micros(now), String::new(), false, CaptureChannel::Hall, Timestamp::from_micros(since));
            if let Fact::Known { age_days, .. } = fact { age_days } else { -1 }
        };
        assert_eq!((age(day - 1, 0), age(day, 0), age(2 * day - 1, 0), age(0, day)), (0, 1, 1, 0));
    }
}
