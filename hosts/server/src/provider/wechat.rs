//! WeChat: sign-in codes of the mini-program (`jscode2session`) and of web pages in the official account (`oauth2/access_token`),
//! and phones of mini-program users (`getuserphonenumber`). `docs/outside-systems.md` has the interface and its error codes.
//!
//! `session_key` and the user's own access token are dropped here: nothing else ever sees them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use zeroize::Zeroizing;
use zhengna_core::Timestamp;
use zhengna_core::access::{Account, Assertion, IdentityProvider, PhoneProvider, Provider, ProviderError};
use zhengna_core::identity::MobilePhone;

use super::tokens::{Fetched, Tokens};
use super::{CALL_MAX, Failure, patiently, with_token};
use crate::outbound;

/// "Too many a minute" lasts so long.
const MINUTE: Duration = Duration::from_secs(60);

/// What an `errcode` asks of us; the table of docs/outside-systems.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Good,
    Again,
    SlowDown,
    QuotaUsedUp,
    NewToken,
    Spent,
    AccountRefused,
    Fail,
}

fn class_of(errcode: i64) -> Class {
    match errcode {
        0 => Class::Good,
        -1 => Class::Again,
        45011 => Class::SlowDown,
        45009 => Class::QuotaUsedUp,
        40001 | 40014 | 42001 => Class::NewToken,
        40029 | 40163 => Class::Spent,
        40226 | 40003 | 43004 | 43101 | 50002 => Class::AccountRefused,
        _ => Class::Fail,
    }
}

/// WeChat for one app.
pub(super) struct WeChat {
    agent: ureq::Agent,
    url: String,
    app_id: String,
    secret: Zeroizing<String>,
    tokens: Tokens,
    /// Calls whose quota of the minute or the day is used up, until when.
    used_up: Mutex<BTreeMap<&'static str, Timestamp>>,
}

impl WeChat {
    pub(super) fn new(url: &str, app_id: &str, secret: Zeroizing<String>) -> Self {
        let (url, app_id) = (url.trim_end_matches('/').to_owned(), app_id.to_owned());
        Self { agent: outbound::agent(CALL_MAX), url, app_id, secret, tokens: Tokens::default(), used_up: Mutex::default() }
    }

    /// Exchanges a code for the account that it was given to. Only ids leave this function.
    fn account_of(&self, path: &'static str, code: (&str, &str), now: Timestamp) -> Result<Account, ProviderError> {
        let answer = self.ask(path, now, || {
            let request = self.agent.get(format!("{}{path}", self.url)).query("appid", &self.app_id).query("secret", self.secret.as_str());
            outbound::json_of(request.query(code.0, code.1).query("grant_type", "authorization_code").call())
        })?;
        let user_id = answer["openid"].as_str().filter(|id| !id.is_empty()).ok_or_else(|| strange(path))?;
        Ok(Account { app_id: self.app_id.clone(), user_id: user_id.to_owned() })
    }

    /// Calls until the answer is good or its class says to stop.
    fn ask(&self, path: &'static str, now: Timestamp, call: impl Fn() -> Result<(u16, Value), String>) -> Result<Value, Failure> {
        self.may_speak(path, now)?;
        patiently(|| {
            let (status, answer) = call().map_err(ProviderError::Unavailable)?;
            if status >= 500 {
                return Err(ProviderError::Unavailable(format!("status {status}")).into());
            }
            if !answer.is_object() {
                return Err(ProviderError::Unavailable(format!("status {status}, and no JSON")).into());
            }
            let errcode = answer["errcode"].as_i64().unwrap_or(0);
            match class_of(errcode) {
                Class::Good => Ok(Some(answer)),
                Class::Again => Ok(None),
                // Codes are counted for each user of WeChat: others go on. All else is counted for the app.
                Class::SlowDown if path.starts_with(CODES) => Err(busy(MINUTE).into()),
                Class::SlowDown => Err(self.be_silent(path, now, MINUTE).into()),
                Class::QuotaUsedUp => {
                    tracing::error!(app = self.app_id, path, "WeChat's daily quota is used up");
                    Err(self.be_silent(path, now, until_tomorrow(now)).into())
                }
                Class::NewToken => Err(Failure::TokenRefused),
                Class::Spent => Err(ProviderError::Spent.into()),
                Class::AccountRefused => Err(ProviderError::AccountRefused.into()),
                Class::Fail => Err(ProviderError::Misconfigured(format!("errcode {errcode}")).into()),
            }
        })
    }

    /// The same with the app's token, which is replaced once where it is refused.
    fn ask_with_token(&self, path: &'static str, body: &Value, now: Timestamp) -> Result<Value, ProviderError> {
        let call = |token: &str| {
            let request = self.agent.post(format!("{}{path}", self.url)).query("access_token", token);
            outbound::json_of(request.header("content-type", "application/json").send(body.to_string()))
        };
        with_token(|refused| self.token(now, refused), |token| self.ask(path, now, || call(token)))
    }

