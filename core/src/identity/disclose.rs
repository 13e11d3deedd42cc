//! Personal data of many taxpayers unmasked (批量查询): asked for with a reason, agreed to by somebody else, shown once to whoever
//! asked.

use serde::{Deserialize, Serialize};

use super::personal_data::reason;
use super::taxpayer::{PersonalField, unmasked};
use super::{AuthorityCode, Revealed, Taxpayer};
use crate::access::{ActorRef, Permission, check, within_posts};
use crate::approval::{self, Matter, Opened, Opening};
use crate::clock::Timestamp;
use crate::crypto::hash;
use crate::ctx::Ctx;
use crate::error::{Error, Problem};
use crate::id::{ApprovalId, TaxpayerId};
use crate::limits;
use crate::store::{Reads, Tx};

/// Asks for personal data of many.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RequestDisclosure {
    /// Whose, at most [`limits::DISCLOSED_MAX`]; all within the caller's reach.
    pub taxpayers: Vec<TaxpayerId>,
    /// Which fields.
    pub fields: Vec<PersonalField>,
    /// Where it is decided: the authority that answers for it, which is the taxpayers' own or one above.
    pub authority: AuthorityCode,
    /// What for.
    pub reason: String,
}

/// Takes what was approved.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Disclose {
    /// The approval.
    pub approval: ApprovalId,
}

/// What was approved, shown once.
#[derive(Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Disclosed {
    /// By which approval.
    pub approval: ApprovalId,
    /// To whom; goes on every copy.
    pub shown_to: String,
    /// When.
    pub shown_at: Timestamp,
    /// One entry for each taxpayer and field.
    pub items: Vec<Revealed>,
}

/// What a request is about, whatever its reason: who asks, for whom, for what, where. One about exactly the same waits at a time, so that
/// nobody who is refused, or impatient, has several heads look at the same. A hash, because a list of people is no subject.
fn exactly(caller: &ActorRef, cmd: &RequestDisclosure) -> String {
    let mut parts = vec![caller.to_string(), cmd.authority.as_str().to_owned()];
    parts.extend(cmd.fields.iter().map(|field| field.as_str().to_owned()));
    parts.extend(cmd.taxpayers.iter().map(ToString::to_string));
    hash::hex(&hash::sm3(&[parts.join(" ").as_bytes()]))
}

/// Asks for it. Nobody out of reach is in it, and nobody twice.
pub fn request_disclosure(tx: &mut dyn Tx, ctx: &Ctx, cmd: RequestDisclosure) -> Result<Opened, Error> {
    let mut cmd = cmd;
    cmd.reason = reason(&cmd.reason)?;
    cmd.taxpayers.sort_unstable();
    cmd.taxpayers.dedup();
    cmd.fields.sort_unstable();
    cmd.fields.dedup();
    if cmd.taxpayers.is_empty() {
        return Err(Error::invalid("taxpayers", Problem::Empty));
    }
    if cmd.taxpayers.len() > limits::DISCLOSED_MAX {
        return Err(Error::invalid("taxpayers", Problem::TooMany { max: limits::DISCLOSED_MAX }));
    }
    if cmd.fields.is_empty() {
        return Err(Error::invalid("fields", Problem::Empty));
    }
    within_posts(tx, ctx, "authority", cmd.authority, Permission::RevealPersonalData)?;
    for (i, id) in cmd.taxpayers.iter().enumerate() {
        let found = tx.find::<Taxpayer>((*id,))?;
        let taxpayer = check(ctx, found)?;
        // Who answers for one authority does not answer for the taxpayers of another.
        if !taxpayer.authority.codes().contains(&cmd.authority) {
            return Err(Error::invalid(format!("taxpayers[{i}]"), Problem::Unknown("taxpayer of this authority")));
        }
    }
    let subject = exactly(&ctx.actor().as_ref(), &cmd);
    let place = Some(cmd.authority);
    approval::open(tx, ctx, Opening { matter: Matter::Disclosure, subject, place, about: None, content: cmd })
}

/// Shows what was approved, once, to whoever asked for it; those who moved out of reach meanwhile are refused with it.
pub fn disclose(tx: &mut dyn Tx, ctx: &Ctx, cmd: &Disclose) -> Result<Disclosed, Error> {
    let approval = approval::use_up(tx, ctx, cmd.approval, Matter::Disclosure)?;
    let asked: RequestDisclosure = approval.content()?;
    let mut items = Vec::with_capacity(asked.taxpayers.len() * asked.fields.len());
    for id in asked.taxpayers {
        let found = tx.find::<Taxpayer>((id,))?;
        let taxpayer = check(ctx, found)?;
        for field in &asked.fields {
            items.push(unmasked(tx, ctx, &taxpayer, *field)?);
        }
    }
    Ok(Disclosed { approval: approval.id, shown_to: ctx.actor().as_ref().to_string(), shown_at: ctx.now(), items })
}
