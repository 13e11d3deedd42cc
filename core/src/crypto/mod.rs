//! Sealing, hashing, signing, passwords and tokens.
//!
//! Everything here is a pure function of its arguments: randomness comes in as [`Rng`], which the host seeds and
//! hands over through its context. Ciphers and hashes are the RustCrypto implementations of the Chinese
//! commercial algorithms (SM2 GB/T 32918, SM3 GB/T 32905, SM4 GB/T 32907) and of AES-256-GCM with SHA-256. They
//! are not a certified cryptographic module (GM/T 0028); an installation that must pass 密评 (GB/T 39786) plugs a
//! hardware module in front of its keys: [`CryptoProvider`].
//!
//! What is used where:
//! - columns with personal text: [`SubjectKey::seal`], one key per subject, wrapped by [`KeyRing::wrap`];
//! - backups: [`BackupKey`], opened by two of its [`Custodian`]s;
//! - equality search over sealed columns: [`KeyRing::blind`];
//! - audit chain: [`sm3()`], checkpoints signed by [`KeyRing::sign`] and checked by [`verify`];
//! - passwords: [`hash_password`]; second factors: [`totp_code`]; sessions and tickets: [`Token`].

mod custody;
pub(crate) mod hash;
mod keys;
pub(crate) mod password;
mod seal;
mod sign;
mod token;
pub(crate) mod totp;

pub use custody::{BACKUP_HEAD_BYTES_MAX, BackupKey, CUSTODIANS_MAX, CUSTODIANS_MIN, Custodian, CustodyError};
pub use hash::{hex, hmac_sm3, sm3, unhex};
pub use keys::{CryptoProvider, KeyFileError, KeyFileProblem, KeyRing, MAX_EPOCH, WrappedKey};
#[cfg(feature = "testing")]
pub use password::hash_as_shipped;
pub use password::{
    ARGON2_LANES, ARGON2_MEMORY_KIB, ARGON2_PASSES, PASSWORD_MAX_CHARS, PASSWORD_MIN_CHARS, PasswordProblem, hash_password, password_rules,
    verify_nothing, verify_password,
};
pub use seal::{Place, SEAL_OVERHEAD_BYTES, SubjectKey, Suite};
pub(crate) use sign::is_public_key;
pub use sign::verify;
pub use token::Token;
#[cfg(feature = "testing")]
pub use totp::secret_of_uri;
pub use totp::{TOTP_DIGITS, TOTP_SECRET_BYTES, TOTP_STEP, TOTP_STEPS_AROUND, totp_code, totp_step};

/// The one source of randomness of the core: ChaCha20, seeded by the host (from the operating system) or by a
/// test (from a number). Nothing in core creates one.
pub type Rng = rand_chacha::ChaCha20Rng;

/// Why something sealed, wrapped or encoded could not be opened.
///
/// None of these carries any part of a key or of a plaintext, so they may be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CryptoError {
    /// The bytes end before the suite byte, nonce and tag could be there.
    #[error("sealed value is cut short: {len} bytes, at least {least} needed")]
    Truncated {
        /// Bytes that were given.
        len: usize,
        /// Bytes that any sealed value has at least.
        least: usize,
    },
    /// The first byte names no suite this version knows.
    #[error("sealed value names an unknown cipher suite {0}")]
    UnknownSuite(u8),
    /// The tag does not fit: the bytes were changed, were moved here from another table, column, row or subject,
    /// or belong to another key. An authenticated cipher cannot tell which.
    #[error("sealed value does not belong here or was altered")]
    Altered,
    /// The subject key was wrapped by an epoch that is not in the key ring (destroyed, or another installation's).
    #[error("no key of epoch {0} in the key ring")]
    UnknownEpoch(u32),
    /// The epoch is the current one, or waits to become it, and cannot be destroyed.
    #[error("epoch {0} is the current one or waits to become it; rotate first")]
    CurrentEpoch(u32),
    /// There is no epoch number left below [`MAX_EPOCH`].
    #[error("no epoch left after {MAX_EPOCH}")]
    EpochsUsedUp,
    /// A ring that was read anew is not a later state of the one in use.
    #[error("these are not the keys in use, or an older copy of them")]
    OtherKeys,
    /// The hardware module that has the keys does not answer.
    #[error("the hardware module does not answer")]
    ModuleUnavailable,
    /// The text is not a token: 43 characters of base64url are.
    #[error("not a token: 43 characters of base64url expected")]
    NotAToken,
}
