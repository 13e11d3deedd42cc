//! The provincial portal: signs the tickets that `docs/outside-systems.md` proposes to it. Its real document is not ours yet.

use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand_core::SeedableRng as _;
use serde_json::{Value, json};
use zhengna_core::Timestamp;
use zhengna_core::crypto::{KeyRing, Rng, hex};

use crate::world::person;

/// The portal as its tickets name it.
pub const ISSUER: &str = "https://jsb.jl.gov.cn";
/// This service as they name it.
pub const AUDIENCE: &str = "zhengna";

/// A portal with a key of its own.
pub struct Portal(KeyRing, AtomicU32);

impl Portal {
    /// The portal whose key comes from `seed`.
    pub fn of(seed: u64) -> Self {
        Self(KeyRing::generate(&mut Rng::seed_from_u64(seed)), AtomicU32::new(0))
    }

    /// What checks its tickets.
    pub fn public_key(&self) -> String {
        hex(&self.0.public_audit_key())
    }

    /// [`person`] `n`, signed in there, opens our page: a ticket whose id no other has.
    pub fn visit(&self, n: usize, now: Timestamp) -> String {
        self.ticket(&claims(n, &format!("visit {}", self.1.fetch_add(1, Ordering::SeqCst)), now))
    }

    /// A ticket that says this.
    pub fn ticket(&self, claims: &Value) -> String {
        let signed = format!("zt1.{}", encoded(claims.to_string().as_bytes()));
        format!("{signed}.{}", encoded(&self.0.sign(signed.as_bytes())))
    }
}

/// Base64url without padding, as in tickets.
pub fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What a ticket says of [`person`] `n`, whose face the portal saw; good for two minutes from `now`.
pub fn claims(n: usize, id: &str, now: Timestamp) -> Value {
    let now = now.micros() / 1_000_000;
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": format!("portal-{n}"), "iat": now, "exp": now + 120, "jti": id,
        "person": { "name": person(n).name, "number_kind": "resident_id", "number": person(n).number, "level": "face", "verified_at": now }
    })
}
