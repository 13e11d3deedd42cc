//! Changes of who may do what: put forward by the one who keeps the accounts, agreed to by somebody else.

use serde::{Deserialize, Serialize};

use super::authority::authority_of;
use super::post::{self, GrantPost, Post, SetPost};
use super::separation::{self, SetSeparation};
use super::{AuthorityKind, Officer, Permission, Permissions, path_named, path_of};
use crate::approval::{self, Approval, Changes, Matter, Opened, Opening, SetRule};
use crate::control::{self, SetControlRule};
use crate::ctx::Ctx;
use crate::error::{Error, Problem, Refusal};
use crate::id::OfficerId;
use crate::identity::AuthorityCode;
use crate::identity::reason;
use crate::store::{ReadTx, Reads, Tx};

/// What changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AccessChange {
    /// An officer gets a post.
    Grant(GrantPost),
    /// A post, and what it allows.
    Post(SetPost),
    /// Two permissions that do not go together.
    Separation(SetSeparation),
    /// How a matter is approved.
    ApprovalRule(SetRule),
    /// From how many on a rule of built-in control acts.
    ControlRule(SetControlRule),
}

/// Puts a change forward.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ProposeChange {
    /// What changes.
    pub change: AccessChange,
    /// Why, for whoever decides; kept in the audit trail.
    pub reason: String,
}

/// What is approved.
#[derive(Serialize, Deserialize)]
struct PutForward {
    change: AccessChange,
    reason: String,
    /// What the post allows that is to be granted: whoever agrees agrees to that, and not to what it may allow later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    allows: Option<Permissions>,
}

/// Puts a change forward.
pub fn propose_change(tx: &mut dyn Tx, ctx: &Ctx, cmd: ProposeChange) -> Result<Opened, Error> {
    let reason = reason(&cmd.reason)?;
    let change = cmd.change;
    let mut allows = None;
    let (matter, subject, place, about, change) = match change {
        AccessChange::Grant(cmd) => {
            within_posts(tx, ctx, "grant.authority", cmd.authority, Permission::ManageAccess)?;
            within_view(tx, ctx, cmd.officer)?;
            post::grantable(tx, ctx, &cmd)?;
            allows = Some(post::post_of(tx, ctx.rights(), cmd.post)?.permissions);
            let subject = format!("{}/{}/{}", cmd.officer, cmd.post, cmd.authority);
            (Matter::Grant, subject, cmd.authority, Some(cmd.officer), AccessChange::Grant(cmd))
        }
        AccessChange::Post(cmd) => {
            let cmd = cmd.checked(tx, ctx)?;
            let subject = cmd.post.map_or_else(|| cmd.name.clone(), |id| id.to_string());
            (Matter::Post, subject, province_of(tx, ctx)?, None, AccessChange::Post(cmd))
        }
        AccessChange::Separation(cmd) => {
            let cmd = cmd.checked()?;
            let subject = format!("{}/{}", cmd.first.as_str(), cmd.second.as_str());
            (Matter::Separation, subject, province_of(tx, ctx)?, None, AccessChange::Separation(cmd))
        }
        AccessChange::ApprovalRule(cmd) => {
            let cmd = cmd.checked()?;
            (Matter::ApprovalRule, cmd.matter.as_str().to_owned(), province_of(tx, ctx)?, None, AccessChange::ApprovalRule(cmd))
        }
        AccessChange::ControlRule(cmd) => {
            let cmd = cmd.checked()?;
            (Matter::ControlRule, cmd.rule.as_str().to_owned(), province_of(tx, ctx)?, None, AccessChange::ControlRule(cmd))
        }
    };
    if matter != Matter::Grant && !ctx.actor().officer()?.may_at(Permission::ManageAccess, &path_of(tx, ctx.rights(), place)?) {
        return Err(Error::Denied { operation: ctx.operation().name }); // it holds for all, so it is for those at the top
    }
    let content = PutForward { change, reason, allows };
    approval::open(tx, ctx, Opening { matter, subject, place: Some(place), about, content })
}

