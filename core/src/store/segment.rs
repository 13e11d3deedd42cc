//! Segments: opaque stretches of bytes in the order of their number, for bitmaps, packed samples and postings
//! that are kept in memory and only need to survive.

use super::{Reads, StoreResult, Tx, Writes, stretch};
use crate::access::Engine;

record! {
    /// One segment.
    pub struct Segment in "segment" {
        /// What the bytes are, such as `search.postings`.
        kind: String,
        /// Which one of its kind.
        key: Vec<u8>,
        /// Rises within the key.
        seq: i64,
        /// The bytes.
        bytes: Vec<u8>,
    }
    key(kind, key, seq);
}

/// Appends a segment.
pub fn put(tx: &mut dyn Tx, kind: &str, key: &[u8], seq: i64, bytes: Vec<u8>) -> StoreResult<()> {
    tx.add(&Segment { kind: kind.to_owned(), key: key.to_vec(), seq, bytes })
}

/// The segments of a key behind `after`, in order.
pub fn scan(tx: &mut dyn super::ReadTx, kind: &str, key: &[u8], after: i64, max: u32) -> StoreResult<Vec<Segment>> {
    let range = stretch(None, (kind.to_owned(), key.to_vec())).after((after,)).limit(max);
    tx.scan(Engine::work("segments belong to projections"), range)
}
