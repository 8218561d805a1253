//! Where an export reads the ledger from: its entries and payloads in order, and its hash tiles.
//!
//! A source is the ledger as of one checkpoint: what is appended meanwhile is none of the export's business.

use crate::ledger::{position::EntryIndex, tile::TileId};

/// Why a source could not give what was asked of it.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// Consecutive entries with their payloads, all of one entry bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Index of the first entry.
    pub first: EntryIndex,
    /// How many entries it has.
    pub count: u64,
    /// The entries as in an entry bundle: each behind its length in 16 bits, big-endian.
    pub entries: Vec<u8>,
    /// The payloads as in a payload bundle, one for each entry.
    pub payloads: Vec<u8>,
}

/// What an export is made from.
pub trait PackSource: Sync {
    /// The blocks in order, beginning with the one that holds this index. They may go on after the last entry that is
    /// asked for; the rest is left unread.
    fn blocks(
        &self,
        from: EntryIndex,
    ) -> Box<dyn Iterator<Item = Result<Block, SourceError>> + Send + '_>;

    /// A hash tile of the tree that the export's checkpoint signs. Only asked for when the export is partial: the
    /// tiles of a full one are recomputed from its entries.
    ///
    /// # Errors
    /// When it can't be had.
    fn tile(&self, id: TileId) -> Result<Vec<u8>, SourceError>;
}
