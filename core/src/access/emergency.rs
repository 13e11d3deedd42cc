//! Break-glass (应急授权): a post for some hours, taken with a reason and without asking; somebody looks at it afterwards.

use serde::{Deserialize, Serialize};

use super::change::within_posts;
use super::post::{self, Grant, GrantPost, Granted, Post, PostView};
use super::{Permission, genuine, replace_sealed};
use crate::approval::{self, Approval, Matter, Opening};
use crate::ctx::Ctx;
use crate::error::{Error, Problem, Refusal};
use crate::id::{GrantId, PostId};
use crate::identity::AuthorityCode;
use crate::identity::reason;
use crate::limits;
use crate::store::{ReadTx, Reads, Tx};

/// Takes an emergency post.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TakeEmergencyPost {
    /// Which: one that is meant for it.
    pub post: PostId,
    /// Where.
    pub authority: AuthorityCode,
    /// For how long, 1 to [`limits::EMERGENCY_MINUTES_MAX`].
    pub minutes: i64,
    /// Why; kept in the audit trail and read by whoever looks at it afterwards.
    pub reason: String,
}

/// What whoever looks at it afterwards reads.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Taken {
    grant: GrantId,
    taken: TakeEmergencyPost,
}

/// Takes an emergency post. It ends by itself; that it is looked at is opened in the same transaction.
pub fn take_emergency_post(tx: &mut dyn Tx, ctx: &Ctx, cmd: TakeEmergencyPost) -> Result<Granted, Error> {
    let reason = reason(&cmd.reason)?;
    if !(1..=limits::EMERGENCY_MINUTES_MAX).contains(&cmd.minutes) {
        return Err(Error::invalid("minutes", Problem::OutOfRange { min: 1, max: limits::EMERGENCY_MINUTES_MAX }));
    }
    within_posts(tx, ctx, "authority", cmd.authority, Permission::TakeEmergencyPost)?;
    let unknown = || Error::invalid("post", Problem::Unknown("emergency post"));
    let row = tx.find::<Post>((cmd.post,))?.ok_or_else(unknown)?.trust("posts are known to officers").into_inner();
    if !genuine(ctx.rights(), row)?.emergency {
        return Err(unknown());
    }
    let officer = ctx.actor().officer()?.id;
    let ends_at = ctx.now().plus(std::time::Duration::from_secs(60 * cmd.minutes.unsigned_abs()));
    post::one_at_a_time(tx)?;
    let granted = post::give(tx, ctx, &GrantPost { officer, post: cmd.post, authority: cmd.authority, ends_at: Some(ends_at) }, None)?;
    let content = Taken { grant: granted.grant, taken: TakeEmergencyPost { reason, ..cmd.clone() } };
    // One of the same that nobody has looked at is enough: hours do not become a day by taking it again.
    let subject = format!("{officer}/{}", cmd.post);
    approval::open(tx, ctx, Opening { matter: Matter::Emergency, subject, place: Some(cmd.authority), about: Some(officer), content })?;
    Ok(granted)
}

/// The posts that may be taken.
pub fn emergency_posts(tx: &mut dyn ReadTx, ctx: &Ctx) -> Result<Vec<PostView>, Error> {
    Ok(post::posts(tx, ctx)?.into_iter().filter(|post| post.emergency).collect())
}

/// The grant that an approval is about.
fn grant_of(tx: &mut dyn Tx, ctx: &Ctx, approval: &Approval) -> Result<Option<Grant>, Error> {
    let Taken { grant, .. } = approval.content()?;
    let Some(row) = tx.find::<Grant>((grant,))? else { return Ok(None) };
    genuine(ctx.rights(), row.trust("the grant that the approval is about").into_inner()).map(Some)
}

/// Whether nobody can use it any more: what was done with it is looked at as a whole.
pub(crate) fn emergency_is_over(tx: &mut dyn Tx, ctx: &Ctx, approval: &Approval) -> Result<(), Error> {
    let ends_at = grant_of(tx, ctx, approval)?.and_then(|grant| grant.ends_at);
    match ends_at.filter(|end| ctx.now() < *end) {
        Some(end) => Err(Error::Refused(Refusal::EmergencyLasts(end))),
        None => Ok(()),
    }
}

/// It was not in order: if it has not ended yet, it does now.
pub(crate) fn end_emergency(tx: &mut dyn Tx, ctx: &Ctx, approval: &Approval) -> Result<(), Error> {
    let Some(row) = grant_of(tx, ctx, approval)? else { return Ok(()) };
    if row.ends_at.is_none_or(|end| ctx.now() < end) {
        replace_sealed(tx, ctx, &row, Grant { ends_at: Some(ctx.now()), ..row.clone() })?;
    }
    Ok(())
}
