//! Canned replies (常用语): sentences ready to be sent. Those of an authority are published to the officers at it and below, by topic;
//! an officer keeps others of their own. They are about everybody, so no number of a person may stand in them, and they are not sealed.

use serde::{Deserialize, Serialize};

use crate::access::{AuthorityPath, Checked, Engine, Scope, Term, Unchecked, check, path_named};
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::{self, Error, Problem};
use crate::id::{CannedReplyId, OfficerId};
use crate::identity::{AuthorityCode, text_without_numbers};
use crate::limits;
use crate::store::{ReadTx, Reads, Tx, Writes, raw, stretch};

record! {
    /// A canned reply.
    pub struct CannedReply in "canned_reply" {
        /// Id.
        id: CannedReplyId,
        /// The authority that publishes it, with all above; of an officer's own, where they were when they wrote it.
        authority: AuthorityPath,
        /// The authority, where it is published.
        shared: Option<AuthorityCode>,
        /// Whose own it is.
        owner: Option<OfficerId>,
        /// What it is for, such as 个税汇算.
        topic: String,
        /// What is sent.
        body: String,
        /// When it was written or changed last.
        changed_at: Timestamp,
        /// Counts updates.
        version: i64,
    }
    key(id);
    version version;
    scoped changed_at by terms;
    index BY_SHARED(shared);
    index BY_OWNER(owner);
}

impl CannedReply {
    fn terms(&self) -> Vec<Term> {
        match (self.shared, self.owner) {
            (Some(code), _) => self.authority.codes().iter().copied().map(Term::Subtree).chain([Term::Published(code)]).collect(),
            (None, owner) => owner.map(Term::Assigned).into_iter().collect(),
        }
    }
}

/// Writes or changes a reply of an authority.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PutCannedReply {
    /// Which is changed; a new one where absent.
    pub reply: Option<CannedReplyId>,
    /// The authority that publishes it.
    pub authority: AuthorityCode,
    /// What it is for, 1 to 20 characters.
    pub topic: String,
    /// What is sent, 1 to 500 characters.
    pub text: String,
}

/// Writes or changes a reply of the caller's own.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PutOwnCannedReply {
    /// Which is changed; a new one where absent.
    pub reply: Option<CannedReplyId>,
    /// What it is for, 1 to 20 characters.
    pub topic: String,
    /// What is sent, 1 to 500 characters.
    pub text: String,
}

/// Deletes a reply of an authority.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct DeleteCannedReply {
    /// Which.
    pub reply: CannedReplyId,
}

/// Deletes a reply of the caller's own.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct DeleteOwnCannedReply {
    /// Which.
    pub reply: CannedReplyId,
}

/// The reply is written, or deleted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CannedReplyPut {
    /// Which.
    pub reply: CannedReplyId,
}

impl crate::core::Answer for CannedReplyPut {
    fn subject(&self) -> String {
        format!("canned_reply/{}", self.reply)
    }
}

/// Writes or changes a reply of an authority within the caller's reach.
pub fn put_canned_reply(tx: &mut dyn Tx, ctx: &Ctx, cmd: PutCannedReply) -> Result<CannedReplyPut, Error> {
    let authority = path_named(tx, ctx, "authority", cmd.authority)?;
    let unknown = || Error::invalid("authority", Problem::Unknown("authority"));
    let new = CannedReply { shared: authority.own(), authority, ..written(ctx, &cmd.topic, &cmd.text)? };
    // What the caller could not open by id is not theirs to publish.
    check(ctx, Some(Unchecked::new(new.clone()))).map_err(|_| unknown())?;
    let old = cmd.reply.map(|id| known(tx, ctx, id)).transpose()?;
    put(tx, old, new, stretch(Some(CannedReply::BY_SHARED), (cmd.authority,)))
}

/// Writes or changes a reply of the caller's own.
pub fn put_own_canned_reply(tx: &mut dyn Tx, ctx: &Ctx, cmd: PutOwnCannedReply) -> Result<CannedReplyPut, Error> {
    let me = ctx.actor().officer()?;
    let old = cmd.reply.map(|id| known(tx, ctx, id)).transpose()?;
    let new = CannedReply { owner: Some(me.id), authority: me.authority.clone(), ..written(ctx, &cmd.topic, &cmd.text)? };
    put(tx, old, new, stretch(Some(CannedReply::BY_OWNER), (me.id,)))
}

