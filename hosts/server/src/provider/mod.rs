//! Clients of the identity providers: what they are asked and what their answers mean. Whose session begins is the core's affair.

pub mod tax_bureau;
mod tokens;
mod wechat;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tax_bureau::TaxBureau;
use wechat::{MiniProgram, OfficialAccount, WeChat};
use zeroize::Zeroizing;
use zhengna_core::Error;
use zhengna_core::access::{IdentityProvider, PhoneProvider, PortalTickets, Provider, ProviderError, TicketKeyError};

use crate::config;
use crate::secret_file::{self, SecretFileError};

/// One call, all of it.
const CALL_MAX: Duration = Duration::from_secs(5);
/// Calls that a provider asks to repeat are made so often.
const ATTEMPTS: u32 = 3;
/// Before the second attempt; doubles.
const PAUSE: Duration = Duration::from_millis(100);

/// Why the providers cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum ProvidersError {
    /// A secret's file.
    #[error("{0}")]
    File(#[from] SecretFileError),
    /// What is in it.
    #[error("the secret in {} must be one line of 16 to 128 visible characters", .0.display())]
    Secret(PathBuf),
    /// The portal's key.
    #[error("portal.public_key {0}")]
    Key(#[from] TicketKeyError),
}

/// The providers that this host offers. Cheap to clone.
#[derive(Clone, Default)]
pub struct Providers {
    offered: Vec<Arc<dyn IdentityProvider>>,
    phones: Option<Arc<dyn PhoneProvider>>,
}

impl Providers {
    /// Those that the configuration names. Reads their secrets; calls nobody.
    ///
    /// # Errors
    /// [`ProvidersError`].
    pub fn open(config: &config::Providers) -> Result<Self, ProvidersError> {
        let mut providers = Self::default();
        if let Some(app) = &config.mini_program {
            let mini_program = Arc::new(MiniProgram(WeChat::new(&config.wechat_url, &app.app_id, secret(&app.secret_file)?)));
            providers.offered.push(mini_program.clone());
            providers.phones = Some(mini_program);
        }
        if let Some(app) = &config.official_account {
            let wechat = WeChat::new(&config.wechat_url, &app.app_id, secret(&app.secret_file)?);
            providers.offered.push(Arc::new(OfficialAccount(wechat)));
        }
        if let Some(portal) = &config.portal {
            providers.offered.push(Arc::new(PortalTickets::new(&portal.issuer, &portal.audience, &portal.public_key)?));
        }
        if let Some(bureau) = &config.tax_bureau {
            providers.offered.push(Arc::new(TaxBureau::new(&bureau.url, &bureau.client_id, secret(&bureau.secret_file)?)));
        }
        Ok(providers)
    }

    /// These: for tests, which bring their own.
    pub fn of(offered: Vec<Arc<dyn IdentityProvider>>, phones: Arc<dyn PhoneProvider>) -> Self {
        Self { offered, phones: Some(phones) }
    }

    /// Whether none is offered.
    pub fn is_empty(&self) -> bool {
        self.offered.is_empty()
    }

    /// One of them.
    ///
    /// # Errors
    /// `Provider(NotOffered)`.
    pub fn find(&self, provider: Provider) -> Result<Arc<dyn IdentityProvider>, Error> {
        let found = self.offered.iter().find(|offered| offered.provider() == provider);
        found.cloned().ok_or(Error::Provider(ProviderError::NotOffered))
    }

    /// Who tells phones.
    ///
    /// # Errors
    /// `Provider(NotOffered)`.
    pub fn phones(&self) -> Result<Arc<dyn PhoneProvider>, Error> {
        self.phones.clone().ok_or(Error::Provider(ProviderError::NotOffered))
    }
}

/// Why a call was not answered.
enum Failure {
    /// The app's token is taken no more.
    TokenRefused,
    /// For any other reason.
    Told(ProviderError),
}

impl From<ProviderError> for Failure {
    fn from(error: ProviderError) -> Self {
        Self::Told(error)
    }
}

impl From<Failure> for ProviderError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::TokenRefused => Self::Misconfigured("the app's token is refused".into()),
            Failure::Told(error) => error,
        }
    }
}

/// Calls with the app's token, which is replaced once where it is refused. `token` is given the refused one.
fn with_token<R>(
    token: impl Fn(Option<&str>) -> Result<Zeroizing<String>, ProviderError>,
    call: impl Fn(&str) -> Result<R, Failure>,
) -> Result<R, ProviderError> {
    let first = token(None)?;
    match call(&first) {
        Err(Failure::TokenRefused) => Ok(call(&token(Some(&first))?)?),
        other => Ok(other?),
    }
}

/// Calls until there is an answer; `None` is "busy, ask again".
fn patiently<R>(mut call: impl FnMut() -> Result<Option<R>, Failure>) -> Result<R, Failure> {
    let mut pause = PAUSE;
    for attempt in 1..=ATTEMPTS {
        if let Some(answer) = call()? {
            return Ok(answer);
        }
        if attempt < ATTEMPTS {
            std::thread::sleep(pause);
            pause *= 2;
        }
    }
    Err(ProviderError::Unavailable(format!("busy {ATTEMPTS} times")).into())
}

/// A secret that a vendor gave out.
fn secret(file: &std::path::Path) -> Result<Zeroizing<String>, ProvidersError> {
    let text = secret_file::read(file)?;
    let secret = text.trim();
    if !(16..=128).contains(&secret.len()) || !secret.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(ProvidersError::Secret(file.to_owned()));
    }
    Ok(Zeroizing::new(secret.to_owned()))
}
