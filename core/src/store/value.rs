//! The only three kinds of value a column may hold, the same on every engine.

use compact_str::CompactString;
use smallvec::SmallVec;

/// What a column holds. Booleans are integers 0 and 1, instants are microseconds, ids are bytes,
/// amounts are integer 分: nothing else is portable between the engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Signed 64-bit integer (`BIGINT`).
    Int,
    /// UTF-8 text, compared byte by byte (`TEXT`, locale C).
    Text,
    /// Bytes (`BYTEA`).
    Bytes,
}

/// Bytes of a value or a key: ids, hashes, topics and short keys stand in place, without an allocation.
pub type Bytes = SmallVec<[u8; 32]>;

/// One value of a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// Absent.
    Null,
    /// See [`Kind::Int`].
    Int(i64),
    /// See [`Kind::Text`].
    Text(CompactString),
    /// See [`Kind::Bytes`].
    Bytes(Bytes),
}

/// A row: one value per column of its table, in declared order.
pub type Row = Vec<Value>;

/// Appends an encoding whose byte order is the order of the values, so that a `BTreeMap` of bytes
/// sorts as `ORDER BY` does. Variable lengths end in 00 00; a zero byte inside becomes 00 FF.
pub(crate) fn order_key<'a>(values: impl IntoIterator<Item = &'a Value>, out: &mut Bytes) {
    for value in values {
        match value {
            Value::Null => out.push(0),
            Value::Int(i) => {
                out.push(1);
                out.extend_from_slice(&((*i as u64) ^ (1 << 63)).to_be_bytes());
            }
            Value::Text(s) => {
                out.push(2);
                escape(s.as_bytes(), out);
            }
            Value::Bytes(b) => {
                out.push(3);
                escape(b, out);
            }
        }
    }
}

fn escape(bytes: &[u8], out: &mut Bytes) {
    for run in bytes.split_inclusive(|b| *b == 0) {
        out.extend_from_slice(run);
        if run.last() == Some(&0) {
            out.push(0xFF);
        }
    }
    out.extend_from_slice(&[0, 0]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<i64>().prop_map(Value::Int),
            "[\u{0}a-c中文]{0,4}".prop_map(|s| Value::Text(s.into())),
            proptest::collection::vec(prop_oneof![Just(0u8), Just(0xFF), any::<u8>()], 0..4).prop_map(|b| Value::Bytes(b.into())),
        ]
    }

    proptest! {
        #[test]
        fn the_order_of_keys_is_the_order_of_values(a in proptest::collection::vec(value(), 1..3), b in proptest::collection::vec(value(), 1..3)) {
            let key = |v: &[Value]| { let mut k = Bytes::new(); order_key(v, &mut k); k };
            prop_assert_eq!(key(&a).cmp(&key(&b)), a.cmp(&b));
        }
    }
}
