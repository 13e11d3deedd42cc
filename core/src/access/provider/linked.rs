//! Accounts at providers that are linked to a person, and what stands for one until it is.

use serde::{Deserialize, Serialize};

use super::{Account, Once, Provider};
use crate::access::{ActorKind, ActorRef, Engine, session};
use crate::clock::Timestamp;
use crate::crypto::Token;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::id::TaxpayerId;
use crate::limits;
use crate::planted::{Bug, planted};
use crate::store::{ReadTx, Reads, Tx, Writes, stretch};

record! {
    /// An account at a provider and the person who holds it. The account itself is not stored: a blind index finds it.
    pub struct LinkedIdentity in "linked_identity" {
        /// Blind index of provider, app id and user id.
        identity_index: [u8; 16],
        /// Who holds it.
        taxpayer: TaxpayerId,
        /// Where it is.
        provider: Provider,
        /// Since when it is linked.
        linked_at: Timestamp,
        /// Counts updates.
        version: i64,
    }
    key(identity_index);
    version version;
    index BY_TAXPAYER(taxpayer, linked_at);
}

record! {
    /// Stands for an account that signed in and is linked to nobody, until a verification says who holds it.
    pub struct LinkTicket in "link_ticket" {
        /// SM3 of the ticket.
        ticket_hash: [u8; 32],
        /// Blind index of the account.
        identity_index: [u8; 16],
        /// Where the account is.
        provider: Provider,
        /// Useless from then on.
        expires_at: Timestamp,
    }
    key(ticket_hash);
    index BY_EXPIRY(expires_at);
}

record! {
    /// A proof that was used and is not taken again.
    pub struct UsedProof in "used_proof" {
        /// Blind index of provider and id.
        proof_index: [u8; 16],
        /// It is refused for its age from then on.
        expires_at: Timestamp,
    }
    key(proof_index);
    index BY_EXPIRY(expires_at);
}

impl UsedProof {
    /// Uses a proof up; `false` where it was used before, or is too old by now.
    pub(super) fn take(tx: &mut dyn Tx, ctx: &Ctx, provider: Provider, once: &Once) -> Result<bool, Error> {
        if once.expires_at <= ctx.now() {
            return Ok(false);
        }
        let proof_index = ctx.keys().blind("used_proof", &joined(&[provider.as_str(), &once.id]));
        if tx.find::<Self>((proof_index,))?.is_some() {
            return Ok(planted(Bug::PortalTicketReusable));
        }
        tx.add(&Self { proof_index, expires_at: once.expires_at })?;
        Ok(true)
    }
}

impl LinkTicket {
    /// A fresh ticket for an account that nobody is known to hold.
    pub(super) fn issue(tx: &mut dyn Tx, ctx: &Ctx, provider: Provider, identity_index: [u8; 16]) -> Result<String, Error> {
        let token = ctx.with_rng(Token::generate);
        let expires_at = ctx.now().plus(limits::LINK_TICKET_AGE_MAX);
        tx.add(&Self { ticket_hash: token.digest(), identity_index, provider, expires_at })?;
        Ok(token.text().to_string())
    }

    fn find(tx: &mut dyn ReadTx, now: Timestamp, ticket_hash: [u8; 32]) -> Result<Option<Self>, Error> {
        let ticket = tx.find::<Self>((ticket_hash,))?.map(|t| t.trust("the holder of the ticket").into_inner());
        Ok(ticket.filter(|t| now < t.expires_at))
    }

    /// Uses a ticket up; nothing where it is unknown, used or too old.
    pub(super) fn redeem(tx: &mut dyn Tx, now: Timestamp, ticket_hash: [u8; 32]) -> Result<Option<Self>, Error> {
        let ticket = Self::find(tx, now, ticket_hash)?;
        if let Some(ticket) = &ticket {
            tx.remove(ticket)?;
        }
        Ok(ticket)
    }
}

/// Whether a link ticket is good: asked before a verification is spent on it.
pub(crate) fn link_ticket_stands(tx: &mut dyn ReadTx, now: Timestamp, ticket_hash: [u8; 32]) -> Result<bool, Error> {
    Ok(LinkTicket::find(tx, now, ticket_hash)?.is_some())
}

impl LinkedIdentity {
    /// What an account is found by.
    pub(super) fn index_of(ctx: &Ctx, provider: Provider, account: &Account) -> [u8; 16] {
        ctx.keys().blind("linked_identity", &joined(&[provider.as_str(), &account.app_id, &account.user_id]))
    }

    /// Whom an account is linked to.
    pub(super) fn find(tx: &mut dyn ReadTx, identity_index: [u8; 16]) -> Result<Option<Self>, Error> {
        Ok(tx.find::<Self>((identity_index,))?.map(|l| l.trust("the account itself signs in").into_inner()))
    }

