//! The keys of one installation, and the file the host keeps them in.
//!
//! ```text
//! zhengna-keys 1          format and its version
//! suite 1                 what new values are sealed with
//! current 2               epoch that wraps new subject keys
//! epoch 1 <64 hex>        key-encryption keys; a destroyed epoch is simply not there
//! epoch 2 <64 hex>        one above `current` is prepared: it unwraps already, and wraps when it is made current
//! index <64 hex>          key of the blind indexes
//! audit <64 hex>          SM2 private key that signs audit checkpoints
//! check <16 hex>          start of SM3 over the lines above: finds slips of copying, not forgery
//! ```
//!
//! Empty lines and lines that start with `#` are skipped. The file is as sensitive as all personal data together: mode 0600, in
//! no backup that also holds the database.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use hmac::Hmac;
use rand_core::Rng as _;
use sm3::Sm3;
use zeroize::Zeroizing;

use super::hash::{finish_hmac_sm3, keyed_hmac_sm3};
use super::seal::{CipherKey, binding};
use super::{CryptoError, Rng, SubjectKey, Suite, hex, sign, sm3, unhex};
use crate::planted::{Bug, planted};

/// Highest number of an epoch. Source: none; a limit so that a slip in the file is found. Yearly rotation needs 100 in a
/// century.
pub const MAX_EPOCH: u32 = 1_000_000;

const HEADER: &str = "zhengna-keys";
const VERSION: &str = "1";
const CHECK_BYTES: usize = 8;

type Key = Zeroizing<[u8; 32]>;

/// Every key of an installation; overwritten when dropped, never shown by `Debug`, never cloned.
///
/// - Key-encryption keys by epoch: wrap the keys of subjects. An epoch is *prepared* (only unwraps, so that every host has it
///   before one wraps by it), *current* (wraps and unwraps), *old* (only unwraps) or *destroyed* (gone). One epoch may wrap at
///   most 2^32 keys (random 96-bit nonces, NIST SP 800-38D 8.3). They may be in a hardware module: [`CryptoProvider`].
/// - The key of the blind indexes, which does not rotate with the epochs.
/// - The SM2 key that signs audit checkpoints.
/// - The suite for new values; what an old value was sealed with is its own first byte.
pub struct KeyRing {
    /// What a rotation changes: a running host takes it over from the file.
    epochs: RwLock<Epochs>,
    /// Wraps and unwraps in place of `epochs`.
    module: Option<Arc<dyn CryptoProvider>>,
    index: Key,
    /// HMAC-SM3 under `index`, ready to be cloned: setting it up costs as much as a short text.
    indexer: Hmac<Sm3>,
    /// Always a valid SM2 private key.
    audit: Key,
    /// Keys unwrapped lately, by subject and what they were unwrapped from: the key of a conversation is asked for at
    /// each of its messages. Whoever asks shows the wrapped key, so a key whose row is gone is out of reach here too.
    unwrapped: Mutex<Unwrapped>,
}

/// Wraps and unwraps the keys of subjects: the key file, or a hardware module (GM/T 0018) in front of which a host puts a
/// client. What it wraps belongs to one subject and one epoch and opens for no other. It is asked within a transaction, so it answers
/// within some milliseconds or not at all.
pub trait CryptoProvider: Send + Sync {
    /// The epoch that wraps new keys.
    fn current_epoch(&self) -> u32;

    /// Every epoch that can still unwrap, ascending.
    fn epochs(&self) -> Vec<u32>;

    /// Wraps the key of a subject by the current epoch.
    ///
    /// # Errors
    /// [`CryptoError::ModuleUnavailable`] where it does not answer.
    fn wrap(&self, rng: &mut Rng, subject: &[u8; 16], key: &[u8; 32]) -> Result<WrappedKey, CryptoError>;

    /// Unwraps what [`CryptoProvider::wrap`] made for the same subject.
    ///
    /// # Errors
    /// [`CryptoError::UnknownEpoch`], [`CryptoError::Altered`] for another subject or any changed byte,
    /// [`CryptoError::ModuleUnavailable`] where it does not answer.
    fn unwrap(&self, subject: &[u8; 16], wrapped: &WrappedKey) -> Result<Zeroizing<[u8; 32]>, CryptoError>;
}

/// The epochs of a key file.
struct Epochs {
    suite: Suite,
    current: u32,
    /// Always holds `current`.
    keys: BTreeMap<u32, CipherKey>,
}

impl Epochs {
    fn newest(&self) -> u32 {
        self.keys.keys().next_back().copied().unwrap_or(self.current)
    }

