//! Identifiers: UUID version 7, made from [`Ctx`](crate::ctx::Ctx) and never from ambient randomness.

use std::fmt;

use uuid::Uuid;

use crate::clock::Timestamp;

/// Sixteen bytes of a version 7 UUID (RFC 9562, method 3): 48 bits of milliseconds, 12 bits of the
/// microsecond within them, 16 bits counting within one operation, 46 random bits.
/// Ids made by one operation are ordered as made; ids of later microseconds sort later.
pub fn uuid_v7(now: Timestamp, counter: u16, random: u64) -> Uuid {
    let micros = u64::try_from(now.micros()).unwrap_or(0);
    let (millis, sub) = (micros / 1000, micros % 1000);
    // Spread 0..1000 over 12 bits so that the order is kept.
    let fraction = (sub * 4096 / 1000) as u128;
    let bits = ((millis as u128 & 0xFFFF_FFFF_FFFF) << 80)
        | (0x7 << 76)
        | (fraction << 64)
        | (0b10 << 62)
        | (u128::from(counter) << 46)
        | u128::from(random & 0x3FFF_FFFF_FFFF);
    Uuid::from_u128(bits)
}

/// The milliseconds inside a version 7 UUID; `None` for other versions.
pub fn millis_of_v7(id: &Uuid) -> Option<i64> {
    (id.get_version_num() == 7).then(|| (id.as_u128() >> 80) as i64)
}

/// Writes an id as hyphenated lower-case text.
pub(crate) fn write(id: &Uuid, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    fmt::Display::fmt(&id.hyphenated(), f)
}

/// Declares identifier types: a newtype per noun, so that a line's id cannot be passed for a conversation's.
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(uuid::Uuid);

        impl $name {
            /// Wraps an existing UUID.
            pub const fn from_uuid(id: uuid::Uuid) -> Self { Self(id) }
            /// The UUID itself.
            pub const fn uuid(self) -> uuid::Uuid { self.0 }
            /// The sixteen bytes, as stored.
            pub const fn as_bytes(&self) -> &[u8; 16] { self.0.as_bytes() }
            /// Reads hyphenated text.
            pub fn parse(text: &str) -> Option<Self> {
                (text.len() == 36).then(|| uuid::Uuid::try_parse(text).ok().map(Self)).flatten()
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { $crate::id::write(&self.0, f) }
        }
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { $crate::id::write(&self.0, f) }
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> { s.collect_str(self) }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(d)?;
                Self::parse(&text).ok_or_else(|| serde::de::Error::custom("expected an id such as 0192f3a4-0000-7000-8000-000000000000"))
            }
        }
        impl $crate::store::Field for $name {
            const KIND: $crate::store::Kind = $crate::store::Kind::Bytes;
            fn encode(&self) -> $crate::store::Value { $crate::store::Value::Bytes(self.0.as_bytes().as_slice().into()) }
            fn decode(value: $crate::store::Value) -> Option<Self> {
                match value { $crate::store::Value::Bytes(b) => uuid::Uuid::from_slice(&b).ok().map(Self), _ => None }
            }
        }
        #[cfg(feature = "schema")]
        string_schema!($name, "uuid", concat!("Identifier: ", stringify!($name), "."));
    )*};
}

ids! {
    /// A natural person or an enterprise as the bureau knows it.
    TaxpayerId;
    /// A member of the bureau's staff.
    OfficerId;
    /// A post (岗位): a named set of permissions.
    PostId;
    /// A post held by an officer at an authority for a time.
    GrantId;
    /// A waiting queue of people.
    LineId;
    /// A sentence ready to be sent.
    CannedReplyId;
    /// One human interaction, from entering a line to its close.
    ConversationId;
    /// What a taxpayer brought before an authority (诉求).
    AppealId;
    /// Something that waits for an officer: the id of a conversation, of an appeal, ...
    WorkId;
    /// Something put forward for approval (审批单).
    ApprovalId;
    /// One officer standing in for another in approvals.
    DelegationId;
    /// Something that built-in control found.
    AlertId;
    /// A record in the audit trail.
    AuditId;
    /// A timer or leased job.
    TimerId;
    /// Something an outside system must be told.
    DeliveryId;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_order_by_time_then_by_counter() {
        let at = |us: i64| Timestamp::from_micros(1_790_000_000_000_000 + us);
        let made =
            [uuid_v7(at(0), 0, u64::MAX), uuid_v7(at(0), 1, 0), uuid_v7(at(1), 0, 0), uuid_v7(at(999), 0, 0), uuid_v7(at(1000), 0, 0)];
        assert!(made.windows(2).all(|w| w[0] < w[1]), "{made:?}");
        assert!(made.iter().all(|u| u.get_version_num() == 7 && u.get_variant() == uuid::Variant::RFC4122));
        assert_eq!(millis_of_v7(&made[4]), Some(1_790_000_000_001));
    }
}
