//! Posts (岗位) carry permissions; grants bind an officer, a post, an authority and a period.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::integrity::altered;
use super::separation::{clash, compatible};
use super::trail::Rights;
use super::{
    Engine, HeldPost, Integrity, Officer, Permission, Plane, Sealed, add_sealed, check, genuine, path_named, path_of, replace_sealed,
};
use crate::approval::{Changes, Family};
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::{self, Error, Problem, Refusal};
use crate::id::{ApprovalId, GrantId, OfficerId, PostId};
use crate::identity::AuthorityCode;
use crate::identity::reason;
use crate::limits;
use crate::planted::{Bug, planted};
use crate::series;
use crate::store::{Field, Kind, ReadTx, Reads, StoreResult, Tx, Value, Writes, stretch};

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
        /// Whether it may be taken in an emergency, for some hours.
        emergency: bool,
        /// Binds the row: see [`Integrity`].
        mac: Integrity,
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
        /// What the account is for; the database lets one account have grants of one kind only.
        plane: Plane,
        /// What approved it; none where the host itself granted it, or it was taken in an emergency.
        approval: Option<ApprovalId>,
        /// Binds the row: see [`Integrity`].
        mac: Integrity,
        /// Counts updates.
        version: i64,
    }
    key(id);
    version version;
    index BY_OFFICER(officer, starts_at);
}

record! {
    /// What an officer's account is for: written with their first grant, and never changed.
    pub struct OfficerPlane in "officer_plane" {
        /// Whose.
        officer: OfficerId,
        /// For what.
        plane: Plane,
    }
    key(officer);
    unique BY_PLANE(officer, plane); // what the foreign key of a grant refers to
}

impl Sealed for Post {
    fn seal(&mut self) -> &mut Integrity {
        &mut self.mac
    }
}

impl Sealed for Grant {
    fn seal(&mut self) -> &mut Integrity {
        &mut self.mac
    }
}

impl Permissions {
    /// What an account that holds them is for.
    ///
    /// # Errors
    /// `OtherPlane` where they belong to several kinds of account.
    fn plane(&self) -> Result<Option<Plane>, Error> {
        let mut planes: Vec<Plane> = self.0.iter().filter_map(|p| p.plane()).collect();
        planes.dedup();
        match planes[..] {
            [] => Ok(None),
            [one] => Ok(Some(one)),
            _ => Err(Error::Refused(Refusal::OtherPlane)),
        }
    }
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
    let set = SetPost { post: None, name: cmd.name, permissions: cmd.permissions, emergency: false };
    set_post(tx, ctx, set)
}

/// Creates a post, or changes one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SetPost {
    /// Which; a new one if absent.
    pub post: Option<PostId>,
    /// Name, in Chinese; unique.
    pub name: String,
    /// What it allows: of one kind of account, and nothing that is kept apart.
    pub permissions: Permissions,
    /// Whether it may be taken in an emergency, for some hours.
    #[serde(default)]
    pub emergency: bool,
}

impl SetPost {
    /// As it will be kept, if it may be.
    pub(super) fn checked(mut self, tx: &mut dyn Tx, ctx: &Ctx) -> Result<Self, Error> {
        self.name = error::text("name", &self.name, limits::NAME_CHARS_MAX)?;
        self.permissions.0.sort_unstable();
        self.permissions.0.dedup();
        let plane = self.permissions.plane()?;
        if self.emergency && plane != Some(Plane::Business) {
            return Err(Error::Refused(Refusal::OtherPlane));
        }
        compatible(tx, ctx.rights(), self.permissions.0.iter().copied())?;
        let named = find_post(tx, &self.name)?;
        if named.is_some() && named != self.post {
            return Err(Error::invalid("name", Problem::Taken));
        }
        if let Some(id) = self.post {
            // Who holds it would change sides.
            if post_of(tx, ctx.rights(), id)?.permissions.plane()? != plane {
                return Err(Error::Refused(Refusal::OtherPlane));
            }
        }
        Ok(self)
    }
}

/// Creates a post, or changes one: from then on whoever holds it may do what it says.
pub(super) fn set_post(tx: &mut dyn Tx, ctx: &Ctx, cmd: SetPost) -> Result<PostAdded, Error> {
    let SetPost { post, name, permissions, emergency } = cmd.checked(tx, ctx)?;
    let Some(id) = post else {
        let id = PostId::from_uuid(ctx.new_uuid());
        add_sealed(tx, ctx, Post { id, name, permissions, emergency, mac: Integrity::default(), version: 0 })?;
        return Ok(PostAdded { post: id });
    };
    let old = post_of(tx, ctx.rights(), id)?;
    replace_sealed(tx, ctx, &old, Post { name, permissions, emergency, ..old.clone() })?;
    Ok(PostAdded { post: id })
}

