//! Standing in for somebody who is away (代理): a right to decide lent for a time, and nothing else of their posts.

use serde::{Deserialize, Serialize};

use crate::access::{
    self, Engine, Integrity, Named, Officer, OfficerActor, Permission, Plane, Sealed, add_sealed, genuine, replace_sealed,
};
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::{Error, Problem, Refusal};
use crate::id::{DelegationId, OfficerId};
use crate::limits;
use crate::store::{ReadTx, Reads, Tx, stretch};

record! {
    /// One officer decides in another's place for a time.
    pub struct Delegation in "approval_delegation" {
        /// Id.
        id: DelegationId,
        /// Who is away.
        giver: OfficerId,
        /// Who stands in.
        taker: OfficerId,
        /// From when.
        starts_at: Timestamp,
        /// Until when.
        ends_at: Timestamp,
        /// Binds the row.
        mac: Integrity,
        /// Counts updates.
        version: i64,
    }
    key(id);
    version version;
    index BY_TAKER(taker, ends_at);
    index BY_GIVER(giver, ends_at);
}

impl Sealed for Delegation {
    fn seal(&mut self) -> &mut Integrity {
        &mut self.mac
    }
}

/// Lets another officer decide in the caller's place.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Delegate {
    /// Who stands in.
    pub taker: OfficerId,
    /// From when; from now on if absent.
    pub starts_at: Option<Timestamp>,
    /// Until when, at most [`limits::DELEGATION_AGE_MAX`] later.
    pub ends_at: Timestamp,
}

/// Somebody stands in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Delegated {
    /// The delegation.
    pub delegation: DelegationId,
}

impl crate::core::Answer for Delegated {
    fn subject(&self) -> String {
        format!("delegation/{}", self.delegation)
    }
}

/// Ends a delegation of the caller's.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EndDelegation {
    /// Which.
    pub delegation: DelegationId,
}

/// Nobody stands in any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DelegationEnded {
    /// Which.
    pub delegation: DelegationId,
}

impl crate::core::Answer for DelegationEnded {
    fn subject(&self) -> String {
        format!("delegation/{}", self.delegation)
    }
}

/// A delegation as its two see it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DelegationView {
    /// Which.
    pub id: DelegationId,
    /// Who is away.
    pub giver: OfficerId,
    /// Who stands in.
    pub taker: OfficerId,
    /// What the two are called.
    pub names: Vec<Named>,
    /// From when.
    pub starts_at: Timestamp,
    /// Until when.
    pub ends_at: Timestamp,
}

/// Lets another officer decide in the caller's place. Refused where what the two may do, held by one person, would not go
/// together: who is away cannot unite by a stand-in what must stay apart.
pub fn delegate(tx: &mut dyn Tx, ctx: &Ctx, cmd: Delegate) -> Result<Delegated, Error> {
    let giver = ctx.actor().officer()?;
    let starts_at = cmd.starts_at.unwrap_or(ctx.now()).max(ctx.now());
    if cmd.ends_at <= starts_at || cmd.ends_at.since(starts_at) > limits::DELEGATION_AGE_MAX {
        let days = limits::DELEGATION_AGE_MAX.as_secs() / 86_400;
        return Err(Error::invalid(
            "ends_at",
            Problem::Malformed(format!("expected an end after the beginning, at most {days} days later")),
        ));
    }
    let unknown = || Error::invalid("taker", Problem::Unknown("officer"));
    let row = tx.find::<Officer>((cmd.taker,))?.ok_or_else(unknown)?.trust("who stands in is named by whoever is away").into_inner();
    // A colleague: of an authority on the caller's own line, above or below.
    let related = row.authority.codes().iter().any(|c| Some(*c) == giver.authority.own())
        || giver.authority.codes().iter().any(|c| Some(*c) == row.authority.own());
    if cmd.taker == giver.id || !related {
        return Err(unknown());
    }
    // Whoever administers lends to nobody of another side: the three administrators stay three.
    if !of_one_plane(tx, ctx, giver.id, cmd.taker)? {
        return Err(Error::Refused(Refusal::OtherPlane));
    }
    let taker = access::officer_actor(tx, ctx.rights(), ctx.now(), cmd.taker)
        .map_err(|e| if e == Error::SignInRequired { unknown() } else { e })?;
    access::compatible(tx, ctx.rights(), held_by_both(giver, &taker))?;
    let given: Vec<Delegation> =
        tx.scan(Engine::work("the caller's own delegations"), stretch(Some(Delegation::BY_GIVER), (giver.id,)).newest_first())?;
    if given.iter().filter(|d| d.ends_at > ctx.now()).count() >= limits::DELEGATIONS_MAX as usize {
        return Err(Error::invalid("taker", Problem::TooMany { max: limits::DELEGATIONS_MAX as usize }));
    }
    let id = DelegationId::from_uuid(ctx.new_uuid());
    let row = Delegation { id, giver: giver.id, taker: cmd.taker, starts_at, ends_at: cmd.ends_at, mac: Integrity::default(), version: 0 };
    add_sealed(tx, ctx, row)?;
    Ok(Delegated { delegation: id })
}

