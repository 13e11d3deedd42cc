//! Generated passwords: shown once, typed by hand.

use zeroize::Zeroizing;
use zhengna_core::Entropy as _;
use zhengna_core::crypto::password_rules;

use crate::system::OsEntropy;

/// 32 characters that nobody mistakes for one another: 5 bits each, no bias.
const ALPHABET: &[u8; 32] = b"abcdefhkmnprstACDEFHKMPR23456789";
const GROUPS: usize = 4;
const GROUP_CHARS: usize = 4;

/// A new password of 80 random bits in four groups, which keeps the rules whatever `login` is.
pub fn generate(login: &str) -> Zeroizing<String> {
    loop {
        let seed = Zeroizing::new(OsEntropy.seed());
        let mut text = Zeroizing::new(String::with_capacity(GROUPS * (GROUP_CHARS + 1)));
        for (i, byte) in seed.iter().take(GROUPS * GROUP_CHARS).enumerate() {
            if i > 0 && i % GROUP_CHARS == 0 {
                text.push('-');
            }
            text.push(char::from(ALPHABET[usize::from(byte & 31)]));
        }
        // A few in ten thousand have too few kinds of characters, or the login in them.
        if password_rules(&text, &[login]).is_ok() {
            return text;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_differ_and_keep_the_rules() {
        let (one, two) = (generate("220001"), generate("220001"));
        assert_ne!(*one, *two);
        assert_eq!(one.len(), 19);
        let mut letters = ALPHABET.to_vec();
        letters.sort_unstable();
        letters.dedup();
        assert_eq!(letters.len(), 32);
    }
}
