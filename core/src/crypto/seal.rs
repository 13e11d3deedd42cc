//! Sealed columns: authenticated encryption of one value, bound to the place it is stored in.
//!
//! Layout of a sealed value: `suite byte | 12-byte nonce | ciphertext | 16-byte tag`.
//!
//! The associated data is `"zhengna seal" | suite byte | table | column | row`, the last three each behind its
//! length in 8 big-endian bytes, so that a value copied to another row, column or table does not open. Each suite
//! works with its own key derived from the subject's, so that a change of suite needs no new subject keys.

use std::sync::OnceLock;

use aes_gcm::aead::consts::U12;
use aes_gcm::{AeadInOut, Aes256Gcm, AesGcm, KeyInit};
use hmac::{Hmac, Mac};
use rand_core::Rng as _;
use sha2::Sha256;
use sm4::Sm4;
use zeroize::Zeroizing;

use super::{CryptoError, Rng, hmac_sm3};
use crate::planted::{Bug, planted};

type Sm4Gcm = AesGcm<Sm4, U12>;
type Nonce = aes_gcm::Nonce<U12>;
type Tag = aes_gcm::Tag;

const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;

/// How many bytes a sealed value is longer than its plaintext: suite byte, nonce and tag (29).
pub const SEAL_OVERHEAD_BYTES: usize = 1 + NONCE_BYTES + TAG_BYTES;

/// The algorithms a value was sealed with; its number is the first byte of every sealed value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[non_exhaustive]
pub enum Suite {
    /// 1: SM4-GCM (RFC 8998), key derived by HMAC-SM3. The default, for installations under 密评 (GB/T 39786).
    Sm4GcmSm3 = 1,
    /// 2: AES-256-GCM (NIST SP 800-38D), key derived by HMAC-SHA-256.
    Aes256GcmSha256 = 2,
}

impl Suite {
    /// The number that is stored.
    #[must_use]
    pub fn byte(self) -> u8 {
        self as u8
    }

    /// The suite of a stored number.
    ///
    /// # Errors
    /// [`CryptoError::UnknownSuite`] for every number but 1 and 2.
    pub fn from_byte(byte: u8) -> Result<Self, CryptoError> {
        match byte {
            1 => Ok(Self::Sm4GcmSm3),
            2 => Ok(Self::Aes256GcmSha256),
            other => Err(CryptoError::UnknownSuite(other)),
        }
    }
}

/// Where a sealed value is stored. It opens only with the same three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// Name of the table.
    pub table: &'a str,
    /// Name of the column.
    pub column: &'a str,
    /// Primary key of the row, as the bytes that are stored.
    pub row: &'a [u8],
}

/// The key of one subject (a person, a conversation): 32 random bytes, overwritten when dropped.
///
/// Destroying every wrapped copy of it erases whatever it sealed. A key may seal at most 2^32 values (random 96-bit
/// nonces, NIST SP 800-38D 8.3); a subject stays far below.
pub struct SubjectKey(CipherKey);

impl std::fmt::Debug for SubjectKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SubjectKey(..)")
    }
}

impl SubjectKey {
    /// A new key from 32 random bytes.
    #[must_use]
    pub fn generate(rng: &mut Rng) -> Self {
        Self(CipherKey::generate(rng))
    }

    /// Seals one value for one place: `suite byte | 12-byte nonce | ciphertext | tag`, [`SEAL_OVERHEAD_BYTES`]
    /// longer than the plaintext (of at most 64 GiB, the limit of GCM).
    ///
    /// The length of the plaintext stays visible; pad before sealing where it tells too much.
    #[must_use]
    pub fn seal(&self, suite: Suite, rng: &mut Rng, place: Place<'_>, plaintext: &[u8]) -> Vec<u8> {
        self.0.seal(suite, rng, &column_binding(suite, place), plaintext)
    }

    /// Opens what [`SubjectKey::seal`] made for the same place. The result is overwritten when dropped.
    ///
    /// # Errors
    /// [`CryptoError::Truncated`] below 29 bytes, [`CryptoError::UnknownSuite`] for a foreign first byte,
    /// [`CryptoError::Altered`] for everything else: another place, another key, any changed byte.
    pub fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        self.0.open(|suite| column_binding(suite, place), sealed)
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        self.0.bytes()
    }

    pub(super) fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut key = Zeroizing::new([0; 32]);
        if bytes.len() != key.len() {
            return None;
        }
        key.copy_from_slice(bytes);
        Some(Self(CipherKey::new(key)))
    }
}