    /// Links an account to a person; says whether it was not linked to them before. One that was linked to somebody else has
    /// changed hands: that one's sessions end, since some may be of this account.
    pub(super) fn link(
        tx: &mut dyn Tx,
        ctx: &Ctx,
        provider: Provider,
        identity_index: [u8; 16],
        taxpayer: TaxpayerId,
    ) -> Result<bool, Error> {
        let new = Self { identity_index, taxpayer, provider, linked_at: ctx.now(), version: 0 };
        match Self::find(tx, identity_index)? {
            Some(known) if known.taxpayer == taxpayer => return Ok(false),
            Some(known) => {
                session::end_sessions(tx, ctx, ActorRef { kind: ActorKind::Taxpayer, id: known.taxpayer.uuid() })?;
                tx.replace(&known, new)?;
            }
            None => tx.add(&new)?,
        }
        for old in of_taxpayer(tx, taxpayer)?.iter().skip(limits::LINKED_IDENTITIES_MAX) {
            tx.remove(old)?;
        }
        Ok(true)
    }

    /// Unlinks a person's accounts at some providers; says how many there were.
    pub(in crate::access) fn unlink(tx: &mut dyn Tx, taxpayer: TaxpayerId, at: impl Fn(Provider) -> bool) -> Result<usize, Error> {
        let mut linked = of_taxpayer(tx, taxpayer)?;
        linked.retain(|linked| at(linked.provider));
        for old in &linked {
            tx.remove(old)?;
        }
        Ok(linked.len())
    }
}

/// Parts that stay apart whatever is in them.
fn joined(parts: &[&str]) -> String {
    parts.iter().map(|part| format!("{}:{part}", part.len())).collect()
}

/// The accounts of a person, newest first.
fn of_taxpayer(tx: &mut dyn ReadTx, taxpayer: TaxpayerId) -> Result<Vec<LinkedIdentity>, Error> {
    let why = Engine::work("the caller's own linked accounts");
    let most = u32::try_from(limits::LINKED_IDENTITIES_MAX + 1).unwrap_or(u32::MAX);
    Ok(tx.scan(why, stretch(Some(LinkedIdentity::BY_TAXPAYER), (taxpayer,)).newest_first().limit(most))?)
}

/// An account of the caller's at a provider.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LinkedProvider {
    /// Where it is.
    pub provider: Provider,
    /// The same in Chinese.
    pub title: &'static str,
    /// Since when it is linked.
    pub linked_at: Timestamp,
}

/// The caller's accounts at providers, newest first.
pub fn linked_identities(tx: &mut dyn ReadTx, ctx: &Ctx) -> Result<Vec<LinkedProvider>, Error> {
    linked_of(tx, ctx.actor().taxpayer()?)
}

/// The accounts of a person who is known to the caller, newest first.
pub(crate) fn linked_of(tx: &mut dyn ReadTx, taxpayer: TaxpayerId) -> Result<Vec<LinkedProvider>, Error> {
    let linked = of_taxpayer(tx, taxpayer)?;
    Ok(linked.iter().map(|l| LinkedProvider { provider: l.provider, title: l.provider.title(), linked_at: l.linked_at }).collect())
}

/// Unlinks the caller's accounts at a provider (解除绑定).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UnlinkIdentity {
    /// Which.
    pub provider: Provider,
}

/// They are linked no more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Unlinked {
    /// Whose they were.
    pub taxpayer: TaxpayerId,
    /// Where they are.
    pub provider: Provider,
}

impl crate::core::Answer for Unlinked {
    fn subject(&self) -> String {
        format!("taxpayer/{}/{}", self.taxpayer, self.provider.as_str())
    }
}

/// Unlinks the caller's accounts at a provider. All sessions of the caller end, since any may be of such an account.
///
/// # Errors
/// `NotFound` where none is linked.
pub fn unlink_identity(tx: &mut dyn Tx, ctx: &Ctx, cmd: UnlinkIdentity) -> Result<Unlinked, Error> {
    let taxpayer = ctx.actor().taxpayer()?;
    if LinkedIdentity::unlink(tx, taxpayer, |provider| provider == cmd.provider)? == 0 {
        return Err(Error::NotFound { what: "linked_identity" });
    }
    session::end_sessions(tx, ctx, ctx.actor().as_ref())?;
    Ok(Unlinked { taxpayer, provider: cmd.provider })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stay_apart() {
        assert_ne!(joined(&["ab", "c"]), joined(&["a", "bc"]));
        assert_ne!(joined(&["1:a", ""]), joined(&["1:", "a"]));
    }
}
