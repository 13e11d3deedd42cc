//! What ids in an answer are called (名称): told with the answer, to whoever may read it, whatever else they may not look up.

use serde::Serialize;

use super::Officer;
use super::post::post_named;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::id::{OfficerId, PostId};
use crate::store::{ReadTx, Reads};

/// What an id is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Named {
    /// The id: of an officer, a post or a line.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The number of an officer.
    pub staff_no: Option<String>,
}

/// An officer by name, for a reader of what they did, or of what is about them.
pub(crate) fn named_officer(tx: &mut dyn ReadTx, ctx: &Ctx, id: OfficerId) -> Result<Option<Named>, Error> {
    let Some(found) = tx.find::<Officer>((id,))? else { return Ok(None) };
    let officer = found.trust("whoever reads what an officer did reads who it was").into_inner();
    Ok(Some(Named { id: id.to_string(), name: officer.own_name(tx, ctx)?, staff_no: Some(officer.staff_no) }))
}

/// A post by name.
pub(crate) fn named_post(tx: &mut dyn ReadTx, id: PostId) -> Result<Option<Named>, Error> {
    Ok(post_named(tx, id)?.map(|name| Named { id: id.to_string(), name, staff_no: None }))
}
