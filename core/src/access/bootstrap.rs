//! The first administrator, made once by whoever has the host in hand. There is no account before.

use serde::{Deserialize, Serialize};

use super::post::{give, one_at_a_time};
use super::{AddOfficer, AddPost, Engine, Grant, GrantPost, Permission, Permissions, Post};
use super::{add_officer, add_post, find_post, give_password, password::GivePassword};
use crate::ctx::Ctx;
use crate::error::{Error, Refusal};
use crate::id::{OfficerId, PostId};
use crate::store::{ReadTx, Reads, Tx, stretch};

/// The post of the first administrator.
pub const ADMINISTRATOR_POST: &str = "系统管理员";

/// Makes the first administrator.
#[derive(Clone, Serialize)]
pub struct Bootstrap {
    /// Who: their staff number is the login, their authority is what they administer, with all below it.
    pub officer: AddOfficer,
    /// PHC string of the password; hashed before the transaction.
    pub phc: String,
}

/// The first administrator is there.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bootstrapped {
    /// Their id.
    pub officer: OfficerId,
}

impl crate::core::Answer for Bootstrapped {
    fn subject(&self) -> String {
        format!("officer/{}", self.officer)
    }
}

/// Makes the first administrator, who changes the password and enrols a second factor before anything else.
///
/// Refused once anybody was ever granted a post of the administration plane, whether or not they hold it still:
/// what was set up is not set up again by a way that asks nobody.
pub fn bootstrap(tx: &mut dyn Tx, ctx: &Ctx, cmd: Bootstrap) -> Result<Bootstrapped, Error> {
    one_at_a_time(tx)?;
    if has_had_an_administrator(tx)? {
        return Err(Error::Refused(Refusal::Bootstrapped));
    }
    let post = AddPost { name: ADMINISTRATOR_POST.into(), permissions: Permissions(vec![Permission::ManageAccess, Permission::ViewStaff]) };
    let post = add_post(tx, ctx, post)?.post;
    // The other two of the three are other people: the host gives them these posts, then nobody grants alone any more.
    for (name, permission) in [("安全管理员", Permission::ApproveAccess), ("审计管理员", Permission::ReadAudit)] {
        if find_post(tx, name)?.is_none() {
            add_post(tx, ctx, AddPost { name: name.into(), permissions: Permissions(vec![permission, Permission::ViewStaff]) })?;
        }
    }
    let authority = cmd.officer.authority;
    let officer = add_officer(tx, ctx, cmd.officer)?.officer;
    give(tx, ctx, &GrantPost { officer, post, authority, ends_at: None }, None)?;
    give_password(tx, ctx, GivePassword { officer, phc: cmd.phc })?;
    Ok(Bootstrapped { officer })
}

fn has_had_an_administrator(tx: &mut dyn ReadTx) -> Result<bool, Error> {
    let mut harmless: Vec<PostId> = Vec::new();
    let mut range = stretch(None, ());
    loop {
        let grants: Vec<Grant> = tx.scan(Engine::work("whether there was ever an administrator"), range.clone())?;
        let Some(last) = grants.last() else { return Ok(false) };
        range = range.behind(last);
        for grant in &grants {
            if !harmless.contains(&grant.post) {
                let post = tx.find::<Post>((grant.post,))?.map(|p| p.trust("posts are known to the system").into_inner());
                if post.is_some_and(|p| p.permissions.0.iter().any(|p| p.administrative())) {
                    return Ok(true);
                }
                harmless.push(grant.post);
            }
        }
    }
}
