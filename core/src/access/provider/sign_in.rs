//! Sign-in through a provider: whose session begins is settled here, from what the provider said.

use serde::{Deserialize, Serialize};

use super::{Assertion, LinkTicket, LinkedIdentity, Provider, ProviderError, UsedProof};
use crate::access::{ActorKind, ActorRef, SignedIn, shut_out};
use crate::ctx::Ctx;
use crate::error::{Challenged, Error, Refusal};
use crate::id::TaxpayerId;
use crate::identity;
use crate::planted::{Bug, planted};
use crate::store::{ReadTx, Tx};

/// What a provider said, to be settled.
#[derive(Clone, Serialize)]
pub struct SignInWithProvider {
    /// Who said it.
    pub provider: Provider,
    /// What it said.
    pub assertion: Assertion,
    /// Hash of the ticket of another account to link, if any.
    pub link: Option<[u8; 32]>,
}

/// How a sign-in through a provider ended. What was used up stays used up.
#[derive(Clone, Serialize, Deserialize)]
pub enum ProviderOutcome {
    /// Good.
    SignedIn(ProviderSignIn),
    /// Nobody is known to hold the account, or their verification has lapsed; the ticket stands for it until it is known.
    NotLinked(String),
    /// The proof was used before.
    Spent,
}

/// A session of a person whom a provider knows.
#[derive(Clone, Serialize, Deserialize)]
pub struct ProviderSignIn {
    /// Whose.
    pub taxpayer: TaxpayerId,
    /// Through whom.
    pub provider: Provider,
    /// The session.
    pub session: SignedIn,
}

impl crate::core::Answer for ProviderOutcome {
    fn subject(&self) -> String {
        match self {
            Self::SignedIn(signed_in) => format!("taxpayer/{}/{}", signed_in.taxpayer, signed_in.provider.as_str()),
            Self::NotLinked(_) => "session/not_linked".into(),
            Self::Spent => "session/spent".into(),
        }
    }
}

impl ProviderOutcome {
    /// The session, or the refusal to tell.
    pub fn into_result(self) -> Result<SignedIn, Error> {
        match self {
            Self::SignedIn(signed_in) => Ok(signed_in.session),
            Self::NotLinked(ticket) => Err(Error::Refused(Refusal::NotLinked(Challenged(ticket)))),
            Self::Spent => Err(Error::Provider(ProviderError::Spent)),
        }
    }
}

/// Settles what a provider said: begins the session of whom it verified or of whom the account is linked to; else hands out a
/// ticket for the account, good until a provider says who holds it.
///
/// A person whose account at a verifying provider is new to us is shut out everywhere else: whoever got in as them before may be somebody
/// else (CVE-2026-44707).
///
/// # Errors
/// `ChallengeOver` where the account to link waited too long; `Provider` where what was said cannot be.
pub fn sign_in_with_provider(tx: &mut dyn Tx, ctx: &Ctx, cmd: SignInWithProvider) -> Result<ProviderOutcome, Error> {
    let SignInWithProvider { provider, assertion: Assertion { account, once, person }, link } = cmd;
    if let Some(once) = &once
        && !UsedProof::take(tx, ctx, provider, once)?
    {
        return Ok(ProviderOutcome::Spent);
    }
    let own = LinkedIdentity::index_of(ctx, provider, &account);
    let holder = match (provider.vouches_by(), person) {
        (Some(channel), Some(person)) if person.level.proves_presence() || planted(Bug::LinkedUnseen) => {
            let taxpayer = identity::recognise(tx, ctx, channel, &person)?;
            if !identity::is_verified(tx, taxpayer)? {
                return Ok(ProviderOutcome::NotLinked(LinkTicket::issue(tx, ctx, provider, own)?));
            }
            if LinkedIdentity::link(tx, ctx, provider, own, taxpayer)? {
                shut_out(tx, ctx, taxpayer)?;
            }
            if let Some(hash) = link {
                let ticket = LinkTicket::redeem(tx, ctx.now(), hash)?.ok_or(Error::Refused(Refusal::ChallengeOver))?;
                LinkedIdentity::link(tx, ctx, ticket.provider, ticket.identity_index, taxpayer)?;
            }
            Some(taxpayer)
        }
        // A provider that names somebody else than before, too weakly to believe it, opens nobody's session.
        (_, Some(person)) => {
            let named = identity::known_by(tx, ctx, &person)?;
            holder(tx, own)?.filter(|holder| named == Some(*holder))
        }
        (_, None) => holder(tx, own)?,
    };
    let Some(taxpayer) = holder else {
        return Ok(ProviderOutcome::NotLinked(LinkTicket::issue(tx, ctx, provider, own)?));
    };
    let session = SignedIn::begin_through(tx, ctx, ActorRef { kind: ActorKind::Taxpayer, id: taxpayer.uuid() }, Some(provider))?;
    Ok(ProviderOutcome::SignedIn(ProviderSignIn { taxpayer, provider, session }))
}

/// Whom an account is linked to, while their verification stands.
fn holder(tx: &mut dyn ReadTx, account: [u8; 16]) -> Result<Option<TaxpayerId>, Error> {
    let Some(linked) = LinkedIdentity::find(tx, account)? else { return Ok(None) };
    Ok(identity::is_verified(tx, linked.taxpayer)?.then_some(linked.taxpayer))
}