pub(super) fn post_of(tx: &mut dyn ReadTx, rights: Rights<'_>, id: PostId) -> Result<Post, Error> {
    let unknown = || Error::invalid("post", Problem::Unknown("post"));
    genuine(rights, tx.find::<Post>((id,))?.ok_or_else(unknown)?.trust("posts are known to the system").into_inner())
}

/// The post with this name.
pub(crate) fn find_post(tx: &mut dyn ReadTx, name: &str) -> Result<Option<PostId>, Error> {
    let found = tx.find_by::<Post>(Post::BY_NAME, (name.to_owned(),))?;
    Ok(found.map(|p| p.trust("posts are known to the system").into_inner().id))
}

/// The name of a post, whatever else was altered in it.
pub(super) fn post_named(tx: &mut dyn ReadTx, id: PostId) -> StoreResult<Option<String>> {
    Ok(tx.find::<Post>((id,))?.map(|p| p.trust("names of posts are no secret").into_inner().name))
}

/// Gives an officer a post.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// Gives an officer a post from now on: the host itself, which asks nobody.
pub fn grant_post(tx: &mut dyn Tx, ctx: &Ctx, cmd: GrantPost) -> Result<Granted, Error> {
    one_at_a_time(tx)?;
    give(tx, ctx, &cmd, None)
}

/// Grants are given one at a time, whatever way they come: two that do not go together would not see each other.
pub(super) fn one_at_a_time(tx: &mut dyn Tx) -> Result<(), Error> {
    series::lock(tx, Family::Access.as_str()).map(drop)
}

/// The grants of an officer, newest first: those that are over too, and as many as may matter.
fn grants_of(tx: &mut dyn ReadTx, why: Engine, officer: OfficerId) -> StoreResult<Vec<Grant>> {
    tx.scan(why, stretch(Some(Grant::BY_OFFICER), (officer,)).newest_first().limit(limits::GRANTS_READ_MAX))
}

/// What an officer's account is for; nothing in particular where nothing was granted yet.
///
/// # Errors
/// `RightsAltered` where a grant that was ever given speaks against it: the row itself carries no hash, each grant does.
pub(crate) fn plane_of(tx: &mut dyn ReadTx, rights: Rights<'_>, officer: OfficerId) -> Result<Option<Plane>, Error> {
    let plane = tx.find::<OfficerPlane>((officer,))?.map(|p| p.trust("what an account is for").into_inner().plane);
    let why = Engine::work("what an account is for is held against its grants");
    let grants = grants_of(tx, why, officer)?;
    for grant in grants {
        let grant = genuine(rights, grant)?;
        if plane != Some(grant.plane) {
            return Err(altered(&grant));
        }
    }
    Ok(plane)
}

/// Refuses a grant that nobody may have: to somebody unknown or gone, of another kind than the account, beside a post
/// that does not go together with it.
pub(super) fn grantable(tx: &mut dyn Tx, ctx: &Ctx, cmd: &GrantPost) -> Result<Plane, Error> {
    let unknown = || Error::invalid("officer", Problem::Unknown("officer"));
    let officer = tx.find::<Officer>((cmd.officer,))?.ok_or_else(unknown)?.trust("known to whoever grants posts").into_inner();
    if officer.left_at.is_some_and(|left| left <= ctx.now()) {
        return Err(unknown());
    }
    if cmd.ends_at.is_some_and(|end| end <= ctx.now()) {
        return Err(Error::invalid("ends_at", Problem::Malformed("expected an instant to come".into())));
    }
    let post = post_of(tx, ctx.rights(), cmd.post)?;
    path_named(tx, ctx, "authority", cmd.authority)?;
    let held = grants_of(tx, Engine::work("counting the grants of one officer"), cmd.officer)?;
    if held.iter().filter(|g| g.ends_at.is_none_or(|end| ctx.now() < end)).count() >= limits::GRANTS_PER_OFFICER_MAX as usize {
        return Err(Error::invalid("officer", Problem::TooMany { max: limits::GRANTS_PER_OFFICER_MAX as usize }));
    }
    let plane = plane_of(tx, ctx.rights(), cmd.officer)?;
    let wanted = post.permissions.plane()?.or(plane).unwrap_or(Plane::Business);
    if plane.is_some_and(|plane| plane != wanted) {
        return Err(Error::Refused(Refusal::OtherPlane));
    }
    let now = held_posts(tx, ctx.rights(), cmd.officer, ctx.now())?;
    let both = now.iter().flat_map(|p| &p.permissions).chain(&post.permissions.0).copied();
    if !planted(Bug::GrantedWithoutSeparation) {
        compatible(tx, ctx.rights(), both)?;
    }
    Ok(wanted)
}

