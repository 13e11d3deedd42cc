//! The access token of an app, fetched by one caller at a time and shared by all.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use zeroize::Zeroizing;
use zhengna_core::Timestamp;
use zhengna_core::access::ProviderError;

/// A token is renewed so long before it ends; both are good meanwhile.
const RENEWED_BEFORE: Duration = Duration::from_secs(5 * 60);
/// A failure is everybody's for so long: those who waited for the same token do not ask again one by one.
const FAILURE_SHARED: Duration = Duration::from_secs(1);

/// A token as a provider gave it.
pub(super) struct Fetched {
    pub(super) text: Zeroizing<String>,
    pub(super) good_for: Duration,
}

#[derive(Default)]
struct State {
    token: Option<(Zeroizing<String>, Timestamp)>,
    failed: Option<(ProviderError, Timestamp)>,
}

/// See the [module](self).
#[derive(Default)]
pub(super) struct Tokens(Mutex<State>);

impl Tokens {
    /// A token that is good at `now`. `refused` is one that the provider no longer takes: it is replaced, unless somebody else has
    /// replaced it already. Whoever comes while one fetches waits for that one.
    pub(super) fn get(
        &self,
        now: Timestamp,
        refused: Option<&str>,
        fetch: impl FnOnce() -> Result<Fetched, ProviderError>,
    ) -> Result<Zeroizing<String>, ProviderError> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner); // a fetch that panicked has changed nothing
        if let Some((token, renew_at)) = &state.token
            && now < *renew_at
            && refused != Some(token.as_str())
        {
            return Ok(token.clone());
        }
        if let Some((error, until)) = &state.failed
            && now < *until
        {
            return Err(error.clone());
        }
        match fetch() {
            Ok(Fetched { text, good_for }) => {
                let renew_at = now.plus(good_for.saturating_sub(RENEWED_BEFORE).max(RENEWED_BEFORE.min(good_for) / 2));
                *state = State { token: Some((text.clone(), renew_at)), failed: None };
                Ok(text)
            }
            Err(error) => {
                *state = State { token: None, failed: Some((error.clone(), now.plus(FAILURE_SHARED))) };
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn fetched(n: u32) -> Result<Fetched, ProviderError> {
        Ok(Fetched { text: Zeroizing::new(format!("token {n}")), good_for: Duration::from_secs(7200) })
    }

    #[test]
    fn one_fetches_and_all_have_it() {
        let (tokens, calls, together) = (Tokens::default(), AtomicU32::new(0), Barrier::new(16));
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    together.wait();
                    let token = tokens.get(at(0), None, || fetched(calls.fetch_add(1, Ordering::SeqCst))).unwrap();
                    assert_eq!(token.as_str(), "token 0");
                });
            }
        });
        // All of them are refused the same token: one replaces it.
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| tokens.get(at(1), Some("token 0"), || fetched(calls.fetch_add(1, Ordering::SeqCst))).unwrap());
            }
        });
        assert_eq!(calls.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn renewed_before_it_ends() {
        let tokens = Tokens::default();
        assert_eq!(tokens.get(at(0), None, || fetched(1)).unwrap().as_str(), "token 1");
        assert_eq!(tokens.get(at(7200 - 301), None, || fetched(2)).unwrap().as_str(), "token 1");
        assert_eq!(tokens.get(at(7200 - 300), None, || fetched(3)).unwrap().as_str(), "token 3");
    }

    #[test]
    fn a_failure_is_shared_for_a_second() {
        let tokens = Tokens::default();
        let failed = || Err(ProviderError::Unavailable("timed out".into()));
        assert!(tokens.get(at(0), None, failed).is_err());
        assert!(tokens.get(at(0), None, || fetched(1)).is_err());
        assert!(tokens.get(at(1), None, || fetched(2)).is_ok());
    }
}
