//! Tampering, for tests and for showing what a verification catches: not for anything else.
//!
//! Each [`Tampering`] is what somebody with the disk in their hands would do, and do thoroughly: zip and journal are
//! written again with correct lengths and checksums, listings and manifest are made to agree. What is left is what only
//! hashes and signatures can show. Only apply it to copies.

mod directory;
mod forged;
mod pack;

use std::path::Path;

use crate::ledger::{finding::FindingKind, note::SigningKey, position::EntryIndex};

/// Why a tampering could not be done.
pub type TamperError = Box<dyn std::error::Error + Send + Sync>;

macro_rules! tamperings {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $title:literal;)*) => {
        /// What is done to a ledger.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Tampering {
            $($(#[$doc])* $variant,)*
        }

        impl Tampering {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name in listings.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What is done, in a few words.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }
        }
    };
}

tamperings! {
    /// One entry says something else; nothing else is touched.
    EntryAltered = "entry_altered", "an entry is changed";
    /// One entry says something else, and every hash after it is made anew; only the signature can't be.
    EntryRehashed = "entry_rehashed", "an entry is changed and all later hashes are made anew";
    /// One entry is taken out.
    EntryRemoved = "entry_removed", "an entry is taken out";
    /// An entry is made up and put in.
    EntryInserted = "entry_inserted", "a made-up entry is put in";
    /// Two entries change places.
    EntriesSwapped = "entries_swapped", "two entries change places";
    /// One entry stands there twice.
    EntryRepeated = "entry_repeated", "an entry is repeated";
    /// The last entries are cut off.
    TailCut = "tail_cut", "the last entries are cut off";
    /// One payload says something else.
    PayloadAltered = "payload_altered", "a payload is changed";
    /// Two payloads change places.
    PayloadsSwapped = "payloads_swapped", "two payloads change places";
    /// One payload gets another salt.
    SaltAltered = "salt_altered", "the salt of a payload is changed";
    /// A hash tile is changed; a data directory has none that count.
    TileAltered = "tile_altered", "a hash tile is changed";
    /// The checkpoint is one of another ledger.
    CheckpointOfAnother = "checkpoint_of_another", "the checkpoint of another ledger is put in";
    /// The checkpoint is signed by a key of the same name.
    CheckpointForged = "checkpoint_forged", "the checkpoint is signed by another key";
    /// The checkpoint is an older one of the same ledger; a data directory may have published less than it holds.
    CheckpointOlder = "checkpoint_older", "an older checkpoint is put in";
    /// The operator changes an entry, makes every hash after it anew, and signs again.
    HistoryRewritten = "history_rewritten", "the operator rewrites history and signs it";
    /// The operator cuts the ledger back to an earlier state, checkpoint and all.
    RolledBack = "rolled_back", "the operator cuts history short, checkpoint and all";
}

/// How a verification should find a tampering out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// The kind of finding.
    pub kind: FindingKind,
    /// The entry it should name; `None` where none can be told.
    pub index: Option<EntryIndex>,
}

impl Tampering {
    /// Whether it shows only by a checkpoint or receipt that was kept elsewhere: what is left behind is consistent and
    /// signed by the ledger's own key.
    pub const fn needs_evidence(self) -> bool {
        matches!(self, Self::HistoryRewritten | Self::RolledBack)
    }

    /// Whether there is such a thing for a data directory.
    pub const fn applies_to_directory(self) -> bool {
        !matches!(self, Self::TileAltered | Self::CheckpointOlder)
    }

    /// Tampers with a full, zipped pack, around this entry, which must not be the last one or the one before it.
    /// The ledger's key is used only where an operator does the tampering, or signed something earlier.
    ///
    /// # Errors
    /// When the pack can't be read or written, or has no such entry.
    pub fn apply_to_pack(
        self,
        pack: &Path,
        at: EntryIndex,
        key: &SigningKey,
    ) -> Result<Expected, TamperError> {
        pack::apply(self, pack, at, key)
    }

    /// Tampers with the data directory of a ledger that does not run, around this entry, which must not be the last one
    /// or the one before it.
    ///
    /// # Errors
    /// When the directory can't be read or written, or has no such entry.
    pub fn apply_to_directory(
        self,
        directory: &Path,
        at: EntryIndex,
        key: &SigningKey,
    ) -> Result<Expected, TamperError> {
        directory::apply(self, directory, at, key)
    }
}
