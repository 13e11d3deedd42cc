//! The balance of channels (渠道收支): what arrived, by channel and day, and where it stands, computed from the rows each time.

use std::collections::BTreeMap;

use serde::Serialize;

use super::channel::channels;
use super::{Appeal, AppealState};
use crate::access::Engine;
use crate::calendar::{Date, date_of};
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::{Error, Problem};
use crate::limits;
use crate::store::{ReadTx, Reads, stretch};

/// What arrived by a channel on a day, and where it stands now. What arrived is what is open, answered, rejected and transferred.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChannelDay {
    /// The channel.
    pub channel: String,
    /// Day in Beijing, `2026-11-23`.
    pub day: String,
    /// Arrived.
    pub received: u64,
    /// Waits for an answer.
    pub open: u64,
    /// Waits still when it should have been answered.
    pub overdue: u64,
    /// Answered.
    pub answered: u64,
    /// Not taken up.
    pub rejected: u64,
    /// Went on to somebody else.
    pub transferred: u64,
}

/// The balance of every channel by which something arrived within a period, by channel and day.
///
/// # Errors
/// `Invalid` for a period that does not begin before it ends, or in which more than [`limits::APPEALS_COUNTED_MAX`] arrived by one
/// channel.
pub(crate) fn balance(tx: &mut dyn ReadTx, ctx: &Ctx, from: Timestamp, until: Timestamp) -> Result<Vec<ChannelDay>, Error> {
    if from >= until {
        return Err(Error::invalid("until", Problem::Malformed("must be behind from".into())));
    }
    let mut days = BTreeMap::<(String, Date), ChannelDay>::new();
    for channel in channels(tx)? {
        let why = Engine::work("how many appeals arrived by a channel, and where they stand");
        let arrived = stretch(Some(Appeal::BY_CHANNEL), (Some(channel.code.clone()),)).until(until).newest_first();
        let (mut counted, mut whole) = (0, true);
        tx.scan_while(why, arrived, |appeal: Appeal| {
            if appeal.filed_at < from || appeal.filed_at >= until {
                return appeal.filed_at >= from;
            }
            counted += 1;
            whole = counted <= limits::APPEALS_COUNTED_MAX;
            if let Some(day) = date_of(appeal.filed_at).filter(|_| whole) {
                days.entry((channel.code.clone(), day)).or_default().add(&appeal, ctx.now());
            }
            whole
        })?;
        if !whole {
            return Err(Error::invalid("from", Problem::TooMany { max: limits::APPEALS_COUNTED_MAX }));
        }
    }
    let named = |((channel, day), counts)| ChannelDay { channel, day: format!("{day}"), ..counts };
    Ok(days.into_iter().map(named).collect())
}

impl ChannelDay {
    fn add(&mut self, appeal: &Appeal, now: Timestamp) {
        self.received += 1;
        *match appeal.state {
            AppealState::Received => &mut self.open,
            AppealState::Closed => &mut self.answered,
            AppealState::Rejected => &mut self.rejected,
            AppealState::Transferred => &mut self.transferred,
        } += 1;
        let waits = appeal.state == AppealState::Received;
        self.overdue += u64::from(waits && appeal.due_at.is_some_and(|due| due <= now));
    }
}
