//! A blocked Bloom filter over terms: one cache line a look, no term is ever missed.
//!
//! After Putze, Sanders and Singler, "Cache-, Hash- and Space-Efficient Bloom Filters" (2007). Terms are already
//! random, so they are only spread, not hashed again.

use super::term::Term;

const BLOCK_WORDS: usize = 8;
const BLOCK_BYTES: usize = 64;
/// Bits set for each term; nine bits of the spread term place each of them.
const BITS_SET: u32 = 7;

/// A set of terms that may say yes to a term it does not hold, about 3 times in 1,000.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bloom {
    blocks: Vec<[u64; BLOCK_WORDS]>,
}

impl Bloom {
    /// An empty filter with room for so many terms.
    pub(super) fn with_capacity(terms: usize, bits_per_term: usize) -> Self {
        let blocks = terms.saturating_mul(bits_per_term).div_ceil(512).max(1);
        Self {
            blocks: vec![[0; BLOCK_WORDS]; blocks],
        }
    }

    pub(super) fn insert(&mut self, term: Term) {
        let (block, mask) = self.place(term);
        if let Some(block) = self.blocks.get_mut(block) {
            for (word, bits) in block.iter_mut().zip(mask) {
                *word |= bits;
            }
        }
    }

    pub(super) fn may_hold(&self, term: Term) -> bool {
        let (block, mask) = self.place(term);
        self.blocks.get(block).is_none_or(|block| {
            block
                .iter()
                .zip(mask)
                .all(|(word, bits)| word & bits == bits)
        })
    }

    pub(super) fn bytes(&self) -> impl Iterator<Item = u8> {
        self.blocks
            .iter()
            .flatten()
            .flat_map(|word| word.to_le_bytes())
    }

    /// Reads a filter from its bytes; `None` unless there is a whole number of blocks, at least one.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (blocks, rest) = bytes.as_chunks::<BLOCK_BYTES>();
        let blocks: Vec<_> = blocks
            .iter()
            .map(|block| {
                let mut words = [0; BLOCK_WORDS];
                for (word, bytes) in words.iter_mut().zip(block.as_chunks::<8>().0) {
                    *word = u64::from_le_bytes(*bytes);
                }
                words
            })
            .collect();
        (rest.is_empty() && !blocks.is_empty()).then_some(Self { blocks })
    }

    /// Which block a term lies in, and the bits it sets there.
    fn place(&self, term: Term) -> (usize, [u64; BLOCK_WORDS]) {
        let spread = term.0.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let blocks = u128::try_from(self.blocks.len()).unwrap_or(1);
        let block = (u128::from(spread).wrapping_mul(blocks)) >> 64;
        let mut bits = (spread ^ (spread >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        bits ^= bits >> 32;
        let mut mask = [0; BLOCK_WORDS];
        for _ in 0..BITS_SET {
            let word = usize::try_from((bits >> 6) & 7).unwrap_or(0);
            if let Some(word) = mask.get_mut(word) {
                *word |= 1 << (bits & 63);
            }
            bits >>= 9;
        }
        (usize::try_from(block).unwrap_or(0), mask)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, clippy::as_conversions)]

    use super::*;

    fn terms(from: u64, to: u64) -> impl Iterator<Item = Term> {
        (from..to).map(|n| {
            let hash = blake3::hash(&n.to_le_bytes());
            Term(u64::from_le_bytes(*hash.as_bytes().first_chunk().unwrap()) >> 16)
        })
    }

    #[test]
    fn no_term_is_missed_and_few_others_are_named() {
        let mut bloom = Bloom::with_capacity(10_000, 14);
        terms(0, 10_000).for_each(|term| bloom.insert(term));
        let bloom = Bloom::from_bytes(&bloom.bytes().collect::<Vec<_>>()).unwrap();
        assert!(terms(0, 10_000).all(|term| bloom.may_hold(term)));
        let wrong = terms(10_000, 110_000)
            .filter(|term| bloom.may_hold(*term))
            .count();
        assert!(wrong < 700, "{wrong} of 100,000");
    }

    #[test]
    fn bytes_that_are_no_whole_blocks_are_refused() {
        assert_eq!(Bloom::from_bytes(&[]), None);
        assert_eq!(Bloom::from_bytes(&[0; 65]), None);
    }
}