    fn prepare(&mut self, rng: &mut Rng) -> Result<u32, CryptoError> {
        let next = self.newest() + 1;
        if next > MAX_EPOCH {
            return Err(CryptoError::EpochsUsedUp);
        }
        self.keys.insert(next, CipherKey::generate(rng));
        Ok(next)
    }
}

impl CryptoProvider for Epochs {
    fn current_epoch(&self) -> u32 {
        self.current
    }

    fn epochs(&self) -> Vec<u32> {
        self.keys.keys().copied().collect()
    }

    fn wrap(&self, rng: &mut Rng, subject: &[u8; 16], key: &[u8; 32]) -> Result<WrappedKey, CryptoError> {
        let kek = &self.keys[&self.current]; // never missing: see the field
        let bytes = kek.seal(self.suite, rng, &wrap_binding(self.suite, self.current, subject), key);
        Ok(WrappedKey { epoch: self.current, bytes })
    }

    fn unwrap(&self, subject: &[u8; 16], wrapped: &WrappedKey) -> Result<Key, CryptoError> {
        let kek = self.keys.get(&wrapped.epoch).ok_or(CryptoError::UnknownEpoch(wrapped.epoch))?;
        let opened = kek.open(|suite| wrap_binding(suite, wrapped.epoch, subject), &wrapped.bytes)?;
        let mut key = Key::default();
        if opened.len() != key.len() {
            return Err(CryptoError::Altered);
        }
        key.copy_from_slice(&opened);
        Ok(key)
    }
}

/// Keys by the subject and what they were unwrapped from.
type Unwrapped = HashMap<([u8; 16], WrappedKey), Arc<SubjectKey>>;

/// Unwrapped keys that are kept at hand; when there are more, all are forgotten.
const UNWRAPPED_MAX: usize = 1024;

/// A subject's key as it is stored: encrypted by the key of an epoch and bound to epoch and subject.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WrappedKey {
    /// The epoch whose key encrypted it.
    pub epoch: u32,
    /// A sealed value (see [`SubjectKey::seal`] for its layout) of 61 bytes.
    pub bytes: Vec<u8>,
}

fn random(rng: &mut Rng) -> Key {
    let mut key = Key::default();
    rng.fill_bytes(&mut *key);
    key
}

impl KeyRing {
    /// New keys: epoch 1, suite [`Suite::Sm4GcmSm3`].
    #[must_use]
    pub fn generate(rng: &mut Rng) -> Self {
        let first = CipherKey::generate(rng);
        let index = random(rng);
        let mut audit = random(rng);
        // All but one in 2^32 numbers are valid SM2 keys, so the first is taken nearly always.
        while !sign::is_private_key(&audit) {
            audit = random(rng);
        }
        Self::of(Epochs { suite: Suite::Sm4GcmSm3, current: 1, keys: BTreeMap::from([(1, first)]) }, index, audit)
    }

    fn of(epochs: Epochs, index: Key, audit: Key) -> Self {
        let indexer = keyed_hmac_sm3(&*index);
        Self { epochs: RwLock::new(epochs), module: None, index, indexer, audit, unwrapped: Mutex::default() }
    }

    /// The same ring with a hardware module that wraps and unwraps in place of the file's epochs.
    #[must_use]
    pub fn with_module(self, module: Arc<dyn CryptoProvider>) -> Self {
        Self { module: Some(module), ..self }
    }