fn known(tx: &mut dyn Tx, ctx: &Ctx, id: CannedReplyId) -> Result<Checked<CannedReply>, Error> {
    let found = tx.find::<CannedReply>((id,))?;
    check(ctx, found)
}

/// A new reply, whoever's it is to be.
fn written(ctx: &Ctx, topic: &str, text: &str) -> Result<CannedReply, Error> {
    let topic = text_without_numbers("topic", topic, limits::CANNED_TOPIC_CHARS_MAX)?;
    let body = text_without_numbers("text", text, limits::CANNED_REPLY_CHARS_MAX)?;
    let (id, authority) = (CannedReplyId::from_uuid(ctx.new_uuid()), AuthorityPath::default());
    Ok(CannedReply { id, authority, shared: None, owner: None, topic, body, changed_at: ctx.now(), version: 0 })
}

/// Writes a reply beside those of the same authority or officer.
fn put(tx: &mut dyn Tx, old: Option<Checked<CannedReply>>, new: CannedReply, same: raw::Range) -> Result<CannedReplyPut, Error> {
    let reply = old.as_ref().map_or(new.id, |old| old.id);
    if old.as_ref().is_none_or(|old| old.shared != new.shared) {
        let why = Engine::work("how many replies the same authority or officer has");
        let there: Vec<CannedReply> = tx.scan(why, same.limit(limits::CANNED_REPLIES_MAX))?;
        if there.len() as u32 >= limits::CANNED_REPLIES_MAX {
            return Err(Error::invalid("reply", Problem::TooMany { max: limits::CANNED_REPLIES_MAX as usize }));
        }
    }
    match old {
        Some(old) => drop(tx.replace(&*old, CannedReply { id: reply, ..new })?),
        None => tx.add(&new)?,
    }
    Ok(CannedReplyPut { reply })
}

/// Deletes a reply of an authority within the caller's reach.
pub fn delete_canned_reply(tx: &mut dyn Tx, ctx: &Ctx, cmd: DeleteCannedReply) -> Result<CannedReplyPut, Error> {
    delete(tx, ctx, cmd.reply)
}

/// Deletes a reply of the caller's own.
pub fn delete_own_canned_reply(tx: &mut dyn Tx, ctx: &Ctx, cmd: DeleteOwnCannedReply) -> Result<CannedReplyPut, Error> {
    delete(tx, ctx, cmd.reply)
}

fn delete(tx: &mut dyn Tx, ctx: &Ctx, reply: CannedReplyId) -> Result<CannedReplyPut, Error> {
    let row = known(tx, ctx, reply)?;
    tx.remove(&*row)?;
    Ok(CannedReplyPut { reply })
}

/// A reply as shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CannedReplyView {
    /// Id.
    pub id: CannedReplyId,
    /// What it is for.
    pub topic: String,
    /// What is sent.
    pub text: String,
    /// The authority that publishes it; absent for one's own.
    pub authority: Option<AuthorityCode>,
    /// When it was written or changed last.
    pub changed_at: Timestamp,
}

/// Which replies are looked for.
#[derive(Clone, Debug)]
pub struct FindCannedReplies {
    /// What stands in their topic or text; all where absent.
    pub find: Option<String>,
    /// How many at most.
    pub limit: u32,
}

/// Replies within the caller's reach that hold a text, the newest first.
pub fn canned_replies(tx: &mut dyn ReadTx, ctx: &Ctx, asked: &FindCannedReplies) -> Result<Vec<CannedReplyView>, Error> {
    let find = asked.find.as_deref().map(|text| error::text("find", text, limits::CANNED_TOPIC_CHARS_MAX)).transpose()?;
    let find = find.map(|text| text.to_lowercase());
    let holds = |text: &str| find.as_deref().is_none_or(|find| text.to_lowercase().contains(find));
    let (mut items, wanted) = (Vec::new(), asked.limit.min(limits::PAGE_ROWS_MAX) as usize);
    tx.walk(&Scope::of(ctx), None, limits::CANNED_REPLIES_SCANNED_MAX, |_, r: CannedReply| {
        if holds(&r.topic) || holds(&r.body) {
            let CannedReply { id, topic, body: text, shared: authority, changed_at, .. } = r;
            items.push(CannedReplyView { id, topic, text, authority, changed_at });
        }
        Ok(items.len() < wanted)
    })?;
    Ok(items)
}
