//! A provider that believes its client, for tests of what comes behind a provider.

use std::sync::Arc;

use zhengna_core::Timestamp;
use zhengna_core::access::{Account, Assertion, IdentityProvider, PhoneProvider, Provider, ProviderError, VerifiedPerson};
use zhengna_core::identity::{MobilePhone, NumberKind, RealNameLevel};

use crate::world::{person, start};

/// The proof `USER` is an account that nobody is known to hold; `USER=N` is one of [`person`] `N`, verified by face. The code for a phone
/// is the phone. Anything else is spent.
pub struct Believes(pub Provider);

impl IdentityProvider for Believes {
    fn provider(&self) -> Provider {
        self.0
    }

    fn exchange(&self, proof: &str, _: Timestamp) -> Result<Assertion, ProviderError> {
        let (user, number) = proof.split_once('=').map_or((proof, None), |(user, n)| (user, Some(n)));
        let number = number.map(|n| n.parse().map_err(|_| ProviderError::Spent)).transpose()?;
        let account = Account { app_id: "app".into(), user_id: user.into() };
        Ok(Assertion { account, once: None, person: number.map(verified) })
    }
}

impl PhoneProvider for Believes {
    fn phone_of(&self, code: &str, _: Timestamp) -> Result<MobilePhone, ProviderError> {
        MobilePhone::parse(code).map_err(|_| ProviderError::Spent)
    }
}

/// A provider that says what it was told to say, whatever the proof.
pub struct Says(pub Provider, pub Assertion);

impl IdentityProvider for Says {
    fn provider(&self) -> Provider {
        self.0
    }

    fn exchange(&self, _: &str, _: Timestamp) -> Result<Assertion, ProviderError> {
        Ok(self.1.clone())
    }
}

/// All that a host can offer, each of which believes its client.
pub fn believing() -> Vec<Arc<dyn IdentityProvider>> {
    Provider::ALL.iter().map(|provider| Arc::new(Believes(*provider)) as Arc<dyn IdentityProvider>).collect()
}

/// [`person`] `n` as a provider knows them that has seen their face.
pub fn verified(n: usize) -> VerifiedPerson {
    let known = person(n);
    VerifiedPerson {
        name: known.name,
        number_kind: NumberKind::ResidentId,
        number: known.number,
        phone: None,
        level: RealNameLevel::Face,
        verified_at: start(),
        authority: None,
        relations: Vec::new(),
    }
}
