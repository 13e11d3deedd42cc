//! Identity providers: outside systems that say who somebody is. A client brings what a provider gave it (a code, a
//! ticket), the host exchanges it there, and the core settles whose session begins.
//!
//! An account at a provider is known by (provider, app id, user id) and is linked to a person only when a provider that
//! compares people with their papers has said who holds it: never by phone, never by what a client or a header says
//! (CVE-2026-34720, CVE-2026-84458).

mod linked;
mod portal;
mod sign_in;

use serde::{Deserialize, Serialize};

pub use linked::{LinkTicket, LinkedIdentity, LinkedProvider, UnlinkIdentity, Unlinked, UsedProof, linked_identities, unlink_identity};
pub(crate) use linked::{link_ticket_stands, linked_of};
pub use portal::{PortalTickets, TicketKeyError};
pub use sign_in::{ProviderOutcome, ProviderSignIn, SignInWithProvider, sign_in_with_provider};

use crate::clock::Timestamp;
use crate::error::{Error, Problem};
use crate::identity::{AuthorityCode, CaptureChannel, MobilePhone, NumberKind, RealNameLevel, Role};
use crate::limits;

words! {
    /// An outside system that says who somebody is.
    pub enum Provider {
        /// 微信小程序: `wx.login`, then `code2session`.
        MiniProgram = "mini_program",
        /// 微信公众号 (H5): web page authorisation.
        OfficialAccount = "official_account",
        /// 吉事办: the provincial portal, by signed ticket.
        Portal = "portal",
        /// 电子税务局: its identity service.
        ElectronicTaxBureau = "electronic_tax_bureau",
    }
}

impl Provider {
    /// Its name in Chinese.
    pub const fn title(self) -> &'static str {
        match self {
            Self::MiniProgram => "微信小程序",
            Self::OfficialAccount => "微信公众号",
            Self::Portal => "吉事办",
            Self::ElectronicTaxBureau => "电子税务局",
        }
    }

    /// The channel its word about a person comes by; nothing for those that only know accounts.
    pub const fn vouches_by(self) -> Option<CaptureChannel> {
        match self {
            Self::MiniProgram | Self::OfficialAccount => None,
            Self::Portal => Some(CaptureChannel::Portal),
            Self::ElectronicTaxBureau => Some(CaptureChannel::ElectronicTaxBureau),
        }
    }
}

/// What a provider is asked. The core holds the rules; who implements this talks to the outside and knows none.
pub trait IdentityProvider: Send + Sync {
    /// Which.
    fn provider(&self) -> Provider;

    /// Exchanges what a client brought for what the provider says of whoever it gave it to. Blocks, for some seconds at
    /// most. `proof` has at most [`limits::PROOF_CHARS_MAX`](crate::limits::PROOF_CHARS_MAX) characters.
    ///
    /// # Errors
    /// [`ProviderError`].
    fn exchange(&self, proof: &str, now: Timestamp) -> Result<Assertion, ProviderError>;
}

/// Gives the phone that a person lets WeChat tell us.
pub trait PhoneProvider: Send + Sync {
    /// Exchanges the code of a tap on "allow" for the phone. Blocks, for some seconds at most.
    ///
    /// # Errors
    /// [`ProviderError`].
    fn phone_of(&self, code: &str, now: Timestamp) -> Result<MobilePhone, ProviderError>;
}

/// What a provider says of whoever brought the proof. Personal: `Debug` shows nothing of it.
#[derive(Clone, Serialize)]
pub struct Assertion {
    /// Their account there.
    pub account: Account,
    /// What must not be used again, where it is ours to see to it: a signed ticket. Codes are single-use at the provider.
    pub once: Option<Once>,
    /// Who they are, where the provider compared them with their papers.
    pub person: Option<VerifiedPerson>,
}

impl std::fmt::Debug for Assertion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Assertion(..)")
    }
}

/// An account at a provider. A user id means nothing without the app it was given to.
#[derive(Clone, Serialize)]
pub struct Account {
    /// The app as the provider knows it.
    pub app_id: String,
    /// The user as that app knows them, such as an openid.
    pub user_id: String,
}

/// A proof that may be used once.
#[derive(Clone, Serialize)]
pub struct Once {
    /// Its id at the provider.
    pub id: String,
    /// It is useless from then on, so that nobody need remember it longer.
    pub expires_at: Timestamp,
}

/// A person whom a provider compared with their papers.
#[derive(Clone, Serialize)]
pub struct VerifiedPerson {
    /// Name.
    pub name: String,
    /// Which register the number is from.
    pub number_kind: NumberKind,
    /// Number of the paper.
    pub number: String,
    /// Phone registered to them there.
    pub phone: Option<String>,
    /// How strongly.
    pub level: RealNameLevel,
    /// When.
    pub verified_at: Timestamp,
    /// The authority in charge, where it is known there.
    pub authority: Option<AuthorityCode>,
    /// For whom they act, released ones too; empty where the provider does not know.
    pub relations: Vec<AssertedRelation>,
}

/// A relation as a provider knows it.
#[derive(Clone, Serialize)]
pub struct AssertedRelation {
    /// Number of the enterprise.
    pub enterprise: String,
    /// As what.
    pub role: Role,
    /// From then on.
    pub starts_at: Timestamp,
    /// Until then, not included.
    pub ends_at: Option<Timestamp>,
    /// True where it was released (解除).
    pub released: bool,
}

/// Why a provider said nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// The code or ticket is wrong, too old, used, or for another app: they answer alike.
    #[error("the code or ticket is good no more")]
    Spent,
    /// The provider does not let this account in.
    #[error("the provider does not let this account in")]
    AccountRefused,
    /// The provider asks for fewer calls.
    #[error("the provider asks for fewer calls")]
    Busy {
        /// Try again after so many seconds.
        retry_after_s: u32,
    },
    /// The provider does not answer, or says that it cannot now.
    #[error("the provider does not answer: {0}")]
    Unavailable(String),
    /// The provider refuses us, or says what cannot be understood: somebody must look. The text is for the log.
    #[error("the provider refuses us: {0}")]
    Misconfigured(String),
    /// This host does not offer the provider.
    #[error("this host does not offer the provider")]
    NotOffered,
}

/// What a client brings from a provider.
#[derive(Clone, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// The code of `wx.login` or of web page authorisation, the portal's ticket, or the code of the e-tax bureau.
    pub proof: String,
    /// `related` of an earlier refusal `access.not_linked`: the account of that sign-in is linked to whom this one verifies.
    #[serde(default)]
    pub link: Option<String>,
}

/// Refuses a proof that is empty, or longer than any provider's.
pub(crate) fn within_a_proof(field: &'static str, proof: &str) -> Result<(), Error> {
    if proof.is_empty() {
        return Err(Error::invalid(field, Problem::Empty));
    }
    if proof.chars().count() > limits::PROOF_CHARS_MAX {
        return Err(Error::invalid(field, Problem::TooLong { max: limits::PROOF_CHARS_MAX }));
    }
    Ok(())
}