    fn file(&self) -> RwLockReadGuard<'_, Epochs> {
        self.epochs.read().unwrap_or_else(PoisonError::into_inner) // replaced whole or not at all
    }

    fn file_mut(&mut self) -> &mut Epochs {
        self.epochs.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask<R>(&self, ask: impl FnOnce(&dyn CryptoProvider) -> R) -> R {
        match &self.module {
            Some(module) => ask(&**module),
            None => ask(&*self.file()),
        }
    }

    /// The suite that new values are sealed with.
    #[must_use]
    pub fn suite(&self) -> Suite {
        self.file().suite
    }

    /// Changes the suite of new values. Old ones stay readable: each names its own.
    pub fn set_suite(&mut self, suite: Suite) {
        self.file_mut().suite = suite;
    }

    /// The epoch that wraps new subject keys.
    #[must_use]
    pub fn current_epoch(&self) -> u32 {
        self.ask(|provider| provider.current_epoch())
    }

    /// Every epoch that can still unwrap, ascending.
    #[must_use]
    pub fn epochs(&self) -> Vec<u32> {
        self.ask(|provider| provider.epochs())
    }

    /// Prepares an epoch: it unwraps from now on, and wraps once [`KeyRing::rotate`] makes it the current one. For an
    /// installation of several hosts, each of which must have it before one of them wraps by it. Answers its number.
    ///
    /// # Errors
    /// [`CryptoError::EpochsUsedUp`] after [`MAX_EPOCH`].
    pub fn prepare(&mut self, rng: &mut Rng) -> Result<u32, CryptoError> {
        self.file_mut().prepare(rng)
    }

    /// Makes the newest epoch that was prepared the current one, or a new one where none was; answers its number. Subject keys of
    /// older epochs stay readable; wrap them anew ([`KeyRing::rewrap`]) before [`KeyRing::destroy_epoch`].
    ///
    /// # Errors
    /// [`CryptoError::EpochsUsedUp`] after [`MAX_EPOCH`].
    pub fn rotate(&mut self, rng: &mut Rng) -> Result<u32, CryptoError> {
        let epochs = self.file_mut();
        epochs.current = if epochs.newest() > epochs.current { epochs.newest() } else { epochs.prepare(rng)? };
        Ok(epochs.current)
    }

    /// Forgets the key of an old epoch. Whatever is still wrapped by it is lost for good once the key file is
    /// written and its older copies are gone.
    ///
    /// # Errors
    /// [`CryptoError::CurrentEpoch`] for the current one and for one that was prepared, [`CryptoError::UnknownEpoch`] for one
    /// that is not there.
    pub fn destroy_epoch(&mut self, epoch: u32) -> Result<(), CryptoError> {
        self.may_destroy(epoch)?;
        self.file_mut().keys.remove(&epoch);
        self.unwrapped().retain(|(_, wrapped), _| wrapped.epoch != epoch);
        Ok(())
    }

    /// Whether [`KeyRing::destroy_epoch`] would.
    pub(crate) fn may_destroy(&self, epoch: u32) -> Result<(), CryptoError> {
        let epochs = self.file();
        if !epochs.keys.contains_key(&epoch) {
            return Err(CryptoError::UnknownEpoch(epoch));
        }
        // The number of a prepared one would come back with another key.
        if epoch >= epochs.current { Err(CryptoError::CurrentEpoch(epoch)) } else { Ok(()) }
    }

    /// Takes over the epochs and the suite of a ring that was read anew: how a running host learns of a rotation. Answers
    /// the current epoch.
    ///
    /// # Errors
    /// [`CryptoError::OtherKeys`] where the other is not a later state of this one: another index or audit key, another key under
    /// an epoch's number, or no key for the epoch that wraps here now. Nothing is taken over then.
    pub fn renew(&self, newer: Self) -> Result<u32, CryptoError> {
        let theirs = newer.epochs.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut ours = self.epochs.write().unwrap_or_else(PoisonError::into_inner);
        let differs = |(epoch, key): (&u32, &CipherKey)| theirs.keys.get(epoch).is_some_and(|their| their.bytes() != key.bytes());
        let other = self.index != newer.index || self.audit != newer.audit || ours.keys.iter().any(differs);
        if other || !theirs.keys.contains_key(&ours.current) {
            return Err(CryptoError::OtherKeys);
        }
        *ours = theirs;
        self.unwrapped().clear();
        Ok(ours.current)
    }

    /// Encrypts a subject's key with the current epoch, for the subject of that id and no other.
    ///
    /// # Errors
    /// [`CryptoError::ModuleUnavailable`] where the keys are in a module that does not answer.
    pub fn wrap(&self, rng: &mut Rng, subject: &[u8; 16], key: &SubjectKey) -> Result<WrappedKey, CryptoError> {
        self.ask(|provider| provider.wrap(rng, subject, key.bytes()))
    }

    /// Decrypts what [`KeyRing::wrap`] made for the same subject.
    ///
    /// # Errors
    /// [`CryptoError::UnknownEpoch`] when its epoch is not in the ring, [`CryptoError::Truncated`],
    /// [`CryptoError::UnknownSuite`], and [`CryptoError::Altered`] for another subject or any changed byte.
    pub fn unwrap(&self, subject: &[u8; 16], wrapped: WrappedKey) -> Result<Arc<SubjectKey>, CryptoError> {
        let place = (*subject, wrapped);
        if let Some(known) = self.unwrapped().get(&place) {
            return Ok(known.clone());
        }
        let key = self.ask(|provider| provider.unwrap(subject, &place.1))?;
        let key = Arc::new(SubjectKey::from_slice(&*key).ok_or(CryptoError::Altered)?);
        let mut unwrapped = self.unwrapped();
        if unwrapped.len() >= UNWRAPPED_MAX {
            unwrapped.clear();
        }
        unwrapped.insert(place, key.clone());
        Ok(key)
    }

    /// Wraps a subject's key anew by the current epoch; nothing where it is wrapped by that one already.
    ///
    /// # Errors
    /// Those of [`KeyRing::unwrap`] and [`KeyRing::wrap`].
    pub fn rewrap(&self, rng: &mut Rng, subject: &[u8; 16], wrapped: &WrappedKey) -> Result<Option<WrappedKey>, CryptoError> {
        self.ask(|provider| {
            if wrapped.epoch == provider.current_epoch() {
                return Ok(None);
            }
            let key = provider.unwrap(subject, wrapped)?;
            provider.wrap(rng, subject, &key).map(Some)
        })
    }

    fn unwrapped(&self) -> MutexGuard<'_, Unwrapped> {
        self.unwrapped.lock().unwrap_or_else(PoisonError::into_inner) // holds whole entries whatever happens
    }

    /// Blind index of a value: the first 16 bytes of HMAC-SM3 over column and value, the column behind its length. Equal
    /// values of one column have equal indexes, so a sealed column can be searched for equality; values of different columns cannot be
    /// compared. Normalise first (trim, upper case, no spaces).
    ///
    /// Ids and phone numbers are few enough to try them all: the index key is as sensitive as the data.
    #[must_use]
    pub fn blind(&self, column: &str, normalised: &str) -> [u8; 16] {
        let length = (column.len() as u64).to_be_bytes();
        let mac = finish_hmac_sm3(&self.indexer, &[&length, column.as_bytes(), normalised.as_bytes()]);
        let mut index = [0; 16];
        index.copy_from_slice(&mac[..16]);
        index
    }

    /// A keyed digest: HMAC-SM3 of `bytes` under the blind-index key. Says whether two commands are the same and
    /// binds a record to one; without the key nobody can try out short texts against it, also after erasure.
    #[must_use]
    pub fn digest(&self, bytes: &[u8]) -> [u8; 32] {
        finish_hmac_sm3(&self.indexer, &[b"digest", bytes])
    }

    /// Signs a message with the audit key: SM2 with SM3, `r | s`, 64 bytes; the same message always gets the same signature.
    #[must_use]
    #[expect(clippy::expect_used, reason = "see the line in it")]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        sign::sign(&self.audit, message)
            // why it cannot fail: the key was checked when the ring was made, and SM2 refuses a message with a chance of 2^-254
            .expect("a valid SM2 key")
    }

    /// The public key that checks [`KeyRing::sign`]: uncompressed point, 65 bytes. Not secret; give it to the auditors.
    #[must_use]
    pub fn public_audit_key(&self) -> Vec<u8> {
        sign::public_key(&self.audit).unwrap_or_default() // never empty: the key was checked when the ring was made
    }

    /// The key file; see the top of this module. Keep it secret, write it with mode 0600.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = self.body();
        let check = hex(&sm3(&[text.as_bytes()])[..CHECK_BYTES]);
        text.push_str("check ");
        text.push_str(&check);
        text.push('\n');
        text
    }

    /// Every line but the check, in the order and spelling of the format.
    fn body(&self) -> Zeroizing<String> {
        // Room for all of it at once: a string that grows would leave copies of the keys behind.
        let epochs = self.file();
        let mut text = Zeroizing::new(String::with_capacity(512 + epochs.keys.len() * 96));
        text.push_str(&format!("{HEADER} {VERSION}\nsuite {}\ncurrent {}\n", epochs.suite.byte(), epochs.current));
        for (epoch, key) in &epochs.keys {
            text.push_str(&format!("epoch {epoch} "));
            push_key(&mut text, key.bytes());
        }
        text.push_str("index ");
        push_key(&mut text, &self.index);
        text.push_str("audit ");
        push_key(&mut text, &self.audit);
        text
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// [`KeyFileError`] with the number of the line; it repeats nothing of the file but line names and epoch numbers.
    pub fn from_text(text: &str) -> Result<Self, KeyFileError> {
        let mut header = false;
        let mut suite = None;
        let mut current = None;
        let mut epochs = BTreeMap::new();
        let mut index = None;
        let mut audit = None;
        let mut check = None;
        let mut last = 0;
        for (line, content) in text.lines().enumerate().map(|(at, line)| (at + 1, line.trim_end())) {
            last = line;
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            let fail = |problem| Err(KeyFileError { line, problem });
            let words: Vec<&str> = content.split(' ').collect();
            if !header {
                match words[..] {
                    [HEADER, VERSION] => header = true,
                    [HEADER, ..] => return fail(KeyFileProblem::Version),
                    _ => return fail(KeyFileProblem::Header),
                }
                continue;
            }
            if check.is_some() {
                return fail(KeyFileProblem::AfterCheck);
            }
            let repeated = match words[..] {
                ["suite", number] => {
                    let known = number.parse().ok().and_then(|byte| Suite::from_byte(byte).ok());
                    let Some(known) = known else {
                        return fail(KeyFileProblem::Suite);
                    };
                    suite.replace(known).is_some()
                }
                ["current", number] => {
                    let Some(epoch) = epoch_number(number) else {
                        return fail(KeyFileProblem::EpochNumber);
                    };
                    current.replace((line, epoch)).is_some()
                }
                ["epoch", number, key] => {
                    let Some(epoch) = epoch_number(number) else {
                        return fail(KeyFileProblem::EpochNumber);
                    };
                    let Some(key) = key_of(key) else {
                        return fail(KeyFileProblem::Key);
                    };
                    epochs.insert(epoch, CipherKey::new(key)).is_some()
                }
                ["index", key] => {
                    let Some(key) = key_of(key) else {
                        return fail(KeyFileProblem::Key);
                    };
                    index.replace(key).is_some()
                }
                ["audit", key] => {
                    let Some(key) = key_of(key) else {
                        return fail(KeyFileProblem::Key);
                    };
                    if !sign::is_private_key(&key) {
                        return fail(KeyFileProblem::AuditKey);
                    }
                    audit.replace(key).is_some()
                }
                ["check", value] => check.replace((line, value)).is_some(),
                _ => return fail(KeyFileProblem::UnknownLine),
            };
            if repeated {
                return fail(KeyFileProblem::Repeated);
            }
        }
        let missing = |name| KeyFileError { line: last, problem: KeyFileProblem::Missing(name) };
        if !header {
            return Err(missing(HEADER));
        }
        let suite = suite.ok_or_else(|| missing("suite"))?;
        let (current_line, current) = current.ok_or_else(|| missing("current"))?;
        let index = index.ok_or_else(|| missing("index"))?;
        let audit = audit.ok_or_else(|| missing("audit"))?;
        let (check_line, check) = check.ok_or_else(|| missing("check"))?;
        if !epochs.contains_key(&current) {
            return Err(KeyFileError { line: current_line, problem: KeyFileProblem::NoCurrentKey(current) });
        }
        let ring = Self::of(Epochs { suite, current, keys: epochs }, index, audit);
        if !check.eq_ignore_ascii_case(&hex(&sm3(&[ring.body().as_bytes()])[..CHECK_BYTES])) && !planted(Bug::KeyFileUnread) {
            return Err(KeyFileError { line: check_line, problem: KeyFileProblem::Check });
        }
        Ok(ring)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing")
            .field("suite", &self.suite())
            .field("current", &self.current_epoch())
            .field("epochs", &self.epochs())
            .finish_non_exhaustive()
    }
}