/// Makes happen what was approved. Checked again: the world may have changed since it was put forward.
///
/// # Errors
/// `OtherContent` for a post that allows something else by now than what was agreed to.
pub(crate) fn carry_out(tx: &mut dyn Tx, ctx: &Ctx, approval: &Approval) -> Result<(), Error> {
    let PutForward { change, allows, .. } = approval.content()?;
    match change {
        AccessChange::Grant(cmd) => {
            if let Some(allows) = allows
                && post::post_of(tx, ctx.rights(), cmd.post)?.permissions != allows
            {
                return Err(Error::Refused(Refusal::OtherContent));
            }
            post::give(tx, ctx, &cmd, Some(approval.id)).map(drop)
        }
        AccessChange::Post(cmd) => post::set_post(tx, ctx, cmd).map(drop),
        AccessChange::Separation(cmd) => separation::put_in_force(tx, ctx, cmd),
        AccessChange::ApprovalRule(cmd) => approval::put_rule_in_force(tx, ctx, cmd),
        AccessChange::ControlRule(cmd) => control::put_in_force(tx, ctx, cmd),
    }
}

/// What it would change: what would set the same as it is in force, beside what was put forward. Of a grant, the posts of the officer.
pub(crate) fn changes(tx: &mut dyn ReadTx, ctx: &Ctx, approval: &Approval) -> Result<Option<Changes>, Error> {
    let PutForward { change, .. } = approval.content()?;
    Ok(Some(match change {
        AccessChange::Grant(cmd) => post::grant_changes(tx, ctx, &cmd)?,
        AccessChange::Post(SetPost { post: None, .. }) => return Ok(None),
        AccessChange::Post(cmd @ SetPost { post: Some(id), .. }) => {
            let Post { name, permissions, emergency, .. } = post::post_of(tx, ctx.rights(), id)?;
            Changes::between(&SetPost { post: cmd.post, name, permissions, emergency }, &cmd)?
        }
        AccessChange::Separation(cmd) => {
            let now = separation::separations(tx, ctx.rights())?.into_iter().find(|s| (s.first, s.second) == (cmd.first, cmd.second));
            let (apart, source) = (now.is_some(), now.and_then(|s| s.source).unwrap_or_default());
            Changes::between(&SetSeparation { apart, source, ..cmd.clone() }, &cmd)?
        }
        AccessChange::ApprovalRule(cmd) => Changes::between(&approval::rule_in_force(tx, ctx, cmd.matter)?, &cmd)?,
        AccessChange::ControlRule(cmd) => Changes::between(&control::set_as(control::rule_of(tx, ctx.rights(), cmd.rule)?), &cmd)?,
    }))
}

/// The authority that answers for the whole installation, which is one province's: the highest above the caller that is not the nation's.
/// By the rows of authorities, which have a hash: the caller's own has none.
fn province_of(tx: &mut dyn ReadTx, ctx: &Ctx) -> Result<AuthorityCode, Error> {
    let missing = Error::NotFound { what: "authority" };
    let Some(own) = ctx.actor().officer()?.authority.own() else { return Err(missing) };
    for code in path_of(tx, ctx.rights(), own)?.codes() {
        if authority_of(tx, ctx.rights(), *code)?.kind != AuthorityKind::National {
            return Ok(*code);
        }
    }
    Err(missing)
}

/// Refuses an officer whose authority the caller does not administer, as if there were none: whoever is to serve elsewhere is put forward
/// by somebody above both places.
fn within_view(tx: &mut dyn ReadTx, ctx: &Ctx, officer: OfficerId) -> Result<(), Error> {
    let caller = ctx.actor().officer()?;
    let found = tx.find::<Officer>((officer,))?.map(|o| o.trust("told of only if the caller administers them").into_inner());
    let seen = found.is_some_and(|o| caller.may_at(Permission::ManageAccess, &o.authority));
    if seen { Ok(()) } else { Err(Error::invalid("officer", Problem::Unknown("officer"))) }
}

/// Refuses an authority that no post of the caller's with this permission is at, or above.
pub(crate) fn within_posts(
    tx: &mut dyn ReadTx,
    ctx: &Ctx,
    field: &'static str,
    authority: AuthorityCode,
    permission: Permission,
) -> Result<(), Error> {
    let path = path_named(tx, ctx, field, authority)?;
    let within = ctx.actor().officer()?.may_at(permission, &path);
    if within { Ok(()) } else { Err(Error::invalid(field, Problem::Unknown("authority"))) }
}