/// Gives an officer a post from now on. The caller holds what [`one_at_a_time`] locks.
pub(super) fn give(tx: &mut dyn Tx, ctx: &Ctx, cmd: &GrantPost, approval: Option<ApprovalId>) -> Result<Granted, Error> {
    let plane = grantable(tx, ctx, cmd)?;
    tx.add_new(&OfficerPlane { officer: cmd.officer, plane })?;
    let grant = Grant {
        id: GrantId::from_uuid(ctx.new_uuid()),
        officer: cmd.officer,
        post: cmd.post,
        authority: cmd.authority,
        starts_at: ctx.now(),
        ends_at: cmd.ends_at,
        plane,
        approval,
        mac: Integrity::default(),
        version: 0,
    };
    let id = grant.id;
    add_sealed(tx, ctx, grant)?;
    Ok(Granted { grant: id })
}

/// The posts that an officer has, and where, until when: as it is, and with one more.
pub(super) fn grant_changes(tx: &mut dyn ReadTx, ctx: &Ctx, cmd: &GrantPost) -> Result<Changes, Error> {
    // A grant beside another of the same takes nothing away: the later end holds, and none is the latest.
    type Held = BTreeMap<String, BTreeMap<String, Option<Timestamp>>>;
    let hold = |held: &mut Held, authority: AuthorityCode, post: String, end: Option<Timestamp>| {
        let known = held.entry(authority.to_string()).or_default().entry(post).or_insert(end);
        *known = known.zip(end).map(|(known, end)| known.max(end));
    };
    let in_words = |held: &Held| -> BTreeMap<String, BTreeMap<String, String>> {
        let until = |end: &Option<Timestamp>| end.map_or_else(|| "forever".to_owned(), Timestamp::rfc3339);
        let posts = |posts: &BTreeMap<String, Option<Timestamp>>| posts.iter().map(|(post, end)| (post.clone(), until(end))).collect();
        held.iter().map(|(authority, held)| (authority.clone(), posts(held))).collect()
    };
    let mut now = Held::new();
    let why = Engine::work("whoever decides about a grant sees what the officer has already");
    for grant in grants_of(tx, why, cmd.officer)? {
        let grant = genuine(ctx.rights(), grant)?;
        if grant.starts_at <= ctx.now() && grant.ends_at.is_none_or(|end| ctx.now() < end) {
            let name = post_of(tx, ctx.rights(), grant.post)?.name;
            hold(&mut now, grant.authority, name, grant.ends_at);
        }
    }
    let mut then = now.clone();
    let name = post_of(tx, ctx.rights(), cmd.post)?.name;
    hold(&mut then, cmd.authority, name, cmd.ends_at);
    Ok(Changes::between(&in_words(&now), &in_words(&then))?)
}

/// Ends every grant of somebody who leaves, at that instant. One that was altered gives them nothing as it is, and keeps nobody here.
pub(super) fn end_all(tx: &mut dyn Tx, ctx: &Ctx, officer: OfficerId, left_at: Timestamp) -> Result<(), Error> {
    let why = Engine::work("the grants of an officer who leaves");
    let held = grants_of(tx, why, officer)?;
    for grant in held.into_iter().filter(|g| g.ends_at.is_none_or(|end| left_at < end)) {
        let Ok(grant) = genuine(ctx.rights(), grant) else { continue };
        replace_sealed(tx, ctx, &grant, Grant { ends_at: Some(left_at), ..grant.clone() })?;
    }
    Ok(())
}

/// Ends a grant at once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EndGrant {
    /// Which.
    pub grant: GrantId,
    /// Why; kept in the audit trail.
    pub reason: String,
}

/// The grant is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GrantEnded {
    /// Which.
    pub grant: GrantId,
}

impl crate::core::Answer for GrantEnded {
    fn subject(&self) -> String {
        format!("grant/{}", self.grant)
    }
}

/// Ends a grant at once, within the caller's reach. Taking access away asks for nobody's agreement. One that was altered in the database is
/// written anew as it is found, and over: it gave nobody anything, and gives nobody anything from now on.
pub fn end_grant(tx: &mut dyn Tx, ctx: &Ctx, cmd: EndGrant) -> Result<GrantEnded, Error> {
    reason(&cmd.reason)?;
    let missing = || Error::NotFound { what: "access_grant" };
    let grant = tx.find::<Grant>((cmd.grant,))?.ok_or_else(missing)?.trust("compared with the caller's posts").into_inner();
    if let super::Actor::Officer(caller) = ctx.actor() {
        let path = path_of(tx, ctx.rights(), grant.authority)?;
        if !caller.may_at(Permission::ApproveAccess, &path) {
            return Err(missing());
        }
    }
    let is_over = grant.ends_at.is_some_and(|end| end <= ctx.now());
    if is_over && genuine(ctx.rights(), grant.clone()).is_ok() {
        return Err(Error::Refused(Refusal::GrantOver));
    }
    replace_sealed(tx, ctx, &grant, Grant { ends_at: Some(ctx.now()), ..grant.clone() })?;
    Ok(GrantEnded { grant: grant.id })
}

