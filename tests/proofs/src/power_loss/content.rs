//! The bytes of a file, in chunks that images share until one of them writes.

use std::sync::Arc;

const CHUNK: usize = 4096;

#[derive(Clone, Default)]
pub(super) struct Content {
    chunks: Vec<Arc<[u8; CHUNK]>>,
    len: usize,
}

impl Content {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Reads at `at`; returns how many bytes there were.
    pub(super) fn read(&self, at: usize, into: &mut [u8]) -> usize {
        let there = into.len().min(self.len.saturating_sub(at));
        for (place, part) in parts(at, there) {
            into[part].copy_from_slice(&self.chunks[place.0][place.1]);
        }
        there
    }

    /// Writes at `at`; a hole before it is zeros.
    pub(super) fn write(&mut self, at: usize, bytes: &[u8]) {
        self.grow(at + bytes.len());
        for (place, part) in parts(at, bytes.len()) {
            Arc::make_mut(&mut self.chunks[place.0])[place.1].copy_from_slice(&bytes[part]);
        }
    }

    /// Cuts off what is behind `len`.
    pub(super) fn truncate(&mut self, len: usize) {
        if len < self.len {
            self.chunks.truncate(len.div_ceil(CHUNK));
            if let (rest @ 1.., Some(last)) = (len % CHUNK, self.chunks.last_mut()) {
                Arc::make_mut(last)[rest..].fill(0);
            }
            self.len = len;
        }
    }

    /// Makes it at least `len` long, with zeros.
    pub(super) fn grow(&mut self, len: usize) {
        if len > self.len {
            self.chunks.resize_with(len.div_ceil(CHUNK), || Arc::new([0; CHUNK]));
            self.len = len;
        }
    }
}

type Part = std::ops::Range<usize>;

/// Where the bytes `at..at + len` lie: a chunk and a stretch of it, beside the stretch of the whole.
fn parts(at: usize, len: usize) -> impl Iterator<Item = ((usize, Part), Part)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let (chunk, from) = ((at + done) / CHUNK, (at + done) % CHUNK);
        let now = (CHUNK - from).min(len - done);
        (now > 0).then(|| {
            let part = done..done + now;
            done += now;
            ((chunk, from..from + now), part)
        })
    })
}
