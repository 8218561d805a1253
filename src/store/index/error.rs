//! Why the index could not do something, and what is to be done about it.

use std::io;

use crate::ledger::{
    entry::MalformedEntry, position::EntryIndex, position::TreeSize, tile::TileId, tree::NodeAt,
};

/// Why the index could not do something. None of it loses evidence: the index is made from the journal.
#[derive(Debug, Clone, thiserror::Error)]
pub enum IndexError {
    /// Entries were given that do not follow those the index has.
    #[error("the index has {size} entries and can't go on at entry {first}; apply from its size")]
    OutOfOrder {
        /// How many entries the index has.
        size: TreeSize,
        /// The first entry that was given.
        first: EntryIndex,
    },
    /// There is not one leaf hash for each entry.
    #[error("{entries} entries came with {leaves} leaf hashes; give one for each")]
    LeafCount {
        /// How many entries were given.
        entries: usize,
        /// How many leaf hashes.
        leaves: usize,
    },
    /// An entry does not decode, so it can't have come from the journal.
    #[error("entry {index} can't be indexed: {error}; verify the journal")]
    Entry {
        /// Where it stands.
        index: EntryIndex,
        /// What is wrong with it.
        error: MalformedEntry,
    },
    /// A tile that the tree does not have, or not that full.
    #[error("the tree of {size} entries has no {tile}")]
    NoSuchTile {
        /// The tile.
        tile: TileId,
        /// How many entries the index has.
        size: TreeSize,
    },
    /// A node that the tree does not have.
    #[error("the tree of {size} entries has no node at level {} index {}", .at.level, .at.index)]
    NoSuchNode {
        /// The node.
        at: NodeAt,
        /// How many entries the index has.
        size: TreeSize,
    },
    /// Something the index stored is missing or is not what was stored.
    #[error("the index is damaged at {0}; reset it and rebuild it from the journal")]
    Damaged(String),
    /// The disk is full, or can't be written; nothing is wrong with what is there.
    #[error("the index can't be written: {text}")]
    Disk {
        /// Which of these.
        kind: io::ErrorKind,
        /// What the system said.
        text: String,
    },
    /// The database under the index failed.
    #[error(
        "the index can't be read or written: {0}; check the disk, then reset it and rebuild it"
    )]
    Database(String),
}

impl From<sled::Error> for IndexError {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Corruption { .. } => Self::Damaged(error.to_string()),
            sled::Error::Io(error) => Self::io("the database", &error),
            other => Self::Database(other.to_string()),
        }
    }
}

impl IndexError {
    /// What the system failed at some of the index's files.
    pub(super) fn io(file: &str, error: &io::Error) -> Self {
        match error.kind() {
            kind @ (io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::ReadOnlyFilesystem) => Self::Disk {
                kind,
                text: format!("{file}: {error}"),
            },
            _ => Self::Database(format!("{file}: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_no_damage() {
        for kind in [
            io::ErrorKind::StorageFull,
            io::ErrorKind::ReadOnlyFilesystem,
        ] {
            let error = IndexError::from(sled::Error::Io(kind.into()));
            assert!(matches!(&error, IndexError::Disk { kind: found, .. } if *found == kind));
            let told = error.to_string();
            assert!(
                !told.contains("damage") && !told.contains("rebuild"),
                "{told}"
            );
        }
    }
}
