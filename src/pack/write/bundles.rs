//! The blocks of a source, put together to whole bundles.

use std::iter::Peekable;

use super::PackError;
use crate::{
    ledger::{position::EntryIndex, tile::Span},
    pack::source::{Block, SourceError},
};

/// One entry bundle with its payload bundle.
pub(super) struct Bundle {
    pub(super) span: Span,
    pub(super) entries: Vec<u8>,
    pub(super) payloads: Vec<u8>,
}

type Blocks<'a> = Box<dyn Iterator<Item = Result<Block, SourceError>> + Send + 'a>;

/// Gives the bundles with these spans from a source's blocks.
pub(super) struct Bundles<'a> {
    blocks: Peekable<Blocks<'a>>,
}

impl<'a> Bundles<'a> {
    pub(super) fn new(blocks: Blocks<'a>) -> Self {
        Self {
            blocks: blocks.peekable(),
        }
    }

    /// The bundle with this span, which must come after the one before.
    pub(super) fn take(&mut self, span: Span) -> Result<Bundle, PackError> {
        let (mut next, end) = (
            EntryIndex::new(span.first()),
            EntryIndex::new(span.first()).plus(u64::from(span.width)),
        );
        let mut bundle = Bundle {
            span,
            entries: Vec::new(),
            payloads: Vec::new(),
        };
        while next < end {
            let block = match self.blocks.next() {
                Some(block) => block.map_err(PackError::Source)?,
                None => return Err(ends_early(next)),
            };
            if block.first < next && block.first.plus(block.count) <= next {
                continue;
            }
            let after = next.plus(block.count);
            if block.first != next || block.count == 0 {
                return Err(PackError::Damaged(format!(
                    "the block of entry {next} begins at entry {}",
                    block.first
                )));
            }
            if after > end {
                return self.cut(bundle, &block, next, end);
            }
            next = after;
            if bundle.entries.is_empty() {
                (bundle.entries, bundle.payloads) = (block.entries, block.payloads);
            } else {
                bundle.entries.extend_from_slice(&block.entries);
                bundle.payloads.extend_from_slice(&block.payloads);
            }
        }
        Ok(bundle)
    }

    /// Takes the front of a block that goes on beyond the checkpoint's last entry.
    fn cut(
        &mut self,
        mut bundle: Bundle,
        block: &Block,
        next: EntryIndex,
        end: EntryIndex,
    ) -> Result<Bundle, PackError> {
        let (mut entries, mut payloads) = (block.entries.as_slice(), block.payloads.as_slice());
        for _ in next.value()..end.value() {
            let (entry, rest) = entries
                .split_first_chunk::<2>()
                .and_then(|(length, rest)| {
                    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
                })
                .ok_or_else(|| ends_early(next))?;
            crate::ledger::tile::push_entry(&mut bundle.entries, entry)
                .map_err(|error| PackError::Damaged(error.to_string()))?;
            entries = rest;
            let (_, rest) = crate::ledger::payload::decode_kept(payloads)
                .map_err(|error| PackError::Damaged(error.to_string()))?;
            let taken = payloads.len().saturating_sub(rest.len());
            bundle
                .payloads
                .extend_from_slice(payloads.get(..taken).unwrap_or_default());
            payloads = rest;
        }
        Ok(bundle)
    }
}

fn ends_early(next: EntryIndex) -> PackError {
    PackError::Damaged(format!("it ends before entry {next}"))
}
