//! What identity providers say.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zhengna_core::access::{IdentityProvider as _, PortalTickets, ProviderError};
use zhengna_core::crypto::hex;
use zhengna_server::provider::tax_bureau::read;
use zhengna_tests::world::{keys, start};

use super::{Bytes, lossy};
use crate::secrecy::repeats_nothing;

/// Pieces of tickets.
pub(super) const TICKET_WORDS: &[&str] = &[
    "zt1.",
    ".",
    "{\"iss\":\"portal\",\"aud\":\"us\",\"sub\":\"a\",\"iat\":1795395600,\"exp\":1795395720,\"jti\":\"1\"}",
    "\"nbf\":",
    "\"person\":{\"name\":\"张三\",\"number_kind\":\"resident_id\",\"number\":\"11010519491231002X\",\"level\":\"face\",\"verified_at\":1795395600}",
    "9223372036854775807",
    "-1",
    "null",
];

/// Pieces of answers.
pub(super) const BUREAU_WORDS: &[&str] = &[
    "{\"yhid\":\"1\",\"xm\":\"张三\",\"sfzjlx_dm\":\"201\",\"sfzjhm\":\"11010519491231002X\",\"rzjb\":\"4\",\"rzsj\":\"2026-11-23 09:00:00\"}",
    "\"glgx\":[{\"nsrsbh\":\"91350100M000100Y43\",\"glsf_dm\":\"01\",\"glqssj\":\"2024-01-01\",\"glzzsj\":null,\"jcbz\":\"N\"}]",
    "\"zgswj_dm\":\"12200000000\"",
    "2024-02-30",
    " 25:00:00",
];

/// First byte: whether the rest is a ticket as it comes, or a payload that the portal signs.
pub(super) fn portal_ticket(data: &[u8]) {
    let portal = PortalTickets::new("portal", "us", &hex(&keys().public_audit_key())).expect("a key of ours");
    let mut bytes = Bytes(data);
    let signed = bytes.u8().is_multiple_of(2);
    let ticket = if signed {
        let payload = format!("zt1.{}", URL_SAFE_NO_PAD.encode(bytes.0));
        format!("{payload}.{}", URL_SAFE_NO_PAD.encode(keys().sign(payload.as_bytes())))
    } else {
        lossy(bytes.0).into_owned()
    };
    match portal.exchange(&ticket, start()) {
        Ok(said) => {
            assert!(signed, "a ticket that nobody signed was taken");
            let once = said.once.expect("a ticket is good once");
            assert!(once.expires_at > start() && !once.id.is_empty() && !said.account.user_id.is_empty());
        }
        Err(e) => assert_eq!(e, ProviderError::Spent),
    }
}

/// An answer of the e-tax bureau's identity service.
pub(super) fn tax_bureau(data: &[u8]) {
    let Ok(answer) = serde_json::from_slice(data) else { return };
    match read("us", &answer) {
        Ok(said) => assert!(said.person.is_some() && said.once.is_none()),
        Err(ProviderError::Misconfigured(why)) => repeats_nothing(&why, &lossy(data), ""),
        Err(other) => panic!("{other:?}"),
    }
}