fn wrap_binding(suite: Suite, epoch: u32, subject: &[u8; 16]) -> Vec<u8> {
    binding("zhengna wrap", suite, &[&epoch.to_be_bytes(), subject])
}

fn push_key(text: &mut Zeroizing<String>, key: &[u8; 32]) {
    text.push_str(&Zeroizing::new(hex(key)));
    text.push('\n');
}

fn key_of(text: &str) -> Option<Key> {
    let bytes = Zeroizing::new(unhex(text)?);
    let mut key = Key::default();
    if bytes.len() != key.len() {
        return None;
    }
    key.copy_from_slice(&bytes);
    Some(key)
}

fn epoch_number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|epoch| (1..=MAX_EPOCH).contains(epoch))
}

/// A key file that cannot be used: which line, and why. Repeats no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("key file, line {line}: {problem}")]
pub struct KeyFileError {
    /// Number of the line, from 1; the last line of the file for something missing, 0 when the file is empty.
    pub line: usize,
    /// What is wrong there.
    pub problem: KeyFileProblem,
}

/// What is wrong with a line of a key file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileProblem {
    /// The first line is not `zhengna-keys 1`.
    #[error("this is not a key file: it must start with `{HEADER} {VERSION}`")]
    Header,
    /// A version of the format that this program does not know.
    #[error("this version of the key file is not known here (known: {VERSION})")]
    Version,
    /// A line with an unknown name or the wrong number of words.
    #[error("unknown line; each is a name, a space and a value")]
    UnknownLine,
    /// A line that may be there once, or an epoch, is there twice.
    #[error("this line is there twice")]
    Repeated,
    /// Something follows the check line.
    #[error("nothing may follow the check line")]
    AfterCheck,
    /// The suite is neither 1 nor 2.
    #[error("the suite must be 1 (SM4-GCM, SM3) or 2 (AES-256-GCM, SHA-256)")]
    Suite,
    /// The number of an epoch is not from 1 to [`MAX_EPOCH`].
    #[error("the epoch must be a number from 1 to {MAX_EPOCH}")]
    EpochNumber,
    /// A key is not 64 hexadecimal digits.
    #[error("a key must be 64 hexadecimal digits")]
    Key,
    /// The audit key is not an SM2 private key.
    #[error("the audit key is not a private key of SM2")]
    AuditKey,
    /// The current epoch has no key line.
    #[error("there is no key for the current epoch {0}")]
    NoCurrentKey(u32),
    /// A line that must be there is not.
    #[error("the line `{0}` is missing")]
    Missing(&'static str),
    /// The check value does not fit: a key was changed or mistyped.
    #[error("the check value does not fit the keys: something was changed or mistyped")]
    Check,
}

