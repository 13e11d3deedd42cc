//! Logins that do not exist, and somebody tried: they answer as known ones do, on every host.

use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::store::{Reads, Tx, Writes};

use super::sign_in::{SignInEnd, SignInOutcome, after_failure};

record! {
    /// A login nobody has, with its failed sign-ins: the login itself is not stored.
    pub struct StrangeLogin in "strange_login" {
        /// Blind index of the login.
        login_index: [u8; 16],
        /// Failures, as they are counted of a login that somebody has.
        failures: i64,
        /// Locked until then.
        locked_until: Option<Timestamp>,
        /// When somebody tried it last; forgotten [`limits::SIGN_IN_FAILURES_KEPT`] later, as those of a known one are.
        failed_at: Timestamp,
        /// Counts updates.
        version: i64,
    }
    key(login_index);
    version version;
    index BY_AGE(failed_at);
}

impl StrangeLogin {
    /// Counts a failure and says what is said of a login that somebody has.
    pub(super) fn fail(tx: &mut dyn Tx, ctx: &Ctx, login_index: [u8; 16]) -> Result<SignInOutcome, Error> {
        let found = tx.find::<Self>((login_index,))?.map(|row| row.trust("sign-in looks up what was typed").into_inner());
        let before = found.as_ref().map_or((0, None, None), |row| (row.failures, row.locked_until, Some(row.failed_at)));
        let failed_at = ctx.now();
        if let Some(until) = before.1.filter(|until| failed_at < *until) {
            return Ok(SignInEnd::Locked(until).of_nobody());
        }
        let (failures, locked_until) = after_failure(before, failed_at);
        if let Some(row) = found {
            tx.replace(&row, Self { failures, locked_until, failed_at, ..row.clone() })?;
        } else {
            tx.add(&Self { login_index, failures, locked_until, failed_at, version: 0 })?;
        }
        Ok(locked_until.map_or(SignInEnd::Wrong, SignInEnd::Locked).of_nobody())
    }
}
