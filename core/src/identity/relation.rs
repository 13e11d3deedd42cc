//! Relations (关联关系): which person acts for which enterprise, as what, from when to when. An ended relation is kept: who acted
//! for an enterprise last year is asked this year.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::entry::{self, Entry, EntryKind, Weighed};
use super::personal_data::reason;
use super::taxpayer::{Taxpayer, TaxpayerKind, enterprise_of, person_of};
use super::{CaptureChannel, Masked, Personal};
use crate::access::{Checked, Engine, check};
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::{self, Error, Problem, Refusal};
use crate::id::TaxpayerId;
use crate::limits;
use crate::planted::{Bug, planted};
use crate::store::raw::Range;
use crate::store::{ReadTx, Reads, Tx, Writes, stretch};

words! {
    /// As what a person acts for an enterprise.
    pub enum Role {
        /// 法定代表人.
        LegalRepresentative = "legal_representative",
        /// 财务负责人.
        FinanceOfficer = "finance_officer",
        /// 办税员.
        TaxHandler = "tax_handler",
        /// 开票员.
        InvoiceIssuer = "invoice_issuer",
        /// 领票人.
        InvoiceCollector = "invoice_collector",
        /// 税务代理人.
        TaxAgent = "tax_agent",
    }
}

impl Role {
    /// 三员: the three officers every enterprise has.
    pub const KEY: [Self; 3] = [Self::LegalRepresentative, Self::FinanceOfficer, Self::TaxHandler];

    /// Its name in Chinese.
    pub const fn title(self) -> &'static str {
        match self {
            Self::LegalRepresentative => "法定代表人",
            Self::FinanceOfficer => "财务负责人",
            Self::TaxHandler => "办税员",
            Self::InvoiceIssuer => "开票员",
            Self::InvoiceCollector => "领票人",
            Self::TaxAgent => "税务代理人",
        }
    }
}

record! {
    /// A person acts for an enterprise.
    #[derive(Serialize, Deserialize)]
    pub struct Relation in "relation" {
        /// For which enterprise.
        enterprise: TaxpayerId,
        /// As what.
        role: Role,
        /// Who.
        person: TaxpayerId,
        /// From then on.
        starts_at: Timestamp,
        /// Until then, not included; absent while it holds.
        ends_at: Option<Timestamp>,
        /// True where it was released (解除), by a person or an outside system, rather than ended as planned.
        released: bool,
        /// By which channel it is known.
        channel: CaptureChannel,
        /// When it was last written down.
        recorded_at: Timestamp,
        /// Id in the platform in service before this one.
        external_id: Option<String>,
        /// Counts updates.
        version: i64,
    }
    key(enterprise, role, person, starts_at);
    version version;
    index BY_PERSON(person, starts_at);
}

impl Relation {
    /// Whether it holds at `at`.
    pub fn holds(&self, at: Timestamp) -> bool {
        self.starts_at <= at && self.ends_at.is_none_or(|end| at < end)
    }
}

/// One relation to write down.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRelation {
    /// Number of the enterprise.
    pub enterprise: String,
    /// As what.
    pub role: Role,
    /// Number of the person.
    pub person: String,
    /// From then on.
    pub starts_at: Timestamp,
    /// Until then, not included.
    pub ends_at: Option<Timestamp>,
    /// True where it was released.
    pub released: bool,
    /// By which channel it is known.
    pub channel: CaptureChannel,
    /// Id in the platform in service before this one.
    pub external_id: Option<String>,
}

/// Writes relations down. One that is known (same enterprise, role, person, start) takes the end it is given; an end that is
/// known is not taken back: the same people begin anew with a new start. Returns how many changed something.
///
/// # Errors
/// `Invalid` with the row and field: nobody known by a number, an end that is not behind the start, more relations than an
/// enterprise may have.
pub fn record_relations(tx: &mut dyn Tx, ctx: &Ctx, rows: &[NewRelation]) -> Result<u64, Error> {
    entry::record::<Relation>(tx, ctx, rows)
}

impl Entry for Relation {
    const KIND: EntryKind = EntryKind::Relation;
    type Row = NewRelation;

    fn weigh(tx: &mut dyn ReadTx, ctx: &Ctx, row: &NewRelation) -> Result<Weighed<Self>, Error> {
        let nobody = |field| move || Error::invalid(field, Problem::Unknown(field));
        let enterprise = enterprise_of(tx, ctx, &row.enterprise)?.ok_or_else(nobody("enterprise"))?;
        let person = person_of(tx, ctx, &row.person)?.ok_or_else(nobody("person"))?;
        Self::between(tx, ctx, enterprise, person, row)
    }