    /// The app's stable token. Asking again gives the same one while it is good; where that one is refused, another is forced.
    fn token(&self, now: Timestamp, refused: Option<&str>) -> Result<Zeroizing<String>, ProviderError> {
        let fetch = |force: bool| {
            let body =
                json!({ "grant_type": "client_credential", "appid": self.app_id, "secret": self.secret.as_str(), "force_refresh": force });
            let answer = self.ask(TOKEN_PATH, now, || {
                let request = self.agent.post(format!("{}{TOKEN_PATH}", self.url)).header("content-type", "application/json");
                outbound::json_of(request.send(body.to_string()))
            })?;
            let text = answer["access_token"].as_str().filter(|t| !t.is_empty()).ok_or_else(|| strange("stable_token"))?;
            let good_for = answer["expires_in"].as_u64().filter(|s| (1..=7200).contains(s)).ok_or_else(|| strange("expires_in"))?;
            let good_for = Duration::from_secs(good_for);
            Ok(Fetched { text: Zeroizing::new(text.to_owned()), good_for })
        };
        self.tokens.get(now, refused, || match fetch(false)? {
            same if refused == Some(same.text.as_str()) => fetch(true),
            fresh => Ok(fresh),
        })
    }

    fn may_speak(&self, path: &'static str, now: Timestamp) -> Result<(), ProviderError> {
        let silent_until = self.used_up.lock().unwrap_or_else(PoisonError::into_inner).get(path).copied(); // nothing panics while holding it
        match silent_until.filter(|until| now < *until) {
            Some(until) => Err(busy(until.since(now))),
            None => Ok(()),
        }
    }

    fn be_silent(&self, path: &'static str, now: Timestamp, long: Duration) -> ProviderError {
        self.used_up.lock().unwrap_or_else(PoisonError::into_inner).insert(path, now.plus(long));
        busy(long)
    }
}

/// Where codes are exchanged.
const CODES: &str = "/sns/";
const TOKEN_PATH: &str = "/cgi-bin/stable_token";

fn busy(long: Duration) -> ProviderError {
    ProviderError::Busy { retry_after_s: u32::try_from(long.as_micros().div_ceil(1_000_000)).unwrap_or(u32::MAX) }
}

fn strange(what: &str) -> ProviderError {
    ProviderError::Misconfigured(format!("{what} answers what cannot be understood"))
}

/// Quotas are counted by the day of Beijing.
fn until_tomorrow(now: Timestamp) -> Duration {
    const DAY: i64 = 24 * 3600 * 1_000_000;
    const BEIJING: i64 = 8 * 3600 * 1_000_000;
    Duration::from_micros(u64::try_from(DAY - (now.micros() + BEIJING).rem_euclid(DAY)).unwrap_or(0))
}

/// The mini-program.
pub(super) struct MiniProgram(pub(super) WeChat);

impl IdentityProvider for MiniProgram {
    fn provider(&self) -> Provider {
        Provider::MiniProgram
    }

    fn exchange(&self, proof: &str, now: Timestamp) -> Result<Assertion, ProviderError> {
        let account = self.0.account_of("/sns/jscode2session", ("js_code", proof), now)?;
        Ok(Assertion { account, once: None, person: None })
    }
}

impl PhoneProvider for MiniProgram {
    fn phone_of(&self, code: &str, now: Timestamp) -> Result<MobilePhone, ProviderError> {
        let answer = self.0.ask_with_token("/wxa/business/getuserphonenumber", &json!({ "code": code }), now)?;
        let info = &answer["phone_info"];
        // A phone that was told to another app is not told to us.
        if info["watermark"]["appid"].as_str() != Some(&self.0.app_id) {
            return Err(ProviderError::Spent);
        }
        if info["countryCode"].as_str() != Some("86") {
            return Err(ProviderError::AccountRefused);
        }
        let phone = info["purePhoneNumber"].as_str().ok_or_else(|| strange("getuserphonenumber"))?;
        MobilePhone::parse(phone).map_err(|_| ProviderError::AccountRefused)
    }
}

/// Web pages in the official account.
pub(super) struct OfficialAccount(pub(super) WeChat);

impl IdentityProvider for OfficialAccount {
    fn provider(&self) -> Provider {
        Provider::OfficialAccount
    }

    fn exchange(&self, proof: &str, now: Timestamp) -> Result<Assertion, ProviderError> {
        let account = self.0.account_of("/sns/oauth2/access_token", ("code", proof), now)?;
        Ok(Assertion { account, once: None, person: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_of_the_table() {
        let table = [
            (0, Class::Good),
            (-1, Class::Again),
            (45011, Class::SlowDown),
            (45009, Class::QuotaUsedUp),
            (40001, Class::NewToken),
            (40014, Class::NewToken),
            (42001, Class::NewToken),
            (40029, Class::Spent),
            (40163, Class::Spent),
            (40226, Class::AccountRefused),
            (43101, Class::AccountRefused),
            (43004, Class::AccountRefused),
            (40003, Class::AccountRefused),
            (50002, Class::AccountRefused),
            (40013, Class::Fail),
            (40125, Class::Fail),
            (40164, Class::Fail),
            (48001, Class::Fail),
        ];
        for (errcode, class) in table {
            assert_eq!(class_of(errcode), class, "{errcode}");
        }
    }

    #[test]
    fn a_day_ends_at_midnight_in_beijing() {
        let at = |text| Timestamp::parse(text).unwrap();
        assert_eq!(until_tomorrow(at("2026-11-27T23:59:59+08:00")), Duration::from_secs(1));
        assert_eq!(until_tomorrow(at("2026-11-27T00:00:00+08:00")), Duration::from_secs(24 * 3600));
        assert_eq!(until_tomorrow(at("2026-11-27T00:00:00+00:00")), Duration::from_secs(16 * 3600));
    }
}
