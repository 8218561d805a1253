//! Findings: what a verification found wrong, and what it did and did not look at.
//!
//! A failed check is not an error of the program, it is its result. Each kind has a runbook of its own, so an altered
//! payload, a cut tail and a rewritten history never share one.

use std::fmt;

use serde::Serialize;

use super::position::EntryIndex;

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $title:literal;)*) => {
        /// What is wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum FindingKind {
            $($(#[$doc])* $variant,)*
        }

        impl FindingKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The kind's name in JSON and in the manual.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The kind in a few words.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }
        }
    };
}

kinds! {
    /// No checkpoint, or bytes that are not one.
    CheckpointMalformed = "checkpoint_malformed", "the checkpoint is missing or unreadable";
    /// The checkpoint is not signed by the trusted key, or the signature does not verify.
    CheckpointUntrusted = "checkpoint_untrusted", "the checkpoint is not signed by the trusted key";
    /// A cosignature that names a witness of the policy does not verify.
    CosignatureInvalid = "cosignature_invalid", "a witness's cosignature is made up or damaged";
    /// The checkpoint speaks of another ledger.
    OtherLedger = "other_ledger", "this belongs to another ledger";
    /// The checkpoint covers fewer entries than are here.
    CheckpointBehind = "checkpoint_behind", "the checkpoint covers fewer entries than are here";
    /// Entries and signed root disagree.
    RootMismatch = "root_mismatch", "the entries do not have the signed root";
    /// Bytes that should be an entry are not one.
    EntryMalformed = "entry_malformed", "an entry is unreadable";
    /// An entry is not the one in the signed tree.
    EntryAltered = "entry_altered", "an entry was changed";
    /// Entries that the checkpoint covers are not there.
    MissingEntries = "missing_entries", "entries are missing";
    /// An entry stands there that its neighbours leave no room for.
    EntryInserted = "entry_inserted", "an entry was put in";
    /// One entry stands there twice.
    EntryRepeated = "entry_repeated", "an entry is repeated";
    /// Entries stand in another order than their indexes.
    EntriesReordered = "entries_reordered", "entries stand in the wrong order";
    /// An entry does not carry the chain hash of the one before.
    ChainBroken = "chain_broken", "the chain of entries is broken";
    /// An entry was recorded before the one before it.
    ClockBackwards = "clock_backwards", "the ledger's clock went backwards";
    /// An entry says that it was recorded after a time stamp that covers it was made.
    ClockImplausible = "clock_implausible", "the ledger's clock ran ahead of a time stamp";
    /// A payload is not the one its entry commits to.
    PayloadAltered = "payload_altered", "a payload was changed";
    /// Bytes that should be a payload are not one.
    PayloadMalformed = "payload_malformed", "a payload is unreadable";
    /// A payload that should be there is not.
    PayloadMissing = "payload_missing", "a payload is missing";
    /// A hash tile is not the one of the signed tree.
    TileAltered = "tile_altered", "a hash tile was changed";
    /// A hash tile that is needed is not there.
    TileMissing = "tile_missing", "a hash tile is missing";
    /// Two entries have one (source, event_id).
    DuplicateEvent = "duplicate_event", "one event was recorded twice";
    /// What the manifest says is not so.
    ManifestMismatch = "manifest_mismatch", "the manifest does not describe this pack";
    /// A file that is derived from the entries says something else.
    DerivedMismatch = "derived_mismatch", "a derived file differs from the entries";
    /// The zip is damaged, or is not in the one form that a pack's zip has.
    ContainerDamaged = "container_damaged", "the zip file is damaged, or another program packed it";
    /// A file of the pack that has no business there.
    UnexpectedFile = "unexpected_file", "a file does not belong here";
    /// A program or page that the pack carries is not the one that the version which wrote the pack carries.
    CarriedAltered = "carried_altered", "a program that the pack carries was changed";
    /// Bytes that should be a time stamp are not one.
    TimestampMalformed = "timestamp_malformed", "a time stamp is unreadable";
    /// A time stamp is of something else than the checkpoint beside it, or that is not of this history.
    TimestampMismatch = "timestamp_mismatch", "a time stamp is of something else";
    /// A time stamp is not as its authority signed it.
    TimestampAltered = "timestamp_altered", "a time stamp was changed";
    /// No trusted authority vouches for a time stamp at the time it states.
    TimestampUntrusted = "timestamp_untrusted", "a time stamp is not of a trusted authority";
    /// A segment of the journal is damaged.
    JournalDamaged = "journal_damaged", "the journal is damaged";
    /// The journal ends within a batch, and holds less than was published.
    JournalTorn = "journal_torn", "the journal ends within a batch";
    /// A receipt's proof does not hold.
    ReceiptInvalid = "receipt_invalid", "the receipt proves nothing";
    /// A receipt or trusted checkpoint is of a history that this is not a continuation of.
    Forked = "forked", "history was rewritten";
    /// A receipt or trusted checkpoint knows more entries than there are.
    RolledBack = "rolled_back", "history was cut short";
    /// The ledger is signed by another key than the one that was remembered for its name.
    KeyChanged = "key_changed", "the ledger's key is another one";
    /// The history of the ledger's keys can't be read, or a statement in it does not hold.
    KeyHistoryInvalid = "key_history_invalid", "the history of the ledger's keys does not hold";
    /// The history of the ledger's keys and the entries that record it differ.
    KeyHistoryIncomplete = "key_history_incomplete", "a change of the ledger's keys was left out or put in";
    /// A key of the ledger signed a tree that it was not to sign.
    KeyOutOfRange = "key_out_of_range", "a key signed outside of its time";
    /// All that vouches for this is a key that somebody else may have.
    KeyCompromised = "key_compromised", "this rests on a key that somebody else may have";
    /// The ledger begins with another entry than the one that was remembered for its name.
    Recreated = "recreated", "the ledger was begun anew";
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What is wrong.
    pub kind: FindingKind,
    /// The first entry concerned, where that can be told.
    pub index: Option<EntryIndex>,
    /// The file and place in it, where that helps.
    pub place: Option<String>,
    /// What should be there.
    pub expected: String,
    /// What is there.
    pub found: String,
}

