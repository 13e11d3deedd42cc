//! Tokens, keys, what is sealed, signatures, passwords.

use std::sync::OnceLock;

use rand_core::SeedableRng;
use zhengna_core::crypto::{
    self, BackupKey, CryptoError, Custodian, KeyRing, PASSWORD_MAX_CHARS, PASSWORD_MIN_CHARS, PasswordProblem, Place, Rng,
    SEAL_OVERHEAD_BYTES, SubjectKey, Suite, Token, WrappedKey,
};

use super::{Bytes, lossy};
use crate::secrecy::repeats_nothing;

pub(super) fn token(data: &[u8]) {
    let given = lossy(data);
    match Token::parse(&given) {
        Ok(token) => {
            assert_eq!(*token.text(), given, "a token has one spelling");
            assert_eq!(Token::parse(&token.text()).map(|t| t.digest()).ok(), Some(token.digest()));
            assert_eq!(format!("{token:?}"), "Token(..)");
        }
        Err(e) => {
            assert_eq!(e, CryptoError::NotAToken);
            repeats_nothing(&e.to_string(), &given, "");
        }
    }
}

pub(super) const KEY_FILE_WORDS: &[&str] =
    &["zhengna-keys 1\n", "suite ", "current ", "epoch ", "index ", "audit ", "check ", "\n", "#", " ", "1000001"];

/// Input: a key file, whole or not. A last line `check ok` is replaced by the right one, so that mutations get past it.
pub(super) fn key_file(data: &[u8]) {
    let given = lossy(data);
    let given = match given.strip_suffix("check ok\n") {
        Some(body) => format!("{body}check {}\n", crypto::hex(&crypto::sm3(&[body.as_bytes()])[..8])),
        None => given.into_owned(),
    };
    match KeyRing::from_text(&given) {
        Ok(ring) => {
            let text = ring.to_text();
            let again = KeyRing::from_text(&text).expect("what is written is read back");
            assert_eq!(*again.to_text(), *text);
            assert!(ring.epochs().contains(&ring.current_epoch()), "the current epoch is there");
            assert_eq!(ring.public_audit_key().len(), 65);
            assert_eq!(ring.blind("c", "v"), again.blind("c", "v"));
            let shown = format!("{ring:?}");
            repeats_nothing(&shown, &given, "1000000");
            // Every key of the text was in the file: nothing was made up, and nothing dropped.
            for line in text.lines().filter(|l| !l.starts_with("check")) {
                let key = line.rsplit(' ').next().unwrap_or_default();
                assert!(given.to_ascii_lowercase().contains(key), "a key that the file does not have");
            }
            let said = given.lines().rev().find_map(|l| l.trim_end().strip_prefix("check ")).unwrap_or_default();
            let written = text.lines().next_back().and_then(|l| l.strip_prefix("check ")).unwrap_or_default();
            assert!(said.eq_ignore_ascii_case(written), "a slip of copying is found");
        }
        Err(e) => {
            assert!(e.line <= given.lines().count(), "{e}");
            let said = e.to_string();
            assert!(said.len() < 200, "{said}");
            repeats_nothing(&said, &given, "");
        }
    }
}

/// What a sealed value is changed by on its way.
fn damage(bytes: &mut Bytes<'_>, value: &mut Vec<u8>) {
    let at = usize::from(bytes.u8()) | usize::from(bytes.u8()) << 8;
    match bytes.u8() % 4 {
        0 => {}
        1 => {
            let with = bytes.u8();
            if let Some(byte) = value.get_mut(at) {
                *byte ^= with;
            }
        }
        2 => value.truncate(at),
        _ => value.extend_from_slice(bytes.take(at % 32)),
    }
}

fn failure(e: CryptoError, value: &[u8]) {
    match e {
        CryptoError::Truncated { len, least } => assert!(len == value.len() && len < least && least == SEAL_OVERHEAD_BYTES),
        CryptoError::UnknownSuite(byte) => assert!(value.first() == Some(&byte) && byte != 1 && byte != 2),
        CryptoError::Altered => {}
        other => panic!("no such error of opening: {other}"),
    }
}

