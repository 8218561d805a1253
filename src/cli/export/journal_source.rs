//! A data directory as the source of an export: entries from its journal, hash tiles computed from its entries.
//!
//! The server has the tiles in its index; here there is none, or another process has it. One pass over the entries
//! gives the root of every full bundle, and from these and one bundle any tile can be made.

use std::sync::OnceLock;

use crate::{
    ledger::{
        hash::{LeafHash, NodeHash},
        position::{EntryIndex, length},
        tile::{TILE_WIDTH, TileId, decode_entry_bundle, encode_tile, perfect_root},
    },
    pack::{Block, PackSource, SourceError},
    store::journal::{JournalError, JournalReader},
};

/// A journal, as of the size it had when it was opened.
pub(in crate::cli) struct JournalSource {
    reader: JournalReader,
    /// The root of each full bundle, in order: what tile level 1 is made of.
    bundle_roots: OnceLock<Vec<NodeHash>>,
}

impl JournalSource {
    /// Takes a reader without a writer, so that its size stays.
    pub(in crate::cli) fn new(reader: JournalReader) -> Self {
        Self {
            reader,
            bundle_roots: OnceLock::new(),
        }
    }

    /// The leaf hashes from an entry on.
    fn leaves(&self, from: EntryIndex) -> impl Iterator<Item = Result<NodeHash, SourceError>> {
        let skipped = move |first: EntryIndex| from.value().saturating_sub(first.value());
        self.reader.raw_batches(from).flat_map(move |batch| {
            let hashes = batch
                .and_then(|batch| batch.decode_entries().map_err(JournalError::from))
                .map_err(SourceError::from)
                .and_then(|blocks| {
                    let mut hashes = Vec::new();
                    for block in blocks {
                        let entries = decode_entry_bundle(&block.entries, length(block.count))?;
                        let wanted = entries.into_iter().skip(length(skipped(block.first)));
                        hashes
                            .extend(wanted.map(|entry| NodeHash::from(LeafHash::of_entry(entry))));
                    }
                    Ok(hashes)
                });
            match hashes {
                Ok(hashes) => hashes.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error)],
            }
        })
    }

    fn bundle_roots(&self) -> Result<&[NodeHash], SourceError> {
        if let Some(roots) = self.bundle_roots.get() {
            return Ok(roots);
        }
        let mut roots = Vec::new();
        let mut bundle = Vec::with_capacity(length(TILE_WIDTH));
        for leaf in self.leaves(EntryIndex::default()) {
            bundle.push(leaf?);
            if bundle.len() == length(TILE_WIDTH) {
                roots.extend(perfect_root(std::mem::take(&mut bundle)));
            }
        }
        Ok(self.bundle_roots.get_or_init(|| roots))
    }

    /// The nodes of a tile.
    fn nodes(&self, id: TileId) -> Result<Vec<NodeHash>, SourceError> {
        let (first, width) = (id.span.first(), length(u64::from(id.span.width)));
        if id.level == 0 {
            return self.leaves(EntryIndex::new(first)).take(width).collect();
        }
        let mut level = self.bundle_roots()?.to_vec();
        for _ in 1..id.level {
            level = level
                .chunks_exact(length(TILE_WIDTH))
                .filter_map(|tile| perfect_root(tile.to_vec()))
                .collect();
        }
        Ok(level.into_iter().skip(length(first)).take(width).collect())
    }
}

impl PackSource for JournalSource {
    fn blocks(
        &self,
        from: EntryIndex,
    ) -> Box<dyn Iterator<Item = Result<Block, SourceError>> + Send + '_> {
        let batches = self.reader.batches(from);
        Box::new(batches.flat_map(move |batch| match batch {
            Err(error) => vec![Err(SourceError::from(error))],
            Ok(batch) => {
                let holds = |first: EntryIndex, count| first.plus(count) > from;
                let blocks = batch
                    .blocks
                    .into_iter()
                    .filter(|block| holds(block.first, block.count));
                blocks
                    .map(|block| {
                        Ok(Block {
                            first: block.first,
                            count: block.count,
                            entries: block.entries,
                            payloads: block.payloads,
                        })
                    })
                    .collect()
            }
        }))
    }

    fn tile(&self, id: TileId) -> Result<Vec<u8>, SourceError> {
        let nodes = self.nodes(id)?;
        if nodes.len() == length(u64::from(id.span.width)) {
            Ok(encode_tile(&nodes))
        } else {
            Err(format!("the journal has no hash tile {id:?}").into())
        }
    }
}
