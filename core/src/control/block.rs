//! What is refused inside the transaction of the deed: more fields than an officer may reveal, which are counted, and an account that
//! nobody used for long.

use std::time::Duration;

use super::Watch;
use super::rule::rule_of;
use crate::access::Engine;
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::{Error, Refusal};
use crate::id::OfficerId;
use crate::limits;
use crate::store::{ReadTx, Reads, StoreResult, Tx, Writes, stretch};

record! {
    /// A field that was revealed to an officer: for counting within the longest window only. What lasts is the audit record.
    pub struct Shown in "control_shown" {
        /// To whom.
        officer: OfficerId,
        /// When.
        at: Timestamp,
        /// Tells two of the same instant apart.
        nonce: [u8; 16],
    }
    key(officer, at, nonce);
}

const LONGEST: Duration = Duration::from_secs(60 * limits::CONTROL_WINDOW_MINUTES_MAX.unsigned_abs());

/// The newest fields shown to an officer within a window, at most `max`.
fn shown_within(tx: &mut dyn ReadTx, ctx: &Ctx, officer: OfficerId, window: Duration, max: i64) -> StoreResult<Vec<Shown>> {
    let since = ctx.now().minus(window);
    let max = max.clamp(1, limits::CONTROL_THRESHOLD_MAX) as u32; // within the limit by `SetControlRule::checked`
    let newest = stretch(None, (officer,)).newest_first().limit(max);
    let mut rows: Vec<Shown> = tx.scan(Engine::work("how much was revealed to the caller lately"), newest)?;
    rows.retain(|row| row.at > since);
    Ok(rows)
}

/// Refuses where the caller has revealed as much as they may within the window.
///
/// # Errors
/// `ControlBlocked`, with the instant from which on the next is allowed.
pub(crate) fn may_reveal(tx: &mut dyn ReadTx, ctx: &Ctx) -> Result<(), Error> {
    let rule = rule_of(tx, ctx.rights(), Watch::RevealLimit)?;
    if !rule.enabled {
        return Ok(());
    }
    let shown = shown_within(tx, ctx, ctx.actor().officer()?.id, rule.window(), rule.threshold)?;
    match shown.last() {
        Some(oldest) if shown.len() as i64 >= rule.threshold => Err(Error::Refused(Refusal::ControlBlocked {
            shown: rule.threshold,
            minutes: rule.window_minutes,
            until: oldest.at.plus(rule.window()),
        })),
        _ => Ok(()),
    }
}

/// For how many days an account may lie unused, where one that was last used at `used_at` did so too long.
pub(crate) fn unused_too_long(tx: &mut dyn ReadTx, ctx: &Ctx, used_at: Timestamp) -> Result<Option<i64>, Error> {
    let days = ctx.now().days_since(used_at);
    // No rule is stricter, so most sign-ins read none.
    if days < limits::DORMANT_LOCK_DAYS_MIN {
        return Ok(None);
    }
    let rule = rule_of(tx, ctx.rights(), Watch::DormantLock)?;
    Ok(Some(rule.threshold).filter(|most| rule.enabled && days >= *most))
}

/// Counts a field that is shown to the caller, and says what to tell them if it is nearly too many.
pub(crate) fn count_reveal(tx: &mut dyn Tx, ctx: &Ctx) -> Result<Option<String>, Error> {
    let officer = ctx.actor().officer()?.id;
    let why = Engine::work("what no window reaches any more is swept by whoever reveals next");
    // Another host's clock may be behind ours.
    let long_over = ctx.now().minus(LONGEST).minus(limits::CLOCK_SKEW_MAX);
    let stale: Vec<Shown> = tx.scan(why, stretch(None, (officer,)).until(long_over).limit(limits::SHOWN_SWEPT_AT_ONCE))?;
    for old in &stale {
        tx.remove(old)?;
    }
    tx.add(&Shown { officer, at: ctx.now(), nonce: *ctx.new_uuid().as_bytes() })?;
    let warning = rule_of(tx, ctx.rights(), Watch::RevealWarning)?;
    let limit = rule_of(tx, ctx.rights(), Watch::RevealLimit)?;
    if !warning.enabled || (shown_within(tx, ctx, officer, warning.window(), warning.threshold)?.len() as i64) < warning.threshold {
        return Ok(None);
    }
    let stop = if limit.enabled {
        format!("，{} 分钟内达到 {} 项后将暂停查看", limit.window_minutes, limit.threshold)
    } else {
        String::new()
    };
    Ok(Some(format!("您在 {} 分钟内已查看 {} 项以上完整信息{stop}，请确认确有工作需要", warning.window_minutes, warning.threshold)))
}
