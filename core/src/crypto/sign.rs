//! SM2 signatures with SM3 (GB/T 32918.2-2016), for checkpoints of the audit chain.
//!
//! A signature is `r | s`, 64 bytes; a public key is the uncompressed point `04 | x | y`, 65 bytes. The signer's
//! identity in the hash is the usual default `1234567812345678` (GM/T 0009-2012, 10), so that other tools
//! (OpenSSL, signature servers) check the same signature without being told anything.

use sm2::dsa::signature::{Signer, Verifier};
use sm2::dsa::{Signature, SigningKey, VerifyingKey};

/// Default identity of a signer: GM/T 0009-2012, 10.
const SIGNER_IDENTITY: &str = "1234567812345678";

/// Whether the 32 bytes are an SM2 private key: a number from 1 to n - 1.
pub(super) fn is_private_key(scalar: &[u8; 32]) -> bool {
    SigningKey::from_slice(SIGNER_IDENTITY, scalar).is_ok()
}

/// The public key of a private key, 65 bytes; `None` when [`is_private_key`] is false.
pub(super) fn public_key(scalar: &[u8; 32]) -> Option<Vec<u8>> {
    let key = SigningKey::from_slice(SIGNER_IDENTITY, scalar).ok()?;
    Some(key.verifying_key().to_sec1_bytes().into_vec())
}

/// Signs; the random number in it is derived from key and message (RFC 6979), so that the same message always has the same
/// signature and no bad source of randomness can give the key away. `None` when [`is_private_key`] is false.
pub(super) fn sign(scalar: &[u8; 32], message: &[u8]) -> Option<Vec<u8>> {
    let key = SigningKey::from_slice(SIGNER_IDENTITY, scalar).ok()?;
    let signature: Signature = key.try_sign(message).ok()?;
    Some(signature.to_bytes().to_vec())
}

/// Whether the bytes are a public key that [`verify`] takes.
pub(crate) fn is_public_key(bytes: &[u8]) -> bool {
    VerifyingKey::from_sec1_bytes(SIGNER_IDENTITY, bytes).is_ok()
}

/// Whether `signature` (64 bytes `r | s`) was made over `message` by the owner of `public_key` (SEC1, 65 bytes
/// uncompressed or 33 compressed). Anything malformed is `false`, never an error.
///
/// Source: GB/T 32918.2-2016, 7.
#[must_use]
pub fn verify(public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let Ok(key) = VerifyingKey::from_sec1_bytes(SIGNER_IDENTITY, public_key) else {
        return false;
    };
    let Ok(signature) = Signature::from_slice(signature) else {
        return false;
    };
    key.verify(message, &signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{KeyRing, Rng, unhex};
    use proptest::prelude::*;
    use rand_core::SeedableRng;

    #[test]
    fn signature_of_the_standard_example() {
        // GM/T 0003.5-2012 annex A: recommended curve, message "message digest", default identity.
        let private = unhex("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8").unwrap();
        let public = unhex(concat!(
            "04",
            "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020",
            "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
        ))
        .unwrap();
        let signature = unhex(concat!(
            "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3",
            "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
        ))
        .unwrap();
        let private: [u8; 32] = private.try_into().unwrap();
        assert_eq!(public_key(&private).unwrap(), public);
        assert!(verify(&public, b"message digest", &signature));
        assert!(!verify(&public, b"message digesT", &signature));
    }

    #[test]
    fn numbers_outside_the_group_are_no_keys() {
        assert!(!is_private_key(&[0; 32]));
        assert!(!is_private_key(&[0xff; 32]));
        assert_eq!(sign(&[0; 32], b"x"), None);
        assert_eq!(public_key(&[0xff; 32]), None);
    }

    #[test]
    fn malformed_input_is_false() {
        let ring = KeyRing::generate(&mut Rng::seed_from_u64(1));
        let public = ring.public_audit_key();
        let signature = ring.sign(b"m");
        for key in [&[][..], &public[..64], &[4; 65], &[0; 65], &[0]] {
            assert!(!verify(key, b"m", &signature));
        }
        for signature in [&[][..], &signature[..63], &[0; 64], &[0xff; 64], &[1; 65]] {
            assert!(!verify(&public, b"m", signature));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn sign_and_tamper(seed: u64, message: Vec<u8>, at: prop::sample::Index, change in 1..=255u8) {
            let ring = KeyRing::generate(&mut Rng::seed_from_u64(seed));
            let public = ring.public_audit_key();
            let signature = ring.sign(&message);
            prop_assert_eq!(&signature, &ring.sign(&message));
            prop_assert!(verify(&public, &message, &signature));
            let mut changed = signature.clone();
            changed[at.index(64)] ^= change;
            prop_assert!(!verify(&public, &message, &changed));
            let mut other = message.clone();
            other.push(change);
            prop_assert!(!verify(&public, &other, &signature));
            let stranger = KeyRing::generate(&mut Rng::seed_from_u64(seed ^ 1));
            prop_assert!(!verify(&stranger.public_audit_key(), &message, &signature));
        }
    }
}