/// 32 random bytes and the ciphers made of them, each when it is first asked for: setting one up costs more than
/// sealing a message. Overwritten when dropped.
pub(super) struct CipherKey {
    bytes: Zeroizing<[u8; 32]>,
    sm4: OnceLock<Cipher>,
    aes: OnceLock<Cipher>,
}

impl CipherKey {
    pub(super) fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self { bytes, sm4: OnceLock::new(), aes: OnceLock::new() }
    }

    pub(super) fn generate(rng: &mut Rng) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *bytes);
        Self::new(bytes)
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    fn cipher(&self, suite: Suite) -> &Cipher {
        let made = match suite {
            Suite::Sm4GcmSm3 => &self.sm4,
            Suite::Aes256GcmSha256 => &self.aes,
        };
        made.get_or_init(|| Cipher::new(&self.bytes, suite))
    }

    pub(super) fn seal(&self, suite: Suite, rng: &mut Rng, binding: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        // The full length is reserved at once: a vector that grows would leave copies of the plaintext behind.
        let mut sealed = Vec::with_capacity(plaintext.len() + SEAL_OVERHEAD_BYTES);
        sealed.push(suite.byte());
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plaintext);
        let (_, buffer) = sealed.split_at_mut(1 + NONCE_BYTES);
        #[expect(clippy::expect_used, reason = "see the next line")]
        let tag = self
            .cipher(suite)
            .encrypt(&nonce.into(), binding, buffer)
            // why it cannot fail: the only error is a plaintext over 64 GiB, and no column is near that
            .expect("plaintext below the limit of GCM");
        sealed.extend_from_slice(&tag);
        sealed
    }

    pub(super) fn open(&self, binding: impl FnOnce(Suite) -> Vec<u8>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        let truncated = || CryptoError::Truncated { len: sealed.len(), least: SEAL_OVERHEAD_BYTES };
        let (&first, rest) = sealed.split_first().ok_or_else(truncated)?;
        let suite = Suite::from_byte(first)?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE_BYTES>().ok_or_else(truncated)?;
        let (ciphertext, tag) = rest.split_last_chunk::<TAG_BYTES>().ok_or_else(truncated)?;
        let mut buffer = Zeroizing::new(ciphertext.to_vec());
        let opened = self.cipher(suite).decrypt(&(*nonce).into(), &binding(suite), &mut buffer, &(*tag).into());
        opened.map_err(|_| CryptoError::Altered).map(|()| buffer)
    }
}

/// Joins a label, the suite and fields into associated data; each field behind its length.
pub(super) fn binding(label: &str, suite: Suite, fields: &[&[u8]]) -> Vec<u8> {
    let mut data = Vec::with_capacity(label.len() + 1 + fields.iter().map(|field| field.len() + 8).sum::<usize>());
    data.extend_from_slice(label.as_bytes());
    data.push(suite.byte());
    for field in fields {
        data.extend_from_slice(&(field.len() as u64).to_be_bytes());
        data.extend_from_slice(field);
    }
    data
}

fn column_binding(suite: Suite, place: Place<'_>) -> Vec<u8> {
    if planted(Bug::SealUnbound) {
        return Vec::new();
    }
    binding("zhengna seal", suite, &[place.table.as_bytes(), place.column.as_bytes(), place.row])
}

/// A cipher of either suite, keyed.
#[expect(clippy::large_enum_variant, reason = "lives in a key, once of each")]
enum Cipher {
    Sm4(Sm4Gcm),
    Aes(Aes256Gcm),
}

impl Cipher {
    /// Derives the suite's own key, so that one 32-byte key never serves two algorithms.
    fn new(key: &[u8; 32], suite: Suite) -> Self {
        match suite {
            Suite::Sm4GcmSm3 => {
                let derived = Zeroizing::new(hmac_sm3(key, &[b"zhengna key sm4-gcm"]));
                let (left, _) = derived.split_at(16);
                let mut half = Zeroizing::new([0; 16]);
                half.copy_from_slice(left);
                Self::Sm4(Sm4Gcm::new(&(*half).into()))
            }
            Suite::Aes256GcmSha256 => {
                #[expect(clippy::expect_used, reason = "see the next line")]
                // why it cannot fail: HMAC takes keys of every length
                let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("any key length");
                mac.update(b"zhengna key aes-256-gcm");
                let derived: Zeroizing<[u8; 32]> = Zeroizing::new(mac.finalize().into_bytes().into());
                Self::Aes(Aes256Gcm::new(&(*derived).into()))
            }
        }
    }

    fn encrypt(&self, nonce: &Nonce, binding: &[u8], buffer: &mut [u8]) -> Result<Tag, aes_gcm::Error> {
        match self {
            Self::Sm4(cipher) => cipher.encrypt_inout_detached(nonce, binding, buffer.into()),
            Self::Aes(cipher) => cipher.encrypt_inout_detached(nonce, binding, buffer.into()),
        }
    }

