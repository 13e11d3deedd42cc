//! What the ids of an approval are called: whoever may read it reads who and what it is about.

use std::collections::BTreeSet;

use serde_json::Value;
use uuid::Uuid;

use super::{Approval, Vote};
use crate::access::{ActorKind, Named, named_officer, named_post};
use crate::ctx::Ctx;
use crate::error::Error;
use crate::id::{LineId, OfficerId, PostId};
use crate::interaction::named_line;
use crate::limits;
use crate::store::ReadTx;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Officer,
    Post,
    Line,
}

/// What the ids of the field are of, where there is a name for them.
fn kind_of(field: &str) -> Option<Kind> {
    match field {
        "officer" => Some(Kind::Officer),
        "post" => Some(Kind::Post),
        "line" | "overflow" => Some(Kind::Line),
        _ => None,
    }
}

fn ids_in(content: &Value, kind: Option<Kind>, ids: &mut BTreeSet<(Kind, Uuid)>) {
    match content {
        Value::Object(fields) => fields.iter().for_each(|(field, value)| ids_in(value, kind_of(field), ids)),
        Value::Array(items) => items.iter().for_each(|item| ids_in(item, kind, ids)),
        Value::String(text) => ids.extend(kind.zip(Uuid::parse_str(text).ok())),
        _ => {}
    }
}

/// The people who had to do with an approval, and the officers, posts and lines that it names: at most [`limits::NAMES_SHOWN_MAX`].
pub(super) fn names(tx: &mut dyn ReadTx, ctx: &Ctx, row: &Approval, votes: &[Vote], content: &Value) -> Result<Vec<Named>, Error> {
    let mut ids = BTreeSet::new();
    let acted = [Some(row.proposed_by), row.decided_by, row.executed_by].into_iter().flatten();
    ids.extend(acted.filter(|who| who.kind == ActorKind::Officer).map(|who| (Kind::Officer, who.id)));
    ids.extend(votes.iter().flat_map(|v| [v.voter, v.right_of]).map(|id| (Kind::Officer, id.uuid())));
    ids_in(content, None, &mut ids);
    let mut names = Vec::new();
    for (kind, id) in ids.into_iter().take(limits::NAMES_SHOWN_MAX) {
        names.extend(match kind {
            Kind::Officer => named_officer(tx, ctx, OfficerId::from_uuid(id))?,
            Kind::Post => named_post(tx, PostId::from_uuid(id))?,
            Kind::Line => named_line(tx, LineId::from_uuid(id))?,
        });
    }
    Ok(names)
}