/// A key of our own, and a value by turns: arbitrary bytes, and a sealed value that is damaged or stands in another place.
pub(super) fn sealed(data: &[u8]) {
    let mut rng = Rng::seed_from_u64(1);
    let key = SubjectKey::generate(&mut rng);
    let home = Place { table: "message", column: "text", row: b"row 1" };
    if let Err(e) = key.open(home, data) {
        failure(e, data);
    } else {
        panic!("bytes that nobody sealed were opened");
    }
    let mut bytes = Bytes(data);
    let suite = if bytes.u8().is_multiple_of(2) { Suite::Sm4GcmSm3 } else { Suite::Aes256GcmSha256 };
    let (table, column, row) = (lossy(take(&mut bytes)).into_owned(), lossy(take(&mut bytes)).into_owned(), take(&mut bytes).to_vec());
    let place = Place { table: &table, column: &column, row: &row };
    let elsewhere = match bytes.u8() % 5 {
        0 => None,
        // The same letters with the border elsewhere, and each part changed.
        1 => Some((format!("{table}{column}"), String::new(), row.clone())),
        2 => Some((format!("{table}x"), column.clone(), row.clone())),
        3 => Some((table.clone(), format!("{column}x"), row.clone())),
        _ => Some((table.clone(), column.clone(), [row.as_slice(), b"x"].concat())),
    };
    let plaintext = bytes.take(64);
    let mut value = key.seal(suite, &mut rng, place, plaintext);
    assert_eq!(value.len(), plaintext.len() + SEAL_OVERHEAD_BYTES);
    let before = value.clone();
    damage(&mut bytes, &mut value);
    let read_at = elsewhere.as_ref().map_or(place, |(table, column, row)| Place { table, column, row });
    match key.open(read_at, &value) {
        Ok(opened) => {
            assert_eq!(value, before, "an altered value was opened");
            assert_eq!(read_at, place, "a value was opened in another place");
            assert_eq!(*opened, plaintext);
        }
        Err(e) => {
            assert!(value != before || read_at != place, "a whole value was not opened");
            failure(e, &value);
        }
    }
}

fn take<'a>(bytes: &mut Bytes<'a>) -> &'a [u8] {
    let length = usize::from(bytes.u8() % 16);
    bytes.take(length)
}

fn ring() -> &'static KeyRing {
    static RING: OnceLock<KeyRing> = OnceLock::new();
    RING.get_or_init(|| {
        let mut rng = Rng::seed_from_u64(2);
        let mut ring = KeyRing::generate(&mut rng);
        ring.rotate(&mut rng).expect("epochs are left");
        ring
    })
}

pub(super) fn wrapped_key(data: &[u8]) {
    let mut rng = Rng::seed_from_u64(3);
    let mut bytes = Bytes(data);
    let mut subject = [0; 16];
    subject.fill_with(|| bytes.u8());
    let key = SubjectKey::generate(&mut rng);
    let whole = ring().wrap(&mut rng, &subject, &key).expect("keys of a file are always there");
    let mut other_subject = subject;
    other_subject[usize::from(bytes.u8() % 16)] ^= bytes.u8() % 4;
    let epoch = match bytes.u8() % 4 {
        0 => u32::try_from(bytes.i64()).unwrap_or(u32::MAX),
        1 => 1,
        _ => whole.epoch,
    };
    let mut wrapped = WrappedKey { epoch, bytes: whole.bytes.clone() };
    damage(&mut bytes, &mut wrapped.bytes);
    match ring().unwrap(&other_subject, wrapped.clone()) {
        Ok(opened) => {
            assert_eq!((wrapped.epoch, &wrapped.bytes, other_subject), (whole.epoch, &whole.bytes, subject), "opened for another");
            let place = Place { table: "t", column: "c", row: b"" };
            let value = key.seal(ring().suite(), &mut rng, place, b"same key");
            assert_eq!(opened.open(place, &value).as_deref().map(Vec::as_slice), Ok(b"same key".as_slice()));
        }
        Err(CryptoError::UnknownEpoch(e)) => assert!(e == wrapped.epoch && !ring().epochs().contains(&e)),
        Err(e) => {
            assert!(wrapped != whole || other_subject != subject, "a whole key was not opened");
            failure(e, &wrapped.bytes);
        }
    }
    let raw = WrappedKey { epoch: whole.epoch, bytes: data.to_vec() };
    assert!(ring().unwrap(&subject, raw).is_err(), "bytes that nobody wrapped were opened");
}

