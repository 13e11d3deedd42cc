//! SM3 (GB/T 32905-2016), HMAC over it (GB/T 15852.2), hexadecimal text.

use hmac::{Hmac, KeyInit, Mac};
use sm3::{Digest, Sm3};

/// SM3 of the parts one after another; 32 bytes.
///
/// The parts are only concatenated: `["ab", "c"]` and `["a", "bc"]` have the same hash. Where the border between parts
/// matters, put a length in front of each.
///
/// Source: GB/T 32905-2016.
#[must_use]
pub fn sm3(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sm3::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// HMAC with SM3 of the parts one after another; 32 bytes. Any key length is allowed; give 32 random bytes.
///
/// As in [`sm3()`], the parts are only concatenated. Compare results in constant time (crate `subtle`).
///
/// Source: GB/T 15852.2-2024 (HMAC), GB/T 32905-2016 (SM3).
#[must_use]
pub fn hmac_sm3(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    finish_hmac_sm3(&keyed_hmac_sm3(key), parts)
}

/// HMAC with SM3 under a key, before any message.
pub(super) fn keyed_hmac_sm3(key: &[u8]) -> Hmac<Sm3> {
    #[expect(clippy::expect_used, reason = "see the next line")]
    // why it cannot fail: HMAC takes keys of every length
    Hmac::<Sm3>::new_from_slice(key).expect("any key length")
}

/// HMAC of the parts one after another.
pub(super) fn finish_hmac_sm3(keyed: &Hmac<Sm3>, parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = keyed.clone();
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Lower-case hexadecimal text, two characters per byte.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)] as char);
        text.push(DIGITS[usize::from(byte & 15)] as char);
    }
    text
}

/// Bytes of hexadecimal text, either case; `None` when the length is odd or a character is not a hexadecimal digit.
#[must_use]
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let nibble = |c: u8| (c as char).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let pairs = text.as_bytes().chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    pairs.map(|pair| Some(nibble(pair[0])? << 4 | nibble(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sm3_of_the_standard_examples() {
        // GB/T 32905-2016 annex A, both examples.
        assert_eq!(hex(&sm3(&[b"abc"])), "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0");
        assert_eq!(hex(&sm3(&[&b"abcd".repeat(16)])), "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732");
    }

    #[test]
    fn hmac_agrees_with_openssl() {
        // printf abc | openssl dgst -sm3 -hmac key   (OpenSSL 3.0.19)
        assert_eq!(hex(&hmac_sm3(b"key", &[b"a", b"bc"])), "28e63256e7c5a087b1f073265dc53092163f7b82729735d06f28f10af9d52393");
    }

    #[test]
    fn hmac_takes_keys_of_every_length() {
        for len in [0, 1, 32, 64, 65, 1000] {
            let key = vec![7; len];
            assert_ne!(hmac_sm3(&key, &[b"x"]), hmac_sm3(&[key.as_slice(), &[1]].concat(), &[b"x"]));
        }
    }

    #[test]
    fn unhex_refuses_what_is_not_hex() {
        assert_eq!(unhex("0aFf"), Some(vec![0x0a, 0xff]));
        assert_eq!(unhex(""), Some(vec![]));
        for bad in ["a", "abc", "0g", "+1", " 1", "一1", "0x"] {
            assert_eq!(unhex(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn hex_round_trip(bytes: Vec<u8>) {
            prop_assert_eq!(unhex(&hex(&bytes)), Some(bytes));
        }

        #[test]
        fn parts_are_concatenated(a: Vec<u8>, b: Vec<u8>) {
            prop_assert_eq!(sm3(&[&a, &b]), sm3(&[&[a.as_slice(), &b].concat()]));
        }
    }
}