    fn decrypt(&self, nonce: &Nonce, binding: &[u8], buffer: &mut [u8], tag: &Tag) -> Result<(), aes_gcm::Error> {
        match self {
            Self::Sm4(cipher) => cipher.decrypt_inout_detached(nonce, binding, buffer.into(), tag),
            Self::Aes(cipher) => cipher.decrypt_inout_detached(nonce, binding, buffer.into(), tag),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Rng;
    use super::*;
    use crate::crypto::{hex, unhex};
    use proptest::prelude::*;
    use rand_core::SeedableRng;
    use sm4::cipher::BlockCipherEncrypt;

    const PLACE: Place<'static> = Place { table: "person", column: "name", row: b"row 1" };

    fn suites() -> impl Strategy<Value = Suite> {
        prop_oneof![Just(Suite::Sm4GcmSm3), Just(Suite::Aes256GcmSha256)]
    }

    fn key(seed: u64) -> (SubjectKey, Rng) {
        let mut rng = Rng::seed_from_u64(seed);
        (SubjectKey::generate(&mut rng), rng)
    }

    #[test]
    fn sm4_of_the_standard_example() {
        // GB/T 32907-2016 annex A.1: key and plaintext are the same.
        let text: [u8; 16] = unhex("0123456789abcdeffedcba9876543210").unwrap().try_into().unwrap();
        let mut block = text.into();
        Sm4::new(&text.into()).encrypt_block(&mut block);
        assert_eq!(hex(&block), "681edf34d206965e86b3e94f536e4246");
    }

    #[test]
    fn sm4_gcm_of_rfc_8998() {
        // RFC 8998 appendix A.1.
        let key: [u8; 16] = unhex("0123456789ABCDEFFEDCBA9876543210").unwrap().try_into().unwrap();
        let nonce: [u8; 12] = unhex("00001234567800000000ABCD").unwrap().try_into().unwrap();
        let binding = unhex("FEEDFACEDEADBEEFFEEDFACEDEADBEEFABADDAD2").unwrap();
        let mut buffer = unhex(concat!(
            "AAAAAAAAAAAAAAAABBBBBBBBBBBBBBBBCCCCCCCCCCCCCCCCDDDDDDDDDDDDDDDD",
            "EEEEEEEEEEEEEEEEFFFFFFFFFFFFFFFFEEEEEEEEEEEEEEEEAAAAAAAAAAAAAAAA"
        ))
        .unwrap();
        let plaintext = buffer.clone();
        let cipher = Cipher::Sm4(Sm4Gcm::new(&key.into()));
        let tag = cipher.encrypt(&nonce.into(), &binding, &mut buffer).unwrap();
        assert_eq!(
            hex(&buffer),
            concat!(
                "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735",
                "d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d"
            )
        );
        assert_eq!(hex(&tag), "83de3541e4c2b58177e065a9bf7b62ec");
        cipher.decrypt(&nonce.into(), &binding, &mut buffer, &tag).unwrap();
        assert_eq!(buffer, plaintext);
    }

    #[test]
    fn aes_256_gcm_of_the_gcm_specification() {
        // McGrew and Viega, The Galois/Counter Mode of Operation, test case 14.
        let cipher = Cipher::Aes(Aes256Gcm::new(&[0; 32].into()));
        let mut buffer = [0; 16];
        let tag = cipher.encrypt(&[0; 12].into(), b"", &mut buffer).unwrap();
        assert_eq!(hex(&buffer), "cea7403d4d606b6e074ec5d3baf39d18");
        assert_eq!(hex(&tag), "d0d1c8a799996bf0265b98b5d48ab919");
    }

    /// What is stored must open in every later version: these values were made by the first, and opened by another
    /// implementation (OpenSSL through Python's `cryptography`), key derivation and binding included.
    #[test]
    fn stored_values_stay_readable() {
        let mut rng = Rng::from_seed([7; 32]);
        let key = SubjectKey::generate(&mut rng);
        for (suite, stored) in [Suite::Sm4GcmSm3, Suite::Aes256GcmSha256].into_iter().zip(GOLDEN) {
            assert_eq!(hex(&key.seal(suite, &mut rng, PLACE, "张三".as_bytes())), stored);
            assert_eq!(&**key.open(PLACE, &unhex(stored).unwrap()).unwrap(), "张三".as_bytes());
        }
    }

    const GOLDEN: [&str; 2] = [
        "0145c143dbb9609c22ab855d600b53f321e09bbdf1155cd9e1a395a6b3a41ce696328d",
        "02925a997603d78a3f20d154abc1b6ae3a7b9a43396e1981462ff38b1fc929a4e3dba2",
    ];

    #[test]
    fn says_what_is_wrong() {
        let (key, mut rng) = key(1);
        let sealed = key.seal(Suite::Sm4GcmSm3, &mut rng, PLACE, b"");
        assert_eq!(sealed.len(), SEAL_OVERHEAD_BYTES);
        assert_eq!(key.open(PLACE, &[]), Err(CryptoError::Truncated { len: 0, least: 29 }));
        assert_eq!(key.open(PLACE, &sealed[..28]), Err(CryptoError::Truncated { len: 28, least: 29 }));
        assert_eq!(key.open(PLACE, &[9; 40]), Err(CryptoError::UnknownSuite(9)));
        assert_eq!(key.open(PLACE, &[0]), Err(CryptoError::UnknownSuite(0)));
        assert_eq!(SubjectKey::generate(&mut rng).open(PLACE, &sealed), Err(CryptoError::Altered));
        assert_eq!(&**key.open(PLACE, &sealed).unwrap(), b"");
    }

    #[test]
    fn border_between_fields_is_bound() {
        let (key, mut rng) = key(2);
        let sealed = key.seal(Suite::Sm4GcmSm3, &mut rng, Place { table: "ab", column: "c", row: b"d" }, b"x");
        for other in [
            Place { table: "a", column: "bc", row: b"d" },
            Place { table: "ab", column: "", row: b"cd" },
            Place { table: "abc", column: "d", row: b"" },
        ] {
            assert_eq!(key.open(other, &sealed), Err(CryptoError::Altered));
        }
    }

    #[test]
    fn the_same_text_never_looks_the_same() {
        let (key, mut rng) = key(3);
        let one = key.seal(Suite::Sm4GcmSm3, &mut rng, PLACE, b"same");
        assert_ne!(one, key.seal(Suite::Sm4GcmSm3, &mut rng, PLACE, b"same"));
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", key(4).0), "SubjectKey(..)");
    }

    proptest! {
        #[test]
        fn open_gives_back_what_was_sealed(
            seed: u64, suite in suites(), table: String, column: String, row: Vec<u8>, text: Vec<u8>,
        ) {
            let (key, mut rng) = key(seed);
            let place = Place { table: &table, column: &column, row: &row };
            let sealed = key.seal(suite, &mut rng, place, &text);
            prop_assert_eq!(sealed.len(), text.len() + SEAL_OVERHEAD_BYTES);
            prop_assert_eq!(sealed[0], suite.byte());
            prop_assert_eq!(&**key.open(place, &sealed).unwrap(), &text);
        }

        #[test]
        fn any_changed_byte_is_found(
            seed: u64, suite in suites(), text in prop::collection::vec(any::<u8>(), 0..40), change in 1..=255u8,
        ) {
            let (key, mut rng) = key(seed);
            let sealed = key.seal(suite, &mut rng, PLACE, &text);
            for at in 0..sealed.len() {
                let mut changed = sealed.clone();
                changed[at] ^= change;
                let problem = key.open(PLACE, &changed).unwrap_err();
                prop_assert!(
                    problem == CryptoError::Altered || at == 0 && matches!(problem, CryptoError::UnknownSuite(_))
                );
            }
        }

        #[test]
        fn any_cut_is_found(seed: u64, suite in suites(), text: Vec<u8>, cut: prop::sample::Index) {
            let (key, mut rng) = key(seed);
            let sealed = key.seal(suite, &mut rng, PLACE, &text);
            prop_assert!(key.open(PLACE, &sealed[..cut.index(sealed.len())]).is_err());
        }

        #[test]
        fn arbitrary_bytes_never_panic(seed: u64, bytes: Vec<u8>) {
            prop_assert!(key(seed).0.open(PLACE, &bytes).is_err());
        }

        #[test]
        fn a_moved_value_does_not_open(
            seed: u64, suite in suites(), here: (String, String, Vec<u8>), there: (String, String, Vec<u8>),
            text: Vec<u8>,
        ) {
            let (key, mut rng) = key(seed);
            let sealed =
                key.seal(suite, &mut rng, Place { table: &here.0, column: &here.1, row: &here.2 }, &text);
            for (table, column, row) in [
                (&there.0, &here.1, &here.2),
                (&here.0, &there.1, &here.2),
                (&here.0, &here.1, &there.2),
            ] {
                let place = Place { table, column, row };
                if (table, column, row) != (&here.0, &here.1, &here.2) {
                    prop_assert_eq!(key.open(place, &sealed), Err(CryptoError::Altered));
                }
            }
        }
    }
}
