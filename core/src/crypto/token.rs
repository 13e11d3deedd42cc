//! Opaque bearer tokens: sessions, one-time tickets, device enrolment.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand_core::Rng as _;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{CryptoError, Rng, sm3};

/// Characters in the text of a token: 256 bits in base64url without padding.
const TEXT_CHARS: usize = 43;

/// 256 random bits that whoever holds them is believed. Handed out once as text; only [`Token::digest`] is stored,
/// so that a copy of the database opens no session. Overwritten when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Token([u8; 32]);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Token {
    /// A new token from 32 random bytes.
    #[must_use]
    pub fn generate(rng: &mut Rng) -> Self {
        let mut token = Self([0; 32]);
        rng.fill_bytes(&mut token.0);
        token
    }

    /// The token of a text as [`Token::text`] gives it.
    ///
    /// # Errors
    /// [`CryptoError::NotAToken`] unless it is 43 characters of base64url (RFC 4648, 5) without padding, in the
    /// one way that writes 32 bytes.
    pub fn parse(text: &str) -> Result<Self, CryptoError> {
        if text.len() != TEXT_CHARS {
            return Err(CryptoError::NotAToken);
        }
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).map_err(|_| CryptoError::NotAToken)?);
        let mut token = Self([0; 32]);
        if bytes.len() != token.0.len() {
            return Err(CryptoError::NotAToken);
        }
        token.0.copy_from_slice(&bytes);
        Ok(token)
    }

    /// The text to hand to its owner: 43 characters of base64url without padding. Never log it.
    #[must_use]
    pub fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(self.0))
    }

    /// SM3 of the 32 bytes: what is stored and looked up. No salt and no slow hash are needed for 256 random bits.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        sm3(&[&self.0])
    }
}

#[cfg(test)]
mod tests {
    use super::super::Rng;
    use super::*;
    use proptest::prelude::*;
    use rand_core::SeedableRng;

    #[test]
    fn one_text_per_token() {
        let token = Token([0; 32]);
        assert_eq!(token.text().as_str(), "A".repeat(43));
        assert!(Token::parse(&"A".repeat(43)).is_ok());
        // The last character carries 4 bits; B would only set a bit that is thrown away.
        for bad in ["", "A", &"A".repeat(42), &"A".repeat(44), &format!("{}B", "A".repeat(42))] {
            assert_eq!(Token::parse(bad).unwrap_err(), CryptoError::NotAToken, "{bad}");
        }
        for bad in ["=", "+", "/", " ", "\n", "\0"] {
            assert!(Token::parse(&format!("{}{bad}", "A".repeat(42))).is_err());
        }
        assert!(Token::parse(&format!("{}A", "令".repeat(14))).is_err());
    }

    #[test]
    fn debug_shows_nothing() {
        let token = Token::generate(&mut Rng::seed_from_u64(1));
        assert_eq!(format!("{token:?}"), "Token(..)");
    }

    /// Tokens that were computed from an id, a time or a counter (CVE-2026-27637, CVE-2026-38447): each of a million differs from every
    /// other, no bit leans one way, and neighbours share no more than chance has it.
    #[test]
    fn t22_a_million_tokens_have_no_structure() {
        const TOKENS: u32 = 1_000_000;
        let mut rng = Rng::seed_from_u64(22);
        let (mut seen, mut near) = (std::collections::HashSet::with_capacity(TOKENS as usize), 0_u64);
        let mut bytes = [[0_u32; 256]; 32];
        let mut before = Token([0; 32]);
        for _ in 0..TOKENS {
            let token = Token::generate(&mut rng);
            for at in 0..32 {
                bytes[at][usize::from(token.0[at])] += 1;
                near += u64::from((token.0[at] ^ before.0[at]).count_ones());
            }
            assert!(seen.insert(token.0), "one token twice");
            before = token;
        }
        // Six standard deviations of a fair coin: 500 for the throws of one bit, 8,000 for all of them.
        for (at, counts) in bytes.iter().enumerate() {
            for bit in 0..8 {
                let ones: u32 = (0..256).filter(|byte| byte >> bit & 1 == 1).map(|byte| counts[byte]).sum();
                assert!(ones.abs_diff(TOKENS / 2) < 3_000, "byte {at}, bit {bit}: {ones}");
            }
        }
        assert!(near.abs_diff(u64::from(TOKENS) * 128) < 48_000, "{near}");
    }

    proptest! {
        #[test]
        fn round_trip(seed: u64) {
            let token = Token::generate(&mut Rng::seed_from_u64(seed));
            let again = Token::parse(&token.text()).unwrap();
            prop_assert_eq!(token.digest(), again.digest());
            prop_assert_ne!(token.digest(), token.0);
        }

        #[test]
        fn arbitrary_text_never_panics(text: String) {
            let _ = Token::parse(&text);
        }
    }
}
