//! Answering an appeal, which closes it.

use serde::{Deserialize, Serialize};

use super::{Appeal, AppealState};
use crate::access::check;
use crate::ctx::Ctx;
use crate::error::{self, Error, Refusal};
use crate::id::AppealId;
use crate::identity::subject;
use crate::journal::{self, EventKind, Topic};
use crate::limits;
use crate::store::{Tx, Writes};

/// Answers an appeal.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AnswerAppeal {
    /// Which.
    pub appeal: AppealId,
    /// The answer, 1 to 2000 characters; the taxpayer reads it.
    pub text: String,
}

/// It is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AppealAnswered {
    /// Which.
    pub appeal: AppealId,
    /// Where it stands.
    pub state: AppealState,
}

impl crate::core::Answer for AppealAnswered {
    fn subject(&self) -> String {
        format!("appeal/{}", self.appeal)
    }
}

/// Answers an appeal within reach, once and for good.
///
/// # Errors
/// `AppealClosed`.
pub fn answer(tx: &mut dyn Tx, ctx: &Ctx, cmd: AnswerAppeal) -> Result<AppealAnswered, Error> {
    let text = error::text("text", &cmd.text, limits::APPEAL_CHARS_MAX)?;
    let found = tx.lock_row::<Appeal>((cmd.appeal,))?;
    let appeal = check(ctx, found)?.into_inner();
    if appeal.state != AppealState::Received {
        return Err(Error::Refused(Refusal::AppealClosed));
    }
    // Of a person who was erased there is no key, and nobody left to read an answer: it is closed without one.
    let key = subject::known_key(tx, ctx, appeal.id.uuid())?;
    let bound = appeal.bound();
    let place = Appeal::place("answer", &bound);
    let answer = key.map(|key| subject::seal(ctx, &key, place, &text));
    let (answered_by, answered_at) = (Some(ctx.actor().officer()?.id), Some(ctx.now()));
    tx.replace(&appeal, Appeal { state: AppealState::Closed, answer, answered_by, answered_at, ..appeal.clone() })?;
    if let Some(taxpayer) = appeal.taxpayer {
        journal::record(tx, ctx, Topic::Taxpayer(taxpayer), EventKind::AppealAnswered, None, None)?;
    }
    Ok(AppealAnswered { appeal: appeal.id, state: AppealState::Closed })
}