#[cfg(test)]
mod tests {
    use super::super::Rng;
    use super::*;
    use proptest::prelude::*;
    use rand_core::SeedableRng;

    fn ring(seed: u64) -> (KeyRing, Rng) {
        let mut rng = Rng::seed_from_u64(seed);
        (KeyRing::generate(&mut rng), rng)
    }

    fn problem(text: &str) -> (usize, KeyFileProblem) {
        let error = KeyRing::from_text(text).map(drop).unwrap_err();
        (error.line, error.problem)
    }

    #[test]
    fn file_round_trip() {
        let (mut ring, mut rng) = ring(1);
        ring.rotate(&mut rng).unwrap();
        ring.set_suite(Suite::Aes256GcmSha256);
        let text = ring.to_text();
        let again = KeyRing::from_text(&text).unwrap();
        assert_eq!(again.to_text(), text);
        assert_eq!(again.suite(), Suite::Aes256GcmSha256);
        assert_eq!(again.current_epoch(), 2);
        assert_eq!(again.epochs(), [1, 2]);
        assert_eq!(again.public_audit_key(), ring.public_audit_key());
        let commented = text.replace("index", "# the index key\n\nindex").replace('\n', "\r\n");
        assert_eq!(KeyRing::from_text(&commented).unwrap().to_text(), text);
    }