/// Ends a delegation of the caller's own, now.
pub fn end_delegation(tx: &mut dyn Tx, ctx: &Ctx, cmd: EndDelegation) -> Result<DelegationEnded, Error> {
    let missing = || Error::NotFound { what: "delegation" };
    let row = tx.find::<Delegation>((cmd.delegation,))?.ok_or_else(missing)?.trust("compared with the caller").into_inner();
    if row.giver != ctx.actor().officer()?.id {
        return Err(missing());
    }
    if row.ends_at <= ctx.now() {
        return Err(Error::Refused(Refusal::ApprovalExpired));
    }
    let row = genuine(ctx.rights(), row)?;
    replace_sealed(tx, ctx, &row, Delegation { ends_at: ctx.now(), ..row.clone() })?;
    Ok(DelegationEnded { delegation: row.id })
}

/// The caller's delegations that are not over, given and taken.
pub fn delegations(tx: &mut dyn ReadTx, ctx: &Ctx) -> Result<Vec<DelegationView>, Error> {
    let me = ctx.actor().officer()?.id;
    let mut found: Vec<Delegation> = Vec::new();
    for index in [Delegation::BY_GIVER, Delegation::BY_TAKER] {
        found.extend(current(tx, ctx, index, me)?);
    }
    let mut views = Vec::with_capacity(found.len());
    for Delegation { id, giver, taker, starts_at, ends_at, .. } in found {
        let mut names = Vec::new();
        for officer in [giver, taker] {
            names.extend(access::named_officer(tx, ctx, officer)?);
        }
        views.push(DelegationView { id, giver, taker, names, starts_at, ends_at });
    }
    Ok(views)
}

fn current(tx: &mut dyn ReadTx, ctx: &Ctx, index: usize, whose: OfficerId) -> Result<Vec<Delegation>, Error> {
    let range = stretch(Some(index), (whose,)).newest_first().limit(limits::DELEGATIONS_SHOWN_MAX);
    let rows: Vec<Delegation> = tx.scan(Engine::work("delegations of the caller, given and taken"), range)?;
    rows.into_iter().filter(|d| d.ends_at > ctx.now()).map(|d| genuine(ctx.rights(), d)).collect()
}

fn of_one_plane(tx: &mut dyn ReadTx, ctx: &Ctx, giver: OfficerId, taker: OfficerId) -> Result<bool, Error> {
    let side = |plane: Option<Plane>| plane.unwrap_or(Plane::Business); // as the first grant would be
    Ok(side(access::plane_of(tx, ctx.rights(), giver)?) == side(access::plane_of(tx, ctx.rights(), taker)?))
}

fn held_by_both<'a>(giver: &'a OfficerActor, taker: &'a OfficerActor) -> impl Iterator<Item = Permission> + 'a {
    giver.posts.iter().chain(&taker.posts).flat_map(|p| p.permissions.iter().copied())
}

/// Those in whose place an officer decides now, with the posts they hold now: a right ends with its giver's, and is not lent while
/// what the two hold by now does not go together.
pub(super) fn stands_in_for(tx: &mut dyn ReadTx, ctx: &Ctx, taker: &OfficerActor) -> Result<Vec<OfficerActor>, Error> {
    let mut givers = Vec::new();
    for delegation in current(tx, ctx, Delegation::BY_TAKER, taker.id)?.into_iter().filter(|d| d.starts_at <= ctx.now()) {
        let giver = match access::officer_actor(tx, ctx.rights(), ctx.now(), delegation.giver) {
            Ok(giver) => giver,
            Err(Error::SignInRequired) => continue, // who was away has left
            Err(e) => return Err(e),
        };
        let together = match access::compatible(tx, ctx.rights(), held_by_both(&giver, taker)) {
            Ok(()) => of_one_plane(tx, ctx, giver.id, taker.id)?,
            Err(Error::Refused(Refusal::Incompatible(..))) => false,
            Err(e) => return Err(e),
        };
        if together {
            givers.push(giver);
        }
    }
    Ok(givers)
}