/// The posts an officer holds at `now`.
///
/// # Errors
/// `RightsAltered` where a grant, or a post, is not what was written: then none of them counts.
pub(crate) fn held_posts(tx: &mut dyn ReadTx, rights: Rights<'_>, officer: OfficerId, now: Timestamp) -> Result<Vec<HeldPost>, Error> {
    each_held(tx, rights, officer, now)?.into_iter().collect()
}

/// Those of them that are what was written, for what only takes away.
pub(super) fn genuine_posts(tx: &mut dyn ReadTx, rights: Rights<'_>, officer: OfficerId, now: Timestamp) -> Result<Vec<HeldPost>, Error> {
    Ok(each_held(tx, rights, officer, now)?.into_iter().filter_map(Result::ok).collect())
}

fn each_held(tx: &mut dyn ReadTx, rights: Rights<'_>, officer: OfficerId, now: Timestamp) -> Result<Vec<Result<HeldPost, Error>>, Error> {
    let why = Engine::work("authentication resolves the caller's own posts");
    let grants = grants_of(tx, why, officer)?;
    let mut plane = None;
    let over = |end| end <= now && !planted(Bug::ExpiredGrantCounts);
    let held = grants.into_iter().filter(|g| g.starts_at <= now && !g.ends_at.is_some_and(over));
    let mut posts = Vec::new();
    for grant in held {
        let post = genuine(rights, grant).and_then(|grant| {
            if *plane.get_or_insert(grant.plane) != grant.plane {
                return Err(altered(&grant)); // the database holds an account to one plane, unless somebody took that away
            }
            let Some(post) = tx.find::<Post>((grant.post,))? else { return Ok(None) };
            let post = genuine(rights, post.trust("authentication resolves the caller's own posts").into_inner())?;
            Ok(Some(HeldPost { authority: path_of(tx, rights, grant.authority)?, permissions: post.permissions.0 }))
        });
        match post {
            Err(e @ Error::Store(_)) => return Err(e),
            post => posts.extend(post.transpose()),
        }
    }
    Ok(posts)
}

/// Permissions among these posts that do not go together: none of them counts, whoever granted them.
pub(super) fn kept_apart(tx: &mut dyn ReadTx, rights: Rights<'_>, posts: &[HeldPost]) -> Result<Vec<Permission>, Error> {
    if planted(Bug::ApartCounts) {
        return Ok(Vec::new());
    }
    let pairs = clash(tx, rights, posts.iter().flat_map(|p| p.permissions.iter().copied()))?;
    Ok(pairs.into_iter().flat_map(|(first, second)| [first, second]).collect())
}

/// A post as shown.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PostView {
    /// Id.
    pub id: PostId,
    /// Name.
    pub name: String,
    /// What it allows.
    pub permissions: Permissions,
    /// Whether it may be taken in an emergency.
    pub emergency: bool,
    /// Counts changes.
    pub version: i64,
}

/// Every post, at most [`limits::POSTS_MAX`].
pub fn posts(tx: &mut dyn ReadTx, ctx: &Ctx) -> Result<Vec<PostView>, Error> {
    let why = Engine::work("posts are known to whoever administers, and those for emergencies to whoever may take them");
    let rows: Vec<Post> = tx.scan(why, stretch(None, ()).limit(limits::POSTS_MAX))?;
    let view = |p: Post| PostView { id: p.id, name: p.name, permissions: p.permissions, emergency: p.emergency, version: p.version };
    rows.into_iter().map(|row| genuine(ctx.rights(), row).map(view)).collect()
}

/// A grant as shown.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GrantView {
    /// Id.
    pub id: GrantId,
    /// Which post.
    pub post: PostId,
    /// Where.
    pub authority: AuthorityCode,
    /// From when.
    pub starts_at: Timestamp,
    /// Until when.
    pub ends_at: Option<Timestamp>,
    /// What approved it.
    pub approval: Option<ApprovalId>,
}

/// The grants of an officer within reach, newest first, those that are over too.
pub fn grants(tx: &mut dyn ReadTx, ctx: &Ctx, officer: OfficerId) -> Result<Vec<GrantView>, Error> {
    let found = tx.find::<Officer>((officer,))?;
    check(ctx, found)?;
    let why = Engine::work("the grants of an officer within reach");
    let rows = grants_of(tx, why, officer)?;
    let view = |g: Grant| GrantView {
        id: g.id,
        post: g.post,
        authority: g.authority,
        starts_at: g.starts_at,
        ends_at: g.ends_at,
        approval: g.approval,
    };
    rows.into_iter().map(|row| genuine(ctx.rights(), row).map(view)).collect()
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
