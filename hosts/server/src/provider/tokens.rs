//! The access token of an app, fetched by one caller at a time and shared by all.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

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
    token: Option<Known>,
    failed: Option<(ProviderError, Instant)>,
}

struct Known {
    text: Zeroizing<String>,
    renew_at: Timestamp,
    ends_at: Timestamp,
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
        let known = state.token.as_ref().filter(|known| now < known.ends_at && refused != Some(known.text.as_str()));
        if let Some(known) = known.filter(|known| now < known.renew_at) {
            return Ok(known.text.clone());
        }
        // While it is still good, a renewal that fails does no harm.
        let meanwhile = known.map(|known| known.text.clone());
        if let Some((error, at)) = &state.failed
            && at.elapsed() < FAILURE_SHARED
        {
            return meanwhile.ok_or_else(|| error.clone());
        }
        match fetch() {
            Ok(Fetched { text, good_for }) => {
                let renew_at = now.plus(good_for.saturating_sub(RENEWED_BEFORE).max(RENEWED_BEFORE.min(good_for) / 2));
                let known = Known { text: text.clone(), renew_at, ends_at: now.plus(good_for) };
                *state = State { token: Some(known), failed: None };
                Ok(text)
            }
            Err(error) => {
                // From its end on: those who waited for it came after its beginning.
                state.failed = Some((error.clone(), moment()));
                meanwhile.ok_or(error)
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "how long a failure is shared is measured, whatever the clock of the core says")]
fn moment() -> Instant {
    Instant::now()
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
        assert!(tokens.get(at(3600), None, || panic!("asked again at once")).is_err());
        let long_ago = moment().checked_sub(FAILURE_SHARED).unwrap();
        tokens.0.lock().unwrap().failed.as_mut().unwrap().1 = long_ago;
        assert!(tokens.get(at(0), None, || fetched(2)).is_ok());
        // An early renewal that fails leaves what is still good, to its end; what was refused is not given again.
        assert_eq!(tokens.get(at(7000), None, failed).unwrap().as_str(), "token 2");
        assert!(tokens.get(at(7000), Some("token 2"), failed).is_err());
        assert!(tokens.get(at(7200), None, failed).is_err());
    }
}
