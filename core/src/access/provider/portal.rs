//! The provincial portal's signed tickets (吉事办): a portal page opens ours with a ticket that says who is signed in there.
//!
//! A ticket is `zt1.PAYLOAD.SIGNATURE`, both base64url without padding: the payload is JSON, the signature 64 bytes `r | s`,
//! SM2 with SM3 over the bytes `zt1.PAYLOAD`. There is one algorithm and no field that names one, so none can be swapped.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::{Account, Assertion, IdentityProvider, Once, Provider, ProviderError, VerifiedPerson};
use crate::clock::Timestamp;
use crate::crypto::{unhex, verify};
use crate::identity::{NumberKind, RealNameLevel};
use crate::limits;

const PREFIX: &str = "zt1";

/// The portal's tickets, for one app of it.
#[derive(Clone, Debug)]
pub struct PortalTickets {
    issuer: String,
    audience: String,
    public_key: Vec<u8>,
}

/// The portal's key is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an SM2 public key, the point 04 x y in 130 hexadecimal digits")]
pub struct TicketKeyError;

/// What a ticket says.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    /// Account at the portal.
    sub: String,
    /// Seconds since 1970.
    iat: i64,
    nbf: Option<i64>,
    exp: i64,
    jti: String,
    person: Option<ClaimedPerson>,
}

#[derive(Deserialize)]
struct ClaimedPerson {
    name: String,
    number_kind: NumberKind,
    number: String,
    phone: Option<String>,
    level: RealNameLevel,
    /// Seconds since 1970.
    verified_at: i64,
}

impl PortalTickets {
    /// Tickets of `issuer` for the app `audience`, signed with the private half of `public_key`.
    ///
    /// # Errors
    /// [`TicketKeyError`].
    pub fn new(issuer: &str, audience: &str, public_key: &str) -> Result<Self, TicketKeyError> {
        let public_key = unhex(public_key.trim()).ok_or(TicketKeyError)?;
        if !crate::crypto::is_public_key(&public_key) {
            return Err(TicketKeyError);
        }
        Ok(Self { issuer: issuer.to_owned(), audience: audience.to_owned(), public_key })
    }

    /// The claims of a ticket whose signature, addressee and time are good.
    fn open(&self, ticket: &str, now: Timestamp) -> Option<Claims> {
        let (signed, signature) = ticket.rsplit_once('.')?;
        let payload = signed.strip_prefix(PREFIX)?.strip_prefix('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        // The signature first: nothing that a stranger wrote is read further.
        if !verify(&self.public_key, signed.as_bytes(), &signature) {
            return None;
        }
        let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        let (issued, expires) = (seconds(claims.iat)?, seconds(claims.exp)?);
        let from = claims.nbf.map_or(Some(issued), seconds)?;
        let good = claims.iss == self.issuer
            && claims.aud == self.audience
            && !claims.sub.is_empty()
            && !claims.jti.is_empty()
            && issued.max(from) <= now.plus(limits::CLOCK_SKEW_MAX)
            && now < expires
            && expires <= issued.plus(limits::PORTAL_TICKET_AGE_MAX);
        good.then_some(claims)
    }
}

fn seconds(since_1970: i64) -> Option<Timestamp> {
    since_1970.checked_mul(1_000_000).map(Timestamp::from_micros)
}

impl IdentityProvider for PortalTickets {
    fn provider(&self) -> Provider {
        Provider::Portal
    }

    fn exchange(&self, proof: &str, now: Timestamp) -> Result<Assertion, ProviderError> {
        let claims = self.open(proof, now).ok_or(ProviderError::Spent)?;
        let person = match claims.person {
            Some(p) => Some(VerifiedPerson {
                name: p.name,
                number_kind: p.number_kind,
                number: p.number,
                phone: p.phone,
                level: p.level,
                verified_at: seconds(p.verified_at).ok_or(ProviderError::Spent)?,
                authority: None,
                relations: Vec::new(),
            }),
            None => None,
        };
        let expires_at = seconds(claims.exp).ok_or(ProviderError::Spent)?;
        Ok(Assertion {
            account: Account { app_id: self.audience.clone(), user_id: claims.sub },
            once: Some(Once { id: claims.jti, expires_at }),
            person,
        })
    }
}