/// Signatures and public keys from outside are `true` or `false`, never an error.
pub(super) fn signature(data: &[u8]) {
    let mut bytes = Bytes(data);
    let message = take(&mut bytes);
    let mut signature = ring().sign(message);
    let mut public = ring().public_audit_key();
    assert!(crypto::verify(&public, message, &signature));
    damage(&mut bytes, &mut signature);
    let signature_changed = signature != ring().sign(message);
    damage(&mut bytes, &mut public);
    let public_changed = public != ring().public_audit_key();
    let good = crypto::verify(&public, message, &signature);
    assert!(!(good && (signature_changed || public_changed)), "a changed signature or key was accepted");
    assert!(!crypto::verify(&ring().public_audit_key(), message, data) && !crypto::verify(data, message, &signature));
}

/// Two custodians, the head of a backup of theirs, and its first chunk.
fn custody() -> &'static ([Custodian; 2], String, BackupKey) {
    static CUSTODY: OnceLock<([Custodian; 2], String, BackupKey)> = OnceLock::new();
    CUSTODY.get_or_init(|| {
        let mut rng = Rng::seed_from_u64(5);
        let two = [Custodian::generate(&mut rng), Custodian::generate(&mut rng)];
        let public: Vec<Vec<u8>> = two.iter().map(|c| c.public_key().to_vec()).collect();
        let (key, head) = BackupKey::seal_for(&mut rng, &public).expect("two custodians");
        (two, head, key)
    })
}

pub(super) const CUSTODY_WORDS: &[&str] = &["zhengna-custodian 1\n", "public ", "secret ", "half ", "\n", "0400"];

/// First byte: a custodian's file, the head of a backup, or a chunk of one. None that nobody wrote is taken.
pub(super) fn custodian(data: &[u8]) {
    let mut bytes = Bytes(data);
    let (two, head, key) = custody();
    match bytes.u8() % 3 {
        0 => {
            let given = lossy(bytes.0);
            match Custodian::from_text(&given) {
                Ok(read) => {
                    assert_eq!(Custodian::from_text(&read.to_text()).expect("what is written is read back").public_key(), read.public_key())
                }
                Err(e) => repeats_nothing(&e.to_string(), &given, ""),
            }
        }
        1 => {
            let given = lossy(bytes.0);
            assert!(given == *head || BackupKey::open(&given, [&two[0], &two[1]]).is_err() || given.trim_end() == head.trim_end());
        }
        _ => assert!(key.open_chunk(0, true, bytes.0).is_err(), "nobody sealed it"),
    }
}

pub(super) const PASSWORD_HASH_WORDS: &[&str] =
    &["$argon2id$", "$argon2i$", "v=19", "v=16", "m=19456", "m=4294967295", "t=2", "t=1", "p=1", "p=255", "$"];

/// A stored hash that somebody damaged or planted is never right for a password it was not made from.
pub(super) fn password_hash(data: &[u8]) {
    let stored = lossy(data);
    // The kept hash is of `Changchun-2026`.
    assert!(!crypto::verify_password("changchun-2026", &stored));
}

pub(super) fn password_rules(data: &[u8]) {
    let given = lossy(data);
    let (password, name) = given.split_once('\n').unwrap_or((&given, ""));
    let chars = password.chars().count();
    let said = crypto::password_rules(password, &[name]);
    match said {
        Ok(()) => {
            assert!((PASSWORD_MIN_CHARS..=PASSWORD_MAX_CHARS).contains(&chars));
            assert!(name.chars().count() < 2 || !password.contains(name), "the name is in it");
        }
        Err(PasswordProblem::TooShort { chars: n }) => assert!(n == chars && n < PASSWORD_MIN_CHARS),
        Err(PasswordProblem::TooLong { chars: n }) => assert!(n == chars && n > PASSWORD_MAX_CHARS),
        Err(PasswordProblem::TooFewClasses { classes }) => assert!(classes < 3),
        Err(PasswordProblem::Common) => {
            assert_eq!(crypto::password_rules(&format!("{password}-x"), &[]), Ok(()), "nothing else is wrong with it");
        }
        Err(_) => assert!(name.chars().count() > 1),
    }
    if let Err(e) = said {
        repeats_nothing(&e.to_string(), password, "");
    }
}
