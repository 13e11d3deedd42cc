//! Signed entries: a link on a page, a kiosk or a poster that says where whoever follows it comes from. What a client says of itself is not
//! believed; what this core signed is.

use serde::Serialize;
use subtle::ConstantTimeEq as _;

use super::{Line, SourceChannel};
use crate::access::check;
use crate::crypto::{KeyRing, hash};
use crate::ctx::Ctx;
use crate::error::{Error, Problem};
use crate::id::LineId;
use crate::store::{ReadTx, Reads};

/// A signed entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SignedEntry {
    /// The line it leads to.
    pub line: LineId,
    /// Where whoever follows it comes from.
    pub channel: SourceChannel,
    /// What to hand over when entering: ASCII, fit for an address. Good for as long as the installation has its keys.
    pub entry: String,
}

const VERSION: &str = "ze1";

/// Bytes of the code that binds an entry.
const CODE_BYTES: usize = 16;

fn code(keys: &KeyRing, line: LineId, channel: SourceChannel) -> String {
    let bound = format!("{VERSION}/{line}/{}", channel.as_str());
    hash::hex(&keys.digest(bound.as_bytes())[..CODE_BYTES])
}

/// Signs an entry into a line that the caller manages.
pub fn sign_entry(tx: &mut dyn ReadTx, ctx: &Ctx, line: LineId, channel: SourceChannel) -> Result<SignedEntry, Error> {
    let found = tx.find::<Line>((line,))?;
    check(ctx, found)?;
    let entry = format!("{VERSION}.{}.{}", channel.as_str(), code(ctx.keys(), line, channel));
    Ok(SignedEntry { line, channel, entry })
}

/// Where whoever hands over this entry into a line comes from.
///
/// # Errors
/// `Invalid` for an entry that was not signed here, or for another line.
pub(super) fn recognised(keys: &KeyRing, line: LineId, entry: &str) -> Result<SourceChannel, Error> {
    let mut parts = entry.splitn(3, '.');
    if let (Some(VERSION), Some(word), Some(given)) = (parts.next(), parts.next(), parts.next())
        && let Some(channel) = SourceChannel::parse(word)
        && bool::from(given.as_bytes().ct_eq(code(keys, line, channel).as_bytes()))
    {
        return Ok(channel);
    }
    Err(Error::invalid("entry", Problem::Malformed("not an entry into this line that was signed here".into())))
}
