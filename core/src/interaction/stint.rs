//! How long an officer had a conversation that went on elsewhere: handed on, or back in its line. It is theirs in minutes of load, and the
//! conversation itself knows only who has it now.

use super::Conversation;
use crate::access::Engine;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::id::{ConversationId, OfficerId};
use crate::limits;
use crate::store::{ReadTx, Reads, StoreResult, Tx, Writes, stretch};

record! {
    /// An officer had a conversation, which goes on elsewhere.
    pub struct Stint in "stint" {
        /// Who.
        officer: OfficerId,
        /// Until then.
        ended_at: Timestamp,
        /// Which.
        conversation: ConversationId,
        /// From then on.
        claimed_at: Timestamp,
    }
    key(officer, ended_at, conversation);
}

/// An officer has a conversation no more, which is not over.
pub(super) fn ended(tx: &mut dyn Tx, c: &Conversation, ended_at: Timestamp) -> StoreResult<()> {
    let Some((officer, claimed_at)) = c.officer.zip(c.claimed_at) else { return Ok(()) };
    tx.add_new(&Stint { officer, ended_at, conversation: c.id, claimed_at }).map(drop)
}

/// From when to when an officer had what went on elsewhere, newest first, a sample.
pub(super) fn of(tx: &mut dyn ReadTx, officer: OfficerId) -> Result<Vec<(Timestamp, Timestamp)>, Error> {
    let range = stretch(None, (officer,)).newest_first().limit(limits::LOAD_SAMPLE);
    let rows: Vec<Stint> = tx.scan(Engine::work("how much an officer had lately"), range)?;
    Ok(rows.into_iter().map(|stint| (stint.claimed_at, stint.ended_at)).collect())
}