    #[test]
    fn file_errors_name_the_line() {
        use KeyFileProblem::*;
        let text = ring(1).0.to_text();
        let lines: Vec<&str> = text.lines().collect();
        // 1 header, 2 suite, 3 current, 4 epoch, 5 index, 6 audit, 7 check
        let with = |line: usize, new: &str| {
            let mut lines = lines.clone();
            lines[line - 1] = new;
            problem(&lines.join("\n"))
        };
        assert_eq!(problem(""), (0, Missing(HEADER)));
        assert_eq!(problem("# nothing\n"), (1, Missing(HEADER)));
        assert_eq!(with(1, "suite 1"), (1, Header));
        assert_eq!(with(1, "zhengna-keys 2"), (1, Version));
        assert_eq!(with(2, "suite 3"), (2, Suite));
        assert_eq!(with(2, "suite 1 1"), (2, UnknownLine));
        assert_eq!(with(2, ""), (7, Missing("suite")));
        assert_eq!(with(3, "current 0"), (3, EpochNumber));
        assert_eq!(with(3, "current 1000001"), (3, EpochNumber));
        assert_eq!(with(3, "current 2"), (3, NoCurrentKey(2)));
        assert_eq!(with(4, "epoch 1 00"), (4, Key));
        assert_eq!(with(4, &format!("epoch 1 {}", "0g".repeat(32))), (4, Key));
        assert_eq!(with(4, &format!("epoch 1 {}", "00".repeat(32))), (7, Check));
        assert_eq!(with(5, lines[3]), (5, Repeated));
        assert_eq!(with(6, &format!("audit {}", "00".repeat(32))), (6, AuditKey));
        assert_eq!(with(6, "audits x"), (6, UnknownLine));
        assert_eq!(with(7, ""), (6, Missing("check")));
        assert_eq!(with(7, "check 0011223344556677"), (7, Check));
        assert_eq!(problem(&format!("{}index 00\n", text.as_str())), (8, AfterCheck));
    }

