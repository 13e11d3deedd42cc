//! Posts (岗位) carry permissions; grants bind an officer, a post, an authority and a period.

use serde::{Deserialize, Serialize};

use super::{Engine, HeldPost, Officer, Permission, path_of};
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::{self, Error, Problem};
use crate::id::{GrantId, OfficerId, PostId};
use crate::identity::AuthorityCode;
use crate::limits;
use crate::store::{Field, Kind, ReadTx, Reads, Tx, Value, Writes, stretch};

/// A set of permissions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Permissions(pub Vec<Permission>);

impl Field for Permissions {
    const KIND: Kind = Kind::Text;
    fn encode(&self) -> Value {
        Value::Text(self.0.iter().map(|p| p.as_str()).collect::<Vec<_>>().join(" ").into())
    }
    fn decode(value: Value) -> Option<Self> {
        let Value::Text(text) = value else { return None };
        if text.is_empty() {
            return Some(Self(Vec::new()));
        }
        text.split(' ').map(Permission::parse).collect::<Option<Vec<_>>>().map(Self)
    }
}

record! {
    /// A post: a named set of permissions.
    pub struct Post in "post" {
        /// Id.
        id: PostId,
        /// Name, in Chinese; unique.
        name: String,
        /// What it allows.
        permissions: Permissions,
        /// Counts updates.
        version: i64,
    }
    key(id);
    version version;
    unique BY_NAME(name);
}

record! {
    /// A post held by an officer at an authority for a time.
    pub struct Grant in "access_grant" {
        /// Id.
        id: GrantId,
        /// Who holds it.
        officer: OfficerId,
        /// Which post.
        post: PostId,
        /// Where.
        authority: AuthorityCode,
        /// From when.
        starts_at: Timestamp,
        /// Until when.
        ends_at: Option<Timestamp>,
        /// Counts updates.
        version: i64,
    }
    key(id);
    version version;
    index BY_OFFICER(officer, starts_at);
}

/// Creates a post.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AddPost {
    /// Name, in Chinese; unique.
    pub name: String,
    /// What it allows.
    pub permissions: Permissions,
}

/// The post that was created.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PostAdded {
    /// Its id.
    pub post: PostId,
}

impl crate::core::Answer for PostAdded {
    fn subject(&self) -> String {
        format!("post/{}", self.post)
    }
}

/// Creates a post.
pub fn add_post(tx: &mut dyn Tx, ctx: &Ctx, cmd: AddPost) -> Result<PostAdded, Error> {
    let post = Post {
        id: PostId::from_uuid(ctx.new_uuid()),
        name: error::text("name", &cmd.name, limits::NAME_CHARS_MAX)?,
        permissions: cmd.permissions,
        version: 0,
    };
    if tx.find_by::<Post>(Post::BY_NAME, (post.name.clone(),))?.is_some() {
        return Err(Error::invalid("name", Problem::Taken));
    }
    tx.add(&post)?;
    Ok(PostAdded { post: post.id })
}

/// The post with this name.
pub(crate) fn find_post(tx: &mut dyn ReadTx, name: &str) -> Result<Option<PostId>, Error> {
    let found = tx.find_by::<Post>(Post::BY_NAME, (name.to_owned(),))?;
    Ok(found.map(|p| p.trust("posts are known to the system").into_inner().id))
}

/// Gives an officer a post.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GrantPost {
    /// Who.
    pub officer: OfficerId,
    /// Which post.
    pub post: PostId,
    /// At which authority; reaches what is below it too.
    pub authority: AuthorityCode,
    /// Until when.
    pub ends_at: Option<Timestamp>,
}

/// The grant that was made.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Granted {
    /// Its id.
    pub grant: GrantId,
}

impl crate::core::Answer for Granted {
    fn subject(&self) -> String {
        format!("grant/{}", self.grant)
    }
}

/// Gives an officer a post from now on.
pub fn grant_post(tx: &mut dyn Tx, ctx: &Ctx, cmd: GrantPost) -> Result<Granted, Error> {
    tx.find::<Officer>((cmd.officer,))?
        .ok_or_else(|| Error::invalid("officer", Problem::Unknown("officer")))?
        .trust("the system grants posts")
        .into_inner();
    tx.find::<Post>((cmd.post,))?
        .ok_or_else(|| Error::invalid("post", Problem::Unknown("post")))?
        .trust("posts are known to the system")
        .into_inner();
    path_of(tx, cmd.authority).map_err(|_| Error::invalid("authority", Problem::Unknown("authority")))?;
    let held = tx.scan::<Grant>(Engine::work("counting the grants of one officer"), stretch(Some(Grant::BY_OFFICER), (cmd.officer,)))?;
    if held.len() >= limits::GRANTS_PER_OFFICER_MAX as usize {
        return Err(Error::invalid("officer", Problem::TooMany { max: limits::GRANTS_PER_OFFICER_MAX as usize }));
    }
    let grant = Grant {
        id: GrantId::from_uuid(ctx.new_uuid()),
        officer: cmd.officer,
        post: cmd.post,
        authority: cmd.authority,
        starts_at: ctx.now(),
        ends_at: cmd.ends_at,
        version: 0,
    };
    tx.add(&grant)?;
    Ok(Granted { grant: grant.id })
}

/// The posts an officer holds at `now`.
pub(crate) fn held_posts(tx: &mut dyn ReadTx, officer: OfficerId, now: Timestamp) -> Result<Vec<HeldPost>, Error> {
    let why = Engine::work("authentication resolves the caller's own posts");
    let grants = tx.scan::<Grant>(why, stretch(Some(Grant::BY_OFFICER), (officer,)).until(now).limit(limits::GRANTS_PER_OFFICER_MAX))?;
    let mut held = Vec::with_capacity(grants.len());
    for grant in grants.into_iter().filter(|g| g.ends_at.is_none_or(|end| now < end)) {
        if let Some(post) = tx.find::<Post>((grant.post,))? {
            let post = post.trust("authentication resolves the caller's own posts").into_inner();
            held.push(HeldPost { authority: path_of(tx, grant.authority)?, permissions: post.permissions.0 });
        }
    }
    Ok(held)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_read_only_as_they_are_written() {
        for held in [Permissions(Vec::new()), Permissions(vec![Permission::ServeTaxpayers, Permission::ReadAudit])] {
            assert_eq!(Permissions::decode(held.encode()), Some(held));
        }
        for text in [" ", "\u{c}", "serve_taxpayers ", "serve_taxpayers  read_audit", "all"] {
            assert_eq!(Permissions::decode(Value::Text(text.into())), None, "{text:?}");
        }
    }
}