impl Finding {
    /// A finding about an entry.
    pub fn at(
        kind: FindingKind,
        index: EntryIndex,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) -> Self {
        Self {
            index: Some(index),
            ..Self::new(kind, expected, found)
        }
    }

    /// A finding that no single entry can be named for.
    pub fn new(kind: FindingKind, expected: impl fmt::Display, found: impl fmt::Display) -> Self {
        Self {
            kind,
            index: None,
            place: None,
            expected: expected.to_string(),
            found: found.to_string(),
        }
    }

    /// Says in which file, and where in it.
    #[must_use]
    pub fn in_place(mut self, place: impl fmt::Display) -> Self {
        self.place = Some(place.to_string());
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        if let Some(index) = self.index {
            write!(f, " at entry {index}")?;
        }
        if let Some(place) = &self.place {
            write!(f, " in {place}")?;
        }
        write!(
            f,
            ": {}; expected {}, found {}",
            self.kind.title(),
            self.expected,
            self.found
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_has_one_name_everywhere_and_no_two_share_it() {
        let mut names = Vec::new();
        for kind in FindingKind::ALL {
            let json = serde_json::to_value(kind).unwrap();
            assert_eq!(json, kind.name());
            assert_eq!(kind.to_string(), kind.name());
            assert!(!kind.title().is_empty());
            names.push(kind.name());
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FindingKind::ALL.len());
    }

    #[test]
    fn a_finding_says_what_where_and_what_should_be_there() {
        let finding = Finding::at(FindingKind::ChainBroken, EntryIndex::new(7), "a", "b");
        assert_eq!(
            finding.in_place("tile/entries/000").to_string(),
            "chain_broken at entry 7 in tile/entries/000: the chain of entries is broken; expected a, found b"
        );
    }
}
