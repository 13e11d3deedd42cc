//! Joining a conversation (督导加入): whoever supervises it takes part beside the officer who has it. Its taxpayer sees that, and both read
//! what the other writes; it stays its officer's, who alone holds, transfers and ends it.

use serde::{Deserialize, Serialize};

use super::attendance::{attend, is_there};
use super::{Conversation, ConversationState};
use crate::access::{Permission, check};
use crate::ctx::Ctx;
use crate::error::{Error, Refusal};
use crate::id::ConversationId;
use crate::identity::reason;
use crate::journal::{self, EventKind, Topic};
use crate::store::{Tx, Writes};

/// Joins a conversation that goes on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// Which.
    pub conversation: ConversationId,
    /// Why; kept in the audit trail.
    pub reason: String,
}

/// Leaves it to its officer again.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StepOut {
    /// Which.
    pub conversation: ConversationId,
}

/// Whether the caller takes part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Joined {
    /// In which conversation.
    pub conversation: ConversationId,
    /// Whether they do.
    pub joined: bool,
}

impl crate::core::Answer for Joined {
    fn subject(&self) -> String {
        format!("conversation/{}", self.conversation)
    }
}

/// Takes part in a conversation that an officer has.
///
/// # Errors
/// `Denied` for whoever may not serve taxpayers there; `JoinedAlready` where somebody else takes part who is there, or the caller has it;
/// `ConversationClosed` where nobody has it.
pub fn join(tx: &mut dyn Tx, ctx: &Ctx, cmd: Join) -> Result<Joined, Error> {
    reason(&cmd.reason)?;
    let me = ctx.actor().officer()?;
    let found = tx.lock_row::<Conversation>((cmd.conversation,))?;
    let c = check(ctx, found)?;
    if !me.may_at(Permission::ServeTaxpayers, &c.authority) {
        return Err(Error::Denied { operation: ctx.operation().name });
    }
    if c.state != ConversationState::Active {
        return Err(Error::Refused(Refusal::ConversationClosed));
    }
    let other = c.joined.filter(|joined| *joined != me.id);
    let stays = other.map(|joined| is_there(tx, joined, ctx.now())).transpose()?.unwrap_or_default();
    if c.officer == Some(me.id) || stays {
        return Err(Error::Refused(Refusal::JoinedAlready));
    }
    if other.is_some() {
        told(tx, ctx, &c)?;
    }
    if c.joined != Some(me.id) {
        attend(tx, ctx, me.id)?; // whoever takes part is there
        tx.replace(&*c, Conversation { joined: Some(me.id), served_by: c.served_beside(me.id), ..(*c).clone() })?;
        // The desk first: whoever follows it finds the conversation, and all that happens in it from here on.
        journal::record(tx, ctx, Topic::Officer(me.id), EventKind::Joined, Some(c.id), None)?;
        journal::record(tx, ctx, Topic::Conversation(c.id), EventKind::Joined, Some(c.id), None)?;
    }
    Ok(Joined { conversation: c.id, joined: true })
}

/// Takes part no more.
///
/// # Errors
/// `NotJoined`.
pub fn step_out(tx: &mut dyn Tx, ctx: &Ctx, cmd: StepOut) -> Result<Joined, Error> {
    let me = ctx.actor().officer()?.id;
    let found = tx.lock_row::<Conversation>((cmd.conversation,))?;
    let c = check(ctx, found)?;
    if c.joined != Some(me) {
        return Err(Error::Refused(Refusal::NotJoined));
    }
    told(tx, ctx, &c)?;
    journal::record(tx, ctx, Topic::Conversation(c.id), EventKind::SteppedOut, Some(c.id), None)?;
    tx.replace(&*c, Conversation { joined: None, ..(*c).clone() })?;
    Ok(Joined { conversation: c.id, joined: false })
}

/// Tells whoever took part that it is over for them.
pub(super) fn told(tx: &mut dyn Tx, ctx: &Ctx, c: &Conversation) -> Result<(), Error> {
    if let Some(joined) = c.joined {
        journal::record(tx, ctx, Topic::Officer(joined), EventKind::SteppedOut, Some(c.id), None)?;
    }
    Ok(())
}
