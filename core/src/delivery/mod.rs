//! Delivery: what outside systems must be told. A row is written in the transaction of what it tells; a host
//! leases rows, delivers them at least once with an id that tells repeats apart, and settles them.

use serde::{Deserialize, Serialize};

use crate::access::Engine;
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::{Error, Refusal};
use crate::id::DeliveryId;
use crate::limits;
use crate::planted::{Bug, planted};
use crate::series;
use crate::store::{Reads, StoreResult, Tx, Writes, stretch};

words! {
    /// Where a delivery stands.
    pub enum DeliveryState {
        /// To be delivered, or leased.
        Pending = "pending",
        /// The receiver has it.
        Delivered = "delivered",
        /// Failed too often: waits for a person.
        Parked = "parked",
    }
}

record! {
    /// Something an outside system must be told.
    pub struct Delivery in "delivery" {
        /// Id; the receiver tells repeats apart by it.
        id: DeliveryId,
        /// State.
        state: DeliveryState,
        /// When to deliver next, or when the lease ends.
        due_at: Timestamp,
        /// Kind of what happened, such as `conversation.closed`.
        kind: String,
        /// Ids, as JSON; never names or bodies.
        payload: String,
        /// When it happened.
        happened_at: Timestamp,
        /// Times it was leased.
        attempts: i64,
        /// Why the last attempt failed.
        last_error: Option<String>,
        /// Counts updates; the fencing token of a lease.
        version: i64,
    }
    key(id);
    version version;
    lock 70;
    index BY_DUE(state, due_at);
}

/// Writes down that the outside must be told, if anybody outside asked to be told of `kind`.
pub(crate) fn tell(tx: &mut dyn Tx, ctx: &Ctx, kind: &str, payload: &impl Serialize) -> StoreResult<()> {
    let forgotten = planted(Bug::DeliveryForgotten) && matches!(ctx.actor(), crate::access::Actor::System);
    if forgotten || !ctx.settings().told_outside.iter().any(|wanted| wanted == kind) {
        return Ok(());
    }
    let payload = serde_json::to_string(payload).map_err(|e| crate::store::StoreError::Backend(e.to_string()))?;
    tx.add(&Delivery {
        id: DeliveryId::from_uuid(ctx.new_uuid()),
        state: DeliveryState::Pending,
        due_at: ctx.now(),
        kind: kind.to_owned(),
        payload,
        happened_at: ctx.now(),
        attempts: 0,
        last_error: None,
        version: 0,
    })
}

/// Take deliveries that are due.
#[derive(Clone, Debug, Serialize)]
pub struct LeaseDeliveries {
    /// At most this many.
    pub max: u32,
}

/// A delivery that is this worker's until the lease ends.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LeasedDelivery {
    /// Id; sent along so that the receiver can tell repeats apart.
    pub id: DeliveryId,
    /// Fencing token; settling asks for it.
    pub token: i64,
    /// Kind of what happened.
    pub kind: String,
    /// Ids, as JSON.
    pub payload: String,
    /// When it happened.
    pub happened_at: Timestamp,
}

/// Leases deliveries that are due.
pub fn lease(tx: &mut dyn Tx, ctx: &Ctx, cmd: LeaseDeliveries) -> Result<Vec<LeasedDelivery>, Error> {
    series::lock(tx, "delivery")?;
    let max = cmd.max.min(limits::OUTBOX_LEASE_ROWS);
    let why = Engine::work("the outbox leases what is due");
    let due: Vec<Delivery> = tx.scan(why, stretch(Some(Delivery::BY_DUE), (DeliveryState::Pending,)).until(ctx.now()).limit(max))?;
    let mut leased = Vec::with_capacity(due.len());
    for old in due {
        if old.attempts >= limits::OUTBOX_ATTEMPTS_MAX {
            // Leased so often and never settled: whoever takes it dies of it.
            tx.replace(&old, Delivery { state: DeliveryState::Parked, ..old.clone() })?;
            continue;
        }
        let row = tx.replace(&old, Delivery { due_at: ctx.now().plus(limits::OUTBOX_LEASE), attempts: old.attempts + 1, ..old.clone() })?;
        leased.push(LeasedDelivery { id: row.id, token: row.version, kind: row.kind, payload: row.payload, happened_at: row.happened_at });
    }
    Ok(leased)
}

/// How an attempt ended.
#[derive(Clone, Debug, Serialize)]
pub struct SettleDelivery {
    /// Which.
    pub id: DeliveryId,
    /// Fencing token of the lease.
    pub token: i64,
    /// Why it failed; none when the receiver has it.
    pub error: Option<String>,
}

/// Where the delivery stands now.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settled {
    /// State.
    pub state: DeliveryState,
}

/// Settles an attempt: done, or tried again later with growing waits, or parked for a person.
///
/// # Errors
/// `LeaseLost` when the lease ended and somebody else has it.
pub fn settle(tx: &mut dyn Tx, ctx: &Ctx, cmd: SettleDelivery) -> Result<Settled, Error> {
    let row = tx.lock_row::<Delivery>((cmd.id,))?.ok_or(Error::Refused(Refusal::LeaseLost))?.trust("the holder of the lease").into_inner();
    if row.version != cmd.token {
        return Err(Error::Refused(Refusal::LeaseLost));
    }
    let (state, due_at) = match &cmd.error {
        None => (DeliveryState::Delivered, ctx.now()),
        Some(_) if row.attempts >= limits::OUTBOX_ATTEMPTS_MAX => (DeliveryState::Parked, ctx.now()),
        Some(_) => (DeliveryState::Pending, ctx.now().plus(wait_before(row.attempts))),
    };
    let last_error = cmd.error.map(|e| e.chars().take(limits::CLOSING_NOTE_CHARS_MAX).collect());
    tx.replace(&row, Delivery { state, due_at, last_error, ..row.clone() })?;
    Ok(Settled { state })
}

/// Doubles with each attempt.
fn wait_before(attempts: i64) -> std::time::Duration {
    let doublings = u32::try_from(attempts.clamp(1, 20) - 1).unwrap_or(0); // between 0 and 19
    (limits::OUTBOX_RETRY_FIRST * 2u32.pow(doublings)).min(limits::OUTBOX_RETRY_MAX)
}