    fn compared(tx: &mut dyn ReadTx, ctx: &Ctx, row: &NewRelation) -> Result<[Value; 2], Error> {
        let nobody = |field| move || Error::invalid(field, Problem::Unknown(field));
        let enterprise = enterprise_of(tx, ctx, &row.enterprise)?.ok_or_else(nobody("enterprise"))?;
        let person = person_of(tx, ctx, &row.person)?.ok_or_else(nobody("person"))?;
        let canonical = |ends_at: Option<Timestamp>, released: bool, external_id: Option<&str>| {
            json!(["relation", enterprise, row.role, person, row.starts_at, ends_at, released, external_id])
        };
        let found = tx.find::<Relation>((enterprise, row.role, person, row.starts_at))?;
        let kept = found.map(|k| k.trust("an import compares what it was given").into_inner());
        let kept = kept.map_or(Value::Null, |kept| {
            let external_id = kept.external_id.as_deref().filter(|_| row.external_id.is_some());
            canonical(kept.ends_at, kept.released, external_id)
        });
        Ok([canonical(row.ends_at, row.released, row.external_id.as_deref()), kept])
    }

    fn about(&self) -> TaxpayerId {
        self.enterprise
    }
}

impl Relation {
    /// Weighs a row about two who are known; the numbers in it are not looked at.
    fn between(
        tx: &mut dyn ReadTx,
        ctx: &Ctx,
        enterprise: TaxpayerId,
        person: TaxpayerId,
        row: &NewRelation,
    ) -> Result<Weighed<Self>, Error> {
        if row.ends_at.is_some_and(|end| end <= row.starts_at) {
            return Err(Error::invalid("ends_at", Problem::Malformed("must be behind starts_at".into())));
        }
        if row.released && row.ends_at.is_none() {
            return Err(Error::invalid("ends_at", Problem::Empty));
        }
        let external_id = row.external_id.as_deref().map(|id| error::text("external_id", id, limits::EXTERNAL_ID_CHARS_MAX)).transpose()?;
        let said = Relation {
            enterprise,
            role: row.role,
            person,
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            released: row.released,
            channel: row.channel,
            recorded_at: ctx.now(),
            external_id,
            version: 0,
        };
        let Some(known) = tx.find::<Relation>((enterprise, row.role, person, row.starts_at))? else {
            if of_enterprise(tx, enterprise)?.len() >= limits::RELATIONS_PER_ENTERPRISE_MAX as usize {
                return Err(Error::invalid("relations", Problem::TooMany { max: limits::RELATIONS_PER_ENTERPRISE_MAX as usize }));
            }
            return Ok(Weighed::New(said));
        };
        let known = known.trust("a relation is replaced by its successor").into_inner();
        if said.external_id.is_some() && known.external_id.is_some() && said.external_id != known.external_id {
            return Ok(Weighed::Overtaken("external_id", "is known by another id"));
        }
        let same_end = known.ends_at == said.ends_at && known.released == said.released;
        // What has ended, or was released, holds no longer than that, whatever a list or a provider says later.
        let is_over = known.released || known.ends_at.is_some_and(|end| end <= ctx.now());
        let goes_on = said.ends_at.is_none() || is_over && !said.released && said.ends_at > known.ends_at;
        if !same_end && goes_on {
            return Ok(Weighed::Overtaken("ends_at", "has ended; begins anew with a new start only"));
        }
        if same_end && (said.external_id.is_none() || known.external_id.is_some()) {
            return Ok(Weighed::Known(enterprise));
        }
        let external_id = said.external_id.or_else(|| known.external_id.clone());
        Ok(Weighed::Changed(known, Relation { external_id, ..said }))
    }
}

/// Writes down what an outside system says of two who are known. What is overtaken is left out, and so is one relation too many:
/// nobody is kept from signing in by it.
pub(super) fn record_between(
    tx: &mut dyn Tx,
    ctx: &Ctx,
    enterprise: TaxpayerId,
    person: TaxpayerId,
    said: &NewRelation,
) -> Result<(), Error> {
    match Relation::between(tx, ctx, enterprise, person, said) {
        Ok(Weighed::New(relation)) => relation.enter(tx, ctx),
        Ok(Weighed::Changed(known, now)) => {
            tx.replace(&known, now)?;
            Ok(())
        }
        Ok(Weighed::Known(_) | Weighed::Overtaken(..)) => Ok(()),
        Err(Error::Invalid { problem: Problem::TooMany { max }, .. }) => {
            tracing::warn!(%enterprise, max, "an enterprise has as many relations as it may: a new one is left out");
            Ok(())
        }
        Err(e) => Err(e),
    }
}

