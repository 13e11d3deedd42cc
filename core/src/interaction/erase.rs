//! Conversations of a person who is erased: their keys are destroyed, their rows stay and are counted as before.

use super::{Conversation, ConversationState};
use crate::access::Engine;
use crate::error::Error;
use crate::id::{ConversationId, TaxpayerId};
use crate::identity::subject;
use crate::limits;
use crate::store::raw::Range;
use crate::store::{ReadTx, Reads, StoreResult, Tx, stretch};

fn of_state(taxpayer: TaxpayerId, state: ConversationState) -> Range {
    stretch(Some(Conversation::BY_TAXPAYER), (taxpayer, state))
}

fn page(tx: &mut dyn ReadTx, range: Range) -> StoreResult<Vec<Conversation>> {
    tx.scan(Engine::work("conversations of a person who is erased, or to whom all that is kept of them is given"), range)
}

/// A conversation in which the person waits or is served.
pub(crate) fn open_of(tx: &mut dyn ReadTx, taxpayer: TaxpayerId) -> Result<Option<ConversationId>, Error> {
    for state in [ConversationState::Waiting, ConversationState::Active] {
        if let Some(open) = page(tx, of_state(taxpayer, state).limit(1))?.first() {
            return Ok(Some(open.id));
        }
    }
    Ok(None)
}

/// Every conversation of a person, oldest first of each state.
pub(crate) fn all_of(tx: &mut dyn ReadTx, taxpayer: TaxpayerId) -> Result<Vec<ConversationId>, Error> {
    let mut all = Vec::new();
    for state in ConversationState::ALL {
        let found = tx.scan_all(
            Engine::work("conversations of a person who is erased, or to whom all that is kept of them is given"),
            of_state(taxpayer, *state),
            |_: &Conversation| true,
        )?;
        all.extend(found.iter().map(|c| c.id));
    }
    Ok(all)
}

/// Destroys the keys of [`limits::ERASED_AT_ONCE`] conversations of a person; how many, and whether there are more.
pub(crate) fn erase_of(tx: &mut dyn Tx, taxpayer: TaxpayerId) -> Result<(i64, bool), Error> {
    let mut erased = 0;
    for id in all_of(tx, taxpayer)? {
        if erased == i64::from(limits::ERASED_AT_ONCE) {
            return Ok((erased, true));
        }
        if subject::destroy(tx, id.uuid())? {
            super::follow_up::drop_of_erased(tx, id)?;
            erased += 1;
        }
    }
    Ok((erased, false))
}
