//! One-time codes by time (TOTP, RFC 6238): what an officer's telephone shows beside the password.
//!
//! HMAC-SHA-1 because that is what every authenticator understands; HMAC does not lean on the collisions SHA-1 is
//! known for. Nothing else here uses SHA-1.

use std::time::Duration;

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rand_core::Rng as _;
use sha1::Sha1;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::Rng;
use crate::clock::Timestamp;

/// How long one code is shown. Source: RFC 6238, 5.2.
pub const TOTP_STEP: Duration = Duration::from_secs(30);
/// Digits of a code. Source: RFC 4226, 5.3.
pub const TOTP_DIGITS: usize = 6;
/// Steps before and after the present one whose codes are taken too: clocks differ, people type slowly.
pub const TOTP_STEPS_AROUND: i64 = 1;
/// Bytes of a secret. Source: RFC 4226, 4 (R6): 160 bits.
pub const TOTP_SECRET_BYTES: usize = 20;

/// A new secret.
pub(crate) fn new_secret(rng: &mut Rng) -> Zeroizing<[u8; TOTP_SECRET_BYTES]> {
    let mut secret = Zeroizing::new([0; TOTP_SECRET_BYTES]);
    rng.fill_bytes(&mut *secret);
    secret
}

/// The step that holds this instant.
#[must_use]
pub fn totp_step(now: Timestamp) -> i64 {
    now.micros().div_euclid(TOTP_STEP.as_micros() as i64) // 30 seconds in microseconds fit
}

/// The number a code is the last digits of (RFC 4226, 5.3).
fn truncated(secret: &[u8], step: i64) -> u32 {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length (RFC 2104, 2), so making one cannot fail")]
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).expect("any key length");
    mac.update(&step.to_be_bytes());
    let digest: [u8; 20] = mac.finalize().into_bytes().into();
    let at = usize::from(digest[19] & 15); // at most 15, and four bytes from there are within the 20
    u32::from_be_bytes([digest[at], digest[at + 1], digest[at + 2], digest[at + 3]]) & 0x7fff_ffff
}

/// The code of a step: what an authenticator with this secret shows.
#[must_use]
pub fn totp_code(secret: &[u8], step: i64) -> String {
    format!("{:0width$}", truncated(secret, step) % 10u32.pow(TOTP_DIGITS as u32), width = TOTP_DIGITS)
}

/// The step whose code was typed: the present one or one beside it, and later than `last`, so that each code is good
/// once. Every candidate is computed and compared in constant time.
pub(crate) fn accepted_step(secret: &[u8], typed: &str, now: Timestamp, last: i64) -> Option<i64> {
    let present = totp_step(now);
    let mut accepted = None;
    for step in present - TOTP_STEPS_AROUND..=present + TOTP_STEPS_AROUND {
        let fits = bool::from(totp_code(secret, step).as_bytes().ct_eq(typed.as_bytes()));
        if fits && step > last {
            accepted = Some(step);
        }
    }
    accepted
}

/// What an authenticator is given, as a picture or by hand: `otpauth://totp/..`, everything that is not a letter or a
/// digit percent-encoded, for authenticators that read Chinese only so.
pub(crate) fn uri(secret: &[u8], issuer: &str, account: &str) -> Zeroizing<String> {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let (issuer, account, seconds) = (encoded(issuer), encoded(account), TOTP_STEP.as_secs());
    let secret = Zeroizing::new(BASE32_NOPAD.encode(secret));
    Zeroizing::new(format!(
        "otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}&algorithm=SHA1&digits={TOTP_DIGITS}&period={seconds}",
        *secret
    ))
}

/// The secret of an `otpauth` URI, as an authenticator reads it: for tests that play one.
#[cfg(feature = "testing")]
pub fn secret_of_uri(uri: &str) -> Option<Vec<u8>> {
    let secret = uri.split(['?', '&']).find_map(|part| part.strip_prefix("secret="))?;
    BASE32_NOPAD.decode(secret.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"12345678901234567890";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn agrees_with_rfc_6238_appendix_b() {
        for (seconds, code) in [
            (59, 94_287_082),
            (1_111_111_109, 7_081_804),
            (1_111_111_111, 14_050_471),
            (1_234_567_890, 89_005_924),
            (2_000_000_000, 69_279_037),
            (20_000_000_000, 65_353_130),
        ] {
            assert_eq!(truncated(SECRET, totp_step(at(seconds))) % 100_000_000, code, "{seconds}");
            assert_eq!(totp_code(SECRET, totp_step(at(seconds))), format!("{:06}", code % 1_000_000), "{seconds}");
        }
    }

    #[test]
    fn agrees_with_rfc_4226_appendix_d() {
        let codes = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];
        for (step, code) in codes.into_iter().enumerate() {
            assert_eq!(totp_code(SECRET, step as i64), code, "{step}");
        }
    }

    #[test]
    fn a_step_is_thirty_seconds_from_the_epoch_on() {
        assert_eq!([at(0), at(29), at(30), at(59), at(60)].map(totp_step), [0, 0, 1, 1, 2]);
    }

    #[test]
    fn one_step_around_is_taken_and_each_once() {
        let now = at(3000);
        let present = totp_step(now);
        for (away, taken) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            let typed = totp_code(SECRET, present + away);
            assert_eq!(accepted_step(SECRET, &typed, now, 0).is_some(), taken, "{away}");
            assert_eq!(accepted_step(SECRET, &typed, now, present + away), None, "{away}: a second time");
        }
        for typed in ["", "75522", "7552245", "七五五二二四", "755 24"] {
            assert_eq!(accepted_step(SECRET, typed, at(0), -1), None, "{typed:?}");
        }
    }

    #[test]
    fn the_uri_is_what_an_authenticator_reads() {
        assert_eq!(
            *uri(b"12345678901234567890", "征纳互动", "220102001"),
            "otpauth://totp/%E5%BE%81%E7%BA%B3%E4%BA%92%E5%8A%A8:220102001?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=%E5%BE%81%E7%BA%B3%E4%BA%92%E5%8A%A8&algorithm=SHA1&digits=6&period=30"
        );
        let odd = uri(b"x", "a&b", "1?secret=x");
        assert!(odd.starts_with("otpauth://totp/a%26b:1%3Fsecret%3Dx?secret=PA&issuer=a%26b&"), "{}", *odd);
    }
}