/// Releases whoever acts for an enterprise in a role (关联关系解除).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ReleaseRelation {
    /// For which enterprise they act.
    pub enterprise: TaxpayerId,
    /// As what.
    pub role: Role,
    /// Who.
    pub person: TaxpayerId,
    /// Why; kept in the audit trail.
    pub reason: String,
}

/// They act for it no more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RelationReleased {
    /// For which enterprise they acted.
    pub enterprise: TaxpayerId,
    /// As what.
    pub role: Role,
    /// Who.
    pub person: TaxpayerId,
    /// Since when no more.
    pub ends_at: Timestamp,
}

impl crate::core::Answer for RelationReleased {
    fn subject(&self) -> String {
        format!("relation/{}/{}/{}", self.enterprise, self.role.as_str(), self.person)
    }
}

/// Releases a relation. The person may let go of the enterprise and the enterprise of the person; officers may for those within reach.
///
/// # Errors
/// `NotFound` where the caller reaches neither side or there was never such a relation; `relation_over` where none holds now.
pub fn release_relation(tx: &mut dyn Tx, ctx: &Ctx, cmd: ReleaseRelation) -> Result<RelationReleased, Error> {
    reason(&cmd.reason)?;
    either(tx, ctx, cmd.enterprise, cmd.person)?;
    let why = Engine::work("relations between two of whom the caller opened one");
    let all: Vec<Relation> = tx.scan(why, stretch(None, (cmd.enterprise, cmd.role, cmd.person)).newest_first())?;
    let newest = all.first().ok_or(Error::NotFound { what: "relation" })?;
    let now = ctx.now();
    if !all.iter().any(|r| r.holds(now)) {
        return Err(Error::Refused(Refusal::RelationOver(newest.ends_at)));
    }
    // Lists may have told of one relation with two beginnings.
    for relation in all.iter().filter(|r| r.holds(now) && !planted(Bug::ReleaseForgotten)) {
        tx.replace(relation, Relation { ends_at: Some(now), released: true, recorded_at: now, ..relation.clone() })?;
    }
    Ok(RelationReleased { enterprise: cmd.enterprise, role: cmd.role, person: cmd.person, ends_at: now })
}

/// Ends whatever a person who is erased acts as or is to act as, [`limits::ERASED_AT_ONCE`] relations: an enterprise is not left with
/// nobody behind a name. Says whether there is more.
pub(super) fn end_all_of(tx: &mut dyn Tx, ctx: &Ctx, person: TaxpayerId) -> Result<bool, Error> {
    let why = Engine::work("relations of a person who is erased");
    let now = ctx.now();
    let ends = |r: &Relation| now.max(r.starts_at);
    let left: Vec<Relation> = tx.scan_all(why, by_person(person), |r: &Relation| r.ends_at.is_none_or(|end| end > ends(r)))?;
    for relation in left.iter().take(limits::ERASED_AT_ONCE as usize) {
        tx.replace(relation, Relation { ends_at: Some(ends(relation)), released: true, recorded_at: now, ..relation.clone() })?;
    }
    Ok(left.len() > limits::ERASED_AT_ONCE as usize)
}

/// One of the two, if the caller reaches one.
pub(crate) fn either(tx: &mut dyn ReadTx, ctx: &Ctx, enterprise: TaxpayerId, person: TaxpayerId) -> Result<Checked<Taxpayer>, Error> {
    let found = tx.find::<Taxpayer>((enterprise,))?;
    match check(ctx, found) {
        Err(Error::NotFound { .. }) => {
            let found = tx.find::<Taxpayer>((person,))?;
            check(ctx, found).map_err(|e| if matches!(e, Error::NotFound { .. }) { Error::NotFound { what: "relation" } } else { e })
        }
        other => other,
    }
}

