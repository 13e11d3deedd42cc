//! Where conversations come from (来源渠道): recognised without asking, shown, filtered, counted.

use serde::Serialize;

use super::{Conversation, ConversationView, conversation};
use crate::access::{Provider, Scope};
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::{Error, Problem};
use crate::limits;
use crate::store::{Page, PagePlace, ReadTx, Reads};

words! {
    /// Where the taxpayer came from.
    pub enum SourceChannel {
        /// WeChat mini-program.
        MiniProgram = "mini_program",
        /// 办不成事反映专窗.
        UnresolvedMatterDesk = "unresolved_matter_desk",
        /// A zone (专区).
        Zone = "zone",
        /// 吉事办, as H5.
        Portal = "portal",
        /// A page of ours in a browser.
        Web = "web",
        /// A self-service kiosk.
        Kiosk = "kiosk",
        /// WeChat official account (公众号).
        OfficialAccount = "official_account",
        /// Entered again from a conversation that is over (再次进入).
        ReEntry = "re_entry",
    }
}

impl SourceChannel {
    /// The door by which somebody signed in: the provider, or a page of ours where they typed a password.
    pub const fn of_sign_in(provider: Option<Provider>) -> Self {
        match provider {
            Some(Provider::MiniProgram) => Self::MiniProgram,
            Some(Provider::OfficialAccount) => Self::OfficialAccount,
            Some(Provider::Portal) => Self::Portal,
            Some(Provider::ElectronicTaxBureau) | None => Self::Web,
        }
    }
}

/// A page of conversations.
#[derive(Clone, Debug)]
pub struct ConversationPage {
    /// Newest first.
    pub items: Vec<ConversationView>,
    /// The next page goes on behind this place; absent on the last one.
    pub after: Option<PagePlace>,
}

/// Which conversations a list is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Those that came by this channel only.
    pub channel: Option<SourceChannel>,
    /// Those that are not over only.
    pub open: bool,
}

impl Wanted {
    fn takes(self, c: &Conversation) -> bool {
        self.channel.is_none_or(|channel| c.channel == channel) && !(self.open && c.is_over())
    }
}

/// A page of the conversations within reach, newest first. Where not all are wanted it looks at [`limits::CONVERSATIONS_SCANNED_MAX`]: a
/// page may have fewer than asked for, and more behind it.
pub fn list(tx: &mut dyn ReadTx, ctx: &Ctx, page: Page, which: Wanted) -> Result<ConversationPage, Error> {
    let wanted = page.limit.min(limits::PAGE_ROWS_MAX);
    let max = if which != Wanted::default() && wanted > 0 { limits::CONVERSATIONS_SCANNED_MAX } else { wanted };
    let mut items = Vec::new();
    let after = tx.walk(&Scope::of(ctx), page.after, max, |tx, c: Conversation| {
        if which.takes(&c) {
            items.push(conversation::view(tx, ctx, &c)?);
        }
        Ok(items.len() < wanted as usize)
    })?;
    Ok(ConversationPage { items, after })
}

/// How many conversations came by a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SourceCount {
    /// The channel.
    pub channel: SourceChannel,
    /// How many.
    pub conversations: u64,
}

/// How many conversations were entered in lines of one's area, by channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Sources {
    /// Entered from then on.
    pub from: Timestamp,
    /// Entered before then.
    pub until: Timestamp,
    /// Each channel, also those by which nobody came.
    pub counts: Vec<SourceCount>,
}

/// Counts the conversations that were entered in lines of one's area, by channel.
///
/// # Errors
/// `Invalid` for a period that does not begin before it ends, or has more than [`limits::CONVERSATIONS_COUNTED_MAX`] conversations: ask for
/// a shorter one.
pub fn sources(tx: &mut dyn ReadTx, ctx: &Ctx, from: Timestamp, until: Timestamp) -> Result<Sources, Error> {
    let mut counts = [0; SourceChannel::ALL.len()];
    each_entered(tx, ctx, from, until, |c| counts[c.channel as usize] += 1)?;
    let count = |(channel, conversations): (&SourceChannel, u64)| SourceCount { channel: *channel, conversations };
    Ok(Sources { from, until, counts: SourceChannel::ALL.iter().zip(counts).map(count).collect() })
}

/// Shows the conversations that were entered in lines of one's area within a period, wherever they went from there.
///
/// # Errors
/// `Invalid` for a period that does not begin before it ends, or has more than [`limits::CONVERSATIONS_COUNTED_MAX`] conversations.
pub(super) fn each_entered(
    tx: &mut dyn ReadTx,
    ctx: &Ctx,
    from: Timestamp,
    until: Timestamp,
    mut each: impl FnMut(&Conversation),
) -> Result<(), Error> {
    if from >= until {
        return Err(Error::invalid("until", Problem::Malformed("must be behind from".into())));
    }
    let scope = Scope::of(ctx);
    let mut earlier = false;
    let first = Some((until, uuid::Uuid::nil()));
    let stopped = tx.walk(&scope, first, limits::CONVERSATIONS_COUNTED_MAX + 1, |_, c: Conversation| {
        earlier = c.entered_at < from;
        if !earlier && scope.covers(c.entered_at_authority()) {
            each(&c);
        }
        Ok(!earlier)
    })?;
    if stopped.is_some() && !earlier {
        return Err(Error::invalid("from", Problem::TooMany { max: limits::CONVERSATIONS_COUNTED_MAX as usize }));
    }
    Ok(())
}
