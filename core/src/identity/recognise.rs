//! Recognising a person whom an outside system verified: somebody already known by that number, or somebody new.

use std::time::Duration;

use super::real_name::{findings, verify};
use super::relation::{NewRelation, Relation, record_between};
use super::taxpayer::{Applicant, NewTaxpayer, PersonalField, Taxpayer, TaxpayerKind, Told, enrol_one, enterprise_of, examine, index_of};
use super::{CaptureChannel, MobilePhone, Number, RealNameState, find_by_number, subject};
use crate::access::{AssertedRelation, Engine, ProviderError, VerifiedPerson, top_of};
use crate::calendar::date_of;
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::{Error, Refusal};
use crate::id::TaxpayerId;
use crate::limits;
use crate::series;
use crate::store::{ReadTx, Reads, Tx, Writes, stretch};

/// The person whom a provider verified; enrolled, where nobody is known by the number. Name and phone become what the provider
/// says, the finding is kept, relations to enterprises that are known here are written down.
///
/// # Errors
/// `Provider` where who they are cannot be: a number or name that is not well formed, a time that has not come. `OtherName` where
/// somebody of another name is known by the number of their passport. A phone or a relation
/// that cannot be is left out: nobody is kept from signing in by it.
pub(crate) fn recognise(tx: &mut dyn Tx, ctx: &Ctx, channel: CaptureChannel, said: &VerifiedPerson) -> Result<TaxpayerId, Error> {
    if said.verified_at > ctx.now().plus(limits::CLOCK_SKEW_MAX) {
        return Err(incredible("verified_at"));
    }
    let new = NewTaxpayer {
        number_kind: Some(said.number_kind),
        phone: said.phone.clone().filter(|phone| MobilePhone::parse(phone).is_ok()),
        ..authority_of(tx, ctx, said)?
    };
    let mut applicant = examine(tx, ctx, &new).map_err(|e| if let Error::Invalid { field, .. } = &e { incredible(field) } else { e })?;
    let id = match find_by_number(tx, &[applicant.number_index])? {
        Some(id) => {
            update(tx, ctx, channel, id, &applicant)?;
            id
        }
        None => {
            let ordinal = series::take(tx, "person_no", 1)?;
            applicant.told = Some(Told { channel, at: ctx.now() });
            enrol_one(tx, ctx, &applicant, ordinal)?
        }
    };
    verify(tx, ctx, id, said.level, channel, said.verified_at)?;
    for (enterprise, relation) in asserted(tx, ctx, channel, id, said)? {
        record_between(tx, ctx, enterprise, id, &relation)?;
    }
    Ok(id)
}

fn incredible(field: &str) -> Error {
    Error::Provider(ProviderError::Misconfigured(format!("{field} cannot be")))
}

/// The person as somebody to enrol: at the authority the provider names, else at the top of the tree until somebody knows better.
fn authority_of(tx: &mut dyn ReadTx, ctx: &Ctx, said: &VerifiedPerson) -> Result<NewTaxpayer, Error> {
    let named = match said.authority {
        Some(code) => match crate::access::path_of(tx, ctx.rights(), code) {
            Ok(path) => path.own(),
            Err(Error::NotFound { .. }) => None,
            Err(e) => return Err(e),
        },
        None => None,
    };
    let authority = match named {
        Some(code) => code,
        None => top_of(tx)?,
    };
    Ok(NewTaxpayer::person(&said.name, &said.number, authority))
}

fn open(tx: &mut dyn ReadTx, id: TaxpayerId) -> Result<Taxpayer, Error> {
    let found = tx.find::<Taxpayer>((id,))?.ok_or(Error::NotFound { what: "taxpayer" })?;
    Ok(found.trust("an outside system verified that it is them").into_inner())
}

/// Takes over what the provider says of somebody known. What is the same stays as it is.
fn update(tx: &mut dyn Tx, ctx: &Ctx, channel: CaptureChannel, id: TaxpayerId, said: &Applicant<'_>) -> Result<(), Error> {
    let known = open(tx, id)?;
    if known.kind != TaxpayerKind::Person {
        return Err(incredible("number: it is an enterprise's here, and"));
    }
    let key = subject::key_of(tx, ctx, id.uuid())?;
    if said.is_somebody_else(&known.open(Some(&key), PersonalField::Name)?.unwrap_or_default()) {
        return Err(Error::Refused(Refusal::OtherName));
    }
    let mut now = known.clone();
    let told = Told { channel, at: ctx.now() };
    now.take_name(tx, ctx, told, &said.name)?;
    if let Some(phone) = &said.phone {
        now.take_phone(tx, ctx, told, phone)?;
    }
    // Who was enrolled at the top for want of a better place goes to the authority in charge.
    if now.authority.own() == Some(top_of(tx)?) {
        now.authority = said.authority.clone();
    }
    if now != known {
        tx.replace(&known, now)?;
    }
    Ok(())
}