/// All relations of an enterprise, by role. The caller has opened the enterprise.
pub(super) fn of_enterprise(tx: &mut dyn ReadTx, enterprise: TaxpayerId) -> Result<Vec<Relation>, Error> {
    let why = Engine::work("relations of an enterprise whom the caller opened");
    Ok(tx.scan(why, stretch(None, (enterprise,)).limit(limits::RELATIONS_PER_ENTERPRISE_MAX))?)
}

/// The newest relations of a person, `most` at most, newest first. The caller has opened the person.
pub(super) fn of_person(tx: &mut dyn ReadTx, person: TaxpayerId, most: u32) -> Result<Vec<Relation>, Error> {
    let why = Engine::work("relations of a person whom the caller opened");
    Ok(tx.scan(why, by_person(person).limit(most))?)
}

/// Every relation of a person, newest first. The caller has opened the person.
pub(super) fn all_of_person(tx: &mut dyn ReadTx, person: TaxpayerId) -> Result<Vec<Relation>, Error> {
    Ok(tx.scan_all(Engine::work("relations of a person to whom all that is kept of them is given"), by_person(person), |_| true)?)
}

/// The relations of a person, newest first.
fn by_person(person: TaxpayerId) -> Range {
    stretch(Some(Relation::BY_PERSON), (person,)).newest_first()
}

/// The enterprises for which a taxpayer acts at an instant, each once: themselves, where they are one.
pub(crate) fn enterprises_of(tx: &mut dyn ReadTx, taxpayer: TaxpayerId, at: Timestamp) -> Result<Vec<TaxpayerId>, Error> {
    let found = tx.find::<Taxpayer>((taxpayer,))?.ok_or(Error::NotFound { what: "taxpayer" })?.trust("the taxpayer at a gate");
    if found.kind == TaxpayerKind::Enterprise {
        return Ok(vec![taxpayer]);
    }
    let why = Engine::work("for which enterprises the caller acts");
    let newest = by_person(taxpayer).limit(limits::ENTERPRISES_PER_PERSON_MAX);
    let relations: Vec<Relation> = tx.scan(why, newest)?;
    let mut enterprises: Vec<TaxpayerId> = relations.iter().filter(|r| r.holds(at)).map(|r| r.enterprise).collect();
    enterprises.sort_unstable();
    enterprises.dedup();
    Ok(enterprises)
}

/// A relation as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RelationView {
    /// For which enterprise.
    pub enterprise: TaxpayerId,
    /// Name of the enterprise, which is public.
    pub enterprise_name: Masked<Personal>,
    /// As what.
    pub role: Role,
    /// The same in Chinese.
    pub role_title: &'static str,
    /// Who.
    pub person: TaxpayerId,
    /// Name of the person, masked.
    pub person_name: Masked<Personal>,
    /// From when.
    pub starts_at: Timestamp,
    /// Until when; absent while it holds.
    pub ends_at: Option<Timestamp>,
    /// Whether it holds now.
    pub holds: bool,
    /// Whether it was released (已解除).
    pub released: bool,
    /// By which channel it is known.
    pub channel: CaptureChannel,
    /// When it was last written down.
    pub recorded_at: Timestamp,
}

/// The relation with the names of its two.
pub(super) fn shown(tx: &mut dyn ReadTx, ctx: &Ctx, relation: &Relation) -> Result<RelationView, Error> {
    Ok(RelationView {
        enterprise: relation.enterprise,
        enterprise_name: super::masked_name(tx, ctx, relation.enterprise)?,
        role: relation.role,
        role_title: relation.role.title(),
        person: relation.person,
        person_name: super::masked_name(tx, ctx, relation.person)?,
        starts_at: relation.starts_at,
        ends_at: relation.ends_at,
        holds: relation.holds(ctx.now()),
        released: relation.released,
        channel: relation.channel,
        recorded_at: relation.recorded_at,
    })
}

/// The relations of a taxpayer, ended ones too: of an enterprise those of all its people by role, of a person the newest ones.
pub fn relations(tx: &mut dyn ReadTx, ctx: &Ctx, id: TaxpayerId) -> Result<Vec<RelationView>, Error> {
    let found = tx.find::<Taxpayer>((id,))?;
    let taxpayer = check(ctx, found)?;
    let rows = match taxpayer.kind {
        TaxpayerKind::Person => of_person(tx, id, limits::RELATIONS_SHOWN_MAX)?,
        TaxpayerKind::Enterprise => of_enterprise(tx, id)?,
    };
    rows.iter().map(|relation| shown(tx, ctx, relation)).collect()
}
