//! Mutations without a fuzzer: repeatable from a seed, so that an ordinary test can run them.

use rand_core::{Rng as _, SeedableRng};
use zhengna_core::crypto::Rng;

use crate::Kept;

/// Longer inputs are cut: what is slow to read finds little.
const LENGTH_MAX: usize = 4096;

/// Characters that parsers trip over.
const CHARACTERS: [char; 22] = [
    '\0',
    '\n',
    '\r',
    '\t',
    '\u{1b}',
    '\u{7f}',
    '\u{85}',
    '\u{a0}',
    '\u{ad}',
    '\u{200b}',
    '\u{200d}',
    '\u{202e}',
    '\u{2028}',
    '\u{2066}',
    '\u{3000}',
    '\u{feff}',
    '\u{ff11}',
    '\u{0130}',
    '\u{1f468}',
    '\u{10ffff}',
    '张',
    '%',
];

/// Numbers at the ends of things.
const NUMBERS: [&str; 14] = [
    "0",
    "-1",
    "-0",
    "+1",
    "1e400",
    "00",
    "255",
    "256",
    "65536",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "18446744073709551616",
];

/// A stream of inputs made from kept ones.
pub struct Mutator<'a> {
    rng: Rng,
    words: &'a [&'a str],
    kept: &'a [Kept],
}

impl<'a> Mutator<'a> {
    /// The same seed, words and inputs give the same stream.
    pub fn new(seed: u64, words: &'a [&'a str], kept: &'a [Kept]) -> Self {
        Self { rng: Rng::seed_from_u64(seed), words, kept }
    }

    fn below(&mut self, bound: usize) -> usize {
        if bound == 0 { 0 } else { (self.rng.next_u64() % bound as u64) as usize }
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        let at = self.below(from.len());
        from.get(at).copied()
    }

    /// The next input: a kept one, changed in one to eight places.
    #[expect(clippy::should_implement_trait, reason = "it has no end")]
    pub fn next(&mut self) -> Vec<u8> {
        let at = self.below(self.kept.len());
        let mut input = self.kept.get(at).map(|k| k.bytes.clone()).unwrap_or_default();
        for _ in 0..=self.below(4) + self.below(4) {
            self.change(&mut input);
        }
        input.truncate(LENGTH_MAX);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        let room = input.len() - at;
        match self.below(13) {
            0 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << (self.rng.next_u32() % 8);
                }
            }
            1 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte = self.rng.next_u32() as u8;
                }
            }
            2 => {
                let some = self.below(4) + 1;
                let new: Vec<u8> = (0..some).map(|_| self.rng.next_u32() as u8).collect();
                input.splice(at..at, new);
            }
            3 => {
                let end = at + self.below(room.min(16) + 1);
                input.drain(at..end);
            }
            4 => {
                let end = at + self.below(room.min(64) + 1);
                let again = input[at..end].to_vec();
                let to = self.below(input.len() + 1);
                input.splice(to..to, again);
            }
            5 => input.truncate(at),
            6 => {
                let mut buffer = [0; 4];
                if let Some(c) = self.pick(&CHARACTERS) {
                    input.splice(at..at, c.encode_utf8(&mut buffer).bytes());
                }
            }
            7 => self.other_number(input, at),
            8 | 9 => {
                if let Some(word) = self.pick(self.words) {
                    // In place of something, or between.
                    let end = at + if self.below(2) == 0 { 0 } else { self.below(room.min(word.len() + 2) + 1) };
                    input.splice(at..end, word.bytes());
                }
            }
            10 => {
                // The head of one input, the tail of another.
                let other = self.below(self.kept.len());
                if let Some(other) = self.kept.get(other) {
                    let from = self.below(other.bytes.len() + 1);
                    input.truncate(at);
                    input.extend_from_slice(&other.bytes[from..]);
                }
            }
            11 => {
                if let Some(byte) = input.get_mut(at).filter(|b| b.is_ascii_digit()) {
                    *byte = b'0' + (self.rng.next_u32() % 10) as u8;
                } else if let Some(byte) = input.get_mut(at) {
                    *byte = byte.wrapping_add(1);
                }
            }
            _ => {
                let to = self.below(input.len());
                if at < input.len() {
                    input.swap(at, to);
                }
            }
        }
    }

    /// Puts another number in the place of the digits at or behind `at`.
    fn other_number(&mut self, input: &mut Vec<u8>, at: usize) {
        let Some(begin) = input[at..].iter().position(u8::is_ascii_digit).map(|i| at + i) else { return };
        let end = input[begin..].iter().position(|b| !b.is_ascii_digit()).map_or(input.len(), |i| begin + i);
        if let Some(number) = self.pick(&NUMBERS) {
            input.splice(begin..end, number.bytes());
        }
    }
}