    #[test]
    fn nothing_shows_a_key() {
        let (ring, _) = ring(1);
        let shown = format!("{ring:?}");
        assert_eq!(shown, "KeyRing { suite: Sm4GcmSm3, current: 1, epochs: [1], .. }");
        let secret = hex(ring.file().keys[&1].bytes());
        let mistyped = ring.to_text().replace(&secret, &secret[1..]);
        let error = KeyRing::from_text(&mistyped).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(&secret[8..24]));
    }

    #[test]
    fn epochs() {
        let (mut ring, mut rng) = ring(1);
        let key = SubjectKey::generate(&mut rng);
        let old = ring.wrap(&mut rng, &[1; 16], &key).unwrap();
        assert_eq!((old.epoch, old.bytes.len()), (1, 61));
        assert_eq!(ring.rotate(&mut rng), Ok(2));
        let new = ring.rewrap(&mut rng, &[1; 16], &old).unwrap().unwrap();
        assert_eq!(ring.rewrap(&mut rng, &[1; 16], &new), Ok(None));
        assert_eq!(new.epoch, 2);
        assert_eq!(ring.destroy_epoch(2), Err(CryptoError::CurrentEpoch(2)));
        assert_eq!(ring.destroy_epoch(1), Ok(()));
        assert_eq!(ring.destroy_epoch(1), Err(CryptoError::UnknownEpoch(1)));
        assert_eq!(ring.unwrap(&[1; 16], old.clone()).unwrap_err(), CryptoError::UnknownEpoch(1));
        assert_eq!(ring.unwrap(&[1; 16], new.clone()).unwrap().bytes(), key.bytes());
        // A number once used does not come back, even after everything before it is gone.
        assert_eq!(ring.rotate(&mut rng), Ok(3));
    }

    #[test]
    fn epochs_run_out_without_wrapping_round() {
        let (mut ring, mut rng) = ring(1);
        ring.file_mut().keys.insert(MAX_EPOCH, CipherKey::generate(&mut rng));
        assert_eq!(ring.prepare(&mut rng), Err(CryptoError::EpochsUsedUp));
        assert_eq!(ring.rotate(&mut rng), Ok(MAX_EPOCH));
        assert_eq!(ring.rotate(&mut rng), Err(CryptoError::EpochsUsedUp));
        assert_eq!(ring.current_epoch(), MAX_EPOCH);
    }

    #[test]
    fn a_prepared_epoch_unwraps_before_it_wraps() {
        let (mut one, mut rng) = ring(1);
        assert_eq!(one.prepare(&mut rng), Ok(2));
        let mut other = KeyRing::from_text(&one.to_text()).unwrap();
        assert_eq!((one.current_epoch(), one.destroy_epoch(2)), (1, Err(CryptoError::CurrentEpoch(2))));
        assert_eq!(one.rotate(&mut rng), Ok(2));
        let key = SubjectKey::generate(&mut rng);
        let wrapped = one.wrap(&mut rng, &[1; 16], &key).unwrap();
        assert!(wrapped.epoch == 2 && other.unwrap(&[1; 16], wrapped).is_ok(), "the other host has not rotated yet");
        assert_eq!((other.rotate(&mut rng), &*other.to_text()), (Ok(2), &*one.to_text()));
    }

    #[test]
    fn a_running_ring_takes_over_what_is_later_and_nothing_else() {
        let (running, mut rng) = ring(1);
        let key = SubjectKey::generate(&mut rng);
        let old = running.wrap(&mut rng, &[1; 16], &key).unwrap();
        let before = running.to_text();
        let rotated = |seed| {
            let mut ring = KeyRing::from_text(&before).unwrap();
            ring.rotate(&mut Rng::seed_from_u64(seed)).unwrap();
            ring
        };
        assert_eq!(running.renew(ring(2).0), Err(CryptoError::OtherKeys), "another installation's");
        assert_eq!(running.renew(rotated(3)), Ok(2));
        assert_eq!(running.unwrap(&[1; 16], old.clone()).unwrap().bytes(), key.bytes());
        assert_eq!(running.wrap(&mut rng, &[1; 16], &key).unwrap().epoch, 2);
        assert_eq!(running.renew(rotated(4)), Err(CryptoError::OtherKeys), "another epoch 2");
        assert_eq!(running.renew(KeyRing::from_text(&before).unwrap()), Err(CryptoError::OtherKeys), "a copy from before the rotation");
        assert_eq!((running.epochs(), running.current_epoch()), (vec![1, 2], 2), "nothing of those was taken over");
        let retired = || {
            let mut ring = rotated(3);
            ring.destroy_epoch(1).unwrap();
            ring
        };
        assert_eq!(running.renew(retired()), Ok(2));
        assert_eq!(running.unwrap(&[1; 16], old).unwrap_err(), CryptoError::UnknownEpoch(1), "not even from what is kept at hand");
    }

    /// A module as an embedder would put one in: keys of its own that never leave it, and it may be away.
    struct Module {
        inside: Epochs,
        away: std::sync::atomic::AtomicBool,
    }

    impl CryptoProvider for Module {
        fn current_epoch(&self) -> u32 {
            self.inside.current_epoch()
        }
        fn epochs(&self) -> Vec<u32> {
            self.inside.epochs()
        }
        fn wrap(&self, rng: &mut Rng, subject: &[u8; 16], key: &[u8; 32]) -> Result<WrappedKey, CryptoError> {
            if self.away.load(std::sync::atomic::Ordering::SeqCst) {
                return Err(CryptoError::ModuleUnavailable);
            }
            self.inside.wrap(rng, subject, key)
        }
        fn unwrap(&self, subject: &[u8; 16], wrapped: &WrappedKey) -> Result<Key, CryptoError> {
            if self.away.load(std::sync::atomic::Ordering::SeqCst) {
                return Err(CryptoError::ModuleUnavailable);
            }
            self.inside.unwrap(subject, wrapped)
        }
    }

    #[test]
    fn a_module_wraps_in_place_of_the_file() {
        let (plain, mut rng) = ring(1);
        let keys = BTreeMap::from([(7, CipherKey::generate(&mut rng))]);
        let inside = Epochs { suite: Suite::Sm4GcmSm3, current: 7, keys };
        let module = Arc::new(Module { inside, away: false.into() });
        let ring = KeyRing::from_text(&plain.to_text()).unwrap().with_module(module.clone());
        let key = SubjectKey::generate(&mut rng);
        let wrapped = ring.wrap(&mut rng, &[1; 16], &key).unwrap();
        assert_eq!((wrapped.epoch, ring.current_epoch(), ring.epochs()), (7, 7, vec![7]));
        assert_eq!(ring.unwrap(&[1; 16], wrapped.clone()).unwrap().bytes(), key.bytes());
        assert!(plain.unwrap(&[1; 16], wrapped).is_err(), "the file's keys open nothing of it");
        module.away.store(true, std::sync::atomic::Ordering::SeqCst);
        assert_eq!(ring.wrap(&mut rng, &[2; 16], &key), Err(CryptoError::ModuleUnavailable));
    }

    #[test]
    fn a_wrapped_key_belongs_to_its_subject_and_epoch() {
        let (mut ring, mut rng) = ring(1);
        let key = SubjectKey::generate(&mut rng);
        let wrapped = ring.wrap(&mut rng, &[1; 16], &key).unwrap();
        assert_eq!(ring.unwrap(&[2; 16], wrapped.clone()).unwrap_err(), CryptoError::Altered);
        ring.rotate(&mut rng).unwrap();
        let elsewhere = WrappedKey { epoch: 2, ..wrapped.clone() };
        assert_eq!(ring.unwrap(&[1; 16], elsewhere.clone()).unwrap_err(), CryptoError::Altered);
        let short = WrappedKey { epoch: 1, bytes: wrapped.bytes[..20].to_vec() };
        assert!(matches!(ring.unwrap(&[1; 16], short.clone()).unwrap_err(), CryptoError::Truncated { len: 20, .. }));
    }

    #[test]
    fn blind_index_depends_on_key_column_and_value() {
        let (ring, mut rng) = ring(1);
        let index = ring.blind("phone", "13800001234");
        assert_eq!(index, ring.blind("phone", "13800001234"));
        assert_ne!(index, ring.blind("phone", "13800001235"));
        assert_ne!(index, ring.blind("fax", "13800001234"));
        assert_ne!(ring.blind("ab", "c"), ring.blind("a", "bc"));
        assert_ne!(index, KeyRing::generate(&mut rng).blind("phone", "13800001234"));
    }

    proptest! {
        #[test]
        fn wrap_round_trip(seed: u64, subject: [u8; 16], at: prop::sample::Index, change in 1..=255u8) {
            let (ring, mut rng) = ring(seed);
            let key = SubjectKey::generate(&mut rng);
            let mut wrapped = ring.wrap(&mut rng, &subject, &key).unwrap();
            let unwrapped = ring.unwrap(&subject, wrapped.clone()).unwrap();
            prop_assert_eq!(unwrapped.bytes(), key.bytes());
            let at = at.index(wrapped.bytes.len());
            wrapped.bytes[at] ^= change;
            prop_assert!(ring.unwrap(&subject, wrapped.clone()).is_err());
        }

        #[test]
        fn arbitrary_files_never_panic(text: String) {
            prop_assert!(KeyRing::from_text(&text).is_err());
        }

        #[test]
        fn any_changed_character_of_a_file_is_found(at: prop::sample::Index, new in "[0-9a-z ]") {
            let text = ring(1).0.to_text();
            let at = at.index(text.len() - 1);
            if &text[at..=at] != new.as_str() {
                let changed = format!("{}{new}{}", &text[..at], &text[at + 1..]);
                // A space at the end of a line is no change.
                if let Ok(read) = KeyRing::from_text(&changed) {
                    prop_assert_eq!(read.to_text(), text);
                }
            }
        }
    }
}