/// The relations as rows to write down: those to enterprises that are not known here are left out, and of those known here the one
/// that overlaps in time is meant, whatever start the provider knows; but one that holds and begins on the day on which what is known
/// ended is a new one: providers know days. One that is over without a day ends now what is held here. One that is over says nothing
/// where none is held, or where the provider knows of another in the same role that goes on. Of those that end nothing the newest are
/// taken.
fn asserted(
    tx: &mut dyn ReadTx,
    ctx: &Ctx,
    channel: CaptureChannel,
    person: TaxpayerId,
    said: &VerifiedPerson,
) -> Result<Vec<(TaxpayerId, NewRelation)>, Error> {
    let now = ctx.now();
    let mut rows: Vec<(TaxpayerId, NewRelation)> = Vec::new();
    let looked_at = looked_at(tx, ctx, said)?;
    let goes_on: Vec<_> =
        looked_at.iter().filter(|(.., r)| !is_over(r, now) && r.starts_at <= now).map(|(of, .., r)| (*of, r.role)).collect();
    for (enterprise, beyond, relation) in looked_at {
        let why = Engine::work("relations of a person whom an outside system verified");
        let known: Vec<Relation> = tx.scan(why, stretch(None, (enterprise, relation.role, person)).newest_first())?;
        let row = |starts_at: Timestamp, ends_at: Option<Timestamp>| NewRelation {
            enterprise: relation.enterprise.clone(),
            role: relation.role,
            person: said.number.clone(),
            starts_at,
            ends_at,
            released: relation.released,
            channel,
            external_id: None,
        };
        let ends = is_over(relation, now) && !goes_on.contains(&(enterprise, relation.role));
        if is_over_some_day(relation) {
            if ends {
                let held = known.iter().filter(|k| k.starts_at < now && k.holds(now));
                rows.extend(held.map(|k| (enterprise, row(k.starts_at, Some(now)))));
            }
            continue;
        }
        let overlaps =
            |k: &&Relation| relation.ends_at.is_none_or(|end| k.starts_at < end) && k.ends_at.is_none_or(|end| relation.starts_at < end);
        // One to come is none that is held.
        let meant = known.iter().filter(|k| relation.starts_at <= now || k.starts_at == relation.starts_at).find(overlaps);
        let starts_at = match meant {
            Some(k) => k.ends_at.filter(|end| !is_over(relation, now) && begins_anew(relation, k, *end)).unwrap_or(k.starts_at),
            None => relation.starts_at,
        };
        let of_held = meant.is_some_and(|k| k.holds(now));
        // Of two stretches that are one here the newer is what is known of it.
        let told = rows.iter().any(|(of, row)| *of == enterprise && row.role == relation.role && row.starts_at == starts_at);
        if told || beyond && !(ends && of_held) || of_held && is_over(relation, now) && !ends {
            continue;
        }
        rows.push((enterprise, row(starts_at, relation.ends_at)));
    }
    Ok(rows)
}

/// The relations that are looked at, with the enterprises they are to: the newest; and beyond them, which the mark says, some that are
/// over and may end what is held, and some that go on and may keep it. Those without a day of their end come last.
fn looked_at<'a>(tx: &mut dyn ReadTx, ctx: &Ctx, said: &'a VerifiedPerson) -> Result<Vec<(TaxpayerId, bool, &'a AssertedRelation)>, Error> {
    let good = |relation: &&AssertedRelation| relation.ends_at.is_none_or(|end| relation.starts_at < end);
    let mut all: Vec<&AssertedRelation> = said.relations.iter().filter(good).collect();
    all.sort_by_key(|relation| (is_over_some_day(relation), std::cmp::Reverse(relation.starts_at)));
    let (mut looked_at, mut left) = (Vec::new(), [limits::RELATIONS_BEYOND_MAX; 2]);
    for (i, relation) in all.into_iter().enumerate() {
        let beyond = i >= limits::RELATIONS_ASSERTED_MAX;
        if beyond {
            let left = &mut left[usize::from(is_over(relation, ctx.now()))];
            if *left == 0 {
                continue;
            }
            *left -= 1;
        }
        looked_at.extend(enterprise_of(tx, ctx, &relation.enterprise)?.map(|enterprise| (enterprise, beyond, relation)));
    }
    Ok(looked_at)
}

/// Whether a relation has ended by now.
fn is_over(relation: &AssertedRelation, now: Timestamp) -> bool {
    relation.released || relation.ends_at.is_some_and(|end| end <= now)
}

/// Whether a relation begins on the last day of what is known, which ended.
fn begins_anew(relation: &AssertedRelation, known: &Relation, end: Timestamp) -> bool {
    let last = date_of(end.minus(Duration::from_micros(1)));
    known.starts_at < relation.starts_at && date_of(relation.starts_at) == last && relation.ends_at.is_none_or(|until| end < until)
}

/// Whether a relation was released, and the provider does not say when.
fn is_over_some_day(relation: &AssertedRelation) -> bool {
    relation.released && relation.ends_at.is_none()
}

/// Who is known here by the number a provider names, if anybody.
pub(crate) fn known_by(tx: &mut dyn ReadTx, ctx: &Ctx, said: &VerifiedPerson) -> Result<Option<TaxpayerId>, Error> {
    let number = Number::parse(said.number_kind, &said.number).map_err(|_| incredible("number"))?;
    find_by_number(tx, &[index_of(ctx.keys(), TaxpayerKind::Person, &number)])
}

/// Whether the newest finding about a person is a verification.
pub(crate) fn is_verified(tx: &mut dyn ReadTx, person: TaxpayerId) -> Result<bool, Error> {
    Ok(findings(tx, person, 1)?.first().is_some_and(|newest| newest.state == RealNameState::Verified))
}
